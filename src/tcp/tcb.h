/* The transmission control block (RFC 9293 3.3.1) and the records and tables around it. For the files of this folder and their tests only.
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
#define MN_ORPHAN_PATIENCE (100 * MNET_SECOND) /* R2 where no user is left (SHLD-11) */
#define MN_DELAYED_ACK (40 * MNET_MILLISECOND) /* below 0.5 s (MUST-40) */
#define MN_QUICK_ACKS 16u                      /* full segments acknowledged at once after a sign of loss */
#define MN_WINDOW_INITIAL 65535u               /* receive window of a new connection; grows with what is read */
#define MN_CHALLENGE_LIMIT 10u                 /* challenge ACKs a connection sends in a second (RFC 5961 7) */
#define MN_MSS_MINIMUM 64u                     /* smaller announcements of a peer are raised to this */
#define MN_REPLIES_MAX 256u                    /* segments without a tcb that wait to be sent */

/* What the demultiplexing table holds: the common head of the three kinds of record. */
enum mn_conn_kind {
    MN_CONN_TCB,
    MN_CONN_HALF_OPEN,
    MN_CONN_TIME_WAIT,
};

struct mn_conn {
    struct mn_conn *hash_next;
    struct mnet_endpoint local, remote;
    uint8_t kind : 2;       /* enum mn_conn_kind */
    uint8_t challenges : 6; /* of TIME-WAIT: odd segments answered since its 2 MSL began */
    uint8_t options;        /* enum mn_tcp_option: what our SYN offers; from the peer's SYN on, what both offered */
    uint8_t ttl;            /* the user's choices for the IP header of every segment (MUST-48, MUST-49); 0: defaults */
    uint8_t dscp : 6;
    bool hashed : 1;
    bool restarted : 1; /* of TIME-WAIT: its 2 MSL began again */
};

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

/* See keepalive.c. Off while idle_ms is 0. */
struct mn_keepalive {
    uint32_t idle_ms, interval_ms;
    uint8_t probes;
    uint8_t unanswered;
};

/* In the order of use: what nearly every segment needs lies together, what only opening, closing or trouble needs comes last. */
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
    uint8_t quick_acks;      /* full segments that are to be acknowledged at once */
    uint8_t duplicates_owed; /* duplicate acknowledgements to be sent, one for each segment that arrived out of order */
    bool ack_now;            /* an acknowledgement must go out */
    bool persisting;         /* the retransmit timer is a zero-window probe timer */
    bool sack_ok : 1;        /* both sides permitted selective acknowledgements */
    bool fin_queued : 1;     /* the user closed or shut down writing: a FIN follows the last byte */
    bool fin_known : 1;      /* the peer's FIN has arrived, perhaps out of order */
    bool fin_received : 1;   /* ... and everything before it */
    bool orphan : 1;         /* the user has closed */
    bool read_shut : 1;      /* the user has shut down reading */
    bool send_full : 1;      /* somebody waits for room, send_wanted bytes of it: tell the user when it is there */
    bool no_delay : 1;
    bool probe_now : 1;        /* a zero-window probe must go out */
    bool syn_now : 1;          /* our SYN must go out (again) */
    bool keepalive_now : 1;    /* a keepalive probe must go out */
    bool user_timeout_now : 1; /* the peer is to hear of our user timeout */
    bool user_timeout_set : 1; /* ... which the user has set */
    bool probe_unanswered : 1; /* the peer has been silent since a zero-window probe */
    bool probe_out : 1;        /* the octet at SND.NXT was sent beyond the window, and may come to be acknowledged */
    bool was_established : 1;
    bool quiet : 1;  /* the user wants no notices */
    bool queued : 1; /* in a listener's queue: nobody has accepted it yet */

    struct mn_timer timer;         /* armed for the first of due_ns, or earlier */
    uint64_t due_ns[MN_DUE_COUNT]; /* MNET_NEVER: does not run; written by mn_tcb_set_due alone */
    uint64_t retransmit_due_ns;    /* when to send again */
    uint64_t progress_ns; /* when the peer last acknowledged something, or the oldest unacknowledged byte was sent */
    uint64_t moved_ns;    /* when SND.UNA last moved, whatever happened since */
    uint64_t last_sent_ns;
    uint64_t heard_ns; /* when the last sign of life arrived (keepalive.c) */
    struct mn_sendq sendq;
    struct mn_rtt rtt;
    struct mn_congestion congestion;
    struct mn_loss loss;
    struct mn_rate *rate;     /* delivery samples; NULL where nobody needs them */
    struct mn_plpmtu *plpmtu; /* NULL where segments of this size have never seemed too large */
    uint64_t paced_until_ns;  /* see pacing.c */
    uint32_t limited_seq;     /* cwnd held back what follows this; see feedback.c */
    struct mn_ecn ecn;
    struct mn_timestamps timestamps; /* where they are among the options */
    struct mn_recvq recvq;
    size_t rcv_charged; /* of what recvq pins, in the engine's receive_used */
    struct mn_autotune autotune;
    uint64_t bytes_acked, bytes_received, bytes_retransmitted; /* of text, since the beginning */
    uint32_t segments_sent, segments_received;
    uint32_t rcv_up, snd_up; /* urgent data (RFC 9293 3.8.5): the octets before these are urgent */
    struct mnet_link
        event; /* linked while the user is to be told something; among the orphans; in a listener's queue */
    union {
        void *owner;
        struct mn_listener *listener; /* while queued */
    };

    struct mn_hog hog;                    /* by what the send queue pins: see pressure.c, ... */
    uint64_t held_ns, held_acked;         /* ... which compares bytes_acked with what it was then */
    struct mn_tcp_reassembly *reassembly; /* NULL while nothing arrived out of order */
    struct mn_range twice;                /* received a second time, and not yet reported (D-SACK) */
    struct mnet_link all;                 /* of the engine's tcbs */
    uint64_t user_timeout_ns;             /* R2; 0: the engine's */
    struct mn_keepalive keepalive;
    uint32_t iss;
    union {
        uint32_t irs;     /* until ESTABLISHED */
        uint32_t rcv_fin; /* from then on: the sequence number of the peer's FIN, when fin_known */
    };
    uint32_t send_wanted;      /* while send_full */
    uint32_t challenge_second; /* modulo 2^32 */
    uint8_t challenge_count;   /* challenge ACKs in this second */
    uint8_t rcv_low;           /* of autotune: round trips in a row that needed less than a quarter of the window */
    uint8_t notices;           /* enum mnet_notice: what the user has not asked for yet */
    uint8_t unreachable;       /* enum mnet_unreachable: what an ICMP error said last */
    int8_t error;              /* once CLOSED by something else than the user: what every call reports */
};

/* A connection of which only a SYN has arrived: SYN-RECEIVED from LISTEN. */
struct mn_half_open {
    struct mn_conn conn;
    struct mnet_link link; /* of all half-open records, oldest first */
    struct mn_timer timer; /* of SYN,ACK retransmission */
    struct mn_listener *listener;
    uint64_t since_ns;
    uint32_t iss, irs;
    uint32_t ts_recent; /* RFC 7323, where timestamps are among the options */
    uint32_t window;    /* of the SYN, never scaled */
    uint16_t rcv_wnd;   /* what our SYN,ACK offers */
    uint16_t mss;       /* the peer's, 0 where it sent none */
    uint8_t peer_shift; /* window scale, where that is among the options */
    bool ecn;           /* the SYN was an ECN-setup SYN, and we take part */
    uint8_t retries;
    uint8_t challenges;      /* acknowledgements of odd segments sent so far */
    struct mnet_link output; /* linked while a SYN,ACK waits to be sent */
};

static_assert(sizeof(struct mn_half_open) <= 160, "a SYN costs little");

/* A connection in TIME-WAIT: as small as can be, for a busy server has many. */
struct mn_time_wait {
    struct mn_conn conn;
    uint32_t snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint32_t until_ms; /* modulo 2^32 */
};

static_assert(sizeof(struct mn_time_wait) <= 64, "TIME-WAIT costs no more than a cache line");

/* All wait equally long, so their order of arrival is that of their ends: a queue of blocks of records needs no links. */
#define MN_TIME_WAIT_BLOCK 63
struct mn_time_wait_block {
    struct mnet_link link;
    uint32_t first,
        count; /* records [first, count) are in use, or were left before their time (then they are in no table) */
    struct mn_time_wait records[MN_TIME_WAIT_BLOCK];
};

struct mn_listener {
    struct mnet_link link;
    struct mnet_link event;
    struct mnet_link queue; /* established tcbs, by `event` */
    struct mnet_endpoint local;
    void *owner;
    unsigned queued, backlog;
    uint8_t policy;     /* enum mnet_backlog_policy */
    uint8_t congestion; /* enum mnet_congestion */
    uint8_t offer;      /* enum mn_tcp_option: what our SYN,ACK may answer to */
    uint8_t ttl, dscp;  /* of the connections, from the SYN,ACK on (MUST-48, MUST-49); 0: defaults */
    bool no_delay;
};

/* A segment to be sent for which there is no tcb: a reset, or an acknowledgement of TIME-WAIT. */
struct mn_reply {
    struct mnet_endpoint local, remote;
    uint32_t seq, ack;
    uint8_t flags;
    uint8_t ttl, dscp; /* of the connection that it belongs to; 0: defaults */
    uint16_t window;
    uint8_t options; /* enum mn_tcp_option */
    uint8_t window_shift;
    uint16_t mss;
    uint32_t ts_value, ts_echo;
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

/* --- tcp.c: the engine as a whole --- */
static inline void mn_tcp_count(struct mn_tcp *tcp, enum mnet_counter counter)
{
    tcp->config.counters->value[counter]++;
}
static inline void mn_tcb_trace(const struct mn_tcp *tcp, const struct mn_tcb *tcb, enum mnet_tcp_event event)
{
    if (MN_UNLIKELY(tcp->config.trace != NULL))
        tcp->config.trace(tcp->config.trace_context, tcb, event);
}
struct mn_tcb *mn_tcb_new(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote, uint64_t now);
/* Forgets what arrived out of order. */
void mn_tcb_drop_reassembly(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* Frees a tcb that nobody uses. */
void mn_tcb_free(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* Sends later what `tcb` has to send; tells its user later that something changed. */
void mn_tcb_wants_output(struct mn_tcp *tcp, struct mn_tcb *tcb);
void mn_tcb_event(struct mn_tcp *tcp, struct mn_tcb *tcb);

/* The peer's MSS (0: it announced none) decides SND.MSS, with the path's MTU and the options of every segment (MUST-15, MUST-16), and the initial
 * congestion window. The options are agreed by now. */
void mn_tcb_peer_mss(struct mn_tcb *tcb, uint16_t peer_mss);
/* The text that fits into a segment on the path, beside the options of every segment. */
uint32_t mn_tcb_path_mss(const struct mn_tcb *tcb);
/* ISS is chosen: the send sequence space begins there. */
void mn_tcb_start_sending(struct mn_tcb *tcb);

/* --- user.c --- */
/* FIN-WAIT-2 without a user ends some day. */
void mn_tcb_arm_orphan(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

/* Whether there is room in the send buffer that is worth telling of: any, if nobody waits. Otherwise half of the buffer, or
 * each acknowledgement would wake a writer for a little; or, if the peer's window lets no more go, after which no more room
 * would come, all that somebody waits for. */
bool mn_tcb_has_room(const struct mn_tcp *tcp, const struct mn_tcb *tcb);

/* --- input.c --- */
/* The seventh and eighth check of 3.10.7.4. */
void mn_tcb_text_and_fin(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg);

/* --- table.c --- */
struct mn_conn *mn_table_find(struct mn_tcp *tcp, const struct mnet_endpoint *local,
                              const struct mnet_endpoint *remote);
void mn_table_add(struct mn_tcp *tcp, struct mn_conn *conn);
void mn_table_remove(struct mn_tcp *tcp, struct mn_conn *conn);
struct mn_listener *mn_table_listener(struct mn_tcp *tcp, struct mnet_endpoint local);
/* A random port (RFC 6056) on which nobody listens, free for this pair of addresses, and such that the connection is not one
 * with itself (remote.port 0: free for listening); 0 if there is none. */
uint16_t mn_table_free_port(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote);
/* ISN = M + F(4-tuple, secret) (RFC 6528, MUST-8, MUST-9, SHLD-1). */
uint32_t mn_tcp_isn(const struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote, uint64_t now);

/* A keyed hash of both ends: 2-4 rounds, since others see what is made of it. */
uint64_t mn_tuple_hash(const struct mn_hash_key *key, const struct mnet_endpoint *local,
                       const struct mnet_endpoint *remote);

/* --- timestamps.c --- */
/* RFC 7323 5.3 R1: false if the segment is an old duplicate, or lacks the option; that has been answered if it has to be.
 * Resets and SYNs pass: other checks are for them. */
bool mn_tcb_timestamp_ok(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* 5.3 R3: the segment is acceptable; its timestamp may be the one to echo. */
static inline void mn_tcb_timestamp_update(struct mn_tcb *tcb, const struct mn_segment *seg)
{
    if (MN_LIKELY(tcb->conn.options & seg->header.options & MN_TCP_OPTION_TIMESTAMPS) &&
        MN_LIKELY(mn_seq_leq(seg->seq, tcb->last_ack_sent)))
        mn_timestamps_update(&tcb->timestamps, seg->header.ts_value, seg->now);
}
/* 4.1: how long ago the segment was sent that this one's echo answers; 0 where it does not say. */
uint64_t mn_tcb_echo_age(const struct mn_tcb *tcb, const struct mn_segment *seg);
/* Puts the option into a header, where it was agreed (3.2). */
static inline void mn_tcb_timestamp_put(const struct mn_tcb *tcb, struct mn_tcp_header *header, uint64_t now)
{
    if (MN_LIKELY(tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS)) {
        header->options |= MN_TCP_OPTION_TIMESTAMPS;
        header->ts_value = mn_timestamps_value(&tcb->timestamps, now);
        header->ts_echo = tcb->timestamps.recent;
    }
}

/* --- state.c: leaving and entering states --- */
void mn_tcp_set_state(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_tcp_state state);
const char *mn_tcp_state_name(enum mn_tcp_state state);
bool mn_tcp_synchronized(const struct mn_tcb *tcb);
/* The connection is over: out of the table, timers off, `error` kept for the user, or freed where there is none. */
void mn_tcb_finish(struct mn_tcp *tcp, struct mn_tcb *tcb, int error);
/* The same after a reset to the peer, <SEQ=mn_tcb_bare_seq><CTL=RST,ACK>. */
void mn_tcb_reset(struct mn_tcp *tcp, struct mn_tcb *tcb, int error, uint64_t now);
/* The handshake is complete. */
void mn_tcb_established(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* Our SYN went out more than once, and `seg` acknowledges it: that is no sample (MUST-18), but where its timestamp tells which one it answers (RFC 7323
 * 4.1). The timeout begins at 3 s all the same (RFC 6298 5.7). */
void mn_tcb_time_lost_syn(struct mn_tcb *tcb, const struct mn_segment *seg);

/* --- orphan.c --- */
/* The user has closed, and the connection goes on. */
void mn_orphan_add(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* The peer has acknowledged something. */
void mn_orphan_progress(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* It is over; allowed for any tcb. */
void mn_orphan_remove(struct mn_tcp *tcp, struct mn_tcb *tcb);

/* --- time_wait.c --- */
void mn_time_wait_enter(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* True where the segment is done with; false where it may open a new connection (the record is gone then, and *isn_floor says above which
 * the new initial sequence number must lie). */
bool mn_time_wait_input(struct mn_tcp *tcp, struct mn_time_wait *tw, struct mn_segment *seg, uint32_t *isn_floor);
void mn_time_wait_expire(struct mn_tcp *tcp, uint64_t now);
/* Forgets every record. */
void mn_time_wait_clear(struct mn_tcp *tcp);

/* --- listen.c: LISTEN and passive SYN-RECEIVED --- */
/* 3.10.7.2; isn_floor is 0 where any sequence number will do. The tcb that a cookie became, for the rest of 3.10.7.4, or NULL. */
struct mn_tcb *mn_listen_input(struct mn_tcp *tcp, struct mn_listener *listener, struct mn_segment *seg,
                               uint32_t isn_floor);
/* The tcb that the record became, for the rest of 3.10.7.4, or NULL where the segment is done with. */
struct mn_tcb *mn_half_open_input(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_segment *seg);
/* The handshake that the record, or a cookie in its form, stands for ends with `seg`: a tcb in ESTABLISHED, in the listener's queue. The record is
 * gone then. NULL where there is no room; that has been answered where policy says so. */
struct mn_tcb *mn_half_open_promote(struct mn_tcp *tcp, struct mn_half_open *half, const struct mn_segment *seg);
void mn_half_open_expire(struct mn_tcp *tcp, struct mn_half_open *half, uint64_t now);
struct mnet_packet *mn_half_open_output(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_datagram *datagram,
                                        uint64_t now);
/* Its SYN,ACK is to be sent. */
void mn_half_open_announce(struct mn_tcp *tcp, struct mn_half_open *half);
/* A zeroed record, for which the oldest may have to go; NULL if memory is used up. If a cookie would do
 * as well, records leave the margin to connections. */
struct mn_half_open *mn_half_open_new(struct mn_tcp *tcp, bool cookies);
/* Whether its queue is full; counted if it is. */
bool mn_listener_refuses(struct mn_tcp *tcp, const struct mn_listener *listener);
void mn_half_open_free(struct mn_tcp *tcp, struct mn_half_open *half);

/* --- reply.c: segments without a tcb --- */
/* The reset that answers a segment to a CLOSED port (3.10.7.1). */
void mn_reply_reset(struct mn_tcp *tcp, const struct mn_segment *seg);
/* A reset with just <SEQ=seq>. */
void mn_reply_reset_at(struct mn_tcp *tcp, const struct mn_segment *seg, uint32_t seq);
void mn_reply(struct mn_tcp *tcp, const struct mn_reply *reply);
/* Puts timestamps into a reply of a record: our clock, and what to echo. */
void mn_reply_timestamp(const struct mn_tcp *tcp, struct mn_reply *reply, uint32_t ts_recent, uint64_t now);
/* The first that waits; NULL where memory is used up: it waits on. */
struct mnet_packet *mn_reply_output(struct mn_tcp *tcp, struct mn_datagram *datagram);

/* --- output.c --- */
/* Whether data, or our FIN, was never sent. SND.NXT is past the end of the data once the FIN was. */
static inline bool mn_tcb_has_unsent(const struct mn_tcb *tcb)
{
    return mn_seq_lt(tcb->snd_nxt, mn_sendq_end(&tcb->sendq) + tcb->fin_queued);
}
/* Whether there is anything that mn_tcb_output could send if it was allowed to. */
bool mn_tcb_may_send(const struct mn_tcb *tcb);
struct mnet_packet *mn_tcb_output(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram, uint64_t now);
/* An acceptable acknowledgement must be sent because the peer sent something odd (RFC 5961): within the connection's limit. */
void mn_tcb_challenge(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

/* --- window.c: the receive window --- */
uint32_t mn_window_offer(const struct mn_tcp *tcp, struct mn_tcb *tcb);
/* What a SYN of ours offers: less than usual where the budget is nearly used up, but never less than two segments. */
uint16_t mn_window_initial(const struct mn_tcp *tcp, const struct mnet_endpoint *remote);
void mn_window_init(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t announced);
/* The user took `bytes`: sizes the target, and asks for a window update where it is worth one (MUST-39). */
void mn_window_consumed(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now);
/* The largest window that this connection can ever be told of. */
static inline uint32_t mn_window_largest(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    return MN_MIN(tcp->config.receive_buffer, (uint32_t)UINT16_MAX << tcb->rcv_wscale);
}
/* The shift that lets 16 bits express the largest window we may ever offer. */
uint8_t mn_window_shift(const struct mn_tcp *tcp);
/* The MSS we announce (MUST-67). */
uint16_t mn_window_mss(const struct mn_tcp *tcp, const struct mnet_endpoint *remote);

/* --- pressure.c: the memory that peers can make us hold --- */
/* What recvq pins has changed. */
static inline void mn_pressure_settle(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    size_t pinned = mn_recvq_pinned(&tcb->recvq);
    tcp->receive_used += pinned - tcb->rcv_charged;
    tcb->rcv_charged = pinned;
}
/* Whether more of what was received may stay only if somebody else has less, or perhaps not at all. */
static inline bool mn_pressure(const struct mn_tcp *tcp)
{
    return 2 * tcp->receive_used > tcp->receive_budget || mn_memory_is_short(tcp->config.memory);
}
/* Under pressure: whether the text, the next in order, may stay. Counted where it may not. */
bool mn_pressure_admit(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_packet *text, uint64_t now);
/* The same for text that comes out of order, under pressure or not. */
bool mn_pressure_admit_early(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_packet *text);
/* tcb->reassembly, which is not NULL, pins more or less than the `before` bytes that it did. */
void mn_pressure_early(struct mn_tcp *tcp, struct mn_tcb *tcb, size_t before);
/* The send queue has grown. */
void mn_pressure_hold(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
static inline void mn_pressure_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (MN_UNLIKELY(tcb->sendq.pinned >= tcb->hog.beyond))
        mn_pressure_hold(tcp, tcb, now);
}
/* Resets the orphan that has been stuck for longest; false if there is none. One that is being served may be excepted. */
bool mn_pressure_evict_orphan(struct mn_tcp *tcp, const struct mn_tcb *not_this, uint64_t now);
/* The same if there are more orphans than the limit and memory allow. */
void mn_pressure_limit_orphans(struct mn_tcp *tcp, uint64_t now);
/* An allocation for `tcb` (NULL: for a new connection) has failed: somebody gives memory back. False where nobody has to. */
bool mn_pressure_yield(struct mn_tcp *tcp, const struct mn_tcb *tcb, uint64_t now);

/* --- feedback.c --- */
/* New data up to SND.NXT went out; `flight` bytes were outstanding before. */
void mn_feedback_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t flight, uint64_t now);
/* An acknowledgement has come, of new data or selective; `recovering`: in fast recovery. */
void mn_feedback_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *news, bool recovering);
void mn_feedback_release(struct mn_tcp *tcp, struct mn_tcb *tcb);

/* --- plpmtu.c; where there is a record, but for the first, the last and probe_lost --- */
/* The retransmission timer expired; rtt.expiries has not counted this yet. */
void mn_plpmtu_timed_out(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* SND.UNA has moved. */
void mn_plpmtu_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* [seq, seq + len) went out again. */
void mn_plpmtu_resent(struct mn_tcb *tcb, uint32_t seq, uint32_t len);
/* Losses were found in peace. True where that was a probe and nothing else: it is to be sent again, and that is all. */
bool mn_plpmtu_probe_lost(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* New data is to be sent, of which the windows allow `room`: the size of a probe to be sent instead, or 0. */
uint32_t mn_plpmtu_probe(struct mn_tcb *tcb, uint32_t unsent, uint32_t room, uint64_t now);
void mn_plpmtu_probe_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len);
/* A router says that the packet at `seq`, which is in flight, was too big: `mtu` is what it takes; 0 where it did not say. */
void mn_plpmtu_too_big(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t mtu, uint64_t now);
static inline bool mn_plpmtu_may_fragment(const struct mn_tcb *tcb)
{
    return MN_UNLIKELY(tcb->plpmtu != NULL) && tcb->plpmtu->fragment;
}
/* RFC 8899 5.2: "off" (DISABLED), "base", "searching", "complete", "error". */
const char *mn_plpmtu_name(const struct mn_plpmtu *p);
void mn_plpmtu_release(struct mn_tcp *tcp, struct mn_tcb *tcb);

/* --- pacing.c --- */
/* Bytes a second; 0: not paced. */
uint64_t mn_pacing_rate(const struct mn_tcb *tcb);
uint32_t mn_pacing_room(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t len, uint64_t now);
/* Data went out, for the first time or again. */
void mn_pacing_sent(struct mn_tcb *tcb, uint32_t len, uint64_t now);

/* --- ecn.c --- */
/* Whether these are the flags of an ECN-setup SYN. */
bool mn_ecn_is_setup(uint8_t flags);
bool mn_ecn_is_marked(const struct mn_datagram *datagram);
/* A SYN of ours is about to go out; a SYN,ACK with these flags has answered it. */
void mn_ecn_syn(struct mn_tcb *tcb, struct mn_tcp_header *header);
void mn_ecn_syn_ack(struct mn_tcb *tcb, uint8_t flags);
/* Both sides have agreed. */
void mn_ecn_begin(struct mn_tcb *tcb);
/* The next new data tells of a reduction: it must be a single segment, for only the first may say so. */
bool mn_ecn_tells(const struct mn_tcb *tcb);
/* Where ECN is on: new data is about to go out, with the codepoint that is returned; an acceptable segment has arrived; it acknowledges something, perhaps
 * with an echo. */
uint8_t mn_ecn_data(struct mn_tcb *tcb, struct mn_tcp_header *header);
void mn_ecn_received(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
void mn_ecn_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* The retransmission timer expired. */
void mn_ecn_timed_out(struct mn_tcb *tcb);

/* --- autotune.c --- */
/* How much a connection may queue: what its window needs, at most the configured buffer, less while memory is short. */
uint32_t mn_tcb_send_limit(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* The user took `bytes`: rcv_target follows. */
void mn_autotune_read(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now);

/* --- timers.c --- */
void mn_tcb_arm(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t at_ns);
/* Starts one of the tcb's timers, or moves it; MNET_NEVER stops it. */
static inline void mn_tcb_set_due(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_due which, uint64_t at_ns)
{
    tcb->due_ns[which] = at_ns;
    if (MN_UNLIKELY(at_ns < tcb->timer.at_ns))
        mn_tcb_arm(tcp, tcb, at_ns);
}
/* Stops all of them. */
void mn_tcb_stop_timers(struct mn_tcp *tcp, struct mn_tcb *tcb);
static inline bool mn_tcb_is_due(const struct mn_tcb *tcb, enum mn_due which)
{
    return tcb->due_ns[which] != MNET_NEVER;
}
/* Arms the retransmission timer for what is in flight, or the probe timer, or neither. `restart` begins a new period. */
void mn_timers_update(struct mn_tcp *tcp, struct mn_tcb *tcb, bool restart, uint64_t now);

/* When the peer's silence ends the connection: R2 (MUST-20). */
uint64_t mn_timers_give_up_at(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* Arms the timer for the first of retransmission, what comes before it, and the end of patience. */
void mn_timers_arm_retransmit(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Patience has changed. */
void mn_timers_rearm(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

/* --- keepalive.c --- */
/* RFC 5961 5.2 (MAY-12): SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT, or the segment is suspicious. */
static inline bool mn_tcb_ack_plausible(const struct mn_tcb *tcb, uint32_t ack)
{
    return mn_seq_geq(ack, tcb->snd_una - tcb->max_snd_wnd) && mn_seq_leq(ack, tcb->snd_nxt);
}
/* How far below RCV.NXT lies what the peer can repeat. */
uint32_t mn_tcb_repeatable(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* A segment has come that is not acceptable: whether it is a sign of life all the same. */
void mn_keepalive_heard(const struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* Begins, or ends, to watch over an established connection in use. */
void mn_keepalive_arm(struct mn_tcp *tcp, struct mn_tcb *tcb);
void mn_keepalive_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

/* --- notices.c --- */
void mn_tcb_notice(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_notice notice);
/* Retransmissions of the same segment after which the user and IP are told that something may be wrong (R1: MUST-20, SHLD-10). */
#define MN_R1 3u
/* What IP shall know about the path of the connection's segments: R1 has been reached. */
static inline bool mn_tcb_doubtful(const struct mn_tcb *tcb)
{
    return tcb->rtt.expiries >= MN_R1;
}

/* --- urgent.c --- */
/* The sixth check of 3.10.7.4, and the URG flag and pointer of a segment at header->seq. */
void mn_urgent_input(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
void mn_urgent_put(const struct mn_tcb *tcb, struct mn_tcp_header *header);

/* --- user_timeout.c --- */
/* RFC 5482: the option of a segment to be sent; what the peer's option means. */
void mn_user_timeout_put(const struct mn_tcp *tcp, const struct mn_tcb *tcb, struct mn_tcp_header *header);
void mn_user_timeout_learn(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint16_t option);

/* --- loss.c --- */
/* Bytes in flight, as far as we know. */
uint32_t mn_tcb_flight(const struct mn_tcb *tcb);
/* The send sequence space begins at `seq`: SND.UNA = SND.NXT. */
void mn_loss_init(struct mn_loss *loss, uint32_t seq);
/* [seq, seq + len) has just been put into a packet, for the first time or again. */
void mn_loss_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len, uint64_t now);
/* An acceptable acknowledgement, which moved SND.UNA by `acked` bytes. `duplicate` is as in RFC 5681 2. */
void mn_loss_ack(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked, bool duplicate);
/* One of the timers before the retransmission timer may be due. True where a tail loss probe is to go out. */
bool mn_loss_early(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
void mn_loss_timeout(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Everything in flight is to be sent again, without a verdict on congestion. */
void mn_loss_resend_all(struct mn_tcp *tcp, struct mn_tcb *tcb);

/* --- rack.c --- */
void mn_rack_init(struct mn_rack *rack, uint32_t seq);
/* A sample of the round trip that is not ambiguous. */
void mn_rack_min_rtt(struct mn_rack *rack, uint32_t rtt_us, uint64_t now);
/* Nanoseconds in the unit of RACK. */
uint32_t mn_rack_us(uint64_t ns);
void mn_rack_delivered(struct mn_rack *rack, const struct mn_delivery *d, struct mn_news *ack);
void mn_rack_dsack(struct mn_rack *rack, uint32_t snd_una, uint32_t snd_nxt);
/* A recovery has ended. */
void mn_rack_recovered(struct mn_rack *rack);
uint64_t mn_rack_reordering_window(const struct mn_tcb *tcb);
uint32_t mn_rack_detect(struct mn_tcb *tcb, uint64_t now);
void mn_rack_timeout(struct mn_tcb *tcb, uint64_t now);

/* --- tlp.c --- */
/* Arms the probe timer where a probe may be sent and no reordering window is running. */
void mn_tlp_schedule(struct mn_tcb *tcb, uint64_t now);
/* New data was sent. */
void mn_tlp_new_data(struct mn_tcb *tcb, uint64_t now);
bool mn_tlp_expired(struct mn_tcb *tcb, uint64_t now);
/* What a probe consists of: the length, and where it begins in *seq. */
uint32_t mn_tlp_range(struct mn_tcb *tcb, uint32_t *seq);
void mn_tlp_sent(struct mn_tcb *tcb);
bool mn_tlp_answered(struct mn_tcb *tcb, const struct mn_news *ack);

/* --- prr.c --- */
void mn_prr_begin(struct mn_tcb *tcb, const struct mn_news *ack);
void mn_prr_ack(struct mn_tcb *tcb, const struct mn_news *ack);

/* --- undo.c --- */
/* A recovery begins, and the congestion controller remembers its variables. */
void mn_undo_save(struct mn_tcb *tcb);
/* [from, to) was sent again. */
void mn_undo_resent(struct mn_tcb *tcb, uint32_t from, uint32_t to);
/* Whether a D-SACK about [left, right) can be about what was sent again. */
bool mn_undo_concerns(struct mn_tcb *tcb, uint32_t left, uint32_t right);
/* True where the recovery has been taken back. */
bool mn_undo_dsack(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *ack);
bool mn_undo_frto(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *ack);

#endif
