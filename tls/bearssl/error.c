/* Errors of BearSSL as codes of mnet, and in words. */
#include <mnet/format.h>

#include "internal.h"

static const char *alert_words(int alert)
{
    switch (alert) {
    case BR_ALERT_UNEXPECTED_MESSAGE: return "unexpected message";
    case BR_ALERT_BAD_RECORD_MAC: return "bad record mac";
    case BR_ALERT_RECORD_OVERFLOW: return "record overflow";
    case BR_ALERT_HANDSHAKE_FAILURE: return "handshake failure";
    case BR_ALERT_BAD_CERTIFICATE: return "bad certificate";
    case BR_ALERT_UNSUPPORTED_CERTIFICATE: return "unsupported certificate";
    case BR_ALERT_CERTIFICATE_REVOKED: return "certificate revoked";
    case BR_ALERT_CERTIFICATE_EXPIRED: return "certificate expired";
    case BR_ALERT_CERTIFICATE_UNKNOWN: return "certificate unknown";
    case BR_ALERT_ILLEGAL_PARAMETER: return "illegal parameter";
    case BR_ALERT_UNKNOWN_CA: return "unknown ca";
    case BR_ALERT_ACCESS_DENIED: return "access denied";
    case BR_ALERT_DECODE_ERROR: return "decode error";
    case BR_ALERT_DECRYPT_ERROR: return "decrypt error";
    case BR_ALERT_PROTOCOL_VERSION: return "protocol version";
    case BR_ALERT_INSUFFICIENT_SECURITY: return "insufficient security";
    case BR_ALERT_INTERNAL_ERROR: return "internal error";
    case BR_ALERT_NO_APPLICATION_PROTOCOL: return "no application protocol";
    default: return "";
    }
}

static int code_of_alert(int alert, int usual)
{
    switch (alert) {
    case BR_ALERT_NO_APPLICATION_PROTOCOL: return MNET_E_TLS_NO_PROTOCOL;
    case BR_ALERT_PROTOCOL_VERSION: return MNET_E_TLS_NOTHING_SHARED;
    default: return usual;
    }
}

static int code_of(int error)
{
    switch (error) {
    case BR_ERR_UNSUPPORTED_VERSION:
    case BR_ERR_BAD_CIPHER_SUITE: return MNET_E_TLS_NOTHING_SHARED;
    case BR_ERR_NO_CLIENT_AUTH: return MNET_E_TLS_NO_CERTIFICATE;
    case BR_ERR_NO_RANDOM: return MNET_E_INVALID;
    default: return MNET_E_TLS_BROKEN;
    }
}

int tls_note_failure(struct mnet_tls *tls, int error, const char *words)
{
    mnet_format(tls->context->reason, sizeof tls->context->reason, "%s", words);
    tls->error = error;
    return error;
}

int tls_engine_failure(struct mnet_tls *tls)
{
    struct tls_engine *engine = tls->engine;
    int error = br_ssl_engine_last_error(&engine->bear.both);
    char words[64];
    if (engine->stream_error != 0)
        return tls_note_failure(tls, engine->stream_error, mnet_strerror(engine->stream_error));
    if (engine->verifier.error != 0)
        return tls_note_failure(tls, engine->verifier.error, mnet_tls_strerror(engine->verifier.error));
    if (error >= BR_ERR_RECV_FATAL_ALERT) {
        bool sent = error >= BR_ERR_SEND_FATAL_ALERT;
        int alert = error & 255;
        int usual = !sent                                 ? MNET_E_TLS_ALERT
                    : alert == BR_ALERT_HANDSHAKE_FAILURE ? MNET_E_TLS_NOTHING_SHARED
                                                          : MNET_E_TLS_BROKEN;
        mnet_format(words, sizeof words, "%s alert %s (%d)", sent ? "sent" : "received", alert_words(alert), alert);
        return tls_note_failure(tls, code_of_alert(alert, usual), words);
    }
    if (error == 0) /* the stream's end */
        return tls_note_failure(tls, MNET_E_TLS_TRUNCATED, mnet_tls_strerror(MNET_E_TLS_TRUNCATED));
    mnet_format(words, sizeof words, "%s (BearSSL's error %d)", mnet_tls_strerror(code_of(error)), error);
    return tls_note_failure(tls, code_of(error), words);
}

int tls_alert_of(int error)
{
    switch (error) {
    case MNET_E_TLS_EXPIRED:
    case MNET_E_TLS_NOT_YET_VALID: return BR_ALERT_CERTIFICATE_EXPIRED;
    case MNET_E_TLS_UNTRUSTED:
    case MNET_E_TLS_SELF_SIGNED: return BR_ALERT_UNKNOWN_CA;
    case MNET_E_TLS_WRONG_NAME:
    case MNET_E_TLS_BAD_CERTIFICATE: return BR_ALERT_BAD_CERTIFICATE;
    case MNET_E_TLS_NO_CERTIFICATE:
    case MNET_E_TLS_NOTHING_SHARED: return BR_ALERT_HANDSHAKE_FAILURE;
    case MNET_E_TLS_NO_PROTOCOL: return BR_ALERT_NO_APPLICATION_PROTOCOL;
    case MNET_E_TLS_BROKEN: return BR_ALERT_BAD_RECORD_MAC;
    default: return -1;
    }
}
