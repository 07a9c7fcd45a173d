/* Mutex, condition, groups and ownership. */
#include "tests/unit/task_support.h"

/* Arguments outlive the function that spawns: it returns before its children end. */
struct shared {
    struct mnet_mutex mutex;
    struct mnet_condition condition;
    struct mnet_group group;
    struct mnet_task *tasks[3];
    uint64_t deadline;
};
static struct shared shared;

static void reset(void)
{
    shared = (struct shared){.deadline = MNET_NEVER};
}

static int run_fresh(int (*run)(void *argument))
{
    reset();
    return run_tasks(run, NULL);
}

/* Spawns `run` with the names a, b, c, ..., and lets them run until they wait. */
static void spawn_named(int (*run)(void *name), unsigned count)
{
    static const char *const names[] = {"a", "b", "c"};
    for (unsigned i = 0; i < count; i++)
        mnet_spawn(&shared.tasks[i], run, text(names[i]));
    mnet_yield();
}

static void join_named(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        mnet_join(shared.tasks[i], NULL, MNET_NEVER);
}

/* --- mutex --- */

/* Locks, says so, holds the mutex for a round, and unlocks. */
static int locker(void *name)
{
    int error = mnet_mutex_lock(&shared.mutex, shared.deadline);
    say("%s-%s", (const char *)name, word(error));
    if (error == 0) {
        say("next-%s", word(mnet_yield()));
        mnet_mutex_unlock(&shared.mutex);
    }
    return 0;
}

static int hold_then_unlock(void *argument)
{
    (void)argument;
    mnet_mutex_lock(&shared.mutex, MNET_NEVER);
    spawn_named(locker, 3);
    say("unlock");
    mnet_mutex_unlock(&shared.mutex);
    say("lock-%s", word(mnet_mutex_lock(&shared.mutex, MNET_NEVER)));
    mnet_mutex_unlock(&shared.mutex);
    return 0;
}

static void locked_unlock_hands_over_in_order_of_arrival(void **state)
{
    (void)state;
    run_fresh(hold_then_unlock);
    expect_said("unlock a-okay next-okay b-okay next-okay c-okay next-okay lock-okay");
    assert_null(shared.mutex.holder);
}

static int cancel_after_handover(void *argument)
{
    (void)argument;
    mnet_mutex_lock(&shared.mutex, MNET_NEVER);
    spawn_named(locker, 2);
    mnet_mutex_unlock(&shared.mutex);
    mnet_cancel(shared.tasks[0]);
    join_named(2);
    return 0;
}

static void handed_over_cancel_holds_the_mutex(void **state)
{
    (void)state;
    run_fresh(cancel_after_handover);
    expect_said("a-okay next-cancelled b-okay next-okay");
    assert_null(shared.mutex.holder);
}

static int cancel_before_handover(void *argument)
{
    (void)argument;
    mnet_mutex_lock(&shared.mutex, MNET_NEVER);
    spawn_named(locker, 2);
    mnet_cancel(shared.tasks[0]);
    mnet_mutex_unlock(&shared.mutex);
    join_named(2);
    return 0;
}

static void locking_cancel_leaves_the_mutex_to_the_next(void **state)
{
    (void)state;
    run_fresh(cancel_before_handover);
    expect_said("a-cancelled b-okay next-okay");
    assert_null(shared.mutex.holder);
}

static int lock_in_time(void *argument)
{
    (void)argument;
    mnet_mutex_lock(&shared.mutex, MNET_NEVER);
    shared.deadline = milliseconds(5);
    spawn_named(locker, 1);
    shared.deadline = 0;
    spawn_named(locker, 1);
    mnet_sleep(milliseconds(9));
    mnet_mutex_unlock(&shared.mutex);
    say("free-%d", shared.mutex.holder == NULL);
    return 0;
}

static void locking_deadline_gives_up(void **state)
{
    (void)state;
    run_fresh(lock_in_time);
    expect_said("a-deadline a-deadline free-1");
}

static int unlock_stranger(void *name)
{
    say("%s-%s", (const char *)name, word(mnet_mutex_unlock(&shared.mutex)));
    return 0;
}

static int misuse_mutex(void *argument)
{
    (void)argument;
    say("unlock-%s", word(mnet_mutex_unlock(&shared.mutex)));
    mnet_mutex_lock(&shared.mutex, MNET_NEVER);
    say("again-%s", word(mnet_mutex_lock(&shared.mutex, MNET_NEVER)));
    spawn_named(unlock_stranger, 1);
    say("mine-%d", shared.mutex.holder == mnet_self());
    return mnet_mutex_unlock(&shared.mutex);
}

static void locked_misuse_is_invalid_and_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(run_fresh(misuse_mutex), 0);
    expect_said("unlock-invalid again-invalid a-invalid mine-1");
}

static int lock_cancelled(void *argument)
{
    (void)argument;
    mnet_cancel(mnet_self());
    say("%s", word(mnet_mutex_lock(&shared.mutex, MNET_NEVER)));
    return mnet_mutex_unlock(&shared.mutex);
}

static void unlocked_lock_by_a_cancelled_task_need_not_wait(void **state)
{
    (void)state;
    run_fresh(lock_cancelled);
    expect_said("okay");
}

/* --- condition --- */

static int waiter(void *name)
{
    mnet_mutex_lock(&shared.mutex, MNET_NEVER);
    int error = mnet_condition_wait(&shared.condition, &shared.mutex, shared.deadline);
    say("%s-%s-%s", (const char *)name, word(error), shared.mutex.holder == mnet_self() ? "locked" : "unlocked");
    mnet_mutex_unlock(&shared.mutex);
    return mnet_yield();
}

static int signal_twice(void *argument)
{
    (void)argument;
    spawn_named(waiter, 3);
    mnet_condition_signal(&shared.condition);
    mnet_yield();
    say("signal");
    mnet_condition_signal(&shared.condition);
    mnet_condition_signal(&shared.condition);
    join_named(3);
    return 0;
}

static void waiting_signal_wakes_one_in_order_of_arrival(void **state)
{
    (void)state;
    run_fresh(signal_twice);
    expect_said("a-okay-locked signal b-okay-locked c-okay-locked");
}

static int broadcast(void *argument)
{
    (void)argument;
    spawn_named(waiter, 3);
    mnet_condition_broadcast(&shared.condition);
    join_named(3);
    return 0;
}

static void waiting_broadcast_wakes_all(void **state)
{
    (void)state;
    run_fresh(broadcast);
    expect_said("a-okay-locked b-okay-locked c-okay-locked");
}

static int signal_then_cancel(void *argument)
{
    (void)argument;
    spawn_named(waiter, 2);
    mnet_condition_signal(&shared.condition);
    mnet_cancel(shared.tasks[0]);
    int result;
    mnet_join(shared.tasks[0], &result, MNET_NEVER);
    say("then-%s", word(result));
    mnet_cancel(shared.tasks[1]);
    return mnet_join(shared.tasks[1], NULL, MNET_NEVER);
}

static void signalled_cancel_keeps_the_signal(void **state)
{
    (void)state;
    run_fresh(signal_then_cancel);
    expect_said("a-okay-locked then-cancelled b-cancelled-locked");
}

static int cancel_then_signal(void *argument)
{
    (void)argument;
    spawn_named(waiter, 2);
    mnet_cancel(shared.tasks[0]);
    mnet_condition_signal(&shared.condition);
    join_named(2);
    return 0;
}

static void waiting_cancel_leaves_the_signal_to_the_next(void **state)
{
    (void)state;
    run_fresh(cancel_then_signal);
    expect_said("a-cancelled-locked b-okay-locked");
}

static int cancel_relocking(void *argument)
{
    (void)argument;
    spawn_named(waiter, 1);
    mnet_mutex_lock(&shared.mutex, MNET_NEVER);
    mnet_condition_signal(&shared.condition);
    mnet_yield(); /* it waits for the mutex now */
    mnet_cancel(shared.tasks[0]);
    mnet_yield();
    say("unlock");
    mnet_mutex_unlock(&shared.mutex);
    join_named(1);
    return 0;
}

static void relocking_cancel_locks_all_the_same(void **state)
{
    (void)state;
    run_fresh(cancel_relocking);
    expect_said("unlock a-okay-locked");
}

static int cancel_while_locked(void *argument)
{
    (void)argument;
    spawn_named(waiter, 1);
    mnet_mutex_lock(&shared.mutex, MNET_NEVER);
    mnet_cancel(shared.tasks[0]);
    mnet_yield(); /* cancelled, it has left the condition, and still waits for the mutex */
    say("unlock");
    mnet_mutex_unlock(&shared.mutex);
    join_named(1);
    return 0;
}

static void waiting_cancel_waits_for_the_mutex(void **state)
{
    (void)state;
    run_fresh(cancel_while_locked);
    expect_said("unlock a-cancelled-locked");
}

static int wait_in_time(void *argument)
{
    (void)argument;
    shared.deadline = milliseconds(3);
    spawn_named(waiter, 1);
    shared.deadline = 0;
    spawn_named(waiter, 1);
    return 0;
}

static void waiting_deadline_locks_again(void **state)
{
    (void)state;
    run_fresh(wait_in_time);
    expect_said("a-deadline-locked a-deadline-locked");
}

static int wait_unlocked(void *argument)
{
    (void)argument;
    return mnet_condition_wait(&shared.condition, &shared.mutex, MNET_NEVER);
}

static void unlocked_condition_wait_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(run_fresh(wait_unlocked), MNET_E_INVALID);
}

/* --- groups --- */

static int member(void *delay)
{
    int error = mnet_sleep(milliseconds((unsigned)(uintptr_t)delay));
    return error < 0 ? error : (int)(uintptr_t)delay;
}

static void *delay(unsigned count)
{
    return (void *)(uintptr_t)count;
}

static int reap_members(void *argument)
{
    (void)argument;
    int result = 0;
    mnet_group_spawn(&shared.group, member, delay(30));
    mnet_group_spawn(&shared.group, member, delay(10));
    mnet_group_spawn(&shared.group, member, delay(20));
    say("%d", mnet_group_reap(&shared.group, &result));
    mnet_sleep(milliseconds(25));
    while (mnet_group_reap(&shared.group, &result))
        say("reap-%d", result);
    say("left-%zu", shared.group.count);
    say_at("join", mnet_group_join(&shared.group, MNET_NEVER));
    say("left-%zu", shared.group.count);
    return 0;
}

static void group_reap_gives_ended_members_in_order(void **state)
{
    (void)state;
    run_fresh(reap_members);
    expect_said("0 reap-10 reap-20 left-1 join-okay-30 left-0");
}

static int cancel_members(void *argument)
{
    (void)argument;
    int result = 0;
    for (int i = 0; i < 3; i++)
        mnet_group_spawn(&shared.group, member, delay(30));
    mnet_yield();
    mnet_group_cancel(&shared.group);
    mnet_yield();
    while (mnet_group_reap(&shared.group, &result))
        say("%s", word(result));
    return 0;
}

/* In ms: fails at 15. */
static int failing_member(void *argument)
{
    (void)argument;
    int error = mnet_sleep(milliseconds(15));
    return error < 0 ? error : MNET_E_RESET;
}

/* Members end at 10, 15 and 30. */
static int fail_members(void *argument)
{
    (void)argument;
    int result = 0;
    shared.group.cancel_on_failure = true;
    mnet_group_spawn(&shared.group, member, delay(10));
    mnet_group_spawn(&shared.group, failing_member, NULL);
    mnet_group_spawn(&shared.group, member, delay(30));
    mnet_sleep(milliseconds(20));
    while (mnet_group_reap(&shared.group, &result))
        say("%d", result);
    say("left-%zu-failure%d", shared.group.count, shared.group.failure);
    say("%s", word(mnet_group_spawn(&shared.group, member, delay(1))));
    say_at("join", mnet_group_join(&shared.group, 0));
    return 0;
}

static void group_first_failure_cancels_the_others(void **state)
{
    (void)state;
    run_fresh(fail_members);
    expect_said("10 -7 -11 left-0-failure-7 cancelled join-okay-20");
}

static void group_cancel_reaches_all_members(void **state)
{
    (void)state;
    run_fresh(cancel_members);
    expect_said("cancelled cancelled cancelled");
}

static int join_in_time(void *argument)
{
    (void)argument;
    say_at("empty", mnet_group_join(&shared.group, 0));
    mnet_group_spawn(&shared.group, member, delay(20));
    say_at("0", mnet_group_join(&shared.group, 0));
    say_at("10", mnet_group_join(&shared.group, milliseconds(10)));
    mnet_cancel(mnet_self());
    say_at("cancel", mnet_group_join(&shared.group, MNET_NEVER));
    return 0;
}

static void group_join_deadline_and_cancel_keep_members(void **state)
{
    (void)state;
    run_fresh(join_in_time);
    expect_said("empty-okay-1 0-deadline-1 10-deadline-10 cancel-cancelled-10");
    assert_int_equal(shared.group.count, 0); /* gone with their parent */
}

static int end_members(void *argument)
{
    (void)argument;
    for (int i = 0; i < 3; i++)
        mnet_group_spawn(&shared.group, member, delay(30));
    mnet_yield();
    mnet_cancel(mnet_self());
    say_at("running", mnet_group_join(&shared.group, MNET_NEVER));
    mnet_group_cancel(&shared.group);
    say_at("0", mnet_group_join(&shared.group, 0));
    say_at("cancelled", mnet_group_join(&shared.group, MNET_NEVER));
    mnet_group_spawn(&shared.group, member, delay(30));
    say_at("new", mnet_group_join(&shared.group, MNET_NEVER));
    return 0;
}

/* A task that is told to end can still end its own tasks. */
static void cancelled_group_join_waits_for_members_that_were_cancelled(void **state)
{
    (void)state;
    run_fresh(end_members);
    expect_said("running-cancelled-1 0-deadline-1 cancelled-okay-1 new-cancelled-1");
}

static int leave_group(void *argument)
{
    (void)argument;
    struct mnet_group group = {0};
    mnet_group_spawn(&group, member, delay(5));
    mnet_group_spawn(&group, member, delay(3));
    mnet_exit(0);
}

static int await_leaver(void *argument)
{
    struct mnet_task *task;
    mnet_spawn(&task, leave_group, argument);
    say_at("join", mnet_join(task, NULL, MNET_NEVER));
    return 0;
}

static void exited_group_on_the_stack_serves_its_members_until_they_end(void **state)
{
    (void)state;
    run_fresh(await_leaver);
    expect_said("join-okay-5");
}

/* --- ownership --- */

static void say_final(void *name)
{
    say("final-%s", (const char *)name);
}

/* Fills the stack below the frames in use, to reveal a frame that is not. */
static void use_stack(void *name)
{
    volatile char frame[512];
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (char)0xee;
    say_final(name);
}

static int own_three(void *result)
{
    struct mnet_owned a, b, c;
    mnet_own(&a, say_final, text("a"));
    mnet_own(&b, use_stack, text("b"));
    mnet_own(&c, use_stack, text("c"));
    mnet_exit((int)(uintptr_t)result);
}

static int end_owner(void *argument)
{
    (void)argument;
    struct mnet_task *task;
    mnet_spawn(&task, own_three, delay(4));
    int result = 0;
    mnet_join(task, &result, MNET_NEVER);
    say("%d", result);
    return 0;
}

static void exited_owned_is_finalised_newest_first(void **state)
{
    (void)state;
    run_fresh(end_owner);
    expect_said("final-c final-b final-a 4");
}

static void give_up(void)
{
    struct mnet_owned inner;
    mnet_own(&inner, use_stack, text("inner"));
    mnet_exit(MNET_E_RESET);
}

static void call_giving_up(void)
{
    struct mnet_owned middle;
    mnet_own(&middle, use_stack, text("middle"));
    give_up();
}

static int exit_from_depth(void *argument)
{
    (void)argument;
    struct mnet_owned outer;
    mnet_own(&outer, say_final, text("outer"));
    call_giving_up();
    return 0;
}

static void running_exit_finalises_from_any_depth(void **state)
{
    (void)state;
    assert_int_equal(run_fresh(exit_from_depth), MNET_E_RESET);
    expect_said("final-inner final-middle final-outer");
}

static int give_up_records(void *argument)
{
    (void)argument;
    struct mnet_owned a, b;
    mnet_own(&a, say_final, text("a"));
    mnet_own(&b, say_final, text("b"));
    mnet_disown(&a);
    mnet_finalise(&b);
    mnet_finalise(&b);
    mnet_finalise(&a);
    mnet_disown(&a);
    say("end");
    return 0;
}

static void owned_disown_and_release_end_it_once(void **state)
{
    (void)state;
    run_fresh(give_up_records);
    expect_said("final-b end");
}

static int own_and_sleep(void *argument)
{
    (void)argument;
    struct mnet_owned record;
    mnet_own(&record, say_final, text("record"));
    mnet_exit(mnet_sleep(MNET_NEVER));
}

static int cancel_owner(void *argument)
{
    (void)argument;
    spawn_named(own_and_sleep, 1);
    mnet_cancel(shared.tasks[0]);
    join_named(1);
    return 0;
}

static void sleeping_cancel_finalises(void **state)
{
    (void)state;
    run_fresh(cancel_owner);
    expect_said("final-record");
}

struct sync_session {
    int bytes;
    const char *reason;
};

static void say_session(void *resource)
{
    const struct sync_session *session = resource;
    say("%d-%s", session->bytes, session->reason != NULL ? session->reason : "none");
}

static int converse(void *argument)
{
    (void)argument;
    struct sync_session session = {0, NULL};
    struct mnet_owned record;
    mnet_own(&record, say_session, &session);
    for (int i = 0; i < 3; i++) {
        mnet_yield();
        session.bytes += 100;
    }
    session.reason = "finished";
    mnet_exit(0);
}

/* Must hold with any compiler, which must see that the locals are read after the last statement. */
static void exited_finaliser_reads_the_last_values_of_locals(void **state)
{
    (void)state;
    run_fresh(converse);
    expect_said("300-finished");
}

static int own_elsewhere(void *argument)
{
    static struct mnet_owned records[2];
    (void)argument;
    mnet_own(&records[0], say_final, text("first"));
    mnet_own(&records[1], say_final, text("second"));
    return 0;
}

static void returned_records_that_are_not_on_the_stack_are_finalised(void **state)
{
    (void)state;
    run_fresh(own_elsewhere);
    expect_said("final-second final-first");
}

static void misbehave(void *name)
{
    struct mnet_waiters nobody = {0};
    say("%s", (const char *)name);
    say("%s", word(mnet_yield()));
    say("%s", word(mnet_sleep(MNET_NEVER)));
    say("%s", word(mn_wait(&nobody, MNET_NEVER)));
    say("%s", word(mnet_spawn(NULL, member, delay(1))));
}

static int own_misbehaviour(void *argument)
{
    (void)argument;
    struct mnet_owned a, b;
    mnet_own(&a, misbehave, text("end"));
    mnet_own(&b, misbehave, text("release"));
    mnet_finalise(&b);
    say("%s", word(mnet_yield()));
    mnet_exit(0);
}

static void finalising_calls_that_suspend_are_invalid(void **state)
{
    (void)state;
    run_fresh(own_misbehaviour);
    expect_said("release invalid invalid invalid invalid okay end invalid invalid invalid invalid");
}

static int say_end(void *name)
{
    mnet_sleep(milliseconds(3));
    say("%s", (const char *)name);
    return 0;
}

static int own_with_children(void *argument)
{
    (void)argument;
    struct mnet_owned record;
    mnet_own(&record, say_final, text("parent"));
    mnet_spawn(NULL, say_end, text("child"));
    mnet_exit(0);
}

static void exited_children_end_before_finalisers_run(void **state)
{
    (void)state;
    run_fresh(own_with_children);
    expect_said("child final-parent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locked_unlock_hands_over_in_order_of_arrival),
        cmocka_unit_test(handed_over_cancel_holds_the_mutex),
        cmocka_unit_test(locking_cancel_leaves_the_mutex_to_the_next),
        cmocka_unit_test(locking_deadline_gives_up),
        cmocka_unit_test(locked_misuse_is_invalid_and_changes_nothing),
        cmocka_unit_test(unlocked_lock_by_a_cancelled_task_need_not_wait),
        cmocka_unit_test(waiting_signal_wakes_one_in_order_of_arrival),
        cmocka_unit_test(waiting_broadcast_wakes_all),
        cmocka_unit_test(signalled_cancel_keeps_the_signal),
        cmocka_unit_test(waiting_cancel_leaves_the_signal_to_the_next),
        cmocka_unit_test(relocking_cancel_locks_all_the_same),
        cmocka_unit_test(waiting_cancel_waits_for_the_mutex),
        cmocka_unit_test(waiting_deadline_locks_again),
        cmocka_unit_test(unlocked_condition_wait_is_invalid),
        cmocka_unit_test(group_reap_gives_ended_members_in_order),
        cmocka_unit_test(group_cancel_reaches_all_members),
        cmocka_unit_test(group_first_failure_cancels_the_others),
        cmocka_unit_test(group_join_deadline_and_cancel_keep_members),
        cmocka_unit_test(cancelled_group_join_waits_for_members_that_were_cancelled),
        cmocka_unit_test(exited_group_on_the_stack_serves_its_members_until_they_end),
        cmocka_unit_test(exited_owned_is_finalised_newest_first),
        cmocka_unit_test(running_exit_finalises_from_any_depth),
        cmocka_unit_test(owned_disown_and_release_end_it_once),
        cmocka_unit_test(exited_finaliser_reads_the_last_values_of_locals),
        cmocka_unit_test(returned_records_that_are_not_on_the_stack_are_finalised),
        cmocka_unit_test(sleeping_cancel_finalises),
        cmocka_unit_test(finalising_calls_that_suspend_are_invalid),
        cmocka_unit_test(exited_children_end_before_finalisers_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
