/* The receive queue: bytes that arrived in order and wait for the user, in the packets that brought
 * them.
 *
 * Small segments are copied behind the last packet if they fit, so that memory follows bytes and
 * not segments. Lent bytes stay in a list of their own until the user gives them back. They count
 * as queued until then.
 */
#ifndef MN_RECVQ_H
#define MN_RECVQ_H

#include <mnet/packet.h>

/* Segments up to this size are worth copying behind their predecessor. */
#define MN_PACKET_SMALL 768u

struct mn_packet_list {
    struct mnet_packet *head, *tail;
    size_t pinned; /* memory that they pin; a buffer shared by two of them counts for both */
};

struct mn_recvq {
    struct mn_packet_list ready;
    struct mnet_packet *lent; /* in no order */
    uint32_t bytes;           /* in `ready` */
    uint32_t lent_bytes;      /* in `lent` */
    size_t lent_pinned;
};

/* Returns the memory that all of it pins, lent or not. */
static inline size_t mn_recvq_pinned(const struct mn_recvq *q)
{
    return q->ready.pinned + q->lent_pinned;
}

/* Appends a packet to a list, which owns it then. Flattens its coalesced run and copies small ones
 * together. */
void mn_packet_list_append(struct mn_packet_list *list, struct mnet_packet *packet);
/* Moves all of `from` behind `to`. */
void mn_packet_list_splice(struct mn_packet_list *to, struct mn_packet_list *from);
void mn_packet_list_free(struct mn_packet_list *list);
/* Removes `len` bytes from the first packet, at most all of it. Then the packet is freed. */
void mn_packet_list_skip(struct mn_packet_list *list, uint32_t len);

/* Appends a packet's bytes. The queue owns the packet then. */
void mn_recvq_append(struct mn_recvq *q, struct mnet_packet *packet);
/* Copies out up to `len` bytes. Returns their number. */
size_t mn_recvq_read(struct mn_recvq *q, void *to, size_t len);
/* Does the same without removing them. */
size_t mn_recvq_peek(const struct mn_recvq *q, void *to, size_t len);
/* Moves bytes from the front to the lent list and describes them in up to `max` slices. Returns the
 * number of slices, or MNET_E_NO_MEMORY. */
int mn_recvq_lend(struct mn_recvq *q, struct mnet_slice *slices, int max);
/* Frees the lent bytes. Returns their number. */
uint32_t mn_recvq_return(struct mn_recvq *q);
/* Frees everything. */
void mn_recvq_clear(struct mn_recvq *q);

/* Discards the bytes that were neither read nor lent. Returns their number. */
uint32_t mn_recvq_drop(struct mn_recvq *q);

#endif
