#include "tests/support/virtio_device.h"

#include <string.h>

#include "ports/common/little.h"

#define NO_VECTOR 0xffffu
/* Checks a rule that the driver keeps with an honest device. */
#define CHECK(condition) MN_ASSERT(d->lenient || (condition))

static struct virtio_device *device_of(void *context)
{
    return context;
}

/* ---- Registers of all buses ---- */

static void reset(struct virtio_device *d)
{
    d->accepted = 0;
    d->isr = 0;
    d->reset_left = d->reset_waits;
    d->config_vector = NO_VECTOR;
    for (unsigned i = 0; i < MN_VIRTIO_QUEUES; i++) {
        uint16_t max = d->rings[i].max;
        d->rings[i] = (struct virtio_ring){.max = max, .size = max, .vector = NO_VECTOR};
    }
}

static void write_status(struct virtio_device *d, uint8_t status)
{
    if (status == 0 && d->refuses_reset && d->status & MN_VIRTIO_DRIVER_OK)
        status = d->status | MN_VIRTIO_FAILED;
    bool ready = status & MN_VIRTIO_DRIVER_OK, legacy = d->bus == VIRTIO_MMIO_LEGACY;
    if (status == 0)
        reset(d);
    CHECK(status == 0 || (d->status & ~(unsigned)status) == 0); /* 2.1.1 */
    CHECK(!ready || legacy || status & MN_VIRTIO_FEATURES_OK);
    if (status & MN_VIRTIO_FEATURES_OK && !(d->status & MN_VIRTIO_FEATURES_OK)) {
        CHECK((d->accepted & ~d->offered) == 0); /* 2.2.1 */
        if (d->refuses_features)
            status &= (uint8_t)~MN_VIRTIO_FEATURES_OK;
    }
    d->status = status;
}

static uint8_t read_status(const struct virtio_device *d)
{
    return d->reset_left > 0 ? d->status | MN_VIRTIO_ACKNOWLEDGE : d->status;
}

static uint32_t feature_word(const struct virtio_device *d)
{
    return d->feature_select < 2 ? (uint32_t)(d->offered >> 32 * d->feature_select) : 0;
}

static void accept_word(struct virtio_device *d, uint32_t value)
{
    CHECK(!(d->status & MN_VIRTIO_FEATURES_OK) && d->driver_select < 2); /* 3.1.1 */
    unsigned shift = 32 * (d->driver_select & 1);
    d->accepted = (d->accepted & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

static struct virtio_ring *selected(struct virtio_device *d)
{
    static struct virtio_ring none;
    none = (struct virtio_ring){0};
    return d->queue_select < MN_VIRTIO_QUEUES ? &d->rings[d->queue_select] : &none;
}

static void enable(struct virtio_device *d)
{
    struct virtio_ring *ring = selected(d);
    /* 4.1.4.3.2. */
    CHECK(ring->size > 0 && ring->size <= ring->max && (ring->size & (ring->size - 1)) == 0);
    CHECK(ring->descriptors % 16 == 0 && ring->driver % 2 == 0 && ring->device % 4 == 0); /* 2.7 */
    CHECK(ring->descriptors != 0 && ring->driver != 0 && ring->device != 0 && !ring->enabled);
    ring->enabled = true;
}

static bool enabled(struct virtio_device *d)
{
    return selected(d)->enabled && !d->refuses_queues;
}

static void notify(struct virtio_device *d, uint32_t queue)
{
    CHECK(d->status & MN_VIRTIO_DRIVER_OK && queue < MN_VIRTIO_QUEUES); /* 3.1.1 */
    d->rings[queue % MN_VIRTIO_QUEUES].notified++;
}

static void set_half(uint64_t *field, bool high, uint32_t value)
{
    *field = high ? (*field & UINT32_MAX) | (uint64_t)value << 32 : (*field & ~(uint64_t)UINT32_MAX) | value;
}

static uint32_t read_config(struct virtio_device *d, uint64_t offset, unsigned bytes)
{
    uint32_t value = 0;
    CHECK(bytes == 1);
    if (offset < sizeof d->config)
        value = d->config[offset];
    d->generation += d->restless;
    if (d->restless)
        d->config[offset % sizeof d->config]++;
    return value;
}

/* ---- MMIO: 4.2.2 ---- */

static uint32_t mmio_read(struct virtio_device *d, uint64_t offset, unsigned bytes)
{
    bool legacy = d->bus == VIRTIO_MMIO_LEGACY;
    if (offset >= 0x100)
        return read_config(d, offset - 0x100, bytes);
    CHECK(bytes == 4 && offset % 4 == 0); /* 4.2.2.2 */
    switch (offset) {
    case 0x00: return 0x74726976;
    case 0x04: return legacy ? 1 : 2;
    case 0x08: return d->kind;
    case 0x10: return feature_word(d);
    case 0x34: return selected(d)->max;
    case 0x40: return (uint32_t)(selected(d)->descriptors >> 12);
    case 0x44: CHECK(!legacy); return enabled(d);
    case 0x60: return d->isr;
    case 0x70: return read_status(d);
    case 0xfc: CHECK(!legacy); return d->generation;
    default: CHECK(!"a register that can be read"); return 0;
    }
}

/* 2.7.2 */
static void place_legacy(struct virtio_device *d, uint32_t page)
{
    struct virtio_ring *ring = selected(d);
    ring->descriptors = (uint64_t)page << 12;
    ring->driver = ring->descriptors + 16u * ring->size;
    ring->device = (ring->driver + 6 + 2u * ring->size + 4095) & ~UINT64_C(4095);
    enable(d);
}

static void mmio_write(struct virtio_device *d, uint64_t offset, uint32_t value)
{
    bool legacy = d->bus == VIRTIO_MMIO_LEGACY;
    struct virtio_ring *ring = selected(d);
    switch (offset) {
    case 0x14: d->feature_select = value; break;
    case 0x20: accept_word(d, value); break;
    case 0x24: d->driver_select = value; break;
    case 0x28: CHECK(legacy && value == 4096); break;
    case 0x30: d->queue_select = value; break;
    case 0x38: ring->size = (uint16_t)value; break;
    case 0x3c: CHECK(legacy && value == 4096); break;
    case 0x40:
        CHECK(legacy);
        place_legacy(d, value);
        break;
    case 0x44:
        CHECK(!legacy && value == 1);
        enable(d);
        break;
    case 0x50: notify(d, value); break;
    case 0x64: d->isr &= ~value; break;
    case 0x70: write_status(d, (uint8_t)value); break;
    case 0x80:
    case 0x84: set_half(&ring->descriptors, offset & 4, value); break;
    case 0x90:
    case 0x94: set_half(&ring->driver, offset & 4, value); break;
    case 0xa0:
    case 0xa4: set_half(&ring->device, offset & 4, value); break;
    default: CHECK(!"a register that can be written");
    }
}

/* ---- PCI: 4.1.4 ---- */

static uint32_t common_read(struct virtio_device *d, uint64_t offset)
{
    switch (offset) {
    case 4: return feature_word(d);
    case 16: return d->refuses_vectors ? NO_VECTOR : d->config_vector;
    case 18: return MN_VIRTIO_QUEUES;
    case 20: return read_status(d);
    case 21: return d->generation;
    case 24: return selected(d)->size;
    case 26: return d->refuses_vectors ? NO_VECTOR : selected(d)->vector;
    case 28: return enabled(d);
    case 30: return d->queue_select;
    default: CHECK(!"a field that is read"); return 0;
    }
}

static void common_write(struct virtio_device *d, uint64_t offset, uint32_t value)
{
    struct virtio_ring *ring = selected(d);
    switch (offset) {
    case 0: d->feature_select = value; break;
    case 8: d->driver_select = value; break;
    case 12: accept_word(d, value); break;
    case 16: d->config_vector = (uint16_t)value; break;
    case 20: write_status(d, (uint8_t)value); break;
    case 22: d->queue_select = value; break;
    case 24: ring->size = (uint16_t)value; break;
    case 26: ring->vector = (uint16_t)value; break;
    case 28:
        CHECK(value == 1);
        enable(d);
        break; /* 4.1.4.3.2 */
    case 32:
    case 36: set_half(&ring->descriptors, offset & 4, value); break;
    case 40:
    case 44: set_half(&ring->driver, offset & 4, value); break;
    case 48:
    case 52: set_half(&ring->device, offset & 4, value); break;
    default: CHECK(!"a field that is written");
    }
}

static uint32_t bar_read(struct virtio_device *d, uint64_t offset, unsigned bytes)
{
    if (offset >= VIRTIO_CONFIG && offset < VIRTIO_NOTIFY)
        return read_config(d, offset - VIRTIO_CONFIG, bytes);
    if (offset == VIRTIO_ISR) {
        uint32_t isr = d->isr;
        d->isr = 0;
        return isr;
    }
    return common_read(d, offset);
}

static void bar_write(struct virtio_device *d, uint64_t offset, uint32_t value)
{
    if (offset < VIRTIO_NOTIFY) {
        common_write(d, offset, value);
        return;
    }
    /* The multiplier is 4, and the queue's offset its number. */
    CHECK(offset == VIRTIO_NOTIFY + 4 * value);
    notify(d, value);
}

static uint32_t pci_read(void *context, uint32_t function, unsigned offset, unsigned bytes)
{
    const struct virtio_device *d = context;
    uint32_t value = 0;
    MN_ASSERT(offset % bytes == 0 && offset + bytes <= sizeof d->pci);
    if (function != VIRTIO_FUNCTION)
        return UINT32_MAX;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)d->pci[offset + i] << 8 * i;
    return value;
}

static void pci_store(struct virtio_device *d, unsigned offset, unsigned bytes, uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        d->pci[offset + i] = (uint8_t)(value >> 8 * i);
}

static void pci_write(void *context, uint32_t function, unsigned offset, unsigned bytes, uint32_t value)
{
    struct virtio_device *d = context;
    MN_ASSERT(function == VIRTIO_FUNCTION && offset % bytes == 0 && offset + bytes <= sizeof d->pci);
    if (offset >= 0x10 && offset < 0x28) {
        MN_ASSERT(!(d->pci[4] & 2)); /* nobody may notice that the BAR moves */
        uint32_t mask = d->bar_masks[(offset - 0x10) / 4], fixed = d->pci[offset] & 15u;
        bool upper = offset == 0x10 + 4 * 5;
        value = upper ? value & mask : (value & mask & ~15u) | fixed;
    }
    pci_store(d, offset, bytes, value);
}

static void put_capability(struct virtio_device *d, unsigned at, unsigned next, uint8_t type, uint32_t offset,
                           uint32_t length)
{
    pci_store(d, at, 4, 0x09u | next << 8 | (type == 2 ? 20u : 16u) << 16 | (uint32_t)type << 24);
    pci_store(d, at + 4, 4, 4); /* the BAR */
    pci_store(d, at + 8, 4, offset);
    pci_store(d, at + 12, 4, length);
}

static void init_pci(struct virtio_device *d)
{
    pci_store(d, 0, 4, 0x1af4u | (0x1040u + d->kind) << 16);
    pci_store(d, 6, 2, 0x10);
    pci_store(d, 0x34, 1, CAPABILITY_MSIX);
    pci_store(d, 0x14, 4, (uint32_t)VIRTIO_TABLE_AT);
    pci_store(d, 0x20, 4, (uint32_t)VIRTIO_BAR_AT | 4);
    pci_store(d, 0x24, 4, (uint32_t)(VIRTIO_BAR_AT >> 32));
    d->bar_masks[1] = ~(VIRTIO_TABLE_BYTES - 1);
    d->bar_masks[4] = ~(VIRTIO_BAR_BYTES - 1);
    d->bar_masks[5] = UINT32_MAX;
    /* Two entries. */
    pci_store(d, CAPABILITY_MSIX, 4, 0x11u | (uint32_t)CAPABILITY_COMMON << 8 | 1u << 16);
    pci_store(d, CAPABILITY_MSIX + 4, 4, 1);
    put_capability(d, CAPABILITY_COMMON, CAPABILITY_ISR, 1, VIRTIO_COMMON, 56);
    put_capability(d, CAPABILITY_ISR, CAPABILITY_CONFIG, 3, VIRTIO_ISR, 1);
    put_capability(d, CAPABILITY_CONFIG, CAPABILITY_NOTIFY, 4, VIRTIO_CONFIG, sizeof d->config);
    put_capability(d, CAPABILITY_NOTIFY, 0, 2, VIRTIO_NOTIFY, 4 * MN_VIRTIO_QUEUES);
    pci_store(d, CAPABILITY_NOTIFY + 16, 4, 4);
}

/* ---- The machine ---- */

static uint64_t map(void *context, uint64_t physical, uint64_t bytes)
{
    (void)bytes;
    return device_of(context)->unmapped ? 0 : physical;
}

static bool in(uint64_t address, uint64_t start, uint64_t bytes)
{
    return address >= start && address < start + bytes;
}

static uint32_t machine_read(void *context, uint64_t address, unsigned bytes)
{
    struct virtio_device *d = context;
    if (d->bus != VIRTIO_PCI && in(address, VIRTIO_MMIO_AT, VIRTIO_MMIO_BYTES))
        return mmio_read(d, address - VIRTIO_MMIO_AT, bytes);
    CHECK(d->bus == VIRTIO_PCI && d->pci[4] & 2 && in(address, VIRTIO_BAR_AT, VIRTIO_BAR_BYTES));
    return bar_read(d, address - VIRTIO_BAR_AT, bytes);
}

static void machine_write(void *context, uint64_t address, unsigned bytes, uint32_t value)
{
    struct virtio_device *d = context;
    if (d->bus != VIRTIO_PCI && in(address, VIRTIO_MMIO_AT, VIRTIO_MMIO_BYTES)) {
        CHECK(bytes == 4);
        mmio_write(d, address - VIRTIO_MMIO_AT, value);
    } else if (d->bus == VIRTIO_PCI && in(address, VIRTIO_TABLE_AT, sizeof d->msix)) {
        d->msix[(address - VIRTIO_TABLE_AT) / 4] = value;
    } else {
        CHECK(d->bus == VIRTIO_PCI && d->pci[4] & 2 && in(address, VIRTIO_BAR_AT, VIRTIO_BAR_BYTES));
        bar_write(d, address - VIRTIO_BAR_AT, value);
    }
}

static uint64_t machine_now(void *context)
{
    return device_of(context)->now;
}

static void machine_wait(void *context, uint64_t deadline)
{
    struct virtio_device *d = context;
    d->waits++;
    d->now = MN_MAX(d->now, MN_MIN(deadline, d->now + MNET_SECOND));
    d->reset_left -= d->reset_left > 0 && d->reset_left < UINT32_MAX;
    if (d->idle != NULL)
        d->idle(d);
}

void virtio_device_init(struct virtio_device *d, enum virtio_bus bus, uint32_t kind)
{
    *d = (struct virtio_device){
        .machine = {d, map, machine_read, machine_write, pci_read, pci_write, machine_now, machine_wait},
        .bus = bus,
        .kind = kind,
        .config = {2, 0, 0, 0, 0, 7, 1, 0, 0, 0, 1500 & 0xff, 1500 >> 8},
        .config_vector = NO_VECTOR,
    };
    d->offered = MN_NET_F_CSUM | MN_NET_F_GUEST_CSUM | MN_NET_F_MTU | MN_NET_F_MAC | MN_NET_F_GUEST_TSO4 |
                 MN_NET_F_GUEST_TSO6 | MN_NET_F_GUEST_ECN | MN_NET_F_HOST_TSO4 | MN_NET_F_HOST_TSO6 |
                 MN_NET_F_HOST_ECN | MN_NET_F_MRG_RXBUF | MN_NET_F_STATUS | MN_VIRTIO_F_INDIRECT_DESC |
                 MN_VIRTIO_F_EVENT_IDX;
    d->offered |= bus == VIRTIO_MMIO_LEGACY ? MN_VIRTIO_F_ANY_LAYOUT : MN_VIRTIO_F_VERSION_1;
    for (unsigned i = 0; i < MN_VIRTIO_QUEUES; i++)
        d->rings[i].max = d->rings[i].size = MN_VIRTQUEUE_MAX;
    if (bus == VIRTIO_PCI)
        init_pci(d);
}

int virtio_device_find(struct virtio_device *d, struct mn_virtio_transport *t)
{
    int result = d->bus == VIRTIO_PCI ? mn_virtio_pci_open(t, &d->machine, VIRTIO_FUNCTION)
                                      : mn_virtio_mmio_open(t, &d->machine, VIRTIO_MMIO_AT, VIRTIO_MMIO_BYTES);
    t->raised = &d->raised;
    t->config_raised = &d->config_raised;
    t->interrupts = &d->interrupts;
    return result;
}

/* ---- Interrupts ---- */

static bool uses_messages(const struct virtio_device *d)
{
    return d->bus == VIRTIO_PCI && d->pci[CAPABILITY_MSIX + 3] & 0x80;
}

void virtio_device_config_changed(struct virtio_device *d)
{
    d->generation++;
    if (uses_messages(d)) {
        d->config_raised = d->config_vector == 0;
    } else {
        d->isr |= MN_VIRTIO_INTERRUPT_CONFIG;
        d->raised = true;
    }
}

void virtio_device_link(struct virtio_device *d, bool up)
{
    d->config[6] = up;
    virtio_device_config_changed(d);
}

static void interrupt(struct virtio_device *d)
{
    d->interrupts++;
    d->raised = true;
    if (!uses_messages(d))
        d->isr |= MN_VIRTIO_INTERRUPT_QUEUE;
}

/* ---- Rings ---- */

static uint16_t *words(uint64_t address)
{
    return (uint16_t *)(uintptr_t)address;
}

unsigned virtio_device_waiting(const struct virtio_device *d, unsigned queue)
{
    const struct virtio_ring *ring = &d->rings[queue];
    return ring->enabled ? (uint16_t)(mn_little16(words(ring->driver)[1]) - ring->seen) : 0;
}

/* 2.7.7.2, 2.7.10.1: the device also names the entry at which it wants to be notified next. */
static void note_seen(struct virtio_device *d, struct virtio_ring *ring)
{
    ring->seen++;
    if (d->accepted & MN_VIRTIO_F_EVENT_IDX)
        words(ring->device)[2 + 4 * ring->size] = mn_little16(ring->seen);
}

/* Follows a table of descriptors from entry `at` on. */
static void follow(const struct virtio_device *d, const struct mn_virtq_descriptor *table, unsigned entries,
                   unsigned at, struct virtio_chain *chain)
{
    for (;;) {
        MN_ASSERT(at < entries && chain->count < entries); /* 2.7.5.2: no loops */
        struct mn_virtq_descriptor descriptor = table[at];
        unsigned flags = mn_little16(descriptor.flags);
        uint32_t len = mn_little32(descriptor.len);
        const void *data = (const void *)(uintptr_t)mn_little64(descriptor.address);
        MN_ASSERT(data != NULL && len > 0);
        if (flags & 4) { /* 2.7.5.3.1 */
            CHECK(d->accepted & MN_VIRTIO_F_INDIRECT_DESC && !(flags & 1) && !chain->indirect && len % 16 == 0);
            chain->indirect = true;
            follow(d, data, len / 16, 0, chain);
            return;
        }
        MN_ASSERT(chain->count == 0 || chain->writable == !!(flags & 2));
        chain->writable = flags & 2;
        chain->pieces[chain->count++] = (struct mnet_slice){data, len};
        chain->bytes += len;
        if (!(flags & 1))
            return;
        at = mn_little16(descriptor.next);
    }
}

bool virtio_device_take(struct virtio_device *d, unsigned queue, struct virtio_chain *chain)
{
    struct virtio_ring *ring = &d->rings[queue];
    unsigned waiting = virtio_device_waiting(d, queue);
    MN_ASSERT(waiting <= ring->size); /* 2.7.13.3 */
    if (waiting == 0)
        return false;
    uint16_t head = mn_little16(words(ring->driver)[2 + (ring->seen & (ring->size - 1))]);
    *chain = (struct virtio_chain){.head = head};
    follow(d, (const void *)(uintptr_t)ring->descriptors, ring->size, head, chain);
    MN_ASSERT(chain->count <= ring->size);
    note_seen(d, ring);
    return true;
}

void virtio_device_put(struct virtio_device *d, unsigned queue, uint16_t at, uint32_t id, uint32_t len)
{
    const struct virtio_ring *ring = &d->rings[queue];
    uint32_t element[2] = {mn_little32(id), mn_little32(len)};
    memcpy(words(ring->device) + 2 + 4 * (at & (ring->size - 1)), element, sizeof element);
}

void virtio_device_show(struct virtio_device *d, unsigned queue, uint16_t idx)
{
    struct virtio_ring *ring = &d->rings[queue];
    const uint16_t *driver = words(ring->driver);
    uint16_t old = ring->used, event = mn_little16(driver[2 + ring->size]);
    words(ring->device)[1] = mn_little16(idx);
    ring->used = idx;
    if (d->accepted & MN_VIRTIO_F_EVENT_IDX) {
        CHECK(driver[0] == 0); /* 2.7.7.1 */
        if ((uint16_t)(idx - event - 1) < (uint16_t)(idx - old))
            interrupt(d);
    } else if (!(mn_little16(driver[0]) & 1)) {
        interrupt(d);
    }
}

void virtio_device_use(struct virtio_device *d, unsigned queue, uint32_t id, uint32_t len)
{
    virtio_device_put(d, queue, d->rings[queue].used, id, len);
    virtio_device_show(d, queue, (uint16_t)(d->rings[queue].used + 1));
}

/* ---- Frames ---- */

static size_t header_bytes(const struct virtio_device *d)
{
    return d->bus != VIRTIO_MMIO_LEGACY || d->accepted & MN_NET_F_MRG_RXBUF ? 12 : 10;
}

bool virtio_device_give(struct virtio_device *d, const struct mn_vnet_header *header, const void *frame, size_t len)
{
    struct virtio_chain chain;
    struct virtio_ring *ring = &d->rings[MN_NET_RX];
    uint8_t bytes[12 + MNET_FRAME_MAX], *first = NULL;
    uint16_t idx = ring->used, count = 0;
    size_t all = header_bytes(d) + len, done = 0;
    memset(bytes, 0, 12);
    if (header != NULL)
        memcpy(bytes, header, sizeof *header);
    memcpy(bytes + header_bytes(d), frame, len);
    while (done < all) {
        if (!virtio_device_take(d, MN_NET_RX, &chain))
            return false;
        MN_ASSERT(chain.writable && chain.count == 1);
        size_t part = MN_MIN(all - done, (size_t)chain.bytes);
        uint8_t *to = (uint8_t *)(uintptr_t)chain.pieces[0].data;
        memcpy(to, bytes + done, part);
        first = first == NULL ? to : first;
        virtio_device_put(d, MN_NET_RX, (uint16_t)(idx + count++), chain.head, (uint32_t)part);
        done += part;
    }
    CHECK(count == 1 || d->accepted & MN_NET_F_MRG_RXBUF); /* 5.1.6.3.2 */
    uint16_t number = mn_little16(count);
    if (header_bytes(d) == 12)
        memcpy(first + 10, &number, sizeof number);
    virtio_device_show(d, MN_NET_RX, (uint16_t)(idx + count));
    return true;
}

size_t virtio_device_get(struct virtio_device *d, struct mn_vnet_header *header, void *frame, size_t max, bool done)
{
    struct virtio_chain chain;
    uint8_t bytes[12 + MNET_FRAME_MAX];
    size_t len = 0;
    if (!virtio_device_take(d, MN_NET_TX, &chain))
        return 0;
    MN_ASSERT(!chain.writable && chain.bytes > header_bytes(d) && chain.bytes <= sizeof bytes);
    for (unsigned i = 0; i < chain.count; len += chain.pieces[i++].len)
        memcpy(bytes + len, chain.pieces[i].data, chain.pieces[i].len);
    memcpy(header, bytes, sizeof *header);
    for (size_t i = sizeof *header; i < header_bytes(d); i++)
        CHECK(bytes[i] == 0); /* 5.1.6.2.1: num_buffers */
    len -= header_bytes(d);
    memcpy(frame, bytes + header_bytes(d), MN_MIN(len, max));
    if (done)
        virtio_device_use(d, MN_NET_TX, chain.head, 0);
    return len;
}
