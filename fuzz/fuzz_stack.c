/* A whole stack through its public headers. The script decides the family of addresses, the
 * frames, metadata and moods of a device, the calls of a program (each with deadline 0), and the
 * time that passes. Some segments answer the stack's last one, so that connections get
 * established. No input may fail an assertion, cause a storm of frames, or keep memory. Every
 * frame that leaves must be one that the device can send. After each poll the bytes charged are
 * the bytes pinned, and nothing that stays uses the reserve. */
#include <mnet/mnet.h>

#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/memory.h"
#include "base/packet_sum.h"
#include "stack/stack.h"
#include "tcp/check.h"
#include "tests/support/family.h"
#include "wire/arp.h"
#include "wire/dhcp.h"
#include "wire/ethernet.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/nd.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define OWN_IP UINT32_C(0x0a000002)
#define PEER_IP UINT32_C(0x0a000001)
#define FRAMES 64
#define FLOWS 6
#define REGION (4u << 20)
#define STORM 5000
#define ALL_OFFLOADS (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6)

struct stack_world {
    struct mnet_device device;
    struct mnet_stack *stack;
    struct mnet_listener *listener;
    struct mnet_flow *flows[FLOWS];
    struct mnet_udp *udp;
    struct mnet_packet *waiting[FRAMES]; /* for the stack to take */
    unsigned first, count, sent;
    unsigned room;             /* frames that the device still accepts */
    enum family family;        /* of transports */
    struct mn_tcp_header last; /* from the last segment of the stack */
    uint32_t last_len;
    bool tagged;  /* received frames have a tag */
    uint8_t form; /* of received packets: enum form */
    bool dhcp;    /* the address comes from a server */
    uint32_t xid; /* from the last message to the server */
    uint64_t now;
    struct mn_reader script;
};

/* How a received packet comes. */
enum form {
    PLAIN,
    WITH_OPTIONS, /* IPv6: behind a header of destination options */
    ATOMIC,       /* IPv6: in a fragment that is all of it (RFC 6946) */
    IN_FRAGMENTS, /* in two, of both families */
    FORMS,
};

static uint8_t region[REGION];
static const struct mn_mac own_mac = {{2, 0, 0, 0, 0, 2}}, peer_mac = {{2, 0, 0, 0, 0, 1}};

static struct stack_world *world_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct stack_world, device);
}

static struct mnet_address own_address(const struct stack_world *w)
{
    return family_host(w->family, 10, 0, 0, 2);
}

static struct mnet_address peer_address(const struct stack_world *w)
{
    return family_host(w->family, 10, 0, 0, 1);
}

/* A host of another network. */
static struct mnet_address far_address(enum family family, uint8_t host)
{
    struct mnet_address address = family_host(family, 99, 0, 0, host);
    if (family == IPV6)
        address.bytes[4] = 1;
    return address;
}

/* The place of a transport's header in a frame. */
static uint32_t transport_at(const struct stack_world *w)
{
    return MN_ETHERNET_HEADER + family_ip_header(w->family);
}

/* ---- The device ---- */

static int device_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct stack_world *w = world_of(device);
    int taken = 0;
    for (; taken < max && w->count > 0; taken++, w->count--)
        packets[taken] = w->waiting[w->first++ % FRAMES];
    return taken;
}

/* Records the stack's question to a DHCP server. Without an address it sends nothing else. */
static void remember_question(struct stack_world *w, const struct mn_ipv4 *ip, const uint8_t *datagram, size_t len)
{
    struct mn_udp_header udp;
    struct mn_dhcp message;
    bool parsed = ip->protocol == MN_PROTOCOL_UDP && mn_udp_parse(datagram, len, len, &udp) == MN_PARSE_OK;
    bool question = parsed && udp.source_port == MN_DHCP_CLIENT_PORT && udp.destination_port == MN_DHCP_SERVER_PORT;
    MN_ASSERT(ip->source != 0 || (question && ip->destination == UINT32_MAX));
    if (!question)
        return;
    MN_ASSERT(mn_dhcp_parse(datagram + MN_UDP_HEADER, len - MN_UDP_HEADER, &message) == MN_PARSE_OK);
    w->xid = message.xid;
}

/* Records a segment, so that the peer can answer it. */
static void remember_segment(struct stack_world *w, const uint8_t *segment, size_t len)
{
    struct mn_tcp_header tcp;
    MN_ASSERT(mn_tcp_parse(segment, len, &tcp) == MN_PARSE_OK);
    w->last = tcp;
    w->last_len = (uint32_t)(len - tcp.header_len) + !!(tcp.flags & MN_TCP_SYN) + !!(tcp.flags & MN_TCP_FIN);
}

static void remember_ipv4(struct stack_world *w, const uint8_t *packet, size_t len)
{
    struct mn_ipv4 ip;
    MN_ASSERT(mn_ipv4_parse(packet, len, len, &ip) == MN_PARSE_OK);
    MN_ASSERT(ip.total_len == len && (w->dhcp || ip.source == OWN_IP));
    if (w->dhcp)
        remember_question(w, &ip, packet + ip.header_len, len - ip.header_len);
    if (w->family == IPV4 && ip.protocol == MN_PROTOCOL_TCP && ip.fragment_offset == 0 && !ip.more_fragments)
        remember_segment(w, packet + ip.header_len, len - ip.header_len);
}

static void remember_ipv6(struct stack_world *w, const uint8_t *packet, size_t len)
{
    struct mn_ipv6 ip;
    MN_ASSERT(mn_ipv6_parse(packet, len, len, &ip) == MN_PARSE_OK && ip.hop_limit > 0);
    MN_ASSERT(ip.payload_len + (size_t)MN_IPV6_HEADER == len && !mn_ipv6_is_multicast(&ip.source));
    if (w->family == IPV6 && ip.next_header == MN_PROTOCOL_TCP)
        remember_segment(w, packet + MN_IPV6_HEADER, len - MN_IPV6_HEADER);
}

/* Copies what leaves, as a device does that copies, and checks the sum of each frame. */
static void copy_frames(const struct mnet_packet *packet)
{
    static uint8_t copy[MNET_FRAME_MAX + 100];
    struct mnet_frames frames;
    MN_ASSERT(mnet_frames_begin(&frames, packet));
    for (size_t len; (len = mnet_frames_length(&frames)) > 0;) {
        MN_ASSERT(len <= sizeof copy && mnet_frames_headers(&frames) <= len);
        struct mnet_frame_sum sum = mnet_frames_copy(&frames, copy);
        MN_ASSERT(sum.start <= len && sum.value == mn_sum_fold(mn_sum(0, copy + sum.start, len - sum.start)));
    }
}

/* Checks a frame that leaves. */
static void remember(struct stack_world *w, const struct mnet_packet *frame)
{
    static uint8_t bytes[MNET_FRAME_MAX + 100];
    MN_ASSERT(frame->total >= MN_ETHERNET_HEADER && frame->total <= MNET_FRAME_MAX);
    MN_ASSERT(frame->len >= MN_ETHERNET_HEADER);
    mnet_packet_copy_out(frame, 0, bytes, frame->total);
    unsigned type = (unsigned)bytes[12] << 8 | bytes[13];
    size_t len = frame->total - MN_ETHERNET_HEADER;
    uint32_t segmentation = type == MN_ETHERTYPE_IPV6 ? MNET_OFFLOAD_TSO6 : MNET_OFFLOAD_TSO4;
    if (frame->gso == MNET_GSO_NONE)
        MN_ASSERT(len <= w->device.mtu);
    else
        MN_ASSERT(w->device.tx_offload & segmentation && frame->gso_size > 0);
    MN_ASSERT(frame->checksum != MNET_CHECKSUM_PARTIAL || w->device.tx_offload & MNET_OFFLOAD_CHECKSUM);
    if (type == MN_ETHERTYPE_IPV4)
        remember_ipv4(w, bytes + MN_ETHERNET_HEADER, len);
    else if (type == MN_ETHERTYPE_IPV6)
        remember_ipv6(w, bytes + MN_ETHERNET_HEADER, len);
}

static int device_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct stack_world *w = world_of(device);
    int taken = 0;
    for (; taken < count && w->room > 0; taken++, w->room--) {
        remember(w, packets[taken]);
        copy_frames(packets[taken]);
        mnet_packet_free(packets[taken]);
        MN_ASSERT(++w->sent < STORM);
    }
    return taken;
}

static void device_wait(struct mnet_device *device, uint64_t deadline)
{
    (void)device;
    (void)deadline;
}

static void device_close(struct mnet_device *device)
{
    struct stack_world *w = world_of(device);
    for (; w->count > 0; w->count--)
        mnet_packet_free(w->waiting[w->first++ % FRAMES]);
}

static const struct mnet_device_ops device_ops = {device_rx, device_tx, device_wait, device_close};

static uint64_t clock_now(void *context)
{
    return ((struct stack_world *)context)->now;
}

static bool entropy(void *context, void *buffer, size_t len)
{
    (void)context;
    memset(buffer, 0x5a, len);
    return true;
}

/* Of both families, whichever transports have. */
static void set_addresses(const struct stack_world *w, struct mnet_ip_config *ip, bool automatic)
{
    ip->dhcp = w->dhcp;
    if (!w->dhcp) {
        ip->ipv4 = (struct mnet_prefix){mnet_address_from_ipv4(OWN_IP), 24};
        ip->ipv4_gateway = mnet_address_from_ipv4(OWN_IP + 1);
    }
    if (w->family == IPV6)
        ip->ipv6 = (struct mnet_prefix){own_address(w), 64};
    ip->ipv6_auto = ip->ipv6_temporary = w->family == IPV6 && automatic;
}

static void start(struct stack_world *w)
{
    uint8_t flags = mn_read_u8(&w->script);
    w->family = flags & 128 ? IPV6 : IPV4;
    w->now = MNET_SECOND;
    w->room = UINT32_MAX;
    w->device = (struct mnet_device){
        .ops = &device_ops, .name = "fuzz", .mtu = flags & 1 ? 1500 : family_mtu_min(w->family), .fd = -1};
    memcpy(w->device.mac, own_mac.bytes, 6);
    w->device.tx_offload = flags & 2 ? ALL_OFFLOADS : 0;
    w->device.rx_offload = flags & 4 ? ALL_OFFLOADS | MNET_OFFLOAD_SUM : 0;
    w->dhcp = (flags & 32) != 0;
    struct mnet_config config = {
        .device = &w->device,
        .platform = {clock_now, entropy, w, NULL},
        .memory = region,
        .memory_size = REGION >> ((flags >> 3 & 1) + (flags >> 6 & 1)),
        .tcp.half_open_max = 4,
        .tcp.time_wait_max = 4,
        .tcp.send_buffer = 20000,
        .tcp.receive_buffer = 20000,
        .no_coalescing = (flags & 16) != 0,
    };
    set_addresses(w, &config.ip, (flags & 64) != 0);
    MN_ASSERT(mnet_stack_open(&config, &w->stack) == 0);
    MN_ASSERT(mnet_tcp_listen(w->stack, 80, NULL, &w->listener) == 0);
    MN_ASSERT(mnet_udp_open(w->stack, &(struct mnet_udp_options){.local.port = 53}, &w->udp) == 0);
}

/* ---- Frames in ---- */

static struct mnet_packet *frame_in(struct stack_world *w, const uint8_t *bytes, size_t len)
{
    if (w->count == FRAMES || w->device.memory == NULL)
        return NULL;
    struct mnet_packet *frame = mnet_packet_alloc(w->device.memory);
    if (frame == NULL)
        return NULL;
    if (!mnet_packet_append(frame, bytes, len)) {
        mnet_packet_free(frame);
        return NULL;
    }
    if (w->tagged && len > 12) { /* with a priority */
        mnet_packet_push(frame, MN_ETHERNET_TAG);
        memmove(frame->data, frame->data + MN_ETHERNET_TAG, 12);
        memcpy(frame->data + 12, (const uint8_t[]){0x81, 0, 0xa0, 0}, MN_ETHERNET_TAG);
    }
    w->waiting[(w->first + w->count++) % FRAMES] = frame;
    return frame;
}

static void op_link(struct stack_world *w)
{
    w->device.link_down = !w->device.link_down;
}

static void op_form(struct stack_world *w)
{
    w->form = mn_read_u8(&w->script) % FORMS;
}

static void op_tag(struct stack_world *w)
{
    w->tagged = !w->tagged;
}

static void op_raw(struct stack_world *w)
{
    size_t len = mn_read_u16(&w->script) % 2000;
    len = MN_MIN(len, mn_reader_left(&w->script));
    const uint8_t *bytes = mn_read(&w->script, len);
    if (bytes != NULL)
        frame_in(w, bytes, len);
}

static void op_arp(struct stack_world *w)
{
    uint8_t frame[MN_ETHERNET_HEADER + MN_ARP_PACKET], shape = mn_read_u8(&w->script);
    mn_ethernet_emit(frame, &(struct mn_ethernet){shape & 1 ? mn_mac_broadcast : own_mac, peer_mac, MN_ETHERTYPE_ARP});
    mn_arp_emit(frame + MN_ETHERNET_HEADER, &(struct mn_arp){.operation = 1 + (shape >> 1 & 1),
                                                             .sender_mac = peer_mac,
                                                             .sender_ip = PEER_IP + (shape >> 6),
                                                             .target_mac = own_mac,
                                                             .target_ip = OWN_IP});
    frame_in(w, frame, sizeof frame);
}

/* Puts headers of Ethernet and IP before `len` bytes that are already in their place: those at
 * `offset` of a larger packet, if `more` follow or `offset` is not 0. */
static struct mnet_packet *piece_in(struct stack_world *w, uint8_t *frame, uint8_t protocol, size_t len,
                                    uint16_t offset, bool more)
{
    struct mn_ipv4 ipv4 = {.source = PEER_IP,
                           .destination = OWN_IP,
                           .total_len = (uint16_t)(MN_IPV4_HEADER + len),
                           .identification = 7,
                           .fragment_offset = offset,
                           .header_len = MN_IPV4_HEADER,
                           .protocol = protocol,
                           .ttl = 64,
                           .more_fragments = more};
    struct mn_ipv6 ipv6 = {.source = peer_address(w),
                           .destination = own_address(w),
                           .payload_len = (uint16_t)len,
                           .next_header = protocol,
                           .hop_limit = 64};
    bool is_ipv4 = w->family == IPV4;
    mn_ethernet_emit(frame, &(struct mn_ethernet){own_mac, peer_mac, is_ipv4 ? MN_ETHERTYPE_IPV4 : MN_ETHERTYPE_IPV6});
    if (is_ipv4)
        mn_ipv4_emit(frame + MN_ETHERNET_HEADER, &ipv4);
    else
        mn_ipv6_emit(frame + MN_ETHERNET_HEADER, &ipv6);
    return frame_in(w, frame, transport_at(w) + len);
}

/* The same for a part of an IPv6 packet, behind an extension header. */
static struct mnet_packet *extended_in(struct stack_world *w, const uint8_t *payload, uint8_t protocol, size_t len,
                                       uint16_t offset, bool more)
{
    static uint8_t frame[MN_ETHERNET_HEADER + MN_IPV6_HEADER + 8 + 4000];
    uint8_t *header = frame + transport_at(w);
    bool options = w->form == WITH_OPTIONS;
    if (options)
        memcpy(header, (const uint8_t[]){protocol, 0, 1, 4, 0, 0, 0, 0}, 8);
    else
        mn_ipv6_fragment_emit(
            header,
            &(struct mn_ipv6_fragment){.identification = 7, .offset = offset, .next_header = protocol, .more = more});
    memcpy(header + 8, payload, len);
    return piece_in(w, frame, options ? MN_IPV6_DESTINATION_OPTIONS : MN_IPV6_FRAGMENT, 8 + len, 0, false);
}

/* Receives `len` bytes of a transport that are already in their place, in the present form. */
static struct mnet_packet *ip_in(struct stack_world *w, uint8_t *frame, uint8_t protocol, size_t len)
{
    uint8_t *payload = frame + transport_at(w);
    size_t half = len / 2 & ~(size_t)7;
    bool cut = w->form == IN_FRAGMENTS && half > 0;
    if (w->form == PLAIN || (w->family == IPV4 && !cut))
        return piece_in(w, frame, protocol, len, 0, false);
    if (!cut)
        return extended_in(w, payload, protocol, len, 0, false);
    if (w->family == IPV6) {
        extended_in(w, payload + half, protocol, len - half, (uint16_t)half, false);
        return extended_in(w, payload, protocol, half, 0, true);
    }
    piece_in(w, frame, protocol, half, 0, true);
    memmove(payload, payload + half, len - half);
    return piece_in(w, frame, protocol, len - half, (uint16_t)half, false);
}

static uint16_t transport_checksum(const struct stack_world *w, uint8_t protocol, const uint8_t *bytes, size_t len)
{
    struct mnet_address from = peer_address(w), to = own_address(w);
    uint64_t sum = mn_pseudo_sum(&from, &to, protocol, (uint32_t)len);
    return mn_checksum(mn_sum_add(sum, mn_sum(0, bytes, len)));
}

/* A message of neighbour discovery, from the peer or a router, with options of the script. */
static void op_discovery(struct stack_world *w)
{
    static uint8_t frame[1000];
    uint8_t type = mn_read_u8(&w->script), shape = mn_read_u8(&w->script);
    struct mn_writer writer = mn_writer(frame, sizeof frame);
    const struct mnet_address router = {.bytes = {0xfe, 0x80, [15] = 1 + (type >> 6 & 1)}};
    struct mn_nd nd = {.type = MN_ICMPV6_ROUTER_SOLICITATION + type % 5,
                       .target = shape & 1 ? family_host(IPV6, 10, 0, 0, 2) : family_host(IPV6, 10, 0, 0, 1),
                       .destination = far_address(IPV6, shape >> 6),
                       .router = (shape & 2) != 0,
                       .solicited = (shape & 4) != 0,
                       .override = (shape & 8) != 0,
                       .has_link_address = (shape & 16) != 0,
                       .link_address = {{2, 0, 0, 0, 0, 1 + (type >> 6)}}};
    if (nd.type == MN_ICMPV6_ROUTER_ADVERTISEMENT)
        nd.router_lifetime_s = mn_read_u16(&w->script);
    if (nd.type == MN_ICMPV6_REDIRECT && shape & 2)
        nd.target = router;
    bool from_router = nd.type == MN_ICMPV6_ROUTER_ADVERTISEMENT || nd.type == MN_ICMPV6_REDIRECT || shape & 32;
    struct mnet_address from = from_router ? router : family_host(IPV6, 10, 0, 0, 1);
    struct mnet_address to = nd.solicited || nd.type == MN_ICMPV6_REDIRECT ? family_host(IPV6, 10, 0, 0, 2)
                                                                           : mn_ipv6_all_nodes;
    mn_write(&writer, MN_ETHERNET_HEADER + MN_IPV6_HEADER);
    uint8_t *message = writer.at;
    mn_nd_write(&writer, &nd);
    struct mn_nd_prefix prefix = {{family_host(IPV6, shape, 0, 0, 0), 64}, shape & 64, shape & 128, 900, 300};
    if (nd.type == MN_ICMPV6_ROUTER_ADVERTISEMENT && shape & 1)
        mn_nd_write_prefix(&writer, &prefix);
    size_t more = shape & 128 ? mn_read_u8(&w->script) : 0;
    more = MN_MIN(more, mn_reader_left(&w->script));
    const uint8_t *options = mn_read(&w->script, more);
    if (options != NULL)
        mn_write_bytes(&writer, options, more);
    size_t len = (size_t)(writer.at - message);
    mn_icmpv6_set_checksum(message, len, &from, &to);
    mn_ethernet_emit(frame, &(struct mn_ethernet){own_mac, peer_mac, MN_ETHERTYPE_IPV6});
    mn_ipv6_emit(frame + MN_ETHERNET_HEADER, &(struct mn_ipv6){.source = from,
                                                               .destination = to,
                                                               .payload_len = (uint16_t)len,
                                                               .next_header = MN_PROTOCOL_ICMPV6,
                                                               .hop_limit = MN_ND_HOP_LIMIT});
    frame_in(w, frame, (size_t)(writer.at - frame));
}

/* Writes the headers of a packet of ours: of the last segment, or of a datagram. Returns their
 * length. */
static size_t write_quote(const struct stack_world *w, uint8_t *quote, bool datagram)
{
    uint8_t protocol = datagram ? MN_PROTOCOL_UDP : MN_PROTOCOL_TCP, *transport = quote + family_ip_header(w->family);
    if (w->family == IPV4)
        mn_ipv4_emit(quote, &(struct mn_ipv4){.source = OWN_IP,
                                              .destination = PEER_IP,
                                              .total_len = 1000,
                                              .header_len = MN_IPV4_HEADER,
                                              .protocol = protocol,
                                              .ttl = 9});
    else
        mn_ipv6_emit(quote, &(struct mn_ipv6){.source = own_address(w),
                                              .destination = peer_address(w),
                                              .payload_len = 1000,
                                              .next_header = protocol,
                                              .hop_limit = 9});
    if (datagram)
        mn_udp_emit(transport, &(struct mn_udp_header){.source_port = 53, .destination_port = 1024, .length = 1000});
    else
        mn_tcp_emit(transport, &w->last);
    return family_ip_header(w->family) + MN_TCP_HEADER;
}

/* An error about a packet of ours, from the peer. */
static void op_error(struct stack_world *w)
{
    static uint8_t frame[200];
    uint8_t *message = frame + transport_at(w), shape = mn_read_u8(&w->script);
    uint32_t value = mn_read_u16(&w->script);
    struct mnet_address own = own_address(w), peer = peer_address(w);
    if (shape & 128) /* an MTU that can be */
        value = family_mtu_min(w->family) + value % 256;
    memset(frame, 0, sizeof frame);
    size_t len = 8 + write_quote(w, message + 8, (shape & 64) != 0);
    memcpy(message, (const uint8_t[]){w->family == IPV4 ? 3 : 1 + shape % 4, shape >> 2 & 7, 0, 0}, 4);
    message[6] = (uint8_t)(value >> 8);
    message[7] = (uint8_t)value;
    uint64_t sum = mn_sum(0, message, len);
    if (w->family == IPV6)
        sum = mn_sum_add(sum, mn_pseudo_sum(&peer, &own, MN_PROTOCOL_ICMPV6, (uint32_t)len));
    uint16_t checksum = mn_checksum(sum);
    memcpy(message + 2, &checksum, 2);
    ip_in(w, frame, w->family == IPV4 ? MN_PROTOCOL_ICMP : MN_PROTOCOL_ICMPV6, len);
}

/* Sets metadata as a device may set it, or as a broken device does. */
static void add_metadata(struct stack_world *w, struct mnet_packet *frame)
{
    uint8_t shape = mn_read_u8(&w->script);
    if (frame == NULL || w->device.rx_offload == 0)
        return;
    frame->checksum = shape & 128 ? MNET_CHECKSUM_SUMMED : (uint8_t)(shape % 3);
    uint16_t tag = w->tagged ? MN_ETHERNET_TAG : 0;
    if (frame->checksum == MNET_CHECKSUM_PARTIAL || frame->checksum == MNET_CHECKSUM_SUMMED)
        frame->csum_start = shape & 4 ? (uint16_t)(transport_at(w) + tag) : mn_read_u16(&w->script);
    if (frame->checksum == MNET_CHECKSUM_PARTIAL)
        frame->csum_offset = shape & 8 ? 16 : mn_read_u16(&w->script);
    if (frame->checksum == MNET_CHECKSUM_SUMMED && shape & 8 && frame->csum_start <= frame->total)
        frame->csum_value = mn_sum_fold(mn_packet_sum(frame, frame->csum_start));
    else if (frame->checksum == MNET_CHECKSUM_SUMMED)
        frame->csum_value = mn_read_u16(&w->script);
    if (shape & 16) {
        frame->gso = shape & 64 ? MNET_GSO_TCPV6 : MNET_GSO_TCPV4;
        frame->gso_size = mn_read_u16(&w->script);
        frame->segments = shape & 32 ? 1 : 4;
    }
}

/* Receives a segment that answers the stack's last one, more or less. */
static void op_tcp(struct stack_world *w)
{
    static uint8_t frame[4000];
    uint8_t shape = mn_read_u8(&w->script), flags = mn_read_u8(&w->script);
    struct mn_tcp_header header = {.source_port = shape & 1 ? w->last.destination_port : 1000,
                                   .destination_port = shape & 1 ? w->last.source_port : 80,
                                   .seq = w->last.ack + (shape & 2 ? (uint32_t)(int8_t)mn_read_u8(&w->script) : 0),
                                   .ack = w->last.seq + (shape & 4 ? 0 : w->last_len),
                                   .flags = flags & 0x3f,
                                   .window = shape & 8 ? mn_read_u16(&w->script) : 30000};
    if (flags & MN_TCP_SYN) {
        header.options = MN_TCP_OPTION_MSS | MN_TCP_OPTION_WINDOW_SCALE;
        header.mss = shape & 16 ? mn_read_u16(&w->script) : 1460;
        header.window_shift = shape >> 5;
    }
    uint8_t *segment = frame + transport_at(w);
    size_t len = mn_tcp_emit(segment, &header);
    size_t text = mn_read_u8(&w->script) * (shape & 32 ? 10u : 1u);
    memset(segment + len, shape, text);
    uint16_t checksum = transport_checksum(w, MN_PROTOCOL_TCP, segment, len + text);
    memcpy(segment + 16, &checksum, 2);
    struct mnet_packet *packet = ip_in(w, frame, MN_PROTOCOL_TCP, len + text);
    if (shape & 64)
        add_metadata(w, packet);
}

static void op_udp(struct stack_world *w)
{
    static uint8_t frame[2000];
    uint8_t len = mn_read_u8(&w->script), *datagram = frame + transport_at(w);
    uint8_t port = mn_read_u8(&w->script) & 1 ? 53 : 54;
    memset(datagram, 0, 8u + len);
    memcpy(datagram, (const uint8_t[]){4, 0, 0, port, 0, 0}, 6);
    datagram[4] = (uint8_t)((8u + len) >> 8);
    datagram[5] = (uint8_t)(8u + len);
    uint16_t checksum = transport_checksum(w, MN_PROTOCOL_UDP, datagram, 8u + len);
    memcpy(datagram + 6, &checksum, 2);
    add_metadata(w, ip_in(w, frame, MN_PROTOCOL_UDP, 8u + len));
}

/* Receives a server's message, with the options that a client requires and any options from the
 * script. */
static void op_dhcp(struct stack_world *w)
{
    static const uint8_t cookie[] = {0x63, 0x82, 0x53, 0x63, 53, 1};
    static uint8_t frame[1000];
    uint8_t shape = mn_read_u8(&w->script), *datagram = frame + MN_ETHERNET_HEADER + MN_IPV4_HEADER;
    size_t more = shape & 128 ? mn_read_u8(&w->script) : 0;
    more = MN_MIN(more, mn_reader_left(&w->script));
    const uint8_t *options = mn_read(&w->script, more);
    struct mn_writer writer = mn_writer(datagram, sizeof frame - (size_t)(datagram - frame));
    memset(frame, 0, sizeof frame);
    uint8_t *header = mn_write(&writer, MN_UDP_HEADER);
    mn_write_bytes(&writer, (const uint8_t[]){MN_DHCP_BOOTREPLY, 1, 6, 0}, 4);
    mn_write_u32(&writer, w->xid);
    mn_write(&writer, 8);
    mn_write_u32(&writer, OWN_IP + (shape >> 6 & 1));
    mn_write(&writer, 8);
    mn_write_bytes(&writer, own_mac.bytes, 6);
    mn_write(&writer, 10 + 64 + 128);
    mn_write_bytes(&writer, cookie, sizeof cookie);
    mn_write_u8(&writer, shape & 1 ? MN_DHCP_OFFER : shape & 2 ? MN_DHCP_ACK : shape & 7);
    mn_write_bytes(&writer, (const uint8_t[]){54, 4, 10, 0, 0, 1, 51, 4, 0, 0, 0, shape & 8 ? 200 : 2}, 12);
    if (options != NULL)
        mn_write_bytes(&writer, options, more);
    mn_write_u8(&writer, 255);
    uint16_t len = (uint16_t)(writer.at - datagram);
    mn_udp_emit(header, &(struct mn_udp_header){.source_port = 67, .destination_port = 68, .length = len});
    enum family family = w->family;
    w->family = IPV4;
    ip_in(w, frame, MN_PROTOCOL_UDP, len);
    w->family = family;
}

/* ---- The program ---- */

static struct mnet_flow **some_flow(struct stack_world *w)
{
    return &w->flows[mn_read_u8(&w->script) % FLOWS];
}

static void op_accept(struct stack_world *w)
{
    struct mnet_flow **flow = some_flow(w);
    if (*flow == NULL && w->listener != NULL && mnet_tcp_accept(w->listener, flow, 0) < 0)
        *flow = NULL;
}

static void op_connect(struct stack_world *w)
{
    struct mnet_flow **flow = some_flow(w);
    uint8_t shape = mn_read_u8(&w->script);
    uint8_t host = shape & 1 ? 1 : shape & 2 ? 2 : 100;
    struct mnet_endpoint to = {shape & 4 ? far_address(w->family, host) : family_host(w->family, 10, 0, 0, host), 80};
    if (*flow == NULL && mnet_tcp_connect_begin(w->stack, to, NULL, flow) < 0)
        *flow = NULL;
}

static void op_read(struct stack_world *w)
{
    static uint8_t bytes[8192];
    struct mnet_slice slices[4];
    struct mnet_flow *flow = *some_flow(w);
    uint8_t shape = mn_read_u8(&w->script);
    if (flow == NULL)
        return;
    if (shape & 1) {
        MN_ASSERT(mnet_tcp_read(flow, bytes, 32u * shape, 0) <= 32 * shape);
    } else if (mnet_tcp_get(flow, slices, 4, 0) > 0) {
        /* All of them are readable. */
        memcpy(bytes, slices[0].data, MN_MIN(slices[0].len, sizeof bytes));
        if (shape & 2)
            mnet_tcp_release(flow);
    }
}

static void op_write(struct stack_world *w)
{
    static const uint8_t bytes[30000];
    struct mnet_flow *flow = *some_flow(w);
    uint8_t shape = mn_read_u8(&w->script);
    size_t queued = 0, len = shape & 1 ? shape : 100u * shape;
    if (flow == NULL)
        return;
    if (shape & 2)
        mnet_tcp_write_now(flow, bytes, len);
    else
        mnet_tcp_write(flow, bytes, len, &queued, 0);
    MN_ASSERT(queued <= len);
}

static void op_close(struct stack_world *w)
{
    struct mnet_flow **flow = some_flow(w);
    uint8_t how = mn_read_u8(&w->script) % 6;
    if (*flow == NULL)
        return;
    if (how >= 1 && how <= 3) {
        mnet_tcp_shutdown(*flow, (enum mnet_shutdown)how);
        return;
    }
    if (how == 0)
        mnet_tcp_abort(*flow);
    else
        mnet_tcp_close(*flow);
    *flow = NULL;
}

static void op_datagram(struct stack_world *w)
{
    static uint8_t bytes[20000];
    struct mnet_endpoint to = {peer_address(w), 1024};
    uint8_t shape = mn_read_u8(&w->script);
    if (shape & 1)
        mnet_udp_receive(w->udp, bytes, shape, &to, 0);
    else
        mnet_udp_send(w->udp, &to, bytes, 70u * shape, 0);
}

static void op_relisten(struct stack_world *w)
{
    if (mn_read_u8(&w->script) % 4 > 0)
        return;
    if (w->listener != NULL) {
        mnet_tcp_unlisten(w->listener);
        w->listener = NULL;
    } else if (mnet_tcp_listen(w->stack, 80, NULL, &w->listener) < 0) {
        w->listener = NULL;
    }
}

/* ---- The world ---- */

/* Only packets that wait for the device, on either side of it, may be in the reserve. */
static void check_memory(const struct stack_world *w)
{
    mn_tcp_check(w->stack->tcp);
    MN_ASSERT(w->count > 0 || w->room < UINT32_MAX - STORM || !mn_memory_is_scarce(w->stack->memory));
}

static void op_poll(struct stack_world *w)
{
    unsigned rounds = 0;
    w->sent = 0;
    while (mnet_stack_poll(w->stack, w->now))
        MN_ASSERT(++rounds < STORM);
    check_memory(w);
}

static void op_time(struct stack_world *w)
{
    static const uint32_t steps[] = {1, 41, 200, 1000, 3000, 61000, 200000};
    uint64_t until = w->now + steps[mn_read_u8(&w->script) % MN_COUNT_OF(steps)] * MNET_MILLISECOND;
    unsigned rounds = 0;
    for (uint64_t next; (next = mnet_stack_deadline(w->stack)) < until && rounds < STORM; rounds++) {
        w->now = MN_MAX(next, w->now + 1000);
        op_poll(w);
    }
    w->now = MN_MAX(w->now, until);
    op_poll(w);
}

/* Addresses of IPv6 are not used before nobody else has answered for them. */
static void await_addresses(struct stack_world *w)
{
    for (uint64_t next; (next = mnet_stack_deadline(w->stack)) < 4 * MNET_SECOND;) {
        w->now = MN_MAX(next, w->now + 1000);
        op_poll(w);
    }
    w->now = 4 * MNET_SECOND;
}

/* Fills the device, or empties it. */
static void op_room(struct stack_world *w)
{
    uint8_t shape = mn_read_u8(&w->script);
    w->room = shape < 128 ? UINT32_MAX : shape - 128u;
}

/* Closes the program's handles, before the stack ends or after. */
static void close_handles(struct stack_world *w)
{
    for (int i = 0; i < FLOWS; i++) {
        mnet_tcp_close(w->flows[i]);
        w->flows[i] = NULL;
    }
    if (w->listener != NULL)
        mnet_tcp_unlisten(w->listener);
    w->listener = NULL;
    mnet_udp_close(w->udp);
    w->udp = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const ops[])(struct stack_world *) = {
        op_raw,  op_arp,  op_tcp,    op_tcp,     op_tcp,       op_tcp,   op_udp,   op_dhcp,     op_poll,
        op_poll, op_poll, op_accept, op_connect, op_read,      op_write, op_close, op_datagram, op_relisten,
        op_time, op_room, op_tag,    op_link,    op_discovery, op_error, op_form};
    static struct stack_world w;
    memset(&w, 0, sizeof w);
    w.script = mn_reader(data, size);
    start(&w);
    if (w.family == IPV6)
        await_addresses(&w);
    const struct mnet_memory *memory = w.device.memory;
    size_t before = mnet_memory_used(memory);
    while (w.script.ok && mn_reader_left(&w.script) > 0) {
        w.sent = 0;
        ops[mn_read_u8(&w.script) % MN_COUNT_OF(ops)](&w);
    }
    w.sent = 0;
    if (size % 2 == 0)
        close_handles(&w);
    mnet_stack_down(w.stack);
    close_handles(&w);
    MN_ASSERT(w.count == 0 && mnet_memory_used(memory) <= before);
    return 0;
}
