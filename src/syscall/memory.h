/* The memory of a program: whole pages from one arena, and small objects cut from pages. */
#ifndef MN_SYSCALL_MEMORY_H
#define MN_SYSCALL_MEMORY_H

#include <mnet/link.h>

#include "base/base.h"

#define MN_SYSTEM_PAGE ((size_t)4096)

/* Pages, and a bit for each that is taken. The bits lie in the first pages. */
struct mn_arena {
    char *start;
    size_t pages, free;
    size_t hint; /* no page below is free */
    uint64_t *taken;
};

/* Makes an arena of the whole pages of a piece of memory. False if it is too small. */
bool mn_arena_init(struct mn_arena *arena, void *memory, size_t size);
/* Takes the lowest run of so many pages, or returns NULL. */
void *mn_arena_take(struct mn_arena *arena, size_t pages);
/* Takes those pages of `count` from `first` on that are not taken. */
void mn_arena_claim(struct mn_arena *arena, void *first, size_t count);
/* Gives back those of `count` pages that are taken. */
void mn_arena_give(struct mn_arena *arena, void *first, size_t count);
/* Whether all of the bytes lie in the arena. */
bool mn_arena_has(const struct mn_arena *arena, const void *first, size_t size);
/* Whether so many pages behind `first` are free: for a piece that grows. */
bool mn_arena_is_free(const struct mn_arena *arena, const void *first, size_t count);

static inline size_t mn_pages_of(size_t size)
{
    return size / MN_SYSTEM_PAGE + (size % MN_SYSTEM_PAGE != 0);
}

/* Objects of up to half a page are cut from pages, by powers of two from 32 bytes on; larger ones
 * are pages. */
#define MN_OBJECT_SIZES 7

struct mn_objects {
    struct mn_arena *arena;
    struct mnet_link *free[MN_OBJECT_SIZES];
};

/* Return zeroed memory, or NULL, and take it back: the functions of struct mnet_socket_memory.
 * `objects` is a struct mn_objects. */
void *mn_object_alloc(void *objects, size_t size);
void mn_object_free(void *objects, void *memory, size_t size);

#endif
