/* A server under attack, and its honest clients: one that has been there all the time, and others that come, are served and leave.
 *
 * An attack is a strike, made many times; between strikes the clients get on with their work. What a packet may have to walk along is looked at after
 * each strike: those lengths, the memory in use and what was sent in answer are the work and the memory that the attack costs.
 */
#ifndef TESTS_TCP_SIEGE_H
#define TESTS_TCP_SIEGE_H

#include "tests/tcp/harness.h"

#define EVIL(port) endpoint(10, 66, 0, 1, (uint16_t)(port))

struct siege {
    struct tcp_test t;
    struct mn_tcb *friend; /* the client that stays: the usual connection */
    uint32_t heard, said;  /* next sequence numbers, of the client's text and of ours */
    struct mn_tcb *evil;   /* a connection of the attacker's, where it has one, from EVIL(1), ... */
    uint32_t iss;          /* ... and our ISS there, relative to the usual one */
    unsigned served;
};

/* The longest of what one packet may have to walk along or look through. */
struct siege_lengths {
    unsigned bucket, runs, ranges, replies, half_open, listeners;
};

/* A connection from any peer, ready to be accepted; false where it did not come about. *iss is the engine's, relative to t->iss. */
bool siege_connect(struct tcp_test *t, struct mnet_endpoint peer, int window, int mss, bool sack, uint32_t *iss);
/* An honest client comes, sends a request, gets an answer, and leaves. */
void siege_serve_one(struct tcp_test *t, uint16_t port);
/* The honest client that stays asks and is answered. */
void siege_exchange(struct siege *s);
/* It sends and is sent as much as it can in one turn: at least half of that gets through at once, whatever else goes on. */
void siege_goodput(struct siege *s);
/* What is charged is what is pinned, and the reserve is there for the next packet. */
void siege_check_memory(struct tcp_test *t);
struct siege_lengths siege_lengths(struct tcp_test *t);

#endif
