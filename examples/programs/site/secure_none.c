/* Connections without TLS. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "site.h"

bool secure_open(const char *certificate, const char *key)
{
    (void)key;
    if (certificate == NULL)
        return true;
    fprintf(stderr, "%s: this program was made without TLS\n", certificate);
    return false;
}

/* The descriptor alone; never NULL. */
struct secure *secure_begin(int fd)
{
    return (struct secure *)(intptr_t)(fd + 1);
}

static int descriptor(const struct secure *secure)
{
    return (int)(intptr_t)secure - 1;
}

void secure_end(struct secure *secure)
{
    (void)secure;
}

ssize_t secure_read(struct secure *secure, void *buffer, size_t len, bool *wants_room)
{
    *wants_room = false;
    return read(descriptor(secure), buffer, len);
}

ssize_t secure_write(struct secure *secure, const void *data, size_t len, bool *wants_room)
{
    *wants_room = true;
    return write(descriptor(secure), data, len);
}
