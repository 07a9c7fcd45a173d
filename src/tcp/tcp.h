/* The TCP engine of one host, as the rest of the stack sees it (RFC 9293 3.9). Sans-IO: segments,
 * user calls and expiries go in with the time. The caller fetches segments and events. No call
 * suspends, reads a clock, or calls back (except to release lent memory).
 *
 * A connection is a `struct mn_tcb` while its user can still use it. Half-open passive connections
 * and TIME-WAIT are smaller records that the user never sees. A connection at rest is a smaller
 * record, too, until its user calls mn_tcp_wake or its peer sends something. A tcb stays valid
 * until its connection is at rest, or its user calls mn_tcp_close or mn_tcp_abort, whatever the
 * peer does. After that it belongs to the engine.
 */
#ifndef MN_TCP_H
#define MN_TCP_H

#include <mnet/config.h>
#include <mnet/counters.h>
#include <mnet/log.h>
#include <mnet/packet.h>
#include <mnet/tcp.h>
#include <mnet/tcp_info.h>

#include "base/path_mtu.h"
#include "base/random.h"
#include "wire/spread.h"
#include "wire/wire.h"

struct mn_tcp;
struct mn_tcb;
struct mn_idle;
struct mn_listener;

/* The user's end of a connection, the first field of the user's own struct. The engine keeps it up
 * to date: one of the two is set while the user owns the connection. */
struct mn_tcp_owner {
    struct mn_tcb *tcb;
    struct mn_idle *idle; /* the connection is at rest, or ended while it was */
};

struct mn_tcp_config {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    const struct mnet_log *log;
    struct mn_random *random;
    struct mn_spread spread;    /* the queue of the device */
    struct mn_path_mtus *paths; /* of the host; is changed by others only */
    uint32_t gso_max;           /* most text in one packet; 0: one segment a packet */
    bool sums_text;             /* text is summed when it is written, for checksums in software */
    /* Called for each event of a tcb, like the log. NULL: no trace. */
    void (*trace)(void *context, const struct mn_tcb *tcb, enum mnet_tcp_event event);
    /* Called for each segment that was sent or received, after the engine has acted on it. NULL: no
     * trace. */
    void (*trace_segment)(void *context, const struct mnet_tcp_segment *segment, const struct mnet_tcp_info *info);
    void *trace_context; /* of both functions */
    uint64_t now;
    struct mnet_tcp_config user; /* complete: no number is 0; its trace is not looked at */
};

/* Creates the engine inside config->memory. Returns NULL if that is too small. */
struct mn_tcp *mn_tcp_create(const struct mn_tcp_config *config);
/* Resets every connection (the segments can still be fetched), and ends every listener, with events
 * for their users. */
void mn_tcp_end_all(struct mn_tcp *tcp, uint64_t now);
/* Frees every tcb and record, including those in use. */
void mn_tcp_destroy(struct mn_tcp *tcp);

/* The host has lost `address`: connections from it end with MNET_E_NO_ADDRESS, and nothing more is
 * sent for them. */
void mn_tcp_address_lost(struct mn_tcp *tcp, struct mnet_address address);

/* Receive a segment (owned from then on; TCP header first, checksum as the metadata says), or an
 * ICMP error. mn_tcp_icmp returns whether the error is believed: its quote is in flight, and can be
 * larger than the size reported, if there is one. Then that size belongs into `paths`. */
void mn_tcp_input(struct mn_tcp *tcp, const struct mn_datagram *datagram, struct mnet_packet *packet, uint64_t now);
bool mn_tcp_icmp(struct mn_tcp *tcp, const struct mn_icmp_error *error, uint64_t now);

/* Returns the next segment (TCP header first, checksum PARTIAL, gso set if it stands for several)
 * with its addresses, or NULL if nothing may be sent now. The caller owns the packet. */
struct mnet_packet *mn_tcp_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now);
/* Tells the engine if the user has a turn soon after each mn_tcp_input, after which
 * mn_tcp_user_had_turn is called. Then the acknowledgements of SYNs and FINs wait for that turn:
 * the user gets an event for them, and its answer can carry the acknowledgement. At the start
 * `follows` is false, and no acknowledgement waits. */
void mn_tcp_let_user_follow(struct mn_tcp *tcp, bool follows);
bool mn_tcp_awaits_user(const struct mn_tcp *tcp);
void mn_tcp_user_had_turn(struct mn_tcp *tcp);
/* Returns true if a segment waits to be sent. If mn_tcp_output has returned NULL, the segment waits
 * for memory, so the call must be repeated later. */
bool mn_tcp_wants_output(const struct mn_tcp *tcp);

/* An allocation for a new connection has failed elsewhere, or memory is short: a connection gives
 * some back. Returns false if none has to. */
bool mn_tcp_yield(struct mn_tcp *tcp, uint64_t now);
/* Memory is short: drops some of the text received out of order, a bounded number of times. */
void mn_tcp_relieve(struct mn_tcp *tcp);

/* Timers. */
void mn_tcp_expire(struct mn_tcp *tcp, uint64_t now);
uint64_t mn_tcp_deadline(struct mn_tcp *tcp);

/* Returns whether one of the next two functions has something. */
bool mn_tcp_has_events(const struct mn_tcp *tcp);
/* Return the next tcb (listener) in use whose readiness or status may have risen since it was last
 * returned, or NULL if there is none. */
struct mn_tcb *mn_tcp_fetch_event(struct mn_tcp *tcp);
struct mn_listener *mn_tcp_fetch_listener_event(struct mn_tcp *tcp);

/* OPEN, active. The caller has checked that the remote address is unicast. If `local.port` is 0, a
 * random free port is chosen. Errors: MNET_E_IN_USE, MNET_E_LIMIT, MNET_E_NO_MEMORY. */
struct mn_tcp_open {
    struct mnet_endpoint local, remote;
    bool loopback; /* the remote address is the host's own: no link bounds the size of packets */
    bool no_delay;
    uint8_t ttl, dscp; /* 0: defaults */
    uint8_t without;   /* enum mn_tcp_option: not offered, although the configuration allows it */
    enum mnet_congestion congestion;
};
int mn_tcp_open(struct mn_tcp *tcp, const struct mn_tcp_open *open, uint64_t now, struct mn_tcb **tcb);
/* OPEN, passive. An unspecified local address accepts connections to any. Port 0 picks one. */
int mn_tcp_listen(struct mn_tcp *tcp, struct mnet_endpoint local, const struct mnet_listen_options *options,
                  struct mn_listener **listener);
/* Ends a mere reservation, and sets the backlog (0: the default). */
void mn_tcp_listen_now(struct mn_listener *listener, unsigned backlog);
void mn_tcp_unlisten(struct mn_tcp *tcp, struct mn_listener *listener, uint64_t now);
/* Returns the established connection that has waited longest, which is the caller's from then on,
 * or NULL if there is none. */
struct mn_tcb *mn_tcp_accept(struct mn_listener *listener);
bool mn_tcp_acceptable(const struct mn_listener *listener);

/* Returns 0 if the connection has ever been established, MNET_E_DEADLINE while it is being opened,
 * otherwise the cause of its failure. */
int mn_tcp_status(const struct mn_tcb *tcb);

/* Returns the error that has ended the connection or the attempt, 0 if there is none. */
int mn_tcp_error(const struct mn_tcb *tcb);

/* Returns the cause in the last ICMP error about the attempt or the connection, in any state. */
enum mnet_unreachable mn_tcp_unreachable(const struct mn_tcb *tcb);

/* SEND: queues a copy of up to `len` bytes, as many as the send buffer has room for, and returns
 * their number: 0 if it is full (or if len is 0). Returns an error if nothing can ever be sent
 * again (see mnet_tcp_write), or MNET_E_NO_MEMORY if memory, not the buffer, is short now. `beyond`
 * ignores the send buffer's limit and queues all or nothing. */
ptrdiff_t mn_tcp_send(struct mn_tcp *tcp, struct mn_tcb *tcb, const void *data, size_t len, bool beyond, uint64_t now);
/* Does the same for a piece of a buffer, by reference, all or nothing: returns 1, 0 or an error.
 * Takes a reference of its own. */
int mn_tcp_send_buffer(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mnet_buffer *buffer, uint32_t offset,
                       uint32_t len, bool beyond, uint64_t now);

/* RECEIVE: copies up to `len` bytes and returns their number. Returns 0 at the end of the stream
 * (or if len is 0), and MNET_E_DEADLINE if nothing has arrived. Returns the error (RESET,
 * TIMED_OUT, UNREACHABLE, CLOSED, REFUSED) after everything that arrived in order has been read. */
ptrdiff_t mn_tcp_receive(struct mn_tcp *tcp, struct mn_tcb *tcb, void *to, size_t len, uint64_t now);
/* Does the same, and leaves the bytes in the queue. */
ptrdiff_t mn_tcp_peek(const struct mn_tcb *tcb, void *to, size_t len);
/* Returns the bytes in both queues. */
struct mnet_tcp_queued mn_tcp_queued(const struct mn_tcb *tcb);
/* Lends received bytes in place. Returns as mn_tcp_receive does, but counts slices. They stay valid
 * until mn_tcp_return, or close. */
ptrdiff_t mn_tcp_lend(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mnet_slice *slices, int max);
void mn_tcp_return(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

/* CLOSE and ABORT: the tcb belongs to the engine afterwards. */
void mn_tcp_close(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
void mn_tcp_abort(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
int mn_tcp_shutdown(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_shutdown how, uint64_t now);

/* STATUS and settings. */
unsigned mn_tcp_ready(const struct mn_tcb *tcb); /* enum mnet_ready */
/* Does the same for a caller that may act on it much later: checks the room again, and if there is
 * none, an event will follow. */
unsigned mn_tcp_refresh_ready(const struct mn_tcp *tcp, struct mn_tcb *tcb);
/* A task waits for room for so many bytes: MNET_WRITABLE is not returned before there is room
 * (mn_tcb_has_room), and then there is an event. mn_tcp_send does this itself if it is cut short,
 * or fills the buffer. */
void mn_tcp_want_room(struct mn_tcb *tcb, size_t bytes);
/* Makes the tcb an event, for a reason of the caller's. */
void mn_tcp_post_event(struct mn_tcp *tcp, struct mn_tcb *tcb);
void mn_tcp_peers(const struct mn_tcb *tcb, struct mnet_endpoint *local, struct mnet_endpoint *remote);
struct mnet_endpoint mn_tcp_listen_endpoint(const struct mn_listener *listener);
/* Returns the name of the congestion control, static. */
const char *mn_tcp_congestion(const struct mn_tcb *tcb);
void mn_tcp_set_no_delay(struct mn_tcp *tcp, struct mn_tcb *tcb, bool no_delay);
void mn_tcp_set_ttl(struct mn_tcb *tcb, uint8_t ttl);
void mn_tcp_set_dscp(struct mn_tcb *tcb, uint8_t dscp);
/* settings.c: see mnet/tcp_settings.h. Arguments are checked; 0 bytes are the engine's own rule.
 * The first three and ECN return 0 or an error. */
int mn_tcp_set_send_buffer(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes);
int mn_tcp_set_receive_buffer(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now);
int mn_tcp_set_unsent_low_water(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes);
struct mn_tcp_buffers {
    uint32_t send, receive; /* bytes */
};
struct mn_tcp_buffers mn_tcp_get_buffers(const struct mn_tcp *tcp, const struct mn_tcp_owner *owner);
void mn_tcp_set_no_delayed_ack(struct mn_tcp *tcp, struct mn_tcb *tcb, bool no_delayed_ack);
void mn_tcp_set_cork(struct mn_tcp *tcp, struct mn_tcb *tcb, bool corked);
void mn_tcp_set_no_pacing(struct mn_tcp *tcp, struct mn_tcb *tcb, bool no_pacing);
void mn_tcp_set_congestion(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_congestion which);
int mn_tcp_set_ecn(struct mn_tcb *tcb, bool on);
void mn_tcp_set_keepalive(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_keepalive *keepalive);
void mn_tcp_set_user_timeout(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t timeout_ns, uint64_t now);
/* Fetch the notices since the last call, and switch notices on or off. */
unsigned mn_tcp_notices(struct mn_tcb *tcb);
void mn_tcp_set_notices(struct mn_tcb *tcb, bool on);
/* mn_tcp_urgent returns the unread bytes up to the last urgent one. mn_tcp_send_urgent makes all
 * queued data urgent. */
uint32_t mn_tcp_urgent(const struct mn_tcb *tcb);
void mn_tcp_send_urgent(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* Returns 0 after the peer has acknowledged everything, our FIN included, MNET_E_DEADLINE before,
 * or the cause why it never will. */
int mn_tcp_delivered(const struct mn_tcb *tcb);

/* STATUS in full. */
void mn_tcp_info(const struct mn_tcp *tcp, const struct mn_tcb *tcb, struct mnet_tcp_info *info);
void mn_tcp_info_of_owner(const struct mn_tcp *tcp, const struct mn_tcp_owner *owner, struct mnet_tcp_info *info);
/* The same for the connection, of whatever kind, between two ends. It is in CLOSED if there is
 * none. */
void mn_tcp_info_of_ends(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote,
                         struct mnet_tcp_info *info);
void mn_tcp_each(const struct mn_tcp *tcp, bool (*visit)(void *context, const struct mnet_tcp_info *info),
                 void *context);

/* The tcb gets an owner, which must stay where it is until it is told that it owns the tcb no
 * longer. From now on a connection at rest may become a smaller record. */
void mn_tcp_own(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_tcp_owner *owner, uint64_t now);
void mn_tcp_disown(struct mn_tcb *tcb);
/* Whether a call still connects, so that no program can close the connection yet. Meanwhile it does
 * not rest. */
void mn_tcp_set_opening(struct mn_tcb *tcb, bool opening);
bool mn_tcp_is_opening(const struct mn_tcb *tcb);
/* Returns the tcb's owner. NULL: it has none. */
struct mn_tcp_owner *mn_tcp_owner(const struct mn_tcb *tcb);
/* Returns the next owner of a connection, the first one if `after` is NULL. Returns NULL if there
 * is none. */
struct mn_tcp_owner *mn_tcp_next_owner(const struct mn_tcp *tcp, const struct mn_tcp_owner *after);

/* Connections at rest (records/idle.c). The caller asks for the tcb only if it needs one, because
 * such a connection has little to tell: it was established, has nothing to read and room to write,
 * and no error, urgent data or notices. */
/* Makes a connection at rest a tcb again. Returns NULL if there is no memory for it, or if the
 * connection has ended. */
struct mn_tcb *mn_tcp_wake(struct mn_tcp *tcp, struct mn_tcp_owner *owner, uint64_t now);
/* Returns the error with which a connection has ended while it was at rest, or 0. */
int mn_tcp_idle_error(const struct mn_tcp_owner *owner);
/* ABORT of a connection at rest. */
void mn_tcp_abort_idle(struct mn_tcp *tcp, struct mn_tcp_owner *owner, uint64_t now);
/* Returns the next owner of a connection that has ended while it was at rest, once, or NULL. */
struct mn_tcp_owner *mn_tcp_fetch_ended(struct mn_tcp *tcp);

/* The user's pointer in a listener: NULL until set. */
void mn_tcp_set_listener_owner(struct mn_listener *listener, void *owner);
void *mn_tcp_listener_owner(const struct mn_listener *listener);

/* Numbers of each kind, for limits and tests. */
struct mn_tcp_usage {
    unsigned tcbs;        /* all of them */
    unsigned established; /* counted against connections_max */
    unsigned orphans, half_open, time_wait, listeners;
    unsigned idle; /* records of connections at rest, and of those that ended while they were */
};
struct mn_tcp_usage mn_tcp_usage(const struct mn_tcp *tcp);

#endif
