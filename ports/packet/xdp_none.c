/* See xdp.h: the headers of this kernel do not know such programs, so there are none. */
#include <errno.h>
#include <stddef.h>

#include "ports/packet/xdp.h"

struct mn_xdp *mn_xdp_open(int index, const uint8_t mac[6], const char **what)
{
    (void)index;
    (void)mac;
    *what = "built without AF_XDP";
    errno = EOPNOTSUPP;
    return NULL;
}

void mn_xdp_close(struct mn_xdp *xdp)
{
    (void)xdp;
}

int mn_xdp_fd(const struct mn_xdp *xdp)
{
    (void)xdp;
    return -1;
}

int mn_xdp_rx(struct mn_xdp *xdp, struct mnet_device *device, struct mnet_packet **packets, int max)
{
    (void)xdp;
    (void)device;
    (void)packets;
    (void)max;
    return 0;
}

int mn_xdp_tx(struct mn_xdp *xdp, struct mnet_device *device, struct mnet_packet **packets, int count)
{
    (void)xdp;
    (void)device;
    (void)packets;
    (void)count;
    return 0;
}
