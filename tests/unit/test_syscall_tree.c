/* The memory of a program, and its files: pages, small objects, the tree, archives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "syscall/system.h"

#define MEMORY ((size_t)1024 * 1024)

static struct mn_arena arena;
static struct mn_objects objects;
static struct mn_tree tree;
static char *memory;

static int begin(void **state)
{
    (void)state;
    memory = malloc(MEMORY);
    memset(memory, 0xa5, MEMORY);
    assert_true(mn_arena_init(&arena, memory, MEMORY));
    objects = (struct mn_objects){.arena = &arena};
    assert_int_equal(mn_tree_init(&tree, &objects), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

/* ---- Memory ---- */

static void arena_gives_runs_of_pages_and_takes_any_of_them_back(void **state)
{
    (void)state;
    size_t free = arena.free;
    char *a = mn_arena_take(&arena, 3), *b = mn_arena_take(&arena, 2);
    assert_non_null(a);
    assert_int_equal((uintptr_t)a % MN_SYSTEM_PAGE, 0);
    assert_ptr_equal(b, a + 3 * MN_SYSTEM_PAGE);
    mn_arena_give(&arena, a + MN_SYSTEM_PAGE, 1); /* a hole of one page */
    assert_ptr_not_equal(mn_arena_take(&arena, 2), a + MN_SYSTEM_PAGE);
    assert_ptr_equal(mn_arena_take(&arena, 1), a + MN_SYSTEM_PAGE);
    assert_int_equal(arena.free, free - 7);
    mn_arena_give(&arena, a, 7);
    mn_arena_give(&arena, a, 7); /* again: nothing is there */
    assert_int_equal(arena.free, free);
}

static void arena_that_is_full_says_so(void **state)
{
    (void)state;
    size_t free = arena.free;
    assert_null(mn_arena_take(&arena, free + 1));
    assert_null(mn_arena_take(&arena, 0));
    assert_null(mn_arena_take(&arena, SIZE_MAX));
    char *all = mn_arena_take(&arena, free);
    assert_non_null(all);
    assert_null(mn_arena_take(&arena, 1));
    mn_arena_give(&arena, all + (free - 1) * MN_SYSTEM_PAGE, 1);
    assert_ptr_equal(mn_arena_take(&arena, 1), all + (free - 1) * MN_SYSTEM_PAGE);
}

static void arena_knows_which_memory_is_its_own(void **state)
{
    (void)state;
    char *page = mn_arena_take(&arena, 1);
    assert_true(mn_arena_has(&arena, page, MN_SYSTEM_PAGE));
    assert_false(mn_arena_has(&arena, arena.start, MN_SYSTEM_PAGE)); /* its own bits */
    assert_false(mn_arena_has(&arena, page, MEMORY));
    assert_false(mn_arena_has(&arena, page, SIZE_MAX));
    assert_false(mn_arena_has(&arena, NULL, 1));
    assert_false(mn_arena_is_free(&arena, page, 1));
    assert_true(mn_arena_is_free(&arena, page + MN_SYSTEM_PAGE, 2));
}

static void arena_needs_room_for_its_bits(void **state)
{
    struct mn_arena small;
    (void)state;
    assert_false(mn_arena_init(&small, memory, 0));
    assert_false(mn_arena_init(&small, memory, MN_SYSTEM_PAGE + 100));
    assert_true(mn_arena_init(&small, memory, 3 * MN_SYSTEM_PAGE));
}

static void objects_are_zero_aligned_and_used_again(void **state)
{
    static const size_t sizes[] = {1, 32, 33, 100, 2048, 2049, 10000};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *object = mn_object_alloc(&objects, sizes[i]);
        assert_int_equal((uintptr_t)object % 32, 0);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(object[j], 0);
        memset(object, 1, sizes[i]);
        mn_object_free(&objects, object, sizes[i]);
        assert_ptr_equal(mn_object_alloc(&objects, sizes[i]), object);
    }
    while (mn_object_alloc(&objects, 2048) != NULL) {
    }
    assert_null(mn_object_alloc(&objects, 5000));
}

/* ---- The tree ---- */

static struct mn_inode *make(const char *path, uint32_t mode)
{
    struct mn_place place;
    struct mn_inode *inode;
    assert_int_equal(mn_tree_walk(&tree, tree.root, path, false, &place), 0);
    assert_null(place.inode);
    assert_int_equal(mn_tree_make(&tree, &place, mode, &inode), 0);
    return inode;
}

static int find(const char *path, struct mn_inode **inode)
{
    struct mn_inode *ignored;
    return mn_tree_find(&tree, tree.root, path, true, inode != NULL ? inode : &ignored);
}

static int move(const char *from, const char *to)
{
    struct mn_inode *inode;
    struct mn_place place;
    assert_int_equal(find(from, &inode), 0);
    assert_int_equal(mn_tree_walk(&tree, tree.root, to, false, &place), 0);
    return mn_tree_move(&tree, inode, &place);
}

static void paths_lead_to_files(void **state)
{
    struct mn_inode *folder, *file, *found;
    (void)state;
    folder = make("/a", MN_S_IFDIR | 0755);
    file = make("a//b", MN_S_IFREG | 0644);
    static const char *const ways[] = {"/a/b", "a/b", "//a///b", "./a/./b", "/a/../a/b", "../a/b"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        assert_int_equal(find(ways[i], &found), 0);
        assert_ptr_equal(found, file);
    }
    assert_int_equal(mn_tree_find(&tree, folder, "b", true, &found), 0);
    assert_int_equal(find("a/", &found), 0);
    assert_ptr_equal(found, folder);
    assert_int_equal(find("/", &found), 0);
    assert_ptr_equal(found, tree.root);
    assert_int_equal(find("", NULL), -MNET_ENOENT);
    assert_int_equal(find("/c", NULL), -MNET_ENOENT);
    assert_int_equal(find("/c/d", NULL), -MNET_ENOENT);
    assert_int_equal(find("/a/b/", NULL), -MN_ENOTDIR);
    assert_int_equal(find("/a/b/c", NULL), -MN_ENOTDIR);
    char long_name[MN_NAME_MAX + 2];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(find(long_name, NULL), -MN_ENAMETOOLONG);
}

static void symbolic_links_are_followed_but_not_for_ever(void **state)
{
    struct mn_inode *file, *link, *found;
    (void)state;
    (void)make("/a", MN_S_IFDIR | 0755);
    file = make("/a/b", MN_S_IFREG | 0644);
    link = make("/l", MN_S_IFLNK | 0777);
    mn_inode_write(&tree, link, "a", 2, 0);
    assert_int_equal(find("/l/b", &found), 0);
    assert_ptr_equal(found, file);
    assert_int_equal(mn_tree_find(&tree, tree.root, "/l", false, &found), 0);
    assert_ptr_equal(found, link);
    mn_inode_write(&tree, make("/a/up", MN_S_IFLNK | 0777), "../l/b", 7, 0);
    assert_int_equal(find("/a/up", &found), 0);
    assert_ptr_equal(found, file);
    mn_inode_write(&tree, make("/loop", MN_S_IFLNK | 0777), "loop", 5, 0);
    assert_int_equal(find("/loop", NULL), -MN_ELOOP);
    mn_inode_write(&tree, make("/nowhere", MN_S_IFLNK | 0777), "none", 5, 0);
    assert_int_equal(find("/nowhere", NULL), -MNET_ENOENT);
}

static void bytes_are_read_where_they_were_written(void **state)
{
    struct mn_inode *file = make("/f", MN_S_IFREG | 0644);
    char bytes[16];
    (void)state;
    assert_int_equal(mn_inode_write(&tree, file, "world", 5, 6), 5);
    assert_int_equal(mn_inode_read(file, bytes, sizeof bytes, 0), 11);
    assert_memory_equal(bytes, "\0\0\0\0\0\0world", 11);
    assert_int_equal(mn_inode_write(&tree, file, "hello ", 6, 0), 6);
    assert_int_equal(mn_inode_read(file, bytes, 5, 3), 5);
    assert_memory_equal(bytes, "lo wo", 5);
    assert_int_equal(mn_inode_read(file, bytes, 5, 11), 0);
    /* What was cut does not come back. */
    assert_int_equal(mn_inode_resize(&tree, file, 3), 0);
    assert_int_equal(mn_inode_resize(&tree, file, 8), 0);
    assert_int_equal(mn_inode_read(file, bytes, sizeof bytes, 0), 8);
    assert_memory_equal(bytes, "hel\0\0\0\0\0", 8);
    assert_int_equal(mn_inode_write(&tree, file, "x", 1, MEMORY), -MN_ENOSPC);
    assert_int_equal(mn_inode_write(&tree, file, "xy", 2, UINT64_MAX), -MN_ENOSPC);
    assert_int_equal(mn_inode_resize(&tree, file, UINT64_MAX), -MN_ENOSPC);
    assert_int_equal(file->size, 8);
}

static void removed_files_keep_their_bytes_while_open(void **state)
{
    size_t pages = arena.free;
    struct mn_inode *file = make("/f", MN_S_IFREG | 0644);
    char byte;
    (void)state;
    assert_int_equal(mn_inode_write(&tree, file, "a", 1, 20000), 1);
    file->references++;
    assert_int_equal(mn_tree_remove(&tree, file), 0);
    assert_int_equal(find("/f", NULL), -MNET_ENOENT);
    assert_int_equal(mn_inode_read(file, &byte, 1, 20000), 1);
    mn_tree_release(&tree, file);
    assert_in_range(arena.free, pages - 2, pages); /* small objects keep their pages */
}

static void files_move_and_replace(void **state)
{
    struct mn_inode *a, *found;
    (void)state;
    (void)make("/d", MN_S_IFDIR | 0755);
    (void)make("/d/in", MN_S_IFDIR | 0755);
    a = make("/a", MN_S_IFREG | 0644);
    (void)make("/b", MN_S_IFREG | 0644);
    assert_int_equal(move("/a", "/b"), 0);
    assert_int_equal(find("/a", NULL), -MNET_ENOENT);
    assert_int_equal(find("/b", &found), 0);
    assert_ptr_equal(found, a);
    assert_int_equal(move("/b", "/b"), 0);
    assert_int_equal(move("/b", "/d/a much longer name than before"), 0);
    assert_int_equal(find("/d/a much longer name than before", NULL), 0);
    assert_int_equal(move("/d", "/d/in/d"), -MNET_EINVAL);
    assert_int_equal(move("/d/a much longer name than before", "/d/in"), -MN_EISDIR);
    assert_int_equal(move("/d/in", "/d/a much longer name than before"), -MN_ENOTDIR);
    assert_int_equal(move("/", "/d/root"), -MN_EBUSY);
    assert_int_equal(find("/d", &found), 0);
    assert_int_equal(mn_tree_remove(&tree, found), -MN_ENOTEMPTY);
}

static void folders_know_their_paths(void **state)
{
    struct mn_inode *folder;
    char path[8];
    (void)state;
    assert_int_equal(mn_tree_path(tree.root, path, sizeof path), 2);
    assert_string_equal(path, "/");
    (void)make("/ab", MN_S_IFDIR | 0755);
    folder = make("/ab/cd", MN_S_IFDIR | 0755);
    assert_int_equal(mn_tree_path(folder, path, 7), 7);
    assert_string_equal(path, "/ab/cd");
    assert_int_equal(mn_tree_path(folder, path, 6), -MN_ERANGE);
    assert_int_equal(mn_tree_path(folder, path, 1), -MN_ERANGE);
}

/* ---- Archives ---- */

static char archive[64 * 512];
static size_t archived;

/* Appends an entry, with a header of the format ustar. */
static void append(char type, const char *name, const char *link, const char *data, size_t size)
{
    char *header = archive + archived;
    unsigned sum = 0;
    memset(header, 0, 512);
    snprintf(header, 100, "%s", name);
    memcpy(header + 100, "0000640", 8);
    snprintf(header + 124, 12, "%011zo", size);
    memcpy(header + 136, "00000001750", 12);
    memset(header + 148, ' ', 8);
    header[156] = type;
    snprintf(header + 157, 100, "%s", link);
    memcpy(header + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    archived += 512;
    memset(archive + archived, 0, (size + 511) / 512 * 512);
    memcpy(archive + archived, data, size);
    archived += (size + 511) / 512 * 512;
}

static int unpack(void)
{
    memset(archive + archived, 0, 1024);
    return mn_archive_unpack(&tree, archive, archived + 1024);
}

static void contains(const char *path, const char *data)
{
    struct mn_inode *inode;
    char bytes[64] = "";
    assert_int_equal(find(path, &inode), 0);
    assert_int_equal(mn_inode_read(inode, bytes, sizeof bytes - 1, 0), strlen(data));
    assert_string_equal(bytes, data);
}

static void archive_becomes_a_tree(void **state)
{
    struct mn_inode *inode;
    (void)state;
    archived = 0;
    append('5', "./", "", "", 0);
    append('5', "./www/", "", "", 0);
    append('0', "./www/index.html", "", "<html>", 6);
    append('0', "deep/er/file", "", "1", 1); /* whose folders are not listed */
    append('2', "link", "www/index.html", "", 0);
    append('1', "www/same", "www/index.html", "", 0);
    append('3', "device", "", "", 0);
    append('0', "www/index.html", "", "newer", 5);
    assert_int_equal(unpack(), 0);
    contains("/www/index.html", "newer");
    contains("/deep/er/file", "1");
    contains("/link", "newer");
    contains("/www/same", "<html>");
    assert_int_equal(find("/device", NULL), -MNET_ENOENT);
    assert_int_equal(find("/www/index.html", &inode), 0);
    assert_int_equal(inode->mode, MN_S_IFREG | 0640);
    assert_int_equal(inode->changed_ns, 1000 * MNET_SECOND);
    /* The file is written: the archive stays. */
    assert_int_equal(mn_inode_write(&tree, inode, "N", 1, 0), 1);
    contains("/www/index.html", "Newer");
    assert_memory_equal(archive + archived - 512, "newer", 5);
}

static void archive_has_long_names(void **state)
{
    char name[200], path[200 + 10], record[300];
    (void)state;
    archived = 0;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    append('L', "././@LongLink", "", name, sizeof name);
    append('0', "nnn", "", "gnu", 3);
    snprintf(path, sizeof path, "x/%s", name);
    int len = snprintf(record, sizeof record, "20 atime=1234567890\n%03zu path=%s\n", strlen(path) + 10, path);
    append('x', "PaxHeaders/x", "", record, (size_t)len);
    append('0', "x/nnn", "", "pax", 3);
    assert_int_equal(unpack(), 0);
    contains(name, "gnu");
    contains(path, "pax");
}

static void archive_that_is_none_says_so(void **state)
{
    (void)state;
    archived = 0;
    append('0', "file", "", "data", 4);
    archive[3]++; /* its sum is wrong */
    assert_int_equal(unpack(), -MNET_EINVAL);
    archive[3]--;
    assert_int_equal(mn_archive_unpack(&tree, archive, 512), -MNET_EINVAL); /* cut off */
    assert_int_equal(mn_archive_unpack(&tree, archive, 100), -MNET_EINVAL);
    assert_int_equal(mn_archive_unpack(&tree, "", 0), 0);
    /* A file where a folder must be. */
    append('0', "file/in", "", "", 0);
    assert_int_equal(unpack(), -MN_ENOTDIR);
}

static void archive_beyond_the_memory_says_so(void **state)
{
    (void)state;
    archived = 0;
    append('0', "file", "", "data", 4);
    assert_non_null(mn_arena_take(&arena, arena.free));
    assert_int_equal(unpack(), -MNET_ENOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arena_gives_runs_of_pages_and_takes_any_of_them_back),
        TEST(arena_that_is_full_says_so),
        TEST(arena_knows_which_memory_is_its_own),
        TEST(arena_needs_room_for_its_bits),
        TEST(objects_are_zero_aligned_and_used_again),
        TEST(paths_lead_to_files),
        TEST(symbolic_links_are_followed_but_not_for_ever),
        TEST(bytes_are_read_where_they_were_written),
        TEST(removed_files_keep_their_bytes_while_open),
        TEST(files_move_and_replace),
        TEST(folders_know_their_paths),
        TEST(archive_becomes_a_tree),
        TEST(archive_has_long_names),
        TEST(archive_that_is_none_says_so),
        TEST(archive_beyond_the_memory_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
