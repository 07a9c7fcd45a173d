/* The names that llhttp's sources need of <stdlib.h>, for machines without a C library. They are
 * for cases that cannot happen. */
#ifndef HTTPD_BARE_STDLIB_H
#define HTTPD_BARE_STDLIB_H

static inline _Noreturn void abort(void)
{
    __builtin_trap();
}

#endif
