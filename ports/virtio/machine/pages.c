/* The map of memory: one to one, in pages of 2 MiB if everything in one has the same rights,
 * else of 4 KiB (SDM 3, 4.5).
 *
 * Nothing can be both written and executed; address 0 and the guards of stacks are not there at
 * all. Tables are pages of the memory that they map: taken behind the image while the map is built,
 * later from the heap.
 */
#include <string.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#define PRESENT (UINT64_C(1) << 0)
#define WRITABLE (UINT64_C(1) << 1)
#define WRITE_THROUGH (UINT64_C(1) << 3)
#define UNCACHED (UINT64_C(1) << 4)
#define LARGE (UINT64_C(1) << 7)
#define NO_EXECUTE (UINT64_C(1) << 63)
#define ADDRESS UINT64_C(0x000ffffffffff000)
#define RIGHTS (~ADDRESS & ~LARGE)

#define LARGE_PAGE ((uint64_t)2 << 20)
#define LEVELS 4
#define ENTRIES 512u

static const uint64_t rights_of[] = {
    [MN_ACCESS_NONE] = 0,
    [MN_ACCESS_EXECUTE] = PRESENT,
    [MN_ACCESS_READ] = PRESENT | NO_EXECUTE,
    [MN_ACCESS_WRITE] = PRESENT | WRITABLE | NO_EXECUTE,
    [MN_ACCESS_DEVICE] = PRESENT | WRITABLE | NO_EXECUTE | UNCACHED | WRITE_THROUGH,
};

static struct pages_machine {
    const struct mn_boot *boot;
    uint64_t *root;
    uint64_t early, early_end; /* free memory right behind the image, while there is no heap */
    struct mn_heap *heap;
} machine;

static uint64_t *new_table(void)
{
    void *table = NULL;
    if (machine.heap != NULL) {
        table = mn_heap_take(machine.heap, MN_PAGE, MN_PAGE);
    } else if (machine.early < machine.early_end) {
        table = (void *)machine.early;
        machine.early += MN_PAGE;
    }
    return table != NULL ? memset(table, 0, MN_PAGE) : NULL;
}

/* The table that an entry leads to; made if there is none, and of a large page as 512 small
 * ones. NULL: no memory. */
static uint64_t *table_below(uint64_t *entry)
{
    if ((*entry & PRESENT) != 0 && (*entry & LARGE) == 0)
        return (uint64_t *)(*entry & ADDRESS);
    uint64_t *table = new_table();
    if (table == NULL)
        return NULL;
    for (unsigned i = 0; (*entry & LARGE) != 0 && i < ENTRIES; i++)
        table[i] = ((*entry & ADDRESS) + i * MN_PAGE) | (*entry & RIGHTS);
    *entry = (uintptr_t)table | PRESENT | WRITABLE;
    return table;
}

static unsigned index_at(uint64_t address, unsigned level)
{
    return address >> (12 + 9 * level) & (ENTRIES - 1);
}

static bool map_one(uint64_t address, bool large, uint64_t rights)
{
    uint64_t *table = machine.root;
    for (unsigned level = LEVELS - 1; level > (large ? 1 : 0); level--) {
        table = table_below(&table[index_at(address, level)]);
        if (table == NULL)
            return false;
    }
    uint64_t *entry = &table[index_at(address, large ? 1 : 0)];
    if (large && (*entry & PRESENT) != 0 && (*entry & LARGE) == 0)
        return map_one(address, false, rights); /* in small pages already */
    *entry = rights != 0 ? address | rights | (large ? LARGE : 0) : 0;
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
    return true;
}

bool mn_pages_map(uint64_t start, uint64_t end, enum mn_access access)
{
    start &= ~(MN_PAGE - 1);
    while (start < end) {
        bool large = start % LARGE_PAGE == 0 && end - start >= LARGE_PAGE;
        if (!map_one(start, large, rights_of[access]))
            return false;
        start += large ? LARGE_PAGE : MN_PAGE;
    }
    return true;
}

bool mn_pages_guard(void *page)
{
    return mn_pages_map((uintptr_t)page, (uintptr_t)page + MN_PAGE, MN_ACCESS_NONE);
}

bool mn_pages_readable(uint64_t address)
{
    const uint64_t *table = machine.root;
    if (machine.root == NULL || address >> 47 != 0)
        return false;
    for (unsigned level = LEVELS; level-- > 0;) {
        uint64_t entry = table[index_at(address, level)];
        if ((entry & PRESENT) == 0)
            return false;
        if (level == 0 || (entry & LARGE) != 0)
            return true;
        table = (const uint64_t *)(entry & ADDRESS);
    }
    return false;
}

bool mn_pages_is_ram(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < machine.boot->ram_count; i++) {
        if (start < machine.boot->ram[i].end && machine.boot->ram[i].start < end)
            return true;
    }
    return start < (uintptr_t)mn_image_end();
}

/* The RAM that the image is in; NULL if it is in none. */
static const struct mn_memory_range *home(void)
{
    for (unsigned i = 0; i < machine.boot->ram_count; i++) {
        const struct mn_memory_range *range = &machine.boot->ram[i];
        if (range->start <= (uintptr_t)mn_image_start && mn_image_end() < range->end)
            return range;
    }
    return NULL;
}

static bool map_all(void)
{
    for (unsigned i = 0; i < machine.boot->ram_count; i++) {
        if (!mn_pages_map(machine.boot->ram[i].start, machine.boot->ram[i].end, MN_ACCESS_WRITE))
            return false;
    }
    /* The data of the loader. */
    return mn_pages_map(MN_PAGE, (uintptr_t)mn_image_start, MN_ACCESS_READ) &&
           mn_pages_map(machine.boot->module.start, machine.boot->module.end, MN_ACCESS_READ) &&
           mn_pages_map((uintptr_t)mn_image_start, (uintptr_t)mn_text_end, MN_ACCESS_EXECUTE) &&
           mn_pages_map((uintptr_t)mn_text_end, (uintptr_t)mn_rodata_end, MN_ACCESS_READ) &&
           mn_pages_map((uintptr_t)mn_bss_end, mn_image_end(), MN_ACCESS_READ) && /* symbols */
           mn_pages_guard(mn_main_stack_guard);
}

bool mn_pages_start(const struct mn_boot *boot, struct mn_heap *to)
{
    machine.boot = boot;
    const struct mn_memory_range *around = home();
    if (around == NULL)
        return false;
    machine.early = mn_image_end();
    machine.early_end = MN_MIN(around->end, (uint64_t)1 << 30); /* the end of the first map */
    machine.root = new_table();
    if (machine.root == NULL || !map_all())
        return false;
    __asm__ volatile("movq %0, %%cr3" : : "r"(machine.root) : "memory");
    machine.heap = to;
    mn_heap_init(machine.heap, mn_pages_guard);
    for (unsigned i = 0; i < boot->ram_count; i++) {
        const struct mn_memory_range *range = &boot->ram[i];
        uint64_t start = range == around ? machine.early : range->start;
        mn_heap_add(machine.heap, (void *)start, range->end - start);
    }
    return true;
}

volatile void *mn_machine_map_device(uint64_t address, uint64_t size)
{
    if (size == 0 || address >> 46 != 0 || size >> 46 != 0 || mn_pages_is_ram(address, address + size))
        return NULL;
    return mn_pages_map(address, address + size, MN_ACCESS_DEVICE) ? (volatile void *)address : NULL;
}

const void *mn_machine_module(size_t *size)
{
    const struct mn_memory_range *module = &machine.boot->module;
    *size = module->end - module->start;
    return *size > 0 ? (const void *)module->start : NULL;
}

void *mn_machine_allocate(size_t size, size_t alignment)
{
    void *memory = mn_heap_take(machine.heap, size, alignment);
    return memory != NULL ? memset(memory, 0, size) : NULL;
}
