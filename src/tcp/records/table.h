/* The table of all connections and records, free ports, and initial sequence numbers. */
#ifndef MN_TCP_TABLE_H
#define MN_TCP_TABLE_H

#include "tcp/tcb.h"

/* Returns the connection or record between both ends, or NULL. *hash is theirs in any case. */
struct mn_conn *mn_table_find(struct mn_tcp *tcp, const struct mnet_endpoint *local, const struct mnet_endpoint *remote,
                              uint64_t *hash);
/* Returns the connection found or added last, if it is one with a tcb, or NULL. */
static inline struct mn_tcb *mn_table_last_tcb(const struct mn_tcp *tcp)
{
    struct mn_conn *last = tcp->last;
    return MN_LIKELY(last != NULL && last->kind == MN_CONN_TCB) ? MN_CONTAINER(last, struct mn_tcb, conn) : NULL;
}
/* Returns whether these are the ends of the connection or record. */
static inline bool mn_conn_is_between(const struct mn_conn *conn, const struct mnet_address *local, uint16_t local_port,
                                      const struct mnet_address *remote, uint16_t remote_port)
{
    return mn_conn_end_is(&conn->remote, remote, remote_port) && mn_conn_end_is(&conn->local, local, local_port);
}
/* Returns the hash of the ends of a connection or record. */
uint64_t mn_table_hash(const struct mn_tcp *tcp, const struct mn_conn *conn);
/* `tcb` is about to be used, and its next segment may be the next one of all. */
void mn_table_expect(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* `hash` is that of its ends. */
void mn_table_add(struct mn_tcp *tcp, struct mn_conn *conn, uint64_t hash);
void mn_table_remove(struct mn_tcp *tcp, struct mn_conn *conn);
void mn_table_add_listener(struct mn_tcp *tcp, struct mn_listener *listener);
void mn_table_remove_listener(struct mn_tcp *tcp, struct mn_listener *listener);
struct mn_listener *mn_table_listener(struct mn_tcp *tcp, struct mnet_endpoint local);
/* Only the same address and port of the same family collide: a listener on an own address beside
 * one on any is more specific (MUST-43), and connections do not matter (MUST-42). */
bool mn_table_port_taken(const struct mn_tcp *tcp, struct mnet_endpoint local, enum mnet_family family);
/* Sets local->port to a random port (RFC 6056) without a listener, free for this pair of addresses,
 * and *hash to that of the pair. remote NULL: free for listening. `loopback`: the peer is the host
 * itself; then the connection is none with itself, nor with another one of the host. Returns false
 * if there is none. */
bool mn_table_choose_port(struct mn_tcp *tcp, struct mnet_endpoint *local, const struct mnet_endpoint *remote,
                          bool loopback, uint64_t *hash);

/* What a connection begins with, from one keyed hash of its ends: ISN = M + F(4-tuple, secret)
 * (RFC 6528, MUST-8, MUST-9, SHLD-1), and the beginning of the clock of our timestamps, the same
 * for each connection of the pair. The halves of the hash say nothing about one another. */
struct mn_beginning {
    uint32_t isn;
    uint32_t timestamp_offset;
};
struct mn_beginning mn_tcp_choose_beginning(const struct mn_tcp *tcp, const struct mnet_endpoint *local,
                                            const struct mnet_endpoint *remote, uint64_t now);
/* Returns the flow label of all segments of a connection over IPv6, half-open and in TIME-WAIT
 * included: a part of the keyed hash of both ends (RFC 6437 3). 0 for IPv4. */
uint32_t mn_tcp_flow_label(const struct mn_conn_end *remote, uint64_t hash);
/* Returns a keyed hash of both ends: 2-4 rounds, because others see values made of it. */
uint64_t mn_tuple_hash(const struct mn_hash_key *key, const struct mnet_endpoint *local,
                       const struct mnet_endpoint *remote);

#endif
