#include "tcp/timestamps.h"

#include "tcp/ready.h"
#include "tcp/records/table.h"
#include "tcp/tcb.h"

uint32_t mn_timestamps_offset(const struct mn_tcp *tcp, const struct mnet_endpoint *local,
                              const struct mnet_endpoint *remote)
{
    return (uint32_t)mn_tuple_hash(&tcp->timestamp_key, local, remote);
}

bool mn_tcb_check_timestamp(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    const struct mn_tcp_header *h = &seg->header;
    if (!(tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS) || seg->flags & (MN_TCP_RST | MN_TCP_SYN))
        return true; /* 5.2: a reset is judged by its sequence number alone; a SYN is challenged (RFC 5961 4.2) */
    bool present = (h->options & MN_TCP_OPTION_TIMESTAMPS) != 0;
    if (MN_LIKELY(present && !mn_timestamps_old(&tcb->timestamps, h->ts_value, seg->now)))
        return true;
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_TIMESTAMP);
    if (!present) /* 3.2: dropped in silence */
        return false;
    if (mn_seq_lt(seg->seq,
                  tcb->rcv_nxt)) /* late rather than sent again; the peer takes back what it did about a loss */
        mn_sack_note_duplicate(tcb, seg->seq, mn_seq_min(seg->seq + seg->text->total, tcb->rcv_nxt));
    if (seg->len == 0) {
        mn_tcb_challenge(tcp, tcb, seg->now); /* limited, as any answer to what may itself be an answer */
    } else {
        mn_tcb_owe(tcp, tcb, MN_OWED_ACK);
    }
    return false;
}

/* The segment answers one that came twice (D-SACK, RFC 2883): TS.Recent over there is still that of the first, whose acknowledgement was lost, and its age no
 * round-trip time. Taking it for one would multiply the timeout at each lost acknowledgement. */
static bool answers_duplicate(const struct mn_segment *seg)
{
    const struct mn_tcp_header *h = &seg->header;
    return h->options & MN_TCP_OPTION_SACK && mn_seq_leq(h->sack[0].right, seg->ack);
}

uint64_t mn_tcb_echo_age(const struct mn_tcb *tcb, const struct mn_segment *seg)
{
    const struct mn_tcp_header *h = &seg->header;
    if (!(tcb->conn.options & h->options & MN_TCP_OPTION_TIMESTAMPS) || answers_duplicate(seg))
        return 0;
    uint32_t ticks = mn_timestamps_value(&tcb->timestamps, seg->now) - h->ts_echo;
    uint64_t age = ticks * MN_TIMESTAMP_TICK;
    if (age > MN_RTO_MAX)
        return 0; /* no echo of anything that could still be of interest */
    return MN_MAX(age, (uint64_t)MN_TIMESTAMP_TICK / 2);
}
