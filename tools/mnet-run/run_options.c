/* The options of mnet-run's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/mnet-run/run.h"

static const struct mnet_program_option own_options[] = {
    {"--loss=", "PERCENT", "lose frames in both directions, such as 3%"},
    {"--delay=", "TIME", "delay frames in each direction, such as 50ms; us and s are known, too"},
    {"--rate=", "RATE", "limit both directions, in bit/s or with K, M or G"},
    {"--no-delay", NULL, "send at once: TCP_NODELAY and TCP_CORK of the program cost nothing, and do nothing"},
    {"--stats", NULL, "say at the end how much there was to do"},
    {NULL, NULL, NULL},
};

const struct mnet_program mnet_program = {
    .arguments = "-- PROGRAM [ARGUMENT...]",
    .summary = "Runs a Linux program, unchanged, with its sockets on mnet.",
    .options = own_options,
};

/* Units of a value, and what they stand for. */
struct run_unit {
    const char *name;
    double factor;
};

static const struct run_unit percents[] = {{"%", 10000}, {NULL, 0}};
static const struct run_unit times[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct run_unit rates[] = {{"", 1}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};

/* Reads a number with one of the units. False if it is none, or out of range. */
static bool read_value(const char *text, const struct run_unit *units, double most, uint64_t *value)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || !(number >= 0))
        return false;
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) == 0 && number * units->factor <= most) {
            *value = (uint64_t)(number * units->factor + 0.5);
            return true;
        }
    }
    return false;
}

static bool read_option(struct run_options *options, const char *text)
{
    uint64_t value;
    if (strcmp(text, "--stats") == 0) {
        options->stats = true;
        return true;
    }
    if (strcmp(text, "--no-delay") == 0) {
        options->no_delay = true;
        return true;
    }
    options->bad_link = true;
    if (strncmp(text, "--loss=", 7) == 0 && read_value(text + 7, percents, 1e6, &value)) {
        options->path.loss_ppm = (uint32_t)value;
        return true;
    }
    if (strncmp(text, "--delay=", 8) == 0)
        return read_value(text + 8, times, 100e9, &options->path.delay_ns);
    return strncmp(text, "--rate=", 7) == 0 && read_value(text + 7, rates, 1e12, &options->path.bandwidth_bps) &&
           options->path.bandwidth_bps > 0;
}

char **run_read_options(struct mnet_env *env, struct run_options *options)
{
    char **argv = mnet_env_argv(env);
    int argc = mnet_env_argc(env), at = 1;
    if (mnet_env_cores(env) > 1) {
        fprintf(stderr, "mnet-run: --cores: a program has one core here\n");
        return NULL;
    }
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        if (!read_option(options, argv[at])) {
            fprintf(stderr, "mnet-run: %s: not a value of this option, or no option; --help lists all\n", argv[at]);
            return NULL;
        }
    }
    if (at + 1 >= argc) {
        mnet_env_usage(env);
        return NULL;
    }
    return argv + at + 1;
}
