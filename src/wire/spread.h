/* How the flows of one host are spread over the queues of its device, if each queue has a stack of
 * its own (mnet/device.h).
 *
 * A flow belongs to one queue. If its local port is one of those that stacks choose, the port alone
 * decides: a stack chooses among the ports of its queue, and is then sure to get all answers, also
 * those to an endpoint that is not connected. Any other flow belongs to the queue that a hash of
 * its ends gives. The hash has no key, as that of hardware has none by default: a filter of the
 * kernel computes it, too. So a peer can choose the queue that it loads, and no more than that.
 *
 * All other packets are for all queues: groups, fragments, ICMP, ARP, and the answers to clients of
 * DHCP, which use one port on all queues.
 */
#ifndef MN_SPREAD_H
#define MN_SPREAD_H

#include <mnet/address.h>

#define MN_SPREAD_PORT_FIRST 32768u /* from here on the port alone decides */
#define MN_SPREAD_MULTIPLIER UINT32_C(0x9e3779b1)
#define MN_SPREAD_SHIFT 24 /* the hash is in the upper bits of the product */
#define MN_SPREAD_ALL UINT16_MAX
/* UDP ports of the clients of DHCP and DHCPv6. */
#define MN_SPREAD_DHCP_PORT 68
#define MN_SPREAD_DHCPV6_PORT 546

/* The queue of a stack, of so many; 0 and 1 are one queue, which has everything. */
struct mn_spread {
    uint16_t queue, queues;
};

/* Returns the queue of a flow; `queues` is at least 1. */
uint16_t mn_spread_flow(const struct mnet_endpoint *local, const struct mnet_endpoint *remote, uint16_t queues);
/* Returns the queue of a received frame, or MN_SPREAD_ALL. Looks at the first bytes alone:
 * fragments and packets with extension headers are for all. */
uint16_t mn_spread_frame(const uint8_t *frame, size_t len, uint16_t queues);

/* Reads the ports of a TCP or UDP header, whose first four bytes they are. */
void mn_spread_read_ports(const uint8_t *transport, uint16_t *source, uint16_t *destination);

/* Returns true if all flows with the local port `port` belong to the queue. */
static inline bool mn_spread_has_port(const struct mn_spread *spread, uint16_t port)
{
    return spread->queues <= 1 || (port >= MN_SPREAD_PORT_FIRST && port % spread->queues == spread->queue);
}

static inline bool mn_spread_has_flow(const struct mn_spread *spread, const struct mnet_endpoint *local,
                                      const struct mnet_endpoint *remote)
{
    return spread->queues <= 1 || mn_spread_flow(local, remote, spread->queues) == spread->queue;
}

/* Returns true if datagrams to the UDP port are for all queues. */
static inline bool mn_spread_is_shared_port(uint16_t port)
{
    return port == MN_SPREAD_DHCP_PORT || port == MN_SPREAD_DHCPV6_PORT;
}

#endif
