#include "support/httpd_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "examples/httpd/files.h"

/* ---- The files ---- */

static const struct {
    const char *path, *etag, *bytes;
} site[] = {
    {"index.html", "\"root\"", "<p>root</p>\n"}, {"ten.txt", "\"ten\"", "0123456789"},
    {"fresh.txt", "W/\"fresh\"", "fresh"},       {"empty", "\"empty\"", ""},
    {"PAGE.HTML", "\"page\"", "page"},           {"sub/index.html", "\"sub\"", "sub"},
    {"a b/c d", "\"blanks\"", "blanks"},
};
#define LARGE_HANDLE 1000

const char files_usage[] = "";

bool files_open(const char *where)
{
    (void)where;
    return true;
}

void files_close(void)
{
}

enum file_result file_open(const char *path, struct file *file)
{
    size_t len = strlen(path);
    if (strcmp(path, "large") == 0) {
        *file = (struct file){.size = SITE_LARGE, .handle = LARGE_HANDLE, .etag = "\"large\""};
        return FILE_OPENED;
    }
    for (size_t i = 0; i < sizeof site / sizeof site[0]; i++) {
        if (strcmp(site[i].path, path) == 0) {
            *file = (struct file){.size = strlen(site[i].bytes), .handle = (intptr_t)i};
            memcpy(file->etag, site[i].etag, strlen(site[i].etag) + 1);
            return FILE_OPENED;
        }
        if (strncmp(site[i].path, path, len) == 0 && (len == 0 || site[i].path[len] == '/'))
            return FILE_IS_FOLDER;
    }
    return FILE_MISSING;
}

ptrdiff_t file_read(const struct file *file, uint64_t offset, void *buffer, size_t len)
{
    if (file->handle == LARGE_HANDLE)
        memset(buffer, 'L', len);
    else
        memcpy(buffer, site[file->handle].bytes + offset, len);
    return (ptrdiff_t)len;
}

void file_close(struct file *file)
{
    (void)file;
}

/* ---- The network ---- */

static int serve(struct mnet_env *env, void *argument)
{
    (void)argument;
    return mnet_main(env);
}

static void ignore(void *context, struct mnet_sim_host *host, bool error, const char *text, size_t len)
{
    (void)context;
    (void)host;
    (void)error;
    (void)text;
    (void)len;
}

int site_visit(int (*run)(struct mnet_env *env, void *argument), void *argument, const char *server_options)
{
    char arguments[256] = "--ipv4=10.0.0.2/24 ";
    strcat(arguments, server_options);
    struct mnet_sim_host_options server_host = {.arguments = arguments, .program = &mnet_program};
    struct mnet_sim *sim = mnet_sim_create(1);
    assert_non_null(sim);
    mnet_sim_console(sim, ignore, NULL);
    struct mnet_sim_host *server = mnet_sim_host(sim, "server", &server_host);
    struct mnet_sim_host *client = mnet_sim_host(sim, "client",
                                                 &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.1/24"});
    assert_true(server != NULL && client != NULL);
    assert_true(mnet_sim_link(sim, server, client, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND}));
    mnet_sim_serve(server, serve, NULL);
    mnet_sim_spawn(client, run, argument);
    int result = mnet_sim_run(sim, 7200 * MNET_SECOND);
    mnet_sim_destroy(sim);
    return result;
}

struct mnet_flow *site_connect(struct mnet_stack *stack)
{
    struct mnet_flow *flow;
    site_check(mnet_tcp_connect(stack, mnet_ipv4(10, 0, 0, 2), 80, &flow, mnet_now() + 30 * MNET_SECOND) == 0);
    return flow;
}

int site_say(struct mnet_flow *flow, const char *text)
{
    return mnet_tcp_write(flow, text, strlen(text), NULL, mnet_now() + 30 * MNET_SECOND);
}

ptrdiff_t site_hear(struct mnet_flow *flow, char *text, size_t size, uint64_t deadline)
{
    size_t len = 0;
    ptrdiff_t got = 1;
    while (got > 0 && len < size - 1) {
        got = mnet_tcp_read(flow, text + len, size - 1 - len, deadline);
        len += got > 0 ? (size_t)got : 0;
    }
    text[len] = '\0';
    return got;
}

/* ---- One exchange ---- */

struct exchange {
    const char *request;
    size_t len;
    char *answer;
    size_t size;
};

static int exchange(struct mnet_env *env, void *argument)
{
    struct exchange *it = argument;
    struct mnet_stack *stack;
    mnet_sleep(mnet_now() + MNET_MILLISECOND); /* until the server listens */
    site_check(mnet_stack_up(env, NULL, &stack) == 0);
    struct mnet_flow *flow = site_connect(stack);
    mnet_tcp_write(flow, it->request, it->len, NULL, mnet_now() + 30 * MNET_SECOND);
    mnet_tcp_shutdown(flow, MNET_SHUTDOWN_WRITE);
    site_check(site_hear(flow, it->answer, it->size, mnet_now() + 30 * MNET_SECOND) == 0);
    mnet_tcp_close(flow);
    return 0;
}

const char *site_ask_bytes(const char *request, size_t len)
{
    static char answer[65536];
    struct exchange it = {request, len, answer, sizeof answer};
    assert_int_equal(site_visit(exchange, &it, ""), 0);
    return answer;
}

const char *site_ask(const char *request)
{
    return site_ask_bytes(request, strlen(request));
}

/* ---- Checks of answers, in a task or in a test ---- */

void site_fail(const char *file, int line, const char *what, const char *seen)
{
    if (mnet_self() == NULL)
        fail_msg("%s: %s", what, seen);
    print_error("%s:%d: %s: %s\n", file, line, what, seen);
    mnet_exit(MNET_E_INVALID);
}

void site_expect_statuses(const char *answer, const char *statuses)
{
    char found[256] = "";
    for (const char *at = answer; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++) {
        strcat(found, found[0] != '\0' ? " " : "");
        strncat(found, at + 9, 3);
    }
    if (strcmp(found, statuses) != 0)
        site_fail(__FILE__, __LINE__, statuses, answer);
}

void site_expect_line(const char *answer, const char *line)
{
    if (strstr(answer, line) == NULL)
        site_fail(__FILE__, __LINE__, line, answer);
}

void site_expect_no_line(const char *answer, const char *line)
{
    if (strstr(answer, line) != NULL)
        site_fail(__FILE__, __LINE__, line, answer);
}

void site_expect_body(const char *answer, const char *body)
{
    const char *end = strstr(answer, "\r\n\r\n");
    if (end == NULL || strcmp(end + 4, body) != 0)
        site_fail(__FILE__, __LINE__, body, answer);
}
