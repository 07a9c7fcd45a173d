/* The names that llhttp's sources need of a C library's <stdio.h>, for machines without one: only a
 * trace of its own development prints. */
#ifndef HTTPD_BARE_STDIO_H
#define HTTPD_BARE_STDIO_H

#define fprintf(...) ((void)0)

#endif
