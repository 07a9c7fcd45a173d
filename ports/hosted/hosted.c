/* Clock, entropy, memory, console and waiting of a Linux process. */
#include "ports/hosted/hosted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/poison.h"

_Noreturn void mnet_panic(const char *file, int line, const char *text)
{
    const char *task = mnet_task_name(mnet_self());
    fprintf(stderr, "mnet: %s (%s%s%s%s:%d)\n", text, task[0] != '\0' ? "task \"" : "", task,
            task[0] != '\0' ? "\", " : "", file, line);
    abort();
}

uint64_t mn_hosted_now(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * MNET_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t mn_hosted_wall(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec * MNET_SECOND + (uint64_t)now.tv_nsec : 0;
}

bool mn_hosted_entropy(void *context, void *buffer, size_t len)
{
    (void)context;
    for (size_t done = 0; done < len;) {
        ssize_t got = getrandom((char *)buffer + done, len - done, 0);
        if (got < 0 && errno != EINTR)
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

void *mn_hosted_allocate(void *context, size_t size)
{
    (void)context;
    void *region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED)
        return NULL;
    /* A hint: fewer faults and TLB misses for the slabs that fill up. */
    madvise(region, size, MADV_HUGEPAGE);
    return region;
}

void mn_hosted_release(void *context, void *region, size_t size)
{
    (void)context;
    MN_UNPOISON(region, size); /* the next user of these addresses has no pools */
    munmap(region, size);
}

void mn_hosted_print(void *context, enum mn_console console, const char *text, size_t len)
{
    (void)context;
    int fd = console == MN_CONSOLE_OUTPUT ? STDOUT_FILENO : STDERR_FILENO;
    while (len > 0) {
        ssize_t written = write(fd, text, len);
        if (written < 0 && errno == EAGAIN) {
            struct pollfd writable = {fd, POLLOUT, 0};
            mn_hosted_wait(&writable, 1, MNET_NEVER);
        } else if (written < 0 && errno != EINTR) {
            return; /* nobody reads it */
        }
        text += written > 0 ? written : 0;
        len -= written > 0 ? (size_t)written : 0;
    }
}

void mn_hosted_wait(struct pollfd *fds, unsigned count, uint64_t deadline)
{
    struct timespec timeout = {0, 0};
    if (deadline != MNET_NEVER) {
        uint64_t now = mn_hosted_now(NULL);
        uint64_t left = deadline > now ? deadline - now : 0;
        timeout.tv_sec = (time_t)(left / MNET_SECOND);
        timeout.tv_nsec = (long)(left % MNET_SECOND);
    }
    if (ppoll(fds, count, deadline != MNET_NEVER ? &timeout : NULL, NULL) < 0) {
        for (unsigned i = 0; i < count; i++)
            fds[i].revents = 0;
    }
}
