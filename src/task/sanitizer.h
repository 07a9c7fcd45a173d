/* Tells the address sanitizer about stacks. In other builds these functions do nothing. The
 * sanitizer's header is not used, because it belongs to a hosted compiler. */
#ifndef MN_SANITIZER_H
#define MN_SANITIZER_H

#include "base/base.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MN_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MN_ADDRESS_SANITIZER 1
#endif

/* A stack: `size` usable bytes from `lowest` on. */
struct mn_fiber {
    char *lowest;
    size_t size;
    void *fake; /* the sanitizer's own stack for locals, while suspended */
};

#ifdef MN_ADDRESS_SANITIZER

void __sanitizer_start_switch_fiber(void **fake, const void *lowest, size_t size);
void __sanitizer_finish_switch_fiber(void *fake, const void **lowest, size_t *size);
void __asan_unpoison_memory_region(const volatile void *address, size_t size);

/* Called before a switch from `from` (NULL: for good) to `to`. */
static inline void mn_fiber_leave(struct mn_fiber *from, const struct mn_fiber *to)
{
    __sanitizer_start_switch_fiber(from != NULL ? &from->fake : NULL, to->lowest, to->size);
}

/* Called after a switch to `to`. Stores the origin of the first switch in `root`. */
static inline void mn_fiber_arrive(const struct mn_fiber *to, struct mn_fiber *root)
{
    const void *lowest;
    size_t size;
    __sanitizer_finish_switch_fiber(to->fake, &lowest, &size);
    if (root->lowest == NULL) {
        root->lowest = (char *)(uintptr_t)lowest;
        root->size = size;
    }
}

/* Frames that were left for good may still be marked. */
static inline void mn_fiber_clean(void *lowest, size_t size)
{
    __asan_unpoison_memory_region(lowest, size);
}

#else

static inline void mn_fiber_leave(struct mn_fiber *from, const struct mn_fiber *to)
{
    (void)from;
    (void)to;
}

static inline void mn_fiber_arrive(const struct mn_fiber *to, struct mn_fiber *root)
{
    (void)to;
    (void)root;
}

static inline void mn_fiber_clean(void *lowest, size_t size)
{
    (void)lowest;
    (void)size;
}

#endif
#endif
