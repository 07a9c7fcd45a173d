/* Memory and pools: the budget, the reserve, and the return of every slab. */
#include "unit/support.h"

#include "base/memory.h"
#include "base/pool.h"

enum {
    SIZE = 2 * 1024 * 1024,
};

struct pool_fixture {
    void *region;
    struct mnet_memory *memory;
    struct mn_pool pool; /* of 4000 bytes, 16 a slab */
};

static int setup(void **state)
{
    static struct pool_fixture fixture;
    fixture.memory = test_memory(SIZE, &fixture.region);
    mn_pool_init(&fixture.pool, fixture.memory, "test", 4000, SIZE_MAX);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct pool_fixture *f = *state;
    free(f->region);
    return 0;
}

static void memory_too_small_is_refused(void **state)
{
    (void)state;
    static uint8_t region[MNET_MEMORY_MINIMUM];
    assert_null(mnet_memory_init(region, MNET_MEMORY_MINIMUM - 1));
    assert_null(mnet_memory_init(NULL, MNET_MEMORY_MINIMUM));
    assert_non_null(mnet_memory_init(region, MNET_MEMORY_MINIMUM));
}

static void memory_of_any_size_and_alignment_stays_inside(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 3 * MN_SLAB_BYTES; extra += 4099) {
        size_t size = MNET_MEMORY_MINIMUM + extra, off = extra % 61;
        uint8_t *region = malloc(size + off);
        struct mnet_memory *memory = mnet_memory_init(region + off, size);
        assert_non_null(memory);
        assert_true(mnet_memory_budget(memory) <= size);
        assert_true(mnet_memory_budget(memory) + 2 * MN_SLAB_BYTES > size);
        struct mn_pool pool;
        mn_pool_init(&pool, memory, "slabs", MN_SLAB_BYTES, SIZE_MAX);
        for (uint8_t *object; (object = mn_pool_alloc(&pool, MN_CLAIM_RECEIVE)) != NULL;) {
            assert_true(object >= region + off && object + MN_SLAB_BYTES <= region + off + size);
            memset(object, 1, MN_SLAB_BYTES);
        }
        assert_int_equal(mnet_memory_used(memory), mnet_memory_budget(memory));
        free(region);
    }
}

static void fresh_memory_uses_nothing(void **state)
{
    struct pool_fixture *f = *state;
    assert_int_equal(mnet_memory_used(f->memory), 0);
    assert_int_equal(mnet_memory_peak(f->memory), 0);
}

static void alloc_is_aligned_and_disjoint(void **state)
{
    struct pool_fixture *f = *state;
    uint8_t *objects[40];
    for (int i = 0; i < 40; i++) {
        objects[i] = mn_pool_alloc(&f->pool, MN_CLAIM_RECEIVE);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 16, 0);
        memset(objects[i], i, 4000);
    }
    for (int i = 0; i < 40; i++)
        for (int at = 0; at < 4000; at++)
            assert_int_equal(objects[i][at], i);
    assert_int_equal(f->pool.in_use, 40);
    for (int i = 0; i < 40; i++)
        mn_pool_free(&f->pool, objects[i]);
    assert_int_equal(f->pool.in_use, 0);
}

static void alloc_zeroed_is_zero_even_when_reused(void **state)
{
    struct pool_fixture *f = *state;
    uint8_t *object = mn_pool_alloc(&f->pool, MN_CLAIM_RECEIVE);
    memset(object, 0xff, 4000);
    mn_pool_free(&f->pool, object);
    object = mn_pool_alloc_zeroed(&f->pool, MN_CLAIM_RECEIVE);
    for (int at = 0; at < 4000; at++)
        assert_int_equal(object[at], 0);
    mn_pool_free(&f->pool, object);
}

static void free_of_null_is_nothing(void **state)
{
    struct pool_fixture *f = *state;
    mn_pool_free(&f->pool, NULL);
    assert_int_equal(f->pool.in_use, 0);
}

static void limit_is_kept(void **state)
{
    struct pool_fixture *f = *state;
    struct mn_pool few;
    mn_pool_init(&few, f->memory, "few", 100, 3);
    void *a = mn_pool_alloc(&few, MN_CLAIM_SEND), *b = mn_pool_alloc(&few, MN_CLAIM_SEND);
    void *c = mn_pool_alloc(&few, MN_CLAIM_RECEIVE);
    assert_non_null(c);
    assert_null(mn_pool_alloc(&few, MN_CLAIM_RECEIVE));
    mn_pool_free(&few, b);
    b = mn_pool_alloc(&few, MN_CLAIM_SEND);
    assert_non_null(b);
    mn_pool_free(&few, a);
    mn_pool_free(&few, b);
    mn_pool_free(&few, c);
}

/* A pool keeps the slab that its last object leaves. That slab is still free memory: for the pool's
 * next object, and for others if there is no other memory. */
static void the_last_slab_is_kept_but_not_used(void **state)
{
    struct pool_fixture *f = *state;
    struct mn_pool other;
    mn_pool_init(&other, f->memory, "other", MN_SLAB_BYTES, SIZE_MAX);
    void *object = mn_pool_alloc(&f->pool, MN_CLAIM_SEND);
    mn_pool_free(&f->pool, object);
    assert_int_equal(mnet_memory_used(f->memory), 0);
    assert_ptr_equal(mn_pool_alloc(&f->pool, MN_CLAIM_SEND), object);
    assert_int_equal(mnet_memory_used(f->memory), MN_SLAB_BYTES);
    mn_pool_free(&f->pool, object);
    size_t slabs = mnet_memory_budget(f->memory) / MN_SLAB_BYTES;
    void **all = calloc(slabs, sizeof *all);
    for (size_t i = 0; i < slabs; i++)
        /* Including the kept one. */
        assert_non_null(all[i] = mn_pool_alloc(&other, MN_CLAIM_RECEIVE));
    assert_null(mn_pool_alloc(&f->pool, MN_CLAIM_RECEIVE));
    assert_int_equal(mnet_memory_used(f->memory), mnet_memory_budget(f->memory));
    for (size_t i = 0; i < slabs; i++)
        mn_pool_free(&other, all[i]);
    free(all);
    assert_int_equal(mnet_memory_used(f->memory), 0);
    /* Takes back the slab that the other pool keeps, or another one. */
    object = mn_pool_alloc(&f->pool, MN_CLAIM_SEND);
    assert_non_null(object);
    mn_pool_free(&f->pool, object);
}

/* A kept slab does not let a sender into the reserve. */
static void the_kept_slab_is_subject_to_the_reserve(void **state)
{
    struct pool_fixture *f = *state;
    struct mn_pool other;
    mn_pool_init(&other, f->memory, "other", MN_SLAB_BYTES, SIZE_MAX);
    mn_pool_free(&f->pool, mn_pool_alloc(&f->pool, MN_CLAIM_SEND));
    void *last = NULL;
    for (void *object; (object = mn_pool_alloc(&other, MN_CLAIM_SEND)) != NULL;)
        last = object;
    assert_null(mn_pool_alloc(&f->pool, MN_CLAIM_SEND));
    void *received = mn_pool_alloc(&f->pool, MN_CLAIM_RECEIVE);
    assert_non_null(received);
    mn_pool_free(&f->pool, received);
    mn_pool_free(&other, last);
    void *sent = mn_pool_alloc(&f->pool, MN_CLAIM_SEND);
    assert_non_null(sent);
    mn_pool_free(&f->pool, sent);
}

/* Allocates objects until none is left. Returns them as a chain through their first words. */
static void *take_all(struct mn_pool *pool, enum mn_claim claim, size_t *count)
{
    void *chain = NULL;
    *count = 0;
    for (void *object; (object = mn_pool_alloc(pool, claim)) != NULL; ++*count) {
        memcpy(object, &chain, sizeof(chain));
        chain = object;
    }
    return chain;
}

static void give_all(struct mn_pool *pool, void *chain)
{
    while (chain != NULL) {
        void *next;
        memcpy(&next, chain, sizeof(next));
        mn_pool_free(pool, chain);
        chain = next;
    }
}

static void sending_leaves_the_reserve_and_receiving_takes_it(void **state)
{
    struct pool_fixture *f = *state;
    size_t sent, received;
    uint32_t slabs = f->memory->slab_count, reserve = f->memory->reserve;
    assert_int_equal(reserve, MN_MAX(2, slabs / 8));
    void *send = take_all(&f->pool, MN_CLAIM_SEND, &sent);
    assert_int_equal(sent, (slabs - reserve) * f->pool.objects_per_slab);
    assert_int_equal(f->memory->free_slabs, reserve);
    void *receive = take_all(&f->pool, MN_CLAIM_RECEIVE, &received);
    assert_int_equal(received, reserve * f->pool.objects_per_slab);
    assert_int_equal(mnet_memory_used(f->memory), mnet_memory_budget(f->memory));
    give_all(&f->pool, receive);
    give_all(&f->pool, send);
    assert_int_equal(mnet_memory_used(f->memory), 0);
    assert_int_equal(mnet_memory_peak(f->memory), mnet_memory_budget(f->memory));
}

static void sending_cannot_fill_a_slab_that_receiving_took_from_the_reserve(void **state)
{
    struct pool_fixture *f = *state;
    size_t sent;
    void *send = take_all(&f->pool, MN_CLAIM_SEND, &sent);
    void *packet = mn_pool_alloc(&f->pool, MN_CLAIM_RECEIVE);
    assert_non_null(packet);
    assert_null(mn_pool_alloc(&f->pool, MN_CLAIM_SEND));
    mn_pool_free(&f->pool, packet);
    give_all(&f->pool, send);
}

static void empty_slabs_serve_other_sizes(void **state)
{
    struct pool_fixture *f = *state;
    size_t count, again;
    give_all(&f->pool, take_all(&f->pool, MN_CLAIM_RECEIVE, &count));
    struct mn_pool other;
    mn_pool_init(&other, f->memory, "other", 24, SIZE_MAX);
    void *chain = take_all(&other, MN_CLAIM_RECEIVE, &again);
    assert_int_equal(again, (size_t)f->memory->slab_count * other.objects_per_slab);
    assert_true(other.objects_per_slab * 32 >= MN_SLAB_BYTES / 100 * 99);
    assert_null(mn_pool_alloc(&f->pool, MN_CLAIM_RECEIVE));
    give_all(&other, chain);
    chain = take_all(&f->pool, MN_CLAIM_RECEIVE, &again);
    assert_int_equal(again, count);
    give_all(&f->pool, chain);
}

/* Each pool has a slab of its own, whose first object is used most. */
static void first_objects_of_slabs_lie_in_different_cache_lines(void **state)
{
    struct pool_fixture *f = *state;
    struct mn_pool pools[6];
    void *objects[6];
    for (size_t i = 0; i < 6; i++) {
        mn_pool_init(&pools[i], f->memory, "one of six", 100 + 100 * i, SIZE_MAX);
        objects[i] = mn_pool_alloc(&pools[i], MN_CLAIM_RECEIVE);
        assert_non_null(objects[i]);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal((uintptr_t)objects[i] / 64 % 64, (uintptr_t)objects[j] / 64 % 64);
    }
    for (size_t i = 0; i < 6; i++)
        mn_pool_free(&pools[i], objects[i]);
}

static void used_counts_slabs_with_objects(void **state)
{
    struct pool_fixture *f = *state;
    void *objects[17];
    for (int i = 0; i < 17; i++)
        objects[i] = mn_pool_alloc(&f->pool, MN_CLAIM_RECEIVE);
    assert_int_equal(mnet_memory_used(f->memory), 2 * MN_SLAB_BYTES);
    mn_pool_free(&f->pool, objects[16]);
    assert_int_equal(mnet_memory_used(f->memory), MN_SLAB_BYTES);
    for (int i = 0; i < 16; i++)
        mn_pool_free(&f->pool, objects[i]);
    assert_int_equal(mnet_memory_used(f->memory), 0);
    assert_int_equal(mnet_memory_peak(f->memory), 2 * MN_SLAB_BYTES);
}

static void tables_are_zero_disjoint_and_share_slabs(void **state)
{
    struct pool_fixture *f = *state;
    uint8_t *a = mn_memory_table(f->memory, 100), *b = mn_memory_table(f->memory, 1000);
    uint8_t *c = mn_memory_table(f->memory, 3 * MN_SLAB_BYTES + 1), *d = mn_memory_table(f->memory, 40000);
    assert_int_equal(mnet_memory_used(f->memory), 5 * MN_SLAB_BYTES);
    const struct {
        uint8_t *at;
        size_t len;
    } tables[] = {{a, 100}, {b, 1000}, {c, 3 * MN_SLAB_BYTES + 1}, {d, 40000}};
    for (size_t i = 0; i < MN_COUNT_OF(tables); i++) {
        assert_non_null(tables[i].at);
        assert_int_equal((uintptr_t)tables[i].at % 64, 0);
        for (size_t at = 0; at < tables[i].len; at++)
            assert_int_equal(tables[i].at[at], 0);
        /* If two overlapped, the later one would not be zero. */
        memset(tables[i].at, 0x77, tables[i].len);
    }
}

static void tables_use_the_larger_rest(void **state)
{
    struct pool_fixture *f = *state;
    mn_memory_table(f->memory, 1000);
    mn_memory_table(f->memory, MN_SLAB_BYTES - 100);
    assert_int_equal(mnet_memory_used(f->memory), 2 * MN_SLAB_BYTES);
    assert_non_null(mn_memory_table(f->memory, MN_SLAB_BYTES - 2000));
    assert_int_equal(mnet_memory_used(f->memory), 2 * MN_SLAB_BYTES);
}

static void table_too_large_is_refused_without_effect(void **state)
{
    struct pool_fixture *f = *state;
    assert_null(mn_memory_table(f->memory, mnet_memory_budget(f->memory) + 1));
    assert_null(mn_memory_table(f->memory, SIZE_MAX));
    assert_int_equal(mnet_memory_used(f->memory), 0);
    assert_non_null(mn_memory_table(f->memory, mnet_memory_budget(f->memory)));
    assert_null(mn_memory_table(f->memory, 1));
    assert_null(mn_pool_alloc(&f->pool, MN_CLAIM_RECEIVE));
}

static void pools_and_tables_meet_without_overlap(void **state)
{
    struct pool_fixture *f = *state;
    size_t count;
    void *chain = take_all(&f->pool, MN_CLAIM_SEND, &count);
    uint8_t *table = mn_memory_table(f->memory, MN_SLAB_BYTES);
    assert_non_null(table);
    memset(table, 0xee, MN_SLAB_BYTES);
    give_all(&f->pool, chain); /* follows the objects' first words */
    chain = take_all(&f->pool, MN_CLAIM_RECEIVE, &count);
    assert_int_equal(count, (size_t)(f->memory->slab_count - 1) * f->pool.objects_per_slab);
    give_all(&f->pool, chain);
    for (size_t at = 0; at < MN_SLAB_BYTES; at++)
        assert_int_equal(table[at], 0xee);
}

static void random_use_keeps_objects_apart(void **state)
{
    struct pool_fixture *f = *state;
    enum {
        POOLS = 4,
        OBJECTS = 600,
    };
    static const size_t sizes[POOLS] = {16, 333, 2048, 16384};
    struct mn_pool pools[POOLS];
    static struct {
        uint8_t *at;
        int pool;
    } objects[OBJECTS];
    uint64_t seed = 77;
    for (int i = 0; i < POOLS; i++)
        mn_pool_init(&pools[i], f->memory, "random", sizes[i], SIZE_MAX);
    for (int step = 0; step < 40000; step++) {
        size_t i = test_random_below(&seed, OBJECTS);
        if (objects[i].at == NULL) {
            objects[i].pool = (int)test_random_below(&seed, POOLS);
            objects[i].at = mn_pool_alloc(&pools[objects[i].pool], step % 2 == 0 ? MN_CLAIM_SEND : MN_CLAIM_RECEIVE);
            if (objects[i].at != NULL)
                memset(objects[i].at, (int)(i & 0xff), sizes[objects[i].pool]);
        } else {
            size_t size = sizes[objects[i].pool];
            assert_int_equal(objects[i].at[0], i & 0xff);
            assert_int_equal(objects[i].at[size - 1], i & 0xff);
            mn_pool_free(&pools[objects[i].pool], objects[i].at);
            objects[i].at = NULL;
        }
    }
    for (int i = 0; i < OBJECTS; i++)
        mn_pool_free(&pools[objects[i].pool], objects[i].at);
    assert_int_equal(mnet_memory_used(f->memory), 0);
}

#define WITH_MEMORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_too_small_is_refused),
        cmocka_unit_test(memory_of_any_size_and_alignment_stays_inside),
        WITH_MEMORY(fresh_memory_uses_nothing),
        WITH_MEMORY(alloc_is_aligned_and_disjoint),
        WITH_MEMORY(alloc_zeroed_is_zero_even_when_reused),
        WITH_MEMORY(free_of_null_is_nothing),
        WITH_MEMORY(limit_is_kept),
        WITH_MEMORY(the_last_slab_is_kept_but_not_used),
        WITH_MEMORY(the_kept_slab_is_subject_to_the_reserve),
        WITH_MEMORY(sending_leaves_the_reserve_and_receiving_takes_it),
        WITH_MEMORY(sending_cannot_fill_a_slab_that_receiving_took_from_the_reserve),
        WITH_MEMORY(empty_slabs_serve_other_sizes),
        WITH_MEMORY(first_objects_of_slabs_lie_in_different_cache_lines),
        WITH_MEMORY(used_counts_slabs_with_objects),
        WITH_MEMORY(tables_are_zero_disjoint_and_share_slabs),
        WITH_MEMORY(tables_use_the_larger_rest),
        WITH_MEMORY(table_too_large_is_refused_without_effect),
        WITH_MEMORY(pools_and_tables_meet_without_overlap),
        WITH_MEMORY(random_use_keeps_objects_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
