/* IGMP: the input with a corrected checksum. Sources and records lie within a message that parses,
 * and a query goes out as it came. */
#include "fuzz/fuzz.h"

#include "wire/igmp.h"

static unsigned count_sources(struct mn_reader sources)
{
    struct mnet_address source;
    unsigned count = 0;
    while (mn_group_next_source(&sources, MN_IGMP_SOURCE, &source))
        count++;
    MN_ASSERT(sources.ok);
    return count;
}

static void check_query(const uint8_t *bytes, size_t size)
{
    struct mn_group_query query;
    if (mn_igmp_parse_query(bytes, size, true, &query) != MN_PARSE_OK)
        return;
    MN_ASSERT(query.version >= 1 && query.version <= 3 && mnet_address_is_ipv4(query.group));
    MN_ASSERT(count_sources(query.sources) == query.source_count);
    query.source_count = 0;
    uint8_t out[MN_IGMP3_QUERY];
    struct mn_writer w = mn_writer(out, sizeof out);
    mn_igmp_write_query(&w, &query, NULL);
    size_t len = query.version < 3 ? MN_IGMP_MESSAGE : MN_IGMP3_QUERY;
    MN_ASSERT(w.ok && sizeof out - w.left == len);
    MN_ASSERT(memcmp(out, bytes, 2) == 0 && memcmp(out + 4, bytes + 4, 4) == 0);
}

static void check_report(const uint8_t *bytes, size_t size)
{
    struct mn_reader records;
    struct mn_group_record record;
    if (mn_igmp_parse_report3(bytes, size, &records) != MN_PARSE_OK)
        return;
    unsigned count = 0;
    for (; mn_group_next_record(&records, MN_IGMP_SOURCE, &record); count++)
        MN_ASSERT(count_sources(record.sources) == record.source_count);
    MN_ASSERT(records.ok && count == mn_load_u16(bytes + 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mnet_address group;
    if (size >= MN_IGMP_MESSAGE)
        mn_igmp_set_checksum(bytes, size);
    check_query(bytes, size);
    check_report(bytes, size);
    if (mn_igmp_parse_report(bytes, size, &group) == MN_PARSE_OK)
        MN_ASSERT(mnet_address_is_multicast(group));
    free(bytes);
    return 0;
}
