/* The blocking calls of mnet/tcp.h: open, accept, read and close. Writing is in tcp_write.c, status
 * and settings are in tcp_settings.c. */
#include <mnet/tcp.h>

#include "base/family.h"
#include "base/format.h"
#include "stack/source.h"
#include "stack/stack.h"
#include "stack/zone.h"
#include "wire/tcp.h"

/* ---- Flows ---- */

/* A new flow may displace at most this number of other connections. */
#define YIELDS 8u

static struct mnet_flow *create_flow(struct mnet_stack *stack)
{
    struct mnet_flow *flow = mn_pool_alloc_zeroed(&stack->flow_pool, MN_CLAIM_SEND);
    for (unsigned i = 0; flow == NULL && i < YIELDS && mn_tcp_yield(stack->tcp, stack->now); i++)
        flow = mn_pool_alloc_zeroed(&stack->flow_pool, MN_CLAIM_SEND);
    if (flow != NULL)
        flow->stack = stack;
    return flow;
}

static void attach(struct mnet_flow *flow, struct mn_tcb *tcb)
{
    MN_DEBUG_ASSERT(flow->end.tcb == NULL && mn_tcp_owner(tcb) == NULL);
    mn_tcp_own(flow->stack->tcp, tcb, &flow->end, flow->stack->now);
}

struct mn_tcb *mn_flow_leave(struct mnet_flow *flow)
{
    struct mn_tcb *tcb = flow->end.tcb;
    if (tcb != NULL)
        mn_tcp_disown(tcb);
    else
        mn_tcp_abort_idle(flow->stack->tcp, &flow->end, flow->stack->now);
    return tcb;
}

void mn_flow_wake_gone(struct mnet_flow *flow)
{
    mn_block_wake_gone(&flow->waiters);
    mn_block_wake_gone(&flow->writers);
}

void mn_flow_free(struct mnet_flow *flow)
{
    /* MN_REQUIRE_FLOW notices a closed handle until the memory is used again. */
    MN_DEBUG_ASSERT(flow->end.tcb == NULL && flow->end.idle == NULL);
    mn_flow_wake_gone(flow);
    mn_notify_end(&flow->notify);
    mn_flow_free_deferred(flow);
    mn_pool_free(&flow->stack->flow_pool, flow);
}

void mn_flow_take_event(struct mn_tcp_owner *owner)
{
    struct mnet_flow *flow = mn_flow_of(owner);
    unsigned ready;
    mn_block_wake_all(&flow->waiters);
    if (MN_UNLIKELY(!mn_list_empty(&flow->writers)) && (owner->tcb == NULL || mn_tcp_ready(owner->tcb) & MNET_WRITABLE))
        mn_block_wake_first(&flow->writers);
    if (MN_UNLIKELY(flow->notify.call != NULL) && (ready = mnet_tcp_ready(flow)) != 0)
        mn_notify_tell(&flow->notify, ready);
}

/* ---- Opening ---- */

/* Returns true if both ends are of one family. An unspecified local end fits any family. */
static bool families_match(struct mnet_address local, struct mnet_address remote)
{
    return mn_address_is_any(&local) || mn_address_is_ipv4(&local) == mn_address_is_ipv4(&remote);
}

int mn_stack_check_connect(const struct mnet_stack *stack, const struct mnet_connect_options *options,
                           struct mnet_endpoint *local, struct mnet_endpoint *remote)
{
    int error = mn_zone_remove(stack, &remote->address);
    *local = options->local;
    if (error < 0)
        return error;
    if (remote->port == 0 || !mn_stack_remote_ok(stack, remote->address)) /* MUST-46 */
        return MNET_E_INVALID;
    if (options->dscp > 63 || !mn_config_congestion_ok(options->congestion) ||
        mn_zone_remove(stack, &local->address) < 0 || !mn_stack_local_ok(stack, local->address) ||
        !families_match(local->address, remote->address))
        return MNET_E_INVALID;
    return MNET_OK;
}

int mnet_tcp_connect_begin(struct mnet_stack *stack, struct mnet_endpoint remote,
                           const struct mnet_connect_options *options, struct mnet_flow **result)
{
    static const struct mnet_connect_options defaults;
    if (result == NULL)
        return MNET_E_INVALID;
    *result = NULL;
    if (stack == NULL)
        return MNET_E_INVALID;
    options = options != NULL ? options : &defaults;
    struct mnet_endpoint local;
    struct mn_ip_path path;
    struct mn_tcb *tcb;
    int error = mn_stack_check_connect(stack, options, &local, &remote);
    if (error == MNET_OK)
        error = mn_ip_path(&stack->ip, remote.address, &path);
    if (error < 0)
        return error;
    mn_stack_enter(stack);
    struct mnet_flow *flow = create_flow(stack);
    if (flow == NULL)
        return MNET_E_NO_MEMORY;
    struct mn_tcp_open open = {
        .local = local,
        .remote = remote,
        .loopback = path.loopback,
        .no_delay = options->no_delay || stack->config.tcp.no_delay,
        .ttl = options->ttl,
        .dscp = options->dscp,
        .congestion = options->congestion,
        .without = mn_tcp_option_set(options->no_timestamps, options->no_sack, options->no_window_scale),
    };
    if (mn_address_is_any(&open.local.address))
        open.local.address = path.source; /* MUST-44 */
    error = mn_tcp_open(stack->tcp, &open, stack->now, &tcb);
    if (error < 0) {
        mn_flow_free(flow);
        return error;
    }
    attach(flow, tcb);
    *result = flow;
    mn_stack_leave(stack);
    return MNET_OK;
}

/* The same as mnet_tcp_established. *gone is set if the flow is closed meanwhile. */
static int await_established(struct mnet_flow *flow, uint64_t deadline, bool *gone)
{
    *gone = false;
    for (;;) {
        int status = mn_flow_status(flow);
        if (status != MNET_E_DEADLINE)
            return status;
        int error = mn_block_once(&flow->waiters, deadline);
        *gone = error == MNET_E_CLOSED;
        if (error < 0)
            return error;
    }
}

int mnet_tcp_established(struct mnet_flow *flow, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    bool gone;
    return await_established(flow, deadline, &gone);
}

int mnet_tcp_connect(struct mnet_stack *stack, struct mnet_address address, uint16_t port, struct mnet_flow **result,
                     uint64_t deadline)
{
    static const struct mnet_connect_options defaults;
    struct mnet_endpoint local, remote = {address, port};
    struct mnet_flow *flow;
    bool gone;
    if (result == NULL)
        return MNET_E_INVALID;
    *result = NULL;
    int error = stack == NULL ? MNET_E_INVALID : mn_stack_check_connect(stack, &defaults, &local, &remote);
    if (error == MNET_OK)
        error = mn_stack_await_source(stack, &remote.address, 1, deadline);
    if (error == MNET_OK)
        error = mnet_tcp_connect_begin(stack, (struct mnet_endpoint){address, port}, NULL, &flow);
    if (error < 0)
        return error;
    mn_tcp_set_opening(flow->end.tcb, true);
    error = await_established(flow, deadline, &gone);
    if (error == MNET_E_DEADLINE && mnet_tcp_unreachable(flow) != MNET_UNREACHABLE_NONE)
        error = MNET_E_UNREACHABLE;
    if (!gone)
        mn_tcp_set_opening(flow->end.tcb, false);
    if (error == MNET_OK)
        *result = flow;
    else if (!gone)
        mnet_tcp_abort(flow); /* a late SYN,ACK finds no connection and is answered with a reset */
    return error;
}

/* ---- Listeners ---- */

static bool listen_options_ok(const struct mnet_listen_options *options)
{
    return (options->policy == MNET_BACKLOG_IGNORE || options->policy == MNET_BACKLOG_REFUSE) && options->dscp <= 63 &&
           mn_config_congestion_ok(options->congestion) && (unsigned)options->family <= MNET_FAMILY_IPV6;
}

int mnet_tcp_listen(struct mnet_stack *stack, uint16_t port, const struct mnet_listen_options *options,
                    struct mnet_listener **result)
{
    static const struct mnet_listen_options defaults;
    if (result == NULL)
        return MNET_E_INVALID;
    *result = NULL;
    struct mnet_listen_options own = options != NULL ? *options : defaults;
    if (stack == NULL || !listen_options_ok(&own) || mn_zone_remove(stack, &own.address) < 0 ||
        !mn_stack_local_ok(stack, own.address) || !mn_family_narrow(&own.family, mn_family_of(own.address)))
        return MNET_E_INVALID;
    struct mnet_listener *listener = mn_pool_alloc_zeroed(&stack->listener_pool, MN_CLAIM_SEND);
    if (listener == NULL)
        return MNET_E_NO_MEMORY;
    struct mnet_endpoint local = {MNET_ADDRESS_ANY, port};
    if (!mn_address_is_any(&own.address))
        local.address = own.address; /* MUST-43 */
    int error = mn_tcp_listen(stack->tcp, local, &own, &listener->engine);
    if (error < 0) {
        mn_pool_free(&stack->listener_pool, listener);
        return error;
    }
    listener->stack = stack;
    mn_tcp_set_listener_owner(listener->engine, listener);
    mn_list_append(&stack->listeners, &listener->link);
    *result = listener;
    return MNET_OK;
}

int mnet_tcp_listen_now(struct mnet_listener *listener, unsigned backlog)
{
    MN_REQUIRE_LISTENER(listener);
    if (listener->engine == NULL)
        return MNET_E_CLOSED;
    mn_tcp_listen_now(listener->engine, backlog);
    return MNET_OK;
}

uint16_t mnet_tcp_listen_port(const struct mnet_listener *listener)
{
    MN_REQUIRE_LISTENER(listener);
    return listener->engine == NULL ? 0 : mn_tcp_listen_endpoint(listener->engine).port;
}

MN_APART void mn_listener_take_event(struct mn_listener *engine)
{
    struct mnet_listener *listener = mn_tcp_listener_owner(engine);
    if (listener == NULL || !mn_tcp_acceptable(engine))
        return;
    mn_block_wake_first(&listener->acceptors);
    mn_notify_tell(&listener->notify, MNET_ACCEPTABLE);
}

/* Returns 0, MNET_E_NO_MEMORY, MNET_E_CLOSED, or MNET_E_DEADLINE if no connection waits. */
static int take_connection(struct mnet_listener *listener, struct mnet_flow **result)
{
    struct mnet_stack *stack = listener->stack;
    if (listener->engine == NULL)
        return MNET_E_CLOSED; /* the stack is down */
    if (!mn_tcp_acceptable(listener->engine))
        return MNET_E_DEADLINE;
    struct mnet_flow *flow = create_flow(stack);
    if (flow == NULL)
        return MNET_E_NO_MEMORY; /* the connection keeps its place in the backlog */
    struct mn_tcb *tcb = mn_tcp_accept(listener->engine);
    MN_ASSERT(tcb != NULL);
    attach(flow, tcb);
    *result = flow;
    return MNET_OK;
}

/* Waits in line for a connection. If it returns MNET_E_CLOSED, the listener may be freed. */
static int queue_for_connection(struct mnet_listener *listener, struct mnet_flow **flow, uint64_t deadline)
{
    struct mn_blocked blocked;
    int error;
    mn_block_begin(&blocked, &listener->acceptors);
    do {
        error = mn_block(&blocked, deadline);
        if (error == MNET_E_CLOSED)
            return error;
        if (error == MNET_OK)
            error = mn_block_is_first(&blocked, &listener->acceptors) ? take_connection(listener, flow)
                                                                      : MNET_E_DEADLINE;
        else
            break;
    } while (error == MNET_E_DEADLINE);
    mn_block_end(&blocked);
    if (mn_tcp_acceptable(listener->engine))
        mn_block_wake_first(&listener->acceptors);
    return error;
}

int mnet_tcp_accept(struct mnet_listener *listener, struct mnet_flow **flow, uint64_t deadline)
{
    MN_REQUIRE_LISTENER(listener);
    if (flow == NULL)
        return MNET_E_INVALID;
    *flow = NULL;
    int error = mn_list_empty(&listener->acceptors) ? take_connection(listener, flow) : MNET_E_DEADLINE;
    if (error != MNET_E_DEADLINE || deadline == 0)
        return error;
    return queue_for_connection(listener, flow, deadline);
}

void mn_listener_free(struct mnet_listener *listener)
{
    MN_DEBUG_ASSERT(mn_list_linked(&listener->link));
    mn_block_wake_gone(&listener->acceptors);
    mn_notify_end(&listener->notify);
    mn_list_remove(&listener->link);
    mn_pool_free(&listener->stack->listener_pool, listener);
}

void mnet_tcp_unlisten(struct mnet_listener *listener)
{
    if (listener == NULL)
        return;
    MN_REQUIRE_LISTENER(listener);
    struct mnet_stack *stack = listener->stack;
    mn_stack_enter(stack);
    if (listener->engine != NULL)
        mn_tcp_unlisten(stack->tcp, listener->engine, stack->now);
    mn_listener_free(listener);
    mn_stack_leave(stack);
    mn_stack_release(stack);
}

unsigned mnet_tcp_listener_ready(const struct mnet_listener *listener)
{
    MN_REQUIRE_LISTENER(listener);
    if (listener->engine == NULL)
        return MNET_ACCEPTABLE | MNET_HUNG_UP;
    return mn_tcp_acceptable(listener->engine) ? MNET_ACCEPTABLE : 0;
}

void mnet_tcp_listener_notify(struct mnet_listener *listener, void (*notify)(void *context, unsigned ready),
                              void *context)
{
    MN_REQUIRE_LISTENER(listener);
    MN_REQUIRE(notify == NULL || !mn_notify_is_watched(&listener->notify), "the listener is a member of a set");
    listener->notify = (struct mn_notify){notify, context};
}

/* ---- Reading ---- */

/* A connection at rest has nothing to read. */
static MN_RARE int receive_at_rest(const struct mnet_flow *flow)
{
    int error = mn_tcp_idle_error(&flow->end);
    return error != 0 ? error : MNET_E_DEADLINE;
}

ptrdiff_t mnet_tcp_read(struct mnet_flow *flow, void *buffer, size_t len, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    if (len == 0)
        return 0;
    if (buffer == NULL)
        return MNET_E_INVALID;
    len = MN_MIN(len, (size_t)PTRDIFF_MAX);
    struct mnet_stack *stack = flow->stack;
    for (;;) {
        mn_stack_enter(stack);
        ptrdiff_t got = MN_LIKELY(flow->end.tcb != NULL)
                            ? mn_tcp_receive(stack->tcp, flow->end.tcb, buffer, len, stack->now)
                            : receive_at_rest(flow);
        if (got != MNET_E_DEADLINE) {
            mn_stack_leave(stack); /* the window may have opened */
            return got;
        }
        int error = mn_block_once(&flow->waiters, deadline);
        if (error < 0)
            return error;
    }
}

ptrdiff_t mnet_tcp_peek(struct mnet_flow *flow, void *buffer, size_t len, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    if (len == 0)
        return 0;
    if (buffer == NULL)
        return MNET_E_INVALID;
    len = MN_MIN(len, (size_t)PTRDIFF_MAX);
    for (;;) {
        ptrdiff_t got = flow->end.tcb != NULL ? mn_tcp_peek(flow->end.tcb, buffer, len) : receive_at_rest(flow);
        if (got != MNET_E_DEADLINE)
            return got;
        int error = mn_block_once(&flow->waiters, deadline);
        if (error < 0)
            return error;
    }
}

int mnet_tcp_read_exactly(struct mnet_flow *flow, void *buffer, size_t len, size_t *done, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    size_t got = 0;
    ptrdiff_t piece = 0;
    if (done != NULL)
        *done = 0;
    if (buffer == NULL && len > 0)
        return MNET_E_INVALID;
    while (got < len) {
        piece = mnet_tcp_read(flow, (uint8_t *)buffer + got, len - got, deadline);
        if (piece <= 0)
            break;
        got += (size_t)piece;
    }
    if (done != NULL)
        *done = got;
    if (got == len)
        return MNET_OK;
    return piece == 0 ? MNET_E_END_OF_FILE : (int)piece;
}

ptrdiff_t mnet_tcp_get(struct mnet_flow *flow, struct mnet_slice *slices, int max, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    if (slices == NULL || max <= 0)
        return MNET_E_INVALID;
    struct mnet_stack *stack = flow->stack;
    for (;;) {
        mn_stack_enter(stack);
        ptrdiff_t got = flow->end.tcb != NULL ? mn_tcp_lend(stack->tcp, flow->end.tcb, slices, max)
                                              : receive_at_rest(flow);
        if (got != MNET_E_DEADLINE)
            return got;
        int error = mn_block_once(&flow->waiters, deadline);
        if (error < 0)
            return error;
    }
}

void mnet_tcp_release(struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    mn_stack_enter(flow->stack);
    if (flow->end.tcb != NULL)
        mn_tcp_return(flow->stack->tcp, flow->end.tcb, flow->stack->now);
    mn_stack_leave(flow->stack);
}

/* ---- Closing ---- */

/* Ends the flow. If `deliver` is set, the queued bytes are still sent. If bytes of write_now find
 * no memory, the connection is reset, because a stream with a gap must not end well. So is one at
 * rest without memory for a FIN. */
static void end_flow(struct mnet_flow *flow, bool deliver)
{
    struct mnet_stack *stack = flow->stack;
    mn_stack_enter(stack);
    deliver = deliver && mn_flow_flush_deferred(flow);
    if (deliver)
        mn_flow_tcb(flow); /* a FIN needs one */
    struct mn_tcb *tcb = mn_flow_leave(flow);
    mn_flow_free(flow);
    if (tcb != NULL && deliver)
        mn_tcp_close(stack->tcp, tcb, stack->now);
    else if (tcb != NULL)
        mn_tcp_abort(stack->tcp, tcb, stack->now);
    mn_stack_leave(stack);
    mn_stack_release(stack);
}

void mnet_tcp_close(struct mnet_flow *flow)
{
    if (flow == NULL)
        return;
    MN_REQUIRE_FLOW(flow);
    end_flow(flow, true);
}

void mnet_tcp_abort(struct mnet_flow *flow)
{
    if (flow == NULL)
        return;
    MN_REQUIRE_FLOW(flow);
    end_flow(flow, false);
}

/* Waits for the last acknowledgement. *gone is set if the flow is closed meanwhile. */
static int await_delivery(struct mnet_flow *flow, uint64_t deadline, bool *gone)
{
    *gone = false;
    for (;;) {
        int status = flow->end.tcb != NULL ? mn_tcp_delivered(flow->end.tcb) : receive_at_rest(flow);
        if (status != MNET_E_DEADLINE)
            return status;
        int error = mn_block_once(&flow->waiters, deadline);
        *gone = error == MNET_E_CLOSED;
        if (error < 0)
            return error;
    }
}

int mnet_tcp_close_wait(struct mnet_flow *flow, uint64_t deadline)
{
    bool gone;
    if (flow == NULL)
        return MNET_OK; /* mnet_tcp_close takes NULL, too */
    MN_REQUIRE_FLOW(flow);
    int error = mnet_tcp_shutdown(flow, MNET_SHUTDOWN_WRITE);
    if (error == MNET_OK || error == MNET_E_CLOSED) /* the reason of a closed one follows */
        error = await_delivery(flow, deadline, &gone);
    else
        gone = false;
    if (!gone) /* the flow is closed even if a finaliser called, which must not wait */
        end_flow(flow, error == MNET_OK || error == MNET_E_INVALID);
    return error;
}

int mnet_tcp_shutdown(struct mnet_flow *flow, enum mnet_shutdown how)
{
    MN_REQUIRE_FLOW(flow);
    if (how != MNET_SHUTDOWN_READ && how != MNET_SHUTDOWN_WRITE && how != MNET_SHUTDOWN_BOTH)
        return MNET_E_INVALID;
    struct mnet_stack *stack = flow->stack;
    mn_stack_enter(stack);
    if ((how & MNET_SHUTDOWN_WRITE) && !mn_flow_flush_deferred(flow))
        return MNET_E_NO_MEMORY;
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb == NULL)
        return mn_tcp_idle_error(&flow->end) != 0 ? MNET_E_CLOSED : MNET_E_NO_MEMORY;
    int error = mn_tcp_shutdown(stack->tcp, tcb, how, stack->now);
    if (how & MNET_SHUTDOWN_READ)
        mn_block_wake_all(&flow->waiters);
    if (how & MNET_SHUTDOWN_WRITE)
        mn_block_wake_first(&flow->writers);
    mn_stack_leave(stack);
    return error;
}
