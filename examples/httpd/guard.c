/* The grammar of a request's head, RFC 9112 3 and 5, without its meaning; and of the trailers
 * behind a body, which is that of fields.
 *
 * llhttp is lenient where old clients were sloppy. That two readers of the same bytes disagree is
 * how requests are smuggled (RFC 9112 11.2), so this server takes the strict side: lines end in CR
 * LF, one blank between the parts of the first line, no line that continues another, no blank in
 * front of a colon. State by state this is the grammar; `count` is the place in the part that a
 * state reads.
 */
#include "guard.h"

#include <llhttp.h>
#include <string.h>

/* tchar of RFC 9110 5.6.2. */
static bool is_token(char c)
{
    char lower = (char)(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void enter(struct guard *guard, enum guard_state state)
{
    guard->state = state;
    if (state != GUARD_NAME && state != GUARD_VALUE && state != GUARD_LINE && state != GUARD_LF) {
        guard->count = 0; /* header fields are counted together */
    }
}

/* Goes on to `state` if `c` is the wanted byte. Returns 0, or 400. */
static int expect(struct guard *guard, char c, char wanted, enum guard_state state)
{
    if (c != wanted)
        return HTTP_STATUS_BAD_REQUEST;
    enter(guard, state);
    return 0;
}

static int take_method(struct guard *guard, char c)
{
    if (c == ' ') {
        guard->head = guard->matched == 4 && guard->count == 5; /* the blank is counted */
        enter(guard, GUARD_TARGET);
        return 0;
    }
    guard->matched += guard->count <= 4 && "HEAD"[guard->count - 1] == c;
    if (guard->count > REQUEST_METHOD_MAX)
        return HTTP_STATUS_NOT_IMPLEMENTED;
    return is_token(c) ? 0 : HTTP_STATUS_BAD_REQUEST;
}

static int take_target(struct guard *guard, char c)
{
    if (c == ' ' && guard->count > 1) {
        enter(guard, GUARD_VERSION);
        return 0;
    }
    if (guard->count > REQUEST_TARGET_MAX)
        return HTTP_STATUS_URI_TOO_LONG;
    if (c == '\r' && guard->count > 1) {
        return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED; /* HTTP/0.9 had no version */
    }
    return c > ' ' && c < 127 ? 0 : HTTP_STATUS_BAD_REQUEST;
}

/* "HTTP/1.x" and CR: `count` bytes of it are there with this one. */
static int take_version(struct guard *guard, char c)
{
    static const char name[] = "HTTP/";
    bool digit = c >= '0' && c <= '9';
    switch (guard->count) {
    case 6:
        if (digit && c != '1')
            return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
        return digit ? 0 : HTTP_STATUS_BAD_REQUEST;
    case 7: return c == '.' ? 0 : HTTP_STATUS_BAD_REQUEST;
    case 8: return digit ? 0 : HTTP_STATUS_BAD_REQUEST;
    case 9: return expect(guard, c, '\r', GUARD_LF);
    default: return c == name[guard->count - 1] ? 0 : HTTP_STATUS_BAD_REQUEST;
    }
}

/* The first byte of a line: a blank would continue the one before (obs-fold, RFC 9112 5.2, 2.2). */
static int take_line(struct guard *guard, char c)
{
    enter(guard, c == '\r' ? GUARD_LAST_LF : GUARD_NAME);
    return c == '\r' || is_token(c) ? 0 : HTTP_STATUS_BAD_REQUEST;
}

static int take_name(struct guard *guard, char c)
{
    if (c == ':') {
        enter(guard, GUARD_VALUE);
        return 0;
    }
    /* A blank in front of the colon, too: RFC 9112 5.1. */
    return is_token(c) ? 0 : HTTP_STATUS_BAD_REQUEST;
}

static int take_value(struct guard *guard, char c)
{
    if (c == '\r') {
        enter(guard, GUARD_LF);
        return 0;
    }
    /* RFC 9110 5.5. */
    return c == '\t' || ((unsigned char)c >= ' ' && c != 127) ? 0 : HTTP_STATUS_BAD_REQUEST;
}

/* Returns 0, or the error that the byte deserves. */
static int take(struct guard *guard, char c)
{
    guard->count++;
    bool in_fields = guard->state >= GUARD_LF;
    if (in_fields && guard->count > REQUEST_HEADERS_MAX)
        return HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
    switch (guard->state) {
    case GUARD_BEFORE:
        if (c == '\r') {
            enter(guard, GUARD_BEFORE_LF); /* RFC 9112 2.2: an empty line in front is ignored */
            return 0;
        }
        enter(guard, GUARD_METHOD);
        guard->count = 1;
        return take_method(guard, c);
    case GUARD_BEFORE_LF: return expect(guard, c, '\n', GUARD_BEFORE);
    case GUARD_METHOD: return take_method(guard, c);
    case GUARD_TARGET: return take_target(guard, c);
    case GUARD_VERSION: return take_version(guard, c);
    case GUARD_LF: return expect(guard, c, '\n', GUARD_LINE);
    case GUARD_LINE: return take_line(guard, c);
    case GUARD_NAME: return take_name(guard, c);
    case GUARD_VALUE: return take_value(guard, c);
    case GUARD_LAST_LF: return expect(guard, c, '\n', GUARD_DONE);
    default: return HTTP_STATUS_BAD_REQUEST;
    }
}

/* Copies text of a value or a target, most bytes of a head, in one go; as many as its limit still
 * allows. */
static size_t take_text(struct guard *guard, const char *data, size_t len, char *clean)
{
    char least = guard->state == GUARD_VALUE ? ' ' : ' ' + 1;
    unsigned most = guard->state == GUARD_VALUE ? REQUEST_HEADERS_MAX : REQUEST_TARGET_MAX;
    size_t i = 0;
    if (guard->state != GUARD_VALUE && guard->state != GUARD_TARGET)
        return 0;
    len = len < most - guard->count ? len : most - guard->count;
    while (i < len && data[i] >= least && data[i] < 127) {
        clean[i] = data[i];
        i++;
    }
    guard->count += (unsigned)i;
    return i;
}

size_t guard_take(struct guard *guard, const char *data, size_t len, char *clean)
{
    size_t i = 0;
    while (guard->state != GUARD_DONE && guard->status == 0) {
        i += take_text(guard, data + i, len - i, clean + i);
        if (i == len)
            break;
        clean[i] = data[i] == '\t' ? ' ' : data[i];
        guard->status = take(guard, data[i]);
        i++;
    }
    return i;
}

void guard_begin_trailers(struct guard *guard)
{
    guard->state = GUARD_LINE;
    guard->count = 0;
}
