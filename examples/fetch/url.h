/* URLs of the schemes http and https (RFC 3986, RFC 9110 4.2), as fetch needs them. */
#ifndef FETCH_URL_H
#define FETCH_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_HOST_MAX 256    /* with its zero */
#define URL_TARGET_MAX 4096 /* with its zero */

struct url {
    bool tls;
    bool literal; /* the host is an IPv6 address, which stands in brackets in a URL */
    uint16_t port;
    char host[URL_HOST_MAX];     /* without brackets */
    char target[URL_TARGET_MAX]; /* path and query, encoded as they were */
};

/* Reads a complete URL. Returns false if it is none, has another scheme or a user's name, or is too
 * long. */
bool url_parse(const char *text, struct url *url);

/* Reads a reference, such as that of a Location, relative to `base` (RFC 3986 5.2). `url` may be
 * `base`. Returns false if it is none. */
bool url_resolve(const struct url *base, const char *reference, struct url *url);

/* Writes the host as a field Host has it (RFC 9110 7.2), always terminated. Returns `text`. */
char *url_authority(const struct url *url, char *text, size_t size);

#endif
