/* TCP headers: fields, every option, every false length. */
#include "unit/support.h"

#include "wire/tcp.h"

static const uint8_t plain[MN_TCP_HEADER] = {0x1f, 0x90, 0xc0, 0x01, 0x01, 0x02, 0x03, 0x04, 0xa1, 0xa2,
                                             0xa3, 0xa4, 0x50, 0x18, 0xfa, 0xf0, 0xbe, 0xef, 0x00, 0x05};

/* Makes a header with exactly the options given, padded with zeros. Returns its length. */
static size_t with_options(uint8_t out[MN_TCP_HEADER_MAX], const uint8_t *options, size_t len)
{
    size_t header = MN_TCP_HEADER + (len + 3) / 4 * 4;
    memset(out, 0, MN_TCP_HEADER_MAX);
    memcpy(out, plain, MN_TCP_HEADER);
    memcpy(out + MN_TCP_HEADER, options, len);
    out[12] = (uint8_t)(header / 4 << 4);
    return header;
}

/* Parses from a block that ends where the bytes end. */
static enum mn_parse parse_exact(const uint8_t *bytes, size_t len, struct mn_tcp_header *header)
{
    uint8_t *exact = malloc(len + 1);
    memcpy(exact, bytes, len);
    enum mn_parse verdict = mn_tcp_parse(exact, len, header);
    free(exact);
    return verdict;
}

static struct mn_tcp_header options_of(const uint8_t *options, size_t len)
{
    uint8_t bytes[MN_TCP_HEADER_MAX];
    struct mn_tcp_header header;
    size_t header_len = with_options(bytes, options, len);
    assert_int_equal(parse_exact(bytes, header_len, &header), MN_PARSE_OK);
    assert_int_equal(header.header_len, header_len);
    return header;
}

#define OPTIONS_OF(...) options_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void parse_reads_a_plain_header(void **state)
{
    (void)state;
    struct mn_tcp_header header;
    assert_int_equal(parse_exact(plain, sizeof(plain), &header), MN_PARSE_OK);
    assert_int_equal(header.source_port, 8080);
    assert_int_equal(header.destination_port, 0xc001);
    assert_int_equal(header.seq, 0x01020304);
    assert_int_equal(header.ack, 0xa1a2a3a4);
    assert_int_equal(header.header_len, 20);
    assert_int_equal(header.flags, MN_TCP_ACK | MN_TCP_PSH);
    assert_int_equal(header.window, 64240);
    assert_memory_equal(&header.checksum, plain + 16, 2);
    assert_int_equal(header.urgent, 5);
    assert_int_equal(header.options, 0);
    assert_false(header.options_broken);
}

static void parse_reads_all_flags(void **state)
{
    (void)state;
    for (int flags = 0; flags < 256; flags++) {
        uint8_t bytes[MN_TCP_HEADER];
        struct mn_tcp_header header;
        memcpy(bytes, plain, sizeof(bytes));
        bytes[12] |= 0x0f; /* RFC 9293 3.1: reserved bits are ignored on receipt */
        bytes[13] = (uint8_t)flags;
        assert_int_equal(parse_exact(bytes, sizeof(bytes), &header), MN_PARSE_OK);
        assert_int_equal(header.flags, flags);
        assert_int_equal(header.header_len, 20);
    }
}

static void parse_of_every_truncation_says_so(void **state)
{
    (void)state;
    static const uint8_t nops[40] = {1, 1, 1, 1, 1, 1, 1, 1};
    for (size_t options = 0; options <= 40; options += 4) {
        uint8_t bytes[MN_TCP_HEADER_MAX];
        struct mn_tcp_header header;
        size_t header_len = with_options(bytes, nops, options);
        for (size_t len = 0; len < header_len; len++)
            assert_int_equal(parse_exact(bytes, len, &header), MN_PARSE_TRUNCATED);
        assert_int_equal(parse_exact(bytes, header_len, &header), MN_PARSE_OK);
    }
}

static void parse_of_every_data_offset(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < 16; offset++) {
        uint8_t bytes[40] = {0};
        struct mn_tcp_header header;
        memcpy(bytes, plain, sizeof(plain));
        bytes[12] = (uint8_t)(offset << 4);
        enum mn_parse expected = offset < 5 ? MN_PARSE_INVALID : offset > 10 ? MN_PARSE_TRUNCATED : MN_PARSE_OK;
        assert_int_equal(parse_exact(bytes, sizeof(bytes), &header), expected);
    }
}

static void parse_reads_the_options_of_a_syn(void **state)
{
    (void)state;
    struct mn_tcp_header h = OPTIONS_OF(2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7);
    assert_int_equal(h.options, MN_TCP_OPTION_MSS | MN_TCP_OPTION_SACK_PERMITTED | MN_TCP_OPTION_TIMESTAMPS |
                                    MN_TCP_OPTION_WINDOW_SCALE);
    assert_int_equal(h.mss, 1460);
    assert_int_equal(h.ts_value, 0x01020304);
    assert_int_equal(h.ts_echo, 0x05060708);
    assert_int_equal(h.window_shift, 7);
    assert_false(h.options_broken);
}

static void parse_does_not_clamp_the_window_shift(void **state)
{
    (void)state;
    assert_int_equal(OPTIONS_OF(3, 3, 255).window_shift, 255);
}

static void parse_reads_sack_blocks(void **state)
{
    (void)state;
    uint8_t bytes[34] = {5};
    for (uint8_t count = 1; count <= MN_TCP_SACK_BLOCKS; count++) {
        bytes[1] = (uint8_t)(2 + 8 * count);
        for (size_t i = 2; i < bytes[1]; i++)
            bytes[i] = (uint8_t)i;
        struct mn_tcp_header h = options_of(bytes, bytes[1]);
        assert_int_equal(h.options, MN_TCP_OPTION_SACK);
        assert_int_equal(h.sack_count, count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t first = 2 + 8 * i;
            assert_int_equal(h.sack[i].left, 0x00010203 + first * 0x01010101);
            assert_int_equal(h.sack[i].right, 0x00010203 + (first + 4) * 0x01010101);
        }
    }
}

static void parse_reads_the_user_timeout(void **state)
{
    (void)state;
    struct mn_tcp_header h = OPTIONS_OF(28, 4, 0x80, 0x0a);
    assert_int_equal(h.options, MN_TCP_OPTION_USER_TIMEOUT);
    assert_int_equal(h.user_timeout, 0x800a);
}

/* MUST-6: unknown options are skipped by their length, of any value, and the options after them are
 * read. */
static void parse_skips_unknown_options_of_any_length(void **state)
{
    (void)state;
    static const uint8_t known[] = {2, 3, 4, 5, 8, 28};
    for (int kind = 2; kind < 256; kind++) {
        if (memchr(known, kind, sizeof(known)) != NULL)
            continue;
        for (uint8_t len = 2; len <= 36; len++) {
            uint8_t bytes[40];
            memset(bytes, 0xff, sizeof(bytes));
            bytes[0] = (uint8_t)kind;
            bytes[1] = len;
            memcpy(bytes + len, (const uint8_t[]){2, 4, 0x02, 0x18}, 4);
            struct mn_tcp_header h = options_of(bytes, len + 4u);
            assert_false(h.options_broken);
            assert_int_equal(h.options, MN_TCP_OPTION_MSS);
            assert_int_equal(h.mss, 536);
        }
    }
}

/* MUST-5, and RFC 9293 3.2: options may begin on any byte. */
static void parse_reads_options_at_any_offset(void **state)
{
    (void)state;
    for (size_t nops = 0; nops <= 36; nops++) {
        uint8_t bytes[40];
        memset(bytes, 1, sizeof(bytes));
        memcpy(bytes + nops, (const uint8_t[]){2, 4, 0x02, 0x18}, 4);
        assert_int_equal(options_of(bytes, nops + 4).mss, 536);
    }
}

static void parse_stops_at_the_end_of_the_list(void **state)
{
    (void)state;
    struct mn_tcp_header h = OPTIONS_OF(3, 3, 2, 0, 2, 4, 0x05, 0xb4);
    assert_int_equal(h.options, MN_TCP_OPTION_WINDOW_SCALE);
    assert_false(h.options_broken);
    h = OPTIONS_OF(0, 2, 0, 8);
    assert_int_equal(h.options, 0);
    assert_false(h.options_broken);
}

/* MUST-7: each length that an option cannot have, after an option that is right and stays right. */
static void parse_of_lying_option_lengths(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind, right;
    } kinds[] = {{2, 4}, {3, 3}, {4, 2}, {8, 10}, {28, 4}};
    for (size_t k = 0; k < MN_COUNT_OF(kinds); k++)
        for (int len = 0; len < 256; len++) {
            uint8_t bytes[40];
            memset(bytes, 1, sizeof(bytes));
            memcpy(bytes, (const uint8_t[]){5, 10, 0, 0, 0, 1, 0, 0, 0, 2}, 10);
            bytes[10] = kinds[k].kind;
            bytes[11] = (uint8_t)len;
            struct mn_tcp_header h = options_of(bytes, sizeof(bytes));
            assert_int_equal(h.options_broken, len != kinds[k].right);
            assert_true((h.options & MN_TCP_OPTION_SACK) != 0);
            assert_int_equal(h.sack_count, 1);
            assert_int_equal(h.options == MN_TCP_OPTION_SACK, len != kinds[k].right);
        }
}

static void parse_of_lying_sack_lengths(void **state)
{
    (void)state;
    for (int len = 0; len < 256; len++) {
        uint8_t bytes[40];
        memset(bytes, 1, sizeof(bytes));
        bytes[0] = 5;
        bytes[1] = (uint8_t)len;
        struct mn_tcp_header h = options_of(bytes, sizeof(bytes));
        bool right = len == 10 || len == 18 || len == 26 || len == 34;
        assert_int_equal(h.options_broken, !right);
        assert_int_equal(h.options, right ? MN_TCP_OPTION_SACK : 0);
        assert_int_equal(h.sack_count, right ? (len - 2) / 8 : 0);
    }
}

/* An option whose length leads exactly to, or just beyond, the end of the header. */
static void parse_of_options_at_the_brink(void **state)
{
    (void)state;
    assert_false(OPTIONS_OF(1, 1, 4, 2).options_broken);
    assert_true(OPTIONS_OF(1, 1, 1, 4).options_broken);
    assert_true(OPTIONS_OF(1, 1, 2, 4).options_broken);
    assert_true(OPTIONS_OF(1, 3, 3, 7, 1, 1, 1, 77).options_broken);
    assert_int_equal(OPTIONS_OF(1, 3, 3, 7, 1, 1, 1, 77).window_shift, 7);
    assert_false(OPTIONS_OF(77, 4, 0, 0).options_broken);
    assert_true(OPTIONS_OF(77, 5, 0, 0).options_broken);
    assert_true(OPTIONS_OF(77, 255, 0, 0).options_broken);
    assert_true(OPTIONS_OF(77, 1, 0, 0).options_broken);
    assert_true(OPTIONS_OF(77, 0, 0, 0).options_broken);
}

/* ---- emit ---- */

/* Emits into a block of exactly the length announced, and parses it back. */
static size_t emit_exact(const struct mn_tcp_header *header, uint8_t out[MN_TCP_HEADER_MAX])
{
    size_t len = mn_tcp_header_length(header);
    assert_in_range(len, MN_TCP_HEADER, MN_TCP_HEADER_MAX);
    assert_int_equal(len % 4, 0);
    uint8_t *exact = malloc(len);
    memset(exact, 0xee, len);
    assert_int_equal(mn_tcp_emit(exact, header), len);
    memcpy(out, exact, len);
    free(exact);
    return len;
}

static void assert_emits(const struct mn_tcp_header *header, const uint8_t *options, size_t options_len)
{
    uint8_t out[MN_TCP_HEADER_MAX];
    assert_int_equal(emit_exact(header, out), MN_TCP_HEADER + options_len);
    assert_memory_equal(out + MN_TCP_HEADER, options, options_len);
}

#define ASSERT_EMITS(header, ...) \
    assert_emits(header, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void emit_gives_the_plain_header(void **state)
{
    (void)state;
    struct mn_tcp_header header;
    uint8_t out[MN_TCP_HEADER_MAX];
    mn_tcp_parse(plain, sizeof(plain), &header);
    assert_int_equal(emit_exact(&header, out), MN_TCP_HEADER);
    assert_memory_equal(out, plain, MN_TCP_HEADER);
}

static void emit_lays_out_the_options(void **state)
{
    (void)state;
    struct mn_tcp_header h = {.mss = 1460, .window_shift = 7, .ts_value = 0x01020304, .ts_echo = 0x05060708};
    h.options = MN_TCP_OPTION_MSS;
    ASSERT_EMITS(&h, 2, 4, 0x05, 0xb4);
    h.options = MN_TCP_OPTION_MSS | MN_TCP_OPTION_WINDOW_SCALE;
    ASSERT_EMITS(&h, 2, 4, 0x05, 0xb4, 1, 3, 3, 7);
    h.options = MN_TCP_OPTION_TIMESTAMPS;
    ASSERT_EMITS(&h, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8);
    h.options = MN_TCP_OPTION_MSS | MN_TCP_OPTION_WINDOW_SCALE | MN_TCP_OPTION_TIMESTAMPS |
                MN_TCP_OPTION_SACK_PERMITTED;
    ASSERT_EMITS(&h, 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7);
    h.user_timeout = 0x800a;
    h.options = MN_TCP_OPTION_USER_TIMEOUT;
    ASSERT_EMITS(&h, 28, 4, 0x80, 0x0a);
    h.sack_count = 1;
    h.sack[0] = (struct mn_tcp_sack_block){0x11121314, 0x21222324};
    h.options = MN_TCP_OPTION_SACK;
    ASSERT_EMITS(&h, 1, 1, 5, 10, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24);
}

/* MUST-69: after the end of the list there are only zeros. */
static void emit_pads_with_zeros(void **state)
{
    (void)state;
    struct mn_tcp_header h = {.mss = 1460, .window_shift = 7};
    h.options = MN_TCP_OPTION_MSS | MN_TCP_OPTION_SACK_PERMITTED | MN_TCP_OPTION_WINDOW_SCALE;
    ASSERT_EMITS(&h, 2, 4, 0x05, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0);
}

static void emit_leaves_out_sack_blocks_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        unsigned others;
        uint8_t blocks;
    } cases[] = {
        {0, 4},
        {MN_TCP_OPTION_TIMESTAMPS, 3},
        {MN_TCP_OPTION_TIMESTAMPS | MN_TCP_OPTION_USER_TIMEOUT, 2},
        {MN_TCP_OPTION_MSS | MN_TCP_OPTION_TIMESTAMPS | MN_TCP_OPTION_USER_TIMEOUT | MN_TCP_OPTION_WINDOW_SCALE, 1},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mn_tcp_header h = {.sack_count = 4, .options = (uint8_t)(cases[i].others | MN_TCP_OPTION_SACK)}, back;
        uint8_t out[MN_TCP_HEADER_MAX];
        for (uint32_t block = 0; block < 4; block++)
            h.sack[block] = (struct mn_tcp_sack_block){block, block + 100};
        assert_int_equal(mn_tcp_parse(out, emit_exact(&h, out), &back), MN_PARSE_OK);
        assert_false(back.options_broken);
        assert_int_equal(back.sack_count, cases[i].blocks);
        for (uint32_t block = 0; block < back.sack_count; block++)
            assert_int_equal(back.sack[block].right, block + 100);
    }
    struct mn_tcp_header none = {.options = MN_TCP_OPTION_SACK};
    assert_int_equal(mn_tcp_header_length(&none), MN_TCP_HEADER);
}

static void assert_same(const struct mn_tcp_header *a, const struct mn_tcp_header *b)
{
    assert_int_equal(a->source_port, b->source_port);
    assert_int_equal(a->destination_port, b->destination_port);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->ack, b->ack);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->window, b->window);
    assert_int_equal(a->checksum, b->checksum);
    assert_int_equal(a->urgent, b->urgent);
    assert_int_equal(a->options, b->options);
    assert_int_equal(a->mss, b->mss);
    assert_int_equal(a->window_shift, b->window_shift);
    assert_int_equal(a->user_timeout, b->user_timeout);
    assert_int_equal(a->ts_value, b->ts_value);
    assert_int_equal(a->ts_echo, b->ts_echo);
}

static struct mn_tcp_header random_header(uint64_t *seed, unsigned options)
{
    struct mn_tcp_header h = {0};
    h.source_port = (uint16_t)test_random(seed);
    h.destination_port = (uint16_t)test_random(seed);
    h.seq = (uint32_t)test_random(seed);
    h.ack = (uint32_t)test_random(seed);
    h.flags = (uint8_t)test_random(seed);
    h.window = (uint16_t)test_random(seed);
    h.checksum = (uint16_t)test_random(seed);
    h.urgent = (uint16_t)test_random(seed);
    h.options = (uint8_t)options;
    h.mss = (options & MN_TCP_OPTION_MSS) != 0 ? (uint16_t)test_random(seed) : 0;
    h.window_shift = (options & MN_TCP_OPTION_WINDOW_SCALE) != 0 ? (uint8_t)test_random(seed) : 0;
    h.user_timeout = (options & MN_TCP_OPTION_USER_TIMEOUT) != 0 ? (uint16_t)test_random(seed) : 0;
    if ((options & MN_TCP_OPTION_TIMESTAMPS) != 0) {
        h.ts_value = (uint32_t)test_random(seed);
        h.ts_echo = (uint32_t)test_random(seed);
    }
    h.sack_count = (options & MN_TCP_OPTION_SACK) != 0 ? (uint8_t)(1 + test_random_below(seed, 4)) : 0;
    for (int i = 0; i < h.sack_count; i++)
        h.sack[i] = (struct mn_tcp_sack_block){(uint32_t)test_random(seed), (uint32_t)test_random(seed)};
    return h;
}

/* Every set of options. */
static void emit_and_parse_agree(void **state)
{
    (void)state;
    uint64_t seed = 81;
    for (unsigned options = 0; options < 64; options++)
        for (int i = 0; i < 50; i++) {
            struct mn_tcp_header header = random_header(&seed, options), back;
            uint8_t out[MN_TCP_HEADER_MAX], block[MN_TCP_HEADER_MAX + 8];
            size_t len = emit_exact(&header, out);
            memcpy(block + i % 8, out, len);
            assert_int_equal(mn_tcp_parse(block + i % 8, len, &back), MN_PARSE_OK);
            assert_int_equal(back.header_len, len);
            assert_false(back.options_broken);
            if (back.sack_count == 0)
                header.options &= (uint8_t)~MN_TCP_OPTION_SACK; /* no block fits */
            assert_same(&back, &header);
            assert_true(back.sack_count <= header.sack_count);
            for (int sack = 0; sack < back.sack_count; sack++)
                assert_memory_equal(&back.sack[sack], &header.sack[sack], sizeof(header.sack[0]));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_a_plain_header),
        cmocka_unit_test(parse_reads_all_flags),
        cmocka_unit_test(parse_of_every_truncation_says_so),
        cmocka_unit_test(parse_of_every_data_offset),
        cmocka_unit_test(parse_reads_the_options_of_a_syn),
        cmocka_unit_test(parse_does_not_clamp_the_window_shift),
        cmocka_unit_test(parse_reads_sack_blocks),
        cmocka_unit_test(parse_reads_the_user_timeout),
        cmocka_unit_test(parse_skips_unknown_options_of_any_length),
        cmocka_unit_test(parse_reads_options_at_any_offset),
        cmocka_unit_test(parse_stops_at_the_end_of_the_list),
        cmocka_unit_test(parse_of_lying_option_lengths),
        cmocka_unit_test(parse_of_lying_sack_lengths),
        cmocka_unit_test(parse_of_options_at_the_brink),
        cmocka_unit_test(emit_gives_the_plain_header),
        cmocka_unit_test(emit_lays_out_the_options),
        cmocka_unit_test(emit_pads_with_zeros),
        cmocka_unit_test(emit_leaves_out_sack_blocks_that_do_not_fit),
        cmocka_unit_test(emit_and_parse_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
