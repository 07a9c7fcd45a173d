/* ICMP for IPv4 (RFC 792, RFC 1122 3.2.2, RFC 1812 4.3): echo answered, errors sent within a rate,
 * errors received handed on when they quote a packet that could be ours. */
#include "wire/icmpv4.h"

#include <string.h>

#include "base/checksum.h"
#include "base/packet_sum.h"
#include "ip/ping.h"
#include "ip/v4/internal.h"

#define ERROR_DATAGRAM_MAX 576 /* RFC 1812 4.3.2.3: as much of the packet as fits into this */
#define QUOTE_MIN 8            /* of the transport: RFC 792 */
#define PATH_MTU_MIN 68        /* RFC 791: every link carries this */

/* RFC 1122 3.2.2: no error is sent about an error, about a packet that was not sent to us alone, or
 * to a source that is not a single host. Fragments other than the first never come here. */
static bool may_answer(const struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram)
{
    uint32_t source = mn_address_to_ipv4(&datagram->source);
    bool host = mn_ipv4_is_host(source) || mn_ipv4_is_loopback(source); /* which stays inside */
    if (datagram->not_unicast || datagram->overheard || !host || mn_ip_is_broadcast_value(ip, source))
        return false;
    return datagram->protocol != MN_PROTOCOL_ICMP ||
           (packet->len > 0 && !mn_icmpv4_is_error(mn_icmpv4_type(packet->data)));
}

/* The ICMP message with the quote; NULL if memory is used up. */
static struct mnet_packet *make_error(struct mn_ip *ip, const struct mnet_packet *packet, uint16_t header_len,
                                      const struct mn_icmpv4 *message)
{
    struct mnet_packet *answer = mnet_packet_alloc_tx(ip->memory);
    if (answer == NULL)
        return NULL;
    uint32_t room = ERROR_DATAGRAM_MAX - MN_IPV4_HEADER - MN_ICMPV4_HEADER - header_len;
    uint32_t body = MN_MIN(packet->total, room);
    uint8_t *to = mnet_packet_put(answer, MN_ICMPV4_HEADER + header_len + body);
    uint8_t *quote = to + MN_ICMPV4_HEADER;
    memcpy(quote, packet->data - header_len, header_len);
    mnet_packet_copy_out(packet, 0, quote + header_len, body);
    mn_icmpv4_emit(to, message, mn_sum(0, quote, header_len + body));
    return answer;
}

/* Sends an error about a received packet, if RFC 1122 3.2.2 allows one and the rate limit does. */
static void send_error(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                       uint8_t type, uint8_t code, uint64_t now)
{
    if (!may_answer(ip, packet, datagram))
        return;
    if (!mn_ip_check_error_limit(ip, now))
        return;
    struct mn_icmpv4 message = {.type = type, .code = code};
    struct mnet_packet *answer = make_error(ip, packet, datagram->header_len, &message);
    if (answer == NULL) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_MEMORY);
        return;
    }
    mn_ip_pay_error(ip);
    struct mn_datagram reply = {
        .source = datagram->destination, .destination = datagram->source, .protocol = MN_PROTOCOL_ICMP};
    if (mn_ip_output(ip, answer, &reply, now) == 0)
        mn_ip_count(ip, MNET_COUNT_ICMP_ERRORS_TX);
}

/* RFC 1122 3.2.2.1 and RFC 1812 5.2.7.1: the reason that each code gives. */
static const uint8_t reasons[] = {
    [MN_ICMPV4_NET_UNREACHABLE] = MN_UNREACHABLE_NETWORK,
    [MN_ICMPV4_HOST_UNREACHABLE] = MN_UNREACHABLE_HOST,
    [MN_ICMPV4_PROTOCOL_UNREACHABLE] = MN_UNREACHABLE_PROTOCOL,
    [MN_ICMPV4_PORT_UNREACHABLE] = MN_UNREACHABLE_PORT,
    [MN_ICMPV4_FRAGMENTATION_NEEDED] = MN_UNREACHABLE_TOO_BIG,
    [MN_ICMPV4_SOURCE_ROUTE_FAILED] = MN_UNREACHABLE_NETWORK,
    [6] = MN_UNREACHABLE_NETWORK,     /* network unknown */
    [7] = MN_UNREACHABLE_HOST,        /* host unknown */
    [8] = MN_UNREACHABLE_HOST,        /* source host isolated */
    [9] = MN_UNREACHABLE_PROHIBITED,  /* network prohibited */
    [10] = MN_UNREACHABLE_PROHIBITED, /* host prohibited */
    [11] = MN_UNREACHABLE_NETWORK,    /* network, for this type of service */
    [12] = MN_UNREACHABLE_HOST,       /* host, for this type of service */
    [13] = MN_UNREACHABLE_PROHIBITED, /* communication prohibited */
    [14] = MN_UNREACHABLE_PROHIBITED, /* host precedence violation */
    [15] = MN_UNREACHABLE_PROHIBITED, /* precedence cutoff */
};

/* False for a code that does not exist. */
static bool reason_of(uint8_t code, enum mn_unreachable *reason)
{
    if (code >= MN_COUNT_OF(reasons))
        return false;
    *reason = (enum mn_unreachable)reasons[code];
    return true;
}

/* The code for a reason that a host gives: the others are a router's. */
static uint8_t code_of(enum mn_unreachable reason)
{
    MN_ASSERT(reason == MN_UNREACHABLE_PROTOCOL || reason == MN_UNREACHABLE_PORT);
    return reason == MN_UNREACHABLE_PORT ? MN_ICMPV4_PORT_UNREACHABLE : MN_ICMPV4_PROTOCOL_UNREACHABLE;
}

void mn_icmpv4_send_unreachable(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                                enum mn_unreachable reason, uint64_t now)
{
    send_error(ip, packet, datagram, MN_ICMPV4_UNREACHABLE, code_of(reason), now);
}

void mn_icmpv4_send_reassembly_timeout(struct mn_ip *ip, const struct mnet_packet *first,
                                       const struct mn_datagram *datagram, uint64_t now)
{
    send_error(ip, first, datagram, MN_ICMPV4_TIME_EXCEEDED, MN_ICMPV4_REASSEMBLY_TIME_EXCEEDED, now);
}

/* Milliseconds that no clock tells the beginning of, not even ours: the upper bit says so (RFC 791
 * 3.1; RFC 1122 3.2.2.8), and the random origin hides how long this host has been up. */
static uint32_t timestamp_of(const struct mn_ip *ip, uint64_t now)
{
    static const uint64_t purpose = MN_ICMPV4_ECHO;
    uint64_t origin = mn_siphash13_words(&ip->reassembly.key, &purpose, 1);
    return (uint32_t)(origin + now / MNET_MILLISECOND) | UINT32_C(1) << 31;
}

/* The options that the reply carries back. False if the request is to be discarded for those that
 * it has. */
static bool answer_options(const struct mn_ip *ip, const struct mnet_packet *packet, uint64_t now,
                           const struct mn_datagram *datagram, struct mn_ipv4_options *options)
{
    size_t len = datagram->header_len - (size_t)MN_IPV4_HEADER;
    options->len = 0;
    return len == 0 || mn_ipv4_answer_options(packet->data - len, len, mn_address_to_ipv4(&datagram->destination),
                                              timestamp_of(ip, now), options);
}

/* RFC 1122 3.2.2.6: the request is sent back as the reply. Only type and checksum change, and the
 * records in its options. */
static void answer_echo(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now, const struct mn_datagram *datagram)
{
    if (datagram->not_unicast || datagram->overheard) {
        mn_ip_drop(ip, packet, MNET_COUNT_ICMP_DROP_IGNORED);
        return;
    }
    if (!mn_ip_may_speak(ip)) {
        mn_ip_drop(ip, packet, MNET_COUNT_TX_DROP_QUEUE);
        return;
    }
    struct mn_ipv4_options options;
    if (!answer_options(ip, packet, now, datagram, &options)) {
        mn_ip_drop(ip, packet, MNET_COUNT_IP_DROP_OPTIONS);
        return;
    }
    if (packet->more != NULL && (packet = mn_ip_make_one(ip, packet)) == NULL)
        return;
    mn_icmpv4_become_reply(packet);
    mn_ip_forget_metadata(packet);
    struct mn_datagram reply = {
        .source = datagram->destination,
        .destination = datagram->source,
        .protocol = MN_PROTOCOL_ICMP,
        .traffic_class = datagram->traffic_class & 0xfc, /* without the congestion mark */
    };
    bool with_options = options.len > 0 && MN_IPV4_HEADER + options.len + packet->total <= ip->mtu;
    int result = with_options ? mn_ipv4_output_options(ip, packet, &reply, &options, now)
                              : mn_ip_output(ip, packet, &reply, now);
    if (result == 0)
        mn_ip_count(ip, MNET_COUNT_ICMP_ECHO);
}

/* The address that an error came to must be the source of the packet quoted, and that one of ours;
 * for 127/8 both stayed inside. */
static bool quote_is_ours(const struct mn_ip *ip, const struct mn_ipv4 *quote, const struct mn_datagram *datagram)
{
    if (quote->source != mn_address_to_ipv4(&datagram->destination))
        return false;
    if (mn_ipv4_is_multicast(quote->destination) || mn_ip_is_broadcast_value(ip, quote->destination))
        return false;
    return mn_ip_is_own_value(ip, quote->source) || mn_ipv4_is_loopback(quote->source);
}

/* Reads the quote of an error into *error; false if it cannot be about a packet of our
 * transports. */
static bool read_quote(const struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                       struct mn_icmp_error *error)
{
    struct mn_ipv4 quote;
    const uint8_t *bytes = packet->data + MN_ICMPV4_HEADER;
    size_t len = packet->len - MN_ICMPV4_HEADER;
    if (mn_ipv4_parse_quote(bytes, len, &quote) != MN_PARSE_OK || quote.fragment_offset != 0)
        return false;
    if (quote.protocol != MN_PROTOCOL_TCP && quote.protocol != MN_PROTOCOL_UDP)
        return false;
    len = MN_MIN(len, quote.total_len);
    if (len < (size_t)quote.header_len + QUOTE_MIN || !quote_is_ours(ip, &quote, datagram))
        return false;
    error->protocol = quote.protocol;
    error->local = mnet_address_from_ipv4(quote.source);
    error->remote = mnet_address_from_ipv4(quote.destination);
    error->quote = bytes + quote.header_len;
    error->quote_len = len - quote.header_len;
    error->reporter = datagram->source;
    return true;
}

static enum mn_ip_verdict receive_error(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_icmpv4 *message,
                                        const struct mn_datagram *datagram, struct mn_icmp_error *error)
{
    *error = (struct mn_icmp_error){.reason = MN_UNREACHABLE_NETWORK};
    if (datagram->not_unicast ||
        (message->type == MN_ICMPV4_UNREACHABLE && !reason_of(message->code, &error->reason))) {
        mn_ip_drop(ip, packet, MNET_COUNT_ICMP_DROP_IGNORED);
        return MN_IP_CONSUMED;
    }
    if (!read_quote(ip, packet, datagram, error)) {
        mn_ip_drop(ip, packet, MNET_COUNT_ICMP_DROP_INVALID);
        return MN_IP_CONSUMED;
    }
    if (error->reason == MN_UNREACHABLE_TOO_BIG && message->sequence >= PATH_MTU_MIN)
        error->mtu = message->sequence;
    mn_ip_count(ip, MNET_COUNT_ICMP_ERRORS_RX);
    return MN_IP_ERROR;
}

static void take_reply(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now, const struct mn_datagram *datagram,
                       const struct mn_icmpv4 *message)
{
    uint32_t mark = (uint32_t)message->identifier << 16 | message->sequence;
    if (!mn_ping_answer(ip, &datagram->source, mark, now))
        mn_ip_count(ip, MNET_COUNT_ICMP_DROP_IGNORED);
    mnet_packet_free(packet);
}

MN_RARE enum mn_ip_verdict mn_icmpv4_input(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now,
                                           const struct mn_datagram *datagram, struct mn_icmp_error *error)
{
    struct mn_icmpv4 message;
    mn_ip_count(ip, MNET_COUNT_ICMP_RX);
    if (mn_icmpv4_parse(packet->data, packet->len, &message) != MN_PARSE_OK ||
        mn_checksum(mn_packet_sum(packet, 0)) != 0) {
        mn_ip_drop(ip, packet, MNET_COUNT_ICMP_DROP_INVALID);
        return MN_IP_CONSUMED;
    }
    switch (message.type) {
    case MN_ICMPV4_ECHO: answer_echo(ip, packet, now, datagram); return MN_IP_CONSUMED;
    case MN_ICMPV4_ECHO_REPLY: take_reply(ip, packet, now, datagram, &message); return MN_IP_CONSUMED;
    case MN_ICMPV4_UNREACHABLE:
    case MN_ICMPV4_TIME_EXCEEDED:
    case MN_ICMPV4_PARAMETER_PROBLEM: return receive_error(ip, packet, &message, datagram, error);
    case MN_ICMPV4_SOURCE_QUENCH: /* MUST-55, RFC 6633: silently discarded */
    case MN_ICMPV4_REDIRECT:      /* believing it would let any host on the way choose our routes */
    default: mn_ip_drop(ip, packet, MNET_COUNT_ICMP_DROP_IGNORED); return MN_IP_CONSUMED;
    }
}

bool mn_ipv4_describe_failure(struct mnet_packet *packet, struct mn_icmp_error *error)
{
    struct mn_ipv4 header;
    if (mn_ipv4_parse(packet->data, packet->len, packet->total, &header) != MN_PARSE_OK)
        return false;
    if (header.protocol == MN_PROTOCOL_ICMP || header.fragment_offset != 0)
        return false;
    mnet_packet_pull(packet, header.header_len);
    *error = (struct mn_icmp_error){
        .reason = MN_UNREACHABLE_NEIGHBOUR,
        .protocol = header.protocol,
        .local = mnet_address_from_ipv4(header.source),
        .remote = mnet_address_from_ipv4(header.destination),
        .quote = packet->data,
        .quote_len = packet->len,
        .reporter = mnet_address_from_ipv4(header.source),
    };
    return packet->len >= 8;
}
