#include "dhcp/v4/lease.h"

#include <string.h>

#include <mnet/time.h>

#include "wire/ipv4_address.h"

/* Every host must accept this size (RFC 791 3.1); less is only of use to an attacker. */
#define MTU_MIN 576

/* RFC 791 3.2: class A, B or C. */
static uint32_t mask_of_class(uint32_t address)
{
    return address >> 31 == 0 ? UINT32_C(0xff000000) : address >> 30 == 2 ? UINT32_C(0xffff0000) : UINT32_C(0xffffff00);
}

/* Returns the length of the prefix. Returns 0 if the mask is none, or if the address is the
 * network's own or its broadcast address. */
static uint8_t prefix_length(uint32_t address, uint32_t mask)
{
    uint32_t host = ~mask;
    if (mask == 0 || (host & (host + 1)) != 0) /* ones, then zeros */
        return 0;
    if (host > 1 && ((address & host) == 0 || (address & host) == host))
        return 0;
    uint8_t length = 32;
    for (; host != 0; host >>= 1)
        length--;
    return length;
}

/* Returns the first router that can be one: another host on our network, or any other if the
 * network is the host alone. */
static uint32_t choose_router(const struct mn_dhcp *message, const struct mn_dhcp_lease *lease)
{
    MN_DEBUG_ASSERT(lease->length > 0 && lease->length <= 32);
    for (unsigned i = 0; i < message->router_count; i++) {
        uint32_t router = message->routers[i];
        bool near = lease->length == 32 || ((router ^ lease->address) >> (32 - lease->length)) == 0;
        if (mn_ipv4_is_host(router) && router != lease->address && near)
            return router;
    }
    return 0;
}

/* RFC 2131 4.4.5: T1 before T2 before the end of the lease, or the RFC's defaults. */
static void choose_times(const struct mn_dhcp *message, struct mn_dhcp_lease *lease)
{
    MN_DEBUG_ASSERT(message->lease_s > 0);
    lease->lease_s = lease->t1_s = lease->t2_s = message->lease_s;
    if (lease->lease_s == MN_DHCP_INFINITE)
        return;
    bool t2_ok = message->t2_s > 0 && message->t2_s < lease->lease_s;
    lease->t2_s = t2_ok ? message->t2_s : lease->lease_s - lease->lease_s / 8;
    lease->t1_is_given = message->t1_s > 0 && message->t1_s < lease->t2_s;
    uint32_t half = MN_MAX(MN_MIN(lease->lease_s / 2, lease->t2_s / 7 * 4), 1u);
    lease->t1_s = lease->t1_is_given ? message->t1_s : half;
    MN_DEBUG_ASSERT(lease->t1_s <= lease->t2_s && lease->t2_s <= lease->lease_s);
}

bool mn_dhcp_lease_read(const struct mn_dhcp *message, struct mn_dhcp_lease *lease)
{
    uint32_t address = message->yiaddr;
    uint32_t mask = message->subnet_mask != 0 ? message->subnet_mask : mask_of_class(address);
    *lease = (struct mn_dhcp_lease){.address = address, .server = message->server_id};
    if (!mn_ipv4_is_host(address) || !mn_ipv4_is_host(message->server_id) || message->server_id == address ||
        message->lease_s == 0)
        return false;
    lease->length = prefix_length(address, mask);
    if (lease->length == 0)
        return false;
    lease->route_count = message->route_count;
    memcpy(lease->routes, message->routes, sizeof lease->routes);
    if (message->route_count == 0) /* RFC 3442: a client with routes ignores the router */
        lease->router = choose_router(message, lease);
    for (unsigned i = 0; i < message->dns_count; i++)
        if (mn_ipv4_is_host(message->dns[i]))
            lease->dns[lease->dns_count++] = message->dns[i];
    for (unsigned i = 0; i < message->ntp_count; i++)
        if (mn_ipv4_is_host(message->ntp[i]))
            lease->ntp[lease->ntp_count++] = message->ntp[i];
    memcpy(lease->domain, message->domain, sizeof lease->domain);
    lease->mtu = message->mtu >= MTU_MIN ? message->mtu : 0;
    choose_times(message, lease);
    return true;
}

void mn_dhcp_lease_complete(struct mn_dhcp *message, const struct mn_dhcp_lease *held)
{
    MN_DEBUG_ASSERT(held->address != 0);
    if (message->server_id == 0)
        message->server_id = held->server;
    if (message->subnet_mask == 0)
        message->subnet_mask = held->length == 0 ? 0 : UINT32_MAX << (32 - held->length);
    if (message->lease_s == 0) {
        message->lease_s = held->lease_s;
        message->t1_s = message->t1_s == 0 && held->t1_is_given ? held->t1_s : message->t1_s;
        message->t2_s = message->t2_s == 0 ? held->t2_s : message->t2_s;
    }
    if (message->router_count == 0 && message->route_count == 0) {
        message->routers[0] = held->router;
        message->router_count = held->router != 0;
        message->route_count = held->route_count;
        memcpy(message->routes, held->routes, sizeof message->routes);
    }
    if (message->dns_count == 0) {
        message->dns_count = held->dns_count;
        memcpy(message->dns, held->dns, sizeof message->dns);
    }
    if (message->ntp_count == 0) {
        message->ntp_count = held->ntp_count;
        memcpy(message->ntp, held->ntp, sizeof message->ntp);
    }
    if (message->domain[0] == '\0')
        memcpy(message->domain, held->domain, sizeof message->domain);
    if (message->mtu == 0)
        message->mtu = held->mtu;
}

static uint64_t after(uint64_t since, uint32_t seconds)
{
    return seconds == MN_DHCP_INFINITE ? MNET_NEVER : since + seconds * MNET_SECOND;
}

void mn_dhcp_lease_begin(struct mn_dhcp_lease *lease, uint64_t since, uint32_t early_s)
{
    MN_DEBUG_ASSERT(lease->t1_s <= lease->t2_s && lease->t2_s <= lease->lease_s);
    lease->t1_ns = after(since, lease->t1_s);
    if (!lease->t1_is_given && lease->lease_s != MN_DHCP_INFINITE)
        lease->t1_ns -= early_s * MNET_SECOND;
    lease->t2_ns = after(since, lease->t2_s);
    lease->end_ns = after(since, lease->lease_s);
}
