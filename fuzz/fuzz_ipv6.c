/* IPv6: a fixed header that parses is emitted as the same bytes. A walk ends within the packet and
 * keeps its promises, whole and in any linear part. A transport of the walk is found without it. */
#include "fuzz/fuzz.h"

#include "wire/ipv6.h"

static void check_chain(enum mn_ipv6_verdict verdict, const struct mn_ipv6_chain *chain, size_t size)
{
    MN_ASSERT(chain->offset >= MN_IPV6_HEADER && chain->offset <= size && chain->named_at < chain->offset);
    if (verdict == MN_IPV6_IS_PROBLEM)
        MN_ASSERT(chain->pointer < size && chain->code <= MN_IPV6_INCOMPLETE_CHAIN);
    if (verdict == MN_IPV6_IS_FRAGMENT) {
        MN_ASSERT(chain->fragmented && chain->fragment.offset % 8 == 0);
        MN_ASSERT(chain->fragment.more || chain->fragment.offset > 0);
    }
}

static void walk(const uint8_t *bytes, size_t size, const struct mn_ipv6 *header)
{
    struct mn_ipv6_chain chain;
    struct mn_ipv6_upper upper;
    enum mn_ipv6_verdict verdict = mn_ipv6_walk(bytes, size, header, false, &mn_ipv6_limits_default, &chain);
    check_chain(verdict, &chain, size);
    if (verdict == MN_IPV6_IS_TRANSPORT) {
        MN_ASSERT(bytes[chain.named_at] == chain.protocol);
        MN_ASSERT(mn_ipv6_find_upper(bytes, size, header, &upper));
        MN_ASSERT(upper.offset == chain.offset && upper.named_at == chain.named_at && upper.protocol == chain.protocol);
    }
    for (size_t linear = MN_IPV6_HEADER; linear < size && linear < 128; linear++) {
        uint8_t *part = fuzz_exact(bytes, linear);
        struct mn_ipv6_chain of_part;
        enum mn_ipv6_verdict of_less = mn_ipv6_walk(part, linear, header, false, &mn_ipv6_limits_default, &of_part);
        check_chain(of_less, &of_part, size);
        MN_ASSERT(of_less == verdict || of_less == MN_IPV6_IS_TRUNCATED);
        mn_ipv6_find_upper(part, linear, header, &upper);
        free(part);
    }
}

/* The short way accepts the headers that the full way accepts and a transport follows, and reads
 * the same. */
static void read_both_ways(const uint8_t *bytes, size_t size)
{
    struct mn_ipv6 full = {0}, plain = {0};
    struct mn_ipv6_chain chain;
    bool ok = mn_ipv6_parse(bytes, size, size, &full) == MN_PARSE_OK;
    bool is_plain = ok &&
                    mn_ipv6_walk(bytes, size, &full, false, &mn_ipv6_limits_default, &chain) == MN_IPV6_IS_TRANSPORT &&
                    chain.offset == MN_IPV6_HEADER;
    MN_ASSERT(mn_ipv6_parse_plain(bytes, size, size, &plain) == is_plain);
    if (!is_plain)
        return;
    uint8_t emitted[2][MN_IPV6_HEADER];
    mn_ipv6_emit(emitted[0], &full);
    mn_ipv6_emit(emitted[1], &plain);
    MN_ASSERT(memcmp(emitted[0], emitted[1], MN_IPV6_HEADER) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_ipv6 header;
    uint8_t out[MN_IPV6_HEADER];
    enum mn_parse verdict = mn_ipv6_parse_quote(bytes, size, &header);
    MN_ASSERT((verdict == MN_PARSE_TRUNCATED) == (size < MN_IPV6_HEADER));
    if (verdict == MN_PARSE_OK) {
        mn_ipv6_emit(out, &header);
        MN_ASSERT(memcmp(out, bytes, sizeof out) == 0);
        if (size - MN_IPV6_HEADER <= UINT16_MAX)
            header.payload_len = (uint16_t)(size - MN_IPV6_HEADER);
        read_both_ways(bytes, size);
        bytes[4] = (uint8_t)(header.payload_len >> 8);
        bytes[5] = (uint8_t)header.payload_len;
        read_both_ways(bytes, size);
        walk(bytes, size, &header);
    }
    free(bytes);
    return 0;
}
