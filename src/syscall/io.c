/* Reading and writing by descriptors, and what is the same for all of them. */
#include <string.h>

#include "syscall/calls.h"
#include "syscall/open.h"
#include "syscall/unix.h"

MN_CALL(read)
{
    return mn_descriptor_read(thread->system, (int)argument[0], mn_pointer(argument[1]), argument[2], NULL);
}

MN_CALL(write)
{
    return mn_descriptor_write(thread->system, (int)argument[0], mn_pointer(argument[1]), argument[2], NULL);
}

MN_CALL(pread64)
{
    return mn_descriptor_read(thread->system, (int)argument[0], mn_pointer(argument[1]), argument[2], &argument[3]);
}

MN_CALL(pwrite64)
{
    return mn_descriptor_write(thread->system, (int)argument[0], mn_pointer(argument[1]), argument[2], &argument[3]);
}

/* ---- Several pieces ---- */

/* Reads or writes one piece after the other, until one is not whole. */
static int64_t pieces(struct mn_system *system, int fd, const struct mnet_iovec *piece, uint64_t count,
                      const uint64_t *offset, bool writing)
{
    int64_t sum = 0;
    if (count > MNET_IOV_MAX)
        return -MNET_EINVAL;
    for (uint64_t i = 0; i < count; i++, piece++) {
        uint64_t at = offset != NULL ? *offset + (uint64_t)sum : 0;
        const uint64_t *place = offset != NULL ? &at : NULL;
        if (piece->iov_len == 0)
            continue;
        int64_t done = writing ? mn_descriptor_write(system, fd, piece->iov_base, piece->iov_len, place)
                               : mn_descriptor_read(system, fd, piece->iov_base, piece->iov_len, place);
        MN_DEBUG_ASSERT(done <= 0 || (size_t)done <= piece->iov_len);
        if (done < 0)
            return sum > 0 ? sum : done;
        sum += done;
        if ((size_t)done < piece->iov_len)
            break;
    }
    return sum;
}

/* A socket takes all pieces as one message. What is read of a file that may make the call wait is
 * read into one piece: the next one could wait although some bytes are there. */
static int64_t vector(struct mn_thread *thread, const uint64_t *argument, const uint64_t *offset, bool writing)
{
    struct mn_system *system = thread->system;
    int fd = (int)argument[0];
    struct mnet_iovec *piece = mn_pointer(argument[1]);
    uint64_t count = argument[2];
    if (mn_is_socket(system, fd) && offset == NULL) {
        struct mnet_msghdr message = {.msg_iov = piece, .msg_iovlen = count};
        return writing ? mnet_socket_sendmsg(system->descriptors, fd, &message, 0)
                       : mnet_socket_recvmsg(system->descriptors, fd, &message, 0);
    }
    struct mn_unix *local = offset == NULL ? mn_unix_hold(system, fd) : NULL;
    if (local != NULL) {
        struct mnet_msghdr message = {.msg_iov = piece, .msg_iovlen = count};
        int64_t done = writing ? mn_unix_send(local, &message, 0) : mn_unix_receive(local, &message, 0);
        mn_unix_release(local);
        return done;
    }
    while (!writing && offset == NULL && count > 1 && piece->iov_len == 0) {
        piece++;
        count--;
    }
    struct mn_open *open;
    if (!writing && mn_open_hold(system, fd, &open) == 0) {
        count = open->ops->seeks ? count : MN_MIN(count, 1);
        mn_open_release(open);
    }
    return pieces(system, fd, piece, count, offset, writing);
}

MN_CALL(readv)
{
    return vector(thread, argument, NULL, false);
}

MN_CALL(writev)
{
    return vector(thread, argument, NULL, true);
}

MN_CALL(preadv)
{
    return vector(thread, argument, &argument[3], false);
}

MN_CALL(pwritev)
{
    return vector(thread, argument, &argument[3], true);
}

#define SENDFILE_BYTES ((size_t)16384)

/* Copies up to `count` bytes through a buffer; `at` NULL: from the offset of the file. */
static int64_t copy(struct mn_system *system, int to, int from, uint64_t *at, uint64_t count, char *buffer)
{
    int64_t sum = 0;
    while ((uint64_t)sum < count) {
        int64_t got = mn_descriptor_read(system, from, buffer, MN_MIN(count - (uint64_t)sum, SENDFILE_BYTES), at);
        if (got <= 0)
            return sum > 0 ? sum : got;
        int64_t put = mn_descriptor_write(system, to, buffer, (size_t)got, NULL);
        MN_DEBUG_ASSERT(put <= got && (uint64_t)got <= count - (uint64_t)sum);
        if (at == NULL && put < got) { /* what was not taken is read again */
            const uint64_t back[] = {(uint64_t)from, (uint64_t)(MN_MAX(put, 0) - got), 1};
            (void)mn_seek(system, back);
        }
        if (put < 0)
            return sum > 0 ? sum : put;
        sum += put;
        if (at != NULL)
            *at += (uint64_t)put;
        if (put < got)
            break;
    }
    return sum;
}

MN_CALL(sendfile)
{
    struct mn_system *system = thread->system;
    char *buffer = mn_object_alloc(&system->objects, SENDFILE_BYTES);
    if (buffer == NULL)
        return -MNET_ENOMEM;
    int64_t sum = copy(system, (int)argument[0], (int)argument[1], mn_pointer(argument[2]), argument[3], buffer);
    mn_object_free(&system->objects, buffer, SENDFILE_BYTES);
    return sum;
}

/* ---- All descriptors ---- */

MN_CALL(close)
{
    return mnet_socket_close(thread->system->descriptors, (int)argument[0]);
}

MN_CALL(dup)
{
    return mnet_socket_dup(thread->system->descriptors, (int)argument[0]);
}

MN_CALL(dup2)
{
    return mnet_socket_dup2(thread->system->descriptors, (int)argument[0], (int)argument[1]);
}

MN_CALL(dup3)
{
    if (argument[0] == argument[1])
        return -MNET_EINVAL;
    return mnet_socket_dup2(thread->system->descriptors, (int)argument[0], (int)argument[1]);
}

int64_t mn_seek(struct mn_system *system, const uint64_t *argument)
{
    struct mn_open *open;
    int error = mn_open_hold(system, (int)argument[0], &open);
    if (error < 0)
        return error == -MNET_EBADF ? error : -MN_ESPIPE;
    int64_t base = argument[2] == 0   ? 0
                   : argument[2] == 1 ? (int64_t)open->offset
                   : argument[2] == 2 ? (int64_t)(open->inode != NULL ? open->inode->size : 0)
                                      : INT64_MIN;
    int64_t place = base < 0 ? -MNET_EINVAL : base + (int64_t)argument[1];
    if (!open->ops->seeks)
        place = -MN_ESPIPE;
    else if (place < 0)
        place = -MNET_EINVAL;
    else
        open->offset = (uint64_t)place;
    MN_DEBUG_ASSERT(!open->ops->seeks || open->offset <= INT64_MAX);
    mn_open_release(open);
    return place;
}

MN_CALL(lseek)
{
    return mn_seek(thread->system, argument);
}

/* All files are in memory. */
MN_CALL(fsync)
{
    struct mn_file **place = mn_file_place(thread->system->descriptors, (int)argument[0]);
    return place != NULL && *place != NULL ? 0 : -MNET_EBADF;
}

/* ---- fcntl, ioctl ---- */

enum fcntl_command {
    F_DUPFD = 0,
    F_GETFD = 1,
    F_SETFD = 2,
    F_GETFL = 3,
    F_SETFL = 4,
    F_GETLK = 5,
    F_SETLK = 6,
    F_SETLKW = 7,
    F_DUPFD_CLOEXEC = 1030,
};

#define F_UNLCK 2
#define FLAGS_CHANGE (MN_O_APPEND | MN_O_NONBLOCK)

static int64_t flags_of(struct mn_system *system, int fd)
{
    struct mn_open *open;
    if (mn_is_socket(system, fd))
        return 2 | (mnet_socket_nonblocking(system->descriptors, fd) > 0 ? (int64_t)MN_O_NONBLOCK : 0);
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error == -MNET_EBADF ? error : 2;
    int64_t flags = open->flags & (MN_O_ACCMODE | FLAGS_CHANGE);
    mn_open_release(open);
    return flags;
}

static int64_t set_flags(struct mn_system *system, int fd, uint64_t flags)
{
    struct mn_open *open;
    if (mn_is_socket(system, fd))
        return mnet_socket_set_nonblocking(system->descriptors, fd, (flags & MN_O_NONBLOCK) != 0);
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error == -MNET_EBADF ? error : 0;
    open->flags = (open->flags & ~FLAGS_CHANGE) | ((uint32_t)flags & FLAGS_CHANGE);
    mn_open_release(open);
    return 0;
}

/* A lock of a file is always granted: there is one process. */
static int64_t tell_unlocked(short *lock)
{
    lock[0] = F_UNLCK;
    return 0;
}

static int64_t duplicate_from(struct mn_system *system, int fd, uint64_t least)
{
    for (uint64_t to = least; to < MN_DESCRIPTORS; to++) {
        struct mn_file **place = mn_file_place(system->descriptors, (int)to);
        MN_DEBUG_ASSERT(place != NULL);
        if (*place == NULL)
            return mnet_socket_dup2(system->descriptors, fd, (int)to);
    }
    return -MNET_EMFILE;
}

MN_CALL(fcntl)
{
    struct mn_system *system = thread->system;
    struct mn_file **place = mn_file_place(system->descriptors, (int)argument[0]);
    if (place == NULL || *place == NULL)
        return -MNET_EBADF;
    switch (argument[1]) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: return duplicate_from(system, (int)argument[0], argument[2]);
    case F_GETFL: return flags_of(system, (int)argument[0]);
    case F_SETFL: return set_flags(system, (int)argument[0], argument[2]);
    case F_GETLK: return tell_unlocked(mn_pointer(argument[2]));
    case F_GETFD:
    case F_SETFD:
    case F_SETLK:
    case F_SETLKW: return 0;
    default: return mn_missing(thread, 72, "with that command");
    }
}

#define TIOCGWINSZ 0x5413u
#define FIONREAD 0x541bu
#define FIONBIO 0x5421u
#define TIOCOUTQ 0x5411u

/* The console is a terminal of that size, so that a C library writes whole lines. */
static int64_t window_size(struct mn_system *system, int fd, uint16_t *size)
{
    struct mn_open *open;
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error == -MNET_EBADF ? error : -MN_ENOTTY;
    bool console = open->ops == &mn_console_ops;
    mn_open_release(open);
    if (!console)
        return -MN_ENOTTY;
    memcpy(size, (const uint16_t[]){24, 80, 0, 0}, 4 * sizeof *size);
    return 0;
}

static int64_t socket_count(struct mn_system *system, int fd, uint64_t request, int *count)
{
    struct mn_unix *local = mn_unix_hold(system, fd);
    if (local != NULL) {
        *count = request == FIONREAD ? (int)mn_unix_readable_bytes(local) : 0;
        mn_unix_release(local);
        return 0;
    }
    int result = request == FIONREAD ? mnet_socket_readable_bytes(system->descriptors, fd)
                                     : mnet_socket_queued_bytes(system->descriptors, fd);
    if (result < 0)
        return result == -MNET_ENOTSOCK ? -MN_ENOTTY : result;
    *count = result;
    return 0;
}

MN_CALL(ioctl)
{
    struct mn_system *system = thread->system;
    int fd = (int)argument[0];
    int64_t flags;
    switch (argument[1]) {
    case TIOCGWINSZ: return window_size(system, fd, mn_pointer(argument[2]));
    case FIONREAD:
    case TIOCOUTQ: return socket_count(system, fd, argument[1], mn_pointer(argument[2]));
    case FIONBIO:
        flags = flags_of(system, fd);
        if (flags < 0)
            return flags;
        flags &= ~(int64_t)MN_O_NONBLOCK;
        return set_flags(system, fd,
                         (uint64_t)flags | (*(const int *)mn_pointer(argument[2]) != 0 ? MN_O_NONBLOCK : 0));
    default: return -MN_ENOTTY;
    }
}
