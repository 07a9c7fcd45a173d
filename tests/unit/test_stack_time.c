/* The time of day of stacks: mnet_wall_clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#define EPOCH (UINT64_C(1767225600) * MNET_SECOND) /* 2026-01-01 00:00 UTC */

static char said[1024];

static void hear(void *context, struct mnet_sim_host *host, bool error, const char *text, size_t len)
{
    (void)context;
    (void)host;
    (void)error;
    strncat(said, text, len);
}

static uint64_t seen[2]; /* at the beginning, and 5 s later */

static int look_at_the_clock(struct mnet_env *env, void *argument)
{
    struct mnet_stack *stack;
    (void)argument;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error < 0)
        return error;
    seen[0] = mnet_wall_clock(stack) - (mnet_wall_clock(stack) != 0 ? mnet_now() : 0);
    mnet_sleep(mnet_now() + 5 * MNET_SECOND);
    seen[1] = mnet_wall_clock(stack) - (mnet_wall_clock(stack) != 0 ? mnet_now() : 0);
    return 0;
}

/* Runs a host whose clock begins at `wall_clock`, and expects a line of its log. */
static void run(uint64_t wall_clock, uint64_t wanted, const char *line)
{
    struct mnet_sim_host_options options = {.arguments = "--ipv4=10.0.0.1/24 --log=info", .wall_clock = wall_clock};
    struct mnet_sim *sim = mnet_sim_create(1);
    said[0] = '\0';
    mnet_sim_console(sim, hear, NULL);
    mnet_sim_spawn(mnet_sim_host(sim, "host", &options), look_at_the_clock, NULL);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), 0);
    mnet_sim_destroy(sim);
    assert_true(seen[0] == wanted && seen[1] == wanted);
    if (strstr(said, line) == NULL)
        fail_msg("it says: %s", said);
}

static void stack_begins_with_the_time_of_its_platform(void **state)
{
    (void)state;
    run(0, EPOCH, "time: 2026-01-01 00:00:01 UTC");
    run(UINT64_C(951827695) * MNET_SECOND, UINT64_C(951827695) * MNET_SECOND, "time: 2000-02-29 12:34:56 UTC");
    run(MNET_NEVER, 0, "time: not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_begins_with_the_time_of_its_platform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
