/* The time of day, from the servers that DHCP names, and those on the command line.
 *
 * clock-tap --net:service=tap0 --dhcp ntp.example
 */
#include <mnet/mnet.h>

static void show_server(struct mnet_env *env, const struct mnet_sntp_server *server)
{
    char address[MNET_ADDRESS_TEXT];
    mnet_address_format(server->address, address, sizeof address);
    if (server->denied || !server->answered)
        mnet_print(env, "%s: %s\n", address, server->denied ? "wants no questions" : "no answer");
    else
        mnet_print(env, "%s: %d us away, right to %u us%s\n", address, (int)(server->offset_ns / 1000),
                   (unsigned)(server->error_ns / 1000), server->lies ? ", unlike the others" : "");
}

static int show_time(struct mnet_env *env, struct mnet_stack *stack)
{
    struct mnet_sntp_server servers[MNET_SNTP_SERVERS_MAX];
    int error = mnet_sntp_await(stack, mnet_now() + 20 * MNET_SECOND);
    uint64_t wall = mnet_wall_clock(stack);
    unsigned count = mnet_sntp_servers(stack, servers, MNET_SNTP_SERVERS_MAX);
    for (unsigned i = 0; i < count && i < MNET_SNTP_SERVERS_MAX; i++)
        show_server(env, &servers[i]);
    if (error == 0)
        mnet_print(env, "%lu.%03u s since 1970-01-01 00:00 UTC\n", (unsigned long)(wall / MNET_SECOND),
                   (unsigned)(wall % MNET_SECOND / MNET_MILLISECOND));
    return error;
}

const struct mnet_program mnet_program = {.arguments = "[SERVER...]", .summary = "Asks NTP servers for the time."};

int mnet_main(struct mnet_env *env)
{
    const char *const *words = (const char *const *)mnet_env_argv(env) + 1;
    unsigned count = (unsigned)mnet_env_argc(env) - 1;
    struct mnet_stack *stack;
    if (count > MNET_SNTP_SERVERS_MAX)
        return mnet_env_usage(env);
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_sntp_start(stack, words, count);
    return error == 0 ? show_time(env, stack) : error;
}
