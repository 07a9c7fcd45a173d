/* The walk over IPv6 extension headers: RFC 8200 section 4, RFC 7112, RFC 6946, RFC 8504 5.3. */
#include "unit/support.h"

#include "wire/ipv6.h"

enum {
    HBH = MN_IPV6_HOP_BY_HOP,
    ROUTING = MN_IPV6_ROUTING,
    FRAGMENT = MN_IPV6_FRAGMENT,
    NONE = MN_IPV6_NO_NEXT_HEADER,
    OPTIONS = MN_IPV6_DESTINATION_OPTIONS,
    TCP = MN_PROTOCOL_TCP,
    UDP = MN_PROTOCOL_UDP,
    ICMP = MN_PROTOCOL_ICMPV6,
    PAYLOAD_MAX = 4096,
};

/* A packet: the first Next Header, and all that follows the fixed header. */
struct packet {
    uint8_t first;
    size_t len;
    uint8_t bytes[PAYLOAD_MAX];
};

static struct packet packet_of(uint8_t first, const uint8_t *bytes, size_t len)
{
    struct packet packet = {.first = first, .len = len};
    memcpy(packet.bytes, bytes, len);
    return packet;
}

#define PACKET(first, ...) packet_of(first, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static const struct mnet_address unicast = {.bytes = {0xfe, 0x80, [15] = 1}};

/* Walks a copy that ends where the packet does; `linear` bytes of it can be read. */
static enum mn_ipv6_verdict walk_part(const struct packet *packet, size_t linear, struct mnet_address to,
                                      bool reassembled, struct mn_ipv6_chain *chain)
{
    struct mn_ipv6 header = {
        .source = unicast, .destination = to, .next_header = packet->first, .payload_len = (uint16_t)packet->len};
    uint8_t whole[MN_IPV6_HEADER + PAYLOAD_MAX];
    mn_ipv6_emit(whole, &header);
    memcpy(whole + MN_IPV6_HEADER, packet->bytes, packet->len);
    uint8_t *exact = malloc(linear);
    memcpy(exact, whole, linear);
    enum mn_ipv6_verdict verdict = mn_ipv6_walk(exact, linear, &header, reassembled, &mn_ipv6_limits_default, chain);
    free(exact);
    return verdict;
}

static enum mn_ipv6_verdict walk(const struct packet *packet, struct mn_ipv6_chain *chain)
{
    return walk_part(packet, MN_IPV6_HEADER + packet->len, unicast, false, chain);
}

static enum mn_ipv6_verdict walk_to_group(const struct packet *packet, struct mn_ipv6_chain *chain)
{
    return walk_part(packet, MN_IPV6_HEADER + packet->len, mn_ipv6_all_nodes, false, chain);
}

static void expect_transport(struct packet packet, uint8_t protocol, uint32_t offset)
{
    struct mn_ipv6_chain chain;
    assert_int_equal(walk(&packet, &chain), MN_IPV6_IS_TRANSPORT);
    assert_int_equal(chain.protocol, protocol);
    assert_int_equal(chain.offset, MN_IPV6_HEADER + offset);
}

static void expect_problem(struct packet packet, enum mn_ipv6_problem code, uint32_t pointer)
{
    struct mn_ipv6_chain chain;
    assert_int_equal(walk(&packet, &chain), MN_IPV6_IS_PROBLEM);
    assert_int_equal(chain.code, code);
    assert_int_equal(chain.pointer, pointer);
}

static void expect(struct packet packet, enum mn_ipv6_verdict verdict)
{
    struct mn_ipv6_chain chain;
    assert_int_equal(walk(&packet, &chain), verdict);
}

/* ---- Headers ---- */

static void transports_need_no_walk(void **state)
{
    (void)state;
    expect_transport(PACKET(TCP, 1), TCP, 0);
    expect_transport(PACKET(UDP, 1), UDP, 0);
    expect_transport(PACKET(ICMP, 1), ICMP, 0);
    expect_transport(packet_of(TCP, (const uint8_t[]){0}, 0), TCP, 0);
}

/* IP6-4-2, IP6-4-5, IP6-4.1-2: any order and count, hop-by-hop first. */
static void headers_in_any_order_lead_to_the_transport(void **state)
{
    (void)state;
    expect_transport(PACKET(HBH, ICMP, 0, 1, 4, 0, 0, 0, 0, 128), ICMP, 8);
    expect_transport(PACKET(OPTIONS, ICMP, 0, 1, 4, 0, 0, 0, 0, 128), ICMP, 8);
    expect_transport(PACKET(ROUTING, ICMP, 0, 0, 0, 0, 0, 0, 0, 128), ICMP, 8);
    expect_transport(PACKET(FRAGMENT, ICMP, 0, 0, 0, 0, 0, 0, 1, 128), ICMP, 8);
    expect_transport(PACKET(OPTIONS, OPTIONS, 0, 1, 4, 0, 0, 0, 0, ROUTING, 0, 1, 4, 0, 0, 0, 0, OPTIONS, 0, 0, 0, 0, 0,
                            0, 0, UDP, 1, 1, 6, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 9),
                     UDP, 40);
    expect_transport(PACKET(HBH, OPTIONS, 0, 1, 4, 0, 0, 0, 0, TCP, 0, 1, 4, 0, 0, 0, 0), TCP, 16);
}

/* IP6-4-3: pointer at the octet that names the header. N6-13.1-1: AH and ESP are unknown. */
static void unknown_next_header_is_pointed_at(void **state)
{
    (void)state;
    for (unsigned next = 0; next < 256; next++) {
        bool known = next == TCP || next == UDP || next == ICMP || next == HBH || next == ROUTING || next == FRAGMENT ||
                     next == OPTIONS || next == NONE;
        if (known)
            continue;
        expect_problem(PACKET((uint8_t)next, 0, 0, 0, 0, 0, 0, 0, 0), MN_IPV6_UNKNOWN_NEXT_HEADER, 6);
        expect_problem(PACKET(OPTIONS, OPTIONS, 0, 1, 4, 0, 0, 0, 0, (uint8_t)next, 0, 1, 4, 0, 0, 0, 0),
                       MN_IPV6_UNKNOWN_NEXT_HEADER, 48);
    }
}

/* IP6-4-4 */
static void hop_by_hop_that_is_not_first_is_unknown(void **state)
{
    (void)state;
    expect_problem(PACKET(OPTIONS, HBH, 0, 1, 4, 0, 0, 0, 0, ICMP, 0, 1, 4, 0, 0, 0, 0), MN_IPV6_UNKNOWN_NEXT_HEADER,
                   40);
    expect_problem(PACKET(HBH, HBH, 0, 1, 4, 0, 0, 0, 0, ICMP, 0, 1, 4, 0, 0, 0, 0), MN_IPV6_UNKNOWN_NEXT_HEADER, 40);
}

/* IP6-4-1: the first failure decides. */
static void no_header_is_looked_at_before_its_turn(void **state)
{
    (void)state;
    expect_problem(PACKET(OPTIONS, 253, 0, 0x9e, 0, 1, 2, 0, 0), MN_IPV6_UNKNOWN_OPTION, 42);
    expect_problem(PACKET(ROUTING, OPTIONS, 0, 0, 1, 0, 0, 0, 0, 253, 0, 0x9e, 0, 1, 2, 0, 0), MN_IPV6_ERRONEOUS_FIELD,
                   42);
}

/* IP6-4-6 */
static void header_beyond_the_payload_is_invalid(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {HBH, ROUTING, FRAGMENT, OPTIONS};
    for (size_t i = 0; i < MN_COUNT_OF(kinds); i++) {
        static const uint8_t one[] = {ICMP, 0, 1, 0, 0, 0, 0, 0};
        for (size_t len = 0; len < sizeof one; len++)
            expect(packet_of(kinds[i], one, len), MN_IPV6_IS_INVALID);
        if (kinds[i] == FRAGMENT) /* has no length of its own */
            continue;
        for (unsigned len = 1; len < 256; len += 127)
            expect(PACKET(kinds[i], ICMP, (uint8_t)len, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), MN_IPV6_IS_INVALID);
    }
}

static void header_beyond_the_linear_part_is_truncated(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {HBH, ROUTING, FRAGMENT, OPTIONS};
    for (size_t i = 0; i < MN_COUNT_OF(kinds); i++) {
        struct packet packet = PACKET(kinds[i], ICMP, 0, 0, 0, 0, 0, 0, 0, 128);
        struct mn_ipv6_chain chain;
        for (size_t linear = 0; linear < 8; linear++)
            assert_int_equal(walk_part(&packet, MN_IPV6_HEADER + linear, unicast, false, &chain), MN_IPV6_IS_TRUNCATED);
        assert_int_equal(walk_part(&packet, MN_IPV6_HEADER + 8, unicast, false, &chain), MN_IPV6_IS_TRANSPORT);
    }
}

/* IP6-4.4-1, IP6-4.4-2: every type, with and without segments left. */
static void routing_header_is_ignored_unless_segments_are_left(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        expect_transport(PACKET(ROUTING, ICMP, 0, (uint8_t)type, 0, 9, 9, 9, 9, 128), ICMP, 8);
        expect_problem(PACKET(ROUTING, ICMP, 0, (uint8_t)type, 1, 9, 9, 9, 9, 128), MN_IPV6_ERRONEOUS_FIELD, 42);
        expect_problem(PACKET(ROUTING, ICMP, 0, (uint8_t)type, 255, 9, 9, 9, 9, 128), MN_IPV6_ERRONEOUS_FIELD, 42);
    }
}

/* IP6-4.7-1 */
static void no_next_header_ends_the_walk(void **state)
{
    (void)state;
    expect(PACKET(NONE, 1, 2, 3), MN_IPV6_IS_EMPTY);
    expect(PACKET(OPTIONS, NONE, 0, 1, 4, 0, 0, 0, 0), MN_IPV6_IS_EMPTY);
    expect(PACKET(OPTIONS, NONE, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3), MN_IPV6_IS_EMPTY);
}

/* N6-5.3-1 */
static void headers_are_counted(void **state)
{
    (void)state;
    struct packet packet = {.first = OPTIONS};
    unsigned limit = mn_ipv6_limits_default.headers;
    for (unsigned i = 0; i < limit + 1; i++, packet.len += 8)
        memcpy(packet.bytes + packet.len, (const uint8_t[]){OPTIONS, 0, 1, 4, 0, 0, 0, 0}, 8);
    packet.bytes[8 * (limit - 1)] = UDP;
    expect_transport(packet, UDP, 8 * limit);
    packet.bytes[8 * (limit - 1)] = OPTIONS;
    packet.bytes[8 * limit] = UDP;
    expect(packet, MN_IPV6_IS_REFUSED);
}

/* ---- Options ---- */

/* IP6-4.2-2 to IP6-4.2-7, IP6-4.2-11: every type, in both headers, to a host and a group. */
static void unknown_option_is_handled_as_its_type_says(void **state)
{
    (void)state;
    for (unsigned type = 2; type < 256; type++) {
        for (int hop_by_hop = 0; hop_by_hop < 2; hop_by_hop++) {
            if (type == 5)
                continue;
            struct packet packet = PACKET(hop_by_hop ? HBH : OPTIONS, ICMP, 0, (uint8_t)type, 4, 1, 2, 3, 4, 128);
            struct mn_ipv6_chain chain;
            static const enum mn_ipv6_verdict to_host[] = {MN_IPV6_IS_TRANSPORT, MN_IPV6_IS_REFUSED, MN_IPV6_IS_PROBLEM,
                                                           MN_IPV6_IS_PROBLEM};
            static const enum mn_ipv6_verdict to_group[] = {MN_IPV6_IS_TRANSPORT, MN_IPV6_IS_REFUSED,
                                                            MN_IPV6_IS_PROBLEM, MN_IPV6_IS_REFUSED};
            assert_int_equal(walk_to_group(&packet, &chain), to_group[type >> 6]);
            assert_int_equal(chain.even_to_multicast, type >> 6 == 2);
            assert_int_equal(walk(&packet, &chain), to_host[type >> 6]);
            assert_int_equal(chain.even_to_multicast, type >> 6 == 2);
            assert_false(chain.router_alert);
            if (type >> 6 >= 2) {
                assert_int_equal(chain.code, MN_IPV6_UNKNOWN_OPTION);
                assert_int_equal(chain.pointer, 42);
            }
        }
    }
}

/* IP6-4.2-1, IP6-4.2-6 */
static void options_are_handled_in_their_order(void **state)
{
    (void)state;
    expect_problem(PACKET(OPTIONS, ICMP, 1, 0x1e, 3, 0, 0, 0, 0x80, 0, 0xc0, 0, 1, 3, 0, 0, 0), MN_IPV6_UNKNOWN_OPTION,
                   47);
    expect(PACKET(OPTIONS, ICMP, 0, 0x40, 0, 0x80, 0, 1, 0), MN_IPV6_IS_REFUSED);
}

/* IP6-4.2-8 */
static void padding_of_both_kinds_is_skipped(void **state)
{
    (void)state;
    expect_transport(PACKET(OPTIONS, ICMP, 0, 0, 0, 0, 0, 0, 0), ICMP, 8);
    expect_transport(PACKET(OPTIONS, ICMP, 0, 1, 4, 9, 9, 9, 9), ICMP, 8);
    expect_transport(PACKET(OPTIONS, ICMP, 0, 0, 1, 2, 9, 9, 0), ICMP, 8);
    expect_transport(PACKET(OPTIONS, ICMP, 0, 1, 0, 1, 0, 1, 0), ICMP, 8);
}

/* NODE-5.3-1, N6-5.3-2, N6-5.3-4, N6-5.3-5: more padding than an alignment needs. */
static void padding_beyond_any_alignment_is_refused(void **state)
{
    (void)state;
    expect_transport(PACKET(OPTIONS, ICMP, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0), ICMP, 16);
    expect(PACKET(OPTIONS, ICMP, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0), MN_IPV6_IS_REFUSED);
    expect_transport(PACKET(OPTIONS, ICMP, 1, 1, 7, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0), ICMP, 16);
    expect(PACKET(OPTIONS, ICMP, 1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0), MN_IPV6_IS_REFUSED);
    /* Pad1 is counted in a row only. */
    expect_transport(PACKET(OPTIONS, ICMP, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), ICMP, 16);
}

/* N6-5.3-7 */
static void options_are_counted_without_padding(void **state)
{
    (void)state;
    expect_transport(PACKET(OPTIONS, ICMP, 2, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 1, 0, 1, 0, 0, 0), ICMP,
                     24);
    expect(PACKET(OPTIONS, ICMP, 2, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 1, 0, 0, 0),
           MN_IPV6_IS_REFUSED);
}

/* N6-5.3-8: the limits are the caller's. */
static void limits_are_those_of_the_caller(void **state)
{
    (void)state;
    const uint8_t headers[] = {OPTIONS, 0, 2, 0, 2, 0, 1, 0, UDP, 1, 2, 0, 1, 6, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0};
    struct mn_ipv6 header = {.destination = unicast, .next_header = OPTIONS, .payload_len = sizeof headers};
    uint8_t packet[MN_IPV6_HEADER + sizeof headers];
    mn_ipv6_emit(packet, &header);
    memcpy(packet + MN_IPV6_HEADER, headers, sizeof headers);
    static const struct {
        struct mn_ipv6_limits limits;
        enum mn_ipv6_verdict verdict;
    } cases[] = {
        {{.headers = 2, .options = 2, .options_len = 16}, MN_IPV6_IS_TRANSPORT},
        {{.headers = 1, .options = 2, .options_len = 16}, MN_IPV6_IS_REFUSED},
        {{.headers = 2, .options = 1, .options_len = 16}, MN_IPV6_IS_REFUSED},
        {{.headers = 2, .options = 2, .options_len = 15}, MN_IPV6_IS_REFUSED},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mn_ipv6_chain chain;
        assert_int_equal(mn_ipv6_walk(packet, sizeof packet, &header, false, &cases[i].limits, &chain),
                         cases[i].verdict);
    }
}

/* IP6-4.2-10 */
static void option_beyond_its_header_is_invalid(void **state)
{
    (void)state;
    static const uint8_t types[] = {1, 5, 0x1e, 0x5e, 0x9e, 0xde};
    for (size_t i = 0; i < MN_COUNT_OF(types); i++) {
        uint8_t type = types[i];
        expect(PACKET(OPTIONS, ICMP, 0, type, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5), MN_IPV6_IS_INVALID);
        expect(PACKET(OPTIONS, ICMP, 0, type, 200, 0, 0, 0, 0, 1, 2, 3, 4, 5), MN_IPV6_IS_INVALID);
        expect(PACKET(OPTIONS, ICMP, 0, type, 255, 0, 0, 0, 0, 1, 2, 3, 4, 5), MN_IPV6_IS_INVALID);
        expect(PACKET(OPTIONS, ICMP, 0, 1, 3, 0, 0, 0, type, 1, 2, 3, 4, 5), MN_IPV6_IS_INVALID);
    }
}

/* MLD2-5-1: the option counts in the hop-by-hop header only, and with its right length. */
static void router_alert_is_noticed(void **state)
{
    (void)state;
    struct packet right = PACKET(HBH, ICMP, 0, 5, 2, 0, 0, 1, 0, 143);
    struct packet elsewhere = PACKET(OPTIONS, ICMP, 0, 5, 2, 0, 0, 1, 0, 143);
    struct packet longer = PACKET(HBH, ICMP, 0, 5, 4, 0, 0, 0, 0, 143);
    struct packet similar = PACKET(HBH, ICMP, 0, 0x25, 2, 0, 0, 1, 0, 143);
    struct mn_ipv6_chain chain;
    assert_int_equal(walk(&right, &chain), MN_IPV6_IS_TRANSPORT);
    assert_true(chain.router_alert);
    assert_int_equal(walk(&elsewhere, &chain), MN_IPV6_IS_TRANSPORT);
    assert_false(chain.router_alert);
    assert_int_equal(walk(&longer, &chain), MN_IPV6_IS_TRANSPORT);
    assert_false(chain.router_alert);
    assert_int_equal(walk(&similar, &chain), MN_IPV6_IS_TRANSPORT);
    assert_false(chain.router_alert);
}

/* RFC 2675: jumbograms are optional, so their option is one that nobody knows. */
static void jumbo_payload_is_unknown(void **state)
{
    (void)state;
    struct packet packet = PACKET(HBH, UDP, 0, 0xc2, 4, 0, 1, 0, 0, 1, 2);
    struct mn_ipv6_chain chain;
    expect_problem(packet, MN_IPV6_UNKNOWN_OPTION, 42);
    assert_int_equal(walk_to_group(&packet, &chain), MN_IPV6_IS_REFUSED);
    /* Its payload length is zero: there is no header within the payload. */
    packet.len = 0;
    expect(packet, MN_IPV6_IS_INVALID);
}

/* ---- Fragments ---- */

static void fragment_ends_the_walk(void **state)
{
    (void)state;
    struct packet packet = PACKET(OPTIONS, FRAGMENT, 0, 1, 4, 0, 0, 0, 0, UDP, 0, 0, 9, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7,
                                  8);
    struct mn_ipv6_chain chain;
    assert_int_equal(walk(&packet, &chain), MN_IPV6_IS_FRAGMENT);
    assert_int_equal(chain.protocol, FRAGMENT);
    assert_int_equal(chain.named_at, 40);
    assert_int_equal(chain.offset, 56);
    assert_true(chain.fragmented);
    assert_int_equal(chain.fragment.next_header, UDP);
    assert_int_equal(chain.fragment.offset, 8);
    assert_true(chain.fragment.more);
    assert_int_equal(chain.fragment.identification, 0x01020304);
}

/* IP6-4.5-11: what stands before a Fragment header is processed for each fragment. */
static void options_before_a_fragment_are_handled(void **state)
{
    (void)state;
    expect_problem(PACKET(HBH, FRAGMENT, 0, 0x9e, 4, 0, 0, 0, 0, UDP, 0, 0, 9, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8),
                   MN_IPV6_UNKNOWN_OPTION, 42);
    /* Behind a Fragment header options wait for the whole packet. */
    expect(PACKET(FRAGMENT, OPTIONS, 0, 0, 1, 1, 2, 3, 4, UDP, 0, 0x9e, 4, 0, 0, 0, 0, 1, 2, 3, 4, 0, 8, 0, 0),
           MN_IPV6_IS_FRAGMENT);
}

/* FRAG6946-4-1, FRAG6980-5-2: an atomic fragment is a whole packet that is known as a fragment. */
static void atomic_fragment_is_walked_through(void **state)
{
    (void)state;
    struct packet packet = PACKET(FRAGMENT, OPTIONS, 0, 0, 6, 1, 2, 3, 4, ICMP, 0, 1, 4, 0, 0, 0, 0, 128);
    struct mn_ipv6_chain chain;
    assert_int_equal(walk(&packet, &chain), MN_IPV6_IS_TRANSPORT);
    assert_true(chain.fragmented);
    assert_int_equal(chain.protocol, ICMP);
    assert_int_equal(chain.offset, 56);
    assert_int_equal(chain.named_at, 48);
    packet = PACKET(ICMP, 128);
    assert_int_equal(walk(&packet, &chain), MN_IPV6_IS_TRANSPORT);
    assert_false(chain.fragmented);
    assert_int_equal(walk_part(&packet, MN_IPV6_HEADER + 1, unicast, true, &chain), MN_IPV6_IS_TRANSPORT);
    assert_true(chain.fragmented);
}

static void fragment_of_a_fragment_is_invalid(void **state)
{
    (void)state;
    struct packet atomic = PACKET(FRAGMENT, FRAGMENT, 0, 0, 0, 1, 2, 3, 4, UDP, 0, 0, 0, 1, 2, 3, 4, 9);
    struct packet first = PACKET(FRAGMENT, FRAGMENT, 0, 0, 1, 1, 2, 3, 4, UDP, 0, 0, 1, 1, 2, 3, 4);
    struct packet again = PACKET(FRAGMENT, UDP, 0, 0, 0, 1, 2, 3, 4, 9);
    struct mn_ipv6_chain chain;
    expect(atomic, MN_IPV6_IS_INVALID);
    expect(first, MN_IPV6_IS_INVALID);
    assert_int_equal(walk_part(&again, MN_IPV6_HEADER + again.len, unicast, true, &chain), MN_IPV6_IS_INVALID);
}

/* IP6-4.5-15 */
static void fragment_with_more_is_a_multiple_of_eight(void **state)
{
    (void)state;
    struct packet packet = PACKET(FRAGMENT, UDP, 0, 0, 9, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    for (size_t len = 1; len <= 16; len++) {
        packet.len = 8 + len;
        packet.bytes[3] = 9;
        if (len % 8 == 0)
            expect(packet, MN_IPV6_IS_FRAGMENT);
        else
            expect_problem(packet, MN_IPV6_ERRONEOUS_FIELD, 4);
        packet.bytes[3] = 8; /* the last one may have any length */
        expect(packet, MN_IPV6_IS_FRAGMENT);
    }
    packet.len = 8;
    expect(packet, MN_IPV6_IS_INVALID);
    packet.bytes[3] = 9;
    expect(packet, MN_IPV6_IS_INVALID);
}

/* IP6-4.5-16: the payload length of the whole, headers included, has 16 bits. */
static void fragment_ends_within_the_largest_payload(void **state)
{
    (void)state;
    struct packet packet = PACKET(FRAGMENT, UDP, 0, 0xff, 0xf8, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8);
    packet.len = 8 + 7;
    expect(packet, MN_IPV6_IS_FRAGMENT);
    packet.len = 8 + 8;
    expect_problem(packet, MN_IPV6_ERRONEOUS_FIELD, 42);
    struct packet behind = PACKET(OPTIONS, FRAGMENT, 0, 1, 4, 0, 0, 0, 0, UDP, 0, 0xff, 0xf0, 1, 2, 3, 4, 1, 2, 3, 4, 5,
                                  6, 7, 8);
    behind.len = 16 + 7;
    expect(behind, MN_IPV6_IS_FRAGMENT);
    behind.len = 16 + 8;
    expect_problem(behind, MN_IPV6_ERRONEOUS_FIELD, 50);
}

/* IP6-4.5-17: all headers through the transport's are in the first fragment. */
static void first_fragment_has_the_whole_chain(void **state)
{
    (void)state;
    static const struct {
        uint8_t protocol, least;
    } cases[] = {{TCP, 20}, {UDP, 8}, {ICMP, 8}, {NONE, 0}, {253, 0}};
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        for (size_t len = 8; len <= 24; len += 8) {
            struct packet packet = {.first = FRAGMENT, .len = 8 + 8 + len};
            memcpy(packet.bytes, (const uint8_t[]){OPTIONS, 0, 0, 1, 1, 2, 3, 4}, 8);
            memcpy(packet.bytes + 8, (const uint8_t[]){cases[i].protocol, 0, 1, 4, 0, 0, 0, 0}, 8);
            if (len >= cases[i].least)
                expect(packet, MN_IPV6_IS_FRAGMENT);
            else
                expect_problem(packet, MN_IPV6_INCOMPLETE_CHAIN, 0);
        }
    }
    expect_problem(PACKET(FRAGMENT, OPTIONS, 0, 0, 1, 1, 2, 3, 4, UDP, 0, 1, 4, 0, 0, 0, 0), MN_IPV6_INCOMPLETE_CHAIN,
                   0);
    expect_problem(PACKET(FRAGMENT, OPTIONS, 0, 0, 1, 1, 2, 3, 4, UDP, 1, 1, 4, 0, 0, 0, 0), MN_IPV6_INCOMPLETE_CHAIN,
                   0);
}

static void first_fragment_with_headers_beyond_the_linear_part_is_truncated(void **state)
{
    (void)state;
    struct packet packet = PACKET(FRAGMENT, UDP, 0, 0, 1, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8);
    struct mn_ipv6_chain chain;
    for (size_t linear = 0; linear < 16; linear++)
        assert_int_equal(walk_part(&packet, MN_IPV6_HEADER + linear, unicast, false, &chain), MN_IPV6_IS_TRUNCATED);
    assert_int_equal(walk_part(&packet, MN_IPV6_HEADER + 16, unicast, false, &chain), MN_IPV6_IS_FRAGMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transports_need_no_walk),
        cmocka_unit_test(headers_in_any_order_lead_to_the_transport),
        cmocka_unit_test(unknown_next_header_is_pointed_at),
        cmocka_unit_test(hop_by_hop_that_is_not_first_is_unknown),
        cmocka_unit_test(no_header_is_looked_at_before_its_turn),
        cmocka_unit_test(header_beyond_the_payload_is_invalid),
        cmocka_unit_test(header_beyond_the_linear_part_is_truncated),
        cmocka_unit_test(routing_header_is_ignored_unless_segments_are_left),
        cmocka_unit_test(no_next_header_ends_the_walk),
        cmocka_unit_test(headers_are_counted),
        cmocka_unit_test(unknown_option_is_handled_as_its_type_says),
        cmocka_unit_test(options_are_handled_in_their_order),
        cmocka_unit_test(padding_of_both_kinds_is_skipped),
        cmocka_unit_test(padding_beyond_any_alignment_is_refused),
        cmocka_unit_test(options_are_counted_without_padding),
        cmocka_unit_test(limits_are_those_of_the_caller),
        cmocka_unit_test(option_beyond_its_header_is_invalid),
        cmocka_unit_test(router_alert_is_noticed),
        cmocka_unit_test(jumbo_payload_is_unknown),
        cmocka_unit_test(fragment_ends_the_walk),
        cmocka_unit_test(options_before_a_fragment_are_handled),
        cmocka_unit_test(atomic_fragment_is_walked_through),
        cmocka_unit_test(fragment_of_a_fragment_is_invalid),
        cmocka_unit_test(fragment_with_more_is_a_multiple_of_eight),
        cmocka_unit_test(fragment_ends_within_the_largest_payload),
        cmocka_unit_test(first_fragment_has_the_whole_chain),
        cmocka_unit_test(first_fragment_with_headers_beyond_the_linear_part_is_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
