/* Neighbour discovery: validity by RFC 4861's clauses, options, and messages that are written. */
#include "unit/support.h"

#include "base/checksum.h"
#include "support/addresses.h"
#include "wire/nd.h"

enum {
    RS = MN_ICMPV6_ROUTER_SOLICITATION,
    RA = MN_ICMPV6_ROUTER_ADVERTISEMENT,
    NS = MN_ICMPV6_NEIGHBOUR_SOLICITATION,
    NA = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
    REDIRECT = MN_ICMPV6_REDIRECT,
    MESSAGE_MAX = 512,
};

static struct mn_datagram from_to(const char *source, const char *destination)
{
    return (struct mn_datagram){.source = address(source),
                                .destination = address(destination),
                                .protocol = MN_PROTOCOL_ICMPV6,
                                .ttl = MN_ND_HOP_LIMIT};
}

static const struct mn_mac mac = {{2, 0, 0, 0, 0, 7}};

/* A valid message of each type, as a host or a router on the link sends it. */
static struct mn_nd valid(uint8_t type)
{
    struct mn_nd message = {.type = type, .has_link_address = true, .link_address = mac};
    if (type == NS || type == NA || type == REDIRECT)
        message.target = address("fe80::7");
    if (type == REDIRECT)
        message.destination = address("2001:db8::9");
    if (type == RA) {
        message.hop_limit = 64;
        message.router_lifetime_s = 1800;
        message.mtu = 1400;
    }
    return message;
}

static struct mn_datagram usual(uint8_t type)
{
    return from_to("fe80::7", type == NS ? "ff02::1:ff00:7" : type == RS ? "ff02::2" : "ff02::1");
}

static enum mn_parse parse(const uint8_t *bytes, size_t len, const struct mn_datagram *datagram, struct mn_nd *read)
{
    uint8_t *exact = malloc(len + 1);
    memcpy(exact, bytes, len);
    enum mn_parse verdict = mn_nd_parse(exact, len, datagram, false, read);
    free(exact);
    return verdict;
}

static size_t put(uint8_t *bytes, const struct mn_nd *message)
{
    struct mn_writer w = mn_writer(bytes, MN_ND_WRITE_MAX);
    mn_nd_write(&w, message);
    assert_true(w.ok);
    return MN_ND_WRITE_MAX - w.left;
}

static enum mn_parse verdict_of(const struct mn_nd *message, struct mn_datagram datagram)
{
    uint8_t bytes[MN_ND_WRITE_MAX];
    struct mn_nd read;
    return parse(bytes, put(bytes, message), &datagram, &read);
}

/* ND-4.1-1, ND-4.2-1 and others: fields go out and come back. */
static void messages_are_read_as_they_were_written(void **state)
{
    (void)state;
    for (uint8_t type = RS; type <= REDIRECT; type++) {
        struct mn_nd said = valid(type), read;
        struct mn_datagram datagram = usual(type);
        uint8_t bytes[MN_ND_WRITE_MAX];
        if (type == NA)
            said.router = said.override = true;
        if (type == RA) {
            said.managed = said.other = true;
            said.preference = MN_ND_LOW;
            said.router_lifetime_s = 65535;
            said.reachable_ms = 30000;
            said.retrans_ms = 1000;
        }
        if (type == NS) {
            said.nonce_len = MN_ND_NONCE;
            memcpy(said.nonce, "nonce!", MN_ND_NONCE);
        }
        size_t len = put(bytes, &said);
        assert_int_equal(parse(bytes, len, &datagram, &read), MN_PARSE_OK);
        assert_int_equal(read.type, type);
        assert_true(mnet_address_equal(read.target, said.target));
        assert_true(mnet_address_equal(read.destination, said.destination));
        assert_int_equal(read.router << 2 | read.solicited << 1 | read.override,
                         said.router << 2 | said.solicited << 1 | said.override);
        assert_int_equal(read.hop_limit, said.hop_limit);
        assert_int_equal(read.managed << 1 | read.other, said.managed << 1 | said.other);
        assert_int_equal(read.preference, said.preference);
        assert_int_equal(read.router_lifetime_s, said.router_lifetime_s);
        assert_int_equal(read.reachable_ms, said.reachable_ms);
        assert_int_equal(read.retrans_ms, said.retrans_ms);
        assert_int_equal(read.mtu, said.mtu);
        assert_true(read.has_link_address);
        assert_true(mn_mac_equal(read.link_address, mac));
        assert_int_equal(read.nonce_len, said.nonce_len);
        assert_memory_equal(read.nonce, said.nonce, MN_ND_NONCE);
    }
}

/* The bytes of a solicitation and an advertisement, by hand from RFC 4861 4.3 and 4.4. */
static void solicitation_and_advertisement_have_the_rfcs_bytes(void **state)
{
    (void)state;
    static const uint8_t ns[] = {135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                                 0,   0, 0, 0, 0, 0, 0, 7, 1,    1,    2, 0, 0, 0, 0, 7};
    static const uint8_t na[] = {136, 0, 0, 0, 0x60, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                                 0,   0, 0, 0, 0,    0, 0, 7, 2,    1,    2, 0, 0, 0, 0, 7};
    uint8_t bytes[MN_ND_WRITE_MAX];
    struct mn_nd message = valid(NS);
    assert_int_equal(put(bytes, &message), sizeof ns);
    assert_memory_equal(bytes, ns, sizeof ns);
    message = valid(NA);
    message.solicited = message.override = true;
    assert_int_equal(put(bytes, &message), sizeof na);
    assert_memory_equal(bytes, na, sizeof na);
}

/* ND-6.1.2-2, ND-7.1.1-1, ND-7.1.2-1, ND-8.1-1 */
static void hop_limit_other_than_255_is_invalid(void **state)
{
    (void)state;
    for (uint8_t type = RS; type <= REDIRECT; type++) {
        struct mn_nd message = valid(type);
        for (unsigned hops = 0; hops < 256; hops++) {
            struct mn_datagram datagram = usual(type);
            datagram.ttl = (uint8_t)hops;
            assert_int_equal(verdict_of(&message, datagram), hops == 255 ? MN_PARSE_OK : MN_PARSE_INVALID);
        }
    }
}

/* ND-6.1.2-4, ND-7.1.1-2 */
static void code_other_than_zero_is_invalid(void **state)
{
    (void)state;
    for (uint8_t type = RS; type <= REDIRECT; type++) {
        struct mn_nd message = valid(type), read;
        struct mn_datagram datagram = usual(type);
        uint8_t bytes[MN_ND_WRITE_MAX];
        size_t len = put(bytes, &message);
        for (unsigned code = 1; code < 256; code++) {
            bytes[1] = (uint8_t)code;
            assert_int_equal(parse(bytes, len, &datagram, &read), MN_PARSE_INVALID);
        }
    }
}

/* ND-6.1.2-5, ND-7.1.1-3, ND-7.1.2-2, ND-8.1-2: every cut. One between options leaves a message. */
static void messages_that_are_cut_are_noticed(void **state)
{
    (void)state;
    static const uint8_t least[] = {8, 16, 24, 24, 40};
    for (uint8_t type = RS; type <= REDIRECT; type++) {
        struct mn_nd message = valid(type), read;
        struct mn_datagram datagram = usual(type);
        uint8_t bytes[MN_ND_WRITE_MAX];
        size_t len = put(bytes, &message);
        for (size_t cut = 0; cut <= len; cut++) {
            enum mn_parse expected = cut < least[type - RS] ? MN_PARSE_TRUNCATED
                                     : cut % 8 == 0         ? MN_PARSE_OK
                                                            : MN_PARSE_INVALID;
            assert_int_equal(parse(bytes, cut, &datagram, &read), expected);
        }
    }
}

/* FRAG6980-5-2 */
static void fragmented_messages_are_invalid(void **state)
{
    (void)state;
    for (uint8_t type = RS; type <= REDIRECT; type++) {
        struct mn_nd message = valid(type), read;
        struct mn_datagram datagram = usual(type);
        uint8_t bytes[MN_ND_WRITE_MAX];
        size_t len = put(bytes, &message);
        assert_int_equal(mn_nd_parse(bytes, len, &datagram, false, &read), MN_PARSE_OK);
        assert_int_equal(mn_nd_parse(bytes, len, &datagram, true, &read), MN_PARSE_INVALID);
    }
}

/* ND-4.6-1, ND-6.1.2-6, ND-7.1.1-5, and CVE-2020-16898: whatever the type of the option. */
static void option_of_length_zero_or_beyond_the_end_is_invalid(void **state)
{
    (void)state;
    for (uint8_t type = RS; type <= REDIRECT; type++) {
        struct mn_nd message = valid(type), read;
        struct mn_datagram datagram = usual(type);
        for (unsigned option = 0; option < 256; option++) {
            uint8_t bytes[MN_ND_WRITE_MAX + 8] = {0};
            size_t len = put(bytes, &message);
            bytes[len] = (uint8_t)option;
            assert_int_equal(parse(bytes, len + 8, &datagram, &read), MN_PARSE_INVALID);
            bytes[len + 1] = 2;
            assert_int_equal(parse(bytes, len + 8, &datagram, &read), MN_PARSE_INVALID);
            bytes[len + 1] = 255;
            assert_int_equal(parse(bytes, len + 8, &datagram, &read), MN_PARSE_INVALID);
            bytes[len + 1] = 1;
            assert_int_equal(parse(bytes, len + 8, &datagram, &read), MN_PARSE_OK);
        }
    }
}

static void other_types_are_invalid(void **state)
{
    (void)state;
    struct mn_nd message = valid(NS), read;
    struct mn_datagram datagram = usual(NS);
    uint8_t bytes[MN_ND_WRITE_MAX];
    size_t len = put(bytes, &message);
    for (unsigned type = 0; type < 256; type++) {
        bytes[0] = (uint8_t)type;
        if (type < RS || type > REDIRECT)
            assert_int_equal(parse(bytes, len, &datagram, &read), MN_PARSE_INVALID);
    }
}

/* RFC 4861 6.1.1 */
static void router_solicitation_from_nobody_has_no_link_address(void **state)
{
    (void)state;
    struct mn_nd message = valid(RS);
    assert_int_equal(verdict_of(&message, from_to("::", "ff02::2")), MN_PARSE_INVALID);
    message.has_link_address = false;
    assert_int_equal(verdict_of(&message, from_to("::", "ff02::2")), MN_PARSE_OK);
}

/* ND-6.1.2-1, ND-8.1-1 */
static void router_messages_come_from_link_local_addresses(void **state)
{
    (void)state;
    static const uint8_t types[] = {RA, REDIRECT};
    for (size_t i = 0; i < 2; i++) {
        struct mn_nd message = valid(types[i]);
        assert_int_equal(verdict_of(&message, from_to("fe80::1", "ff02::1")), MN_PARSE_OK);
        assert_int_equal(verdict_of(&message, from_to("febf::1", "fe80::2")), MN_PARSE_OK);
        assert_int_equal(verdict_of(&message, from_to("2001:db8::1", "ff02::1")), MN_PARSE_INVALID);
        assert_int_equal(verdict_of(&message, from_to("::", "ff02::1")), MN_PARSE_INVALID);
        assert_int_equal(verdict_of(&message, from_to("fec0::1", "ff02::1")), MN_PARSE_INVALID);
    }
}

/* ND-7.1.1-4, ND-7.1.2-3; and no address of the other family. */
static void targets_are_unicast(void **state)
{
    (void)state;
    static const uint8_t types[] = {NS, NA};
    for (size_t i = 0; i < 2; i++) {
        struct mn_nd message = valid(types[i]);
        message.target = address("ff02::1");
        assert_int_equal(verdict_of(&message, usual(types[i])), MN_PARSE_INVALID);
        message.target = address("10.0.0.2");
        assert_int_equal(verdict_of(&message, usual(types[i])), MN_PARSE_INVALID);
    }
}

/* ND-7.1.1-6, ND-7.1.1-7 */
static void solicitation_from_nobody_goes_to_a_solicited_node_without_link_address(void **state)
{
    (void)state;
    struct mn_nd message = valid(NS);
    assert_int_equal(verdict_of(&message, from_to("::", "ff02::1:ff00:7")), MN_PARSE_INVALID);
    message.has_link_address = false;
    assert_int_equal(verdict_of(&message, from_to("::", "ff02::1:ff00:7")), MN_PARSE_OK);
    assert_int_equal(verdict_of(&message, from_to("::", "ff02::1")), MN_PARSE_INVALID);
    assert_int_equal(verdict_of(&message, from_to("::", "fe80::7")), MN_PARSE_INVALID);
    assert_int_equal(verdict_of(&message, from_to("fe80::1", "fe80::7")), MN_PARSE_OK);
}

/* ND-7.1.2-4 */
static void solicited_advertisement_to_a_group_is_invalid(void **state)
{
    (void)state;
    struct mn_nd message = valid(NA);
    message.solicited = true;
    assert_int_equal(verdict_of(&message, from_to("fe80::7", "fe80::1")), MN_PARSE_OK);
    assert_int_equal(verdict_of(&message, from_to("fe80::7", "ff02::1")), MN_PARSE_INVALID);
    message.solicited = false;
    assert_int_equal(verdict_of(&message, from_to("fe80::7", "ff02::1")), MN_PARSE_OK);
}

/* ND-8.1-4, ND-8.1-5, ND-8.1-7 */
static void redirect_leads_to_a_router_or_to_the_destination(void **state)
{
    (void)state;
    struct mn_nd message = valid(REDIRECT);
    struct mn_datagram datagram = from_to("fe80::1", "2001:db8::5");
    assert_int_equal(verdict_of(&message, datagram), MN_PARSE_OK);
    message.target = address("2001:db8::8");
    assert_int_equal(verdict_of(&message, datagram), MN_PARSE_INVALID);
    message.target = message.destination;
    assert_int_equal(verdict_of(&message, datagram), MN_PARSE_OK);
    message.target = message.destination = address("ff0e::1");
    assert_int_equal(verdict_of(&message, datagram), MN_PARSE_INVALID);
    message.target = message.destination = address("10.0.0.1");
    assert_int_equal(verdict_of(&message, datagram), MN_PARSE_INVALID);
}

/* ND-4.6.2-4, ND-4.6.4-1, ND-7.1.1-8: options of other messages or of wrong lengths. */
static void misplaced_and_misshapen_options_are_ignored(void **state)
{
    (void)state;
    static const uint8_t tail[] = {
        5,  1, 0, 0, 0, 0, 5, 220,                         /* MTU */
        1,  2, 9, 9, 9, 9, 9, 9,   9, 9, 9, 9, 9, 9, 9, 9, /* source's address, too long */
        2,  1, 8, 8, 8, 8, 8, 8,                           /* target's address */
        14, 1, 1, 2, 3, 4, 5, 6,                           /* nonce */
    };
    for (uint8_t type = RS; type <= REDIRECT; type++) {
        struct mn_nd message = valid(type), read;
        struct mn_datagram datagram = usual(type);
        uint8_t bytes[MN_ND_WRITE_MAX + sizeof tail];
        message.has_link_address = false;
        message.mtu = 0;
        size_t len = put(bytes, &message);
        memcpy(bytes + len, tail, sizeof tail);
        assert_int_equal(parse(bytes, len + sizeof tail, &datagram, &read), MN_PARSE_OK);
        assert_int_equal(read.mtu, type == RA ? 1500 : 0);
        assert_int_equal(read.has_link_address, type == NA || type == REDIRECT);
        assert_int_equal(read.nonce_len, type == NS ? MN_ND_NONCE : 0);
    }
}

/* ---- Options that may be repeated ---- */

static void options_of_a_router_go_out_and_come_back(void **state)
{
    (void)state;
    struct mn_nd message = valid(RA), read;
    struct mn_datagram datagram = usual(RA);
    struct mn_nd_prefix prefix = {.on_link = true, .autonomous = true, .valid_s = MN_ND_INFINITE, .preferred_s = 600};
    struct mn_nd_route route = {.preference = MN_ND_HIGH, .lifetime_s = 900};
    struct mnet_address servers[] = {address("2001:db8::53"), address("fe80::53")};
    uint8_t bytes[MESSAGE_MAX];
    assert_int_equal(mnet_prefix_parse("2001:db8:1::/64", &prefix.prefix), 0);
    assert_int_equal(mnet_prefix_parse("2001:db8:ff00::/40", &route.prefix), 0);
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_nd_write(&w, &message);
    mn_nd_write_prefix(&w, &prefix);
    mn_nd_write_route(&w, &route);
    mn_nd_write_servers(&w, 30, servers, 2);
    mn_nd_write_domains(&w, 60, "\3lab\7example\0", 13);
    assert_true(w.ok);
    size_t len = sizeof bytes - w.left;
    mn_icmpv6_set_checksum(bytes, len, &datagram.source, &datagram.destination);
    uint64_t sum = mn_pseudo_sum(&datagram.source, &datagram.destination, MN_PROTOCOL_ICMPV6, (uint32_t)len);
    assert_int_equal(mn_checksum(mn_sum(sum, bytes, len)), 0);
    assert_int_equal(mn_nd_parse(bytes, len, &datagram, false, &read), MN_PARSE_OK);

    struct mn_nd_option option;
    struct mn_reader options = read.options;
    assert_true(mn_nd_next(&options, &option));
    assert_int_equal(option.kind, MN_ND_PREFIX);
    assert_true(mnet_address_equal(option.prefix.prefix.address, prefix.prefix.address));
    assert_int_equal(option.prefix.prefix.length, 64);
    assert_true(option.prefix.on_link && option.prefix.autonomous);
    assert_int_equal(option.prefix.valid_s, MN_ND_INFINITE);
    assert_int_equal(option.prefix.preferred_s, 600);
    assert_true(mn_nd_next(&options, &option));
    assert_int_equal(option.kind, MN_ND_ROUTE);
    assert_true(mnet_address_equal(option.route.prefix.address, address("2001:db8:ff00::")));
    assert_int_equal(option.route.prefix.length, 40);
    assert_int_equal(option.route.preference, MN_ND_HIGH);
    assert_int_equal(option.route.lifetime_s, 900);
    assert_true(mn_nd_next(&options, &option));
    assert_int_equal(option.kind, MN_ND_DNS_SERVERS);
    assert_int_equal(option.dns.lifetime_s, 30);
    struct mnet_address server;
    assert_true(mn_nd_next_server(&option.dns.list, &server));
    assert_true(mnet_address_equal(server, servers[0]));
    assert_true(mn_nd_next_server(&option.dns.list, &server));
    assert_true(mnet_address_equal(server, servers[1]));
    assert_false(mn_nd_next_server(&option.dns.list, &server));
    assert_true(mn_nd_next(&options, &option));
    assert_int_equal(option.kind, MN_ND_DNS_DOMAINS);
    assert_int_equal(option.dns.lifetime_s, 60);
    char text[MN_DOMAIN];
    assert_true(mn_domain_next(&option.dns.list, text));
    assert_string_equal(text, "lab.example");
    assert_false(mn_domain_next(&option.dns.list, text));
    assert_false(mn_nd_next(&options, &option));
    assert_true(options.ok);
}

/* Reads the single option in `bytes`; false if it counts as absent. */
static bool next(const uint8_t *bytes, size_t len, struct mn_nd_option *option)
{
    struct mn_reader options = mn_reader(bytes, len);
    assert_int_equal(bytes[1] * 8, len);
    return mn_nd_next(&options, option);
}

/* ND-4.6.2-2: bits beyond the length, and impossible lengths. */
static void prefix_has_no_bits_beyond_its_length(void **state)
{
    (void)state;
    uint8_t bytes[40];
    struct mn_nd_option option;
    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = 3;
    bytes[1] = 4;
    for (unsigned length = 0; length < 256; length++) {
        bytes[2] = (uint8_t)length;
        assert_int_equal(next(bytes, 32, &option), length <= 128);
        for (unsigned bit = 0; length <= 128 && bit < 128; bit++)
            assert_int_equal(option.prefix.prefix.address.bytes[bit / 8] >> (7 - bit % 8) & 1, bit < length);
    }
    bytes[1] = 5;
    bytes[2] = 64;
    assert_false(next(bytes, 40, &option));
    bytes[1] = 3;
    assert_false(next(bytes, 24, &option));
    /* No router announces a part of the other family. */
    bytes[1] = 4;
    bytes[2] = 96;
    memset(bytes + 16, 0, 10);
    assert_false(next(bytes, 32, &option));
    bytes[2] = 80;
    assert_true(next(bytes, 32, &option));
}

/* RTPREF-2.3-1: the length of the option and that of the prefix. */
static void route_has_as_many_bytes_as_its_prefix_needs(void **state)
{
    (void)state;
    static const struct {
        uint8_t units, length;
        bool ok;
    } cases[] = {{1, 0, true}, {1, 1, false}, {2, 0, true},   {2, 64, true},   {2, 65, false},
                 {3, 0, true}, {3, 64, true}, {3, 128, true}, {3, 129, false}, {4, 64, false}};
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        uint8_t bytes[32] = {24, cases[i].units, cases[i].length, 0x18, 0, 0, 0, 9, 0x20, 1};
        struct mn_nd_option option;
        assert_int_equal(next(bytes, cases[i].units * 8u, &option), cases[i].ok);
        if (cases[i].ok) {
            assert_int_equal(option.route.preference, MN_ND_LOW);
            assert_int_equal(option.route.lifetime_s, 9);
        }
    }
}

/* RTPREF-2.2-1, RTPREF-2.3-2: the reserved preference is medium of a router, and no route. */
static void preferences_have_two_bits(void **state)
{
    (void)state;
    static const int8_t values[] = {MN_ND_MEDIUM, MN_ND_HIGH, MN_ND_MEDIUM, MN_ND_LOW};
    struct mn_nd message = valid(RA), read;
    struct mn_datagram datagram = usual(RA);
    uint8_t bytes[MN_ND_WRITE_MAX];
    size_t len = put(bytes, &message);
    for (unsigned bits = 0; bits < 4; bits++) {
        uint8_t route[] = {24, 1, 0, (uint8_t)(bits << 3 | 0xe7), 0, 0, 0, 9};
        struct mn_nd_option option;
        bytes[5] = (uint8_t)(bits << 3 | 0x07);
        assert_int_equal(parse(bytes, len, &datagram, &read), MN_PARSE_OK);
        assert_int_equal(read.preference, values[bits]);
        assert_false(read.managed || read.other);
        assert_int_equal(next(route, sizeof route, &option), bits != 2);
    }
}

/* RDNSS-5.1-1, RDNSS-5.3.1-1, RDNSS-5.3.1-2 */
static void servers_are_whole_unicast_addresses(void **state)
{
    (void)state;
    struct mn_nd_option option;
    struct mnet_address server;
    for (uint8_t units = 1; units < 8; units++) {
        uint8_t bytes[64] = {25, units, 0, 0, 0, 0, 0, 30};
        for (size_t at = 8; at < sizeof bytes; at += 8)
            bytes[at] = 0x20;
        assert_int_equal(next(bytes, units * 8u, &option), units >= 3 && units % 2 == 1);
    }
    struct mnet_address list[] = {address("ff02::fb"), address("::"), address("10.0.0.1"), address("2001:db8::1")};
    uint8_t bytes[72];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_nd_write_servers(&w, 30, list, 4);
    assert_true(w.ok && w.left == 0);
    assert_true(next(bytes, sizeof bytes, &option));
    assert_true(mn_nd_next_server(&option.dns.list, &server));
    assert_true(mnet_address_equal(server, list[3]));
    assert_false(mn_nd_next_server(&option.dns.list, &server));
}

/* RDNSS-5.2-2 */
static void list_with_a_wrong_domain_is_ignored(void **state)
{
    (void)state;
    static const uint8_t right[] = {31, 2, 0, 0, 0, 0, 0, 9, 2, 'd', 'e', 0, 0, 0, 0, 0};
    static const uint8_t pointer[] = {31, 2, 0, 0, 0, 0, 0, 9, 2, 'd', 'e', 0xc0, 8, 0, 0, 0};
    static const uint8_t none[] = {31, 1, 0, 0, 0, 0, 0, 9};
    struct mn_nd_option option;
    assert_true(next(right, sizeof right, &option));
    assert_false(next(pointer, sizeof pointer, &option));
    assert_false(next(none, sizeof none, &option));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_read_as_they_were_written),
        cmocka_unit_test(solicitation_and_advertisement_have_the_rfcs_bytes),
        cmocka_unit_test(hop_limit_other_than_255_is_invalid),
        cmocka_unit_test(code_other_than_zero_is_invalid),
        cmocka_unit_test(messages_that_are_cut_are_noticed),
        cmocka_unit_test(fragmented_messages_are_invalid),
        cmocka_unit_test(option_of_length_zero_or_beyond_the_end_is_invalid),
        cmocka_unit_test(other_types_are_invalid),
        cmocka_unit_test(router_solicitation_from_nobody_has_no_link_address),
        cmocka_unit_test(router_messages_come_from_link_local_addresses),
        cmocka_unit_test(targets_are_unicast),
        cmocka_unit_test(solicitation_from_nobody_goes_to_a_solicited_node_without_link_address),
        cmocka_unit_test(solicited_advertisement_to_a_group_is_invalid),
        cmocka_unit_test(redirect_leads_to_a_router_or_to_the_destination),
        cmocka_unit_test(misplaced_and_misshapen_options_are_ignored),
        cmocka_unit_test(options_of_a_router_go_out_and_come_back),
        cmocka_unit_test(prefix_has_no_bits_beyond_its_length),
        cmocka_unit_test(route_has_as_many_bytes_as_its_prefix_needs),
        cmocka_unit_test(preferences_have_two_bits),
        cmocka_unit_test(servers_are_whole_unicast_addresses),
        cmocka_unit_test(list_with_a_wrong_domain_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
