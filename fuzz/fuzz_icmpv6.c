/* ICMPv6: a message that parses is emitted with the same fields and a right checksum. An error's
 * quote lies within the message. */
#include "fuzz/fuzz.h"

#include "base/checksum.h"
#include "wire/icmpv6.h"

static void check_error(const struct mn_icmpv6 *header, const uint8_t *quote, size_t len)
{
    struct mn_icmp_error error;
    enum mn_parse verdict = mn_icmpv6_read_error(header, quote, len, &error);
    if (verdict == MN_PARSE_OK) {
        MN_ASSERT(error.quote >= quote + MN_IPV6_HEADER && error.quote_len >= 8);
        MN_ASSERT(error.quote + error.quote_len <= quote + len);
        MN_ASSERT(error.reason != MN_UNREACHABLE_TOO_BIG || error.mtu >= MN_IPV6_MTU_MIN);
        MN_ASSERT(!mnet_address_is_ipv4(error.local) && !mnet_address_is_ipv4(error.remote));
    } else {
        MN_ASSERT(error.quote == NULL && error.quote_len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_icmpv6 header, back;
    enum mn_parse verdict = mn_icmpv6_parse(bytes, size, &header);
    MN_ASSERT((verdict == MN_PARSE_OK) == (size >= MN_ICMPV6_HEADER));
    if (verdict == MN_PARSE_OK) {
        mn_icmpv6_emit(bytes, &header, mn_sum(0, bytes + MN_ICMPV6_HEADER, size - MN_ICMPV6_HEADER));
        MN_ASSERT(mn_checksum(mn_sum(0, bytes, size)) == 0);
        MN_ASSERT(memcmp(bytes, data, 2) == 0 && memcmp(bytes + 4, data + 4, size - 4) == 0);
        MN_ASSERT(mn_icmpv6_parse(bytes, size, &back) == MN_PARSE_OK && back.value == header.value);
        if (mn_icmpv6_is_error(header.type))
            check_error(&header, bytes + MN_ICMPV6_HEADER, size - MN_ICMPV6_HEADER);
    }
    free(bytes);
    return 0;
}
