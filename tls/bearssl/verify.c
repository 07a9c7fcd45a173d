/* The peer's certificates: BearSSL's minimal engine decides, and this tells why. */
#include <string.h>

#include "internal.h"

#define SECONDS_OF_DAY 86400u
#define DAYS_UNTIL_1970 719528u
#define RESUMABLE_SECONDS SECONDS_OF_DAY /* RFC 5246 F.1.4 */

static struct tls_verifier *verifier_of(const br_x509_class **vtable)
{
    return (struct tls_verifier *)(void *)vtable;
}

void tls_split_time(uint64_t seconds_since_1970, uint32_t *days, uint32_t *seconds)
{
    *days = (uint32_t)(seconds_since_1970 / SECONDS_OF_DAY) + DAYS_UNTIL_1970;
    *seconds = (uint32_t)(seconds_since_1970 % SECONDS_OF_DAY);
}

uint64_t tls_join_time(uint32_t days, uint32_t seconds)
{
    return (uint64_t)days * SECONDS_OF_DAY + seconds;
}

/* ---- Who issued it ---- */

/* A part of a certificate in DER. */
struct der {
    const unsigned char *at, *end;
};

/* Takes the next element: its tag, and its whole bytes as `element`. False: there is none. */
static bool take_element(struct der *from, unsigned char *tag, struct der *element, struct der *content)
{
    const unsigned char *at = from->at;
    if (from->end - at < 2)
        return false;
    *tag = *at++;
    size_t len = *at++;
    if (len >= 0x80) {
        unsigned count = len & 0x7f;
        if (count < 1 || count > 2 || from->end - at < (ptrdiff_t)count)
            return false;
        for (len = 0; count > 0; count--)
            len = len << 8 | *at++;
    }
    if ((size_t)(from->end - at) < len)
        return false;
    *element = (struct der){from->at, at + len};
    *content = (struct der){at, at + len};
    from->at = at + len;
    return true;
}

/* Enters the next element, whose end may be beyond the bytes that there are. */
static bool enter(struct der *from)
{
    const unsigned char *at = from->at;
    if (from->end - at < 2)
        return false;
    unsigned count = at[1] >= 0x80 ? at[1] & 0x7f : 0;
    if (from->end - at < 2 + (ptrdiff_t)count)
        return false;
    from->at = at + 2 + count;
    return true;
}

/* Returns whether issuer and subject are the same: Certificate, TBSCertificate, version, serial
 * number, algorithm, issuer, validity, subject (RFC 5280 4.1). */
static bool is_self_issued(const unsigned char *bytes, size_t len)
{
    struct der at = {bytes, bytes + len}, issuer, subject, content;
    unsigned char tag;
    if (!enter(&at) || !enter(&at) || !take_element(&at, &tag, &issuer, &content))
        return false;
    if (tag == 0xa0 && !take_element(&at, &tag, &issuer, &content)) /* the version may be missing */
        return false;
    if (!take_element(&at, &tag, &issuer, &content) || !take_element(&at, &tag, &issuer, &content) ||
        !take_element(&at, &tag, &subject, &content) || !take_element(&at, &tag, &subject, &content))
        return false;
    size_t size = (size_t)(issuer.end - issuer.at);
    return size == (size_t)(subject.end - subject.at) && memcmp(issuer.at, subject.at, size) == 0;
}

/* ---- The class ---- */

static void start_chain(const br_x509_class **vtable, const char *name)
{
    struct tls_verifier *verifier = verifier_of(vtable);
    verifier->count = 0;
    verifier->minimal.vtable->start_chain(&verifier->minimal.vtable, name);
}

static void start_cert(const br_x509_class **vtable, uint32_t len)
{
    struct tls_verifier *verifier = verifier_of(vtable);
    br_x509_decoder_init(verifier->count == 0 ? &verifier->leaf : &verifier->issuer, 0, NULL);
    verifier->minimal.vtable->start_cert(&verifier->minimal.vtable, len);
}

static void append(const br_x509_class **vtable, const unsigned char *bytes, size_t len)
{
    struct tls_verifier *verifier = verifier_of(vtable);
    if (verifier->count == 0) {
        size_t room = sizeof verifier->head - verifier->head_len, part = len < room ? len : room;
        memcpy(verifier->head + verifier->head_len, bytes, part);
        verifier->head_len += part;
    }
    br_x509_decoder_push(verifier->count == 0 ? &verifier->leaf : &verifier->issuer, bytes, len);
    verifier->minimal.vtable->append(&verifier->minimal.vtable, bytes, len);
}

static bool is_before(uint32_t days, uint32_t seconds, uint32_t other_days, uint32_t other_seconds)
{
    return days != other_days ? days < other_days : seconds < other_seconds;
}

static void end_cert(const br_x509_class **vtable)
{
    struct tls_verifier *verifier = verifier_of(vtable);
    br_x509_decoder_context *decoder = verifier->count == 0 ? &verifier->leaf : &verifier->issuer;
    if (br_x509_decoder_last_error(decoder) == 0) {
        verifier->early |= is_before(verifier->days, verifier->seconds, decoder->notbefore_days,
                                     decoder->notbefore_seconds);
        verifier->late |= is_before(decoder->notafter_days, decoder->notafter_seconds, verifier->days,
                                    verifier->seconds);
        uint64_t end = tls_join_time(decoder->notafter_days, decoder->notafter_seconds);
        if (!verifier->believes_all && end < verifier->until)
            verifier->until = end;
    }
    verifier->count++;
    verifier->minimal.vtable->end_cert(&verifier->minimal.vtable);
}

/* The code of an error of the minimal engine. */
static int code_of(const struct tls_verifier *verifier, unsigned error)
{
    switch (error) {
    case BR_ERR_X509_EXPIRED: return verifier->late ? MNET_E_TLS_EXPIRED : MNET_E_TLS_NOT_YET_VALID;
    case BR_ERR_X509_BAD_SERVER_NAME: return MNET_E_TLS_WRONG_NAME;
    case BR_ERR_X509_NOT_TRUSTED:
        return verifier->count == 1 && is_self_issued(verifier->head, verifier->head_len) ? MNET_E_TLS_SELF_SIGNED
                                                                                          : MNET_E_TLS_UNTRUSTED;
    default: return MNET_E_TLS_BAD_CERTIFICATE;
    }
}

/* A name counts only as subjectAltName (RFC 9525). BearSSL would take one of the subject. */
static unsigned end_chain(const br_x509_class **vtable)
{
    struct tls_verifier *verifier = verifier_of(vtable);
    unsigned error = verifier->minimal.vtable->end_chain(&verifier->minimal.vtable);
    if (verifier->believes_all)
        return br_x509_decoder_last_error(&verifier->leaf) == 0 ? 0 : BR_ERR_X509_INVALID_VALUE;
    if (error == 0 && verifier->wants_name && verifier->elements[1].status == 0)
        error = BR_ERR_X509_BAD_SERVER_NAME;
    if (error != 0)
        verifier->error = code_of(verifier, error);
    return error;
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *vtable, unsigned *usages)
{
    struct tls_verifier *verifier = (struct tls_verifier *)(uintptr_t)vtable;
    if (!verifier->believes_all)
        return verifier->minimal.vtable->get_pkey(&verifier->minimal.vtable, usages);
    if (usages != NULL)
        *usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
    return br_x509_decoder_get_pkey(&verifier->leaf);
}

void tls_verifier_init(struct mnet_tls *tls, uint64_t now)
{
    static const br_x509_class class = {
        sizeof(struct tls_verifier), start_chain, start_cert, append, end_cert, end_chain, get_pkey};
    static const unsigned char common_name[] = {3, 0x55, 4, 3}, host_name[] = {0, 2};
    const struct tls_library *library = tls->context->library;
    struct tls_verifier *verifier = &tls->engine->verifier;
    br_x509_minimal_context *minimal = &verifier->minimal;
    verifier->vtable = &class;
    verifier->believes_all = !tls->server && tls->context->options.no_verify;
    verifier->wants_name = tls->name[0] != '\0';
    br_x509_minimal_init(minimal, &br_sha256_vtable, library->anchors, library->anchor_count);
    br_x509_minimal_set_rsa(minimal, br_rsa_pkcs1_vrfy_get_default());
    br_x509_minimal_set_ecdsa(minimal, br_ec_get_default(), br_ecdsa_vrfy_asn1_get_default());
    br_x509_minimal_set_hash(minimal, br_sha256_ID, &br_sha256_vtable);
    br_x509_minimal_set_hash(minimal, br_sha384_ID, &br_sha384_vtable);
    br_x509_minimal_set_hash(minimal, br_sha512_ID, &br_sha512_vtable);
    tls_split_time(now, &verifier->days, &verifier->seconds);
    br_x509_minimal_set_time(minimal, verifier->days, verifier->seconds);
    verifier->until = tls_join_time(verifier->days, verifier->seconds) + RESUMABLE_SECONDS;
    verifier->elements[0] = (br_name_element){common_name, verifier->common_name, sizeof verifier->common_name, 0};
    verifier->elements[1] = (br_name_element){host_name, verifier->host_name, sizeof verifier->host_name, 0};
    br_x509_minimal_set_name_elements(minimal, verifier->elements, 2);
}
