/* httpd and its clients over time: which clients it waits for, and which go if there is no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/httpd_site.h"

#define GET "GET /ten.txt HTTP/1.1\r\n" HOST "\r\n"

static char answer[8192];

/* Creates a client's stack, after the server listens. */
static struct mnet_stack *come_up(struct mnet_env *env)
{
    struct mnet_stack *stack;
    mnet_sleep(mnet_now() + MNET_MILLISECOND);
    site_check(mnet_stack_up(env, NULL, &stack) == 0);
    return stack;
}

static void pause_for(uint64_t seconds)
{
    mnet_sleep(mnet_now() + seconds * MNET_SECOND);
}

/* Reads into `answer` for a second. */
static void hear(struct mnet_flow *flow)
{
    site_hear(flow, answer, sizeof answer, mnet_now() + MNET_SECOND);
}

/* ---- Requests ---- */

static int pipeline_in_pieces(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_flow *flow = site_connect(come_up(env));
    site_check(site_say(flow, "GET /ten.txt HTTP/1.1\r\n") == 0);
    /* Each piece is the end of one request and the beginning of the next. */
    for (int i = 0; i < 60; i++) {
        pause_for(1);
        site_check(site_say(flow, HOST "\r\nGET /ten.txt HTTP/1.1\r\n") == 0);
        hear(flow);
        site_expect_statuses(answer, "200");
    }
    mnet_tcp_close(flow);
    return 0;
}

static void pipelined_requests_in_pieces_are_in_time(void **state)
{
    (void)state;
    assert_int_equal(site_visit(pipeline_in_pieces, NULL, ""), 0);
}

/* Sends `text` a byte each second, until the server has closed or all is sent. Returns the
 * seconds. */
static unsigned trickle(struct mnet_flow *flow, const char *text)
{
    unsigned seconds = 0;
    for (; *text != '\0' && mnet_tcp_write(flow, text, 1, NULL, mnet_now() + MNET_SECOND) == 0; text++, seconds++) {
        if (mnet_tcp_wait(flow, MNET_READABLE, mnet_now() + MNET_SECOND) >= 0)
            break;
    }
    return seconds;
}

static int trickle_head(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_flow *flow = site_connect(come_up(env));
    site_check_range(trickle(flow, "GET /ten.txt HTTP/1.1\r\n" HOST "X: yyyyyyyyyyyyyy\r\n\r\n"), 14, 16);
    hear(flow);
    site_expect_statuses(answer, "408");
    site_expect_line(answer, "\r\nConnection: close\r\n");
    mnet_tcp_close(flow);
    return 0;
}

static void head_that_trickles_is_told_408(void **state)
{
    (void)state;
    assert_int_equal(site_visit(trickle_head, NULL, ""), 0);
}

static int trickle_empty_lines(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_flow *flow = site_connect(come_up(env));
    site_check_range(trickle(flow, "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"),
                     29, 31);
    hear(flow);
    site_check(strcmp(answer, "") == 0); /* idle all the time */
    mnet_tcp_close(flow);
    return 0;
}

static void empty_lines_are_no_life(void **state)
{
    (void)state;
    assert_int_equal(site_visit(trickle_empty_lines, NULL, ""), 0);
}

static int send_body_slowly(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_flow *flow = site_connect(come_up(env));
    site_check(site_say(flow, "POST / HTTP/1.1\r\n" HOST "Content-Length: 20000\r\n\r\n") == 0);
    char piece[201];
    memset(piece, 'x', 200);
    piece[200] = '\0';
    for (int i = 0; i < 100; i++) { /* 200 bytes a second for 100 seconds */
        pause_for(1);
        site_check(site_say(flow, piece) == 0);
    }
    hear(flow);
    site_expect_statuses(answer, "405");
    mnet_tcp_close(flow);
    return 0;
}

static void body_that_comes_slowly_is_taken(void **state)
{
    (void)state;
    assert_int_equal(site_visit(send_body_slowly, NULL, ""), 0);
}

static int stop_in_the_body(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_flow *flow = site_connect(come_up(env));
    site_check(site_say(flow, "POST / HTTP/1.1\r\n" HOST "Content-Length: 20000\r\n\r\nx") == 0);
    uint64_t begun = mnet_now();
    site_check(site_hear(flow, answer, sizeof answer, mnet_now() + 60 * MNET_SECOND) == 0);
    site_check_range(mnet_now() - begun, 29 * MNET_SECOND, 34 * MNET_SECOND);
    site_expect_statuses(answer, "408");
    mnet_tcp_close(flow);
    return 0;
}

static void body_that_stops_is_told_408(void **state)
{
    (void)state;
    assert_int_equal(site_visit(stop_in_the_body, NULL, ""), 0);
}

static int stay_silent(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_flow *flow = site_connect(come_up(env));
    for (int i = 0; i < 5; i++) { /* each request begins 25 s after the one before */
        site_check(site_say(flow, GET) == 0);
        hear(flow);
        site_expect_statuses(answer, "200");
        pause_for(24);
    }
    uint64_t begun = mnet_now();
    site_check(site_hear(flow, answer, sizeof answer, mnet_now() + 60 * MNET_SECOND) == 0);
    site_check(strcmp(answer, "") == 0);
    site_check_range(mnet_now() - begun, 4 * MNET_SECOND, 10 * MNET_SECOND);
    mnet_tcp_close(flow);
    return 0;
}

static void idle_connection_is_closed_after_30_s(void **state)
{
    (void)state;
    assert_int_equal(site_visit(stay_silent, NULL, ""), 0);
}

/* ---- Slow readers ---- */

struct client_reading {
    const char *request;
    size_t piece;         /* bytes of a read */
    uint64_t interval_ns; /* time from one read to the next */
    size_t total;         /* ends after this many bytes */
    const char *then;     /* sent then */
};

/* Reads everything, in small pieces. */
static int read_slowly(struct mnet_env *env, void *argument)
{
    const struct client_reading *reading = argument;
    struct mnet_stack *stack;
    mnet_sleep(mnet_now() + MNET_MILLISECOND);
    /* Little data lies unread on the client's side: the server's answer is on its way as long as it
     * is read. */
    site_check(mnet_stack_up(env, &(struct mnet_config){.tcp.receive_buffer = 4096}, &stack) == 0);
    struct mnet_flow *flow = site_connect(stack);
    site_check(site_say(flow, reading->request) == 0);
    size_t total = 0;
    static char piece[65536];
    while (total < reading->total) {
        mnet_sleep(mnet_now() + reading->interval_ns);
        ptrdiff_t len = mnet_tcp_read(flow, piece, reading->piece, mnet_now() + 60 * MNET_SECOND);
        site_check(len > 0);
        total += (size_t)len;
    }
    if (reading->then != NULL) {
        while (mnet_tcp_read(flow, piece, sizeof piece, mnet_now() + MNET_SECOND) > 0) {
        }
        site_check(site_say(flow, reading->then) == 0);
        hear(flow);
        site_expect_statuses(answer, "200");
    }
    mnet_tcp_close(flow);
    return 0;
}

static void slow_reader_is_never_cut(void **state)
{
    (void)state;
    /* 100 bytes a second: the 16 KiB that the server writes at a time take longer than its limit
     * for a client without progress. */
    struct client_reading reading = {"GET /large HTTP/1.1\r\n" HOST "\r\n", 1000, 10 * MNET_SECOND, 400000, NULL};
    assert_int_equal(site_visit(read_slowly, &reading, ""), 0);
}

static void slow_reader_of_what_is_queued_may_ask_again(void **state)
{
    (void)state;
    /* All of it is queued at once, and takes 200 s. Then the connection is as good as before. */
    struct client_reading reading = {"GET /large HTTP/1.1\r\n" HOST "Range: bytes=0-199999\r\n\r\n", 1000, MNET_SECOND,
                                     190000, GET};
    assert_int_equal(site_visit(read_slowly, &reading, ""), 0);
}

static void slow_reader_of_the_last_answer_gets_all(void **state)
{
    (void)state;
    struct client_reading reading = {"GET /large HTTP/1.1\r\n" HOST
                                     "Connection: close\r\nRange: bytes=0-199999\r\n\r\n",
                                     1000, MNET_SECOND, 200000, NULL};
    assert_int_equal(site_visit(read_slowly, &reading, ""), 0);
}

static int read_nothing(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_flow *flow = site_connect(come_up(env));
    site_check(site_say(flow, "GET /large HTTP/1.1\r\n" HOST "\r\n") == 0);
    pause_for(200);
    static char piece[1 << 20];
    ptrdiff_t len = 1;
    while (len > 0)
        len = mnet_tcp_read(flow, piece, sizeof piece, mnet_now() + 100 * MNET_SECOND);
    site_check(len == 0 || len == MNET_E_RESET ||
               len == MNET_E_CLOSED_BY_PEER); /* given up long ago: the answer is incomplete */
    mnet_tcp_close(flow);
    return 0;
}

static void reader_that_stops_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(site_visit(read_nothing, NULL, ""), 0);
}

/* ---- No room ---- */

#define CROWD 300

/* Reads until `end` arrives, for at most 10 s. */
static bool hear_all(struct mnet_flow *flow, const char *end)
{
    char text[4096] = "";
    size_t len = 0;
    ptrdiff_t got = 1;
    uint64_t deadline = mnet_now() + 10 * MNET_SECOND;
    while (got > 0 && strstr(text, end) == NULL && len < sizeof text - 1) {
        got = mnet_tcp_read(flow, text + len, sizeof text - 1 - len, deadline);
        len += got > 0 ? (size_t)got : 0;
        text[len] = '\0';
    }
    return strstr(text, end) != NULL;
}

/* Clients that send nothing, or half a head, or read nothing fill a server that has room for fewer.
 * A reader and a client that asks again and again are served all the time. */
struct crowd {
    const char *says;
    unsigned served, pieces, wanted;
    struct mnet_stack *stack;
};

static int good_client(void *argument)
{
    struct crowd *crowd = argument;
    struct mnet_flow *flow = site_connect(crowd->stack);
    for (unsigned i = 0; i < crowd->wanted; i++) {
        site_check(site_say(flow, GET) == 0);
        site_check(hear_all(flow, "0123456789"));
        crowd->served++;
        pause_for(1);
    }
    mnet_tcp_close(flow);
    return 0;
}

/* Reads an answer a little at a time while the others connect. */
static int patient_reader(void *argument)
{
    struct crowd *crowd = argument;
    struct mnet_flow *flow = site_connect(crowd->stack);
    char piece[1000];
    site_check(site_say(flow, "GET /large HTTP/1.1\r\n" HOST "\r\n") == 0);
    for (unsigned i = 0; i < 2 * crowd->wanted; i++) {
        pause_for(1);
        site_check(mnet_tcp_read(flow, piece, sizeof piece, mnet_now() + 10 * MNET_SECOND) > 0);
        crowd->pieces++;
    }
    mnet_tcp_abort(flow);
    return 0;
}

static int crowd_in(struct mnet_env *env, void *argument)
{
    struct crowd *crowd = argument;
    static struct mnet_flow *flows[CROWD];
    mnet_sleep(mnet_now() + MNET_MILLISECOND);
    site_check(mnet_stack_up(env, &(struct mnet_config){.tcp.receive_buffer = 2048}, &crowd->stack) == 0);
    struct mnet_task *good, *patient;
    site_check(mnet_spawn(&good, good_client, crowd) == 0);
    site_check(mnet_spawn(&patient, patient_reader, crowd) == 0);
    for (unsigned i = 0; i < CROWD; i++) {
        flows[i] = NULL;
        mnet_tcp_connect(crowd->stack, mnet_ipv4(10, 0, 0, 2), 80, &flows[i], mnet_now() + MNET_SECOND / 4);
        if (flows[i] != NULL)
            site_say(flows[i], crowd->says);
        mnet_sleep(mnet_now() + 25 * MNET_MILLISECOND);
    }
    /* A client that connects now is served, too, long before any of the others is given up for its
     * own sake. */
    struct mnet_flow *late;
    site_check(mnet_tcp_connect(crowd->stack, mnet_ipv4(10, 0, 0, 2), 80, &late, mnet_now() + 5 * MNET_SECOND) == 0);
    site_check(site_say(late, GET) == 0);
    site_check(hear_all(late, "0123456789"));
    mnet_tcp_close(late);
    mnet_join(good, NULL, MNET_NEVER);
    mnet_join(patient, NULL, MNET_NEVER);
    for (unsigned i = 0; i < CROWD; i++)
        mnet_tcp_abort(flows[i]);
    return 0;
}

static void expect_room_beside(const char *says, const char *memory)
{
    struct crowd crowd = {.says = says, .wanted = 30};
    assert_int_equal(site_visit(crowd_in, &crowd, memory), 0);
    assert_int_equal(crowd.served, crowd.wanted);
    assert_int_equal(crowd.pieces, 2 * crowd.wanted);
}

static void idle_clients_go_before_good_ones(void **state)
{
    (void)state;
    expect_room_beside("", "--memory=1M");
}

static void half_requests_go_before_good_ones(void **state)
{
    (void)state;
    expect_room_beside("GET /ten.txt HTTP/1.1\r\nX: ", "--memory=1M");
}

static void readers_that_stop_go_before_good_ones(void **state)
{
    (void)state;
    /* Each has 64 KiB queued. */
    expect_room_beside("GET /large HTTP/1.1\r\n" HOST "\r\n", "--memory=16M");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_requests_in_pieces_are_in_time),
        cmocka_unit_test(head_that_trickles_is_told_408),
        cmocka_unit_test(empty_lines_are_no_life),
        cmocka_unit_test(body_that_comes_slowly_is_taken),
        cmocka_unit_test(body_that_stops_is_told_408),
        cmocka_unit_test(idle_connection_is_closed_after_30_s),
        cmocka_unit_test(slow_reader_is_never_cut),
        cmocka_unit_test(slow_reader_of_what_is_queued_may_ask_again),
        cmocka_unit_test(slow_reader_of_the_last_answer_gets_all),
        cmocka_unit_test(reader_that_stops_is_given_up),
        cmocka_unit_test(idle_clients_go_before_good_ones),
        cmocka_unit_test(half_requests_go_before_good_ones),
        cmocka_unit_test(readers_that_stop_go_before_good_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
