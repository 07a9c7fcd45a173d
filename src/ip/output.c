/* Packets of the transports on their way out. The headers, and how a packet is cut into fragments,
 * are per family.
 */
#include "base/packet_copy.h"
#include "ip/repeat.h"
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"
#include "wire/frame.h"

/* The largest payload of an IP packet that `packet` becomes on the wire: a large one with gso is
 * cut by its device, or just above it, at the TCP header's end and every gso_size bytes. */
static uint32_t size_on_wire(const struct mnet_packet *packet)
{
    if (MN_LIKELY(packet->gso == MNET_GSO_NONE))
        return packet->total;
    MN_ASSERT(packet->len > 12);
    uint32_t tcp_header = mn_frame_tcp_header_len(packet->data);
    return MN_MIN(packet->total, tcp_header + packet->gso_size);
}

/* The copy of a packet to a group that the host has joined itself. */
static MN_RARE void loop_copy(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                              const struct mn_ip_way *way, uint64_t now)
{
    MN_DEBUG_ASSERT(way->kind == MN_IP_WAY_GROUP);
    struct mn_ip_way home = *way;
    home.kind = MN_IP_WAY_LOOPBACK;
    if (!mn_groups_contain(&ip->groups, datagram->destination) || !mn_ip_check_room(ip, home.kind))
        return;
    struct mnet_packet *copy = mn_packet_copy(packet, ip->memory);
    if (copy == NULL)
        mn_ip_count(ip, MNET_COUNT_TX_DROP_MEMORY);
    else if (way->ipv4)
        (void)mn_ipv4_output(ip, copy, datagram, &home, now);
    else
        (void)mn_ipv6_output(ip, copy, datagram, &home, now);
}

/* Does the work of mn_ip_output, but returns a frame that can be sent now in *frame. */
static MN_APART int output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                           uint64_t now, struct mnet_packet **frame)
{
    MN_DEBUG_ASSERT(datagram->destination.zone == 0 && datagram->source.zone == 0);
    MN_DEBUG_ASSERT(packet->next == NULL && packet->more == NULL);
    struct mn_ip_way way;
    *frame = NULL;
    int result = mn_ip_way_with_room(ip, datagram, &way);
    if (MN_UNLIKELY(result != 0)) {
        mnet_packet_free(packet);
        return result;
    }
    /* Packets that may not be cut here are their transports' care. */
    if (MN_UNLIKELY(packet->total > MN_IPV6_MTU_MIN - MN_IPV6_HEADER) && !way.ipv4 && !datagram->dont_fragment &&
        way.kind != MN_IP_WAY_LOOPBACK)
        way.mtu = mn_ipv6_find_path_mtu(ip, datagram->protocol, &datagram->destination, &way.next_hop);
    uint32_t header_len = way.ipv4 ? MN_IPV4_HEADER : MN_IPV6_HEADER;
    uint32_t payload_max = way.ipv4 ? MN_IPV4_PAYLOAD_MAX : MN_IPV6_PAYLOAD_MAX;
    bool fits = way.kind == MN_IP_WAY_LOOPBACK || header_len + size_on_wire(packet) <= way.mtu;
    bool whole_only = datagram->dont_fragment || packet->gso != MNET_GSO_NONE;
    if (MN_UNLIKELY(packet->total > payload_max || (!fits && whole_only))) {
        mn_ip_drop(ip, packet, MNET_COUNT_IP_DROP_TOO_BIG);
        return MNET_E_TOO_BIG;
    }
    if (MN_UNLIKELY(datagram->loop) && way.kind == MN_IP_WAY_GROUP)
        loop_copy(ip, packet, datagram, &way, now);
    way.confirmed = datagram->confirmed;
    if (MN_UNLIKELY(datagram->doubtful) && way.kind == MN_IP_WAY_NEIGHBOUR)
        mn_ip_doubt(ip, way.next_hop, now);
    if (MN_UNLIKELY(!fits) && (way.kind != MN_IP_WAY_NEIGHBOUR || mn_ip_is_resolved(ip, way.next_hop)))
        return way.ipv4 ? mn_ipv4_output_fragments(ip, packet, datagram, &way, now)
                        : mn_ipv6_output_fragments(ip, packet, datagram, &way, now);
    *frame = way.ipv4 ? mn_ipv4_output(ip, packet, datagram, &way, now)
                      : mn_ipv6_output(ip, packet, datagram, &way, now);
    if (*frame != NULL)
        mn_ip_remember(ip, *frame, datagram, &way);
    return 0;
}

struct mnet_packet *mn_ip_output_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                       uint64_t now)
{
    bool alone = mn_ip_unsent(ip) == 0;
    struct mnet_packet *frame = MN_LIKELY(alone) ? mn_ip_output_repeat(ip, packet, datagram) : NULL;
    if (MN_LIKELY(frame != NULL))
        return frame;
    output(ip, packet, datagram, now, &frame);
    if (MN_LIKELY(mn_ip_unsent(ip) == 0))
        return frame;
    /* Frames that wait, such as a request to the neighbour, go first. */
    mn_ip_queue_frame(ip, frame);
    return mn_packet_queue_take(&ip->transmit);
}

int mn_ip_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram, uint64_t now)
{
    struct mnet_packet *frame;
    int result = output(ip, packet, datagram, now, &frame);
    mn_ip_queue_frame(ip, frame);
    return result;
}
