/* Received IPv6 packets (RFC 8200), check by check, up to ICMPv6, reassembly or a transport. */
#include "ip/repeat.h"
#include "ip/v6/internal.h"

/* Parses the fixed header into *header. Cuts off the padding of the link. */
static bool check_header(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_ipv6 *header)
{
    struct mnet_packet *packet = arrival->packet;
    enum mn_parse result = mn_ipv6_parse(packet->data, packet->len, packet->total, header);
    if (result != MN_PARSE_OK) {
        mn_ip_count(ip, result == MN_PARSE_TRUNCATED ? MNET_COUNT_IP_DROP_TRUNCATED : MNET_COUNT_IP_DROP_HEADER);
        return false;
    }
    mnet_packet_trim(packet, MN_IPV6_HEADER + (uint32_t)header->payload_len);
    return true;
}

/* RFC 4291 2.5.3, 2.7: a source is the address of one other host, or of one that has none yet.
 * Nearly always the bit of the address shows that it is not an own one. */
static inline bool is_other_host(const struct mn_ip *ip, const struct mnet_address *source)
{
    bool own = mn_ipv6_may_be_own(ip, source) && mn_ip_is_own(ip, *source);
    return !own && !mn_ipv6_is_multicast(source);
}

static bool check_source(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_ipv6 *header)
{
    if (arrival->looped || is_other_host(ip, &header->source))
        return true;
    mn_ip_count(ip, MNET_COUNT_IP_DROP_SOURCE);
    return false;
}

/* A group that the host has joined. The groups of the interface are heard from the host itself
 * alone (RFC 4291 2.7), and that of all nodes is among them (2.8). */
static bool is_own_group(const struct mn_ip *ip, const struct mn_arrival *arrival, const struct mnet_address *group)
{
    static const struct mnet_address all_nodes = {.bytes = {0xff, 0x01, [15] = 1}};
    if (mn_ipv6_multicast_scope(group) > MN_IPV6_SCOPE_INTERFACE)
        return mn_groups_contain(&ip->groups, *group);
    return arrival->looped && (mn_ipv6_equal(group, &all_nodes) || mn_groups_contain(&ip->groups, *group));
}

static inline bool is_own(struct mn_ip *ip, const struct mnet_address *destination)
{
    const struct mn_own_address *own = mn_ipv6_find_own(ip, destination);
    return own != NULL && mn_own_is_usable(own);
}

/* Returns true if the destination is an own address or a joined group. A tentative address is not
 * enough: the messages of detection are sent to groups (RFC 4862 5.4). */
static bool check_destination(struct mn_ip *ip, struct mn_arrival *arrival, const struct mn_ipv6 *header)
{
    const struct mnet_address *destination = &header->destination;
    if (is_own(ip, destination))
        return true;
    if (arrival->looped && mn_ipv6_is_loopback(destination))
        return true;
    if (mn_ipv6_is_multicast(destination) && is_own_group(ip, arrival, destination)) {
        arrival->not_unicast = true;
        return true;
    }
    mn_ip_count(ip, MNET_COUNT_IP_DROP_NOT_FOR_US);
    return false;
}

static inline void describe(const struct mn_arrival *arrival, const struct mn_ipv6 *header,
                            struct mn_datagram *datagram)
{
    *datagram = (struct mn_datagram){
        .source = header->source,
        .destination = header->destination,
        .protocol = header->next_header,
        .ttl = header->hop_limit,
        .traffic_class = header->traffic_class,
        .dont_fragment = true,
        .not_unicast = arrival->not_unicast,
        .overheard = arrival->overheard,
        .flow_label = header->flow_label,
    };
}

/* A packet that goes no further, IP header first. */
static MN_RARE void discard(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram,
                            enum mn_ipv6_verdict verdict, const struct mn_ipv6_chain *chain)
{
    switch (verdict) {
    case MN_IPV6_IS_TRUNCATED: mn_ip_count(ip, MNET_COUNT_IP_DROP_TRUNCATED); break;
    case MN_IPV6_IS_PROBLEM:
        mn_ip_count(ip, chain->code == MN_IPV6_UNKNOWN_NEXT_HEADER ? MNET_COUNT_IP_DROP_PROTOCOL
                                                                   : MNET_COUNT_IP_DROP_OPTIONS);
        mn_icmpv6_send_parameter_problem(ip, arrival->packet, datagram, chain, arrival->now);
        break;
    case MN_IPV6_IS_EMPTY: break;
    case MN_IPV6_IS_INVALID:
    case MN_IPV6_IS_REFUSED:
    case MN_IPV6_IS_TRANSPORT:
    case MN_IPV6_IS_FRAGMENT: mn_ip_count(ip, MNET_COUNT_IP_DROP_OPTIONS); break;
    }
    mnet_packet_free(arrival->packet);
}

/* RFC 8200 4.5. True if the datagram is whole now: then it is the packet, IP header first. */
static MN_RARE bool put_together(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_datagram *datagram,
                                 const struct mn_ipv6_chain *chain)
{
    const struct mn_ipv6_fragment *fragment = &chain->fragment;
    struct mn_piece piece = {arrival->packet, fragment->identification, fragment->offset, fragment->more};
    datagram->header_len = (uint16_t)chain->offset;
    datagram->protocol = fragment->next_header;
    mnet_packet_pull(arrival->packet, chain->offset);
    arrival->packet = mn_reassembly_input(&ip->reassembly, &piece, datagram, arrival->now);
    if (arrival->packet == NULL)
        return false;
    arrival->not_unicast = datagram->not_unicast;
    mnet_packet_push(arrival->packet, datagram->header_len);
    datagram->header_len = 0; /* the packet begins with its header again */
    return true;
}

/* Walks the headers, of a whole packet or of its first part and then of the whole. True if a
 * transport follows. */
static bool walk(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_ipv6 *header, struct mn_datagram *datagram,
                 struct mn_ipv6_chain *chain)
{
    struct mnet_packet *packet = arrival->packet;
    enum mn_ipv6_verdict verdict = mn_ipv6_walk(packet->data, packet->len, header, false, &mn_ipv6_limits_default,
                                                chain);
    if (MN_UNLIKELY(verdict == MN_IPV6_IS_FRAGMENT)) {
        if (!put_together(ip, arrival, datagram, chain))
            return false;
        packet = arrival->packet;
        enum mn_parse result = mn_ipv6_parse(packet->data, packet->len, packet->total, header);
        MN_ASSERT(result == MN_PARSE_OK); /* reassembly wrote it */
        verdict = mn_ipv6_walk(packet->data, packet->len, header, true, &mn_ipv6_limits_default, chain);
    }
    if (MN_LIKELY(verdict == MN_IPV6_IS_TRANSPORT))
        return true;
    discard(ip, arrival, datagram, verdict, chain);
    return false;
}

/* Any packet: check by check. */
static MN_APART enum mn_ip_verdict full_input(struct mn_ip *ip, struct mn_arrival *arrival,
                                              struct mn_datagram *datagram, struct mn_icmp_error *error)
{
    struct mn_ipv6 header;
    struct mn_ipv6_chain chain;
    if (!check_header(ip, arrival, &header) || !check_source(ip, arrival, &header) ||
        !check_destination(ip, arrival, &header)) {
        mnet_packet_free(arrival->packet);
        return MN_IP_CONSUMED;
    }
    describe(arrival, &header, datagram);
    if (!walk(ip, arrival, &header, datagram, &chain))
        return MN_IP_CONSUMED;
    datagram->protocol = chain.protocol;
    datagram->header_len = (uint16_t)chain.offset;
    mnet_packet_pull(arrival->packet, chain.offset);
    arrival->fragmented = chain.fragmented;
    arrival->router_alert = chain.router_alert;
    if (chain.protocol == MN_PROTOCOL_ICMPV6)
        return mn_icmpv6_input(ip, arrival, datagram, error);
    if (MN_UNLIKELY(mn_ipv6_is_unspecified(&header.source))) {
        mn_ip_drop(ip, arrival->packet, MNET_COUNT_IP_DROP_SOURCE);
        return MN_IP_CONSUMED;
    }
    return MN_IP_TRANSPORT;
}

/* Nearly every packet passes all checks, and they are read off its header in one go: it has no
 * extension headers, comes from another host and goes to an own address, for TCP or UDP. Returns
 * false for any other one: the full way judges it. */
static inline bool is_usual(struct mn_ip *ip, const struct mnet_packet *packet, struct mn_ipv6 *header)
{
    if (!mn_ipv6_parse_plain(packet->data, packet->len, packet->total, header))
        return false;
    if (header->next_header != MN_PROTOCOL_TCP && header->next_header != MN_PROTOCOL_UDP)
        return false;
    return is_other_host(ip, &header->source) && !mn_ipv6_is_unspecified(&header->source) &&
           is_own(ip, &header->destination);
}

static inline void describe_usual(const struct mn_arrival *arrival, const struct mn_ipv6 *header,
                                  struct mn_datagram *datagram)
{
    describe(arrival, header, datagram);
    datagram->header_len = MN_IPV6_HEADER;
}

/* Takes the header of a usual packet. Returns false, with nothing done, for any other one. */
static inline bool take_usual(struct mn_ip *ip, const struct mn_arrival *arrival, struct mn_datagram *datagram)
{
    struct mnet_packet *packet = arrival->packet;
    struct mn_ipv6 header;
    if (MN_UNLIKELY(arrival->looped) || !is_usual(ip, packet, &header))
        return false;
    describe_usual(arrival, &header, datagram);
    uint32_t whole_len = MN_IPV6_HEADER + (uint32_t)header.payload_len;
    if (packet->total != whole_len)
        mnet_packet_trim(packet, whole_len);
    if (!arrival->not_unicast)
        mn_ip_remember_input(ip, packet->data - MN_ETHERNET_HEADER, datagram);
    mnet_packet_pull(packet, MN_IPV6_HEADER);
    return true;
}

bool mn_ipv6_judge_usual(struct mn_ip *ip, struct mnet_packet *packet, struct mn_datagram *datagram)
{
    struct mn_ipv6 header;
    bool usual = is_usual(ip, packet, &header) && MN_IPV6_HEADER + (uint32_t)header.payload_len == packet->total;
    if (usual)
        describe_usual(&(struct mn_arrival){.packet = packet}, &header, datagram);
    return usual;
}

enum mn_ip_verdict mn_ipv6_input(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_datagram *datagram,
                                 struct mn_icmp_error *error)
{
    mn_ip_count(ip, MNET_COUNT_IP_RX);
    if (!take_usual(ip, arrival, datagram)) {
        enum mn_ip_verdict verdict = full_input(ip, arrival, datagram, error);
        if (verdict != MN_IP_TRANSPORT)
            return verdict;
    }
    /* A packet that was never on a wire has a checksum that is not finished, and needs none. */
    if (MN_UNLIKELY(arrival->packet->checksum == MNET_CHECKSUM_PARTIAL))
        arrival->packet->checksum = MNET_CHECKSUM_VERIFIED;
    return MN_LIKELY(ip->spread.queues <= 1) ? MN_IP_TRANSPORT : mn_ip_spread(ip, arrival, datagram);
}
