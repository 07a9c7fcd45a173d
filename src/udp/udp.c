/* UDP endpoints: see udp.h for the scheme. */
#include "udp/udp.h"

#include "base/cursor.h"
#include "base/family.h"
#include "base/memory.h"
#include "base/pool.h"
#include "udp/queue.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

#define DEFAULT_QUEUE_DATAGRAMS 256u
#define DEFAULT_QUEUE_BYTES (512u * 1024u)
#define GROUP_TTL 1 /* RFC 1112 6.1 */
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
        .spread = config->spread,
        .chain_mask = (uint16_t)(chains - 1),
        .endpoints_max = config->user.endpoints_max,
        .budget = mnet_memory_budget(config->memory) / QUEUES_SHARE,
    };
    udp->chains = mn_memory_table(config->memory, chains * sizeof udp->chains[0]);
    return udp->chains == NULL ? MNET_E_NO_MEMORY : MNET_OK;
}

static struct mnet_link *chain_of(struct mn_udp *udp, uint16_t port)
{
    MN_DEBUG_ASSERT(udp->chains != NULL);
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
    MN_DEBUG_ASSERT(mn_address_is_any(&endpoint->remote.address) == (endpoint->remote.port == 0));
    return endpoint->remote.port != 0;
}

/* The ends of an endpoint, and the family that follows from them. */
struct binding {
    struct mnet_endpoint local, remote;
    enum mnet_family own_family; /* whatever the remote end is */
    enum mnet_family family;
    bool share;
};

/* Returns whether a datagram could belong to both alike. */
static bool collide(const struct mn_udp_endpoint *endpoint, const struct binding *binding)
{
    if (endpoint->local.port != binding->local.port || !mn_endpoint_equal(&endpoint->remote, &binding->remote))
        return false;
    if (!mn_families_meet(endpoint->family, binding->family) || (endpoint->share && binding->share))
        return false;
    return mn_address_is_any(&endpoint->local.address) || mn_address_is_any(&binding->local.address) ||
           mn_address_equal(&endpoint->local.address, &binding->local.address);
}

/* Returns whether an endpoint other than `but` (NULL: any) collides with these ends. */
static bool in_use(struct mn_udp *udp, const struct binding *binding, const struct mn_udp_endpoint *but)
{
    MN_DEBUG_ASSERT(binding->local.port != 0);
    struct mnet_link *chain = chain_of(udp, binding->local.port);
    FOR_EACH(node, chain)
    {
        if (endpoint_of(node) != but && collide(endpoint_of(node), binding))
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
    MN_DEBUG_ASSERT(udp->endpoints <= udp->endpoints_max);
    uint32_t span = 65536 - MN_UDP_EPHEMERAL_FIRST;
    uint32_t start = mn_random_below(udp->random, span);
    for (uint32_t i = 0; i < span; i++) {
        uint16_t port = (uint16_t)(MN_UDP_EPHEMERAL_FIRST + (start + i) % span);
        if (port != remote_port && mn_spread_has_port(&udp->spread, port) && !port_taken(udp, port))
            return port;
    }
    return 0;
}

/* Fills *binding; 0.0.0.0 becomes all zeros and a family. Returns 0 or MNET_E_INVALID. */
static int bind_ends(struct mnet_endpoint local, struct mnet_endpoint remote, enum mnet_family family,
                     struct binding *binding)
{
    bool has_remote = !mn_address_is_any(&remote.address);
    if (has_remote != (remote.port != 0) || family > MNET_FAMILY_IPV6)
        return MNET_E_INVALID;
    if (!mn_family_narrow(&family, mn_family_of(local.address)))
        return MNET_E_INVALID;
    *binding = (struct binding){.local = local, .own_family = family, .family = family};
    if (mn_address_is_any(&local.address))
        binding->local.address = MNET_ADDRESS_ANY;
    if (has_remote)
        binding->remote = remote;
    return !has_remote || mn_family_narrow(&binding->family, mn_family_of(remote.address)) ? MNET_OK : MNET_E_INVALID;
}

int mn_udp_open(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, const struct mnet_udp_options *options)
{
    struct binding binding;
    int error = bind_ends(options->local, options->remote, options->family, &binding);
    if (error < 0 || options->dscp > 63)
        return MNET_E_INVALID;
    binding.share = options->share;
    if (udp->endpoints >= udp->endpoints_max)
        return MNET_E_LIMIT;
    if (binding.local.port == 0) {
        binding.local.port = choose_port(udp, binding.remote.port);
        if (binding.local.port == 0)
            return MNET_E_LIMIT;
    } else if (in_use(udp, &binding, NULL)) {
        return MNET_E_IN_USE;
    }
    *endpoint = (struct mn_udp_endpoint){
        .udp = udp,
        .local = binding.local,
        .remote = binding.remote,
        .family = binding.family,
        .own_family = binding.own_family,
        .queue_datagrams = options->queue_datagrams != 0 ? options->queue_datagrams : DEFAULT_QUEUE_DATAGRAMS,
        .queue_bytes = options->queue_bytes != 0 ? options->queue_bytes : DEFAULT_QUEUE_BYTES,
        .ttl = options->ttl,
        .dscp = options->dscp,
        .dont_fragment = options->dont_fragment,
        .icmp_errors = options->icmp_errors,
        .merge = options->merge,
        .share = options->share,
        .group_ttl = options->group_ttl != 0 ? options->group_ttl : GROUP_TTL,
        .group_loop = options->group_loop,
    };
    mn_list_append(chain_of(udp, binding.local.port), &endpoint->chain);
    MN_DEBUG_ASSERT(endpoint->local.port != 0 &&
                    mn_address_is_any(&endpoint->remote.address) == (endpoint->remote.port == 0));
    udp->endpoints++;
    return MNET_OK;
}

int mn_udp_connect(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, struct mnet_endpoint remote)
{
    struct binding binding;
    int error = bind_ends(endpoint->local, remote, endpoint->own_family, &binding);
    if (error < 0)
        return error;
    binding.share = endpoint->share;
    if (in_use(udp, &binding, endpoint))
        return MNET_E_IN_USE;
    endpoint->remote = binding.remote;
    endpoint->family = binding.family;
    if (connected(endpoint))
        mn_udp_keep(endpoint, binding.remote);
    endpoint->error_count = 0;
    return MNET_OK;
}

void mn_udp_close(struct mn_udp *udp, struct mn_udp_endpoint *endpoint)
{
    MN_DEBUG_ASSERT(mn_list_linked(&endpoint->chain) && udp->joined >= endpoint->group_count);
    udp->joined -= endpoint->group_count;
    mn_udp_release(endpoint);
    mn_udp_discard(endpoint);
    mn_list_remove(&endpoint->chain);
    mn_list_remove(&endpoint->event);
    MN_ASSERT(udp->endpoints > 0);
    udp->endpoints--;
    MN_DEBUG_ASSERT(endpoint->pinned == 0);
}

int mn_udp_open_own(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, const struct mnet_udp_options *options)
{
    udp->endpoints_max++;
    int error = mn_udp_open(udp, endpoint, options);
    if (error < 0)
        udp->endpoints_max--;
    return error;
}

void mn_udp_close_own(struct mn_udp *udp, struct mn_udp_endpoint *endpoint)
{
    MN_DEBUG_ASSERT(udp->endpoints_max > 0);
    mn_udp_close(udp, endpoint);
    udp->endpoints_max--;
}

/* Returns whether an endpoint takes datagrams to the own address, or the group, `local`. */
static bool matches(const struct mn_udp_endpoint *endpoint, struct mnet_address local)
{
    if (mn_address_is_multicast(&local)) /* MLD2-4.2-4 */
        return mn_udp_is_member(endpoint, local);
    if (mn_address_is_any(&endpoint->local.address))
        return mn_udp_takes(endpoint, local);
    return mn_address_equal(&endpoint->local.address, &local);
}

/* Returns how exactly an endpoint fits a datagram from `remote` to `local`; -1: it does not. */
static inline int fitness(const struct mn_udp_endpoint *endpoint, struct mnet_endpoint local,
                          struct mnet_endpoint remote)
{
    bool any = mn_address_is_any(&endpoint->local.address);
    if (endpoint->local.port != local.port || !matches(endpoint, local.address))
        return -1;
    if (connected(endpoint) && !mn_endpoint_equal(&endpoint->remote, &remote))
        return -1;
    return (connected(endpoint) ? 2 : 0) + (any ? 0 : 1);
}

/* Returns the one of `count` endpoints with this fitness that the sender's address and port choose.
 * If they do not share their ends, they are members of one group, and the first one has it. */
static MN_RARE struct mn_udp_endpoint *choose(struct mn_udp *udp, struct mnet_endpoint local,
                                              struct mnet_endpoint remote, int wanted, unsigned count)
{
    MN_DEBUG_ASSERT(count > 1 && wanted >= 0);
    uint32_t number = remote.port;
    for (size_t i = 0; i < sizeof remote.address.bytes; i++)
        number = number * 31 + remote.address.bytes[i];
    unsigned left = (number ^ number >> 16) % count;
    struct mn_udp_endpoint *last = NULL;
    struct mnet_link *chain = chain_of(udp, local.port);
    FOR_EACH(node, chain)
    {
        if (fitness(endpoint_of(node), local, remote) != wanted)
            continue;
        last = endpoint_of(node);
        if (left-- == 0 || !last->share)
            break;
    }
    return last;
}

/* Returns the endpoint that a datagram from `remote` to `local` is for, or NULL if there is
 * none. */
static struct mn_udp_endpoint *find(struct mn_udp *udp, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    MN_DEBUG_ASSERT(local.address.zone == 0 && remote.address.zone == 0);
    struct mn_udp_endpoint *best = NULL;
    int best_score = -1;
    unsigned equal = 0;
    struct mnet_link *chain = chain_of(udp, local.port);
    FOR_EACH(node, chain)
    {
        int score = fitness(endpoint_of(node), local, remote);
        if (score > best_score) {
            best = endpoint_of(node);
            best_score = score;
            equal = 0;
        }
        equal += score == best_score;
    }
    return best != NULL && equal > 1 ? choose(udp, local, remote, best_score, equal) : best;
}

static void announce(struct mn_udp *udp, struct mn_udp_endpoint *endpoint)
{
    MN_DEBUG_ASSERT(mn_list_linked(&endpoint->chain));
    if (!mn_list_linked(&endpoint->event))
        mn_list_append(&udp->events, &endpoint->event);
}

enum mn_udp_verdict mn_udp_input(struct mn_udp *udp, const struct mn_datagram *datagram, struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT(datagram->protocol == MN_PROTOCOL_UDP && packet->next == NULL);
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
    mnet_packet_pull(packet, MN_UDP_HEADER);
    const struct mn_udp_arrival arrival = {from, to.address, datagram->ttl, datagram->traffic_class};
    if (mn_udp_enqueue(endpoint, packet, &arrival))
        announce(udp, endpoint);
    return MN_UDP_CONSUMED;
}

/* Returns whether the quoted datagram is larger than the MTU that the error reports (PMTU-4-1). 0
 * says nothing. */
static bool was_too_big(const struct mn_icmp_error *error, uint16_t length)
{
    uint32_t header = mn_address_is_ipv4(&error->remote) ? MN_IPV4_HEADER : MN_IPV6_HEADER;
    return error->mtu == 0 || header + length > error->mtu;
}

bool mn_udp_icmp(struct mn_udp *udp, const struct mn_icmp_error *error)
{
    struct mn_reader quote = mn_reader(error->quote, error->quote_len);
    struct mnet_endpoint local = {error->local, mn_read_u16(&quote)};
    struct mnet_endpoint remote = {error->remote, mn_read_u16(&quote)};
    uint16_t length = mn_read_u16(&quote);
    if (!quote.ok)
        return false;
    struct mn_udp_endpoint *endpoint = find(udp, local, remote);
    if (endpoint == NULL)
        return false;
    if (error->reason == MN_UNREACHABLE_TOO_BIG)
        return was_too_big(error, length);
    if (!connected(endpoint) && !endpoint->icmp_errors)
        return true;
    int result = error->reason == MN_UNREACHABLE_PORT ? MNET_E_REFUSED : MNET_E_UNREACHABLE;
    const struct mn_udp_error noted = {remote, error->local, result, (enum mnet_unreachable)error->reason};
    if (mn_udp_note_error(endpoint, &noted))
        announce(udp, endpoint);
    return true;
}

struct mn_udp_endpoint *mn_udp_fetch_event(struct mn_udp *udp)
{
    struct mnet_link *node = mn_list_take(&udp->events);
    return node == NULL ? NULL : MN_CONTAINER(node, struct mn_udp_endpoint, event);
}
