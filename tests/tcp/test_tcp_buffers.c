/* Buffers that grow and shrink by themselves: receive windows (RFC 9293 3.8.6, SHLD-14; RFC 7323 2)
 * and the limit of the send queue. */
#include "tests/tcp/harness.h"

#include "tcp/autotune.h"
#include "tests/tcp/pair.h"

#define RTT_MS 100u
#define LARGE (8u << 20)

/* A connection whose windows may grow to LARGE, over a path with a round trip of RTT_MS. */
#define tcp_large(...) \
    tcp_reach(MN_ESTABLISHED, TCP_SETUP(__VA_ARGS__, .receive_buffer = LARGE, .send_buffer = LARGE, .shift = 8, \
                                        .rtt_ms = RTT_MS, .window = 256))

/* The peer sends `bytes` from position *at on, and the user reads them, all at one moment.
 * Acknowledgements are not checked. */
static void receive(struct tcp_test *t, uint32_t *at, uint32_t bytes)
{
    while (bytes > 0) {
        uint32_t len = MN_MIN(bytes, 1460u);
        send_(t, .seq = *at, .ack = 1, .flags = ACK, .len = (int)len);
        read_pattern(t, *at - 1, len);
        *at += len;
        bytes -= len;
    }
    drain(t, NULL);
}

/* Slow start of a peer: each round trip brings twice as many segments, as long as the window
 * allows. The window never ends it. */
SCRIPT(established_window_runs_ahead_of_slow_start)
{
    struct tcp_test t;
    tcp_large(&t);
    uint32_t at = 1, flight = 14600;
    for (int i = 0; i < 8; i++) {
        assert_true(t.tcb->rcv_adv - t.tcb->rcv_nxt >= flight);
        receive(&t, &at, flight);
        wait_ms(&t, RTT_MS);
        receive(&t, &at, 1460); /* begins the next measurement of a round trip */
        flight *= 2;
    }
    assert_true(t.tcb->rcv_target > 3u << 20);
    tcp_end(&t);
}

/* A steady sender needs a window of twice the bytes that it sends in a round trip, and gets at most
 * a few times that. */
SCRIPT(established_window_follows_the_rate)
{
    struct tcp_test t;
    tcp_large(&t);
    uint32_t at = 1;
    for (int i = 0; i < 50; i++) {
        for (int j = 0; j < 10; j++) {
            receive(&t, &at, 14600);
            wait_ms(&t, RTT_MS / 10);
        }
    }
    assert_in_range(t.tcb->rcv_target, 2 * 146000, 6 * 160600);
    tcp_end(&t);
}

/* The window does not grow for a sender that is slower than the window allows. */
SCRIPT(established_slow_sender_does_not_grow_the_window)
{
    struct tcp_test t;
    tcp_large(&t);
    uint32_t at = 1;
    for (int i = 0; i < 100; i++) {
        receive(&t, &at, 9000);
        wait_ms(&t, RTT_MS);
    }
    assert_int_equal(t.tcb->rcv_target, MN_WINDOW_INITIAL);
    tcp_end(&t);
}

/* Unread data is no reason to offer more. */
SCRIPT(established_reader_that_stops_gets_no_more)
{
    struct tcp_test t;
    tcp_large(&t);
    for (uint32_t at = 1; t.tcb->rcv_adv - t.tcb->rcv_nxt >= 1460; at += 1460)
        send_(&t, .seq = at, .ack = 1, .flags = ACK, .len = 1460);
    wait_ms(&t, 10000);
    assert_int_equal(t.tcb->rcv_target, MN_WINDOW_INITIAL);
    assert_true(t.tcb->recvq.bytes <= MN_WINDOW_INITIAL);
    tcp_end(&t);
}

static void grow(struct tcp_test *t, uint32_t *at, uint32_t to)
{
    for (uint32_t flight = 14600; t->tcb->rcv_target < to; flight = MN_MIN(2 * flight, to)) {
        receive(t, at, flight);
        wait_ms(t, RTT_MS);
    }
}

/* After a second without reading, the window is that of a new connection. The announced edge stays
 * (SHLD-14), and moves on only after as much has arrived. */
SCRIPT(established_idle_connection_gives_its_window_back)
{
    struct tcp_test t;
    tcp_large(&t);
    uint32_t at = 1;
    grow(&t, &at, 1u << 20);
    uint32_t edge = t.tcb->rcv_adv;
    assert_true(edge - t.tcb->rcv_nxt >= 1u << 20);
    wait_ms(&t, 5000);
    receive(&t, &at, 1460);
    assert_int_equal(t.tcb->rcv_target, MN_WINDOW_INITIAL);
    for (int i = 0; i < 30; i++) {
        receive(&t, &at, 146000);
        wait_ms(&t, 1200);                             /* idle again */
        assert_true(mn_seq_geq(t.tcb->rcv_adv, edge)); /* SHLD-14 */
    }
    assert_true(t.tcb->rcv_adv - t.tcb->rcv_nxt <= MN_WINDOW_INITIAL + 1460);
    tcp_end(&t);
}

/* A large window that is little used shrinks, too, step by step. */
SCRIPT(established_trickle_gives_the_window_back)
{
    struct tcp_test t;
    tcp_large(&t);
    uint32_t at = 1;
    grow(&t, &at, 1u << 20);
    for (int i = 0; i < 200; i++) {
        receive(&t, &at, 1460);
        wait_ms(&t, RTT_MS + 1);
    }
    assert_int_equal(t.tcb->rcv_target, MN_WINDOW_INITIAL);
    tcp_end(&t);
}

/* The limits are the configured maximum, and for a window without the scale option its 16 bits. */
SCRIPT(established_window_ends_at_its_limits)
{
    struct tcp_test t;
    tcp_large(&t);
    uint32_t at = 1;
    for (int i = 0; i < 10; i++) {
        receive(&t, &at, 6u << 20);
        wait_ms(&t, RTT_MS);
    }
    assert_int_equal(t.tcb->rcv_target, LARGE);
    tcp_end(&t);
    tcp_established(&t, .receive_buffer = LARGE, .rtt_ms = RTT_MS);
    at = 1;
    for (int i = 0; i < 10; i++) {
        receive(&t, &at, 60000);
        wait_ms(&t, RTT_MS);
    }
    assert_int_equal(t.tcb->rcv_target, UINT16_MAX);
    tcp_end(&t);
}

/* Windows grow only while half of the budget is left, and shrink when received data pins three
 * quarters of it. */
SCRIPT(established_windows_share_the_budget)
{
    struct tcp_test t;
    tcp_large(&t);
    t.tcp->receive_budget = 4u << 20;
    uint32_t at = 1;
    for (int i = 0; i < 20; i++) {
        receive(&t, &at, 1u << 20);
        wait_ms(&t, RTT_MS);
        assert_true(t.tcp->receive_used <= t.tcp->receive_budget);
    }
    assert_true(t.tcb->rcv_target > 1u << 20);
    uint32_t target = t.tcb->rcv_target;
    t.tcp->receive_used += (3u << 20) + 4096; /* other connections' */
    for (int i = 0; i < 20; i++) {
        receive(&t, &at, 100000);
        wait_ms(&t, RTT_MS);
    }
    assert_true(t.tcb->rcv_target < target / 4);
    t.tcp->receive_used -= (3u << 20) + 4096;
    tcp_end(&t);
}

/* --- Sending --- */

/* Writes as much as fits the send queue. */
static uint32_t fill(struct tcp_test *t)
{
    static const uint8_t bytes[LARGE];
    uint32_t all = 0;
    ptrdiff_t taken;
    while ((taken = mn_tcp_send(t->tcp, t->tcb, bytes, sizeof bytes, false, t->now)) > 0)
        all += (uint32_t)taken;
    assert_int_equal(taken, 0);
    return all;
}

/* The limit is 64 KiB at first, then three windows, at most the configured buffer: the data in
 * flight, and twice as much behind it. */
SCRIPT(established_send_queue_grows_with_the_window)
{
    struct tcp_test t;
    tcp_large(&t);
    t.tcp->config.user.send_buffer = 1u << 20;
    assert_int_equal(fill(&t), 64 * 1024);
    uint32_t una = 1;
    for (int i = 0; i < 12; i++) {
        uint32_t bytes;
        wait_ms(&t, RTT_MS);
        drain(&t, &bytes);
        una += bytes;
        send_(&t, .seq = 1, .ack = una, .flags = ACK, .window = 65535);
        fill(&t);
        uint32_t cwnd = t.tcb->flight.congestion.cwnd;
        assert_int_equal(t.tcb->sendq.len, MN_MIN(MN_MAX(3 * cwnd, 65536u), 1u << 20));
    }
    assert_int_equal(t.tcb->sendq.len, 1u << 20);
    tcp_end(&t);
}

/* If the peer's window is the limit, three times that window is enough. */
SCRIPT(established_send_queue_follows_the_peers_window)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = LARGE, .window = 30000);
    t.tcb->flight.congestion.cwnd = 1u << 20;
    assert_int_equal(fill(&t), 90000);
    tcp_end(&t);
}

/* If most of the window waits in a queue on the path, it needs no queue here: the limit is three
 * times the part that the smallest round trip needs, and a megabyte. */
SCRIPT(established_send_queue_does_not_follow_queues)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = LARGE, .shift = 8);
    t.tcb->max_snd_wnd = t.tcb->flight.congestion.cwnd = 2u << 20;
    t.tcb->flight.rtt.srtt_ns = 40 * MNET_MILLISECOND;
    t.tcb->flight.loss.rack.min_rtt_us = 40000;
    assert_int_equal(mn_tcb_send_limit(t.tcp, t.tcb), 6u << 20);
    t.tcb->flight.loss.rack.min_rtt_us = 20000;
    assert_int_equal(mn_tcb_send_limit(t.tcp, t.tcb), 3u << 20);
    t.tcb->flight.loss.rack.min_rtt_us = 100;
    assert_int_equal(mn_tcb_send_limit(t.tcp, t.tcb), 1u << 20);
    tcp_end(&t);
}

/* Acknowledged data costs nothing any more. When memory is short, the limit is 64 KiB again. */
SCRIPT(established_send_queue_gives_memory_back)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = LARGE, .shift = 8);
    size_t before = mnet_memory_used(t.memory);
    t.tcb->max_snd_wnd = t.tcb->flight.congestion.cwnd = 64u << 20;
    assert_true(fill(&t) > 4u << 20);
    assert_true(mn_tcb_send_limit(t.tcp, t.tcb) == LARGE);
    t.tcb->snd_wnd = 64u << 20;
    t.tcb->flight.last_sent_ns = t.now; /* not idle */
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = t.tcb->snd_nxt - t.iss, .flags = ACK);
    assert_true(mnet_memory_used(t.memory) <= before + MN_SLAB_BYTES);
    void *hog[1024];
    unsigned count = 0;
    while (mnet_memory_used(t.memory) <= mnet_memory_budget(t.memory) / 2) {
        hog[count] = mnet_buffer_alloc_tx(t.memory, MNET_BUFFER_LARGE);
        assert_non_null(hog[count]);
        count++;
        assert_true(count < 1024 * 4);
        if (count == 1024)
            break;
    }
    t.tcb->max_snd_wnd = t.tcb->flight.congestion.cwnd = 64u << 20;
    size_t used = mnet_memory_used(t.memory), half = mnet_memory_budget(t.memory) / 2;
    assert_int_equal(mn_tcb_send_limit(t.tcp, t.tcb), used > half ? 64u * 1024 : LARGE);
    while (count > 0)
        mnet_buffer_free(hog[--count]);
    tcp_end(&t);
}

/* Both together: no buffer holds a transfer back on a long path without a bottleneck. 15 MiB take
 * about as many round trips as slow start needs. */
SCRIPT(pair_buffers_keep_up_with_slow_start)
{
    struct tcp_pair pair;
    struct tcp_setup s = TCP_SETUP(NULL, .receive_buffer = 16u << 20, .send_buffer = 16u << 20, .gso_max = 65000,
                                   .congestion = MNET_CONGESTION_CUBIC);
    pair_connect(&pair, s, 50 * MNET_MILLISECOND, NULL);
    uint64_t begin = pair.now;
    assert_true(pair_transfer(&pair, 0, 15u << 20, 60 * MNET_SECOND));
    /* 14600 * (2^11 - 1) > 15 MiB; the last one paced. */
    assert_true(pair.now - begin <= 13 * 100 * MNET_MILLISECOND);
    pair_end(&pair);
}

/* --- Windows and memory --- */

/* Sends and reads full segments until the target of the window stops growing. Returns the next
 * sequence number. */
static uint32_t grow_window(struct tcp_test *t)
{
    uint32_t seq = 1;
    char text[MSS];
    for (int i = 0; i < 600; i++, seq += MSS) {
        send_(t, .seq = seq, .ack = 1, .flags = ACK, .len = MSS);
        assert_int_equal(mn_tcp_receive(t->tcp, t->tcb, text, sizeof text, t->now), MSS);
    }
    wait_ms(t, 1000);
    drain(t, NULL);
    return seq;
}

/* A window costs nothing. Unread data is charged for the memory that it pins, until it is read or
 * discarded, in every state of the connection. */
SCRIPT(established_unread_data_is_all_that_is_charged)
{
    struct tcp_test t;
    tcp_established(&t);
    assert_int_equal(t.tcp->receive_used, 0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    size_t packet = t.memory->packets.object_size;
    assert_int_equal(t.tcp->receive_used, packet);
    send_(&t, .seq = 4, .ack = 1, .flags = ACK, .data = "def"); /* copied behind it */
    assert_int_equal(t.tcp->receive_used, packet);
    read_text(&t, "abcdef");
    assert_int_equal(t.tcp->receive_used, 0);
    send_(&t, .seq = 7, .ack = 1, .flags = ACK, .data = "ghi");
    send_(&t, .seq = 10, .ack = 1, .flags = RST | ACK);
    assert_int_equal(t.tcp->receive_used, packet);
    abort_(&t);
    assert_int_equal(t.tcp->receive_used, 0);
    tcp_end(&t);
}

/* The user holds lent data. It is charged as before until it is given back. */
SCRIPT(established_lent_data_is_charged_until_it_is_given_back)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = MSS);
    struct mnet_slice slice;
    assert_int_equal(mn_tcp_lend(t.tcp, t.tcb, &slice, 1), 1);
    assert_int_equal(t.tcp->receive_used, t.memory->packets.object_size);
    mn_tcp_return(t.tcp, t.tcb, t.now);
    assert_int_equal(t.tcp->receive_used, 0);
    tcp_end(&t);
}

/* Without scaling a window has 16 bits. A larger target must not make an update of every byte
 * read. */
SCRIPT(established_unscaled_window_updates_are_worthwhile)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 1u << 20);
    uint32_t seq = grow_window(&t);
    for (int i = 0; i < 4; i++, seq += MSS)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = MSS);
    drain(&t, NULL);
    for (int i = 0; i < 1000; i++) {
        char byte;
        assert_int_equal(mn_tcp_receive(t.tcp, t.tcb, &byte, 1, t.now), 1);
    }
    assert_in_range(drain(&t, NULL), 0, 1);
    tcp_end(&t);
}

/* If others use up the budget, a scale whose unit is above two segments must not keep the window
 * closed. */
SCRIPT(established_window_opens_by_a_unit_of_its_scale)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 1u << 28, .shift = 7);
    uint32_t seq = 1;
    while (t.tcb->rcv_adv != t.tcb->rcv_nxt) {
        uint32_t len = MN_MIN(t.tcb->rcv_adv - t.tcb->rcv_nxt, MSS);
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)len);
        seq += len;
    }
    drain(&t, NULL);
    t.tcp->receive_budget = 0;
    read_pattern(&t, 0, seq - 1);
    expect(&t, .seq = 1, .ack = seq, .flags = ACK, .window = 1);
    tcp_end(&t);
}

/* Connections that come when the budget is used up are offered two segments, and more when some of
 * it is free. */
SCRIPT(listen_window_is_what_the_budget_can_keep)
{
    struct tcp_test t;
    tcp_listen(&t);
    uint64_t budget = t.tcp->receive_budget;
    t.tcp->receive_budget = 0;
    send_(&t, .seq = 0, .flags = SYN, .mss = MSS);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .window = 2 * MSS);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = MSS);
    accept_(&t);
    assert_int_equal(t.tcb->rcv_adv - t.tcb->rcv_nxt, MSS);
    t.tcp->receive_budget = budget;
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK, .window = 65535 - MSS);
    t.tcp->receive_budget = 0;
    t.remote.port++;
    t.iss_known = false;
    open_active(&t);
    expect(&t, .seq = 0, .flags = SYN, .window = 2 * MSS);
    tcp_end(&t);
}

SCRIPT(established_idle_connection_holds_no_buffer)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 5000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 5001, .flags = ACK);
    assert_int_equal(t.memory->large_buffers.in_use + t.memory->small_buffers.in_use, 0);
    assert_int_equal(t.tcp->pieces.in_use, 0);
    tcp_end(&t);
}

/* Lent bytes are consumed. A user that does not give them back still gets its answer delivered
 * after a close. */
SCRIPT(established_close_with_lent_bytes_still_delivers)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "question");
    struct mnet_slice slice;
    assert_int_equal(mn_tcp_lend(t.tcp, t.tcb, &slice, 1), 1);
    write_text(&t, "answer");
    expect(&t, .seq = 1, .ack = 9, .flags = ACK, .data = "answer");
    close_(&t);
    expect(&t, .seq = 7, .ack = 9, .flags = FIN | ACK);
    assert_int_equal(t.memory->packets.in_use, 1); /* the answer's */
    send_(&t, .seq = 9, .ack = 8, .flags = ACK);
    assert_int_equal(t.memory->packets.in_use, 0);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_window_runs_ahead_of_slow_start),
        cmocka_unit_test(established_window_follows_the_rate),
        cmocka_unit_test(established_slow_sender_does_not_grow_the_window),
        cmocka_unit_test(established_reader_that_stops_gets_no_more),
        cmocka_unit_test(established_idle_connection_gives_its_window_back),
        cmocka_unit_test(established_trickle_gives_the_window_back),
        cmocka_unit_test(established_window_ends_at_its_limits),
        cmocka_unit_test(established_windows_share_the_budget),
        cmocka_unit_test(established_send_queue_grows_with_the_window),
        cmocka_unit_test(established_send_queue_follows_the_peers_window),
        cmocka_unit_test(established_send_queue_does_not_follow_queues),
        cmocka_unit_test(established_send_queue_gives_memory_back),
        cmocka_unit_test(pair_buffers_keep_up_with_slow_start),
        cmocka_unit_test(established_unread_data_is_all_that_is_charged),
        cmocka_unit_test(established_lent_data_is_charged_until_it_is_given_back),
        cmocka_unit_test(established_unscaled_window_updates_are_worthwhile),
        cmocka_unit_test(established_window_opens_by_a_unit_of_its_scale),
        cmocka_unit_test(listen_window_is_what_the_budget_can_keep),
        cmocka_unit_test(established_idle_connection_holds_no_buffer),
        cmocka_unit_test(established_close_with_lent_bytes_still_delivers),
    };
    return run_scripts("tcp_buffers", tests);
}
