/* Signals and timers of a program, in virtual time. */
#include "unit/syscall_port.h"

#include "syscall/signal_file.h"

enum {
    SIGUSR1_ = 10,
    SIGPIPE_ = 13,
    SIGALRM_ = 14,
    SIG_BLOCK_ = 0,
    SIG_UNBLOCK_ = 1
};

static int last_signal;

static void on_signal(int number)
{
    last_signal = number;
}

static void handle(struct mn_thread *t, int number, uint64_t flags)
{
    const struct mn_signal_action action = {.handler = (uintptr_t)on_signal, .flags = flags};
    EXPECT_EQUAL(CALL(SIGACTION, number, P(&action), 0, 8), 0);
    handled.runs = 0;
    last_signal = 0;
}

static int64_t set_mask(struct mn_thread *t, int how, int number)
{
    const uint64_t set = UINT64_C(1) << (number - 1);
    return CALL(SIGPROCMASK, how, P(&set), 0, 8);
}

static int handlers(struct mn_thread *t)
{
    const uint64_t usr1 = UINT64_C(1) << (SIGUSR1_ - 1);
    uint64_t pending = 0;
    int32_t info[32] = {0};
    handle(t, SIGUSR1_, 0);
    EXPECT_EQUAL(CALL(KILL, 1, SIGUSR1_), 0);
    EXPECT(handled.runs == 1 && last_signal == SIGUSR1_ && handled.result == 0);
    /* Blocked, it waits, once. */
    EXPECT_EQUAL(set_mask(t, SIG_BLOCK_, SIGUSR1_), 0);
    EXPECT_EQUAL(CALL(KILL, 1, SIGUSR1_), 0);
    EXPECT_EQUAL(CALL(TKILL, CALL(GETTID, 0), SIGUSR1_), 0);
    EXPECT_EQUAL(handled.runs, 1);
    EXPECT_EQUAL(CALL(SIGPENDING, P(&pending), 8), 0);
    EXPECT_EQUAL(pending, usr1);
    EXPECT_EQUAL(CALL(SIGTIMEDWAIT, P(&usr1), P(info), 0, 8), SIGUSR1_);
    EXPECT_EQUAL(info[0], SIGUSR1_);
    EXPECT_EQUAL(set_mask(t, SIG_UNBLOCK_, SIGUSR1_), 0);
    EXPECT_EQUAL(handled.runs, 2); /* that of the other target */
    const struct mn_timespec soon = {0, 5000000};
    EXPECT_EQUAL(CALL(SIGTIMEDWAIT, P(&usr1), 0, P(&soon), 8), -MNET_EAGAIN);
    /* Ignored ones are gone; who is not there gets none. */
    const struct mn_signal_action ignore = {.handler = 1};
    EXPECT_EQUAL(CALL(SIGACTION, SIGUSR1_, P(&ignore), 0, 8), 0);
    EXPECT_EQUAL(CALL(KILL, 1, SIGUSR1_), 0);
    EXPECT_EQUAL(CALL(KILL, 2, SIGUSR1_), -MN_ESRCH);
    EXPECT_EQUAL(CALL(TKILL, 77, SIGUSR1_), -MN_ESRCH);
    EXPECT_EQUAL(CALL(KILL, 1, 65), -MNET_EINVAL);
    EXPECT_EQUAL(CALL(SIGACTION, 9, P(&ignore), 0, 8), -MNET_EINVAL);
    EXPECT_EQUAL(handled.runs, 2);
    return 0;
}

static int64_t set_alarm(struct mn_thread *t, int64_t first_ms, int64_t interval_ms)
{
    const int64_t timer[4] = {interval_ms / 1000, interval_ms % 1000 * 1000, first_ms / 1000, first_ms % 1000 * 1000};
    return CALL(SETITIMER, 0, P(timer), 0);
}

static int interrupts(struct mn_thread *t)
{
    const struct mn_timespec second = {1, 0};
    struct mn_timespec rest = {0, 0};
    int fds[2];
    char byte;
    uint64_t start = mnet_now();
    handle(t, SIGALRM_, 0x10000000); /* SA_RESTART */
    EXPECT_EQUAL(set_alarm(t, 50, 0), 0);
    EXPECT_EQUAL(CALL(PAUSE, 0), 0); /* the result is in the handler's frame */
    EXPECT(handled.result == -MNET_EINTR && !handled.restart && handled.runs == 1);
    EXPECT_EQUAL(mnet_now() - start, 50 * MNET_MILLISECOND);
    EXPECT_EQUAL(set_alarm(t, 400, 0), 0);
    CALL(NANOSLEEP, P(&second), P(&rest));
    EXPECT(handled.result == -MNET_EINTR && !handled.restart && rest.nanoseconds == 600000000);
    EXPECT_EQUAL(CALL(PIPE, P(fds)), 0);
    EXPECT_EQUAL(set_alarm(t, 10, 20), 0);
    CALL(READ, fds[0], P(&byte), 1);
    EXPECT(handled.result == -MNET_EINTR && handled.restart && handled.runs == 3);
    /* Without the flag, and again after the interval. */
    handle(t, SIGALRM_, 0);
    CALL(READ, fds[0], P(&byte), 1);
    EXPECT(handled.result == -MNET_EINTR && !handled.restart);
    EXPECT_EQUAL(mnet_now() - start, 480 * MNET_MILLISECOND);
    EXPECT_EQUAL(CALL(ALARM, 7), 1); /* of the interval, rounded up */
    EXPECT_EQUAL(CALL(ALARM, 0), 7);
    /* A call that need not wait is not disturbed, and the next one waits as ever. */
    EXPECT_EQUAL(CALL(WRITE, fds[1], P("x"), 1), 1);
    EXPECT_EQUAL(CALL(READ, fds[0], P(&byte), 1), 1);
    const struct mn_timespec soon = {0, 5000000};
    EXPECT_EQUAL(CALL(NANOSLEEP, P(&soon), 0), 0);
    /* The peer is gone. */
    CALL(CLOSE, fds[0]);
    EXPECT_EQUAL(CALL(WRITE, fds[1], P("x"), 1), -MNET_EPIPE); /* no more without a handler */
    handle(t, SIGPIPE_, 0);
    CALL(WRITE, fds[1], P("x"), 1);
    EXPECT(handled.runs == 1 && handled.result == -MNET_EPIPE && last_signal == SIGPIPE_);
    return 0;
}

static int sends_to_first(struct mn_thread *t)
{
    const struct mn_timespec soon = {0, 5000000};
    CALL(NANOSLEEP, P(&soon), 0);
    EXPECT_EQUAL(CALL(TKILL, 1, SIGUSR1_), 0);
    EXPECT_EQUAL(handled.runs, 0); /* not here */
    return 0;
}

static int masks(struct mn_thread *t)
{
    const uint64_t none = 0;
    const struct mn_timespec second = {1, 0}, soon = {0, 5000000};
    handle(t, SIGUSR1_, 0);
    EXPECT_EQUAL(set_mask(t, SIG_BLOCK_, SIGUSR1_), 0);
    EXPECT(spawn(t, sends_to_first) > 1);
    CALL(SIGSUSPEND, P(&none), 8);
    EXPECT(handled.runs == 1 && handled.result == -MNET_EINTR);
    EXPECT_EQUAL(CALL(KILL, 1, SIGUSR1_), 0);
    EXPECT_EQUAL(handled.runs, 1); /* it is blocked again */
    CALL(PPOLL, 0, 0, P(&second), P(&none), 8);
    EXPECT(handled.runs == 2 && handled.result == -MNET_EINTR);
    EXPECT_EQUAL(CALL(PPOLL, 0, 0, P(&soon), P(&none), 8), 0);
    EXPECT_EQUAL(CALL(KILL, 1, SIGUSR1_), 0);
    EXPECT_EQUAL(handled.runs, 2);
    return 0;
}

static int signal_files(struct mn_thread *t)
{
    const uint64_t set = UINT64_C(1) << (SIGUSR1_ - 1);
    const struct mn_timespec tick[2] = {{0, 10000000}, {0, 30000000}}, pause = {0, 25000000};
    uint64_t times = 0, start = mnet_now();
    uint32_t record[32];
    int64_t signals = CALL(SIGNALFD, -1, P(&set), 8, 04000), timer = CALL(TIMERFD_CREATE, 1, 0);
    struct mnet_pollfd fds[2] = {{(int)signals, MNET_POLLIN, 0}, {(int)timer, MNET_POLLIN, 0}};
    EXPECT(signals >= 3 && timer >= 3);
    EXPECT_EQUAL(set_mask(t, SIG_BLOCK_, SIGUSR1_), 0);
    EXPECT_EQUAL(CALL(READ, signals, P(record), sizeof record), -MNET_EAGAIN);
    EXPECT_EQUAL(CALL(TIMERFD_SETTIME, timer, 0, P(tick), 0), 0);
    EXPECT_EQUAL(CALL(POLL, P(fds), 2, -1), 1);
    EXPECT(fds[1].revents == MNET_POLLIN && mnet_now() - start == 30 * MNET_MILLISECOND);
    CALL(NANOSLEEP, P(&pause), 0);
    EXPECT_EQUAL(CALL(READ, timer, P(&times), 8), 8);
    EXPECT_EQUAL(times, 3);                           /* at 30, 40, 50 ms */
    EXPECT_EQUAL(CALL(READ, timer, P(&times), 8), 8); /* it waited */
    EXPECT_EQUAL(times, 1);
    EXPECT_EQUAL(CALL(KILL, 1, SIGUSR1_), 0);
    EXPECT_EQUAL(CALL(POLL, P(fds), 1, -1), 1);
    EXPECT_EQUAL(CALL(READ, signals, P(record), sizeof record), 128);
    EXPECT_EQUAL(record[0], SIGUSR1_);
    EXPECT(CALL(CLOSE, timer) == 0 && CALL(CLOSE, signals) == 0);
    return 0;
}

static int64_t queue(struct mn_thread *t, int number, uint64_t value)
{
    const struct mn_siginfo info = {.code = MN_SI_QUEUE, .value = value};
    return CALL(SIGQUEUEINFO, 1, number, P(&info));
}

/* Returns the value of a signal that waits, or the error. */
static int64_t take_value(struct mn_thread *t, int number, struct mn_siginfo *info)
{
    const uint64_t set = UINT64_C(1) << (number - 1);
    const struct mn_timespec now = {0, 0};
    int64_t got = CALL(SIGTIMEDWAIT, P(&set), P(info), P(&now), 8);
    return got == number ? (int64_t)info->value : got;
}

static int queued_signals(struct mn_thread *t)
{
    struct mn_siginfo info;
    EXPECT_EQUAL(set_mask(t, SIG_BLOCK_, 40), 0);
    EXPECT_EQUAL(set_mask(t, SIG_BLOCK_, SIGUSR1_), 0);
    for (uint64_t i = 0; i < 1024; i++)
        EXPECT_EQUAL(queue(t, 40, i), 0);
    EXPECT_EQUAL(queue(t, 40, 0), -MNET_EAGAIN); /* the queue is full */
    EXPECT_EQUAL(queue(t, SIGUSR1_, 9), 0);      /* only its number waits */
    EXPECT_EQUAL(CALL(TKILL, 1, 40), 0);
    EXPECT(take_value(t, 40, &info) == 0 && info.code == 0); /* that of the thread */
    for (int i = 0; i < 1024; i++)
        EXPECT(take_value(t, 40, &info) == i && info.code == MN_SI_QUEUE);
    EXPECT_EQUAL(take_value(t, 40, &info), -MNET_EAGAIN);
    EXPECT(take_value(t, SIGUSR1_, &info) == 0 && take_value(t, SIGUSR1_, &info) == -MNET_EAGAIN);
    return 0;
}

/* struct sigevent, as the call has it. */
struct timer_event {
    uint64_t value;
    int32_t number, notify, thread;
    int32_t rest[11];
};

static int thread_with_a_timer(struct mn_thread *t)
{
    const struct timer_event event = {77, 40, 4, (int32_t)CALL(GETTID, 0), {0}};
    const struct mn_timespec tick[2] = {{0, 5000000}, {0, 5000000}}, pause = {0, 7000000};
    int id = -1;
    EXPECT_EQUAL(CALL(TIMER_CREATE, 1, P(&event), P(&id)), 0);
    EXPECT_EQUAL(CALL(TIMER_SETTIME, id, 0, P(tick), 0), 0);
    EXPECT_EQUAL(CALL(NANOSLEEP, P(&pause), 0), 0);
    return 0; /* with a signal that waits */
}

static int signal_timers(struct mn_thread *t)
{
    const struct mn_timespec tick[2] = {{0, 10000000}, {0, 30000000}}, pause = {0, 65000000};
    struct mn_timespec left[2];
    struct mn_siginfo info;
    const struct timer_event event = {.value = 5, .number = 40}, silent = {.value = 5, .notify = 1};
    const struct timer_event nobody = {.value = 5, .number = 40, .notify = 4, .thread = 99};
    int id = -1, other = -1;
    EXPECT_EQUAL(set_mask(t, SIG_BLOCK_, 40), 0);
    EXPECT_EQUAL(CALL(TIMER_CREATE, 1, P(&event), P(&id)), 0);
    EXPECT_EQUAL(CALL(TIMER_CREATE, 1, P(&silent), P(&other)), 0);
    EXPECT(id != other && CALL(TIMER_CREATE, 1, P(&nobody), P(&other)) == -MNET_EINVAL);
    EXPECT_EQUAL(CALL(TIMER_SETTIME, id, 0, P(tick), 0), 0);
    EXPECT_EQUAL(CALL(TIMER_SETTIME, other, 0, P(tick), 0), 0);
    EXPECT_EQUAL(CALL(NANOSLEEP, P(&pause), 0), 0);
    EXPECT(take_value(t, 40, &info) == 5 && info.code == MN_SI_TIMER); /* at 30, 40, 50, 60 ms */
    EXPECT(info.process == id && info.user == 3 && CALL(TIMER_GETOVERRUN, id) == 3);
    EXPECT_EQUAL(take_value(t, 40, &info), -MNET_EAGAIN);
    EXPECT_EQUAL(CALL(TIMER_GETTIME, other, P(left)), 0);
    EXPECT_EQUAL(left[0].nanoseconds, 10000000);
    EXPECT(left[1].nanoseconds > 4000000 && left[1].nanoseconds <= 5000000);
    EXPECT(CALL(TIMER_DELETE, id) == 0 && CALL(TIMER_DELETE, id) == -MNET_EINVAL && CALL(TIMER_DELETE, other) == 0);
    EXPECT(spawn(t, thread_with_a_timer) > 1);
    EXPECT_EQUAL(CALL(NANOSLEEP, P(&pause), 0), 0); /* it signals nobody any more */
    EXPECT_EQUAL(take_value(t, 40, &info), -MNET_EAGAIN);
    return 0;
}

static int rung_to_death(struct mn_thread *t)
{
    EXPECT_EQUAL(CALL(ALARM, 1), 0);
    CALL(PAUSE, 0);
    return 0;
}

static void signals_are_handled(void **state)
{
    (void)state;
    runs(handlers, 0, NULL);
    runs(interrupts, 0, NULL);
    runs(masks, 0, NULL);
    runs(signal_files, 0, NULL);
    runs(queued_signals, 0, NULL);
    runs(signal_timers, 0, NULL);
    runs(rung_to_death, 142, "test: it ended itself by signal 14, SIGALRM\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_are_handled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
