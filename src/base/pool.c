/* Pools: each holds a list of its slabs that have room. A slab that fills up leaves the list. A
 * slab that becomes empty goes back to the region at once, so that any size can use it next. It
 * stays in the list only if the pool has no other slab with room: otherwise a pool whose objects
 * come and go one at a time would take a slab for each. It then counts as free, and the region
 * takes it if it has no other. */
#include "base/pool.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "base/poison.h"

#define OBJECT_ALIGNMENT 16u
#define SMALL_OBJECT 1024u
#define SLAB_UNUSED 512u /* at least, in slabs of small objects: see begin_of */

static_assert(OBJECT_ALIGNMENT >= sizeof(void *), "a free object holds the link to the next");

void mn_pool_init(struct mn_pool *pool, struct mnet_memory *memory, const char *name, size_t object_size, size_t limit)
{
    MN_ASSERT(object_size > 0 && object_size <= MN_SLAB_BYTES);
    uint32_t rounded = ((uint32_t)object_size + OBJECT_ALIGNMENT - 1) / OBJECT_ALIGNMENT * OBJECT_ALIGNMENT;
    *pool = (struct mn_pool){
        .memory = memory,
        .name = name,
        .object_size = rounded,
        .objects_per_slab = (MN_SLAB_BYTES - (rounded <= SMALL_OBJECT ? SLAB_UNUSED : 0)) / rounded,
        .limit = limit,
        .next = memory->pools,
    };
    memory->pools = pool;
}

static void link_partial(struct mn_pool *pool, struct mn_slab *slab)
{
    slab->prev = NULL;
    slab->next = pool->partial;
    if (pool->partial != NULL)
        pool->partial->prev = slab;
    pool->partial = slab;
}

static MN_APART void unlink_partial(struct mn_pool *pool, struct mn_slab *slab)
{
    MN_ASSERT(slab->prev != NULL || pool->partial == slab);
    if (slab->prev != NULL)
        slab->prev->next = slab->next;
    else
        pool->partial = slab->next;
    if (slab->next != NULL)
        slab->next->prev = slab->prev;
}

struct mn_slab *mn_pool_give_up(struct mn_pool *pool)
{
    struct mn_slab *slab = pool->partial;
    if (slab == NULL || slab->used > 0)
        return NULL;
    pool->partial = NULL;
    return slab;
}

static MN_RARE struct mn_slab *new_slab(struct mn_pool *pool, enum mn_claim claim)
{
    struct mn_slab *slab = mn_memory_take_slab(pool->memory, claim);
    if (slab == NULL)
        return NULL;
    *slab = (struct mn_slab){.pool = pool};
    link_partial(pool, slab);
    return slab;
}

/* Returns a slab with room that `claim` may use, or NULL if there is none. */
static inline struct mn_slab *slab_with_room(struct mn_pool *pool, enum mn_claim claim)
{
    struct mn_slab *slab = pool->partial;
    if (MN_UNLIKELY(slab == NULL))
        return new_slab(pool, claim);
    bool permitted = slab->used > 0 ? mn_memory_permits(pool->memory, claim) : mn_memory_take_kept(pool->memory, claim);
    return permitted ? slab : NULL;
}

/* Returns the beginning of a slab's objects. If all began on a page boundary, the first objects of
 * all pools, which are the busiest, would share a few lines of the processor's cache. The unused
 * bytes at the end of a slab allow different beginnings. */
static size_t begin_of(const struct mn_pool *pool, size_t slab_index)
{
    size_t unused = MN_SLAB_BYTES - (size_t)pool->objects_per_slab * pool->object_size;
    return slab_index % (unused / MN_CACHE_LINE + 1) * MN_CACHE_LINE;
}

/* Takes a freed object if there is one, because its bytes may still be cached. Otherwise takes the
 * next one that was never used. */
static void *take_object(struct mn_pool *pool, struct mn_slab *slab)
{
    void *object = slab->freed;
    if (object != NULL) {
        MN_UNPOISON(object, pool->object_size);
        memcpy(&slab->freed, object, sizeof(slab->freed));
    } else {
        size_t index = (size_t)(slab - pool->memory->slabs);
        object = pool->memory->base + index * MN_SLAB_BYTES + begin_of(pool, index) +
                 (size_t)slab->carved * pool->object_size;
        MN_UNPOISON(object, pool->object_size);
        slab->carved++;
    }
    return object;
}

void *mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim)
{
    if (pool->in_use >= pool->limit)
        return NULL;
    struct mn_slab *slab = slab_with_room(pool, claim);
    if (MN_UNLIKELY(slab == NULL))
        return NULL;
    void *object = take_object(pool, slab);
    pool->in_use++;
    if (MN_UNLIKELY(++slab->used == pool->objects_per_slab))
        unlink_partial(pool, slab);
    return object;
}

void *mn_pool_alloc_zeroed(struct mn_pool *pool, enum mn_claim claim)
{
    void *object = mn_pool_alloc(pool, claim);
    if (object != NULL)
        memset(object, 0, pool->object_size);
    return object;
}

/* A full slab has room again, so no empty one need be kept. */
static MN_APART void note_room(struct mn_pool *pool, struct mn_slab *slab)
{
    MN_DEBUG_ASSERT(slab->used + 1 == pool->objects_per_slab);
    struct mn_slab *kept = mn_pool_give_up(pool);
    if (kept != NULL)
        mn_memory_recycle(pool->memory, kept);
    link_partial(pool, slab);
}

static MN_APART void give_away(struct mn_pool *pool, struct mn_slab *slab)
{
    MN_DEBUG_ASSERT(slab->used == 0 && slab->pool == pool);
    unlink_partial(pool, slab);
    mn_memory_recycle(pool->memory, slab);
}

static void give_back(struct mn_slab *slab, void *object)
{
    MN_DEBUG_ASSERT(slab->pool->in_use > 0);
    struct mn_pool *pool = slab->pool;
    uint32_t used = slab->used;
    MN_ASSERT(pool != NULL && used > 0);
    memcpy(object, &slab->freed, sizeof(slab->freed));
    MN_POISON(object, pool->object_size);
    slab->freed = object;
    slab->used = used - 1;
    pool->in_use--;
    if (MN_UNLIKELY(used == pool->objects_per_slab))
        note_room(pool, slab);
    if (used > 1)
        return;
    pool->memory->free_slabs++;
    if (MN_UNLIKELY(slab->prev != NULL || slab->next != NULL))
        give_away(pool, slab);
}

void mn_memory_free(struct mnet_memory *memory, void *object)
{
    give_back(mn_memory_slab(memory, object), object);
}

void mn_pool_free(struct mn_pool *pool, void *object)
{
    if (object == NULL)
        return;
    struct mn_slab *slab = mn_memory_slab(pool->memory, object);
    MN_ASSERT(slab->pool == pool);
    give_back(slab, object);
}

/* A slab without an object is kept only if the pool has no other slab with room. */
void mn_pool_check(const struct mn_pool *pool)
{
    const struct mn_slab *before = NULL;
    MN_ASSERT(pool->in_use <= pool->limit && pool->objects_per_slab > 0);
    for (const struct mn_slab *slab = pool->partial; slab != NULL; slab = slab->next) {
        MN_ASSERT(slab->pool == pool && slab->prev == before);
        MN_ASSERT(slab->used < pool->objects_per_slab && slab->used <= slab->carved);
        MN_ASSERT(slab->used > 0 || (before == NULL && slab->next == NULL));
        MN_ASSERT(slab->carved <= pool->objects_per_slab && (slab->freed != NULL) == (slab->used < slab->carved));
        before = slab;
    }
}
