/* Kinds of open files: data and folders of the tree, and devices without hardware. */
#include <string.h>

#include <mnet/format.h>
#include <mnet/resolvers.h>
#include <mnet/stack.h>

#include "syscall/open.h"

/* ---- Files of the tree ---- */

static int64_t read_regular(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    MN_DEBUG_ASSERT(open->inode != NULL);
    int64_t got = mn_inode_read(open->inode, buffer, len, *at);
    *at += (uint64_t)got;
    return got;
}

static int64_t write_regular(struct mn_open *open, const void *data, size_t len, uint64_t *at)
{
    MN_DEBUG_ASSERT(open->inode != NULL && mn_inode_is(open->inode, MN_S_IFREG));
    uint64_t place = (open->flags & MN_O_APPEND) ? open->inode->size : *at;
    int64_t put = mn_inode_write(&open->system->tree, open->inode, data, len, place);
    if (put > 0) {
        *at = place + (uint64_t)put;
        open->inode->changed_ns = mn_system_wall(open->system);
    }
    return put;
}

const struct mn_open_ops mn_regular_ops = {
    .mode = MN_S_IFREG, .seeks = true, .read = read_regular, .write = write_regular};

/* Read by getdents64. */
const struct mn_open_ops mn_folder_ops = {.mode = MN_S_IFDIR, .seeks = true};

/* ---- /etc/resolv.conf: what the stack knows now ---- */

#define RESOLVERS_BYTES ((size_t)4096)

static size_t write_resolvers(const struct mnet_resolvers *known, char *text, size_t size)
{
    char address[MNET_ADDRESS_TEXT];
    size_t len = 0;
    for (unsigned i = 0; i < known->server_count && len < size; i++)
        len += mnet_format(text + len, size - len, "nameserver %s\n",
                           mnet_address_format(known->servers[i].address, address, sizeof address));
    for (unsigned i = 0; i < known->domain_count && len < size; i++)
        len += mnet_format(text + len, size - len, "%s%s", i == 0 ? "search " : " ", known->domains[i].name);
    if (known->domain_count > 0 && len < size)
        len += mnet_format(text + len, size - len, "\n");
    MN_DEBUG_ASSERT(size > 0);
    return MN_MIN(len, size - 1);
}

static int64_t read_resolvers(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    struct mn_system *system = open->system;
    struct mnet_resolvers *known = mn_object_alloc(&system->objects, sizeof *known);
    char *text = mn_object_alloc(&system->objects, RESOLVERS_BYTES);
    int64_t got = -MNET_ENOMEM;
    if (known != NULL && text != NULL) {
        if (system->stack != NULL)
            mnet_stack_resolvers(system->stack, known);
        size_t size = write_resolvers(known, text, RESOLVERS_BYTES);
        got = *at < size ? (int64_t)MN_MIN(len, size - *at) : 0;
        memcpy(buffer, text + *at, (size_t)got);
        *at += (uint64_t)got;
    }
    mn_object_free(&system->objects, known, sizeof *known);
    mn_object_free(&system->objects, text, RESOLVERS_BYTES);
    return got;
}

const struct mn_open_ops mn_resolvers_ops = {.mode = MN_S_IFREG | 0444, .seeks = true, .read = read_resolvers};

/* ---- /dev ---- */

static int64_t read_nothing(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    (void)open;
    (void)buffer;
    (void)len;
    (void)at;
    return 0;
}

static int64_t read_zeros(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    (void)open;
    (void)at;
    memset(buffer, 0, len);
    return (int64_t)len;
}

static int64_t read_random(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    (void)at;
    mn_system_random(open->system, buffer, len);
    return (int64_t)len;
}

static int64_t write_away(struct mn_open *open, const void *data, size_t len, uint64_t *at)
{
    (void)open;
    (void)data;
    (void)at;
    return (int64_t)len;
}

const struct mn_open_ops mn_null_ops = {
    .mode = MN_S_IFCHR | 0666, .seeks = true, .read = read_nothing, .write = write_away};
const struct mn_open_ops mn_zero_ops = {
    .mode = MN_S_IFCHR | 0666, .seeks = true, .read = read_zeros, .write = write_away};
const struct mn_open_ops mn_random_ops = {
    .mode = MN_S_IFCHR | 0666, .seeks = true, .read = read_random, .write = write_away};
