#include "tcp/segment.h"
#include "tcp/ready.h"

#include "base/checksum.h"

#define TCP_CHECKSUM_OFFSET 16

void mn_segment_finish(struct mn_tcp *tcp, const struct mn_conn *conn, struct mn_tcp_header *header,
                       struct mnet_packet *packet, struct mn_datagram *datagram)
{
    header->source_port = conn->local.port;
    header->destination_port = conn->remote.port;
    *datagram = (struct mn_datagram){.source = mn_conn_address(&conn->local),
                                     .destination = mn_conn_address(&conn->remote),
                                     .protocol = MN_PROTOCOL_TCP,
                                     .ttl = conn->ttl,                            /* MUST-49 */
                                     .traffic_class = (uint8_t)(conn->dscp << 2), /* MUST-48 */
                                     .dont_fragment = true};
    /* MUST-2: the device, or the software just above it, adds the rest of the checksum to that of
     * the pseudo-header. */
    uint64_t sum = mn_pseudo_sum(&datagram->source, &datagram->destination, MN_PROTOCOL_TCP, packet->total);
    header->checksum = mn_sum_fold(sum);
    mn_tcp_emit(packet->data, header);
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 0;
    packet->csum_offset = TCP_CHECKSUM_OFFSET;
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
