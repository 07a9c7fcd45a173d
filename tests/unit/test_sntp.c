/* The client of SNTP, by requests and answers in virtual time. */
#include "support.h"

#include "sntp/sntp.h"

#define EPOCH_NS (UINT64_C(1790000000) * MNET_SECOND) /* the true time of day at time 0 */
#define MS ((int64_t)MNET_MILLISECOND)
#define S ((int64_t)MNET_SECOND)

/* A client and its servers, 10.0.0.1 to 10.0.0.4. */
struct sntp_script {
    struct mn_sntp sntp;
    struct mn_random random;
    struct mnet_counters counters;
    uint64_t now;
    struct mn_ntp request; /* the last one, of ... */
    unsigned slot;
    unsigned news; /* all there were, by bits */
    unsigned closed;
    int64_t told_ns;
};

/* The parts of an answer that a test changes; zeros are those of a good one. */
struct sntp_reply {
    int64_t wrong_ns;  /* the error of the server's clock */
    uint64_t delay_ns; /* each way; default 1 ms */
    uint64_t there_ns; /* in the server */
    uint8_t first;     /* leap, version and mode; default 0x24 */
    int stratum;       /* -1: 0 */
    uint32_t root_delay, root_dispersion, kiss;
    int8_t poll;
    uint64_t origin_flip;
    bool no_transmit, no_receive;
    uint8_t from; /* another address */
    size_t len;   /* default 48 */
};

static struct mnet_address server_address(unsigned number)
{
    return mnet_ipv4(10, 0, 0, (uint8_t)(number + 1));
}

static void start(struct sntp_script *s, uint8_t seed, unsigned servers)
{
    uint8_t bytes[MN_RANDOM_SEED] = {seed};
    struct mnet_address addresses[4];
    memset(s, 0, sizeof *s);
    mn_random_init(&s->random, bytes);
    s->now = 10 * MNET_SECOND;
    mn_sntp_init(&s->sntp, &s->random, &s->counters);
    for (unsigned i = 0; i < servers; i++)
        addresses[i] = server_address(i);
    mn_sntp_set_servers(&s->sntp, addresses, servers, s->now);
}

/* Does what is to be done now. Returns whether there was a request. */
static bool act(struct sntp_script *s)
{
    struct mn_sntp_output output;
    mn_sntp_expire(&s->sntp, s->now);
    while (mn_sntp_output(&s->sntp, &output, s->now)) {
        switch (output.act) {
        case MN_SNTP_SEND:
            assert_int_equal(mn_ntp_parse(output.bytes, sizeof output.bytes, &s->request), MN_PARSE_OK);
            s->slot = output.slot;
            return true;
        case MN_SNTP_CLOSE: s->closed++; break;
        case MN_SNTP_TELL:
            s->news |= 1u << output.news;
            s->told_ns = output.ns;
            break;
        }
    }
    return false;
}

/* Goes on to the next request. Returns the time that it took, or MNET_NEVER. */
static uint64_t await_request(struct sntp_script *s)
{
    uint64_t begun = s->now;
    while (!act(s)) {
        uint64_t deadline = mn_sntp_deadline(&s->sntp);
        if (deadline == MNET_NEVER)
            return MNET_NEVER;
        assert_true(deadline > s->now);
        s->now = deadline;
    }
    return s->now - begun;
}

static uint64_t to_ntp(uint64_t unix_ns)
{
    uint64_t seconds = unix_ns / MNET_SECOND + UINT64_C(2208988800);
    return seconds << 32 | ((unix_ns % MNET_SECOND << 32) + MNET_SECOND - 1) / MNET_SECOND;
}

/* Answers the last request. */
static void reply(struct sntp_script *s, const struct sntp_reply *r)
{
    uint8_t bytes[128] = {0};
    uint64_t delay = r->delay_ns != 0 ? r->delay_ns : MNET_MILLISECOND;
    uint64_t received = EPOCH_NS + s->now + delay + (uint64_t)r->wrong_ns;
    uint8_t first = r->first != 0 ? r->first : 0x24;
    const struct mn_ntp answer = {
        .leap = first >> 6,
        .version = first >> 3 & 7,
        .mode = first & 7,
        .stratum = (uint8_t)(r->stratum == 0  ? 2
                             : r->stratum < 0 ? 0
                                              : r->stratum),
        .poll = r->poll,
        .root_delay = r->root_delay,
        .root_dispersion = r->root_dispersion,
        .reference_id = r->kiss,
        .origin = s->request.transmit ^ r->origin_flip,
        .receive = r->no_receive ? 0 : to_ntp(received),
        .transmit = r->no_transmit ? 0 : to_ntp(received + r->there_ns),
    };
    mn_ntp_emit(bytes, &answer);
    s->now += 2 * delay + r->there_ns;
    mn_sntp_input(&s->sntp, s->slot, server_address(r->from != 0 ? r->from : s->slot), bytes,
                  r->len != 0 ? r->len : MN_NTP_HEADER, s->now);
    while (mn_sntp_deadline(&s->sntp) == 0 && !act(s)) {
    }
}

/* The error of the clock. */
static int64_t error_of(const struct sntp_script *s)
{
    return (int64_t)(mn_sntp_wall(&s->sntp, s->now) - EPOCH_NS - s->now);
}

static void assert_error(const struct sntp_script *s, int64_t least, int64_t most)
{
    int64_t error = error_of(s);
    if (error < least || error > most)
        fail_msg("the clock is wrong by %lld ns", (long long)error);
}

#define NEWS(s, kind) (((s)->news >> (kind)&1) != 0)

/* ---- Requests ---- */

/* SNTP-5-1, SNTP-5-2, NTPBCP-5.2-2 */
static void request_tells_nothing_but_a_random_number(void **state)
{
    struct sntp_script s;
    struct mn_sntp_output output;
    uint8_t zeros[40] = {0};
    uint64_t first;
    (void)state;
    start(&s, 1, 1);
    s.now += 2 * MNET_SECOND;
    assert_true(mn_sntp_output(&s.sntp, &output, s.now));
    assert_int_equal(output.act, MN_SNTP_SEND);
    assert_int_equal(output.bytes[0], 0x23);
    assert_memory_equal(output.bytes + 1, zeros, 39);
    memcpy(&first, output.bytes + 40, 8);
    assert_true(first != 0);
    await_request(&s);
    assert_true(s.request.transmit != 0 && memcmp(&first, &s.request.transmit, 8) != 0);
}

/* SNTP-10-8 */
static void first_requests_spread_over_a_second(void **state)
{
    uint64_t least = MNET_NEVER, most = 0;
    (void)state;
    for (uint8_t seed = 0; seed < 100; seed++) {
        struct sntp_script s;
        start(&s, seed, 1);
        uint64_t wait = await_request(&s);
        least = MN_MIN(least, wait);
        most = MN_MAX(most, wait);
    }
    assert_true(most < MNET_SECOND && most - least > MNET_SECOND * 9 / 10);
}

/* SNTP-10-1, SNTP-10-2 */
static void silence_doubles_the_gaps(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    for (unsigned exponent = 4; exponent < 14; exponent++) {
        uint64_t gap = await_request(&s) - MN_SNTP_TIMEOUT_NS;
        uint64_t wanted = (UINT64_C(1) << MN_MIN(exponent, 10u)) * MNET_SECOND;
        assert_true(gap >= wanted && gap <= wanted + wanted / 16);
    }
    assert_true(mn_sntp_wall(&s.sntp, s.now) == 0);
}

/* SNTP-10-10: never less often than every 18 minutes. */
static void answers_make_requests_rare(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    for (unsigned exponent = 6; exponent < 14; exponent++) {
        reply(&s, &(struct sntp_reply){0});
        uint64_t gap = await_request(&s);
        uint64_t wanted = (UINT64_C(1) << MN_MIN(exponent, 10u)) * MNET_SECOND;
        assert_true(gap >= wanted && gap <= wanted + wanted / 16);
    }
}

/* SNTP-10-5, NTPBCP-3.6-1, NTPBCP-6.2-1: there is no server by default. */
static void without_servers_nobody_is_asked(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 0);
    assert_true(await_request(&s) == MNET_NEVER);
}

/* NTPBCP-6.1-1 */
static void servers_may_change(void **state)
{
    struct sntp_script s;
    struct mnet_address others[2] = {server_address(7), server_address(0)};
    (void)state;
    start(&s, 1, 2);
    await_request(&s);
    await_request(&s);
    mn_sntp_set_servers(&s.sntp, others, 2, s.now);
    await_request(&s);
    assert_int_equal(s.closed, 1); /* the port of the one that is gone */
    assert_true(mnet_address_equal(s.sntp.servers[s.slot].address, others[0]));
    mn_sntp_set_servers(&s.sntp, others, 0, s.now);
    assert_true(await_request(&s) == MNET_NEVER);
    assert_int_equal(s.closed, 3);
}

/* ---- Answers ---- */

/* SNTP-5-7, NTP-14-1 */
static void answer_sets_the_clock(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    reply(&s, &(struct sntp_reply){.delay_ns = 20 * MNET_MILLISECOND, .there_ns = 3 * MNET_MILLISECOND});
    assert_error(&s, -1000, 1000);
    assert_true(NEWS(&s, MN_SNTP_NEWS_SET));
    assert_int_equal(s.closed, 1);
    s.now += 1000 * MNET_SECOND;
    assert_error(&s, -1000, 1000);
}

/* NTP-7.3-1 */
static void answer_may_be_longer(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    reply(&s, &(struct sntp_reply){.len = 68});
    assert_error(&s, -1000, 1000);
}

/* SNTP-5-3, SNTP-5-4, SNTP-5-5, NTPBCP-5.1-1 */
static void strangers_are_not_heard(void **state)
{
    static const struct sntp_reply wrong[] = {
        {.origin_flip = 1},
        {.origin_flip = UINT64_C(1) << 63},
        {.from = 3},
        {.first = 0x23}, /* modes */
        {.first = 0x25},
        {.first = 0x26},
        {.first = 0x27},
        {.first = 0x1c}, /* versions */
        {.first = 0x2c},
        {.len = 47},
        {.stratum = -1, .kiss = MN_NTP_DENY, .origin_flip = 1},
    };
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    for (size_t i = 0; i < MN_COUNT_OF(wrong); i++) {
        reply(&s, &wrong[i]);
        assert_true(mn_sntp_wall(&s.sntp, s.now) == 0 && s.news == 0);
    }
    assert_int_equal(s.counters.value[MNET_COUNT_NTP_DROP_INVALID], MN_COUNT_OF(wrong));
    assert_int_equal(s.closed, 0); /* the answer may still come */
    reply(&s, &(struct sntp_reply){0});
    assert_true(mn_sntp_wall(&s.sntp, s.now) != 0);
}

/* SNTP-5-3, SNTP-5-6, SNTP-5-8, SNTP-3-2 */
static void server_without_time_is_not_believed(void **state)
{
    static const struct sntp_reply useless[] = {
        {.first = 0xe4}, /* leap 3 */
        {.stratum = 16},
        {.stratum = 255},
        {.root_delay = 0x10000},
        {.root_delay = 0xffff0000},
        {.root_dispersion = 0x100000},
        {.no_transmit = true},
        {.no_receive = true},
    };
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(useless); i++) {
        struct sntp_script s;
        start(&s, 1, 1);
        await_request(&s);
        reply(&s, &useless[i]);
        assert_true(mn_sntp_wall(&s.sntp, s.now) == 0);
        assert_int_equal(s.counters.value[MNET_COUNT_NTP_DROP_UNUSABLE], 1);
        assert_true(await_request(&s) >= 15 * MNET_SECOND);
    }
}

/* NTP-8-1, SNTP-5-5, SNTP-5-9 */
static void answer_counts_once_and_for_the_last_request(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    struct mn_ntp first = s.request;
    await_request(&s);
    struct mn_ntp second = s.request;
    s.request = first;
    reply(&s, &(struct sntp_reply){.wrong_ns = 5 * S});
    assert_true(mn_sntp_wall(&s.sntp, s.now) == 0);
    s.request = second;
    reply(&s, &(struct sntp_reply){0});
    reply(&s, &(struct sntp_reply){.wrong_ns = 5 * S}); /* again */
    s.now += 60 * MNET_SECOND;
    assert_error(&s, -2 * MS, 2 * MS);
    assert_int_equal(s.counters.value[MNET_COUNT_NTP_DROP_INVALID], 2);
}

/* ---- Kisses ---- */

/* NTP-7.4-1, SNTP-10-7 */
static void server_that_refuses_is_left_alone(void **state)
{
    static const uint32_t codes[] = {MN_NTP_DENY, MN_NTP_RSTR};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(codes); i++) {
        struct sntp_script s;
        start(&s, 1, 2);
        await_request(&s);
        unsigned refused = s.slot;
        reply(&s, &(struct sntp_reply){.stratum = -1, .kiss = codes[i]});
        assert_true(NEWS(&s, MN_SNTP_NEWS_DENIED));
        for (int n = 0; n < 20; n++) {
            if (s.slot == refused)
                await_request(&s);
            assert_int_not_equal(s.slot, refused);
            reply(&s, &(struct sntp_reply){0}); /* the other one goes on */
            await_request(&s);
        }
        assert_error(&s, -1000, 1000);
    }
}

/* NTP-7.4-2, NTPBCP-5.4-2, NTPBCP-5.4-3 */
static void server_that_asks_for_patience_gets_it(void **state)
{
    struct sntp_script s;
    uint64_t before = 0;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    for (int i = 0; i < 12; i++) {
        reply(&s, &(struct sntp_reply){.stratum = -1, .kiss = MN_NTP_RATE, .poll = 17});
        uint64_t gap = await_request(&s);
        assert_true(gap >= MN_MIN(before * 15 / 8, 8192 * MNET_SECOND));
        assert_true(gap <= 8192 * MNET_SECOND * 17 / 16);
        before = gap;
    }
    reply(&s, &(struct sntp_reply){0});
    assert_true(await_request(&s) >= 8192 * MNET_SECOND); /* from now on */
}

/* NTP-7.4-3, NTP-7.4-4, NTPBCP-5.4-1 */
static void other_kisses_mean_nothing(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    reply(&s, &(struct sntp_reply){.stratum = -1, .kiss = 0x58414243}); /* XABC */
    assert_true(mn_sntp_wall(&s.sntp, s.now) == 0 && s.news == 0);
    assert_true(await_request(&s) < 18 * MNET_SECOND);
    reply(&s, &(struct sntp_reply){.stratum = -1, .kiss = MN_NTP_DENY, .origin_flip = 2});
    assert_true(s.news == 0);
    reply(&s, &(struct sntp_reply){0});
    assert_error(&s, -2 * MS, 2 * MS);
}

/* ---- The clock ---- */

static void small_error_is_slewed(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    reply(&s, &(struct sntp_reply){.wrong_ns = 20 * MS});
    await_request(&s);
    reply(&s, &(struct sntp_reply){0});
    assert_error(&s, 20 * MS - 1000, 20 * MS + 1000);
    uint64_t wall = mn_sntp_wall(&s.sntp, s.now);
    for (int second = 1; second <= 40; second++) {
        s.now += MNET_SECOND;
        uint64_t later = mn_sntp_wall(&s.sntp, s.now);
        assert_true(later > wall); /* it never goes back */
        wall = later;
        assert_error(&s, 20 * MS - second * MS / 2 - 2000, 20 * MS - second * MS / 2 + 2000);
    }
    s.now += 100 * MNET_SECOND;
    assert_error(&s, -2000, 2000);
    assert_false(NEWS(&s, MN_SNTP_NEWS_JUMPED));
}

static void large_error_jumps_when_it_is_confirmed(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    reply(&s, &(struct sntp_reply){0});
    await_request(&s);
    reply(&s, &(struct sntp_reply){.wrong_ns = 60 * S}); /* once is not enough */
    assert_error(&s, -1000, 1000);
    await_request(&s);
    reply(&s, &(struct sntp_reply){0});
    assert_error(&s, -1000, 1000);
    await_request(&s);
    reply(&s, &(struct sntp_reply){.wrong_ns = 60 * S});
    uint64_t gap = await_request(&s);
    assert_true(gap < 70 * MNET_SECOND); /* soon */
    reply(&s, &(struct sntp_reply){.wrong_ns = 60 * S});
    assert_error(&s, 60 * S - 1000, 60 * S + 1000);
    assert_true(NEWS(&s, MN_SNTP_NEWS_JUMPED));
}

/* NTP-11.2.3-1 */
static void error_beyond_1000_s_is_refused(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    reply(&s, &(struct sntp_reply){0});
    for (int i = 0; i < 5; i++) {
        await_request(&s);
        reply(&s, &(struct sntp_reply){.wrong_ns = 2000 * S});
        assert_error(&s, -1000, 1000);
    }
    assert_true(NEWS(&s, MN_SNTP_NEWS_REFUSED));
}

/* NTPBCP-5.2-1 */
static void time_of_the_past_is_refused(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 1);
    await_request(&s);
    reply(&s, &(struct sntp_reply){.wrong_ns = (int64_t)(MN_SNTP_EARLIEST_S * MNET_SECOND - EPOCH_NS) - 100 * S});
    assert_true(mn_sntp_wall(&s.sntp, s.now) == 0);
    assert_true(NEWS(&s, MN_SNTP_NEWS_EARLY));
    await_request(&s);
    reply(&s, &(struct sntp_reply){.wrong_ns = (int64_t)(MN_SNTP_EARLIEST_S * MNET_SECOND - EPOCH_NS)});
    assert_true(mn_sntp_wall(&s.sntp, s.now) != 0);
}

/* ---- Several servers ---- */

/* Lets each server answer once, of which `liar` has a wrong clock. */
static void answer_round(struct sntp_script *s, unsigned servers, unsigned liar, int64_t wrong_ns)
{
    for (unsigned i = 0; i < servers; i++) {
        await_request(s);
        reply(s,
              &(struct sntp_reply){.wrong_ns = s->slot == liar ? wrong_ns : 0, .delay_ns = MNET_MILLISECOND * (1 + i)});
    }
}

static void liar_is_outvoted(void **state)
{
    (void)state;
    for (unsigned servers = 3; servers <= 4; servers++) {
        for (unsigned liar = 0; liar < servers; liar++) {
            struct sntp_script s;
            start(&s, (uint8_t)liar, servers);
            answer_round(&s, servers, liar, 37 * S); /* whoever answers first */
            assert_error(&s, -2 * MS, 2 * MS);
            assert_true(s.sntp.servers[liar].lies && NEWS(&s, MN_SNTP_NEWS_LIES));
            for (unsigned i = 0; i < servers; i++)
                assert_int_equal(s.sntp.servers[i].lies, i == liar);
            answer_round(&s, servers, liar, 37 * S);
            answer_round(&s, servers, liar, 0);
            answer_round(&s, servers, liar, 0);
            assert_false(s.sntp.servers[liar].lies); /* it has mended its ways */
            assert_error(&s, -2 * MS, 2 * MS);
        }
    }
}

static void two_that_quarrel_leave_the_clock_alone(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 2);
    answer_round(&s, 2, 1, 37 * S);
    assert_true(mn_sntp_wall(&s.sntp, s.now) == 0);
    assert_true(NEWS(&s, MN_SNTP_NEWS_QUARREL));
    answer_round(&s, 2, 1, 0);
    answer_round(&s, 2, 1, 0);
    assert_error(&s, -2 * MS, 2 * MS);
}

static void silent_servers_have_no_vote(void **state)
{
    struct sntp_script s;
    (void)state;
    start(&s, 1, 3);
    await_request(&s);
    reply(&s, &(struct sntp_reply){0});
    assert_true(mn_sntp_wall(&s.sntp, s.now) == 0); /* the others may still answer */
    await_request(&s);
    mn_sntp_note_unreachable(&s.sntp, s.slot, s.now);
    assert_true(mn_sntp_wall(&s.sntp, s.now) == 0);
    await_request(&s);
    unsigned last = s.slot;
    s.now += MN_SNTP_TIMEOUT_NS;
    act(&s);
    assert_true(s.sntp.servers[last].heard);
    assert_error(&s, -2 * MS, 2 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_tells_nothing_but_a_random_number),
        cmocka_unit_test(first_requests_spread_over_a_second),
        cmocka_unit_test(silence_doubles_the_gaps),
        cmocka_unit_test(answers_make_requests_rare),
        cmocka_unit_test(without_servers_nobody_is_asked),
        cmocka_unit_test(servers_may_change),
        cmocka_unit_test(answer_sets_the_clock),
        cmocka_unit_test(answer_may_be_longer),
        cmocka_unit_test(strangers_are_not_heard),
        cmocka_unit_test(server_without_time_is_not_believed),
        cmocka_unit_test(answer_counts_once_and_for_the_last_request),
        cmocka_unit_test(server_that_refuses_is_left_alone),
        cmocka_unit_test(server_that_asks_for_patience_gets_it),
        cmocka_unit_test(other_kisses_mean_nothing),
        cmocka_unit_test(small_error_is_slewed),
        cmocka_unit_test(large_error_jumps_when_it_is_confirmed),
        cmocka_unit_test(error_beyond_1000_s_is_refused),
        cmocka_unit_test(time_of_the_past_is_refused),
        cmocka_unit_test(liar_is_outvoted),
        cmocka_unit_test(two_that_quarrel_leave_the_clock_alone),
        cmocka_unit_test(silent_servers_have_no_vote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
