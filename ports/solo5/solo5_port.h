/* The state and functions that the files of the Solo5 port share. */
#ifndef MN_SOLO5_PORT_H
#define MN_SOLO5_PORT_H

#include <mnet/device.h>

#include "ports/bare/heap.h"

/* Network devices that a program can open. */
#define MN_SOLO5_DEVICES 8

/* A device of the manifest, acquired: which can be done once only, so it stays acquired when its
 * owner closes it. */
struct mn_solo5_device {
    struct mnet_device device;
    uint64_t handle; /* Solo5's */
    char name[32];   /* empty: the place is free */
    bool open;
    /* One frame, if Solo5 wants the bytes in one piece and a packet has them in several. */
    uint8_t *bounce;
    size_t frame_max;           /* the most bytes that Solo5 takes */
    size_t read_max;            /* room for the frames that it gives */
    struct mnet_packet *packet; /* for the next frame */
};

struct mn_solo5 {
    struct mn_heap heap;
    struct mn_solo5_device devices[MN_SOLO5_DEVICES];
};

/* The device that the manifest calls `name`; NULL after saying why, in one line, in `why`. The
 * owner closes it, and may open it again. */
struct mnet_device *mn_solo5_open(struct mn_solo5 *solo5, const char *name, char *why, size_t why_size);
/* Frames have come, says `ready`, a set of handles: takes those for devices that nobody has open,
 * for nobody else will. */
void mn_solo5_discard(struct mn_solo5 *solo5, uint64_t ready);

#endif
