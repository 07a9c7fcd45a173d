/* Demultiplexing: one table keyed by both endpoints for tcbs, and for the records of connections
 * that are half-open, at rest or in TIME-WAIT; listeners; ports; initial sequence numbers. */
#include <string.h>

#include "base/check.h"
#include "base/family.h"
#include "tcp/records/table.h"
#include "tcp/tcb.h"
#include "wire/ipv6.h"

static uint64_t load64(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Both ends in words: two for IPv4, whose addresses differ in four bytes each, five for IPv6. The
 * hash counts them in, so that no pair of one family looks like one of the other. */
static inline size_t words_of(const struct mn_conn_end *local, const struct mn_conn_end *remote, uint64_t words[5])
{
    uint64_t ports = (uint64_t)local->port << 16 | remote->port;
    uint32_t addresses[2];
    words[0] = ports;
    if (mn_conn_end_is_ipv4(remote)) {
        memcpy(&addresses[0], local->address + 12, sizeof addresses[0]);
        memcpy(&addresses[1], remote->address + 12, sizeof addresses[1]);
        words[1] = (uint64_t)addresses[0] << 32 | addresses[1];
        return 2;
    }
    words[1] = load64(local->address);
    words[2] = load64(local->address + 8);
    words[3] = load64(remote->address);
    words[4] = load64(remote->address + 8);
    return 5;
}

/* Keyed, so that nobody outside can choose connections that share a bucket. */
static uint64_t hash_of(const struct mn_tcp *tcp, const struct mn_conn_end *local, const struct mn_conn_end *remote)
{
    uint64_t words[5];
    size_t count = words_of(local, remote, words);
    return mn_siphash13_words(&tcp->table_key, words, count);
}

/* Connections and half-open records know their hash. The smaller records have no room for it. */
uint64_t mn_table_hash(const struct mn_tcp *tcp, const struct mn_conn *conn)
{
    switch ((enum mn_conn_kind)conn->kind) {
    case MN_CONN_TCB: return MN_CONTAINER(conn, struct mn_tcb, conn)->hash;
    case MN_CONN_HALF_OPEN: return MN_CONTAINER(conn, struct mn_half_open, conn)->hash;
    case MN_CONN_TIME_WAIT:
    case MN_CONN_IDLE: break;
    }
    return hash_of(tcp, &conn->local, &conn->remote);
}

static inline bool matches(const struct mn_conn *conn, const struct mnet_endpoint *local,
                           const struct mnet_endpoint *remote)
{
    return mn_conn_is_between(conn, &local->address, local->port, &remote->address, remote->port);
}

/* A connection among many is in no cache. All its lines are fetched at once, not one after the
 * other as they are needed. */
MN_APART void mn_table_expect(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    MN_DEBUG_ASSERT(tcb->conn.kind == MN_CONN_TCB);
    mn_prefetch(tcb, sizeof *tcb);
    if (tcb->conn.hashed)
        tcp->last = &tcb->conn;
}

static MN_APART struct mn_conn *look_up(struct mn_tcp *tcp, const struct mnet_endpoint *local,
                                        const struct mnet_endpoint *remote, uint64_t *hash)
{
    const struct mn_conn_end ends[2] = {mn_conn_end(*local), mn_conn_end(*remote)};
    *hash = hash_of(tcp, &ends[0], &ends[1]);
    struct mn_conn *conn = tcp->buckets[*hash & tcp->bucket_mask];
    while (conn != NULL && !matches(conn, local, remote))
        conn = conn->hash_next;
    if (conn != NULL && conn->kind == MN_CONN_TCB)
        mn_table_expect(tcp, MN_CONTAINER(conn, struct mn_tcb, conn));
    else if (conn != NULL && conn->kind == MN_CONN_HALF_OPEN)
        tcp->last = conn;
    return conn;
}

struct mn_conn *mn_table_find(struct mn_tcp *tcp, const struct mnet_endpoint *local, const struct mnet_endpoint *remote,
                              uint64_t *hash)
{
    MN_DEBUG_ASSERT(tcp->last == NULL || tcp->last->hashed);
    if (MN_UNLIKELY(tcp->last == NULL || !matches(tcp->last, local, remote)))
        return look_up(tcp, local, remote, hash);
    *hash = mn_table_hash(tcp, tcp->last);
    return tcp->last;
}

static bool is_connection(const struct mn_conn *conn)
{
    return conn->kind == MN_CONN_TCB || conn->kind == MN_CONN_IDLE;
}

void mn_table_add(struct mn_tcp *tcp, struct mn_conn *conn, uint64_t hash)
{
    MN_ASSERT(!conn->hashed);
    MN_CHECK(MN_ASSERT(hash == hash_of(tcp, &conn->local, &conn->remote)));
    struct mn_conn **bucket = &tcp->buckets[hash & tcp->bucket_mask];
    conn->hash_next = *bucket;
    *bucket = conn;
    conn->hashed = true;
    tcp->established += is_connection(conn);
    if (conn->kind == MN_CONN_TIME_WAIT || conn->kind == MN_CONN_IDLE)
        return;
    tcp->last = conn; /* its next segment may be the next one of all */
}

void mn_table_remove(struct mn_tcp *tcp, struct mn_conn *conn)
{
    MN_DEBUG_ASSERT(tcp->established > 0 || !is_connection(conn) || !conn->hashed);
    if (!conn->hashed)
        return;
    struct mn_conn **at = &tcp->buckets[mn_table_hash(tcp, conn) & tcp->bucket_mask];
    while (*at != conn)
        at = &(*at)->hash_next;
    *at = conn->hash_next;
    conn->hashed = false;
    if (tcp->last == conn)
        tcp->last = NULL;
    tcp->established -= is_connection(conn);
    MN_DEBUG_ASSERT(conn->hash_next == NULL || !conn->hashed);
}

/* --- Listeners, by their port --- */

static struct mn_listener **bucket_of_port(const struct mn_tcp *tcp, uint16_t port)
{
    return &tcp->listener_buckets[port & tcp->listener_mask];
}

void mn_table_add_listener(struct mn_tcp *tcp, struct mn_listener *listener)
{
    MN_DEBUG_ASSERT(!mn_list_linked(&listener->link) && listener->local.port != 0);
    struct mn_listener **bucket = bucket_of_port(tcp, listener->local.port);
    listener->port_next = *bucket;
    *bucket = listener;
    mn_list_append(&tcp->listener_list, &listener->link);
}

void mn_table_remove_listener(struct mn_tcp *tcp, struct mn_listener *listener)
{
    MN_DEBUG_ASSERT(mn_list_linked(&listener->link));
    struct mn_listener **at = bucket_of_port(tcp, listener->local.port);
    while (*at != listener)
        at = &(*at)->port_next;
    *at = listener->port_next;
    mn_list_remove(&listener->link);
}

bool mn_table_port_taken(const struct mn_tcp *tcp, struct mnet_endpoint local, enum mnet_family family)
{
    const struct mn_listener *at = *bucket_of_port(tcp, local.port);
    for (; at != NULL; at = at->port_next) {
        if (at->local.port == local.port && mnet_address_equal(at->local.address, local.address) &&
            mn_families_meet(at->family, family))
            return true;
    }
    return false;
}

/* Returns the listener for a local endpoint: one on this address has precedence over one on any
 * of its family. */
struct mn_listener *mn_table_listener(struct mn_tcp *tcp, struct mnet_endpoint local)
{
    enum mnet_family family = mn_family_of(local.address);
    struct mn_listener *any = NULL;
    for (struct mn_listener *at = *bucket_of_port(tcp, local.port); at != NULL; at = at->port_next) {
        if (at->local.port != local.port || at->deaf)
            continue;
        if (mnet_address_equal(at->local.address, local.address))
            return at;
        if (mnet_address_is_any(at->local.address) && mn_families_meet(at->family, family))
            any = at;
    }
    return any;
}

#define PORT_FIRST 16384u
#define PORT_COUNT (65536u - PORT_FIRST)

/* Returns whether no listener has the port, on any address. A port that the stack chooses is never
 * shared. */
static bool heard_by_nobody(const struct mn_tcp *tcp, uint16_t port)
{
    for (const struct mn_listener *at = *bucket_of_port(tcp, port); at != NULL; at = at->port_next) {
        if (at->local.port == port)
            return false;
    }
    return true;
}

/* Returns whether a connection of the host with itself would have a listener for its peer. An own
 * address with the requested port would be the connection itself: RFC 9293 3.5 would open it like
 * simultaneous ones. The mirror image of another connection would be opened in the same way. */
static bool mirror_is_free(struct mn_tcp *tcp, const struct mnet_endpoint *local, const struct mnet_endpoint *remote)
{
    uint64_t hash;
    return !mnet_endpoint_equal(*local, *remote) && mn_table_find(tcp, remote, local, &hash) == NULL;
}

/* Without a remote end: whatever that will be. */
static bool is_of_our_queue(const struct mn_tcp *tcp, const struct mnet_endpoint *local,
                            const struct mnet_endpoint *remote)
{
    const struct mn_spread *spread = &tcp->config.spread;
    return remote != NULL ? mn_spread_has_flow(spread, local, remote) : mn_spread_has_port(spread, local->port);
}

/* RFC 6056 3.3.1: a random start, then the next free one. */
bool mn_table_choose_port(struct mn_tcp *tcp, struct mnet_endpoint *local, const struct mnet_endpoint *remote,
                          bool loopback, uint64_t *hash)
{
    MN_DEBUG_ASSERT(remote == NULL || remote->port != 0);
    uint32_t start = mn_random_below(tcp->config.random, PORT_COUNT);
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        local->port = (uint16_t)(PORT_FIRST + (start + i) % PORT_COUNT);
        if (!heard_by_nobody(tcp, local->port) || !(loopback || is_of_our_queue(tcp, local, remote)))
            continue;
        if (remote == NULL ||
            (mn_table_find(tcp, local, remote, hash) == NULL && (!loopback || mirror_is_free(tcp, local, remote))))
            return true;
    }
    return false;
}

uint64_t mn_tuple_hash(const struct mn_hash_key *key, const struct mnet_endpoint *local,
                       const struct mnet_endpoint *remote)
{
    uint8_t tuple[36];
    memcpy(tuple, local->address.bytes, 16);
    memcpy(tuple + 16, remote->address.bytes, 16);
    memcpy(tuple + 32, &local->port, 2);
    memcpy(tuple + 34, &remote->port, 2);
    return mn_siphash24(key, tuple, sizeof tuple);
}

static_assert(UINT64_MAX >> 44 == MN_IPV6_FLOW_LABEL_MAX, "a label has 20 bits");

/* The upper bits of the hash. The table uses the lower 32 alone, and bits of a keyed hash say
 * nothing about the others, so labels do not tell which connections share a bucket. The key has no
 * other use, so they do not tell initial sequence numbers either. */
uint32_t mn_tcp_flow_label(const struct mn_conn_end *remote, uint64_t hash)
{
    uint32_t label = (uint32_t)(hash >> 44);
    if (mn_conn_end_is_ipv4(remote))
        return 0;
    return label != 0 ? label : 1; /* 0 is none */
}

struct mn_beginning mn_tcp_choose_beginning(const struct mn_tcp *tcp, const struct mnet_endpoint *local,
                                            const struct mnet_endpoint *remote, uint64_t now)
{
    uint64_t hash = mn_tuple_hash(&tcp->isn_key, local, remote);
    /* MUST-8: M is a clock that ticks every 4 us. MUST-9: F is keyed with a secret. */
    return (struct mn_beginning){(uint32_t)(now / (4 * MNET_MICROSECOND)) + (uint32_t)hash, (uint32_t)(hash >> 32)};
}
