/* IPv4 headers, in the order of the diagram of RFC 791 3.1. */
#include "wire/ipv4.h"

#include "base/checksum.h"
#include "base/cursor.h"

#define DONT_FRAGMENT 0x4000
#define MORE_FRAGMENTS 0x2000
#define OFFSET_MASK 0x1fff
#define OFFSET_UNIT 8
#define MIN_OPTION 2 /* type and length */
#define TOTAL_LEN_AT 2
#define CHECKSUM_AT 10
#define PLAIN 0x45 /* version 4, and a header of 20 bytes */

/* Places in a Record Route or Timestamp option. Its pointer counts from 1. */
#define POINTER 2
#define OVERFLOW_AND_FLAGS 3

/* RFC 791 3.1, the flags of a Timestamp */
enum timestamp {
    TIMESTAMP_ALONE = 0,
    TIMESTAMP_ADDRESS = 1,
    TIMESTAMP_ASKED = 3, /* addresses are given, whose hosts are to add times */
};

enum ipv4_option {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_RECORD_ROUTE = 7,
    OPTION_TIMESTAMP = 68,
    OPTION_LOOSE_SOURCE_ROUTE = 131,
    OPTION_STRICT_SOURCE_ROUTE = 137,
    OPTION_ROUTER_ALERT = 148,
};

/* The fixed part; the header's claims, true or not. In words, as mn_ipv4_emit writes it. */
static inline enum mn_parse parse_fixed(const void *data, size_t len, struct mn_ipv4 *header)
{
    if (len < MN_IPV4_HEADER)
        return MN_PARSE_TRUNCATED;
    struct mn_reader r = mn_reader(data, MN_IPV4_HEADER);
    uint64_t first = mn_read_u64(&r);
    uint64_t second = mn_read_u64(&r);
    *header = (struct mn_ipv4){
        .header_len = (uint8_t)((first >> 56 & 0x0f) * 4),
        .traffic_class = (uint8_t)(first >> 48),
        .total_len = (uint16_t)(first >> 32),
        .identification = (uint16_t)(first >> 16),
        .dont_fragment = (first & DONT_FRAGMENT) != 0,
        .more_fragments = (first & MORE_FRAGMENTS) != 0,
        .fragment_offset = (uint16_t)((first & OFFSET_MASK) * OFFSET_UNIT),
        .ttl = (uint8_t)(second >> 56),
        .protocol = (uint8_t)(second >> 48),
        .source = (uint32_t)second,
        .destination = mn_read_u32(&r),
    };
    return MN_LIKELY(first >> 60 == 4 && header->header_len >= MN_IPV4_HEADER) ? MN_PARSE_OK : MN_PARSE_INVALID;
}

/* Every length must lead to another option, or exactly to the end. */
static MN_RARE enum mn_parse parse_options(const uint8_t *data, struct mn_ipv4 *header)
{
    struct mn_reader r = mn_reader(data + MN_IPV4_HEADER, header->header_len - MN_IPV4_HEADER);
    while (mn_reader_left(&r) > 0) {
        uint8_t type = mn_read_u8(&r);
        if (type == OPTION_END)
            return MN_PARSE_OK;
        if (type == OPTION_NOP)
            continue;
        uint8_t len = mn_read_u8(&r);
        if (!r.ok || len < MIN_OPTION || mn_read(&r, (size_t)len - MIN_OPTION) == NULL)
            return MN_PARSE_INVALID;
        if (type == OPTION_LOOSE_SOURCE_ROUTE || type == OPTION_STRICT_SOURCE_ROUTE)
            header->source_route = true;
        if (type == OPTION_ROUTER_ALERT && len == 4)
            header->router_alert = true;
    }
    return MN_PARSE_OK;
}

/* A sum over a header that includes its right checksum is all ones (RFC 1071 section 1). */
static inline bool checksum_ok(const void *data, size_t len)
{
    uint64_t sum = MN_LIKELY(len == MN_IPV4_HEADER) ? mn_sum_header(data, MN_IPV4_HEADER) : mn_sum(0, data, len);
    return mn_checksum(sum) == 0;
}

enum mn_parse mn_ipv4_parse(const void *data, size_t len, size_t total, struct mn_ipv4 *header)
{
    enum mn_parse verdict = parse_fixed(data, len, header);
    if (verdict != MN_PARSE_OK)
        return verdict;
    if (len < header->header_len)
        return MN_PARSE_TRUNCATED;
    if (!checksum_ok(data, header->header_len))
        return MN_PARSE_CHECKSUM;
    if (header->total_len < header->header_len)
        return MN_PARSE_INVALID;
    if (header->total_len > total)
        return MN_PARSE_TRUNCATED;
    return MN_LIKELY(header->header_len == MN_IPV4_HEADER) ? MN_PARSE_OK : parse_options(data, header);
}

bool mn_ipv4_parse_plain(const void *data, size_t len, size_t total, struct mn_ipv4 *header)
{
    if (len < MN_IPV4_HEADER)
        return false;
    struct mn_reader r = mn_reader(data, MN_IPV4_HEADER);
    uint64_t first = mn_read_u64(&r), second = mn_read_u64(&r);
    uint32_t destination = mn_read_u32(&r);
    uint16_t total_len = (uint16_t)(first >> 32);
    if (first >> 56 != PLAIN || (first & (MORE_FRAGMENTS | OFFSET_MASK)) != 0)
        return false;
    if (total_len < MN_IPV4_HEADER || total_len > total)
        return false;
    if (mn_checksum(mn_sum_add(mn_sum_add(first, second), destination)) != 0)
        return false;
    *header = (struct mn_ipv4){.source = (uint32_t)second,
                               .destination = destination,
                               .total_len = total_len,
                               .identification = (uint16_t)(first >> 16),
                               .header_len = MN_IPV4_HEADER,
                               .protocol = (uint8_t)(second >> 48),
                               .ttl = (uint8_t)(second >> 56),
                               .traffic_class = (uint8_t)(first >> 48),
                               .dont_fragment = (first & DONT_FRAGMENT) != 0};
    return true;
}

enum mn_parse mn_ipv4_parse_quote(const void *data, size_t len, struct mn_ipv4 *header)
{
    enum mn_parse verdict = parse_fixed(data, len, header);
    if (verdict != MN_PARSE_OK)
        return verdict;
    return len < header->header_len ? MN_PARSE_TRUNCATED : MN_PARSE_OK;
}

/* In three words, and the checksum from them, in the order of numbers: reading fresh bytes back in
 * other sizes is slow. */
void mn_ipv4_emit(void *to, const struct mn_ipv4 *header)
{
    MN_ASSERT(header->header_len == MN_IPV4_HEADER && header->fragment_offset % OFFSET_UNIT == 0);
    MN_ASSERT(header->total_len >= MN_IPV4_HEADER);
    uint32_t fragment = (header->dont_fragment ? DONT_FRAGMENT : 0u) | (header->more_fragments ? MORE_FRAGMENTS : 0u) |
                        header->fragment_offset / OFFSET_UNIT;
    uint64_t first = UINT64_C(4) << 60 | UINT64_C(1) * (MN_IPV4_HEADER / 4) << 56 |
                     (uint64_t)header->traffic_class << 48 | (uint64_t)header->total_len << 32 |
                     (uint64_t)header->identification << 16 | fragment;
    uint64_t second = (uint64_t)header->ttl << 56 | (uint64_t)header->protocol << 48 | header->source;
    uint16_t checksum = mn_checksum(mn_sum_add(mn_sum_add(first, second), header->destination));
    struct mn_writer w = mn_writer(to, MN_IPV4_HEADER);
    mn_write_u64(&w, first);
    mn_write_u64(&w, second | (uint64_t)checksum << 32);
    mn_write_u32(&w, header->destination);
}

uint64_t mn_ipv4_clear_total_len(uint8_t *header)
{
    memset(header + TOTAL_LEN_AT, 0, 2);
    memset(header + CHECKSUM_AT, 0, 2);
    return mn_sum_header(header, MN_IPV4_HEADER);
}

void mn_ipv4_set_total_len(uint8_t *header, uint16_t total_len, uint64_t sum)
{
    uint16_t checksum = mn_checksum(mn_sum_add(sum, mn_sum_u16(total_len)));
    mn_store_u16(header + TOTAL_LEN_AT, total_len);
    memcpy(header + CHECKSUM_AT, &checksum, sizeof checksum);
}

void mn_ipv4_emit_options(void *to, const struct mn_ipv4 *header, const struct mn_ipv4_options *options)
{
    uint8_t *at = to;
    size_t len = MN_IPV4_HEADER + options->len;
    MN_ASSERT(options->len % 4 == 0 && options->len <= MN_IPV4_OPTIONS_MAX);
    mn_ipv4_emit(at, header);
    at[0] = (uint8_t)(4 << 4 | len / 4);
    memcpy(at + MN_IPV4_HEADER, options->bytes, options->len);
    memset(at + CHECKSUM_AT, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum(0, at, len));
    memcpy(at + CHECKSUM_AT, &checksum, sizeof checksum);
}

/* ---- The options of an echo reply ---- */

static void store_u32(uint8_t *to, uint32_t value)
{
    struct mn_writer w = mn_writer(to, 4);
    mn_write_u32(&w, value);
}

static uint32_t load_u32(const uint8_t *from)
{
    struct mn_reader r = mn_reader(from, 4);
    return mn_read_u32(&r);
}

/* Enters our address in the next free place; a full list stays as it is. False if the pointer leads
 * to no place. */
static bool update_route(uint8_t *option, uint8_t len, uint32_t own)
{
    if (len < 3 || option[POINTER] < 4)
        return false;
    if (option[POINTER] > len)
        return true;
    if (option[POINTER] + 3 > len)
        return false;
    store_u32(option + option[POINTER] - 1, own);
    option[POINTER] += 4;
    return true;
}

/* The same for a time, alone or behind an address, or only if the next address is ours. If it is
 * full, one more host is counted that found no place. */
static bool update_timestamp(uint8_t *option, uint8_t len, uint32_t own, uint32_t time_ms)
{
    if (len < 4 || option[POINTER] < 5)
        return false;
    uint8_t kind = option[OVERFLOW_AND_FLAGS] & 0x0f, size = kind == TIMESTAMP_ALONE ? 4 : 8;
    if (option[POINTER] > len) {
        bool countable = option[OVERFLOW_AND_FLAGS] < 0xf0;
        option[OVERFLOW_AND_FLAGS] += countable ? 0x10 : 0;
        return countable;
    }
    if (option[POINTER] + size - 1 > len)
        return false;
    uint8_t *place = option + option[POINTER] - 1;
    if (kind != TIMESTAMP_ALONE && kind != TIMESTAMP_ADDRESS && kind != TIMESTAMP_ASKED)
        return true; /* a kind that nobody knows */
    if (kind == TIMESTAMP_ASKED && load_u32(place) != own)
        return true;
    if (kind == TIMESTAMP_ADDRESS)
        store_u32(place, own);
    store_u32(place + size - 4, time_ms);
    option[POINTER] += size;
    return true;
}

MN_RARE bool mn_ipv4_answer_options(const uint8_t *options, size_t len, uint32_t own, uint32_t time_ms,
                                    struct mn_ipv4_options *answer)
{
    struct mn_reader r = mn_reader(options, len);
    *answer = (struct mn_ipv4_options){0};
    while (mn_reader_left(&r) > 0) {
        const uint8_t *option = r.at;
        uint8_t type = mn_read_u8(&r);
        if (type == OPTION_END)
            break;
        if (type == OPTION_NOP)
            continue;
        uint8_t option_len = mn_read_u8(&r);
        mn_read(&r, (size_t)option_len - MIN_OPTION);
        /* parse_options has seen to it. */
        MN_ASSERT(r.ok && answer->len + option_len <= MN_IPV4_OPTIONS_MAX);
        if (type != OPTION_RECORD_ROUTE && type != OPTION_TIMESTAMP)
            continue;
        uint8_t *copy = answer->bytes + answer->len;
        memcpy(copy, option, option_len);
        answer->len += option_len;
        bool sound = type == OPTION_RECORD_ROUTE ? update_route(copy, option_len, own)
                                                 : update_timestamp(copy, option_len, own, time_ms);
        if (!sound)
            return false;
    }
    answer->len = (uint8_t)((answer->len + 3u) & ~3u); /* with zeros: the end of the list */
    return true;
}
