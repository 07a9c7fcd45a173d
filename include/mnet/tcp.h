/* TCP: connections as a program sees them (RFC 9293 3.9.1).
 *
 * A call that may suspend takes an absolute deadline last. With deadline 0 it never suspends, may
 * be used outside tasks, and returns MNET_E_DEADLINE if it would have to wait. In a cancelled task
 * every call that would suspend returns MNET_E_CANCELLED. Any number of tasks may use one flow.
 *
 * Calls that close accept NULL and then do nothing, so a cleared handle can be closed twice. For
 * any other call a NULL or closed handle is a bug of the caller: mnet_panic names the call. A
 * closed handle is recognised as long as its memory serves nothing else.
 */
#ifndef MNET_TCP_H
#define MNET_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/error.h>
#include <mnet/packet.h>
#include <mnet/stream.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_stack;
struct mnet_flow;
struct mnet_listener;

/* The congestion control of a connection: how it finds out how much the path takes. */
enum mnet_congestion {
    /* The choice of the stack (tcp.congestion of its configuration), which is CUBIC by default. */
    MNET_CONGESTION_DEFAULT,
    /* RFC 9438, with HyStart++ (RFC 9406). */
    MNET_CONGESTION_CUBIC,
    /* RFC 5681. */
    MNET_CONGESTION_RENO,
    /* A model of bandwidth and round trip, after BBR: for links that lose without congestion. */
    MNET_CONGESTION_BBR,
};

/* Explicit Congestion Notification (RFC 3168): routers mark packets instead of dropping them. */
enum mnet_ecn {
    MNET_ECN_DEFAULT, /* passive */
    MNET_ECN_OFF,
    MNET_ECN_PASSIVE, /* used if the peer asks for it */
    MNET_ECN_ON,      /* our connections ask for it, too */
};

/* Options of an active open; zeros are defaults. */
struct mnet_connect_options {
    /* Default: the stack chooses the address (MUST-44) and a random port (RFC 6056), never one with
     * which the connection would have itself as its peer. If local and remote are given and equal,
     * the connection has itself as its peer: TCP allows it (RFC 9293 3.5). */
    struct mnet_endpoint local;
    bool no_delay;
    /* Not offered, even if the stack's configuration allows it. */
    bool no_timestamps, no_sack, no_window_scale;
    uint8_t ttl;  /* MUST-49; default: the stack's */
    uint8_t dscp; /* MUST-48: 0..63 */
    enum mnet_congestion congestion;
};

/* The answer to a further connection request if the backlog is full. */
enum mnet_backlog_policy {
    MNET_BACKLOG_IGNORE, /* none: the client tries again */
    MNET_BACKLOG_REFUSE, /* a reset */
};

/* Options of a passive open; zeros are defaults. */
struct mnet_listen_options {
    struct mnet_address address; /* listen on this own address only (MUST-43) */
    /* Connections of this family only. Two listeners of different families may have the same port.
     * The address 0.0.0.0 stands for all of IPv4. */
    enum mnet_family family;
    unsigned backlog; /* connections that wait for accept; default 128 */
    /* The port is only reserved, until mnet_tcp_listen_now. */
    bool reserve;
    enum mnet_backlog_policy policy;
    bool no_delay;
    /* Not accepted, even if the stack's configuration allows it. */
    bool no_timestamps, no_sack, no_window_scale;
    /* The rest is for accepted connections. */
    uint8_t ttl;  /* MUST-49, from the SYN,ACK on; default: the stack's */
    uint8_t dscp; /* MUST-48, from the SYN,ACK on: 0..63 */
    enum mnet_congestion congestion;
};

/* Connects to `address` and `port`, and waits until the connection is established. On any failure
 * *flow is NULL, and nothing is left behind. Errors:
 *
 *     MNET_E_INVALID      not a unicast address (MUST-46), or port 0
 *     MNET_E_REFUSED      the peer answered with a reset
 *     MNET_E_TIMED_OUT    the peer did not answer for too long
 *     MNET_E_UNREACHABLE  see below
 *     MNET_E_IN_USE, MNET_E_LIMIT, MNET_E_NO_MEMORY, MNET_E_DEADLINE, MNET_E_CANCELLED
 *
 * MNET_E_UNREACHABLE comes at once if there is no route, after about 3 s if the neighbour does not
 * answer, and with an ICMP error by which the host has no such port or protocol, or the connection
 * is prohibited. An ICMP error by which the network or the host is unreachable does not end the
 * attempt, because the path may be repaired. If the attempt then fails, the result is
 * MNET_E_UNREACHABLE instead of MNET_E_TIMED_OUT or MNET_E_DEADLINE. As long as the stack asks for
 * an own address of IPv6, and for 10 s after its start or after the link came up while a router
 * may still give it one, the call waits for it. Suspends. */
int mnet_tcp_connect(struct mnet_stack *stack, struct mnet_address address, uint16_t port, struct mnet_flow **flow,
                     uint64_t deadline);

/* Connects to a host that has `count` addresses, of either family, by the one that answers first
 * (Happy Eyeballs, RFC 8305). The addresses are tried in the order of RFC 6724, the families in
 * turn. An attempt begins when the one before it has failed, or after 250 ms
 * (tcp.connection_attempt_delay_ns in config.h), and the earlier ones go on. *flow is the first
 * connection that is established. The others are given up, and the peer gets a reset for each that
 * it answers. mnet_tcp_peers tells the address.
 *
 * Addresses that have failed, or were slower than a later one, are tried last for 10 min, or until
 * the link changes.
 *
 * options may be NULL. If its local address is given, addresses of the other family are left out.
 * Errors are those of mnet_tcp_connect. If `count` is 0 or above MNET_TCP_ADDRESSES_MAX, or an
 * address or another argument is wrong, the result is MNET_E_INVALID, and nothing was sent. If all
 * attempts fail, it is the cause that tells most: MNET_E_REFUSED, then a cause on this side
 * (MNET_E_LIMIT, MNET_E_NO_MEMORY), MNET_E_TIMED_OUT, MNET_E_DEADLINE, MNET_E_UNREACHABLE. If the
 * deadline passes before all addresses were tried, it is MNET_E_DEADLINE. On any failure *flow is
 * NULL, and nothing is left behind. Suspends. */
#define MNET_TCP_ADDRESSES_MAX 16
int mnet_tcp_connect_any(struct mnet_stack *stack, const struct mnet_address *addresses, unsigned count, uint16_t port,
                         const struct mnet_connect_options *options, struct mnet_flow **flow, uint64_t deadline);

/* mnet_tcp_connect in two steps, for options and for foreign event loops. mnet_tcp_connect_begin
 * sends the SYN and never suspends. Its flow must be closed, whatever becomes of the attempt.
 * mnet_tcp_established waits until the connection is established or has failed, and returns 0 or an
 * error of mnet_tcp_connect. A program that wants to know why a host cannot be reached takes these
 * two calls and asks mnet_tcp_unreachable: mnet_tcp_connect leaves no flow to be asked. */
int mnet_tcp_connect_begin(struct mnet_stack *stack, struct mnet_endpoint remote,
                           const struct mnet_connect_options *options, struct mnet_flow **flow);
int mnet_tcp_established(struct mnet_flow *flow, uint64_t deadline);
/* Returns the cause reported last why packets of the flow do not arrive. For an attempt to connect
 * and after its failure it is the cause of that. For an established connection it is only a notice
 * (MNET_NOTICE_UNREACHABLE). The log names the sender of the report. Never suspends. */
enum mnet_unreachable mnet_tcp_unreachable(const struct mnet_flow *flow);

/* Listens on `port`, for connections of both families. With port 0 the stack picks a free one,
 * which mnet_tcp_listen_port returns. options may be NULL. Errors: MNET_E_IN_USE, MNET_E_INVALID
 * (not an own address, or not of the family), MNET_E_LIMIT, MNET_E_NO_MEMORY. Never suspends. */
int mnet_tcp_listen(struct mnet_stack *stack, uint16_t port, const struct mnet_listen_options *options,
                    struct mnet_listener **listener);
/* Begins to listen with a listener that only reserved its port, or changes the backlog of one that
 * listens. Before this call connection requests are answered as if nobody had the port, and a
 * connection can be opened from it: with the address and the port as `local` of struct
 * mnet_connect_options. A backlog of 0 is the default. Returns 0, or MNET_E_CLOSED if the stack is
 * down. Never suspends. */
int mnet_tcp_listen_now(struct mnet_listener *listener, unsigned backlog);
/* Returns the port of the listener. */
uint16_t mnet_tcp_listen_port(const struct mnet_listener *listener);

/* Waits for a connection. Waiting tasks are served in order, one flow each. A connection that the
 * peer has reset meanwhile is returned, too: reading tells the error. So if the listener is ready,
 * it stays so until a connection is accepted. Returns MNET_E_CLOSED if the listener is closed.
 * Suspends. */
int mnet_tcp_accept(struct mnet_listener *listener, struct mnet_flow **flow, uint64_t deadline);

/* Stops listening. Waiting tasks wake with MNET_E_CLOSED, and connections not yet accepted are
 * reset. The handle is invalid afterwards. Never suspends. */
void mnet_tcp_unlisten(struct mnet_listener *listener);

/* Reads up to `len` bytes, at least one unless the stream has ended, and returns their number.
 * Returns 0 only at the end of the stream, or at once if `len` is 0. Data that arrived in order is
 * delivered before an error that ended the connection: MNET_E_RESET, MNET_E_TIMED_OUT, or
 * MNET_E_NO_MEMORY (the peer took too little of the data queued for it while others needed the
 * memory, docs/memory.md). MNET_E_CLOSED after shutdown of reading. Suspends. */
ptrdiff_t mnet_tcp_read(struct mnet_flow *flow, void *buffer, size_t len, uint64_t deadline);

/* Reads exactly `len` bytes. Returns 0, MNET_E_END_OF_FILE if the stream ends before, or another
 * error of mnet_tcp_read. *done is the number of bytes read in each case; done may be NULL.
 * Suspends. */
int mnet_tcp_read_exactly(struct mnet_flow *flow, void *buffer, size_t len, size_t *done, uint64_t deadline);

/* Copies up to `len` bytes without reading them: the next call that reads gets the same bytes.
 * Otherwise as mnet_tcp_read. Suspends. */
ptrdiff_t mnet_tcp_peek(struct mnet_flow *flow, void *buffer, size_t len, uint64_t deadline);

/* The bytes in the queues of a flow. */
struct mnet_tcp_queued {
    size_t unread;  /* received in order, and neither read nor lent */
    size_t unacked; /* sent, and not acknowledged */
    size_t unsent;  /* queued behind those */
};
/* Returns the bytes that are queued now. Those of mnet_tcp_write_now that follow another task's
 * write are not counted. Never suspends. */
struct mnet_tcp_queued mnet_tcp_queued(const struct mnet_flow *flow);

/* Lends received bytes without copying them. Fills up to `max` slices with contiguous pieces, in
 * order, and returns how many it filled: at least 1, or 0 at the end of the stream. The bytes count
 * as read. They stay valid until mnet_tcp_release returns all lent slices of the flow, which also
 * opens the receive window. May be mixed freely with mnet_tcp_read. Suspends. */
ptrdiff_t mnet_tcp_get(struct mnet_flow *flow, struct mnet_slice *slices, int max, uint64_t deadline);
/* Returns all slices that mnet_tcp_get lent. Does nothing if none are lent. Never suspends. */
void mnet_tcp_release(struct mnet_flow *flow);

/* Queues a copy of all `len` bytes for sending, and waits for room in the send buffer. Returns 0 or
 * an error; *queued is the number of bytes queued in each case; queued may be NULL. Bytes of
 * several tasks do not mix: each call's are contiguous. Works after the peer's FIN. Returns
 * MNET_E_CLOSED_BY_PEER after the peer's reset, MNET_E_TIMED_OUT or MNET_E_UNREACHABLE if that
 * ended the connection, and MNET_E_CLOSED after shutdown of writing. Suspends. */
int mnet_tcp_write(struct mnet_flow *flow, const void *data, size_t len, size_t *queued, uint64_t deadline);
/* Queues several pieces in order, as mnet_tcp_write queues one. Suspends. */
int mnet_tcp_writev(struct mnet_flow *flow, const struct mnet_slice *slices, int count, size_t *queued,
                    uint64_t deadline);
/* Sends the caller's bytes without copying them. `release(context)` is called once, from within a
 * call into the stack, when the bytes are no longer needed: they are acknowledged, or the
 * connection is gone. It is called even if the call fails after queueing a part, but not if it
 * fails with *queued 0. `release` must only note the fact: it must not call the stack. Otherwise as
 * mnet_tcp_write. Suspends. */
int mnet_tcp_write_lent(struct mnet_flow *flow, const void *data, size_t len, void (*release)(void *context),
                        void *context, size_t *queued, uint64_t deadline);
/* Queues a copy of all `len` bytes beyond any limit of the send buffer, and transmits at once as
 * much as the windows allow. The memory budget still holds: MNET_E_NO_MEMORY, with nothing queued.
 * This call is for the rare message that cannot wait. To send more, ask for MNET_WRITABLE first:
 * otherwise a peer that does not read lets the queue grow without end. If another task is inside a
 * write, the bytes follow those of that write. Never suspends; safe in finalisers. */
int mnet_tcp_write_now(struct mnet_flow *flow, const void *data, size_t len);

/* Closes the flow. Queued data is still delivered. If there is unread data, or data arrives later,
 * the peer gets a reset (RFC 9293 3.6.1, SHLD-3), and loses the data that it has not received by
 * then. MNET_SHUTDOWN_READ before the close prevents that. Tasks blocked on the flow wake with
 * MNET_E_CLOSED. The handle is invalid afterwards. NULL is allowed. Never suspends, never fails. */
void mnet_tcp_close(struct mnet_flow *flow);
/* Closes the flow, and waits until the peer has acknowledged everything, the end of the stream
 * included. Then it returns 0. At the deadline, or if the task is cancelled, the rest is forgotten,
 * and the peer gets a reset, as with SO_LINGER of the POSIX sockets: MNET_E_DEADLINE,
 * MNET_E_CANCELLED. If the connection ends otherwise, its error is returned, such as MNET_E_RESET
 * or MNET_E_TIMED_OUT. The handle is invalid afterwards in each case. With NULL the call returns 0
 * at once. In a finaliser it acts as mnet_tcp_close and returns MNET_E_INVALID. Suspends. */
int mnet_tcp_close_wait(struct mnet_flow *flow, uint64_t deadline);
/* Sends a reset and forgets all queued data. Otherwise as mnet_tcp_close. */
void mnet_tcp_abort(struct mnet_flow *flow);

/* Ends one direction, or both.
 *
 * MNET_SHUTDOWN_READ discards unread data. Data that arrives later is refused with a reset, so that
 * the peer's writes fail. While queued data is still unacknowledged, later data is discarded
 * instead: so the answer to a request that was not read to its end arrives. MNET_SHUTDOWN_WRITE
 * sends a FIN after the queued data; reading goes on.
 *
 * Returns 0, MNET_E_INVALID, MNET_E_CLOSED if the connection is gone, or MNET_E_NO_MEMORY: a
 * connection that was idle for long needs some, and so do bytes of mnet_tcp_write_now that wait for
 * their turn. Then nothing has ended. Never suspends. */
int mnet_tcp_shutdown(struct mnet_flow *flow, enum mnet_shutdown how);

/* Stores both ends, in any state of the connection. Either pointer may be NULL. */
void mnet_tcp_peers(const struct mnet_flow *flow, struct mnet_endpoint *local, struct mnet_endpoint *remote);
/* Writes "tcp 10.0.0.2:80 > 10.0.0.1:40112" into `text` of `size` bytes, always terminated, and
 * returns `text`. MNET_TCP_TEXT bytes are enough. */
#define MNET_TCP_TEXT (2 * MNET_ENDPOINT_TEXT + 8)
char *mnet_tcp_describe(const struct mnet_flow *flow, char *text, size_t size);

/* Returns the name of the flow's congestion control: "cubic", "reno" or "bbr". Static. */
const char *mnet_tcp_congestion(const struct mnet_flow *flow);
/* Switches Nagle's algorithm off or on (MUST-17). */
void mnet_tcp_set_no_delay(struct mnet_flow *flow, bool no_delay);
/* Sets the time to live (1..255, MUST-49) or DSCP (0..63, MUST-48) of later segments. Returns 0,
 * MNET_E_INVALID, or MNET_E_NO_MEMORY: a connection that was idle for long needs some for a setting
 * (docs/memory.md). Then settings that return nothing have no effect. */
int mnet_tcp_set_ttl(struct mnet_flow *flow, uint8_t ttl);
int mnet_tcp_set_dscp(struct mnet_flow *flow, uint8_t dscp);

/* Keepalive (RFC 9293 3.8.4). Zeros are these defaults: two hours (MUST-28), 75 s, 9 probes. */
#define MNET_KEEPALIVE_IDLE_S 7200
#define MNET_KEEPALIVE_INTERVAL_S 75
#define MNET_KEEPALIVE_PROBES 9
struct mnet_keepalive {
    uint64_t idle_ns;     /* silence of the peer before the first probe */
    uint64_t interval_ns; /* from one probe to the next */
    /* Unanswered probes after which the connection ends with MNET_E_TIMED_OUT. At least 2. */
    unsigned probes;
};
/* Switches keepalive on, or off with NULL. It is off at first (MUST-24, MUST-25). */
void mnet_tcp_set_keepalive(struct mnet_flow *flow, const struct mnet_keepalive *keepalive);
/* Sets R2 (MUST-21): if data stays unacknowledged for this time, the connection ends with
 * MNET_E_TIMED_OUT. 0 stands for the stack's value, MNET_NEVER for no end. If
 * tcp.user_timeout_option of the stack is set, the peer is told the value (RFC 5482), and the
 * peer's own does not change it. */
void mnet_tcp_set_user_timeout(struct mnet_flow *flow, uint64_t timeout_ns);

/* Events that a program may want to know, and that do not end the connection (MUST-47). */
enum mnet_notice {
    /* An ICMP error said that our packets do not arrive (SHLD-25). */
    MNET_NOTICE_UNREACHABLE = 1,
    /* The same data was sent again three times in a row (R1, SHLD-9). */
    MNET_NOTICE_RETRANSMITTING = 2,
};
/* Returns the notices since the last call, as bits of enum mnet_notice. */
unsigned mnet_tcp_notices(struct mnet_flow *flow);
/* Switches notices on or off (SHLD-20). They are on at first. */
void mnet_tcp_set_notices(struct mnet_flow *flow, bool on);

/* Queues data as mnet_tcp_write does, and then makes all data queued so far urgent (RFC 9293
 * 3.8.5). For old protocols only (SHLD-13). Suspends. */
int mnet_tcp_write_urgent(struct mnet_flow *flow, const void *data, size_t len, size_t *queued, uint64_t deadline);
/* Returns the number of bytes from the next unread one to the last urgent one, arrived or not. 0:
 * no urgent data (MUST-33). */
size_t mnet_tcp_urgent(const struct mnet_flow *flow);

/* Returns the error that has ended the connection or the attempt to open it: MNET_E_REFUSED,
 * MNET_E_RESET, MNET_E_TIMED_OUT, MNET_E_UNREACHABLE or another that reading and writing return. It
 * is returned as soon as it has happened, even if unread bytes are left, and again in each call. 0
 * if there is none: the connection is being opened, is open, or has ended in order. Never
 * suspends. */
int mnet_tcp_error(const struct mnet_flow *flow);

/* Returns the bits of enum mnet_ready that hold now. After a write that filled the send buffer or
 * could not queue all, MNET_WRITABLE holds only if half of the buffer is free, or if the rest of
 * that write fits and no more room is to come soon. mnet_tcp_write_now may fill the buffer, too,
 * and beyond. MNET_WRITABLE does not hold while another task is inside a write. */
unsigned mnet_tcp_ready(const struct mnet_flow *flow);
/* Waits until the flow is ready for any bit of `wanted`, and returns those that hold. Errors:
 * MNET_E_DEADLINE, MNET_E_CANCELLED, MNET_E_CLOSED, MNET_E_INVALID. Suspends. */
int mnet_tcp_wait(struct mnet_flow *flow, unsigned wanted, uint64_t deadline);
/* Returns the bits of enum mnet_ready that hold for the listener. */
unsigned mnet_tcp_listener_ready(const struct mnet_listener *listener);
/* Calls `notify(context, ready)` from within a call into the stack whenever readiness may have
 * risen. NULL ends that. `notify` must only note the fact: it must not call the stack. A member of
 * a set (mnet/watch.h) has the callback of the set instead. */
void mnet_tcp_notify(struct mnet_flow *flow, void (*notify)(void *context, unsigned ready), void *context);
void mnet_tcp_listener_notify(struct mnet_listener *listener, void (*notify)(void *context, unsigned ready),
                              void *context);

/* Returns the flow as a stream (mnet/stream.h): the same calls through a table. The flow must still
 * be closed once, through either. */
struct mnet_stream mnet_tcp_stream(struct mnet_flow *flow);

#pragma GCC visibility pop

#endif
