/* Room for a frame that a system call is about to write, and the pieces of one that it is about to
 * read: between packets and struct iovec.
 *
 * A frame may be 60 bytes or 64 KiB and its size is known only when it has been read. So every call
 * offers the linear part of a packet (enough for an ordinary frame) and, behind it, large buffers
 * for the rest. Unused buffers stay for the next frame: the packet if there was no frame, and the
 * buffers down to the unused tail of the one that was begun, so that a run of frames fills buffers
 * without gaps.
 */
#ifndef MN_ROOM_H
#define MN_ROOM_H

#include <sys/uio.h>

#include <mnet/packet.h>

/* Large buffers offered behind the linear part. The first one may be partly used, hence one more
 * than the largest frame fills. */
#define MN_ROOM_BUFFERS 5
/* The most pieces of the room for a frame. */
#define MN_ROOM_PIECES (1 + MN_ROOM_BUFFERS)
/* A batch of frames ends behind so many bytes. They are copied into packets, and when they are used
 * they should still be in the processor's own cache. */
#define MN_ROOM_BATCH (256u * 1024)
/* Pieces of a packet to be sent, which may be a chain of coalesced ones. */
#define MN_GATHER_PIECES 63

_Static_assert((MN_ROOM_BUFFERS - 1) * MNET_BUFFER_LARGE + MNET_PACKET_LINEAR >= MNET_FRAME_MAX,
               "the largest frame fits the room");
_Static_assert(MN_ROOM_BUFFERS <= MNET_PACKET_FRAGMENTS, "a frame that uses all buffers is one packet");

/* All zeros: nothing is allocated yet. */
struct mn_room {
    uint32_t buffer_offset; /* first unused byte of buffers[0] */
    unsigned buffer_count;
    struct mnet_buffer *buffers[MN_ROOM_BUFFERS];
    struct mnet_packet *packet; /* the linear part for the next frame */
};

/* Makes sure that the largest frame has a place. False if memory is used up. */
bool mn_room_refill(struct mn_room *room, struct mnet_memory *memory);
/* Lists the room after it was refilled, MN_ROOM_PIECES at most. Returns the number. */
int mn_room_pieces(const struct mn_room *room, struct iovec *pieces);
/* Makes a packet of the first `len` bytes of the room, which hold a frame. */
struct mnet_packet *mn_room_take(struct mn_room *room, size_t len);
void mn_room_free(struct mn_room *room);

/* Lists the bytes of a packet to be sent, `max` pieces at most (MN_GATHER_PIECES at most). Returns
 * the number, 0 if there are more. */
int mn_gather(const struct mnet_packet *packet, struct iovec *pieces, int max);

#endif
