/* Echo requests of both families: the packet itself goes back as the reply. */
#include "base/packet_copy.h"
#include "ip/internal.h"

struct mnet_packet *mn_ip_make_one(struct mn_ip *ip, struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT(packet->next == NULL);
    struct mnet_packet *one = mn_packet_copy(packet, packet->memory);
    if (one == NULL)
        mn_ip_count(ip, MNET_COUNT_TX_DROP_MEMORY);
    mnet_packet_free(packet);
    return one;
}

void mn_ip_forget_metadata(struct mnet_packet *packet)
{
    packet->checksum = MNET_CHECKSUM_PLAIN;
    packet->gso = MNET_GSO_NONE;
    packet->gso_size = 0;
    packet->segments = 1;
}
