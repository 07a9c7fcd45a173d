/* Seeing inside TCP: the state of connections as `ss -ti` shows it, all connections of a stack, and a trace of what happens to them. */
#ifndef MNET_TCP_INFO_H
#define MNET_TCP_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/error.h>

#pragma GCC visibility push(default)

struct mnet_flow;
struct mnet_stack;

/* A snapshot. Bytes are of text; times are nanoseconds; times to come are absolute, MNET_NEVER where nothing is due. */
struct mnet_tcp_info {
    struct mnet_endpoint local, remote;
    const char *state; /* "ESTABLISHED", as RFC 9293 spells it; static, as is the next */
    const char *
        congestion; /* "cubic", "reno", "bbr"; "" where there is no sending side yet, or any more: half-open and in TIME-WAIT */
    bool timestamps, sack, window_scale; /* agreed by both ends */

    enum mnet_unreachable unreachable; /* as mnet_tcp_unreachable says */

    uint64_t rtt_ns, rttvar_ns; /* smoothed round-trip time and its variation; 0: not measured yet (RFC 6298) */
    uint64_t rto_ns;            /* retransmission timeout, backoff included */
    unsigned backoff;           /* how often that was doubled since the last round trip could be measured */
    uint32_t cwnd, ssthresh;    /* bytes; ssthresh UINT32_MAX: no loss seen yet */
    uint64_t pacing_rate;       /* bytes a second; 0: not paced */
    const char *loss;           /* "open", "recovery" or "loss" (after a timeout); static */
    bool reordering_seen;       /* segments arrived in another order than they were sent in */
    uint64_t reordering_ns;     /* how long what may only be late is waited for (RFC 8985 6.2 step 4); 0 without SACK */

    uint32_t snd_mss, rcv_mss, path_mtu;
    const char *
        path_search; /* of RFC 8899: "off", "base", "searching", "complete", or "error" where packets may be fragmented; static */
    uint32_t snd_wnd, rcv_wnd; /* what the peer offers, and what we do */
    uint32_t in_flight;        /* sent, and neither acknowledged nor thought lost */
    uint32_t unacked;          /* sent, and not acknowledged cumulatively */
    uint32_t unsent;           /* queued behind that */
    uint32_t unread;           /* received in order, and not read */
    uint32_t out_of_order;     /* received beyond a hole */
    uint64_t bytes_acked;      /* since the connection began ... */
    uint64_t bytes_received;   /* ... in order */
    uint64_t bytes_retransmitted;
    uint32_t segments_sent, segments_received; /* modulo 2^32 */

    uint64_t retransmit_at;  /* timers: retransmission, or zero-window probe ... */
    uint64_t delayed_ack_at; /* ... */
    uint64_t keepalive_at;
    uint64_t user_timeout_ns; /* R2 */
};

/* Fills *info. Never suspends, in any state of the connection. */
void mnet_tcp_info(const struct mnet_flow *flow, struct mnet_tcp_info *info);

/* Calls `visit(context, info)` for each connection of the stack, those without a user, half-open and in TIME-WAIT included, in no particular order, until
 * it returns false. It must not call into the stack. *info is valid during the call. */
void mnet_tcp_each(const struct mnet_stack *stack, bool (*visit)(void *context, const struct mnet_tcp_info *info),
                   void *context);

/* What happens to a connection, for a trace. */
enum mnet_tcp_event {
    MNET_TCP_EVENT_STATE,     /* the connection is in a new state */
    MNET_TCP_EVENT_TIMEOUT,   /* the retransmission timer expired, on what had been sent */
    MNET_TCP_EVENT_RECOVERY,  /* a loss was found; fast recovery begins */
    MNET_TCP_EVENT_RECOVERED, /* recovery has ended */
    MNET_TCP_EVENT_UNDONE,    /* what was taken for a loss was none: the windows are as before */
    MNET_TCP_EVENT_PATH_MTU,  /* segments are smaller or larger from now on */
};

/* Set in the configuration of a stack: event(context, now, event, info) is called from within the stack for each event of each connection, with the snapshot
 * just after it. It must not call into the stack. */
struct mnet_tcp_trace {
    void (*event)(void *context, uint64_t now, enum mnet_tcp_event event, const struct mnet_tcp_info *info);
    void *context;
};

/* "state", "timeout", ... Static. */
const char *mnet_tcp_event_name(enum mnet_tcp_event event);

#pragma GCC visibility pop

#endif
