/* Cuts packets that are larger than the MTU into pieces. The headers of the pieces are per
 * family. */
#include "base/checksum.h"
#include "base/packet_sum.h"
#include "ip/internal.h"

uint32_t mn_ip_permute(const struct mn_hash_key *key, uint32_t value, unsigned half)
{
    MN_DEBUG_ASSERT(value >> half >> half == 0);
    MN_ASSERT(half > 0 && half <= 16);
    uint32_t mask = (UINT32_C(1) << half) - 1, left = value >> half & mask, right = value & mask;
    for (uint64_t round = 0; round < 4; round++) {
        uint64_t word = round << half | right;
        uint32_t mixed = (left ^ (uint32_t)mn_siphash13_words(key, &word, 1)) & mask;
        left = right;
        right = mixed;
    }
    return left << half | right;
}

/* No device can finish a checksum over several packets. */
static void complete_checksum(struct mnet_packet *packet, uint8_t protocol)
{
    MN_DEBUG_ASSERT(packet->checksum != MNET_CHECKSUM_PARTIAL ||
                    packet->csum_start + packet->csum_offset + 2u <= packet->total);
    if (packet->checksum != MNET_CHECKSUM_PARTIAL)
        return;
    uint16_t checksum = mn_checksum(mn_packet_sum(packet, packet->csum_start));
    if (checksum == 0 && protocol == MN_PROTOCOL_UDP)
        checksum = 0xffff; /* RFC 768: zero would mean none */
    mnet_packet_copy_in(packet, (size_t)packet->csum_start + packet->csum_offset, &checksum, sizeof checksum);
    packet->checksum = MNET_CHECKSUM_PLAIN;
}

/* Appends bytes from..from+len of `packet` to `piece`: the linear ones by copying, the others by
 * reference. */
static bool append_range(struct mnet_packet *piece, const struct mnet_packet *packet, uint32_t from, uint32_t len)
{
    MN_DEBUG_ASSERT(len > 0 && from + len <= packet->total);
    if (from < packet->len) {
        uint32_t part = MN_MIN(len, packet->len - from);
        if (!mnet_packet_append(piece, packet->data + from, part))
            return false;
        from += part;
        len -= part;
    }
    uint32_t at = packet->len;
    for (unsigned i = 0; i < packet->fragment_count && len > 0; i++) {
        const struct mnet_fragment *fragment = &packet->fragments[i];
        if (from < at + fragment->len) {
            uint32_t skip = from - at, part = MN_MIN(len, fragment->len - skip);
            if (!mnet_packet_add(piece, fragment->buffer, fragment->offset + skip, part))
                return false;
            from += part;
            len -= part;
        }
        at += fragment->len;
    }
    MN_ASSERT(len == 0);
    return true;
}

/* False if memory is used up, with some pieces in the queue. */
static bool make_pieces(struct mn_ip *ip, const struct mnet_packet *packet, uint32_t step,
                        struct mn_packet_queue *pieces)
{
    for (uint32_t at = 0; at < packet->total; at += step) {
        struct mnet_packet *piece = mnet_packet_alloc_tx(ip->memory);
        if (piece == NULL)
            return false;
        mn_packet_queue_put(pieces, piece);
        if (!append_range(piece, packet, at, MN_MIN(step, packet->total - at)))
            return false;
    }
    return true;
}

MN_RARE int mn_ip_cut(struct mn_ip *ip, struct mnet_packet *packet, uint8_t protocol, uint32_t step,
                      struct mn_packet_queue *pieces)
{
    MN_DEBUG_ASSERT(step > 0 && packet->total > step);
    MN_ASSERT(packet->more == NULL && packet->gso == MNET_GSO_NONE);
    uint32_t count = (packet->total + step - 1) / step;
    bool room = ip->transmit.count + count <= MN_IP_TRANSMIT_MAX;
    *pieces = (struct mn_packet_queue){0};
    complete_checksum(packet, protocol);
    bool whole = room && make_pieces(ip, packet, step, pieces);
    if (!whole) {
        mn_packet_queue_clear(pieces);
        mn_ip_count(ip, room ? MNET_COUNT_TX_DROP_MEMORY : MNET_COUNT_TX_DROP_QUEUE);
    }
    mnet_packet_free(packet);
    return whole ? 0 : MNET_E_NO_MEMORY;
}
