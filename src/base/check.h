/* Checks of whole structures: of the facts that must hold between two steps. They walk lists, so
 * they run in debug builds and fuzzers only, for which the build defines MN_DEBUG. */
#ifndef MN_CHECK_H
#define MN_CHECK_H

#include "base/base.h"

#ifdef MN_DEBUG
#define MN_CHECK(call) (call)
#else
#define MN_CHECK(call) ((void)0)
#endif

/* Large structures are checked at every so many steps. */
#define MN_CHECK_STEPS 64

/* Returns true if a structure with `count` parts is to be checked now. `steps` counts its steps. */
static inline bool mn_check_is_due(unsigned *steps, size_t count)
{
    return ++*steps % MN_CHECK_STEPS == 0 || count <= 16;
}

#endif
