/* What failed assertions report: see base.h. Both put a text together, so that no assertion carries more than its own. */
#include <string.h>

#include "base/base.h"
#include "base/format.h"

/* The build gives paths as seen from its folder. */
static const char *in_source(const char *file)
{
    while (strncmp(file, "../", 3) == 0)
        file += 3;
    return file;
}

void mn_failed(const char *file, int line, const char *condition)
{
    char text[200];
    mn_format(text, sizeof text, "failed: %s", condition);
    mnet_panic(in_source(file), line, text);
}

void mn_misused(const char *file, int line, const char *call, const char *misuse)
{
    char text[200];
    mn_format(text, sizeof text, "%s: %s", call, misuse);
    mnet_panic(in_source(file), line, text);
}
