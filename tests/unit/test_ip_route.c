/* Routes: longest prefix, gateways, destinations on the link, and configurations that are
 * refused. */
#include "tests/support/ip_host.h"

struct route_line {
    uint32_t network;
    unsigned length;
    uint32_t gateway;
};

static bool add(struct mn_routes *routes, uint32_t network, unsigned length, uint32_t gateway)
{
    struct mnet_prefix to = {mnet_address_from_ipv4(network), (uint8_t)length};
    return mn_routes_add(routes, to, gateway == 0 ? MNET_ADDRESS_ANY : mnet_address_from_ipv4(gateway));
}

static void expect_hop(const struct mn_routes *routes, uint32_t destination, uint32_t expected)
{
    struct mnet_address hop = MNET_ADDRESS_ANY;
    assert_true(mn_routes_find(routes, mnet_address_from_ipv4(destination), &hop));
    assert_int_equal(mnet_address_to_ipv4(hop), expected);
}

static void empty_find_nothing(void **state)
{
    (void)state;
    struct mn_routes routes = {0};
    struct mnet_address hop, peer = mnet_address_from_ipv4(PEER_IP);
    assert_false(mn_routes_find(&routes, peer, &hop));
    assert_false(mn_routes_on_link(&routes, peer));
    assert_false(mn_routes_is_gateway(&routes, MNET_ADDRESS_ANY));
}

static void routes_find_longest_prefix_in_any_order(void **state)
{
    (void)state;
    static const struct route_line all[] = {
        {IPV4(0, 0, 0, 0), 0, IPV4(10, 0, 0, 1)},     {IPV4(10, 0, 0, 0), 24, 0},
        {IPV4(10, 0, 0, 128), 25, IPV4(10, 0, 0, 4)}, {IPV4(10, 0, 0, 200), 32, IPV4(10, 0, 0, 5)},
        {IPV4(10, 0, 0, 0), 8, IPV4(10, 0, 0, 6)},
    };
    for (unsigned first = 0; first < 5; first++) {
        struct mn_routes routes = {0};
        for (unsigned i = 0; i < 5; i++) {
            const struct route_line *route = &all[(first + i) % 5];
            assert_true(add(&routes, route->network, route->length, route->gateway));
        }
        expect_hop(&routes, IPV4(10, 0, 0, 7), IPV4(10, 0, 0, 7));
        expect_hop(&routes, IPV4(10, 0, 0, 199), IPV4(10, 0, 0, 4));
        expect_hop(&routes, IPV4(10, 0, 0, 200), IPV4(10, 0, 0, 5));
        expect_hop(&routes, IPV4(10, 9, 0, 1), IPV4(10, 0, 0, 6));
        expect_hop(&routes, IPV4(8, 8, 8, 8), IPV4(10, 0, 0, 1));
    }
}

static void routes_of_equal_prefix_first_wins(void **state)
{
    (void)state;
    struct mn_routes routes = {0};
    add(&routes, IPV4(10, 1, 0, 0), 16, IPV4(10, 0, 0, 1));
    add(&routes, IPV4(10, 1, 0, 0), 16, IPV4(10, 0, 0, 2));
    expect_hop(&routes, IPV4(10, 1, 2, 3), IPV4(10, 0, 0, 1));
}

static void add_ignores_host_bits_and_refuses_bad_lengths(void **state)
{
    (void)state;
    struct mn_routes routes = {0};
    assert_false(add(&routes, 0, 33, 0));
    assert_true(add(&routes, IPV4(10, 1, 2, 3), 16, 0));
    expect_hop(&routes, IPV4(10, 1, 9, 9), IPV4(10, 1, 9, 9));
}

static void add_to_a_full_table_is_refused(void **state)
{
    (void)state;
    struct mn_routes routes = {0};
    for (unsigned i = 0; i < MN_ROUTES_MAX; i++)
        assert_true(add(&routes, i << 16, 16, 0));
    assert_false(add(&routes, IPV4(10, 0, 0, 0), 8, 0));
}

static int start_with(struct ip_host *h, struct mn_ip_config config)
{
    int result = ip_host_start(h, &config);
    if (result != 0)
        free(h->region);
    return result;
}

static struct mnet_prefix prefix(uint32_t address, uint8_t length)
{
    return (struct mnet_prefix){mnet_address_from_ipv4(address), length};
}

static void init_refuses_impossible_addresses(void **state)
{
    (void)state;
    static const struct {
        uint32_t address;
        uint8_t length;
    } bad[] = {
        {IPV4(10, 0, 0, 0), 24}, {IPV4(10, 0, 0, 255), 24}, {IPV4(127, 0, 0, 1), 8}, {IPV4(224, 0, 0, 1), 4},
        {IPV4(0, 0, 0, 5), 8},   {IPV4(10, 0, 0, 2), 0},    {IPV4(10, 0, 0, 2), 33}, {ALL_BROADCAST, 32},
    };
    struct ip_host h;
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++) {
        struct mn_ip_config config = ip_host_config(&h);
        config.user.ipv4 = prefix(bad[i].address, bad[i].length);
        config.user.ipv4_gateway = MNET_ADDRESS_ANY;
        assert_int_equal(start_with(&h, config), MNET_E_INVALID);
    }
}

static void init_refuses_impossible_gateways(void **state)
{
    (void)state;
    static const uint32_t bad[] = {OWN_IP, NETWORK_BROADCAST, FAR_IP, IPV4(224, 0, 0, 1), IPV4(127, 0, 0, 1)};
    struct ip_host h;
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++) {
        struct mn_ip_config config = ip_host_config(&h);
        config.user.ipv4_gateway = mnet_address_from_ipv4(bad[i]);
        assert_int_equal(start_with(&h, config), MNET_E_INVALID);
    }
}

static void init_refuses_gateway_or_routes_without_address(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip_host_config(&h);
    config.user.ipv4 = (struct mnet_prefix){0};
    assert_int_equal(start_with(&h, config), MNET_E_INVALID);
    config.user.ipv4_gateway = MNET_ADDRESS_ANY;
    assert_int_equal(start_with(&h, config), 0);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_NONE);
    assert_int_equal(mn_ip_deadline(&h.ip), MNET_NEVER);
    ip_host_down(&h);
}

static void init_refuses_routes_through_nowhere(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip_host_config(&h);
    config.user.routes[0] = (struct mnet_route){prefix(IPV4(172, 16, 0, 0), 12), mnet_address_from_ipv4(FAR_IP)};
    config.user.route_count = 1;
    assert_int_equal(start_with(&h, config), MNET_E_INVALID);
    config.user.routes[0].gateway = mnet_address_from_ipv4(PEER_IP);
    assert_int_equal(start_with(&h, config), 0);
    ip_host_down(&h);
    config.user.routes[0].destination.length = 40;
    assert_int_equal(start_with(&h, config), MNET_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_find_nothing),
        cmocka_unit_test(routes_find_longest_prefix_in_any_order),
        cmocka_unit_test(routes_of_equal_prefix_first_wins),
        cmocka_unit_test(add_ignores_host_bits_and_refuses_bad_lengths),
        cmocka_unit_test(add_to_a_full_table_is_refused),
        cmocka_unit_test(init_refuses_impossible_addresses),
        cmocka_unit_test(init_refuses_impossible_gateways),
        cmocka_unit_test(init_refuses_gateway_or_routes_without_address),
        cmocka_unit_test(init_refuses_routes_through_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
