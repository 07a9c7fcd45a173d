/* An ordinary program as a machine: the first task, which begins at its main. */
#include <string.h>

#include <mnet/env.h>
#include <mnet/memory.h>

#include "ports/bare/bare.h"
#include "ports/virtio/program/program.h"
#include "stack/env.h"
#include "syscall/system.h"

/* The network's share of the memory, unless --memory gives another, and the program's of the
 * rest. */
#define NETWORK_PERCENT 30u
#define PROGRAM_PERCENT 85u

#define VARIABLES_MAX 32

static struct main_machine {
    char *variables[VARIABLES_MAX + 1];
    char *arguments[MN_BARE_ARGUMENTS + 1];
} machine;

static const struct mnet_program_option own_options[] = {
    {"--env=", "NAME=VALUE", "a variable of the program's environment, up to 32"},
    {"--trace", NULL, "print each system call"},
    {0},
};

const struct mnet_program mnet_program = {.arguments = "[--] ARGUMENT...", .options = own_options};

/* Sorts the words of the command line: the port's options, of which there are no more behind "--",
 * and the program's words. Returns whether each call is to be printed. */
static bool read_words(struct mnet_env *env)
{
    char **words = mnet_env_argv(env);
    size_t arguments = 0, variables = 0;
    bool options = true, trace = false;
    machine.arguments[arguments++] = *words++;
    for (; *words != NULL; words++) {
        if (options && strcmp(*words, "--") == 0)
            options = false;
        else if (options && strcmp(*words, "--trace") == 0)
            trace = true;
        else if (options && variables < VARIABLES_MAX && strncmp(*words, "--env=", 6) == 0)
            machine.variables[variables++] = *words + 6;
        else
            machine.arguments[arguments++] = *words;
    }
    return trace;
}

int mnet_main(struct mnet_env *env)
{
    struct mnet_config config = {0};
    struct mn_program program = {.arguments = machine.arguments, .variables = machine.variables};
    program.trace = read_words(env);
    if (env->options.config.memory_size == 0)
        config.memory_size = MN_MAX(env->setup.memory_size / 100 * NETWORK_PERCENT, MNET_MEMORY_MINIMUM);
    int error = mnet_stack_up(env, &config, &program.stack);
    if (error < 0)
        return error;
    program.memory = mn_program_memory(env, env->setup.memory_size, PROGRAM_PERCENT, &program.memory_size);
    return mn_program_run(env, &program, mn_program_entry);
}
