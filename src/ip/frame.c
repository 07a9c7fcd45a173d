/* Frames on their way to the device: the Ethernet header, and the queue. */
#include "ip/internal.h"

bool mn_ip_may_speak(const struct mn_ip *ip)
{
    return ip->transmit.count < MN_IP_TRANSMIT_OWN_MAX;
}

struct mnet_packet *mn_ip_new_message(struct mn_ip *ip)
{
    if (!mn_ip_may_speak(ip)) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_QUEUE);
        return NULL;
    }
    struct mnet_packet *packet = mnet_packet_alloc(ip->memory);
    if (packet == NULL)
        mn_ip_count(ip, MNET_COUNT_TX_DROP_MEMORY);
    return packet;
}

void mn_ip_queue_frame(struct mn_ip *ip, struct mnet_packet *frame)
{
    if (frame != NULL)
        mn_packet_queue_put(&ip->transmit, frame);
}

void mn_ip_send_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_mac *to, uint16_t type)
{
    MN_DEBUG_ASSERT(packet->next == NULL && packet->total > 0);
    mn_packet_queue_put(&ip->transmit, mn_ip_write_frame(ip, packet, to, type));
}
