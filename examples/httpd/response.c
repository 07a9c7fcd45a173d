/* Answers. There is no Date: the server has no clock that knows it (RFC 9110 6.6.1). */
#include "response.h"

#include <string.h>

#define CHUNK_BYTES 16384

/* Text that grows in a buffer; what does not fit is left out (the buffer is large enough for every head). */
struct text {
    char *bytes;
    size_t len, size;
};

static void add(struct text *text, const char *more)
{
    size_t len = strlen(more);
    len = len < text->size - text->len ? len : text->size - text->len;
    memcpy(text->bytes + text->len, more, len);
    text->len += len;
}

static void add_number(struct text *text, uint64_t number)
{
    char digits[21];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add(text, first);
}

/* The media type by the ending of the name. */
static const char *type_of(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".md", "text/markdown; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".gif", "image/gif"},
        {".ico", "image/x-icon"},
        {".wasm", "application/wasm"},
        {".pdf", "application/pdf"},
    };
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(ending, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static void add_head(struct text *text, const struct request *request, const char *type, uint64_t length)
{
    add(text, "HTTP/1.1 ");
    add_number(text, (uint64_t)request->status);
    add(text, " ");
    add(text, http_status_str((enum http_status)request->status));
    add(text, "\r\nServer: mnet\r\nContent-Type: ");
    add(text, type);
    add(text, "\r\nContent-Length: ");
    add_number(text, length);
    if (request->status == HTTP_STATUS_METHOD_NOT_ALLOWED) {
        add(text, "\r\nAllow: GET, HEAD");
    }
    /* Said in both cases: HTTP/1.0 clients that asked for it wait for the word. */
    add(text, request->keep_alive ? "\r\nConnection: keep-alive" : "\r\nConnection: close");
}

static int send_text(struct mnet_flow *flow, const struct text *text)
{
    return mnet_tcp_write(flow, text->bytes, text->len, NULL, mnet_now() + RESPONSE_PATIENCE);
}

/* An answer without a file; `location` may be NULL. */
static int send_status(struct mnet_flow *flow, const struct request *request, const char *location)
{
    char bytes[REQUEST_TARGET_MAX + 512];
    struct text text = {bytes, 0, sizeof bytes};
    const char *reason = http_status_str((enum http_status)request->status);
    add_head(&text, request, "text/plain; charset=utf-8", strlen(reason) + 1);
    if (location != NULL) {
        add(&text, "\r\nLocation: ");
        add(&text, location);
    }
    add(&text, "\r\n\r\n");
    if (!request->head) {
        add(&text, reason);
        add(&text, "\n");
    }
    return send_text(flow, &text);
}

/* The head and the file behind it. A file that turns out shorter than it was ends the connection, so that the client can tell. */
static int send_file(struct mnet_flow *flow, const struct request *request, const struct file *file)
{
    char bytes[CHUNK_BYTES];
    struct text text = {bytes, 0, sizeof bytes};
    add_head(&text, request, type_of(request->target), file->size);
    add(&text, "\r\n\r\n");
    uint64_t left = request->head ? 0 : file->size;
    uint64_t offset = 0;
    for (;;) {
        size_t room = text.size - text.len;
        size_t len = left < room ? (size_t)left : room;
        ptrdiff_t got = file_read(file, offset, text.bytes + text.len, len);
        if (got != (ptrdiff_t)len) {
            return MNET_E_IO;
        }
        text.len += len;
        offset += len;
        left -= len;
        int error = send_text(flow, &text);
        if (error < 0 || left == 0) {
            return error;
        }
        text.len = 0;
    }
}

/* Opens what the path names; a folder named with its '/' is its index.html, and one named without is moved there. Returns the status. */
static int find(struct request *request, bool folder, struct file *file)
{
    char *path = request->target;
    if (folder) {
        size_t len = strlen(path);
        const char *index = len > 0 ? "/index.html" : "index.html";
        if (len + strlen(index) > REQUEST_TARGET_MAX) {
            return HTTP_STATUS_URI_TOO_LONG;
        }
        memcpy(path + len, index, strlen(index) + 1);
    }
    switch (file_open(path, file)) {
    case FILE_OPENED: return HTTP_STATUS_OK;
    case FILE_FORBIDDEN: return HTTP_STATUS_FORBIDDEN;
    case FILE_BUSY: return HTTP_STATUS_SERVICE_UNAVAILABLE;
    case FILE_IS_FOLDER: return folder ? HTTP_STATUS_NOT_FOUND : HTTP_STATUS_MOVED_PERMANENTLY;
    default: return HTTP_STATUS_NOT_FOUND;
    }
}

/* Where a folder that was asked for without its '/' is: its last component suffices as a relative reference, encoded (RFC 3986 5.2). */
static int redirect(struct mnet_flow *flow, const struct request *request)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *slash = strrchr(request->target, '/');
    const char *last = slash != NULL ? slash + 1 : request->target;
    char location[3 * 256 + 4] = "./";
    size_t len = 2;
    for (; *last != '\0' && len + 5 < sizeof location; last++) {
        unsigned char c = (unsigned char)*last;
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr("-._~", c) != NULL;
        if (plain) {
            location[len++] = (char)c;
        } else {
            location[len++] = '%';
            location[len++] = digits[c >> 4];
            location[len++] = digits[c & 15];
        }
    }
    location[len] = '/';
    location[len + 1] = '\0';
    return send_status(flow, request, location);
}

int response_send(struct mnet_flow *flow, struct request *request)
{
    struct file file;
    bool folder = false;
    if (request->status == HTTP_STATUS_OK) {
        request->status = request_path(request->target, &folder);
    }
    if (request->status == HTTP_STATUS_OK) {
        request->status = find(request, folder, &file);
    }
    if (request->status == HTTP_STATUS_MOVED_PERMANENTLY) {
        return redirect(flow, request);
    }
    if (request->status != HTTP_STATUS_OK) {
        return send_status(flow, request, NULL);
    }
    int error = send_file(flow, request, &file);
    file_close(&file);
    return error;
}
