/* Reading requests with llhttp.
 *
 * Each byte of a head, and of trailers, passes the guard first (guard.c), which knows where they
 * end. The parser calls back with pieces of the message; the callbacks keep the fields that count,
 * and stop the parser if the answer is an error that ends the connection. At the end of a message
 * they pause it, so that requests sent in a row are answered one by one. Each request has a parser
 * of its own.
 */
#include "request.h"

#include <string.h>

/* Ends the parse: the request is answered with `status` and the connection closed. */
static int refuse(struct request *request, int status)
{
    request->status = status;
    request->refused = true;
    return -1;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    memcpy(request->target + request->target_len, at, len); /* the guard has seen to the length */
    request->target_len += len;
    request->target[request->target_len] = '\0';
    return 0;
}

/* Fields behind a chunked body are not those of the request (RFC 9110 6.5.1). */
static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    size_t room = sizeof request->name - request->name_len;
    size_t piece = len < room ? len : room;
    memcpy(request->name + request->name_len, at, piece);
    request->name_len += piece;
    return 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct request *request = parser->data;
    request->field = request->in_body ? FIELD_NONE : field_named(request->name, request->name_len);
    request->name_len = 0;
    if (request->field != FIELD_NONE)
        fields_begin(&request->fields, request->field);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    if (request->field != FIELD_NONE)
        fields_add(&request->fields, at, len);
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct request *request = parser->data;
    if (request->field != FIELD_NONE)
        fields_end(&request->fields);
    return request->fields.overflow ? refuse(request, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE) : 0;
}

/* RFC 9112 6.1, 6.3: the last transfer coding is chunked, or the body cannot be read. Others in
 * front of it are unknown here. */
static int judge_coding(const struct request *request)
{
    struct members codings = {&request->fields, FIELD_TRANSFER_ENCODING, NULL, NULL};
    const char *coding;
    size_t len;
    bool chunked = false;
    bool others = false;
    while (members_next(&codings, &coding, &len)) {
        others = others || !member_is(coding, len, "chunked");
        if (chunked) {
            return HTTP_STATUS_BAD_REQUEST; /* something behind it, or itself again */
        }
        chunked = member_is(coding, len, "chunked");
    }
    if (!chunked || request->parser.http_minor == 0 || (request->parser.flags & F_CHUNKED) == 0)
        return HTTP_STATUS_BAD_REQUEST;
    return others ? HTTP_STATUS_NOT_IMPLEMENTED : HTTP_STATUS_OK;
}

/* Errors that end the connection, or 200: the message cannot be read for sure, or is none. */
static int judge_message(const struct request *request)
{
    const char *host = fields_line(&request->fields, FIELD_HOST, NULL);
    if (host == NULL && request->parser.http_minor > 0) {
        return HTTP_STATUS_BAD_REQUEST; /* RFC 9112 3.2 */
    }
    if (host != NULL && (fields_only(&request->fields, FIELD_HOST) == NULL ||
                         (host[0] != '\0' && !request_is_authority(host, strlen(host))))) {
        return HTTP_STATUS_BAD_REQUEST;
    }
    if (fields_line(&request->fields, FIELD_TRANSFER_ENCODING, NULL) != NULL)
        return judge_coding(request);
    return HTTP_STATUS_OK;
}

static int judge_method(const struct request *request)
{
    switch (request->parser.method) {
    case HTTP_GET:
    case HTTP_HEAD:
    case HTTP_OPTIONS: return HTTP_STATUS_OK;
    default: return HTTP_STATUS_METHOD_NOT_ALLOWED;
    }
}

static bool has_body(const struct request *request)
{
    return (request->parser.flags & F_CHUNKED) != 0 || request->parser.content_length > 0;
}

/* RFC 9110 10.1.1: 0, or the status of an answer at once. 100-continue is the only expectation. No
 * body is wanted, so the request gets its ordinary answer at once, and the connection closes, for
 * the body may come or not. */
static int judge_expectation(const struct request *request, int status)
{
    struct members expectations = {&request->fields, FIELD_EXPECT, NULL, NULL};
    const char *expectation;
    size_t len;
    bool waits = false;
    while (request->parser.http_minor > 0 && members_next(&expectations, &expectation, &len)) {
        if (!member_is(expectation, len, "100-continue"))
            return HTTP_STATUS_EXPECTATION_FAILED;
        waits = has_body(request);
    }
    return waits ? status : 0;
}

static bool wants_to_stay(const struct request *request)
{
    if (fields_have(&request->fields, FIELD_CONNECTION, "close"))
        return false;
    return request->parser.http_minor > 0 || fields_have(&request->fields, FIELD_CONNECTION, "keep-alive");
}

static int on_headers_complete(llhttp_t *parser)
{
    struct request *request = parser->data;
    request->options = parser->method == HTTP_OPTIONS;
    request->in_body = true;
    int status = judge_message(request);
    if (status != HTTP_STATUS_OK)
        return refuse(request, status);
    request->status = judge_method(request);
    if (parser->content_length > REQUEST_BODY_MAX)
        return refuse(request, HTTP_STATUS_PAYLOAD_TOO_LARGE);
    status = judge_expectation(request, request->status);
    if (status != 0)
        return refuse(request, status);
    request->keep_alive = wants_to_stay(request);
    return parser->method == HTTP_CONNECT ? refuse(request, request->status) : 0;
}

/* The guard checks the trailers behind the last chunk: the parser stops, and goes on after
 * that. */
static int on_chunk_header(llhttp_t *parser)
{
    struct request *request = parser->data;
    if (parser->content_length > 0)
        return 0;
    guard_begin_trailers(&request->guard);
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *parser)
{
    struct request *request = parser->data;
    request->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

void request_init(struct request *request)
{
    memset(request, 0, offsetof(struct request, fields));
    request->fields.len = 0;
    request->fields.overflow = false;
    request->target[0] = '\0';
    llhttp_init(&request->parser, HTTP_REQUEST, &callbacks);
    request->parser.data = request;
    /* Of all lenient ways the one that RFC 9110 2.5 asks for: HTTP/1.2 is read as HTTP/1.1. The
     * guard lets no other version pass. */
    request->parser.lenient_flags = LENIENT_VERSION;
}

bool request_begun(const struct request *request)
{
    return request->guard.state > GUARD_BEFORE_LF;
}

void request_refuse(struct request *request, int status)
{
    request->status = status;
    request->head = request->guard.head;
    request->keep_alive = false;
}

static enum request_progress last(struct request *request, int status)
{
    request_refuse(request, status);
    return REQUEST_LAST;
}

/* The parser's complaint as a status, if no callback has set one. */
static int status_of(const struct request *request)
{
    switch (llhttp_get_errno(&request->parser)) {
    case HPE_INVALID_METHOD:
    /* The guard has seen a method, and "HTTP". */
    case HPE_INVALID_CONSTANT: return HTTP_STATUS_NOT_IMPLEMENTED;
    default: return HTTP_STATUS_BAD_REQUEST;
    }
}

/* The state after the parser got bytes. */
static enum request_progress progress_of(struct request *request)
{
    if (request->complete) {
        request->head = request->guard.head;
        return REQUEST_COMPLETE;
    }
    if (llhttp_get_errno(&request->parser) == HPE_OK)
        return REQUEST_INCOMPLETE;
    return last(request, request->refused ? request->status : status_of(request));
}

static enum request_progress feed_head(struct request *request, const char *data, size_t len, size_t *used)
{
    char clean[512];
    *used = guard_take(&request->guard, data, len < sizeof clean ? len : sizeof clean, clean);
    bool refused = request->guard.status != 0;
    /* The first event is told, however the bytes are cut. */
    llhttp_execute(&request->parser, clean, *used - refused);
    enum request_progress progress = progress_of(request);
    return refused && progress == REQUEST_INCOMPLETE ? last(request, request->guard.status) : progress;
}

static enum request_progress feed_body(struct request *request, const char *data, size_t len, size_t *used)
{
    llhttp_execute(&request->parser, data, len);
    bool paused = llhttp_get_errno(&request->parser) == HPE_PAUSED;
    *used = paused ? (size_t)(llhttp_get_error_pos(&request->parser) - data) : len;
    request->body_bytes += *used;
    if (paused && !request->complete)
        llhttp_resume(&request->parser);
    return request->body_bytes > REQUEST_BODY_MAX ? last(request, HTTP_STATUS_PAYLOAD_TOO_LARGE) : progress_of(request);
}

enum request_progress request_feed(struct request *request, const void *data, size_t len, size_t *used)
{
    const char *bytes = data;
    enum request_progress progress = REQUEST_INCOMPLETE;
    *used = 0;
    while (*used < len && progress == REQUEST_INCOMPLETE) {
        size_t taken;
        if (request->guard.state != GUARD_DONE) {
            progress = feed_head(request, bytes + *used, len - *used, &taken);
        } else {
            progress = feed_body(request, bytes + *used, len - *used, &taken);
        }
        *used += taken;
    }
    return progress;
}
