/* Settings that programs seldom need: mnet/tcp_settings.h, peeking, ports reserved before use, and
 * views of all records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/stream.h"

static char bytes[1 << 20];

/* ---- Peeking ---- */

static int peeking(struct world *w)
{
    struct pair pair;
    char buffer[8];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_peek(pair.server, buffer, 0, 0), 0);
    CHECK_EQUAL(mnet_tcp_peek(pair.server, NULL, 8, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_peek(pair.server, buffer, 8, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(write_text(pair.client, "abc"), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_tcp_peek(pair.server, buffer, 8, MNET_NEVER), 3);
    CHECK_EQUAL(mnet_tcp_peek(pair.server, buffer, 2, 0), 2);
    CHECK_EQUAL(mnet_tcp_queued(pair.server).unread, 3);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 2, 0), 2);
    CHECK_EQUAL(mnet_tcp_peek(pair.server, buffer, 8, 0), 1);
    CHECK_EQUAL(buffer[0], 'c');
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 8, 0), 1);
    mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE);
    CHECK_EQUAL(mnet_tcp_peek(pair.server, buffer, 8, MNET_NEVER), 0);
    world_close(&pair);
    return 0;
}

static void peek_leaves_the_bytes(void **state)
{
    (void)state;
    world_run_both(peeking, NULL);
}

static int peeking_at_datagrams(struct world *w)
{
    struct mnet_udp *udp, *peer;
    struct mnet_udp_options here = {.local.port = 53};
    struct mnet_endpoint there = {w->server_address, 53}, from;
    char buffer[8];
    CHECK_EQUAL(mnet_udp_open(w->server, &here, &udp), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &peer), 0);
    CHECK_EQUAL(mnet_udp_peek(udp, buffer, 8, NULL, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_udp_send(peer, &there, "question", 8, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_peek(udp, buffer, 2, &from, MNET_NEVER), 8); /* all of it */
    CHECK(memcmp(buffer, "qu", 2) == 0 && mnet_address_equal(from.address, w->client_address));
    CHECK_EQUAL(mnet_udp_receive(udp, buffer, 8, NULL, 0), 8);
    CHECK_EQUAL(mnet_udp_peek(udp, buffer, 8, NULL, 0), MNET_E_DEADLINE);
    mnet_udp_close(udp);
    mnet_udp_close(peer);
    return 0;
}

static void peek_leaves_the_datagram(void **state)
{
    (void)state;
    world_run_both(peeking_at_datagrams, NULL);
}

/* ---- Buffers ---- */

/* Writes without waiting until the buffer is full. Returns the bytes queued. */
static size_t fill(struct mnet_flow *flow)
{
    size_t total = 0, queued;
    do {
        mnet_tcp_write(flow, bytes, sizeof bytes, &queued, 0);
        total += queued;
    } while (queued == sizeof bytes);
    return total;
}

static int buffers(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_set_send_buffer(pair.client, 100), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_set_receive_buffer(pair.client, MNET_TCP_BUFFER_MAX + 1), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_send_buffer(pair.client), 65536);
    CHECK_EQUAL(mnet_tcp_set_send_buffer(pair.client, 10000), 0);
    CHECK_EQUAL(mnet_tcp_send_buffer(pair.client), 10000);
    CHECK_EQUAL(fill(pair.client), 10000);
    CHECK_EQUAL(mnet_tcp_queued(pair.client).unsent + mnet_tcp_queued(pair.client).unacked, 10000);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & MNET_WRITABLE, 0);
    CHECK_EQUAL(mnet_tcp_set_send_buffer(pair.client, 15000), 0);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & MNET_WRITABLE, MNET_WRITABLE);
    CHECK_EQUAL(fill(pair.client), 5000);
    CHECK_EQUAL(mnet_tcp_set_send_buffer(pair.client, 0), 0);
    CHECK_EQUAL(mnet_tcp_send_buffer(pair.client), 65536);
    world_close(&pair);
    return 0;
}

static void send_buffer_holds_so_many_bytes(void **state)
{
    (void)state;
    world_run_both(buffers, NULL);
}

static int windows(struct world *w)
{
    struct pair pair;
    struct mnet_tcp_info info;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_set_receive_buffer(pair.server, 300000), 0);
    CHECK_EQUAL(mnet_tcp_receive_buffer(pair.server), 300000);
    sleep_ms(10);
    mnet_tcp_info(pair.client, &info);
    CHECK(info.snd_wnd > 299000 && info.snd_wnd <= 300000);
    CHECK_EQUAL(mnet_tcp_set_send_buffer(pair.client, sizeof bytes), 0);
    CHECK_EQUAL(mnet_tcp_set_receive_buffer(pair.server, 20000), 0); /* the right edge stays */
    CHECK_EQUAL(fill(pair.client), sizeof bytes);
    sleep_ms(2000);
    size_t first = mnet_tcp_queued(pair.server).unread;
    CHECK(first > 299000 - 1460 && first <= 300000);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, bytes, first, NULL, 0), 0);
    sleep_ms(20000);
    CHECK(mnet_tcp_queued(pair.server).unread <= 20000);
    CHECK(mnet_tcp_queued(pair.server).unread > 10000);
    world_close(&pair);
    return 0;
}

static void receive_buffer_is_the_window(void **state)
{
    (void)state;
    world_run_both(windows, NULL);
}

static int low_water(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_set_unsent_low_water(pair.client, MNET_TCP_BUFFER_MAX + 1u), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_set_unsent_low_water(pair.client, 4000), 0);
    CHECK_EQUAL(fill(pair.client), 4000);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & MNET_WRITABLE, 0);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(mnet_tcp_wait(pair.client, MNET_WRITABLE, MNET_NEVER), MNET_WRITABLE);
    CHECK_EQUAL(mnet_now(), begin); /* as soon as it is sent, not when it is acknowledged */
    CHECK(mnet_tcp_queued(pair.client).unacked > 0);
    size_t total = 4000;
    while (total < 500000) {
        CHECK_EQUAL(mnet_tcp_wait(pair.client, MNET_WRITABLE, in_ms(1000)), MNET_WRITABLE);
        total += fill(pair.client);
        CHECK(mnet_tcp_queued(pair.client).unsent <= 4000);
        while (mnet_tcp_read(pair.server, bytes, sizeof bytes, 0) > 0)
            continue;
    }
    CHECK_EQUAL(mnet_tcp_set_unsent_low_water(pair.client, 0), 0);
    sleep_ms(100);
    CHECK(fill(pair.client) > 4000);
    world_close(&pair);
    return 0;
}

static void unsent_low_water_holds_back_the_writer(void **state)
{
    (void)state;
    world_run_both(low_water, NULL);
}

/* ---- Segments ---- */

static uint32_t segments_received(struct mnet_flow *flow)
{
    struct mnet_tcp_info info;
    mnet_tcp_info(flow, &info);
    return info.segments_received;
}

static int corking(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_set_no_delay(pair.client, true);
    mnet_tcp_set_cork(pair.client, true);
    uint32_t before = segments_received(pair.server);
    for (int i = 0; i < 10; i++) {
        CHECK_EQUAL(write_text(pair.client, "0123456789"), 0);
        sleep_ms(2);
    }
    CHECK_EQUAL(segments_received(pair.server), before);
    mnet_tcp_set_cork(pair.client, false);
    sleep_ms(10);
    CHECK_EQUAL(segments_received(pair.server), before + 1);
    CHECK_EQUAL(mnet_tcp_read(pair.server, bytes, 200, 0), 100);
    sleep_ms(100);
    mnet_tcp_set_cork(pair.client, true); /* a full segment goes, and the rest as a probe */
    CHECK_EQUAL(mnet_tcp_write(pair.client, bytes, 2000, NULL, 0), 0);
    sleep_ms(3);
    size_t got = mnet_tcp_queued(pair.server).unread;
    CHECK(got > 1000 && got < 2000);
    sleep_ms(5000);
    CHECK_EQUAL(mnet_tcp_queued(pair.server).unread, 2000);
    CHECK_EQUAL(mnet_tcp_read(pair.server, bytes, 2000, 0), 2000);
    CHECK_EQUAL(write_text(pair.client, "end"), 0);
    mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE); /* goes with the end of the stream */
    sleep_ms(10);
    CHECK_EQUAL(mnet_tcp_read(pair.server, bytes, 200, 0), 3);
    world_close(&pair);
    return 0;
}

static void cork_holds_small_segments_back(void **state)
{
    (void)state;
    world_run_both(corking, NULL);
}

static int acknowledging(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    sleep_ms(100);
    CHECK_EQUAL(write_text(pair.client, "a"), 0);
    sleep_ms(10);
    CHECK_EQUAL(mnet_tcp_queued(pair.client).unacked, 1);
    mnet_tcp_set_no_delayed_ack(pair.server, true); /* the one that is owed goes now */
    sleep_ms(3);
    CHECK_EQUAL(mnet_tcp_queued(pair.client).unacked, 0);
    CHECK_EQUAL(write_text(pair.client, "b"), 0);
    sleep_ms(3);
    CHECK_EQUAL(mnet_tcp_queued(pair.client).unacked, 0);
    mnet_tcp_set_no_delayed_ack(pair.server, false);
    CHECK_EQUAL(write_text(pair.client, "c"), 0);
    sleep_ms(10);
    CHECK_EQUAL(mnet_tcp_queued(pair.client).unacked, 1);
    world_close(&pair);
    return 0;
}

static void delayed_acknowledgements_can_be_switched_off(void **state)
{
    (void)state;
    world_run_both(acknowledging, NULL);
}

static int pacing(struct world *w)
{
    struct pair pair;
    struct mnet_tcp_info info;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_info(pair.client, &info);
    CHECK(info.pacing_rate > 0);
    mnet_tcp_set_no_pacing(pair.client, true);
    mnet_tcp_info(pair.client, &info);
    CHECK_EQUAL(info.pacing_rate, 0);
    CHECK_EQUAL(mnet_tcp_write(pair.client, bytes, 60000, NULL, 0), 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, bytes, 60000, NULL, in_ms(1000)), 0);
    world_close(&pair);
    return 0;
}

static void pacing_can_be_switched_off(void **state)
{
    (void)state;
    world_run_both(pacing, NULL);
}

static int modules(struct world *w)
{
    static const struct {
        enum mnet_congestion which;
        const char *name;
    } order[] = {{MNET_CONGESTION_BBR, "bbr"},
                 {MNET_CONGESTION_RENO, "reno"},
                 {MNET_CONGESTION_CUBIC, "cubic"},
                 {MNET_CONGESTION_BBR, "bbr"},
                 {MNET_CONGESTION_DEFAULT, "cubic"}};
    struct pair pair;
    struct mnet_tcp_info before, after;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_set_congestion(pair.client, (enum mnet_congestion)99), MNET_E_INVALID);
    mnet_sim_shape(
        w->client_host, MNET_SIM_SENDING,
        &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND, .bandwidth_bps = 50000000, .queue_bytes = 40000});
    for (size_t i = 0; i < MN_COUNT_OF(order); i++) { /* losses and growth under each of them */
        CHECK_EQUAL(mnet_tcp_write(pair.client, bytes, 40000, NULL, in_ms(60000)), 0);
        mnet_tcp_info(pair.client, &before);
        CHECK_EQUAL(mnet_tcp_set_congestion(pair.client, order[i].which), 0);
        mnet_tcp_info(pair.client, &after);
        CHECK(strcmp(after.congestion, order[i].name) == 0);
        CHECK_EQUAL(after.cwnd, before.cwnd);
        CHECK_EQUAL(after.ssthresh, before.ssthresh);
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, bytes, 40000, NULL, in_ms(60000)), 0);
        struct call call = {.w = w, .data = bytes, .len = sizeof bytes};
        CHECK_EQUAL(call_start(w, &call, call_write, pair.client), 0);
        static char sink[1 << 20];
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, sink, sizeof sink, NULL, in_ms(60000)), 0);
        CHECK_EQUAL(call_join(&call), 0);
    }
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    world_close(&pair);
    return 0;
}

static void congestion_control_changes_in_full_flight(void **state)
{
    (void)state;
    world_run_both(modules, NULL);
}

static int marking(struct world *w)
{
    struct pair pair;
    struct mnet_tcp_info info;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_info(pair.client, &info);
    CHECK_EQUAL(info.ecn, w->argument == NULL);
    bool agreed = info.ecn;
    CHECK_EQUAL(mnet_tcp_set_ecn(pair.client, false), 0);
    mnet_tcp_info(pair.client, &info);
    CHECK(!info.ecn);
    CHECK_EQUAL(mnet_tcp_set_ecn(pair.client, true), agreed ? 0 : MNET_E_INVALID);
    mnet_tcp_info(pair.client, &info);
    CHECK_EQUAL(info.ecn, agreed);
    world_close(&pair);
    return 0;
}

static int not_agreed(struct world *w)
{
    w->argument = w;
    return marking(w);
}

static void ecn_can_be_switched_off_once_agreed(void **state)
{
    static const struct world_options on = {.client.tcp.ecn = MNET_ECN_ON};
    (void)state;
    world_run_both(marking, &on);
    world_run_both(not_agreed, NULL);
}

/* ---- Views ---- */

static int informed(struct world *w)
{
    struct pair pair;
    struct mnet_tcp_info info;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_info(pair.client, &info);
    CHECK(info.flow == pair.client && info.listener == NULL);
    CHECK_EQUAL(info.min_rtt_ns, 0); /* no data was acknowledged */
    CHECK(info.snd_wscale == info.rcv_wscale && info.rcv_wscale > 0);
    CHECK_EQUAL(mnet_tcp_write(pair.client, bytes, 60000, NULL, 0), 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, bytes, 60000, NULL, in_ms(1000)), 0);
    sleep_ms(10);
    mnet_tcp_info(pair.client, &info);
    CHECK(info.min_rtt_ns >= 2 * MNET_MILLISECOND && info.min_rtt_ns < 5 * MNET_MILLISECOND);
    CHECK(info.sacked == 0 && info.lost == 0);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING,
                   &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND, .loss_ppm = 200000});
    CHECK_EQUAL(mnet_tcp_write(pair.client, bytes, 60000, NULL, 0), 0);
    uint32_t sacked = 0, lost = 0;
    for (int i = 0; i < 1000; i++) {
        mnet_sleep(mnet_now() + 100 * MNET_MICROSECOND);
        mnet_tcp_info(pair.client, &info);
        CHECK(info.sacked + info.lost <= info.unacked);
        sacked = MN_MAX(sacked, info.sacked);
        lost = MN_MAX(lost, info.lost);
    }
    CHECK(sacked > 0 && lost > 0);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    world_close(&pair);
    return 0;
}

static void info_tells_what_sockets_tell(void **state)
{
    (void)state;
    world_run_both(informed, NULL);
}

struct record_census {
    unsigned listen, closed, half_open, established, time_wait;
    struct mnet_flow *flow;
    struct mnet_listener *listener, *waiting, *half;
    unsigned backlog;
};

static bool count_record(void *context, const struct mnet_tcp_info *info)
{
    struct record_census *census = context;
    if (strcmp(info->state, "LISTEN") == 0) {
        census->listen++;
        census->listener = info->listener;
        census->backlog = info->backlog;
    } else if (strcmp(info->state, "CLOSED") == 0) {
        census->closed++;
    } else if (strcmp(info->state, "SYN-RECEIVED") == 0) {
        census->half_open++;
        census->half = info->listener;
    } else if (strcmp(info->state, "ESTABLISHED") == 0) {
        census->established++;
        if (info->flow != NULL)
            census->flow = info->flow;
        else
            census->waiting = info->listener;
    } else if (strcmp(info->state, "TIME-WAIT") == 0) {
        census->time_wait++;
    }
    return true;
}

static int views(struct world *w)
{
    struct pair pair, past, next = {0};
    struct record_census census = {0};
    struct mnet_listener *reserved;
    struct mnet_flow *half;
    CHECK_EQUAL(world_connect(w, &past), 0);
    mnet_tcp_close(past.server); /* the first to close is in TIME-WAIT */
    mnet_tcp_close(past.client);
    mnet_tcp_unlisten(past.listener);
    sleep_ms(50);
    CHECK_EQUAL(world_connect(w, &pair), 0);
    next.listener = pair.listener;
    CHECK_EQUAL(mnet_tcp_connect(w->client, w->server_address, 80, &next.client, in_ms(100)), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 81, &(struct mnet_listen_options){.reserve = true}, &reserved), 0);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, (struct mnet_endpoint){w->server_address, 80}, NULL, &half), 0);
    mnet_sleep(mnet_now() + 1500 * MNET_MICROSECOND);
    mnet_tcp_each(w->server, count_record, &census);
    CHECK_EQUAL(census.listen, 1);
    CHECK_EQUAL(census.closed, 1);
    CHECK_EQUAL(census.half_open, 1);
    CHECK_EQUAL(census.established, 2);
    CHECK_EQUAL(census.time_wait, 1);
    CHECK_EQUAL(census.backlog, 1);
    CHECK(census.flow == pair.server && census.listener == pair.listener);
    CHECK(census.waiting == pair.listener && census.half == pair.listener);
    mnet_tcp_close(half);
    mnet_tcp_close(next.client);
    mnet_tcp_unlisten(reserved);
    world_close(&pair);
    return 0;
}

static void each_visits_records_of_all_kinds(void **state)
{
    (void)state;
    world_run_both(views, NULL);
}

/* ---- Reserved ports ---- */

static int reserving(struct world *w)
{
    const struct mnet_listen_options reserve = {.reserve = true};
    struct mnet_listener *listener, *other;
    struct mnet_flow *flow;
    struct pair pair;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &reserve, &listener), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &other), MNET_E_IN_USE);
    CHECK_EQUAL(mnet_tcp_connect(w->client, w->server_address, 80, &flow, in_ms(100)), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_tcp_listen_now(listener, 1), 0);
    pair.listener = listener;
    CHECK_EQUAL(world_connect_to(w, &pair), 0);
    world_close(&pair);
    /* A connection from a reserved port. */
    CHECK_EQUAL(mnet_tcp_listen(w->server, 90, NULL, &listener), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->client, 0, &reserve, &other), 0);
    struct mnet_connect_options from = {.local = {w->client_address, mnet_tcp_listen_port(other)}};
    struct mnet_endpoint to = {w->server_address, 90}, local;
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, to, &from, &flow), 0);
    CHECK_EQUAL(mnet_tcp_established(flow, in_ms(100)), 0);
    mnet_tcp_peers(flow, &local, NULL);
    CHECK_EQUAL(local.port, mnet_tcp_listen_port(other));
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(other);
    mnet_tcp_unlisten(listener);
    return 0;
}

static void port_reserved_is_nobody_elses(void **state)
{
    (void)state;
    world_run_both(reserving, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peek_leaves_the_bytes),
        cmocka_unit_test(peek_leaves_the_datagram),
        cmocka_unit_test(send_buffer_holds_so_many_bytes),
        cmocka_unit_test(receive_buffer_is_the_window),
        cmocka_unit_test(unsent_low_water_holds_back_the_writer),
        cmocka_unit_test(cork_holds_small_segments_back),
        cmocka_unit_test(delayed_acknowledgements_can_be_switched_off),
        cmocka_unit_test(pacing_can_be_switched_off),
        cmocka_unit_test(congestion_control_changes_in_full_flight),
        cmocka_unit_test(ecn_can_be_switched_off_once_agreed),
        cmocka_unit_test(info_tells_what_sockets_tell),
        cmocka_unit_test(each_visits_records_of_all_kinds),
        cmocka_unit_test(port_reserved_is_nobody_elses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
