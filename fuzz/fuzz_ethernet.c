/* Ethernet: a header that parses is emitted as the same bytes. */
#include "fuzz/fuzz.h"
#include "wire/ethernet.h"

/* The rest is the frame without its tags, and has no further tag. */
static void untag(const uint8_t *data, size_t size)
{
    static uint8_t region[MNET_MEMORY_MINIMUM];
    struct mnet_packet *frame = mnet_packet_alloc(mnet_memory_init(region, sizeof region));
    size = MN_MIN(size, (size_t)MNET_PACKET_LINEAR);
    memcpy(mnet_packet_put(frame, size), data, size);
    bool tagged = mn_ethernet_untag(frame);
    size_t gone = size - frame->total;
    MN_ASSERT(gone % MN_ETHERNET_TAG == 0 && tagged == (gone > 0) && !mn_ethernet_untag(frame));
    MN_ASSERT(memcmp(frame->data, data, MN_MIN(size, 12u)) == 0);
    MN_ASSERT(frame->len <= 12 || memcmp(frame->data + 12, data + 12 + gone, frame->len - 12) == 0);
    mnet_packet_free(frame);
}

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
    untag(data, size);
    return 0;
}
