#include "base/packet_sum.h"

#include "base/base.h"
#include "base/checksum.h"

/* Adds one piece without its first `skip` bytes. `odd` tells whether an odd number of bytes came
 * before it. */
static uint64_t add_piece(uint64_t sum, const uint8_t *bytes, size_t len, size_t *skip, bool *odd)
{
    size_t n = MN_MIN(*skip, len);
    *skip -= n;
    len -= n;
    if (len == 0)
        return sum;
    uint64_t piece = mn_sum(0, bytes + n, len);
    sum = mn_sum_add(sum, *odd ? mn_sum_odd(piece) : piece);
    *odd ^= (len & 1) != 0;
    return sum;
}

uint64_t mn_packet_sum_pieces(const struct mnet_packet *packet, size_t from)
{
    if (packet->fragment_count == 1 && packet->more == NULL && from < packet->len && (packet->len - from) % 2 == 0) {
        /* Headers and data: nearly every packet sent. */
        const struct mnet_fragment *f = &packet->fragments[0];
        uint64_t headers = mn_sum(0, packet->data + from, packet->len - from);
        return mn_sum(headers, f->buffer->bytes + f->offset, f->len);
    }
    uint64_t sum = 0;
    bool odd = false;
    for (; packet != NULL; packet = packet->more) {
        sum = add_piece(sum, packet->data, packet->len, &from, &odd);
        for (int i = 0; i < packet->fragment_count; i++) {
            const struct mnet_fragment *f = &packet->fragments[i];
            sum = add_piece(sum, f->buffer->bytes + f->offset, f->len, &from, &odd);
        }
    }
    return sum;
}
