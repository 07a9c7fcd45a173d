/* A flow as a stream: mnet/tcp.h's calls in a table. */
#include <mnet/stream.h>
#include <mnet/tcp.h>

#include "stack/stack.h"

static ptrdiff_t read_flow(void *flow, void *buffer, size_t len, uint64_t deadline)
{
    return mnet_tcp_read(flow, buffer, len, deadline);
}

static ptrdiff_t get_slices(void *flow, struct mnet_slice *slices, int max, uint64_t deadline)
{
    return mnet_tcp_get(flow, slices, max, deadline);
}

static void release_slices(void *flow)
{
    mnet_tcp_release(flow);
}

static int write_flow(void *flow, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    return mnet_tcp_write(flow, data, len, queued, deadline);
}

static int shut_down(void *flow, enum mnet_shutdown how)
{
    return mnet_tcp_shutdown(flow, how);
}

static void close_flow(void *flow)
{
    mnet_tcp_close(flow);
}

static void abort_flow(void *flow)
{
    mnet_tcp_abort(flow);
}

static unsigned get_ready(const void *flow)
{
    return mnet_tcp_ready(flow);
}

static int wait_for(void *flow, unsigned wanted, uint64_t deadline)
{
    return mnet_tcp_wait(flow, wanted, deadline);
}

static void set_notify(void *flow, void (*notify)(void *context, unsigned ready), void *context)
{
    mnet_tcp_notify(flow, notify, context);
}

static void get_peers(const void *flow, struct mnet_endpoint *local, struct mnet_endpoint *remote)
{
    mnet_tcp_peers(flow, local, remote);
}

static char *describe_flow(const void *flow, char *text, size_t size)
{
    return mnet_tcp_describe(flow, text, size);
}

static const struct mnet_stream_ops flow_ops = {
    .read = read_flow,
    .get = get_slices,
    .release = release_slices,
    .write = write_flow,
    .shutdown = shut_down,
    .close = close_flow,
    .abort = abort_flow,
    .ready = get_ready,
    .wait = wait_for,
    .notify = set_notify,
    .peers = get_peers,
    .describe = describe_flow,
};

struct mnet_stream mnet_tcp_stream(struct mnet_flow *flow)
{
    MN_REQUIRE_FLOW(flow);
    return (struct mnet_stream){.ops = &flow_ops, .object = flow};
}
