/* System calls of a program, in virtual time. */
#include "unit/syscall_port.h"

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

/* Readable when something was typed, and at the end. */
static int awaits_console(struct mn_thread *t)
{
    char typed[8] = {0};
    struct mnet_pollfd fd = {0, MNET_POLLIN | MNET_POLLOUT, 0};
    given.typed_after_ns = mnet_now() + 20 * MNET_MILLISECOND;
    EXPECT_EQUAL(CALL(POLL, P(&fd), 1, 0), 1);
    EXPECT_EQUAL(fd.revents, MNET_POLLOUT);
    EXPECT_EQUAL(CALL(FCNTL, 0, 4, 04000), 0);
    EXPECT_EQUAL(CALL(READ, 0, P(typed), 8), -MNET_EAGAIN);
    fd.events = MNET_POLLIN;
    EXPECT_EQUAL(CALL(POLL, P(&fd), 1, -1), 1);
    EXPECT(fd.revents == MNET_POLLIN && mnet_now() == given.typed_after_ns);
    EXPECT_EQUAL(CALL(FCNTL, 0, 4, 0), 0);
    for (int64_t done = 0, got; (got = CALL(READ, 0, P(typed + done), 3)) != 0; done += got)
        EXPECT(got > 0);
    EXPECT(memcmp(typed, "typed", 6) == 0);
    EXPECT_EQUAL(CALL(POLL, P(&fd), 1, -1), 1);
    EXPECT_EQUAL(CALL(READ, 0, P(typed), 8), 0);
    return 0;
}

static void descriptors_0_to_2_are_the_console(void **state)
{
    (void)state;
    runs(console, 0, "printed\n");
    runs(awaits_console, 0, NULL);
    given.typed_after_ns = 0;
}

static int files_within(struct mn_thread *t)
{
    struct {
        uint64_t flags, mode, resolve;
    } how = {0, 0, 8 | 2}, made = {0100 | 01, 0644, 8}, unknown = {0, 0, 0x10};
    EXPECT_EQUAL(CALL(MKDIR, P("/in"), 0755), 0);
    EXPECT_EQUAL(CALL(MKDIR, P("/in/d"), 0755), 0);
    EXPECT_EQUAL(CALL(SYMLINK, P("../tmp/out"), P("/in/up")), 0);
    EXPECT_EQUAL(CALL(SYMLINK, P("/in/file"), P("/in/whole")), 0);
    EXPECT_EQUAL(CALL(SYMLINK, P("d/../file"), P("/in/round")), 0);
    EXPECT(CALL(OPEN, P("/tmp/out"), 0100, 0644) >= 0);
    int64_t folder = CALL(OPEN, P("/in"), 010000000 | 0200000);
    EXPECT(CALL(OPENAT2, folder, P("file"), P(&made), sizeof made) >= 0);
    EXPECT(CALL(OPENAT2, folder, P("round"), P(&how), sizeof how) >= 0);
    EXPECT(CALL(OPENAT2, folder, P("d/.."), P(&how), sizeof how) >= 0);
    EXPECT_EQUAL(CALL(OPENAT2, folder, P(".."), P(&how), sizeof how), -MN_EXDEV);
    EXPECT_EQUAL(CALL(OPENAT2, folder, P("d/../../tmp/out"), P(&how), sizeof how), -MN_EXDEV);
    EXPECT_EQUAL(CALL(OPENAT2, folder, P("up"), P(&how), sizeof how), -MN_EXDEV);
    EXPECT_EQUAL(CALL(OPENAT2, folder, P("whole"), P(&how), sizeof how), -MN_EXDEV);
    EXPECT_EQUAL(CALL(OPENAT2, folder, P("/in/file"), P(&how), sizeof how), -MN_EXDEV);
    EXPECT_EQUAL(CALL(OPENAT2, folder, P("file"), P(&how), 16), -MNET_EINVAL);
    how.resolve = 0;
    EXPECT(CALL(OPENAT2, folder, P("up"), P(&how), sizeof how) >= 0);
    EXPECT_EQUAL(CALL(OPENAT2, folder, P("file"), P(&unknown), sizeof unknown), -MN_ENOSYS);
    return 0;
}

static void files_are_opened_within_a_folder(void **state)
{
    (void)state;
    runs(files_within, 0, "openat2 with these rules for links, is not there");
}

/* ---- A library that is lent to tasks ---- */

static struct mn_thread *lender;

static int library(struct mn_thread *t)
{
    lender = t;
    return mn_system_lend(t->system);
}

static void runs_tasks(int (*tasks)(void *context), int status, const char *words)
{
    given.tasks = tasks;
    runs(library, status, words);
    given.tasks = NULL;
}

/* No call lets the other task run, not even one of a task that is cancelled. */
static int make_calls(void *argument)
{
    struct mn_thread *t = lender;
    unsigned *runs_now = argument;
    bool alone = ++*runs_now == 1;
    for (int i = 0; i < 100; i++)
        EXPECT(CALL(GETTID, 0) == t->id && *runs_now == 1);
    EXPECT(CALL(READ, CALL(OPEN, P("/tmp"), 0), P(runs_now), 0) < 0);
    EXPECT(alone && *runs_now == 1);
    --*runs_now;
    return mnet_cancelled();
}

static int share(void *context)
{
    struct mn_thread *t = lender;
    unsigned runs_now = 0;
    int first = 0, second = 0;
    struct mnet_task *a, *b;
    (void)context;
    EXPECT_EQUAL(mnet_spawn(&a, make_calls, &runs_now), 0);
    EXPECT_EQUAL(mnet_spawn(&b, make_calls, &runs_now), 0);
    mnet_cancel(b);
    EXPECT_EQUAL(mnet_join(a, &first, MNET_NEVER), 0);
    EXPECT_EQUAL(mnet_join(b, &second, MNET_NEVER), 0);
    EXPECT(first == 0 && second == 1);
    EXPECT_EQUAL(CALL(CLONE, 0x10f00, 4096, 0, 0, 0), -MN_ENOSYS);
    return 7;
}

static int end_by_exit(void *argument)
{
    struct mn_thread *t = lender;
    (void)argument;
    CALL(EXIT_GROUP, 9);
    return 0; /* not reached */
}

static int wait_for_ever(void *argument)
{
    (void)argument;
    return mnet_sleep(MNET_NEVER);
}

static int exit_in_a_task(void *context)
{
    struct mnet_task *a;
    int result = 0;
    (void)context;
    if (mnet_spawn(&given.running, wait_for_ever, NULL) < 0 || mnet_spawn(&a, end_by_exit, NULL) < 0 ||
        mnet_join(a, NULL, MNET_NEVER) < 0 || mnet_join(given.running, &result, MNET_NEVER) < 0)
        return 99;
    return result;
}

static int end_with_an_error(void *context)
{
    (void)context;
    return MNET_E_REFUSED;
}

static void library_is_lent_to_tasks(void **state)
{
    (void)state;
    runs_tasks(share, 7, "system call 56, clone in a program with mnet's tasks, is not there");
    runs_tasks(exit_in_a_task, 9, NULL);
    runs_tasks(end_with_an_error, MNET_E_REFUSED, NULL);
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

static uint32_t word;
static int order[4], ordered;

static int waits(struct mn_thread *t)
{
    EXPECT_EQUAL(CALL(FUTEX, P(&word), 0, 5), -MNET_EAGAIN);
    EXPECT_EQUAL(CALL(FUTEX, P(&word), 128, 0), 0);
    order[ordered++] = (int)CALL(GETTID, 0);
    return 0;
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
    runs(
        threads, 4,
        "test: system call 56, clone for a new process, is not there: a machine is one program in one address space\n");
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
    EXPECT(strcmp(said, "test: system call 57, fork, is not there: a machine is one program in one address space\n"
                        "test: system call 100000, , is not there\n") == 0);
    return 0;
}

static void missing_calls_are_named_once(void **state)
{
    (void)state;
    runs(asks_for_what_is_not_there, 0, "fork");
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
    EXPECT_EQUAL(CALL(SOCKET, 17, 3, 0), -MNET_EAFNOSUPPORT);
    return 0;
}

static void sockets_are_descriptors_among_others(void **state)
{
    (void)state;
    runs(serves, 0, "socket of that family");
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

/* What programs read about the machine is true, and the same as calls say. */
static int reads_generated(struct mn_thread *t)
{
    static const char *const texts[][2] = {
        {"/etc/mtab", "mnet / tmpfs rw 0 0\n"},         {"/proc/mounts", "mnet / tmpfs rw 0 0\n"},
        {"/proc/self/mounts", "mnet / tmpfs rw 0 0\n"}, {"/proc/sys/kernel/hostname", "mnet\n"},
        {"/proc/sys/kernel/ostype", "Linux\n"},         {"/proc/sys/kernel/osrelease", "6.1.0\n"},
        {"/proc/sys/vm/overcommit_memory", "2\n"},
    };
    char text[300];
    for (size_t i = 0; i < MN_COUNT_OF(texts); i++) {
        memset(text, 0, sizeof text);
        int64_t fd = CALL(OPEN, P(texts[i][0]), 0);
        EXPECT_EQUAL(fd, 3);
        EXPECT_EQUAL(CALL(READ, fd, P(text), sizeof text), strlen(texts[i][1]));
        EXPECT(strcmp(text, texts[i][1]) == 0);
        EXPECT_EQUAL(CALL(READ, fd, P(text), sizeof text), 0);
        EXPECT_EQUAL(CALL(CLOSE, fd), 0);
        EXPECT(CALL(OPEN, P(texts[i][0]), 01) < 0 || CALL(WRITE, 3, P("x"), 1) < 0);
        (void)CALL(CLOSE, 3);
    }
    uint64_t machine[14];
    unsigned long long total = 0;
    EXPECT_EQUAL(CALL(SYSINFO, P(machine)), 0);
    int64_t fd = CALL(OPEN, P("/proc/meminfo"), 0), len = CALL(READ, fd, P(text), sizeof text - 1);
    EXPECT(len > 0);
    text[len] = '\0';
    EXPECT_EQUAL(sscanf(text, "MemTotal: %llu kB", &total), 1);
    EXPECT_EQUAL(total * 1024, machine[4]);
    EXPECT(strstr(text, "\nSwapFree:              0 kB\n") != NULL);
    EXPECT_EQUAL(CALL(OPEN, P("/proc/loadavg"), 0), -MNET_ENOENT);
    return 0;
}

static void generated_files_are_true(void **state)
{
    (void)state;
    runs(reads_generated, 0, NULL);
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

/* Without a free descriptor a connection keeps its place. */
static int accepting_without_room(struct mn_thread *t)
{
    const struct {
        uint16_t family;
        char path[5];
    } name = {1, "\0here"};
    const uint64_t more[2] = {10000, 10000};
    uint64_t most[2] = {0, 0};
    int64_t listener = CALL(SOCKET, 1, 1, 0), client = CALL(SOCKET, 1, 1, 0), last = 0;
    EXPECT(CALL(SETRLIMIT, 7, P(more)) == -MNET_EPERM && CALL(PRLIMIT, 0, 7, P(more), P(most)) == -MNET_EPERM);
    EXPECT(CALL(PRLIMIT, 0, 7, 0, P(most)) == 0 && most[0] == MN_DESCRIPTORS);
    EXPECT(CALL(PRLIMIT, 0, 7, P(most), 0) == 0 && CALL(SETRLIMIT, 3, P(more)) == 0);
    EXPECT(CALL(BIND, listener, P(&name), 7) == 0 && CALL(LISTEN, listener, 4) == 0);
    EXPECT_EQUAL(CALL(CONNECT, client, P(&name), 7), 0);
    for (int64_t fd; (fd = CALL(DUP, 0)) >= 0;)
        last = fd;
    EXPECT_EQUAL(CALL(ACCEPT, listener, 0, 0), -MNET_EMFILE);
    EXPECT(CALL(CLOSE, last) == 0 && CALL(WRITE, client, P("late"), 4) == 4);
    EXPECT_EQUAL(CALL(ACCEPT, listener, 0, 0), last);
    return CALL(WRITE, last, P("reply"), 5) == 5 ? 0 : 1;
}

static void connections_wait_for_a_descriptor(void **state)
{
    (void)state;
    runs(accepting_without_room, 0, NULL);
}

static struct {
    struct mnet_cmsghdr header;
    int fds[254];
} passed;

static int64_t pass(struct mn_thread *t, int socket, unsigned count)
{
    struct mnet_iovec piece = {&passed, 1};
    const struct mnet_msghdr message = {.msg_iov = &piece,
                                        .msg_iovlen = 1,
                                        .msg_control = &passed,
                                        .msg_controllen = sizeof passed.header + count * sizeof(int)};
    passed.header = (struct mnet_cmsghdr){message.msg_controllen, MNET_SOL_SOCKET, 1};
    return CALL(SENDMSG, socket, P(&message), 0);
}

/* Descriptors that are passed: program_unix.c has more. */
static int passing(struct mn_thread *t)
{
    int pair[2], ends[2];
    char bytes[4];
    EXPECT_EQUAL(CALL(SOCKETPAIR, 1, MNET_SOCK_STREAM, 0, P(pair)), 0);
    EXPECT_EQUAL(CALL(PIPE, P(ends)), 0);
    for (int i = 0; i < 254; i++)
        passed.fds[i] = ends[1];
    EXPECT_EQUAL(pass(t, pair[0], 254), -MNET_EINVAL);
    EXPECT_EQUAL(pass(t, pair[0], 253), 1);
    passed.fds[1] = 77;
    EXPECT_EQUAL(pass(t, pair[0], 2), -MNET_EBADF);
    EXPECT(CALL(CLOSE, ends[1]) == 0 && pass(t, pair[0], 1) == -MNET_EBADF);
    EXPECT_EQUAL(CALL(READ, pair[1], P(bytes), 4), 1); /* and closes them */
    EXPECT_EQUAL(CALL(READ, ends[0], P(bytes), 4), 0);
    passed.fds[0] = ends[0];
    EXPECT(pass(t, pair[0], 1) == 1 && CALL(CLOSE, pair[1]) == 0);
    passed.fds[0] = pair[0]; /* to nobody, so it is closed as any */
    EXPECT_EQUAL(pass(t, pair[0], 1), -MNET_EPIPE);
    return CALL(CLOSE, pair[0]) == 0 ? 0 : 1;
}

static void descriptors_are_passed(void **state)
{
    (void)state;
    runs(passing, 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_made_read_and_listed),
        cmocka_unit_test(files_are_opened_within_a_folder),
        cmocka_unit_test(library_is_lent_to_tasks),
        cmocka_unit_test(pipes_and_counters_carry_readiness),
        cmocka_unit_test(descriptors_0_to_2_are_the_console),
        cmocka_unit_test(memory_is_mapped_and_ends_with_a_line),
        cmocka_unit_test(threads_wait_for_words_in_order),
        cmocka_unit_test(program_ends_with_all_threads_or_with_the_last),
        cmocka_unit_test(missing_calls_are_named_once),
        cmocka_unit_test(signals_end_the_program),
        cmocka_unit_test(sockets_are_descriptors_among_others),
        cmocka_unit_test(program_without_memory_says_so),
        cmocka_unit_test(program_with_wrong_files_says_so),
        cmocka_unit_test(generated_files_are_true),
        cmocka_unit_test(resolvers_are_in_a_file),
        cmocka_unit_test(connections_wait_for_a_descriptor),
        cmocka_unit_test(descriptors_are_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
