/* The DNS servers and the search list that a stack has learnt: from its configuration, from DHCP
 * and DHCPv6, and from Router Advertisements (RFC 8106). mnet_stack_changes tells of changes.
 */
#ifndef MNET_RESOLVERS_H
#define MNET_RESOLVERS_H

#include <stdint.h>

#include <mnet/address.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_stack;

#define MNET_RESOLVERS_MAX 16  /* DNS servers, at most */
#define MNET_SEARCH_MAX 10     /* domains of the search list, at most */
#define MNET_SEARCH_DOMAIN 256 /* bytes of a domain's text, the terminating zero included */

/* The sources of servers and domains, in the order of their use. */
enum mnet_resolver_origin {
    MNET_RESOLVER_CONFIG,
    MNET_RESOLVER_DHCPV6,
    MNET_RESOLVER_DHCP,
    MNET_RESOLVER_ROUTER, /* a Router Advertisement */
};

/* A DNS server. */
struct mnet_resolver {
    struct mnet_address address; /* with the zone of the link if it is link-local */
    enum mnet_resolver_origin origin;
    uint64_t until_ns; /* end on the stack's clock unless renewed; MNET_NEVER: none is known */
};

/* A domain of the search list. */
struct mnet_search_domain {
    char name[MNET_SEARCH_DOMAIN]; /* such as "lab.example": letters, digits, '-', '_' and '.' */
    enum mnet_resolver_origin origin;
    uint64_t until_ns;
};

/* All in the order of their use: by origin as in the enumeration (RFC 8106 5.3.1), each once. */
struct mnet_resolvers {
    unsigned server_count, domain_count;
    struct mnet_resolver servers[MNET_RESOLVERS_MAX];
    struct mnet_search_domain domains[MNET_SEARCH_MAX];
};

/* Fills *resolvers with all that is known now. Never suspends. */
void mnet_stack_resolvers(const struct mnet_stack *stack, struct mnet_resolvers *resolvers);

#pragma GCC visibility pop

#endif
