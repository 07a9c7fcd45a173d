/* From a request target (RFC 9112 3.2) to the path of a file. */
#include <string.h>

#include "request.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_host_char(char c, bool bracketed)
{
    char lower = (char)(c | 0x20);
    bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
    return plain || (c != '\0' && strchr(bracketed ? ":.-_~" : "-._~%!$&'()*+,;=", c) != NULL);
}

/* The zone of a link-local address (RFC 6874 2), without its "%25". No client should send it, but
 * some do. */
static size_t zone_len(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && (text[i] == '%' || is_host_char(text[i], true)) && text[i] != ':')
        i++;
    return i;
}

/* reg-name and IP-literal of RFC 3986 3.2.2, then a port. */
bool request_is_authority(const char *text, size_t len)
{
    bool bracketed = len > 0 && text[0] == '[';
    size_t i = bracketed;
    while (i < len && is_host_char(text[i], bracketed))
        i++;
    if (i == (size_t)bracketed)
        return false;
    if (bracketed && len - i > 3 && memcmp(text + i, "%25", 3) == 0) {
        size_t zone = zone_len(text + i + 3, len - i - 3);
        i += zone > 0 ? 3 + zone : 0;
    }
    if (bracketed && (i == len || text[i++] != ']'))
        return false;
    if (i < len && text[i] == ':') {
        i++;
        while (i < len && text[i] >= '0' && text[i] <= '9')
            i++;
    }
    return i == len;
}

static size_t scheme_len(const char *target)
{
    size_t len = strcspn(target, ":/?");
    return target[0] != '/' && strncmp(target + len, "://", 3) == 0 ? len : 0;
}

/* Takes "http://host" off an absolute target (RFC 9112 3.2.2), in place, so that an absolute path
 * is left. There are no virtual hosts, so the host does not matter. 200, 400 or 421. */
static int cut_authority(char *target)
{
    size_t len = scheme_len(target);
    if (len == 0)
        return HTTP_STATUS_OK;
    if (!member_is(target, len, "http")) {
        return HTTP_STATUS_MISDIRECTED_REQUEST; /* https, above all: RFC 9110 7.4 */
    }
    char *host = target + len + 3;
    size_t host_len = strcspn(host, "/?");
    if (!request_is_authority(host, host_len)) {
        return HTTP_STATUS_BAD_REQUEST; /* none, too: RFC 9110 4.2.1 */
    }
    char *rest = host + host_len;
    target[0] = '/'; /* an empty path is the root (RFC 9110 4.2.3) */
    rest += *rest == '/';
    memmove(target + 1, rest, strlen(rest) + 1);
    return HTTP_STATUS_OK;
}

/* Decodes %XX (RFC 3986 2.1) in place. Characters that no name of a file has are refused. */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        char c = *from;
        if (c == '%') {
            int high = digit(from[1]);
            int low = high >= 0 ? digit(from[2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            from += 2;
        }
        if (c == '\0' || c == '\\')
            return false;
        *to++ = c;
    }
    *to = '\0';
    return true;
}

/* Removes empty components, "." and ".." (RFC 3986 5.2.4) from `from`, writing the rest to `to`,
 * which may overlap it in front. False if ".." would leave the root. */
static bool normalise(const char *from, char *to)
{
    char *start = to;
    while (*from != '\0') {
        size_t len = strcspn(from, "/");
        if (len == 2 && from[0] == '.' && from[1] == '.') {
            if (to == start)
                return false;
            do {
                to--;
            } while (to > start && *to != '/');
        } else if (len > 0 && !(len == 1 && from[0] == '.')) {
            if (to > start)
                *to++ = '/';
            memmove(to, from, len);
            to += len;
        }
        from += len;
        from += *from == '/';
    }
    *to = '\0';
    return true;
}

/* Returns true if the last component is empty, "." or "..", all of which name a folder. */
static bool names_folder(const char *path)
{
    const char *last = strrchr(path, '/') + 1;
    return strcmp(last, "") == 0 || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
}

int request_path(char *target, bool *folder, const char **query)
{
    int status = cut_authority(target);
    if (status != HTTP_STATUS_OK)
        return status;
    if (*target != '/' || strchr(target, '#') != NULL) {
        /* No other form, and no fragment, is for these methods (RFC 9112 3.2). */
        return HTTP_STATUS_BAD_REQUEST;
    }
    char *mark = strchr(target, '?');
    *query = NULL;
    if (mark != NULL) {
        *mark = '\0';
        *query = mark + 1;
    }
    if (!decode(target))
        return HTTP_STATUS_BAD_REQUEST;
    *folder = names_folder(target);
    return normalise(target + 1, target) ? HTTP_STATUS_OK : HTTP_STATUS_BAD_REQUEST;
}
