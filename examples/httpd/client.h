/* One client of the server, in whatever version of HTTP it speaks (http1.h, http2.h). */
#ifndef HTTPD_CLIENT_H
#define HTTPD_CLIENT_H

#include <mnet/mnet.h>

/* A request begins within this time. A session of TLS is there within HEAD_PATIENCE. */
#define IDLE_PATIENCE (30 * MNET_SECOND)
/* A request that has begun has a complete head within this time. */
#define HEAD_PATIENCE (15 * MNET_SECOND)
/* A body has as much time again, and this for each byte that has come. */
#define BODY_BYTE_PATIENCE (MNET_SECOND / 100)
/* A client that acknowledges nothing for this long is given up. */
#define RESPONSE_PATIENCE (60 * MNET_SECOND)
/* A client that has got on within this time does not go for others. */
#define SHED_GRACE (5 * MNET_SECOND)
/* A client that has everything closes within this time. */
#define LINGER_PATIENCE (2 * MNET_SECOND)
/* How often a client that is waited for is looked at (client_look). */
#define LOOK_NS (2 * MNET_SECOND)

/* What the clients of a server share. They are in the order of their last progress: a request that
 * is complete, a byte of an answer that has arrived. */
struct client_house {
    struct mnet_env *env;
    struct mnet_stack *stack;
    bool metrics; /* /metrics is the state of the stack */
    bool secure;  /* clients speak TLS */
    struct client *oldest, *newest;
};

struct client {
    struct mnet_flow *flow;
    struct mnet_stream stream; /* the flow's, or that of a session of TLS on it */
    struct mnet_task *task;
    struct client_house *house;
    struct client *older, *newer;
    uint64_t since; /* its last progress */
    uint64_t acked; /* bytes that had arrived then */
    uint64_t worth; /* those among them that are answers end here */
    bool shed;      /* it goes, since others need the room */
};

/* Serves a flow until the client has finished, is silent for too long, is told that the connection
 * closes, or is shed; then the flow is closed. Suspends. */
void client_serve(struct client_house *house, struct mnet_flow *flow);

/* Makes the client with the oldest progress go, since others need the room. False if there is none
 * that has been waited for long enough. Never suspends. */
bool client_shed_oldest(struct client_house *house);

/* The client has got on: a request is complete. Never suspends. */
void client_note_progress(struct client *client);
/* Notes whether more bytes of answers have arrived. Returns true if any bytes still have to. Never
 * suspends. */
bool client_look(struct client *client);
/* All that has been written so far has answers in it, and is worth waiting for. As long as this was
 * never called, all that is written is. Never suspends. */
void client_note_worth(struct client *client);
/* Waits until the stack has memory for an answer; the client with the oldest progress is ended for
 * it. Returns MNET_E_DEADLINE, or MNET_E_CANCELLED. Suspends. */
int client_make_room(struct client *client);

#endif
