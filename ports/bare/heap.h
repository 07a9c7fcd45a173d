/* The memory of a machine: regions for stacks, rings of devices, and task stacks.
 *
 * Free memory is a list of extents in order of their addresses. Each has its record at its start.
 * There are few, because little memory is ever given back: regions are taken at the low end and
 * returned when a stack of the network ends; task stacks are cut from the high end and are never
 * merged again. Free task stacks are in a list of their own, so a task costs O(1).
 *
 * A PC has its memory in two pieces, below and above the hole for devices under 4 GiB, and a stack
 * of the network needs one piece. So each allocation takes the smallest extent that has room for
 * it: small ones (rings, tables, task stacks) leave the largest extent whole, and mn_heap_budget
 * can promise all of it.
 */
#ifndef MN_BARE_HEAP_H
#define MN_BARE_HEAP_H

#include "task/scheduler.h"

#define MN_HEAP_PAGE ((size_t)4096)

struct mn_heap_extent; /* free memory */

struct mn_heap {
    struct mn_heap_extent *extents; /* by ascending address */
    struct mnet_link stacks;        /* task stacks that are free */
    size_t size;                    /* of all memory, in bytes */
    size_t stack_size;              /* of a task stack with its guard: mn_heap_task_stacks */
    /* Makes a page inaccessible, or returns false; NULL: there is no way to do so. */
    bool (*guard)(void *page);
};

/* An empty heap. `guard` as above. */
void mn_heap_init(struct mn_heap *heap, bool (*guard)(void *page));
/* Adds the whole pages of a piece of memory. Pieces do not overlap. */
void mn_heap_add(struct mn_heap *heap, void *memory, size_t size);
/* Takes `size` bytes, aligned to a page and to `alignment`, a power of two; NULL if no extent
 * has them. */
void *mn_heap_take(struct mn_heap *heap, size_t size, size_t alignment);
/* Takes back a whole piece of mn_heap_take. */
void mn_heap_give(struct mn_heap *heap, void *memory, size_t size);
/* Returns the memory that a port reports to the environment (struct mn_env_setup.memory_size), of
 * which a network stack takes 65 %. It is all memory, except in two cases. If the rest would not
 * suffice for 128 task stacks, it is less, but the network keeps 40 % of all. If no piece has 65 %,
 * it follows from the largest extent at this moment. */
size_t mn_heap_budget(const struct mn_heap *heap);
/* Task stacks, from this heap, once it has all its memory, each above a guard page if there are
 * guards. With that, each has a 128th of 35 % of the memory, but 32 to 64 KiB: 64 from 24 MiB
 * on. */
struct mn_task_stacks mn_heap_task_stacks(struct mn_heap *heap);

#endif
