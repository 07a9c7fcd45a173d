/* Inside a mnet_memory: the region, its slabs, and the pools of packets and buffers that every
 * stack needs. */
#ifndef MN_MEMORY_H
#define MN_MEMORY_H

#include "base/pool.h"

/* One slab of the region. Descriptors are apart from the slabs, so a slab's bytes are touched only
 * when its objects are allocated. */
struct mn_slab {
    struct mn_pool *pool;        /* owner of its objects; NULL for a free slab */
    struct mn_slab *next, *prev; /* in the pool's partial list, or (next only) among the recycled */
    void *freed;                 /* objects given back; the first word of each leads to the next */
    /* Number of objects, from the first on, that were allocated at least once. */
    uint32_t carved;
    uint32_t used; /* number of objects allocated now */
};

struct mnet_memory {
    uint8_t *base; /* of the first slab, on a page boundary */
    struct mn_slab *slabs;
    uint32_t slab_count;
    uint32_t fresh;       /* slabs from here up to `tables` were never used */
    uint32_t tables;      /* slabs from here on hold tables */
    uint32_t free_slabs;  /* fresh, recycled, and kept by pools */
    uint32_t fewest_free; /* lowest value of free_slabs so far */
    uint32_t reserve;     /* free slabs that MN_CLAIM_SEND cannot have */
    /* Free slabs that MN_CLAIM_QUEUE cannot have: the reserve and the margin. */
    uint32_t short_at;
    struct mn_slab *recycled; /* free slabs that were used before */
    struct mn_pool *pools;    /* all pools */
    uint8_t *table_at;        /* room after the last table */
    size_t table_left;
    struct mn_pool packets, small_buffers, large_buffers, lent_buffers;
    unsigned steps; /* of mn_memory_check */
};

/* Returns the slab that contains `object`, which must be in one. */
struct mn_slab *mn_memory_slab(const struct mnet_memory *memory, const void *object);
/* Returns the number of free slabs that `claim` cannot have. */
static inline uint32_t mn_memory_floor(const struct mnet_memory *memory, enum mn_claim claim)
{
    if (claim == MN_CLAIM_RECEIVE)
        return 0;
    return claim == MN_CLAIM_QUEUE && memory->short_at > memory->reserve ? memory->short_at : memory->reserve;
}
/* Returns whether `claim` may have a slab. */
static inline bool mn_memory_has_slab(const struct mnet_memory *memory, enum mn_claim claim)
{
    return memory->free_slabs > mn_memory_floor(memory, claim);
}
/* Little more than the margin is left: an allocation should be no larger than it must. */
static inline bool mn_memory_is_tight(const struct mnet_memory *memory)
{
    return memory->free_slabs < memory->slab_count / 4;
}
/* Memory is short: data that nobody has acknowledged is to be given back. */
static inline bool mn_memory_is_short(const struct mnet_memory *memory)
{
    return memory->free_slabs < memory->short_at;
}
/* A part of the reserve is in use: no more received data may stay. */
static inline bool mn_memory_is_scarce(const struct mnet_memory *memory)
{
    return memory->free_slabs < memory->reserve;
}
/* Returns a free slab for `pool`, or NULL if `claim` may not have one. */
struct mn_slab *mn_memory_take_slab(struct mnet_memory *memory, enum mn_claim claim);
/* Gives back a slab that was counted as free when its last object went. Others may use it. */
void mn_memory_recycle(struct mnet_memory *memory, struct mn_slab *slab);
/* Begins to use the slab that a pool kept. Returns false if `claim` may not have it. */
static inline bool mn_memory_take_kept(struct mnet_memory *memory, enum mn_claim claim)
{
    if (!mn_memory_has_slab(memory, claim))
        return false;
    memory->free_slabs--;
    if (MN_UNLIKELY(memory->free_slabs < memory->fewest_free))
        memory->fewest_free = memory->free_slabs;
    return true;
}
/* Returns whether `claim` may have one more object out of a slab that is in use already. */
static inline bool mn_memory_permits(const struct mnet_memory *memory, enum mn_claim claim)
{
    return memory->free_slabs >= mn_memory_floor(memory, claim);
}

/* Asserts the invariants between two steps (base/check.h): those of each pool, and that each slab
 * is free, a table, or of a pool whose objects are counted. */
void mn_memory_check(struct mnet_memory *memory);

/* Returns the empty slab that `pool` keeps, which is the caller's then, or NULL (pool.c). */
struct mn_slab *mn_pool_give_up(struct mn_pool *pool);

/* Sets up the pools of packets and buffers (packet.c). */
void mn_packet_pools_init(struct mnet_memory *memory);

#endif
