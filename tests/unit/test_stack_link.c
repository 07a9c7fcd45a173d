/* A stack whose link goes down and comes up: its requests then, the state that it keeps, and the
 * calls that notice. */
#include "tests/unit/dhcp_net.h"

/* Without a cable at first: no request is answered until there is one. */
static void open_link_that_comes_late_asks_at_once(void **state)
{
    (void)state;
    for (unsigned late_ms = 5500; late_ms <= 40000; late_ms += 8000) {
        struct net n;
        net_init(&n);
        mnet_sim_plug(n.client, false);
        net_open(&n);
        assert_false(mnet_stack_link_up(n.stack));
        pass(&n, late_ms * MNET_MILLISECOND);
        assert_int_equal(n.server.seen[MN_DHCP_DISCOVER], 0);
        mnet_sim_plug(n.client, true);
        pass(&n, 300 * MNET_MILLISECOND);
        assert_true(mnet_stack_link_up(n.stack));
        assert_true(has_address(&n, FIRST));
        net_end(&n);
    }
}

/* The same network as before: the address and the connections go on. */
static void bound_link_back_in_the_same_network_keeps_connections(void **state)
{
    (void)state;
    struct net n;
    struct own_pair pair = {0};
    net_bound(&n);
    connect_to_itself(&n, &pair);
    mnet_sim_plug(n.client, false);
    pass_s(&n, 20);
    assert_true(has_address(&n, FIRST));
    unsigned requests = n.server.seen[MN_DHCP_REQUEST];
    mnet_sim_plug(n.client, true);
    pass(&n, 50 * MNET_MILLISECOND);
    assert_int_equal(n.server.seen[MN_DHCP_REQUEST], requests + 1);
    assert_int_equal(n.server.last.requested_ip, FIRST_IP);
    assert_int_equal(n.server.last.ciaddr, 0);
    assert_int_equal(n.server.last_source, 0);
    assert_true(has_address(&n, FIRST));
    assert_int_equal(read_now(pair.client), MNET_E_DEADLINE);
    pass_s(&n, 60);
    assert_int_equal(n.server.seen[MN_DHCP_REQUEST], requests + 1);
    close_pair(&pair);
    net_end(&n);
}

/* Another network, whose server refuses the address: the stack gets another address at once. */
static void bound_link_back_in_another_network_gets_another_address(void **state)
{
    (void)state;
    struct net n;
    struct own_pair pair = {0};
    net_bound(&n);
    connect_to_itself(&n, &pair);
    mnet_sim_plug(n.client, false);
    pass_s(&n, 2);
    n.server.offers = SECOND_IP;
    n.server.refuses = true;
    mnet_sim_plug(n.client, true);
    pass(&n, 2 * MNET_MILLISECOND);
    n.server.refuses = false; /* only the old address is refused */
    pass_s(&n, 10);
    assert_true(has_address(&n, SECOND));
    assert_int_equal(read_now(pair.client), MNET_E_NO_ADDRESS);
    close_pair(&pair);
    net_end(&n);
}

struct heard {
    unsigned count, ready;
};

static void hear(void *context, unsigned ready)
{
    struct heard *heard = context;
    heard->count++;
    heard->ready = ready;
}

/* An address that is being probed for is a change, too, before it may be used. */
static void link_and_address_are_told_to_who_asked(void **state)
{
    (void)state;
    struct net n;
    struct heard heard = {0};
    net_init(&n);
    mnet_sim_plug(n.client, false);
    net_open(&n);
    mnet_stack_notify(n.stack, hear, &heard);
    pass_s(&n, 3);
    assert_int_equal(heard.count, 0);
    mnet_sim_plug(n.client, true);
    turn(&n);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.ready, MNET_STACK_LINK);
    pass(&n, 50 * MNET_MILLISECOND);
    assert_true(heard.count > 1);
    assert_int_equal(heard.ready, MNET_STACK_LINK);
    pass_s(&n, 1);
    assert_int_equal(heard.ready, MNET_STACK_LINK | MNET_STACK_ADDRESS);
    assert_int_equal(mnet_stack_ready(n.stack), heard.ready);
    unsigned count = heard.count;
    pass_s(&n, 100);
    assert_int_equal(heard.count, count);
    mnet_sim_plug(n.client, false);
    turn(&n);
    assert_int_equal(heard.count, count + 1);
    assert_int_equal(heard.ready, MNET_STACK_ADDRESS);
    assert_string_equal(n.log.last, "device client: the link is down");
    mnet_stack_notify(n.stack, NULL, NULL);
    mnet_sim_plug(n.client, true);
    pass_s(&n, 1);
    assert_int_equal(heard.count, count + 1);
    net_end(&n);
}

/* A renewed lease is no change, unless it has other values than before. */
static void renewal_is_no_change(void **state)
{
    (void)state;
    struct net n;
    net_bound(&n);
    uint32_t changes = mnet_stack_changes(n.stack);
    pass_s(&n, 1810);
    assert_int_equal(n.server.seen[MN_DHCP_REQUEST], 2);
    assert_int_equal(mnet_stack_changes(n.stack), changes);
    n.server.mtu = 1400;
    pass_s(&n, 1810);
    assert_int_equal(n.server.seen[MN_DHCP_REQUEST], 3);
    assert_int_not_equal(mnet_stack_changes(n.stack), changes);
    net_end(&n);
}

/* ---- applications ---- */

/* The wait for an address begins when the link comes up. A server answers 25 s after that. */
static int up_with_a_late_link(struct world *w)
{
    struct play *play = w->argument;
    struct mnet_config config = {0};
    uint64_t before = mnet_now();
    play->answers_from = before + 65 * MNET_SECOND;
    mnet_sim_plug(w->client_host, false);
    play->plug_at = before + 40 * MNET_SECOND;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    CHECK(mnet_now() >= play->answers_from);
    CHECK(mnet_stack_link_up(w->client));
    return 0;
}

/* If the link never comes up, the wait ends, too. */
static int up_without_a_link(struct world *w)
{
    struct play *play = w->argument;
    struct mnet_config config = {.log = {note_line, &play->log, MNET_LOG_WARNING}};
    uint64_t before = mnet_now();
    mnet_sim_plug(w->client_host, false);
    play->plug_at = MNET_NEVER;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), MNET_E_NO_ADDRESS);
    CHECK_EQUAL(mnet_now() - before, 300 * MNET_SECOND);
    CHECK_EQUAL(strcmp(play->log.last, "dhcp: the link has been down for 300 s"), 0);
    mnet_sim_plug(w->client_host, true);
    before = mnet_now();
    play->answers_from = MNET_NEVER;
    play->plug_at = before + 295 * MNET_SECOND; /* up again for less than the wait */
    mnet_sim_plug(w->client_host, false);
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), MNET_E_NO_ADDRESS);
    CHECK_EQUAL(mnet_now() - before, 300 * MNET_SECOND);
    return 0;
}

static int call_await_link(void *argument)
{
    struct call *call = argument;
    return mnet_stack_await_link(call->object, false, call->deadline);
}

static int await_link(struct world *w)
{
    struct play *play = w->argument;
    struct mnet_config config = {.ip.dhcp = true, .ip.dhcp_no_wait = true};
    struct call call = {.deadline = MNET_NEVER}, second = {.deadline = MNET_NEVER};
    uint64_t before = mnet_now();
    mnet_sim_plug(w->client_host, false);
    uint64_t at = play->plug_at = before + 3 * MNET_SECOND;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    CHECK_EQUAL(mnet_stack_await_link(w->client, false, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_stack_await_link(w->client, true, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stack_await_link(w->client, true, in_ms(100)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stack_await_link(w->client, true, MNET_NEVER), 0);
    CHECK(mnet_now() >= at && mnet_now() < at + 10 * MNET_MILLISECOND);
    CHECK_EQUAL(call_start(w, &call, call_await_link, w->client), 0);
    mnet_sim_plug(w->client_host, false);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, 0);
    mnet_sim_plug(w->client_host, true);
    CHECK_EQUAL(mnet_stack_await_link(w->client, true, MNET_NEVER), 0);
    CHECK_EQUAL(call_start(w, &second, call_await_link, w->client), 0);
    mnet_stack_down(w->client);
    CHECK_EQUAL(call_join(&second), 0);
    CHECK_EQUAL(second.result, MNET_E_CLOSED);
    return 0;
}

static int call_await_change(void *argument)
{
    struct call *call = argument;
    return mnet_stack_await_change(call->object, mnet_stack_changes(call->object), call->deadline);
}

/* A wait for changes ends with each of them, with its deadline, and with the stack. */
static int await_change(struct world *w)
{
    struct mnet_config config = {.ip.dhcp = true, .ip.dhcp_no_wait = true};
    struct call call = {.deadline = MNET_NEVER}, last = {.deadline = MNET_NEVER};
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    uint32_t seen = 0;
    unsigned rounds = 0;
    while (!(mnet_stack_ready(w->client) & MNET_STACK_ADDRESS)) {
        CHECK_EQUAL(mnet_stack_await_change(w->client, seen, in_ms(10000)), 0);
        seen = mnet_stack_changes(w->client);
        rounds++;
    }
    CHECK(rounds > 1 && rounds < 6);
    CHECK_EQUAL(mnet_stack_await_change(w->client, seen, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stack_await_change(w->client, seen, in_ms(100)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stack_await_change(w->client, seen - 1, 0), 0);
    CHECK_EQUAL(call_start(w, &call, call_await_change, w->client), 0);
    mnet_sim_plug(w->client_host, false);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, 0);
    CHECK_EQUAL(call_start(w, &last, call_await_change, w->client), 0);
    mnet_stack_down(w->client);
    CHECK_EQUAL(call_join(&last), 0);
    CHECK_EQUAL(last.result, MNET_E_CLOSED);
    return 0;
}

static void changes_can_be_awaited(void **state)
{
    (void)state;
    struct play play = {0};
    play_run(&play, await_change, "");
    mnet_sim_destroy(play.sim);
}

static void up_waits_from_the_link_on(void **state)
{
    static int (*const bodies[])(struct world *) = {up_with_a_late_link, up_without_a_link, await_link};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(bodies); i++) {
        struct play play = {0};
        play_run(&play, bodies[i], i < 2 ? "--dhcp" : "");
        mnet_sim_destroy(play.sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_link_that_comes_late_asks_at_once),
        cmocka_unit_test(bound_link_back_in_the_same_network_keeps_connections),
        cmocka_unit_test(bound_link_back_in_another_network_gets_another_address),
        cmocka_unit_test(link_and_address_are_told_to_who_asked),
        cmocka_unit_test(renewal_is_no_change),
        cmocka_unit_test(changes_can_be_awaited),
        cmocka_unit_test(up_waits_from_the_link_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
