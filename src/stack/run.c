/* Runs the program of a port. It is a file of its own, so that users of the library without
 * mnet_main can link. */
#include "stack/env.h"

static int first_task(void *env)
{
    return mnet_main(env);
}

int mn_env_run(const struct mn_env_setup *setup)
{
    const struct mn_loop_port port = {setup->now, setup->wait, setup->context};
    struct mn_loop loop;
    struct mnet_env env;
    int result = 0;
    mn_loop_init(&loop, &port);
    int opened = mn_env_open(&env, &loop, setup);
    if (opened != 0)
        return opened < 0 ? 1 : 0;
    int error = mn_loop_run(&loop, &setup->task_stacks, first_task, &env, &result);
    return mn_env_end(&env, error, result);
}
