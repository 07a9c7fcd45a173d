/* Devices: a network interface as a stack sees it.
 *
 * Ports implement devices. Fault injection, capture and shaping wrap one device in another. Frames
 * are Ethernet frames without preamble and FCS. No operation suspends except `wait`. A device
 * belongs to one stack at a time.
 *
 * A device is one queue: one way in and one way out, in order. A stack has one device, one loop and
 * one processor, and shares nothing with other stacks. So a device has no locks. A NIC with several
 * queues is several devices, one for each stack. They may have the same MAC address, and each has
 * rings, an interrupt and a link state of its own.
 *
 * Several queues. The stacks of all queues may be one host to others, with the same addresses. Then
 * `queue` and `queues` of struct mnet_device say so, and the device hands up at each queue
 *
 *   - the TCP segments and UDP datagrams of the flows that belong to the queue. If the destination
 *     port is 32768 or above, that is queue number port % queues. For other ports, XOR all 32-bit
 *     words of both addresses and the word made of destination port and source port, multiply by
 *     0x9e3779b1, shift right by 24, and take the rest by queues;
 *   - all other frames: groups, broadcasts, fragments, packets with IPv6 extension headers, ARP,
 *     ICMP, and UDP datagrams to the ports 68 and 546.
 *
 * A stack drops what belongs to another queue, so a device may also hand up more than that. All
 * stacks learn from frames that are for all, and the one of queue 0 answers them. The stacks choose
 * local ports that belong to their queues. docs/cores.md has the whole.
 */
#ifndef MNET_DEVICE_H
#define MNET_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <mnet/packet.h>
#include <mnet/time.h>

/* Offloads, a set of flags for each direction. A device with a flag for sending does the work that
 * the metadata of a packet asks for. A device with a flag for receiving may hand up packets with
 * such metadata: MNET_CHECKSUM_VERIFIED or MNET_CHECKSUM_PARTIAL, or gso_size and more payload than
 * an MTU. Without a flag the stack does the work in software, just above the device.
 *
 * A device that copies frames in software sums them in the same pass, because that costs far less
 * than to read them again. To send, it sets the flags, and cuts and completes the frames while it
 * copies them (mnet_frames_begin). Received frames it hands up as MNET_CHECKSUM_SUMMED, with
 * MNET_OFFLOAD_SUM. */
enum mnet_offload {
    MNET_OFFLOAD_CHECKSUM = 1u << 0, /* TCP and UDP checksums over IPv4 and IPv6 */
    MNET_OFFLOAD_TSO4 = 1u << 1,     /* TCP segmentation over IPv4; needs MNET_OFFLOAD_CHECKSUM */
    MNET_OFFLOAD_TSO6 = 1u << 2,     /* TCP segmentation over IPv6; needs MNET_OFFLOAD_CHECKSUM */
    MNET_OFFLOAD_SUM = 1u << 3,      /* received only: MNET_CHECKSUM_SUMMED is believed */
};

struct mnet_device;

/* The operations of one kind of device. */
struct mnet_device_ops {
    /* Stores up to `max` received frames in `packets`. They are allocated from device->memory, and
     * the caller owns them. Returns their number, 0 if none waits, or MNET_E_IO. If there is no
     * memory for a frame, the device drops and counts it. */
    int (*rx)(struct mnet_device *device, struct mnet_packet **packets, int max);
    /* Offers `count` frames in order. Returns how many the device took, 0 if its queue is full, or
     * MNET_E_IO if it took none because it failed. The device owns the frames that it took. The
     * others remain the caller's, who may offer them again. A frame's bytes may be changed up to
     * the end of its headers only: the stack may send the text behind them again. */
    int (*tx)(struct mnet_device *device, struct mnet_packet **packets, int count);
    /* Returns when a frame can be received, at `deadline` (absolute), or earlier without a
     * cause. */
    void (*wait)(struct mnet_device *device, uint64_t deadline);
    /* Ends the device and frees everything it owns. Packets that it still holds go back to
     * device->memory. */
    void (*close)(struct mnet_device *device);
};

/* A device. Its port fills it in, and the stack that owns it reads it. */
struct mnet_device {
    const struct mnet_device_ops *ops;
    struct mnet_memory *memory; /* for received packets; the stack sets it before the first rx */
    const char *name;
    uint8_t mac[6];
    uint16_t mtu; /* largest IP packet, in bytes: 576..65535 */
    /* The number of the device's link, the zone of its link-local addresses (mnet/address.h). An
     * environment numbers the devices that it opens. A program with devices of its own may, and
     * must not give two devices the same number. 0: addresses come from the stack without zone. */
    uint16_t zone;
    uint32_t tx_offload; /* enum mnet_offload, for frames sent */
    uint32_t rx_offload; /* enum mnet_offload, for frames received */
    int fd;              /* readable if a frame waits, for poll(2); -1 if there is none */
    uint64_t rx_dropped; /* received frames lost because memory was used up or they were unusable */
    uint64_t tx_dropped; /* frames that the device took and did not send */
    /* How often the device told its host of frames or of room for some, and how often the host
     * interrupted for it. Either may cost a virtual machine far more than a frame. A device that
     * cannot tell leaves them 0. */
    uint64_t notifications, interrupts;
    /* The device is queue number `queue`, from 0, of `queues` queues of one NIC, whose stacks have
     * the same MAC and IP addresses. 0 queues: it is alone. See "Several queues" above. */
    uint16_t queue, queues;
    /* True if no frame can pass: the cable is out, or the host's end is down. The device updates it
     * within its operations and wakes its waiters (fd, `wait`) when it changes. A device that
     * cannot tell leaves it false. */
    bool link_down;
};

#pragma GCC visibility push(default)

/* The frames that a packet stands for, as they go on the wire: the packet itself, or the segments
 * of a large one. For a device that copies what it sends. The fields are mnet's own. */
struct mnet_frames {
    const struct mnet_packet *packet;
    const struct mnet_packet *part;
    uint32_t piece, offset, left, seq;
    uint64_t network_sum, pseudo_sum, transport_sum;
    uint16_t identification, ip_header_len, tcp_header_len, gso_size;
    bool ipv6, first;
};

/* The sum of a frame that was copied: csum_start and csum_value of MNET_CHECKSUM_SUMMED. */
struct mnet_frame_sum {
    uint16_t start;
    uint16_t value;
};

/* Begins with the first frame. The packet must not change before the last one, and may be freed
 * then. False if the packet asks for work that its headers do not allow: no device can send it. */
bool mnet_frames_begin(struct mnet_frames *frames, const struct mnet_packet *packet);
/* Returns the length of the next frame in bytes, at most MNET_FRAME_MAX; 0 if there is none
 * left. */
size_t mnet_frames_length(const struct mnet_frames *frames);
/* Returns the number of bytes of headers in that frame, or 0 if it is not known. A copy is faster
 * if the bytes behind the headers are aligned. */
size_t mnet_frames_headers(const struct mnet_frames *frames);
/* Copies the next frame to `to`, which has room for its length, and goes on to the one behind it.
 * Its checksum is complete. Bytes are read once: the sum is that of the copy. */
struct mnet_frame_sum mnet_frames_copy(struct mnet_frames *frames, void *to);

#pragma GCC visibility pop

#endif
