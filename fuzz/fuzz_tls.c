/* What a peer of TLS says to a session on BearSSL, before there is a key: handshakes, certificates,
 * records of any kind, in pieces of any size. The session ends by itself, it does nothing but read,
 * write and end its stream, and all its memory comes back. Its random bytes are always the same, so
 * a handshake that went well once does so again.
 */
#include "fuzz/fuzz.h"

#include <mnet/tls.h>

#include "base/cursor.h"

#define NOW UINT64_C(1830000000) /* seconds since 1970: the certificate is valid */
#define STEPS 20000u             /* calls of the session, far more than any input needs */

/* A certificate for fuzz.test, its own issuer, with its key. */
static const char credentials[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIBijCCAS+gAwIBAgIUaB3E0I9xcnbaPJyOJdfkOGuLIwowCgYIKoZIzj0EAwIw\n"
                                  "DzENMAsGA1UEAwwEZnV6ejAeFw0yNjExMjkxOTI5MjJaFw0zNjExMjYxOTI5MjJa\n"
                                  "MA8xDTALBgNVBAMMBGZ1enowWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATTNZD4\n"
                                  "GIu2aSqAc8a9dN2+3WGtSxVz/S+oHt7T5SjQEdCWEjxseE5DxBh8FRbF+XNHGBVT\n"
                                  "Iv8mbfrPx7JM8oX/o2kwZzAdBgNVHQ4EFgQUEgKjNeF8uyrQhN7wlGF2sC4HrF0w\n"
                                  "HwYDVR0jBBgwFoAUEgKjNeF8uyrQhN7wlGF2sC4HrF0wDwYDVR0TAQH/BAUwAwEB\n"
                                  "/zAUBgNVHREEDTALgglmdXp6LnRlc3QwCgYIKoZIzj0EAwIDSQAwRgIhAK48qqSO\n"
                                  "btdRhHyMdjaZMzp0S3l2Cxf2QcFxBHXXx54gAiEAzxBUAKIiMLsnAtLOjX1g5rul\n"
                                  "s/WlPjqBLSwiH7Vghis=\n"
                                  "-----END CERTIFICATE-----\n"
                                  "-----BEGIN PRIVATE KEY-----\n"
                                  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBl4CqFDhrGSL9ASu\n"
                                  "a97QraWPK1xuiFOEmZWvs0lD7NChRANCAATTNZD4GIu2aSqAc8a9dN2+3WGtSxVz\n"
                                  "/S+oHt7T5SjQEdCWEjxseE5DxBh8FRbF+XNHGBVTIv8mbfrPx7JM8oX/\n"
                                  "-----END PRIVATE KEY-----\n";

static struct tls_world {
    struct mn_reader script;
    uint32_t pieces; /* of memory that the session has */
    bool ended;
} world;

/* ---- The stream ---- */

static ptrdiff_t stream_read(void *object, void *buffer, size_t len, uint64_t deadline)
{
    (void)object;
    MN_ASSERT(deadline == 0 && len > 0 && !world.ended);
    size_t left = mn_reader_left(&world.script), piece = left > 0 ? 1u + world.script.at[left / 2] % 97u : 0;
    if (len > piece)
        len = piece;
    if (len > left)
        len = left;
    if (len > 0)
        memcpy(buffer, mn_read(&world.script, len), len);
    return (ptrdiff_t)len;
}

static int stream_write(void *object, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    (void)object;
    MN_ASSERT(deadline == 0 && len > 0 && !world.ended);
    uint8_t *copy = fuzz_exact(data, len);
    free(copy);
    *queued = len;
    return 0;
}

static int stream_shutdown(void *object, enum mnet_shutdown how)
{
    (void)object;
    (void)how;
    MN_ASSERT(!world.ended);
    return 0;
}

static void stream_end(void *object)
{
    (void)object;
    MN_ASSERT(!world.ended);
    world.ended = true;
}

static unsigned stream_ready(const void *object)
{
    (void)object;
    return MNET_READABLE | MNET_WRITABLE;
}

static int stream_wait(void *object, unsigned wanted, uint64_t deadline)
{
    (void)object;
    MN_ASSERT(deadline == 0);
    return (int)wanted;
}

/* ---- What a program without a C library brings ---- */

static void *take(void *unused, size_t size)
{
    (void)unused;
    world.pieces++;
    return malloc(size);
}

static void give(void *unused, void *memory)
{
    (void)unused;
    MN_ASSERT(world.pieces > 0);
    world.pieces--;
    free(memory);
}

static void draw(void *unused, void *bytes, size_t len)
{
    (void)unused;
    memset(bytes, 7, len);
}

static uint64_t clock(void *unused)
{
    (void)unused;
    return NOW * MNET_SECOND;
}

/* ---- A session ---- */

static struct mnet_tls_context *make_context(bool verifies)
{
    static const char *const protocols[] = {"h2", "http/1.1", NULL};
    const struct mnet_tls_options options = {.protocols = protocols,
                                             .clients = verifies ? MNET_TLS_CLIENTS_VERIFIED : MNET_TLS_CLIENTS_ANY,
                                             .allocate = take,
                                             .release = give,
                                             .random = draw,
                                             .clock = clock};
    const struct mnet_tls_source text = mnet_tls_memory(credentials, sizeof credentials - 1);
    struct mnet_tls_context *context;
    MN_ASSERT(mnet_tls_context_create(&options, &context) == 0);
    MN_ASSERT(mnet_tls_add_identity(context, text, text) == 0);
    MN_ASSERT(mnet_tls_trust(context, text) == 0);
    return context;
}

static void play(struct mnet_tls *tls)
{
    char buffer[100];
    struct mnet_tls_info info;
    int error = MNET_E_DEADLINE;
    for (unsigned step = 0; error == MNET_E_DEADLINE; step++) {
        MN_ASSERT(step < STEPS);
        error = mnet_tls_established(tls, 0);
    }
    MN_ASSERT(error == 0 || error <= MNET_E_TLS_FILE);
    ptrdiff_t got = MNET_E_DEADLINE;
    for (unsigned step = 0; error == 0 && (got > 0 || got == MNET_E_DEADLINE); step++) {
        MN_ASSERT(step < STEPS);
        got = mnet_tls_read(tls, buffer, sizeof buffer, 0);
        (void)mnet_tls_write(tls, "answer", 6, NULL, 0);
    }
    mnet_tls_info(tls, &info);
    (void)mnet_tls_ready(tls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mnet_stream_ops ops = {.read = stream_read,
                                               .write = stream_write,
                                               .shutdown = stream_shutdown,
                                               .close = stream_end,
                                               .abort = stream_end,
                                               .ready = stream_ready,
                                               .wait = stream_wait};
    const struct mnet_stream stream = {&ops, &world};
    struct mnet_tls *tls;
    uint8_t *exact = fuzz_exact(data, size);
    world = (struct tls_world){.script = mn_reader(exact, size)};
    uint8_t role = mn_read_u8(&world.script);
    struct mnet_tls_context *context = make_context((role & 2) != 0);
    int error = (role & 1) != 0 ? mnet_tls_accept_begin(context, stream, &tls)
                                : mnet_tls_connect_begin(context, stream, "fuzz.test", &tls);
    MN_ASSERT(error == 0);
    play(tls);
    mnet_tls_close(tls);
    mnet_tls_context_free(context);
    MN_ASSERT(world.pieces == 0 && world.ended);
    free(exact);
    return 0;
}
