/* Offloads in software: the work that the metadata of a frame asks for, if the device cannot do it.
 *
 * The engine emits large segments with partial checksums. A segmenter cuts those of IPv4 if the
 * device lacks MNET_OFFLOAD_TSO4, and those of IPv6 if it lacks MNET_OFFLOAD_TSO6. If the device
 * lacks MNET_OFFLOAD_CHECKSUM, the checksum of every frame is completed. The simulator uses the
 * same functions as its hardware. A device that copies does both in its copy, with
 * mnet_frames_begin and the calls behind it (mnet/device.h).
 */
#ifndef MN_OFFLOAD_H
#define MN_OFFLOAD_H

#include <mnet/device.h>

#include "base/base.h"

/* Completes the checksum of a frame that is MNET_CHECKSUM_PARTIAL and makes it MNET_CHECKSUM_PLAIN.
 * Other frames stay as they are. A UDP checksum of 0 becomes 0xffff (RFC 768). Returns false, with
 * the frame unchanged, if csum_start and csum_offset lie outside the linear part. */
bool mn_offload_complete(struct mnet_packet *frame);

/* Returns whether the frame stands for several segments. */
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

/* Cuts one large frame into segments that refer to its payload. It holds no reference: the frame
 * must outlive it, unchanged. */
struct mn_segmenter {
    struct mnet_frames frames;
    struct mnet_memory *memory;
};

/* Prepares to cut an Ethernet frame with gso MNET_GSO_TCPV4 that carries TCP over IPv4, or one with
 * MNET_GSO_TCPV6 that carries TCP directly behind an IPv6 header. Segments come from `memory`, its
 * receive reserve included. Returns false if the frame has other headers, headers outside the
 * linear part, or lengths that contradict each other. */
bool mn_segmenter_init(struct mn_segmenter *segmenter, const struct mnet_packet *frame, struct mnet_memory *memory);

/* Returns the next segment, owned by the caller, or NULL if memory is short: ask again later. Call
 * it until mn_segmenter_done. Each segment has a copy of the headers with its own IP length, IPv4
 * identification and header checksum, TCP sequence number and partial checksum. FIN and PSH stay on
 * the last one, CWR on the first. Its payload refers to the fragments of the frame. */
struct mnet_packet *mn_segmenter_next(struct mn_segmenter *segmenter);

static inline bool mn_segmenter_done(const struct mn_segmenter *segmenter)
{
    return segmenter->frames.left == 0;
}

#endif
