/* A stub resolver: the meaning of answers, EDNS, and streams. */
#include "unit/dns_script.h"

struct dns_script *dns_script;

/* ---- EDNS ---- */

/* EDNS-6.2.2-1, EDNS-6.1.3-1 */
static void server_without_edns_is_asked_without(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    ask_first(&s, "www.example", MN_DNS_A);
    assert_true(s.sent.edns);
    begin_answer(&s, RA | MN_DNS_FORMERR, 0, 0, 0);
    s.w.left += answer_len(&s) - MN_DNS_HEADER; /* not even the question */
    memset(s.answer + 4, 0, 8);
    receive(&s);
    expect_question(&s, 1);
    assert_false(s.sent.edns);
    answer_address(&s, 60);
    expect_address(&s);
    expect_closed(&s);
    ask_number(&s, 1, "b.example", MN_DNS_A);
    expect_question(&s, 1);
    assert_false(s.sent.edns);
    answer_address(&s, 60);
    pass(&s, 300000);
    ask_number(&s, 2, "c.example", MN_DNS_A);
    expect_question(&s, 1);
    assert_true(s.sent.edns);
    dns_end(&s);
}

/* EDNS-7-1 */
static void error_with_opt_is_not_about_edns(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA | MN_DNS_FORMERR, 0, 0, 1);
    mn_write_bytes(&s.w, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
    receive(&s);
    expect_status(&s, MN_DNS_FAILED);
    expect_closed(&s);
    dns_end(&s);
}

static void other_version_of_edns_is_not_asked_again(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA, 0, 0, 1);
    mn_write_bytes(&s.w, "\0\0\x29\4\xd0\1\0\0\0\0\0", 11); /* BADVERS */
    receive(&s);
    expect_question(&s, 1);
    assert_false(s.sent.edns);
    dns_end(&s);
}

/* ---- the meaning of answers ---- */

/* DNS1034-5.2.2-1, DNS2181-10.1-1: aliases in any order. */
static void aliases_are_followed(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA, 4, 0, 0);
    put_record(&s, "c.example", MN_DNS_A, 60, "\300\0\2\1", 4);
    put_name(&s, "b.example", MN_DNS_CNAME, 7, "C.example");
    put_name(&s, NULL, MN_DNS_CNAME, 50, "b.example");
    put_record(&s, "d.example", MN_DNS_A, 60, "\6\6\6\6", 4); /* nobody asked */
    receive(&s);
    expect_address(&s);
    assert_int_equal(s.lookups[0].answer->count, 1);
    release(&s);
    expect_closed(&s);
    pass(&s, 7000); /* the shortest time to live */
    ask_first(&s, "www.example", MN_DNS_A);
    dns_end(&s);
}

/* DNS2181-5.2-1, DNS2181-5.4.1-1, DNS2181-5.4-1: all records of an answer have the lowest time to
 * live, those of other sections do not count, and a later answer replaces them all. */
static void set_of_records_is_one(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA, 2, 1, 1);
    put_record(&s, NULL, MN_DNS_A, 60, "\300\0\2\1", 4);
    put_record(&s, NULL, MN_DNS_A, 5, "\300\0\2\2", 4);
    put_record(&s, NULL, MN_DNS_A, 60, "\6\6\6\6", 4);
    put_record(&s, NULL, MN_DNS_A, 60, "\6\6\6\6", 4);
    receive(&s);
    assert_int_equal(s.lookups[0].answer->count, 2);
    release(&s);
    expect_closed(&s);
    pass(&s, 4999);
    ask(&s, "www.example", MN_DNS_A);
    assert_int_equal(s.lookups[0].answer->count, 2);
    release(&s);
    pass(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    answer_address(&s, 60);
    assert_int_equal(s.lookups[0].answer->count, 1);
    dns_end(&s);
}

static void alias_that_was_asked_for_is_not_followed(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_CNAME);
    begin_answer(&s, RA, 1, 0, 0);
    put_name(&s, NULL, MN_DNS_CNAME, 50, "b.example");
    receive(&s);
    expect_found(&s, 0, "\1b\7example", 11);
    dns_end(&s);
}

/* DNS1034-5.2.2-2 */
static void loops_of_aliases_end(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA, 2, 0, 0);
    put_name(&s, NULL, MN_DNS_CNAME, 50, "b.example");
    put_name(&s, "b.example", MN_DNS_CNAME, 50, "www.example");
    receive(&s);
    expect_status(&s, MN_DNS_FAILED);
    dns_end(&s);
}

/* DNS1034-5.2.1-1, DNS2308-2.1-1, DNS2308-2.2.1-1, DNS2308-5-3: a name that does not exist has no
 * type. */
static void name_error_holds_for_all_types(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA | MN_DNS_NXDOMAIN, 1, 1, 0);
    put_name(&s, NULL, MN_DNS_CNAME, 50, "gone.example");
    put_soa(&s, 300, 60);
    receive(&s);
    expect_status(&s, MN_DNS_NO_NAME);
    release(&s);
    expect_closed(&s);
    ask(&s, "www.example", MN_DNS_AAAA);
    expect_status(&s, MN_DNS_NO_NAME);
    release(&s);
    pass(&s, 49999); /* the alias has the shorter time */
    ask(&s, "www.example", MN_DNS_TXT);
    expect_status(&s, MN_DNS_NO_NAME);
    release(&s);
    pass(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    dns_end(&s);
}

/* DNS2308-2.2-1, DNS2308-5-1, DNS2308-5-2 */
static void missing_type_is_kept_as_the_zone_says(void **state)
{
    (void)state;
    /* DNS2308-5-5: three hours at most */
    static const uint32_t ttls[][3] = {{300, 60, 60}, {60, 300, 60}, {100000, 100000, 10800}};
    for (unsigned i = 0; i < MN_COUNT_OF(ttls); i++) {
        struct dns_script s;
        dns_begin(&s, 1);
        ask_first(&s, "www.example", MN_DNS_AAAA);
        begin_answer(&s, RA, 0, 1, 0);
        put_soa(&s, ttls[i][0], ttls[i][1]);
        receive(&s);
        expect_status(&s, MN_DNS_NO_DATA);
        release(&s);
        expect_closed(&s);
        ask_number(&s, 1, "www.example", MN_DNS_A); /* another type */
        expect_question(&s, 1);
        answer_address(&s, 0);
        expect_closed(&s);
        pass(&s, ttls[i][2] * 1000 - 1);
        ask(&s, "www.example", MN_DNS_AAAA);
        expect_status(&s, MN_DNS_NO_DATA);
        release(&s);
        pass(&s, 1);
        ask_first(&s, "www.example", MN_DNS_AAAA);
        dns_end(&s);
    }
}

/* DNS2308-5-4 */
static void negative_answer_without_soa_is_not_kept(void **state)
{
    (void)state;
    for (uint16_t rcode = 0; rcode <= MN_DNS_NXDOMAIN; rcode += MN_DNS_NXDOMAIN) {
        struct dns_script s;
        dns_begin(&s, 1);
        ask_first(&s, "www.example", MN_DNS_A);
        answer_error(&s, rcode);
        expect_status(&s, rcode == 0 ? MN_DNS_NO_DATA : MN_DNS_NO_NAME);
        release(&s);
        expect_closed(&s);
        ask_first(&s, "www.example", MN_DNS_A);
        dns_end(&s);
    }
}

/* DNS1123-6.1.4.2-1: data of any type; AAAA-2.1-1: those of a wrong form are left out. */
static void records_come_as_data(void **state)
{
    (void)state;
    struct dns_script s;
    size_t len;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_TXT);
    begin_answer(&s, RA, 2, 0, 0);
    put_record(&s, NULL, MN_DNS_TXT, 60, "\3abc", 4);
    put_record(&s, NULL, MN_DNS_TXT, 60, "\1d\0", 3);
    receive(&s);
    expect_found(&s, 0, "\3abc", 4);
    const uint8_t *record = mn_dns_answer_next(s.lookups[0].answer, NULL, &len);
    record = mn_dns_answer_next(s.lookups[0].answer, record, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(record, "\1d\0", 3);
    assert_null(mn_dns_answer_next(s.lookups[0].answer, record, &len));
    ask_number(&s, 1, "www.example", MN_DNS_AAAA);
    expect_question(&s, 1);
    begin_answer(&s, RA, 3, 0, 0);
    put_record(&s, NULL, MN_DNS_AAAA, 60, "\3abc", 4);
    put_record(&s, NULL, MN_DNS_AAAA, 60, "0123456789abcdef", 16);
    put_record(&s, NULL, MN_DNS_AAAA, 60, "\3abc", 0);
    receive(&s);
    expect_found(&s, 1, "0123456789abcdef", 16);
    assert_int_equal(s.lookups[1].answer->count, 1);
    dns_end(&s);
}

/* EDNS-6.2.3-3: addresses beyond the room are left out, and other records are an error. */
static void answers_have_a_limit(void **state)
{
    (void)state;
    struct dns_script s;
    char text[200];
    memset(text, 'x', sizeof text);
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA, 400, 0, 0);
    for (unsigned i = 0; i < 400; i++)
        mn_write_bytes(&s.w, "\300\14\0\1\0\1\0\0\0\74\0\4\300\0\2\1", 16);
    receive(&s);
    expect_address(&s);
    assert_int_equal(s.lookups[0].answer->count, MN_DNS_DATA_MAX / 6);
    ask_number(&s, 1, "www.example", MN_DNS_TXT);
    expect_question(&s, 1);
    begin_answer(&s, RA, 12, 0, 0);
    for (unsigned i = 0; i < 12; i++)
        put_record(&s, NULL, MN_DNS_TXT, 60, text, sizeof text);
    receive(&s);
    assert_int_equal(s.lookups[1].status, MN_DNS_TOO_LARGE);
    dns_end(&s);
}

/* ---- streams ---- */

/* DNS2181-9-1, DTCP-5-1, DNS1035-4.2.2-1, DTCP-8-1: in pieces of any size. */
static void truncated_answer_is_asked_for_over_tcp(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 2, 7, 1000};
    for (unsigned i = 0; i < MN_COUNT_OF(pieces); i++) {
        struct dns_script s;
        dns_begin(&s, 1);
        ask_over_stream(&s, "www.example", MN_DNS_A);
        begin_answer(&s, RA, 1, 0, 0);
        put_record(&s, NULL, MN_DNS_A, 60, "\300\0\2\1", 4);
        receive_stream(&s, pieces[i]);
        expect_address(&s);
        dns_end(&s);
    }
}

/* DTCP-5-3, DTCP-6.2.1.1-1, DTCP-6.2.2-1, DTCP-7-1, DTCP-6.2.1-1: one stream, answers in any order.
 * */
static void stream_is_shared(void **state)
{
    (void)state;
    struct dns_script s;
    struct mn_dns_message questions[20];
    uint8_t bytes[20][MN_DNS_OUTPUT_MAX];
    dns_begin(&s, 1);
    ask_over_stream(&s, "aa.example", MN_DNS_A);
    for (unsigned i = 0; i < 20; i++) {
        if (i > 0) {
            char text[16] = "ab.example";
            text[1] = (char)('a' + i);
            ask_number(&s, i, text, MN_DNS_A);
            expect_question(&s, 1);
            begin_answer(&s, RA | 0x0200, 0, 0, 0);
            receive(&s);
            expect_stream_question(&s);
        }
        memcpy(bytes[i], s.sent_bytes, sizeof bytes[i]);
        questions[i] = s.sent;
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(questions[k].id, s.sent.id);
    }
    for (unsigned i = 20; i-- > 0;) {
        uint8_t data[4] = {192, 0, 2, (uint8_t)i};
        s.sent = questions[i];
        begin_answer(&s, RA, 1, 0, 0);
        put_record(&s, NULL, MN_DNS_A, 60, data, 4);
        receive_stream(&s, 1000);
        expect_found(&s, i, data, 4);
    }
    assert_int_equal(s.ended, 20);
    dns_end(&s);
}

/* DTCP-6.2.3-1 */
static void idle_stream_is_closed(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_over_stream(&s, "www.example", MN_DNS_A);
    pass(&s, 3000);
    begin_answer(&s, RA, 1, 0, 0);
    put_record(&s, NULL, MN_DNS_A, 60, "\300\0\2\1", 4);
    receive_stream(&s, 1000);
    expect_closed(&s);
    uint64_t answered = s.now;
    while (!fetch(&s))
        pass_to_deadline(&s);
    assert_int_equal(s.out.act, MN_DNS_STREAM_END);
    assert_in_range(s.now - answered, 10 * MNET_SECOND, 11 * MNET_SECOND);
    assert_int_equal(mn_dns_deadline(&s.dns), MNET_NEVER);
    dns_end(&s);
}

/* DTCP-6.2.4-1: once; then the server is given up. */
static void question_is_repeated_if_the_stream_ends(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    ask_over_stream(&s, "www.example", MN_DNS_A);
    mn_dns_stream_note_close(&s.dns, s.out.slot, s.now);
    expect_act(&s, MN_DNS_STREAM_BEGIN);
    mn_dns_stream_note_open(&s.dns, s.out.slot, s.now);
    expect_stream_question(&s);
    mn_dns_stream_note_close(&s.dns, s.out.slot, s.now);
    expect_question(&s, 2);
    answer_address(&s, 60);
    expect_address(&s);
    dns_end(&s);
}

/* DNS1035-4.2.2-2 */
static void impossible_length_breaks_the_stream(void **state)
{
    (void)state;
    for (uint8_t len = 0; len < MN_DNS_HEADER; len++) {
        struct dns_script s;
        const uint8_t head[2] = {0, len};
        dns_begin(&s, 1);
        ask_over_stream(&s, "www.example", MN_DNS_A);
        mn_dns_stream_input(&s.dns, s.out.slot, head, 1, s.now);
        mn_dns_stream_input(&s.dns, s.out.slot, head + 1, 1, s.now);
        expect_act(&s, MN_DNS_STREAM_END);
        expect_act(&s, MN_DNS_STREAM_BEGIN);
        expect_status(&s, MN_DNS_PENDING);
        dns_end(&s);
    }
}

/* DNS1123-6.1.3.2-1: if TCP fails, the truncated answer is not used. */
static void truncated_answer_is_not_used_if_tcp_fails(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_first(&s, "www.example", MN_DNS_A);
    begin_answer(&s, RA | 0x0200, 1, 0, 0);
    put_record(&s, NULL, MN_DNS_A, 60, "\300\0\2\1", 4);
    receive(&s);
    expect_act(&s, MN_DNS_CLOSE);
    expect_act(&s, MN_DNS_STREAM_BEGIN);
    mn_dns_stream_note_close(&s.dns, s.out.slot, s.now); /* refused */
    expect_status(&s, MN_DNS_FAILED);
    dns_end(&s);
}

static void silent_stream_is_given_up(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 2);
    ask_over_stream(&s, "www.example", MN_DNS_A);
    pass(&s, 4999);
    expect_nothing(&s);
    pass(&s, 1);
    expect_question(&s, 2);
    dns_end(&s);
}

static void answer_that_is_too_long_is_passed_over(void **state)
{
    (void)state;
    struct dns_script s;
    dns_begin(&s, 1);
    ask_over_stream(&s, "www.example", MN_DNS_TXT);
    struct mn_dns_message first = s.sent;
    ask_number(&s, 1, "b.example", MN_DNS_A);
    expect_question(&s, 1);
    begin_answer(&s, RA | 0x0200, 0, 0, 0);
    receive(&s);
    expect_stream_question(&s);
    struct mn_dns_message second = s.sent;
    s.sent = first;
    begin_answer(&s, RA, 1, 0, 0);
    mn_write(&s.w, 5000);
    receive_stream(&s, 700);
    expect_status(&s, MN_DNS_TOO_LARGE);
    s.sent = second;
    begin_answer(&s, RA, 1, 0, 0);
    put_record(&s, NULL, MN_DNS_A, 60, "\300\0\2\1", 4);
    receive_stream(&s, 700);
    expect_found(&s, 1, "\300\0\2\1", 4);
    dns_end(&s);
}

/* ---- limits ---- */

static void questions_have_a_limit(void **state)
{
    (void)state;
    struct dns_script s;
    static struct mn_dns_lookup lookups[MN_DNS_QUESTIONS + 1];
    dns_begin(&s, 1);
    for (unsigned i = 0; i <= MN_DNS_QUESTIONS; i++) {
        char text[16] = "aa.example";
        text[0] = (char)('a' + i / 26);
        text[1] = (char)('a' + i % 26);
        struct mn_dns_name name = name_of(text);
        mn_dns_ask(&s.dns, &lookups[i], &name, MN_DNS_A, s.now);
        assert_int_equal(lookups[i].status, i < MN_DNS_QUESTIONS ? MN_DNS_PENDING : MN_DNS_FAILED);
    }
    dns_end(&s);
    assert_int_equal(lookups[0].status, MN_DNS_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_without_edns_is_asked_without),
        cmocka_unit_test(error_with_opt_is_not_about_edns),
        cmocka_unit_test(other_version_of_edns_is_not_asked_again),
        cmocka_unit_test(aliases_are_followed),
        cmocka_unit_test(set_of_records_is_one),
        cmocka_unit_test(alias_that_was_asked_for_is_not_followed),
        cmocka_unit_test(loops_of_aliases_end),
        cmocka_unit_test(name_error_holds_for_all_types),
        cmocka_unit_test(missing_type_is_kept_as_the_zone_says),
        cmocka_unit_test(negative_answer_without_soa_is_not_kept),
        cmocka_unit_test(records_come_as_data),
        cmocka_unit_test(answers_have_a_limit),
        cmocka_unit_test(truncated_answer_is_asked_for_over_tcp),
        cmocka_unit_test(stream_is_shared),
        cmocka_unit_test(idle_stream_is_closed),
        cmocka_unit_test(question_is_repeated_if_the_stream_ends),
        cmocka_unit_test(impossible_length_breaks_the_stream),
        cmocka_unit_test(truncated_answer_is_not_used_if_tcp_fails),
        cmocka_unit_test(silent_stream_is_given_up),
        cmocka_unit_test(answer_that_is_too_long_is_passed_over),
        cmocka_unit_test(questions_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
