/* Stacks: overflow, reuse and limits, and the scheduler as ports drive it. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/child.h"
#include "tests/unit/task_support.h"

/* --- stacks that are counted, and limited --- */

struct stacks {
    unsigned in_use, most, limit;
};

static void *counted_alloc(void *context, size_t size)
{
    struct stacks *stacks = context;
    if (stacks->in_use == stacks->limit)
        return NULL;
    void *lowest = mn_hosted_stacks.alloc(NULL, size);
    if (lowest != NULL) {
        stacks->in_use++;
        stacks->most = MN_MAX(stacks->most, stacks->in_use);
    }
    return lowest;
}

static void counted_free(void *context, void *lowest, size_t size)
{
    struct stacks *stacks = context;
    stacks->in_use--;
    mn_hosted_stacks.free(NULL, lowest, size);
}

static int run_counted(struct stacks *stacks, int (*run)(void *argument), void *argument)
{
    const struct mn_task_stacks counted = {counted_alloc, counted_free, stacks, 0};
    said[0] = '\0';
    struct mn_scheduler *scheduler = mn_scheduler_create(&counted, run, argument, 1);
    assert_non_null(scheduler);
    return finish(scheduler, 1);
}

static int nothing(void *argument)
{
    (void)argument;
    return 0;
}

static int spawn_and_join(void *count)
{
    for (unsigned i = 0; i < *(unsigned *)count; i++) {
        struct mnet_task *task;
        if (mnet_spawn(&task, nothing, NULL) != 0 || mnet_join(task, NULL, MNET_NEVER) != 0)
            return MNET_E_INVALID;
    }
    return 0;
}

static void joined_10000_in_turn_share_one_stack(void **state)
{
    (void)state;
    struct stacks stacks = {.limit = 2};
    assert_int_equal(run_counted(&stacks, spawn_and_join, &(unsigned){10000}), 0);
    assert_int_equal(stacks.most, 2);
    assert_int_equal(stacks.in_use, 0);
}

/* Needs more than the usual stack. */
static int fill_large_buffer(void *argument)
{
    volatile char buffer[400 * 1024];
    for (size_t i = 0; i < sizeof buffer; i += 1000)
        buffer[i] = (char)i;
    mnet_yield();
    return buffer[1000] == (char)1000 ? *(int *)argument : -1;
}

static int spawn_sized(void *argument)
{
    static const size_t wrong[] = {0, 1, 8192, 16 * 1024 + 1, 20 * 1024 + 16, SIZE_MAX};
    struct stacks *stacks = argument;
    struct mnet_task *task;
    int number = 17, result = 0;
    for (size_t i = 0; i < MN_COUNT_OF(wrong); i++) {
        if (mnet_spawn_sized(&task, wrong[i], nothing, NULL) != MNET_E_INVALID)
            return -2;
    }
    for (int i = 0; i < 100; i++) {
        if (mnet_spawn_sized(&task, 512 * 1024, fill_large_buffer, &number) != 0 ||
            mnet_join(task, &result, MNET_NEVER) != 0 || result != 17 || stacks->in_use != 1)
            return -3;
        if (mnet_spawn_sized(NULL, MNET_TASK_STACK_MIN, nothing, NULL) != 0)
            return -4;
        mnet_yield();
        mnet_yield();
        if (stacks->in_use != 1)
            return -5;
    }
    stacks->limit = 1;
    return mnet_spawn_sized(&task, 512 * 1024, nothing, NULL) == MNET_E_NO_MEMORY ? 0 : -6;
}

static void sized_stacks_serve_their_task_and_go(void **state)
{
    (void)state;
    struct stacks stacks = {.limit = 2};
    assert_int_equal(run_counted(&stacks, spawn_sized, &stacks), 0);
    assert_int_equal(stacks.in_use, 0);
}

static int spawn_detached(void *count)
{
    for (unsigned i = 0; i < *(unsigned *)count; i++) {
        if (mnet_spawn(NULL, nothing, NULL) != 0)
            return MNET_E_NO_MEMORY;
        mnet_yield();
    }
    return 0;
}

static void ended_10000_without_handle_collect_themselves(void **state)
{
    (void)state;
    struct stacks stacks = {.limit = 2};
    assert_int_equal(run_counted(&stacks, spawn_detached, &(unsigned){10000}), 0);
    assert_int_equal(stacks.in_use, 0);
}

static int sleep_a_little(void *argument)
{
    (void)argument;
    return mnet_sleep(mnet_now() + MNET_MILLISECOND);
}

static int many_at_once(void *stacks)
{
    struct mnet_group group = {0};
    for (int i = 0; i < 10000; i++) {
        if (mnet_group_spawn(&group, sleep_a_little, NULL) != 0)
            return MNET_E_NO_MEMORY;
    }
    int error = mnet_group_join(&group, MNET_NEVER);
    say("kept-%u", ((struct stacks *)stacks)->in_use - 1);
    return error;
}

static void group_10000_at_once_keeps_a_bounded_number_of_stacks(void **state)
{
    (void)state;
    struct stacks stacks = {.limit = 10001};
    assert_int_equal(run_counted(&stacks, many_at_once, &stacks), 0);
    assert_int_equal(stacks.most, 10001);
    assert_int_equal(stacks.in_use, 0);
    expect_said("kept-64");
}

static int spawn_beyond(void *argument)
{
    struct mnet_group group = {0};
    say("%s", word(mnet_group_spawn(&group, sleep_a_little, argument)));
    say("%s", word(mnet_group_spawn(&group, sleep_a_little, argument)));
    say("%s", word(mnet_spawn(NULL, sleep_a_little, argument)));
    say("%zu", group.count);
    return mnet_group_join(&group, MNET_NEVER);
}

static void exhausted_spawn_says_no_memory(void **state)
{
    (void)state;
    struct stacks stacks = {.limit = 2};
    assert_int_equal(run_counted(&stacks, spawn_beyond, NULL), 0);
    expect_said("okay memory memory 1");
}

static void exhausted_create_gives_null(void **state)
{
    (void)state;
    struct stacks stacks = {.limit = 0};
    const struct mn_task_stacks counted = {counted_alloc, counted_free, &stacks, 0};
    assert_null(mn_scheduler_create(&counted, nothing, NULL, 1));
    const struct mn_task_stacks tiny = {counted_alloc, counted_free, &stacks, 4096};
    stacks.limit = 1;
    assert_null(mn_scheduler_create(&tiny, nothing, NULL, 1));
    assert_int_equal(stacks.in_use, 0);
}

/* --- overflow --- */

/* Runs `run` in a child process. Stores its error output, and returns its wait status. */
static int run_in_child(int (*run)(void *argument), void (*run_all)(const struct mn_task_stacks *stacks),
                        const struct mn_task_stacks *stacks, char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka has caught them: they end a test */
        signal(SIGSEGV, SIG_DFL);
        mn_hosted_catch_overflows();
        dup2(ends[1], STDERR_FILENO);
        if (run_all != NULL)
            run_all(stacks);
        struct mn_scheduler *scheduler = run != NULL ? mn_scheduler_create(stacks, run, NULL, 1) : NULL;
        while (scheduler != NULL && mn_scheduler_run(scheduler, 1, 100)) {
        }
        _exit(0);
    }
    return hear_child(child, ends, text, size);
}

static unsigned recurse(unsigned depth)
{
    volatile unsigned frame[64];
    frame[depth % 64] = depth;
    return depth == 0 ? 0 : recurse(depth - 1) + frame[depth % 64];
}

static int overflow(void *argument)
{
    (void)argument;
    mnet_task_set_name(mnet_self(), "greedy");
    return (int)recurse(1000 * 1000);
}

static int overflow_in_child(void *argument)
{
    mnet_task_set_name(mnet_self(), "parent");
    return mnet_spawn(NULL, overflow, argument);
}

static void running_overflow_names_the_task_and_aborts(void **state)
{
    (void)state;
    char text[4096];
    int status = run_in_child(overflow_in_child, NULL, &mn_hosted_stacks, text, sizeof text);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "task \"greedy\" overflowed its stack of 65536 bytes\n"));
}

/* An address that is never mapped, and in no guard. */
static volatile uintptr_t wild = 8;

__attribute__((no_sanitize("undefined"))) static int stray(void *argument)
{
    (void)argument;
    return *(volatile int *)wild;
}

static void running_other_fault_has_its_usual_effect(void **state)
{
    (void)state;
    char text[8192];
    int status = run_in_child(stray, NULL, &mn_hosted_stacks, text, sizeof text);
    assert_null(strstr(text, "overflowed"));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void *plain_alloc(void *context, size_t size)
{
    (void)context;
    return aligned_alloc(64, size);
}

static void plain_free(void *context, void *lowest, size_t size)
{
    (void)context;
    (void)size;
    free(lowest);
}

static const struct mn_task_stacks plain_stacks = {plain_alloc, plain_free, NULL, 64 * 1024};

static char *lowest_seen;

static void *seen_alloc(void *context, size_t size)
{
    lowest_seen = plain_alloc(context, size);
    return lowest_seen;
}

static int scribble(void *argument)
{
    (void)argument;
    mnet_task_set_name(mnet_self(), "scribbler");
    lowest_seen[3] ^= 1; /* without a guard an overflow leaves traces */
    mnet_yield();
    return 0;
}

static int spawn_scribbler(void *argument)
{
    return mnet_spawn(NULL, scribble, argument);
}

static void suspending_canary_changed_names_the_task_and_aborts(void **state)
{
    (void)state;
    const struct mn_task_stacks stacks = {seen_alloc, plain_free, NULL, 64 * 1024};
    char text[4096];
    int status = run_in_child(spawn_scribbler, NULL, &stacks, text, sizeof text);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "task \"scribbler\" overflowed its stack of 65536 bytes"));
}

static int find_overflow(void *argument)
{
    (void)argument;
    struct mn_scheduler *scheduler = mn_scheduler_current();
    const char *lowest = lowest_seen;
    say("%d", mn_scheduler_overflowed(scheduler, lowest - 1) == mnet_self());
    say("%d", mn_scheduler_overflowed(scheduler, lowest - 4096) == mnet_self());
    say("%d", mn_scheduler_overflowed(scheduler, lowest) == NULL);
    say("%d", mn_scheduler_overflowed(scheduler, lowest - (1 << 20)) == NULL);
    return 0;
}

static void running_address_below_the_stack_is_an_overflow(void **state)
{
    (void)state;
    const struct mn_task_stacks stacks = {seen_alloc, plain_free, NULL, 64 * 1024};
    said[0] = '\0';
    struct mn_scheduler *scheduler = mn_scheduler_create(&stacks, find_overflow, NULL, 1);
    assert_null(mn_scheduler_overflowed(scheduler, lowest_seen - 1)); /* it does not run */
    finish(scheduler, 1);
    expect_said("1 1 1 1");
}

/* --- frames that were left --- */

static void read_resource(void *resource)
{
    if (resource != NULL)
        say("%d", *(int *)resource);
}

static int return_owning(void *argument)
{
    (void)argument;
    struct mnet_owned record;
    mnet_own(&record, read_resource, NULL);
    return 0;
}

static int return_owning_a_local(void *argument)
{
    static struct mnet_owned record;
    int local = 1;
    mnet_own(&record, read_resource, &local);
    return argument != NULL;
}

static void own_in_a_function(struct mnet_owned *unused)
{
    struct mnet_owned record;
    mnet_own(unused != NULL ? unused : &record, read_resource, NULL);
}

static int own_after_a_function(void *argument)
{
    struct mnet_owned record;
    void (*volatile own)(struct mnet_owned * unused) = own_in_a_function;
    own(argument);
    mnet_own(&record, read_resource, NULL);
    mnet_exit(0);
}

static int exit_after_a_function(void *argument)
{
    void (*volatile own)(struct mnet_owned * unused) = own_in_a_function;
    own(argument);
    mnet_exit(0);
}

static int return_with_a_group(void *argument)
{
    struct mnet_group group = {0};
    mnet_group_spawn(&group, sleep_a_little, argument);
    return -1;
}

static int return_with_an_unreaped_group(void *argument)
{
    struct mnet_group group = {0};
    mnet_group_spawn(&group, nothing, argument);
    return mnet_yield();
}

static int read_argument(void *argument)
{
    return *(int *)argument;
}

static int return_before_the_child(void *argument)
{
    int local = argument == NULL;
    return mnet_spawn(NULL, read_argument, &local);
}

static int name_and_run(void *function)
{
    mnet_task_set_name(mnet_self(), "careless");
    return (*(int (**)(void *))function)(NULL);
}

static int (*careless)(void *argument);

static int run_careless(void *argument)
{
    (void)argument;
    mnet_spawn(NULL, name_and_run, &careless);
    return mnet_sleep(20 * MNET_MILLISECOND);
}

/* Runs until no task is left. Time jumps. */
static void run_to_the_end(const struct mn_task_stacks *stacks)
{
    struct mn_scheduler *scheduler = mn_scheduler_create(stacks, run_careless, NULL, 1);
    while (!mn_scheduler_done(scheduler, NULL)) {
        uint64_t deadline = mn_scheduler_deadline(scheduler);
        mn_scheduler_run(scheduler, MN_MAX(deadline, 1), 100);
    }
}

/* A use of a frame that was left is reported in one line: the call, the misuse, the task. */
static void left_frames_that_are_needed_are_reported(void **state)
{
    static const struct {
        int (*run)(void *argument);
        const char *call, *thing;
    } cases[] = {
        {return_owning, "mnet: mnet_own: ", "what it owns"},
        {return_owning_a_local, "mnet: mnet_own: ", "what it owns"},
        {own_after_a_function, "mnet: mnet_own: ", "what it owns"},
        {exit_after_a_function, "mnet: mnet_own: ", "what it owns"},
        {return_with_a_group, "mnet: mnet_group_spawn: ", "a group with members"},
        {return_with_an_unreaped_group, "mnet: mnet_group_spawn: ", "a group with members"},
        {return_before_the_child, "mnet: mnet_spawn: ", "the argument of a child that has not begun"},
    };
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        char text[4096];
        careless = cases[i].run;
        int status = run_in_child(NULL, run_to_the_end, &mn_hosted_stacks, text, sizeof text);
        if (strstr(text, "stack-use-after-return") != NULL)
            continue; /* the sanitizer keeps locals elsewhere, and has reported it itself */
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT ||
            strncmp(text, cases[i].call, strlen(cases[i].call)) != 0)
            fail_msg("case %zu said: %s", i, text);
        assert_non_null(strstr(text, cases[i].thing));
        assert_non_null(strstr(text, "(task \"careless\", src/task/"));
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
}

/* --- the scheduler --- */

static int count_rounds(void *count)
{
    for (int i = 0; i < 10; i++) {
        ++*(unsigned *)count;
        mnet_yield();
    }
    return 0;
}

static void running_budget_bounds_resumptions(void **state)
{
    (void)state;
    unsigned count = 0;
    struct mn_scheduler *scheduler = mn_scheduler_create(&plain_stacks, count_rounds, &count, 1);
    assert_int_equal(count, 0);
    assert_int_equal(mn_scheduler_deadline(scheduler), 0);
    assert_true(mn_scheduler_run(scheduler, 1, 0));
    assert_int_equal(count, 0);
    assert_true(mn_scheduler_run(scheduler, 1, 4));
    assert_int_equal(count, 4);
    assert_true(mn_scheduler_run(scheduler, 1, 1));
    assert_int_equal(count, 5);
    assert_false(mn_scheduler_done(scheduler, NULL));
    assert_false(mn_scheduler_run(scheduler, 1, 100));
    assert_int_equal(count, 10);
    assert_true(mn_scheduler_done(scheduler, NULL));
    mn_scheduler_destroy(scheduler);
}

static int sleep_5_ms(void *argument)
{
    (void)argument;
    return mnet_sleep(5 * MNET_MILLISECOND);
}

static void sleeping_deadline_tells_when_to_run_again(void **state)
{
    (void)state;
    struct mn_scheduler *scheduler = mn_scheduler_create(&plain_stacks, sleep_5_ms, NULL, 1);
    assert_false(mn_scheduler_run(scheduler, 1, 10));
    uint64_t deadline = mn_scheduler_deadline(scheduler);
    assert_true(deadline > 1 && deadline <= 5 * MNET_MILLISECOND);
    assert_false(mn_scheduler_run(scheduler, 5 * MNET_MILLISECOND - 1, 10));
    assert_false(mn_scheduler_done(scheduler, NULL));
    mn_scheduler_run(scheduler, 5 * MNET_MILLISECOND, 10);
    int result = 1;
    assert_true(mn_scheduler_done(scheduler, &result));
    assert_int_equal(result, 0);
    assert_int_equal(mn_scheduler_deadline(scheduler), MNET_NEVER);
    assert_int_equal(mnet_now(), 5 * MNET_MILLISECOND);
    mn_scheduler_destroy(scheduler);
    assert_int_equal(mnet_now(), 0);
}

static int sleep_forever(void *argument)
{
    (void)argument;
    return mnet_sleep(MNET_NEVER);
}

static void sleeping_cancel_from_outside_ends_it(void **state)
{
    (void)state;
    struct mn_scheduler *scheduler = mn_scheduler_create(&plain_stacks, sleep_forever, NULL, 1);
    mn_scheduler_run(scheduler, 1, 10);
    assert_int_equal(mn_scheduler_deadline(scheduler), MNET_NEVER);
    mnet_cancel(mn_scheduler_main(scheduler));
    assert_int_equal(finish(scheduler, 1), MNET_E_CANCELLED);
}

static int inner(void *argument)
{
    (void)argument;
    mnet_task_set_name(mnet_self(), "inner");
    mnet_sleep(7 * MNET_MILLISECOND);
    say("%s-%u", mnet_task_name(mnet_self()), (unsigned)(mnet_now() / MNET_MILLISECOND));
    return 3;
}

static int outer(void *argument)
{
    (void)argument;
    int result = finish(mn_scheduler_create(&mn_hosted_stacks, inner, NULL, 2), 2);
    say("%s-%d-%u", mnet_task_name(mnet_self()), result, (unsigned)(mnet_now() / MNET_MILLISECOND));
    return mnet_yield();
}

static void running_task_may_run_another_scheduler(void **state)
{
    (void)state;
    assert_int_equal(run_tasks(outer, NULL), 0);
    expect_said("inner-7 main-3-1");
}

/* Values in registers that a call preserves survive a switch, and so do other values, on the
 * stack. */
static int compute(void *seed)
{
    uint64_t a = *(unsigned *)seed, b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13, g = a * 17;
    double x = (double)a, y = x * 0.5, z = x * 0.25, w = x * 0.125;
    for (int i = 0; i < 1000; i++) {
        mnet_yield();
        a = a * 6364136223846793005u + b;
        b ^= c + d;
        c += e ^ f;
        d -= g;
        e = e << 1 | e >> 63;
        f += a;
        g ^= b;
        x = x * 0.75 + y;
        y = y * 0.5 + z;
        z = z * 0.25 + w;
        w = w * 0.125 + 1;
    }
    say("%llx", (unsigned long long)(a ^ b ^ c ^ d ^ e ^ f ^ g));
    say("%.17g", x + y + z + w);
    return 0;
}

static int compute_interleaved(void *argument)
{
    (void)argument;
    static unsigned seeds[] = {1, 2, 3};
    for (size_t i = 0; i < MN_COUNT_OF(seeds); i++)
        mnet_spawn(NULL, compute, &seeds[i]);
    return 0;
}

static int compute_in_turn(void *argument)
{
    (void)argument;
    for (unsigned seed = 1; seed <= 3; seed++)
        compute(&seed);
    return 0;
}

static void runnable_switch_preserves_registers(void **state)
{
    (void)state;
    char interleaved[sizeof said];
    run_tasks(compute_interleaved, NULL);
    memcpy(interleaved, said, sizeof said);
    run_tasks(compute_in_turn, NULL);
    expect_said(interleaved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_10000_in_turn_share_one_stack),
        cmocka_unit_test(sized_stacks_serve_their_task_and_go),
        cmocka_unit_test(ended_10000_without_handle_collect_themselves),
        cmocka_unit_test(group_10000_at_once_keeps_a_bounded_number_of_stacks),
        cmocka_unit_test(exhausted_spawn_says_no_memory),
        cmocka_unit_test(exhausted_create_gives_null),
        cmocka_unit_test(running_overflow_names_the_task_and_aborts),
        cmocka_unit_test(running_other_fault_has_its_usual_effect),
        cmocka_unit_test(suspending_canary_changed_names_the_task_and_aborts),
        cmocka_unit_test(running_address_below_the_stack_is_an_overflow),
        cmocka_unit_test(left_frames_that_are_needed_are_reported),
        cmocka_unit_test(running_budget_bounds_resumptions),
        cmocka_unit_test(sleeping_deadline_tells_when_to_run_again),
        cmocka_unit_test(sleeping_cancel_from_outside_ends_it),
        cmocka_unit_test(running_task_may_run_another_scheduler),
        cmocka_unit_test(runnable_switch_preserves_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
