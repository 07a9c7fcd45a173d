/* The trace of segments. The connection is looked for by its ends, for a segment may begin or end
 * one.
 */
#include "tcp/trace.h"

static void tell(struct mn_tcp *tcp, const struct mn_tcp_header *header, bool sent, uint32_t text,
                 struct mnet_endpoint local, struct mnet_endpoint remote)
{
    struct mnet_tcp_info info;
    const struct mnet_tcp_segment segment = {
        .sent = sent,
        .flags = header->flags,
        .seq = header->seq,
        .ack = header->ack,
        .window = header->window,
        .len = text,
    };
    mn_tcp_info_of_ends(tcp, local, remote, &info);
    tcp->config.trace_segment(tcp->config.trace_context, &segment, &info);
}

void mn_trace_received(struct mn_tcp *tcp, const struct mn_segment *seg, uint32_t text)
{
    tell(tcp, &seg->header, false, text, seg->local, seg->remote);
}

void mn_trace_sent(struct mn_tcp *tcp, const struct mn_datagram *datagram, const struct mnet_packet *packet)
{
    struct mn_tcp_header header;
    enum mn_parse parsed = mn_tcp_parse(packet->data, packet->len, &header);
    MN_ASSERT(parsed == MN_PARSE_OK);
    tell(tcp, &header, true, packet->total - header.header_len,
         (struct mnet_endpoint){datagram->source, header.source_port},
         (struct mnet_endpoint){datagram->destination, header.destination_port});
}
