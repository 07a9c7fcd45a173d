/* Lists of domain names in options. */
#include "unit/support.h"

#include "wire/domain.h"

static bool ok(const char *list, size_t len)
{
    uint8_t *exact = malloc(len + 1);
    memcpy(exact, list, len);
    bool result = mn_domains_ok(mn_reader(exact, len));
    free(exact);
    return result;
}

#define OK(list) ok(list, sizeof(list) - 1)

/* RDNSS-5.2-1, DHCP6DNS-4-1 */
static void names_are_read_one_by_one(void **state)
{
    (void)state;
    static const char list[] = "\3lab\7example\0\3org\0\0\0";
    struct mn_reader r = mn_reader(list, sizeof list - 1);
    char text[MN_DOMAIN];
    assert_true(mn_domain_next(&r, text));
    assert_string_equal(text, "lab.example");
    assert_true(mn_domain_next(&r, text));
    assert_string_equal(text, "org");
    assert_false(mn_domain_next(&r, text));
    assert_true(r.ok);
    assert_true(OK("\3lab\7example\0\3org\0\0\0"));
}

/* RDNSS-5.2-2, DHCP6-10-1 */
static void wrong_lists_are_noticed(void **state)
{
    (void)state;
    assert_false(OK(""));
    assert_false(OK("\0"));
    assert_false(OK("\0\0\0\0"));
    assert_false(OK("\3org"));
    assert_false(OK("\3or"));
    assert_false(OK("\3org\0\7example"));
    assert_false(OK("\3org\xc0\0"));
    assert_false(OK("\xc0\0"));
    assert_false(OK("\3a\0b\0"));
    assert_false(OK("\3a b\0"));
    assert_false(OK("\3a.b\0"));
    assert_false(OK("\3\xff\xfe\xfd\0"));
    assert_false(OK("\3org\0\0\3net\0"));
    assert_true(OK("\3_-9\0"));
}

static void longest_label_has_63_bytes(void **state)
{
    (void)state;
    char list[70];
    for (uint8_t len = 62; len < 67; len++) {
        memset(list, 'a', sizeof list);
        list[0] = (char)len;
        list[1 + len] = '\0';
        assert_int_equal(ok(list, len + 2u), len <= 63);
    }
}

/* RFC 1035 2.3.4: 255 bytes on the wire, which are 253 of text. */
static void longest_name_has_255_bytes(void **state)
{
    (void)state;
    char list[260], text[MN_DOMAIN];
    for (size_t len = 1; len < 256; len++) {
        size_t at = 0, left = len;
        while (left > 0) { /* labels with their lengths make `len` bytes; none is empty */
            size_t label = MN_MIN(left - 1, 63u);
            if (left - 1 - label == 1)
                label--;
            list[at++] = (char)label;
            memset(list + at, 'x', label);
            at += label;
            left -= label + 1;
        }
        list[at++] = '\0';
        if (len < 2)
            continue;
        struct mn_reader r = mn_reader(list, at);
        assert_int_equal(mn_domain_next(&r, text), len + 1 <= 255);
        if (len + 1 <= 255)
            assert_int_equal(strlen(text), len - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_one_by_one),
        cmocka_unit_test(wrong_lists_are_noticed),
        cmocka_unit_test(longest_label_has_63_bytes),
        cmocka_unit_test(longest_name_has_255_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
