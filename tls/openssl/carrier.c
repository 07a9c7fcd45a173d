/* A stream as a BIO of OpenSSL, and the bytes that wait for the stream. */
#include <string.h>

#include "internal.h"

/* ---- Bytes that wait ---- */

static bool keep(struct tls_engine *engine, const char *data, size_t len)
{
    if (engine->waiting_len + len > TLS_WAITING_MAX)
        return false;
    unsigned char *grown = OPENSSL_realloc(engine->waiting, engine->waiting_len + len);
    if (grown == NULL)
        return false;
    memcpy(grown + engine->waiting_len, data, len);
    engine->waiting = grown;
    engine->waiting_len += len;
    return true;
}

static void forget_waiting(struct tls_engine *engine)
{
    OPENSSL_free(engine->waiting);
    engine->waiting = NULL;
    engine->waiting_len = engine->waiting_done = 0;
}

int tls_engine_send(struct mnet_tls *tls)
{
    struct tls_engine *engine = tls->engine;
    if (engine->waiting == NULL)
        return 0;
    size_t taken = 0;
    int error = mnet_stream_write(tls->stream, engine->waiting + engine->waiting_done,
                                  engine->waiting_len - engine->waiting_done, &taken, 0);
    engine->waiting_done += taken;
    if (engine->waiting_done < engine->waiting_len)
        return error < 0 ? error : MNET_E_DEADLINE;
    forget_waiting(engine);
    return 0;
}

bool tls_engine_has_waiting(const struct mnet_tls *tls)
{
    return tls->engine->waiting != NULL;
}

/* ---- The BIO ---- */

static int carry_out(BIO *bio, const char *data, int len)
{
    struct mnet_tls *tls = BIO_get_data(bio);
    size_t taken = 0;
    BIO_clear_retry_flags(bio);
    if (tls_flush_now(tls) == 0) {
        int error = mnet_stream_write(tls->stream, data, (size_t)len, &taken, 0);
        if (error < 0 && !tls_may_go_on(error)) {
            tls->engine->stream_error = error;
            return -1;
        }
    }
    if (taken == (size_t)len || keep(tls->engine, data + taken, (size_t)len - taken))
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
    tls->engine->stream_over = got == 0;
    if (got >= 0)
        return (int)got;
    if (tls_may_go_on((int)got) && got != MNET_E_NO_MEMORY)
        BIO_set_retry_read(bio);
    else
        tls->engine->stream_error = (int)got;
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
    case BIO_CTRL_EOF: return tls->engine->stream_over;
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
    SSL_set_bio(tls->engine->openssl, bio, bio);
    return true;
}
