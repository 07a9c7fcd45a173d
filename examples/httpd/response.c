/* Answers. */
#include "response.h"

#include <string.h>

#include "conditions.h"

#define CHUNK_BYTES 16384

/* ---- Heads ---- */

/* Text that grows in a buffer, which is large enough for every head. Text that does not fit is left
 * out. */
struct response_text {
    char *bytes;
    size_t len, size;
};

static void add(struct response_text *text, const char *more)
{
    size_t len = strlen(more);
    len = len < text->size - text->len ? len : text->size - text->len;
    memcpy(text->bytes + text->len, more, len);
    text->len += len;
}

static void add_number(struct response_text *text, uint64_t number)
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

/* A component of a path, encoded as RFC 3986 2.1 says. */
static void add_encoded(struct response_text *text, const char *component)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *component != '\0'; component++) {
        unsigned char c = (unsigned char)*component;
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr("-._~", c) != NULL;
        char encoded[4] = {'%', digits[c >> 4], digits[c & 15], '\0'};
        char itself[2] = {(char)c, '\0'};
        add(text, plain ? itself : encoded);
    }
}

/* When the answer was made (RFC 9110 6.6.1, 5.6.7), if that is known. */
static void add_date(struct response_text *text, const struct client *client)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint64_t now = mnet_wall_clock(client->house->stack);
    if (now == 0)
        return;
    struct mnet_date date = mnet_date_of(now / MNET_SECOND);
    char line[48];
    mnet_format(line, sizeof line, "\r\nDate: %s, %02u %s %04u %02u:%02u:%02u GMT", days[date.weekday], date.day,
                months[date.month - 1], date.year, date.hour, date.minute, date.second);
    add(text, line);
}

/* The status line, and the fields of every answer. */
static void begin_head(struct response_text *text, const struct client *client, const struct request *request)
{
    add(text, "HTTP/1.1 ");
    add_number(text, (uint64_t)request->status);
    add(text, " ");
    add(text, status_reason(request->status));
    add(text, "\r\nServer: mnet");
    /* Said in both cases: HTTP/1.0 clients that asked for it wait for the word. */
    add(text, request->keep_alive ? "\r\nConnection: keep-alive" : "\r\nConnection: close");
    add_date(text, client);
}

static void add_length(struct response_text *text, uint64_t length)
{
    add(text, "\r\nContent-Length: ");
    add_number(text, length);
}

/* ---- Answers without a file ---- */

/* `more`: further header fields, or "". */
static int send_status(struct client *client, const struct request *request, const char *more)
{
    char bytes[8192];
    struct response_text text = {bytes, 0, sizeof bytes};
    const char *reason = status_reason(request->status);
    begin_head(&text, client, request);
    add(&text, "\r\nContent-Type: text/plain; charset=utf-8");
    add_length(&text, strlen(reason) + 1);
    add(&text, more);
    add(&text, "\r\n\r\n");
    if (!request->head) {
        add(&text, reason);
        add(&text, "\n");
    }
    return client_write(client, text.bytes, text.len);
}

#define ALLOW "\r\nAllow: GET, HEAD, OPTIONS"

static int send_error(struct client *client, const struct request *request)
{
    return send_status(client, request, request->status == HTTP_STATUS_METHOD_NOT_ALLOWED ? ALLOW : "");
}

static int send_options(struct client *client, const struct request *request)
{
    char bytes[256];
    struct response_text text = {bytes, 0, sizeof bytes};
    begin_head(&text, client, request);
    add(&text, ALLOW "\r\nAccept-Ranges: bytes\r\nContent-Length: 0\r\n\r\n");
    return client_write(client, text.bytes, text.len);
}

/* Writes the Location of a folder that was asked for without its '/': its last component suffices
 * as a relative reference (RFC 3986 5.2). The query stays. */
static int redirect(struct client *client, const struct request *request, const char *query)
{
    char location[3 * 256 + REQUEST_TARGET_MAX + 32];
    struct response_text text = {location, 0, sizeof location - 1};
    const char *slash = strrchr(request->target, '/');
    add(&text, "\r\nLocation: ./");
    add_encoded(&text, slash != NULL ? slash + 1 : request->target);
    add(&text, "/");
    if (query != NULL) {
        add(&text, "?");
        add(&text, query);
    }
    location[text.len] = '\0';
    return send_status(client, request, location);
}

/* ---- Files ---- */

static void add_range(struct response_text *text, const struct range *range, uint64_t size)
{
    add(text, "\r\nContent-Range: bytes ");
    if (range != NULL) {
        add_number(text, range->first);
        add(text, "-");
        add_number(text, range->first + range->count - 1);
    } else {
        add(text, "*");
    }
    add(text, "/");
    add_number(text, size);
}

/* The header fields of 200, 206 and 304 (RFC 9110 15.3.7, 15.4.5). */
static void add_file_head(struct response_text *text, const struct client *client, const struct request *request,
                          const struct file *file, const struct range *range)
{
    begin_head(text, client, request);
    add(text, "\r\nETag: ");
    add(text, file->etag);
    if (request->status != HTTP_STATUS_NOT_MODIFIED) {
        add(text, "\r\nAccept-Ranges: bytes");
        add_length(text, range->count);
        if (!range->validated) {
            add(text, "\r\nContent-Type: ");
            add(text, media_type(request->target));
        }
    }
    if (request->status == HTTP_STATUS_PARTIAL_CONTENT)
        add_range(text, range, file->size);
    add(text, "\r\n\r\n");
}

/* The head and the bytes behind it. A file that turns out shorter than it was ends the connection,
 * so that the client can tell. */
static int send_range(struct client *client, const struct request *request, const struct file *file,
                      const struct range *range)
{
    char bytes[CHUNK_BYTES];
    struct response_text text = {bytes, 0, sizeof bytes};
    add_file_head(&text, client, request, file, range);
    uint64_t left = request->head || request->status == HTTP_STATUS_NOT_MODIFIED ? 0 : range->count;
    uint64_t offset = range->first;
    for (;;) {
        size_t room = text.size - text.len;
        size_t len = left < room ? (size_t)left : room;
        ptrdiff_t got = len > 0 ? file_read(file, offset, text.bytes + text.len, len) : 0;
        if (got != (ptrdiff_t)len)
            return MNET_E_IO;
        text.len += len;
        offset += len;
        left -= len;
        int error = client_write(client, text.bytes, text.len);
        if (error < 0 || left == 0)
            return error;
        text.len = 0;
    }
}

static int send_file(struct client *client, struct request *request, const struct file *file)
{
    struct range range;
    request->status = conditions_evaluate(request, file, &range);
    switch (request->status) {
    case HTTP_STATUS_PRECONDITION_FAILED: return send_error(client, request);
    case HTTP_STATUS_RANGE_NOT_SATISFIABLE: {
        char bytes[64];
        struct response_text text = {bytes, 0, sizeof bytes - 1};
        add_range(&text, NULL, file->size);
        bytes[text.len] = '\0';
        return send_status(client, request, bytes);
    }
    default: return send_range(client, request, file, &range);
    }
}

/* ---- The state of the stack ---- */

/* The text is counted first. With the memory of this answer numbers may have some more digits. */
#define METRICS_MARGIN 64u
#define METRICS_HEAD_MAX 512u

static int send_metrics(struct client *client, struct request *request)
{
    size_t room = mnet_metrics(client->house->stack, NULL, 0) + METRICS_MARGIN;
    char *bytes = mnet_alloc(client->house->env, METRICS_HEAD_MAX + room);
    if (bytes == NULL) {
        request->status = HTTP_STATUS_SERVICE_UNAVAILABLE;
        return send_error(client, request);
    }
    char *content = bytes + METRICS_HEAD_MAX;
    size_t len = mnet_metrics(client->house->stack, content, room);
    struct response_text text = {bytes, 0, METRICS_HEAD_MAX};
    begin_head(&text, client, request);
    add(&text, "\r\nContent-Type: " MNET_METRICS_TYPE "\r\nCache-Control: no-store");
    add_length(&text, len);
    add(&text, "\r\n\r\n");
    int error = client_write(client, text.bytes, text.len);
    if (error == 0 && !request->head)
        error = client_write(client, content, len);
    mnet_free(client->house->env, bytes);
    return error;
}

static bool wants_metrics(const struct client *client, const struct request *request, bool folder)
{
    return client->house->metrics && !request->options && !folder && strcmp(request->target, "metrics") == 0;
}

/* Opens the file that the path names. A folder named with its '/' is its index.html, and one named
 * without is moved there. Returns the status. */
static int find(struct request *request, bool folder, struct file *file)
{
    char *path = request->target;
    if (folder) {
        size_t len = strlen(path);
        const char *index = len > 0 ? "/index.html" : "index.html";
        if (len + strlen(index) > REQUEST_TARGET_MAX)
            return HTTP_STATUS_URI_TOO_LONG;
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

int response_send(struct client *client, struct request *request)
{
    struct file file;
    bool folder = false;
    const char *query = NULL;
    if (request->status == HTTP_STATUS_OK && request->options && strcmp(request->target, "*") == 0)
        return send_options(client, request);
    if (request->status == HTTP_STATUS_OK)
        request->status = request_path(request->target, &folder, &query);
    if (request->status == HTTP_STATUS_OK && wants_metrics(client, request, folder))
        return send_metrics(client, request);
    if (request->status == HTTP_STATUS_OK)
        request->status = find(request, folder, &file);
    if (request->status == HTTP_STATUS_MOVED_PERMANENTLY)
        return redirect(client, request, query);
    if (request->status != HTTP_STATUS_OK)
        return send_error(client, request);
    int error = request->options ? send_options(client, request) : send_file(client, request, &file);
    file_close(&file);
    return error;
}
