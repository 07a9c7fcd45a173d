/* Received IPv4 packets, check by check, up to ICMP, reassembly or a transport. */
#include "ip/repeat.h"
#include "ip/v4/internal.h"
#include "wire/igmp.h"
#include "wire/udp.h"

static MN_RARE enum mnet_counter reason_of(enum mn_parse result, const struct mn_arrival *arrival,
                                           const struct mn_ipv4 *header)
{
    if (result == MN_PARSE_TRUNCATED)
        return MNET_COUNT_IP_DROP_TRUNCATED;
    if (result == MN_PARSE_CHECKSUM)
        return MNET_COUNT_IP_DROP_CHECKSUM;
    /* The options are checked last: if all other fields are valid, an option is the fault. */
    bool others_right = mn_ip_version(arrival->packet->data) == 4 && header->header_len > MN_IPV4_HEADER &&
                        header->total_len >= header->header_len;
    return others_right ? MNET_COUNT_IP_DROP_OPTIONS : MNET_COUNT_IP_DROP_HEADER;
}

/* Parses the header (RFC 791 3.1, RFC 1122 3.2.1) into *header. Cuts off the padding of the
 * link. */
static bool check_header(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_ipv4 *header)
{
    struct mnet_packet *packet = arrival->packet;
    enum mn_parse result = mn_ipv4_parse(packet->data, packet->len, packet->total, header);
    if (result != MN_PARSE_OK) {
        mn_ip_count(ip, reason_of(result, arrival, header));
        return false;
    }
    if (header->source_route) {
        mn_ip_count(ip, MNET_COUNT_IP_DROP_OPTIONS);
        return false;
    }
    mnet_packet_trim(packet, header->total_len);
    return true;
}

/* RFC 1122 3.2.1.3: a source must be the address of one other host. */
static inline bool is_other_host(const struct mn_ip *ip, uint32_t source)
{
    return mn_ipv4_is_host(source) && !mn_ip_is_broadcast_value(ip, source) && !mn_ip_is_own_value(ip, source);
}

/* Queries and reports of groups may also come from a host that has no address yet (RFC 3376 4.2.13,
 * RFC 4541 2.1.1). */
static bool check_source(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_ipv4 *header)
{
    uint32_t source = header->source;
    if (arrival->looped || (source == 0 && header->protocol == MN_PROTOCOL_IGMP))
        return true;
    if (is_other_host(ip, source))
        return true;
    mn_ip_count(ip, MNET_COUNT_IP_DROP_SOURCE);
    return false;
}

/* The way for hosts without an address, see mn_ip_open_port. */
static MN_RARE bool is_for_open_port(const struct mn_ip *ip, const struct mn_arrival *arrival,
                                     const struct mn_ipv4 *header)
{
    const struct mnet_packet *packet = arrival->packet;
    if (ip->open_port == 0 || ip->own[MN_OWN_IPV4].state == MN_IP_ADDRESS_OURS || arrival->looped ||
        header->protocol != MN_PROTOCOL_UDP || header->more_fragments || header->fragment_offset != 0)
        return false;
    struct mn_udp_header udp;
    if (mn_udp_parse(packet->data + header->header_len, packet->len - header->header_len,
                     packet->total - header->header_len, &udp) != MN_PARSE_OK)
        return false;
    bool possible = !mn_ipv4_is_multicast(header->destination) && !mn_ipv4_is_loopback(header->destination) &&
                    !mn_ipv4_is_this_network(header->destination);
    return possible && udp.destination_port == ip->open_port;
}

/* A group that was joined; and queries go to all hosts (IGMP3-5-1). */
static bool is_our_group(const struct mn_ip *ip, const struct mn_ipv4 *header)
{
    uint32_t destination = header->destination;
    if (destination == MN_IGMP_ALL_SYSTEMS && header->protocol == MN_PROTOCOL_IGMP)
        return true;
    return mn_ipv4_is_multicast(destination) && mn_groups_contain(&ip->groups, mnet_address_from_ipv4(destination));
}

/* RFC 1122 3.2.1.3 and 3.3.6; 127/8 lives inside the host only. */
static bool check_destination(struct mn_ip *ip, struct mn_arrival *arrival, const struct mn_ipv4 *header)
{
    uint32_t destination = header->destination;
    if (MN_LIKELY(mn_ip_is_own_value(ip, destination)))
        return true;
    if (arrival->looped && mn_ipv4_is_loopback(destination))
        return true;
    if (is_our_group(ip, header)) {
        arrival->not_unicast = true;
        return true;
    }
    bool open = is_for_open_port(ip, arrival, header);
    bool broadcast = mn_ip_is_broadcast_value(ip, destination);
    arrival->not_unicast |= broadcast;
    if (open || (broadcast && !arrival->looped && ip->own[MN_OWN_IPV4].state == MN_IP_ADDRESS_OURS))
        return true;
    mn_ip_count(ip, MNET_COUNT_IP_DROP_NOT_FOR_US);
    return false;
}

static void describe(const struct mn_arrival *arrival, const struct mn_ipv4 *header, struct mn_datagram *datagram)
{
    *datagram = (struct mn_datagram){
        .source = mnet_address_from_ipv4(header->source),
        .destination = mnet_address_from_ipv4(header->destination),
        .protocol = header->protocol,
        .ttl = header->ttl,
        .traffic_class = header->traffic_class,
        .dont_fragment = header->dont_fragment,
        .not_unicast = arrival->not_unicast,
        .overheard = arrival->overheard,
        .header_len = header->header_len,
    };
}

/* Any packet: check by check. */
static MN_APART enum mn_ip_verdict full_input(struct mn_ip *ip, struct mn_arrival *arrival,
                                              struct mn_datagram *datagram, struct mn_icmp_error *error)
{
    struct mn_ipv4 header;
    if (!check_header(ip, arrival, &header) || !check_source(ip, arrival, &header) ||
        !check_destination(ip, arrival, &header)) {
        mnet_packet_free(arrival->packet);
        return MN_IP_CONSUMED;
    }
    describe(arrival, &header, datagram);
    mnet_packet_pull(arrival->packet, header.header_len);
    if (header.more_fragments || header.fragment_offset != 0) {
        struct mn_piece piece = {arrival->packet, header.identification, header.fragment_offset, header.more_fragments};
        arrival->packet = mn_reassembly_input(&ip->reassembly, &piece, datagram, arrival->now);
        if (arrival->packet == NULL)
            return MN_IP_CONSUMED;
    }
    if (MN_UNLIKELY(datagram->protocol == MN_PROTOCOL_IGMP)) {
        mn_igmp_input(ip, arrival->packet, datagram, header.router_alert, arrival->now);
        return MN_IP_CONSUMED;
    }
    if (datagram->protocol == MN_PROTOCOL_ICMP)
        return mn_icmpv4_input(ip, arrival->packet, arrival->now, datagram, error);
    return MN_IP_TRANSPORT;
}

/* Nearly every packet passes all checks, and they are read off its header in one go: it has no
 * options, is no fragment, comes from another host and goes to our own address, for TCP or UDP.
 * Returns false for any other one: the full way judges it. */
static inline bool is_usual(const struct mn_ip *ip, const struct mnet_packet *packet, struct mn_ipv4 *header)
{
    if (!mn_ipv4_parse_plain(packet->data, packet->len, packet->total, header))
        return false;
    if (header->protocol != MN_PROTOCOL_TCP && header->protocol != MN_PROTOCOL_UDP)
        return false;
    return is_other_host(ip, header->source) && mn_ip_is_own_value(ip, header->destination);
}

/* Takes the header of a usual packet. Returns false, with nothing done, for any other one. */
static inline bool take_usual(struct mn_ip *ip, const struct mn_arrival *arrival, struct mn_datagram *datagram)
{
    struct mnet_packet *packet = arrival->packet;
    struct mn_ipv4 header;
    if (MN_UNLIKELY(arrival->looped) || !is_usual(ip, packet, &header))
        return false;
    describe(arrival, &header, datagram);
    if (packet->total != header.total_len)
        mnet_packet_trim(packet, header.total_len);
    if (!arrival->not_unicast)
        mn_ip_remember_input(ip, packet->data - MN_ETHERNET_HEADER, datagram);
    mnet_packet_pull(packet, MN_IPV4_HEADER);
    return true;
}

bool mn_ipv4_judge_usual(struct mn_ip *ip, struct mnet_packet *packet, struct mn_datagram *datagram)
{
    struct mn_ipv4 header;
    bool usual = is_usual(ip, packet, &header) && header.total_len == packet->total;
    if (usual)
        describe(&(struct mn_arrival){.packet = packet}, &header, datagram);
    return usual;
}

enum mn_ip_verdict mn_ipv4_input(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_datagram *datagram,
                                 struct mn_icmp_error *error)
{
    mn_ip_count(ip, MNET_COUNT_IP_RX);
    if (!take_usual(ip, arrival, datagram)) {
        enum mn_ip_verdict verdict = full_input(ip, arrival, datagram, error);
        if (verdict != MN_IP_TRANSPORT)
            return verdict;
    }
    /* What was never on a wire has a checksum that is not finished, and needs none. */
    if (MN_UNLIKELY(arrival->packet->checksum == MNET_CHECKSUM_PARTIAL))
        arrival->packet->checksum = MNET_CHECKSUM_VERIFIED;
    return MN_LIKELY(ip->spread.queues <= 1) ? MN_IP_TRANSPORT : mn_ip_spread(ip, arrival, datagram);
}
