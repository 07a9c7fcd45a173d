/* Misuses by a caller: each gives one line that names the call and the misuse. Each case runs in a
 * process of its own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>
#include <mnet/tcp_info.h>

#include "base/base.h"
#include "task/sanitizer.h"
#include "tests/unit/child.h"

/* NULL, hidden from the compiler. */
static void *volatile none;

static struct mnet_stack *stack;
static struct mnet_flow *flow;
static struct mnet_listener *listener;
static struct mnet_udp *udp;
static char byte;

static void read_from_null(void)
{
    mnet_tcp_read(none, &byte, 1, 0);
}
static void read_exactly_from_null(void)
{
    mnet_tcp_read_exactly(none, &byte, 1, NULL, 0);
}
static void get_from_null(void)
{
    mnet_tcp_get(none, &(struct mnet_slice){0}, 1, 0);
}
static void release_null(void)
{
    mnet_tcp_release(none);
}
static void write_to_null(void)
{
    mnet_tcp_write(none, &byte, 1, NULL, 0);
}
static void write_now_to_null(void)
{
    mnet_tcp_write_now(none, &byte, 1);
}
static void shut_null(void)
{
    mnet_tcp_shutdown(none, MNET_SHUTDOWN_WRITE);
}
static void ready_of_null(void)
{
    mnet_tcp_ready(none);
}
static void peers_of_null(void)
{
    mnet_tcp_peers(none, NULL, NULL);
}
static void stream_of_null(void)
{
    mnet_tcp_stream(none);
}
static void accept_from_null(void)
{
    mnet_tcp_accept(none, &flow, 0);
}
static void port_of_null(void)
{
    mnet_tcp_listen_port(none);
}
static void receive_from_null(void)
{
    mnet_udp_receive(none, &byte, 1, NULL, 0);
}
static void send_to_null(void)
{
    mnet_udp_send(none, NULL, &byte, 1, 0);
}
static void send_batch_to_null(void)
{
    mnet_udp_send_batch(none, NULL, 0, NULL, 0);
}
static void get_from_null_endpoint(void)
{
    mnet_udp_get(none, NULL, 0, NULL, 0, 0);
}
static void release_null_endpoint(void)
{
    mnet_udp_release(none);
}
static void connect_null_endpoint(void)
{
    mnet_udp_connect(none, NULL);
}
static void join_null_endpoint(void)
{
    mnet_udp_join(none, mnet_ipv4(239, 1, 1, 1));
}
static void leave_null_endpoint(void)
{
    mnet_udp_leave(none, mnet_ipv4(239, 1, 1, 1));
}
static void payload_of_null(void)
{
    mnet_udp_payload_max(none, NULL);
}
static void poll_null(void)
{
    mnet_stack_poll(none, 0);
}
static void address_of_null(void)
{
    mnet_stack_ipv4(none);
}
static void print_to_null(void)
{
    mnet_print(none, "x");
}
static void own_null(void)
{
    mnet_own(none, NULL, NULL);
}
static void name_null(void)
{
    mnet_task_set_name(none, "x");
}

static void exit_in_finaliser(void *result)
{
    mnet_exit(result == NULL);
}

static void link_of_null(void)
{
    mnet_stack_link_up(none);
}
static void state_of_null(void)
{
    mnet_stack_ready(none);
}
static void notify_of_null(void)
{
    mnet_stack_notify(none, NULL, NULL);
}
static void changes_of_null(void)
{
    mnet_stack_changes(none);
}
static void await_change_of_null(void)
{
    mnet_stack_await_change(none, 0, 0);
}
static void await_link_of_null(void)
{
    mnet_stack_await_link(none, true, 0);
}

static void forget(void *unused)
{
    (void)unused;
}

static __attribute__((noinline)) void own_in_finaliser(void *unused)
{
    struct mnet_owned owned;
    (void)unused;
    mnet_own(&owned, forget, NULL);
}

static void own_while_finalising(void)
{
    struct mnet_owned owned;
    mnet_own(&owned, own_in_finaliser, NULL);
    mnet_exit(0);
}

static void exit_while_finalising(void)
{
    struct mnet_owned record;
    mnet_own(&record, exit_in_finaliser, NULL);
    mnet_finalise(&record);
}

static void close_flow_twice(void)
{
    mnet_tcp_close(flow), mnet_tcp_close(flow);
}
static void read_after_close(void)
{
    mnet_tcp_abort(flow), mnet_tcp_read(flow, &byte, 1, 0);
}
static void wait_after_close(void)
{
    mnet_tcp_close(flow), mnet_tcp_close_wait(flow, 0);
}
static void close_listener_twice(void)
{
    mnet_tcp_unlisten(listener), mnet_tcp_unlisten(listener);
}
static void close_endpoint_twice(void)
{
    mnet_udp_close(udp), mnet_udp_close(udp);
}

static const struct {
    void (*misuse)(void);
    const char *text;
    bool closed; /* uses freed memory, which a sanitizer reports in its own words */
} cases[] = {
    {read_from_null, "mnet_tcp_read: the flow is NULL", false},
    {read_exactly_from_null, "mnet_tcp_read_exactly: the flow is NULL", false},
    {get_from_null, "mnet_tcp_get: the flow is NULL", false},
    {release_null, "mnet_tcp_release: the flow is NULL", false},
    {write_to_null, "mnet_tcp_write: the flow is NULL", false},
    {write_now_to_null, "mnet_tcp_write_now: the flow is NULL", false},
    {shut_null, "mnet_tcp_shutdown: the flow is NULL", false},
    {ready_of_null, "mnet_tcp_ready: the flow is NULL", false},
    {peers_of_null, "mnet_tcp_peers: the flow is NULL", false},
    {stream_of_null, "mnet_tcp_stream: the flow is NULL", false},
    {accept_from_null, "mnet_tcp_accept: the listener is NULL", false},
    {port_of_null, "mnet_tcp_listen_port: the listener is NULL", false},
    {receive_from_null, "mnet_udp_receive: the endpoint is NULL", false},
    {send_to_null, "mnet_udp_send: the endpoint is NULL", false},
    {send_batch_to_null, "mnet_udp_send_batch: the endpoint is NULL", false},
    {get_from_null_endpoint, "mnet_udp_get: the endpoint is NULL", false},
    {release_null_endpoint, "mnet_udp_release: the endpoint is NULL", false},
    {connect_null_endpoint, "mnet_udp_connect: the endpoint is NULL", false},
    {join_null_endpoint, "mnet_udp_join: the endpoint is NULL", false},
    {leave_null_endpoint, "mnet_udp_leave: the endpoint is NULL", false},
    {payload_of_null, "mnet_udp_payload_max: the endpoint is NULL", false},
    {poll_null, "mnet_stack_poll: the stack is NULL", false},
    {address_of_null, "mnet_stack_ipv4: the stack is NULL", false},
    {link_of_null, "mnet_stack_link_up: the stack is NULL", false},
    {state_of_null, "mnet_stack_ready: the stack is NULL", false},
    {notify_of_null, "mnet_stack_notify: the stack is NULL", false},
    {changes_of_null, "mnet_stack_changes: the stack is NULL", false},
    {await_change_of_null, "mnet_stack_await_change: the stack is NULL", false},
    {await_link_of_null, "mnet_stack_await_link: the stack is NULL", false},
    {print_to_null, "mnet_print: the environment is NULL", false},
    {own_null, "mnet_own: the record or the finaliser is NULL", false},
    {name_null, "mnet_task_set_name: the task is NULL", false},
    {exit_while_finalising, "mnet_exit: called in a finaliser", false},
    {own_while_finalising,
     "mnet_own: a function of the task returned while what it owns lies on its stack: finish with it first, or end the "
     "task with mnet_exit",
     false},
    {close_flow_twice, "mnet_tcp_close: the flow is closed", true},
    {read_after_close, "mnet_tcp_read: the flow is closed", true},
    {wait_after_close, "mnet_tcp_close_wait: the flow is closed", true},
    {close_listener_twice, "mnet_tcp_unlisten: the listener is closed", true},
    {close_endpoint_twice, "mnet_udp_close: the endpoint is closed", true},
};

static int misuse(struct mnet_env *env, void *argument)
{
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_tcp_listen(stack, 80, NULL, &listener);
    if (error == 0)
        error = mnet_udp_open(stack, NULL, &udp);
    if (error == 0)
        error = mnet_tcp_connect(stack, mnet_stack_ipv4(stack), 80, &flow, MNET_NEVER);
    if (error == 0)
        (*(void (*const *)(void))argument)();
    return error;
}

/* Runs a case in a process of its own. Stores its output, and returns its wait status. */
static int run_in_child(void (*const *run)(void), char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka has caught it */
        dup2(ends[1], STDERR_FILENO);
        struct mnet_sim *sim = mnet_sim_create(1);
        struct mnet_sim_host_options options = {.arguments = "--ipv4=10.0.0.1/24"};
        mnet_sim_spawn(mnet_sim_host(sim, "host", &options), misuse, (void *)(uintptr_t)run);
        mnet_sim_run(sim, 10 * MNET_SECOND);
        _exit(0);
    }
    return hear_child(child, ends, text, size);
}

static void misused_calls_are_named(void **state)
{
    (void)state;
    bool sanitized = false;
#ifdef MN_ADDRESS_SANITIZER
    sanitized = true;
#endif
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        if (cases[i].closed && sanitized)
            continue;
        char text[4096], expected[200];
        int status = run_in_child(&cases[i].misuse, text, sizeof text);
        snprintf(expected, sizeof expected, "mnet: %s (task \"host\", src/", cases[i].text);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strncmp(text, expected, strlen(expected)) != 0)
            fail_msg("expected %s, it said: %s", expected, text);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
}

/* A cleared handle can be closed twice, by any call that closes. */
static void closing_null_does_nothing(void **state)
{
    (void)state;
    mnet_tcp_close(none);
    mnet_tcp_abort(none);
    assert_int_equal(mnet_tcp_close_wait(none, MNET_NEVER), 0);
    mnet_tcp_unlisten(none);
    mnet_udp_close(none);
    mnet_stack_down(none);
    mnet_disown(none);
    mnet_finalise(none);
    mnet_cancel(none);
    mnet_packet_free(none);
    mnet_buffer_free(none);
    mnet_sim_destroy(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misused_calls_are_named),
        cmocka_unit_test(closing_null_does_nothing),
    };
    return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
