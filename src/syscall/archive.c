/* tar archives: the formats ustar and pax of POSIX (IEEE Std 1003.1-2017, pax), and GNU's long
 * names. An archive is a run of blocks of 512 bytes: a header, the data of the file, and so on. Its
 * files are put into the tree without a copy of their data. */
#include <assert.h>
#include <string.h>

#include "syscall/system.h"

#define BLOCK 512u

enum tar_type {
    TAR_OLD_FILE = '\0',
    TAR_FILE = '0',
    TAR_HARD_LINK = '1',
    TAR_LINK = '2',
    TAR_FOLDER = '5',
    TAR_LONG_LINK = 'K',
    TAR_LONG_NAME = 'L',
    TAR_EXTENDED = 'x',
};

struct tar_header {
    char name[100], mode[8], user[8], group[8], size[12], time[12], sum[8], type, link[100];
    char magic[6], version[2], user_name[32], group_name[32], major[8], minor[8], prefix[155], rest[12];
};

static_assert(sizeof(struct tar_header) == BLOCK, "a header is a block");

struct reader {
    struct mn_tree *tree;
    const char *at, *end;
    /* Of the next file, from an entry before it; or "". */
    char path[MN_PATH_MAX], target[MN_PATH_MAX];
};

/* A number in octal digits, or in GNU's binary form with the highest bit set. */
static uint64_t number(const char *field, size_t size)
{
    uint64_t value = 0;
    size_t i = 0;
    if ((field[0] & 0x80) != 0) {
        for (i = 1; i < size; i++)
            value = value << 8 | (uint8_t)field[i];
        return value;
    }
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(field[i] - '0');
    return value;
}

static bool is_header(const struct tar_header *header)
{
    const uint8_t *bytes = (const uint8_t *)header;
    size_t from = offsetof(struct tar_header, sum), to = from + sizeof header->sum;
    uint64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= from && i < to ? ' ' : bytes[i];
    return sum == number(header->sum, sizeof header->sum);
}

/* Appends a field, which has a zero at its end if there is room, to a text. */
static void append(char *text, const char *field, size_t max)
{
    const char *zero = memchr(field, '\0', max);
    size_t len = zero != NULL ? (size_t)(zero - field) : max, used = strlen(text);
    MN_DEBUG_ASSERT(used < MN_PATH_MAX);
    len = MN_MIN(len, MN_PATH_MAX - 1 - used);
    memcpy(text + used, field, len);
    text[used + len] = '\0';
}

/* The records "LENGTH KEYWORD=VALUE\n" of an extended header. */
static void read_extended(struct reader *reader, const char *at, const char *end)
{
    while (at < end) {
        size_t len = 0;
        const char *key = at;
        for (; key < end && *key >= '0' && *key <= '9'; key++)
            len = len * 10 + (size_t)(*key - '0');
        if (len < (size_t)(key - at) + 2 || len > (size_t)(end - at))
            return;
        const char *value = memchr(key, '=', len - (size_t)(key - at));
        size_t value_len = value != NULL ? (size_t)(at + len - 1 - (value + 1)) : 0;
        char *to = value == NULL                         ? NULL
                   : strncmp(key, " path=", 6) == 0      ? reader->path
                   : strncmp(key, " linkpath=", 10) == 0 ? reader->target
                                                         : NULL;
        if (to != NULL) {
            to[0] = '\0';
            append(to, value + 1, value_len);
        }
        at += len;
    }
}

/* Makes the folders on the way to a file that the archive does not list. */
static int make_folders(struct reader *reader)
{
    for (char *slash = strchr(reader->path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        struct mn_place place;
        struct mn_inode *inode;
        *slash = '\0';
        int error = reader->path[0] == '\0'
                        ? 0
                        : mn_tree_walk(reader->tree, reader->tree->root, reader->path, true, &place);
        if (error == 0 && reader->path[0] != '\0' && place.inode == NULL)
            error = mn_tree_make(reader->tree, &place, MN_S_IFDIR | 0755, &inode);
        *slash = '/';
        if (error < 0)
            return error;
    }
    return 0;
}

static uint32_t kind_of(char type)
{
    switch (type) {
    case TAR_OLD_FILE:
    case TAR_HARD_LINK:
    case TAR_FILE: return MN_S_IFREG;
    case TAR_LINK: return MN_S_IFLNK;
    case TAR_FOLDER: return MN_S_IFDIR;
    default: return 0; /* a device, or a record of an extension: there is no such file here */
    }
}

/* Gives the file its data: the archive's, or that of the file that it is another name of. */
static int fill(struct reader *reader, struct mn_inode *inode, char type, const char *data, uint64_t size)
{
    const char *target = reader->target;
    if (type == TAR_LINK)
        return mn_inode_write(reader->tree, inode, target, strlen(target) + 1, 0) < 0 ? -MNET_ENOMEM : 0;
    if (type == TAR_HARD_LINK) {
        struct mn_inode *other;
        int error = mn_tree_find(reader->tree, reader->tree->root, target, true, &other);
        if (error < 0 || other->room > 0)
            return error < 0 ? error : -MNET_EINVAL;
        data = other->data;
        size = other->size;
    }
    MN_DEBUG_ASSERT(inode->room == 0);
    inode->data = (char *)(uintptr_t)data; /* never written: room is 0 */
    inode->size = size;
    return 0;
}

static int add(struct reader *reader, const struct tar_header *header, const char *data, uint64_t size)
{
    struct mn_place place;
    struct mn_inode *inode;
    uint32_t kind = kind_of(header->type);
    int error = kind == 0 ? 0 : make_folders(reader);
    if (error < 0 || kind == 0)
        return error;
    error = mn_tree_walk(reader->tree, reader->tree->root, reader->path, false, &place);
    if (error < 0)
        return error;
    if (place.inode != NULL && mn_inode_is(place.inode, MN_S_IFDIR))
        return kind == MN_S_IFDIR ? 0 : -MNET_EINVAL;
    if (place.inode != NULL) /* the last one of a name counts */
        (void)mn_tree_remove(reader->tree, place.inode);
    place.inode = NULL;
    error = mn_tree_make(reader->tree, &place, kind | (number(header->mode, sizeof header->mode) & 07777), &inode);
    if (error < 0)
        return -MNET_ENOMEM;
    inode->changed_ns = number(header->time, sizeof header->time) * MNET_SECOND;
    return kind == MN_S_IFDIR ? 0 : fill(reader, inode, header->type, data, size);
}

/* An entry whose data are for the file behind it. True if it was one. */
static bool is_for_next(struct reader *reader, char type, const char *data, uint64_t size)
{
    char *text = type == TAR_LONG_NAME ? reader->path : type == TAR_LONG_LINK ? reader->target : NULL;
    if (text != NULL) {
        text[0] = '\0';
        append(text, data, size);
    }
    if (type == TAR_EXTENDED)
        read_extended(reader, data, data + size);
    return text != NULL || type == TAR_EXTENDED;
}

static int take_entry(struct reader *reader)
{
    const struct tar_header *header = (const struct tar_header *)(const void *)reader->at;
    MN_DEBUG_ASSERT(reader->end - reader->at >= (ptrdiff_t)BLOCK);
    uint64_t size = number(header->size, sizeof header->size);
    const char *data = reader->at + BLOCK;
    if (!is_header(header) || size > (uint64_t)(reader->end - data))
        return -MNET_EINVAL;
    reader->at = data + MN_MIN((size + BLOCK - 1) / BLOCK * BLOCK, (uint64_t)(reader->end - data));
    if (is_for_next(reader, header->type, data, size))
        return 0;
    if (reader->path[0] == '\0') {
        if (memcmp(header->magic, "ustar", 6) == 0 && header->prefix[0] != '\0') {
            append(reader->path, header->prefix, sizeof header->prefix);
            append(reader->path, "/", 1);
        }
        append(reader->path, header->name, sizeof header->name);
    }
    if (reader->target[0] == '\0')
        append(reader->target, header->link, sizeof header->link);
    int error = add(reader, header, data, size);
    reader->path[0] = reader->target[0] = '\0';
    return error;
}

int mn_archive_unpack(struct mn_tree *tree, const void *archive, size_t size)
{
    struct reader *reader = mn_object_alloc(tree->objects, sizeof *reader);
    int error = 0;
    if (reader == NULL)
        return -MNET_ENOMEM;
    reader->tree = tree;
    reader->at = archive;
    reader->end = reader->at + size;
    /* A block of zeros is the end. */
    while (error == 0 && reader->end - reader->at >= (ptrdiff_t)BLOCK && reader->at[0] != '\0')
        error = take_entry(reader);
    if (error == 0 && size > 0 && reader->at == archive)
        error = -MNET_EINVAL; /* it ends before it begins: this is no archive */
    mn_object_free(tree->objects, reader, sizeof *reader);
    return error;
}
