/* The send queue: the bytes from SND.UNA on that were accepted from the user, by sequence number,
 * sent or not.
 *
 * Bytes are in reference-counted buffers: copied once when written, or lent. Segments gather pieces
 * of these buffers, so nothing is copied on the way to the device, and a retransmission costs no
 * more than a first transmission. Only a few bytes are copied behind their header: that costs less
 * than a further piece of the packet, here, in checksums and in devices.
 *
 * If the queue is empty, the few bytes of a write are copied at once into the packet that is to
 * carry them, behind room for the usual header. The queue keeps that packet until they are
 * acknowledged. It is sent once, with a reference of its own: when the bytes must be sent again,
 * the device may still have it, and they are copied into another one.
 *
 * If checksums are computed in software, the bytes are summed while they are copied. A segment that
 * is sent once or more, alone or cut from a large packet, then needs no other pass over its text.
 */
#ifndef MN_SENDQ_H
#define MN_SENDQ_H

#include <mnet/packet.h>

#include "base/pool.h"

/* Up to this many bytes are copied into the packet instead of referred to. */
#define MN_SENDQ_COPIED 256u

/* Room for the usual TCP header in front of bytes in their packet, which keeps its headroom. */
#define MN_SENDQ_HEADER 32u

/* Where the bytes of a piece lie. The last piece of the queue may grow, if it is not given or
 * sent. */
enum mn_send_piece_kind {
    MN_PIECE_GIVEN, /* in a part of the caller's buffer */
    MN_PIECE_OURS,  /* in a buffer that was allocated here, and contains the piece itself */
    /* In the packet that is to carry them, which contains the piece, too. Only the first piece of
     * the queue. */
    MN_PIECE_PACKET,
    MN_PIECE_SENT, /* there, after the packet was taken */
};

/* A range of bytes in one place, in order of sequence. */
struct mn_send_piece {
    struct mn_send_piece *next;
    union {
        struct mnet_buffer *buffer;
        struct mnet_packet *packet;
    };
    uint8_t *bytes; /* there */
    uint32_t len;
    uint32_t seq; /* of the first byte */
    uint8_t kind; /* enum mn_send_piece_kind */
};

static inline bool mn_send_piece_has_packet(const struct mn_send_piece *piece)
{
    return piece->kind >= MN_PIECE_PACKET;
}

/* How to keep sums of what is written (base/kept_sums.h): in pieces of `size` bytes, the text of a
 * full segment, counted from `seq`, where a segment begins. */
struct mn_sendq_pieces {
    uint32_t seq;  /* SND.NXT */
    uint32_t size; /* 0: no sums are kept */
};

struct mn_sendq {
    struct mn_send_piece *head, *tail;
    struct mn_send_piece *cursor; /* result of the last look-up */
    uint32_t start;               /* sequence number of the first byte held */
    uint32_t len;                 /* bytes held */
    size_t pinned;                /* memory of the pieces and their buffers */
};

static inline uint32_t mn_sendq_end(const struct mn_sendq *q)
{
    return q->start + q->len;
}

void mn_sendq_init(struct mn_sendq *q, uint32_t start);
void mn_sendq_clear(struct mn_sendq *q, struct mn_pool *pieces);
/* Appends a copy of up to `len` bytes. Returns their number, which is smaller only if memory is
 * used up. */
size_t mn_sendq_append(struct mn_sendq *q, struct mn_pool *pieces, const void *data, size_t len,
                       struct mn_sendq_pieces sums);
/* Appends a piece of `buffer`, and takes a reference. Returns false if memory is used up. */
bool mn_sendq_append_buffer(struct mn_sendq *q, struct mn_pool *pieces, struct mnet_buffer *buffer, uint32_t offset,
                            uint32_t len);
/* Drops everything before `seq`. */
void mn_sendq_acked(struct mn_sendq *q, struct mn_pool *pieces, uint32_t seq);
/* Drops the last `count` bytes, which must have just been appended by copying. */
void mn_sendq_retract(struct mn_sendq *q, struct mn_pool *pieces, uint32_t count);
/* Returns the packet in whose room exactly these bytes lie, as its contents, with a reference for
 * the caller, who puts any TCP header in front. Returns NULL if there is none, or if it was taken
 * before. */
struct mnet_packet *mn_sendq_take_packet(struct mn_sendq *q, uint32_t seq, uint32_t len);
/* Copies `len` bytes from `seq` on, all of which it holds. */
void mn_sendq_copy(struct mn_sendq *q, void *to, uint32_t seq, uint32_t len);
/* Adds up to `len` bytes from `seq` on to the packet. Returns the number that fitted. */
uint32_t mn_sendq_gather(struct mn_sendq *q, struct mnet_packet *packet, uint32_t seq, uint32_t len);

#endif
