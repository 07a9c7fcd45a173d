/* DHCP in a stack: see dhcp.h.
 *
 * The client is a state machine that knows no ip. After each event for it, `follow` gives ip the
 * address of the present lease, tells the client the result of the probe for a new address, and
 * sends its messages. So the fate of a lease depends on states alone, not on the order of calls.
 */
#include "stack/dhcp.h"

#include <assert.h>
#include <string.h>

#include <mnet/dhcp.h>

#include "base/format.h"
#include "stack/stack.h"

#define RELEASE_WAIT_NS (500 * MNET_MILLISECOND) /* for the server's link address */

static_assert(MN_DHCP_ROUTES <= MNET_ROUTES_MAX, "ip takes the routes of every lease");
static_assert(MNET_DHCP_DNS == MN_DHCP_DNS && MNET_DHCP_NTP == MN_DHCP_NTP && MNET_DHCP_DOMAIN == MN_DHCP_DOMAIN,
              "a lease is handed on whole");

/* ---- Log ---- */

struct text {
    char of[MNET_ADDRESS_TEXT];
};

static const char *name(uint32_t address, struct text *text)
{
    return mnet_address_format(mnet_address_from_ipv4(address), text->of, sizeof text->of);
}

/* Servers can bring about as many of these lines as they like. */
static bool claim_line(struct mnet_stack *stack, enum mnet_log_level level)
{
    return mn_log_claim(&stack->config.log, level, &stack->dhcp.log_limit, MN_LOG_BURST, stack->now);
}

static void log_bound(struct mnet_stack *stack)
{
    const struct mn_dhcp_lease *lease = &stack->dhcp.client.lease;
    struct text address, server, router;
    char how_long[24] = "without end";
    if (lease->lease_s != MN_DHCP_INFINITE)
        mn_format(how_long, sizeof how_long, "for %u s", lease->lease_s);
    if (claim_line(stack, MNET_LOG_INFO))
        mn_log(&stack->config.log, MNET_LOG_INFO, "dhcp: %s/%u from %s %s, router %s", name(lease->address, &address),
               lease->length, name(lease->server, &server), how_long,
               lease->router != 0 ? name(lease->router, &router) : "none");
}

static void log_lost(struct mnet_stack *stack)
{
    const struct mn_dhcp_client *client = &stack->dhcp.client;
    bool offered = client->state == MN_DHCP_REQUESTING, ended = client->now >= client->lease.end_ns;
    struct text address;
    if (claim_line(stack, MNET_LOG_WARNING))
        mn_log(&stack->config.log, MNET_LOG_WARNING, "dhcp: %s is lost, %s", name(stack->dhcp.address, &address),
               offered ? "the server of this network offers another"
               : ended ? "its lease has ended"
                       : "its server refuses it");
}

/* ---- The lease and ip ---- */

static void take_address_away(struct mnet_stack *stack)
{
    struct mn_stack_dhcp *dhcp = &stack->dhcp;
    if (dhcp->address == 0)
        return;
    bool was_ours = mn_ip_address_state(&stack->ip) == MN_IP_ADDRESS_OURS;
    mn_ip_unconfigure(&stack->ip);
    if (was_ours) {
        log_lost(stack);
        mn_tcp_address_lost(stack->tcp, mnet_address_from_ipv4(dhcp->address));
    }
    dhcp->address = 0;
}

static void give_address(struct mnet_stack *stack, const struct mn_dhcp_lease *lease)
{
    struct mnet_route routes[MN_DHCP_ROUTES];
    for (unsigned i = 0; i < lease->route_count; i++) {
        const struct mn_dhcp_route *route = &lease->routes[i];
        routes[i] = (struct mnet_route){{mnet_address_from_ipv4(route->network), route->length},
                                        mnet_address_from_ipv4(route->gateway)};
    }
    const struct mn_ip_settings settings = {
        .ipv4 = {mnet_address_from_ipv4(lease->address), lease->length},
        .ipv4_gateway = mnet_address_from_ipv4(lease->router),
        .routes = routes,
        .route_count = lease->route_count,
        .possible_routes_only = true,
        .leased = true,
        .mtu = lease->mtu,
        .probe = stack->config.ip.address_probe ? MN_IP_PROBE_FULL : MN_IP_PROBE_QUICK,
    };
    int error = mn_ip_configure(&stack->ip, &settings, stack->now);
    MN_ASSERT(error == 0); /* mn_dhcp_lease_read has seen to it */
    stack->dhcp.address = lease->address;
}

static bool have_same_routes(const struct mn_dhcp_lease *a, const struct mn_dhcp_lease *b)
{
    if (a->router != b->router || a->route_count != b->route_count)
        return false;
    for (unsigned i = 0; i < a->route_count; i++) {
        const struct mn_dhcp_route *one = &a->routes[i], *other = &b->routes[i];
        if (one->network != other->network || one->length != other->length || one->gateway != other->gateway)
            return false;
    }
    return true;
}

/* Returns true if two leases differ in more than their times. */
static bool differ(const struct mn_dhcp_lease *a, const struct mn_dhcp_lease *b)
{
    bool same = a->address == b->address && a->length == b->length && a->server == b->server && a->mtu == b->mtu &&
                a->dns_count == b->dns_count && memcmp(a->dns, b->dns, sizeof a->dns) == 0 &&
                a->ntp_count == b->ntp_count && memcmp(a->ntp, b->ntp, sizeof a->ntp) == 0;
    return !same || !have_same_routes(a, b) || strcmp(a->domain, b->domain) != 0;
}

static void note_change(struct mnet_stack *stack, const struct mn_dhcp_lease *lease)
{
    static const struct mn_dhcp_lease none;
    if (lease == NULL)
        lease = &none;
    if (!differ(&stack->dhcp.told, lease))
        return;
    stack->dhcp.told = *lease;
    stack->changes++;
}

static void apply(struct mnet_stack *stack)
{
    struct mn_stack_dhcp *dhcp = &stack->dhcp;
    if (dhcp->applied == dhcp->client.serial)
        return;
    dhcp->applied = dhcp->client.serial;
    const struct mn_dhcp_lease *lease = mn_dhcp_client_lease(&dhcp->client);
    note_change(stack, lease);
    if (lease == NULL || lease->address != dhcp->address)
        take_address_away(stack);
    if (lease != NULL)
        give_address(stack, lease);
}

/* Tells the client whether somebody else has the address, when that is known. */
static void report_probe(struct mnet_stack *stack)
{
    struct mn_dhcp_client *client = &stack->dhcp.client;
    enum mn_ip_address_state state = mn_ip_address_state(&stack->ip);
    if (client->state != MN_DHCP_CHECKING || state == MN_IP_ADDRESS_PROBING)
        return;
    mn_dhcp_client_note_check(client, state != MN_IP_ADDRESS_OURS, stack->now);
    if (state == MN_IP_ADDRESS_OURS)
        log_bound(stack);
    apply(stack);
}

static void send_message(struct mnet_stack *stack, const uint8_t *message, const struct mn_dhcp_ends *ends)
{
    uint32_t destination = ends->destination != 0 ? ends->destination : UINT32_MAX;
    const struct mnet_udp_message described = {
        .remote = {mnet_address_from_ipv4(destination), MN_DHCP_SERVER_PORT},
        .local = mnet_address_from_ipv4(ends->source),
    };
    const struct mnet_slice slice = {message, MN_DHCP_EMIT};
    struct mn_udp_bytes bytes = {.slice = &slice, .left = MN_DHCP_EMIT};
    struct mn_datagram datagram;
    struct mnet_packet *packet = mn_udp_output(&stack->udp, &stack->dhcp.endpoint, &described, &bytes, MN_DHCP_EMIT,
                                               &datagram);
    if (packet == NULL)
        stack->counters.value[MNET_COUNT_TX_DROP_MEMORY]++; /* it is repeated later */
    else if (ends->source == 0)
        mn_ip_broadcast_unnumbered(&stack->ip, packet, stack->now);
    else
        mn_ip_output(&stack->ip, packet, &datagram, stack->now);
}

static void follow(struct mnet_stack *stack)
{
    uint8_t message[MN_DHCP_EMIT];
    struct mn_dhcp_ends ends;
    apply(stack);
    report_probe(stack);
    while (mn_dhcp_client_output(&stack->dhcp.client, message, &ends))
        send_message(stack, message, &ends);
}

/* ---- Driven ---- */

int mn_stack_dhcp_start(struct mnet_stack *stack)
{
    const struct mnet_udp_options options = {
        .local.port = MN_DHCP_CLIENT_PORT,
        .family = MNET_FAMILY_IPV4,
        .queue_datagrams = 16,
    };
    struct mn_mac mac;
    int error = mn_udp_open_own(&stack->udp, &stack->dhcp.endpoint, &options);
    if (error < 0)
        return error;
    memcpy(mac.bytes, stack->device->mac, sizeof mac.bytes);
    mn_ip_open_port(&stack->ip, MN_DHCP_CLIENT_PORT);
    mn_dhcp_client_start(&stack->dhcp.client, &stack->counters, &stack->random, mac, stack->device->mtu, stack->now);
    follow(stack);
    return MNET_OK;
}

void mn_stack_dhcp_input(struct mnet_stack *stack)
{
    uint8_t message[MN_DHCP_MESSAGE_MAX];
    ptrdiff_t len;
    while ((len = mn_udp_receive(&stack->dhcp.endpoint, message, sizeof message, NULL)) != MNET_E_DEADLINE) {
        if (len < 0)
            continue; /* longer than a server may send to us */
        mn_dhcp_client_input(&stack->dhcp.client, message, (size_t)len, stack->now);
        follow(stack);
    }
}

MN_RARE void mn_stack_dhcp_expire(struct mnet_stack *stack)
{
    mn_dhcp_client_expire(&stack->dhcp.client, stack->now);
    follow(stack);
}

MN_RARE void mn_stack_dhcp_note_link_up(struct mnet_stack *stack)
{
    mn_dhcp_client_note_link_up(&stack->dhcp.client, stack->now);
    follow(stack);
}

void mn_stack_stop_dhcp(struct mnet_stack *stack)
{
    if (stack->dhcp.client.state == MN_DHCP_OFF || !mn_stack_may_release(stack))
        return;
    mn_dhcp_client_release(&stack->dhcp.client, stack->now);
    follow(stack);
    stack->work = true; /* it is to be sent */
}

bool mn_stack_dhcp_wind_down(struct mnet_stack *stack)
{
    struct mn_stack_dhcp *dhcp = &stack->dhcp;
    if (dhcp->client.state == MN_DHCP_OFF || !mn_stack_may_release(stack))
        return false;
    if (dhcp->client.state != MN_DHCP_RELEASED) {
        mn_stack_stop_dhcp(stack);
        dhcp->release_before_ns = stack->now + RELEASE_WAIT_NS;
        return dhcp->client.state == MN_DHCP_RELEASED;
    }
    return stack->now < dhcp->release_before_ns && mn_ip_awaits_neighbour(&stack->ip);
}

bool mnet_dhcp_lease(const struct mnet_stack *stack, struct mnet_dhcp_lease *result)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    const struct mn_dhcp_lease *lease = mn_dhcp_client_lease(&stack->dhcp.client);
    if (lease == NULL || stack->dhcp.client.state == MN_DHCP_CHECKING)
        return false;
    *result = (struct mnet_dhcp_lease){
        .address = {mnet_address_from_ipv4(lease->address), lease->length},
        .server = mnet_address_from_ipv4(lease->server),
        .dns_count = lease->dns_count,
        .ntp_count = lease->ntp_count,
        .end_ns = lease->end_ns,
    };
    if (lease->router != 0)
        result->router = mnet_address_from_ipv4(lease->router);
    for (unsigned i = 0; i < lease->dns_count; i++)
        result->dns[i] = mnet_address_from_ipv4(lease->dns[i]);
    for (unsigned i = 0; i < lease->ntp_count; i++)
        result->ntp[i] = mnet_address_from_ipv4(lease->ntp[i]);
    memcpy(result->domain, lease->domain, sizeof result->domain);
    return true;
}
