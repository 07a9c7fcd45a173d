/* Two hosts with a session of TLS between them, for tests in virtual time.
 */
#ifndef MN_TEST_TLS_PAIR_H
#define MN_TEST_TLS_PAIR_H

#include <mnet/tls.h>

#include "support/certificates.h"
#include "support/world.h"

#define TLS_NOW INT64_C(1790000000) /* the time of the tests, in seconds since 1970 */
#define TLS_DAY INT64_C(86400)

/* Certificates that are made once for all tests of a program. */
struct tls_certificates {
    struct certificate *root, *server, *client; /* server.test, *.wild.test, 10.0.0.1; client */
};
extern struct tls_certificates tls_certificates;
int tls_make_certificates(void **state);
int tls_free_certificates(void **state);

/* A client and a server, their contexts, and the results of the handshake. */
struct tls_pair {
    struct mnet_tls_context *client_context, *server_context;
    const char *name; /* that the client asks for; default "server.test" */
    struct pair flows;
    struct mnet_tls *client, *server; /* NULL if there is no session */
    int client_error, server_error;
};

/* Creates contexts: the server has its certificate, the client trusts the root, and both have the
 * clock tls_time. options may be NULL. */
void tls_open(struct tls_pair *pair, const struct mnet_tls_options *client, const struct mnet_tls_options *server);
/* Gives the contexts up, and the certificates' chains with them. */
void tls_close_contexts(struct tls_pair *pair);
/* Connects, and makes the handshake on both sides at once. Returns 0, also if the handshake fails,
 * or an error of the world. */
int tls_meet(struct world *w, struct tls_pair *pair);
/* Closes both sessions, or flows without a session, and the listener. */
void tls_part(struct tls_pair *pair);

/* The clock of all contexts, in seconds: TLS_NOW, unless a test sets it. */
extern int64_t tls_time;

/* Writes `text` to one session and reads it from the other. Returns 0 or an error. */
int tls_say(struct mnet_tls *from, struct mnet_tls *to, const char *text);

#endif
