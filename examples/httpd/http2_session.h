/* A connection of HTTP/2 without its I/O: bytes in, bytes out. nghttp2 does framing, HPACK and flow
 * control; here are requests, answers, and limits. */
#ifndef HTTPD_HTTP2_SESSION_H
#define HTTPD_HTTP2_SESSION_H

#include "client.h"

/* Requests of a client that are answered at a time; others are refused, to be asked again. */
#define HTTP2_STREAMS_MAX 32u
/* Bytes of memory for one connection. */
#define HTTP2_MEMORY_MAX ((size_t)128 * 1024)
/* Each frame that comes costs a client 1 of its credit, and a request that it gives up costs 10
 * more. Each answer that is complete brings 4, each 4 KiB of them 1, and each second 100. If there
 * is none left, the connection ends. */
#define HTTP2_CREDIT_MAX 1000
#define HTTP2_CREDIT_PER_SECOND 100
#define HTTP2_CREDIT_OF_RESET 10
#define HTTP2_CREDIT_OF_ANSWER 4
#define HTTP2_CREDIT_BYTES 4096
/* Frames that wait to be sent; nothing further is read as long as there are more. */
#define HTTP2_QUEUE_MAX 64u
/* Room for any frame that is sent, its head included. */
#define HTTP2_FRAME_MAX (16384u + 9)

struct http2_session;

/* Creates the session of a client of a house. NULL if there is no memory. */
struct http2_session *http2_session_create(const struct client_house *house);
void http2_session_free(struct http2_session *session);

/* Takes bytes of the client. False if the session is over: no more is to be taken, and the last
 * bytes out say why, if there is memory for that. */
bool http2_session_take(struct http2_session *session, const void *bytes, size_t len);
/* Writes what is to be sent, whole frames, into `bytes`, which has room for HTTP2_FRAME_MAX or
 * more. Returns how many bytes, 0 if there are none for now; a negative value if there is no
 * memory. */
ptrdiff_t http2_session_give(struct http2_session *session, char *bytes, size_t size);
/* Says that the connection ends, and why: no error, or that the client is too slow. */
void http2_session_end(struct http2_session *session, bool too_slow);

/* Gives up answers of which the client's windows have let no byte pass for RESPONSE_PATIENCE, and
 * bodies that come too slowly. To be called every LOOK_NS as long as there are any. */
void http2_session_look(struct http2_session *session);

/* Requests whose answer or own body is not complete. */
unsigned http2_session_answering(const struct http2_session *session);
/* Requests that have been complete, and frames of answers that have been given, so far. */
uint64_t http2_session_requests(const struct http2_session *session);
uint64_t http2_session_frames(const struct http2_session *session);
/* When the head that is being read began; 0: none is. */
uint64_t http2_session_begun(const struct http2_session *session);
/* True if so much waits to be sent that the client is not to be read. */
bool http2_session_full(const struct http2_session *session);
/* True if nothing more is to be read or sent. */
bool http2_session_over(const struct http2_session *session);

#endif
