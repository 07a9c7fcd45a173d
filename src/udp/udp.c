/* UDP endpoints: see udp.h for the scheme. */
#include "udp/udp.h"

#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/memory.h"
#include "base/pool.h"

#define DEFAULT_QUEUE_DATAGRAMS 256u
#define DEFAULT_QUEUE_BYTES (512u * 1024u)
/* All queues together may pin one part in so many of the memory. */
#define QUEUES_SHARE 4u

static void count(struct mn_udp *udp, enum mnet_counter counter)
{
    udp->counters->value[counter]++;
}

int mn_udp_init(struct mn_udp *udp, const struct mn_udp_config *config)
{
    size_t chains = 16;
    while (chains < config->user.endpoints_max && chains < 32768)
        chains *= 2;
    *udp = (struct mn_udp){
        .memory = config->memory,
        .counters = config->counters,
        .random = config->random,
        .chain_mask = (uint16_t)(chains - 1),
        .endpoints_max = config->user.endpoints_max,
        .budget = mnet_memory_budget(config->memory) / QUEUES_SHARE,
    };
    udp->chains = mn_memory_table(config->memory, chains * sizeof udp->chains[0]);
    return udp->chains == NULL ? MNET_E_NO_MEMORY : MNET_OK;
}

static struct mnet_link *chain_of(struct mn_udp *udp, uint16_t port)
{
    return &udp->chains[port & udp->chain_mask];
}

/* Walks along a chain. `node` is a struct mnet_link *. */
#define FOR_EACH(node, head) \
    for (struct mnet_link *node = mn_list_first(head); node != NULL; node = node->next == (head) ? NULL : node->next)

static struct mn_udp_endpoint *endpoint_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct mn_udp_endpoint, chain);
}

static bool connected(const struct mn_udp_endpoint *endpoint)
{
    return endpoint->remote.port != 0;
}

/* Returns whether a datagram could belong to both endpoints alike. */
static bool collide(const struct mn_udp_endpoint *endpoint, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    return endpoint->local.port == local.port && mnet_endpoint_equal(endpoint->remote, remote) &&
           (mnet_address_is_any(endpoint->local.address) || mnet_address_is_any(local.address) ||
            mnet_address_equal(endpoint->local.address, local.address));
}

static bool in_use(struct mn_udp *udp, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    struct mnet_link *chain = chain_of(udp, local.port);
    FOR_EACH(node, chain)
    {
        if (collide(endpoint_of(node), local, remote))
            return true;
    }
    return false;
}

/* Returns whether any endpoint has this port. A port that the stack chooses is never shared. */
static bool port_taken(struct mn_udp *udp, uint16_t port)
{
    struct mnet_link *chain = chain_of(udp, port);
    FOR_EACH(node, chain)
    {
        if (endpoint_of(node)->local.port == port)
            return true;
    }
    return false;
}

/* Returns a random free port (RFC 6056 3.3.1), or 0 if all are taken. Never the port of the remote
 * end: on an own address that would be the endpoint itself. */
static uint16_t choose_port(struct mn_udp *udp, uint16_t remote_port)
{
    uint32_t span = 65536 - MN_UDP_EPHEMERAL_FIRST;
    uint32_t start = mn_random_below(udp->random, span);
    for (uint32_t i = 0; i < span; i++) {
        uint16_t port = (uint16_t)(MN_UDP_EPHEMERAL_FIRST + (start + i) % span);
        if (port != remote_port && !port_taken(udp, port))
            return port;
    }
    return 0;
}

int mn_udp_open(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, const struct mnet_udp_options *options)
{
    bool has_remote = !mnet_address_is_any(options->remote.address);
    if (has_remote != (options->remote.port != 0) || options->dscp > 63)
        return MNET_E_INVALID;
    if (udp->endpoints >= udp->endpoints_max)
        return MNET_E_LIMIT;
    struct mnet_endpoint local = options->local;
    /* Not 0.0.0.0. */
    struct mnet_endpoint remote = has_remote ? options->remote : (struct mnet_endpoint){0};
    if (local.port == 0) {
        local.port = choose_port(udp, remote.port);
        if (local.port == 0)
            return MNET_E_LIMIT;
    } else if (in_use(udp, local, remote)) {
        return MNET_E_IN_USE;
    }
    *endpoint = (struct mn_udp_endpoint){
        .udp = udp,
        .local = local,
        .remote = remote,
        .queue_datagrams = options->queue_datagrams != 0 ? options->queue_datagrams : DEFAULT_QUEUE_DATAGRAMS,
        .queue_bytes = options->queue_bytes != 0 ? options->queue_bytes : DEFAULT_QUEUE_BYTES,
        .ttl = options->ttl,
        .dscp = options->dscp,
    };
    mn_list_append(chain_of(udp, local.port), &endpoint->chain);
    udp->endpoints++;
    return MNET_OK;
}

/* Takes the oldest datagram out of the queue. Returns NULL if there is none. */
static struct mnet_packet *dequeue(struct mn_udp_endpoint *endpoint)
{
    struct mnet_packet *packet = mn_packet_queue_take(&endpoint->queue);
    if (packet == NULL)
        return NULL;
    size_t pinned = mnet_packet_pinned(packet);
    endpoint->pinned -= pinned;
    endpoint->udp->pinned -= pinned;
    return packet;
}

void mn_udp_close(struct mn_udp *udp, struct mn_udp_endpoint *endpoint)
{
    for (struct mnet_packet *packet; (packet = dequeue(endpoint)) != NULL;)
        mnet_packet_free(packet);
    mn_list_remove(&endpoint->chain);
    mn_list_remove(&endpoint->event);
    MN_ASSERT(udp->endpoints > 0);
    udp->endpoints--;
}

/* Returns the endpoint that a datagram from `remote` to `local` is for, or NULL if there is
 * none. */
static struct mn_udp_endpoint *find(struct mn_udp *udp, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    struct mn_udp_endpoint *best = NULL;
    int best_score = -1;
    struct mnet_link *chain = chain_of(udp, local.port);
    FOR_EACH(node, chain)
    {
        struct mn_udp_endpoint *endpoint = endpoint_of(node);
        bool any = mnet_address_is_any(endpoint->local.address);
        if (endpoint->local.port != local.port || (!any && !mnet_address_equal(endpoint->local.address, local.address)))
            continue;
        if (connected(endpoint) && !mnet_endpoint_equal(endpoint->remote, remote))
            continue;
        int score = (connected(endpoint) ? 2 : 0) + (any ? 0 : 1);
        if (score > best_score) {
            best = endpoint;
            best_score = score;
        }
    }
    return best;
}

static void announce(struct mn_udp *udp, struct mn_udp_endpoint *endpoint)
{
    if (!mn_list_linked(&endpoint->event))
        mn_list_append(&udp->events, &endpoint->event);
}

/* No datagram is queued while memory is short, because none is acknowledged. An endpoint may pin as
 * much as the others leave: when many queues fill, there is still a share for one more. */
static bool has_room(const struct mn_udp *udp, const struct mn_udp_endpoint *endpoint, size_t pinned)
{
    if (endpoint->queue.count >= endpoint->queue_datagrams || mn_memory_is_short(udp->memory))
        return false;
    size_t left = udp->budget > udp->pinned ? udp->budget - udp->pinned : 0;
    if (endpoint->pinned + pinned > endpoint->queue_bytes)
        return false;
    return mn_packet_queue_is_empty(&endpoint->queue) || endpoint->pinned + pinned <= left;
}

/* Queues the payload with the sender's endpoint in front of it. The packet is consumed. */
static void deliver(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, struct mnet_packet *packet,
                    const struct mnet_endpoint *from)
{
    size_t pinned = mnet_packet_pinned(packet);
    mnet_packet_pull(packet, MN_UDP_HEADER);
    if (!has_room(udp, endpoint, pinned) || mnet_packet_headroom(packet) < sizeof *from) {
        count(udp, MNET_COUNT_UDP_DROP_QUEUE);
        mnet_packet_free(packet);
        return;
    }
    memcpy(mnet_packet_push(packet, sizeof *from), from, sizeof *from);
    mn_packet_queue_put(&endpoint->queue, packet);
    pinned = mnet_packet_pinned(packet);
    endpoint->pinned += pinned;
    udp->pinned += pinned;
    announce(udp, endpoint);
}

enum mn_udp_verdict mn_udp_input(struct mn_udp *udp, const struct mn_datagram *datagram, struct mnet_packet *packet)
{
    struct mn_udp_header header;
    enum mnet_counter drop = MNET_COUNTER_MAX;
    count(udp, MNET_COUNT_UDP_RX);
    if (mn_udp_parse(packet->data, packet->len, packet->total, &header) != MN_PARSE_OK) {
        drop = MNET_COUNT_UDP_DROP_INVALID;
    } else {
        mnet_packet_trim(packet, header.length); /* bytes after the datagram are not part of it */
        if (!mn_udp_checksum_ok(packet, datagram, &header))
            drop = MNET_COUNT_UDP_DROP_CHECKSUM;
    }
    if (drop != MNET_COUNTER_MAX) {
        count(udp, drop);
        mnet_packet_free(packet);
        return MN_UDP_CONSUMED;
    }
    struct mnet_endpoint from = {datagram->source, header.source_port};
    struct mnet_endpoint to = {datagram->destination, header.destination_port};
    struct mn_udp_endpoint *endpoint = find(udp, to, from);
    if (endpoint == NULL) {
        count(udp, MNET_COUNT_UDP_DROP_NO_PORT);
        return MN_UDP_NO_PORT;
    }
    deliver(udp, endpoint, packet, &from);
    return MN_UDP_CONSUMED;
}

/* Returns the error that an endpoint reports for an ICMP error, or 0 for none. */
static int error_for(enum mn_unreachable reason)
{
    switch (reason) {
    case MN_UNREACHABLE_PORT: return MNET_E_REFUSED;
    case MN_UNREACHABLE_TOO_BIG: /* our datagrams may be fragmented on their way */ return MNET_OK;
    case MN_UNREACHABLE_NETWORK:
    case MN_UNREACHABLE_HOST:
    case MN_UNREACHABLE_PROTOCOL:
    case MN_UNREACHABLE_PROHIBITED:
    case MN_UNREACHABLE_NEIGHBOUR: break;
    }
    return MNET_E_UNREACHABLE;
}

void mn_udp_icmp(struct mn_udp *udp, const struct mn_icmp_error *error)
{
    struct mn_reader quote = mn_reader(error->quote, error->quote_len);
    struct mnet_endpoint local = {error->local, mn_read_u16(&quote)};
    struct mnet_endpoint remote = {error->remote, mn_read_u16(&quote)};
    if (!quote.ok)
        return;
    struct mn_udp_endpoint *endpoint = find(udp, local, remote);
    int code = error_for(error->reason);
    if (endpoint == NULL || !connected(endpoint) || code == MNET_OK)
        return;
    endpoint->error = code;
    endpoint->unreachable = (enum mnet_unreachable)error->reason;
    announce(udp, endpoint);
}

struct mn_udp_endpoint *mn_udp_next_event(struct mn_udp *udp)
{
    struct mnet_link *node = mn_list_take(&udp->events);
    return node == NULL ? NULL : MN_CONTAINER(node, struct mn_udp_endpoint, event);
}

bool mn_udp_readable(const struct mn_udp_endpoint *endpoint)
{
    return endpoint->error != MNET_OK || !mn_packet_queue_is_empty(&endpoint->queue);
}

ptrdiff_t mn_udp_receive(struct mn_udp_endpoint *endpoint, void *buffer, size_t len, struct mnet_endpoint *from)
{
    if (endpoint->error != MNET_OK) {
        int error = endpoint->error;
        endpoint->error = MNET_OK;
        return error;
    }
    struct mnet_packet *packet = dequeue(endpoint);
    if (packet == NULL)
        return MNET_E_DEADLINE;
    struct mnet_endpoint sender;
    memcpy(&sender, packet->data, sizeof sender);
    if (from != NULL)
        *from = sender;
    mnet_packet_pull(packet, sizeof sender);
    size_t whole = packet->total;
    if (len > 0 && whole > 0)
        mnet_packet_copy_out(packet, 0, buffer, MN_MIN(len, whole));
    mnet_packet_free(packet);
    return whole > len ? MNET_E_TOO_BIG : (ptrdiff_t)whole;
}

/* Copies the payload after the header: into the linear part as far as it fits, the rest into
 * buffers. */
static bool copy_payload(struct mnet_packet *packet, const uint8_t *data, size_t len)
{
    size_t piece = MN_MIN(len, mnet_packet_tailroom(packet));
    if (piece > 0)
        memcpy(mnet_packet_put(packet, piece), data, piece);
    for (size_t done = piece; done < len; done += piece) {
        struct mnet_buffer *buffer = mnet_buffer_alloc_tx(packet->memory, MN_MIN(len - done, MNET_BUFFER_LARGE));
        if (buffer == NULL)
            return false;
        piece = MN_MIN(len - done, buffer->capacity);
        memcpy(buffer->bytes, data + done, piece);
        bool added = mnet_packet_add(packet, buffer, 0, (uint32_t)piece);
        mnet_buffer_free(buffer); /* the packet holds it now, unless the call failed */
        if (!added)
            return false;
    }
    return true;
}

struct mnet_packet *mn_udp_output(struct mn_udp *udp, const struct mn_udp_endpoint *endpoint,
                                  const struct mnet_endpoint *to, struct mnet_address source, const void *data,
                                  size_t len, struct mn_datagram *datagram)
{
    MN_ASSERT(len <= MN_UDP_PAYLOAD_MAX);
    struct mnet_packet *packet = mnet_packet_alloc_tx(udp->memory);
    if (packet == NULL)
        return NULL;
    uint16_t length = (uint16_t)(MN_UDP_HEADER + len);
    struct mn_udp_header header = {
        .source_port = endpoint->local.port,
        .destination_port = to->port,
        .length = length,
        .checksum = mn_sum_fold(mn_pseudo_sum(&source, &to->address, MN_PROTOCOL_UDP, length)),
    };
    mn_udp_emit(mnet_packet_put(packet, MN_UDP_HEADER), &header);
    if (!copy_payload(packet, data, len)) {
        mnet_packet_free(packet);
        return NULL;
    }
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 0;
    packet->csum_offset = MN_UDP_CHECKSUM_AT;
    *datagram = (struct mn_datagram){
        .source = source,
        .destination = to->address,
        .protocol = MN_PROTOCOL_UDP,
        .ttl = endpoint->ttl,
        .traffic_class = (uint8_t)(endpoint->dscp << 2),
    };
    count(udp, MNET_COUNT_UDP_TX);
    return packet;
}
