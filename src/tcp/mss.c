/* The amount of text that a segment may carry (RFC 9293 3.7.1). */
#include "tcp/mss.h"
#include "tcp/tcb.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

/* Each IPv4 host accepts packets of 576 bytes. RFC 1191 3 allows paths of 68, but tiny segments are
 * an attack (RFC 5927 7). Each IPv6 link carries 1280, and only the source of an IPv6 packet can
 * fragment it (RFC 8200 4.5 and 5). */
static const struct mn_family_sizes ipv4_sizes = {
    .ip_header = MN_IPV4_HEADER, .default_mss = 536, .base_plpmtu = 1200, .min_plpmtu = 576, .routers_fragment = true};
static const struct mn_family_sizes ipv6_sizes = {.ip_header = MN_IPV6_HEADER,
                                                  .default_mss = 1220,
                                                  .base_plpmtu = MN_IPV6_MTU_MIN,
                                                  .min_plpmtu = MN_IPV6_MTU_MIN,
                                                  .routers_fragment = false};

const struct mn_family_sizes *mn_sizes_of(struct mnet_address address)
{
    return mnet_address_is_ipv4(address) ? &ipv4_sizes : &ipv6_sizes;
}

/* RFC 6691: an MSS does not count options, so their length is subtracted from the text. */
static uint32_t options_len(const struct mn_tcb *tcb)
{
    return tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS ? MN_TCP_TIMESTAMPS_PADDED : 0;
}

uint32_t mn_tcb_path_mss(const struct mn_tcb *tcb)
{
    uint32_t ip_header = mn_sizes_of(mn_conn_address(&tcb->conn.remote))->ip_header;
    MN_ASSERT(tcb->path_mtu > ip_header + MN_TCP_HEADER + options_len(tcb));
    return tcb->path_mtu - ip_header - MN_TCP_HEADER - options_len(tcb); /* MUST-16 */
}

void mn_tcb_set_peer_mss(struct mn_tcb *tcb, uint16_t peer_mss)
{
    const struct mn_family_sizes *sizes = mn_sizes_of(mn_conn_address(&tcb->conn.remote));
    uint32_t peer = peer_mss != 0 ? peer_mss : sizes->default_mss; /* MUST-15 */
    peer = MN_MAX(peer, MN_MSS_MINIMUM + options_len(tcb)) - options_len(tcb);
    tcb->snd_mss = (uint16_t)MN_MIN(peer, mn_tcb_path_mss(tcb));
    mn_congestion_init(&tcb->flight.congestion, tcb->flight.congestion.ops, tcb->snd_mss);
}
