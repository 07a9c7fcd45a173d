/* Formatted text without a C library: %s %.*s %c %d %i %u %x %X %p %% with 0, -, width, and the
 * lengths h, hh, l, ll, z, t, j. There are no other conversions. */
#ifndef MN_FORMAT_H
#define MN_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most size-1 characters and a terminating zero (nothing if size is 0). Returns the
 * length of the whole text. */
size_t mn_format(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t mn_format_list(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
