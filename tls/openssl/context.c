/* What sessions of OpenSSL share: settings, certificates, roots, revocation lists. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "internal.h"

/* ---- Texts in PEM form ---- */

static BIO *open_source(struct mnet_tls_source source)
{
    if (source.file != NULL)
        return BIO_new_file(source.file, "r");
    return BIO_new_mem_buf(source.data != NULL ? source.data : "", (int)source.len);
}

/* An encrypted key is refused: nobody is asked for its password. */
static int refuse_password(char *buffer, int size, int writing, void *unused)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)unused;
    return -1;
}

/* Returns whether the text had nothing more, which is no error after the first item. */
static bool text_has_ended(unsigned count)
{
    unsigned long error = ERR_peek_last_error();
    return count > 0 && ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* Reads items one after the other, and gives each to `add`. Returns 0 or an error. */
static int read_items(struct mnet_tls_context *context, struct mnet_tls_source source,
                      bool (*add)(struct mnet_tls_context *context, BIO *text))
{
    ERR_clear_error();
    BIO *text = open_source(source);
    if (text == NULL)
        return tls_failure(context, MNET_E_TLS_FILE);
    unsigned count = 0;
    while (add(context, text))
        count++;
    BIO_free(text);
    if (!text_has_ended(count))
        return tls_failure(context, MNET_E_TLS_CREDENTIALS);
    ERR_clear_error();
    return 0;
}

/* ---- Identities ---- */

static void free_identity(struct tls_identity *identity)
{
    if (identity == NULL)
        return;
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    sk_X509_pop_free(identity->issuers, X509_free);
    OPENSSL_free(identity);
}

static bool read_certificates(struct tls_identity *identity, BIO *text)
{
    identity->certificate = PEM_read_bio_X509(text, NULL, refuse_password, NULL);
    identity->issuers = sk_X509_new_null();
    if (identity->certificate == NULL || identity->issuers == NULL)
        return false;
    X509 *issuer;
    while ((issuer = PEM_read_bio_X509(text, NULL, refuse_password, NULL)) != NULL) {
        if (!sk_X509_push(identity->issuers, issuer)) {
            X509_free(issuer);
            return false;
        }
    }
    return text_has_ended(1);
}

static bool read_key(struct tls_identity *identity, BIO *text)
{
    ERR_clear_error();
    identity->key = PEM_read_bio_PrivateKey(text, NULL, refuse_password, NULL);
    return identity->key != NULL && X509_check_private_key(identity->certificate, identity->key) == 1;
}

static void append_identity(struct mnet_tls_context *context, struct tls_identity *identity)
{
    struct tls_identity **at = &context->library->identities;
    while (*at != NULL)
        at = &(*at)->next;
    *at = identity;
}

int mnet_tls_add_identity(struct mnet_tls_context *context, struct mnet_tls_source certificate,
                          struct mnet_tls_source key)
{
    ERR_clear_error();
    BIO *certificate_text = open_source(certificate), *key_text = open_source(key);
    struct tls_identity *identity = OPENSSL_zalloc(sizeof *identity);
    int error = 0;
    if (certificate_text == NULL || key_text == NULL || identity == NULL)
        error = tls_failure(context, MNET_E_TLS_FILE);
    else if (!read_certificates(identity, certificate_text) || !read_key(identity, key_text))
        error = tls_failure(context, MNET_E_TLS_CREDENTIALS);
    BIO_free(certificate_text);
    BIO_free(key_text);
    if (error < 0) {
        free_identity(identity);
        return error;
    }
    append_identity(context, identity);
    context->has_identity = true;
    return 0;
}

static bool use_identity(SSL *openssl, const struct tls_identity *identity)
{
    return SSL_use_cert_and_key(openssl, identity->certificate, identity->key, identity->issuers, 1) == 1;
}

bool tls_identify(struct mnet_tls *tls)
{
    return tls->context->library->identities == NULL ||
           use_identity(tls->engine->openssl, tls->context->library->identities);
}

static bool fits(const struct tls_identity *identity, const char *name)
{
    unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    return X509_check_host(identity->certificate, name, 0, flags, NULL) == 1;
}

/* Gives a server's session all certificates of the name that the client asks for. */
static int choose_identity(SSL *openssl, void *argument)
{
    struct mnet_tls_context *context = argument;
    const char *name = SSL_get_servername(openssl, TLSEXT_NAMETYPE_host_name);
    bool found = false;
    if (!SSL_is_server(openssl))
        return 1;
    SSL_certs_clear(openssl);
    for (const struct tls_identity *at = context->library->identities; at != NULL && name != NULL; at = at->next)
        if (fits(at, name))
            found |= use_identity(openssl, at);
    return found || use_identity(openssl, context->library->identities);
}

/* The name is noted by OpenSSL; this says that it is heard (RFC 6066 3). */
static int hear_name(SSL *openssl, int *alert, void *argument)
{
    (void)openssl;
    (void)alert;
    (void)argument;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- Trust ---- */

static bool add_root(struct mnet_tls_context *context, BIO *text)
{
    X509 *root = PEM_read_bio_X509(text, NULL, refuse_password, NULL);
    bool added = root != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(context->library->openssl), root) == 1;
    added = added && SSL_CTX_add_client_CA(context->library->openssl, root) == 1;
    X509_free(root);
    return added;
}

/* Begins with a store without the system's roots, but with the lists of the old one. */
static bool leave_system(struct mnet_tls_context *context)
{
    SSL_CTX *openssl = context->library->openssl;
    X509_STORE *old = SSL_CTX_get_cert_store(openssl), *new = X509_STORE_new();
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(old);
    bool copied = new != NULL &&X509_STORE_set1_param(new, X509_STORE_get0_param(old)) == 1;
    for (int i = 0; copied && i < sk_X509_OBJECT_num(objects); i++) {
        X509_CRL *list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        copied = list == NULL || X509_STORE_add_crl(new, list) == 1;
    }
    if (!copied) {
        X509_STORE_free(new);
        return false;
    }
    SSL_CTX_set_cert_store(openssl, new);
    context->library->system_roots = false;
    tls_forget(context); /* the servers were believed by others */
    return true;
}

int mnet_tls_trust(struct mnet_tls_context *context, struct mnet_tls_source roots)
{
    ERR_clear_error();
    if (context->library->system_roots && !leave_system(context))
        return tls_failure(context, MNET_E_NO_MEMORY);
    int error = read_items(context, roots, add_root);
    context->own_roots |= error == 0;
    return error;
}

static bool add_list(struct mnet_tls_context *context, BIO *text)
{
    X509_CRL *list = PEM_read_bio_X509_CRL(text, NULL, refuse_password, NULL);
    bool added = list != NULL && X509_STORE_add_crl(SSL_CTX_get_cert_store(context->library->openssl), list) == 1;
    X509_CRL_free(list);
    return added;
}

int mnet_tls_revoke(struct mnet_tls_context *context, struct mnet_tls_source lists)
{
    int error = read_items(context, lists, add_list);
    if (error == 0) {
        X509_STORE_set_flags(SSL_CTX_get_cert_store(context->library->openssl),
                             X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        tls_forget(context);
    }
    return error;
}

int tls_library_trust_system(struct mnet_tls_context *context)
{
    struct tls_library *library = context->library;
    if (!library->system_roots && SSL_CTX_set_default_verify_paths(library->openssl) == 1)
        library->system_roots = true;
    return 0; /* without any, nobody is believed */
}

/* ---- Application protocols ---- */

/* A server takes the first one of its own that the client offers (RFC 7301 3.2). */
static int choose_protocol(SSL *openssl, const unsigned char **name, unsigned char *len, const unsigned char *offered,
                           unsigned offered_len, void *argument)
{
    const struct mnet_tls_context *context = argument;
    unsigned char *chosen;
    (void)openssl;
    if (SSL_select_next_proto(&chosen, len, context->protocols, context->protocols_len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *name = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- Contexts ---- */

static void log_key(const SSL *openssl, const char *line)
{
    const struct mnet_tls *tls = SSL_get_app_data(openssl);
    tls->context->options.key_log(tls->context->options.argument, line);
}

static int note_session(SSL *openssl, SSL_SESSION *session)
{
    struct mnet_tls *tls = SSL_get_app_data(openssl);
    return tls_remember(tls->context, tls->name, session);
}

static void set_resumption(struct mnet_tls_context *context)
{
    SSL_CTX *openssl = context->library->openssl;
    SSL_CTX_set_session_id_context(openssl, (const unsigned char *)"mnet", 4);
    if (context->options.no_resumption) {
        SSL_CTX_set_session_cache_mode(openssl, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(openssl, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(openssl, 0);
    } else {
        SSL_CTX_set_session_cache_mode(openssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(openssl, note_session);
    }
}

static bool set_up(struct mnet_tls_context *context)
{
    SSL_CTX *openssl = context->library->openssl;
    SSL_CTX_set_min_proto_version(openssl, TLS1_2_VERSION);
    SSL_CTX_set_options(openssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(openssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(openssl, 1);
    X509_STORE_set_flags(SSL_CTX_get_cert_store(openssl), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_cert_cb(openssl, choose_identity, context);
    SSL_CTX_set_tlsext_servername_callback(openssl, hear_name);
    if (context->options.key_log != NULL)
        SSL_CTX_set_keylog_callback(openssl, log_key);
    set_resumption(context);
    if (context->protocols_len == 0)
        return true;
    SSL_CTX_set_alpn_select_cb(openssl, choose_protocol, context);
    return SSL_CTX_set_alpn_protos(openssl, context->protocols, context->protocols_len) == 0;
}

int tls_library_create(struct mnet_tls_context *context)
{
    /* Not the system's configuration file: settings are those of the caller. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return MNET_E_NO_MEMORY;
    context->library = tls_allocate(context, sizeof *context->library);
    if (context->library == NULL)
        return MNET_E_NO_MEMORY;
    context->library->openssl = SSL_CTX_new(TLS_method());
    return context->library->openssl != NULL && set_up(context) ? 0 : MNET_E_NO_MEMORY;
}

void tls_library_free(struct mnet_tls_context *context)
{
    struct tls_library *library = context->library;
    if (library == NULL)
        return;
    tls_forget(context);
    while (library->identities != NULL) {
        struct tls_identity *identity = library->identities;
        library->identities = identity->next;
        free_identity(identity);
    }
    SSL_CTX_free(library->openssl);
    tls_release(context, library);
}

bool mnet_tls_supports(enum mnet_tls_feature feature)
{
    (void)feature;
    return true;
}
