/* IGMP, in the order of the diagrams of RFC 3376 4.1 and 4.2. A message of versions 1 and 2 is the
 * first eight bytes of a query of version 3, with another type or not. */
#include "wire/igmp.h"

#include "base/checksum.h"

#define CODE_BITS 7 /* of Max Resp Code, the linear ones */
#define TENTH_MS 100
#define VERSION_1_RESPONSE_MS 10000 /* RFC 3376 7.2.1: its queries do not say */
#define CHECKSUM_AT 2

/* RFC 2113 */
const struct mn_ipv4_options mn_igmp_router_alert = {.len = 4, .bytes = {0x94, 4}};

/* The head of a message whose reader then stands behind the checksum. */
struct head {
    uint8_t type, code;
};

/* TRUNCATED below the least message, CHECKSUM if the sum is wrong. */
static enum mn_parse read_head(struct mn_reader *r, struct head *head)
{
    if (mn_reader_left(r) < MN_IGMP_MESSAGE)
        return MN_PARSE_TRUNCATED;
    if (mn_checksum(mn_sum(0, r->at, mn_reader_left(r))) != 0)
        return MN_PARSE_CHECKSUM;
    head->type = mn_read_u8(r);
    head->code = mn_read_u8(r);
    mn_read_u16(r); /* checksum */
    return MN_PARSE_OK;
}

static bool is_group(uint32_t value)
{
    return value >> 28 == 0xe;
}

/* RFC 3376 7.1 */
static uint8_t version_of(size_t len, uint8_t code)
{
    if (len >= MN_IGMP3_QUERY)
        return 3;
    return code == 0 ? 1 : 2;
}

static uint32_t response_ms(uint8_t version, uint8_t code)
{
    if (version == 1)
        return VERSION_1_RESPONSE_MS;
    return TENTH_MS * (version == 2 ? code : mn_group_decode(code, CODE_BITS));
}

enum mn_parse mn_igmp_parse_query(const void *data, size_t len, bool router_alert, struct mn_group_query *query)
{
    struct mn_reader r = mn_reader(data, len);
    struct head head;
    enum mn_parse verdict = read_head(&r, &head);
    if (verdict != MN_PARSE_OK)
        return verdict;
    uint32_t group = mn_read_u32(&r);
    *query = (struct mn_group_query){
        .version = version_of(len, head.code), .group = mnet_address_from_ipv4(group), .sources = mn_reader(data, 0)};
    query->max_response_ms = response_ms(query->version, head.code);
    bool len_ok = len == MN_IGMP_MESSAGE || len >= MN_IGMP3_QUERY;
    if (head.type != MN_IGMP_QUERY || (group != 0 && !is_group(group)) || !len_ok)
        return MN_PARSE_INVALID;
    if (query->version > 1 && !router_alert)
        return MN_PARSE_INVALID;
    if (query->version == 3)
        mn_group_read_details(&r, MN_IGMP_SOURCE, query);
    return r.ok ? MN_PARSE_OK : MN_PARSE_TRUNCATED;
}

enum mn_parse mn_igmp_parse_report(const void *data, size_t len, struct mnet_address *group)
{
    struct mn_reader r = mn_reader(data, len);
    struct head head;
    enum mn_parse verdict = read_head(&r, &head);
    if (verdict != MN_PARSE_OK)
        return verdict;
    uint32_t value = mn_read_u32(&r);
    *group = mnet_address_from_ipv4(value);
    bool type_ok = head.type == MN_IGMP1_REPORT || head.type == MN_IGMP2_REPORT || head.type == MN_IGMP2_LEAVE;
    return type_ok && is_group(value) ? MN_PARSE_OK : MN_PARSE_INVALID;
}

enum mn_parse mn_igmp_parse_report3(const void *data, size_t len, struct mn_reader *records)
{
    struct mn_reader r = mn_reader(data, len);
    struct head head;
    enum mn_parse verdict = read_head(&r, &head);
    if (verdict != MN_PARSE_OK)
        return verdict;
    mn_read_u16(&r); /* reserved */
    uint16_t count = mn_read_u16(&r);
    if (head.type != MN_IGMP3_REPORT_TYPE)
        return MN_PARSE_INVALID;
    return mn_group_take_records(&r, MN_IGMP_SOURCE, count, records) ? MN_PARSE_OK : MN_PARSE_TRUNCATED;
}

static void write_head(struct mn_writer *w, enum mn_igmp_type type, uint8_t code)
{
    mn_write_u8(w, (uint8_t)type);
    mn_write_u8(w, code);
    mn_write_u16(w, 0);
}

void mn_igmp_write(struct mn_writer *w, enum mn_igmp_type type, const struct mnet_address *group)
{
    MN_ASSERT(type == MN_IGMP1_REPORT || type == MN_IGMP2_REPORT || type == MN_IGMP2_LEAVE);
    write_head(w, type, 0);
    mn_write_u32(w, mn_address_to_ipv4(group));
}

static uint8_t response_code(const struct mn_group_query *query)
{
    uint32_t tenths = query->max_response_ms / TENTH_MS;
    if (query->version == 1)
        return 0;
    return (uint8_t)(query->version == 2 ? MN_MIN(tenths, UINT8_MAX) : mn_group_encode(tenths, CODE_BITS));
}

void mn_igmp_write_query(struct mn_writer *w, const struct mn_group_query *query, const struct mnet_address *sources)
{
    MN_ASSERT(query->version >= 1 && query->version <= 3);
    write_head(w, MN_IGMP_QUERY, response_code(query));
    mn_write_u32(w, mn_address_to_ipv4(&query->group));
    if (query->version < 3)
        return;
    mn_group_write_details(w, query, sources);
}

void mn_igmp_write_report3(struct mn_writer *w, uint16_t record_count)
{
    write_head(w, MN_IGMP3_REPORT_TYPE, 0);
    mn_write_u16(w, 0);
    mn_write_u16(w, record_count);
}

void mn_igmp_set_checksum(uint8_t *message, size_t len)
{
    MN_ASSERT(len >= MN_IGMP_MESSAGE);
    memset(message + CHECKSUM_AT, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum(0, message, len));
    memcpy(message + CHECKSUM_AT, &checksum, sizeof checksum);
}
