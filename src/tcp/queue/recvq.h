/* The receive queue: bytes that arrived in order and wait for the user, in the packets they came in.
 *
 * Small segments are copied behind the last packet where they fit, so that memory follows bytes and not segments. Lent bytes stay in a list of their own until the
 * user gives them back; they count as queued until then.
 */
#ifndef MN_RECVQ_H
#define MN_RECVQ_H

#include <mnet/packet.h>

/* Segments up to this size are worth copying behind their predecessor. */
#define MN_PACKET_SMALL 768u

struct mn_packet_list {
    struct mnet_packet *head, *tail;
    size_t pinned; /* memory that they pin; a buffer that two of them share counts for both */
};

struct mn_recvq {
    struct mn_packet_list ready;
    struct mnet_packet *lent; /* in no order */
    uint32_t bytes;           /* in `ready` */
    uint32_t lent_bytes;      /* in `lent` */
    size_t lent_pinned;
};

/* What all of it pins, whether lent or not. */
static inline size_t mn_recvq_pinned(const struct mn_recvq *q)
{
    return q->ready.pinned + q->lent_pinned;
}

/* Appends a packet (owned from here on) to a list, flattening its coalesced run and compacting small ones. */
void mn_packet_list_append(struct mn_packet_list *list, struct mnet_packet *packet);
/* Moves all of `from` behind `to`. */
void mn_packet_list_splice(struct mn_packet_list *to, struct mn_packet_list *from);
void mn_packet_list_free(struct mn_packet_list *list);
/* Takes `len` bytes off the first packet, at most all that it has: then it is freed. */
void mn_packet_list_skip(struct mn_packet_list *list, uint32_t len);

/* Appends a packet's bytes (owned from here on). */
void mn_recvq_append(struct mn_recvq *q, struct mnet_packet *packet);
/* Copies out up to `len` bytes; returns how many. */
size_t mn_recvq_read(struct mn_recvq *q, void *to, size_t len);
/* Moves bytes from the front to the lent list, describing them in up to `max` slices; returns how many, or MNET_E_NO_MEMORY. */
int mn_recvq_lend(struct mn_recvq *q, struct mnet_slice *slices, int max);
/* Frees what is lent; returns its bytes. */
uint32_t mn_recvq_return(struct mn_recvq *q);
/* Frees everything. */
void mn_recvq_clear(struct mn_recvq *q);

/* Throws away what was not read and not lent; returns how many bytes. */
uint32_t mn_recvq_drop(struct mn_recvq *q);

#endif
