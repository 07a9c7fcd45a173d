/* Received packets of a device with several queues: which of them are for this stack. */
#include "ip/internal.h"

/* Returns true if a packet is for the stacks of all queues: it is of no flow, or it is an answer to
 * a client of DHCP. */
static bool is_shared(const struct mnet_packet *packet, const struct mn_datagram *datagram, uint16_t port)
{
    bool flow = datagram->protocol == MN_PROTOCOL_TCP || datagram->protocol == MN_PROTOCOL_UDP;
    return !flow || datagram->not_unicast || packet->len < 4 ||
           (datagram->protocol == MN_PROTOCOL_UDP && mn_spread_is_shared_port(port));
}

enum mn_ip_verdict mn_ip_spread(struct mn_ip *ip, const struct mn_arrival *arrival, struct mn_datagram *datagram)
{
    struct mnet_packet *packet = arrival->packet;
    struct mnet_endpoint remote = {datagram->source, 0}, local = {datagram->destination, 0};
    if (packet->len >= 4)
        mn_spread_read_ports(packet->data, &remote.port, &local.port);
    if (arrival->looped || is_shared(packet, datagram, local.port))
        return MN_IP_TRANSPORT;
    if (!mn_spread_has_flow(&ip->spread, &local, &remote)) {
        mn_ip_drop(ip, packet, MNET_COUNT_IP_DROP_OTHER_QUEUE);
        return MN_IP_CONSUMED;
    }
    datagram->overheard = false;
    return MN_IP_TRANSPORT;
}
