/* The lease that a client reads from a server's grant: defaults, and values that it does not
 * believe (RFC 2131, RFC 2132, RFC 3442). */
#include "unit/support.h"

#include "dhcp/v4/lease.h"

#define ADDRESS 0x0a000042u
#define SERVER 0x0a000001u
#define OTHER 0x0a000009u
#define LEASE 3600u

static void lease_without_mask_has_that_of_its_class(void **state)
{
    static const struct {
        uint32_t address;
        uint8_t length;
    } cases[] = {{0x0a010203, 8}, {0x80010203, 16}, {0xc0a80003, 24}};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mn_dhcp message = {.yiaddr = cases[i].address, .server_id = SERVER, .lease_s = LEASE};
        struct mn_dhcp_lease lease;
        assert_true(mn_dhcp_lease_read(&message, &lease));
        assert_int_equal(lease.length, cases[i].length);
    }
}

static void lease_of_a_host_alone_has_its_router_anywhere(void **state)
{
    (void)state;
    struct mn_dhcp message = {.yiaddr = ADDRESS,
                              .server_id = SERVER,
                              .lease_s = LEASE,
                              .subnet_mask = 0xffffffff,
                              .router_count = 1,
                              .routers = {0xc0000201}};
    struct mn_dhcp_lease lease;
    assert_true(mn_dhcp_lease_read(&message, &lease));
    assert_int_equal(lease.length, 32);
    assert_int_equal(lease.router, 0xc0000201);
}

static void lease_takes_the_first_router_that_can_be(void **state)
{
    (void)state;
    struct mn_dhcp message = {.yiaddr = ADDRESS,
                              .server_id = SERVER,
                              .lease_s = LEASE,
                              .subnet_mask = 0xffffff00,
                              .router_count = 4,
                              .routers = {0, 0xc0000201, ADDRESS, OTHER}};
    struct mn_dhcp_lease lease;
    assert_true(mn_dhcp_lease_read(&message, &lease));
    assert_int_equal(lease.router, OTHER);
    message.router_count = 3;
    assert_true(mn_dhcp_lease_read(&message, &lease));
    assert_int_equal(lease.router, 0);
}

/* RFC 3442: a client that has routes ignores the router. */
static void lease_with_routes_has_no_router(void **state)
{
    (void)state;
    struct mn_dhcp message = {.yiaddr = ADDRESS,
                              .server_id = SERVER,
                              .lease_s = LEASE,
                              .subnet_mask = 0xffffff00,
                              .router_count = 1,
                              .routers = {OTHER},
                              .route_count = 1,
                              .routes = {{0xc0a80000, 16, OTHER}},
                              .dns_count = 2,
                              .dns = {0xffffffff, OTHER},
                              .ntp_count = 2,
                              .ntp = {OTHER, 0xffffffff},
                              .domain = "example.org"};
    struct mn_dhcp_lease lease;
    assert_true(mn_dhcp_lease_read(&message, &lease));
    assert_int_equal(lease.router, 0);
    assert_int_equal(lease.route_count, 1);
    assert_int_equal(lease.routes[0].gateway, OTHER);
    assert_int_equal(lease.dns_count, 1); /* the other one is no host */
    assert_int_equal(lease.dns[0], OTHER);
    assert_int_equal(lease.ntp_count, 1);
    assert_int_equal(lease.ntp[0], OTHER);
    assert_string_equal(lease.domain, "example.org");
}

static void lease_mtu_below_576_is_not_believed(void **state)
{
    static const uint16_t mtus[] = {68, 575, 576, 1400};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(mtus); i++) {
        struct mn_dhcp message = {
            .yiaddr = ADDRESS, .server_id = SERVER, .lease_s = LEASE, .subnet_mask = 0xffffff00, .mtu = mtus[i]};
        struct mn_dhcp_lease lease;
        assert_true(mn_dhcp_lease_read(&message, &lease));
        assert_int_equal(lease.mtu, mtus[i] >= 576 ? mtus[i] : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lease_without_mask_has_that_of_its_class),
        cmocka_unit_test(lease_of_a_host_alone_has_its_router_anywhere),
        cmocka_unit_test(lease_takes_the_first_router_that_can_be),
        cmocka_unit_test(lease_with_routes_has_no_router),
        cmocka_unit_test(lease_mtu_below_576_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
