/* What mnet-tls has of a C library. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "tls/session.h"

/* A clock that shows the first year of its count has never been set. */
#define SECONDS_UNSET ((time_t)365 * 24 * 3600)
#define FILE_MOST ((size_t)16 * 1024 * 1024)

void *tls_system_allocate(size_t size)
{
    return calloc(1, size);
}

void tls_system_release(void *memory)
{
    free(memory);
}

uint64_t tls_system_clock(void)
{
    time_t now = time(NULL);
    return now > SECONDS_UNSET ? (uint64_t)now : 0;
}

bool tls_system_random(void *bytes, size_t len)
{
    return getrandom(bytes, len, 0) == (ssize_t)len;
}

/* Reads an open file. Returns false with errno. */
static bool read_whole(FILE *from, char **bytes, size_t *len)
{
    size_t room = 4096, done = 0;
    char *text = malloc(room);
    while (text != NULL && !feof(from) && !ferror(from) && room <= FILE_MOST) {
        done += fread(text + done, 1, room - done, from);
        if (done < room)
            continue;
        char *larger = realloc(text, room *= 2);
        if (larger == NULL)
            free(text);
        text = larger;
    }
    if (room > FILE_MOST && !feof(from) && !ferror(from))
        errno = EFBIG;
    if (text == NULL || !feof(from)) {
        free(text);
        return false;
    }
    *bytes = text;
    *len = done;
    return true;
}

bool tls_system_read(const char *file, char **bytes, size_t *len, const char **why)
{
    FILE *from = fopen(file, "rb");
    bool whole = from != NULL && read_whole(from, bytes, len);
    *why = strerror(errno);
    if (from != NULL)
        fclose(from);
    return whole;
}
