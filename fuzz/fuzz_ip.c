/* The whole network layer, of both families. The input is a script of frames (raw, or with
 * corrected checksums so that they get further), packets of transports, links that come up, and
 * time that passes. The layer must stay within its limits and give all memory back. What it sends
 * must be whole packets that a host may send. */
#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/memory.h"
#include "ip/ip.h"
#include "wire/arp.h"
#include "wire/icmpv4.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/nd.h"

#define OWN_IP UINT32_C(0x0a000002)
#define NEAR_IP UINT32_C(0x0a000000)
#define REASSEMBLY_BYTES (100u * 1024)
#define FRAME_MAX 4000

struct fuzz_host {
    struct mnet_memory *memory;
    struct mnet_counters counters;
    struct mnet_log log;
    struct mn_random random;
    struct mn_ip ip;
    uint64_t now;
    struct mn_reader script;
    bool joined[2];          /* groups of op_relieve */
    uint8_t tags, tag_shape; /* of the next frame received */
};

static const struct mn_mac own_mac = {{2, 0, 0, 0, 0, 2}};
static const struct mnet_address own_ipv6 = {.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}};
static uint8_t region[1u << 20];

static void start_ipv6(struct mnet_ip_config *config, uint8_t flags)
{
    if (flags & 32)
        config->ipv6 = (struct mnet_prefix){own_ipv6, 64};
    if (flags & 64)
        config->ipv6_auto = true;
    if ((flags & 96) == 96) {
        config->ipv6_temporary = true;
        config->ipv6_identifier = MNET_IPV6_EUI64;
    }
    config->no_ipv6 = (flags & 224) == 128;
    if ((flags & 160) == 160)
        config->ipv6_gateway = (struct mnet_address){.bytes = {0xfe, 0x80, [15] = 1}};
}

static void start(struct fuzz_host *h)
{
    static const uint8_t seed[MN_RANDOM_SEED] = {1};
    uint8_t flags = mn_read_u8(&h->script);
    h->memory = mnet_memory_init(region, sizeof region);
    mn_random_init(&h->random, seed);
    struct mn_ip_config config = {
        .memory = h->memory,
        .counters = &h->counters,
        .log = &h->log,
        .random = &h->random,
        .mac = own_mac,
        .mtu = flags & 1 ? 1500 : 576,
        .user.ipv4 = {mnet_address_from_ipv4(OWN_IP), flags & 2 ? 24 : 31},
        .user.ipv4_gateway = mnet_address_from_ipv4(OWN_IP ^ 1),
        .user.address_probe = (flags & 4) != 0,
        .user.neighbours_max = flags & 8 ? 3 : 256,
        .user.reassembly_datagrams_max = flags & 16 ? 2 : 32,
        .user.reassembly_bytes_max = REASSEMBLY_BYTES,
        .user.dad_transmits = 1,
        .user.icmp_errors_per_s = 200,
        .user.ttl = 64,
    };
    start_ipv6(&config.user, flags);
    MN_ASSERT(mn_ip_init(&h->ip, &config) == 0);
}

/* Treats a delivered packet as a transport does. */
static void deliver(struct fuzz_host *h, enum mn_ip_verdict verdict, struct mnet_packet *packet,
                    const struct mn_datagram *datagram, const struct mn_icmp_error *error)
{
    if (verdict == MN_IP_CONSUMED)
        return;
    if (verdict == MN_IP_TRANSPORT) {
        bool ipv4 = mnet_address_is_ipv4(datagram->destination);
        MN_ASSERT(packet->total <= 65535 && datagram->header_len >= (ipv4 ? MN_IPV4_HEADER : MN_IPV6_HEADER));
        MN_ASSERT(packet->data[-datagram->header_len] >> 4 == (ipv4 ? 4 : 6));
        MN_ASSERT(mnet_address_is_ipv4(datagram->source) == ipv4 && datagram->destination.zone == 0);
        mn_ip_send_unreachable(&h->ip, packet, datagram, MN_UNREACHABLE_PORT, h->now);
    } else {
        if (error->reason == MN_UNREACHABLE_TOO_BIG)
            mn_ip_lower_path_mtu(&h->ip, error, h->now);
        uint64_t sum = mn_sum(0, error->quote, error->quote_len); /* touches every byte */
        MN_ASSERT(error->quote_len >= 8 && mn_sum_fold(sum) <= UINT16_MAX);
    }
    mnet_packet_free(packet);
}

/* Puts a tag behind the addresses, mostly one with a priority only. */
static void tag(struct mnet_packet *packet, uint8_t shape)
{
    if (packet->len < 12)
        return;
    mnet_packet_push(packet, MN_ETHERNET_TAG);
    memmove(packet->data, packet->data + MN_ETHERNET_TAG, 12);
    const uint8_t bytes[] = {0x81, 0, shape & 0xe0, (shape & 0x1f) == 0x1f};
    memcpy(packet->data + 12, bytes, sizeof bytes);
}

static void receive(struct fuzz_host *h, const uint8_t *frame, size_t len)
{
    struct mn_datagram datagram;
    struct mn_icmp_error error;
    struct mnet_packet *packet = mnet_packet_alloc(h->memory);
    if (packet == NULL)
        return;
    if (!mnet_packet_append(packet, frame, len)) {
        mnet_packet_free(packet);
        return;
    }
    for (; h->tags > 0; h->tags--)
        tag(packet, h->tag_shape);
    const struct mn_datagram *repeat = mn_ip_input_repeat(&h->ip, packet);
    enum mn_ip_verdict verdict = MN_IP_TRANSPORT;
    if (repeat != NULL)
        datagram = *repeat;
    else
        verdict = mn_ip_input(&h->ip, &packet, h->now, &datagram, &error);
    deliver(h, verdict, packet, &datagram, &error);
}

/* Reads a length of two bytes, and as many bytes of the script, if there are as many. */
static const uint8_t *read_bytes(struct fuzz_host *h, size_t *len)
{
    *len = mn_read_u16(&h->script) % 3000;
    *len = MN_MIN(*len, mn_reader_left(&h->script));
    return mn_read(&h->script, *len);
}

static void op_raw(struct fuzz_host *h)
{
    size_t len;
    const uint8_t *bytes = read_bytes(h, &len);
    if (bytes != NULL)
        receive(h, bytes, len);
}

/* Turns the first words of the payload into options with any content, and corrects the
 * checksums. */
static void take_for_options(uint8_t *header, unsigned words, size_t len)
{
    size_t header_len = MN_IPV4_HEADER + (size_t)(words % 11) * 4, message_len = MN_IPV4_HEADER + len - header_len;
    uint8_t *message = header + header_len;
    header[0] = (uint8_t)(4 << 4 | header_len / 4);
    memset(header + 10, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum(0, header, header_len));
    memcpy(header + 10, &checksum, 2);
    if (header[9] != MN_PROTOCOL_ICMP || message_len < MN_ICMPV4_HEADER)
        return;
    memset(message + 2, 0, 2);
    checksum = mn_checksum(mn_sum(0, message, message_len));
    memcpy(message + 2, &checksum, 2);
}

/* Receives a frame for us with a right IPv4 header, and for ICMP with a right checksum. */
static void op_ipv4(struct fuzz_host *h)
{
    static uint8_t frame[FRAME_MAX];
    uint8_t protocol = mn_read_u8(&h->script), source = mn_read_u8(&h->script), shape = mn_read_u8(&h->script);
    uint16_t fragment = mn_read_u16(&h->script);
    size_t len;
    const uint8_t *bytes = read_bytes(h, &len);
    if (bytes == NULL)
        return;
    struct mn_mac to = shape & 1 ? mn_mac_broadcast : own_mac;
    struct mn_ipv4 header = {
        .source = NEAR_IP + source,
        .destination = shape & 2 ? UINT32_MAX : OWN_IP,
        .total_len = (uint16_t)(MN_IPV4_HEADER + len),
        .identification = shape >> 4,
        .fragment_offset = (uint16_t)(fragment << 3),
        .header_len = MN_IPV4_HEADER,
        .protocol = protocol,
        .ttl = 9,
        .traffic_class = source,
        .more_fragments = fragment >> 15 != 0,
    };
    mn_ethernet_emit(frame, &(struct mn_ethernet){to, {{2, 0, 0, 0, 0, source}}, MN_ETHERTYPE_IPV4});
    mn_ipv4_emit(frame + MN_ETHERNET_HEADER, &header);
    uint8_t *payload = frame + MN_ETHERNET_HEADER + MN_IPV4_HEADER;
    memcpy(payload, bytes, len);
    if (protocol == MN_PROTOCOL_ICMP && len >= MN_ICMPV4_HEADER) {
        memset(payload + 2, 0, 2);
        uint16_t checksum = mn_checksum(mn_sum(0, payload, len));
        memcpy(payload + 2, &checksum, 2);
    }
    if (shape & 4 && len >= 40)
        take_for_options(frame + MN_ETHERNET_HEADER, shape >> 4, len);
    receive(h, frame, MN_ETHERNET_HEADER + MN_IPV4_HEADER + len);
}

/* Returns no address, one of our network, or any other, possible or not. */
static uint32_t sender_of(uint8_t shape, uint8_t sender)
{
    uint32_t far = (uint32_t)sender << 24 | UINT32_C(0x00ffff00) | shape;
    return shape & 2 ? 0 : shape & 4 ? far : NEAR_IP + sender;
}

static void op_tag(struct fuzz_host *h)
{
    h->tags = mn_read_u8(&h->script) % 4;
    h->tag_shape = mn_read_u8(&h->script);
}

static void op_arp(struct fuzz_host *h)
{
    uint8_t frame[MN_ETHERNET_HEADER + MN_ARP_PACKET];
    uint8_t operation = mn_read_u8(&h->script), sender = mn_read_u8(&h->script), target = mn_read_u8(&h->script);
    struct mn_mac mac = {{2, 0, 0, 0, 0, mn_read_u8(&h->script)}};
    mn_ethernet_emit(frame, &(struct mn_ethernet){mn_mac_broadcast, mac, MN_ETHERTYPE_ARP});
    mn_arp_emit(frame + MN_ETHERNET_HEADER, &(struct mn_arp){.operation = 1 + (operation & 1),
                                                             .sender_mac = mac,
                                                             .sender_ip = sender_of(operation, sender),
                                                             .target_ip = NEAR_IP + target});
    receive(h, frame, sizeof frame);
}

/* ---- IPv6 ---- */

/* Returns an address of any kind, of few hosts. */
static struct mnet_address some_ipv6(struct fuzz_host *h)
{
    uint8_t shape = mn_read_u8(&h->script), host = shape >> 4;
    struct mnet_address address = own_ipv6;
    address.bytes[15] = host;
    switch (shape & 15) {
    case 0: return (struct mnet_address){{0}, 0};
    case 1: return own_ipv6;
    case 2: return (struct mnet_address){.bytes = {[15] = 1}};
    case 3:
    case 4: return (struct mnet_address){.bytes = {0xfe, 0x80, [15] = host}};
    case 5: return mn_ipv6_all_nodes;
    case 6: return mn_ipv6_solicited_node(&h->ip.own[host % MN_OWN_MAX].prefix.address);
    case 7:
    case 8: address.bytes[7] = 1; return address; /* of another network */
    case 9:
    case 10:
    case 11: return h->ip.own[MN_OWN_LINK_LOCAL + host % (MN_OWN_MAX - MN_OWN_LINK_LOCAL)].prefix.address;
    default: return address;
    }
}

static struct mn_mac some_mac(struct fuzz_host *h)
{
    return (struct mn_mac){{2, 0, 0, 0, 0, mn_read_u8(&h->script)}};
}

/* Writes an extension header of the given type in front of what the returned octet names. */
static uint8_t *write_extension(struct fuzz_host *h, struct mn_writer *w, uint8_t type)
{
    uint8_t *header = mn_write(w, 8);
    const uint8_t *content = mn_read(&h->script, 6);
    if (header == NULL)
        return NULL;
    memset(header, 0, 8);
    if (content != NULL)
        memcpy(header + 2, content, 6);
    if (type == MN_IPV6_FRAGMENT) { /* of one of few datagrams, near its beginning */
        header[2] &= 1;
        memset(header + 4, 0, 3);
        header[7] &= 3;
    } else if (content == NULL || content[5] & 1) { /* padding */
        memcpy(header + 2, (const uint8_t[]){1, 4, 0, 0, 0, 0}, 6);
    }
    return header;
}

/* Writes a fixed header, whose length comes later, and up to three extension headers. */
static struct mn_ipv6 write_headers(struct fuzz_host *h, struct mn_writer *w, uint8_t protocol)
{
    static const uint8_t types[] = {MN_IPV6_HOP_BY_HOP, MN_IPV6_FRAGMENT, MN_IPV6_DESTINATION_OPTIONS, MN_IPV6_ROUTING};
    uint8_t shape = mn_read_u8(&h->script), first = protocol, *named_at = &first;
    struct mn_ipv6 header = {.source = some_ipv6(h), .destination = some_ipv6(h), .hop_limit = 255};
    if (shape & 128)
        header.hop_limit = shape & 64 ? 1 : 64;
    mn_write(w, MN_IPV6_HEADER);
    for (unsigned i = 0; i < (shape & 3) && named_at != NULL; i++) {
        uint8_t type = types[shape >> (2 + 2 * (i % 2)) & 3];
        *named_at = type;
        named_at = write_extension(h, w, type);
    }
    if (named_at != NULL)
        *named_at = protocol;
    header.next_header = first;
    return header;
}

/* Receives the packet that `w` has written behind the Ethernet header; `header` is in its front. */
static void receive_ipv6(struct fuzz_host *h, uint8_t *frame, const struct mn_writer *w, struct mn_ipv6 header)
{
    if (!w->ok)
        return;
    uint8_t shape = mn_read_u8(&h->script);
    size_t len = (size_t)(w->at - frame);
    header.payload_len = (uint16_t)(len - MN_ETHERNET_HEADER - MN_IPV6_HEADER);
    mn_ipv6_emit(frame + MN_ETHERNET_HEADER, &header);
    struct mn_mac to = shape & 1 ? (struct mn_mac){{0x33, 0x33, 0, 0, 0, 1}} : own_mac;
    mn_ethernet_emit(frame, &(struct mn_ethernet){to, {{2, 0, 0, 0, 0, shape}}, MN_ETHERTYPE_IPV6});
    receive(h, frame, len);
}

static struct mn_writer begin_ipv6(uint8_t *frame)
{
    struct mn_writer w = mn_writer(frame, FRAME_MAX);
    mn_write(&w, MN_ETHERNET_HEADER);
    return w;
}

/* Any protocol; ICMPv6 with a right checksum. */
static void op_ipv6(struct fuzz_host *h)
{
    static uint8_t frame[FRAME_MAX];
    struct mn_writer w = begin_ipv6(frame);
    uint8_t protocol = mn_read_u8(&h->script);
    struct mn_ipv6 header = write_headers(h, &w, protocol);
    uint8_t *payload = w.at;
    size_t len;
    const uint8_t *bytes = read_bytes(h, &len);
    if (bytes == NULL)
        return;
    mn_write_bytes(&w, bytes, len);
    if (protocol == MN_PROTOCOL_ICMPV6 && len >= MN_ICMPV6_HEADER && w.ok)
        mn_icmpv6_set_checksum(payload, len, &header.source, &header.destination);
    receive_ipv6(h, frame, &w, header);
}

/* Options of neighbour discovery, whole or with any content. */
static void write_options(struct fuzz_host *h, struct mn_writer *w)
{
    for (unsigned left = mn_read_u8(&h->script) % 8; left > 0; left--) {
        uint8_t shape = mn_read_u8(&h->script);
        struct mnet_address address = some_ipv6(h);
        struct mnet_prefix prefix = {address, shape & 128 ? 64 : shape};
        uint32_t lifetime_s = mn_read_u16(&h->script);
        struct mn_nd_prefix on_link = {prefix, (shape & 8) != 0, (shape & 16) != 0, lifetime_s, lifetime_s / 2};
        struct mn_nd_route route = {prefix, (int8_t)(shape >> 3 & 1), lifetime_s};
        const uint8_t *raw;
        switch (shape & 7) {
        case 0: mn_nd_write_prefix(w, &on_link); break;
        case 1: mn_nd_write_route(w, &route); break;
        case 2: mn_nd_write_servers(w, lifetime_s, &address, 1); break;
        case 3: mn_nd_write_domains(w, lifetime_s, "\1a\1b\0\1c\0", shape & 128 ? 8 : 3); break;
        default:
            raw = mn_read(&h->script, 8u * (shape >> 3 & 3));
            if (raw != NULL)
                mn_write_bytes(w, raw, 8u * (shape >> 3 & 3));
        }
    }
}

/* Mostly the addresses that make a message count: those of a router, a neighbour, or us. */
static void make_plausible(struct fuzz_host *h, struct mn_nd *nd, struct mn_ipv6 *header)
{
    uint8_t shape = mn_read_u8(&h->script);
    struct mnet_address router = {.bytes = {0xfe, 0x80, [15] = 1 + (shape & 1)}}, neighbour = own_ipv6, far = own_ipv6;
    neighbour.bytes[15] = 4 + (shape >> 1 & 7);
    far.bytes[7] = 1;
    bool of_router = nd->type == MN_ICMPV6_ROUTER_ADVERTISEMENT || nd->type == MN_ICMPV6_REDIRECT || shape & 16;
    if ((shape & 0xc0) == 0)
        return;
    header->source = of_router ? router : neighbour;
    header->destination = nd->type == MN_ICMPV6_REDIRECT || shape & 32 ? own_ipv6 : mn_ipv6_all_nodes;
    if (nd->type == MN_ICMPV6_NEIGHBOUR_SOLICITATION)
        nd->target = own_ipv6;
    if (nd->type == MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT)
        nd->target = header->source;
    if (nd->type == MN_ICMPV6_REDIRECT)
        nd->destination = far;
    if (nd->type == MN_ICMPV6_REDIRECT && shape & 16)
        nd->target = (struct mnet_address){.bytes = {0xfe, 0x80, [15] = 2 + (shape >> 1 & 7)}};
}

static void op_discovery(struct fuzz_host *h)
{
    static uint8_t frame[FRAME_MAX];
    struct mn_writer w = begin_ipv6(frame);
    struct mn_ipv6 header = write_headers(h, &w, MN_PROTOCOL_ICMPV6);
    uint8_t *message = w.at, type = mn_read_u8(&h->script), shape = mn_read_u8(&h->script);
    struct mn_nd nd = {.type = MN_ICMPV6_ROUTER_SOLICITATION + type % 5,
                       .target = some_ipv6(h),
                       .destination = some_ipv6(h),
                       .router = (shape & 1) != 0,
                       .solicited = (shape & 2) != 0,
                       .override = (shape & 4) != 0,
                       .managed = (shape & 8) != 0,
                       .router_lifetime_s = shape & 16 ? mn_read_u16(&h->script) : 0,
                       .reachable_ms = shape & 32 ? mn_read_u32(&h->script) : 0,
                       .retrans_ms = shape & 64 ? mn_read_u32(&h->script) : 0,
                       .mtu = type & 128 ? mn_read_u16(&h->script) : 0,
                       .has_link_address = (shape & 128) != 0,
                       .link_address = some_mac(h)};
    make_plausible(h, &nd, &header);
    mn_nd_write(&w, &nd);
    write_options(h, &w);
    if (w.ok)
        mn_icmpv6_set_checksum(message, (size_t)(w.at - message), &header.source, &header.destination);
    receive_ipv6(h, frame, &w, header);
}

/* Receives an error of any type about a packet of ours, or an echo. */
static void op_error(struct fuzz_host *h)
{
    static uint8_t frame[FRAME_MAX];
    struct mn_writer w = begin_ipv6(frame);
    struct mn_ipv6 header = write_headers(h, &w, MN_PROTOCOL_ICMPV6);
    uint8_t *message = w.at, type = mn_read_u8(&h->script);
    struct mn_ipv6 about = {.source = some_ipv6(h), .destination = some_ipv6(h), .payload_len = 1000, .hop_limit = 9};
    if (type & 8)
        about.source = header.destination;
    about.next_header = type & 64 ? MN_PROTOCOL_UDP : type & 128 ? MN_IPV6_FRAGMENT : MN_PROTOCOL_TCP;
    mn_write_u8(&w, type & 16 ? MN_ICMPV6_ECHO : type % 6);
    mn_write_u8(&w, mn_read_u8(&h->script) % 8);
    mn_write_u16(&w, 0);
    mn_write_u32(&w, mn_read_u16(&h->script) % 2048);
    uint8_t *quote = mn_write(&w, MN_IPV6_HEADER);
    if (quote != NULL)
        mn_ipv6_emit(quote, &about);
    uint8_t *text = mn_write(&w, 16);
    if (text != NULL)
        memset(text, type & 32 ? 0 : 17, 16);
    if (w.ok)
        mn_icmpv6_set_checksum(message, (size_t)(w.at - message), &header.source, &header.destination);
    receive_ipv6(h, frame, &w, header);
}

static void op_link_up(struct fuzz_host *h)
{
    mn_ip_note_link_up(&h->ip, h->now);
}

/* ---- Sending ---- */

/* Hands a packet of a transport to the layer; `shape` as in op_send. */
static void send(struct fuzz_host *h, struct mnet_address source, struct mnet_address destination, uint8_t shape,
                 size_t len)
{
    static const uint8_t zeros[65535];
    struct mnet_packet *packet = mnet_packet_alloc_tx(h->memory);
    if (packet == NULL)
        return;
    if (!mnet_packet_append(packet, zeros, len)) {
        mnet_packet_free(packet);
        return;
    }
    if (shape & 4) {
        packet->checksum = MNET_CHECKSUM_PARTIAL;
        packet->csum_offset = 16;
    }
    if (shape & 8) {
        packet->data[12] = 0x50;
        packet->gso = mnet_address_is_ipv4(destination) ? MNET_GSO_TCPV4 : MNET_GSO_TCPV6;
        packet->gso_size = 500;
    }
    struct mn_datagram datagram = {.source = source,
                                   .destination = destination,
                                   .protocol = shape & 8 ? MN_PROTOCOL_TCP : MN_PROTOCOL_UDP,
                                   .dont_fragment = (shape & 16) != 0,
                                   .doubtful = (shape & 128) != 0,
                                   .confirmed = (shape & 64) != 0};
    mn_ip_output(&h->ip, packet, &datagram, h->now);
}

static void op_send(struct fuzz_host *h)
{
    uint8_t to = mn_read_u8(&h->script), shape = mn_read_u8(&h->script);
    size_t len = mn_read_u16(&h->script) | 20u; /* at least a header */
    uint32_t destination = shape & 1 ? UINT32_C(0x7f000000) + to : shape & 2 ? UINT32_C(0xc0000200) + to : NEAR_IP + to;
    send(h, MNET_ADDRESS_ANY, mnet_address_from_ipv4(destination), shape, len);
}

/* Transports give an own address of the family, or none. */
static void op_send_ipv6(struct fuzz_host *h)
{
    struct mnet_address destination = some_ipv6(h), source = MNET_ADDRESS_ANY;
    uint8_t shape = mn_read_u8(&h->script);
    size_t len = mn_read_u16(&h->script) | 20u;
    struct mn_ip_path path;
    if (mn_ip_path(&h->ip, destination, &path) == 0 && shape & 1)
        source = path.source;
    send(h, source, destination, shape, len);
}

static void op_time(struct fuzz_host *h)
{
    h->now += mn_read_u16(&h->script) * 10 * MNET_MILLISECOND;
    mn_ip_expire(&h->ip, h->now);
    MN_ASSERT(mn_ip_deadline(&h->ip) > h->now);
}

/* A frame with a whole packet, that a host may send. */
static void check_frame(struct fuzz_host *h, const struct mnet_packet *frame)
{
    uint8_t bytes[MN_ETHERNET_HEADER + MN_IPV6_HEADER] = {0};
    struct mn_ipv6 ip;
    MN_ASSERT(frame->total >= MN_ETHERNET_HEADER + MN_IPV4_HEADER);
    mnet_packet_copy_out(frame, 0, bytes, MN_MIN(frame->total, (uint32_t)sizeof bytes));
    if ((bytes[12] << 8 | bytes[13]) != MN_ETHERTYPE_IPV6)
        return;
    size_t len = frame->total - MN_ETHERNET_HEADER;
    MN_ASSERT(mn_ipv6_parse(bytes + MN_ETHERNET_HEADER, MN_IPV6_HEADER, len, &ip) == MN_PARSE_OK);
    MN_ASSERT(ip.payload_len + (size_t)MN_IPV6_HEADER == len && ip.hop_limit > 0);
    MN_ASSERT(!mn_ipv6_is_multicast(&ip.source) && !mn_ipv6_is_loopback(&ip.source));
    MN_ASSERT(!mn_ipv6_is_unspecified(&ip.destination) && !mn_ipv6_is_loopback(&ip.destination));
    MN_ASSERT(frame->gso != MNET_GSO_NONE || len <= h->ip.link_mtu);
}

static void op_drain(struct fuzz_host *h)
{
    struct mnet_packet *packet;
    struct mn_icmp_error error;
    struct mn_datagram datagram;
    enum mn_ip_verdict verdict;
    while ((packet = mn_ip_transmit(&h->ip)) != NULL) {
        check_frame(h, packet);
        mnet_packet_free(packet);
    }
    for (int i = 0; i < 1000 && mn_ip_take_looped(&h->ip, h->now, &packet, &verdict, &datagram, &error); i++)
        deliver(h, verdict, packet, &datagram, &error);
    while ((packet = mn_ip_take_error(&h->ip, &error)) != NULL) {
        MN_ASSERT(error.quote_len >= 8);
        mnet_packet_free(packet);
    }
}

/* An address that was lost is none any more. It may be one again later. */
static void take_lost(struct fuzz_host *h)
{
    for (struct mnet_address lost; mn_ip_take_lost(&h->ip, &lost);)
        MN_ASSERT(!mn_ip_is_own(&h->ip, lost));
}

/* Memory is short; the host joins a group, or leaves it. */
static void op_relieve(struct fuzz_host *h)
{
    struct mnet_address group = {.bytes = {0xff, 0x02, [15] = 99}};
    uint8_t shape = mn_read_u8(&h->script);
    if (shape & 1)
        mn_ip_relieve(&h->ip);
    if (shape & 2)
        group = mnet_ipv4(224, 0, 0, 99);
    bool *joined = &h->joined[shape >> 1 & 1];
    if (!(shape & 4))
        return;
    if (*joined)
        mn_ip_leave(&h->ip, group);
    *joined = !*joined && mn_ip_join(&h->ip, group, h->now) == 0;
}

static void check_bounds(struct fuzz_host *h)
{
    const struct mn_ip *ip = &h->ip;
    mn_ip_check(&h->ip);
    mn_memory_check(h->memory);
    MN_ASSERT(ip->reassembly.bytes <= REASSEMBLY_BYTES &&
              ip->neighbours.pending_bytes <= ip->neighbours.pending_bytes_max);
    MN_ASSERT(ip->transmit.count <= MN_IP_TRANSMIT_MAX + MN_NEIGHBOUR_PENDING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const ops[])(struct fuzz_host *) = {
        op_raw,       op_ipv4,  op_ipv4, op_arp,  op_send,      op_time,      op_drain,   op_tag,    op_ipv6,
        op_discovery, op_error, op_ipv6, op_time, op_discovery, op_send_ipv6, op_link_up, op_relieve};
    static struct fuzz_host h;
    memset(&h, 0, sizeof h);
    h.script = mn_reader(data, size);
    start(&h);
    while (h.script.ok && mn_reader_left(&h.script) > 0) {
        ops[mn_read_u8(&h.script) % MN_COUNT_OF(ops)](&h);
        check_bounds(&h);
        take_lost(&h);
    }
    mn_ip_deinit(&h.ip);
    MN_ASSERT(mnet_memory_used(h.memory) == 0);
    return 0;
}
