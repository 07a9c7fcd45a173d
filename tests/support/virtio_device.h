/* A virtio device in memory, as a host implements it: registers of all transports, rings, network
 * frames. By default it is honest, and checks that the driver is honest, too. Tests and the fuzz
 * target make it lie: they write its fields and rings directly.
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
/* Addresses of the function's BARs: the fourth, of 64 bits, has the structures, the second the
 * MSI-X table. */
#define VIRTIO_BAR_AT UINT64_C(0x8fe000000)
#define VIRTIO_BAR_BYTES 0x4000u
#define VIRTIO_TABLE_AT UINT64_C(0xfd000000)
#define VIRTIO_TABLE_BYTES 0x1000u
#define VIRTIO_FUNCTION 0x18u
/* Offsets of the structures in the BAR, and of their capabilities. */
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

/* A queue, as the device sees it. */
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
    volatile bool raised, config_raised; /* set by the machine's interrupt handlers */
    volatile uint32_t interrupts;

    /* Ways to misbehave. */
    bool refuses_features; /* FEATURES_OK does not stay set */
    bool refuses_queues;   /* an enabled queue reads as disabled */
    bool refuses_vectors;
    bool restless; /* the configuration changes while it is read */
    /* In use, it sets FAILED instead of resetting, as Firecracker's device does. */
    bool refuses_reset;
    unsigned reset_waits; /* waits of the machine until a reset is done; UINT_MAX: never done */
    bool unmapped;        /* nothing can be mapped */
    bool lenient;         /* the device has lied, so the driver need not keep to the rules */

    uint64_t now; /* advances by waiting */
    unsigned waits;
    void (*idle)(struct virtio_device *d); /* called while the machine waits; may be NULL */

    uint8_t pci[256];
    uint32_t bar_masks[6];
    uint32_t msix[8]; /* two entries of the table */
    uint32_t feature_select, driver_select, queue_select;
    unsigned reset_left;
    uint16_t config_vector;
};

/* Makes a device that offers all features that the network driver may want, with two queues of 256
 * entries, MAC 02:00:00:00:00:07, link up and MTU 1500. Nothing has happened to it yet. */
void virtio_device_init(struct virtio_device *d, enum virtio_bus bus, uint32_t kind);
/* Finds the device, as a machine does. */
int virtio_device_find(struct virtio_device *d, struct mn_virtio_transport *t);

/* Sets the link up or down, and tells the driver. */
void virtio_device_link(struct virtio_device *d, bool up);
/* Raises the interrupt of a configuration change. */
void virtio_device_config_changed(struct virtio_device *d);

/* Returns the number of chains that the driver has made available and the device has not taken. */
unsigned virtio_device_waiting(const struct virtio_device *d, unsigned queue);
/* Takes the next chain, and checks the driver's rules for it. Returns false if there is none. */
bool virtio_device_take(struct virtio_device *d, unsigned queue, struct virtio_chain *chain);
/* Writes the used element of a chain, and interrupts if the driver asks for it. */
void virtio_device_use(struct virtio_device *d, unsigned queue, uint32_t id, uint32_t len);
/* virtio_device_put writes a used element without showing it; virtio_device_show shows all up to
 * `idx`. For frames of several buffers, and for lies. */
void virtio_device_put(struct virtio_device *d, unsigned queue, uint16_t at, uint32_t id, uint32_t len);
void virtio_device_show(struct virtio_device *d, unsigned queue, uint16_t idx);

/* Makes the driver receive a frame, spread over as many buffers as it needs. Returns false if there
 * are too few. `header` may be NULL. */
bool virtio_device_give(struct virtio_device *d, const struct mn_vnet_header *header, const void *frame, size_t len);
/* Takes a frame that the driver sends, at most `max` bytes of it, and its header. Gives the chain
 * back if `done`. Returns the length of the frame, or 0 if there is none. */
size_t virtio_device_get(struct virtio_device *d, struct mn_vnet_header *header, void *frame, size_t max, bool done);

#endif
