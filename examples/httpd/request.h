/* HTTP requests as http-parser reads them, reduced to what a server of static files needs to know. */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

#define REQUEST_TARGET_MAX 2048u        /* bytes of the target; more is answered with 414 */
#define REQUEST_HEADERS_MAX 16384u      /* bytes of names and values; more is answered with 431 */
#define REQUEST_BODY_MAX (1024u * 1024) /* a body is read and ignored; more than this is answered with 413 */

enum request_progress {
    REQUEST_INCOMPLETE, /* wants more bytes */
    REQUEST_COMPLETE,   /* answer it with `status`, then begin the next one */
    REQUEST_BROKEN,     /* answer it with `status` and close: where the next one begins is not known */
};

struct request {
    http_parser parser;
    int status; /* 200, or the error that the request deserves */
    bool head;  /* HEAD: no body in the answer */
    bool keep_alive;
    bool begun; /* its first byte has come */
    bool complete;
    unsigned hosts; /* Host headers */
    bool expects;   /* has an Expect header */
    unsigned header_bytes, body_bytes;
    char name[18]; /* of the current header, in lower case, as far as it matters */
    size_t name_len;
    bool in_value;
    size_t target_len;
    char target[REQUEST_TARGET_MAX + 1]; /* the target, later the path in it, relative and decoded; terminated */
};

/* Begins the first request of a connection, and each one after a complete one. */
void request_init(struct request *request);
void request_next(struct request *request);

/* Takes bytes up to the end of the request; *used says how many. */
enum request_progress request_feed(struct request *request, const void *data, size_t len, size_t *used);

/* Turns a request target into a path of files.h, in place: takes query and fragment off, decodes %XX, removes "." and "..".
 * Returns 200, or 400 where the target is no path or would leave the root. *folder: it ended in '/'. */
int request_path(char *target, bool *folder);

#endif
