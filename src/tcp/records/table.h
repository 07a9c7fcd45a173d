/* The table of all connections and records, free ports, and initial sequence numbers. */
#ifndef MN_TCP_TABLE_H
#define MN_TCP_TABLE_H

#include "tcp/tcb.h"

struct mn_conn *mn_table_find(struct mn_tcp *tcp, const struct mnet_endpoint *local,
                              const struct mnet_endpoint *remote);
void mn_table_add(struct mn_tcp *tcp, struct mn_conn *conn);
void mn_table_remove(struct mn_tcp *tcp, struct mn_conn *conn);
struct mn_listener *mn_table_listener(struct mn_tcp *tcp, struct mnet_endpoint local);
/* Returns a random port (RFC 6056) without a listener, free for this pair of addresses, with which
 * the connection is not one with itself (remote.port 0: free for listening). Returns 0 if there is
 * none. */
uint16_t mn_table_free_port(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote);
/* ISN = M + F(4-tuple, secret) (RFC 6528, MUST-8, MUST-9, SHLD-1). */
uint32_t mn_tcp_isn(const struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote, uint64_t now);
/* Returns the flow label of all segments of a connection over IPv6, half-open and in TIME-WAIT
 * included: a keyed hash of both ends (RFC 6437 3). 0 for IPv4. */
uint32_t mn_tcp_flow_label(const struct mn_tcp *tcp, const struct mn_conn *conn);
/* Returns a keyed hash of both ends: 2-4 rounds, because others see values made of it. */
uint64_t mn_tuple_hash(const struct mn_hash_key *key, const struct mnet_endpoint *local,
                       const struct mnet_endpoint *remote);

#endif
