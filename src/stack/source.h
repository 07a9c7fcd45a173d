/* Waiting for the own address that packets to a destination leave from. */
#ifndef MN_SOURCE_H
#define MN_SOURCE_H

#include <mnet/stack.h>

#include "base/list.h"
#include "wire/ipv6.h"

/* Waits until one of the destinations, which have no zones, has a way with an own address that
 * fits, as long as such an address may still come. Returns 0 in each case, also at the deadline;
 * what there is then decides. Returns MNET_E_CANCELLED or MNET_E_CLOSED. Suspends, though not for a
 * destination of IPv4. */
int mn_stack_await_source(struct mnet_stack *stack, const struct mnet_address *destinations, unsigned count,
                          uint64_t deadline);
/* The same for one destination of an endpoint, in `list`, which a change of the stack wakes and
 * closing the endpoint empties. */
int mn_stack_await_source_in(struct mnet_stack *stack, struct mnet_link *list, struct mnet_address destination,
                             uint64_t deadline);
/* Returns true if packets to the destination leave from a source of its scope, and not from a
 * link-local one for want of another. Neither has a zone. */
static inline bool mn_stack_source_fits(const struct mnet_address *source, const struct mnet_address *destination)
{
    return !mn_ipv6_is_link_local(source) || mn_address_can_have_zone(destination);
}
/* Returns true if the destination, which has no zone, has no source now, but a tentative one that
 * fits. */
bool mn_stack_expects_source(struct mnet_stack *stack, struct mnet_address destination);

#endif
