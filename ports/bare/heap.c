/* The memory of a machine: see heap.h. */
#include "ports/bare/heap.h"

#include <mnet/link.h>
#include <mnet/memory.h>

#include "base/list.h"

/* The share of mn_heap_budget that a network stack takes by default, and its smallest share of all
 * memory. */
#define NETWORK_PERCENT 65
#define NETWORK_PERCENT_LEAST 40
/* So many task stacks are to fit into the rest. */
#define TASKS 128
#define TASK_STACK_LEAST ((size_t)32 * 1024)
#define TASK_STACK_MOST ((size_t)64 * 1024)

struct mn_heap_extent {
    struct mn_heap_extent *next;
    size_t size;
};

static uintptr_t round_up(uintptr_t value, uintptr_t to)
{
    return (value + to - 1) & ~(to - 1);
}

static char *end_of(struct mn_heap_extent *extent)
{
    return (char *)extent + extent->size;
}

void mn_heap_init(struct mn_heap *heap, bool (*guard)(void *page))
{
    *heap = (struct mn_heap){.guard = guard};
    mn_list_init(&heap->stacks);
}

/* Puts free pages into the list, joined with their neighbours. Returns the extent that they are
 * part of. */
static struct mn_heap_extent *insert(struct mn_heap *heap, void *memory, size_t size)
{
    struct mn_heap_extent *before = NULL, **link = &heap->extents, *extent = memory;
    while (*link != NULL && (uintptr_t)*link < (uintptr_t)memory) {
        before = *link;
        link = &before->next;
    }
    *extent = (struct mn_heap_extent){*link, size};
    *link = extent;
    if (extent->next != NULL && end_of(extent) == (char *)extent->next) {
        extent->size += extent->next->size;
        extent->next = extent->next->next;
    }
    if (before != NULL && end_of(before) == (char *)extent) {
        before->size += extent->size;
        before->next = extent->next;
        return before;
    }
    return extent;
}

void mn_heap_add(struct mn_heap *heap, void *memory, size_t size)
{
    uintptr_t first = round_up((uintptr_t)memory, MN_HEAP_PAGE);
    uintptr_t end = ((uintptr_t)memory + size) & ~(MN_HEAP_PAGE - 1);
    if (first >= end)
        return;
    heap->size += end - first;
    (void)insert(heap, (void *)first, end - first);
}

/* Cuts pages out of the extent that `link` points to; the rest on either side stays. */
static void cut(struct mn_heap_extent **link, char *memory, size_t size)
{
    struct mn_heap_extent *extent = *link;
    size_t before = (size_t)(memory - (char *)extent);
    size_t after = extent->size - before - size;
    struct mn_heap_extent *next = extent->next;
    if (after > 0) {
        struct mn_heap_extent *rest = (struct mn_heap_extent *)(void *)(memory + size);
        *rest = (struct mn_heap_extent){next, after};
        next = rest;
    }
    if (before > 0) {
        *extent = (struct mn_heap_extent){next, before};
        next = extent;
    }
    *link = next;
}

/* Bytes at the start of an extent that are no place for something of that alignment. */
static size_t skipped(const struct mn_heap_extent *extent, size_t alignment)
{
    return round_up((uintptr_t)extent, MN_MAX(alignment, MN_HEAP_PAGE)) - (uintptr_t)extent;
}

/* The link to the smallest extent that has the room; NULL if none has. */
static struct mn_heap_extent **find_smallest(struct mn_heap *heap, size_t size, size_t alignment)
{
    struct mn_heap_extent **found = NULL;
    for (struct mn_heap_extent **link = &heap->extents; *link != NULL; link = &(*link)->next) {
        size_t skip = skipped(*link, alignment);
        bool fits = skip <= (*link)->size && size <= (*link)->size - skip;
        if (fits && (found == NULL || (*link)->size < (*found)->size))
            found = link;
    }
    return found;
}

void *mn_heap_take(struct mn_heap *heap, size_t size, size_t alignment)
{
    if (size == 0 || size > heap->size)
        return NULL;
    size = round_up(size, MN_HEAP_PAGE);
    struct mn_heap_extent **found = find_smallest(heap, size, alignment);
    if (found == NULL)
        return NULL;
    char *place = (char *)*found + skipped(*found, alignment);
    cut(found, place, size);
    return place;
}

void mn_heap_give(struct mn_heap *heap, void *memory, size_t size)
{
    insert(heap, memory, round_up(size, MN_HEAP_PAGE));
}

/* Bytes of a task stack, with its guard. */
static size_t stack_size(const struct mn_heap *heap)
{
    size_t part = heap->size / 100 * (100 - NETWORK_PERCENT) / TASKS & ~(MN_HEAP_PAGE - 1);
    return MN_MIN(MN_MAX(part, TASK_STACK_LEAST), TASK_STACK_MOST);
}

static size_t largest(const struct mn_heap *heap)
{
    size_t size = 0;
    for (const struct mn_heap_extent *extent = heap->extents; extent != NULL; extent = extent->next)
        size = MN_MAX(size, extent->size);
    return size;
}

size_t mn_heap_budget(const struct mn_heap *heap)
{
    size_t tasks = TASKS * stack_size(heap);
    size_t network = heap->size > tasks ? heap->size - tasks : 0;
    network = MN_MAX(network, heap->size / 100 * NETWORK_PERCENT_LEAST);
    network = MN_MAX(network, MNET_MEMORY_MINIMUM + MN_HEAP_PAGE);
    network = MN_MIN(network, largest(heap));
    return MN_MIN(heap->size, network / NETWORK_PERCENT * 100);
}

/* The highest pages of the smallest extent that has so many. */
static char *take_highest(struct mn_heap *heap, size_t size)
{
    struct mn_heap_extent **found = find_smallest(heap, size, MN_HEAP_PAGE);
    if (found == NULL)
        return NULL;
    char *place = end_of(*found) - size;
    cut(found, place, size);
    return place;
}

static size_t usual_size(const struct mn_heap *heap)
{
    return heap->stack_size - (heap->guard != NULL ? MN_HEAP_PAGE : 0);
}

/* A stack of another size than the result of mn_heap_task_stacks has no guard, which could not be
 * given back, and is not kept. */
static void *stack_alloc(void *context, size_t size)
{
    struct mn_heap *heap = context;
    if (size != usual_size(heap))
        return take_highest(heap, round_up(size, MN_HEAP_PAGE));
    struct mnet_link *kept = mn_list_take(&heap->stacks);
    if (kept != NULL)
        return kept;
    char *block = take_highest(heap, heap->stack_size);
    if (block == NULL)
        return NULL;
    if (heap->guard != NULL && !heap->guard(block)) {
        mn_heap_give(heap, block, heap->stack_size);
        return NULL;
    }
    return block + (heap->stack_size - size);
}

static void stack_free(void *context, void *lowest, size_t size)
{
    struct mn_heap *heap = context;
    struct mnet_link *kept = lowest;
    if (size != usual_size(heap)) {
        mn_heap_give(heap, lowest, size);
        return;
    }
    *kept = (struct mnet_link){0};
    mn_list_prepend(&heap->stacks, kept);
}

struct mn_task_stacks mn_heap_task_stacks(struct mn_heap *heap)
{
    heap->stack_size = stack_size(heap);
    return (struct mn_task_stacks){stack_alloc, stack_free, heap, usual_size(heap)};
}
