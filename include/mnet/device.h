/* Devices: what a network interface looks like to a stack. Ports implement this; fault injection, capture and
 * shaping wrap a device in another one.
 *
 * Frames are Ethernet frames without preamble and FCS. No call suspends except `wait`. A device belongs to one
 * stack at a time.
 */
#ifndef MNET_DEVICE_H
#define MNET_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <mnet/packet.h>
#include <mnet/time.h>

/* Offloads, per direction. tx: the device completes what the metadata of a packet asks for. rx: the device may hand up packets
 * with such metadata (MNET_CHECKSUM_VERIFIED or _PARTIAL; gso_size set and more than an MTU of payload). Without a
 * flag the stack does the work in software, just above the device. */
enum mnet_offload {
    MNET_OFFLOAD_CHECKSUM = 1u << 0, /* TCP and UDP checksums over IPv4 and IPv6 */
    MNET_OFFLOAD_TSO4 = 1u << 1,     /* TCP segmentation over IPv4; needs MNET_OFFLOAD_CHECKSUM */
    MNET_OFFLOAD_TSO6 = 1u << 2,
};

struct mnet_device;

/* What a kind of device does. */
struct mnet_device_ops {
    /* Takes up to `max` received frames into `packets`, allocated from device->memory; the caller owns them. Returns how many
     * (0: none waiting) or MNET_E_IO. A frame for which there is no memory is dropped and counted by the device. */
    int (*rx)(struct mnet_device *device, struct mnet_packet **packets, int max);
    /* Offers `count` frames in order. Returns how many were taken, which the device now owns; the rest stays the caller's to offer
     * again (0: the queue is full), or MNET_E_IO, taking none. */
    int (*tx)(struct mnet_device *device, struct mnet_packet **packets, int count);
    /* Returns when a frame can be received, at `deadline` (absolute), or earlier for no reason. */
    void (*wait)(struct mnet_device *device, uint64_t deadline);
    /* Ends the device and frees what it owns; packets it still holds go back to device->memory. */
    void (*close)(struct mnet_device *device);
};

/* A device: filled in by its port, and read by the stack that has it. */
struct mnet_device {
    const struct mnet_device_ops *ops;
    struct mnet_memory *memory; /* where received packets come from; set by the stack before the first rx */
    const char *name;
    uint8_t mac[6];
    uint16_t mtu;        /* largest IP packet, in bytes: 576..65535 */
    uint32_t tx_offload; /* enum mnet_offload: what the device can do for frames sent ... */
    uint32_t rx_offload; /* ... and what it may do for frames received */
    int fd;              /* readable when a frame waits, for poll(2); -1 where there is none */
    uint64_t rx_dropped; /* frames lost for want of memory or because they were unusable */
    uint64_t tx_dropped;
    /* No frame passes: the cable is out, or the host's end is down. The device keeps it up to date within its calls, and
     * wakes who waits (fd, `wait`) when it changes; one that cannot tell leaves it false. */
    bool link_down;
};

#endif
