/* Pools: objects of one size out of a mnet_memory. See mnet/memory.h for the scheme. */
#ifndef MN_POOL_H
#define MN_POOL_H

#include <mnet/memory.h>

#include "base/base.h"

/* Which part of the budget an allocation may use. */
enum mn_claim {
    MN_CLAIM_RECEIVE, /* all of it: the packet in hand, received or about to be sent, and nothing that stays */
    MN_CLAIM_SEND,    /* not the reserve: connections and their records */
    MN_CLAIM_QUEUE,   /* nor the margin, which is left for those: written data, and what came out of order */
};

struct mn_slab;

/* Zero-cost until used; embed it and call mn_pool_init. */
struct mn_pool {
    struct mnet_memory *memory;
    const char *name;     /* static */
    uint32_t object_size; /* rounded up to 16 */
    uint32_t objects_per_slab;
    struct mn_slab *partial; /* slabs with free objects; one alone may be wholly free, and counts as free memory then */
    struct mn_pool *next;    /* of the same memory */
    size_t in_use;
    size_t limit; /* most objects at a time; SIZE_MAX for none but memory */
};

/* `object_size` is at most MN_SLAB_BYTES. */
#define MN_SLAB_BYTES (64u * 1024u)
void mn_pool_init(struct mn_pool *pool, struct mnet_memory *memory, const char *name, size_t object_size, size_t limit);
/* 16-byte aligned, not zeroed; NULL where memory or the limit is used up. O(1). */
void *mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim);
void *mn_pool_alloc_zeroed(struct mn_pool *pool, enum mn_claim claim);
/* `object` must be of this pool; NULL is allowed. O(1). */
void mn_pool_free(struct mn_pool *pool, void *object);
/* The same, of whichever pool of `memory` it is; not NULL. */
void mn_memory_free(struct mnet_memory *memory, void *object);

/* A zeroed block of any size, aligned to 64 bytes, for tables whose size is fixed at creation; small ones share a
 * slab. Cannot be freed. NULL where there is no room. */
void *mn_memory_table(struct mnet_memory *memory, size_t bytes);

#endif
