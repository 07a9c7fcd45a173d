/* Explicit Congestion Notification (RFC 3168): the path marks packets instead of dropping them. */
#ifndef MN_ECN_H
#define MN_ECN_H

#include "base/base.h"

struct mn_ecn {
    uint32_t reduced_to; /* SND.NXT when cwnd was last reduced: marks of what was sent before are old news */
    uint8_t announced;   /* of the reductions that the module counts: the last one that the peer was told of (CWR) */
    bool asked : 1;      /* our SYN is an ECN-setup SYN */
    bool on : 1;         /* both sides agreed */
    bool marking : 1;    /* our data goes out as ECN-capable */
    bool proven : 1;     /* such data has been acknowledged */
    bool echo : 1;       /* a mark arrived: ECE until the peer says CWR */
};

#endif
