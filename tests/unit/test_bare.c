/* Parts that ports without an operating system share: the heap, the command line, and the functions
 * of <string.h>. The latter are compiled under other names here and compared with those of the C
 * library. */
#include "support.h"

#include <stdio.h>

#include "ports/bare/arguments.h"
#include "ports/bare/cpu.h"
#include "ports/bare/heap.h"

void *bare_memmove(void *to, const void *from, size_t len);
void *bare_memcpy(void *to, const void *from, size_t len);
void *bare_memset(void *to, int value, size_t len);
int bare_memcmp(const void *left, const void *right, size_t len);
void *bare_memchr(const void *memory, int wanted, size_t len);
size_t bare_strlen(const char *text);
int bare_strcmp(const char *left, const char *right);
int bare_strncmp(const char *left, const char *right, size_t max);
char *bare_strchr(const char *text, int wanted);
char *bare_strrchr(const char *text, int wanted);
size_t bare_strcspn(const char *text, const char *unwanted);
char *bare_strstr(const char *text, const char *wanted);

/* ---- Memory and strings ---- */

static void memmove_every_length_and_overlap(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t len = 0; len <= 300; len++) {
        for (size_t to = 0; to <= 300; to += len < 80 ? 7 : 19) {
            uint8_t ours[640], theirs[640];
            test_random_bytes(&seed, ours, sizeof ours);
            memcpy(theirs, ours, sizeof ours);
            assert_ptr_equal(bare_memmove(ours + to, ours + 150, len), ours + to);
            memmove(theirs + to, theirs + 150, len);
            assert_memory_equal(ours, theirs, sizeof ours);
        }
    }
}

static void memcpy_and_memset_every_length(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (size_t len = 0; len <= 300; len++) {
        uint8_t from[300], ours[304], theirs[304];
        test_random_bytes(&seed, from, sizeof from);
        test_random_bytes(&seed, ours, sizeof ours);
        memcpy(theirs, ours, sizeof ours);
        assert_ptr_equal(bare_memcpy(ours + 3, from, len), ours + 3);
        memcpy(theirs + 3, from, len);
        assert_memory_equal(ours, theirs, sizeof ours);
        assert_ptr_equal(bare_memset(ours + 1, (int)len, len), ours + 1);
        memset(theirs + 1, (int)len, len);
        assert_memory_equal(ours, theirs, sizeof ours);
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void memcmp_says_which_is_first(void **state)
{
    (void)state;
    uint8_t left[40] = {0}, right[40] = {0};
    for (size_t len = 0; len < sizeof left; len++) {
        for (size_t at = 0; at < len; at++) {
            left[at] = 200;
            assert_int_equal(sign(bare_memcmp(left, right, len)), 1);
            assert_int_equal(sign(bare_memcmp(right, left, len)), -1);
            left[at] = 0;
        }
        left[len] = 1; /* beyond */
        assert_int_equal(bare_memcmp(left, right, len), 0);
        left[len] = 0;
    }
}

static void strings_as_the_library_has_them(void **state)
{
    (void)state;
    const char *texts[] = {"", "a", "b", "ab", "abcabd", "cab", "\xff", "abd", "aab"};
    for (size_t i = 0; i < MN_COUNT_OF(texts); i++) {
        const char *left = texts[i];
        assert_int_equal(bare_strlen(left), strlen(left));
        assert_ptr_equal(bare_strchr(left, 'b'), strchr(left, 'b'));
        assert_ptr_equal(bare_strchr(left, '\0'), strchr(left, '\0'));
        assert_ptr_equal(bare_strrchr(left, 'a'), strrchr(left, 'a'));
        assert_ptr_equal(bare_strrchr(left, '\0'), strrchr(left, '\0'));
        assert_ptr_equal(bare_memchr(left, 'b', 1), memchr(left, 'b', 1));
        for (size_t j = 0; j < MN_COUNT_OF(texts); j++) {
            const char *right = texts[j];
            assert_int_equal(sign(bare_strcmp(left, right)), sign(strcmp(left, right)));
            assert_int_equal(sign(bare_strncmp(left, right, 2)), sign(strncmp(left, right, 2)));
            assert_ptr_equal(bare_strstr(left, right), strstr(left, right));
            assert_int_equal(bare_strcspn(left, right), strcspn(left, right));
        }
    }
}

/* ---- The command line ---- */

/* `expected`: the arguments joined with '|', or NULL if the line is refused. At most four
 * arguments. */
static void splits(const char *text, const char *expected)
{
    char line[64], program[] = "app", joined[128] = "";
    char *argv[5];
    int argc;
    snprintf(line, sizeof line, "%s", text);
    bool ok = mn_arguments_split(line, program, argv, 4, &argc);
    assert_int_equal(ok, expected != NULL);
    if (!ok)
        return;
    assert_null(argv[argc]);
    for (int i = 0; i < argc; i++)
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", i > 0 ? "|" : "", argv[i]);
    assert_string_equal(joined, expected);
}

static void command_line_is_cut_at_blanks(void **state)
{
    (void)state;
    splits("", "app");
    splits("  \t\n ", "app");
    splits("a", "app|a");
    splits(" a  --b=c\td ", "app|a|--b=c|d");
    splits("'a b' \"c'd\"", "app|a b|c'd");
    splits("x'y z'w ''", "app|xy zw|");
    splits("a b c d", NULL);
    splits("'a", NULL);
    splits("a\"b c", NULL);
}

/* `expected`: the program's own arguments, joined with '|', or the text for an option in a wrong
 * place. */
static void leaves(const char *text, const char *expected)
{
    char line[256], program[] = "app", joined[256] = "";
    char *argv[17];
    int argc;
    snprintf(line, sizeof line, "%s", text);
    assert_true(mn_arguments_split(line, program, argv, 16, &argc));
    const char *wrong = mn_arguments_leave_kernel(argv, &argc);
    if (wrong == NULL) {
        assert_null(argv[argc]);
        for (int i = 0; i < argc; i++)
            snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", i > 0 ? "|" : "", argv[i]);
    } else {
        snprintf(joined, sizeof joined, "wrong: %s", wrong);
    }
    assert_string_equal(joined, expected);
}

static void command_line_words_for_a_kernel_are_skipped(void **state)
{
    (void)state;
    leaves("", "app");
    leaves("--dhcp pci=off", "app|--dhcp");
    leaves("console=ttyS0 reboot=k panic=1 pci=off --dhcp", "app|--dhcp");
    leaves("reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux swiotlb=noforce", "app");
    leaves("BOOT_IMAGE=/boot/app root=/dev/vda1 ro quiet splash --ipv4=10.0.0.2/24", "app|--ipv4=10.0.0.2/24");
    leaves("console=hvc0 earlyprintk=ttyS0 rootwait rw net.ifnames=0", "app");
    leaves("virtio_mmio.device=4K@0xd0000000:5", "app");
}

static void command_line_words_of_nobody_are_the_programs(void **state)
{
    (void)state;
    leaves("nonsense pci console root rot rox", "app|nonsense|pci|console|root|rot|rox");
    leaves("10.0.0.1 i8042 --console=1 -ro", "app|10.0.0.1|i8042|--console=1|-ro");
}

static void command_line_is_divided_by_two_dashes(void **state)
{
    (void)state;
    leaves("anything what=ever -- --dhcp", "app|--dhcp");
    leaves("-- ro quiet pci=off", "app|ro|quiet|pci=off");
    leaves("ro -- --dhcp -- more", "app|--dhcp|--|more");
    leaves("pci=off --", "app");
    leaves("--", "app");
    leaves("ro --dhcp -- more", "wrong: --dhcp");
}

/* ---- The heap ---- */

#define PIECE (1024 * 1024)

static void *guarded[16];
static unsigned guarded_count;
static bool guard_fails;

static bool guard(void *page)
{
    guarded[guarded_count++] = page;
    return !guard_fails;
}

static char *piece_of_memory(void)
{
    char *piece = aligned_alloc(MN_HEAP_PAGE, PIECE);
    assert_non_null(piece);
    return piece;
}

static void heap_gives_whole_pages_and_takes_them_back(void **state)
{
    (void)state;
    char *piece = piece_of_memory();
    struct mn_heap heap;
    mn_heap_init(&heap, NULL);
    mn_heap_add(&heap, piece + 1, PIECE - 1); /* the first page is not whole */
    assert_int_equal(heap.size, PIECE - MN_HEAP_PAGE);
    assert_null(mn_heap_take(&heap, PIECE, MN_HEAP_PAGE));
    assert_null(mn_heap_take(&heap, 0, MN_HEAP_PAGE));
    assert_null(mn_heap_take(&heap, SIZE_MAX, MN_HEAP_PAGE));
    char *first = mn_heap_take(&heap, 1, MN_HEAP_PAGE);
    char *second = mn_heap_take(&heap, 3 * MN_HEAP_PAGE, 4 * MN_HEAP_PAGE);
    char *third = mn_heap_take(&heap, MN_HEAP_PAGE, MN_HEAP_PAGE);
    assert_ptr_equal(first, piece + MN_HEAP_PAGE);
    assert_int_equal((uintptr_t)second % (4 * MN_HEAP_PAGE), 0);
    assert_ptr_not_equal(third, first);
    mn_heap_give(&heap, second, 3 * MN_HEAP_PAGE);
    mn_heap_give(&heap, first, 1);
    mn_heap_give(&heap, third, MN_HEAP_PAGE);
    assert_ptr_equal(mn_heap_take(&heap, PIECE - MN_HEAP_PAGE, MN_HEAP_PAGE), piece + MN_HEAP_PAGE);
    free(piece);
}

static void heap_random_takes_never_overlap(void **state)
{
    (void)state;
    char *piece = piece_of_memory();
    struct mn_heap heap;
    uint64_t seed = 3;
    struct {
        char *at;
        size_t size;
    } taken[32] = {{NULL, 0}};
    mn_heap_init(&heap, NULL);
    mn_heap_add(&heap, piece + PIECE / 2, PIECE / 2);
    mn_heap_add(&heap, piece, PIECE / 4);
    for (int step = 0; step < 5000; step++) {
        unsigned i = (unsigned)test_random_below(&seed, MN_COUNT_OF(taken));
        if (taken[i].at != NULL) {
            for (size_t at = 0; at < taken[i].size; at++)
                assert_int_equal(taken[i].at[at], (char)i);
            mn_heap_give(&heap, taken[i].at, taken[i].size);
            taken[i].at = NULL;
            continue;
        }
        taken[i].size = 1 + test_random_below(&seed, 20 * MN_HEAP_PAGE);
        taken[i].at = mn_heap_take(&heap, taken[i].size, MN_HEAP_PAGE << test_random_below(&seed, 3));
        if (taken[i].at != NULL)
            memset(taken[i].at, (int)i, taken[i].size);
    }
    for (unsigned i = 0; i < MN_COUNT_OF(taken); i++) {
        if (taken[i].at != NULL)
            mn_heap_give(&heap, taken[i].at, taken[i].size);
    }
    assert_ptr_equal(mn_heap_take(&heap, PIECE / 2, MN_HEAP_PAGE), piece + PIECE / 2);
    assert_ptr_equal(mn_heap_take(&heap, PIECE / 4, MN_HEAP_PAGE), piece);
    free(piece);
}

static void heap_budget_lies_in_one_piece(void **state)
{
    (void)state;
    char *piece = piece_of_memory();
    struct mn_heap heap;
    mn_heap_init(&heap, NULL);
    mn_heap_add(&heap, piece, PIECE / 4);
    assert_int_equal(mn_heap_budget(&heap), PIECE / 4);
    mn_heap_add(&heap, piece + PIECE / 2, PIECE / 4);
    assert_in_range(mn_heap_budget(&heap) / 100 * 65, PIECE / 4 - 100, PIECE / 4);
    mn_heap_add(&heap, piece + PIECE / 4, PIECE / 4); /* joins the two */
    assert_int_equal(mn_heap_budget(&heap), PIECE / 4 * 3);
    free(piece);
}

/* Memory on both sides of a hole: the network still gets its share after rings, tables and tasks
 * have taken theirs, with the larger piece on either side. */
static void heap_in_two_pieces_keeps_the_network_whole(void **state)
{
    (void)state;
    static const size_t pieces[][2] = {{4, 4}, {5, 4}, {4, 5}, {6, 3}, {3, 6}, {6, 1}, {1, 6}};
    char *memory = aligned_alloc(MN_HEAP_PAGE, 16 * PIECE);
    assert_non_null(memory);
    for (unsigned i = 0; i < MN_COUNT_OF(pieces); i++) {
        struct mn_heap heap;
        mn_heap_init(&heap, NULL);
        mn_heap_add(&heap, memory + 5 * MN_HEAP_PAGE, pieces[i][0] * PIECE);
        mn_heap_add(&heap, memory + 8 * PIECE, pieces[i][1] * PIECE);
        /* A table, before it is known. */
        assert_non_null(mn_heap_take(&heap, MN_HEAP_PAGE, MN_HEAP_PAGE));
        size_t network = mn_heap_budget(&heap) / 100 * 65;
        struct mn_task_stacks stacks = mn_heap_task_stacks(&heap);
        assert_non_null(stacks.alloc(stacks.context, stacks.size));
        assert_non_null(mn_heap_take(&heap, 100000, MN_HEAP_PAGE));
        assert_non_null(mn_heap_take(&heap, MN_HEAP_PAGE, MN_HEAP_PAGE));
        assert_non_null(mn_heap_take(&heap, network, MN_HEAP_PAGE));
        assert_true(network >= (pieces[i][0] + pieces[i][1]) * PIECE / 100 * 35);
        for (int task = 0; task < 20; task++)
            assert_non_null(stacks.alloc(stacks.context, stacks.size));
    }
    free(memory);
}

/* In KiB: the memory of a heap, a task stack with its guard, and the network's share. */
static void heap_is_shared_by_network_and_tasks(void **state)
{
    (void)state;
    static const size_t shares[][3] = {{2700, 32, 1080},      {6700, 32, 2680},       {8 * 1024, 32, 4 * 1024},
                                       {15 * 1024, 40, 9984}, {24 * 1024, 64, 15974}, {64 * 1024, 64, 42598}};
    for (unsigned i = 0; i < MN_COUNT_OF(shares); i++) {
        struct mn_heap heap;
        char *memory = aligned_alloc(MN_HEAP_PAGE, shares[i][0] * 1024);
        mn_heap_init(&heap, NULL);
        mn_heap_add(&heap, memory, shares[i][0] * 1024);
        assert_int_equal(mn_heap_task_stacks(&heap).size, shares[i][1] * 1024);
        assert_in_range(mn_heap_budget(&heap) / 100 * 65 / 1024, shares[i][2] - 1, shares[i][2]);
        free(memory);
    }
}

/* The memory that is left on a machine of 8 MiB. */
static void heap_has_room_for_100_tasks(void **state)
{
    (void)state;
    size_t size = (size_t)6600 * 1024;
    char *memory = aligned_alloc(MN_HEAP_PAGE, size);
    struct mn_heap heap;
    mn_heap_init(&heap, NULL);
    mn_heap_add(&heap, memory, size);
    struct mn_task_stacks stacks = mn_heap_task_stacks(&heap);
    assert_non_null(mn_heap_take(&heap, mn_heap_budget(&heap) / 100 * 65, MN_HEAP_PAGE));
    for (int i = 0; i < 120; i++)
        assert_non_null(stacks.alloc(stacks.context, stacks.size));
    free(memory);
}

static void task_stacks_lie_above_guards_and_are_used_again(void **state)
{
    (void)state;
    char *piece = piece_of_memory();
    struct mn_heap heap;
    size_t block = (size_t)32 * 1024;
    mn_heap_init(&heap, guard);
    mn_heap_add(&heap, piece, 2 * block + MN_HEAP_PAGE);
    struct mn_task_stacks stacks = mn_heap_task_stacks(&heap);
    assert_int_equal(stacks.size, block - MN_HEAP_PAGE);
    guard_fails = true;
    assert_null(stacks.alloc(stacks.context, stacks.size));
    guard_fails = false;
    guarded_count = 0;
    char *first = stacks.alloc(stacks.context, stacks.size);
    char *second = stacks.alloc(stacks.context, stacks.size);
    assert_ptr_equal(first, piece + block + 2 * MN_HEAP_PAGE);
    assert_ptr_equal(second, piece + 2 * MN_HEAP_PAGE);
    assert_null(stacks.alloc(stacks.context, stacks.size));
    assert_int_equal(guarded_count, 2);
    assert_ptr_equal(guarded[0], first - MN_HEAP_PAGE);
    assert_ptr_equal(guarded[1], second - MN_HEAP_PAGE);
    stacks.free(stacks.context, first, stacks.size);
    assert_ptr_equal(stacks.alloc(stacks.context, stacks.size), first);
    assert_int_equal(guarded_count, 2);
    free(piece);
}

static void task_stacks_of_other_sizes_are_given_back(void **state)
{
    (void)state;
    char *piece = piece_of_memory();
    struct mn_heap heap;
    size_t block = (size_t)32 * 1024;
    mn_heap_init(&heap, guard);
    mn_heap_add(&heap, piece, 4 * block);
    struct mn_task_stacks stacks = mn_heap_task_stacks(&heap);
    guarded_count = 0;
    for (int i = 0; i < 10; i++) {
        char *large = stacks.alloc(stacks.context, 3 * block);
        assert_non_null(large);
        assert_null(stacks.alloc(stacks.context, 2 * block));
        stacks.free(stacks.context, large, 3 * block);
    }
    assert_int_equal(guarded_count, 0);
    assert_non_null(mn_heap_take(&heap, 4 * block, MN_HEAP_PAGE)); /* in one piece again */
    free(piece);
}

/* ---- Entropy ---- */

static void cpu_entropy_differs_or_is_refused(void **state)
{
    (void)state;
    uint8_t first[37] = {0}, second[37] = {0};
    if (!mn_cpu_entropy(first, sizeof first))
        skip(); /* the processor has no source */
    assert_true(mn_cpu_entropy(second, sizeof second));
    assert_memory_not_equal(first, second, sizeof first);
    assert_memory_not_equal(first + 29, ((uint8_t[8]){0}), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memmove_every_length_and_overlap),
        cmocka_unit_test(memcpy_and_memset_every_length),
        cmocka_unit_test(memcmp_says_which_is_first),
        cmocka_unit_test(strings_as_the_library_has_them),
        cmocka_unit_test(command_line_is_cut_at_blanks),
        cmocka_unit_test(command_line_words_for_a_kernel_are_skipped),
        cmocka_unit_test(command_line_words_of_nobody_are_the_programs),
        cmocka_unit_test(command_line_is_divided_by_two_dashes),
        cmocka_unit_test(heap_gives_whole_pages_and_takes_them_back),
        cmocka_unit_test(heap_random_takes_never_overlap),
        cmocka_unit_test(heap_budget_lies_in_one_piece),
        cmocka_unit_test(heap_in_two_pieces_keeps_the_network_whole),
        cmocka_unit_test(heap_is_shared_by_network_and_tasks),
        cmocka_unit_test(heap_has_room_for_100_tasks),
        cmocka_unit_test(task_stacks_lie_above_guards_and_are_used_again),
        cmocka_unit_test(task_stacks_of_other_sizes_are_given_back),
        cmocka_unit_test(cpu_entropy_differs_or_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
