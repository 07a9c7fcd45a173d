/* The function that assert(3) of libraries that were compiled against a C library calls; it is the
 * same report as that of MN_ASSERT. */
#include "base/base.h"

_Noreturn void __assert_fail(const char *text, const char *file, unsigned line, const char *function);

_Noreturn void __assert_fail(const char *text, const char *file, unsigned line, const char *function)
{
    (void)function;
    mn_failed(file, (int)line, text);
}
