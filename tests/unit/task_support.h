/* Tests of tasks are scripts in virtual time: tasks say words, and the test compares the words. */
#ifndef TASK_SUPPORT_H
#define TASK_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "ports/hosted/stacks.h"
#include "task/scheduler.h"

static char said[4096];

__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...)
{
    size_t len = strlen(said);
    if (len > 0 && len + 1 < sizeof said)
        said[len++] = ' ';
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said + len, sizeof said - len, format, arguments);
    va_end(arguments);
}

/* Returns a result as a word. */
__attribute__((unused)) static const char *word(int result)
{
    switch (result) {
    case 0: return "okay";
    case MNET_E_CANCELLED: return "cancelled";
    case MNET_E_DEADLINE: return "deadline";
    case MNET_E_INVALID: return "invalid";
    case MNET_E_NO_MEMORY: return "memory";
    default: return "other";
    }
}

/* Says the result of a call, and the time of its return. */
__attribute__((unused)) static void say_at(const char *what, int result)
{
    say("%s-%s-%u", what, word(result), (unsigned)(mnet_now() / MNET_MILLISECOND));
}

/* Returns the argument of a task that only reads it. */
__attribute__((unused)) static void *text(const char *literal)
{
    return (void *)(uintptr_t)literal;
}

/* Runs until the first task has ended. Time jumps from deadline to deadline. */
static int finish(struct mn_scheduler *scheduler, uint64_t now)
{
    int result = 0;
    while (!mn_scheduler_done(scheduler, &result)) {
        uint64_t deadline = mn_scheduler_deadline(scheduler);
        if (deadline == MNET_NEVER) {
            fail_msg("all tasks wait for ever; said: %s", said);
        }
        now = MN_MAX(now, deadline);
        mn_scheduler_run(scheduler, now, 1000);
    }
    mn_scheduler_destroy(scheduler);
    return result;
}

/* Runs `run(argument)` as the first task, from time 1 ms on. */
__attribute__((unused)) static int run_tasks(int (*run)(void *argument), void *argument)
{
    said[0] = '\0';
    struct mn_scheduler *scheduler = mn_scheduler_create(&mn_hosted_stacks, run, argument, MNET_MILLISECOND);
    assert_non_null(scheduler);
    return finish(scheduler, MNET_MILLISECOND);
}

#define expect_said(words) assert_string_equal(said, words)

__attribute__((unused)) static uint64_t milliseconds(unsigned count)
{
    return count * MNET_MILLISECOND;
}

#endif
