/* Theory of operation. One pass over the batch keeps a few open runs, the latest of each connection seen. A data segment that continues its connection's run exactly
 * is linked to it; any other segment of that connection ends the run, so nothing overtakes anything within a connection. Checksums are
 * verified only when there is something to merge with: a batch of single segments costs a few comparisons each.
 */
#include "stack/coalesce.h"

#include <string.h>

#include "base/base.h"
#include "base/checksum.h"
#include "base/packet_sum.h"
#include "stack/bytes.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

#define RUNS 8 /* connections that a batch can be interleaved from and still be merged */
#define IP_MAX 65535u
#define LEAST (MN_ETHERNET_HEADER + MN_IPV4_HEADER + MN_TCP_HEADER)

struct segment {
    struct mnet_packet *frame;
    uint8_t *ip, *tcp;
    uint32_t ip_len;     /* total length */
    uint32_t header_len; /* IP and TCP */
    uint32_t seq;
};

struct run {
    struct segment first;
    struct mnet_packet *tail;
    uint32_t next_seq;
    uint32_t ip_len;
    bool verified; /* the first segment's checksums are right */
};

enum kind {
    OTHER, /* not TCP over IPv4, or not for us to judge */
    TCP,   /* of a connection, but never merged */
    DATA,
};

static uint16_t type_of(const struct mnet_packet *frame)
{
    return mn_load_u16(frame->data + MN_ETHERNET_HEADER - 2);
}

static enum kind classify(struct mnet_packet *frame, struct segment *s)
{
    if (frame->len < LEAST)
        return OTHER;
    if (MN_UNLIKELY(type_of(frame) != MN_ETHERTYPE_IPV4) &&
        !(mn_ethernet_untag(frame) && type_of(frame) == MN_ETHERTYPE_IPV4 && frame->len >= LEAST))
        return OTHER;
    uint8_t *ip = frame->data + MN_ETHERNET_HEADER;
    if (ip[0] != 0x45 || ip[9] != MN_PROTOCOL_TCP)
        return OTHER;
    if ((mn_load_u16(ip + 6) & 0xbfff) != 0) /* anything but Don't Fragment */
        return OTHER;
    uint8_t *tcp = ip + MN_IPV4_HEADER;
    *s = (struct segment){
        .frame = frame,
        .ip = ip,
        .tcp = tcp,
        .ip_len = mn_load_u16(ip + 2),
        .header_len = MN_IPV4_HEADER + (uint32_t)(tcp[12] >> 4) * 4,
        .seq = mn_load_u32(tcp + 4),
    };
    if ((tcp[13] & ~MN_TCP_PSH) != MN_TCP_ACK || (tcp[12] & 0x0f) != 0 || frame->more != NULL)
        return TCP;
    if (s->header_len < MN_IPV4_HEADER + MN_TCP_HEADER || frame->len < MN_ETHERNET_HEADER + s->header_len)
        return TCP;
    if (s->ip_len <= s->header_len || frame->total < MN_ETHERNET_HEADER + s->ip_len)
        return TCP;
    return DATA;
}

static bool same_connection(const struct segment *a, const struct segment *b)
{
    return memcmp(a->tcp, b->tcp, 4) == 0 && memcmp(a->ip + 12, b->ip + 12, 8) == 0;
}

/* Everything that one header can say for both. */
static bool same_headers(const struct segment *a, const struct segment *b)
{
    if (a->header_len != b->header_len || a->ip[1] != b->ip[1] ||        /* DSCP and ECN */
        memcmp(a->ip + 6, b->ip + 6, 2) != 0 || a->ip[8] != b->ip[8] ||  /* DF, TTL */
        memcmp(a->tcp + 8, b->tcp + 8, 4) != 0 ||                        /* acknowledgement */
        memcmp(a->tcp + 14, b->tcp + 14, 2) != 0 ||                      /* window */
        memcmp(a->tcp + 18, b->tcp + 18, 2) != 0 ||                      /* urgent pointer */
        memcmp(a->frame->data, b->frame->data, MN_ETHERNET_HEADER) != 0) /* whom it was addressed to */
        return false;
    size_t options_len = a->header_len - (MN_IPV4_HEADER + MN_TCP_HEADER);
    return options_len == 0 || memcmp(a->tcp + MN_TCP_HEADER, b->tcp + MN_TCP_HEADER, options_len) == 0;
}

/* Cuts link padding off, and says whether both checksums are right. */
static bool verify(const struct segment *s)
{
    if (mn_checksum(mn_sum_header(s->ip, MN_IPV4_HEADER)) != 0)
        return false;
    if (s->frame->total > MN_ETHERNET_HEADER + s->ip_len)
        mnet_packet_trim(s->frame, MN_ETHERNET_HEADER + s->ip_len);
    if (s->frame->checksum != MNET_CHECKSUM_PLAIN)
        return true;
    uint64_t sum = mn_packet_sum(s->frame, MN_ETHERNET_HEADER + MN_IPV4_HEADER);
    sum = mn_sum_add(sum, mn_sum_header(s->ip + 12, 8));
    sum = mn_sum_add(sum, mn_sum_u16(MN_PROTOCOL_TCP));
    sum = mn_sum_add(sum, mn_sum_u16((uint16_t)(s->ip_len - MN_IPV4_HEADER)));
    return mn_checksum(sum) == 0;
}

static void start(struct run *run, const struct segment *s)
{
    run->first = *s;
    run->tail = s->frame;
    run->next_seq = s->seq + (s->ip_len - s->header_len);
    run->ip_len = s->ip_len;
    run->verified = false;
}

/* Links the segment to the run where it continues it. The totals of the chain are put right when the run ends. */
static bool extend(struct run *run, const struct segment *s)
{
    uint32_t payload = s->ip_len - s->header_len;
    if (s->seq != run->next_seq || run->ip_len + payload > IP_MAX || !same_headers(&run->first, s))
        return false;
    if (!run->verified && !verify(&run->first))
        return false;
    run->verified = true;
    if (!verify(s))
        return false;
    run->first.tcp[13] |= s->tcp[13]; /* PSH */
    run->first.frame->segments = (uint16_t)(run->first.frame->segments + s->frame->segments);
    mnet_packet_pull(s->frame, MN_ETHERNET_HEADER + s->header_len);
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
    uint8_t *ip = run->first.ip;
    mn_store_u16(ip + 2, (uint16_t)run->ip_len);
    memset(ip + 10, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum_header(ip, MN_IPV4_HEADER));
    memcpy(ip + 10, &checksum, sizeof checksum);
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
    int oldest; /* the one to give way when all are in use */
};

static struct run *find(struct runs *runs, const struct segment *s)
{
    for (int i = 0; i < runs->count; i++) {
        if (same_connection(&runs->open[i].first, s))
            return &runs->open[i];
    }
    return NULL;
}

static void close_run(struct runs *runs, struct run *run)
{
    finish(run);
    *run = runs->open[--runs->count];
}

static struct run *new_run(struct runs *runs)
{
    if (runs->count < RUNS)
        return &runs->open[runs->count++];
    struct run *run = &runs->open[runs->oldest];
    runs->oldest = (runs->oldest + 1) % RUNS;
    finish(run);
    return run;
}

/* Whether the frame became part of an earlier one. */
static bool absorb(struct runs *runs, struct mnet_packet *frame)
{
    struct segment segment;
    enum kind kind = classify(frame, &segment);
    if (kind == OTHER)
        return false;
    struct run *run = find(runs, &segment);
    bool last = kind != DATA || (segment.tcp[13] & MN_TCP_PSH) != 0;
    if (run != NULL) {
        bool merged = kind == DATA && extend(run, &segment);
        if (merged && !last)
            return true;
        if (merged || last) {
            close_run(runs, run);
            return merged;
        }
        finish(run);
    } else if (!last) {
        run = new_run(runs);
    }
    if (run != NULL)
        start(run, &segment);
    return false;
}

int mn_coalesce(struct mnet_packet **frames, int count)
{
    if (count < 2)
        return count;
    struct runs runs;
    runs.count = runs.oldest = 0;
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
