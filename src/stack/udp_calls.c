/* The blocking calls of mnet/udp.h. */
#include <mnet/tcp.h>
#include <mnet/udp.h>

#include "stack/stack.h"
#include "stack/zone.h"

static bool options_ok(const struct mnet_stack *stack, const struct mnet_udp_options *options)
{
    bool connected = !mnet_address_is_any(options->remote.address) || options->remote.port != 0;
    if (connected && (options->remote.port == 0 || !mn_stack_remote_ok(stack, options->remote.address)))
        return false;
    return options->dscp <= 63 && mn_stack_local_ok(stack, options->local.address);
}

int mnet_udp_open(struct mnet_stack *stack, const struct mnet_udp_options *options, struct mnet_udp **result)
{
    static const struct mnet_udp_options defaults;
    if (result == NULL)
        return MNET_E_INVALID;
    *result = NULL;
    struct mnet_udp_options here = options != NULL ? *options : defaults;
    if (stack == NULL || mn_zone_remove(stack, &here.local.address) < 0)
        return MNET_E_INVALID;
    int error = mn_zone_remove(stack, &here.remote.address);
    if (error < 0)
        return error;
    if (!options_ok(stack, &here))
        return MNET_E_INVALID;
    struct mnet_udp *udp = mn_pool_alloc_zeroed(&stack->udp_pool, MN_CLAIM_SEND);
    if (udp == NULL)
        return MNET_E_NO_MEMORY;
    error = mn_udp_open(&stack->udp, &udp->engine, &here);
    if (error < 0) {
        mn_pool_free(&stack->udp_pool, udp);
        return error;
    }
    udp->stack = stack;
    mn_list_append(&stack->endpoints, &udp->link);
    *result = udp;
    return MNET_OK;
}

void mn_udp_free(struct mnet_udp *udp)
{
    struct mnet_stack *stack = udp->stack;
    mn_rouse_gone(&udp->receivers);
    mn_rouse_gone(&udp->senders);
    mn_list_remove(&udp->link);
    mn_udp_close(&stack->udp, &udp->engine);
    mn_pool_free(&stack->udp_pool, udp);
}

void mnet_udp_close(struct mnet_udp *udp)
{
    if (udp == NULL)
        return;
    MN_REQUIRE_UDP(udp);
    struct mnet_stack *stack = udp->stack;
    mn_udp_free(udp);
    mn_stack_release(stack);
}

struct mnet_endpoint mnet_udp_local(const struct mnet_udp *udp)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_endpoint local = udp->engine.local;
    mn_zone_add(udp->stack, &local.address);
    return local;
}

MN_APART void mn_udp_event(struct mn_udp_endpoint *engine)
{
    struct mnet_udp *udp = MN_CONTAINER(engine, struct mnet_udp, engine);
    mn_rouse_first(&udp->receivers);
    if (udp->notify != NULL)
        udp->notify(udp->notify_context, mnet_udp_ready(udp));
}

enum mnet_unreachable mnet_udp_unreachable(const struct mnet_udp *udp)
{
    MN_REQUIRE_UDP(udp);
    return udp->engine.unreachable;
}

/* What a receiver wants, and got. */
struct receipt {
    void *buffer;
    size_t len;
    struct mnet_endpoint *from;
    ptrdiff_t result;
};

static bool take_datagram(struct mnet_udp *udp, struct receipt *receipt)
{
    receipt->result = mn_udp_receive(&udp->engine, receipt->buffer, receipt->len, receipt->from);
    if (receipt->result == MNET_E_DEADLINE)
        return false;
    if (receipt->result >= 0 && receipt->from != NULL)
        mn_zone_add(udp->stack, &receipt->from->address);
    return true;
}

/* Waits in line for a datagram, as acceptors do for connections. */
static ptrdiff_t queue_for_datagram(struct mnet_udp *udp, struct receipt *receipt, uint64_t deadline)
{
    struct mn_blocked blocked;
    mn_block_begin(&blocked, &udp->receivers);
    for (;;) {
        int error = mn_block(&blocked, deadline);
        if (error == MNET_E_CLOSED)
            return error;
        receipt->result = error;
        if (error < 0 || (mn_block_is_first(&blocked, &udp->receivers) && take_datagram(udp, receipt)))
            break;
    }
    mn_block_end(&blocked);
    if (mn_udp_readable(&udp->engine))
        mn_rouse_first(&udp->receivers);
    return receipt->result;
}

ptrdiff_t mnet_udp_receive(struct mnet_udp *udp, void *buffer, size_t len, struct mnet_endpoint *from,
                           uint64_t deadline)
{
    MN_REQUIRE_UDP(udp);
    struct receipt receipt = {buffer, len, from, MNET_E_DEADLINE};
    if (buffer == NULL && len > 0)
        return MNET_E_INVALID;
    if (mn_list_empty(&udp->receivers) && take_datagram(udp, &receipt))
        return receipt.result;
    if (udp->stack->ended)
        return MNET_E_CLOSED;
    return deadline == 0 ? MNET_E_DEADLINE : queue_for_datagram(udp, &receipt, deadline);
}

/* Waits until the device takes frames again. */
static int await_device(struct mnet_udp *udp, uint64_t deadline)
{
    struct mnet_stack *stack = udp->stack;
    while (mn_stack_congested(stack)) {
        mn_stack_transmit(stack);
        stack->work |= mn_ip_has_looped(&stack->ip);
        if (!mn_stack_congested(stack))
            break;
        stack->senders_waiting = true;
        int error = mn_block_once(&udp->senders, deadline);
        if (error < 0)
            return error;
    }
    return MNET_OK;
}

static int send_datagram(struct mnet_udp *udp, const struct mnet_endpoint *to, const void *data, size_t len)
{
    struct mnet_stack *stack = udp->stack;
    struct mn_ip_path path;
    struct mn_datagram datagram;
    int error = mn_ip_path(&stack->ip, to->address, &path);
    if (error < 0)
        return error;
    struct mnet_address source = udp->engine.local.address;
    if (mnet_address_is_any(source))
        source = path.source;
    struct mnet_packet *packet = mn_udp_output(&stack->udp, &udp->engine, to, source, data, len, &datagram);
    if (packet == NULL)
        return MNET_E_NO_MEMORY;
    error = mn_ip_output(&stack->ip, packet, &datagram, stack->now);
    if (mn_ip_unsent(&stack->ip) >= MN_BATCH)
        mn_stack_transmit(stack); /* ip's transmit queue is short */
    return error;
}

int mnet_udp_send(struct mnet_udp *udp, const struct mnet_endpoint *to, const void *data, size_t len, uint64_t deadline)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_endpoint remote = to != NULL ? *to : udp->engine.remote;
    if ((data == NULL && len > 0) || remote.port == 0 || mnet_address_is_any(remote.address))
        return MNET_E_INVALID;
    if (len > MN_UDP_PAYLOAD_MAX)
        return MNET_E_TOO_BIG;
    if (udp->stack->ended)
        return MNET_E_CLOSED;
    int error = mn_zone_remove(udp->stack, &remote.address);
    if (error < 0)
        return error;
    mn_stack_enter(udp->stack);
    error = await_device(udp, deadline);
    if (error < 0)
        return error;
    error = send_datagram(udp, &remote, data, len);
    mn_stack_leave(udp->stack);
    return error;
}

unsigned mnet_udp_ready(const struct mnet_udp *udp)
{
    MN_REQUIRE_UDP(udp);
    unsigned writable = mn_stack_congested(udp->stack) ? 0 : MNET_WRITABLE;
    return writable | (mn_udp_readable(&udp->engine) ? MNET_READABLE : 0);
}

void mnet_udp_notify(struct mnet_udp *udp, void (*notify)(void *context, unsigned ready), void *context)
{
    MN_REQUIRE_UDP(udp);
    udp->notify = notify;
    udp->notify_context = context;
}
