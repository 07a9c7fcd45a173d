/* The parts of mnet-tls on OpenSSL 3.
 *
 * OpenSSL never waits: its bytes come and go by a BIO (carrier.c) that asks the stream with
 * deadline 0. So a call into OpenSSL is one step, however many tasks use the session, and a
 * blocking call is a loop: try, return if it is done, else wait for the stream.
 *
 * Bytes that the stream does not take at once are kept in `waiting`, and go first. OpenSSL thus
 * sees no half-written record, and any bytes may follow.
 *
 * A call that may wait counts as a user of the session. A session that is closed meanwhile is freed
 * by its last user.
 */
#ifndef MNET_TLS_INTERNAL_H
#define MNET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include <mnet/task.h>
#include <mnet/tls.h>

#define TLS_RECORD 16384      /* bytes of a record's content, at most (RFC 8446 5.1) */
#define TLS_NAME 256          /* a host name and its zero */
#define TLS_PROTOCOLS 128     /* all application protocols, each with its length in front */
#define TLS_REASON 192        /* the text of mnet_tls_reason */
#define TLS_RESUMABLE_MAX 32  /* sessions that a client may resume, of all servers */
#define TLS_WAITING_MAX 32768 /* a record and a few messages of the protocol */

/* A certificate with its issuers, and its key. */
struct tls_identity {
    struct tls_identity *next;
    X509 *certificate;
    EVP_PKEY *key;
    STACK_OF(X509) * issuers;
};

/* A session that a client may resume, newest first. */
struct tls_resumable {
    struct tls_resumable *next;
    SSL_SESSION *session;
    char name[TLS_NAME];
};

struct mnet_tls_context {
    struct mnet_tls_options options; /* `protocols` is not used: see below */
    unsigned users;                  /* its creator, and each session */
    SSL_CTX *openssl;
    struct tls_identity *identities; /* in the order in which they were added */
    struct tls_resumable *resumable;
    bool own_roots;                         /* mnet_tls_trust was called */
    bool system_roots;                      /* the system's are loaded */
    unsigned char protocols[TLS_PROTOCOLS]; /* as in the extension: a length, a name, and so on */
    unsigned protocols_len;
    char reason[TLS_REASON];
};

/* Bytes that mnet_tls_get lent. */
struct tls_lent {
    struct tls_lent *next;
    char bytes[TLS_RECORD];
};

struct mnet_tls {
    struct mnet_tls_context *context;
    struct mnet_stream stream;
    SSL *openssl;
    unsigned users;
    bool established;
    bool read_ended;   /* mnet_tls_shutdown */
    bool write_ended;  /* mnet_tls_shutdown; close_notify is sent, or waits */
    bool stream_ended; /* the stream's own end of writing is sent */
    bool stream_over;  /* the stream has been read to its end */
    bool closed;       /* the stream is gone, and the last user frees the session */
    int error;         /* the first one that ended the session, or 0 */
    int stream_error;  /* of the stream, in the last step */
    struct mnet_mutex writing;
    unsigned char *waiting; /* bytes that the stream has yet to take */
    size_t waiting_len, waiting_done;
    struct tls_lent *lent;
    char name[TLS_NAME]; /* of a client's server */
};

/* carrier.c */

/* Joins the session's stream and OpenSSL. Returns false if there is no memory. */
bool tls_carry(struct mnet_tls *tls);
/* Hands waiting bytes to the stream as long as it takes them. Returns 0 if none are left,
 * MNET_E_DEADLINE if some are, or an error of the stream. Never suspends. */
int tls_flush_now(struct mnet_tls *tls);
/* The same, but waits until none are left. Suspends. */
int tls_flush(struct mnet_tls *tls, uint64_t deadline);
/* Flushes, and waits until the stream is ready for any bit of `wanted`, or takes bytes that wait.
 * If `wanted` is 0 and none wait, does not wait. Returns 0 or an error. If the session was closed
 * meanwhile, it is MNET_E_CLOSED, and the stream is gone. Suspends. */
int tls_wait_for_stream(struct mnet_tls *tls, unsigned wanted, uint64_t deadline);

/* error.c */

/* Notes the failure of a call into OpenSSL in the context's reason. Returns its code, or `usual` if
 * the library's error says nothing better. */
int tls_failure(struct mnet_tls_context *context, int usual);
/* The same for a session, after a call of OpenSSL that returned `result`. Returns 0 at the end of
 * the session, MNET_E_DEADLINE if the stream has to be waited for, or the error, which stays. */
int tls_session_failure(struct mnet_tls *tls, int result);

/* resume.c */

/* Remembers a session of the server `name`. Takes the reference; false if there is no memory. */
bool tls_remember(struct mnet_tls_context *context, const char *name, SSL_SESSION *session);
/* Returns the newest session of the server, or NULL. It is the caller's, and not remembered any
 * longer (RFC 8446 C.4). */
SSL_SESSION *tls_recall(struct mnet_tls_context *context, const char *name);
/* Forgets all sessions. */
void tls_forget(struct mnet_tls_context *context);

/* context.c */

/* Gives the session the context's first certificate. Returns false if that fails. */
bool tls_identify(struct mnet_tls *tls);
/* Frees the context after its last user. */
void tls_context_release(struct mnet_tls_context *context);
/* Returns the time in seconds since 1970, or 0. */
uint64_t tls_clock(const struct mnet_tls_context *context);

#endif
