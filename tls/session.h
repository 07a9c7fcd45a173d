/* The parts of mnet-tls that are the same whichever library does the work, and what they ask of it.
 * The library is chosen when a program is linked: openssl/ or bearssl/.
 *
 * A library never waits: it asks the stream with deadline 0. So a call into it is one step, however
 * many tasks use the session, and a blocking call is a loop: try, return if it is done, else wait
 * for the stream.
 *
 * Bytes that the stream does not take at once are kept by the library's part, and go first. So a
 * record is never half-written, and any bytes may follow.
 *
 * A call that may wait counts as a user of the session. A session that is closed meanwhile is freed
 * by its last user.
 */
#ifndef MNET_TLS_SESSION_H
#define MNET_TLS_SESSION_H

#include <mnet/task.h>
#include <mnet/tls.h>

#define TLS_RECORD 16384     /* bytes of a record's content, at most (RFC 8446 5.1) */
#define TLS_NAME 256         /* a host name and its zero */
#define TLS_PROTOCOLS 128    /* all application protocols, each with its length in front */
#define TLS_REASON 192       /* the text of mnet_tls_reason */
#define TLS_RESUMABLE_MAX 32 /* sessions that a client may resume, of all servers */

struct tls_library; /* the library's part of a context */
struct tls_engine;  /* and of a session */

struct mnet_tls_context {
    struct mnet_tls_options options; /* `protocols` is not used: see below */
    unsigned users;                  /* its creator, and each session */
    bool has_identity;
    bool own_roots;                         /* mnet_tls_trust was called */
    unsigned char protocols[TLS_PROTOCOLS]; /* as in the extension: a length, a name, and so on */
    unsigned protocols_len;
    char reason[TLS_REASON];
    struct tls_library *library;
};

/* Bytes that mnet_tls_get lent. */
struct tls_lent {
    struct tls_lent *next;
    char bytes[TLS_RECORD];
};

struct mnet_tls {
    struct mnet_tls_context *context;
    struct mnet_stream stream;
    struct tls_engine *engine;
    unsigned users;
    bool server;
    bool established;
    bool read_ended;   /* mnet_tls_shutdown */
    bool write_ended;  /* mnet_tls_shutdown; close_notify is sent, or waits */
    bool stream_ended; /* the stream's own end of writing is sent */
    bool closed;       /* the stream is gone, and the last user frees the session */
    int error;         /* the first one that ended the session, or 0 */
    struct mnet_mutex writing;
    struct tls_lent *lent;
    char name[TLS_NAME]; /* of a client's server */
};

/* ---- Of the library: openssl/, bearssl/ ---- */

/* Make and free the context's part. Returns 0 or MNET_E_NO_MEMORY. */
int tls_library_create(struct mnet_tls_context *context);
void tls_library_free(struct mnet_tls_context *context);
/* Loads the roots of the system, for clients that were given none. Returns 0 or an error. */
int tls_library_trust_system(struct mnet_tls_context *context);

/* Make the session's part at the time `now`, in seconds since 1970. Return 0 or an error. A program
 * that calls only one of them does not have the other role in its image. */
int tls_engine_begin_client(struct mnet_tls *tls, uint64_t now);
int tls_engine_begin_server(struct mnet_tls *tls, uint64_t now);
/* Frees it. tls->engine may be NULL. */
void tls_engine_free(struct mnet_tls *tls);
/* Goes on with the handshake. Returns 0 when it is done, MNET_E_DEADLINE if the stream has to be
 * waited for, or an error, which stays in tls->error. */
int tls_engine_shake(struct mnet_tls *tls);
/* Returns whether the step that was tried last waits for bytes of the peer. */
bool tls_engine_wants_bytes(const struct mnet_tls *tls);
/* Returns the number of bytes, of which the next ones stay to be read if `peek`; 0 at the end,
 * MNET_E_DEADLINE, or an error, which stays. */
int tls_engine_read(struct mnet_tls *tls, void *buffer, size_t len, bool peek);
/* Encrypts up to a record; nothing waits to be sent. Returns the number of bytes, MNET_E_DEADLINE,
 * or an error, which stays. */
int tls_engine_write(struct mnet_tls *tls, const char *data, size_t len);
/* Encrypts the end of our data (close_notify). */
void tls_engine_end(struct mnet_tls *tls);
/* Hands waiting bytes to the stream as long as it takes them. Returns 0 if none are left,
 * MNET_E_DEADLINE if some are, or an error of the stream. */
int tls_engine_send(struct mnet_tls *tls);
/* Returns whether bytes wait to be sent. */
bool tls_engine_has_waiting(const struct mnet_tls *tls);
void tls_engine_info(const struct mnet_tls *tls, struct mnet_tls_info *info);

/* ---- context.c ---- */

/* Zeroed memory, by the context's options or of the C library; NULL: there is none. */
void *tls_allocate(const struct mnet_tls_context *context, size_t size);
void tls_release(const struct mnet_tls_context *context, void *memory);
/* Frees the context after its last user. */
void tls_context_release(struct mnet_tls_context *context);
/* Returns the time in seconds since 1970, or 0. */
uint64_t tls_clock(const struct mnet_tls_context *context);
/* Notes the words of the error as the reason. Returns the error. */
int tls_fail(struct mnet_tls_context *context, int error);

/* Returns true if the stream would go on later. Memory that is short now may be free then. */
bool tls_may_go_on(int error);

/* ---- session.c ---- */

/* Hands waiting bytes to the stream, and its end behind the last ones. Returns as tls_engine_send.
 * Never suspends. */
int tls_flush_now(struct mnet_tls *tls);

/* ---- system.c: what a C library has; without one, system_none.c ---- */

void *tls_system_allocate(size_t size);
void tls_system_release(void *memory);
/* Seconds since 1970, or 0. */
uint64_t tls_system_clock(void);
/* Random bytes. False if there is no source. */
bool tls_system_random(void *bytes, size_t len);
/* Reads a whole file into memory of tls_system_allocate. False if it cannot be read: `why` are a
 * few words, which are static. */
bool tls_system_read(const char *file, char **bytes, size_t *len, const char **why);

#endif
