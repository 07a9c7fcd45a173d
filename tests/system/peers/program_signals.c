/* A program of a C library, for Linux and for a machine: it checks signals, timers and waiting for
 * them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "expect.h"

static volatile sig_atomic_t runs, last, value, on_stack;
static char alternate[32768];
static sigjmp_buf back;

static void note(int number)
{
    runs++;
    last = number;
}

static void note_all(int number, siginfo_t *info, void *context)
{
    char here;
    const ucontext_t *interrupted = context;
    note(number);
    value = info->si_value.sival_int;
    on_stack = (uintptr_t)&here - (uintptr_t)alternate < sizeof alternate;
    if (sigismember(&interrupted->uc_sigmask, number))
        last = 0;
}

static void jump(int number)
{
    siglongjmp(back, number);
}

static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    EXPECT(sigaction(number, &action, NULL) == 0);
    runs = 0;
}

static void start_timer(long first_us, long interval_us)
{
    struct itimerval timer = {{0, interval_us}, {0, first_us}};
    EXPECT(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* Numbers of floating point, and all registers that a compiler may use, live across handlers. */
static void check_handlers(void)
{
    double sums[8];
    struct sigaction action = {.sa_sigaction = note_all, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, before;
    handle(SIGUSR1, note, 0);
    for (int i = 0; i < 8; i++)
        sums[i] = i + 0.5;
    for (int i = 0; i < 100; i++) {
        EXPECT(raise(SIGUSR1) == 0);
        for (int j = 0; j < 8; j++)
            sums[j] += 1.0;
    }
    for (int i = 0; i < 8; i++)
        EXPECT(sums[i] == i + 100.5);
    EXPECT(runs == 100 && last == SIGUSR1);
    EXPECT(sigaltstack(&stack, NULL) == 0 && sigaltstack(NULL, &before) == 0 && before.ss_size == sizeof alternate);
    EXPECT(sigaction(SIGUSR2, &action, NULL) == 0);
    EXPECT(sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 77}) == 0);
    EXPECT(last == SIGUSR2 && value == 77 && on_stack);
    handle(SIGUSR2, jump, 0);
    if (sigsetjmp(back, 1) == 0)
        raise(SIGUSR2);
    EXPECT(signal(SIGUSR2, SIG_IGN) == jump && raise(SIGUSR2) == 0);
}

static void check_interruption(void)
{
    int fds[2];
    char byte;
    sigset_t none, alarm_only;
    struct timespec second = {1, 0};
    EXPECT(pipe(fds) == 0);
    handle(SIGALRM, note, 0);
    start_timer(20000, 0);
    EXPECT(read(fds[0], &byte, 1) == -1 && errno == EINTR && runs == 1);
    start_timer(20000, 0);
    EXPECT(poll(NULL, 0, 5000) == -1 && errno == EINTR && runs == 2);
    start_timer(20000, 0);
    EXPECT(nanosleep(&second, &second) == -1 && errno == EINTR && second.tv_sec == 0 && second.tv_nsec > 500000000);
    start_timer(20000, 0);
    EXPECT(pause() == -1 && errno == EINTR && runs == 4);
    sigemptyset(&none);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    EXPECT(sigprocmask(SIG_BLOCK, &alarm_only, NULL) == 0);
    start_timer(20000, 0);
    EXPECT(sigsuspend(&none) == -1 && errno == EINTR && runs == 5);
    start_timer(20000, 0);
    EXPECT(ppoll(NULL, 0, NULL, &none) == -1 && errno == EINTR && runs == 6);
    start_timer(20000, 0);
    EXPECT(sigwaitinfo(&alarm_only, NULL) == SIGALRM && runs == 6);
    EXPECT(sigprocmask(SIG_UNBLOCK, &alarm_only, NULL) == 0);
    close(fds[0]);
    close(fds[1]);
}

/* A read that is made again each time, until there is something. */
static int pipe_ends[2];

static void feed(int number)
{
    note(number);
    if (runs == 3)
        EXPECT(write(pipe_ends[1], "x", 1) == 1);
}

static void check_restart(void)
{
    char byte = 0;
    EXPECT(pipe(pipe_ends) == 0);
    handle(SIGALRM, feed, SA_RESTART);
    start_timer(10000, 10000);
    EXPECT(read(pipe_ends[0], &byte, 1) == 1 && byte == 'x' && runs == 3);
    start_timer(0, 0);
    close(pipe_ends[0]);
    handle(SIGPIPE, note, 0);
    EXPECT(write(pipe_ends[1], "x", 1) == -1 && errno == EPIPE && runs == 1);
    close(pipe_ends[1]);
}

static void *wait_in_read(void *fd)
{
    char byte;
    ssize_t got = read(*(int *)fd, &byte, 1);
    return (void *)(intptr_t)(got == -1 && errno == EINTR ? 1 : 2);
}

static void *wait_for_ever(void *fd)
{
    char byte;
    (void)!read(*(int *)fd, &byte, 1);
    return NULL;
}

static void check_threads(void)
{
    int fds[2];
    pthread_t thread;
    void *result;
    EXPECT(pipe(fds) == 0);
    handle(SIGUSR1, note, 0);
    EXPECT(pthread_create(&thread, NULL, wait_in_read, &fds[0]) == 0);
    usleep(20000);
    EXPECT(pthread_kill(thread, SIGUSR1) == 0);
    EXPECT(pthread_join(thread, &result) == 0 && result == (void *)1 && runs == 1);
    EXPECT(pthread_create(&thread, NULL, wait_for_ever, &fds[0]) == 0);
    usleep(20000);
    EXPECT(pthread_cancel(thread) == 0);
    EXPECT(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    close(fds[0]);
    close(fds[1]);
}

static void check_files(void)
{
    sigset_t set;
    struct signalfd_siginfo info;
    struct itimerspec timer = {{0, 10000000}, {0, 10000000}};
    struct epoll_event event = {.events = EPOLLIN};
    uint64_t times;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    EXPECT(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int signals = signalfd(-1, &set, SFD_NONBLOCK), clock = timerfd_create(CLOCK_MONOTONIC, 0),
        epoll = epoll_create1(0);
    EXPECT(signals >= 0 && clock >= 0 && epoll >= 0);
    EXPECT(read(signals, &info, sizeof info) == -1 && errno == EAGAIN);
    EXPECT(kill(getpid(), SIGTERM) == 0);
    EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, signals, &event) == 0 && epoll_wait(epoll, &event, 1, 5000) == 1);
    EXPECT(read(signals, &info, sizeof info) == sizeof info && info.ssi_signo == SIGTERM);
    EXPECT(info.ssi_pid == (uint32_t)getpid());
    EXPECT(timerfd_settime(clock, 0, &timer, NULL) == 0);
    EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, clock, &event) == 0 && epoll_wait(epoll, &event, 1, 5000) == 1);
    EXPECT(read(clock, &times, sizeof times) == sizeof times && times >= 1);
    EXPECT(timerfd_gettime(clock, &timer) == 0 && timer.it_interval.tv_nsec == 10000000);
    close(signals);
    close(clock);
    close(epoll);
}

static void block(int first, int second)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    sigaddset(&set, second);
    EXPECT(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

/* Returns the value of a signal that waits, or -1. */
static int next_value(int number, siginfo_t *info)
{
    sigset_t set;
    struct timespec now = {0, 0};
    sigemptyset(&set);
    sigaddset(&set, number);
    return sigtimedwait(&set, info, &now) == number ? info->si_value.sival_int : -1;
}

static int values[8];

static void collect(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    values[runs++ % 8] = info->si_value.sival_int;
}

/* Those of real time come as often as they were sent, in order; of others the first one. */
static void check_queue(void)
{
    siginfo_t info;
    sigset_t set;
    int number = SIGRTMIN + 1;
    struct sigaction action = {.sa_sigaction = collect, .sa_flags = SA_SIGINFO};
    block(number, SIGHUP);
    for (int i = 1; i <= 3; i++) {
        EXPECT(sigqueue(getpid(), number, (union sigval){.sival_int = i}) == 0);
        EXPECT(sigqueue(getpid(), SIGHUP, (union sigval){.sival_int = 10 + i}) == 0);
    }
    EXPECT(pthread_kill(pthread_self(), number) == 0);
    EXPECT(next_value(number, &info) != 1 && info.si_code != SI_QUEUE); /* the thread's first */
    for (int i = 1; i <= 3; i++)
        EXPECT(next_value(number, &info) == i && info.si_code == SI_QUEUE && info.si_pid == getpid());
    EXPECT(next_value(number, &info) == -1 && errno == EAGAIN);
    EXPECT(next_value(SIGHUP, &info) == 11 && next_value(SIGHUP, &info) == -1);
    EXPECT(sigaction(number, &action, NULL) == 0);
    runs = 0;
    for (int i = 1; i <= 3; i++)
        EXPECT(sigqueue(getpid(), number, (union sigval){.sival_int = i}) == 0);
    sigemptyset(&set);
    sigaddset(&set, number);
    EXPECT(runs == 0 && sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && runs == 3);
    EXPECT(values[0] + values[1] + values[2] == 6 && values[1] == 2);
    block(number, SIGHUP);
    EXPECT(sigqueue(getpid(), number, (union sigval){.sival_int = 4}) == 0);
    EXPECT(signal(number, SIG_IGN) != SIG_ERR && next_value(number, &info) == -1);
}

static void notice(union sigval given)
{
    __atomic_store_n((int *)given.sival_ptr, 7, __ATOMIC_SEQ_CST);
}

/* A timer's signal waits once, and tells how often it would have been sent. */
static void check_timers(void)
{
    timer_t timer, other;
    siginfo_t info;
    int number = SIGRTMIN + 2, told = 0;
    struct timespec pause = {0, 55000000}, at;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number, .sigev_value.sival_int = 5};
    struct itimerspec times = {{0, 10000000}, {0, 10000000}}, now;
    block(number, SIGALRM);
    EXPECT(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    EXPECT(timer_gettime(timer, &now) == 0 && now.it_value.tv_nsec == 0 && timer_getoverrun(timer) == 0);
    EXPECT(timer_settime(timer, 0, &times, NULL) == 0);
    EXPECT(nanosleep(&pause, NULL) == 0);
    EXPECT(next_value(number, &info) == 5 && info.si_code == SI_TIMER && info.si_overrun >= 3);
    EXPECT(timer_getoverrun(timer) == info.si_overrun);
    EXPECT(timer_gettime(timer, &now) == 0 && now.it_interval.tv_nsec == 10000000 && now.it_value.tv_nsec <= 10000000);
    times = (struct itimerspec){{0, 0}, {0, 0}};
    EXPECT(timer_settime(timer, 0, &times, &now) == 0 && now.it_interval.tv_nsec == 10000000);
    EXPECT(timer_delete(timer) == 0);
    /* Once, at a time of the wall clock; without an event it is SIGALRM. */
    EXPECT(timer_create(CLOCK_REALTIME, NULL, &timer) == 0 && clock_gettime(CLOCK_REALTIME, &at) == 0);
    times.it_value = (struct timespec){at.tv_sec + (at.tv_nsec + 20000000) / 1000000000,
                                       (at.tv_nsec + 20000000) % 1000000000};
    EXPECT(timer_settime(timer, TIMER_ABSTIME, &times, NULL) == 0 && nanosleep(&pause, NULL) == 0);
    EXPECT(next_value(SIGALRM, &info) >= 0 && info.si_code == SI_TIMER && info.si_overrun == 0);
    EXPECT(next_value(SIGALRM, &info) == -1 && timer_gettime(timer, &now) == 0 && now.it_value.tv_nsec == 0);
    /* By a thread. */
    event = (struct sigevent){
        .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notice, .sigev_value.sival_ptr = &told};
    EXPECT(timer_create(CLOCK_MONOTONIC, &event, &other) == 0);
    times.it_value = (struct timespec){0, 10000000};
    EXPECT(timer_settime(other, 0, &times, NULL) == 0);
    for (int i = 0; i < 500 && __atomic_load_n(&told, __ATOMIC_SEQ_CST) == 0; i++)
        usleep(10000);
    EXPECT(told == 7 && timer_delete(other) == 0 && timer_delete(timer) == 0);
    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 70};
    EXPECT(timer_create(CLOCK_MONOTONIC, &event, &timer) == -1 && errno == EINVAL);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "alarm") == 0) {
        alarm(1);
        pause();
    }
    if (argc > 1 && strcmp(argv[1], "interrupted") == 0) {
        handle(SIGINT, note, 0);
        puts("listening");
        fflush(stdout);
        while (runs == 0)
            pause();
        puts("it was interrupted");
        return 3;
    }
    check_handlers();
    check_interruption();
    check_restart();
    check_threads();
    check_files();
    check_queue();
    check_timers();
    puts("all is well");
    return 0;
}
