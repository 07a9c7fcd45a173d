/* Errors in words. */
#include "tls/session.h"

const char *mnet_tls_strerror(int error)
{
    switch (error) {
    case MNET_E_TLS_FILE: return "file cannot be read";
    case MNET_E_TLS_CREDENTIALS: return "not a certificate, or not its key";
    case MNET_E_TLS_CLOCK: return "clock is not set";
    case MNET_E_TLS_UNTRUSTED: return "certificate of an untrusted issuer";
    case MNET_E_TLS_SELF_SIGNED: return "certificate is self-signed";
    case MNET_E_TLS_EXPIRED: return "certificate has expired";
    case MNET_E_TLS_NOT_YET_VALID: return "certificate is not yet valid";
    case MNET_E_TLS_WRONG_NAME: return "certificate of another name";
    case MNET_E_TLS_REVOKED: return "certificate is revoked";
    case MNET_E_TLS_NO_CRL: return "no current revocation list of the issuer";
    case MNET_E_TLS_BAD_CERTIFICATE: return "bad certificate";
    case MNET_E_TLS_NO_CERTIFICATE: return "client has no certificate";
    case MNET_E_TLS_NOT_TLS: return "peer does not speak TLS";
    case MNET_E_TLS_NOTHING_SHARED: return "no common version or cipher";
    case MNET_E_TLS_NO_PROTOCOL: return "no common application protocol";
    case MNET_E_TLS_ALERT: return "peer ended the session with an alert";
    case MNET_E_TLS_BROKEN: return "peer broke the protocol";
    case MNET_E_TLS_TRUNCATED: return "stream ended before the session";
    case MNET_E_TLS_UNSUPPORTED: return "not with this library";
    default: return mnet_strerror(error);
    }
}
