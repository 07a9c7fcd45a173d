/* The internet checksum.
 *
 * A ones' complement sum of 16-bit words modulo 65535 does not depend on the grouping of the bytes,
 * as long as every byte keeps its place in its 16-bit word (RFC 1071 section 2). So whole 64-bit
 * words are added, in the byte order of memory, and their carries are counted:
 *
 *   total = sum of the words modulo 2^64
 *   high  = sum of the upper halves, which is exact for fewer than 2^32 words
 *   low   = sum of the lower halves = total - (high << 32) modulo 2^64, exact again since it is
 *           below 2^64
 *
 * So each word costs two additions and a shift, without branches or carry chains, on as many lanes
 * as a vector has.
 */
#include "base/checksum.h"

#include <string.h>

#include "base/base.h"

/* Two words side by side, as in the registers of x86-64, aarch64 and s390x. For other processors
 * the compiler splits them. */
typedef uint64_t words __attribute__((vector_size(16)));

#define BLOCK (4 * sizeof(words))
#define WORTH_VECTORS 256 /* below this length lanes cost more than they save */

#define STREAMS (BLOCK / sizeof(words))

/* `total` and `high` of the theory above, for each of the words of a block. So additions need not
 * wait for one another, and a word is shifted in the register that it was loaded into. */
struct lanes {
    words total[STREAMS], high[STREAMS];
};

/* By reference: a compiler without vector registers refuses to pass or return vectors by value. */
static inline void add_words(struct lanes *lanes, int stream, const words *w)
{
    lanes->total[stream] += *w;
    lanes->high[stream] += *w >> 32;
}

static inline void sum_words(struct lanes *lanes, int stream, const uint8_t *at)
{
    words w;
    memcpy(&w, at, sizeof(w));
    add_words(lanes, stream, &w);
}

static inline void add_block(struct lanes *lanes, const uint8_t *at)
{
    sum_words(lanes, 0, at);
    sum_words(lanes, 1, at + sizeof(words));
    sum_words(lanes, 2, at + 2 * sizeof(words));
    sum_words(lanes, 3, at + 3 * sizeof(words));
}

static inline void copy_words(struct lanes *lanes, int stream, uint8_t *to, const uint8_t *from)
{
    words w;
    memcpy(&w, from, sizeof(w));
    memcpy(to, &w, sizeof(w));
    add_words(lanes, stream, &w);
}

static inline void copy_block(struct lanes *lanes, uint8_t *restrict to, const uint8_t *restrict from)
{
    copy_words(lanes, 0, to, from);
    copy_words(lanes, 1, to + sizeof(words), from + sizeof(words));
    copy_words(lanes, 2, to + 2 * sizeof(words), from + 2 * sizeof(words));
    copy_words(lanes, 3, to + 3 * sizeof(words), from + 3 * sizeof(words));
}

/* `low` and `high` of the theory, together: no carry is lost with fewer than 2^30 vectors. */
static inline uint64_t collect(const struct lanes *lanes)
{
    words total = (lanes->total[0] + lanes->total[1]) + (lanes->total[2] + lanes->total[3]);
    words high = (lanes->high[0] + lanes->high[1]) + (lanes->high[2] + lanes->high[3]);
    words both = total - (high << 32) + high;
    return both[0] + both[1];
}

static inline uint64_t add_word(uint64_t sum, const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return mn_sum_add(sum, word);
}

/* Adds few bytes to `sum`. The last odd one counts as if a zero followed. */
static inline uint64_t sum_few(uint64_t sum, const uint8_t *at, size_t len)
{
    for (const uint8_t *end = at + len / 32 * 32; at != end; at += 32)
        sum = add_word(add_word(add_word(add_word(sum, at), at + 8), at + 16), at + 24);
    if ((len & 16) != 0) {
        sum = add_word(add_word(sum, at), at + 8);
        at += 16;
    }
    if ((len & 8) != 0) {
        sum = add_word(sum, at);
        at += 8;
    }
    uint64_t last = 0;
    if ((len & 4) != 0) {
        uint32_t half;
        memcpy(&half, at, sizeof(half));
        last = half;
        at += sizeof(half);
    }
    if ((len & 2) != 0) {
        uint16_t pair;
        memcpy(&pair, at, sizeof(pair));
        last += pair;
        at += sizeof(pair);
    }
    if ((len & 1) != 0) {
        const uint8_t padded[2] = {*at, 0};
        uint16_t pair;
        memcpy(&pair, padded, sizeof(pair));
        last += pair;
    }
    return mn_sum_add(sum, last);
}

static MN_APART uint64_t sum_long(uint64_t sum, const uint8_t *at, size_t len)
{
    struct lanes lanes = {0};
    for (; len >= BLOCK; at += BLOCK, len -= BLOCK)
        add_block(&lanes, at);
    return sum_few(mn_sum_add(sum, collect(&lanes)), at, len);
}

uint64_t mn_sum(uint64_t sum, const void *data, size_t len)
{
    return len >= WORTH_VECTORS ? sum_long(sum, data, len) : sum_few(sum, data, len);
}

/* Does the work of mn_sum_copy for few bytes. */
static inline uint64_t copy_few(uint64_t sum, uint8_t *restrict to, const uint8_t *restrict from, size_t len)
{
    for (; len >= 32; to += 32, from += 32, len -= 32) {
        memcpy(to, from, 32);
        sum = add_word(add_word(add_word(add_word(sum, from), from + 8), from + 16), from + 24);
    }
    memcpy(to, from, len);
    return sum_few(sum, from, len);
}

/* Does the work of mn_sum_copy for at least one vector. If bytes are left, the copy of the last
 * vector overlaps the one before it. */
static inline uint64_t copy_long(uint8_t *restrict to, const uint8_t *restrict from, size_t len)
{
    struct lanes lanes = {0};
    uint8_t *last = to + len - sizeof(words);
    const uint8_t *last_from = from + len - sizeof(words);
    for (; len >= BLOCK; to += BLOCK, from += BLOCK, len -= BLOCK)
        copy_block(&lanes, to, from);
    for (; len >= sizeof(words); to += sizeof(words), from += sizeof(words), len -= sizeof(words))
        copy_words(&lanes, 0, to, from);
    memcpy(last, last_from, sizeof(words));
    return sum_few(collect(&lanes), from, len);
}

/* Stores that straddle cache lines halve the speed, and loads hardly matter. So the first few bytes
 * of a long piece are copied separately, up to the alignment of `to`. */
uint64_t mn_sum_copy(uint64_t sum, void *restrict to, const void *restrict from, size_t len)
{
    uint8_t *out = to;
    const uint8_t *at = from;
    if (len < WORTH_VECTORS)
        return copy_few(sum, out, at, len);
    size_t head = -(uintptr_t)out % sizeof(words);
    if (MN_UNLIKELY(head > 0)) {
        memcpy(out, at, sizeof(words)); /* and some more bytes than these */
        sum = mn_sum_add(sum, sum_few(0, at, head));
    }
    uint64_t rest = copy_long(out + head, at + head, len - head);
    return mn_sum_add(sum, head % 2 == 0 ? rest : mn_sum_odd(rest));
}

uint64_t mn_sum_odd(uint64_t sum)
{
    return __builtin_bswap16(mn_sum_fold(sum));
}

uint16_t mn_checksum_update(uint16_t checksum, uint16_t before, uint16_t after)
{
    uint64_t sum = (uint64_t)(uint16_t)~checksum + (uint16_t)~before + after;
    return mn_checksum(sum);
}
