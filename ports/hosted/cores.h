/* The cores of a process (--cores=N): a thread each, which runs the program of main.c, and the
 * queues of the interfaces that they share.
 *
 * The first core is the main thread. Core K + 1 begins when core K has opened its first device. So
 * a program that ends before, with its usage say, or because there is no such interface, does so
 * once, and queues are opened in the order of the cores.
 */
#ifndef MN_HOSTED_CORES_H
#define MN_HOSTED_CORES_H

#include "ports/hosted/queues.h"

/* `run` is called with the core's number in its thread, and returns its exit status. */
void mn_cores_set_up(uint16_t count, int (*run)(uint16_t core));
/* The caller of the third function holds the lock, and goes on holding it while it opens the queue.
 * Returns the queue of `core` at the device that programs call `name`; NULL if there is no
 * memory. */
void mn_cores_lock(void);
void mn_cores_unlock(void);
struct mn_queue *mn_cores_queue(const char *name, uint16_t core);
/* `core` has opened a device: starts the next one, once. Returns false if there is no thread. */
bool mn_cores_start_next(uint16_t core);
/* Waits for the end of all cores behind the first. Returns the first exit status that is not 0, or
 * 0. */
int mn_cores_join(void);
/* Returns true for the first caller in the process, who may report a failure: all others have the
 * same cause, or follow from it. */
bool mn_cores_may_complain(void);

#endif
