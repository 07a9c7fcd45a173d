/* The multicast groups of one host, of both families, and the state of MLD and IGMP for each.
 * group.c has the theory. */
#ifndef MN_IP_GROUP_H
#define MN_IP_GROUP_H

#include <mnet/address.h>

#include "base/base.h"
#include "base/wheel.h"

#define MN_GROUPS_MAX 72
#define MN_GROUPS_USERS_MAX 44 /* joins of users; the other places are for the own addresses */
#define MN_GROUP_SOURCES_MAX 4 /* that an answer can be about */

enum mn_group_family {
    MN_GROUPS_IPV4,
    MN_GROUPS_IPV6,
    MN_GROUPS_FAMILIES,
};

/* One group. A group that nobody wants any more stays until routers have been told. */
struct mn_group {
    struct mnet_address address;
    uint16_t members;     /* how many want its packets */
    bool told;            /* a report has named it */
    uint8_t changes;      /* reports of its last change that are still to be sent */
    uint8_t source_count; /* of the answer; 0: it is about all sources */
    struct mnet_address sources[MN_GROUP_SOURCES_MAX];
    uint64_t change_ns; /* the time of the next report of a change */
    uint64_t answer_ns; /* the time of the answer to a query about this group; MNET_NEVER: none */
};

/* The state of the queriers of one family. */
struct mn_group_queriers {
    uint8_t version;    /* of the messages that the host sends: that of the oldest querier */
    uint8_t robustness; /* how often a change is reported */
    uint32_t interval_s;
    uint64_t older_until_ns[2]; /* until then a querier of version 1, and 2, counts as present */
    uint64_t answer_ns;         /* the time of the answer to a general query; MNET_NEVER: none */
    uint64_t rest_until_ns;     /* no answer is sent earlier */
};

struct mn_groups {
    struct mn_group entries[MN_GROUPS_MAX];
    unsigned count;
    struct mn_group_queriers queriers[MN_GROUPS_FAMILIES];
    struct mn_timer timer; /* runs to the first of all times above */
};

/* Returns true if somebody wants packets to `address`. */
bool mn_groups_contain(const struct mn_groups *groups, struct mnet_address address);
/* Asserts the invariants between two steps. */
void mn_groups_check(const struct mn_groups *groups);

#endif
