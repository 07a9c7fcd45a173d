/* Ethernet II frames (RFC 894), and the tags of IEEE 802.1Q that say a priority only.
 *
 * A frame whose tag has the VLAN identifier 0 is of no VLAN, but of the untagged network (802.1Q
 * 6.9.1, "priority-tagged"). Switches, hypervisors and hosts with priorities send such ones; every
 * station has to take them. We send none.
 */
#ifndef MN_ETHERNET_H
#define MN_ETHERNET_H

#include "wire/wire.h"

#define MN_ETHERNET_HEADER 14
#define MN_ETHERNET_TAG 4

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

/* Takes priority tags (of customers, 8100, and of providers, 88a8) out of a received frame, whose
 * metadata move along. Returns whether there was one. */
bool mn_ethernet_untag(struct mnet_packet *frame);

extern const struct mn_mac mn_mac_broadcast;
bool mn_mac_equal(struct mn_mac a, struct mn_mac b);
/* The group bit: broadcast and multicast. */
bool mn_mac_is_group(struct mn_mac mac);
/* The stations that listen to a multicast address: 01:00:5e and its low 23 bits (RFC 1112 6.4), or
 * 33:33 and its low 32 bits (RFC 2464 7). */
struct mn_mac mn_mac_of_group(const struct mnet_address *group);

#endif
