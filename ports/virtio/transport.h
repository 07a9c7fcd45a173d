/* The layer between a virtio driver and the registers of its device: one transport, MMIO or PCI,
 * found on a machine.
 *
 * Clauses cited in ports/virtio are those of Virtual I/O Device (VIRTIO) Version 1.2.
 *
 * The machine is reached through struct mn_virtio_machine only, so that drivers and transports run
 * on a model of a device in memory as well. Physical addresses equal virtual ones for packets,
 * rings and lent data: a machine maps its memory so.
 */
#ifndef MN_VIRTIO_TRANSPORT_H
#define MN_VIRTIO_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The functions of a machine. Every function gets `context` first. */
struct mn_virtio_machine {
    void *context;
    /* Makes `bytes` of device registers at a physical address accessible; returns the address that
     * read and write take for the first of them, or 0 if that is impossible, as it is for RAM.
     * Mapping the same twice is allowed. */
    uint64_t (*map)(void *context, uint64_t physical, uint64_t bytes);
    /* One access of 1, 2 or 4 bytes to a mapped register, in little-endian meaning; never split,
     * merged or reordered. */
    uint32_t (*read)(void *context, uint64_t address, unsigned bytes);
    void (*write)(void *context, uint64_t address, unsigned bytes, uint32_t value);
    /* One access of 1, 2 or 4 bytes to the configuration space (256 bytes) of the PCI function bus
     * << 8 | device << 3 | function. NULL if there is no PCI. */
    uint32_t (*pci_read)(void *context, uint32_t function, unsigned offset, unsigned bytes);
    void (*pci_write)(void *context, uint32_t function, unsigned offset, unsigned bytes, uint32_t value);
    /* Monotonic time in nanoseconds. */
    uint64_t (*now)(void *context);
    /* Idles until any interrupt came since the last call, until `deadline` (absolute), or less for
     * no reason. */
    void (*wait)(void *context, uint64_t deadline);
};

/* 2.1: the states of driver and device. */
enum mn_virtio_status {
    MN_VIRTIO_ACKNOWLEDGE = 1,
    MN_VIRTIO_DRIVER = 2,
    MN_VIRTIO_DRIVER_OK = 4,
    MN_VIRTIO_FEATURES_OK = 8,
    MN_VIRTIO_NEEDS_RESET = 64,
    MN_VIRTIO_FAILED = 128,
};

/* 6 and 6.3: features of every device. */
#define MN_VIRTIO_F_ANY_LAYOUT (UINT64_C(1) << 27) /* of legacy devices */
#define MN_VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define MN_VIRTIO_F_EVENT_IDX (UINT64_C(1) << 29)
#define MN_VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)
#define MN_VIRTIO_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define MN_VIRTIO_F_ORDER_PLATFORM (UINT64_C(1) << 36)

/* 5: kinds of devices. */
enum mn_virtio_kind {
    MN_VIRTIO_NOTHING = 0,
    MN_VIRTIO_NET = 1,
    MN_VIRTIO_ENTROPY = 4,
};

/* Queues of one device: receive and transmit. */
#define MN_VIRTIO_QUEUES 2
/* The address and value of the write that is a message-signalled interrupt. */
struct mn_virtio_message {
    uint64_t address;
    uint32_t data;
};

struct mn_virtio_transport;

/* A queue as the device is told of it. */
struct mn_virtio_queue_place {
    uint16_t size; /* entries, a power of two */
    uint64_t descriptors, driver, device;
};

struct mn_virtio_transport_ops {
    uint8_t (*get_status)(struct mn_virtio_transport *t);
    void (*set_status)(struct mn_virtio_transport *t, uint8_t status);
    uint64_t (*device_features)(struct mn_virtio_transport *t);
    void (*accept_features)(struct mn_virtio_transport *t, uint64_t features);
    /* The most entries that the queue may have; 0 if there is no such queue. */
    uint32_t (*queue_max)(struct mn_virtio_transport *t, uint16_t index);
    /* Gives the queue its place and enables it. False if the device does not take it. */
    bool (*queue_enable)(struct mn_virtio_transport *t, uint16_t index, const struct mn_virtio_queue_place *place);
    void (*notify)(struct mn_virtio_transport *t, uint16_t index);
    /* Bytes of the device's configuration space; those that it does not have read as 0. One access
     * for each 1, 2 or 4 bytes, which are not necessarily of one moment: see mn_virtio_config. */
    void (*config)(struct mn_virtio_transport *t, unsigned offset, void *to, unsigned bytes);
    uint32_t (*config_generation)(struct mn_virtio_transport *t);
    /* Which of MN_VIRTIO_INTERRUPT_* have come; the device then considers them seen, and takes its
     * line down. */
    uint32_t (*acknowledge)(struct mn_virtio_transport *t);
};

#define MN_VIRTIO_INTERRUPT_QUEUE 1u
#define MN_VIRTIO_INTERRUPT_CONFIG 2u

/* A part of the device's registers: accesses end at its end. */
struct mn_virtio_window {
    uint64_t address; /* 0: there is none */
    uint32_t bytes;
};

/* One device. The fields are those of ports/virtio; the storage is the machine's. */
struct mn_virtio_transport {
    const struct mn_virtio_transport_ops *ops;
    const struct mn_virtio_machine *machine;
    enum mn_virtio_kind kind; /* a driver is chosen by this */
    bool legacy;              /* version 1 of the MMIO transport */
    bool messages;            /* MSI-X is in use: see mn_virtio_pci_messages */
    bool one_message;         /* and `raised` stands for queues and configuration */
    bool config_changed;      /* the driver clears it */
    bool in_use;              /* a driver has it open */
    /* It could not be reset, and may still use the memory that it was given. */
    bool running;
    /* Set by the machine when the interrupt for queues (that of a line: for both), or the message
     * for configuration has come; cleared by mn_virtio_look. NULL: the device is asked instead,
     * every time. */
    volatile bool *raised, *config_raised;
    /* How often the interrupt for queues has come, modulo 2^32, as the machine counts; NULL if it
     * does not. */
    const volatile uint32_t *interrupts;
    uint64_t notifications; /* of queues, to the device */
    /* MMIO has the first one only. */
    struct mn_virtio_window registers, notify_area, isr, device_config;
    uint32_t notify_multiplier;
    uint32_t notify_offset[MN_VIRTIO_QUEUES];
    uint32_t pci_function;
    /* The reason why the device is unusable, as half a sentence; NULL if there is none to
     * report. */
    const char *why;
};

/* Accesses to a window; outside it nothing is written, and 0 read. */
uint32_t mn_virtio_read(const struct mn_virtio_transport *t, const struct mn_virtio_window *window, uint32_t offset,
                        unsigned bytes);
void mn_virtio_write(const struct mn_virtio_transport *t, const struct mn_virtio_window *window, uint32_t offset,
                     unsigned bytes, uint32_t value);

/* Takes interrupts back before the rings are looked at, and notes in config_changed whether one was
 * for configuration. */
void mn_virtio_look(struct mn_virtio_transport *t);

/* Resets the device and waits until it is (2.4.2), for a second at most: false if it does not,
 * or refuses. Then it is `running`. */
bool mn_virtio_reset(struct mn_virtio_transport *t);
/* The first steps of 3.1.1: resets the device, says that there is a driver, and reads the features
 * offered. 0, or MNET_E_IO if it does not answer as it must. */
int mn_virtio_begin(struct mn_virtio_transport *t, uint64_t *offered);
/* The steps up to FEATURES_OK: accepts `features`, a subset of those offered, and if the device is
 * not legacy also VERSION_1 and the feature for the addresses of the bus (6.1). 0, or
 * MNET_E_IO if the device does not get on with them. */
int mn_virtio_agree(struct mn_virtio_transport *t, uint64_t features);
/* The last step. False if the device has failed meanwhile. */
bool mn_virtio_ready(struct mn_virtio_transport *t);
/* Says that the driver has given up (2.1.1). */
void mn_virtio_fail(struct mn_virtio_transport *t);
/* Reads configuration of one moment (2.5.1). False if it keeps changing. */
bool mn_virtio_config(struct mn_virtio_transport *t, unsigned offset, void *to, unsigned bytes);

#endif
