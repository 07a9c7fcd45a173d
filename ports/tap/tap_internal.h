/* The state and functions that the files of the TAP device share. */
#ifndef MN_TAP_INTERNAL_H
#define MN_TAP_INTERNAL_H

#include <mnet/tap.h>

#include "ports/hosted/interface.h"
#include "ports/hosted/room.h"

struct tap {
    struct mn_interface interface; /* its fd is the queue of frames */
    bool vnet;                     /* frames carry a virtio_net_hdr */
    uint32_t settled_offload;      /* device.rx_offload as the kernel knows it */
    struct mn_room room;           /* for the next frame */
    unsigned singles;              /* looks in turn that found one frame, SINGLES at most */
    unsigned expected;             /* looks that were left out */
};

extern const struct mnet_device_ops mn_tap_ops;
void mn_tap_free(struct tap *tap);

/* tap_open.c: mnet_tap_open, of one of several queues unless `queue` is NULL. */
int mn_tap_open(const char *name, const struct mnet_tap_options *options, struct mn_queue *queue,
                struct mnet_device **device, char *why_text, size_t why_size);
/* A descriptor of the interface, which exists, with headers if tap->vnet is
 * set, and without offloads towards us yet. Negative, with errno and with the failed call in
 * *what. */
int mn_tap_attach(struct tap *tap, const char **what);

#endif
