/* The TCP engine of one host, as the rest of the stack sees it (RFC 9293 3.9). Sans-IO: segments, user calls and expiries go in with the time; segments
 * and events come out by being asked for. No call suspends, calls back (but for the release of lent memory), or reads a clock.
 *
 * A connection is a `struct mn_tcb` while somebody here can still use it. Half-open passive connections and TIME-WAIT are smaller records that the user never
 * sees. A tcb stays valid until its user calls mn_tcp_close or mn_tcp_abort on it, whatever the peer does; from then on it is the engine's.
 */
#ifndef MN_TCP_H
#define MN_TCP_H

#include <mnet/counters.h>
#include <mnet/log.h>
#include <mnet/packet.h>
#include <mnet/tcp.h>
#include <mnet/tcp_info.h>

#include "base/random.h"
#include "wire/wire.h"

struct mn_tcp;
struct mn_tcb;
struct mn_listener;

struct mn_tcp_config {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    const struct mnet_log *log;
    struct mn_random *random;
    uint16_t mtu;     /* of the link: decides the MSS that we announce */
    uint32_t gso_max; /* largest payload of one packet given out; 0: one segment a packet */
    unsigned connections_max, orphans_max, half_open_max, time_wait_max, listeners_max;
    uint32_t send_buffer, receive_buffer;
    uint64_t msl_ns, orphan_ns, user_timeout_ns;
    bool no_delay;
    bool no_syn_cookies;      /* a SYN that finds no half-open record free takes the oldest */
    uint8_t offer;            /* enum mn_tcp_option of window scale, SACK permitted and timestamps: what SYNs offer */
    bool no_shedding;         /* connections whose queues do not move keep their memory, however short it is */
    bool no_plpmtud;          /* no smaller segments where large ones vanish in silence (RFC 8899) */
    bool user_timeout_option; /* RFC 5482: tell peers user_timeout_ns, and adapt to theirs */
    /* Called for each event of a tcb, as the log is; NULL: nobody traces. */
    void (*trace)(void *context, const struct mn_tcb *tcb, enum mnet_tcp_event event);
    void *trace_context;
    enum mnet_congestion congestion; /* of new connections, where they do not say */
    enum mnet_ecn ecn;
    uint64_t now;
};

/* Creates the engine inside config->memory; NULL where that is too small. */
struct mn_tcp *mn_tcp_create(const struct mn_tcp_config *config);
/* Resets every connection (the segments can still be asked for), ends every listener, with events for their users. */
void mn_tcp_down(struct mn_tcp *tcp, uint64_t now);
/* Frees every tcb and record, whoever uses it. */
void mn_tcp_destroy(struct mn_tcp *tcp);

/* The MTU of the link is another one from now on; connections that there are keep theirs. */
void mn_tcp_set_mtu(struct mn_tcp *tcp, uint16_t mtu);
/* The host has lost `address`: connections from it end with MNET_E_NO_ADDRESS, and nothing more is sent for them. */
void mn_tcp_address_lost(struct mn_tcp *tcp, struct mnet_address address);

/* In: a segment (owned from here on; TCP header first, checksum as the metadata says), an ICMP error. */
void mn_tcp_input(struct mn_tcp *tcp, const struct mn_datagram *datagram, struct mnet_packet *packet, uint64_t now);
void mn_tcp_icmp(struct mn_tcp *tcp, const struct mn_icmp_error *error, uint64_t now);

/* Out: the next segment (TCP header first, checksum PARTIAL, gso set where it stands for several) with its addresses; NULL where nothing may be sent
 * now. The caller owns the packet. */
struct mnet_packet *mn_tcp_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now);
/* Whether something waits to be sent. After mn_tcp_output gave NULL: for memory; it is to be asked again in a while. */
bool mn_tcp_wants_output(const struct mn_tcp *tcp);

/* An allocation for a new connection has failed elsewhere, or memory is short: somebody gives some back. False where nobody has to. */
bool mn_tcp_yield(struct mn_tcp *tcp, uint64_t now);
/* Memory is short: some of what came out of order is dropped, a bounded number of times. */
void mn_tcp_relieve(struct mn_tcp *tcp);

/* Timers. */
void mn_tcp_expire(struct mn_tcp *tcp, uint64_t now);
uint64_t mn_tcp_deadline(struct mn_tcp *tcp);

/* Events: the next tcb (listener) in use whose readiness or status may have risen since it was last given out; NULL where there is none. */
struct mn_tcb *mn_tcp_next_event(struct mn_tcp *tcp);
struct mn_listener *mn_tcp_next_listener_event(struct mn_tcp *tcp);

/* OPEN, active. The remote address is checked by the caller to be unicast; `local.port` 0 picks a random free one. MNET_E_IN_USE, MNET_E_LIMIT,
 * MNET_E_NO_MEMORY. */
struct mn_tcp_open {
    struct mnet_endpoint local, remote;
    uint16_t path_mtu;
    bool no_delay;
    uint8_t ttl, dscp; /* 0: defaults */
    uint8_t without;   /* of config.offer, what this connection does not */
    enum mnet_congestion congestion;
};
int mn_tcp_open(struct mn_tcp *tcp, const struct mn_tcp_open *open, uint64_t now, struct mn_tcb **tcb);
/* OPEN, passive. An unspecified local address takes any. Port 0 picks one. */
int mn_tcp_listen(struct mn_tcp *tcp, struct mnet_endpoint local, const struct mnet_listen_options *options,
                  struct mn_listener **listener);
void mn_tcp_unlisten(struct mn_tcp *tcp, struct mn_listener *listener, uint64_t now);
/* The longest waiting established connection, from now on the caller's; NULL where there is none. */
struct mn_tcb *mn_tcp_accept(struct mn_listener *listener);
bool mn_tcp_acceptable(const struct mn_listener *listener);

/* 0 when the connection has been established (and whatever came after), MNET_E_DEADLINE while it is being opened, else why it failed. */
int mn_tcp_status(const struct mn_tcb *tcb);

/* What ICMP errors said last, of the attempt or of the connection; in any state. */
enum mnet_unreachable mn_tcp_unreachable(const struct mn_tcb *tcb);

/* SEND: queues a copy of up to `len` bytes, as many as the send buffer has room for, and returns how many: 0 where it is full (or for len 0). An error where nothing can
 * ever be sent again (see mnet_tcp_write), or MNET_E_NO_MEMORY where memory rather than the buffer is short just now. `beyond` ignores the send
 * buffer's limit and queues all or nothing. */
ptrdiff_t mn_tcp_send(struct mn_tcp *tcp, struct mn_tcb *tcb, const void *data, size_t len, bool beyond, uint64_t now);
/* The same for a piece of a buffer, by reference, all or nothing: 1, 0 or an error. Takes a reference of its own. */
int mn_tcp_send_buffer(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mnet_buffer *buffer, uint32_t offset,
                       uint32_t len, bool beyond, uint64_t now);

/* RECEIVE: copies up to `len` bytes. The count; 0 at the end of the stream (or for len 0); MNET_E_DEADLINE where nothing has arrived; or the error
 * (RESET, TIMED_OUT, UNREACHABLE, CLOSED, REFUSED) once everything that arrived in order has been read. */
ptrdiff_t mn_tcp_receive(struct mn_tcp *tcp, struct mn_tcb *tcb, void *to, size_t len, uint64_t now);
/* Lends received bytes in place; returns as above, counting slices. They stay valid until mn_tcp_return, or close. */
ptrdiff_t mn_tcp_lend(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mnet_slice *slices, int max);
void mn_tcp_return(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

/* CLOSE and ABORT: the tcb is the engine's afterwards. */
void mn_tcp_close(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
void mn_tcp_abort(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
int mn_tcp_shutdown(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_shutdown how, uint64_t now);

/* STATUS and settings. */
unsigned mn_tcp_ready(const struct mn_tcb *tcb); /* enum mnet_ready */
/* The same for one who may act on it much later: looks at the room again, and if there is none, there will be an event. */
unsigned mn_tcp_ask(const struct mn_tcp *tcp, struct mn_tcb *tcb);
/* Somebody waits for room for so many bytes: MNET_WRITABLE is not given before there is (mn_tcb_has_room), and then there is an
 * event. Sending does this by itself if it is cut short, or fills the buffer. */
void mn_tcp_want_room(struct mn_tcb *tcb, size_t bytes);
/* Gives the tcb out as an event, for reasons of the caller's. */
void mn_tcp_tell(struct mn_tcp *tcp, struct mn_tcb *tcb);
void mn_tcp_peers(const struct mn_tcb *tcb, struct mnet_endpoint *local, struct mnet_endpoint *remote);
struct mnet_endpoint mn_tcp_listen_endpoint(const struct mn_listener *listener);
/* The name of the congestion controller, static. */
const char *mn_tcp_congestion(const struct mn_tcb *tcb);
void mn_tcp_set_no_delay(struct mn_tcp *tcp, struct mn_tcb *tcb, bool no_delay);
void mn_tcp_set_ttl(struct mn_tcb *tcb, uint8_t ttl);
void mn_tcp_set_dscp(struct mn_tcb *tcb, uint8_t dscp);
void mn_tcp_set_keepalive(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_keepalive *keepalive);
void mn_tcp_set_user_timeout(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t timeout_ns, uint64_t now);
/* What has happened since the last call, and whether to note it at all. */
unsigned mn_tcp_notices(struct mn_tcb *tcb);
void mn_tcp_set_notices(struct mn_tcb *tcb, bool on);
/* Unread bytes up to the last urgent one. What is queued so far becomes urgent. */
uint32_t mn_tcp_urgent(const struct mn_tcb *tcb);
void mn_tcp_send_urgent(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* 0 once the peer has acknowledged everything, our FIN included; MNET_E_DEADLINE before; or why it never will. */
int mn_tcp_delivered(const struct mn_tcb *tcb);

/* STATUS in full. */
void mn_tcp_info(const struct mn_tcp *tcp, const struct mn_tcb *tcb, struct mnet_tcp_info *info);
void mn_tcp_each(const struct mn_tcp *tcp, bool (*visit)(void *context, const struct mnet_tcp_info *info),
                 void *context);

/* What the user hangs on a tcb or listener: NULL until set. */
void mn_tcp_set_owner(struct mn_tcb *tcb, void *owner);
void *mn_tcp_owner(const struct mn_tcb *tcb);
/* The next tcb that has an owner, from the beginning where `after` is NULL; NULL where there is none. */
struct mn_tcb *mn_tcp_next_owned(const struct mn_tcp *tcp, const struct mn_tcb *after);
void mn_tcp_set_listener_owner(struct mn_listener *listener, void *owner);
void *mn_tcp_listener_owner(const struct mn_listener *listener);

/* How many of each there are, for limits and tests. */
struct mn_tcp_usage {
    unsigned tcbs;        /* all of them */
    unsigned established; /* counted against connections_max */
    unsigned orphans, half_open, time_wait, listeners;
};
struct mn_tcp_usage mn_tcp_usage(const struct mn_tcp *tcp);

#endif
