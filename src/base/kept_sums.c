#include "base/kept_sums.h"

#include "base/base.h"
#include "base/checksum.h"

/* Adds the sum of `len` bytes behind a piece. */
static void lengthen(struct mn_kept_sum *piece, uint32_t len, uint64_t sum)
{
    piece->sum = mn_sum_fold(mn_sum_add(piece->sum, piece->len % 2 == 0 ? sum : mn_sum_odd(sum)));
    piece->len = (uint16_t)(piece->len + len);
}

void mn_kept_sums_copy(struct mnet_buffer *buffer, uint32_t offset, const void *from, uint32_t len, bool goes_on)
{
    struct mn_kept_sums *kept = buffer->sums;
    MN_ASSERT(offset + len <= buffer->capacity && buffer->capacity <= UINT16_MAX);
    struct mn_kept_sum *last = kept->count > 0 ? &kept->sums[kept->count - 1] : NULL;
    bool lengthens = goes_on && last != NULL && (uint32_t)last->offset + last->len == offset;
    if (!lengthens && kept->count == MN_KEPT_SUMS) {
        memcpy(buffer->bytes + offset, from, len);
        return;
    }
    uint64_t sum = mn_sum_copy(0, buffer->bytes + offset, from, len);
    if (lengthens)
        lengthen(last, len, sum);
    else
        kept->sums[kept->count++] = (struct mn_kept_sum){(uint16_t)offset, (uint16_t)len, mn_sum_fold(sum)};
}

void mn_kept_sums_cut(struct mnet_buffer *buffer, uint32_t offset)
{
    struct mn_kept_sums *kept = buffer->sums;
    while (kept->count > 0) {
        const struct mn_kept_sum *last = &kept->sums[kept->count - 1];
        if ((uint32_t)last->offset + last->len <= offset)
            return;
        kept->count--;
    }
}

/* Returns the piece that is this range, or NULL. Ranges are mostly asked for in order. */
static const struct mn_kept_sum *find(struct mn_kept_sums *kept, uint32_t offset, uint32_t len)
{
    unsigned at = kept->last_used;
    for (unsigned i = 0; i < kept->count; i++, at++) {
        at = at >= kept->count ? 0 : at;
        if (kept->sums[at].offset == offset && kept->sums[at].len == len) {
            kept->last_used = (uint16_t)(at + 1);
            return &kept->sums[at];
        }
    }
    return NULL;
}

uint64_t mn_buffer_sum(const struct mnet_buffer *buffer, uint32_t offset, uint32_t len)
{
    const struct mn_kept_sum *piece = buffer->sums != NULL ? find(buffer->sums, offset, len) : NULL;
    return piece != NULL ? piece->sum : mn_sum(0, buffer->bytes + offset, len);
}
