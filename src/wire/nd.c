/* Neighbour discovery, in the order of the diagrams of RFC 4861 4. A message has an ICMPv6 header,
 * fixed fields, and options: type, length in units of eight bytes with both of these, and the body.
 */
#include "wire/nd.h"

#define UNIT 8
#define OPTION_HEADER 2

enum nd_option {
    OPTION_SOURCE_LINK_ADDRESS = 1,
    OPTION_TARGET_LINK_ADDRESS = 2,
    OPTION_PREFIX = 3,
    OPTION_REDIRECTED_HEADER = 4,
    OPTION_MTU = 5,
    OPTION_NONCE = 14,
    OPTION_ROUTE = 24,
    OPTION_DNS_SERVERS = 25,
    OPTION_DNS_DOMAINS = 31,
};

/* The flags of Router Advertisement, of Neighbour Advertisement, and of a prefix. */
#define RA_MANAGED 0x80
#define RA_OTHER 0x40
#define NA_ROUTER (UINT32_C(1) << 31)
#define NA_SOLICITED (UINT32_C(1) << 30)
#define NA_OVERRIDE (UINT32_C(1) << 29)
#define PREFIX_ON_LINK 0x80
#define PREFIX_AUTONOMOUS 0x40

/* The two bits of a preference, in the middle of a flags octet (RFC 4191 2.1). */
#define PREFERENCE_SHIFT 3
enum preference_bits {
    BITS_MEDIUM = 0,
    BITS_HIGH = 1,
    BITS_RESERVED = 2,
    BITS_LOW = 3,
};

/* ---- Parse: options ---- */

struct raw_option {
    uint8_t type;
    struct mn_reader body;
};

/* False at the end, and if an option has length 0 or goes beyond it: then the reader has failed. */
static bool next_raw(struct mn_reader *options, struct raw_option *option)
{
    if (!options->ok || mn_reader_left(options) == 0)
        return false;
    option->type = mn_read_u8(options);
    size_t len = mn_read_u8(options) * (size_t)UNIT;
    if (len == 0) {
        options->ok = false;
        return false;
    }
    const uint8_t *body = mn_read(options, len - OPTION_HEADER);
    if (body == NULL)
        return false;
    option->body = mn_reader(body, len - OPTION_HEADER);
    return true;
}

/* The option that brings the link-layer address of a message (RFC 4861 4.1 to 4.5). */
static enum nd_option link_address_option(uint8_t type)
{
    bool of_target = type == MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT || type == MN_ICMPV6_REDIRECT;
    return of_target ? OPTION_TARGET_LINK_ADDRESS : OPTION_SOURCE_LINK_ADDRESS;
}

static void read_link_address(struct raw_option *option, struct mn_nd *message)
{
    if (message->has_link_address || mn_reader_left(&option->body) != sizeof message->link_address.bytes)
        return;
    memcpy(message->link_address.bytes, option->body.at, sizeof message->link_address.bytes);
    message->has_link_address = true;
}

static void read_mtu(struct raw_option *option, struct mn_nd *message)
{
    if (mn_reader_left(&option->body) != UNIT - OPTION_HEADER)
        return;
    mn_read_u16(&option->body); /* reserved */
    message->mtu = mn_read_u32(&option->body);
}

static void read_nonce(struct raw_option *option, struct mn_nd *message)
{
    message->nonce_len = (uint16_t)mn_reader_left(&option->body);
    memcpy(message->nonce, option->body.at, sizeof message->nonce);
}

/* Reads the options that count once. False if an option spoils the message. */
static bool read_options(struct mn_nd *message)
{
    struct mn_reader options = message->options;
    struct raw_option option;
    while (next_raw(&options, &option)) {
        if (option.type == link_address_option(message->type))
            read_link_address(&option, message);
        else if (option.type == OPTION_MTU && message->type == MN_ICMPV6_ROUTER_ADVERTISEMENT)
            read_mtu(&option, message);
        else if (option.type == OPTION_NONCE && message->type == MN_ICMPV6_NEIGHBOUR_SOLICITATION)
            read_nonce(&option, message);
    }
    return options.ok;
}

/* False for the reserved value, which reads as MEDIUM. */
static bool read_preference(uint8_t flags, int8_t *preference)
{
    static const int8_t values[] = {[BITS_MEDIUM] = MN_ND_MEDIUM, [BITS_HIGH] = MN_ND_HIGH, [BITS_LOW] = MN_ND_LOW};
    unsigned bits = flags >> PREFERENCE_SHIFT & 3;
    *preference = values[bits];
    return bits != BITS_RESERVED;
}

/* ---- Parse: fixed fields ---- */

static void read_router_advertisement(struct mn_reader *r, struct mn_nd *message)
{
    message->hop_limit = mn_read_u8(r);
    uint8_t flags = mn_read_u8(r);
    message->managed = (flags & RA_MANAGED) != 0;
    message->other = (flags & RA_OTHER) != 0;
    read_preference(flags, &message->preference); /* RTPREF-2.2-1 */
    message->router_lifetime_s = mn_read_u16(r);
    message->reachable_ms = mn_read_u32(r);
    message->retrans_ms = mn_read_u32(r);
}

static void read_fields(struct mn_reader *r, struct mn_nd *message)
{
    if (message->type == MN_ICMPV6_ROUTER_ADVERTISEMENT) {
        read_router_advertisement(r, message);
        return;
    }
    uint32_t flags = mn_read_u32(r);
    if (message->type == MN_ICMPV6_ROUTER_SOLICITATION)
        return;
    message->target = mn_read_ipv6(r);
    if (message->type == MN_ICMPV6_REDIRECT)
        message->destination = mn_read_ipv6(r);
    if (message->type == MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT) {
        message->router = (flags & NA_ROUTER) != 0;
        message->solicited = (flags & NA_SOLICITED) != 0;
        message->override = (flags & NA_OVERRIDE) != 0;
    }
}

/* ---- Parse: validity, by the clauses of RFC 4861 ---- */

/* 7.1.1, 7.1.2: no group, and no address that is IPv4's above wire/. */
static bool target_ok(const struct mnet_address *target)
{
    return !mn_ipv6_is_multicast(target) && !mn_address_is_ipv4(target);
}

/* 7.1.1 */
static bool neighbour_solicitation_ok(const struct mn_nd *message, const struct mn_datagram *datagram)
{
    if (!target_ok(&message->target))
        return false;
    return !mn_ipv6_is_unspecified(&datagram->source) ||
           (!message->has_link_address && mn_ipv6_is_solicited_node(&datagram->destination));
}

/* 8.1 */
static bool redirect_ok(const struct mn_nd *message, const struct mn_datagram *datagram)
{
    bool target_is_router = mn_ipv6_is_link_local(&message->target);
    return mn_ipv6_is_link_local(&datagram->source) && target_ok(&message->destination) &&
           (target_is_router || mn_address_equal(&message->target, &message->destination));
}

static bool message_ok(const struct mn_nd *message, const struct mn_datagram *datagram)
{
    switch (message->type) {
    case MN_ICMPV6_ROUTER_SOLICITATION: /* 6.1.1 */
        return !message->has_link_address || !mn_ipv6_is_unspecified(&datagram->source);
    /* 6.1.2 */
    case MN_ICMPV6_ROUTER_ADVERTISEMENT: return mn_ipv6_is_link_local(&datagram->source);
    case MN_ICMPV6_NEIGHBOUR_SOLICITATION: return neighbour_solicitation_ok(message, datagram);
    case MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT: /* 7.1.2 */
        return target_ok(&message->target) && !(message->solicited && mn_ipv6_is_multicast(&datagram->destination));
    default: return redirect_ok(message, datagram);
    }
}

enum mn_parse mn_nd_parse(const void *data, size_t len, const struct mn_datagram *datagram, bool fragmented,
                          struct mn_nd *message)
{
    struct mn_reader r = mn_reader(data, len);
    *message = (struct mn_nd){.type = mn_read_u8(&r)};
    uint8_t code = mn_read_u8(&r);
    mn_read_u16(&r); /* checksum */
    bool known = message->type >= MN_ICMPV6_ROUTER_SOLICITATION && message->type <= MN_ICMPV6_REDIRECT;
    if (r.ok && (!known || code != 0 || datagram->ttl != MN_ND_HOP_LIMIT || fragmented))
        return MN_PARSE_INVALID;
    read_fields(&r, message);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    message->options = r;
    return read_options(message) && message_ok(message, datagram) ? MN_PARSE_OK : MN_PARSE_INVALID;
}

/* ---- Parse: options that may be repeated ---- */

/* Makes the bits of `prefix` beyond its length zero. False if the length is impossible, or if the
 * prefix is that of IPv4-mapped addresses. */
static bool trim(struct mnet_prefix *prefix)
{
    uint8_t *bytes = prefix->address.bytes;
    if (prefix->length > 128)
        return false;
    unsigned whole = prefix->length / 8u;
    if (whole < sizeof prefix->address.bytes) {
        bytes[whole] &= (uint8_t)(0xff00 >> prefix->length % 8);
        memset(bytes + whole + 1, 0, sizeof prefix->address.bytes - whole - 1);
    }
    return !mn_address_is_ipv4(&prefix->address);
}

/* RFC 4861 4.6.2 */
static bool read_prefix(struct mn_reader *body, struct mn_nd_prefix *prefix)
{
    if (mn_reader_left(body) != 4 * UNIT - OPTION_HEADER)
        return false;
    *prefix = (struct mn_nd_prefix){.prefix.length = mn_read_u8(body)};
    uint8_t flags = mn_read_u8(body);
    prefix->on_link = (flags & PREFIX_ON_LINK) != 0;
    prefix->autonomous = (flags & PREFIX_AUTONOMOUS) != 0;
    prefix->valid_s = mn_read_u32(body);
    prefix->preferred_s = mn_read_u32(body);
    mn_read_u32(body); /* reserved */
    prefix->prefix.address = mn_read_ipv6(body);
    return trim(&prefix->prefix);
}

/* RFC 4191 2.3: as much of the prefix is there as its length needs, or more. */
static bool read_route(struct mn_reader *body, struct mn_nd_route *route)
{
    *route = (struct mn_nd_route){.prefix.length = mn_read_u8(body)};
    bool preference_ok = read_preference(mn_read_u8(body), &route->preference); /* RTPREF-2.3-2 */
    route->lifetime_s = mn_read_u32(body);
    size_t len = mn_reader_left(body);
    if (!body->ok || !preference_ok || len > sizeof route->prefix.address.bytes || len * 8 < route->prefix.length)
        return false;
    memcpy(route->prefix.address.bytes, body->at, len);
    return trim(&route->prefix);
}

/* RFC 8106 5.1 and 5.2. Servers are read by mn_nd_next_server, which stops at half an address. */
static bool read_dns(struct mn_reader *body, struct mn_nd_option *option)
{
    mn_read_u16(body); /* reserved */
    option->dns.lifetime_s = mn_read_u32(body);
    option->dns.list = *body;
    size_t len = mn_reader_left(body);
    if (option->kind == MN_ND_DNS_DOMAINS)
        return mn_domains_ok(*body);
    return body->ok && len > 0 && len % sizeof((struct mnet_address *)0)->bytes == 0;
}

static bool read_repeated(struct raw_option *raw, struct mn_nd_option *option)
{
    switch (raw->type) {
    case OPTION_PREFIX: option->kind = MN_ND_PREFIX; return read_prefix(&raw->body, &option->prefix);
    case OPTION_ROUTE: option->kind = MN_ND_ROUTE; return read_route(&raw->body, &option->route);
    case OPTION_DNS_SERVERS: option->kind = MN_ND_DNS_SERVERS; return read_dns(&raw->body, option);
    case OPTION_DNS_DOMAINS: option->kind = MN_ND_DNS_DOMAINS; return read_dns(&raw->body, option);
    default: return false;
    }
}

bool mn_nd_next(struct mn_reader *options, struct mn_nd_option *option)
{
    struct raw_option raw;
    while (next_raw(options, &raw))
        if (read_repeated(&raw, option))
            return true;
    return false;
}

bool mn_nd_next_server(struct mn_reader *list, struct mnet_address *server)
{
    while (mn_reader_left(list) > 0 && list->ok) {
        *server = mn_read_ipv6(list);
        if (list->ok && target_ok(server) && !mn_ipv6_is_unspecified(server))
            return true;
    }
    return false;
}

/* ---- Emit ---- */

static void write_option(struct mn_writer *w, enum nd_option type, size_t len)
{
    MN_ASSERT(len % UNIT == 0 && len / UNIT <= UINT8_MAX);
    mn_write_u8(w, (uint8_t)type);
    mn_write_u8(w, (uint8_t)(len / UNIT));
}

static uint8_t preference_bits(int8_t preference)
{
    unsigned bits = preference == MN_ND_HIGH ? BITS_HIGH : preference == MN_ND_LOW ? BITS_LOW : BITS_MEDIUM;
    return (uint8_t)(bits << PREFERENCE_SHIFT);
}

static void write_fields(struct mn_writer *w, const struct mn_nd *message)
{
    if (message->type == MN_ICMPV6_ROUTER_ADVERTISEMENT) {
        mn_write_u8(w, message->hop_limit);
        mn_write_u8(w, (uint8_t)((message->managed ? RA_MANAGED : 0) | (message->other ? RA_OTHER : 0) |
                                 preference_bits(message->preference)));
        mn_write_u16(w, message->router_lifetime_s);
        mn_write_u32(w, message->reachable_ms);
        mn_write_u32(w, message->retrans_ms);
        return;
    }
    mn_write_u32(w, (message->router ? NA_ROUTER : 0) | (message->solicited ? NA_SOLICITED : 0) |
                        (message->override ? NA_OVERRIDE : 0));
    if (message->type != MN_ICMPV6_ROUTER_SOLICITATION)
        mn_write_ipv6(w, &message->target);
    if (message->type == MN_ICMPV6_REDIRECT)
        mn_write_ipv6(w, &message->destination);
}

void mn_nd_write(struct mn_writer *w, const struct mn_nd *message)
{
    MN_ASSERT(message->type >= MN_ICMPV6_ROUTER_SOLICITATION && message->type <= MN_ICMPV6_REDIRECT);
    mn_write_u8(w, message->type);
    mn_write_u8(w, 0);
    mn_write_u16(w, 0);
    write_fields(w, message);
    if (message->has_link_address) {
        write_option(w, link_address_option(message->type), UNIT);
        mn_write_bytes(w, message->link_address.bytes, sizeof message->link_address.bytes);
    }
    if (message->mtu > 0) {
        write_option(w, OPTION_MTU, UNIT);
        mn_write_u16(w, 0);
        mn_write_u32(w, message->mtu);
    }
    if (message->nonce_len == MN_ND_NONCE) {
        write_option(w, OPTION_NONCE, UNIT);
        mn_write_bytes(w, message->nonce, sizeof message->nonce);
    }
}

void mn_nd_write_prefix(struct mn_writer *w, const struct mn_nd_prefix *prefix)
{
    write_option(w, OPTION_PREFIX, 4 * UNIT);
    mn_write_u8(w, prefix->prefix.length);
    mn_write_u8(w, (uint8_t)((prefix->on_link ? PREFIX_ON_LINK : 0) | (prefix->autonomous ? PREFIX_AUTONOMOUS : 0)));
    mn_write_u32(w, prefix->valid_s);
    mn_write_u32(w, prefix->preferred_s);
    mn_write_u32(w, 0);
    mn_write_ipv6(w, &prefix->prefix.address);
}

void mn_nd_write_route(struct mn_writer *w, const struct mn_nd_route *route)
{
    write_option(w, OPTION_ROUTE, 3 * UNIT);
    mn_write_u8(w, route->prefix.length);
    mn_write_u8(w, preference_bits(route->preference));
    mn_write_u32(w, route->lifetime_s);
    mn_write_ipv6(w, &route->prefix.address);
}

void mn_nd_write_servers(struct mn_writer *w, uint32_t lifetime_s, const struct mnet_address *servers, unsigned count)
{
    write_option(w, OPTION_DNS_SERVERS, (1 + 2 * (size_t)count) * UNIT);
    mn_write_u16(w, 0);
    mn_write_u32(w, lifetime_s);
    for (unsigned i = 0; i < count; i++)
        mn_write_ipv6(w, &servers[i]);
}

void mn_nd_write_domains(struct mn_writer *w, uint32_t lifetime_s, const void *domains, size_t len)
{
    size_t padding = (UNIT - len % UNIT) % UNIT;
    write_option(w, OPTION_DNS_DOMAINS, UNIT + len + padding);
    mn_write_u16(w, 0);
    mn_write_u32(w, lifetime_s);
    mn_write_bytes(w, domains, len);
    uint8_t *zeros = mn_write(w, padding);
    if (zeros != NULL)
        memset(zeros, 0, padding);
}
