/* Multicast listener discovery: RFC 2710, RFC 3810. */
#include "unit/support.h"

#include "base/checksum.h"
#include "support/addresses.h"
#include "wire/mld.h"

enum {
    MESSAGE_MAX = 2048,
};

static struct mn_datagram from(const char *source)
{
    return (struct mn_datagram){
        .source = address(source), .destination = mn_ipv6_all_nodes, .protocol = MN_PROTOCOL_ICMPV6, .ttl = 1};
}

static enum mn_parse parse(const uint8_t *bytes, size_t len, struct mn_group_query *query)
{
    struct mn_datagram datagram = from("fe80::1");
    uint8_t *exact = malloc(len + 1);
    memcpy(exact, bytes, len);
    enum mn_parse verdict = mn_mld_parse_query(exact, len, &datagram, true, query);
    free(exact);
    return verdict;
}

/* MLD1-3-1, MLD1-3.7-1, MLD2-5-3: the bytes of each message, by hand from the RFCs. */
static void messages_have_the_rfcs_bytes(void **state)
{
    (void)state;
    static const uint8_t done[MN_MLD_MESSAGE] = {132, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x05, [23] = 9};
    static const uint8_t report[8 + 20 + 36] = {
        [0] = 143,   [7] = 2,                                      /* two records */
        [8] = 4,     [12] = 0xff, [13] = 5,    [27] = 9,           /* TO_EX, ff05::9 */
        [28] = 5,    [31] = 1,    [32] = 0xff, [33] = 5, [47] = 9, /* ALLOW, one source */
        [48] = 0x20, [49] = 1,    [63] = 1,
    };
    struct mnet_address group = address("ff05::9"), source = address("2001::1");
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_mld_write(&w, MN_ICMPV6_MLD_DONE, &group);
    assert_int_equal(sizeof bytes - w.left, sizeof done);
    assert_memory_equal(bytes, done, sizeof done);
    w = mn_writer(bytes, sizeof bytes);
    mn_mld_write_report2(&w, 2);
    mn_group_write_record(&w, MN_GROUP_TO_EXCLUDE, &group, NULL, 0);
    mn_group_write_record(&w, MN_GROUP_ALLOW_SOURCES, &group, &source, 1);
    assert_int_equal(sizeof bytes - w.left, sizeof report);
    assert_memory_equal(bytes, report, sizeof report);
    assert_true(mnet_address_equal(mn_mld_routers, address("ff02::16")));
}

static void queries_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct mnet_address sources[] = {address("2001:db8::1"), address("2001:db8::2")}, source;
    for (uint8_t version = 1; version <= 2; version++) {
        for (uint16_t count = 0; count <= 2; count++) {
            struct mn_group_query said = {.version = version,
                                          .max_response_ms = 10000,
                                          .group = address("ff0e::7"),
                                          .suppress = true,
                                          .robustness = 3,
                                          .interval_s = 125,
                                          .source_count = count};
            struct mn_group_query read;
            uint8_t bytes[MESSAGE_MAX];
            struct mn_writer w = mn_writer(bytes, sizeof bytes);
            struct mn_datagram datagram = from("fe80::1");
            mn_mld_write_query(&w, &said, sources);
            size_t len = sizeof bytes - w.left;
            assert_int_equal(len, version == 1 ? MN_MLD_MESSAGE : MN_MLD2_QUERY + 16 * (size_t)count);
            assert_int_equal(mn_mld_parse_query(bytes, len, &datagram, true, &read), MN_PARSE_OK);
            assert_int_equal(read.version, version);
            assert_int_equal(read.max_response_ms, 10000);
            assert_true(mnet_address_equal(read.group, said.group));
            assert_int_equal(read.suppress, version == 2);
            assert_int_equal(read.robustness, version == 2 ? 3 : 0);
            assert_int_equal(read.interval_s, version == 2 ? 125 : 0);
            assert_int_equal(read.source_count, version == 2 ? count : 0);
            for (uint16_t i = 0; i < read.source_count; i++) {
                assert_true(mn_group_next_source(&read.sources, MN_MLD_SOURCE, &source));
                assert_true(mnet_address_equal(source, sources[i]));
            }
            assert_false(mn_group_next_source(&read.sources, MN_MLD_SOURCE, &source));
            assert_true(read.sources.ok);
        }
    }
}

/* A general query of version 2. */
static size_t put_query(uint8_t *bytes)
{
    struct mn_group_query query = {.version = 2, .max_response_ms = 1000};
    struct mn_writer w = mn_writer(bytes, MESSAGE_MAX);
    memset(bytes, 0, MESSAGE_MAX);
    mn_mld_write_query(&w, &query, NULL);
    return MESSAGE_MAX - w.left;
}

/* MLD2-6.2-1, MLD2-5.1.14-1, MLDS-4-1 */
static void query_needs_a_local_source_one_hop_and_router_alert(void **state)
{
    (void)state;
    static const char *const strangers[] = {"::", "2001:db8::1", "fec0::1", "ff02::1"};
    uint8_t bytes[MESSAGE_MAX];
    struct mn_group_query query;
    struct mn_datagram datagram = from("fe80::1");
    size_t len = put_query(bytes);
    assert_int_equal(mn_mld_parse_query(bytes, len, &datagram, true, &query), MN_PARSE_OK);
    assert_int_equal(mn_mld_parse_query(bytes, len, &datagram, false, &query), MN_PARSE_INVALID);
    for (unsigned hops = 0; hops < 256; hops++) {
        datagram.ttl = (uint8_t)hops;
        assert_int_equal(mn_mld_parse_query(bytes, len, &datagram, true, &query),
                         hops == 1 ? MN_PARSE_OK : MN_PARSE_INVALID);
    }
    for (size_t i = 0; i < MN_COUNT_OF(strangers); i++) {
        datagram = from(strangers[i]);
        assert_int_equal(mn_mld_parse_query(bytes, len, &datagram, true, &query), MN_PARSE_INVALID);
    }
}

/* MLD2-8.1-1, MLD2-5.1.12-1 */
static void query_has_the_version_of_its_length(void **state)
{
    (void)state;
    uint8_t bytes[MESSAGE_MAX];
    struct mn_group_query query;
    put_query(bytes);
    for (size_t len = 0; len < 60; len++) {
        enum mn_parse expected = len < 24                 ? MN_PARSE_TRUNCATED
                                 : len == 24 || len >= 28 ? MN_PARSE_OK
                                                          : MN_PARSE_INVALID;
        assert_int_equal(parse(bytes, len, &query), expected);
        if (expected == MN_PARSE_OK)
            assert_int_equal(query.version, len == 24 ? 1 : 2);
    }
}

/* MLD2-5.1.10-1 */
static void sources_fit_the_message(void **state)
{
    (void)state;
    uint8_t bytes[MESSAGE_MAX];
    struct mn_group_query query;
    put_query(bytes);
    bytes[27] = 3;
    for (size_t len = 28; len < 100; len++)
        assert_int_equal(parse(bytes, len, &query), len < 28 + 48 ? MN_PARSE_TRUNCATED : MN_PARSE_OK);
    bytes[26] = bytes[27] = 0xff;
    assert_int_equal(parse(bytes, sizeof bytes, &query), MN_PARSE_TRUNCATED);
}

/* MLD1-5-1, ICMP6: other types; the code is ignored. */
static void query_is_about_groups(void **state)
{
    (void)state;
    uint8_t bytes[MESSAGE_MAX];
    struct mn_group_query query;
    size_t len = put_query(bytes);
    bytes[1] = 7;
    assert_int_equal(parse(bytes, len, &query), MN_PARSE_OK);
    assert_true(mnet_address_is_any(query.group));
    bytes[23] = 1; /* ::1 */
    assert_int_equal(parse(bytes, len, &query), MN_PARSE_INVALID);
    bytes[8] = 0xff;
    assert_int_equal(parse(bytes, len, &query), MN_PARSE_OK);
    bytes[0] = MN_ICMPV6_MLD_REPORT;
    assert_int_equal(parse(bytes, len, &query), MN_PARSE_INVALID);
}

/* MLD2-5.1.3-1, MLD2-5.1.9-1, MLD2-8.2.1-3 */
static void large_times_are_floating(void **state)
{
    (void)state;
    static const struct {
        uint16_t code;
        uint32_t version_1, version_2;
    } responses[] = {{0, 0, 0},
                     {32767, 32767, 32767},
                     {0x8000, 32768, 32768},
                     {0x8001, 32769, 32776},
                     {0x9000, 36864, 65536},
                     {0xffff, 65535, 8387584}};
    static const struct {
        uint8_t code;
        uint32_t interval_s;
    } intervals[] = {{0, 0}, {127, 127}, {128, 128}, {0x90, 256}, {255, 31744}};
    uint8_t bytes[MESSAGE_MAX];
    struct mn_group_query query;
    size_t len = put_query(bytes);
    for (size_t i = 0; i < MN_COUNT_OF(responses); i++) {
        mn_store_u16(bytes + 4, responses[i].code);
        assert_int_equal(parse(bytes, len, &query), MN_PARSE_OK);
        assert_int_equal(query.max_response_ms, responses[i].version_2);
        assert_int_equal(parse(bytes, MN_MLD_MESSAGE, &query), MN_PARSE_OK);
        assert_int_equal(query.max_response_ms, responses[i].version_1);
    }
    for (size_t i = 0; i < MN_COUNT_OF(intervals); i++) {
        bytes[25] = intervals[i].code;
        assert_int_equal(parse(bytes, len, &query), MN_PARSE_OK);
        assert_int_equal(query.interval_s, intervals[i].interval_s);
    }
}

/* The code of a value is the largest that is not above it. */
static void codes_are_the_inverse_of_their_values(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        uint32_t value = mn_group_decode((uint16_t)code, 15);
        assert_int_equal(mn_group_encode(value, 15), code);
        if (code >= 0x8000)
            assert_int_equal(mn_group_encode(value - 1, 15), code - 1);
    }
    for (unsigned code = 0; code < 256; code++)
        assert_int_equal(mn_group_encode(mn_group_decode((uint16_t)code, 7), 7), code);
    assert_int_equal(mn_group_encode(UINT32_MAX, 15), 65535);
    assert_int_equal(mn_group_encode(UINT32_MAX, 7), 255);
}

/* MLD1-5-1, MLD1-3.7-1: bytes behind the message do not count. */
static void report_of_version_1_names_a_group(void **state)
{
    (void)state;
    struct mnet_address said = address("ff02::42"), group;
    uint8_t bytes[MN_MLD_MESSAGE + 16] = {0};
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    struct mn_datagram datagram = from("fe80::1");
    mn_mld_write(&w, MN_ICMPV6_MLD_REPORT, &said);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        enum mn_parse expected = len < MN_MLD_MESSAGE ? MN_PARSE_TRUNCATED : MN_PARSE_OK;
        assert_int_equal(mn_mld_parse_report(bytes, len, &datagram, &group), expected);
    }
    assert_true(mnet_address_equal(group, said));
    datagram.ttl = 2;
    assert_int_equal(mn_mld_parse_report(bytes, sizeof bytes, &datagram, &group), MN_PARSE_INVALID);
    datagram = from("2001:db8::1");
    assert_int_equal(mn_mld_parse_report(bytes, sizeof bytes, &datagram, &group), MN_PARSE_INVALID);
    datagram = from("fe80::1");
    bytes[8] = 0xfe;
    assert_int_equal(mn_mld_parse_report(bytes, sizeof bytes, &datagram, &group), MN_PARSE_INVALID);
    bytes[8] = 0xff;
    bytes[0] = MN_ICMPV6_MLD_QUERY;
    assert_int_equal(mn_mld_parse_report(bytes, sizeof bytes, &datagram, &group), MN_PARSE_INVALID);
}

/* MLD2-5.2.10-1, MLD2-5.2.11-1, MLD2-5.2.12-1: auxiliary data, trailing bytes and unknown types. */
static void records_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct mnet_address group = address("ff05::9"), sources[] = {address("2001::1"), address("2001::2")}, source;
    struct mn_datagram datagram = from("fe80::1");
    struct mn_group_record record;
    struct mn_reader records;
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_mld_write_report2(&w, 2);
    mn_group_write_record(&w, (enum mn_group_record_type)9, &group, NULL, 0);
    bytes[MN_MLD2_REPORT + 1] = 1;
    mn_write_u32(&w, 0xdeadbeef);
    mn_group_write_record(&w, MN_GROUP_BLOCK_SOURCES, &group, sources, 2);
    size_t least = sizeof bytes - w.left;
    mn_write_u32(&w, 0xffffffff);
    for (size_t len = 0; len < least; len++)
        assert_int_equal(mn_mld_parse_report2(bytes, len, &datagram, true, &records), MN_PARSE_TRUNCATED);
    assert_int_equal(mn_mld_parse_report2(bytes, least + 4, &datagram, false, &records), MN_PARSE_INVALID);
    assert_int_equal(mn_mld_parse_report2(bytes, least + 4, &datagram, true, &records), MN_PARSE_OK);
    assert_true(mn_group_next_record(&records, MN_MLD_SOURCE, &record));
    assert_int_equal(record.type, 9);
    assert_int_equal(record.source_count, 0);
    assert_true(mn_group_next_record(&records, MN_MLD_SOURCE, &record));
    assert_int_equal(record.type, MN_GROUP_BLOCK_SOURCES);
    assert_true(mnet_address_equal(record.group, group));
    assert_true(mn_group_next_source(&record.sources, MN_MLD_SOURCE, &source));
    assert_true(mn_group_next_source(&record.sources, MN_MLD_SOURCE, &source));
    assert_true(mnet_address_equal(source, sources[1]));
    assert_false(mn_group_next_source(&record.sources, MN_MLD_SOURCE, &source));
    assert_false(mn_group_next_record(&records, MN_MLD_SOURCE, &record));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_have_the_rfcs_bytes),
        cmocka_unit_test(queries_are_read_as_they_were_written),
        cmocka_unit_test(query_needs_a_local_source_one_hop_and_router_alert),
        cmocka_unit_test(query_has_the_version_of_its_length),
        cmocka_unit_test(sources_fit_the_message),
        cmocka_unit_test(query_is_about_groups),
        cmocka_unit_test(large_times_are_floating),
        cmocka_unit_test(codes_are_the_inverse_of_their_values),
        cmocka_unit_test(report_of_version_1_names_a_group),
        cmocka_unit_test(records_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
