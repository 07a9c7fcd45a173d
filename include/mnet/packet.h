/* Packets: a frame or datagram on its way through the stack, with its offload metadata.
 *
 * The bytes of a packet lie in up to three places, in this order: a linear part, which has headroom
 * in front and holds headers and small payloads; up to MNET_PACKET_FRAGMENTS pieces of larger
 * buffers; and the packets linked through `more`, which are segments that were coalesced on
 * receipt. All headers that mnet parses or emits lie in the linear part. Packets and buffers are
 * reference counted and come from a mnet_memory. The comment of each call says how ownership
 * moves.
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
#define MNET_BUFFER_SMALL 2000      /* usable bytes of a small buffer */
#define MNET_BUFFER_LARGE 16320     /* usable bytes of a large buffer */
#define MNET_FRAME_MAX (65535 + 14) /* the largest frame, headers included, before segmentation */

/* Bytes that one side lends the other. */
struct mnet_slice {
    const void *data;
    size_t len;
};

/* A reference-counted stretch of memory that fragments point into. */
struct mnet_buffer {
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t refs;
    /* Called once when the last reference to memory of the application goes. NULL if the memory is
     * mnet's. */
    void (*release)(void *context);
    void *context;
    struct mnet_memory *memory;
    struct mn_kept_sums *sums; /* mnet's own: of bytes that were summed before; mostly NULL */
};

/* A piece of a packet behind its linear part: a range of a buffer, with a reference of its own. */
struct mnet_fragment {
    struct mnet_buffer *buffer;
    uint32_t offset; /* into buffer->bytes */
    uint32_t len;
};

/* The state of the transport checksum. */
enum mnet_checksum {
    /* Sent: the checksum is complete. Received: the stack verifies it. */
    MNET_CHECKSUM_PLAIN,
    /* The field holds the folded sum of the pseudo-header. The bytes from csum_start are still to
     * be added. */
    MNET_CHECKSUM_PARTIAL,
    /* Received, and verified by the device. */
    MNET_CHECKSUM_VERIFIED,
    /* Received, and summed by the device as it copied the frame: csum_value is the ones' complement
     * sum (RFC 1071) of the bytes from csum_start to the end, folded, in the order of memory. The
     * stack compares it with the checksum in the header. Bytes may be removed from the front.
     * If the end is cut off, the packet becomes PLAIN. */
    MNET_CHECKSUM_SUMMED,
};

/* The kind of the segments that a packet with gso_size stands for. */
enum mnet_gso {
    MNET_GSO_NONE,
    MNET_GSO_TCPV4,
    MNET_GSO_TCPV6,
};

/* A frame, or the part of it that the present layer sees. */
struct mnet_packet {
    struct mnet_packet *next; /* for the queue that owns the packet */
    struct mnet_packet *more; /* owned: packets whose bytes follow this one's */
    struct mnet_memory *memory;
    uint8_t *head; /* start of the linear storage */
    uint8_t *data; /* first byte of the packet */
    uint32_t len;  /* bytes in the linear part */
    /* References. The field keeps the two lengths apart: side by side, compilers update both with
     * vector instructions, which is slower. */
    uint32_t refs;
    uint32_t total; /* bytes in the linear part, the fragments and `more` */
    uint16_t fragment_count;
    uint8_t checksum;    /* enum mnet_checksum */
    uint8_t gso;         /* enum mnet_gso */
    uint16_t gso_size;   /* payload bytes of each segment; 0 if gso is MNET_GSO_NONE */
    uint16_t csum_start; /* first summed byte, from `data`; push and pull move it */
    union {
        uint16_t csum_offset; /* PARTIAL: the checksum field, from csum_start */
        uint16_t csum_value;  /* SUMMED: the sum */
    };
    uint16_t segments;    /* wire segments in this packet, coalesced or to be cut; at least 1 */
    uint64_t received_ns; /* the time at which it was taken from the device */
    bool sending;         /* from mnet_packet_alloc_tx: appending leaves the reserve alone, too */
    /* One of the references is the send queue's, which reads the text alone. Bytes in front of it
     * are for whoever has the other one. */
    bool kept;
    struct mnet_fragment fragments[MNET_PACKET_FRAGMENTS];
};

/* Allocates an empty packet with headroom and one reference, from the receive side of the budget.
 * NULL if memory is used up. */
struct mnet_packet *mnet_packet_alloc(struct mnet_memory *memory);
/* Allocates a packet for data to be sent: as mnet_packet_alloc, but the receive reserve is left
 * alone. */
struct mnet_packet *mnet_packet_alloc_tx(struct mnet_memory *memory);
/* Takes a further reference, and returns the packet. */
struct mnet_packet *mnet_packet_hold(struct mnet_packet *packet);
/* Drops a reference. The last one frees the packet, the references of its fragments, and `more`.
 * NULL is allowed. */
void mnet_packet_free(struct mnet_packet *packet);

/* Free bytes behind the linear part, and in front of it. */
size_t mnet_packet_tailroom(const struct mnet_packet *packet);
size_t mnet_packet_headroom(const struct mnet_packet *packet);
/* Adds `len` bytes in front, at most the headroom, and returns the new first byte. */
uint8_t *mnet_packet_push(struct mnet_packet *packet, size_t len);
/* Removes `len` bytes, at most packet->total, from the front. It goes on into fragments and
 * `more`. */
void mnet_packet_pull(struct mnet_packet *packet, size_t len);
/* Keeps the first `len` bytes, at most packet->total, and removes the others. */
void mnet_packet_trim(struct mnet_packet *packet, size_t len);
/* Appends `len` bytes, at most the tailroom, to the linear part, and returns them for writing. Only
 * for a packet without fragments. */
uint8_t *mnet_packet_put(struct mnet_packet *packet, size_t len);
/* Appends a piece of `buffer` and takes a reference to it. False if all fragments are in use. */
bool mnet_packet_add(struct mnet_packet *packet, struct mnet_buffer *buffer, uint32_t offset, uint32_t len);
/* Copies `len` bytes out of the packet, or into it, from an offset on. All of them lie within
 * packet->total. */
void mnet_packet_copy_out(const struct mnet_packet *packet, size_t from, void *to, size_t len);
void mnet_packet_copy_in(struct mnet_packet *packet, size_t to, const void *from, size_t len);
/* Appends a copy of `len` bytes, first to the linear tailroom, then to new large buffers. False if
 * memory or fragments run out: the packet is then as long as before. */
bool mnet_packet_append(struct mnet_packet *packet, const void *from, size_t len);
/* Lists up to `max` contiguous pieces of the packet in order, for writev or a descriptor chain, and
 * returns their number. The pieces live as long as the packet. A packet without `more` needs at
 * most 1 + MNET_PACKET_FRAGMENTS. */
int mnet_packet_slices(const struct mnet_packet *packet, struct mnet_slice *slices, int max);
/* Returns the bytes of memory that the packet pins: its own block, the whole buffers of its
 * fragments, and those of `more`. */
size_t mnet_packet_pinned(const struct mnet_packet *packet);

/* Allocates a buffer with one reference. mnet_buffer_alloc returns one of MNET_BUFFER_LARGE usable
 * bytes. mnet_buffer_alloc_tx is for data to be sent: it leaves the receive reserve alone, and
 * returns one of MNET_BUFFER_SMALL if `at_least` fits. NULL if memory is used up. */
struct mnet_buffer *mnet_buffer_alloc(struct mnet_memory *memory);
struct mnet_buffer *mnet_buffer_alloc_tx(struct mnet_memory *memory, size_t at_least);
/* Makes a buffer of `len` bytes of the caller's, without copying. `release(context)` is called when
 * nothing points into them any more. NULL if memory is used up; release is then not called. */
struct mnet_buffer *mnet_buffer_lend(struct mnet_memory *memory, const void *bytes, size_t len,
                                     void (*release)(void *context), void *context);
/* Takes a further reference, and returns the buffer. */
struct mnet_buffer *mnet_buffer_hold(struct mnet_buffer *buffer);
/* Drops a reference. NULL is allowed. */
void mnet_buffer_free(struct mnet_buffer *buffer);

#pragma GCC visibility pop

#endif
