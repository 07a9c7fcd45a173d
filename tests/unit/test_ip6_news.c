/* What the host tells of routers: changes, and lines of the log, once or now and then. */
#include "tests/support/ip6_router.h"

/* ---- Changes ---- */

/* Returns true if the host has told of a change since the last call. */
static bool tells(const struct ip_host *h, uint32_t *seen)
{
    bool changed = mn_ip_changes(&h->ip) != *seen;
    *seen = mn_ip_changes(&h->ip);
    return changed;
}

/* Routers, networks and own addresses that come, change or go are told, and nothing else is. */
static void changes_are_told_and_repetitions_are_not(void **state)
{
    (void)state;
    struct ip_host h;
    uint32_t seen = 0;
    auto_host_up(&h);
    tells(&h, &seen);
    receive_ra(&h, .lifetime_s = 1800, .mac = PEER_MAC);
    assert_true(tells(&h, &seen));
    receive_ra(&h, .lifetime_s = 1800, .mac = PEER_MAC, .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
    assert_true(tells(&h, &seen)); /* a network, and a tentative address */
    pass_ms(&h, 3000);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_OURS);
    assert_true(tells(&h, &seen));
    for (unsigned i = 0; i < 10; i++) {
        receive_ra(&h, .lifetime_s = 1800, .mac = PEER_MAC, .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
        pass_ms(&h, 1000);
        assert_false(tells(&h, &seen)); /* lifetimes alone */
    }
    receive_ra(&h, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, HOUR, 0)});
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_DEPRECATED);
    assert_true(tells(&h, &seen));
    receive_ra(&h, .lifetime_s = 0);
    assert_true(tells(&h, &seen)); /* no router any more */
    pass_ms(&h, HOUR * 1000);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_NONE);
    assert_true(tells(&h, &seen));
    ip_host_down(&h);
}

/* ---- Lines ---- */

/* An MTU that the link has not is told once, and another one again. */
static void advertised_mtu_that_is_too_large_is_logged_once(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    unsigned before = h.log_lines;
    for (unsigned i = 0; i < 100; i++) {
        receive_ra(&h, .mtu = 9000, .mac = PEER_MAC);
        receive_ra(&h, .mtu = 1500, .mac = PEER_MAC);
    }
    assert_int_equal(h.log_lines, before + 1);
    receive_ra(&h, .mtu = 9001, .mac = PEER_MAC);
    assert_int_equal(h.log_lines, before + 2);
    ip_host_down(&h);
}

/* Whatever routers say each second for an hour, the log has one line in ten seconds of each kind
 * in the long run, and sixteen at once. */
static void flood_of_advertisements_leaves_few_lines(void **state)
{
    (void)state;
    const struct ra_line turns[][2] = {
        {{.lifetime_s = 60}, {.lifetime_s = 0}},
        {{.mtu = 9000}, {.mtu = 9001}},
        {{.prefixes = {PREFIX(NET_1, 2 * HOUR, 0)}}, {.prefixes = {PREFIX(NET_1, 2 * HOUR, HOUR)}}},
    };
    for (size_t kind = 0; kind < MN_COUNT_OF(turns); kind++) {
        struct ip_host h;
        auto_host_up(&h);
        have_router(&h);
        unsigned before = h.log_lines;
        for (unsigned i = 0; i < HOUR; i++) {
            struct ra_line line = turns[kind][i % 2];
            line.router = ROUTER_A;
            line.mac = PEER_MAC;
            receive_ra_line(&h, &line);
            pass_ms(&h, 1000);
            discard_sent6(&h);
        }
        assert_in_range(h.log_lines - before, HOUR / 10, HOUR / 10 + 20);
        ip_host_down(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_told_and_repetitions_are_not),
        cmocka_unit_test(advertised_mtu_that_is_too_large_is_logged_once),
        cmocka_unit_test(flood_of_advertisements_leaves_few_lines),
    };
    return cmocka_run_group_tests_name("ip6_news", tests, NULL, NULL);
}
