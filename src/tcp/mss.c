/* The amount of text that a segment may carry (RFC 9293 3.7.1). */
#include "tcp/mss.h"
#include "tcp/tcb.h"

/* RFC 6691: an MSS does not count options, so their length is subtracted from the text. */
static uint32_t options_len(const struct mn_tcb *tcb)
{
    return tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS ? MN_TCP_TIMESTAMPS_PADDED : 0;
}

uint32_t mn_tcb_path_mss(const struct mn_tcb *tcb)
{
    uint32_t ip_header = mnet_address_is_ipv4(mn_conn_address(&tcb->conn.remote)) ? 20 : 40;
    MN_ASSERT(tcb->path_mtu > ip_header + MN_TCP_HEADER + options_len(tcb));
    return tcb->path_mtu - ip_header - MN_TCP_HEADER - options_len(tcb); /* MUST-16 */
}

void mn_tcb_set_peer_mss(struct mn_tcb *tcb, uint16_t peer_mss)
{
    bool ipv4 = mnet_address_is_ipv4(mn_conn_address(&tcb->conn.remote));
    uint32_t peer = peer_mss != 0 ? peer_mss : ipv4 ? 536 : 1220; /* MUST-15 */
    peer = MN_MAX(peer, MN_MSS_MINIMUM + options_len(tcb)) - options_len(tcb);
    tcb->snd_mss = (uint16_t)MN_MIN(peer, mn_tcb_path_mss(tcb));
    mn_congestion_init(&tcb->flight.congestion, tcb->flight.congestion.ops, tcb->snd_mss);
}
