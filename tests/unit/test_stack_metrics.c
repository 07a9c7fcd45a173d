/* The state of a stack as text: mnet/metrics.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/stream.h"
#include "support/world.h"

static char text[64 * 1024];

/* Returns the value of the sample with this name and these labels, or -1. */
static long long sample(const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1)
        if (strncmp(line, name, len) == 0 && line[len] == ' ')
            return strtoll(line + len + 1, NULL, 10);
    return -1;
}

static int connections_and_bytes(struct world *w)
{
    struct pair pair = {0};
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(write_text(pair.client, "unread"), 0);
    sleep_ms(100);
    size_t len = mnet_metrics(w->server, text, sizeof text);
    CHECK_EQUAL(len, strlen(text));
    CHECK_EQUAL(sample("mnet_tcp_connections{state=\"ESTABLISHED\"}"), 1);
    CHECK_EQUAL(sample("mnet_tcp_connections{state=\"TIME-WAIT\"}"), 0);
    CHECK_EQUAL(sample("mnet_tcp_unread_bytes"), 6);
    CHECK_EQUAL(sample("mnet_tcp_listeners"), 1);
    CHECK_EQUAL(sample("mnet_tcp_backlog"), 0);
    CHECK_EQUAL(sample("mnet_tasks"), mnet_task_count());
    CHECK_EQUAL(sample("mnet_link_up"), 1);
    CHECK_EQUAL(sample("mnet_memory_used_bytes"), mnet_stack_memory_used(w->server));
    CHECK(sample("mnet_memory_budget_bytes") >= sample("mnet_memory_peak_bytes"));
    CHECK_EQUAL(sample("mnet_rx_frames_total"), mnet_stack_counters(w->server)->value[MNET_COUNT_RX_FRAMES]);
    w->server->device->tx_dropped = 3; /* as a device tells them */
    w->server->device->notifications = 5;
    w->server->device->interrupts = 7;
    mnet_metrics(w->server, text, sizeof text);
    CHECK_EQUAL(sample("mnet_device_rx_dropped_total"), 0);
    CHECK_EQUAL(sample("mnet_device_tx_dropped_total"), 3);
    CHECK_EQUAL(sample("mnet_device_notifications_total"), 5);
    CHECK_EQUAL(sample("mnet_device_interrupts_total"), 7);
    CHECK_EQUAL(sample("mnet_build_info{version=\"" MNET_VERSION "\"}"), 1);
    world_close(&pair);
    return 0;
}

static void metrics_tell_connections_bytes_memory_and_counters(void **state)
{
    (void)state;
    world_run_both(connections_and_bytes, NULL);
}

/* Checks the lines of a metric: its help, its type and its samples, all with its name. Returns the
 * line behind them, or NULL if one is wrong. */
static const char *check_metric(const char *line)
{
    char name[128], kind[16];
    int used = 0;
    if (sscanf(line, "# HELP %127[a-z0-9_] %*[^\n]\n%n", name, &used) != 1 || used == 0)
        return NULL;
    line += used;
    size_t len = strlen(name);
    if (strncmp(line, "# TYPE ", 7) != 0 || strncmp(line + 7, name, len) != 0 ||
        sscanf(line + 7 + len, " %15[a-z]", kind) != 1)
        return NULL;
    bool counter = strcmp(kind, "counter") == 0;
    if (counter != (len > 6 && strcmp(name + len - 6, "_total") == 0) || (!counter && strcmp(kind, "gauge") != 0))
        return NULL;
    line = strchr(line, '\n') + 1;
    unsigned samples = 0;
    for (; *line != '#' && *line != '\0'; line = strchr(line, '\n') + 1, samples++) {
        char value[24], rest;
        if (strncmp(line, name, len) != 0)
            return NULL;
        const char *blank = strchr(line, ' ');
        if (sscanf(blank, " %23[0-9]%c", value, &rest) != 2 || rest != '\n')
            return NULL;
    }
    return samples > 0 ? line : NULL;
}

static int grammar(struct world *w)
{
    size_t len = mnet_metrics(w->server, text, sizeof text);
    CHECK(len < sizeof text && text[len - 1] == '\n');
    unsigned metrics = 0;
    for (const char *line = text; *line != '\0'; metrics++) {
        line = check_metric(line);
        CHECK(line != NULL);
    }
    CHECK(metrics > MNET_COUNTER_MAX + 10);
    return 0;
}

static void metrics_have_the_form_that_prometheus_reads(void **state)
{
    (void)state;
    world_run(grammar, NULL);
}

static int sizes(struct world *w)
{
    static char part[2048];
    size_t len = mnet_metrics(w->server, text, sizeof text);
    CHECK_EQUAL(mnet_metrics(w->server, NULL, 0), len);
    for (size_t size = 1; size < sizeof part; size += 7) {
        memset(part, '!', sizeof part);
        CHECK_EQUAL(mnet_metrics(w->server, part, size), len);
        CHECK_EQUAL(strlen(part), size - 1);
        CHECK(memcmp(part, text, size - 1) == 0 && part[size] == '!');
    }
    return 0;
}

static void metrics_are_cut_at_the_end_of_the_buffer(void **state)
{
    (void)state;
    world_run(sizes, NULL);
}

static int nap(void *argument)
{
    (void)argument;
    return sleep_ms(1);
}

static int count_tasks(struct world *w)
{
    (void)w;
    struct mnet_task *child;
    unsigned before = mnet_task_count();
    CHECK_EQUAL(mnet_spawn(&child, nap, NULL), 0);
    CHECK_EQUAL(mnet_task_count(), before + 1);
    sleep_ms(10);
    CHECK_EQUAL(mnet_task_count(), before + 1); /* it has ended, and is to be joined */
    CHECK_EQUAL(mnet_join(child, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_task_count(), before);
    return 0;
}

static void tasks_are_counted_until_they_are_joined(void **state)
{
    (void)state;
    world_run(count_tasks, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_tell_connections_bytes_memory_and_counters),
        cmocka_unit_test(metrics_have_the_form_that_prometheus_reads),
        cmocka_unit_test(metrics_are_cut_at_the_end_of_the_buffer),
        cmocka_unit_test(tasks_are_counted_until_they_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
