/* UDP endpoints: see udp.h for the scheme. */
#include "udp/udp.h"

#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/pool.h"

#define DEFAULT_QUEUE_DATAGRAMS 256u
#define DEFAULT_QUEUE_BYTES (512u * 1024u)
#define IPV4_HEADER 20u

static void count(struct mn_udp *udp, enum mnet_counter counter)
{
    udp->counters->value[counter]++;
}

int mn_udp_init(struct mn_udp *udp, const struct mn_udp_config *config)
{
    size_t chains = 16;
    while (chains < config->endpoints_max && chains < 32768)
        chains *= 2;
    *udp = (struct mn_udp){
        .memory = config->memory,
        .counters = config->counters,
        .random = config->random,
        .chain_mask = (uint16_t)(chains - 1),
        .endpoints_max = config->endpoints_max,
    };
    udp->chains = mn_memory_table(config->memory, chains * sizeof udp->chains[0]);
    return udp->chains == NULL ? MNET_E_NO_MEMORY : MNET_OK;
}

static struct mnet_link *chain_of(struct mn_udp *udp, uint16_t port)
{
    return &udp->chains[port & udp->chain_mask];
}

/* Walks a chain: `node` is a struct mnet_link *. */
#define FOR_EACH(node, head)                                                                                           \
    for (struct mnet_link *node = mn_list_first(head); node != NULL; node = node->next == (head) ? NULL : node->next)

static struct mn_udp_endpoint *endpoint_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct mn_udp_endpoint, chain);
}

static bool connected(const struct mn_udp_endpoint *endpoint)
{
    return endpoint->remote.port != 0;
}

/* Whether a datagram could belong to either of the two alike. */
static bool collide(const struct mn_udp_endpoint *endpoint, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    return endpoint->local.port == local.port && mnet_endpoint_equal(endpoint->remote, remote) &&
           (mnet_address_is_any(endpoint->local.address) || mnet_address_is_any(local.address) ||
            mnet_address_equal(endpoint->local.address, local.address));
}

static bool in_use(struct mn_udp *udp, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    struct mnet_link *chain = chain_of(udp, local.port);
    FOR_EACH(node, chain) {
        if (collide(endpoint_of(node), local, remote))
            return true;
    }
    return false;
}

/* Whether any endpoint has this port: one chosen by us is shared with nobody. */
static bool port_taken(struct mn_udp *udp, uint16_t port)
{
    struct mnet_link *chain = chain_of(udp, port);
    FOR_EACH(node, chain) {
        if (endpoint_of(node)->local.port == port)
            return true;
    }
    return false;
}

/* A random free port (RFC 6056 3.3.1); 0 where all are taken. */
static uint16_t choose_port(struct mn_udp *udp)
{
    uint32_t span = 65536 - MN_UDP_EPHEMERAL_FIRST;
    uint32_t start = mn_random_below(udp->random, span);
    for (uint32_t i = 0; i < span; i++) {
        uint16_t port = (uint16_t)(MN_UDP_EPHEMERAL_FIRST + (start + i) % span);
        if (!port_taken(udp, port))
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
    if (local.port == 0) {
        local.port = choose_port(udp);
        if (local.port == 0)
            return MNET_E_LIMIT;
    } else if (in_use(udp, local, options->remote)) {
        return MNET_E_IN_USE;
    }
    *endpoint = (struct mn_udp_endpoint){
        .local = local,
        .remote = options->remote,
        .queue_datagrams = options->queue_datagrams != 0 ? options->queue_datagrams : DEFAULT_QUEUE_DATAGRAMS,
        .queue_bytes = options->queue_bytes != 0 ? options->queue_bytes : DEFAULT_QUEUE_BYTES,
        .ttl = options->ttl,
        .dscp = options->dscp,
    };
    mn_list_append(chain_of(udp, local.port), &endpoint->chain);
    udp->endpoints++;
    return MNET_OK;
}

/* Takes the oldest datagram out of the queue; NULL where there is none. */
static struct mnet_packet *dequeue(struct mn_udp_endpoint *endpoint)
{
    struct mnet_packet *packet = endpoint->first;
    if (packet == NULL)
        return NULL;
    endpoint->first = packet->next;
    if (endpoint->first == NULL)
        endpoint->last = NULL;
    packet->next = NULL;
    endpoint->queued--;
    endpoint->pinned -= mnet_packet_pinned(packet);
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

/* The endpoint that a datagram from `remote` to `local` is for; NULL: none. */
static struct mn_udp_endpoint *find(struct mn_udp *udp, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    struct mn_udp_endpoint *best = NULL;
    int best_score = -1;
    struct mnet_link *chain = chain_of(udp, local.port);
    FOR_EACH(node, chain) {
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

/* Adds a piece that begins `*offset` bytes into the whole. */
static uint64_t sum_piece(uint64_t sum, size_t *offset, const void *bytes, size_t len)
{
    uint64_t piece = mn_sum(0, bytes, len);
    sum = mn_sum_add(sum, *offset % 2 == 0 ? piece : mn_sum_odd(piece));
    *offset += len;
    return sum;
}

/* The sum of all bytes of a packet. */
static uint64_t sum_packet(const struct mnet_packet *packet)
{
    uint64_t sum = 0;
    size_t offset = 0;
    for (; packet != NULL; packet = packet->more) {
        sum = sum_piece(sum, &offset, packet->data, packet->len);
        for (unsigned i = 0; i < packet->fragment_count; i++) {
            const struct mnet_fragment *fragment = &packet->fragments[i];
            sum = sum_piece(sum, &offset, fragment->buffer->bytes + fragment->offset, fragment->len);
        }
    }
    return sum;
}

/* RFC 768: zero means that the sender computed none. What a device verified, or a sender on this machine left to be completed, has not been on a wire
 * since. */
static bool checksum_holds(const struct mn_datagram *datagram, const struct mnet_packet *packet,
                           const struct mn_udp_header *header)
{
    if (packet->checksum != MNET_CHECKSUM_PLAIN || header->checksum == 0)
        return true;
    uint64_t sum = mn_pseudo_sum(&datagram->source, &datagram->destination, MN_PROTOCOL_UDP, header->length);
    return mn_sum_fold(mn_sum_add(sum, sum_packet(packet))) == 0xffff;
}

static void announce(struct mn_udp *udp, struct mn_udp_endpoint *endpoint)
{
    if (!mn_list_linked(&endpoint->event))
        mn_list_append(&udp->events, &endpoint->event);
}

/* Queues the payload with the sender's endpoint in front of it; takes the packet. */
static void deliver(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, struct mnet_packet *packet,
                    const struct mnet_endpoint *from)
{
    size_t pinned = mnet_packet_pinned(packet);
    mnet_packet_pull(packet, MN_UDP_HEADER);
    bool full = endpoint->queued >= endpoint->queue_datagrams || endpoint->pinned + pinned > endpoint->queue_bytes;
    if (full || mnet_packet_headroom(packet) < sizeof *from) {
        count(udp, MNET_COUNT_UDP_DROP_QUEUE);
        mnet_packet_free(packet);
        return;
    }
    memcpy(mnet_packet_push(packet, sizeof *from), from, sizeof *from);
    packet->next = NULL;
    if (endpoint->last == NULL)
        endpoint->first = packet;
    else
        endpoint->last->next = packet;
    endpoint->last = packet;
    endpoint->queued++;
    endpoint->pinned += mnet_packet_pinned(packet);
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
        mnet_packet_trim(packet, header.length); /* what IP carries beyond the datagram is no part of it */
        if (!checksum_holds(datagram, packet, &header))
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

/* What an endpoint reports for an ICMP error; 0: nothing. */
static int error_for(enum mn_unreachable reason)
{
    switch (reason) {
    case MN_UNREACHABLE_PORT:
        return MNET_E_REFUSED;
    case MN_UNREACHABLE_TOO_BIG: /* our datagrams may be fragmented on their way */
        return MNET_OK;
    case MN_UNREACHABLE_NETWORK:
    case MN_UNREACHABLE_PROTOCOL:
    case MN_UNREACHABLE_PROHIBITED:
    case MN_UNREACHABLE_NEIGHBOUR:
        break;
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
    announce(udp, endpoint);
}

struct mn_udp_endpoint *mn_udp_next_event(struct mn_udp *udp)
{
    struct mnet_link *node = mn_list_take(&udp->events);
    return node == NULL ? NULL : MN_CONTAINER(node, struct mn_udp_endpoint, event);
}

bool mn_udp_readable(const struct mn_udp_endpoint *endpoint)
{
    return endpoint->error != MNET_OK || endpoint->first != NULL;
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

/* Copies the payload behind the header, adding it to `sum` where the checksum is to be completed. The first piece fills the linear part; so that
 * no later piece begins at an odd offset, all but the last have an even length. */
static bool copy_payload(struct mnet_packet *packet, const uint8_t *data, size_t len, bool complete, uint64_t *sum)
{
    size_t piece = MN_MIN(len, mnet_packet_tailroom(packet) & ~(size_t)1);
    uint8_t *to = piece > 0 ? mnet_packet_put(packet, piece) : NULL;
    while (len > 0) {
        if (complete)
            *sum = mn_sum_copy(*sum, to, data, piece);
        else
            memcpy(to, data, piece);
        data += piece;
        len -= piece;
        if (len == 0)
            break;
        struct mnet_buffer *buffer = mnet_buffer_alloc_tx(packet->memory, MN_MIN(len, MNET_BUFFER_LARGE));
        if (buffer == NULL)
            return false;
        piece = MN_MIN(len, buffer->capacity & ~(size_t)1);
        bool added = mnet_packet_add(packet, buffer, 0, (uint32_t)piece);
        to = buffer->bytes;
        mnet_buffer_free(buffer); /* the packet holds it now, if it took it */
        if (!added)
            return false;
    }
    return true;
}

struct mnet_packet *mn_udp_output(struct mn_udp *udp, const struct mn_udp_endpoint *endpoint,
                                  const struct mnet_endpoint *to, struct mnet_address source, uint16_t mtu,
                                  const void *data, size_t len, struct mn_datagram *datagram)
{
    MN_ASSERT(len <= MN_UDP_PAYLOAD_MAX);
    struct mnet_packet *packet = mnet_packet_alloc_tx(udp->memory);
    if (packet == NULL)
        return NULL;
    uint16_t length = (uint16_t)(MN_UDP_HEADER + len);
    bool complete = length + IPV4_HEADER > mtu;
    uint8_t *header_bytes = mnet_packet_put(packet, MN_UDP_HEADER);
    uint64_t sum = mn_pseudo_sum(&source, &to->address, MN_PROTOCOL_UDP, length);
    uint16_t pseudo = mn_sum_fold(sum);
    if (!copy_payload(packet, data, len, complete, &sum)) {
        mnet_packet_free(packet);
        return NULL;
    }
    struct mn_udp_header header = {endpoint->local.port, to->port, length, pseudo};
    if (complete) {
        sum += mn_sum_u16(header.source_port) + mn_sum_u16(header.destination_port) + mn_sum_u16(length);
        header.checksum = mn_checksum(sum);
        if (header.checksum == 0)
            header.checksum = 0xffff; /* RFC 768: zero would say that there is none */
    } else {
        packet->checksum = MNET_CHECKSUM_PARTIAL;
        packet->csum_start = 0;
        packet->csum_offset = 6;
    }
    mn_udp_emit(header_bytes, &header);
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
