/* A server under attack, and its honest clients: one that stays, and others that come, are served
 * and leave.
 *
 * An attack is a strike, repeated many times. Between strikes the clients do their work. The script
 * checks after each strike the lengths of the lists that a packet may walk along. Those lengths,
 * the memory in use and the number of answers are the cost of the attack.
 */
#ifndef TESTS_TCP_SIEGE_H
#define TESTS_TCP_SIEGE_H

#include "tests/tcp/harness.h"

#define EVIL(port) endpoint(10, 66, 0, 1, (uint16_t)(port))

struct siege {
    struct tcp_test t;
    struct mn_tcb *friend; /* the client that stays, on the usual connection */
    uint32_t heard, said;  /* next sequence numbers of the client's text and of ours */
    struct mn_tcb *evil;   /* a connection of the attacker from EVIL(1), if it has one */
    uint32_t iss;          /* our ISS on the attacker's connection, relative to the usual one */
    unsigned served;
};

/* The longest lists that one packet may have to walk along. */
struct siege_lengths {
    unsigned bucket, runs, ranges, replies, half_open, listeners;
};

/* Makes a connection from any peer, ready to be accepted. Returns false if none is made. *iss is
 * the engine's ISS, relative to t->iss. */
bool siege_connect(struct tcp_test *t, struct mnet_endpoint peer, int window, int mss, bool sack, uint32_t *iss);
/* An honest client connects, sends a request, gets an answer, and leaves. */
void siege_serve_one(struct tcp_test *t, uint16_t port);
/* The honest client that stays sends a request and gets an answer. */
void siege_exchange(struct siege *s);
/* The client sends and receives as much as possible in one turn. At least half of it gets through
 * at once, during any attack. */
void siege_goodput(struct siege *s);
/* Checks that the bytes charged are the bytes pinned, and that the reserve is free. */
void siege_check_memory(struct tcp_test *t);
struct siege_lengths siege_lengths(struct tcp_test *t);

#endif
