/* The queues of one interface, if each core of the process has one (--cores=N).
 *
 * Theory of operation. The kernel spreads frames over the queues by a rule of its own, and ours
 * says where they belong (wire/spread.h). A frame that belongs to another queue than the one where
 * it has arrived is passed to that one, and a frame for all queues is copied to the others. A TAP
 * interface sends the frames of a flow where the flow's last frame came from, and a group of packet
 * sockets computes our rule: so with either nearly every frame arrives where it belongs.
 *
 * Passed frames lie in an inbox of their queue, in memory of their own: the memory of a stack
 * belongs to its thread. An inbox is the only thing that two cores share. It has a mutex, which is
 * free nearly always, a limit, and an eventfd that wakes the core.
 */
#ifndef MN_HOSTED_QUEUES_H
#define MN_HOSTED_QUEUES_H

#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>

#include <mnet/device.h>

#include "stack/options.h"

struct mn_passed;

struct mn_queue {
    _Alignas(64) struct mn_queues *all; /* a queue in cache lines of its own */
    uint16_t number;
    /* The inbox. */
    pthread_mutex_t mutex; /* guards it, except for `waiting` */
    atomic_uint waiting;   /* frames */
    bool open;
    int event_fd; /* readable if a frame has come since the inbox was empty */
    size_t bytes;
    struct mn_passed *first, **end;
};

/* The first queue that is opened decides about the interface. A mutex of the process guards it. */
struct mn_queues {
    uint16_t count;
    bool known;          /* the following fields are set */
    char name[IFNAMSIZ]; /* of the interface */
    uint8_t mac[6];
    bool grouped;
    uint16_t group; /* of packet sockets, if `grouped` */
    struct mn_queue queue[MN_OPTIONS_CORES];
};

/* Returns NULL if there is no memory. They stay until the process ends. */
struct mn_queues *mn_queues_create(uint16_t count);

/* The queue is that of `device`, whose name, MAC and epoll descriptor are set. Returns false, with
 * errno, if there is no descriptor left. */
bool mn_queue_open(struct mn_queue *queue, struct mnet_device *device);
/* Frames for the queue are dropped from now on. */
void mn_queue_close(struct mn_queue *queue);

/* Stores up to `max` frames of the inbox, in memory of the device. Returns their number. */
int mn_queue_take(struct mn_queue *queue, struct mnet_device *device, struct mnet_packet **packets, int max);
/* Sorts frames that have arrived at the queue: those for others are passed on and taken out of
 * `packets`. Returns the number of those that stay. */
int mn_queue_sort(struct mn_queue *queue, struct mnet_device *device, struct mnet_packet **packets, int count);

/* The rx of a device that may be one of several queues. `read` takes frames of the kernel's. */
static inline int mn_queue_rx(struct mn_queue *queue, struct mnet_device *device,
                              int (*read)(struct mnet_device *device, struct mnet_packet **packets, int max),
                              struct mnet_packet **packets, int max)
{
    if (queue == NULL)
        return read(device, packets, max);
    int passed = mn_queue_take(queue, device, packets, max);
    int count = passed < max ? read(device, packets + passed, max - passed) : 0;
    if (count <= 0)
        return passed > 0 ? passed : count;
    return passed + mn_queue_sort(queue, device, packets + passed, count);
}

#endif
