/* TCP: a header that parses without broken options is emitted and parses to the same fields. SACK
 * blocks may be missing if the options were packed more tightly than ours are. */
#include "fuzz/fuzz.h"
#include "wire/tcp.h"

static bool same_meaning(const struct mn_tcp_header *a, const struct mn_tcp_header *b)
{
    return a->source_port == b->source_port && a->destination_port == b->destination_port && a->seq == b->seq &&
           a->ack == b->ack && a->flags == b->flags && a->window == b->window && a->checksum == b->checksum &&
           a->urgent == b->urgent && a->options == b->options && a->mss == b->mss &&
           a->window_shift == b->window_shift && a->user_timeout == b->user_timeout && a->ts_value == b->ts_value &&
           a->ts_echo == b->ts_echo && a->sack_count == b->sack_count &&
           memcmp(a->sack, b->sack, a->sack_count * sizeof(a->sack[0])) == 0;
}

static void round_trip(const struct mn_tcp_header *header)
{
    struct mn_tcp_header back;
    size_t len = mn_tcp_header_length(header);
    MN_ASSERT(len >= MN_TCP_HEADER && len <= MN_TCP_HEADER_MAX && len % 4 == 0);
    uint8_t *out = malloc(len);
    MN_ASSERT(out != NULL);
    MN_ASSERT(mn_tcp_emit(out, header) == len);
    MN_ASSERT(mn_tcp_parse(out, len, &back) == MN_PARSE_OK && !back.options_broken && back.header_len == len);
    free(out);
    struct mn_tcp_header expected = *header;
    if (back.sack_count < header->sack_count) {
        expected.sack_count = back.sack_count;
        if (back.sack_count == 0)
            expected.options &= (uint8_t)~MN_TCP_OPTION_SACK;
    }
    MN_ASSERT(same_meaning(&back, &expected));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_tcp_header header;
    enum mn_parse verdict = mn_tcp_parse(bytes, size, &header);
    MN_ASSERT(size >= MN_TCP_HEADER || verdict == MN_PARSE_TRUNCATED);
    if (verdict == MN_PARSE_OK) {
        MN_ASSERT(header.header_len >= MN_TCP_HEADER && header.header_len <= size);
        MN_ASSERT(header.sack_count <= MN_TCP_SACK_BLOCKS);
        /* With broken options, fields of absent options may have any value. */
        if (!header.options_broken)
            round_trip(&header);
    }
    free(bytes);
    return 0;
}
