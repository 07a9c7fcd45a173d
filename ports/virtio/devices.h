/* The virtio devices of the bare machine: found on its buses, connected to its interrupts, opened
 * by name. Joins virtio.h and machine.h.
 */
#ifndef MN_VIRTIO_DEVICES_H
#define MN_VIRTIO_DEVICES_H

#include <mnet/device.h>

/* Looks for virtio devices: MMIO transports that the command line names, and all PCI functions.
 * Once, before anything else here. Returns how many there are. */
unsigned mn_devices_find(void);

/* Returns true if there is an entropy device. */
bool mn_devices_have_entropy(void);
/* Fills `buffer` with `len` bytes from the first entropy device that delivers them in time
 * (`piece_ns` for each piece, `all_ns` for all): true. Else false; the bytes that came are in
 * the buffer, and the rest is as it was. */
bool mn_devices_entropy(void *buffer, size_t len, uint64_t piece_ns, uint64_t all_ns);

/* Returns true if every device that was closed has stopped, so that memory which it was given can
 * be used again. */
bool mn_devices_stopped(void);

/* Opens a network device for `name`, which the application calls it by: the one that `host` names
 * (by its own address, "52:54:00:12:34:56", or "0", "1", ... in the order they were found; NULL:
 * the first that can be used and is not open), agreeing on the offloads `offload` at most (enum
 * mnet_offload). NULL, with one line of why in `why` if there is none, or it fails. Its `mac`
 * is all zeros if it has none of its own. */
struct mnet_device *mn_devices_open_net(const char *name, const char *host, uint32_t offload, char *why,
                                        size_t why_size);

#endif
