/* The names that llhttp's sources need of a C library's <stdlib.h>, for machines without one: it is
 * for what cannot happen. */
#ifndef HTTPD_BARE_STDLIB_H
#define HTTPD_BARE_STDLIB_H

static inline _Noreturn void abort(void)
{
    __builtin_trap();
}

#endif
