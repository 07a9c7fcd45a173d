/* The parts of mnet-tls on BearSSL, which needs no C library and no heap of its own: TLS 1.2 with
 * forward secrecy and authenticated encryption. docs/tls.md has what it lacks.
 *
 * BearSSL's engine has a buffer for one record in each direction. It answers a peer that ends with
 * an end of its own, and forgets what comes after its own end. Here both directions end for
 * themselves, so the alerts that end them are read and written by engine.c.
 */
#ifndef MNET_TLS_BEARSSL_H
#define MNET_TLS_BEARSSL_H

#include <bearssl.h>

#include "tls/session.h"

#define TLS_IDENTITY_NAMES 16 /* of a certificate that a server chooses by */
#define TLS_CACHE_BYTES 8192  /* of a server's sessions, each about 100 */
#define TLS_SUITES 6
#define TLS_HEAD_BYTES 1024 /* of the peer's certificate: its issuer and its subject lie there */

/* A certificate with its issuers, and its key. */
struct tls_identity {
    struct tls_identity *next;
    br_x509_certificate *chain;
    size_t chain_len;
    int key_type; /* BR_KEYTYPE_EC, BR_KEYTYPE_RSA */
    int issuer_key_type;
    br_skey_decoder_context key; /* and its numbers */
    unsigned name_count;
    char names[TLS_IDENTITY_NAMES][TLS_NAME];
};

/* A session that a client may resume, newest first. */
struct tls_resumable {
    struct tls_resumable *next;
    br_ssl_session_parameters session;
    uint64_t until; /* as the verifier's */
    char name[TLS_NAME];
};

/* A piece of memory that lives as long as the context. */
struct tls_kept {
    struct tls_kept *next;
    size_t size; /* of what follows */
};

/* The sessions of a server: BearSSL's cache, which tells whether it had one. */
struct tls_cache {
    const br_ssl_session_cache_class *vtable;
    br_ssl_session_cache_lru lru;
    unsigned char store[TLS_CACHE_BYTES];
};

struct tls_library {
    struct tls_identity *identities; /* in the order in which they were added */
    struct tls_resumable *resumable;
    struct tls_kept *kept;
    br_x509_trust_anchor *anchors;
    size_t anchor_count;
    bool system_roots; /* the system's are loaded, or are not there */
    const char *protocols[TLS_PROTOCOLS / 2];
    unsigned protocol_count;
    char protocol_text[TLS_PROTOCOLS];
    struct tls_cache *cache; /* NULL: nothing is resumed */
};

/* Looks at the peer's certificates beside BearSSL's minimal engine, to tell faults apart, and to
 * believe all if the context says so. */
struct tls_verifier {
    const br_x509_class *vtable;
    br_x509_minimal_context minimal;
    br_x509_decoder_context leaf, issuer; /* the first certificate, and the present other one */
    bool believes_all;
    bool wants_name;
    uint32_t days, seconds; /* the time, as BearSSL counts it */
    uint64_t until;         /* the session may be resumed so long: in seconds since year 0 */
    unsigned count;         /* certificates so far */
    bool early, late;       /* one of them is not valid yet, or no longer */
    int error;              /* the code, if they are not believed */
    size_t head_len;
    unsigned char head[TLS_HEAD_BYTES];
    br_name_element elements[2];
    char common_name[100], host_name[TLS_NAME];
};

/* A server's policy, until an identity is chosen. */
struct tls_policy {
    const br_ssl_server_policy_class *vtable;
    struct mnet_tls *tls;
};

struct tls_engine {
    union {
        br_ssl_engine_context both; /* the first member of either */
        br_ssl_client_context client;
        br_ssl_server_context server;
    } bear;
    struct tls_verifier verifier;
    struct tls_policy policy;
    void (*handshake)(void *processor); /* BearSSL's */
    bool wants_bytes;
    bool shaken;
    bool peer_ended; /* close_notify has come */
    bool resumed;
    bool heard;       /* the head of the first record has come */
    bool stream_over; /* the stream has been read to its end */
    int stream_error;
    unsigned char *alert; /* that waits to be sent, in alert_room */
    size_t alert_len;
    unsigned char alert_room[128];
    unsigned char tried[32]; /* the session that a client would like to resume */
    size_t tried_len;
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
};

/* ---- credentials.c ---- */

/* Zeroed memory that is freed with the context; NULL: there is none. */
void *tls_keep(struct mnet_tls_context *context, size_t size);
/* Returns whether the certificate has the name. */
bool tls_identity_fits(const struct tls_identity *identity, const char *name);

/* ---- verify.c ---- */

/* Prepares the verifier of a session. */
void tls_verifier_init(struct mnet_tls *tls, uint64_t now);
/* Reads the time of BearSSL: days since year 0, and seconds of the day. */
void tls_split_time(uint64_t seconds_since_1970, uint32_t *days, uint32_t *seconds);
/* The same time in seconds since year 0. */
uint64_t tls_join_time(uint32_t days, uint32_t seconds);

/* ---- resume.c ---- */

/* Makes the cache of a server. */
int tls_cache_create(struct mnet_tls_context *context);
/* Remembers the session of a client. Without memory it is not remembered. */
void tls_remember(struct mnet_tls *tls);
/* Gives the engine the newest session of the server. It is not remembered any longer. False: there
 * is none, or a certificate that the server showed for it has expired. */
bool tls_recall(struct mnet_tls *tls);
void tls_forget(struct mnet_tls_context *context);

/* ---- choose.c ---- */

/* Lets the server show the certificate of the name that the client asks for. */
void tls_choose_by_name(struct mnet_tls *tls);
/* Uses an identity for a client or a server. */
void tls_use_client_identity(struct mnet_tls *tls, const struct tls_identity *identity);

/* ---- error.c ---- */

/* Notes why the engine has ended. Returns the code, which stays in tls->error. */
int tls_engine_failure(struct mnet_tls *tls);
/* The same for a code that is known. */
int tls_note_failure(struct mnet_tls *tls, int error, const char *words);
/* Returns the alert that tells the peer about an error; -1: none. */
int tls_alert_of(int error);

#endif
