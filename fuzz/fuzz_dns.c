/* DNS: an answer that parses keeps the parser's promises: each name ends within its bounds, and the
 * data of a record are written without compression, or not at all. */
#include "fuzz/fuzz.h"

#include "wire/dns.h"

#define ANSWER_MAX 65536

static void check_name(const struct mn_dns_name *name)
{
    char text[MN_DNS_NAME_TEXT];
    unsigned labels = mn_dns_name_labels(name);
    MN_ASSERT(name->len > 0 && labels <= 127 && name->bytes[name->len - 1] == 0);
    memset(text, 'x', sizeof text);
    mn_dns_name_format(name, text);
    MN_ASSERT(memchr(text, '\0', sizeof text) != NULL);
    MN_ASSERT(mn_dns_name_is_below(name, name) && mn_dns_name_equal(name, name));
}

static void check_record(const struct mn_dns_message *message, const struct mn_dns_record *record)
{
    static uint8_t data[ANSWER_MAX];
    struct mn_dns_name name;
    struct mnet_address address;
    uint32_t minimum_s;
    check_name(&record->name);
    MN_ASSERT(record->data_at + record->data_len <= message->len && record->ttl_s <= INT32_MAX);
    if (mn_dns_read_address(message, record, &address))
        MN_ASSERT(mnet_address_is_ipv4(address) == (record->type == MN_DNS_A));
    if (mn_dns_read_name(message, record, &name))
        check_name(&name);
    mn_dns_read_soa(message, record, &minimum_s);
    struct mn_writer w = mn_writer(data, sizeof data);
    bool written = mn_dns_write_data(&w, message, record);
    MN_ASSERT(!written || sizeof data - w.left <= record->data_len + (size_t)MN_DNS_NAME);
}

/* The question, written again, is the same. */
static void round_trip(const struct mn_dns_message *message)
{
    uint8_t bytes[MN_DNS_QUERY_MAX];
    struct mn_dns_message back;
    struct mn_dns_query query = {message->id, message->type, message->edns ? MN_DNS_UDP_MAX : 0, &message->name};
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_dns_write_query(&w, &query);
    MN_ASSERT(w.ok);
    bytes[2] |= 0x80; /* as an answer */
    MN_ASSERT(mn_dns_parse(bytes, sizeof bytes - w.left, &back) == MN_PARSE_OK);
    MN_ASSERT(back.id == message->id && back.type == message->type && back.edns == message->edns);
    MN_ASSERT(mn_dns_name_identical(&back.name, &message->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_dns_message message;
    enum mn_parse verdict = mn_dns_parse(bytes, size, &message);
    MN_ASSERT((verdict == MN_PARSE_TRUNCATED) == (size < MN_DNS_HEADER));
    if (verdict == MN_PARSE_OK && message.name.len > 0) {
        check_name(&message.name);
        round_trip(&message);
    }
    if (verdict == MN_PARSE_OK && !message.truncated) {
        struct mn_dns_cursor cursor = mn_dns_records(&message);
        struct mn_dns_record record;
        while (mn_dns_next(&message, &cursor, &record))
            check_record(&message, &record);
    }
    free(bytes);
    return 0;
}
