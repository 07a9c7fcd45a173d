/* What mnet-tls lacks where there is no C library: a context's options have to bring it. And what
 * Debian's BearSSL asks of one, for parts that are not used here, or are checked copies. */
#include <stdint.h>
#include <string.h>

#include <mnet/panic.h>

#include "tls/session.h"

void *tls_system_allocate(size_t size)
{
    (void)size;
    return NULL;
}

void tls_system_release(void *memory)
{
    (void)memory;
}

uint64_t tls_system_clock(void)
{
    return 0;
}

bool tls_system_random(void *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return false;
}

bool tls_system_read(const char *file, char **bytes, size_t *len, const char **why)
{
    (void)file;
    *bytes = NULL;
    *len = 0;
    *why = "there are no files";
    return false;
}

/* ---- Of BearSSL ---- */

void *__memcpy_chk(void *to, const void *from, size_t len, size_t size);
void *__memmove_chk(void *to, const void *from, size_t len, size_t size);
void *__memset_chk(void *to, int byte, size_t len, size_t size);
int *__errno_location(void);
int open(const char *path, int flags, ...);
ptrdiff_t read(int file, void *buffer, size_t len);
int close(int file);
int64_t time(int64_t *seconds);

static void check(size_t len, size_t size)
{
    if (len > size)
        mnet_panic(__FILE__, __LINE__, "a buffer of BearSSL would overflow");
}

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

/* Random bytes are injected, and the time is set: there is no file to open. */
int *__errno_location(void)
{
    static int error;
    return &error;
}

int open(const char *path, int flags, ...)
{
    (void)path;
    (void)flags;
    return -1;
}

ptrdiff_t read(int file, void *buffer, size_t len)
{
    (void)file;
    (void)buffer;
    (void)len;
    return -1;
}

int close(int file)
{
    (void)file;
    return -1;
}

int64_t time(int64_t *seconds)
{
    if (seconds != NULL)
        *seconds = 0;
    return 0;
}
