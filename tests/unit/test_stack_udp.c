/* The blocking calls of mnet/udp.h, between two simulated hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/world.h"

/* A server at 10.0.0.1:53 and a client connected to it. */
struct ends {
    struct mnet_udp *server, *client;
};

static int open_ends(struct world *w, struct ends *ends)
{
    struct mnet_udp_options server = {.local.port = 53}, client = {.remote = {WORLD_SERVER, 53}};
    CHECK_EQUAL(mnet_udp_open(w->server, &server, &ends->server), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &client, &ends->client), 0);
    return 0;
}

static void close_ends(struct ends *ends)
{
    mnet_udp_close(ends->server);
    mnet_udp_close(ends->client);
}

static int question_and_answer(struct world *w)
{
    struct ends ends;
    struct mnet_endpoint from;
    char buffer[16];
    CHECK_EQUAL(open_ends(w, &ends), 0);
    CHECK_EQUAL(mnet_udp_local(ends.server).port, 53);
    CHECK(mnet_udp_local(ends.client).port >= 32768);
    CHECK_EQUAL(mnet_udp_receive(ends.server, buffer, 16, NULL, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, "question", 8, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(ends.server, buffer, 16, &from, MNET_NEVER), 8);
    CHECK(memcmp(buffer, "question", 8) == 0);
    CHECK(mnet_address_equal(from.address, WORLD_CLIENT));
    CHECK_EQUAL(from.port, mnet_udp_local(ends.client).port);
    CHECK_EQUAL(mnet_udp_send(ends.server, &from, NULL, 0, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(ends.client, buffer, 16, NULL, MNET_NEVER), 0);
    uint64_t deadline = in_ms(5);
    CHECK_EQUAL(mnet_udp_receive(ends.client, buffer, 16, NULL, deadline), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_now(), deadline);
    close_ends(&ends);
    return 0;
}

static void udp_question_and_answer(void **state)
{
    (void)state;
    world_run(question_and_answer, NULL);
}

static int large(struct world *w)
{
    static const size_t sizes[] = {1472, 1473, 20000, 65507};
    static uint8_t data[65508], back[65508];
    struct ends ends;
    CHECK_EQUAL(open_ends(w, &ends), 0);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    for (size_t i = 0; i < MN_COUNT_OF(sizes); i++) {
        CHECK_EQUAL(mnet_udp_send(ends.client, NULL, data, sizes[i], MNET_NEVER), 0);
        CHECK_EQUAL(mnet_udp_receive(ends.server, back, sizeof back, NULL, in_ms(100)), sizes[i]);
        CHECK(memcmp(back, data, sizes[i]) == 0);
    }
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, data, 65508, MNET_NEVER), MNET_E_TOO_BIG);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, data, 100, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(ends.server, back, 10, NULL, in_ms(100)), MNET_E_TOO_BIG);
    CHECK_EQUAL(mnet_udp_receive(ends.server, back, 10, NULL, in_ms(10)), MNET_E_DEADLINE);
    close_ends(&ends);
    return 0;
}

static void udp_large_datagrams_are_put_together(void **state)
{
    (void)state;
    world_run(large, NULL);
}

static int errors(struct world *w)
{
    struct ends ends;
    struct mnet_endpoint nowhere = {mnet_ipv4(192, 0, 2, 1), 53}, nobody = {mnet_ipv4(10, 0, 0, 99), 53};
    struct mnet_udp_options options = {.remote = nobody};
    char buffer[4];
    CHECK_EQUAL(open_ends(w, &ends), 0);
    mnet_udp_close(ends.server);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, "x", 1, MNET_NEVER), 0);
    /* Port unreachable. */
    CHECK_EQUAL(mnet_udp_receive(ends.client, buffer, 4, NULL, in_ms(100)), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_udp_receive(ends.client, buffer, 4, NULL, in_ms(100)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_udp_send(ends.client, &nowhere, "x", 1, MNET_NEVER), MNET_E_UNREACHABLE);
    mnet_udp_close(ends.client);
    CHECK_EQUAL(mnet_udp_open(w->client, &options, &ends.client), 0);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, "x", 1, MNET_NEVER), 0);
    /* No neighbour. */
    CHECK_EQUAL(mnet_udp_receive(ends.client, buffer, 4, NULL, in_ms(10000)), MNET_E_UNREACHABLE);
    mnet_udp_close(ends.client);
    return 0;
}

static void udp_connected_hears_of_errors_once(void **state)
{
    (void)state;
    world_run(errors, NULL);
}

/* All of it in one turn of the task: nothing else runs in between. */
static int own_full(struct world *w)
{
    struct mnet_udp_options options = {.remote = {mnet_ipv4(127, 0, 0, 1), 53}};
    static const uint8_t data[60000];
    const struct mnet_counters *counters = mnet_stack_counters(w->server);
    struct ends ends;
    char buffer[4];
    CHECK_EQUAL(open_ends(w, &ends), 0);
    mnet_udp_close(ends.client);
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &ends.client), 0);
    for (int i = 0; i < 1000; i++)
        CHECK_EQUAL(mnet_udp_send(ends.client, NULL, data, i % 2 == 0 ? 1 : sizeof data, 0), 0);
    CHECK(counters->value[MNET_COUNT_UDP_DROP_QUEUE] > 0);
    CHECK_EQUAL(counters->value[MNET_COUNT_IP_DROP_LOOPBACK], 0);
    CHECK_EQUAL(mnet_udp_receive(ends.server, buffer, 4, NULL, 0), 1);
    close_ends(&ends);
    return 0;
}

static void udp_own_endpoint_that_nobody_reads_loses_datagrams(void **state)
{
    (void)state;
    world_run(own_full, NULL);
}

/* Together they have room for more than wait at a time on the way. */
static int own_many(struct world *w)
{
    enum {
        ENDPOINTS = 40,
        EACH = MN_IP_LOOPBACK_MAX / ENDPOINTS + 2
    };
    static struct mnet_udp *own[ENDPOINTS];
    struct mnet_udp *sender;
    char buffer[4];
    CHECK_EQUAL(mnet_udp_open(w->server, NULL, &sender), 0);
    for (int i = 0; i < ENDPOINTS; i++)
        CHECK_EQUAL(mnet_udp_open(w->server, NULL, &own[i]), 0);
    for (int i = 0; i < ENDPOINTS * EACH; i++) {
        const struct mnet_endpoint to = {mnet_ipv4(127, 0, 0, 1), mnet_udp_local(own[i / EACH]).port};
        CHECK_EQUAL(mnet_udp_send(sender, &to, "x", 1, 0), 0);
    }
    mnet_yield();
    for (int i = 0; i < ENDPOINTS; i++) {
        for (int k = 0; k < EACH; k++)
            CHECK_EQUAL(mnet_udp_receive(own[i], buffer, 4, NULL, 0), 1);
        mnet_udp_close(own[i]);
    }
    mnet_udp_close(sender);
    return 0;
}

static void udp_own_endpoints_get_their_datagrams(void **state)
{
    (void)state;
    world_run(own_many, NULL);
}

static int in_order(struct world *w)
{
    struct ends ends;
    char buffers[3][4];
    struct call calls[3] = {0};
    CHECK_EQUAL(open_ends(w, &ends), 0);
    for (int i = 0; i < 3; i++) {
        calls[i].data = buffers[i];
        calls[i].len = sizeof buffers[i];
        CHECK_EQUAL(call_start(w, &calls[i], call_receive, ends.server), 0);
    }
    mnet_cancel(calls[1].task);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, "1", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, "22", 2, MNET_NEVER), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(call_join(&calls[i]), 0);
    CHECK_EQUAL(calls[0].result, 1);
    CHECK_EQUAL(calls[1].result, MNET_E_CANCELLED);
    CHECK_EQUAL(calls[2].result, 2);
    close_ends(&ends);
    return 0;
}

static void udp_receivers_are_served_in_order(void **state)
{
    (void)state;
    world_run(in_order, NULL);
}

static int closing(struct world *w)
{
    struct ends ends;
    struct call calls[2] = {0};
    CHECK_EQUAL(open_ends(w, &ends), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_start(w, &calls[i], call_receive, ends.server), 0);
    mnet_udp_close(ends.server);
    mnet_udp_close(NULL);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(call_join(&calls[i]), 0);
        CHECK_EQUAL(calls[i].result, MNET_E_CLOSED);
    }
    mnet_udp_close(ends.client);
    return 0;
}

static void udp_close_wakes_receivers(void **state)
{
    (void)state;
    world_run(closing, NULL);
}

struct sender {
    struct mnet_udp *udp;
    int result, sent;
};

static int send_many(void *argument)
{
    static const char data[1400];
    struct sender *sender = argument;
    while (sender->result == 0 && sender->sent < 400) {
        sender->result = mnet_udp_send(sender->udp, NULL, data, sizeof data, MNET_NEVER);
        sender->sent += sender->result == 0;
    }
    return 0;
}

/* A slow link that queues at most 256 KiB: the sender waits, and nothing is lost. */
static int waiting_sender(struct world *w)
{
    static char data[2000];
    struct ends ends;
    struct mnet_task *task;
    CHECK_EQUAL(open_ends(w, &ends), 0);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.bandwidth_bps = 10000000});
    struct sender sender = {.udp = ends.client};
    CHECK_EQUAL(mnet_spawn(&task, send_many, &sender), 0);
    mnet_yield();
    CHECK(sender.sent < 400);
    CHECK_EQUAL(mnet_udp_ready(ends.client), 0);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, data, 1, 0), MNET_E_DEADLINE);
    for (int i = 0; i < 400; i++)
        CHECK_EQUAL(mnet_udp_receive(ends.server, data, sizeof data, NULL, in_ms(1000)), 1400);
    CHECK_EQUAL(mnet_join(task, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(sender.result, 0);
    CHECK_EQUAL(sender.sent, 400);
    CHECK_EQUAL(mnet_udp_ready(ends.client), MNET_WRITABLE);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    close_ends(&ends);
    return 0;
}

static void udp_sender_waits_for_a_slow_device(void **state)
{
    (void)state;
    world_run(waiting_sender, NULL);
}

static int sender_closed(struct world *w)
{
    struct ends ends;
    struct mnet_task *task;
    CHECK_EQUAL(open_ends(w, &ends), 0);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.bandwidth_bps = 10000000});
    struct sender sender = {.udp = ends.client};
    CHECK_EQUAL(mnet_spawn(&task, send_many, &sender), 0);
    mnet_yield();
    mnet_udp_close(ends.client);
    CHECK_EQUAL(mnet_join(task, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(sender.result, MNET_E_CLOSED);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    mnet_udp_close(ends.server);
    return 0;
}

static void udp_close_wakes_senders(void **state)
{
    (void)state;
    world_run(sender_closed, NULL);
}

static void collect(void *context, unsigned ready)
{
    *(unsigned *)context |= ready;
}

static int notified(struct world *w)
{
    struct ends ends;
    unsigned ready = 0;
    CHECK_EQUAL(open_ends(w, &ends), 0);
    mnet_udp_notify(ends.server, collect, &ready);
    CHECK_EQUAL(mnet_udp_ready(ends.server), MNET_WRITABLE);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, "x", 1, MNET_NEVER), 0);
    sleep_ms(5);
    CHECK(ready & MNET_READABLE);
    CHECK(mnet_udp_ready(ends.server) & MNET_READABLE);
    close_ends(&ends);
    return 0;
}

static void udp_notify_says_what_has_become_ready(void **state)
{
    (void)state;
    world_run(notified, NULL);
}

static int invalid(struct world *w)
{
    struct mnet_udp *udp = (struct mnet_udp *)w;
    struct mnet_endpoint no_port = {WORLD_SERVER, 0}, no_address = {MNET_ADDRESS_ANY, 1};
    struct mnet_udp_options not_ours = {.local.address = WORLD_SERVER}, half = {.remote = no_port},
                            other_half = {.remote = no_address}, dscp = {.dscp = 64}, ours = {.local.port = 53},
                            group = {.remote = {mnet_ipv4(224, 0, 0, 1), 5}};
    char byte;
    CHECK_EQUAL(mnet_udp_open(NULL, NULL, &udp), MNET_E_INVALID);
    CHECK(udp == NULL);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, NULL), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_open(w->client, &not_ours, &udp), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_open(w->client, &half, &udp), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_open(w->client, &other_half, &udp), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_open(w->client, &group, &udp), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_open(w->client, &dscp, &udp), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_open(w->client, &ours, &udp), 0);
    CHECK_EQUAL(mnet_udp_receive(udp, NULL, 1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_send(udp, NULL, "x", 1, MNET_NEVER), MNET_E_INVALID); /* not connected */
    CHECK_EQUAL(mnet_udp_send(udp, &no_port, "x", 1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_send(udp, &no_address, "x", 1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_send(udp, &(struct mnet_endpoint){WORLD_SERVER, 1}, NULL, 1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_receive(udp, &byte, 1, NULL, 0), MNET_E_DEADLINE);
    struct mnet_udp *second;
    CHECK_EQUAL(mnet_udp_open(w->client, &ours, &second), MNET_E_IN_USE);
    CHECK(second == NULL);
    mnet_udp_close(udp);
    return 0;
}

static void udp_invalid_arguments_have_no_effect(void **state)
{
    (void)state;
    world_run(invalid, NULL);
}

/* ---- Messages ---- */

#define MESSAGES 8

struct loan {
    struct mnet_udp_message messages[MESSAGES];
    struct mnet_slice slices[MESSAGES];
};

static ptrdiff_t get(struct mnet_udp *udp, struct loan *loan, uint64_t deadline)
{
    return mnet_udp_get(udp, loan->messages, MESSAGES, loan->slices, MESSAGES, deadline);
}

/* Every message goes back where it came from, from the address that it came to. */
static int batches(struct world *w)
{
    static const char *const texts[] = {"one", "", "three"};
    struct ends ends;
    struct loan loan;
    struct mnet_slice slices[3];
    struct mnet_udp_message messages[3] = {0};
    int sent;
    CHECK_EQUAL(open_ends(w, &ends), 0);
    CHECK_EQUAL(get(ends.server, &loan, 0), MNET_E_DEADLINE);
    for (int i = 0; i < 3; i++) {
        slices[i] = (struct mnet_slice){texts[i], strlen(texts[i])};
        messages[i] = (struct mnet_udp_message){.slices = &slices[i], .slice_count = 1, .ttl = 9, .dscp = 5, .ecn = 1};
    }
    CHECK_EQUAL(mnet_udp_send_batch(ends.client, messages, 3, &sent, MNET_NEVER), 0);
    CHECK_EQUAL(sent, 3);
    CHECK_EQUAL(get(ends.server, &loan, in_ms(100)), 3);
    for (int i = 0; i < 3; i++) {
        struct mnet_udp_message *message = &loan.messages[i];
        CHECK_EQUAL(message->len, strlen(texts[i]));
        CHECK(message->len == 0 || memcmp(message->slices[0].data, texts[i], message->len) == 0);
        CHECK(mnet_address_equal(message->remote.address, WORLD_CLIENT));
        CHECK(mnet_address_equal(message->local, WORLD_SERVER));
        CHECK_EQUAL(message->ttl, 9);
        CHECK_EQUAL(message->dscp, 5);
        CHECK_EQUAL(message->ecn, 1);
        message->ttl = 0;
    }
    CHECK_EQUAL(mnet_udp_send_batch(ends.server, loan.messages, 3, NULL, MNET_NEVER), 0);
    mnet_udp_release(ends.server);
    CHECK_EQUAL(get(ends.client, &loan, in_ms(100)), 3);
    CHECK(memcmp(loan.messages[2].slices[0].data, "three", 5) == 0);
    CHECK_EQUAL(loan.messages[2].ttl, 64);
    close_ends(&ends); /* which takes back what is lent */
    return 0;
}

static void udp_batch_is_lent_and_sent_back(void **state)
{
    (void)state;
    world_run(batches, NULL);
}

static int segments(struct world *w)
{
    static char data[2500], back[2500];
    struct ends ends;
    struct mnet_udp *merging;
    struct mnet_udp_options options = {.local.port = 54, .merge = true};
    struct loan loan;
    const struct mnet_slice halves[] = {{data, 1300}, {data + 1300, 1200}};
    struct mnet_udp_message message = {.slices = halves, .slice_count = 2, .segment = 1000};
    CHECK_EQUAL(open_ends(w, &ends), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &merging), 0);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7 + (i >> 8));
    uint64_t before = mnet_stack_counters(w->client)->value[MNET_COUNT_UDP_TX];
    CHECK_EQUAL(mnet_udp_send_batch(ends.client, &message, 1, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_stack_counters(w->client)->value[MNET_COUNT_UDP_TX] - before, 3);
    CHECK_EQUAL(mnet_udp_receive(ends.server, back, sizeof back, NULL, in_ms(100)), 1000);
    CHECK_EQUAL(mnet_udp_receive(ends.server, back + 1000, 1500, NULL, in_ms(100)), 1000);
    CHECK_EQUAL(mnet_udp_receive(ends.server, back + 2000, 500, NULL, in_ms(100)), 500);
    CHECK(memcmp(back, data, sizeof data) == 0);
    message.remote = (struct mnet_endpoint){WORLD_SERVER, 54};
    CHECK_EQUAL(mnet_udp_send_batch(ends.client, &message, 1, NULL, MNET_NEVER), 0);
    sleep_ms(5);
    CHECK_EQUAL(get(merging, &loan, 0), 1);
    CHECK_EQUAL(loan.messages[0].len, 2500);
    CHECK_EQUAL(loan.messages[0].segment, 1000);
    CHECK_EQUAL(loan.messages[0].slice_count, 3);
    mnet_udp_close(merging);
    close_ends(&ends);
    return 0;
}

static void udp_segments_are_datagrams_and_merge_again(void **state)
{
    (void)state;
    world_run(segments, NULL);
}

static int unfragmented(struct world *w)
{
    static char data[2000];
    struct ends ends;
    struct mnet_udp *whole;
    struct mnet_udp_options options = {.remote = {WORLD_SERVER, 53}, .dont_fragment = true};
    struct mnet_endpoint nowhere = {mnet_ipv4(192, 0, 2, 1), 53}, self = {WORLD_CLIENT, 53};
    struct mnet_slice slice = {data, 2000};
    struct mnet_udp_message message = {.slices = &slice, .slice_count = 1, .segment = 1473};
    int sent = 1;
    CHECK_EQUAL(open_ends(w, &ends), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &options, &whole), 0);
    CHECK_EQUAL(mnet_udp_payload_max(whole, NULL), 1472);
    CHECK_EQUAL(mnet_udp_payload_max(ends.client, NULL), 1472);
    CHECK_EQUAL(mnet_udp_payload_max(ends.client, &self), 65507);
    CHECK_EQUAL(mnet_udp_payload_max(ends.client, &nowhere), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_udp_payload_max(ends.server, NULL), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_send(whole, NULL, data, 1473, MNET_NEVER), MNET_E_TOO_BIG);
    CHECK_EQUAL(mnet_udp_send_batch(whole, &message, 1, &sent, MNET_NEVER), MNET_E_TOO_BIG);
    CHECK_EQUAL(sent, 0);
    CHECK_EQUAL(mnet_udp_send(whole, NULL, data, 1472, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(ends.server, data, sizeof data, NULL, in_ms(100)), 1472);
    message.segment = 1472;
    CHECK_EQUAL(mnet_udp_send_batch(whole, &message, 1, &sent, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(ends.server, data, sizeof data, NULL, in_ms(100)), 1472);
    CHECK_EQUAL(mnet_udp_receive(ends.server, data, sizeof data, NULL, in_ms(100)), 528);
    mnet_udp_close(whole);
    close_ends(&ends);
    return 0;
}

static void udp_dont_fragment_refuses_what_does_not_fit(void **state)
{
    (void)state;
    world_run(unfragmented, NULL);
}

static int reconnected(struct world *w)
{
    struct ends ends;
    struct mnet_udp *other;
    struct mnet_udp_options options = {.local.port = 54};
    struct mnet_endpoint first = {WORLD_SERVER, 53}, second = {WORLD_SERVER, 54}, from,
                         group = {mnet_ipv4(224, 0, 0, 1), 5}, no_port = {WORLD_SERVER, 0},
                         none = {MNET_ADDRESS_ANY, 5};
    char buffer[16];
    CHECK_EQUAL(open_ends(w, &ends), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &other), 0);
    struct mnet_endpoint client = {WORLD_CLIENT, mnet_udp_local(ends.client).port};
    CHECK_EQUAL(mnet_udp_connect(ends.client, &second), 0);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, "x", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(other, buffer, 16, &from, in_ms(100)), 1);
    CHECK(mnet_endpoint_equal(from, client));
    CHECK_EQUAL(mnet_udp_send(ends.server, &client, "first", 5, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_send(other, &client, "second", 6, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(ends.client, buffer, 16, &from, in_ms(100)), 6);
    CHECK_EQUAL(mnet_udp_receive(ends.client, buffer, 16, &from, in_ms(10)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_udp_connect(ends.client, &group), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_connect(ends.client, &no_port), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_connect(ends.client, &none), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_connect(ends.client, NULL), 0);
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, "x", 1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_send(ends.server, &client, "first", 5, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(ends.client, buffer, 16, &from, in_ms(100)), 5);
    CHECK(mnet_endpoint_equal(from, first));
    mnet_udp_close(other);
    close_ends(&ends);
    return 0;
}

static void udp_connect_changes_the_remote_end(void **state)
{
    (void)state;
    world_run(reconnected, NULL);
}

/* RFC 1122 4.1.3.5: an application chooses the source address. */
static int sources(struct world *w)
{
    struct mnet_udp *any, *bound;
    struct mnet_udp_options options = {.local = {WORLD_CLIENT, 54}};
    struct mnet_slice slice = {"x", 1};
    struct mnet_udp_message message = {.slices = &slice, .slice_count = 1, .remote = {mnet_ipv4(127, 0, 0, 1), 53}};
    struct mnet_endpoint from;
    char byte;
    CHECK_EQUAL(mnet_udp_open(w->client, &(struct mnet_udp_options){.local.port = 53}, &any), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &options, &bound), 0);
    message.local = mnet_ipv4(10, 0, 0, 77); /* not ours */
    CHECK_EQUAL(mnet_udp_send_batch(any, &message, 1, NULL, MNET_NEVER), MNET_E_INVALID);
    message.local = mnet_ipv4(127, 0, 0, 1); /* not the endpoint's */
    CHECK_EQUAL(mnet_udp_send_batch(bound, &message, 1, NULL, MNET_NEVER), MNET_E_INVALID);
    message.local = MNET_ADDRESS_ANY;
    CHECK_EQUAL(mnet_udp_send_batch(any, &message, 1, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(any, &byte, 1, &from, in_ms(100)), 1);
    CHECK(mnet_address_equal(from.address, mnet_ipv4(127, 0, 0, 1)));
    message.local = WORLD_CLIENT;
    CHECK_EQUAL(mnet_udp_send_batch(any, &message, 1, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(any, &byte, 1, &from, in_ms(100)), 1);
    CHECK(mnet_address_equal(from.address, WORLD_CLIENT));
    message.local = MNET_ADDRESS_ANY; /* the stack's choice again, not the last source */
    CHECK_EQUAL(mnet_udp_send_batch(any, &message, 1, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(any, &byte, 1, &from, in_ms(100)), 1);
    CHECK(mnet_address_equal(from.address, mnet_ipv4(127, 0, 0, 1)));
    mnet_udp_close(any);
    mnet_udp_close(bound);
    return 0;
}

static void udp_source_is_chosen_for_each_datagram(void **state)
{
    (void)state;
    world_run(sources, NULL);
}

static int told_errors(struct world *w)
{
    struct mnet_udp *udp;
    struct mnet_udp_options options = {.icmp_errors = true};
    struct mnet_endpoint closed = {WORLD_SERVER, 99}, from;
    struct loan loan;
    char byte;
    CHECK_EQUAL(mnet_udp_open(w->client, &options, &udp), 0);
    CHECK_EQUAL(mnet_udp_send(udp, &closed, "x", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(udp, &byte, 1, &from, in_ms(100)), MNET_E_REFUSED);
    CHECK(mnet_endpoint_equal(from, closed));
    CHECK_EQUAL(mnet_udp_unreachable(udp), MNET_UNREACHABLE_PORT);
    CHECK_EQUAL(mnet_udp_send(udp, &closed, "x", 1, MNET_NEVER), 0);
    CHECK_EQUAL(get(udp, &loan, in_ms(100)), MNET_E_REFUSED);
    CHECK(mnet_endpoint_equal(loan.messages[0].remote, closed));
    CHECK(mnet_address_equal(loan.messages[0].local, WORLD_CLIENT));
    mnet_udp_close(udp);
    return 0;
}

static void udp_unconnected_hears_of_errors_on_request(void **state)
{
    (void)state;
    world_run(told_errors, NULL);
}

/* Keeps the client's last datagram on the wire. */
static void note_datagram(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                          const void *frame, size_t len)
{
    const uint8_t *bytes = frame;
    (void)now;
    if (direction == MNET_SIM_SENDING && strcmp(mnet_sim_host_name(host), "client") == 0 && bytes[23] == 17)
        memcpy(context, frame, MN_MIN(len, 64));
}

static unsigned path_mtu_of(struct mnet_flow *flow)
{
    struct mnet_tcp_info info;
    char byte = 0;
    mnet_tcp_write(flow, &byte, 1, NULL, MNET_NEVER); /* it looks before it sends */
    sleep_ms(5);
    mnet_tcp_info(flow, &info);
    return info.path_mtu;
}

/* PMTU-4-1, PMTU-4-3, PMTU-4-6, PMTU-5.3-1; RFC 1191 3, 6.3. The server is on the link (PMTU-3-1).
 * Connections to it follow (PMTU-5.2-4). */
static int path_mtu(struct world *w)
{
    static char data[1472];
    struct ends ends;
    struct pair pair = {0};
    struct mnet_udp *whole;
    struct mnet_udp_options options = {.remote = {WORLD_SERVER, 53}, .dont_fragment = true};
    uint8_t frame[64] = {0};
    CHECK_EQUAL(open_ends(w, &ends), 0);
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &options, &whole), 0);
    mnet_sim_watch(w->sim, note_datagram, frame);
    CHECK_EQUAL(mnet_udp_send(whole, NULL, data, 1472, MNET_NEVER), 0);
    sleep_ms(5);
    mnet_sim_watch(w->sim, NULL, NULL);
    CHECK_EQUAL(frame[14 + 6], 0x40);        /* DF */
    world_unreachable(w, frame, 4, 1500, 0); /* which it did fit */
    sleep_ms(5);
    CHECK_EQUAL(mnet_udp_payload_max(whole, NULL), 1472);
    CHECK_EQUAL(path_mtu_of(pair.client), 1500);
    world_unreachable(w, frame, 4, 1400, 0);
    sleep_ms(5);
    CHECK_EQUAL(path_mtu_of(pair.client), 1400);
    CHECK_EQUAL(mnet_udp_payload_max(whole, NULL), 1372);
    CHECK_EQUAL(mnet_udp_payload_max(ends.client, NULL), 1372);
    CHECK_EQUAL(mnet_udp_send(whole, NULL, data, 1373, MNET_NEVER), MNET_E_TOO_BIG);
    CHECK_EQUAL(mnet_udp_send(whole, NULL, data, 1372, MNET_NEVER), 0);
    /* Routers may cut it. */
    CHECK_EQUAL(mnet_udp_send(ends.client, NULL, data, 1472, MNET_NEVER), 0);
    world_unreachable(w, frame, 4, 1450, 0);
    sleep_ms(5);
    CHECK_EQUAL(mnet_udp_payload_max(whole, NULL), 1372); /* nothing raises it */
    sleep_ms(601000);
    CHECK_EQUAL(mnet_udp_payload_max(whole, NULL), 1472);
    uint16_t port = mnet_udp_local(whole).port;
    mnet_udp_close(whole);
    world_unreachable(w, frame, 4, 1300, 0); /* nobody sent that */
    sleep_ms(5);
    CHECK(port != mnet_udp_local(ends.client).port);
    CHECK_EQUAL(mnet_udp_payload_max(ends.client, NULL), 1472);
    world_close(&pair);
    close_ends(&ends);
    return 0;
}

static void udp_path_mtu_is_learnt_and_forgotten(void **state)
{
    (void)state;
    world_run(path_mtu, NULL);
}

/* A batch of the slow link: what cannot go is counted. */
static int part_of_a_batch(struct world *w)
{
    static char data[64000];
    struct ends ends;
    struct mnet_slice slice = {data, sizeof data};
    struct mnet_udp_message messages[MESSAGES];
    int sent;
    CHECK_EQUAL(open_ends(w, &ends), 0);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.bandwidth_bps = 1000000});
    for (int i = 0; i < MESSAGES; i++)
        messages[i] = (struct mnet_udp_message){.slices = &slice, .slice_count = 1, .segment = 1000};
    CHECK_EQUAL(mnet_udp_send_batch(ends.client, messages, MESSAGES, &sent, in_ms(100)), MNET_E_DEADLINE);
    CHECK(sent >= 2 && sent < MESSAGES);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    sleep_ms(10000);
    close_ends(&ends);
    return 0;
}

static void udp_batch_that_ends_early_says_how_many(void **state)
{
    (void)state;
    world_run(part_of_a_batch, NULL);
}

static int invalid_messages(struct world *w)
{
    struct ends ends;
    struct mnet_slice slice = {"x", 1}, hole = {NULL, 1};
    struct mnet_udp_message good = {.slices = &slice, .slice_count = 1};
    struct mnet_udp_message bad[] = {good, good, good, good, good, good, good};
    struct loan loan;
    int sent;
    bad[0].slices = NULL;
    bad[1].slices = &hole;
    bad[2].slice_count = -1;
    bad[3].dscp = 64;
    bad[4].ecn = 4;
    bad[5].remote = (struct mnet_endpoint){MNET_ADDRESS_ANY, 53};
    bad[6].local = (struct mnet_address){.bytes = {[15] = 1}}; /* of the other family */
    CHECK_EQUAL(open_ends(w, &ends), 0);
    for (unsigned i = 0; i < MN_COUNT_OF(bad); i++) {
        struct mnet_udp_message both[] = {good, bad[i]};
        CHECK_EQUAL(mnet_udp_send_batch(ends.client, both, 2, &sent, MNET_NEVER), MNET_E_INVALID);
        CHECK_EQUAL(sent, 1);
    }
    CHECK_EQUAL(mnet_udp_send_batch(ends.client, NULL, 1, &sent, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(sent, 0);
    CHECK_EQUAL(mnet_udp_send_batch(ends.client, NULL, -1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_send_batch(ends.client, NULL, 0, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_get(ends.client, NULL, 1, loan.slices, 1, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_get(ends.client, loan.messages, 0, loan.slices, 1, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_get(ends.client, loan.messages, 1, NULL, 1, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_get(ends.client, loan.messages, 1, loan.slices, 0, 0), MNET_E_INVALID);
    sleep_ms(5);
    CHECK_EQUAL(get(ends.server, &loan, 0), MN_COUNT_OF(bad)); /* the good ones */
    close_ends(&ends);
    return 0;
}

/* Both are own addresses, but a header has room for one family only. */
static int mixed_families(struct world *w)
{
    struct mnet_slice slice = {"x", 1};
    struct mnet_udp_message message = {.slices = &slice, .slice_count = 1};
    struct mnet_udp *udp;
    message.remote = (struct mnet_endpoint){{.bytes = {[15] = 1}}, 53};
    message.local = mnet_ipv4(127, 0, 0, 1);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &udp), 0);
    CHECK_EQUAL(mnet_udp_send_batch(udp, &message, 1, NULL, in_ms(100)), MNET_E_INVALID);
    message.remote.address = mnet_ipv4(127, 0, 0, 1);
    message.local = (struct mnet_address){.bytes = {[15] = 1}};
    CHECK_EQUAL(mnet_udp_send_batch(udp, &message, 1, NULL, in_ms(100)), MNET_E_INVALID);
    mnet_udp_close(udp);
    return 0;
}

static void udp_source_is_of_the_family_of_the_destination(void **state)
{
    (void)state;
    world_run(mixed_families, NULL);
}

static void udp_invalid_messages_have_no_effect(void **state)
{
    (void)state;
    world_run(invalid_messages, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_question_and_answer),
        cmocka_unit_test(udp_large_datagrams_are_put_together),
        cmocka_unit_test(udp_connected_hears_of_errors_once),
        cmocka_unit_test(udp_own_endpoint_that_nobody_reads_loses_datagrams),
        cmocka_unit_test(udp_own_endpoints_get_their_datagrams),
        cmocka_unit_test(udp_receivers_are_served_in_order),
        cmocka_unit_test(udp_close_wakes_receivers),
        cmocka_unit_test(udp_sender_waits_for_a_slow_device),
        cmocka_unit_test(udp_close_wakes_senders),
        cmocka_unit_test(udp_notify_says_what_has_become_ready),
        cmocka_unit_test(udp_invalid_arguments_have_no_effect),
        cmocka_unit_test(udp_batch_is_lent_and_sent_back),
        cmocka_unit_test(udp_segments_are_datagrams_and_merge_again),
        cmocka_unit_test(udp_dont_fragment_refuses_what_does_not_fit),
        cmocka_unit_test(udp_connect_changes_the_remote_end),
        cmocka_unit_test(udp_source_is_chosen_for_each_datagram),
        cmocka_unit_test(udp_unconnected_hears_of_errors_on_request),
        cmocka_unit_test(udp_path_mtu_is_learnt_and_forgotten),
        cmocka_unit_test(udp_batch_that_ends_early_says_how_many),
        cmocka_unit_test(udp_invalid_messages_have_no_effect),
        cmocka_unit_test(udp_source_is_of_the_family_of_the_destination),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
