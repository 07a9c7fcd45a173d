/* ARP: resolving, learning, confirming, giving up, and the limits of the table (RFC 826, RFC 1122
 * 2.3.2). */
#include "tests/support/ip_host.h"

#include "base/memory.h"

static void expect_request(struct ip_host *h, uint32_t target)
{
    expect_arp(h, MN_ARP_REQUEST, ALL_MAC, OWN_IP, target);
}

static void reply_from(struct ip_host *h, uint32_t ip, struct mn_mac mac)
{
    receive_arp(h, .to = OWN_MAC, .operation = MN_ARP_REPLY, .sender_mac = mac, .sender_ip = ip, .target_mac = OWN_MAC,
                .target_ip = OWN_IP);
}

static void unknown_send_asks_and_waits_for_the_answer(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(send_any(&h), 0);
    expect_request(&h, PEER_IP);
    expect_silence(&h);
    reply_from(&h, PEER_IP, PEER_MAC);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    expect_silence(&h);
    assert_int_equal(send_any(&h), 0);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    expect_silence(&h);
    ip_host_down(&h);
}

static void unknown_send_off_link_asks_for_the_gateway(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(send_packet(&h, .destination = FAR_IP), 0);
    expect_request(&h, GATEWAY_IP);
    reply_from(&h, GATEWAY_IP, GATEWAY_MAC);
    expect_ip(&h, GATEWAY_MAC, FAR_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* Fault 22: the first answer to a stranger must not need a round trip of ARP. */
static void unknown_request_for_us_teaches_its_sender(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OWN_IP);
    expect_arp(&h, MN_ARP_REPLY, PEER_MAC, OWN_IP, PEER_IP);
    assert_int_equal(send_packet(&h, .protocol = MN_PROTOCOL_TCP), 0);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_TCP);
    expect_silence(&h);
    ip_host_down(&h);
}

static void unknown_request_for_others_teaches_nothing(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = GATEWAY_IP);
    expect_silence(&h);
    assert_int_equal(h.ip.neighbours.count, 0);
    ip_host_down(&h);
}

static void unknown_unsolicited_reply_is_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    reply_from(&h, PEER_IP, PEER_MAC);
    assert_int_equal(h.ip.neighbours.count, 0);
    assert_counted(&h, ARP_DROP_INVALID, 1);
    send_any(&h);
    expect_request(&h, PEER_IP);
    ip_host_down(&h);
}

static void gratuitous_updates_existing_entries_only(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = PEER_IP);
    assert_int_equal(h.ip.neighbours.count, 0);
    know(&h, PEER_IP, PEER_MAC);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_mac = OTHER_MAC, .sender_ip = PEER_IP, .target_ip = PEER_IP);
    send_any(&h);
    expect_ip(&h, OTHER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    expect_silence(&h);
    ip_host_down(&h);
}

static void incomplete_request_of_the_neighbour_resolves_it(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    send_any(&h);
    expect_request(&h, PEER_IP);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = GATEWAY_IP);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* Fault 4: about three seconds, and only for the packets that wait. */
static void incomplete_three_requests_unanswered_fails_those_who_wait(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    send_any(&h);
    send_packet(&h, .protocol = MN_PROTOCOL_TCP);
    expect_request(&h, PEER_IP);
    expect_silence(&h);
    pass_ms(&h, 999);
    expect_silence(&h);
    pass_ms(&h, 2);
    expect_request(&h, PEER_IP);
    send_packet(&h, .destination = FAR_IP); /* other packets are not affected */
    expect_ip(&h, GATEWAY_MAC, FAR_IP, MN_PROTOCOL_UDP);
    pass_ms(&h, 1000);
    expect_request(&h, PEER_IP);
    pass_ms(&h, 990);
    expect_no_failure(&h);
    pass_ms(&h, 20);
    expect_failure(&h, PEER_IP, MN_PROTOCOL_UDP);
    expect_failure(&h, PEER_IP, MN_PROTOCOL_TCP);
    expect_no_failure(&h);
    expect_silence(&h);
    assert_counted(&h, ARP_DROP_UNRESOLVED, 2);
    ip_host_down(&h);
}

/* A request that found no memory was never sent, and proves nothing about the neighbour. */
static void incomplete_requests_without_memory_do_not_count(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(send_any(&h), 0);
    expect_request(&h, PEER_IP);
    struct mnet_packet *hoard = hoard_memory(&h);
    pass_ms(&h, 10000);
    expect_silence(&h);
    expect_no_failure(&h);
    free_hoard(hoard);
    for (int i = 1; i < 3; i++) {
        pass_ms(&h, 1000);
        expect_request(&h, PEER_IP);
        expect_no_failure(&h);
    }
    pass_ms(&h, 1000);
    expect_failure(&h, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

static void failed_send_comes_back_at_once_for_a_second(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    send_any(&h);
    pass_ms(&h, 3001);
    expect_failure(&h, PEER_IP, MN_PROTOCOL_UDP);
    assert_int_equal(discard_sent(&h), 3);
    assert_int_equal(send_packet(&h, .protocol = MN_PROTOCOL_TCP), 0);
    expect_failure(&h, PEER_IP, MN_PROTOCOL_TCP);
    expect_silence(&h);
    pass_ms(&h, 1000);
    send_any(&h);
    expect_no_failure(&h);
    expect_request(&h, PEER_IP);
    ip_host_down(&h);
}

static void failed_neighbour_speaks_and_is_reachable(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    send_any(&h);
    pass_ms(&h, 3001);
    discard_sent(&h);
    know(&h, PEER_IP, PEER_MAC);
    send_any(&h);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

static void incomplete_pending_is_bounded_and_the_oldest_goes(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    for (uint8_t i = 0; i < 7; i++)
        send_packet(&h, .packet = make_packet(&h, 8, (uint8_t)(100 + i)));
    expect_request(&h, PEER_IP);
    expect_silence(&h); /* requests do not multiply with packets */
    assert_counted(&h, ARP_DROP_PENDING, 3);
    reply_from(&h, PEER_IP, PEER_MAC);
    for (uint8_t i = 3; i < 7; i++)
        assert_int_equal(expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP)->payload[0], 100 + i);
    expect_silence(&h);
    ip_host_down(&h);
}

static void incomplete_pending_of_all_is_bounded(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    for (unsigned i = 0; i < 60; i++)
        for (unsigned n = 0; n < 4; n++)
            send_packet(&h, .destination = IPV4(10, 0, 0, 10 + i));
    assert_int_equal(h.ip.neighbours.pending, MN_NEIGHBOUR_PENDING_TOTAL);
    assert_counted(&h, ARP_DROP_PENDING, 240 - MN_NEIGHBOUR_PENDING_TOTAL);
    assert_int_equal(discard_sent(&h), 60);
    reply_from(&h, IPV4(10, 0, 0, 69), PEER_MAC); /* the youngest kept theirs */
    assert_int_equal(discard_sent(&h), 4);
    ip_host_down(&h);
}

/* Entries stay, so they do not use the reserve. Known neighbours stay known. */
static void without_memory_no_stranger_gets_an_entry(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    uint32_t reserve = h.memory->reserve;
    for (unsigned i = 0; i < 50; i++) {
        struct mnet_packet *packet = make_packet(&h, 8, 1);
        h.memory->reserve = UINT32_MAX;
        send_packet(&h, .destination = IPV4(10, 0, 0, 10 + i), .packet = packet);
        h.memory->reserve = reserve;
        assert_int_equal(h.ip.neighbours.count, 1);
    }
    assert_counted(&h, ARP_DROP_TABLE, 50);
    expect_silence(&h);
    send_packet(&h, .destination = IPV4(10, 0, 0, 10));
    expect_request(&h, IPV4(10, 0, 0, 10));
    send_any(&h);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* Receives the fragments of one datagram to the peer. Fails unless `size` bytes of the pattern
 * arrive whole. */
static void expect_whole(struct ip_host *h, size_t size, uint8_t seed)
{
    static uint8_t expected[65536], whole[65536];
    size_t at = 0;
    fill_pattern(expected, size, seed);
    for (bool more = true; more;) {
        struct sent *sent = expect_ip(h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
        assert_int_equal(sent->ip.fragment_offset, at);
        assert_true(sent->ip.total_len <= HOST_MTU && at + sent->payload_len <= size);
        memcpy(whole + at, sent->payload, sent->payload_len);
        at += sent->payload_len;
        more = sent->ip.more_fragments;
    }
    assert_int_equal(at, size);
    assert_memory_equal(whole, expected, size);
}

/* RFC 1122 2.3.2.2: a packet for a neighbour that is being asked for is saved, whole. */
static void incomplete_datagram_of_any_size_waits_whole(void **state)
{
    static const size_t sizes[] = {8, 1480, 1481, 8200, 65515};
    (void)state;
    struct ip_host h;
    for (size_t i = 0; i < MN_COUNT_OF(sizes); i++) {
        ip_host_up(&h);
        assert_int_equal(send_packet(&h, .packet = make_packet(&h, sizes[i], 7)), 0);
        expect_request(&h, PEER_IP);
        expect_silence(&h);
        assert_int_equal(h.ip.neighbours.pending, 1);
        reply_from(&h, PEER_IP, PEER_MAC);
        expect_whole(&h, sizes[i], 7);
        expect_silence(&h);
        assert_counted(&h, ARP_DROP_PENDING, 0);
        assert_counted(&h, IP_TX, sizes[i] <= 1480 ? 1 : (sizes[i] + 1479) / 1480);
        assert_int_equal(h.ip.neighbours.pending_bytes, 0);
        ip_host_down(&h);
    }
}

/* The newest of several datagrams wait, up to 64 KiB in all. The last one waits at any size. */
static void incomplete_waiting_bytes_are_bounded_by_whole_datagrams(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    send_packet(&h, .packet = make_packet(&h, 30000, 1));
    send_packet(&h, .packet = make_packet(&h, 30000, 2));
    send_packet(&h, .packet = make_packet(&h, 20000, 3));
    assert_counted(&h, ARP_DROP_PENDING, 1);
    assert_int_equal(discard_sent(&h), 1);
    reply_from(&h, PEER_IP, PEER_MAC);
    expect_whole(&h, 30000, 2);
    expect_whole(&h, 20000, 3);
    expect_silence(&h);
    ip_host_down(&h);
    ip_host_up(&h);
    send_packet(&h, .packet = make_packet(&h, 30000, 1));
    send_packet(&h, .packet = make_packet(&h, 8, 2));
    send_packet(&h, .packet = make_packet(&h, 65515, 3));
    assert_counted(&h, ARP_DROP_PENDING, 2);
    discard_sent(&h);
    reply_from(&h, PEER_IP, PEER_MAC);
    expect_whole(&h, 65515, 3);
    expect_silence(&h);
    ip_host_down(&h);
}

static void incomplete_waiting_bytes_of_all_are_bounded(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    for (unsigned i = 0; i < 60; i++) {
        send_packet(&h, .destination = IPV4(10, 0, 0, 10 + i), .packet = make_packet(&h, 60000, 1));
        assert_true(h.ip.neighbours.pending_bytes <= h.ip.neighbours.pending_bytes_max);
        assert_int_equal(h.ip.neighbours.pending_bytes, h.ip.neighbours.pending * 60020u);
    }
    unsigned waiting = h.ip.neighbours.pending;
    assert_in_range(waiting, 2, 59);
    assert_counted(&h, ARP_DROP_PENDING, 60 - waiting);
    discard_sent(&h);
    reply_from(&h, IPV4(10, 0, 0, 69), PEER_MAC); /* the youngest kept its own */
    assert_int_equal(discard_sent(&h), 41);
    ip_host_down(&h);
}

/* A datagram that waited in vain comes back as one datagram. */
static void incomplete_large_datagram_unanswered_fails_once(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    send_packet(&h, .packet = make_packet(&h, 20000, 1));
    pass_ms(&h, 3000);
    assert_int_equal(discard_sent(&h), 3);
    expect_failure(&h, PEER_IP, MN_PROTOCOL_UDP);
    expect_no_failure(&h);
    send_packet(&h, .packet = make_packet(&h, 20000, 1)); /* FAILED: at once */
    expect_failure(&h, PEER_IP, MN_PROTOCOL_UDP);
    expect_no_failure(&h);
    expect_silence(&h);
    ip_host_down(&h);
}

/* If memory is short when the answer arrives, only whole datagrams leave. */
static void incomplete_large_datagram_without_memory_is_dropped_whole(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    send_packet(&h, .packet = make_packet(&h, 20000, 1));
    send_packet(&h, .packet = make_packet(&h, 8, 2));
    discard_sent(&h);
    struct mnet_packet *reply = mnet_packet_alloc(h.memory);
    uint8_t *frame = mnet_packet_put(reply, MN_ETHERNET_HEADER + MN_ARP_PACKET);
    mn_ethernet_emit(frame, &(struct mn_ethernet){OWN_MAC, PEER_MAC, MN_ETHERTYPE_ARP});
    mn_arp_emit(
        frame + MN_ETHERNET_HEADER,
        &(struct mn_arp){.operation = MN_ARP_REPLY, .sender_mac = PEER_MAC, .sender_ip = PEER_IP, .target_ip = OWN_IP});
    struct mnet_packet *hoard = hoard_memory(&h);
    assert_int_equal(mn_ip_input(&h.ip, &reply, h.now, &h.datagram, &h.error), MN_IP_CONSUMED);
    free_hoard(hoard);
    assert_counted(&h, TX_DROP_MEMORY, 1);
    expect_whole(&h, 8, 2);
    expect_silence(&h);
    ip_host_down(&h);
}

static void reachable_in_use_is_confirmed_by_unicast(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    for (int i = 0; i < 29; i++) {
        send_any(&h);
        pass_ms(&h, 1000);
    }
    assert_int_equal(discard_sent(&h), 29);
    pass_ms(&h, 1001);
    expect_arp(&h, MN_ARP_REQUEST, PEER_MAC, OWN_IP, PEER_IP);
    expect_silence(&h);
    send_any(&h); /* goes on as before */
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    reply_from(&h, PEER_IP, PEER_MAC);
    pass_ms(&h, 29000);
    expect_silence(&h);
    ip_host_down(&h);
}

static void probe_unanswered_asks_everybody_again(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    send_any(&h);
    discard_sent(&h);
    pass_ms(&h, 30001);
    for (int i = 0; i < 3; i++) {
        expect_arp(&h, MN_ARP_REQUEST, PEER_MAC, OWN_IP, PEER_IP);
        expect_silence(&h);
        pass_ms(&h, 1000);
    }
    expect_silence(&h);
    expect_no_failure(&h);
    send_any(&h);
    expect_request(&h, PEER_IP);
    reply_from(&h, PEER_IP, OTHER_MAC);
    expect_ip(&h, OTHER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

static void reachable_unused_becomes_stale_and_is_probed_when_used(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    pass_ms(&h, 120000);
    expect_silence(&h);
    send_any(&h);
    expect_arp(&h, MN_ARP_REQUEST, PEER_MAC, OWN_IP, PEER_IP);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

static void stale_unused_is_forgotten_and_no_timer_is_left(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    pass_ms(&h, 631000);
    assert_int_equal(h.ip.neighbours.count, 0);
    assert_int_equal(mn_ip_deadline(&h.ip), MNET_NEVER);
    ip_host_down(&h);
}

static void small_table(struct ip_host *h, unsigned max)
{
    struct mn_ip_config config = ip_host_config(h);
    config.user.neighbours_max = max;
    assert_int_equal(ip_host_start(h, &config), 0);
    pass_ms(h, 3000);
    discard_sent(h);
}

static bool is_known(struct ip_host *h, uint32_t ip)
{
    return mn_neighbour_find(&h->ip.neighbours, mnet_address_from_ipv4(ip)) != NULL;
}

static void full_table_oldest_unused_goes_never_the_gateway(void **state)
{
    (void)state;
    struct ip_host h;
    small_table(&h, 4);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    know(&h, IPV4(10, 0, 0, 11), PEER_MAC);
    know(&h, IPV4(10, 0, 0, 12), PEER_MAC);
    know(&h, IPV4(10, 0, 0, 13), PEER_MAC);
    send_packet(&h, .destination = IPV4(10, 0, 0, 11));
    discard_sent(&h);
    know(&h, IPV4(10, 0, 0, 14), PEER_MAC);
    assert_false(is_known(&h, IPV4(10, 0, 0, 12)));
    assert_true(is_known(&h, IPV4(10, 0, 0, 11)));
    for (unsigned i = 20; i < 60; i++)
        know(&h, IPV4(10, 0, 0, i), PEER_MAC);
    assert_true(is_known(&h, GATEWAY_IP));
    assert_true(is_known(&h, IPV4(10, 0, 0, 11)));
    assert_true(is_known(&h, IPV4(10, 0, 0, 59)));
    assert_int_equal(h.ip.neighbours.count, 4);
    ip_host_down(&h);
}

static void full_table_of_used_entries_least_recently_used_goes(void **state)
{
    (void)state;
    struct ip_host h;
    small_table(&h, 3);
    for (unsigned i = 11; i <= 13; i++) {
        know(&h, IPV4(10, 0, 0, i), PEER_MAC);
        send_packet(&h, .destination = IPV4(10, 0, 0, i));
        assert_int_equal(discard_sent(&h), 1);
    }
    send_packet(&h, .destination = IPV4(10, 0, 0, 11));
    assert_int_equal(discard_sent(&h), 1);
    know(&h, IPV4(10, 0, 0, 14), PEER_MAC);
    assert_true(is_known(&h, IPV4(10, 0, 0, 11)));
    assert_false(is_known(&h, IPV4(10, 0, 0, 12)));
    ip_host_down(&h);
}

/* A neighbour that we wanted to reach in vain, and that speaks then, has precedence over those that
 * only asked for us. */
static void full_table_neighbour_wanted_while_it_failed_stays(void **state)
{
    (void)state;
    struct ip_host h;
    small_table(&h, 3);
    send_any(&h);
    pass_ms(&h, 3001);
    discard_sent(&h);
    know(&h, PEER_IP, PEER_MAC);
    for (unsigned i = 20; i < 24; i++)
        know(&h, IPV4(10, 0, 0, i), PEER_MAC);
    assert_true(is_known(&h, PEER_IP));
    ip_host_down(&h);
}

/* A flood of packets to unused addresses, or of SYNs from them, only displaces itself. */
static void full_table_unresolved_flood_keeps_resolved_neighbours(void **state)
{
    (void)state;
    struct ip_host h;
    small_table(&h, 16);
    for (unsigned i = 11; i <= 18; i++)
        know(&h, IPV4(10, 0, 0, i), PEER_MAC);
    for (unsigned i = 0; i < 200; i++)
        send_packet(&h, .destination = IPV4(10, 0, 0, 30 + i));
    for (unsigned i = 11; i <= 18; i++)
        assert_true(is_known(&h, IPV4(10, 0, 0, i)));
    assert_int_equal(h.ip.neighbours.count, 16);
    assert_counted(&h, ARP_DROP_TABLE, 192);
    ip_host_down(&h);
}

static void full_table_of_one_serves_whoever_is_next(void **state)
{
    (void)state;
    struct ip_host h;
    small_table(&h, 1);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    know(&h, PEER_IP, PEER_MAC);
    send_any(&h);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* Another station may have the same address now, or one may answer that did not before. */
static void link_up_forgets_neighbours_and_asks_again_for_whom_packets_wait(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    send_any(&h);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    send_packet(&h, .destination = IPV4(10, 0, 0, 8)); /* in vain */
    pass_ms(&h, 3000);
    expect_failure(&h, IPV4(10, 0, 0, 8), MN_PROTOCOL_UDP);
    send_packet(&h, .destination = IPV4(10, 0, 0, 9)); /* asked twice so far */
    pass_ms(&h, 1000);
    discard_sent(&h);
    mn_ip_note_link_up(&h.ip, h.now);
    unsigned requests = 0, announcements = 0;
    static struct sent sent;
    while (take_sent(&h, &sent)) {
        assert_int_equal(sent.ethernet.type, MN_ETHERTYPE_ARP);
        requests += sent.arp.target_ip == IPV4(10, 0, 0, 9);
        announcements += sent.arp.target_ip == OWN_IP;
    }
    assert_int_equal(requests, 1);
    assert_int_equal(announcements, 1);
    assert_int_equal(h.ip.neighbours.count, 1);
    pass_ms(&h, 2500); /* it has its three seconds again */
    expect_no_failure(&h);
    discard_sent(&h);
    reply_from(&h, IPV4(10, 0, 0, 9), OTHER_MAC);
    expect_ip(&h, OTHER_MAC, IPV4(10, 0, 0, 9), MN_PROTOCOL_UDP);
    send_any(&h);
    expect_request(&h, PEER_IP); /* all are asked */
    reply_from(&h, PEER_IP, OTHER_MAC);
    expect_ip(&h, OTHER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

static void group_destinations_are_never_asked_for(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    send_packet(&h, .destination = ALL_BROADCAST);
    expect_ip(&h, ALL_MAC, ALL_BROADCAST, MN_PROTOCOL_UDP);
    send_packet(&h, .destination = NETWORK_BROADCAST);
    expect_ip(&h, ALL_MAC, NETWORK_BROADCAST, MN_PROTOCOL_UDP);
    send_packet(&h, .destination = IPV4(239, 129, 2, 3));
    expect_ip(&h, ((struct mn_mac){{1, 0, 0x5e, 1, 2, 3}}), IPV4(239, 129, 2, 3), MN_PROTOCOL_UDP);
    expect_silence(&h);
    assert_int_equal(h.ip.neighbours.count, 0);
    ip_host_down(&h);
}

static void implausible_arp_is_dropped(void **state)
{
    (void)state;
    static const struct arp_line bad[] = {
        {.sender_mac = {{0x03, 0, 0, 0, 0, 3}}, .sender_ip = PEER_IP}, /* group bit */
        {.sender_mac = {{0}}, .sender_ip = PEER_IP},
        {.sender_mac = {{2, 0, 0, 0, 0, 2}}, .sender_ip = PEER_IP}, /* our own */
        {.sender_mac = {{2, 0, 0, 0, 0, 3}}, .sender_ip = NETWORK_BROADCAST},
        {.sender_mac = {{2, 0, 0, 0, 0, 3}}, .sender_ip = ALL_BROADCAST},
        {.sender_mac = {{2, 0, 0, 0, 0, 3}}, .sender_ip = IPV4(224, 0, 0, 1)},
        {.sender_mac = {{2, 0, 0, 0, 0, 3}}, .sender_ip = IPV4(240, 0, 0, 1)}, /* reserved */
        {.sender_mac = {{2, 0, 0, 0, 0, 3}}, .sender_ip = IPV4(127, 0, 0, 1)},
        {.sender_mac = {{2, 0, 0, 0, 0, 3}}, .sender_ip = IPV4(0, 0, 0, 1)},
        {.sender_mac = {{2, 0, 0, 0, 0, 3}}, .sender_ip = IPV4(10, 0, 0, 0)}, /* the network */
    };
    struct ip_host h;
    ip_host_up(&h);
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++) {
        struct arp_line line = bad[i];
        line.to = ALL_MAC;
        line.operation = MN_ARP_REQUEST;
        line.target_ip = OWN_IP;
        receive_arp_line(&h, line);
        assert_counted(&h, ARP_DROP_INVALID, i + 1);
        expect_silence(&h);
    }
    assert_int_equal(h.ip.neighbours.count, 0);
    ip_host_down(&h);
}

/* RFC 826: a station that asks for us is answered, whatever network it believes to be on. No route
 * to it could use an entry, so there is none. A reply from it is for nobody. */
static void unknown_request_from_another_network_is_answered_and_teaches_nothing(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    for (unsigned i = 0; i < 3; i++) {
        receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = FAR_IP + i, .target_ip = OWN_IP);
        expect_arp(&h, MN_ARP_REPLY, PEER_MAC, OWN_IP, FAR_IP + i);
    }
    assert_counted(&h, ARP_DROP_INVALID, 0);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = FAR_IP, .target_ip = PEER_IP);
    assert_counted(&h, ARP_DROP_INVALID, 1);
    receive_arp(&h, .operation = MN_ARP_REPLY, .sender_ip = FAR_IP, .target_ip = OWN_IP);
    assert_counted(&h, ARP_DROP_INVALID, 2);
    assert_int_equal(h.ip.neighbours.count, 0);
    expect_silence(&h);
    ip_host_down(&h);
}

/* Attack 3. */
static void truncated_arp_is_dropped_at_every_byte(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    uint8_t frame[MN_ETHERNET_HEADER + MN_ARP_PACKET];
    mn_ethernet_emit(frame, &(struct mn_ethernet){OWN_MAC, PEER_MAC, MN_ETHERTYPE_ARP});
    mn_arp_emit(frame + MN_ETHERNET_HEADER,
                &(struct mn_arp){
                    .operation = MN_ARP_REQUEST, .sender_mac = PEER_MAC, .sender_ip = PEER_IP, .target_ip = OWN_IP});
    for (size_t len = 0; len < sizeof frame; len++)
        receive_bytes(&h, frame, len);
    expect_silence(&h);
    assert_counted(&h, ETH_DROP_RUNT, MN_ETHERNET_HEADER);
    assert_counted(&h, ARP_DROP_INVALID, MN_ARP_PACKET);
    receive_bytes(&h, frame, sizeof frame);
    expect_arp(&h, MN_ARP_REPLY, PEER_MAC, OWN_IP, PEER_IP);
    ip_host_down(&h);
}

static void gateway_of_a_host_route_is_found_on_the_link(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip_host_config(&h);
    config.user.ipv4.length = 32;
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 3000);
    discard_sent(&h);
    send_packet(&h, .destination = PEER_IP);
    expect_request(&h, GATEWAY_IP);
    reply_from(&h, GATEWAY_IP, GATEWAY_MAC);
    expect_ip(&h, GATEWAY_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

static void the_other_end_of_a_31_is_a_neighbour(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip_host_config(&h);
    config.user.ipv4.length = 31;
    config.user.ipv4_gateway = mnet_address_from_ipv4(PEER_IP);
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 3000);
    discard_sent(&h);
    assert_false(mn_ip_is_broadcast(&h.ip, mnet_address_from_ipv4(PEER_IP)));
    send_packet(&h, .destination = PEER_IP);
    expect_request(&h, PEER_IP);
    reply_from(&h, PEER_IP, PEER_MAC);
    expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_send_asks_and_waits_for_the_answer),
        cmocka_unit_test(unknown_send_off_link_asks_for_the_gateway),
        cmocka_unit_test(unknown_request_for_us_teaches_its_sender),
        cmocka_unit_test(unknown_request_for_others_teaches_nothing),
        cmocka_unit_test(unknown_unsolicited_reply_is_dropped),
        cmocka_unit_test(gratuitous_updates_existing_entries_only),
        cmocka_unit_test(incomplete_request_of_the_neighbour_resolves_it),
        cmocka_unit_test(incomplete_three_requests_unanswered_fails_those_who_wait),
        cmocka_unit_test(incomplete_requests_without_memory_do_not_count),
        cmocka_unit_test(failed_send_comes_back_at_once_for_a_second),
        cmocka_unit_test(failed_neighbour_speaks_and_is_reachable),
        cmocka_unit_test(incomplete_pending_is_bounded_and_the_oldest_goes),
        cmocka_unit_test(incomplete_pending_of_all_is_bounded),
        cmocka_unit_test(without_memory_no_stranger_gets_an_entry),
        cmocka_unit_test(incomplete_datagram_of_any_size_waits_whole),
        cmocka_unit_test(incomplete_waiting_bytes_are_bounded_by_whole_datagrams),
        cmocka_unit_test(incomplete_waiting_bytes_of_all_are_bounded),
        cmocka_unit_test(incomplete_large_datagram_unanswered_fails_once),
        cmocka_unit_test(incomplete_large_datagram_without_memory_is_dropped_whole),
        cmocka_unit_test(reachable_in_use_is_confirmed_by_unicast),
        cmocka_unit_test(probe_unanswered_asks_everybody_again),
        cmocka_unit_test(reachable_unused_becomes_stale_and_is_probed_when_used),
        cmocka_unit_test(stale_unused_is_forgotten_and_no_timer_is_left),
        cmocka_unit_test(full_table_oldest_unused_goes_never_the_gateway),
        cmocka_unit_test(full_table_of_used_entries_least_recently_used_goes),
        cmocka_unit_test(full_table_neighbour_wanted_while_it_failed_stays),
        cmocka_unit_test(full_table_unresolved_flood_keeps_resolved_neighbours),
        cmocka_unit_test(full_table_of_one_serves_whoever_is_next),
        cmocka_unit_test(link_up_forgets_neighbours_and_asks_again_for_whom_packets_wait),
        cmocka_unit_test(group_destinations_are_never_asked_for),
        cmocka_unit_test(implausible_arp_is_dropped),
        cmocka_unit_test(unknown_request_from_another_network_is_answered_and_teaches_nothing),
        cmocka_unit_test(truncated_arp_is_dropped_at_every_byte),
        cmocka_unit_test(gateway_of_a_host_route_is_found_on_the_link),
        cmocka_unit_test(the_other_end_of_a_31_is_a_neighbour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
