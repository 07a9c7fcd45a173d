/* Reports of membership: as many records as the MTU allows go into one (MLD2-5.2.15-1,
 * MLD2-6.3-1, IGMP3-4.2.16-1). */
#include "ip/group_report.h"

static void send(struct mn_group_report *report, struct mnet_packet *message, const struct mnet_address *to)
{
    MN_DEBUG_ASSERT(message->total >= report->protocol->message_len || report->version == report->protocol->newest);
    mn_ip_count(report->ip, MNET_COUNT_GROUP_REPORTS_TX);
    report->protocol->send(report->ip, message, to);
}

static bool send_older(struct mn_group_report *report, const struct mn_group *group)
{
    MN_DEBUG_ASSERT(report->packet == NULL && report->version >= 1);
    const struct mn_group_protocol *protocol = report->protocol;
    bool leave = group->members == 0;
    struct mnet_packet *message = mn_ip_new_message(report->ip);
    if (message == NULL)
        return false;
    struct mn_writer w = mn_writer(mnet_packet_put(message, protocol->message_len), protocol->message_len);
    if (!protocol->write_older(&w, report->version, &group->address, leave)) {
        mnet_packet_free(message);
        return true;
    }
    MN_ASSERT(w.ok && w.left == 0);
    send(report, message, leave ? &protocol->leaves_to : &group->address);
    return true;
}

void mn_group_report_end(struct mn_group_report *report)
{
    struct mnet_packet *packet = report->packet;
    if (packet == NULL)
        return;
    MN_ASSERT(report->w.ok && report->records > 0);
    struct mn_writer head = mn_writer(packet->data, report->protocol->head_len);
    report->protocol->write_head(&head, report->records);
    MN_ASSERT(head.ok && head.left == 0);
    report->packet = NULL;
    send(report, packet, &report->protocol->reports_to);
}

/* Begins a report; the head is written when the number of its records is known. */
static bool begin(struct mn_group_report *report)
{
    MN_DEBUG_ASSERT(report->packet == NULL);
    const struct mn_group_protocol *protocol = report->protocol;
    uint16_t mtu = mn_ip_mtu_of(report->ip, protocol->ipv4);
    report->packet = mn_ip_new_message(report->ip);
    if (report->packet == NULL)
        return false;
    MN_ASSERT(mtu > protocol->headers_len + protocol->head_len);
    size_t records_len = mtu - (size_t)protocol->headers_len - protocol->head_len;
    mnet_packet_put(report->packet, protocol->head_len);
    size_t room = MN_MIN(records_len, mnet_packet_tailroom(report->packet));
    report->w = mn_writer(report->packet->data + protocol->head_len, room);
    report->records = 0;
    return true;
}

bool mn_group_report_add(struct mn_group_report *report, enum mn_group_record_type type, const struct mn_group *group,
                         bool with_sources)
{
    MN_DEBUG_ASSERT(group->source_count <= MN_GROUP_SOURCES_MAX);
    const struct mn_group_protocol *protocol = report->protocol;
    uint16_t source_count = with_sources ? group->source_count : 0;
    size_t len = protocol->record_len + (size_t)source_count * protocol->source_len;
    if (report->version < protocol->newest)
        return send_older(report, group);
    if (report->packet != NULL && report->w.left < len)
        mn_group_report_end(report);
    if (report->packet == NULL && !begin(report))
        return false;
    MN_ASSERT(report->w.left >= len); /* the smallest MTU has room for one */
    mn_group_write_record(&report->w, type, &group->address, group->sources, source_count);
    mnet_packet_put(report->packet, len);
    report->records++;
    return true;
}
