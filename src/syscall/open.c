/* Open files: see open.h. */
#include "syscall/open.h"

static unsigned file_ready(struct mn_file *file)
{
    struct mn_open *open = MN_CONTAINER(file, struct mn_open, file);
    return open->ops->ready != NULL ? open->ops->ready(open) : MNET_READABLE | MNET_WRITABLE;
}

static void destroy(struct mnet_sockets *sockets, struct mn_file *file, bool linger)
{
    struct mn_open *open = MN_CONTAINER(file, struct mn_open, file);
    struct mn_system *system = open->system;
    (void)sockets;
    (void)linger;
    MN_DEBUG_ASSERT(file->references == 0 && !mn_waiting(&open->waiters));
    if (open->ops->close != NULL)
        open->ops->close(open);
    if (open->inode != NULL)
        mn_tree_release(&system->tree, open->inode);
    mn_object_free(&system->objects, open, sizeof *open);
}

struct mn_open *mn_open_new(struct mn_system *system, const struct mn_open_ops *ops, struct mn_inode *inode,
                            uint32_t flags)
{
    struct mn_open *open = mn_object_alloc(&system->objects, sizeof *open);
    if (open == NULL)
        return NULL;
    open->file = (struct mn_file){.kind = MN_FILE_OTHER, .references = 1, .destroy = destroy, .ready = file_ready};
    MN_DEBUG_ASSERT(ops != NULL && ((flags & MN_O_ACCMODE) <= 3));
    open->ops = ops;
    open->system = system;
    open->flags = flags;
    open->inode = inode;
    if (inode != NULL)
        inode->references++;
    return open;
}

int mn_open_install(struct mn_open *open)
{
    struct mnet_sockets *descriptors = open->system->descriptors;
    int fd = mn_file_install(descriptors, &open->file);
    if (fd < 0)
        mn_file_release(descriptors, &open->file, false);
    return fd;
}

int mn_open_hold(struct mn_system *system, int fd, struct mn_open **open)
{
    struct mn_file *file = mn_file_hold(system->descriptors, fd);
    if (file == NULL)
        return -MNET_EBADF;
    if (file->kind != MN_FILE_OTHER) {
        mn_file_release(system->descriptors, file, false);
        return -MNET_EINVAL;
    }
    *open = MN_CONTAINER(file, struct mn_open, file);
    MN_DEBUG_ASSERT((*open)->system == system && (*open)->file.references > 1);
    return 0;
}

void mn_open_release(struct mn_open *open)
{
    mn_file_release(open->system->descriptors, &open->file, false);
}

bool mn_is_socket(struct mn_system *system, int fd)
{
    struct mn_file **place = mn_file_place(system->descriptors, fd);
    return place != NULL && *place != NULL && (*place)->kind == MN_FILE_SOCKET;
}

int mn_open_wait(struct mn_open *open)
{
    int error = mn_wait(&open->waiters, (open->flags & MN_O_NONBLOCK) ? 0 : MNET_NEVER);
    return error == 0 ? 0 : error == MNET_E_DEADLINE ? -MNET_EAGAIN : -MNET_EINTR;
}

int mn_open_await_count(struct mn_open *open, size_t len)
{
    int error = len < sizeof open->count ? -MNET_EINVAL : 0;
    while (error == 0 && open->count == 0)
        error = mn_open_wait(open);
    return error;
}

void mn_open_tell(struct mn_open *open)
{
    mn_wake_all(&open->waiters);
    mn_file_tell(&open->file);
}

/* ---- Bytes ---- */

static int64_t read_open(struct mn_open *open, void *buffer, size_t len, const uint64_t *at)
{
    uint64_t place = at != NULL ? *at : open->offset;
    if ((open->flags & MN_O_ACCMODE) == MN_O_WRONLY)
        return -MNET_EBADF;
    if (open->ops->read == NULL)
        return open->ops == &mn_folder_ops ? -MN_EISDIR : -MNET_EINVAL;
    if (at != NULL && !open->ops->seeks)
        return -MN_ESPIPE;
    int64_t got = open->ops->read(open, buffer, len, &place);
    MN_DEBUG_ASSERT(got <= 0 || (uint64_t)got <= len);
    if (at == NULL)
        open->offset = place;
    return got;
}

static int64_t write_open(struct mn_open *open, const void *data, size_t len, const uint64_t *at)
{
    uint64_t place = at != NULL ? *at : open->offset;
    if ((open->flags & MN_O_ACCMODE) == MN_O_RDONLY)
        return -MNET_EBADF;
    if (open->ops->write == NULL)
        return -MNET_EINVAL;
    if (at != NULL && !open->ops->seeks)
        return -MN_ESPIPE;
    int64_t put = open->ops->write(open, data, len, &place);
    MN_DEBUG_ASSERT(put <= 0 || (uint64_t)put <= len);
    if (at == NULL)
        open->offset = place;
    return put;
}

int64_t mn_descriptor_read(struct mn_system *system, int fd, void *buffer, size_t len, const uint64_t *at)
{
    struct mn_open *open;
    if (mn_is_socket(system, fd))
        return at != NULL ? -MN_ESPIPE : mnet_socket_recv(system->descriptors, fd, buffer, len, 0);
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error;
    int64_t got = read_open(open, buffer, len, at);
    mn_open_release(open);
    return got;
}

int64_t mn_descriptor_write(struct mn_system *system, int fd, const void *data, size_t len, const uint64_t *at)
{
    struct mn_open *open;
    if (mn_is_socket(system, fd))
        return at != NULL ? -MN_ESPIPE : mnet_socket_send(system->descriptors, fd, data, len, 0);
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error;
    int64_t put = write_open(open, data, len, at);
    mn_open_release(open);
    return put;
}
