/* Transfers in virtual time over paths that silently drop large packets. The data arrives whole and
 * soon, in packets nearly as large as the path carries. On other paths path-MTU discovery changes
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/base.h"

#define PORT 80
#define CHUNK 65536u
#define ALL_OFFLOADS (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4)
#define TIME_LIMIT (600 * MNET_SECOND)

struct path_scenario {
    struct mnet_sim_path path;  /* both directions, without the hole */
    uint16_t hole;              /* larger packets of the sender are dropped */
    uint64_t from_ns, until_ns; /* begin and end of the hole; 0: from the beginning; to the end */
    bool hashed;                /* the frames are compared with those of another run */
    bool outage;                /* instead of the hole, everything is dropped */
    uint64_t pause_ns;          /* time without a write, in the middle */
    size_t bytes;
    uint32_t offload;
    const char *arguments;
};

struct path_run {
    const struct path_scenario *scenario;
    struct mnet_sim_host *sender;
    size_t received;
    bool wrong;
    struct mnet_tcp_info info; /* of the sender, at the end */
    uint64_t lowered, black_holes, fast_retransmits;
    uint64_t elapsed, hash;
};

static uint8_t byte_at(size_t position)
{
    return (uint8_t)(position ^ position >> 8 ^ position >> 16);
}

/* ---- The ends ---- */

static int receive(struct mnet_env *env, void *argument)
{
    struct path_run *run = argument;
    struct mnet_stack *stack;
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    struct mnet_slice slices[8];
    ptrdiff_t count;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_tcp_listen(stack, PORT, NULL, &listener);
    if (error == 0)
        error = mnet_tcp_accept(listener, &flow, MNET_NEVER);
    if (error < 0)
        return error;
    while ((count = mnet_tcp_get(flow, slices, MN_COUNT_OF(slices), MNET_NEVER)) > 0) {
        for (ptrdiff_t i = 0; i < count; i++) {
            for (size_t k = 0; k < slices[i].len; k++)
                run->wrong |= ((const uint8_t *)slices[i].data)[k] != byte_at(run->received++);
        }
        mnet_tcp_release(flow);
    }
    mnet_tcp_close(flow);
    return (int)count;
}

static int write_all(struct path_run *run, struct mnet_flow *flow)
{
    static uint8_t bytes[CHUNK];
    const struct path_scenario *s = run->scenario;
    bool paused = s->pause_ns == 0;
    int error = 0;
    for (size_t sent = 0; error == 0 && sent < s->bytes;) {
        size_t len = MN_MIN((size_t)CHUNK, s->bytes - sent);
        for (size_t i = 0; i < len; i++)
            bytes[i] = byte_at(sent + i);
        error = mnet_tcp_write(flow, bytes, len, NULL, MNET_NEVER);
        sent += len;
        if (error == 0 && !paused && sent >= s->bytes / 2) {
            error = mnet_sleep(mnet_now() + s->pause_ns);
            paused = true;
        }
    }
    return error;
}

/* Waits until everything is acknowledged. */
static int settle(struct path_run *run, struct mnet_flow *flow)
{
    int error = 0;
    do {
        if (error == 0)
            error = mnet_sleep(mnet_now() + MNET_MILLISECOND);
        mnet_tcp_info(flow, &run->info);
    } while (error == 0 && run->info.unsent + run->info.unacked > 0 && strcmp(run->info.state, "ESTABLISHED") == 0);
    return error;
}

static int send_all(struct mnet_env *env, void *argument)
{
    struct path_run *run = argument;
    struct mnet_stack *stack;
    struct mnet_flow *flow;
    uint8_t none;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_sleep(mnet_now() + MNET_MILLISECOND); /* until the receiver listens */
    if (error == 0)
        error = mnet_tcp_connect(stack, mnet_ipv4(10, 0, 0, 1), PORT, &flow, MNET_NEVER);
    if (error < 0)
        return error;
    error = write_all(run, flow);
    if (error == 0)
        error = settle(run, flow);
    if (error == 0)
        error = mnet_tcp_shutdown(flow, MNET_SHUTDOWN_WRITE);
    if (error == 0)
        error = (int)mnet_tcp_read(flow, &none, 1, MNET_NEVER); /* the receiver has everything */
    const struct mnet_counters *counters = mnet_stack_counters(stack);
    run->lowered = counters->value[MNET_COUNT_TCP_PMTU_LOWERED];
    run->black_holes = counters->value[MNET_COUNT_TCP_PMTU_BLACK_HOLE];
    run->fast_retransmits = counters->value[MNET_COUNT_TCP_FAST_RETRANSMIT];
    mnet_tcp_close(flow);
    return error;
}

/* ---- The path ---- */

static void shape(const struct path_run *run, bool bad)
{
    struct mnet_sim_path path = run->scenario->path;
    path.mtu = bad ? run->scenario->hole : 0;
    path.down = bad && run->scenario->outage;
    mnet_sim_shape(run->sender, MNET_SIM_SENDING, &path);
}

static int change(struct mnet_env *env, void *argument)
{
    struct path_run *run = argument;
    (void)env;
    int error = mnet_sleep(mnet_now() + run->scenario->from_ns);
    shape(run, true);
    if (error == 0 && run->scenario->until_ns > 0) {
        error = mnet_sleep(mnet_now() + run->scenario->until_ns - run->scenario->from_ns);
        shape(run, false);
    }
    return error;
}

static void hash_frame(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                       const void *frame, size_t len)
{
    struct path_run *run = context;
    const uint8_t *bytes = frame;
    (void)host;
    run->hash = (run->hash ^ now ^ (uint64_t)direction << 60) * 0x100000001b3;
    for (size_t i = 0; i < len; i++)
        run->hash = (run->hash ^ bytes[i]) * 0x100000001b3;
}

static struct mnet_sim_host *add_host(struct mnet_sim *sim, const struct path_scenario *s, unsigned number)
{
    char arguments[MNET_SIM_ARGUMENTS];
    snprintf(arguments, sizeof arguments, "--ipv4=10.0.0.%u/24 %s", number, s->arguments != NULL ? s->arguments : "");
    struct mnet_sim_host_options options = {.arguments = arguments, .tx_offload = s->offload, .rx_offload = s->offload};
    struct mnet_sim_host *host = mnet_sim_host(sim, "host", &options);
    assert_non_null(host);
    return host;
}

/* Checks that everything arrives unchanged. */
static struct path_run transfer(const struct path_scenario *s, uint64_t seed)
{
    struct path_run run = {.scenario = s, .hash = 0xcbf29ce484222325};
    struct mnet_sim *sim = mnet_sim_create(seed);
    struct mnet_sim_host *receiver = add_host(sim, s, 1);
    run.sender = add_host(sim, s, 2);
    assert_true(mnet_sim_link(sim, run.sender, receiver, &s->path));
    if (s->hashed)
        mnet_sim_watch(sim, hash_frame, &run);
    uint64_t begin = mnet_sim_now(sim);
    mnet_sim_spawn(receiver, receive, &run);
    mnet_sim_spawn(run.sender, send_all, &run);
    if (s->hole > 0 || s->outage)
        mnet_sim_serve(run.sender, change, &run);
    int result = mnet_sim_run(sim, begin + s->pause_ns + TIME_LIMIT);
    run.elapsed = mnet_sim_now(sim) - begin;
    if (result != 0 || run.received != s->bytes || run.wrong)
        fail_msg("hole %u, seed %u: %s after %.3f s, received %zu%s of %zu bytes", s->hole, (unsigned)seed,
                 mnet_strerror(result), (double)run.elapsed / 1e9, run.received, run.wrong ? " (wrong)" : "", s->bytes);
    mnet_sim_destroy(sim);
    return run;
}

static void report(const char *what, const struct path_scenario *s, const struct path_run *run)
{
    print_message("# %s, hole %u: %.3f s, packets of %u, %s\n", what, s->hole, (double)run->elapsed / 1e9,
                  (unsigned)run->info.path_mtu, run->info.path_search);
}

/* ---- Black holes ---- */

#define LAN .bandwidth_bps = 100000000, .delay_ns = 5 * MNET_MILLISECOND
#define MIB (1024u * 1024u)

static const uint16_t holes[] = {576, 1280, 1400, 1492};

/* From the first byte on: two or three timeouts, and the search ends at most 16 bytes below. */
static void hole_from_the_beginning(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MN_COUNT_OF(holes); i++) {
        for (int sack = 0; sack < 2; sack++) {
            struct path_scenario s = {
                .path = {LAN}, .hole = holes[i], .bytes = 2 * MIB, .arguments = sack ? "" : "--no-tcp-sack"};
            struct path_run run = transfer(&s, 1);
            report(sack ? "from the beginning" : "from the beginning, without SACK", &s, &run);
            assert_true(run.info.path_mtu <= holes[i] && run.info.path_mtu + 16 >= holes[i]);
            assert_string_equal(run.info.path_search, "complete");
            assert_int_equal(run.black_holes, 1);
            assert_int_equal(run.fast_retransmits, 0); /* no loss was taken for congestion */
            assert_true(run.elapsed < 4 * MNET_SECOND);
        }
    }
}

/* The path's MTU shrinks during a transfer. Data in flight is cut anew, also if it was a large
 * packet for the device. Not all searches are complete at the end. */
static void hole_in_the_middle(void **state)
{
    (void)state;
    const uint32_t offloads[] = {0, ALL_OFFLOADS};
    for (unsigned i = 0; i < MN_COUNT_OF(holes); i++) {
        for (unsigned k = 0; k < MN_COUNT_OF(offloads); k++) {
            for (int sack = 0; sack < 2; sack++) {
                struct path_scenario s = {.path = {LAN},
                                          .hole = holes[i],
                                          .from_ns = 150 * MNET_MILLISECOND,
                                          .bytes = 4 * MIB,
                                          .offload = offloads[k],
                                          .arguments = sack ? "" : "--no-tcp-sack"};
                struct path_run run = transfer(&s, 1);
                report(offloads[k] ? "in the middle, with offloads" : "in the middle", &s, &run);
                assert_true(run.info.path_mtu <= holes[i] && run.info.path_mtu >= MN_MIN(holes[i], 1200u));
                assert_true(run.elapsed < 5 * MNET_SECOND);
            }
        }
    }
}

/* With losses, too: the search may end slightly lower. */
static void hole_and_loss(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MN_COUNT_OF(holes); i++) {
        for (int sack = 0; sack < 2; sack++) {
            struct path_scenario s = {.path = {LAN, .loss_ppm = 10000},
                                      .hole = holes[i],
                                      .bytes = MIB,
                                      .offload = ALL_OFFLOADS,
                                      .arguments = sack ? "" : "--no-tcp-sack"};
            for (uint64_t seed = 1; seed <= 2; seed++) {
                struct path_run run = transfer(&s, seed);
                assert_true(run.info.path_mtu <= holes[i] && run.info.path_mtu >= 576);
                assert_true(run.elapsed < 60 * MNET_SECOND);
            }
        }
    }
}

/* The hole goes away: packets stay small up to the PMTU_RAISE_TIMER, and are then as large as
 * before. */
static void hole_for_a_while(void **state)
{
    (void)state;
    struct path_scenario s = {
        .path = {LAN}, .hole = 1400, .until_ns = 60 * MNET_SECOND, .pause_ns = 700 * MNET_SECOND, .bytes = 3 * MIB};
    struct path_run run = transfer(&s, 1);
    report("for a while", &s, &run);
    assert_int_equal(run.info.path_mtu, 1500);
    assert_string_equal(run.info.path_search, "off");
    assert_int_equal(run.black_holes, 1);
}

/* Without discovery only the handshake and small packets get through. */
static void hole_without_discovery_ends_the_connection(void **state)
{
    (void)state;
    struct path_scenario s = {.path = {LAN}, .hole = 1280, .bytes = MIB, .arguments = "--no-tcp-plpmtud"};
    struct path_run run = {.scenario = &s};
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_host *receiver = add_host(sim, &s, 1);
    run.sender = add_host(sim, &s, 2);
    assert_true(mnet_sim_link(sim, run.sender, receiver, &s.path));
    mnet_sim_serve(receiver, receive, &run);
    mnet_sim_spawn(run.sender, send_all, &run);
    mnet_sim_serve(run.sender, change, &run);
    assert_int_equal(mnet_sim_run(sim, 1200 * MNET_SECOND), MNET_E_TIMED_OUT); /* R2 */
    assert_int_equal(run.received, 0);
    mnet_sim_destroy(sim);
}

/* ---- No black holes ---- */

/* A link that stops altogether looks like a hole, until it works again. Then packets have their old
 * size at once, and the transfer takes as long as without discovery. */
static void outage_is_no_hole(void **state)
{
    (void)state;
    static const uint64_t lengths_ms[] = {500, 1000, 3000, 10000};
    for (unsigned i = 0; i < MN_COUNT_OF(lengths_ms); i++) {
        for (int sack = 0; sack < 2; sack++) {
            struct path_scenario s = {.path = {LAN},
                                      .outage = true,
                                      .from_ns = 150 * MNET_MILLISECOND,
                                      .until_ns = (150 + lengths_ms[i]) * MNET_MILLISECOND,
                                      .bytes = 6 * MIB,
                                      .arguments = sack ? "" : "--no-tcp-sack"};
            struct path_run with = transfer(&s, 1);
            s.arguments = sack ? "--no-tcp-plpmtud" : "--no-tcp-sack --no-tcp-plpmtud";
            struct path_run without = transfer(&s, 1);
            print_message("# outage of %u ms: %.3f s, without discovery %.3f s\n", (unsigned)lengths_ms[i],
                          (double)with.elapsed / 1e9, (double)without.elapsed / 1e9);
            assert_int_equal(with.info.path_mtu, 1500);
            assert_string_equal(with.info.path_search, "off");
            assert_int_equal(with.black_holes, 0);
            assert_true(with.elapsed < without.elapsed + without.elapsed / 20);
        }
    }
}

/* The same frames at the same times, if no segment times out twice. */
static void paths_without_holes_see_no_difference(void **state)
{
    (void)state;
    static const uint32_t loss[] = {0, 1000, 10000};
    for (unsigned i = 0; i < MN_COUNT_OF(loss); i++) {
        struct path_scenario s = {
            .path = {LAN, .loss_ppm = loss[i]}, .hashed = true, .bytes = MIB, .offload = ALL_OFFLOADS};
        struct path_run with = transfer(&s, 7);
        s.arguments = "--no-tcp-plpmtud";
        struct path_run without = transfer(&s, 7);
        assert_int_equal(with.lowered, 0);
        assert_true(with.hash == without.hash);
        assert_true(with.elapsed == without.elapsed);
    }
}

/* Heavy loss makes segments time out twice, too. It does not make them small for long. */
static void loss_is_no_hole(void **state)
{
    (void)state;
    uint64_t lowered = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct path_scenario s = {.path = {LAN, .loss_ppm = 150000}, .bytes = 400 * 1024};
        struct path_run run = transfer(&s, seed);
        lowered += run.lowered;
        assert_int_equal(run.black_holes, 0);
    }
    assert_true(lowered > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hole_from_the_beginning),
        cmocka_unit_test(hole_in_the_middle),
        cmocka_unit_test(hole_and_loss),
        cmocka_unit_test(hole_for_a_while),
        cmocka_unit_test(hole_without_discovery_ends_the_connection),
        cmocka_unit_test(outage_is_no_hole),
        cmocka_unit_test(paths_without_holes_see_no_difference),
        cmocka_unit_test(loss_is_no_hole),
    };
    return cmocka_run_group_tests_name("black_holes", tests, NULL, NULL);
}
