/* Settings of one connection beyond those in mnet/tcp.h, at any time, for programs that know better
 * than the stack. None suspends. They are forgotten with the flow. A connection that was idle for
 * long needs memory for a setting (docs/memory.md): if there is none, those that return a result
 * return MNET_E_NO_MEMORY, and the others have no effect.
 */
#ifndef MNET_TCP_SETTINGS_H
#define MNET_TCP_SETTINGS_H

#include <mnet/tcp.h>

#pragma GCC visibility push(default)

/* The sizes that buffers may be given, in bytes. */
#define MNET_TCP_BUFFER_MIN 2048u
#define MNET_TCP_BUFFER_MAX (1u << 30)

/* Set the bytes that may be queued for sending, unacknowledged ones included, and the receive
 * window, instead of sizes that follow use (docs/congestion.md). 0 bytes: follow use again. While
 * memory is short less is queued. The window is at most what its scale can express, which the
 * handshake has fixed by tcp.receive_buffer of the stack's configuration: 65535 bytes without the
 * option. A window that the peer was told of is never taken back (SHLD-14). Return 0,
 * MNET_E_INVALID (not 0, and out of range), or MNET_E_NO_MEMORY. */
int mnet_tcp_set_send_buffer(struct mnet_flow *flow, size_t bytes);
int mnet_tcp_set_receive_buffer(struct mnet_flow *flow, size_t bytes);
/* Return the sizes that hold now, set or not. */
size_t mnet_tcp_send_buffer(const struct mnet_flow *flow);
size_t mnet_tcp_receive_buffer(const struct mnet_flow *flow);

/* Lets a write queue, and MNET_WRITABLE hold, only while fewer than `bytes` are queued that have
 * not been sent once. So a program decides late what it sends next. The send buffer is the limit,
 * too. 0: no such limit. Returns 0, MNET_E_INVALID (more than MNET_TCP_BUFFER_MAX), or
 * MNET_E_NO_MEMORY. */
int mnet_tcp_set_unsent_low_water(struct mnet_flow *flow, size_t bytes);

/* Switches delayed acknowledgements off or on: without them each segment with data is acknowledged
 * at once (RFC 9293 3.8.6.3). */
void mnet_tcp_set_no_delayed_ack(struct mnet_flow *flow, bool no_delayed_ack);
/* Holds segments back that are not full, or lets them go. Whatever is held back goes with the end
 * of the stream, as a tail loss probe if data is in flight, and after a retransmission timeout
 * (0.2 s or more) if none is. It has precedence over mnet_tcp_set_no_delay. */
void mnet_tcp_set_cork(struct mnet_flow *flow, bool corked);
/* Switches pacing off or on. Without it a window's data leaves at once. BBR needs pacing. */
void mnet_tcp_set_no_pacing(struct mnet_flow *flow, bool no_pacing);
/* Changes the congestion control. The congestion window stays as it is. Returns 0 or
 * MNET_E_INVALID. */
int mnet_tcp_set_congestion(struct mnet_flow *flow, enum mnet_congestion congestion);
/* Ends, or begins again, that data is sent as ECN-capable (RFC 3168 6.1.2). Marks that arrive are
 * echoed in any case. Returns 0, or MNET_E_INVALID if it is to begin and the handshake has not
 * agreed on it. */
int mnet_tcp_set_ecn(struct mnet_flow *flow, bool on);

#pragma GCC visibility pop

#endif
