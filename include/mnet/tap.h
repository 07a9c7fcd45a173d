/* A Linux TAP interface as a device.
 *
 * The kernel's end of the interface is configured with the usual tools (ip-link, ip-address). The
 * other end is mnet's, with a MAC address of its own. Checksums and segmentation are offloaded in
 * both directions (virtio_net_hdr): a frame of up to 64 KiB crosses the interface in one system
 * call.
 *
 * If the interface is deleted, the device fails as if its cable were cut: rx and tx return
 * MNET_E_IO. When an interface of that name exists again, the device attaches to it under the same
 * descriptor and goes on. The link of the device is down meanwhile. It is also down while the
 * kernel's end is down or has no carrier (ip link set tap0 down).
 */
#ifndef MNET_TAP_H
#define MNET_TAP_H

#include <stdbool.h>
#include <stddef.h>

#include <mnet/device.h>

#pragma GCC visibility push(default)

/* Options; zeros are defaults. */
struct mnet_tap_options {
    bool no_checksum_offload;     /* frames travel without virtio_net_hdr; implies the next */
    bool no_segmentation_offload; /* no frame is larger than the MTU */
};

/* Attaches to the existing TAP interface `name`. "new:NAME" creates the interface if there is none;
 * it vanishes when the device is closed. With ",mac=02:00:00:00:00:01" behind the name mnet's end
 * has that address, otherwise a random one. An interface with several queues (multi_queue) is used
 * with one of them. No other program should open another queue, because each gets a part of the
 * frames.
 *
 * options may be NULL. Returns 0 and the device. The stack that takes the device closes it; without
 * a stack the caller does, with ops->close. Errors: MNET_E_INVALID (not a name, or not an address),
 * MNET_E_NO_DEVICE, MNET_E_NO_MEMORY, MNET_E_NO_ENTROPY. On an error `why` of `why_size` bytes gets
 * one line with the cause, always terminated. Never suspends.
 *
 * Before the first frame is received the owner may clear bits of device->rx_offload. The kernel is
 * then told to do without these offloads. */
int mnet_tap_open(const char *name, const struct mnet_tap_options *options, struct mnet_device **device, char *why,
                  size_t why_size);

#pragma GCC visibility pop

#endif
