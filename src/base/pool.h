/* Pools: objects of one size out of a mnet_memory. See mnet/memory.h for the scheme. */
#ifndef MN_POOL_H
#define MN_POOL_H

#include <mnet/memory.h>

#include "base/base.h"

/* The part of the budget that an allocation may use. */
enum mn_claim {
    /* All of it: for the packet in hand, received or about to be sent, and nothing that stays. */
    MN_CLAIM_RECEIVE,
    MN_CLAIM_SEND, /* All but the reserve: connections and their records. */
    /* All but the reserve and the margin, which is for connections: written data, and text received
     * out of order. */
    MN_CLAIM_QUEUE,
};

struct mn_slab;

/* Uses no memory before its first object. Embed it and call mn_pool_init. */
struct mn_pool {
    struct mnet_memory *memory;
    const char *name;     /* static */
    uint32_t object_size; /* rounded up to 16 */
    uint32_t objects_per_slab;
    /* Slabs with free objects; a single one may be empty, and then counts as free memory. */
    struct mn_slab *partial;
    struct mn_pool *next; /* of the same memory */
    size_t in_use;
    size_t limit; /* most objects at a time; SIZE_MAX: limited by memory only */
};

/* `object_size` is at most MN_SLAB_BYTES. */
#define MN_SLAB_BYTES (64u * 1024u)
void mn_pool_init(struct mn_pool *pool, struct mnet_memory *memory, const char *name, size_t object_size, size_t limit);
/* Return an object, 16-byte aligned, or NULL if memory or the limit is used up. Only the latter
 * function zeroes it. O(1). */
void *mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim);
void *mn_pool_alloc_zeroed(struct mn_pool *pool, enum mn_claim claim);
/* Frees `object`, which must be of this pool. NULL is allowed. O(1). */
void mn_pool_free(struct mn_pool *pool, void *object);
/* Frees an object of any pool of `memory`. Not NULL. */
void mn_memory_free(struct mnet_memory *memory, void *object);
/* Asserts the invariants of the pool's slabs with room. */
void mn_pool_check(const struct mn_pool *pool);

/* Returns a zeroed block of any size, aligned to 64 bytes, for tables whose size is fixed at
 * creation. Small ones share a slab. It cannot be freed. Returns NULL if there is no room. */
void *mn_memory_table(struct mnet_memory *memory, size_t bytes);

#endif
