/* The state and functions that the files of the TAP device share. */
#ifndef MN_TAP_INTERNAL_H
#define MN_TAP_INTERNAL_H

#include <mnet/tap.h>

#include <net/if.h>

/* Large buffers offered behind the linear part. The first one may be partly used, hence one more
 * than the largest frame fills. */
#define TAP_BUFFERS 5
/* A used buffer with less room than this is not offered again. */
#define TAP_BUFFER_TAIL_MIN 1024u

_Static_assert((TAP_BUFFERS - 1) * MNET_BUFFER_LARGE + MNET_PACKET_LINEAR >= MNET_FRAME_MAX,
               "the largest frame fits what readv is offered");
_Static_assert(TAP_BUFFERS <= MNET_PACKET_FRAGMENTS, "a frame that uses all buffers is one packet");

struct tap {
    struct mnet_device device;
    bool vnet;                /* frames carry a virtio_net_hdr */
    bool gone;                /* the interface was deleted: rx and tx fail until there is another */
    uint64_t looked;          /* when that was last looked for */
    int fd;                   /* the queue of frames; -1: there is none */
    int link_fd;              /* netlink; -1: changes are not told, and looking is all there is */
    int index;                /* the interface's */
    uint64_t link_looked;     /* when news of the kernel were last looked for */
    uint32_t settled_offload; /* device.rx_offload as the kernel knows it */
    uint32_t buffer_offset;   /* first unused byte of buffers[0] */
    unsigned buffer_count;
    struct mnet_buffer *buffers[TAP_BUFFERS];
    struct mnet_packet *packet; /* the linear part for the next frame */
    char name[IFNAMSIZ];
};

extern const struct mnet_device_ops mn_tap_ops;
void mn_tap_free(struct tap *tap);

/* tap_link.c */

/* Makes the descriptor device.fd, and the netlink socket if there can be one. Negative, with
 * errno. */
int mn_tap_link_open(struct tap *tap);
void mn_tap_link_close(struct tap *tap);
/* Frames come by `fd` from now on, until the interface is gone. */
void mn_tap_link_attach(struct tap *tap, int fd);
void mn_tap_link_detach(struct tap *tap);
/* Takes all messages of the kernel about interfaces, and applies those about this one. Returns
 * whether there were any. */
bool mn_tap_link_changed(struct tap *tap);
/* The same, if it was not done just before. */
void mn_tap_link_look(struct tap *tap, uint64_t now);

/* tap_open.c: a descriptor of the interface tap->name, which exists, with headers if tap->vnet is
 * set, and without offloads towards us yet. Negative, with errno and with the failed call in
 * *what. */
int mn_tap_attach(struct tap *tap, const char **what);

#endif
