/* Records of what costs less than a connection: the data of LISTEN, of SYN-RECEIVED, of TIME-WAIT,
 * and of a connection at rest, and the head that they share with connections in the table. Each
 * header beside this one has the functions of one kind.
 */
#ifndef MN_RECORDS_H
#define MN_RECORDS_H

#include <assert.h>
#include <string.h>

#include <mnet/address.h>

#include "base/base.h"
#include "base/list.h"
#include "base/wheel.h"

/* An entry of the demultiplexing table: the common head of the kinds of record. */
enum mn_conn_kind {
    MN_CONN_TCB,
    MN_CONN_HALF_OPEN,
    MN_CONN_TIME_WAIT,
    MN_CONN_IDLE,
};

/* One end of a connection as the table keeps it. No engine sees a zone (src/stack/zone.c), so there
 * is no place for one: with it a record of TIME-WAIT would be larger than a cache line. */
struct mn_conn_end {
    uint8_t address[16]; /* as in struct mnet_address */
    uint16_t port;
};

static inline struct mn_conn_end mn_conn_end(struct mnet_endpoint endpoint)
{
    struct mn_conn_end end;
    MN_ASSERT(endpoint.address.zone == 0);
    memcpy(end.address, endpoint.address.bytes, sizeof end.address);
    end.port = endpoint.port;
    return end;
}

static inline struct mnet_address mn_conn_address(const struct mn_conn_end *end)
{
    struct mnet_address address;
    memcpy(address.bytes, end->address, sizeof address.bytes);
    address.zone = 0;
    return address;
}

static inline struct mnet_endpoint mn_conn_endpoint(const struct mn_conn_end *end)
{
    return (struct mnet_endpoint){mn_conn_address(end), end->port};
}

static inline bool mn_conn_end_is(const struct mn_conn_end *end, const struct mnet_address *address, uint16_t port)
{
    uint64_t a[2], b[2];
    memcpy(a, end->address, sizeof a);
    memcpy(b, address->bytes, sizeof b);
    return end->port == port && ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}

static inline bool mn_conn_end_is_ipv4(const struct mn_conn_end *end)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(end->address, prefix, sizeof prefix) == 0;
}

struct mn_conn {
    struct mn_conn *hash_next;
    struct mn_conn_end local, remote;
    uint8_t kind : 2;       /* enum mn_conn_kind */
    uint8_t challenges : 6; /* TIME-WAIT: suspicious segments answered since its 2 MSL began */
    /* Enum mn_tcp_option: offered by our SYN; after the peer's SYN those that both offered. */
    uint8_t options;
    /* The user's choices for the IP header of every segment (MUST-48, MUST-49); 0: defaults. */
    uint8_t ttl;
    uint8_t dscp : 6;
    bool hashed : 1;
    bool restarted : 1; /* TIME-WAIT: its 2 MSL began again */
};

/* A connection of which only a SYN has arrived: SYN-RECEIVED from LISTEN. */
struct mn_half_open {
    struct mn_conn conn;
    uint64_t hash;         /* of both ends: see table.c */
    struct mnet_link link; /* of all half-open records, oldest first */
    struct mn_timer timer; /* of SYN,ACK retransmission */
    struct mn_listener *listener;
    uint64_t since_ns;
    uint32_t iss, irs;
    uint32_t timestamp_offset; /* see mn_tcp_choose_beginning */
    uint32_t ts_recent;        /* RFC 7323, if timestamps are among the options */
    uint16_t window;           /* of the SYN, never scaled */
    uint16_t rcv_wnd;          /* in our SYN,ACK */
    uint16_t mss;              /* the peer's; 0 if it sent none */
    uint8_t peer_shift : 4;    /* window scale, if that is among the options */
    uint8_t challenges : 4;    /* acknowledgements of suspicious segments sent so far */
    uint8_t retries : 5;
    bool ecn : 1;            /* the SYN was an ECN-setup SYN, and we agree */
    struct mnet_link output; /* linked while a SYN,ACK waits to be sent */
};

static_assert(sizeof(struct mn_half_open) <= 160, "a SYN costs little");

/* A connection in TIME-WAIT: as small as possible, because a busy server has many. */
struct mn_time_wait {
    struct mn_conn conn;
    uint32_t snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint32_t until_ms; /* modulo 2^32 */
};

static_assert(sizeof(struct mn_time_wait) <= 64, "TIME-WAIT costs no more than a cache line");

/* What must be remembered of a connection while nothing happens: see idle.c. */
struct mn_rest {
    uint64_t bytes_acked, bytes_received;
    uint32_t bytes_retransmitted;
    uint32_t snd_una, snd_wnd, max_snd_wnd;
    uint32_t rcv_nxt, rcv_adv, rcv_target;
    uint32_t ts_recent, ts_recent_at;
    uint32_t srtt_us, rttvar_us, min_rtt_us, min_rtt_ms;
    uint32_t cwnd, ssthresh;
    uint32_t segments_sent, segments_received;
    uint16_t rcv_mss, path_mtu, snd_mss;
    uint8_t unreachable; /* enum mnet_unreachable */
    uint8_t reo_wnd_mult;
    uint8_t snd_wscale : 4, rcv_wscale : 4;
    uint8_t quick_acks : 5;
    uint8_t congestion : 2; /* enum mnet_congestion */
    bool reordering_seen : 1;
    uint8_t persist : 5;
    bool sack_ok : 1, no_delay : 1, loopback : 1;
    bool quiet : 1, no_delayed_ack : 1, no_pacing : 1;
};

/* A connection at rest, or one that has ended while it was. */
struct mn_idle {
    struct mn_conn conn;
    struct mn_tcp_owner *owner;
    union {
        struct mn_rest rest;
        struct mnet_link link; /* ended: of those whose user has been told, or of the others */
    };
    int8_t error; /* ended: the cause */
};

static_assert(sizeof(struct mn_idle) <= 160, "a connection at rest costs little");

/* All records wait equally long, so they end in the order of their arrival: a queue of blocks of
 * records needs no links. */
#define MN_TIME_WAIT_BLOCK 63
struct mn_time_wait_block {
    struct mnet_link link;
    /* Records [first, count) are in use, or were left before their time (then they are in no
     * table). */
    uint32_t first, count;
    struct mn_time_wait records[MN_TIME_WAIT_BLOCK];
};

struct mn_listener {
    struct mn_listener *port_next; /* in its bucket: see table.c */
    struct mnet_link link;
    struct mnet_link event;
    struct mnet_link queue; /* established tcbs, by `event` */
    struct mnet_endpoint local;
    enum mnet_family family; /* of the connections */
    void *owner;
    unsigned queued, backlog;
    uint8_t policy;     /* enum mnet_backlog_policy */
    uint8_t congestion; /* enum mnet_congestion */
    uint8_t offer;      /* enum mn_tcp_option: options that our SYN,ACK may answer */
    /* Of the connections, from the SYN,ACK on (MUST-48, MUST-49); 0: defaults. */
    uint8_t ttl, dscp;
    bool no_delay;
    bool deaf; /* the port is only reserved */
};

/* A segment to send without a tcb: a reset, or an acknowledgement of TIME-WAIT. */
struct mn_reply {
    struct mnet_endpoint local, remote;
    uint32_t seq, ack;
    uint8_t flags;
    uint8_t ttl, dscp; /* of its connection; 0: defaults */
    uint16_t window;
    uint8_t options; /* enum mn_tcp_option */
    uint8_t window_shift;
    uint16_t mss;
    uint32_t ts_value, ts_echo;
    uint64_t hash; /* of both ends: see table.c */
};

#endif
