/* The neighbour table: link addresses of hosts on the link, and the packets that wait for one. The
 * table knows no protocol: neighbour_states.c decides when an entry changes its state, v4/arp.c and
 * v6/nd.c ask and answer.
 *
 * Whole datagrams wait, and they are cut to the MTU when they are sent: RFC 1122 2.3.2.2 asks to
 * save a packet, and some fragments of one would be worth nothing. For each neighbour the newest
 * MN_NEIGHBOUR_PENDING datagrams wait, if they have at most 64 KiB, and always the last one. For
 * all neighbours together there is a limit of datagrams, and a limit of bytes.
 *
 * Entries are found by a keyed hash and kept in three lists by age. If the table is full, one entry
 * is removed. If more than a quarter of the table is unresolved, that is the oldest unresolved one,
 * so a flood of invented addresses displaces only itself. Otherwise it is the oldest entry that was
 * never used, or else the one that was used longest ago. Entries of gateways are removed last.
 */
#ifndef MN_IP_NEIGHBOUR_H
#define MN_IP_NEIGHBOUR_H

#include <mnet/counters.h>
#include <mnet/packet.h>

#include "base/hash.h"
#include "base/packet_queue.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "wire/ethernet.h"

#define MN_NEIGHBOUR_BUCKETS 256
#define MN_NEIGHBOUR_PENDING 4                  /* datagrams that may wait for one neighbour */
#define MN_NEIGHBOUR_PENDING_BYTES (64u * 1024) /* their bytes, if there are several */
#define MN_NEIGHBOUR_PENDING_TOTAL 128          /* datagrams for all; bytes: pending_bytes_max */

/*             mac is     packets            next state
 * INCOMPLETE  unknown    wait               REACHABLE when answered, FAILED after three requests
 * REACHABLE   confirmed  go                 after 30 s STALE; ARP: PROBE if used meanwhile
 * STALE       likely     go, and start      DELAY when used (ARP: PROBE), removed after 10 min
 * DELAY       likely     go                 REACHABLE when a transport confirms it, PROBE after 5 s
 * PROBE       likely     go                 REACHABLE when answered, after three unicast requests
 *                                           removed or UNREACHABLE
 * UNREACHABLE unlikely   go                 REACHABLE when answered, STALE when heard of, removed
 *                                           when unused
 * FAILED      unknown    come back at once  removed after 1 s
 *
 * Any ARP packet of the neighbour leads to REACHABLE from everywhere. In neighbour discovery only
 * an answer to a request of ours does; other messages of the neighbour lead to STALE (RFC 4861
 * 7.2). */
enum mn_neighbour_state {
    MN_NEIGHBOUR_INCOMPLETE,
    MN_NEIGHBOUR_REACHABLE,
    MN_NEIGHBOUR_STALE,
    MN_NEIGHBOUR_DELAY,
    MN_NEIGHBOUR_PROBE,
    MN_NEIGHBOUR_UNREACHABLE, /* not of ARP (RFC 7048) */
    MN_NEIGHBOUR_FAILED,
};

enum mn_neighbour_age {
    MN_NEIGHBOUR_AGE_UNRESOLVED, /* INCOMPLETE and FAILED, oldest first */
    MN_NEIGHBOUR_AGE_IDLE,       /* learned but never sent to, oldest first */
    MN_NEIGHBOUR_AGE_USED,       /* the one sent to longest ago first */
    MN_NEIGHBOUR_AGES,
};

struct mn_neighbour_protocol;

struct mn_neighbour {
    struct mnet_link bucket;
    struct mnet_link age;
    struct mn_timer timer;
    struct mnet_address address;
    const struct mn_neighbour_protocol *protocol; /* that asks for it: internal.h */
    struct mn_mac mac;
    uint8_t state;    /* enum mn_neighbour_state; changed by mn_neighbour_set only */
    uint8_t age_list; /* enum mn_neighbour_age */
    uint8_t requests; /* sent since the last answer; stays at its largest value */
    bool gateway;
    bool ever_used;
    bool used;                      /* sent to since it was last confirmed, or doubted */
    uint64_t quiet_until_ns;        /* no request is sent earlier */
    struct mn_packet_queue pending; /* datagrams that wait, IP header first */
    size_t pending_bytes;           /* of these datagrams */
};

struct mn_neighbours {
    struct mn_pool pool;
    struct mn_wheel *wheel;
    struct mnet_counters *counters;
    struct mn_hash_key key;
    struct mn_neighbour *last; /* result of the last search, which mostly is that of the next */
    unsigned max, count, unresolved;
    unsigned pending;                        /* datagrams that wait in all entries */
    size_t pending_bytes, pending_bytes_max; /* of these datagrams, and their limit */
    uint8_t timer_kind;
    struct mnet_link ages[MN_NEIGHBOUR_AGES];
    struct mnet_link buckets[MN_NEIGHBOUR_BUCKETS];
};

/* The table has at most `max` entries, which must be at least 1. At most `pending_bytes_max` bytes
 * wait for them, but one datagram always may. Timers are armed on `wheel` with `timer_kind`. */
void mn_neighbours_init(struct mn_neighbours *table, struct mnet_memory *memory, struct mn_wheel *wheel,
                        struct mnet_counters *counters, struct mn_hash_key key, unsigned max, size_t pending_bytes_max,
                        uint8_t timer_kind);
/* Removes all entries and frees the packets that wait. */
void mn_neighbours_deinit(struct mn_neighbours *table);
/* The same for the neighbours of one family. */
void mn_neighbours_remove_family(struct mn_neighbours *table, bool ipv4);

/* Returns NULL if there is none. O(1). */
struct mn_neighbour *mn_neighbour_search(struct mn_neighbours *table, struct mnet_address address);
static inline struct mn_neighbour *mn_neighbour_find(struct mn_neighbours *table, struct mnet_address address)
{
    bool again = table->last != NULL && mn_address_equal(&table->last->address, &address);
    return again ? table->last : mn_neighbour_search(table, address);
}
/* Creates an entry in INCOMPLETE, without a timer. `address` must not be in the table. If the table
 * is full, another entry is removed, and the packets that waited for it are dropped and counted.
 * Returns NULL if memory is short. */
struct mn_neighbour *mn_neighbour_create(struct mn_neighbours *table, struct mnet_address address, bool gateway);
/* Frees the entry and the packets that wait for it. Returns the number of these packets. */
unsigned mn_neighbour_remove(struct mn_neighbours *table, struct mn_neighbour *neighbour);

/* Enters `state` and arms the timer for `at_ns` (MNET_NEVER: none). */
void mn_neighbour_set(struct mn_neighbours *table, struct mn_neighbour *neighbour, enum mn_neighbour_state state,
                      uint64_t at_ns);
/* Notes that a packet is sent to the neighbour now. */
void mn_neighbour_use(struct mn_neighbours *table, struct mn_neighbour *neighbour);

/* Drops waiting packets while memory is short, those of the neighbour asked for longest ago
 * first. */
void mn_neighbours_relieve(struct mn_neighbours *table);
/* Lets the datagram `packet` wait, and takes ownership. If a limit is exceeded, the oldest
 * datagrams of the neighbour, or of all, are dropped and counted. */
void mn_neighbour_wait(struct mn_neighbours *table, struct mn_neighbour *neighbour, struct mnet_packet *packet);
/* Drops and counts the oldest datagram of the neighbour asked for longest ago. Returns false if
 * none waits. */
bool mn_neighbours_drop_waiting(struct mn_neighbours *table);
/* Returns the datagram that has waited longest, which the caller owns, or NULL if none waits. */
struct mnet_packet *mn_neighbour_take(struct mn_neighbours *table, struct mn_neighbour *neighbour);
/* Asserts the invariants between two steps. */
void mn_neighbours_check(const struct mn_neighbours *table);

#endif
