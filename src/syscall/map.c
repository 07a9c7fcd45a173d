/* Memory of a program: mmap and its relatives. Every page is there, so memory that is mapped is
 * used. A file is mapped as a copy of its bytes. */
#include <string.h>

#include "syscall/calls.h"
#include "syscall/open.h"

#define PROT_READ 1u
#define PROT_WRITE 2u
#define MAP_SHARED 1u
#define MAP_FIXED 0x10u
#define MAP_ANONYMOUS 0x20u
#define MREMAP_MAYMOVE 1u

static bool protect(struct mn_system *system, void *first, size_t pages, uint64_t protection)
{
    return system->port->protect(system->port->context, first, pages * MN_SYSTEM_PAGE, protection != 0,
                                 (protection & PROT_WRITE) != 0);
}

/* Says once that memory is used up: a program often does not. */
static int64_t no_memory(struct mn_system *system, size_t pages)
{
    if (!system->told_memory)
        mn_system_say(system, "it asks for %zu KiB of memory, and %zu KiB are left of %zu", pages * 4,
                      system->arena.free * 4, system->arena.pages * 4);
    system->told_memory = true;
    return -MNET_ENOMEM;
}

/* The memory of whole pages returns with its usual rights. */
static void give_pages(struct mn_system *system, void *first, size_t pages)
{
    MN_DEBUG_ASSERT((uintptr_t)first % MN_SYSTEM_PAGE == 0);
    (void)protect(system, first, pages, PROT_READ | PROT_WRITE);
    mn_arena_give(&system->arena, first, pages);
}

static bool is_whole(const struct mn_system *system, uint64_t address, size_t pages)
{
    return address % MN_SYSTEM_PAGE == 0 && mn_arena_has(&system->arena, mn_pointer(address), pages * MN_SYSTEM_PAGE);
}

/* The bytes of a file, in pages that are zero. */
static int fill(struct mn_system *system, int fd, char *to, size_t len, uint64_t offset)
{
    struct mn_open *open;
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error;
    if (open->ops != &mn_regular_ops)
        error = -MNET_ENODEV;
    else
        (void)mn_inode_read(open->inode, to, len, offset);
    mn_open_release(open);
    return error;
}

static char *place_for(struct mn_system *system, uint64_t address, size_t pages, bool fixed)
{
    if (!fixed)
        return mn_arena_take(&system->arena, pages);
    if (!is_whole(system, address, pages))
        return NULL;
    mn_arena_claim(&system->arena, mn_pointer(address), pages);
    (void)protect(system, mn_pointer(address), pages, PROT_READ | PROT_WRITE);
    return mn_pointer(address);
}

MN_CALL(mmap)
{
    struct mn_system *system = thread->system;
    size_t len = argument[1], pages = mn_pages_of(len);
    uint64_t protection = argument[2], flags = argument[3];
    bool file = (flags & MAP_ANONYMOUS) == 0;
    if (len == 0)
        return -MNET_EINVAL;
    if (file && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0) {
        (void)mn_missing(thread, 9, "of a file that is shared and written");
        return -MNET_ENODEV;
    }
    char *place = place_for(system, argument[0], pages, (flags & MAP_FIXED) != 0);
    if (place == NULL)
        return no_memory(system, pages);
    MN_DEBUG_ASSERT(mn_arena_has(&system->arena, place, pages * MN_SYSTEM_PAGE));
    memset(place, 0, pages * MN_SYSTEM_PAGE);
    int error = file ? fill(system, (int)argument[4], place, len, argument[5]) : 0;
    if (error == 0 && (protection & PROT_WRITE) == 0 && !protect(system, place, pages, protection))
        error = -MNET_ENOMEM;
    if (error < 0)
        give_pages(system, place, pages);
    return error < 0 ? error : (int64_t)(uintptr_t)place;
}

MN_CALL(munmap)
{
    size_t pages = mn_pages_of(argument[1]);
    if (pages == 0 || !is_whole(thread->system, argument[0], pages))
        return -MNET_EINVAL;
    give_pages(thread->system, mn_pointer(argument[0]), pages);
    return 0;
}

/* Outside the program's own memory there is nothing to change: the image has its rights. */
MN_CALL(mprotect)
{
    size_t pages = mn_pages_of(argument[1]);
    if (argument[0] % MN_SYSTEM_PAGE != 0)
        return -MNET_EINVAL;
    if (!is_whole(thread->system, argument[0], pages))
        return 0;
    return protect(thread->system, mn_pointer(argument[0]), pages, argument[2]) ? 0 : -MNET_ENOMEM;
}

/* Grows in place if the pages behind are free. */
static bool grow(struct mn_system *system, char *old, size_t old_pages, size_t pages)
{
    MN_DEBUG_ASSERT(pages > old_pages);
    char *end = old + old_pages * MN_SYSTEM_PAGE;
    if (!mn_arena_is_free(&system->arena, end, pages - old_pages))
        return false;
    mn_arena_claim(&system->arena, end, pages - old_pages);
    memset(end, 0, (pages - old_pages) * MN_SYSTEM_PAGE);
    return true;
}

MN_CALL(mremap)
{
    struct mn_system *system = thread->system;
    char *old = mn_pointer(argument[0]);
    size_t old_pages = mn_pages_of(argument[1]), pages = mn_pages_of(argument[2]);
    if (pages == 0 || old_pages == 0 || !is_whole(system, argument[0], old_pages) ||
        (argument[3] & ~(uint64_t)MREMAP_MAYMOVE) != 0)
        return -MNET_EINVAL;
    if (pages <= old_pages) {
        give_pages(system, old + pages * MN_SYSTEM_PAGE, old_pages - pages);
        return (int64_t)argument[0];
    }
    if (grow(system, old, old_pages, pages))
        return (int64_t)argument[0];
    char *place = (argument[3] & MREMAP_MAYMOVE) != 0 ? mn_arena_take(&system->arena, pages) : NULL;
    if (place == NULL)
        return no_memory(system, pages);
    memcpy(place, old, old_pages * MN_SYSTEM_PAGE);
    memset(place + old_pages * MN_SYSTEM_PAGE, 0, (pages - old_pages) * MN_SYSTEM_PAGE);
    give_pages(system, old, old_pages);
    return (int64_t)(uintptr_t)place;
}

/* The break is a piece of a megabyte at most: what a program needs beyond that it maps. */
#define BREAK_PART 32u
#define BREAK_PAGES_MOST ((size_t)256)

MN_CALL(brk)
{
    struct mn_system *system = thread->system;
    size_t pages = MN_MIN(system->arena.pages / BREAK_PART, BREAK_PAGES_MOST);
    if (system->break_start == NULL) {
        system->break_start = system->break_now = mn_arena_take(&system->arena, pages);
        if (system->break_start == NULL)
            return 0;
        memset(system->break_start, 0, pages * MN_SYSTEM_PAGE);
    }
    char *wanted = mn_pointer(argument[0]);
    if (wanted >= system->break_start && wanted <= system->break_start + pages * MN_SYSTEM_PAGE) {
        if (wanted < system->break_now)
            memset(wanted, 0, (size_t)(system->break_now - wanted));
        system->break_now = wanted;
    }
    MN_DEBUG_ASSERT(system->break_now >= system->break_start);
    return (int64_t)(uintptr_t)system->break_now;
}

#define MADV_DONTNEED 4u

/* Linux makes the pages of MADV_DONTNEED zero. */
MN_CALL(madvise)
{
    if (argument[2] == MADV_DONTNEED && is_whole(thread->system, argument[0], mn_pages_of(argument[1])))
        memset(mn_pointer(argument[0]), 0, argument[1]);
    return 0;
}
