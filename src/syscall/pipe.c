/* Pipes, and eventfd.
 *
 * The two ends of a pipe are open files that know each other, and share a ring of bytes. A write of
 * up to 4096 bytes is whole (PIPE_BUF). */
#include <string.h>

#include "syscall/calls.h"
#include "syscall/open.h"

#define PIPE_BYTES ((size_t)16384)
#define WHOLE ((size_t)4096)

struct pipe {
    struct mn_open *reader, *writer; /* NULL: closed */
    size_t first, count;
    char ring[PIPE_BYTES];
};

/* The next bytes, as far as they lie in one piece. */
static size_t take(struct pipe *pipe, char *buffer, size_t len)
{
    MN_DEBUG_ASSERT(pipe->first < PIPE_BYTES && pipe->count <= PIPE_BYTES);
    len = MN_MIN(MN_MIN(len, pipe->count), PIPE_BYTES - pipe->first);
    memcpy(buffer, pipe->ring + pipe->first, len);
    pipe->first = (pipe->first + len) % PIPE_BYTES;
    pipe->count -= len;
    return len;
}

static size_t put(struct pipe *pipe, const char *data, size_t len)
{
    size_t last = (pipe->first + pipe->count) % PIPE_BYTES;
    len = MN_MIN(MN_MIN(len, PIPE_BYTES - pipe->count), PIPE_BYTES - last);
    memcpy(pipe->ring + last, data, len);
    pipe->count += len;
    MN_DEBUG_ASSERT(pipe->count <= PIPE_BYTES);
    return len;
}

static int64_t read_pipe(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    struct pipe *pipe = open->state;
    (void)at;
    while (pipe->count == 0 && len > 0) {
        if (pipe->writer == NULL)
            return 0;
        int error = mn_open_wait(open);
        if (error < 0)
            return error;
    }
    size_t got = take(pipe, buffer, len);
    got += take(pipe, (char *)buffer + got, len - got);
    if (pipe->writer != NULL)
        mn_open_tell(pipe->writer);
    return (int64_t)got;
}

static int64_t write_pipe(struct mn_open *open, const void *data, size_t len, uint64_t *at)
{
    struct pipe *pipe = open->state;
    size_t done = 0;
    (void)at;
    while (done < len) {
        if (pipe->reader == NULL)
            return done > 0 ? (int64_t)done : -MNET_EPIPE;
        if (PIPE_BYTES - pipe->count >= (len <= WHOLE ? len : 1)) {
            done += put(pipe, (const char *)data + done, len - done);
            done += put(pipe, (const char *)data + done, len - done);
            mn_open_tell(pipe->reader);
            continue;
        }
        int error = mn_open_wait(open);
        if (error < 0)
            return done > 0 ? (int64_t)done : error;
    }
    return (int64_t)done;
}

static unsigned reader_ready(struct mn_open *open)
{
    const struct pipe *pipe = open->state;
    return (pipe->count > 0 ? MNET_READABLE : 0u) | (pipe->writer == NULL ? MNET_HUNG_UP : 0u);
}

static unsigned writer_ready(struct mn_open *open)
{
    const struct pipe *pipe = open->state;
    if (pipe->reader == NULL)
        return MNET_WRITABLE | MNET_FAILED;
    return PIPE_BYTES - pipe->count >= WHOLE ? MNET_WRITABLE : 0u;
}

static void close_end(struct mn_open *open)
{
    struct pipe *pipe = open->state;
    struct mn_open **own = open == pipe->reader ? &pipe->reader : &pipe->writer;
    struct mn_open *other = open == pipe->reader ? pipe->writer : pipe->reader;
    MN_DEBUG_ASSERT(*own == open);
    *own = NULL;
    if (other != NULL)
        mn_open_tell(other);
    else
        mn_object_free(&open->system->objects, pipe, sizeof *pipe);
}

static const struct mn_open_ops reader_ops = {
    .mode = MN_S_IFIFO | 0600, .read = read_pipe, .ready = reader_ready, .close = close_end};
static const struct mn_open_ops writer_ops = {
    .mode = MN_S_IFIFO | 0600, .write = write_pipe, .ready = writer_ready, .close = close_end};

/* Makes the two ends. False if there is no memory. */
static bool make_ends(struct mn_system *system, uint32_t flags, struct mn_open **reader, struct mn_open **writer)
{
    struct pipe *pipe = mn_object_alloc(&system->objects, sizeof *pipe);
    *reader = pipe != NULL ? mn_open_new(system, &reader_ops, NULL, MN_O_RDONLY | flags) : NULL;
    *writer = *reader != NULL ? mn_open_new(system, &writer_ops, NULL, MN_O_WRONLY | flags) : NULL;
    if (*writer != NULL) {
        pipe->reader = *reader;
        pipe->writer = *writer;
        (*reader)->state = (*writer)->state = pipe;
        return true;
    }
    mn_object_free(&system->objects, *reader, sizeof **reader);
    mn_object_free(&system->objects, pipe, sizeof *pipe);
    return false;
}

static int64_t make_pipe(struct mn_system *system, int *fds, uint64_t flags)
{
    struct mn_open *reader, *writer;
    if (!make_ends(system, (uint32_t)flags & MN_O_NONBLOCK, &reader, &writer))
        return -MNET_ENOMEM;
    int first = mn_open_install(reader);
    if (first < 0) {
        mn_open_release(writer);
        return first;
    }
    int second = mn_open_install(writer);
    if (second < 0) {
        (void)mnet_socket_close(system->descriptors, first);
        return second;
    }
    fds[0] = first;
    fds[1] = second;
    return 0;
}

MN_CALL(pipe)
{
    return make_pipe(thread->system, mn_pointer(argument[0]), 0);
}

MN_CALL(pipe2)
{
    return make_pipe(thread->system, mn_pointer(argument[0]), argument[1]);
}

/* ---- eventfd: a counter ---- */

#define COUNTER_MAX (UINT64_MAX - 1)
#define EFD_SEMAPHORE 1u

static int64_t read_counter(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    (void)at;
    int error = mn_open_await_count(open, len);
    if (error < 0)
        return error;
    uint64_t taken = open->state != NULL ? 1 : open->count;
    MN_DEBUG_ASSERT(taken > 0 && taken <= open->count);
    memcpy(buffer, &taken, sizeof taken);
    open->count -= taken;
    mn_open_tell(open);
    return sizeof taken;
}

static int64_t write_counter(struct mn_open *open, const void *data, size_t len, uint64_t *at)
{
    uint64_t added;
    (void)at;
    if (len < sizeof added)
        return -MNET_EINVAL;
    memcpy(&added, data, sizeof added);
    if (added > COUNTER_MAX)
        return -MNET_EINVAL;
    while (added > COUNTER_MAX - open->count) {
        int error = mn_open_wait(open);
        if (error < 0)
            return error;
    }
    open->count += added;
    MN_DEBUG_ASSERT(open->count <= COUNTER_MAX);
    mn_open_tell(open);
    return sizeof added;
}

static unsigned counter_ready(struct mn_open *open)
{
    return (open->count > 0 ? MNET_READABLE : 0u) | (open->count < COUNTER_MAX ? MNET_WRITABLE : 0u);
}

static const struct mn_open_ops counter_ops = {
    .mode = MN_S_IFCHR | 0600, .read = read_counter, .write = write_counter, .ready = counter_ready};

static int64_t make_counter(struct mn_system *system, uint64_t count, uint64_t flags)
{
    struct mn_open *open = mn_open_new(system, &counter_ops, NULL, 2u | ((uint32_t)flags & MN_O_NONBLOCK));
    if (open == NULL)
        return -MNET_ENOMEM;
    open->count = (uint32_t)count;
    open->state = (flags & EFD_SEMAPHORE) != 0 ? open : NULL;
    return mn_open_install(open);
}

MN_CALL(eventfd)
{
    return make_counter(thread->system, argument[0], 0);
}

MN_CALL(eventfd2)
{
    return make_counter(thread->system, argument[0], argument[1]);
}
