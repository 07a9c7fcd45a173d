/* A tree of files in memory: see tree.h. */
#include "syscall/tree.h"

#include <string.h>

#include "base/list.h"
#include "syscall/system.h"

#define MODE_FOLDER (MN_S_IFDIR | 0755u)
#define ROOM_LEAST ((uint64_t)4096)

/* A copy with a zero behind it, or NULL. */
static char *copy_text(struct mn_tree *tree, const char *text, size_t len)
{
    char *copy = mn_object_alloc(tree->objects, len + 1);
    return copy != NULL ? memcpy(copy, text, len) : NULL;
}

static struct mn_inode *new_inode(struct mn_tree *tree, const char *name, size_t len, uint32_t mode)
{
    struct mn_inode *inode = mn_object_alloc(tree->objects, sizeof *inode);
    if (inode == NULL)
        return NULL;
    inode->name = copy_text(tree, name, len);
    if (inode->name == NULL) {
        mn_object_free(tree->objects, inode, sizeof *inode);
        return NULL;
    }
    MN_DEBUG_ASSERT(len <= MN_NAME_MAX && (mode & MN_S_IFMT) != 0);
    inode->mode = mode;
    inode->number = ++tree->last_number;
    inode->references = 1;
    inode->name_len = (uint8_t)len;
    return inode;
}

int mn_tree_init(struct mn_tree *tree, struct mn_objects *objects)
{
    *tree = (struct mn_tree){.objects = objects};
    tree->root = new_inode(tree, "", 0, MODE_FOLDER);
    if (tree->root == NULL)
        return -MNET_ENOMEM;
    tree->root->parent = tree->root;
    return 0;
}

static struct mn_inode *child(const struct mn_inode *folder, const char *name, size_t len)
{
    const struct mnet_link *head = &folder->children;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        struct mn_inode *inode = MN_CONTAINER(at, struct mn_inode, of_parent);
        if (inode->name_len == len && memcmp(inode->name, name, len) == 0)
            return inode;
    }
    return NULL;
}

/* ---- Walking ---- */

struct path_walk {
    struct mn_tree *tree;
    const struct mn_inode *within; /* the folder that must not be left; NULL: none */
    bool follow;
    unsigned links;
};

static int walk_from(struct path_walk *walk, struct mn_inode *at, const char *path, struct mn_place *place);

/* One part of a path; `last` if nothing but '/' follows. */
static int step(struct path_walk *walk, struct mn_inode *at, const char *name, size_t len, bool last,
                struct mn_place *place)
{
    *place = (struct mn_place){.folder = at, .name = name, .name_len = len};
    if (!mn_inode_is(at, MN_S_IFDIR))
        return -MN_ENOTDIR;
    if (len > MN_NAME_MAX)
        return -MN_ENAMETOOLONG;
    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.')) {
        *place = (struct mn_place){.folder = at, .inode = len == 1 ? at : at->parent, .name = ""};
        return len == 2 && at == walk->within ? -MN_EXDEV : 0;
    }
    place->inode = child(at, name, len);
    if (place->inode == NULL)
        return last ? 0 : -MNET_ENOENT;
    if (!mn_inode_is(place->inode, MN_S_IFLNK) || (last && !walk->follow))
        return 0;
    if (++walk->links > MN_LINKS_MAX)
        return -MN_ELOOP;
    bool follow = walk->follow;
    walk->follow = true;
    int error = walk_from(walk, at, place->inode->data, place);
    walk->follow = follow;
    return error == 0 && place->inode == NULL && !last ? -MNET_ENOENT : error;
}

static size_t slashes_at(const char *path)
{
    size_t count = 0;
    while (path[count] == '/')
        count++;
    return count;
}

static int walk_from(struct path_walk *walk, struct mn_inode *at, const char *path, struct mn_place *place)
{
    if (*path == '\0')
        return -MNET_ENOENT;
    if (*path == '/') {
        if (walk->within != NULL)
            return -MN_EXDEV;
        at = walk->tree->root;
    }
    *place = (struct mn_place){.folder = at, .inode = at, .name = ""};
    for (path += slashes_at(path); *path != '\0';) {
        size_t len = strcspn(path, "/"), slashes = slashes_at(path + len);
        bool last = path[len + slashes] == '\0';
        int error = step(walk, at, path, len, last, place);
        if (error < 0)
            return error;
        place->must_be_folder = slashes > 0;
        path += len + slashes;
        at = place->inode;
    }
    if (place->must_be_folder && place->inode != NULL && !mn_inode_is(place->inode, MN_S_IFDIR))
        return -MN_ENOTDIR;
    return 0;
}

int mn_tree_walk(struct mn_tree *tree, struct mn_inode *from, const char *path, bool follow, struct mn_place *place)
{
    struct path_walk walk = {.tree = tree, .follow = follow};
    MN_DEBUG_ASSERT(from != NULL && path != NULL);
    return walk_from(&walk, from, path, place);
}

int mn_tree_walk_within(struct mn_tree *tree, struct mn_inode *from, const char *path, bool follow,
                        struct mn_place *place)
{
    struct path_walk walk = {.tree = tree, .within = from, .follow = follow};
    return walk_from(&walk, from, path, place);
}

int mn_tree_find(struct mn_tree *tree, struct mn_inode *from, const char *path, bool follow, struct mn_inode **inode)
{
    struct mn_place place;
    int error = mn_tree_walk(tree, from, path, follow, &place);
    *inode = error == 0 ? place.inode : NULL;
    return error == 0 && *inode == NULL ? -MNET_ENOENT : error;
}

/* ---- Making, moving, removing ---- */

static void enter(struct mn_inode *folder, struct mn_inode *inode)
{
    MN_DEBUG_ASSERT(mn_inode_is(folder, MN_S_IFDIR) && !mn_list_linked(&inode->of_parent));
    inode->parent = folder;
    mn_list_append(&folder->children, &inode->of_parent);
}

int mn_tree_make(struct mn_tree *tree, const struct mn_place *place, uint32_t mode, struct mn_inode **result)
{
    MN_ASSERT(place->inode == NULL && place->name_len > 0);
    MN_DEBUG_ASSERT(child(place->folder, place->name, place->name_len) == NULL);
    if (place->must_be_folder && (mode & MN_S_IFMT) != MN_S_IFDIR)
        return -MN_EISDIR;
    struct mn_inode *inode = new_inode(tree, place->name, place->name_len, mode);
    if (inode == NULL)
        return -MN_ENOSPC;
    enter(place->folder, inode);
    *result = inode;
    return 0;
}

void mn_tree_release(struct mn_tree *tree, struct mn_inode *inode)
{
    MN_ASSERT(inode->references > 0);
    if (--inode->references > 0)
        return;
    MN_DEBUG_ASSERT(inode != tree->root && mn_list_empty(&inode->children) && !mn_list_linked(&inode->of_parent));
    if (inode->room > 0)
        mn_object_free(tree->objects, inode->data, inode->room);
    mn_object_free(tree->objects, inode->name, inode->name_len + 1u);
    mn_object_free(tree->objects, inode, sizeof *inode);
}

int mn_tree_remove(struct mn_tree *tree, struct mn_inode *inode)
{
    if (inode == tree->root)
        return -MN_EBUSY;
    if (!mn_list_empty(&inode->children))
        return -MN_ENOTEMPTY;
    mn_list_remove(&inode->of_parent);
    inode->parent = tree->root; /* for those who have it open, or are in it */
    mn_tree_release(tree, inode);
    return 0;
}

static bool is_in(const struct mn_inode *inode, const struct mn_inode *folder)
{
    for (; inode->parent != inode; inode = inode->parent) {
        if (inode == folder)
            return true;
    }
    return inode == folder;
}

/* Whether the file may take the place of the one that is there. */
static int may_replace(const struct mn_inode *inode, const struct mn_inode *there)
{
    bool folder = mn_inode_is(inode, MN_S_IFDIR);
    if (there == NULL)
        return 0;
    if (mn_inode_is(there, MN_S_IFDIR) != folder)
        return folder ? -MN_ENOTDIR : -MN_EISDIR;
    return mn_list_empty(&there->children) ? 0 : -MN_ENOTEMPTY;
}

int mn_tree_move(struct mn_tree *tree, struct mn_inode *inode, const struct mn_place *to)
{
    if (inode == tree->root || to->name_len == 0)
        return -MN_EBUSY;
    if (to->inode == inode)
        return 0;
    int error = is_in(to->folder, inode) ? -MNET_EINVAL : may_replace(inode, to->inode);
    if (error < 0)
        return error;
    char *name = copy_text(tree, to->name, to->name_len);
    if (name == NULL)
        return -MN_ENOSPC;
    if (to->inode != NULL)
        (void)mn_tree_remove(tree, to->inode);
    mn_list_remove(&inode->of_parent);
    mn_object_free(tree->objects, inode->name, inode->name_len + 1u);
    inode->name = name;
    inode->name_len = (uint8_t)to->name_len;
    enter(to->folder, inode);
    return 0;
}

int64_t mn_tree_path(const struct mn_inode *folder, char *path, size_t size)
{
    size_t begin = size;
    if (size < 2)
        return -MN_ERANGE;
    path[--begin] = '\0';
    if (folder->parent == folder)
        path[--begin] = '/';
    for (; folder->parent != folder; folder = folder->parent) {
        if (begin < folder->name_len + 1u)
            return -MN_ERANGE;
        begin -= folder->name_len;
        memcpy(path + begin, folder->name, folder->name_len);
        path[--begin] = '/';
    }
    memmove(path, path + begin, size - begin);
    return (int64_t)(size - begin);
}

/* ---- Data ---- */

int64_t mn_inode_read(const struct mn_inode *inode, void *buffer, size_t len, uint64_t offset)
{
    if (offset >= inode->size)
        return 0;
    len = MN_MIN(len, inode->size - offset);
    MN_DEBUG_ASSERT(inode->data != NULL);
    memcpy(buffer, inode->data + offset, len);
    return (int64_t)len;
}

/* Makes room for `size` bytes of the tree's own; doubled, so that a file that grows is copied
 * seldom. */
static int make_room(struct mn_tree *tree, struct mn_inode *inode, uint64_t size)
{
    if (size <= inode->room)
        return 0;
    if (size > SIZE_MAX / 4)
        return -MN_ENOSPC;
    uint64_t room = MN_MAX(inode->room * 2, ROOM_LEAST);
    room = size > room ? mn_pages_of(size) * MN_SYSTEM_PAGE : room;
    char *data = mn_object_alloc(tree->objects, room);
    if (data == NULL)
        return -MN_ENOSPC;
    if (inode->size > 0)
        memcpy(data, inode->data, inode->size);
    if (inode->room > 0)
        mn_object_free(tree->objects, inode->data, inode->room);
    inode->data = data;
    inode->room = room;
    MN_DEBUG_ASSERT(inode->room >= size && inode->room >= inode->size);
    return 0;
}

int64_t mn_inode_write(struct mn_tree *tree, struct mn_inode *inode, const void *data, size_t len, uint64_t offset)
{
    uint64_t end = offset + len;
    if (len == 0)
        return 0;
    int error = end < offset ? -MN_ENOSPC : make_room(tree, inode, MN_MAX(end, inode->size));
    if (error < 0)
        return error;
    MN_DEBUG_ASSERT(end <= inode->room);
    memcpy(inode->data + offset, data, len);
    inode->size = MN_MAX(inode->size, end);
    return (int64_t)len;
}

/* What lies behind the end of a file is zero, so that it may be extended. */
int mn_inode_resize(struct mn_tree *tree, struct mn_inode *inode, uint64_t size)
{
    if (size > inode->size) {
        int error = make_room(tree, inode, size);
        if (error < 0)
            return error;
    } else if (inode->room > 0) {
        memset(inode->data + size, 0, inode->size - size);
    }
    inode->size = size;
    return 0;
}
