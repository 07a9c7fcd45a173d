/* Views into TCP: the state of a connection as `ss -ti` shows it, all connections of a stack, and a
 * trace of events.
 */
#ifndef MNET_TCP_INFO_H
#define MNET_TCP_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/error.h>

#pragma GCC visibility push(default)

struct mnet_flow;
struct mnet_listener;
struct mnet_stack;

/* A snapshot of one connection. Times are in nanoseconds. A time to come is absolute, and
 * MNET_NEVER if nothing is due. */
struct mnet_tcp_info {
    struct mnet_endpoint local, remote;
    const char *state; /* "ESTABLISHED", as RFC 9293 spells it; static */
    /* The handles of the program: that of the connection, or NULL before it is accepted and after
     * it is closed; and that of the listener, of itself and of connections not accepted yet. */
    struct mnet_flow *flow;
    struct mnet_listener *listener;
    /* "cubic", "reno" or "bbr". "" if the connection has no sending side: half-open or in
     * TIME-WAIT. Static. */
    const char *congestion;
    bool timestamps, sack, window_scale; /* agreed by both ends */
    bool ecn;                            /* agreed, and not switched off since */
    uint8_t snd_wscale, rcv_wscale;      /* shifts of the windows of the peer, and of ours */

    enum mnet_unreachable unreachable; /* as mnet_tcp_unreachable returns it */

    /* Smoothed round-trip time and its variation (RFC 6298). 0 if not measured yet. */
    uint64_t rtt_ns, rttvar_ns;
    uint64_t min_rtt_ns;     /* smallest of the last 30 s; 0 if not measured yet */
    uint64_t rto_ns;         /* retransmission timeout, backoff included */
    unsigned backoff;        /* doublings of it since the last measured round trip */
    uint32_t cwnd, ssthresh; /* bytes; ssthresh UINT32_MAX: no loss so far */
    uint64_t pacing_rate;    /* bytes per second; 0: not paced */
    const char *loss;        /* "open", "recovery", or "loss" (after a timeout); static */
    bool reordering_seen;    /* segments arrived in another order than they were sent in */
    /* How long a segment that may only be late is waited for (RFC 8985 6.2 step 4). 0 without
     * SACK. */
    uint64_t reordering_ns;

    uint32_t snd_mss, rcv_mss, path_mtu; /* bytes */
    /* State of path-MTU probing (RFC 8899): "off", "base", "searching" or "complete", or "error" if
     * packets may be fragmented. Static. */
    const char *path_search;
    uint32_t snd_wnd, rcv_wnd;     /* bytes that the peer offers, and that we offer */
    uint32_t in_flight;            /* bytes sent, and neither acknowledged nor thought lost */
    uint32_t sacked, lost;         /* of those sent: acknowledged selectively, and thought lost */
    uint32_t unacked;              /* bytes sent, and not acknowledged cumulatively */
    uint32_t unsent;               /* bytes queued behind those */
    uint32_t unread;               /* bytes received in order, and not read */
    uint32_t out_of_order;         /* bytes received beyond a hole */
    unsigned backlog, backlog_max; /* LISTEN: connections that wait for accept, and how many may */
    uint64_t bytes_acked;          /* since the connection began */
    uint64_t bytes_received;       /* in order, since the connection began */
    uint64_t bytes_retransmitted;  /* since the connection began */
    /* Modulo 2^32. */
    uint32_t segments_sent, segments_received;

    uint64_t retransmit_at;   /* expiry of the timer of retransmissions and zero-window probes */
    uint64_t delayed_ack_at;  /* expiry of the timer of delayed acknowledgements */
    uint64_t keepalive_at;    /* expiry of the keepalive timer */
    uint64_t user_timeout_ns; /* R2 */
};

/* Fills *info, in any state of the connection. Never suspends. */
void mnet_tcp_info(const struct mnet_flow *flow, struct mnet_tcp_info *info);

/* Calls `visit(context, info)` for each listener of the stack (its state is "LISTEN", or "CLOSED"
 * if the port is only reserved), then for each connection, in no particular order, until it returns
 * false. Connections without a user, half-open ones and those in TIME-WAIT are included. `visit`
 * must not call the stack. *info is valid during the call. */
void mnet_tcp_each(const struct mnet_stack *stack, bool (*visit)(void *context, const struct mnet_tcp_info *info),
                   void *context);

/* Writes a snapshot as a line without its end, as mnet_format does: at most size - 1 characters and
 * a terminating zero, or nothing if size is 0. Returns the length of the whole text, at most 900.
 *
 * The words are the state, the local and the remote end, and name=value for each figure. A listener
 * has * for the remote end. Never suspends. */
size_t mnet_tcp_info_format(const struct mnet_tcp_info *info, char *text, size_t size);

/* The events of a connection that a trace shows. */
enum mnet_tcp_event {
    MNET_TCP_EVENT_STATE,     /* the connection is in a new state */
    MNET_TCP_EVENT_TIMEOUT,   /* the retransmission timer expired for data that had been sent */
    MNET_TCP_EVENT_RECOVERY,  /* a loss was found; fast recovery begins */
    MNET_TCP_EVENT_RECOVERED, /* recovery has ended */
    MNET_TCP_EVENT_UNDONE,    /* the presumed loss was none: the windows are as before */
    MNET_TCP_EVENT_PATH_MTU,  /* segments are smaller or larger from now on */
};

/* A segment as a trace shows it: the fields of its header (RFC 9293 3.1). A large one that a device
 * cuts or merges is one. */
struct mnet_tcp_segment {
    bool sent;       /* else it was received */
    uint8_t flags;   /* as in the header: FIN is 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32 */
    uint16_t window; /* as in the header, not scaled */
    uint32_t seq, ack;
    uint32_t len; /* bytes of text */
};

/* A trace, set in the configuration of a stack. */
struct mnet_tcp_trace {
    /* Called from within the stack for each event of each connection, with the snapshot just after
     * it. Must not call the stack. */
    void (*event)(void *context, uint64_t now, enum mnet_tcp_event event, const struct mnet_tcp_info *info);
    /* Called likewise for each segment that the stack has sent or received, after it has acted on
     * it. NULL: none. The state is CLOSED if there is no connection after it. */
    void (*segment)(void *context, uint64_t now, const struct mnet_tcp_segment *segment,
                    const struct mnet_tcp_info *info);
    void *context; /* of both */
};

/* Writes a segment as mnet_format does: at most size - 1 characters and a terminating zero, or
 * nothing if size is 0. Returns the length of the whole text, at most 80. The words are "sent" or
 * "received", and seq, ack, len, window and flags, as seq=1. Never suspends. */
size_t mnet_tcp_segment_format(const struct mnet_tcp_segment *segment, char *text, size_t size);

/* Returns the name of an event, such as "state" or "timeout". Static. */
const char *mnet_tcp_event_name(enum mnet_tcp_event event);

#pragma GCC visibility pop

#endif
