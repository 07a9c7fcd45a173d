/* Measurements by which a connection sizes its receive window: see autotune.c. */
#ifndef MN_AUTOTUNE_H
#define MN_AUTOTUNE_H

#include "base/base.h"

struct mn_tcb;
struct mn_tcp;

struct mn_autotune {
    uint64_t since_ns;    /* beginning of the current measurement */
    uint32_t read;        /* bytes read in it */
    uint32_t read_before; /* bytes read in the one before */
};

/* A queue of so many bytes is always allowed while half of the memory is free. */
#define MN_SEND_INITIAL (64u * 1024)
/* Returns how many bytes a connection may queue: as many as its window needs, at most the
 * configured buffer, and fewer while memory is short. */
uint32_t mn_tcb_send_limit(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* The user read `bytes`. Adjusts rcv_target. */
void mn_autotune_read(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now);

#endif
