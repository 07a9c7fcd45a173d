/* IPv6 headers, in the order of the diagrams of RFC 8200: version 4 bits, traffic class 8, flow
 * label 20 | payload length, next header, hop limit | source | destination.
 *
 * The walk goes from header to header. Each of them is at least eight bytes long, so the packet's
 * length bounds the work, and the limits (RFC 8504 5.3) bound it further. The first failure
 * decides, and nothing behind it is looked at (RFC 8200 4).
 */
#include "wire/ipv6.h"

#define PAYLOAD_LEN_AT 4
#define NEXT_HEADER_AT 6
#define UNIT 8 /* of the length of an extension header, and of a fragment's offset */
#define ROUTING_TYPE_AT 2
#define SEGMENTS_LEFT_AT 3
#define FRAGMENT_OFFSET_AT 2
#define MORE_FRAGMENTS 0x0001
#define OFFSET_MASK 0xfff8
#define PAYLOAD_MAX 65535u
#define ROUTER_ALERT_LEN 2
#define TCP_HEADER 20
#define UDP_OR_ICMP_HEADER 8
#define PADDING_MAX 7 /* the most that an alignment to eight bytes needs (RFC 8504 5.3) */

/* Hop-by-hop and destination options share their numbers (RFC 8200 4.2). */
enum ipv6_option {
    OPTION_PAD1 = 0,
    OPTION_PADN = 1,
    OPTION_ROUTER_ALERT = 5, /* RFC 2711 */
};

/* The two upper bits of an option's type: the action for an unknown option (RFC 8200 4.2). */
enum action {
    ACTION_SKIP = 0,
    ACTION_DISCARD = 1,
    ACTION_REPORT = 2,
    ACTION_REPORT_IF_UNICAST = 3,
};

const struct mn_ipv6_limits mn_ipv6_limits_default = {.headers = 32, .options = 8, .options_len = UINT16_MAX};

const struct mnet_address mn_ipv6_all_nodes = {.bytes = {[0] = 0xff, [1] = 0x02, [15] = 1}};
const struct mnet_address mn_ipv6_all_routers = {.bytes = {[0] = 0xff, [1] = 0x02, [15] = 2}};

/* ---- The fixed header ---- */

static inline bool is_transport(uint8_t protocol)
{
    return protocol == MN_PROTOCOL_TCP || protocol == MN_PROTOCOL_UDP || protocol == MN_PROTOCOL_ICMPV6;
}

static inline enum mn_parse parse_fixed(const void *data, size_t len, struct mn_ipv6 *header)
{
    if (len < MN_IPV6_HEADER)
        return MN_PARSE_TRUNCATED;
    struct mn_reader r = mn_reader(data, MN_IPV6_HEADER);
    uint64_t first = mn_read_u64(&r);
    *header = (struct mn_ipv6){
        .traffic_class = (uint8_t)(first >> 52),
        .flow_label = (uint32_t)(first >> 32) & MN_IPV6_FLOW_LABEL_MAX,
        .payload_len = (uint16_t)(first >> 16),
        .next_header = (uint8_t)(first >> 8),
        .hop_limit = (uint8_t)first,
        .source = mn_read_ipv6(&r),
    };
    header->destination = mn_read_ipv6(&r);
    bool mapped = mn_address_is_ipv4(&header->source) || mn_address_is_ipv4(&header->destination);
    return MN_LIKELY(first >> 60 == 6 && !mapped) ? MN_PARSE_OK : MN_PARSE_INVALID;
}

enum mn_parse mn_ipv6_parse_quote(const void *data, size_t len, struct mn_ipv6 *header)
{
    return parse_fixed(data, len, header);
}

static inline enum mn_parse parse(const void *data, size_t len, size_t total, struct mn_ipv6 *header)
{
    enum mn_parse verdict = parse_fixed(data, len, header);
    if (verdict != MN_PARSE_OK)
        return verdict;
    return MN_LIKELY((size_t)header->payload_len + MN_IPV6_HEADER <= total) ? MN_PARSE_OK : MN_PARSE_TRUNCATED;
}

enum mn_parse mn_ipv6_parse(const void *data, size_t len, size_t total, struct mn_ipv6 *header)
{
    return parse(data, len, total, header);
}

bool mn_ipv6_parse_plain(const void *data, size_t len, size_t total, struct mn_ipv6 *header)
{
    return parse(data, len, total, header) == MN_PARSE_OK && is_transport(header->next_header);
}

void mn_ipv6_emit(void *to, const struct mn_ipv6 *header)
{
    MN_ASSERT(header->flow_label <= MN_IPV6_FLOW_LABEL_MAX);
    struct mn_writer w = mn_writer(to, MN_IPV6_HEADER);
    mn_write_u64(&w, UINT64_C(6) << 60 | (uint64_t)header->traffic_class << 52 | (uint64_t)header->flow_label << 32 |
                         (uint64_t)header->payload_len << 16 | (uint64_t)header->next_header << 8 | header->hop_limit);
    mn_write_ipv6(&w, &header->source);
    mn_write_ipv6(&w, &header->destination);
}

void mn_ipv6_emit_router_alert(void *to, uint8_t next_header)
{
    struct mn_writer w = mn_writer(to, MN_IPV6_ROUTER_ALERT);
    mn_write_u8(&w, next_header);
    mn_write_u8(&w, MN_IPV6_ROUTER_ALERT / UNIT - 1);
    mn_write_u8(&w, OPTION_ROUTER_ALERT);
    mn_write_u8(&w, ROUTER_ALERT_LEN);
    mn_write_u16(&w, 0);
    mn_write_u8(&w, OPTION_PADN);
    mn_write_u8(&w, 0);
    MN_ASSERT(w.ok && w.left == 0);
}

/* ---- Fragments ---- */

enum mn_parse mn_ipv6_fragment_parse(const void *data, size_t len, struct mn_ipv6_fragment *fragment)
{
    struct mn_reader r = mn_reader(data, len);
    uint8_t next_header = mn_read_u8(&r);
    mn_read_u8(&r); /* reserved */
    uint16_t offset = mn_read_u16(&r);
    uint32_t identification = mn_read_u32(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    *fragment = (struct mn_ipv6_fragment){
        .identification = identification,
        .offset = offset & OFFSET_MASK,
        .next_header = next_header,
        .more = (offset & MORE_FRAGMENTS) != 0,
    };
    return MN_PARSE_OK;
}

void mn_ipv6_fragment_emit(void *to, const struct mn_ipv6_fragment *fragment)
{
    MN_ASSERT(fragment->offset % UNIT == 0);
    struct mn_writer w = mn_writer(to, MN_IPV6_FRAGMENT_HEADER);
    mn_write_u8(&w, fragment->next_header);
    mn_write_u8(&w, 0);
    mn_write_u16(&w, (uint16_t)(fragment->offset | (fragment->more ? MORE_FRAGMENTS : 0)));
    mn_write_u32(&w, fragment->identification);
}

/* ---- Headers by their lengths alone ---- */

/* Steps over headers with options and routing headers. False if one is cut short. */
static bool skip_headers(const uint8_t *packet, size_t len, struct mn_ipv6_upper *upper)
{
    while (upper->protocol == MN_IPV6_HOP_BY_HOP || upper->protocol == MN_IPV6_ROUTING ||
           upper->protocol == MN_IPV6_DESTINATION_OPTIONS) {
        struct mn_reader r = mn_reader(packet + upper->offset, len - upper->offset);
        uint8_t next_header = mn_read_u8(&r);
        uint32_t header_len = (mn_read_u8(&r) + 1u) * UNIT;
        if (!r.ok || header_len > len - upper->offset)
            return false;
        upper->protocol = next_header;
        upper->named_at = upper->offset;
        upper->offset += header_len;
    }
    return true;
}

bool mn_ipv6_find_upper(const uint8_t *packet, size_t len, const struct mn_ipv6 *header, struct mn_ipv6_upper *upper)
{
    struct mn_ipv6_fragment fragment;
    len = MN_MIN(len, (size_t)header->payload_len + MN_IPV6_HEADER);
    *upper = (struct mn_ipv6_upper){MN_IPV6_HEADER, NEXT_HEADER_AT, header->next_header};
    if (!skip_headers(packet, len, upper))
        return false;
    if (upper->protocol != MN_IPV6_FRAGMENT)
        return true;
    if (mn_ipv6_fragment_parse(packet + upper->offset, len - upper->offset, &fragment) != MN_PARSE_OK ||
        fragment.offset != 0)
        return false;
    upper->protocol = fragment.next_header;
    upper->named_at = upper->offset;
    upper->offset += MN_IPV6_FRAGMENT_HEADER;
    return skip_headers(packet, len, upper) && upper->protocol != MN_IPV6_FRAGMENT;
}

/* ---- The walk ---- */

struct header_walk {
    const uint8_t *packet;
    uint32_t len;       /* bytes that can be read, without link padding */
    uint32_t whole_len; /* bytes of the packet */
    bool to_multicast;
    const struct mn_ipv6_limits *limits;
    struct mn_ipv6_chain *chain;
    enum mn_ipv6_verdict verdict; /* when the walk has ended */
};

/* The functions of the walk return true if it goes on, and false if this is its end. */
static bool end(struct header_walk *w, enum mn_ipv6_verdict verdict)
{
    w->verdict = verdict;
    return false;
}

static bool end_with_problem(struct header_walk *w, enum mn_ipv6_problem code, uint32_t pointer)
{
    w->chain->code = code;
    w->chain->pointer = pointer;
    return end(w, MN_IPV6_IS_PROBLEM);
}

/* A header goes beyond the bytes that can be read. */
static bool end_too_short(struct header_walk *w)
{
    return end(w, w->len < w->whole_len ? MN_IPV6_IS_TRUNCATED : MN_IPV6_IS_INVALID);
}

static void step_over(struct header_walk *w, uint32_t header_len)
{
    w->chain->named_at = w->chain->offset;
    w->chain->protocol = w->packet[w->chain->offset];
    w->chain->offset += header_len;
}

/* RFC 8200 4.2: as the upper bits of its type say. */
static bool walk_unknown_option(struct header_walk *w, uint8_t type, uint32_t at)
{
    switch ((enum action)(type >> 6)) {
    case ACTION_SKIP: return true;
    case ACTION_DISCARD: return end(w, MN_IPV6_IS_REFUSED);
    case ACTION_REPORT: w->chain->even_to_multicast = true; return end_with_problem(w, MN_IPV6_UNKNOWN_OPTION, at);
    case ACTION_REPORT_IF_UNICAST: break;
    }
    return w->to_multicast ? end(w, MN_IPV6_IS_REFUSED) : end_with_problem(w, MN_IPV6_UNKNOWN_OPTION, at);
}

/* One option other than padding, whose type stands at `at`. */
static bool walk_option(struct header_walk *w, uint8_t type, uint8_t len, uint32_t at)
{
    if (type != OPTION_ROUTER_ALERT)
        return walk_unknown_option(w, type, at);
    if (len == ROUTER_ALERT_LEN && w->chain->protocol == MN_IPV6_HOP_BY_HOP)
        w->chain->router_alert = true;
    return true;
}

/* RFC 8200 4.2: the options from left to right. Pad1 is one octet, all others have a length. */
static bool walk_options(struct header_walk *w, const uint8_t *header, uint32_t len)
{
    struct mn_reader r = mn_reader(header + 2, len - 2);
    unsigned pads = 0, options = 0;
    while (mn_reader_left(&r) > 0) {
        uint32_t at = (uint32_t)(r.at - w->packet);
        uint8_t type = mn_read_u8(&r);
        if (type == OPTION_PAD1) {
            if (++pads > PADDING_MAX)
                return end(w, MN_IPV6_IS_REFUSED);
            continue;
        }
        pads = 0;
        uint8_t option_len = mn_read_u8(&r);
        if (mn_read(&r, option_len) == NULL)
            return end(w, MN_IPV6_IS_INVALID);
        if (type == OPTION_PADN ? option_len > PADDING_MAX : ++options > w->limits->options)
            return end(w, MN_IPV6_IS_REFUSED);
        if (type != OPTION_PADN && !walk_option(w, type, option_len, at))
            return false;
    }
    return true;
}

/* No type of routing is known: a header without segments left is ignored (4.4, RFC 5095). */
static bool walk_routing(struct header_walk *w, const uint8_t *header)
{
    return header[SEGMENTS_LEFT_AT] == 0 ||
           end_with_problem(w, MN_IPV6_ERRONEOUS_FIELD, w->chain->offset + ROUTING_TYPE_AT);
}

/* A header with options, or a routing header. */
static bool walk_header(struct header_walk *w)
{
    struct mn_ipv6_chain *chain = w->chain;
    const uint8_t *header = w->packet + chain->offset;
    struct mn_reader r = mn_reader(header, w->len - chain->offset);
    mn_read_u8(&r); /* Next Header */
    uint32_t len = (mn_read_u8(&r) + 1u) * UNIT;
    if (!r.ok || len > w->len - chain->offset)
        return end_too_short(w);
    bool routing = chain->protocol == MN_IPV6_ROUTING;
    if (!routing && len > w->limits->options_len)
        return end(w, MN_IPV6_IS_REFUSED);
    if (!(routing ? walk_routing(w, header) : walk_options(w, header, len)))
        return false;
    step_over(w, len);
    return true;
}

/* RFC 8200 4.5, RFC 7112 5: the first fragment has all headers, the transport's included. */
static bool check_first_fragment(struct header_walk *w)
{
    struct mn_ipv6_upper upper = {.offset = w->chain->offset, .protocol = w->chain->fragment.next_header};
    uint32_t least = 0;
    bool complete = skip_headers(w->packet, w->len, &upper);
    if (complete && upper.protocol == MN_IPV6_FRAGMENT)
        return end(w, MN_IPV6_IS_INVALID);
    if (upper.protocol == MN_PROTOCOL_TCP)
        least = TCP_HEADER;
    else if (upper.protocol == MN_PROTOCOL_UDP || upper.protocol == MN_PROTOCOL_ICMPV6)
        least = UDP_OR_ICMP_HEADER;
    if (complete && w->len - upper.offset >= least)
        return end(w, MN_IPV6_IS_FRAGMENT);
    return w->len < w->whole_len ? end(w, MN_IPV6_IS_TRUNCATED) : end_with_problem(w, MN_IPV6_INCOMPLETE_CHAIN, 0);
}

/* RFC 8200 4.5. A fragment without a byte of data is of no use, but each would cost a record. */
static bool check_fragment(struct header_walk *w, uint32_t header_at)
{
    struct mn_ipv6_chain *chain = w->chain;
    uint32_t data_len = w->whole_len - chain->offset;
    if (data_len == 0)
        return end(w, MN_IPV6_IS_INVALID);
    if (chain->fragment.more && data_len % UNIT != 0)
        return end_with_problem(w, MN_IPV6_ERRONEOUS_FIELD, PAYLOAD_LEN_AT);
    if (header_at - MN_IPV6_HEADER + chain->fragment.offset + data_len > PAYLOAD_MAX)
        return end_with_problem(w, MN_IPV6_ERRONEOUS_FIELD, header_at + FRAGMENT_OFFSET_AT);
    return chain->fragment.offset == 0 ? check_first_fragment(w) : end(w, MN_IPV6_IS_FRAGMENT);
}

/* An atomic fragment is a whole packet (RFC 6946 4): the walk goes on behind the header. */
static bool walk_fragment(struct header_walk *w)
{
    struct mn_ipv6_chain *chain = w->chain;
    uint32_t header_at = chain->offset;
    if (chain->fragmented)
        return end(w, MN_IPV6_IS_INVALID);
    if (mn_ipv6_fragment_parse(w->packet + header_at, w->len - header_at, &chain->fragment) != MN_PARSE_OK)
        return end_too_short(w);
    chain->fragmented = true;
    if (chain->fragment.offset == 0 && !chain->fragment.more) {
        step_over(w, MN_IPV6_FRAGMENT_HEADER);
        return true;
    }
    chain->offset += MN_IPV6_FRAGMENT_HEADER;
    return check_fragment(w, header_at);
}

/* One header. A hop-by-hop header that is not the first is as good as unknown (RFC 8200 4). In a
 * packet that was put together the first one stood behind the Fragment header. */
static bool walk_one(struct header_walk *w)
{
    struct mn_ipv6_chain *chain = w->chain;
    if (is_transport(chain->protocol))
        return end(w, MN_IPV6_IS_TRANSPORT);
    switch (chain->protocol) {
    case MN_IPV6_NO_NEXT_HEADER: return end(w, MN_IPV6_IS_EMPTY);
    case MN_IPV6_FRAGMENT: return walk_fragment(w);
    case MN_IPV6_HOP_BY_HOP:
        if (chain->named_at == NEXT_HEADER_AT && !chain->fragmented)
            return walk_header(w);
        break;
    case MN_IPV6_ROUTING:
    case MN_IPV6_DESTINATION_OPTIONS: return walk_header(w);
    default: break;
    }
    return end_with_problem(w, MN_IPV6_UNKNOWN_NEXT_HEADER, chain->named_at);
}

enum mn_ipv6_verdict mn_ipv6_walk(const uint8_t *packet, size_t len, const struct mn_ipv6 *header, bool reassembled,
                                  const struct mn_ipv6_limits *limits, struct mn_ipv6_chain *chain)
{
    uint32_t whole_len = (uint32_t)header->payload_len + MN_IPV6_HEADER;
    MN_ASSERT(len >= MN_IPV6_HEADER);
    *chain = (struct mn_ipv6_chain){
        .offset = MN_IPV6_HEADER,
        .named_at = NEXT_HEADER_AT,
        .protocol = header->next_header,
        .fragmented = reassembled,
    };
    if (is_transport(header->next_header))
        return MN_IPV6_IS_TRANSPORT;
    struct header_walk w = {
        .packet = packet,
        .len = (uint32_t)MN_MIN(len, whole_len),
        .whole_len = whole_len,
        .to_multicast = mn_ipv6_is_multicast(&header->destination),
        .limits = limits,
        .chain = chain,
    };
    for (unsigned headers = 1; walk_one(&w); headers++)
        if (headers > limits->headers)
            return MN_IPV6_IS_REFUSED;
    return w.verdict;
}

/* ---- Addresses ---- */

static const uint8_t solicited_node[13] = {[0] = 0xff, [1] = 0x02, [11] = 0x01, [12] = 0xff};

bool mn_ipv6_is_solicited_node(const struct mnet_address *address)
{
    return memcmp(address->bytes, solicited_node, sizeof solicited_node) == 0;
}

struct mnet_address mn_ipv6_solicited_node(const struct mnet_address *address)
{
    struct mnet_address group = MNET_ADDRESS_ANY;
    memcpy(group.bytes, solicited_node, sizeof solicited_node);
    memcpy(group.bytes + sizeof solicited_node, address->bytes + sizeof solicited_node,
           sizeof group.bytes - sizeof solicited_node);
    return group;
}
