/* Calls that open, make, move and remove files. */
#include <string.h>

#include "syscall/calls.h"
#include "syscall/open.h"

int mn_folder_of(struct mn_system *system, int fd, const char *path, struct mn_inode **folder)
{
    struct mn_open *open;
    *folder = system->folder;
    if (fd == MN_AT_FDCWD || path[0] == '/')
        return 0;
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error == -MNET_EBADF ? error : -MN_ENOTDIR;
    *folder = open->inode;
    mn_open_release(open);
    return *folder != NULL ? 0 : -MN_ENOTDIR;
}

int mn_walk_at(struct mn_system *system, int fd, const char *path, bool follow, struct mn_place *place)
{
    struct mn_inode *folder;
    int error = mn_folder_of(system, fd, path, &folder);
    return error < 0 ? error : mn_tree_walk(&system->tree, folder, path, follow, place);
}

int mn_find_at(struct mn_system *system, int fd, const char *path, bool follow, struct mn_inode **inode)
{
    struct mn_place place;
    int error = mn_walk_at(system, fd, path, follow, &place);
    *inode = error == 0 ? place.inode : NULL;
    return error == 0 && *inode == NULL ? -MNET_ENOENT : error;
}

/* The present time, for a file that is made or changed. */
static void touch(struct mn_system *system, struct mn_inode *inode)
{
    inode->changed_ns = mn_system_wall(system);
}

/* ---- Opening ---- */

static const struct mn_open_ops *ops_of(const struct mn_inode *inode)
{
    if (inode->device != NULL)
        return inode->device;
    return mn_inode_is(inode, MN_S_IFDIR) ? &mn_folder_ops : &mn_regular_ops;
}

static int make_file(struct mn_system *system, struct mn_place *place, uint32_t mode)
{
    MN_DEBUG_ASSERT(place->inode == NULL);
    int error = mn_tree_make(&system->tree, place, MN_S_IFREG | (mode & 0777 & ~system->umask), &place->inode);
    if (error == 0)
        touch(system, place->inode);
    return error;
}

/* Whether the flags fit the file. */
static int may_open(const struct mn_inode *inode, uint32_t flags)
{
    bool folder = mn_inode_is(inode, MN_S_IFDIR);
    if (mn_inode_is(inode, MN_S_IFLNK))
        return -MN_ELOOP; /* MN_O_NOFOLLOW */
    if (mn_inode_is(inode, MN_S_IFSOCK))
        return -MN_ENXIO;
    if ((flags & MN_O_DIRECTORY) != 0 && !folder)
        return -MN_ENOTDIR;
    return folder && ((flags & MN_O_ACCMODE) != MN_O_RDONLY || (flags & MN_O_CREAT) != 0) ? -MN_EISDIR : 0;
}

/* The walk of openat2 never leaves the folder (RESOLVE_BENEATH). */
static int walk_within(struct mn_system *system, int fd, const char *path, bool follow, struct mn_place *place)
{
    struct mn_inode *folder;
    int error = mn_folder_of(system, fd, path, &folder);
    return error < 0 ? error : mn_tree_walk_within(&system->tree, folder, path, follow, place);
}

static int64_t open_at(struct mn_system *system, int fd, const char *path, uint32_t flags, uint32_t mode,
                       int (*walk)(struct mn_system *system, int fd, const char *path, bool follow,
                                   struct mn_place *place))
{
    struct mn_place place;
    bool exclusive = (flags & MN_O_CREAT) != 0 && (flags & MN_O_EXCL) != 0;
    int error = walk(system, fd, path, !exclusive && (flags & MN_O_NOFOLLOW) == 0, &place);
    if (error == 0 && place.inode != NULL && exclusive)
        error = -MNET_EEXIST;
    if (error == 0 && place.inode == NULL)
        error = (flags & MN_O_CREAT) != 0 ? make_file(system, &place, mode) : -MNET_ENOENT;
    if (error == 0)
        error = may_open(place.inode, flags);
    if (error == 0 && (flags & MN_O_TRUNC) != 0 && (flags & MN_O_ACCMODE) != MN_O_RDONLY &&
        mn_inode_is(place.inode, MN_S_IFREG))
        error = mn_inode_resize(&system->tree, place.inode, 0);
    if (error < 0)
        return error;
    struct mn_open *open = mn_open_new(system, ops_of(place.inode), place.inode, flags);
    return open != NULL ? mn_open_install(open) : -MNET_ENOMEM;
}

MN_CALL(open)
{
    return open_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), (uint32_t)argument[1], (uint32_t)argument[2],
                   mn_walk_at);
}

MN_CALL(openat)
{
    return open_at(thread->system, (int)argument[0], mn_pointer(argument[1]), (uint32_t)argument[2],
                   (uint32_t)argument[3], mn_walk_at);
}

#define RESOLVE_NO_XDEV 1u
#define RESOLVE_NO_MAGICLINKS 2u
#define RESOLVE_BENEATH 8u

/* There is one file system, and no magic links. */
MN_CALL(openat2)
{
    uint64_t how[3]; /* flags, mode, resolve */
    if (argument[3] < sizeof how)
        return -MNET_EINVAL;
    memcpy(how, mn_pointer(argument[2]), sizeof how);
    if ((how[2] & ~(uint64_t)(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH)) != 0)
        return mn_missing(thread, 437, "with these rules for links");
    return open_at(thread->system, (int)argument[0], mn_pointer(argument[1]), (uint32_t)how[0], (uint32_t)how[1],
                   (how[2] & RESOLVE_BENEATH) != 0 ? walk_within : mn_walk_at);
}

MN_CALL(creat)
{
    return open_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), MN_O_CREAT | MN_O_WRONLY | MN_O_TRUNC,
                   (uint32_t)argument[1], mn_walk_at);
}

/* ---- Making and removing ---- */

static int64_t make_at(struct mn_system *system, int fd, const char *path, uint32_t mode, struct mn_inode **inode)
{
    struct mn_place place;
    int error = mn_walk_at(system, fd, path, false, &place);
    if (error == 0)
        error = place.inode != NULL ? -MNET_EEXIST : mn_tree_make(&system->tree, &place, mode, inode);
    if (error == 0)
        touch(system, *inode);
    return error;
}

static int64_t make_folder(struct mn_system *system, int fd, const char *path, uint64_t mode)
{
    struct mn_inode *inode;
    return make_at(system, fd, path, MN_S_IFDIR | ((uint32_t)mode & 0777 & ~system->umask), &inode);
}

MN_CALL(mkdir)
{
    return make_folder(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), argument[1]);
}

MN_CALL(mkdirat)
{
    return make_folder(thread->system, (int)argument[0], mn_pointer(argument[1]), argument[2]);
}

static int64_t make_link(struct mn_system *system, const char *target, int fd, const char *path)
{
    struct mn_inode *inode;
    int64_t error = make_at(system, fd, path, MN_S_IFLNK | 0777, &inode);
    if (error == 0 && mn_inode_write(&system->tree, inode, target, strlen(target) + 1, 0) < 0) {
        (void)mn_tree_remove(&system->tree, inode);
        return -MN_ENOSPC;
    }
    return error;
}

MN_CALL(symlink)
{
    return make_link(thread->system, mn_pointer(argument[0]), MN_AT_FDCWD, mn_pointer(argument[1]));
}

MN_CALL(symlinkat)
{
    return make_link(thread->system, mn_pointer(argument[0]), (int)argument[1], mn_pointer(argument[2]));
}

#define AT_REMOVEDIR 0x200u

static int64_t remove_at(struct mn_system *system, int fd, const char *path, bool folder)
{
    struct mn_inode *inode;
    int error = mn_find_at(system, fd, path, false, &inode);
    if (error < 0)
        return error;
    if (mn_inode_is(inode, MN_S_IFDIR) != folder)
        return folder ? -MN_ENOTDIR : -MN_EISDIR;
    return mn_tree_remove(&system->tree, inode);
}

MN_CALL(rmdir)
{
    return remove_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), true);
}

MN_CALL(unlink)
{
    return remove_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), false);
}

MN_CALL(unlinkat)
{
    return remove_at(thread->system, (int)argument[0], mn_pointer(argument[1]), (argument[2] & AT_REMOVEDIR) != 0);
}

static int64_t move_at(struct mn_system *system, int from_fd, const char *from, int to_fd, const char *to)
{
    struct mn_inode *inode;
    struct mn_place place;
    int error = mn_find_at(system, from_fd, from, false, &inode);
    if (error == 0)
        error = mn_walk_at(system, to_fd, to, false, &place);
    return error < 0 ? error : mn_tree_move(&system->tree, inode, &place);
}

MN_CALL(rename)
{
    return move_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), MN_AT_FDCWD, mn_pointer(argument[1]));
}

/* renameat2, too, whose flags must be 0: those of the call without flags are not passed. */
MN_CALL(renameat)
{
    return move_at(thread->system, (int)argument[0], mn_pointer(argument[1]), (int)argument[2],
                   mn_pointer(argument[3]));
}

/* ---- Sizes ---- */

static int64_t resize(struct mn_system *system, struct mn_inode *inode, uint64_t size)
{
    if (!mn_inode_is(inode, MN_S_IFREG) || size > INT64_MAX)
        return mn_inode_is(inode, MN_S_IFDIR) ? -MN_EISDIR : -MNET_EINVAL;
    touch(system, inode);
    return mn_inode_resize(&system->tree, inode, size);
}

static int64_t resize_open(struct mn_system *system, int fd, uint64_t size, bool only_grow)
{
    struct mn_open *open;
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error;
    int64_t result = 0;
    if (open->inode == NULL || (open->flags & MN_O_ACCMODE) == MN_O_RDONLY)
        result = -MNET_EINVAL;
    else if (!only_grow || size > open->inode->size)
        result = resize(system, open->inode, size);
    mn_open_release(open);
    return result;
}

MN_CALL(truncate)
{
    struct mn_inode *inode;
    int error = mn_find_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), true, &inode);
    return error < 0 ? error : resize(thread->system, inode, argument[1]);
}

MN_CALL(ftruncate)
{
    return resize_open(thread->system, (int)argument[0], argument[1], false);
}

MN_CALL(fallocate)
{
    if (argument[1] != 0)
        return -MNET_EOPNOTSUPP;
    return resize_open(thread->system, (int)argument[0], argument[2] + argument[3], true);
}

/* ---- The present folder ---- */

MN_CALL(getcwd)
{
    return mn_tree_path(thread->system->folder, mn_pointer(argument[0]), argument[1]);
}

static int64_t change_folder(struct mn_system *system, struct mn_inode *inode)
{
    if (inode == NULL || !mn_inode_is(inode, MN_S_IFDIR))
        return -MN_ENOTDIR;
    inode->references++;
    mn_tree_release(&system->tree, system->folder);
    system->folder = inode;
    return 0;
}

MN_CALL(chdir)
{
    struct mn_inode *inode;
    int error = mn_find_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), true, &inode);
    return error < 0 ? error : change_folder(thread->system, inode);
}

MN_CALL(fchdir)
{
    struct mn_open *open;
    int error = mn_open_hold(thread->system, (int)argument[0], &open);
    if (error < 0)
        return error == -MNET_EBADF ? error : -MN_ENOTDIR;
    int64_t result = change_folder(thread->system, open->inode);
    mn_open_release(open);
    return result;
}

MN_CALL(umask)
{
    uint32_t before = thread->system->umask;
    thread->system->umask = (uint32_t)argument[0] & 0777;
    return before;
}
