#include "answer.h"

#include <string.h>
#include <strings.h>

/* Counts bytes of the head, which must end somewhere. */
static int count(struct http_answer *answer, size_t len)
{
    answer->head_len += answer->in_body ? 0 : len;
    answer->too_large |= answer->head_len > ANSWER_HEAD_MAX;
    return answer->too_large ? -1 : 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http_answer *answer = parser->data;
    size_t room = sizeof answer->name - answer->name_len;
    size_t piece = len < room ? len : room;
    memcpy(answer->name + answer->name_len, at, piece);
    answer->name_len += piece;
    return count(answer, len);
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct http_answer *answer = parser->data;
    answer->in_location = !answer->in_body && answer->name_len == 8 && strncasecmp(answer->name, "location", 8) == 0;
    answer->name_len = 0;
    if (answer->in_location)
        answer->location_len = 0;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http_answer *answer = parser->data;
    if (answer->in_location) {
        if (answer->location_len + len >= sizeof answer->location) {
            answer->too_large = true;
            return -1;
        }
        memcpy(answer->location + answer->location_len, at, len);
        answer->location_len += len;
        answer->location[answer->location_len] = '\0';
    }
    return count(answer, len);
}

/* Answers 1xx come before the one that counts (RFC 9110 15.2). */
static bool is_interim(const llhttp_t *parser)
{
    return parser->status_code < 200 && parser->status_code != 101;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_answer *answer = parser->data;
    if (is_interim(parser))
        return 0;
    answer->status = parser->status_code;
    answer->in_body = true;
    bool sized = (parser->flags & F_CONTENT_LENGTH) != 0 && (parser->flags & F_CHUNKED) == 0;
    answer->length = sized ? parser->content_length : ANSWER_LENGTH_UNKNOWN;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http_answer *answer = parser->data;
    answer->received += len;
    answer->stopped = !answer->body(answer->argument, at, len);
    return answer->stopped ? -1 : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_answer *answer = parser->data;
    answer->complete = !is_interim(parser);
    return answer->complete ? HPE_PAUSED : 0;
}

void answer_init(struct http_answer *answer, bool (*body)(void *argument, const char *bytes, size_t len),
                 void *argument)
{
    static const llhttp_settings_t callbacks = {
        .on_header_field = on_header_field,
        .on_header_field_complete = on_header_field_complete,
        .on_header_value = on_header_value,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };
    memset(answer, 0, sizeof *answer);
    answer->body = body;
    answer->argument = argument;
    answer->length = ANSWER_LENGTH_UNKNOWN;
    llhttp_init(&answer->parser, HTTP_RESPONSE, &callbacks);
    answer->parser.data = answer;
}

bool answer_feed(struct http_answer *answer, const char *bytes, size_t len)
{
    if (answer->complete)
        return true; /* bytes behind it are of no use */
    return llhttp_execute(&answer->parser, bytes, len) == HPE_OK || answer->complete;
}

bool answer_end(struct http_answer *answer)
{
    if (!answer->complete && answer->status != 0 && llhttp_message_needs_eof(&answer->parser))
        answer->complete = llhttp_finish(&answer->parser) == HPE_OK || answer->complete;
    return answer->complete;
}

const char *answer_problem(const struct http_answer *answer)
{
    if (answer->stopped)
        return "the output cannot be written";
    if (answer->too_large)
        return "the head of the answer is too large";
    if (llhttp_get_errno(&answer->parser) != HPE_OK && !answer->complete)
        return "the answer is no HTTP";
    return answer->status == 0 ? "there is no answer" : "the answer ends early";
}
