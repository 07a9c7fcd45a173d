/* HTTP/2 over a stream: one task reads and writes without waiting, and waits for whichever is
 * possible next. Progress is as with HTTP/1.1: a complete request, or a byte of an answer that has
 * arrived. Settings, pings and windows are none.
 */
#include "http2.h"

#include <stdlib.h>
#include <string.h>

#include "http2_session.h"

struct http2 {
    struct client *client;
    struct http2_session *session;
    uint64_t requests, frames; /* of the session, as far as they have been noted as progress */
    bool ended;                /* the client sends no more */
    bool ending;               /* it has been told that the connection ends */
    size_t len, at;            /* of the bytes that are to be sent next */
    char bytes[2 * HTTP2_FRAME_MAX];
};

const bool http2_spoken = true;

/* Writes as much as the stream takes now. Returns 0, or an error of the connection. Suspends only
 * if there is no memory. */
static int send_frames(struct http2 *http)
{
    struct client *client = http->client;
    for (;;) {
        if (http->at == http->len) {
            ptrdiff_t given = http2_session_give(http->session, http->bytes, sizeof http->bytes);
            if (given <= 0)
                return (int)given;
            http->len = (size_t)given;
            http->at = 0;
        }
        size_t queued = 0;
        int error = mnet_stream_write(client->stream, http->bytes + http->at, http->len - http->at, &queued, 0);
        http->at += queued;
        if (queued > 0 && http2_session_frames(http->session) != http->frames)
            client_note_worth(client);
        if (http->at == http->len)
            http->frames = http2_session_frames(http->session);
        if (error == MNET_E_NO_MEMORY)
            error = client_make_room(client);
        if (error < 0)
            return error == MNET_E_DEADLINE ? 0 : error;
    }
}

/* False: the session is over. */
static bool take(struct http2 *http, struct mnet_slice slice)
{
    bool going = http2_session_take(http->session, slice.data, slice.len);
    if (http2_session_requests(http->session) != http->requests) {
        http->requests = http2_session_requests(http->session);
        client_note_progress(http->client);
    }
    return going;
}

/* Reads what has come. False: the connection is finished. */
static bool read_frames(struct http2 *http)
{
    struct mnet_slice slices[8];
    ptrdiff_t count = mnet_stream_get(http->client->stream, slices, 8, 0);
    bool going = count >= 0 || count == MNET_E_DEADLINE;
    http->ended = count == 0;
    for (ptrdiff_t i = 0; i < count && going; i++)
        going = take(http, slices[i]);
    mnet_stream_release(http->client->stream);
    return going;
}

/* Until when the client has to get on. Answers that its windows hold up are looked after by the
 * session. */
static uint64_t next_deadline(const struct http2 *http, bool delivering)
{
    const struct client *client = http->client;
    uint64_t begun = http2_session_begun(http->session);
    uint64_t deadline = MNET_NEVER;
    if (delivering)
        deadline = client->since + RESPONSE_PATIENCE;
    else if (http2_session_answering(http->session) == 0)
        deadline = client->since + IDLE_PATIENCE;
    return begun != 0 && begun + HEAD_PATIENCE < deadline ? begun + HEAD_PATIENCE : deadline;
}

/* Waits until something can be read or written, or it is time for a look. Returns bits of enum
 * mnet_ready, 0 when it is time, or an error. */
static int await_turn(struct http2 *http, uint64_t deadline)
{
    bool pending = http->at < http->len;
    bool reading = !http->ended && !(pending && http2_session_full(http->session));
    unsigned wanted = (pending ? (unsigned)MNET_WRITABLE : 0) | (reading ? (unsigned)MNET_READABLE : 0);
    int ready = wanted != 0 ? mnet_stream_wait(http->client->stream, wanted, deadline) : mnet_sleep(deadline);
    return ready == MNET_E_DEADLINE ? 0 : ready;
}

/* One turn. False: the connection is finished. */
static bool step(struct http2 *http)
{
    struct client *client = http->client;
    if (send_frames(http) < 0)
        return false;
    bool pending = http->at<http->len, answering = http2_session_answering(http->session)> 0;
    if (!pending && (http2_session_over(http->session) || (http->ended && !answering)))
        return false;
    bool delivering = client_look(client) || pending;
    uint64_t deadline = next_deadline(http, delivering);
    if (mnet_now() >= deadline) {
        if (http->ending)
            return false;
        http->ending = true;
        http2_session_end(http->session, http2_session_begun(http->session) != 0);
        return send_frames(http) == 0 && http->at < http->len;
    }
    uint64_t look = delivering || answering ? mnet_now() + LOOK_NS : MNET_NEVER;
    int ready = await_turn(http, look < deadline ? look : deadline);
    http2_session_look(http->session);
    return ready >= 0 && ((ready & MNET_READABLE) == 0 || read_frames(http));
}

void http2_serve(struct client *client, struct mnet_slice rest)
{
    struct http2 *http = malloc(sizeof *http);
    if (http == NULL)
        return;
    memset(http, 0, offsetof(struct http2, bytes));
    http->client = client;
    http->session = http2_session_create(client->house);
    bool going = http->session != NULL;
    client->worth = client->acked;
    if (going && rest.data != NULL) {
        struct mnet_slice preface = {HTTP2_PREFACE, HTTP2_PREFACE_BYTES};
        going = take(http, preface) && take(http, rest);
        mnet_stream_release(client->stream);
    }
    while (going)
        going = step(http);
    if (http->session != NULL)
        http2_session_free(http->session);
    free(http);
}
