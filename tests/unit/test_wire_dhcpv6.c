/* DHCPv6 messages: RFC 8415, RFC 3646. */
#include "unit/support.h"

#include "support/addresses.h"
#include "wire/dhcpv6.h"

enum {
    MESSAGE_MAX = 1024,
};

static const struct mn_mac mac = {{2, 0, 0, 0, 0, 7}};

static enum mn_parse parse(const uint8_t *bytes, size_t len, struct mn_dhcpv6 *message)
{
    uint8_t *exact = malloc(len + 1);
    memcpy(exact, bytes, len);
    enum mn_parse verdict = mn_dhcpv6_parse(exact, len, message);
    free(exact);
    return verdict;
}

/* A Reply with the options in `options` and nothing else. */
static enum mn_parse parse_options(const uint8_t *options, size_t len, struct mn_dhcpv6 *message)
{
    static uint8_t bytes[65536] = {MN_DHCPV6_REPLY, 1, 2, 3};
    memcpy(bytes + 4, options, len);
    return parse(bytes, 4 + len, message);
}

#define OPTIONS(message, ...) \
    parse_options((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), message)

/* DHCP6-18.2.1-1 to DHCP6-18.2.1-5: the bytes of a Solicit, by hand from the RFC. */
static void solicit_has_the_rfcs_bytes(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        1, 0xab, 0xcd, 0xef,                                       /* type, transaction id */
        0, 1,    0,    10,   0, 3,  0, 1,  2, 0, 0, 0, 0, 7,       /* Client Identifier */
        0, 3,    0,    12,   0, 0,  0, 9,  0, 0, 0, 0, 0, 0, 0, 0, /* IA_NA */
        0, 8,    0,    2,    0, 0,                                 /* Elapsed Time */
        0, 14,   0,    0,                                          /* Rapid Commit */
        0, 6,    0,    4,    0, 82, 0, 23,                         /* Option Request */
    };
    struct mn_dhcpv6 message = {
        .type = MN_DHCPV6_SOLICIT,
        .xid = 0xabcdef,
        .client_id = mn_dhcpv6_duid_ll(mac),
        .has_elapsed = true,
        .rapid_commit = true,
        .requested_count = 2,
        .requested = {MN_DHCPV6_OPTION_SOL_MAX_RT, MN_DHCPV6_OPTION_DNS_SERVERS},
        .ia_count = 1,
        .ias = {{.iaid = 9}},
    };
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_dhcpv6_write(&w, &message);
    assert_int_equal(sizeof bytes - w.left, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    assert_true(mnet_address_equal(mn_dhcpv6_servers, address("ff02::1:2")));
}

/* A message with every option. */
static struct mn_dhcpv6 full(void)
{
    static const uint8_t domains[] = "\3lab\7example\0\3org";
    struct mn_dhcpv6 message = {
        .type = MN_DHCPV6_REPLY,
        .xid = 0x010203,
        .client_id = mn_dhcpv6_duid_llt(mac, 700000000),
        .server_id = mn_dhcpv6_duid_en(9, "server", 6),
        .has_elapsed = true,
        .elapsed = 0xffff,
        .rapid_commit = true,
        .reconfigure_accept = true,
        .has_status = true,
        .status = MN_DHCPV6_USE_MULTICAST,
        .preference = 255,
        .reconfigure = MN_DHCPV6_RENEW,
        .unicast = address("2001:db8::547"),
        .sol_max_rt_s = 60,
        .inf_max_rt_s = 86400,
        .refresh_s = MN_DHCPV6_INFINITE,
        .requested_count = 1,
        .requested = {MN_DHCPV6_OPTION_INF_MAX_RT},
        .ia_count = 2,
        .dns_count = 2,
        .ntp_count = 2,
        .ntp = {address("2001:db8::123"), address("fe80::123")},
        .dns = {address("2001:db8::53"), address("fe80::53")},
    };
    message.ias[0] = (struct mn_dhcpv6_ia){.iaid = 1, .t1_s = 100, .t2_s = 160, .address_count = 2};
    message.ias[0].addresses[0] = (struct mn_dhcpv6_address){
        .address = address("2001:db8::5"), .preferred_s = 200, .valid_s = 300};
    message.ias[0].addresses[1] = (struct mn_dhcpv6_address){.address = address("2001:db8::6"),
                                                             .preferred_s = MN_DHCPV6_INFINITE,
                                                             .valid_s = MN_DHCPV6_INFINITE,
                                                             .status = MN_DHCPV6_NOT_ON_LINK};
    message.ias[1] = (struct mn_dhcpv6_ia){.iaid = 2, .status = MN_DHCPV6_NO_ADDRS_AVAIL};
    message.ntp_name_count = 1;
    message.ntp_names[0] = mn_reader("\4time\7example", 14);
    message.domains = mn_reader(domains, sizeof domains);
    return message;
}

static void assert_same_ia(const struct mn_dhcpv6_ia *a, const struct mn_dhcpv6_ia *b)
{
    assert_int_equal(a->iaid, b->iaid);
    assert_int_equal(a->t1_s, b->t1_s);
    assert_int_equal(a->t2_s, b->t2_s);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->address_count, b->address_count);
    for (unsigned i = 0; i < a->address_count; i++) {
        assert_true(mnet_address_equal(a->addresses[i].address, b->addresses[i].address));
        assert_int_equal(a->addresses[i].preferred_s, b->addresses[i].preferred_s);
        assert_int_equal(a->addresses[i].valid_s, b->addresses[i].valid_s);
        assert_int_equal(a->addresses[i].status, b->addresses[i].status);
    }
}

static void messages_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct mn_dhcpv6 said = full(), read;
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    char text[MN_DOMAIN];
    mn_dhcpv6_write(&w, &said);
    assert_true(w.ok);
    assert_int_equal(mn_dhcpv6_parse(bytes, sizeof bytes - w.left, &read), MN_PARSE_OK);
    assert_int_equal(read.type, said.type);
    assert_int_equal(read.xid, said.xid);
    assert_true(mn_dhcpv6_duid_equal(&read.client_id, &said.client_id));
    assert_true(mn_dhcpv6_duid_equal(&read.server_id, &said.server_id));
    assert_false(mn_dhcpv6_duid_equal(&read.client_id, &read.server_id));
    assert_true(read.has_elapsed && read.rapid_commit && read.reconfigure_accept && read.has_status);
    assert_int_equal(read.elapsed, 0xffff);
    assert_int_equal(read.status, MN_DHCPV6_USE_MULTICAST);
    assert_int_equal(read.preference, 255);
    assert_int_equal(read.reconfigure, MN_DHCPV6_RENEW);
    assert_true(mnet_address_equal(read.unicast, said.unicast));
    assert_int_equal(read.sol_max_rt_s, 60);
    assert_int_equal(read.inf_max_rt_s, 86400);
    assert_int_equal(read.refresh_s, MN_DHCPV6_INFINITE);
    assert_int_equal(read.requested_count, 1);
    assert_int_equal(read.requested[0], MN_DHCPV6_OPTION_INF_MAX_RT);
    assert_int_equal(read.ia_count, 2);
    assert_same_ia(&read.ias[0], &said.ias[0]);
    assert_same_ia(&read.ias[1], &said.ias[1]);
    assert_int_equal(read.dns_count, 2);
    assert_int_equal(read.ntp_count, 2);
    assert_true(mnet_address_equal(read.ntp[0], said.ntp[0]) && mnet_address_equal(read.ntp[1], said.ntp[1]));
    assert_true(mnet_address_equal(read.dns[1], said.dns[1]));
    assert_int_equal(read.ntp_name_count, 1);
    assert_true(mn_domain_next(&read.ntp_names[0], text));
    assert_string_equal(text, "time.example");
    assert_true(mn_domain_next(&read.domains, text));
    assert_string_equal(text, "lab.example");
    assert_true(mn_domain_next(&read.domains, text));
    assert_string_equal(text, "org");
    assert_false(mn_domain_next(&read.domains, text));
}

/* DHCP6-8-1, DHCP6-21.1-1: every cut; one between options leaves a message. */
static void messages_that_are_cut_are_noticed(void **state)
{
    (void)state;
    struct mn_dhcpv6 said = full(), read;
    uint8_t bytes[MESSAGE_MAX];
    bool between[MESSAGE_MAX] = {false};
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_dhcpv6_write(&w, &said);
    size_t len = sizeof bytes - w.left;
    for (size_t at = 4; at <= len; at += 4u + mn_load_u16(bytes + at + 2)) {
        between[at] = true;
        if (at == len)
            break;
    }
    for (size_t cut = 0; cut <= len; cut++)
        assert_int_equal(parse(bytes, cut, &read), cut < 4        ? MN_PARSE_TRUNCATED
                                                   : between[cut] ? MN_PARSE_OK
                                                                  : MN_PARSE_INVALID);
}

/* DHCP6-16-3, DHCP6-16.2-1 */
static void other_types_are_invalid(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t bytes[4] = {(uint8_t)type, 0, 0, 1};
        struct mn_dhcpv6 message;
        assert_int_equal(parse(bytes, sizeof bytes, &message),
                         type >= 1 && type <= 11 ? MN_PARSE_OK : MN_PARSE_INVALID);
    }
}

/* DHCP6-11-3, DHCP6-11.1-1 */
static void duids_are_opaque_and_bounded(void **state)
{
    (void)state;
    for (size_t len = 0; len < 140; len++) {
        uint8_t option[144] = {0, 2, 0, (uint8_t)len, 0xff, 0xff};
        struct mn_dhcpv6 message;
        assert_int_equal(parse_options(option, 4 + len, &message), MN_PARSE_OK);
        bool fits = len >= 3 && len <= MN_DHCPV6_DUID;
        assert_int_equal(message.server_id.len, fits ? len : 0);
        if (fits)
            assert_memory_equal(message.server_id.bytes, option + 4, len);
    }
}

/* DHCP6-11.2-1, DHCP6-11.4-1 */
static void own_duids_have_the_rfcs_bytes(void **state)
{
    (void)state;
    static const uint8_t llt[] = {0, 1, 0, 1, 0x29, 0xb9, 0x27, 0x00, 2, 0, 0, 0, 0, 7};
    static const uint8_t ll[] = {0, 3, 0, 1, 2, 0, 0, 0, 0, 7};
    static const uint8_t en[] = {0, 2, 0, 0, 0, 9, 'a', 'b'};
    static const uint8_t uuid[18] = {0, 4, 0xde, 0xad, [17] = 1};
    struct mn_dhcpv6_duid duid = mn_dhcpv6_duid_llt(mac, 0x29b92700);
    assert_int_equal(duid.len, sizeof llt);
    assert_memory_equal(duid.bytes, llt, sizeof llt);
    duid = mn_dhcpv6_duid_ll(mac);
    assert_int_equal(duid.len, sizeof ll);
    assert_memory_equal(duid.bytes, ll, sizeof ll);
    duid = mn_dhcpv6_duid_en(9, "ab", 2);
    assert_int_equal(duid.len, sizeof en);
    assert_memory_equal(duid.bytes, en, sizeof en);
    duid = mn_dhcpv6_duid_uuid(uuid + 2);
    assert_int_equal(duid.len, sizeof uuid);
    assert_memory_equal(duid.bytes, uuid, sizeof uuid);
}

/* DHCP6-21.4-4 */
static void ia_with_t2_before_t1_is_left_out(void **state)
{
    (void)state;
    static const struct {
        uint8_t t1, t2;
        bool taken;
    } cases[] = {{0, 0, true}, {9, 0, true}, {0, 9, true}, {9, 9, true}, {9, 10, true}, {10, 9, false}};
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mn_dhcpv6 message;
        assert_int_equal(
            OPTIONS(&message, 0, 3, 0, 12, 0, 0, 0, 7, 0, 0, 0, cases[i].t1, 0, 0, 0, cases[i].t2, 0, 7, 0, 1, 5),
            MN_PARSE_OK);
        assert_int_equal(message.ia_count, cases[i].taken);
        assert_int_equal(message.preference, 5);
    }
}

/* DHCP6-21.6-3, DHCP6-21.6-4: addresses that a host cannot use. */
static void unusable_addresses_are_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t preferred_s, valid_s;
        bool taken;
    } cases[] = {
        {"2001:db8::1", 10, 20, true}, {"2001:db8::1", 20, 20, true}, {"2001:db8::1", 21, 20, false},
        {"2001:db8::1", 0, 0, true},   {"::", 10, 20, false},         {"::1", 10, 20, false},
        {"ff02::1", 10, 20, false},    {"10.0.0.1", 10, 20, false},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mn_dhcpv6 said = {.type = MN_DHCPV6_REPLY, .ia_count = 1}, read;
        uint8_t bytes[MESSAGE_MAX];
        struct mn_writer w = mn_writer(bytes, sizeof bytes);
        said.ias[0].address_count = 1;
        said.ias[0].addresses[0] = (struct mn_dhcpv6_address){
            .address = address(cases[i].text), .preferred_s = cases[i].preferred_s, .valid_s = cases[i].valid_s};
        mn_dhcpv6_write(&w, &said);
        assert_int_equal(mn_dhcpv6_parse(bytes, sizeof bytes - w.left, &read), MN_PARSE_OK);
        assert_int_equal(read.ia_count, 1);
        assert_int_equal(read.ias[0].address_count, cases[i].taken);
    }
}

/* DHCP6-21.1-1, DHCP6-21.4-1: options that go beyond the IA or the address that they are in. */
static void nested_options_stay_in_their_option(void **state)
{
    (void)state;
    uint8_t option[4 + 12 + 4 + 24 + 6] = {0, 3, 0, 46, [15] = 0, [17] = 5, [19] = 30};
    struct mn_dhcpv6 message;
    memcpy(option + 20, (const uint8_t[]){0x20, 1}, 2);
    memcpy(option + 44, (const uint8_t[]){0, 13, 0, 2, 0, 4}, 6);
    assert_int_equal(parse_options(option, sizeof option, &message), MN_PARSE_OK);
    assert_int_equal(message.ias[0].address_count, 1);
    assert_int_equal(message.ias[0].addresses[0].status, MN_DHCPV6_NOT_ON_LINK);
    option[47] = 3; /* beyond the address */
    assert_int_equal(parse_options(option, sizeof option, &message), MN_PARSE_OK);
    assert_int_equal(message.ia_count, 1);
    assert_int_equal(message.ias[0].address_count, 0);
    option[19] = 31; /* beyond the IA */
    assert_int_equal(parse_options(option, sizeof option, &message), MN_PARSE_OK);
    assert_int_equal(message.ia_count, 0);
    option[3] = 47; /* beyond the message */
    assert_int_equal(parse_options(option, sizeof option, &message), MN_PARSE_INVALID);
}

/* DHCP6-21.6-1: an address of less than 24 octets is none. */
static void short_address_is_left_out(void **state)
{
    (void)state;
    for (uint8_t len = 20; len <= 24; len++) {
        uint8_t option[4 + 12 + 4 + 24] = {0, 3, 0, (uint8_t)(16 + len), [17] = 5, [19] = len, [20] = 0x20, 1};
        struct mn_dhcpv6 message;
        option[20 + 16 + 3] = 1; /* preferred for a second, ... */
        if (len == 24)
            option[20 + 20 + 3] = 2; /* ... and valid for two */
        assert_int_equal(parse_options(option, 20u + len, &message), MN_PARSE_OK);
        assert_int_equal(message.ia_count, 1);
        assert_int_equal(message.ias[0].address_count, len == 24);
    }
}

/* DHCP6-21.13-1: the text of a status may have any length and any bytes, and is not kept. */
static void text_of_a_status_is_passed_over(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 300, 60000};
    static uint8_t option[4 + 2 + 60000];
    for (size_t i = 0; i < MN_COUNT_OF(lens); i++) {
        struct mn_dhcpv6 message;
        size_t len = 2 + lens[i];
        memset(option, 0xff, sizeof option);
        memcpy(option, ((uint8_t[]){0, 13, (uint8_t)(len >> 8), (uint8_t)len, 0, MN_DHCPV6_NOT_ON_LINK}), 6);
        assert_int_equal(parse_options(option, 4 + len, &message), MN_PARSE_OK);
        assert_true(message.has_status);
        assert_int_equal(message.status, MN_DHCPV6_NOT_ON_LINK);
    }
}

/* More IAs, addresses and servers than there is room for. */
static void lists_are_bounded(void **state)
{
    (void)state;
    uint8_t bytes[MESSAGE_MAX] = {MN_DHCPV6_REPLY};
    struct mn_dhcpv6 said = {.type = MN_DHCPV6_REPLY, .ia_count = 1}, read;
    said.ias[0].address_count = MN_DHCPV6_ADDRESSES;
    for (unsigned i = 0; i < MN_DHCPV6_ADDRESSES; i++)
        said.ias[0].addresses[i] = (struct mn_dhcpv6_address){.address = address("2001:db8::1"), .valid_s = 9};
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_write_u32(&w, UINT32_C(1) * MN_DHCPV6_REPLY << 24);
    for (unsigned i = 0; i < MN_DHCPV6_IAS + 2; i++) {
        uint8_t one[MESSAGE_MAX];
        struct mn_writer v = mn_writer(one, sizeof one);
        said.ias[0].iaid = i;
        mn_dhcpv6_write(&v, &said);
        mn_write_bytes(&w, one + 4, sizeof one - v.left - 4);
    }
    assert_true(w.ok);
    assert_int_equal(mn_dhcpv6_parse(bytes, sizeof bytes - w.left, &read), MN_PARSE_OK);
    assert_int_equal(read.ia_count, MN_DHCPV6_IAS);
    assert_int_equal(read.ias[MN_DHCPV6_IAS - 1].iaid, MN_DHCPV6_IAS - 1);
    assert_int_equal(read.ias[0].address_count, MN_DHCPV6_ADDRESSES);
}

/* DHCP6-21-1, DHCP6-21-2: the first of a repeated option counts, and they are not joined. */
static void first_of_repeated_options_counts(void **state)
{
    (void)state;
    struct mn_dhcpv6 message;
    assert_int_equal(OPTIONS(&message, 0, 7, 0, 1, 5, 0, 7, 0, 1, 6, 0, 2, 0, 3, 1, 2, 3, 0, 2, 0, 3, 4, 5, 6, 0, 13, 0,
                             2, 0, 0, 0, 13, 0, 2, 0, 1),
                     MN_PARSE_OK);
    assert_int_equal(message.preference, 5);
    assert_int_equal(message.server_id.len, 3);
    assert_int_equal(message.server_id.bytes[0], 1);
    assert_int_equal(message.status, MN_DHCPV6_SUCCESS);
}

/* DHCP6-16-2, DHCP6-21.8-1: unknown options and wrong lengths. */
static void unknown_and_misshapen_options_are_skipped(void **state)
{
    (void)state;
    struct mn_dhcpv6 message;
    assert_int_equal(OPTIONS(&message, 0xfd, 0xe8, 0, 3, 1, 2, 3, 0, 7, 0, 2, 9, 9, 0, 14, 0, 1, 1, 0, 20, 0, 1, 1, 0,
                             8, 0, 1, 1, 0, 13, 0, 1, 1, 0, 12, 0, 1, 1, 0, 23, 0, 1, 1, 0, 24, 0, 2, 0xc0, 0, 0, 32, 0,
                             0, 0, 82, 0, 1, 1, 0, 6, 0, 3, 0, 1, 0, 0, 3, 0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
                     MN_PARSE_OK);
    assert_false(message.rapid_commit || message.reconfigure_accept || message.has_elapsed || message.has_status);
    assert_int_equal(message.preference | message.dns_count | message.requested_count | message.ia_count, 0);
    assert_int_equal(message.refresh_s | message.sol_max_rt_s, 0);
    assert_true(mnet_address_is_any(message.unicast));
    assert_int_equal(mn_reader_left(&message.domains), 0);
}

/* DHCP6NTP-4-1: an address of 15 bytes, and names that are empty, cut short, compressed, or two;
 * then three good ones, of which two are taken. */
static void time_servers_that_are_none_are_left_out(void **state)
{
    (void)state;
    struct mn_dhcpv6 message;
    assert_int_equal(OPTIONS(&message, 0, 56, 0, 19, 0, 1, 0, 15, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 56,
                             0, 4, 0, 3, 0, 0, 0, 56, 0, 5, 0, 3, 0, 1, 0, 0, 56, 0, 6, 0, 3, 0, 2, 1, 'a', 0, 56, 0, 8,
                             0, 3, 0, 4, 1, 'a', 0xc0, 0, 0, 56, 0, 10, 0, 3, 0, 6, 1, 'a', 0, 1, 'b', 0),
                     MN_PARSE_OK);
    assert_int_equal(message.ntp_count | message.ntp_name_count, 0);
    assert_int_equal(OPTIONS(&message, 0, 56, 0, 7, 0, 3, 0, 3, 1, 'a', 0, 0, 56, 0, 7, 0, 3, 0, 3, 1, 'b', 0, 0, 56, 0,
                             7, 0, 3, 0, 3, 1, 'c', 0),
                     MN_PARSE_OK);
    assert_int_equal(message.ntp_name_count, MN_DHCPV6_NTP_NAMES);
}

/* DHCP6-21.24-2, DHCP6-21.25-2, DHCP6-21.23-4, DHCP6-21.23-5 */
static void times_of_servers_are_bounded(void **state)
{
    (void)state;
    static const struct {
        uint32_t value, max_rt_s, refresh_s;
    } cases[] = {{0, 0, 600},     {59, 0, 600},          {60, 60, 600},     {599, 599, 600},
                 {601, 601, 601}, {86400, 86400, 86400}, {86401, 0, 86401}, {UINT32_MAX, 0, UINT32_MAX}};
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        uint8_t options[24] = {0, 82, 0, 4, 0, 0, 0, 0, 0, 83, 0, 4, 0, 0, 0, 0, 0, 32, 0, 4};
        struct mn_dhcpv6 message;
        for (size_t at = 4; at < sizeof options; at += 8)
            mn_store_u32(options + at, cases[i].value);
        assert_int_equal(parse_options(options, sizeof options, &message), MN_PARSE_OK);
        assert_int_equal(message.sol_max_rt_s, cases[i].max_rt_s);
        assert_int_equal(message.inf_max_rt_s, cases[i].max_rt_s);
        assert_int_equal(message.refresh_s, cases[i].refresh_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solicit_has_the_rfcs_bytes),
        cmocka_unit_test(messages_are_read_as_they_were_written),
        cmocka_unit_test(messages_that_are_cut_are_noticed),
        cmocka_unit_test(other_types_are_invalid),
        cmocka_unit_test(duids_are_opaque_and_bounded),
        cmocka_unit_test(own_duids_have_the_rfcs_bytes),
        cmocka_unit_test(ia_with_t2_before_t1_is_left_out),
        cmocka_unit_test(unusable_addresses_are_left_out),
        cmocka_unit_test(nested_options_stay_in_their_option),
        cmocka_unit_test(short_address_is_left_out),
        cmocka_unit_test(text_of_a_status_is_passed_over),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(first_of_repeated_options_counts),
        cmocka_unit_test(unknown_and_misshapen_options_are_skipped),
        cmocka_unit_test(time_servers_that_are_none_are_left_out),
        cmocka_unit_test(times_of_servers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
