/* Files of a folder of a Linux host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "files.h"

static _Thread_local int folder = -1; /* each core has its own */

const char files_usage[] = "FOLDER (which must exist)";

bool files_open(const char *where)
{
    if (where == NULL)
        return false;
    folder = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return folder >= 0;
}

void files_close(void)
{
    close(folder);
}

static enum file_result result_of(int cause)
{
    switch (cause) {
    case EACCES:
    case EPERM: return FILE_FORBIDDEN;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return FILE_BUSY;
    default: return FILE_MISSING; /* EXDEV, too: a link that leads out of the folder */
    }
}

static char *add_hex(char *to, uint64_t number)
{
    unsigned digits = 1;
    while (digits < 16 && number >> (4 * digits) != 0)
        digits++;
    while (digits-- > 0)
        *to++ = "0123456789abcdef"[number >> (4 * digits) & 15];
    return to;
}

/* Which file it is, how long, and when it last changed, tell one content from another: but not
 * within the time that file systems tell apart, and until that has passed the tag is a weak one
 * (RFC 9110 8.8.1). */
static void make_etag(char *to, const struct stat *status)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec - status->st_ctim.tv_sec < 3) {
        *to++ = 'W';
        *to++ = '/';
    }
    const uint64_t numbers[] = {(uint64_t)status->st_ino, (uint64_t)status->st_size, (uint64_t)status->st_ctim.tv_sec,
                                (uint64_t)status->st_ctim.tv_nsec};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *to++ = i == 0 ? '"' : '-';
        to = add_hex(to, numbers[i]);
    }
    *to++ = '"';
    *to = '\0';
}

enum file_result file_open(const char *path, struct file *file)
{
    /* O_NONBLOCK: a named pipe must not make the server wait. */
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, folder, path[0] != '\0' ? path : ".", &how, sizeof how);
    if (fd < 0)
        return result_of(errno);
    struct stat status;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return S_ISDIR(status.st_mode) ? FILE_IS_FOLDER : FILE_FORBIDDEN;
    }
    file->size = (uint64_t)status.st_size;
    file->handle = fd;
    make_etag(file->etag, &status);
    return FILE_OPENED;
}

ptrdiff_t file_read(const struct file *file, uint64_t offset, void *buffer, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread((int)file->handle, (char *)buffer + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno != EINTR)
            return -1;
        if (got == 0)
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    return (ptrdiff_t)done;
}

void file_close(struct file *file)
{
    close((int)file->handle);
}
