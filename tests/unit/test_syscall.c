/* System calls of a program, in virtual time. The threads of the program are functions that make
 * the calls by mn_syscall, as a port does. The numbers are those of Linux on x86-64. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <mnet/socket.h>

#include "support/world.h"
#include "syscall/calls.h"

#define MEMORY ((size_t)4 * 1024 * 1024)

enum {
    READ = 0,
    WRITE = 1,
    OPEN = 2,
    CLOSE = 3,
    FSTAT = 5,
    POLL = 7,
    LSEEK = 8,
    MMAP = 9,
    MPROTECT = 10,
    MUNMAP = 11,
    BRK = 12,
    SIGACTION = 13,
    SIGPROCMASK = 14,
    READV = 19,
    PIPE = 22,
    MREMAP = 25,
    PAUSE = 34,
    ALARM = 37,
    SETITIMER = 38,
    NANOSLEEP = 35,
    SENDFILE = 40,
    SOCKET = 41,
    CONNECT = 42,
    ACCEPT = 43,
    BIND = 49,
    LISTEN = 50,
    CLONE = 56,
    FORK = 57,
    EXIT = 60,
    KILL = 62,
    UNAME = 63,
    FCNTL = 72,
    GETCWD = 79,
    CHDIR = 80,
    MKDIR = 83,
    UNLINK = 87,
    SIGPENDING = 127,
    SIGTIMEDWAIT = 128,
    SIGSUSPEND = 130,
    SIGALTSTACK = 131,
    GETTID = 186,
    TKILL = 200,
    FUTEX = 202,
    GETDENTS = 217,
    CLOCK_GETTIME = 228,
    EXIT_GROUP = 231,
    EPOLL_WAIT = 232,
    EPOLL_CTL = 233,
    PPOLL = 271,
    TIMERFD_CREATE = 283,
    TIMERFD_SETTIME = 286,
    SIGNALFD = 289,
    EVENTFD = 290,
    EPOLL_CREATE = 291,
};

/* A program is a function of its first thread. Its result is the exit status. */
typedef int (*program)(struct mn_thread *t);

static struct {
    struct world *world;
    program run;
    int status;          /* that is expected */
    const char *words;   /* that it says on the console, in part; NULL: nothing */
    size_t memory;       /* 0: MEMORY */
    const char *archive; /* or NULL */
} given;

static char said[4096];
static size_t guarded; /* bytes that were made inaccessible last */

#define SIX_(a, b, c, d, e, f, ...) \
    ((const uint64_t[]){(uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), (uint64_t)(f)})
#define CALL(number, ...) mn_syscall(t, number, SIX_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0))
#define P(pointer) ((uintptr_t)(pointer))

/* In a thread: ends the program with the line that failed. */
#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            CALL(EXIT_GROUP, 99); \
        } \
    } while (0)
#define EXPECT_EQUAL(got, wanted) \
    do { \
        long long got_ = (long long)(got), wanted_ = (long long)(wanted); \
        if (got_ != wanted_) { \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, got_, wanted_); \
            CALL(EXIT_GROUP, 99); \
        } \
    } while (0)

/* ---- A port ---- */

static uint64_t test_now(void *context)
{
    (void)context;
    return mnet_now();
}

static void test_print(void *context, const char *text, size_t len)
{
    size_t used = strlen(said);
    (void)context;
    snprintf(said + used, sizeof said - used, "%.*s", (int)len, text);
}

static ptrdiff_t test_input(void *context, void *buffer, size_t len, uint64_t deadline)
{
    (void)context;
    (void)deadline;
    memcpy(buffer, "typed", len < 5 ? len : 5);
    return len < 5 ? (ptrdiff_t)len : 5;
}

static void test_random(void *context, void *bytes, size_t len)
{
    (void)context;
    memset(bytes, 7, len);
}

static bool test_protect(void *context, void *start, size_t size, bool accessible, bool writable)
{
    (void)context;
    (void)start;
    (void)writable;
    guarded = accessible ? guarded : size;
    return true;
}

static void test_set_registers(void *context, struct mn_thread *thread, uint64_t entry, uint64_t stack)
{
    (void)context;
    thread->registers[0] = entry;
    thread->registers[1] = stack;
}

/* The stack of a thread is its function. */
static void test_copy_registers(void *context, struct mn_thread *child, const struct mn_thread *parent, uint64_t stack)
{
    (void)context;
    (void)parent;
    child->registers[0] = stack;
}

static _Noreturn void test_enter(void *context, struct mn_thread *t)
{
    program run = (program)(uintptr_t)t->registers[0];
    (void)context;
    CALL(EXIT, run(t));
    abort();
}

/* A handler runs here at once. Its mask and its result are as on a stack. */
static struct {
    int64_t result;
    bool restart;
    unsigned runs;
} handled;

static uint64_t test_stack(void *context, const struct mn_thread *thread)
{
    (void)context;
    (void)thread;
    return 1;
}

static void test_begin_handler(void *context, struct mn_thread *t, const struct mn_handler *handler)
{
    void (*run)(int number) = (void (*)(int))(uintptr_t)handler->action->handler;
    (void)context;
    handled.result = handler->result;
    handled.restart = handler->restart;
    handled.runs++;
    run(handler->signal.number);
    t->signals_blocked = handler->mask;
}

static int64_t test_end_handler(void *context, struct mn_thread *t, uint64_t *mask)
{
    (void)context;
    *mask = t->signals_blocked;
    return 0;
}

static const struct mn_system_port port = {.now = test_now,
                                           .print = test_print,
                                           .input = test_input,
                                           .random = test_random,
                                           .protect = test_protect,
                                           .set_registers = test_set_registers,
                                           .copy_registers = test_copy_registers,
                                           .enter = test_enter,
                                           .stack = test_stack,
                                           .begin_handler = test_begin_handler,
                                           .end_handler = test_end_handler};

static int run_program(struct world *w)
{
    char name[] = "test", option[] = "-x", variable[] = "A=b";
    char *arguments[] = {name, option, NULL}, *variables[] = {variable, NULL};
    size_t size = given.memory != 0 ? given.memory : MEMORY;
    struct mn_system *system = malloc(sizeof *system);
    const struct mn_program description = {.stack = w->server,
                                           .port = &port,
                                           .memory = malloc(size),
                                           .memory_size = size,
                                           .arguments = arguments,
                                           .variables = variables,
                                           .archive = given.archive,
                                           .archive_size = given.archive != NULL ? strlen(given.archive) : 0,
                                           .entry = (uintptr_t)given.run};
    said[0] = '\0';
    given.world = w;
    int status = mn_system_run(system, &description);
    free(description.memory);
    free(system);
    CHECK_EQUAL(status, given.status);
    if (given.words != NULL ? strstr(said, given.words) == NULL : said[0] != '\0')
        fprintf(stderr, "it said: %s\n", said);
    CHECK(given.words != NULL ? strstr(said, given.words) != NULL : said[0] == '\0');
    return 0;
}

static void runs(program run, int status, const char *words)
{
    given.run = run;
    given.status = status;
    given.words = words;
    world_run(run_program, NULL);
}

/* ---- Files ---- */

static int files(struct mn_thread *t)
{
    char text[32] = "", list[200];
    int64_t fd = CALL(OPEN, P("/tmp/file"), 02 | 0100, 0644);
    EXPECT_EQUAL(fd, 3);
    EXPECT_EQUAL(CALL(WRITE, fd, P("hello"), 5), 5);
    EXPECT_EQUAL(CALL(LSEEK, fd, -4, 2), 1);
    EXPECT_EQUAL(CALL(READ, fd, P(text), 32), 4);
    EXPECT(strcmp(text, "ello") == 0);
    EXPECT_EQUAL(CALL(LSEEK, fd, -9, 0), -MNET_EINVAL);
    EXPECT_EQUAL(CALL(OPEN, P("/tmp/file"), 01 | 0100 | 0200), -MNET_EEXIST);
    EXPECT_EQUAL(CALL(OPEN, P("/none"), 0), -MNET_ENOENT);
    EXPECT_EQUAL(CALL(OPEN, P("/tmp"), 1), -MN_EISDIR);
    EXPECT_EQUAL(CALL(MKDIR, P("/tmp/d"), 0755), 0);
    EXPECT_EQUAL(CALL(CHDIR, P("tmp/d")), 0);
    EXPECT_EQUAL(CALL(GETCWD, P(text), 32), 7);
    EXPECT(strcmp(text, "/tmp/d") == 0);
    EXPECT_EQUAL(CALL(UNLINK, P("../file")), 0);
    EXPECT_EQUAL(CALL(READ, fd, P(text), 32), 0);
    EXPECT_EQUAL(CALL(CLOSE, fd), 0);
    EXPECT_EQUAL(CALL(CLOSE, fd), -MNET_EBADF);
    fd = CALL(OPEN, P("/tmp"), 0200000);
    int64_t whole = CALL(GETDENTS, fd, P(list), 200);
    EXPECT_EQUAL(whole, 3 * 24); /* ".", "..", "d" */
    EXPECT(strcmp(list + 2 * 24 + 19, "d") == 0);
    EXPECT_EQUAL(CALL(GETDENTS, fd, P(list), 200), 0);
    EXPECT_EQUAL(CALL(READ, fd, P(list), 200), -MN_EISDIR);
    EXPECT_EQUAL(CALL(OPEN, 0, 0), -MNET_EFAULT);
    EXPECT_EQUAL(CALL(UNAME, 8), -MNET_EFAULT);
    return 5;
}

static void files_are_made_read_and_listed(void **state)
{
    (void)state;
    runs(files, 5, NULL);
}

static int pipes(struct mn_thread *t)
{
    int ends[2] = {0};
    char buffer[32] = {0};
    struct mnet_pollfd poll = {.events = MNET_POLLIN};
    EXPECT_EQUAL(CALL(PIPE, P(ends)), 0);
    poll.fd = ends[0];
    EXPECT_EQUAL(CALL(POLL, P(&poll), 1, 10), 0);
    EXPECT_EQUAL(CALL(WRITE, ends[1], P("abcdef"), 6), 6);
    EXPECT_EQUAL(CALL(POLL, P(&poll), 1, -1), 1);
    EXPECT_EQUAL(poll.revents, MNET_POLLIN);
    EXPECT_EQUAL(CALL(READ, ends[0], P(buffer), 4), 4);
    EXPECT_EQUAL(CALL(WRITE, ends[0], P(buffer), 1), -MNET_EBADF);
    EXPECT_EQUAL(CALL(LSEEK, ends[0], 0, 0), -MN_ESPIPE);
    EXPECT_EQUAL(CALL(CLOSE, ends[1]), 0);
    EXPECT_EQUAL(CALL(READ, ends[0], P(buffer), 32), 2);
    EXPECT_EQUAL(CALL(READ, ends[0], P(buffer), 32), 0);
    EXPECT_EQUAL(CALL(PIPE, P(ends)), 0);
    EXPECT_EQUAL(CALL(FCNTL, ends[0], 4, 04000), 0);
    EXPECT_EQUAL(CALL(READ, ends[0], P(buffer), 1), -MNET_EAGAIN);
    EXPECT_EQUAL(CALL(CLOSE, ends[0]), 0);
    EXPECT_EQUAL(CALL(WRITE, ends[1], P(buffer), 1), -MNET_EPIPE);
    return 0;
}

static int counters(struct mn_thread *t)
{
    uint64_t value = 5;
    struct mnet_epoll_event event = {.events = MNET_POLLIN, .data = 77}, ready = {0};
    int64_t fd = CALL(EVENTFD, 0, 0), epoll = CALL(EPOLL_CREATE, 0);
    EXPECT_EQUAL(CALL(EPOLL_CTL, epoll, MNET_EPOLL_CTL_ADD, fd, P(&event)), 0);
    EXPECT_EQUAL(CALL(EPOLL_WAIT, epoll, P(&ready), 1, 10), 0);
    EXPECT_EQUAL(CALL(WRITE, fd, P(&value), 8), 8);
    EXPECT_EQUAL(CALL(WRITE, fd, P(&value), 8), 8);
    EXPECT_EQUAL(CALL(EPOLL_WAIT, epoll, P(&ready), 1, -1), 1);
    EXPECT_EQUAL(ready.data, 77);
    EXPECT_EQUAL(CALL(READ, fd, P(&value), 8), 8);
    EXPECT_EQUAL(value, 10);
    EXPECT_EQUAL(CALL(EPOLL_WAIT, epoll, P(&ready), 1, 0), 0);
    EXPECT_EQUAL(CALL(READ, fd, P(&value), 7), -MNET_EINVAL);
    EXPECT_EQUAL(CALL(READ, epoll, P(&value), 8), -MNET_EINVAL);
    return 0;
}

static void pipes_and_counters_carry_readiness(void **state)
{
    (void)state;
    runs(pipes, 0, NULL);
    runs(counters, 0, NULL);
}

static int console(struct mn_thread *t)
{
    char typed[8] = {0};
    EXPECT_EQUAL(CALL(WRITE, 1, P("printed\n"), 8), 8);
    EXPECT_EQUAL(CALL(READ, 0, P(typed), 8), 5);
    return memcmp(typed, "typed", 5) == 0 ? 0 : 99;
}

static void descriptors_0_to_2_are_the_console(void **state)
{
    (void)state;
    runs(console, 0, "printed\n");
}

/* ---- Memory ---- */

static int maps(struct mn_thread *t)
{
    int64_t first = CALL(MMAP, 0, 10000, 3, 0x22, -1, 0), fd;
    char *bytes = (char *)(intptr_t)first; /* of an error: no beginning of a page */
    EXPECT(first % 4096 == 0 && bytes[0] == 0 && bytes[9999] == 0);
    bytes[0] = 'x';
    int64_t grown = CALL(MREMAP, first, 10000, 40000, 1);
    EXPECT(grown > 0 && *(char *)(intptr_t)grown == 'x');
    EXPECT_EQUAL(CALL(MREMAP, grown, 40000, 4096, 0), grown);
    EXPECT_EQUAL(CALL(MPROTECT, grown, 4096, 0), 0);
    EXPECT_EQUAL(guarded, 4096);
    EXPECT_EQUAL(CALL(MUNMAP, grown, 4096), 0);
    EXPECT_EQUAL(CALL(MUNMAP, grown + 1, 4096), -MNET_EINVAL);
    EXPECT_EQUAL(CALL(MUNMAP, 4096 * 100, 4096), -MNET_EINVAL);
    EXPECT_EQUAL(CALL(MMAP, 0, 0, 3, 0x22, -1, 0), -MNET_EINVAL);
    fd = CALL(OPEN, P("/tmp/m"), 02 | 0100, 0644);
    EXPECT_EQUAL(CALL(WRITE, fd, P("mapped"), 6), 6);
    int64_t copy = CALL(MMAP, 0, 6, 1, 2, fd, 0);
    EXPECT(copy > 0 && memcmp((char *)(intptr_t)copy, "mapped\0", 7) == 0);
    EXPECT_EQUAL(CALL(MMAP, 0, 6, 1, 2, 50, 0), -MNET_EBADF);
    int64_t end = CALL(BRK, 0);
    EXPECT(end > 0);
    EXPECT_EQUAL(CALL(BRK, end + 4096), end + 4096);
    EXPECT_EQUAL(CALL(BRK, 1), end + 4096);
    return 0;
}

static int memory_ends(struct mn_thread *t)
{
    while (CALL(MMAP, 0, 1 << 20, 3, 0x22, -1, 0) > 0)
        continue;
    EXPECT_EQUAL(CALL(MMAP, 0, 1 << 20, 3, 0x22, -1, 0), -MNET_ENOMEM);
    return 0;
}

static void memory_is_mapped_and_ends_with_a_line(void **state)
{
    (void)state;
    runs(maps, 0, NULL);
    runs(memory_ends, 0, "test: it asks for 1024 KiB of memory");
}

/* ---- Threads ---- */

static uint32_t word, ended;
static int order[4], ordered;

static int waits(struct mn_thread *t)
{
    EXPECT_EQUAL(CALL(FUTEX, P(&word), 0, 5), -MNET_EAGAIN);
    EXPECT_EQUAL(CALL(FUTEX, P(&word), 128, 0), 0);
    order[ordered++] = (int)CALL(GETTID, 0);
    return 0;
}

static int64_t spawn(struct mn_thread *t, program run)
{
    return CALL(CLONE, 0x7d0f00 & ~UINT64_C(0x80000), P(run), P(&ended), P(&ended), 0);
}

static int threads(struct mn_thread *t)
{
    const struct mn_timespec moment = {0, 1000000};
    ordered = 0;
    word = 0;
    EXPECT_EQUAL(spawn(t, waits), 2);
    EXPECT_EQUAL(spawn(t, waits), 3);
    EXPECT_EQUAL(CALL(NANOSLEEP, P(&moment)), 0);
    EXPECT_EQUAL(CALL(FUTEX, P(&word), 129, 1), 1);
    EXPECT_EQUAL(CALL(NANOSLEEP, P(&moment)), 0);
    EXPECT(ordered == 1 && order[0] == 2 && ended == 0);
    EXPECT_EQUAL(CALL(FUTEX, P(&word), 129, 9), 1);
    EXPECT_EQUAL(CALL(NANOSLEEP, P(&moment)), 0);
    EXPECT(ordered == 2 && order[1] == 3);
    uint64_t begun = mnet_now();
    EXPECT_EQUAL(CALL(FUTEX, P(&word), 128, 0, P(&moment)), -MNET_ETIMEDOUT);
    EXPECT(mnet_now() >= begun + MNET_MILLISECOND);
    EXPECT_EQUAL(CALL(CLONE, 17, 0), -MN_ENOSYS);
    return 4;
}

static void threads_wait_for_words_in_order(void **state)
{
    (void)state;
    runs(threads, 4, "test: system call 56, clone for a new process, is not there\n");
}

static int sleeps_for_ever(struct mn_thread *t)
{
    int ends[2];
    CALL(PIPE, P(ends));
    CALL(READ, ends[0], P(ends), 1);
    EXPECT(false);
    return 0;
}

static int ends_others(struct mn_thread *t)
{
    for (int i = 0; i < 3; i++)
        EXPECT(spawn(t, sleeps_for_ever) > 0);
    (void)mnet_yield();
    CALL(EXIT_GROUP, 6);
    return 0;
}

static int prints_later(struct mn_thread *t)
{
    const struct mn_timespec moment = {0, 1000000};
    EXPECT_EQUAL(CALL(NANOSLEEP, P(&moment)), 0);
    return console(t);
}

static int outlived(struct mn_thread *t)
{
    EXPECT(spawn(t, prints_later) > 0);
    return 8; /* of this thread alone: the last one ends with 0 */
}

static void program_ends_with_all_threads_or_with_the_last(void **state)
{
    (void)state;
    runs(ends_others, 6, NULL);
    runs(outlived, 0, "printed");
}

static int asks_for_what_is_not_there(struct mn_thread *t)
{
    EXPECT_EQUAL(CALL(FORK, 0), -MN_ENOSYS);
    EXPECT_EQUAL(CALL(FORK, 0), -MN_ENOSYS);
    EXPECT_EQUAL(CALL(100000, 0), -MN_ENOSYS);
    EXPECT(strcmp(said, "test: system call 57, fork, is not there\n"
                        "test: system call 100000, , is not there\n") == 0);
    return 0;
}

static void missing_calls_are_named_once(void **state)
{
    (void)state;
    runs(asks_for_what_is_not_there, 0, "fork");
}

/* ---- Signals ---- */

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
    EXPECT_EQUAL(CALL(WRITE, fds[1], P("x"), 1), -MNET_EPIPE); /* no more than that without a handler */
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
    runs(rung_to_death, 142, "test: it ended itself by signal 14, SIGALRM\n");
}

static int aborts(struct mn_thread *t)
{
    CALL(KILL, 1, 17); /* ignored */
    CALL(KILL, 1, 6);
    EXPECT(false);
    return 0;
}

static void signals_end_the_program(void **state)
{
    (void)state;
    runs(aborts, 134, "test: it ended itself by signal 6, SIGABRT\n");
}

/* ---- Sockets ---- */

static int client(void *argument)
{
    struct world *w = argument;
    struct mnet_flow *flow;
    char text[16];
    if (mnet_tcp_connect(w->client, w->server_address, 80, &flow, MNET_NEVER) < 0)
        return -1;
    ptrdiff_t got = mnet_tcp_read(flow, text, sizeof text, MNET_NEVER);
    if (got > 0)
        (void)mnet_tcp_write(flow, text, (size_t)got, NULL, MNET_NEVER);
    mnet_tcp_close(flow);
    return 0;
}

static int serves(struct mn_thread *t)
{
    const struct mnet_sockaddr_in any = {.sin_family = MNET_AF_INET, .sin_port = htons(80)};
    char text[16];
    struct mnet_iovec pieces[] = {{text, 2}, {text + 2, 14}};
    int64_t listener = CALL(SOCKET, MNET_AF_INET, MNET_SOCK_STREAM, 0);
    EXPECT_EQUAL(CALL(BIND, listener, P(&any), sizeof any), 0);
    EXPECT_EQUAL(CALL(LISTEN, listener, 4), 0);
    EXPECT_EQUAL(mnet_spawn(NULL, client, given.world), 0);
    int64_t fd = CALL(ACCEPT, listener, 0, 0);
    EXPECT_EQUAL(fd, 4);
    int64_t file = CALL(OPEN, P("/tmp/page"), 02 | 0100, 0644);
    EXPECT_EQUAL(CALL(WRITE, file, P("content"), 7), 7);
    EXPECT_EQUAL(CALL(LSEEK, file, 0, 0), 0);
    EXPECT_EQUAL(CALL(SENDFILE, fd, file, 0, 100), 7);
    EXPECT_EQUAL(CALL(READV, fd, P(pieces), 2), 7);
    EXPECT(memcmp(text, "content", 7) == 0);
    EXPECT_EQUAL(CALL(READ, fd, P(text), 16), 0);
    EXPECT_EQUAL(CALL(LSEEK, fd, 0, 0), -MN_ESPIPE);
    EXPECT_EQUAL(CALL(SOCKET, 1, 1, 0), -MNET_EAFNOSUPPORT);
    return 0;
}

static void sockets_are_descriptors_among_others(void **state)
{
    (void)state;
    runs(serves, 0, "socket of the family AF_UNIX");
}

static void program_without_memory_says_so(void **state)
{
    (void)state;
    given.memory = (size_t)64 * 1024;
    runs(console, 1, "test: there is too little memory for the program\n");
    given.memory = 0;
}

static void program_with_wrong_files_says_so(void **state)
{
    (void)state;
    given.archive = "this is text";
    runs(console, 1, "test: its files are no tar archive\n");
    given.archive = NULL;
}

static int reads_resolvers(struct mn_thread *t)
{
    char text[64] = "";
    int64_t fd = CALL(OPEN, P("/etc/resolv.conf"), 0);
    EXPECT_EQUAL(fd, 3);
    EXPECT_EQUAL(CALL(READ, fd, P(text), 11), 11);
    EXPECT_EQUAL(CALL(READ, fd, P(text + 11), 50), 28);
    EXPECT_EQUAL(CALL(READ, fd, P(text), 50), 0);
    EXPECT_EQUAL(CALL(WRITE, fd, P(text), 1), -MNET_EBADF);
    EXPECT(strcmp(text, "nameserver 10.0.0.9\nsearch lab.example\n") == 0);
    return 0;
}

static void resolvers_are_in_a_file(void **state)
{
    (void)state;
    struct world_options options = {.server = {.ip = {.dns_count = 1, .search_count = 1, .search = {"lab.example"}}}};
    options.server.ip.dns[0] = mnet_ipv4(10, 0, 0, 9);
    given.run = reads_resolvers;
    given.status = 0;
    given.words = NULL;
    world_run(run_program, &options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_made_read_and_listed),
        cmocka_unit_test(pipes_and_counters_carry_readiness),
        cmocka_unit_test(descriptors_0_to_2_are_the_console),
        cmocka_unit_test(memory_is_mapped_and_ends_with_a_line),
        cmocka_unit_test(threads_wait_for_words_in_order),
        cmocka_unit_test(program_ends_with_all_threads_or_with_the_last),
        cmocka_unit_test(missing_calls_are_named_once),
        cmocka_unit_test(signals_end_the_program),
        cmocka_unit_test(signals_are_handled),
        cmocka_unit_test(sockets_are_descriptors_among_others),
        cmocka_unit_test(program_without_memory_says_so),
        cmocka_unit_test(program_with_wrong_files_says_so),
        cmocka_unit_test(resolvers_are_in_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
