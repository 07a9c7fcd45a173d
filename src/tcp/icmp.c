/* ICMP errors (RFC 9293 3.9.2.2, with the care of RFC 5927): believed only when they quote a segment that is in flight. Hard errors end an attempt to
 * connect and nothing else; soft errors end nothing (MUST-56). A next hop of our own that does not answer ends an attempt too. */
#include "tcp/tcb.h"

struct quote {
    struct mnet_endpoint local, remote;
    uint32_t seq;
};

static bool read_quote(const struct mn_icmp_error *error, struct quote *quote)
{
    const uint8_t *q = error->quote;
    if (error->quote_len < 8)
        return false;
    quote->local = (struct mnet_endpoint){error->local, (uint16_t)(q[0] << 8 | q[1])};
    quote->remote = (struct mnet_endpoint){error->remote, (uint16_t)(q[2] << 8 | q[3])};
    quote->seq = (uint32_t)q[4] << 24 | (uint32_t)q[5] << 16 | (uint32_t)q[6] << 8 | q[7];
    return true;
}

static void tcb_error(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_icmp_error *error, uint32_t seq,
                      uint64_t now)
{
    if (!mn_seq_within(seq, tcb->snd_una, tcb->snd_nxt - tcb->snd_una + tcb->probe_out))
        return;
    bool opening = tcb->state == MN_SYN_SENT || tcb->state == MN_SYN_RECEIVED;
    switch (error->reason) {
    case MN_UNREACHABLE_TOO_BIG: /* smaller segments, and what is in flight again (SHLD-6) */
        if (mn_tcp_synchronized(tcb))
            mn_plpmtu_too_big(tcp, tcb, seq, error->mtu, now);
        break;
    case MN_UNREACHABLE_PROTOCOL: /* hard (SHLD-26) */
    case MN_UNREACHABLE_PORT:
    case MN_UNREACHABLE_NEIGHBOUR:
        if (opening)
            mn_tcb_finish(tcp, tcb, MNET_E_UNREACHABLE);
        else
            mn_tcb_notice(tcp, tcb, MNET_NOTICE_UNREACHABLE);
        break;
    case MN_UNREACHABLE_NETWORK: /* soft: reported (SHLD-25), and nothing else (MUST-56) */
    case MN_UNREACHABLE_PROHIBITED: mn_tcb_notice(tcp, tcb, MNET_NOTICE_UNREACHABLE); break;
    }
}

void mn_tcp_icmp(struct mn_tcp *tcp, const struct mn_icmp_error *error, uint64_t now)
{
    struct quote quote;
    if (!read_quote(error, &quote))
        return;
    struct mn_conn *conn = mn_table_find(tcp, &quote.local, &quote.remote);
    if (conn == NULL)
        return;
    if (conn->kind == MN_CONN_TCB)
        tcb_error(tcp, MN_CONTAINER(conn, struct mn_tcb, conn), error, quote.seq, now);
    else if (conn->kind == MN_CONN_HALF_OPEN && error->reason == MN_UNREACHABLE_NEIGHBOUR)
        mn_half_open_free(tcp, MN_CONTAINER(conn, struct mn_half_open, conn));
}
