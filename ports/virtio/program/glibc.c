/* Names of the GNU C library that musl does not have, for static libraries of Debian that were
 * compiled for it.
 *
 * Those with _chk are calls whose compiler knew the size of the destination: more than that ends
 * the program, as there. `flag` asks glibc for further checks, which are not made here. A FILE
 * passes through as it is. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define FD_SETSIZE 1024
#define SET_BITS 64

/* Of musl. */
_Noreturn void abort(void);
size_t strlen(const char *text);
void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
ptrdiff_t write(int fd, const void *data, size_t len);
int vsnprintf(char *to, size_t size, const char *format, va_list arguments);
int vfprintf(void *file, const char *format, va_list arguments);
int vprintf(const char *format, va_list arguments);
void vsyslog(int priority, const char *format, va_list arguments);
_Noreturn void longjmp(void *buffer, int value);
int fcntl(int fd, int command, ...);
int *__errno_location(void);

static _Noreturn void overflow(void)
{
    static const char text[] = "*** a buffer would overflow\n";
    (void)write(2, text, sizeof text - 1);
    abort();
}

static void check(size_t wanted, size_t size)
{
    if (wanted > size)
        overflow();
}

/* ---- Memory and texts ---- */

void *__memcpy_chk(void *to, const void *from, size_t len, size_t size);
void *__memmove_chk(void *to, const void *from, size_t len, size_t size);
void *__memset_chk(void *to, int byte, size_t len, size_t size);
char *__strcpy_chk(char *to, const char *from, size_t size);
char *__stpcpy_chk(char *to, const char *from, size_t size);
char *__strncpy_chk(char *to, const char *from, size_t len, size_t size);
char *__strcat_chk(char *to, const char *from, size_t size);
char *__strncat_chk(char *to, const char *from, size_t len, size_t size);

void *__memcpy_chk(void *to, const void *from, size_t len, size_t size)
{
    check(len, size);
    return memcpy(to, from, len);
}

void *__memmove_chk(void *to, const void *from, size_t len, size_t size)
{
    check(len, size);
    return memmove(to, from, len);
}

void *__memset_chk(void *to, int byte, size_t len, size_t size)
{
    check(len, size);
    return memset(to, byte, len);
}

char *__stpcpy_chk(char *to, const char *from, size_t size)
{
    size_t len = strlen(from);
    check(len + 1, size);
    return (char *)memcpy(to, from, len + 1) + len;
}

char *__strcpy_chk(char *to, const char *from, size_t size)
{
    (void)__stpcpy_chk(to, from, size);
    return to;
}

char *__strncpy_chk(char *to, const char *from, size_t len, size_t size)
{
    check(len, size);
    size_t i = 0;
    for (; i < len && from[i] != '\0'; i++)
        to[i] = from[i];
    memset(to + i, 0, len - i);
    return to;
}

char *__strncat_chk(char *to, const char *from, size_t len, size_t size)
{
    size_t used = strlen(to), added = 0;
    while (added < len && from[added] != '\0')
        added++;
    check(used + added + 1, size);
    memcpy(to + used, from, added);
    to[used + added] = '\0';
    return to;
}

char *__strcat_chk(char *to, const char *from, size_t size)
{
    return __strncat_chk(to, from, SIZE_MAX, size);
}

/* ---- Formatted output ---- */

int __vsnprintf_chk(char *to, size_t len, int flag, size_t size, const char *format, va_list arguments);
int __snprintf_chk(char *to, size_t len, int flag, size_t size, const char *format, ...);
int __vsprintf_chk(char *to, int flag, size_t size, const char *format, va_list arguments);
int __sprintf_chk(char *to, int flag, size_t size, const char *format, ...);
int __vfprintf_chk(void *file, int flag, const char *format, va_list arguments);
int __fprintf_chk(void *file, int flag, const char *format, ...);
int __vprintf_chk(int flag, const char *format, va_list arguments);
int __printf_chk(int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...);

int __vsnprintf_chk(char *to, size_t len, int flag, size_t size, const char *format, va_list arguments)
{
    (void)flag;
    check(len, size);
    return vsnprintf(to, len, format, arguments);
}

int __snprintf_chk(char *to, size_t len, int flag, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = __vsnprintf_chk(to, len, flag, size, format, arguments);
    va_end(arguments);
    return result;
}

/* The size is unknown if it is SIZE_MAX, which vsnprintf does not take. */
int __vsprintf_chk(char *to, int flag, size_t size, const char *format, va_list arguments)
{
    size_t room = size < INT32_MAX ? size : INT32_MAX;
    int result = vsnprintf(to, room, format, arguments);
    (void)flag;
    if (result >= 0)
        check((size_t)result + 1, room);
    return result;
}

int __sprintf_chk(char *to, int flag, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = __vsprintf_chk(to, flag, size, format, arguments);
    va_end(arguments);
    return result;
}

int __vfprintf_chk(void *file, int flag, const char *format, va_list arguments)
{
    (void)flag;
    return vfprintf(file, format, arguments);
}

int __fprintf_chk(void *file, int flag, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = __vfprintf_chk(file, flag, format, arguments);
    va_end(arguments);
    return result;
}

int __vprintf_chk(int flag, const char *format, va_list arguments)
{
    (void)flag;
    return vprintf(format, arguments);
}

int __printf_chk(int flag, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = __vprintf_chk(flag, format, arguments);
    va_end(arguments);
    return result;
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}

/* ---- Others ---- */

_Noreturn void __longjmp_chk(void *buffer, int value);
long __fdelt_chk(long fd);
int fcntl64(int fd, int command, ...);
const char *gnu_get_libc_version(void);
int getcontext(void *context);
int setcontext(const void *context);
int swapcontext(void *from, const void *to);
void makecontext(void *context, void (*run)(void), int count, ...);

_Noreturn void __longjmp_chk(void *buffer, int value)
{
    longjmp(buffer, value);
}

/* The word of a descriptor in an fd_set. */
long __fdelt_chk(long fd)
{
    if (fd < 0 || fd >= FD_SETSIZE)
        overflow();
    return fd / SET_BITS;
}

int fcntl64(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fcntl(fd, command, argument);
}

const char *gnu_get_libc_version(void)
{
    return "2.36";
}

/* Contexts are not there: OpenSSL then has no asynchronous jobs, which it does not need. */
#define ENOSYS 38

static int no_contexts(void)
{
    *__errno_location() = ENOSYS;
    return -1;
}

int getcontext(void *context)
{
    (void)context;
    return no_contexts();
}

int setcontext(const void *context)
{
    (void)context;
    return no_contexts();
}

int swapcontext(void *from, const void *to)
{
    (void)from;
    (void)to;
    return no_contexts();
}

void makecontext(void *context, void (*run)(void), int count, ...)
{
    (void)context;
    (void)run;
    (void)count;
}
