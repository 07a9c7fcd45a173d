/* A whole stack through its public headers. The script decides the frames, metadata and moods of a
 * device, the calls of a program (each with deadline 0), and the time that passes. Some segments
 * answer the stack's last one, so that connections get established. No input may fail an assertion,
 * cause a storm of frames, or keep memory. Every frame that leaves must be one that the device can
 * send. After each poll the bytes charged are the bytes pinned, and nothing that stays uses the
 * reserve. */
#include <mnet/mnet.h>

#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/memory.h"
#include "stack/stack.h"
#include "tcp/check.h"
#include "wire/arp.h"
#include "wire/dhcp.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define OWN_IP UINT32_C(0x0a000002)
#define PEER_IP UINT32_C(0x0a000001)
#define FRAMES 64
#define FLOWS 6
#define REGION (4u << 20)
#define STORM 5000

struct stack_world {
    struct mnet_device device;
    struct mnet_stack *stack;
    struct mnet_listener *listener;
    struct mnet_flow *flows[FLOWS];
    struct mnet_udp *udp;
    struct mnet_packet *waiting[FRAMES]; /* for the stack to take */
    unsigned first, count, sent;
    unsigned room;             /* frames that the device still accepts */
    struct mn_tcp_header last; /* from the last segment of the stack */
    uint32_t last_len;
    bool tagged;  /* received frames have a tag */
    bool dhcp;    /* the address comes from a server */
    uint32_t xid; /* from the last message to the server */
    uint64_t now;
    struct mn_reader script;
};

static uint8_t region[REGION];
static const struct mn_mac own_mac = {{2, 0, 0, 0, 0, 2}}, peer_mac = {{2, 0, 0, 0, 0, 1}};

static struct stack_world *world_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct stack_world, device);
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

/* Records the segment, so that the peer can answer it. */
static void remember(struct stack_world *w, const struct mnet_packet *frame)
{
    static uint8_t bytes[MNET_FRAME_MAX + 100];
    struct mn_ipv4 ip;
    struct mn_tcp_header tcp;
    MN_ASSERT(frame->total >= MN_ETHERNET_HEADER && frame->total <= MNET_FRAME_MAX);
    MN_ASSERT(frame->len >= MN_ETHERNET_HEADER);
    mnet_packet_copy_out(frame, 0, bytes, frame->total);
    if ((bytes[12] << 8 | bytes[13]) != MN_ETHERTYPE_IPV4)
        return;
    size_t len = frame->total - MN_ETHERNET_HEADER;
    MN_ASSERT(mn_ipv4_parse(bytes + MN_ETHERNET_HEADER, len, len, &ip) == MN_PARSE_OK);
    MN_ASSERT(ip.total_len == len && (w->dhcp || ip.source == OWN_IP));
    if (w->dhcp)
        remember_question(w, &ip, bytes + MN_ETHERNET_HEADER + ip.header_len, len - ip.header_len);
    if (frame->gso == MNET_GSO_NONE)
        MN_ASSERT(len <= w->device.mtu);
    else
        MN_ASSERT(w->device.tx_offload & MNET_OFFLOAD_TSO4 && frame->gso_size > 0);
    MN_ASSERT(frame->checksum != MNET_CHECKSUM_PARTIAL || w->device.tx_offload & MNET_OFFLOAD_CHECKSUM);
    if (ip.protocol != MN_PROTOCOL_TCP || ip.fragment_offset > 0 || ip.more_fragments)
        return;
    const uint8_t *segment = bytes + MN_ETHERNET_HEADER + ip.header_len;
    MN_ASSERT(mn_tcp_parse(segment, len - ip.header_len, &tcp) == MN_PARSE_OK);
    w->last = tcp;
    w->last_len = (uint32_t)(len - ip.header_len - tcp.header_len) + !!(tcp.flags & MN_TCP_SYN) +
                  !!(tcp.flags & MN_TCP_FIN);
}

static int device_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct stack_world *w = world_of(device);
    int taken = 0;
    for (; taken < count && w->room > 0; taken++, w->room--) {
        remember(w, packets[taken]);
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

static void start(struct stack_world *w)
{
    uint8_t flags = mn_read_u8(&w->script);
    w->now = MNET_SECOND;
    w->room = UINT32_MAX;
    w->device = (struct mnet_device){.ops = &device_ops, .name = "fuzz", .mtu = flags & 1 ? 1500 : 576, .fd = -1};
    memcpy(w->device.mac, own_mac.bytes, 6);
    w->device.tx_offload = flags & 2 ? MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 : 0;
    w->device.rx_offload = flags & 4 ? MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 : 0;
    w->dhcp = (flags & 32) != 0;
    struct mnet_config config = {
        .device = &w->device,
        .platform = {clock_now, entropy, w},
        .memory = region,
        .memory_size = REGION >> ((flags >> 3 & 1) + (flags >> 6 & 1)),
        .ip.dhcp = w->dhcp,
        .tcp.half_open_max = 4,
        .tcp.time_wait_max = 4,
        .tcp.send_buffer = 20000,
        .tcp.receive_buffer = 20000,
        .no_coalescing = (flags & 16) != 0,
    };
    if (!w->dhcp) {
        config.ip.ipv4 = (struct mnet_prefix){mnet_address_from_ipv4(OWN_IP), 24};
        config.ip.ipv4_gateway = mnet_address_from_ipv4(OWN_IP + 1);
    }
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

/* Puts headers of Ethernet and IP before `len` bytes that are already in their place. */
static struct mnet_packet *ip_in(struct stack_world *w, uint8_t *frame, uint8_t protocol, size_t len)
{
    struct mn_ipv4 ip = {.source = PEER_IP,
                         .destination = OWN_IP,
                         .total_len = (uint16_t)(MN_IPV4_HEADER + len),
                         .header_len = MN_IPV4_HEADER,
                         .protocol = protocol,
                         .ttl = 64};
    mn_ethernet_emit(frame, &(struct mn_ethernet){own_mac, peer_mac, MN_ETHERTYPE_IPV4});
    mn_ipv4_emit(frame + MN_ETHERNET_HEADER, &ip);
    return frame_in(w, frame, MN_ETHERNET_HEADER + MN_IPV4_HEADER + len);
}

static uint16_t transport_checksum(uint8_t protocol, const uint8_t *bytes, size_t len)
{
    struct mnet_address from = mnet_address_from_ipv4(PEER_IP), to = mnet_address_from_ipv4(OWN_IP);
    uint64_t sum = mn_pseudo_sum(&from, &to, protocol, (uint32_t)len);
    return mn_checksum(mn_sum_add(sum, mn_sum(0, bytes, len)));
}

/* Sets metadata as a device may set it, or as a broken device does. */
static void add_metadata(struct stack_world *w, struct mnet_packet *frame)
{
    uint8_t shape = mn_read_u8(&w->script);
    if (frame == NULL || !(w->device.rx_offload & MNET_OFFLOAD_TSO4))
        return;
    frame->checksum = (uint8_t)(shape % 3);
    if (frame->checksum == MNET_CHECKSUM_PARTIAL) {
        uint16_t tag = w->tagged ? MN_ETHERNET_TAG : 0;
        frame->csum_start = shape & 4 ? MN_ETHERNET_HEADER + MN_IPV4_HEADER + tag : mn_read_u16(&w->script);
        frame->csum_offset = shape & 8 ? 16 : mn_read_u16(&w->script);
    }
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
    uint8_t *segment = frame + MN_ETHERNET_HEADER + MN_IPV4_HEADER;
    size_t len = mn_tcp_emit(segment, &header);
    size_t text = mn_read_u8(&w->script) * (shape & 32 ? 10u : 1u);
    memset(segment + len, shape, text);
    uint16_t checksum = transport_checksum(MN_PROTOCOL_TCP, segment, len + text);
    memcpy(segment + 16, &checksum, 2);
    struct mnet_packet *packet = ip_in(w, frame, MN_PROTOCOL_TCP, len + text);
    if (shape & 64)
        add_metadata(w, packet);
}

static void op_udp(struct stack_world *w)
{
    static uint8_t frame[2000];
    uint8_t len = mn_read_u8(&w->script), *datagram = frame + MN_ETHERNET_HEADER + MN_IPV4_HEADER;
    uint8_t port = mn_read_u8(&w->script) & 1 ? 53 : 54;
    memset(datagram, 0, 8u + len);
    memcpy(datagram, (const uint8_t[]){4, 0, 0, port, 0, 0}, 6);
    datagram[4] = (uint8_t)((8u + len) >> 8);
    datagram[5] = (uint8_t)(8u + len);
    uint16_t checksum = transport_checksum(MN_PROTOCOL_UDP, datagram, 8u + len);
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
    size_t more = MN_MIN(shape & 128 ? mn_read_u8(&w->script) : 0u, mn_reader_left(&w->script));
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
    ip_in(w, frame, MN_PROTOCOL_UDP, len);
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
    struct mnet_endpoint to = {mnet_address_from_ipv4(shape & 1 ? PEER_IP : shape & 2 ? OWN_IP : PEER_IP + 99), 80};
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
    struct mnet_endpoint to = {mnet_address_from_ipv4(PEER_IP), 1024};
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
        op_raw,      op_arp,      op_tcp,  op_tcp,    op_tcp,     op_tcp,  op_udp,   op_dhcp,
        op_poll,     op_poll,     op_poll, op_accept, op_connect, op_read, op_write, op_close,
        op_datagram, op_relisten, op_time, op_room,   op_tag,     op_link};
    static struct stack_world w;
    memset(&w, 0, sizeof w);
    w.script = mn_reader(data, size);
    start(&w);
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
