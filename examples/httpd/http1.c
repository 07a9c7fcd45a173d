/* HTTP/1.1 (RFC 9112): bytes are read until a request is complete; then its answer is written as
 * far as the client takes it, and only then is the next one read.
 */
#include "http1.h"

#include <string.h>

#include "http2.h"
#include "request.h"
#include "response.h"

#define CHUNK_BYTES 16384

struct http1 {
    struct client *client;
    uint64_t begun;  /* when the request that is being read began; 0: none is */
    size_t prefaced; /* bytes of the preface of HTTP/2 that have come */
    bool may_be_two; /* ... and nothing else has */
    struct request request;
};

/* ---- Answers ---- */

/* Sends bytes of an answer, as long as it takes, if only the client goes on reading. 0, or an error
 * of the connection, which cannot be used any more then. Suspends. */
static int send_bytes(struct client *client, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        size_t queued = 0;
        int error = mnet_stream_write(client->stream, at, len, &queued, mnet_now() + LOOK_NS);
        at += queued;
        len -= queued;
        if (error < 0 || mnet_now() >= client->since + LOOK_NS)
            client_look(client);
        if (error == MNET_E_NO_MEMORY)
            error = client_make_room(client);
        if (error < 0 && (error != MNET_E_DEADLINE || mnet_now() >= client->since + RESPONSE_PATIENCE))
            return error;
    }
    return 0;
}

/* The status line, and the header. Returns its length. */
static size_t write_head(const struct response *response, bool keep_alive, char *bytes, size_t size)
{
    /* Connection is said in both cases: HTTP/1.0 clients that asked for it wait for the word. */
    size_t len = mnet_format(bytes, size, "HTTP/1.1 %d %s\r\nConnection: %s%.*s\r\n\r\n", response->status,
                             status_reason(response->status), keep_alive ? "keep-alive" : "close", (int)response->len,
                             response->fields);
    return len < size ? len : size - 1;
}

/* The head and the bytes behind it. A file that turns out shorter than it was ends the connection,
 * so that the client can tell. */
static int send_response(struct client *client, struct response *response, bool keep_alive)
{
    char bytes[CHUNK_BYTES];
    size_t len = write_head(response, keep_alive, bytes, sizeof bytes);
    for (;;) {
        ptrdiff_t got = response_read(&response->body, bytes + len, sizeof bytes - len);
        int error = got < 0 ? (int)got : send_bytes(client, bytes, len + (size_t)got);
        if (error < 0 || response->body.left == 0)
            return error;
        len = 0;
    }
}

/* 0, or an error of the connection, which cannot be used any more then. */
static int answer(struct http1 *http)
{
    struct response response;
    response_make(&response, http->client->house, &http->request);
    int error = send_response(http->client, &response, http->request.keep_alive);
    response_end(&response.body);
    return error;
}

/* ---- Requests ---- */

/* Answers the requests that begin in `slice`. False: the connection is finished. */
static bool handle(struct http1 *http, struct mnet_slice slice)
{
    struct request *request = &http->request;
    while (slice.len > 0) {
        size_t used;
        enum request_progress progress = request_feed(request, slice.data, slice.len, &used);
        if (progress == REQUEST_INCOMPLETE) {
            http->begun = http->begun == 0 && request_begun(request) ? mnet_now() : http->begun;
            return true;
        }
        client_note_progress(http->client);
        if (answer(http) < 0 || !request->keep_alive)
            return false;
        slice.data = (const char *)slice.data + used;
        slice.len -= used;
        request_init(request);
        http->begun = 0;
    }
    return true;
}

/* Until when more bytes are waited for. As long as an answer is on its way the client may be busy
 * with that. */
static uint64_t next_deadline(const struct http1 *http, bool delivering)
{
    const struct client *client = http->client;
    if (delivering)
        return client->since + RESPONSE_PATIENCE;
    if (http->begun == 0)
        return client->since + IDLE_PATIENCE;
    uint64_t begun = http->begun > client->since ? http->begun : client->since;
    uint64_t body = http->request.in_body ? HEAD_PATIENCE + http->request.body_bytes * BODY_BYTE_PATIENCE : 0;
    return begun + HEAD_PATIENCE + body;
}

/* Waits for bytes, as mnet_stream_get does. */
static ptrdiff_t await_bytes(struct http1 *http, struct mnet_slice *slices, int max)
{
    struct client *client = http->client;
    for (;;) {
        bool delivering = client_look(client);
        uint64_t deadline = next_deadline(http, delivering);
        uint64_t next = mnet_now() + LOOK_NS;
        ptrdiff_t count = mnet_stream_get(client->stream, slices, max, delivering && next < deadline ? next : deadline);
        if (count != MNET_E_DEADLINE || mnet_now() >= deadline)
            return count;
    }
}

/* The request will not be complete any more. */
static void give_up(struct http1 *http, int status)
{
    request_refuse(&http->request, status);
    answer(http);
}

/* A client that knows that the server speaks HTTP/2 sends that protocol's preface first (RFC 9113
 * 3.4), which is no request. Takes bytes of it off `slice`. If they turn out to be those of a
 * request after all, that is read from its beginning. Returns as handle does. */
static bool take_preface(struct http1 *http, struct mnet_slice *slice)
{
    const char *bytes = slice->data;
    size_t len = 0;
    while (len < slice->len && http->prefaced < HTTP2_PREFACE_BYTES && bytes[len] == HTTP2_PREFACE[http->prefaced]) {
        len++;
        http->prefaced++;
    }
    slice->data = bytes + len;
    slice->len -= len;
    http->begun = http->begun == 0 && http->prefaced > 0 ? mnet_now() : http->begun;
    if (slice->len == 0 || http->prefaced == HTTP2_PREFACE_BYTES)
        return true;
    http->may_be_two = false;
    return handle(http, (struct mnet_slice){HTTP2_PREFACE, http->prefaced});
}

/* Reads and answers requests as long as there are any, or until the preface of HTTP/2 is there.
 * False: the connection is finished. */
static bool converse(struct http1 *http)
{
    struct mnet_stream stream = http->client->stream;
    struct mnet_slice slice;
    ptrdiff_t count = await_bytes(http, &slice, 1);
    if (http->begun != 0 && (count == MNET_E_DEADLINE || count == 0))
        give_up(http, count == 0 ? HTTP_STATUS_BAD_REQUEST : HTTP_STATUS_REQUEST_TIMEOUT);
    bool go_on = count > 0;
    if (go_on && http->may_be_two)
        go_on = take_preface(http, &slice);
    if (go_on && http->may_be_two && http->prefaced == HTTP2_PREFACE_BYTES) {
        http2_serve(http->client, slice);
        return false;
    }
    go_on = go_on && handle(http, slice);
    mnet_stream_release(stream);
    return go_on;
}

void http1_serve(struct client *client)
{
    struct http1 http = {.client = client, .may_be_two = http2_spoken && !client->house->secure};
    request_init(&http.request);
    while (converse(&http)) {
    }
}
