/* Better first hops that routers have told of (RFC 4861 8.3).
 *
 * Theory of operation. An entry says that packets for one destination go to `target`: a better
 * router, or the destination itself, which is on the link then. It counts for all packets to the
 * destination (ND-8.3-7), until another redirect replaces it, the target does not answer, or a
 * router goes. The table is a ring: the oldest entry goes for a new one, and its destination takes
 * the way that it had before, so a flood of redirects costs no more than these.
 */
#ifndef MN_IP_V6_REDIRECTS_H
#define MN_IP_V6_REDIRECTS_H

#include <mnet/address.h>

#include "base/base.h"

#define MN_REDIRECTS_MAX 32

struct mn_redirect {
    struct mnet_address destination; /* unspecified: the place is free */
    struct mnet_address target;
};

/* A zeroed table is empty. */
struct mn_redirects {
    struct mn_redirect entries[MN_REDIRECTS_MAX];
    unsigned count; /* of entries in use */
    unsigned next;  /* the place for a new one */
};

void mn_redirects_put(struct mn_redirects *redirects, struct mnet_address destination, struct mnet_address target);
/* False: there is no redirect for `destination`. */
bool mn_redirects_find(const struct mn_redirects *redirects, const struct mnet_address *destination,
                       struct mnet_address *target);
/* Returns true if packets go to `target` because of a redirect. */
bool mn_redirects_lead_to(const struct mn_redirects *redirects, struct mnet_address target);
/* The same for packets to other destinations than `target`, which is a router then. */
bool mn_redirects_lead_through(const struct mn_redirects *redirects, struct mnet_address target);
/* Forgets the redirects to `target`. */
void mn_redirects_remove(struct mn_redirects *redirects, struct mnet_address target);
void mn_redirects_clear(struct mn_redirects *redirects);

#endif
