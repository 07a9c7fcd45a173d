/* TLS by mnet-tls. */
#include "secure.h"

#include <mnet/tls.h>
#include <string.h>

#include "http2.h"

#define HTTP2 "h2" /* RFC 9113 3.2 */

/* NULL: clients speak HTTP without TLS. Each core has its own. */
static _Thread_local struct mnet_tls_context *context;

const struct mnet_program_option httpd_options[] = {
    HTTPD_OPTIONS,
    {"--tls-cert=", "FILE", "serve HTTPS with this certificate, and its issuers behind it (PEM)"},
    {"--tls-key=", "FILE", "the key of the certificate (PEM)"},
    {NULL, NULL, NULL},
};

int secure_open(struct mnet_env *env)
{
    static const char *const protocols[] = {HTTP2, "http/1.1", NULL};
    struct mnet_tls_options options = {.protocols = protocols + !http2_spoken};
    const char *certificate = httpd_option(env, "--tls-cert="), *key = httpd_option(env, "--tls-key=");
    if (certificate == NULL && key == NULL)
        return 0;
    if (certificate == NULL || key == NULL) {
        mnet_print(env, "--tls-cert and --tls-key belong together\n");
        return MNET_E_INVALID;
    }
    int error = mnet_tls_context_create(&options, &context);
    if (error == 0)
        error = mnet_tls_add_identity(context, mnet_tls_file(certificate), mnet_tls_file(key));
    if (error < 0) {
        mnet_print(env, "%s: %s: %s\n", certificate, mnet_tls_strerror(error),
                   context != NULL ? mnet_tls_reason(context) : "");
        secure_close();
        return error;
    }
    return 1;
}

void secure_close(void)
{
    mnet_tls_context_free(context);
    context = NULL;
}

void secure_set_clock(struct mnet_stack *stack)
{
    (void)mnet_sntp_start(stack, NULL, 0); /* without memory for it, there is no date */
}

int secure_accept(struct mnet_stream *stream, uint64_t deadline, bool *two)
{
    struct mnet_tls *tls;
    struct mnet_tls_info info;
    *two = false;
    if (context == NULL)
        return 0;
    int error = mnet_tls_accept(context, *stream, &tls, deadline);
    if (error < 0)
        return error;
    *stream = mnet_tls_stream(tls);
    mnet_tls_info(tls, &info);
    *two = strcmp(info.protocol, HTTP2) == 0;
    return 0;
}
