/* HTTP/2 (RFC 9113): http2.c, or http2_none.c where there is no nghttp2. */
#ifndef HTTPD_HTTP2_H
#define HTTPD_HTTP2_H

#include "client.h"

/* A client's first bytes (RFC 9113 3.4). */
#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_PREFACE_BYTES 24u

/* False: http2_serve is not to be called. */
extern const bool http2_spoken;

/* Serves a client that speaks HTTP/2 until it or the connection has finished, or its patience ends.
 * If the preface has been read already, `rest` are the bytes behind it, which the stream has lent;
 * else rest.data is NULL. Suspends. */
void http2_serve(struct client *client, struct mnet_slice rest);

#endif
