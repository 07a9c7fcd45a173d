/* One session of OpenSSL: its steps. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "internal.h"

/* Before each step of OpenSSL. */
static void begin_step(struct mnet_tls *tls)
{
    ERR_clear_error();
    tls->engine->stream_error = 0;
}

/* ---- Beginning ---- */

/* The certificate's time is compared with the context's clock. Only subjectAltName counts (RFC
 * 9525), and "*" only as a whole label. */
static bool set_verification(struct mnet_tls *tls, uint64_t now)
{
    SSL *openssl = tls->engine->openssl;
    X509_VERIFY_PARAM *rules = SSL_get0_param(openssl);
    X509_VERIFY_PARAM_set_time(rules, (time_t)now);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (tls->name[0] == '\0' || X509_VERIFY_PARAM_set1_ip_asc(rules, tls->name) == 1)
        return true;
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(rules, tls->name, 0) == 1 && SSL_set_tlsext_host_name(openssl, tls->name) == 1;
}

static bool set_up_client(struct mnet_tls *tls, uint64_t now)
{
    SSL *openssl = tls->engine->openssl;
    SSL_set_connect_state(openssl);
    SSL_set_verify(openssl, tls->context->options.no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_SESSION *session = tls->name[0] != '\0' ? tls_recall(tls->context, tls->name, now) : NULL;
    bool set = session == NULL || SSL_set_session(openssl, session) == 1;
    SSL_SESSION_free(session);
    return set && tls_identify(tls);
}

static bool set_up_server(struct mnet_tls *tls, uint64_t now)
{
    static const int modes[] = {
        [MNET_TLS_CLIENTS_ANY] = SSL_VERIFY_NONE,
        [MNET_TLS_CLIENTS_ASKED] = SSL_VERIFY_PEER,
        [MNET_TLS_CLIENTS_VERIFIED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    (void)now;
    SSL_set_accept_state(tls->engine->openssl);
    SSL_set_verify(tls->engine->openssl, modes[tls->context->options.clients], NULL);
    return true;
}

static int begin(struct mnet_tls *tls, uint64_t now, bool (*set_up)(struct mnet_tls *tls, uint64_t now))
{
    struct tls_engine *engine = tls->engine = tls_allocate(tls->context, sizeof *engine);
    if (engine == NULL)
        return MNET_E_NO_MEMORY;
    ERR_clear_error();
    engine->openssl = SSL_new(tls->context->library->openssl);
    if (engine->openssl == NULL || !SSL_set_app_data(engine->openssl, tls) || !tls_carry(tls) ||
        !set_verification(tls, now) || !set_up(tls, now))
        return tls_failure(tls->context, MNET_E_NO_MEMORY);
    return 0;
}

int tls_engine_begin_client(struct mnet_tls *tls, uint64_t now)
{
    return begin(tls, now, set_up_client);
}

int tls_engine_begin_server(struct mnet_tls *tls, uint64_t now)
{
    tls->server = true;
    return begin(tls, now, set_up_server);
}

void tls_engine_free(struct mnet_tls *tls)
{
    if (tls->engine == NULL)
        return;
    SSL_free(tls->engine->openssl);
    OPENSSL_free(tls->engine->waiting);
    tls_release(tls->context, tls->engine);
}

/* ---- Steps ---- */

int tls_engine_shake(struct mnet_tls *tls)
{
    begin_step(tls);
    int result = SSL_do_handshake(tls->engine->openssl);
    return result == 1 ? 0 : tls_session_failure(tls, result);
}

bool tls_engine_wants_bytes(const struct mnet_tls *tls)
{
    return SSL_want_read(tls->engine->openssl);
}

int tls_engine_read(struct mnet_tls *tls, void *buffer, size_t len, bool peek)
{
    begin_step(tls);
    int got = (peek ? SSL_peek : SSL_read)(tls->engine->openssl, buffer, (int)len);
    return got > 0 ? got : tls_session_failure(tls, got);
}

int tls_engine_write(struct mnet_tls *tls, const char *data, size_t len)
{
    begin_step(tls);
    int done = SSL_write(tls->engine->openssl, data, (int)len);
    if (done > 0)
        return done;
    int error = tls_session_failure(tls, done);
    return error == 0 ? MNET_E_CLOSED_BY_PEER : error;
}

void tls_engine_end(struct mnet_tls *tls)
{
    begin_step(tls);
    SSL_shutdown(tls->engine->openssl);
    ERR_clear_error();
}

/* ---- Facts ---- */

void tls_engine_info(const struct mnet_tls *tls, struct mnet_tls_info *info)
{
    SSL *openssl = tls->engine->openssl;
    const char *server_name = SSL_get_servername(openssl, TLSEXT_NAMETYPE_host_name);
    const unsigned char *protocol;
    unsigned len;
    X509 *peer = SSL_get0_peer_certificate(openssl);
    info->version = SSL_get_version(openssl);
    info->cipher = SSL_get_cipher_name(openssl);
    info->resumed = SSL_session_reused(openssl) == 1;
    if (server_name != NULL)
        info->server_name = server_name;
    SSL_get0_alpn_selected(openssl, &protocol, &len);
    if (len > 0 && len < sizeof info->protocol)
        memcpy(info->protocol, protocol, len);
    if (peer != NULL) {
        BIO *text = BIO_new(BIO_s_mem());
        if (text != NULL && X509_NAME_print_ex(text, X509_get_subject_name(peer), 0, XN_FLAG_ONELINE) >= 0)
            BIO_read(text, info->peer, sizeof info->peer - 1);
        BIO_free(text);
    }
}
