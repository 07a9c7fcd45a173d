/* The parts of mnet-tls on OpenSSL 3. OpenSSL's bytes come and go by a BIO (carrier.c) that asks
 * the stream with deadline 0. It sees no half-written record, for bytes that the stream does not
 * take at once are kept in `waiting`, and go first.
 */
#ifndef MNET_TLS_INTERNAL_H
#define MNET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "tls/session.h"

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

struct tls_library {
    SSL_CTX *openssl;
    struct tls_identity *identities; /* in the order in which they were added */
    struct tls_resumable *resumable;
    bool system_roots; /* the system's are loaded */
};

struct tls_engine {
    SSL *openssl;
    bool stream_over;       /* the stream has been read to its end */
    int stream_error;       /* of the stream, in the last step */
    unsigned char *waiting; /* bytes that the stream has yet to take */
    size_t waiting_len, waiting_done;
};

/* carrier.c */

/* Joins the session's stream and OpenSSL. Returns false if there is no memory. */
bool tls_carry(struct mnet_tls *tls);

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
SSL_SESSION *tls_recall(struct mnet_tls_context *context, const char *name, uint64_t now);
/* Forgets all sessions. */
void tls_forget(struct mnet_tls_context *context);

/* context.c */

/* Gives the session the context's first certificate. Returns false if that fails. */
bool tls_identify(struct mnet_tls *tls);

#endif
