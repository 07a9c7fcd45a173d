/* Input and output of multicast listener discovery: the headers around the messages of wire/mld.h.
 * group.c decides which messages are sent. */
#include "wire/mld.h"

#include "ip/group_report.h"
#include "ip/v6/internal.h"

#define HEADERS (MN_IPV6_HEADER + MN_IPV6_ROUTER_ALERT)

static bool write_older(struct mn_writer *w, uint8_t version, const struct mnet_address *group, bool leave)
{
    MN_ASSERT(version == 1);
    mn_mld_write(w, leave ? MN_ICMPV6_MLD_DONE : MN_ICMPV6_MLD_REPORT, group);
    return true;
}

/* RFC 3810 5, RFC 3590 4: from the link-local address, or from none as long as it is tentative
 * (MLD2-5.2.13-1). */
static void send(struct mn_ip *ip, struct mnet_packet *message, const struct mnet_address *to)
{
    if (!ip->v6.on) { /* it was switched off */
        mnet_packet_free(message);
        return;
    }
    const struct mn_own_address *own = mn_ipv6_link_local(ip);
    struct mn_ipv6 header = {
        .source = own != NULL ? own->prefix.address : MNET_ADDRESS_ANY,
        .destination = *to,
        .next_header = MN_IPV6_HOP_BY_HOP,
        .hop_limit = MN_MLD_HOP_LIMIT,
    };
    const struct mn_mac group = mn_mac_of_group(to);
    mn_icmpv6_set_checksum(message->data, message->total, &header.source, to);
    mn_ipv6_emit_router_alert(mnet_packet_push(message, MN_IPV6_ROUTER_ALERT), MN_PROTOCOL_ICMPV6);
    mn_ipv6_write_header(message, &header);
    mn_ip_count(ip, MNET_COUNT_IP_TX);
    mn_ip_send_frame(ip, message, &group, MN_ETHERTYPE_IPV6);
}

const struct mn_group_protocol mn_mld_protocol = {
    .newest = 2,
    .headers_len = HEADERS,
    .message_len = MN_MLD_MESSAGE,
    .head_len = MN_MLD2_REPORT,
    .record_len = MN_MLD2_RECORD,
    .source_len = MN_MLD_SOURCE,
    .reports_to = {.bytes = {[0] = 0xff, [1] = 0x02, [15] = 0x16}},
    .leaves_to = {.bytes = {[0] = 0xff, [1] = 0x02, [15] = 0x02}},
    .write_head = mn_mld_write_report2,
    .write_older = write_older,
    .send = send,
};

/* False if the message is invalid. */
static bool receive(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram)
{
    const struct mnet_packet *packet = arrival->packet;
    struct mn_group_query query;
    struct mnet_address group;
    if (packet->len != packet->total) /* no querier sends one so large */
        return false;
    switch (mn_icmpv6_type(packet->data)) {
    case MN_ICMPV6_MLD_QUERY:
        if (mn_mld_parse_query(packet->data, packet->len, datagram, arrival->router_alert, &query) != MN_PARSE_OK)
            return false;
        mn_groups_take_query(ip, MN_GROUPS_IPV6, &query, arrival->now);
        return true;
    case MN_ICMPV6_MLD_REPORT:
        if (mn_mld_parse_report(packet->data, packet->len, datagram, &group) != MN_PARSE_OK)
            return false;
        mn_groups_note_report(ip, &group);
        return true;
    default: return true; /* MLD1-5-2: for routers */
    }
}

MN_RARE void mn_mld_input(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram)
{
    if (!receive(ip, arrival, datagram))
        mn_ip_count(ip, MNET_COUNT_GROUP_DROP_INVALID);
}
