/* Definitions for every file of the stack: a few macros, a sum of times, and assertions for our own
 * bugs. */
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

/* For a function that hardly ever runs: it is not inlined, so the functions that run for every
 * packet need not save registers for it. */
#define MN_RARE __attribute__((noinline, cold))
/* For a function that is called from many places, or often but not for every packet: its code
 * exists once, and is not inlined. */
#define MN_APART __attribute__((noinline))

#define MN_CACHE_LINE 64u

/* Brings an object that is about to be used into the cache, all its lines at once. */
static inline void mn_prefetch(const void *object, size_t size)
{
    for (size_t at = 0; at < size; at += MN_CACHE_LINE)
        __builtin_prefetch((const char *)object + at);
}

/* Returns the time `ns` after `now`, or MNET_NEVER if that is beyond the end of time. */
static inline uint64_t mn_time_after(uint64_t now, uint64_t ns)
{
    return ns < MNET_NEVER - now ? now + ns : MNET_NEVER;
}

/* Report a failed macro of the two below, by mnet_panic. `condition` may be NULL. */
_Noreturn MN_RARE void mn_failed(const char *file, int line, const char *condition);
_Noreturn MN_RARE void mn_misused(const char *file, int line, const char *call, const char *misuse);

/* An assertion has failed. In images of bare machines nothing is called, so that it takes four to
 * seven bytes: the instruction, which no processor knows, has the line in it. The machine's report
 * tells the line and the function (ports/virtio/machine/traps.c). On Solo5 a report has the place
 * and no condition. */
#if defined(MN_TRAPS)
#define MN_FAIL(condition) mn_fail_here(__LINE__)
_Noreturn inline __attribute__((always_inline)) void mn_fail_here(int line)
{
    __asm__ volatile("ud1l %c0(%%rax), %%eax" : : "i"(line));
    __builtin_unreachable();
}
#elif defined(MN_PLACES_ONLY)
#define MN_FAIL(condition) mn_failed(__FILE__, __LINE__, NULL)
#else
#define MN_FAIL(condition) mn_failed(__FILE__, __LINE__, #condition)
#endif

/* Always on. An assertion states a fact that only a bug of ours can break: no data of a peer may
 * reach one. */
#define MN_ASSERT(condition) (MN_LIKELY(condition) ? (void)0 : MN_FAIL(condition))

/* The same in debug builds and fuzzers only, for which the build defines MN_DEBUG: for facts that
 * no memory depends on, or that cost time. Images of machines stay small without them. */
#ifdef MN_DEBUG
#define MN_DEBUG_ASSERT(condition) MN_ASSERT(condition)
#else
#define MN_DEBUG_ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

/* Checks, in public functions and in release builds, too, a duty of the caller that has no error
 * code. `misuse` names the caller's mistake in plain words. The report begins with the function's
 * name. */
#define MN_REQUIRE(condition, misuse) \
    (MN_LIKELY(condition) ? (void)0 : mn_misused(__FILE__, __LINE__, __func__, misuse))

#endif
