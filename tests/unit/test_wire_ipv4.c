#include "unit/support.h"

#include "base/checksum.h"
#include "wire/ipv4.h"

/* A well-known example: 192.168.0.1 to 192.168.0.199, UDP, 115 bytes, DF; its checksum is b861. */
static const uint8_t example[MN_IPV4_HEADER] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                                0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

enum {
    TOTAL = 115,
};

static void fix_checksum(uint8_t *header)
{
    size_t len = (header[0] & 0x0f) * 4u;
    memset(header + 10, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum(0, header, len));
    memcpy(header + 10, &checksum, 2);
}

/* Writes the example with `options` (padded with zeros to a multiple of four) and a payload of 20
 * bytes. Returns the header's length. */
static size_t with_options(uint8_t *out, const uint8_t *options, size_t len)
{
    size_t header = MN_IPV4_HEADER + (len + 3) / 4 * 4;
    memset(out, 0, header + 20);
    memcpy(out, example, MN_IPV4_HEADER);
    memcpy(out + MN_IPV4_HEADER, options, len);
    out[0] = (uint8_t)(0x40 | header / 4);
    out[2] = 0;
    out[3] = (uint8_t)(header + 20);
    fix_checksum(out);
    return header;
}

static void assert_same(const struct mn_ipv4 *a, const struct mn_ipv4 *b)
{
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->destination, b->destination);
    assert_int_equal(a->total_len, b->total_len);
    assert_int_equal(a->identification, b->identification);
    assert_int_equal(a->fragment_offset, b->fragment_offset);
    assert_int_equal(a->header_len, b->header_len);
    assert_int_equal(a->protocol, b->protocol);
    assert_int_equal(a->ttl, b->ttl);
    assert_int_equal(a->traffic_class, b->traffic_class);
    assert_int_equal(a->dont_fragment, b->dont_fragment);
    assert_int_equal(a->more_fragments, b->more_fragments);
    assert_int_equal(a->source_route, b->source_route);
}

static void parse_reads_the_example(void **state)
{
    (void)state;
    struct mn_ipv4 header;
    assert_int_equal(mn_ipv4_parse(example, sizeof(example), TOTAL, &header), MN_PARSE_OK);
    assert_int_equal(header.source, 0xc0a80001);
    assert_int_equal(header.destination, 0xc0a800c7);
    assert_int_equal(header.total_len, TOTAL);
    assert_int_equal(header.identification, 0);
    assert_int_equal(header.fragment_offset, 0);
    assert_int_equal(header.header_len, 20);
    assert_int_equal(header.protocol, MN_PROTOCOL_UDP);
    assert_int_equal(header.ttl, 64);
    assert_int_equal(header.traffic_class, 0);
    assert_true(header.dont_fragment);
    assert_false(header.more_fragments);
    assert_false(header.source_route);
}

static void parse_allows_link_padding_behind(void **state)
{
    (void)state;
    struct mn_ipv4 header;
    assert_int_equal(mn_ipv4_parse(example, sizeof(example), TOTAL + 1, &header), MN_PARSE_OK);
    assert_int_equal(mn_ipv4_parse(example, sizeof(example), 65535, &header), MN_PARSE_OK);
    assert_int_equal(mn_ipv4_parse(example, sizeof(example), TOTAL - 1, &header), MN_PARSE_TRUNCATED);
}

static void parse_of_every_truncation_says_so(void **state)
{
    (void)state;
    static const uint8_t nops[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    uint8_t packet[60];
    size_t header_len = with_options(packet, nops, sizeof(nops));
    for (size_t len = 0; len < header_len; len++) {
        uint8_t *exact = malloc(len + 1);
        struct mn_ipv4 header;
        memcpy(exact, packet, len);
        assert_int_equal(mn_ipv4_parse(exact, len, len, &header), MN_PARSE_TRUNCATED);
        assert_int_equal(mn_ipv4_parse(exact, len, 1500, &header), MN_PARSE_TRUNCATED);
        assert_int_equal(mn_ipv4_parse_quote(exact, len, &header), MN_PARSE_TRUNCATED);
        free(exact);
    }
}

static void parse_notices_every_wrong_bit(void **state)
{
    (void)state;
    for (int bit = 0; bit < 8 * MN_IPV4_HEADER; bit++) {
        uint8_t bytes[MN_IPV4_HEADER];
        struct mn_ipv4 header;
        memcpy(bytes, example, sizeof(bytes));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(mn_ipv4_parse(bytes, sizeof(bytes), TOTAL, &header), MN_PARSE_OK);
        if (bit >= 8)
            assert_int_equal(mn_ipv4_parse(bytes, sizeof(bytes), TOTAL, &header), MN_PARSE_CHECKSUM);
    }
}

/* Each bit of a header flipped, with the checksum that it needs then, and without. */
static void parse_plain_reads_what_parse_reads(void **state)
{
    (void)state;
    for (int bit = 0; bit < 8 * MN_IPV4_HEADER; bit++) {
        uint8_t bytes[64] = {0};
        struct mn_ipv4 full = {0}, plain = {0};
        memcpy(bytes, example, sizeof(example));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(mn_ipv4_parse_plain(bytes, sizeof(bytes), 65535, &plain));
        fix_checksum(bytes);
        bool ok = mn_ipv4_parse(bytes, sizeof(bytes), 65535, &full) == MN_PARSE_OK;
        ok = ok && full.header_len == MN_IPV4_HEADER && !full.more_fragments && full.fragment_offset == 0;
        assert_int_equal(mn_ipv4_parse_plain(bytes, sizeof(bytes), 65535, &plain), ok);
        if (ok)
            assert_same(&plain, &full);
    }
}

static void parse_plain_of_every_length(void **state)
{
    (void)state;
    struct mn_ipv4 header;
    for (size_t total = 0; total < 2 * TOTAL; total++)
        assert_int_equal(mn_ipv4_parse_plain(example, MN_MIN(total, sizeof(example)), total, &header), total >= TOTAL);
}

static void set_total_len_gives_what_emit_gives(void **state)
{
    (void)state;
    for (unsigned len = MN_IPV4_HEADER; len <= UINT16_MAX; len += 61) {
        struct mn_ipv4 header;
        uint8_t again[MN_IPV4_HEADER], expected[MN_IPV4_HEADER];
        memcpy(again, example, sizeof(again));
        assert_int_equal(mn_ipv4_parse(example, sizeof(example), TOTAL, &header), MN_PARSE_OK);
        mn_ipv4_set_total_len(again, (uint16_t)len, mn_ipv4_clear_total_len(again));
        header.total_len = (uint16_t)len;
        mn_ipv4_emit(expected, &header);
        assert_memory_equal(again, expected, sizeof(again));
    }
}

static void parse_refuses_other_versions_and_short_headers(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++) {
        uint8_t bytes[64] = {0};
        struct mn_ipv4 header;
        memcpy(bytes, example, sizeof(example));
        bytes[0] = (uint8_t)first;
        fix_checksum(bytes);
        bool right = first >> 4 == 4 && (first & 0x0f) >= 5;
        assert_int_equal(mn_ipv4_parse(bytes, sizeof(bytes), TOTAL, &header), right ? MN_PARSE_OK : MN_PARSE_INVALID);
        assert_int_equal(mn_ipv4_parse_quote(bytes, sizeof(bytes), &header), right ? MN_PARSE_OK : MN_PARSE_INVALID);
    }
}

/* total_len of 0, 1, one too few, exact, one too many, the most. */
static void parse_of_lying_total_lengths(void **state)
{
    (void)state;
    static const struct {
        uint16_t total_len;
        enum mn_parse verdict;
    } cases[] = {
        {0, MN_PARSE_INVALID},       {1, MN_PARSE_INVALID},    {19, MN_PARSE_INVALID}, {20, MN_PARSE_OK},
        {21, MN_PARSE_OK},           {TOTAL - 1, MN_PARSE_OK}, {TOTAL, MN_PARSE_OK},   {TOTAL + 1, MN_PARSE_TRUNCATED},
        {65535, MN_PARSE_TRUNCATED},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        uint8_t bytes[MN_IPV4_HEADER];
        struct mn_ipv4 header;
        memcpy(bytes, example, sizeof(bytes));
        bytes[2] = (uint8_t)(cases[i].total_len >> 8);
        bytes[3] = (uint8_t)cases[i].total_len;
        fix_checksum(bytes);
        assert_int_equal(mn_ipv4_parse(bytes, sizeof(bytes), TOTAL, &header), cases[i].verdict);
        assert_int_equal(header.total_len, cases[i].total_len);
        assert_int_equal(mn_ipv4_parse_quote(bytes, sizeof(bytes), &header), MN_PARSE_OK);
    }
}

static void parse_of_options(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[12];
        size_t len;
        enum mn_parse verdict;
        bool source_route;
    } cases[] = {
        {{1, 1, 1, 1}, 4, MN_PARSE_OK, false},
        {{0, 9, 9, 9}, 4, MN_PARSE_OK, false},                   /* ignored after the end */
        {{148, 4, 0, 0}, 4, MN_PARSE_OK, false},                 /* router alert */
        {{7, 7, 4, 0, 0, 0, 0, 0}, 8, MN_PARSE_OK, false},       /* record route */
        {{131, 7, 4, 1, 2, 3, 4, 0}, 8, MN_PARSE_OK, true},      /* loose source route */
        {{1, 137, 7, 4, 1, 2, 3, 4}, 8, MN_PARSE_OK, true},      /* strict source route */
        {{0, 131, 7, 4, 1, 2, 3, 4}, 8, MN_PARSE_OK, false},     /* after the end */
        {{77, 2, 77, 2}, 4, MN_PARSE_OK, false},                 /* shortest */
        {{77, 8, 0, 0, 0, 0, 0, 0}, 8, MN_PARSE_OK, false},      /* to the last byte */
        {{77, 9, 0, 0, 0, 0, 0, 0}, 8, MN_PARSE_INVALID, false}, /* one further */
        {{77, 255, 0, 0}, 4, MN_PARSE_INVALID, false},
        {{77, 0, 0, 0}, 4, MN_PARSE_INVALID, false},
        {{77, 1, 0, 0}, 4, MN_PARSE_INVALID, false},
        {{1, 1, 1, 77}, 4, MN_PARSE_INVALID, false}, /* no room for a length */
        {{131, 8, 4, 1}, 4, MN_PARSE_INVALID, false},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        uint8_t packet[80];
        struct mn_ipv4 header;
        size_t header_len = with_options(packet, cases[i].bytes, cases[i].len);
        assert_int_equal(mn_ipv4_parse(packet, header_len, header_len + 20, &header), cases[i].verdict);
        assert_int_equal(header.header_len, header_len);
        if (cases[i].verdict == MN_PARSE_OK)
            assert_int_equal(header.source_route, cases[i].source_route);
    }
}

/* IGMP3-9.1-1 */
static void parse_notices_router_alert(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t len;
        bool router_alert;
    } cases[] = {
        {{148, 4, 0, 0}, 4, true},        {{1, 148, 4, 0, 0}, 8, true},  {{148, 3, 0, 0}, 4, false},
        {{148, 6, 0, 0, 0, 0}, 8, false}, {{0, 148, 4, 0, 0}, 8, false}, {{20, 4, 0, 0}, 4, false},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        uint8_t packet[80];
        struct mn_ipv4 header;
        size_t header_len = with_options(packet, cases[i].bytes, cases[i].len);
        assert_int_equal(mn_ipv4_parse(packet, header_len, header_len + 20, &header), MN_PARSE_OK);
        assert_int_equal(header.router_alert, cases[i].router_alert);
    }
}

static void parse_of_the_longest_header(void **state)
{
    (void)state;
    uint8_t nops[40], packet[80];
    struct mn_ipv4 header;
    memset(nops, 1, sizeof(nops));
    assert_int_equal(with_options(packet, nops, sizeof(nops)), MN_IPV4_HEADER_MAX);
    assert_int_equal(mn_ipv4_parse(packet, 60, 80, &header), MN_PARSE_OK);
    assert_int_equal(mn_ipv4_parse(packet, 59, 80, &header), MN_PARSE_TRUNCATED);
}

static void quote_needs_no_checksum_and_no_payload(void **state)
{
    (void)state;
    uint8_t bytes[28] = {0};
    struct mn_ipv4 header;
    memcpy(bytes, example, sizeof(example));
    bytes[10] ^= 0xff;
    assert_int_equal(mn_ipv4_parse_quote(bytes, sizeof(bytes), &header), MN_PARSE_OK);
    assert_int_equal(header.total_len, TOTAL);
    assert_int_equal(header.destination, 0xc0a800c7);
}

static void emit_gives_the_example(void **state)
{
    (void)state;
    struct mn_ipv4 header;
    uint8_t out[MN_IPV4_HEADER + 1] = {[MN_IPV4_HEADER] = 0xee};
    mn_ipv4_parse(example, sizeof(example), TOTAL, &header);
    mn_ipv4_emit(out, &header);
    assert_memory_equal(out, example, MN_IPV4_HEADER);
    assert_int_equal(out[MN_IPV4_HEADER], 0xee);
}

static void emit_and_parse_agree_on_all_fields_at_any_alignment(void **state)
{
    (void)state;
    uint64_t seed = 51;
    for (int i = 0; i < 5000; i++) {
        struct mn_ipv4 header = {
            .source = (uint32_t)test_random(&seed),
            .destination = (uint32_t)test_random(&seed),
            .total_len = (uint16_t)(20 + test_random_below(&seed, 65516)),
            .identification = (uint16_t)test_random(&seed),
            .fragment_offset = (uint16_t)(test_random_below(&seed, 8192) * 8),
            .header_len = MN_IPV4_HEADER,
            .protocol = (uint8_t)test_random(&seed),
            .ttl = (uint8_t)test_random(&seed),
            .traffic_class = (uint8_t)test_random(&seed),
            .dont_fragment = (test_random(&seed) & 256) != 0,
            .more_fragments = (test_random(&seed) & 256) != 0,
        };
        uint8_t block[MN_IPV4_HEADER + 8], *out = block + i % 8;
        struct mn_ipv4 back;
        mn_ipv4_emit(out, &header);
        assert_int_equal(mn_ipv4_parse(out, MN_IPV4_HEADER, header.total_len, &back), MN_PARSE_OK);
        assert_same(&back, &header);
    }
}

#define OWN 0x0a000002u
#define TIME 0x80000001u

/* Checks the options of an answer. `answer` is empty if they are to be discarded. */
static void check_answer(const char *options, size_t len, const char *answer, size_t answer_len)
{
    struct mn_ipv4_options result;
    uint8_t *exact = malloc(len);
    memcpy(exact, options, len);
    assert_true(mn_ipv4_answer_options(exact, len, OWN, TIME, &result));
    assert_int_equal(result.len, answer_len);
    assert_memory_equal(result.bytes, answer, answer_len);
    free(exact);
}
#define ANSWER(options, answer) check_answer(options, sizeof(options) - 1, answer, sizeof(answer) - 1)

static void answer_records_route_and_time(void **state)
{
    (void)state;
    ANSWER("\7\7\4____\0", "\7\7\10\12\0\0\2\0");                          /* one place */
    ANSWER("\7\13\10abcd____\0", "\7\13\14abcd\12\0\0\2\0");               /* the second one */
    ANSWER("\7\7\10abcd\0", "\7\7\10abcd\0");                              /* full */
    ANSWER("\104\10\5\0____", "\104\10\11\0\200\0\0\1");                   /* times alone */
    ANSWER("\104\14\5\1________", "\104\14\15\1\12\0\0\2\200\0\0\1");      /* with addresses */
    ANSWER("\104\14\5\3\12\0\0\2____", "\104\14\15\3\12\0\0\2\200\0\0\1"); /* asked for ours */
    ANSWER("\104\14\5\3\12\0\0\3____", "\104\14\5\3\12\0\0\3____");        /* for another's */
    /* One more without a place. */
    ANSWER("\104\10\11\20abcd", "\104\10\11\40abcd");
    /* Both, in their order. */
    ANSWER("\1\7\7\4____\104\10\5\0____\0\0\0\0", "\7\7\10\12\0\0\2\104\10\11\0\200\0\0\1\0");
    ANSWER("\224\4\0\0\1\1\0\7", ""); /* options that are not returned, and bytes after the end */
}

static void answer_to_wrong_options_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        size_t len;
    } wrong[] = {
        {"\7\2\1\1", 4},           /* no pointer */
        {"\7\7\3____\0", 8},       /* it leads into the option's head */
        {"\7\7\5____\0", 8},       /* room, but not for an address */
        {"\104\10\4\0____", 8},    /* into the head */
        {"\104\10\5\1____", 8},    /* no room for address and time */
        {"\104\10\11\360abcd", 8}, /* the count of those without a place is full */
        {"\104\3\5\0", 4},         /* no flags */
    };
    for (size_t i = 0; i < MN_COUNT_OF(wrong); i++) {
        struct mn_ipv4_options result;
        uint8_t *exact = malloc(wrong[i].len);
        memcpy(exact, wrong[i].options, wrong[i].len);
        assert_false(mn_ipv4_answer_options(exact, wrong[i].len, OWN, TIME, &result));
        free(exact);
    }
}

static void emit_with_options_gives_what_was_parsed(void **state)
{
    (void)state;
    struct mn_ipv4 header, again;
    for (uint8_t len = 0; len <= MN_IPV4_OPTIONS_MAX; len += 4) {
        uint8_t out[MN_IPV4_HEADER_MAX + 1];
        struct mn_ipv4_options options = {.len = len};
        memset(options.bytes, 1, sizeof options.bytes);
        memset(out, 0xee, sizeof out);
        mn_ipv4_parse(example, sizeof example, TOTAL, &header);
        mn_ipv4_emit_options(out, &header, &options);
        assert_int_equal(out[MN_IPV4_HEADER + len], 0xee);
        assert_int_equal(mn_ipv4_parse(out, MN_IPV4_HEADER + len, TOTAL, &again), MN_PARSE_OK);
        header.header_len = (uint8_t)(MN_IPV4_HEADER + len);
        assert_same(&again, &header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_the_example),
        cmocka_unit_test(parse_allows_link_padding_behind),
        cmocka_unit_test(parse_of_every_truncation_says_so),
        cmocka_unit_test(parse_notices_every_wrong_bit),
        cmocka_unit_test(parse_plain_reads_what_parse_reads),
        cmocka_unit_test(parse_plain_of_every_length),
        cmocka_unit_test(set_total_len_gives_what_emit_gives),
        cmocka_unit_test(parse_refuses_other_versions_and_short_headers),
        cmocka_unit_test(parse_of_lying_total_lengths),
        cmocka_unit_test(parse_of_options),
        cmocka_unit_test(parse_notices_router_alert),
        cmocka_unit_test(parse_of_the_longest_header),
        cmocka_unit_test(quote_needs_no_checksum_and_no_payload),
        cmocka_unit_test(emit_gives_the_example),
        cmocka_unit_test(emit_and_parse_agree_on_all_fields_at_any_alignment),
        cmocka_unit_test(answer_records_route_and_time),
        cmocka_unit_test(answer_to_wrong_options_is_none),
        cmocka_unit_test(emit_with_options_gives_what_was_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
