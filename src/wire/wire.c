#include "wire/wire.h"

#include "base/checksum.h"

uint64_t mn_pseudo_sum(const struct mnet_address *source, const struct mnet_address *destination, uint8_t protocol,
                       uint32_t len)
{
    /* The sixteen bytes serve both families: of the prefix of an IPv4-mapped address ten bytes are
     * zero, and the word ffff is zero in ones' complement, so nothing but the IPv4 address
     * counts. */
    uint64_t sum = mn_sum_add(mn_sum_header(source->bytes, sizeof(source->bytes)),
                              mn_sum_header(destination->bytes, sizeof(destination->bytes)));
    return mn_sum_add(sum, mn_sum_u16(protocol) + mn_sum_u32(len));
}
