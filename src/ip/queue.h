/* A first-in first-out queue of packets, threaded through packet->next. A zeroed queue is empty. */
#ifndef MN_IP_QUEUE_H
#define MN_IP_QUEUE_H

#include <mnet/packet.h>

#include "base/base.h"

struct mn_packet_queue {
    struct mnet_packet *first, *last;
    unsigned count;
};

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

/* The oldest packet, owned by the caller; NULL where there is none. */
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
