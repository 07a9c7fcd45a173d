/* A whole stack that is attacked over IPv6 by a station on its link. A client behind a router sends
 * it as much as the path carries, over both families at once, and newcomers connect and leave. The
 * attacker sends frames made by hand. Meanwhile both transfers keep their goodput, newcomers are
 * served, tables and memory stay within their limits, few frames are sent for those that came, and
 * between polls the reserve is free. Afterwards all memory is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim_router.h>

#include "base/checksum.h"
#include "base/memory.h"
#include "stack/stack.h"
#include "support/echo.h"
#include "tcp/check.h"
#include "wire/icmpv6.h"
#include "wire/mld.h"
#include "wire/nd.h"

#define PORT 80
#define ECHO 7
#define BEGIN (10 * MNET_SECOND) /* the clients have their full rate by then */
#define SECONDS 1                /* of the attack */
#define END (BEGIN + SECONDS * MNET_SECOND)
#define A_MILLISECOND 20 /* frames of the attacker */
#define CHAIN_MOST 12    /* neighbours in one bucket of the table */

enum {
    OVER_IPV4,
    OVER_IPV6,
    FAMILIES,
};

struct siege6;
typedef size_t make_frame(struct siege6 *s, unsigned count, uint8_t *frame);

struct siege6 {
    make_frame *frame; /* NULL: no attack */
    struct mnet_sim_host *evil;
    struct mnet_sim_router *router;
    struct mnet_stack *server, *client;
    struct mnet_address own; /* of the server */
    uint64_t received[FAMILIES], before[FAMILIES], during[FAMILIES];
    uint64_t frames, answers; /* of the attacker; and that the server sent without a client */
    unsigned served, longest_chain;
    /* Of the server at the end of the attack: its counters, and entries of its tables. */
    uint64_t counts[MNET_COUNTER_MAX];
    unsigned neighbours, prefixes, redirects, servers;
    size_t used_before, used_after, peak;
    const char *broken; /* the limit that did not hold */
    bool over;
};

/* ---- The server ---- */

static struct siege6 *counted; /* by those who read */

static int drink(void *argument)
{
    struct mnet_flow *flow = argument;
    static uint8_t bytes[65536];
    struct mnet_endpoint local;
    ptrdiff_t n;
    mnet_tcp_peers(flow, &local, NULL);
    unsigned family = mnet_address_is_ipv4(local.address) ? OVER_IPV4 : OVER_IPV6;
    while ((n = mnet_tcp_read(flow, bytes, sizeof bytes, MNET_NEVER)) > 0)
        counted->received[family] += (uint64_t)n;
    mnet_tcp_close(flow);
    return 0;
}

static int accept_all(struct mnet_listener *listener, int (*serve)(void *flow))
{
    struct mnet_flow *flow;
    int error;
    while ((error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0)
        if (mnet_spawn(NULL, serve, flow) < 0)
            mnet_tcp_abort(flow);
    return 0;
}

static int accept_echoes(void *listener)
{
    return accept_all(listener, echo);
}

static int serve(struct mnet_env *env, void *argument)
{
    struct siege6 *s = argument;
    struct mnet_listener *bulk, *echoes;
    int error = mnet_stack_up(env, NULL, &s->server);
    if (error == 0)
        error = mnet_tcp_listen(s->server, PORT, NULL, &bulk);
    if (error == 0)
        error = mnet_tcp_listen(s->server, ECHO, NULL, &echoes);
    if (error == 0)
        error = mnet_spawn(NULL, accept_echoes, echoes);
    return error == 0 ? accept_all(bulk, drink) : error;
}

/* ---- The clients ---- */

static int come_and_go(void *argument)
{
    struct siege6 *s = argument;
    while (!s->over && !mnet_cancelled()) {
        struct mnet_flow *flow;
        char answer[4];
        uint64_t deadline = mnet_now() + 10 * MNET_SECOND;
        if (mnet_tcp_connect(s->client, s->own, ECHO, &flow, deadline) < 0)
            continue;
        if (mnet_tcp_write(flow, "ping", 4, NULL, deadline) == 0 &&
            mnet_tcp_read_exactly(flow, answer, 4, NULL, deadline) == 0)
            s->served++;
        mnet_tcp_close(flow);
        mnet_sleep(mnet_now() + 50 * MNET_MILLISECOND);
    }
    return 0;
}

static int send_all(struct siege6 *s, struct mnet_address to)
{
    static const uint8_t bytes[65536];
    struct mnet_flow *flow;
    int error = mnet_tcp_connect(s->client, to, PORT, &flow, MNET_NEVER);
    if (error < 0)
        return error;
    while (error == 0)
        error = mnet_tcp_write(flow, bytes, sizeof bytes, NULL, END + MNET_SECOND / 2);
    mnet_tcp_abort(flow);
    return error == MNET_E_DEADLINE ? 0 : error;
}

static int send_ipv4(void *argument)
{
    return send_all(argument, mnet_ipv4(10, 0, 1, 9));
}

static struct mnet_address global_of(const struct mnet_stack *stack)
{
    struct mnet_stack_address own[8];
    unsigned count = mnet_stack_addresses(stack, own, 8);
    for (unsigned i = 0; i < count && i < 8; i++)
        if (own[i].prefix.address.bytes[0] == 0x20 && own[i].state == MNET_ADDRESS_PREFERRED)
            return own[i].prefix.address;
    return MNET_ADDRESS_ANY;
}

static int call(struct mnet_env *env, void *argument)
{
    struct siege6 *s = argument;
    struct mnet_task *newcomers, *other;
    int error = mnet_stack_up(env, NULL, &s->client), ended = 0;
    if (error == 0)
        error = mnet_sleep(mnet_now() + 5 * MNET_SECOND);
    s->used_before = mnet_stack_memory_used(s->server);
    s->own = global_of(s->server);
    if (error == 0)
        error = mnet_spawn(&newcomers, come_and_go, s);
    if (error == 0)
        error = mnet_spawn(&other, send_ipv4, s);
    if (error == 0)
        error = send_all(s, s->own);
    s->over = true;
    if (error == 0)
        error = mnet_join(other, &ended, MNET_NEVER);
    if (error == 0)
        error = mnet_join(newcomers, NULL, MNET_NEVER);
    return error == 0 ? ended : error;
}

/* ---- Limits ---- */

static unsigned longest_chain_of(const struct mn_neighbours *table)
{
    unsigned longest = 0;
    for (unsigned i = 0; i < MN_NEIGHBOUR_BUCKETS; i++) {
        unsigned chain = 0;
        const struct mnet_link *head = &table->buckets[i];
        for (const struct mnet_link *node = head->next; node != NULL && node != head; node = node->next)
            chain++;
        longest = MN_MAX(longest, chain);
    }
    return longest;
}

/* Returns the limit that does not hold, or NULL. The other tables of IPv6 are arrays. */
static const char *find_broken_limit(struct siege6 *s)
{
    const struct mnet_stack *stack = s->server;
    const struct mn_ip *ip = &stack->ip;
    mn_tcp_check(stack->tcp);
    mn_ip_check(&s->server->ip);
    s->longest_chain = MN_MAX(s->longest_chain, longest_chain_of(&ip->neighbours));
    return mn_memory_is_scarce(stack->memory)                                 ? "the reserve"
           : ip->neighbours.count > ip->neighbours.max                        ? "neighbours"
           : ip->neighbours.pending > MN_NEIGHBOUR_PENDING_TOTAL              ? "datagrams that wait"
           : ip->neighbours.pending_bytes > ip->neighbours.pending_bytes_max  ? "bytes that wait"
           : ip->reassembly.count > stack->config.ip.reassembly_datagrams_max ? "datagrams in reassembly"
           : ip->reassembly.bytes > stack->config.ip.reassembly_bytes_max     ? "bytes in reassembly"
           : ip->transmit.count > MN_IP_TRANSMIT_MAX                          ? "frames"
           : s->longest_chain > CHAIN_MOST                                    ? "a chain of neighbours"
                                                                              : NULL;
}

/* Frames that the server has sent for others than its clients. */
static void count_frame(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                        const void *frame, size_t len)
{
    struct siege6 *s = context;
    const uint8_t *bytes = frame;
    bool attacked = now >= BEGIN && now < END && direction == MNET_SIM_SENDING && len > 54;
    bool ipv6 = attacked && bytes[12] == 0x86;
    if (ipv6 && strcmp(mnet_sim_host_name(host), "server") == 0 && bytes[20] != MN_PROTOCOL_TCP)
        s->answers++;
}

/* ---- The attacker, and the observer ---- */

static int strike(struct mnet_env *env, void *argument)
{
    struct siege6 *s = argument;
    static uint8_t frame[MNET_FRAME_MAX];
    unsigned count = 0;
    (void)env;
    int error = mnet_sleep(BEGIN);
    memcpy(s->before, s->received, sizeof s->before);
    while (error == 0 && mnet_now() < END) {
        for (unsigned i = 0; s->frame != NULL && i < A_MILLISECOND; i++)
            s->frames += mnet_sim_send(s->evil, frame, s->frame(s, count++, frame));
        error = mnet_sleep(mnet_now() + MNET_MILLISECOND);
        if (s->broken == NULL)
            s->broken = find_broken_limit(s);
    }
    for (unsigned i = 0; i < FAMILIES; i++)
        s->during[i] = s->received[i] - s->before[i];
    const struct mn_ip *ip = &s->server->ip;
    memcpy(s->counts, mnet_stack_counters(s->server)->value, sizeof s->counts);
    s->neighbours = ip->neighbours.count;
    s->prefixes = ip->v6.prefixes.count;
    s->redirects = ip->v6.redirects.count;
    s->servers = ip->v6.resolvers.server_count;
    return error;
}

/* Lets all timers run out, those of DHCP and of routers apart. */
static int rest(struct mnet_env *env, void *argument)
{
    struct siege6 *s = argument;
    (void)env;
    int error = mnet_sleep(mnet_now() + 1000 * MNET_SECOND);
    s->peak = mnet_memory_peak(s->server->memory);
    s->used_after = mnet_stack_memory_used(s->server);
    return error;
}

/* ---- Frames ---- */

static uint32_t scramble(unsigned count)
{
    return count * 2654435761u;
}

/* An address of the /64 `network` that depends on `count`. */
static struct mnet_address some_host(uint16_t network, unsigned count)
{
    uint32_t low = scramble(count);
    return (struct mnet_address){.bytes = {(uint8_t)(network >> 8),
                                           (uint8_t)network, [9] = 1, [12] = (uint8_t)(low >> 24), (uint8_t)(low >> 16),
                                           (uint8_t)(low >> 8), (uint8_t)low}};
}

#define LINK_LOCAL 0xfe80
#define ELSEWHERE 0x2a00

/* An address of the server's own network. */
static struct mnet_address some_neighbour(const struct siege6 *s, unsigned count)
{
    struct mnet_address address = some_host(ELSEWHERE, count);
    memcpy(address.bytes, s->own.bytes, 8);
    return address;
}

static struct mn_mac some_mac(unsigned count)
{
    return (struct mn_mac){{2, 1, 0, 0, (uint8_t)(count >> 8), (uint8_t)count}};
}

struct packet6 {
    struct mnet_address source, destination;
    uint8_t protocol, hop_limit;
    size_t len; /* of what stands at payload_of(frame) */
};

static uint8_t *payload_of(uint8_t *frame)
{
    return frame + MN_ETHERNET_HEADER + MN_IPV6_HEADER;
}

/* Puts headers in front of a payload, for the server alone. */
static size_t finish(uint8_t *frame, const struct packet6 *packet)
{
    static const struct mn_mac server = {{2, 0, 0, 0, 0, 1}}, evil = {{2, 0, 0, 0, 0, 3}};
    mn_ethernet_emit(frame, &(struct mn_ethernet){server, evil, MN_ETHERTYPE_IPV6});
    mn_ipv6_emit(frame + MN_ETHERNET_HEADER, &(struct mn_ipv6){.source = packet->source,
                                                               .destination = packet->destination,
                                                               .payload_len = (uint16_t)packet->len,
                                                               .next_header = packet->protocol,
                                                               .hop_limit = packet->hop_limit});
    return MN_ETHERNET_HEADER + MN_IPV6_HEADER + packet->len;
}

static size_t finish_icmp(uint8_t *frame, struct mnet_address source, struct mnet_address destination, size_t len)
{
    mn_icmpv6_set_checksum(payload_of(frame), len, &source, &destination);
    return finish(frame, &(struct packet6){source, destination, MN_PROTOCOL_ICMPV6, MN_ND_HOP_LIMIT, len});
}

/* A message of neighbour discovery with further options, which `w` has behind it. */
static struct mn_writer begin_nd(uint8_t *frame, const struct mn_nd *nd)
{
    struct mn_writer w = mn_writer(payload_of(frame), 1400);
    mn_nd_write(&w, nd);
    return w;
}

static size_t finish_nd(uint8_t *frame, const struct mn_writer *w, struct mnet_address source,
                        struct mnet_address destination)
{
    return finish_icmp(frame, source, destination, (size_t)(w->at - payload_of(frame)));
}

/* Routers that do not exist, each with a network, a route and a server of its own. */
static size_t advertise(unsigned count, uint8_t *frame, int8_t preference, bool routes)
{
    struct mnet_address router = some_host(LINK_LOCAL, count), server = some_host(ELSEWHERE, count);
    struct mnet_prefix network = {server, 64};
    memset(network.address.bytes + 8, 0, 8);
    memcpy(network.address.bytes + 4, server.bytes + 12, 4);
    struct mn_writer w = begin_nd(frame, &(struct mn_nd){.type = MN_ICMPV6_ROUTER_ADVERTISEMENT,
                                                         .router_lifetime_s = 9000,
                                                         .preference = preference,
                                                         .hop_limit = 64,
                                                         .has_link_address = true,
                                                         .link_address = some_mac(count)});
    mn_nd_write_prefix(&w, &(struct mn_nd_prefix){network, true, true, MN_ND_INFINITE, MN_ND_INFINITE});
    mn_nd_write_servers(&w, MN_ND_INFINITE, &server, 1);
    if (routes)
        mn_nd_write_route(&w, &(struct mn_nd_route){network, preference, MN_ND_INFINITE});
    return finish_nd(frame, &w, router, mn_ipv6_all_nodes);
}

static size_t router_advertisement(struct siege6 *s, unsigned count, uint8_t *frame)
{
    (void)s;
    return advertise(count, frame, MN_ND_MEDIUM, true);
}

static size_t solicitation(struct siege6 *s, unsigned count, uint8_t *frame)
{
    struct mn_writer w = begin_nd(frame, &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_SOLICITATION,
                                                         .target = s->own,
                                                         .has_link_address = true,
                                                         .link_address = some_mac(count)});
    return finish_nd(frame, &w, some_neighbour(s, count), s->own);
}

/* Without a link address: the answer makes the server look for the one who asks. */
static size_t solicitation_of_nobody(struct siege6 *s, unsigned count, uint8_t *frame)
{
    struct mn_writer w = begin_nd(frame, &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_SOLICITATION, .target = s->own});
    return finish_nd(frame, &w, some_neighbour(s, count), s->own);
}

static size_t advertisement(struct siege6 *s, unsigned count, uint8_t *frame)
{
    struct mn_writer w = begin_nd(frame, &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
                                                         .target = some_neighbour(s, count),
                                                         .solicited = count % 2 == 0,
                                                         .override = count % 3 == 0,
                                                         .router = count % 5 == 0,
                                                         .has_link_address = true,
                                                         .link_address = some_mac(count)});
    return finish_nd(frame, &w, some_neighbour(s, count), s->own);
}

/* In the name of the router, about destinations elsewhere. */
static size_t redirect(struct siege6 *s, unsigned count, uint8_t *frame)
{
    struct mn_writer w = begin_nd(frame, &(struct mn_nd){.type = MN_ICMPV6_REDIRECT,
                                                         .target = some_host(LINK_LOCAL, count),
                                                         .destination = some_host(ELSEWHERE, count),
                                                         .has_link_address = true,
                                                         .link_address = some_mac(count)});
    return finish_nd(frame, &w, mnet_sim_router_address(s->router, 0), s->own);
}

/* Queries behind a hop-by-hop header with Router Alert, about groups of the server and others. */
static size_t listener_query(struct siege6 *s, unsigned count, uint8_t *frame)
{
    const struct mnet_address source = some_host(LINK_LOCAL, count), to = mn_ipv6_all_nodes;
    struct mnet_address groups[] = {MNET_ADDRESS_ANY, mn_ipv6_solicited_node(&s->own), {.bytes = {0xff, 2, [15] = 99}}};
    struct mn_group_query query = {.version = 2, .group = groups[count % 3]};
    uint8_t *message = payload_of(frame) + MN_IPV6_ROUTER_ALERT;
    struct mn_writer w = mn_writer(message, 1000);
    mn_mld_write_query(&w, &query, NULL);
    size_t len = (size_t)(w.at - message);
    mn_icmpv6_set_checksum(message, len, &source, &to);
    mn_ipv6_emit_router_alert(payload_of(frame), MN_PROTOCOL_ICMPV6);
    return finish(frame,
                  &(struct packet6){source, to, MN_IPV6_HOP_BY_HOP, MN_MLD_HOP_LIMIT, MN_IPV6_ROUTER_ALERT + len});
}

/* Two of the many fragments of a datagram. The others never arrive. */
static size_t put_fragment(struct siege6 *s, unsigned datagram, unsigned offset, size_t len, uint8_t *frame)
{
    mn_ipv6_fragment_emit(payload_of(frame), &(struct mn_ipv6_fragment){.identification = datagram,
                                                                        .offset = (uint16_t)offset,
                                                                        .next_header = MN_PROTOCOL_UDP,
                                                                        .more = true});
    memset(payload_of(frame) + MN_IPV6_FRAGMENT_HEADER, (int)datagram, len);
    return finish(frame, &(struct packet6){some_host(ELSEWHERE, datagram), s->own, MN_IPV6_FRAGMENT, 64,
                                           MN_IPV6_FRAGMENT_HEADER + len});
}

static size_t fragment(struct siege6 *s, unsigned count, uint8_t *frame)
{
    return put_fragment(s, count / 2, 8 + count % 2 * 32000, 1400, frame);
}

/* Pieces of eight octets. */
static size_t small_fragment(struct siege6 *s, unsigned count, uint8_t *frame)
{
    return put_fragment(s, count / 16, 8 + count % 16 * 16, 8, frame);
}

/* Writes `count` extension headers of `len` bytes each; `option` is their first one, which fills
 * them. The last names `protocol`. */
static size_t put_headers(uint8_t *to, unsigned count, size_t len, uint8_t option, uint8_t protocol)
{
    memset(to, 0, count * len);
    for (unsigned i = 0; i < count; i++, to += len) {
        to[0] = i + 1 < count ? MN_IPV6_DESTINATION_OPTIONS : protocol;
        to[1] = (uint8_t)(len / 8 - 1);
        to[2] = option;
        to[3] = (uint8_t)(len - 4);
    }
    return count * len;
}

/* As many headers as a packet has room for: beyond the limit. */
static size_t header_chain(struct siege6 *s, unsigned count, uint8_t *frame)
{
    size_t len = put_headers(payload_of(frame), 170, 8, 1, MN_IPV6_NO_NEXT_HEADER);
    return finish(frame, &(struct packet6){some_host(ELSEWHERE, count), s->own, MN_IPV6_DESTINATION_OPTIONS, 64, len});
}

/* Options of which each asks for an error. */
static size_t unknown_option(struct siege6 *s, unsigned count, uint8_t *frame)
{
    size_t len = put_headers(payload_of(frame), 1, 1024, 0x80 | 30, MN_IPV6_NO_NEXT_HEADER);
    return finish(frame, &(struct packet6){some_host(ELSEWHERE, count), s->own, MN_IPV6_DESTINATION_OPTIONS, 64, len});
}

/* Thousands of octets of padding, one by one. */
static size_t padding(struct siege6 *s, unsigned count, uint8_t *frame)
{
    size_t len = 1400;
    memset(payload_of(frame), 0, len);
    payload_of(frame)[0] = MN_IPV6_NO_NEXT_HEADER;
    payload_of(frame)[1] = (uint8_t)(len / 8 - 1);
    return finish(frame, &(struct packet6){some_host(ELSEWHERE, count), s->own, MN_IPV6_HOP_BY_HOP, 64, len});
}

/* A /64 whose hosts all seem to ask for something: the server looks for each of them. */
static size_t request_of_neighbour(struct siege6 *s, unsigned count, size_t len, uint8_t *frame)
{
    memset(payload_of(frame), 0, len);
    payload_of(frame)[0] = MN_ICMPV6_ECHO;
    return finish_icmp(frame, some_neighbour(s, count), s->own, len);
}

static size_t small_request(struct siege6 *s, unsigned count, uint8_t *frame)
{
    return request_of_neighbour(s, count, 8, frame);
}

static size_t large_request(struct siege6 *s, unsigned count, uint8_t *frame)
{
    return request_of_neighbour(s, count, 1400, frame);
}

/* Packets for which nobody listens: errors are due. */
static size_t stray_datagram(struct siege6 *s, unsigned count, uint8_t *frame)
{
    uint8_t *udp = payload_of(frame);
    struct mnet_address source = some_host(ELSEWHERE, count);
    memset(udp, 0, 16);
    memcpy(udp, (const uint8_t[]){9, 9, (uint8_t)(count >> 8 | 1), (uint8_t)count, 0, 16}, 6);
    uint64_t sum = mn_sum_add(mn_pseudo_sum(&source, &s->own, MN_PROTOCOL_UDP, 16), mn_sum(0, udp, 16));
    uint16_t checksum = mn_checksum(sum);
    memcpy(udp + 6, &checksum, 2);
    return finish(frame, &(struct packet6){source, s->own, MN_PROTOCOL_UDP, 64, 16});
}

static size_t everything(struct siege6 *s, unsigned count, uint8_t *frame)
{
    static make_frame *const all[] = {
        router_advertisement,
        solicitation,
        solicitation_of_nobody,
        advertisement,
        redirect,
        listener_query,
        fragment,
        small_fragment,
        header_chain,
        unknown_option,
        padding,
        small_request,
        large_request,
        stray_datagram,
    };
    return all[count % MN_COUNT_OF(all)](s, count / MN_COUNT_OF(all), frame);
}

/* ---- The siege ---- */

static struct mnet_sim_host *add_host(struct mnet_sim *sim, const char *name, const char *arguments,
                                      struct mnet_sim_segment *segment)
{
    struct mnet_sim_host *host = mnet_sim_host(sim, name, &(struct mnet_sim_host_options){.arguments = arguments});
    assert_non_null(host);
    mnet_sim_attach(segment, host);
    return host;
}

static void add_router(struct siege6 *s, struct mnet_sim *sim, struct mnet_sim_segment *lan,
                       struct mnet_sim_segment *wan)
{
    static const struct mnet_sim_interface shapes[] = {{.ipv4 = {{.bytes = {[10] = 0xff, 0xff, 10, 0, 1, 1}}, 24}},
                                                       {.ipv4 = {{.bytes = {[10] = 0xff, 0xff, 10, 0, 2, 1}}, 24}}};
    s->router = mnet_sim_router(sim, "router");
    assert_non_null(mnet_sim_router_attach(s->router, lan, &shapes[0]));
    assert_non_null(mnet_sim_router_attach(s->router, wan, &shapes[1]));
    for (uint8_t i = 0; i < 2; i++) {
        struct mnet_prefix network = {{.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, i}}, 64};
        struct mnet_sim_advertisement advertised = {
            .lifetime_s = 1800, .prefixes = {{.prefix = network, .valid_s = 86400, .preferred_s = 14400}}};
        mnet_sim_router_advertise(s->router, i, &advertised);
    }
}

static void run(struct siege6 *s, make_frame *frame)
{
    *s = (struct siege6){.frame = frame};
    counted = s;
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_segment *lan = mnet_sim_segment(sim), *wan = mnet_sim_segment(sim);
    struct mnet_sim_host *server = add_host(sim, "server", "--ipv4=10.0.1.9/24 --ipv4-gateway=10.0.1.1 --memory=4M",
                                            lan);
    struct mnet_sim_host *client = add_host(sim, "client", "--ipv4=10.0.2.9/24 --ipv4-gateway=10.0.2.1", wan);
    s->evil = add_host(sim, "evil", NULL, lan);
    add_router(s, sim, lan, wan);
    struct mnet_sim_path there = {.bandwidth_bps = 40000000, .delay_ns = 5 * MNET_MILLISECOND};
    struct mnet_sim_path back = {.delay_ns = 5 * MNET_MILLISECOND};
    mnet_sim_shape(client, MNET_SIM_SENDING, &there);
    mnet_sim_shape(client, MNET_SIM_RECEIVING, &back);
    mnet_sim_watch(sim, count_frame, s);
    mnet_sim_serve(server, serve, s);
    mnet_sim_spawn(client, call, s);
    mnet_sim_spawn(s->evil, strike, s);
    assert_int_equal(mnet_sim_run(sim, 100 * MNET_SECOND), 0);
    mnet_sim_spawn(server, rest, s);
    assert_int_equal(mnet_sim_run(sim, 2000 * MNET_SECOND), 0);
    mnet_sim_destroy(sim);
}

static double mbit_s(const struct siege6 *s, unsigned family)
{
    return (double)s->during[family] * 8 / SECONDS / 1e6;
}

/* For at most so many of 100 frames the server sends one. Returns the state at the end of the
 * attack. */
static const struct siege6 *besiege(const char *name, make_frame *frame, unsigned answers_of_100)
{
    static struct siege6 without;
    static struct siege6 with;
    if (without.received[OVER_IPV6] == 0)
        run(&without, NULL);
    run(&with, frame);
    print_message("# %s: %.1f + %.1f of %.1f + %.1f Mbit/s, %u of %u served, %u frames for %u, at most %zu KiB, "
                  "%zu KiB at last\n",
                  name, mbit_s(&with, OVER_IPV4), mbit_s(&with, OVER_IPV6), mbit_s(&without, OVER_IPV4),
                  mbit_s(&without, OVER_IPV6), with.served, without.served, (unsigned)with.answers,
                  (unsigned)with.frames, with.peak / 1024, with.used_after / 1024);
    if (with.broken != NULL)
        fail_msg("beyond its limit: %s", with.broken);
    for (unsigned i = 0; i < FAMILIES; i++)
        assert_true(10 * with.during[i] >= 9 * without.during[i]);
    assert_true(10 * with.served >= 9 * without.served);
    assert_true(100 * with.answers <= answers_of_100 * with.frames + 100 * without.answers + 10000);
    assert_in_range(with.used_after, 0, with.used_before + 2 * MN_SLAB_BYTES);
    return &with;
}

static void siege_by_router_advertisements(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("router advertisements", router_advertisement, 0);
    assert_int_equal(s->counts[MNET_COUNT_ND_DROP_INVALID], 0);
    assert_int_equal(s->prefixes, MN_PREFIXES_MAX);
    assert_int_equal(s->servers, MN_RESOLVERS_MAX);
}

static void siege_by_solicitations(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("solicitations", solicitation, 100);
    assert_int_equal(s->counts[MNET_COUNT_ND_DROP_INVALID], 0);
    assert_in_range(s->neighbours, 250, 256);
    besiege("solicitations of nobody", solicitation_of_nobody, 100);
}

/* They make no entries. */
static void siege_by_advertisements_of_neighbours(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("neighbour advertisements", advertisement, 0);
    assert_int_equal(s->counts[MNET_COUNT_ND_DROP_INVALID], 0);
    assert_in_range(s->neighbours, 1, 5);
}

static void siege_by_redirects(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("redirects", redirect, 0);
    assert_int_equal(s->counts[MNET_COUNT_ND_DROP_INVALID], 0);
    assert_int_equal(s->redirects, MN_REDIRECTS_MAX);
}

static void siege_by_listener_queries(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("listener queries", listener_query, 0);
    assert_true(s->counts[MNET_COUNT_GROUP_QUERIES] >= s->frames);
}

static void siege_by_fragments(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("fragments", fragment, 0);
    assert_true(2 * s->counts[MNET_COUNT_FRAG_DROP_LIMIT] >= s->frames / 2);
    s = besiege("small fragments", small_fragment, 0);
    assert_true(s->counts[MNET_COUNT_FRAG_DROP_LIMIT] >= s->frames / 32);
}

static void siege_by_extension_headers(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("chains of headers", header_chain, 0);
    assert_true(s->counts[MNET_COUNT_IP_DROP_OPTIONS] >= s->frames);
    s = besiege("unknown options", unknown_option, 5);
    assert_true(s->counts[MNET_COUNT_ICMP_ERRORS_LIMITED] >= s->frames / 2);
    s = besiege("padding", padding, 0);
    assert_true(s->counts[MNET_COUNT_IP_DROP_OPTIONS] >= s->frames);
}

/* One solicitation each: a scan costs the link no more than the scanner sends. */
static void siege_by_a_network_of_neighbours_that_are_not_there(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("requests", small_request, 100);
    assert_true(s->counts[MNET_COUNT_ICMP_ECHO] >= s->frames);
    s = besiege("large requests", large_request, 100);
    assert_true(s->counts[MNET_COUNT_ICMP_ECHO] >= s->frames);
}

static void siege_by_stray_datagrams(void **state)
{
    (void)state;
    const struct siege6 *s = besiege("stray datagrams", stray_datagram, 5);
    assert_true(s->counts[MNET_COUNT_ICMP_ERRORS_LIMITED] >= s->frames / 2);
}

static void siege_by_everything_at_once(void **state)
{
    (void)state;
    besiege("everything", everything, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siege_by_router_advertisements),
        cmocka_unit_test(siege_by_solicitations),
        cmocka_unit_test(siege_by_advertisements_of_neighbours),
        cmocka_unit_test(siege_by_redirects),
        cmocka_unit_test(siege_by_listener_queries),
        cmocka_unit_test(siege_by_fragments),
        cmocka_unit_test(siege_by_extension_headers),
        cmocka_unit_test(siege_by_a_network_of_neighbours_that_are_not_there),
        cmocka_unit_test(siege_by_stray_datagrams),
        cmocka_unit_test(siege_by_everything_at_once),
    };
    return cmocka_run_group_tests_name("stack_ipv6_attacks", tests, NULL, NULL);
}
