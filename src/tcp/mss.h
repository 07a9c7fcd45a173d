/* The size of segments (RFC 9293 3.7.1). */
#ifndef MN_TCP_MSS_H
#define MN_TCP_MSS_H

#include "tcp/tcb.h"

/* Sizes that follow from the family of addresses, in bytes. */
struct mn_family_sizes {
    uint16_t ip_header;   /* without options or extension headers */
    uint16_t default_mss; /* of a peer that announces none (MUST-15) */
    /* RFC 8899 5.1.2. A smaller path MTU than MIN_PLPMTU is not believed. */
    uint16_t base_plpmtu, min_plpmtu;
    bool routers_fragment; /* if Don't Fragment is clear */
};
const struct mn_family_sizes *mn_sizes_of(struct mnet_address address);

/* Sets SND.MSS from the peer's MSS (0: it announced none), the path's MTU and the options of every
 * segment (MUST-15, MUST-16), and the initial congestion window. The options are agreed already. */
void mn_tcb_set_peer_mss(struct mn_tcb *tcb, uint16_t peer_mss);
/* Returns the text that fits into a segment on the path, beside the options of every segment. */
uint32_t mn_tcb_path_mss(const struct mn_tcb *tcb);

#endif
