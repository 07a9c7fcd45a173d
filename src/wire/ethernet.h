/* Ethernet II frames (RFC 894). */
#ifndef MN_ETHERNET_H
#define MN_ETHERNET_H

#include "wire/wire.h"

#define MN_ETHERNET_HEADER 14

struct mn_mac {
    uint8_t bytes[6];
};

struct mn_ethernet {
    struct mn_mac destination, source;
    uint16_t type;
};

enum mn_parse mn_ethernet_parse(const void *data, size_t len, struct mn_ethernet *header);
/* Writes MN_ETHERNET_HEADER bytes. */
void mn_ethernet_emit(void *to, const struct mn_ethernet *header);

extern const struct mn_mac mn_mac_broadcast;
bool mn_mac_equal(struct mn_mac a, struct mn_mac b);
/* The group bit: broadcast and multicast. */
bool mn_mac_is_group(struct mn_mac mac);

#endif
