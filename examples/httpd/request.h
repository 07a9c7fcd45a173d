/* HTTP requests as llhttp reads them, reduced to the needs of a server of static files. No
 * I/O, no time. */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>

#include "fields.h"
#include "guard.h"

/* A body is read and ignored; more than this is answered with 413. */
#define REQUEST_BODY_MAX (1024u * 1024)
/* A client that sends more than this in one head of HTTP/2 is not listened to any further. */
#define REQUEST_HEAD_BYTES_MAX (64u * 1024)

enum request_progress {
    REQUEST_INCOMPLETE, /* wants more bytes */
    REQUEST_COMPLETE,   /* answer it with `status`, then begin the next one */
    /* answer it with `status` and close: the start of the next one is unknown, or not waited for */
    REQUEST_LAST,
};

struct request {
    llhttp_t parser;
    struct guard guard;
    int status;       /* 200, or the error that the request deserves */
    enum field field; /* the one being read */
    bool head;        /* HEAD: no body in the answer */
    bool options;
    bool https; /* the scheme of a message that comes as fields */
    bool keep_alive;
    bool in_body; /* the head is complete ... */
    bool complete, refused;
    size_t head_bytes; /* of a message that comes as fields */
    size_t body_bytes; /* as they came, with all that chunks have around them */
    char name[18];     /* of the current header, as far as it matters */
    size_t name_len;
    size_t target_len;
    struct fields fields;
    /* the target, later the path in it, relative and decoded; terminated */
    char target[REQUEST_TARGET_MAX + 1];
};

/* Begins the first request of a connection, and each one after a complete one. */
void request_init(struct request *request);
/* Returns true if its first byte has come. */
bool request_begun(const struct request *request);
/* It will not be complete any more, and is answered with `status`. */
void request_refuse(struct request *request, int status);

/* Takes bytes up to the end of the request; *used says how many. */
enum request_progress request_feed(struct request *request, const void *data, size_t len, size_t *used);

/* For messages that come as fields, which HTTP/2 has already found to be requests: takes a field,
 * the target, method and scheme among them; later judges them all. The request is complete then,
 * whether it is refused or not, for no body matters. `secure`: the client came by TLS. */
void request_take_field(struct request *request, const char *name, size_t name_len, const char *value,
                        size_t value_len);
void request_judge_fields(struct request *request, bool secure);

/* Returns true if a Host field's value is one (RFC 9110 7.2): a name or an address, and perhaps a
 * port. */
bool request_is_authority(const char *text, size_t len);

/* Turns a request target into a path of files.h, in place: takes scheme, authority and query off,
 * decodes %XX, removes "." and "..". Returns 200, or 400 if the target is no path or would leave
 * the root, 421 if it belongs to another server. *folder: it ended in '/'. *query: the text behind
 * '?', in the same buffer; NULL if there is none. */
int request_path(char *target, bool *folder, const char **query);

#endif
