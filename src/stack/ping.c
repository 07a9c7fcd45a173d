/* The blocking call for echo requests. */
#include <mnet/ping.h>

#include "ip/ping.h"
#include "stack/block.h"
#include "stack/source.h"
#include "stack/stack.h"
#include "stack/zone.h"

/* Waits for the reply. */
static int await_reply(struct mnet_stack *stack, const struct mn_ping *ping, uint64_t deadline)
{
    while (ping->answered_ns == MNET_NEVER) {
        int error = mn_block_once(&stack->pingers, deadline);
        if (error < 0 && ping->answered_ns == MNET_NEVER)
            return error;
    }
    return MNET_OK;
}

int mnet_ping(struct mnet_stack *stack, struct mnet_address host, size_t len, uint64_t deadline,
              uint64_t *round_trip_ns)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    struct mn_ping ping;
    if (stack->ended)
        return MNET_E_CLOSED;
    if (len > MN_PING_MAX)
        return MNET_E_TOO_BIG;
    int error = mn_zone_remove(stack, &host);
    if (error == MNET_OK && !mn_stack_remote_ok(stack, host))
        error = MNET_E_INVALID;
    if (error == MNET_OK)
        error = mn_stack_await_source(stack, &host, 1, deadline);
    if (error < 0)
        return error;
    mn_stack_enter(stack);
    uint64_t sent_ns = stack->now;
    error = mn_ping_begin(&stack->ip, &ping, host, len, sent_ns);
    mn_stack_leave(stack);
    if (error == MNET_OK)
        error = await_reply(stack, &ping, deadline);
    if (error == MNET_E_CLOSED) /* then the stack may be gone, and its records with it */
        return error;
    mn_ping_end(&ping);
    if (error == MNET_OK && round_trip_ns != NULL)
        *round_trip_ns = ping.answered_ns - sent_ns;
    return error;
}
