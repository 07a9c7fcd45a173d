/* What congestion control makes of simulated links: goodput of one flow, and how several share a bottleneck. In virtual time, so the figures are exact and
 * the same every time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/base.h"

#define PORT 80
#define FLOWS_MAX 8
#define MBIT 1000000u
#define ALL_OFFLOADS (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4)

/* Senders, each a host with its own connection, behind one bottleneck: the path towards the receiver. */
struct scenario {
    unsigned flows;
    const char *arguments[FLOWS_MAX]; /* of each sender; NULL: none */
    uint64_t bandwidth_bps, rtt_ns;
    size_t queue_bytes; /* 0: no limit and no loss */
    uint32_t loss_ppm;
    uint32_t offload;
    uint32_t buffer;         /* most that windows may grow to; 0: default */
    uint64_t from_ns, to_ns; /* when goodput is measured */
};

struct flow {
    struct run *run;
    struct mnet_flow *flow;
    uint64_t received, received_before;
};

struct run {
    const struct scenario *scenario;
    struct flow flows[FLOWS_MAX];
    unsigned accepted;
    uint64_t begin;
    uint64_t overflowed;
};

static int stack_up(struct mnet_env *env, const struct scenario *s, struct mnet_stack **stack)
{
    struct mnet_config config = {.tcp_send_buffer = s->buffer, .tcp_receive_buffer = s->buffer};
    return mnet_stack_up(env, &config, stack);
}

/* ---- The receiver ---- */

static int drink(void *argument)
{
    struct flow *flow = argument;
    struct mnet_slice slices[16];
    ptrdiff_t count;
    while ((count = mnet_tcp_get(flow->flow, slices, MN_COUNT_OF(slices), MNET_NEVER)) > 0) {
        for (ptrdiff_t i = 0; i < count; i++)
            flow->received += slices[i].len;
        mnet_tcp_release(flow->flow);
    }
    mnet_tcp_close(flow->flow);
    return 0;
}

static int receive(struct mnet_env *env, void *argument)
{
    struct run *run = argument;
    struct mnet_stack *stack;
    struct mnet_listener *listener;
    int error = stack_up(env, run->scenario, &stack);
    if (error == 0)
        error = mnet_tcp_listen(stack, PORT, NULL, &listener);
    while (error == 0 && run->accepted < run->scenario->flows) {
        struct flow *flow = &run->flows[run->accepted];
        error = mnet_tcp_accept(listener, &flow->flow, MNET_NEVER);
        run->accepted++;
        if (error == 0)
            error = mnet_spawn(NULL, drink, flow);
    }
    return error;
}

/* ---- The senders ---- */

static int send_all(struct mnet_env *env, void *argument)
{
    static const uint8_t bytes[65536];
    struct flow *flow = argument;
    const struct scenario *s = flow->run->scenario;
    struct mnet_stack *stack;
    struct mnet_flow *out;
    uint64_t until = flow->run->begin + s->to_ns + MNET_SECOND;
    int error = stack_up(env, s, &stack);
    if (error == 0)
        error = mnet_sleep(mnet_now() + MNET_MILLISECOND); /* the receiver listens */
    if (error == 0)
        error = mnet_tcp_connect(stack, mnet_ipv4(10, 0, 0, 1), PORT, &out, MNET_NEVER);
    if (error < 0)
        return error;
    while (error == 0)
        error = mnet_tcp_write(out, bytes, sizeof bytes, NULL, until);
    mnet_tcp_abort(out);
    return error == MNET_E_DEADLINE ? 0 : error;
}

/* ---- The whole ---- */

/* Notes what each flow has received when measuring begins; ends everything when it is over. */
static int observe(struct mnet_env *env, void *argument)
{
    struct run *run = argument;
    (void)env;
    int error = mnet_sleep(run->begin + run->scenario->from_ns);
    for (unsigned i = 0; i < FLOWS_MAX; i++)
        run->flows[i].received_before = run->flows[i].received;
    if (error == 0)
        error = mnet_sleep(run->begin + run->scenario->to_ns);
    for (unsigned i = 0; i < FLOWS_MAX; i++)
        run->flows[i].received -= run->flows[i].received_before;
    return error;
}

static struct mnet_sim_host *add_host(struct mnet_sim *sim, const struct scenario *s, unsigned number, const char *more)
{
    char arguments[MNET_SIM_ARGUMENTS];
    snprintf(arguments, sizeof arguments, "--ipv4=10.0.0.%u/24 %s", number, more != NULL ? more : "");
    struct mnet_sim_host_options options = {
        .arguments = arguments, .memory = (size_t)512 << 20, .tx_offload = s->offload, .rx_offload = s->offload};
    struct mnet_sim_host *host = mnet_sim_host(sim, "host", &options);
    assert_non_null(host);
    return host;
}

static void run_scenario(const struct scenario *s, struct run *run)
{
    *run = (struct run){.scenario = s};
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_segment *segment = mnet_sim_segment(sim);
    struct mnet_sim_host *receiver = add_host(sim, s, 1, NULL);
    struct mnet_sim_path bottleneck = {.bandwidth_bps = s->bandwidth_bps,
                                       .delay_ns = s->rtt_ns / 2,
                                       .queue_bytes = s->queue_bytes,
                                       .loss_ppm = s->loss_ppm};
    struct mnet_sim_path back = {.delay_ns = s->rtt_ns / 2};
    mnet_sim_attach(segment, receiver);
    mnet_sim_shape(receiver, MNET_SIM_RECEIVING, &bottleneck);
    mnet_sim_shape(receiver, MNET_SIM_SENDING, &back);
    run->begin = mnet_sim_now(sim);
    mnet_sim_serve(receiver, receive, run);
    for (unsigned i = 0; i < s->flows; i++) {
        struct mnet_sim_host *sender = add_host(sim, s, 2 + i, s->arguments[i]);
        mnet_sim_attach(segment, sender);
        run->flows[i].run = run;
        mnet_sim_serve(sender, send_all, &run->flows[i]);
    }
    mnet_sim_spawn(receiver, observe, run);
    assert_int_equal(mnet_sim_run(sim, run->begin + s->to_ns + 10 * MNET_SECOND), 0);
    run->overflowed = mnet_sim_counts(receiver, MNET_SIM_RECEIVING).overflowed;
    mnet_sim_destroy(sim);
}

/* Of what the bottleneck carries, frames of 1514 bytes for 1460 of data: the part that arrived as data. */
static double utilisation(const struct run *run)
{
    const struct scenario *s = run->scenario;
    double bytes = 0;
    for (unsigned i = 0; i < s->flows; i++)
        bytes += (double)run->flows[i].received;
    double carried = (double)s->bandwidth_bps / 8 * (double)(s->to_ns - s->from_ns) / 1e9;
    return bytes / carried * 1514 / 1460;
}

/* Jain's index: 1 where all have the same, 1 / flows where one has everything. */
static double fairness(const struct run *run)
{
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < run->scenario->flows; i++) {
        double x = (double)run->flows[i].received;
        sum += x;
        squares += x * x;
    }
    return sum * sum / ((double)run->scenario->flows * squares);
}

static void check(const char *name, const struct scenario *s, double least_utilisation, double least_fairness,
                  bool lossless)
{
    struct run run;
    run_scenario(s, &run);
    double used = utilisation(&run), fair = fairness(&run);
    print_message("# %s: %.1f %% of the link, fairness %.3f, %u frames lost\n", name, 100 * used, fair,
                  (unsigned)run.overflowed);
    assert_true(used >= least_utilisation && used <= 1.001);
    assert_true(fair >= least_fairness);
    assert_true(!lossless || run.overflowed == 0);
}

/* 1 Gbit/s over 100 ms, 12.5 MB in flight: buffers and windows grow to it, and the link is full after slow start. */
static void long_fat_path_is_filled(void **state)
{
    (void)state;
    struct scenario s = {.flows = 1,
                         .bandwidth_bps = 1000 * MBIT,
                         .rtt_ns = 100 * MNET_MILLISECOND,
                         .offload = ALL_OFFLOADS,
                         .buffer = 32u << 20,
                         .from_ns = 3 * MNET_SECOND,
                         .to_ns = 5 * MNET_SECOND};
    check("cubic, 1 Gbit/s, 100 ms", &s, 0.9, 1, true);
}

/* HyStart++ and the receiver's window, which is sized for the round trip without a queue, both end slow start before a deep queue overflows. (A
 * queue of one bandwidth-delay product overflows in the round trip before its delay can be seen.) */
static void slow_start_ends_without_loss(void **state)
{
    (void)state;
    struct scenario s = {.flows = 1,
                         .bandwidth_bps = 100 * MBIT,
                         .rtt_ns = 100 * MNET_MILLISECOND,
                         .queue_bytes = 3750000,
                         .from_ns = 3 * MNET_SECOND,
                         .to_ns = 5 * MNET_SECOND};
    check("cubic, 100 Mbit/s, 100 ms, queue of 3 BDP", &s, 0.9, 1, true);
}

/* Flows with the same round trip share a bottleneck evenly, and use it. */
static void equal_flows_share_evenly(void **state)
{
    (void)state;
    const unsigned counts[] = {2, 4, 8};
    for (unsigned i = 0; i < MN_COUNT_OF(counts); i++) {
        struct scenario s = {.flows = counts[i],
                             .bandwidth_bps = 40 * MBIT,
                             .rtt_ns = 40 * MNET_MILLISECOND,
                             .queue_bytes = 200000,
                             .from_ns = 5 * MNET_SECOND,
                             .to_ns = 20 * MNET_SECOND};
        char name[64];
        snprintf(name, sizeof name, "%u cubic flows, 40 Mbit/s, 40 ms", counts[i]);
        check(name, &s, 0.95, 0.95, false);
    }
}

/* RFC 9438 4.3: CUBIC does not starve Reno on a path where Reno does well. */
static void cubic_and_reno_share(void **state)
{
    (void)state;
    struct scenario s = {.flows = 2,
                         .arguments = {"--congestion=cubic", "--congestion=reno"},
                         .bandwidth_bps = 20 * MBIT,
                         .rtt_ns = 20 * MNET_MILLISECOND,
                         .queue_bytes = 50000,
                         .from_ns = 5 * MNET_SECOND,
                         .to_ns = 20 * MNET_SECOND};
    check("cubic and reno, 20 Mbit/s, 20 ms", &s, 0.95, 0.9, false);
}

/* The rate-based controller fills a long, fat path, too; */
static void bbr_fills_a_long_fat_path(void **state)
{
    (void)state;
    struct scenario s = {.flows = 1,
                         .arguments = {"--congestion=bbr"},
                         .bandwidth_bps = 1000 * MBIT,
                         .rtt_ns = 100 * MNET_MILLISECOND,
                         .offload = ALL_OFFLOADS,
                         .buffer = 64u << 20,
                         .from_ns = 3 * MNET_SECOND,
                         .to_ns = 5 * MNET_SECOND};
    check("bbr, 1 Gbit/s, 100 ms", &s, 0.9, 1, true);
}

/* ... it does not mind losses that are no congestion, which stop CUBIC; */
static void bbr_survives_random_loss(void **state)
{
    (void)state;
    struct scenario s = {.flows = 1,
                         .arguments = {"--congestion=bbr"},
                         .bandwidth_bps = 40 * MBIT,
                         .rtt_ns = 40 * MNET_MILLISECOND,
                         .queue_bytes = 200000,
                         .loss_ppm = 10000,
                         .from_ns = 3 * MNET_SECOND,
                         .to_ns = 8 * MNET_SECOND};
    check("bbr, 40 Mbit/s, 40 ms, 1 % loss", &s, 0.93, 1, false);
    struct run cubic;
    s.arguments[0] = "--congestion=cubic";
    run_scenario(&s, &cubic);
    print_message("# cubic, the same: %.1f %%\n", 100 * utilisation(&cubic));
    assert_true(utilisation(&cubic) < 0.5);
}

/* ... and flows of it share a bottleneck. */
static void bbr_flows_share(void **state)
{
    (void)state;
    const unsigned counts[] = {2, 4};
    for (unsigned i = 0; i < MN_COUNT_OF(counts); i++) {
        struct scenario s = {
            .flows = counts[i],
            .arguments = {"--congestion=bbr", "--congestion=bbr", "--congestion=bbr", "--congestion=bbr"},
            .bandwidth_bps = 40 * MBIT,
            .rtt_ns = 40 * MNET_MILLISECOND,
            .queue_bytes = 200000,
            .from_ns = 5 * MNET_SECOND,
            .to_ns = 20 * MNET_SECOND};
        char name[64];
        snprintf(name, sizeof name, "%u bbr flows, 40 Mbit/s, 40 ms", counts[i]);
        check(name, &s, 0.95, 0.95, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_fat_path_is_filled),   cmocka_unit_test(slow_start_ends_without_loss),
        cmocka_unit_test(equal_flows_share_evenly),  cmocka_unit_test(cubic_and_reno_share),
        cmocka_unit_test(bbr_fills_a_long_fat_path), cmocka_unit_test(bbr_survives_random_loss),
        cmocka_unit_test(bbr_flows_share),
    };
    return cmocka_run_group_tests_name("goodput", tests, NULL, NULL);
}
