/* Runs httpd on one simulated host, with a fixed set of files, and a client on another host. */
#ifndef TESTS_HTTPD_SITE_H
#define TESTS_HTTPD_SITE_H

#include <mnet/mnet.h>
#include <mnet/sim.h>

#define SITE_LARGE ((uint64_t)50 << 20) /* the size of the file "large", which consists of 'L' */

#define HOST "Host: example.org\r\n"

/* Runs `run` on the client's host while the server serves. Returns the result of `run`. */
int site_visit(int (*run)(struct mnet_env *env, void *argument), void *argument, const char *server_options);
/* For the client's tasks. site_connect connects, and site_say writes `text`. site_hear reads up to
 * the end of the stream, the deadline or an error, which it returns. */
struct mnet_flow *site_connect(struct mnet_stack *stack);
int site_say(struct mnet_flow *flow, const char *text);
ptrdiff_t site_hear(struct mnet_flow *flow, char *text, size_t size, uint64_t deadline);

/* Makes a whole connection: sends `request` and the end of the stream, and returns everything that
 * the server sends until it closes. */
const char *site_ask(const char *request);
const char *site_ask_bytes(const char *request, size_t len);

/* For tasks: a failed check ends the task and the visit. */
void site_fail(const char *file, int line, const char *what, const char *seen);
#define site_check(condition) \
    do { \
        if (!(condition)) \
            site_fail(__FILE__, __LINE__, #condition, ""); \
    } while (0)
#define site_check_range(value, least, most) \
    do { \
        uint64_t value_ = (value); \
        site_check(value_ >= (least) && value_ <= (most)); \
    } while (0)

/* Check the status codes of all answers ("200 404"), and that the answer contains a line, or does
 * not. site_body returns the part after the first header. */
void site_expect_statuses(const char *answer, const char *statuses);
void site_expect_line(const char *answer, const char *line);
void site_expect_no_line(const char *answer, const char *line);
void site_expect_body(const char *answer, const char *body);

#endif
