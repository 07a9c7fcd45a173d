/* The DNS servers and search domains that a stack has learnt, of all origins, in virtual time. */
#include "tests/unit/net6.h"

#include <mnet/resolvers.h>

#include "support/addresses.h"

static void expect_server(const struct mnet_resolvers *list, unsigned i, const char *text,
                          enum mnet_resolver_origin origin)
{
    assert_true(i < list->server_count);
    assert_true(mnet_address_equal(list->servers[i].address, address(text)));
    assert_int_equal(list->servers[i].origin, origin);
}

static void expect_domain(const struct mnet_resolvers *list, unsigned i, const char *name,
                          enum mnet_resolver_origin origin)
{
    assert_true(i < list->domain_count);
    assert_string_equal(list->domains[i].name, name);
    assert_int_equal(list->domains[i].origin, origin);
}

/* The configuration, DHCPv6 and a router each have a server and a domain of their own, and one in
 * common with another. */
static void net_with_all(struct net6 *n)
{
    net6_init(n);
    n->config.ip.dns[0] = address("192.0.2.1");
    n->config.ip.dns_count = 1;
    n->config.ip.search[0] = "config.example";
    n->config.ip.search_count = 1;
    n->server.dns[0] = address("2001:db8::53");
    n->server.dns[1] = address("2001:db8::54");
    n->server.domains = "\3six\7example";
    n->server.ra_server = address("2001:db8::54");
    n->server.ra_domain = "\2ra\7example";
    net6_open(n);
    net6_await(n, LEASED6, MNET_ADDRESS_PREFERRED);
}

/* RDNSS-5.3.1-4, N6-8.4-1, N6-8.1-2, SLAAC-5.6-1: one setting by both ways counts once, as
 * DHCP's. */
static void servers_are_ordered_by_origin(void **state)
{
    (void)state;
    struct net6 n;
    struct mnet_resolvers list;
    net_with_all(&n);
    mnet_stack_resolvers(n.stack, &list);
    assert_int_equal(list.server_count, 3);
    expect_server(&list, 0, "192.0.2.1", MNET_RESOLVER_CONFIG);
    expect_server(&list, 1, "2001:db8::53", MNET_RESOLVER_DHCPV6);
    expect_server(&list, 2, "2001:db8::54", MNET_RESOLVER_DHCPV6);
    assert_int_equal(list.domain_count, 3);
    expect_domain(&list, 0, "config.example", MNET_RESOLVER_CONFIG);
    expect_domain(&list, 1, "six.example", MNET_RESOLVER_DHCPV6);
    expect_domain(&list, 2, "ra.example", MNET_RESOLVER_ROUTER);
    net6_end(&n);
}

/* N6-8.3-1 */
static void servers_of_routers_end_with_their_lifetime(void **state)
{
    (void)state;
    struct net6 n;
    struct mnet_resolvers list;
    net6_init(&n);
    n.server.managed = false;
    n.server.ra_server = address("fe80::53");
    n.server.ra_domain = "\2RA\7example";
    n.server.ra_dns_s = 60;
    net6_open(&n);
    net6_pass_s(&n, 10);
    mnet_stack_resolvers(n.stack, &list);
    assert_int_equal(list.server_count, 1);
    struct mnet_address server = list.servers[0].address; /* with the zone of the link */
    assert_int_equal(server.zone, mnet_sim_device(n.client)->zone);
    assert_in_range(list.servers[0].until_ns, mnet_sim_now(n.sim), mnet_sim_now(n.sim) + 60 * MNET_SECOND);
    expect_domain(&list, 0, "RA.example", MNET_RESOLVER_ROUTER);
    uint32_t changes = mnet_stack_changes(n.stack);
    net6_pass_s(&n, 60);
    assert_int_not_equal(mnet_stack_changes(n.stack), changes);
    mnet_stack_resolvers(n.stack, &list);
    assert_int_equal(list.server_count + list.domain_count, 0);
    net6_end(&n);
}

static void servers_of_dhcp_come_with_the_lease(void **state)
{
    (void)state;
    struct net6 n;
    struct mnet_resolvers list;
    net6_init(&n);
    n.server4.silent = false;
    n.config.ip.dhcp = true;
    n.config.ip.no_ipv6 = true;
    n.config.ip.ipv6_auto = false;
    net6_open(&n);
    net6_pass_s(&n, 10);
    struct mnet_dhcp_lease lease;
    assert_true(mnet_dhcp_lease(n.stack, &lease));
    assert_true(lease.dns_count > 0);
    mnet_stack_resolvers(n.stack, &list);
    assert_int_equal(list.server_count, lease.dns_count);
    assert_true(mnet_address_equal(list.servers[0].address, lease.dns[0]));
    assert_int_equal(list.servers[0].origin, MNET_RESOLVER_DHCP);
    assert_int_equal(list.servers[0].until_ns, lease.end_ns);
    expect_domain(&list, 0, lease.domain, MNET_RESOLVER_DHCP);
    net6_end(&n);
}

static void expect_refused(struct net6 *n)
{
    assert_int_equal(mnet_stack_open(&n->config, &n->stack), MNET_E_INVALID);
    assert_null(n->stack);
}

static void wrong_configurations_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", ".", "a..b", ".a", "a.", "a b", "a/b", "0123456789012345678901234567890123456789012345678901234567890123"};
    struct net6 n;
    net6_init(&n);
    n.config.ip.search_count = 1;
    for (unsigned i = 0; i < MN_COUNT_OF(wrong); i++) {
        n.config.ip.search[0] = wrong[i];
        expect_refused(&n);
    }
    n.config.ip.search[0] = NULL;
    expect_refused(&n);
    n.config.ip.search_count = MNET_DNS_MAX + 1;
    expect_refused(&n);
    n.config.ip.search_count = 0;
    n.config.ip.dns_count = 1;
    expect_refused(&n); /* no address */
    n.config.ip.dns[0] = address("ff02::1");
    expect_refused(&n);
    n.config.ip.dns_count = MNET_DNS_MAX + 1;
    expect_refused(&n);
    net6_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_ordered_by_origin),
        cmocka_unit_test(servers_of_routers_end_with_their_lifetime),
        cmocka_unit_test(servers_of_dhcp_come_with_the_lease),
        cmocka_unit_test(wrong_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
