/* TCP headers and their options.
 *
 * Options are emitted in this order, each group aligned to four bytes by NOPs in front if it needs
 * them:
 *
 *   MSS | SACK permitted, timestamps (or 2 NOP, timestamps) | NOP, window scale | user timeout
 *       | 2 NOP, SACK blocks
 *
 * SACK permitted without timestamps comes last, with the end of the list and zeros behind it.
 */
#include "wire/tcp.h"

#include <assert.h>

enum tcp_option {
    KIND_END = 0,
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_WINDOW_SCALE = 3,
    KIND_SACK_PERMITTED = 4,
    KIND_SACK = 5,
    KIND_TIMESTAMPS = 8,
    KIND_USER_TIMEOUT = 28,
};

/* Lengths with kind and length byte, as RFC 9293 3.2, RFC 7323 2.2 and 3.2, RFC 2018 and RFC 5482
 * fix them. */
enum length {
    LENGTH_MSS = 4,
    LENGTH_WINDOW_SCALE = 3,
    LENGTH_SACK_PERMITTED = 2,
    LENGTH_TIMESTAMPS = 10,
    LENGTH_USER_TIMEOUT = 4,
};

#define OPTION_HEADER 2 /* kind and length */
#define SACK_BLOCK 8
#define OPTIONS_MAX (MN_TCP_HEADER_MAX - MN_TCP_HEADER)
#define GRANULARITY 4 /* of the data offset */

/* ---- parse ---- */

static bool parse_sack(struct mn_reader *r, uint8_t len, struct mn_tcp_header *header)
{
    size_t count = (size_t)(len - OPTION_HEADER) / SACK_BLOCK;
    if (len != OPTION_HEADER + count * SACK_BLOCK || count == 0 || count > MN_TCP_SACK_BLOCKS)
        return false;
    header->sack_count = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        header->sack[i].left = mn_read_u32(r);
        header->sack[i].right = mn_read_u32(r);
    }
    header->options |= MN_TCP_OPTION_SACK;
    return true;
}

static bool parse_timestamps(struct mn_reader *r, uint8_t len, struct mn_tcp_header *header)
{
    if (len != LENGTH_TIMESTAMPS)
        return false;
    header->ts_value = mn_read_u32(r);
    header->ts_echo = mn_read_u32(r);
    header->options |= MN_TCP_OPTION_TIMESTAMPS;
    return true;
}

/* One option behind its kind and length; `body` is exactly its bytes. False if the length is not
 * the option's. */
static bool parse_option(uint8_t kind, uint8_t len, struct mn_reader *body, struct mn_tcp_header *header)
{
    switch (kind) {
    case KIND_MSS:
        header->mss = mn_read_u16(body);
        header->options |= len == LENGTH_MSS ? MN_TCP_OPTION_MSS : 0;
        return len == LENGTH_MSS;
    case KIND_WINDOW_SCALE:
        header->window_shift = mn_read_u8(body);
        header->options |= len == LENGTH_WINDOW_SCALE ? MN_TCP_OPTION_WINDOW_SCALE : 0;
        return len == LENGTH_WINDOW_SCALE;
    case KIND_SACK_PERMITTED:
        header->options |= len == LENGTH_SACK_PERMITTED ? MN_TCP_OPTION_SACK_PERMITTED : 0;
        return len == LENGTH_SACK_PERMITTED;
    case KIND_USER_TIMEOUT:
        header->user_timeout = mn_read_u16(body);
        header->options |= len == LENGTH_USER_TIMEOUT ? MN_TCP_OPTION_USER_TIMEOUT : 0;
        return len == LENGTH_USER_TIMEOUT;
    case KIND_SACK: return parse_sack(body, len, header);
    case KIND_TIMESTAMPS: return parse_timestamps(body, len, header);
    default: return true; /* MUST-6: unknown options are skipped */
    }
}

static_assert(MN_TCP_TIMESTAMPS_HEAD == (UINT32_C(1) * KIND_NOP << 24 | UINT32_C(1) * KIND_NOP << 16 |
                                         UINT32_C(1) * KIND_TIMESTAMPS << 8 | LENGTH_TIMESTAMPS),
              "the timestamps behind their padding");

static bool only_timestamps(const struct mn_reader *r)
{
    struct mn_reader head = *r;
    return mn_reader_left(r) == MN_TCP_TIMESTAMPS_PADDED && mn_read_u32(&head) == MN_TCP_TIMESTAMPS_HEAD;
}

/* MUST-4, MUST-5: options in any segment, beginning on any byte. MUST-7: false for an illegal
 * length. */
static bool parse_options(struct mn_reader *r, struct mn_tcp_header *header)
{
    if (only_timestamps(r)) {
        mn_read_u32(r);
        return parse_timestamps(r, LENGTH_TIMESTAMPS, header);
    }
    while (mn_reader_left(r) > 0) {
        uint8_t kind = mn_read_u8(r);
        if (kind == KIND_END)
            return true;
        if (kind == KIND_NOP)
            continue;
        uint8_t len = mn_read_u8(r);
        if (!r->ok || len < OPTION_HEADER)
            return false;
        size_t body_len = (size_t)len - OPTION_HEADER;
        const uint8_t *bytes = mn_read(r, body_len);
        if (bytes == NULL)
            return false;
        struct mn_reader body = mn_reader(bytes, body_len);
        if (!parse_option(kind, len, &body, header))
            return false;
    }
    return true;
}

enum mn_parse mn_tcp_parse(const void *data, size_t len, struct mn_tcp_header *header)
{
    mn_tcp_header_init(header);
    if (len < MN_TCP_HEADER)
        return MN_PARSE_TRUNCATED;
    mn_tcp_parse_fixed(data, header);
    if (header->header_len < MN_TCP_HEADER)
        return MN_PARSE_INVALID;
    if (header->header_len > len)
        return MN_PARSE_TRUNCATED;
    struct mn_reader options = mn_reader((const uint8_t *)data + MN_TCP_HEADER,
                                         (size_t)header->header_len - MN_TCP_HEADER);
    header->options_broken = !parse_options(&options, header);
    return MN_PARSE_OK;
}

/* ---- emit ---- */

/* The layout of a header, which emit writes and length counts. */
struct layout {
    size_t sack_blocks;
    size_t options_len; /* padded */
};

static bool has(const struct mn_tcp_header *header, enum mn_tcp_option option)
{
    return (header->options & option) != 0;
}

static MN_APART struct layout lay_out_any(const struct mn_tcp_header *header)
{
    struct layout layout = {0};
    bool timestamps = has(header, MN_TCP_OPTION_TIMESTAMPS);
    layout.options_len += has(header, MN_TCP_OPTION_MSS) ? LENGTH_MSS : 0;
    layout.options_len += timestamps ? 2 + LENGTH_TIMESTAMPS : 0;
    layout.options_len += has(header, MN_TCP_OPTION_SACK_PERMITTED) && !timestamps ? GRANULARITY : 0;
    layout.options_len += has(header, MN_TCP_OPTION_WINDOW_SCALE) ? 1 + LENGTH_WINDOW_SCALE : 0;
    layout.options_len += has(header, MN_TCP_OPTION_USER_TIMEOUT) ? LENGTH_USER_TIMEOUT : 0;
    if (has(header, MN_TCP_OPTION_SACK)) {
        /* All the others together leave 16 bytes. */
        size_t head = 2 + OPTION_HEADER, fitting = (OPTIONS_MAX - layout.options_len - head) / SACK_BLOCK;
        layout.sack_blocks = MN_MIN(MN_MIN(header->sack_count, MN_TCP_SACK_BLOCKS), fitting);
        layout.options_len += layout.sack_blocks > 0 ? head + layout.sack_blocks * SACK_BLOCK : 0;
    }
    MN_ASSERT(layout.options_len % GRANULARITY == 0 && layout.options_len <= OPTIONS_MAX);
    return layout;
}

static inline struct layout lay_out(const struct mn_tcp_header *header)
{
    if (header->options == 0)
        return (struct layout){0};
    if (MN_LIKELY(header->options == MN_TCP_OPTION_TIMESTAMPS))
        return (struct layout){.options_len = MN_TCP_TIMESTAMPS_PADDED};
    return lay_out_any(header);
}

size_t mn_tcp_header_length(const struct mn_tcp_header *header)
{
    return MN_TCP_HEADER + lay_out(header).options_len;
}

static void emit_head(struct mn_writer *w, enum tcp_option kind, enum length length)
{
    mn_write_u8(w, (uint8_t)kind);
    mn_write_u8(w, (uint8_t)length);
}

static void emit_nops(struct mn_writer *w, int count)
{
    for (int i = 0; i < count; i++)
        mn_write_u8(w, KIND_NOP);
}

static void emit_timestamps(struct mn_writer *w, const struct mn_tcp_header *header)
{
    if (has(header, MN_TCP_OPTION_SACK_PERMITTED))
        emit_head(w, KIND_SACK_PERMITTED, LENGTH_SACK_PERMITTED);
    else
        emit_nops(w, 2);
    emit_head(w, KIND_TIMESTAMPS, LENGTH_TIMESTAMPS);
    mn_write_u32(w, header->ts_value);
    mn_write_u32(w, header->ts_echo);
}

static void emit_sack(struct mn_writer *w, const struct mn_tcp_header *header, size_t blocks)
{
    MN_ASSERT(blocks > 0 && blocks <= MN_TCP_SACK_BLOCKS);
    emit_nops(w, 2);
    emit_head(w, KIND_SACK, (enum length)(OPTION_HEADER + blocks * SACK_BLOCK));
    for (size_t i = 0; i < blocks; i++) {
        mn_write_u32(w, header->sack[i].left);
        mn_write_u32(w, header->sack[i].right);
    }
}

static void emit_options(struct mn_writer *w, const struct mn_tcp_header *header, const struct layout *layout)
{
    bool timestamps = has(header, MN_TCP_OPTION_TIMESTAMPS);
    if (has(header, MN_TCP_OPTION_MSS)) {
        emit_head(w, KIND_MSS, LENGTH_MSS);
        mn_write_u16(w, header->mss);
    }
    if (timestamps)
        emit_timestamps(w, header);
    if (has(header, MN_TCP_OPTION_WINDOW_SCALE)) {
        emit_nops(w, 1);
        emit_head(w, KIND_WINDOW_SCALE, LENGTH_WINDOW_SCALE);
        mn_write_u8(w, header->window_shift);
    }
    if (has(header, MN_TCP_OPTION_USER_TIMEOUT)) {
        emit_head(w, KIND_USER_TIMEOUT, LENGTH_USER_TIMEOUT);
        mn_write_u16(w, header->user_timeout);
    }
    if (layout->sack_blocks > 0)
        emit_sack(w, header, layout->sack_blocks);
    if (has(header, MN_TCP_OPTION_SACK_PERMITTED) && !timestamps) {
        emit_head(w, KIND_SACK_PERMITTED, LENGTH_SACK_PERMITTED);
        mn_write_u16(w, 0); /* MUST-69: the end of the list, then zeros */
    }
    MN_ASSERT(w->ok && w->left == 0);
}

size_t mn_tcp_emit(void *to, const struct mn_tcp_header *header)
{
    if (MN_LIKELY(header->options == MN_TCP_OPTION_TIMESTAMPS)) { /* most segments, if any */
        mn_tcp_emit_usual(to, header);
        return MN_TCP_HEADER_USUAL;
    }
    struct layout layout = lay_out(header);
    size_t len = MN_TCP_HEADER + layout.options_len;
    mn_tcp_emit_fixed(to, header, len);
    if (header->options != 0) {
        struct mn_writer w = mn_writer((uint8_t *)to + MN_TCP_HEADER, layout.options_len);
        emit_options(&w, header, &layout);
    }
    return len;
}
