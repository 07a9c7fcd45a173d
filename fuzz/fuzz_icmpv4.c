/* ICMP: a message that parses is emitted with the same fields and a right checksum. */
#include "fuzz/fuzz.h"

#include "base/checksum.h"
#include "wire/icmpv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_icmpv4 header, back;
    enum mn_parse verdict = mn_icmpv4_parse(bytes, size, &header);
    MN_ASSERT((verdict == MN_PARSE_OK) == (size >= MN_ICMPV4_HEADER));
    if (verdict == MN_PARSE_OK) {
        mn_icmpv4_emit(bytes, &header, mn_sum(0, bytes + MN_ICMPV4_HEADER, size - MN_ICMPV4_HEADER));
        MN_ASSERT(mn_checksum(mn_sum(0, bytes, size)) == 0);
        MN_ASSERT(memcmp(bytes, data, 2) == 0 && memcmp(bytes + 4, data + 4, size - 4) == 0);
        MN_ASSERT(mn_icmpv4_parse(bytes, size, &back) == MN_PARSE_OK);
        MN_ASSERT(back.type == header.type && back.sequence == header.sequence);
    }
    free(bytes);
    return 0;
}
