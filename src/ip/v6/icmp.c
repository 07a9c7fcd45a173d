/* ICMPv6 (RFC 4443): echo answered, errors sent within a rate, errors received handed on when they
 * quote a packet that could be ours. Neighbour discovery is in nd.c. */
#include "wire/icmpv6.h"

#include "base/checksum.h"
#include "base/packet_copy.h"
#include "ip/ping.h"
#include "ip/v6/internal.h"

/* ---- Sent ---- */

/* RFC 4443 2.4 (e): returns true if an error may be sent about this packet, which begins behind its
 * IPv6 header. */
static bool may_answer(const struct mnet_packet *packet, const struct mn_datagram *datagram, bool even_to_group)
{
    struct mn_ipv6 header;
    struct mn_ipv6_upper upper;
    const uint8_t *start = packet->data - datagram->header_len;
    size_t len = packet->len + (size_t)datagram->header_len;
    if ((datagram->not_unicast && !even_to_group) || datagram->overheard)
        return false;
    if (mn_ipv6_is_unspecified(&datagram->source) || mn_ipv6_is_multicast(&datagram->source))
        return false;
    if (mn_ipv6_parse_quote(start, len, &header) != MN_PARSE_OK)
        return false;
    if (!mn_ipv6_find_upper(start, len, &header, &upper) || upper.protocol != MN_PROTOCOL_ICMPV6)
        return true;
    return upper.offset < len && !mn_icmpv6_is_beyond_errors(mn_icmpv6_type(start + upper.offset));
}

/* The message with as much of the packet as fits (2.4 (c)), without a checksum; NULL if memory is
 * used up. */
static struct mnet_packet *make_error(struct mn_ip *ip, const struct mnet_packet *packet, uint16_t header_len,
                                      const struct mn_icmpv6 *message)
{
    struct mnet_packet *answer = mnet_packet_alloc_tx(ip->memory);
    if (answer == NULL)
        return NULL;
    uint32_t quoted_header = MN_MIN(header_len, MN_ICMPV6_QUOTE_MAX);
    uint32_t body = MN_MIN(packet->total, MN_ICMPV6_QUOTE_MAX - quoted_header);
    uint8_t *to = mnet_packet_put(answer, MN_ICMPV6_HEADER + quoted_header + body);
    mn_icmpv6_emit(to, message, 0);
    memcpy(to + MN_ICMPV6_HEADER, packet->data - header_len, quoted_header);
    mnet_packet_copy_out(packet, 0, to + MN_ICMPV6_HEADER + quoted_header, body);
    return answer;
}

/* Sends an error about a received packet. Its source is the address that the packet was for, or one
 * of our choice if that was a group (2.2). */
static void send_error(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                       const struct mn_icmpv6 *message, uint64_t now)
{
    bool to_group = mn_ipv6_is_multicast(&datagram->destination);
    struct mn_datagram reply = {
        .source = to_group ? MNET_ADDRESS_ANY : datagram->destination,
        .destination = datagram->source,
        .protocol = MN_PROTOCOL_ICMPV6,
    };
    struct mn_ip_way way;
    if (!mn_ip_check_error_limit(ip, now) || mn_ip_way_with_room(ip, &reply, &way) != 0)
        return;
    struct mnet_packet *answer = make_error(ip, packet, datagram->header_len, message);
    if (answer == NULL) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_MEMORY);
        return;
    }
    mn_ip_pay_error(ip);
    mn_icmpv6_set_checksum(answer->data, answer->total, &way.source, &reply.destination);
    if (mn_ip_output(ip, answer, &reply, now) == 0)
        mn_ip_count(ip, MNET_COUNT_ICMP_ERRORS_TX);
}

MN_RARE void mn_icmpv6_send_parameter_problem(struct mn_ip *ip, const struct mnet_packet *packet,
                                              const struct mn_datagram *datagram, const struct mn_ipv6_chain *chain,
                                              uint64_t now)
{
    struct mn_icmpv6 message = {MN_ICMPV6_PARAMETER_PROBLEM, chain->code, chain->pointer};
    if (may_answer(packet, datagram, chain->even_to_multicast))
        send_error(ip, packet, datagram, &message, now);
}

MN_RARE void mn_icmpv6_send_unreachable(struct mn_ip *ip, const struct mnet_packet *packet,
                                        const struct mn_datagram *datagram, enum mn_unreachable reason, uint64_t now)
{
    MN_ASSERT(reason == MN_UNREACHABLE_PORT); /* the walk has reported an unknown protocol */
    struct mn_icmpv6 message = {MN_ICMPV6_UNREACHABLE, MN_ICMPV6_PORT_UNREACHABLE, 0};
    if (may_answer(packet, datagram, false))
        send_error(ip, packet, datagram, &message, now);
}

MN_RARE void mn_icmpv6_send_reassembly_timeout(struct mn_ip *ip, const struct mnet_packet *first,
                                               const struct mn_datagram *datagram, uint64_t now)
{
    struct mn_icmpv6 message = {MN_ICMPV6_TIME_EXCEEDED, MN_ICMPV6_REASSEMBLY_TIME_EXCEEDED, 0};
    if (may_answer(first, datagram, false))
        send_error(ip, first, datagram, &message, now);
}

/* ---- Received ---- */

/* 4.2: the request goes back as the reply, also if it came to a group. */
static void answer_echo(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now, const struct mn_datagram *datagram)
{
    bool to_group = mn_ipv6_is_multicast(&datagram->destination);
    struct mn_datagram reply = {
        .source = to_group ? MNET_ADDRESS_ANY : datagram->destination,
        .destination = datagram->source,
        .protocol = MN_PROTOCOL_ICMPV6,
        .traffic_class = datagram->traffic_class & 0xfc, /* but not the congestion mark */
        .flow_label = datagram->flow_label,
    };
    struct mn_ip_way way;
    if (datagram->overheard || mn_ipv6_is_unspecified(&datagram->source) ||
        mn_ip_way_with_room(ip, &reply, &way) != 0) {
        mn_ip_drop(ip, packet, MNET_COUNT_ICMP_DROP_IGNORED);
        return;
    }
    if (!mn_ip_may_speak(ip)) {
        mn_ip_drop(ip, packet, MNET_COUNT_TX_DROP_QUEUE);
        return;
    }
    if (packet->more != NULL && (packet = mn_ip_make_one(ip, packet)) == NULL)
        return;
    mn_icmpv6_become_reply(packet, &datagram->destination, &way.source);
    mn_ip_forget_metadata(packet);
    if (mn_ip_output(ip, packet, &reply, now) == 0)
        mn_ip_count(ip, MNET_COUNT_ICMP_ECHO);
}

/* The address that an error came to must be the source of the packet quoted, and that one of ours.
 */
static bool quote_is_ours(const struct mn_ip *ip, const struct mn_icmp_error *error, const struct mn_datagram *datagram)
{
    return mn_ipv6_equal(&error->local, &datagram->destination) && mn_ip_is_own(ip, error->local) &&
           !mn_ipv6_is_multicast(&error->remote);
}

static enum mn_ip_verdict receive_error(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_icmpv6 *message,
                                        const struct mn_datagram *datagram, struct mn_icmp_error *error)
{
    enum mnet_counter counter = MNET_COUNT_ICMP_DROP_INVALID;
    if (datagram->not_unicast) {
        counter = MNET_COUNT_ICMP_DROP_IGNORED;
    } else if (mn_icmpv6_read_error(message, packet->data + MN_ICMPV6_HEADER, packet->len - MN_ICMPV6_HEADER, error) ==
                   MN_PARSE_OK &&
               quote_is_ours(ip, error, datagram) &&
               (error->protocol == MN_PROTOCOL_TCP || error->protocol == MN_PROTOCOL_UDP)) {
        error->reporter = datagram->source;
        mn_ip_count(ip, MNET_COUNT_ICMP_ERRORS_RX);
        return MN_IP_ERROR;
    }
    mn_ip_drop(ip, packet, counter);
    return MN_IP_CONSUMED;
}

static bool is_listener_discovery(uint8_t type)
{
    return type == MN_ICMPV6_MLD_QUERY || type == MN_ICMPV6_MLD_REPORT || type == MN_ICMPV6_MLD_DONE ||
           type == MN_ICMPV6_MLD2_REPORT;
}

static bool is_neighbour_discovery(uint8_t type)
{
    return type >= MN_ICMPV6_ROUTER_SOLICITATION && type <= MN_ICMPV6_REDIRECT;
}

MN_RARE enum mn_ip_verdict mn_icmpv6_input(struct mn_ip *ip, struct mn_arrival *arrival,
                                           const struct mn_datagram *datagram, struct mn_icmp_error *error)
{
    struct mnet_packet *packet = arrival->packet;
    struct mn_icmpv6 message;
    mn_ip_count(ip, MNET_COUNT_ICMP_RX);
    if (mn_icmpv6_parse(packet->data, packet->len, &message) != MN_PARSE_OK ||
        !mn_transport_checksum_ok(packet, datagram)) {
        mn_ip_drop(ip, packet, MNET_COUNT_ICMP_DROP_INVALID);
        return MN_IP_CONSUMED;
    }
    if (is_neighbour_discovery(message.type)) {
        mn_nd_input(ip, arrival, datagram);
        mnet_packet_free(packet);
        return MN_IP_CONSUMED;
    }
    if (is_listener_discovery(message.type)) {
        mn_mld_input(ip, arrival, datagram);
        mnet_packet_free(packet);
        return MN_IP_CONSUMED;
    }
    if (message.type == MN_ICMPV6_ECHO) {
        answer_echo(ip, packet, arrival->now, datagram);
        return MN_IP_CONSUMED;
    }
    if (message.type == MN_ICMPV6_ECHO_REPLY &&
        mn_ping_answer(ip, &datagram->source, message.value, arrival->now)) { /* ICMP6-4.2-4 */
        mnet_packet_free(packet);
        return MN_IP_CONSUMED;
    }
    if (mn_icmpv6_is_error(message.type))
        return receive_error(ip, packet, &message, datagram, error);
    mn_ip_drop(ip, packet, MNET_COUNT_ICMP_DROP_IGNORED);
    return MN_IP_CONSUMED;
}

bool mn_ipv6_describe_failure(struct mnet_packet *packet, struct mn_icmp_error *error)
{
    struct mn_ipv6 header;
    if (mn_ipv6_parse(packet->data, packet->len, packet->total, &header) != MN_PARSE_OK)
        return false;
    if (header.next_header != MN_PROTOCOL_TCP && header.next_header != MN_PROTOCOL_UDP)
        return false;
    mnet_packet_pull(packet, MN_IPV6_HEADER);
    *error = (struct mn_icmp_error){
        .reason = MN_UNREACHABLE_NEIGHBOUR,
        .protocol = header.next_header,
        .local = header.source,
        .remote = header.destination,
        .quote = packet->data,
        .quote_len = packet->len,
        .reporter = header.source,
    };
    return packet->len >= 8;
}
