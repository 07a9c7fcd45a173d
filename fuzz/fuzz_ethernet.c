/* Ethernet: what parses is emitted as the same bytes. */
#include "fuzz/fuzz.h"
#include "wire/ethernet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size), out[MN_ETHERNET_HEADER];
    struct mn_ethernet header;
    enum mn_parse verdict = mn_ethernet_parse(bytes, size, &header);
    MN_ASSERT((verdict == MN_PARSE_OK) == (size >= MN_ETHERNET_HEADER));
    if (verdict == MN_PARSE_OK) {
        mn_ethernet_emit(out, &header);
        MN_ASSERT(memcmp(out, bytes, sizeof(out)) == 0);
    }
    free(bytes);
    return 0;
}
