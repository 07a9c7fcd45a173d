/* Calls that ask about files, and set their rights and times. */
#include <assert.h>
#include <string.h>

#include "syscall/calls.h"
#include "syscall/open.h"

#define BLOCK 512u
#define DEVICE_NUMBER 1u

/* struct stat of Linux on x86-64. */
struct stat64 {
    uint64_t device, number, links;
    uint32_t mode, user, group, pad;
    uint64_t raw_device;
    int64_t size, block_size, blocks;
    struct mn_timespec accessed, modified, changed;
    int64_t unused[3];
};

static_assert(sizeof(struct stat64) == 144, "as Linux has it");

static void store_mode(struct stat64 *to, uint32_t mode)
{
    *to = (struct stat64){.device = DEVICE_NUMBER, .links = 1, .mode = mode, .block_size = (int64_t)MN_SYSTEM_PAGE};
}

static int64_t store_inode(struct stat64 *to, const struct mn_inode *inode)
{
    struct mn_timespec time = {(int64_t)(inode->changed_ns / MNET_SECOND), (int64_t)(inode->changed_ns % MNET_SECOND)};
    MN_DEBUG_ASSERT(inode->references > 0 && (inode->mode & MN_S_IFMT) != 0);
    store_mode(to, inode->mode);
    to->number = inode->number;
    /* That of a link is without its zero. */
    to->size = (int64_t)inode->size - (mn_inode_is(inode, MN_S_IFLNK) ? 1 : 0);
    to->blocks = (to->size + BLOCK - 1) / BLOCK;
    to->accessed = to->modified = to->changed = time;
    return 0;
}

static int64_t stat_at(struct mn_system *system, int fd, const char *path, bool follow, struct stat64 *to)
{
    struct mn_inode *inode;
    int error = mn_find_at(system, fd, path, follow, &inode);
    return error < 0 ? error : store_inode(to, inode);
}

static int64_t stat_open(struct mn_system *system, int fd, struct stat64 *to)
{
    struct mn_open *open;
    int error = mn_open_hold(system, fd, &open);
    if (error == -MNET_EINVAL) {
        store_mode(to, MN_S_IFSOCK | 0777);
        return 0;
    }
    if (error < 0)
        return error;
    if (open->inode != NULL)
        (void)store_inode(to, open->inode);
    else
        store_mode(to, open->ops->mode);
    mn_open_release(open);
    return 0;
}

MN_CALL(stat)
{
    return stat_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), true, mn_pointer(argument[1]));
}

MN_CALL(lstat)
{
    return stat_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), false, mn_pointer(argument[1]));
}

MN_CALL(fstat)
{
    return stat_open(thread->system, (int)argument[0], mn_pointer(argument[1]));
}

#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EMPTY_PATH 0x1000u

MN_CALL(newfstatat)
{
    const char *path = mn_pointer(argument[1]);
    if (path[0] == '\0' && (argument[3] & AT_EMPTY_PATH) != 0)
        return stat_open(thread->system, (int)argument[0], mn_pointer(argument[2]));
    return stat_at(thread->system, (int)argument[0], path, (argument[3] & AT_SYMLINK_NOFOLLOW) == 0,
                   mn_pointer(argument[2]));
}

#define TMPFS_MAGIC 0x01021994

/* struct statfs; fstatfs takes the same answer. */
MN_CALL(statfs)
{
    const struct mn_arena *arena = &thread->system->arena;
    const int64_t answer[15] = {TMPFS_MAGIC,
                                (int64_t)MN_SYSTEM_PAGE,
                                (int64_t)arena->pages,
                                (int64_t)arena->free,
                                (int64_t)arena->free,
                                0,
                                0,
                                0,
                                MN_NAME_MAX,
                                (int64_t)MN_SYSTEM_PAGE};
    memcpy(mn_pointer(argument[1]), answer, sizeof answer);
    return 0;
}

/* Everybody may do everything: what is there may be reached. */
static int64_t is_there(struct mn_system *system, int fd, const char *path)
{
    struct mn_inode *inode;
    return mn_find_at(system, fd, path, true, &inode);
}

MN_CALL(access)
{
    return is_there(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]));
}

MN_CALL(faccessat)
{
    return is_there(thread->system, (int)argument[0], mn_pointer(argument[1]));
}

static int64_t read_link(struct mn_system *system, int fd, const char *path, char *to, size_t size)
{
    struct mn_inode *inode;
    int error = mn_find_at(system, fd, path, false, &inode);
    if (error < 0)
        return error;
    if (!mn_inode_is(inode, MN_S_IFLNK) || size == 0)
        return -MNET_EINVAL;
    return mn_inode_read(inode, to, MN_MIN(size, inode->size - 1), 0);
}

MN_CALL(readlink)
{
    return read_link(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), mn_pointer(argument[1]), argument[2]);
}

MN_CALL(readlinkat)
{
    return read_link(thread->system, (int)argument[0], mn_pointer(argument[1]), mn_pointer(argument[2]), argument[3]);
}

/* ---- The names in a folder ---- */

/* struct linux_dirent64. */
struct entry {
    uint64_t number;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

#define NAME_AT offsetof(struct entry, name)
#define TYPE_SHIFT 12 /* of the mode */

/* Stores one entry. Returns its size, or 0 if there is no room. */
static size_t store_entry(char *to, size_t room, const struct mn_inode *inode, const char *name, size_t len,
                          uint64_t next)
{
    size_t size = (NAME_AT + len + 1 + 7) & ~(size_t)7;
    if (size > room)
        return 0;
    const struct entry entry = {.number = inode->number,
                                .next = (int64_t)next,
                                .size = (uint16_t)size,
                                .type = (uint8_t)((inode->mode & MN_S_IFMT) >> TYPE_SHIFT)};
    memset(to, 0, size);
    memcpy(to, &entry, NAME_AT);
    memcpy(to + NAME_AT, name, len);
    return size;
}

/* The offset of the open folder counts the entries that were read: "." and ".." are the first. One
 * that is removed meanwhile moves the others, so what is unlinked is counted back. */
static int64_t list(struct mn_open *open, char *to, size_t room)
{
    const struct mn_inode *folder = open->inode;
    const struct mnet_link *head = &folder->children;
    uint64_t number = 0;
    size_t used = 0, size = 1;
    for (; number < 2 && size > 0; number++) {
        if (number < open->offset)
            continue;
        size = store_entry(to + used, room - used, number == 0 ? folder : folder->parent, "..", number + 1, number + 1);
        used += size;
        open->offset += size > 0;
    }
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head && size > 0; at = at->next, number++) {
        const struct mn_inode *inode = MN_CONTAINER(at, struct mn_inode, of_parent);
        if (number < open->offset)
            continue;
        size = store_entry(to + used, room - used, inode, inode->name, inode->name_len, number + 1);
        used += size;
        open->offset += size > 0;
    }
    return used == 0 && size == 0 ? -MNET_EINVAL : (int64_t)used;
}

MN_CALL(getdents64)
{
    struct mn_open *open;
    int error = mn_open_hold(thread->system, (int)argument[0], &open);
    if (error < 0)
        return error == -MNET_EBADF ? error : -MN_ENOTDIR;
    int64_t result = open->ops != &mn_folder_ops ? -MN_ENOTDIR : list(open, mn_pointer(argument[1]), argument[2]);
    mn_open_release(open);
    return result;
}

/* ---- Rights, owners, times ---- */

static int64_t change_mode(struct mn_inode *inode, uint64_t mode)
{
    inode->mode = (inode->mode & MN_S_IFMT) | ((uint32_t)mode & 07777);
    return 0;
}

static int64_t change_mode_at(struct mn_system *system, int fd, const char *path, uint64_t mode)
{
    struct mn_inode *inode;
    int error = mn_find_at(system, fd, path, true, &inode);
    return error < 0 ? error : change_mode(inode, mode);
}

MN_CALL(chmod)
{
    return change_mode_at(thread->system, MN_AT_FDCWD, mn_pointer(argument[0]), argument[1]);
}

MN_CALL(fchmodat)
{
    return change_mode_at(thread->system, (int)argument[0], mn_pointer(argument[1]), argument[2]);
}

MN_CALL(fchmod)
{
    struct mn_open *open;
    int error = mn_open_hold(thread->system, (int)argument[0], &open);
    if (error < 0)
        return error;
    int64_t result = open->inode != NULL ? change_mode(open->inode, argument[1]) : -MNET_EINVAL;
    mn_open_release(open);
    return result;
}

/* There is one user, who has all files. */
MN_CALL(chown)
{
    (void)thread;
    (void)argument;
    return 0;
}

#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe

MN_CALL(utimensat)
{
    struct mn_system *system = thread->system;
    const struct mn_timespec *times = mn_pointer(argument[2]);
    const char *path = mn_pointer(argument[1]);
    struct mn_inode *inode;
    struct mn_open *open = NULL;
    int error = path != NULL ? mn_find_at(system, (int)argument[0], path, true, &inode)
                             : mn_open_hold(system, (int)argument[0], &open);
    if (error < 0)
        return error;
    if (open != NULL)
        inode = open->inode;
    if (inode != NULL && (times == NULL || times[1].nanoseconds == UTIME_NOW))
        inode->changed_ns = mn_system_wall(system);
    else if (inode != NULL && times[1].nanoseconds != UTIME_OMIT)
        inode->changed_ns = (uint64_t)times[1].seconds * MNET_SECOND + (uint64_t)times[1].nanoseconds;
    if (open != NULL)
        mn_open_release(open);
    return 0;
}
