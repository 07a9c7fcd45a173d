#include "tests/support/ip6_router.h"

#include "ip/v6/identifier.h"

#define ATOMIC_FRAGMENT "\x3a\0\0\0\0\0\0\1" /* the next header is ICMPv6 */

static void write_options(struct mn_writer *w, const struct ra_line *line)
{
    unsigned servers = 0;
    for (unsigned i = 0; i < RA_PREFIXES && line->prefixes[i].prefix.length > 0; i++)
        mn_nd_write_prefix(w, &line->prefixes[i]);
    for (unsigned i = 0; i < RA_ROUTES && line->routes[i].prefix.length > 0; i++)
        mn_nd_write_route(w, &line->routes[i]);
    while (servers < RA_SERVERS && !mnet_address_is_any(line->servers[servers]))
        servers++;
    if (servers > 0)
        mn_nd_write_servers(w, line->dns_lifetime_s, line->servers, servers);
    if (line->domains != NULL)
        mn_nd_write_domains(w, line->dns_lifetime_s, line->domains, strlen(line->domains) + 1);
    if (line->extra_len > 0)
        mn_write_bytes(w, line->extra, line->extra_len);
}

/* Receives a message of `len` bytes behind room for a Fragment header. */
static void receive(struct ip_host *h, const struct ra_line *line, uint8_t *message, size_t len)
{
    bool to_all = mnet_address_is_any(line->destination);
    struct ip6_line packet = IP6_LINE(.source = line->router,
                                      .destination = to_all ? mn_ipv6_all_nodes : line->destination,
                                      .from = ROUTER_A_MAC, .protocol = MN_PROTOCOL_ICMPV6,
                                      .hop_limit = line->ip_hop_limit != 0 ? line->ip_hop_limit : MN_ND_HOP_LIMIT,
                                      .payload = message + 8, .len = len);
    if (to_all)
        packet.to = (struct mn_mac){{0x33, 0x33, 0, 0, 0, 1}};
    if (!mn_mac_equal(line->frame_to, NO_MAC))
        packet.to = line->frame_to;
    mn_icmpv6_set_checksum(message + 8, len, &packet.source, &packet.destination);
    if (line->in_fragment) {
        memcpy(message, ATOMIC_FRAGMENT, 8);
        packet.payload = message;
        packet.len += 8;
        packet.protocol = 44;
    }
    assert_int_equal(receive_ip6_line(h, packet), MN_IP_CONSUMED);
}

void receive_ra_line(struct ip_host *h, const struct ra_line *line)
{
    uint8_t bytes[8 + 1024];
    struct mn_writer w = mn_writer(bytes + 8, sizeof bytes - 8);
    mn_nd_write(&w, &(struct mn_nd){.type = MN_ICMPV6_ROUTER_ADVERTISEMENT,
                                    .hop_limit = line->hop_limit,
                                    .managed = line->managed,
                                    .other = line->other,
                                    .preference = line->preference,
                                    .router_lifetime_s = line->lifetime_s,
                                    .reachable_ms = line->reachable_ms,
                                    .retrans_ms = line->retrans_ms,
                                    .mtu = line->mtu,
                                    .has_link_address = !mn_mac_equal(line->mac, NO_MAC),
                                    .link_address = line->mac});
    write_options(&w, line);
    assert_true(w.ok);
    receive(h, line, bytes, sizeof bytes - 8 - w.left);
}

void receive_redirect_line(struct ip_host *h, const struct redirect_line *line)
{
    uint8_t bytes[8 + MN_ND_WRITE_MAX];
    struct mn_writer w = mn_writer(bytes + 8, MN_ND_WRITE_MAX);
    mn_nd_write(&w, &(struct mn_nd){.type = MN_ICMPV6_REDIRECT,
                                    .target = line->target,
                                    .destination = line->destination,
                                    .has_link_address = !mn_mac_equal(line->mac, NO_MAC),
                                    .link_address = line->mac});
    assert_true(w.ok);
    struct ra_line packet = {.router = line->source, .destination = line->to, .frame_to = OWN_MAC};
    receive(h, &packet, bytes, MN_ND_WRITE_MAX - w.left);
}

struct mn_ip_config auto_config(struct ip_host *h)
{
    struct mn_ip_config config = ip6_host_config(h);
    config.user.ipv6 = (struct mnet_prefix){0};
    config.user.ipv6_gateway = MNET_ADDRESS_ANY;
    config.user.ipv6_auto = true;
    config.user.ipv6_identifier = MNET_IPV6_EUI64;
    return config;
}

void auto_host_up(struct ip_host *h)
{
    struct mn_ip_config config = auto_config(h);
    assert_int_equal(ip_host_start(h, &config), 0);
    pass_ms(h, 3000);
    discard_sent6(h);
    assert_true(mn_ip_is_own(&h->ip, OWN_LINK6));
}

struct mnet_address own_in(struct mnet_address net)
{
    return mn_identifier_join((struct mnet_prefix){net, 64}, mn_identifier_from_mac(OWN_MAC));
}

enum mn_ip_address_state state_of(struct ip_host *h, struct mnet_address address)
{
    for (unsigned i = MN_OWN_LINK_LOCAL; i < MN_OWN_MAX; i++)
        if (mnet_address_equal(h->ip.own[i].prefix.address, address))
            return h->ip.own[i].state;
    return MN_IP_ADDRESS_NONE;
}

void expect_sent_by(struct ip_host *h, struct mnet_address destination, struct mn_mac mac)
{
    assert_int_equal(send6(h, destination, 8), 0);
    expect_ip6(h, mac, destination, MN_PROTOCOL_UDP);
    expect_silence(h);
}

void expect_asked_for(struct ip_host *h, struct mnet_address destination, struct mnet_address next_hop)
{
    assert_int_equal(send6(h, destination, 8), 0);
    expect_solicitation(h, next_hop, NO_MAC);
    expect_silence(h);
}

void have_router(struct ip_host *h)
{
    receive_ra(h, .mac = ROUTER_A_MAC, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, 4 * HOUR, HOUR)});
    pass_ms(h, 4500); /* detection, then three announcements */
    discard_sent6(h);
    assert_int_equal(state_of(h, own_in(NET_1)), MN_IP_ADDRESS_OURS);
}

void know_neighbour(struct ip_host *h, struct mnet_address neighbour, struct mn_mac mac)
{
    expect_asked_for(h, neighbour, neighbour);
    receive_advertisement(h, .source = neighbour, .destination = OWN_LINK6, .target = neighbour, .mac = mac,
                          .solicited = true, .override = true);
    expect_ip6(h, mac, neighbour, MN_PROTOCOL_UDP);
}
