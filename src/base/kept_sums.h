/* Sums of a buffer's bytes, kept from the time at which they were copied into it, for checksums
 * that are wanted later, perhaps more than once.
 *
 * The sums are of pieces that are likely to be asked for as one: the text of a segment. A question
 * is for a range. If that is a piece, its sum is there; otherwise the bytes are read. So a wrong
 * guess about the pieces costs time, and never gives a wrong sum.
 */
#ifndef MN_KEPT_SUMS_H
#define MN_KEPT_SUMS_H

#include <mnet/packet.h>

#define MN_KEPT_SUMS 16u /* of one buffer: a large one has 12 full segments of an Ethernet */

struct mn_kept_sum {
    uint16_t offset, len; /* into the buffer */
    uint16_t sum;         /* folded */
};

struct mn_kept_sums {
    uint16_t count;
    uint16_t last_used; /* where the next search begins */
    struct mn_kept_sum sums[MN_KEPT_SUMS];
};

/* Copies bytes to `offset` of the buffer, which has `sums`, and keeps their sum: as a piece of its
 * own, or, if `goes_on`, as a part of the piece that ends at `offset`, if there is one. Beyond
 * MN_KEPT_SUMS pieces nothing is kept. */
void mn_kept_sums_copy(struct mnet_buffer *buffer, uint32_t offset, const void *from, uint32_t len, bool goes_on);
/* Forgets the sums of the bytes from `offset` on, which are to be written again. */
void mn_kept_sums_cut(struct mnet_buffer *buffer, uint32_t offset);
/* Returns the unfolded sum of a range of any buffer. */
uint64_t mn_buffer_sum(const struct mnet_buffer *buffer, uint32_t offset, uint32_t len);

#endif
