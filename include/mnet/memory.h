/* Memory: a stack allocates everything from one region with one budget, fixed at creation.
 *
 * The region is cut into slabs, and each slab into objects of one size. If all objects of a slab
 * are free, the slab can serve another size. Allocating and freeing are O(1). If the region is used
 * up, an allocation returns NULL. The caller then drops a packet and counts it, or returns
 * MNET_E_NO_MEMORY; nothing is ever taken from elsewhere.
 *
 * A reserve keeps packets moving while memory fills. If fewer slabs than the reserve are free,
 * allocations for data that stays fail. Those for packets just received, and for the segments that
 * carry data away, still succeed. Received data is kept only while the reserve is whole.
 */
#ifndef MNET_MEMORY_H
#define MNET_MEMORY_H

#include <stddef.h>

#pragma GCC visibility push(default)

struct mnet_memory;

/* The smallest region that works, in bytes. */
#define MNET_MEMORY_MINIMUM (1024u * 1024u)

/* Turns `size` bytes at `region` into a memory: any alignment, at least MNET_MEMORY_MINIMUM. The
 * region must outlive the memory. Parts of it that are not used are not touched. Returns NULL if
 * the region is too small. There is no call that ends a memory: once everything allocated from it
 * is unused, forget the region. */
struct mnet_memory *mnet_memory_init(void *region, size_t size);

/* Bytes of the region in slabs with at least one object: now, and at the highest point so far; and
 * the whole budget. */
size_t mnet_memory_used(const struct mnet_memory *memory);
size_t mnet_memory_peak(const struct mnet_memory *memory);
size_t mnet_memory_budget(const struct mnet_memory *memory);

#pragma GCC visibility pop

#endif
