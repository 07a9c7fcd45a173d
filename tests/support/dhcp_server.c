#include "support/dhcp_server.h"

#include <string.h>

#include "base/cursor.h"
#include "wire/arp.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

static const struct mn_mac server_mac = {{2, 0, 0, 0, 0, 1}}, other_mac = {{2, 0, 0, 0, 0, 99}};

void dhcp_server_init(struct dhcp_server *server, struct mnet_sim_host *host)
{
    *server = (struct dhcp_server){.host = host, .offers = FIRST_IP, .lease_s = 3600, .t1_s = 1800, .t2_s = 3150};
}

/* ---- Out ---- */

/* The client is the second host of the simulation. */
static const struct mn_mac client_mac = {{2, 0, 0, 0, 0, 2}};

void dhcp_server_send(struct dhcp_server *server, uint32_t destination, const void *data, size_t len)
{
    uint8_t frame[2200];
    uint8_t *ip = frame + MN_ETHERNET_HEADER, *udp = ip + MN_IPV4_HEADER;
    bool everybody = destination == UINT32_MAX;
    MN_ASSERT(len + 42 <= sizeof frame);
    mn_ethernet_emit(frame, &(struct mn_ethernet){.destination = everybody ? mn_mac_broadcast : client_mac,
                                                  .source = server_mac,
                                                  .type = MN_ETHERTYPE_IPV4});
    mn_ipv4_emit(ip, &(struct mn_ipv4){.source = SERVER_IP,
                                       .destination = destination,
                                       .total_len = (uint16_t)(28 + len),
                                       .header_len = MN_IPV4_HEADER,
                                       .protocol = MN_PROTOCOL_UDP,
                                       .ttl = 64});
    mn_udp_emit(udp, &(struct mn_udp_header){.source_port = 67, .destination_port = 68, .length = (uint16_t)(8 + len)});
    memcpy(udp + 8, data, len);
    mnet_sim_send(server->host, frame, 42 + len);
}

static void answer_with(struct dhcp_server *server, enum mn_dhcp_type type, const struct mn_dhcp *request)
{
    struct dhcp_reply reply;
    bool nak = type == MN_DHCP_NAK;
    uint32_t address = request->ciaddr != 0 ? request->ciaddr : server->offers;
    reply_begin(&reply, (uint8_t)type, request->xid, nak ? 0 : address, request->chaddr);
    reply_u32(&reply, 54, SERVER_IP);
    if (!nak) {
        reply_u32(&reply, 51, server->lease_s);
        reply_u32(&reply, 58, server->t1_s);
        reply_u32(&reply, 59, server->t2_s);
        reply_u32(&reply, 1, 0xffffff00);
        reply_u32(&reply, 3, SERVER_IP);
        reply_u32(&reply, 6, SERVER_IP);
        reply_option(&reply, 15, "example.org", 11);
        if (server->ntp != 0)
            reply_u32(&reply, 42, server->ntp);
        if (server->mtu != 0)
            reply_u16(&reply, 26, server->mtu);
    }
    reply_end(&reply);
    dhcp_server_send(server, nak || server->broadcasts ? UINT32_MAX : address, reply.bytes, reply.len);
}

static void answer_arp(struct dhcp_server *server, const struct mn_arp *asked)
{
    bool for_us = asked->target_ip == SERVER_IP, for_other = asked->target_ip == server->occupied;
    if (asked->operation != MN_ARP_REQUEST || (!for_us && !for_other))
        return;
    uint8_t frame[MN_ETHERNET_HEADER + MN_ARP_PACKET];
    struct mn_mac mac = for_us ? server_mac : other_mac;
    mn_ethernet_emit(frame, &(struct mn_ethernet){asked->sender_mac, mac, MN_ETHERTYPE_ARP});
    mn_arp_emit(frame + MN_ETHERNET_HEADER, &(struct mn_arp){.operation = MN_ARP_REPLY,
                                                             .sender_mac = mac,
                                                             .sender_ip = asked->target_ip,
                                                             .target_mac = asked->sender_mac,
                                                             .target_ip = asked->sender_ip});
    mnet_sim_send(server->host, frame, sizeof frame);
}

/* ---- In ---- */

static void take_message(struct dhcp_server *server, const struct mn_ipv4 *ip, const uint8_t *data, size_t len)
{
    struct mn_dhcp message;
    if (mn_dhcp_parse(data, len, &message) != MN_PARSE_OK || message.operation != MN_DHCP_BOOTREQUEST)
        return;
    server->seen[message.type]++;
    server->last = message;
    server->last_source = ip->source;
    server->last_destination = ip->destination;
    if (server->silent)
        return;
    if (message.type == MN_DHCP_DISCOVER)
        answer_with(server, MN_DHCP_OFFER, &message);
    else if (message.type == MN_DHCP_REQUEST)
        answer_with(server, server->refuses ? MN_DHCP_NAK : MN_DHCP_ACK, &message);
}

static void take_segment(struct dhcp_server *server, const uint8_t *data, size_t len)
{
    struct mn_tcp_header tcp;
    if (mn_tcp_parse(data, len, &tcp) != MN_PARSE_OK)
        return;
    server->tcp_segments++;
    server->resets += (tcp.flags & MN_TCP_RST) != 0;
    if (tcp.flags & MN_TCP_SYN)
        server->mss = tcp.mss;
}

static void take_packet(struct dhcp_server *server, const uint8_t *data, size_t len)
{
    struct mn_ipv4 ip;
    struct mn_udp_header udp;
    if (mn_ipv4_parse(data, len, len, &ip) != MN_PARSE_OK)
        return;
    data += ip.header_len;
    len = (size_t)ip.total_len - ip.header_len;
    if (ip.protocol == MN_PROTOCOL_TCP)
        take_segment(server, data, len);
    else if (ip.protocol == MN_PROTOCOL_UDP && mn_udp_parse(data, len, len, &udp) == MN_PARSE_OK &&
             udp.source_port == 68 && udp.destination_port == 67)
        take_message(server, &ip, data + 8, len - 8);
}

unsigned dhcp_server_serve(struct dhcp_server *server)
{
    static uint8_t frame[MNET_FRAME_MAX];
    unsigned count = 0;
    for (size_t len; (len = mnet_sim_receive(server->host, frame, sizeof frame)) > 0; count++) {
        struct mn_ethernet ethernet;
        struct mn_arp arp;
        const uint8_t *data = frame + MN_ETHERNET_HEADER;
        if (server->deaf || mn_ethernet_parse(frame, len, &ethernet) != MN_PARSE_OK)
            continue;
        len -= MN_ETHERNET_HEADER;
        if (ethernet.type == MN_ETHERTYPE_IPV4)
            take_packet(server, data, len);
        else if (ethernet.type == MN_ETHERTYPE_ARP && mn_arp_parse(data, len, &arp) == MN_PARSE_OK)
            answer_arp(server, &arp);
    }
    return count;
}
