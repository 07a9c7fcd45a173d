/* The region: slabs of 64 KiB after an array of their descriptors.
 *
 *   | mnet_memory | descriptors | padding | slab 0 | slab 1 | fresh ->  <- tables | last slab |
 *
 * An object's distance from slab 0 gives its descriptor. Recycled slabs are taken first, then fresh
 * ones, so a region larger than needed stays untouched. Slabs that pools keep for their next object
 * are taken last. Tables, which are never given back, are cut from the other end and share slabs.
 */
#include "base/memory.h"

#include <assert.h>
#include <string.h>

#include "base/check.h"
#include "base/poison.h"

#define PAGE 4096u
#define TABLE_ALIGNMENT 64u

static_assert(MN_SLAB_BYTES % PAGE == 0, "slabs follow one another on page boundaries");

static uintptr_t round_up(uintptr_t value, uintptr_t to)
{
    MN_DEBUG_ASSERT(to > 0);
    return (value + to - 1) / to * to;
}

/* The reserve keeps an eighth of the region for packets in hand, but at least two slabs: one of
 * packets, one of large buffers. */
static uint32_t reserve_of(uint32_t slab_count)
{
    return MN_MAX(2, slab_count / 8);
}

/* The margin keeps a sixteenth for connections and their records, so that data cannot shut them
 * out. The smallest regions have no margin: a few connections would use it up, and leave nothing
 * for data. */
static uint32_t margin_of(uint32_t slab_count)
{
    return slab_count / 16;
}

struct mnet_memory *mnet_memory_init(void *region, size_t size)
{
    if (region == NULL || size < MNET_MEMORY_MINIMUM)
        return NULL;
    MN_UNPOISON(region, size);
    uintptr_t start = round_up((uintptr_t)region, TABLE_ALIGNMENT);
    uintptr_t end = (uintptr_t)region + size;
    uintptr_t descriptors = round_up(start + sizeof(struct mnet_memory), TABLE_ALIGNMENT);
    size_t count = (end - descriptors) / (MN_SLAB_BYTES + sizeof(struct mn_slab));
    uintptr_t base = round_up(descriptors + count * sizeof(struct mn_slab), PAGE);
    if (base + count * MN_SLAB_BYTES > end)
        count--;
    MN_ASSERT(count <= UINT32_MAX);

    struct mnet_memory *memory = (struct mnet_memory *)start;
    memset(memory, 0, sizeof(*memory));
    memory->base = (uint8_t *)base;
    memory->slabs = (struct mn_slab *)descriptors;
    memory->slab_count = (uint32_t)count;
    memory->tables = memory->slab_count;
    memory->free_slabs = memory->slab_count;
    memory->fewest_free = memory->slab_count;
    memory->reserve = reserve_of(memory->slab_count);
    memory->short_at = memory->reserve + margin_of(memory->slab_count);
    mn_packet_pools_init(memory);
    return memory;
}

size_t mnet_memory_used(const struct mnet_memory *memory)
{
    return (size_t)(memory->slab_count - memory->free_slabs) * MN_SLAB_BYTES;
}

size_t mnet_memory_peak(const struct mnet_memory *memory)
{
    return (size_t)(memory->slab_count - memory->fewest_free) * MN_SLAB_BYTES;
}

size_t mnet_memory_budget(const struct mnet_memory *memory)
{
    return (size_t)memory->slab_count * MN_SLAB_BYTES;
}

static void count_taken(struct mnet_memory *memory, uint32_t slabs)
{
    MN_ASSERT(memory->free_slabs >= slabs);
    memory->free_slabs -= slabs;
    memory->fewest_free = MN_MIN(memory->fewest_free, memory->free_slabs);
    MN_DEBUG_ASSERT(memory->fewest_free <= memory->free_slabs);
}

struct mn_slab *mn_memory_slab(const struct mnet_memory *memory, const void *object)
{
    size_t distance = (uintptr_t)object - (uintptr_t)memory->base;
    MN_ASSERT(distance / MN_SLAB_BYTES < memory->slab_count);
    return &memory->slabs[distance / MN_SLAB_BYTES];
}

/* Takes an empty slab from a pool. This is rare, and the number of pools is small. */
static struct mn_slab *reclaim(struct mnet_memory *memory)
{
    struct mn_slab *slab = NULL;
    for (struct mn_pool *pool = memory->pools; slab == NULL; pool = pool->next) {
        MN_ASSERT(pool != NULL); /* there is a free slab */
        slab = mn_pool_give_up(pool);
    }
    return slab;
}

struct mn_slab *mn_memory_take_slab(struct mnet_memory *memory, enum mn_claim claim)
{
    MN_DEBUG_ASSERT(memory->fresh <= memory->tables);
    if (!mn_memory_has_slab(memory, claim))
        return NULL;
    struct mn_slab *slab = memory->recycled;
    if (slab != NULL)
        memory->recycled = slab->next;
    else if (memory->fresh < memory->tables)
        slab = &memory->slabs[memory->fresh++];
    else
        slab = reclaim(memory);
    count_taken(memory, 1);
    return slab;
}

void mn_memory_recycle(struct mnet_memory *memory, struct mn_slab *slab)
{
    MN_DEBUG_ASSERT(slab >= memory->slabs && slab < memory->slabs + memory->fresh);
    MN_ASSERT(slab->used == 0);
    slab->pool = NULL;
    slab->next = memory->recycled;
    memory->recycled = slab;
}

/* Takes whole slabs from the end of the fresh ones, and leaves the rest for the next table. If the
 * older rest is larger, that one is kept. */
static uint8_t *make_table(struct mnet_memory *memory, size_t bytes)
{
    MN_DEBUG_ASSERT(memory->fresh <= memory->tables);
    MN_DEBUG_ASSERT(bytes % TABLE_ALIGNMENT == 0);
    size_t slabs = (bytes + MN_SLAB_BYTES - 1) / MN_SLAB_BYTES;
    if (slabs > memory->tables - memory->fresh)
        return NULL;
    memory->tables -= (uint32_t)slabs;
    count_taken(memory, (uint32_t)slabs);
    uint8_t *table = memory->base + (size_t)memory->tables * MN_SLAB_BYTES;
    size_t left = slabs * MN_SLAB_BYTES - bytes;
    if (left > memory->table_left) {
        memory->table_at = table + bytes;
        memory->table_left = left;
    }
    return table;
}

void *mn_memory_table(struct mnet_memory *memory, size_t bytes)
{
    if (bytes > mnet_memory_budget(memory))
        return NULL;
    bytes = round_up(bytes, TABLE_ALIGNMENT);
    uint8_t *table = memory->table_at;
    if (bytes <= memory->table_left) {
        memory->table_at += bytes;
        memory->table_left -= bytes;
    } else {
        table = make_table(memory, bytes);
    }
    if (table != NULL)
        memset(table, 0, bytes);
    return table;
}

void mn_memory_check(struct mnet_memory *memory)
{
    size_t used = 0, in_use = 0;
    uint32_t free = memory->tables - memory->fresh, recycled = 0;
    MN_ASSERT(memory->fresh <= memory->tables && memory->tables <= memory->slab_count);
    MN_ASSERT(memory->fewest_free <= memory->free_slabs && memory->free_slabs <= memory->slab_count);
    if (!mn_check_is_due(&memory->steps, memory->slab_count))
        return;
    for (const struct mn_pool *pool = memory->pools; pool != NULL; pool = pool->next) {
        mn_pool_check(pool);
        in_use += pool->in_use;
        free += pool->partial != NULL && pool->partial->used == 0;
    }
    for (uint32_t i = 0; i < memory->fresh; i++)
        used += memory->slabs[i].pool != NULL ? memory->slabs[i].used : 0;
    for (const struct mn_slab *slab = memory->recycled; slab != NULL; slab = slab->next) {
        MN_ASSERT(slab->pool == NULL && ++recycled <= memory->fresh);
        free++;
    }
    MN_ASSERT(used == in_use && free == memory->free_slabs);
}
