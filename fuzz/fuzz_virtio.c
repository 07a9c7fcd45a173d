/* The network driver and its transports against a host that lies. The script is the host: it
 * decides how the device is made, which values its registers have, which buffers it reports as used
 * and with which length, and what it writes into the memory that it may write. In between a program
 * sends, receives and waits.
 *
 * For any script the driver makes no access outside its own memory, fails no assertion and does not
 * loop endlessly. Received packets are sound, and all memory comes back in the end.
 */
#include "tests/support/virtio_device.h"

#include <string.h>

#include <mnet/error.h>

#include "base/cursor.h"
#include "fuzz.h"
#include "stack/offload.h"

#define REGION MNET_MEMORY_MINIMUM
#define BATCH 16
/* A read of a register returns a lie if the next byte of the script is at least this. */
#define LIE_ABOVE 0xe0
/* Limit on the waits of one call: nothing waits for a silent device, except one second for a
 * reset. */
#define WAITS_MAX 1100u
#define WINDOWS 64

struct virtio_world {
    struct virtio_device device;
    struct mn_virtio_transport transport;
    struct mn_virtio_machine honest;
    struct mnet_memory *memory;
    struct mnet_device *net;
    struct mn_reader script;
    unsigned lent, released;
    bool lies; /* its registers lie */
    /* Its reports or writes leave it unclear which buffers it owns, so it writes into none any
     * more. */
    bool astray;
    struct mn_virtio_window mapped[WINDOWS];
    unsigned mapped_count;
};

static uint8_t region[REGION];
static _Alignas(MN_VIRTIO_ALIGNMENT) uint8_t driver[sizeof(struct mn_net)];

static struct virtio_world *world_of(void *context)
{
    return MN_CONTAINER((struct virtio_device *)context, struct virtio_world, device);
}

/* ---- Registers that lie ---- */

/* The driver accesses only registers that it has mapped. */
static bool is_mapped(const struct virtio_world *w, uint64_t address, unsigned bytes)
{
    for (unsigned i = 0; i < w->mapped_count; i++) {
        if (address >= w->mapped[i].address && address + bytes <= w->mapped[i].address + w->mapped[i].bytes)
            return true;
    }
    return false;
}

static uint64_t lying_map(void *context, uint64_t physical, uint64_t bytes)
{
    struct virtio_world *w = world_of(context);
    MN_ASSERT(bytes > 0 && bytes <= UINT32_MAX && physical + bytes > physical);
    if (w->mapped_count == WINDOWS)
        return 0;
    w->mapped[w->mapped_count++] = (struct mn_virtio_window){physical, (uint32_t)bytes};
    return physical;
}

static uint32_t maybe_lie(struct virtio_world *w, uint32_t truth)
{
    if (!w->lies || mn_reader_left(&w->script) < 5 || mn_read_u8(&w->script) < LIE_ABOVE)
        return truth;
    uint32_t shape = mn_read_u8(&w->script);
    return shape & 1 ? shape >> 1 : shape & 2 ? truth ^ 1u << (shape >> 3) : mn_read_u32(&w->script);
}

static uint32_t lying_read(void *context, uint64_t address, unsigned bytes)
{
    struct virtio_world *w = world_of(context);
    MN_ASSERT(is_mapped(w, address, bytes));
    return maybe_lie(w, w->honest.read(context, address, bytes)) & (UINT32_MAX >> (32 - 8 * bytes));
}

static void checked_write(void *context, uint64_t address, unsigned bytes, uint32_t value)
{
    MN_ASSERT(is_mapped(world_of(context), address, bytes));
    world_of(context)->honest.write(context, address, bytes, value);
}

static uint32_t lying_pci_read(void *context, uint32_t function, unsigned offset, unsigned bytes)
{
    struct virtio_world *w = world_of(context);
    return maybe_lie(w, w->honest.pci_read(context, function, offset, bytes)) & (UINT32_MAX >> (32 - 8 * bytes));
}

/* ---- A device, and a driver for it ---- */

static void make_device(struct virtio_world *w)
{
    struct virtio_device *d = &w->device;
    uint8_t shape = mn_read_u8(&w->script);
    virtio_device_init(d, shape & 1 ? VIRTIO_PCI : VIRTIO_MMIO, MN_VIRTIO_NET);
    w->lies = d->lenient = shape & 2;
    d->refuses_vectors = shape & 4;
    if (shape & 8)
        d->offered &= mn_read_u32(&w->script) | (uint64_t)(mn_read_u8(&w->script) | 1) << 32;
    if (shape & 16)
        d->rings[shape >> 5 & 1].max = d->rings[shape >> 5 & 1].size = (uint16_t)(1u << mn_read_u8(&w->script) % 16);
    if (shape & 64) {
        for (int i = 0; i < 12; i++)
            d->config[i] = mn_read_u8(&w->script);
    }
    for (int changes = shape & 128 ? mn_read_u8(&w->script) % 16 : 0; changes > 0; changes--) {
        uint8_t offset = mn_read_u8(&w->script);
        d->pci[offset] = mn_read_u8(&w->script);
        d->lenient = true;
    }
    w->honest = d->machine;
    d->machine.map = lying_map;
    d->machine.read = lying_read;
    d->machine.write = checked_write;
    d->machine.pci_read = lying_pci_read;
}

static void open_device(struct virtio_world *w)
{
    static const struct mn_virtio_message queues = {0xfee00000, 1}, config = {0xfee00000, 2};
    uint8_t offload = mn_read_u8(&w->script);
    if (w->net != NULL || virtio_device_find(&w->device, &w->transport) < 0)
        return;
    if (offload & 8)
        (void)mn_virtio_pci_messages(&w->transport, &queues, &config);
    w->astray = false;
    if (mn_virtio_net_open(&w->transport, driver, "service", offload & 7, &w->net) < 0)
        return;
    MN_ASSERT(w->net->mtu >= 576 && w->net->ops != NULL && !(w->net->mac[0] & 1));
    w->net->memory = w->memory;
}

static void op_reopen(struct virtio_world *w)
{
    if (w->net != NULL)
        w->net->ops->close(w->net);
    w->net = NULL;
    open_device(w);
}

/* ---- The program ---- */

/* Every byte is readable, and the metadata refers to bytes of the packet. */
static void check_packet(const struct virtio_world *w, const struct mnet_packet *packet)
{
    static uint8_t bytes[MNET_FRAME_MAX];
    uint32_t left = packet->total;
    MN_ASSERT(packet->total >= 14 && packet->total <= MNET_FRAME_MAX);
    mnet_packet_copy_out(packet, 0, bytes, packet->total);
    for (const struct mnet_packet *part = packet; part != NULL; part = part->more) {
        MN_ASSERT(part->total == left && part->fragment_count == 0);
        left -= part->len;
    }
    MN_ASSERT(left == 0);
    if (packet->checksum == MNET_CHECKSUM_PARTIAL)
        MN_ASSERT((uint32_t)packet->csum_start + packet->csum_offset + 2 <= packet->len);
    MN_ASSERT(packet->checksum == MNET_CHECKSUM_PLAIN || w->net->rx_offload & MNET_OFFLOAD_CHECKSUM);
    if (packet->gso != MNET_GSO_NONE)
        MN_ASSERT(packet->gso_size > 0 && packet->segments > 0 && packet->checksum == MNET_CHECKSUM_PARTIAL);
}

static void op_receive(struct virtio_world *w)
{
    struct mnet_packet *packets[BATCH];
    if (w->net == NULL)
        return;
    int count = w->net->ops->rx(w->net, packets, BATCH);
    MN_ASSERT(count == MNET_E_IO || (count >= 0 && count <= BATCH));
    for (int i = 0; i < count; i++) {
        check_packet(w, packets[i]);
        mnet_packet_free(packets[i]);
    }
}

static void note_release(void *context)
{
    ((struct virtio_world *)context)->released++;
}

/* Makes a packet of headers and `pieces` lent pieces behind them. */
static struct mnet_packet *make_packet(struct virtio_world *w, unsigned pieces)
{
    static uint8_t payload[1000];
    struct mnet_packet *packet = mnet_packet_alloc(w->memory);
    if (packet == NULL)
        return NULL;
    memset(mnet_packet_put(packet, 100), 0x50, 100);
    for (; pieces > 0; pieces--) {
        struct mnet_buffer *buffer = mnet_buffer_lend(w->memory, payload, sizeof payload, note_release, w);
        w->lent += buffer != NULL;
        if (buffer != NULL)
            mnet_packet_add(packet, buffer, pieces, 500);
        mnet_buffer_free(buffer);
    }
    return packet;
}

static void op_send(struct virtio_world *w)
{
    uint8_t shape = mn_read_u8(&w->script);
    struct mnet_packet *packet = w->net != NULL ? make_packet(w, shape & 7) : NULL;
    if (packet == NULL)
        return;
    if (w->net->tx_offload & MNET_OFFLOAD_CHECKSUM && shape & 8) {
        packet->checksum = MNET_CHECKSUM_PARTIAL;
        packet->csum_start = 34;
        packet->csum_offset = 16;
        packet->gso = shape & 32 ? MNET_GSO_TCPV6 : MNET_GSO_TCPV4;
        packet->gso_size = 100;
        if (!(shape & 16) || mn_offload_needed(packet) & ~w->net->tx_offload) {
            packet->gso = MNET_GSO_NONE;
            packet->gso_size = 0;
        }
    }
    int taken = 0;
    for (int times = shape & 128 ? 64 : 1; times > 0; times--) { /* one packet, held many times */
        mnet_packet_hold(packet);
        taken = w->net->ops->tx(w->net, &packet, 1);
        MN_ASSERT(taken == MNET_E_IO || taken == 0 || taken == 1);
        if (taken != 1)
            mnet_packet_free(packet);
    }
    mnet_packet_free(packet);
}

static void op_wait(struct virtio_world *w)
{
    if (w->net != NULL)
        w->net->ops->wait(w->net, w->device.now + mn_read_u8(&w->script) * MNET_MILLISECOND);
}

/* ---- The host ---- */

/* Returns whether the device knows the addresses of the driver's rings. Lying registers may have
 * given it wrong ones. */
static bool knows_ring(const struct virtio_world *w, unsigned queue)
{
    const struct mn_net *net = (const void *)driver;
    const struct mn_virtqueue *theirs = queue == MN_NET_RX ? &net->rx : &net->tx;
    const struct virtio_ring *ring = &w->device.rings[queue];
    return w->net != NULL && ring->enabled && ring->size == theirs->size &&
           ring->descriptors == (uintptr_t)theirs->descriptors && ring->driver == (uintptr_t)theirs->driver &&
           ring->device == (uintptr_t)theirs->device;
}

static void read_header(struct virtio_world *w, struct mn_vnet_header *header)
{
    *header = (struct mn_vnet_header){.flags = mn_read_u8(&w->script), .gso_type = mn_read_u8(&w->script)};
    header->csum_start = header->flags & 64 ? 34 : mn_read_u16(&w->script);
    header->csum_offset = header->flags & 128 ? 16 : mn_read_u16(&w->script);
    header->gso_size = mn_read_u16(&w->script);
}

static void op_give(struct virtio_world *w)
{
    static uint8_t frame[MNET_FRAME_MAX];
    struct mn_vnet_header header;
    read_header(w, &header);
    size_t len = mn_read_u16(&w->script);
    bool merged = w->device.accepted & MN_NET_F_MRG_RXBUF;
    len = MN_MAX(len, 1u);
    frame[46] = mn_read_u8(&w->script); /* the length of a TCP header */
    if (knows_ring(w, MN_NET_RX) && !w->astray)
        virtio_device_give(&w->device, &header, frame, merged ? len : MN_MIN(len, MNET_PACKET_LINEAR));
}

/* Writes the used element of a buffer, or of something else, and shows it now or with the next
 * one. */
static void say_used(struct virtio_world *w, unsigned queue, uint32_t id, uint32_t len, bool shown)
{
    struct virtio_ring *ring = &w->device.rings[queue];
    virtio_device_put(&w->device, queue, ring->used, id, len);
    if (shown)
        virtio_device_show(&w->device, queue, (uint16_t)(ring->used + 1));
    else
        ring->used++;
}

/* Takes a buffer, writes into it, and reports some other length. */
static void op_use(struct virtio_world *w)
{
    struct virtio_chain chain = {0};
    uint8_t shape = mn_read_u8(&w->script), bytes[64] = {0};
    uint16_t number = mn_read_u8(&w->script);
    unsigned queue = shape & 1;
    uint32_t len = shape & 2 ? mn_read_u32(&w->script) : shape & 4 ? 12 + MNET_PACKET_LINEAR : mn_read_u16(&w->script);
    if (!knows_ring(w, queue) || (!w->astray && !virtio_device_take(&w->device, queue, &chain)))
        return;
    read_header(w, (struct mn_vnet_header *)(void *)bytes);
    memcpy(bytes + 10, &number, sizeof number);
    if (chain.writable)
        memcpy((uint8_t *)(uintptr_t)chain.pieces[0].data, bytes, MN_MIN(sizeof bytes, chain.pieces[0].len));
    bool lies = w->astray || shape & 8;
    w->astray = lies;
    say_used(w, queue, lies ? mn_read_u16(&w->script) : chain.head, len, !(shape & 16));
}

static void op_show(struct virtio_world *w)
{
    uint8_t shape = mn_read_u8(&w->script);
    unsigned queue = shape & 1;
    uint16_t idx = shape & 2 ? mn_read_u16(&w->script) : (uint16_t)(w->device.rings[queue].used + (shape >> 2));
    if (!knows_ring(w, queue))
        return;
    w->astray |= idx != w->device.rings[queue].used;
    virtio_device_show(&w->device, queue, idx);
}

/* Takes a packet that the driver sends, and returns it or not. */
static void op_get(struct virtio_world *w)
{
    static uint8_t frame[MNET_FRAME_MAX];
    struct mn_vnet_header header;
    uint8_t shape = mn_read_u8(&w->script);
    for (int times = shape >> 2; times > 0 && knows_ring(w, MN_NET_TX) && !w->astray; times--)
        virtio_device_get(&w->device, &header, frame, sizeof frame, shape & 3);
}

/* Writes anywhere in the rings, also into parts that only the driver may write. */
static void op_scribble(struct virtio_world *w)
{
    uint16_t offset = mn_read_u16(&w->script), value = mn_read_u16(&w->script);
    uint8_t *ring = mn_read_u8(&w->script) & 1 ? ((struct mn_net *)(void *)driver)->tx_ring
                                               : ((struct mn_net *)(void *)driver)->rx_ring;
    if (w->net == NULL)
        return;
    memcpy(ring + offset % (MN_VIRTQUEUE_BYTES - 1), &value, sizeof value);
    w->astray = w->device.lenient = true;
}

static void op_config(struct virtio_world *w)
{
    uint8_t shape = mn_read_u8(&w->script);
    w->device.config[mn_read_u8(&w->script) % 12] = mn_read_u8(&w->script);
    w->device.status |= shape % 16 == 0 ? MN_VIRTIO_NEEDS_RESET : 0;
    w->device.restless = shape % 16 == 1;
    virtio_device_config_changed(&w->device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const ops[])(struct virtio_world *) = {
        op_receive, op_receive, op_receive, op_send, op_send, op_wait,   op_give,     op_give,   op_use,
        op_use,     op_use,     op_show,    op_get,  op_get,  op_config, op_scribble, op_reopen, op_receive};
    static struct virtio_world w;
    memset(&w, 0, sizeof w);
    w.script = mn_reader(data, size);
    w.memory = mnet_memory_init(region, sizeof region);
    make_device(&w);
    open_device(&w);
    while (w.script.ok && mn_reader_left(&w.script) > 0) {
        unsigned waits = w.device.waits;
        w.mapped_count = MN_MIN(w.mapped_count, WINDOWS / 2);
        ops[mn_read_u8(&w.script) % MN_COUNT_OF(ops)](&w);
        MN_ASSERT(w.device.waits - waits <= 2 * WAITS_MAX);
    }
    if (w.net != NULL)
        w.net->ops->close(w.net);
    MN_ASSERT(mnet_memory_used(w.memory) == 0 && w.lent == w.released);
    return 0;
}
