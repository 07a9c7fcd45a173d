/* IPv4: the input as it is, with a corrected checksum so that the code after it is reached, and as
 * a quote. A header that parses and has no options is emitted as the same bytes. */
#include "fuzz/fuzz.h"

#include "base/checksum.h"
#include "wire/ipv4.h"

static void round_trip(const uint8_t *bytes, size_t size)
{
    struct mn_ipv4 header;
    uint8_t out[MN_IPV4_HEADER];
    if (mn_ipv4_parse(bytes, size, size, &header) != MN_PARSE_OK)
        return;
    MN_ASSERT(header.header_len >= MN_IPV4_HEADER && header.header_len <= header.total_len);
    MN_ASSERT(header.total_len <= size);
    if (header.header_len != MN_IPV4_HEADER)
        return;
    mn_ipv4_emit(out, &header);
    /* All bytes but the reserved bit, and the checksum, which the target may have set. */
    if ((bytes[6] & 0x80) == 0)
        MN_ASSERT(memcmp(out, bytes, 10) == 0 && memcmp(out + 12, bytes + 12, 8) == 0);
}

/* The short way accepts the plain headers that the full way accepts, and reads the same. */
static void read_both_ways(const uint8_t *bytes, size_t size)
{
    struct mn_ipv4 full = {0}, plain = {0};
    bool ok = mn_ipv4_parse(bytes, size, size, &full) == MN_PARSE_OK;
    bool is_plain = ok && full.header_len == MN_IPV4_HEADER && !full.more_fragments && full.fragment_offset == 0;
    MN_ASSERT(mn_ipv4_parse_plain(bytes, size, size, &plain) == is_plain);
    if (!is_plain)
        return;
    uint8_t emitted[2][MN_IPV4_HEADER];
    mn_ipv4_emit(emitted[0], &full);
    mn_ipv4_emit(emitted[1], &plain);
    MN_ASSERT(memcmp(emitted[0], emitted[1], MN_IPV4_HEADER) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_ipv4 header;
    round_trip(bytes, size);
    read_both_ways(bytes, size);
    if (mn_ipv4_parse_quote(bytes, size, &header) == MN_PARSE_OK) {
        MN_ASSERT(header.header_len <= size);
        memset(bytes + 10, 0, 2);
        uint16_t checksum = mn_checksum(mn_sum(0, bytes, header.header_len));
        memcpy(bytes + 10, &checksum, sizeof(checksum));
        MN_ASSERT(mn_ipv4_parse(bytes, size, 65535, &header) != MN_PARSE_CHECKSUM);
        round_trip(bytes, size);
        read_both_ways(bytes, size);
    }
    free(bytes);
    return 0;
}
