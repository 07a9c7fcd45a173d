/* Faults of an earlier stack below the transports: tests, each of which fails if the network
 * layer has the fault. Over both families, where the fault can be in both. The numbers are those
 * of a list of such faults; tests/tcp/test_tcp_faults.c has the others. */
#include "tests/support/ip6_host.h"

enum who {
    PEER,
    OTHER,
    GATEWAY,
    FAR,
};
#define FAMILIES 2

struct either_host {
    struct ip_host h;
    bool ipv6;
};

static struct mnet_address address_of(const struct either_host *host, enum who who)
{
    static const uint32_t ipv4[] = {PEER_IP, IPV4(10, 0, 0, 4), GATEWAY_IP, FAR_IP};
    const struct mnet_address ipv6[] = {PEER6, ADDRESS6(0x2001, 0xdb8, 0, 4), GATEWAY6, FAR6};
    return host->ipv6 ? ipv6[who] : mnet_address_from_ipv4(ipv4[who]);
}

static void up(struct either_host *host, unsigned family)
{
    host->ipv6 = family == 1;
    if (host->ipv6)
        ip6_host_up(&host->h);
    else
        ip_host_up(&host->h);
}

/* Throws all frames away, of any family. Returns their number. */
static unsigned discard(struct ip_host *h)
{
    unsigned count = 0;
    for (struct mnet_packet *frame; (frame = mn_ip_transmit(&h->ip)) != NULL; count++)
        mnet_packet_free(frame);
    return count;
}

static void send_to(struct either_host *host, enum who who)
{
    if (host->ipv6)
        assert_int_equal(send6(&host->h, address_of(host, who), 8), 0);
    else
        assert_int_equal(send_packet(&host->h, .destination = mnet_address_to_ipv4(address_of(host, who))), 0);
}

static void expect_packet(struct either_host *host, struct mn_mac mac, enum who who)
{
    if (host->ipv6)
        expect_ip6(&host->h, mac, address_of(host, who), MN_PROTOCOL_UDP);
    else
        expect_ip(&host->h, mac, mnet_address_to_ipv4(address_of(host, who)), MN_PROTOCOL_UDP);
}

/* Everybody is asked for the link address. */
static void expect_question(struct either_host *host, enum who who)
{
    if (host->ipv6)
        expect_solicitation(&host->h, address_of(host, who), NO_MAC);
    else
        expect_arp(&host->h, MN_ARP_REQUEST, ALL_MAC, OWN_IP, mnet_address_to_ipv4(address_of(host, who)));
}

static void answer(struct either_host *host, enum who who, struct mn_mac mac)
{
    struct mnet_address address = address_of(host, who);
    if (host->ipv6)
        receive_advertisement(&host->h, .source = address, .target = address, .mac = mac, .solicited = true,
                              .override = true);
    else
        receive_arp(&host->h, .to = OWN_MAC, .operation = MN_ARP_REPLY, .sender_mac = mac,
                    .sender_ip = mnet_address_to_ipv4(address), .target_mac = OWN_MAC, .target_ip = OWN_IP);
}

/* ---- 21: neighbours ---- */

/* One advertisement resolved every neighbour that packets waited for. */
static void fault_21_answer_resolves_its_own_neighbour_only(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct either_host host;
        up(&host, family);
        send_to(&host, PEER);
        expect_question(&host, PEER);
        send_to(&host, OTHER);
        expect_question(&host, OTHER);
        answer(&host, OTHER, OTHER_MAC);
        expect_packet(&host, OTHER_MAC, OTHER);
        expect_silence(&host.h);
        answer(&host, PEER, PEER_MAC);
        expect_packet(&host, PEER_MAC, PEER);
        ip_host_down(&host.h);
    }
}

/* A solicitation of anybody overwrote the address of the router. */
static void fault_21_question_of_another_leaves_the_router_where_it_is(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct either_host host;
        up(&host, family);
        send_to(&host, FAR);
        expect_question(&host, GATEWAY);
        answer(&host, GATEWAY, GATEWAY_MAC);
        expect_packet(&host, GATEWAY_MAC, FAR);
        if (host.ipv6)
            receive_solicitation(&host.h, .mac = OTHER_MAC);
        else
            receive_arp(&host.h, .operation = MN_ARP_REQUEST, .sender_mac = OTHER_MAC, .sender_ip = PEER_IP,
                        .target_ip = OWN_IP);
        discard(&host.h);
        send_to(&host, FAR);
        expect_packet(&host, GATEWAY_MAC, FAR);
        ip_host_down(&host.h);
    }
}

/* Packets for destinations beyond the router were never released: neither sent nor given back. */
static void fault_21_packet_for_afar_goes_when_the_router_answers_or_comes_back(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct either_host host;
        up(&host, family);
        send_to(&host, FAR);
        expect_question(&host, GATEWAY);
        pass_ms(&host.h, 3000);
        struct mn_icmp_error error;
        struct mnet_packet *packet = mn_ip_take_error(&host.h.ip, &error);
        assert_non_null(packet);
        assert_true(mnet_address_equal(error.remote, address_of(&host, FAR)));
        mnet_packet_free(packet);
        assert_null(mn_ip_take_error(&host.h.ip, &error));
        pass_ms(&host.h, 1000);
        discard(&host.h);
        send_to(&host, FAR);
        expect_question(&host, GATEWAY);
        answer(&host, GATEWAY, GATEWAY_MAC);
        expect_packet(&host, GATEWAY_MAC, FAR);
        ip_host_down(&host.h);
    }
}

/* One Packet Too Big made a destination a black hole for good. */
static void fault_21_too_big_leaves_room_for_packets_and_ends(void **state)
{
    (void)state;
    static const uint32_t told[] = {0, 8, 68, 1279, 1280, 1400};
    for (unsigned family = 0; family < FAMILIES; family++) {
        for (unsigned i = 0; i < MN_COUNT_OF(told); i++) {
            struct either_host host;
            up(&host, family);
            struct mnet_address far = address_of(&host, FAR);
            uint16_t least = host.ipv6 ? 1280 : 576;
            struct mn_icmp_error error = {.reason = MN_UNREACHABLE_TOO_BIG, .mtu = told[i], .remote = far};
            mn_ip_lower_path_mtu(&host.h.ip, &error, host.h.now);
            assert_in_range(mn_ip_path_mtu(&host.h.ip, far), least, HOST_MTU);
            pass_ms(&host.h, 601 * 1000);
            assert_int_equal(mn_ip_path_mtu(&host.h.ip, far), HOST_MTU);
            ip_host_down(&host.h);
        }
    }
}

/* A dead neighbour was never asked for again. */
static void fault_21_neighbour_that_was_dead_is_asked_for_again(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct either_host host;
        struct mn_icmp_error error;
        up(&host, family);
        for (int i = 0; i < 3; i++) {
            send_to(&host, PEER);
            expect_question(&host, PEER);
            pass_ms(&host.h, 4001);
            discard(&host.h);
            mnet_packet_free(mn_ip_take_error(&host.h.ip, &error));
        }
        send_to(&host, PEER);
        expect_question(&host, PEER);
        answer(&host, PEER, PEER_MAC);
        expect_packet(&host, PEER_MAC, PEER);
        ip_host_down(&host.h);
    }
}

/* Any advertisement of a link-local address during duplicate detection removed our address. */
static void fault_21_advertisement_for_another_is_no_duplicate(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip6_host_config(&h);
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 1001);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_PROBING);
    receive_advertisement(&h, .source = PEER_LINK6, .destination = mn_ipv6_all_nodes, .target = PEER_LINK6,
                          .override = true);
    receive_advertisement(&h, .source = PEER_LINK6, .destination = mn_ipv6_all_nodes, .target = PEER6);
    pass_ms(&h, 2000);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_OURS);
    assert_true(mn_ip_is_own(&h.ip, OWN_LINK6));
    assert_counted(&h, ND_CONFLICT, 0);
    ip_host_down(&h);
}

/* Questions were not sent again: one lost frame was one lost neighbour. */
static void fault_21_questions_are_sent_again(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct either_host host;
        up(&host, family);
        send_to(&host, PEER);
        for (int i = 0; i < 3; i++) {
            expect_question(&host, PEER);
            expect_silence(&host.h);
            pass_ms(&host.h, i < 2 ? 1000 : 500);
        }
        answer(&host, PEER, PEER_MAC);
        expect_packet(&host, PEER_MAC, PEER);
        ip_host_down(&host.h);
    }
}

/* ---- 22: strangers ---- */

/* Nothing was learnt of a question, so that the first answer waited for a round trip of its own. */
static void fault_22_question_for_us_teaches_who_asks(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct either_host host;
        up(&host, family);
        if (host.ipv6)
            receive_solicitation(&host.h, .destination = mn_ipv6_solicited_node(&OWN6));
        else
            receive_arp(&host.h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OWN_IP);
        assert_int_equal(discard(&host.h), 1);
        send_to(&host, PEER);
        expect_packet(&host, PEER_MAC, PEER);
        expect_silence(&host.h);
        ip_host_down(&host.h);
    }
}

/* Neighbours that packets waited for were not bounded, nor were these packets. */
static void fault_22_neighbours_that_do_not_answer_are_bounded(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct either_host host;
        up(&host, family);
        for (uint32_t i = 0; i < 5000; i++) {
            uint8_t low = (uint8_t)(5 + i % 240);
            if (host.ipv6)
                send6(&host.h, ADDRESS6(0x2001, 0xdb8, i, 9), 1000);
            else
                send_packet(&host.h, .destination = IPV4(10, 0, 0, low), .packet = make_packet(&host.h, 1000, 0));
            discard(&host.h);
            assert_true(host.h.ip.neighbours.count <= host.h.ip.neighbours.max);
            assert_true(host.h.ip.neighbours.pending <= MN_NEIGHBOUR_PENDING_TOTAL);
        }
        ip_host_down(&host.h);
    }
}

/* ---- 23: fragments ---- */

struct pieces {
    size_t at;
    uint16_t mtu;
    bool more;
};

static void check_piece(struct pieces *p, size_t headers, uint16_t offset, bool more, size_t len)
{
    assert_int_equal(offset, p->at);
    assert_true(headers + len <= p->mtu);
    assert_true(!more || (len % 8 == 0 && headers + len + 8 > p->mtu)); /* as large as it can be */
    p->at += len;
    p->more = more;
}

/* A host that knows PEER, on a link with this MTU. */
static void up_with_mtu(struct either_host *host, unsigned family, uint16_t mtu)
{
    struct ip_host *h = &host->h;
    host->ipv6 = family == 1;
    struct mn_ip_config config = host->ipv6 ? ip6_host_config(h) : ip_host_config(h);
    config.mtu = mtu;
    assert_int_equal(ip_host_start(h, &config), 0);
    pass_ms(h, 10000);
    discard(h);
    if (host->ipv6)
        know6(h, PEER6, PEER_MAC);
    else
        know(h, PEER_IP, PEER_MAC);
}

static void take_piece(struct either_host *host, struct pieces *p)
{
    struct mn_ipv6_fragment fragment;
    if (host->ipv6) {
        struct sent6 *sent = expect_ip6(&host->h, PEER_MAC, PEER6, MN_IPV6_FRAGMENT);
        assert_int_equal(mn_ipv6_fragment_parse(sent->payload, sent->payload_len, &fragment), MN_PARSE_OK);
        check_piece(p, MN_IPV6_HEADER + MN_IPV6_FRAGMENT_HEADER, fragment.offset, fragment.more,
                    sent->payload_len - MN_IPV6_FRAGMENT_HEADER);
    } else {
        struct sent *sent = expect_ip(&host->h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
        check_piece(p, MN_IPV4_HEADER, sent->ip.fragment_offset, sent->ip.more_fragments, sent->payload_len);
    }
}

/* Offsets were wrong unless the MTU without the header was a multiple of eight. */
static void fault_23_offsets_are_right_at_any_mtu(void **state)
{
    (void)state;
    for (uint16_t mtu = 1280; mtu <= 1296; mtu++) {
        for (unsigned family = 0; family < FAMILIES; family++) {
            struct either_host host;
            struct pieces p = {.mtu = mtu, .more = true};
            up_with_mtu(&host, family, mtu);
            if (host.ipv6)
                assert_int_equal(send6(&host.h, PEER6, 5001), 0);
            else
                assert_int_equal(send_packet(&host.h, .packet = make_packet(&host.h, 5001, 1)), 0);
            while (p.more)
                take_piece(&host, &p);
            assert_int_equal(p.at, 5001);
            expect_silence(&host.h);
            ip_host_down(&host.h);
        }
    }
}

/* Options counted as payload of received fragments. */
static void fault_23_options_are_no_payload(void **state)
{
    (void)state;
    static const uint8_t options[8] = {1, 1, 1, 1, 1, 1, 1, 0};
    uint8_t bytes[32];
    struct ip_host h;
    ip_host_up(&h);
    fill_pattern(bytes, sizeof bytes, 9);
    for (uint16_t at = 0; at < 32; at += 16) {
        enum mn_ip_verdict verdict = receive_ip(&h, .identification = 5, .offset = at, .more = at == 0,
                                                .options = options, .options_len = sizeof options,
                                                .payload = bytes + at, .len = 16);
        assert_int_equal(verdict, at == 0 ? MN_IP_CONSUMED : MN_IP_TRANSPORT);
    }
    assert_int_equal(h.packet->total, 32);
    uint8_t whole[32];
    mnet_packet_copy_out(h.packet, 0, whole, sizeof whole);
    assert_memory_equal(whole, bytes, sizeof bytes);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_21_answer_resolves_its_own_neighbour_only),
        cmocka_unit_test(fault_21_question_of_another_leaves_the_router_where_it_is),
        cmocka_unit_test(fault_21_packet_for_afar_goes_when_the_router_answers_or_comes_back),
        cmocka_unit_test(fault_21_too_big_leaves_room_for_packets_and_ends),
        cmocka_unit_test(fault_21_neighbour_that_was_dead_is_asked_for_again),
        cmocka_unit_test(fault_21_advertisement_for_another_is_no_duplicate),
        cmocka_unit_test(fault_21_questions_are_sent_again),
        cmocka_unit_test(fault_22_question_for_us_teaches_who_asks),
        cmocka_unit_test(fault_22_neighbours_that_do_not_answer_are_bounded),
        cmocka_unit_test(fault_23_offsets_are_right_at_any_mtu),
        cmocka_unit_test(fault_23_options_are_no_payload),
    };
    return cmocka_run_group_tests_name("ip_faults", tests, NULL, NULL);
}
