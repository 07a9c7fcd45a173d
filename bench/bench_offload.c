/* Offloads in software, over both families: cutting a large segment and completing the checksums of
 * its parts, and merging them again with their checksums verified. The time is that of one segment
 * of 1460 bytes. The reference of IPv4 is one checksum of the same bytes, and that of IPv6 is IPv4.
 * Of several rounds the fastest counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checksum.h"
#include "stack/coalesce.h"
#include "stack/offload.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

#define ROUNDS 200
#define MSS 1460u
#define SEGMENTS 40u
#define PAYLOAD (MSS * SEGMENTS)
#define PIECE 14600u
#define MEMORY ((size_t)4 << 20)

static struct mnet_memory *memory;

static void require(bool sound, const char *what)
{
    if (sound)
        return;
    fprintf(stderr, "bench_offload: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Writes the headers of Ethernet, IP and TCP; returns the offset of TCP's. */
static uint16_t put_headers(uint8_t *to, bool ipv6)
{
    uint16_t at = MN_ETHERNET_HEADER + (ipv6 ? MN_IPV6_HEADER : MN_IPV4_HEADER);
    mn_ethernet_emit(to, &(struct mn_ethernet){.type = ipv6 ? MN_ETHERTYPE_IPV6 : MN_ETHERTYPE_IPV4});
    if (ipv6)
        mn_ipv6_emit(to + MN_ETHERNET_HEADER, &(struct mn_ipv6){.source = {.bytes = {0xfd, [15] = 1}},
                                                                .destination = {.bytes = {0xfd, [15] = 2}},
                                                                .payload_len = MN_TCP_HEADER + PAYLOAD,
                                                                .next_header = MN_PROTOCOL_TCP,
                                                                .hop_limit = 64});
    else
        mn_ipv4_emit(to + MN_ETHERNET_HEADER, &(struct mn_ipv4){.source = 0x0a000001,
                                                                .destination = 0x0a000002,
                                                                .header_len = MN_IPV4_HEADER,
                                                                .total_len = MN_IPV4_HEADER + MN_TCP_HEADER + PAYLOAD,
                                                                .protocol = MN_PROTOCOL_TCP,
                                                                .dont_fragment = true,
                                                                .ttl = 64});
    memset(to + at, 0, MN_TCP_HEADER);
    to[at + 12] = MN_TCP_HEADER / 4 << 4;
    to[at + 13] = MN_TCP_ACK;
    return at;
}

/* A large segment as the engine gives it out. */
static struct mnet_packet *make_large(bool ipv6)
{
    struct mnet_packet *frame = mnet_packet_alloc(memory);
    require(frame != NULL, "no memory");
    uint32_t ip_len = ipv6 ? MN_IPV6_HEADER : MN_IPV4_HEADER;
    frame->csum_start = put_headers(mnet_packet_put(frame, MN_ETHERNET_HEADER + ip_len + MN_TCP_HEADER), ipv6);
    frame->csum_offset = MN_TCP_CHECKSUM_AT;
    frame->checksum = MNET_CHECKSUM_PARTIAL;
    frame->gso = ipv6 ? MNET_GSO_TCPV6 : MNET_GSO_TCPV4;
    frame->gso_size = MSS;
    for (uint32_t done = 0; done < PAYLOAD; done += PIECE) {
        struct mnet_buffer *buffer = mnet_buffer_alloc(memory);
        require(buffer != NULL && mnet_packet_add(frame, buffer, 0, PIECE), "no memory");
        memset(buffer->bytes, (int)done, PIECE);
        mnet_buffer_free(buffer);
    }
    return frame;
}

static void cut(const struct mnet_packet *large, struct mnet_packet **segments)
{
    struct mn_segmenter segmenter;
    require(mn_segmenter_init(&segmenter, large, memory), "the large segment is not one");
    for (unsigned i = 0; !mn_segmenter_done(&segmenter); i++) {
        segments[i] = mn_segmenter_next(&segmenter);
        require(segments[i] != NULL && mn_offload_complete(segments[i]), "no memory");
    }
}

/* Copies the segments as a device hands them up: each in one piece. */
static void arrive(struct mnet_packet **segments)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        struct mnet_packet *received = mnet_packet_alloc(memory);
        require(received != NULL, "no memory");
        mnet_packet_copy_out(segments[i], 0, mnet_packet_put(received, segments[i]->total), segments[i]->total);
        mnet_packet_free(segments[i]);
        segments[i] = received;
    }
}

struct figures {
    double cut_ns, merge_ns;
};

static void keep_fastest(double *fastest, double ns)
{
    if (*fastest == 0 || ns < *fastest)
        *fastest = ns;
}

static struct figures measure(bool ipv6)
{
    struct figures fastest = {0, 0};
    struct mnet_packet *large = make_large(ipv6), *segments[SEGMENTS];
    for (int round = 0; round < ROUNDS; round++) {
        double begin = now_ns();
        cut(large, segments);
        keep_fastest(&fastest.cut_ns, (now_ns() - begin) / SEGMENTS);
        arrive(segments);
        begin = now_ns();
        int count = mn_coalesce(segments, SEGMENTS);
        keep_fastest(&fastest.merge_ns, (now_ns() - begin) / SEGMENTS);
        require(count == 1, "the segments were not merged");
        mnet_packet_free(segments[0]);
    }
    mnet_packet_free(large);
    return fastest;
}

static volatile uint64_t checksum_sink;

static double measure_checksum(void)
{
    static uint8_t bytes[PAYLOAD];
    double fastest = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = now_ns();
        for (unsigned i = 0; i < SEGMENTS; i++)
            checksum_sink = mn_sum(checksum_sink, bytes + (size_t)MSS * i, MSS);
        keep_fastest(&fastest, (now_ns() - begin) / SEGMENTS);
    }
    return fastest;
}

static void print(const char *name, double value, double reference)
{
    printf("%s %.1f ns %.1f %.3f\n", name, value, reference, value / reference);
}

int main(void)
{
    void *region = aligned_alloc(64, MEMORY);
    memory = region != NULL ? mnet_memory_init(region, MEMORY) : NULL;
    require(memory != NULL, "no memory");
    double checksum = measure_checksum();
    struct figures ipv4 = measure(false), ipv6 = measure(true);
    print("offload_cut_ipv4", ipv4.cut_ns, checksum);
    print("offload_cut_ipv6", ipv6.cut_ns, ipv4.cut_ns);
    print("offload_merge_ipv4", ipv4.merge_ns, checksum);
    print("offload_merge_ipv6", ipv6.merge_ns, ipv4.merge_ns);
    free(region);
    return 0;
}
