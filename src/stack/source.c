/* Waiting for the own address that packets to a destination leave from.
 *
 * Theory of operation. At its start a stack has no address of IPv6: the link-local one is its own
 * after a second or two (RFC 4862 5.4), then a router answers, and then the addresses of its
 * prefixes are asked for. A stack with an IPv4 address is up meanwhile, and a program may connect
 * to a host of IPv6. That it cannot be reached would be true only for the moment. So the call waits
 * until a way to the host has a source of its scope, while an address is asked for, and for
 * MN_ROUTERS_TIMEOUT while a router may still answer.
 */
#include "stack/source.h"

#include <mnet/task.h>

#include "stack/stack.h"
#include "stack/zone.h"

static bool has_source(struct mnet_stack *stack, struct mnet_address destination)
{
    MN_DEBUG_ASSERT(destination.zone == 0);
    struct mn_ip_path path;
    if (mn_ip_path(&stack->ip, destination, &path) < 0)
        return false;
    return mn_stack_source_fits(&path.source, &destination);
}

/* The time until which a source for the destination may come; 0: no more, or there is no need. */
static uint64_t wait_until(const struct mnet_stack *stack, struct mnet_address destination)
{
    if (mn_address_is_ipv4(&destination))
        return 0;
    if (mn_ip_probes_ipv6(&stack->ip))
        return stack->link_down ? mn_time_after(stack->link_ns, MN_ROUTERS_TIMEOUT) : MNET_NEVER;
    bool from_routers = stack->ip.v6.on && stack->ip.v6.autoconfigures;
    if (!from_routers || mn_ip_has_ipv6(&stack->ip) || mn_address_can_have_zone(&destination))
        return 0;
    return mn_time_after(stack->link_ns, MN_ROUTERS_TIMEOUT);
}

static bool has_source_of_any(struct mnet_stack *stack, const struct mnet_address *destinations, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (has_source(stack, destinations[i]))
            return true;
    return false;
}

static int await_source(struct mnet_stack *stack, struct mnet_link *list, const struct mnet_address *destinations,
                        unsigned count, uint64_t deadline)
{
    MN_DEBUG_ASSERT(count > 0);
    while (!stack->ended && mnet_self() != NULL) {
        uint64_t until = 0;
        for (unsigned i = 0; i < count; i++)
            until = MN_MAX(until, wait_until(stack, destinations[i]));
        until = MN_MIN(until, deadline);
        if (until <= mnet_now() || has_source_of_any(stack, destinations, count))
            return MNET_OK;
        int error = mn_block_once(list, until);
        if (error < 0 && error != MNET_E_DEADLINE)
            return error;
    }
    return MNET_OK;
}

int mn_stack_await_source(struct mnet_stack *stack, const struct mnet_address *destinations, unsigned count,
                          uint64_t deadline)
{
    return await_source(stack, &stack->probers, destinations, count, deadline);
}

int mn_stack_await_source_in(struct mnet_stack *stack, struct mnet_link *list, struct mnet_address destination,
                             uint64_t deadline)
{
    return await_source(stack, list, &destination, 1, deadline);
}

bool mn_stack_expects_source(struct mnet_stack *stack, struct mnet_address destination)
{
    return mn_ip_probes_source(&stack->ip, &destination) && !has_source(stack, destination);
}

int mnet_stack_await_way(struct mnet_stack *stack, struct mnet_address host, uint64_t deadline)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    struct mn_ip_path path;
    if (stack->ended)
        return MNET_E_CLOSED;
    int error = mn_zone_remove(stack, &host);
    if (error < 0)
        return error;
    if (!mn_address_is_multicast(&host) && !mn_stack_remote_ok(stack, host))
        return MNET_E_INVALID;
    error = mn_stack_await_source(stack, &host, 1, deadline);
    if (error < 0)
        return error;
    error = mn_ip_path(&stack->ip, host, &path);
    return error < 0 && wait_until(stack, host) > mnet_now() ? MNET_E_DEADLINE : error;
}
