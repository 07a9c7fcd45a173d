/* Streams: a two-way sequence of bytes, whatever carries it.
 *
 * A TCP flow is a stream (mnet_tcp_stream). A TLS session, a serial line or a test's own buffer is
 * one, too, if it fills in a table of operations. Code that is built on streams, such as a TLS or
 * HTTP library, takes a `struct mnet_stream` and needs no other header of mnet's network.
 *
 * A stream is a pair of pointers that is passed by value. It owns nothing: the object behind it
 * lives until `close` or `abort`, after which every copy of the pair is invalid. The operations
 * keep the promises that mnet/tcp.h makes for the calls of the same name: deadlines are absolute
 * and come last, errors are negative MNET_E_* values, and a deadline of 0 never suspends.
 */
#ifndef MNET_STREAM_H
#define MNET_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/error.h>
#include <mnet/packet.h>
#include <mnet/time.h>

/* The directions that a shutdown ends. */
enum mnet_shutdown {
    MNET_SHUTDOWN_READ = 1,  /* no more data is read; mnet/tcp.h says how the peer notices */
    MNET_SHUTDOWN_WRITE = 2, /* the end of the stream follows the queued bytes; reading goes on */
    MNET_SHUTDOWN_BOTH = 3,
};

/* Readiness, for foreign event loops and for tasks that wait for several events. */
enum mnet_ready {
    MNET_READABLE = 1,   /* read would not wait: bytes, the end of the stream, or an error */
    MNET_WRITABLE = 2,   /* write would queue something, or fail */
    MNET_ACCEPTABLE = 4, /* only listeners: accept would not wait */
    MNET_URGENT = 8,     /* only TCP: mnet_tcp_urgent is not 0 (MUST-32) */
    MNET_NOTICED = 16,   /* only TCP: mnet_tcp_notices is not 0 */
    /* Nothing more arrives: the end of the stream did, perhaps behind unread bytes, or reading is
     * shut down, or the connection is gone. TCP tells it, other streams may. */
    MNET_ENDED = 32,
    /* Nothing more arrives, and nothing more can be written. TCP tells it, other streams may, and
     * UDP endpoints whose stack is down. */
    MNET_HUNG_UP = 64,
    MNET_FAILED = 128, /* an error is there to be asked for: mnet_tcp_error, mnet_udp_error */
};

/* The operations of one kind of stream. Only `peers` may be NULL. `object` is the stream's own. */
struct mnet_stream_ops {
    /* Reads up to `len` bytes. Returns their number, 0 at the end of the stream, or an error.
     * Suspends. */
    ptrdiff_t (*read)(void *object, void *buffer, size_t len, uint64_t deadline);
    /* Lends received bytes in up to `max` slices. Returns how many slices, 0 at the end of the
     * stream, or an error. Suspends. */
    ptrdiff_t (*get)(void *object, struct mnet_slice *slices, int max, uint64_t deadline);
    /* Returns all lent slices, which are valid until then. Never suspends. */
    void (*release)(void *object);
    /* Queues a copy of all `len` bytes. Returns 0 or an error. *queued is the number of bytes
     * queued in each case; queued may be NULL. Suspends. */
    int (*write)(void *object, const void *data, size_t len, size_t *queued, uint64_t deadline);
    /* Ends one direction or both. Returns 0 or an error. Never suspends. */
    int (*shutdown)(void *object, enum mnet_shutdown how);
    /* Ends the stream and frees the object. Queued data is still delivered. Never suspends. */
    void (*close)(void *object);
    /* Ends the stream and frees the object. Queued data is forgotten, and the peer gets an error.
     * Never suspends. */
    void (*abort)(void *object);
    /* Returns the bits of enum mnet_ready that hold now. Never suspends. */
    unsigned (*ready)(const void *object);
    /* Waits until any bit of `wanted` holds. Returns the bits that hold, or an error. Suspends. */
    int (*wait)(void *object, unsigned wanted, uint64_t deadline);
    /* Calls `notify(context, ready)` whenever readiness may have risen. NULL ends that. `notify`
     * must only note the fact. */
    void (*notify)(void *object, void (*notify)(void *context, unsigned ready), void *context);
    /* Stores both ends; either pointer may be NULL. The operation itself is NULL if this kind of
     * stream has no addresses. */
    void (*peers)(const void *object, struct mnet_endpoint *local, struct mnet_endpoint *remote);
    /* Writes a line about the stream for logs into `text` of `size` bytes, always terminated.
     * Returns `text`. */
    char *(*describe)(const void *object, char *text, size_t size);
};

/* A stream: its operations, and the object on which they act. */
struct mnet_stream {
    const struct mnet_stream_ops *ops;
    void *object;
};

/* Calls ops->read. Suspends. */
static inline ptrdiff_t mnet_stream_read(struct mnet_stream stream, void *buffer, size_t len, uint64_t deadline)
{
    return stream.ops->read(stream.object, buffer, len, deadline);
}

/* Calls ops->get. Suspends. */
static inline ptrdiff_t mnet_stream_get(struct mnet_stream stream, struct mnet_slice *slices, int max,
                                        uint64_t deadline)
{
    return stream.ops->get(stream.object, slices, max, deadline);
}

/* Calls ops->release, which returns all lent slices. Never suspends. */
static inline void mnet_stream_release(struct mnet_stream stream)
{
    stream.ops->release(stream.object);
}

/* Calls ops->write. Suspends. */
static inline int mnet_stream_write(struct mnet_stream stream, const void *data, size_t len, size_t *queued,
                                    uint64_t deadline)
{
    return stream.ops->write(stream.object, data, len, queued, deadline);
}

/* Calls ops->shutdown. Never suspends. */
static inline int mnet_stream_shutdown(struct mnet_stream stream, enum mnet_shutdown how)
{
    return stream.ops->shutdown(stream.object, how);
}

/* Calls ops->close; the stream is invalid afterwards. Never suspends. */
static inline void mnet_stream_close(struct mnet_stream stream)
{
    stream.ops->close(stream.object);
}

/* Calls ops->abort; the stream is invalid afterwards. Never suspends. */
static inline void mnet_stream_abort(struct mnet_stream stream)
{
    stream.ops->abort(stream.object);
}

/* Calls ops->ready. Never suspends. */
static inline unsigned mnet_stream_ready(struct mnet_stream stream)
{
    return stream.ops->ready(stream.object);
}

/* Calls ops->wait. Suspends. */
static inline int mnet_stream_wait(struct mnet_stream stream, unsigned wanted, uint64_t deadline)
{
    return stream.ops->wait(stream.object, wanted, deadline);
}

/* Calls ops->notify. Never suspends. */
static inline void mnet_stream_notify(struct mnet_stream stream, void (*notify)(void *context, unsigned ready),
                                      void *context)
{
    stream.ops->notify(stream.object, notify, context);
}

/* Calls ops->peers. Returns 0, or MNET_E_INVALID if this kind of stream has no addresses. Never
 * suspends. */
static inline int mnet_stream_peers(struct mnet_stream stream, struct mnet_endpoint *local,
                                    struct mnet_endpoint *remote)
{
    if (stream.ops->peers == NULL)
        return MNET_E_INVALID;
    stream.ops->peers(stream.object, local, remote);
    return MNET_OK;
}

/* Calls ops->describe. Never suspends. */
static inline char *mnet_stream_describe(struct mnet_stream stream, char *text, size_t size)
{
    return stream.ops->describe(stream.object, text, size);
}

#endif
