/* Path MTU discovery without help of routers (RFC 8899, RFC 4821), and the way back up after a
 * router's message (RFC 1191). ICMP itself is in test_tcp_icmp.c, and whole transfers are in
 * unit/test_black_holes.c. */
#include "tcp/check.h"
#include "tests/tcp/path_mtu.h"
#include "tests/tcp/recovery.h"

/* BASE_PLPMTU and MIN_PLPMTU without both headers. */
#define BASE_MSS (tcp_family() == IPV4 ? 1200 - 40 : 1280 - 60)
#define MIN_MSS (tcp_family() == IPV4 ? 576 - 40 : 1280 - 60)

#define expect_data(t, seq_, len_) expect(t, .seq = (seq_), .ack = 1, .flags = ACK, .len = (len_))

/* Returns the text of a segment in a packet of so many bytes. */
static uint32_t text_of(uint16_t packet)
{
    return packet - family_ip_header(tcp_family()) - MN_TCP_HEADER;
}

/* The peer is silent until the timer has expired `times` times. The last segment is left to be
 * checked. */
static void time_out(struct tcp_test *t, unsigned times)
{
    for (unsigned n = 0; t->tcb->flight.rtt.expiries < times; n++) {
        assert_true(n < 100000);
        drain(t, NULL);
        wait_ms(t, 1);
    }
}

/* After two timeouts packets of BASE_PLPMTU get through. The search may begin, with the window as
 * before. */
static void lowered(struct tcp_test *t)
{
    write_bytes(t, 4 * MSS);
    time_out(t, 2);
    deliver_all(t);
    if (!t->tcb->sack_ok) { /* RFC 6582 3.2: duplicates count again */
        write_bytes(t, BASE_MSS);
        deliver_all(t);
    }
    t->tcb->flight.congestion.cwnd = 10 * MSS;
    assert_int_equal(t->tcb->snd_mss, BASE_MSS);
    assert_string_equal(search(t), "searching");
    assert_int_equal(t->tcb->flight.loss.phase, MN_LOSS_OPEN);
}

/* Sends a probe of `mss` bytes, and as much more as the window allows. Returns the probe's sequence
 * number. */
static uint32_t probe(struct tcp_test *t, uint32_t mss, uint32_t bytes)
{
    uint32_t seq = sent_to(t);
    write_bytes(t, bytes);
    expect_data(t, seq, (int)mss);
    assert_true(t->seen.datagram.dont_fragment); /* RFC 8899 3 (2) */
    return seq;
}

/* The probe is lost and the data after it arrives: with SACK, or as three duplicates. */
static void lose_probe(struct tcp_test *t, uint32_t seq, uint32_t mss)
{
    uint32_t right = sent_to(t);
    drain(t, NULL);
    wait_ms(t, 1);
    for (int i = 0; i < 3; i++) {
        if (t->tcb->sack_ok)
            send_(t, .seq = 1, .ack = seq, .flags = ACK, BLOCKS(1, {seq + mss, right}));
        else
            acked(t, seq);
    }
}

/* RFC 4821 7.7, RFC 8899 4.3: the data is sent unchanged at first, then in packets of BASE_PLPMTU,
 * then of MIN_PLPMTU, then in packets that may be fragmented. The timer is as always. */
SCRIPT(established_timeouts_in_a_row_make_smaller_segments)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    write_bytes(&t, 3 * MSS);
    drain(&t, NULL);
    mark(&t);
    at_ms(&t, 200);
    expect_data(&t, 1, (int)MSS);
    assert_string_equal(search(&t), "off");
    at_ms(&t, 600);
    expect_data(&t, 1, BASE_MSS);
    assert_true(t.seen.datagram.dont_fragment);
    assert_string_equal(search(&t), "base");
    assert_int_equal(t.tcb->path_mtu, 1200);
    at_ms(&t, 1400);
    expect_data(&t, 1, MIN_MSS);
    assert_true(t.seen.datagram.dont_fragment);
    at_ms(&t, 3000);
    expect_data(&t, 1, MIN_MSS);
    assert_false(t.seen.datagram.dont_fragment);
    assert_string_equal(search(&t), "error");
    at_ms(&t, 6200);
    expect_data(&t, 1, MIN_MSS);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_PMTU_LOWERED), 2);
    tcp_end(&t);
}

/* RFC 8899 5.1.2, PMTU-4-2: over IPv6 both sizes are 1280. There is no smaller one, and no router
 * fragments, so the data is sent again unchanged until the connection ends. */
SCRIPT(established_timeouts_in_a_row_stop_at_1280)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    write_bytes(&t, 3 * MSS);
    drain(&t, NULL);
    mark(&t);
    at_ms(&t, 200);
    expect_data(&t, 1, (int)MSS);
    static const uint32_t times[] = {600, 1400, 3000, 6200};
    for (unsigned i = 0; i < MN_COUNT_OF(times); i++) {
        at_ms(&t, times[i]);
        expect_data(&t, 1, BASE_MSS);
        assert_true(t.seen.datagram.dont_fragment);
        assert_string_equal(search(&t), "base");
        assert_int_equal(t.tcb->path_mtu, 1280);
    }
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_PMTU_LOWERED), 1);
    tcp_end(&t);

    /* A connection that never had larger packets has no search. */
    tcp_established(&t, .no_delay = true, .mss = BASE_MSS);
    write_bytes(&t, 3 * MSS);
    wait_ms(&t, 6200);
    drain(&t, NULL);
    assert_string_equal(search(&t), "off");
    assert_int_equal(t.tcb->snd_mss, BASE_MSS);
    assert_null(t.tcb->plpmtu);
    tcp_end(&t);
}

/* Small segments are not lost for their size. */
SCRIPT(established_small_segments_do_not_get_smaller)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    write_bytes(&t, MIN_MSS);
    wait_ms(&t, 30000);
    drain(&t, NULL);
    assert_int_equal(t.tcb->snd_mss, MSS);
    assert_null(t.tcb->plpmtu);
    write_bytes(&t, 200); /* together they do not fit MIN_PLPMTU */
    wait_ms(&t, 30000);
    assert_int_equal(t.tcb->snd_mss, MIN_MSS);
    tcp_end(&t);
}

/* The second timeout retransmits data that was in flight as one large packet for the device, of up
 * to 64 KiB. It is cut anew. */
SCRIPT(established_large_packets_are_cut_anew)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .gso_max = 65000);
    write_bytes(&t, 20 * MSS);
    expect_data(&t, 1, 10 * (int)MSS);
    assert_int_equal(t.seen.gso_size, MSS);
    time_out(&t, 2);
    expect_data(&t, 1, BASE_MSS);
    wait_ms(&t, 1);
    acked(&t, 1 + BASE_MSS);
    /* The rest of the data retransmitted before. */
    expect_data(&t, 1 + BASE_MSS, (int)MSS - BASE_MSS);
    expect_data(&t, 1 + MSS, BASE_MSS);
    acked(&t, 1 + MSS + BASE_MSS);
    expect_data(&t, 1 + MSS + BASE_MSS, 3 * BASE_MSS);
    assert_int_equal(t.seen.gso_size, BASE_MSS);
    tcp_end(&t);
}

/* RFC 8899 3: the method must be robust if packets are lost for other reasons. An outage looks like
 * a black hole. The first probe afterwards has the old size, and gets through. */
SCRIPT(established_after_an_outage_the_first_probe_restores_the_size)
{
    for (int sack = 0; sack < 2; sack++) {
        struct tcp_test t;
        tcp_established(&t, .sack = sack != 0);
        lowered(&t);
        uint32_t seq = probe(&t, MSS, 6 * MSS), cwnd = t.tcb->flight.congestion.cwnd;
        expect_data(&t, seq + MSS, BASE_MSS);
        acked(&t, seq + MSS);
        assert_int_equal(t.tcb->snd_mss, MSS);
        assert_int_equal(t.tcb->path_mtu, link_mtu(MSS));
        /* RFC 8899 3 (7): a larger size does not enlarge it. */
        assert_true(t.tcb->flight.congestion.cwnd <= cwnd + MSS);
        assert_null(t.tcb->plpmtu);
        assert_string_equal(search(&t), "off");
        assert_int_equal(counted(&t, TCP_PMTU_BLACK_HOLE), 0);
        assert_int_equal(counted(&t, TCP_PMTU_PROBE), 1);
        tcp_end(&t);
    }
}

/* RFC 4821 7.6.2, RFC 8899 3 (7): the loss of a probe alone is no sign of congestion. Its text is
 * sent again in segments of the proven size. */
SCRIPT(established_probe_lost_is_no_congestion)
{
    for (int sack = 0; sack < 2; sack++) {
        struct tcp_test t;
        tcp_established(&t, .sack = sack != 0);
        lowered(&t);
        uint32_t cwnd = t.tcb->flight.congestion.cwnd, ssthresh = t.tcb->flight.congestion.ssthresh;
        uint32_t seq = probe(&t, MSS, 6 * MSS);
        lose_probe(&t, seq, MSS);
        expect_data(&t, seq, BASE_MSS);
        expect_data(&t, seq + BASE_MSS, (int)MSS - BASE_MSS);
        assert_int_equal(t.tcb->flight.congestion.cwnd, cwnd);
        assert_int_equal(t.tcb->flight.congestion.ssthresh, ssthresh);
        assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_OPEN);
        assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
        assert_int_equal(counted(&t, TCP_PMTU_PROBE_LOST), 1);
        assert_int_equal(t.tcb->snd_mss, BASE_MSS);
        acked(&t, sent_to(&t)); /* arrived in pieces, which proves nothing */
        assert_int_equal(t.tcb->snd_mss, BASE_MSS);
        tcp_end(&t);
    }
}

/* A peer may acknowledge the beginning of a probe and then report the rest as missing. Only the
 * rest is sent again (model 1041167). */
SCRIPT(established_probe_acknowledged_in_part_is_lost_in_part)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    lowered(&t);
    uint32_t seq = probe(&t, MSS, 6 * MSS);
    drain(&t, NULL);
    wait_ms(&t, 1);
    uint32_t right = sent_to(&t);
    for (int i = 0; i < 3; i++)
        send_(&t, .seq = 1, .ack = seq + 400, .flags = ACK, BLOCKS(1, {seq + MSS, right}));
    mn_tcp_check(t.tcp);
    expect_data(&t, seq + 400, (int)MSS - 400);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE_LOST), 1);
    tcp_end(&t);
}

/* The text of a lost probe has a whole timeout to arrive in (RFC 6675 6). */
SCRIPT(established_lost_probe_restarts_the_timer)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    lowered(&t);
    uint32_t seq = probe(&t, MSS, 6 * MSS), rto = counted(&t, TCP_RTO);
    drain(&t, NULL);
    wait_ms(&t, 150);
    lose_probe(&t, seq, MSS);
    wait_ms(&t, 150);
    assert_int_equal(counted(&t, TCP_RTO), rto);
    tcp_end(&t);
}

/* RFC 4821 7.6.4: if more than the probe is lost, there is congestion, and nothing is known about
 * the size. */
SCRIPT(established_probe_lost_among_others_is_congestion)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    lowered(&t);
    uint32_t seq = probe(&t, MSS, 6 * MSS);
    drain(&t, NULL);
    wait_ms(&t, 1);
    uint32_t second = seq + MSS + BASE_MSS;
    for (int i = 0; i < 3; i++)
        send_(&t, .seq = 1, .ack = seq, .flags = ACK, BLOCKS(1, {second, sent_to(&t)}));
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 1);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE_LOST), 0);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_RECOVERY);
    deliver_all(&t);
    assert_int_equal(t.tcb->snd_mss, BASE_MSS);
    probe(&t, MSS, 6 * MSS); /* the same again */
    tcp_end(&t);
}

/* RFC 8899 5.1.2, 5.3: MAX_PROBES of a size, then the middle of the range, until the result is good
 * enough. Between two probes there is at least a round trip (3 (7)). */
SCRIPT(established_search_halves_the_range)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    lowered(&t);
    const uint32_t hole = 1400; /* larger packets are lost */
    /* From 1200 and 1500, or from 1280 and 1520; Ethernet's size is tried before the middle. */
    static const uint16_t ipv4[] = {1500, 1500, 1500, 1350, 1425, 1425, 1425, 1387, 1406, 1406, 1406, 1396, 0};
    static const uint16_t ipv6[] = {1520, 1520, 1520, 1500, 1500, 1500, 1390, 1445, 1445,
                                    1445, 1417, 1417, 1417, 1403, 1403, 1403, 0};
    const uint16_t *sizes = tcp_family() == IPV4 ? ipv4 : ipv6;
    for (unsigned i = 0; sizes[i] != 0; i++) {
        uint32_t mss = text_of(sizes[i]), seq = probe(&t, mss, 8 * MSS);
        uint32_t probes = (uint32_t)counted(&t, TCP_PMTU_PROBE);
        if (sizes[i] > hole)
            lose_probe(&t, seq, mss);
        /* Not before the data in it has arrived. */
        assert_int_equal(counted(&t, TCP_PMTU_PROBE), probes);
        acked(&t, sent_to(&t));
        t.tcb->no_delay = true; /* nothing is held back, so the next one begins with a new write */
        deliver_all(&t);
        if (i == 2) {
            assert_int_equal(counted(&t, TCP_PMTU_BLACK_HOLE), 1);
        }
    }
    assert_string_equal(search(&t), "complete");
    const uint16_t found = tcp_family() == IPV4 ? 1396 : 1390;
    assert_int_equal(t.tcb->path_mtu, found);
    assert_int_equal(t.tcb->snd_mss, text_of(found));
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
    tcp_end(&t);
}

/* RFC 8899 5.1.1: PMTU_RAISE_TIMER, 600 s; without data nothing is sent. */
static void search_is_over(struct tcp_test *t)
{
    lowered(t);
    for (unsigned i = 0; strcmp(search(t), "complete") != 0; i++) {
        assert_true(i < 100);
        uint32_t seq = sent_to(t);
        write_bytes(t, 8 * MSS);
        if (t->tcb->plpmtu->probe == MN_PROBE_OUT)
            lose_probe(t, seq, text_of(t->tcb->plpmtu->probed));
        deliver_all(t);
    }
    assert_int_equal(t->tcb->path_mtu, link_mtu(BASE_MSS));
}

SCRIPT(established_search_begins_again_after_ten_minutes)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    search_is_over(&t);
    uint32_t probes = (uint32_t)counted(&t, TCP_PMTU_PROBE);
    mark(&t);
    at_ms(&t, 599000);
    expect_nothing(&t);
    write_bytes(&t, 4 * MSS);
    deliver_all(&t);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE), probes);
    at_ms(&t, 700000);
    expect_nothing(&t);
    uint32_t seq = probe(&t, MSS, 4 * MSS);
    drain(&t, NULL);
    acked(&t, seq + MSS);
    assert_int_equal(t.tcb->snd_mss, MSS);
    tcp_end(&t);
}

/* RFC 4821 7.4: no probe while data is missing, or without enough data after it to detect its
 * loss. */
SCRIPT(established_probe_waits_for_enough_data)
{
    struct tcp_test t;
    /* No SACK, no tail loss probes: three segments after it must show the loss. */
    tcp_established(&t, .no_delay = true);
    lowered(&t);
    uint32_t seq = sent_to(&t);
    write_bytes(&t, MSS + 3 * BASE_MSS - 1);
    expect_data(&t, seq, BASE_MSS);
    deliver_all(&t);
    probe(&t, MSS, MSS + 3 * BASE_MSS);
    tcp_end(&t);

    tcp_established(&t, .sack = true, .no_delay = true);
    lowered(&t);
    write_bytes(&t, MSS - 1);
    expect_data(&t, 1 + 4 * MSS, BASE_MSS);
    deliver_all(&t);
    probe(&t, MSS, MSS);
    tcp_end(&t);
}

SCRIPT(established_probe_waits_for_window_and_order)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .no_delay = true);
    lowered(&t);
    send_(&t, .seq = 1, .ack = sent_to(&t), .flags = ACK, .window = MSS - 1);
    write_bytes(&t, MSS);
    expect_data(&t, 1 + 4 * MSS, BASE_MSS);
    deliver_all(&t);
    /* A hole, which every segment reports. */
    send_(&t, .seq = 2, .ack = sent_to(&t), .flags = ACK, .data = "b");
    drain(&t, NULL);
    uint32_t seq = sent_to(&t);
    write_bytes(&t, 2 * MSS);
    expect(&t, .seq = seq, .ack = 1, .flags = ACK, .len = BASE_MSS - 12, BLOCKS(1, {2, 3}));
    send_(&t, .seq = 1, .ack = seq, .flags = ACK, .data = "a");
    deliver_all(&t);
    seq = sent_to(&t);
    write_bytes(&t, MSS);
    expect(&t, .seq = seq, .ack = 3, .flags = ACK, .len = (int)MSS);
    tcp_end(&t);
}

/* A tail loss probe (RFC 8985 7) finds the loss of a probe at the end of the data, not the
 * timer. */
SCRIPT(established_probe_lost_at_the_tail_is_no_congestion)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .no_delay = true, .rtt_ms = 10);
    lowered(&t);
    uint32_t seq = probe(&t, MSS, MSS), cwnd = t.tcb->flight.congestion.cwnd, rto = counted(&t, TCP_RTO);
    wait_ms(&t, 300);
    uint32_t again = seq + MSS - BASE_MSS;
    expect_data(&t, again, BASE_MSS);
    send_(&t, .seq = 1, .ack = seq, .flags = ACK, BLOCKS(1, {again, seq + MSS}));
    wait_ms(&t, 20);
    expect_data(&t, seq, (int)(again - seq));
    assert_int_equal(t.tcb->flight.congestion.cwnd, cwnd);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE_LOST), 1);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
    assert_int_equal(counted(&t, TCP_RTO), rto);
    acked(&t, seq + MSS);
    assert_int_equal(t.tcb->snd_mss, BASE_MSS);
    tcp_end(&t);
}

/* RFC 4821 7.6.3: a timeout is congestion, whatever was lost. */
SCRIPT(established_probe_that_times_out_is_lost)
{
    struct tcp_test t;
    tcp_established(&t);
    lowered(&t);
    uint32_t seq = probe(&t, MSS, 8 * MSS), rto = counted(&t, TCP_RTO);
    drain(&t, NULL);
    wait_ms(&t, 1000);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE_LOST), 1);
    assert_true(counted(&t, TCP_RTO) > rto);
    acked(&t, seq + 2 * MSS);
    assert_int_equal(t.tcb->plpmtu->probe, MN_PROBE_NONE);
    assert_true(t.tcb->snd_mss <= BASE_MSS);
    tcp_end(&t);
}

/* Data that is sent twice for other reasons proves nothing. */
SCRIPT(established_probe_that_goes_again_with_a_reopened_window_proves_nothing)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .no_delay = true);
    lowered(&t);
    uint32_t seq = probe(&t, MSS, MSS);
    send_(&t, .seq = 1, .ack = seq, .flags = ACK, .window = 0);
    wait_ms(&t, 5000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = seq, .flags = ACK);
    deliver_all(&t);
    assert_int_equal(t.tcb->snd_mss, BASE_MSS);
    assert_string_equal(search(&t), "searching");
    tcp_end(&t);
}

/* One segment of any size is in flight: its acknowledgement may be delayed, and the tail loss probe
 * waits for that (RFC 8985 7.2, RFC 8899 5.1.1). */
SCRIPT(established_path_probe_alone_waits_for_a_delayed_acknowledgement)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    lowered(&t);
    write_bytes(&t, BASE_MSS);
    drain(&t, NULL);
    uint32_t seq = probe(&t, MSS, MSS);
    wait_ms(&t, 1);
    uint32_t tails = counted(&t, TCP_TAIL_PROBE);
    acked(&t, seq); /* the segment in front of the probe */
    wait_ms(&t, 150);
    expect_nothing(&t);
    wait_ms(&t, 150);
    /* The tail of the probe, in a segment that gets through. */
    expect_data(&t, seq + MSS - BASE_MSS, BASE_MSS);
    assert_int_equal(counted(&t, TCP_TAIL_PROBE), tails + 1);
    deliver_all(&t);
    tcp_end(&t);
}

/* The path's MTU shrinks during the search, or after it. */
SCRIPT(established_new_black_hole_lowers_again)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    search_is_over(&t);
    write_bytes(&t, 4 * MSS);
    time_out(&t, 1);
    assert_int_equal(t.tcb->snd_mss, BASE_MSS);
    time_out(&t, 2);
    expect(&t, .seq = t.tcb->snd_una - t.iss, .ack = 1, .flags = ACK, .len = MIN_MSS);
    deliver_all(&t);
    assert_string_equal(search(&t), "searching");
    probe(&t, MSS, 4 * MSS);
    tcp_end(&t);
}

/* Packets that may be fragmented are sent one by one, because each needs an identification (RFC
 * 6864), until a larger one gets through whole. */
SCRIPT(established_smallest_packets_may_be_fragmented)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .gso_max = 65000);
    write_bytes(&t, 10 * MSS);
    time_out(&t, 4);
    drain(&t, NULL);
    wait_ms(&t, 1);
    acked(&t, 1 + MIN_MSS);
    expect_data(&t, 1 + MIN_MSS, MIN_MSS);
    assert_false(t.seen.datagram.dont_fragment);
    assert_int_equal(t.seen.gso_size, 0);
    deliver_all(&t);
    uint32_t seq = probe(&t, MSS, 4 * MSS);
    lose_probe(&t, seq, MSS);
    expect_data(&t, seq, MIN_MSS);
    assert_false(t.seen.datagram.dont_fragment);
    deliver_all(&t);
    seq = probe(&t, MSS, 4 * MSS);
    drain(&t, NULL);
    acked(&t, seq + MSS);
    write_bytes(&t, MSS);
    drain(&t, NULL);
    assert_int_equal(t.tcb->snd_mss, MSS);
    assert_null(t.tcb->plpmtu);
    tcp_end(&t);
}

/* A peer is gone: every retransmission is at its usual time, and the connection ends as usual. */
SCRIPT(established_dead_peer_is_given_up_as_ever)
{
    uint64_t sent[2][16] = {{0}}, ended[2] = {0};
    for (int off = 0; off < 2; off++) {
        struct tcp_test t;
        tcp_established(&t, .sack = true, .no_plpmtud = off != 0);
        write_bytes(&t, 4 * MSS);
        drain(&t, NULL);
        mark(&t);
        for (unsigned n = 0; t.tcb->state == MN_ESTABLISHED; wait_ms(&t, 10)) {
            if (drain(&t, NULL) > 0 && n < 16)
                sent[off][n++] = t.now - t.epoch;
        }
        ended[off] = t.now - t.epoch;
        assert_int_equal(mn_tcp_status(t.tcb), 0);
        read_result(&t, MNET_E_TIMED_OUT);
        assert_int_equal(counted(&t, TCP_PMTU_LOWERED), off ? 0 : tcp_family() == IPV4 ? 2 : 1);
        tcp_end(&t); /* nothing is left behind */
    }
    assert_memory_equal(sent[0], sent[1], sizeof sent[0]);
    assert_int_equal(ended[0], ended[1]);
}

/* The peer's MSS bounds the search: MAX_PLPMTU. If it is small already, there is no search. */
SCRIPT(established_peer_with_a_small_mss_bounds_the_search)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .mss = 1300);
    write_bytes(&t, 4000);
    time_out(&t, 2);
    deliver_all(&t);
    t.tcb->flight.congestion.cwnd = 20 * MSS;
    assert_int_equal(t.tcb->snd_mss, BASE_MSS);
    uint32_t seq = probe(&t, 1300, 4 * MSS);
    drain(&t, NULL);
    acked(&t, seq + 1300);
    assert_int_equal(t.tcb->snd_mss, 1300);
    assert_int_equal(t.tcb->path_mtu, link_mtu(MSS));
    tcp_end(&t);

    tcp_established(&t, .sack = true, .mss = 400);
    write_bytes(&t, 4000);
    wait_ms(&t, 5000);
    drain(&t, NULL);
    assert_int_equal(t.tcb->snd_mss, 400);
    tcp_end(&t);
}

/* Timestamps take their room in every packet. */
SCRIPT(established_sizes_are_of_packets_with_their_options)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .timestamps = true);
    write_bytes(&t, 4 * MSS);
    time_out(&t, 2);
    deliver_all(&t);
    t.tcb->flight.congestion.cwnd = 20 * MSS;
    assert_int_equal(t.tcb->snd_mss, BASE_MSS - 12);
    uint32_t seq = probe(&t, MSS - 12, 4 * MSS);
    drain(&t, NULL);
    acked(&t, seq + MSS - 12);
    assert_int_equal(t.tcb->snd_mss, MSS - 12);
    tcp_end(&t);
}

/* A path beyond 1500 octets is mostly Ethernet's. */
SCRIPT(established_jumbo_frames_try_ethernet_first)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .mtu = link_mtu(8960), .mss = 8960);
    write_bytes(&t, 3 * 8960);
    time_out(&t, 2);
    deliver_all(&t);
    t.tcb->flight.congestion.cwnd = 20 * MSS;
    assert_int_equal(t.tcb->snd_mss, BASE_MSS);
    for (int i = 0; i < 3; i++) {
        uint32_t seq = probe(&t, 8960, 12000);
        lose_probe(&t, seq, 8960);
        deliver_all(&t);
    }
    probe(&t, text_of(1500), 12000);
    tcp_end(&t);
}

/* RFC 8899 5.2: a router's message about a probe gives the next size. A message about a size in use
 * is believed as always. */
SCRIPT(established_too_big_during_the_search)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    lowered(&t);
    uint32_t seq = probe(&t, MSS, 6 * MSS), cwnd = t.tcb->flight.congestion.cwnd;
    drain(&t, NULL);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(1380), seq + 1); /* no packet began at this number */
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(MSS), seq);      /* RFC 8899 3 (6) */
    expect_nothing(&t);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(1380), seq);
    expect_data(&t, seq, BASE_MSS);
    expect_data(&t, seq + BASE_MSS, (int)MSS - BASE_MSS);
    assert_int_equal(t.tcb->flight.congestion.cwnd, cwnd); /* PMTU-5.4-3 */
    deliver_all(&t);
    assert_int_equal(t.tcb->snd_mss, BASE_MSS); /* RFC 8899 3 (6): it raises nothing by itself */
    seq = probe(&t, 1380, 6 * MSS);
    drain(&t, NULL);
    acked(&t, seq + 1380);
    assert_int_equal(t.tcb->path_mtu, link_mtu(1380));
    assert_string_equal(search(&t), "complete");
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(1300), t.tcb->snd_una - t.iss);
    assert_int_equal(t.tcb->path_mtu, link_mtu(1300));
    tcp_end(&t);
}

/* RFC 1191 6.3, PMTU-4-5: an estimate that ICMP lowered is tried anew after ten minutes, and not
 * before (the RFC's minimum is 5 minutes). */
SCRIPT(established_too_big_is_tried_again_after_ten_minutes)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    write_bytes(&t, 2 * MSS);
    drain(&t, NULL);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(1300), 1);
    deliver_all(&t);
    mark(&t);
    at_ms(&t, 590000);
    write_bytes(&t, 4 * MSS);
    deliver_all(&t);
    assert_int_equal(counted(&t, TCP_PMTU_PROBE), 0);
    at_ms(&t, 601000);
    uint32_t seq = probe(&t, MSS, 4 * MSS);
    drain(&t, NULL);
    acked(&t, seq + MSS);
    assert_int_equal(t.tcb->path_mtu, link_mtu(MSS));
    assert_int_equal(t.tcb->snd_mss, MSS);
    assert_int_equal(counted(&t, TCP_PMTU_BLACK_HOLE), 0);
    tcp_end(&t);
}

SCRIPT(established_switched_off_segments_keep_their_size)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .no_plpmtud = true);
    write_bytes(&t, 4 * MSS);
    wait_ms(&t, 10000);
    drain(&t, NULL);
    assert_int_equal(t.tcb->snd_mss, MSS);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(1300), 1); /* ICMP is still believed */
    assert_int_equal(t.tcb->snd_mss, 1300);
    assert_null(t.tcb->plpmtu);
    tcp_end(&t);
}

static unsigned changes;

static void trace(void *context, const struct mn_tcb *tcb, enum mnet_tcp_event event)
{
    (void)context;
    (void)tcb;
    changes += event == MNET_TCP_EVENT_PATH_MTU;
}

SCRIPT(established_changes_are_traced)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    t.tcp->config.trace = trace;
    changes = 0;
    lowered(&t);
    assert_int_equal(changes, 1);
    uint32_t seq = probe(&t, MSS, 4 * MSS);
    drain(&t, NULL);
    acked(&t, seq + MSS);
    assert_int_equal(changes, 2);
    assert_string_equal(mnet_tcp_event_name(MNET_TCP_EVENT_PATH_MTU), "path MTU");
    tcp_end(&t);
}

/* A connection that ends during the search leaves nothing. */
SCRIPT(fin_wait_1_black_hole_delivers_the_fin)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    write_bytes(&t, 2 * MSS);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    drain(&t, NULL);
    time_out(&t, 2);
    deliver_all(&t);
    assert_int_equal(sent_to(&t), 2 + 2 * MSS);
    expect_state(&t, MN_FIN_WAIT_2);
    send_(&t, .seq = 1, .ack = 2 + 2 * MSS, .flags = FIN | ACK);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        over_ipv4(established_timeouts_in_a_row_make_smaller_segments),
        over_ipv6(established_timeouts_in_a_row_stop_at_1280),
        cmocka_unit_test(established_small_segments_do_not_get_smaller),
        cmocka_unit_test(established_large_packets_are_cut_anew),
        cmocka_unit_test(established_after_an_outage_the_first_probe_restores_the_size),
        cmocka_unit_test(established_probe_lost_is_no_congestion),
        cmocka_unit_test(established_probe_acknowledged_in_part_is_lost_in_part),
        cmocka_unit_test(established_lost_probe_restarts_the_timer),
        cmocka_unit_test(established_probe_lost_among_others_is_congestion),
        cmocka_unit_test(established_search_halves_the_range),
        cmocka_unit_test(established_search_begins_again_after_ten_minutes),
        cmocka_unit_test(established_probe_waits_for_enough_data),
        cmocka_unit_test(established_probe_waits_for_window_and_order),
        cmocka_unit_test(established_probe_lost_at_the_tail_is_no_congestion),
        cmocka_unit_test(established_probe_that_times_out_is_lost),
        cmocka_unit_test(established_probe_that_goes_again_with_a_reopened_window_proves_nothing),
        cmocka_unit_test(established_new_black_hole_lowers_again),
        cmocka_unit_test(established_path_probe_alone_waits_for_a_delayed_acknowledgement),
        over_ipv4(established_smallest_packets_may_be_fragmented),
        cmocka_unit_test(established_dead_peer_is_given_up_as_ever),
        cmocka_unit_test(established_peer_with_a_small_mss_bounds_the_search),
        cmocka_unit_test(established_sizes_are_of_packets_with_their_options),
        cmocka_unit_test(established_jumbo_frames_try_ethernet_first),
        cmocka_unit_test(established_too_big_during_the_search),
        cmocka_unit_test(established_too_big_is_tried_again_after_ten_minutes),
        cmocka_unit_test(established_switched_off_segments_keep_their_size),
        cmocka_unit_test(established_changes_are_traced),
        cmocka_unit_test(fin_wait_1_black_hole_delivers_the_fin),
    };
    return run_scripts("tcp_path_mtu", tests);
}
