/* Selective acknowledgement, on the receiver's side: RFC 2018 and RFC 2883. */
#include "tests/tcp/harness.h"

#define BLOCKS(n, ...) .sacks = n, .sack = {__VA_ARGS__}

/* Receives `n` segments of 500 bytes from the peer, from number `first` on (counted from 0). */
static void segments(struct tcp_test *t, uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++)
        send_(t, .seq = 1 + 500 * i, .ack = 1, .flags = ACK, .len = 500);
}

static uint32_t at(uint32_t segment)
{
    return 1 + 500 * segment;
}

/* --- RFC 2018 2: SACK-permitted --- */

/* "SHOULD NOT be sent on non-SYN segments". Blocks are sent only if both sides permit it. */
SCRIPT(syn_offers_sack)
{
    struct tcp_test t;
    tcp_closed(&t);
    open_active(&t);
    expect(&t, .seq = 0, .flags = SYN, .permit = true);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .permit = true);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .permit = false);
    segments(&t, 1, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .permit = false, BLOCKS(1, {at(1), at(2)}));
    tcp_end(&t);
}

SCRIPT(syn_ack_permits_sack_only_where_the_syn_did)
{
    for (int peer = 0; peer < 2; peer++) {
        for (int ours = 0; ours < 2; ours++) {
            struct tcp_test t;
            tcp_listen(&t, .no_sack = !ours);
            send_(&t, .seq = 0, .flags = SYN, .permit = peer);
            expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .permit = peer && ours);
            send_(&t, .seq = 1, .ack = 1, .flags = ACK);
            accept_(&t);
            segments(&t, 1, 1);
            expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = peer && ours, .sack = {{at(1), at(2)}});
            tcp_end(&t);
        }
    }
}

SCRIPT(syn_sent_peer_without_sack_gets_none)
{
    struct tcp_test t;
    tcp_established(&t, .active = true);
    segments(&t, 1, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 0);
    tcp_end(&t);
}

SCRIPT(syn_of_a_stack_without_sack_does_not_offer_it)
{
    struct tcp_test t;
    tcp_closed(&t, .no_sack = true);
    open_active(&t);
    expect(&t, .seq = 0, .flags = SYN, .permit = false);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .permit = true); /* not asked for */
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    segments(&t, 1, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 0);
    tcp_end(&t);
}

SCRIPT(syn_received_simultaneous_open_permits_sack)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true, .sack = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    segments(&t, 1, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, BLOCKS(1, {at(1), at(2)}));
    tcp_end(&t);
}

/* --- RFC 2018 4: the contents of the blocks --- */

/* Case 2 of section 7: the first segment of eight is lost: one growing block. */
SCRIPT(established_first_segment_lost_is_one_growing_block)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    for (uint32_t i = 1; i < 8; i++) {
        segments(&t, i, 1);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, BLOCKS(1, {at(1), at(i + 1)}));
    }
    segments(&t, 0, 1);
    expect(&t, .seq = 1, .ack = at(8), .flags = ACK, .sacks = 0);
    read_pattern(&t, 0, 4000);
    tcp_end(&t);
}

/* Case 3: segments 2, 4, 6 and 8 are lost; "the first SACK block MUST specify the contiguous block
 * of data containing the segment which triggered this ACK", then the most recently reported
 * ones. */
SCRIPT(established_every_second_segment_lost_most_recent_first)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 1);
    segments(&t, 2, 1);
    expect(&t, .seq = 1, .ack = at(1), .flags = ACK, BLOCKS(1, {at(2), at(3)}));
    segments(&t, 4, 1);
    expect(&t, .seq = 1, .ack = at(1), .flags = ACK, BLOCKS(2, {at(4), at(5)}, {at(2), at(3)}));
    segments(&t, 6, 1);
    expect(&t, .seq = 1, .ack = at(1), .flags = ACK, BLOCKS(3, {at(6), at(7)}, {at(4), at(5)}, {at(2), at(3)}));
    segments(&t, 3, 1); /* joins two of them */
    expect(&t, .seq = 1, .ack = at(1), .flags = ACK, BLOCKS(2, {at(2), at(5)}, {at(6), at(7)}));
    segments(&t, 1, 1); /* "unless that segment advanced the Acknowledgment Number field" */
    expect(&t, .seq = 1, .ack = at(5), .flags = ACK, BLOCKS(1, {at(6), at(7)}));
    segments(&t, 5, 1);
    expect(&t, .seq = 1, .ack = at(7), .flags = ACK, .sacks = 0);
    read_pattern(&t, 0, 3500);
    tcp_end(&t);
}

/* "The data receiver SHOULD include as many distinct SACK blocks as possible": four fit without
 * other options. */
SCRIPT(established_many_holes_as_many_blocks_as_fit)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    for (uint32_t i = 0; i < 6; i++) {
        segments(&t, 1 + 2 * i, 1);
        assert_non_null(peek_output(&t));
        if (i == 5)
            expect(&t, .seq = 1, .ack = 1, .flags = ACK,
                   BLOCKS(4, {at(11), at(12)}, {at(9), at(10)}, {at(7), at(8)}, {at(5), at(6)}));
        else
            drain(&t, NULL);
    }
    segments(&t, 2, 1); /* an old one becomes the most recent one */
    expect(&t, .seq = 1, .ack = 1, .flags = ACK,
           BLOCKS(4, {at(1), at(4)}, {at(11), at(12)}, {at(9), at(10)}, {at(7), at(8)}));
    tcp_end(&t);
}

/* "SACK options SHOULD be included in all ACKs which do not ACK the highest sequence number in the
 * data receiver's queue": also on data, whose segment is shorter for it (RFC 9293 3.7.1,
 * MUST-16). */
SCRIPT(established_data_carries_blocks_and_is_shorter)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 1, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    write_bytes(&t, 2 * MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS - 12, BLOCKS(1, {at(1), at(2)}));
    expect(&t, .seq = 1 + MSS - 12, .ack = 1, .flags = ACK, .len = (int)MSS - 12, BLOCKS(1, {at(1), at(2)}));
    expect(&t, .seq = 1 + 2 * (MSS - 12), .ack = 1, .flags = ACK, .len = 24, BLOCKS(1, {at(1), at(2)}));
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(established_large_packet_with_blocks_is_cut_into_shorter_segments)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .gso_max = 65000);
    segments(&t, 1, 1);
    drain(&t, NULL);
    write_bytes(&t, 4 * MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 4 * (int)MSS, BLOCKS(1, {at(1), at(2)}));
    assert_int_equal(t.seen.gso_size, MSS - 12); /* MUST-16 */
    tcp_end(&t);
}

/* With SACK one acknowledgement reports as much as many: it is not repeated for each segment of a
 * coalesced run. */
SCRIPT(established_several_segments_at_once_one_acknowledgement)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    t.hold_output = true;
    segments(&t, 1, 3);
    segments(&t, 6, 2);
    t.hold_output = false;
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, BLOCKS(2, {at(6), at(8)}, {at(1), at(4)}));
    expect_nothing(&t);
    tcp_end(&t);
}

/* --- RFC 2883: D-SACK --- */

/* 4.1.1: "the first block of the SACK option should specify the sequence numbers of the duplicate
 * segment", once. */
SCRIPT(established_old_duplicate_is_reported_once)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 4);
    drain(&t, NULL);
    segments(&t, 1, 1);
    expect(&t, .seq = 1, .ack = at(4), .flags = ACK, BLOCKS(1, {at(1), at(2)}));
    send_(&t, .seq = 0, .ack = 1, .flags = ACK); /* asks for an acknowledgement */
    expect(&t, .seq = 1, .ack = at(4), .flags = ACK, .sacks = 0);
    tcp_end(&t);
}

/* 4.1.2: a duplicate below the acknowledgement while other data waits: D-SACK first, then the
 * blocks. */
SCRIPT(established_old_duplicate_with_a_hole)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 2);
    segments(&t, 4, 1);
    drain(&t, NULL);
    segments(&t, 0, 1);
    expect(&t, .seq = 1, .ack = at(2), .flags = ACK, BLOCKS(2, {at(0), at(1)}, {at(4), at(5)}));
    tcp_end(&t);
}

/* 4.1.3: a duplicate of waiting data: "the second block ... the (possibly larger) block of data"
 * that contains it. */
SCRIPT(established_duplicate_out_of_order_is_followed_by_its_block)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 2, 3);
    segments(&t, 7, 1);
    drain(&t, NULL);
    segments(&t, 3, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, BLOCKS(3, {at(3), at(4)}, {at(2), at(5)}, {at(7), at(8)}));
    tcp_end(&t);
}

/* 4.2.1: a segment of which a part is old. */
SCRIPT(established_partly_old_segment_reports_that_part)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 2);
    drain(&t, NULL);
    send_(&t, .seq = 501, .ack = 1, .flags = ACK, .len = 1000);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = at(3), .flags = ACK, BLOCKS(1, {at(1), at(2)}));
    read_pattern(&t, 0, 1500);
    tcp_end(&t);
}

/* 4.2.2: a segment out of order of which a part has been received out of order. */
SCRIPT(established_partly_duplicate_segment_out_of_order)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 2, 1);
    drain(&t, NULL);
    send_(&t, .seq = at(1), .ack = 1, .flags = ACK, .len = 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, BLOCKS(2, {at(2), at(3)}, {at(1), at(3)}));
    send_(&t, .seq = at(2), .ack = 1, .flags = ACK, .len = 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, BLOCKS(2, {at(2), at(3)}, {at(1), at(4)}));
    tcp_end(&t);
}

/* The same if the segment fills the hole in front. */
SCRIPT(established_segment_that_fills_a_hole_and_overlaps)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 1, 2);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    expect(&t, .seq = 1, .ack = at(3), .flags = ACK, BLOCKS(1, {at(1), at(2)}));
    read_pattern(&t, 0, 1500);
    tcp_end(&t);
}

/* 4.1, examples 1 to 3: whole segments are sent again. Example 1: data that was acknowledged
 * already. */
SCRIPT(established_dsack_example_1_acknowledgements_lost)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 2);
    drain(&t, NULL);
    segments(&t, 0, 1);
    expect(&t, .seq = 1, .ack = at(2), .flags = ACK, BLOCKS(1, {at(0), at(1)}));
    tcp_end(&t);
}

/* Example 2: the same while a later segment waits behind a hole. */
SCRIPT(established_dsack_example_2_with_a_hole)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 2);
    drain(&t, NULL);
    segments(&t, 3, 1);
    expect(&t, .seq = 1, .ack = at(2), .flags = ACK, BLOCKS(1, {at(3), at(4)}));
    segments(&t, 0, 1);
    expect(&t, .seq = 1, .ack = at(2), .flags = ACK, BLOCKS(2, {at(0), at(1)}, {at(3), at(4)}));
    tcp_end(&t);
}

/* Example 3: a segment after the hole is sent again. Its block comes before the larger block that
 * contains it. */
SCRIPT(established_dsack_example_3_out_of_order)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 1);
    drain(&t, NULL);
    segments(&t, 2, 1);
    segments(&t, 3, 1);
    drain(&t, NULL);
    segments(&t, 3, 1);
    expect(&t, .seq = 1, .ack = at(1), .flags = ACK, BLOCKS(2, {at(3), at(4)}, {at(2), at(4)}));
    tcp_end(&t);
}

/* 4.2, examples 4 to 6: the peer sends data again in larger segments. Example 4: the front of the
 * segment is known. */
SCRIPT(established_dsack_example_4_known_in_front)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 1);
    drain(&t, NULL);
    segments(&t, 3, 1);
    segments(&t, 1, 1);
    drain(&t, NULL);
    send_(&t, .seq = at(1), .ack = 1, .flags = ACK, .len = 1000);
    expect(&t, .seq = 1, .ack = at(4), .flags = ACK, BLOCKS(1, {at(1), at(2)}));
    tcp_end(&t);
}

/* Example 5: two ranges of it are known, below the acknowledgement. Only the first one is
 * reported. */
SCRIPT(established_dsack_example_5_two_stretches_acknowledged)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 1);
    drain(&t, NULL);
    segments(&t, 5, 1);
    segments(&t, 1, 1);
    segments(&t, 3, 1);
    drain(&t, NULL);
    send_(&t, .seq = at(1), .ack = 1, .flags = ACK, .len = 1500);
    expect(&t, .seq = 1, .ack = at(4), .flags = ACK, BLOCKS(2, {at(1), at(2)}, {at(5), at(6)}));
    segments(&t, 4, 1);
    expect(&t, .seq = 1, .ack = at(6), .flags = ACK, .sacks = 0);
    read_pattern(&t, 0, 3000);
    tcp_end(&t);
}

/* Example 6: the same above the acknowledgement. The second block is the one that now contains the
 * segment. */
SCRIPT(established_dsack_example_6_two_stretches_not_acknowledged)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 1);
    drain(&t, NULL);
    segments(&t, 6, 1);
    segments(&t, 2, 1);
    segments(&t, 4, 1);
    drain(&t, NULL);
    send_(&t, .seq = at(2), .ack = 1, .flags = ACK, .len = 1500);
    expect(&t, .seq = 1, .ack = at(1), .flags = ACK, BLOCKS(3, {at(2), at(3)}, {at(2), at(5)}, {at(6), at(7)}));
    tcp_end(&t);
}

/* The first of several ranges is reported: known text in front, a hole, and two runs that the
 * segment covers. */
SCRIPT(established_first_of_three_duplicate_stretches_is_reported)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 99);
    send_(&t, .seq = 200, .ack = 1, .flags = ACK, .len = 100);
    send_(&t, .seq = 400, .ack = 1, .flags = ACK, .len = 100);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 799);
    expect(&t, .seq = 1, .ack = 800, .flags = ACK, BLOCKS(1, {1, 100}));
    tcp_end(&t);
}

/* RFC 7323 5.3 R1 drops a late segment for its timestamp. Its arrival is still reported, as Linux
 * does. */
SCRIPT(established_late_segment_with_an_old_timestamp_is_reported)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .timestamps = true);
    send_(&t, .seq = at(0), .ack = 1, .flags = ACK, .len = 500, .ts_value = 2000);
    send_(&t, .seq = at(1), .ack = 1, .flags = ACK, .len = 500, .ts_value = 2000);
    wait_ms(&t, 40);
    drain(&t, NULL);
    send_(&t, .seq = at(0), .ack = 1, .flags = ACK, .len = 500, .ts_value = 1000);
    expect(&t, .seq = 1, .ack = at(2), .flags = ACK, .ts_echo = 2000, BLOCKS(1, {at(0), at(1)}));
    /* Not known: nothing to report. */
    send_(&t, .seq = at(2), .ack = 1, .flags = ACK, .len = 500, .ts_value = 1000);
    expect(&t, .seq = 1, .ack = at(2), .flags = ACK, .sacks = 0);
    tcp_end(&t);
}

/* Several duplicates before one acknowledgement: contiguous ones are one range. */
SCRIPT(established_consecutive_duplicates_are_one_range)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    segments(&t, 0, 4);
    drain(&t, NULL);
    t.hold_output = true;
    segments(&t, 0, 3);
    t.hold_output = false;
    expect(&t, .seq = 1, .ack = at(4), .flags = ACK, BLOCKS(1, {at(0), at(3)}));
    expect_nothing(&t);
    tcp_end(&t);
}

/* Without SACK there is no D-SACK. */
SCRIPT(established_duplicate_without_sack_is_not_reported)
{
    struct tcp_test t;
    tcp_established(&t);
    segments(&t, 0, 2);
    drain(&t, NULL);
    segments(&t, 0, 1);
    expect(&t, .seq = 1, .ack = at(2), .flags = ACK, .sacks = 0);
    tcp_end(&t);
}

/* Text that the limit on runs throws away is no longer reported, although it was before (RFC 2018 8
 * allows that). */
SCRIPT(established_more_runs_than_the_limit_report_what_is_held)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .receive_buffer = 65535);
    for (uint32_t i = 0; i < MN_REASSEMBLY_RUNS; i++)
        send_(&t, .seq = 1001 + 4 * i, .ack = 1, .flags = ACK, .len = 2);
    drain(&t, NULL);
    send_(&t, .seq = 501, .ack = 1, .flags = ACK, .len = 2);
    uint32_t last = 1001 + 4 * (MN_REASSEMBLY_RUNS - 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK,
           BLOCKS(4, {501, 503}, {last - 4, last - 2}, {last - 8, last - 6}, {last - 12, last - 10}));
    tcp_end(&t);
}

/* It is not reported as a duplicate either. Alone, above the acknowledgement, a D-SACK block is an
 * ordinary one (RFC 2883 4), and its text would not be sent again. */
SCRIPT(established_duplicate_that_was_thrown_away_is_not_reported)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .receive_buffer = 65535);
    for (uint32_t i = 0; i < MN_REASSEMBLY_RUNS; i++)
        send_(&t, .seq = 1001 + 4 * i, .ack = 1, .flags = ACK, .len = 2);
    drain(&t, NULL);
    uint32_t last = 1001 + 4 * (MN_REASSEMBLY_RUNS - 1);
    t.hold_output = true;
    send_(&t, .seq = last, .ack = 1, .flags = ACK, .len = 2);
    send_(&t, .seq = 501, .ack = 1, .flags = ACK, .len = 2); /* takes its place */
    t.hold_output = false;
    pump(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK,
           BLOCKS(4, {501, 503}, {last - 4, last - 2}, {last - 8, last - 6}, {last - 12, last - 10}));
    tcp_end(&t);
}

/* A segment that covers a run replaces it, so the segment stays with any number of pieces. */
SCRIPT(established_segment_that_covers_a_run_takes_its_place)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    send_(&t, .seq = 5001, .ack = 1, .flags = ACK, .len = 500);
    uint32_t low = 2003;
    do {
        low -= 2;
        send_(&t, .seq = low, .ack = 1, .flags = ACK, .len = 2);
    } while (counted(&t, TCP_DROP_REASSEMBLY) == 0); /* until there are too many */
    drain(&t, NULL);
    send_(&t, .seq = 4901, .ack = 1, .flags = ACK, .len = 700);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, BLOCKS(3, {5001, 5501}, {4901, 5601}, {low + 2, 2003}));
    tcp_end(&t);
}

/* SACK blocks, sent and received, may span the end of the sequence space. */
SCRIPT(established_sack_blocks_wrap)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .irs = 0xffffffff - 700);
    send_(&t, .seq = 501, .ack = 1, .flags = ACK, .len = 500); /* wraps in the middle */
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 1, .sack = {{501, 1001}});
    send_(&t, .seq = 1501, .ack = 1, .flags = ACK, .len = 500);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 2, .sack = {{1501, 2001}, {501, 1001}});
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1500);
    expect(&t, .seq = 1, .ack = 2001, .flags = ACK);
    read_pattern(&t, 0, 2000);
    tcp_end(&t);

    tcp_established(&t, .sack = true, .rtt_ms = 100, .has_iss = true, .iss = 0xffffffff - 3 * MSS);
    write_bytes(&t, 8 * MSS);
    assert_int_equal(drain(&t, NULL), 8);
    wait_ms(&t, 100);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 1, .sack = {{1 + MSS, 1 + 5 * MSS}});
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect_nothing(&t);
    assert_int_equal(t.tcb->flight.loss.sent.sacked, 4 * MSS);
    send_(&t, .seq = 1, .ack = 1 + 5 * MSS, .flags = ACK, .sacks = 1, .sack = {{1 + 6 * MSS, 1 + 8 * MSS}});
    wait_ms(&t, 100);
    expect(&t, .seq = 1 + 5 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    send_(&t, .seq = 1, .ack = 1 + 8 * MSS, .flags = ACK);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 7323, RFC 2018 3: three blocks fit beside timestamps. */
SCRIPT(established_three_blocks_fit_beside_timestamps)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .timestamps = true);
    for (uint32_t i = 0; i < 4; i++)
        send_(&t, .seq = 1001 + 1000 * i, .ack = 1, .flags = ACK, .len = 500);
    for (int i = 0; i < 3; i++)
        expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 3, .sack = {{4001, 4501}, {3001, 3501}, {2001, 2501}});
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_offers_sack),
        cmocka_unit_test(syn_ack_permits_sack_only_where_the_syn_did),
        cmocka_unit_test(syn_sent_peer_without_sack_gets_none),
        cmocka_unit_test(syn_of_a_stack_without_sack_does_not_offer_it),
        cmocka_unit_test(syn_received_simultaneous_open_permits_sack),
        cmocka_unit_test(established_first_segment_lost_is_one_growing_block),
        cmocka_unit_test(established_every_second_segment_lost_most_recent_first),
        cmocka_unit_test(established_many_holes_as_many_blocks_as_fit),
        cmocka_unit_test(established_data_carries_blocks_and_is_shorter),
        cmocka_unit_test(established_large_packet_with_blocks_is_cut_into_shorter_segments),
        cmocka_unit_test(established_several_segments_at_once_one_acknowledgement),
        cmocka_unit_test(established_old_duplicate_is_reported_once),
        cmocka_unit_test(established_old_duplicate_with_a_hole),
        cmocka_unit_test(established_duplicate_out_of_order_is_followed_by_its_block),
        cmocka_unit_test(established_partly_old_segment_reports_that_part),
        cmocka_unit_test(established_partly_duplicate_segment_out_of_order),
        cmocka_unit_test(established_segment_that_fills_a_hole_and_overlaps),
        cmocka_unit_test(established_dsack_example_1_acknowledgements_lost),
        cmocka_unit_test(established_dsack_example_2_with_a_hole),
        cmocka_unit_test(established_dsack_example_3_out_of_order),
        cmocka_unit_test(established_dsack_example_4_known_in_front),
        cmocka_unit_test(established_dsack_example_5_two_stretches_acknowledged),
        cmocka_unit_test(established_dsack_example_6_two_stretches_not_acknowledged),
        cmocka_unit_test(established_first_of_three_duplicate_stretches_is_reported),
        cmocka_unit_test(established_late_segment_with_an_old_timestamp_is_reported),
        cmocka_unit_test(established_consecutive_duplicates_are_one_range),
        cmocka_unit_test(established_duplicate_without_sack_is_not_reported),
        cmocka_unit_test(established_more_runs_than_the_limit_report_what_is_held),
        cmocka_unit_test(established_duplicate_that_was_thrown_away_is_not_reported),
        cmocka_unit_test(established_segment_that_covers_a_run_takes_its_place),
        cmocka_unit_test(established_sack_blocks_wrap),
        cmocka_unit_test(established_three_blocks_fit_beside_timestamps),
    };
    return run_scripts("tcp_sack", tests);
}
