/* Echo requests of our own, between two simulated hosts, over both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/world.h"

static const struct mnet_address server6 = {.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

static const struct world_options both_families = {
    .server.ip.ipv6 = {{.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}}, 64},
    .client.ip.ipv6 = {{.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}}, 64},
};

/* The host of a family with this number; 1 is the server, 2 the client. */
static struct mnet_address host(int family, uint8_t number)
{
    struct mnet_address ipv6 = server6;
    ipv6.bytes[15] = number;
    return family == 0 ? mnet_ipv4(10, 0, 0, number) : ipv6;
}

static int for_each_family(struct world *w, int (*body)(struct world *w, int family))
{
    CHECK_EQUAL(sleep_ms(4000), 0);
    for (int family = 0; family < 2; family++) {
        int result = body(w, family);
        if (result < 0)
            return result;
    }
    return 0;
}

/* ICMP6-4.1-2: of all sizes; the link takes 1 ms each way. */
static int replies_of_all_sizes(struct world *w, int family)
{
    static const size_t lens[] = {0, 1, 56, 255, 256, 257, 1452, 1473, 9000, 65507};
    uint64_t ns;
    /* The first one makes the neighbour known. */
    CHECK_EQUAL(mnet_ping(w->client, host(family, 1), 0, in_ms(1000), NULL), 0);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        CHECK_EQUAL(mnet_ping(w->client, host(family, 1), lens[i], in_ms(1000), &ns), 0);
        CHECK_EQUAL(ns / MNET_MILLISECOND, 2);
    }
    CHECK_EQUAL(mnet_stack_counters(w->server)->value[MNET_COUNT_ICMP_ECHO], (uint64_t)(family + 1) * 11);
    return 0;
}

static int hosts_that_cannot_answer(struct world *w, int family)
{
    struct mnet_address far = family == 0 ? mnet_ipv4(192, 0, 2, 1) : (struct mnet_address){.bytes = {0x20, 2}};
    struct mnet_address group = family == 0 ? mnet_ipv4(224, 0, 0, 1)
                                            : (struct mnet_address){.bytes = {0xff, 2, [15] = 1}};
    uint64_t before = mnet_now(), ns = 7;
    CHECK_EQUAL(mnet_ping(w->client, host(family, 9), 8, in_ms(500), &ns), MNET_E_DEADLINE);
    CHECK_EQUAL((mnet_now() - before) / MNET_MILLISECOND, 500);
    CHECK_EQUAL(mnet_ping(w->client, far, 8, in_ms(500), &ns), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_ping(w->client, group, 8, in_ms(500), &ns), MNET_E_INVALID);
    CHECK_EQUAL(mnet_ping(w->client, host(family, 1), 65528, in_ms(500), &ns), MNET_E_TOO_BIG);
    CHECK_EQUAL(mnet_ping(w->client, host(family, 1), 8, 0, &ns), MNET_E_DEADLINE);
    CHECK_EQUAL(ns, 7);
    if (family == 0) {
        CHECK_EQUAL(mnet_ping(w->client, mnet_ipv4(10, 0, 0, 255), 8, in_ms(500), &ns), MNET_E_INVALID);
        CHECK_EQUAL(mnet_ping(w->client, MNET_ADDRESS_ANY, 8, in_ms(500), &ns), MNET_E_INVALID);
        CHECK_EQUAL(mnet_ping(w->client, host(0, 1), 65508, in_ms(500), &ns), MNET_E_TOO_BIG);
    }
    return 0;
}

static int own_addresses(struct world *w, int family)
{
    struct mnet_address loopback = family == 0 ? mnet_ipv4(127, 0, 0, 1) : (struct mnet_address){.bytes = {[15] = 1}};
    uint64_t ns;
    CHECK_EQUAL(mnet_ping(w->client, host(family, 2), 100, in_ms(100), &ns), 0);
    CHECK_EQUAL(mnet_ping(w->client, loopback, 100, in_ms(100), &ns), 0);
    return 0;
}

static int call_ping(void *argument)
{
    struct call *call = argument;
    return mnet_ping(call->w->client, *(const struct mnet_address *)call->object, call->len, call->deadline, NULL);
}

/* ICMP6-4.2-4: of requests that wait together each gets its own reply, and those without one wait
 * on. */
static int replies_find_their_tasks(struct world *w, int family)
{
    struct mnet_address hosts[] = {host(family, 1), host(family, 9), host(family, 1), host(family, 2)};
    struct call calls[4] = {0};
    for (int i = 0; i < 4; i++) {
        calls[i].len = 1000;
        calls[i].deadline = in_ms(700);
        CHECK_EQUAL(call_start(w, &calls[i], call_ping, &hosts[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(call_join(&calls[i]), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(calls[i].result, i == 1 ? MNET_E_DEADLINE : 0);
    CHECK((calls[0].ended - calls[0].started) / MNET_MILLISECOND < 10);
    return 0;
}

static int all_sizes(struct world *w)
{
    return for_each_family(w, replies_of_all_sizes);
}

static int no_answers(struct world *w)
{
    return for_each_family(w, hosts_that_cannot_answer);
}

static int to_itself(struct world *w)
{
    return for_each_family(w, own_addresses);
}

static int several_tasks(struct world *w)
{
    return for_each_family(w, replies_find_their_tasks);
}

/* A stack that goes down, and a task that is cancelled, leave no record behind. */
static int ends(struct world *w)
{
    CHECK_EQUAL(sleep_ms(4000), 0);
    struct mnet_address nobody = host(1, 9);
    struct call calls[2] = {0};
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_start(w, &calls[i], call_ping, &nobody), 0);
    mnet_cancel(calls[0].task);
    CHECK_EQUAL(call_join(&calls[0]), 0);
    CHECK_EQUAL(calls[0].result, MNET_E_CANCELLED);
    mnet_stack_down(w->client);
    w->client = NULL;
    CHECK_EQUAL(call_join(&calls[1]), 0);
    CHECK_EQUAL(calls[1].result, MNET_E_CLOSED);
    return 0;
}

/* The client waits until it has an own address that may be used. */
static int at_the_start(struct world *w)
{
    uint64_t begun = mnet_now();
    CHECK_EQUAL(mnet_ping(w->client, MNET_ADDRESS_ANY, 8, MNET_NEVER, NULL), MNET_E_INVALID);
    CHECK_EQUAL(mnet_now(), begun);
    CHECK_EQUAL(mnet_ping(w->client, server6, 8, in_ms(5000), NULL), 0);
    return 0;
}

#define TEST(name) \
    static void test_##name(void **state) \
    { \
        (void)state; \
        world_run(name, &both_families); \
    }
TEST(all_sizes)
TEST(no_answers)
TEST(to_itself)
TEST(several_tasks)
TEST(ends)
TEST(at_the_start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sizes),     cmocka_unit_test(test_no_answers), cmocka_unit_test(test_to_itself),
        cmocka_unit_test(test_several_tasks), cmocka_unit_test(test_ends),       cmocka_unit_test(test_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
