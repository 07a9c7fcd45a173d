/* Memory and descriptors of the program.
 *
 * Bytes are read by process_vm_readv, and then the notification is checked to be still valid. They
 * are written through /proc/THREAD/mem, which is opened, and then the notification is checked: the
 * open file means the memory of that process even if the process ends and its number is used
 * again.
 *
 * Descriptors are copied through a pidfd of the thread, the holder, which is kept until another
 * thread calls. To ask /proc/THREAD/fd/N instead takes four times as long.
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

void run_forget_holder(struct runner *run)
{
    if (run->holder.thread != 0)
        close(run->holder.fd);
    run->holder.thread = 0;
}

static bool open_holder(struct runner *run, pid_t thread)
{
    run_forget_holder(run);
    struct run_holder holder = {.thread = thread};
    holder.fd = (int)syscall(SYS_pidfd_open, thread, PIDFD_THREAD);
    if (holder.fd < 0 && errno == EINVAL) {
        holder.fd = (int)syscall(SYS_pidfd_open, process_of(thread), 0);
        holder.of_process = true;
    }
    if (holder.fd >= 0)
        run->holder = holder;
    return holder.fd >= 0;
}

int run_take(struct runner *run, pid_t thread, int fd)
{
    bool kept = run->holder.thread == thread;
    if (!kept && !open_holder(run, thread))
        return -1;
    int copy = (int)syscall(SYS_pidfd_getfd, run->holder.fd, fd, 0);
    bool gone = copy < 0 && errno == ESRCH;
    if (gone || run->holder.of_process)
        run_forget_holder(run);
    /* Another thread may have the number by now. */
    return gone && kept ? run_take(run, thread, fd) : copy;
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

ino_t run_inode(struct runner *run, pid_t thread, int fd)
{
    struct stat status;
    int copy = run_take(run, thread, fd);
    if (copy < 0)
        return 0;
    bool is_socket = fstat(copy, &status) == 0 && S_ISSOCK(status.st_mode);
    close(copy);
    return is_socket ? status.st_ino : 0;
}
