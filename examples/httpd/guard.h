/* Checks the head of a request as it goes by, and the trailers. It refuses what RFC 9112 forbids,
 * or lets a server refuse, and llhttp takes. */
#ifndef HTTPD_GUARD_H
#define HTTPD_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_METHOD_MAX 32u     /* bytes of the method; more is answered with 501 */
#define REQUEST_TARGET_MAX 2048u   /* bytes of the target; more is answered with 414 */
#define REQUEST_HEADERS_MAX 16384u /* bytes of all header fields; more is answered with 431 */

enum guard_state {
    GUARD_BEFORE, /* nothing but empty lines so far */
    GUARD_BEFORE_LF,
    GUARD_METHOD,
    GUARD_TARGET,
    GUARD_VERSION,
    GUARD_LF, /* the CR that ends a line has come */
    GUARD_LINE,
    GUARD_NAME,
    GUARD_VALUE,
    GUARD_LAST_LF,
    GUARD_DONE,
};

/* All zeros is a new one. */
struct guard {
    enum guard_state state;
    int status;       /* the error that the head deserves; 0: none so far */
    unsigned count;   /* bytes of the part that is being read */
    unsigned matched; /* of the method, with HEAD */
    bool head;        /* the method is HEAD: known also if the rest is an error */
};

/* Takes up to `len` bytes, up to the end of the head, and writes them to `clean` as llhttp is to
 * see them: HTAB becomes SP. Returns how many. guard->status says whether they are refused. */
size_t guard_take(struct guard *guard, const char *data, size_t len, char *clean);

/* After the last chunk: fields follow again, and an empty line. */
void guard_begin_trailers(struct guard *guard);

#endif
