/* Certificates, keys and revocation lists for tests of TLS, made by OpenSSL in the test.
 */
#ifndef MN_TEST_CERTIFICATES_H
#define MN_TEST_CERTIFICATES_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include <mnet/tls.h>

/* A certificate and its key, also as texts. */
struct certificate {
    X509 *x509;
    EVP_PKEY *key;
    char text[8192], key_text[4096];
};

/* Zeros are defaults. */
struct certificate_plan {
    const char *subject;              /* the common name */
    const char *names;                /* as OpenSSL writes them: "DNS:a.test,IP:10.0.0.1" */
    const struct certificate *issuer; /* default: itself */
    bool authority;                   /* it may issue others */
    bool rsa;                         /* default: an elliptic curve */
    int64_t from, until;              /* seconds since 1970 */
};

/* Makes a certificate. Returns it as a whole, to be freed. */
struct certificate *certificate_make(const struct certificate_plan *plan);
void certificate_free(struct certificate *certificate);
/* Writes a revocation list of the issuer with one certificate, or none if it is NULL. */
void certificate_revoke(const struct certificate *issuer, const struct certificate *revoked, int64_t from,
                        int64_t until, char *text, size_t size);

/* Return the texts as sources. */
struct mnet_tls_source certificate_source(const struct certificate *certificate);
struct mnet_tls_source certificate_key(const struct certificate *certificate);

#endif
