/* Each request is answered as soon as its head is complete, since no body matters; a body that
 * follows is ignored. So one connection reads one head at a time, however many requests it has, and
 * an answer under way is no more than a place in a file. nghttp2 asks for its bytes when the
 * client's windows and the connection have room.
 *
 * The client decides how much work there is: it may open streams and reset them, send settings and
 * pings, or open its windows byte by byte. All of that costs credit, which answers that it takes
 * bring back (http2_session.h).
 */
#include "http2_session.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "response.h"

#define FIELDS_SENT_MAX 16u /* of one answer */

/* An answer under way. */
struct http2_stream {
    struct http2_stream *next, **link;
    int32_t id;
    uint64_t begun;       /* when the answer began */
    uint64_t since;       /* when the client last had room for some of it, or got some */
    size_t request_bytes; /* of the request's body that have come */
    bool answered;        /* all of the answer has been sent */
    struct response_body body;
};

struct http2_session {
    nghttp2_session *engine;
    const struct client_house *house;
    size_t memory; /* of the engine, in use */
    struct http2_stream *streams;
    unsigned answering;
    uint64_t requests, frames;
    int64_t credit;
    uint64_t credit_at; /* when it was counted last */
    int32_t reading;    /* the stream whose head is being read; 0: none */
    uint64_t begun;     /* when that began */
    struct request request;
    struct response response; /* while it is handed over */
    size_t pending_len;
    char pending[HTTP2_FRAME_MAX]; /* a frame for which there was no room */
};

/* ---- Memory ---- */

/* In front of each piece, as large as any alignment. */
union counted_piece {
    size_t size;
    max_align_t aligned;
};

static void *resize(void *memory, size_t size, void *user)
{
    struct http2_session *session = user;
    union counted_piece *piece = memory != NULL ? (union counted_piece *)memory - 1 : NULL;
    size_t old = piece != NULL ? piece->size : 0;
    if (size > HTTP2_MEMORY_MAX || session->memory - old + size > HTTP2_MEMORY_MAX)
        return NULL;
    union counted_piece *resized = realloc(piece, sizeof *piece + size);
    if (resized == NULL)
        return NULL;
    resized->size = size;
    session->memory += size - old;
    return resized + 1;
}

static void *allocate(size_t size, void *user)
{
    return resize(NULL, size, user);
}

static void *allocate_zeros(size_t count, size_t size, void *user)
{
    void *memory = count == 0 || size <= HTTP2_MEMORY_MAX / count ? resize(NULL, count * size, user) : NULL;
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

static void release(void *memory, void *user)
{
    struct http2_session *session = user;
    if (memory == NULL)
        return;
    union counted_piece *piece = (union counted_piece *)memory - 1;
    session->memory -= piece->size;
    free(piece);
}

/* ---- Credit ---- */

static void bring(struct http2_session *session, int64_t credit)
{
    session->credit += credit;
    if (session->credit > HTTP2_CREDIT_MAX)
        session->credit = HTTP2_CREDIT_MAX;
}

static void charge(struct http2_session *session, int64_t cost)
{
    uint64_t earned = (mnet_now() - session->credit_at) / (MNET_SECOND / HTTP2_CREDIT_PER_SECOND);
    session->credit_at += earned * (MNET_SECOND / HTTP2_CREDIT_PER_SECOND);
    bring(session, earned < HTTP2_CREDIT_MAX ? (int64_t)earned : HTTP2_CREDIT_MAX);
    session->credit -= cost;
    if (session->credit < 0)
        nghttp2_session_terminate_session(session->engine, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- Answers ---- */

static void end_stream(struct http2_session *session, struct http2_stream *stream)
{
    *stream->link = stream->next;
    if (stream->next != NULL)
        stream->next->link = stream->link;
    session->answering--;
    response_end(&stream->body);
    release(stream, session);
}

static struct http2_stream *begin_stream(struct http2_session *session, int32_t id, const struct response_body *body)
{
    struct http2_stream *stream = allocate(sizeof *stream, session);
    if (stream == NULL)
        return NULL;
    *stream = (struct http2_stream){.next = session->streams, .link = &session->streams, .id = id, .body = *body};
    stream->begun = stream->since = mnet_now();
    if (stream->next != NULL)
        stream->next->link = &stream->next;
    session->streams = stream;
    session->answering++;
    return stream;
}

/* A file that turns out shorter than it was ends the stream with an error. */
static ssize_t read_body(nghttp2_session *engine, int32_t id, uint8_t *bytes, size_t len, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct http2_stream *stream = source->ptr;
    (void)engine;
    (void)id;
    (void)user;
    ptrdiff_t got = response_read(&stream->body, bytes, len);
    if (got < 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (stream->body.left == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    stream->since = mnet_now();
    return got;
}

/* Splits "\r\nName: value" lines into fields of HTTP/2, behind the status. nghttp2 copies them,
 * with names in lower case (RFC 9113 8.2). Returns their number. */
static size_t split_fields(const struct response *response, const char *status, nghttp2_nv *fields)
{
    const char *at = response->fields, *end = at + response->len;
    size_t count = 1;
    fields[0] = (nghttp2_nv){(uint8_t *)":status", (uint8_t *)status, 7, 3, NGHTTP2_NV_FLAG_NONE};
    while (at < end && count < FIELDS_SENT_MAX) {
        const char *name = at + 2;
        const char *colon = memchr(name, ':', (size_t)(end - name));
        const char *value = colon + 2;
        at = memchr(value, '\r', (size_t)(end - value));
        at = at != NULL ? at : end;
        fields[count++] = (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, (size_t)(colon - name), (size_t)(at - value),
                                       NGHTTP2_NV_FLAG_NONE};
    }
    return count;
}

/* Answers the request that is complete. Returns 0, or an error that ends the session. */
static int answer(struct http2_session *session)
{
    struct response *response = &session->response;
    nghttp2_nv fields[FIELDS_SENT_MAX];
    char status[8];
    response_make(response, session->house, &session->request);
    mnet_format(status, sizeof status, "%03d", response->status);
    size_t count = split_fields(response, status, fields);
    struct http2_stream *stream = begin_stream(session, session->reading, &response->body);
    if (stream == NULL) {
        response_end(&response->body);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_body};
    nghttp2_session_set_stream_user_data(session->engine, stream->id, stream);
    int error = nghttp2_submit_response(session->engine, stream->id, fields, count,
                                        stream->body.left > 0 ? &provider : NULL);
    return error != 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* ---- The engine's calls ---- */

static int on_begin_frame(nghttp2_session *engine, const nghttp2_frame_hd *head, void *user)
{
    (void)engine;
    (void)head;
    charge(user, 1);
    return 0;
}

static bool is_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *engine, const nghttp2_frame *frame, void *user)
{
    struct http2_session *session = user;
    (void)engine;
    session->begun = mnet_now();
    if (is_request(frame)) {
        session->reading = frame->hd.stream_id;
        request_init(&session->request);
    }
    return 0;
}

/* Trailers are not the request's fields (RFC 9110 6.5.1). */
static int on_header(nghttp2_session *engine, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
    struct http2_session *session = user;
    (void)flags;
    if (!is_request(frame) || frame->hd.stream_id != session->reading)
        return 0;
    request_take_field(&session->request, (const char *)name, name_len, (const char *)value, value_len);
    if (session->request.head_bytes > REQUEST_HEAD_BYTES_MAX) /* nobody needs that for a request */
        nghttp2_session_terminate_session(engine, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_frame(nghttp2_session *engine, const nghttp2_frame *frame, void *user)
{
    struct http2_session *session = user;
    (void)engine;
    if (frame->hd.type == NGHTTP2_HEADERS)
        session->begun = 0;
    if (!is_request(frame) || frame->hd.stream_id != session->reading)
        return 0;
    request_judge_fields(&session->request, session->house->secure);
    session->requests++;
    int error = answer(session);
    session->reading = 0;
    return error;
}

static int on_invalid_frame(nghttp2_session *engine, const nghttp2_frame *frame, int error, void *user)
{
    struct http2_session *session = user;
    (void)engine;
    (void)error;
    if (frame->hd.type == NGHTTP2_HEADERS)
        session->begun = 0;
    charge(session, HTTP2_CREDIT_OF_RESET);
    return 0;
}

static int on_frame_sent(nghttp2_session *engine, const nghttp2_frame *frame, void *user)
{
    struct http2_session *session = user;
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    session->frames++;
    if (frame->hd.type == NGHTTP2_DATA)
        bring(session, (int64_t)(frame->hd.length / HTTP2_CREDIT_BYTES));
    struct http2_stream *stream = nghttp2_session_get_stream_user_data(engine, frame->hd.stream_id);
    if (stream != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream->answered = true;
        bring(session, HTTP2_CREDIT_OF_ANSWER);
    }
    return 0;
}

/* A request may have a body of some size; no more of it is wanted then (RFC 9113 8.1). */
static int on_data(nghttp2_session *engine, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len, void *user)
{
    struct http2_stream *stream = nghttp2_session_get_stream_user_data(engine, id);
    (void)flags;
    (void)bytes;
    (void)user;
    if (stream == NULL)
        return 0;
    stream->request_bytes += len;
    if (stream->request_bytes <= REQUEST_BODY_MAX)
        return 0;
    return nghttp2_submit_rst_stream(engine, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
}

static int on_stream_close(nghttp2_session *engine, int32_t id, uint32_t error, void *user)
{
    struct http2_session *session = user;
    struct http2_stream *stream = nghttp2_session_get_stream_user_data(engine, id);
    if (session->reading == id)
        session->reading = 0;
    if (stream != NULL)
        end_stream(session, stream);
    if (error != NGHTTP2_NO_ERROR)
        charge(session, HTTP2_CREDIT_OF_RESET);
    return 0;
}

/* ---- Sessions ---- */

static nghttp2_session_callbacks *create_callbacks(void)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    return callbacks;
}

static bool create_engine(struct http2_session *session)
{
    nghttp2_mem memory = {session, allocate, release, allocate_zeros, resize};
    nghttp2_session_callbacks *callbacks = create_callbacks();
    nghttp2_option *option = NULL;
    int error = nghttp2_option_new(&option);
    if (error == 0 && callbacks != NULL) {
        nghttp2_option_set_no_closed_streams(option, 1);
        nghttp2_option_set_max_outbound_ack(option, HTTP2_QUEUE_MAX);
        nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
        error = nghttp2_session_server_new3(&session->engine, callbacks, session, option, &memory);
    }
    bool created = error == 0 && callbacks != NULL;
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return created;
}

struct http2_session *http2_session_create(const struct client_house *house)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, REQUEST_HEADERS_MAX},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    struct http2_session *session = malloc(sizeof *session);
    if (session == NULL)
        return NULL;
    memset(session, 0, offsetof(struct http2_session, pending));
    session->house = house;
    session->credit = HTTP2_CREDIT_MAX;
    session->credit_at = mnet_now();
    if (!create_engine(session) || nghttp2_submit_settings(session->engine, NGHTTP2_FLAG_NONE, settings,
                                                           sizeof settings / sizeof *settings) != 0) {
        http2_session_free(session);
        return NULL;
    }
    return session;
}

void http2_session_free(struct http2_session *session)
{
    nghttp2_session_del(session->engine);
    while (session->streams != NULL)
        end_stream(session, session->streams);
    free(session);
}

bool http2_session_take(struct http2_session *session, const void *bytes, size_t len)
{
    return nghttp2_session_mem_recv(session->engine, bytes, len) >= 0;
}

ptrdiff_t http2_session_give(struct http2_session *session, char *bytes, size_t size)
{
    size_t len = session->pending_len;
    memcpy(bytes, session->pending, len);
    session->pending_len = 0;
    for (;;) {
        const uint8_t *frame;
        ssize_t got = nghttp2_session_mem_send(session->engine, &frame);
        if (got == 0)
            return (ptrdiff_t)len;
        if (got < 0 || (size_t)got > sizeof session->pending)
            return MNET_E_NO_MEMORY;
        if ((size_t)got > size - len) {
            memcpy(session->pending, frame, (size_t)got);
            session->pending_len = (size_t)got;
            return (ptrdiff_t)len;
        }
        memcpy(bytes + len, frame, (size_t)got);
        len += (size_t)got;
    }
}

void http2_session_end(struct http2_session *session, bool too_slow)
{
    nghttp2_session_terminate_session(session->engine, too_slow ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_NO_ERROR);
}

/* The answer is there, and only the request's body still has to come, as slowly as HTTP/1.1 lets
 * it. */
static bool body_is_late(const struct http2_stream *stream)
{
    return mnet_now() >= stream->begun + 2 * HEAD_PATIENCE + stream->request_bytes * BODY_BYTE_PATIENCE;
}

void http2_session_look(struct http2_session *session)
{
    bool open = nghttp2_session_get_remote_window_size(session->engine) > 0;
    for (struct http2_stream *stream = session->streams; stream != NULL; stream = stream->next) {
        if (open && nghttp2_session_get_stream_remote_window_size(session->engine, stream->id) > 0)
            stream->since = mnet_now();
        if (stream->answered && body_is_late(stream))
            nghttp2_submit_rst_stream(session->engine, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
        else if (!stream->answered && mnet_now() >= stream->since + RESPONSE_PATIENCE)
            nghttp2_submit_rst_stream(session->engine, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
    }
}

unsigned http2_session_answering(const struct http2_session *session)
{
    return session->answering;
}

uint64_t http2_session_requests(const struct http2_session *session)
{
    return session->requests;
}

uint64_t http2_session_frames(const struct http2_session *session)
{
    return session->frames;
}

uint64_t http2_session_begun(const struct http2_session *session)
{
    return session->begun;
}

bool http2_session_full(const struct http2_session *session)
{
    return nghttp2_session_get_outbound_queue_size(session->engine) > HTTP2_QUEUE_MAX;
}

bool http2_session_over(const struct http2_session *session)
{
    return nghttp2_session_want_read(session->engine) == 0 && nghttp2_session_want_write(session->engine) == 0;
}
