#include "wire/frame.h"

#include <assert.h>

#include "base/checksum.h"

#define IP_CHECKSUM_AT 10
#define FLAGS_AT 13

#define SAME2 0xff, 0xff
#define SAME4 SAME2, SAME2
#define SAME8 SAME4, SAME4
#define SAME16 SAME8, SAME8
#define ANY2 0, 0
#define ANY4 ANY2, ANY2

/* The bytes in which headers are the same if one of them can stand for the others: all of Ethernet;
 * of IPv4 all but length, identification and checksum; of IPv6 all but the length; of TCP all but
 * sequence number, flags and checksum. */
#define SHARED_ETHERNET SAME8, SAME4, SAME2
#define SHARED_TCP SAME4, ANY4, SAME4, 0xff, 0, SAME2, ANY2, SAME2
static const uint8_t shared_ipv4[] = {SHARED_ETHERNET, SAME2, ANY4, SAME4, ANY2, SAME8, SHARED_TCP};
static const uint8_t shared_ipv6[] = {SHARED_ETHERNET, SAME4, ANY2, SAME2, SAME16, SAME16, SHARED_TCP};

static_assert(sizeof shared_ipv4 == MN_FRAME_TCP_LEAST && sizeof shared_ipv6 == MN_FRAME_TCP6_LEAST,
              "all headers but options");

/* Two bytes in the order of memory, as they count in a sum. */
static inline uint16_t load_word(const uint8_t *at)
{
    uint16_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline void store_word(uint8_t *at, uint16_t word)
{
    memcpy(at, &word, sizeof word);
}

/* Returns the bits of eight bytes in which two rows differ, and should not. */
static inline uint64_t differences(const uint8_t *a, const uint8_t *b, const uint8_t *shared)
{
    uint64_t first, second, mask;
    memcpy(&first, a, sizeof first);
    memcpy(&second, b, sizeof second);
    memcpy(&mask, shared, sizeof mask);
    return (first ^ second) & mask;
}

/* The last words overlap. */
static inline bool same_bytes(const uint8_t *a, const uint8_t *b, const uint8_t *shared, size_t len)
{
    uint64_t different = differences(a + len - 8, b + len - 8, shared + len - 8);
    for (size_t at = 0; at + 8 < len; at += 8)
        different |= differences(a + at, b + at, shared + at);
    return different == 0;
}

/* Nearly every segment has the timestamps and no other option: then the compiler compares words. */
static inline bool same_options(const uint8_t *a, const uint8_t *b, size_t len)
{
    return len == MN_TCP_TIMESTAMPS_PADDED ? memcmp(a, b, MN_TCP_TIMESTAMPS_PADDED) == 0 : memcmp(a, b, len) == 0;
}

bool mn_frame_same_headers(const struct mn_frame *a, const struct mn_frame *b)
{
    const uint8_t *frame = a->network - MN_ETHERNET_HEADER, *other = b->network - MN_ETHERNET_HEADER;
    if (a->ipv6 != b->ipv6 || !(MN_UNLIKELY(a->ipv6) ? same_bytes(frame, other, shared_ipv6, sizeof shared_ipv6)
                                                     : same_bytes(frame, other, shared_ipv4, sizeof shared_ipv4)))
        return false;
    size_t options_len = a->transport_len - (size_t)MN_TCP_HEADER;
    return same_options(a->transport + MN_TCP_HEADER, b->transport + MN_TCP_HEADER, options_len);
}

void mn_frame_set_packet_len(struct mn_frame *f, uint16_t len)
{
    if (f->ipv6) {
        MN_ASSERT(len >= MN_IPV6_HEADER);
        mn_ipv6_set_payload_len(f->network, (uint16_t)(len - MN_IPV6_HEADER));
        return;
    }
    mn_store_u16(f->network + 2, len);
    store_word(f->network + IP_CHECKSUM_AT, 0);
    store_word(f->network + IP_CHECKSUM_AT, mn_checksum(mn_frame_sum_network(f)));
}

struct mn_frame_sums mn_frame_shared_sums(const struct mn_frame *f)
{
    uint64_t network = mn_frame_sum_network(f), transport = mn_sum(0, f->transport, f->transport_len);
    network = mn_sum_add(network, mn_sum_negate(mn_sum_header(f->network + 2, 4)));
    network = mn_sum_add(network, mn_sum_negate(load_word(f->network + IP_CHECKSUM_AT)));
    transport = mn_sum_add(transport, mn_sum_negate(mn_sum_header(f->transport + 4, 4)));
    transport = mn_sum_add(transport, mn_sum_negate(mn_sum_u16(f->transport[FLAGS_AT])));
    transport = mn_sum_add(transport, mn_sum_negate(load_word(f->transport + MN_TCP_CHECKSUM_AT)));
    return (struct mn_frame_sums){network, mn_frame_pseudo_sum(f), transport};
}

/* Cuts the network header. */
static inline void cut_network(struct mn_frame *f, const struct mn_frame_cut *cut, uint64_t shared)
{
    uint16_t len = (uint16_t)(f->network_len + f->transport_len + cut->payload);
    if (MN_UNLIKELY(f->ipv6)) {
        mn_ipv6_set_payload_len(f->network, (uint16_t)(len - MN_IPV6_HEADER));
        return;
    }
    mn_store_u16(f->network + 2, len);
    mn_store_u16(f->network + 4, cut->identification);
    uint64_t own = mn_sum_u16(len) + mn_sum_u16(cut->identification);
    store_word(f->network + IP_CHECKSUM_AT, mn_checksum(mn_sum_add(shared, own)));
}

/* Cuts both headers but for the TCP checksum. Returns the sum of the pseudo-header. */
static inline uint64_t cut_headers(struct mn_frame *f, const struct mn_frame_cut *cut, const struct mn_frame_sums *sums)
{
    cut_network(f, cut, sums->network);
    mn_store_u32(f->transport + 4, cut->sequence);
    f->transport[FLAGS_AT] &= (uint8_t)~cut->flags_off;
    return mn_sum_add(sums->pseudo, mn_sum_u16((uint16_t)(f->transport_len + cut->payload)));
}

void mn_frame_cut(struct mn_frame *f, const struct mn_frame_cut *cut, const struct mn_frame_sums *sums)
{
    store_word(f->transport + MN_TCP_CHECKSUM_AT, mn_sum_fold(cut_headers(f, cut, sums)));
}

/* A segment with the right checksum and the pseudo-header sum up to nothing. */
uint16_t mn_frame_cut_complete(struct mn_frame *f, const struct mn_frame_cut *cut, const struct mn_frame_sums *sums,
                               uint64_t payload)
{
    uint64_t pseudo = cut_headers(f, cut, sums);
    uint64_t sum = mn_sum_add(mn_sum_add(pseudo, sums->transport), payload);
    sum = mn_sum_add(sum, mn_sum_u32(cut->sequence) + mn_sum_u16(f->transport[FLAGS_AT]));
    store_word(f->transport + MN_TCP_CHECKSUM_AT, mn_checksum(sum));
    return mn_sum_fold(mn_sum_negate(pseudo));
}
