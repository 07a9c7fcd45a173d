/* Frames on their way to the device: the Ethernet header, and the queue. */
#include "ip/internal.h"

bool mn_ip_may_speak(const struct mn_ip *ip)
{
    return ip->transmit.count < MN_IP_TRANSMIT_OWN_MAX;
}

void mn_ip_queue_frame(struct mn_ip *ip, struct mnet_packet *frame)
{
    if (frame != NULL)
        mn_packet_queue_put(&ip->transmit, frame);
}

void mn_ip_send_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_mac *to, uint16_t type)
{
    mn_packet_queue_put(&ip->transmit, mn_ip_write_frame(ip, packet, to, type));
}
