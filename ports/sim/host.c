/* Simulated hosts and the segments that join them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mnet/capture.h>

#include "ports/hosted/hosted.h"
#include "ports/sim/internal.h"

#define HOST_MEMORY ((size_t)64 << 20)

/* ---- The services of a port ---- */

static uint64_t host_now(void *context)
{
    const struct mnet_sim_host *host = context;
    return host->sim->now;
}

/* The time of day at the start of a simulation: 2026-01-01 00:00 UTC. */
#define SIM_EPOCH (UINT64_C(1767225600) * MNET_SECOND)

static uint64_t host_wall(void *context)
{
    const struct mnet_sim_host *host = context;
    uint64_t start = host->wall_clock != 0 ? host->wall_clock : SIM_EPOCH;
    return start != MNET_NEVER ? start + host->sim->now : 0;
}

static bool host_entropy(void *context, void *buffer, size_t len)
{
    struct mnet_sim_host *host = context;
    mn_random_bytes(&host->entropy, buffer, len);
    return true;
}

static void host_print(void *context, enum mn_console console, const char *text, size_t len)
{
    struct mnet_sim_host *host = context;
    host->sim->print(host->sim->print_context, host, console == MN_CONSOLE_ERROR, text, len);
}

static struct mnet_device *host_open_device(void *context, const struct mn_device_request *request)
{
    struct mnet_sim_host *host = context;
    char why[128] = "a simulated host has one device\n";
    struct mnet_device *device = host->opened ? NULL : &host->device;
    if (device != NULL && request->capture != NULL) {
        device = mnet_capture_open_file(request->capture, device, host_now, host);
        snprintf(why, sizeof why, "cannot write %s\n", request->capture);
    }
    if (device == NULL)
        host_print(host, MN_CONSOLE_ERROR, why, strlen(why));
    else
        mnet_sim_device(host);
    return device;
}

/* ---- Hosts ---- */

/* Splits the arguments in place; returns how many there are, the name included. */
static int split_arguments(struct mnet_sim_host *host)
{
    int argc = 0;
    host->argv[argc++] = (char *)"mnet"; /* the console puts the name in front */
    char *at = host->arguments;
    for (char *word; argc < MN_SIM_ARGC_MAX && (word = strsep(&at, " ")) != NULL;) {
        if (word[0] != '\0')
            host->argv[argc++] = word;
    }
    host->argv[argc] = NULL;
    return argc;
}

static void seed_host(struct mnet_sim_host *host)
{
    uint8_t seed[MN_RANDOM_SEED];
    mn_random_bytes(&host->sim->random, seed, sizeof seed);
    mn_random_init(&host->entropy, seed);
    mn_sim_seed_path(&host->paths[MNET_SIM_SENDING], &host->sim->random);
    mn_sim_seed_path(&host->paths[MNET_SIM_RECEIVING], &host->sim->random);
}

static bool open_environment(struct mnet_sim_host *host, const struct mnet_sim_host_options *options)
{
    struct mn_env_setup setup = {
        .argc = split_arguments(host),
        .argv = host->argv,
        .program = options->program,
        .context = host,
        .now = host_now,
        .entropy = host_entropy,
        .wall = host_wall,
        .open_device = host_open_device,
        .print = host_print,
        .allocate = mn_hosted_allocate,
        .release = mn_hosted_release,
        .has_cores = options->core_of != NULL,
        .core = host->device.queue,
        .memory_size = options->memory != 0 ? options->memory : HOST_MEMORY,
    };
    if (options->core_of != NULL)
        setup.ipv6_secret = host->first->ipv6_secret;
    int error = mn_env_open(&host->env, &host->sim->loop, &setup);
    host->env.options.config.tcp.trace = options->trace; /* as an option would set it */
    return error == 0;
}

/* Adds the host to the cores of another one. */
static void add_core(struct mnet_sim_host *first, struct mnet_sim_host *host)
{
    MN_REQUIRE(first->first == first, "the other host is itself a further core");
    struct mnet_sim_host **end = &first->next_core;
    if (*end == NULL) { /* the host has become one of several cores */
        mn_random_bytes(&first->entropy, first->ipv6_secret, sizeof first->ipv6_secret);
        first->env.setup.ipv6_secret = first->ipv6_secret;
    }
    host->first = first;
    host->device.queue = 1;
    for (; *end != NULL; end = &(*end)->next_core)
        host->device.queue++;
    *end = host;
    memcpy(host->device.mac, first->device.mac, sizeof host->device.mac);
    for (struct mnet_sim_host *core = first; core != NULL; core = core->next_core)
        core->device.queues = host->device.queue + 1;
}

static void remove_core(struct mnet_sim_host *host)
{
    struct mnet_sim_host *core = host->first;
    for (; core->next_core != NULL && core->next_core != host; core = core->next_core)
        core->device.queues--;
    core->next_core = NULL;
}

struct mnet_sim_host *mnet_sim_host(struct mnet_sim *sim, const char *name, const struct mnet_sim_host_options *options)
{
    static const struct mnet_sim_host_options defaults;
    if (options == NULL)
        options = &defaults;
    struct mnet_sim_host *host = calloc(1, sizeof *host);
    if (host == NULL)
        return NULL;
    host->sim = sim;
    host->name = name;
    host->wall_clock = options->wall_clock;
    const char *arguments = options->arguments != NULL ? options->arguments : "";
    size_t len = strlen(arguments);
    if (len < sizeof host->arguments)
        memcpy(host->arguments, arguments, len + 1);
    mn_sim_device_init(host, options, options->core_of == NULL ? ++sim->host_count : 0);
    host->spreads_nothing = options->spreads_nothing;
    seed_host(host);
    if (options->core_of != NULL)
        add_core(options->core_of, host);
    if (len >= sizeof host->arguments || !open_environment(host, options)) {
        if (options->core_of != NULL)
            remove_core(host);
        free(host);
        return NULL;
    }
    *sim->hosts_end = host;
    sim->hosts_end = &host->next;
    return host;
}

struct mnet_device *mnet_sim_device(struct mnet_sim_host *host)
{
    host->opened = true;
    host->closed = false;
    return &host->device;
}

struct mnet_platform mnet_sim_platform(struct mnet_sim_host *host)
{
    return (struct mnet_platform){host_now, host_entropy, host, host_wall};
}

struct mnet_env *mnet_sim_env(struct mnet_sim_host *host)
{
    return &host->env;
}

const char *mnet_sim_host_name(const struct mnet_sim_host *host)
{
    return host->name;
}

/* ---- Segments ---- */

struct mnet_sim_segment *mnet_sim_segment(struct mnet_sim *sim)
{
    struct mnet_sim_segment *segment = calloc(1, sizeof *segment);
    if (segment == NULL)
        return NULL;
    segment->next = sim->segments;
    sim->segments = segment;
    return segment;
}

void mnet_sim_attach(struct mnet_sim_segment *segment, struct mnet_sim_host *host)
{
    MN_REQUIRE(host->segment == NULL, "the host is on a segment already");
    host->segment = segment;
    host->next_on_segment = segment->hosts;
    segment->hosts = host;
    segment->host_count++;
}

bool mnet_sim_link(struct mnet_sim *sim, struct mnet_sim_host *a, struct mnet_sim_host *b,
                   const struct mnet_sim_path *path)
{
    struct mnet_sim_segment *segment = mnet_sim_segment(sim);
    if (segment == NULL)
        return false;
    mnet_sim_attach(segment, a);
    mnet_sim_attach(segment, b);
    if (path != NULL) {
        mnet_sim_shape(a, MNET_SIM_SENDING, path);
        mnet_sim_shape(b, MNET_SIM_SENDING, path);
    }
    return true;
}

void mnet_sim_shape(struct mnet_sim_host *host, enum mnet_sim_direction direction, const struct mnet_sim_path *path)
{
    host->paths[direction].shape = *path;
}

struct mnet_sim_path_counts mnet_sim_counts(const struct mnet_sim_host *host, enum mnet_sim_direction direction)
{
    return host->paths[direction].counts;
}
