#include "ip/reassembly.h"

#include <string.h>

#include "base/list.h"
#include "base/packet_pinned.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

#define LENGTH_UNKNOWN UINT32_MAX

/* RFC 3168 2 and 5.3: the ECN codepoints met in the pieces, a bit for each. */
#define ECN_MASK 3
#define ECN_NOT_ECT_MET (1u << 0)
#define ECN_CE 3
#define ECN_CE_MET (1u << ECN_CE)

struct piece {
    struct mnet_packet *packet;
    uint32_t offset, len;
};

struct mn_partial {
    struct mnet_link bucket;
    struct mnet_link age;
    struct mn_timer timer;
    /* Of the piece at offset 0, once it is there; addresses and protocol from the beginning. */
    struct mn_datagram datagram;
    uint32_t identification;
    uint32_t length;   /* of the whole payload, once the last piece is there */
    uint32_t received; /* bytes of payload there */
    size_t bytes;      /* pinned by the pieces */
    uint8_t ecn_met;
    bool condemned; /* had an overlap: takes no more pieces */
    unsigned count;
    struct piece pieces[MN_REASSEMBLY_PIECES];
};

void mn_reassembly_init(struct mn_reassembly *reassembly, struct mnet_memory *memory, struct mn_wheel *wheel,
                        struct mnet_counters *counters, struct mn_hash_key key, struct mn_reassembly_limits limits,
                        uint8_t timer_kind)
{
    MN_ASSERT(limits.datagrams_max > 0);
    *reassembly = (struct mn_reassembly){
        .memory = memory, .wheel = wheel, .counters = counters, .key = key, .limits = limits, .timer_kind = timer_kind};
    mn_pool_init(&reassembly->pool, memory, "reassembly", sizeof(struct mn_partial), limits.datagrams_max);
}

/* Frees the pieces of a datagram, counted as `counter`. */
static void drop_pieces(struct mn_reassembly *r, struct mn_partial *partial, enum mnet_counter counter)
{
    for (unsigned i = 0; i < partial->count; i++)
        mnet_packet_free(partial->pieces[i].packet);
    r->counters->value[counter] += partial->count;
    r->bytes -= partial->bytes;
    partial->bytes = 0;
    partial->received = 0;
    partial->count = 0;
}

/* Forgets a datagram whose pieces are gone. */
static void forget(struct mn_reassembly *r, struct mn_partial *partial)
{
    MN_ASSERT(partial->count == 0 && partial->bytes == 0);
    mn_wheel_cancel(r->wheel, &partial->timer);
    mn_list_remove(&partial->age);
    mn_list_remove(&partial->bucket);
    mn_pool_free(&r->pool, partial);
    r->count--;
}

static void drop(struct mn_reassembly *r, struct mn_partial *partial, enum mnet_counter counter)
{
    drop_pieces(r, partial, counter);
    forget(r, partial);
}

static struct mn_partial *oldest(struct mn_reassembly *r)
{
    struct mnet_link *link = mn_list_first(&r->age);
    return link == NULL ? NULL : MN_CONTAINER(link, struct mn_partial, age);
}

void mn_reassembly_deinit(struct mn_reassembly *r)
{
    for (struct mn_partial *partial; (partial = oldest(r)) != NULL;)
        drop(r, partial, MNET_COUNT_FRAG_DROP_LIMIT);
    MN_ASSERT(r->count == 0 && r->bytes == 0);
}

/* RFC 791 3.2 tells datagrams apart by their protocol, too; RFC 8200 4.5 does not. */
static uint8_t key_protocol(const struct mn_datagram *datagram)
{
    return mn_address_is_ipv4(&datagram->source) ? datagram->protocol : 0;
}

static struct mnet_link *bucket_of(struct mn_reassembly *r, const struct mn_datagram *datagram, uint32_t identification)
{
    uint64_t words[5];
    memcpy(words, datagram->source.bytes, 16);
    memcpy(words + 2, datagram->destination.bytes, 16);
    words[4] = (uint64_t)key_protocol(datagram) << 32 | identification;
    return &r->buckets[mn_siphash13_words(&r->key, words, MN_COUNT_OF(words)) % MN_REASSEMBLY_BUCKETS];
}

/* Fragments belong together if they have source, destination, identification and, in IPv4, protocol
 * in common. */
static struct mn_partial *find(struct mnet_link *bucket, const struct mn_datagram *datagram, uint32_t identification)
{
    for (struct mnet_link *link = mn_list_first(bucket); link != NULL && link != bucket; link = link->next) {
        struct mn_partial *partial = MN_CONTAINER(link, struct mn_partial, bucket);
        if (partial->identification == identification && key_protocol(&partial->datagram) == key_protocol(datagram) &&
            mn_address_equal(&partial->datagram.source, &datagram->source) &&
            mn_address_equal(&partial->datagram.destination, &datagram->destination))
            return partial;
    }
    return NULL;
}

static struct mn_partial *create(struct mn_reassembly *r, struct mnet_link *bucket, const struct mn_datagram *datagram,
                                 uint32_t identification, uint64_t now)
{
    if (r->count == r->limits.datagrams_max)
        drop(r, oldest(r), MNET_COUNT_FRAG_DROP_LIMIT);
    struct mn_partial *partial = mn_pool_alloc(&r->pool, MN_CLAIM_QUEUE);
    if (partial == NULL)
        return NULL;
    memset(partial, 0, offsetof(struct mn_partial, pieces));
    partial->datagram = *datagram;
    partial->datagram.not_unicast = false;
    partial->identification = identification;
    partial->length = LENGTH_UNKNOWN;
    partial->timer.kind = r->timer_kind;
    bool ipv4 = mn_address_is_ipv4(&datagram->source);
    mn_wheel_arm(r->wheel, &partial->timer, now + (ipv4 ? MN_REASSEMBLY_IPV4_NS : MN_REASSEMBLY_IPV6_NS));
    mn_list_append(bucket, &partial->bucket);
    mn_list_append(&r->age, &partial->age);
    r->count++;
    return partial;
}

/* Returns false for a piece that no correct sender makes. */
static bool is_plausible(const struct mn_piece *piece, const struct mn_datagram *datagram)
{
    uint32_t len = piece->packet->total;
    if (len == 0 || (piece->more && len % 8 != 0))
        return false;
    uint32_t header_len = mn_address_is_ipv4(&datagram->source) ? MN_MAX(datagram->header_len, MN_IPV4_HEADER) : 0;
    return header_len + piece->offset + len <= 65535;
}

enum place {
    PLACE_NEW,
    PLACE_DUPLICATE,
    PLACE_CONFLICT,
};

/* Finds the place of a piece among the others, and checks that it does not overlap one. Searches
 * from the end, because most pieces come in order. */
static enum place find_place(const struct mn_partial *partial, const struct mn_piece *piece, unsigned *at)
{
    uint32_t begin = piece->offset, end = begin + piece->packet->total;
    if (partial->length != LENGTH_UNKNOWN && (end > partial->length || (!piece->more && end != partial->length)))
        return PLACE_CONFLICT;
    unsigned i = partial->count;
    while (i > 0 && partial->pieces[i - 1].offset >= end)
        i--;
    *at = i;
    if (!piece->more && i < partial->count)
        return PLACE_CONFLICT; /* something lies behind the end */
    if (i == 0)
        return PLACE_NEW;
    const struct piece *before = &partial->pieces[i - 1];
    if (before->offset == begin && before->len == end - begin)
        return piece->more == (end != partial->length) ? PLACE_DUPLICATE : PLACE_CONFLICT;
    return before->offset + before->len <= begin ? PLACE_NEW : PLACE_CONFLICT;
}

static void insert(struct mn_reassembly *r, struct mn_partial *partial, const struct mn_piece *piece, unsigned at,
                   const struct mn_datagram *datagram)
{
    struct piece *place = &partial->pieces[at];
    memmove(place + 1, place, (partial->count - at) * sizeof *place);
    *place = (struct piece){piece->packet, piece->offset, piece->packet->total};
    partial->count++;
    partial->received += place->len;
    size_t pinned = mnet_packet_pinned(piece->packet);
    partial->bytes += pinned;
    r->bytes += pinned;
    partial->ecn_met |= (uint8_t)(1u << (datagram->traffic_class & ECN_MASK));
    bool not_unicast = partial->datagram.not_unicast || datagram->not_unicast;
    if (piece->offset == 0)
        partial->datagram = *datagram;
    partial->datagram.not_unicast = not_unicast;
    if (!piece->more)
        partial->length = piece->offset + place->len;
}

/* An empty packet with `header_len` bytes in its linear part and space for `length` bytes behind
 * it; the first of them are linear, so that the transport's header is, whatever the fragments were
 * cut like. */
static struct mnet_packet *alloc_whole(struct mn_reassembly *r, uint32_t header_len, uint32_t length)
{
    struct mnet_packet *packet = mnet_packet_alloc(r->memory);
    if (packet == NULL)
        return NULL;
    mnet_packet_put(packet, header_len);
    uint32_t linear = (uint32_t)MN_MIN(mnet_packet_tailroom(packet), length);
    mnet_packet_put(packet, linear);
    for (uint32_t left = length - linear; left > 0;) {
        uint32_t len = MN_MIN(left, MNET_BUFFER_LARGE);
        struct mnet_buffer *buffer = mnet_buffer_alloc(r->memory);
        bool added = buffer != NULL && mnet_packet_add(packet, buffer, 0, len);
        mnet_buffer_free(buffer); /* the packet has a reference of its own */
        if (!added) {
            mnet_packet_free(packet);
            return NULL;
        }
        left -= len;
    }
    return packet;
}

/* Copies all bytes of `from` to offset `at` of `whole`. */
static void copy_piece(struct mnet_packet *whole, uint32_t at, const struct mnet_packet *from)
{
    for (; from != NULL; from = from->more) {
        mnet_packet_copy_in(whole, at, from->data, from->len);
        at += from->len;
        for (unsigned i = 0; i < from->fragment_count; i++) {
            const struct mnet_fragment *fragment = &from->fragments[i];
            mnet_packet_copy_in(whole, at, fragment->buffer->bytes + fragment->offset, fragment->len);
            at += fragment->len;
        }
    }
}

/* A header for the whole, as if it had never been cut. */
static void write_header(uint8_t *to, const struct mn_datagram *datagram, uint32_t identification, uint32_t length)
{
    if (datagram->header_len == MN_IPV6_HEADER)
        mn_ipv6_emit(to, &(struct mn_ipv6){
                             .source = datagram->source,
                             .destination = datagram->destination,
                             .flow_label = datagram->flow_label,
                             .payload_len = (uint16_t)length,
                             .traffic_class = datagram->traffic_class,
                             .next_header = datagram->protocol,
                             .hop_limit = datagram->ttl,
                         });
    else
        mn_ipv4_emit(to, &(struct mn_ipv4){
                             .source = mn_address_to_ipv4(&datagram->source),
                             .destination = mn_address_to_ipv4(&datagram->destination),
                             .total_len = (uint16_t)(MN_IPV4_HEADER + length),
                             .identification = (uint16_t)identification,
                             .header_len = MN_IPV4_HEADER,
                             .protocol = datagram->protocol,
                             .ttl = datagram->ttl,
                             .traffic_class = datagram->traffic_class,
                         });
}

/* Everything is there: one packet out of the pieces. NULL if memory is used up. */
static struct mnet_packet *assemble(struct mn_reassembly *r, struct mn_partial *partial, struct mn_datagram *datagram,
                                    uint64_t now)
{
    uint16_t header_len = mn_address_is_ipv4(&partial->datagram.source) ? MN_IPV4_HEADER : MN_IPV6_HEADER;
    struct mnet_packet *whole = alloc_whole(r, header_len, partial->length);
    if (whole == NULL)
        return NULL;
    if (partial->ecn_met & ECN_CE_MET)
        partial->datagram.traffic_class |= ECN_CE; /* RFC 3168 5.3: one mark is enough */
    *datagram = partial->datagram;
    datagram->header_len = header_len;
    write_header(whole->data, datagram, partial->identification, partial->length);
    for (unsigned i = 0; i < partial->count; i++)
        copy_piece(whole, header_len + partial->pieces[i].offset, partial->pieces[i].packet);
    mnet_packet_pull(whole, header_len);
    whole->received_ns = now;
    return whole;
}

static struct mnet_packet *finish(struct mn_reassembly *r, struct mn_partial *partial, struct mn_datagram *datagram,
                                  uint64_t now)
{
    /* RFC 3168 5.3: a mixture of marked and not ECN-capable pieces is dropped. */
    if ((partial->ecn_met & ECN_CE_MET) && (partial->ecn_met & ECN_NOT_ECT_MET)) {
        drop(r, partial, MNET_COUNT_FRAG_DROP_INVALID);
        return NULL;
    }
    struct mnet_packet *whole = assemble(r, partial, datagram, now);
    if (whole == NULL) {
        drop(r, partial, MNET_COUNT_FRAG_DROP_LIMIT);
        return NULL;
    }
    r->counters->value[MNET_COUNT_FRAG_REASSEMBLED]++;
    for (unsigned i = 0; i < partial->count; i++)
        mnet_packet_free(partial->pieces[i].packet);
    r->bytes -= partial->bytes;
    partial->bytes = 0;
    partial->count = 0;
    forget(r, partial);
    return whole;
}

/* Puts the piece among the others; false if it was not kept. */
static bool add_piece(struct mn_reassembly *r, struct mn_partial *partial, const struct mn_piece *piece,
                      const struct mn_datagram *datagram)
{
    unsigned at = 0;
    enum mnet_counter counter;
    enum place place = partial->condemned ? PLACE_CONFLICT : find_place(partial, piece, &at);
    if (place == PLACE_NEW && partial->count < MN_REASSEMBLY_PIECES) {
        insert(r, partial, piece, at, datagram);
        return true;
    }
    counter = place == PLACE_DUPLICATE  ? MNET_COUNT_FRAG_DROP_DUPLICATE
              : place == PLACE_CONFLICT ? MNET_COUNT_FRAG_DROP_INVALID
                                        : MNET_COUNT_FRAG_DROP_LIMIT;
    r->counters->value[counter]++;
    mnet_packet_free(piece->packet);
    if (place != PLACE_DUPLICATE) {
        drop_pieces(r, partial, counter);
        partial->condemned = true; /* RFC 5722 3: pieces yet to come go too */
    }
    return false;
}

void mn_reassembly_relieve(struct mn_reassembly *r)
{
    while (r->count > 0 && mn_memory_is_short(r->memory))
        drop(r, oldest(r), MNET_COUNT_FRAG_DROP_LIMIT);
}

MN_RARE struct mnet_packet *mn_reassembly_input(struct mn_reassembly *r, const struct mn_piece *piece,
                                                struct mn_datagram *datagram, uint64_t now)
{
    r->counters->value[MNET_COUNT_FRAG_RX]++;
    piece->packet->checksum = MNET_CHECKSUM_PLAIN; /* a device can only have judged the fragment */
    if (!is_plausible(piece, datagram)) {
        r->counters->value[MNET_COUNT_FRAG_DROP_INVALID]++;
        mnet_packet_free(piece->packet);
        return NULL;
    }
    struct mnet_link *bucket = bucket_of(r, datagram, piece->identification);
    struct mn_partial *partial = find(bucket, datagram, piece->identification);
    if (partial == NULL)
        partial = create(r, bucket, datagram, piece->identification, now);
    if (partial == NULL) {
        r->counters->value[MNET_COUNT_FRAG_DROP_LIMIT]++;
        mnet_packet_free(piece->packet);
        return NULL;
    }
    if (!add_piece(r, partial, piece, datagram))
        return NULL;
    if (partial->received == partial->length)
        return finish(r, partial, datagram, now);
    while (r->bytes > r->limits.bytes_max)
        drop(r, oldest(r), MNET_COUNT_FRAG_DROP_LIMIT);
    mn_reassembly_relieve(r);
    return NULL;
}

struct mnet_packet *mn_reassembly_expire(struct mn_reassembly *r, struct mn_timer *timer, struct mn_datagram *datagram)
{
    struct mn_partial *partial = MN_CONTAINER(timer, struct mn_partial, timer);
    struct mnet_packet *first = NULL;
    if (partial->count > 0 && partial->pieces[0].offset == 0) {
        first = mnet_packet_hold(partial->pieces[0].packet);
        *datagram = partial->datagram;
    }
    drop(r, partial, MNET_COUNT_FRAG_DROP_TIMEOUT);
    return first;
}

/* Asserts that no piece overlaps the next one, and that the sums of bytes are right. */
static void check_partial(const struct mn_reassembly *r, const struct mn_partial *partial)
{
    size_t pinned = 0;
    uint32_t received = 0, end = 0;
    for (unsigned i = 0; i < partial->count; i++) {
        const struct piece *piece = &partial->pieces[i];
        MN_ASSERT(piece->offset >= end && piece->len > 0 && piece->len == piece->packet->total);
        end = piece->offset + piece->len;
        received += piece->len;
        pinned += mnet_packet_pinned(piece->packet);
    }
    MN_ASSERT(received == partial->received && pinned == partial->bytes);
    MN_ASSERT(partial->condemned ? partial->count == 0 : end <= partial->length && received < partial->length);
    MN_ASSERT(mn_timer_armed(&partial->timer) && partial->timer.kind == r->timer_kind);
    MN_ASSERT(mn_list_linked(&partial->bucket));
}

void mn_reassembly_check(const struct mn_reassembly *reassembly)
{
    unsigned count = 0, hashed = 0;
    size_t bytes = 0;
    const struct mnet_link *head = &reassembly->age;
    for (const struct mnet_link *link = mn_list_first(head); link != NULL && link != head; link = link->next) {
        const struct mn_partial *partial = MN_CONTAINER(link, struct mn_partial, age);
        check_partial(reassembly, partial);
        bytes += partial->bytes;
        count++;
    }
    for (unsigned i = 0; i < MN_REASSEMBLY_BUCKETS; i++) {
        head = &reassembly->buckets[i];
        for (const struct mnet_link *link = mn_list_first(head); link != NULL && link != head; link = link->next)
            hashed++;
    }
    MN_ASSERT(count == reassembly->count && hashed == count && count == reassembly->pool.in_use);
    MN_ASSERT(bytes == reassembly->bytes && bytes <= reassembly->limits.bytes_max);
    MN_ASSERT(count <= reassembly->limits.datagrams_max);
}
