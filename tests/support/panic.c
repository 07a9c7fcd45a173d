/* Ends a test in which an assertion failed. Weak, so that a test linked with a port gets the port's
 * function. */
#include <mnet/task.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

__attribute__((weak)) _Noreturn void mnet_panic(const char *file, int line, const char *text)
{
    fprintf(stderr, "mnet: %s (task \"%s\", %s:%d)\n", text, mnet_task_name(mnet_self()), file, line);
    abort();
}
