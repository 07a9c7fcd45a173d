/* ARP for IPv4 over Ethernet (RFC 826). */
#ifndef MN_ARP_WIRE_H
#define MN_ARP_WIRE_H

#include "wire/ethernet.h"

#define MN_ARP_PACKET 28

enum mn_arp_operation {
    MN_ARP_REQUEST = 1,
    MN_ARP_REPLY = 2,
};

struct mn_arp {
    uint16_t operation;
    struct mn_mac sender_mac, target_mac;
    uint32_t sender_ip, target_ip; /* host order */
};

/* INVALID for other hardware or protocol types, lengths and operations. Trailing padding is
 * ignored. */
enum mn_parse mn_arp_parse(const void *data, size_t len, struct mn_arp *arp);
/* Writes MN_ARP_PACKET bytes. */
void mn_arp_emit(void *to, const struct mn_arp *arp);

#endif
