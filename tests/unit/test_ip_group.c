/* Membership of multicast groups: MLDv2 (RFC 3810) and IGMPv3 (RFC 3376). Most tests run over both
 * families from one source. */
#include "tests/support/group_host.h"

/* ---- Changes ---- */

/* MLD2-6.1-1, MLD2-6.1-2, MLD2-6.1-4, MLD2-9.11-1, MLD2-9.1-1, MLD2-5.2.14-1, MLD2-3-2,
 * IGMP3-5.1-1, IGMP3-4.2.14-1, IGMP3-4.2.13-1, IGMP3-8.1-1 */
static void join_is_reported_at_once_and_once_more(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin(&h);
        join(&h, ipv4, 1);
        listen(&h, 5000);
        assert_int_equal(said_count, 2);
        for (unsigned i = 0; i < 2; i++) {
            expect_record(i, MN_GROUP_TO_EXCLUDE, group_of(ipv4, 1));
            assert_int_equal(said[i].version, newest(ipv4));
            assert_address6(said[i].destination, ipv4 ? mnet_ipv4(224, 0, 0, 22) : ADDRESS6(0xff02, 0, 0, 0x16));
            assert_address6(said[i].source, ipv4 ? mnet_address_from_ipv4(OWN_IP) : OWN_LINK6);
        }
        assert_int_equal(said[0].ms, 0);
        assert_in_range(said[1].ms, 1, 1000);
        ip_host_down(&h);
    }
}

static void leave_is_reported_at_once_and_once_more(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 1);
        unsigned count = h.ip.groups.count;
        leave(&h, ipv4, 1);
        assert_false(mn_groups_contain(&h.ip.groups, group_of(ipv4, 1)));
        listen(&h, 5000);
        assert_int_equal(said_count, 2);
        expect_record(0, MN_GROUP_TO_INCLUDE, group_of(ipv4, 1));
        expect_record(1, MN_GROUP_TO_INCLUDE, group_of(ipv4, 1));
        assert_int_equal(said[0].ms, 0);
        assert_in_range(said[1].ms, 1, 1000);
        assert_int_equal(h.ip.groups.count, count - 1);
        ip_host_down(&h);
    }
}

/* MLD2-4.2-5, MLD2-4.1-1 */
static void further_members_change_nothing(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 1);
        join(&h, ipv4, 1);
        join(&h, ipv4, 1);
        leave(&h, ipv4, 1);
        leave(&h, ipv4, 1);
        listen(&h, 3000);
        assert_int_equal(said_count, 0);
        assert_true(mn_groups_contain(&h.ip.groups, group_of(ipv4, 1)));
        ip_host_down(&h);
    }
}

/* MLD2-6.1-5, MLD2-6.1-6, IGMP3-5.1-2 */
static void change_of_a_change_is_reported_in_its_place(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin(&h);
        join(&h, ipv4, 1);
        listen(&h, 0);
        expect_record(0, MN_GROUP_TO_EXCLUDE, group_of(ipv4, 1));
        leave(&h, ipv4, 1);
        listen(&h, 5000);
        assert_int_equal(said_count, 2);
        expect_record(0, MN_GROUP_TO_INCLUDE, group_of(ipv4, 1));
        expect_record(1, MN_GROUP_TO_INCLUDE, group_of(ipv4, 1));
        assert_int_equal(said[0].ms, 0);
        join(&h, ipv4, 1); /* nobody has heard of this one yet */
        leave(&h, ipv4, 1);
        listen(&h, 3000);
        assert_int_equal(said_count, 0);
        ip_host_down(&h);
    }
}

/* MLD2-6.3-1 */
static void changes_together_share_a_report(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 1);
        join(&h, ipv4, 2);
        join(&h, ipv4, 3);
        leave(&h, ipv4, 1);
        listen(&h, 3000);
        assert_int_equal(said_count, 2);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(said[i].count, 3);
            assert_int_equal(record_of(&said[i], group_of(ipv4, 1))->type, MN_GROUP_TO_INCLUDE);
            assert_int_equal(record_of(&said[i], group_of(ipv4, 3))->type, MN_GROUP_TO_EXCLUDE);
        }
        ip_host_down(&h);
    }
}

/* MLD2-5.1.8-1 */
static void robustness_of_the_querier_is_adopted(void **state)
{
    (void)state;
    static const struct {
        uint8_t said;
        unsigned reports;
    } rows[] = {{3, 3}, {7, 7}, {0, 2}, {1, 2}};
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        for (size_t i = 0; i < MN_COUNT_OF(rows); i++) {
            begin(&h);
            receive_query(&h, ipv4, .robustness = rows[i].said);
            listen(&h, 3000);
            join(&h, ipv4, 1);
            listen(&h, 10000);
            assert_int_equal(said_count, rows[i].reports);
            ip_host_down(&h);
        }
    }
}

/* MLD2-6-1, IGMP3-5-1: 224.0.0.1 and ff02::1 among them. */
static void groups_that_are_not_reported(void **state)
{
    (void)state;
    const struct mnet_address groups[] = {mnet_address_from_ipv4(MN_IGMP_ALL_SYSTEMS), mn_ipv6_all_nodes,
                                          ADDRESS6(0xff01, 0, 0, 5), ADDRESS6(0xff00, 0, 0, 5),
                                          ADDRESS6(0xff11, 0, 0, 5)};
    struct ip_host h;
    begin(&h);
    for (size_t i = 0; i < MN_COUNT_OF(groups); i++) {
        assert_int_equal(mn_ip_join(&h.ip, groups[i], 0), 0);
        assert_true(mn_groups_contain(&h.ip.groups, groups[i]));
    }
    receive_query(&h, true);
    receive_query(&h, false);
    listen(&h, 3000);
    for (unsigned i = 0; i < said_count; i++)
        for (size_t j = 0; j < MN_COUNT_OF(groups); j++)
            assert_null(record_of(&said[i], groups[j]));
    for (size_t i = 0; i < MN_COUNT_OF(groups); i++)
        mn_ip_leave(&h.ip, groups[i]);
    listen(&h, 3000);
    assert_int_equal(said_count, 0);
    assert_true(mn_groups_contain(&h.ip.groups, mn_ipv6_all_nodes)); /* the host's own */
    ip_host_down(&h);
}

/* RFC 3376 5: 224.0.0.x other than 224.0.0.1 is reported. */
static void local_network_groups_are_reported(void **state)
{
    (void)state;
    struct ip_host h;
    begin(&h);
    assert_int_equal(mn_ip_join(&h.ip, mnet_ipv4(224, 0, 0, 251), 0), 0);
    listen(&h, 2000);
    expect_record(0, MN_GROUP_TO_EXCLUDE, mnet_ipv4(224, 0, 0, 251));
    ip_host_down(&h);
}

static void host_without_groups_says_nothing(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    for (uint8_t version = 1; version <= 3; version++) {
        receive_query(&h, true, .version = version);
        listen(&h, 12000);
        assert_int_equal(said_count, 0);
    }
    ip_host_down(&h);
}

static void link_up_reports_all_groups_again(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 3);
        receive_query(&h, ipv4, .version = 1);
        listen(&h, 12000);
        mn_ip_note_link_up(&h.ip, h.now);
        listen(&h, 3000);
        unsigned full = 0;
        for (unsigned i = 0; i < said_count; i++) {
            /* The old querier is elsewhere. */
            assert_int_equal(said[i].version, newest(said[i].ipv4));
            full += said[i].ipv4 == ipv4 && record_of(&said[i], group_of(ipv4, 2)) != NULL;
        }
        assert_int_equal(full, 2);
        ip_host_down(&h);
    }
}

/* ---- Queries ---- */

/* MLD2-6.2-2, MLD2-6.3-1, MLD2-6.3-2, IGMP3-5.2-1 */
static void general_query_is_answered_once_after_a_random_time(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        unsigned early = 0, late = 0;
        begin_with(&h, ipv4, 5);
        for (int i = 0; i < 40; i++) {
            receive_query(&h, ipv4, .max_ms = 5000);
            listen(&h, 5001);
            assert_int_equal(said_count, 1);
            for (unsigned number = 1; number <= 5; number++) {
                const struct said_record *record = record_of(&said[0], group_of(ipv4, number));
                assert_int_equal(record->type, MN_GROUP_IS_EXCLUDE);
                assert_int_equal(record->source_count, 0);
            }
            assert_in_range(said[0].ms, 1, 5001);
            early += said[0].ms < 1500;
            late += said[0].ms > 3500;
        }
        assert_true(early >= 4 && late >= 4);
        assert_counted(&h, GROUP_QUERIES, 40);
        ip_host_down(&h);
    }
}

/* MLD2-5.2.12-2: a group that nobody wants is in no answer, but is told of with an empty list when
 * it is left. */
static void group_that_was_left_is_in_no_answer(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        unsigned told = 0, answers = 0;
        begin_with(&h, ipv4, 2);
        leave(&h, ipv4, 1);
        for (int i = 0; i < 8; i++) {
            receive_query(&h, ipv4);
            listen(&h, 1200);
            for (unsigned j = 0; j < said_count; j++) {
                const struct said_record *left = record_of(&said[j], group_of(ipv4, 1));
                const struct said_record *other = record_of(&said[j], group_of(ipv4, 2));
                assert_true(left == NULL || (left->type == MN_GROUP_TO_INCLUDE && left->source_count == 0));
                told += left != NULL;
                answers += other != NULL && other->type == MN_GROUP_IS_EXCLUDE;
            }
        }
        assert_int_equal(told, 2);
        assert_int_equal(answers, 8);
        ip_host_down(&h);
    }
}

/* MLD2-6.3-2: not even if it says so. */
static void general_query_without_delay_is_not_answered_at_once(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 1);
        receive_query(&h, ipv4, .max_ms = 0);
        if (ipv4) /* code 0 and 12 bytes: still version 3 */
            assert_int_equal(h.ip.groups.queriers[MN_GROUPS_IPV4].version, 3);
        assert_true(mn_ip_deadline(&h.ip) > h.now);
        listen(&h, 3000);
        assert_int_equal(said_count, 1);
        ip_host_down(&h);
    }
}

/* MLD2-6.2-3, MLD2-6.2-4 */
static void general_queries_in_a_row_get_one_answer_at_the_earlier_time(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 1);
        receive_query(&h, ipv4, .max_ms = 10000);
        receive_query(&h, ipv4, .max_ms = 500);
        receive_query(&h, ipv4, .max_ms = 20000);
        listen(&h, 30000);
        assert_int_equal(said_count, 1);
        assert_in_range(said[0].ms, 1, 501);
        receive_query(&h, ipv4, .max_ms = 500);
        receive_query(&h, ipv4, .max_ms = 10000, .group = 1); /* the general answer tells it */
        listen(&h, 500);
        assert_true(said_count >= 1);
        ip_host_down(&h);
    }
}

/* MLD2-6.2-5, MLD2-6.3-3 */
static void specific_query_is_answered_if_the_group_is_joined(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 3);
        receive_query(&h, ipv4, .group = 2);
        receive_query(&h, ipv4, .group = 9, .to = all_nodes(ipv4));
        listen(&h, 3000);
        assert_int_equal(said_count, 1);
        expect_record(0, MN_GROUP_IS_EXCLUDE, group_of(ipv4, 2));
        assert_in_range(said[0].ms, 1, 1001);
        receive_query(&h, ipv4, .group = 2, .max_ms = 10000);
        leave(&h, ipv4, 2);
        listen(&h, 12000);
        assert_int_equal(said_count, 2);
        expect_record(0, MN_GROUP_TO_INCLUDE, group_of(ipv4, 2));
        expect_record(1, MN_GROUP_TO_INCLUDE, group_of(ipv4, 2));
        ip_host_down(&h);
    }
}

/* MLD2-6.2-5 to MLD2-6.2-7, MLD2-6.3-4, MLD2-10.1-1, IGMP3-9.1-3 */
static void query_of_sources_is_answered_with_them(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 1);
        receive_query(&h, ipv4, .group = 1, .first_source = 1, .source_count = 2);
        receive_query(&h, ipv4, .group = 1, .first_source = 2, .source_count = 2, .max_ms = 5000);
        listen(&h, 6000);
        assert_int_equal(said_count, 1);
        assert_in_range(said[0].ms, 1, 1001);
        expect_record(0, MN_GROUP_IS_INCLUDE, group_of(ipv4, 1));
        assert_int_equal(said[0].records[0].source_count, 3);
        for (unsigned i = 0; i < 3; i++)
            assert_address6(said[0].records[0].sources[i], source_of(ipv4, i + 1));
        /* With a query about the group, or with too many sources, it is about all. */
        receive_query(&h, ipv4, .group = 1, .first_source = 1, .source_count = 2);
        receive_query(&h, ipv4, .group = 1);
        receive_query(&h, ipv4, .group = 1, .first_source = 1, .source_count = 2);
        listen(&h, 3000);
        assert_int_equal(said_count, 1);
        expect_record(0, MN_GROUP_IS_EXCLUDE, group_of(ipv4, 1));
        receive_query(&h, ipv4, .group = 1, .first_source = 1, .source_count = MN_GROUP_SOURCES_MAX + 1);
        receive_query(&h, ipv4, .group = 1, .first_source = 1, .source_count = 1);
        listen(&h, 3000);
        assert_int_equal(said_count, 1);
        expect_record(0, MN_GROUP_IS_EXCLUDE, group_of(ipv4, 1));
        ip_host_down(&h);
    }
}

/* MLD2-5.1.15-1, IGMP3-4.1.12-1 */
static void query_to_any_own_address_is_answered(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 1);
        receive_query(&h, ipv4, .to = ipv4 ? mnet_address_from_ipv4(OWN_IP) : OWN_LINK6);
        listen(&h, 2000);
        assert_int_equal(said_count, 1);
        receive_query(&h, ipv4, .to = group_of(ipv4, 1));
        listen(&h, 2000);
        assert_int_equal(said_count, 1);
        receive_query(&h, ipv4, .to = group_of(ipv4, 2)); /* not joined */
        listen(&h, 2000);
        assert_int_equal(said_count, 0);
        ip_host_down(&h);
    }
}

/* MLD2-6.2-1, MLD2-5.1.2-1, IGMP3-9.1-1, MLDS-4-1 */
static void invalid_query_is_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 1);
        receive_query(&h, ipv4, .hop_limit = 2);
        receive_query(&h, ipv4, .no_alert = true);
        receive_query(&h, ipv4, .wrong_checksum = true);
        if (!ipv4)
            receive_query(&h, ipv4, .far = true);
        listen(&h, 2000);
        assert_int_equal(said_count, 0);
        assert_counted(&h, GROUP_DROP_INVALID, 3);
        assert_counted(&h, ICMP_DROP_INVALID, ipv4 ? 0 : 1);
        assert_counted(&h, GROUP_QUERIES, 0);
        ip_host_down(&h);
    }
}

/* A switch that asks in place of a router may have no address (RFC 4541 2.1.1). */
static void query_from_no_address_is_answered_over_ipv4(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t message[MN_IGMP3_QUERY];
    struct mn_writer w = mn_writer(message, sizeof message);
    begin_with(&h, true, 1);
    mn_igmp_write_query(&w, &(struct mn_group_query){.version = 3, .max_response_ms = 1000}, NULL);
    mn_igmp_set_checksum(message, sizeof message);
    receive_ip(&h, .source = 0, .destination = MN_IGMP_ALL_SYSTEMS, .ttl = 1, .protocol = MN_PROTOCOL_IGMP,
               .payload = message, .len = sizeof message, .options = alert_option, .options_len = sizeof alert_option);
    listen(&h, 2000);
    assert_int_equal(said_count, 1);
    ip_host_down(&h);
}

/* ---- Before there is an address ---- */

/* MLD2-5.2.13-1, MLD2-5.2.13-2, MLDS-4-2, MLDS-4-3, N6-5.11-1, N6-5.11-2 */
static void tentative_reports_come_from_nowhere_and_again_from_the_address(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip6_host_config(&h);
    const struct mnet_address own = OWN6;
    assert_int_equal(ip_host_start(&h, &config), 0);
    listen(&h, 6000);
    assert_int_equal(probes_before, 0);
    assert_int_equal(said_count, 4); /* both addresses have the same group */
    for (unsigned i = 0; i < said_count; i++) {
        expect_record(i, MN_GROUP_TO_EXCLUDE, mn_ipv6_solicited_node(&own));
        assert_address6(said[i].source, i < 2 ? NONE6 : OWN_LINK6);
    }
    ip_host_down(&h);
}

static void ipv4_without_an_address_reports_from_0_0_0_0(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip_host_config(&h);
    config.user.ipv4 = (struct mnet_prefix){0};
    config.user.ipv4_gateway = MNET_ADDRESS_ANY;
    assert_int_equal(ip_host_start(&h, &config), 0);
    join(&h, true, 1);
    listen(&h, 2000);
    assert_int_equal(said_count, 2);
    assert_address6(said[0].source, mnet_ipv4(0, 0, 0, 0));
    ip_host_down(&h);
}

static void ipv6_that_is_off_has_no_groups(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(mn_ip_join(&h.ip, group_of(false, 1), 0), MNET_E_UNREACHABLE);
    assert_int_equal(mn_ip_join(&h.ip, mnet_address_from_ipv4(PEER_IP), 0), MNET_E_INVALID);
    ip_host_down(&h);
}

/* ---- Packets to groups ---- */

static void packets_of_joined_groups_are_taken(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin(&h);
        for (int joined = 0; joined < 2; joined++) {
            struct mnet_address group = group_of(ipv4, 1);
            enum mn_ip_verdict verdict = ipv4 ? receive_ip(&h, .destination = mnet_address_to_ipv4(group))
                                              : receive_ip6(&h, .destination = group);
            assert_int_equal(verdict, joined ? MN_IP_TRANSPORT : MN_IP_CONSUMED);
            assert_true(!joined || h.datagram.not_unicast);
            if (!joined)
                join(&h, ipv4, 1);
        }
        assert_counted(&h, IP_DROP_NOT_FOR_US, 1);
        leave(&h, ipv4, 1);
        assert_int_equal(ipv4 ? receive_ip(&h, .destination = mnet_address_to_ipv4(group_of(ipv4, 1)))
                              : receive_ip6(&h, .destination = group_of(ipv4, 1)),
                         MN_IP_CONSUMED);
        ip_host_down(&h);
    }
}

/* ---- Limits ---- */

static void table_is_bounded_and_places_of_left_groups_are_used(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin(&h);
        unsigned count = 0;
        while (mn_ip_join(&h.ip, group_of(ipv4, count + 1), 0) == 0)
            count++;
        assert_true(count >= MN_GROUPS_USERS_MAX && count < MN_GROUPS_MAX);
        assert_int_equal(mn_ip_join(&h.ip, group_of(ipv4, 200), 0), MNET_E_LIMIT);
        listen(&h, 3000);
        leave(&h, ipv4, 1); /* two reports about that are still to be sent */
        assert_int_equal(mn_ip_join(&h.ip, group_of(ipv4, 200), 0), 0);
        assert_int_equal(mn_ip_join(&h.ip, group_of(ipv4, 201), 0), MNET_E_LIMIT);
        ip_host_down(&h);
    }
}

/* MLD2-5.2.15-1, IGMP3-4.2.16-1 */
static void records_beyond_the_mtu_go_into_further_reports(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        struct mn_ip_config config = ip_host_config(&h);
        if (!ipv4)
            config.user.ipv6 = (struct mnet_prefix){OWN6, 64};
        config.mtu = ipv4 ? 68 : 1280;
        assert_int_equal(ip_host_start(&h, &config), 0);
        listen(&h, 6000);
        unsigned count = 0;
        while (mn_ip_join(&h.ip, group_of(ipv4, count + 1), 0) == 0)
            count++;
        listen(&h, 3000);
        unsigned records = 0;
        for (unsigned i = 0; i < said_count; i++)
            records += said[i].count; /* each report fits the MTU: note_frames */
        assert_int_equal(records, 2 * count);
        assert_int_equal(said_count, 2 * (ipv4 ? (count + 3) / 4 : (count + 60) / 61));
        ip_host_down(&h);
    }
}

/* MLD2-10.1-1, IGMP3-9.1-3: a flood of queries, of any version, gets few answers. */
static void flood_of_queries_gets_few_answers(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin_with(&h, ipv4, 2);
        size_t used = mnet_memory_used(h.memory);
        for (uint8_t version = newest(ipv4); version >= newest(ipv4) - 1; version--) {
            unsigned answers = 0;
            for (unsigned ms = 0; ms < 2000; ms++) {
                receive_query(&h, ipv4, .version = version, .max_ms = ipv4 ? 100 : 0, .group = ms % 2);
                receive_query(&h, ipv4, .version = version, .max_ms = ipv4 ? 100 : 0, .group = 1, .source_count = 20,
                              .first_source = ms);
                listen(&h, 1);
                answers += said_count;
            }
            assert_in_range(answers, 1, 21 * 4);
            assert_int_equal(mnet_memory_used(h.memory), used);
        }
        ip_host_down(&h);
    }
}

static void report_without_memory_is_made_up_for(void **state)
{
    (void)state;
    struct ip_host h;
    FOR_BOTH_FAMILIES
    {
        begin(&h);
        struct mnet_packet *hoard = hoard_memory(&h);
        join(&h, ipv4, 1);
        pass_ms(&h, 1500);
        assert_true(counted(&h, TX_DROP_MEMORY) > 0);
        free_hoard(hoard);
        listen(&h, 5000);
        assert_int_equal(said_count, 2);
        ip_host_down(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_is_reported_at_once_and_once_more),
        cmocka_unit_test(leave_is_reported_at_once_and_once_more),
        cmocka_unit_test(further_members_change_nothing),
        cmocka_unit_test(change_of_a_change_is_reported_in_its_place),
        cmocka_unit_test(changes_together_share_a_report),
        cmocka_unit_test(robustness_of_the_querier_is_adopted),
        cmocka_unit_test(groups_that_are_not_reported),
        cmocka_unit_test(local_network_groups_are_reported),
        cmocka_unit_test(host_without_groups_says_nothing),
        cmocka_unit_test(link_up_reports_all_groups_again),
        cmocka_unit_test(general_query_is_answered_once_after_a_random_time),
        cmocka_unit_test(group_that_was_left_is_in_no_answer),
        cmocka_unit_test(general_query_without_delay_is_not_answered_at_once),
        cmocka_unit_test(general_queries_in_a_row_get_one_answer_at_the_earlier_time),
        cmocka_unit_test(specific_query_is_answered_if_the_group_is_joined),
        cmocka_unit_test(query_of_sources_is_answered_with_them),
        cmocka_unit_test(query_to_any_own_address_is_answered),
        cmocka_unit_test(invalid_query_is_dropped),
        cmocka_unit_test(query_from_no_address_is_answered_over_ipv4),
        cmocka_unit_test(tentative_reports_come_from_nowhere_and_again_from_the_address),
        cmocka_unit_test(ipv4_without_an_address_reports_from_0_0_0_0),
        cmocka_unit_test(ipv6_that_is_off_has_no_groups),
        cmocka_unit_test(packets_of_joined_groups_are_taken),
        cmocka_unit_test(table_is_bounded_and_places_of_left_groups_are_used),
        cmocka_unit_test(records_beyond_the_mtu_go_into_further_reports),
        cmocka_unit_test(flood_of_queries_gets_few_answers),
        cmocka_unit_test(report_without_memory_is_made_up_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
