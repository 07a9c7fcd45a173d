/* Answers, in whatever version of HTTP they are sent: a status, header fields, and a file or a part
 * of it or a short text behind them. */
#ifndef HTTPD_RESPONSE_H
#define HTTPD_RESPONSE_H

#include <mnet/mnet.h>

#include "client.h"
#include "files.h"
#include "request.h"

/* The longest have the name of a folder with its query. */
#define RESPONSE_FIELDS_MAX (3 * 256 + REQUEST_TARGET_MAX + 512)

enum response_source {
    RESPONSE_LINE,
    RESPONSE_FILE,
    RESPONSE_MEMORY,
};

/* The bytes behind the fields. */
struct response_body {
    enum response_source source;
    uint64_t offset, left; /* of the file or the text: the next byte, and how many follow */
    struct file file;
    struct mnet_env *env;
    char *memory;  /* of env */
    char line[48]; /* the name of a status */
};

struct response {
    int status;
    struct response_body body;
    size_t len; /* of the fields */
    /* "\r\nName: value" for each; what only HTTP/1.1 has is not among them */
    char fields[RESPONSE_FIELDS_MAX];
};

/* Makes the answer to a complete or refused request. response_end is called for its body later.
 * Never suspends. */
void response_make(struct response *response, const struct client_house *house, struct request *request);

/* Reads up to `len` bytes of what is left. Returns the count: less than `len` at the end only; a
 * negative value if the file has become shorter than it was. Never suspends. */
ptrdiff_t response_read(struct response_body *body, void *buffer, size_t len);
/* Gives the file or the memory back. May be called again. */
void response_end(struct response_body *body);

/* "Not Found", ...; the media type by the ending of a name. Static. */
const char *status_reason(int status);
const char *media_type(const char *path);

#endif
