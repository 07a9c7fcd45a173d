/* Addresses of both families: values, and texts compared with those of the C library. */
#include <arpa/inet.h>
#include <stdio.h>

#include "unit/support.h"

#include <mnet/address.h>
#include <mnet/error.h>

#include "base/address_text.h"

static struct mnet_address parsed(const char *text)
{
    struct mnet_address address;
    if (mnet_address_parse(text, &address) != MNET_OK)
        fail_msg("does not parse: %s", text);
    return address;
}

static struct mnet_prefix prefix_of(const char *text)
{
    struct mnet_prefix prefix;
    if (mnet_prefix_parse(text, &prefix) != MNET_OK)
        fail_msg("does not parse: %s", text);
    return prefix;
}

static void assert_formats(const char *text, const char *canonical)
{
    char out[MNET_ADDRESS_TEXT];
    assert_ptr_equal(mnet_address_format(parsed(text), out, sizeof(out)), out);
    assert_string_equal(out, canonical);
}

static void ipv4_values_go_there_and_back(void **state)
{
    (void)state;
    struct mnet_address a = mnet_ipv4(192, 0, 2, 33);
    assert_true(mnet_address_is_ipv4(a));
    assert_int_equal(mnet_address_to_ipv4(a), 0xc0000221);
    assert_true(mnet_address_equal(a, mnet_address_from_ipv4(0xc0000221)));
    assert_true(mnet_address_equal(a, parsed("192.0.2.33")));
    assert_int_equal(mnet_address_to_ipv4(parsed("fd00::c000:221")), 0);
    assert_false(mnet_address_is_ipv4(parsed("::192.0.2.33")));
}

static void any_is_all_zeros_of_either_family(void **state)
{
    (void)state;
    assert_true(mnet_address_is_any(MNET_ADDRESS_ANY));
    assert_true(mnet_address_is_any(mnet_ipv4(0, 0, 0, 0)));
    assert_false(mnet_address_is_any(mnet_ipv4(0, 0, 0, 1)));
    assert_false(mnet_address_is_any(parsed("::1")));
}

static void multicast_of_either_family(void **state)
{
    (void)state;
    assert_true(mnet_address_is_multicast(mnet_ipv4(224, 0, 0, 1)));
    assert_true(mnet_address_is_multicast(mnet_ipv4(239, 255, 255, 255)));
    assert_false(mnet_address_is_multicast(mnet_ipv4(223, 255, 255, 255)));
    assert_false(mnet_address_is_multicast(mnet_ipv4(240, 0, 0, 0)));
    assert_false(mnet_address_is_multicast(mnet_ipv4(255, 255, 255, 255)));
    assert_true(mnet_address_is_multicast(parsed("ff02::1")));
    assert_false(mnet_address_is_multicast(parsed("fe80::1")));
}

static void equality_compares_all(void **state)
{
    (void)state;
    struct mnet_endpoint a = {mnet_ipv4(10, 0, 0, 1), 80}, b = a;
    assert_true(mnet_endpoint_equal(a, b));
    b.port = 81;
    assert_false(mnet_endpoint_equal(a, b));
    b = a;
    b.address.bytes[0] = 1;
    assert_false(mnet_endpoint_equal(a, b));
    assert_false(mnet_address_equal(a.address, b.address));
}

static void prefix_contains_to_the_bit(void **state)
{
    (void)state;
    assert_true(mnet_prefix_contains(prefix_of("10.0.0.2/24"), parsed("10.0.0.255")));
    assert_false(mnet_prefix_contains(prefix_of("10.0.0.2/24"), parsed("10.0.1.0")));
    assert_true(mnet_prefix_contains(prefix_of("0.0.0.0/0"), parsed("255.255.255.255")));
    assert_true(mnet_prefix_contains(prefix_of("10.0.0.2/32"), parsed("10.0.0.2")));
    assert_false(mnet_prefix_contains(prefix_of("10.0.0.2/32"), parsed("10.0.0.3")));
    assert_true(mnet_prefix_contains(prefix_of("fd00::/127"), parsed("fd00::1")));
    assert_false(mnet_prefix_contains(prefix_of("fd00::/127"), parsed("fd00::2")));
    assert_true(mnet_prefix_contains(prefix_of("::/0"), parsed("fd00::1")));
    assert_false(mnet_prefix_contains(prefix_of("::/0"), parsed("10.0.0.1")));
    assert_false(mnet_prefix_contains(prefix_of("0.0.0.0/0"), parsed("::1")));
    assert_false(mnet_prefix_contains((struct mnet_prefix){mnet_ipv4(1, 2, 3, 4), 33}, mnet_ipv4(1, 2, 3, 4)));
}

static void prefix_contains_equals_comparing_bits(void **state)
{
    (void)state;
    uint64_t seed = 41;
    for (int i = 0; i < 20000; i++) {
        struct mnet_prefix prefix;
        struct mnet_address address;
        prefix.address.zone = 0;
        test_random_bytes(&seed, prefix.address.bytes, 16);
        address = prefix.address;
        unsigned flip = (unsigned)test_random_below(&seed, 128);
        address.bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
        prefix.length = (uint8_t)test_random_below(&seed, 129);
        if (!mnet_address_is_ipv4(prefix.address) && !mnet_address_is_ipv4(address))
            assert_int_equal(mnet_prefix_contains(prefix, address), flip >= prefix.length);
    }
}

static void addresses_of_one_link_can_have_a_zone(void **state)
{
    (void)state;
    static const char *const yes[] = {"fe80::", "fe80::1", "febf:ffff::1", "ff01::1", "ff02::1", "ff32::1", "fff1::1"};
    static const char *const no[] = {"::",          "::1",       "fe7f::1", "fec0::1", "fd00::1",
                                     "2001:db8::1", "ff00::1",   "ff03::1", "ff05::2", "0.0.0.0",
                                     "169.254.0.1", "224.0.0.1", "ff0e::1"};
    for (size_t i = 0; i < MN_COUNT_OF(yes); i++)
        assert_true(mnet_address_can_have_zone(parsed(yes[i])));
    for (size_t i = 0; i < MN_COUNT_OF(no); i++)
        assert_false(mnet_address_can_have_zone(parsed(no[i])));
}

/* ZONE-6-1: one address on two links is two addresses. */
static void zones_are_compared(void **state)
{
    (void)state;
    assert_false(mnet_address_equal(parsed("fe80::1%1"), parsed("fe80::1%2")));
    assert_false(mnet_address_equal(parsed("fe80::1%1"), parsed("fe80::1")));
    assert_true(mnet_address_equal(parsed("fe80::1%513"), parsed("fe80::1%513")));
    assert_true(mnet_prefix_contains(prefix_of("fe80::/10"), parsed("fe80::1%2")));
    assert_true(mnet_prefix_contains(prefix_of("fe80::%2/64"), parsed("fe80::1%2")));
    assert_false(mnet_prefix_contains(prefix_of("fe80::%2/64"), parsed("fe80::1%3")));
    assert_false(mnet_prefix_contains(prefix_of("fe80::%2/64"), parsed("fe80::1")));
}

/* ZONE-11-1, ZONE-11.2-1, ZONE-11.7-1 */
static void parse_and_format_zones(void **state)
{
    (void)state;
    assert_int_equal(parsed("fe80::1%3").zone, 3);
    assert_int_equal(parsed("fe80::1").zone, 0);
    assert_int_equal(prefix_of("fe80::%3/64").address.zone, 3); /* RFC 4007 11.7 */
    assert_int_equal(prefix_of("fe80::%3/64").length, 64);
    assert_formats("FE80::1%3", "fe80::1%3");
    assert_formats("fe80::1%0", "fe80::1"); /* RFC 4007 11.2: the default zone */
    assert_formats("ff02::1%65535", "ff02::1%65535");
    assert_formats("fe80::1.2.3.4%12", "fe80::102:304%12");
}

/* Two links by name; nobody else's texts have a name. */
static uint16_t find_link(const void *context, const char *name, size_t len)
{
    (void)context;
    return len == 4 && memcmp(name, "net0", 4) == 0 ? 7 : len == 4 && memcmp(name, "net1", 4) == 0 ? 8 : 0;
}

static const char *name_link(const void *context, uint16_t zone)
{
    (void)context;
    return zone == 7 ? "net0" : zone == 8 ? "net1" : NULL;
}

static const struct mn_zone_names links = {find_link, name_link, NULL};

/* ZONE-11.2-1: the names of RFC 4007 11.2 are optional. */
static void zones_have_the_names_of_links(void **state)
{
    (void)state;
    struct mnet_address address;
    char text[MNET_ENDPOINT_TEXT];
    assert_int_equal(mn_address_parse("fe80::1%net1", &links, &address), MNET_OK);
    assert_int_equal(address.zone, 8);
    assert_string_equal(mn_address_format(address, &links, text, sizeof text), "fe80::1%net1");
    assert_string_equal(mnet_address_format(address, text, sizeof text), "fe80::1%8");
    assert_string_equal(mn_endpoint_format((struct mnet_endpoint){address, 80}, &links, text, sizeof text),
                        "[fe80::1%net1]:80");
    assert_int_equal(mn_address_parse("fe80::1%9", &links, &address), MNET_OK);
    assert_string_equal(mn_address_format(address, &links, text, sizeof text), "fe80::1%9");
    static const char *const bad[] = {"fe80::1%net2",  "fe80::1%net",  "fe80::1%net00",   "fe80::1%",
                                      "fe80::1%net0%", "fd00::1%net0", "fe80::1%net0/64", "10.0.0.1%net0",
                                      "fe80::1%%net0", "fe80::1%net0 "};
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++)
        if (mn_address_parse(bad[i], &links, &address) != MNET_E_INVALID)
            fail_msg("parses: %s", bad[i]);
    assert_int_equal(address.zone, 9);
}

/* TEXT-4-1, TEXT-5-1, N6-11.1-1, N6-11.1-2 */
static void parse_and_format_canonically(void **state)
{
    (void)state;
    assert_formats("0.0.0.0", "0.0.0.0");
    assert_formats("255.255.255.255", "255.255.255.255");
    assert_formats("::ffff:10.0.0.2", "10.0.0.2");
    assert_formats("::ffff:a00:2", "10.0.0.2");
    assert_formats("::", "::");
    assert_formats("::1", "::1");
    assert_formats("1::", "1::");
    assert_formats("2001:0db8::0001", "2001:db8::1");              /* TEXT-4.1-1 */
    assert_formats("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");       /* TEXT-4.2.1-1 */
    assert_formats("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"); /* TEXT-4.2.2-1 */
    assert_formats("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");         /* TEXT-4.2.3-1: the longest */
    assert_formats("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");   /* the first of equal ones */
    assert_formats("2001:DB8::ABCD:EF00", "2001:db8::abcd:ef00");  /* TEXT-4.3-1 */
    assert_formats("0:0:1:0:0:0:0:0", "0:0:1::");
    assert_formats("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
    assert_formats("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
    assert_formats("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8");
    assert_formats("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
    assert_formats("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304");
    assert_formats("::1.2.3.4", "::102:304");
    assert_formats("1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888");
}

static const char *const bad_addresses[] = {
    "",
    " ",
    "1",
    "1.2.3",
    "1.2.3.",
    "1.2.3.4.",
    "1.2.3.4.5",
    ".1.2.3.4",
    "1..2.3",
    "1.2.3.256",
    "1.2.3.04",
    "00.2.3.4",
    "1.2.3.-4",
    "1.2.3.+4",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.a",
    "1.2.3.4/24",
    "1.2.3.99999999999999999999",
    ":",
    ":::",
    ":1",
    "1:",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "1::2::3",
    "1:::2",
    "::12345",
    "::g",
    "::1%eth0",
    "fe80::1%eth0", /* a name, and nobody who knows it */
    "fe80::1%",
    "fe80::1%%1",
    "fe80::1%1%1",
    "fe80::1%1%",
    "fe80::1%1 ",
    "fe80::1% 1",
    "fe80::1%+1",
    "fe80::1%-1",
    "fe80::1%01",
    "fe80::1%00",
    "fe80::1%0x1",
    "fe80::1%65536",
    "fe80::1%4294967297",
    "fe80::1%18446744073709551617",
    "fe80::1%1/64",
    "fe80::%1::1",
    "%1",
    "%1fe80::1",
    "::%1",
    "::1%1",
    "fd00::1%1",
    "2001:db8::1%1",
    "ff05::1%1",
    "10.0.0.1%1",
    "169.254.0.1%1",
    "224.0.0.1%1",
    "::ffff:10.0.0.1%1",
    "::%0",
    "1.2.3.4::",
    "1.2.3.4:5::",
    "::1.2.3.4:5",
    "::1.2.3",
    "::1.2.3.4.5",
    "::1.2.3.256",
    "::01.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1:2:3:4:5:1.2.3.4",
    "[::1]",
    "::/64",
    "localhost",
};

/* ARCH-2.2-1, ZONE-11.1-1 */
static void parse_refuses_anything_else_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(bad_addresses); i++) {
        struct mnet_address address = mnet_ipv4(9, 9, 9, 9);
        if (mnet_address_parse(bad_addresses[i], &address) != MNET_E_INVALID)
            fail_msg("parses: %s", bad_addresses[i]);
        assert_true(mnet_address_equal(address, mnet_ipv4(9, 9, 9, 9)));
    }
}

static void parse_prefix(void **state)
{
    (void)state;
    assert_int_equal(prefix_of("10.0.0.2/24").length, 24);
    assert_true(mnet_address_equal(prefix_of("10.0.0.2/24").address, mnet_ipv4(10, 0, 0, 2)));
    assert_int_equal(prefix_of("10.0.0.2/0").length, 0);
    assert_int_equal(prefix_of("10.0.0.2/32").length, 32);
    assert_int_equal(prefix_of("fd00::2/64").length, 64);
    assert_int_equal(prefix_of("::/128").length, 128);
    assert_int_equal(prefix_of("::ffff:10.0.0.0/104").length, 8);
    static const char *const bad[] = {
        "10.0.0.2",
        "10.0.0.2/",
        "10.0.0.2/33",
        "10.0.0.2/024",
        "10.0.0.2/24 ",
        "10.0.0.2/-1",
        "/24",
        "10.0.0/24",
        "10.0.0.2/2/4",
        "::/129",
        "::/",
        "::ffff:10.0.0.0/95",
        "fe80::/64%1",
        "fe80::%/64",
        "fe80::%net0/64",
        "fd00::%1/64",
        "fe80::%1",
        "fe80::%1/",
        "fe80::%1/129",
        "10.0.0.0%1/8",
        "10.0.0.2/x",
        "10.0.0.2 /24",
        "::",
        "::/0064",
        "::/4294967360",
        "10.0.0.2/18446744073709551640",
    };
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++) {
        struct mnet_prefix prefix = {mnet_ipv4(9, 9, 9, 9), 9};
        if (mnet_prefix_parse(bad[i], &prefix) != MNET_E_INVALID)
            fail_msg("parses: %s", bad[i]);
        assert_true(mnet_address_equal(prefix.address, mnet_ipv4(9, 9, 9, 9)));
        assert_int_equal(prefix.length, 9);
    }
}

static struct mnet_address random_ipv6(uint64_t *seed)
{
    struct mnet_address address = MNET_ADDRESS_ANY;
    test_random_bytes(seed, address.bytes, 16);
    uint64_t zeros = test_random(seed) & test_random(seed);
    for (int group = 0; group < 8; group++) {
        if ((zeros >> group & 1) != 0)
            memset(address.bytes + 2 * group, 0, 2);
        if ((zeros >> (8 + group) & 1) != 0)
            address.bytes[2 * group] = 0;
    }
    return address;
}

static void format_and_parse_equal_the_library(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 50000; i++) {
        struct mnet_address address = random_ipv6(&seed), back;
        char text[MNET_ADDRESS_TEXT], expected[INET6_ADDRSTRLEN];
        mnet_address_format(address, text, sizeof(text));
        inet_ntop(AF_INET6, address.bytes, expected, sizeof(expected));
        /* The library shows ::a.b.c.d and ::ffff:a.b.c.d with dots. */
        if (strchr(expected, '.') == NULL)
            assert_string_equal(text, expected);
        assert_int_equal(mnet_address_parse(text, &back), MNET_OK);
        assert_true(mnet_address_equal(address, back));
    }
}

/* TEXT-4-1, ARCH-2.2-1: texts that are nearly right are accepted or refused as the library does. */
static void parse_of_mutilated_texts_equals_the_library(void **state)
{
    (void)state;
    static const char letters[] = "0123456789abcdefABF::::...g/";
    uint64_t seed = 43;
    for (int i = 0; i < 200000; i++) {
        struct mnet_address address = random_ipv6(&seed), got;
        char text[64];
        inet_ntop(i % 4 == 0 ? AF_INET : AF_INET6, address.bytes, text, 60);
        for (size_t changes = test_random_below(&seed, 3); changes > 0; changes--) {
            size_t at = test_random_below(&seed, strlen(text) + 1), len = strlen(text);
            char letter = letters[test_random_below(&seed, sizeof(letters) - 1)];
            if (at < len && test_random_below(&seed, 2) == 0)
                memmove(text + at, text + at + 1, len - at);
            else if (at < len && test_random_below(&seed, 2) == 0)
                text[at] = letter;
            else if (len < 60) {
                memmove(text + at + 1, text + at, len - at + 1);
                text[at] = letter;
            }
        }
        uint8_t expected[16];
        bool four = inet_pton(AF_INET, text, expected) == 1;
        bool six = !four && inet_pton(AF_INET6, text, expected) == 1;
        int result = mnet_address_parse(text, &got);
        if ((result == MNET_OK) != (four || six))
            fail_msg("%s: %d", text, result);
        if (result == MNET_OK)
            assert_memory_equal(got.bytes + (four ? 12 : 0), expected, four ? 4 : 16);
    }
}

/* TEXT-6-1 */
static void format_endpoints(void **state)
{
    (void)state;
    char text[MNET_ENDPOINT_TEXT];
    struct mnet_endpoint endpoint = {mnet_ipv4(10, 0, 0, 2), 80};
    assert_string_equal(mnet_endpoint_format(endpoint, text, sizeof(text)), "10.0.0.2:80");
    endpoint = (struct mnet_endpoint){parsed("fd00::2"), 65535};
    assert_string_equal(mnet_endpoint_format(endpoint, text, sizeof(text)), "[fd00::2]:65535");
    endpoint.address = parsed("1111:2222:3333:4444:5555:6666:7777:8888");
    mnet_endpoint_format(endpoint, text, sizeof(text));
    assert_string_equal(text, "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
    endpoint.address = parsed("fe80:2222:3333:4444:5555:6666:7777:8888%65535");
    mnet_endpoint_format(endpoint, text, sizeof(text));
    assert_string_equal(text, "[fe80:2222:3333:4444:5555:6666:7777:8888%65535]:65535");
}

static void parse_endpoints(void **state)
{
    (void)state;
    static const char *const good[] = {"10.0.0.2:80", "[fd00::2]:65535", "[fe80::2%3]:0", "[::]:1", "0.0.0.0:9"};
    static const char *const bad[] = {
        "",           "10.0.0.2",  "10.0.0.2:",   "10.0.0.2:65536", "10.0.0.2:080",  ":80",         "[10.0.0.2]:80",
        "fd00::2:80", "[fd00::2]", "[fd00::2]80", "[fd00::2:80",    "[fd00::2]:80 ", "10.0.0.2:-1", "[]:80",
        "[fd00::2]:"};
    struct mnet_endpoint endpoint;
    char text[MNET_ENDPOINT_TEXT];
    for (size_t i = 0; i < MN_COUNT_OF(good); i++) {
        assert_int_equal(mnet_endpoint_parse(good[i], &endpoint), 0);
        assert_string_equal(mnet_endpoint_format(endpoint, text, sizeof text), good[i]);
    }
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++) {
        endpoint = (struct mnet_endpoint){mnet_ipv4(1, 2, 3, 4), 5};
        assert_int_equal(mnet_endpoint_parse(bad[i], &endpoint), MNET_E_INVALID);
        assert_true(mnet_endpoint_equal(endpoint, (struct mnet_endpoint){mnet_ipv4(1, 2, 3, 4), 5}));
    }
    char longest[200] = "[";
    memset(longest + 1, 'a', sizeof longest - 6);
    strcpy(longest + sizeof longest - 5, "]:80");
    assert_int_equal(mnet_endpoint_parse(longest, &endpoint), MNET_E_INVALID);
}

static const char *longest_name(const void *context, uint16_t zone)
{
    (void)zone;
    return context;
}

/* The sizes of the texts are those of the longest ones. */
static void longest_texts_fit(void **state)
{
    (void)state;
    char name[MNET_ZONE_TEXT], text[MNET_ENDPOINT_TEXT];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const struct mn_zone_names names = {find_link, longest_name, name};
    struct mnet_endpoint endpoint = {parsed("fe80:2222:3333:4444:5555:6666:7777:8888%65535"), 65535};
    mn_endpoint_format(endpoint, &names, text, sizeof text);
    assert_non_null(strstr(text, "8888%nnnn"));
    assert_string_equal(text + strlen(text) - 9, "nn]:65535");
}

static void format_is_cut_and_terminated(void **state)
{
    (void)state;
    char text[6] = "~~~~~";
    mnet_address_format(mnet_ipv4(192, 168, 1, 1), text, 5);
    assert_string_equal(text, "192.");
    assert_int_equal(text[5], '\0');
    mnet_endpoint_format((struct mnet_endpoint){mnet_ipv4(192, 168, 1, 1), 1}, text, 1);
    assert_string_equal(text, "");
    text[0] = '~';
    mnet_address_format(mnet_ipv4(192, 168, 1, 1), text, 0);
    assert_int_equal(text[0], '~');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_values_go_there_and_back),
        cmocka_unit_test(any_is_all_zeros_of_either_family),
        cmocka_unit_test(multicast_of_either_family),
        cmocka_unit_test(equality_compares_all),
        cmocka_unit_test(prefix_contains_to_the_bit),
        cmocka_unit_test(prefix_contains_equals_comparing_bits),
        cmocka_unit_test(addresses_of_one_link_can_have_a_zone),
        cmocka_unit_test(zones_are_compared),
        cmocka_unit_test(parse_and_format_zones),
        cmocka_unit_test(zones_have_the_names_of_links),
        cmocka_unit_test(longest_texts_fit),
        cmocka_unit_test(parse_and_format_canonically),
        cmocka_unit_test(parse_refuses_anything_else_and_changes_nothing),
        cmocka_unit_test(parse_prefix),
        cmocka_unit_test(format_and_parse_equal_the_library),
        cmocka_unit_test(parse_of_mutilated_texts_equals_the_library),
        cmocka_unit_test(format_endpoints),
        cmocka_unit_test(parse_endpoints),
        cmocka_unit_test(format_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
