/* A tree of files in memory. Files of an archive have their bytes there until they are written. */
#ifndef MN_TREE_H
#define MN_TREE_H

#include <mnet/link.h>

#include "syscall/memory.h"

/* Of a mode, as in stat. */
#define MN_S_IFMT 0170000u
#define MN_S_IFDIR 0040000u
#define MN_S_IFCHR 0020000u
#define MN_S_IFREG 0100000u
#define MN_S_IFLNK 0120000u
#define MN_S_IFIFO 0010000u
#define MN_S_IFSOCK 0140000u

#define MN_NAME_MAX 255
#define MN_PATH_MAX 4096
#define MN_LINKS_MAX 8 /* symbolic links on the way to a file */

struct mn_inode;

/* Kinds of files that are no data: their bytes come from functions. */
struct mn_open_ops;

struct mn_inode {
    uint32_t mode;
    uint32_t number;
    unsigned references; /* by its folder, and by those who have it open */
    struct mn_inode *parent;
    struct mnet_link of_parent, children;
    const struct mn_open_ops *device; /* NULL: none */
    char *data;                       /* of a file; the target of a symbolic link */
    uint64_t size;
    uint64_t room;       /* bytes of `data` that are the tree's; 0: they are the archive's */
    uint64_t changed_ns; /* when, since 1970 */
    uint8_t name_len;
    char *name;
};

struct mn_tree {
    struct mn_inode *root;
    struct mn_objects *objects;
    uint32_t last_number;
};

/* All return 0, or a negative errno. */

/* Makes a tree with an empty root. */
int mn_tree_init(struct mn_tree *tree, struct mn_objects *objects);

/* The result of a walk along a path: the file, or the place for one. */
struct mn_place {
    struct mn_inode *folder; /* in which the last part is */
    struct mn_inode *inode;  /* NULL: nothing has that name */
    const char *name;        /* the last part; "" for the root, "." and ".." */
    size_t name_len;
    bool must_be_folder; /* the path ends with '/' */
};

/* Walks a path from `from`, or from the root if it begins with '/'. A symbolic link in the last
 * part is followed if `follow` says so. -MNET_ENOENT if a part before the last one is missing. */
int mn_tree_walk(struct mn_tree *tree, struct mn_inode *from, const char *path, bool follow, struct mn_place *place);
/* The same, but -MN_EXDEV if the way leads out of `from`, by "..", a link, or from the root. */
int mn_tree_walk_within(struct mn_tree *tree, struct mn_inode *from, const char *path, bool follow,
                        struct mn_place *place);
/* As mn_tree_walk, for a file that must be there. */
int mn_tree_find(struct mn_tree *tree, struct mn_inode *from, const char *path, bool follow, struct mn_inode **inode);

/* Makes a file of a kind (MN_S_IF... and rights) at a place where none is. */
int mn_tree_make(struct mn_tree *tree, const struct mn_place *place, uint32_t mode, struct mn_inode **inode);
/* Takes a file, or an empty folder, out of its folder. Its data stays while it is open. */
int mn_tree_remove(struct mn_tree *tree, struct mn_inode *inode);
/* Moves a file to a place, and takes the one that is there away. */
int mn_tree_move(struct mn_tree *tree, struct mn_inode *inode, const struct mn_place *to);
/* Gives up a reference. */
void mn_tree_release(struct mn_tree *tree, struct mn_inode *inode);

/* Read and write bytes of a file; return how many. */
int64_t mn_inode_read(const struct mn_inode *inode, void *buffer, size_t len, uint64_t offset);
int64_t mn_inode_write(struct mn_tree *tree, struct mn_inode *inode, const void *data, size_t len, uint64_t offset);
/* Cuts or extends a file. */
int mn_inode_resize(struct mn_tree *tree, struct mn_inode *inode, uint64_t size);

/* Writes the path of a folder. Returns its length with the zero, or -MN_ERANGE. */
int64_t mn_tree_path(const struct mn_inode *folder, char *path, size_t size);

static inline bool mn_inode_is(const struct mn_inode *inode, uint32_t kind)
{
    return (inode->mode & MN_S_IFMT) == kind;
}

/* Puts the files of a tar archive (ustar, with GNU's and POSIX's long names) into the tree. The
 * archive must outlive it. Returns 0, or -MNET_EINVAL if it is none, or -MNET_ENOMEM. */
int mn_archive_unpack(struct mn_tree *tree, const void *archive, size_t size);

#endif
