/* Sessions: beginning, handshake, reading, writing, their end. */
#include <string.h>

#include "tls/session.h"

/* ---- Calls that may wait ---- */

static void free_session(struct mnet_tls *tls)
{
    mnet_tls_release(tls);
    tls_engine_free(tls);
    struct mnet_tls_context *context = tls->context;
    tls_release(context, tls);
    tls_context_release(context);
}

static void enter(struct mnet_tls *tls)
{
    tls->users++;
}

static void leave(struct mnet_tls *tls)
{
    if (--tls->users == 0 && tls->closed)
        free_session(tls);
}

int tls_flush_now(struct mnet_tls *tls)
{
    int error = tls_engine_send(tls);
    if (error < 0)
        return error;
    if (tls->write_ended && !tls->stream_ended) {
        tls->stream_ended = true;
        mnet_stream_shutdown(tls->stream, MNET_SHUTDOWN_WRITE);
    }
    return 0;
}

/* Flushes, and waits until the stream is ready for any bit of `wanted`, or takes bytes that wait.
 * If `wanted` is 0 and none wait, does not wait. Returns 0 or an error. If the session was closed
 * meanwhile, it is MNET_E_CLOSED, and the stream is gone. Suspends. */
static int wait_for_stream(struct mnet_tls *tls, unsigned wanted, uint64_t deadline)
{
    int error = tls_flush_now(tls);
    if (error == MNET_E_DEADLINE)
        wanted |= MNET_WRITABLE;
    if (wanted == 0)
        return error;
    int ready = mnet_stream_wait(tls->stream, wanted, deadline);
    if (tls->closed)
        return MNET_E_CLOSED;
    return ready < 0 ? ready : 0;
}

/* Returns the readiness of the stream with which the step that was tried last may go on. A step
 * that reads may have to send first: if it waited for bytes then, those that are there already
 * would let it try again at once, for ever. 0: bytes wait to be sent. */
static unsigned wanted_by_step(const struct mnet_tls *tls)
{
    if (tls_engine_wants_bytes(tls))
        return MNET_READABLE;
    return tls_engine_has_waiting(tls) ? 0 : MNET_WRITABLE;
}

/* Waits until no bytes wait to be sent. Suspends. */
static int flush(struct mnet_tls *tls, uint64_t deadline)
{
    int error = 0;
    while (error == 0 && tls_engine_has_waiting(tls))
        error = wait_for_stream(tls, 0, deadline);
    return error;
}

/* ---- Beginning ---- */

/* Makes a session in `*tls`. `name` is "" for a server's, and for a client's without a name. */
static int begin(struct mnet_tls_context *context, struct mnet_stream stream, const char *name, size_t len,
                 uint64_t now, int (*begin_engine)(struct mnet_tls *tls, uint64_t now), struct mnet_tls **tls)
{
    struct mnet_tls *made = tls_allocate(context, sizeof *made);
    if (made == NULL)
        return MNET_E_NO_MEMORY;
    made->context = context;
    context->users++;
    made->stream = stream;
    memcpy(made->name, name, len);
    int error = begin_engine(made, now);
    if (error < 0)
        free_session(made);
    else
        *tls = made;
    return error;
}

int mnet_tls_connect_begin(struct mnet_tls_context *context, struct mnet_stream stream, const char *name,
                           struct mnet_tls **tls)
{
    size_t len = name != NULL ? strlen(name) : 0;
    uint64_t now = tls_clock(context);
    *tls = NULL;
    if (len > 1 && name[len - 1] == '.')
        len--; /* the name of the root, which certificates do not have */
    if (len >= TLS_NAME || (len == 0 && !context->options.no_verify))
        return MNET_E_INVALID;
    if (len > 0 && name[0] == '.') /* OpenSSL would take it for all names that end so */
        return MNET_E_INVALID;
    if (now == 0 && !context->options.no_verify)
        return tls_fail(context, MNET_E_TLS_CLOCK);
    int error = context->own_roots || context->options.no_verify ? 0 : tls_library_trust_system(context);
    return error < 0 ? error : begin(context, stream, len > 0 ? name : "", len, now, tls_engine_begin_client, tls);
}

int mnet_tls_accept_begin(struct mnet_tls_context *context, struct mnet_stream stream, struct mnet_tls **tls)
{
    bool verifies = context->options.clients != MNET_TLS_CLIENTS_ANY;
    uint64_t now = tls_clock(context);
    *tls = NULL;
    if (!context->has_identity || (verifies && !context->own_roots))
        return MNET_E_INVALID;
    if (now == 0 && verifies)
        return tls_fail(context, MNET_E_TLS_CLOCK);
    return begin(context, stream, "", 0, now, tls_engine_begin_server, tls);
}

/* ---- Handshake ---- */

/* Goes on with the handshake. Returns 0 when it is done and the stream has its last bytes. */
static int shake_hands(struct mnet_tls *tls, uint64_t deadline)
{
    while (!tls->established) {
        int error = tls_engine_shake(tls);
        if (error == 0)
            tls->established = true;
        else if (error == MNET_E_DEADLINE)
            error = wait_for_stream(tls, wanted_by_step(tls), deadline);
        else
            tls_flush_now(tls); /* an alert says why */
        if (error < 0)
            return error;
    }
    return flush(tls, deadline);
}

int mnet_tls_established(struct mnet_tls *tls, uint64_t deadline)
{
    if (tls->error != 0)
        return tls->error;
    enter(tls);
    int error = shake_hands(tls, deadline);
    leave(tls);
    return error;
}

/* Waits for the handshake of a session that begin has made. */
static int finish(int error, struct mnet_tls **tls, uint64_t deadline)
{
    if (error == 0)
        error = mnet_tls_established(*tls, deadline);
    if (error < 0 && *tls != NULL) {
        free_session(*tls);
        *tls = NULL;
    }
    return error;
}

int mnet_tls_connect(struct mnet_tls_context *context, struct mnet_stream stream, const char *name,
                     struct mnet_tls **tls, uint64_t deadline)
{
    return finish(mnet_tls_connect_begin(context, stream, name, tls), tls, deadline);
}

int mnet_tls_accept(struct mnet_tls_context *context, struct mnet_stream stream, struct mnet_tls **tls,
                    uint64_t deadline)
{
    return finish(mnet_tls_accept_begin(context, stream, tls), tls, deadline);
}

/* ---- Reading ---- */

/* Returns an error by which reading cannot begin, or 0. */
static int check_reading(const struct mnet_tls *tls)
{
    if (tls->read_ended || tls->closed)
        return MNET_E_CLOSED;
    if (tls->error != 0)
        return tls->error;
    return tls->established ? 0 : MNET_E_INVALID;
}

/* Returns bytes, of which the next ones stay to be read if `peek`, 0 at the end, or an error. */
static int try_to_read(struct mnet_tls *tls, void *buffer, size_t len, bool peek)
{
    int error = check_reading(tls);
    if (error < 0)
        return error;
    int got = tls_engine_read(tls, buffer, len < INT32_MAX ? len : INT32_MAX, peek);
    tls_flush_now(tls); /* answers of the protocol, or an alert */
    return got;
}

static int read_bytes(struct mnet_tls *tls, void *buffer, size_t len, bool peek, uint64_t deadline)
{
    int got;
    while ((got = try_to_read(tls, buffer, len, peek)) == MNET_E_DEADLINE) {
        int error = wait_for_stream(tls, wanted_by_step(tls), deadline);
        if (error < 0)
            return error;
    }
    return got;
}

ptrdiff_t mnet_tls_read(struct mnet_tls *tls, void *buffer, size_t len, uint64_t deadline)
{
    if (len == 0)
        return 0;
    enter(tls);
    int got = read_bytes(tls, buffer, len, false, deadline);
    leave(tls);
    return got;
}

/* Lends what can be read without waiting. */
static int lend(struct mnet_tls *tls, struct mnet_slice *slice)
{
    struct tls_lent *lent = tls_allocate(tls->context, sizeof *lent);
    if (lent == NULL)
        return MNET_E_NO_MEMORY;
    int got = try_to_read(tls, lent->bytes, sizeof lent->bytes, false);
    if (got <= 0) {
        tls_release(tls->context, lent);
        return got;
    }
    lent->next = tls->lent;
    tls->lent = lent;
    *slice = (struct mnet_slice){lent->bytes, (size_t)got};
    return 1;
}

ptrdiff_t mnet_tls_get(struct mnet_tls *tls, struct mnet_slice *slices, int max, uint64_t deadline)
{
    char first;
    if (max < 1)
        return MNET_E_INVALID;
    enter(tls);
    int count = read_bytes(tls, &first, 1, true, deadline);
    if (count > 0)
        count = lend(tls, slices);
    leave(tls);
    return count;
}

void mnet_tls_release(struct mnet_tls *tls)
{
    while (tls->lent != NULL) {
        struct tls_lent *lent = tls->lent;
        tls->lent = lent->next;
        tls_release(tls->context, lent);
    }
}

/* ---- Writing ---- */

static int check_writing(const struct mnet_tls *tls)
{
    if (tls->write_ended || tls->closed)
        return MNET_E_CLOSED;
    if (tls->error != 0)
        return tls->error;
    return tls->established ? 0 : MNET_E_INVALID;
}

static int write_all(struct mnet_tls *tls, const char *data, size_t len, size_t *done, uint64_t deadline)
{
    for (;;) {
        int error = check_writing(tls);
        if (error == 0)
            error = flush(tls, deadline);
        if (error == 0)
            error = check_writing(tls);
        if (error < 0 || *done == len)
            return error;
        int wrote = tls_engine_write(tls, data + *done, len - *done < TLS_RECORD ? len - *done : TLS_RECORD);
        if (wrote < 0)
            return wrote;
        *done += (size_t)wrote;
    }
}

/* Bytes of one call are not mixed with those of another task. Outside tasks no call waits in the
 * middle, so there is nothing to lock. */
static int lock_writing(struct mnet_tls *tls, uint64_t deadline)
{
    if (mnet_self() == NULL)
        return tls->writing.holder != NULL ? MNET_E_DEADLINE : 0;
    return mnet_mutex_lock(&tls->writing, deadline);
}

int mnet_tls_write(struct mnet_tls *tls, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    size_t done = 0;
    enter(tls);
    int error = lock_writing(tls, deadline);
    if (error == 0) {
        error = write_all(tls, data, len, &done, deadline);
        if (mnet_self() != NULL)
            mnet_mutex_unlock(&tls->writing);
    }
    leave(tls);
    if (queued != NULL)
        *queued = done;
    return error;
}

/* ---- Ends ---- */

/* Tells the peer the end of our data, once. */
static void end_writing(struct mnet_tls *tls)
{
    if (tls->established && tls->error == 0)
        tls_engine_end(tls);
    tls->write_ended = true; /* the stream's end follows */
    tls_flush_now(tls);
}

int mnet_tls_shutdown(struct mnet_tls *tls, enum mnet_shutdown how)
{
    if (how < MNET_SHUTDOWN_READ || how > MNET_SHUTDOWN_BOTH)
        return MNET_E_INVALID;
    if (tls->error != 0)
        return MNET_E_CLOSED;
    if ((how & MNET_SHUTDOWN_WRITE) != 0 && !tls->write_ended)
        end_writing(tls);
    if ((how & MNET_SHUTDOWN_READ) != 0 && !tls->read_ended) {
        tls->read_ended = true;
        mnet_stream_shutdown(tls->stream, MNET_SHUTDOWN_READ);
    }
    return 0;
}

static void end(struct mnet_tls *tls, void (*end_stream)(struct mnet_stream stream))
{
    tls->closed = true;
    end_stream(tls->stream);
    if (tls->users == 0)
        free_session(tls);
}

void mnet_tls_close(struct mnet_tls *tls)
{
    if (tls == NULL)
        return;
    if (!tls->write_ended)
        end_writing(tls);
    bool complete = tls_flush_now(tls) == 0;
    /* Otherwise messages of the protocol that nobody reads, such as tickets, would reset the
     * connection, and the peer would lose what is on its way. */
    mnet_stream_shutdown(tls->stream, MNET_SHUTDOWN_READ);
    end(tls, complete ? mnet_stream_close : mnet_stream_abort);
}

void mnet_tls_abort(struct mnet_tls *tls)
{
    if (tls != NULL)
        end(tls, mnet_stream_abort);
}

/* ---- Readiness ---- */

/* Returns whether writing would take something, or fail: also if bytes wait that the stream will
 * never take. */
static bool can_write(struct mnet_tls *tls)
{
    if (check_writing(tls) < 0)
        return true;
    int error = tls_flush_now(tls);
    return error < 0 ? error != MNET_E_DEADLINE : (mnet_stream_ready(tls->stream) & MNET_WRITABLE) != 0;
}

unsigned mnet_tls_ready(struct mnet_tls *tls)
{
    char first;
    int got = try_to_read(tls, &first, 1, true);
    unsigned ready = got == MNET_E_DEADLINE ? 0 : MNET_READABLE;
    return can_write(tls) ? ready | MNET_WRITABLE : ready;
}

static int await(struct mnet_tls *tls, unsigned wanted, uint64_t deadline)
{
    unsigned ready;
    while ((ready = mnet_tls_ready(tls) & wanted) == 0) {
        unsigned for_reading = (wanted & MNET_READABLE) != 0 ? wanted_by_step(tls) : 0;
        int error = wait_for_stream(tls, for_reading | (wanted & MNET_WRITABLE), deadline);
        if (error < 0)
            return error;
    }
    return (int)ready;
}

int mnet_tls_wait(struct mnet_tls *tls, unsigned wanted, uint64_t deadline)
{
    if ((wanted & (MNET_READABLE | MNET_WRITABLE)) == 0 || (wanted & ~(unsigned)(MNET_READABLE | MNET_WRITABLE)) != 0)
        return MNET_E_INVALID;
    enter(tls);
    int ready = await(tls, wanted, deadline);
    leave(tls);
    return ready;
}

void mnet_tls_info(const struct mnet_tls *tls, struct mnet_tls_info *info)
{
    *info = (struct mnet_tls_info){.server_name = ""};
    tls_engine_info(tls, info);
}
