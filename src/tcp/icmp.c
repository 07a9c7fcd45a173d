/* ICMP errors (RFC 9293 3.9.2.2, with the care of RFC 5927): believed only when they quote a segment that is in flight. Hard errors end an attempt to
 * connect and nothing else; soft errors end nothing (MUST-56). A next hop of our own that does not answer ends an attempt too. */
#include "tcp/tcb.h"

/* Smaller path MTUs are not believed, though RFC 1191 3 allows 68: every IPv4 host takes 576 octets, and tiny segments are an attack (RFC 5927 7). */
#define PATH_MTU_MINIMUM 576u

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

/* The path takes less than we thought: smaller segments, and what is in flight again (SHLD-6). */
static void too_big(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t mtu)
{
    mtu = MN_MAX(mtu, PATH_MTU_MINIMUM);
    if (mtu >= tcb->path_mtu || !mn_tcp_synchronized(tcb))
        return;
    tcb->path_mtu = (uint16_t)mtu;
    uint32_t path = mn_tcb_path_mss(tcb);
    if (path >= tcb->snd_mss)
        return;
    tcb->snd_mss = (uint16_t)path;
    mn_congestion_set_mss(&tcb->congestion, path);
    mn_loss_resend_all(tcp, tcb);
    mn_tcb_wants_output(tcp, tcb);
}

static void tcb_error(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_icmp_error *error, uint32_t seq)
{
    if (!mn_seq_within(seq, tcb->snd_una, tcb->snd_nxt - tcb->snd_una))
        return;
    bool opening = tcb->state == MN_SYN_SENT || tcb->state == MN_SYN_RECEIVED;
    switch (error->reason) {
    case MN_UNREACHABLE_TOO_BIG: too_big(tcp, tcb, error->mtu); break;
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
    (void)now;
    if (!read_quote(error, &quote))
        return;
    struct mn_conn *conn = mn_table_find(tcp, quote.local, quote.remote);
    if (conn == NULL)
        return;
    if (conn->kind == MN_CONN_TCB)
        tcb_error(tcp, MN_CONTAINER(conn, struct mn_tcb, conn), error, quote.seq);
    else if (conn->kind == MN_CONN_HALF_OPEN && error->reason == MN_UNREACHABLE_NEIGHBOUR)
        mn_half_open_free(tcp, MN_CONTAINER(conn, struct mn_half_open, conn));
}
