/* TLS 1.2: a handshake begins anew, again and again. Each time, the peer refuses (RFC 5746 5). */
#include <string.h>

#include "support/tls_nag.h"
#include "tls/bearssl/internal.h"

#define HANDSHAKE 22

int tls_nag(struct mnet_tls *tls, struct mnet_stream stream)
{
    static unsigned char room[128], *record;
    static size_t left;
    br_ssl_engine_context *bear = &tls->engine->bear.both;
    if (left == 0) {
        size_t from = 5, to = sizeof room;
        left = 4;
        bear->out.vtable->max_plaintext(&bear->out.vtable, &from, &to);
        memcpy(room + from, "\1\0\0", left); /* an empty ClientHello */
        record = bear->out.vtable->encrypt(&bear->out.vtable, HANDSHAKE, BR_TLS12, room + from, &left);
    }
    size_t taken = 0;
    int error = mnet_stream_write(stream, record, left, &taken, 0);
    record += taken;
    left -= taken;
    return left == 0 ? 0 : error < 0 ? error : MNET_E_DEADLINE;
}
