/* The end of a test that met a failed assertion. Weak, so that a test linked with a port gets the port's. */
#include <mnet/task.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

__attribute__((weak)) _Noreturn void mnet_panic(const char *file, int line, const char *text)
{
    fprintf(stderr, "mnet: %s (task \"%s\", %s:%d)\n", text, mnet_task_name(mnet_self()), file, line);
    abort();
}
