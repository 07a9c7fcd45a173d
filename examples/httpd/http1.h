/* HTTP/1.1: requests are answered one after the other. */
#ifndef HTTPD_HTTP1_H
#define HTTPD_HTTP1_H

#include "client.h"

/* Serves a client until it or the connection has finished, or its patience ends. A client without
 * TLS that begins with the preface of HTTP/2 is served by http2_serve. Suspends. */
void http1_serve(struct client *client);

#endif
