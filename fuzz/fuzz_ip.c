/* The whole network layer. The input is a script of frames (raw, or with corrected checksums so
 * that they get further), packets of transports, and time that passes. The layer must stay within
 * its limits and give all memory back. */
#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/memory.h"
#include "ip/ip.h"
#include "wire/arp.h"
#include "wire/icmpv4.h"
#include "wire/ipv4.h"

#define OWN_IP UINT32_C(0x0a000002)
#define NEAR_IP UINT32_C(0x0a000000)
#define REASSEMBLY_BYTES (100u * 1024)

struct fuzz_host {
    struct mnet_memory *memory;
    struct mnet_counters counters;
    struct mnet_log log;
    struct mn_random random;
    struct mn_ip ip;
    uint64_t now;
    struct mn_reader script;
    uint8_t tags, tag_shape; /* of the next frame received */
};

static const struct mn_mac own_mac = {{2, 0, 0, 0, 0, 2}};
static uint8_t region[1u << 20];

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
    MN_ASSERT(mn_ip_init(&h->ip, &config) == 0);
}

/* Treats a delivered packet as a transport does. */
static void deliver(struct fuzz_host *h, enum mn_ip_verdict verdict, struct mnet_packet *packet,
                    const struct mn_datagram *datagram, const struct mn_icmp_error *error)
{
    if (verdict == MN_IP_CONSUMED)
        return;
    if (verdict == MN_IP_TRANSPORT) {
        MN_ASSERT(packet->total <= 65535 && datagram->header_len >= 20);
        MN_ASSERT(packet->data[-datagram->header_len] >> 4 == 4);
        mn_ip_unreachable(&h->ip, packet, datagram, MN_UNREACHABLE_PORT, h->now);
    } else {
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
    enum mn_ip_verdict verdict = mn_ip_input(&h->ip, &packet, h->now, &datagram, &error);
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
    static uint8_t frame[4000];
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

static void op_send(struct fuzz_host *h)
{
    static const uint8_t zeros[65535];
    uint8_t to = mn_read_u8(&h->script), shape = mn_read_u8(&h->script);
    size_t len = mn_read_u16(&h->script) | 20u; /* at least a header */
    uint32_t destination = shape & 1 ? UINT32_C(0x7f000000) + to : shape & 2 ? UINT32_C(0xc0000200) + to : NEAR_IP + to;
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
        packet->gso = MNET_GSO_TCPV4;
        packet->gso_size = 500;
    }
    struct mn_datagram datagram = {.destination = mnet_address_from_ipv4(destination),
                                   .protocol = shape & 8 ? MN_PROTOCOL_TCP : MN_PROTOCOL_UDP,
                                   .dont_fragment = (shape & 16) != 0};
    mn_ip_output(&h->ip, packet, &datagram, h->now);
}

static void op_time(struct fuzz_host *h)
{
    h->now += mn_read_u16(&h->script) * 10 * MNET_MILLISECOND;
    mn_ip_expire(&h->ip, h->now);
    MN_ASSERT(mn_ip_deadline(&h->ip) > h->now);
}

static void op_drain(struct fuzz_host *h)
{
    struct mnet_packet *packet;
    struct mn_icmp_error error;
    struct mn_datagram datagram;
    enum mn_ip_verdict verdict;
    while ((packet = mn_ip_transmit(&h->ip)) != NULL) {
        MN_ASSERT(packet->total >= MN_ETHERNET_HEADER + MN_IPV4_HEADER);
        mnet_packet_free(packet);
    }
    for (int i = 0; i < 1000 && mn_ip_loopback(&h->ip, h->now, &packet, &verdict, &datagram, &error); i++)
        deliver(h, verdict, packet, &datagram, &error);
    while ((packet = mn_ip_next_error(&h->ip, &error)) != NULL) {
        MN_ASSERT(error.quote_len >= 8);
        mnet_packet_free(packet);
    }
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
    static void (*const ops[])(struct fuzz_host *) = {op_raw,  op_ipv4, op_ipv4,  op_arp,
                                                      op_send, op_time, op_drain, op_tag};
    static struct fuzz_host h;
    memset(&h, 0, sizeof h);
    h.script = mn_reader(data, size);
    start(&h);
    while (h.script.ok && mn_reader_left(&h.script) > 0) {
        ops[mn_read_u8(&h.script) % MN_COUNT_OF(ops)](&h);
        check_bounds(&h);
    }
    mn_ip_deinit(&h.ip);
    MN_ASSERT(mnet_memory_used(h.memory) == 0);
    return 0;
}
