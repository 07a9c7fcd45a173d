#include "support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static void take_text(BIO *bio, char *text, size_t size)
{
    int len = BIO_read(bio, text, (int)size - 1);
    assert_true(len > 0 && (size_t)len < size - 1);
    text[len] = '\0';
    BIO_free(bio);
}

static void set_time(ASN1_TIME *to, int64_t seconds)
{
    assert_non_null(ASN1_TIME_set(to, (time_t)seconds));
}

static void add_extension(X509 *x509, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *describe(const struct certificate_plan *plan, EVP_PKEY *key)
{
    static long serial;
    X509 *x509 = X509_new();
    X509_NAME *name = X509_get_subject_name(x509);
    const X509_NAME *issuer = plan->issuer != NULL ? X509_get_subject_name(plan->issuer->x509) : name;
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)plan->subject, -1, -1, 0);
    X509_set_issuer_name(x509, issuer);
    set_time(X509_getm_notBefore(x509), plan->from);
    set_time(X509_getm_notAfter(x509), plan->until);
    X509_set_pubkey(x509, key);
    add_extension(x509, NID_basic_constraints, plan->authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (plan->authority)
        add_extension(x509, NID_key_usage, "keyCertSign,cRLSign");
    if (plan->names != NULL)
        add_extension(x509, NID_subject_alt_name, plan->names);
    return x509;
}

struct certificate *certificate_make(const struct certificate_plan *plan)
{
    struct certificate *made = calloc(1, sizeof *made);
    made->key = plan->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    assert_non_null(made->key);
    made->x509 = describe(plan, made->key);
    assert_true(X509_sign(made->x509, plan->issuer != NULL ? plan->issuer->key : made->key, EVP_sha256()) > 0);
    BIO *text = BIO_new(BIO_s_mem()), *key_text = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(text, made->x509), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(key_text, made->key, NULL, NULL, 0, NULL, NULL), 1);
    take_text(text, made->text, sizeof made->text);
    take_text(key_text, made->key_text, sizeof made->key_text);
    return made;
}

void certificate_free(struct certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    free(certificate);
}

static void add_revoked(X509_CRL *list, const struct certificate *revoked, int64_t from)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *date = ASN1_TIME_new();
    set_time(date, from);
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x509));
    X509_REVOKED_set_revocationDate(entry, date);
    assert_int_equal(X509_CRL_add0_revoked(list, entry), 1);
    ASN1_TIME_free(date);
}

void certificate_revoke(const struct certificate *issuer, const struct certificate *revoked, int64_t from,
                        int64_t until, char *text, size_t size)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *time = ASN1_TIME_new();
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer->x509));
    set_time(time, from);
    X509_CRL_set1_lastUpdate(list, time);
    set_time(time, until);
    X509_CRL_set1_nextUpdate(list, time);
    ASN1_TIME_free(time);
    if (revoked != NULL)
        add_revoked(list, revoked, from);
    assert_true(X509_CRL_sign(list, issuer->key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509_CRL(bio, list), 1);
    X509_CRL_free(list);
    take_text(bio, text, size);
}

struct mnet_tls_source certificate_source(const struct certificate *certificate)
{
    return mnet_tls_memory(certificate->text, strlen(certificate->text));
}

struct mnet_tls_source certificate_key(const struct certificate *certificate)
{
    return mnet_tls_memory(certificate->key_text, strlen(certificate->key_text));
}
