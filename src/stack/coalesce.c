/* Theory of operation. One pass over the batch keeps a few open runs, the latest of each connection
 * seen. A data segment that continues its connection's run exactly is linked to it. Any other
 * segment of that connection ends the run, so nothing overtakes anything within a connection.
 * Usually a frame continues the run of the frame before it. Then its headers are compared with
 * those of the run's first frame, and equal headers need not be judged again.
 * Checksums are verified only if there is something to merge with: a batch of single segments costs
 * a few comparisons each.
 *
 * Both families go the same way; wire/frame.h knows the difference. Segments behind IPv4 options or
 * IPv6 extension headers, and fragments, are not judged.
 */
#include "stack/coalesce.h"

#include "base/base.h"
#include "wire/frame.h"

#define RUNS 8 /* connections that a batch can be interleaved from and still be merged */

struct segment {
    struct mnet_packet *frame;
    struct mn_frame at;
    uint32_t ip_len; /* of the packet, with its IP header */
    uint32_t seq;
};

/* Bytes of the IP and the TCP header. */
static uint32_t headers_of(const struct segment *s)
{
    return (uint32_t)s->at.network_len + s->at.transport_len;
}

struct run {
    struct segment first;
    struct mnet_packet *tail;
    uint32_t next_seq;
    uint32_t ip_len;
    bool verified; /* the first segment's checksums are right */
};

enum frame_kind {
    OTHER, /* not TCP, or not for us to judge */
    TCP,   /* of a connection, but never merged */
    DATA,
};

/* The type of a frame behind its priority tags; 0 if it has none. */
static MN_RARE uint16_t untag(struct mnet_packet *frame)
{
    return mn_ethernet_untag(frame) && frame->len >= MN_FRAME_TCP_LEAST ? mn_frame_type(frame) : 0;
}

static enum frame_kind classify(struct mnet_packet *frame, struct segment *s)
{
    if (frame->len < MN_FRAME_TCP_LEAST)
        return OTHER;
    uint16_t type = mn_frame_type(frame);
    if (MN_UNLIKELY(type != MN_ETHERTYPE_IPV4 && type != MN_ETHERTYPE_IPV6))
        type = untag(frame);
    if (MN_LIKELY(type == MN_ETHERTYPE_IPV4) ? !mn_frame_find_plain_tcp4(frame, &s->at)
                                             : type != MN_ETHERTYPE_IPV6 || !mn_frame_find_tcp6(frame, &s->at))
        return OTHER;
    const struct mn_frame *at = &s->at;
    s->frame = frame;
    s->ip_len = mn_frame_packet_len(at);
    s->seq = mn_frame_sequence(at);
    if ((mn_frame_flags(at) & ~MN_TCP_PSH) != MN_TCP_ACK || !mn_frame_reserved_is_zero(at) || frame->more != NULL)
        return TCP;
    uint32_t headers = headers_of(s);
    if (at->transport_len < MN_TCP_HEADER || frame->len < MN_ETHERNET_HEADER + headers)
        return TCP;
    if (s->ip_len <= headers || frame->total < MN_ETHERNET_HEADER + s->ip_len)
        return TCP;
    return DATA;
}

/* Cuts link padding off, and verifies the checksums. Returns whether they are right; the frame is
 * then VERIFIED. */
static inline bool verify_at(const struct segment *s, const struct mn_frame *at)
{
    MN_DEBUG_ASSERT(s->frame->total >= MN_ETHERNET_HEADER + s->ip_len);
    if (!mn_frame_network_checksum_ok(at))
        return false;
    if (s->frame->total > MN_ETHERNET_HEADER + s->ip_len)
        mnet_packet_trim(s->frame, MN_ETHERNET_HEADER + s->ip_len);
    if (!mn_packet_is_verified(s->frame) && !mn_frame_transport_checksum_ok(at, s->frame))
        return false;
    s->frame->checksum = MNET_CHECKSUM_VERIFIED;
    return true;
}

/* The length of the network header is a constant for each family, so the sums over it are short. */
static bool verify(const struct segment *s)
{
    uint16_t transport_len = s->at.transport_len;
    if (MN_UNLIKELY(s->at.ipv6)) {
        const struct mn_frame at = mn_frame_at(s->frame->data, true, MN_IPV6_HEADER, transport_len);
        return verify_at(s, &at);
    }
    const struct mn_frame at = mn_frame_at(s->frame->data, false, MN_IPV4_HEADER, transport_len);
    return verify_at(s, &at);
}

static void start(struct run *run, const struct segment *s)
{
    MN_DEBUG_ASSERT(s->ip_len >= headers_of(s));
    run->first = *s;
    run->tail = s->frame;
    run->next_seq = s->seq + (s->ip_len - headers_of(s));
    run->ip_len = s->ip_len;
    run->verified = false;
}

/* Links the segment, whose headers are like those of the run, to it if it continues the run. The
 * totals of the chain are put right when the run ends. */
static bool extend(struct run *run, const struct segment *s)
{
    MN_DEBUG_ASSERT(s->ip_len > headers_of(s));
    uint32_t payload = s->ip_len - headers_of(s);
    if (s->seq != run->next_seq || run->ip_len + payload > MN_FRAME_IP_MAX)
        return false;
    if (!run->verified && !verify(&run->first))
        return false;
    run->verified = true;
    if (!verify(s))
        return false;
    mn_frame_add_flags(&run->first.at, mn_frame_flags(&s->at)); /* PSH */
    run->first.frame->segments = (uint16_t)(run->first.frame->segments + s->frame->segments);
    mnet_packet_pull(s->frame, MN_ETHERNET_HEADER + headers_of(s));
    run->tail->more = s->frame;
    run->tail = s->frame;
    run->next_seq += payload;
    run->ip_len += payload;
    return true;
}

static void finish(struct run *run)
{
    struct mnet_packet *head = run->first.frame;
    if (head->more == NULL)
        return;
    mn_frame_set_packet_len(&run->first.at, (uint16_t)run->ip_len);
    head->checksum = MNET_CHECKSUM_VERIFIED;
    /* A packet's total counts all that follow it in the chain. */
    uint32_t left = MN_ETHERNET_HEADER + run->ip_len;
    for (struct mnet_packet *part = head; part != NULL; part = part->more) {
        uint32_t own = part->total;
        part->total = left;
        left -= own;
    }
    MN_ASSERT(left == 0);
}

struct runs {
    struct run open[RUNS];
    int count;
    int oldest;         /* the one to give way when all are in use */
    struct run *latest; /* of the last DATA frame; NULL if that ended it */
};

static struct run *find(struct runs *runs, const struct segment *s)
{
    for (int i = 0; i < runs->count; i++) {
        if (mn_frame_same_connection(&runs->open[i].first.at, &s->at))
            return &runs->open[i];
    }
    return NULL;
}

static void close_run(struct runs *runs, struct run *run)
{
    MN_DEBUG_ASSERT(runs->count > 0);
    finish(run);
    *run = runs->open[--runs->count];
    runs->latest = NULL;
}

static struct run *new_run(struct runs *runs)
{
    MN_DEBUG_ASSERT(runs->count <= RUNS && runs->oldest < RUNS);
    if (runs->count < RUNS)
        return &runs->open[runs->count++];
    struct run *run = &runs->open[runs->oldest];
    runs->oldest = (runs->oldest + 1) % RUNS;
    finish(run);
    return run;
}

/* Returns true, and the segment, if the frame's headers are like those of the run: so it is DATA,
 * too. */
static bool is_like(const struct run *run, struct mnet_packet *frame, struct segment *s)
{
    const struct mn_frame *at = &run->first.at;
    uint32_t headers = headers_of(&run->first);
    if (frame->len < MN_ETHERNET_HEADER + headers || frame->more != NULL)
        return false;
    s->at = mn_frame_at(frame->data, at->ipv6, at->network_len, at->transport_len);
    if (!mn_frame_same_headers(at, &s->at) || (mn_frame_flags(&s->at) & ~MN_TCP_PSH) != MN_TCP_ACK)
        return false;
    s->frame = frame;
    s->ip_len = mn_frame_packet_len(&s->at);
    s->seq = mn_frame_sequence(&s->at);
    return s->ip_len > headers && frame->total >= MN_ETHERNET_HEADER + s->ip_len;
}

/* The segment is the first one of a new run, or of the run of its connection, which has ended. */
static void start_run(struct runs *runs, struct run *run, const struct segment *s)
{
    if (run == NULL)
        run = new_run(runs);
    else
        finish(run);
    start(run, s);
    runs->latest = run;
}

/* Merges the frame into an earlier one if it continues that. Returns true if it did. */
static bool absorb(struct runs *runs, struct mnet_packet *frame)
{
    struct segment segment;
    enum frame_kind kind = DATA;
    struct run *run = runs->latest;
    bool like = run != NULL && is_like(run, frame, &segment);
    if (!like) {
        kind = classify(frame, &segment);
        if (kind == OTHER)
            return false;
        run = find(runs, &segment);
        like = run != NULL && kind == DATA && mn_frame_same_headers(&run->first.at, &segment.at);
    }
    bool merged = like && extend(run, &segment);
    bool last = kind != DATA || (mn_frame_flags(&segment.at) & MN_TCP_PSH) != 0;
    if (merged && !last)
        runs->latest = run;
    else if (run != NULL && (merged || last))
        close_run(runs, run);
    else if (!last)
        start_run(runs, run, &segment);
    return merged;
}

int mn_coalesce(struct mnet_packet **frames, int count)
{
    if (count < 2)
        return count;
    struct runs runs;
    runs.count = runs.oldest = 0;
    runs.latest = NULL;
    int kept = 0;
    for (int i = 0; i < count; i++) {
        struct mnet_packet *frame = frames[i];
        if (!absorb(&runs, frame))
            frames[kept++] = frame;
    }
    for (int i = 0; i < runs.count; i++)
        finish(&runs.open[i]);
    return kept;
}
