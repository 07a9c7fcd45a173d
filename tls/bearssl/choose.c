/* Which certificate is shown: a server's by the name that the client asks for, a client's only
 * one. */
#include "internal.h"

static bool offer(br_ssl_server_context *server, const struct tls_identity *identity, br_ssl_server_choices *choices)
{
    if (identity->key_type == BR_KEYTYPE_EC)
        br_ssl_server_set_single_ec(server, identity->chain, identity->chain_len, &identity->key.key.ec,
                                    BR_KEYTYPE_SIGN, (unsigned)identity->issuer_key_type, br_ec_get_default(),
                                    br_ecdsa_sign_asn1_get_default());
    else
        br_ssl_server_set_single_rsa(server, identity->chain, identity->chain_len, &identity->key.key.rsa,
                                     BR_KEYTYPE_SIGN, 0, br_rsa_pkcs1_sign_get_default());
    return (*server->policy_vtable)->choose(server->policy_vtable, server, choices) != 0;
}

/* Those of the name, or else the first one; among them, the one that the client's suites fit. */
static int choose(const br_ssl_server_policy_class **vtable, const br_ssl_server_context *given,
                  br_ssl_server_choices *choices)
{
    br_ssl_server_context *server = (br_ssl_server_context *)(uintptr_t)given;
    struct mnet_tls *tls = ((struct tls_policy *)(void *)vtable)->tls;
    const struct tls_identity *first = tls->context->library->identities;
    const char *name = br_ssl_engine_get_server_name(&server->eng);
    bool known = false;
    for (const struct tls_identity *at = first; at != NULL && name[0] != '\0'; at = at->next) {
        if (!tls_identity_fits(at, name))
            continue;
        known = true;
        if (offer(server, at, choices))
            return 1;
    }
    return !known && offer(server, first, choices);
}

/* Only the chosen identity's own are called. */
static uint32_t no_exchange(const br_ssl_server_policy_class **vtable, unsigned char *data, size_t *len)
{
    (void)vtable;
    (void)data;
    (void)len;
    return 0;
}

static size_t no_signature(const br_ssl_server_policy_class **vtable, unsigned algorithm, unsigned char *data,
                           size_t hash_len, size_t len)
{
    (void)vtable;
    (void)algorithm;
    (void)data;
    (void)hash_len;
    (void)len;
    return 0;
}

void tls_choose_by_name(struct mnet_tls *tls)
{
    static const br_ssl_server_policy_class class = {sizeof(struct tls_policy), choose, no_exchange, no_signature};
    br_ssl_server_context *server = &tls->engine->bear.server;
    struct tls_policy *policy = &tls->engine->policy;
    policy->vtable = &class;
    policy->tls = tls;
    server->policy_vtable = &policy->vtable;
}

void tls_use_client_identity(struct mnet_tls *tls, const struct tls_identity *identity)
{
    br_ssl_client_context *client = &tls->engine->bear.client;
    if (identity == NULL)
        return;
    if (identity->key_type == BR_KEYTYPE_EC)
        br_ssl_client_set_single_ec(client, identity->chain, identity->chain_len, &identity->key.key.ec,
                                    BR_KEYTYPE_SIGN, (unsigned)identity->issuer_key_type, br_ec_get_default(),
                                    br_ecdsa_sign_asn1_get_default());
    else
        br_ssl_client_set_single_rsa(client, identity->chain, identity->chain_len, &identity->key.key.rsa,
                                     br_rsa_pkcs1_sign_get_default());
}
