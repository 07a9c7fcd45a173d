/* Conditional and range requests: the answer to a GET or HEAD of a file that is there (RFC 9110 13
 * and 14). */
#ifndef HTTPD_CONDITIONS_H
#define HTTPD_CONDITIONS_H

#include "files.h"
#include "request.h"

/* The bytes of the file that go out. */
struct range {
    uint64_t first, count;
    bool validated; /* asked for with If-Range: the client has the rest, and its header fields */
};

/* Returns 200, 206, 304, 412 or 416, and the part to send. */
int conditions_evaluate(const struct request *request, const struct file *file, struct range *range);

#endif
