/* A program for tests of system calls, in virtual time. Its threads are functions that make the
 * calls by mn_syscall, as a port does. The numbers are those of Linux on x86-64. */
#ifndef TESTS_SYSCALL_PORT_H
#define TESTS_SYSCALL_PORT_H

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
    DUP = 32,
    PAUSE = 34,
    ALARM = 37,
    SETITIMER = 38,
    NANOSLEEP = 35,
    SENDFILE = 40,
    SOCKET = 41,
    CONNECT = 42,
    ACCEPT = 43,
    SENDMSG = 46,
    BIND = 49,
    LISTEN = 50,
    SOCKETPAIR = 53,
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
    SYMLINK = 88,
    SYSINFO = 99,
    SIGPENDING = 127,
    SIGTIMEDWAIT = 128,
    SIGQUEUEINFO = 129,
    SIGSUSPEND = 130,
    SIGALTSTACK = 131,
    SETRLIMIT = 160,
    GETTID = 186,
    TKILL = 200,
    FUTEX = 202,
    GETDENTS = 217,
    TIMER_CREATE = 222,
    TIMER_SETTIME = 223,
    TIMER_GETTIME = 224,
    TIMER_GETOVERRUN = 225,
    TIMER_DELETE = 226,
    CLOCK_GETTIME = 228,
    EXIT_GROUP = 231,
    EPOLL_WAIT = 232,
    EPOLL_CTL = 233,
    PPOLL = 271,
    TIMERFD_CREATE = 283,
    TIMERFD_SETTIME = 286,
    PRLIMIT = 302,
    SIGNALFD = 289,
    EVENTFD = 290,
    EPOLL_CREATE = 291,
    OPENAT2 = 437,
};

/* A program is a function of its first thread. Its result is the exit status. */
typedef int (*program)(struct mn_thread *t);

static struct {
    struct world *world;
    program run;
    int status;                  /* that is expected */
    const char *words;           /* that it says on the console, in part; NULL: nothing */
    size_t memory;               /* 0: MEMORY */
    const char *archive;         /* or NULL */
    int (*tasks)(void *context); /* to which the program is lent, or NULL */
    struct mnet_task *running;   /* the one that is told to stop */
    uint64_t typed_after_ns;
    unsigned typed; /* how often that was read */
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

/* "typed" comes in one piece; or a character each millisecond, from a time on; and then the end. */
static ptrdiff_t test_input(void *context, void *buffer, size_t len, uint64_t deadline)
{
    static const char typed[] = "typed";
    (void)context;
    if (given.typed_after_ns == 0) {
        len = given.typed++ > 0 ? 0 : len < 5 ? len : 5;
        memcpy(buffer, typed, len);
        return (ptrdiff_t)len;
    }
    uint64_t at = given.typed_after_ns + given.typed * MNET_MILLISECOND;
    if (at > mnet_now() && deadline == 0)
        return MNET_E_DEADLINE;
    if (at > mnet_now() && mnet_sleep(at) < 0)
        return MNET_E_CANCELLED;
    if (given.typed == 5)
        return 0;
    memcpy(buffer, &typed[given.typed++], 1);
    return 1;
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

static void test_stop(void *context)
{
    (void)context;
    mnet_cancel(given.running);
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
                                           .end_handler = test_end_handler,
                                           .stop = test_stop};

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
                                           .entry = (uintptr_t)given.run,
                                           .run = given.tasks};
    said[0] = '\0';
    given.typed = 0;
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

static uint32_t ended; /* the id of a thread, which is 0 when it has ended */

/* Starts a thread. Returns its id. */
static inline int64_t spawn(struct mn_thread *t, program run)
{
    return CALL(CLONE, 0x7d0f00 & ~UINT64_C(0x80000), P(run), P(&ended), P(&ended), 0);
}

#endif
