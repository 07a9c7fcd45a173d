/* Pages and small objects: see memory.h. */
#include "syscall/memory.h"

#include <string.h>

#define WORD 64u
#define SMALLEST ((size_t)32)

static bool is_taken(const struct mn_arena *arena, size_t page)
{
    return (arena->taken[page / WORD] >> page % WORD & 1) != 0;
}

static void set(struct mn_arena *arena, size_t page, bool taken)
{
    MN_DEBUG_ASSERT(page < arena->pages && arena->free <= arena->pages);
    uint64_t bit = UINT64_C(1) << page % WORD;
    if (is_taken(arena, page) == taken)
        return;
    arena->taken[page / WORD] ^= bit;
    arena->free += taken ? (size_t)-1 : 1;
    MN_DEBUG_ASSERT(arena->free <= arena->pages);
}

static size_t page_of(const struct mn_arena *arena, const void *address)
{
    MN_DEBUG_ASSERT((const char *)address >= arena->start);
    return (size_t)((const char *)address - arena->start) / MN_SYSTEM_PAGE;
}

bool mn_arena_init(struct mn_arena *arena, void *memory, size_t size)
{
    uintptr_t first = ((uintptr_t)memory + MN_SYSTEM_PAGE - 1) & ~(uintptr_t)(MN_SYSTEM_PAGE - 1);
    size_t skipped = first - (uintptr_t)memory;
    size_t pages = size > skipped ? (size - skipped) / MN_SYSTEM_PAGE : 0;
    size_t words = (pages + WORD - 1) / WORD, own = mn_pages_of(words * sizeof(uint64_t));
    if (pages <= own)
        return false;
    *arena = (struct mn_arena){.start = (char *)first, .pages = pages, .free = pages, .taken = (uint64_t *)first};
    memset(arena->taken, 0, words * sizeof(uint64_t));
    for (size_t page = 0; page < own; page++)
        set(arena, page, true);
    arena->hint = own;
    return true;
}

/* The number of free pages from `page` on, up to `wanted`. */
static size_t run_at(const struct mn_arena *arena, size_t page, size_t wanted)
{
    size_t run = 0;
    while (run < wanted && page + run < arena->pages && !is_taken(arena, page + run))
        run++;
    return run;
}

/* The next free page from `page` on. */
static size_t next_free(const struct mn_arena *arena, size_t page)
{
    while (page < arena->pages && is_taken(arena, page))
        page += page % WORD == 0 && arena->taken[page / WORD] == UINT64_MAX ? WORD : 1;
    return MN_MIN(page, arena->pages);
}

void *mn_arena_take(struct mn_arena *arena, size_t pages)
{
    if (pages == 0 || pages > arena->free)
        return NULL;
    arena->hint = next_free(arena, arena->hint);
    for (size_t page = arena->hint; page < arena->pages;) {
        size_t run = run_at(arena, page, pages);
        if (run == pages) {
            mn_arena_claim(arena, arena->start + page * MN_SYSTEM_PAGE, pages);
            return arena->start + page * MN_SYSTEM_PAGE;
        }
        page = next_free(arena, page + run);
    }
    return NULL;
}

void mn_arena_claim(struct mn_arena *arena, void *first, size_t count)
{
    MN_DEBUG_ASSERT(mn_arena_has(arena, first, count * MN_SYSTEM_PAGE));
    size_t page = page_of(arena, first);
    for (size_t i = 0; i < count; i++)
        set(arena, page + i, true);
}

void mn_arena_give(struct mn_arena *arena, void *first, size_t count)
{
    MN_DEBUG_ASSERT(mn_arena_has(arena, first, count * MN_SYSTEM_PAGE));
    size_t page = page_of(arena, first);
    for (size_t i = 0; i < count; i++)
        set(arena, page + i, false);
    arena->hint = MN_MIN(arena->hint, page);
}

bool mn_arena_has(const struct mn_arena *arena, const void *first, size_t size)
{
    uintptr_t start = (uintptr_t)arena->start, end = start + arena->pages * MN_SYSTEM_PAGE, at = (uintptr_t)first;
    /* The pages of the bits are nobody's. */
    start += mn_pages_of((arena->pages + WORD - 1) / WORD * sizeof(uint64_t)) * MN_SYSTEM_PAGE;
    return at >= start && at <= end && size <= end - at;
}

bool mn_arena_is_free(const struct mn_arena *arena, const void *first, size_t count)
{
    return mn_arena_has(arena, first, count * MN_SYSTEM_PAGE) && run_at(arena, page_of(arena, first), count) == count;
}

/* ---- Small objects ---- */

/* The index of the size class. */
static unsigned class_of(size_t size)
{
    unsigned class = 0;
    while (SMALLEST << class < size)
        class ++;
    return class;
}

static bool cut_page(struct mn_objects *objects, unsigned class)
{
    MN_DEBUG_ASSERT(class < MN_OBJECT_SIZES && objects->free[class] == NULL);
    char *page = mn_arena_take(objects->arena, 1);
    if (page == NULL)
        return false;
    for (size_t at = 0; at < MN_SYSTEM_PAGE; at += SMALLEST << class) {
        struct mnet_link *object = (struct mnet_link *)(void *)(page + at);
        object->next = objects->free[class];
        objects->free[class] = object;
    }
    return true;
}

void *mn_object_alloc(void *context, size_t size)
{
    struct mn_objects *objects = context;
    unsigned class = class_of(size);
    if (class >= MN_OBJECT_SIZES) {
        void *pages = mn_arena_take(objects->arena, mn_pages_of(size));
        return pages != NULL ? memset(pages, 0, size) : NULL;
    }
    if (objects->free[class] == NULL && !cut_page(objects, class))
        return NULL;
    struct mnet_link *object = objects->free[class];
    objects->free[class] = object->next;
    return memset(object, 0, size);
}

void mn_object_free(void *context, void *memory, size_t size)
{
    struct mn_objects *objects = context;
    unsigned class = class_of(size);
    if (memory == NULL)
        return;
    if (class >= MN_OBJECT_SIZES) {
        mn_arena_give(objects->arena, memory, mn_pages_of(size));
        return;
    }
    MN_DEBUG_ASSERT(mn_arena_has(objects->arena, memory, size) && (uintptr_t)memory % SMALLEST == 0);
    struct mnet_link *object = memory;
    object->next = objects->free[class];
    objects->free[class] = object;
}
