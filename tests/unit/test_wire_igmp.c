/* IGMP: RFC 1112, RFC 2236, RFC 3376. */
#include "unit/support.h"

#include "base/checksum.h"
#include "wire/igmp.h"

enum {
    MESSAGE_MAX = 512,
};

/* Parses a copy that ends where the message does, with a right checksum. */
static enum mn_parse parse(const uint8_t *bytes, size_t len, struct mn_group_query *query)
{
    uint8_t *exact = malloc(len + 1);
    memcpy(exact, bytes, len);
    if (len >= MN_IGMP_MESSAGE)
        mn_igmp_set_checksum(exact, len);
    enum mn_parse verdict = mn_igmp_parse_query(exact, len, true, query);
    free(exact);
    return verdict;
}

/* IGMP2-2-1, IGMP2-2-2, IGMP3-4-1, IGMP3-4.2.10-1: the bytes by hand from the RFCs. */
static void messages_have_the_rfcs_bytes(void **state)
{
    (void)state;
    static const uint8_t leave[] = {0x17, 0, 0, 0, 239, 1, 2, 3};
    static const uint8_t report[] = {0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 1, 239, 1, 2, 3, 10, 0, 0, 1};
    static const uint8_t alert[] = {0x94, 0x04, 0x00, 0x00};
    struct mnet_address group = mnet_ipv4(239, 1, 2, 3), source = mnet_ipv4(10, 0, 0, 1);
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_igmp_write(&w, MN_IGMP2_LEAVE, &group);
    assert_int_equal(sizeof bytes - w.left, sizeof leave);
    assert_memory_equal(bytes, leave, sizeof leave);
    w = mn_writer(bytes, sizeof bytes);
    mn_igmp_write_report3(&w, 1);
    mn_group_write_record(&w, MN_GROUP_TO_EXCLUDE, &group, &source, 1);
    assert_int_equal(sizeof bytes - w.left, sizeof report);
    assert_memory_equal(bytes, report, sizeof report);
    assert_int_equal(mn_igmp_router_alert.len, sizeof alert);
    assert_memory_equal(mn_igmp_router_alert.bytes, alert, sizeof alert);
}

static void queries_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct mnet_address sources[] = {mnet_ipv4(10, 0, 0, 1), mnet_ipv4(10, 0, 0, 2)}, source;
    for (uint8_t version = 1; version <= 3; version++) {
        struct mn_group_query said = {.version = version,
                                      .max_response_ms = 5000,
                                      .group = mnet_ipv4(239, 1, 1, 1),
                                      .suppress = true,
                                      .robustness = 3,
                                      .interval_s = 125,
                                      .source_count = 2};
        struct mn_group_query read;
        uint8_t bytes[MESSAGE_MAX];
        struct mn_writer w = mn_writer(bytes, sizeof bytes);
        mn_igmp_write_query(&w, &said, sources);
        size_t len = sizeof bytes - w.left;
        assert_int_equal(len, version < 3 ? 8 : 20);
        mn_igmp_set_checksum(bytes, len);
        assert_int_equal(mn_igmp_parse_query(bytes, len, true, &read), MN_PARSE_OK);
        assert_int_equal(read.version, version);
        assert_int_equal(read.max_response_ms, version == 1 ? 10000 : 5000); /* IGMP3-7.2.1-3 */
        assert_true(mnet_address_equal(read.group, said.group));
        assert_int_equal(read.suppress, version == 3);
        assert_int_equal(read.robustness, version == 3 ? 3 : 0);
        assert_int_equal(read.interval_s, version == 3 ? 125 : 0);
        assert_int_equal(read.source_count, version == 3 ? 2 : 0);
        for (uint16_t i = 0; i < read.source_count; i++) {
            assert_true(mn_group_next_source(&read.sources, MN_IGMP_SOURCE, &source));
            assert_true(mnet_address_equal(source, sources[i]));
        }
        assert_false(mn_group_next_source(&read.sources, MN_IGMP_SOURCE, &source));
        assert_true(read.sources.ok);
    }
}

/* IGMP3-4.1.2-1, IGMP3-4.1.10-1: over all bytes, those behind the message included. */
static void checksum_is_verified_first(void **state)
{
    (void)state;
    uint8_t bytes[20] = {MN_IGMP_QUERY, 100};
    struct mn_group_query query;
    mn_igmp_set_checksum(bytes, sizeof bytes);
    assert_int_equal(mn_igmp_parse_query(bytes, sizeof bytes, true, &query), MN_PARSE_OK);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(mn_igmp_parse_query(bytes, sizeof bytes, true, &query), MN_PARSE_CHECKSUM);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* IGMP3-7.1-1 */
static void query_has_the_version_of_its_length_and_code(void **state)
{
    (void)state;
    uint8_t bytes[40] = {MN_IGMP_QUERY};
    struct mn_group_query query;
    for (size_t len = 0; len < sizeof bytes; len++) {
        enum mn_parse expected = len < 8 ? MN_PARSE_TRUNCATED : len == 8 || len >= 12 ? MN_PARSE_OK : MN_PARSE_INVALID;
        for (uint8_t code = 0; code < 2; code++) {
            bytes[1] = code;
            assert_int_equal(parse(bytes, len, &query), expected);
            if (expected == MN_PARSE_OK)
                assert_int_equal(query.version, len >= 12 ? 3 : code == 0 ? 1 : 2);
        }
    }
}

/* IGMP3-4.1.1-1, IGMP3-7.2.1-4 */
static void large_times_are_floating_in_version_3(void **state)
{
    (void)state;
    uint8_t bytes[12] = {MN_IGMP_QUERY};
    struct mn_group_query query;
    static const struct {
        uint8_t code;
        uint32_t version_2, version_3;
    } cases[] = {{1, 100, 100}, {127, 12700, 12700}, {128, 12800, 12800}, {200, 20000, 307200}, {255, 25500, 3174400}};
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        bytes[1] = cases[i].code;
        assert_int_equal(parse(bytes, 8, &query), MN_PARSE_OK);
        assert_int_equal(query.max_response_ms, cases[i].version_2);
        assert_int_equal(parse(bytes, 12, &query), MN_PARSE_OK);
        assert_int_equal(query.max_response_ms, cases[i].version_3);
    }
}

/* IGMP3-9.1-1; version 1 has no such option. */
static void query_of_a_younger_version_needs_router_alert(void **state)
{
    (void)state;
    uint8_t bytes[12] = {MN_IGMP_QUERY};
    struct mn_group_query query;
    for (uint8_t code = 0; code < 2; code++) {
        bytes[1] = code;
        for (size_t len = 8; len <= 12; len += 4) {
            mn_igmp_set_checksum(bytes, len);
            assert_int_equal(mn_igmp_parse_query(bytes, len, false, &query),
                             len == 8 && code == 0 ? MN_PARSE_OK : MN_PARSE_INVALID);
            assert_int_equal(mn_igmp_parse_query(bytes, len, true, &query), MN_PARSE_OK);
        }
    }
}

/* IGMP2-6-1 */
static void query_is_about_groups(void **state)
{
    (void)state;
    uint8_t bytes[8] = {MN_IGMP_QUERY, 100, 0, 0, 10, 0, 0, 1};
    struct mn_group_query query;
    assert_int_equal(parse(bytes, 8, &query), MN_PARSE_INVALID);
    bytes[4] = 223;
    assert_int_equal(parse(bytes, 8, &query), MN_PARSE_INVALID);
    bytes[4] = 224;
    assert_int_equal(parse(bytes, 8, &query), MN_PARSE_OK);
    bytes[4] = 240;
    assert_int_equal(parse(bytes, 8, &query), MN_PARSE_INVALID);
    bytes[4] = 239;
    bytes[0] = MN_IGMP2_REPORT;
    assert_int_equal(parse(bytes, 8, &query), MN_PARSE_INVALID);
}

static void sources_fit_the_message(void **state)
{
    (void)state;
    uint8_t bytes[32] = {MN_IGMP_QUERY, [11] = 3};
    struct mn_group_query query;
    for (size_t len = 12; len <= sizeof bytes; len++)
        assert_int_equal(parse(bytes, len, &query), len < 24 ? MN_PARSE_TRUNCATED : MN_PARSE_OK);
    bytes[10] = 0xff;
    assert_int_equal(parse(bytes, sizeof bytes, &query), MN_PARSE_TRUNCATED);
}

/* IGMP2-3-2, IGMP3-4-2 */
static void reports_name_a_group(void **state)
{
    (void)state;
    struct mnet_address said = mnet_ipv4(239, 1, 2, 3), group;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t bytes[8] = {(uint8_t)type, 0, 0, 0, 239, 1, 2, 3};
        bool known = type == MN_IGMP1_REPORT || type == MN_IGMP2_REPORT || type == MN_IGMP2_LEAVE;
        mn_igmp_set_checksum(bytes, sizeof bytes);
        assert_int_equal(mn_igmp_parse_report(bytes, sizeof bytes, &group), known ? MN_PARSE_OK : MN_PARSE_INVALID);
        assert_true(mnet_address_equal(group, said));
        bytes[4] = 10;
        mn_igmp_set_checksum(bytes, sizeof bytes);
        assert_int_equal(mn_igmp_parse_report(bytes, sizeof bytes, &group), MN_PARSE_INVALID);
        assert_int_equal(mn_igmp_parse_report(bytes, 7, &group), MN_PARSE_TRUNCATED);
        bytes[7] ^= 1;
        assert_int_equal(mn_igmp_parse_report(bytes, sizeof bytes, &group), MN_PARSE_CHECKSUM);
    }
}

static void records_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct mnet_address group = mnet_ipv4(239, 1, 2, 3), source = mnet_ipv4(10, 0, 0, 1), read;
    struct mn_group_record record;
    struct mn_reader records;
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_igmp_write_report3(&w, 2);
    mn_group_write_record(&w, (enum mn_group_record_type)9, &group, NULL, 0);
    bytes[MN_IGMP3_REPORT + 1] = 1;
    mn_write_u32(&w, 0xdeadbeef); /* auxiliary data */
    mn_group_write_record(&w, MN_GROUP_ALLOW_SOURCES, &group, &source, 1);
    size_t least = sizeof bytes - w.left;
    for (size_t len = MN_IGMP3_REPORT; len < least; len++) {
        mn_igmp_set_checksum(bytes, len);
        assert_int_equal(mn_igmp_parse_report3(bytes, len, &records), MN_PARSE_TRUNCATED);
    }
    mn_write_u32(&w, 0xffffffff);
    mn_igmp_set_checksum(bytes, least + 4);
    assert_int_equal(mn_igmp_parse_report3(bytes, least + 4, &records), MN_PARSE_OK);
    assert_true(mn_group_next_record(&records, MN_IGMP_SOURCE, &record));
    assert_int_equal(record.type, 9);
    assert_true(mn_group_next_record(&records, MN_IGMP_SOURCE, &record));
    assert_int_equal(record.type, MN_GROUP_ALLOW_SOURCES);
    assert_true(mnet_address_equal(record.group, group));
    assert_true(mn_group_next_source(&record.sources, MN_IGMP_SOURCE, &read));
    assert_true(mnet_address_equal(read, source));
    assert_false(mn_group_next_source(&record.sources, MN_IGMP_SOURCE, &read));
    assert_false(mn_group_next_record(&records, MN_IGMP_SOURCE, &record));
    bytes[0] = MN_IGMP2_REPORT;
    mn_igmp_set_checksum(bytes, least);
    assert_int_equal(mn_igmp_parse_report3(bytes, least, &records), MN_PARSE_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_have_the_rfcs_bytes),
        cmocka_unit_test(queries_are_read_as_they_were_written),
        cmocka_unit_test(checksum_is_verified_first),
        cmocka_unit_test(query_has_the_version_of_its_length_and_code),
        cmocka_unit_test(large_times_are_floating_in_version_3),
        cmocka_unit_test(query_of_a_younger_version_needs_router_alert),
        cmocka_unit_test(query_is_about_groups),
        cmocka_unit_test(sources_fit_the_message),
        cmocka_unit_test(reports_name_a_group),
        cmocka_unit_test(records_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
