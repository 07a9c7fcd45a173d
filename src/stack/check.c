/* The invariants of a stack between two polls, which debug builds and fuzzers check. */
#include "stack/check.h"

#include "base/check.h"
#include "base/memory.h"
#include "stack/stack.h"
#include "tcp/check.h"

static bool has_waiters(const struct mnet_link *list)
{
    return !mn_list_empty(list);
}

/* A flow and its connection know each other. Bytes of mnet_tcp_write_now are put aside only while
 * the flow has such a record. */
static void check_flows(const struct mnet_stack *stack)
{
    size_t flows = 0, deferred = 0;
    for (struct mn_tcp_owner *owner = NULL; (owner = mn_tcp_next_owner(stack->tcp, owner)) != NULL;) {
        const struct mnet_flow *flow = mn_flow_of(owner);
        MN_ASSERT((owner->tcb == NULL) != (owner->idle == NULL) && flow->stack == stack);
        MN_ASSERT(!stack->ended || (!has_waiters(&flow->waiters) && !has_waiters(&flow->writers)));
        flows++;
        if (flow->deferred != NULL) {
            MN_ASSERT(flow->deferred->flow == flow && flow->deferred->packets.count > 0);
            deferred++;
        }
    }
    MN_ASSERT(flows == stack->flow_pool.in_use && deferred == stack->deferred_pool.in_use);
}

static void check_listeners(const struct mnet_stack *stack)
{
    const struct mnet_link *head = &stack->listeners;
    for (struct mnet_link *node = mn_list_first(head); node != NULL && node != head; node = node->next) {
        const struct mnet_listener *listener = MN_CONTAINER(node, struct mnet_listener, link);
        MN_ASSERT(listener->stack == stack && stack->ended == (listener->engine == NULL));
        MN_ASSERT(stack->ended || mn_tcp_listener_owner(listener->engine) == listener);
        MN_ASSERT(!stack->ended || !has_waiters(&listener->acceptors));
    }
}

/* Those that wait for the device are woken once it takes frames again. */
static void check_endpoints(const struct mnet_stack *stack)
{
    const struct mnet_link *head = &stack->endpoints;
    for (struct mnet_link *node = mn_list_first(head); node != NULL && node != head; node = node->next) {
        const struct mnet_udp *udp = MN_CONTAINER(node, struct mnet_udp, link);
        MN_ASSERT(udp->stack == stack && udp->engine.udp == &stack->udp);
        MN_ASSERT(!stack->ended || (!has_waiters(&udp->receivers) && !has_waiters(&udp->senders)));
        MN_ASSERT(!has_waiters(&udp->senders) || mn_list_linked(&udp->congested) || !mn_stack_congested(stack));
    }
}

/* A frame that the device has not taken is followed up by itself. */
static void check_output(const struct mnet_stack *stack)
{
    MN_ASSERT(stack->pending_count <= MN_BATCH);
    for (unsigned i = 0; i < stack->pending_count; i++)
        MN_ASSERT(stack->pending[i] != NULL && stack->pending[i]->total > 0);
    MN_ASSERT(stack->cutting == NULL || !mn_segmenter_done(&stack->segmenter));
    MN_ASSERT(stack->due == 0 || !mn_stack_congested(stack) || stack->due <= stack->now + MN_TX_RETRY_NS);
}

void mn_stack_check(struct mnet_stack *stack)
{
    mn_ip_check(&stack->ip);
    mn_memory_check(stack->memory);
    check_output(stack);
    if (!mn_check_is_due(&stack->steps, stack->memory->slab_count))
        return;
    mn_udp_check(&stack->udp);
    mn_tcp_check(stack->tcp);
    check_flows(stack);
    check_listeners(stack);
    check_endpoints(stack);
}
