/* TLS: encrypted and authenticated streams (RFC 8446, and RFC 5246 for peers that know no TLS 1.3).
 *
 * A session is built on any stream (mnet/stream.h) and is a stream itself. A context has the
 * certificates, roots and settings that many sessions share. One context serves both roles.
 *
 *     struct mnet_tls_context *context;
 *     struct mnet_tls *tls;
 *     mnet_tls_context_create(NULL, &context);
 *     mnet_tcp_connect_name(stack, "example.org", 443, NULL, &flow, deadline);
 *     int error = mnet_tls_connect(context, mnet_tcp_stream(flow), "example.org", &tls, deadline);
 *     if (error < 0)
 *         mnet_print(env, "%s: %s\n", mnet_tls_strerror(error), mnet_tls_reason(context));
 *
 * A client verifies its server unless it is told not to. Deadlines, results and suspending are as
 * in mnet/tcp.h: a call with deadline 0 never suspends, and may be used outside tasks. One task may
 * read while another one writes. The library is mnet-tls, which needs OpenSSL 3, or
 * mnet-tls-bearssl, which needs BearSSL and no C library: see docs/tls.md for what that lacks.
 */
#ifndef MNET_TLS_H
#define MNET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/error.h>
#include <mnet/stream.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_tls_context;
struct mnet_tls;

/* Causes of failure besides those of mnet/error.h. mnet_tls_reason has the library's own words. */
enum mnet_tls_error {
    MNET_E_TLS_FILE = -101,            /* a file cannot be read */
    MNET_E_TLS_CREDENTIALS = -102,     /* not PEM, or the key is not that of the certificate */
    MNET_E_TLS_CLOCK = -103,           /* nothing can be verified before the clock is set */
    MNET_E_TLS_UNTRUSTED = -104,       /* no trusted root has issued the certificate */
    MNET_E_TLS_SELF_SIGNED = -105,     /* the certificate is its own issuer, and not trusted */
    MNET_E_TLS_EXPIRED = -106,         /* a certificate is valid no longer */
    MNET_E_TLS_NOT_YET_VALID = -107,   /* a certificate is not valid yet */
    MNET_E_TLS_WRONG_NAME = -108,      /* the certificate is that of another name */
    MNET_E_TLS_REVOKED = -109,         /* a revocation list names the certificate */
    MNET_E_TLS_NO_CRL = -110,          /* there are lists, but no current one of the issuer */
    MNET_E_TLS_BAD_CERTIFICATE = -111, /* a certificate has another fault */
    MNET_E_TLS_NO_CERTIFICATE = -112,  /* the client has none, and the server requires one */
    MNET_E_TLS_NOT_TLS = -113,         /* the peer does not speak TLS */
    MNET_E_TLS_NOTHING_SHARED = -114,  /* no version or cipher that both have */
    MNET_E_TLS_NO_PROTOCOL = -115,     /* no application protocol that both have */
    MNET_E_TLS_ALERT = -116,           /* the peer ended the session with an alert */
    MNET_E_TLS_BROKEN = -117,          /* the peer broke the rules, or bytes were changed */
    MNET_E_TLS_TRUNCATED = -118,       /* the stream ended, and the session had not */
    MNET_E_TLS_UNSUPPORTED = -119,     /* the library that does the work cannot do that */
};

/* Returns the error in a few English words, those of mnet/error.h included. Never NULL, for any
 * value; the text is static. */
const char *mnet_tls_strerror(int error);

/* What not every library can do, see docs/tls.md. */
enum mnet_tls_feature {
    MNET_TLS_1_3,
    MNET_TLS_REVOCATION, /* mnet_tls_revoke */
    MNET_TLS_ADDRESSES,  /* servers that are known by an IP address, and verified */
};
/* Returns whether the library that this program is linked with can do it. Never suspends. */
bool mnet_tls_supports(enum mnet_tls_feature feature);

/* A text in PEM form: a file, or `len` bytes of memory if `file` is NULL. It is read during the
 * call that it is given to. */
struct mnet_tls_source {
    const char *file;
    const void *data;
    size_t len;
};

/* Return a source. */
static inline struct mnet_tls_source mnet_tls_file(const char *file)
{
    struct mnet_tls_source source = {file, NULL, 0};
    return source;
}
static inline struct mnet_tls_source mnet_tls_memory(const void *data, size_t len)
{
    struct mnet_tls_source source = {NULL, data, len};
    return source;
}

/* The certificates that a server asks of its clients. */
enum mnet_tls_clients {
    MNET_TLS_CLIENTS_ANY,      /* none */
    MNET_TLS_CLIENTS_ASKED,    /* one, if the client has one; it is verified */
    MNET_TLS_CLIENTS_VERIFIED, /* one; without it there is no session */
};

/* The most bytes of an application protocol's name here, the zero included. */
#define MNET_TLS_PROTOCOL 32

/* Settings of a context; zeros are defaults. They are copied. The functions, and what `argument`
 * points to, must outlive the context and its sessions. */
struct mnet_tls_options {
    /* Application protocols (RFC 7301), the preferred one first, up to a NULL: {"h2", "http/1.1",
     * NULL}. A server refuses clients that offer protocols, but none of these. NULL: none. */
    const char *const *protocols;
    enum mnet_tls_clients clients;
    bool no_verify;     /* clients believe any certificate: for tests */
    bool no_resumption; /* each session begins with a full handshake */
    /* Returns the time in nanoseconds since 1970-01-01 00:00 UTC, or 0 as long as it is not known.
     * NULL: the clock of the system, which is not known as long as it shows 1970. */
    uint64_t (*clock)(void *argument);
    /* Called with each secret, as a line in the format that Wireshark reads (SSLKEYLOGFILE),
     * without newline. Whoever has it can read the session. */
    void (*key_log)(void *argument, const char *line);
    void *argument; /* of all functions */
    /* For a program without a C library, whose functions these are otherwise. Memory for any
     * object, or NULL; both or none of the first two are set. OpenSSL has memory and random bytes
     * of its own besides. */
    void *(*allocate)(void *argument, size_t size);
    void (*release)(void *argument, void *memory);
    void (*random)(void *argument, void *bytes, size_t len);
};

/* Creates a context. options may be NULL. Returns 0, MNET_E_INVALID or MNET_E_NO_MEMORY. Never
 * suspends. */
int mnet_tls_context_create(const struct mnet_tls_options *options, struct mnet_tls_context **context);
/* Gives the context up. Its sessions go on. To renew certificates, create another context for the
 * sessions to come. NULL is allowed. Never suspends. */
void mnet_tls_context_free(struct mnet_tls_context *context);

/* Adds a certificate and its key. `certificate` may have its issuers behind it, in order. A server
 * picks those whose names (subjectAltName) fit the name that the client asks for, or else the first
 * one. It may have several with the same names and keys of different kinds. A client has one at
 * most, for servers that ask. An encrypted key is refused. Errors: MNET_E_TLS_FILE,
 * MNET_E_TLS_CREDENTIALS, MNET_E_NO_MEMORY. Never suspends. */
int mnet_tls_add_identity(struct mnet_tls_context *context, struct mnet_tls_source certificate,
                          struct mnet_tls_source key);
/* Trusts all certificates of `roots`, and no longer those of the system, which clients trust if
 * this was never called. Servers that ask for certificates trust only the added ones. Errors are
 * those of mnet_tls_add_identity. Never suspends. */
int mnet_tls_trust(struct mnet_tls_context *context, struct mnet_tls_source roots);
/* Adds revocation lists (RFC 5280 5). From then on each issuer in a chain, the root included, must
 * have a current list here. Sessions are no longer resumed if they began before. Errors are those
 * of mnet_tls_add_identity. Never suspends. */
int mnet_tls_revoke(struct mnet_tls_context *context, struct mnet_tls_source lists);

/* Returns the last failure of the context or one of its sessions in the words of the library, with
 * the cause that the error code does not tell: which alert, which file. Valid until the next
 * failure. Never NULL, never suspends. */
const char *mnet_tls_reason(const struct mnet_tls_context *context);

/* Begins a session on `stream`, and waits for the handshake.
 *
 * mnet_tls_connect speaks as a client to the server `name`, a host name or an IP address, which the
 * certificate must name; it may be NULL if nothing is verified. mnet_tls_accept speaks as a server.
 *
 * With success the session owns the stream. On any failure *tls is NULL, and the stream is still
 * the caller's, to be closed: the peer may have got an alert. A client learns only when it reads
 * that the server refuses its certificate (TLS 1.3). Errors are those of the stream, MNET_E_INVALID
 * (no name, or a server without a certificate), MNET_E_NO_MEMORY, MNET_E_DEADLINE,
 * MNET_E_CANCELLED, and MNET_E_TLS_*. Suspends. */
int mnet_tls_connect(struct mnet_tls_context *context, struct mnet_stream stream, const char *name,
                     struct mnet_tls **tls, uint64_t deadline);
int mnet_tls_accept(struct mnet_tls_context *context, struct mnet_stream stream, struct mnet_tls **tls,
                    uint64_t deadline);

/* The same in two steps, for foreign event loops. The session owns the stream from the beginning,
 * and must be closed, whatever becomes of it. mnet_tls_established goes on with the handshake, and
 * returns 0 if it has succeeded, or an error. After MNET_E_DEADLINE it may be called again. The
 * first two never suspend, the last one does. */
int mnet_tls_connect_begin(struct mnet_tls_context *context, struct mnet_stream stream, const char *name,
                           struct mnet_tls **tls);
int mnet_tls_accept_begin(struct mnet_tls_context *context, struct mnet_stream stream, struct mnet_tls **tls);
int mnet_tls_established(struct mnet_tls *tls, uint64_t deadline);

/* Reads up to `len` bytes, at least one unless the session has ended, and returns their number.
 * Returns 0 only if the peer has ended the session (close_notify), or at once if `len` is 0. If the
 * stream ends without that, bytes may be missing, and the result is MNET_E_TLS_TRUNCATED. Other
 * errors are those of the stream, MNET_E_TLS_ALERT and MNET_E_TLS_BROKEN; they stay. Suspends. */
ptrdiff_t mnet_tls_read(struct mnet_tls *tls, void *buffer, size_t len, uint64_t deadline);
/* Lends received bytes in a slice of up to 16 KiB, as mnet_tcp_get does. Returns 1, 0 at the end,
 * or an error of mnet_tls_read. Suspends. */
ptrdiff_t mnet_tls_get(struct mnet_tls *tls, struct mnet_slice *slices, int max, uint64_t deadline);
/* Returns all slices that mnet_tls_get lent. Never suspends. */
void mnet_tls_release(struct mnet_tls *tls);

/* Encrypts all `len` bytes and hands them to the stream. Returns 0 when the stream has all of them,
 * or an error. *queued is the number of bytes taken in each case; queued may be NULL. If the
 * deadline passes or the task is cancelled, up to 16 KiB of these wait in the session: the next
 * call of any kind goes on with them, and a write of 0 bytes waits for them. Bytes of several tasks
 * do not mix: each call's are contiguous. MNET_E_CLOSED after shutdown of writing. Suspends. */
int mnet_tls_write(struct mnet_tls *tls, const void *data, size_t len, size_t *queued, uint64_t deadline);

/* Ends one direction, or both. The peer is told the end of writing (close_notify) before the stream
 * ends. Reading goes on. Returns 0, MNET_E_INVALID, or MNET_E_CLOSED if it had ended. Never
 * suspends. */
int mnet_tls_shutdown(struct mnet_tls *tls, enum mnet_shutdown how);
/* Ends the session and closes the stream. What the stream has taken is still delivered. If bytes
 * still wait in the session (mnet_tls_write), and the stream does not take them now, the stream is
 * aborted, so that the peer does not believe that it has everything. Tasks blocked on the session
 * wake with MNET_E_CLOSED. The handle is invalid afterwards. NULL is allowed. Never suspends. */
void mnet_tls_close(struct mnet_tls *tls);
/* Aborts the stream. Otherwise as mnet_tls_close. */
void mnet_tls_abort(struct mnet_tls *tls);

/* Returns the bits of enum mnet_ready that hold now: MNET_READABLE if mnet_tls_read would not wait,
 * MNET_WRITABLE if mnet_tls_write would take something, or fail. Never suspends. */
unsigned mnet_tls_ready(struct mnet_tls *tls);
/* Waits for any bit of `wanted`, and returns those that hold. Errors are those of mnet_tcp_wait.
 * Suspends. */
int mnet_tls_wait(struct mnet_tls *tls, unsigned wanted, uint64_t deadline);

/* Facts about an established session. Texts are valid as long as the session. */
struct mnet_tls_info {
    const char *version;              /* "TLSv1.3" */
    const char *cipher;               /* "TLS_AES_256_GCM_SHA384" */
    const char *server_name;          /* the name that the client asks for, or "" */
    char protocol[MNET_TLS_PROTOCOL]; /* the application protocol, or "" */
    char peer[128];                   /* the peer's certificate: "CN = example.org", or "" */
    bool resumed;                     /* the handshake went on with an earlier session's secret */
};
/* Stores them. Never suspends. */
void mnet_tls_info(const struct mnet_tls *tls, struct mnet_tls_info *info);

/* Returns the session as a stream: the same calls through a table. Its addresses are those of the
 * stream below. The session must still be closed once, through either. */
struct mnet_stream mnet_tls_stream(struct mnet_tls *tls);

#pragma GCC visibility pop

#endif
