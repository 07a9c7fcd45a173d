/* DHCPv6 in a stack: see dhcp6.h.
 *
 * The client is a state machine that knows no ip. It begins when routers tell of DHCPv6 by their M
 * and O flags, or when none answers and the configuration asks for DHCP, but not before the
 * link-local address may be used: all messages leave from there (DHCP6-17.1-1). Its endpoint is
 * bound to that address, so that nobody beyond the link can answer. After everything that may have
 * moved the client or ip, `settle` brings the own addresses into line with the client's, tells it
 * how duplicate address detection went, and sends its messages.
 */
#include "stack/dhcp6.h"

#include <string.h>

#include "base/logger.h"
#include "stack/stack.h"

#define RELEASE_WAIT_NS (500 * MNET_MILLISECOND) /* for the answer of a server */

/* ---- Log ---- */

/* Servers can bring about as many of these lines as they like. */
static bool claim_line(struct mnet_stack *stack, enum mnet_log_level level)
{
    return mn_log_claim(&stack->config.log, level, &stack->dhcp6.log_limit, MN_LOG_BURST, stack->now);
}

static void log_unique(struct mnet_stack *stack, const struct mn_dhcp6_address *leased)
{
    char text[MNET_ADDRESS_TEXT];
    if (!claim_line(stack, MNET_LOG_INFO))
        return;
    mnet_address_format(leased->address, text, sizeof text);
    if (leased->valid_until_ns == MNET_NEVER)
        mn_log(&stack->config.log, MNET_LOG_INFO, "dhcpv6: %s without end", text);
    else
        mn_log(&stack->config.log, MNET_LOG_INFO, "dhcpv6: %s for %u s", text,
               (unsigned)((leased->valid_until_ns - stack->now) / MNET_SECOND));
}

static void log_lost(struct mnet_stack *stack, struct mnet_address address)
{
    char text[MNET_ADDRESS_TEXT];
    if (!claim_line(stack, MNET_LOG_WARNING))
        return;
    mnet_address_format(address, text, sizeof text);
    mn_log(&stack->config.log, MNET_LOG_WARNING, "dhcpv6: %s is lost", text);
}

/* ---- The lease and ip ---- */

static const struct mn_dhcp6_address *find_leased(const struct mn_dhcp6_binding *binding, struct mnet_address address)
{
    for (unsigned i = 0; i < binding->count; i++)
        if (mn_address_equal(&binding->addresses[i].address, &address))
            return &binding->addresses[i];
    return NULL;
}

static bool is_checked(const struct mn_stack_dhcp6 *dhcp, struct mnet_address address)
{
    for (unsigned i = 0; i < dhcp->address_count; i++)
        if (mn_address_equal(&dhcp->addresses[i].address, &address))
            return dhcp->addresses[i].checked;
    return false;
}

/* Addresses that were in use and are none any more, unless the stack gives them back itself. */
static void log_changes(struct mnet_stack *stack)
{
    const struct mn_stack_dhcp6 *dhcp = &stack->dhcp6;
    for (unsigned i = 0; i < dhcp->address_count; i++) {
        const struct mn_stack_dhcp6_address *known = &dhcp->addresses[i];
        if (known->checked && find_leased(&dhcp->client.binding, known->address) == NULL)
            log_lost(stack, known->address);
    }
}

/* Remembers the addresses of the lease. */
static void note_addresses(struct mn_stack_dhcp6 *dhcp)
{
    const struct mn_dhcp6_binding *binding = &dhcp->client.binding;
    struct mn_stack_dhcp6_address addresses[MN_DHCP6_ADDRESSES] = {0};
    for (unsigned i = 0; i < binding->count; i++) {
        struct mnet_address address = binding->addresses[i].address;
        addresses[i] = (struct mn_stack_dhcp6_address){address, is_checked(dhcp, address)};
    }
    memcpy(dhcp->addresses, addresses, sizeof dhcp->addresses);
    dhcp->address_count = binding->count;
}

/* Makes the own addresses follow the lease. */
static void apply(struct mnet_stack *stack)
{
    struct mn_stack_dhcp6 *dhcp = &stack->dhcp6;
    const struct mn_dhcp6_binding *binding = &dhcp->client.binding;
    struct mn_ip_leased leased[MN_DHCP6_ADDRESSES];
    for (unsigned i = 0; i < binding->count; i++) {
        const struct mn_dhcp6_address *address = &binding->addresses[i];
        leased[i] = (struct mn_ip_leased){address->address, address->preferred_until_ns, address->valid_until_ns};
    }
    if (dhcp->client.state != MN_DHCP6_RELEASING && dhcp->client.state != MN_DHCP6_RELEASED)
        log_changes(stack);
    note_addresses(dhcp);
    mn_ip_set_leased(&stack->ip, leased, binding->count, stack->now);
}

/* Tells the client of addresses that have turned out to be unique, or another station's
 * (DHCP6-18.2.10.1-5). The client may give up one that is not, so the list changes. */
static void report_checks(struct mnet_stack *stack)
{
    struct mn_stack_dhcp6 *dhcp = &stack->dhcp6;
    for (unsigned i = 0; i < dhcp->address_count; i++) {
        struct mn_stack_dhcp6_address *known = &dhcp->addresses[i];
        enum mn_ip_address_state state = mn_ip_state_of(&stack->ip, known->address);
        bool duplicate = state == MN_IP_ADDRESS_CONFLICT;
        if (known->checked || state == MN_IP_ADDRESS_PROBING || state == MN_IP_ADDRESS_NONE)
            continue;
        known->checked = true;
        const struct mn_dhcp6_address *leased = find_leased(&dhcp->client.binding, known->address);
        if (!duplicate && leased != NULL)
            log_unique(stack, leased);
        mn_dhcp6_client_note_check(&dhcp->client, known->address, duplicate, stack->now);
    }
}

static void send_message(struct mnet_stack *stack, const uint8_t *message, size_t len)
{
    const struct mnet_udp_message described = {
        .remote = {mn_dhcpv6_servers, MN_DHCPV6_SERVER_PORT}, /* DHCP6-7.1-1 */
        .local = stack->dhcp6.endpoint.local.address,
    };
    const struct mnet_slice slice = {message, len};
    struct mn_udp_bytes bytes = {.slice = &slice, .left = len};
    struct mn_datagram datagram;
    struct mnet_packet *packet = mn_udp_output(&stack->udp, &stack->dhcp6.endpoint, &described, &bytes, len, &datagram);
    if (packet == NULL)
        stack->counters.value[MNET_COUNT_TX_DROP_MEMORY]++; /* it is repeated later */
    else
        mn_ip_output(&stack->ip, packet, &datagram, stack->now);
}

static void settle(struct mnet_stack *stack)
{
    struct mn_stack_dhcp6 *dhcp = &stack->dhcp6;
    uint8_t message[MN_DHCP6_EMIT];
    apply(stack);
    report_checks(stack);
    apply(stack); /* without those that were declined */
    for (size_t len; (len = mn_dhcp6_client_output(&dhcp->client, message)) > 0;)
        send_message(stack, message, len);
    dhcp->due_ns = mn_dhcp6_client_deadline(&dhcp->client);
    if (dhcp->serial != dhcp->client.serial)
        stack->changes++;
    dhcp->serial = dhcp->client.serial;
}

/* ---- Beginning and end ---- */

static struct mn_dhcpv6_duid duid_of(const struct mnet_stack *stack)
{
    const struct mnet_ip_config *config = &stack->config.ip;
    struct mn_dhcpv6_duid duid = {.len = config->dhcpv6_duid_len};
    struct mn_mac mac;
    memcpy(mac.bytes, stack->device->mac, sizeof mac.bytes);
    if (duid.len == 0)
        return mn_dhcpv6_duid_ll(mac);
    memcpy(duid.bytes, config->dhcpv6_duid, duid.len);
    return duid;
}

/* The same in each start, for the MAC names the interface (DHCP6-12-1). */
static uint32_t iaid_of(const struct mnet_stack *stack)
{
    const uint8_t *mac = stack->device->mac;
    return (uint32_t)mac[2] << 24 | (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
}

static void begin(struct mnet_stack *stack, struct mnet_address link_local)
{
    struct mn_stack_dhcp6 *dhcp = &stack->dhcp6;
    const struct mnet_udp_options options = {
        .local = {link_local, MN_DHCPV6_CLIENT_PORT},
        .family = MNET_FAMILY_IPV6,
        .queue_datagrams = 16,
    };
    const struct mn_dhcp6_config config = {
        .counters = &stack->counters,
        .random = &stack->random,
        .duid = duid_of(stack),
        .iaid = iaid_of(stack),
    };
    if (mn_udp_open_own(&stack->udp, &dhcp->endpoint, &options) < 0) {
        mn_log(&stack->config.log, MNET_LOG_ERROR, "dhcpv6: UDP port %u is in use", MN_DHCPV6_CLIENT_PORT);
        dhcp->wanted = false;
        return;
    }
    mn_dhcp6_client_init(&dhcp->client, &config, stack->now);
    dhcp->serial = dhcp->client.serial;
    dhcp->prefixes = mn_ip_prefix_changes(&stack->ip);
    dhcp->runs = true;
}

/* IPv6 has been switched off, and all its addresses are gone. */
static void stop(struct mnet_stack *stack)
{
    mn_udp_close_own(&stack->udp, &stack->dhcp6.endpoint);
    stack->dhcp6 = (struct mn_stack_dhcp6){.wanted = true, .due_ns = MNET_NEVER};
    stack->changes++;
}

/* ---- Driven ---- */

void mn_stack_dhcp6_start(struct mnet_stack *stack)
{
    stack->dhcp6.wanted = stack->config.ip.ipv6_auto;
    stack->dhcp6.due_ns = MNET_NEVER;
}

/* N6-6.5-2: a stack that is told to ask does so if no router tells otherwise. */
static unsigned find_advice(const struct mnet_stack *stack)
{
    unsigned advice = mn_ip_advice(&stack->ip, stack->now);
    if (stack->config.ip.dhcp && (advice & MN_IP_NO_ROUTERS))
        advice |= MN_IP_MANAGED;
    return advice & (MN_IP_MANAGED | MN_IP_OTHER);
}

/* The client asks early if it hears of other prefixes (DHCP6-18.2.12-3). */
static void tell_client(struct mnet_stack *stack, unsigned advice)
{
    struct mn_stack_dhcp6 *dhcp = &stack->dhcp6;
    uint32_t prefixes = mn_ip_prefix_changes(&stack->ip);
    if (dhcp->prefixes != prefixes)
        mn_dhcp6_client_note_prefixes(&dhcp->client, stack->now);
    dhcp->prefixes = prefixes;
    mn_dhcp6_client_note_flags(&dhcp->client, advice & MN_IP_MANAGED, advice & MN_IP_OTHER, stack->now);
}

MN_RARE void mn_stack_dhcp6_follow(struct mnet_stack *stack)
{
    struct mn_stack_dhcp6 *dhcp = &stack->dhcp6;
    struct mnet_address link_local = mn_ip_link_local(&stack->ip);
    unsigned advice = find_advice(stack);
    if (!dhcp->wanted)
        return;
    if (dhcp->runs && mn_address_is_any(&link_local))
        stop(stack);
    if (!dhcp->runs && advice != 0 && !mn_address_is_any(&link_local))
        begin(stack, link_local);
    if (!dhcp->runs)
        return;
    tell_client(stack, advice);
    settle(stack);
}

void mn_stack_dhcp6_input(struct mnet_stack *stack)
{
    uint8_t message[MN_DHCP6_INPUT];
    ptrdiff_t len;
    while ((len = mn_udp_receive(&stack->dhcp6.endpoint, message, sizeof message, NULL)) != MNET_E_DEADLINE) {
        if (len < 0)
            continue; /* longer than a frame */
        mn_dhcp6_client_input(&stack->dhcp6.client, message, (size_t)len, stack->now);
        settle(stack);
    }
}

MN_RARE void mn_stack_dhcp6_expire(struct mnet_stack *stack)
{
    mn_dhcp6_client_expire(&stack->dhcp6.client, stack->now);
    settle(stack);
}

MN_RARE void mn_stack_dhcp6_note_link_up(struct mnet_stack *stack)
{
    if (!stack->dhcp6.runs)
        return;
    mn_dhcp6_client_note_link_up(&stack->dhcp6.client, stack->now);
    settle(stack);
}

void mn_stack_stop_dhcp6(struct mnet_stack *stack)
{
    if (!stack->dhcp6.runs || !mn_stack_may_release(stack))
        return;
    mn_dhcp6_client_release(&stack->dhcp6.client, stack->now);
    settle(stack);
    stack->work = true; /* it is to be sent */
}

bool mn_stack_dhcp6_wind_down(struct mnet_stack *stack)
{
    struct mn_stack_dhcp6 *dhcp = &stack->dhcp6;
    if (!dhcp->runs || !mn_stack_may_release(stack))
        return false;
    if (dhcp->client.state != MN_DHCP6_RELEASING && dhcp->client.state != MN_DHCP6_RELEASED) {
        mn_stack_stop_dhcp6(stack);
        dhcp->release_before_ns = mn_time_after(stack->now, RELEASE_WAIT_NS);
    }
    return dhcp->client.state == MN_DHCP6_RELEASING && stack->now < dhcp->release_before_ns;
}
