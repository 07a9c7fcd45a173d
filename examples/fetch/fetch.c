/* fetch: a file from a web server, by http or https.
 *
 * fetch-tap --net:service=tap0 --dhcp https://host.example/file
 *
 * It looks the name up, connects by the family that answers first, verifies the server, follows
 * where it is sent, and writes the file to the standard output. Messages go to the error output.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mnet/mnet.h>
#include <mnet/tls.h>

#include "answer.h"
#include "progress.h"
#include "url.h"

#define CONNECT_PATIENCE (30 * MNET_SECOND)
#define SILENCE_PATIENCE (60 * MNET_SECOND)
#define CLOCK_PATIENCE (5 * MNET_SECOND)
#define REDIRECTS_MAX 10

/* Times at which the phases of a request ended; 0: there was none. */
struct phases {
    uint64_t begun, looked_up, connected, secured, answered, ended;
};

struct fetch {
    struct mnet_env *env;
    struct mnet_stack *stack;
    struct mnet_tls_context *context;
    const char *range, *cacert, *output_name, *key_log_name; /* options, or NULL */
    bool insecure, times, verbose;
    FILE *output, *key_log;
    struct url url;
    struct phases phases;
    struct progress progress;
    struct http_answer answer;
};

const struct mnet_program mnet_program = {
    .arguments = "URL",
    .summary = "Fetches a file from a web server, by http or https.",
    .options =
        (const struct mnet_program_option[]){
            {"--output=", "FILE", "write there instead of to the standard output"},
            {"--range=", "FIRST-LAST", "fetch these bytes only"},
            {"--cacert=", "FILE", "trust the certificates in it, instead of the system's"},
            {"--insecure", NULL, "believe any certificate"},
            {"--key-log=", "FILE", "add the secrets of TLS to it, for Wireshark"},
            {"--times", NULL, "show the time that each phase took"},
            {"--verbose", NULL, "show what is connected to, and the answer"},
            {NULL, NULL, NULL},
        },
};

/* Says why there is no file. Returns 1, the exit status. */
__attribute__((format(printf, 1, 2))) static int complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("fetch: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    return 1;
}

/* ---- Connecting ---- */

/* The name is looked up a second time by a task of its own: it is the same question, and shows when
 * the answer has come. */
static int note_lookup(void *argument)
{
    struct fetch *fetch = argument;
    struct mnet_address address;
    if (mnet_dns_resolve(fetch->stack, fetch->url.host, &address, 1, fetch->phases.begun + CONNECT_PATIENCE) > 0)
        fetch->phases.looked_up = mnet_now();
    return 0;
}

static int connect_host(struct fetch *fetch, struct mnet_flow **flow)
{
    struct mnet_task *lookup;
    fetch->phases = (struct phases){.begun = mnet_now()};
    if (mnet_spawn(&lookup, note_lookup, fetch) < 0)
        return complain("no memory");
    int error = mnet_tcp_connect_name(fetch->stack, fetch->url.host, fetch->url.port, NULL, flow,
                                      fetch->phases.begun + CONNECT_PATIENCE);
    fetch->phases.connected = mnet_now();
    mnet_cancel(lookup);
    mnet_join(lookup, NULL, MNET_NEVER);
    if (error < 0)
        return complain("%s: %s", fetch->url.host, mnet_strerror(error));
    return 0;
}

static void show_connection(struct mnet_stream stream)
{
    char text[MNET_TCP_TEXT + 32];
    fprintf(stderr, "connected: %s\n", mnet_stream_describe(stream, text, sizeof text));
}

static void show_session(struct mnet_tls *tls)
{
    struct mnet_tls_info info;
    mnet_tls_info(tls, &info);
    fprintf(stderr, "secured: %s, %s, certificate %s\n", info.version, info.cipher, info.peer);
}

static int secure(struct fetch *fetch, struct mnet_stream *stream)
{
    struct mnet_tls *tls;
    int error = mnet_tls_connect(fetch->context, *stream, fetch->url.host, &tls, mnet_now() + CONNECT_PATIENCE);
    if (error < 0)
        return complain("%s: %s (%s)", fetch->url.host, mnet_tls_strerror(error),
                        error <= MNET_E_TLS_FILE ? mnet_tls_reason(fetch->context) : "TLS");
    fetch->phases.secured = mnet_now();
    *stream = mnet_tls_stream(tls);
    if (fetch->verbose)
        show_session(tls);
    return 0;
}

/* ---- The exchange ---- */

static int send_request(struct fetch *fetch, struct mnet_stream stream)
{
    char request[URL_TARGET_MAX + URL_HOST_MAX + 512], host[URL_HOST_MAX + 16];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: mnet-fetch/" MNET_VERSION
                       "\r\nAccept: */*\r\nConnection: close\r\n",
                       fetch->url.target, url_authority(&fetch->url, host, sizeof host));
    if (fetch->range != NULL)
        len += snprintf(request + len, sizeof request - (size_t)len, "Range: bytes=%.200s\r\n", fetch->range);
    len += snprintf(request + len, sizeof request - (size_t)len, "\r\n");
    int error = mnet_stream_write(stream, request, (size_t)len, NULL, mnet_now() + SILENCE_PATIENCE);
    return error < 0 ? complain("the request: %s", mnet_tls_strerror(error)) : 0;
}

/* Returns true if the answer is the file, or the part of it that was asked for. */
static bool is_wanted(const struct fetch *fetch)
{
    return fetch->answer.status == (fetch->range != NULL ? 206 : 200);
}

static bool write_body(void *argument, const char *bytes, size_t len)
{
    struct fetch *fetch = argument;
    if (!is_wanted(fetch))
        return true; /* the page of an error */
    if (fwrite(bytes, 1, len, fetch->output) != len)
        return false;
    progress_show(&fetch->progress, fetch->answer.received, fetch->answer.length, false);
    return true;
}

static int receive(struct fetch *fetch, struct mnet_stream stream)
{
    ptrdiff_t got = 1;
    answer_init(&fetch->answer, write_body, fetch);
    while (got > 0 && !fetch->answer.complete) {
        char bytes[16384];
        got = mnet_stream_read(stream, bytes, sizeof bytes, mnet_now() + SILENCE_PATIENCE);
        if (fetch->phases.answered == 0)
            fetch->phases.answered = fetch->progress.begun = mnet_now();
        if (got > 0 && !answer_feed(&fetch->answer, bytes, (size_t)got))
            return complain("%s", answer_problem(&fetch->answer));
    }
    fetch->phases.ended = mnet_now();
    if (got < 0)
        return complain("the answer: %s", mnet_tls_strerror((int)got));
    if (!answer_end(&fetch->answer))
        return complain("%s", answer_problem(&fetch->answer));
    return 0;
}

/* Sends the request of the URL, and reads the answer. */
static int exchange(struct fetch *fetch)
{
    struct mnet_flow *flow;
    if (connect_host(fetch, &flow) != 0)
        return 1;
    struct mnet_stream stream = mnet_tcp_stream(flow);
    if (fetch->verbose)
        show_connection(stream);
    int failed = fetch->url.tls && secure(fetch, &stream) != 0;
    failed = failed || send_request(fetch, stream) != 0 || receive(fetch, stream) != 0;
    mnet_stream_close(stream);
    return failed;
}

/* ---- The whole ---- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Follows a Location, but never from https to http: the answer would be no secret any more. */
static int redirect(struct fetch *fetch)
{
    bool tls = fetch->url.tls;
    if (!url_resolve(&fetch->url, fetch->answer.location, &fetch->url))
        return complain("sent to a place that is no URL: %s", fetch->answer.location);
    if (tls && !fetch->url.tls)
        return complain("sent from https to http: %s", fetch->answer.location);
    if (fetch->verbose)
        fprintf(stderr, "sent to %s\n", fetch->answer.location);
    return 0;
}

static void show_phase(const char *name, uint64_t from, uint64_t to)
{
    if (to != 0)
        fprintf(stderr, "%-12s %8.3f s\n", name, (double)(to - from) / 1e9);
}

static void show_times(const struct fetch *fetch)
{
    const struct phases *phases = &fetch->phases;
    show_phase("name known", phases->begun, phases->looked_up);
    show_phase("connected", phases->begun, phases->connected);
    show_phase("secured", phases->begun, phases->secured);
    show_phase("first byte", phases->begun, phases->answered);
    show_phase("last byte", phases->begun, phases->ended);
    fprintf(stderr, "%-12s %8llu\n", "bytes", (unsigned long long)fetch->answer.received);
}

static int finish(struct fetch *fetch)
{
    if (is_wanted(fetch))
        progress_show(&fetch->progress, fetch->answer.received, fetch->answer.length, true);
    if (fetch->times)
        show_times(fetch);
    if (fflush(fetch->output) != 0)
        return complain("the output cannot be written");
    if (!is_wanted(fetch) && fetch->answer.status == 200)
        return complain("the server does not send parts of this file");
    if (!is_wanted(fetch))
        return complain("the server answers %d %s", fetch->answer.status,
                        llhttp_status_name((llhttp_status_t)fetch->answer.status));
    return 0;
}

static int fetch_file(struct fetch *fetch)
{
    for (unsigned redirects = 0;; redirects++) {
        if (exchange(fetch) != 0)
            return 1;
        if (fetch->verbose)
            fprintf(stderr, "answer: %d\n", fetch->answer.status);
        if (!is_redirect(fetch->answer.status) || fetch->answer.location[0] == '\0')
            return finish(fetch);
        if (redirects == REDIRECTS_MAX)
            return complain("sent on %d times", REDIRECTS_MAX);
        if (redirect(fetch) != 0)
            return 1;
    }
}

static void log_key(void *argument, const char *line)
{
    struct fetch *fetch = argument;
    fprintf(fetch->key_log, "%s\n", line);
    fflush(fetch->key_log);
}

/* Opens files, and creates the context of TLS. */
static int prepare(struct fetch *fetch)
{
    struct mnet_tls_options options = {.no_verify = fetch->insecure, .argument = fetch};
    if (fetch->output_name != NULL && (fetch->output = fopen(fetch->output_name, "w")) == NULL)
        return complain("%s cannot be written", fetch->output_name);
    if (fetch->key_log_name != NULL) {
        options.key_log = log_key;
        if ((fetch->key_log = fopen(fetch->key_log_name, "a")) == NULL)
            return complain("%s cannot be written", fetch->key_log_name);
    }
    int error = mnet_tls_context_create(&options, &fetch->context);
    if (error < 0)
        return complain("%s", mnet_tls_strerror(error));
    if (fetch->cacert != NULL && (error = mnet_tls_trust(fetch->context, mnet_tls_file(fetch->cacert))) < 0)
        return complain("%s: %s (%s)", fetch->cacert, mnet_tls_strerror(error), mnet_tls_reason(fetch->context));
    return 0;
}

/* Asks the time servers of --ntp and DHCP, and waits for them if there is no other clock: no
 * certificate is believed without one. */
static void set_clock(struct fetch *fetch)
{
    if (mnet_sntp_start(fetch->stack, NULL, 0) == 0 && mnet_wall_clock(fetch->stack) == 0 && fetch->url.tls)
        (void)mnet_sntp_await(fetch->stack, mnet_now() + CLOCK_PATIENCE);
}

static void clean_up(struct fetch *fetch)
{
    mnet_tls_context_free(fetch->context);
    if (fetch->output != stdout && fetch->output != NULL)
        fclose(fetch->output);
    if (fetch->key_log != NULL)
        fclose(fetch->key_log);
}

/* ---- The command line ---- */

static bool take_value(const char *word, const char *name, const char **value)
{
    size_t len = strlen(name);
    if (strncmp(word, name, len) != 0)
        return false;
    *value = word + len;
    return true;
}

static bool take_option(struct fetch *fetch, const char *word)
{
    if (strcmp(word, "--insecure") == 0)
        fetch->insecure = true;
    else if (strcmp(word, "--times") == 0)
        fetch->times = true;
    else if (strcmp(word, "--verbose") == 0)
        fetch->verbose = true;
    else
        return take_value(word, "--output=", &fetch->output_name) || take_value(word, "--range=", &fetch->range) ||
               take_value(word, "--cacert=", &fetch->cacert) || take_value(word, "--key-log=", &fetch->key_log_name);
    return true;
}

/* Returns true if the text is FIRST-LAST, FIRST- or -COUNT. A server ignores any other (RFC 9110
 * 14.2), and sends the whole file. */
static bool is_range(const char *text)
{
    size_t first = strspn(text, "0123456789");
    if (first > 18 || text[first] != '-')
        return false;
    const char *last = text + first + 1;
    size_t len = strspn(last, "0123456789");
    if (len > 18 || last[len] != '\0' || first + len == 0)
        return false;
    return first == 0 || len == 0 || strtoull(text, NULL, 10) <= strtoull(last, NULL, 10);
}

/* Returns 0, or the exit status. */
static int read_words(struct fetch *fetch)
{
    const char *url = NULL;
    for (char **word = mnet_env_argv(fetch->env) + 1; *word != NULL; word++) {
        if (take_option(fetch, *word) || strcmp(*word, "--") == 0)
            continue;
        if (url != NULL)
            return mnet_env_usage(fetch->env);
        url = *word;
    }
    if (url == NULL)
        return mnet_env_usage(fetch->env);
    if (!url_parse(url, &fetch->url))
        return complain("%s: not a URL of http or https", url);
    if (fetch->range != NULL && !is_range(fetch->range))
        return complain("--range=%s: not FIRST-LAST, FIRST- or -COUNT", fetch->range);
    return 0;
}

int mnet_main(struct mnet_env *env)
{
    static struct fetch fetch;
    fetch = (struct fetch){.env = env, .output = stdout, .progress = {.shown = isatty(STDERR_FILENO) == 1}};
    int failed = read_words(&fetch);
    if (failed == 0)
        failed = prepare(&fetch);
    if (failed == 0) {
        int error = mnet_stack_up(env, NULL, &fetch.stack);
        if (error == 0)
            set_clock(&fetch);
        failed = error < 0 ? error : fetch_file(&fetch);
    }
    clean_up(&fetch);
    return failed;
}
