/* Datagrams and errors that wait for the user of an endpoint: see udp.h for the scheme. */
#include "udp/queue.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

static_assert(sizeof(struct mn_udp_arrival) <= MNET_PACKET_HEADROOM, "it lies at the start of the headroom");

/* Returns the record at the start of the headroom, which is aligned. The headers there are not
 * needed any more. */
static struct mn_udp_arrival *arrival_of(const struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT((uintptr_t)packet->head % _Alignof(struct mn_udp_arrival) == 0);
    return (void *)packet->head;
}

/* No datagram is queued while memory is short, because none is acknowledged. An endpoint may pin as
 * much as the others leave: when many queues fill, there is still a share for one more. */
static bool has_room(const struct mn_udp_endpoint *endpoint, size_t pinned)
{
    MN_DEBUG_ASSERT(endpoint->pinned <= endpoint->udp->pinned);
    const struct mn_udp *udp = endpoint->udp;
    unsigned queued = endpoint->queue.count + endpoint->lent.count;
    if (queued >= endpoint->queue_datagrams || mn_memory_is_short(udp->memory))
        return false;
    size_t left = udp->budget > udp->pinned ? udp->budget - udp->pinned : 0;
    if (endpoint->pinned + pinned > endpoint->queue_bytes)
        return false;
    return queued == 0 || endpoint->pinned + pinned <= left;
}

bool mn_udp_enqueue(struct mn_udp_endpoint *endpoint, struct mnet_packet *packet, const struct mn_udp_arrival *arrival)
{
    MN_DEBUG_ASSERT(arrival->remote.address.zone == 0 && packet->next == NULL);
    size_t pinned = mnet_packet_pinned(packet);
    if (!has_room(endpoint, pinned) || mnet_packet_headroom(packet) < sizeof *arrival) {
        endpoint->udp->counters->value[MNET_COUNT_UDP_DROP_QUEUE]++;
        mnet_packet_free(packet);
        return false;
    }
    *arrival_of(packet) = *arrival;
    mn_packet_queue_put(&endpoint->queue, packet);
    endpoint->pinned += pinned;
    endpoint->udp->pinned += pinned;
    return true;
}

/* Frees a datagram that is in no queue any more. */
static void let_go(struct mn_udp_endpoint *endpoint, struct mnet_packet *packet)
{
    size_t pinned = mnet_packet_pinned(packet);
    MN_ASSERT(endpoint->pinned >= pinned && endpoint->udp->pinned >= pinned);
    endpoint->pinned -= pinned;
    endpoint->udp->pinned -= pinned;
    mnet_packet_free(packet);
}

void mn_udp_discard(struct mn_udp_endpoint *endpoint)
{
    for (struct mnet_packet *packet; (packet = mn_packet_queue_take(&endpoint->queue)) != NULL;)
        let_go(endpoint, packet);
    MN_DEBUG_ASSERT(endpoint->queue.count == 0);
}

void mn_udp_keep(struct mn_udp_endpoint *endpoint, struct mnet_endpoint remote)
{
    struct mn_packet_queue kept = {0};
    for (struct mnet_packet *packet; (packet = mn_packet_queue_take(&endpoint->queue)) != NULL;) {
        if (mn_endpoint_equal(&arrival_of(packet)->remote, &remote))
            mn_packet_queue_put(&kept, packet);
        else
            let_go(endpoint, packet);
    }
    endpoint->queue = kept;
}

void mn_udp_release(struct mn_udp_endpoint *endpoint)
{
    for (struct mnet_packet *packet; (packet = mn_packet_queue_take(&endpoint->lent)) != NULL;)
        let_go(endpoint, packet);
    MN_DEBUG_ASSERT(endpoint->lent.count == 0);
}

/* ---- Errors ---- */

bool mn_udp_note_error(struct mn_udp_endpoint *endpoint, const struct mn_udp_error *error)
{
    MN_DEBUG_ASSERT(error->result < 0 && endpoint->error_count <= MN_UDP_ERRORS);
    unsigned at = 0;
    while (at < endpoint->error_count && !mn_endpoint_equal(&endpoint->errors[at].remote, &error->remote))
        at++;
    if (at == MN_UDP_ERRORS)
        return false;
    endpoint->errors[at] = *error;
    endpoint->unreachable = error->cause;
    if (at == endpoint->error_count)
        endpoint->error_count++;
    return true;
}

/* Takes the oldest error. False if there is none. */
static bool take_error(struct mn_udp_endpoint *endpoint, struct mn_udp_error *error)
{
    MN_DEBUG_ASSERT(endpoint->error_count <= MN_UDP_ERRORS);
    if (endpoint->error_count == 0)
        return false;
    *error = endpoint->errors[0];
    endpoint->error_count--;
    memmove(endpoint->errors, endpoint->errors + 1, endpoint->error_count * sizeof endpoint->errors[0]);
    endpoint->unreachable = error->cause;
    return true;
}

int mn_udp_error(struct mn_udp_endpoint *endpoint, struct mnet_endpoint *to)
{
    struct mn_udp_error error;
    if (!take_error(endpoint, &error))
        return MNET_OK;
    *to = error.remote;
    return error.result;
}

bool mn_udp_readable(const struct mn_udp_endpoint *endpoint)
{
    return endpoint->error_count > 0 || !mn_packet_queue_is_empty(&endpoint->queue);
}

/* ---- Received by copying ---- */

/* Copies the next datagram, and returns its packet. NULL with *result set if there is none: an
 * error, or MNET_E_DEADLINE. */
static struct mnet_packet *copy_first(struct mn_udp_endpoint *endpoint, void *buffer, size_t len,
                                      struct mnet_endpoint *from, ptrdiff_t *result)
{
    struct mn_udp_error error;
    struct mnet_packet *packet = endpoint->queue.first;
    if (take_error(endpoint, &error)) {
        if (from != NULL)
            *from = error.remote;
        *result = error.result;
        return NULL;
    }
    *result = MNET_E_DEADLINE;
    if (packet == NULL)
        return NULL;
    if (from != NULL)
        *from = arrival_of(packet)->remote;
    if (len > 0 && packet->total > 0)
        mnet_packet_copy_out(packet, 0, buffer, MN_MIN(len, (size_t)packet->total));
    *result = (ptrdiff_t)packet->total;
    return packet;
}

ptrdiff_t mn_udp_receive(struct mn_udp_endpoint *endpoint, void *buffer, size_t len, struct mnet_endpoint *from)
{
    ptrdiff_t result;
    if (copy_first(endpoint, buffer, len, from, &result) == NULL)
        return result;
    let_go(endpoint, mn_packet_queue_take(&endpoint->queue));
    return (size_t)result > len ? MNET_E_TOO_BIG : result;
}

ptrdiff_t mn_udp_peek(struct mn_udp_endpoint *endpoint, void *buffer, size_t len, struct mnet_endpoint *from)
{
    ptrdiff_t result;
    copy_first(endpoint, buffer, len, from, &result);
    return result;
}

/* ---- Lent ---- */

/* Fills a message with the datagram in `packet`, whose pieces are `slices`. */
static void describe(const struct mnet_packet *packet, const struct mnet_slice *slices, int count,
                     struct mnet_udp_message *message)
{
    const struct mn_udp_arrival *arrival = arrival_of(packet);
    *message = (struct mnet_udp_message){
        .remote = arrival->remote,
        .local = arrival->local,
        .slices = slices,
        .slice_count = count,
        .ttl = arrival->ttl,
        .dscp = arrival->traffic_class >> 2,
        .ecn = arrival->traffic_class & 3,
        .len = packet->total,
    };
}

bool mn_udp_describe(const struct mn_udp_endpoint *endpoint, struct mnet_udp_message *message)
{
    if (mn_packet_queue_is_empty(&endpoint->queue))
        return false;
    describe(endpoint->queue.first, NULL, 0, message);
    return true;
}

/* Returns whether the datagram in `packet`, of one piece, can follow those of `message`. `last` is
 * the piece before it. */
static bool continues(const struct mnet_udp_message *message, const struct mnet_slice *last,
                      const struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT(message->slice_count > 0);
    const struct mn_udp_arrival *arrival = arrival_of(packet);
    size_t segment = message->slices[0].len;
    return last->len == segment && packet->total <= segment && packet->total > 0 && segment <= UINT16_MAX &&
           arrival->ttl == message->ttl && arrival->traffic_class == (message->dscp << 2 | message->ecn) &&
           mn_endpoint_equal(&arrival->remote, &message->remote) && mn_address_equal(&arrival->local, &message->local);
}

/* Returns the number of pieces of `packet`, at most `max` of which are listed, or -1 if there are
 * more. */
static int list_pieces(const struct mnet_packet *packet, struct mnet_slice *slices, int max)
{
    MN_DEBUG_ASSERT(max >= 0);
    int count = mnet_packet_slices(packet, slices, max);
    size_t listed = 0;
    for (int i = 0; i < count; i++)
        listed += slices[i].len;
    return listed == packet->total ? count : -1;
}

/* Moves the oldest datagram to those that are lent. */
static void lend_first(struct mn_udp_endpoint *endpoint)
{
    MN_DEBUG_ASSERT(endpoint->queue.first != NULL);
    mn_packet_queue_put(&endpoint->lent, mn_packet_queue_take(&endpoint->queue));
}

/* Lends datagrams that continue `message`, whose only piece is the last one so far. Returns their
 * number, which is that of their pieces, at most `slice_max`. */
static int merge(struct mn_udp_endpoint *endpoint, struct mnet_udp_message *message, struct mnet_slice *slices,
                 int slice_max)
{
    MN_DEBUG_ASSERT(message->slice_count > 0);
    int merged = 0;
    for (const struct mnet_packet *packet; merged < slice_max && (packet = endpoint->queue.first) != NULL; merged++) {
        const struct mnet_slice *last = &message->slices[message->slice_count - 1];
        if (!continues(message, last, packet) || list_pieces(packet, &slices[merged], 1) != 1)
            break;
        message->segment = (uint16_t)message->slices[0].len;
        message->slice_count++;
        message->len += packet->total;
        lend_first(endpoint);
    }
    return merged;
}

ptrdiff_t mn_udp_lend(struct mn_udp_endpoint *endpoint, const struct mn_udp_loan *loan)
{
    struct mn_udp_error error;
    int count = 0, used = 0;
    MN_ASSERT(loan->max > 0 && loan->slice_max > 0);
    if (take_error(endpoint, &error)) {
        loan->messages[0] = (struct mnet_udp_message){.remote = error.remote, .local = error.local};
        return error.result;
    }
    for (struct mnet_packet *packet; count < loan->max && (packet = endpoint->queue.first) != NULL; count++) {
        struct mnet_slice *slices = &loan->slices[used];
        int pieces = list_pieces(packet, slices, loan->slice_max - used);
        if (pieces < 0)
            break;
        describe(packet, slices, pieces, &loan->messages[count]);
        lend_first(endpoint);
        used += pieces;
        if (endpoint->merge && pieces == 1)
            used += merge(endpoint, &loan->messages[count], &loan->slices[used], loan->slice_max - used);
    }
    if (count > 0)
        return count;
    if (mn_packet_queue_is_empty(&endpoint->queue))
        return MNET_E_DEADLINE;
    let_go(endpoint, mn_packet_queue_take(&endpoint->queue));
    return MNET_E_TOO_BIG;
}
