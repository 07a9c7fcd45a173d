/* Settings of a connection, waiting for readiness, closing with a wait, and information: mnet/tcp.h
 * and mnet/tcp_info.h, between two simulated hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/stream.h"

/* ---- close_wait ---- */

static int closing_with_a_wait(struct world *w)
{
    struct pair pair;
    static char bytes[50000];
    size_t queued;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(mnet_tcp_write(pair.client, bytes, sizeof bytes, &queued, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_close_wait(pair.client, MNET_NEVER), 0);
    pair.client = NULL;
    /* At least two round trips, for the initial window. */
    CHECK(mnet_now() - begin >= 4 * MNET_MILLISECOND);
    /* Everything is there. */
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, bytes, sizeof bytes, NULL, 0), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, bytes, 1, 0), 0);
    world_close(&pair);
    return 0;
}

static void close_wait_returns_when_everything_is_acknowledged(void **state)
{
    (void)state;
    world_run(closing_with_a_wait, NULL);
}

static int closing_in_vain(struct world *w)
{
    struct pair pair;
    static char bytes[1 << 20];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    size_t queued;
    /* As much as fits; nobody reads. */
    mnet_tcp_write(pair.client, bytes, sizeof bytes, &queued, 0);
    CHECK(queued > 0);
    uint64_t deadline = in_ms(500);
    CHECK_EQUAL(mnet_tcp_close_wait(pair.client, deadline), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_now(), deadline);
    pair.client = NULL;
    ptrdiff_t got;
    while ((got = mnet_tcp_read(pair.server, bytes, sizeof bytes, MNET_NEVER)) > 0)
        ;
    CHECK_EQUAL(got, MNET_E_RESET); /* and not an end of the stream */
    world_close(&pair);
    return 0;
}

static void close_wait_at_the_deadline_resets(void **state)
{
    (void)state;
    world_run(closing_in_vain, NULL);
}

static int closing_a_dead_one(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_abort(pair.server);
    pair.server = NULL;
    sleep_ms(10);
    CHECK_EQUAL(mnet_tcp_close_wait(pair.client, MNET_NEVER), MNET_E_RESET);
    pair.client = NULL;
    world_close(&pair);
    return 0;
}

static void close_wait_says_how_the_connection_ended(void **state)
{
    (void)state;
    world_run(closing_a_dead_one, NULL);
}

/* ---- waiting ---- */

static int urgent_call(void *argument)
{
    struct call *call = argument;
    return mnet_tcp_wait(call->object, MNET_URGENT | MNET_NOTICED, call->deadline);
}

static int waiting(struct world *w)
{
    struct pair pair;
    char text[8];
    struct call call = {.w = w, .deadline = MNET_NEVER};
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_wait(pair.server, 0, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_wait(pair.server, MNET_ACCEPTABLE, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_wait(pair.server, MNET_READABLE | MNET_WRITABLE, 0), MNET_WRITABLE);
    CHECK_EQUAL(mnet_tcp_wait(pair.server, MNET_READABLE, in_ms(3)), MNET_E_DEADLINE);
    CHECK_EQUAL(call_start(w, &call, urgent_call, pair.server), 0);
    CHECK_EQUAL(write_text(pair.client, "ab"), 0);
    sleep_ms(10);
    CHECK_EQUAL(call.ended, 0); /* this was not urgent */
    CHECK_EQUAL(mnet_tcp_write_urgent(pair.client, "c", 1, NULL, MNET_NEVER), 0);
    call_join(&call);
    CHECK_EQUAL(call.result, MNET_URGENT);
    CHECK_EQUAL(mnet_tcp_urgent(pair.server), 3);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, text, 3, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_urgent(pair.server), 0);
    world_close(&pair);
    return 0;
}

static void wait_returns_what_the_flow_is_ready_for(void **state)
{
    (void)state;
    world_run(waiting, NULL);
}

static int keeping_alive(struct world *w)
{
    struct pair pair;
    char byte;
    const struct mnet_keepalive keepalive = {10 * MNET_SECOND, MNET_SECOND, 5};
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_set_keepalive(pair.server, &keepalive);
    uint64_t begin = mnet_now();
    /* It answers. */
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, begin + 100 * MNET_SECOND), MNET_E_DEADLINE);
    mnet_sim_shape(w->client_host, MNET_SIM_RECEIVING, &(struct mnet_sim_path){.down = true});
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER), MNET_E_TIMED_OUT);
    uint64_t lasted = mnet_now() - begin - 100 * MNET_SECOND;
    CHECK(lasted >= 5 * MNET_SECOND && lasted <= 16 * MNET_SECOND);
    mnet_sim_shape(w->client_host, MNET_SIM_RECEIVING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    mnet_tcp_abort(pair.client);
    pair.client = NULL;
    world_close(&pair);
    return 0;
}

static void keepalive_finds_a_peer_that_is_gone(void **state)
{
    (void)state;
    world_run(keeping_alive, NULL);
}

/* ---- information ---- */

static int looking(struct world *w)
{
    struct pair pair;
    struct mnet_tcp_info info;
    static char bytes[100000];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_info(pair.client, &info);
    CHECK(strcmp(info.state, "ESTABLISHED") == 0);
    CHECK(strcmp(info.congestion, "cubic") == 0);
    CHECK(strcmp(info.loss, "open") == 0);
    CHECK_EQUAL(info.remote.port, 80);
    CHECK(mnet_address_equal(info.local.address, WORLD_CLIENT));
    CHECK(info.timestamps && info.sack && info.window_scale);
    CHECK(info.rtt_ns >= 2 * MNET_MILLISECOND && info.rtt_ns < 3 * MNET_MILLISECOND);
    CHECK(info.rto_ns >= 200 * MNET_MILLISECOND);
    CHECK(info.cwnd >= 10u * info.snd_mss);
    CHECK_EQUAL(info.retransmit_at, MNET_NEVER);
    CHECK_EQUAL(info.bytes_acked, 0);
    size_t queued;
    mnet_tcp_write(pair.client, bytes, sizeof bytes, &queued, 0);
    mnet_sleep(mnet_now() + 500 * MNET_MICROSECOND); /* it is on its way */
    mnet_tcp_info(pair.client, &info);
    CHECK(info.in_flight > 0 && info.in_flight == info.unacked);
    CHECK_EQUAL(info.unacked + info.unsent, queued);
    CHECK(info.retransmit_at > mnet_now() && info.retransmit_at != MNET_NEVER);
    sleep_ms(100);
    mnet_tcp_info(pair.client, &info);
    CHECK_EQUAL(info.bytes_acked, queued - info.unacked - info.unsent);
    mnet_tcp_info(pair.server, &info);
    CHECK_EQUAL(info.bytes_received, info.unread);
    CHECK(info.unread > 0);
    world_close(&pair);
    return 0;
}

static void info_shows_what_a_connection_does(void **state)
{
    (void)state;
    world_run(looking, NULL);
}

struct census {
    unsigned established, time_wait, others, stop_after;
};

static bool count_one(void *context, const struct mnet_tcp_info *info)
{
    struct census *census = context;
    if (strcmp(info->state, "ESTABLISHED") == 0)
        census->established++;
    else if (strcmp(info->state, "TIME-WAIT") == 0)
        census->time_wait++;
    else
        census->others++;
    return census->stop_after == 0 || --census->stop_after > 0;
}

static int counting(struct world *w)
{
    struct pair pairs[3];
    CHECK_EQUAL(world_connect(w, &pairs[0]), 0);
    for (int i = 1; i < 3; i++) {
        pairs[i].listener = pairs[0].listener;
        CHECK_EQUAL(world_connect_to(w, &pairs[i]), 0);
        pairs[i].listener = NULL;
    }
    struct census census = {0};
    mnet_tcp_each(w->client, count_one, &census);
    CHECK(census.established == 3 && census.time_wait == 0 && census.others == 0);
    mnet_tcp_close(pairs[2].client);
    mnet_tcp_close(pairs[2].server);
    sleep_ms(100);
    census = (struct census){0};
    mnet_tcp_each(w->client, count_one, &census);
    CHECK(census.established == 2 && census.time_wait + census.others == 1);
    census = (struct census){.stop_after = 1};
    mnet_tcp_each(w->client, count_one, &census);
    CHECK_EQUAL(census.established + census.time_wait + census.others, 1);
    world_close(&pairs[1]);
    world_close(&pairs[0]);
    return 0;
}

static void each_visits_every_connection_until_told_to_stop(void **state)
{
    (void)state;
    world_run(counting, NULL);
}

struct journal {
    char text[512];
    uint64_t last;
    bool backwards;
};

static void note_event(void *context, uint64_t now, enum mnet_tcp_event event, const struct mnet_tcp_info *info)
{
    struct journal *journal = context;
    size_t len = strlen(journal->text);
    snprintf(journal->text + len, sizeof journal->text - len, "%s%s%s ", mnet_tcp_event_name(event),
             event == MNET_TCP_EVENT_STATE ? ":" : "", event == MNET_TCP_EVENT_STATE ? info->state : "");
    journal->backwards |= now < journal->last;
    journal->last = now;
}

static struct journal journal;

static int tracing(struct world *w)
{
    struct pair pair;
    journal = (struct journal){.last = mnet_now()}; /* the world has opened a connection before */
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_sim_shape(w->server_host, MNET_SIM_RECEIVING, &(struct mnet_sim_path){.down = true});
    CHECK_EQUAL(write_text(pair.client, "lost"), 0);
    while (strstr(journal.text, "timeout") == NULL)
        sleep_ms(10);
    mnet_sim_shape(w->server_host, MNET_SIM_RECEIVING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    CHECK_EQUAL(mnet_tcp_close_wait(pair.client, MNET_NEVER), 0);
    pair.client = NULL;
    static const char opening[] = "state:SYN-SENT state:ESTABLISHED ";
    CHECK(strncmp(journal.text, opening, strlen(opening)) == 0);
    CHECK(strstr(journal.text, "timeout ") < strstr(journal.text, "state:FIN-WAIT-1 "));
    CHECK(strstr(journal.text, "state:FIN-WAIT-2 ") != NULL);
    CHECK(!journal.backwards);
    world_close(&pair);
    return 0;
}

static void trace_tells_of_states_and_timeouts(void **state)
{
    (void)state;
    const struct world_options options = {.client = {.tcp.trace = {.event = note_event, .context = &journal}}};
    world_run(tracing, &options);
}

/* ---- each segment ---- */

struct segment_log {
    unsigned sent, received;
    uint32_t text_sent, text_received, acked_to; /* bytes; the last ACK */
    bool wrong;                                  /* a state does not fit its segment */
    char last_state[16];
    uint64_t last;
};

static struct segment_log segment_log;

static void note_segment(void *context, uint64_t now, const struct mnet_tcp_segment *segment,
                         const struct mnet_tcp_info *info)
{
    struct segment_log *log = context;
    (segment->sent ? log->sent++ : log->received++);
    *(segment->sent ? &log->text_sent : &log->text_received) += segment->len;
    /* The state is that after the segment: its bytes count already. */
    if (segment->sent && segment->len > 0 && info->unacked < segment->len)
        log->wrong = true;
    if (!segment->sent && info->bytes_received < log->text_received)
        log->wrong = true;
    log->wrong |= now < log->last;
    log->last = now;
    snprintf(log->last_state, sizeof log->last_state, "%s", info->state);
}

static int tracing_segments(struct world *w)
{
    struct pair pair;
    static char text[1400];
    memset(text, 'x', sizeof text);
    segment_log = (struct segment_log){.wrong = false};
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(segment_log.sent, 2); /* SYN, ACK */
    CHECK_EQUAL(segment_log.received, 1);
    CHECK_EQUAL(mnet_tcp_write(pair.client, text, sizeof text, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.server, text, 1000, NULL, MNET_NEVER), 0);
    sleep_ms(500);
    CHECK_EQUAL(segment_log.text_sent, 1400);
    CHECK_EQUAL(segment_log.text_received, 1000);
    CHECK(!segment_log.wrong);
    mnet_tcp_abort(pair.server);
    pair.server = NULL;
    sleep_ms(500);
    CHECK(strcmp(segment_log.last_state, "CLOSED") == 0); /* by the reset */
    world_close(&pair);
    return 0;
}

static void trace_tells_of_each_segment(void **state)
{
    (void)state;
    const struct world_options options = {.client = {.tcp.trace = {.segment = note_segment, .context = &segment_log}}};
    world_run(tracing_segments, &options);
}

static void segment_is_written_as_words(void **state)
{
    char text[128] = "";
    (void)state;
    const struct mnet_tcp_segment segment = {
        .sent = true, .flags = 24, .window = 512, .seq = UINT32_MAX, .ack = 2, .len = 1460};
    size_t len = mnet_tcp_segment_format(&segment, text, sizeof text);
    assert_string_equal(text, "sent seq=4294967295 ack=2 len=1460 window=512 flags=24");
    assert_int_equal(len, strlen(text));
    assert_int_equal(mnet_tcp_segment_format(&segment, NULL, 0), len);
}

/* ---- what programs take from the platform ---- */

static int taking(struct world *w)
{
    struct mnet_env *env = mnet_sim_env(w->client_host);
    uint8_t a[40] = {0}, b[40] = {0};
    mnet_stack_random(w->client, a, sizeof a);
    mnet_stack_random(w->client, b, sizeof b);
    mnet_stack_random(w->client, NULL, 0);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK(mnet_alloc(env, 0) == NULL);
    CHECK(mnet_alloc(env, SIZE_MAX) == NULL);
    char *large = mnet_alloc(env, 1 << 20), *small = mnet_alloc(env, 1);
    CHECK(large != NULL && small != NULL && (uintptr_t)large % _Alignof(max_align_t) == 0);
    memset(large, 1, 1 << 20);
    *small = 2;
    CHECK(large[(1 << 20) - 1] == 1);
    mnet_free(env, small);
    mnet_free(env, large);
    mnet_free(env, NULL);
    return 0;
}

static void programs_get_memory_and_random_bytes(void **state)
{
    (void)state;
    world_run(taking, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_wait_returns_when_everything_is_acknowledged),
        cmocka_unit_test(close_wait_at_the_deadline_resets),
        cmocka_unit_test(close_wait_says_how_the_connection_ended),
        cmocka_unit_test(wait_returns_what_the_flow_is_ready_for),
        cmocka_unit_test(keepalive_finds_a_peer_that_is_gone),
        cmocka_unit_test(info_shows_what_a_connection_does),
        cmocka_unit_test(each_visits_every_connection_until_told_to_stop),
        cmocka_unit_test(trace_tells_of_states_and_timeouts),
        cmocka_unit_test(trace_tells_of_each_segment),
        cmocka_unit_test(segment_is_written_as_words),
        cmocka_unit_test(programs_get_memory_and_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
