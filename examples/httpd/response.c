/* Answers. */
#include "response.h"

#include <string.h>

#include "conditions.h"

/* ---- Header fields ---- */

/* The fields have room for every answer's. Text that does not fit is left out. */
static void add(struct response *response, const char *more)
{
    size_t len = strlen(more), room = sizeof response->fields - response->len;
    len = len < room ? len : room;
    memcpy(response->fields + response->len, more, len);
    response->len += len;
}

static void add_number(struct response *response, uint64_t number)
{
    char digits[21];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add(response, first);
}

/* A component of a path, encoded as RFC 3986 2.1 says. */
static void add_encoded(struct response *response, const char *component)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *component != '\0'; component++) {
        unsigned char c = (unsigned char)*component;
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr("-._~", c) != NULL;
        char encoded[4] = {'%', digits[c >> 4], digits[c & 15], '\0'};
        char itself[2] = {(char)c, '\0'};
        add(response, plain ? itself : encoded);
    }
}

/* When the answer was made (RFC 9110 6.6.1, 5.6.7), if that is known. */
static void add_date(struct response *response, const struct mnet_stack *stack)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint64_t now = mnet_wall_clock(stack);
    if (now == 0)
        return;
    struct mnet_date date = mnet_date_of(now / MNET_SECOND);
    char line[48];
    mnet_format(line, sizeof line, "\r\nDate: %s, %02u %s %04u %02u:%02u:%02u GMT", days[date.weekday], date.day,
                months[date.month - 1], date.year, date.hour, date.minute, date.second);
    add(response, line);
}

static void add_length(struct response *response, uint64_t length)
{
    add(response, "\r\nContent-Length: ");
    add_number(response, length);
}

/* ---- Answers without a file ---- */

/* The answer's status, and a line with its name. */
static void set_status(struct response *response, const struct request *request, int status)
{
    struct response_body *body = &response->body;
    response->status = status;
    size_t len = mnet_format(body->line, sizeof body->line, "%s\n", status_reason(status));
    body->left = request->head ? 0 : len;
    add(response, "\r\nContent-Type: text/plain; charset=utf-8");
    add_length(response, len);
}

#define ALLOW "\r\nAllow: GET, HEAD, OPTIONS"

static void set_error(struct response *response, const struct request *request, int status)
{
    set_status(response, request, status);
    if (status == HTTP_STATUS_METHOD_NOT_ALLOWED)
        add(response, ALLOW);
}

static void set_options(struct response *response)
{
    response->status = HTTP_STATUS_OK;
    add(response, ALLOW "\r\nAccept-Ranges: bytes\r\nContent-Length: 0");
}

/* Writes the Location of a folder that was asked for without its '/': its last component suffices
 * as a relative reference (RFC 3986 5.2). The query stays. */
static void set_redirect(struct response *response, const struct request *request, const char *query)
{
    const char *slash = strrchr(request->target, '/');
    set_status(response, request, HTTP_STATUS_MOVED_PERMANENTLY);
    add(response, "\r\nLocation: ./");
    add_encoded(response, slash != NULL ? slash + 1 : request->target);
    add(response, "/");
    if (query != NULL) {
        add(response, "?");
        add(response, query);
    }
}

/* ---- Files ---- */

static void add_range(struct response *response, const struct range *range, uint64_t size)
{
    add(response, "\r\nContent-Range: bytes ");
    if (range != NULL) {
        add_number(response, range->first);
        add(response, "-");
        add_number(response, range->first + range->count - 1);
    } else {
        add(response, "*");
    }
    add(response, "/");
    add_number(response, size);
}

/* The header fields of 200, 206 and 304 (RFC 9110 15.3.7, 15.4.5). */
static void add_file_fields(struct response *response, const struct request *request, const struct file *file,
                            const struct range *range)
{
    add(response, "\r\nETag: ");
    add(response, file->etag);
    if (response->status != HTTP_STATUS_NOT_MODIFIED) {
        add(response, "\r\nAccept-Ranges: bytes");
        add_length(response, range->count);
        if (!range->validated) {
            add(response, "\r\nContent-Type: ");
            add(response, media_type(request->target));
        }
    }
    if (response->status == HTTP_STATUS_PARTIAL_CONTENT)
        add_range(response, range, file->size);
}

/* The body takes the file over, if there is one. */
static void set_file(struct response *response, const struct request *request, struct file *file)
{
    struct range range;
    int status = conditions_evaluate(request, file, &range);
    if (status == HTTP_STATUS_PRECONDITION_FAILED || status == HTTP_STATUS_RANGE_NOT_SATISFIABLE) {
        set_status(response, request, status);
        if (status == HTTP_STATUS_RANGE_NOT_SATISFIABLE)
            add_range(response, NULL, file->size);
        file_close(file);
        return;
    }
    response->status = status;
    add_file_fields(response, request, file, &range);
    response->body.file = *file;
    response->body.source = RESPONSE_FILE;
    response->body.offset = range.first;
    response->body.left = request->head || status == HTTP_STATUS_NOT_MODIFIED ? 0 : range.count;
}

/* ---- The state of the stack ---- */

/* The text is counted first. With the memory of this answer numbers may have some more digits. */
#define METRICS_MARGIN 64u

static void set_metrics(struct response *response, const struct client_house *house, const struct request *request)
{
    struct response_body *body = &response->body;
    size_t room = mnet_metrics(house->stack, NULL, 0) + METRICS_MARGIN;
    body->memory = mnet_alloc(house->env, room);
    if (body->memory == NULL) {
        set_status(response, request, HTTP_STATUS_SERVICE_UNAVAILABLE);
        return;
    }
    size_t len = mnet_metrics(house->stack, body->memory, room);
    response->status = HTTP_STATUS_OK;
    body->source = RESPONSE_MEMORY;
    body->env = house->env;
    body->left = request->head ? 0 : len;
    add(response, "\r\nContent-Type: " MNET_METRICS_TYPE "\r\nCache-Control: no-store");
    add_length(response, len);
}

static bool wants_metrics(const struct client_house *house, const struct request *request, bool folder)
{
    return house->metrics && !request->options && !folder && strcmp(request->target, "metrics") == 0;
}

/* ---- Any request ---- */

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

void response_make(struct response *response, const struct client_house *house, struct request *request)
{
    struct file file;
    bool folder = false;
    const char *query = NULL;
    int status = request->status;
    memset(response, 0, offsetof(struct response, fields));
    add(response, "\r\nServer: mnet");
    add_date(response, house->stack);
    if (status == HTTP_STATUS_OK && request->options && strcmp(request->target, "*") == 0) {
        set_options(response);
        return;
    }
    if (status == HTTP_STATUS_OK)
        status = request_path(request->target, &folder, &query);
    if (status == HTTP_STATUS_OK && wants_metrics(house, request, folder)) {
        set_metrics(response, house, request);
        return;
    }
    if (status == HTTP_STATUS_OK)
        status = find(request, folder, &file);
    if (status == HTTP_STATUS_MOVED_PERMANENTLY) {
        set_redirect(response, request, query);
    } else if (status != HTTP_STATUS_OK) {
        set_error(response, request, status);
    } else if (request->options) {
        set_options(response);
        file_close(&file);
    } else {
        set_file(response, request, &file);
    }
}

ptrdiff_t response_read(struct response_body *body, void *buffer, size_t len)
{
    const char *text = body->source == RESPONSE_MEMORY ? body->memory : body->line;
    len = len < body->left ? len : (size_t)body->left;
    if (body->source != RESPONSE_FILE)
        memcpy(buffer, text + body->offset, len);
    else if (len > 0 && file_read(&body->file, body->offset, buffer, len) != (ptrdiff_t)len)
        return MNET_E_IO;
    body->offset += len;
    body->left -= len;
    return (ptrdiff_t)len;
}

void response_end(struct response_body *body)
{
    if (body->source == RESPONSE_FILE)
        file_close(&body->file);
    if (body->source == RESPONSE_MEMORY)
        mnet_free(body->env, body->memory);
    body->source = RESPONSE_LINE;
}
