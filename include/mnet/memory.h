/* Memory: everything a stack ever allocates comes from one region with one budget, fixed at creation.
 *
 * The region is cut into slabs, the slabs into objects of fixed sizes; a slab whose objects are all free goes
 * back and can serve another size. Allocating and freeing are O(1). When the region is used up an allocation
 * returns NULL and the caller drops a packet with a counter or reports MNET_E_NO_MEMORY; nothing is ever taken from
 * elsewhere.
 *
 * A reserve keeps packets moving while memory fills: allocations for what stays fail while fewer slabs than
 * the reserve are free, those for packets just received, and for the segments that carry data away, do not. What is
 * received is kept only while the reserve is whole.
 */
#ifndef MNET_MEMORY_H
#define MNET_MEMORY_H

#include <stddef.h>

#pragma GCC visibility push(default)

struct mnet_memory;

/* The smallest region that works, in bytes. */
#define MNET_MEMORY_MINIMUM (1024u * 1024u)

/* Turns `size` bytes at `region` (any alignment, at least MNET_MEMORY_MINIMUM) into a memory. The region must outlive
 * it; it is touched only as far as it is used. Returns NULL where it is too small. There is nothing to undo:
 * forget the region when everything allocated from it is. */
struct mnet_memory *mnet_memory_init(void *region, size_t size);

/* Bytes of the region in slabs that hold at least one object, the most that ever was, and the whole budget. */
size_t mnet_memory_used(const struct mnet_memory *memory);
size_t mnet_memory_peak(const struct mnet_memory *memory);
size_t mnet_memory_budget(const struct mnet_memory *memory);

#pragma GCC visibility pop

#endif
