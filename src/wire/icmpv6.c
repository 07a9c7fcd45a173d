#include "wire/icmpv6.h"

#include "base/checksum.h"

#define TRANSPORT_MIN 8 /* ports and sequence number */

enum mn_parse mn_icmpv6_parse(const void *data, size_t len, struct mn_icmpv6 *header)
{
    struct mn_reader r = mn_reader(data, len);
    struct mn_icmpv6 read = {.type = mn_read_u8(&r)};
    read.code = mn_read_u8(&r);
    mn_read_u16(&r); /* checksum */
    read.value = mn_read_u32(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    *header = read;
    return MN_PARSE_OK;
}

void mn_icmpv6_emit(void *to, const struct mn_icmpv6 *header, uint64_t sum)
{
    struct mn_writer w = mn_writer(to, MN_ICMPV6_HEADER);
    mn_write_u8(&w, header->type);
    mn_write_u8(&w, header->code);
    uint8_t *field = mn_write(&w, 2);
    mn_write_u32(&w, header->value);
    memset(field, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum(sum, to, MN_ICMPV6_HEADER));
    memcpy(field, &checksum, sizeof checksum);
}

void mn_icmpv6_set_checksum(uint8_t *message, size_t len, const struct mnet_address *source,
                            const struct mnet_address *destination)
{
    MN_ASSERT(len >= MN_ICMPV6_CHECKSUM_AT + 2 && len <= UINT16_MAX);
    memset(message + MN_ICMPV6_CHECKSUM_AT, 0, 2);
    uint64_t sum = mn_pseudo_sum(source, destination, MN_PROTOCOL_ICMPV6, (uint32_t)len);
    uint16_t checksum = mn_checksum(mn_sum(sum, message, len));
    memcpy(message + MN_ICMPV6_CHECKSUM_AT, &checksum, sizeof checksum);
}

/* Takes one pair of bytes out of the sum, and adds the other. */
static uint16_t exchange(uint16_t checksum, const uint8_t *before, const uint8_t *after)
{
    uint16_t old, new;
    memcpy(&old, before, sizeof old);
    memcpy(&new, after, sizeof new);
    return mn_checksum_update(checksum, old, new);
}

/* The pseudo-header is never all zeros, so an update always gives the checksum that a new sum would
 * (RFC 1624 section 3). */
void mn_icmpv6_become_reply(struct mnet_packet *request, const struct mnet_address *asked,
                            const struct mnet_address *own)
{
    static const uint8_t type_and_code[] = {MN_ICMPV6_ECHO_REPLY, 0};
    uint8_t *message = request->data;
    uint16_t checksum;
    MN_ASSERT(request->len >= MN_ICMPV6_HEADER && message[0] == MN_ICMPV6_ECHO);
    memcpy(&checksum, message + MN_ICMPV6_CHECKSUM_AT, sizeof checksum);
    checksum = exchange(checksum, message, type_and_code);
    for (size_t i = 0; i < sizeof asked->bytes; i += 2)
        checksum = exchange(checksum, asked->bytes + i, own->bytes + i);
    memcpy(message, type_and_code, sizeof type_and_code);
    memcpy(message + MN_ICMPV6_CHECKSUM_AT, &checksum, sizeof checksum);
}

/* The reasons of Destination Unreachable by code (3.1). */
static const uint8_t reasons[] = {
    [MN_ICMPV6_NO_ROUTE] = MN_UNREACHABLE_NETWORK,        [MN_ICMPV6_PROHIBITED] = MN_UNREACHABLE_PROHIBITED,
    [MN_ICMPV6_BEYOND_SCOPE] = MN_UNREACHABLE_NETWORK,    [MN_ICMPV6_ADDRESS_UNREACHABLE] = MN_UNREACHABLE_HOST,
    [MN_ICMPV6_PORT_UNREACHABLE] = MN_UNREACHABLE_PORT,   [MN_ICMPV6_POLICY_FAILED] = MN_UNREACHABLE_PROHIBITED,
    [MN_ICMPV6_REJECT_ROUTE] = MN_UNREACHABLE_PROHIBITED,
};

/* The reason of an error about a packet whose transport was named at `named_at`. */
static enum mn_unreachable reason_of(const struct mn_icmpv6 *message, uint32_t named_at)
{
    if (message->type == MN_ICMPV6_PACKET_TOO_BIG)
        return MN_UNREACHABLE_TOO_BIG;
    if (message->type == MN_ICMPV6_UNREACHABLE && message->code < MN_COUNT_OF(reasons))
        return (enum mn_unreachable)reasons[message->code];
    if (message->type == MN_ICMPV6_PARAMETER_PROBLEM && message->code == MN_IPV6_UNKNOWN_NEXT_HEADER &&
        message->value == named_at)
        return MN_UNREACHABLE_PROTOCOL;
    return MN_UNREACHABLE_NETWORK;
}

enum mn_parse mn_icmpv6_read_error(const struct mn_icmpv6 *message, const uint8_t *quote, size_t len,
                                   struct mn_icmp_error *error)
{
    struct mn_ipv6 header;
    struct mn_ipv6_upper upper;
    MN_ASSERT(mn_icmpv6_is_error(message->type));
    *error = (struct mn_icmp_error){.reason = MN_UNREACHABLE_NETWORK};
    enum mn_parse verdict = mn_ipv6_parse_quote(quote, len, &header);
    if (verdict != MN_PARSE_OK)
        return verdict;
    if (message->type == MN_ICMPV6_PACKET_TOO_BIG && message->value < MN_IPV6_MTU_MIN)
        return MN_PARSE_INVALID;
    len = MN_MIN(len, (size_t)header.payload_len + MN_IPV6_HEADER);
    bool found = mn_ipv6_find_upper(quote, len, &header, &upper);
    error->local = header.source;
    error->remote = header.destination;
    error->protocol = upper.protocol;
    error->reason = reason_of(message, found ? upper.named_at : 0);
    if (error->reason == MN_UNREACHABLE_TOO_BIG)
        error->mtu = message->value;
    if (!found || len - upper.offset < TRANSPORT_MIN)
        return MN_PARSE_TRUNCATED;
    error->quote = quote + upper.offset;
    error->quote_len = len - upper.offset;
    return MN_PARSE_OK;
}
