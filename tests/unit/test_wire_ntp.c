#include "support.h"

#include "wire/ntp.h"

static const uint8_t bytes[MN_NTP_HEADER] = {
    0x64, 0x02, 0x06, 0xe9,                         /* leap 1, version and mode 4, stratum 2 */
    0x00, 0x00, 0x80, 0x00,                         /* half a second */
    0x00, 0x01, 0x00, 0x00,                         /* a second */
    0x0a, 0x00, 0x00, 0x01,                         /* 10.0.0.1 */
    0x83, 0xaa, 0x7e, 0x80, 0x00, 0x00, 0x00, 0x00, /* 1970-01-01 00:00:00 */
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* */
    0x83, 0xaa, 0x7e, 0x81, 0x80, 0x00, 0x00, 0x00, /* 1.5 s later */
    0x83, 0xaa, 0x7e, 0x82, 0x00, 0x00, 0x00, 0x01,
};

static void header_is_read_and_written(void **state)
{
    uint8_t written[MN_NTP_HEADER];
    struct mn_ntp m;
    (void)state;
    assert_int_equal(mn_ntp_parse(bytes, sizeof bytes, &m), MN_PARSE_OK);
    assert_int_equal(m.leap, 1);
    assert_int_equal(m.version, 4);
    assert_int_equal(m.mode, MN_NTP_SERVER);
    assert_int_equal(m.stratum, 2);
    assert_int_equal(m.poll, 6);
    assert_int_equal(m.precision, -23);
    assert_int_equal(mn_ntp_short_to_ns(m.root_delay), MNET_SECOND / 2);
    assert_int_equal(mn_ntp_short_to_ns(m.root_dispersion), MNET_SECOND);
    assert_int_equal(m.reference_id, 0x0a000001);
    assert_true(m.origin == UINT64_C(0x0102030405060708));
    assert_true(mn_ntp_to_unix(m.reference) == 0);
    assert_true(mn_ntp_to_unix(m.receive) == 3 * MNET_SECOND / 2);
    assert_true(mn_ntp_to_unix(m.transmit) == 2 * MNET_SECOND);
    mn_ntp_emit(written, &m);
    assert_memory_equal(written, bytes, sizeof bytes);
}

static void header_cut_short_is_none(void **state)
{
    struct mn_ntp m;
    (void)state;
    for (size_t len = 0; len < sizeof bytes; len++)
        assert_int_equal(mn_ntp_parse(bytes, len, &m), MN_PARSE_TRUNCATED);
}

/* SNTP-3-1 */
static void seconds_go_on_after_2036(void **state)
{
    (void)state;
    assert_true(mn_ntp_to_unix(UINT64_C(0xffffffff) << 32) == UINT64_C(2085978495) * MNET_SECOND);
    assert_true(mn_ntp_to_unix(UINT64_C(1) << 32) == UINT64_C(2085978497) * MNET_SECOND);
    assert_true(mn_ntp_to_unix(UINT64_C(0x7fffffff) << 32) == UINT64_C(4233462143) * MNET_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_read_and_written),
        cmocka_unit_test(header_cut_short_is_none),
        cmocka_unit_test(seconds_go_on_after_2036),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
