/* Memory and descriptors of the program.
 *
 * Bytes are read by process_vm_readv, and then the notification is checked to be still valid. They
 * are written through /proc/THREAD/mem, which is opened, and then the notification is checked: the
 * open file means the memory of that process even if the process ends and its number is used
 * again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "tools/mnet-run/run.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

bool run_call_valid(const struct runner *run, uint64_t id)
{
    return ioctl(run->notifications, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool run_read(const struct runner *run, const struct run_call *call, uint64_t address, void *bytes, size_t len)
{
    struct iovec here = {bytes, len}, there = {(void *)(uintptr_t)address, len};
    return process_vm_readv(call->thread, &here, 1, &there, 1, 0) == (ssize_t)len && run_call_valid(run, call->id);
}

bool run_write_pieces(const struct runner *run, const struct run_call *call, const struct run_piece *pieces,
                      unsigned count)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)call->thread);
    int memory = open(path, O_WRONLY | O_CLOEXEC);
    if (memory < 0)
        return false;
    bool written = run_call_valid(run, call->id);
    for (unsigned i = 0; i < count && written; i++) {
        const struct run_piece *piece = &pieces[i];
        written = piece->address <= INT64_MAX &&
                  pwrite(memory, piece->bytes, piece->len, (off_t)piece->address) == (ssize_t)piece->len;
    }
    close(memory);
    return written;
}

bool run_write(const struct runner *run, const struct run_call *call, uint64_t address, const void *bytes, size_t len)
{
    return run_write_pieces(run, call, &(struct run_piece){address, bytes, len}, 1);
}

/* The process of a thread. */
static pid_t process_of(pid_t thread)
{
    char path[40], line[128];
    int process = thread;
    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "Tgid: %d", &process) == 1)
            break;
    }
    if (status != NULL)
        fclose(status);
    return process;
}

/* Older kernels have descriptors of processes only. */
static int open_thread(pid_t thread)
{
    int fd = (int)syscall(SYS_pidfd_open, thread, PIDFD_THREAD);
    if (fd < 0 && errno == EINVAL)
        fd = (int)syscall(SYS_pidfd_open, process_of(thread), 0);
    return fd;
}

int run_take(pid_t thread, int fd)
{
    int holder = open_thread(thread);
    if (holder < 0)
        return -1;
    int copy = (int)syscall(SYS_pidfd_getfd, holder, fd, 0);
    close(holder);
    return copy;
}

int run_give(const struct runner *run, const struct run_call *call, int fd, bool close_on_exec)
{
    struct seccomp_notif_addfd give = {
        .id = call->id,
        .flags = SECCOMP_ADDFD_FLAG_SEND,
        .srcfd = (uint32_t)fd,
        .newfd_flags = close_on_exec ? O_CLOEXEC : 0,
    };
    /* If a signal comes before the program's thread has taken the descriptor, the kernel takes it
     * back and lets the call return 0. */
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    int number = ioctl(run->notifications, SECCOMP_IOCTL_NOTIF_ADDFD, &give);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return number < 0 ? -error : number;
}

ino_t run_inode(pid_t thread, int fd)
{
    char path[48];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)thread, fd);
    return stat(path, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}
