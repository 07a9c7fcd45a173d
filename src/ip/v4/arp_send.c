/* The output of ARP (RFC 826), and its table for neighbour_states.c, which decides when to ask. An
 * unknown neighbour is asked for by three broadcast requests, a second apart (RFC 1122 2.3.2.1). A
 * known one is confirmed by requests to the station alone (RFC 1122 2.3.2.1 (2)).
 */
#include "ip/v4/internal.h"
#include "wire/arp.h"

bool mn_arp_send(struct mn_ip *ip, struct mn_mac to, uint16_t operation, struct mn_mac target_mac, uint32_t sender_ip,
                 uint32_t target_ip)
{
    struct mnet_packet *packet = mn_ip_new_message(ip);
    if (packet == NULL)
        return false;
    mn_arp_emit(mnet_packet_put(packet, MN_ARP_PACKET), &(struct mn_arp){
                                                            .operation = operation,
                                                            .sender_mac = ip->mac,
                                                            .sender_ip = sender_ip,
                                                            .target_mac = target_mac,
                                                            .target_ip = target_ip,
                                                        });
    mn_ip_send_frame(ip, packet, &to, MN_ETHERTYPE_ARP);
    return true;
}

/* Asks the station `alone`, or everybody on the link (NULL), for the link address of
 * `neighbour`. */
static bool ask(struct mn_ip *ip, struct mnet_address neighbour, const struct mn_mac *alone)
{
    struct mn_mac to = alone != NULL ? *alone : mn_mac_broadcast;
    uint32_t own = ip->own[MN_OWN_IPV4].v4.address;
    return mn_arp_send(ip, to, MN_ARP_REQUEST, (struct mn_mac){{0}}, own, mn_address_to_ipv4(&neighbour));
}

const struct mn_neighbour_protocol mn_arp_protocol = {
    .ask = ask,
    .cut = mn_ipv4_cut_waiting,
    .ethertype = MN_ETHERTYPE_IPV4,
    .requests_max = 3,
    .request_interval_ns = MNET_SECOND,
    .reachable_ns = 30 * MNET_SECOND,
    .stale_ns = 600 * MNET_SECOND,
    .failed_ns = MNET_SECOND,
};
