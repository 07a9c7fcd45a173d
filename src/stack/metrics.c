/* Metrics in the exposition format of Prometheus, version 0.0.4. */
#include <mnet/env.h>
#include <mnet/format.h>
#include <mnet/metrics.h>
#include <mnet/tcp_info.h>
#include <stdarg.h>

#include "stack/stack.h"
#include "task/task.h"
#include "tcp/state.h"

/* Text that grows in a buffer. What does not fit is counted only. */
struct metrics_text {
    char *bytes;
    size_t size, len;
};

static void add(struct metrics_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct metrics_text *text, const char *format, ...)
{
    size_t used = MN_MIN(text->len, text->size);
    va_list arguments;
    va_start(arguments, format);
    text->len += mnet_format_list(text->bytes + used, text->size - used, format, arguments);
    va_end(arguments);
}

static void add_head(struct metrics_text *text, const char *name, const char *help, const char *type)
{
    add(text, "# HELP mnet_%s %s\n# TYPE mnet_%s %s\n", name, help, name, type);
}

static void add_gauge(struct metrics_text *text, const char *name, const char *help, uint64_t value)
{
    add_head(text, name, help, "gauge");
    add(text, "mnet_%s %llu\n", name, (unsigned long long)value);
}

/* "tcp.drop_checksum" is mnet_tcp_drop_checksum_total. */
static void add_counter(struct metrics_text *text, enum mnet_counter counter, uint64_t value)
{
    char name[64];
    mnet_format(name, sizeof name, "%s_total", mnet_counter_name(counter));
    for (char *at = name; *at != '\0'; at++)
        if (*at == '.')
            *at = '_';
    add_head(text, name, mnet_counter_text(counter), "counter");
    add(text, "mnet_%s %llu\n", name, (unsigned long long)value);
}

/* Sums over all connections of a stack. */
struct tcp_sums {
    unsigned states[MN_TIME_WAIT + 1];
    unsigned backlog;
    uint64_t unacked, unsent, unread, out_of_order, lost;
};

static bool count_connection(void *context, const struct mnet_tcp_info *info)
{
    struct tcp_sums *sums = context;
    for (unsigned state = 0; state < MN_COUNT_OF(sums->states); state++)
        if (info->state == mn_tcp_state_name(state)) /* static: one address for each */
            sums->states[state]++;
    sums->backlog += info->backlog;
    sums->unacked += info->unacked;
    sums->unsent += info->unsent;
    sums->unread += info->unread;
    sums->out_of_order += info->out_of_order;
    sums->lost += info->lost;
    return true;
}

static void add_device(struct metrics_text *text, const struct mnet_device *device)
{
    const struct device_count {
        const char *name, *help;
        uint64_t value;
    } counts[] = {
        {"device_rx_dropped_total", "received frames that the device dropped", device->rx_dropped},
        {"device_tx_dropped_total", "frames that the device took and did not send", device->tx_dropped},
        {"device_notifications_total", "notifications of the device to its host", device->notifications},
        {"device_interrupts_total", "interrupts of the host for the device", device->interrupts},
    };
    for (size_t i = 0; i < MN_COUNT_OF(counts); i++) {
        add_head(text, counts[i].name, counts[i].help, "counter");
        add(text, "mnet_%s %llu\n", counts[i].name, (unsigned long long)counts[i].value);
    }
}

static void add_tcp(struct metrics_text *text, const struct mnet_stack *stack)
{
    struct tcp_sums sums = {.backlog = 0};
    mnet_tcp_each(stack, count_connection, &sums);
    add_head(text, "tcp_connections", "connections in each state", "gauge");
    for (unsigned state = MN_SYN_SENT; state < MN_COUNT_OF(sums.states); state++)
        add(text, "mnet_tcp_connections{state=\"%s\"} %u\n", mn_tcp_state_name(state), sums.states[state]);
    add_gauge(text, "tcp_listeners", "ports that accept connections", sums.states[MN_LISTEN]);
    add_gauge(text, "tcp_backlog", "connections that wait for accept", sums.backlog);
    add_gauge(text, "tcp_unacked_bytes", "bytes sent, and not acknowledged", sums.unacked);
    add_gauge(text, "tcp_unsent_bytes", "bytes queued, and not sent", sums.unsent);
    add_gauge(text, "tcp_unread_bytes", "bytes received in order, and not read", sums.unread);
    add_gauge(text, "tcp_out_of_order_bytes", "bytes received beyond a hole", sums.out_of_order);
    add_gauge(text, "tcp_lost_bytes", "bytes sent, and thought lost", sums.lost);
}

size_t mnet_metrics(const struct mnet_stack *stack, char *bytes, size_t size)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    MN_REQUIRE(bytes != NULL || size == 0, "there is no place for the text");
    struct metrics_text text = {bytes, size, 0};
    add_head(&text, "build_info", "the version of mnet", "gauge");
    add(&text, "mnet_build_info{version=\"%s\"} 1\n", MNET_VERSION);
    add_gauge(&text, "link_up", "1 if the link is up", mnet_stack_link_up(stack));
    add_gauge(&text, "memory_budget_bytes", "memory that the stack may use", mnet_memory_budget(stack->memory));
    add_gauge(&text, "memory_used_bytes", "memory in use", mnet_memory_used(stack->memory));
    add_gauge(&text, "memory_peak_bytes", "memory in use at the highest point", mnet_memory_peak(stack->memory));
    add_gauge(&text, "tasks", "tasks of this thread", mnet_task_count());
    add_device(&text, stack->device);
    add_tcp(&text, stack);
    for (enum mnet_counter counter = 0; counter < MNET_COUNTER_MAX; counter++)
        add_counter(&text, counter, stack->counters.value[counter]);
    return text.len;
}
