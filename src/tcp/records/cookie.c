/* The initial sequence number of a SYN,ACK for which no record is kept:
 *
 *   31            4 3       1   0
 *   | hash, 28 bits | MSS     | generation's parity |
 *
 * The hash is keyed, over both ends, the peer's initial sequence number and the four bits below it.
 * Keys live for a generation of 64 seconds, and those of the generation before are still accepted,
 * so a cookie is valid for 64 to 128 seconds. Only the MSS fits in here, as one of eight. Window
 * scale and SACK are in the low bits of the timestamp, which the peer echoes. A peer without
 * timestamps does without them. A peer that changes these bits only harms itself.
 *
 * A cookie opens one connection. The last used cookies are recorded. An ACK that carries one of
 * them again, after the connection is over, is an ACK to a listener like any other and gets a
 * reset.
 *
 * Cookies are sent only while the half-open records are used up, and accepted only as long as one
 * of them is valid: otherwise an ACK to a listener is answered as RFC 9293 3.10.7.2 says. While
 * they are accepted, an ACK without one is dropped in silence, because it may have overtaken the
 * one that carries it.
 */
#include "tcp/records/cookie.h"

#include <string.h>

#include "tcp/mss.h"
#include "tcp/ready.h"
#include "tcp/records/half_open.h"
#include "tcp/records/reply.h"
#include "tcp/records/table.h"
#include "tcp/tcb.h"
#include "tcp/window.h"

#define GENERATION (64 * MNET_SECOND)
#define WINDOW 16384u /* window of a cookie's SYN,ACK, a constant because no record keeps it */

#define PARITY_MASK 1u
#define MSS_SHIFT 1
#define MSS_MASK 7u
#define LOW_MASK 15u

static const uint16_t mss_table[] = {64, 536, 1220, 1360, 1400, 1440, 1460, 8960};
static_assert(MN_COUNT_OF(mss_table) == MSS_MASK + 1, "an index into it has three bits");

/* The low bits of a timestamp. */
#define STAMP_SHIFT_MASK 15u /* window scale */
#define STAMP_NO_SCALE 15u   /* above the greatest scale */
#define STAMP_SACK 16u
#define STAMP_BITS 64u

static uint32_t window(const struct mn_tcp *tcp)
{
    return MN_MIN(WINDOW, tcp->config.user.receive_buffer);
}

/* Makes new keys for a new generation. */
static void rotate(struct mn_tcp *tcp, uint64_t now)
{
    struct mn_cookies *cookies = &tcp->cookies;
    uint64_t generation = now / GENERATION + 1; /* never 0, which means none yet */
    if (generation == cookies->generation)
        return;
    if (generation != cookies->generation + 1)
        mn_random_bytes(tcp->config.random, &cookies->keys[~generation & 1], sizeof cookies->keys[0]);
    mn_random_bytes(tcp->config.random, &cookies->keys[generation & 1], sizeof cookies->keys[0]);
    cookies->generation = generation;
}

/* The low half of the result makes the cookie, and the high half distinguishes used cookies. */
static uint64_t hash_of(const struct mn_tcp *tcp, const struct mn_segment *seg, uint32_t irs, uint32_t low)
{
    uint8_t input[44];
    memcpy(input, seg->local.address.bytes, 16);
    memcpy(input + 16, seg->remote.address.bytes, 16);
    memcpy(input + 32, &seg->local.port, 2);
    memcpy(input + 34, &seg->remote.port, 2);
    memcpy(input + 36, &irs, 4);
    memcpy(input + 40, &low, 4);
    return mn_siphash24(&tcp->cookies.keys[low & PARITY_MASK], input, sizeof input);
}

static uint32_t cookie_of(uint64_t hash, uint32_t low)
{
    return ((uint32_t)hash & ~LOW_MASK) | low;
}

static bool is_used(const struct mn_cookies *cookies, uint64_t hash)
{
    for (unsigned i = 0; i < MN_COOKIES_USED; i++) {
        if (cookies->used[i] == (uint32_t)(hash >> 32))
            return true;
    }
    return false;
}

static void note_use(struct mn_cookies *cookies, uint64_t hash)
{
    cookies->used[cookies->use_next++ % MN_COOKIES_USED] = (uint32_t)(hash >> 32);
}

/* Returns the largest MSS of the table that is not above the peer's. */
static uint32_t mss_index(const struct mn_segment *seg)
{
    uint16_t fallback = mn_sizes_of(seg->remote.address)->default_mss; /* MUST-15 */
    uint16_t mss = seg->header.options & MN_TCP_OPTION_MSS && seg->header.mss > 0 ? seg->header.mss : fallback;
    uint32_t index = MSS_MASK;
    while (index > 0 && mss_table[index] > mss)
        index--;
    return index;
}

/* Returns our clock, put back by less than 64 ms so that its low bits hold the agreed options. */
static uint32_t stamp(uint32_t clock, uint8_t options, uint8_t peer_shift)
{
    uint32_t bits = options & MN_TCP_OPTION_WINDOW_SCALE ? MN_MIN(peer_shift, (uint8_t)MN_TCP_WINDOW_SHIFT_MAX)
                                                         : STAMP_NO_SCALE;
    bits |= options & MN_TCP_OPTION_SACK_PERMITTED ? STAMP_SACK : 0;
    uint32_t value = (clock & ~(STAMP_BITS - 1)) | bits;
    return mn_seq_gt(value, clock) ? value - STAMP_BITS : value;
}

void mn_cookie_answer(struct mn_tcp *tcp, const struct mn_listener *listener, const struct mn_segment *seg)
{
    const struct mn_tcp_header *h = &seg->header;
    rotate(tcp, seg->now);
    uint32_t low = mss_index(seg) << MSS_SHIFT | (uint32_t)(tcp->cookies.generation & PARITY_MASK);
    struct mn_reply reply = {.local = seg->local,
                             .remote = seg->remote,
                             .seq = cookie_of(hash_of(tcp, seg, seg->seq, low), low),
                             .ack = seg->seq + 1,
                             .flags = MN_TCP_SYN | MN_TCP_ACK,
                             .window = (uint16_t)window(tcp),
                             .options = MN_TCP_OPTION_MSS,
                             .mss = mn_window_mss(tcp, seg->remote.address),
                             .window_shift = mn_window_shift(tcp),
                             .ttl = listener->ttl,
                             .dscp = listener->dscp,
                             .hash = seg->hash};
    uint8_t agreed = h->options & listener->offer;
    if (agreed & MN_TCP_OPTION_TIMESTAMPS) {
        reply.options |= agreed;
        mn_reply_timestamp(&reply, mn_tcp_choose_beginning(tcp, &seg->local, &seg->remote, seg->now).timestamp_offset,
                           h->ts_value, seg->now);
        reply.ts_value = stamp(reply.ts_value, agreed, h->window_shift);
    }
    tcp->cookies.until_ns = seg->now + 2 * GENERATION;
    mn_tcp_count(tcp, MNET_COUNT_TCP_COOKIE_TX);
    mn_reply(tcp, &reply);
}

bool mn_cookie_expected(const struct mn_tcp *tcp, const struct mn_segment *seg)
{
    return seg->now < tcp->cookies.until_ns && (seg->flags & (MN_TCP_RST | MN_TCP_SYN | MN_TCP_ACK)) == MN_TCP_ACK;
}

/* Reads the options from the echoed timestamp. Returns false if it cannot be one of ours. */
static bool read_stamp(const struct mn_tcp *tcp, struct mn_half_open *half, const struct mn_segment *seg)
{
    const struct mn_tcp_header *h = &seg->header;
    if (!(h->options & half->listener->offer & MN_TCP_OPTION_TIMESTAMPS))
        return true;
    half->timestamp_offset = mn_tcp_choose_beginning(tcp, &seg->local, &seg->remote, seg->now).timestamp_offset;
    const struct mn_timestamps ts = {.offset = half->timestamp_offset};
    uint32_t age = mn_timestamps_value(&ts, seg->now) - h->ts_echo;
    uint32_t shift = h->ts_echo & STAMP_SHIFT_MASK;
    half->conn.options = MN_TCP_OPTION_TIMESTAMPS;
    half->ts_recent = h->ts_value;
    half->peer_shift = (uint8_t)shift;
    half->conn.options |= shift != STAMP_NO_SCALE ? MN_TCP_OPTION_WINDOW_SCALE : 0;
    half->conn.options |= h->ts_echo & STAMP_SACK ? MN_TCP_OPTION_SACK_PERMITTED : 0;
    half->conn.options &= half->listener->offer;
    return age <= 2 * GENERATION / MN_TIMESTAMP_TICK + STAMP_BITS;
}

struct mn_tcb *mn_cookie_accept(struct mn_tcp *tcp, struct mn_listener *listener, const struct mn_segment *seg)
{
    uint32_t iss = seg->ack - 1, irs = seg->seq - 1;
    uint32_t low = iss & LOW_MASK;
    struct mn_half_open half = {.listener = listener,
                                .iss = iss,
                                .irs = irs,
                                .window = seg->header.window,
                                .rcv_wnd = (uint16_t)window(tcp),
                                .mss = mss_table[low >> MSS_SHIFT & MSS_MASK]};
    half.conn = (struct mn_conn){.local = mn_conn_end(seg->local), .remote = mn_conn_end(seg->remote)};
    rotate(tcp, seg->now);
    uint64_t hash = hash_of(tcp, seg, irs, low);
    if (cookie_of(hash, low) != iss || !read_stamp(tcp, &half, seg)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_COOKIE);
        return NULL;
    }
    if (is_used(&tcp->cookies, hash)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_COOKIE);
        mn_reply_reset(tcp, seg);
        return NULL;
    }
    struct mn_tcb *tcb = mn_half_open_promote(tcp, &half, seg);
    if (tcb == NULL)
        return NULL; /* the cookie is as good as before */
    note_use(&tcp->cookies, hash);
    mn_tcp_count(tcp, MNET_COUNT_TCP_COOKIE_ACCEPTED);
    return tcb;
}
