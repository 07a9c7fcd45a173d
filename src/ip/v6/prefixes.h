/* The prefix list (RFC 4861 5.1, RFC 5942): the destinations that are on the link.
 *
 * Theory of operation. Only a Prefix Information option with the L flag makes a prefix on-link, for
 * its valid lifetime. Neither an own address (ONLINK-4-1) nor a message of a neighbour (ONLINK-3-1)
 * does. The link-local prefix is always on-link (ND-5.1-2). All other destinations are off-link
 * (ONLINK-4-3). If the list is full, the prefix that ends first is removed, if it ends before the
 * new one.
 */
#ifndef MN_IP_V6_PREFIXES_H
#define MN_IP_V6_PREFIXES_H

#include <mnet/address.h>

#include "base/base.h"
#include "wire/nd.h"

#define MN_PREFIXES_MAX 16

struct mn_on_link_prefix {
    struct mnet_prefix prefix;
    uint64_t until_ns;
    bool deprecated; /* its last preferred lifetime was 0: addresses in it are to be renewed */
};

/* A zeroed list is empty. */
struct mn_prefixes {
    struct mn_on_link_prefix entries[MN_PREFIXES_MAX];
    unsigned count;
    uint32_t generation; /* another one than before: prefixes came, went, or became deprecated */
};

/* Adds, renews or removes a prefix. */
void mn_prefixes_input(struct mn_prefixes *prefixes, const struct mn_nd_prefix *information, uint64_t now);
/* Returns true if a unicast destination is on the link. */
bool mn_prefixes_on_link(const struct mn_prefixes *prefixes, struct mnet_address destination, uint64_t now);
/* Forgets all: the link may lead to another network. */
void mn_prefixes_clear(struct mn_prefixes *prefixes);

/* Removes prefixes whose time has ended (ND-6.3.5-1), and says when the next ends. */
void mn_prefixes_expire(struct mn_prefixes *prefixes, uint64_t now);
uint64_t mn_prefixes_deadline(const struct mn_prefixes *prefixes);

#endif
