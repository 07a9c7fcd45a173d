/* A stream as a BIO of OpenSSL, and the bytes that wait for the stream. */
#include <string.h>

#include "internal.h"

/* Returns true if the stream would go on later. Memory that is short now may be free then. */
static bool may_go_on(int error)
{
    return error == MNET_E_DEADLINE || error == MNET_E_CANCELLED || error == MNET_E_NO_MEMORY;
}

/* ---- Bytes that wait ---- */

static bool keep(struct mnet_tls *tls, const char *data, size_t len)
{
    if (tls->waiting_len + len > TLS_WAITING_MAX)
        return false;
    unsigned char *grown = OPENSSL_realloc(tls->waiting, tls->waiting_len + len);
    if (grown == NULL)
        return false;
    memcpy(grown + tls->waiting_len, data, len);
    tls->waiting = grown;
    tls->waiting_len += len;
    return true;
}

static void forget_waiting(struct mnet_tls *tls)
{
    OPENSSL_free(tls->waiting);
    tls->waiting = NULL;
    tls->waiting_len = tls->waiting_done = 0;
}

int tls_flush_now(struct mnet_tls *tls)
{
    if (tls->waiting != NULL) {
        size_t taken = 0;
        int error = mnet_stream_write(tls->stream, tls->waiting + tls->waiting_done,
                                      tls->waiting_len - tls->waiting_done, &taken, 0);
        tls->waiting_done += taken;
        if (tls->waiting_done < tls->waiting_len)
            return error < 0 ? error : MNET_E_DEADLINE;
        forget_waiting(tls);
    }
    if (tls->write_ended && !tls->stream_ended) {
        tls->stream_ended = true;
        mnet_stream_shutdown(tls->stream, MNET_SHUTDOWN_WRITE);
    }
    return 0;
}

int tls_wait_for_stream(struct mnet_tls *tls, unsigned wanted, uint64_t deadline)
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

int tls_flush(struct mnet_tls *tls, uint64_t deadline)
{
    int error = 0;
    while (error == 0 && tls->waiting != NULL)
        error = tls_wait_for_stream(tls, 0, deadline);
    return error;
}

/* ---- The BIO ---- */

static int carry_out(BIO *bio, const char *data, int len)
{
    struct mnet_tls *tls = BIO_get_data(bio);
    size_t taken = 0;
    BIO_clear_retry_flags(bio);
    if (tls_flush_now(tls) == 0) {
        int error = mnet_stream_write(tls->stream, data, (size_t)len, &taken, 0);
        if (error < 0 && !may_go_on(error)) {
            tls->stream_error = error;
            return -1;
        }
    }
    if (taken == (size_t)len || keep(tls, data + taken, (size_t)len - taken))
        return len;
    if (taken > 0)
        return (int)taken;
    BIO_set_retry_write(bio);
    return -1;
}

static int carry_in(BIO *bio, char *data, int len)
{
    struct mnet_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ptrdiff_t got = mnet_stream_read(tls->stream, data, (size_t)len, 0);
    tls->stream_over = got == 0;
    if (got >= 0)
        return (int)got;
    if (may_go_on((int)got) && got != MNET_E_NO_MEMORY)
        BIO_set_retry_read(bio);
    else
        tls->stream_error = (int)got;
    return -1;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    const struct mnet_tls *tls = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP: return 1;
    case BIO_CTRL_EOF: return tls->stream_over;
    default: return 0;
    }
}

/* Returns the methods of the BIO. They are made once, and stay. */
static BIO_METHOD *methods(void)
{
    static BIO_METHOD *made;
    if (made == NULL && (made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "mnet stream")) != NULL) {
        BIO_meth_set_write(made, carry_out);
        BIO_meth_set_read(made, carry_in);
        BIO_meth_set_ctrl(made, control);
    }
    return made;
}

bool tls_carry(struct mnet_tls *tls)
{
    BIO *bio = methods() != NULL ? BIO_new(methods()) : NULL;
    if (bio == NULL)
        return false;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->openssl, bio, bio);
    return true;
}
