/* DNS in a stack: the resolver of src/dns, its ports and its streams.
 *
 * Only a program that looks names up has this code: the first call makes it a service of the stack
 * (struct mn_service), which polls then run. */
#ifndef MN_STACK_DNS_H
#define MN_STACK_DNS_H

#include <mnet/dns.h>

#include "dns/resolver.h"
#include "dns/search.h"
#include "stack/block.h"
#include "stack/stack.h"

/* Lookups that one task waits for together: both families of a host. It lies on the task's stack.
 * */
struct mn_name_wait {
    struct mnet_link link;    /* of the resolver */
    struct mnet_stack *stack; /* NULL: ended, by mn_names_end or with the stack */
    struct mnet_link waiters;
    struct mn_name_lookup {
        struct mn_dns_lookup lookup;
        struct mn_name_wait *wait;
    } lookups[2];
};

/* Begins to look one or two types up; type 0: none. Creates the resolver if there is none. Returns
 * 0 or MNET_E_NO_MEMORY. The caller ends it by mn_names_end. */
int mn_names_begin(struct mn_name_wait *wait, struct mnet_stack *stack, const struct mn_dns_name *name,
                   const uint16_t types[2]);
/* The same for the addresses of a host: AAAA first (RFC 8305 3), unless the stack has no IPv6. */
int mn_names_begin_host(struct mn_name_wait *wait, struct mnet_stack *stack, const struct mn_dns_name *name);
/* Returns true once a lookup has ended. */
bool mn_names_known(const struct mn_name_wait *wait, unsigned which);
/* Suspends until one more lookup ends. Errors as mn_block. */
int mn_names_await(struct mn_name_wait *wait, uint64_t deadline);
void mn_names_end(struct mn_name_wait *wait);
/* The result of a lookup that has ended: MNET_OK or an error. */
int mn_names_status(const struct mn_name_wait *wait, unsigned which);
/* The error of a host without addresses, once both lookups have ended. */
int mn_names_combine(const struct mn_name_wait *wait);
/* Appends the addresses of a lookup that has ended, up to `max` in all. Returns their number in
 * all. */
unsigned mn_names_append_addresses(const struct mn_name_wait *wait, unsigned which, struct mnet_address *addresses,
                                   unsigned count, unsigned max);

/* A name that needs no server: an address, localhost, a host of the configuration, or an invalid
 * one. Returns the number of its addresses (two at most), MNET_E_NO_NAME, MNET_E_INVALID if it is
 * none, or 0: DNS must be asked. */
int mn_names_parse(struct mnet_stack *stack, const char *text, struct mnet_address *addresses, struct mn_dns_name *name,
                   bool *complete);
/* The domains of the search list. */
void mn_names_get_search(struct mnet_stack *stack, struct mn_dns_search *search);

#endif
