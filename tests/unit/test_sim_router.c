/* Simulated routers between stacks: their advertisements and the packets they forward, and hosts
 * that follow them if prefixes change, paths are narrow and routers die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mnet/sim_router.h>

#include "support/addresses.h"
#include "support/world.h"

#define PORT 80
#define TEXT 300000u
#define SECONDS(n) ((n)*MNET_SECOND)

/* Two segments with a host each, and a router or two between them. CHECK uses the world. */
struct routed_net {
    struct world w;
    struct mnet_sim_segment *lan, *wan;
    struct mnet_sim_router *routers[2];
    int (*body)(struct routed_net *net);
    uint64_t hash;
    uint64_t outage_ms; /* that body_fails_over has measured */
};

struct net_options {
    uint16_t wan_mtu; /* of the routers; default 1500 */
    bool silent;
    bool two_routers;
    bool second_on_wan;    /* there it is the better one */
    uint32_t reachable_ms; /* that routers advertise */
    const char *client;    /* further arguments */
    uint64_t seed;
};

static struct mnet_sim_prefix router_prefix(const char *text, uint32_t valid_s, uint32_t preferred_s)
{
    return (struct mnet_sim_prefix){{address(text), 64}, valid_s, preferred_s, false, false};
}

#define LAN router_prefix("2001:db8:1::", 7200, 3600)
#define LAN_NEXT router_prefix("2001:db8:11::", 7200, 3600)
#define WAN router_prefix("2001:db8:2::", 7200, 3600)

static struct mnet_sim_advertisement advertisement(struct mnet_sim_prefix of, int preference)
{
    return (struct mnet_sim_advertisement){
        .lifetime_s = 1800, .preference = preference, .prefixes = {of}, .interval_ns = SECONDS(60)};
}

/* ---- The network ---- */

/* Returns the own address in `network` that is preferred, or the unspecified one. */
static struct mnet_address own_in(const struct mnet_stack *stack, struct mnet_sim_prefix network)
{
    struct mnet_stack_address own[8];
    unsigned count = mnet_stack_addresses(stack, own, 8);
    for (unsigned i = 0; i < count && i < 8; i++)
        if (own[i].state == MNET_ADDRESS_PREFERRED && mnet_prefix_contains(network.prefix, own[i].prefix.address))
            return own[i].prefix.address;
    return MNET_ADDRESS_ANY;
}

static int begin(struct mnet_env *env, void *argument)
{
    struct routed_net *net = argument;
    struct world *w = &net->w;
    (void)env;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->server_host), NULL, &w->server), 0);
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), NULL, &w->client), 0);
    CHECK_EQUAL(sleep_ms(10000), 0);
    CHECK(!mnet_address_is_any(own_in(w->client, LAN)));
    CHECK(!mnet_address_is_any(own_in(w->server, WAN)));
    return net->body(net);
}

static void hash_frame(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                       const void *frame, size_t len)
{
    struct routed_net *net = context;
    const uint8_t *bytes = frame;
    (void)host;
    net->hash = (net->hash ^ now ^ (uint64_t)direction << 60) * 0x100000001b3;
    for (size_t i = 0; i < len; i++)
        net->hash = (net->hash ^ bytes[i]) * 0x100000001b3;
}

static void add_router(struct routed_net *net, const struct net_options *options, unsigned number)
{
    struct mnet_sim_router *router = mnet_sim_router(net->w.sim, number == 0 ? "first" : "second");
    struct mnet_sim_interface lan = {.ipv4 = {mnet_ipv4(10, 0, 1, (uint8_t)(1 + number)), 24}};
    struct mnet_sim_interface wan = {.ipv4 = {mnet_ipv4(10, 0, 2, (uint8_t)(1 + number)), 24}, .mtu = options->wan_mtu};
    struct mnet_sim_advertisement on_lan = advertisement(LAN, number == 0);
    struct mnet_sim_advertisement on_wan = advertisement(WAN, number == (options->second_on_wan ? 1 : 0));
    on_lan.reachable_ms = on_wan.reachable_ms = options->reachable_ms;
    assert_non_null(router);
    assert_non_null(mnet_sim_router_attach(router, net->lan, &lan));
    assert_non_null(mnet_sim_router_attach(router, net->wan, &wan));
    mnet_sim_router_advertise(router, 0, &on_lan);
    mnet_sim_router_advertise(router, 1, &on_wan);
    mnet_sim_router_set_silent(router, options->silent);
    net->routers[number] = router;
}

static struct mnet_sim_host *add_host(struct routed_net *net, const char *name, const char *arguments,
                                      const char *further, struct mnet_sim_segment *segment)
{
    char all[MNET_SIM_ARGUMENTS];
    snprintf(all, sizeof all, "%s --ipv6=auto %s", arguments, further != NULL ? further : "");
    struct mnet_sim_host *host = mnet_sim_host(net->w.sim, name, &(struct mnet_sim_host_options){.arguments = all});
    struct mnet_sim_path path = {.bandwidth_bps = 100000000, .delay_ns = MNET_MILLISECOND};
    assert_non_null(host);
    mnet_sim_attach(segment, host);
    mnet_sim_shape(host, MNET_SIM_SENDING, &path);
    mnet_sim_shape(host, MNET_SIM_RECEIVING, &path);
    return host;
}

/* Runs `body` as a task when the hosts have their addresses. */
static struct routed_net run(int (*body)(struct routed_net *net), const struct net_options *options)
{
    struct routed_net net = {.body = body, .hash = 0xcbf29ce484222325};
    net.w.sim = mnet_sim_create(options->seed);
    net.lan = mnet_sim_segment(net.w.sim);
    net.wan = mnet_sim_segment(net.w.sim);
    net.w.client_host = add_host(&net, "client", "--ipv4=10.0.1.9/24 --ipv4-gateway=10.0.1.1", options->client,
                                 net.lan);
    net.w.server_host = add_host(&net, "server", "--ipv4=10.0.2.9/24 --ipv4-gateway=10.0.2.1", NULL, net.wan);
    add_router(&net, options, 0);
    if (options->two_routers)
        add_router(&net, options, 1);
    mnet_sim_watch(net.w.sim, hash_frame, &net);
    mnet_sim_spawn(net.w.client_host, begin, &net);
    int result = mnet_sim_run(net.w.sim, SECONDS(20000));
    mnet_sim_watch(net.w.sim, NULL, NULL);
    mnet_sim_destroy(net.w.sim);
    if (net.w.failure[0] != '\0')
        fail_msg("%s", net.w.failure);
    assert_int_equal(result, 0);
    return net;
}

/* ---- Transfers ---- */

struct transfer {
    struct mnet_listener *listener;
    struct mnet_flow *client, *server;
    struct mnet_task *writer;
};

static int open_transfer(struct world *w, struct transfer *t, struct mnet_address to)
{
    CHECK_EQUAL(mnet_tcp_listen(w->server, PORT, NULL, &t->listener), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, to, PORT, &t->client, in_ms(5000)), 0);
    CHECK_EQUAL(mnet_tcp_accept(t->listener, &t->server, in_ms(5000)), 0);
    mnet_tcp_unlisten(t->listener);
    return 0;
}

static uint8_t byte_at(size_t position)
{
    return (uint8_t)(position ^ position >> 8 ^ position >> 16);
}

static int write_text(void *argument)
{
    struct transfer *t = argument;
    static uint8_t text[TEXT];
    for (size_t i = 0; i < TEXT; i++)
        text[i] = byte_at(i);
    int result = mnet_tcp_write(t->client, text, TEXT, NULL, MNET_NEVER);
    return result == 0 ? mnet_tcp_shutdown(t->client, MNET_SHUTDOWN_WRITE) : result;
}

/* Moves TEXT bytes from the client to the server, all of which must arrive. */
static int transfer(struct world *w, struct mnet_address to, uint64_t limit_ms, struct mnet_tcp_info *info)
{
    static uint8_t bytes[65536];
    struct transfer t;
    size_t got = 0;
    ptrdiff_t n;
    CHECK_EQUAL(open_transfer(w, &t, to), 0);
    CHECK_EQUAL(mnet_spawn(&t.writer, write_text, &t), 0);
    while ((n = mnet_tcp_read(t.server, bytes, sizeof bytes, in_ms(limit_ms))) > 0)
        for (ptrdiff_t i = 0; i < n; i++)
            CHECK_EQUAL(bytes[i], byte_at(got++));
    CHECK_EQUAL(n, 0);
    CHECK_EQUAL(got, TEXT);
    mnet_tcp_info(t.client, info);
    CHECK_EQUAL(mnet_join(t.writer, NULL, in_ms(1000)), 0);
    mnet_tcp_close(t.client);
    mnet_tcp_close(t.server);
    return 0;
}

/* Both families, one after the other. */
static int transfer_both(struct routed_net *net, uint64_t limit_ms, unsigned path_mtu)
{
    struct world *w = &net->w;
    struct mnet_address to[] = {own_in(w->server, WAN), mnet_ipv4(10, 0, 2, 9)};
    for (int i = 0; i < 2; i++) {
        struct mnet_tcp_info info;
        CHECK_EQUAL(transfer(w, to[i], limit_ms, &info), 0);
        CHECK(info.path_mtu <= path_mtu && info.path_mtu + 16 >= path_mtu);
    }
    return 0;
}

static int body_forwards(struct routed_net *net)
{
    struct world *w = &net->w;
    CHECK_EQUAL(transfer_both(net, 5000, 1500), 0);
    struct mnet_sim_router_counts counts = mnet_sim_router_counts(net->routers[0]);
    CHECK(counts.forwarded > 2 * TEXT / 1460);
    CHECK_EQUAL(counts.too_big + counts.no_route + counts.unresolved, 0);
    return 0;
}

static void packets_of_both_families_are_forwarded(void **state)
{
    (void)state;
    run(body_forwards, &(struct net_options){0});
}

/* The router tells: nothing is lost twice. */
static int body_narrow(struct routed_net *net)
{
    struct world *w = &net->w;
    CHECK_EQUAL(transfer_both(net, 1000, 1280), 0);
    CHECK(mnet_sim_router_counts(net->routers[0]).too_big > 0);
    CHECK_EQUAL(mnet_stack_counters(w->client)->value[MNET_COUNT_TCP_PMTU_BLACK_HOLE], 0);
    return 0;
}

static void narrow_path_is_told_to_the_sender(void **state)
{
    (void)state;
    run(body_narrow, &(struct net_options){.wan_mtu = 1280});
}

/* The hosts find out by themselves. */
static int body_silent(struct routed_net *net)
{
    struct world *w = &net->w;
    CHECK_EQUAL(transfer_both(net, 5000, 1280), 0);
    CHECK(mnet_sim_router_counts(net->routers[0]).too_big > 0);
    CHECK_EQUAL(mnet_stack_counters(w->client)->value[MNET_COUNT_TCP_PMTU_BLACK_HOLE], 2);
    return 0;
}

static void silent_router_is_a_black_hole(void **state)
{
    (void)state;
    run(body_silent, &(struct net_options){.wan_mtu = 1280, .silent = true});
}

/* A router cuts IPv4. Over IPv6 the host does, as soon as it knows. */
static int body_datagrams(struct routed_net *net)
{
    struct world *w = &net->w;
    static char large[3000], in[3000];
    struct mnet_udp *server, *client;
    struct mnet_endpoint to4 = {mnet_ipv4(10, 0, 2, 9), 53}, to6 = {own_in(w->server, WAN), 53};
    CHECK_EQUAL(mnet_udp_open(w->server, &(struct mnet_udp_options){.local.port = 53}, &server), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &client), 0);
    memset(large, 'x', sizeof large);
    CHECK_EQUAL(mnet_udp_send(client, &to4, large, sizeof large, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_udp_receive(server, in, sizeof in, NULL, in_ms(1000)), sizeof large);
    CHECK(memcmp(in, large, sizeof large) == 0);
    CHECK_EQUAL(mnet_sim_router_counts(net->routers[0]).too_big, 0);
    CHECK_EQUAL(mnet_udp_send(client, &to6, large, sizeof large, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_udp_receive(server, in, sizeof in, NULL, in_ms(1000)), MNET_E_DEADLINE);
    CHECK(mnet_sim_router_counts(net->routers[0]).too_big > 0);
    CHECK_EQUAL(mnet_udp_send(client, &to6, large, sizeof large, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_udp_receive(server, in, sizeof in, NULL, in_ms(1000)), sizeof large);
    mnet_udp_close(client);
    mnet_udp_close(server);
    return 0;
}

static void large_datagrams_are_cut_on_the_way_over_ipv4_only(void **state)
{
    (void)state;
    run(body_datagrams, &(struct net_options){.wan_mtu = 1280});
}

static int body_unreachable(struct routed_net *net)
{
    struct world *w = &net->w;
    struct mnet_flow *flow;
    CHECK_EQUAL(mnet_tcp_connect(w->client, address("2001:db8:3::1"), 9, &flow, in_ms(10000)), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_tcp_connect(w->client, mnet_ipv4(10, 0, 3, 1), 9, &flow, in_ms(10000)), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_sim_router_counts(net->routers[0]).forwarded, 0);
    CHECK(mnet_sim_router_counts(net->routers[0]).no_route >= 2);
    CHECK_EQUAL(mnet_tcp_connect(w->client, own_in(w->server, WAN), 9, &flow, in_ms(10000)), MNET_E_REFUSED);
    return 0;
}

static void packet_without_a_route_comes_back(void **state)
{
    (void)state;
    run(body_unreachable, &(struct net_options){0});
}

/* ---- Advertisements ---- */

static int body_advertises(struct routed_net *net)
{
    struct world *w = &net->w;
    struct mnet_sim_advertisement all = advertisement(LAN, 0);
    all.managed = all.other = true;
    all.hop_limit = 33;
    all.mtu = 1400;
    all.servers[0] = address("2001:db8:2::53");
    all.servers_lifetime_s = 600;
    const struct mn_ip *ip = &w->client->ip;
    CHECK_EQUAL(mn_ip_advice(ip, mnet_now()), 0);
    mnet_sim_router_advertise(net->routers[0], 0, &all);
    CHECK_EQUAL(sleep_ms(10), 0);
    CHECK_EQUAL(mn_ip_advice(ip, mnet_now()), MN_IP_MANAGED | MN_IP_OTHER);
    CHECK_EQUAL(ip->v6.parameters.hop_limit, 33);
    CHECK_EQUAL(ip->v6.parameters.mtu, 1400);
    CHECK_EQUAL(mn_ip_resolvers(ip)->server_count, 1);
    CHECK(mnet_address_equal(mn_ip_resolvers(ip)->servers[0].address, all.servers[0]));
    mnet_sim_router_advertise(net->routers[0], 0, NULL);
    uint64_t sent = mnet_sim_router_counts(net->routers[0]).advertisements;
    CHECK_EQUAL(sleep_ms(2000000), 0);
    CHECK_EQUAL(mn_ip_resolvers(ip)->server_count, 0);
    CHECK(!mn_routers_has(&ip->v6.routers, mnet_sim_router_address(net->routers[0], 0)));
    sent = mnet_sim_router_counts(net->routers[0]).advertisements - sent; /* on the other link */
    CHECK(sent >= 2000 / 60 && sent <= 2000 / 20 + 3);
    return 0;
}

static void advertisements_tell_what_they_are_told_to(void **state)
{
    (void)state;
    run(body_advertises, &(struct net_options){0});
}

/* One octet each way over an open connection. */
static int exchange(struct world *w, struct transfer *t, uint64_t limit_ms)
{
    char byte;
    CHECK_EQUAL(mnet_tcp_write(t->client, "x", 1, NULL, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_tcp_read(t->server, &byte, 1, in_ms(limit_ms)), 1);
    CHECK_EQUAL(mnet_tcp_write(t->server, "y", 1, NULL, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_tcp_read(t->client, &byte, 1, in_ms(limit_ms)), 1);
    return 0;
}

static struct mnet_address local_of(struct mnet_flow *flow)
{
    struct mnet_endpoint local;
    mnet_tcp_peers(flow, &local, NULL);
    return local.address;
}

/* RFC 4862 5.5.4: connections keep their deprecated address. New ones have the new prefix. Two
 * hours later the old address ends (5.5.3 e), with its connections. */
static int body_renumbers(struct routed_net *net)
{
    struct world *w = &net->w;
    struct transfer old, new;
    char byte;
    struct mnet_address to = own_in(w->server, WAN);
    CHECK_EQUAL(open_transfer(w, &old, to), 0);
    CHECK(mnet_prefix_contains(LAN.prefix, local_of(old.client)));
    struct mnet_sim_advertisement both = advertisement(LAN_NEXT, 0), one = both;
    both.prefixes[1] = router_prefix("2001:db8:1::", 0, 0);
    mnet_sim_router_advertise(net->routers[0], 0, &both);
    CHECK_EQUAL(sleep_ms(5000), 0);
    mnet_sim_router_advertise(net->routers[0], 0, &one);
    CHECK_EQUAL(exchange(w, &old, 1000), 0);
    CHECK_EQUAL(open_transfer(w, &new, to), 0);
    CHECK(mnet_prefix_contains(LAN_NEXT.prefix, local_of(new.client)));
    CHECK_EQUAL(sleep_ms(7200 * 1000 - 20000), 0);
    CHECK_EQUAL(exchange(w, &old, 1000), 0);
    CHECK_EQUAL(mnet_tcp_read(old.client, &byte, 1, in_ms(20000)), MNET_E_NO_ADDRESS);
    CHECK_EQUAL(exchange(w, &new, 1000), 0);
    mnet_tcp_close(old.client);
    mnet_tcp_abort(old.server);
    mnet_tcp_close(new.client);
    mnet_tcp_close(new.server);
    return 0;
}

static void renumbering_leaves_open_connections_their_address(void **state)
{
    (void)state;
    run(body_renumbers, &(struct net_options){0});
}

/* ---- Routers that die ---- */

struct stream {
    struct mnet_flow *flow;
    bool over;
    uint64_t received, last_ns, longest_ns; /* the longest time without a byte */
};

static int pour(void *argument)
{
    static const uint8_t bytes[1400];
    struct stream *s = argument;
    while (!s->over && mnet_tcp_write(s->flow, bytes, sizeof bytes, NULL, MNET_NEVER) == 0)
        mnet_sleep(mnet_now() + 10 * MNET_MILLISECOND);
    return mnet_tcp_shutdown(s->flow, MNET_SHUTDOWN_WRITE);
}

static int drain(void *argument)
{
    static uint8_t bytes[65536];
    struct stream *s = argument;
    ptrdiff_t n;
    while ((n = mnet_tcp_read(s->flow, bytes, sizeof bytes, MNET_NEVER)) > 0) {
        uint64_t now = mnet_now();
        s->received += (uint64_t)n;
        s->longest_ns = MN_MAX(s->longest_ns, now - s->last_ns);
        s->last_ns = now;
    }
    return 0;
}

/* A stream of 1.1 Mbit/s goes on by the other router, and comes back when the better one is. */
static int body_fails_over(struct routed_net *net)
{
    struct world *w = &net->w;
    struct transfer t;
    struct mnet_task *reader, *writer;
    CHECK_EQUAL(open_transfer(w, &t, own_in(w->server, WAN)), 0);
    struct stream out = {.flow = t.client}, in = {.flow = t.server, .last_ns = mnet_now()};
    CHECK_EQUAL(mnet_spawn(&writer, pour, &out), 0);
    CHECK_EQUAL(mnet_spawn(&reader, drain, &in), 0);
    CHECK_EQUAL(sleep_ms(100000), 0);
    CHECK(in.longest_ns < 100 * MNET_MILLISECOND);
    mnet_sim_router_power(net->routers[0], false);
    CHECK_EQUAL(sleep_ms(100000), 0);
    net->outage_ms = in.longest_ns / MNET_MILLISECOND;
    uint64_t by_first = mnet_sim_router_counts(net->routers[0]).forwarded;
    CHECK(mnet_now() - in.last_ns < SECONDS(1));
    mnet_sim_router_power(net->routers[0], true);
    CHECK_EQUAL(sleep_ms(120000), 0);
    CHECK(mnet_sim_router_counts(net->routers[0]).forwarded > by_first + 1000);
    CHECK_EQUAL(in.longest_ns / MNET_MILLISECOND, net->outage_ms);
    out.over = true;
    CHECK_EQUAL(mnet_join(reader, NULL, in_ms(60000)), 0);
    CHECK_EQUAL(mnet_join(writer, NULL, in_ms(1000)), 0);
    mnet_tcp_close(t.client);
    mnet_tcp_close(t.server);
    return 0;
}

/* The sender has TCP's word: its retransmissions cast a doubt on the router. */
static void router_of_a_sender_is_replaced_within_8_s(void **state)
{
    (void)state;
    struct net_options options = {.two_routers = true, .second_on_wan = true};
    for (options.seed = 1; options.seed <= 5; options.seed++) {
        struct routed_net net = run(body_fails_over, &options);
        print_message("# the stream stood still for %u ms\n", (unsigned)net.outage_ms);
        assert_in_range(net.outage_ms, 3000, 8000);
    }
}

/* A receiver doubts nothing before its ReachableTime has ended, which is 45 s at most, or half as
 * much again as routers say. It asks 5 s after the next packet. Meanwhile the sender waits longer
 * and longer between retransmissions. */
static void router_of_a_receiver_is_replaced_when_it_is_asked(void **state)
{
    (void)state;
    struct net_options options = {.two_routers = true, .reachable_ms = 2000};
    for (options.seed = 1; options.seed <= 5; options.seed++) {
        struct routed_net net = run(body_fails_over, &options);
        print_message("# the stream stood still for %u ms\n", (unsigned)net.outage_ms);
        assert_in_range(net.outage_ms, 3000, 26000);
    }
}

/* The one that leaves says so, and nobody waits. */
static int body_leaves(struct routed_net *net)
{
    struct world *w = &net->w;
    struct transfer t;
    CHECK_EQUAL(open_transfer(w, &t, own_in(w->server, WAN)), 0);
    CHECK_EQUAL(exchange(w, &t, 1000), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct mnet_sim_advertisement last = {.lifetime_s = 0};
        mnet_sim_router_advertise(net->routers[0], i, &last);
    }
    CHECK_EQUAL(sleep_ms(10), 0);
    mnet_sim_router_power(net->routers[0], false);
    CHECK_EQUAL(exchange(w, &t, 100), 0);
    CHECK(mnet_sim_router_counts(net->routers[1]).forwarded >= 2);
    mnet_tcp_close(t.client);
    mnet_tcp_close(t.server);
    return 0;
}

static void router_that_leaves_is_replaced_at_once(void **state)
{
    (void)state;
    run(body_leaves, &(struct net_options){.two_routers = true});
}

/* ---- Redirects ---- */

/* The first router sends what is for the other network by the second one, and tells the host. */
static int body_redirects(struct routed_net *net)
{
    struct world *w = &net->w;
    struct transfer t;
    struct mnet_sim_router *first = net->routers[0], *second = net->routers[1];
    mnet_sim_router_route(first, WAN.prefix, 0, mnet_sim_router_address(second, 0));
    mnet_sim_router_set_redirects(first, true);
    CHECK_EQUAL(open_transfer(w, &t, own_in(w->server, WAN)), 0);
    CHECK_EQUAL(exchange(w, &t, 1000), 0);
    uint64_t by_first = mnet_sim_router_counts(first).forwarded, by_second = mnet_sim_router_counts(second).forwarded;
    CHECK(mnet_sim_router_counts(first).redirects >= 1);
    for (int i = 0; i < 5; i++)
        CHECK_EQUAL(exchange(w, &t, 1000), 0);
    CHECK_EQUAL(mnet_sim_router_counts(first).redirects, 1);
    CHECK(mnet_sim_router_counts(second).forwarded >= by_second + 5);
    by_first = mnet_sim_router_counts(first).forwarded - by_first; /* answers of the server */
    CHECK(by_first >= 5 && by_first <= 15);
    mnet_tcp_close(t.client);
    mnet_tcp_close(t.server);
    return 0;
}

static void redirect_leads_by_the_better_router(void **state)
{
    (void)state;
    run(body_redirects, &(struct net_options){.two_routers = true});
}

/* ---- Determinism ---- */

static void same_seed_gives_the_same_frames(void **state)
{
    (void)state;
    struct net_options options = {.seed = 3, .two_routers = true, .wan_mtu = 1280};
    uint64_t first = run(body_narrow, &options).hash;
    assert_true(first == run(body_narrow, &options).hash);
    options.seed = 4;
    assert_true(first != run(body_narrow, &options).hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_both_families_are_forwarded),
        cmocka_unit_test(narrow_path_is_told_to_the_sender),
        cmocka_unit_test(silent_router_is_a_black_hole),
        cmocka_unit_test(large_datagrams_are_cut_on_the_way_over_ipv4_only),
        cmocka_unit_test(packet_without_a_route_comes_back),
        cmocka_unit_test(advertisements_tell_what_they_are_told_to),
        cmocka_unit_test(renumbering_leaves_open_connections_their_address),
        cmocka_unit_test(router_of_a_sender_is_replaced_within_8_s),
        cmocka_unit_test(router_of_a_receiver_is_replaced_when_it_is_asked),
        cmocka_unit_test(router_that_leaves_is_replaced_at_once),
        cmocka_unit_test(redirect_leads_by_the_better_router),
        cmocka_unit_test(same_seed_gives_the_same_frames),
    };
    return cmocka_run_group_tests_name("sim_router", tests, NULL, NULL);
}
