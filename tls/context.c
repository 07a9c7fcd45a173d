/* What sessions share, whichever library does the work: settings, memory, the clock. */
#include <string.h>

#include <mnet/format.h>

#include "tls/session.h"

/* ---- Memory and time ---- */

void *tls_allocate(const struct mnet_tls_context *context, size_t size)
{
    if (context->options.allocate == NULL)
        return tls_system_allocate(size);
    void *memory = context->options.allocate(context->options.argument, size);
    return memory != NULL ? memset(memory, 0, size) : NULL;
}

void tls_release(const struct mnet_tls_context *context, void *memory)
{
    if (memory == NULL)
        return;
    if (context->options.release == NULL)
        tls_system_release(memory);
    else
        context->options.release(context->options.argument, memory);
}

uint64_t tls_clock(const struct mnet_tls_context *context)
{
    if (context->options.clock != NULL)
        return context->options.clock(context->options.argument) / MNET_SECOND;
    return tls_system_clock();
}

int tls_fail(struct mnet_tls_context *context, int error)
{
    mnet_format(context->reason, sizeof context->reason, "%s", mnet_tls_strerror(error));
    return error;
}

bool tls_may_go_on(int error)
{
    return error == MNET_E_DEADLINE || error == MNET_E_CANCELLED || error == MNET_E_NO_MEMORY;
}

/* ---- Contexts ---- */

static bool list_protocols(struct mnet_tls_context *context, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++) {
        size_t len = strlen(*names);
        if (len == 0 || len >= MNET_TLS_PROTOCOL || context->protocols_len + 1 + len > sizeof context->protocols)
            return false;
        context->protocols[context->protocols_len] = (unsigned char)len;
        memcpy(context->protocols + context->protocols_len + 1, *names, len);
        context->protocols_len += 1 + (unsigned)len;
    }
    return true;
}

int mnet_tls_context_create(const struct mnet_tls_options *options, struct mnet_tls_context **context)
{
    struct mnet_tls_context draft = {.users = 1};
    *context = NULL;
    if (options != NULL)
        draft.options = *options;
    if (!list_protocols(&draft, draft.options.protocols) ||
        (draft.options.allocate == NULL) != (draft.options.release == NULL))
        return MNET_E_INVALID;
    draft.options.protocols = NULL;
    struct mnet_tls_context *made = tls_allocate(&draft, sizeof *made);
    if (made == NULL)
        return MNET_E_NO_MEMORY;
    *made = draft;
    int error = tls_library_create(made);
    if (error < 0)
        tls_context_release(made);
    else
        *context = made;
    return error;
}

void tls_context_release(struct mnet_tls_context *context)
{
    if (--context->users > 0)
        return;
    tls_library_free(context);
    tls_release(context, context);
}

void mnet_tls_context_free(struct mnet_tls_context *context)
{
    if (context != NULL)
        tls_context_release(context);
}

const char *mnet_tls_reason(const struct mnet_tls_context *context)
{
    return context->reason;
}
