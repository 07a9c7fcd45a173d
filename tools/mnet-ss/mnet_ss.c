/* mnet-ss: the listeners and connections of a running program, as ss shows those of Linux.
 *
 * It connects to the socket of --status=FILE, or to that of a machine's console with
 * --status=console (QEMU: -serial unix:FILE,server=on,wait=off), and asks: see src/stack/status.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "stack/status.h"

#define PATIENCE_MS 5000
#define FIELDS_MAX 40
#define LINE_MAX 1024

static const char help[] =
    "usage: mnet-ss [OPTION...] SOCKET\n"
    "\n"
    "The TCP connections of a program that was started with --status=SOCKET, or of a machine with\n"
    "--status=console whose console is this socket.\n"
    "\n"
    "  -a, --all           listeners, too\n"
    "  -l, --listening     listeners only\n"
    "  -i, --info          what each connection knows about its path\n"
    "  -w, --watch[=SECONDS]  again and again, every second by default\n"
    "  -h, --help          this text\n";

struct choice {
    bool listening, connections, info;
    double every; /* seconds; 0: once */
    const char *socket;
};

static _Noreturn void refuse(const char *what, const char *why)
{
    fprintf(stderr, "mnet-ss: %s: %s\n", what, why);
    exit(1);
}

/* ---- Words of the command line ---- */

static void set_watch(struct choice *choice, const char *word, const char *value)
{
    char *end;
    choice->every = value != NULL ? strtod(value, &end) : 1;
    if (value != NULL && (end == value || *end != '\0' || choice->every < 0.05 || choice->every > 86400))
        refuse(word, "expected seconds, 0.05 to 86400");
}

static bool take_option(struct choice *choice, const char *word)
{
    if (strcmp(word, "-a") == 0 || strcmp(word, "--all") == 0)
        choice->listening = choice->connections = true;
    else if (strcmp(word, "-l") == 0 || strcmp(word, "--listening") == 0)
        choice->listening = true;
    else if (strcmp(word, "-i") == 0 || strcmp(word, "--info") == 0)
        choice->info = true;
    else if (strcmp(word, "-w") == 0 || strcmp(word, "--watch") == 0)
        set_watch(choice, word, NULL);
    else if (strncmp(word, "--watch=", 8) == 0)
        set_watch(choice, word, word + 8);
    else
        return false;
    return true;
}

static struct choice read_words(char **words)
{
    struct choice choice = {.socket = NULL};
    for (char **word = words + 1; *word != NULL; word++) {
        if (strcmp(*word, "-h") == 0 || strcmp(*word, "--help") == 0) {
            fputs(help, stdout);
            exit(0);
        }
        if (take_option(&choice, *word))
            continue;
        if ((*word)[0] == '-')
            refuse(*word, "there is no such option; see --help");
        if (choice.socket != NULL)
            refuse(*word, "expected only one socket");
        choice.socket = *word;
    }
    if (choice.socket == NULL)
        refuse("SOCKET", "expected the file of --status=FILE; see --help");
    choice.connections |= !choice.listening;
    return choice;
}

/* ---- A line of the answer ---- */

/* "ESTABLISHED LOCAL REMOTE name=value ...", cut in place. */
struct record {
    const char *state, *local, *remote;
    unsigned count;
    const char *names[FIELDS_MAX], *values[FIELDS_MAX];
};

static bool read_record(char *line, struct record *record)
{
    char *rest;
    record->count = 0;
    record->state = strtok_r(line, " ", &rest);
    record->local = strtok_r(NULL, " ", &rest);
    record->remote = strtok_r(NULL, " ", &rest);
    if (record->remote == NULL)
        return false;
    for (char *word; record->count < FIELDS_MAX && (word = strtok_r(NULL, " ", &rest)) != NULL;) {
        char *equals = strchr(word, '=');
        if (equals == NULL)
            return false;
        *equals = '\0';
        record->names[record->count] = word;
        record->values[record->count++] = equals + 1;
    }
    return true;
}

/* Returns the value of a field, "0" if the record has none. */
static const char *value(const struct record *record, const char *name)
{
    for (unsigned i = 0; i < record->count; i++)
        if (strcmp(record->names[i], name) == 0)
            return record->values[i];
    return "0";
}

static void print_info(const struct record *record)
{
    double rtt = atof(value(record, "rtt_us")) / 1000, variation = atof(value(record, "rttvar_us")) / 1000;
    double rto = atof(value(record, "rto_us")) / 1000, least = atof(value(record, "min_rtt_us")) / 1000;
    bool no_loss = strcmp(value(record, "ssthresh"), "4294967295") == 0;
    printf("\t%s rtt:%.3f/%.3f ms minrtt:%.3f rto:%.0f mss:%s pmtu:%s cwnd:%s", value(record, "congestion"), rtt,
           variation, least, rto, value(record, "mss"), value(record, "path_mtu"), value(record, "cwnd"));
    if (!no_loss)
        printf(" ssthresh:%s", value(record, "ssthresh"));
    printf(" %s in_flight:%s", value(record, "loss"), value(record, "in_flight"));
    static const char *const seldom[] = {"lost", "sacked", "out_of_order", "retransmitted", "backoff", "pacing"};
    for (unsigned i = 0; i < sizeof seldom / sizeof seldom[0]; i++)
        if (strcmp(value(record, seldom[i]), "0") != 0)
            printf(" %s:%s", seldom[i], value(record, seldom[i]));
    printf(" snd_wnd:%s rcv_wnd:%s acked:%s received:%s\n", value(record, "snd_wnd"), value(record, "rcv_wnd"),
           value(record, "acked"), value(record, "received"));
}

static void print_record(const struct choice *choice, const struct record *record)
{
    bool listening = strcmp(record->remote, "*") == 0;
    if (listening ? !choice->listening : !choice->connections)
        return;
    char queued[24];
    snprintf(queued, sizeof queued, "%llu",
             strtoull(value(record, "unacked"), NULL, 10) + strtoull(value(record, "unsent"), NULL, 10));
    printf("%-12s %8s %8s %28s %28s\n", record->state, value(record, listening ? "backlog" : "unread"),
           listening ? value(record, "backlog_max") : queued, record->local, record->remote);
    if (choice->info && value(record, "congestion")[0] != '0')
        print_info(record);
}

/* ---- The other end ---- */

static int connect_to(const char *file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(file) >= sizeof address.sun_path)
        refuse(file, "the name is too long for a socket");
    strcpy(address.sun_path, file);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        refuse(file, strerror(errno));
    return fd;
}

/* Bytes that have come, and are no whole line yet. */
struct input {
    int fd;
    size_t len, line; /* of all, and of the line with its end */
    char bytes[LINE_MAX];
};

/* Returns the next line, without its end, in input->bytes; false if there is none within 5 s.
 * The line is removed by drop_line. */
static bool read_line(struct input *input)
{
    for (;;) {
        char *end = memchr(input->bytes, '\n', input->len);
        if (end != NULL) {
            *end = '\0';
            input->line = (size_t)(end - input->bytes) + 1;
            return true;
        }
        if (input->len == sizeof input->bytes)
            input->len = 0; /* a line of the program's, longer than any of ours */
        struct pollfd readable = {input->fd, POLLIN, 0};
        if (poll(&readable, 1, PATIENCE_MS) <= 0)
            return false;
        ssize_t got = read(input->fd, input->bytes + input->len, sizeof input->bytes - input->len);
        if (got <= 0)
            return false;
        input->len += (size_t)got;
    }
}

static void drop_line(struct input *input)
{
    memmove(input->bytes, input->bytes + input->line, input->len -= input->line);
}

/* Prints an answer. Returns false if the line shows that it was the last one. */
static bool take_line(const struct choice *choice, char *line)
{
    struct record record;
    line[strcspn(line, "\r")] = '\0';
    char *found = strstr(line, MN_STATUS_PREFIX); /* a prompt may stand in front */
    if (found == NULL)
        return true;
    if (strcmp(found + strlen(MN_STATUS_PREFIX), "end") == 0)
        return false;
    char copy[LINE_MAX];
    strcpy(copy, found + strlen(MN_STATUS_PREFIX));
    if (read_record(copy, &record))
        print_record(choice, &record);
    return true;
}

static void show(const struct choice *choice)
{
    static const char question[] = MN_STATUS_QUESTION "\n";
    struct input input = {.fd = connect_to(choice->socket), .len = 0};
    if (write(input.fd, question, sizeof question - 1) != (ssize_t)sizeof question - 1)
        refuse(choice->socket, strerror(errno));
    if (choice->every > 0 && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    printf("%-12s %8s %8s %28s %28s\n", "State", "Recv-Q", "Send-Q", "Local", "Peer");
    for (bool more = true; more;) {
        if (!read_line(&input))
            refuse(choice->socket, "no answer");
        more = take_line(choice, input.bytes);
        drop_line(&input);
    }
    fflush(stdout);
    close(input.fd);
}

int main(int argc, char **argv)
{
    (void)argc;
    struct choice choice = read_words(argv);
    show(&choice);
    while (choice.every > 0 && !ferror(stdout)) {
        struct timespec pause = {(time_t)choice.every, (long)((choice.every - (double)(time_t)choice.every) * 1e9)};
        nanosleep(&pause, NULL);
        show(&choice);
    }
    return 0;
}
