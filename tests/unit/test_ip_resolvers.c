/* DNS servers and search names from Router Advertisements (RFC 8106). */
#include "unit/support.h"

#include "ip/v6/resolvers.h"
#include "support/addresses.h"

#define TEXT_MAX 512

static uint64_t seconds(uint64_t number)
{
    return number * MNET_SECOND;
}

/* An option with up to four addresses. */
#define SERVERS(...) \
    (const char *const[4]) \
    { \
        __VA_ARGS__ \
    }
static void input(struct mn_resolvers *resolvers, const char *const texts[4], uint32_t lifetime_s, uint64_t at_s)
{
    struct mnet_address addresses[4];
    unsigned count = 0;
    for (; count < 4 && texts[count] != NULL; count++)
        addresses[count] = address(texts[count]);
    const struct mn_resolver_option option = {addresses, count, lifetime_s};
    mn_resolvers_input(resolvers, &option, seconds(at_s));
}

static void expect_servers(const struct mn_resolvers *resolvers, const char *expected)
{
    char text[TEXT_MAX] = "";
    for (unsigned i = 0; i < resolvers->server_count; i++) {
        char one[MNET_ADDRESS_TEXT];
        mnet_address_format(resolvers->servers[i].address, one, sizeof one);
        if (i > 0)
            strcat(text, " ");
        strcat(text, one);
    }
    assert_string_equal(text, expected);
}

/* An option with up to four names. */
static void input_names(struct mn_resolvers *resolvers, const char *const texts[4], uint32_t lifetime_s, uint64_t at_s)
{
    struct mn_search_option options[4];
    unsigned count = 0;
    for (; count < 4 && texts[count] != NULL; count++)
        options[count] = (struct mn_search_option){(const uint8_t *)texts[count], strlen(texts[count]), lifetime_s};
    mn_resolvers_input_names(resolvers, options, count, seconds(at_s));
}

static void expect_names(const struct mn_resolvers *resolvers, const char *expected)
{
    char text[TEXT_MAX] = "";
    for (unsigned i = 0; i < resolvers->name_count; i++) {
        if (i > 0)
            strcat(text, " ");
        strncat(text, (const char *)resolvers->names[i].bytes, resolvers->names[i].len);
    }
    assert_string_equal(text, expected);
}

/* RDNSS-6.2-1 */
static void new_servers_come_first_in_the_order_of_the_option(void **state)
{
    (void)state;
    struct mn_resolvers resolvers = {0};
    input(&resolvers, SERVERS("2001:db8::1", "2001:db8::2"), 100, 0);
    expect_servers(&resolvers, "2001:db8::1 2001:db8::2");
    assert_int_equal(resolvers.generation, 2);
    input(&resolvers, SERVERS("fe80::3", "2001:db8::2", "2001:db8::4"), 200, 0);
    expect_servers(&resolvers, "fe80::3 2001:db8::4 2001:db8::1 2001:db8::2");
    uint32_t generation = resolvers.generation;
    input(&resolvers, SERVERS("2001:db8::1"), 300, 0);
    assert_int_equal(resolvers.generation, generation);
    expect_servers(&resolvers, "fe80::3 2001:db8::4 2001:db8::1 2001:db8::2");
    mn_resolvers_expire(&resolvers, seconds(200));
    expect_servers(&resolvers, "2001:db8::1");
}

/* RDNSS-5.1-2, RDNSS-5.1-3, RDNSS-6.1-1, N6-8.3-1 */
static void server_ends_with_its_lifetime_or_at_once(void **state)
{
    (void)state;
    struct mn_resolvers resolvers = {0};
    assert_true(mn_resolvers_deadline(&resolvers) == MNET_NEVER);
    input(&resolvers, SERVERS("2001:db8::1"), 600, 10);
    input(&resolvers, SERVERS("2001:db8::2"), UINT32_MAX, 10);
    assert_true(mn_resolvers_deadline(&resolvers) == seconds(610));
    mn_resolvers_expire(&resolvers, seconds(609));
    expect_servers(&resolvers, "2001:db8::2 2001:db8::1");
    uint32_t generation = resolvers.generation;
    mn_resolvers_expire(&resolvers, seconds(610));
    expect_servers(&resolvers, "2001:db8::2");
    assert_int_not_equal(resolvers.generation, generation);
    mn_resolvers_expire(&resolvers, 2 * seconds(UINT32_MAX));
    expect_servers(&resolvers, "2001:db8::2");
    assert_true(mn_resolvers_deadline(&resolvers) == MNET_NEVER);
    input(&resolvers, SERVERS("2001:db8::2", "2001:db8::3"), 0, 700);
    expect_servers(&resolvers, "");
}

/* RDNSS-5.3.1-2 */
static void server_that_no_host_can_be_is_ignored(void **state)
{
    (void)state;
    struct mn_resolvers resolvers = {0};
    input(&resolvers, SERVERS("ff02::1", "::", "2001:db8::1"), 600, 0);
    expect_servers(&resolvers, "2001:db8::1");
}

/* RDNSS-6.2-2, RDNSS-5.3.1-3 */
static void full_list_loses_the_server_that_ends_first(void **state)
{
    (void)state;
    struct mn_resolvers resolvers = {0};
    for (uint8_t i = 0; i < MN_RESOLVERS_MAX; i++) {
        struct mnet_address server = address("2001:db8::");
        server.bytes[15] = (uint8_t)(i + 1);
        const struct mn_resolver_option option = {&server, 1, i == 2 ? 100 : 1000u + i};
        mn_resolvers_input(&resolvers, &option, 0);
    }
    expect_servers(&resolvers, "2001:db8::8 2001:db8::7 2001:db8::6 2001:db8::5 2001:db8::4 2001:db8::3 2001:db8::2 "
                               "2001:db8::1");
    input(&resolvers, SERVERS("2001:db8::a"), 99, 0);
    assert_true(mn_resolvers_deadline(&resolvers) == seconds(100));
    input(&resolvers, SERVERS("2001:db8::a", "2001:db8::b"), 2000, 0);
    expect_servers(&resolvers, "2001:db8::a 2001:db8::b 2001:db8::8 2001:db8::7 2001:db8::6 2001:db8::5 2001:db8::4 "
                               "2001:db8::2");
}

static void flood_of_servers_in_one_option_keeps_the_first(void **state)
{
    (void)state;
    struct mn_resolvers resolvers = {0};
    struct mnet_address many[100];
    for (uint8_t i = 0; i < 100; i++) {
        many[i] = address("2001:db8::");
        many[i].bytes[15] = (uint8_t)(i + 1);
    }
    const struct mn_resolver_option option = {many, 100, 50};
    mn_resolvers_input(&resolvers, &option, 0);
    expect_servers(&resolvers, "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5 2001:db8::6 2001:db8::7 "
                               "2001:db8::8");
}

/* RDNSS-6.2-1, RDNSS-5.1-2 */
static void names_are_kept_as_servers_are(void **state)
{
    (void)state;
    struct mn_resolvers resolvers = {0};
    input_names(&resolvers, SERVERS("\7example\3com", "\3lan"), 100, 0);
    input_names(&resolvers, SERVERS("\4home", "\3LAN"), 300, 0);
    expect_names(&resolvers, "\4home \7example\3com \3lan");
    assert_int_equal(resolvers.generation, 3);
    assert_true(mn_resolvers_deadline(&resolvers) == seconds(100));
    mn_resolvers_expire(&resolvers, seconds(100));
    expect_names(&resolvers, "\4home \3lan");
    assert_int_equal(resolvers.generation, 4);
    input_names(&resolvers, SERVERS("\4HOMe", "\5other"), 0, 110);
    expect_names(&resolvers, "\3lan");
}

/* RDNSS-6.2-2 */
static void full_list_loses_the_name_that_ends_first(void **state)
{
    (void)state;
    struct mn_resolvers resolvers = {0};
    input_names(&resolvers, SERVERS("\1a", "\1b", "\1c"), 300, 0);
    input_names(&resolvers, SERVERS("\1d"), 100, 0);
    input_names(&resolvers, SERVERS("\1e", "\1f"), 300, 0);
    expect_names(&resolvers, "\1e \1f \1d \1a \1b \1c");
    input_names(&resolvers, SERVERS("\1g"), 99, 0);
    expect_names(&resolvers, "\1e \1f \1d \1a \1b \1c");
    input_names(&resolvers, SERVERS("\1g"), 300, 0);
    expect_names(&resolvers, "\1g \1e \1f \1a \1b \1c");
}

static void names_of_impossible_size_are_ignored(void **state)
{
    (void)state;
    struct mn_resolvers resolvers = {0};
    uint8_t longest[MN_SEARCH_NAME_BYTES + 1];
    memset(longest, 'x', sizeof longest);
    const struct mn_search_option options[] = {
        {longest, sizeof longest, 100}, {longest, 0, 100}, {longest, MN_SEARCH_NAME_BYTES, 100}};
    mn_resolvers_input_names(&resolvers, options, 3, 0);
    assert_int_equal(resolvers.name_count, 1);
    assert_int_equal(resolvers.names[0].len, MN_SEARCH_NAME_BYTES);
    uint32_t generation = resolvers.generation;
    mn_resolvers_clear(&resolvers);
    assert_int_not_equal(resolvers.generation, generation);
    assert_int_equal(resolvers.name_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_servers_come_first_in_the_order_of_the_option),
        cmocka_unit_test(server_ends_with_its_lifetime_or_at_once),
        cmocka_unit_test(server_that_no_host_can_be_is_ignored),
        cmocka_unit_test(full_list_loses_the_server_that_ends_first),
        cmocka_unit_test(flood_of_servers_in_one_option_keeps_the_first),
        cmocka_unit_test(names_are_kept_as_servers_are),
        cmocka_unit_test(full_list_loses_the_name_that_ends_first),
        cmocka_unit_test(names_of_impossible_size_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
