/* PCI functions (4.1): the transport of QEMU's q35 and Cloud Hypervisor.
 *
 * Capabilities in the configuration space give the BAR and the offset of each structure: the common
 * configuration, notifications, the interrupt status and the device's own configuration. All of it
 * is the host's word: each structure must lie inside a BAR of memory whose size was asked for, and
 * have the length that is accessed in it; a list of capabilities ends after as many as have room in
 * the space. A capability that does not fit is skipped.
 */
#include <mnet/error.h>

#include "base/base.h"
#include "ports/virtio/virtio.h"

/* PCI Local Bus 3.0, 6.1. */
enum {
    VENDOR_ID = 0x00,
    DEVICE_ID = 0x02,
    COMMAND = 0x04,
    STATUS = 0x06,
    HEADER_TYPE = 0x0e,
    BAR_0 = 0x10,
    SUBSYSTEM_ID = 0x2e,
    CAPABILITIES = 0x34,
};

#define COMMAND_MEMORY 0x0002u
#define COMMAND_MASTER 0x0004u
#define COMMAND_NO_INTX 0x0400u
#define STATUS_CAPABILITIES 0x0010u
#define CONFIGURATION_BYTES 256u
#define CAPABILITIES_MAX ((CONFIGURATION_BYTES - 64) / 4)

#define BARS 6
/* 4.1.4: no structure is longer than 4 KiB so far, but for room between the notifications of
 * queues. */
#define WINDOW_MAX (4u * 4096u)
#define BAR_IO 1u
#define BAR_64 4u

#define CAP_MSIX 0x11
#define CAP_VENDOR 0x09
#define MSIX_CONTROL 2 /* offsets from the capability */
#define MSIX_TABLE 4
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK_ALL 0x4000u
#define MSIX_LAST 0x07ffu /* of the control: the number of the last entry */
#define MSIX_ENTRY 16u
#define MSIX_CONFIG 0 /* our two entries; if there is one, it is for both */
#define MSIX_QUEUES 1
#define NO_VECTOR 0xffffu

/* 4.1.2 */
#define VIRTIO_VENDOR 0x1af4u
#define VIRTIO_TRANSITIONAL 0x1000u
#define VIRTIO_MODERN 0x1040u
#define VIRTIO_LAST 0x107fu

/* 4.1.4: kinds of structures, and the fields of their capability. */
enum {
    CAP_COMMON = 1,
    CAP_NOTIFY = 2,
    CAP_ISR = 3,
    CAP_DEVICE = 4
};
enum {
    CAP_LEN = 2,
    CAP_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_LENGTH = 12,
    CAP_MULTIPLIER = 16
};

/* 4.1.4.3 */
enum {
    DEVICE_FEATURE_SELECT = 0,
    DEVICE_FEATURE = 4,
    DRIVER_FEATURE_SELECT = 8,
    DRIVER_FEATURE = 12,
    CONFIG_MSIX_VECTOR = 16,
    DEVICE_STATUS = 20,
    CONFIG_GENERATION = 21,
    QUEUE_SELECT = 22,
    QUEUE_SIZE = 24,
    QUEUE_MSIX_VECTOR = 26,
    QUEUE_ENABLE = 28,
    QUEUE_NOTIFY_OFF = 30,
    QUEUE_DESC = 32,
    QUEUE_DRIVER = 40,
    QUEUE_DEVICE = 48,
    COMMON_BYTES = 56,
};

struct bar {
    uint64_t address; /* 0: none, not of memory, or not assigned */
    uint64_t bytes;
};

/* ---- The function's configuration space ---- */

static uint32_t pci_read(const struct mn_virtio_transport *t, uint32_t offset, unsigned bytes)
{
    bool there = offset <= CONFIGURATION_BYTES - bytes;
    return there ? t->machine->pci_read(t->machine->context, t->pci_function, offset, bytes) : 0;
}

static void pci_write(const struct mn_virtio_transport *t, uint32_t offset, unsigned bytes, uint32_t value)
{
    if (offset <= CONFIGURATION_BYTES - bytes)
        t->machine->pci_write(t->machine->context, t->pci_function, offset, bytes, value);
}

/* The bits of a BAR that can be written, which its size follows from. */
static uint32_t bar_mask(const struct mn_virtio_transport *t, uint32_t offset)
{
    uint32_t value = pci_read(t, offset, 4);
    pci_write(t, offset, 4, UINT32_MAX);
    uint32_t mask = pci_read(t, offset, 4);
    pci_write(t, offset, 4, value);
    return mask;
}

/* One BAR, and how many of the six registers it takes: 1 or 2. */
static unsigned read_bar(const struct mn_virtio_transport *t, unsigned index, struct bar *bar)
{
    uint32_t offset = BAR_0 + 4 * index, low = pci_read(t, offset, 4);
    bool wide = (low & (BAR_IO | BAR_64)) == BAR_64 && index + 1 < BARS;
    if (low & BAR_IO)
        return 1;
    uint64_t address = low & ~15u, mask = bar_mask(t, offset) & ~15u;
    if (wide) {
        address |= (uint64_t)pci_read(t, offset + 4, 4) << 32;
        mask |= (uint64_t)bar_mask(t, offset + 4) << 32;
    }
    uint64_t bytes = mask & (~mask + 1); /* the lowest bit that can be written */
    if (address != 0 && address + bytes > address)
        *bar = (struct bar){address, bytes};
    return wide ? 2 : 1;
}

/* With the memory space disabled, since BARs change while they are sized. */
static void read_bars(const struct mn_virtio_transport *t, struct bar bars[BARS])
{
    uint32_t command = pci_read(t, COMMAND, 2);
    pci_write(t, COMMAND, 2, command & ~COMMAND_MEMORY);
    for (unsigned i = 0; i < BARS; i++)
        bars[i] = (struct bar){0, 0};
    for (unsigned i = 0; i < BARS;)
        i += read_bar(t, i, &bars[i]);
    pci_write(t, COMMAND, 2, command);
}

/* Bytes `offset` to `offset + bytes` of a BAR, mapped; an empty window if they are not all in
 * it. */
static struct mn_virtio_window map_window(const struct mn_virtio_transport *t, const struct bar *bar, uint32_t offset,
                                          uint32_t bytes)
{
    if (bar->address == 0 || bytes == 0 || offset > bar->bytes || bytes > bar->bytes - offset)
        return (struct mn_virtio_window){0, 0};
    bytes = MN_MIN(bytes, WINDOW_MAX);
    return (struct mn_virtio_window){t->machine->map(t->machine->context, bar->address + offset, bytes), bytes};
}

/* ---- Capabilities ---- */

/* 4.1.4: notes the structure if it is the first usable one of its kind, and at least `needed`
 * bytes long. */
static void take_structure(const struct mn_virtio_transport *t, struct mn_virtio_window *window,
                           const struct bar bars[BARS], uint32_t capability, uint32_t needed)
{
    uint32_t bar = pci_read(t, capability + CAP_BAR, 1);
    uint32_t length = pci_read(t, capability + CAP_LENGTH, 4);
    /* 4.1.4.1: reserved bars are ignored. */
    if (window->address != 0 || bar >= BARS || length < needed)
        return;
    *window = map_window(t, &bars[bar], pci_read(t, capability + CAP_OFFSET, 4), length);
}

static void take_capability(struct mn_virtio_transport *t, const struct bar bars[BARS], uint32_t capability)
{
    uint32_t len = pci_read(t, capability + CAP_LEN, 1);
    switch (len >= CAP_MULTIPLIER ? pci_read(t, capability + CAP_TYPE, 1) : 0) {
    case CAP_COMMON: take_structure(t, &t->registers, bars, capability, COMMON_BYTES); break;
    case CAP_ISR: take_structure(t, &t->isr, bars, capability, 1); break;
    case CAP_DEVICE: take_structure(t, &t->device_config, bars, capability, 1); break;
    case CAP_NOTIFY:
        if (t->notify_area.address == 0 && len >= CAP_MULTIPLIER + 4) {
            take_structure(t, &t->notify_area, bars, capability, 2);
            t->notify_multiplier = pci_read(t, capability + CAP_MULTIPLIER, 4);
        }
        break;
    default: break; /* 4.1.4.1: others are ignored */
    }
}

/* The capability with number `id` behind the one at `after` (0: the first of all), 0 if there is
 * none. `left` bounds a list that goes round. */
static uint32_t next_capability(const struct mn_virtio_transport *t, uint32_t id, uint32_t after, unsigned *left)
{
    if (after == 0 && !(pci_read(t, STATUS, 2) & STATUS_CAPABILITIES))
        return 0;
    for (uint32_t at = after; *left > 0;) {
        at = pci_read(t, at == 0 ? CAPABILITIES : at + 1, 1) & ~3u;
        (*left)--;
        if (at < 64)
            return 0;
        if (pci_read(t, at, 1) == id)
            return at;
    }
    return 0;
}

/* ---- The transport ---- */

static uint32_t get(const struct mn_virtio_transport *t, uint32_t offset, unsigned bytes)
{
    return mn_virtio_read(t, &t->registers, offset, bytes);
}

static void set(const struct mn_virtio_transport *t, uint32_t offset, unsigned bytes, uint32_t value)
{
    mn_virtio_write(t, &t->registers, offset, bytes, value);
}

/* 4.1.3.1: 64-bit fields are written as two of 32 bits. */
static void set64(const struct mn_virtio_transport *t, uint32_t offset, uint64_t value)
{
    set(t, offset, 4, (uint32_t)value);
    set(t, offset + 4, 4, (uint32_t)(value >> 32));
}

static uint8_t get_status(struct mn_virtio_transport *t)
{
    return (uint8_t)get(t, DEVICE_STATUS, 1);
}

static void set_status(struct mn_virtio_transport *t, uint8_t status)
{
    set(t, DEVICE_STATUS, 1, status);
}

static uint64_t device_features(struct mn_virtio_transport *t)
{
    set(t, DEVICE_FEATURE_SELECT, 4, 0);
    uint64_t low = get(t, DEVICE_FEATURE, 4);
    set(t, DEVICE_FEATURE_SELECT, 4, 1);
    return low | (uint64_t)get(t, DEVICE_FEATURE, 4) << 32;
}

static void accept_features(struct mn_virtio_transport *t, uint64_t features)
{
    for (uint32_t word = 0; word < 2; word++) {
        set(t, DRIVER_FEATURE_SELECT, 4, word);
        set(t, DRIVER_FEATURE, 4, (uint32_t)(features >> word * 32));
    }
}

static uint32_t queue_max(struct mn_virtio_transport *t, uint16_t index)
{
    set(t, QUEUE_SELECT, 2, index);
    return get(t, QUEUE_SIZE, 2);
}

/* 4.1.5.1.2.2: a device that cannot map a vector says so when it is read back. */
static bool set_vectors(struct mn_virtio_transport *t)
{
    uint32_t queue_vector = t->one_message ? MSIX_CONFIG : MSIX_QUEUES;
    set(t, CONFIG_MSIX_VECTOR, 2, t->messages ? MSIX_CONFIG : NO_VECTOR);
    set(t, QUEUE_MSIX_VECTOR, 2, t->messages ? queue_vector : NO_VECTOR);
    return !t->messages ||
           (get(t, CONFIG_MSIX_VECTOR, 2) == MSIX_CONFIG && get(t, QUEUE_MSIX_VECTOR, 2) == queue_vector);
}

/* 4.1.5.1.3 */
static bool queue_enable(struct mn_virtio_transport *t, uint16_t index, const struct mn_virtio_queue_place *place)
{
    MN_ASSERT(index < MN_VIRTIO_QUEUES);
    set(t, QUEUE_SELECT, 2, index);
    /* 4.1.4.4.1: the place of the notification lies in its structure. */
    uint64_t offset = (uint64_t)get(t, QUEUE_NOTIFY_OFF, 2) * t->notify_multiplier;
    if (offset + 2 > t->notify_area.bytes || get(t, QUEUE_ENABLE, 2) != 0)
        return false;
    t->notify_offset[index] = (uint32_t)offset;
    set(t, QUEUE_SIZE, 2, place->size);
    set64(t, QUEUE_DESC, place->descriptors);
    set64(t, QUEUE_DRIVER, place->driver);
    set64(t, QUEUE_DEVICE, place->device);
    if (!set_vectors(t))
        return false;
    set(t, QUEUE_ENABLE, 2, 1);
    return get(t, QUEUE_ENABLE, 2) == 1;
}

/* 4.1.5.2 */
static void notify(struct mn_virtio_transport *t, uint16_t index)
{
    mn_virtio_write(t, &t->notify_area, t->notify_offset[index], 2, index);
}

static void config(struct mn_virtio_transport *t, unsigned offset, void *to, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = (uint8_t)mn_virtio_read(t, &t->device_config, offset + i, 1);
}

static uint32_t config_generation(struct mn_virtio_transport *t)
{
    return get(t, CONFIG_GENERATION, 1);
}

/* 4.1.4.5: reading it is acknowledging it. */
static uint32_t acknowledge(struct mn_virtio_transport *t)
{
    return mn_virtio_read(t, &t->isr, 0, 1);
}

/* 4.1.2: which kind of device a function is; a transitional one (4.1.2.3) says it as its
 * subsystem. */
static uint32_t kind_of(const struct mn_virtio_transport *t)
{
    uint32_t device = pci_read(t, DEVICE_ID, 2);
    if (pci_read(t, VENDOR_ID, 2) != VIRTIO_VENDOR || (pci_read(t, HEADER_TYPE, 1) & 0x7f) != 0)
        return MN_VIRTIO_NOTHING;
    if (device < VIRTIO_TRANSITIONAL || device > VIRTIO_LAST)
        return MN_VIRTIO_NOTHING;
    return device >= VIRTIO_MODERN ? device - VIRTIO_MODERN : pci_read(t, SUBSYSTEM_ID, 2);
}

int mn_virtio_pci_open(struct mn_virtio_transport *t, const struct mn_virtio_machine *machine, uint32_t function)
{
    static const struct mn_virtio_transport_ops ops = {
        .get_status = get_status,
        .set_status = set_status,
        .device_features = device_features,
        .accept_features = accept_features,
        .queue_max = queue_max,
        .queue_enable = queue_enable,
        .notify = notify,
        .config = config,
        .config_generation = config_generation,
        .acknowledge = acknowledge,
    };
    *t = (struct mn_virtio_transport){.ops = &ops, .machine = machine, .pci_function = function};
    if (machine->pci_read == NULL || (t->kind = kind_of(t)) == MN_VIRTIO_NOTHING)
        return MNET_E_NO_DEVICE;
    struct bar bars[BARS];
    read_bars(t, bars);
    unsigned left = CAPABILITIES_MAX;
    for (uint32_t at = 0; (at = next_capability(t, CAP_VENDOR, at, &left)) != 0;)
        take_capability(t, bars, at);
    if (t->registers.address == 0 || t->notify_area.address == 0 || t->isr.address == 0) {
        /* 4.1.4.3.1, 4.1.4.4.1, 4.1.4.5.1: each must be there. A legacy device (4.1.4.10) has none
         * of them. */
        left = CAPABILITIES_MAX;
        t->why = next_capability(t, CAP_VENDOR, 0, &left) == 0 ? "it has the legacy interface only"
                                                               : "its registers are nowhere";
        return MNET_E_NO_DEVICE;
    }
    uint32_t command = pci_read(t, COMMAND, 2) & ~COMMAND_NO_INTX;
    pci_write(t, COMMAND, 2, command | COMMAND_MEMORY | COMMAND_MASTER);
    return MNET_OK;
}

static void set_message(const struct mn_virtio_transport *t, const struct mn_virtio_window *table, unsigned entry,
                        const struct mn_virtio_message *message)
{
    uint32_t at = entry * MSIX_ENTRY;
    mn_virtio_write(t, table, at, 4, (uint32_t)message->address);
    mn_virtio_write(t, table, at + 4, 4, (uint32_t)(message->address >> 32));
    mn_virtio_write(t, table, at + 8, 4, message->data);
    mn_virtio_write(t, table, at + 12, 4, 0); /* not masked */
}

bool mn_virtio_pci_messages(struct mn_virtio_transport *t, const struct mn_virtio_message *queues,
                            const struct mn_virtio_message *config_change)
{
    unsigned left = CAPABILITIES_MAX;
    if (t->ops->notify != notify) /* of another bus */
        return false;
    uint32_t capability = next_capability(t, CAP_MSIX, 0, &left);
    if (capability == 0)
        return false;
    uint32_t control = pci_read(t, capability + MSIX_CONTROL, 2), place = pci_read(t, capability + MSIX_TABLE, 4);
    struct bar bars[BARS];
    read_bars(t, bars);
    if ((place & 7) >= BARS)
        return false;
    bool one = (control & MSIX_LAST) == 0;
    uint32_t bytes = (one ? 1 : 2) * MSIX_ENTRY;
    struct mn_virtio_window table = map_window(t, &bars[place & 7], place & ~7u, bytes);
    if (table.address == 0)
        return false;
    pci_write(t, capability + MSIX_CONTROL, 2, control | MSIX_ENABLE | MSIX_MASK_ALL);
    set_message(t, &table, MSIX_CONFIG, one ? queues : config_change);
    set_message(t, &table, MSIX_QUEUES, queues); /* outside the table if it has one entry */
    pci_write(t, capability + MSIX_CONTROL, 2, (control | MSIX_ENABLE) & ~MSIX_MASK_ALL);
    pci_write(t, COMMAND, 2, pci_read(t, COMMAND, 2) | COMMAND_NO_INTX);
    t->messages = true;
    t->one_message = one;
    return true;
}
