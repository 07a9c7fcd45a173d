/* Answers of DNS servers, and the cache that keeps them for as long as they hold.
 *
 * An answer tells of one name and one type: its records, that there are none of this type
 * (NO_DATA), that there is no such name (NO_NAME, which holds for all types), or that no server
 * would tell (FAILED). It is kept for the shortest time to live of the records that it follows
 * from; a negative one for the time that the zone's SOA record grants (RFC 2308 5), and without an
 * SOA record not at all; a failure for a few seconds.
 *
 * Answers are counted objects. The cache holds those that may serve again, and a caller holds its
 * answer until mn_dns_answer_release. If there are more than `max` answers, or if memory is short,
 * the least recently used one is removed from the cache. */
#ifndef MN_DNS_ANSWER_H
#define MN_DNS_ANSWER_H

#include "base/list.h"
#include "base/pool.h"
#include "wire/dns.h"

#define MN_DNS_DATA_MAX 2048u               /* of all records, with two bytes of length each */
#define MN_DNS_TTL_MAX_S (7u * 24u * 3600u) /* RFC 1035 7.3: a week is long enough */
#define MN_DNS_NEGATIVE_MAX_S (3u * 3600u)  /* RFC 2308 5 */
#define MN_DNS_FAILURE_S 10u                /* RFC 2308 7.1 allows 300, RFC 9520 3.2 asks for 1 */
#define MN_DNS_ALIASES 10                   /* CNAME records in a row that are followed */
#define MN_DNS_BUCKETS 64

enum mn_dns_status {
    MN_DNS_PENDING, /* no answer yet */
    MN_DNS_FOUND,
    MN_DNS_NO_DATA,   /* the name exists, but has no records of this type */
    MN_DNS_NO_NAME,   /* the name does not exist */
    MN_DNS_FAILED,    /* no server answers, or none knows; a later lookup may succeed */
    MN_DNS_TOO_LARGE, /* the records do not fit MN_DNS_DATA_MAX, or the buffer of a stream */
};

struct mn_dns_answer {
    struct mnet_link link; /* in a bucket of the cache */
    struct mnet_link age;  /* in the cache, the most recently used last */
    uint64_t expires_ns;
    struct mn_dns_name name; /* of the question */
    uint16_t type;
    uint16_t users; /* the cache is one */
    uint16_t count; /* of records */
    uint16_t len;   /* of data */
    uint8_t status; /* enum mn_dns_status, not PENDING */
    uint8_t data[]; /* for each record the length, two bytes in network order, and its data */
};

struct mn_dns_cache {
    struct mn_pool small, large;
    struct mn_hash_key key;
    struct mnet_link buckets[MN_DNS_BUCKETS];
    struct mnet_link ages;
    unsigned count, max;
};

/* The meaning of a message. */
struct mn_dns_reading {
    enum mn_dns_status status; /* FAILED: another server may know more. Not PENDING */
    uint32_t ttl_s;            /* 0: not to be kept */
    uint16_t count, len;
};

/* Reads the answer to the question of a message whose server reported no error but NXDOMAIN, and
 * which is not truncated. `data` has MN_DNS_DATA_MAX bytes, and is filled like that of an answer.
 * Follows aliases in whatever order their records stand, up to MN_DNS_ALIASES. Addresses that have
 * no room are left out, and other records make the answer TOO_LARGE. Records of a wrong form are
 * left out. */
struct mn_dns_reading mn_dns_read(const struct mn_dns_message *message, uint8_t *data);

void mn_dns_cache_init(struct mn_dns_cache *cache, struct mnet_memory *memory, struct mn_random *random, unsigned max);
/* Forgets all answers: those of another network may differ. */
void mn_dns_cache_clear(struct mn_dns_cache *cache);
/* Returns the answer that holds at `now`, or NULL. The caller holds it then. */
struct mn_dns_answer *mn_dns_cache_find(struct mn_dns_cache *cache, const struct mn_dns_name *name, uint16_t type,
                                        uint64_t now);
/* Makes an answer, which the caller holds, and the cache, too, if it may be kept. NULL if there is
 * no memory. */
struct mn_dns_answer *mn_dns_cache_add(struct mn_dns_cache *cache, const struct mn_dns_name *name, uint16_t type,
                                       const struct mn_dns_reading *reading, const uint8_t *data, uint64_t now);
void mn_dns_answer_release(struct mn_dns_cache *cache, struct mn_dns_answer *answer);
/* The record after `record`, or the first one if that is NULL; NULL at the end. *len is its
 * length. */
const uint8_t *mn_dns_answer_next(const struct mn_dns_answer *answer, const uint8_t *record, size_t *len);

/* Asserts the invariants between two steps. */
void mn_dns_cache_check(const struct mn_dns_cache *cache);

#endif
