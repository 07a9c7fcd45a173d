/* What a connection knows for sizing its receive window by itself; see autotune.c. */
#ifndef MN_AUTOTUNE_H
#define MN_AUTOTUNE_H

#include "base/base.h"

struct mn_autotune {
    uint64_t since_ns;    /* when the current measurement began */
    uint32_t read;        /* bytes read in it ... */
    uint32_t read_before; /* ... and in the one before */
};

#endif
