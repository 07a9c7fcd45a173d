/* A program with mnet's calls and a C library as a machine. Its tasks are those of mnet, and the
 * library is lent to them: src/syscall/lend.c.
 *
 * The linker sends the machine's call of mnet_main here first (--wrap), and musl finds its main
 * here. */
#include <mnet/env.h>
#include <mnet/task.h>

#include "ports/virtio/program/program.h"
#include "stack/env.h"
#include "syscall/system.h"

/* The library's share of the memory: malloc, and files that are written. The network has its usual
 * share of the rest. */
#define LIBRARY_PERCENT 40u

int __wrap_mnet_main(struct mnet_env *env);
int __real_mnet_main(struct mnet_env *env);
int main(void);

int main(void)
{
    return mn_program_lend();
}

static int run_program(void *env)
{
    return __real_mnet_main(env);
}

/* In a task of its own, which may end by mnet_exit. */
static int run_tasks(void *env)
{
    struct mnet_task *task;
    int result, error = mnet_spawn(&task, run_program, env);
    if (error < 0)
        return error;
    if (mnet_join(task, &result, MNET_NEVER) == MNET_E_CANCELLED) {
        mnet_cancel(task);
        (void)mnet_join(task, &result, MNET_NEVER);
    }
    return result;
}

int __wrap_mnet_main(struct mnet_env *env)
{
    static char *variables[] = {NULL};
    char *arguments[] = {mnet_env_argv(env)[0], NULL};
    struct mn_program program = {.arguments = arguments, .variables = variables, .run = run_tasks};
    size_t share = env->setup.memory_size / 100 * LIBRARY_PERCENT;
    program.memory = mn_program_memory(env, share, 100, &program.memory_size);
    env->setup.memory_size -= share;
    return mn_program_run(env, &program, mn_program_entry_here);
}
