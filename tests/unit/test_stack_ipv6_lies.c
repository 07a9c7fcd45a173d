/* Lies about IPv6 on the link of a stack, while it sends a stream by a router: in the name of
 * the router, or about the stack's own addresses. Those that RFC 4861 and others allow to be
 * refused change nothing. The others are believed, because nothing tells them from the truth,
 * and the stream goes on after the time that docs/ipv6.md says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mnet/sim_router.h>

#include "base/cursor.h"
#include "support/world.h"
#include "wire/icmpv6.h"
#include "wire/nd.h"
#include "wire/tcp.h"

#define PORT 80
#define STEP (10 * MNET_MILLISECOND) /* between writes of the stream */
#define INTERVAL_S 60                /* the longest between two advertisements of the router */
#define STILL_MS 250                 /* of a stream that nobody disturbs, at most */
#define FRAME_MAX 1500

struct lie;

/* A server that sends, a client that reads, and an attacker on the link of the server. */
struct lied {
    struct world w;
    struct mnet_sim_host *evil;
    struct mnet_sim_router *router;
    const struct lie *lie;
    struct mnet_address own, client; /* global ones */
    struct mnet_flow *out, *in;
    uint32_t seq; /* of a segment in flight, from the wire */
    bool over;
    uint64_t last_ns, longest_ns; /* the longest time without a byte */
};

static const struct mn_mac server_mac = {{2, 0, 0, 0, 0, 1}}, evil_mac = {{2, 0, 0, 0, 0, 3}};
static const struct mnet_prefix lan = {{.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 1}}, 64};
static const struct mnet_prefix wan = {{.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 2}}, 64};

/* ---- Frames of the attacker ---- */

struct lie {
    const char *name;
    void (*tell)(struct lied *l, const struct lie *lie);
    uint8_t hop_limit;          /* default: 255 */
    struct mnet_address source; /* default: the router's */
    bool solicited;
    uint64_t most_ms;  /* the stream stands still, at most; 0: it is refused */
    uint32_t path_mtu; /* afterwards; default: 1500 */
};

static struct mnet_address link_local(uint8_t low)
{
    return (struct mnet_address){.bytes = {0xfe, 0x80, [15] = low}};
}

static struct mnet_address router_of(const struct lied *l)
{
    return mnet_sim_router_address(l->router, 0);
}

static struct mnet_address source_of(const struct lied *l, const struct lie *lie)
{
    return mnet_address_is_any(lie->source) ? router_of(l) : lie->source;
}

/* Sends a payload of ours behind the headers to the server. */
static void send_packet(struct lied *l, struct mnet_address source, struct mnet_address destination, uint8_t protocol,
                        uint8_t hop_limit, const void *payload, size_t len)
{
    uint8_t frame[FRAME_MAX];
    mn_ethernet_emit(frame, &(struct mn_ethernet){server_mac, evil_mac, MN_ETHERTYPE_IPV6});
    mn_ipv6_emit(frame + MN_ETHERNET_HEADER, &(struct mn_ipv6){.source = source,
                                                               .destination = destination,
                                                               .payload_len = (uint16_t)len,
                                                               .next_header = protocol,
                                                               .hop_limit = hop_limit});
    memcpy(frame + MN_ETHERNET_HEADER + MN_IPV6_HEADER, payload, len);
    mnet_sim_send(l->evil, frame, MN_ETHERNET_HEADER + MN_IPV6_HEADER + len);
}

static size_t write_nd(uint8_t *message, const struct mn_nd *nd, const struct mn_nd_prefix *prefix,
                       struct mnet_address source, struct mnet_address destination)
{
    struct mn_writer w = mn_writer(message, 200);
    mn_nd_write(&w, nd);
    if (prefix != NULL)
        mn_nd_write_prefix(&w, prefix);
    size_t len = (size_t)(w.at - message);
    mn_icmpv6_set_checksum(message, len, &source, &destination);
    return len;
}

static void tell_nd(struct lied *l, const struct lie *lie, const struct mn_nd *nd, struct mnet_address destination)
{
    uint8_t message[200];
    struct mnet_address source = source_of(l, lie);
    size_t len = write_nd(message, nd, NULL, source, destination);
    send_packet(l, source, destination, MN_PROTOCOL_ICMPV6, lie->hop_limit != 0 ? lie->hop_limit : MN_ND_HOP_LIMIT,
                message, len);
}

/* The router is at the attacker's. */
static void router_is_elsewhere(struct lied *l, const struct lie *lie)
{
    tell_nd(l, lie,
            &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
                            .target = router_of(l),
                            .router = true,
                            .solicited = lie->solicited,
                            .override = true,
                            .has_link_address = true,
                            .link_address = evil_mac},
            lie->solicited ? l->own : mn_ipv6_all_nodes);
}

/* The same, in a question. */
static void router_asks_from_elsewhere(struct lied *l, const struct lie *lie)
{
    tell_nd(l, lie,
            &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_SOLICITATION,
                            .target = l->own,
                            .has_link_address = true,
                            .link_address = evil_mac},
            l->own);
}

static void router_is_a_host(struct lied *l, const struct lie *lie)
{
    tell_nd(l, lie,
            &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT, .target = router_of(l), .override = true},
            mn_ipv6_all_nodes);
}

/* Our address belongs to another station. */
static void address_is_taken(struct lied *l, const struct lie *lie)
{
    struct mn_nd nd = {.type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
                       .target = l->own,
                       .override = true,
                       .has_link_address = true,
                       .link_address = evil_mac};
    tell_nd(l, lie, &nd, mn_ipv6_all_nodes);
}

static void address_is_wanted(struct lied *l, const struct lie *lie)
{
    (void)lie;
    uint8_t message[200];
    struct mnet_address none = {{0}, 0}, group = mn_ipv6_solicited_node(&l->own);
    size_t len = write_nd(message, &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_SOLICITATION, .target = l->own}, NULL,
                          none, group);
    send_packet(l, none, group, MN_PROTOCOL_ICMPV6, MN_ND_HOP_LIMIT, message, len);
}

static const struct mn_nd farewell = {.type = MN_ICMPV6_ROUTER_ADVERTISEMENT};

/* The router is none any more. */
static void router_leaves(struct lied *l, const struct lie *lie)
{
    tell_nd(l, lie, &farewell, mn_ipv6_all_nodes);
}

/* The same, so that a switch that looks for advertisements does not see it (RFC 6980, RFC 7113): in
 * two fragments, of which the first ends within options, or in one. */
static void router_leaves_in_fragments(struct lied *l, const struct lie *lie)
{
    uint8_t whole[200] = {MN_PROTOCOL_ICMPV6, 0, 1, 4}, piece[200];
    bool one = lie->solicited;
    struct mnet_address source = router_of(l);
    size_t len = 8 + write_nd(whole + 8, &farewell, NULL, source, mn_ipv6_all_nodes);
    size_t first = one ? len : 8;
    mn_ipv6_fragment_emit(piece, &(struct mn_ipv6_fragment){
                                     .identification = 7, .next_header = MN_IPV6_DESTINATION_OPTIONS, .more = !one});
    memcpy(piece + 8, whole, first);
    send_packet(l, source, mn_ipv6_all_nodes, MN_IPV6_FRAGMENT, MN_ND_HOP_LIMIT, piece, 8 + first);
    if (one)
        return;
    mn_ipv6_fragment_emit(piece, &(struct mn_ipv6_fragment){
                                     .identification = 7, .offset = 8, .next_header = MN_IPV6_DESTINATION_OPTIONS});
    memcpy(piece + 8, whole + first, len - first);
    send_packet(l, source, mn_ipv6_all_nodes, MN_IPV6_FRAGMENT, MN_ND_HOP_LIMIT, piece, 8 + len - first);
}

/* Our network ends in a second. */
static void network_ends(struct lied *l, const struct lie *lie)
{
    uint8_t message[200];
    struct mnet_address source = source_of(l, lie);
    struct mn_nd nd = {.type = MN_ICMPV6_ROUTER_ADVERTISEMENT, .router_lifetime_s = 1800};
    size_t len = write_nd(message, &nd, &(struct mn_nd_prefix){lan, true, true, 1, 1}, source, mn_ipv6_all_nodes);
    send_packet(l, source, mn_ipv6_all_nodes, MN_PROTOCOL_ICMPV6, MN_ND_HOP_LIMIT, message, len);
}

/* There is a better router, which nobody has ever heard of. */
static const struct mn_nd better = {.type = MN_ICMPV6_ROUTER_ADVERTISEMENT,
                                    .router_lifetime_s = 9000,
                                    .preference = MN_ND_HIGH,
                                    .has_link_address = true,
                                    .link_address = {{2, 0, 0, 0, 0, 3}}};

static void better_router(struct lied *l, const struct lie *lie)
{
    tell_nd(l, lie, &better, mn_ipv6_all_nodes);
}

static void better_router_of_our_network(struct lied *l, const struct lie *lie)
{
    uint8_t message[200];
    size_t len = write_nd(message, &better, &(struct mn_nd_prefix){lan, true, true, 9000, 9000}, lie->source,
                          mn_ipv6_all_nodes);
    send_packet(l, lie->source, mn_ipv6_all_nodes, MN_PROTOCOL_ICMPV6, MN_ND_HOP_LIMIT, message, len);
}

/* The client is better reached by another router, or is on the link. */
static void better_way(struct lied *l, const struct lie *lie)
{
    tell_nd(l, lie,
            &(struct mn_nd){.type = MN_ICMPV6_REDIRECT,
                            .target = link_local(0x77),
                            .destination = l->client,
                            .has_link_address = true,
                            .link_address = evil_mac},
            l->own);
}

static void way_by_a_global_address(struct lied *l, const struct lie *lie)
{
    struct mnet_address target = l->own;
    target.bytes[15] ^= 1;
    tell_nd(l, lie,
            &(struct mn_nd){.type = MN_ICMPV6_REDIRECT,
                            .target = target,
                            .destination = l->client,
                            .has_link_address = true,
                            .link_address = evil_mac},
            l->own);
}

/* An error about a segment of the stream, or of another one. */
static void tell_error(struct lied *l, uint8_t type, uint8_t code, uint32_t value, uint32_t seq)
{
    uint8_t message[8 + MN_IPV6_HEADER + MN_TCP_HEADER] = {0};
    struct mnet_endpoint local, remote;
    mnet_tcp_peers(l->out, &local, &remote);
    struct mn_tcp_header tcp = {
        .source_port = local.port, .destination_port = remote.port, .seq = seq, .flags = MN_TCP_ACK, .window = 9};
    mn_ipv6_emit(message + 8, &(struct mn_ipv6){.source = l->own,
                                                .destination = l->client,
                                                .payload_len = 1400,
                                                .next_header = MN_PROTOCOL_TCP,
                                                .hop_limit = 60});
    mn_tcp_emit(message + 8 + MN_IPV6_HEADER, &tcp);
    mn_icmpv6_emit(message, &(struct mn_icmpv6){type, code, value}, 0);
    mn_icmpv6_set_checksum(message, sizeof message, &l->client, &l->own);
    send_packet(l, l->client, l->own, MN_PROTOCOL_ICMPV6, 60, message, sizeof message);
}

static void path_is_tiny(struct lied *l, const struct lie *lie)
{
    (void)lie;
    tell_error(l, MN_ICMPV6_PACKET_TOO_BIG, 0, 68, l->seq);
    tell_error(l, MN_ICMPV6_PACKET_TOO_BIG, 0, 1279, l->seq);
}

static void path_is_narrow(struct lied *l, const struct lie *lie)
{
    (void)lie;
    tell_error(l, MN_ICMPV6_PACKET_TOO_BIG, 0, 1400, l->seq);
}

static void path_is_narrow_off_path(struct lied *l, const struct lie *lie)
{
    (void)lie;
    for (uint32_t i = 0; i < 1000; i++)
        tell_error(l, MN_ICMPV6_PACKET_TOO_BIG, 0, 1280, l->seq + 0x01000000 + i * 4000000);
}

static void peer_refuses(struct lied *l, const struct lie *lie)
{
    (void)lie;
    tell_error(l, MN_ICMPV6_UNREACHABLE, MN_ICMPV6_PORT_UNREACHABLE, 0, l->seq);
    tell_error(l, MN_ICMPV6_UNREACHABLE, MN_ICMPV6_PROHIBITED, 0, l->seq);
    tell_error(l, MN_ICMPV6_PARAMETER_PROBLEM, MN_IPV6_UNKNOWN_NEXT_HEADER, 6, l->seq);
}

/* ---- The stream ---- */

static int pour(void *argument)
{
    static const uint8_t bytes[1400];
    struct lied *l = argument;
    while (!l->over && mnet_tcp_write(l->out, bytes, sizeof bytes, NULL, MNET_NEVER) == 0)
        mnet_sleep(mnet_now() + STEP);
    return 0;
}

static int drain(void *argument)
{
    static uint8_t bytes[65536];
    struct lied *l = argument;
    while (mnet_tcp_read(l->in, bytes, sizeof bytes, MNET_NEVER) > 0) {
        uint64_t now = mnet_now();
        l->longest_ns = MN_MAX(l->longest_ns, now - l->last_ns);
        l->last_ns = now;
    }
    return 0;
}

static struct mnet_address own_in(const struct mnet_stack *stack, struct mnet_prefix network)
{
    struct mnet_stack_address own[8];
    unsigned count = mnet_stack_addresses(stack, own, 8);
    for (unsigned i = 0; i < count && i < 8; i++)
        if (own[i].state == MNET_ADDRESS_PREFERRED && mnet_prefix_contains(network, own[i].prefix.address))
            return own[i].prefix.address;
    return MNET_ADDRESS_ANY;
}

static int begin(struct lied *l)
{
    struct world *w = &l->w;
    struct mnet_listener *listener;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->server_host), NULL, &w->server), 0);
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), NULL, &w->client), 0);
    CHECK_EQUAL(sleep_ms(10000), 0);
    l->own = own_in(w->server, lan);
    l->client = own_in(w->client, wan);
    CHECK_EQUAL(mnet_tcp_listen(w->client, PORT, NULL, &listener), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->server, l->client, PORT, &l->out, in_ms(5000)), 0);
    CHECK_EQUAL(mnet_tcp_accept(listener, &l->in, in_ms(5000)), 0);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* The lie is told when a segment is in flight. */
static int stream(struct mnet_env *env, void *argument)
{
    struct lied *l = argument;
    struct world *w = &l->w;
    struct mnet_task *writer, *reader;
    (void)env;
    CHECK_EQUAL(begin(l), 0);
    l->last_ns = mnet_now();
    CHECK_EQUAL(mnet_spawn(&writer, pour, l), 0);
    CHECK_EQUAL(mnet_spawn(&reader, drain, l), 0);
    CHECK_EQUAL(sleep_ms(3000), 0);
    CHECK(l->longest_ns <= STILL_MS * MNET_MILLISECOND);
    CHECK_EQUAL(mnet_yield(), 0);
    l->lie->tell(l, l->lie);
    CHECK_EQUAL(sleep_ms(120000), 0);
    CHECK(mnet_now() - l->last_ns < MNET_SECOND);
    CHECK(!mnet_address_is_any(own_in(w->server, lan)));
    struct mnet_tcp_info info;
    mnet_tcp_info(l->out, &info);
    CHECK_EQUAL(info.path_mtu, l->lie->path_mtu != 0 ? l->lie->path_mtu : 1500);
    l->over = true;
    CHECK_EQUAL(mnet_join(writer, NULL, in_ms(1000)), 0);
    mnet_tcp_close(l->out);
    CHECK_EQUAL(mnet_join(reader, NULL, in_ms(1000)), 0);
    mnet_tcp_close(l->in);
    return 0;
}

/* ---- The network ---- */

/* Remembers the last segment of the stream. */
static void look(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                 const void *frame, size_t len)
{
    struct lied *l = context;
    struct mn_tcp_header tcp;
    size_t headers = MN_ETHERNET_HEADER + MN_IPV6_HEADER;
    (void)now;
    if (host == l->w.server_host && direction == MNET_SIM_SENDING && len > 1000 &&
        mn_tcp_parse((const uint8_t *)frame + headers, len - headers, &tcp) == MN_PARSE_OK)
        l->seq = tcp.seq;
}

static struct mnet_sim_host *add_host(struct mnet_sim *sim, const char *name, struct mnet_sim_segment *segment)
{
    struct mnet_sim_host *host = mnet_sim_host(sim, name, &(struct mnet_sim_host_options){.arguments = "--ipv6=auto"});
    assert_non_null(host);
    mnet_sim_attach(segment, host);
    return host;
}

static void add_interface(struct lied *l, struct mnet_sim_segment *segment, unsigned number, struct mnet_prefix prefix)
{
    struct mnet_sim_path path = {.delay_ns = 10 * MNET_MILLISECOND};
    struct mnet_sim_advertisement advertised = {
        .lifetime_s = 1800,
        .prefixes = {{.prefix = prefix, .valid_s = 86400, .preferred_s = 14400}},
        .interval_ns = INTERVAL_S * MNET_SECOND};
    struct mnet_sim_host *card = mnet_sim_router_attach(l->router, segment, &(struct mnet_sim_interface){0});
    assert_non_null(card);
    mnet_sim_shape(card, MNET_SIM_SENDING, &path);
    mnet_sim_router_advertise(l->router, number, &advertised);
}

/* Returns how long the stream stood still. */
static uint64_t tell(const struct lie *lie)
{
    struct lied l = {.lie = lie};
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_segment *inside = mnet_sim_segment(sim), *outside = mnet_sim_segment(sim);
    l.w.sim = sim;
    l.w.server_host = add_host(sim, "server", inside);
    l.w.client_host = add_host(sim, "client", outside);
    l.evil = add_host(sim, "evil", inside);
    l.router = mnet_sim_router(sim, "router");
    assert_non_null(l.router);
    add_interface(&l, inside, 0, lan);
    add_interface(&l, outside, 1, wan);
    mnet_sim_watch(sim, look, &l);
    mnet_sim_spawn(l.w.server_host, stream, &l);
    int result = mnet_sim_run(sim, 1000 * MNET_SECOND);
    mnet_sim_destroy(sim);
    if (l.w.failure[0] != '\0')
        fail_msg("%s: %s", lie->name, l.w.failure);
    assert_int_equal(result, 0);
    return l.longest_ns / MNET_MILLISECOND;
}

static void tell_all(const struct lie *lies, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t still_ms = tell(&lies[i]);
        print_message("# %s: the stream stood still for %u ms\n", lies[i].name, (unsigned)still_ms);
        if (lies[i].most_ms == 0)
            assert_in_range(still_ms, 0, STILL_MS);
        else
            assert_in_range(still_ms, STILL_MS, lies[i].most_ms);
    }
}
#define TELL(...) \
    do { \
        const struct lie lies[] = {__VA_ARGS__}; \
        tell_all(lies, MN_COUNT_OF(lies)); \
    } while (0)

/* ---- Refused ---- */

#define GLOBAL ((struct mnet_address){.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 9}})

static void own_addresses_are_kept(void **state)
{
    (void)state;
    TELL({.name = "advertisement of another", .tell = address_is_taken},
         {.name = "the same in our name", .tell = address_is_taken, .source = GLOBAL},
         {.name = "detection of duplicates", .tell = address_is_wanted});
}

/* RFC 4861 6.1.2, 7.1.1, 7.1.2, 8.1: a router would have made the hop limit less. */
static void messages_from_afar_are_refused(void **state)
{
    (void)state;
    TELL({.name = "neighbour advertisement from afar", .tell = router_is_elsewhere, .hop_limit = 254},
         {.name = "solicitation from afar", .tell = router_asks_from_elsewhere, .hop_limit = 254},
         {.name = "router advertisement from afar", .tell = router_leaves, .hop_limit = 254},
         {.name = "redirect from afar", .tell = better_way, .hop_limit = 254});
}

static void advertisements_of_no_router_are_refused(void **state)
{
    (void)state;
    TELL({.name = "router advertisement of a global address", .tell = router_leaves, .source = GLOBAL},
         {.name = "router advertisement of another", .tell = router_leaves, .source = link_local(0x66)},
         {.name = "better router without our network", .tell = better_router, .source = link_local(0x55)},
         {.name = "in two fragments", .tell = router_leaves_in_fragments},
         {.name = "in one fragment", .tell = router_leaves_in_fragments, .solicited = true});
}

/* RFC 4862 5.5.3 e: two hours are left. */
static void networks_end_slowly(void **state)
{
    (void)state;
    TELL({.name = "network that ends", .tell = network_ends});
}

static void redirects_of_others_are_refused(void **state)
{
    (void)state;
    TELL({.name = "redirect of another", .tell = better_way, .source = link_local(0x66)},
         {.name = "redirect of a global address", .tell = better_way, .source = GLOBAL},
         {.name = "redirect to a global address", .tell = way_by_a_global_address});
}

/* RFC 8201 4, RFC 5927 */
static void errors_that_lie_are_refused(void **state)
{
    (void)state;
    TELL({.name = "path below the least MTU", .tell = path_is_tiny},
         {.name = "narrow path from off the path", .tell = path_is_narrow_off_path},
         {.name = "hard errors", .tell = peer_refuses});
}

/* ---- Believed ---- */

/* Nothing tells these from the truth. A router that does not answer is found out, and the old link
 * address, or router, or way, is found again. */
static void router_that_seems_to_have_moved_is_found_again(void **state)
{
    (void)state;
    TELL({.name = "unasked advertisement", .tell = router_is_elsewhere, .most_ms = 10000},
         {.name = "advertisement as if asked", .tell = router_is_elsewhere, .solicited = true, .most_ms = 10000},
         {.name = "solicitation", .tell = router_asks_from_elsewhere, .most_ms = 10000},
         {.name = "better router that is dead",
          .tell = better_router_of_our_network,
          .source = link_local(0x55),
          .most_ms = 10000},
         {.name = "better way that is dead", .tell = better_way, .most_ms = 10000});
}

/* From a router on the path it would be the truth. */
static void path_that_seems_narrow_is_used_with_small_packets(void **state)
{
    (void)state;
    TELL({.name = "narrow path", .tell = path_is_narrow, .path_mtu = 1400});
}

/* The router has to say that it is there. */
static void router_that_seems_to_leave_is_back_when_it_advertises(void **state)
{
    (void)state;
    TELL({.name = "farewell of the router", .tell = router_leaves, .most_ms = 1000 * INTERVAL_S},
         {.name = "router that is a host", .tell = router_is_a_host, .most_ms = 1000 * INTERVAL_S});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_addresses_are_kept),
        cmocka_unit_test(messages_from_afar_are_refused),
        cmocka_unit_test(advertisements_of_no_router_are_refused),
        cmocka_unit_test(networks_end_slowly),
        cmocka_unit_test(redirects_of_others_are_refused),
        cmocka_unit_test(errors_that_lie_are_refused),
        cmocka_unit_test(router_that_seems_to_have_moved_is_found_again),
        cmocka_unit_test(path_that_seems_narrow_is_used_with_small_packets),
        cmocka_unit_test(router_that_seems_to_leave_is_back_when_it_advertises),
    };
    return cmocka_run_group_tests_name("stack_ipv6_lies", tests, NULL, NULL);
}
