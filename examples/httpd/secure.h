/* TLS for the server: secure_tls.c, or secure_none.c on ports without it. */
#ifndef HTTPD_SECURE_H
#define HTTPD_SECURE_H

#include <mnet/mnet.h>

/* The options of the server, ended by a NULL name: those that it always has, and those that choose
 * a certificate. */
extern const struct mnet_program_option httpd_options[];
#define HTTPD_OPTIONS \
    { \
        "--metrics", NULL, "/metrics is the state of the stack, for Prometheus" \
    }

/* Returns the text behind the name of an option on the command line, or NULL. */
const char *httpd_option(struct mnet_env *env, const char *name);

/* Reads the certificate that the options name. Returns 1 if clients are to speak TLS, 0 if not, or
 * a negative value if something is wrong with the options, which a line on the console says. Never
 * suspends. */
int secure_open(struct mnet_env *env);
void secure_close(void);

/* Asks the time servers of --ntp and DHCP, if there are any: a machine may have no clock, and
 * answers have a date. Never suspends. */
void secure_set_clock(struct mnet_stack *stack);

/* Begins the session of a client, if there are to be any: *stream is the flow's at first, and then
 * the session's. *two: they have agreed on HTTP/2. Returns 0 or an error, after which *stream is
 * still the flow's. Suspends. */
int secure_accept(struct mnet_stream *stream, uint64_t deadline, bool *two);

#endif
