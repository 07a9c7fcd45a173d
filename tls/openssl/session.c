/* Sessions: handshake, reading, writing, their end. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "internal.h"

/* ---- Calls that may wait ---- */

static void free_session(struct mnet_tls *tls)
{
    mnet_tls_release(tls);
    SSL_free(tls->openssl);
    OPENSSL_free(tls->waiting);
    tls_context_release(tls->context);
    OPENSSL_free(tls);
}

static void enter(struct mnet_tls *tls)
{
    tls->users++;
}

static void leave(struct mnet_tls *tls)
{
    if (--tls->users == 0 && tls->closed)
        free_session(tls);
}

/* Before each step of OpenSSL. */
static void begin_step(struct mnet_tls *tls)
{
    ERR_clear_error();
    tls->stream_error = 0;
}

/* ---- Beginning ---- */

/* The certificate's time is compared with the context's clock. Only subjectAltName counts (RFC
 * 9525), and "*" only as a whole label. */
static bool set_verification(struct mnet_tls *tls, uint64_t now)
{
    X509_VERIFY_PARAM *rules = SSL_get0_param(tls->openssl);
    X509_VERIFY_PARAM_set_time(rules, (time_t)now);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (tls->name[0] == '\0' || X509_VERIFY_PARAM_set1_ip_asc(rules, tls->name) == 1)
        return true;
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(rules, tls->name, 0) == 1 &&
           SSL_set_tlsext_host_name(tls->openssl, tls->name) == 1;
}

static bool set_up_client(struct mnet_tls *tls)
{
    const struct mnet_tls_context *context = tls->context;
    SSL_set_connect_state(tls->openssl);
    SSL_set_verify(tls->openssl, context->options.no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_SESSION *session = tls->name[0] != '\0' ? tls_recall(tls->context, tls->name) : NULL;
    bool set = session == NULL || SSL_set_session(tls->openssl, session) == 1;
    SSL_SESSION_free(session);
    return set && tls_identify(tls);
}

static bool set_up_server(struct mnet_tls *tls)
{
    static const int modes[] = {
        [MNET_TLS_CLIENTS_ANY] = SSL_VERIFY_NONE,
        [MNET_TLS_CLIENTS_ASKED] = SSL_VERIFY_PEER,
        [MNET_TLS_CLIENTS_VERIFIED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    SSL_set_accept_state(tls->openssl);
    SSL_set_verify(tls->openssl, modes[tls->context->options.clients], NULL);
    return true;
}

/* Makes a session in `*tls`. `name` is "" for a server's, and for a client's without a name. */
static int begin(struct mnet_tls_context *context, struct mnet_stream stream, const char *name, uint64_t now,
                 bool (*set_up)(struct mnet_tls *tls), struct mnet_tls **tls)
{
    struct mnet_tls *made = OPENSSL_zalloc(sizeof *made);
    if (made == NULL)
        return MNET_E_NO_MEMORY;
    made->context = context;
    context->users++;
    made->stream = stream;
    snprintf(made->name, sizeof made->name, "%s", name);
    ERR_clear_error();
    made->openssl = SSL_new(context->openssl);
    if (made->openssl == NULL || !SSL_set_app_data(made->openssl, made) || !tls_carry(made) ||
        !set_verification(made, now) || !set_up(made)) {
        int error = tls_failure(context, MNET_E_NO_MEMORY);
        free_session(made);
        return error;
    }
    *tls = made;
    return 0;
}

/* The roots of the system, for clients that were given none. */
static void trust_system(struct mnet_tls_context *context)
{
    if (!context->own_roots && !context->system_roots && SSL_CTX_set_default_verify_paths(context->openssl) == 1)
        context->system_roots = true;
}

static int fail_for_clock(struct mnet_tls_context *context)
{
    snprintf(context->reason, sizeof context->reason, "%s", mnet_tls_strerror(MNET_E_TLS_CLOCK));
    return MNET_E_TLS_CLOCK;
}

int mnet_tls_connect_begin(struct mnet_tls_context *context, struct mnet_stream stream, const char *name,
                           struct mnet_tls **tls)
{
    char host[TLS_NAME];
    size_t len = name != NULL ? strlen(name) : 0;
    uint64_t now = tls_clock(context);
    *tls = NULL;
    if (len > 1 && name[len - 1] == '.')
        len--; /* the name of the root, which certificates do not have */
    if (len >= sizeof host || (len == 0 && !context->options.no_verify))
        return MNET_E_INVALID;
    if (now == 0 && !context->options.no_verify)
        return fail_for_clock(context);
    snprintf(host, sizeof host, "%.*s", (int)len, name != NULL ? name : "");
    trust_system(context);
    return begin(context, stream, host, now, set_up_client, tls);
}

int mnet_tls_accept_begin(struct mnet_tls_context *context, struct mnet_stream stream, struct mnet_tls **tls)
{
    bool verifies = context->options.clients != MNET_TLS_CLIENTS_ANY;
    uint64_t now = tls_clock(context);
    *tls = NULL;
    if (context->identities == NULL || (verifies && !context->own_roots))
        return MNET_E_INVALID;
    if (now == 0 && verifies)
        return fail_for_clock(context);
    return begin(context, stream, "", now, set_up_server, tls);
}

/* ---- Handshake ---- */

/* Goes on with the handshake. Returns 0 when it is done and the stream has its last bytes. */
static int shake_hands(struct mnet_tls *tls, uint64_t deadline)
{
    while (!tls->established) {
        begin_step(tls);
        int result = SSL_do_handshake(tls->openssl);
        int error = result == 1 ? 0 : tls_session_failure(tls, result);
        if (result == 1)
            tls->established = true;
        else if (error == MNET_E_DEADLINE)
            error = tls_wait_for_stream(tls, SSL_want_read(tls->openssl) ? MNET_READABLE : 0, deadline);
        else
            tls_flush_now(tls); /* an alert says why */
        if (error < 0)
            return error;
    }
    return tls_flush(tls, deadline);
}

int mnet_tls_established(struct mnet_tls *tls, uint64_t deadline)
{
    if (tls->error != 0)
        return tls->error;
    enter(tls);
    int error = shake_hands(tls, deadline);
    leave(tls);
    return error;
}

/* Waits for the handshake of a session that begin has made. */
static int finish(int error, struct mnet_tls **tls, uint64_t deadline)
{
    if (error == 0)
        error = mnet_tls_established(*tls, deadline);
    if (error < 0 && *tls != NULL) {
        free_session(*tls);
        *tls = NULL;
    }
    return error;
}

int mnet_tls_connect(struct mnet_tls_context *context, struct mnet_stream stream, const char *name,
                     struct mnet_tls **tls, uint64_t deadline)
{
    return finish(mnet_tls_connect_begin(context, stream, name, tls), tls, deadline);
}

int mnet_tls_accept(struct mnet_tls_context *context, struct mnet_stream stream, struct mnet_tls **tls,
                    uint64_t deadline)
{
    return finish(mnet_tls_accept_begin(context, stream, tls), tls, deadline);
}

/* ---- Reading ---- */

/* Returns an error by which reading cannot begin, or 0. */
static int check_reading(const struct mnet_tls *tls)
{
    if (tls->read_ended || tls->closed)
        return MNET_E_CLOSED;
    if (tls->error != 0)
        return tls->error;
    return tls->established ? 0 : MNET_E_INVALID;
}

/* Returns bytes, of which the next ones stay to be read if `peek`, 0 at the end, or an error. */
static int try_to_read(struct mnet_tls *tls, void *buffer, size_t len, bool peek)
{
    int error = check_reading(tls);
    if (error < 0)
        return error;
    begin_step(tls);
    int bytes = len < INT32_MAX ? (int)len : INT32_MAX;
    int got = (peek ? SSL_peek : SSL_read)(tls->openssl, buffer, bytes);
    if (got <= 0)
        got = tls_session_failure(tls, got);
    tls_flush_now(tls); /* answers of the protocol, or an alert */
    return got;
}

static int read_bytes(struct mnet_tls *tls, void *buffer, size_t len, bool peek, uint64_t deadline)
{
    int got;
    while ((got = try_to_read(tls, buffer, len, peek)) == MNET_E_DEADLINE) {
        int error = tls_wait_for_stream(tls, MNET_READABLE, deadline);
        if (error < 0)
            return error;
    }
    return got;
}

ptrdiff_t mnet_tls_read(struct mnet_tls *tls, void *buffer, size_t len, uint64_t deadline)
{
    if (len == 0)
        return 0;
    enter(tls);
    int got = read_bytes(tls, buffer, len, false, deadline);
    leave(tls);
    return got;
}

/* Lends what can be read without waiting. */
static int lend(struct mnet_tls *tls, struct mnet_slice *slice)
{
    struct tls_lent *lent = OPENSSL_malloc(sizeof *lent);
    if (lent == NULL)
        return MNET_E_NO_MEMORY;
    int got = try_to_read(tls, lent->bytes, sizeof lent->bytes, false);
    if (got <= 0) {
        OPENSSL_free(lent);
        return got;
    }
    lent->next = tls->lent;
    tls->lent = lent;
    *slice = (struct mnet_slice){lent->bytes, (size_t)got};
    return 1;
}

ptrdiff_t mnet_tls_get(struct mnet_tls *tls, struct mnet_slice *slices, int max, uint64_t deadline)
{
    char first;
    if (max < 1)
        return MNET_E_INVALID;
    enter(tls);
    int count = read_bytes(tls, &first, 1, true, deadline);
    if (count > 0)
        count = lend(tls, slices);
    leave(tls);
    return count;
}

void mnet_tls_release(struct mnet_tls *tls)
{
    while (tls->lent != NULL) {
        struct tls_lent *lent = tls->lent;
        tls->lent = lent->next;
        OPENSSL_free(lent);
    }
}

/* ---- Writing ---- */

static int check_writing(const struct mnet_tls *tls)
{
    if (tls->write_ended || tls->closed)
        return MNET_E_CLOSED;
    if (tls->error != 0)
        return tls->error;
    return tls->established ? 0 : MNET_E_INVALID;
}

/* Encrypts a record's worth. Returns the number of bytes or an error. */
static int write_record(struct mnet_tls *tls, const char *data, size_t len)
{
    begin_step(tls);
    int done = SSL_write(tls->openssl, data, (int)(len < TLS_RECORD ? len : TLS_RECORD));
    if (done > 0)
        return done;
    int error = tls_session_failure(tls, done);
    return error == 0 ? MNET_E_CLOSED_BY_PEER : error;
}

static int write_all(struct mnet_tls *tls, const char *data, size_t len, size_t *done, uint64_t deadline)
{
    for (;;) {
        int error = check_writing(tls);
        if (error == 0)
            error = tls_flush(tls, deadline);
        if (error == 0)
            error = check_writing(tls);
        if (error < 0 || *done == len)
            return error;
        int wrote = write_record(tls, data + *done, len - *done);
        if (wrote < 0)
            return wrote;
        *done += (size_t)wrote;
    }
}

/* Bytes of one call are not mixed with those of another task. Outside tasks no call waits in the
 * middle, so there is nothing to lock. */
static int lock_writing(struct mnet_tls *tls, uint64_t deadline)
{
    if (mnet_self() == NULL)
        return tls->writing.holder != NULL ? MNET_E_DEADLINE : 0;
    return mnet_mutex_lock(&tls->writing, deadline);
}

int mnet_tls_write(struct mnet_tls *tls, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    size_t done = 0;
    enter(tls);
    int error = lock_writing(tls, deadline);
    if (error == 0) {
        error = write_all(tls, data, len, &done, deadline);
        if (mnet_self() != NULL)
            mnet_mutex_unlock(&tls->writing);
    }
    leave(tls);
    if (queued != NULL)
        *queued = done;
    return error;
}

/* ---- Ends ---- */

/* Tells the peer the end of our data, once. */
static void end_writing(struct mnet_tls *tls)
{
    if (tls->established && tls->error == 0) {
        begin_step(tls);
        SSL_shutdown(tls->openssl);
        ERR_clear_error();
    }
    tls->write_ended = true; /* the stream's end follows */
    tls_flush_now(tls);
}

int mnet_tls_shutdown(struct mnet_tls *tls, enum mnet_shutdown how)
{
    if (how < MNET_SHUTDOWN_READ || how > MNET_SHUTDOWN_BOTH)
        return MNET_E_INVALID;
    if (tls->error != 0)
        return MNET_E_CLOSED;
    if ((how & MNET_SHUTDOWN_WRITE) != 0 && !tls->write_ended)
        end_writing(tls);
    if ((how & MNET_SHUTDOWN_READ) != 0 && !tls->read_ended) {
        tls->read_ended = true;
        mnet_stream_shutdown(tls->stream, MNET_SHUTDOWN_READ);
    }
    return 0;
}

static void end(struct mnet_tls *tls, void (*end_stream)(struct mnet_stream stream))
{
    tls->closed = true;
    end_stream(tls->stream);
    if (tls->users == 0)
        free_session(tls);
}

void mnet_tls_close(struct mnet_tls *tls)
{
    if (tls == NULL)
        return;
    if (!tls->write_ended)
        end_writing(tls);
    bool complete = tls_flush_now(tls) == 0;
    /* Otherwise messages of the protocol that nobody reads, such as tickets, would reset the
     * connection, and the peer would lose what is on its way. */
    mnet_stream_shutdown(tls->stream, MNET_SHUTDOWN_READ);
    end(tls, complete ? mnet_stream_close : mnet_stream_abort);
}

void mnet_tls_abort(struct mnet_tls *tls)
{
    if (tls != NULL)
        end(tls, mnet_stream_abort);
}

/* ---- Readiness ---- */

unsigned mnet_tls_ready(struct mnet_tls *tls)
{
    char first;
    int got = try_to_read(tls, &first, 1, true);
    unsigned ready = got == MNET_E_DEADLINE ? 0 : MNET_READABLE;
    if (check_writing(tls) < 0 || (mnet_stream_ready(tls->stream) & MNET_WRITABLE) != 0)
        ready |= MNET_WRITABLE;
    return tls->waiting == NULL || check_writing(tls) < 0 ? ready : ready & ~(unsigned)MNET_WRITABLE;
}

static int await(struct mnet_tls *tls, unsigned wanted, uint64_t deadline)
{
    unsigned ready;
    while ((ready = mnet_tls_ready(tls) & wanted) == 0) {
        int error = tls_wait_for_stream(tls, wanted, deadline);
        if (error < 0)
            return error;
    }
    return (int)ready;
}

int mnet_tls_wait(struct mnet_tls *tls, unsigned wanted, uint64_t deadline)
{
    if ((wanted & (MNET_READABLE | MNET_WRITABLE)) == 0 || (wanted & ~(unsigned)(MNET_READABLE | MNET_WRITABLE)) != 0)
        return MNET_E_INVALID;
    enter(tls);
    int ready = await(tls, wanted, deadline);
    leave(tls);
    return ready;
}

/* ---- Facts ---- */

void mnet_tls_info(const struct mnet_tls *tls, struct mnet_tls_info *info)
{
    const char *server_name = SSL_get_servername(tls->openssl, TLSEXT_NAMETYPE_host_name);
    const unsigned char *protocol;
    unsigned len;
    X509 *peer = SSL_get0_peer_certificate(tls->openssl);
    *info = (struct mnet_tls_info){
        .version = SSL_get_version(tls->openssl),
        .cipher = SSL_get_cipher_name(tls->openssl),
        .server_name = server_name != NULL ? server_name : "",
        .resumed = SSL_session_reused(tls->openssl) == 1,
    };
    SSL_get0_alpn_selected(tls->openssl, &protocol, &len);
    if (len > 0 && len < sizeof info->protocol)
        memcpy(info->protocol, protocol, len);
    if (peer != NULL) {
        BIO *text = BIO_new(BIO_s_mem());
        if (text != NULL && X509_NAME_print_ex(text, X509_get_subject_name(peer), 0, XN_FLAG_ONELINE) >= 0)
            BIO_read(text, info->peer, sizeof info->peer - 1);
        BIO_free(text);
    }
}
