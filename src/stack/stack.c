/* The life of a stack from mnet_stack_open or mnet_stack_up to mnet_stack_down, and its queries. */
#include "stack/stack.h"

#include <string.h>

#include "stack/env.h"
#include "stack/loop.h"
#include "stack/zone.h"
#include "wire/ethernet.h"
#include "wire/ipv4_address.h"
#include "wire/ipv6.h"

/* The largest payload of one outgoing TCP packet, of either family: it fits into the largest frame
 * behind both headers at their longest. */
#define GSO_MAX (MNET_FRAME_MAX - MN_ETHERNET_HEADER - MN_IPV6_HEADER - 60u)

static struct mn_spread spread_of(const struct mnet_stack *stack)
{
    return (struct mn_spread){stack->device->queue, stack->device->queues};
}

static int start_ip(struct mnet_stack *stack)
{
    const struct mnet_config *config = &stack->config;
    struct mn_ip_config ip = {
        .memory = stack->memory,
        .counters = &stack->counters,
        .log = &config->log,
        .random = &stack->random,
        .mtu = stack->device->mtu,
        .spread = spread_of(stack),
        .now = stack->now,
        .user = config->ip,
    };
    memcpy(ip.mac.bytes, stack->device->mac, sizeof ip.mac.bytes);
    return mn_ip_init(&stack->ip, &ip);
}

static int start_transports(struct mnet_stack *stack)
{
    const struct mnet_config *config = &stack->config;
    struct mn_tcp_config tcp = {
        .memory = stack->memory,
        .counters = &stack->counters,
        .log = &config->log,
        .random = &stack->random,
        .spread = spread_of(stack),
        .paths = &stack->ip.path_mtus,
        .gso_max = GSO_MAX,
        .sums_text = (stack->device_offload & MNET_OFFLOAD_CHECKSUM) == 0,
        .trace = config->tcp.trace.event != NULL ? mn_stack_trace : NULL,
        .trace_segment = config->tcp.trace.segment != NULL ? mn_stack_trace_segment : NULL,
        .trace_context = stack,
        .now = stack->now,
        .user = config->tcp,
    };
    struct mn_udp_config udp = {
        .memory = stack->memory,
        .counters = &stack->counters,
        .random = &stack->random,
        .spread = spread_of(stack),
        .user = config->udp,
    };
    stack->tcp = mn_tcp_create(&tcp);
    if (stack->tcp == NULL)
        return MNET_E_NO_MEMORY;
    int error = mn_udp_init(&stack->udp, &udp);
    if (error < 0)
        mn_tcp_destroy(stack->tcp);
    return error;
}

static int start_layers(struct mnet_stack *stack)
{
    int error = start_ip(stack);
    if (error < 0)
        return error;
    error = start_transports(stack);
    if (error < 0) {
        mn_ip_deinit(&stack->ip);
        return error;
    }
    mn_pool_init(&stack->flow_pool, stack->memory, "flows", sizeof(struct mnet_flow), SIZE_MAX);
    mn_pool_init(&stack->deferred_pool, stack->memory, "deferred writes", sizeof(struct mn_deferred), SIZE_MAX);
    mn_pool_init(&stack->listener_pool, stack->memory, "listeners", sizeof(struct mnet_listener), SIZE_MAX);
    mn_pool_init(&stack->udp_pool, stack->memory, "udp endpoints", sizeof(struct mnet_udp), SIZE_MAX);
    return MNET_OK;
}

/* What the device completes in the frames it is given. */
static uint32_t usable_offload(const struct mnet_config *config)
{
    uint32_t offload = config->device->tx_offload;
    if (config->no_checksum_offload)
        return 0; /* segmentation needs it */
    if (config->no_segmentation_offload)
        offload &= (uint32_t)MNET_OFFLOAD_CHECKSUM;
    return offload;
}

int mn_stack_create(const struct mnet_config *wanted, struct mnet_env *env, struct mn_loop *loop,
                    struct mnet_stack **result)
{
    struct mnet_config config = *wanted;
    *result = NULL;
    int error = mn_config_complete(&config);
    if (error < 0)
        return error;
    uint8_t seed[MN_RANDOM_SEED];
    if (!config.platform.entropy(config.platform.context, seed, sizeof seed))
        return MNET_E_NO_ENTROPY;
    struct mnet_memory *memory = mnet_memory_init(config.memory, config.memory_size);
    struct mnet_stack *stack = memory == NULL ? NULL : mn_memory_table(memory, sizeof *stack);
    if (stack == NULL)
        return MNET_E_NO_MEMORY;
    stack->config = config;
    stack->env = env;
    stack->loop = loop;
    stack->zone = config.device->zone;
    stack->memory = memory;
    stack->device = config.device;
    stack->link_down = config.device->link_down;
    stack->device_offload = usable_offload(&config);
    stack->now = stack->link_ns = config.platform.now(config.platform.context);
    mn_random_init(&stack->random, seed);
    mn_list_init(&stack->listeners);
    mn_list_init(&stack->endpoints);
    error = start_layers(stack);
    if (error < 0)
        return error;
    if (stack->link_down)
        mn_ip_note_link_down(&stack->ip);
    stack->device->memory = memory;
    stack->work = true;
    if (config.ip.dhcp && (error = mn_stack_dhcp_start(stack)) < 0) {
        mn_tcp_destroy(stack->tcp);
        mn_ip_deinit(&stack->ip);
        return error;
    }
    mn_stack_dhcp6_start(stack);
    if (loop != NULL)
        mn_loop_add(loop, stack);
    *result = stack;
    return MNET_OK;
}

int mnet_stack_open(const struct mnet_config *config, struct mnet_stack **stack)
{
    if (stack == NULL)
        return MNET_E_INVALID;
    *stack = NULL;
    if (config == NULL)
        return MNET_E_INVALID;
    return mn_stack_create(config, NULL, NULL, stack);
}

/* Wakes every task that waits for a flow. Nobody would close those that are being opened. */
static void wake_flows(struct mnet_stack *stack)
{
    for (struct mn_tcp_owner *owner = mn_tcp_next_owner(stack->tcp, NULL), *next; owner != NULL; owner = next) {
        struct mnet_flow *flow = mn_flow_of(owner);
        next = mn_tcp_next_owner(stack->tcp, owner);
        mn_flow_wake_gone(flow);
        if (owner->tcb != NULL && mn_tcp_is_opening(owner->tcb))
            mnet_tcp_abort(flow);
    }
}

/* Wakes every task that waits for anything of the stack. Listeners lose their engines. */
static void wake_everybody(struct mnet_stack *stack)
{
    wake_flows(stack);
    for (struct mnet_link *node = mn_list_begin(&stack->listeners); node != &stack->listeners; node = node->next) {
        struct mnet_listener *listener = MN_CONTAINER(node, struct mnet_listener, link);
        mn_block_wake_gone(&listener->acceptors);
        listener->engine = NULL;
    }
    for (struct mnet_link *node = mn_list_begin(&stack->endpoints); node != &stack->endpoints; node = node->next) {
        struct mnet_udp *udp = MN_CONTAINER(node, struct mnet_udp, link);
        mn_block_wake_gone(&udp->receivers);
        mn_block_wake_gone(&udp->senders);
    }
    mn_block_wake_gone(&stack->probers);
    mn_block_wake_gone(&stack->pingers);
}

/* Tells those who watch anything of the stack that it is down. */
static void tell_end(struct mnet_stack *stack)
{
    for (struct mn_tcp_owner *owner = NULL; (owner = mn_tcp_next_owner(stack->tcp, owner)) != NULL;) {
        struct mnet_flow *flow = mn_flow_of(owner);
        mn_notify_tell(&flow->notify, mnet_tcp_ready(flow));
    }
    for (struct mnet_link *node = mn_list_begin(&stack->listeners); node != &stack->listeners; node = node->next) {
        struct mnet_listener *listener = MN_CONTAINER(node, struct mnet_listener, link);
        mn_notify_tell(&listener->notify, mnet_tcp_listener_ready(listener));
    }
    for (struct mnet_link *node = mn_list_begin(&stack->endpoints); node != &stack->endpoints; node = node->next) {
        struct mnet_udp *udp = MN_CONTAINER(node, struct mnet_udp, link);
        mn_notify_tell(&udp->notify, mnet_udp_ready(udp));
    }
}

static void free_pending(struct mnet_stack *stack)
{
    for (unsigned i = 0; i < stack->pending_count; i++)
        mnet_packet_free(stack->pending[i]);
    stack->pending_count = 0;
    mnet_packet_free(stack->cutting);
}

void mn_stack_release(struct mnet_stack *stack)
{
    bool in_use = stack->flow_pool.in_use > 0 || !mn_list_empty(&stack->listeners) || !mn_list_empty(&stack->endpoints);
    if (!stack->ended || in_use)
        return;
    mn_tcp_destroy(stack->tcp);
    mn_ip_deinit(&stack->ip);
    mn_list_remove(&stack->loop_link);
    if (stack->region != NULL) /* last, for the stack lies in it */
        stack->env->setup.release(stack->env->setup.context, stack->region, stack->config.memory_size);
}

/* The resolver closes its ports and streams like a program. */
static void end_services(struct mnet_stack *stack)
{
    if (stack->names != NULL)
        stack->names_service->end(stack);
    if (stack->sntp != NULL)
        stack->sntp_service->end(stack);
}

void mnet_stack_down(struct mnet_stack *stack)
{
    if (stack == NULL)
        return;
    MN_REQUIRE(!stack->ended, "the stack is down already");
    mn_stack_enter(stack);
    end_services(stack);
    wake_everybody(stack);
    mn_tcp_end_all(stack->tcp, stack->now);
    mn_stack_transmit(stack);
    mn_stack_stop_dhcp(stack);
    mn_stack_stop_dhcp6(stack);
    mn_stack_transmit(stack);
    free_pending(stack);
    stack->ended = true;
    mn_list_remove(&stack->loop_link);
    if (stack->env != NULL) {
        mn_env_forget_device(stack->env, stack->device);
        mn_list_append(&stack->env->ended_stacks, &stack->loop_link);
    }
    stack->device->ops->close(stack->device);
    tell_end(stack);
    mn_stack_release(stack);
}

static void discard_handles(struct mnet_stack *stack)
{
    struct mnet_link *node;
    for (struct mn_tcp_owner *owner = mn_tcp_next_owner(stack->tcp, NULL), *next; owner != NULL; owner = next) {
        next = mn_tcp_next_owner(stack->tcp, owner);
        mn_flow_leave(mn_flow_of(owner));
        mn_flow_free(mn_flow_of(owner));
    }
    while ((node = mn_list_first(&stack->listeners)) != NULL)
        mn_listener_free(MN_CONTAINER(node, struct mnet_listener, link));
    while ((node = mn_list_first(&stack->endpoints)) != NULL)
        mn_udp_free(MN_CONTAINER(node, struct mnet_udp, link));
}

void mn_stack_abandon(struct mnet_stack *stack)
{
    discard_handles(stack);
    mn_stack_release(stack);
}

bool mn_stack_wind_down(struct mnet_stack *stack)
{
    struct mnet_link *node;
    end_services(stack);
    while ((node = mn_list_first(&stack->listeners)) != NULL)
        mnet_tcp_unlisten(MN_CONTAINER(node, struct mnet_listener, link));
    for (struct mn_tcp_owner *owner = mn_tcp_next_owner(stack->tcp, NULL), *next; owner != NULL; owner = next) {
        next = mn_tcp_next_owner(stack->tcp, owner);
        mnet_tcp_close(mn_flow_of(owner));
    }
    if (mn_stack_congested(stack) || mn_tcp_usage(stack->tcp).tcbs > 0)
        return true;
    bool ipv4 = mn_stack_dhcp_wind_down(stack), ipv6 = mn_stack_dhcp6_wind_down(stack);
    return ipv4 || ipv6;
}

int mnet_stack_fd(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return stack->device->fd;
}

uint64_t mnet_stack_now(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return stack->now;
}

uint16_t mnet_stack_mtu(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return mn_ip_mtu(&stack->ip);
}

struct mnet_address mnet_stack_ipv4(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return mn_ip_address(&stack->ip);
}

bool mn_stack_has_address(const struct mnet_stack *stack)
{
    return mn_ip_address_state(&stack->ip) == MN_IP_ADDRESS_OURS || mn_ip_has_ipv6(&stack->ip);
}

/* The word of the API for the state of an own address. */
static enum mnet_address_state public_state(enum mn_ip_address_state state)
{
    switch (state) {
    case MN_IP_ADDRESS_NONE:
    case MN_IP_ADDRESS_PROBING: break;
    case MN_IP_ADDRESS_OURS: return MNET_ADDRESS_PREFERRED;
    case MN_IP_ADDRESS_DEPRECATED: return MNET_ADDRESS_DEPRECATED;
    case MN_IP_ADDRESS_CONFLICT: return MNET_ADDRESS_DUPLICATE;
    }
    return MNET_ADDRESS_TENTATIVE;
}

unsigned mnet_stack_addresses(const struct mnet_stack *stack, struct mnet_stack_address *addresses, unsigned max)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    MN_REQUIRE(addresses != NULL || max == 0, "there is no place for addresses");
    unsigned count = 0;
    for (unsigned i = 0; i < MN_OWN_MAX; i++) {
        const struct mn_own_address *own = &stack->ip.own[i];
        if (own->state == MN_IP_ADDRESS_NONE)
            continue;
        if (count < max) {
            addresses[count] = (struct mnet_stack_address){own->prefix, public_state(own->state),
                                                           own->preferred_until_ns, own->valid_until_ns};
            mn_zone_add(stack, &addresses[count].prefix.address);
        }
        count++;
    }
    return count;
}

bool mnet_stack_link_up(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return !stack->link_down;
}

unsigned mnet_stack_ready(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return (stack->link_down ? 0u : MNET_STACK_LINK) | (mn_stack_has_address(stack) ? MNET_STACK_ADDRESS : 0u);
}

void mnet_stack_notify(struct mnet_stack *stack, void (*notify)(void *context, unsigned ready), void *context)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    stack->notify = notify;
    stack->notify_context = context;
}

uint32_t mnet_stack_changes(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return mn_stack_changes(stack);
}

const struct mnet_counters *mnet_stack_counters(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return &stack->counters;
}

void mnet_stack_random(struct mnet_stack *stack, void *bytes, size_t len)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    MN_REQUIRE(bytes != NULL || len == 0, "there is no place for the bytes");
    mn_random_bytes(&stack->random, bytes, len);
}

size_t mnet_stack_memory_used(const struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    return mnet_memory_used(stack->memory);
}
