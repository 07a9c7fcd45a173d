#include "tcp/timestamps.h"

#include "tcp/challenge.h"
#include "tcp/ready.h"
#include "tcp/tcb.h"

bool mn_tcb_check_timestamp(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    const struct mn_tcp_header *h = &seg->header;
    if (!(tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS) || seg->flags & (MN_TCP_RST | MN_TCP_SYN))
        /* 5.2: a reset is judged by its sequence number alone; a SYN gets a challenge (RFC 5961
         * 4.2). */
        return true;
    bool present = (h->options & MN_TCP_OPTION_TIMESTAMPS) != 0;
    if (MN_LIKELY(present && !mn_timestamps_old(&tcb->timestamps, h->ts_value, seg->now)))
        return true;
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_TIMESTAMP);
    if (!present) /* 3.2: dropped in silence */
        return false;
    /* Late, not retransmitted: the report lets the peer undo its reaction to a loss. */
    if (mn_seq_lt(seg->seq, tcb->rcv_nxt))
        mn_sack_note_duplicate(tcb, seg->seq, mn_seq_min(seg->seq + seg->text->total, tcb->rcv_nxt));
    if (seg->len == 0) {
        /* Limited, because the segment may itself be an answer. */
        mn_tcb_challenge(tcp, tcb, seg->now);
    } else {
        mn_tcb_owe(tcp, tcb, MN_OWED_ACK);
    }
    return false;
}

/* The segment answers one that arrived twice (D-SACK, RFC 2883). The peer's TS.Recent is still that
 * of the first copy, whose acknowledgement was lost, so its age is no round-trip time. As a sample
 * it would multiply the timeout at each lost acknowledgement. */
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
        return 0; /* the echo is not of data that is still relevant */
    return MN_MAX(age, (uint64_t)MN_TIMESTAMP_TICK / 2);
}
