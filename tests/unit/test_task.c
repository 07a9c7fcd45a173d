/* The tree of tasks: spawn, join, cancel, ending; yield, sleep and waiting. */
#include "tests/unit/task_support.h"

/* Says its argument, and says it again after each of two yields. */
static int talker(void *name)
{
    for (int i = 1; i <= 3; i++) {
        say("%s%d", (const char *)name, i);
        if (i < 3)
            mnet_yield();
    }
    return 0;
}

/* Arguments outlive the function that spawns: it returns before its children end. */
static uint64_t at_3_ms = 3 * MNET_MILLISECOND, at_5_ms = 5 * MNET_MILLISECOND, at_10_ms = 10 * MNET_MILLISECOND,
                at_20_ms = 20 * MNET_MILLISECOND, at_30_ms = 30 * MNET_MILLISECOND, at_50_ms = 50 * MNET_MILLISECOND;
static int one = 1;

/* Sleeps until its argument, and says the result. */
static int sleeper(void *until)
{
    int error = mnet_sleep(*(uint64_t *)until);
    say_at("slept", error);
    return error;
}

static int forever(void *name)
{
    int error = mnet_sleep(MNET_NEVER);
    say("%s-%s", (const char *)name, word(error));
    return error;
}

static int giver(void *value)
{
    return *(int *)value;
}

/* --- beginning --- */

static int spawn_then_yield(void *argument)
{
    (void)argument;
    assert_int_equal(mnet_spawn(NULL, talker, text("a")), 0);
    say("spawned");
    mnet_yield();
    say("back");
    return 0;
}

static void running_spawn_child_first_runs_when_parent_suspends(void **state)
{
    (void)state;
    run_tasks(spawn_then_yield, NULL);
    expect_said("spawned a1 back a2 a3");
}

static int three_talkers(void *argument)
{
    (void)argument;
    mnet_spawn(NULL, talker, text("a"));
    mnet_spawn(NULL, talker, text("b"));
    mnet_spawn(NULL, talker, text("c"));
    return 0;
}

static void runnable_yield_goes_round_in_order(void **state)
{
    (void)state;
    run_tasks(three_talkers, NULL);
    expect_said("a1 b1 c1 a2 b2 c2 a3 b3 c3");
}

static int say_name(void *argument)
{
    (void)argument;
    say("%s", mnet_task_name(mnet_self()));
    return 0;
}

static int names(void *argument)
{
    say_name(argument);
    mnet_task_set_name(mnet_self(), "server");
    mnet_spawn(NULL, say_name, NULL);
    mnet_task_set_name(mnet_self(), "other");
    return say_name(argument);
}

static void running_spawn_child_inherits_the_name(void **state)
{
    (void)state;
    run_tasks(names, NULL);
    expect_said("main other server");
}

static void outside_calls_are_invalid(void **state)
{
    (void)state;
    struct mnet_waiters waiters = {0};
    struct mnet_mutex mutex = {0};
    struct mnet_condition condition = {0};
    struct mnet_group group = {0};
    assert_null(mnet_self());
    assert_false(mnet_cancelled());
    assert_int_equal(mnet_spawn(NULL, talker, text("a")), MNET_E_INVALID);
    assert_int_equal(mnet_group_spawn(&group, talker, text("a")), MNET_E_INVALID);
    assert_int_equal(mnet_yield(), MNET_E_INVALID);
    assert_int_equal(mnet_sleep(1), MNET_E_INVALID);
    assert_int_equal(mnet_join(NULL, NULL, 0), MNET_E_INVALID);
    assert_int_equal(mnet_mutex_lock(&mutex, 0), MNET_E_INVALID);
    assert_int_equal(mnet_mutex_unlock(&mutex), MNET_E_INVALID);
    assert_int_equal(mnet_condition_wait(&condition, &mutex, MNET_NEVER), MNET_E_INVALID);
    assert_int_equal(mn_wait(&waiters, MNET_NEVER), MNET_E_INVALID);
    assert_int_equal(mn_wait(&waiters, 0), MNET_E_DEADLINE);
    assert_string_equal(mnet_task_name(NULL), "");
    mnet_cancel(NULL);
    mnet_condition_signal(&condition);
    mnet_condition_broadcast(&condition);
}

static int spawn_nothing(void *argument)
{
    (void)argument;
    return mnet_spawn(NULL, NULL, NULL);
}

static void running_spawn_without_function_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(run_tasks(spawn_nothing, NULL), MNET_E_INVALID);
}

/* --- join --- */

static int join_giver(void *value)
{
    struct mnet_task *task;
    mnet_spawn(&task, giver, value);
    int result = 0;
    int error = mnet_join(task, &result, MNET_NEVER);
    say("%s-%d", word(error), result);
    return 0;
}

static void running_join_gives_the_result(void **state)
{
    (void)state;
    run_tasks(join_giver, &(int){-77});
    expect_said("okay--77");
}

static int join_without_waiting(void *argument)
{
    (void)argument;
    struct mnet_task *task;
    mnet_spawn(&task, giver, &(int){5});
    say("%s", word(mnet_join(task, NULL, 0)));
    mnet_yield();
    int result = 0;
    say("%s", word(mnet_join(task, &result, 0)));
    say("%d", result);
    return 0;
}

static void running_join_deadline_0_does_not_wait(void **state)
{
    (void)state;
    run_tasks(join_without_waiting, NULL);
    expect_said("deadline okay 5");
}

static int join_in_time(void *argument)
{
    (void)argument;
    struct mnet_task *task;
    mnet_spawn(&task, sleeper, &at_20_ms);
    say_at("join", mnet_join(task, NULL, milliseconds(10)));
    say_at("join", mnet_join(task, NULL, milliseconds(30)));
    return 0;
}

static void joining_deadline_handle_stays_valid(void **state)
{
    (void)state;
    run_tasks(join_in_time, NULL);
    expect_said("join-deadline-10 slept-okay-20 join-okay-20");
}

static int join_forever(void *argument)
{
    (void)argument;
    struct mnet_task *task;
    mnet_spawn(&task, forever, text("child"));
    say("join-%s", word(mnet_join(task, NULL, MNET_NEVER)));
    say("again-%s", word(mnet_join(task, NULL, MNET_NEVER)));
    mnet_cancel(task); /* still valid */
    return 0;
}

static int cancel_joiner(void *argument)
{
    struct mnet_task *task;
    mnet_spawn(&task, join_forever, argument);
    mnet_yield();
    mnet_cancel(task);
    return mnet_join(task, NULL, MNET_NEVER);
}

static void joining_cancel_handle_stays_valid(void **state)
{
    (void)state;
    assert_int_equal(run_tasks(cancel_joiner, NULL), 0);
    expect_said("join-cancelled again-cancelled child-cancelled");
}

static int end_child(void *argument)
{
    struct mnet_task *task;
    mnet_spawn(&task, forever, text("child"));
    mnet_yield();
    mnet_cancel(mnet_self());
    mnet_cancel(task);
    say("join-%s", word(mnet_join(task, NULL, MNET_NEVER)));
    say("again-%s", word(mnet_join(task, NULL, MNET_NEVER)));
    return argument != NULL;
}

static void cancelled_join_waits_for_a_child_that_was_cancelled(void **state)
{
    (void)state;
    assert_int_equal(run_tasks(end_child, NULL), 0);
    expect_said("child-cancelled join-okay again-invalid");
}

static int join_stranger(void *task)
{
    say("stranger-%s", word(mnet_join(task, NULL, 0)));
    say("self-%s", word(mnet_join(mnet_self(), NULL, 0)));
    return 0;
}

static int join_strangers(void *argument)
{
    (void)argument;
    struct mnet_task *task, *other;
    mnet_spawn(&task, giver, &one);
    mnet_spawn(&other, join_stranger, task);
    mnet_join(other, NULL, MNET_NEVER);
    return mnet_join(task, NULL, MNET_NEVER);
}

static void running_join_of_another_ones_child_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(run_tasks(join_strangers, NULL), 0);
    expect_said("stranger-invalid self-invalid");
}

/* --- ending --- */

static int leave_child(void *result)
{
    mnet_spawn(NULL, sleeper, &at_5_ms);
    say("returns");
    return *(int *)result;
}

static int await_parent(void *result)
{
    struct mnet_task *task;
    mnet_spawn(&task, leave_child, result);
    mnet_join(task, NULL, MNET_NEVER);
    say("joined");
    return 0;
}

static void returned_0_children_running_are_awaited(void **state)
{
    (void)state;
    run_tasks(await_parent, &(int){0});
    expect_said("returns slept-okay-5 joined");
}

static void returned_negative_children_are_cancelled(void **state)
{
    (void)state;
    run_tasks(await_parent, &(int){MNET_E_RESET});
    expect_said("returns slept-cancelled-1 joined");
}

static int leave_forever(void *argument)
{
    (void)argument;
    mnet_spawn(NULL, forever, text("child"));
    return 0;
}

static int cancel_ending(void *argument)
{
    struct mnet_task *task;
    mnet_spawn(&task, leave_forever, argument);
    mnet_sleep(milliseconds(2));
    say("cancel");
    mnet_cancel(task);
    return mnet_join(task, NULL, MNET_NEVER);
}

static void ending_cancel_cancels_children(void **state)
{
    (void)state;
    run_tasks(cancel_ending, NULL);
    expect_said("cancel child-cancelled");
}

static int deep(void *depth)
{
    int left = *(int *)depth - 1;
    if (left == 0)
        return forever(text("deepest"));
    mnet_spawn(NULL, deep, &left);
    mnet_yield(); /* `left` is read by then */
    return 0;
}

static int cancel_deep(void *depth)
{
    struct mnet_task *task;
    mnet_spawn(&task, deep, depth);
    mnet_sleep(milliseconds(2));
    mnet_cancel(task);
    return mnet_join(task, NULL, MNET_NEVER);
}

static void ending_cancel_reaches_the_end_of_a_deep_tree(void **state)
{
    (void)state;
    run_tasks(cancel_deep, &(int){2000});
    expect_said("deepest-cancelled");
}

static int leave_handles(void *argument)
{
    (void)argument;
    struct mnet_task *task;
    mnet_spawn(&task, giver, &one);
    mnet_spawn(&task, sleeper, &at_3_ms);
    return 9;
}

static void returned_unjoined_handles_are_freed(void **state)
{
    (void)state;
    assert_int_equal(run_tasks(leave_handles, NULL), 9);
    expect_said("slept-okay-3");
}

/* --- cancel --- */

static int cancel_sleeper(void *argument)
{
    (void)argument;
    struct mnet_task *task;
    mnet_spawn(&task, sleeper, &at_50_ms);
    mnet_sleep(milliseconds(2));
    mnet_cancel(task);
    int result = 0;
    mnet_join(task, &result, MNET_NEVER);
    return result;
}

static void sleeping_cancel_wakes_it_at_once(void **state)
{
    (void)state;
    assert_int_equal(run_tasks(cancel_sleeper, NULL), MNET_E_CANCELLED);
    expect_said("slept-cancelled-2");
}

static int heedless(void *argument)
{
    (void)argument;
    struct mnet_waiters nobody = {0};
    say("%d", mnet_cancelled());
    say("%s", word(mnet_sleep(milliseconds(50))));
    say("%s", word(mnet_sleep(0)));
    say("%s", word(mnet_yield()));
    say("%s", word(mn_wait(&nobody, MNET_NEVER)));
    say("%s", word(mn_wait(&nobody, 0))); /* does not suspend */
    return 0;
}

static int cancel_runnable(void *argument)
{
    (void)argument;
    struct mnet_task *task;
    mnet_spawn(&task, heedless, NULL);
    mnet_cancel(task);
    return mnet_join(task, NULL, MNET_NEVER);
}

static void runnable_cancel_every_later_call_says_so(void **state)
{
    (void)state;
    run_tasks(cancel_runnable, NULL);
    expect_said("1 cancelled cancelled cancelled cancelled deadline");
}

static int cancel_ended(void *argument)
{
    (void)argument;
    struct mnet_task *task;
    mnet_spawn(&task, giver, &(int){3});
    mnet_yield();
    mnet_cancel(task);
    int result = 0;
    mnet_join(task, &result, 0);
    return result;
}

static void ended_cancel_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(run_tasks(cancel_ended, NULL), 3);
}

static int heedless_yielder(void *argument)
{
    (void)argument;
    while (mnet_yield() != MNET_E_CANCELLED) {
    }
    for (int i = 0; i < 3; i++) {
        say("y");
        mnet_yield();
    }
    return 0;
}

static int cancel_yielder(void *argument)
{
    struct mnet_task *task;
    mnet_spawn(&task, heedless_yielder, argument);
    mnet_cancel(task);
    return talker(text("t"));
}

static void cancelled_yield_lets_others_run(void **state)
{
    (void)state;
    run_tasks(cancel_yielder, NULL);
    expect_said("t1 t2 y t3 y y");
}

/* --- time --- */

static int sleepers(void *argument)
{
    (void)argument;
    mnet_spawn(NULL, sleeper, &at_30_ms);
    mnet_spawn(NULL, sleeper, &at_10_ms);
    mnet_spawn(NULL, sleeper, &at_20_ms);
    return 0;
}

static void sleeping_deadlines_wake_in_order_of_time(void **state)
{
    (void)state;
    run_tasks(sleepers, NULL);
    expect_said("slept-okay-10 slept-okay-20 slept-okay-30");
}

static int named_sleeper(void *name)
{
    mnet_sleep(milliseconds(7));
    say("%s", (const char *)name);
    return 0;
}

static int same_time(void *argument)
{
    (void)argument;
    mnet_spawn(NULL, named_sleeper, text("a"));
    mnet_spawn(NULL, named_sleeper, text("b"));
    mnet_spawn(NULL, named_sleeper, text("c"));
    return 0;
}

static void sleeping_same_deadline_wake_in_order_of_arrival(void **state)
{
    (void)state;
    run_tasks(same_time, NULL);
    expect_said("a b c");
}

static int sleep_odd(void *argument)
{
    (void)argument;
    uint64_t deadline = 5 * MNET_MILLISECOND + 123;
    assert_int_equal(mnet_sleep(deadline), 0);
    say(mnet_now() >= deadline ? "late" : "early");
    return 0;
}

static void sleeping_odd_nanoseconds_never_wakes_early(void **state)
{
    (void)state;
    run_tasks(sleep_odd, NULL);
    expect_said("late");
}

static int sleep_past(void *argument)
{
    (void)argument;
    mnet_spawn(NULL, talker, text("a"));
    say("%s", word(mnet_sleep(mnet_now())));
    return 0;
}

static void running_sleep_past_deadline_is_a_yield(void **state)
{
    (void)state;
    run_tasks(sleep_past, NULL);
    expect_said("a1 okay a2 a3");
}

/* --- waiting --- */

struct queue {
    struct mnet_waiters waiters;
    struct mnet_task *tasks[3];
    uint64_t deadline;
};

static int queue_first(void *queue)
{
    struct queue *q = queue;
    say("first-%s", word(mn_wait(&q->waiters, q->deadline)));
    say("then-%s", word(mnet_yield()));
    return 0;
}

static int queue_second(void *queue)
{
    struct queue *q = queue;
    say("second-%s", word(mn_wait(&q->waiters, MNET_NEVER)));
    return 0;
}

static void spawn_waiters(struct queue *queue)
{
    mnet_spawn(&queue->tasks[0], queue_first, queue);
    mnet_spawn(&queue->tasks[1], queue_second, queue);
    mnet_yield();
}

static int wake_then_cancel(void *argument)
{
    (void)argument;
    struct queue queue = {.deadline = MNET_NEVER};
    spawn_waiters(&queue);
    mn_wake_one(&queue.waiters);
    mnet_cancel(queue.tasks[0]);
    mnet_yield();
    say("waiting-%d", mn_waiting(&queue.waiters));
    mn_wake_all(&queue.waiters);
    mnet_join(queue.tasks[1], NULL, MNET_NEVER);
    mnet_join(queue.tasks[0], NULL, MNET_NEVER);
    return 0;
}

static void woken_cancel_keeps_the_wake_up(void **state)
{
    (void)state;
    run_tasks(wake_then_cancel, NULL);
    expect_said("first-okay waiting-1 then-cancelled second-okay");
}

static int cancel_then_wake(void *argument)
{
    (void)argument;
    struct queue queue = {.deadline = MNET_NEVER};
    spawn_waiters(&queue);
    mnet_cancel(queue.tasks[0]);
    say("woken-%d", mn_wake_one(&queue.waiters));
    say("woken-%d", mn_wake_one(&queue.waiters));
    mnet_join(queue.tasks[0], NULL, MNET_NEVER);
    mnet_join(queue.tasks[1], NULL, MNET_NEVER);
    return 0;
}

static void waiting_cancel_leaves_the_wake_up_to_the_next(void **state)
{
    (void)state;
    run_tasks(cancel_then_wake, NULL);
    expect_said("woken-1 woken-0 first-cancelled second-okay then-cancelled");
}

static void waiting_deadline_leaves_the_wake_up_to_the_next(void **state)
{
    (void)state;
    struct queue queue = {.deadline = milliseconds(5)};
    said[0] = '\0';
    struct mn_scheduler *first = mn_scheduler_create(&mn_hosted_stacks, queue_first, &queue, 1);
    struct mn_scheduler *second = mn_scheduler_create(&mn_hosted_stacks, queue_second, &queue, 1);
    mn_scheduler_run(first, 1, 10);
    mn_scheduler_run(second, 1, 10);
    mn_scheduler_run(first, milliseconds(5), 0); /* decides, without running any task */
    assert_true(mn_wake_one(&queue.waiters));
    assert_false(mn_wake_one(&queue.waiters));
    finish(first, milliseconds(5));
    finish(second, milliseconds(5));
    expect_said("first-deadline then-okay second-okay");
}

static int wait_twice(void *argument)
{
    struct queue *q = argument;
    say_at("first", mn_wait(&q->waiters, q->deadline));
    say_at("second", mn_wait(&q->waiters, MNET_NEVER));
    return 0;
}

static int wake_in_time(void *argument)
{
    (void)argument;
    struct queue queue = {.deadline = milliseconds(10)};
    mnet_spawn(&queue.tasks[0], wait_twice, &queue);
    mnet_sleep(milliseconds(5));
    mn_wake_one(&queue.waiters);
    mnet_sleep(milliseconds(20));
    mn_wake_one(&queue.waiters);
    return mnet_join(queue.tasks[0], NULL, MNET_NEVER);
}

static void woken_deadline_is_forgotten(void **state)
{
    (void)state;
    run_tasks(wake_in_time, NULL);
    expect_said("first-okay-5 second-okay-20");
}

static int wait_past(void *argument)
{
    (void)argument;
    struct mnet_waiters nobody = {0};
    mnet_spawn(NULL, talker, text("a"));
    say("%s", word(mn_wait(&nobody, mnet_now())));
    say("%s", word(mn_wait(&nobody, 0)));
    return 0;
}

static void running_wait_past_deadline_does_not_suspend(void **state)
{
    (void)state;
    run_tasks(wait_past, NULL);
    expect_said("deadline deadline a1 a2 a3");
}

static int wake_both(void *argument)
{
    (void)argument;
    struct queue queue = {.deadline = MNET_NEVER};
    spawn_waiters(&queue);
    mn_wake_all(&queue.waiters);
    mnet_join(queue.tasks[0], NULL, MNET_NEVER);
    return mnet_join(queue.tasks[1], NULL, MNET_NEVER);
}

static void waiting_wake_all_in_order_of_arrival(void **state)
{
    (void)state;
    run_tasks(wake_both, NULL);
    expect_said("first-okay second-okay then-okay");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_calls_are_invalid),
        cmocka_unit_test(running_spawn_child_first_runs_when_parent_suspends),
        cmocka_unit_test(runnable_yield_goes_round_in_order),
        cmocka_unit_test(running_spawn_child_inherits_the_name),
        cmocka_unit_test(running_spawn_without_function_is_invalid),
        cmocka_unit_test(running_join_gives_the_result),
        cmocka_unit_test(running_join_deadline_0_does_not_wait),
        cmocka_unit_test(joining_deadline_handle_stays_valid),
        cmocka_unit_test(joining_cancel_handle_stays_valid),
        cmocka_unit_test(cancelled_join_waits_for_a_child_that_was_cancelled),
        cmocka_unit_test(running_join_of_another_ones_child_is_invalid),
        cmocka_unit_test(returned_0_children_running_are_awaited),
        cmocka_unit_test(returned_negative_children_are_cancelled),
        cmocka_unit_test(ending_cancel_cancels_children),
        cmocka_unit_test(ending_cancel_reaches_the_end_of_a_deep_tree),
        cmocka_unit_test(returned_unjoined_handles_are_freed),
        cmocka_unit_test(sleeping_cancel_wakes_it_at_once),
        cmocka_unit_test(runnable_cancel_every_later_call_says_so),
        cmocka_unit_test(ended_cancel_does_nothing),
        cmocka_unit_test(cancelled_yield_lets_others_run),
        cmocka_unit_test(sleeping_deadlines_wake_in_order_of_time),
        cmocka_unit_test(sleeping_same_deadline_wake_in_order_of_arrival),
        cmocka_unit_test(sleeping_odd_nanoseconds_never_wakes_early),
        cmocka_unit_test(running_sleep_past_deadline_is_a_yield),
        cmocka_unit_test(woken_cancel_keeps_the_wake_up),
        cmocka_unit_test(waiting_cancel_leaves_the_wake_up_to_the_next),
        cmocka_unit_test(waiting_deadline_leaves_the_wake_up_to_the_next),
        cmocka_unit_test(woken_deadline_is_forgotten),
        cmocka_unit_test(running_wait_past_deadline_does_not_suspend),
        cmocka_unit_test(waiting_wake_all_in_order_of_arrival),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
