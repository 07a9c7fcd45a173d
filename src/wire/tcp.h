/* TCP headers and options (RFC 9293 3.1 and 3.2, RFC 7323, RFC 2018, RFC 5482). */
#ifndef MN_TCP_WIRE_H
#define MN_TCP_WIRE_H

#include <string.h>

#include "base/cursor.h"
#include "wire/wire.h"

#define MN_TCP_HEADER 20
#define MN_TCP_CHECKSUM_AT 16 /* in the header */
#define MN_TCP_HEADER_MAX 60
#define MN_TCP_SACK_BLOCKS 4
#define MN_TCP_WINDOW_SHIFT_MAX 14  /* RFC 7323 2.3 */
#define MN_TCP_TIMESTAMPS_PADDED 12 /* the option's length with its padding (RFC 7323 A) */

enum mn_tcp_flag {
    MN_TCP_FIN = 0x01,
    MN_TCP_SYN = 0x02,
    MN_TCP_RST = 0x04,
    MN_TCP_PSH = 0x08,
    MN_TCP_ACK = 0x10,
    MN_TCP_URG = 0x20,
    MN_TCP_ECE = 0x40,
    MN_TCP_CWR = 0x80,
};

/* Options present in a segment. */
enum mn_tcp_option {
    MN_TCP_OPTION_MSS = 1u << 0,
    MN_TCP_OPTION_WINDOW_SCALE = 1u << 1,
    MN_TCP_OPTION_SACK_PERMITTED = 1u << 2,
    MN_TCP_OPTION_SACK = 1u << 3,
    MN_TCP_OPTION_TIMESTAMPS = 1u << 4,
    MN_TCP_OPTION_USER_TIMEOUT = 1u << 5,
};

/* Those of them that both ends have to agree to. */
static inline uint8_t mn_tcp_option_set(bool timestamps, bool sack, bool window_scale)
{
    return (uint8_t)((timestamps ? MN_TCP_OPTION_TIMESTAMPS : 0) | (sack ? MN_TCP_OPTION_SACK_PERMITTED : 0) |
                     (window_scale ? MN_TCP_OPTION_WINDOW_SCALE : 0));
}

struct mn_tcp_sack_block {
    uint32_t left, right; /* right is one past the last */
};

struct mn_tcp_header {
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    uint8_t header_len; /* in bytes, 20..60; set by parse, computed by emit */
    uint8_t flags;      /* enum mn_tcp_flag */
    uint16_t window;    /* as on the wire, unscaled */
    uint16_t checksum;  /* memory order */
    uint16_t urgent;
    uint8_t options;     /* enum mn_tcp_option */
    bool options_broken; /* an illegal length (MUST-7); the fields before it are set */
    uint16_t mss;
    uint8_t window_shift; /* as received, not clamped */
    uint8_t sack_count;
    uint16_t user_timeout; /* RFC 5482: granularity bit and 15 bits */
    uint32_t ts_value, ts_echo;
    struct mn_tcp_sack_block sack[MN_TCP_SACK_BLOCKS]; /* the first sack_count have a value */
};

/* An empty header. */
static inline void mn_tcp_header_init(struct mn_tcp_header *header)
{
    memset(header, 0, offsetof(struct mn_tcp_header, sack));
}

/* Reads a header and its options from the first `len` bytes (the linear part). Returns TRUNCATED if
 * `len` is less than 20 bytes or less than the data offset, and INVALID for a data offset below 5.
 * The caller must verify the checksum before it uses the header. Unknown options are skipped by
 * their length (MUST-6). */
enum mn_parse mn_tcp_parse(const void *data, size_t len, struct mn_tcp_header *header);
/* Bytes that emit will write: 20 and the options, padded with zeros to a multiple of four
 * (MUST-69). SACK blocks that do not fit are left out. */
size_t mn_tcp_header_length(const struct mn_tcp_header *header);
/* Writes the header with the checksum field as given; returns mn_tcp_header_length. */
size_t mn_tcp_emit(void *to, const struct mn_tcp_header *header);

/* The first word of the options of nearly every segment of a connection with timestamps, as RFC
 * 7323 A recommends it: two NOPs, kind and length. Both timestamps follow, and nothing else. */
#define MN_TCP_TIMESTAMPS_HEAD UINT32_C(0x0101080a)
/* Bytes of a header with only timestamps. */
#define MN_TCP_HEADER_USUAL (MN_TCP_HEADER + MN_TCP_TIMESTAMPS_PADDED)

/* Reads the fixed part of a header, 20 bytes, in words. */
static inline void mn_tcp_parse_fixed(const void *data, struct mn_tcp_header *header)
{
    struct mn_reader r = mn_reader(data, MN_TCP_HEADER);
    uint64_t ends = mn_read_u64(&r), second = mn_read_u64(&r);
    header->source_port = (uint16_t)(ends >> 48);
    header->destination_port = (uint16_t)(ends >> 32);
    header->seq = (uint32_t)ends;
    header->ack = (uint32_t)(second >> 32);
    header->header_len = (uint8_t)((second >> 28 & 0x0f) * 4);
    header->flags = (uint8_t)(second >> 16);
    header->window = (uint16_t)second;
    memcpy(&header->checksum, mn_read(&r, sizeof(header->checksum)), sizeof(header->checksum));
    header->urgent = mn_read_u16(&r);
}
/* Does the same as mn_tcp_parse for an acknowledgement whose only option are timestamps, and that
 * has no other flag than PSH. Returns false for any other header. Leaves the fields of other
 * options alone. */
static inline bool mn_tcp_parse_usual(const void *data, size_t len, struct mn_tcp_header *header)
{
    if (len < MN_TCP_HEADER_USUAL)
        return false;
    struct mn_reader r = mn_reader((const uint8_t *)data + MN_TCP_HEADER, MN_TCP_TIMESTAMPS_PADDED);
    uint32_t head = mn_read_u32(&r);
    uint64_t timestamps = mn_read_u64(&r);
    mn_tcp_parse_fixed(data, header);
    header->options = MN_TCP_OPTION_TIMESTAMPS;
    header->options_broken = false;
    header->ts_value = (uint32_t)(timestamps >> 32);
    header->ts_echo = (uint32_t)timestamps;
    return header->header_len == MN_TCP_HEADER_USUAL && head == MN_TCP_TIMESTAMPS_HEAD &&
           (header->flags & ~MN_TCP_PSH) == MN_TCP_ACK;
}

/* Writes the fixed part of a header that is `len` bytes long: source port, destination port, seq;
 * ack, data offset, flags, window; checksum, urgent pointer. In words, as they are summed next. */
static inline void mn_tcp_emit_fixed(void *to, const struct mn_tcp_header *header, size_t len)
{
    struct mn_writer w = mn_writer(to, MN_TCP_HEADER); /* constant: no write is checked */
    mn_write_u64(&w, (uint64_t)header->source_port << 48 | (uint64_t)header->destination_port << 32 | header->seq);
    mn_write_u64(&w, (uint64_t)header->ack << 32 | (uint32_t)(len / 4 << 28) | (uint32_t)header->flags << 16 |
                         header->window);
    mn_write_bytes(&w, &header->checksum, sizeof(header->checksum));
    mn_write_u16(&w, header->urgent);
}
/* Does the same as mn_tcp_emit for a header whose only option are timestamps. */
static inline void mn_tcp_emit_usual(void *to, const struct mn_tcp_header *header)
{
    mn_tcp_emit_fixed(to, header, MN_TCP_HEADER_USUAL);
    struct mn_writer w = mn_writer((uint8_t *)to + MN_TCP_HEADER, MN_TCP_TIMESTAMPS_PADDED);
    mn_write_u32(&w, MN_TCP_TIMESTAMPS_HEAD);
    mn_write_u64(&w, (uint64_t)header->ts_value << 32 | header->ts_echo);
}

#endif
