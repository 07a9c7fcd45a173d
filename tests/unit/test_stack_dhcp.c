/* A stack that has its address by DHCP, with a server played frame by frame, in virtual time. */
#include "tests/unit/dhcp_net.h"

/* ---- getting an address ---- */

static void open_gets_an_address(void **state)
{
    (void)state;
    struct net n;
    struct mnet_dhcp_lease lease;
    net_init(&n);
    net_open(&n);
    assert_true(mnet_address_is_any(mnet_stack_ipv4(n.stack)));
    assert_false(mnet_dhcp_lease(n.stack, &lease));
    pass(&n, 90 * MNET_MILLISECOND);
    assert_true(mnet_address_is_any(mnet_stack_ipv4(n.stack))); /* still being probed */
    assert_false(mnet_dhcp_lease(n.stack, &lease));
    pass(&n, 30 * MNET_MILLISECOND);
    assert_true(has_address(&n, FIRST));
    assert_int_equal(n.server.seen[MN_DHCP_DISCOVER], 1);
    assert_int_equal(n.server.seen[MN_DHCP_REQUEST], 1);
    assert_int_equal(n.server.last_source, 0);
    assert_int_equal(n.server.last_destination, 0xffffffff);
    assert_true(mnet_dhcp_lease(n.stack, &lease));
    assert_true(mnet_address_equal(lease.address.address, FIRST));
    assert_int_equal(lease.address.length, 24);
    assert_true(mnet_address_equal(lease.server, SERVER));
    assert_true(mnet_address_equal(lease.router, SERVER));
    assert_int_equal(lease.dns_count, 1);
    assert_true(mnet_address_equal(lease.dns[0], SERVER));
    assert_string_equal(lease.domain, "example.org");
    assert_int_equal(n.log.count, 1);
    assert_string_equal(n.log.last, "dhcp: 10.0.0.66/24 from 10.0.0.1 for 3600 s, router 10.0.0.1");
    net_end(&n);
}

/* RFC 2131 3.3 */
static void open_with_a_lease_without_end_says_so(void **state)
{
    (void)state;
    struct net n;
    net_init(&n);
    n.server.lease_s = UINT32_MAX;
    net_open(&n);
    pass_s(&n, 1);
    assert_string_equal(n.log.last, "dhcp: 10.0.0.66/24 from 10.0.0.1 without end, router 10.0.0.1");
    net_end(&n);
}

/* A server gives leases of a second: the log has a line in ten seconds, and sixteen at once. */
static void short_leases_leave_few_lines(void **state)
{
    (void)state;
    struct net n;
    net_init(&n);
    n.server.lease_s = n.server.t1_s = n.server.t2_s = 1;
    net_open(&n);
    pass_s(&n, 600);
    assert_true(n.server.seen[MN_DHCP_REQUEST] > 100);
    assert_in_range(n.log.count, 50, 600 / 10 + 16);
    net_end(&n);
}

static bool is_asked(const struct mnet_stack *stack, struct mnet_address address)
{
    struct mnet_sntp_server servers[4];
    unsigned count = mnet_sntp_servers(stack, servers, 4);
    for (unsigned i = 0; i < count; i++)
        if (mnet_address_equal(servers[i].address, address))
            return true;
    return false;
}

/* SNTP-10-3: there are more servers than are asked. */
static void time_servers_of_the_lease_come_first(void **state)
{
    static const char *const own[] = {"10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"};
    struct mnet_dhcp_lease lease;
    (void)state;
    struct net n;
    net_init(&n);
    n.server.ntp = SERVER_IP;
    net_open(&n);
    assert_int_equal(mnet_sntp_start(n.stack, own, 4), 0);
    assert_true(is_asked(n.stack, mnet_ipv4(10, 0, 0, 9))); /* there is no lease yet */
    pass_s(&n, 1);
    assert_true(mnet_dhcp_lease(n.stack, &lease));
    assert_int_equal(lease.ntp_count, 1);
    assert_true(mnet_address_equal(lease.ntp[0], SERVER));
    assert_true(is_asked(n.stack, SERVER));
    assert_true(is_asked(n.stack, mnet_ipv4(10, 0, 0, 8)));
    assert_false(is_asked(n.stack, mnet_ipv4(10, 0, 0, 9)));
    net_end(&n);
}

static void open_takes_broadcast_answers(void **state)
{
    (void)state;
    struct net n;
    net_init(&n);
    n.server.broadcasts = true;
    net_open(&n);
    pass_s(&n, 1);
    assert_true(has_address(&n, FIRST));
    net_end(&n);
}

/* Without an address only the client's port is open. */
static void open_without_address_is_closed_to_others(void **state)
{
    (void)state;
    struct net n;
    struct mnet_udp *udp;
    struct mnet_flow *flow;
    net_init(&n);
    n.server.silent = true;
    net_open(&n);
    pass_s(&n, 1);
    const struct mnet_udp_options options = {.local.port = 68};
    assert_int_equal(mnet_udp_open(n.stack, &options, &udp), MNET_E_IN_USE);
    assert_int_equal(mnet_udp_open(n.stack, NULL, &udp), 0);
    const struct mnet_endpoint to[] = {{SERVER, 67}, {mnet_ipv4(255, 255, 255, 255), 67}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(mnet_udp_send(udp, &to[i], "x", 1, 0), MNET_E_UNREACHABLE);
    assert_int_equal(mnet_tcp_connect_begin(n.stack, to[0], NULL, &flow), MNET_E_UNREACHABLE);
    mnet_udp_close(udp);
    net_end(&n);
}

static void open_garbage_does_no_harm(void **state)
{
    (void)state;
    struct net n;
    uint8_t noise[2000];
    net_init(&n);
    n.server.silent = true;
    net_open(&n);
    memset(noise, 0x35, sizeof noise);
    for (size_t len = 0; len <= sizeof noise; len += 50) {
        dhcp_server_send(&n.server, UINT32_MAX, noise, len);
        pass(&n, 2 * MNET_MILLISECOND);
    }
    assert_true(counted(&n, DHCP_DROP_INVALID) > 20);
    n.server.silent = false;
    pass_s(&n, 20);
    assert_true(has_address(&n, FIRST));
    net_end(&n);
}

static void open_address_in_use_is_declined(void **state)
{
    (void)state;
    struct net n;
    net_init(&n);
    n.server.occupied = FIRST_IP;
    net_open(&n);
    pass_s(&n, 1);
    assert_true(mnet_address_is_any(mnet_stack_ipv4(n.stack)));
    assert_int_equal(n.server.seen[MN_DHCP_DECLINE], 1);
    assert_int_equal(n.server.last.requested_ip, FIRST_IP);
    assert_int_equal(n.server.last_source, 0);
    n.server.offers = SECOND_IP;
    pass_s(&n, 8);
    assert_int_equal(n.server.seen[MN_DHCP_DISCOVER], 1); /* ten seconds of silence */
    pass_s(&n, 3);
    assert_true(has_address(&n, SECOND));
    net_end(&n);
}

static void open_with_probe_takes_its_time(void **state)
{
    (void)state;
    struct net n;
    net_init(&n);
    n.config.ip.address_probe = true;
    net_open(&n);
    pass_s(&n, 3);
    assert_true(mnet_address_is_any(mnet_stack_ipv4(n.stack)));
    pass_s(&n, 5);
    assert_true(has_address(&n, FIRST));
    net_end(&n);
}

static void open_mtu_of_the_server_is_kept(void **state)
{
    static const struct {
        uint16_t said, expected;
    } cases[] = {{0, 1500}, {1400, 1400}, {9000, 1500}, {300, 1500}};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct net n;
        struct mnet_flow *flow;
        net_init(&n);
        n.server.mtu = cases[i].said;
        net_open(&n);
        pass_s(&n, 1);
        assert_int_equal(mnet_stack_mtu(n.stack), cases[i].expected);
        assert_int_equal(mnet_tcp_connect_begin(n.stack, (struct mnet_endpoint){SERVER, 80}, NULL, &flow), 0);
        pass(&n, 10 * MNET_MILLISECOND);
        assert_int_equal(n.server.mss, cases[i].expected - 40);
        mnet_tcp_abort(flow);
        net_end(&n);
    }
}

static void open_invalid_combinations_are_refused(void **state)
{
    (void)state;
    struct net n;
    net_init(&n);
    struct mnet_config config = n.config;
    config.ip.ipv4 = (struct mnet_prefix){FIRST, 24};
    assert_int_equal(mnet_stack_open(&config, &n.stack), MNET_E_INVALID);
    config = n.config;
    config.ip.ipv4_gateway = SERVER;
    assert_int_equal(mnet_stack_open(&config, &n.stack), MNET_E_INVALID);
    config = n.config;
    config.ip.route_count = 1;
    assert_int_equal(mnet_stack_open(&config, &n.stack), MNET_E_INVALID);
    config = n.config;
    config.ip.dhcp = false;
    assert_int_equal(mnet_stack_open(&config, &n.stack), MNET_E_INVALID);
    config = n.config;
    config.tcp.congestion = (enum mnet_congestion)99;
    assert_int_equal(mnet_stack_open(&config, &n.stack), MNET_E_INVALID);
    config = n.config;
    config.tcp.ecn = (enum mnet_ecn)99;
    assert_int_equal(mnet_stack_open(&config, &n.stack), MNET_E_INVALID);
    config = n.config;
    config.tcp.receive_buffer = 1;
    assert_int_equal(mnet_stack_open(&config, &n.stack), MNET_E_INVALID);
    net_end(&n);
}

/* ---- keeping and losing it ---- */

static void bound_is_renewed_at_t1(void **state)
{
    (void)state;
    struct net n;
    struct own_pair pair = {0};
    struct mnet_dhcp_lease before, after;
    net_bound(&n);
    connect_to_itself(&n, &pair);
    assert_true(mnet_dhcp_lease(n.stack, &before));
    for (int i = 1; i <= 5; i++) {
        pass_s(&n, 1805);
        assert_int_equal(n.server.seen[MN_DHCP_REQUEST], 1 + i);
        assert_int_equal(n.server.last_source, FIRST_IP);
        assert_int_equal(n.server.last_destination, SERVER_IP);
    }
    assert_true(mnet_dhcp_lease(n.stack, &after));
    assert_true(after.end_ns > before.end_ns + 4 * 1800 * MNET_SECOND);
    assert_int_equal(read_now(pair.client), MNET_E_DEADLINE); /* the connection is not affected */
    assert_int_equal(n.server.seen[MN_DHCP_DISCOVER], 1);
    close_pair(&pair);
    net_end(&n);
}

/* RFC 2131 4.4.5: a client whose lease has ended stops using the address at once. */
static void bound_without_answer_loses_address_and_connections(void **state)
{
    (void)state;
    struct net n;
    struct own_pair pair = {0};
    struct mnet_flow *opening;
    struct mnet_dhcp_lease lease;
    net_bound(&n);
    connect_to_itself(&n, &pair);
    n.server.silent = true;
    pass_s(&n, 3597);
    assert_true(has_address(&n, FIRST));
    assert_int_equal(n.server.last_destination, 0xffffffff); /* rebinding */
    assert_int_equal(n.server.last_source, FIRST_IP);
    assert_int_equal(mnet_tcp_connect_begin(n.stack, (struct mnet_endpoint){SERVER, 80}, NULL, &opening), 0);
    unsigned segments = n.server.tcp_segments;
    pass_s(&n, 5);
    assert_true(mnet_address_is_any(mnet_stack_ipv4(n.stack)));
    assert_false(mnet_dhcp_lease(n.stack, &lease));
    assert_string_equal(n.log.last, "dhcp: 10.0.0.66 is lost, its lease has ended");
    assert_int_equal(read_now(pair.client), MNET_E_NO_ADDRESS);
    assert_int_equal(read_now(pair.server), MNET_E_NO_ADDRESS);
    assert_int_equal(mnet_tcp_write(pair.client, "x", 1, NULL, 0), MNET_E_NO_ADDRESS);
    assert_int_equal(mnet_tcp_established(opening, 0), MNET_E_NO_ADDRESS);
    assert_true(n.server.tcp_segments > segments); /* it was sending before */
    segments = n.server.tcp_segments;
    mnet_tcp_close(opening);
    close_pair(&pair);
    pass_s(&n, 100);
    assert_int_equal(n.server.tcp_segments, segments); /* no reset, nothing */
    assert_int_equal(n.server.last.type, MN_DHCP_DISCOVER);
    /* The server is back, and so is the listener. */
    n.server.silent = false;
    n.server.offers = SECOND_IP;
    pass_s(&n, 70);
    assert_true(has_address(&n, SECOND));
    connect_to_itself(&n, &pair);
    close_pair(&pair);
    net_end(&n);
}

static void bound_refused_gets_another_address(void **state)
{
    (void)state;
    struct net n;
    struct own_pair pair = {0};
    net_bound(&n);
    connect_to_itself(&n, &pair);
    n.server.refuses = true;
    pass_s(&n, 1798);
    assert_true(has_address(&n, FIRST));
    for (int i = 0; i < 2000 && has_address(&n, FIRST); i++)
        pass(&n, MNET_MILLISECOND);
    n.server.refuses = false;
    n.server.offers = SECOND_IP;
    assert_true(mnet_address_is_any(mnet_stack_ipv4(n.stack)));
    assert_string_equal(n.log.last, "dhcp: 10.0.0.66 is lost, its server refuses it");
    assert_int_equal(read_now(pair.client), MNET_E_NO_ADDRESS);
    pass_s(&n, 10);
    assert_true(has_address(&n, SECOND));
    close_pair(&pair);
    net_end(&n);
}

/* ---- the end ---- */

static void bound_down_gives_the_address_back(void **state)
{
    (void)state;
    struct net n;
    net_bound(&n);
    pass_s(&n, 1805); /* renewing, it has learnt the server's link address */
    mnet_stack_down(n.stack);
    n.stack = NULL;
    mnet_sim_advance(n.sim, mnet_sim_now(n.sim) + 10 * MNET_MILLISECOND);
    dhcp_server_serve(&n.server);
    assert_int_equal(n.server.seen[MN_DHCP_RELEASE], 1);
    assert_int_equal(n.server.last.ciaddr, FIRST_IP);
    assert_int_equal(n.server.last_destination, SERVER_IP);
    /* No complaint. */
    assert_string_equal(n.log.last, "dhcp: 10.0.0.66/24 from 10.0.0.1 for 3600 s, router 10.0.0.1");
    net_end(&n);
}

/* A program that has ended gives the stack time to find the server, but not for ever. */
static void bound_wound_down_waits_for_the_release(void **state)
{
    (void)state;
    for (int deaf = 0; deaf <= 1; deaf++) {
        struct net n;
        net_bound(&n);
        n.server.deaf = deaf;
        uint64_t before = mnet_sim_now(n.sim);
        while (mn_stack_wind_down(n.stack))
            pass(&n, MNET_MILLISECOND);
        uint64_t took = mnet_sim_now(n.sim) - before;
        pass(&n, 5 * MNET_MILLISECOND); /* time to find the server */
        assert_int_equal(n.server.seen[MN_DHCP_RELEASE], !deaf);
        assert_in_range(took, deaf ? 490 * MNET_MILLISECOND : 1, deaf ? 510 * MNET_MILLISECOND : 10 * MNET_MILLISECOND);
        mnet_stack_down(n.stack);
        n.stack = NULL;
        mnet_sim_advance(n.sim, mnet_sim_now(n.sim) + 10 * MNET_MILLISECOND);
        dhcp_server_serve(&n.server);
        assert_int_equal(n.server.seen[MN_DHCP_RELEASE], !deaf); /* not again */
        net_end(&n);
    }
}

/* ---- applications ---- */

/* Begins like any application. */
static int up_waits(struct world *w)
{
    struct play *play = w->argument;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), NULL, &w->client), 0);
    CHECK(mnet_address_equal(mnet_stack_ipv4(w->client), FIRST));
    CHECK(mnet_now() >= play->answers_from && mnet_now() < play->answers_from + 20 * MNET_SECOND);
    CHECK_EQUAL(mnet_stack_await_address(w->client, 0), 0);
    return 0;
}

static void up_waits_for_the_first_lease(void **state)
{
    (void)state;
    struct play play = {.answers_from = 5 * MNET_SECOND};
    play_run(&play, up_waits, "--dhcp");
    mnet_sim_destroy(play.sim);
}

static int up_in_vain(struct world *w)
{
    struct play *play = w->argument;
    struct mnet_config config = {.log = {note_line, &play->log, MNET_LOG_WARNING}};
    uint64_t before = mnet_now();
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), MNET_E_NO_ADDRESS);
    CHECK(w->client == NULL);
    CHECK_EQUAL(mnet_now() - before, 30 * MNET_SECOND);
    CHECK_EQUAL(play->log.count, 1);
    CHECK_EQUAL(strcmp(play->log.last, "dhcp: no server gave an address within 30 s"), 0);
    CHECK_EQUAL(play->server.seen[MN_DHCP_DISCOVER], 4);
    CHECK_EQUAL(play->server.seen[MN_DHCP_RELEASE], 0);
    config.ip.dhcp_wait_ns = 2 * MNET_SECOND; /* the device is free again */
    before = mnet_now();
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), MNET_E_NO_ADDRESS);
    CHECK_EQUAL(mnet_now() - before, 2 * MNET_SECOND);
    return 0;
}

static void up_without_a_server_fails_in_time(void **state)
{
    (void)state;
    struct play play = {.answers_from = MNET_NEVER};
    play_run(&play, up_in_vain, "--dhcp");
    mnet_sim_destroy(play.sim);
}

/* With an address of IPv6 the stack goes on without the lease, which may come later. */
static int up_with_ipv6_alone(struct world *w)
{
    struct play *play = w->argument;
    struct mnet_config config = {.log = {note_line, &play->log, MNET_LOG_WARNING}};
    uint64_t before = mnet_now();
    CHECK_EQUAL(mnet_address_parse("fd00::2", &config.ip.ipv6.address), 0);
    config.ip.ipv6.length = 64;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    CHECK_EQUAL(mnet_now() - before, 10 * MNET_SECOND);
    CHECK_EQUAL(play->log.count, 1);
    CHECK_EQUAL(strcmp(play->log.last, "dhcp: no server gave an address so far, only IPv6 has one"), 0);
    CHECK_EQUAL(mnet_stack_await_address(w->client, 0), 0);
    CHECK(mnet_address_is_any(mnet_stack_ipv4(w->client)));
    mnet_sleep(in_ms(20000));
    CHECK(mnet_address_equal(mnet_stack_ipv4(w->client), FIRST));
    return 0;
}

static void up_without_a_server_goes_on_with_ipv6(void **state)
{
    (void)state;
    struct play play = {.answers_from = 11 * MNET_SECOND};
    play_run(&play, up_with_ipv6_alone, "--dhcp");
    mnet_sim_destroy(play.sim);
}

static int call_await(void *argument)
{
    struct call *call = argument;
    return mnet_stack_await_address(call->object, call->deadline);
}

static int up_no_wait(struct world *w)
{
    struct mnet_config config = {.ip.dhcp = true, .ip.dhcp_no_wait = true};
    struct call forever = {0}, cancelled = {0};
    uint64_t before = mnet_now();
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    CHECK_EQUAL(mnet_now(), before);
    CHECK_EQUAL(mnet_stack_await_address(w->client, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stack_await_address(w->client, in_ms(500)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_now(), before + 500 * MNET_MILLISECOND);
    CHECK_EQUAL(call_start(w, &forever, call_await, w->client), 0);
    CHECK_EQUAL(call_start(w, &cancelled, call_await, w->client), 0);
    mnet_cancel(cancelled.task);
    CHECK_EQUAL(call_join(&cancelled), 0);
    CHECK_EQUAL(cancelled.result, MNET_E_CANCELLED);
    CHECK_EQUAL(mnet_stack_await_address(w->client, in_ms(20000)), 0);
    CHECK_EQUAL(call_join(&forever), 0);
    CHECK_EQUAL(forever.result, 0);
    return 0;
}

static void up_without_waiting_can_be_awaited(void **state)
{
    (void)state;
    struct play play = {.answers_from = 5 * MNET_SECOND};
    play_run(&play, up_no_wait, "");
    mnet_sim_destroy(play.sim);
}

static int await_until_down(struct world *w)
{
    struct mnet_config config = {.ip.dhcp = true, .ip.dhcp_no_wait = true};
    struct call call = {0};
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    CHECK_EQUAL(call_start(w, &call, call_await, w->client), 0);
    mnet_stack_down(w->client);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, MNET_E_CLOSED);
    return 0;
}

static void await_ends_with_the_stack(void **state)
{
    (void)state;
    struct play play = {.answers_from = MNET_NEVER};
    play_run(&play, await_until_down, "");
    mnet_sim_destroy(play.sim);
}

/* The program's own configuration has precedence over the command line. */
static int own_address(struct world *w)
{
    struct mnet_config config = {.ip.ipv4 = {SECOND, 24}};
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    CHECK(mnet_address_equal(mnet_stack_ipv4(w->client), SECOND));
    CHECK_EQUAL(mnet_stack_await_address(w->client, 0), 0);
    return 0;
}

static void up_with_an_address_of_its_own_asks_nobody(void **state)
{
    (void)state;
    struct play play = {0};
    play_run(&play, own_address, "--dhcp");
    assert_int_equal(play.server.seen[MN_DHCP_DISCOVER], 0);
    mnet_sim_destroy(play.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_gets_an_address),
        cmocka_unit_test(open_with_a_lease_without_end_says_so),
        cmocka_unit_test(short_leases_leave_few_lines),
        cmocka_unit_test(time_servers_of_the_lease_come_first),
        cmocka_unit_test(open_takes_broadcast_answers),
        cmocka_unit_test(open_without_address_is_closed_to_others),
        cmocka_unit_test(open_garbage_does_no_harm),
        cmocka_unit_test(open_address_in_use_is_declined),
        cmocka_unit_test(open_with_probe_takes_its_time),
        cmocka_unit_test(open_mtu_of_the_server_is_kept),
        cmocka_unit_test(open_invalid_combinations_are_refused),
        cmocka_unit_test(bound_is_renewed_at_t1),
        cmocka_unit_test(bound_without_answer_loses_address_and_connections),
        cmocka_unit_test(bound_refused_gets_another_address),
        cmocka_unit_test(bound_down_gives_the_address_back),
        cmocka_unit_test(bound_wound_down_waits_for_the_release),
        cmocka_unit_test(up_waits_for_the_first_lease),
        cmocka_unit_test(up_without_a_server_fails_in_time),
        cmocka_unit_test(up_without_a_server_goes_on_with_ipv6),
        cmocka_unit_test(up_without_waiting_can_be_awaited),
        cmocka_unit_test(await_ends_with_the_stack),
        cmocka_unit_test(up_with_an_address_of_its_own_asks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
