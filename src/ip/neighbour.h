/* The neighbour table: link addresses of hosts on the link, and the packets that wait for one. No
 * protocol is here: neighbour_states.c decides when an entry changes its state, arp.c asks and
 * answers.
 *
 * What waits is counted in datagrams, and each is whole, however large: it is cut to the MTU when
 * it goes (RFC 1122 2.3.2.2 has a packet saved; some fragments of one are worth nothing). Of one
 * neighbour the newest datagrams wait, up to a number and up to 64 KiB, and the very last whatever
 * its size; of all neighbours up to a number and up to a share of the memory.
 *
 * Entries are found by a keyed hash and kept in three lists by age. When the table is full one
 * goes: of those not resolved the oldest, if they hold more than a quarter of the table (so a flood
 * of invented addresses pushes out only itself), else the oldest never used, else the one used
 * longest ago. Entries of gateways go last of all.
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
#define MN_NEIGHBOUR_PENDING 4                  /* datagrams that wait for one neighbour ... */
#define MN_NEIGHBOUR_PENDING_BYTES (64u * 1024) /* ... of so many bytes, if several ... */
#define MN_NEIGHBOUR_PENDING_TOTAL 128          /* ... and for all; bytes: pending_bytes_max */

/*             mac is     packets            leads on to
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
    const struct mn_neighbour_protocol *protocol; /* how it is asked: internal.h */
    struct mn_mac mac;
    uint8_t state;    /* enum mn_neighbour_state; changed by mn_neighbour_set only */
    uint8_t age_list; /* enum mn_neighbour_age */
    uint8_t requests; /* sent since the last answer; stays at its largest value */
    bool gateway;
    bool ever_used;
    bool used;                      /* sent to since it was last confirmed, or doubted */
    uint64_t quiet_until_ns;        /* no request before */
    struct mn_packet_queue pending; /* datagrams, IP header first */
    size_t pending_bytes;           /* of them */
};

struct mn_neighbours {
    struct mn_pool pool;
    struct mn_wheel *wheel;
    struct mnet_counters *counters;
    struct mn_hash_key key;
    struct mn_neighbour *last; /* found last: most packets go where the one before went */
    unsigned max, count, unresolved;
    unsigned pending;                        /* datagrams waiting in all entries, ... */
    size_t pending_bytes, pending_bytes_max; /* ... their bytes, and how many these may be */
    uint8_t timer_kind;
    struct mnet_link ages[MN_NEIGHBOUR_AGES];
    struct mnet_link buckets[MN_NEIGHBOUR_BUCKETS];
};

/* `max` entries at most, at least 1, for which `pending_bytes_max` bytes may wait (but one datagram
 * always may). Timers are armed on `wheel` with `timer_kind`. */
void mn_neighbours_init(struct mn_neighbours *table, struct mnet_memory *memory, struct mn_wheel *wheel,
                        struct mnet_counters *counters, struct mn_hash_key key, unsigned max, size_t pending_bytes_max,
                        uint8_t timer_kind);
/* Removes every entry and frees what waits. */
void mn_neighbours_deinit(struct mn_neighbours *table);
/* The same for the neighbours of IPv4. */
void mn_neighbours_remove_ipv4(struct mn_neighbours *table);

/* NULL if there is none. O(1). */
struct mn_neighbour *mn_neighbour_search(struct mn_neighbours *table, struct mnet_address address);
static inline struct mn_neighbour *mn_neighbour_find(struct mn_neighbours *table, struct mnet_address address)
{
    bool again = table->last != NULL && mn_address_equal(&table->last->address, &address);
    return again ? table->last : mn_neighbour_search(table, address);
}
/* A new entry, INCOMPLETE, no timer armed; `address` must not be in the table. Makes room if the
 * table is full; what waited for the entry that went is dropped and counted. NULL if memory is used
 * up. */
struct mn_neighbour *mn_neighbour_create(struct mn_neighbours *table, struct mnet_address address, bool gateway);
/* Removes and frees the entry and what waits for it; returns how many packets that were. */
unsigned mn_neighbour_remove(struct mn_neighbours *table, struct mn_neighbour *neighbour);

/* Enters `state` and arms the timer for `at_ns` (MNET_NEVER: none). */
void mn_neighbour_set(struct mn_neighbours *table, struct mn_neighbour *neighbour, enum mn_neighbour_state state,
                      uint64_t at_ns);
/* Notes that a packet is sent to it now. */
void mn_neighbour_use(struct mn_neighbours *table, struct mn_neighbour *neighbour);

/* Drops waiting packets while memory is short, the longest unanswered neighbour's first. */
void mn_neighbours_relieve(struct mn_neighbours *table);
/* Lets the datagram `packet` wait, owned from here on. If too much waits, the neighbour's oldest
 * datagrams, or the oldest of all, are dropped and counted. */
void mn_neighbour_wait(struct mn_neighbours *table, struct mn_neighbour *neighbour, struct mnet_packet *packet);
/* Drops and counts the datagram that has waited longest for the neighbour asked for longest ago;
 * false if none waits. */
bool mn_neighbours_drop_waiting(struct mn_neighbours *table);
/* The datagram that has waited longest, owned by the caller; NULL if none waits. */
struct mnet_packet *mn_neighbour_take(struct mn_neighbours *table, struct mn_neighbour *neighbour);
/* Asserts what must hold between two steps. */
void mn_neighbours_check(const struct mn_neighbours *table);

#endif
