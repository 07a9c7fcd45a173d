/* The time of day of stacks: mnet_wall_clock, and the servers of mnet/sntp.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "wire/ntp.h"

#define EPOCH (UINT64_C(1767225600) * MNET_SECOND) /* 2026-01-01 00:00 UTC */
#define SERVERS 3

static char said[4096];

static void hear(void *context, struct mnet_sim_host *host, bool error, const char *text, size_t len)
{
    (void)context;
    if (error && strcmp(mnet_sim_host_name(host), "host") == 0)
        strncat(said, text, len);
}

static void expect_said(const char *line)
{
    if (strstr(said, line) == NULL)
        fail_msg("it says: %s", said);
}

/* ---- Without servers ---- */

static uint64_t seen[2]; /* at the beginning, and 5 s later */

static int look_at_the_clock(struct mnet_env *env, void *argument)
{
    struct mnet_stack *stack;
    (void)argument;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error < 0)
        return error;
    seen[0] = mnet_wall_clock(stack) - (mnet_wall_clock(stack) != 0 ? mnet_now() : 0);
    mnet_sleep(mnet_now() + 5 * MNET_SECOND);
    seen[1] = mnet_wall_clock(stack) - (mnet_wall_clock(stack) != 0 ? mnet_now() : 0);
    return 0;
}

/* Runs a host whose clock begins at `wall_clock`, and expects a line of its log. */
static void run(uint64_t wall_clock, uint64_t wanted, const char *line)
{
    struct mnet_sim_host_options options = {.arguments = "--ipv4=10.0.0.1/24 --log=info", .wall_clock = wall_clock};
    struct mnet_sim *sim = mnet_sim_create(1);
    said[0] = '\0';
    mnet_sim_console(sim, hear, NULL);
    mnet_sim_spawn(mnet_sim_host(sim, "host", &options), look_at_the_clock, NULL);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), 0);
    mnet_sim_destroy(sim);
    assert_true(seen[0] == wanted && seen[1] == wanted);
    expect_said(line);
}

static void stack_begins_with_the_time_of_its_platform(void **state)
{
    (void)state;
    run(0, EPOCH, "time: 2026-01-01 00:00:01 UTC");
    run(UINT64_C(1951827695) * MNET_SECOND, UINT64_C(1951827695) * MNET_SECOND, "time: 2031-11-07 14:21:36 UTC");
    run(MNET_NEVER, 0, "time: not known");
}

/* ---- Servers ---- */

/* An NTP server of a test. */
struct time_server {
    int64_t wrong_ns;
    uint64_t late_ns; /* its answer */
    unsigned requests;
    uint16_t ports[8]; /* from which requests came */
    uint64_t icmp_errors;
};

static struct time_server servers[SERVERS];

static uint64_t to_ntp(uint64_t unix_ns)
{
    uint64_t seconds = unix_ns / MNET_SECOND + UINT64_C(2208988800);
    return seconds << 32 | (unix_ns % MNET_SECOND << 32) / MNET_SECOND;
}

static int serve(struct mnet_env *env, void *argument)
{
    struct time_server *server = argument;
    const struct mnet_udp_options options = {.local.port = MN_NTP_PORT};
    struct mnet_stack *stack;
    struct mnet_udp *udp;
    struct mnet_endpoint from;
    struct mn_ntp message;
    uint8_t bytes[MN_NTP_HEADER];
    if (mnet_stack_up(env, NULL, &stack) < 0 || mnet_udp_open(stack, &options, &udp) < 0)
        return -1;
    while (mnet_udp_receive(udp, bytes, sizeof bytes, &from, MNET_NEVER) == MN_NTP_HEADER &&
           mn_ntp_parse(bytes, sizeof bytes, &message) == MN_PARSE_OK) {
        server->ports[server->requests++ % 8] = from.port;
        uint64_t now = EPOCH + mnet_now() + (uint64_t)server->wrong_ns;
        const struct mn_ntp answer = {.version = message.version,
                                      .mode = MN_NTP_SERVER,
                                      .stratum = 1,
                                      .origin = message.transmit,
                                      .receive = to_ntp(now),
                                      .transmit = to_ntp(now + server->late_ns)};
        mn_ntp_emit(bytes, &answer);
        mnet_sleep(mnet_now() + server->late_ns);
        mnet_udp_send(udp, &from, bytes, sizeof bytes, mnet_now() + MNET_SECOND);
        mnet_sleep(mnet_now() + MNET_SECOND / 2);
        server->icmp_errors = mnet_stack_counters(stack)->value[MNET_COUNT_ICMP_ERRORS_RX];
    }
    mnet_udp_close(udp);
    return 0;
}

/* Runs `run` on a host without a clock, on a segment with the servers 10.0.0.1 to 10.0.0.3. */
static void visit(int (*client)(struct mnet_env *env, void *argument))
{
    static const char *const arguments[SERVERS] = {"--ipv4=10.0.0.1/24", "--ipv4=10.0.0.2/24", "--ipv4=10.0.0.3/24"};
    struct mnet_sim_host_options options = {.arguments = "--ipv4=10.0.0.9/24 --log=info --ntp=10.0.0.3",
                                            .wall_clock = MNET_NEVER};
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_segment *segment = mnet_sim_segment(sim);
    said[0] = '\0';
    mnet_sim_console(sim, hear, NULL);
    for (int i = 0; i < SERVERS; i++) {
        struct mnet_sim_host *host = mnet_sim_host(sim, "server",
                                                   &(struct mnet_sim_host_options){.arguments = arguments[i]});
        mnet_sim_attach(segment, host);
        mnet_sim_serve(host, serve, &servers[i]);
    }
    struct mnet_sim_host *host = mnet_sim_host(sim, "host", &options);
    mnet_sim_attach(segment, host);
    mnet_sim_spawn(host, client, NULL);
    int result = mnet_sim_run(sim, MNET_NEVER);
    mnet_sim_destroy(sim);
    if (result != 0)
        fail_msg("line %d", result);
}

#define CHECK(condition) \
    do { \
        if (!(condition)) \
            return __LINE__; \
    } while (0)

static const char *const names[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};

static bool is_right(const struct mnet_stack *stack)
{
    int64_t error = (int64_t)(mnet_wall_clock(stack) - EPOCH - mnet_now());
    return error > -(int64_t)MNET_MILLISECOND && error < (int64_t)MNET_MILLISECOND;
}

/* Those of the command line. */
static int ask_configured(struct mnet_env *env, void *argument)
{
    struct mnet_stack *stack;
    struct mnet_sntp_server told;
    (void)argument;
    CHECK(mnet_stack_up(env, NULL, &stack) == 0);
    CHECK(mnet_sntp_start(stack, NULL, 0) == 0);
    CHECK(mnet_sntp_servers(stack, &told, 1) == 1);
    CHECK(mnet_address_equal(told.address, mnet_ipv4(10, 0, 0, 3)));
    CHECK(mnet_sntp_start(stack, names, 1) == 0); /* the program's own count instead */
    CHECK(mnet_sntp_servers(stack, &told, 1) == 1);
    CHECK(mnet_address_equal(told.address, mnet_ipv4(10, 0, 0, 1)));
    return 0;
}

static int ask_one(struct mnet_env *env, void *argument)
{
    struct mnet_stack *stack;
    struct mnet_sntp_server told[2];
    (void)argument;
    CHECK(mnet_stack_up(env, NULL, &stack) == 0);
    CHECK(mnet_sntp_await(stack, MNET_NEVER) == MNET_E_INVALID); /* nobody is asked */
    CHECK(mnet_sntp_servers(stack, told, 2) == 0);
    CHECK(mnet_sntp_start(stack, names, 1) == 0);
    CHECK(mnet_sntp_await(stack, 0) == MNET_E_DEADLINE);
    CHECK(mnet_wall_clock(stack) == 0);
    CHECK(mnet_sntp_await(stack, mnet_now() + 2 * MNET_SECOND) == 0);
    CHECK(is_right(stack));
    CHECK(mnet_sntp_servers(stack, told, 2) == 1);
    CHECK(mnet_address_equal(told[0].address, mnet_ipv4(10, 0, 0, 1)) && told[0].answered && !told[0].lies);
    for (int i = 0; i < 6; i++) {
        mnet_sleep(mnet_now() + 400 * MNET_SECOND);
        CHECK(is_right(stack));
    }
    CHECK(servers[0].requests >= 4 && servers[0].requests <= 8);
    return 0;
}

/* SNTP-10-4 */
static void server_tells_the_time(void **state)
{
    (void)state;
    memset(servers, 0, sizeof servers);
    visit(ask_one);
    expect_said("time: not known");
    expect_said("time: 2026-01-01 00:00:0");
}

static void servers_of_the_command_line_are_asked(void **state)
{
    (void)state;
    memset(servers, 0, sizeof servers);
    visit(ask_configured);
}

/* NTPPORT-4-1 */
static void ports_are_random_and_change(void **state)
{
    (void)state;
    memset(servers, 0, sizeof servers);
    visit(ask_one);
    for (unsigned i = 0; i < servers[0].requests; i++) {
        assert_int_not_equal(servers[0].ports[i], MN_NTP_PORT);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(servers[0].ports[i], servers[0].ports[j]);
    }
}

static int ask_all(struct mnet_env *env, void *argument)
{
    struct mnet_stack *stack;
    struct mnet_sntp_server told[SERVERS];
    (void)argument;
    CHECK(mnet_stack_up(env, NULL, &stack) == 0);
    CHECK(mnet_sntp_start(stack, names, SERVERS) == 0);
    CHECK(mnet_sntp_await(stack, mnet_now() + 10 * MNET_SECOND) == 0);
    CHECK(is_right(stack));
    CHECK(mnet_sntp_servers(stack, told, SERVERS) == SERVERS);
    CHECK(!told[0].lies && told[1].lies && !told[2].lies);
    CHECK(told[1].offset_ns > 36 * (int64_t)MNET_SECOND && told[1].offset_ns < 38 * (int64_t)MNET_SECOND);
    mnet_sleep(mnet_now() + 10 * MNET_SECOND);
    return 0;
}

static void server_that_lies_is_noticed(void **state)
{
    (void)state;
    memset(servers, 0, sizeof servers);
    servers[1].wrong_ns = 37 * (int64_t)MNET_SECOND;
    visit(ask_all);
    expect_said("ntp: 10.0.0.2 differs from the other servers by 37");
}

/* NTPPORT-4-2: each server has a port of its own, which still takes an answer 3 s later. */
static void late_answer_finds_its_port(void **state)
{
    (void)state;
    memset(servers, 0, sizeof servers);
    servers[0].late_ns = 3 * MNET_SECOND;
    servers[1].wrong_ns = 37 * (int64_t)MNET_SECOND;
    visit(ask_all);
    assert_int_equal(servers[0].icmp_errors, 0);
    assert_int_not_equal(servers[0].ports[0], servers[1].ports[0]);
    assert_int_not_equal(servers[0].ports[0], servers[2].ports[0]);
}

static int ask_wrongly(struct mnet_env *env, void *argument)
{
    static const char *const wrong[] = {"10.0.0.1", ""}, *const many[5] = {"a", "b", "c", "d", "e"};
    struct mnet_stack *stack;
    (void)argument;
    CHECK(mnet_stack_up(env, NULL, &stack) == 0);
    CHECK(mnet_sntp_start(NULL, names, 1) == MNET_E_INVALID);
    CHECK(mnet_sntp_start(stack, NULL, 1) == MNET_E_INVALID);
    CHECK(mnet_sntp_start(stack, wrong, 2) == MNET_E_INVALID);
    CHECK(mnet_sntp_start(stack, many, 5) == MNET_E_INVALID);
    CHECK(mnet_sntp_servers(stack, NULL, 0) == 0);
    CHECK(mnet_sntp_await(stack, MNET_NEVER) == MNET_E_INVALID);
    return 0;
}

static void wrong_servers_have_no_effect(void **state)
{
    (void)state;
    memset(servers, 0, sizeof servers);
    visit(ask_wrongly);
    assert_int_equal(servers[0].requests, 0);
}

static int wait_for_ever(void *argument)
{
    return mnet_sntp_await(argument, MNET_NEVER);
}

static int end_while_asking(struct mnet_env *env, void *argument)
{
    static const char *const silent[] = {"10.0.0.77", "nobody.example"};
    struct mnet_stack *stack;
    struct mnet_task *task;
    int result;
    (void)argument;
    CHECK(mnet_stack_up(env, NULL, &stack) == 0);
    CHECK(mnet_sntp_start(stack, silent, 2) == 0);
    uint64_t deadline = mnet_now() + 20 * MNET_SECOND;
    CHECK(mnet_sntp_await(stack, deadline) == MNET_E_DEADLINE);
    CHECK(mnet_now() == deadline);
    CHECK(mnet_spawn(&task, wait_for_ever, stack) == 0);
    mnet_sleep(mnet_now() + MNET_SECOND);
    mnet_stack_down(stack);
    CHECK(mnet_join(task, &result, MNET_NEVER) == 0);
    CHECK(result == MNET_E_CLOSED);
    return 0;
}

static void waiting_ends_with_the_stack(void **state)
{
    (void)state;
    memset(servers, 0, sizeof servers);
    visit(end_while_asking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_begins_with_the_time_of_its_platform),
        cmocka_unit_test(server_tells_the_time),
        cmocka_unit_test(servers_of_the_command_line_are_asked),
        cmocka_unit_test(ports_are_random_and_change),
        cmocka_unit_test(server_that_lies_is_noticed),
        cmocka_unit_test(late_answer_finds_its_port),
        cmocka_unit_test(wrong_servers_have_no_effect),
        cmocka_unit_test(waiting_ends_with_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
