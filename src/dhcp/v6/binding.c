#include "dhcp/v6/binding.h"

#include <mnet/time.h>

/* The client chooses T1 and T2 if a server leaves them to it: tenths of the shortest preferred
 * lifetime, as RFC 8415 21.4 suggests, and never at once (14.2). */
#define T1_TENTHS 5
#define T2_TENTHS 8
#define CHOSEN_LEAST_NS MNET_SECOND

/* Statuses that say there is no such address for this client. Others, unknown ones among them, say
 * nothing about it (DHCP6-21.13-2). */
static bool bars(uint16_t status)
{
    return status == MN_DHCPV6_NO_ADDRS_AVAIL || status == MN_DHCPV6_NO_BINDING || status == MN_DHCPV6_NOT_ON_LINK;
}

bool mn_dhcp6_grants(const struct mn_dhcpv6_ia *ia)
{
    if (bars(ia->status))
        return false;
    for (unsigned i = 0; i < ia->address_count; i++)
        if (!bars(ia->addresses[i].status) && ia->addresses[i].valid_s > 0)
            return true;
    return false;
}

static struct mn_dhcp6_address *find(struct mn_dhcp6_binding *binding, const struct mnet_address *address)
{
    MN_DEBUG_ASSERT(binding->count <= MN_DHCP6_ADDRESSES);
    for (unsigned i = 0; i < binding->count; i++)
        if (mn_address_equal(&binding->addresses[i].address, address))
            return &binding->addresses[i];
    return NULL;
}

static void remove_at(struct mn_dhcp6_binding *binding, const struct mn_dhcp6_address *address)
{
    size_t i = (size_t)(address - binding->addresses);
    MN_ASSERT(i < binding->count);
    binding->count--;
    memmove(&binding->addresses[i], &binding->addresses[i + 1], (binding->count - i) * sizeof *address);
}

bool mn_dhcp6_binding_remove(struct mn_dhcp6_binding *binding, const struct mnet_address *address)
{
    struct mn_dhcp6_address *known = find(binding, address);
    if (known == NULL)
        return false;
    remove_at(binding, known);
    return true;
}

/* A time of a message as a span. */
static uint64_t span(uint32_t seconds)
{
    return seconds == MN_DHCPV6_INFINITE ? MNET_NEVER : seconds * MNET_SECOND;
}

static uint64_t tenths(uint64_t span_ns, unsigned count)
{
    return span_ns == MNET_NEVER ? MNET_NEVER : MN_MAX(span_ns / 10 * count, CHOSEN_LEAST_NS);
}

/* The shortest preferred lifetime, or valid one of an address that is deprecated already. */
static uint64_t shortest(const struct mn_dhcp6_binding *binding, uint64_t now)
{
    uint64_t ns = MNET_NEVER;
    for (unsigned i = 0; i < binding->count; i++) {
        const struct mn_dhcp6_address *address = &binding->addresses[i];
        uint64_t until = address->preferred_until_ns > now ? address->preferred_until_ns : address->valid_until_ns;
        if (until != MNET_NEVER)
            ns = MN_MIN(ns, until - now);
    }
    return ns;
}

/* DHCP6-14.2-1, DHCP6-14.2-2, DHCP6-21.4-3: a time of the server counts, and one that is 0 is ours
 * to choose. The relation of the two is kept: T1 is never behind T2. */
static void choose_times(struct mn_dhcp6_binding *binding, const struct mn_dhcpv6_ia *ia, uint64_t now)
{
    uint64_t lifetime = shortest(binding, now);
    uint64_t t1 = ia->t1_s != 0 ? span(ia->t1_s) : tenths(lifetime, T1_TENTHS);
    uint64_t t2 = ia->t2_s != 0 ? span(ia->t2_s) : tenths(lifetime, T2_TENTHS);
    if (t1 > t2 && ia->t1_s == 0)
        t1 = t2 / T2_TENTHS * T1_TENTHS;
    else if (t1 > t2)
        t2 = t1 == MNET_NEVER ? MNET_NEVER : t1 / T1_TENTHS * T2_TENTHS;
    binding->t1_ns = mn_time_after(now, t1);
    binding->t2_ns = mn_time_after(now, t2);
    MN_DEBUG_ASSERT(binding->t1_ns <= binding->t2_ns);
}

static void update_address(struct mn_dhcp6_binding *binding, const struct mn_dhcpv6_address *given, uint64_t now)
{
    MN_DEBUG_ASSERT(given->preferred_s <= given->valid_s);
    struct mn_dhcp6_address *known = find(binding, &given->address);
    if (bars(given->status))
        return;
    if (given->valid_s == 0) {
        if (known != NULL)
            remove_at(binding, known);
        return;
    }
    if (known == NULL && binding->count == MN_DHCP6_ADDRESSES)
        return;
    if (known == NULL)
        known = &binding->addresses[binding->count++];
    *known = (struct mn_dhcp6_address){
        .address = given->address,
        .preferred_until_ns = mn_time_after(now, span(given->preferred_s)),
        .valid_until_ns = mn_time_after(now, span(given->valid_s)),
    };
}

bool mn_dhcp6_binding_update(struct mn_dhcp6_binding *binding, const struct mn_dhcpv6_ia *ia, uint64_t now)
{
    if (bars(ia->status))
        return false;
    for (unsigned i = 0; i < ia->address_count; i++) /* DHCP6-18.2.10.1-3 */
        update_address(binding, &ia->addresses[i], now);
    choose_times(binding, ia, now);
    return true;
}

bool mn_dhcp6_binding_expire(struct mn_dhcp6_binding *binding, uint64_t now)
{
    bool any = false;
    for (unsigned i = binding->count; i-- > 0;)
        if (binding->addresses[i].valid_until_ns <= now) {
            remove_at(binding, &binding->addresses[i]);
            any = true;
        }
    return any;
}

uint64_t mn_dhcp6_binding_deadline(const struct mn_dhcp6_binding *binding)
{
    uint64_t deadline = MNET_NEVER;
    for (unsigned i = 0; i < binding->count; i++)
        deadline = MN_MIN(deadline, binding->addresses[i].valid_until_ns);
    return deadline;
}

void mn_dhcp6_binding_list(const struct mn_dhcp6_binding *binding, struct mn_dhcpv6_ia *ia)
{
    MN_DEBUG_ASSERT(binding->count <= MN_COUNT_OF(ia->addresses));
    ia->address_count = binding->count;
    for (unsigned i = 0; i < binding->count; i++)
        ia->addresses[i] = (struct mn_dhcpv6_address){.address = binding->addresses[i].address};
}
