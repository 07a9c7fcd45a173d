#include "base/packet_sum.h"

#include "base/base.h"
#include "base/checksum.h"
#include "base/kept_sums.h"

/* The sum of a packet's pieces so far. */
struct summing {
    uint64_t sum;
    size_t skip; /* bytes still to be left out */
    bool odd;    /* an odd number of bytes came before */
};

/* Returns how many of the next `len` bytes are left out. */
static uint32_t leave_out(struct summing *s, uint32_t len)
{
    uint32_t n = (uint32_t)MN_MIN(s->skip, (size_t)len);
    s->skip -= n;
    return n;
}

static void add_piece(struct summing *s, uint64_t piece, uint32_t len)
{
    s->sum = mn_sum_add(s->sum, s->odd ? mn_sum_odd(piece) : piece);
    s->odd ^= (len & 1) != 0;
}

uint64_t mn_packet_sum_pieces(const struct mnet_packet *packet, size_t from)
{
    if (packet->fragment_count == 1 && packet->more == NULL && from < packet->len && (packet->len - from) % 2 == 0) {
        /* Headers and data: nearly every packet sent. */
        const struct mnet_fragment *f = &packet->fragments[0];
        uint64_t headers = mn_sum(0, packet->data + from, packet->len - from);
        return mn_sum_add(headers, mn_buffer_sum(f->buffer, f->offset, f->len));
    }
    struct summing s = {.skip = from};
    for (; packet != NULL; packet = packet->more) {
        uint32_t n = leave_out(&s, packet->len);
        add_piece(&s, mn_sum(0, packet->data + n, packet->len - n), packet->len - n);
        for (int i = 0; i < packet->fragment_count; i++) {
            const struct mnet_fragment *f = &packet->fragments[i];
            n = leave_out(&s, f->len);
            add_piece(&s, mn_buffer_sum(f->buffer, f->offset + n, f->len - n), f->len - n);
        }
    }
    return s.sum;
}
