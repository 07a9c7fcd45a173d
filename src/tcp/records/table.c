/* Demultiplexing: one table keyed by both endpoints for tcbs, half-open and TIME-WAIT records;
 * listeners; ports; initial sequence numbers. */
#include <string.h>

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

/* Keyed, so that nobody outside can choose connections that share a bucket. */
static uint32_t bucket_of(const struct mn_tcp *tcp, const struct mn_conn_end *local, const struct mn_conn_end *remote)
{
    const uint64_t words[5] = {load64(local->address), load64(local->address + 8), load64(remote->address),
                               load64(remote->address + 8), (uint64_t)local->port << 16 | remote->port};
    return (uint32_t)mn_siphash13_words(&tcp->table_key, words, MN_COUNT_OF(words)) & tcp->bucket_mask;
}

static inline bool is_end(const struct mn_conn_end *end, const struct mnet_endpoint *endpoint)
{
    uint64_t first = load64(end->address) ^ load64(endpoint->address.bytes);
    uint64_t second = load64(end->address + 8) ^ load64(endpoint->address.bytes + 8);
    return end->port == endpoint->port && (first | second) == 0;
}

static inline bool matches(const struct mn_conn *conn, const struct mnet_endpoint *local,
                           const struct mnet_endpoint *remote)
{
    return is_end(&conn->remote, remote) && is_end(&conn->local, local);
}

static MN_APART struct mn_conn *look_up(struct mn_tcp *tcp, const struct mnet_endpoint *local,
                                        const struct mnet_endpoint *remote)
{
    const struct mn_conn_end ends[2] = {mn_conn_end(*local), mn_conn_end(*remote)};
    struct mn_conn *conn = tcp->buckets[bucket_of(tcp, &ends[0], &ends[1])];
    while (conn != NULL && !matches(conn, local, remote))
        conn = conn->hash_next;
    if (conn != NULL)
        tcp->last = conn;
    return conn;
}

struct mn_conn *mn_table_find(struct mn_tcp *tcp, const struct mnet_endpoint *local, const struct mnet_endpoint *remote)
{
    if (MN_LIKELY(tcp->last != NULL && matches(tcp->last, local, remote)))
        return tcp->last;
    return look_up(tcp, local, remote);
}

void mn_table_add(struct mn_tcp *tcp, struct mn_conn *conn)
{
    MN_ASSERT(!conn->hashed);
    struct mn_conn **bucket = &tcp->buckets[bucket_of(tcp, &conn->local, &conn->remote)];
    conn->hash_next = *bucket;
    *bucket = conn;
    conn->hashed = true;
    if (conn->kind == MN_CONN_TCB)
        tcp->established++;
}

void mn_table_remove(struct mn_tcp *tcp, struct mn_conn *conn)
{
    if (!conn->hashed)
        return;
    struct mn_conn **at = &tcp->buckets[bucket_of(tcp, &conn->local, &conn->remote)];
    while (*at != conn)
        at = &(*at)->hash_next;
    *at = conn->hash_next;
    conn->hashed = false;
    if (tcp->last == conn)
        tcp->last = NULL;
    if (conn->kind == MN_CONN_TCB)
        tcp->established--;
}

/* Returns the listener for a local endpoint: one on this address has precedence over one on any
 * of its family.
 * There are few, and only SYNs come here. */
struct mn_listener *mn_table_listener(struct mn_tcp *tcp, struct mnet_endpoint local)
{
    enum mnet_family family = mn_family_of(local.address);
    struct mn_listener *any = NULL;
    struct mnet_link *head = &tcp->listener_list;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        struct mn_listener *listener = MN_CONTAINER(at, struct mn_listener, link);
        if (listener->local.port != local.port)
            continue;
        if (mnet_address_equal(listener->local.address, local.address))
            return listener;
        if (mnet_address_is_any(listener->local.address) && mn_families_meet(listener->family, family))
            any = listener;
    }
    return any;
}

#define PORT_FIRST 16384u
#define PORT_COUNT (65536u - PORT_FIRST)

/* Returns whether no listener has the port, on any address. A port that the stack chooses is never
 * shared. */
static bool heard_by_nobody(const struct mn_tcp *tcp, uint16_t port)
{
    const struct mnet_link *head = &tcp->listener_list;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        if (MN_CONTAINER(at, struct mn_listener, link)->local.port == port)
            return false;
    }
    return true;
}

/* Returns whether a connection from `local` to `remote` would be new, and have no peer but a
 * listener. An own address with the requested port would be the connection itself: RFC 9293 3.5
 * would open it like simultaneous ones. The mirror image of another connection would be opened in
 * the same way. */
static bool pair_is_free(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    return !mnet_endpoint_equal(local, remote) && mn_table_find(tcp, &local, &remote) == NULL &&
           mn_table_find(tcp, &remote, &local) == NULL;
}

uint16_t mn_table_free_port(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    /* RFC 6056 3.3.1: a random start, then the next free one. */
    uint32_t start = mn_random_below(tcp->config.random, PORT_COUNT);
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        local.port = (uint16_t)(PORT_FIRST + (start + i) % PORT_COUNT);
        if (heard_by_nobody(tcp, local.port) && (remote.port == 0 || pair_is_free(tcp, local, remote)))
            return local.port;
    }
    return 0;
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

/* The secret is that of initial sequence numbers, changed so that neither tells the other. */
uint32_t mn_tcp_flow_label(const struct mn_tcp *tcp, const struct mn_conn *conn)
{
    const struct mn_hash_key key = {~tcp->isn_key.k0, tcp->isn_key.k1};
    struct mnet_endpoint local = mn_conn_endpoint(&conn->local), remote = mn_conn_endpoint(&conn->remote);
    if (mnet_address_is_ipv4(remote.address))
        return 0;
    uint32_t label = (uint32_t)mn_tuple_hash(&key, &local, &remote) & MN_IPV6_FLOW_LABEL_MAX;
    return label != 0 ? label : 1; /* 0 is none */
}

uint32_t mn_tcp_isn(const struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote, uint64_t now)
{
    /* MUST-8: M is a clock that ticks every 4 us. MUST-9: F is keyed with a secret. */
    return (uint32_t)(now / (4 * MNET_MICROSECOND)) + (uint32_t)mn_tuple_hash(&tcp->isn_key, &local, &remote);
}
