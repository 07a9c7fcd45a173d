/* See xdp.h. */
#include "ports/packet/xdp.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_xdp.h>

#include "base/base.h"
#include "base/checksum.h"
#include "ports/packet/xdp_program.h"

#define PIECE_BYTES 4096u
#define PIECES 1024u /* of each direction, and entries of each ring; a power of two */
#define MEMORY_BYTES ((size_t)2 * PIECES * PIECE_BYTES)
#define ETHERNET_BYTES 14u
/* The kernel sends so many frames in a call at most, and is called so often for a batch. */
#define KICKS 64

/* A ring of descriptors. One side writes `producer`, the other one `consumer`; both count on. */
struct xdp_ring {
    _Atomic uint32_t *producer, *consumer;
    uint8_t *entries;
    void *map;
    size_t map_bytes;
    uint32_t next; /* our count, not yet shown */
};

struct mn_xdp {
    int fd, program_fd;
    uint8_t *memory; /* pieces: first those for received frames */
    struct xdp_ring fill, done, rx, tx;
    uint32_t free_count;
    uint64_t free[PIECES]; /* places of pieces for frames to be sent */
};

/* ---- The rings ---- */

static bool set(int fd, int option, const void *value, socklen_t len)
{
    return setsockopt(fd, SOL_XDP, option, value, len) == 0;
}

static bool map_ring(int fd, struct xdp_ring *ring, const struct xdp_ring_offset *offsets, size_t entry_bytes,
                     uint64_t page_offset)
{
    ring->map_bytes = offsets->desc + PIECES * entry_bytes;
    ring->map = mmap(NULL, ring->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)page_offset);
    if (ring->map == MAP_FAILED) {
        ring->map = NULL;
        return false;
    }
    uint8_t *bytes = ring->map;
    ring->producer = (_Atomic uint32_t *)(void *)(bytes + offsets->producer);
    ring->consumer = (_Atomic uint32_t *)(void *)(bytes + offsets->consumer);
    ring->entries = bytes + offsets->desc;
    return true;
}

static bool map_rings(struct mn_xdp *xdp)
{
    struct xdp_mmap_offsets offsets;
    socklen_t len = sizeof offsets;
    if (getsockopt(xdp->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len) < 0 || len != sizeof offsets)
        return false;
    return map_ring(xdp->fd, &xdp->fill, &offsets.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING) &&
           map_ring(xdp->fd, &xdp->done, &offsets.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING) &&
           map_ring(xdp->fd, &xdp->rx, &offsets.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING) &&
           map_ring(xdp->fd, &xdp->tx, &offsets.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
}

static uint64_t *place_at(const struct xdp_ring *ring, uint32_t count)
{
    return (uint64_t *)(void *)ring->entries + count % PIECES;
}

static struct xdp_desc *frame_at(const struct xdp_ring *ring, uint32_t count)
{
    return (struct xdp_desc *)(void *)ring->entries + count % PIECES;
}

/* Entries of the kernel that we have not taken. */
static uint32_t waiting(const struct xdp_ring *ring)
{
    uint32_t count = atomic_load_explicit(ring->producer, memory_order_acquire) - ring->next;
    return MN_MIN(count, PIECES);
}

static void show(struct xdp_ring *ring)
{
    atomic_store_explicit(ring->producer, ring->next, memory_order_release);
}

static void give_back(struct xdp_ring *ring)
{
    atomic_store_explicit(ring->consumer, ring->next, memory_order_release);
}

/* ---- Opening ---- */

static bool set_memory(struct mn_xdp *xdp)
{
    xdp->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (xdp->memory == MAP_FAILED) {
        xdp->memory = NULL;
        return false;
    }
    struct xdp_umem_reg memory = {.addr = (uintptr_t)xdp->memory, .len = MEMORY_BYTES, .chunk_size = PIECE_BYTES};
    const uint32_t entries = PIECES;
    return set(xdp->fd, XDP_UMEM_REG, &memory, sizeof memory) &&
           set(xdp->fd, XDP_UMEM_FILL_RING, &entries, sizeof entries) &&
           set(xdp->fd, XDP_UMEM_COMPLETION_RING, &entries, sizeof entries) &&
           set(xdp->fd, XDP_RX_RING, &entries, sizeof entries) && set(xdp->fd, XDP_TX_RING, &entries, sizeof entries);
}

static void share_out(struct mn_xdp *xdp)
{
    for (uint32_t i = 0; i < PIECES; i++) {
        *place_at(&xdp->fill, xdp->fill.next++) = (uint64_t)i * PIECE_BYTES;
        xdp->free[xdp->free_count++] = (uint64_t)(PIECES + i) * PIECE_BYTES;
    }
    show(&xdp->fill);
}

static bool set_up(struct mn_xdp *xdp, int index, const uint8_t mac[6], const char **what)
{
    const struct sockaddr_xdp address = {
        .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = (uint32_t)index, .sxdp_queue_id = 0};
    *what = "no AF_XDP socket";
    xdp->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (xdp->fd < 0)
        return false;
    *what = "no memory for an AF_XDP socket";
    if (!set_memory(xdp) || !map_rings(xdp))
        return false;
    share_out(xdp);
    *what = "cannot bind an AF_XDP socket";
    if (bind(xdp->fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return false;
    xdp->program_fd = mn_xdp_program_attach(xdp->fd, index, mac, what);
    return xdp->program_fd >= 0;
}

struct mn_xdp *mn_xdp_open(int index, const uint8_t mac[6], const char **what)
{
    struct mn_xdp *xdp = calloc(1, sizeof *xdp);
    *what = "no AF_XDP socket";
    if (xdp == NULL)
        return NULL;
    xdp->fd = xdp->program_fd = -1;
    if (set_up(xdp, index, mac, what))
        return xdp;
    int cause = errno;
    mn_xdp_close(xdp);
    errno = cause;
    return NULL;
}

void mn_xdp_close(struct mn_xdp *xdp)
{
    if (xdp == NULL)
        return;
    if (xdp->program_fd >= 0)
        close(xdp->program_fd);
    const struct xdp_ring *rings[] = {&xdp->fill, &xdp->done, &xdp->rx, &xdp->tx};
    for (size_t i = 0; i < MN_COUNT_OF(rings); i++) {
        if (rings[i]->map != NULL)
            munmap(rings[i]->map, rings[i]->map_bytes);
    }
    if (xdp->fd >= 0)
        close(xdp->fd);
    if (xdp->memory != NULL)
        munmap(xdp->memory, MEMORY_BYTES);
    free(xdp);
}

int mn_xdp_fd(const struct mn_xdp *xdp)
{
    return xdp->fd;
}

/* ---- Received ---- */

/* NULL if there is no memory for the frame, or it does not lie in a piece for received frames. */
static struct mnet_packet *copy_in(const struct mn_xdp *xdp, uint64_t place, uint32_t len, struct mnet_memory *memory)
{
    bool inside = place < (uint64_t)PIECES * PIECE_BYTES && len >= ETHERNET_BYTES &&
                  place % PIECE_BYTES + len <= PIECE_BYTES;
    struct mnet_packet *packet = inside ? mnet_packet_alloc(memory) : NULL;
    if (packet == NULL)
        return NULL;
    const uint8_t *frame = xdp->memory + place;
    if (len > mnet_packet_tailroom(packet)) {
        if (mnet_packet_append(packet, frame, len))
            return packet;
        mnet_packet_free(packet);
        return NULL;
    }
    uint8_t *to = mnet_packet_put(packet, len);
    memcpy(to, frame, ETHERNET_BYTES);
    uint64_t sum = mn_sum_copy(0, to + ETHERNET_BYTES, frame + ETHERNET_BYTES, len - ETHERNET_BYTES);
    packet->checksum = MNET_CHECKSUM_SUMMED;
    packet->csum_start = ETHERNET_BYTES;
    packet->csum_value = mn_sum_fold(sum);
    return packet;
}

int mn_xdp_rx(struct mn_xdp *xdp, struct mnet_device *device, struct mnet_packet **packets, int max)
{
    int count = 0;
    uint32_t frames = waiting(&xdp->rx);
    for (; frames > 0 && count < max; frames--) {
        struct xdp_desc frame = *frame_at(&xdp->rx, xdp->rx.next++);
        struct mnet_packet *packet = copy_in(xdp, frame.addr, frame.len, device->memory);
        if (packet != NULL)
            packets[count++] = packet;
        else
            device->rx_dropped++;
        *place_at(&xdp->fill, xdp->fill.next++) = frame.addr - frame.addr % PIECE_BYTES;
    }
    give_back(&xdp->rx);
    show(&xdp->fill);
    return count;
}

/* ---- Sent ---- */

static void reap(struct mn_xdp *xdp)
{
    for (uint32_t count = waiting(&xdp->done); count > 0 && xdp->free_count < PIECES; count--) {
        uint64_t place = *place_at(&xdp->done, xdp->done.next++);
        if (MN_LIKELY(place < MEMORY_BYTES))
            xdp->free[xdp->free_count++] = place - place % PIECE_BYTES;
    }
    give_back(&xdp->done);
}

/* Has the kernel send what is shown. It takes some frames in a call. */
static void kick(struct mn_xdp *xdp)
{
    for (int i = 0; i < KICKS; i++) {
        if (atomic_load_explicit(xdp->tx.consumer, memory_order_acquire) == xdp->tx.next)
            return;
        if (sendto(xdp->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EINTR)
            return; /* no room, or the interface is down; the next call tries again */
    }
}

/* The most frames that a packet stands for. */
static uint32_t frames_of(const struct mnet_packet *packet)
{
    return packet->gso_size > 0 ? packet->total / packet->gso_size + 1 : 1;
}

static void copy_out(struct mn_xdp *xdp, struct mnet_device *device, const struct mnet_packet *packet)
{
    struct mnet_frames frames;
    bool possible = mnet_frames_begin(&frames, packet);
    MN_ASSERT(possible); /* the stack made it */
    for (size_t len; (len = mnet_frames_length(&frames)) > 0;) {
        if (len > PIECE_BYTES) {
            device->tx_dropped++;
            return;
        }
        uint64_t place = xdp->free[--xdp->free_count];
        (void)mnet_frames_copy(&frames, xdp->memory + place);
        *frame_at(&xdp->tx, xdp->tx.next++) = (struct xdp_desc){.addr = place, .len = (uint32_t)len};
    }
}

int mn_xdp_tx(struct mn_xdp *xdp, struct mnet_device *device, struct mnet_packet **packets, int count)
{
    int taken = 0;
    reap(xdp);
    for (; taken < count && frames_of(packets[taken]) <= xdp->free_count; taken++) {
        copy_out(xdp, device, packets[taken]);
        mnet_packet_free(packets[taken]);
    }
    show(&xdp->tx);
    kick(xdp);
    return taken;
}
