/* The calls of mnet/tcp_settings.h. */
#include <mnet/tcp_settings.h>

#include "stack/stack.h"

static bool size_ok(size_t bytes)
{
    return bytes == 0 || (bytes >= MNET_TCP_BUFFER_MIN && bytes <= MNET_TCP_BUFFER_MAX);
}

int mnet_tcp_set_send_buffer(struct mnet_flow *flow, size_t bytes)
{
    MN_REQUIRE_FLOW(flow);
    if (!size_ok(bytes))
        return MNET_E_INVALID;
    mn_stack_enter(flow->stack);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    int error = tcb != NULL ? mn_tcp_set_send_buffer(flow->stack->tcp, tcb, (uint32_t)bytes) : mn_flow_unset(flow);
    mn_stack_leave(flow->stack);
    return error;
}

int mnet_tcp_set_receive_buffer(struct mnet_flow *flow, size_t bytes)
{
    MN_REQUIRE_FLOW(flow);
    if (!size_ok(bytes))
        return MNET_E_INVALID;
    mn_stack_enter(flow->stack);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    int error = tcb != NULL ? mn_tcp_set_receive_buffer(flow->stack->tcp, tcb, (uint32_t)bytes, flow->stack->now)
                            : mn_flow_unset(flow);
    mn_stack_leave(flow->stack);
    return error;
}

size_t mnet_tcp_send_buffer(const struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return mn_tcp_get_buffers(flow->stack->tcp, &flow->end).send;
}

size_t mnet_tcp_receive_buffer(const struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return mn_tcp_get_buffers(flow->stack->tcp, &flow->end).receive;
}

int mnet_tcp_set_unsent_low_water(struct mnet_flow *flow, size_t bytes)
{
    MN_REQUIRE_FLOW(flow);
    if (bytes > MNET_TCP_BUFFER_MAX)
        return MNET_E_INVALID;
    mn_stack_enter(flow->stack);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    int error = tcb != NULL ? mn_tcp_set_unsent_low_water(flow->stack->tcp, tcb, (uint32_t)bytes) : mn_flow_unset(flow);
    mn_stack_leave(flow->stack);
    return error;
}

void mnet_tcp_set_no_delayed_ack(struct mnet_flow *flow, bool no_delayed_ack)
{
    MN_REQUIRE_FLOW(flow);
    mn_stack_enter(flow->stack);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb != NULL)
        mn_tcp_set_no_delayed_ack(flow->stack->tcp, tcb, no_delayed_ack);
    mn_stack_leave(flow->stack);
}

void mnet_tcp_set_cork(struct mnet_flow *flow, bool corked)
{
    MN_REQUIRE_FLOW(flow);
    mn_stack_enter(flow->stack);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb != NULL)
        mn_tcp_set_cork(flow->stack->tcp, tcb, corked);
    mn_stack_leave(flow->stack);
}

void mnet_tcp_set_no_pacing(struct mnet_flow *flow, bool no_pacing)
{
    MN_REQUIRE_FLOW(flow);
    mn_stack_enter(flow->stack);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb != NULL)
        mn_tcp_set_no_pacing(flow->stack->tcp, tcb, no_pacing);
    mn_stack_leave(flow->stack);
}

int mnet_tcp_set_congestion(struct mnet_flow *flow, enum mnet_congestion congestion)
{
    MN_REQUIRE_FLOW(flow);
    if (!mn_config_congestion_ok(congestion))
        return MNET_E_INVALID;
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb == NULL)
        return mn_flow_unset(flow);
    mn_tcp_set_congestion(flow->stack->tcp, tcb, congestion);
    return MNET_OK;
}

int mnet_tcp_set_ecn(struct mnet_flow *flow, bool on)
{
    MN_REQUIRE_FLOW(flow);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    return tcb != NULL ? mn_tcp_set_ecn(tcb, on) : mn_flow_unset(flow);
}
