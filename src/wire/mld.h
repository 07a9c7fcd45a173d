/* Multicast listener discovery: MLDv1 (RFC 2710) and MLDv2 (RFC 3810).
 *
 * All messages are ICMPv6, and mn_icmpv6_set_checksum completes those that are written. Around them
 * belong a hop limit of 1, a link-local source (or none, RFC 3590) and the hop-by-hop header of
 * mn_ipv6_emit_router_alert. */
#ifndef MN_MLD_WIRE_H
#define MN_MLD_WIRE_H

#include "wire/group.h"
#include "wire/icmpv6.h"

#define MN_MLD_MESSAGE 24 /* every message of MLDv1 */
#define MN_MLD2_QUERY 28  /* without sources */
#define MN_MLD2_REPORT 8  /* without records */
#define MN_MLD2_RECORD 20 /* without sources */
#define MN_MLD_SOURCE 16
#define MN_MLD_HOP_LIMIT 1

/* ff02::16: the destination of reports of MLDv2 (RFC 3810 5.2.14). */
extern const struct mnet_address mn_mld_routers;

/* Parses a query whose checksum is right. INVALID if its source is not link-local, its hop limit
 * not 1, or its Router Alert option missing (RFC 3810 6.2), if it is about an address that is no
 * group, or if its length is none of a query (8.1). TRUNCATED below MN_MLD_MESSAGE bytes, and if
 * sources are missing. */
enum mn_parse mn_mld_parse_query(const void *data, size_t len, const struct mn_datagram *datagram, bool router_alert,
                                 struct mn_group_query *query);
/* Parses a Report or Done of MLDv1: the group that it names. INVALID as for a query, but the Router
 * Alert option may be missing (RFC 2710 4). */
enum mn_parse mn_mld_parse_report(const void *data, size_t len, const struct mn_datagram *datagram,
                                  struct mnet_address *group);
/* Parses a report of MLDv2; `records` is then for mn_group_next_record. INVALID as for a query.
 * TRUNCATED if it has fewer records than it says. */
enum mn_parse mn_mld_parse_report2(const void *data, size_t len, const struct mn_datagram *datagram, bool router_alert,
                                   struct mn_reader *records);

/* Writes a Report or Done of MLDv1 (MN_ICMPV6_MLD_REPORT, MN_ICMPV6_MLD_DONE). */
void mn_mld_write(struct mn_writer *w, enum mn_icmpv6_type type, const struct mnet_address *group);
/* Writes a query of version 1 or 2; `sources` are source_count addresses. */
void mn_mld_write_query(struct mn_writer *w, const struct mn_group_query *query, const struct mnet_address *sources);
/* Writes the head of a report of MLDv2; the records are written by mn_group_write_record. */
void mn_mld_write_report2(struct mn_writer *w, uint16_t record_count);

#endif
