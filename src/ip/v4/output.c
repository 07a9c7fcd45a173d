/* Packets of the transports on their way out: which header, whole or in fragments. */
#include "ip/v4/internal.h"
#include "wire/frame.h"

/* Never asked by ARP: everybody, or the listeners of a group. */
static struct mn_mac group_mac(const struct mnet_address *destination)
{
    return mnet_address_is_multicast(*destination) ? mn_mac_of_group(destination) : mn_mac_broadcast;
}

/* To ourselves, or to everybody. */
static MN_RARE void send_elsewhere(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ip_way *way)
{
    struct mn_mac group = group_mac(&way->next_hop);
    if (way->kind == MN_IP_WAY_LOOPBACK)
        mn_packet_queue_put(&ip->loopback, packet);
    else
        mn_ip_send_frame(ip, packet, &group, MN_ETHERTYPE_IPV4);
}

/* A packet with its header. */
static inline void send_on(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ip_way *way, uint64_t now)
{
    mn_ip_count(ip, MNET_COUNT_IP_TX);
    if (MN_LIKELY(way->kind == MN_IP_WAY_NEIGHBOUR))
        mn_ip_resolve(ip, packet, way->next_hop, now);
    else
        send_elsewhere(ip, packet, way);
}

void mn_ipv4_send(struct mn_ip *ip, struct mnet_packet *packet, struct mn_ipv4 *header, const struct mn_ip_way *way,
                  uint64_t now)
{
    header->header_len = MN_IPV4_HEADER;
    header->total_len = (uint16_t)(MN_IPV4_HEADER + packet->total);
    mn_ipv4_emit(mnet_packet_push(packet, MN_IPV4_HEADER), header);
    send_on(ip, packet, way, now);
}

/* The largest IP packet that `packet` becomes on the wire: a large one with gso is cut by its device, or just above it,
 * at the TCP header's end and every gso_size bytes. */
static uint32_t size_on_wire(const struct mnet_packet *packet)
{
    if (MN_LIKELY(packet->gso == MNET_GSO_NONE))
        return MN_IPV4_HEADER + packet->total;
    MN_ASSERT(packet->len > 12);
    uint32_t tcp_header = mn_frame_tcp_header_len(packet->data);
    return MN_IPV4_HEADER + MN_MIN(packet->total, tcp_header + packet->gso_size);
}

/* Fills *header and *way for a datagram; 0 or why it cannot be sent. */
static int prepare(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ipv4 *header, struct mn_ip_way *way)
{
    int result = mn_ip_way_of(ip, datagram, way);
    if (MN_UNLIKELY(result != 0))
        return result;
    *header = (struct mn_ipv4){
        .source = mn_ipv4_value(&way->source),
        .destination = mn_ipv4_value(&datagram->destination),
        .protocol = datagram->protocol,
        .ttl = datagram->ttl != 0 ? datagram->ttl : ip->ttl,
        .traffic_class = datagram->traffic_class,
        .dont_fragment = datagram->dont_fragment,
    };
    return mn_ip_has_room(ip, way->kind) ? 0 : MNET_E_NO_MEMORY;
}

int mn_ip_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram, uint64_t now)
{
    struct mn_ipv4 header;
    struct mn_ip_way way;
    int result = prepare(ip, datagram, &header, &way);
    if (MN_UNLIKELY(result != 0)) {
        mnet_packet_free(packet);
        return result;
    }
    bool fits = way.kind == MN_IP_WAY_LOOPBACK || size_on_wire(packet) <= ip->mtu;
    bool whole_only = datagram->dont_fragment || packet->gso != MNET_GSO_NONE;
    if (MN_UNLIKELY(packet->total > 65535 - MN_IPV4_HEADER || (!fits && whole_only))) {
        mn_ip_drop(ip, packet, MNET_COUNT_IP_DROP_TOO_BIG);
        return MNET_E_TOO_BIG;
    }
    if (MN_UNLIKELY(datagram->doubtful) && way.kind == MN_IP_WAY_NEIGHBOUR)
        mn_ip_doubt(ip, way.next_hop, now);
    if (MN_UNLIKELY(!fits) && (way.kind != MN_IP_WAY_NEIGHBOUR || mn_ip_is_resolved(ip, way.next_hop)))
        return mn_ipv4_send_fragments(ip, packet, &header, &way, now);
    /* RFC 6864 4.1: what cannot be fragmented needs no identification. */
    if (MN_UNLIKELY(!header.dont_fragment) && way.kind != MN_IP_WAY_LOOPBACK)
        header.identification = mn_ipv4_next_identification(ip);
    mn_ipv4_send(ip, packet, &header, &way, now);
    return 0;
}

MN_RARE int mn_ipv4_output_options(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                   const struct mn_ipv4_options *options, uint64_t now)
{
    struct mn_ipv4 header;
    uint32_t header_len = MN_IPV4_HEADER + (uint32_t)options->len;
    if (options->len == 0 || header_len + packet->total > ip->mtu)
        return mn_ip_output(ip, packet, datagram, now);
    struct mn_ip_way way;
    int result = prepare(ip, datagram, &header, &way);
    if (result != 0) {
        mnet_packet_free(packet);
        return result;
    }
    header.header_len = MN_IPV4_HEADER;
    header.total_len = (uint16_t)(header_len + packet->total);
    header.identification = mn_ipv4_next_identification(ip);
    mn_ipv4_emit_options(mnet_packet_push(packet, header_len), &header, options);
    send_on(ip, packet, &way, now);
    return 0;
}

int mn_ip_broadcast_unnumbered(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now)
{
    const struct mn_ip_way way = {.kind = MN_IP_WAY_GROUP, .next_hop = mnet_ipv4(255, 255, 255, 255)};
    if (MN_IPV4_HEADER + packet->total > ip->mtu) {
        mn_ip_drop(ip, packet, MNET_COUNT_IP_DROP_TOO_BIG);
        return MNET_E_TOO_BIG;
    }
    if (!mn_ip_has_room(ip, way.kind)) {
        mnet_packet_free(packet);
        return MNET_E_NO_MEMORY;
    }
    struct mn_ipv4 header = {
        .source = 0, /* RFC 1122 3.2.1.3 (a): this host, on this network */
        .destination = MN_IPV4_LIMITED_BROADCAST,
        .protocol = MN_PROTOCOL_UDP,
        .ttl = ip->ttl,
        .identification = mn_ipv4_next_identification(ip),
    };
    mn_ipv4_send(ip, packet, &header, &way, now);
    return 0;
}
