/* httpd: the files of a folder over HTTP/1.1 (RFC 9112), with persistent connections and
 * pipelining.
 *
 * httpd-tap --net:service=tap0 --ipv4=10.0.0.2/24 FOLDER and on Linux: curl http://10.0.0.2/
 *
 * With --tls-cert=FILE --tls-key=FILE it speaks HTTPS, on port 443. With --metrics, /metrics is the
 * state of the stack, for Prometheus.
 *
 * A machine that has no folders serves an archive, which is part of the program: files.h.
 */
#include <mnet/mnet.h>
#include <string.h>

#include "client.h"
#include "files.h"
#include "secure.h"

#define PRESSURE_NS MNET_SECOND /* how often a look is taken whether clients were turned away */
#define SHED_MAX 64u            /* clients at a time */
#define ADDRESSES_MAX 32u

struct server {
    struct mnet_group clients;
    struct client_house house;
    struct mnet_flow *arrived; /* for the task that has just been spawned */
    uint64_t turned_away;
};

static int serve_client(void *argument)
{
    struct server *server = argument;
    struct mnet_flow *flow = server->arrived;
    server->arrived = NULL;
    client_serve(&server->house, flow);
    return 0;
}

static void collect(struct server *server)
{
    while (mnet_group_reap(&server->clients, NULL)) {
    }
}

/* A task for a new client: if there is no memory for one more, the client that has got on least
 * recently goes. */
static void welcome(struct server *server, struct mnet_flow *flow)
{
    int error = MNET_E_NO_MEMORY;
    server->arrived = flow;
    for (int attempt = 0; attempt < 2 && error == MNET_E_NO_MEMORY; attempt++) {
        error = mnet_group_spawn(&server->clients, serve_client, server);
        if (error == MNET_E_NO_MEMORY && (attempt > 0 || !client_shed_oldest(&server->house)))
            break;
        mnet_yield(); /* it takes its flow, or who was shed ends */
        collect(server);
    }
    if (error < 0) {
        mnet_tcp_abort(flow);
        server->arrived = NULL;
    }
}

/* If the stack has had no room for connections, so many clients go that there is. */
static void relieve(struct server *server)
{
    const struct mnet_counters *counters = mnet_stack_counters(server->house.stack);
    uint64_t turned_away = counters->value[MNET_COUNT_TCP_DROP_LIMIT] + counters->value[MNET_COUNT_TCP_DROP_MEMORY];
    uint64_t wanted = turned_away - server->turned_away;
    server->turned_away = turned_away;
    for (unsigned i = 0; i < SHED_MAX && i < wanted && client_shed_oldest(&server->house); i++) {
    }
}

static int accept_clients(struct server *server, struct mnet_listener *listener)
{
    for (;;) {
        struct mnet_flow *flow;
        uint64_t deadline = server->clients.count > 0 ? mnet_now() + PRESSURE_NS : MNET_NEVER;
        int error = mnet_tcp_accept(listener, &flow, deadline);
        collect(server);
        if (error == 0) {
            welcome(server, flow);
        } else if (error != MNET_E_DEADLINE) {
            return error;
        }
        relieve(server);
    }
}

/* Where clients find the server, as far as that was printed. */
struct announcer {
    struct mnet_env *env;
    struct mnet_stack *stack;
    const char *scheme;
    unsigned count;
    struct mnet_address told[ADDRESSES_MAX];
};

static bool was_told(const struct announcer *announcer, struct mnet_address address)
{
    for (unsigned i = 0; i < announcer->count; i++)
        if (mnet_address_equal(announcer->told[i], address))
            return true;
    return false;
}

static void print_address(struct announcer *announcer, struct mnet_address address)
{
    char text[MNET_ADDRESS_TEXT];
    announcer->told[announcer->count++] = address;
    address.zone = 0; /* a client has a name of its own for the link */
    mnet_address_format(address, text, sizeof text);
    mnet_print(announcer->env, mnet_address_is_ipv4(address) ? "serving %s://%s/\n" : "serving %s://[%s]/\n",
               announcer->scheme, text);
}

/* Prints each address once, when clients may use it. Routers may advertise any number of networks:
 * there are ADDRESSES_MAX lines at most. */
static int announce(void *argument)
{
    struct announcer *announcer = argument;
    int error = 0;
    if (mnet_env_core(announcer->env) > 0)
        return 0; /* all cores have the same ones */
    while (error == 0 && announcer->count < ADDRESSES_MAX) {
        struct mnet_stack_address own[ADDRESSES_MAX];
        uint32_t seen = mnet_stack_changes(announcer->stack);
        unsigned count = mnet_stack_addresses(announcer->stack, own, ADDRESSES_MAX);
        for (unsigned i = 0; i < count && i < ADDRESSES_MAX && announcer->count < ADDRESSES_MAX; i++)
            if (own[i].state == MNET_ADDRESS_PREFERRED && !was_told(announcer, own[i].prefix.address))
                print_address(announcer, own[i].prefix.address);
        error = mnet_stack_await_change(announcer->stack, seen, MNET_NEVER);
    }
    return 0;
}

const char *httpd_option(struct mnet_env *env, const char *name)
{
    size_t len = strlen(name);
    for (char **word = mnet_env_argv(env) + 1; *word != NULL && strcmp(*word, "--") != 0; word++)
        if (strncmp(*word, name, len) == 0)
            return *word + len;
    return NULL;
}

static int serve(struct mnet_env *env, struct mnet_stack *stack, bool secure)
{
    struct mnet_listen_options options = {.backlog = 1024, .no_delay = true};
    struct mnet_listener *listener;
    int error = mnet_tcp_listen(stack, secure ? 443 : 80, &options, &listener);
    if (error < 0)
        return error;
    struct announcer announcer = {.env = env, .stack = stack, .scheme = secure ? "https" : "http"};
    struct server server = {.house = {.env = env, .stack = stack, .secure = secure}};
    server.house.metrics = httpd_option(env, "--metrics") != NULL;
    struct mnet_task *task = NULL;
    error = mnet_spawn_sized(&task, MNET_TASK_STACK_MIN, announce, &announcer);
    if (error == 0)
        error = accept_clients(&server, listener);
    mnet_tcp_unlisten(listener);
    mnet_group_cancel(&server.clients);
    mnet_cancel(task);
    if (mnet_join(task, NULL, MNET_NEVER) < 0 || mnet_group_join(&server.clients, MNET_NEVER) < 0) {
        mnet_exit(error); /* cancelled: this frame stays until they have ended */
    }
    return error;
}

const struct mnet_program mnet_program = {
    .arguments = files_usage,
    .summary = "A web server of static files, on port 80, or with TLS on port 443.",
    .options = httpd_options,
};

static void close_files(void *unused)
{
    (void)unused;
    secure_close();
    files_close();
}

/* Opens the files of the first word that is no option. Returns whether there is just that. */
static bool open_files(struct mnet_env *env)
{
    const char *where = NULL; /* if there is no such word */
    unsigned words = 0;
    bool options = true;
    for (char **word = mnet_env_argv(env) + 1; *word != NULL; word++) {
        if (options && (*word)[0] == '-' && (*word)[1] == '-')
            options = (*word)[2] != '\0';
        else if (words++ == 0)
            where = *word;
    }
    return words <= 1 && files_open(where);
}

int mnet_main(struct mnet_env *env)
{
    if (!open_files(env))
        return mnet_env_usage(env);
    struct mnet_owned files; /* for as long as there are clients */
    mnet_own(&files, close_files, NULL);
    int secure = secure_open(env);
    struct mnet_stack *stack;
    int error = secure < 0 ? 1 : mnet_stack_up(env, NULL, &stack);
    if (error == 0) {
        secure_set_clock(stack);
        error = serve(env, stack, secure > 0);
    }
    mnet_finalise(&files);
    return error;
}
