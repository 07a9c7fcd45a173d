/* Fragments out (RFC 791 3.2), and the identification that holds them together. */
#include "base/checksum.h"
#include "base/packet_sum.h"
#include "ip/v4/internal.h"

/* A Feistel network of four rounds over sixteen bits: a permutation that only the key tells. */
static uint16_t permute(const struct mn_hash_key *key, uint16_t value)
{
    uint8_t left = (uint8_t)(value >> 8), right = (uint8_t)value;
    for (uint64_t round = 0; round < 4; round++) {
        uint64_t word = round << 8 | right;
        uint8_t mixed = left ^ (uint8_t)mn_siphash13_words(key, &word, 1);
        left = right;
        right = mixed;
    }
    return (uint16_t)(left << 8 | right);
}

/* No number comes twice within 65536 (RFC 6864 4.3), none tells the next one or how many were used (RFC 7739). */
uint16_t mn_ipv4_next_identification(struct mn_ip *ip)
{
    struct mn_ip_identification *identification = &ip->identification;
    if (identification->used == 65536) {
        mn_random_bytes(ip->random, &identification->key, sizeof identification->key);
        identification->used = 0;
    }
    return permute(&identification->key, (uint16_t)identification->used++);
}

/* No device can finish a checksum over several packets. */
static void complete_checksum(struct mnet_packet *packet, uint8_t protocol)
{
    if (packet->checksum != MNET_CHECKSUM_PARTIAL)
        return;
    uint16_t checksum = mn_checksum(mn_packet_sum(packet, packet->csum_start));
    if (checksum == 0 && protocol == MN_PROTOCOL_UDP)
        checksum = 0xffff; /* RFC 768: zero would mean none */
    mnet_packet_copy_in(packet, (size_t)packet->csum_start + packet->csum_offset, &checksum, sizeof checksum);
    packet->checksum = MNET_CHECKSUM_PLAIN;
}

/* Appends bytes from..from+len of `packet` to `piece`: the linear ones by copying, the others by reference. */
static bool append_range(struct mnet_packet *piece, const struct mnet_packet *packet, uint32_t from, uint32_t len)
{
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

/* Cuts `packet` into pieces of at most `step` bytes. False where memory is used up, with some pieces in the queue. */
static bool cut(struct mn_ip *ip, const struct mnet_packet *packet, uint32_t step, struct mn_packet_queue *pieces)
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

MN_RARE int mn_ipv4_send_fragments(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ipv4 *header,
                                   const struct mn_ip_way *way, uint64_t now)
{
    MN_ASSERT(packet->more == NULL && packet->gso == MNET_GSO_NONE);
    uint32_t step = (ip->mtu - MN_IPV4_HEADER) & ~7u; /* offsets are counted in units of eight bytes */
    uint32_t total = packet->total, count = (total + step - 1) / step;
    struct mn_packet_queue pieces = {0};
    bool room = ip->transmit.count + count <= MN_IP_TRANSMIT_MAX;
    complete_checksum(packet, header->protocol);
    if (!room || !cut(ip, packet, step, &pieces)) {
        mn_packet_queue_clear(&pieces);
        mn_ip_drop(ip, packet, room ? MNET_COUNT_TX_DROP_MEMORY : MNET_COUNT_TX_DROP_QUEUE);
        return MNET_E_NO_MEMORY;
    }
    struct mn_ipv4 part = *header;
    part.identification = mn_ipv4_next_identification(ip);
    uint32_t at = 0;
    for (struct mnet_packet *piece; (piece = mn_packet_queue_take(&pieces)) != NULL; at += step) {
        part.fragment_offset = (uint16_t)at;
        part.more_fragments = at + step < total;
        mn_ipv4_send(ip, piece, &part, way, now);
        mn_ip_count(ip, MNET_COUNT_FRAG_TX);
    }
    mnet_packet_free(packet);
    return 0;
}

MN_RARE void mn_ipv4_send_waiting_fragments(struct mn_ip *ip, struct mnet_packet *packet, struct mnet_address next_hop,
                                            uint64_t now)
{
    const struct mn_ip_way way = {.kind = MN_IP_WAY_NEIGHBOUR, .next_hop = next_hop};
    struct mn_ipv4 header;
    enum mn_parse result = mn_ipv4_parse(packet->data, packet->len, packet->total, &header);
    MN_ASSERT(result == MN_PARSE_OK);        /* we wrote it */
    ip->counters->value[MNET_COUNT_IP_TX]--; /* which counted it whole */
    mnet_packet_pull(packet, header.header_len);
    mn_ipv4_send_fragments(ip, packet, &header, &way, now); /* counts what it cannot send */
}
