/* A stack that asks DHCPv6 servers, with a router and a server played frame by frame, in virtual
 * time. */
#include "tests/unit/net6.h"

#define seen6(n, type) ((n)->server.seen[MN_DHCPV6_##type])

static struct mnet_address client_link_local(void)
{
    struct mnet_address address = {.bytes = {0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 2}};
    return address;
}

static void use_eui64(struct net6 *n)
{
    n->config.ip.ipv6_identifier = MNET_IPV6_EUI64;
}

/* ---- Getting an address ---- */

/* N6-6.5-1, ND-4.2-3, DHCP6-18-1, DHCP6-7.1-1, DHCP6-7.2-1, DHCP6-17.1-1, DHCP6-18.2.10.1-5: the
 * server answers only what comes from port 546 to 547. */
static void managed_gets_an_address(void **state)
{
    (void)state;
    struct net6 n;
    net6_init(&n);
    use_eui64(&n);
    net6_open(&n);
    net6_await(&n, LEASED6, MNET_ADDRESS_TENTATIVE);
    assert_int_equal(seen6(&n, SOLICIT), 1);
    assert_int_equal(seen6(&n, REQUEST), 1);
    assert_true(mnet_address_equal(n.server.last_source, client_link_local()));
    assert_true(mnet_address_equal(n.server.last_destination, mn_dhcpv6_servers));
    assert_int_equal(mnet_stack_ready(n.stack), MNET_STACK_LINK);
    net6_await(&n, LEASED6, MNET_ADDRESS_PREFERRED);
    const struct mnet_stack_address *own = net6_own(&n, LEASED6);
    assert_int_equal(own->prefix.length, 128);
    assert_int_equal(own->preferred_until_ns, n.server.last_ns + 1800 * MNET_SECOND);
    assert_int_equal(own->valid_until_ns, n.server.last_ns + 3600 * MNET_SECOND);
    assert_string_equal(n.log.last, "dhcpv6: 2001:db8::42 for 3598 s");
    assert_int_equal(mnet_stack_ready(n.stack), MNET_STACK_LINK | MNET_STACK_ADDRESS);
    net6_end(&n);
}

/* DHCP6-18.2.10.1-5, DHCP6-18.2.8-1 */
static void address_in_use_is_declined(void **state)
{
    (void)state;
    struct net6 n;
    net6_init(&n);
    n.server.occupied = LEASED6;
    net6_open(&n);
    for (int i = 0; i < 20000 && seen6(&n, DECLINE) == 0; i++)
        net6_pass(&n, MNET_MILLISECOND);
    assert_int_equal(seen6(&n, DECLINE), 1);
    assert_true(mnet_address_equal(n.server.last.ias[0].addresses[0].address, LEASED6));
    n.server.offers = OTHER_LEASED6;
    net6_await(&n, OTHER_LEASED6, MNET_ADDRESS_PREFERRED);
    assert_null(net6_own(&n, LEASED6));
    assert_int_equal(mnet_stack_counters(n.stack)->value[MNET_COUNT_DHCP_DECLINED], 1);
    net6_end(&n);
}

/* N6-8.1-1, ND-4.2-3 */
static void other_asks_for_information_only(void **state)
{
    (void)state;
    struct net6 n;
    net6_init(&n);
    n.server.managed = false;
    n.server.other = true;
    net6_open(&n);
    net6_pass_s(&n, 10);
    assert_int_equal(seen6(&n, INFORMATION_REQUEST), 1);
    assert_int_equal(seen6(&n, SOLICIT), 0);
    net6_end(&n);
}

/* RFC 5908: the servers are those of the last answer. */
static void time_servers_are_asked_for(void **state)
{
    (void)state;
    struct net6 n;
    struct mnet_sntp_server told;
    net6_init(&n);
    n.server.managed = false;
    n.server.other = true;
    assert_int_equal(mnet_address_parse("2001:db8::123", &n.server.ntp), 0);
    net6_open(&n);
    assert_int_equal(mnet_sntp_start(n.stack, NULL, 0), 0);
    net6_pass_s(&n, 10);
    assert_int_equal(mnet_sntp_servers(n.stack, &told, 1), 1);
    assert_true(mnet_address_equal(told.address, n.server.ntp));
    net6_end(&n);
}

/* DHCP6NTP-4-1, DHCP6-18.2.10-6: a name is looked up, and a server that is told no more is asked no
 * more. */
static void time_server_by_name_is_looked_up(void **state)
{
    (void)state;
    struct net6 n;
    struct mnet_sntp_server told[2];
    net6_init(&n);
    n.server.managed = false;
    n.server.other = true;
    n.server.ntp_name = "\4time\7example";
    n.config.ip.hosts[0] = (struct mnet_host){.name = "time.example"};
    n.config.ip.host_count = 1;
    assert_int_equal(mnet_address_parse("2001:db8::123", &n.config.ip.hosts[0].address), 0);
    net6_open(&n);
    assert_int_equal(mnet_sntp_start(n.stack, NULL, 0), 0);
    net6_pass_s(&n, 10);
    assert_int_equal(mnet_sntp_servers(n.stack, told, 2), 1);
    assert_true(mnet_address_equal(told[0].address, n.config.ip.hosts[0].address));
    n.server.ntp_name = NULL;
    assert_int_equal(mnet_address_parse("2001:db8::124", &n.server.ntp), 0);
    net6_pass_s(&n, 2 * 86400); /* the information is asked for again after a day */
    assert_int_equal(mnet_sntp_servers(n.stack, told, 2), 1);
    assert_true(mnet_address_equal(told[0].address, n.server.ntp));
    net6_end(&n);
}

/* ND-4.2-3 */
static void router_without_flags_is_believed(void **state)
{
    (void)state;
    struct net6 n;
    net6_init(&n);
    n.server.managed = false;
    n.config.ip.dhcp = true;
    net6_open(&n);
    net6_pass_s(&n, 60);
    assert_int_equal(n.server.solicitations, 1);
    assert_int_equal(seen6(&n, SOLICIT) + seen6(&n, INFORMATION_REQUEST), 0);
    n.server.managed = true; /* it thinks better of it */
    dhcp6_server_advertise(&n.server);
    net6_await(&n, LEASED6, MNET_ADDRESS_PREFERRED);
    net6_end(&n);
}

/* N6-6.5-2: only a stack that is told to use DHCP asks by itself, after three solicitations of
 * routers, the last of them after 12 s, and a further second. */
static void without_routers_dhcp_asks_all_the_same(void **state)
{
    (void)state;
    for (int dhcp = 0; dhcp <= 1; dhcp++) {
        struct net6 n;
        net6_init(&n);
        n.server.router_lifetime_s = 0;
        n.config.ip.dhcp = dhcp;
        net6_open(&n);
        uint64_t begun = mnet_sim_now(n.sim);
        for (int i = 0; i < 200 && seen6(&n, SOLICIT) == 0; i++)
            net6_pass(&n, 100 * MNET_MILLISECOND);
        assert_int_equal(seen6(&n, SOLICIT), dhcp);
        assert_int_equal(n.server.solicitations, 3);
        if (dhcp)
            assert_in_range((n.server.last_ns - begun) / MNET_MILLISECOND, 13000, 18000);
        net6_end(&n);
    }
}

/* A lost DHCPv6 server is no reason to wait for the lease of IPv4. */
static void silent_server_does_not_delay_ipv4(void **state)
{
    (void)state;
    struct net6 n;
    net6_init(&n);
    n.server.silent = true;
    n.server4.silent = false;
    n.config.ip.dhcp = true;
    net6_open(&n);
    net6_pass(&n, 120 * MNET_MILLISECOND);
    assert_true(mnet_address_equal(mnet_stack_ipv4(n.stack), FIRST));
    net6_pass_s(&n, 60);
    assert_true(seen6(&n, SOLICIT) > 3);
    net6_end(&n);
}

/* DHCP6-11.4-1, DHCP6-11-4, DHCP6-12-1: the same identities after a new start. */
static void identity_follows_from_the_mac_or_the_configuration(void **state)
{
    static const uint8_t given[] = {0, 2, 0, 0, 0, 9, 'm', 'e'};
    (void)state;
    struct mn_dhcpv6_duid from_mac = mn_dhcpv6_duid_ll((struct mn_mac){{2, 0, 0, 0, 0, 2}});
    for (int i = 0; i < 3; i++) {
        struct net6 n;
        net6_init(&n);
        if (i == 2) {
            memcpy(n.config.ip.dhcpv6_duid, given, sizeof given);
            n.config.ip.dhcpv6_duid_len = sizeof given;
        }
        net6_open(&n);
        net6_await(&n, LEASED6, MNET_ADDRESS_PREFERRED);
        const struct mn_dhcpv6_duid *duid = &n.server.last.client_id;
        assert_int_equal(n.server.last.ias[0].iaid, 2);
        assert_int_equal(duid->len, i == 2 ? sizeof given : from_mac.len);
        assert_memory_equal(duid->bytes, i == 2 ? given : from_mac.bytes, duid->len);
        net6_end(&n);
    }
}

static void configuration_with_an_impossible_identity_is_refused(void **state)
{
    (void)state;
    struct net6 n;
    net6_init(&n);
    n.config.ip.dhcpv6_duid_len = 2;
    assert_int_equal(mnet_stack_open(&n.config, &n.stack), MNET_E_INVALID);
    n.config.ip.dhcpv6_duid_len = MNET_DUID_MAX + 1;
    assert_int_equal(mnet_stack_open(&n.config, &n.stack), MNET_E_INVALID);
    net6_end(&n);
}

/* The stack's own endpoint is none of the program's. */
static void endpoints_of_the_program_are_as_many_as_configured(void **state)
{
    (void)state;
    struct net6 n;
    struct mnet_udp *udp, *other;
    net6_init(&n);
    n.config.udp.endpoints_max = 1;
    n.config.ip.dhcp = true;
    net6_open(&n);
    assert_int_equal(mnet_udp_open(n.stack, NULL, &udp), 0);
    net6_await(&n, LEASED6, MNET_ADDRESS_PREFERRED);
    assert_int_equal(mnet_udp_open(n.stack, NULL, &other), MNET_E_LIMIT);
    mnet_udp_close(udp);
    net6_end(&n);
}

/* A program that has taken the port keeps it. */
static void port_of_a_program_is_left_to_it(void **state)
{
    (void)state;
    struct net6 n;
    struct mnet_udp *udp;
    net6_init(&n);
    net6_open(&n);
    const struct mnet_udp_options options = {.local.port = MN_DHCPV6_CLIENT_PORT};
    assert_int_equal(mnet_udp_open(n.stack, &options, &udp), 0);
    net6_pass_s(&n, 20);
    assert_int_equal(seen6(&n, SOLICIT), 0);
    assert_string_equal(n.log.last, "dhcpv6: UDP port 546 is in use");
    mnet_udp_close(udp);
    net6_end(&n);
}

/* Only messages to the link-local address count, which no router lets through. */
static void message_to_another_address_is_not_heard(void **state)
{
    (void)state;
    struct net6 n;
    net6_init(&n);
    n.server.prefix = (struct mn_nd_prefix){{SITE6(0), 64}, true, true, 7200, 3600};
    use_eui64(&n);
    net6_open(&n);
    struct mnet_address global = SITE6(2);
    global.bytes[11] = 0xff;
    global.bytes[12] = 0xfe;
    n.server.silent = true;
    net6_await(&n, global, MNET_ADDRESS_PREFERRED);
    net6_pass_s(&n, 1);
    assert_true(seen6(&n, SOLICIT) > 0);
    struct mn_dhcpv6 answer = dhcp6_server_answer(&n.server);
    answer.preference = 255;
    uint64_t before = mnet_stack_counters(n.stack)->value[MNET_COUNT_DHCP_RX];
    dhcp6_server_send(&n.server, &answer, n.server.address, global);
    net6_turn(&n);
    assert_int_equal(seen6(&n, REQUEST), 0);
    assert_int_equal(mnet_stack_counters(n.stack)->value[MNET_COUNT_DHCP_RX], before);
    dhcp6_server_send(&n.server, &answer, n.server.address, client_link_local());
    net6_turn(&n);
    assert_int_equal(seen6(&n, REQUEST), 1);
    net6_end(&n);
}

/* ---- Keeping it and losing it ---- */

/* DHCP6-18.2.10.1-6: without detection, for the address is the host's already. */
static void lease_is_renewed_at_t1(void **state)
{
    (void)state;
    struct net6 n;
    net6_bound(&n);
    uint64_t valid = net6_own(&n, LEASED6)->valid_until_ns;
    unsigned probes = n.server.probes;
    for (unsigned i = 1; i <= 3; i++) {
        net6_pass_s(&n, 902);
        assert_int_equal(seen6(&n, RENEW), i);
    }
    assert_int_equal(n.server.probes, probes);
    assert_true(net6_own(&n, LEASED6)->valid_until_ns > valid + 2600 * MNET_SECOND);
    assert_int_equal(net6_own(&n, LEASED6)->state, MNET_ADDRESS_PREFERRED);
    net6_end(&n);
}

struct pair6 {
    struct mnet_listener *listener;
    struct mnet_flow *client, *server;
};

static void connect_within(struct net6 *n, struct pair6 *pair)
{
    struct mnet_endpoint self = {LEASED6, 80};
    assert_int_equal(mnet_tcp_listen(n->stack, 80, NULL, &pair->listener), 0);
    assert_int_equal(mnet_tcp_connect_begin(n->stack, self, NULL, &pair->client), 0);
    net6_pass(n, MNET_MILLISECOND);
    assert_int_equal(mnet_tcp_accept(pair->listener, &pair->server, 0), 0);
}

static void close_within(struct pair6 *pair)
{
    mnet_tcp_close(pair->client);
    mnet_tcp_close(pair->server);
    mnet_tcp_unlisten(pair->listener);
}

/* DHCP6-18.2.10.1-7, N6-8.2-1: a lease alone makes neither a network on the link nor a router. */
static void lease_is_no_route(void **state)
{
    (void)state;
    struct net6 n;
    struct mnet_flow *flow;
    net6_init(&n);
    n.server.router_lifetime_s = 0;
    n.config.ip.dhcp = true;
    net6_open(&n);
    net6_await(&n, LEASED6, MNET_ADDRESS_PREFERRED);
    const struct mnet_endpoint near = {SITE6(1), 80};
    assert_int_equal(mnet_tcp_connect_begin(n.stack, near, NULL, &flow), MNET_E_UNREACHABLE);
    n.server.router_lifetime_s = 1800;
    dhcp6_server_advertise(&n.server);
    net6_turn(&n);
    assert_int_equal(mnet_tcp_connect_begin(n.stack, near, NULL, &flow), 0);
    mnet_tcp_abort(flow);
    net6_end(&n);
}

/* DHCP6-21.6-5, DHCP6-18.2.5-1: deprecated at the end of the preferred lifetime, gone at that of
 * the valid one, and its connections with it. */
static void lease_without_answer_is_lost_in_time(void **state)
{
    (void)state;
    struct net6 n;
    struct pair6 pair;
    net6_bound(&n);
    connect_within(&n, &pair);
    n.server.silent = true;
    uint64_t from = n.server.last_ns;
    net6_pass(&n, from + 1799 * MNET_SECOND - mnet_sim_now(n.sim));
    assert_int_equal(n.server.last.type, MN_DHCPV6_REBIND);
    assert_int_equal(net6_own(&n, LEASED6)->state, MNET_ADDRESS_PREFERRED);
    net6_pass(&n, 1001 * MNET_MILLISECOND);
    assert_int_equal(net6_own(&n, LEASED6)->state, MNET_ADDRESS_DEPRECATED);
    net6_pass_s(&n, 1798);
    assert_int_equal(read_now(pair.client), MNET_E_DEADLINE);
    net6_pass_s(&n, 2);
    assert_null(net6_own(&n, LEASED6));
    assert_int_equal(read_now(pair.client), MNET_E_NO_ADDRESS);
    assert_string_equal(n.log.last, "dhcpv6: 2001:db8::42 is lost");
    n.server.silent = false;
    net6_pass_s(&n, 5);
    assert_int_equal(net6_own(&n, LEASED6)->state, MNET_ADDRESS_PREFERRED);
    close_within(&pair);
    net6_end(&n);
}

/* A deprecated address that is renewed is preferred again. */
static void lease_renewed_late_is_preferred_again(void **state)
{
    (void)state;
    struct net6 n;
    net6_bound(&n);
    n.server.silent = true;
    net6_pass_s(&n, 1900);
    assert_int_equal(net6_own(&n, LEASED6)->state, MNET_ADDRESS_DEPRECATED);
    n.server.silent = false;
    net6_pass_s(&n, 660);
    assert_int_equal(net6_own(&n, LEASED6)->state, MNET_ADDRESS_PREFERRED);
    net6_end(&n);
}

/* RFC 8415 18.2.10.1: a valid lifetime of 0. */
static void lease_taken_back_is_lost_at_once(void **state)
{
    (void)state;
    struct net6 n;
    struct pair6 pair;
    net6_bound(&n);
    connect_within(&n, &pair);
    n.server.takes_back = true;
    n.server.offers = OTHER_LEASED6;
    net6_pass_s(&n, 900);
    assert_null(net6_own(&n, LEASED6));
    assert_int_equal(read_now(pair.client), MNET_E_NO_ADDRESS);
    net6_await(&n, OTHER_LEASED6, MNET_ADDRESS_PREFERRED);
    close_within(&pair);
    net6_end(&n);
}

/* DHCP6-18.2.12-3: new prefixes make the client ask early. */
static void new_prefix_renews_early(void **state)
{
    (void)state;
    struct net6 n;
    net6_bound(&n);
    n.server.prefix = (struct mn_nd_prefix){{SITE6(0), 64}, true, false, 7200, 3600};
    net6_pass_s(&n, 40);
    dhcp6_server_advertise(&n.server);
    net6_pass_s(&n, 1);
    assert_int_equal(seen6(&n, RENEW), 1);
    dhcp6_server_advertise(&n.server);
    net6_pass_s(&n, 40);
    assert_int_equal(seen6(&n, RENEW), 1); /* it is not new any more */
    n.server.prefix.preferred_s = 0;
    dhcp6_server_advertise(&n.server);
    net6_pass_s(&n, 1);
    assert_int_equal(seen6(&n, RENEW), 2);
    net6_end(&n);
}

/* DHCP6-18.2.12-1 */
static void link_up_confirms_the_lease(void **state)
{
    (void)state;
    struct net6 n;
    net6_bound(&n);
    mnet_sim_plug(n.client, false);
    net6_pass_s(&n, 5);
    assert_int_equal(net6_own(&n, LEASED6)->state, MNET_ADDRESS_PREFERRED);
    mnet_sim_plug(n.client, true);
    net6_pass_s(&n, 2);
    assert_int_equal(seen6(&n, CONFIRM), 1);
    assert_int_equal(net6_own(&n, LEASED6)->state, MNET_ADDRESS_PREFERRED);
    net6_pass_s(&n, 30);
    assert_int_equal(seen6(&n, CONFIRM), 1);
    net6_end(&n);
}

static void link_up_in_another_network_begins_anew(void **state)
{
    (void)state;
    struct net6 n;
    struct pair6 pair;
    net6_bound(&n);
    connect_within(&n, &pair);
    mnet_sim_plug(n.client, false);
    net6_pass_s(&n, 5);
    n.server.not_on_link = true;
    n.server.offers = OTHER_LEASED6;
    mnet_sim_plug(n.client, true);
    for (int i = 0; i < 4000 && net6_own(&n, LEASED6) != NULL; i++)
        net6_pass(&n, MNET_MILLISECOND);
    assert_null(net6_own(&n, LEASED6));
    assert_int_equal(read_now(pair.client), MNET_E_NO_ADDRESS);
    n.server.not_on_link = false;
    net6_await(&n, OTHER_LEASED6, MNET_ADDRESS_PREFERRED);
    close_within(&pair);
    net6_end(&n);
}

/* DHCP6-21.20-1 */
static void reconfigure_is_ignored(void **state)
{
    (void)state;
    struct net6 n;
    net6_bound(&n);
    struct mn_dhcpv6 message = dhcp6_server_answer(&n.server);
    message.type = MN_DHCPV6_RECONFIGURE;
    message.xid = 0;
    message.ia_count = 0;
    message.reconfigure = MN_DHCPV6_RENEW;
    dhcp6_server_send(&n.server, &message, n.server.address, n.server.last_source);
    net6_pass_s(&n, 10);
    assert_int_equal(seen6(&n, RENEW), 0);
    assert_int_equal(mnet_stack_counters(n.stack)->value[MNET_COUNT_DHCP_DROP_UNEXPECTED], 1);
    net6_end(&n);
}

/* ---- The end ---- */

/* DHCP6-18.2.7-2, DHCP6-18.2.7-3 */
static void down_gives_the_address_back(void **state)
{
    (void)state;
    struct net6 n;
    net6_bound(&n);
    mnet_stack_down(n.stack);
    n.stack = NULL;
    net6_turn(&n);
    assert_int_equal(seen6(&n, RELEASE), 1);
    assert_true(mnet_address_equal(n.server.last.ias[0].addresses[0].address, LEASED6));
    assert_true(mnet_address_can_have_zone(n.server.last_source));      /* the link-local one */
    assert_string_equal(n.log.last, "dhcpv6: 2001:db8::42 for 3598 s"); /* no complaint */
    net6_end(&n);
}

static void end_of_the_program_waits_for_the_answer(void **state)
{
    (void)state;
    for (int silent = 0; silent <= 1; silent++) {
        struct net6 n;
        net6_bound(&n);
        n.server.silent = silent;
        uint64_t before = mnet_sim_now(n.sim);
        while (mn_stack_wind_down(n.stack))
            net6_pass(&n, MNET_MILLISECOND);
        uint64_t took = (mnet_sim_now(n.sim) - before) / MNET_MILLISECOND;
        assert_in_range(took, silent ? 495 : 0, silent ? 505 : 5);
        assert_int_equal(seen6(&n, RELEASE), 1);
        mnet_stack_down(n.stack);
        n.stack = NULL;
        net6_turn(&n);
        assert_int_equal(seen6(&n, RELEASE), 1); /* not again */
        net6_end(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(managed_gets_an_address),
        cmocka_unit_test(address_in_use_is_declined),
        cmocka_unit_test(other_asks_for_information_only),
        cmocka_unit_test(time_servers_are_asked_for),
        cmocka_unit_test(time_server_by_name_is_looked_up),
        cmocka_unit_test(router_without_flags_is_believed),
        cmocka_unit_test(without_routers_dhcp_asks_all_the_same),
        cmocka_unit_test(silent_server_does_not_delay_ipv4),
        cmocka_unit_test(identity_follows_from_the_mac_or_the_configuration),
        cmocka_unit_test(configuration_with_an_impossible_identity_is_refused),
        cmocka_unit_test(endpoints_of_the_program_are_as_many_as_configured),
        cmocka_unit_test(port_of_a_program_is_left_to_it),
        cmocka_unit_test(message_to_another_address_is_not_heard),
        cmocka_unit_test(lease_is_renewed_at_t1),
        cmocka_unit_test(lease_is_no_route),
        cmocka_unit_test(lease_without_answer_is_lost_in_time),
        cmocka_unit_test(lease_renewed_late_is_preferred_again),
        cmocka_unit_test(lease_taken_back_is_lost_at_once),
        cmocka_unit_test(new_prefix_renews_early),
        cmocka_unit_test(link_up_confirms_the_lease),
        cmocka_unit_test(link_up_in_another_network_begins_anew),
        cmocka_unit_test(reconfigure_is_ignored),
        cmocka_unit_test(down_gives_the_address_back),
        cmocka_unit_test(end_of_the_program_waits_for_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
