/* Reports of membership, and the differences between MLD and IGMP. */
#ifndef MN_IP_GROUP_REPORT_H
#define MN_IP_GROUP_REPORT_H

#include "ip/internal.h"
#include "wire/group.h"

/* The differences between MLD and IGMP. */
struct mn_group_protocol {
    bool ipv4;
    uint8_t newest;      /* version */
    uint8_t headers_len; /* bytes in front of a message: the IP header with its options */
    uint8_t message_len; /* of the older versions */
    uint8_t head_len;    /* of a report of the newest version, in front of its records */
    uint8_t record_len;  /* without sources */
    uint8_t source_len;
    struct mnet_address reports_to; /* those of the newest version */
    struct mnet_address leaves_to;
    void (*write_head)(struct mn_writer *w, uint16_t record_count);
    /* Writes a message of an older version. False if it has none for a leave. */
    bool (*write_older)(struct mn_writer *w, uint8_t version, const struct mnet_address *group, bool leave);
    /* Completes a message, and sends it to the group `to`; owned from here on. */
    void (*send)(struct mn_ip *ip, struct mnet_packet *message, const struct mnet_address *to);
};
extern const struct mn_group_protocol mn_mld_protocol, mn_igmp_protocol;

/* What is told at one time: in one report or more of the newest version, or in one message of an
 * older version for each group. */
struct mn_group_report {
    struct mn_ip *ip;
    const struct mn_group_protocol *protocol;
    uint8_t version;
    bool answers; /* there were answers in it */
    uint64_t now;
    struct mnet_packet *packet; /* the report that is being filled, or NULL */
    struct mn_writer w;
    uint16_t records;
};

/* Adds a record about `group`, with its sources or without. False if there is no memory or no room
 * in the queue for it. */
bool mn_group_report_add(struct mn_group_report *report, enum mn_group_record_type type, const struct mn_group *group,
                         bool with_sources);
/* Sends the last packet, if it has records. */
void mn_group_report_end(struct mn_group_report *report);

#endif
