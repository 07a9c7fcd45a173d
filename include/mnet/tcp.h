/* TCP: connections as a program sees them (RFC 9293 3.9.1).
 *
 * Calls that may suspend take an absolute deadline last. With deadline 0 they never suspend, may be used outside tasks, and return
 * MNET_E_DEADLINE where they would have to wait. A cancelled task gets MNET_E_CANCELLED from every call that would suspend. Any number
 * of tasks may use one flow. Calls that close take NULL and
 * do nothing then, so that a cleared handle can be closed twice. For any other call a NULL or already closed handle is the
 * caller's bug: mnet_panic names the call, and a closed one as long as its memory serves nothing else.
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

/* How a connection finds out how much the path takes. */
enum mnet_congestion {
    MNET_CONGESTION_DEFAULT, /* the stack's (tcp_congestion of its configuration), CUBIC if that says nothing either */
    MNET_CONGESTION_CUBIC,   /* RFC 9438, with HyStart++ (RFC 9406) */
    MNET_CONGESTION_RENO,    /* RFC 5681 */
    MNET_CONGESTION_BBR, /* a model of bandwidth and round trip, after BBR: for links that lose without being congested */
};

/* Explicit Congestion Notification (RFC 3168): routers mark packets instead of dropping them. */
enum mnet_ecn {
    MNET_ECN_DEFAULT, /* passive */
    MNET_ECN_OFF,
    MNET_ECN_PASSIVE, /* where the peer asks for it */
    MNET_ECN_ON,      /* our connections ask for it, too */
};

/* Options of an active open; zeros are defaults. */
struct mnet_connect_options {
    /* default: the stack chooses the address (MUST-44) and a random port (RFC 6056), never one that makes a connection with
     * itself. Who names both ports, and an own address twice, gets that: TCP allows it (RFC 9293 3.5). */
    struct mnet_endpoint local;
    bool no_delay;
    bool no_timestamps, no_sack, no_window_scale; /* not to be offered, even where the stack does */
    uint8_t ttl;                                  /* MUST-49; default: the stack's */
    uint8_t dscp;                                 /* MUST-48: 0..63 */
    enum mnet_congestion congestion;
};

/* What a full backlog does to a further connection request. */
enum mnet_backlog_policy {
    MNET_BACKLOG_IGNORE, /* stays silent: the client tries again */
    MNET_BACKLOG_REFUSE, /* answers with a reset */
};

/* Options of a passive open; zeros are defaults. */
struct mnet_listen_options {
    struct mnet_address address; /* listen on this own address only (MUST-43) */
    unsigned backlog;            /* connections established but not yet accepted; default 128 */
    enum mnet_backlog_policy policy;
    bool no_delay;
    bool no_timestamps, no_sack, no_window_scale; /* not to be agreed to, even where the stack does */
    uint8_t ttl;                                  /* of the connections accepted, from the SYN,ACK on (MUST-49); ... */
    uint8_t dscp;                                 /* ... MUST-48: 0..63 */
    enum mnet_congestion congestion;              /* of the connections accepted */
};

/* Connects to `address` and `port` and waits until the connection is established. On any failure *flow is NULL and nothing is left
 * behind. MNET_E_REFUSED, MNET_E_TIMED_OUT, MNET_E_INVALID (not a unicast address, port 0: MUST-46), MNET_E_IN_USE,
 * MNET_E_LIMIT, MNET_E_NO_MEMORY, MNET_E_DEADLINE, MNET_E_CANCELLED; or MNET_E_UNREACHABLE: at once without a route, after
 * about 3 s without a neighbour, as soon as an ICMP error says that the host has no such port or protocol or that the
 * connection is prohibited, and in place of TIMED_OUT and DEADLINE if one says that the network or the host is unreachable,
 * which may be repaired meanwhile. Suspends. */
int mnet_tcp_connect(struct mnet_stack *stack, struct mnet_address address, uint16_t port, struct mnet_flow **flow,
                     uint64_t deadline);

/* The two halves of it, for options and for foreign event loops: begin sends the SYN and never suspends; the flow must be closed
 * whatever comes of it. established waits until the connection is up or has failed. */
int mnet_tcp_connect_begin(struct mnet_stack *stack, struct mnet_endpoint remote,
                           const struct mnet_connect_options *options, struct mnet_flow **flow);
int mnet_tcp_established(struct mnet_flow *flow, uint64_t deadline);
/* What was said last about why packets of the flow do not arrive: while it connects, and after that has failed; from then on
 * about the connection, for which it is only a notice (MNET_NOTICE_UNREACHABLE). The log names who said it. Never suspends. */
enum mnet_unreachable mnet_tcp_unreachable(const struct mnet_flow *flow);

/* Listens on `port` (0 picks a free one; see mnet_tcp_listen_port). options may be NULL. MNET_E_IN_USE, MNET_E_INVALID (not an own address),
 * MNET_E_LIMIT, MNET_E_NO_MEMORY. Never suspends. */
int mnet_tcp_listen(struct mnet_stack *stack, uint16_t port, const struct mnet_listen_options *options,
                    struct mnet_listener **listener);
uint16_t mnet_tcp_listen_port(const struct mnet_listener *listener);

/* Waits for an established connection; waiting tasks are served in order, one flow each. MNET_E_CLOSED when the listener goes. Suspends. */
int mnet_tcp_accept(struct mnet_listener *listener, struct mnet_flow **flow, uint64_t deadline);

/* Stops listening: waiters wake with MNET_E_CLOSED, connections not yet accepted are reset. The handle is invalid afterwards.
 * Never suspends. */
void mnet_tcp_unlisten(struct mnet_listener *listener);

/* Reads up to `len` bytes, at least one unless the stream has ended. Returns the count; 0 only at the end of the stream (or for len 0, at
 * once). What arrived in order is delivered before MNET_E_RESET or MNET_E_TIMED_OUT is,
 * or MNET_E_NO_MEMORY: the peer took too little of what was queued for it, and others needed the memory (docs/memory.md). MNET_E_CLOSED after
 * shutdown of reading. Suspends. */
ptrdiff_t mnet_tcp_read(struct mnet_flow *flow, void *buffer, size_t len, uint64_t deadline);

/* Reads exactly `len` bytes: 0, or MNET_E_END_OF_FILE or another error; *done (may be NULL) says how many were read. Suspends. */
int mnet_tcp_read_exactly(struct mnet_flow *flow, void *buffer, size_t len, size_t *done, uint64_t deadline);

/* Lends received bytes without copying them: fills up to `max` slices with contiguous pieces, in order, of what has arrived and returns how many
 * were filled (at least 1, or 0 at the end of the stream). They are consumed, and stay valid until mnet_tcp_release(flow) gives all lent
 * slices of the flow back, which also opens the receive window. Mixes freely with mnet_tcp_read. Suspends. */
ptrdiff_t mnet_tcp_get(struct mnet_flow *flow, struct mnet_slice *slices, int max, uint64_t deadline);
/* Where nothing is lent, nothing happens. */
void mnet_tcp_release(struct mnet_flow *flow);

/* Queues all of `len` bytes for sending, copying them; waits for room in the send buffer. Returns 0, or an error, and says in *queued (may be
 * NULL) how many bytes were queued either way. Calls of several tasks do not mix their bytes. Works after the peer's FIN; MNET_E_CLOSED_BY_PEER
 * after its reset (MNET_E_TIMED_OUT, MNET_E_UNREACHABLE when that ended the connection), MNET_E_CLOSED after shutdown of writing. Suspends. */
int mnet_tcp_write(struct mnet_flow *flow, const void *data, size_t len, size_t *queued, uint64_t deadline);
/* The same for several pieces in order. */
int mnet_tcp_writev(struct mnet_flow *flow, const struct mnet_slice *slices, int count, size_t *queued,
                    uint64_t deadline);
/* Sends the caller's bytes without copying: `release(context)` is called once, from within a call into the stack, when they are no longer needed
 * (acknowledged, or the connection is gone), also where the call fails after queueing a part. On failure with *queued 0 it is not called.
 * It must only note the fact, not call into the stack. Suspends. */
int mnet_tcp_write_lent(struct mnet_flow *flow, const void *data, size_t len, void (*release)(void *context),
                        void *context, size_t *queued, uint64_t deadline);
/* Queues all of `len` bytes whatever the send buffer's limit (not the memory budget: MNET_E_NO_MEMORY, nothing queued), and transmits at once what the
 * windows allow. It is for the odd message that cannot wait: who sends more asks for MNET_WRITABLE before, or a peer that does
 * not read makes it queue without end. Never suspends; safe in finalisers. While another task is inside a write, the bytes follow that write's. */
int mnet_tcp_write_now(struct mnet_flow *flow, const void *data, size_t len);

/* Closes the flow; the handle is invalid afterwards, and queued data is still delivered. With unread data, or when data arrives later, the
 * peer gets a reset (RFC 9293 3.6.1, SHLD-3), and what it has not received by then is lost; MNET_SHUTDOWN_READ before prevents
 * that. Tasks blocked on the flow wake with MNET_E_CLOSED. Never suspends, never fails; NULL is allowed, so
 * that a cleared handle can be closed twice. */
void mnet_tcp_close(struct mnet_flow *flow);
/* Closes the flow, and waits until the peer has acknowledged everything, the end of the stream included: 0. At the deadline, or when cancelled, what is left
 * is forgotten, and the peer gets a reset (SO_LINGER of the sockets): MNET_E_DEADLINE, MNET_E_CANCELLED. Otherwise why it never will: MNET_E_RESET,
 * MNET_E_TIMED_OUT, ... The handle is invalid afterwards in any case. Suspends; in a finaliser, where nothing may, it is as close, and gives
 * MNET_E_INVALID. NULL: 0, at once. */
int mnet_tcp_close_wait(struct mnet_flow *flow, uint64_t deadline);
/* Sends a reset and forgets everything queued. Otherwise as close. */
void mnet_tcp_abort(struct mnet_flow *flow);

/* MNET_SHUTDOWN_READ: unread data is thrown away. Later data is refused with a reset, so that the peer's writes fail; but while
 * something that was queued has not been acknowledged, it is thrown away, too: the answer to a request of which not all was
 * read arrives. MNET_SHUTDOWN_WRITE: a FIN follows the queued data, and reading goes on. Never suspends. 0, MNET_E_INVALID, or
 * MNET_E_CLOSED where the connection is gone. */
int mnet_tcp_shutdown(struct mnet_flow *flow, enum mnet_shutdown how);

/* Both ends, in any state of the connection; either pointer may be NULL. */
void mnet_tcp_peers(const struct mnet_flow *flow, struct mnet_endpoint *local, struct mnet_endpoint *remote);
/* Writes "tcp 10.0.0.2:80 > 10.0.0.1:40112" into `text`, always terminated; returns `text`. MNET_TCP_TEXT is enough. */
#define MNET_TCP_TEXT (2 * MNET_ENDPOINT_TEXT + 8)
char *mnet_tcp_describe(const struct mnet_flow *flow, char *text, size_t size);

/* The name of the flow's congestion control: "cubic", "reno", "bbr". Static. */
const char *mnet_tcp_congestion(const struct mnet_flow *flow);
/* Nagle's algorithm on or off (MUST-17). */
void mnet_tcp_set_no_delay(struct mnet_flow *flow, bool no_delay);
/* The time to live (1..255) and DSCP (0..63) of later segments; MNET_E_INVALID (MUST-48, MUST-49). */
int mnet_tcp_set_ttl(struct mnet_flow *flow, uint8_t ttl);
int mnet_tcp_set_dscp(struct mnet_flow *flow, uint8_t dscp);

/* Keepalive (RFC 9293 3.8.4). Zeros are defaults. */
struct mnet_keepalive {
    uint64_t idle_ns;     /* silence of the peer before the first probe; default 2 h */
    uint64_t interval_ns; /* from one probe to the next; default 75 s */
    unsigned
        probes; /* that must go unanswered before the connection ends with MNET_E_TIMED_OUT; at least 2; default 9 */
};
/* Switches it on; NULL: off, as it is at first (MUST-24, MUST-25). */
void mnet_tcp_set_keepalive(struct mnet_flow *flow, const struct mnet_keepalive *keepalive);
/* How long what was sent may stay unacknowledged before the connection ends with MNET_E_TIMED_OUT: R2 (MUST-21). 0: the stack's; MNET_NEVER: for ever. Where the stack has
 * tcp_user_timeout_option set, the peer hears of it (RFC 5482), and does not change it. */
void mnet_tcp_set_user_timeout(struct mnet_flow *flow, uint64_t timeout_ns);

/* What may be of interest, and ends nothing (MUST-47). */
enum mnet_notice {
    MNET_NOTICE_UNREACHABLE = 1,    /* an ICMP error said that our packets do not arrive (SHLD-25) */
    MNET_NOTICE_RETRANSMITTING = 2, /* the same data was sent again three times in a row (R1, SHLD-9) */
};
/* Which happened since the last call. */
unsigned mnet_tcp_notices(struct mnet_flow *flow);
/* Whether any are noted at all (SHLD-20); at first they are. */
void mnet_tcp_set_notices(struct mnet_flow *flow, bool on);

/* Urgent data (RFC 9293 3.8.5), for old protocols only (SHLD-13). write_urgent is mnet_tcp_write, after which everything queued so far is urgent.
 * urgent says how many bytes from the next unread one to the last urgent one there are, whether they have arrived or not; 0: none (MUST-33). */
int mnet_tcp_write_urgent(struct mnet_flow *flow, const void *data, size_t len, size_t *queued, uint64_t deadline);
size_t mnet_tcp_urgent(const struct mnet_flow *flow);

/* What the flow or listener is ready for now. MNET_WRITABLE after a write that could not queue all, or that filled the send
 * buffer, as mnet_tcp_write_now may and more: only when half of the buffer is free, or there is room for what was left over and no more is to
 * come soon; and not while another task is inside a write. */
unsigned mnet_tcp_ready(const struct mnet_flow *flow);
/* Waits until the flow is ready for any of `wanted`, and returns for which; or MNET_E_DEADLINE, MNET_E_CANCELLED, MNET_E_CLOSED, MNET_E_INVALID. Suspends. */
int mnet_tcp_wait(struct mnet_flow *flow, unsigned wanted, uint64_t deadline);
unsigned mnet_tcp_listener_ready(const struct mnet_listener *listener);
/* Asks for `notify(context, ready)` from within mnet_stack_poll when readiness may have risen; NULL ends it. It must only note the fact, not call
 * into the stack. */
void mnet_tcp_notify(struct mnet_flow *flow, void (*notify)(void *context, unsigned ready), void *context);
void mnet_tcp_listener_notify(struct mnet_listener *listener, void (*notify)(void *context, unsigned ready),
                              void *context);

/* The flow as a stream (mnet/stream.h): the same calls through a table. The flow is still the caller's to close, once, by
 * either name. */
struct mnet_stream mnet_tcp_stream(struct mnet_flow *flow);

#pragma GCC visibility pop

#endif
