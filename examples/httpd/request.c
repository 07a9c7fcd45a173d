/* Reading requests with http-parser.
 *
 * The parser calls back with pieces of a message; the callbacks note what matters and stop the parser where the answer is an error that
 * ends the connection. At the end of a message they pause it, so that requests sent in a row are answered one by one.
 */
#include "request.h"

#include <string.h>

/* Ends the parse: the request is answered with `status` and the connection closed. What it returns is an error to the parser from every
 * callback (1 would be none from on_headers_complete). */
static int refuse(struct request *request, int status)
{
    request->status = status;
    return -1;
}

static int on_message_begin(http_parser *parser)
{
    struct request *request = parser->data;
    request->begun = true;
    return 0;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    if (len > REQUEST_TARGET_MAX - request->target_len) {
        return refuse(request, HTTP_STATUS_URI_TOO_LONG);
    }
    memcpy(request->target + request->target_len, at, len);
    request->target_len += len;
    request->target[request->target_len] = '\0';
    return 0;
}

static int count_header_bytes(struct request *request, size_t len)
{
    request->header_bytes += (unsigned)len;
    return request->header_bytes > REQUEST_HEADERS_MAX ? refuse(request, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE)
                                                       : 0;
}

static int on_header_field(http_parser *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    if (request->in_value) {
        request->in_value = false;
        request->name_len = 0;
    }
    for (size_t i = 0; i < len && request->name_len < sizeof request->name; i++) {
        request->name[request->name_len++] = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] | 0x20 : at[i]);
    }
    return count_header_bytes(request, len);
}

static bool header_is(const struct request *request, const char *name)
{
    return request->name_len == strlen(name) && memcmp(request->name, name, request->name_len) == 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t len)
{
    (void)at;
    struct request *request = parser->data;
    if (!request->in_value && header_is(request, "host")) {
        request->hosts++;
    }
    request->expects = request->expects || header_is(request, "expect");
    request->in_value = true;
    return count_header_bytes(request, len);
}

/* RFC 9110 15.5 and 15.6: what the request is refused for, or 200. */
static int judge(const struct request *request)
{
    const http_parser *parser = &request->parser;
    if (parser->http_major != 1) {
        return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
    }
    /* RFC 9112 3.2: exactly one Host, except from HTTP/1.0. */
    if (request->hosts > 1 || (request->hosts == 0 && parser->http_minor > 0)) {
        return HTTP_STATUS_BAD_REQUEST;
    }
    if (parser->method != HTTP_GET && parser->method != HTTP_HEAD) {
        return HTTP_STATUS_METHOD_NOT_ALLOWED;
    }
    return HTTP_STATUS_OK;
}

static bool body_too_large(const http_parser *parser)
{
    return (parser->flags & F_CONTENTLENGTH) && parser->content_length > REQUEST_BODY_MAX;
}

static int on_headers_complete(http_parser *parser)
{
    struct request *request = parser->data;
    request->status = judge(request);
    request->head = parser->method == HTTP_HEAD;
    request->keep_alive = http_should_keep_alive(parser) != 0;
    if (body_too_large(parser)) {
        return refuse(request, HTTP_STATUS_PAYLOAD_TOO_LARGE);
    }
    if (request->expects) { /* no body is welcome, so the client is told at once (RFC 9110 10.1.1) */
        return refuse(request, request->status != HTTP_STATUS_OK ? request->status : HTTP_STATUS_EXPECTATION_FAILED);
    }
    bool tunnel = parser->method == HTTP_CONNECT;
    return request->status == HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED || tunnel ? refuse(request, request->status) : 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    (void)at;
    struct request *request = parser->data;
    request->body_bytes += (unsigned)len;
    return request->body_bytes > REQUEST_BODY_MAX ? refuse(request, HTTP_STATUS_PAYLOAD_TOO_LARGE) : 0;
}

static int on_message_complete(http_parser *parser)
{
    struct request *request = parser->data;
    request->complete = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings callbacks = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static void reset(struct request *request)
{
    http_parser parser = request->parser;
    memset(request, 0, offsetof(struct request, target));
    request->parser = parser;
    request->parser.data = request;
    request->target[0] = '\0';
}

void request_init(struct request *request)
{
    http_parser_init(&request->parser, HTTP_REQUEST);
    reset(request);
}

void request_next(struct request *request)
{
    http_parser_pause(&request->parser, 0);
    reset(request);
}

/* The parser's complaint as a status, where no callback has set one. */
static int status_of(const struct request *request)
{
    switch (HTTP_PARSER_ERRNO(&request->parser)) {
    case HPE_INVALID_METHOD: return HTTP_STATUS_NOT_IMPLEMENTED;
    case HPE_INVALID_VERSION: return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
    case HPE_HEADER_OVERFLOW: return HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
    case HPE_INVALID_TRANSFER_ENCODING: return HTTP_STATUS_NOT_IMPLEMENTED;
    default: return HTTP_STATUS_BAD_REQUEST;
    }
}

enum request_progress request_feed(struct request *request, const void *data, size_t len, size_t *used)
{
    *used = http_parser_execute(&request->parser, &callbacks, data, len);
    enum http_errno error = HTTP_PARSER_ERRNO(&request->parser);
    if (request->complete) {
        return REQUEST_COMPLETE;
    }
    if (error == HPE_OK) {
        return REQUEST_INCOMPLETE;
    }
    bool called_back = error >= HPE_CB_message_begin && error <= HPE_CB_chunk_complete;
    request->status = called_back ? request->status : status_of(request);
    request->keep_alive = false;
    return REQUEST_BROKEN;
}
