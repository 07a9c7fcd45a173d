/* The table of goodput by rate, round trip and kind of trouble, compared with the one in
 * tests/snapshots/goodput.md. Virtual time: the same code gives the same table, on every machine.
 * `make goodput` writes it anew, and the difference is then for a reader to judge. Losses are dice,
 * so even a harmless change of when something is sent throws them anew; that moves figures a
 * little, and is only reported. The test fails where a cell changes by more than CELL_CHANGE, or
 * all of them together by more than MEAN_CHANGE.
 *
 *   test_links --print      the table, and nothing else
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "support/goodput.h"

#include <math.h>

#define MBIT 1000000u
#define CELL_CHANGE 0.25
#define MEAN_CHANGE 0.04
#define TABLE_SIZE 16384

/* ---- What is possible ---- */

/* Returns the average window of CUBIC in segments if a part p of all segments is lost: its own (RFC
 * 9438 5.1), or Reno's (4.3, RFC 5681) if that is larger, because CUBIC follows it then. */
static double average_window(double p, double rtt_s)
{
    double x = rtt_s / p;
    double cubic = 1.054 * sqrt(x * sqrt(x)), reno = sqrt(1.5 / p);
    return cubic > reno ? cubic : reno;
}

/* Returns the part of all frames that begin a series of losses. In a burst (Gilbert) a frame is
 * lost with q, and it is the last one with r. So P0, no loss at all, is (1 - q) * (r + (1 - r) *
 * P0). */
static double loss_events(const struct mnet_sim_path *path)
{
    double q = path->burst_loss_ppm / 1e6, r = path->burst_leave_ppm / 1e6;
    double none = r > 0 ? (1 - q) * r / (1 - (1 - q) * (1 - r)) : 0;
    return (path->loss_ppm + path->corrupt_ppm) / 1e6 + path->burst_enter_ppm / 1e6 * (1 - none);
}

/* Returns text in bits per second: limited by the link, and by the window that congestion control
 * keeps with its losses. */
static double possible(const struct goodput_link *link)
{
    double carried = (double)link->there.bandwidth_bps * GOODPUT_TEXT / GOODPUT_FRAME;
    double p = loss_events(&link->there);
    double rtt_s = (double)(link->there.delay_ns + link->back.delay_ns) / 1e9;
    if (link->up_ns > 0)
        carried *= 1 - (double)(link->up_ns - link->down_ns) / (double)(link->to_ns - link->from_ns);
    if (p == 0)
        return carried;
    double bound = average_window(p, rtt_s) * GOODPUT_TEXT * 8 / rtt_s;
    return carried * (1 - p) < bound ? carried * (1 - p) : bound;
}

/* ---- The table ---- */

struct links_table {
    char text[TABLE_SIZE];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct links_table *table, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(table->text + table->len, sizeof table->text - table->len, format, arguments);
    va_end(arguments);
    assert_true(len >= 0 && table->len + (size_t)len < sizeof table->text);
    table->len += (size_t)len;
}

/* Measured from the first SYN on. The queue is one bandwidth-delay product, but at least 32 kB. */
static struct goodput_link one_flow(uint32_t mbit, uint32_t rtt_ms, uint32_t seconds)
{
    uint64_t bdp = (uint64_t)mbit * 125 * rtt_ms;
    return (struct goodput_link){
        .flows = 1,
        .there = {.bandwidth_bps = (uint64_t)mbit * MBIT,
                  .delay_ns = rtt_ms * MNET_MILLISECOND / 2,
                  .queue_bytes = MN_MAX(bdp, (uint64_t)32000)},
        .back = {.delay_ns = rtt_ms * MNET_MILLISECOND / 2},
        .buffer = 32u << 20,
        .to_ns = seconds * MNET_SECOND,
    };
}

static void measure(const struct goodput_link *link, unsigned seeds, double *bps, double *fairness)
{
    *bps = *fairness = 0;
    for (unsigned seed = 1; seed <= seeds; seed++) {
        struct goodput result;
        goodput_run(link, seed, &result);
        *bps += goodput_bps(link, &result) / seeds;
        *fairness += goodput_fairness(link, &result) / seeds;
    }
}

static void put_grid(struct links_table *table)
{
    static const uint32_t losses[] = {0, 1000, 10000, 30000, 50000};
    static const struct {
        uint32_t mbit, rtt_ms, seconds;
    } rows[] = {{10, 1, 20}, {10, 20, 20}, {10, 100, 40}, {1000, 1, 1}, {1000, 20, 3}, {1000, 100, 6}};
    put(table, "| link | no loss | 0.1 %% | 1 %% | 3 %% | 5 %% |\n| --- | --- | --- | --- | --- | --- |\n");
    for (size_t row = 0; row < MN_COUNT_OF(rows); row++) {
        put(table, "| %u Mbit/s, %u ms |", rows[row].mbit, rows[row].rtt_ms);
        for (size_t i = 0; i < MN_COUNT_OF(losses); i++) {
            double bps, fairness;
            struct goodput_link link = one_flow(rows[row].mbit, rows[row].rtt_ms, rows[row].seconds);
            link.there.loss_ppm = losses[i];
            measure(&link, losses[i] > 0 ? 2 : 1, &bps, &fairness);
            put(table, " %.2f (%.0f %%) |", bps / MBIT, 100 * bps / possible(&link));
        }
        put(table, "\n");
    }
}

static void put_line(struct links_table *table, const char *name, const struct goodput_link *link)
{
    double bps, fairness;
    measure(link, 2, &bps, &fairness);
    put(table, "| %s | %.2f (%.0f %%) |", name, bps / MBIT, 100 * bps / possible(link));
    if (link->flows > 1)
        put(table, " %.3f |\n", fairness);
    else
        put(table, " |\n");
}

static void put_troubles(struct links_table *table)
{
    static const struct {
        const char *name;
        struct mnet_sim_path there, back; /* added to the link */
    } troubles[] = {
        {"nothing", {0}, {0}},
        {"1 % of the frames 5 ms late", {.reorder_ppm = 10000, .reorder_ns = 5 * MNET_MILLISECOND}, {0}},
        {"10 % of the frames 2 ms late", {.reorder_ppm = 100000, .reorder_ns = 2 * MNET_MILLISECOND}, {0}},
        {"2 % of the frames 30 ms late", {.reorder_ppm = 20000, .reorder_ns = 30 * MNET_MILLISECOND}, {0}},
        {"10 ms of jitter each way", {.jitter_ns = 10 * MNET_MILLISECOND}, {.jitter_ns = 10 * MNET_MILLISECOND}},
        {"2 % of the frames twice", {.duplicate_ppm = 20000}, {0}},
        {"losses in bursts (Gilbert: 0.1 % in, 25 % out, half lost)",
         {.burst_enter_ppm = 1000, .burst_leave_ppm = 250000, .burst_loss_ppm = 500000},
         {0}},
        {"20 % of the acknowledgements lost", {0}, {.loss_ppm = 200000}},
        {"50 % of the acknowledgements lost", {0}, {.loss_ppm = 500000}},
        {"0.1 % of the frames damaged", {.corrupt_ppm = 1000}, {0}},
    };
    for (size_t i = 0; i < MN_COUNT_OF(troubles); i++) {
        struct goodput_link link = one_flow(20, 40, 20);
        struct mnet_sim_path there = troubles[i].there, back = troubles[i].back;
        there.bandwidth_bps = link.there.bandwidth_bps;
        there.queue_bytes = link.there.queue_bytes;
        there.delay_ns = link.there.delay_ns;
        back.delay_ns = link.back.delay_ns;
        link.there = there;
        link.back = back;
        put_line(table, troubles[i].name, &link);
    }
}

static void put_queues(struct links_table *table)
{
    struct goodput_link bloated = one_flow(10, 20, 20);
    bloated.there.queue_bytes = 1000000;
    put_line(table, "10 Mbit/s, 20 ms, a queue of 1 MB (800 ms)", &bloated);
    struct goodput_link shallow = one_flow(50, 40, 20);
    shallow.there.queue_bytes = 30000;
    put_line(table, "50 Mbit/s, 40 ms, a queue of 20 frames (5 ms)", &shallow);
    struct goodput_link down = one_flow(20, 40, 30);
    down.down_ns = 5 * MNET_SECOND;
    down.up_ns = 15 * MNET_SECOND;
    put_line(table, "nothing passes for 10 s of 30", &down);
}

static void put_flows(struct links_table *table)
{
    for (unsigned flows = 2; flows <= GOODPUT_FLOWS; flows *= 2) {
        struct goodput_link link = one_flow(40, 40, 30);
        char name[32];
        link.flows = flows;
        link.from_ns = 5 * MNET_SECOND;
        /* Otherwise they would keep in step for ever. */
        link.back.jitter_ns = 100 * MNET_MICROSECOND;
        snprintf(name, sizeof name, "%u flows, 40 Mbit/s", flows);
        put_line(table, name, &link);
    }
}

static void make_table(struct links_table *table)
{
    table->len = 0;
    put(table, "# Goodput on simulated links\n\n"
               "Written by `make goodput`, read by `tests/unit/test_links.c`. Mbit/s of text, from the first SYN on, "
               "and the part of what is possible: what the link "
               "carries,\nor, where losses are random, what CUBIC's average window is worth (RFC 9438 4.3, 5.1).\n\n");
    put_grid(table);
    put(table, "\n20 Mbit/s, 40 ms, unless the row says otherwise:\n\n"
               "| trouble | Mbit/s | fairness (Jain) |\n| --- | --- | --- |\n");
    put_troubles(table);
    put_queues(table);
    put_flows(table);
}

/* ---- Comparison ---- */

struct change {
    unsigned cells, changed, failed;
    double logarithms; /* of the ratios of each cell's new figure to its old one */
};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static void compare_numbers(double was, double is, struct change *change)
{
    double ratio = (is + 0.01) / (was + 0.01);
    change->cells++;
    change->changed += is != was;
    change->logarithms += log(ratio);
    change->failed += ratio > 1 + CELL_CHANGE || ratio < 1 - CELL_CHANGE;
}

/* Compares two lines that differ in numbers only. Returns false if they differ in words. */
static bool compare_lines(const char *was, const char *is, struct change *change)
{
    while (*was != '\0' && *is != '\0') {
        if (digit(*was) && digit(*is)) {
            char *after_was, *after_is;
            double before = strtod(was, &after_was), now = strtod(is, &after_is);
            compare_numbers(before, now, change);
            was = after_was;
            is = after_is;
        } else if (*was++ != *is++) {
            return false;
        }
    }
    return *was == *is;
}

static const char *next_line(char **text)
{
    char *line = strsep(text, "\n");
    return line != NULL ? line : "";
}

/* Prints the lines that differ, and the differences. Fails if a difference is more than chance. */
static void compare(char *was, char *is)
{
    struct change change = {0};
    bool same_words = true;
    while (was != NULL || is != NULL) {
        const char *before = next_line(&was), *now = next_line(&is);
        if (strcmp(before, now) != 0)
            print_message("# - %s\n# + %s\n", before, now);
        same_words = compare_lines(before, now, &change) && same_words;
    }
    double mean = change.cells > 0 ? exp(change.logarithms / change.cells) - 1 : 0;
    print_message("# %u of %u figures changed, by %+.1f %% on average; `make goodput` writes the table anew\n",
                  change.changed, change.cells, 100 * mean);
    assert_true(same_words);
    assert_int_equal(change.failed, 0);
    assert_true(mean < MEAN_CHANGE && mean > -MEAN_CHANGE);
}

static void goodput_is_that_of_the_snapshot(void **state)
{
    static struct links_table table;
    static char snapshot[TABLE_SIZE];
    (void)state;
    FILE *file = fopen(SNAPSHOT, "r");
    assert_non_null(file);
    size_t len = fread(snapshot, 1, sizeof snapshot - 1, file);
    fclose(file);
    assert_true(len > 0);
    make_table(&table);
    compare(snapshot, table.text);
}

/* The comparison itself: it finds a slower cell, ignores chance, and notices a missing cell. */
static void comparison_finds_what_changed(void **state)
{
    (void)state;
    struct change change = {0};
    assert_true(compare_lines("| 10 Mbit/s | 9.50 (100 %) |", "| 10 Mbit/s | 9.40 (99 %) |", &change));
    assert_int_equal(change.cells, 3);
    assert_int_equal(change.changed, 2);
    assert_int_equal(change.failed, 0);
    assert_true(compare_lines("| 9.50 |", "| 6.50 |", &change));
    assert_int_equal(change.failed, 1);
    assert_false(compare_lines("| 9.50 | 1.00 |", "| 9.50 |", &change));
    assert_false(compare_lines("| a 9.50 |", "| b 9.50 |", &change));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        static struct links_table table;
        make_table(&table);
        fputs(table.text, stdout);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodput_is_that_of_the_snapshot),
        cmocka_unit_test(comparison_finds_what_changed),
    };
    return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
