/* A stub resolver, question by question: the cache, servers, and which answers count. */
#include "unit/dns_script.h"

struct dns_script *dns_script;

#define counted(s, name) ((s)->counters.value[MNET_COUNT_DNS_##name])

/* DNS1034-5.3.1-1, DNS1035-4.2.1-1, EDNS-6.2.3-2, N6-7-1, N6-7-4 */
static void question_goes_to_the_first_server(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    ask_first(&s, "www.example", MN_DNS_A);
    assert_int_equal(s.sent.type, MN_DNS_A);
    struct mn_dns_name name = name_of("www.example");
    assert_true(mn_dns_name_equal(&s.sent.name, &name));
    assert_true(s.sent.edns);
    expect_nothing(&s);
    answer_address(&s, 60);
    assert_int_equal(s.ended, 1);
    expect_address(&s);
    expect_act(&s, MN_DNS_CLOSE);
    expect_nothing(&s);
    dns_end(&s);
}

/* EDNS-7-2, DNS2181-9-2: an answer without OPT and other additional records is fine. */
static void answer_is_kept_for_its_time_to_live(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    answer_address(&s, 5);
    expect_closed(&s);
    release(&s);
    pass(&s, 4999);
    ask(&s, "WWW.example", MN_DNS_A); /* DNS1034-3.1-1 */
    expect_address(&s);
    release(&s);
    assert_int_equal(counted(&s, CACHED), 1);
    pass(&s, 1); /* DNS1123-6.1.3.1-3 */
    ask_first(&s, "www.example", MN_DNS_A);
    dns_end(&s);
}

/* DNS1035-3.2.1-1, DNS1123-6.1.2.1-1 */
static void time_to_live_of_zero_is_used_once(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    answer_address(&s, 0);
    expect_address(&s);
    release(&s);
    expect_closed(&s);
    ask_first(&s, "www.example", MN_DNS_A);
    dns_end(&s);
}

/* DNS1035-7.3-3, STALE-4-1 */
static void time_to_live_is_a_week_at_most(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    answer_address(&s, 0x7fffffff);
    release(&s);
    expect_closed(&s);
    pass(&s, 7u * 24 * 3600 * 1000 - 1);
    ask(&s, "www.example", MN_DNS_A);
    expect_address(&s);
    release(&s);
    pass(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    dns_end(&s);
}

static void many_lookups_are_one_question(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    for (unsigned i = 1; i < 10; i++)
        ask_number(&s, i, "www.EXAMPLE", MN_DNS_A); /* DSPOOF-9.2-4 */
    expect_nothing(&s);
    release_number(&s, 4);
    answer_address(&s, 0);
    assert_int_equal(s.ended, 9);
    for (unsigned i = 0; i < 10; i++) {
        if (i != 4)
            expect_found(&s, i, "\300\0\2\1", 4);
        release_number(&s, i);
    }
    dns_end(&s);
}

/* HE-5-8: a question goes on if nobody waits for it, and its answer is kept. */
static void cancelled_lookup_leaves_its_answer(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    release(&s);
    answer_address(&s, 60);
    assert_int_equal(s.ended, 0);
    expect_closed(&s);
    ask(&s, "www.example", MN_DNS_A);
    expect_address(&s);
    dns_end(&s);
}

static void without_servers_lookups_fail_at_once(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 0);
    ask(&s, "www.example", MN_DNS_A);
    expect_status(&s, MN_DNS_FAILED);
    expect_nothing(&s);
    dns_end(&s);
}

/* ---- servers ---- */

/* DNS1123-6.1.3.1-2, DNS1035-4.2.1-2, DNS1035-7.2-1, DNS1123-6.1.3.3-1 to DNS1123-6.1.3.3-3,
 * DNS1034-5.2.3-1: all servers in turn, more and more slowly, and then an end. */
static void silent_servers_are_asked_in_turn(void **state)
{
    (void)state;
    static const uint8_t order[] = {1, 2, 3, 1, 2, 3, 1, 2, 3};
    static const uint64_t waits[] = {1000, 1000, 1000, 2000, 2000, 2000, 4000, 4000, 4000};
    struct dns_script s;
    dns_begin(&s, 3);
    ask(&s, "www.example", MN_DNS_A);
    for (unsigned i = 0; i < MN_COUNT_OF(order); i++) {
        expect_question(&s, order[i]);
        expect_nothing(&s);
        assert_int_equal(pass_to_deadline(&s), waits[i]);
    }
    expect_status(&s, MN_DNS_FAILED);
    assert_int_equal(counted(&s, FAILED), 1);
    expect_closed(&s);
    dns_end(&s);
}

static void only_server_is_not_asked_again_within_two_seconds(void **state)
{
    (void)state;
    static const uint64_t waits[] = {2000, 4000, 8000};
    struct dns_script s;
    dns_begin(&s, 1);
    ask(&s, "www.example", MN_DNS_A);
    for (unsigned i = 0; i < MN_COUNT_OF(waits); i++) {
        expect_question(&s, 1);
        assert_int_equal(pass_to_deadline(&s), waits[i]);
    }
    expect_status(&s, MN_DNS_FAILED);
    dns_end(&s);
}

/* DNS1123-6.1.3.3-4, DNS2308-7.1-1: a failure is kept for a few seconds. */
static void failure_is_kept_for_ten_seconds(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    answer_error(&s, MN_DNS_SERVFAIL);
    expect_status(&s, MN_DNS_FAILED);
    expect_closed(&s);
    release(&s);
    ask(&s, "www.example", MN_DNS_A);
    expect_status(&s, MN_DNS_FAILED);
    release(&s);
    expect_nothing(&s);
    pass(&s, 10000);
    ask_first(&s, "www.example", MN_DNS_A);
    dns_end(&s);
}

/* DNS1035-4.1.1-3: the next server is asked at once, and none again that has refused. */
static void error_leads_to_the_next_server(void **state)
{
    (void)state;
    static const uint16_t errors[] = {MN_DNS_SERVFAIL, MN_DNS_REFUSED, MN_DNS_NOTIMP, MN_DNS_FORMERR, 11};
    for (unsigned i = 0; i < MN_COUNT_OF(errors); i++) {
        struct dns_script s;
        dns_begin(&s, 2);
        s.dns.servers.list[0].plain_until_ns = MNET_NEVER; /* no error is about EDNS */
        s.dns.servers.list[1].plain_until_ns = MNET_NEVER;
        ask_first(&s, "www.example", MN_DNS_A);
        assert_false(s.sent.edns);
        answer_error(&s, errors[i]);
        expect_question(&s, 2);
        answer_error(&s, errors[i]);
        expect_status(&s, MN_DNS_FAILED);
        expect_closed(&s);
        dns_end(&s);
    }
}

/* DNS1035-4.1.1-4, DNS2308-2.2-1: a server that does not recurse. */
static void referral_leads_to_the_next_server(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 3);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, 0x8100, 0, 0, 0); /* no recursion, nothing */
    receive(&s);
    expect_question(&s, 2);
    begin_answer(&s, RA, 0, 1, 0);
    put_name(&s, "example", MN_DNS_NS, 60, "ns.example");
    receive(&s);
    expect_question(&s, 3);
    answer_address(&s, 60);
    expect_address(&s);
    dns_end(&s);
}

/* DNS2308-7.2-1: a port where no server is. */
static void unreachable_server_is_passed_over_at_once(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    ask_first(&s, "www.example", MN_DNS_A);
    mn_dns_note_unreachable(&s.dns, s.out.slot, s.now);
    expect_question(&s, 2);
    answer_address(&s, 60);
    expect_closed(&s);
    ask_number(&s, 1, "b.example", MN_DNS_A);
    expect_question(&s, 2);
    answer_address(&s, 60);
    pass(&s, 10000);
    s.dns.servers.list[1].srtt_ns = MNET_SECOND; /* slow */
    ask_number(&s, 2, "c.example", MN_DNS_A);
    expect_question(&s, 1);
    dns_end(&s);
}

/* A server that was silent twice comes behind the others for a while: not for more than 5 minutes.
 * */
static void silent_server_is_set_aside(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    for (unsigned i = 0; i < 2; i++) {
        ask_number(&s, i, i == 0 ? "a.example" : "b.example", MN_DNS_A);
        expect_question(&s, 1);
        pass_to_deadline(&s);
        expect_question(&s, 2);
        s.dns.servers.list[1].srtt_ns = 0; /* no faster than the first */
        answer_address(&s, 60);
        s.dns.servers.list[1].srtt_ns = 200 * MNET_MILLISECOND;
        expect_closed(&s);
    }
    ask_number(&s, 2, "c.example", MN_DNS_A);
    expect_question(&s, 2);
    for (unsigned i = 0; i < 20; i++)
        mn_dns_server_note_timeout(&s.dns.servers.list[0], s.now);
    assert_int_equal(s.dns.servers.list[0].aside_until_ns, s.now + 300 * MNET_SECOND);
    dns_end(&s);
}

static void faster_server_is_preferred(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    ask_first(&s, "a.example", MN_DNS_A);
    pass(&s, 150);
    answer_address(&s, 60); /* slower than a server that is not known */
    ask_number(&s, 1, "b.example", MN_DNS_A);
    expect_question(&s, 2);
    pass(&s, 5);
    answer_address(&s, 60);
    ask_number(&s, 2, "c.example", MN_DNS_A);
    expect_question(&s, 2);
    assert_int_equal(pass_to_deadline(&s), 300); /* the shortest timeout */
    expect_question(&s, 1);
    dns_end(&s);
}

/* HE-3.1-1, HE-3.1-2 */
static void servers_of_both_families_are_kept(void **state)
{
    (void)state;
    struct mn_dns_servers servers = {.count = 0};
    struct mnet_address addresses[10];
    for (uint8_t i = 0; i < 9; i++)
        addresses[i] = server_number(i + 1);
    assert_int_equal(mnet_address_parse("2001:db8::53", &addresses[9]), 0);
    mn_dns_servers_set(&servers, addresses, 10);
    assert_int_equal(servers.count, MN_DNS_SERVERS);
    assert_true(mnet_address_equal(servers.list[0].address, addresses[9])); /* IPv6 first */
    for (uint8_t i = 1; i < MN_DNS_SERVERS; i++)
        assert_true(mnet_address_equal(servers.list[i].address, addresses[i - 1]));
    assert_int_equal(mn_dns_servers_best(&servers, 0, START), 0);
    servers.list[3].srtt_ns = 1;
    addresses[0] = server_number(77);
    mn_dns_servers_set(&servers, addresses, 10);
    assert_int_equal(servers.list[3].srtt_ns, 1); /* it is remembered */
    assert_true(mnet_address_equal(servers.list[1].address, addresses[0]));
}

static void new_servers_are_asked_at_once(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    unsigned slot = s.out.slot;
    struct mnet_address other = server_number(9);
    mn_dns_set_servers(&s.dns, &other, 1, s.now);
    expect_question(&s, 9);
    begin_answer(&s, RA, 0, 0, 0);
    /* the old server is not heard */
    mn_dns_input(&s.dns, slot, server_number(1), s.answer, answer_len(&s), s.now);
    expect_status(&s, MN_DNS_PENDING);
    mn_dns_set_servers(&s.dns, &other, 1, s.now); /* no change */
    expect_nothing(&s);
    mn_dns_set_servers(&s.dns, NULL, 0, s.now);
    expect_status(&s, MN_DNS_FAILED);
    dns_end(&s);
}

/* ---- which answers count ---- */

/* DSPOOF-9.1-1, DSPOOF-9.1-3, DSPOOF-9.1-4, DNS1035-7.3-1, DNS2181-4-1: each wrong in turn, and
 * then the right one. */
static void answer_must_match(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA, 0, 0, 0);
    receive_from(&s, 2); /* another server */
    s.answer[0] ^= 1;    /* another id */
    receive(&s);
    s.answer[0] ^= 1;
    s.answer[13] = '-'; /* another name */
    receive(&s);
    begin_answer(&s, RA, 0, 0, 0);
    s.answer[answer_len(&s) - 3] = MN_DNS_AAAA; /* another type */
    receive(&s);
    assert_int_equal(counted(&s, DROP_UNEXPECTED), 4);
    begin_answer(&s, RA, 0, 0, 0);
    s.answer[answer_len(&s) - 1] = 3; /* another class */
    receive(&s);
    begin_answer(&s, 0x0100, 0, 0, 0); /* our question */
    receive(&s);
    assert_int_equal(counted(&s, DROP_INVALID), 2);
    expect_status(&s, MN_DNS_PENDING);
    expect_nothing(&s);
    answer_address(&s, 60);
    expect_address(&s);
    dns_end(&s);
}

/* DSPOOF-9.3-1 */
static void many_wrong_answers_lead_to_a_stream(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA, 0, 0, 0);
    s.answer[1] ^= 1;
    for (unsigned i = 0; i < 19; i++)
        receive(&s);
    expect_nothing(&s);
    receive(&s);
    expect_act(&s, MN_DNS_STREAM_BEGIN);
    for (unsigned i = 0; i < 1000; i++) {
        s.out.slot = 0;
        receive_from(&s, 1);
    }
    expect_nothing(&s);
    expect_status(&s, MN_DNS_PENDING);
    dns_end(&s);
}

/* 0x20: a right answer repeats the case of every letter. */
static void answer_in_another_case_is_not_believed(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA, 1, 0, 0);
    put_record(&s, NULL, MN_DNS_A, 60, "\6\6\6\6", 4);
    s.answer[13] ^= 0x20;
    receive(&s);
    expect_status(&s, MN_DNS_PENDING);
    do
        assert_true(fetch(&s));
    while (s.out.act == MN_DNS_CLOSE);
    assert_int_equal(s.out.act, MN_DNS_STREAM_BEGIN);
    mn_dns_stream_note_open(&s.dns, s.out.slot, s.now);
    expect_stream_question(&s);
    begin_answer(&s, RA, 1, 0, 0);
    put_record(&s, NULL, MN_DNS_A, 60, "\300\0\2\1", 4);
    s.answer[13] ^= 0x20; /* such a server does it over TCP, too */
    receive_stream(&s, 1000);
    expect_address(&s);
    dns_end(&s);
}

/* DSPOOF-9.2-3, DSPOOF-9.2-2: ids are all over their range, and each question has a port of its
 * own. */
static void ids_and_cases_are_random(void **state)
{
    (void)state;
    uint16_t first[16];
    for (uint8_t seed = 1; seed < 3; seed++) {
        struct dns_script s;
        unsigned high = 0, slots = 0;
        dns_begin_with(&s, seed, 1, 0);
        for (unsigned i = 0; i < 60; i++) {
            char text[16] = "aa.example";
            text[0] = (char)('a' + i / 26);
            text[1] = (char)('a' + i % 26);
            ask_number(&s, i, text, MN_DNS_A);
            expect_question(&s, 1);
            high += s.sent.id >> 15;
            slots |= s.out.slot == i;
            if (i < 16 && seed == 1)
                first[i] = s.sent.id;
            else if (i < 16)
                assert_int_not_equal(first[i], s.sent.id);
        }
        assert_in_range(high, 15, 45);
        assert_true(slots);
        dns_end(&s);
    }
}

/* DNS1035-7.3-2, DSPOOF-9.2-4 */
static void late_answer_is_taken(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    struct mn_dns_output first = s.out;
    uint16_t id = s.sent.id;
    pass_to_deadline(&s);
    expect_question(&s, 1);
    assert_int_not_equal(s.sent.id, id);
    assert_int_not_equal(s.out.slot, first.slot);
    s.out = first;
    s.sent.id = id;
    answer_address(&s, 60);
    expect_address(&s);
    /* of the question that was answered */
    assert_int_equal(s.dns.servers.list[0].srtt_ns, 2 * MNET_SECOND);
    dns_end(&s);
}

/* DNS1123-6.1.3.1-1: more lookups than ports; the others wait. */
static void many_questions_at_once(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    for (unsigned i = 0; i < 100; i++) {
        char text[16] = "aa.example";
        text[0] = (char)('a' + i / 26);
        text[1] = (char)('a' + i % 26);
        ask_number(&s, i, text, MN_DNS_A);
        assert_int_equal(s.lookups[i].status, MN_DNS_PENDING);
    }
    for (unsigned i = 0; i < 100; i++) {
        expect_question(&s, 1);
        answer_address(&s, 60);
    }
    assert_int_equal(s.ended, 100);
    for (unsigned i = 0; i < 100; i++) {
        expect_found(&s, i, "\300\0\2\1", 4);
        release_number(&s, i);
    }
    expect_closed(&s);
    assert_int_equal(s.dns.cache.count, 64); /* the limit */
    dns_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(question_goes_to_the_first_server),
        cmocka_unit_test(answer_is_kept_for_its_time_to_live),
        cmocka_unit_test(time_to_live_of_zero_is_used_once),
        cmocka_unit_test(time_to_live_is_a_week_at_most),
        cmocka_unit_test(many_lookups_are_one_question),
        cmocka_unit_test(cancelled_lookup_leaves_its_answer),
        cmocka_unit_test(without_servers_lookups_fail_at_once),
        cmocka_unit_test(silent_servers_are_asked_in_turn),
        cmocka_unit_test(only_server_is_not_asked_again_within_two_seconds),
        cmocka_unit_test(failure_is_kept_for_ten_seconds),
        cmocka_unit_test(error_leads_to_the_next_server),
        cmocka_unit_test(referral_leads_to_the_next_server),
        cmocka_unit_test(unreachable_server_is_passed_over_at_once),
        cmocka_unit_test(silent_server_is_set_aside),
        cmocka_unit_test(faster_server_is_preferred),
        cmocka_unit_test(servers_of_both_families_are_kept),
        cmocka_unit_test(new_servers_are_asked_at_once),
        cmocka_unit_test(answer_must_match),
        cmocka_unit_test(many_wrong_answers_lead_to_a_stream),
        cmocka_unit_test(answer_in_another_case_is_not_believed),
        cmocka_unit_test(ids_and_cases_are_random),
        cmocka_unit_test(late_answer_is_taken),
        cmocka_unit_test(many_questions_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
