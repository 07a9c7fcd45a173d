/* Echo requests of our own, over both families (RFC 792, RFC 4443 4.1). Each has a record, which
 * its sender keeps until the reply has come or nobody waits for it any more. */
#ifndef MN_PING_H
#define MN_PING_H

#include "ip/ip.h"

#define MN_PING_MAX 65527 /* bytes of data over IPv6; IPv4 takes 20 fewer */

struct mn_ping {
    struct mnet_link link; /* of the requests that wait for their replies */
    struct mnet_address host;
    uint32_t mark;        /* identifier and sequence number */
    uint64_t answered_ns; /* MNET_NEVER: not yet */
};

/* Sends a request with `len` bytes of data, at most MN_PING_MAX. 0 or an error of mn_ip_output, or
 * MNET_E_INVALID if `host` is not the address of one host; then the record is not kept. */
int mn_ping_begin(struct mn_ip *ip, struct mn_ping *ping, struct mnet_address host, size_t len, uint64_t now);
/* Nobody waits any more. Does nothing to a record that is not kept. */
void mn_ping_end(struct mn_ping *ping);
/* An Echo Reply with a right checksum, and `mark` in its header, has come from `host`. False if it
 * answers none of the requests. */
bool mn_ping_answer(struct mn_ip *ip, const struct mnet_address *host, uint32_t mark, uint64_t now);

#endif
