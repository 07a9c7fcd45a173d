/* A session as a stream: the calls of mnet/tls.h in a table. */
#include <mnet/format.h>

#include "tls/session.h"

static ptrdiff_t read_session(void *tls, void *buffer, size_t len, uint64_t deadline)
{
    return mnet_tls_read(tls, buffer, len, deadline);
}

static ptrdiff_t get_slices(void *tls, struct mnet_slice *slices, int max, uint64_t deadline)
{
    return mnet_tls_get(tls, slices, max, deadline);
}

static void release_slices(void *tls)
{
    mnet_tls_release(tls);
}

static int write_session(void *tls, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    return mnet_tls_write(tls, data, len, queued, deadline);
}

static int shut_down(void *tls, enum mnet_shutdown how)
{
    return mnet_tls_shutdown(tls, how);
}

static void close_session(void *tls)
{
    mnet_tls_close(tls);
}

static void abort_session(void *tls)
{
    mnet_tls_abort(tls);
}

/* Records that have arrived are decrypted to see whether there are bytes, so the object changes. */
static unsigned get_ready(const void *tls)
{
    return mnet_tls_ready((struct mnet_tls *)(uintptr_t)tls);
}

static int wait_for(void *tls, unsigned wanted, uint64_t deadline)
{
    return mnet_tls_wait(tls, wanted, deadline);
}

static void set_notify(void *object, void (*notify)(void *context, unsigned ready), void *context)
{
    const struct mnet_tls *tls = object;
    mnet_stream_notify(tls->stream, notify, context);
}

static void get_peers(const void *object, struct mnet_endpoint *local, struct mnet_endpoint *remote)
{
    const struct mnet_tls *tls = object;
    mnet_stream_peers(tls->stream, local, remote);
}

static char *describe_session(const void *object, char *text, size_t size)
{
    const struct mnet_tls *tls = object;
    struct mnet_tls_info info;
    mnet_tls_info(tls, &info);
    size_t len = mnet_format(text, size, "%s ", info.version);
    if (len < size)
        mnet_stream_describe(tls->stream, text + len, size - len);
    return text;
}

#define SESSION_OPS(peers_or_null) \
    { \
        .read = read_session, .get = get_slices, .release = release_slices, .write = write_session, \
        .shutdown = shut_down, .close = close_session, .abort = abort_session, .ready = get_ready, .wait = wait_for, \
        .notify = set_notify, .peers = (peers_or_null), .describe = describe_session, \
    }

struct mnet_stream mnet_tls_stream(struct mnet_tls *tls)
{
    static const struct mnet_stream_ops with_addresses = SESSION_OPS(get_peers), without = SESSION_OPS(NULL);
    return (struct mnet_stream){tls->stream.ops->peers != NULL ? &with_addresses : &without, tls};
}
