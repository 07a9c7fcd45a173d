#include "unit/support.h"

#include "base/list.h"

struct item {
    struct mnet_link link;
    char name;
};

/* Checks the names from first to last, and from last to first as well. */
static void assert_names(const struct mnet_link *head, const char *names)
{
    size_t len = strlen(names), i = 0;
    if (head->next != NULL) {
        for (const struct mnet_link *at = head->next; at != head; at = at->next)
            assert_int_equal(MN_CONTAINER(at, struct item, link)->name, names[i++]);
        assert_int_equal(i, len);
        for (const struct mnet_link *at = head->prev; at != head; at = at->prev)
            assert_int_equal(MN_CONTAINER(at, struct item, link)->name, names[--i]);
    }
    assert_int_equal(mn_list_empty(head), len == 0);
    assert_ptr_equal(mn_list_first(head), len == 0 ? NULL : head->next);
    assert_ptr_equal(mn_list_last(head), len == 0 ? NULL : head->prev);
}

static void zeroed_head_is_an_empty_list(void **state)
{
    (void)state;
    struct mnet_link head = {0};
    assert_names(&head, "");
    assert_null(mn_list_take(&head));
    mn_list_init(&head);
    assert_names(&head, "");
    assert_null(mn_list_take(&head));
}

static void append_and_prepend_keep_order(void **state)
{
    (void)state;
    struct mnet_link head = {0};
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'}, d = {.name = 'd'};
    mn_list_prepend(&head, &b.link);
    assert_names(&head, "b");
    mn_list_append(&head, &d.link);
    mn_list_prepend(&head, &a.link);
    mn_list_insert_before(&d.link, &c.link);
    assert_names(&head, "abcd");
}

static void take_goes_from_the_front(void **state)
{
    (void)state;
    struct mnet_link head = {0};
    struct item a = {.name = 'a'}, b = {.name = 'b'};
    mn_list_append(&head, &a.link);
    mn_list_append(&head, &b.link);
    assert_ptr_equal(mn_list_take(&head), &a.link);
    assert_false(mn_list_linked(&a.link));
    assert_true(mn_list_linked(&b.link));
    assert_ptr_equal(mn_list_take(&head), &b.link);
    assert_names(&head, "");
}

/* So that one comparison tells whether a list is empty. */
static void emptied_head_is_zeroed(void **state)
{
    (void)state;
    struct mnet_link head = {0};
    struct item a = {.name = 'a'}, b = {.name = 'b'};
    mn_list_append(&head, &a.link);
    mn_list_prepend(&head, &b.link);
    mn_list_remove(&a.link);
    assert_names(&head, "b");
    mn_list_remove(&b.link);
    assert_null(head.next);
    assert_null(head.prev);
    assert_ptr_equal(mn_list_begin(&head), &head);
    mn_list_prepend(&head, &b.link);
    assert_names(&head, "b");
    assert_ptr_equal(mn_list_begin(&head), &b.link);
    assert_ptr_equal(mn_list_take(&head), &b.link);
    assert_null(head.next);
}

static void remove_works_anywhere_and_twice(void **state)
{
    (void)state;
    struct mnet_link head = {0};
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    mn_list_remove(&b.link);
    mn_list_append(&head, &a.link);
    mn_list_append(&head, &b.link);
    mn_list_append(&head, &c.link);
    mn_list_remove(&b.link);
    mn_list_remove(&b.link);
    assert_names(&head, "ac");
    mn_list_remove(&c.link);
    assert_names(&head, "a");
    mn_list_append(&head, &b.link);
    assert_names(&head, "ab");
    mn_list_remove(&a.link);
    mn_list_remove(&b.link);
    assert_names(&head, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_head_is_an_empty_list),    cmocka_unit_test(append_and_prepend_keep_order),
        cmocka_unit_test(take_goes_from_the_front),        cmocka_unit_test(emptied_head_is_zeroed),
        cmocka_unit_test(remove_works_anywhere_and_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
