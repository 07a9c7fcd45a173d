/* Names of the GNU C library that musl does not have, for static libraries of Debian that were
 * compiled for it. Checks of lengths (the names *_chk) are made as there. */
#include <stdarg.h>
#include <stddef.h>

const char *gnu_get_libc_version(void);

const char *gnu_get_libc_version(void)
{
    return "2.36";
}
