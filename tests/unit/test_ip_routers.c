/* Default routers, more specific routes, and the choice among them (RFC 4861 6.3, RFC 4191). */
#include "unit/support.h"

#include "ip/v6/routers.h"
#include "support/addresses.h"

#define A "fe80::a"
#define B "fe80::b"
#define C "fe80::c"
#define SOMEWHERE "2001:db8:ffff::1"

static struct mn_routers start(void)
{
    struct mn_routers routers;
    mn_routers_init(&routers, (struct mn_hash_key){1, 2});
    return routers;
}

static uint64_t seconds(uint64_t number)
{
    return number * MNET_SECOND;
}

static void advertise(struct mn_routers *routers, const char *router, uint16_t lifetime, int preference, uint64_t at_s)
{
    const struct mn_router_advertisement advertisement = {address(router), lifetime, (int8_t)preference};
    mn_routers_expire(routers, seconds(at_s));
    mn_routers_take_advertisement(routers, &advertisement, seconds(at_s));
}

static void inform(struct mn_routers *routers, const char *router, const char *prefix, uint32_t lifetime,
                   int preference, uint64_t at_s)
{
    struct mn_nd_route information = {.lifetime_s = lifetime, .preference = (int8_t)preference};
    assert_int_equal(mnet_prefix_parse(prefix, &information.prefix), 0);
    mn_routers_take_route(routers, address(router), &information, seconds(at_s));
}

static void set_reach(struct mn_routers *routers, const char *router, enum mn_router_reach reach)
{
    mn_routers_set_reach(routers, address(router), reach);
}

/* The choice for a destination; "none" if there is no route. */
static const char *choose_from(struct mn_routers *routers, const char *destination, const char *source, uint64_t at_s,
                               struct mn_router_choice *choice)
{
    static char text[MNET_ADDRESS_TEXT];
    struct mnet_address from = source == NULL ? MNET_ADDRESS_ANY : address(source);
    if (!mn_routers_choose(routers, address(destination), from, seconds(at_s), choice))
        return "none";
    return mnet_address_format(choice->router, text, sizeof text);
}

static const char *choose(struct mn_routers *routers, const char *destination, uint64_t at_s)
{
    struct mn_router_choice choice;
    return choose_from(routers, destination, NULL, at_s, &choice);
}

/* ND-6.3.4-4, ND-6.3.4-5, ND-6.3.4-6, N6-5.4-2 */
static void router_has_the_lifetime_received_last(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    assert_string_equal(choose(&routers, SOMEWHERE, 0), "none"); /* RTPREF-3.2-3 */
    assert_true(mn_routers_deadline(&routers) == MNET_NEVER);
    advertise(&routers, A, 1800, 0, 0);
    assert_true(mn_routers_deadline(&routers) == seconds(1800));
    assert_string_equal(choose(&routers, SOMEWHERE, 1799), A);
    assert_string_equal(choose(&routers, SOMEWHERE, 1800), "none");
    advertise(&routers, A, 10, 0, 1);
    assert_true(mn_routers_deadline(&routers) == seconds(11));
    uint32_t generation = routers.generation;
    mn_routers_expire(&routers, seconds(10));
    assert_true(mn_routers_has(&routers, address(A)));
    mn_routers_expire(&routers, seconds(11)); /* ND-6.3.5-2 */
    assert_false(mn_routers_has(&routers, address(A)));
    assert_int_not_equal(routers.generation, generation);
    advertise(&routers, A, 100, 0, 20);
    advertise(&routers, A, 0, MN_ND_HIGH, 21); /* RTPREF-2.2-2 */
    assert_string_equal(choose(&routers, SOMEWHERE, 21), "none");
    advertise(&routers, B, 0, 0, 21);
    assert_false(mn_routers_has(&routers, address(B)));
}

/* ND-4.2-1 */
static void longest_router_lifetime_is_no_infinity(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    advertise(&routers, A, UINT16_MAX, 0, 0);
    assert_true(mn_routers_deadline(&routers) == seconds(65535));
}

/* ND-6.3.4-7 */
static void further_routers_take_over(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    advertise(&routers, A, 10, 1, 0);
    advertise(&routers, B, 20, 0, 0);
    advertise(&routers, C, 30, -1, 0);
    assert_string_equal(choose(&routers, SOMEWHERE, 5), A);
    mn_routers_expire(&routers, seconds(10));
    assert_string_equal(choose(&routers, SOMEWHERE, 10), B);
    mn_routers_expire(&routers, seconds(20));
    assert_string_equal(choose(&routers, SOMEWHERE, 20), C);
}

/* RTPREF-2.1-1, N6-5.9-1 */
static void preference_orders_routers(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    advertise(&routers, A, 100, MN_ND_LOW, 0);
    assert_string_equal(choose(&routers, SOMEWHERE, 0), A);
    advertise(&routers, B, 100, MN_ND_MEDIUM, 0);
    assert_string_equal(choose(&routers, SOMEWHERE, 0), B);
    advertise(&routers, C, 100, MN_ND_HIGH, 0);
    assert_string_equal(choose(&routers, SOMEWHERE, 0), C);
    uint32_t generation = routers.generation;
    advertise(&routers, C, 100, MN_ND_LOW, 1);
    assert_int_not_equal(routers.generation, generation); /* RTPREF-3.3-1 */
    assert_string_equal(choose(&routers, SOMEWHERE, 1), B);
    generation = routers.generation;
    advertise(&routers, C, 100, MN_ND_LOW, 2);
    assert_int_equal(routers.generation, generation);
}

/* RTPREF-2.3-3, RTPREF-2.3-4, RTPREF-3.1-2, RTPREF-3.2-1, N6-5.9-2 */
static void more_specific_route_is_chosen(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    advertise(&routers, A, 1000, MN_ND_HIGH, 0);
    inform(&routers, B, "2001:db8:1::/48", 100, MN_ND_LOW, 0);
    assert_string_equal(choose(&routers, "2001:db8:1::1", 0), B);
    assert_string_equal(choose(&routers, "2001:db8:2::1", 0), A);
    inform(&routers, C, "2001:db8:1::dead/64", UINT32_MAX, MN_ND_LOW, 0);
    assert_string_equal(choose(&routers, "2001:db8:1::1", 99), C);
    assert_string_equal(choose(&routers, "2001:db8:1:1::1", 99), B);
    inform(&routers, C, "2001:db8:1::/64", 0, 0, 99);
    assert_string_equal(choose(&routers, "2001:db8:1::1", 99), B);
    mn_routers_expire(&routers, seconds(100));
    assert_string_equal(choose(&routers, "2001:db8:1::1", 100), A);
    inform(&routers, B, "2001:db8:1::/48", 0, 0, 100); /* unknown: nothing to remove */
    assert_int_equal(routers.count, 1);
}

static void infinite_route_never_ends(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    inform(&routers, A, "2001:db8:1::/48", UINT32_MAX, 0, 0);
    assert_true(mn_routers_deadline(&routers) == MNET_NEVER);
    mn_routers_expire(&routers, seconds(UINT32_MAX) * 2);
    assert_string_equal(choose(&routers, "2001:db8:1::1", UINT32_MAX), A);
    assert_string_equal(choose(&routers, SOMEWHERE, 0), "none");
}

/* RTPREF-3.1-1 */
static void option_for_everything_overrides_the_header(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    advertise(&routers, A, 1800, MN_ND_HIGH, 0);
    inform(&routers, A, "::/0", 60, MN_ND_LOW, 0);
    advertise(&routers, B, 1800, MN_ND_MEDIUM, 0);
    assert_int_equal(routers.count, 2);
    assert_string_equal(choose(&routers, SOMEWHERE, 0), B);
    assert_true(mn_routers_deadline(&routers) == seconds(60));
    advertise(&routers, C, 0, 0, 0);
    inform(&routers, C, "::/0", 60, MN_ND_HIGH, 0);
    assert_string_equal(choose(&routers, SOMEWHERE, 0), C);
}

/* RTPREF-3.2-1, RTPREF-3.5-1, RTPREF-3.5-2 */
static void unreachable_router_is_passed_over_and_probed_each_minute(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    struct mn_router_choice choice;
    advertise(&routers, A, 1800, MN_ND_HIGH, 0);
    advertise(&routers, B, 1800, MN_ND_LOW, 0);
    inform(&routers, A, "2001:db8:1::/48", 1800, 0, 0);
    assert_string_equal(choose_from(&routers, "2001:db8:1::1", NULL, 0, &choice), A);
    assert_true(mnet_address_is_any(choice.probe));
    uint32_t generation = routers.generation;
    set_reach(&routers, A, MN_ROUTER_UNREACHABLE);
    assert_int_not_equal(routers.generation, generation);
    assert_string_equal(choose_from(&routers, "2001:db8:1::1", NULL, 10, &choice), B);
    assert_true(mnet_address_equal(choice.probe, address(A)));
    assert_string_equal(choose_from(&routers, SOMEWHERE, NULL, 69, &choice), B);
    assert_true(mnet_address_is_any(choice.probe));
    assert_string_equal(choose_from(&routers, SOMEWHERE, NULL, 70, &choice), B);
    assert_true(mnet_address_equal(choice.probe, address(A)));
    set_reach(&routers, A, MN_ROUTER_UNKNOWN); /* asked again, which is no answer */
    assert_string_equal(choose(&routers, SOMEWHERE, 70), B);
    set_reach(&routers, A, MN_ROUTER_RESOLVED);
    assert_string_equal(choose_from(&routers, SOMEWHERE, NULL, 200, &choice), A);
    assert_true(mnet_address_is_any(choice.probe));
}

/* ND-6.3.6-1 */
static void resolved_router_is_preferred_among_equals(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        char destination[MNET_ADDRESS_TEXT];
        struct mn_routers routers = start();
        advertise(&routers, A, 1800, 0, 0);
        advertise(&routers, B, 1800, 0, 0);
        set_reach(&routers, B, MN_ROUTER_RESOLVED);
        struct mnet_address to = address("2001:db8::");
        to.bytes[15] = (uint8_t)i;
        assert_string_equal(choose(&routers, mnet_address_format(to, destination, sizeof destination), 0), B);
        advertise(&routers, A, 1800, MN_ND_HIGH, 0); /* RTPREF-3.2-1: unknown is reachable */
        assert_string_equal(choose(&routers, destination, 0), A);
    }
}

/* ND-6.3.6-2, RTPREF-3.2-2 */
static void unreachable_routers_take_turns(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    const char *const all[] = {A, B, C};
    unsigned chosen[3] = {0};
    for (unsigned i = 0; i < 3; i++) {
        advertise(&routers, all[i], 1800, 0, 0);
        set_reach(&routers, all[i], MN_ROUTER_UNREACHABLE);
    }
    for (unsigned turn = 0; turn < 9; turn++) {
        const char *router = choose(&routers, SOMEWHERE, turn);
        for (unsigned i = 0; i < 3; i++)
            chosen[i] += strcmp(router, all[i]) == 0;
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(chosen[i], 3);
}

/* N6-5.4-14: both are used, and a destination keeps its router, also if a third comes and goes. */
static void destinations_are_spread_over_equal_routers(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    struct mn_router_choice choice, again, third;
    unsigned of_a = 0, of_c = 0;
    advertise(&routers, A, 1800, 0, 0);
    advertise(&routers, B, 1800, 0, 0);
    struct mn_routers more = routers;
    advertise(&more, C, 1800, 0, 0);
    for (unsigned i = 0; i < 300; i++) {
        struct mnet_address to = address("2001:db8::");
        to.bytes[14] = (uint8_t)(i >> 8), to.bytes[15] = (uint8_t)i;
        assert_true(mn_routers_choose(&routers, to, MNET_ADDRESS_ANY, 0, &choice));
        assert_true(mn_routers_choose(&routers, to, MNET_ADDRESS_ANY, 0, &again));
        assert_true(mnet_address_equal(choice.router, again.router));
        of_a += mnet_address_equal(choice.router, address(A));
        assert_true(mn_routers_choose(&more, to, MNET_ADDRESS_ANY, 0, &third));
        bool moved = mnet_address_equal(third.router, address(C));
        of_c += moved;
        assert_true(moved || mnet_address_equal(choice.router, third.router));
    }
    assert_in_range(of_a, 110, 190);
    assert_in_range(of_c, 60, 140);
}

/* N6-5.10-1, RFC 6724 5 rule 5.5 */
static void source_goes_to_the_router_of_its_prefix(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    struct mn_router_choice choice;
    struct mnet_prefix of_a, of_b;
    assert_int_equal(mnet_prefix_parse("2001:db8:a::/64", &of_a), 0);
    assert_int_equal(mnet_prefix_parse("2001:db8:b::/64", &of_b), 0);
    advertise(&routers, A, 1800, MN_ND_HIGH, 0);
    advertise(&routers, B, 1800, MN_ND_LOW, 0);
    mn_routers_note_prefix(&routers, address(A), of_a, 600, 0);
    mn_routers_note_prefix(&routers, address(B), of_b, 600, 0);
    mn_routers_note_prefix(&routers, address(C), of_b, 600, 0); /* no router */
    assert_string_equal(choose_from(&routers, SOMEWHERE, "2001:db8:a::1", 1, &choice), A);
    assert_string_equal(choose_from(&routers, SOMEWHERE, "2001:db8:b::1", 1, &choice), B);
    assert_string_equal(choose_from(&routers, SOMEWHERE, "2001:db8:b::1", 600, &choice), A);
    assert_true(mn_routers_advertise_prefix_of(&routers, address(B), address("2001:db8:b::1"), 0));
    assert_false(mn_routers_advertise_prefix_of(&routers, address(A), address("2001:db8:b::1"), 0));
    assert_false(mn_routers_advertise_prefix_of(&routers, address(C), address("2001:db8:b::1"), 0));
    uint32_t generation = routers.generation;
    mn_routers_note_prefix(&routers, address(B), of_b, 600, 10);
    assert_int_equal(routers.generation, generation);
    mn_routers_note_prefix(&routers, address(B), of_a, 0, 10); /* it never had it */
    assert_int_equal(routers.generation, generation);
    mn_routers_note_prefix(&routers, address(B), of_a, 600, 10);
    assert_int_not_equal(routers.generation, generation);
    assert_true(mn_routers_advertise_prefix_of(&routers, address(B), address("2001:db8:b::1"), 10));
    generation = routers.generation;
    mn_routers_note_prefix(&routers, address(B), of_b, 0, 11);
    assert_false(mn_routers_advertise_prefix_of(&routers, address(B), address("2001:db8:b::1"), 11));
    assert_int_not_equal(routers.generation, generation);
}

static void prefixes_of_a_router_are_bounded(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    advertise(&routers, A, 1800, 0, 0);
    struct mnet_prefix prefix = {address("2001:db8::"), 64};
    for (uint8_t i = 0; i <= MN_ROUTER_PREFIXES_MAX; i++) {
        prefix.address.bytes[7] = i;
        mn_routers_note_prefix(&routers, address(A), prefix, 100u + i, 0);
    }
    for (uint8_t i = 0; i <= MN_ROUTER_PREFIXES_MAX; i++) {
        prefix.address.bytes[7] = i;
        assert_int_equal(mn_routers_advertise_prefix_of(&routers, address(A), prefix.address, 0), i > 0);
    }
}

/* RFC 4861 7.2.5: a neighbour that is no router any more */
static void removed_router_takes_its_routes_along(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    advertise(&routers, A, 1800, 0, 0);
    advertise(&routers, B, 1800, MN_ND_LOW, 0);
    inform(&routers, A, "2001:db8:1::/48", 1800, 0, 0);
    mn_routers_remove(&routers, address(A));
    mn_routers_remove(&routers, address(C));
    assert_false(mn_routers_has(&routers, address(A)));
    assert_int_equal(routers.count, 1);
    assert_string_equal(choose(&routers, "2001:db8:1::1", 0), B);
    mn_routers_clear(&routers);
    assert_string_equal(choose(&routers, SOMEWHERE, 0), "none");
    assert_false(mn_routers_has(&routers, address(B)));
    assert_false(mn_routers_has(&routers, MNET_ADDRESS_ANY));
}

static void advertise_numbered(struct mn_routers *routers, uint8_t number, int preference)
{
    struct mn_router_advertisement advertisement = {address("fe80::"), 1800, (int8_t)preference};
    advertisement.router.bytes[15] = number;
    mn_routers_take_advertisement(routers, &advertisement, 0);
}

/* A flood of routers pushes out nobody that is as good. */
static void full_table_takes_better_routers_only(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    advertise(&routers, A, 1800, MN_ND_LOW, 0);
    for (uint8_t i = 1; i < MN_ROUTERS_MAX; i++)
        advertise_numbered(&routers, (uint8_t)(0x10 + i), MN_ND_MEDIUM);
    advertise(&routers, B, 1800, MN_ND_LOW, 0);
    assert_true(mn_routers_has(&routers, address(A)));
    assert_false(mn_routers_has(&routers, address(B)));
    advertise(&routers, B, 1800, MN_ND_MEDIUM, 0);
    assert_false(mn_routers_has(&routers, address(A)));
    assert_true(mn_routers_has(&routers, address(B)));
    advertise(&routers, C, 1800, MN_ND_MEDIUM, 0);
    assert_false(mn_routers_has(&routers, address(C)));
    set_reach(&routers, B, MN_ROUTER_UNREACHABLE);
    advertise(&routers, C, 1800, MN_ND_LOW, 0);
    assert_true(mn_routers_has(&routers, address(C)));
    assert_false(mn_routers_has(&routers, address(B)));
    assert_int_equal(routers.count, MN_ROUTERS_MAX);
}

/* Routes of one router do not keep others from being default routers. */
static void full_table_of_routes_has_room_for_default_routers(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    struct mn_nd_route information = {.prefix = {address("2001:db8::"), 48}, .lifetime_s = 100};
    for (uint8_t i = 0; i < 2 * MN_ROUTER_ROUTES_MAX; i++) {
        information.prefix.address.bytes[5] = i;
        mn_routers_take_route(&routers, address(A), &information, 0);
    }
    assert_int_equal(routers.count, MN_ROUTER_ROUTES_MAX);
    inform(&routers, B, "2001:db8:ff::/48", 100, 0, 0);
    assert_false(mn_routers_has(&routers, address(B)));
    for (uint8_t i = 1; i < MN_ROUTERS_MAX; i++)
        advertise_numbered(&routers, (uint8_t)(0x10 + i), 0);
    advertise(&routers, A, 1800, MN_ND_HIGH, 0);
    assert_int_equal(routers.count, MN_ROUTERS_MAX + MN_ROUTER_ROUTES_MAX);
    assert_string_equal(choose(&routers, SOMEWHERE, 0), A);
}

/* Each router has a route and each route a router, whatever comes. */
static void random_advertisements_keep_the_tables_whole(void **state)
{
    (void)state;
    struct mn_routers routers = start();
    uint64_t seed = 9, now = 0;
    for (unsigned step = 0; step < 20000; step++) {
        struct mnet_address router = address("fe80::1");
        router.bytes[14] = (uint8_t)test_random_below(&seed, 12);
        int8_t preference = (int8_t)((int)test_random_below(&seed, 3) - 1);
        uint32_t lifetime = (uint32_t)test_random_below(&seed, 50);
        struct mn_nd_route information = {{address("2001:db8::"), 48}, preference, lifetime};
        information.prefix.address.bytes[5] = (uint8_t)test_random_below(&seed, 8);
        if (test_random_below(&seed, 2) == 0)
            mn_routers_take_route(&routers, router, &information, now);
        else
            mn_routers_take_advertisement(
                &routers, &(struct mn_router_advertisement){router, (uint16_t)lifetime, preference}, now);
        mn_routers_set_reach(&routers, router, (enum mn_router_reach)test_random_below(&seed, 3));
        now += test_random_below(&seed, 4) * MNET_SECOND;
        mn_routers_expire(&routers, now);
        assert_true(mn_routers_deadline(&routers) > now);
        unsigned with_routes = 0;
        for (unsigned i = 0; i < MN_ROUTERS_MAX; i++) {
            unsigned routes = 0;
            for (unsigned j = 0; j < routers.count; j++)
                routes += routers.routes[j].router == i;
            assert_int_equal(routes > 0, !mnet_address_is_any(routers.routers[i].address));
            with_routes += routes > 0;
        }
        assert_true(with_routes <= MN_ROUTERS_MAX && routers.count <= MN_COUNT_OF(routers.routes));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(router_has_the_lifetime_received_last),
        cmocka_unit_test(longest_router_lifetime_is_no_infinity),
        cmocka_unit_test(further_routers_take_over),
        cmocka_unit_test(preference_orders_routers),
        cmocka_unit_test(more_specific_route_is_chosen),
        cmocka_unit_test(infinite_route_never_ends),
        cmocka_unit_test(option_for_everything_overrides_the_header),
        cmocka_unit_test(unreachable_router_is_passed_over_and_probed_each_minute),
        cmocka_unit_test(resolved_router_is_preferred_among_equals),
        cmocka_unit_test(unreachable_routers_take_turns),
        cmocka_unit_test(destinations_are_spread_over_equal_routers),
        cmocka_unit_test(source_goes_to_the_router_of_its_prefix),
        cmocka_unit_test(prefixes_of_a_router_are_bounded),
        cmocka_unit_test(removed_router_takes_its_routes_along),
        cmocka_unit_test(full_table_takes_better_routers_only),
        cmocka_unit_test(full_table_of_routes_has_room_for_default_routers),
        cmocka_unit_test(random_advertisements_keep_the_tables_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
