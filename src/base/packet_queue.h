/* A first-in first-out queue of packets, threaded through packet->next. A zeroed queue is empty. */
#ifndef MN_PACKET_QUEUE_H
#define MN_PACKET_QUEUE_H

#include <mnet/packet.h>

#include "base/base.h"

struct mn_packet_queue {
    struct mnet_packet *first, *last;
    unsigned count;
};

static inline bool mn_packet_queue_is_empty(const struct mn_packet_queue *queue)
{
    return queue->first == NULL;
}

/* Takes ownership of `packet`. */
static inline void mn_packet_queue_put(struct mn_packet_queue *queue, struct mnet_packet *packet)
{
    packet->next = NULL;
    if (queue->last == NULL)
        queue->first = packet;
    else
        queue->last->next = packet;
    queue->last = packet;
    queue->count++;
}

/* Moves all packets of `from` behind those of `to`, and leaves `from` empty. */
static inline void mn_packet_queue_join(struct mn_packet_queue *to, struct mn_packet_queue *from)
{
    if (from->first == NULL)
        return;
    if (to->last == NULL)
        to->first = from->first;
    else
        to->last->next = from->first;
    to->last = from->last;
    to->count += from->count;
    *from = (struct mn_packet_queue){0};
}

/* Returns the oldest packet, owned by the caller, or NULL if there is none. */
static inline struct mnet_packet *mn_packet_queue_take(struct mn_packet_queue *queue)
{
    struct mnet_packet *packet = queue->first;
    if (packet == NULL)
        return NULL;
    queue->first = packet->next;
    if (queue->first == NULL)
        queue->last = NULL;
    packet->next = NULL;
    queue->count--;
    return packet;
}

/* Frees every packet and returns how many there were. */
static inline unsigned mn_packet_queue_clear(struct mn_packet_queue *queue)
{
    unsigned count = queue->count;
    for (struct mnet_packet *packet; (packet = mn_packet_queue_take(queue)) != NULL;)
        mnet_packet_free(packet);
    return count;
}

#endif
