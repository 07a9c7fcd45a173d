/* From a request target (RFC 9112 3.2) to the path of a file. */
#include <string.h>

#include "request.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes "http://host" off an absolute target, then query and fragment off any. NULL where no path is left. */
static char *cut(char *target)
{
    if (strncmp(target, "http://", 7) == 0) {
        char *path = target + 7 + strcspn(target + 7, "/?#");
        if (*path != '/') {
            *target = '/'; /* an empty path is the root (RFC 9110 4.2.3) */
            target[1] = '\0';
            return target;
        }
        target = path;
    }
    target[strcspn(target, "?#")] = '\0';
    return *target == '/' ? target : NULL;
}

/* Decodes %XX (RFC 3986 2.1) in place. What cannot be in the name of a file is refused. */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        char c = *from;
        if (c == '%') {
            int high = digit(from[1]);
            int low = high >= 0 ? digit(from[2]) : -1;
            if (low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            from += 2;
        }
        if (c == '\0' || c == '\\') {
            return false;
        }
        *to++ = c;
    }
    *to = '\0';
    return true;
}

/* Removes empty components, "." and ".." (RFC 3986 5.2.4) from `from`, writing the rest to `to`, which may overlap it in front. False where ".."
 * would leave the root. */
static bool normalise(const char *from, char *to)
{
    char *start = to;
    while (*from != '\0') {
        size_t len = strcspn(from, "/");
        if (len == 2 && from[0] == '.' && from[1] == '.') {
            if (to == start) {
                return false;
            }
            do {
                to--;
            } while (to > start && *to != '/');
        } else if (len > 0 && !(len == 1 && from[0] == '.')) {
            if (to > start) {
                *to++ = '/';
            }
            memmove(to, from, len);
            to += len;
        }
        from += len;
        from += *from == '/';
    }
    *to = '\0';
    return true;
}

/* Whether the last component is empty, "." or "..", all of which name a folder. */
static bool names_folder(const char *path)
{
    const char *last = strrchr(path, '/') + 1;
    return strcmp(last, "") == 0 || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
}

int request_path(char *target, bool *folder)
{
    char *path = cut(target);
    if (path == NULL || !decode(path)) {
        return HTTP_STATUS_BAD_REQUEST;
    }
    *folder = names_folder(path);
    return normalise(path + 1, target) ? HTTP_STATUS_OK : HTTP_STATUS_BAD_REQUEST;
}
