/* IGMP of versions 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376).
 *
 * Around the messages belong protocol MN_PROTOCOL_IGMP, a TTL of 1 and the option
 * mn_igmp_router_alert. */
#ifndef MN_IGMP_WIRE_H
#define MN_IGMP_WIRE_H

#include "wire/group.h"
#include "wire/ipv4.h"

#define MN_IGMP_MESSAGE 8 /* every message of versions 1 and 2 */
#define MN_IGMP3_QUERY 12 /* without sources */
#define MN_IGMP3_REPORT 8 /* without records */
#define MN_IGMP3_RECORD 8 /* without sources */
#define MN_IGMP_SOURCE 4
#define MN_IGMP_TTL 1
#define MN_IGMP3_TOS 0xc0 /* RFC 3376 4 */

enum mn_igmp_type {
    MN_IGMP_QUERY = 0x11,
    MN_IGMP1_REPORT = 0x12,
    MN_IGMP2_REPORT = 0x16,
    MN_IGMP2_LEAVE = 0x17,
    MN_IGMP3_REPORT_TYPE = 0x22,
};

#define MN_IGMP_ALL_SYSTEMS UINT32_C(0xe0000001)  /* 224.0.0.1: general queries */
#define MN_IGMP_ALL_ROUTERS UINT32_C(0xe0000002)  /* 224.0.0.2: leaves of version 2 */
#define MN_IGMP3_ALL_ROUTERS UINT32_C(0xe0000016) /* 224.0.0.22: reports of version 3 */

extern const struct mn_ipv4_options mn_igmp_router_alert;

/* The type of a message of at least one byte. */
static inline uint8_t mn_igmp_type(const uint8_t *message)
{
    return message[0];
}

/* Each of these first verifies the checksum, over all `len` bytes: CHECKSUM if it is wrong.
 *
 * Parses a query. INVALID if it is about an address that is no group, if its length is none of a
 * query (RFC 3376 7.1), and from versions 2 and 3 without the Router Alert option (9.1). TRUNCATED
 * below MN_IGMP_MESSAGE bytes, and if sources are missing. */
enum mn_parse mn_igmp_parse_query(const void *data, size_t len, bool router_alert, struct mn_group_query *query);
/* Parses a report of version 1 or 2, or a leave: the group that it names. */
enum mn_parse mn_igmp_parse_report(const void *data, size_t len, struct mnet_address *group);
/* Parses a report of version 3; `records` is then for mn_group_next_record. */
enum mn_parse mn_igmp_parse_report3(const void *data, size_t len, struct mn_reader *records);

/* Writes a report of version 1 or 2, or a leave. */
void mn_igmp_write(struct mn_writer *w, enum mn_igmp_type type, const struct mnet_address *group);
/* Writes a query of version 1, 2 or 3; `sources` are source_count addresses. */
void mn_igmp_write_query(struct mn_writer *w, const struct mn_group_query *query, const struct mnet_address *sources);
/* Writes the head of a report of version 3; the records are written by mn_group_write_record. */
void mn_igmp_write_report3(struct mn_writer *w, uint16_t record_count);
/* Enters the checksum into a message of `len` bytes that are all there. */
void mn_igmp_set_checksum(uint8_t *message, size_t len);

#endif
