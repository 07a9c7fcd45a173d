/* The console as tasks use it: output at once, input with the usual deadline and cancellation. */
#include "stack/env.h"

void mnet_output(struct mnet_env *env, const void *data, size_t len)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    env->setup.print(env->setup.context, MN_CONSOLE_OUTPUT, data, len);
}

ptrdiff_t mnet_input(struct mnet_env *env, void *buffer, size_t len, uint64_t deadline)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    if (env->setup.input == NULL || len == 0) {
        return 0;
    }
    for (;;) {
        ptrdiff_t got = env->setup.input(env->setup.context, buffer, len);
        if (got != MNET_E_DEADLINE || deadline == 0) {
            return got;
        }
        int error = mn_wait(&env->input_waiters, deadline);
        if (error < 0) {
            return error;
        }
    }
}
