/* Closed windows, on one side or both: the sequence numbers of segments without text, the effect of
 * segments with nothing new, and the opening of the window (RFC 9293 3.4, 3.8.6, 3.10.7.4). */
#include "tests/tcp/pair.h"

/* Makes an established connection whose peer accepted 1000 octets and then closed its window. 2000
 * more wait. */
static void shut_by_the_peer(struct tcp_test *t)
{
    tcp_established(t, .rtt_ms = 10, .window = 1000);
    write_bytes(t, 3000);
    expect(t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    send_(t, .seq = 1, .ack = 1001, .flags = ACK, .window = 0);
    expect_nothing(t);
}

/* Makes one whose peer has refused a probe, too. */
static void probed(struct tcp_test *t)
{
    shut_by_the_peer(t);
    wait_ms(t, 250);
    expect(t, .seq = 1001, .ack = 1, .flags = ACK, .len = 1);
    send_(t, .seq = 1, .ack = 1001, .flags = ACK, .window = 0);
    expect_nothing(t);
}

/* Makes an established connection whose user reads nothing, and whose window of 2920 is full:
 * RCV.NXT is 2921. */
static void shut_by_us(struct tcp_test *t)
{
    tcp_established(t, .receive_buffer = 2920, .no_delay = true);
    send_(t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    expect(t, .seq = 1, .ack = 2921, .flags = ACK, .window = 0);
}

/* ---- sequence numbers of segments without text ---- */

/* The peer has RCV.WND = 0 and RCV.NXT 1001, so it accepts a segment without text only at SEQ
 * 1001. */
SCRIPT(established_ack_behind_a_refused_probe_is_acceptable)
{
    struct tcp_test t;
    probed(&t);
    send_(&t, .seq = 1, .ack = 1001, .flags = ACK, .window = 0, .len = (int)MSS);
    send_(&t, .seq = 1461, .ack = 1001, .flags = ACK, .window = 0, .len = (int)MSS);
    expect(&t, .seq = 1001, .ack = 2921, .flags = ACK);
    read_pattern(&t, 0, 2920);
    tcp_end(&t);
}

SCRIPT(established_window_update_behind_a_refused_probe_is_acceptable)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0, .receive_buffer = 2920);
    write_bytes(&t, 10);
    wait_ms(&t, 1100);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .window = 0, .len = 1460);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 0);
    read_pattern(&t, 0, 2920);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 2920);
    tcp_end(&t);
}

SCRIPT(established_ack_after_the_window_shrank_is_at_its_edge)
{
    struct tcp_test t;
    tcp_established(&t, .window = 10000);
    write_bytes(&t, 8000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 1000, .len = (int)MSS);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .window = 1000, .len = (int)MSS);
    expect(&t, .seq = 1001, .ack = 2921, .flags = ACK);
    send_(&t, .seq = 2921, .ack = 1, .flags = ACK, .window = 0, .len = (int)MSS);
    send_(&t, .seq = 4381, .ack = 1, .flags = ACK, .window = 0, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 5841, .flags = ACK);
    /* The peer had all of it. */
    send_(&t, .seq = 5841, .ack = 8001, .flags = ACK, .window = 0, .len = (int)MSS);
    send_(&t, .seq = 7301, .ack = 8001, .flags = ACK, .window = 0, .len = (int)MSS);
    expect(&t, .seq = 8001, .ack = 8761, .flags = ACK);
    tcp_end(&t);
}

/* A window of 1000 in units of 128 is announced as 896. The peer did not shrink its window, and may
 * have received all of it. */
SCRIPT(established_ack_behind_a_window_that_was_rounded_is_at_snd_nxt)
{
    struct tcp_test t;
    tcp_established(&t, .window = 2000, .shift = 7);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 8);
    write_bytes(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 7, .len = (int)MSS);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .window = 7, .len = (int)MSS);
    expect(&t, .seq = 1001, .ack = 2921, .flags = ACK);
    /* A whole unit less: the peer shrank its window. */
    send_(&t, .seq = 2921, .ack = 1, .flags = ACK, .window = 6, .len = (int)MSS);
    send_(&t, .seq = 4381, .ack = 1, .flags = ACK, .window = 6, .len = (int)MSS);
    expect(&t, .seq = 769, .ack = 5841, .flags = ACK);
    tcp_end(&t);
}

/* RFC 5961: only a reset at RCV.NXT takes effect. */
SCRIPT(established_abort_with_a_refused_probe_resets)
{
    struct tcp_test t;
    probed(&t);
    abort_(&t);
    expect(&t, .seq = 1001, .ack = 1, .flags = RST | ACK);
    tcp_end(&t);
}

SCRIPT(established_abort_after_the_window_closed_on_data_in_flight_resets)
{
    struct tcp_test t;
    tcp_established(&t, .window = 10000);
    write_bytes(&t, 8000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1461, .flags = ACK, .window = 0);
    abort_(&t);
    expect(&t, .seq = 1461, .ack = 1, .flags = RST | ACK);
    tcp_end(&t);
}

SCRIPT(established_challenge_behind_a_refused_probe_is_acceptable)
{
    struct tcp_test t;
    probed(&t);
    send_(&t, .seq = 100, .flags = RST);
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK);
    tcp_end(&t);
}

/* The acknowledgement of the handshake is for a SYN, which no window holds back. */
SCRIPT(syn_received_ack_to_a_syn_without_a_window_is_at_snd_nxt)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true, .window = 0);
    send_(&t, .seq = 70000, .ack = 1, .flags = ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    tcp_end(&t);
}

SCRIPT(established_probes_of_the_window_do_for_keepalive)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0);
    mn_tcp_set_keepalive(t.tcp, t.tcb, &(struct mnet_keepalive){2 * MNET_SECOND, MNET_SECOND, 3});
    write_bytes(&t, 10);
    for (int i = 0; i < 100; i++) {
        wait_ms(&t, 1000);
        for (const struct tcp_output *o; (o = peek_output(&t)) != NULL;) {
            assert_int_equal(o->header.seq - t.iss, 1);
            assert_int_equal(o->len, 1);
            drain(&t, NULL);
            send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
        }
    }
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* A keepalive probe is old to the peer, which may ignore its acknowledgement. So an acknowledgement
 * is sent by itself. */
SCRIPT(established_keepalive_takes_no_acknowledgement_along)
{
    struct tcp_test t;
    tcp_established(&t);
    mn_tcp_set_keepalive(t.tcp, t.tcb, &(struct mnet_keepalive){2 * MNET_SECOND, MNET_SECOND, 3});
    t.hold_output = true;
    wait_ms(&t, 2000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = (int)MSS);
    t.hold_output = false;
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK);
    expect(&t, .seq = 0, .ack = 2921, .flags = ACK);
    expect_nothing(&t);
    read_pattern(&t, 0, 2920);
    tcp_end(&t);
}

/* ---- the window opens ---- */

/* 3.8.6.2.1: all waiting data is one segment. Nothing is in flight that Nagle's algorithm could
 * wait for, and no timer runs. */
SCRIPT(established_window_opens_and_all_goes_at_once)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0);
    write_bytes(&t, 1000);
    wait_ms(&t, 250);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1);
    uint32_t cwnd = t.tcb->flight.congestion.cwnd;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 8000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    wait_ms(&t, 190); /* the peer delays its acknowledgement */
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 1001, .flags = ACK, .window = 8000);
    assert_true(t.tcb->flight.congestion.cwnd >= cwnd);
    assert_int_equal(counted(&t, TCP_RTO), 0);
    tcp_end(&t);
}

SCRIPT(established_probe_that_was_taken_is_acknowledged)
{
    struct tcp_test t;
    probed(&t);
    send_(&t, .seq = 1, .ack = 1002, .flags = ACK, .window = 8000);
    expect(&t, .seq = 1002, .ack = 1, .flags = ACK, .len = 1460);
    expect(&t, .seq = 2462, .ack = 1, .flags = ACK, .len = 539);
    send_(&t, .seq = 1, .ack = 3001, .flags = ACK, .window = 8000);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* The acknowledgement of the probe was lost, and a window update sent before it arrives late. */
SCRIPT(established_probe_that_was_taken_goes_again_with_what_follows)
{
    struct tcp_test t;
    probed(&t);
    send_(&t, .seq = 1, .ack = 1001, .flags = ACK, .window = 8000);
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 1460);
    expect(&t, .seq = 2461, .ack = 1, .flags = ACK, .len = 540);
    send_(&t, .seq = 1, .ack = 1002, .flags = ACK, .window = 8000);
    send_(&t, .seq = 1, .ack = 3001, .flags = ACK, .window = 8000);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Data never sent cannot be acknowledged: not before the first probe, not beyond it, not twice. */
SCRIPT(established_ack_of_more_than_the_probe_is_challenged)
{
    struct tcp_test t;
    shut_by_the_peer(&t);
    send_(&t, .seq = 1, .ack = 1002, .flags = ACK, .window = 0);
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK);
    wait_ms(&t, 250);
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 1);
    send_(&t, .seq = 1, .ack = 1003, .flags = ACK, .window = 0);
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1, .ack = 1002, .flags = ACK, .window = 0);
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 1003, .flags = ACK, .window = 0);
    expect(&t, .seq = 1002, .ack = 1, .flags = ACK);
    assert_int_equal(t.tcb->snd_nxt - t.iss, 1002);
    tcp_end(&t);
}

SCRIPT(fin_wait_1_probe_that_is_the_fin_is_taken)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect_nothing(&t);
    wait_ms(&t, 250);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0, .len = (int)MSS);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .window = 0, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK);
    send_(&t, .seq = 2921, .ack = 2, .flags = ACK, .window = 0);
    expect_state(&t, MN_FIN_WAIT_2);
    send_(&t, .seq = 2921, .ack = 2, .flags = ACK, .window = 0, .len = (int)MSS);
    send_(&t, .seq = 4381, .ack = 2, .flags = ACK, .window = 0, .len = (int)MSS);
    expect(&t, .seq = 2, .ack = 5841, .flags = ACK);
    tcp_end(&t);
}

/* An ICMP error about a probe is about a segment of ours. */
SCRIPT(established_error_about_a_probe_is_told)
{
    struct tcp_test t;
    probed(&t);
    icmp_(&t, MN_UNREACHABLE_NETWORK, 0, 1002);
    assert_int_equal(mn_tcp_notices(t.tcb), 0);
    icmp_(&t, MN_UNREACHABLE_NETWORK, 0, 1001);
    assert_int_equal(mn_tcp_notices(t.tcb), MNET_NOTICE_UNREACHABLE);
    tcp_end(&t);
}

/* ---- effects of segments with nothing new ---- */

/* 3.10.7.4, first: "special allowance should be made to accept valid ACKs, URGs, and RSTs". This
 * peer counts its refused probe. */
SCRIPT(established_zero_window_takes_acks_behind_a_probe)
{
    struct tcp_test t;
    shut_by_us(&t);
    write_text(&t, "answer");
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .data = "answer");
    send_(&t, .seq = 2921, .ack = 1, .flags = ACK, .data = "p");
    expect(&t, .seq = 7, .ack = 2921, .flags = ACK, .window = 0);
    send_(&t, .seq = 2922, .ack = 7, .flags = ACK | URG, .urgent = 10);
    assert_int_equal(t.tcb->snd_una - t.iss, 7);
    assert_int_equal(mn_tcp_urgent(t.tcb), 2920 + 11);
    expect_nothing(&t);
    /* Nobody who knows the connection can be further off. */
    send_(&t, .seq = 2923, .ack = 7, .flags = ACK);
    expect(&t, .seq = 7, .ack = 2921, .flags = ACK);
    assert_int_equal(counted(&t, TCP_CHALLENGE_ACK), 1);
    tcp_end(&t);
}

/* A peer that has filled the window, and lost a part of it, sends its acknowledgements from the
 * window's right edge. */
SCRIPT(established_ack_at_the_edge_of_the_window_counts)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 2920);
    write_text(&t, "abc");
    drain(&t, NULL);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    drain(&t, NULL);
    send_(&t, .seq = 2921, .ack = 4, .flags = ACK);
    expect_nothing(&t);
    assert_int_equal(t.tcb->snd_una - t.iss, 4);
    tcp_end(&t);
}

/* 3.10.7.4, fifth: an old segment trimmed to the window is an acknowledgement. Its window is older
 * than the others. */
SCRIPT(established_old_text_with_a_new_ack_is_used)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "question");
    write_text(&t, "answer");
    expect(&t, .seq = 1, .ack = 9, .flags = ACK, .data = "answer");
    send_(&t, .seq = 9, .ack = 1, .flags = ACK, .data = "more", .window = 5000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 7, .flags = ACK, .data = "question", .window = 4000);
    expect(&t, .seq = 7, .ack = 13, .flags = ACK); /* because ours was lost */
    assert_int_equal(t.tcb->snd_una - t.iss, 7);
    read_text(&t, "questionmore");
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Old text does not report an arrival at the peer: without SACK three of them are no three
 * duplicates. */
SCRIPT(established_old_text_is_no_duplicate_acknowledgement)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    write_bytes(&t, 5 * MSS);
    drain(&t, NULL);
    for (int i = 0; i < 5; i++) {
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
        send_(&t, .seq = 3, .ack = 1, .flags = ACK); /* a keepalive probe */
    }
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
    tcp_end(&t);
}

/* SND.WL1 is 6 */
SCRIPT(closing_fin_again_with_a_new_ack_ends_it)
{
    struct tcp_test t;
    tcp_closing(&t);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* An old segment that is sent again acknowledges our FIN. Blind guesses further off are ignored. */
SCRIPT(last_ack_old_segment_with_a_new_ack_ends_it)
{
    struct tcp_test t;
    tcp_last_ack(&t);
    send_(&t, .seq = 1 - 70000, .ack = 2, .flags = ACK, .len = 1);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_LAST_ACK);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

/* Text that begins with known text: our acknowledgement of it was lost, so another one is sent at
 * once. */
SCRIPT(established_known_text_in_front_is_acknowledged_at_once)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 700);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 701, .flags = ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 800);
    expect(&t, .seq = 1, .ack = 801, .flags = ACK);
    wait_ms(&t, 1000);
    expect_nothing(&t);
    read_pattern(&t, 0, 800);
    tcp_end(&t);
}

/* The peer lost its window with the data sent in it. Its acknowledgements go back to the new edge,
 * and their windows are still new. */
SCRIPT(established_window_of_a_new_ack_counts_at_a_lower_number)
{
    struct tcp_test t;
    tcp_established(&t, .window = 3000);
    write_bytes(&t, 6000);
    drain(&t, NULL);
    /* 5000 octets on their way, and lost. */
    send_(&t, .seq = 5000, .ack = 1461, .flags = ACK, .window = 0);
    expect_nothing(&t);
    send_(&t, .seq = 1000, .ack = 2921, .flags = ACK, .window = 3080);
    expect(&t, .seq = 2921, .ack = 1, .flags = ACK, .len = 1460);
    tcp_end(&t);
}

/* ---- both windows shut ---- */

static void write_all(struct tcp_pair *pair, int side, uint32_t bytes)
{
    struct tcp_test *t = &pair->side[side];
    uint8_t chunk[1000];
    for (ptrdiff_t taken = 1; taken > 0 && pair->written[side] < bytes; pair->written[side] += (uint32_t)taken) {
        for (uint32_t i = 0; i < sizeof chunk; i++)
            chunk[i] = pattern(pair->written[side] + i);
        taken = mn_tcp_send(t->tcp, t->tcb, chunk, MN_MIN(sizeof chunk, bytes - pair->written[side]), false, pair->now);
    }
}

static void read_all(struct tcp_pair *pair, int side)
{
    struct tcp_test *t = &pair->side[side];
    uint8_t chunk[1000];
    for (ptrdiff_t got; (got = mn_tcp_receive(t->tcp, t->tcb, chunk, sizeof chunk, pair->now)) > 0;)
        for (ptrdiff_t i = 0; i < got; i++)
            assert_int_equal(chunk[i], pattern(pair->read[side]++));
}

/* Both send, and nobody reads: there is a probe and an answer now and then. Data that nobody reads
 * does not hold up the other direction. */
SCRIPT(pair_with_both_windows_shut_says_little)
{
    struct tcp_pair pair;
    pair_connect(&pair, TCP_SETUP(NULL, .send_buffer = 200000, .receive_buffer = 20000), MNET_MILLISECOND, NULL);
    for (int side = 0; side < 2; side++)
        write_all(&pair, side, 100000);
    pair_run(&pair, MNET_SECOND);
    unsigned before = pair.sent[0] + pair.sent[1];
    pair_run(&pair, 600 * MNET_SECOND);
    assert_in_range(pair.sent[0] + pair.sent[1] - before, 2 * 10,
                    2 * 2 * 20); /* probes double their distance up to a minute */
    read_all(&pair, 0);
    pair_run(&pair, MNET_SECOND);
    assert_int_equal(pair.read[0], 20000);
    read_all(&pair, 0);
    assert_int_equal(pair.read[0], 40000);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(counted(&pair.side[side], TCP_DROP_SEQUENCE), 0);
        assert_int_equal(counted(&pair.side[side], TCP_CHALLENGE_ACK), 0);
        assert_true(pair_transfer(&pair, side, 100000, 60 * MNET_SECOND));
    }
    pair_end(&pair);
}

/* The side that does not read sends all its data: its own closed window does not block the
 * acknowledgements it gets. */
SCRIPT(pair_sender_that_does_not_read_is_received)
{
    struct tcp_pair pair;
    pair_connect(&pair, TCP_SETUP(NULL, .send_buffer = 200000, .receive_buffer = 20000), MNET_MILLISECOND, NULL);
    write_all(&pair, 1, 100000); /* which side 0 never reads */
    pair_run(&pair, 5 * MNET_SECOND);
    uint64_t begin = pair.now;
    assert_true(pair_transfer(&pair, 0, 2000000, 10 * MNET_SECOND));
    assert_true(pair.now - begin < MNET_SECOND);
    pair_end(&pair);
}

SCRIPT(pair_abort_with_both_windows_shut_is_noticed)
{
    struct tcp_pair pair;
    pair_connect(&pair, TCP_SETUP(NULL, .send_buffer = 200000, .receive_buffer = 20000), MNET_MILLISECOND, NULL);
    for (int side = 0; side < 2; side++)
        write_all(&pair, side, 100000);
    pair_run(&pair, 60 * MNET_SECOND);
    mn_tcp_abort(pair.side[0].tcp, pair.side[0].tcb, pair.now);
    pair.side[0].tcb = NULL;
    pair_run(&pair, 10 * MNET_MILLISECOND);
    assert_int_equal(pair.side[1].tcb->state, MN_CLOSED);
    assert_int_equal(pair.side[1].tcb->rare.error, MNET_E_RESET);
    pair_end(&pair);
}

/* A FIN without text does not fit a closed window either (RFC 9293 3.4, table 6). The peer sends it
 * again, and it is accepted when there is room. */
SCRIPT(established_bare_fin_at_a_closed_window_comes_again)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 2920);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    drain(&t, NULL);
    for (int i = 0; i < 3; i++) {
        send_(&t, .seq = 2921, .ack = 1, .flags = FIN | ACK);
        expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 0);
        expect_state(&t, MN_ESTABLISHED);
        wait_ms(&t, 1000);
    }
    read_pattern(&t, 0, 2920);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK);
    send_(&t, .seq = 2921, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 1, .ack = 2922, .flags = ACK);
    read_result(&t, 0);
    expect_state(&t, MN_CLOSE_WAIT);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_ack_behind_a_refused_probe_is_acceptable),
        cmocka_unit_test(established_window_update_behind_a_refused_probe_is_acceptable),
        cmocka_unit_test(established_ack_after_the_window_shrank_is_at_its_edge),
        cmocka_unit_test(established_ack_behind_a_window_that_was_rounded_is_at_snd_nxt),
        cmocka_unit_test(established_abort_with_a_refused_probe_resets),
        cmocka_unit_test(established_abort_after_the_window_closed_on_data_in_flight_resets),
        cmocka_unit_test(established_challenge_behind_a_refused_probe_is_acceptable),
        cmocka_unit_test(syn_received_ack_to_a_syn_without_a_window_is_at_snd_nxt),
        cmocka_unit_test(established_probes_of_the_window_do_for_keepalive),
        cmocka_unit_test(established_keepalive_takes_no_acknowledgement_along),
        cmocka_unit_test(established_window_opens_and_all_goes_at_once),
        cmocka_unit_test(established_probe_that_was_taken_is_acknowledged),
        cmocka_unit_test(established_probe_that_was_taken_goes_again_with_what_follows),
        cmocka_unit_test(established_ack_of_more_than_the_probe_is_challenged),
        cmocka_unit_test(fin_wait_1_probe_that_is_the_fin_is_taken),
        cmocka_unit_test(established_error_about_a_probe_is_told),
        cmocka_unit_test(established_zero_window_takes_acks_behind_a_probe),
        cmocka_unit_test(established_ack_at_the_edge_of_the_window_counts),
        cmocka_unit_test(established_old_text_with_a_new_ack_is_used),
        cmocka_unit_test(established_old_text_is_no_duplicate_acknowledgement),
        cmocka_unit_test(closing_fin_again_with_a_new_ack_ends_it),
        cmocka_unit_test(last_ack_old_segment_with_a_new_ack_ends_it),
        cmocka_unit_test(established_known_text_in_front_is_acknowledged_at_once),
        cmocka_unit_test(established_window_of_a_new_ack_counts_at_a_lower_number),
        cmocka_unit_test(pair_with_both_windows_shut_says_little),
        cmocka_unit_test(pair_sender_that_does_not_read_is_received),
        cmocka_unit_test(pair_abort_with_both_windows_shut_is_noticed),
        cmocka_unit_test(established_bare_fin_at_a_closed_window_comes_again),
    };
    return run_scripts("tcp_closed_window", tests);
}
