/* DNS servers and search names from Router Advertisements (RFC 8106).
 *
 * Theory of operation. Each server and each name has a lifetime of its own. That of the router has
 * no effect on it (RDNSS-6.1-1). A repeated one is renewed at its place. New ones are put to the
 * front, in the order of their option (RDNSS-6.2-1). If a list is full, the entry that ends first
 * is removed (RDNSS-6.2-2). Servers of DHCP come before these (RDNSS-5.3.1-4): the stack sees to
 * that.
 */
#ifndef MN_IP_V6_RESOLVERS_H
#define MN_IP_V6_RESOLVERS_H

#include <mnet/address.h>

#include "base/base.h"

#define MN_RESOLVERS_MAX 8    /* at least three: RDNSS-5.3.1-3 */
#define MN_SEARCH_NAMES_MAX 6 /* at least three: RDNSS-5.3.1-3 */
#define MN_SEARCH_NAME_BYTES 255

struct mn_resolver {
    struct mnet_address address; /* a link-local one is on the link of this host (RDNSS-5.1-4) */
    uint64_t until_ns;
};

/* A domain name as its option has it (RFC 1035 3.1: labels with their lengths). Its bytes are not
 * looked into: upper and lower case are equal. */
struct mn_search_name {
    uint8_t bytes[MN_SEARCH_NAME_BYTES];
    uint8_t len;
    uint64_t until_ns;
};

/* In the order of their use. Zeroed lists are empty. */
struct mn_resolvers {
    struct mn_resolver servers[MN_RESOLVERS_MAX];
    struct mn_search_name names[MN_SEARCH_NAMES_MAX];
    unsigned server_count, name_count;
    uint32_t generation; /* another one than before: a list has changed */
};

/* A Recursive DNS Server option (RFC 8106 5.1), whose addresses stay the caller's. */
struct mn_resolver_option {
    const struct mnet_address *addresses;
    unsigned count;
    uint32_t lifetime_s;
};
void mn_resolvers_input(struct mn_resolvers *resolvers, const struct mn_resolver_option *option, uint64_t now);

/* A name of a DNS Search List option (RFC 8106 5.2). */
struct mn_search_option {
    const uint8_t *name;
    size_t len; /* longer than MN_SEARCH_NAME_BYTES, or 0: ignored */
    uint32_t lifetime_s;
};
/* Takes the names of one option, in its order. */
void mn_resolvers_input_names(struct mn_resolvers *resolvers, const struct mn_search_option *names, unsigned count,
                              uint64_t now);

/* Forgets all: the link may lead to another network. */
void mn_resolvers_clear(struct mn_resolvers *resolvers);
/* Removes entries whose time has ended, and says when the next ends; MNET_NEVER: none does. */
void mn_resolvers_expire(struct mn_resolvers *resolvers, uint64_t now);
uint64_t mn_resolvers_deadline(const struct mn_resolvers *resolvers);

#endif
