/* TLS 1.3: new keys are asked for, again and again (RFC 8446 4.6.3). */
#include "support/tls_nag.h"
#include "tls/openssl/internal.h"

int tls_nag(struct mnet_tls *tls, struct mnet_stream stream)
{
    SSL *openssl = tls->engine->openssl;
    int error = tls_engine_send(tls);
    (void)stream;
    if (error < 0)
        return error;
    if (SSL_key_update(openssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(openssl) != 1)
        return MNET_E_INVALID;
    return tls_engine_send(tls);
}
