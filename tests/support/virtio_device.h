/* A virtio device in memory, as a host plays it: registers of all transports, rings, network frames. By default it is honest, and checks
 * that the driver is; tests and the fuzz target make it lie by writing its fields and rings themselves.
 *
 * Clauses are those of VIRTIO 1.2.
 */
#ifndef MN_TEST_VIRTIO_DEVICE_H
#define MN_TEST_VIRTIO_DEVICE_H

#include "ports/common/vnet.h"
#include "ports/virtio/net.h"

enum virtio_bus {
    VIRTIO_MMIO,
    VIRTIO_MMIO_LEGACY,
    VIRTIO_PCI
};

#define VIRTIO_MMIO_AT UINT64_C(0xfeb00000)
#define VIRTIO_MMIO_BYTES 512u
/* Where the functions BARs are: the fourth, 64-bit one has the structures, the second the MSI-X table. */
#define VIRTIO_BAR_AT UINT64_C(0x8fe000000)
#define VIRTIO_BAR_BYTES 0x4000u
#define VIRTIO_TABLE_AT UINT64_C(0xfd000000)
#define VIRTIO_TABLE_BYTES 0x1000u
#define VIRTIO_FUNCTION 0x18u
/* Offsets of structures in the BAR, and of their capabilities. */
enum {
    VIRTIO_COMMON = 0,
    VIRTIO_ISR = 0x1000,
    VIRTIO_CONFIG = 0x2000,
    VIRTIO_NOTIFY = 0x3000
};
enum {
    CAPABILITY_COMMON = 0x40,
    CAPABILITY_ISR = 0x50,
    CAPABILITY_CONFIG = 0x60,
    CAPABILITY_NOTIFY = 0x70,
    CAPABILITY_MSIX = 0x90
};

/* A queue, from the device's side. */
struct virtio_ring {
    uint16_t max, size;
    bool enabled;
    uint16_t vector;
    uint64_t descriptors, driver, device;
    uint16_t seen; /* chains taken from the available ring */
    uint16_t used; /* idx of the used ring */
    unsigned notified;
};

/* A chain of descriptors. */
struct virtio_chain {
    uint16_t head;
    unsigned count;
    struct mnet_slice pieces[MN_VIRTQUEUE_MAX];
    bool writable, indirect;
    uint32_t bytes;
};

struct virtio_device {
    struct mn_virtio_machine machine; /* for the driver */
    enum virtio_bus bus;
    uint32_t kind;
    uint64_t offered, accepted;
    uint8_t status;
    uint8_t config[64];
    uint8_t generation;
    uint32_t isr;
    struct virtio_ring rings[MN_VIRTIO_QUEUES];
    volatile bool raised, config_raised; /* what the machine's interrupt handlers note */
    unsigned interrupts;

    /* Ways to misbehave. */
    bool refuses_features; /* FEATURES_OK does not stay set */
    bool refuses_queues;   /* an enabled queue reads as disabled */
    bool refuses_vectors;
    bool restless;        /* configuration changes while it is read */
    bool refuses_reset;   /* once it is in use: it says FAILED instead, as Firecracker's */
    unsigned reset_waits; /* how often the machine waits before a reset is done; UINT_MAX: it never is */
    bool unmapped;        /* nothing can be mapped */
    bool lenient;         /* it has lied, and does not expect the driver to fit what it is */

    uint64_t now; /* moves on by waiting */
    unsigned waits;
    void (*idle)(struct virtio_device *d); /* called while the machine waits; may be NULL */

    uint8_t pci[256];
    uint32_t bar_masks[6];
    uint32_t msix[8]; /* two entries of the table */
    uint32_t feature_select, driver_select, queue_select;
    unsigned reset_left;
    uint16_t config_vector;
};

/* A device that offers all features the network driver may want, two queues of 256 entries, MAC 02:00:00:00:00:07, link up, MTU 1500. Nothing
 * has been done with it yet. */
void virtio_device_init(struct virtio_device *d, enum virtio_bus bus, uint32_t kind);
/* Finds it as a machine does. */
int virtio_device_find(struct virtio_device *d, struct mn_virtio_transport *t);

/* Sets or clears the link and tells the driver. */
void virtio_device_link(struct virtio_device *d, bool up);
/* An interrupt for changed configuration. */
void virtio_device_config_changed(struct virtio_device *d);

/* Chains that the driver has shown and the device has not taken. */
unsigned virtio_device_waiting(const struct virtio_device *d, unsigned queue);
/* Takes the next of them, checking what the driver must keep to. */
bool virtio_device_take(struct virtio_device *d, unsigned queue, struct virtio_chain *chain);
/* Writes the used element for a chain and interrupts where the driver asked for it. */
void virtio_device_use(struct virtio_device *d, unsigned queue, uint32_t id, uint32_t len);
/* Writes an element without showing it, and shows `count` of them: for frames of several buffers, and for lies. */
void virtio_device_put(struct virtio_device *d, unsigned queue, uint16_t at, uint32_t id, uint32_t len);
void virtio_device_show(struct virtio_device *d, unsigned queue, uint16_t idx);

/* Has the driver receive a frame, spread over as many buffers as it needs. False where there are too few. `header` may be NULL. */
bool virtio_device_give(struct virtio_device *d, const struct mn_vnet_header *header, const void *frame, size_t len);
/* Takes a frame that the driver sends, its bytes (at most `max`) and header, and gives the chain back where `done`. Its length; 0 where there is
 * none. */
size_t virtio_device_get(struct virtio_device *d, struct mn_vnet_header *header, void *frame, size_t max, bool done);

#endif
