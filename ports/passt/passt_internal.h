/* The state and functions that the files of the passt device share. */
#ifndef MN_PASST_INTERNAL_H
#define MN_PASST_INTERNAL_H

#include <sys/types.h>

#include "base/base.h"
#include "ports/passt/passt.h"

#define PASST_BUFFER (256u * 1024) /* several of the largest frames */

struct passt {
    struct mnet_device device;
    int socket; /* -1: passt has ended */
    pid_t pid;
    bool room_awaited;
    bool confused; /* passt has sent a frame of an impossible length */
    /* Bytes that were read and not yet cut into frames, and frames not yet written. */
    size_t in_begin, in_end, out_begin, out_end;
    uint8_t in[PASST_BUFFER], out[PASST_BUFFER];
};

extern const struct mnet_device_ops mn_passt_ops;

static inline struct passt *mn_passt_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct passt, device);
}

/* Waits for room, too, or no more. */
void mn_passt_watch(struct passt *passt, bool room);
/* passt has ended, or does so by this. */
void mn_passt_lose(struct passt *passt);

#endif
