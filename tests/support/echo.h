/* A task of a server. */
#ifndef TESTS_ECHO_H
#define TESTS_ECHO_H

#include <mnet/task.h>
#include <mnet/tcp.h>

/* Sends back the bytes of a flow, its argument, until the peer ends it. Then closes it. */
static inline int echo(void *argument)
{
    struct mnet_flow *flow = argument;
    uint8_t bytes[64];
    ptrdiff_t len;
    while ((len = mnet_tcp_read(flow, bytes, sizeof bytes, MNET_NEVER)) > 0)
        if (mnet_tcp_write(flow, bytes, (size_t)len, NULL, MNET_NEVER) < 0)
            break;
    mnet_tcp_close(flow);
    return 0;
}

#endif
