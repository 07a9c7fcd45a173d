/* A connection of HTTP/2 to httpd, without I/O: the script sends frames of any kind, raw bytes, and
 * lets time pass. What the server sends are whole frames, and never more bytes of answers than the
 * client's window has room for. The memory and the answers of a connection have a limit, its files
 * are closed in the end, and it does not depend on how the bytes are cut into pieces.
 */
#include "fuzz/fuzz.h"

#include <mnet/mnet.h>

#include "base/cursor.h"
#include "examples/httpd/files.h"
#include "examples/httpd/http2.h"
#include "examples/httpd/http2_session.h"

#define FILE_BYTES UINT64_C(100000)
#define FRAME_HEAD 9u
#define WINDOW 65535u /* of a connection at first (RFC 9113 6.9.2) */
#define ROUNDS 1000u  /* in which the server says everything */

enum http2_frame_type {
    DATA = 0,
    SETTINGS = 4,
    WINDOW_UPDATE = 8,
    FRAME_TYPES = 10,
};

enum {
    STEP_TIME = 0xf0, /* some time passes */
    STEP_RAW = 0xf1,  /* bytes that are no frame */
    STEP_END = 0xf2,  /* the server ends the connection */
    STEP_PAUSE = 0xf3 /* the server does not send for a step */
};

static struct http2_world {
    uint64_t now;
    unsigned files; /* that are open */
    uint64_t window, data;
    uint64_t digest; /* of all that the server has sent */
    bool raw;        /* there was something other than frames, so windows are not known */
    bool paused;
} world;

/* ---- What the server has of mnet, and its files ---- */

uint64_t __wrap_mnet_now(void);
uint64_t __wrap_mnet_wall_clock(const struct mnet_stack *stack);

uint64_t __wrap_mnet_now(void)
{
    return world.now;
}

uint64_t __wrap_mnet_wall_clock(const struct mnet_stack *stack)
{
    MN_ASSERT(stack == NULL);
    return UINT64_C(1790000000) * MNET_SECOND + world.now;
}

enum file_result file_open(const char *path, struct file *file)
{
    if (strcmp(path, "sub") == 0)
        return FILE_IS_FOLDER;
    if (strcmp(path, "busy") == 0)
        return FILE_BUSY;
    if (strcmp(path, "a") != 0 && strcmp(path, "index.html") != 0)
        return FILE_MISSING;
    *file = (struct file){.size = path[0] == 'a' ? FILE_BYTES : 5, .etag = "\"etag\""};
    world.files++;
    return FILE_OPENED;
}

ptrdiff_t file_read(const struct file *file, uint64_t offset, void *buffer, size_t len)
{
    MN_ASSERT(offset <= file->size);
    if (len > file->size - offset)
        len = (size_t)(file->size - offset);
    memset(buffer, 'a', len);
    return (ptrdiff_t)len;
}

void file_close(struct file *file)
{
    (void)file;
    MN_ASSERT(world.files > 0);
    world.files--;
}

/* ---- What the server sends ---- */

static void note(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        world.digest = (world.digest ^ (uint8_t)bytes[i]) * 0x100000001b3u;
}

static void check_frames(const char *text, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)text;
    while (len > 0) {
        MN_ASSERT(len >= FRAME_HEAD);
        size_t payload = (size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2];
        MN_ASSERT(payload <= HTTP2_FRAME_MAX - FRAME_HEAD && payload <= len - FRAME_HEAD);
        if (bytes[3] == DATA)
            world.data += payload;
        bytes += FRAME_HEAD + payload;
        len -= FRAME_HEAD + payload;
    }
    MN_ASSERT(world.raw || world.data <= world.window);
}

/* Returns false if the session can send nothing more. */
static bool hear(struct http2_session *session)
{
    static char bytes[2 * HTTP2_FRAME_MAX];
    ptrdiff_t len = 1;
    for (unsigned round = 0; len > 0; round++) {
        MN_ASSERT(round < ROUNDS);
        len = http2_session_give(session, bytes, sizeof bytes);
        MN_ASSERT(len <= (ptrdiff_t)sizeof bytes);
        if (len > 0) {
            check_frames(bytes, (size_t)len);
            note(bytes, (size_t)len);
        }
    }
    MN_ASSERT(http2_session_answering(session) <= HTTP2_STREAMS_MAX);
    MN_ASSERT(world.files <= http2_session_answering(session));
    return len == 0;
}

/* ---- What the client sends ---- */

static bool send_pieces(struct http2_session *session, const void *bytes, size_t len, size_t piece)
{
    bool going = true;
    for (size_t at = 0; at < len && going; at += piece) {
        size_t part = len - at < piece ? len - at : piece;
        uint8_t *exact = fuzz_exact((const uint8_t *)bytes + at, part);
        going = http2_session_take(session, exact, part);
        free(exact);
    }
    return going;
}

/* A frame: its flags, stream, length and payload are the script's. */
static bool send_frame(struct http2_session *session, struct mn_reader *script, uint8_t type, size_t piece)
{
    uint8_t frame[FRAME_HEAD + 255] = {0};
    frame[4] = mn_read_u8(script);
    frame[8] = mn_read_u8(script);
    uint8_t len = mn_read_u8(script);
    frame[2] = len;
    frame[3] = type;
    for (unsigned i = 0; i < len; i++)
        frame[FRAME_HEAD + i] = mn_read_u8(script);
    if (type == WINDOW_UPDATE && frame[8] == 0 && len == 4)
        world.window += (uint64_t)(frame[9] & 0x7f) << 24 | (uint64_t)frame[10] << 16 | (uint64_t)frame[11] << 8 |
                        frame[12];
    return send_pieces(session, frame, FRAME_HEAD + len, piece);
}

static bool send_raw(struct http2_session *session, struct mn_reader *script, size_t piece)
{
    uint8_t bytes[255], len = mn_read_u8(script);
    world.raw = true;
    for (unsigned i = 0; i < len; i++)
        bytes[i] = mn_read_u8(script);
    return send_pieces(session, bytes, len, piece);
}

static void pass_time(struct http2_session *session, struct mn_reader *script)
{
    world.now += mn_read_u8(script) * (MNET_SECOND / 2);
    http2_session_look(session);
}

static bool step(struct http2_session *session, struct mn_reader *script, size_t piece)
{
    uint8_t what = mn_read_u8(script);
    world.paused = what == STEP_PAUSE;
    switch (what) {
    case STEP_TIME: pass_time(session, script); return true;
    case STEP_RAW: return send_raw(session, script, piece);
    case STEP_END: http2_session_end(session, false); return true;
    case STEP_PAUSE: return true;
    default: return send_frame(session, script, what % FRAME_TYPES, piece);
    }
}

/* Runs the script. Returns the digest of all that the server has sent. */
static uint64_t run(const uint8_t *data, size_t size, size_t piece)
{
    const struct client_house house = {0};
    struct mn_reader script = mn_reader(data, size);
    world = (struct http2_world){.now = 1000 * MNET_SECOND, .window = WINDOW};
    struct http2_session *session = http2_session_create(&house);
    MN_ASSERT(session != NULL);
    bool going = send_pieces(session, HTTP2_PREFACE, HTTP2_PREFACE_BYTES, piece);
    MN_ASSERT(going);
    while (going && mn_reader_left(&script) > 0 && !http2_session_over(session)) {
        if (http2_session_full(session))
            world.paused = false; /* nothing is read until it has sent */
        else
            going = step(session, &script, piece);
        going = (world.paused || hear(session)) && going;
    }
    (void)hear(session);
    http2_session_free(session);
    MN_ASSERT(world.files == 0);
    return world.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = run(data, size, size + HTTP2_FRAME_MAX);
    MN_ASSERT(run(data, size, 7) == whole);
    return 0;
}
