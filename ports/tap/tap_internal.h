/* What the files of the TAP device share. */
#ifndef MN_TAP_INTERNAL_H
#define MN_TAP_INTERNAL_H

#include <mnet/tap.h>

#include <net/if.h>

/* Large buffers offered behind the linear part. The first one may be partly used, hence one more than the largest frame fills. */
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
    bool watched;             /* then the descriptor tells of changes of interfaces; else looking is all there is: */
    uint64_t looked;          /* when it was last looked for */
    uint32_t settled_offload; /* device.rx_offload as the kernel knows it */
    uint32_t buffer_offset;   /* first unused byte of buffers[0] */
    unsigned buffer_count;
    struct mnet_buffer *buffers[TAP_BUFFERS];
    struct mnet_packet *packet; /* the linear part for the next frame */
    char name[IFNAMSIZ];
};

extern const struct mnet_device_ops mn_tap_ops;
void mn_tap_free(struct tap *tap);

/* A descriptor of the interface tap->name, which exists, with headers if tap->vnet is set, and without offloads towards us
 * yet. Negative, with errno and in *what the call that failed. */
int mn_tap_attach(struct tap *tap, const char **what);

#endif
