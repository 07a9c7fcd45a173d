/* ARP: a message that parses is emitted as the same bytes. */
#include "fuzz/fuzz.h"
#include "wire/arp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size), out[MN_ARP_PACKET];
    struct mn_arp arp;
    enum mn_parse verdict = mn_arp_parse(bytes, size, &arp);
    MN_ASSERT((verdict == MN_PARSE_TRUNCATED) == (size < MN_ARP_PACKET));
    if (verdict == MN_PARSE_OK) {
        MN_ASSERT(arp.operation == MN_ARP_REQUEST || arp.operation == MN_ARP_REPLY);
        mn_arp_emit(out, &arp);
        MN_ASSERT(memcmp(out, bytes, sizeof(out)) == 0);
    }
    free(bytes);
    return 0;
}
