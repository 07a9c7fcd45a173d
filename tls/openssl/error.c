/* Errors of OpenSSL as codes of mnet. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include "internal.h"

#define FIRST_ALERT 1000 /* the reason of a received alert is its number and this */

/* ---- Codes ---- */

/* The code of a certificate that was not verified. */
static int verification_code(long result)
{
    switch (result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return MNET_E_TLS_SELF_SIGNED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return MNET_E_TLS_UNTRUSTED;
    case X509_V_ERR_CERT_HAS_EXPIRED: return MNET_E_TLS_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID: return MNET_E_TLS_NOT_YET_VALID;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return MNET_E_TLS_WRONG_NAME;
    case X509_V_ERR_CERT_REVOKED: return MNET_E_TLS_REVOKED;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER: return MNET_E_TLS_NO_CRL;
    default: return MNET_E_TLS_BAD_CERTIFICATE;
    }
}

/* The code of an error of the library's part for TLS. */
static int session_code(int reason, int usual)
{
    switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return MNET_E_TLS_NO_CERTIFICATE;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: return MNET_E_TLS_NOT_TLS;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM: return MNET_E_TLS_NOTHING_SHARED;
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case FIRST_ALERT + TLS1_AD_NO_APPLICATION_PROTOCOL: return MNET_E_TLS_NO_PROTOCOL;
    case FIRST_ALERT + TLS1_AD_PROTOCOL_VERSION: return MNET_E_TLS_NOTHING_SHARED;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return MNET_E_TLS_TRUNCATED;
    default: return reason > FIRST_ALERT && reason < FIRST_ALERT + 256 ? MNET_E_TLS_ALERT : usual;
    }
}

static int code_of(unsigned long error, int usual)
{
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return MNET_E_NO_MEMORY;
    if (ERR_SYSTEM_ERROR(error))
        return MNET_E_TLS_FILE;
    return ERR_GET_LIB(error) == ERR_LIB_SSL ? session_code(ERR_GET_REASON(error), usual) : usual;
}

int tls_failure(struct mnet_tls_context *context, int usual)
{
    const char *data = NULL;
    int flags = 0;
    unsigned long error = ERR_peek_error_all(NULL, NULL, NULL, &data, &flags);
    const char *words = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    bool more = (flags & ERR_TXT_STRING) != 0 && data != NULL && data[0] != '\0';
    int code = code_of(error, usual);
    snprintf(context->reason, sizeof context->reason, more ? "%s (%s)" : "%s",
             words != NULL ? words : mnet_tls_strerror(code), data);
    ERR_clear_error();
    return code;
}

/* The failure of the handshake or of a record. */
static int broken_session(struct mnet_tls *tls)
{
    struct mnet_tls_context *context = tls->context;
    unsigned long error = ERR_peek_error();
    long result = SSL_get_verify_result(tls->engine->openssl);
    if (tls->engine->stream_error != 0) {
        snprintf(context->reason, sizeof context->reason, "%s", mnet_strerror(tls->engine->stream_error));
        return tls->engine->stream_error;
    }
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        snprintf(context->reason, sizeof context->reason, "%s", X509_verify_cert_error_string(result));
        return verification_code(result);
    }
    return tls_failure(context, MNET_E_TLS_BROKEN);
}

int tls_session_failure(struct mnet_tls *tls, int result)
{
    switch (SSL_get_error(tls->engine->openssl, result)) {
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return MNET_E_DEADLINE;
    default: tls->error = broken_session(tls);
    }
    ERR_clear_error();
    return tls->error;
}
