/* Loss detection and recovery without SACK: fast retransmit, NewReno (RFC 6582), limited transmit (RFC 3042), and go-back after a timeout.
 *
 * The module decides what to send again; output.c sends it when the windows allow. What is lost is always the range [rtx_nxt, rtx_end), which
 * lies within [SND.UNA, SND.NXT).
 */
#ifndef MN_LOSS_H
#define MN_LOSS_H

#include "base/base.h"

enum mn_loss_phase {
    MN_LOSS_OPEN,     /* nothing is known to be lost */
    MN_LOSS_RECOVERY, /* fast recovery, until SND.UNA reaches `recover` */
    MN_LOSS_TIMEOUT,  /* after a timeout, until SND.UNA reaches `recover` */
};

#define MN_DUPACK_THRESHOLD 3

struct mn_loss {
    uint8_t phase;
    uint32_t dupacks;
    uint32_t recover;          /* SND.NXT when the loss was found */
    bool recover_valid;        /* `recover` guards against a false second fast retransmit (RFC 6582 3.2 step 1) */
    uint32_t rtx_nxt, rtx_end; /* to be sent again */
};

static inline uint32_t mn_loss_pending(const struct mn_loss *loss)
{
    return loss->rtx_end - loss->rtx_nxt;
}

#endif
