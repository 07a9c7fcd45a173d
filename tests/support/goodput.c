#include "support/goodput.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

#define PORT 80

struct flow {
    struct goodput_run *run;
    struct mnet_flow *flow;
    uint64_t received, received_before;
};

struct goodput_run {
    const struct goodput_link *link;
    struct mnet_sim_host *receiver;
    struct flow flows[GOODPUT_FLOWS];
    unsigned accepted;
    uint64_t begin;
};

static int stack_up(struct mnet_env *env, const struct goodput_link *link, struct mnet_stack **stack)
{
    struct mnet_config config = {.tcp.send_buffer = link->buffer, .tcp.receive_buffer = link->buffer};
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
    struct goodput_run *run = argument;
    struct mnet_stack *stack;
    struct mnet_listener *listener;
    int error = stack_up(env, run->link, &stack);
    if (error == 0)
        error = mnet_tcp_listen(stack, PORT, NULL, &listener);
    while (error == 0 && run->accepted < run->link->flows) {
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
    const struct goodput_link *link = flow->run->link;
    struct mnet_stack *stack;
    struct mnet_flow *out;
    uint64_t until = flow->run->begin + link->to_ns + MNET_SECOND;
    int error = stack_up(env, link, &stack);
    if (error == 0)
        error = mnet_sleep(mnet_now() + MNET_MILLISECOND); /* until the receiver listens */
    if (error == 0)
        error = mnet_tcp_connect(stack, mnet_ipv4(10, 0, 0, 1), PORT, &out, MNET_NEVER);
    if (error < 0)
        return error;
    while (error == 0)
        error = mnet_tcp_write(out, bytes, sizeof bytes, NULL, until);
    mnet_tcp_abort(out);
    return error == MNET_E_DEADLINE ? 0 : error;
}

/* ---- The simulation ---- */

static void shape(struct goodput_run *run, bool down)
{
    struct mnet_sim_path there = run->link->there, back = run->link->back;
    there.down = back.down = down;
    mnet_sim_shape(run->receiver, MNET_SIM_RECEIVING, &there);
    mnet_sim_shape(run->receiver, MNET_SIM_SENDING, &back);
}

static int interrupt(struct mnet_env *env, void *argument)
{
    struct goodput_run *run = argument;
    (void)env;
    int error = mnet_sleep(run->begin + run->link->down_ns);
    shape(run, true);
    if (error == 0)
        error = mnet_sleep(run->begin + run->link->up_ns);
    shape(run, false);
    return error;
}

/* Records the bytes received of each flow when measuring begins, and ends the simulation when it is
 * over. */
static int observe(struct mnet_env *env, void *argument)
{
    struct goodput_run *run = argument;
    (void)env;
    int error = mnet_sleep(run->begin + run->link->from_ns);
    for (unsigned i = 0; i < GOODPUT_FLOWS; i++)
        run->flows[i].received_before = run->flows[i].received;
    return error == 0 ? mnet_sleep(run->begin + run->link->to_ns) : error;
}

/* The figures are of TCP: nothing else shares the link. */
static struct mnet_sim_host *add_host(struct mnet_sim *sim, const struct goodput_link *link, unsigned number,
                                      const char *more)
{
    char arguments[MNET_SIM_ARGUMENTS];
    snprintf(arguments, sizeof arguments, "--ipv4=10.0.0.%u/24 --no-ipv6 %s", number, more != NULL ? more : "");
    struct mnet_sim_host_options options = {
        .arguments = arguments, .memory = (size_t)512 << 20, .tx_offload = link->offload, .rx_offload = link->offload};
    struct mnet_sim_host *host = mnet_sim_host(sim, "host", &options);
    assert_non_null(host);
    return host;
}

void goodput_run(const struct goodput_link *link, uint64_t seed, struct goodput *result)
{
    struct goodput_run run = {.link = link};
    struct mnet_sim *sim = mnet_sim_create(seed);
    struct mnet_sim_segment *segment = mnet_sim_segment(sim);
    run.receiver = add_host(sim, link, 1, NULL);
    mnet_sim_attach(segment, run.receiver);
    shape(&run, false);
    run.begin = mnet_sim_now(sim);
    mnet_sim_serve(run.receiver, receive, &run);
    for (unsigned i = 0; i < link->flows; i++) {
        struct mnet_sim_host *sender = add_host(sim, link, 2 + i, link->arguments[i]);
        mnet_sim_attach(segment, sender);
        run.flows[i].run = &run;
        mnet_sim_serve(sender, send_all, &run.flows[i]);
    }
    mnet_sim_spawn(run.receiver, observe, &run);
    if (link->up_ns > 0)
        mnet_sim_serve(run.receiver, interrupt, &run);
    assert_int_equal(mnet_sim_run(sim, run.begin + link->to_ns + 10 * MNET_SECOND), 0);
    *result = (struct goodput){.there = mnet_sim_counts(run.receiver, MNET_SIM_RECEIVING)};
    for (unsigned i = 0; i < link->flows; i++)
        result->received[i] = run.flows[i].received - run.flows[i].received_before;
    mnet_sim_destroy(sim);
}

double goodput_bps(const struct goodput_link *link, const struct goodput *result)
{
    double bytes = 0;
    for (unsigned i = 0; i < link->flows; i++)
        bytes += (double)result->received[i];
    return bytes * 8 / ((double)(link->to_ns - link->from_ns) / 1e9);
}

double goodput_utilisation(const struct goodput_link *link, const struct goodput *result)
{
    return goodput_bps(link, result) / ((double)link->there.bandwidth_bps * GOODPUT_TEXT / GOODPUT_FRAME);
}

double goodput_fairness(const struct goodput_link *link, const struct goodput *result)
{
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < link->flows; i++) {
        double x = (double)result->received[i];
        sum += x;
        squares += x * x;
    }
    return sum * sum / ((double)link->flows * squares);
}
