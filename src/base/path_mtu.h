/* The path-MTU cache of both families (RFC 8201, RFC 1191): how large a packet to a destination may
 * be, as far as routers have told. A host has one. It belongs to ip; UDP and TCP read it.
 *
 * Theory of operation. Without an entry the MTU of the link is the estimate (PMTU-5.2-1), also for
 * a destination on the link (PMTU-3-1). A Packet Too Big makes an entry for the destination of the
 * packet that it quotes (PMTU-5.2-2), or lowers one. No message raises an estimate (PMTU-4-6). An
 * entry that no message has named for ten minutes goes, and the MTU of the link is tried again
 * (PMTU-5.3-1). For a multicast destination the entry is the group's, so the smallest MTU of all
 * its paths wins (PMTU-3-2).
 *
 * Every valid message counts (N6-5.7.1-1, N6-5.7.1-3). Whoever enters one has checked that
 * the quoted packet is one of its own (PMTU-4-1).
 *
 * Users do not look an estimate up for each packet. They keep the estimate and `generation` beside
 * it, and look up again only if the cache has another generation (PMTU-5.2-4).
 *
 * Entries are found by a keyed hash. Their number is bounded: if the table is full, the entry that
 * was looked up or lowered longest ago goes.
 */
#ifndef MN_PATH_MTU_H
#define MN_PATH_MTU_H

#include <mnet/address.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/wheel.h"

#define MN_PATH_MTU_BUCKETS 64
/* RFC 8201 5.3, RFC 1191 6.3. At least five minutes (PMTU-4-5); MNET_NEVER: estimates stay. */
#define MN_PATH_MTU_AGE_NS (600 * MNET_SECOND)
#define MN_PATH_MTU_FLOOR_IPV6 1280u /* RFC 8200 5 */
/* Every IPv4 host takes 576. RFC 1191 3 allows 68, but tiny packets are an attack (RFC 5927 7). */
#define MN_PATH_MTU_FLOOR_IPV4 576u

struct mn_path_mtu {
    struct mnet_link bucket;
    struct mnet_link age;
    struct mn_timer timer; /* the end of the estimate */
    struct mnet_address destination;
    uint16_t mtu;
};

struct mn_path_mtu_config {
    struct mnet_memory *memory;
    struct mn_wheel *wheel;
    struct mn_hash_key key;
    unsigned max;      /* entries, at least 1 */
    uint64_t age_ns;   /* MN_PATH_MTU_AGE_NS is usual */
    uint16_t link_mtu; /* of both families, at least 1 */
    uint8_t timer_kind;
};

struct mn_path_mtus {
    struct mn_pool pool;
    struct mn_wheel *wheel;
    struct mn_hash_key key;
    uint64_t age_ns;
    uint32_t generation; /* another one than before: some estimate may have changed */
    unsigned max, count;
    uint16_t link_ipv4, link_ipv6; /* the largest packets of the link */
    uint8_t timer_kind;
    struct mnet_link ages; /* the entry used longest ago first */
    struct mnet_link buckets[MN_PATH_MTU_BUCKETS];
};

void mn_path_mtus_init(struct mn_path_mtus *cache, const struct mn_path_mtu_config *config);
/* Removes every entry. Also right if the link comes up, since it may lead to another network. */
void mn_path_mtus_clear(struct mn_path_mtus *cache);

/* Returns the largest packet of the link, for the family of `destination`. */
static inline uint16_t mn_path_mtu_link(const struct mn_path_mtus *cache, struct mnet_address destination)
{
    return mnet_address_is_ipv4(destination) ? cache->link_ipv4 : cache->link_ipv6;
}
/* Returns the largest packet for `destination`, its IP header included, in bytes: never more than
 * the link takes. Makes the entry the youngest. O(1). */
uint16_t mn_path_mtu_find(struct mn_path_mtus *cache, struct mnet_address destination);

/* The result of a Packet Too Big, or of "fragmentation needed". */
enum mn_path_mtu_verdict {
    MN_PATH_MTU_LOWERED,
    MN_PATH_MTU_KEPT,    /* the estimate was as low already; the sender retransmits (PMTU-5.2-5) */
    MN_PATH_MTU_REFUSED, /* IPv6 below 1280 (PMTU-4-2), or no less than the link takes */
    MN_PATH_MTU_UNKNOWN, /* no memory for an entry: only the quoted packet's sender learns it */
};
/* A router says that the next link towards `destination` takes packets of `mtu` bytes at most. For
 * IPv4 a smaller value than 576 counts as 576, so does 0, by which an old router says nothing. */
enum mn_path_mtu_verdict mn_path_mtu_lower(struct mn_path_mtus *cache, struct mnet_address destination, uint32_t mtu,
                                           uint64_t now);

/* The link takes packets of these sizes from now on (DHCP, Router Advertisements). */
void mn_path_mtus_set_link(struct mn_path_mtus *cache, uint16_t ipv4, uint16_t ipv6);
/* A timer of the cache's kind has expired: its entry goes. */
void mn_path_mtu_expire(struct mn_path_mtus *cache, struct mn_timer *timer);

#endif
