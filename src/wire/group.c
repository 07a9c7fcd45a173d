/* The parts of MLD's and IGMP's messages that are alike: the end of a query (RFC 3810 5.1, RFC 3376
 * 4.1) and the records of a report (RFC 3810 5.2, RFC 3376 4.2). */
#include "wire/group.h"

#include "wire/ipv6.h"

#define INTERVAL_BITS 7 /* of the Querier's Query Interval Code, the linear ones (5.1.9, 4.1.7) */
#define SUPPRESS 0x08
#define ROBUSTNESS 0x07

static struct mnet_address read_address(struct mn_reader *r, size_t len)
{
    return len == sizeof(uint32_t) ? mnet_address_from_ipv4(mn_read_u32(r)) : mn_read_ipv6(r);
}

static void write_address(struct mn_writer *w, const struct mnet_address *address)
{
    if (mn_address_is_ipv4(address))
        mn_write_u32(w, mn_address_to_ipv4(address));
    else
        mn_write_ipv6(w, address);
}

static void write_sources(struct mn_writer *w, const struct mnet_address *sources, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++)
        write_address(w, &sources[i]);
}

/* Takes `count` sources out of a message. */
static struct mn_reader take_sources(struct mn_reader *r, size_t source_len, uint16_t count)
{
    size_t len = count * source_len;
    const uint8_t *first = r->at;
    return mn_reader(first, mn_read(r, len) == NULL ? 0 : len);
}

void mn_group_read_details(struct mn_reader *r, size_t source_len, struct mn_group_query *query)
{
    uint8_t flags = mn_read_u8(r);
    query->suppress = (flags & SUPPRESS) != 0;
    query->robustness = flags & ROBUSTNESS;
    query->interval_s = mn_group_decode(mn_read_u8(r), INTERVAL_BITS);
    query->source_count = mn_read_u16(r);
    query->sources = take_sources(r, source_len, query->source_count);
}

void mn_group_write_details(struct mn_writer *w, const struct mn_group_query *query, const struct mnet_address *sources)
{
    mn_write_u8(w, (uint8_t)((query->suppress ? SUPPRESS : 0) | (query->robustness & ROBUSTNESS)));
    mn_write_u8(w, (uint8_t)mn_group_encode(query->interval_s, INTERVAL_BITS));
    mn_write_u16(w, query->source_count);
    write_sources(w, sources, query->source_count);
}

bool mn_group_take_records(struct mn_reader *r, size_t source_len, uint16_t count, struct mn_reader *records)
{
    const uint8_t *first = r->at;
    struct mn_group_record record;
    for (uint16_t i = 0; i < count; i++)
        if (!mn_group_next_record(r, source_len, &record))
            return false;
    *records = mn_reader(first, (size_t)(r->at - first)); /* more is ignored (5.2.11, 4.2.11) */
    return true;
}

bool mn_group_next_record(struct mn_reader *records, size_t source_len, struct mn_group_record *record)
{
    if (!records->ok || mn_reader_left(records) == 0)
        return false;
    record->type = mn_read_u8(records);
    size_t auxiliary_len = mn_read_u8(records) * (size_t)4;
    record->source_count = mn_read_u16(records);
    record->group = read_address(records, source_len);
    record->sources = take_sources(records, source_len, record->source_count);
    mn_read(records, auxiliary_len); /* ignored (5.2.10, 4.2.10) */
    return records->ok;
}

bool mn_group_next_source(struct mn_reader *sources, size_t source_len, struct mnet_address *source)
{
    if (mn_reader_left(sources) == 0)
        return false;
    *source = read_address(sources, source_len);
    return sources->ok;
}

void mn_group_write_record(struct mn_writer *w, enum mn_group_record_type type, const struct mnet_address *group,
                           const struct mnet_address *sources, uint16_t source_count)
{
    mn_write_u8(w, (uint8_t)type);
    mn_write_u8(w, 0); /* no auxiliary data */
    mn_write_u16(w, source_count);
    write_address(w, group);
    write_sources(w, sources, source_count);
}
