/* Packets: a frame or datagram on its way through the stack, with its offload metadata.
 *
 * A packet is a linear part (headers, small payloads; with headroom in front) followed by up to MNET_PACKET_FRAGMENTS
 * pieces of larger buffers, followed by the bytes of the packets linked through `more` (runs of segments that
 * were coalesced on receipt). All headers that mnet parses or emits lie in the linear part. Packets and buffers
 * are reference counted and come from a mnet_memory; ownership moves with each call as its comment says.
 */
#ifndef MNET_PACKET_H
#define MNET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/memory.h>

#pragma GCC visibility push(default)

#define MNET_PACKET_FRAGMENTS 8     /* pieces behind the linear part */
#define MNET_PACKET_HEADROOM 128    /* bytes in front of the linear part of a new packet */
#define MNET_PACKET_LINEAR 1536     /* bytes a new packet can hold behind its headroom */
#define MNET_BUFFER_SMALL 2000      /* usable bytes of a small buffer ... */
#define MNET_BUFFER_LARGE 16320     /* ... and of a large one */
#define MNET_FRAME_MAX (65535 + 14) /* the largest frame, headers included, before segmentation */

/* Bytes lent to or by the caller. */
struct mnet_slice {
    const void *data;
    size_t len;
};

/* A reference-counted stretch of memory that fragments point into. */
struct mnet_buffer {
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t refs;
    /* For memory lent by the application: called once when the last reference goes; NULL for pool buffers. */
    void (*release)(void *context);
    void *context;
    struct mnet_memory *memory;
};

/* A piece of a packet behind its linear part: a range of a buffer, with a reference of its own. */
struct mnet_fragment {
    struct mnet_buffer *buffer;
    uint32_t offset; /* into buffer->bytes */
    uint32_t len;
};

/* What is known of the transport checksum. */
enum mnet_checksum {
    MNET_CHECKSUM_PLAIN,    /* only the bytes themselves: complete when sent, to be verified when received */
    MNET_CHECKSUM_PARTIAL,  /* the field holds the folded pseudo-header sum; the rest from csum_start is to be added */
    MNET_CHECKSUM_VERIFIED, /* received and verified by the device */
};

/* Which kind of segments a packet with gso_size stands for. */
enum mnet_gso {
    MNET_GSO_NONE,
    MNET_GSO_TCPV4,
    MNET_GSO_TCPV6,
};

/* A frame, or the part of one that the present layer sees. */
struct mnet_packet {
    struct mnet_packet *next; /* for the queue that owns the packet */
    struct mnet_packet *more; /* owned: packets whose bytes continue this one's */
    struct mnet_memory *memory;
    uint8_t *head;  /* start of the linear storage */
    uint8_t *data;  /* first byte of the packet */
    uint32_t len;   /* bytes in the linear part */
    uint32_t refs;  /* between the lengths: side by side compilers change both as a vector, which takes them longer */
    uint32_t total; /* bytes in the linear part, the fragments and `more` */
    uint16_t fragment_count;
    uint8_t checksum;     /* enum mnet_checksum */
    uint8_t gso;          /* enum mnet_gso */
    uint16_t gso_size;    /* payload bytes of each segment this packet stands for; 0 where gso is MNET_GSO_NONE */
    uint16_t csum_start;  /* PARTIAL: offset of the first summed byte from `data`; moves with push and pull */
    uint16_t csum_offset; /* PARTIAL: offset of the checksum field from csum_start */
    uint16_t segments;    /* how many wire segments this stands for (coalesced or gso); at least 1 */
    uint64_t received_ns; /* when it was taken from the device */
    bool sending;         /* from mnet_packet_alloc_tx: what is appended leaves the receive reserve alone, too */
    struct mnet_fragment fragments[MNET_PACKET_FRAGMENTS];
};

/* A new, empty packet with headroom, one reference, from the receive side of the budget; NULL where memory is used
 * up. */
struct mnet_packet *mnet_packet_alloc(struct mnet_memory *memory);
/* The same for data to be sent: leaves the receive reserve alone. */
struct mnet_packet *mnet_packet_alloc_tx(struct mnet_memory *memory);
/* Takes a further reference. */
struct mnet_packet *mnet_packet_hold(struct mnet_packet *packet);
/* Drops a reference; the last one frees the packet, its fragments' references and `more`. NULL is allowed. */
void mnet_packet_free(struct mnet_packet *packet);

/* Bytes free behind and in front of the linear part. */
size_t mnet_packet_tailroom(const struct mnet_packet *packet);
size_t mnet_packet_headroom(const struct mnet_packet *packet);
/* Makes room for `len` bytes in front (at most the headroom) and returns the new first byte. */
uint8_t *mnet_packet_push(struct mnet_packet *packet, size_t len);
/* Removes `len` bytes (at most packet->total) from the front, walking on into fragments and `more`. */
void mnet_packet_pull(struct mnet_packet *packet, size_t len);
/* Keeps the first `len` bytes (at most packet->total). */
void mnet_packet_trim(struct mnet_packet *packet, size_t len);
/* Appends `len` bytes (at most the tailroom; only before any fragment) to the linear part and returns them for
 * writing. */
uint8_t *mnet_packet_put(struct mnet_packet *packet, size_t len);
/* Appends a piece of `buffer`, taking a reference of its own. False where all fragments are used. */
bool mnet_packet_add(struct mnet_packet *packet, struct mnet_buffer *buffer, uint32_t offset, uint32_t len);
/* Copies `len` bytes from offset `from` (both within packet->total) out of, or into, the packet. */
void mnet_packet_copy_out(const struct mnet_packet *packet, size_t from, void *to, size_t len);
void mnet_packet_copy_in(struct mnet_packet *packet, size_t to, const void *from, size_t len);
/* Appends `len` bytes by copying: linear tailroom first, then new large buffers. False (packet unchanged in
 * length) where memory or fragments run out. */
bool mnet_packet_append(struct mnet_packet *packet, const void *from, size_t len);
/* Lists up to `max` contiguous pieces of the packet's bytes in order, for writev or a descriptor chain.
 * Returns how many; the pieces live as long as the packet. A packet without `more` needs 1 + MNET_PACKET_FRAGMENTS. */
int mnet_packet_slices(const struct mnet_packet *packet, struct mnet_slice *slices, int max);
/* Bytes of memory the packet pins: its own block, whole buffers of its fragments, and `more`. */
size_t mnet_packet_pinned(const struct mnet_packet *packet);

/* A buffer of MNET_BUFFER_LARGE (or _SMALL) usable bytes with one reference; NULL where memory is used up. The _tx
 * forms leave the receive reserve alone. */
struct mnet_buffer *mnet_buffer_alloc(struct mnet_memory *memory);
struct mnet_buffer *mnet_buffer_alloc_tx(struct mnet_memory *memory, size_t at_least);
/* A buffer that stands for `len` bytes of the caller's: `release(context)` is called when nothing points into them
 * any more. NULL where memory is used up (release is then not called). */
struct mnet_buffer *mnet_buffer_lend(struct mnet_memory *memory, const void *bytes, size_t len,
                                     void (*release)(void *context), void *context);
struct mnet_buffer *mnet_buffer_hold(struct mnet_buffer *buffer);
/* Drops a reference; NULL is allowed. */
void mnet_buffer_free(struct mnet_buffer *buffer);

#pragma GCC visibility pop

#endif
