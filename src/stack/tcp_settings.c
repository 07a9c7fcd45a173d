/* Status and settings of mnet/tcp.h, and mnet/tcp_info.h. */
#include <mnet/tcp.h>
#include <mnet/tcp_info.h>

#include "base/format.h"
#include "stack/stack.h"
#include "stack/zone.h"

static struct mnet_tcp_info info_of(const struct mnet_flow *flow)
{
    struct mnet_tcp_info info;
    mn_tcp_info_of_owner(flow->stack->tcp, &flow->end, &info);
    return info;
}

void mnet_tcp_peers(const struct mnet_flow *flow, struct mnet_endpoint *local, struct mnet_endpoint *remote)
{
    MN_REQUIRE_FLOW(flow);
    struct mnet_endpoint ends[2];
    if (MN_LIKELY(flow->end.tcb != NULL)) {
        mn_tcp_peers(flow->end.tcb, &ends[0], &ends[1]);
    } else {
        struct mnet_tcp_info info = info_of(flow);
        ends[0] = info.local;
        ends[1] = info.remote;
    }
    mn_zone_add(flow->stack, &ends[0].address);
    mn_zone_add(flow->stack, &ends[1].address);
    if (local != NULL)
        *local = ends[0];
    if (remote != NULL)
        *remote = ends[1];
}

char *mnet_tcp_describe(const struct mnet_flow *flow, char *text, size_t size)
{
    MN_REQUIRE_FLOW(flow);
    struct mnet_endpoint local, remote;
    char local_text[MNET_ENDPOINT_TEXT], remote_text[MNET_ENDPOINT_TEXT];
    mnet_tcp_peers(flow, &local, &remote);
    mn_format(text, size, "tcp %s > %s", mn_zone_format(flow->stack, local, local_text, sizeof local_text),
              mn_zone_format(flow->stack, remote, remote_text, sizeof remote_text));
    return text;
}

enum mnet_unreachable mnet_tcp_unreachable(const struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return flow->end.tcb != NULL ? mn_tcp_unreachable(flow->end.tcb) : info_of(flow).unreachable;
}

const char *mnet_tcp_congestion(const struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return flow->end.tcb != NULL ? mn_tcp_congestion(flow->end.tcb) : info_of(flow).congestion;
}

void mnet_tcp_set_no_delay(struct mnet_flow *flow, bool no_delay)
{
    MN_REQUIRE_FLOW(flow);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb != NULL)
        mn_tcp_set_no_delay(flow->stack->tcp, tcb, no_delay);
    mn_stack_leave(flow->stack); /* held-back bytes may go */
}

int mnet_tcp_set_ttl(struct mnet_flow *flow, uint8_t ttl)
{
    MN_REQUIRE_FLOW(flow);
    if (ttl == 0)
        return MNET_E_INVALID;
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb == NULL)
        return mn_flow_unset(flow);
    mn_tcp_set_ttl(tcb, ttl); /* MUST-49 */
    return MNET_OK;
}

int mnet_tcp_set_dscp(struct mnet_flow *flow, uint8_t dscp)
{
    MN_REQUIRE_FLOW(flow);
    if (dscp > 63)
        return MNET_E_INVALID;
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb == NULL)
        return mn_flow_unset(flow);
    mn_tcp_set_dscp(tcb, dscp); /* MUST-48 */
    return MNET_OK;
}

int mnet_tcp_error(const struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return flow->end.tcb != NULL ? mn_tcp_error(flow->end.tcb) : mn_tcp_idle_error(&flow->end);
}

static MN_RARE unsigned ready_at_rest(const struct mnet_flow *flow)
{
    bool ended = mn_tcp_idle_error(&flow->end) != 0;
    return ended ? MNET_READABLE | MNET_WRITABLE | MNET_ENDED | MNET_HUNG_UP | MNET_FAILED : MNET_WRITABLE;
}

unsigned mnet_tcp_ready(const struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    unsigned ready = MN_LIKELY(flow->end.tcb != NULL) ? mn_tcp_refresh_ready(flow->stack->tcp, flow->end.tcb)
                                                      : ready_at_rest(flow);
    /* A write would wait behind others and their bytes. The flow is told when they are done. */
    bool line = !mn_list_empty(&flow->writers) || flow->deferred != NULL;
    return line ? ready & ~(unsigned)MNET_WRITABLE : ready;
}

void mnet_tcp_notify(struct mnet_flow *flow, void (*notify)(void *context, unsigned ready), void *context)
{
    MN_REQUIRE_FLOW(flow);
    MN_REQUIRE(notify == NULL || !mn_notify_is_watched(&flow->notify), "the flow is a member of a set");
    flow->notify = (struct mn_notify){notify, context};
}

int mnet_tcp_wait(struct mnet_flow *flow, unsigned wanted, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    const unsigned all = MNET_READABLE | MNET_WRITABLE | MNET_URGENT | MNET_NOTICED | MNET_ENDED | MNET_HUNG_UP |
                         MNET_FAILED;
    if (wanted == 0 || (wanted & ~all) != 0)
        return MNET_E_INVALID;
    for (;;) {
        unsigned ready = mnet_tcp_ready(flow) & wanted;
        if (ready != 0)
            return (int)ready;
        int error = mn_block_once(&flow->waiters, deadline);
        if (error < 0)
            return error;
    }
}

struct mnet_tcp_queued mnet_tcp_queued(const struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return flow->end.tcb != NULL ? mn_tcp_queued(flow->end.tcb) : (struct mnet_tcp_queued){0};
}

void mnet_tcp_set_keepalive(struct mnet_flow *flow, const struct mnet_keepalive *keepalive)
{
    MN_REQUIRE_FLOW(flow);
    mn_stack_enter(flow->stack);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb != NULL)
        mn_tcp_set_keepalive(flow->stack->tcp, tcb, keepalive);
    mn_stack_leave(flow->stack);
}

void mnet_tcp_set_user_timeout(struct mnet_flow *flow, uint64_t timeout_ns)
{
    MN_REQUIRE_FLOW(flow);
    mn_stack_enter(flow->stack);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb != NULL)
        mn_tcp_set_user_timeout(flow->stack->tcp, tcb, timeout_ns, flow->stack->now);
    mn_stack_leave(flow->stack);
}

unsigned mnet_tcp_notices(struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return flow->end.tcb != NULL ? mn_tcp_notices(flow->end.tcb) : 0;
}

void mnet_tcp_set_notices(struct mnet_flow *flow, bool on)
{
    MN_REQUIRE_FLOW(flow);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb != NULL)
        mn_tcp_set_notices(tcb, on);
}

size_t mnet_tcp_urgent(const struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return flow->end.tcb != NULL ? mn_tcp_urgent(flow->end.tcb) : 0;
}

/* ---- Seeing inside ---- */

void mnet_tcp_info(const struct mnet_flow *flow, struct mnet_tcp_info *info)
{
    MN_REQUIRE_FLOW(flow);
    mn_tcp_info_of_owner(flow->stack->tcp, &flow->end, info);
    mn_zone_add_to_info(flow->stack, info);
}

/* A visitor of the program's, to whom the stack's zone is told. */
struct visitor {
    const struct mnet_stack *stack;
    bool (*visit)(void *context, const struct mnet_tcp_info *info);
    void *context;
};

static bool visit_with_zone(void *context, const struct mnet_tcp_info *info)
{
    const struct visitor *visitor = context;
    struct mnet_tcp_info told = *info;
    mn_zone_add_to_info(visitor->stack, &told);
    return visitor->visit(visitor->context, &told);
}

void mnet_tcp_each(const struct mnet_stack *stack, bool (*visit)(void *context, const struct mnet_tcp_info *info),
                   void *context)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    struct visitor visitor = {stack, visit, context};
    mn_tcp_each(stack->tcp, visit_with_zone, &visitor);
}

void mn_stack_trace(void *context, const struct mn_tcb *tcb, enum mnet_tcp_event event)
{
    struct mnet_stack *stack = context;
    struct mnet_tcp_info info;
    mn_tcp_info(stack->tcp, tcb, &info);
    mn_zone_add_to_info(stack, &info);
    stack->config.tcp.trace.event(stack->config.tcp.trace.context, stack->now, event, &info);
}

void mn_stack_trace_segment(void *context, const struct mnet_tcp_segment *segment, const struct mnet_tcp_info *info)
{
    struct mnet_stack *stack = context;
    struct mnet_tcp_info told = *info;
    mn_zone_add_to_info(stack, &told);
    stack->config.tcp.trace.segment(stack->config.tcp.trace.context, stack->now, segment, &told);
}
