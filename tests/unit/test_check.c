/* The checks of whole structures: each finds what is wrong with one. */
#include "unit/child.h"

#include "base/list.h"
#include "base/memory.h"
#include "tests/support/ip6_router.h"

static struct ip_host host;

struct spoiling {
    void (*spoil)(struct ip_host *h);
};

static void spoil_and_check(void *argument)
{
    ((struct spoiling *)argument)->spoil(&host);
    for (int i = 0; i < 64; i++) {
        mn_ip_check(&host.ip);
        mn_memory_check(host.memory);
    }
}

/* Runs `spoil` and the checks in a process of its own, which is to end with the assertion. */
static void assert_found(void (*spoil)(struct ip_host *h), const char *assertion)
{
    const char *said = find_assertion(spoil_and_check, &(struct spoiling){spoil}, assertion);
    if (said != NULL)
        fail_msg("not found: %s; it said: %s", assertion, said);
}

static void count_a_neighbour_more(struct ip_host *h)
{
    h->ip.neighbours.count++;
}

static void lose_waiting_bytes(struct ip_host *h)
{
    h->ip.neighbours.pending_bytes--;
}

static void stop_the_timer_of_a_neighbour(struct ip_host *h)
{
    struct mnet_link *link = mn_list_first(&h->ip.neighbours.ages[MN_NEIGHBOUR_AGE_UNRESOLVED]);
    mn_wheel_cancel(&h->ip.wheel, &MN_CONTAINER(link, struct mn_neighbour, age)->timer);
}

static void count_a_fragment_more(struct ip_host *h)
{
    h->ip.reassembly.bytes++;
}

static void lose_the_end_of_a_queue(struct ip_host *h)
{
    h->ip.transmit.last = h->ip.transmit.first;
    h->ip.transmit.count++;
}

static void change_the_own_address(struct ip_host *h)
{
    h->ip.own[MN_OWN_IPV4].v4.address++;
}

static void remember_another_way(struct ip_host *h)
{
    h->ip.last_way.way.kind = MN_IP_WAY_LOOPBACK;
}

static void turn_the_routes_round(struct ip_host *h)
{
    h->ip.routes.entries[1].to.length = 32;
}

static void count_an_object_more(struct ip_host *h)
{
    h->memory->packets.in_use++;
}

static void lose_a_slab(struct ip_host *h)
{
    h->memory->free_slabs--;
    h->memory->fewest_free = 0;
}

static void fail_in_a_folder_named_ports(struct ip_host *h)
{
    (void)h;
    mn_failed("../../home/ports/mnet/src/tcp/input.c", 7, "a");
}

static void fail_in_a_folder_named_src(struct ip_host *h)
{
    (void)h;
    mn_failed("/usr/src/mnet/ports/tap/tap.c", 7, "a");
}

/* Wherever the build was made. */
static void reports_give_the_path_in_the_project(void **state)
{
    (void)state;
    assert_found(fail_in_a_folder_named_ports, " src/tcp/input.c:7");
    assert_found(fail_in_a_folder_named_src, " ports/tap/tap.c:7");
}

static void spoilt_structures_are_found(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(struct ip_host *h);
        const char *assertion;
    } cases[] = {
        {count_a_neighbour_more, "ip->wheel.armed =="},
        {lose_waiting_bytes, "bytes == table->pending_bytes"},
        {stop_the_timer_of_a_neighbour, "ip->wheel.armed =="},
        {count_a_fragment_more, "bytes == reassembly->bytes"},
        {lose_the_end_of_a_queue, "count == queue->count"},
        {change_the_own_address, "== own->v4.address"},
        {remember_another_way, "way.kind == last->way.kind"},
        {turn_the_routes_round, "routes->entries[i - 1].to.length"},
        {count_an_object_more, "used == in_use"},
        {lose_a_slab, "free == memory->free_slabs"},
    };
    ip_host_up(&host);
    /* A neighbour, a packet that waits for another one, and a first fragment. */
    receive_arp(&host, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OWN_IP);
    assert_int_equal(send_line(&host, (struct output_line){.destination = PEER_IP, .protocol = MN_PROTOCOL_UDP}), 0);
    assert_int_equal(
        send_line(&host, (struct output_line){.destination = IPV4(10, 0, 0, 77), .protocol = MN_PROTOCOL_UDP}), 0);
    receive_ip(&host, .more = true);
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++)
        assert_found(cases[i].spoil, cases[i].assertion);
    mn_ip_check(&host.ip); /* here nothing is spoilt */
    mn_memory_check(host.memory);
    ip_host_down(&host);
}

static void lose_a_route(struct ip_host *h)
{
    h->ip.v6.routers.count--;
}

static void repeat_a_route(struct ip_host *h)
{
    struct mn_routers *routers = &h->ip.v6.routers;
    routers->routes[routers->count++] = routers->routes[0];
}

static void raise_the_preference_of_a_route(struct ip_host *h)
{
    h->ip.v6.routers.routes[0].preference = 2;
}

static void repeat_a_prefix(struct ip_host *h)
{
    struct mn_prefixes *prefixes = &h->ip.v6.prefixes;
    prefixes->entries[prefixes->count++] = prefixes->entries[0];
}

static void count_a_redirect_less(struct ip_host *h)
{
    h->ip.v6.redirects.count--;
}

static void redirect_to_somebody_beyond_the_link(struct ip_host *h)
{
    h->ip.v6.redirects.entries[0].target = NET_1;
}

static void repeat_a_server(struct ip_host *h)
{
    struct mn_resolvers *resolvers = &h->ip.v6.resolvers;
    resolvers->servers[resolvers->server_count++] = resolvers->servers[0];
}

static void prefer_an_address_for_longer_than_it_is_valid(struct ip_host *h)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        h->ip.v6.autoconf.addresses[i].preferred_until_ns = h->ip.v6.autoconf.addresses[i].valid_until_ns + 1;
}

static void forget_why_there_is_an_address(struct ip_host *h)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        h->ip.v6.autoconf.addresses[i].state = MN_AUTO_FREE;
}

static void take_a_larger_mtu_than_the_link(struct ip_host *h)
{
    h->ip.v6.parameters.link_mtu = MN_IPV6_MTU_MIN;
}

static void lose_the_bit_of_an_address(struct ip_host *h)
{
    h->ip.v6.own_bits = 0;
}

static void spoilt_tables_of_ipv6_are_found(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(struct ip_host *h);
        const char *assertion;
    } cases[] = {
        {lose_a_route, "known == (count_routes(routers, at) > 0)"},
        {repeat_a_route, "routers->routes[i].router != route->router"},
        {raise_the_preference_of_a_route, "route->preference <= MN_ND_HIGH"},
        {repeat_a_prefix, "!same_prefix("},
        {count_a_redirect_less, "redirects->count == count"},
        {redirect_to_somebody_beyond_the_link, "mn_ipv6_is_link_local(&entry->target)"},
        {repeat_a_server, "resolvers->servers[j].address"},
        {prefer_an_address_for_longer_than_it_is_valid, "a->preferred_until_ns <= a->valid_until_ns"},
        {forget_why_there_is_an_address, "known || !own->automatic"},
        {take_a_larger_mtu_than_the_link, "parameters->mtu <= parameters->link_mtu"},
        {lose_the_bit_of_an_address, "own_bits"},
    };
    auto_host_up(&host);
    have_router(&host);
    receive_ra(&host, .lifetime_s = 1800, .servers = {NET_2}, .dns_lifetime_s = 1800);
    mn_redirects_put(&host.ip.v6.redirects, NET_2, ROUTER_B);
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++)
        assert_found(cases[i].spoil, cases[i].assertion);
    mn_ip_check(&host.ip); /* here nothing is spoilt */
    ip_host_down(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_give_the_path_in_the_project),
        cmocka_unit_test(spoilt_structures_are_found),
        cmocka_unit_test(spoilt_tables_of_ipv6_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
