/* Which addresses may be the ends of a packet of ours. */
#include "stack/stack.h"
#include "wire/ipv4_address.h"

bool mn_stack_remote_ok(const struct mnet_stack *stack, struct mnet_address remote)
{
    MN_DEBUG_ASSERT(remote.zone == 0);
    if (mn_address_is_any(&remote) || mn_address_is_multicast(&remote) || mn_ip_is_broadcast(&stack->ip, remote))
        return false;
    if (!mn_address_is_ipv4(&remote))
        return true; /* a route decides */
    uint32_t value = mn_address_to_ipv4(&remote);
    return mn_ipv4_is_host(value) || mn_ipv4_is_loopback(value);
}

bool mn_stack_local_ok(const struct mnet_stack *stack, struct mnet_address local)
{
    MN_DEBUG_ASSERT(local.zone == 0);
    return mn_address_is_any(&local) || mn_ip_is_own(&stack->ip, local);
}
