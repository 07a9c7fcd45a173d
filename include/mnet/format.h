/* Formatted text, for programs without a C library. */
#ifndef MNET_FORMAT_H
#define MNET_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#pragma GCC visibility push(default)

/* Write text as snprintf does: at most size - 1 characters and a terminating zero, or nothing if
 * size is 0. Return the length of the whole text. The conversions are %s %.*s %c %d %i %u %x %X %p
 * and %%, with the flags 0 and -, a width, and the lengths h, hh, l, ll, z, t and j. Any other
 * appears as it stands. Never suspend. */
size_t mnet_format(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t mnet_format_list(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#pragma GCC visibility pop

#endif
