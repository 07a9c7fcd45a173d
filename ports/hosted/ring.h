/* The kernel's io_uring of a thread: the frame that a thread sends before it sleeps, and the sleep
 * itself, are one system call.
 *
 * Theory of operation. A program that answers one request at a time reads a frame, writes a frame
 * and sleeps. The device that has a single short frame to send leaves it here. If the loop then
 * waits, one io_uring_enter writes the frame and waits for the descriptors. If the loop has other
 * things to do first, the device's next call writes it. So a frame waits for the tasks of one turn
 * at most, and never while the thread sleeps.
 *
 * Every descriptor of a wait is polled by a request that ends with its first event. A request that
 * had none stays for the next wait, so usually only the descriptor that woke the thread is polled
 * anew. The kernel holds the open file of a request: whoever closes a descriptor that a loop waits
 * for calls mn_ring_forget first.
 *
 * Each thread makes its ring with its first wait. The kernel (before 6.1, or as its administrator
 * wishes) or a container may refuse it. Then there is none, mn_ring_wait says so, and all is done
 * by ppoll and write.
 */
#ifndef MN_RING_H
#define MN_RING_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest frame that can be left here, with what is in front of it: an ordinary one. */
#define MN_RING_FRAME_MAX 2048

/* Returns a place for `len` bytes, which the caller fills in at once and which are written to `fd`
 * later. If the kernel does not take them then, *lost is increased. NULL if there is no ring or the
 * place is taken. `len` is at most MN_RING_FRAME_MAX. */
uint8_t *mn_ring_leave(int fd, size_t len, uint64_t *lost);
/* Writes the frame that was left, if there is one. */
void mn_ring_flush(void);
/* As mn_hosted_wait, for MN_HOSTED_WAIT_MAX descriptors at most. Returns false at once if there is
 * no ring. */
bool mn_ring_wait(struct pollfd *fds, unsigned count, uint64_t deadline);
/* The descriptor is about to be closed, or need not be waited for any more. */
void mn_ring_forget(int fd);
/* Of the calling thread, which waits no more. */
void mn_ring_close(void);

#endif
