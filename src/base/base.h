/* What every file of the stack may use: a few macros, a sum of times, and assertions for our own bugs. */
#ifndef MN_BASE_H
#define MN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/panic.h>
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

/* For the two macros below: the report of one that does not hold, by mnet_panic. */
_Noreturn MN_RARE void mn_failed(const char *file, int line, const char *condition);
_Noreturn MN_RARE void mn_misused(const char *file, int line, const char *call, const char *misuse);

/* Always on: an assertion states what only a bug of ours can break; nothing that a peer sends may reach one. */
#define MN_ASSERT(condition) (MN_LIKELY(condition) ? (void)0 : mn_failed(__FILE__, __LINE__, #condition))

/* Always on, in public functions: what the caller must see to, where there is no error code for it. `misuse` says in plain
 * words what was done instead; the report has the function's name in front. */
#define MN_REQUIRE(condition, misuse) \
    (MN_LIKELY(condition) ? (void)0 : mn_misused(__FILE__, __LINE__, __func__, misuse))

#endif
