/* Kinds of open files: data and folders of the tree, and devices without hardware. */
#include <string.h>

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
