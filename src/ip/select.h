/* Which source address a packet gets, and which of several destinations is tried first (RFC 6724).
 *
 * Theory of operation. An IPv4 address is its mapped form ::ffff:a.b.c.d, so one policy table and
 * one set of rules serve both families (SEL-3.2-1). Rules are compared in their order, and a later
 * one only decides between equals (SEL-5-1). Of equal sources the earlier in the list wins; equal
 * destinations keep their order (SEL-6.R10-1). A host with one interface and without mobility has
 * no use for rules 4 (home addresses) and 5 (outgoing interface), nor without tunnels for rule 7 of
 * destinations (native transport).
 *
 * Nothing is remembered but in `struct mn_losers`: callers select anew for each connection, so no
 * order is older than its question (SEL-8-1).
 */
#ifndef MN_IP_SELECT_H
#define MN_IP_SELECT_H

#include <mnet/address.h>

#include "base/base.h"

/* Returns the scope of an address of either family (RFC 6724 3.1): an enum mn_ipv6_scope
 * (wire/ipv6.h), or the value that a multicast address has. */
unsigned mn_scope_of(struct mnet_address address);

/* A line of a policy table (RFC 6724 2.1). Here an IPv4 prefix has the length of its mapped
 * form. */
struct mn_policy {
    struct mnet_address prefix;
    uint8_t length; /* 0..128 */
    uint8_t precedence;
    uint8_t label;
};
struct mn_policies {
    const struct mn_policy *lines;
    unsigned count;
};
/* The default table (SEL-2.1-2, SEL-2.1-3). */
extern const struct mn_policies mn_policies_default;
/* Returns the line with the longest prefix that contains `address`; NULL if no line does. */
const struct mn_policy *mn_policy_find(const struct mn_policies *policies, struct mnet_address address);

/* An own address that may become the source of a packet. */
struct mn_source_candidate {
    struct mnet_address address;
    uint8_t prefix_length; /* of its network: 0..32 for IPv4, 0..128 for IPv6 (SEL-2.2-1) */
    bool deprecated;       /* RFC 4862 5.5.4 */
    bool temporary;        /* RFC 8981 */
    bool of_next_hop;      /* the router that the packet goes to advertises its prefix (rule 5.5) */
};
/* Chooses the source for `destination` (RFC 6724 5). Candidates are the own unicast addresses that
 * may be used, neither tentative nor invalid (SEL-4-3). Those of the other family are passed over,
 * and so are multicast and unspecified ones. `prefer_public` reverses rule 7 for an application
 * that wants its stable address (SEL-5.R7-1). Returns the best candidate; NULL if there is none. */
const struct mn_source_candidate *mn_source_select(const struct mn_policies *policies, struct mnet_address destination,
                                                   const struct mn_source_candidate *candidates, unsigned count,
                                                   bool prefer_public);

/* A destination among others, with the source that mn_source_select has chosen for it. */
struct mn_destination_candidate {
    struct mnet_address address;
    const struct mn_source_candidate *source; /* NULL: none */
    bool unreachable;                         /* there is no route, or it is among the losers */
};
/* Sorts destinations, the one to try first in front (RFC 6724 6). O(count * count), for the few
 * addresses of a name. */
void mn_destinations_sort(const struct mn_policies *policies, struct mn_destination_candidate *candidates,
                          unsigned count);

/* Mixes families (RFC 8305 4): `first` destinations of the family of the one in front come first,
 * then one of each family in turn, as long as there are both. Within a family the order stays. */
void mn_destinations_interleave(struct mn_destination_candidate *candidates, unsigned count, unsigned first);

/* Destinations that have failed lately: rule 1 has them last. If the table is full, the one whose
 * time ends first goes. A zeroed table is empty. */
#define MN_LOSERS_MAX 16
struct mn_loser {
    struct mnet_address address; /* unspecified: the place is free */
    uint64_t until_ns;
};
struct mn_losers {
    struct mn_loser entries[MN_LOSERS_MAX];
};
/* Remembers until `until_ns` that `address` did not answer. */
void mn_losers_add(struct mn_losers *losers, struct mnet_address address, uint64_t until_ns);
/* `address` has answered. */
void mn_losers_remove(struct mn_losers *losers, struct mnet_address address);
bool mn_losers_contain(const struct mn_losers *losers, struct mnet_address address, uint64_t now);

#endif
