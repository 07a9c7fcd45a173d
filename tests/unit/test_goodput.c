/* Congestion control on simulated links: the goodput of one flow, and the shares of several at a
 * bottleneck. In virtual time, so the figures are exact and the same every time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/base.h"
#include "support/goodput.h"

#define MBIT 1000000u
#define ALL_OFFLOADS (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4)
#define SEEDS 2u /* for flows that compete, which is a matter of chance */

/* Half of the round trip in each direction. A queue of 0 is unlimited and loses nothing.
 * Acknowledgements are not all on time, or competing flows would keep in step for ever. */
static struct goodput_link bottleneck(unsigned flows, uint64_t mbit, uint64_t rtt_ms, size_t queue_bytes,
                                      uint64_t from_s, uint64_t to_s)
{
    uint64_t delay = rtt_ms * MNET_MILLISECOND / 2;
    return (struct goodput_link){
        .flows = flows,
        .there = {.bandwidth_bps = mbit * MBIT, .delay_ns = delay, .queue_bytes = queue_bytes},
        .back = {.delay_ns = delay, .jitter_ns = flows > 1 ? 100 * MNET_MICROSECOND : 0},
        .from_ns = from_s * MNET_SECOND,
        .to_ns = to_s * MNET_SECOND,
    };
}

static void check(const char *name, const struct goodput_link *link, double least_utilisation, double least_fairness,
                  bool lossless)
{
    unsigned seeds = link->back.jitter_ns > 0 ? SEEDS : 1;
    double used = 0, fair = 0;
    uint64_t overflowed = 0;
    for (unsigned seed = 1; seed <= seeds; seed++) {
        struct goodput run;
        goodput_run(link, seed, &run);
        used += goodput_utilisation(link, &run) / seeds;
        fair += goodput_fairness(link, &run) / seeds;
        overflowed += run.there.overflowed;
    }
    print_message("# %s: %.1f %% of the link, fairness %.3f, %u frames lost\n", name, 100 * used, fair,
                  (unsigned)overflowed);
    /* A hole that is filled right after measuring begins delivers data that arrived before. */
    assert_true(used >= least_utilisation && used <= 1.01);
    assert_true(fair >= least_fairness);
    assert_true(!lossless || overflowed == 0);
}

/* 1 Gbit/s over 100 ms, 12.5 MB in flight: buffers and windows grow to it, and the link is full
 * after slow start. */
static void long_fat_path_is_filled(void **state)
{
    (void)state;
    struct goodput_link link = bottleneck(1, 1000, 100, 0, 3, 5);
    link.offload = ALL_OFFLOADS;
    link.buffer = 32u << 20;
    check("cubic, 1 Gbit/s, 100 ms", &link, 0.9, 1, true);
}

/* HyStart++ and the receiver's window, which is sized for the round trip without a queue, both end
 * slow start before a deep queue overflows. (A queue of one bandwidth-delay product overflows in
 * the round trip before its delay can be seen.) */
static void slow_start_ends_without_loss(void **state)
{
    (void)state;
    struct goodput_link link = bottleneck(1, 100, 100, 3750000, 3, 5);
    check("cubic, 100 Mbit/s, 100 ms, queue of 3 BDP", &link, 0.9, 1, true);
}

/* Flows with the same round trip share a bottleneck evenly, and use it. */
static void equal_flows_share_evenly(void **state)
{
    (void)state;
    const unsigned counts[] = {2, 4, 8};
    for (unsigned i = 0; i < MN_COUNT_OF(counts); i++) {
        struct goodput_link link = bottleneck(counts[i], 40, 40, 200000, 5, 20);
        char name[64];
        snprintf(name, sizeof name, "%u cubic flows, 40 Mbit/s, 40 ms", counts[i]);
        check(name, &link, 0.95, 0.95, false);
    }
}

/* RFC 9438 4.3: CUBIC does not starve Reno on a path that suits Reno. */
static void cubic_and_reno_share(void **state)
{
    (void)state;
    struct goodput_link link = bottleneck(2, 20, 20, 50000, 5, 20);
    link.arguments[0] = "--congestion=cubic";
    link.arguments[1] = "--congestion=reno";
    check("cubic and reno, 20 Mbit/s, 20 ms", &link, 0.95, 0.9, false);
}

/* The rate-based control fills a long, fat path, too. */
static void bbr_fills_a_long_fat_path(void **state)
{
    (void)state;
    struct goodput_link link = bottleneck(1, 1000, 100, 0, 3, 5);
    link.arguments[0] = "--congestion=bbr";
    link.offload = ALL_OFFLOADS;
    link.buffer = 64u << 20;
    check("bbr, 1 Gbit/s, 100 ms", &link, 0.9, 1, true);
}

/* It keeps its rate if losses are no congestion; CUBIC does not. */
static void bbr_survives_random_loss(void **state)
{
    (void)state;
    struct goodput_link link = bottleneck(1, 40, 40, 200000, 3, 8);
    link.arguments[0] = "--congestion=bbr";
    link.there.loss_ppm = 10000;
    check("bbr, 40 Mbit/s, 40 ms, 1 % loss", &link, 0.93, 1, false);
    struct goodput cubic;
    link.arguments[0] = "--congestion=cubic";
    goodput_run(&link, 1, &cubic);
    print_message("# cubic, the same: %.1f %%\n", 100 * goodput_utilisation(&link, &cubic));
    assert_true(goodput_utilisation(&link, &cubic) < 0.5);
}

/* Several such flows share a bottleneck. */
static void bbr_flows_share(void **state)
{
    (void)state;
    const unsigned counts[] = {2, 4};
    for (unsigned i = 0; i < MN_COUNT_OF(counts); i++) {
        struct goodput_link link = bottleneck(counts[i], 40, 40, 200000, 5, 20);
        link.back.jitter_ns = 0; /* their own phases keep them out of step */
        for (unsigned flow = 0; flow < counts[i]; flow++)
            link.arguments[flow] = "--congestion=bbr";
        char name[64];
        snprintf(name, sizeof name, "%u bbr flows, 40 Mbit/s, 40 ms", counts[i]);
        check(name, &link, 0.95, 0.95, false);
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
