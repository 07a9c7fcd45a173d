/* A program of a C library, for Linux and for a machine: it checks what system calls do. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "expect.h"

#define THREADS 4
#define TURNS 100

/* ---- Threads ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;
static _Thread_local int own = 41;
static int constructed;

__attribute__((constructor)) static void construct(void)
{
    constructed = ++own;
}

/* Each in its turn; numbers of floating point live across the waits. */
static void *take_turns(void *argument)
{
    int self = (int)(long)argument;
    double sum = self;
    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % THREADS != self)
            pthread_cond_wait(&changed, &mutex);
        turn++;
        own++;
        sum += 0.5;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return sum == self + TURNS * 0.5 ? (void *)(long)own : NULL;
}

static void check_threads(void)
{
    pthread_t threads[THREADS];
    struct timespec soon;
    void *result;
    EXPECT(constructed == 42 && own == 42);
    for (long i = 0; i < THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, take_turns, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        EXPECT(pthread_join(threads[i], &result) == 0 && (long)result == 41 + TURNS);
    EXPECT(turn == THREADS * TURNS && own == 42);
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec = (soon.tv_nsec + 20000000) % 1000000000;
    soon.tv_sec += soon.tv_nsec < 20000000;
    pthread_mutex_lock(&mutex);
    EXPECT(pthread_cond_timedwait(&changed, &mutex, &soon) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
}

/* ---- Files ---- */

static void check_files(void)
{
    char line[100] = "";
    struct stat status;
    int found = 0;
    FILE *file;
    char folder[] = "/tmp/program_XXXXXX";
    EXPECT(mkdtemp(folder) != NULL && chdir(folder) == 0);
    file = fopen("a", "w+");
    EXPECT(file != NULL && fprintf(file, "hello %d %.2f\n", 5, 2.5) == 13);
    rewind(file);
    EXPECT(fgets(line, sizeof line, file) == line && strcmp(line, "hello 5 2.50\n") == 0);
    fclose(file);
    EXPECT(mkdir("d", 0700) == 0 && rename("a", "d/b") == 0);
    EXPECT(stat("a", &status) < 0 && errno == ENOENT);
    EXPECT(stat("d/b", &status) == 0 && status.st_size == 13 && S_ISREG(status.st_mode));
    EXPECT(status.st_mtime > 1700000000 && status.st_mtime <= time(NULL));
    EXPECT(symlink("d/b", "l") == 0 && access("l", R_OK) == 0);
    EXPECT(readlink("l", line, sizeof line) == 3);
    EXPECT(truncate("l", 5) == 0 && stat("d/b", &status) == 0 && status.st_size == 5);
    DIR *list = opendir(".");
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;)
        found += (strcmp(entry->d_name, "d") == 0 && entry->d_type == DT_DIR) || strcmp(entry->d_name, "l") == 0;
    closedir(list);
    EXPECT(found == 2);
    EXPECT(rmdir("d") < 0 && errno == ENOTEMPTY);
    EXPECT(unlink("l") == 0 && unlink("d/b") == 0 && rmdir("d") == 0 && chdir("/") == 0 && rmdir(folder) == 0);
    EXPECT(open("/none", O_RDONLY) < 0 && errno == ENOENT);
}

/* ---- Waiting ---- */

static void *write_later(void *argument)
{
    usleep(20000);
    EXPECT(write(*(int *)argument, "late", 4) == 4);
    return NULL;
}

static void check_waiting(void)
{
    int ends[2], event = eventfd(0, EFD_NONBLOCK), epoll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = 7}, ready;
    struct pollfd poll_in = {.events = POLLIN};
    unsigned long long count = 3;
    char bytes[8];
    pthread_t writer;
    EXPECT(pipe(ends) == 0);
    poll_in.fd = ends[0];
    EXPECT(poll(&poll_in, 1, 10) == 0);
    EXPECT(pthread_create(&writer, NULL, write_later, &ends[1]) == 0);
    EXPECT(poll(&poll_in, 1, -1) == 1 && poll_in.revents == POLLIN);
    EXPECT(read(ends[0], bytes, 8) == 4);
    EXPECT(pthread_join(writer, NULL) == 0);
    close(ends[1]);
    EXPECT(read(ends[0], bytes, 8) == 0);
    EXPECT(read(event, &count, 8) < 0 && errno == EAGAIN);
    EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wanted) == 0);
    EXPECT(epoll_wait(epoll, &ready, 1, 10) == 0);
    EXPECT(write(event, &count, 8) == 8);
    EXPECT(epoll_wait(epoll, &ready, 1, 1000) == 1 && ready.data.u32 == 7);
    EXPECT(close(123) < 0 && errno == EBADF);
}

static void check_time(void)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    usleep(50000);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    EXPECT(ms >= 50 && ms < 2000);
    EXPECT(time(NULL) > 1700000000);
}

static void check_memory(void)
{
    size_t size = 3 << 20;
    unsigned char random[2][16] = {{0}};
    char *bytes = malloc(size);
    EXPECT(bytes != NULL);
    memset(bytes, 1, size);
    char *larger = realloc(bytes, 2 * size);
    EXPECT(larger != NULL && larger[size - 1] == 1);
    free(larger);
    bytes = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(bytes != MAP_FAILED && bytes[8191] == 0);
    EXPECT(mprotect(bytes, 4096, PROT_NONE) == 0 && munmap(bytes, 8192) == 0);
    EXPECT(getrandom(random[0], 16, 0) == 16 && getrandom(random[1], 16, 0) == 16);
    EXPECT(memcmp(random[0], random[1], 16) != 0);
}

/* What programs ask of /etc. */
static void check_names(void)
{
    const struct passwd *user = getpwnam("root");
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    EXPECT(user != NULL && user->pw_uid == 0 && strcmp(user->pw_dir, "/root") == 0);
    EXPECT(getgrgid(0) != NULL);
    EXPECT(getaddrinfo("localhost", "http", &hints, &found) == 0);
    const struct sockaddr_in *address = (const void *)found->ai_addr;
    EXPECT(ntohl(address->sin_addr.s_addr) == INADDR_LOOPBACK && ntohs(address->sin_port) == 80);
    freeaddrinfo(found);
}

/* ---- Ends ---- */

static volatile int deepest = -1; /* never reached */

static int descend(int depth)
{
    volatile char frame[1000];
    frame[0] = (char)depth;
    return depth == deepest ? 0 : descend(depth + 1) + frame[0];
}

static void *overflow(void *argument)
{
    (void)argument;
    return (void *)(long)descend(0);
}

static int say_words(int argc, char **argv)
{
    printf("words");
    for (int i = 2; i < argc; i++)
        printf(" '%s'", argv[i]);
    printf(" home '%s' pid %d\n", getenv("HOME"), getpid());
    return 7;
}

/* Prints files. */
static int say_files(int argc, char **argv)
{
    char line[200];
    for (int i = 2; i < argc; i++) {
        FILE *file = fopen(argv[i], "r");
        if (file == NULL) {
            perror(argv[i]);
            return 1;
        }
        while (fgets(line, sizeof line, file) != NULL)
            fputs(line, stdout);
        fclose(file);
    }
    return 0;
}

/* Prints the first address of a name. */
static int say_address(const char *name)
{
    char text[64];
    struct addrinfo *found;
    int error = getaddrinfo(name, NULL, &(struct addrinfo){.ai_family = AF_INET}, &found);
    if (error != 0) {
        puts(gai_strerror(error));
        return 1;
    }
    getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    printf("%s is %s\n", name, text);
    freeaddrinfo(found);
    return 0;
}

/* Prints what is typed. */
static int say_input(void)
{
    char line[100];
    struct pollfd fd = {.fd = 0, .events = POLLIN};
    EXPECT(poll(&fd, 1, 10) == 0);
    puts("listening");
    EXPECT(poll(&fd, 1, -1) == 1 && fd.revents == POLLIN);
    while (fgets(line, sizeof line, stdin) != NULL)
        printf("typed: %s", line);
    return 0;
}

static int use_memory(void)
{
    for (;;) {
        char *piece = malloc(1 << 20);
        if (piece == NULL) {
            perror("malloc");
            return 1;
        }
        memset(piece, 1, 1 << 20);
    }
}

static int end_by(const char *what)
{
    pthread_t thread;
    volatile uintptr_t nowhere = 0;
    if (strcmp(what, "null") == 0)
        /* cppcheck-suppress nullPointer ; that is the point */
        *(volatile int *)nowhere = 1;
    if (strcmp(what, "wild") == 0)
        return (int)write(1, (void *)0x7f0000000000, 5);
    if (strcmp(what, "abort") == 0)
        abort();
    if (strcmp(what, "fork") == 0)
        return fork() < 0 && fork() < 0 && errno == ENOSYS ? 7 : 1;
    if (strcmp(what, "overflow") == 0) {
        pthread_create(&thread, NULL, overflow, NULL);
        pthread_join(thread, NULL);
    }
    return strcmp(what, "memory") == 0 ? use_memory() : 1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "words") == 0)
        return say_words(argc, argv);
    if (strcmp(what, "files") == 0)
        return say_files(argc, argv);
    if (strcmp(what, "name") == 0)
        return say_address(argv[2]);
    if (strcmp(what, "input") == 0)
        return say_input();
    if (strcmp(what, "check") != 0)
        return end_by(what);
    check_threads();
    check_files();
    check_waiting();
    check_time();
    check_memory();
    check_names();
    puts("all is well");
    return 0;
}
