/* Stacks that speak IPv6: own addresses, and connections and datagrams over them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/addresses.h"
#include "support/world.h"
#include "wire/icmpv6.h"
#include "wire/nd.h"

#define SERVER6 address("fd00::1")
#define CLIENT6 address("fd00::2")

static struct world_options both_families(void)
{
    struct world_options options = {0};
    options.server.ip.ipv6 = (struct mnet_prefix){SERVER6, 64};
    options.client.ip.ipv6 = (struct mnet_prefix){CLIENT6, 64};
    return options;
}

/* The state of an own address; -1 if it is none. */
static int state_of(const struct mnet_stack *stack, struct mnet_address address)
{
    struct mnet_stack_address addresses[8];
    unsigned count = mnet_stack_addresses(stack, addresses, 8);
    for (unsigned i = 0; i < count && i < 8; i++)
        if (mnet_address_equal(addresses[i].prefix.address, address))
            return (int)addresses[i].state;
    return -1;
}

static struct mnet_address link_local_of(const struct mnet_stack *stack)
{
    struct mnet_stack_address addresses[8];
    unsigned count = mnet_stack_addresses(stack, addresses, 8);
    for (unsigned i = 0; i < count && i < 8; i++)
        if (addresses[i].prefix.address.bytes[0] == 0xfe)
            return addresses[i].prefix.address;
    return MNET_ADDRESS_ANY;
}

/* IPv4 can be used before IPv6: mnet_stack_up does not wait for its addresses. */
static int addresses_become_ours(struct world *w)
{
    struct mnet_stack_address one;
    CHECK_EQUAL(mnet_stack_addresses(w->client, &one, 1), 3);
    CHECK(mnet_address_is_ipv4(one.prefix.address));
    CHECK_EQUAL(one.state, MNET_ADDRESS_PREFERRED);
    CHECK_EQUAL(one.valid_until_ns, MNET_NEVER);
    CHECK_EQUAL(state_of(w->client, CLIENT6), MNET_ADDRESS_TENTATIVE);
    CHECK_EQUAL(sleep_ms(2100), 0);
    CHECK_EQUAL(state_of(w->client, CLIENT6), MNET_ADDRESS_PREFERRED);
    CHECK_EQUAL(link_local_of(w->client).zone, w->client->zone);
    CHECK(w->client->zone != 0);
    return 0;
}

/* Moves `len` bytes each way between the client and a listener of the server. */
static int echo(struct world *w, struct mnet_address server, size_t len)
{
    static char out[1 << 20], in[1 << 20];
    struct mnet_listener *listener;
    struct mnet_flow *client, *accepted;
    memset(out, 'x', len);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, server, 80, &client, in_ms(5000)), 0);
    CHECK_EQUAL(mnet_tcp_accept(listener, &accepted, in_ms(5000)), 0);
    struct mnet_endpoint local, remote;
    mnet_tcp_peers(client, &local, &remote);
    CHECK(mnet_address_equal(remote.address, server));
    CHECK(!mnet_address_is_ipv4(local.address));
    char text[MNET_TCP_TEXT];
    bool zone_is_named = strstr(mnet_tcp_describe(client, text, sizeof text), "%service]:80") != NULL;
    CHECK_EQUAL(zone_is_named, server.zone != 0);
    size_t written = 0, got = 0;
    CHECK_EQUAL(mnet_tcp_write(client, out, len, &written, in_ms(5000)), 0);
    while (got < len) {
        ptrdiff_t n = mnet_tcp_read(accepted, in + got, len - got, in_ms(5000));
        CHECK(n > 0);
        CHECK_EQUAL(mnet_tcp_write(accepted, in + got, (size_t)n, &written, in_ms(5000)), 0);
        got += (size_t)n;
    }
    for (got = 0; got < len;) {
        ptrdiff_t n = mnet_tcp_read(client, in + got, len - got, in_ms(5000));
        CHECK(n > 0);
        got += (size_t)n;
    }
    CHECK(memcmp(in, out, len) == 0);
    mnet_tcp_close(client);
    mnet_tcp_close(accepted);
    mnet_tcp_unlisten(listener);
    return 0;
}

static int connection_to_a_global_address(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    return echo(w, SERVER6, 60000);
}

static int connection_to_a_link_local_address(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    struct mnet_address server = link_local_of(w->server);
    server.zone = w->client->zone;
    return echo(w, server, 60000);
}

/* ZONE-6-3, ZONE-6-4, ZONE-7-1, ZONE-8-1: without a zone an address lies on the link of the stack
 * that it is given to, and so does each one that comes from there. The answer goes back that way.
 */
static int link_local_addresses_have_the_zone_of_their_stack(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    struct mnet_udp *server, *client;
    struct mnet_endpoint from, to = {link_local_of(w->server), 53};
    char byte;
    CHECK_EQUAL(mnet_udp_open(w->server, &(struct mnet_udp_options){.local.port = 53}, &server), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &client), 0);
    const uint16_t zones[] = {0, w->client->zone};
    for (size_t i = 0; i < 2; i++) {
        to.address.zone = zones[i];
        CHECK_EQUAL(mnet_udp_send(client, &to, "?", 1, in_ms(1000)), 0);
        CHECK_EQUAL(mnet_udp_receive(server, &byte, 1, &from, in_ms(1000)), 1);
        CHECK_EQUAL(from.address.zone, w->server->zone);
        CHECK_EQUAL(mnet_udp_send(server, &from, "!", 1, in_ms(1000)), 0);
        CHECK_EQUAL(mnet_udp_receive(client, &byte, 1, &from, in_ms(1000)), 1);
        CHECK_EQUAL(from.address.zone, w->client->zone);
    }
    to.address.zone++; /* another link */
    CHECK_EQUAL(mnet_udp_send(client, &to, "?", 1, in_ms(1000)), MNET_E_UNREACHABLE);
    mnet_udp_close(server);
    mnet_udp_close(client);
    return 0;
}

/* ICMP6-3.1-4 */
static int datagram_without_an_endpoint_is_refused(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    struct mnet_udp_options options = {.remote = {SERVER6, 9}};
    struct mnet_udp *udp;
    char byte;
    CHECK_EQUAL(mnet_udp_open(w->client, &options, &udp), 0);
    CHECK_EQUAL(mnet_udp_send(udp, NULL, "?", 1, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_udp_receive(udp, &byte, 1, NULL, in_ms(1000)), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_udp_unreachable(udp), MNET_UNREACHABLE_PORT);
    mnet_udp_close(udp);
    return 0;
}

/* ICMP6-3.1-2: datagrams that find the queue of an endpoint full are dropped in silence. */
static int full_endpoint_is_not_reported(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    struct mnet_udp *server, *client;
    char byte;
    CHECK_EQUAL(mnet_udp_open(w->server, &(struct mnet_udp_options){.local.port = 9, .queue_datagrams = 1}, &server),
                0);
    CHECK_EQUAL(mnet_udp_open(w->client, &(struct mnet_udp_options){.remote = {SERVER6, 9}}, &client), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(mnet_udp_send(client, NULL, "?", 1, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_udp_receive(client, &byte, 1, NULL, in_ms(1000)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stack_counters(w->server)->value[MNET_COUNT_UDP_DROP_QUEUE], 2);
    CHECK_EQUAL(mnet_stack_counters(w->server)->value[MNET_COUNT_ICMP_ERRORS_TX], 0);
    mnet_udp_close(server);
    mnet_udp_close(client);
    return 0;
}

static int connection_to_itself(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    struct mnet_flow *flow;
    CHECK_EQUAL(mnet_tcp_connect(w->client, address("::1"), 9, &flow, in_ms(1000)), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_tcp_connect(w->client, CLIENT6, 9, &flow, in_ms(1000)), MNET_E_REFUSED);
    return 0;
}

static int port_without_a_listener_refuses(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    struct mnet_flow *flow;
    CHECK_EQUAL(mnet_tcp_connect(w->client, SERVER6, 9, &flow, in_ms(1000)), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_tcp_connect(w->client, address("2001:db8::1"), 9, &flow, in_ms(1000)), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_tcp_connect(w->client, address("ff02::1"), 9, &flow, in_ms(1000)), MNET_E_INVALID);
    return 0;
}

static int datagrams_go_both_ways(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    static char large[40000], in[40000];
    struct mnet_udp *server, *client;
    struct mnet_endpoint from, to = {SERVER6, 53};
    memset(large, 'y', sizeof large);
    CHECK_EQUAL(mnet_udp_open(w->server, &(struct mnet_udp_options){.local.port = 53}, &server), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &client), 0);
    CHECK_EQUAL(mnet_udp_send(client, &to, large, sizeof large, in_ms(1000)), 0); /* in fragments */
    CHECK_EQUAL(mnet_udp_receive(server, in, sizeof in, &from, in_ms(1000)), sizeof large);
    CHECK(memcmp(in, large, sizeof large) == 0);
    CHECK(mnet_address_equal(from.address, CLIENT6));
    CHECK_EQUAL(mnet_udp_send(server, &from, "z", 1, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_udp_receive(client, in, sizeof in, &from, in_ms(1000)), 1);
    mnet_udp_close(server);
    CHECK_EQUAL(mnet_udp_send(client, &to, "z", 1, in_ms(1000)), 0);
    mnet_udp_close(client);
    return 0;
}

/* A frame that the client sent, up to the first bytes of text. */
struct full_frame {
    uint8_t frame[14 + 40 + 20];
    size_t len; /* of the whole frame */
};

/* Keeps the client's last full segment. */
static void note_full(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                      const void *frame, size_t len)
{
    struct full_frame *heard = context;
    (void)now;
    if (direction != MNET_SIM_SENDING || strcmp(mnet_sim_host_name(host), "client") != 0 || len < 14 + 1500)
        return;
    memcpy(heard->frame, frame, sizeof heard->frame);
    heard->len = len;
}

/* Packet Too Big from the server about a frame of the client's. */
static void tell_too_big(struct world *w, const struct full_frame *about, uint32_t mtu)
{
    uint8_t frame[14 + 40 + 8 + 60] = {0}, *ip = frame + 14, *message = ip + 40;
    struct mnet_address from = SERVER6, to = CLIENT6;
    memcpy(frame, about->frame + 6, 6);
    memcpy(frame + 6, about->frame, 6);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    ip[0] = 0x60;
    ip[5] = 8 + 60;
    ip[6] = MN_PROTOCOL_ICMPV6;
    ip[7] = 64;
    memcpy(ip + 8, from.bytes, 16);
    memcpy(ip + 24, to.bytes, 16);
    mn_icmpv6_emit(message, &(struct mn_icmpv6){MN_ICMPV6_PACKET_TOO_BIG, 0, mtu}, 0);
    memcpy(message + 8, about->frame + 14, 60);
    mn_icmpv6_set_checksum(message, 8 + 60, &from, &to);
    mnet_sim_send(w->server_host, frame, sizeof frame);
}

static unsigned path_mtu_of(struct mnet_flow *flow)
{
    struct mnet_tcp_info info;
    char byte = 0;
    mnet_tcp_write(flow, &byte, 1, NULL, MNET_NEVER); /* it looks before it sends */
    sleep_ms(5);
    mnet_tcp_info(flow, &info);
    return info.path_mtu;
}

/* PMTU-3-1, PMTU-4-3, PMTU-5.2-4, PMTU-5.3-1, N6-5.7.1-1, N6-5.7.1-3: what a router says about one
 * connection, all connections to there know, also if the destination is on the link; datagrams,
 * too. After ten minutes it is tried again. */
static int too_big_is_for_all(struct world *w)
{
    static char data[4000];
    struct mnet_listener *listener;
    struct mnet_flow *first, *second, *third, *accepted[3];
    struct mnet_udp *udp;
    struct full_frame heard = {0};
    CHECK_EQUAL(sleep_ms(2100), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, SERVER6, 80, &first, in_ms(5000)), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, SERVER6, 80, &second, in_ms(5000)), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &(struct mnet_udp_options){.remote = {SERVER6, 53}}, &udp), 0);
    CHECK_EQUAL(path_mtu_of(second), 1500);
    CHECK_EQUAL(mnet_udp_payload_max(udp, NULL), 1452);
    mnet_sim_watch(w->sim, note_full, &heard);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING,
                   &(struct mnet_sim_path){.mtu = 1400, .delay_ns = MNET_MILLISECOND});
    CHECK_EQUAL(mnet_tcp_write(first, data, sizeof data, NULL, in_ms(1000)), 0);
    sleep_ms(2);
    mnet_sim_watch(w->sim, NULL, NULL);
    CHECK_EQUAL(heard.len, 14 + 1500);
    tell_too_big(w, &heard, 1400);
    sleep_ms(5);
    CHECK_EQUAL(path_mtu_of(first), 1400);
    CHECK_EQUAL(path_mtu_of(second), 1400);
    CHECK_EQUAL(mnet_udp_payload_max(udp, NULL), 1352);
    CHECK_EQUAL(mnet_tcp_connect(w->client, SERVER6, 80, &third, in_ms(5000)), 0);
    CHECK_EQUAL(path_mtu_of(third), 1400);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQUAL(mnet_tcp_accept(listener, &accepted[i], in_ms(5000)), 0);
    for (size_t got = 0; got < sizeof data;) {
        ptrdiff_t n = mnet_tcp_read(accepted[0], data, sizeof data, in_ms(5000));
        CHECK(n > 0);
        got += (size_t)n;
    }
    sleep_ms(600000);
    CHECK_EQUAL(mnet_udp_payload_max(udp, NULL), 1452);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    CHECK_EQUAL(mnet_tcp_write(second, data, sizeof data, NULL, in_ms(1000)), 0);
    sleep_ms(10);
    CHECK_EQUAL(path_mtu_of(second), 1500);
    mnet_udp_close(udp);
    mnet_tcp_unlisten(listener);
    struct mnet_flow *flows[] = {first, second, third, accepted[0], accepted[1], accepted[2]};
    for (unsigned i = 0; i < MN_COUNT_OF(flows); i++)
        mnet_tcp_close(flows[i]);
    return 0;
}

/* RFC 4862 5.4: the second of two hosts does not use the address. */
static int address_of_another_is_a_duplicate(struct world *w)
{
    CHECK_EQUAL(sleep_ms(2100), 0);
    bool client = state_of(w->client, SERVER6) == MNET_ADDRESS_DUPLICATE;
    bool server = state_of(w->server, SERVER6) == MNET_ADDRESS_DUPLICATE;
    CHECK(client || server);
    return 0;
}

/* IPv6 is there without a word about it. The client waits until its own address may be used, and
 * that of the server, which does not answer before. */
static int link_local_is_there_by_default(struct world *w)
{
    struct mnet_address server = link_local_of(w->server);
    server.zone = w->client->zone;
    CHECK_EQUAL(state_of(w->client, link_local_of(w->client)), MNET_ADDRESS_TENTATIVE);
    CHECK_EQUAL(echo(w, server, 60000), 0);
    CHECK(mnet_now() < 5 * MNET_SECOND);
    return 0;
}

/* A router advertises 2001:db8::/32 on the link, in the third second. */
static int advertise(void *argument)
{
    static const struct mn_nd_prefix prefix = {.prefix = {{.bytes = {0x20, 1, 0x0d, 0xb8}}, 64},
                                               .valid_s = 3600,
                                               .preferred_s = 3600,
                                               .on_link = true,
                                               .autonomous = true};
    struct world *w = argument;
    uint8_t frame[200] = {0x33, 0x33, [5] = 1, [6] = 2, [11] = 99, [12] = 0x86, [13] = 0xdd};
    struct mnet_address router = address("fe80::99");
    struct mn_writer body = mn_writer(frame + 54, sizeof frame - 54);
    mn_nd_write(&body, &(struct mn_nd){.type = MN_ICMPV6_ROUTER_ADVERTISEMENT, .router_lifetime_s = 1800});
    mn_nd_write_prefix(&body, &prefix);
    size_t len = sizeof frame - 54 - body.left;
    mn_icmpv6_set_checksum(frame + 54, len, &router, &mn_ipv6_all_nodes);
    mn_ipv6_emit(frame + 14, &(struct mn_ipv6){.source = router,
                                               .destination = mn_ipv6_all_nodes,
                                               .payload_len = (uint16_t)len,
                                               .next_header = MN_PROTOCOL_ICMPV6,
                                               .hop_limit = MN_ND_HOP_LIMIT});
    sleep_ms(3000);
    return mnet_sim_send(w->server_host, frame, 54 + len) ? 0 : -1;
}

/* The server has 2001:db8::1 from the beginning. */
static int connection_waits_for_the_address_by_a_router(struct world *w)
{
    struct mnet_flow *flow;
    struct mnet_address both[2] = {address("2001:db8::1"), address("2001:db8::7")};
    uint64_t begun = mnet_now();
    CHECK_EQUAL(mnet_spawn(NULL, advertise, w), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, both[0], 9, &flow, in_ms(1000)), MNET_E_UNREACHABLE);
    CHECK(mnet_now() - begun == MNET_SECOND);
    if (w->options->client.memory_size == 0)
        CHECK_EQUAL(mnet_tcp_connect(w->client, both[0], 9, &flow, in_ms(60000)), MNET_E_REFUSED);
    else
        CHECK_EQUAL(mnet_tcp_connect_any(w->client, both, 2, 9, NULL, &flow, in_ms(60000)), MNET_E_REFUSED);
    CHECK(mnet_now() - begun > 4 * MNET_SECOND && mnet_now() - begun < 10 * MNET_SECOND);
    return 0;
}

/* Nobody advertises anything. With IPv4 there is a way at once. */
static int connection_does_not_wait_for_ever(struct world *w)
{
    struct mnet_flow *flow;
    struct mnet_address both[2] = {address("2001:db8::1"), WORLD_SERVER};
    uint64_t begun = mnet_now();
    CHECK_EQUAL(mnet_tcp_connect_any(w->client, both, 2, 9, NULL, &flow, MNET_NEVER), MNET_E_REFUSED);
    CHECK(mnet_now() - begun < MNET_SECOND);
    CHECK_EQUAL(mnet_tcp_connect(w->client, both[0], 9, &flow, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK(mnet_now() - begun < 11 * MNET_SECOND);
    begun = mnet_now();
    CHECK_EQUAL(mnet_tcp_connect(w->client, both[0], 9, &flow, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_now(), begun);
    return 0;
}

struct late_sender {
    struct mnet_udp *udp;
    struct mnet_endpoint to;
    int error;
    uint64_t ended_ns;
};

static int datagram_leaves_when_there_is_a_way(struct world *w)
{
    struct mnet_udp *server, *client;
    struct mnet_endpoint to = {link_local_of(w->server), 53}, group = {address("ff02::1"), 53};
    struct mnet_address far = address("2001:db8::1"), elsewhere = {.bytes = {0xfe, 0x80, [15] = 1}, .zone = 77};
    char byte;
    uint64_t begun = mnet_now();
    CHECK_EQUAL(mnet_udp_open(w->server, &(struct mnet_udp_options){.local.port = 53}, &server), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &client), 0);
    to.address.zone = w->client->zone;
    CHECK_EQUAL(mnet_stack_await_way(w->client, WORLD_SERVER, 0), 0);
    CHECK_EQUAL(mnet_stack_await_way(w->client, MNET_ADDRESS_ANY, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_stack_await_way(w->client, elsewhere, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_stack_await_way(w->client, to.address, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_udp_send(client, &to, "x", 1, 0), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_now(), begun);
    CHECK_EQUAL(mnet_udp_send(client, &to, "x", 1, in_ms(100)), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_now() - begun, 100 * MNET_MILLISECOND);
    CHECK_EQUAL(mnet_stack_await_way(w->client, group.address, MNET_NEVER), 0);
    CHECK(mnet_now() - begun > MNET_SECOND && mnet_now() - begun < 2100 * MNET_MILLISECOND);
    CHECK_EQUAL(mnet_stack_await_way(w->client, to.address, 0), 0);
    CHECK_EQUAL(mnet_udp_send(client, &to, "x", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_receive(server, &byte, 1, NULL, in_ms(3000)), 1);
    CHECK_EQUAL(mnet_stack_await_way(w->client, far, in_ms(1000)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stack_await_way(w->client, far, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK(mnet_now() - begun < 11 * MNET_SECOND);
    mnet_udp_close(server);
    mnet_udp_close(client);
    return 0;
}

/* Connects to the server's port 80 by IPv4, and by IPv6. */
static int expect_answers(struct world *w, int ipv4, int ipv6)
{
    struct mnet_flow *flow;
    struct mnet_address address = link_local_of(w->server);
    address.zone = w->client->zone;
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, &flow, MNET_NEVER), ipv4);
    mnet_tcp_close(flow);
    CHECK_EQUAL(mnet_tcp_connect(w->client, address, 80, &flow, MNET_NEVER), ipv6);
    mnet_tcp_close(flow);
    return 0;
}

static int listeners_take_both_families_or_one(struct world *w)
{
    struct mnet_listener *first, *second;
    struct mnet_listen_options only4 = {.family = MNET_FAMILY_IPV4}, only6 = {.family = MNET_FAMILY_IPV6};
    struct mnet_listen_options any4 = {.address = mnet_ipv4(0, 0, 0, 0)}, wrong = {.family = (enum mnet_family)9};
    struct mnet_listen_options contrary = {.address = WORLD_SERVER, .family = MNET_FAMILY_IPV6};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &first), 0);
    CHECK_EQUAL(expect_answers(w, 0, 0), 0);
    mnet_tcp_unlisten(first);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &only4, &first), 0);
    CHECK_EQUAL(expect_answers(w, 0, MNET_E_REFUSED), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &any4, &second), MNET_E_IN_USE);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &only6, &second), 0);
    CHECK_EQUAL(expect_answers(w, 0, 0), 0);
    mnet_tcp_unlisten(first);
    CHECK_EQUAL(expect_answers(w, MNET_E_REFUSED, 0), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &any4, &first), 0);
    mnet_tcp_unlisten(second);
    CHECK_EQUAL(expect_answers(w, 0, MNET_E_REFUSED), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 81, &wrong, &second), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 81, &contrary, &second), MNET_E_INVALID);
    mnet_tcp_unlisten(first);
    return 0;
}

static void count_ipv6(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                       const void *frame, size_t len)
{
    struct world *w = context;
    const uint8_t *bytes = frame;
    (void)now;
    if (host == w->client_host && direction == MNET_SIM_SENDING && len > 14 && bytes[12] == 0x86 && bytes[13] == 0xdd)
        ++*(unsigned *)w->argument;
}

/* The server sends to all nodes, and asks for a link-local address of the client. The client is
 * silent. */
static int stack_without_ipv6_is_silent(struct world *w)
{
    static unsigned sent;
    struct mnet_flow *flow;
    struct mnet_stack_address addresses[4];
    struct mnet_address client = address("fe80::ff:fe00:1");
    sent = 0;
    w->argument = &sent;
    mnet_sim_watch(w->sim, count_ipv6, w);
    CHECK_EQUAL(mnet_stack_addresses(w->client, addresses, 4), 1);
    CHECK_EQUAL(sleep_ms(2100), 0);
    client.zone = w->server->zone;
    CHECK_EQUAL(mnet_tcp_connect(w->server, client, 9, &flow, in_ms(60000)), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_tcp_connect(w->client, SERVER6, 9, &flow, in_ms(60000)), MNET_E_UNREACHABLE);
    CHECK_EQUAL(sent, 0);
    mnet_sim_watch(w->sim, NULL, NULL);
    return 0;
}

#define TEST(name) \
    static void test_##name(void **state) \
    { \
        (void)state; \
        struct world_options options = both_families(); \
        world_run(name, &options); \
    }
TEST(addresses_become_ours)
TEST(connection_to_a_global_address)
TEST(connection_to_a_link_local_address)
TEST(link_local_addresses_have_the_zone_of_their_stack)
TEST(datagram_without_an_endpoint_is_refused)
TEST(full_endpoint_is_not_reported)
TEST(connection_to_itself)
TEST(port_without_a_listener_refuses)
TEST(datagrams_go_both_ways)
TEST(too_big_is_for_all)

static void test_address_of_another_is_a_duplicate(void **state)
{
    (void)state;
    struct world_options options = both_families();
    options.client.ip.ipv6.address = SERVER6;
    world_run(address_of_another_is_a_duplicate, &options);
}

static void test_link_local_is_there_by_default(void **state)
{
    (void)state;
    world_run(link_local_is_there_by_default, NULL);
}

static void test_datagram_leaves_when_there_is_a_way(void **state)
{
    (void)state;
    world_run(datagram_leaves_when_there_is_a_way, NULL);
}

static void test_listeners_take_both_families_or_one(void **state)
{
    (void)state;
    world_run(listeners_take_both_families_or_one, NULL);
}

static void test_connection_waits_for_the_address_by_a_router(void **state)
{
    (void)state;
    struct world_options options = {.server.ip.ipv6 = {address("2001:db8::1"), 64}};
    for (int i = 0; i < 2; i++) {
        options.client.memory_size = i == 0 ? 0 : (size_t)8 << 20; /* says which call is tried */
        world_run(connection_waits_for_the_address_by_a_router, &options);
    }
}

static int send_and_keep_the_result(void *argument)
{
    struct late_sender *sender = argument;
    sender->error = mnet_udp_send(sender->udp, &sender->to, "x", 1, MNET_NEVER);
    sender->ended_ns = mnet_now();
    return 0;
}

/* To an address of the link, to a group, and to another network, whose router advertises in the
 * third second. An endpoint that is closed meanwhile is nobody's any more. */
static int datagram_waits_for_a_source(struct world *w)
{
    struct mnet_endpoint local = {link_local_of(w->server), 53}, group = {address("ff02::1"), 53},
                         far = {address("2001:db8::1"), 53};
    uint64_t begun = mnet_now();
    local.address.zone = w->client->zone;
    struct late_sender senders[] = {{.to = local}, {.to = group}, {.to = far}, {.to = far}};
    CHECK_EQUAL(mnet_spawn(NULL, advertise, w), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(mnet_udp_open(w->client, NULL, &senders[i].udp), 0);
        CHECK_EQUAL(mnet_spawn(NULL, send_and_keep_the_result, &senders[i]), 0);
    }
    mnet_sleep(in_ms(100));
    mnet_udp_close(senders[3].udp);
    mnet_sleep(in_ms(12000));
    CHECK_EQUAL(senders[3].error, MNET_E_CLOSED);
    CHECK_EQUAL(senders[3].ended_ns - begun, 100 * MNET_MILLISECOND);
    for (int i = 0; i < 3; i++) {
        uint64_t took = senders[i].ended_ns - begun;
        CHECK_EQUAL(senders[i].error, 0);
        CHECK(took > (i < 2 ? 1 : 4) * MNET_SECOND && took < (i < 2 ? 3 : 10) * MNET_SECOND);
        mnet_udp_close(senders[i].udp);
    }
    return 0;
}

static void test_datagram_waits_for_a_source(void **state)
{
    (void)state;
    world_run(datagram_waits_for_a_source, NULL);
}

static void test_connection_does_not_wait_for_ever(void **state)
{
    (void)state;
    world_run(connection_does_not_wait_for_ever, NULL);
}

static void test_stack_without_ipv6_is_silent(void **state)
{
    (void)state;
    struct world_options options = {.client.ip.no_ipv6 = true};
    world_run(stack_without_ipv6_is_silent, &options);
}

/* ---- Waiting for addresses ---- */

struct alone {
    int result;
    uint64_t up_ns;
    uint64_t sleep_ns; /* before the stack comes up */
};

static int bring_up_alone(struct mnet_env *env, void *argument)
{
    struct alone *alone = argument;
    struct mnet_stack *stack;
    mnet_sleep(mnet_now() + alone->sleep_ns);
    uint64_t begun = mnet_now();
    alone->result = mnet_stack_up(env, NULL, &stack);
    alone->up_ns = mnet_now() - begun;
    return mnet_sleep(mnet_now() + 10 * MNET_SECOND);
}

/* Starts two hosts on a link, the second 3 s later. */
static void run_two(const char *first_arguments, const char *second_arguments, struct alone alone[2])
{
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_host *first = mnet_sim_host(sim, "a",
                                                &(struct mnet_sim_host_options){.arguments = first_arguments});
    struct mnet_sim_host *second = mnet_sim_host(sim, "b",
                                                 &(struct mnet_sim_host_options){.arguments = second_arguments});
    struct mnet_sim_path path = {.delay_ns = MNET_MILLISECOND};
    assert_true(mnet_sim_link(sim, first, second, &path));
    alone[0] = (struct alone){0};
    alone[1] = (struct alone){.sleep_ns = 3 * MNET_SECOND};
    mnet_sim_spawn(first, bring_up_alone, &alone[0]);
    mnet_sim_spawn(second, bring_up_alone, &alone[1]);
    mnet_sim_run(sim, MNET_NEVER);
    mnet_sim_destroy(sim);
}

/* N6-10-1. The address of the configuration may be a link-local one. */
static void stack_without_ipv4_waits_for_its_address(void **state)
{
    (void)state;
    struct alone alone[4];
    run_two("--ipv6=fd00::1/64", "--ipv6=fd00::2/64 --ipv6-gateway=fe80::1 --route=fd01::/16,fd00::1", alone);
    run_two("--ipv6=fe80::1/64", "--ipv6=fe80::2/64", alone + 2);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(alone[i].result, 0);
        assert_in_range(alone[i].up_ns / MNET_MILLISECOND, 1000, 2100);
    }
}

/* Without a router it goes on with its link-local address. */
static void stack_without_routers_waits_no_longer_than_it_says(void **state)
{
    (void)state;
    struct alone alone[2];
    run_two("", "--ipv4=10.0.0.2/24", alone);
    assert_int_equal(alone[0].result, 0);
    assert_int_equal(alone[0].up_ns / MNET_MILLISECOND, 10000);
    assert_int_equal(alone[1].result, 0);
    assert_int_equal(alone[1].up_ns, 0); /* it has an address of IPv4 */
}

/* The probe of the IPv4 address lasts longer than that of the other, and its result counts. */
static void stack_with_ipv4_does_not_go_by_ipv6(void **state)
{
    static const char *const more[] = {"", "--ipv6=fd00::1/64"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char first[100], second[100];
        struct alone alone[2];
        snprintf(first, sizeof first, "--ipv4=10.0.0.1/24 --address-probe %s", more[i]);
        snprintf(second, sizeof second, "--ipv4=10.0.0.1/24 --address-probe --ipv6=fd00::2/64");
        run_two(first, second, alone);
        assert_int_equal(alone[0].result, 0);
        assert_in_range(alone[0].up_ns / MNET_MILLISECOND, 4000, 7000);
        assert_int_equal(alone[1].result, MNET_E_IN_USE);
    }
}

static void stack_without_ipv4_reports_a_duplicate(void **state)
{
    (void)state;
    struct alone alone[4];
    run_two("--ipv6=fd00::1/64", "--ipv6=fd00::1/64", alone);
    run_two("--ipv6=fe80::1/64", "--ipv6=fe80::1/64", alone + 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(alone[i].result, i % 2 == 0 ? 0 : MNET_E_IN_USE);
}

/* A link that stays down delays it no longer than routers that do not answer. */
static void stack_without_a_link_waits_no_longer_than_it_says(void **state)
{
    static const char *const arguments[] = {"--ipv6=fd00::1/64", "--ipv4=10.0.0.1/24 --address-probe"};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(arguments); i++) {
        struct mnet_sim *sim = mnet_sim_create(1);
        struct mnet_sim_host *host = mnet_sim_host(sim, "a",
                                                   &(struct mnet_sim_host_options){.arguments = arguments[i]});
        struct alone alone = {0};
        mnet_sim_attach(mnet_sim_segment(sim), host);
        mnet_sim_plug(host, false);
        mnet_sim_spawn(host, bring_up_alone, &alone);
        mnet_sim_run(sim, MNET_NEVER);
        assert_int_equal(alone.result, 0);
        assert_int_equal(alone.up_ns / MNET_MILLISECOND, 10000);
        mnet_sim_destroy(sim);
    }
}

/* ---- Timers that go on for ever ---- */

static int wait_for_ever(struct mnet_env *env, void *argument)
{
    struct mnet_mutex mutex = {0};
    struct mnet_condition never = {0};
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    mnet_mutex_lock(&mutex, MNET_NEVER);
    *(int *)argument = mnet_condition_wait(&never, &mutex, MNET_NEVER);
    return error;
}

static int sleep_two_years(struct mnet_env *env, void *argument)
{
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    (void)argument;
    return error < 0 ? error : mnet_sleep(mnet_now() + 2 * 365 * 24 * 3600 * MNET_SECOND);
}

/* Each stack asks for routers once an hour. That wakes no task, and the run ends; but a task that
 * sleeps for longer is waited for. */
static void simulation_ends_when_only_stacks_have_timers(void **state)
{
    (void)state;
    int ended[2] = {0};
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_host_options options = {.arguments = "--ipv4=10.0.0.1/24"};
    struct mnet_sim_host *a = mnet_sim_host(sim, "a", &options), *b = mnet_sim_host(sim, "b", NULL);
    assert_true(mnet_sim_link(sim, a, b, NULL));
    mnet_sim_spawn(a, wait_for_ever, &ended[0]);
    mnet_sim_spawn(b, wait_for_ever, &ended[1]);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), MNET_E_DEADLINE);
    assert_int_equal(ended[0], MNET_E_CANCELLED);
    assert_int_equal(ended[1], MNET_E_CANCELLED);
    assert_true(mnet_sim_now(sim) < 366ull * 24 * 3600 * MNET_SECOND);
    mnet_sim_destroy(sim);
    sim = mnet_sim_create(1);
    mnet_sim_spawn(mnet_sim_host(sim, "a", &options), sleep_two_years, NULL);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), 0);
    mnet_sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_become_ours),
        cmocka_unit_test(test_connection_to_a_global_address),
        cmocka_unit_test(test_connection_to_a_link_local_address),
        cmocka_unit_test(test_link_local_addresses_have_the_zone_of_their_stack),
        cmocka_unit_test(test_datagram_without_an_endpoint_is_refused),
        cmocka_unit_test(test_full_endpoint_is_not_reported),
        cmocka_unit_test(test_connection_to_itself),
        cmocka_unit_test(test_port_without_a_listener_refuses),
        cmocka_unit_test(test_datagrams_go_both_ways),
        cmocka_unit_test(test_too_big_is_for_all),
        cmocka_unit_test(test_address_of_another_is_a_duplicate),
        cmocka_unit_test(test_link_local_is_there_by_default),
        cmocka_unit_test(test_stack_without_ipv6_is_silent),
        cmocka_unit_test(test_connection_waits_for_the_address_by_a_router),
        cmocka_unit_test(test_connection_does_not_wait_for_ever),
        cmocka_unit_test(test_datagram_leaves_when_there_is_a_way),
        cmocka_unit_test(test_datagram_waits_for_a_source),
        cmocka_unit_test(test_listeners_take_both_families_or_one),
        cmocka_unit_test(stack_without_ipv4_waits_for_its_address),
        cmocka_unit_test(stack_without_routers_waits_no_longer_than_it_says),
        cmocka_unit_test(stack_without_a_link_waits_no_longer_than_it_says),
        cmocka_unit_test(stack_without_ipv4_reports_a_duplicate),
        cmocka_unit_test(stack_with_ipv4_does_not_go_by_ipv6),
        cmocka_unit_test(simulation_ends_when_only_stacks_have_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
