/* Waiting for many flows, listeners, endpoints and streams at once: mnet/watch.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/stream.h"

#define SOME (MNET_READABLE | MNET_ACCEPTABLE)

/* A listener, an endpoint and a flow in one set become ready one after another. */
static int each_kind(struct world *w)
{
    struct mnet_set set = {0};
    struct mnet_watch watches[3] = {0}, *ready[3];
    struct mnet_udp_options here = {.local.port = 53};
    struct mnet_endpoint there = {w->server_address, 53};
    struct mnet_udp *udp, *sender;
    struct pair pair = {0};
    char buffer[8];
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &pair.listener), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, &here, &udp), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &sender), 0);
    CHECK_EQUAL(mnet_watch_listener(&set, &watches[0], pair.listener, MNET_ACCEPTABLE), 0);
    CHECK_EQUAL(mnet_watch_udp(&set, &watches[1], udp, MNET_READABLE), 0);
    uint64_t deadline = in_ms(5);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 3, deadline), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_now(), deadline);

    CHECK_EQUAL(mnet_tcp_connect(w->client, w->server_address, 80, &pair.client, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 3, MNET_NEVER), 1);
    CHECK(ready[0] == &watches[0] && ready[0]->ready == MNET_ACCEPTABLE);
    CHECK_EQUAL(mnet_tcp_accept(pair.listener, &pair.server, 0), 0);
    CHECK_EQUAL(mnet_watch_tcp(&set, &watches[2], pair.server, MNET_READABLE), 0);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 3, 0), MNET_E_DEADLINE);

    CHECK_EQUAL(mnet_udp_send(sender, &there, "x", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 3, MNET_NEVER), 1);
    CHECK(ready[0] == &watches[1] && ready[0]->ready == MNET_READABLE);
    CHECK_EQUAL(write_text(pair.client, "ab"), 0);
    sleep_ms(10);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 3, MNET_NEVER), 2);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 1, MNET_NEVER), 1); /* both are still ready: */
    struct mnet_watch *before = ready[0];
    CHECK_EQUAL(mnet_wait_any(&set, ready, 1, MNET_NEVER), 1); /* they take turns */
    CHECK(ready[0] != before && ready[0] != &watches[0]);
    CHECK_EQUAL(mnet_udp_receive(udp, buffer, 8, NULL, 0), 1);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 8, 0), 2);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 3, 0), MNET_E_DEADLINE);

    mnet_set_end(&set);
    for (int i = 0; i < 3; i++)
        CHECK(watches[i].set == NULL);
    mnet_udp_close(udp);
    mnet_udp_close(sender);
    world_close(&pair);
    return 0;
}

static void watch_each_kind_is_returned_while_it_is_ready(void **state)
{
    (void)state;
    world_run_both(each_kind, NULL);
}

static int modes(struct world *w)
{
    struct mnet_set set = {0};
    struct mnet_watch watch = {0}, *ready;
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_watch_tcp(&set, &watch, pair.server, MNET_READABLE), 0);
    mnet_watch_change(&watch, MNET_READABLE, MNET_WATCH_EDGE);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, 0), MNET_E_DEADLINE);
    for (int i = 0; i < 2; i++) { /* unread bytes are told of once, and again when more come */
        CHECK_EQUAL(write_text(pair.client, "a"), 0);
        CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, in_ms(100)), 1);
        CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, in_ms(100)), MNET_E_DEADLINE);
    }
    mnet_watch_change(&watch, MNET_READABLE, MNET_WATCH_ONCE);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, 0), 1); /* it is ready now */
    CHECK_EQUAL(write_text(pair.client, "a"), 0);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, in_ms(100)), MNET_E_DEADLINE);
    mnet_tcp_abort(pair.client); /* not even then */
    pair.client = NULL;
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, in_ms(100)), MNET_E_DEADLINE);
    mnet_watch_change(&watch, MNET_URGENT, MNET_WATCH_LEVEL);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, 0), 1); /* failure is always wanted */
    CHECK_EQUAL(watch.ready, MNET_HUNG_UP | MNET_FAILED);
    mnet_watch_end(&watch);
    mnet_watch_end(&watch);
    mnet_watch_change(&watch, MNET_READABLE, MNET_WATCH_LEVEL);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, in_ms(1)), MNET_E_DEADLINE);
    world_close(&pair);
    return 0;
}

static void watch_modes_say_how_often(void **state)
{
    (void)state;
    world_run_both(modes, NULL);
}

static int closing(struct world *w)
{
    struct mnet_set sets[2] = {0};
    struct mnet_watch watches[4] = {0}, *ready;
    struct mnet_udp *udp;
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &udp), 0);
    CHECK_EQUAL(mnet_watch_tcp(&sets[0], &watches[0], pair.server, MNET_READABLE), 0);
    CHECK_EQUAL(mnet_watch_tcp(&sets[1], &watches[1], pair.server, MNET_READABLE), 0);
    CHECK_EQUAL(mnet_watch_udp(&sets[0], &watches[2], udp, MNET_READABLE), 0);
    CHECK_EQUAL(mnet_watch_listener(&sets[0], &watches[3], pair.listener, MNET_ACCEPTABLE), 0);
    CHECK_EQUAL(write_text(pair.client, "a"), 0);
    CHECK_EQUAL(mnet_wait_any(&sets[0], &ready, 1, MNET_NEVER), 1);
    CHECK(ready == &watches[0]);
    CHECK_EQUAL(mnet_wait_any(&sets[1], &ready, 1, 0), 1);
    CHECK(ready == &watches[1]);
    mnet_watch_end(&watches[0]); /* the other set still has it */
    CHECK_EQUAL(mnet_wait_any(&sets[0], &ready, 1, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_wait_any(&sets[1], &ready, 1, 0), 1);
    mnet_udp_close(udp);
    world_close(&pair);
    for (int i = 0; i < 4; i++)
        CHECK(watches[i].set == NULL);
    CHECK_EQUAL(mnet_wait_any(&sets[1], &ready, 1, 0), MNET_E_DEADLINE);
    return 0;
}

static void watch_ends_when_its_object_is_closed(void **state)
{
    (void)state;
    world_run_both(closing, NULL);
}

static void note(void *context, unsigned ready)
{
    *(unsigned *)context |= ready;
}

static void count(void *context)
{
    ++*(unsigned *)context;
}

static int callbacks(struct world *w)
{
    struct mnet_set set = {0};
    struct mnet_watch watch = {0}, *ready;
    struct pair pair;
    unsigned noted = 0, told = 0;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_notify(pair.server, note, &noted);
    CHECK_EQUAL(mnet_watch_tcp(&set, &watch, pair.server, MNET_READABLE), MNET_E_IN_USE);
    mnet_tcp_notify(pair.server, NULL, NULL);
    CHECK_EQUAL(mnet_watch_tcp(&set, &watch, pair.server, MNET_READABLE), 0);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, 0), MNET_E_DEADLINE);
    mnet_set_notify(&set, count, &told);
    CHECK_EQUAL(write_text(pair.client, "a"), 0);
    CHECK_EQUAL(told, 0);
    sleep_ms(10);
    CHECK(told > 0);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, 0), 1);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 0, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_wait_any(&set, NULL, 1, 0), MNET_E_INVALID);
    mnet_watch_end(&watch);
    mnet_tcp_notify(pair.server, note, &noted);
    CHECK_EQUAL(write_text(pair.client, "a"), 0);
    sleep_ms(100);
    CHECK(noted & MNET_READABLE);
    world_close(&pair);
    return 0;
}

static void watch_and_callback_exclude_each_other(void **state)
{
    (void)state;
    world_run(callbacks, NULL);
}

/* ---- The cost ---- */

/* A stream that counts how often it is asked. */
struct counted {
    unsigned ready, asked;
    void (*notify)(void *context, unsigned ready);
    void *context;
};

static unsigned counted_ready(const void *object)
{
    struct counted *counted = *(struct counted *const *)object;
    counted->asked++;
    return counted->ready;
}

static void counted_notify(void *object, void (*notify)(void *context, unsigned ready), void *context)
{
    struct counted *counted = *(struct counted **)object;
    counted->notify = notify;
    counted->context = context;
}

static const struct mnet_stream_ops counted_ops = {.ready = counted_ready, .notify = counted_notify};

#define MANY 1000

static int many(struct world *w)
{
    static struct counted counted[MANY];
    static struct counted *objects[MANY];
    static struct mnet_watch watches[MANY];
    struct mnet_set set = {0};
    struct mnet_watch *ready[4];
    memset(counted, 0, sizeof counted);
    memset(watches, 0, sizeof watches);
    for (int i = 0; i < MANY; i++) {
        objects[i] = &counted[i];
        struct mnet_stream stream = {&counted_ops, &objects[i]};
        CHECK_EQUAL(mnet_watch_stream(&set, &watches[i], stream, MNET_READABLE), 0);
    }
    CHECK_EQUAL(mnet_wait_any(&set, ready, 4, 0), MNET_E_DEADLINE);
    for (int i = 0; i < MANY; i++)
        CHECK_EQUAL(counted[i].asked, 1);
    counted[500].ready = MNET_READABLE;
    counted[500].notify(counted[500].context, MNET_READABLE);
    counted[600].notify(counted[600].context, MNET_WRITABLE); /* not wanted */
    CHECK_EQUAL(mnet_wait_any(&set, ready, 4, 0), 1);
    CHECK(ready[0] == &watches[500]);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 4, 0), 1);
    unsigned asked = 0;
    for (int i = 0; i < MANY; i++)
        asked += counted[i].asked - 1;
    CHECK_EQUAL(asked, 2); /* nobody but the one that is ready */
    mnet_set_end(&set);
    CHECK(counted[500].notify == NULL);
    return 0;
}

static void watch_costs_only_for_those_that_are_ready(void **state)
{
    (void)state;
    world_run(many, NULL);
}

/* ---- Tasks ---- */

struct waiter {
    struct mnet_set *set;
    struct mnet_watch *ready;
    int result;
};

static int wait_for_set(void *argument)
{
    struct waiter *waiter = argument;
    waiter->result = mnet_wait_any(waiter->set, &waiter->ready, 1, MNET_NEVER);
    return 0;
}

/* Two tasks and two ready members: each task gets one. A cancelled one gets none. */
static int tasks(struct world *w)
{
    struct mnet_set set = {0};
    struct mnet_watch watches[2] = {0};
    struct mnet_task *task[3];
    struct waiter waiters[3] = {{&set, NULL, 0}, {&set, NULL, 0}, {&set, NULL, 0}};
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_watch_tcp(&set, &watches[0], pair.server, MNET_READABLE), 0);
    CHECK_EQUAL(mnet_watch_tcp(&set, &watches[1], pair.client, MNET_READABLE), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(mnet_spawn(&task[i], wait_for_set, &waiters[i]), 0);
    sleep_ms(1);
    mnet_cancel(task[0]);
    CHECK_EQUAL(write_text(pair.client, "a"), 0);
    CHECK_EQUAL(write_text(pair.server, "b"), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(mnet_join(task[i], NULL, in_ms(100)), 0);
    CHECK_EQUAL(waiters[0].result, MNET_E_CANCELLED);
    CHECK(waiters[1].result == 1 && waiters[2].result == 1);
    CHECK(waiters[1].ready != waiters[2].ready);
    world_close(&pair);
    return 0;
}

static void watch_wakes_a_task_for_each_ready_member(void **state)
{
    (void)state;
    world_run(tasks, NULL);
}

static int sending(struct world *w)
{
    static char data[1400];
    struct mnet_set set = {0};
    struct mnet_watch watch = {0}, *ready;
    struct mnet_udp *udp, *sink;
    struct mnet_udp_options there = {.remote = {w->server_address, 9}}, here = {.local.port = 9};
    CHECK_EQUAL(mnet_udp_open(w->server, &here, &sink), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &there, &udp), 0);
    CHECK_EQUAL(mnet_watch_udp(&set, &watch, udp, MNET_WRITABLE), 0);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, 0), 1);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.bandwidth_bps = 10000000});
    while (mnet_udp_send(udp, NULL, data, sizeof data, 0) == 0)
        continue;
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_wait_any(&set, &ready, 1, in_ms(1000)), 1);
    CHECK(watch.ready & MNET_WRITABLE);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    mnet_udp_close(udp);
    mnet_udp_close(sink);
    return 0;
}

static void watch_tells_when_the_device_takes_datagrams_again(void **state)
{
    (void)state;
    world_run_both(sending, NULL);
}

static int going_down(struct world *w)
{
    struct mnet_set set = {0};
    struct mnet_watch watches[3] = {0}, *ready[3];
    struct mnet_udp *udp;
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, NULL, &udp), 0);
    CHECK_EQUAL(mnet_watch_tcp(&set, &watches[0], pair.server, MNET_READABLE), 0);
    CHECK_EQUAL(mnet_watch_listener(&set, &watches[1], pair.listener, SOME), 0);
    CHECK_EQUAL(mnet_watch_udp(&set, &watches[2], udp, MNET_READABLE), 0);
    CHECK_EQUAL(mnet_wait_any(&set, ready, 3, 0), MNET_E_DEADLINE);
    mnet_stack_down(w->server);
    w->server = NULL;
    CHECK_EQUAL(mnet_wait_any(&set, ready, 3, 0), 3);
    for (int i = 0; i < 3; i++)
        CHECK(watches[i].ready & MNET_HUNG_UP);
    mnet_udp_close(udp);
    world_close(&pair);
    return 0;
}

static void watch_tells_that_the_stack_is_down(void **state)
{
    (void)state;
    world_run_both(going_down, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watch_each_kind_is_returned_while_it_is_ready),
        cmocka_unit_test(watch_modes_say_how_often),
        cmocka_unit_test(watch_ends_when_its_object_is_closed),
        cmocka_unit_test(watch_and_callback_exclude_each_other),
        cmocka_unit_test(watch_costs_only_for_those_that_are_ready),
        cmocka_unit_test(watch_wakes_a_task_for_each_ready_member),
        cmocka_unit_test(watch_tells_when_the_device_takes_datagrams_again),
        cmocka_unit_test(watch_tells_that_the_stack_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
