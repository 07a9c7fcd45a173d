/* Multicast listener discovery, in the order of the diagrams of RFC 3810 5.1 and 5.2. A message of
 * MLDv1 is the first 24 bytes of a query of MLDv2, with another type or not (RFC 2710 3). */
#include "wire/mld.h"

#define RESPONSE_BITS 15 /* of Maximum Response Code, the linear ones (5.1.3) */

const struct mnet_address mn_mld_routers = {.bytes = {[0] = 0xff, [1] = 0x02, [15] = 0x16}};

/* What every received message has (RFC 3810 5, RFC 2710 3). */
static bool packet_ok(const struct mn_datagram *datagram)
{
    return datagram->ttl == MN_MLD_HOP_LIMIT && mn_ipv6_is_link_local(&datagram->source);
}

/* The type of a message, whose reader then stands behind the checksum. */
static uint8_t read_head(struct mn_reader *r)
{
    uint8_t type = mn_read_u8(r);
    mn_read_u8(r);  /* code: ignored (RFC 2710 3.2) */
    mn_read_u16(r); /* checksum */
    return type;
}

enum mn_parse mn_mld_parse_query(const void *data, size_t len, const struct mn_datagram *datagram, bool router_alert,
                                 struct mn_group_query *query)
{
    struct mn_reader r = mn_reader(data, len);
    uint8_t type = read_head(&r);
    uint16_t code = mn_read_u16(&r);
    mn_read_u16(&r); /* reserved */
    *query = (struct mn_group_query){
        .version = len == MN_MLD_MESSAGE ? 1 : 2, .group = mn_read_ipv6(&r), .sources = mn_reader(data, 0)};
    query->max_response_ms = query->version == 1 ? code : mn_group_decode(code, RESPONSE_BITS);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    bool group_ok = mn_ipv6_is_unspecified(&query->group) || mn_ipv6_is_multicast(&query->group);
    bool len_ok = len == MN_MLD_MESSAGE || len >= MN_MLD2_QUERY;
    if (type != MN_ICMPV6_MLD_QUERY || !packet_ok(datagram) || !router_alert || !group_ok || !len_ok)
        return MN_PARSE_INVALID;
    if (query->version == 2)
        mn_group_read_details(&r, MN_MLD_SOURCE, query);
    return r.ok ? MN_PARSE_OK : MN_PARSE_TRUNCATED;
}

enum mn_parse mn_mld_parse_report(const void *data, size_t len, const struct mn_datagram *datagram,
                                  struct mnet_address *group)
{
    struct mn_reader r = mn_reader(data, len);
    uint8_t type = read_head(&r);
    mn_read_u32(&r); /* delay and reserved */
    *group = mn_read_ipv6(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    bool type_ok = type == MN_ICMPV6_MLD_REPORT || type == MN_ICMPV6_MLD_DONE;
    return type_ok && packet_ok(datagram) && mn_ipv6_is_multicast(group) ? MN_PARSE_OK : MN_PARSE_INVALID;
}

enum mn_parse mn_mld_parse_report2(const void *data, size_t len, const struct mn_datagram *datagram, bool router_alert,
                                   struct mn_reader *records)
{
    struct mn_reader r = mn_reader(data, len);
    uint8_t type = read_head(&r);
    mn_read_u16(&r); /* reserved */
    uint16_t count = mn_read_u16(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    if (type != MN_ICMPV6_MLD2_REPORT || !packet_ok(datagram) || !router_alert)
        return MN_PARSE_INVALID;
    return mn_group_take_records(&r, MN_MLD_SOURCE, count, records) ? MN_PARSE_OK : MN_PARSE_TRUNCATED;
}

static void write_head(struct mn_writer *w, enum mn_icmpv6_type type)
{
    mn_write_u8(w, (uint8_t)type);
    mn_write_u8(w, 0);
    mn_write_u16(w, 0);
}

void mn_mld_write(struct mn_writer *w, enum mn_icmpv6_type type, const struct mnet_address *group)
{
    MN_ASSERT(type == MN_ICMPV6_MLD_REPORT || type == MN_ICMPV6_MLD_DONE);
    write_head(w, type);
    mn_write_u32(w, 0);
    mn_write_ipv6(w, group);
}

void mn_mld_write_query(struct mn_writer *w, const struct mn_group_query *query, const struct mnet_address *sources)
{
    MN_ASSERT(query->version == 1 || query->version == 2);
    write_head(w, MN_ICMPV6_MLD_QUERY);
    mn_write_u16(w, query->version == 1 ? (uint16_t)MN_MIN(query->max_response_ms, UINT16_MAX)
                                        : mn_group_encode(query->max_response_ms, RESPONSE_BITS));
    mn_write_u16(w, 0);
    mn_write_ipv6(w, &query->group);
    if (query->version == 1)
        return;
    mn_group_write_details(w, query, sources);
}

void mn_mld_write_report2(struct mn_writer *w, uint16_t record_count)
{
    write_head(w, MN_ICMPV6_MLD2_REPORT);
    mn_write_u16(w, 0);
    mn_write_u16(w, record_count);
}
