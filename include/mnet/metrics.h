/* The state of a stack as text for monitoring: the exposition format of Prometheus. */
#ifndef MNET_METRICS_H
#define MNET_METRICS_H

#include <stddef.h>

#pragma GCC visibility push(default)

struct mnet_stack;

/* The media type of the text. */
#define MNET_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Writes the metrics of a stack as mnet_format does: at most size - 1 characters and a terminating
 * zero, or nothing if size is 0. Returns the length of the whole text, which is about 24 KiB, and
 * changes by a few bytes from call to call.
 *
 * The text has each counter (mnet/counters.h), such as mnet_tcp_drop_checksum_total; what the
 * device dropped, and its notifications and interrupts (mnet/device.h); the memory budget; the
 * tasks of the thread; the connections in each state and the bytes in their queues; the listeners
 * and their backlog. The work grows with the number of connections. No metric has the name of a
 * peer, so the number of metrics does not grow. Never suspends.
 */
size_t mnet_metrics(const struct mnet_stack *stack, char *text, size_t size);

#pragma GCC visibility pop

#endif
