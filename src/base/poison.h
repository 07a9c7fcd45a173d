/* Tells AddressSanitizer which objects of a pool are free, so that it finds a use after free inside
 * the region, too. Without the sanitizer these functions do nothing. */
#ifndef MN_POISON_H
#define MN_POISON_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MN_POISON_ACTIVE 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MN_POISON_ACTIVE 1
#endif

#ifdef MN_POISON_ACTIVE
void __asan_poison_memory_region(void const volatile *at, size_t len);
void __asan_unpoison_memory_region(void const volatile *at, size_t len);
#define MN_POISON(at, len) __asan_poison_memory_region((at), (len))
#define MN_UNPOISON(at, len) __asan_unpoison_memory_region((at), (len))
#else
#define MN_POISON(at, len) ((void)(at), (void)(len))
#define MN_UNPOISON(at, len) ((void)(at), (void)(len))
#endif

#endif
