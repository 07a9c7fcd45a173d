/* The transmission control block (RFC 9293 3.3.1), and the engine that it belongs to. For the files
 * of this folder and their tests only.
 *
 * States as contracts. "In use" means that the user has not closed the tcb yet.
 *   CLOSED       in no table; in use, or freed at once. `error` is the cause. Received data may
 *                still be read.
 *   SYN_SENT     by active open. SYN_RECEIVED only by simultaneous open: passive opens are
 *                `struct mn_half_open` (MUST-11).
 *   ESTABLISHED, CLOSE_WAIT    data in both directions / to the peer only.
 *   FIN_WAIT_1, FIN_WAIT_2     our FIN is queued or sent / acknowledged; the peer may still send.
 *   CLOSING, LAST_ACK          both sides have closed; our FIN waits for its acknowledgement.
 *   TIME_WAIT    only briefly: the connection lives on as a `struct mn_time_wait`, and the tcb is
 *                CLOSED, without an error, for a user who has not closed it.
 * mn_tcp_set_state is the only writer of `state`.
 */
#ifndef MN_TCB_H
#define MN_TCB_H

#include <assert.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/packet_pinned.h"
#include "base/pool.h"
#include "base/sequence.h"
#include "base/wheel.h"
#include "tcp/autotune.h"
#include "tcp/congestion/congestion.h"
#include "tcp/congestion/rate.h"
#include "tcp/ecn.h"
#include "tcp/plpmtu.h"
#include "tcp/queue/hogs.h"
#include "tcp/queue/reassembly.h"
#include "tcp/queue/recvq.h"
#include "tcp/queue/sendq.h"
#include "tcp/records/cookie.h"
#include "tcp/records/records.h"
#include "tcp/recovery/loss.h"
#include "tcp/recovery/rtt.h"
#include "tcp/sack.h"
#include "tcp/tcp.h"
#include "tcp/timestamps.h"
#include "wire/tcp.h"

enum mn_tcp_state {
    MN_CLOSED,
    MN_LISTEN, /* only of listeners; listed here for the names */
    MN_SYN_SENT,
    MN_SYN_RECEIVED,
    MN_ESTABLISHED,
    MN_FIN_WAIT_1,
    MN_FIN_WAIT_2,
    MN_CLOSE_WAIT,
    MN_CLOSING,
    MN_LAST_ACK,
    MN_TIME_WAIT,
};

#define MN_SYN_TIMEOUT (180 * MNET_SECOND)     /* R2 of a SYN (MUST-23) */
#define MN_ORPHAN_TIMEOUT (100 * MNET_SECOND)  /* R2 without a user (SHLD-11) */
#define MN_DELAYED_ACK (40 * MNET_MILLISECOND) /* below 0.5 s (MUST-40) */
/* Full segments acknowledged at once after a sign of loss. */
#define MN_QUICK_ACKS 16u
/* Receive window of a new connection; it grows with the bytes read. */
#define MN_WINDOW_INITIAL 65535u
#define MN_CHALLENGE_LIMIT 10u /* challenge ACKs of a connection in a second (RFC 5961 7) */
#define MN_MSS_MINIMUM 64u     /* a peer's smaller MSS is raised to this */
#define MN_REPLIES_MAX 256u    /* most waiting segments without a tcb */

/* Timers of all records, on the engine's wheel. */
enum mn_tcp_timer {
    MN_TIMER_TCB,
    MN_TIMER_HALF_OPEN,
    MN_TIMER_TIME_WAIT,
};

/* The timers of a tcb, as in the RFC. They share one on the wheel (timers.c). */
enum mn_due {
    MN_DUE_DELAYED_ACK,
    MN_DUE_PACING,     /* the next burst */
    MN_DUE_RETRANSMIT, /* retransmission or zero-window probing, or giving up, if that is sooner */
    MN_DUE_LIFETIME,   /* keepalive; without a user, the end of FIN-WAIT-2 */
    MN_DUE_COUNT,
};

/* The segments that a connection can owe, in the order in which they are sent (output.c). */
enum mn_owed {
    MN_OWED_SYN = 1,          /* our SYN, for the first time or again */
    MN_OWED_WINDOW_PROBE = 2, /* a zero-window probe */
    MN_OWED_TAIL_PROBE = 4,   /* a tail loss probe */
    MN_OWED_LOST = 8,         /* lost data; never in tcb->owed, because the scoreboard knows it */
    /* New data or the FIN; never in tcb->owed, because the send queue knows it. */
    MN_OWED_NEW = 16,
    MN_OWED_ACK = 32,
    MN_OWED_KEEPALIVE = 64,     /* a keepalive probe */
    MN_OWED_USER_TIMEOUT = 128, /* our user timeout */
};

/* See keepalive.c. Off if idle_ms is 0. */
struct mn_keepalive {
    uint32_t idle_ms, interval_ms;
    uint8_t probes;
    uint8_t unanswered;
};

/* Touched while data is in flight, and when data is sent or may be queued: losses, times,
 * congestion. */
struct mn_tcb_flight {
    struct mn_rtt rtt;
    struct mn_congestion congestion;
    struct mn_loss loss;
    struct mn_rate *rate;       /* delivery samples; NULL if nobody needs them */
    uint64_t retransmit_due_ns; /* time of the next retransmission */
    /* Time of the peer's last acknowledgement, or at which the oldest unacknowledged byte was
     * sent. */
    uint64_t progress_ns;
    uint64_t moved_ns; /* time at which SND.UNA last advanced */
    uint64_t last_sent_ns;
    uint64_t paced_until_ns;  /* see pacing.c */
    uint64_t user_timeout_ns; /* R2; 0: the engine's */
    struct mn_hog hog;        /* by the memory that the send queue pins: see pressure.c */
    uint32_t limited_seq;     /* cwnd held back the data behind it: see feedback.c */
    uint32_t path_generation; /* of the host's paths, at the last look */
};

/* What the user has set instead of the engine's rules, in bytes. 0: not set. */
struct mn_tcb_limits {
    uint32_t send_buffer, receive_buffer;
    uint32_t unsent; /* not-sent low water */
};

/* Touched only by opening, closing, accounting and errors. */
struct mn_tcb_rare {
    struct mnet_link all; /* of the engine's tcbs */
    /* pressure.c compares bytes_acked with held_acked, its value at held_ns. */
    uint64_t held_ns, held_acked;
    uint64_t bytes_retransmitted; /* of text, since the beginning */
    struct mn_tcb_limits *limits; /* NULL unless limited */
    struct mn_keepalive keepalive;
    /* Autotune: round trips in a row that needed less than a quarter of the window. */
    uint8_t rcv_low;
    uint8_t challenge_count; /* challenge ACKs in this second */
    uint8_t unreachable;     /* enum mnet_unreachable: the cause that the last ICMP error gave */
    /* Set when CLOSED is entered, unless the user closed: the result of every call. */
    int8_t error;
    uint32_t iss;
    union {
        uint32_t irs;     /* until ESTABLISHED */
        uint32_t rcv_fin; /* after that: the sequence number of the peer's FIN, if fin_known */
    };
    uint32_t send_wanted;      /* while send_full */
    uint32_t challenge_second; /* modulo 2^32 */
};

/* The fields that nearly every segment of an open connection needs, and two parts that can lie
 * apart from them. */
struct mn_tcb {
    struct mn_conn conn;
    uint64_t hash;           /* of both ends: see table.c */
    struct mnet_link output; /* linked while there may be something to send: see awaits_user */

    /* Send sequence variables. SND.NXT never goes back: the scoreboard in `loss` has the data to be
     * retransmitted. SND.NXT does not count a probe beyond the window before it is acknowledged. */
    uint32_t snd_una, snd_nxt;
    uint32_t snd_wnd; /* scaled to bytes (REC-1) */
    uint32_t snd_wl1, snd_wl2;
    uint32_t max_snd_wnd;
    /* End of the last segment sent that was not full (Nagle as in RFC 9293 A.3). */
    uint32_t snd_small;

    /* Receive sequence variables. RCV.WND is rcv_adv - rcv_nxt: the announced right edge never
     * moves left (SHLD-14). */
    uint32_t rcv_nxt, rcv_adv;
    uint32_t rcv_target;    /* the window that we want to offer */
    uint32_t last_ack_sent; /* the last RCV.NXT that the peer was told */
    uint16_t rcv_mss;       /* the largest segment seen: a "full-sized" one for delayed ACKs */

    uint8_t state;      /* enum mn_tcp_state */
    uint8_t snd_wscale; /* shift of windows that the peer sends */
    uint8_t rcv_wscale; /* shift of windows that we send */
    uint8_t notices;    /* enum mnet_notice: recorded, and not yet fetched by the user */
    uint8_t quick_acks; /* full segments still to be acknowledged at once */
    /* Duplicate acknowledgements to send, one for each segment that arrived out of order. */
    uint8_t duplicates_owed;
    uint8_t owed;          /* enum mn_owed: segments that must be sent */
    bool persisting : 1;   /* the retransmission timer is a zero-window probe timer */
    bool sack_ok : 1;      /* both sides permitted selective acknowledgements */
    bool fin_queued : 1;   /* the user closed or shut down writing: a FIN follows the last byte */
    bool fin_known : 1;    /* the peer's FIN has arrived, perhaps out of order */
    bool fin_received : 1; /* so has everything before it */
    bool orphan : 1;       /* the user has closed */
    bool read_shut : 1;    /* the user has shut down reading */
    /* A task waits for send_wanted bytes of room: the user gets an event when there is room. */
    bool send_full : 1;
    bool no_delay : 1;
    bool loopback : 1;         /* the peer is the host itself */
    bool user_timeout_set : 1; /* by the user */
    bool probe_unanswered : 1; /* the peer has been silent since a zero-window probe */
    /* The octet at SND.NXT was sent beyond the window, and may be acknowledged. */
    bool probe_out : 1;
    bool was_established : 1;
    bool quiet : 1;  /* the user wants no notices */
    bool queued : 1; /* in a listener's queue: not accepted yet */
    /* The user's: every segment with text is acknowledged at once; small segments wait; data is not
     * paced; there are `limits`. */
    bool no_delayed_ack : 1, corked : 1, no_pacing : 1, limited : 1;
    /* Linked among those that send after the user had a turn. */
    bool awaits_user : 1;
    bool opening : 1; /* see mn_tcp_set_opening */
    bool calm : 1;    /* nothing is going on but data back and forth: see calm.c */

    struct mn_timer timer;         /* armed for the first of due_ns, or earlier */
    uint64_t due_ns[MN_DUE_COUNT]; /* MNET_NEVER: not running; only mn_tcb_set_due writes it */
    uint64_t heard_ns;             /* time of the last sign of life (keepalive.c) */
    struct mn_sendq sendq;
    struct mn_plpmtu *plpmtu; /* NULL unless segments of this size have seemed too large */
    struct mn_ecn ecn;
    struct mn_timestamps timestamps; /* if they are among the options */
    uint16_t path_mtu;
    uint16_t snd_mss; /* bytes of text in a full segment (Eff.snd.MSS, MUST-16) */
    struct mn_recvq recvq;
    size_t rcv_charged; /* memory that recvq pins, a part of the engine's receive_used */
    struct mn_autotune autotune;
    uint64_t bytes_acked, bytes_received; /* of text, since the beginning */
    uint32_t segments_sent, segments_received;
    uint32_t rcv_up, snd_up; /* urgent data (RFC 9293 3.8.5): the octets before these are urgent */
    /* Linked for an event of the user; among the orphans; in a listener's queue. */
    struct mnet_link event;
    union {
        struct mn_tcp_owner *owner;
        struct mn_listener *listener; /* while queued */
    };
    struct mn_tcp_reassembly *reassembly; /* NULL unless text arrived out of order */
    /* Received a second time, and not yet reported (D-SACK). */
    struct mn_range twice;

    struct mn_tcb_flight flight;
    struct mn_tcb_rare rare;
};

static inline struct mn_tcp_owner *mn_tcb_owner(const struct mn_tcb *tcb)
{
    return tcb->queued ? NULL : tcb->owner;
}

struct mn_tcp {
    struct mn_tcp_config config;
    /* Enum mn_tcp_option: window scale, SACK permitted and timestamps, as our SYNs offer them. */
    uint8_t offer;
    struct mn_conn **buckets;
    uint32_t bucket_mask;
    struct mn_conn *last; /* found or added last; none of TIME-WAIT */
    struct mn_listener **listener_buckets;
    uint32_t listener_mask;
    struct mn_hash_key table_key, isn_key;
    struct mn_wheel wheel;
    struct mn_scoreboard_pools scoreboards;
    struct mn_pool tcbs, half_opens, time_waits, idles, listener_pool, pieces, runs, reassemblies, rates, plpmtus,
        limits;
    struct mnet_link tcb_list, half_open_list, half_open_output, time_wait_list, listener_list;
    struct mnet_link output, output_after_user, events, listener_events;
    struct mnet_link ended;         /* struct mn_idle: connections that ended at rest */
    struct mnet_link *ended_untold; /* the first of them whose user has not been told; NULL: none */
    bool user_follows;              /* see mn_tcp_let_user_follow */
    /* No connection goes a short way: all are traced, or for tests. */
    bool never_calm;
    bool never_idle; /* for tests: connections at rest settle, and stay as they are */
    struct mn_cookies cookies;
    struct mnet_link orphan_list; /* by `event`, the longest without progress first */
    unsigned orphans;
    struct mn_timer time_wait_timer;
    /* Connections in TIME-WAIT; places in use in the queue of blocks. */
    unsigned time_waiting, time_wait_places;
    struct mn_reply replies[MN_REPLIES_MAX];
    uint32_t reply_head, reply_count;
    /* No packet was left for a segment to send; the caller who reads it clears it. */
    bool starved;
    unsigned established; /* tcbs in the table */
    /* Bytes of memory: the limit for received data, the memory that it pins (unread or out of
     * order), and the part of the latter. See pressure.c. */
    uint64_t receive_budget, receive_used, receive_early;
    /* By the memory pinned out of order (reassemblies), and in send queues (tcbs). */
    struct mn_hogs early, holders;
};

/* One received segment, in the terms of RFC 9293 3.10.7. */
struct mn_segment {
    struct mn_tcp_header header;
    struct mnet_endpoint local, remote;
    uint32_t seq, ack;
    uint32_t len;    /* SEG.LEN: the text, SYN and FIN */
    uint32_t window; /* SEG.WND, scaled */
    uint8_t flags;
    bool marked;              /* congestion was experienced (ECN) */
    bool refused;             /* not acceptable: only its ACK and URG count */
    uint64_t hash;            /* of both ends: see table.c */
    struct mnet_packet *text; /* the packet without headers; NULL after it was queued */
    uint64_t now;
};

#endif
