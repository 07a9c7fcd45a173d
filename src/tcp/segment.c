#include "tcp/segment.h"
#include "tcp/ready.h"

void mn_segment_finish(struct mn_tcp *tcp, const struct mn_conn *conn, struct mn_tcp_header *header,
                       struct mnet_packet *packet, struct mn_datagram *datagram)
{
    header->source_port = conn->local.port;
    header->destination_port = conn->remote.port;
    mn_segment_describe(conn, datagram);
    header->checksum = mn_segment_checksum(packet, datagram);
    mn_tcp_emit(packet->data, header);
    mn_tcp_count(tcp, MNET_COUNT_TCP_TX);
}

struct mnet_packet *mn_segment_build(struct mn_tcp *tcp, const struct mn_conn *conn, struct mn_tcp_header *header,
                                     struct mn_datagram *datagram)
{
    struct mnet_packet *packet = mn_segment_begin(tcp);
    if (packet == NULL)
        return NULL;
    mnet_packet_put(packet, mn_tcp_header_length(header));
    mn_segment_finish(tcp, conn, header, packet, datagram);
    return packet;
}
