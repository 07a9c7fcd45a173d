#include "tests/support/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/packet_sum.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
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

static void put_ip(uint8_t *ip, const struct test_tcp *t, uint8_t protocol, uint32_t header_len, uint32_t payload_len)
{
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

static uint64_t pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
    return mn_sum_add(mn_sum_add(mn_sum(0, ip + 12, 8), mn_sum_u16(protocol)), mn_sum_u16((uint16_t)len));
}

/* Writes all headers; the TCP checksum field gets the folded sum of the pseudo-header. Returns the
 * length of the headers. */
static size_t put_headers(struct mnet_packet *frame, const struct test_tcp *t, size_t len)
{
    static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
    uint32_t ip_len = t->ip_options ? 24 : 20, tcp_len = 20 + (uint32_t)t->options_len;
    uint8_t *at = mnet_packet_put(frame, 14 + ip_len + tcp_len);
    memcpy(at, ethernet, 14);
    put_ip(at + 14, t, MN_PROTOCOL_TCP, ip_len, (uint32_t)(tcp_len + len));
    uint8_t *tcp = at + 14 + ip_len;
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
    uint16_t sum = mn_sum_fold(pseudo(at + 14, MN_PROTOCOL_TCP, tcp_len + len));
    memcpy(tcp + 16, &sum, 2);
    frame->checksum = MNET_CHECKSUM_PARTIAL;
    frame->csum_start = (uint16_t)(14 + ip_len);
    frame->csum_offset = 16;
    return 14 + ip_len + tcp_len;
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
    frame->gso = MNET_GSO_TCPV4;
    frame->gso_size = gso_size;
    frame->segments = (uint16_t)((len + gso_size - 1) / gso_size);
    return frame;
}

struct mnet_packet *test_udp_frame(struct mnet_memory *memory, const void *payload, size_t len)
{
    struct mnet_packet *frame = mnet_packet_alloc(memory);
    MN_ASSERT(frame != NULL);
    uint8_t *at = mnet_packet_put(frame, 14 + 20 + MN_UDP_HEADER);
    memset(at, 2, 12);
    mn_store_u16(at + 12, MN_ETHERTYPE_IPV4);
    put_ip(at + 14, &(struct test_tcp){0}, MN_PROTOCOL_UDP, 20, (uint32_t)(MN_UDP_HEADER + len));
    uint8_t *udp = at + 34;
    mn_store_u16(udp, 53);
    mn_store_u16(udp + 2, 53);
    mn_store_u16(udp + 4, (uint16_t)(MN_UDP_HEADER + len));
    uint16_t sum = mn_sum_fold(pseudo(at + 14, MN_PROTOCOL_UDP, MN_UDP_HEADER + len));
    memcpy(udp + 6, &sum, 2);
    MN_ASSERT(mnet_packet_append(frame, payload, len));
    frame->checksum = MNET_CHECKSUM_PARTIAL;
    frame->csum_start = 34;
    frame->csum_offset = 6;
    return frame;
}

bool test_frame_ok(const struct mnet_packet *frame)
{
    struct mn_ipv4 ip;
    if (frame->len < 34 || mn_ipv4_parse(frame->data + 14, frame->len - 14, frame->total - 14, &ip) != MN_PARSE_OK)
        return false;
    /* Sums byte by byte, independently of the code under test, which sums words. */
    size_t start = 14u + ip.header_len, end = 14u + ip.total_len;
    uint32_t sum = ip.protocol + (uint32_t)(end - start);
    for (int i = 12; i < 20; i += 2)
        sum += mn_load_u16(frame->data + 14 + i);
    for (size_t i = start; i < end; i++) {
        uint8_t byte;
        mnet_packet_copy_out(frame, i, &byte, 1);
        sum += (i - start) % 2 == 0 ? (uint32_t)byte << 8 : byte;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ((sum & 0xffff) + (sum >> 16)) == 0xffff;
}

void test_memory_free(struct mnet_memory *memory)
{
    MN_ASSERT(mnet_memory_used(memory) == 0);
    free(memory);
}
