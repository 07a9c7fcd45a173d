/* The state and functions that the files of the packet device share. */
#ifndef MN_PACKET_INTERNAL_H
#define MN_PACKET_INTERNAL_H

#include <mnet/packet_socket.h>

#include "ports/hosted/interface.h"
#include "ports/hosted/room.h"
#include "ports/packet/xdp.h"

/* The ring: an ordinary frame fits a slot, with the kernel's header of about 80 bytes. */
#define RING_SLOT_BYTES 2048u
#define RING_SLOTS 2048u
#define RING_BYTES ((size_t)RING_SLOT_BYTES * RING_SLOTS)

struct packet_socket {
    struct mn_interface interface; /* its fd is the socket */
    uint8_t *ring;                 /* RING_BYTES, shared with the kernel; NULL: none */
    unsigned next;                 /* the slot that the kernel fills next */
    struct mn_room room;           /* for the next frame that is larger than a slot */
    bool wants_xdp;
    struct mn_xdp *xdp; /* frames to us, and all that are sent; NULL unless wants_xdp */
};

extern const struct mnet_device_ops mn_packet_socket_ops;

/* open.c: mnet_packet_socket_open, of one of several queues unless `queue` is NULL. */
int mn_packet_socket_open(const char *name, const struct mnet_packet_socket_options *options, struct mn_queue *queue,
                          struct mnet_device **device, char *why_text, size_t why_size);
/* A socket on the interface, which exists, with the ring socket->ring, and socket->xdp if it is
 * wanted. Negative, with errno and with the failed call in *what. */
int mn_packet_socket_attach(struct packet_socket *socket, const char **what);
/* group.c: the socket, which is bound, joins those of the other queues, and the kernel spreads
 * frames over them. Returns false with errno. */
bool mn_packet_socket_group(const struct packet_socket *socket, int fd);
/* Takes the socket and its ring away. */
void mn_packet_socket_detach(struct packet_socket *socket);
void mn_packet_socket_free(struct packet_socket *socket);

#endif
