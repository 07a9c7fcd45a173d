/* Shared by TCP and UDP: the checksum over pseudo-header, header and data. */
#include "base/checksum.h"
#include "base/packet_sum.h"
#include "wire/wire.h"

bool mn_transport_checksum_ok(const struct mnet_packet *packet, const struct mn_datagram *datagram)
{
    if (mn_packet_is_verified(packet))
        return true;
    uint64_t sum = mn_pseudo_sum(&datagram->source, &datagram->destination, datagram->protocol, packet->total);
    return mn_sum_fold(mn_sum_add(sum, mn_packet_sum_received(packet, 0))) == 0xffff;
}
