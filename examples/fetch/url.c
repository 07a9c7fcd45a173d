#include "url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Returns true if all characters may stand in a URL. Others would have to be encoded (RFC 3986
 * 2). */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || strchr("\"<>\\^`{|}", *text) != NULL)
            return false;
    return true;
}

/* ---- Host and port ---- */

static bool parse_port(const char *text, size_t len, struct url *url)
{
    unsigned long port = 0;
    if (len == 0)
        return true; /* "host:" has the usual one */
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || port > UINT16_MAX)
            return false;
        port = 10 * port + (unsigned long)(text[i] - '0');
    }
    url->port = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

/* Reads "host:port" or "[address]:port". */
static bool parse_authority(const char *text, size_t len, struct url *url)
{
    const char *end = text + len, *host = text, *host_end;
    url->literal = len > 0 && *text == '[';
    if (memchr(text, '@', len) != NULL)
        return false; /* a user's name would look like a host */
    if (url->literal) {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
    } else {
        const char *colon = memchr(text, ':', len);
        host_end = colon != NULL ? colon : end;
    }
    if (host_end == NULL || host_end == host || host_end - host >= URL_HOST_MAX)
        return false;
    memcpy(url->host, host, (size_t)(host_end - host));
    url->host[host_end - host] = '\0';
    const char *rest = host_end + url->literal;
    if (rest == end)
        return true;
    return *rest == ':' && parse_port(rest + 1, (size_t)(end - rest - 1), url);
}

/* ---- Path ---- */

/* Removes "." and ".." from the path of a target (RFC 3986 5.2.4). */
static void remove_dots(char *target)
{
    char *query = target + strcspn(target, "?");
    char rest[URL_TARGET_MAX];
    char *to = target;
    strcpy(rest, query);
    for (const char *at = target; at < query;) { /* at is at a '/' */
        const char *next = memchr(at + 1, '/', (size_t)(query - at - 1));
        size_t len = (size_t)((next != NULL ? next : query) - at);
        bool up = len == 3 && memcmp(at, "/..", 3) == 0;
        if (up || (len == 2 && memcmp(at, "/.", 2) == 0)) {
            while (up && to > target && *--to != '/') {
            }
            if (next == NULL)
                *to++ = '/';
        } else {
            memmove(to, at, len);
            to += len;
        }
        at += len;
    }
    if (to == target)
        *to++ = '/';
    strcpy(to, rest);
}

/* Sets the target from `directory`, of which the first `directory_len` bytes count, and `path`.
 * What follows '#' is left out. */
static bool set_target(struct url *url, const char *directory, size_t directory_len, const char *path)
{
    char target[URL_TARGET_MAX + 1];
    int len = snprintf(target, sizeof target, "%.*s%.*s", (int)directory_len, directory, (int)strcspn(path, "#"), path);
    if (target[0] != '/') { /* "http://host" or "http://host?query" */
        memmove(target + 1, target, sizeof target - 1);
        target[0] = '/';
        len++;
    }
    if (len >= URL_TARGET_MAX)
        return false;
    memcpy(url->target, target, (size_t)len + 1);
    remove_dots(url->target);
    return true;
}

/* Reads what follows "//": authority and path. The scheme is set. */
static bool parse_hierarchy(const char *text, struct url *url)
{
    size_t authority = strcspn(text, "/?#");
    url->port = url->tls ? 443 : 80;
    return parse_authority(text, authority, url) && set_target(url, "", 0, text + authority);
}

bool url_parse(const char *text, struct url *url)
{
    url->tls = strncasecmp(text, "https://", 8) == 0;
    if (!is_plain(text) || (!url->tls && strncasecmp(text, "http://", 7) != 0))
        return false;
    return parse_hierarchy(text + (url->tls ? 8 : 7), url);
}

/* Returns true if the reference begins with a scheme. */
static bool has_scheme(const char *reference)
{
    size_t colon = strcspn(reference, ":/?#");
    return reference[colon] == ':';
}

bool url_resolve(const struct url *base, const char *reference, struct url *url)
{
    struct url made = *base;
    size_t path = strcspn(base->target, "?");
    bool resolved;
    if (!is_plain(reference))
        return false;
    if (has_scheme(reference)) {
        resolved = url_parse(reference, &made);
    } else if (strncmp(reference, "//", 2) == 0) {
        resolved = parse_hierarchy(reference + 2, &made);
    } else if (reference[0] == '/') {
        resolved = set_target(&made, "", 0, reference);
    } else if (reference[0] == '?') {
        resolved = set_target(&made, base->target, path, reference);
    } else if (reference[0] == '\0' || reference[0] == '#') {
        resolved = true;
    } else {
        while (path > 0 && base->target[path - 1] != '/')
            path--;
        resolved = set_target(&made, base->target, path, reference);
    }
    if (resolved)
        *url = made;
    return resolved;
}

char *url_authority(const struct url *url, char *text, size_t size)
{
    bool usual = url->port == (url->tls ? 443 : 80);
    char port[8] = "";
    if (!usual)
        snprintf(port, sizeof port, ":%u", (unsigned)url->port);
    snprintf(text, size, url->literal ? "[%s]%s" : "%s%s", url->host, port);
    return text;
}
