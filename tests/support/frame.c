#include "tests/support/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/packet_sum.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

struct mnet_memory *test_memory(size_t size)
{
    void *region = aligned_alloc(64, size); /* the memory begins at the beginning of the region */
    MN_ASSERT(region != NULL);
    struct mnet_memory *memory = mnet_memory_init(region, size);
    MN_ASSERT(memory != NULL);
    return memory;
}

void test_fill(uint8_t *bytes, size_t len, unsigned first)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(first + i);
}

/* Of the IPv6 extension header: a header of destination options that is all padding. */
#define EXTENSION 8u

uint32_t test_ip_headers(const struct test_tcp *tcp)
{
    if (tcp->ipv6)
        return MN_IPV6_HEADER + (tcp->ip_options ? EXTENSION : 0);
    return MN_IPV4_HEADER + (tcp->ip_options ? 4 : 0);
}

uint32_t test_headers(const struct test_tcp *tcp)
{
    return MN_ETHERNET_HEADER + test_ip_headers(tcp) + MN_TCP_HEADER + (uint32_t)tcp->options_len;
}

static void put_ipv4(uint8_t *ip, const struct test_tcp *t, uint8_t protocol, uint32_t payload_len)
{
    uint32_t header_len = test_ip_headers(t);
    ip[0] = (uint8_t)(0x40 | header_len / 4);
    ip[1] = t->tos;
    mn_store_u16(ip + 2, (uint16_t)(header_len + payload_len));
    mn_store_u16(ip + 4, t->identification);
    mn_store_u16(ip + 6, t->may_fragment ? 0 : 0x4000);
    ip[8] = t->ttl != 0 ? t->ttl : 64;
    ip[9] = protocol;
    memset(ip + 10, 0, 2);
    mn_store_u32(ip + 12, t->source != 0 ? t->source : 0x0a000001);
    mn_store_u32(ip + 16, t->destination != 0 ? t->destination : 0x0a000002);
    memset(ip + 20, 1, header_len - 20); /* no-operation options */
    uint16_t checksum = mn_checksum(mn_sum(0, ip, header_len));
    memcpy(ip + 10, &checksum, 2);
}

static void put_ipv6(uint8_t *ip, const struct test_tcp *t, uint8_t protocol, uint32_t payload_len)
{
    static const uint8_t padding[EXTENSION - 2] = {1, 4};
    uint32_t extension_len = test_ip_headers(t) - MN_IPV6_HEADER;
    memset(ip, 0, MN_IPV6_HEADER);
    mn_store_u32(ip, 6u << 28 | (uint32_t)t->tos << 20 | t->flow_label);
    mn_store_u16(ip + 4, (uint16_t)(extension_len + payload_len));
    ip[6] = extension_len > 0 ? MN_IPV6_DESTINATION_OPTIONS : protocol;
    ip[7] = t->ttl != 0 ? t->ttl : 64;
    ip[8] = ip[24] = 0xfd;
    mn_store_u32(ip + 20, t->source != 0 ? t->source : 0x0a000001);
    mn_store_u32(ip + 36, t->destination != 0 ? t->destination : 0x0a000002);
    if (extension_len > 0) {
        ip[MN_IPV6_HEADER] = protocol;
        ip[MN_IPV6_HEADER + 1] = 0;
        memcpy(ip + MN_IPV6_HEADER + 2, padding, sizeof padding);
    }
}

/* Writes the Ethernet and the IP header; returns the sum of the pseudo-header. */
static uint64_t put_network(uint8_t *at, const struct test_tcp *t, uint8_t protocol, uint32_t payload_len)
{
    static const uint8_t stations[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    uint8_t *ip = at + MN_ETHERNET_HEADER;
    memcpy(at, stations, sizeof stations);
    mn_store_u16(at + 12, t->ipv6 ? MN_ETHERTYPE_IPV6 : MN_ETHERTYPE_IPV4);
    if (t->ipv6)
        put_ipv6(ip, t, protocol, payload_len);
    else
        put_ipv4(ip, t, protocol, payload_len);
    uint64_t addresses = t->ipv6 ? mn_sum(0, ip + 8, 32) : mn_sum(0, ip + 12, 8);
    return mn_sum_add(mn_sum_add(addresses, mn_sum_u16(protocol)), mn_sum_u16((uint16_t)payload_len));
}

/* Writes all headers; the TCP checksum field gets the folded sum of the pseudo-header. */
static void put_headers(struct mnet_packet *frame, const struct test_tcp *t, size_t len)
{
    uint32_t start = MN_ETHERNET_HEADER + test_ip_headers(t), tcp_len = 20 + (uint32_t)t->options_len;
    uint8_t *at = mnet_packet_put(frame, start + tcp_len);
    uint8_t *tcp = at + start;
    uint16_t sum = mn_sum_fold(put_network(at, t, MN_PROTOCOL_TCP, (uint32_t)(tcp_len + len)));
    memset(tcp, 0, tcp_len);
    mn_store_u16(tcp, t->source_port != 0 ? t->source_port : 1000);
    mn_store_u16(tcp + 2, t->destination_port != 0 ? t->destination_port : 80);
    mn_store_u32(tcp + 4, t->seq);
    mn_store_u32(tcp + 8, t->ack);
    tcp[12] = (uint8_t)(tcp_len / 4 << 4);
    tcp[13] = t->flags != 0 ? t->flags : MN_TCP_ACK;
    mn_store_u16(tcp + 14, t->window != 0 ? t->window : 5000);
    if (t->options_len > 0)
        memcpy(tcp + 20, t->options, t->options_len);
    memcpy(tcp + 16, &sum, 2);
    frame->checksum = MNET_CHECKSUM_PARTIAL;
    frame->csum_start = (uint16_t)start;
    frame->csum_offset = 16;
}

static void complete(struct mnet_packet *frame)
{
    uint16_t checksum = mn_checksum(mn_packet_sum(frame, frame->csum_start));
    mnet_packet_copy_in(frame, (size_t)frame->csum_start + frame->csum_offset, &checksum, 2);
    frame->checksum = MNET_CHECKSUM_PLAIN;
}

struct mnet_packet *test_tcp_frame(struct mnet_memory *memory, const struct test_tcp *tcp, const void *payload,
                                   size_t len)
{
    struct mnet_packet *frame = mnet_packet_alloc(memory);
    MN_ASSERT(frame != NULL);
    put_headers(frame, tcp, len);
    MN_ASSERT(mnet_packet_append(frame, payload, len));
    complete(frame);
    static const uint8_t zeros[64];
    MN_ASSERT(mnet_packet_append(frame, zeros, tcp->padding));
    return frame;
}

struct mnet_packet *test_large_frame(struct mnet_memory *memory, const struct test_tcp *tcp, const void *payload,
                                     size_t len, size_t piece, uint16_t gso_size)
{
    struct mnet_packet *frame = mnet_packet_alloc_tx(memory);
    MN_ASSERT(frame != NULL);
    put_headers(frame, tcp, len);
    for (size_t done = 0; done < len;) {
        size_t count = MN_MIN(piece, len - done);
        struct mnet_buffer *buffer = mnet_buffer_alloc_tx(memory, count + 3);
        MN_ASSERT(buffer != NULL);
        memcpy(buffer->bytes + 3, (const uint8_t *)payload + done, count);
        MN_ASSERT(mnet_packet_add(frame, buffer, 3, (uint32_t)count));
        mnet_buffer_free(buffer);
        done += count;
    }
    frame->gso = tcp->ipv6 ? MNET_GSO_TCPV6 : MNET_GSO_TCPV4;
    frame->gso_size = gso_size;
    frame->segments = (uint16_t)((len + gso_size - 1) / gso_size);
    return frame;
}

struct mnet_packet *test_udp_frame(struct mnet_memory *memory, bool ipv6, const void *payload, size_t len)
{
    const struct test_tcp network = {.ipv6 = ipv6};
    uint32_t start = MN_ETHERNET_HEADER + test_ip_headers(&network);
    struct mnet_packet *frame = mnet_packet_alloc(memory);
    MN_ASSERT(frame != NULL);
    uint8_t *at = mnet_packet_put(frame, start + MN_UDP_HEADER);
    uint8_t *udp = at + start;
    uint16_t sum = mn_sum_fold(put_network(at, &network, MN_PROTOCOL_UDP, (uint32_t)(MN_UDP_HEADER + len)));
    mn_store_u16(udp, 53);
    mn_store_u16(udp + 2, 53);
    mn_store_u16(udp + 4, (uint16_t)(MN_UDP_HEADER + len));
    memcpy(udp + 6, &sum, 2);
    MN_ASSERT(mnet_packet_append(frame, payload, len));
    frame->checksum = MNET_CHECKSUM_PARTIAL;
    frame->csum_start = (uint16_t)start;
    frame->csum_offset = 6;
    return frame;
}

/* The parts of a frame that a transport's checksum counts. */
struct span {
    size_t addresses, addresses_end, start, end;
    uint8_t protocol;
};

static bool parse_ipv4(const struct mnet_packet *frame, struct span *span)
{
    struct mn_ipv4 ip;
    if (mn_ipv4_parse(frame->data + 14, frame->len - 14, frame->total - 14, &ip) != MN_PARSE_OK)
        return false;
    *span = (struct span){26, 34, 14u + ip.header_len, 14u + ip.total_len, ip.protocol};
    return true;
}

static bool parse_ipv6(const struct mnet_packet *frame, struct span *span)
{
    struct mn_ipv6 ip;
    struct mn_ipv6_upper upper;
    const uint8_t *packet = frame->data + 14;
    if (mn_ipv6_parse(packet, frame->len - 14, frame->total - 14, &ip) != MN_PARSE_OK ||
        !mn_ipv6_find_upper(packet, frame->len - 14, &ip, &upper))
        return false;
    *span = (struct span){22, 54, 14u + upper.offset, 54u + ip.payload_len, upper.protocol};
    return true;
}

bool test_frame_ok(const struct mnet_packet *frame)
{
    struct span span;
    if (frame->len < 34)
        return false;
    if (!(mn_load_u16(frame->data + 12) == MN_ETHERTYPE_IPV6 ? parse_ipv6(frame, &span) : parse_ipv4(frame, &span)))
        return false;
    /* Sums byte by byte, independently of the code under test, which sums words. */
    uint32_t sum = span.protocol + (uint32_t)(span.end - span.start);
    for (size_t i = span.addresses; i < span.addresses_end; i += 2)
        sum += mn_load_u16(frame->data + i);
    for (size_t i = span.start; i < span.end; i++) {
        uint8_t byte;
        mnet_packet_copy_out(frame, i, &byte, 1);
        sum += (i - span.start) % 2 == 0 ? (uint32_t)byte << 8 : byte;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ((sum & 0xffff) + (sum >> 16)) == 0xffff;
}

void test_memory_free(struct mnet_memory *memory)
{
    MN_ASSERT(mnet_memory_used(memory) == 0);
    free(memory);
}
