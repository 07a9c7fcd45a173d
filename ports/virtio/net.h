/* The state and functions that the files of the network driver share. Internal. */
#ifndef MN_VIRTIO_NET_H
#define MN_VIRTIO_NET_H

#include <assert.h>

#include "base/base.h"
#include "ports/virtio/virtio.h"
#include "ports/virtio/virtqueue.h"

/* 5.1.3 */
#define MN_NET_F_CSUM (UINT64_C(1) << 0)
#define MN_NET_F_GUEST_CSUM (UINT64_C(1) << 1)
#define MN_NET_F_MTU (UINT64_C(1) << 3)
#define MN_NET_F_MAC (UINT64_C(1) << 5)
#define MN_NET_F_GUEST_TSO4 (UINT64_C(1) << 7)
#define MN_NET_F_GUEST_TSO6 (UINT64_C(1) << 8)
#define MN_NET_F_GUEST_ECN (UINT64_C(1) << 9)
#define MN_NET_F_HOST_TSO4 (UINT64_C(1) << 11)
#define MN_NET_F_HOST_TSO6 (UINT64_C(1) << 12)
#define MN_NET_F_HOST_ECN (UINT64_C(1) << 13)
#define MN_NET_F_MRG_RXBUF (UINT64_C(1) << 15)
#define MN_NET_F_STATUS (UINT64_C(1) << 16)

/* 5.1.2 */
enum {
    MN_NET_RX = 0,
    MN_NET_TX = 1
};

/* 5.1.6: the header as the driver has it; a legacy device without MRG_RXBUF has the first ten bytes
 * only. */
#define MN_NET_HEADER_MAX 12u
/* Pieces of a frame that is sent: its header, its linear part and its fragments. A frame with more
 * is copied. */
#define MN_NET_PIECES 12u
static_assert(MN_NET_PIECES >= 2 + MNET_PACKET_FRAGMENTS, "a packet without `more` is never copied");

/* A frame on its way out, by the descriptor that its chain begins with. */
struct mn_net_sending {
    struct mn_virtq_descriptor table[MN_NET_PIECES];
    uint8_t header[MN_NET_HEADER_MAX]; /* if the packet has no room for it */
    bool lent;                         /* it has bytes that somebody waits for */
    struct mnet_packet *packet;
};

struct mn_net {
    struct mnet_device device;
    struct mn_virtio_transport *transport;
    uint64_t features; /* agreed on */
    /* Enum mnet_offload, as agreed on, whatever becomes of the fields in `device`. */
    uint32_t rx_may, tx_may;
    uint8_t header_bytes;
    bool link_up;
    bool down_seen;                /* the link's state when the stack last received */
    uint32_t interrupts_seen;      /* of transport->interrupts */
    uint64_t notifications_before; /* of transport->notifications, by earlier users */
    /* The device broke a rule that leaves nothing to go on with, or says itself that it is. */
    bool broken;
    bool stalled;    /* a frame found no room */
    unsigned lent;   /* frames being sent with `lent` set */
    unsigned target; /* receive buffers that the device shall have; 0: not known yet */
    char name[32];
    struct mn_virtqueue rx, tx;
    struct mn_net_sending sending[MN_VIRTQUEUE_MAX];
    _Alignas(MN_VIRTIO_ALIGNMENT) uint8_t rx_ring[MN_VIRTQUEUE_BYTES];
    _Alignas(MN_VIRTIO_ALIGNMENT) uint8_t tx_ring[MN_VIRTQUEUE_BYTES];
};

static inline struct mn_net *mn_net_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct mn_net, device);
}

/* Marks the device as broken, and tells it so. */
void mn_net_break(struct mn_net *net);
/* Looks at the news that interrupts have told of: the link, and the device's health. */
void mn_net_look(struct mn_net *net);

/* struct mnet_device_ops */
int mn_net_rx(struct mnet_device *device, struct mnet_packet **packets, int max);
int mn_net_tx(struct mnet_device *device, struct mnet_packet **packets, int count);

/* Gives the device receive buffers if `least` or more are missing, as far as there is memory. */
void mn_net_refill(struct mn_net *net, unsigned least);
/* Takes back the frames that have been sent. */
void mn_net_reap(struct mn_net *net);
/* Frees the packets that `sending` holds. */
void mn_net_sent(struct mn_net *net, struct mn_net_sending *sending);

#endif
