/* The answer of a server of HTTP/1.1, read by llhttp. */
#ifndef FETCH_ANSWER_H
#define FETCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llhttp.h>

#define ANSWER_HEAD_MAX 65536    /* bytes in front of the body, at most */
#define ANSWER_LOCATION_MAX 4096 /* with its zero */
#define ANSWER_LENGTH_UNKNOWN UINT64_MAX

struct http_answer {
    llhttp_t parser;
    bool (*body)(void *argument, const char *bytes, size_t len);
    void *argument;
    int status;        /* 0 until the head has come */
    uint64_t length;   /* of the body */
    uint64_t received; /* bytes of the body */
    bool complete;
    bool too_large;                     /* the head */
    bool stopped;                       /* `body` returned false */
    char location[ANSWER_LOCATION_MAX]; /* "" if there is none */
    size_t location_len, head_len, name_len;
    char name[16]; /* of the field that is being read */
    bool in_location, in_body;
};

/* Begins an answer. `body` gets the bytes of the body, and returns false to stop. */
void answer_init(struct http_answer *answer, bool (*body)(void *argument, const char *bytes, size_t len),
                 void *argument);

/* Takes bytes. Returns false if they are no answer, or `body` stopped. */
bool answer_feed(struct http_answer *answer, const char *bytes, size_t len);
/* The stream has ended. Returns whether the answer is complete. */
bool answer_end(struct http_answer *answer);
/* Returns the cause if one of these returned false. The text is static. */
const char *answer_problem(const struct http_answer *answer);

#endif
