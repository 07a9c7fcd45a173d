/* The end of a test that met a failed assertion. Weak, so that a test linked with a port gets the port's. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

__attribute__((weak)) _Noreturn void mn_panic(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, text);
    abort();
}
