/* Search lists and special names of DNS. */
#include "unit/support.h"

#include "dns/search.h"

static struct mn_dns_search search;

static struct mn_dns_name parse(const char *text, bool *complete)
{
    struct mn_dns_name name;
    assert_true(mn_dns_name_parse(&name, text, complete));
    return name;
}

static void set_domains(const char *first, const char *second)
{
    bool complete;
    search.count = 0;
    if (first != NULL)
        search.domains[search.count++] = parse(first, &complete);
    if (second != NULL)
        search.domains[search.count++] = parse(second, &complete);
}

/* Expects that these names stand for one, in this order. */
static void expect_names(const char *text, const char *first, const char *second)
{
    const char *const expected[] = {first, second};
    bool complete;
    struct mn_dns_name name = parse(text, &complete), found;
    unsigned number = 0;
    for (; number < 2 && expected[number] != NULL; number++) {
        char found_text[MN_DNS_NAME_TEXT];
        assert_true(mn_dns_search_name(&search, &name, complete, number, &found));
        mn_dns_name_format(&found, found_text);
        assert_string_equal(found_text, expected[number]);
    }
    assert_false(mn_dns_search_name(&search, &name, complete, number, &found));
}

/* DNS1123-6.1.4.3-2: no name is asked for twice, and none of a single label at the root. */
static void single_label_is_searched_for(void **state)
{
    (void)state;
    set_domains("lab.example", "example");
    expect_names("host", "host.lab.example", "host.example");
    expect_names("7host", "7host.lab.example", "7host.example"); /* DNS1123-2.1-2 */
}

/* DNS1123-6.1.4.3-3: an empty list switches the search off. */
static void without_domains_a_name_is_itself(void **state)
{
    (void)state;
    set_domains(NULL, NULL);
    expect_names("host", "host", NULL);
}

/* DNS1123-6.1.4.3-1 */
static void complete_names_are_not_searched_for(void **state)
{
    (void)state;
    set_domains("lab.example", "example");
    expect_names("host.", "host", NULL);
    expect_names("www.example", "www.example", NULL);
    expect_names("www.example.", "www.example", NULL);
}

static void domain_that_makes_a_name_too_long_is_left_out(void **state)
{
    (void)state;
    char domain[250];
    memset(domain, 'a', sizeof domain);
    domain[60] = domain[120] = domain[180] = '.';
    domain[239] = '\0';
    set_domains(domain, "example");
    expect_names("a-long-name-of-19-c", "a-long-name-of-19-c.example", NULL);
}

/* SPEC-6.3-1, SPEC-6.4-1, SPEC-6.2-1 */
static void some_names_are_special(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum mn_dns_special special;
    } cases[] = {
        {"localhost", MN_DNS_LOCALHOST},        {"LocalHost.", MN_DNS_LOCALHOST}, {"a.b.localhost", MN_DNS_LOCALHOST},
        {"localhost.example", MN_DNS_ORDINARY}, {"xlocalhost", MN_DNS_ORDINARY},  {"invalid", MN_DNS_INVALID},
        {"x.INVALID", MN_DNS_INVALID},          {"a.test", MN_DNS_ORDINARY},      {".", MN_DNS_ORDINARY},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        bool complete;
        struct mn_dns_name name = parse(cases[i].text, &complete);
        assert_int_equal(mn_dns_name_special(&name), cases[i].special);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_label_is_searched_for),
        cmocka_unit_test(without_domains_a_name_is_itself),
        cmocka_unit_test(complete_names_are_not_searched_for),
        cmocka_unit_test(domain_that_makes_a_name_too_long_is_left_out),
        cmocka_unit_test(some_names_are_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
