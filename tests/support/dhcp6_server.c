#include "support/dhcp6_server.h"

#include <string.h>

#include "base/checksum.h"
#include "wire/icmpv6.h"
#include "wire/udp.h"

/* The client is the second host of the simulation. */
static const struct mn_mac client_mac = {{2, 0, 0, 0, 0, 2}};
static const struct mn_mac all_nodes_mac = {{0x33, 0x33, 0, 0, 0, 1}};

#define FRAME_MAX 1600
#define HEADERS (MN_ETHERNET_HEADER + MN_IPV6_HEADER)

void dhcp6_server_init(struct dhcp6_server *server, struct mnet_sim_host *host)
{
    *server = (struct dhcp6_server){
        .host = host,
        .mac = {{2, 0, 0, 0, 0, 3}},
        .address = {.bytes = {0xfe, 0x80, [11] = 0xff, 0xfe, [15] = 3}},
        .offers = LEASED6,
        .preferred_s = 1800,
        .valid_s = 3600,
        .t1_s = 900,
        .t2_s = 1440,
        .ra_dns_s = 600,
    };
}

/* ---- Out ---- */

/* Sends `len` bytes that stand behind room for the headers in `frame`. */
static void send_packet(struct dhcp6_server *server, uint8_t *frame, size_t len, const struct mn_ipv6 *ip)
{
    struct mn_ipv6 header = *ip;
    bool to_all = mn_ipv6_is_multicast(&ip->destination);
    header.payload_len = (uint16_t)len;
    mn_ethernet_emit(frame, &(struct mn_ethernet){.destination = to_all ? all_nodes_mac : client_mac,
                                                  .source = server->mac,
                                                  .type = MN_ETHERTYPE_IPV6});
    mn_ipv6_emit(frame + MN_ETHERNET_HEADER, &header);
    mnet_sim_send(server->host, frame, HEADERS + len);
}

static void send_icmp(struct dhcp6_server *server, uint8_t *frame, size_t len, struct mnet_address source,
                      struct mnet_address destination)
{
    mn_icmpv6_set_checksum(frame + HEADERS, len, &source, &destination);
    send_packet(server, frame, len,
                &(struct mn_ipv6){.source = source,
                                  .destination = destination,
                                  .next_header = MN_PROTOCOL_ICMPV6,
                                  .hop_limit = MN_ND_HOP_LIMIT});
}

void dhcp6_server_advertise(struct dhcp6_server *server)
{
    uint8_t frame[FRAME_MAX];
    struct mn_writer w = mn_writer(frame + HEADERS, sizeof frame - HEADERS);
    mn_nd_write(&w, &(struct mn_nd){.type = MN_ICMPV6_ROUTER_ADVERTISEMENT,
                                    .managed = server->managed,
                                    .other = server->other,
                                    .router_lifetime_s = server->router_lifetime_s,
                                    .has_link_address = true,
                                    .link_address = server->mac});
    if (server->prefix.prefix.length > 0)
        mn_nd_write_prefix(&w, &server->prefix);
    if (!mnet_address_is_any(server->ra_server))
        mn_nd_write_servers(&w, server->ra_dns_s, &server->ra_server, 1);
    if (server->ra_domain != NULL)
        mn_nd_write_domains(&w, server->ra_dns_s, server->ra_domain, strlen(server->ra_domain) + 1);
    MN_ASSERT(w.ok);
    send_icmp(server, frame, sizeof frame - HEADERS - w.left, server->address, mn_ipv6_all_nodes);
}

/* Another station says that it has `target`. */
static void defend(struct dhcp6_server *server, struct mnet_address target)
{
    uint8_t frame[FRAME_MAX];
    struct mn_writer w = mn_writer(frame + HEADERS, sizeof frame - HEADERS);
    mn_nd_write(&w, &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
                                    .target = target,
                                    .override = true,
                                    .has_link_address = true,
                                    .link_address = server->mac});
    MN_ASSERT(w.ok);
    send_icmp(server, frame, sizeof frame - HEADERS - w.left, target, mn_ipv6_all_nodes);
}

void dhcp6_server_send(struct dhcp6_server *server, const struct mn_dhcpv6 *message, struct mnet_address source,
                       struct mnet_address to)
{
    uint8_t frame[FRAME_MAX], *udp = frame + HEADERS;
    struct mn_writer w = mn_writer(udp + MN_UDP_HEADER, sizeof frame - HEADERS - MN_UDP_HEADER);
    mn_dhcpv6_write(&w, message);
    MN_ASSERT(w.ok);
    size_t len = sizeof frame - HEADERS - w.left;
    struct mn_udp_header header = {
        .source_port = MN_DHCPV6_SERVER_PORT,
        .destination_port = MN_DHCPV6_CLIENT_PORT,
        .length = (uint16_t)len,
    };
    mn_udp_emit(udp, &header);
    uint64_t sum = mn_pseudo_sum(&source, &to, MN_PROTOCOL_UDP, (uint32_t)len);
    header.checksum = mn_checksum(mn_sum(sum, udp, len));
    mn_udp_emit(udp, &header);
    send_packet(
        server, frame, len,
        &(struct mn_ipv6){.source = source, .destination = to, .next_header = MN_PROTOCOL_UDP, .hop_limit = 64});
}

/* ---- Answers ---- */

static void add_information(const struct dhcp6_server *server, struct mn_dhcpv6 *answer)
{
    while (answer->dns_count < MN_COUNT_OF(server->dns) && !mnet_address_is_any(server->dns[answer->dns_count])) {
        answer->dns[answer->dns_count] = server->dns[answer->dns_count];
        answer->dns_count++;
    }
    if (!mnet_address_is_any(server->ntp))
        answer->ntp[answer->ntp_count++] = server->ntp;
    if (server->ntp_name != NULL)
        answer->ntp_names[answer->ntp_name_count++] = mn_reader(server->ntp_name, strlen(server->ntp_name) + 1);
    if (server->domains != NULL)
        answer->domains = mn_reader(server->domains, strlen(server->domains) + 1);
}

/* The address, with times, or without any if it is taken back. */
static void add_address(const struct dhcp6_server *server, struct mn_dhcpv6 *answer)
{
    bool prolongs = server->last.type == MN_DHCPV6_RENEW || server->last.type == MN_DHCPV6_REBIND;
    struct mn_dhcpv6_ia *ia = &answer->ias[0];
    *ia = (struct mn_dhcpv6_ia){.iaid = server->last.ias[0].iaid, .t1_s = server->t1_s, .t2_s = server->t2_s};
    struct mnet_address address = prolongs ? server->last.ias[0].addresses[0].address : server->offers;
    ia->addresses[ia->address_count++] = (struct mn_dhcpv6_address){address, server->preferred_s, server->valid_s, 0};
    if (prolongs && server->takes_back)
        ia->addresses[0].preferred_s = ia->addresses[0].valid_s = 0;
    answer->ia_count = 1;
}

struct mn_dhcpv6 dhcp6_server_answer(const struct dhcp6_server *server)
{
    struct mn_dhcpv6 answer = {
        .type = server->last.type == MN_DHCPV6_SOLICIT ? MN_DHCPV6_ADVERTISE : MN_DHCPV6_REPLY,
        .xid = server->last.xid,
        .client_id = server->last.client_id,
        .server_id = mn_dhcpv6_duid_ll(server->mac),
    };
    switch (server->last.type) {
    case MN_DHCPV6_REQUEST:
    case MN_DHCPV6_CONFIRM:
        if (server->not_on_link) {
            answer.has_status = true;
            answer.status = MN_DHCPV6_NOT_ON_LINK;
            return answer;
        }
        break;
    default: break;
    }
    add_information(server, &answer);
    if (server->last.type == MN_DHCPV6_SOLICIT || server->last.type == MN_DHCPV6_REQUEST ||
        server->last.type == MN_DHCPV6_RENEW || server->last.type == MN_DHCPV6_REBIND)
        add_address(server, &answer);
    return answer;
}

/* ---- In ---- */

static void take_message(struct dhcp6_server *server, const struct mn_ipv6 *ip, const uint8_t *data, size_t len)
{
    struct mn_dhcpv6 message;
    if (mn_dhcpv6_parse(data, len, &message) != MN_PARSE_OK)
        return;
    server->seen[message.type]++;
    server->last = message;
    server->last_source = ip->source;
    server->last_destination = ip->destination;
    server->last_ns = server->now;
    if (server->silent)
        return;
    struct mn_dhcpv6 answer = dhcp6_server_answer(server);
    dhcp6_server_send(server, &answer, server->address, ip->source);
}

static void take_icmp(struct dhcp6_server *server, const struct mn_ipv6 *ip, const uint8_t *data, size_t len)
{
    const struct mn_datagram datagram = {.source = ip->source, .destination = ip->destination, .ttl = ip->hop_limit};
    struct mn_nd message;
    if (mn_nd_parse(data, len, &datagram, false, &message) != MN_PARSE_OK)
        return;
    if (message.type == MN_ICMPV6_ROUTER_SOLICITATION) {
        server->solicitations++;
        if (server->router_lifetime_s > 0)
            dhcp6_server_advertise(server);
    } else if (message.type == MN_ICMPV6_NEIGHBOUR_SOLICITATION && mnet_address_is_any(ip->source)) {
        server->probes++;
        if (mnet_address_equal(message.target, server->occupied))
            defend(server, message.target);
    }
}

static void take_packet(struct dhcp6_server *server, const uint8_t *data, size_t len)
{
    struct mn_ipv6 ip;
    struct mn_udp_header udp;
    if (mn_ipv6_parse(data, len, len, &ip) != MN_PARSE_OK)
        return;
    data += MN_IPV6_HEADER;
    len = ip.payload_len;
    if (ip.next_header == MN_PROTOCOL_ICMPV6)
        take_icmp(server, &ip, data, len);
    else if (ip.next_header == MN_PROTOCOL_UDP && mn_udp_parse(data, len, len, &udp) == MN_PARSE_OK &&
             udp.source_port == MN_DHCPV6_CLIENT_PORT && udp.destination_port == MN_DHCPV6_SERVER_PORT)
        take_message(server, &ip, data + MN_UDP_HEADER, len - MN_UDP_HEADER);
}

unsigned dhcp6_server_serve(struct dhcp6_server *server, uint64_t now)
{
    static uint8_t frame[MNET_FRAME_MAX];
    unsigned count = 0;
    server->now = now;
    for (size_t len; (len = mnet_sim_receive(server->host, frame, sizeof frame)) > 0; count++) {
        struct mn_ethernet ethernet;
        if (mn_ethernet_parse(frame, len, &ethernet) == MN_PARSE_OK && ethernet.type == MN_ETHERTYPE_IPV6)
            take_packet(server, frame + MN_ETHERNET_HEADER, len - MN_ETHERNET_HEADER);
    }
    return count;
}
