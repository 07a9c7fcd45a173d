/* What every file of the stack may use: a few macros, a sum of times, and assertions for our own bugs. */
#ifndef MN_BASE_H
#define MN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/time.h>

#define MN_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define MN_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MN_MIN(a, b) ((a) < (b) ? (a) : (b))
#define MN_MAX(a, b) ((a) > (b) ? (a) : (b))
#define MN_LIKELY(x) __builtin_expect(!!(x), 1)
#define MN_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Before a function that hardly ever runs: it stays out of those that run for every packet, which then need not save registers for it. */
#define MN_RARE __attribute__((noinline, cold))
/* Before a function that runs often, but not for every packet, or from many places: it has its code once, in a place of its own. */
#define MN_APART __attribute__((noinline))

/* `ns` after `now`; what would be beyond the end of time is never. */
static inline uint64_t mn_time_after(uint64_t now, uint64_t ns)
{
    return ns < MNET_NEVER - now ? now + ns : MNET_NEVER;
}

/* Ends the program with a report; the port defines it (standard error, console). Never returns. */
_Noreturn void mn_panic(const char *file, int line, const char *text);

/* Always on: an assertion states what only a bug of ours can break; nothing that a peer sends may reach one. */
#define MN_ASSERT(condition) (MN_LIKELY(condition) ? (void)0 : mn_panic(__FILE__, __LINE__, #condition))

#endif
