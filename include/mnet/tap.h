/* A Linux TAP interface as a device.
 *
 * The kernel's end of the interface is configured with the usual tools (ip-link, ip-address); this end is mnet's and has
 * a MAC address of its own. Checksums and segmentation are offloaded both ways (virtio_net_hdr): a frame of up to
 * 64 KiB crosses the interface in one system call.
 *
 * Where the interface is deleted the device fails: rx and tx give MNET_E_IO, as if its cable were cut. When there is an
 * interface of that name again, it is attached to, under the same descriptor, and the device goes on. Its link is down
 * meanwhile, and while the kernel's end is down or has no carrier (ip link set tap0 down).
 */
#ifndef MNET_TAP_H
#define MNET_TAP_H

#include <stdbool.h>
#include <stddef.h>

#include <mnet/device.h>

#pragma GCC visibility push(default)

/* Zeros are defaults. */
struct mnet_tap_options {
    bool no_checksum_offload; /* frames travel without virtio_net_hdr: implies the next one */
    bool no_segmentation_offload;
};

/* Attaches to the TAP interface `name`, which exists. One with several queues (multi_queue) is used with one; nobody else
 * should have another, or each gets a part of the frames. "new:NAME" creates the interface if there is none; it vanishes
 * when the device is closed. With ",mac=02:00:00:00:00:01" behind the name this end has that address, else a random one.
 * options may be NULL. Returns 0 and the device, which the stack that takes it closes (or the caller, with
 * ops->close), or MNET_E_INVALID (not a name, or not an address), MNET_E_NO_DEVICE, MNET_E_NO_MEMORY, MNET_E_NO_ENTROPY with one line that says why in
 * `why` of `why_size` bytes (always terminated). Never suspends.
 *
 * Before the first frame is received the owner may clear bits of device->rx_offload: the kernel is told to do without them. */
int mnet_tap_open(const char *name, const struct mnet_tap_options *options, struct mnet_device **device, char *why,
                  size_t why_size);

#pragma GCC visibility pop

#endif
