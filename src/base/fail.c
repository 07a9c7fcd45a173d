/* Reports of failed assertions: see base.h. Both functions compose the text, so an assertion
 * carries only its own part of it. */
#include <string.h>

#include "base/base.h"
#include "base/format.h"

/* The build gives paths relative to its folder, which may be anywhere, also below folders with the
 * names of ours. Returns the path in the project, which begins at the last such name. */
static const char *in_project(const char *file)
{
    static const char *const tops[] = {"/src/", "/ports/"};
    const char *from = file;
    for (size_t i = 0; i < MN_COUNT_OF(tops); i++) {
        for (const char *at = from; (at = strstr(at, tops[i])) != NULL;)
            from = ++at;
    }
    return from;
}

void mn_failed(const char *file, int line, const char *condition)
{
    char text[200];
    if (condition == NULL)
        mnet_panic(in_project(file), line, "an assertion failed");
    mn_format(text, sizeof text, "failed: %s", condition);
    mnet_panic(in_project(file), line, text);
}

void mn_misused(const char *file, int line, const char *call, const char *misuse)
{
    char text[200];
    mn_format(text, sizeof text, "%s: %s", call, misuse);
    mnet_panic(in_project(file), line, text);
}
