/* Input and output of IGMP: the headers around the messages of wire/igmp.h. group.c decides which
 * messages are sent. */
#include "wire/igmp.h"

#include "ip/group_report.h"
#include "ip/v4/internal.h"

#define ROUTER_ALERT 4 /* bytes of the option */
#define HEADERS (MN_IPV4_HEADER + ROUTER_ALERT)

/* IGMP2-4-2: version 1 has no leave. */
static bool write_older(struct mn_writer *w, uint8_t version, const struct mnet_address *group, bool leave)
{
    if (leave && version == 1)
        return false;
    mn_igmp_write(w, leave ? MN_IGMP2_LEAVE : version == 1 ? MN_IGMP1_REPORT : MN_IGMP2_REPORT, group);
    return true;
}

/* RFC 3376 4: from the own address, or from 0.0.0.0 as long as there is none (IGMP3-4.2.13-1). */
static void send(struct mn_ip *ip, struct mnet_packet *message, const struct mnet_address *to)
{
    const struct mnet_address own = mn_ip_address(ip);
    const struct mn_mac group = mn_mac_of_group(to);
    struct mn_ipv4 header = {
        .source = mn_ipv4_value(&own),
        .destination = mn_ipv4_value(to),
        .total_len = (uint16_t)(HEADERS + message->total),
        .header_len = MN_IPV4_HEADER,
        .protocol = MN_PROTOCOL_IGMP,
        .ttl = MN_IGMP_TTL,
        .traffic_class = MN_IGMP3_TOS,
        .identification = mn_ipv4_next_identification(ip),
    };
    MN_ASSERT(mn_igmp_router_alert.len == ROUTER_ALERT);
    mn_igmp_set_checksum(message->data, message->total);
    mn_ipv4_emit_options(mnet_packet_push(message, HEADERS), &header, &mn_igmp_router_alert);
    mn_ip_count(ip, MNET_COUNT_IP_TX);
    mn_ip_send_frame(ip, message, &group, MN_ETHERTYPE_IPV4);
}

#define GROUP(last) \
    { \
        .bytes = { [10] = 0xff, [11] = 0xff, [12] = 224, [15] = (last) } \
    }
const struct mn_group_protocol mn_igmp_protocol = {
    .ipv4 = true,
    .newest = 3,
    .headers_len = HEADERS,
    .message_len = MN_IGMP_MESSAGE,
    .head_len = MN_IGMP3_REPORT,
    .record_len = MN_IGMP3_RECORD,
    .source_len = MN_IGMP_SOURCE,
    .reports_to = GROUP(22),
    .leaves_to = GROUP(2),
    .write_head = mn_igmp_write_report3,
    .write_older = write_older,
    .send = send,
};

/* False if the message is invalid. One from beyond the link has passed a router, and is. */
static bool receive(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                    bool router_alert, uint64_t now)
{
    struct mn_group_query query;
    struct mnet_address group;
    if (packet->len == 0 || packet->len != packet->total || datagram->ttl != MN_IGMP_TTL)
        return false;
    switch (mn_igmp_type(packet->data)) {
    case MN_IGMP_QUERY:
        if (mn_igmp_parse_query(packet->data, packet->len, router_alert, &query) != MN_PARSE_OK)
            return false;
        mn_groups_take_query(ip, MN_GROUPS_IPV4, &query, now);
        return true;
    case MN_IGMP1_REPORT:
    case MN_IGMP2_REPORT:
        if (mn_igmp_parse_report(packet->data, packet->len, &group) != MN_PARSE_OK)
            return false;
        mn_groups_note_report(ip, &group);
        return true;
    default: return true; /* for routers */
    }
}

MN_RARE void mn_igmp_input(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                           bool router_alert, uint64_t now)
{
    if (!receive(ip, packet, datagram, router_alert, now))
        mn_ip_count(ip, MNET_COUNT_GROUP_DROP_INVALID);
    mnet_packet_free(packet);
}
