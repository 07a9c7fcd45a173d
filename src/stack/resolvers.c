/* The DNS servers and search lists of all origins, in one list: see mnet/resolvers.h. */
#include <mnet/dhcp.h>
#include <mnet/resolvers.h>

#include <string.h>

#include "stack/stack.h"
#include "stack/zone.h"

/* RDNSS-5.3.1-4: an address that an origin of more weight has told already is not repeated. */
static void add_server(const struct mnet_stack *stack, struct mnet_resolvers *list, struct mnet_address address,
                       enum mnet_resolver_origin origin, uint64_t until_ns)
{
    mn_zone_add(stack, &address);
    for (unsigned i = 0; i < list->server_count; i++)
        if (mn_address_equal(&list->servers[i].address, &address))
            return;
    if (list->server_count < MNET_RESOLVERS_MAX)
        list->servers[list->server_count++] = (struct mnet_resolver){address, origin, until_ns};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_same_name(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

static void add_domain(struct mnet_resolvers *list, const char *name, enum mnet_resolver_origin origin,
                       uint64_t until_ns)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < list->domain_count; i++)
        if (is_same_name(list->domains[i].name, name))
            return;
    if (len == 0 || len >= MNET_SEARCH_DOMAIN || list->domain_count == MNET_SEARCH_MAX)
        return;
    struct mnet_search_domain *domain = &list->domains[list->domain_count++];
    memcpy(domain->name, name, len + 1);
    domain->origin = origin;
    domain->until_ns = until_ns;
}

static void add_configured(const struct mnet_stack *stack, struct mnet_resolvers *list)
{
    const struct mnet_ip_config *config = &stack->config.ip;
    for (unsigned i = 0; i < config->dns_count; i++)
        add_server(stack, list, config->dns[i], MNET_RESOLVER_CONFIG, MNET_NEVER);
    for (unsigned i = 0; i < config->search_count; i++)
        add_domain(list, config->search[i], MNET_RESOLVER_CONFIG, MNET_NEVER);
}

/* RFC 8415 gives no lifetime for these. */
static void add_dhcp6(const struct mnet_stack *stack, struct mnet_resolvers *list)
{
    const struct mn_dhcp6_information *information = &stack->dhcp6.client.information;
    for (unsigned i = 0; i < information->dns_count; i++)
        add_server(stack, list, information->dns[i], MNET_RESOLVER_DHCPV6, MNET_NEVER);
    for (unsigned i = 0; i < information->domain_count; i++)
        add_domain(list, information->domains[i], MNET_RESOLVER_DHCPV6, MNET_NEVER);
}

static void add_dhcp(const struct mnet_stack *stack, struct mnet_resolvers *list)
{
    struct mnet_dhcp_lease lease;
    if (!mnet_dhcp_lease(stack, &lease))
        return;
    for (unsigned i = 0; i < lease.dns_count; i++)
        add_server(stack, list, lease.dns[i], MNET_RESOLVER_DHCP, lease.end_ns);
    add_domain(list, lease.domain, MNET_RESOLVER_DHCP, lease.end_ns);
}

static void add_routers(const struct mnet_stack *stack, struct mnet_resolvers *list)
{
    const struct mn_resolvers *known = mn_ip_resolvers(&stack->ip);
    for (unsigned i = 0; i < known->server_count; i++)
        add_server(stack, list, known->servers[i].address, MNET_RESOLVER_ROUTER, known->servers[i].until_ns);
    for (unsigned i = 0; i < known->name_count; i++) {
        const struct mn_search_name *name = &known->names[i];
        struct mn_reader bytes = mn_reader(name->bytes, name->len);
        char text[MN_DOMAIN];
        if (mn_domain_next(&bytes, text))
            add_domain(list, text, MNET_RESOLVER_ROUTER, name->until_ns);
    }
}

void mnet_stack_resolvers(const struct mnet_stack *stack, struct mnet_resolvers *resolvers)
{
    MN_REQUIRE(stack != NULL && resolvers != NULL, "the stack or the list is NULL");
    resolvers->server_count = resolvers->domain_count = 0;
    add_configured(stack, resolvers);
    add_dhcp6(stack, resolvers);
    add_dhcp(stack, resolvers);
    add_routers(stack, resolvers);
}
