/* More names of the GNU C library that musl does not have: checked calls on descriptors and files,
 * random numbers, and names that glibc has for itself. See glibc.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Of musl. */
_Noreturn void abort(void);
ptrdiff_t read(int fd, void *buffer, size_t len);
ptrdiff_t pread(int fd, void *buffer, size_t len, long offset);
ptrdiff_t write(int fd, const void *data, size_t len);
ptrdiff_t recv(int fd, void *buffer, size_t len, int flags);
ptrdiff_t recvfrom(int fd, void *buffer, size_t len, int flags, void *address, uint32_t *address_len);
ptrdiff_t readlink(const char *path, char *buffer, size_t len);
int open(const char *path, int flags, ...);
int openat(int folder, const char *path, int flags, ...);
int poll(void *fds, unsigned long count, int milliseconds);
char *getcwd(char *buffer, size_t len);
char *realpath(const char *path, char *buffer);
int gethostname(char *buffer, size_t len);
char *fgets(char *buffer, int len, void *file);
size_t fread(void *buffer, size_t size, size_t count, void *file);
int vasprintf(char **to, const char *format, va_list arguments);
int vdprintf(int fd, const char *format, va_list arguments);
void explicit_bzero(void *memory, size_t len);
ptrdiff_t getrandom(void *bytes, size_t len, unsigned flags);
long sysconf(int name);

#define PATH_BYTES 4096
#define POLLFD_BYTES 8

static void check(size_t wanted, size_t size)
{
    static const char text[] = "*** a buffer would overflow\n";
    if (wanted <= size)
        return;
    (void)write(2, text, sizeof text - 1);
    abort();
}

/* ---- Descriptors ---- */

ptrdiff_t __read_chk(int fd, void *buffer, size_t len, size_t size);
ptrdiff_t __pread64_chk(int fd, void *buffer, size_t len, long offset, size_t size);
ptrdiff_t __recv_chk(int fd, void *buffer, size_t len, size_t size, int flags);
ptrdiff_t __recvfrom_chk(int fd, void *buffer, size_t len, size_t size, int flags, void *address,
                         uint32_t *address_len);
ptrdiff_t __readlink_chk(const char *path, char *buffer, size_t len, size_t size);
int __poll_chk(void *fds, unsigned long count, int milliseconds, size_t size);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

ptrdiff_t __read_chk(int fd, void *buffer, size_t len, size_t size)
{
    check(len, size);
    return read(fd, buffer, len);
}

ptrdiff_t __pread64_chk(int fd, void *buffer, size_t len, long offset, size_t size)
{
    check(len, size);
    return pread(fd, buffer, len, offset);
}

ptrdiff_t __recv_chk(int fd, void *buffer, size_t len, size_t size, int flags)
{
    check(len, size);
    return recv(fd, buffer, len, flags);
}

ptrdiff_t __recvfrom_chk(int fd, void *buffer, size_t len, size_t size, int flags, void *address, uint32_t *address_len)
{
    check(len, size);
    return recvfrom(fd, buffer, len, flags, address, address_len);
}

ptrdiff_t __readlink_chk(const char *path, char *buffer, size_t len, size_t size)
{
    check(len, size);
    return readlink(path, buffer, len);
}

int __poll_chk(void *fds, unsigned long count, int milliseconds, size_t size)
{
    check(count, size / POLLFD_BYTES);
    return poll(fds, count, milliseconds);
}

/* Without a mode: no file is made. */
int __open_2(const char *path, int flags)
{
    return open(path, flags);
}

int __open64_2(const char *path, int flags)
{
    return open(path, flags);
}

int __openat_2(int folder, const char *path, int flags)
{
    return openat(folder, path, flags);
}

int __openat64_2(int folder, const char *path, int flags)
{
    return openat(folder, path, flags);
}

/* ---- Files, paths, texts ---- */

char *__getcwd_chk(char *buffer, size_t len, size_t size);
char *__realpath_chk(const char *path, char *buffer, size_t size);
int __gethostname_chk(char *buffer, size_t len, size_t size);
char *__fgets_chk(char *buffer, size_t size, int len, void *file);
size_t __fread_chk(void *buffer, size_t size, size_t each, size_t count, void *file);
int __vasprintf_chk(char **to, int flag, const char *format, va_list arguments);
int __asprintf_chk(char **to, int flag, const char *format, ...);
int __dprintf_chk(int fd, int flag, const char *format, ...);
void __explicit_bzero_chk(void *memory, size_t len, size_t size);

char *__getcwd_chk(char *buffer, size_t len, size_t size)
{
    check(len, size);
    return getcwd(buffer, len);
}

char *__realpath_chk(const char *path, char *buffer, size_t size)
{
    check(PATH_BYTES, size);
    return realpath(path, buffer);
}

int __gethostname_chk(char *buffer, size_t len, size_t size)
{
    check(len, size);
    return gethostname(buffer, len);
}

char *__fgets_chk(char *buffer, size_t size, int len, void *file)
{
    check((size_t)len, size);
    return fgets(buffer, len, file);
}

size_t __fread_chk(void *buffer, size_t size, size_t each, size_t count, void *file)
{
    check(each != 0 && count > SIZE_MAX / each ? SIZE_MAX : each * count, size);
    return fread(buffer, each, count, file);
}

int __vasprintf_chk(char **to, int flag, const char *format, va_list arguments)
{
    (void)flag;
    return vasprintf(to, format, arguments);
}

int __asprintf_chk(char **to, int flag, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = __vasprintf_chk(to, flag, format, arguments);
    va_end(arguments);
    return result;
}

int __dprintf_chk(int fd, int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    int result = vdprintf(fd, format, arguments);
    va_end(arguments);
    return result;
}

void __explicit_bzero_chk(void *memory, size_t len, size_t size)
{
    check(len, size);
    explicit_bzero(memory, len);
}

/* ---- Others ---- */

long __sysconf(int name);
uint32_t arc4random(void);
void arc4random_buf(void *bytes, size_t len);
uint32_t arc4random_uniform(uint32_t bound);

long __sysconf(int name)
{
    return sysconf(name);
}

/* A machine without entropy does not start, so random bytes are always there. */
void arc4random_buf(void *bytes, size_t len)
{
    if (getrandom(bytes, len, 0) != (ptrdiff_t)len)
        abort();
}

uint32_t arc4random(void)
{
    uint32_t value;
    arc4random_buf(&value, sizeof value);
    return value;
}

/* A value of the last, incomplete run of `bound` numbers would prefer the lower ones. */
uint32_t arc4random_uniform(uint32_t bound)
{
    uint32_t value;
    if (bound < 2)
        return 0;
    do
        value = arc4random();
    while (value < -bound % bound);
    return value % bound;
}
