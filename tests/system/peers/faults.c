/* The worst acts of a program, on a machine of its own: the argument chooses one. Each must end the
 * machine with a report. And one that just waits, to see how much idling costs. */
#include <mnet/mnet.h>

#include <string.h>

static int sink;

/* Each level has a frame of more than a page, so that an unprobed one would step over its guard. */
__attribute__((noinline)) static int descend(int depth, const volatile char *above)
{
    /* The next level looks into it, so it cannot be that level's frame, too. */
    volatile char frame[6000];
    frame[0] = (char)depth;
    frame[5999] = *above;
    return depth > 0 ? descend(depth - 1, frame) + frame[0] + frame[5999] : 0;
}

static int overflow(void *argument)
{
    (void)argument;
    mnet_task_set_name(mnet_self(), "digger");
    return descend(1000, "");
}

static int sleep_on(void *argument)
{
    (void)argument;
    return mnet_sleep(MNET_NEVER);
}

/* Spawns tasks until there is no memory for one more. */
static int exhaust(struct mnet_env *env)
{
    int count = 0, error;
    do {
        error = mnet_spawn(NULL, sleep_on, NULL);
        count += error == 0;
    } while (error == 0 && count < 1000000);
    mnet_print(env, "no memory after %d tasks: %s\n", count, mnet_strerror(error));
    return error;
}

static int wait(struct mnet_env *env)
{
    uint64_t begin = mnet_now();
    mnet_sleep(begin + 2 * MNET_SECOND);
    uint64_t late = mnet_now() - begin - 2 * MNET_SECOND;
    mnet_print(env, "slept, %u ms late\n", (unsigned)(late / MNET_MILLISECOND));
    return 0;
}

int mnet_main(struct mnet_env *env)
{
    const char *what = mnet_env_argc(env) == 2 ? mnet_env_argv(env)[1] : "";
    volatile char *volatile null = NULL;
    if (strcmp(what, "null-write") == 0) {
        *null = 1;
    } else if (strcmp(what, "null-read") == 0) {
        sink = *null;
    } else if (strcmp(what, "null-call") == 0) {
        ((void (*volatile)(void))(uintptr_t)null)();
    } else if (strcmp(what, "code-write") == 0) {
        *(volatile char *)(uintptr_t)descend = 1;
    } else if (strcmp(what, "data-execute") == 0) {
        ((void (*volatile)(void))(uintptr_t)&sink)();
    } else if (strcmp(what, "stack-overflow") == 0) {
        struct mnet_task *task;
        mnet_spawn(&task, overflow, NULL);
        mnet_join(task, NULL, MNET_NEVER);
    } else if (strcmp(what, "invalid-instruction") == 0) {
        __builtin_trap();
    } else if (strcmp(what, "assertion") == 0) {
        __asm__ volatile("ud1l 77(%rax), %eax"); /* as mnet has it: src/base/base.h */
    } else if (strcmp(what, "assertion-of-a-long-file") == 0) {
        __asm__ volatile("ud1l 777(%rax), %eax");
    } else if (strcmp(what, "memory") == 0) {
        return exhaust(env);
    } else if (strcmp(what, "wait") == 0) {
        return wait(env);
    } else {
        mnet_print(env, "nothing that goes wrong: \"%s\"\n", what);
        return 1;
    }
    mnet_print(env, "nothing went wrong\n");
    return 0;
}
