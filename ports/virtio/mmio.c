/* Registers in memory (4.2): the transport of QEMU's microvm, Firecracker and arm boards.
 *
 * Version 2 is the standard one. Version 1 (4.2.4) differs in how a queue is placed: as one stretch
 * of pages, told by the number of its first page.
 */
#include <string.h>

#include <mnet/error.h>

#include "base/base.h"
#include "ports/virtio/virtio.h"

/* 4.2.2 */
enum {
    MAGIC_VALUE = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL = 0x030,
    QUEUE_NUM_MAX = 0x034,
    QUEUE_NUM = 0x038,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC_LOW = 0x080,
    QUEUE_DRIVER_LOW = 0x090,
    QUEUE_DEVICE_LOW = 0x0a0,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
};

/* 4.2.4: of version 1 only. */
enum {
    LEGACY_GUEST_PAGE_SIZE = 0x028,
    LEGACY_QUEUE_ALIGN = 0x03c,
    LEGACY_QUEUE_PFN = 0x040,
};

#define MAGIC 0x74726976u /* "virt" */
#define PAGE_SHIFT 12

static uint32_t get(const struct mn_virtio_transport *t, uint32_t offset)
{
    return mn_virtio_read(t, &t->registers, offset, 4);
}

static void set(const struct mn_virtio_transport *t, uint32_t offset, uint32_t value)
{
    mn_virtio_write(t, &t->registers, offset, 4, value);
}

static void set64(const struct mn_virtio_transport *t, uint32_t offset, uint64_t value)
{
    set(t, offset, (uint32_t)value);
    set(t, offset + 4, (uint32_t)(value >> 32));
}

static uint8_t get_status(struct mn_virtio_transport *t)
{
    return (uint8_t)get(t, STATUS);
}

static void set_status(struct mn_virtio_transport *t, uint8_t status)
{
    set(t, STATUS, status);
    if (status == 0 && t->legacy)
        set(t, LEGACY_GUEST_PAGE_SIZE, 1u << PAGE_SHIFT);
}

static uint32_t features_word(struct mn_virtio_transport *t, uint32_t word)
{
    set(t, DEVICE_FEATURES_SEL, word);
    return get(t, DEVICE_FEATURES);
}

static uint64_t device_features(struct mn_virtio_transport *t)
{
    uint64_t low = features_word(t, 0);
    return t->legacy ? low : low | (uint64_t)features_word(t, 1) << 32;
}

static void accept_features(struct mn_virtio_transport *t, uint64_t features)
{
    for (uint32_t word = 0; word < (t->legacy ? 1u : 2u); word++) {
        set(t, DRIVER_FEATURES_SEL, word);
        set(t, DRIVER_FEATURES, (uint32_t)(features >> word * 32));
    }
}

static uint32_t queue_max(struct mn_virtio_transport *t, uint16_t index)
{
    set(t, QUEUE_SEL, index);
    return get(t, QUEUE_NUM_MAX);
}

/* 4.2.4: one stretch of pages; the rest follows from its size (2.7.2). */
static bool queue_enable_legacy(struct mn_virtio_transport *t, const struct mn_virtio_queue_place *place)
{
    uint64_t page = place->descriptors >> PAGE_SHIFT;
    if (get(t, LEGACY_QUEUE_PFN) != 0 || page > UINT32_MAX)
        return false;
    set(t, QUEUE_NUM, place->size);
    set(t, LEGACY_QUEUE_ALIGN, MN_VIRTIO_ALIGNMENT);
    set(t, LEGACY_QUEUE_PFN, (uint32_t)page);
    return true;
}

/* 4.2.3.2 */
static bool queue_enable(struct mn_virtio_transport *t, uint16_t index, const struct mn_virtio_queue_place *place)
{
    set(t, QUEUE_SEL, index);
    if (t->legacy)
        return queue_enable_legacy(t, place);
    if (get(t, QUEUE_READY) != 0)
        return false;
    set(t, QUEUE_NUM, place->size);
    set64(t, QUEUE_DESC_LOW, place->descriptors);
    set64(t, QUEUE_DRIVER_LOW, place->driver);
    set64(t, QUEUE_DEVICE_LOW, place->device);
    set(t, QUEUE_READY, 1);
    return get(t, QUEUE_READY) == 1;
}

/* 4.2.3.3 */
static void notify(struct mn_virtio_transport *t, uint16_t index)
{
    set(t, QUEUE_NOTIFY, index);
}

/* 4.2.2.2: bytes are always an allowed access. */
static void config(struct mn_virtio_transport *t, unsigned offset, void *to, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = (uint8_t)mn_virtio_read(t, &t->registers, CONFIG + offset + i, 1);
}

static uint32_t config_generation(struct mn_virtio_transport *t)
{
    return t->legacy ? 0 : get(t, CONFIG_GENERATION);
}

/* 4.2.3.4.1 */
static uint32_t acknowledge(struct mn_virtio_transport *t)
{
    uint32_t status = get(t, INTERRUPT_STATUS);
    if (status != 0)
        set(t, INTERRUPT_ACK, status);
    return status;
}

int mn_virtio_mmio_open(struct mn_virtio_transport *t, const struct mn_virtio_machine *machine, uint64_t physical,
                        uint32_t bytes)
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
    *t = (struct mn_virtio_transport){.ops = &ops, .machine = machine};
    t->registers = (struct mn_virtio_window){machine->map(machine->context, physical, bytes), bytes};
    uint32_t version = get(t, VERSION);
    /* 4.2.2.2: nothing else is touched if one of these is wrong; device 0 is a place without a
     * device. */
    if (get(t, MAGIC_VALUE) != MAGIC || version < 1 || version > 2)
        return MNET_E_NO_DEVICE;
    t->legacy = version == 1;
    t->kind = get(t, DEVICE_ID);
    return t->kind != MN_VIRTIO_NOTHING ? MNET_OK : MNET_E_NO_DEVICE;
}
