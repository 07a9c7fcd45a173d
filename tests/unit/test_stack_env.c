/* The program around mnet_main: options, devices, exit status, and the objects that are ended for
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ports/hosted/stacks.h"
#include "stack/env.h"
#include "support/world.h"

/* A port with nothing but a clock that `wait` moves, and the program's results. */
struct port {
    uint64_t now;
    char output[4096], error[2048];
    struct mnet_device device;
    unsigned opened, closed;
    char name[32], host[32];
    int (*program)(struct mnet_env *env);
};

static struct port port;
static uint16_t mtu = 1500; /* of the device */

static uint64_t port_now(void *context)
{
    return ((struct port *)context)->now;
}

static void port_wait(void *context, uint64_t deadline)
{
    if (deadline == MNET_NEVER)
        abort(); /* nothing will ever happen again */
    ((struct port *)context)->now = deadline;
}

static bool port_entropy(void *context, void *buffer, size_t len)
{
    (void)context;
    memset(buffer, 1, len);
    return true;
}

static void port_print(void *context, enum mn_console console, const char *text, size_t len)
{
    struct port *p = context;
    char *to = console == MN_CONSOLE_OUTPUT ? p->output : p->error;
    size_t before = strlen(to);
    size_t room = console == MN_CONSOLE_OUTPUT ? sizeof p->output : sizeof p->error;
    assert_true(len < room - before);
    memcpy(to + before, text, len);
    to[before + len] = '\0';
}

static void *port_allocate(void *context, size_t size)
{
    (void)context;
    return size > (1u << 30) ? NULL : malloc(size);
}

static void port_release(void *context, void *region, size_t size)
{
    (void)context;
    (void)size;
    free(region);
}

static int device_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    (void)device;
    (void)packets;
    (void)max;
    return 0;
}

static int device_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    (void)device;
    for (int i = 0; i < count; i++)
        mnet_packet_free(packets[i]);
    return count;
}

static void device_close(struct mnet_device *device)
{
    (void)device;
    port.closed++;
}

static struct mnet_device *port_open_device(void *context, const struct mn_device_request *request)
{
    static const struct mnet_device_ops ops = {.rx = device_rx, .tx = device_tx, .close = device_close};
    struct port *p = context;
    snprintf(p->name, sizeof p->name, "%s", request->name);
    snprintf(p->host, sizeof p->host, "%s", request->host != NULL ? request->host : "-");
    if (strcmp(p->host, "none") == 0) {
        static const char why[] = "none: there is none\n";
        port_print(p, MN_CONSOLE_ERROR, why, strlen(why));
        return NULL;
    }
    p->opened++;
    p->device = (struct mnet_device){.ops = &ops, .name = "test", .mac = {2, 0, 0, 0, 0, 1}, .mtu = mtu, .fd = -1};
    return &p->device;
}

int mnet_main(struct mnet_env *env)
{
    return port.program(env);
}

static const struct mnet_program_option own_options[] = {{"-l", NULL, "listen"}, {0}};
static const struct mnet_program described = {
    .arguments = "PORT", .summary = "A test.", .version = "7", .options = own_options};
static const struct mnet_program *description; /* of the next program to run */

/* Runs `program` with the arguments. Returns the exit status. */
static const char *port_module; /* the file of the loader, or NULL */

static int run(int (*program)(struct mnet_env *env), const char *arguments)
{
    char text[256] = "test ", *argv[16];
    int argc = 0;
    strcat(text, arguments);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    port = (struct port){.now = MNET_SECOND, .program = program};
    struct mn_env_setup setup = {
        .argc = argc,
        .argv = argv,
        .program = description,
        .context = &port,
        .now = port_now,
        .entropy = port_entropy,
        .open_device = port_open_device,
        .print = port_print,
        .allocate = port_allocate,
        .release = port_release,
        .memory_size = 32u << 20,
        .module = port_module,
        .module_size = port_module != NULL ? strlen(port_module) : 0,
        .wait = port_wait,
        .task_stacks = mn_hosted_stacks,
    };
    int status = mn_env_run(&setup);
    assert_int_equal(port.opened, port.closed);
    return status;
}

static int say_arguments(struct mnet_env *env)
{
    mnet_print(env, "%d %s", mnet_env_argc(env), mnet_env_argv(env)[1]);
    mnet_output(env, "\0!", 2);
    return 7;
}

static void program_gets_its_arguments_and_gives_the_status(void **state)
{
    (void)state;
    assert_int_equal(run(say_arguments, "--ipv4=10.0.0.1/24 mine --log=info"), 7);
    assert_string_equal(port.output, "2 mine");
}

static int show_module(struct mnet_env *env)
{
    size_t len = 99;
    const char *module = mnet_env_module(env, &len);
    mnet_print(env, "%zu%s", len, module != NULL ? module : "");
    return 0;
}

static void loader_may_have_a_file(void **state)
{
    (void)state;
    assert_int_equal(run(show_module, ""), 0);
    assert_string_equal(port.output, "0");
    port_module = "text";
    assert_int_equal(run(show_module, ""), 0);
    assert_string_equal(port.output, "4text");
    port_module = NULL;
}

static int fail_somehow(struct mnet_env *env)
{
    (void)env;
    return MNET_E_REFUSED;
}

static void program_that_fails_has_status_1(void **state)
{
    (void)state;
    assert_int_equal(run(fail_somehow, ""), 1);
    assert_string_equal(port.error, "test: connection refused\n");
    assert_string_equal(port.output, "");
}

static int end_as_told(struct mnet_env *env)
{
    mn_loop_cancel(env->loop);
    return mnet_sleep(MNET_NEVER);
}

static int end_by_itself(struct mnet_env *env)
{
    (void)env;
    mnet_cancel(mnet_self());
    return mnet_sleep(MNET_NEVER);
}

static void program_cancelled_from_outside_has_status_0(void **state)
{
    (void)state;
    assert_int_equal(run(end_as_told, ""), 0);
    assert_string_equal(port.error, "");
    assert_int_equal(run(end_by_itself, ""), 1);
    assert_string_equal(port.error, "test: task cancelled\n");
}

static void wrong_option_has_status_1_and_one_line(void **state)
{
    (void)state;
    assert_int_equal(run(say_arguments, "--ipv4=10.0.0.300/24"), 1);
    assert_string_equal(port.output, "");
    assert_memory_equal(port.error, "test: --ipv4=10.0.0.300/24: expected", 36);
    assert_ptr_equal(strchr(port.error, '\n'), port.error + strlen(port.error) - 1);
}

static void status_is_refused_where_nobody_can_ask(void **state)
{
    (void)state;
    assert_int_equal(run(say_arguments, "--status=console"), 1);
    assert_string_equal(port.error, "test: --status: connections cannot be asked for here\n");
}

static void time_servers_are_refused_if_nobody_asks_them(void **state)
{
    (void)state;
    assert_int_equal(run(say_arguments, "--ntp=10.0.0.1"), 1);
    assert_string_equal(port.error, "test: --ntp: this program asks no time servers\n");
}

static void unknown_option_has_status_1_and_one_line(void **state)
{
    (void)state;
    assert_int_equal(run(say_arguments, "--ipv4=10.0.0.1/24 --ipv4-gatway=10.0.0.2"), 1);
    assert_string_equal(port.output, "");
    assert_string_equal(port.error,
                        "test: --ipv4-gatway=10.0.0.2: unknown option; did you mean --ipv4-gateway=ADDRESS?\n");
}

static void help_has_status_0(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--help", "-h", "--dhcp -h --nonsense"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run(say_arguments, arguments[i]), 0);
        assert_string_equal(port.error, "");
        assert_memory_equal(port.output, "usage: test [OPTIONS] [ARGUMENT...]\nStandard options:\n", 54);
        assert_non_null(strstr(port.output, "\n  --ipv4=ADDRESS/LENGTH "));
    }
}

static void described_program_is_in_the_help(void **state)
{
    (void)state;
    description = &described;
    assert_int_equal(run(say_arguments, "--help"), 0);
    assert_memory_equal(port.output, "usage: test [OPTIONS] PORT\nA test.\nOptions of this program:\n  -l ", 65);
    assert_int_equal(run(say_arguments, "--version"), 0);
    assert_string_equal(port.output, "test 7 (mnet " MNET_VERSION ")\n");
    assert_int_equal(run(mnet_env_usage, "-l"), 1);
    assert_string_equal(port.error, "usage: test [OPTIONS] PORT\n");
    description = NULL;
    assert_int_equal(run(say_arguments, "--version"), 0);
    assert_string_equal(port.output, "test (mnet " MNET_VERSION ")\n");
}

static int bring_up(struct mnet_env *env)
{
    struct mnet_stack *stack, *second;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error < 0)
        return error;
    if (mnet_stack_memory_used(stack) > (32u << 20) / 100 * 65)
        return 2;
    if (mnet_stack_up(env, NULL, &second) != MNET_E_NO_DEVICE)
        return 3;
    mnet_stack_down(stack);
    if (mnet_stack_up(env, NULL, &stack) != 0) /* the device can be opened again */
        return 4;
    return 0; /* still up */
}

/* Prints all own addresses with their prefixes. */
static int show_addresses_of(struct mnet_env *env, const struct mnet_config *config)
{
    struct mnet_stack *stack;
    struct mnet_stack_address addresses[8];
    int error = mnet_stack_up(env, config, &stack);
    if (error < 0)
        return error;
    unsigned count = mnet_stack_addresses(stack, addresses, 8);
    for (unsigned i = 0; i < count; i++) {
        char text[MNET_ADDRESS_TEXT];
        mnet_address_format(addresses[i].prefix.address, text, sizeof text);
        mnet_print(env, "%s/%u ", text, addresses[i].prefix.length);
    }
    return 0;
}

static int show_addresses(struct mnet_env *env)
{
    return show_addresses_of(env, NULL);
}

static void device_is_opened_by_name_and_closed_by_its_stack(void **state)
{
    (void)state;
    assert_int_equal(run(bring_up, "--ipv4=10.0.0.1/24"), 0);
    assert_string_equal(port.name, "service");
    assert_string_equal(port.host, "-");
    assert_int_equal(port.opened, 2);
    assert_int_equal(run(bring_up, "--ipv4=10.0.0.1/24 --net:front=tap7"), 0);
    assert_string_equal(port.name, "front");
    assert_string_equal(port.host, "tap7");
}

static int no_device(struct mnet_env *env)
{
    struct mnet_stack *stack;
    return mnet_stack_up(env, NULL, &stack) == MNET_E_NO_DEVICE && stack == NULL ? 0 : 1;
}

/* The program goes on by itself, so nothing is printed. */
static void device_that_cannot_be_opened_is_reported(void **state)
{
    (void)state;
    assert_int_equal(run(no_device, "--ipv4=10.0.0.1/24 --net:service=none"), 0);
    assert_string_equal(port.error, "none: there is none\n");
}

/* The reason that keeps a stack from coming up is printed in one line, by the port, which knows
 * best, or for it. */
static void stack_that_does_not_come_up_is_explained_once(void **state)
{
    (void)state;
    assert_int_equal(run(bring_up, "--ipv4=10.0.0.1/24 --net:service=none"), 1);
    assert_string_equal(port.error, "none: there is none\n");
    assert_int_equal(run(bring_up, "--no-ipv6"), 1);
    assert_string_equal(
        port.error,
        "test: no own address: give --ipv4=ADDRESS/LENGTH, such as 10.0.0.2/24, or --dhcp, or allow IPv6\n");
    assert_int_equal(port.opened, 0);
    assert_int_equal(run(bring_up, "--ipv4=10.0.0.1/24 --memory=1000G"), 1);
    assert_string_equal(port.error, "test: no memory for the stack\n");
}

/* RFC 8200 5. A stack that has an IPv4 address goes on without IPv6, and says so. */
static void small_mtu_leaves_ipv4_alone(void **state)
{
    (void)state;
    mtu = 1279;
    assert_int_equal(run(bring_up, ""), 1);
    assert_string_equal(
        port.error, "test: no own address: the MTU is too small for IPv6, so give --ipv4=ADDRESS/LENGTH or --dhcp\n");
    assert_int_equal(run(bring_up, "--ipv6=fd00::2/64"), 1);
    assert_int_equal(run(show_addresses, "--ipv4=10.0.0.1/24"), 0);
    assert_string_equal(port.output, "10.0.0.1/24 ");
    assert_string_equal(port.error, "warning: ipv6 is off: the MTU of the link is 1279, less than 1280\n");
    assert_int_equal(run(show_addresses, "--ipv4=10.0.0.1/24 --no-ipv6"), 0);
    assert_string_equal(port.error, "");
    mtu = 1280;
    assert_int_equal(run(show_addresses, "--ipv4=10.0.0.1/24"), 0);
    assert_string_equal(port.error, "");
    mtu = 1500;
}

/* A program that says something about IPv6 is not asked by the command line. */
static struct mnet_config wanted;

static int show_wanted_addresses(struct mnet_env *env)
{
    return show_addresses_of(env, &wanted);
}

/* SLAAC-5.5-1 */
static void ipv6_is_on_unless_it_is_switched_off(void **state)
{
    static const char off[] = "10.0.0.1/24 ", on[] = "10.0.0.1/24 fe80::";
    (void)state;
    assert_int_equal(run(show_addresses, "--ipv4=10.0.0.1/24"), 0);
    assert_memory_equal(port.output, on, sizeof on - 1);
    assert_int_equal(port.now, MNET_SECOND); /* nobody waits for it */
    assert_int_equal(run(show_addresses, "--ipv4=10.0.0.1/24 --no-ipv6"), 0);
    assert_string_equal(port.output, off);
    wanted = (struct mnet_config){.ip.no_ipv6 = true};
    assert_int_equal(run(show_wanted_addresses, "--ipv4=10.0.0.1/24 --ipv6=fd00::2/64"), 0);
    assert_string_equal(port.output, off);
    wanted = (struct mnet_config){.ip.ipv6_auto = true};
    assert_int_equal(run(show_wanted_addresses, "--ipv4=10.0.0.1/24 --no-ipv6"), 0);
    assert_memory_equal(port.output, on, sizeof on - 1);
}

static void no_ipv6_beside_an_address_of_it_is_explained(void **state)
{
    (void)state;
    struct mnet_config cases[4] = {0};
    cases[0].ip.ipv6 = (struct mnet_prefix){{.bytes = {0xfd, [15] = 2}}, 64};
    cases[1].ip.ipv6_auto = true;
    cases[2].ip.ipv6_gateway = (struct mnet_address){.bytes = {0xfe, 0x80, [15] = 1}};
    cases[3].ip.ipv6_temporary = true;
    for (size_t i = 0; i < 4; i++) {
        wanted = cases[i];
        wanted.ip.no_ipv6 = true;
        assert_int_equal(run(show_wanted_addresses, "--ipv4=10.0.0.1/24"), 1);
        assert_string_equal(port.error,
                            "test: no IPv6, and an address, a gateway or a route of it: expected only one of them\n");
        assert_int_equal(port.opened, 0);
    }
}

static int look_at_devices(struct mnet_env *env)
{
    struct mnet_device *device = mnet_env_device(env, "a");
    if (device == NULL || mnet_env_device(env, "a") != device || port.opened != 1)
        return 1;
    return mnet_env_device(env, "a name that is longer than any name of a device") == NULL ? 0 : 2;
}

static void device_not_taken_is_closed_with_the_environment(void **state)
{
    (void)state;
    assert_int_equal(run(look_at_devices, ""), 0);
    assert_int_equal(port.closed, 1);
}

static int forever(void *argument)
{
    int *result = argument;
    *result = mnet_sleep(MNET_NEVER);
    return *result;
}

static int left_behind[2];

static int leave_tasks(struct mnet_env *env)
{
    (void)env;
    mnet_spawn(NULL, forever, &left_behind[0]);
    mnet_spawn(NULL, forever, &left_behind[1]);
    mnet_yield();
    return 0;
}

static void tasks_left_are_cancelled_and_awaited(void **state)
{
    (void)state;
    assert_int_equal(run(leave_tasks, ""), 0);
    assert_int_equal(left_behind[0], MNET_E_CANCELLED);
    assert_int_equal(left_behind[1], MNET_E_CANCELLED);
}

static int exit_with_tasks(struct mnet_env *env)
{
    struct mnet_group group = {0};
    (void)env;
    mnet_group_spawn(&group, forever, &left_behind[0]);
    mnet_yield();
    mnet_exit(7);
}

/* Like a return. The group exists until its member has ended. */
static void program_ends_with_mnet_exit(void **state)
{
    (void)state;
    left_behind[0] = 0;
    assert_int_equal(run(exit_with_tasks, ""), 7);
    assert_int_equal(left_behind[0], MNET_E_CANCELLED);
}

/* Nobody answers: a connection that was not closed is given up after a while, and the program
 * ends. */
static int leave_connection(struct mnet_env *env)
{
    struct mnet_stack *stack;
    struct mnet_flow *flow;
    struct mnet_listener *listener;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_tcp_listen(stack, 80, NULL, &listener);
    return error < 0 ? error
                     : mnet_tcp_connect_begin(stack, (struct mnet_endpoint){mnet_ipv4(10, 0, 0, 2), 80}, NULL, &flow);
}

static void connections_left_do_not_hold_the_program(void **state)
{
    (void)state;
    assert_int_equal(run(leave_connection, "--ipv4=10.0.0.1/24"), 0);
    assert_true(port.now < 10 * MNET_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_gets_its_arguments_and_gives_the_status),
        cmocka_unit_test(loader_may_have_a_file),
        cmocka_unit_test(program_that_fails_has_status_1),
        cmocka_unit_test(program_cancelled_from_outside_has_status_0),
        cmocka_unit_test(wrong_option_has_status_1_and_one_line),
        cmocka_unit_test(status_is_refused_where_nobody_can_ask),
        cmocka_unit_test(time_servers_are_refused_if_nobody_asks_them),
        cmocka_unit_test(unknown_option_has_status_1_and_one_line),
        cmocka_unit_test(help_has_status_0),
        cmocka_unit_test(described_program_is_in_the_help),
        cmocka_unit_test(device_is_opened_by_name_and_closed_by_its_stack),
        cmocka_unit_test(device_that_cannot_be_opened_is_reported),
        cmocka_unit_test(stack_that_does_not_come_up_is_explained_once),
        cmocka_unit_test(small_mtu_leaves_ipv4_alone),
        cmocka_unit_test(ipv6_is_on_unless_it_is_switched_off),
        cmocka_unit_test(no_ipv6_beside_an_address_of_it_is_explained),
        cmocka_unit_test(device_not_taken_is_closed_with_the_environment),
        cmocka_unit_test(tasks_left_are_cancelled_and_awaited),
        cmocka_unit_test(program_ends_with_mnet_exit),
        cmocka_unit_test(connections_left_do_not_hold_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
