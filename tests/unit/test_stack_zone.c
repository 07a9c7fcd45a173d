/* Zones at the boundary of a stack, and the names that an environment gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/env.h"
#include "stack/zone.h"
#include "support/addresses.h"
#include "support/world.h"

#define ELSEWHERE 99 /* no zone of these stacks */

static struct mnet_address link_local(uint16_t zone)
{
    struct mnet_address local = address("fe80::1");
    local.zone = zone;
    return local;
}

static int names_of_devices(struct world *w)
{
    struct mnet_env *env = w->client->env;
    struct mnet_address address = {0};
    char text[MNET_ENDPOINT_TEXT];
    unsigned zones = env->zone_count;
    CHECK(w->client->zone != 0);
    CHECK_EQUAL(mnet_env_parse_address(env, "fe80::1%service", &address), 0);
    CHECK_EQUAL(address.zone, w->client->zone);
    CHECK_EQUAL(strcmp(mnet_env_format_address(env, address, text, sizeof text), "fe80::1%service"), 0);
    struct mnet_endpoint endpoint = {address, 80};
    CHECK_EQUAL(strcmp(mnet_env_format_endpoint(env, endpoint, text, sizeof text), "[fe80::1%service]:80"), 0);
    CHECK_EQUAL(mnet_env_parse_address(env, "fe80::2%stranger", &address), MNET_E_INVALID);
    CHECK_EQUAL(mnet_env_parse_address(env, "fd00::2%service", &address), MNET_E_INVALID);
    CHECK_EQUAL(address.bytes[15], 1);
    CHECK_EQUAL(env->zone_count, zones); /* reading makes no name */
    CHECK_EQUAL(mnet_env_parse_address(env, "10.0.0.1", &address), 0);
    return 0;
}

/* ZONE-11.2-2: neither the engines nor the wire see a zone. */
static int zones_go_and_come(struct world *w)
{
    struct mnet_address address = link_local(w->client->zone), ipv4 = WORLD_SERVER;
    CHECK_EQUAL(mn_zone_remove(w->client, &address), 0);
    CHECK_EQUAL(address.zone, 0);
    mn_zone_add(w->client, &address);
    CHECK_EQUAL(address.zone, w->client->zone);
    mn_zone_add(w->client, &ipv4);
    CHECK_EQUAL(ipv4.zone, 0);
    address = link_local(ELSEWHERE);
    CHECK_EQUAL(mn_zone_remove(w->client, &address), MNET_E_UNREACHABLE);
    CHECK_EQUAL(address.zone, ELSEWHERE);
    ipv4.zone = w->client->zone;
    CHECK_EQUAL(mn_zone_remove(w->client, &ipv4), MNET_E_INVALID);
    return 0;
}

/* Every call that takes an address refuses one of another link, and an IPv4 address with a zone. */
static int addresses_of_other_links(struct world *w)
{
    struct mnet_address far = link_local(ELSEWHERE), odd = WORLD_SERVER;
    struct mnet_flow *flow;
    struct mnet_listener *listener;
    struct mnet_udp *udp;
    odd.zone = w->client->zone;
    CHECK_EQUAL(mnet_tcp_connect(w->client, far, 80, &flow, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_tcp_connect(w->client, odd, 80, &flow, MNET_NEVER), MNET_E_INVALID);
    struct mnet_connect_options from = {.local.address = WORLD_CLIENT};
    from.local.address.zone = w->client->zone;
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, (struct mnet_endpoint){WORLD_SERVER, 80}, &from, &flow),
                MNET_E_INVALID);
    struct mnet_listen_options at = {.address = from.local.address};
    CHECK_EQUAL(mnet_tcp_listen(w->client, 80, &at, &listener), MNET_E_INVALID);
    struct mnet_udp_options local = {.local.address = from.local.address}, remote = {.remote = {far, 53}};
    CHECK_EQUAL(mnet_udp_open(w->client, &local, &udp), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_open(w->client, &remote, &udp), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &udp), 0);
    CHECK_EQUAL(mnet_udp_send(udp, &(struct mnet_endpoint){far, 53}, "?", 1, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_udp_send(udp, &(struct mnet_endpoint){odd, 53}, "?", 1, MNET_NEVER), MNET_E_INVALID);
    mnet_udp_close(udp);
    return 0;
}

static void names_are_those_of_devices(void **state)
{
    (void)state;
    world_run(names_of_devices, NULL);
}

static void zones_are_removed_and_added(void **state)
{
    (void)state;
    world_run(zones_go_and_come, NULL);
}

static void calls_refuse_addresses_of_other_links(void **state)
{
    (void)state;
    world_run(addresses_of_other_links, NULL);
}

/* ZONE-6-2: each link has one zone, whose number is this program's alone. */
static void names_keep_their_number(void **state)
{
    (void)state;
    static struct mnet_env env;
    char name[MNET_ZONE_TEXT + 1], text[MNET_ADDRESS_TEXT];
    env = (struct mnet_env){0};
    memset(name, 'n', sizeof name);
    assert_int_equal(mn_env_name_zone(&env, name, MNET_ZONE_TEXT), 0); /* too long */
    for (unsigned i = 1; i <= MN_ENV_ZONES; i++) {
        snprintf(name, sizeof name, i == 2 ? "%u" : i == 3 ? "a/%u" : i == 4 ? "a%%%u" : "net%u", i);
        assert_int_equal(mn_env_name_zone(&env, name, strlen(name)), i);
    }
    assert_int_equal(mn_env_name_zone(&env, "more", 4), 0);
    assert_int_equal(mn_env_name_zone(&env, "net5", 4), 5);
    assert_int_equal(mn_env_name_zone(&env, "net", 3), 0);
    assert_string_equal(mnet_env_format_address(&env, link_local(5), text, sizeof text), "fe80::1%net5");
    /* A name that would not be read as itself is not written. */
    assert_string_equal(mnet_env_format_address(&env, link_local(2), text, sizeof text), "fe80::1%2");
    assert_string_equal(mnet_env_format_address(&env, link_local(3), text, sizeof text), "fe80::1%3");
    assert_string_equal(mnet_env_format_address(&env, link_local(4), text, sizeof text), "fe80::1%4");
    assert_string_equal(mnet_env_format_address(&env, link_local(ELSEWHERE), text, sizeof text), "fe80::1%99");
}

static void configuration_has_no_zone(void **state)
{
    (void)state;
    struct mnet_address address = WORLD_SERVER;
    assert_true(mn_config_host_ok((struct mnet_prefix){address, 24}, address));
    address.zone = 1;
    assert_false(mn_config_host_ok((struct mnet_prefix){address, 24}, address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_devices),
        cmocka_unit_test(zones_are_removed_and_added),
        cmocka_unit_test(calls_refuse_addresses_of_other_links),
        cmocka_unit_test(names_keep_their_number),
        cmocka_unit_test(configuration_has_no_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
