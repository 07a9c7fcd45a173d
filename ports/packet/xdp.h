/* An AF_XDP socket: frames for our address without the kernel's stack.
 *
 * Theory of operation. A program of the kernel (BPF), which we attach to the interface, looks at
 * each frame before the kernel makes a packet of it. Frames for our MAC address that come by the
 * first queue of the interface go to the socket, and all others go on as before. So frames for
 * groups still reach the kernel and, like those of other queues, the packet socket. Frames that we
 * send go by the XDP socket, behind the kernel's queues.
 *
 * Frames lie in memory that both sides share, in pieces of a page. Four rings of descriptors say
 * whose a piece is: `fill` has pieces for received frames, `rx` the frames in them; `tx` has frames
 * to be sent, `done` the pieces of those that were. We copy every frame, and sum it in the same
 * pass. The kernel copies it, too (XDP_COPY), which every interface can do.
 *
 * The kernel is believed about its rings as any device: indices and lengths are checked.
 */
#ifndef MN_XDP_H
#define MN_XDP_H

#include <stdint.h>

#include <mnet/device.h>

/* The largest MTU: a frame fits a piece, behind the kernel's headroom of 256 bytes. */
#define MN_XDP_MTU_MAX 3500u

struct mn_xdp;

/* Opens a socket on the interface number `index`, for frames to `mac`. NULL, with errno, and with
 * the failed step in *what. */
struct mn_xdp *mn_xdp_open(int index, const uint8_t mac[6], const char **what);
/* Ends the socket, and the program on the interface with it. NULL is allowed. */
void mn_xdp_close(struct mn_xdp *xdp);
/* Readable if a frame waits. */
int mn_xdp_fd(const struct mn_xdp *xdp);

/* As struct mnet_device_ops, for `device`, which counts what is dropped. Frames that were received
 * are summed; those that are sent may ask for checksums and segmentation. */
int mn_xdp_rx(struct mn_xdp *xdp, struct mnet_device *device, struct mnet_packet **packets, int max);
int mn_xdp_tx(struct mn_xdp *xdp, struct mnet_device *device, struct mnet_packet **packets, int count);

#endif
