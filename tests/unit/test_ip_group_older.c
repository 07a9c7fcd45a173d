/* Membership of multicast groups if a querier speaks an older version: MLDv1 (RFC 2710), IGMPv2 and
 * IGMPv1 (RFC 2236). */
#include "tests/support/group_host.h"

/* MLD2-8.2.1-1, MLD2-8.2.1-2, MLD2-9.12-1, MLD1-4-4, MLD1-4-6, MLD1-4-7, MLD2-9.11-1,
 * IGMP3-7.2.1-1, IGMP3-8.12-1, IGMP2-3-3, IGMP2-3-4 */
static void older_querier_sets_the_version_for_260_s(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        uint8_t older = newest(ipv4) - 1;
        begin(&h);
        receive_query(&h, ipv4, .version = older, .max_ms = 10000);
        listen(&h, 11000);
        join(&h, ipv4, 1);
        listen(&h, 60000);
        assert_int_equal(said_count, 2);
        for (unsigned i = 0; i < 2; i++) {
            expect_record(i, 0, group_of(ipv4, 1));
            assert_int_equal(said[i].version, older);
            assert_address6(said[i].destination, group_of(ipv4, 1));
        }
        assert_int_equal(said[0].ms, 0);
        assert_in_range(said[1].ms, 1, 10000);
        leave(&h, ipv4, 1);
        listen(&h, 20000);
        assert_int_equal(said_count, 1);
        assert_true(said[0].leave && said[0].version == older);
        assert_address6(said[0].destination, ipv4 ? mnet_ipv4(224, 0, 0, 2) : mn_ipv6_all_routers);
        listen(&h, 260000 - 91000 - 10); /* since the query: 11 + 60 + 20 s */
        assert_int_equal(h.ip.groups.queriers[ipv4 ? MN_GROUPS_IPV4 : MN_GROUPS_IPV6].version, older);
        listen(&h, 20);
        join(&h, ipv4, 1);
        listen(&h, 0);
        assert_int_equal(said_count, 1);
        expect_record(0, MN_GROUP_TO_EXCLUDE, group_of(ipv4, 1));
        ip_host_down(&h);
    }
}

/* MLD2-8.2.1-4, IGMP3-7.2.1-5 */
static void change_of_version_cancels_what_is_pending(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 2);
        leave(&h, ipv4, 2);
        join(&h, ipv4, 3);
        listen(&h, 0);
        assert_int_equal(said_count, 1);
        receive_query(&h, ipv4, .max_ms = 10000);
        receive_query(&h, ipv4, .version = newest(ipv4) - 1, .max_ms = 2000);
        listen(&h, 12000);
        unsigned reports[4] = {0};
        for (unsigned i = 0; i < said_count; i++) {
            assert_int_equal(said[i].version, newest(ipv4) - 1);
            for (unsigned number = 1; number <= 3; number++)
                reports[number] += record_of(&said[i], group_of(ipv4, number)) != NULL;
        }
        assert_int_equal(reports[1], 1);
        assert_int_equal(reports[2], 0);
        assert_int_equal(reports[3], 1);
        ip_host_down(&h);
    }
}

/* MLD1-4-6, MLD2-6.1-1: a group that nobody was told of yet, as that of an address before it is
 * asked for, is told of in whatever version there is then. */
static void change_of_version_keeps_the_first_report(void **state)
{
    (void)state;
    FOR_BOTH_FAMILIES
    for (int ends = 0; ends < 2; ends++) {
        struct ip_host h;
        uint8_t older = newest(ipv4) - 1;
        begin(&h);
        if (ends) {
            receive_query(&h, ipv4, .version = older, .max_ms = 10000);
            listen(&h, 259500);
        }
        assert_int_equal(mn_ip_join(&h.ip, group_of(ipv4, 1), h.now + 900 * MNET_MILLISECOND), 0);
        if (!ends)
            receive_query(&h, ipv4, .version = older, .max_ms = 100, .group = 2);
        listen(&h, 20000);
        unsigned reports = 0;
        for (unsigned i = 0; i < said_count; i++)
            reports += record_of(&said[i], group_of(ipv4, 1)) != NULL;
        assert_int_equal(reports, 2);
        ip_host_down(&h);
    }
}

/* MLD1-4-1, IGMP2-3-1 */
static void older_general_query_is_answered_for_each_group_at_its_own_time(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 3);
        receive_query(&h, ipv4, .version = newest(ipv4) - 1, .max_ms = 10000);
        listen(&h, 11000);
        uint64_t at[4] = {0};
        for (unsigned i = 0; i < said_count; i++) {
            assert_int_equal(said[i].count, 1);
            assert_address6(said[i].destination, said[i].records[0].group);
            for (unsigned number = 1; number <= 3; number++)
                if (record_of(&said[i], group_of(ipv4, number)) != NULL) {
                    assert_int_equal(at[number], 0);
                    at[number] = said[i].ms;
                }
        }
        assert_true(at[1] > 0 && at[2] > 0 && at[3] > 0);
        assert_true(at[1] != at[2] && at[2] != at[3] && at[1] != at[3]);
        ip_host_down(&h);
    }
}

/* MLD1-4-2, IGMP2-3-1; the next query must not restart a time that is early enough. */
static void older_time_is_reset_only_if_the_next_query_is_in_more_hurry(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        uint8_t older = newest(ipv4) - 1;
        begin_with(&h, ipv4, 1);
        receive_query(&h, ipv4, .version = older, .max_ms = 20000, .group = 0);
        struct mn_group *group = &h.ip.groups.entries[h.ip.groups.count - 1];
        assert_address6(group->address, group_of(ipv4, 1));
        uint64_t at = group->answer_ns;
        receive_query(&h, ipv4, .version = older, .max_ms = 25000, .group = 1);
        assert_int_equal(group->answer_ns, at);
        receive_query(&h, ipv4, .version = older, .max_ms = 100, .group = 1);
        assert_true(group->answer_ns <= h.now + 100 * MNET_MILLISECOND);
        ip_host_down(&h);
    }
}

/* MLD1-4-3 */
static void older_query_without_delay_is_answered_at_once(void **state)
{
    (void)state;
    struct ip_host h;
    begin_with(&h, false, 1);
    receive_query(&h, false, .version = 1, .max_ms = 0, .group = 1);
    listen(&h, 0);
    assert_int_equal(said_count, 1);
    expect_record(0, 0, group_of(false, 1));
    ip_host_down(&h);
}

/* MLD1-4-5, MLD2-5.2.14-2, IGMP2-5-1, MLD1-5-2; MLD2-6-2 and MLD2-8.2.2-1: not in the newest
 * version. */
static void older_report_of_another_stands_for_ours(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 2);
        receive_query(&h, ipv4, .max_ms = 5000, .group = 1);
        receive_report(&h, ipv4, group_of(ipv4, 1));
        listen(&h, 6000);
        assert_int_equal(said_count, 1);
        receive_query(&h, ipv4, .version = newest(ipv4) - 1, .max_ms = 5000);
        receive_report(&h, ipv4, group_of(ipv4, 1));
        receive_report(&h, ipv4, group_of(ipv4, 7));
        listen(&h, 6000);
        unsigned ours = 0;
        for (unsigned i = 0; i < said_count; i++) {
            assert_null(record_of(&said[i], group_of(ipv4, 1)));
            ours += record_of(&said[i], group_of(ipv4, 2)) != NULL;
        }
        assert_int_equal(ours, 1);
        ip_host_down(&h);
    }
}

/* IGMP2-4-1, IGMP2-4-2, IGMP3-7.2.1-2 */
static void igmp_version_1_lasts_then_version_2_then_3(void **state)
{
    (void)state;
    struct ip_host h;
    begin_with(&h, true, 1);
    receive_query(&h, true, .version = 1); /* answered within 10 s */
    receive_query(&h, true, .version = 2, .max_ms = 20000);
    listen(&h, 21000);
    assert_int_equal(said_count, 1);
    assert_int_equal(said[0].version, 1);
    leave(&h, true, 1);
    listen(&h, 3000);
    assert_int_equal(said_count, 0);
    pass_ms(&h, 260000 - 24000 + 10); /* version 1 is over, version 2 ten seconds later */
    join(&h, true, 1);
    listen(&h, 0);
    assert_int_equal(said[0].version, 2);
    listen(&h, 12000);
    leave(&h, true, 1);
    listen(&h, 0);
    assert_int_equal(said[0].version, 3);
    ip_host_down(&h);
}

/* RFC 3376 7.2.1: a specific query of version 2 may come from a router that speaks version 3. */
static void igmp_version_2_needs_a_general_query(void **state)
{
    (void)state;
    struct ip_host h;
    begin_with(&h, true, 1);
    receive_query(&h, true, .version = 2, .group = 1);
    listen(&h, 2000);
    assert_int_equal(said_count, 1);
    assert_int_equal(said[0].version, 3);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_querier_sets_the_version_for_260_s),
        cmocka_unit_test(change_of_version_cancels_what_is_pending),
        cmocka_unit_test(change_of_version_keeps_the_first_report),
        cmocka_unit_test(older_general_query_is_answered_for_each_group_at_its_own_time),
        cmocka_unit_test(older_time_is_reset_only_if_the_next_query_is_in_more_hurry),
        cmocka_unit_test(older_query_without_delay_is_answered_at_once),
        cmocka_unit_test(older_report_of_another_stands_for_ours),
        cmocka_unit_test(igmp_version_1_lasts_then_version_2_then_3),
        cmocka_unit_test(igmp_version_2_needs_a_general_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
