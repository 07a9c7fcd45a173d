/* The transmission control block (RFC 9293 3.3.1), and the engine that it belongs to. For the files of this folder and their tests only.
 *
 * States as contracts. "In use" means that the user has not closed the tcb yet.
 *   CLOSED       in no table; in use, or freed at once. `error` says why. Received data may still be read.
 *   SYN_SENT     by active open. SYN_RECEIVED only by simultaneous open: passive opens are `struct mn_half_open` (MUST-11).
 *   ESTABLISHED, CLOSE_WAIT    data both ways / to the peer only.
 *   FIN_WAIT_1, FIN_WAIT_2     our FIN is queued or sent / acknowledged; the peer may still send.
 *   CLOSING, LAST_ACK          both sides have closed; our FIN waits for its acknowledgement.
 *   TIME_WAIT    only in passing: the connection lives on as a `struct mn_time_wait`, and the tcb is CLOSED, without an
 *                error, for a user who has not closed it.
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
    MN_LISTEN, /* only of listeners; here for the names' sake */
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
#define MN_ORPHAN_TIMEOUT (100 * MNET_SECOND)  /* R2 where no user is left (SHLD-11) */
#define MN_DELAYED_ACK (40 * MNET_MILLISECOND) /* below 0.5 s (MUST-40) */
#define MN_QUICK_ACKS 16u                      /* full segments acknowledged at once after a sign of loss */
#define MN_WINDOW_INITIAL 65535u               /* receive window of a new connection; grows with what is read */
#define MN_CHALLENGE_LIMIT 10u                 /* challenge ACKs a connection sends in a second (RFC 5961 7) */
#define MN_MSS_MINIMUM 64u                     /* smaller announcements of a peer are raised to this */
#define MN_REPLIES_MAX 256u                    /* segments without a tcb that wait to be sent */

/* Timers of all records, on the engine's wheel. */
enum mn_tcp_timer {
    MN_TIMER_TCB,
    MN_TIMER_HALF_OPEN,
    MN_TIMER_TIME_WAIT,
};

/* What a tcb waits for: the RFC's timers, which share one on the wheel (timers.c). */
enum mn_due {
    MN_DUE_DELAYED_ACK,
    MN_DUE_PACING,     /* the next burst */
    MN_DUE_RETRANSMIT, /* retransmission or zero-window probing; or the end of patience, if that is sooner */
    MN_DUE_LIFETIME,   /* keepalive; without a user, how long FIN-WAIT-2 lasts */
    MN_DUE_COUNT,
};

/* The segments that a connection can owe, in the order in which they go out (output.c). */
enum mn_owed {
    MN_OWED_SYN = 1,          /* our SYN, for the first time or again */
    MN_OWED_WINDOW_PROBE = 2, /* a zero-window probe */
    MN_OWED_TAIL_PROBE = 4,   /* a tail loss probe */
    MN_OWED_LOST = 8,         /* lost data; never in tcb->owed: the scoreboard knows */
    MN_OWED_NEW = 16,         /* new data or the FIN; never in tcb->owed: the send queue knows */
    MN_OWED_ACK = 32,
    MN_OWED_KEEPALIVE = 64,     /* a keepalive probe */
    MN_OWED_USER_TIMEOUT = 128, /* our user timeout */
};

/* See keepalive.c. Off while idle_ms is 0. */
struct mn_keepalive {
    uint32_t idle_ms, interval_ms;
    uint8_t probes;
    uint8_t unanswered;
};

/* Touched while data is in flight, and when some is sent or may be queued: losses, times, congestion. */
struct mn_tcb_flight {
    struct mn_rtt rtt;
    struct mn_congestion congestion;
    struct mn_loss loss;
    struct mn_rate *rate;       /* delivery samples; NULL if nobody needs them */
    uint64_t retransmit_due_ns; /* when to send again */
    uint64_t progress_ns;       /* when the peer last acknowledged, or the oldest unacknowledged byte was sent */
    uint64_t moved_ns;          /* when SND.UNA last moved, whatever happened since */
    uint64_t last_sent_ns;
    uint64_t paced_until_ns;  /* see pacing.c */
    uint64_t user_timeout_ns; /* R2; 0: the engine's */
    struct mn_hog hog;        /* by what the send queue pins: see pressure.c */
    uint32_t limited_seq;     /* cwnd held back the data behind it: see feedback.c */
};

/* Touched only by opening, closing, accounting and trouble. */
struct mn_tcb_rare {
    struct mnet_link all;         /* of the engine's tcbs */
    uint64_t held_ns, held_acked; /* pressure.c compares bytes_acked with held_acked, its value at held_ns */
    uint64_t bytes_retransmitted; /* of text, since the beginning */
    struct mn_keepalive keepalive;
    uint32_t iss;
    union {
        uint32_t irs;     /* until ESTABLISHED */
        uint32_t rcv_fin; /* from then on: the sequence number of the peer's FIN, when fin_known */
    };
    uint32_t send_wanted;      /* while send_full */
    uint32_t challenge_second; /* modulo 2^32 */
    uint8_t challenge_count;   /* challenge ACKs in this second */
    uint8_t unreachable;       /* enum mnet_unreachable: the cause that the last ICMP error gave */
    int8_t error;              /* once CLOSED by something else than the user: what every call reports */
};

/* The fields that nearly every segment of an open connection needs, and two parts that can lie apart from them. */
struct mn_tcb {
    struct mn_conn conn;
    struct mnet_link output; /* linked while something may have to be sent */

    /* Send sequence variables. SND.NXT never goes back: what is to be sent again is in `loss`, on the scoreboard. It does not
     * count a probe beyond the window before that is acknowledged. */
    uint32_t snd_una, snd_nxt;
    uint32_t snd_wnd; /* scaled to bytes (REC-1) */
    uint32_t snd_wl1, snd_wl2;
    uint32_t max_snd_wnd;
    uint32_t snd_small; /* end of the last segment sent that was not full (Nagle as in RFC 9293 A.3) */
    uint16_t path_mtu;
    uint16_t snd_mss; /* payload bytes of a full segment (Eff.snd.MSS, MUST-16) */

    /* Receive sequence variables. RCV.WND is rcv_adv - rcv_nxt: the right edge that we announced never moves left (SHLD-14). */
    uint32_t rcv_nxt, rcv_adv;
    uint32_t rcv_target;    /* the window we would like to offer */
    uint32_t last_ack_sent; /* the last RCV.NXT that the peer was told */
    uint16_t rcv_mss;       /* the largest segment seen: what "full-sized" means for delayed ACKs */

    uint8_t state;           /* enum mn_tcp_state */
    uint8_t snd_wscale;      /* shift of windows that the peer sends */
    uint8_t rcv_wscale;      /* shift of windows that we send */
    uint8_t rcv_low;         /* of autotune: round trips in a row that needed less than a quarter of the window */
    uint8_t notices;         /* enum mnet_notice: noted, and not yet asked for by the user */
    uint8_t quick_acks;      /* full segments that are to be acknowledged at once */
    uint8_t duplicates_owed; /* duplicate acknowledgements to be sent, one for each segment that arrived out of order */
    uint8_t owed;            /* enum mn_owed: segments that must go out */
    bool persisting;         /* the retransmit timer is a zero-window probe timer */
    bool sack_ok : 1;        /* both sides permitted selective acknowledgements */
    bool fin_queued : 1;     /* the user closed or shut down writing: a FIN follows the last byte */
    bool fin_known : 1;      /* the peer's FIN has arrived, perhaps out of order */
    bool fin_received : 1;   /* ... and everything before it */
    bool orphan : 1;         /* the user has closed */
    bool read_shut : 1;      /* the user has shut down reading */
    bool send_full : 1;      /* somebody waits for room, send_wanted bytes of it: tell the user when it is there */
    bool no_delay : 1;
    bool user_timeout_set : 1; /* by the user */
    bool probe_unanswered : 1; /* the peer has been silent since a zero-window probe */
    bool probe_out : 1;        /* the octet at SND.NXT was sent beyond the window, and may come to be acknowledged */
    bool was_established : 1;
    bool quiet : 1;  /* the user wants no notices */
    bool queued : 1; /* in a listener's queue: nobody has accepted it yet */

    struct mn_timer timer;         /* armed for the first of due_ns, or earlier */
    uint64_t due_ns[MN_DUE_COUNT]; /* MNET_NEVER: does not run; written by mn_tcb_set_due alone */
    uint64_t heard_ns;             /* when the last sign of life arrived (keepalive.c) */
    struct mn_sendq sendq;
    struct mn_plpmtu *plpmtu; /* NULL where segments of this size have never seemed too large */
    struct mn_ecn ecn;
    struct mn_timestamps timestamps; /* where they are among the options */
    struct mn_recvq recvq;
    size_t rcv_charged; /* of what recvq pins, in the engine's receive_used */
    struct mn_autotune autotune;
    uint64_t bytes_acked, bytes_received; /* of text, since the beginning */
    uint32_t segments_sent, segments_received;
    uint32_t rcv_up, snd_up; /* urgent data (RFC 9293 3.8.5): the octets before these are urgent */
    struct mnet_link event;  /* linked while the user is to be told; among the orphans; in a listener's queue */
    union {
        void *owner;
        struct mn_listener *listener; /* while queued */
    };
    struct mn_tcp_reassembly *reassembly; /* NULL while nothing arrived out of order */
    struct mn_range twice;                /* received a second time, and not yet reported (D-SACK) */

    struct mn_tcb_flight flight;
    struct mn_tcb_rare rare;
};

struct mn_tcp {
    struct mn_tcp_config config;
    struct mn_conn **buckets;
    uint32_t bucket_mask;
    struct mn_conn *last; /* found last */
    struct mn_hash_key table_key, isn_key, timestamp_key;
    struct mn_wheel wheel;
    struct mn_scoreboard_pools scoreboards;
    struct mn_pool tcbs, half_opens, time_waits, listener_pool, pieces, runs, reassemblies, rates, plpmtus;
    struct mnet_link tcb_list, half_open_list, half_open_output, time_wait_list, listener_list;
    struct mnet_link output, events, listener_events;
    struct mn_cookies cookies;
    struct mnet_link orphan_list; /* by `event`, the longest without progress first */
    unsigned orphans;
    struct mn_timer time_wait_timer;
    unsigned time_waiting, time_wait_places; /* connections in TIME-WAIT; places in use in the queue of blocks */
    struct mn_reply replies[MN_REPLIES_MAX];
    uint32_t reply_head, reply_count;
    bool starved;         /* there was no packet for a segment that was to be sent; who finds it clears it */
    unsigned established; /* tcbs in the table */
    /* Bytes of memory: what received data may pin; what it does, be it unread or out of order; the latter alone. See pressure.c. */
    uint64_t receive_budget, receive_used, receive_early;
    struct mn_hogs early, holders; /* by what pins memory out of order (reassemblies), and in send queues (tcbs) */
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
    struct mnet_packet *text; /* the packet without headers; NULL once it was queued somewhere */
    uint64_t now;
};

#endif
