/* An existing Ethernet interface of Linux as a device, by a packet socket (packet(7)).
 *
 * mnet is another station on the interface, beside the host's kernel: it has a MAC address and IP
 * addresses of its own, so the kernel neither answers nor resets its connections, and keeps its
 * own. Frames of mnet leave by the interface. They do not reach the kernel of the same host, unless
 * the network sends them back.
 *
 * Checksums and segmentation are offloaded in both directions (virtio_net_hdr): if the kernel has
 * merged segments, or has not cut them yet, a frame of up to 64 KiB comes in one piece. UDP
 * datagrams that the kernel has not cut yet (UDP_SEGMENT) are dropped.
 *
 * While the interface is down, or has no carrier, the link of the device is down. If the interface
 * is deleted, rx and tx return MNET_E_IO. When an interface of that name exists again, the device
 * attaches to it under the same descriptor and goes on.
 */
#ifndef MNET_PACKET_SOCKET_H
#define MNET_PACKET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include <mnet/device.h>

#pragma GCC visibility push(default)

/* Options; zeros are defaults. They are about frames that are sent: the kernel decides about those
 * that it hands up. */
struct mnet_packet_socket_options {
    bool no_checksum_offload;     /* sent frames are complete; implies the next */
    bool no_segmentation_offload; /* no frame sent is larger than the MTU */
};

/* Attaches to the interface `name`. With "xdp:" before the name frames come and go by AF_XDP as
 * far as they can (Linux 5.9; needs CAP_NET_ADMIN and CAP_BPF, too). With ",mac=02:00:00:00:00:01"
 * behind the name mnet has that address, otherwise a random one. It must be another one than the
 * kernel's unless the kernel has no IP address there. The interface listens to the address, too
 * (promiscuously if its driver can do no better), and to all groups.
 *
 * options may be NULL. Returns 0 and the device. The stack that takes the device closes it;
 * without a stack the caller does, with ops->close. Errors: MNET_E_INVALID (not a name, or not an
 * address), MNET_E_NO_DEVICE (also: without CAP_NET_RAW, or without AF_XDP), MNET_E_NO_MEMORY,
 * MNET_E_NO_ENTROPY. On an error `why` of `why_size` bytes gets one line with the cause, always
 * terminated. Never suspends. */
int mnet_packet_socket_open(const char *name, const struct mnet_packet_socket_options *options,
                            struct mnet_device **device, char *why, size_t why_size);

#pragma GCC visibility pop

#endif
