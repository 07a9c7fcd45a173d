/* Sessions that a client may resume: a short list for all servers, the newest first. A ticket is
 * used once, so that strangers cannot recognise the client by it (RFC 8446 C.4). */
#include <stdio.h>
#include <string.h>

#include "internal.h"

static void drop(struct tls_resumable **at)
{
    struct tls_resumable *entry = *at;
    *at = entry->next;
    SSL_SESSION_free(entry->session);
    OPENSSL_free(entry);
}

bool tls_remember(struct mnet_tls_context *context, const char *name, SSL_SESSION *session)
{
    struct tls_resumable *entry = OPENSSL_zalloc(sizeof *entry);
    if (entry == NULL)
        return false;
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->session = session;
    entry->next = context->library->resumable;
    context->library->resumable = entry;
    struct tls_resumable **at = &context->library->resumable;
    for (unsigned count = 0; count < TLS_RESUMABLE_MAX && *at != NULL; count++)
        at = &(*at)->next;
    if (*at != NULL)
        drop(at);
    return true;
}

/* The session goes on without the server's certificate, so that must still be valid. */
static bool is_valid(const struct mnet_tls_context *context, const SSL_SESSION *session, uint64_t now)
{
    const X509 *peer = SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session);
    time_t time = (time_t)now;
    return context->options.no_verify || peer == NULL || X509_cmp_time(X509_get0_notAfter(peer), &time) > 0;
}

SSL_SESSION *tls_recall(struct mnet_tls_context *context, const char *name, uint64_t now)
{
    struct tls_resumable **at = &context->library->resumable;
    while (*at != NULL) {
        SSL_SESSION *session = (*at)->session;
        if (strcmp((*at)->name, name) != 0) {
            at = &(*at)->next;
            continue;
        }
        bool valid = is_valid(context, session, now) && SSL_SESSION_up_ref(session);
        drop(at);
        if (valid)
            return session;
    }
    return NULL;
}

void tls_forget(struct mnet_tls_context *context)
{
    while (context->library->resumable != NULL)
        drop(&context->library->resumable);
}
