/* Sessions that go on: a client's short list for all servers, the newest first, and a server's
 * cache. */
#include <string.h>

#include "internal.h"

/* ---- A client ---- */

static void drop(struct mnet_tls_context *context, struct tls_resumable **at)
{
    struct tls_resumable *entry = *at;
    *at = entry->next;
    memset(entry, 0, sizeof *entry); /* its master secret */
    tls_release(context, entry);
}

void tls_remember(struct mnet_tls *tls)
{
    struct mnet_tls_context *context = tls->context;
    struct tls_resumable *entry = tls_allocate(context, sizeof *entry);
    if (entry == NULL)
        return;
    memcpy(entry->name, tls->name, sizeof entry->name);
    entry->until = tls->engine->verifier.until;
    br_ssl_engine_get_session_parameters(&tls->engine->bear.both, &entry->session);
    entry->next = context->library->resumable;
    context->library->resumable = entry;
    struct tls_resumable **at = &context->library->resumable;
    for (unsigned count = 0; count < TLS_RESUMABLE_MAX && *at != NULL; count++)
        at = &(*at)->next;
    if (*at != NULL)
        drop(context, at);
}

bool tls_recall(struct mnet_tls *tls)
{
    struct mnet_tls_context *context = tls->context;
    struct tls_verifier *verifier = &tls->engine->verifier;
    struct tls_resumable **at = &context->library->resumable;
    while (*at != NULL && strcmp((*at)->name, tls->name) != 0)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    bool valid = tls_join_time(verifier->days, verifier->seconds) <= (*at)->until;
    if (valid) {
        verifier->until = (*at)->until; /* a session that goes on shows no certificate */
        br_ssl_engine_set_session_parameters(&tls->engine->bear.both, &(*at)->session);
    }
    drop(context, at);
    return valid;
}

void tls_forget(struct mnet_tls_context *context)
{
    while (context->library->resumable != NULL)
        drop(context, &context->library->resumable);
}

/* ---- A server ---- */

static struct tls_cache *cache_of(const br_ssl_session_cache_class **vtable)
{
    return (struct tls_cache *)(void *)vtable;
}

static void save(const br_ssl_session_cache_class **vtable, br_ssl_server_context *server,
                 const br_ssl_session_parameters *session)
{
    struct tls_cache *cache = cache_of(vtable);
    cache->lru.vtable->save(&cache->lru.vtable, server, session);
}

static int load(const br_ssl_session_cache_class **vtable, br_ssl_server_context *server,
                br_ssl_session_parameters *session)
{
    struct tls_cache *cache = cache_of(vtable);
    int found = cache->lru.vtable->load(&cache->lru.vtable, server, session);
    struct tls_engine *engine = (void *)server; /* it begins with the server's context */
    engine->resumed = found != 0;
    return found;
}

int tls_cache_create(struct mnet_tls_context *context)
{
    static const br_ssl_session_cache_class class = {sizeof(struct tls_cache), save, load};
    struct tls_cache *cache = tls_allocate(context, sizeof *cache);
    if (cache == NULL)
        return MNET_E_NO_MEMORY;
    cache->vtable = &class;
    br_ssl_session_cache_lru_init(&cache->lru, cache->store, sizeof cache->store);
    context->library->cache = cache;
    return 0;
}
