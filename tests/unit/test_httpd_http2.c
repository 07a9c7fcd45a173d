/* httpd and clients of HTTP/2, honest ones and others, by frames made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "examples/httpd/http2.h"
#include "examples/httpd/http2_session.h"
#include "examples/httpd/request.h"
#include "support/httpd_site.h"

enum frame_type {
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8,
    CONTINUATION = 9,
    FRAME_TYPES,
};
#define END_STREAM 0x1u
#define ACK 0x1u
#define END_HEADERS 0x4u
#define REFUSED_STREAM 7u
#define CANCEL 8u
#define ENHANCE_YOUR_CALM 11u

/* Requests in HPACK: entries of the static table, and literals. */
#define GET_TEN "\x82\x86\x04\x08/ten.txt\x01\x04host"
#define GET_LARGE "\x82\x86\x04\x06/large\x01\x04host"

/* The client's side of a connection. */
struct peer {
    struct mnet_flow *flow;
    unsigned count[FRAME_TYPES];
    size_t data;        /* bytes of DATA */
    unsigned reset[16]; /* streams, by the error */
    int goaway;         /* the error, or -1 */
    bool closed;
    size_t len;
    uint8_t bytes[65536]; /* of a frame that is not complete yet */
};

static struct peer peer, other;

static struct mnet_stack *come_up(struct mnet_env *env)
{
    struct mnet_stack *stack;
    mnet_sleep(mnet_now() + MNET_MILLISECOND);
    site_check(mnet_stack_up(env, NULL, &stack) == 0);
    return stack;
}

static void send_bytes(struct peer *to, const void *bytes, size_t len)
{
    site_check(mnet_tcp_write(to->flow, bytes, len, NULL, mnet_now() + 30 * MNET_SECOND) == 0);
}

/* False: the server does not read any further, or has closed. */
static bool try_frame(struct peer *to, enum frame_type type, unsigned flags, uint32_t id, const void *payload,
                      size_t len)
{
    uint8_t frame[9 + 16384] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,
                                (uint8_t)type,        (uint8_t)flags,      (uint8_t)(id >> 24),
                                (uint8_t)(id >> 16),  (uint8_t)(id >> 8),  (uint8_t)id};
    memcpy(frame + 9, payload, len);
    return mnet_tcp_write(to->flow, frame, 9 + len, NULL, mnet_now() + MNET_SECOND) == 0;
}

static void send_frame(struct peer *to, enum frame_type type, unsigned flags, uint32_t id, const void *payload,
                       size_t len)
{
    site_check(try_frame(to, type, flags, id, payload, len));
}

static void request(struct peer *to, uint32_t id, const char *block)
{
    send_frame(to, HEADERS, END_HEADERS | END_STREAM, id, block, strlen(block));
}

static void send_number(struct peer *to, enum frame_type type, uint32_t id, uint32_t number)
{
    uint8_t payload[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    send_frame(to, type, 0, id, payload, 4);
}

/* The preface, and settings with a window for each stream. */
static void begin(struct peer *to, struct mnet_stack *stack, uint16_t window)
{
    memset(to, 0, sizeof *to);
    to->goaway = -1;
    to->flow = site_connect(stack);
    send_bytes(to, HTTP2_PREFACE, HTTP2_PREFACE_BYTES);
    send_frame(to, SETTINGS, 0, 0, (uint8_t[]){0, 4, 0, 0, (uint8_t)(window >> 8), (uint8_t)window}, 6);
}

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void note_frame(struct peer *from, const uint8_t *frame, size_t len)
{
    if (frame[3] < FRAME_TYPES)
        from->count[frame[3]]++;
    if (frame[3] == DATA)
        from->data += len;
    if (frame[3] == RST_STREAM)
        from->reset[number_at(frame + 9) & 15]++;
    if (frame[3] == GOAWAY)
        from->goaway = (int)number_at(frame + 13);
}

/* Reads frames until the deadline or the end. */
static void hear(struct peer *from, uint64_t deadline)
{
    while (!from->closed) {
        ptrdiff_t got = mnet_tcp_read(from->flow, from->bytes + from->len, sizeof from->bytes - from->len, deadline);
        if (got == MNET_E_DEADLINE)
            return;
        from->closed = got <= 0;
        from->len += got > 0 ? (size_t)got : 0;
        size_t at = 0;
        while (from->len - at >= 9) {
            size_t len = number_at(from->bytes + at) >> 8;
            if (from->len - at < 9 + len)
                break;
            note_frame(from, from->bytes + at, len);
            at += 9 + len;
        }
        from->len -= at;
        memmove(from->bytes, from->bytes + at, from->len);
    }
}

static void hear_for(struct peer *from, unsigned seconds)
{
    hear(from, mnet_now() + seconds * MNET_SECOND);
}

/* Another client is served as if nothing were. */
static void check_others_are_served(struct mnet_stack *stack)
{
    uint64_t asked = mnet_now();
    begin(&other, stack, 65535);
    request(&other, 1, GET_TEN);
    hear(&other, asked + MNET_SECOND / 10);
    site_check(other.count[HEADERS] == 1 && other.data == 10);
    mnet_tcp_abort(other.flow);
}

static int ask_for_several(struct mnet_env *env, void *argument)
{
    (void)argument;
    begin(&peer, come_up(env), 65535);
    request(&peer, 1, GET_LARGE);
    for (uint32_t id = 3; id <= 9; id += 2)
        request(&peer, id, GET_TEN);
    hear_for(&peer, 1);
    site_check(peer.count[HEADERS] == 5 && peer.goaway == -1);
    site_check(peer.data == 65535); /* all that the connection's window allows */
    send_number(&peer, WINDOW_UPDATE, 0, 1000000);
    hear_for(&peer, 1);
    site_check(peer.data == 65535 + 40); /* the window of the large one is used up */
    send_number(&peer, WINDOW_UPDATE, 1, 1000);
    hear_for(&peer, 1);
    site_check(peer.data == 65535 + 40 + 1000);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void requests_are_answered_several_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(site_visit(ask_for_several, NULL, ""), 0);
}

static int send_preface_in_pieces(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    memset(&peer, 0, sizeof peer);
    peer.flow = site_connect(stack);
    for (unsigned i = 0; i < HTTP2_PREFACE_BYTES; i++) {
        send_bytes(&peer, &HTTP2_PREFACE[i], 1);
        mnet_sleep(mnet_now() + MNET_SECOND / 10);
    }
    send_frame(&peer, SETTINGS, 0, 0, "", 0);
    request(&peer, 1, GET_TEN);
    hear_for(&peer, 1);
    site_check(peer.count[HEADERS] == 1 && peer.data == 10);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void preface_may_come_in_pieces(void **state)
{
    (void)state;
    assert_int_equal(site_visit(send_preface_in_pieces, NULL, ""), 0);
}

static void beginning_of_a_preface_is_a_request(void **state)
{
    (void)state;
    site_expect_statuses(site_ask("PRI * HTTP/2.0\r\n\r\nSMS\r\n\r\n"), "505");
    site_expect_statuses(site_ask("PRI /ten.txt HTTP/1.1\r\n" HOST "\r\n"), "400");
    site_expect_statuses(site_ask("PUT /ten.txt HTTP/1.1\r\n" HOST "\r\n"), "405");
    site_expect_statuses(site_ask("PRI * HT"), "400");
}

static int open_too_many(struct mnet_env *env, void *argument)
{
    (void)argument;
    begin(&peer, come_up(env), 0);
    for (uint32_t i = 0; i < HTTP2_STREAMS_MAX + 8; i++)
        request(&peer, 2 * i + 1, GET_LARGE);
    hear_for(&peer, 1);
    site_check(peer.count[HEADERS] == HTTP2_STREAMS_MAX);
    site_check(peer.reset[REFUSED_STREAM] == 8);
    site_check(peer.goaway == -1);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void streams_beyond_the_limit_are_refused(void **state)
{
    (void)state;
    assert_int_equal(site_visit(open_too_many, NULL, ""), 0);
}

static int reset_rapidly(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    begin(&peer, stack, 0);
    unsigned sent = 0;
    for (uint32_t id = 1; id < 2000; id += 2, sent++) {
        if (!try_frame(&peer, HEADERS, END_HEADERS | END_STREAM, id, GET_LARGE, strlen(GET_LARGE)) ||
            !try_frame(&peer, RST_STREAM, 0, id, "\0\0\0\x8", 4))
            break;
        if (sent % 10 == 0)
            mnet_sleep(mnet_now() + MNET_MILLISECOND);
    }
    hear_for(&peer, 1);
    site_check(peer.goaway == ENHANCE_YOUR_CALM);
    site_check(peer.count[HEADERS] < HTTP2_CREDIT_MAX / HTTP2_CREDIT_OF_RESET + 20);
    check_others_are_served(stack);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void rapid_resets_end_the_connection(void **state)
{
    (void)state;
    assert_int_equal(site_visit(reset_rapidly, NULL, ""), 0);
}

/* Streams that are reset now and then are an ordinary client's. */
static int reset_seldom(struct mnet_env *env, void *argument)
{
    (void)argument;
    begin(&peer, come_up(env), 0);
    for (uint32_t id = 1; id < 1000; id += 2) {
        request(&peer, id, GET_LARGE);
        send_number(&peer, RST_STREAM, id, CANCEL);
        hear(&peer, mnet_now() + MNET_SECOND / 5);
    }
    site_check(peer.goaway == -1 && !peer.closed);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void resets_now_and_then_are_fine(void **state)
{
    (void)state;
    assert_int_equal(site_visit(reset_seldom, NULL, ""), 0);
}

static int keep_windows_shut(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    begin(&peer, stack, 0);
    uint64_t begun = mnet_now();
    for (uint32_t id = 1; id < 9; id += 2)
        request(&peer, id, GET_LARGE);
    hear_for(&peer, 50);
    site_check(peer.reset[CANCEL] == 0);
    check_others_are_served(stack);
    hear_for(&peer, 16);
    site_check(peer.reset[CANCEL] == 4);
    hear_for(&peer, 60);
    site_check(peer.closed && peer.goaway == 0);
    site_check(mnet_now() < begun + 70 * MNET_SECOND);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void answers_without_a_window_are_given_up(void **state)
{
    (void)state;
    assert_int_equal(site_visit(keep_windows_shut, NULL, ""), 0);
}

static int open_byte_by_byte(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    begin(&peer, stack, 0);
    request(&peer, 1, GET_LARGE);
    for (unsigned i = 0; i < 3000 && peer.goaway < 0; i++) {
        if (!try_frame(&peer, WINDOW_UPDATE, 0, 1, "\0\0\0\1", 4))
            break;
        hear(&peer, mnet_now() + MNET_MILLISECOND);
    }
    hear_for(&peer, 1);
    site_check(peer.goaway == ENHANCE_YOUR_CALM);
    site_check_range(peer.data, 500, 1500);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void windows_of_a_byte_end_the_connection(void **state)
{
    (void)state;
    assert_int_equal(site_visit(open_byte_by_byte, NULL, ""), 0);
}

/* 50 MB, as a client with usual windows takes them: none of its updates is held against it. */
static int take_all(struct mnet_env *env, void *argument)
{
    (void)argument;
    begin(&peer, come_up(env), 65535);
    request(&peer, 1, GET_LARGE);
    for (size_t seen = 0; peer.data < SITE_LARGE && !peer.closed;) {
        hear(&peer, mnet_now() + 3 * MNET_MILLISECOND);
        site_check(peer.goaway == -1);
        if (peer.data - seen >= 16384) {
            send_number(&peer, WINDOW_UPDATE, 0, (uint32_t)(peer.data - seen));
            send_number(&peer, WINDOW_UPDATE, 1, (uint32_t)(peer.data - seen));
            seen = peer.data;
        }
    }
    site_check(peer.data == SITE_LARGE);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void large_file_arrives(void **state)
{
    (void)state;
    assert_int_equal(site_visit(take_all, NULL, ""), 0);
}

static int fill_heads(struct mnet_env *env, void *argument)
{
    static uint8_t block[16384];
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    begin(&peer, stack, 65535);
    /* More than is taken, but not too much to be told so: 5 fields of 3.5 KB. */
    static char large[16384] = GET_TEN;
    size_t len = strlen(GET_TEN);
    for (int i = 0; i < 4; i++) {
        memcpy(large + len, "\x00\x01x\x7f\xad\x1a", 6); /* a value of 3500 bytes */
        memset(large + len + 6, 'y', 3500);
        large[len + 6 - 1] = 0x1a;
        len += 6 + 3500;
    }
    send_frame(&peer, HEADERS, END_STREAM, 1, large, len);
    memcpy(block, large + strlen(GET_TEN), 3506);
    send_frame(&peer, CONTINUATION, END_HEADERS, 1, block, 3506);
    hear_for(&peer, 1);
    site_check(peer.count[HEADERS] == 1 && peer.data == strlen("Request Header Fields Too Large\n"));
    site_check(peer.goaway == -1);
    /* A bomb: an entry of 3.5 KB in the table, and 8000 references to it in one frame. */
    memcpy(block, GET_TEN, strlen(GET_TEN));
    memcpy(block + strlen(GET_TEN), large + strlen(GET_TEN), 3506);
    block[strlen(GET_TEN)] = 0x40;
    memset(block + strlen(GET_TEN) + 3506, 0xbe, 8000);
    try_frame(&peer, HEADERS, END_HEADERS | END_STREAM, 3, block, strlen(GET_TEN) + 3506 + 8000);
    hear_for(&peer, 1);
    site_check(peer.goaway == ENHANCE_YOUR_CALM && peer.closed);
    check_others_are_served(stack);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void heads_too_large_are_told_and_bombs_end_the_connection(void **state)
{
    (void)state;
    assert_int_equal(site_visit(fill_heads, NULL, ""), 0);
}

static int continue_for_ever(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    begin(&peer, stack, 65535);
    send_frame(&peer, HEADERS, END_STREAM, 1, GET_TEN, strlen(GET_TEN));
    for (unsigned i = 0; i < 3000 && try_frame(&peer, CONTINUATION, 0, 1, "", 0); i++) {
    }
    hear_for(&peer, 5);
    site_check(peer.closed && peer.count[HEADERS] == 0);
    check_others_are_served(stack);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void heads_without_an_end_end_the_connection(void **state)
{
    (void)state;
    assert_int_equal(site_visit(continue_for_ever, NULL, ""), 0);
}

static int stop_in_a_head(struct mnet_env *env, void *argument)
{
    (void)argument;
    begin(&peer, come_up(env), 65535);
    mnet_sleep(mnet_now() + 5 * MNET_SECOND);
    uint64_t begun = mnet_now();
    send_frame(&peer, HEADERS, END_STREAM, 1, GET_TEN, strlen(GET_TEN));
    hear_for(&peer, 60);
    site_check(peer.goaway == ENHANCE_YOUR_CALM && peer.closed);
    site_check_range((mnet_now() - begun) / MNET_SECOND, 14, 18);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void head_that_stops_ends_the_connection(void **state)
{
    (void)state;
    assert_int_equal(site_visit(stop_in_a_head, NULL, ""), 0);
}

static int ping(struct mnet_env *env, void *argument)
{
    const uint64_t *pause = argument;
    begin(&peer, come_up(env), 65535);
    uint64_t begun = mnet_now();
    for (unsigned i = 0; i < 3000 && !peer.closed && try_frame(&peer, PING, 0, 0, "12345678", 8); i++)
        hear(&peer, mnet_now() + *pause);
    hear_for(&peer, 5);
    site_check(peer.closed);
    site_check(mnet_now() - begun < 70 * MNET_SECOND);
    site_check(peer.goaway == (*pause == MNET_MILLISECOND ? (int)ENHANCE_YOUR_CALM : 0));
    site_check(*pause == MNET_MILLISECOND ? peer.count[PING] > 900 : peer.count[PING] >= 28);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void pings_are_answered_but_are_no_progress(void **state)
{
    uint64_t seldom = MNET_SECOND, often = MNET_MILLISECOND;
    (void)state;
    assert_int_equal(site_visit(ping, &seldom, ""), 0);
    assert_int_equal(site_visit(ping, &often, ""), 0);
}

static int stop_in_a_body(struct mnet_env *env, void *argument)
{
    (void)argument;
    begin(&peer, come_up(env), 65535);
    send_frame(&peer, HEADERS, END_HEADERS, 1, GET_TEN, strlen(GET_TEN));
    hear_for(&peer, 28);
    site_check(peer.data == 10 && peer.count[RST_STREAM] == 0); /* the body may come */
    hear_for(&peer, 6);
    site_check(peer.reset[0] == 1);
    hear_for(&peer, 60);
    site_check(peer.closed && peer.goaway == 0);
    mnet_tcp_close(peer.flow);
    return 0;
}

static void body_that_stops_is_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(site_visit(stop_in_a_body, NULL, ""), 0);
}

static int leave_in_the_middle(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    for (int i = 0; i < 100; i++) {
        begin(&peer, stack, 65535);
        request(&peer, 1, GET_LARGE);
        hear(&peer, mnet_now() + 5 * MNET_MILLISECOND);
        mnet_tcp_abort(peer.flow);
    }
    begin(&peer, stack, 65535);
    request(&peer, 1, GET_TEN);
    mnet_tcp_shutdown(peer.flow, MNET_SHUTDOWN_WRITE); /* and is still answered */
    hear_for(&peer, 5);
    site_check(peer.closed && peer.data == 10);
    mnet_tcp_close(peer.flow);
    check_others_are_served(stack);
    return 0;
}

static void clients_may_leave_at_any_time(void **state)
{
    (void)state;
    assert_int_equal(site_visit(leave_in_the_middle, NULL, ""), 0);
}

static int speak_nonsense(struct mnet_env *env, void *argument)
{
    static const uint8_t nonsense[64] = {0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6};
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    begin(&peer, stack, 65535);
    send_bytes(&peer, nonsense, sizeof nonsense);
    hear_for(&peer, 5);
    site_check(peer.closed && peer.goaway > 0);
    mnet_tcp_close(peer.flow);
    check_others_are_served(stack);
    return 0;
}

static void nonsense_ends_the_connection(void **state)
{
    (void)state;
    assert_int_equal(site_visit(speak_nonsense, NULL, ""), 0);
}

/* What nghttp2 has checked already is not checked here. */
static int judge(const char *const *fields, bool secure)
{
    static struct request request;
    request_init(&request);
    for (; *fields != NULL; fields += 2)
        request_take_field(&request, fields[0], strlen(fields[0]), fields[1], strlen(fields[1]));
    request_judge_fields(&request, secure);
    return request.status;
}

#define ORDINARY ":method", "GET", ":path", "/", ":scheme", "https"

static void fields_are_judged_as_those_of_http_1_1(void **state)
{
    static const char *const plain[] = {ORDINARY, ":authority", "host", NULL};
    static const char *const by_host[] = {ORDINARY, "host", "host:443", NULL};
    static const char *const both[] = {ORDINARY, ":authority", "host", "host", "host", NULL};
    static const char *const differing[] = {ORDINARY, ":authority", "host", "host", "other", NULL};
    static const char *const invalid[] = {ORDINARY, ":authority", "a/b", NULL};
    static const char *const expecting[] = {ORDINARY, ":authority", "host", "expect", "100-continue", NULL};
    static const char *const demanding[] = {ORDINARY, ":authority", "host", "expect", "more", NULL};
    (void)state;
    assert_int_equal(judge(plain, true), 200);
    assert_int_equal(judge(plain, false), 421);
    assert_int_equal(judge(by_host, true), 200);
    assert_int_equal(judge(both, true), 200);
    assert_int_equal(judge(differing, true), 400);
    assert_int_equal(judge(invalid, true), 400);
    assert_int_equal(judge(expecting, true), 200);
    assert_int_equal(judge(demanding, true), 417);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_several_at_a_time),
        cmocka_unit_test(preface_may_come_in_pieces),
        cmocka_unit_test(beginning_of_a_preface_is_a_request),
        cmocka_unit_test(streams_beyond_the_limit_are_refused),
        cmocka_unit_test(rapid_resets_end_the_connection),
        cmocka_unit_test(resets_now_and_then_are_fine),
        cmocka_unit_test(answers_without_a_window_are_given_up),
        cmocka_unit_test(windows_of_a_byte_end_the_connection),
        cmocka_unit_test(large_file_arrives),
        cmocka_unit_test(heads_too_large_are_told_and_bombs_end_the_connection),
        cmocka_unit_test(heads_without_an_end_end_the_connection),
        cmocka_unit_test(head_that_stops_ends_the_connection),
        cmocka_unit_test(pings_are_answered_but_are_no_progress),
        cmocka_unit_test(body_that_stops_is_not_waited_for),
        cmocka_unit_test(clients_may_leave_at_any_time),
        cmocka_unit_test(nonsense_ends_the_connection),
        cmocka_unit_test(fields_are_judged_as_those_of_http_1_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
