/* Macros that programs for Linux expect of their C library. musl does not have this file, and that
 * of glibc works only among glibc's own, so mnet-cc finds this one before it. */
#ifndef _SYS_CDEFS_H
#define _SYS_CDEFS_H 1

#ifdef __cplusplus
#define __BEGIN_DECLS extern "C" {
#define __END_DECLS }
#else
#define __BEGIN_DECLS
#define __END_DECLS
#endif

#define __P(arguments) arguments
#define __CONCAT(x, y) x##y
#define __STRING(x) #x
#define __THROW
#define __nonnull(parameters) __attribute__((__nonnull__ parameters))

#endif
