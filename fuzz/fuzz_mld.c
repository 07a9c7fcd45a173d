/* MLD: sources and records lie within a message that parses, and a query goes out as it came. */
#include "fuzz/fuzz.h"

#include "wire/mld.h"

static unsigned count_sources(struct mn_reader sources)
{
    struct mnet_address source;
    unsigned count = 0;
    while (mn_group_next_source(&sources, MN_MLD_SOURCE, &source))
        count++;
    MN_ASSERT(sources.ok);
    return count;
}

static void check_query(const uint8_t *bytes, size_t size, const struct mn_datagram *datagram)
{
    struct mn_group_query query;
    if (mn_mld_parse_query(bytes, size, datagram, true, &query) != MN_PARSE_OK)
        return;
    MN_ASSERT(query.version == (size == MN_MLD_MESSAGE ? 1 : 2));
    MN_ASSERT(count_sources(query.sources) == query.source_count && query.robustness < 8);
    query.source_count = 0;
    uint8_t out[MN_MLD2_QUERY];
    struct mn_writer w = mn_writer(out, sizeof out);
    mn_mld_write_query(&w, &query, NULL);
    size_t len = query.version == 1 ? MN_MLD_MESSAGE : MN_MLD2_QUERY;
    MN_ASSERT(w.ok && sizeof out - w.left == len);
    MN_ASSERT(memcmp(out + 4, bytes + 4, 2) == 0 && memcmp(out + 8, bytes + 8, 16) == 0);
    MN_ASSERT(query.version == 1 || ((out[24] ^ bytes[24]) & 0x0f) == 0);
}

static void check_report(const uint8_t *bytes, size_t size, const struct mn_datagram *datagram)
{
    struct mn_reader records;
    struct mn_group_record record;
    if (mn_mld_parse_report2(bytes, size, datagram, true, &records) != MN_PARSE_OK)
        return;
    unsigned count = 0;
    for (; mn_group_next_record(&records, MN_MLD_SOURCE, &record); count++)
        MN_ASSERT(count_sources(record.sources) == record.source_count);
    MN_ASSERT(records.ok && count == mn_load_u16(bytes + 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_datagram datagram = {.source.bytes = {0xfe, 0x80, [15] = 1}, .ttl = MN_MLD_HOP_LIMIT};
    struct mnet_address group;
    check_query(bytes, size, &datagram);
    check_report(bytes, size, &datagram);
    if (mn_mld_parse_report(bytes, size, &datagram, &group) == MN_PARSE_OK)
        MN_ASSERT(mnet_address_is_multicast(group));
    free(bytes);
    return 0;
}
