/* UDP: a header that parses is emitted as the same bytes. */
#include "fuzz/fuzz.h"
#include "wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size), out[MN_UDP_HEADER];
    struct mn_udp_header header;
    enum mn_parse verdict = mn_udp_parse(bytes, size, size, &header);
    MN_ASSERT((verdict == MN_PARSE_TRUNCATED) == (size < MN_UDP_HEADER));
    if (verdict == MN_PARSE_OK) {
        MN_ASSERT(header.length >= MN_UDP_HEADER && header.length <= size);
        mn_udp_emit(out, &header);
        MN_ASSERT(memcmp(out, bytes, sizeof(out)) == 0);
    }
    free(bytes);
    return 0;
}
