/* Segments without a tcb: resets in answer to unexpected segments, and acknowledgements in
 * TIME-WAIT. They wait in a bounded ring, so a flood of bad segments costs no memory. If it is
 * full, the newest replies are dropped. */
#include "tcp/records/reply.h"
#include "tcp/ready.h"
#include "tcp/records/table.h"
#include "tcp/segment.h"

MN_APART void mn_reply(struct mn_tcp *tcp, const struct mn_reply *reply)
{
    if (tcp->reply_count == MN_REPLIES_MAX) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_REPLY);
        return;
    }
    tcp->replies[(tcp->reply_head + tcp->reply_count++) % MN_REPLIES_MAX] = *reply;
}

void mn_reply_timestamp(struct mn_reply *reply, uint32_t offset, uint32_t ts_recent, uint64_t now)
{
    const struct mn_timestamps clock = {.offset = offset};
    reply->options |= MN_TCP_OPTION_TIMESTAMPS;
    reply->ts_value = mn_timestamps_value(&clock, now);
    reply->ts_echo = ts_recent;
}

/* Returns both timestamps of the segment (RFC 7323 5.2). The peer takes its echo for our clock:
 * Linux's TIME-WAIT drops a reset whose timestamp is older, and then a connect to the same ends
 * would wait until TIME-WAIT is over. */
static MN_APART void reset(struct mn_tcp *tcp, const struct mn_segment *seg, uint32_t seq, uint32_t ack, uint8_t flags)
{
    const struct mn_tcp_header *h = &seg->header;
    if (seg->flags & MN_TCP_RST) /* a reset is never answered */
        return;
    mn_reply(tcp, &(struct mn_reply){.local = seg->local,
                                     .remote = seg->remote,
                                     .seq = seq,
                                     .ack = ack,
                                     .flags = flags,
                                     .options = h->options & MN_TCP_OPTION_TIMESTAMPS,
                                     .ts_value = h->ts_echo,
                                     .ts_echo = h->ts_value,
                                     .hash = seg->hash});
}

void mn_reply_reset_at(struct mn_tcp *tcp, const struct mn_segment *seg, uint32_t seq)
{
    reset(tcp, seg, seq, 0, MN_TCP_RST);
}

void mn_reply_reset(struct mn_tcp *tcp, const struct mn_segment *seg)
{
    if (seg->flags & MN_TCP_ACK) /* <SEQ=SEG.ACK><CTL=RST> */
        reset(tcp, seg, seg->ack, 0, MN_TCP_RST);
    else /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
        reset(tcp, seg, 0, seg->seq + seg->len, MN_TCP_RST | MN_TCP_ACK);
}

MN_APART struct mnet_packet *mn_reply_output(struct mn_tcp *tcp, struct mn_datagram *datagram)
{
    const struct mn_reply *reply = &tcp->replies[tcp->reply_head];
    struct mn_conn ends = {.local = mn_conn_end(reply->local),
                           .remote = mn_conn_end(reply->remote),
                           .ttl = reply->ttl,
                           .dscp = reply->dscp & 63};
    struct mn_tcp_header header = {.seq = reply->seq,
                                   .ack = reply->ack,
                                   .flags = reply->flags,
                                   .window = reply->window,
                                   .options = reply->options,
                                   .mss = reply->mss,
                                   .window_shift = reply->window_shift,
                                   .ts_value = reply->ts_value,
                                   .ts_echo = reply->ts_echo};
    struct mnet_packet *packet = mn_segment_build(tcp, &ends, &header, datagram);
    if (packet == NULL)
        return NULL;
    datagram->flow_label = mn_tcp_flow_label(&ends.remote, reply->hash);
    tcp->reply_head = (tcp->reply_head + 1) % MN_REPLIES_MAX;
    tcp->reply_count--;
    if (header.flags & MN_TCP_RST)
        mn_tcp_count(tcp, MNET_COUNT_TCP_RST_TX);
    return packet;
}
