/* Loss detection with SACK: RFC 8985 (RACK), RFC 6675, RFC 2018 5 and 8, also with hostile
 * peers. */
#include "tests/tcp/recovery.h"

#include "tcp/recovery/rack.h"

#define PEER .sack = true, .rtt_ms = 100

/* RFC 8985 6.2 step 4: "If reordering has not been observed ... RACK.segs_sacked >= RACK.dupthresh:
 * the reordering window is 0". Only the hole is sent again. */
SCRIPT(established_third_sacked_segment_retransmits_the_hole)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 8, 8);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 2)));
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 3)));
    expect_nothing(&t);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 4)));
    expect_segment(&t, 0);
    expect_nothing(&t);
    assert_int_equal(t.tcb->flight.congestion.ssthresh, 4 * MSS);
    ack_(&t, 8);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_RTO), 0);
    tcp_end(&t);
}

/* Step 5: with fewer segments, the reordering timer sends the hole after the reordering window, a
 * quarter of the smallest round trip. */
SCRIPT(established_one_sacked_segment_retransmits_after_the_reordering_window)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 3, 3);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(2, 3)));
    at_ms(&t, 124);
    expect_nothing(&t);
    at_ms(&t, 125);
    expect_segment(&t, 0);
    expect_nothing(&t);
    ack_(&t, 1, BLOCKS(1, SEGMENTS(2, 3)));
    expect_segment(&t, 1);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 1);
    tcp_end(&t);
}

/* A segment that arrives within the window was only late: nothing is sent again. */
SCRIPT(established_reordering_within_the_window_is_no_loss)
{
    struct tcp_test t;
    struct mnet_tcp_info info;
    tcp_established(&t, PEER);
    mn_tcp_info(t.tcp, t.tcb, &info);
    assert_false(info.reordering_seen);
    in_flight(&t, 3, 3);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 3)));
    at_ms(&t, 120);
    ack_(&t, 3);
    mn_tcp_info(t.tcp, t.tcb, &info);
    assert_true(info.reordering_seen);
    /* A quarter of the smallest round trip. */
    assert_int_equal(info.reordering_ns, 25 * MNET_MILLISECOND);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
    assert_true(t.tcb->flight.loss.rack.reordering_seen); /* step 3 */
    tcp_end(&t);
}

/* Step 2: RACK.rtt is that of the latest segment of each acknowledgement. A late one makes the
 * segments before it wait as long. */
SCRIPT(established_late_segment_makes_the_hole_wait)
{
    struct tcp_test t;
    tcp_established(&t, PEER, .no_delay = true);
    in_flight(&t, 3, 3);
    at_ms(&t, 10);
    write_bytes(&t, MSS);
    expect_segment(&t, 3);
    at_ms(&t, 110);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(3, 4)));
    at_ms(&t, 120);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 4))); /* after 120 ms, not 100 */
    at_ms(&t, 144);
    expect_nothing(&t);
    at_ms(&t, 146);
    expect_segment(&t, 0);
    tcp_end(&t);
}

/* "If reordering has been observed, RACK SHOULD wait": three segments are not enough then. */
SCRIPT(established_after_reordering_three_sacked_segments_wait)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 3, 3);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 3)));
    ack_(&t, 3);
    in_flight(&t, 8, 8);
    at_ms(&t, 100);
    ack_(&t, 3, BLOCKS(1, SEGMENTS(4, 9)));
    expect_nothing(&t);
    at_ms(&t, 124);
    expect_nothing(&t);
    at_ms(&t, 126);
    expect_segment(&t, 3);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Retransmission sends only holes, in order (RFC 6675 4, NextSeg). */
SCRIPT(established_retransmits_nothing_that_was_sacked)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(3, SEGMENTS(8, 10), SEGMENTS(5, 7), SEGMENTS(1, 4)));
    expect_segment(&t, 0);
    drain(&t, NULL);
    ack_(&t, 4, BLOCKS(2, SEGMENTS(8, 10), SEGMENTS(5, 7)));
    ack_(&t, 7, BLOCKS(1, SEGMENTS(8, 10)));
    ack_(&t, 10);
    assert_int_equal(counted(&t, TCP_RETRANSMITTED), 3); /* segments 0, 4 and 7 */
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Data sent after a lost retransmission reveals its loss (3.1: "RACK can detect lost
 * retransmissions"), without the timer. */
SCRIPT(established_lost_retransmission_is_found)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 20, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 4)));
    expect_segment(&t, 0); /* lost again */
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 10)));
    at_ms(&t, 150);
    drain(&t, NULL);
    uint32_t nxt = t.tcb->snd_nxt - t.iss;
    assert_true(nxt > AT(10)); /* new data, sent after the retransmission */
    at_ms(&t, 250);
    drain(&t, NULL);
    ack_(&t, 0, BLOCKS(1, {AT(1), nxt}));
    expect_segment(&t, 0);
    assert_int_equal(counted(&t, TCP_RTO), 0);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 1);
    tcp_end(&t);
}

/* 6.2 step 4: D-SACK widens the window by a quarter of the smallest round trip, once a round
 * trip. */
SCRIPT(established_dsack_widens_the_reordering_window)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 8, 8);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 5)));
    expect_segment(&t, 0);
    ack_(&t, 8);
    ack_(&t, 8, BLOCKS(1, SEGMENTS(0, 1)));
    assert_int_equal(t.tcb->flight.loss.rack.reo_wnd_mult, 2);
    ack_(&t, 8, BLOCKS(1, SEGMENTS(0, 1)));
    assert_int_equal(t.tcb->flight.loss.rack.reo_wnd_mult, 2);
    assert_true(t.tcb->flight.loss.rack.reordering_seen); /* three are not enough any more */
    in_flight(&t, 8, 8);
    at_ms(&t, 100);
    ack_(&t, 8, BLOCKS(1, SEGMENTS(9, 14)));
    at_ms(&t, 149);
    expect_nothing(&t);
    at_ms(&t, 151);
    expect_segment(&t, 8);
    tcp_end(&t);
}

/* "... RACK.reo_wnd_persist": after 16 recoveries without a D-SACK the window is narrow again. */
SCRIPT(reordering_window_is_narrow_again_after_16_recoveries)
{
    struct mn_rack rack;
    mn_rack_init(&rack, 1);
    mn_rack_dsack(&rack, 1, 100);
    mn_rack_dsack(&rack, 100, 200);
    assert_int_equal(rack.reo_wnd_mult, 3);
    for (int i = 0; i < 15; i++)
        mn_rack_recovered(&rack);
    assert_int_equal(rack.reo_wnd_mult, 3);
    mn_rack_recovered(&rack);
    assert_int_equal(rack.reo_wnd_mult, 1);
}

/* Step 4: the end of a recovery after a timeout counts, too. */
SCRIPT(established_recovery_from_a_timeout_narrows_the_reordering_window)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    t.tcb->flight.loss.rack.reo_wnd_mult = 4;
    t.tcb->flight.loss.rack.persist = 1;
    in_flight(&t, 1, 1);
    at_ms(&t, 600); /* a probe before */
    drain(&t, NULL);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_TIMEOUT);
    assert_int_equal(t.tcb->flight.loss.rack.reo_wnd_mult, 4);
    ack_(&t, 1);
    assert_int_equal(t.tcb->flight.loss.rack.reo_wnd_mult, 1);
    tcp_end(&t);
}

/* 6.3: after a timeout, segments sent less than a round trip ago are not lost yet. */
SCRIPT(established_timeout_spares_what_was_sent_lately)
{
    struct tcp_test t;
    tcp_established(&t, PEER, .no_delay = true);
    in_flight(&t, 2, 2);
    at_ms(&t, 202); /* a tail loss probe */
    expect_segment(&t, 1);
    at_ms(&t, 450);
    write_bytes(&t, MSS);
    expect_segment(&t, 2);
    at_ms(&t, 502);
    expect_segment(&t, 0);
    assert_int_equal(counted(&t, TCP_RTO), 1);
    /* The second one; the third may still arrive. */
    assert_int_equal(t.tcb->flight.loss.sent.lost, MSS);
    tcp_end(&t);
}

/* RFC 3042 with SACK: each of the first two acknowledgements allows a new segment. */
SCRIPT(established_limited_transmit_with_sack)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 20, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 2)));
    expect_segment(&t, 10);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 3)));
    expect_segment(&t, 11);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Duplicates without SACK blocks do not count if SACK is in use (RFC 6675 2). */
SCRIPT(established_duplicates_without_blocks_do_not_count)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 8, 8);
    for (int i = 0; i < 6; i++)
        ack_(&t, 0);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
    tcp_end(&t);
}

/* --- RFC 2018 8: reneging --- */

/* "After a retransmit timeout the data sender SHOULD turn off all of the SACKed bits, since the
 * timeout might indicate that the data receiver has reneged. The data sender MUST retransmit the
 * segment at the left edge of the window after a retransmit timeout, whether or not the SACKed bit
 * is on for that segment." */
SCRIPT(established_peer_that_reneges_gets_everything_again)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 5, 5);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 5)));
    expect_segment(&t, 0);
    at_ms(&t, 200);
    ack_(&t, 1); /* and no more of 1 to 5 */
    expect_nothing(&t);
    wait_ms(&t, 700);
    expect_segment(&t, 1);
    assert_int_equal(counted(&t, TCP_RENEGED), 1);
    assert_int_equal(t.tcb->flight.loss.sent.sacked, 0);
    uint32_t una = 2;
    while (una < 5) {
        wait_ms(&t, 10);
        ack_(&t, una);
        expect_segment(&t, una);
        drain(&t, NULL);
        una = (t.tcb->flight.loss.sent.lost_from - t.iss - 1) / MSS;
    }
    ack_(&t, 5);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* "The data sender MUST NOT discard data before it is acknowledged by the Acknowledgment Number
 * field": the retransmission above shows it, and here the queue. */
SCRIPT(established_sacked_data_stays_queued)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 5, 5);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 5)));
    assert_int_equal(t.tcb->sendq.len, 5 * MSS);
    tcp_end(&t);
}

/* --- invalid blocks --- */

/* Blocks that are reversed, empty, beyond SND.NXT, before SND.UNA, or half the space away are
 * ignored. */
SCRIPT(established_blocks_that_cannot_be_are_ignored)
{
    static const struct mn_tcp_sack_block bad[] = {
        {AT(3), AT(2)},
        {AT(2), AT(2)},
        {AT(5), AT(9)},
        {AT(9), AT(12)},
        {0, 1},
        {AT(-3), AT(-1)},
        {AT(2), AT(2) - 1},
        {AT(1), 0x80000001},
        {0x80000000, AT(3)},
        {0x80000000, 0x80000100},
        {UINT32_MAX, AT(-1)},
        {AT(1), AT(8) + 1},
        {AT(8), AT(8) + 1},
        {0xf0000000, 0xf0000001},
        {AT(4), 0},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(bad); i++) {
        struct tcp_test t;
        tcp_established(&t, PEER);
        in_flight(&t, 8, 8);
        for (int k = 0; k < 5; k++)
            ack_(&t, 0, .sacks = 4, .sack = {bad[i], bad[i], bad[i], bad[i]});
        assert_int_equal(t.tcb->flight.loss.sent.sacked, 0);
        expect_nothing(&t);
        ack_(&t, 8);
        expect_nothing(&t);
        tcp_end(&t);
    }
}

/* Overlapping and repeated blocks count each byte once. */
SCRIPT(established_overlapping_blocks_count_once)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 8, 8);
    ack_(&t, 0, BLOCKS(4, SEGMENTS(2, 5), SEGMENTS(3, 6), SEGMENTS(2, 4), SEGMENTS(5, 6)));
    assert_int_equal(t.tcb->flight.loss.sent.sacked, 4 * MSS);
    ack_(&t, 0, BLOCKS(2, SEGMENTS(4, 7), SEGMENTS(2, 7)));
    assert_int_equal(t.tcb->flight.loss.sent.sacked, 5 * MSS);
    tcp_end(&t);
}

/* A block that begins before SND.UNA counts from SND.UNA on. */
SCRIPT(established_block_that_begins_before_una_is_cut)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 8, 8);
    ack_(&t, 2, BLOCKS(2, SEGMENTS(6, 7), SEGMENTS(1, 4)));
    assert_int_equal(t.tcb->flight.loss.sent.sacked, 3 * MSS);
    tcp_end(&t);
}

/* Repeated SACKs of everything in flight send no more than the peer's window and its
 * acknowledgement allow. */
SCRIPT(established_sacked_bytes_do_not_open_the_window)
{
    struct tcp_test t;
    tcp_established(&t, PEER, .window = 20000);
    write_bytes(&t, 200000);
    for (int i = 0; i < 50; i++) {
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 20000, BLOCKS(1, {2, t.tcb->snd_nxt - t.iss}));
    }
    drain(&t, NULL);
    assert_true(t.tcb->snd_nxt - t.tcb->snd_una <= 20000); /* MUST-34 */
    tcp_end(&t);
}

/* Attack: blocks of every second byte, in the most costly order. The number of records is bounded,
 * and so is the work. The transfer ends as usual. */
SCRIPT(established_sack_of_single_bytes_is_bounded)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    for (uint32_t i = 0; i < 14000; i += 8)
        ack_(&t, 0,
             BLOCKS(4, {14000 - i, 14001 - i}, {13998 - i, 13999 - i}, {13996 - i, 13997 - i}, {13994 - i, 13995 - i}));
    assert_true(t.tcb->flight.loss.sent.count <= MN_SCOREBOARD_MAX);
    uint32_t segments = drain(&t, NULL);
    assert_true(segments <= 2 * MN_SCOREBOARD_MAX);
    ack_(&t, 10);
    assert_int_equal(t.tcb->flight.loss.sent.count, 0);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* --- retransmissions for other reasons keep to the window, too --- */

SCRIPT(established_too_big_in_recovery_does_not_send_everything_at_once)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 4)));
    expect_segment(&t, 0);
    expect_nothing(&t);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 1000, AT(0));
    uint32_t bytes;
    drain(&t, &bytes);
    assert_in_range(bytes, 1, MSS);
    wait_ms(&t, 100);
    ack_(&t, 4);
    drain(&t, &bytes);
    assert_in_range(bytes, 1, 6 * MSS);
    tcp_end(&t);
}

/* A retransmission is no sample of the round trip (MUST-18), the smallest one least of all. */
SCRIPT(established_retransmission_does_not_shrink_the_smallest_round_trip)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 5, 5);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 5)));
    expect_segment(&t, 0);
    wait_ms(&t, 1); /* the original was only late */
    ack_(&t, 5);
    assert_int_equal(t.tcb->flight.loss.rack.min_rtt_us, 100000); /* MUST-18 */
    assert_int_equal(t.tcb->flight.loss.rack.rtt_us, 100000);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_third_sacked_segment_retransmits_the_hole),
        cmocka_unit_test(established_one_sacked_segment_retransmits_after_the_reordering_window),
        cmocka_unit_test(established_reordering_within_the_window_is_no_loss),
        cmocka_unit_test(established_late_segment_makes_the_hole_wait),
        cmocka_unit_test(established_recovery_from_a_timeout_narrows_the_reordering_window),
        cmocka_unit_test(established_after_reordering_three_sacked_segments_wait),
        cmocka_unit_test(established_retransmits_nothing_that_was_sacked),
        cmocka_unit_test(established_lost_retransmission_is_found),
        cmocka_unit_test(established_dsack_widens_the_reordering_window),
        cmocka_unit_test(reordering_window_is_narrow_again_after_16_recoveries),
        cmocka_unit_test(established_timeout_spares_what_was_sent_lately),
        cmocka_unit_test(established_limited_transmit_with_sack),
        cmocka_unit_test(established_duplicates_without_blocks_do_not_count),
        cmocka_unit_test(established_peer_that_reneges_gets_everything_again),
        cmocka_unit_test(established_sacked_data_stays_queued),
        cmocka_unit_test(established_blocks_that_cannot_be_are_ignored),
        cmocka_unit_test(established_overlapping_blocks_count_once),
        cmocka_unit_test(established_block_that_begins_before_una_is_cut),
        cmocka_unit_test(established_sacked_bytes_do_not_open_the_window),
        cmocka_unit_test(established_sack_of_single_bytes_is_bounded),
        cmocka_unit_test(established_too_big_in_recovery_does_not_send_everything_at_once),
        cmocka_unit_test(established_retransmission_does_not_shrink_the_smallest_round_trip),
    };
    return run_scripts("tcp_rack", tests);
}
