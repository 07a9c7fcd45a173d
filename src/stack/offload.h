/* Offloads in software: what the metadata of a frame asks for and the device below cannot do.
 *
 * The engine gives out large segments whose checksum is left to be completed. Just above a device that lacks
 * MNET_OFFLOAD_TSO4 or MNET_OFFLOAD_TSO6, those of that family are cut with a segmenter; above one that lacks
 * MNET_OFFLOAD_CHECKSUM every frame is completed. Ports that stand in for hardware (the simulator) use the same
 * functions.
 */
#ifndef MN_OFFLOAD_H
#define MN_OFFLOAD_H

#include <mnet/device.h>

#include "base/base.h"

/* Completes the checksum of a frame that is MNET_CHECKSUM_PARTIAL and makes it MNET_CHECKSUM_PLAIN; other frames are
 * left alone. A UDP checksum that comes out as 0 is sent as 0xffff (RFC 768). False, frame untouched, where
 * csum_start and csum_offset lie outside the linear part. */
bool mn_offload_complete(struct mnet_packet *frame);

/* Whether the frame is one for the segmenter: it stands for several segments. */
static inline bool mn_offload_is_large(const struct mnet_packet *frame)
{
    return MN_UNLIKELY(frame->gso != MNET_GSO_NONE) && frame->gso_size != 0;
}

/* Returns the work that the frame asks of a device: enum mnet_offload. */
static inline uint32_t mn_offload_needed(const struct mnet_packet *frame)
{
    static const uint8_t by_gso[] = {
        [MNET_GSO_NONE] = 0, [MNET_GSO_TCPV4] = MNET_OFFLOAD_TSO4, [MNET_GSO_TCPV6] = MNET_OFFLOAD_TSO6};
    uint32_t checksum = frame->checksum == MNET_CHECKSUM_PARTIAL ? MNET_OFFLOAD_CHECKSUM : 0;
    MN_ASSERT(frame->gso < sizeof by_gso);
    return checksum | by_gso[frame->gso];
}

/* Cuts one large frame into segments. Zero cost until used; holds no reference: the frame must outlive it, unchanged.
 */
struct mn_segmenter {
    const struct mnet_packet *frame;
    struct mnet_memory *memory;
    const struct mnet_packet *part; /* where the payload goes on: this packet of the `more` chain, ... */
    uint32_t piece;                 /* ... its linear part (0) or fragment (1 and up), ... */
    uint32_t offset;                /* ... at this byte of it */
    uint32_t left;                  /* payload bytes not yet cut */
    uint64_t pseudo_sum;            /* of addresses and protocol; the length is added for each segment */
    uint32_t seq;                   /* of the next segment ... */
    uint16_t identification;        /* ... and its identification, if it is IPv4 */
    uint16_t ip_header_len, tcp_header_len;
    bool ipv6, first;
};

/* Prepares to cut an Ethernet frame with gso MNET_GSO_TCPV4 that carries TCP over IPv4, or one with MNET_GSO_TCPV6
 * that carries TCP directly behind an IPv6 header. Memory for segments is taken from `memory`, the receive reserve
 * included. False if the frame is not such a one: other headers, headers not in the linear part, or lengths that
 * contradict each other. */
bool mn_segmenter_init(struct mn_segmenter *segmenter, const struct mnet_packet *frame, struct mnet_memory *memory);

/* The next segment, owned by the caller; NULL where memory is short: ask again later. Call it until
 * mn_segmenter_done. Every segment has a copy of the headers with its own IP length, IPv4 identification and header
 * checksum, TCP sequence number and partial checksum; FIN and PSH stay on the last, CWR on the first. Its payload
 * refers to the fragments of the frame. */
struct mnet_packet *mn_segmenter_next(struct mn_segmenter *segmenter);

static inline bool mn_segmenter_done(const struct mn_segmenter *segmenter)
{
    return segmenter->left == 0;
}

#endif
