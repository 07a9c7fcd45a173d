/* The scoreboard of sent data, compared with a model that keeps the state of every byte, and its
 * limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/packet.h>

#include "base/random.h"
#include "tcp/queue/scoreboard.h"

#define REGION (4u << 20)
#define SPACE 4000u /* most bytes in flight in the model */

struct board {
    void *region;
    struct mnet_memory *memory;
    struct mn_scoreboard_pools pools;
    struct mn_scoreboard b;
    size_t memory_before;
    uint32_t start; /* sequence number of the model's byte 0 */
    uint32_t una, nxt;
    uint8_t *flags; /* of each byte since `start` */
};

static void setup(struct board *t, uint32_t start)
{
    *t = (struct board){.region = malloc(REGION), .start = start, .una = start, .nxt = start};
    t->memory = mnet_memory_init(t->region, REGION);
    mn_scoreboard_pools_init(&t->pools, t->memory);
    t->memory_before = mnet_memory_used(t->memory);
    mn_scoreboard_init(&t->b, start);
    t->flags = calloc(1, 4u << 20);
}

static void end(struct board *t)
{
    mn_scoreboard_clear(&t->b, &t->pools);
    assert_int_equal(mnet_memory_used(t->memory), t->memory_before);
    free(t->flags);
    free(t->region);
}

/* Checks all invariants, and compares the scoreboard with the model. */
static void verify(struct board *t)
{
    struct mn_scoreboard *b = &t->b;
    uint32_t sacked = 0, lost = 0, at = t->una;
    assert_int_equal(b->end, t->nxt);
    assert_true(b->count <= MN_SCOREBOARD_MAX);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct mn_sent *record = mn_scoreboard_at(b, i);
        uint32_t right = mn_scoreboard_end_of(b, i);
        assert_int_equal(record->seq, at);
        assert_true(mn_seq_gt(right, at));
        for (; at != right; at++) {
            uint8_t model = t->flags[at - t->start];
            assert_int_equal(record->flags & (MN_SENT_SACKED | MN_SENT_LOST), model & (MN_SENT_SACKED | MN_SENT_LOST));
            if (!(model & MN_SENT_SACKED))
                assert_int_equal(record->flags & MN_SENT_RETRANSMITTED, model & MN_SENT_RETRANSMITTED);
            sacked += (model & MN_SENT_SACKED) != 0;
            lost += (model & MN_SENT_LOST) != 0;
        }
    }
    assert_int_equal(at, t->nxt);
    assert_int_equal(b->sacked, sacked);
    assert_int_equal(b->lost, lost);
}

static void send(struct board *t, uint32_t len, uint64_t now)
{
    mn_scoreboard_sent(&t->b, &t->pools, t->nxt + len, now, 3);
    t->nxt += len;
}

static void resend(struct board *t, uint32_t left, uint32_t right, uint64_t now)
{
    mn_scoreboard_retransmitted(&t->b, &t->pools, left, right, now);
    for (; left != right; left++) {
        uint8_t *flags = &t->flags[left - t->start];
        if (!(*flags & MN_SENT_SACKED))
            *flags = MN_SENT_RETRANSMITTED;
    }
}

static void acknowledge(struct board *t, uint32_t una)
{
    struct mn_delivery d;
    uint32_t bytes = 0, expected = 0;
    while (mn_scoreboard_acked(&t->b, &t->pools, una, &d))
        bytes += d.len;
    for (; t->una != una; t->una++)
        expected += !(t->flags[t->una - t->start] & MN_SENT_SACKED);
    assert_int_equal(bytes, expected);
}

static void sack(struct board *t, uint32_t left, uint32_t right)
{
    struct mn_delivery d;
    uint32_t bytes = 0, expected = 0, from = left;
    while (mn_scoreboard_sacked(&t->b, &t->pools, &from, right, &d))
        bytes += d.len;
    for (; left != right; left++) {
        uint8_t *flags = &t->flags[left - t->start];
        expected += !(*flags & MN_SENT_SACKED);
        *flags = MN_SENT_SACKED;
    }
    assert_int_equal(bytes, expected);
}

static void lose(struct board *t, uint32_t left, uint32_t right)
{
    mn_scoreboard_lose_range(&t->b, &t->pools, left, right);
    for (; left != right; left++) {
        uint8_t *flags = &t->flags[left - t->start];
        if (!(*flags & MN_SENT_SACKED))
            *flags |= MN_SENT_LOST;
    }
}

/* Chooses two numbers in the flight, in order. */
static void range(struct board *t, struct mn_random *random, uint32_t *left, uint32_t *right)
{
    uint32_t flight = t->nxt - t->una;
    *left = t->una + mn_random_below(random, flight);
    *right = *left + 1 + mn_random_below(random, MN_MIN(300u, t->nxt - *left));
}

static void step(struct board *t, struct mn_random *random, uint64_t now)
{
    uint32_t left, right;
    if (t->nxt == t->una || (t->nxt - t->una < SPACE && mn_random_below(random, 3) == 0)) {
        send(t, 1 + mn_random_below(random, 400), now);
        return;
    }
    range(t, random, &left, &right);
    switch (mn_random_below(random, 8)) {
    case 0: acknowledge(t, right); break;
    case 1: lose(t, left, right); break;
    case 2: resend(t, left, right, now); break;
    case 3:
        while (mn_scoreboard_next_lost(&t->b, &left, &right) && mn_random_below(random, 3) != 0)
            resend(t, left, left + 1 + mn_random_below(random, right - left), now);
        break;
    default: sack(t, left, right);
    }
}

/* Any order of events, also if numbers wrap, gives the same result as byte by byte. */
static void random_events_agree_with_a_model(void **state)
{
    (void)state;
    for (uint8_t seed = 0; seed < 20; seed++) {
        struct board t;
        struct mn_random random;
        uint8_t bytes[MN_RANDOM_SEED] = {seed};
        mn_random_init(&random, bytes);
        setup(&t, seed % 2 ? UINT32_MAX - 20000 : 1);
        for (uint64_t now = 0; now < 2000; now++) {
            step(&t, &random, now);
            verify(&t);
        }
        acknowledge(&t, t.nxt);
        verify(&t);
        assert_int_equal(t.b.size, 0); /* nothing in flight: no block */
        end(&t);
    }
}

/* Segments sent at nearly the same time are one record, and the pools are not used. */
static void sent_at_one_time_is_one_record(void **state)
{
    (void)state;
    struct board t;
    setup(&t, 1);
    for (int i = 0; i < 100; i++)
        send(&t, 1460, 8000 + (uint64_t)i % 8);
    assert_int_equal(t.b.count, 1);
    assert_int_equal(mnet_memory_used(t.memory), t.memory_before);
    send(&t, 1460, 8008);
    assert_int_equal(t.b.count, 2);
    verify(&t);
    end(&t);
}

/* Data sent after a retransmission is recorded apart from data sent before it, at any distance in
 * time. RACK (RFC 8985 6.2) must not declare the retransmission lost because earlier data has
 * arrived. */
static void new_data_after_a_retransmission_is_a_record_of_its_own(void **state)
{
    (void)state;
    struct board t;
    setup(&t, 1000);
    send(&t, 100, 800);
    send(&t, 100, 1600);
    lose(&t, 1000, 1100);
    resend(&t, 1000, 1100, 1601);
    send(&t, 100, 1602);
    assert_int_equal(t.b.count, 3);
    send(&t, 100, 1603); /* these two are joined as usual */
    assert_int_equal(t.b.count, 3);
    assert_int_equal(mn_scoreboard_at(&t.b, 1)->sent_ns, 1600);
    verify(&t);
    end(&t);
}

/* The hard limit: the peer acknowledges every other byte. Bytes that cannot be recorded are still
 * in flight, and sending goes on. */
/* The short way makes the same record, and does nothing if anything is in flight. */
static void data_sent_alone_is_the_same_record(void **state)
{
    (void)state;
    struct board full, alone;
    setup(&full, 0xffffff00u);
    setup(&alone, 0xffffff00u);
    for (uint64_t now = 1; now < 5; now++) {
        uint32_t right = full.nxt + 200;
        full.b.apart = alone.b.apart = now == 3;
        send(&full, 200, now);
        assert_true(mn_scoreboard_sent_alone(&alone.b, right, now));
        assert_int_equal(alone.b.one.sent_ns, full.b.one.sent_ns);
        assert_int_equal(alone.b.one.seq, full.b.one.seq);
        assert_int_equal(alone.b.one.flags, 0);
        assert_int_equal(alone.b.count, 1);
        assert_int_equal(alone.b.end, full.b.end);
        assert_int_equal(alone.b.apart, full.b.apart);
        assert_false(mn_scoreboard_sent_alone(&alone.b, right + 1, now + 1));
        assert_int_equal(alone.b.end, right);
        acknowledge(&full, right);
        mn_scoreboard_acked_whole(&alone.b, right);
    }
    end(&full);
    end(&alone);
}

static void records_are_bounded(void **state)
{
    (void)state;
    struct board t;
    setup(&t, 1);
    send(&t, 100000, 1);
    struct mn_delivery d;
    for (uint32_t i = 0; i < 50000; i++) {
        uint32_t left = 2 + 2 * i;
        while (mn_scoreboard_sacked(&t.b, &t.pools, &left, 3 + 2 * i, &d))
            continue;
    }
    assert_int_equal(t.b.count, MN_SCOREBOARD_MAX);
    assert_in_range(t.b.sacked, MN_SCOREBOARD_MAX / 2 - 1, MN_SCOREBOARD_MAX / 2);
    uint32_t sacked = t.b.sacked;
    for (uint64_t now = 1000; now < 2000; now++) {
        mn_scoreboard_sent(&t.b, &t.pools, t.b.end + 10, 1000 * now, 0);
        assert_true(t.b.count <= MN_SCOREBOARD_MAX);
    }
    assert_true(t.b.sacked <= sacked);
    /* All of it can be lost, and sent again. */
    uint32_t right, left;
    mn_scoreboard_lose_range(&t.b, &t.pools, 1, t.b.end);
    assert_int_equal(t.b.lost + t.b.sacked, t.b.end - 1);
    while (mn_scoreboard_next_lost(&t.b, &left, &right))
        mn_scoreboard_retransmitted(&t.b, &t.pools, left, MN_MIN(right, left + 7), 3000000);
    assert_int_equal(t.b.lost, 0);
    while (mn_scoreboard_acked(&t.b, &t.pools, t.b.end, &d))
        continue;
    assert_int_equal(t.b.count, 0);
    assert_int_equal(t.b.sacked, 0);
    end(&t);
}

/* Without memory there is one record. Data is still sent, lost and sent again. */
static void without_memory_one_record_is_left(void **state)
{
    (void)state;
    struct board t;
    setup(&t, 1);
    while (mnet_buffer_alloc_tx(t.memory, MNET_BUFFER_LARGE) != NULL)
        continue;
    while (mnet_buffer_alloc_tx(t.memory, MNET_BUFFER_SMALL) != NULL)
        continue;
    uint32_t left = 500, right;
    struct mn_delivery d;
    for (uint64_t now = 1; now <= 10; now++)
        mn_scoreboard_sent(&t.b, &t.pools, 1 + (uint32_t)now * 100, now * 1000, 0);
    assert_int_equal(t.b.count, 1);
    /* As if it had not arrived. */
    assert_false(mn_scoreboard_sacked(&t.b, &t.pools, &left, 600, &d));
    assert_int_equal(t.b.sacked, 0);
    mn_scoreboard_lose_range(&t.b, &t.pools, 1, 1001);
    assert_int_equal(t.b.lost, 1000);
    uint32_t again = 0;
    while (mn_scoreboard_next_lost(&t.b, &left, &right)) {
        assert_int_equal(left, 1 + again);
        mn_scoreboard_retransmitted(&t.b, &t.pools, left, left + 100, 20000);
        again += 100;
    }
    assert_int_equal(again, 1000);
    assert_int_equal(t.b.lost, 0);
    assert_true(mn_scoreboard_acked(&t.b, &t.pools, 501, &d));
    assert_int_equal(d.flags, MN_SENT_RETRANSMITTED);
    assert_false(mn_scoreboard_acked(&t.b, &t.pools, 501, &d));
    free(t.flags);
    free(t.region);
}

/* A peer that reneges: everything may be lost again, and for nothing is it known that it was sent
 * once. */
static void forgetting_selective_acknowledgements(void **state)
{
    (void)state;
    struct board t;
    setup(&t, 1);
    send(&t, 1000, 1);
    sack(&t, 101, 201);
    sack(&t, 301, 401);
    mn_scoreboard_forget(&t.b, MN_SENT_SACKED);
    assert_int_equal(t.b.sacked, 0);
    struct mn_delivery d;
    assert_true(mn_scoreboard_acked(&t.b, &t.pools, 101, &d));
    assert_int_equal(d.flags, 0);
    assert_true(mn_scoreboard_acked(&t.b, &t.pools, 201, &d));
    assert_int_equal(d.flags, MN_SENT_RETRANSMITTED);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_events_agree_with_a_model),
        cmocka_unit_test(sent_at_one_time_is_one_record),
        cmocka_unit_test(new_data_after_a_retransmission_is_a_record_of_its_own),
        cmocka_unit_test(data_sent_alone_is_the_same_record),
        cmocka_unit_test(records_are_bounded),
        cmocka_unit_test(without_memory_one_record_is_left),
        cmocka_unit_test(forgetting_selective_acknowledgements),
    };
    return cmocka_run_group_tests_name("scoreboard", tests, NULL, NULL);
}
