/* DNS messages and names: RFC 1035, RFC 6891, RFC 3596. */
#include "unit/support.h"

#include "wire/dns.h"

enum {
    MESSAGE_MAX = 2048,
};

/* An answer under construction. */
struct dns_answer {
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w;
};

static struct mn_dns_name name_of(const char *text)
{
    struct mn_dns_name name;
    bool complete;
    assert_true(mn_dns_name_parse(&name, text, &complete));
    return name;
}

static const char *text_of(const struct mn_dns_name *name)
{
    static char text[MN_DNS_NAME_TEXT];
    mn_dns_name_format(name, text);
    return text;
}

#define NAME_AT_QUESTION "\xc0\x0c"

/* Begins an answer to the question for www.example.org, A. */
static void begin(struct dns_answer *a, uint16_t flags, uint16_t answers, uint16_t authorities, uint16_t additional)
{
    a->w = mn_writer(a->bytes, sizeof a->bytes);
    mn_write_u16(&a->w, 0x1234);
    mn_write_u16(&a->w, flags);
    mn_write_u16(&a->w, 1);
    mn_write_u16(&a->w, answers);
    mn_write_u16(&a->w, authorities);
    mn_write_u16(&a->w, additional);
    mn_write_bytes(&a->w, "\3www\7example\3org\0\0\1\0\1", 21);
}

static void put_record(struct dns_answer *a, const char *name, size_t name_len, uint16_t type, uint16_t class,
                       uint32_t ttl, const void *data, uint16_t data_len)
{
    mn_write_bytes(&a->w, name, name_len);
    mn_write_u16(&a->w, type);
    mn_write_u16(&a->w, class);
    mn_write_u32(&a->w, ttl);
    mn_write_u16(&a->w, data_len);
    mn_write_bytes(&a->w, data, data_len);
}

#define RECORD(a, name, type, ttl, data) put_record(a, name, sizeof(name) - 1, type, 1, ttl, data, sizeof(data) - 1)

/* Parses bytes that end where the allocated memory ends. The message points into them. */
static enum mn_parse parse_bytes(const uint8_t *bytes, size_t len, struct mn_dns_message *message)
{
    static uint8_t *exact;
    free(exact);
    exact = malloc(len + 1);
    memmove(exact + 1, bytes, len);
    return mn_dns_parse(exact + 1, len, message);
}

static enum mn_parse parse(const struct dns_answer *a, struct mn_dns_message *message)
{
    assert_true(a->w.ok);
    return parse_bytes(a->bytes, sizeof a->bytes - a->w.left, message);
}

/* DNS1035-4.1.1-1, DNS1123-6.1.2.2-1, DNS1123-6.1.2.3-1: the bytes of a query, by hand from the
 * RFC. */
static void query_has_the_rfcs_bytes(void **state)
{
    (void)state;
    static const uint8_t expected[] = "\xab\xcd\x01\0\0\1\0\0\0\0\0\0\3Www\7example\3org\0\0\x1c\0\1";
    uint8_t bytes[MN_DNS_QUERY_MAX];
    struct mn_dns_name name = name_of("Www.example.org");
    struct mn_dns_query query = {.id = 0xabcd, .type = MN_DNS_AAAA, .name = &name};
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_dns_write_query(&w, &query);
    assert_int_equal(sizeof bytes - w.left, sizeof expected - 1);
    assert_memory_equal(bytes, expected, sizeof expected - 1);
}

/* EDNS-6.1.1-1, EDNS-6.1.2-1, EDNS-6.1.4-1, EDNS-6.2.3-2 */
static void query_with_edns_ends_with_one_opt(void **state)
{
    (void)state;
    static const uint8_t opt[] = "\0\0\x29\x04\xd0\0\0\0\0\0\0";
    uint8_t bytes[MN_DNS_QUERY_MAX];
    char longest[MN_DNS_NAME];
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = i % 2 ? '.' : 'a';
    longest[253] = '\0'; /* 127 labels of one letter */
    struct mn_dns_name name = name_of(longest);
    struct mn_dns_query query = {.type = MN_DNS_A, .udp_max = MN_DNS_UDP_MAX, .name = &name};
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_dns_write_query(&w, &query);
    assert_true(w.ok);
    assert_int_equal(w.left, 0); /* the longest query there is */
    assert_memory_equal(bytes + 10, "\0\1", 2);
    assert_memory_equal(bytes + sizeof bytes - 11, opt, 11);
}

static void answer_is_read_record_by_record(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    struct mn_dns_record record;
    struct mn_dns_name name;
    struct mnet_address address;
    begin(&a, 0x8180, 2, 1, 1);
    RECORD(&a, NAME_AT_QUESTION, MN_DNS_CNAME, 300, "\3web\xc0\x10");
    RECORD(&a, "\3web\xc0\x10", MN_DNS_A, 60, "\xc0\0\2\1");
    RECORD(&a, "\xc0\x18", MN_DNS_NS, 60, "\2ns\xc0\x10");
    RECORD(&a, "\2ns\xc0\x10", MN_DNS_AAAA, 0, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    assert_int_equal(message.id, 0x1234);
    assert_int_equal(message.type, MN_DNS_A);
    assert_int_equal(message.rcode, MN_DNS_NOERROR);
    assert_true(message.recursion_available && !message.truncated && !message.edns);
    assert_string_equal(text_of(&message.name), "www.example.org");

    struct mn_dns_cursor cursor = mn_dns_records(&message);
    assert_true(mn_dns_next(&message, &cursor, &record));
    assert_int_equal(record.section, MN_DNS_ANSWER);
    assert_string_equal(text_of(&record.name), "www.example.org");
    assert_int_equal(record.ttl_s, 300);
    assert_true(mn_dns_read_name(&message, &record, &name));
    assert_string_equal(text_of(&name), "web.example.org");
    assert_true(mn_dns_next(&message, &cursor, &record));
    assert_string_equal(text_of(&record.name), "web.example.org");
    assert_true(mn_dns_read_address(&message, &record, &address));
    assert_true(mnet_address_equal(address, mnet_ipv4(192, 0, 2, 1)));
    assert_true(mn_dns_next(&message, &cursor, &record));
    assert_int_equal(record.section, MN_DNS_AUTHORITY);
    assert_true(mn_dns_next(&message, &cursor, &record));
    assert_int_equal(record.section, MN_DNS_ADDITIONAL);
    assert_true(mn_dns_read_address(&message, &record, &address));
    assert_int_equal(address.bytes[15], 1);
    assert_false(mn_dns_next(&message, &cursor, &record));
}

/* DNS1035-4.1.1-2 */
static void only_answers_to_one_question_are_taken(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    begin(&a, 0x0100, 0, 0, 0); /* a query */
    assert_int_equal(parse(&a, &message), MN_PARSE_INVALID);
    begin(&a, 0xa880, 0, 0, 0); /* opcode 5 */
    assert_int_equal(parse(&a, &message), MN_PARSE_INVALID);
    for (uint8_t questions = 0; questions < 3; questions++) {
        begin(&a, 0x8180, 0, 0, 0);
        a.bytes[5] = questions;
        assert_int_equal(parse(&a, &message), questions == 1 ? MN_PARSE_OK : MN_PARSE_INVALID);
    }
    begin(&a, 0x8180, 0, 0, 0);
    a.bytes[32] = 3; /* another class */
    assert_int_equal(parse(&a, &message), MN_PARSE_INVALID);
}

static void error_of_an_old_server_may_lack_the_question(void **state)
{
    (void)state;
    struct mn_dns_message message;
    for (uint8_t rcode = 0; rcode < 16; rcode++) {
        const uint8_t bytes[MN_DNS_HEADER] = {0x12, 0x34, 0x81, 0x80 | rcode};
        bool may = rcode == MN_DNS_FORMERR || rcode == MN_DNS_NOTIMP;
        assert_int_equal(parse_bytes(bytes, sizeof bytes, &message), may ? MN_PARSE_OK : MN_PARSE_INVALID);
        assert_int_equal(message.name.len, 0);
    }
}

/* DNS1035-4.1.3-1: a message that is cut at any byte is no message. */
static void message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    begin(&a, 0x8180, 1, 1, 1);
    RECORD(&a, NAME_AT_QUESTION, MN_DNS_A, 60, "\xc0\0\2\1");
    RECORD(&a, "\7example\0", 999, 60, "anything");
    RECORD(&a, "", 0, 0, ""); /* no name */
    a.w.at -= 10;
    a.w.left += 10;
    mn_write_bytes(&a.w, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
    size_t len = sizeof a.bytes - a.w.left;
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(parse_bytes(a.bytes, cut, &message),
                         cut < MN_DNS_HEADER ? MN_PARSE_TRUNCATED : MN_PARSE_INVALID);
}

/* DNS1123-6.1.3.2-1: the records of a truncated answer are not looked at. */
static void records_of_a_truncated_answer_are_not_looked_at(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    begin(&a, 0x8380, 7, 0, 0);
    mn_write_bytes(&a.w, "\xc0", 1);
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    assert_true(message.truncated);
}

/* DNS1035-4.1.4-1, DNS1035-4.1.4-3: a pointer leads backwards and stays in the message, so loops
 * end. */
static void pointers_lead_backwards(void **state)
{
    (void)state;
    static const struct {
        char name[8];
        uint8_t len;
        bool ok;
    } cases[] = {
        {"\xc0\x0c", 2, true},     /* the question */
        {"\xc0\x10", 2, true},     /* a part of it */
        {"\1a\xc0\x0c", 4, true},  /* a label in front */
        {"\xc0\x21", 2, false},    /* itself: this record begins at 33 */
        {"\1a\xc0\x21", 4, false}, /* its own beginning */
        {"\1a\xc0\x23", 4, false}, /* itself, behind a label */
        {"\xc0\x22", 2, false},    /* its own second byte */
        {"\xc0\x40", 2, false},    /* forward */
        {"\xff\xff", 2, false},    /* beyond the end */
        {"\xc0\x0b", 2, false},    /* into the header */
        {"\xc0\x00", 2, false},
    };
    struct dns_answer a;
    struct mn_dns_message message;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        begin(&a, 0x8180, 1, 0, 0);
        assert_int_equal(sizeof a.bytes - a.w.left, 0x21);
        put_record(&a, cases[i].name, cases[i].len, MN_DNS_A, 1, 60, "\1\2\3\4", 4);
        assert_int_equal(parse(&a, &message), cases[i].ok ? MN_PARSE_OK : MN_PARSE_INVALID);
    }
}

/* Two names that point to each other can only be one behind the other, so one pointer leads
 * forward. */
static void chain_of_pointers_is_followed_and_ends(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    struct mn_dns_record record = {.name.len = 0};
    begin(&a, 0x8180, 100, 0, 0);
    for (unsigned i = 0, last = MN_DNS_HEADER; i < 100; i++) {
        char name[4] = {1, 'x', (char)(0xc0 | last >> 8), (char)last};
        last = (unsigned)(sizeof a.bytes - a.w.left);
        put_record(&a, name, 4, MN_DNS_A, 1, 60, "\1\2\3\4", 4);
    }
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    struct mn_dns_cursor cursor = mn_dns_records(&message);
    while (mn_dns_next(&message, &cursor, &record))
        ;
    assert_int_equal(mn_dns_name_labels(&record.name), 103);
}

/* DNS1035-4.1.4-2 */
static void other_types_of_labels_are_refused(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    for (unsigned first = 64; first < 0xc0; first++) {
        char name[2] = {(char)first, 0};
        begin(&a, 0x8180, 1, 0, 0);
        put_record(&a, name, 2, MN_DNS_A, 1, 60, "\1\2\3\4", 4);
        memset(a.w.at, 0, 200); /* room for a label of any length */
        a.w.at += 200;
        a.w.left -= 200;
        assert_int_equal(parse(&a, &message), MN_PARSE_INVALID);
    }
}

/* DNS1035-2.3.4-1, DNS1035-4.1.4-3: an expanded name has at most 255 bytes. */
static void expanded_name_has_at_most_255_bytes(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    char labels[256], name[4 + 64 + 2];
    memset(labels, 'y', sizeof labels);
    labels[0] = labels[64] = labels[128] = 63; /* 192 bytes, and the root */
    for (unsigned len = 59; len < 64; len++) {
        begin(&a, 0x8180, 2, 0, 0);
        labels[192] = '\0';
        put_record(&a, labels, 193, MN_DNS_A, 1, 60, "\1\2\3\4", 4);
        memset(name, 'z', sizeof name);
        name[0] = (char)len;
        name[1 + len] = (char)0xc0;
        name[2 + len] = 0x21; /* the name before */
        put_record(&a, name, 3 + len, MN_DNS_A, 1, 60, "\1\2\3\4", 4);
        assert_int_equal(parse(&a, &message), 1 + len + 193 <= 255 ? MN_PARSE_OK : MN_PARSE_INVALID);
    }
}

/* EDNS-6.1.1-2, EDNS-6.1.2-2, EDNS-6.1.3-1, EDNS-6.1.4-1 */
static void opt_is_no_answer_and_stands_once(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    struct mn_dns_record record;
    begin(&a, 0x8180, 0, 0, 1);
    put_record(&a, "\0", 1, MN_DNS_OPT, 1232, 0x0100ffff, "\xfd\xe9\0\2ab",
               6); /* BADVERS, all flags, an unknown option */
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    assert_true(message.edns);
    assert_int_equal(message.rcode, MN_DNS_BADVERS);
    struct mn_dns_cursor cursor = mn_dns_records(&message);
    assert_false(mn_dns_next(&message, &cursor, &record));

    begin(&a, 0x8180, 0, 0, 1);
    put_record(&a, "\0", 1, MN_DNS_OPT, 0, 0, "", 0); /* EDNS-6.2.3-1: a size of 0 is no fault */
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    begin(&a, 0x8180, 0, 0, 2);
    put_record(&a, "\0", 1, MN_DNS_OPT, 1232, 0, "", 0);
    put_record(&a, "\0", 1, MN_DNS_OPT, 1232, 0, "", 0);
    assert_int_equal(parse(&a, &message), MN_PARSE_INVALID);
    begin(&a, 0x8180, 1, 0, 0); /* among the answers */
    put_record(&a, "\0", 1, MN_DNS_OPT, 1232, 0, "", 0);
    assert_int_equal(parse(&a, &message), MN_PARSE_INVALID);
    begin(&a, 0x8180, 0, 0, 1); /* of a name */
    put_record(&a, NAME_AT_QUESTION, 2, MN_DNS_OPT, 1232, 0, "", 0);
    assert_int_equal(parse(&a, &message), MN_PARSE_INVALID);
}

/* AAAA-2.1-1, N6-7-2: data of a wrong length is no address, and neither is a mapped one. */
static void addresses_have_their_length(void **state)
{
    (void)state;
    static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1}, zeros[18] = {0};
    struct dns_answer a;
    struct mn_dns_message message;
    struct mn_dns_record record;
    struct mnet_address address;
    for (uint16_t type = MN_DNS_A; type <= MN_DNS_AAAA; type += MN_DNS_AAAA - MN_DNS_A) {
        for (uint16_t len = 0; len < sizeof zeros; len++) {
            begin(&a, 0x8180, 1, 0, 0);
            put_record(&a, NAME_AT_QUESTION, 2, type, 1, 60, zeros, len);
            assert_int_equal(parse(&a, &message), MN_PARSE_OK);
            struct mn_dns_cursor cursor = mn_dns_records(&message);
            assert_true(mn_dns_next(&message, &cursor, &record));
            assert_int_equal(mn_dns_read_address(&message, &record, &address), len == (type == MN_DNS_A ? 4 : 16));
        }
    }
    begin(&a, 0x8180, 1, 0, 0);
    put_record(&a, NAME_AT_QUESTION, 2, MN_DNS_AAAA, 1, 60, mapped, 16);
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    struct mn_dns_cursor cursor = mn_dns_records(&message);
    assert_true(mn_dns_next(&message, &cursor, &record));
    assert_false(mn_dns_read_address(&message, &record, &address));
}

static void records_of_other_classes_are_passed_over(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    struct mn_dns_record record;
    begin(&a, 0x8180, 2, 0, 0);
    put_record(&a, NAME_AT_QUESTION, 2, MN_DNS_A, 3, 60, "\1\2\3\4", 4);
    put_record(&a, NAME_AT_QUESTION, 2, MN_DNS_A, 1, 61, "\1\2\3\4", 4);
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    struct mn_dns_cursor cursor = mn_dns_records(&message);
    assert_true(mn_dns_next(&message, &cursor, &record));
    assert_int_equal(record.ttl_s, 61);
    assert_false(mn_dns_next(&message, &cursor, &record));
}

/* DNS2181-8-1 */
static void time_to_live_has_31_bits(void **state)
{
    (void)state;
    struct dns_answer a;
    struct mn_dns_message message;
    struct mn_dns_record record;
    begin(&a, 0x8180, 2, 0, 0);
    RECORD(&a, NAME_AT_QUESTION, MN_DNS_A, 0x80000001, "\1\2\3\4");
    RECORD(&a, NAME_AT_QUESTION, MN_DNS_A, 0x7fffffff, "\1\2\3\4");
    assert_int_equal(parse(&a, &message), MN_PARSE_OK);
    struct mn_dns_cursor cursor = mn_dns_records(&message);
    assert_true(mn_dns_next(&message, &cursor, &record));
    assert_int_equal(record.ttl_s, 0);
    assert_true(mn_dns_next(&message, &cursor, &record));
    assert_int_equal(record.ttl_s, 0x7fffffff);
}

static void start_of_authority_has_its_minimum(void **state)
{
    (void)state;
    static const char data[] = "\2ns\xc0\x10\xc0\x10\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\1\x2c";
    struct dns_answer a;
    struct mn_dns_message message;
    struct mn_dns_record record;
    uint32_t minimum_s;
    for (uint16_t len = sizeof data - 3; len < sizeof data + 1; len++) {
        begin(&a, 0x8183, 0, 1, 0);
        put_record(&a, "\xc0\x10", 2, MN_DNS_SOA, 1, 60, data, len);
        assert_int_equal(parse(&a, &message), MN_PARSE_OK);
        struct mn_dns_cursor cursor = mn_dns_records(&message);
        assert_true(mn_dns_next(&message, &cursor, &record));
        assert_int_equal(mn_dns_read_soa(&message, &record, &minimum_s), len == sizeof data - 1);
    }
    assert_int_equal(minimum_s, 300);
}

static void data_are_written_without_compression(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        char data[16], expected[40];
        uint16_t len, expected_len; /* 0: the data are wrong */
    } cases[] = {
        {MN_DNS_PTR, "\2ns\xc0\x10", "\2ns\7example\3org", 5, 16},
        {MN_DNS_CNAME, "\xc0\x10", "\7example\3org", 2, 13},
        {MN_DNS_SRV, "\0\1\0\2\0\x50\2ns\xc0\x10", "\0\1\0\2\0\x50\2ns\7example\3org", 11, 22},
        {MN_DNS_TXT, "\3abc\0\1d", "\3abc\0\1d", 7, 7},
        {MN_DNS_PTR, "\2ns\xc0\x10!", "", 6, 0},
        {MN_DNS_PTR, "\2ns", "", 3, 0},
        {MN_DNS_SRV, "\0\1\0\2\0", "", 5, 0},
        {MN_DNS_SRV, "\0\1\0\2\0\x50", "", 6, 0},
    };
    struct dns_answer a;
    struct mn_dns_message message;
    struct mn_dns_record record;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        uint8_t bytes[64];
        begin(&a, 0x8180, 1, 0, 0);
        put_record(&a, NAME_AT_QUESTION, 2, cases[i].type, 1, 60, cases[i].data, cases[i].len);
        assert_int_equal(parse(&a, &message), MN_PARSE_OK);
        struct mn_dns_cursor cursor = mn_dns_records(&message);
        assert_true(mn_dns_next(&message, &cursor, &record));
        for (size_t room = sizeof bytes; room > 0; room--) {
            struct mn_writer w = mn_writer(bytes, room);
            bool fits = cases[i].expected_len > 0 && room >= cases[i].expected_len;
            assert_int_equal(mn_dns_write_data(&w, &message, &record), fits);
            if (fits) {
                assert_int_equal(room - w.left, cases[i].expected_len);
                assert_memory_equal(bytes, cases[i].expected, cases[i].expected_len);
            }
        }
    }
}

/* DNS1035-2.3.4-1, DNS1034-3.1-1 */
static void names_are_read_from_text(void **state)
{
    (void)state;
    struct mn_dns_name name;
    bool complete;
    assert_true(mn_dns_name_parse(&name, "a.bc", &complete));
    assert_memory_equal(name.bytes, "\1a\2bc", 6);
    assert_int_equal(name.len, 6);
    assert_false(complete);
    assert_true(mn_dns_name_parse(&name, "a.bc.", &complete));
    assert_int_equal(name.len, 6);
    assert_true(complete);
    assert_true(mn_dns_name_parse(&name, ".", &complete));
    assert_int_equal(name.len, 1);
    assert_true(complete);
    static const char *const wrong[] = {"", "..", ".a", "a..b", "a..", "a b", "a\\.b", "a\n", "\xc3\xa4", "a.\x7f"};
    for (size_t i = 0; i < MN_COUNT_OF(wrong); i++)
        assert_false(mn_dns_name_parse(&name, wrong[i], &complete));
}

static void lengths_of_names_and_labels_are_checked(void **state)
{
    (void)state;
    struct mn_dns_name name;
    bool complete;
    char text[300];
    memset(text, 'a', sizeof text);
    text[63] = '\0';
    assert_true(mn_dns_name_parse(&name, text, &complete));
    text[63] = 'a';
    text[64] = '\0';
    assert_false(mn_dns_name_parse(&name, text, &complete));
    for (size_t len = 250; len < 256; len++) { /* text of 253 characters is 255 bytes */
        memset(text, 'a', sizeof text);
        text[63] = text[127] = text[191] = '.';
        text[len] = '\0';
        assert_int_equal(mn_dns_name_parse(&name, text, &complete), len <= 253);
    }
}

/* DNS2181-11-1 */
static void strange_bytes_are_escaped(void **state)
{
    (void)state;
    struct mn_dns_name name = {.len = 9, .bytes = "\5a.\\\n\xff\1b"};
    assert_string_equal(text_of(&name), "a\\046\\092\\010\\255.b");
    struct mn_dns_name root = {.len = 1};
    assert_string_equal(text_of(&root), ".");
    struct mn_dns_name longest = {.len = 255};
    for (size_t i = 0; i < 4; i++) {
        memset(longest.bytes + 64 * i, 0xfe, i < 3 ? 64 : 62);
        longest.bytes[64 * i] = i < 3 ? 63 : 61;
    }
    longest.bytes[254] = 0;
    assert_int_equal(strlen(text_of(&longest)), 4 * (3 * 63 + 61) + 3);
}

/* DNS1034-3.1-1 */
static void names_compare_without_case(void **state)
{
    (void)state;
    struct mn_hash_key key = {1, 2};
    struct mn_dns_name a = name_of("Ab.Example"), b = name_of("aB.eXAMPLE"), c = name_of("ab.exampl@");
    assert_true(mn_dns_name_equal(&a, &b));
    assert_false(mn_dns_name_identical(&a, &b));
    assert_true(mn_dns_name_identical(&a, &a));
    assert_false(mn_dns_name_equal(&a, &c)); /* '@' is below 'A', and '`' below 'a' */
    assert_int_equal(mn_dns_name_hash(&a, &key), mn_dns_name_hash(&b, &key));
    assert_true(mn_dns_name_hash(&a, &key) != mn_dns_name_hash(&c, &key));
}

static void names_lie_below_domains(void **state)
{
    (void)state;
    struct mn_dns_name name = name_of("a.b.localhost"), local = name_of("LOCALHOST"), other = name_of("xlocalhost"),
                       root = name_of(".");
    assert_true(mn_dns_name_is_below(&name, &local));
    assert_true(mn_dns_name_is_below(&local, &local));
    assert_true(mn_dns_name_is_below(&name, &root));
    assert_false(mn_dns_name_is_below(&other, &local));
    assert_false(mn_dns_name_is_below(&local, &name));
    assert_int_equal(mn_dns_name_labels(&name), 3);
    assert_int_equal(mn_dns_name_labels(&root), 0);
}

static void names_are_appended_if_there_is_room(void **state)
{
    (void)state;
    char text[300];
    struct mn_dns_name name = name_of("host"), domain = name_of("example.org");
    assert_true(mn_dns_name_append(&name, &domain));
    assert_string_equal(text_of(&name), "host.example.org");
    memset(text, 'a', sizeof text);
    text[63] = text[127] = text[191] = '.';
    text[241] = '\0';
    struct mn_dns_name longer = name_of(text);
    assert_int_equal(longer.len, 243);
    assert_true(mn_dns_name_append(&longer, &domain)); /* 242 + 13 */
    assert_int_equal(longer.len, 255);
    struct mn_dns_name before = longer;
    assert_false(mn_dns_name_append(&longer, &domain));
    assert_true(mn_dns_name_identical(&before, &longer));
}

/* AAAA-2.5-1, N6-7-3 */
static void addresses_have_names(void **state)
{
    (void)state;
    struct mn_dns_name name;
    struct mnet_address address;
    mn_dns_name_of_address(&name, mnet_ipv4(192, 0, 25, 255));
    assert_string_equal(text_of(&name), "255.25.0.192.in-addr.arpa");
    assert_int_equal(mnet_address_parse("2001:db8::567:89ab", &address), 0);
    mn_dns_name_of_address(&name, address);
    assert_string_equal(text_of(&name), "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

static void case_is_mixed_at_random(void **state)
{
    (void)state;
    struct mn_random random;
    mn_random_init(&random, (const uint8_t[MN_RANDOM_SEED]){7});
    struct mn_dns_name plain = name_of("abcdefghijklmnopqrstuvwxyz-0123456789.abcdefghijklmnopqrstuvwxyz");
    unsigned changed = 0;
    for (int i = 0; i < 100; i++) {
        struct mn_dns_name name = plain;
        mn_dns_name_mix_case(&name, &random);
        assert_true(mn_dns_name_equal(&name, &plain));
        for (size_t at = 0; at < name.len; at++)
            changed += name.bytes[at] != plain.bytes[at];
    }
    assert_in_range(changed, 2400, 2800); /* half of 5200 letters */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_has_the_rfcs_bytes),
        cmocka_unit_test(query_with_edns_ends_with_one_opt),
        cmocka_unit_test(answer_is_read_record_by_record),
        cmocka_unit_test(only_answers_to_one_question_are_taken),
        cmocka_unit_test(error_of_an_old_server_may_lack_the_question),
        cmocka_unit_test(message_cut_anywhere_is_refused),
        cmocka_unit_test(records_of_a_truncated_answer_are_not_looked_at),
        cmocka_unit_test(pointers_lead_backwards),
        cmocka_unit_test(chain_of_pointers_is_followed_and_ends),
        cmocka_unit_test(other_types_of_labels_are_refused),
        cmocka_unit_test(expanded_name_has_at_most_255_bytes),
        cmocka_unit_test(opt_is_no_answer_and_stands_once),
        cmocka_unit_test(addresses_have_their_length),
        cmocka_unit_test(records_of_other_classes_are_passed_over),
        cmocka_unit_test(time_to_live_has_31_bits),
        cmocka_unit_test(start_of_authority_has_its_minimum),
        cmocka_unit_test(data_are_written_without_compression),
        cmocka_unit_test(names_are_read_from_text),
        cmocka_unit_test(lengths_of_names_and_labels_are_checked),
        cmocka_unit_test(strange_bytes_are_escaped),
        cmocka_unit_test(names_compare_without_case),
        cmocka_unit_test(names_lie_below_domains),
        cmocka_unit_test(names_are_appended_if_there_is_room),
        cmocka_unit_test(addresses_have_names),
        cmocka_unit_test(case_is_mixed_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
