/* The host's path-MTU cache (RFC 8201, RFC 1191) as its connections use it: one learns from
 * another, and from messages about UDP. A connection of its own is in test_tcp_icmp.c and
 * test_tcp_path_mtu.c, and the cache itself is in unit/test_path_mtu_cache.c. */
#include "tcp/check.h"
#include "tests/tcp/path_mtu.h"

#define expect_data(t, seq_, len_) expect(t, .seq = (seq_), .ack = 1, .flags = ACK, .len = (len_))
#define SMALL 1300 /* text of a segment on the path that is smaller than the link */
#define MINUTE_MS 60000u

/* Writes enough for a probe, and expects the first segment to have `text` bytes. */
static void expect_first(struct tcp_test *t, uint32_t text)
{
    uint32_t seq = sent_to(t);
    write_bytes(t, 4 * MSS);
    expect_data(t, seq, (int)text);
    deliver_all(t);
}

/* Makes another connection to the usual peer the usual one of `t`. */
static void another_connection(struct tcp_test *t)
{
    static const uint16_t port = REMOTE_PORT + 1;
    t->remote.port = port;
    t->iss_known = false;
    send_(t, .seq = 0, .flags = SYN, .mss = (int)MSS);
    expect(t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = (int)MSS); /* PMTU-5.4-2 */
    send_(t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(t);
    mn_tcp_set_no_delay(t->tcp, t->tcb, true);
}

/* PMTU-5.2-2, RFC 1191 3: a new connection knows the path from its first segment on, whoever opens
 * it. The announced MSS stays that of the link. */
SCRIPT(open_begins_with_the_size_of_the_path)
{
    for (int active = 0; active < 2; active++) {
        struct tcp_test t;
        tcp_established(&t, .active = active != 0, .no_delay = true);
        learn_path_mtu(&t, link_mtu(SMALL));
        if (!active)
            another_connection(&t);
        write_bytes(&t, 2 * MSS);
        expect_data(&t, 1, SMALL); /* PMTU-4-4 */
        expect_data(&t, 1 + SMALL, SMALL);
        expect_data(&t, 1 + 2 * SMALL, (int)(2 * MSS - 2 * SMALL));
        assert_int_equal(t.tcb->path_mtu, link_mtu(SMALL));
        assert_int_equal(t.tcb->flight.congestion.cwnd, 10 * SMALL); /* RFC 6928: of segments */
        tcp_end(&t);
    }
}

/* The path to another host has nothing to do with it. */
SCRIPT(open_to_another_host_begins_with_the_link)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    mn_path_mtu_lower(&t.paths, endpoint(10, 0, 0, 9, 0).address, link_mtu(SMALL), t.now);
    write_bytes(&t, MSS);
    expect_data(&t, 1, (int)MSS); /* PMTU-5.2-2 */
    assert_null(t.tcb->plpmtu);
    tcp_end(&t);
}

/* PMTU-5.2-4: all connections follow before their next segment. PMTU-5.4-4: only the one whose
 * packet was dropped sends again. */
SCRIPT(established_message_to_one_lowers_all)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    struct mn_tcb *first = t.tcb;
    uint32_t first_iss = t.iss;
    uint16_t first_port = t.remote.port;
    another_connection(&t);
    struct mn_tcb *second = t.tcb;
    write_bytes(&t, 2 * MSS);
    assert_int_equal(drain(&t, NULL), 2);
    uint32_t cwnd = second->flight.congestion.cwnd;

    t.tcb = first;
    uint32_t second_iss = t.iss;
    uint16_t second_port = t.remote.port;
    t.iss = first_iss;
    t.remote.port = first_port;
    write_bytes(&t, MSS);
    expect_data(&t, 1, (int)MSS);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), 1);
    expect_data(&t, 1, SMALL);
    expect_data(&t, 1 + SMALL, (int)MSS - SMALL);
    expect_nothing(&t);

    t.tcb = second;
    t.iss = second_iss;
    t.remote.port = second_port;
    write_bytes(&t, 2000);
    expect_data(&t, 1 + 2 * MSS, SMALL);
    assert_int_equal(second->path_mtu, link_mtu(SMALL));
    assert_true(second->flight.congestion.cwnd <= cwnd);
    assert_int_equal(counted(&t, TCP_RETRANSMITTED), 2);
    tcp_end(&t);
}

/* PMTU-5.2-5: a connection that knows the size from others hears that its own packets were dropped,
 * too. It sends them again at once, and only them, and only once. */
SCRIPT(established_message_about_text_sent_before_sends_it_again)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    write_bytes(&t, 2 * MSS);
    assert_int_equal(drain(&t, NULL), 2);
    learn_path_mtu(&t, link_mtu(SMALL));
    write_bytes(&t, 100);
    expect_data(&t, 1 + 2 * MSS, 100);
    expect_nothing(&t);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), 1);
    expect_data(&t, 1, SMALL);
    expect_data(&t, 1 + SMALL, SMALL);
    expect_data(&t, 1 + 2 * SMALL, (int)(2 * MSS - 2 * SMALL));
    expect_nothing(&t);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), 1 + MSS);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_RTO), 0);
    tcp_end(&t);
}

/* Text that was sent in small enough packets was not too big. */
SCRIPT(established_message_about_text_sent_after_is_no_loss)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    write_bytes(&t, MSS);
    drain(&t, NULL);
    learn_path_mtu(&t, link_mtu(SMALL));
    write_bytes(&t, 2000);
    assert_int_equal(drain(&t, NULL), 2);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), 1 + MSS);
    expect_nothing(&t);
    acked(&t, 1 + MSS);
    assert_false(t.tcb->plpmtu->larger);
    tcp_end(&t);
}

/* PMTU-5.3-1, PMTU-4-5, RFC 1191 6.3: ten minutes after the last message, whoever got it, a probe
 * of the old size tries the path again. */
SCRIPT(established_size_from_others_is_tried_again_when_it_is_old)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    mark(&t);
    learn_path_mtu(&t, link_mtu(SMALL));
    at_ms(&t, 5 * MINUTE_MS);
    expect_first(&t, SMALL); /* its first look, five minutes later */
    assert_string_equal(search(&t), "complete");
    at_ms(&t, 10 * MINUTE_MS - 1000);
    expect_first(&t, SMALL);
    at_ms(&t, 10 * MINUTE_MS + 1000);
    expect_first(&t, MSS);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE), 1);
    assert_int_equal(t.tcb->path_mtu, link_mtu(MSS));
    assert_null(t.tcb->plpmtu);
    tcp_end(&t);
}

/* The own timer does not run ahead of the messages to others. */
SCRIPT(established_size_from_others_that_is_renewed_stays)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    mark(&t);
    learn_path_mtu(&t, link_mtu(SMALL));
    expect_first(&t, SMALL);
    at_ms(&t, 8 * MINUTE_MS);
    learn_path_mtu(&t, link_mtu(SMALL));
    at_ms(&t, 11 * MINUTE_MS);
    expect_first(&t, SMALL); /* PMTU-4-5 */
    at_ms(&t, 18 * MINUTE_MS - 1000);
    expect_first(&t, SMALL);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE), 0);
    at_ms(&t, 18 * MINUTE_MS + 1000);
    expect_first(&t, MSS);
    tcp_end(&t);
}

/* If the path is as small as ever, the router says so about the probe. All begin anew, and the
 * window stays (PMTU-5.4-3). */
SCRIPT(established_probe_that_is_refused_renews_the_size)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    learn_path_mtu(&t, link_mtu(SMALL));
    expect_first(&t, SMALL);
    wait_ms(&t, 10 * MINUTE_MS);
    mark(&t);
    uint32_t seq = sent_to(&t);
    write_bytes(&t, 4 * MSS);
    expect_data(&t, seq, (int)MSS);
    uint32_t cwnd = t.tcb->flight.congestion.cwnd;
    drain(&t, NULL);
    assert_int_equal(t.paths.count, 0);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), seq);
    expect_data(&t, seq, SMALL);
    assert_int_equal(t.tcb->flight.congestion.cwnd, cwnd);
    assert_int_equal(t.paths.count, 1);
    deliver_all(&t);
    at_ms(&t, 10 * MINUTE_MS - 1000);
    expect_first(&t, SMALL);
    at_ms(&t, 10 * MINUTE_MS + 1000);
    expect_first(&t, MSS);
    tcp_end(&t);
}

/* PMTU-4-1, RFC 5927 4.1: a message that quotes nothing in flight, or nothing that can have been
 * larger than it says, neither lowers the connection nor others. */
SCRIPT(established_forged_message_enters_nothing)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    const uint16_t floor = tcp_family() == IPV4 ? 576 : 1280;
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), 1); /* nothing is in flight */
    write_bytes(&t, 300);
    drain(&t, NULL);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, floor, 1); /* 300 bytes fit */
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 0, 1);
    write_bytes(&t, MSS);
    drain(&t, NULL);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), 0);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), 301 + MSS);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, floor, 301 + MSS - 10); /* the last 10 bytes fit */
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 9000, 1);
    assert_int_equal(t.paths.count, 0);
    assert_int_equal(t.tcb->path_mtu, link_mtu(MSS));
    expect_nothing(&t);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(SMALL), 301);
    assert_int_equal(t.paths.count, 1);
    assert_int_equal(mn_path_mtu_find(&t.paths, t.remote.address), link_mtu(SMALL));
    tcp_end(&t);
}

/* PMTU-4-2, RFC 5927 7: neither is the size of all lowered below the floor. */
SCRIPT(established_floor_is_that_of_all)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    write_bytes(&t, MSS);
    drain(&t, NULL);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 100, 1);
    assert_int_equal(mn_path_mtu_find(&t.paths, t.remote.address), tcp_family() == IPV4 ? 576 : link_mtu(MSS));
    assert_int_equal(t.tcb->path_mtu, tcp_family() == IPV4 ? 576 : 1280);
    tcp_end(&t);
}

/* An attempt to connect has only its SYN in flight, which no link is too small for. */
SCRIPT(syn_sent_message_enters_nothing)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 600, 0);
    assert_int_equal(t.paths.count, 0);
    tcp_end(&t);
}

/* A black hole that a connection suspects is its own. */
SCRIPT(established_black_hole_is_not_shared)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    write_bytes(&t, 2 * MSS);
    while (t.tcb->flight.rtt.expiries < 2)
        wait_ms(&t, 1);
    assert_true(t.tcb->snd_mss < MSS);
    assert_int_equal(t.paths.count, 0);
    drain(&t, NULL);
    another_connection(&t);
    write_bytes(&t, MSS);
    expect_data(&t, 1, (int)MSS);
    tcp_end(&t);
}

/* RFC 8899 5.2: no probe is larger than a router has said, whoever heard it. */
SCRIPT(established_search_ends_at_the_size_of_others)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    write_bytes(&t, 2 * MSS);
    while (t.tcb->flight.rtt.expiries < 2)
        wait_ms(&t, 1);
    learn_path_mtu(&t, link_mtu(SMALL));
    deliver_all(&t);
    assert_true(t.tcb->snd_mss < SMALL);
    expect_first(&t, SMALL);
    assert_int_equal(t.tcb->path_mtu, link_mtu(SMALL));
    assert_string_equal(search(&t), "complete");
    tcp_end(&t);
}

/* A probe is in flight when others learn that it is too large: its arrival raises nothing. */
SCRIPT(established_probe_in_flight_does_not_outdo_the_size_of_others)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    write_bytes(&t, 2 * MSS);
    while (t.tcb->flight.rtt.expiries < 2)
        wait_ms(&t, 1);
    deliver_all(&t);
    uint32_t seq = sent_to(&t);
    write_bytes(&t, 4 * MSS);
    expect_data(&t, seq, (int)MSS);
    learn_path_mtu(&t, link_mtu(SMALL));
    write_bytes(&t, 4 * MSS);
    deliver_all(&t);
    assert_true(t.tcb->snd_mss <= SMALL);
    expect_first(&t, SMALL);
    assert_int_equal(t.tcb->path_mtu, link_mtu(SMALL));
    tcp_end(&t);
}

/* The link itself takes smaller packets (DHCP, a Router Advertisement), and larger ones later. */
SCRIPT(established_size_of_the_link_is_followed)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .sack = true);
    uint16_t small = link_mtu(SMALL), large = link_mtu(MSS);
    mn_path_mtus_set_link(&t.paths, small, small);
    expect_first(&t, SMALL);
    assert_int_equal(t.tcb->path_mtu, small);
    mn_path_mtus_set_link(&t.paths, large, large);
    expect_first(&t, MSS);
    assert_int_equal(t.tcb->path_mtu, large);
    tcp_end(&t);
}

/* Packets of the host to itself cross no link. */
SCRIPT(open_loopback_is_bounded_by_no_link)
{
    struct tcp_test t;
    tcp_closed(&t);
    mn_path_mtu_lower(&t.paths, t.remote.address, link_mtu(SMALL), t.now);
    struct mn_tcp_open open = {.local = t.local, .remote = t.remote, .loopback = true};
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
    expect(&t, .seq = 0, .flags = SYN);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = (int)MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    write_bytes(&t, MSS);
    expect_data(&t, 1, (int)MSS);
    assert_int_equal(t.tcb->path_mtu, UINT16_MAX);
    tcp_end(&t);
}

/* Without a search there is no way back up for a connection, but new ones begin with the link. */
SCRIPT(established_switched_off_follows_down)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .no_plpmtud = true);
    learn_path_mtu(&t, link_mtu(SMALL));
    expect_first(&t, SMALL);
    assert_null(t.tcb->plpmtu);
    wait_ms(&t, 10 * MINUTE_MS + 1000);
    expect_first(&t, SMALL);
    another_connection(&t);
    expect_first(&t, MSS);
    tcp_end(&t);
}

/* A size of others that is no smaller than the peer's segments changes nothing. */
SCRIPT(established_peer_with_a_small_mss_does_not_notice)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true, .mss = 1240);
    learn_path_mtu(&t, link_mtu(SMALL));
    expect_first(&t, 1240);
    assert_null(t.tcb->plpmtu);
    wait_ms(&t, 10 * MINUTE_MS + 1000);
    expect_first(&t, 1240);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE), 0);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_begins_with_the_size_of_the_path),
        cmocka_unit_test(open_to_another_host_begins_with_the_link),
        cmocka_unit_test(established_message_to_one_lowers_all),
        cmocka_unit_test(established_message_about_text_sent_before_sends_it_again),
        cmocka_unit_test(established_message_about_text_sent_after_is_no_loss),
        cmocka_unit_test(established_size_from_others_is_tried_again_when_it_is_old),
        cmocka_unit_test(established_size_from_others_that_is_renewed_stays),
        cmocka_unit_test(established_probe_that_is_refused_renews_the_size),
        cmocka_unit_test(established_forged_message_enters_nothing),
        cmocka_unit_test(established_floor_is_that_of_all),
        cmocka_unit_test(syn_sent_message_enters_nothing),
        cmocka_unit_test(established_black_hole_is_not_shared),
        cmocka_unit_test(established_search_ends_at_the_size_of_others),
        cmocka_unit_test(established_probe_in_flight_does_not_outdo_the_size_of_others),
        cmocka_unit_test(established_size_of_the_link_is_followed),
        cmocka_unit_test(open_loopback_is_bounded_by_no_link),
        cmocka_unit_test(established_switched_off_follows_down),
        cmocka_unit_test(established_peer_with_a_small_mss_does_not_notice),
    };
    return run_scripts("tcp_paths", tests);
}
