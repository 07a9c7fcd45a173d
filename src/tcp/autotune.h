/* What a connection knows for sizing its receive window by itself; see autotune.c. */
#ifndef MN_AUTOTUNE_H
#define MN_AUTOTUNE_H

#include "base/base.h"

struct mn_tcb;
struct mn_tcp;

struct mn_autotune {
    uint64_t since_ns;    /* when the current measurement began */
    uint32_t read;        /* bytes read in it ... */
    uint32_t read_before; /* ... and in the one before */
};

/* How much a connection may queue: what its window needs, at most the configured buffer, less while memory is short. */
uint32_t mn_tcb_send_limit(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* The user took `bytes`: rcv_target follows. */
void mn_autotune_read(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now);

#endif
