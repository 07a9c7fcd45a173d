/* The demonstration of `make run-tap` without a kernel to talk to: httpd on one simulated host
 * serves a folder to a client on another, over a link of 100 Mbit/s and 5 ms with 1 % loss, in
 * virtual time.
 *
 *   sim_demo [--capture=FILE] [--trace=FILE] FOLDER FILE...
 *
 * The capture is the server's. The trace has a line for each of its segments, with the state of the
 * connection after it, for scripts/plot.
 */
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#define TIMEOUT (60 * MNET_SECOND)

struct visit {
    const char *folder;
    char **files;
    int file_count;
    const char *capture; /* or NULL */
    FILE *trace;         /* or NULL */
};

/* An answer, as the client reads it. */
struct demo_answer {
    llhttp_t parser;
    FILE *expected;
    size_t bytes;
    bool same, complete;
};

static int take_body(llhttp_t *parser, const char *at, size_t len)
{
    struct demo_answer *answer = parser->data;
    char expected[4096];
    answer->bytes += len;
    while (len > 0 && answer->same) {
        size_t piece = len < sizeof expected ? len : sizeof expected;
        answer->same = fread(expected, 1, piece, answer->expected) == piece && memcmp(expected, at, piece) == 0;
        at += piece;
        len -= piece;
    }
    return 0;
}

static int take_end(llhttp_t *parser)
{
    struct demo_answer *answer = parser->data;
    answer->complete = true;
    answer->same = answer->same && fgetc(answer->expected) == EOF;
    return 0;
}

static int read_answer(struct mnet_flow *flow, struct demo_answer *answer)
{
    static const llhttp_settings_t callbacks = {.on_body = take_body, .on_message_complete = take_end};
    llhttp_init(&answer->parser, HTTP_RESPONSE, &callbacks);
    answer->parser.data = answer;
    while (!answer->complete) {
        char buffer[4096];
        ptrdiff_t len = mnet_tcp_read(flow, buffer, sizeof buffer, mnet_now() + TIMEOUT);
        if (len <= 0)
            return len < 0 ? (int)len : MNET_E_END_OF_FILE;
        if (llhttp_execute(&answer->parser, buffer, (size_t)len) != HPE_OK)
            return MNET_E_IO;
    }
    return 0;
}

/* One line of output; whether the file came as it is. */
static bool fetch(struct mnet_env *env, struct mnet_flow *flow, const char *folder, const char *file)
{
    char path[4096], request[4096];
    struct demo_answer answer = {.same = true};
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int len = snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\nHost: server\r\n\r\n", file);
    answer.expected = fopen(path, "rb");
    if (answer.expected == NULL) {
        mnet_print(env, "%s cannot be read\n", path);
        return false;
    }
    uint64_t begun = mnet_now();
    int error = mnet_tcp_write(flow, request, (size_t)len, NULL, mnet_now() + TIMEOUT);
    error = error == 0 ? read_answer(flow, &answer) : error;
    unsigned long microseconds = (unsigned long)((mnet_now() - begun) / 1000);
    fclose(answer.expected);
    if (error < 0) {
        mnet_print(env, "%s: %s\n", file, mnet_strerror(error));
        return false;
    }
    mnet_print(env, "%d  %8lu bytes  %8lu.%02lu ms  http://10.0.0.2/%s%s\n", (int)answer.parser.status_code,
               (unsigned long)answer.bytes, microseconds / 1000, microseconds % 1000 / 10, file,
               answer.same ? "" : "  DIFFERS from the file");
    return answer.same && answer.parser.status_code == HTTP_STATUS_OK;
}

static int browse(struct mnet_env *env, void *argument)
{
    struct visit *visit = argument;
    struct mnet_stack *stack;
    struct mnet_flow *flow;
    mnet_sleep(mnet_now() + MNET_MILLISECOND); /* the server begins to listen */
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_tcp_connect(stack, mnet_ipv4(10, 0, 0, 2), 80, &flow, mnet_now() + TIMEOUT);
    if (error < 0) {
        mnet_print(env, "%s\n", mnet_strerror(error));
        return error;
    }
    bool well = true;
    for (int i = 0; i < visit->file_count; i++)
        well = fetch(env, flow, visit->folder, visit->files[i]) && well;
    mnet_tcp_close(flow);
    return well ? 0 : MNET_E_IO;
}

static int serve(struct mnet_env *env, void *argument)
{
    (void)argument;
    return mnet_main(env); /* that of httpd */
}

static void write_segment(void *context, uint64_t now, const struct mnet_tcp_segment *segment,
                          const struct mnet_tcp_info *info)
{
    const struct visit *visit = context;
    char state[1024], words[128];
    mnet_tcp_info_format(info, state, sizeof state);
    mnet_tcp_segment_format(segment, words, sizeof words);
    fprintf(visit->trace, "%lu.%09lu %s %s\n", (unsigned long)(now / MNET_SECOND), (unsigned long)(now % MNET_SECOND),
            state, words);
}

static const char usage[] = "usage: sim_demo [--capture=FILE] [--trace=FILE] FOLDER FILE...\n";

static bool open_trace(struct visit *visit, const char *file)
{
    visit->trace = fopen(file, "w");
    if (visit->trace == NULL)
        fprintf(stderr, "sim_demo: --trace=%s cannot be written\n", file);
    return visit->trace != NULL;
}

/* Returns false after a line on the standard error. */
static bool read_words(struct visit *visit, char **words)
{
    for (; *words != NULL && strncmp(*words, "--", 2) == 0; words++) {
        if (strncmp(*words, "--capture=", 10) == 0)
            visit->capture = *words + 10;
        else if (strncmp(*words, "--trace=", 8) != 0)
            break;
        else if (!open_trace(visit, *words + 8))
            return false;
    }
    visit->folder = words[0];
    visit->files = words + 1;
    while (words[0] != NULL && words[1 + visit->file_count] != NULL)
        visit->file_count++;
    if (visit->file_count > 0 && words[0][0] != '-' && strchr(words[0], ' ') == NULL)
        return true;
    fputs(usage, stderr);
    return false;
}

int main(int argc, char **argv)
{
    struct visit visit = {.trace = NULL};
    struct mnet_sim_path path = {
        .bandwidth_bps = 100000000, .delay_ns = 5 * MNET_MILLISECOND, .queue_bytes = 256 * 1024, .loss_ppm = 10000};
    char arguments[MNET_SIM_ARGUMENTS];
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (!read_words(&visit, argv + 1))
        return 1;
    int len = snprintf(arguments, sizeof arguments, "--ipv4=10.0.0.2/24 %s%s %s",
                       visit.capture != NULL ? "--capture=" : "", visit.capture != NULL ? visit.capture : "",
                       visit.folder);
    if (len >= (int)sizeof arguments) {
        fputs("sim_demo: the names of files are too long\n", stderr);
        return 1;
    }
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_host_options server_options = {.arguments = arguments, .program = &mnet_program};
    if (visit.trace != NULL)
        server_options.trace = (struct mnet_tcp_trace){.segment = write_segment, .context = &visit};
    struct mnet_sim_host_options client_options = {.arguments = "--ipv4=10.0.0.1/24"};
    struct mnet_sim_host *server = sim != NULL ? mnet_sim_host(sim, "server", &server_options) : NULL;
    struct mnet_sim_host *client = sim != NULL ? mnet_sim_host(sim, "client", &client_options) : NULL;
    if (server == NULL || client == NULL || !mnet_sim_link(sim, server, client, &path))
        return 1;
    mnet_sim_serve(server, serve, NULL);
    mnet_sim_spawn(client, browse, &visit);
    int result = mnet_sim_run(sim, 600 * MNET_SECOND);
    printf(result == 0 ? "all pages are as they are in the files\n" : "the check FAILED\n");
    mnet_sim_destroy(sim);
    if (visit.trace != NULL)
        fclose(visit.trace);
    return result == 0 ? 0 : 1;
}
