/* The packet that is like the last one.
 *
 * Theory of operation. Packets of TCP to one host differ only by the length, and over IPv6 by the
 * label of their flow, in their headers of Ethernet and IP. So the headers that the full way
 * (output.c) has made are kept, and the next packet gets a copy if all that they follow from is the
 * same: the way, which is cached until anything changes it (struct mn_ip_way_cache), and the
 * datagram's own choices. Only packets that nobody may fragment are alike: others have an
 * identification each. The link address is the neighbour's present one. A neighbour that must be
 * asked first is left to the full way. Debug builds compare each IP header with that of the full
 * way.
 */
#include "ip/repeat.h"

#include <assert.h>
#include <string.h>

#include "base/check.h"
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"
#include "wire/alike.h"

static uint8_t ttl_of(const struct mn_ip *ip, const struct mn_datagram *datagram, bool ipv4)
{
    if (datagram->ttl != 0)
        return datagram->ttl;
    return ipv4 ? ip->ttl : ip->v6.parameters.hop_limit;
}

/* Whether the headers of such a datagram follow from the way and from what `repeat` keeps. */
static bool is_simple(const struct mn_datagram *datagram)
{
    return datagram->dont_fragment && !datagram->doubtful && !datagram->loop;
}

MN_APART void mn_ip_remember(struct mn_ip *ip, const struct mnet_packet *frame, const struct mn_datagram *datagram,
                             const struct mn_ip_way *way)
{
    struct mn_ip_repeat *last = &ip->repeat;
    uint8_t len = way->ipv4 ? MN_ETHERNET_HEADER + MN_IPV4_HEADER : MN_ETHERNET_HEADER + MN_IPV6_HEADER;
    last->len = 0;
    if (way->kind != MN_IP_WAY_NEIGHBOUR || way->once || !is_simple(datagram) || frame->len < len)
        return;
    last->len = len;
    last->datagram = *datagram;
    last->ttl = ttl_of(ip, datagram, way->ipv4);
    memcpy(last->headers, frame->data, len);
    last->sum = way->ipv4 ? mn_ipv4_clear_total_len(last->headers + MN_ETHERNET_HEADER) : 0;
}

/* All fields in front of `confirmed`, which says nothing about headers. */
#define COMPARED offsetof(struct mn_datagram, confirmed)
static_assert(COMPARED > 40 && COMPARED <= 48, "the words of is_same cover them");

/* Returns whether all that headers follow from is the same. In words: five, and the last bytes as
 * one that begins earlier. */
static inline bool is_same(const struct mn_datagram *a, const struct mn_datagram *b)
{
    const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;
    uint64_t differs = 0;
    for (size_t i = 0; i < 40; i += 8)
        differs |= mn_differs64(x + i, y + i);
    return (differs | mn_differs64(x + COMPARED - 8, y + COMPARED - 8)) == 0;
}

static bool is_alike(const struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram)
{
    const struct mn_ip_repeat *last = &ip->repeat;
    const struct mn_ip_way *way = &ip->last_way.way;
    if (last->len == 0 || !ip->last_way.known || !is_same(datagram, &last->datagram))
        return false;
    return packet->gso == MNET_GSO_NONE && packet->total + last->len - MN_ETHERNET_HEADER <= way->mtu &&
           last->ttl == ttl_of(ip, datagram, way->ipv4);
}

struct mnet_packet *mn_ip_output_repeat(struct mn_ip *ip, struct mnet_packet *packet,
                                        const struct mn_datagram *datagram)
{
    const struct mn_ip_repeat *last = &ip->repeat;
    if (!is_alike(ip, packet, datagram))
        return NULL;
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, ip->last_way.way.next_hop);
    if (neighbour == NULL || neighbour->state != MN_NEIGHBOUR_REACHABLE)
        return NULL;
    mn_neighbour_use(&ip->neighbours, neighbour);
    mn_ip_count(ip, MNET_COUNT_IP_TX);
    uint16_t payload = (uint16_t)packet->total;
    uint8_t *frame = mnet_packet_push(packet, last->len), *header = frame + MN_ETHERNET_HEADER;
    if (MN_UNLIKELY(!ip->last_way.way.ipv4)) {
        memcpy(frame, last->headers, MN_ETHERNET_HEADER + MN_IPV6_HEADER);
        mn_ipv6_set_payload_len(header, payload);
        mn_ipv6_set_flow_label(header, last->datagram.traffic_class, datagram->flow_label);
    } else {
        memcpy(frame, last->headers, MN_ETHERNET_HEADER + MN_IPV4_HEADER);
        mn_ipv4_set_total_len(header, (uint16_t)(MN_IPV4_HEADER + payload), last->sum);
    }
    memcpy(frame, neighbour->mac.bytes, sizeof neighbour->mac.bytes);
    MN_CHECK(mn_ip_check_headers(ip, header, payload, datagram));
    return packet;
}
