/* The virtio drivers, as a machine calls them; nothing here knows the machine but struct
 * mn_virtio_machine.
 *
 * In order: find a transport (mn_virtio_mmio_open, mn_virtio_pci_open), look at its `kind`, connect
 * its interrupts, and open the driver. devices.h does all of this for a machine.
 *
 * Interrupts. Drivers need none of them to be correct: they look into their rings whenever they are
 * asked for packets. An interrupt wakes a machine that idles, and tells of changed configuration;
 * all its handler does is to set *transport->raised. A device asks for interrupts only after
 * mn_virtio_net_arm, which is called before the machine halts, with interrupts masked.
 */
#ifndef MN_VIRTIO_H
#define MN_VIRTIO_H

#include <mnet/device.h>

#include "ports/virtio/transport.h"

/* Looks for a device behind `bytes` of MMIO registers (4.2.2) at a physical address: the modern
 * transport (version 2) and the legacy one (version 1), which QEMU's microvm has unless told
 * otherwise. 0, or MNET_E_NO_DEVICE: no virtio device is there. `machine` must outlive the
 * transport. The device is not touched yet. */
int mn_virtio_mmio_open(struct mn_virtio_transport *t, const struct mn_virtio_machine *machine, uint64_t physical,
                        uint32_t bytes);
/* The same for a PCI function (bus << 8 | device << 3 | function; 4.1.2), modern or transitional.
 * Enables its memory space and bus mastering. MNET_E_NO_DEVICE also if its structures do not lie
 * inside its BARs, or BARs are not assigned: then `kind` and `why` are set. */
int mn_virtio_pci_open(struct mn_virtio_transport *t, const struct mn_virtio_machine *machine, uint32_t function);

/* Interrupts of a PCI function by message (MSI-X, 4.1.5.1.2): one for queues, one for changed
 * configuration; if the function has a single one, `queues` for both. Before the driver is
 * opened. False if the function has no MSI-X: then it raises INTx. */
bool mn_virtio_pci_messages(struct mn_virtio_transport *t, const struct mn_virtio_message *queues,
                            const struct mn_virtio_message *config);
/* Opens the network device (5.1) of a transport: resets it, agrees on features, and sets its queues
 * up in `memory`, which has mn_virtio_net_bytes() bytes, is aligned to MN_VIRTIO_ALIGNMENT, and is
 * the device's until ops->close; then it can be opened again. `memory` need not be zeroed.
 * `offload` (enum mnet_offload) may be agreed on, in both directions. Returns 0 and the
 * device, or MNET_E_NO_DEVICE (not a network device, or not one this driver can use), MNET_E_IO (it
 * does not answer as it must). Its `mac` is all zeros if the device has none of its own: then
 * the caller chooses one. Never suspends. */
int mn_virtio_net_open(struct mn_virtio_transport *t, void *memory, const char *name, uint32_t offload,
                       struct mnet_device **device);
size_t mn_virtio_net_bytes(void);
/* The address that a network device has of its own; false if it has none. Changes nothing, whoever
 * uses the device. */
bool mn_virtio_net_mac(struct mn_virtio_transport *t, uint8_t mac[6]);
#define MN_VIRTIO_ALIGNMENT 4096u

/* Asks a device for an interrupt when a frame comes, or when there is room again in a full ring,
 * or something lent has been sent. True if that has happened already, and it is not to be waited
 * for. Holds until the device is next used. */
bool mn_virtio_net_arm(struct mnet_device *device);
/* Returns true if the link is up, as far as interrupts have told. A device without
 * VIRTIO_NET_F_STATUS is always up. */
bool mn_virtio_net_link_up(const struct mnet_device *device);

/* How long an entropy device may take: for each piece that it delivers, and for all of them. A host
 * that hands out little at a time (QEMU's max-bytes and period) makes many pieces. */
struct mn_virtio_timeouts {
    uint64_t piece_ns, all_ns;
};

/* Fills `buffer` with `len` bytes from an entropy device (5.4). `memory` as above,
 * mn_virtio_rng_bytes() bytes. The device is reset before and after. 0, MNET_E_NO_DEVICE,
 * MNET_E_IO, or MNET_E_NO_ENTROPY if it has not delivered in time. The bytes delivered until then
 * are in the buffer, and the rest is as it was. */
int mn_virtio_rng_read(struct mn_virtio_transport *t, void *memory, void *buffer, size_t len,
                       struct mn_virtio_timeouts timeouts);
size_t mn_virtio_rng_bytes(void);

#endif
