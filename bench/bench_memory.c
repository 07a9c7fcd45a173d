/* Two stacks back to back in one process: the cost of the protocol if the network costs nothing.
 *
 * Both run on one event loop, on the real clock, joined by a pipe that copies each frame once, like
 * a DMA. Applications are ordinary tasks with blocking calls. The reference of each figure is
 * unavoidable: one memcpy and one checksum of the same bytes, in pieces of a segment, in the
 * same run; for memory, that of a connection of this machine's kernel. Figures of IPv6 have those
 * of IPv4 as their reference. Of several rounds the fastest counts: the others were disturbed.
 *
 * The figures of cores have such a pair of stacks in each of two threads, which share nothing.
 * Their reference is one such thread.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/checksum.h"
#include "bench/kernel_memory.h"
#include "ports/hosted/hosted.h"
#include "ports/hosted/stacks.h"

#define ROUNDS 5
#define MSS 1460u
#define CHUNK (64u * 1024u)
#define BULK_BYTES (128u << 20)
#define ROUND_TRIPS 10000u
#define MESSAGE 64u
#define SESSIONS 1000u
#define IDLE 10000u
#define LISTENERS 10000u
#define TIME_WAITS 10000u
#define CROWD 100000u
#define SILENT_EACH 25000u
#define HOST_MEMORY ((size_t)512 << 20)
#define CORES 2u
#define CORE_ROUNDS 15 /* more of them: all threads must be undisturbed in the same one */

enum measured_port {
    PORT_SINK = 1,
    PORT_ECHO,
    PORT_IDLE,
    PORT_SINK_LENT,
    PORT_CROWD, /* and the next two: all local ports are not enough for the connections to one */
    PORT_UNUSED = 1000,
    PORT_SILENT = 30000 /* and those behind it, for each SILENT_EACH connections */
};

struct host {
    struct mnet_env env;
    struct mnet_device *device;
    char *argv[4];
    struct mnet_stack *stack;
};

/* Each thread has stacks of its own. */
static _Thread_local struct mn_loop loop;
static _Thread_local struct host server, client;
static _Thread_local struct mnet_address server_address; /* of the family that is measured */
static uint8_t chunk[CHUNK];
static const char *only;
static unsigned rounds = ROUNDS;
static size_t host_memory = HOST_MEMORY;
static bool profiled; /* by a tool that counts instructions */

static _Noreturn void die(const char *what, int error)
{
    fprintf(stderr, "bench_memory: %s: %s\n", what, mnet_strerror(error));
    exit(1);
}

static void check(const char *what, int error)
{
    if (error < 0)
        die(what, error);
}

static void print(const char *name, double value, const char *unit, double reference)
{
    printf("%s %.2f %s %.2f %.3f\n", name, value, unit, reference, reference > 0 ? value / reference : 0);
    fflush(stdout);
}

/* Processor time: with both ends in one thread it is the time that passes, less that which other
 * processes take. */
static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * MNET_SECOND + (uint64_t)now.tv_nsec;
}

/* The clock of both stacks. In a profile it counts how often it was read, so the same instructions
 * run each time. */
static uint64_t now(void *context)
{
    static uint64_t readings;
    return profiled ? MNET_SECOND + MNET_MICROSECOND * readings++ : mn_hosted_now(context);
}

/* Nanoseconds of the fastest round. */
static double fastest(void (*round)(void))
{
    double best = 0;
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t begin = cpu_ns();
        round();
        double ns = (double)(cpu_ns() - begin);
        if (i == 0 || ns < best)
            best = ns;
    }
    return best;
}

/* ---- The servers ---- */

static int discard(void *argument)
{
    struct mnet_flow *flow = argument;
    static _Thread_local uint8_t bytes[CHUNK];
    while (mnet_tcp_read(flow, bytes, sizeof bytes, MNET_NEVER) > 0)
        ;
    mnet_tcp_close(flow);
    return 0;
}

static int discard_lent(void *argument)
{
    struct mnet_flow *flow = argument;
    struct mnet_slice slices[64];
    while (mnet_tcp_get(flow, slices, MN_COUNT_OF(slices), MNET_NEVER) > 0)
        mnet_tcp_release(flow);
    mnet_tcp_close(flow);
    return 0;
}

static int echo(void *argument)
{
    struct mnet_flow *flow = argument;
    uint8_t bytes[MESSAGE];
    ptrdiff_t len;
    while ((len = mnet_tcp_read(flow, bytes, sizeof bytes, MNET_NEVER)) > 0)
        check("echo", mnet_tcp_write(flow, bytes, (size_t)len, NULL, MNET_NEVER));
    mnet_tcp_close(flow);
    return 0;
}

static int echo_datagrams(void *argument)
{
    struct mnet_udp *udp;
    uint8_t bytes[MESSAGE];
    ptrdiff_t len;
    (void)argument;
    check("open", mnet_udp_open(server.stack, &(struct mnet_udp_options){.local.port = PORT_ECHO}, &udp));
    for (struct mnet_endpoint from; (len = mnet_udp_receive(udp, bytes, sizeof bytes, &from, MNET_NEVER)) >= 0;)
        check("send", mnet_udp_send(udp, &from, bytes, (size_t)len, MNET_NEVER));
    mnet_udp_close(udp);
    return 0;
}

/* The crowd's server is one task for all flows: those that have become readable stand in line. */
static _Thread_local struct mnet_flow *readable[CROWD + 1];
static _Thread_local unsigned readable_first, readable_last;
static _Thread_local struct mnet_condition readable_some;

static void note_readable(void *context, unsigned ready)
{
    if (!(ready & MNET_READABLE))
        return;
    readable[readable_last++ % MN_COUNT_OF(readable)] = context;
    mnet_condition_signal(&readable_some);
}

static void answer(struct mnet_flow *flow)
{
    uint8_t bytes[MESSAGE];
    ptrdiff_t len = mnet_tcp_read(flow, bytes, sizeof bytes, 0);
    if (len > 0)
        check("echo", mnet_tcp_write(flow, bytes, (size_t)len, NULL, MNET_NEVER));
    else if (len != MNET_E_DEADLINE)
        mnet_tcp_close(flow);
}

static int serve_crowd(void *argument)
{
    struct mnet_mutex mutex = {0};
    (void)argument;
    check("lock", mnet_mutex_lock(&mutex, MNET_NEVER));
    do {
        while (readable_first != readable_last)
            answer(readable[readable_first++ % MN_COUNT_OF(readable)]);
    } while (mnet_condition_wait(&readable_some, &mutex, MNET_NEVER) == 0);
    return 0;
}

static int join_crowd(void *flow)
{
    mnet_tcp_notify(flow, note_readable, flow);
    note_readable(flow, mnet_tcp_ready(flow)); /* the message may have been faster */
    return 0;
}

struct bench_service {
    uint16_t port;
    int (*serve)(void *flow); /* NULL: connections are kept */
};

static int listen_for(void *argument)
{
    const struct bench_service *service = argument;
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    check("listen",
          mnet_tcp_listen(server.stack, service->port, &(struct mnet_listen_options){.no_delay = true}, &listener));
    while (mnet_tcp_accept(listener, &flow, MNET_NEVER) == 0) {
        if (service->serve != NULL)
            check("spawn", mnet_spawn(NULL, service->serve, flow));
    }
    return 0;
}

/* ---- The rounds ---- */

static struct mnet_flow *connect_to(uint16_t port)
{
    struct mnet_flow *flow;
    check("connect", mnet_tcp_connect(client.stack, server_address, port, &flow, MNET_NEVER));
    mnet_tcp_set_no_delay(flow, true);
    return flow;
}

/* A transfer ends when the receiver has everything and says so by its FIN. */
static void finish_bulk(struct mnet_flow *flow)
{
    uint8_t none;
    check("shutdown", mnet_tcp_shutdown(flow, MNET_SHUTDOWN_WRITE));
    check("read", (int)mnet_tcp_read(flow, &none, 1, MNET_NEVER));
    mnet_tcp_close(flow);
}

static void bulk(void)
{
    struct mnet_flow *flow = connect_to(PORT_SINK);
    for (size_t sent = 0; sent < BULK_BYTES; sent += CHUNK)
        check("write", mnet_tcp_write(flow, chunk, CHUNK, NULL, MNET_NEVER));
    finish_bulk(flow);
}

static void keep(void *context)
{
    (void)context; /* the bytes stay as they are */
}

static void bulk_zero_copy(void)
{
    struct mnet_flow *flow = connect_to(PORT_SINK_LENT);
    for (size_t sent = 0; sent < BULK_BYTES; sent += CHUNK)
        check("write", mnet_tcp_write_lent(flow, chunk, CHUNK, keep, NULL, NULL, MNET_NEVER));
    finish_bulk(flow);
}

static void round_trips(void)
{
    struct mnet_flow *flow = connect_to(PORT_ECHO);
    uint8_t bytes[MESSAGE] = {0};
    for (unsigned i = 0; i < ROUND_TRIPS; i++) {
        check("write", mnet_tcp_write(flow, bytes, sizeof bytes, NULL, MNET_NEVER));
        check("read", mnet_tcp_read_exactly(flow, bytes, sizeof bytes, NULL, MNET_NEVER));
    }
    mnet_tcp_close(flow);
}

static void udp_round_trips(void)
{
    struct mnet_udp *udp;
    uint8_t bytes[MESSAGE] = {0};
    const struct mnet_udp_options options = {.remote = {server_address, PORT_ECHO}};
    check("open", mnet_udp_open(client.stack, &options, &udp));
    for (unsigned i = 0; i < ROUND_TRIPS; i++) {
        check("send", mnet_udp_send(udp, NULL, bytes, sizeof bytes, MNET_NEVER));
        check("receive", (int)mnet_udp_receive(udp, bytes, sizeof bytes, NULL, MNET_NEVER));
    }
    mnet_udp_close(udp);
}

/* Each message to another host than the one before, of another family. */
static void udp_turns(void)
{
    struct mnet_udp *udp;
    uint8_t bytes[MESSAGE] = {0};
    const struct mnet_endpoint hosts[] = {{mnet_ipv4(10, 0, 0, 1), PORT_ECHO},
                                          {{.bytes = {0xfd, [15] = 1}}, PORT_ECHO}};
    check("open", mnet_udp_open(client.stack, NULL, &udp));
    for (unsigned i = 0; i < ROUND_TRIPS; i++) {
        check("send", mnet_udp_send(udp, &hosts[i % MN_COUNT_OF(hosts)], bytes, sizeof bytes, MNET_NEVER));
        check("receive", (int)mnet_udp_receive(udp, bytes, sizeof bytes, NULL, MNET_NEVER));
    }
    mnet_udp_close(udp);
}

/* The client closes first, so that the ports in TIME-WAIT are its own, and no other session runs
 * into them. */
static void sessions(void)
{
    uint8_t bytes[MESSAGE] = {0};
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct mnet_flow *flow = connect_to(PORT_ECHO);
        check("write", mnet_tcp_write(flow, bytes, sizeof bytes, NULL, MNET_NEVER));
        check("read", mnet_tcp_read_exactly(flow, bytes, sizeof bytes, NULL, MNET_NEVER));
        mnet_tcp_close(flow);
    }
}

static void open_listeners(struct mnet_listener **listeners)
{
    for (unsigned i = 0; i < LISTENERS; i++)
        check("listen", mnet_tcp_listen(server.stack, (uint16_t)(PORT_UNUSED + i), NULL, &listeners[i]));
}

static void close_listeners(struct mnet_listener **listeners)
{
    for (unsigned i = 0; i < LISTENERS; i++)
        mnet_tcp_unlisten(listeners[i]);
}

static struct mnet_flow *crowd[CROWD];
static unsigned crowd_size;

static void grow_crowd(unsigned to)
{
    for (; crowd_size < to; crowd_size++)
        crowd[crowd_size] = connect_to((uint16_t)(PORT_CROWD + crowd_size % 3));
}

static void end_crowd(void)
{
    while (crowd_size > 0)
        mnet_tcp_abort(crowd[--crowd_size]);
}

/* Messages there and back, each on a connection that follows no order. */
static void crowd_trips(void)
{
    uint8_t bytes[MESSAGE] = {0};
    uint32_t random = 1;
    for (unsigned i = 0; i < ROUND_TRIPS; i++) {
        random = random * 1664525u + 1013904223u;
        struct mnet_flow *flow = crowd[(uint64_t)random * crowd_size >> 32];
        check("write", mnet_tcp_write(flow, bytes, sizeof bytes, NULL, MNET_NEVER));
        check("read", mnet_tcp_read_exactly(flow, bytes, sizeof bytes, NULL, MNET_NEVER));
    }
}

/* ---- The references ---- */

static volatile uint64_t checksum_sink;

/* One copy and one checksum of `bytes` bytes in pieces of `piece`, within buffers as large as the
 * applications'. */
static void copy_and_sum(size_t bytes, size_t piece)
{
    static uint8_t copy[CHUNK];
    uint64_t sum = 0;
    size_t at = 0;
    for (size_t done = 0; done < bytes; done += piece) {
        if (at + piece > CHUNK)
            at = 0;
        memcpy(copy + at, chunk + at, piece);
        sum += mn_sum(0, copy + at, piece);
        at += piece;
    }
    checksum_sink = sum;
}

static void copy_bulk(void)
{
    copy_and_sum(BULK_BYTES, MSS);
}

static void copy_round_trips(void)
{
    copy_and_sum(2ul * MESSAGE * ROUND_TRIPS, MESSAGE);
}

static void copy_sessions(void)
{
    copy_and_sum(2ul * MESSAGE * SESSIONS, MESSAGE);
}

/* Longer than a connection must be idle to become a small record (src/tcp/records/idle.c). */
#define REST (12 * MNET_SECOND)

/* Bytes of one end of a connection, the client's: just opened, and idle for a while. */
static void measure_idle(void)
{
    size_t before = mnet_stack_memory_used(client.stack);
    struct mnet_flow **flows = calloc(IDLE, sizeof *flows);
    for (unsigned i = 0; i < IDLE; i++)
        flows[i] = connect_to(PORT_IDLE);
    double opened = (double)(mnet_stack_memory_used(client.stack) - before) / IDLE;
    mnet_sleep(mnet_now() + REST);
    double idle = (double)(mnet_stack_memory_used(client.stack) - before) / IDLE;
    for (unsigned i = 0; i < IDLE; i++)
        mnet_tcp_abort(flows[i]);
    free(flows);
    double kernel = bench_kernel_idle_bytes();
    print("memory_open_connection", opened, "bytes", kernel);
    print("memory_idle_connection", idle, "bytes", kernel);
}

/* ---- The program ---- */

/* What is measured over each family. The value is count / ns, or ns / count if the unit is ns. */
static const struct bench_figure {
    const char *name;
    void (*round)(void), (*reference)(void);
    double count;
    const char *unit;
    bool offloads;
} figures[] = {
    {"bulk", bulk, copy_bulk, 8.0 * BULK_BYTES, "Gbit/s", false},
    {"bulk_segment", bulk, copy_bulk, (double)BULK_BYTES / MSS, "ns", false},
    {"bulk_zero_copy", bulk_zero_copy, copy_bulk, 8.0 * BULK_BYTES, "Gbit/s", false},
    {"bulk_zero_copy_segment", bulk_zero_copy, copy_bulk, (double)BULK_BYTES / MSS, "ns", false},
    {"round_trip", round_trips, copy_round_trips, ROUND_TRIPS, "ns", false},
    {"udp_round_trip", udp_round_trips, copy_round_trips, ROUND_TRIPS, "ns", false},
    {"sessions", sessions, copy_sessions, SESSIONS * 1e9, "1/s", false},
    {"bulk_offload", bulk, copy_bulk, 8.0 * BULK_BYTES, "Gbit/s", true},
    {"bulk_offload_segment", bulk, copy_bulk, (double)BULK_BYTES / MSS, "ns", true},
};

/* Returns true if the figure is the program's argument, or if there is no argument. */
static bool wanted(const char *name)
{
    return only == NULL || strcmp(only, name) == 0;
}

static double value_of(const struct bench_figure *figure, void (*round)(void))
{
    double ns = fastest(round);
    return strcmp(figure->unit, "ns") == 0 ? ns / figure->count : figure->count / ns;
}

/* The figure of IPv4 is the reference of that of IPv6. A figure alone has none: a profile is to
 * show nothing else. */
static void measure_figure(const struct bench_figure *figure)
{
    static const char *const suffixes[] = {"", "_ipv6"};
    const struct mnet_address addresses[] = {mnet_ipv4(10, 0, 0, 1), {.bytes = {0xfd, [15] = 1}}};
    double reference = 0;
    for (unsigned i = 0; i < MN_COUNT_OF(suffixes); i++) {
        char name[64] = "memory_";
        snprintf(name + 7, sizeof name - 7, "%s%s", figure->name, suffixes[i]);
        if (!wanted(name + 7))
            continue;
        server_address = addresses[i];
        check("way", mnet_stack_await_way(client.stack, server_address, MNET_NEVER));
        double value = value_of(figure, figure->round);
        if (i == 0 && only == NULL)
            reference = value_of(figure, figure->reference);
        print(name, value, figure->unit, reference);
        reference = value;
    }
}

static double sessions_a_second(void)
{
    return SESSIONS * 1e9 / fastest(sessions);
}

/* Beside many listeners, against none of them. */
static void measure_listeners(void)
{
    static struct mnet_listener *listeners[LISTENERS];
    double alone = sessions_a_second();
    open_listeners(listeners);
    print("memory_sessions_listeners", sessions_a_second(), "1/s", alone);
    close_listeners(listeners);
}

/* With many connections in TIME-WAIT, against those of the rounds alone. */
static void measure_time_wait(void)
{
    double alone = sessions_a_second();
    for (unsigned i = 0; i < TIME_WAITS / SESSIONS; i++)
        sessions();
    print("memory_sessions_time_wait", sessions_a_second(), "1/s", alone);
}

/* A message on a random one of many connections, against one on the only one. */
static void measure_crowd(void)
{
    grow_crowd(1);
    double alone = fastest(crowd_trips) / ROUND_TRIPS;
    grow_crowd(CROWD);
    check("sleep", mnet_sleep(mnet_now() + 3 * MNET_SECOND)); /* the timers of the handshakes end */
    print("memory_round_trip_random", fastest(crowd_trips) / ROUND_TRIPS, "ns", alone);
    end_crowd();
}

/* To two hosts in turn, against one. */
static void measure_turns(void)
{
    double alone = only == NULL ? fastest(udp_round_trips) / ROUND_TRIPS : 0;
    print("memory_udp_turns", fastest(udp_turns) / ROUND_TRIPS, "ns", alone);
}

/* The figures with references of their own. */
static void measure_others(void)
{
    server_address = mnet_ipv4(10, 0, 0, 1);
    if (wanted("sessions_listeners"))
        measure_listeners();
    if (wanted("sessions_time_wait"))
        measure_time_wait();
    if (wanted("idle_connection"))
        measure_idle();
    if (wanted("round_trip_random"))
        measure_crowd();
    if (wanted("udp_turns"))
        measure_turns();
}

static void start_services(void)
{
    static const struct bench_service services[] = {
        {PORT_SINK, discard},           {PORT_ECHO, echo},        {PORT_IDLE, NULL},
        {PORT_SINK_LENT, discard_lent}, {PORT_CROWD, join_crowd}, {PORT_CROWD + 1, join_crowd},
        {PORT_CROWD + 2, join_crowd},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(services); i++)
        check("spawn", mnet_spawn(NULL, listen_for, (void *)&services[i]));
    check("spawn", mnet_spawn(NULL, echo_datagrams, NULL));
    check("spawn", mnet_spawn(NULL, serve_crowd, NULL));
    mnet_yield();
}

static void start_stacks(void)
{
    const struct mnet_config config = {
        .ip.no_dad = true,
        .tcp = {.listeners_max = LISTENERS + 100, .connections_max = 2 * CROWD},
    };
    check("stack", mnet_stack_up(&server.env, &config, &server.stack));
    check("stack", mnet_stack_up(&client.env, &config, &client.stack));
    start_services();
}

static void end_stacks(void)
{
    mnet_stack_down(client.stack);
    mnet_stack_down(server.stack);
}

static int measure(void *argument)
{
    bool offloads = *(bool *)argument;
    start_stacks();
    for (unsigned i = 0; i < MN_COUNT_OF(figures); i++)
        if (figures[i].offloads == offloads)
            measure_figure(&figures[i]);
    if (!offloads)
        measure_others();
    end_stacks();
    return 0;
}

static struct mnet_device *open_device(void *context, const struct mn_device_request *request)
{
    (void)request;
    return ((struct host *)context)->device;
}

/* Looks again at once: the other stack may have sent something. */
static void wait_not(void *context, uint64_t deadline)
{
    (void)context;
    (void)deadline;
}

static void open_host(struct host *host, struct mnet_device *device, char *ipv4, char *ipv6)
{
    struct mn_env_setup setup = {
        .argc = 3,
        .argv = host->argv,
        .context = host,
        .now = now,
        .entropy = mn_hosted_entropy,
        .open_device = open_device,
        .print = mn_hosted_print,
        .allocate = mn_hosted_allocate,
        .release = mn_hosted_release,
        .memory_size = host_memory,
    };
    host->device = device;
    host->argv[0] = (char *)"bench_memory";
    host->argv[1] = ipv4;
    host->argv[2] = ipv6;
    host->argv[3] = NULL;
    check("environment", mn_env_open(&host->env, &loop, &setup));
}

/* Runs `task` between two hosts that are joined by a pipe with these offloads. */
static void run(uint32_t offload, int (*task)(void *argument), void *argument)
{
    struct mnet_device *ends[2];
    struct mn_loop_port port = {now, wait_not, NULL};
    int result;
    mn_loop_init(&loop, &port);
    if (!mnet_sim_pipe(ends, &(struct mnet_sim_pipe_options){.offload = offload}))
        die("pipe", MNET_E_NO_MEMORY);
    open_host(&server, ends[0], (char *)"--ipv4=10.0.0.1/24", (char *)"--ipv6=fd00::1/64");
    open_host(&client, ends[1], (char *)"--ipv4=10.0.0.2/24", (char *)"--ipv6=fd00::2/64");
    check("loop", mn_loop_run(&loop, &mn_hosted_stacks, task, argument, &result));
    mn_env_close(&server.env);
    mn_env_close(&client.env);
}

static void run_alone(uint32_t offload)
{
    bool offloads = offload != 0;
    run(offload, measure, &offloads);
}

/* ---- Among idle connections ---- */

/* Bulk while a stack has many idle connections, and memory for little more than them. */
struct silent_crowd {
    const char *name;
    unsigned size;
    size_t memory; /* of a stack */
};

static void add_silent(unsigned size)
{
    struct bench_service *services = calloc(size / SILENT_EACH, sizeof *services);
    if (services == NULL)
        die("services", MNET_E_NO_MEMORY);
    for (unsigned i = 0; i < size / SILENT_EACH; i++) {
        services[i] = (struct bench_service){(uint16_t)(PORT_SILENT + i), NULL};
        check("spawn", mnet_spawn(NULL, listen_for, &services[i]));
    }
    mnet_yield();
    for (unsigned i = 0; i < size; i++)
        (void)connect_to((uint16_t)(PORT_SILENT + i / SILENT_EACH));
    check("sleep", mnet_sleep(mnet_now() + 3 * MNET_SECOND)); /* the timers of the handshakes end */
}

static int measure_among_silent(void *argument)
{
    const struct silent_crowd *silent = argument;
    const struct mnet_config config = {
        .ip.no_dad = true, .memory_size = silent->memory, .tcp.connections_max = silent->size + 100};
    check("stack", mnet_stack_up(&server.env, &config, &server.stack));
    check("stack", mnet_stack_up(&client.env, &config, &client.stack));
    start_services();
    server_address = mnet_ipv4(10, 0, 0, 1);
    double alone = fastest(bulk);
    add_silent(silent->size);
    print(silent->name, 8.0 * BULK_BYTES / fastest(bulk), "Gbit/s", 8.0 * BULK_BYTES / alone);
    end_stacks();
    return 0;
}

static void measure_silent(void)
{
    static struct silent_crowd crowds[] = {
        {"memory_bulk_among_100000", 100000, (size_t)1 << 30},
        {"memory_bulk_among_1000000", 1000000, (size_t)4 << 30},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(crowds); i++) {
        if (!wanted(crowds[i].name + strlen("memory_")))
            continue;
        if ((double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) < 2.0 * (double)crowds[i].memory) {
            fprintf(stderr, "bench_memory: %s needs %zu GiB of memory\n", crowds[i].name, 2 * crowds[i].memory >> 30);
            continue;
        }
        host_memory = 2 * crowds[i].memory;
        run(0, measure_among_silent, &crowds[i]);
    }
    host_memory = HOST_MEMORY;
}

/* ---- Cores ---- */

/* A thread with a client and a server. */
struct bench_core {
    pthread_t thread;
    unsigned count;        /* of all threads */
    atomic_uint *arrivals; /* of all threads at the start of all rounds so far */
    void (*round)(void);
    double round_ns[CORE_ROUNDS]; /* of this thread's processor time */
};

/* Waits until all threads have come here. The loop goes on: if the thread slept, the round trip of
 * the next segment would seem to last as long. */
static void meet(struct bench_core *core, unsigned round)
{
    atomic_fetch_add(core->arrivals, 1);
    while (atomic_load(core->arrivals) < (round + 1) * core->count)
        mnet_yield();
}

static int measure_rounds(void *argument)
{
    struct bench_core *core = argument;
    double ns[CORE_ROUNDS];
    start_stacks();
    server_address = mnet_ipv4(10, 0, 0, 1);
    core->round(); /* the memory is there */
    for (unsigned i = 0; i < CORE_ROUNDS; i++) {
        meet(core, i);
        uint64_t begin = cpu_ns();
        core->round();
        ns[i] = (double)(cpu_ns() - begin);
    }
    end_stacks();
    memcpy(core->round_ns, ns, sizeof ns);
    return 0;
}

static void *run_core(void *core)
{
    run(0, measure_rounds, core);
    return NULL;
}

/* Rounds in a nanosecond of all threads together, in the best one of them. */
static double rounds_per_ns(void (*round)(void), unsigned count)
{
    struct bench_core cores[CORES];
    atomic_uint arrivals = 0;
    double best = 0;
    for (unsigned i = 0; i < count; i++) {
        cores[i] = (struct bench_core){.count = count, .arrivals = &arrivals, .round = round};
        if (pthread_create(&cores[i].thread, NULL, run_core, &cores[i]) != 0)
            die("thread", MNET_E_NO_MEMORY);
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(cores[i].thread, NULL);
    for (unsigned i = 0; i < CORE_ROUNDS; i++) {
        double together = 0;
        for (unsigned j = 0; j < count; j++)
            together += 1 / cores[j].round_ns[i];
        best = MN_MAX(best, together);
    }
    return best;
}

/* In several threads, against one. */
static void measure_cores(void)
{
    static const struct {
        const char *name, *unit;
        void (*round)(void);
        double count;
    } rows[] = {
        {"memory_bulk_cores", "Gbit/s", bulk, 8.0 * BULK_BYTES},
        {"memory_sessions_cores", "1/s", sessions, SESSIONS * 1e9},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(rows); i++) {
        if (!wanted(rows[i].name + strlen("memory_")))
            continue;
        if (sysconf(_SC_NPROCESSORS_ONLN) < (long)CORES) {
            fprintf(stderr, "bench_memory: %s needs %u processors\n", rows[i].name, CORES);
            continue;
        }
        double alone = rounds_per_ns(rows[i].round, 1);
        print(rows[i].name, rows[i].count * rounds_per_ns(rows[i].round, CORES), rows[i].unit, rows[i].count * alone);
    }
}

/* bench_memory [FIGURE [ROUNDS]] - one figure alone (bulk, round_trip_ipv6 and so on), for a
 * profile. */
int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    profiled = argc > 2;
    rounds = profiled ? (unsigned)atoi(argv[2]) : ROUNDS;
    for (unsigned i = 0; i < CHUNK; i++)
        chunk[i] = (uint8_t)(i * 7 >> 3);
    run_alone(0);
    run_alone(MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6);
    measure_silent();
    measure_cores();
    return 0;
}
