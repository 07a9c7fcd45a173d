/* Environments: the options, devices and console of one application, and stacks made with them. */
#include "stack/env.h"

#include <stdarg.h>
#include <string.h>

#include "base/format.h"
#include "base/logger.h"
#include "stack/stack.h"
#include "stack/zone.h"

/* The default share of the platform's memory that a stack takes. */
#define MEMORY_PERCENT 65
/* The wait for a lease is longer by this factor while the link is down. */
#define LINK_DOWN_FACTOR 10u
/* The time in which connections that the program has closed, or left, must deliver their bytes. */
#define DRAIN_NS (2 * MNET_SECOND)

/* Weak: it is there if the program calls it, and only then is the client in its image. */
extern int mnet_sntp_start(struct mnet_stack *stack, const char *const *servers, unsigned count) __attribute__((weak));

static void print(const struct mnet_env *env, enum mn_console console, const char *text)
{
    env->setup.print(env->setup.context, console, text, strlen(text));
}

static void log_line(void *context, enum mnet_log_level level, const char *text)
{
    static const char *const prefixes[] = {
        [MNET_LOG_ERROR] = "error: ", [MNET_LOG_WARNING] = "warning: ", [MNET_LOG_INFO] = "", [MNET_LOG_DEBUG] = ""};
    char line[300];
    mn_format(line, sizeof line, "%s%s\n", prefixes[level], text);
    print(context, MN_CONSOLE_ERROR, line);
}

/* The program's name without its folder. */
static const char *program_name(const struct mnet_env *env)
{
    const char *path = env->argc > 0 ? env->setup.argv[0] : "mnet";
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* One line with the program's name. */
static void complain(const struct mnet_env *env, const char *text)
{
    char line[MN_OPTIONS_ERROR + 80];
    mn_format(line, sizeof line, "%.60s: %s\n", program_name(env), text);
    print(env, MN_CONSOLE_ERROR, line);
}

static void print_usage(const struct mnet_env *env, enum mn_console console)
{
    char line[200];
    mn_options_usage(env->setup.program, program_name(env), line, sizeof line);
    print(env, console, line);
}

int mnet_env_usage(struct mnet_env *env)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    print_usage(env, MN_CONSOLE_ERROR);
    return 1;
}

static void print_version(const struct mnet_env *env)
{
    const struct mnet_program *program = env->setup.program;
    const char *version = program != NULL && program->version != NULL ? program->version : "";
    char line[160];
    mn_format(line, sizeof line, "%.60s%s%.60s (mnet " MNET_VERSION ")\n", program_name(env),
              version[0] != '\0' ? " " : "", version);
    print(env, MN_CONSOLE_OUTPUT, line);
}

static void print_line(void *context, const char *text)
{
    print(context, MN_CONSOLE_OUTPUT, text);
}

int mn_env_open(struct mnet_env *env, struct mn_loop *loop, const struct mn_env_setup *setup)
{
    char error[MN_OPTIONS_ERROR];
    *env = (struct mnet_env){.setup = *setup, .loop = loop, .argc = setup->argc};
    const struct mn_options_known known = {setup->program, setup->options};
    int result = mn_options_parse(&env->options, &known, &env->argc, env->setup.argv, error, sizeof error);
    if (result < 0) {
        complain(env, error);
        return result;
    }
    if (env->options.config.ip.ntp_count > 0 && mnet_sntp_start == NULL) {
        complain(env, "--ntp: this program asks no time servers");
        return MNET_E_INVALID;
    }
    if (env->options.status != NULL && !setup->status) {
        complain(env, "--status: connections cannot be asked for here");
        return MNET_E_INVALID;
    }
    if (env->options.cores > 1 && !setup->has_cores) {
        complain(env, "--cores: there is one core here");
        return MNET_E_INVALID;
    }
    mn_env_name_zones(env);
    env->log = (struct mnet_log){log_line, env, MNET_LOG_WARNING};
    if (env->options.log_given)
        env->log.level = env->options.config.log.level;
    if (env->options.help) {
        print_usage(env, MN_CONSOLE_OUTPUT);
        mn_options_help(&known, print_line, env);
    } else if (env->options.version) {
        print_version(env);
    }
    return env->options.help || env->options.version ? 1 : MNET_OK;
}

void mn_env_close(struct mnet_env *env)
{
    mn_loop_drain(env->loop, env, DRAIN_NS);
    for (struct mnet_link *node = mn_list_begin(&env->loop->stacks), *next; node != &env->loop->stacks; node = next) {
        struct mnet_stack *stack = MN_CONTAINER(node, struct mnet_stack, loop_link);
        next = node->next;
        if (stack->env == env)
            mnet_stack_down(stack);
    }
    while (!mn_list_empty(&env->ended_stacks))
        mn_stack_abandon(MN_CONTAINER(env->ended_stacks.next, struct mnet_stack, loop_link));
    for (size_t i = 0; i < MN_ENV_DEVICES; i++) {
        struct mnet_device *device = env->devices[i].device;
        if (device != NULL)
            device->ops->close(device);
        env->devices[i].device = NULL;
    }
}

int mn_env_end(struct mnet_env *env, int error, int result)
{
    mn_env_close(env);
    if (error < 0) {
        complain(env, "no memory for the first task");
        return 1;
    }
    if (result == MNET_E_CANCELLED && env->loop->stopped)
        return 0; /* it has ended, as it was told to */
    const char *why = result == env->failure ? env->why : mnet_strerror(result);
    if (result < 0 && why != NULL)
        complain(env, why);
    return result < 0 ? 1 : result;
}

int mnet_env_argc(const struct mnet_env *env)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    return env->argc;
}

char **mnet_env_argv(const struct mnet_env *env)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    return env->setup.argv;
}

unsigned mnet_env_core(const struct mnet_env *env)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    return env->setup.core;
}

unsigned mnet_env_cores(const struct mnet_env *env)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    return MN_MAX(env->options.cores, (uint16_t)1);
}

const void *mnet_env_module(const struct mnet_env *env, size_t *len)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    *len = env->setup.module_size;
    return env->setup.module;
}

/* ---- Devices ---- */

/* Returns the option --net of a device, or NULL. */
static const struct mn_net_option *find_net(const struct mnet_env *env, const char *name)
{
    for (unsigned i = 0; i < env->options.net_count; i++) {
        const struct mn_net_option *net = &env->options.nets[i];
        if (strlen(name) == net->name_len && memcmp(name, net->name, net->name_len) == 0)
            return net;
    }
    return NULL;
}

/* The place of an open device of this name, else a free one, else NULL. */
static struct mn_env_device *find_place(struct mnet_env *env, const char *name)
{
    struct mn_env_device *place = NULL;
    for (size_t i = 0; i < MN_ENV_DEVICES; i++) {
        struct mn_env_device *candidate = &env->devices[i];
        if (candidate->device != NULL && strcmp(candidate->name, name) == 0)
            return candidate;
        if (candidate->device == NULL && place == NULL)
            place = candidate;
    }
    return place;
}

static struct mnet_device *open_device(struct mnet_env *env, const char *name)
{
    struct mn_env_device *place = find_place(env, name);
    if (place == NULL || strlen(name) >= sizeof place->name)
        return NULL;
    if (place->device != NULL)
        return place->device;
    const struct mn_net_option *net = find_net(env, name);
    const struct mn_device_request request = {name, net != NULL ? net->host : NULL, env->options.capture};
    place->device = env->setup.open_device(env->setup.context, &request);
    place->stack = NULL;
    if (place->device == NULL)
        return NULL;
    memcpy(place->name, name, strlen(name) + 1);
    place->device->zone = mn_env_name_zone(env, name, strlen(name));
    return place->device;
}

struct mnet_device *mnet_env_device(struct mnet_env *env, const char *name)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    char first[sizeof env->devices[0].name];
    if (name != NULL)
        return open_device(env, name);
    if (env->options.net_count == 0)
        return open_device(env, MN_ENV_USUAL_DEVICE);
    const struct mn_net_option *net = &env->options.nets[0];
    if (net->name_len >= sizeof first)
        return NULL;
    memcpy(first, net->name, net->name_len);
    first[net->name_len] = '\0';
    return open_device(env, first);
}

static struct mn_env_device *place_of(struct mnet_env *env, const struct mnet_device *device)
{
    for (size_t i = 0; i < MN_ENV_DEVICES; i++) {
        if (env->devices[i].device == device)
            return &env->devices[i];
    }
    return NULL;
}

void mn_env_forget_device(struct mnet_env *env, const struct mnet_device *device)
{
    struct mn_env_device *place = place_of(env, device);
    if (place != NULL)
        *place = (struct mn_env_device){0};
}

struct mnet_device *mnet_env_take_device(struct mnet_env *env, const char *name)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    struct mnet_device *device = mnet_env_device(env, name);
    if (device == NULL || place_of(env, device)->stack != NULL)
        return NULL;
    mn_env_forget_device(env, device);
    return device;
}

/* ---- The console ---- */

void mnet_print(struct mnet_env *env, const char *format, ...)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    size_t len = mn_format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    env->setup.print(env->setup.context, MN_CONSOLE_OUTPUT, text, MN_MIN(len, sizeof text - 1));
}

/* ---- Stacks ---- */

/* Fills in the fields that the program has left to the command line. */
static void take_options(struct mnet_config *config, const struct mnet_env *env)
{
    const struct mnet_config *given = &env->options.config;
    if (!mn_config_has_ipv4(config) && !config->ip.dhcp) {
        config->ip.ipv4 = given->ip.ipv4;
        config->ip.dhcp = given->ip.dhcp;
    }
    if (mn_address_is_any(&config->ip.ipv4_gateway))
        config->ip.ipv4_gateway = given->ip.ipv4_gateway;
    if (!mn_config_names_ipv6(config)) {
        config->ip.ipv6 = given->ip.ipv6;
        config->ip.ipv6_auto = given->ip.ipv6_auto;
        config->ip.no_ipv6 = given->ip.no_ipv6;
    }
    if (mn_address_is_any(&config->ip.ipv6_gateway))
        config->ip.ipv6_gateway = given->ip.ipv6_gateway;
    if (config->ip.route_count == 0) {
        memcpy(config->ip.routes, given->ip.routes, sizeof config->ip.routes);
        config->ip.route_count = given->ip.route_count;
    }
    if (config->tcp.trace.event == NULL && config->tcp.trace.segment == NULL)
        config->tcp.trace = given->tcp.trace;
    if (config->ip.dns_count == 0) {
        memcpy(config->ip.dns, given->ip.dns, sizeof config->ip.dns);
        config->ip.dns_count = given->ip.dns_count;
    }
    if (config->ip.search_count == 0) {
        memcpy(config->ip.search, given->ip.search, sizeof config->ip.search);
        config->ip.search_count = given->ip.search_count;
    }
    if (config->ip.host_count == 0) {
        memcpy(config->ip.hosts, given->ip.hosts, sizeof config->ip.hosts);
        config->ip.host_count = given->ip.host_count;
    }
    if (config->ip.ntp_count == 0) {
        memcpy(config->ip.ntp, given->ip.ntp, sizeof config->ip.ntp);
        config->ip.ntp_count = given->ip.ntp_count;
    }
    if (config->memory_size == 0)
        config->memory_size = given->memory_size;
    if (config->tcp.congestion == MNET_CONGESTION_DEFAULT)
        config->tcp.congestion = given->tcp.congestion;
    if (config->tcp.ecn == MNET_ECN_DEFAULT)
        config->tcp.ecn = given->tcp.ecn;
    config->ip.address_probe |= given->ip.address_probe;
    config->no_checksum_offload |= given->no_checksum_offload;
    config->no_segmentation_offload |= given->no_segmentation_offload;
    config->no_coalescing |= given->no_coalescing;
    config->tcp.no_syn_cookies |= given->tcp.no_syn_cookies;
    config->tcp.no_shedding |= given->tcp.no_shedding;
    config->tcp.no_plpmtud |= given->tcp.no_plpmtud;
    config->tcp.no_timestamps |= given->tcp.no_timestamps;
    config->tcp.no_sack |= given->tcp.no_sack;
    config->tcp.no_window_scale |= given->tcp.no_window_scale;
}

static void take_platform(struct mnet_config *config, const struct mnet_env *env)
{
    if (config->platform.now == NULL && config->platform.entropy == NULL)
        config->platform = (struct mnet_platform){env->setup.now, env->setup.entropy, env->setup.context,
                                                  env->setup.wall};
    if (config->log.write == NULL)
        config->log = env->log;
    static const uint8_t none[sizeof config->ip.ipv6_secret];
    if (env->setup.ipv6_secret != NULL && memcmp(config->ip.ipv6_secret, none, sizeof none) == 0)
        memcpy(config->ip.ipv6_secret, env->setup.ipv6_secret, sizeof none);
    if (config->memory_size == 0)
        config->memory_size = env->setup.memory_size / 100 * MEMORY_PERCENT;
}

/* Other stations have the addresses of the configuration. A server would have others to give. */
static bool no_address_can_come(const struct mnet_stack *stack)
{
    enum mn_ip_address_state ipv4 = mn_ip_address_state(&stack->ip), ipv6 = mn_ip_ipv6_state(&stack->ip);
    bool conflict = ipv4 == MN_IP_ADDRESS_CONFLICT || ipv6 == MN_IP_ADDRESS_CONFLICT;
    bool waits = ipv4 == MN_IP_ADDRESS_PROBING || ipv6 == MN_IP_ADDRESS_PROBING || stack->config.ip.dhcp ||
                 stack->config.ip.ipv6_auto;
    return conflict && !waits;
}

int mnet_stack_await_address(struct mnet_stack *stack, uint64_t deadline)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    for (;;) {
        if (mn_stack_has_address(stack))
            return MNET_OK;
        if (no_address_can_come(stack))
            return MNET_E_IN_USE;
        int error = mn_block_once(&stack->probers, deadline);
        if (error < 0)
            return error;
    }
}

int mnet_stack_await_link(struct mnet_stack *stack, bool up, uint64_t deadline)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    while (mnet_stack_link_up(stack) != up) {
        int error = mn_block_once(&stack->probers, deadline);
        if (error < 0)
            return error;
    }
    return MNET_OK;
}

int mnet_stack_await_change(struct mnet_stack *stack, uint32_t seen, uint64_t deadline)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    while (mn_stack_changes(stack) == seen) {
        int error = mn_block_once(&stack->probers, deadline);
        if (error < 0)
            return error;
    }
    return MNET_OK;
}

/* Returns the end of the wait for a first lease. While the link is down, the wait is longer. With
 * an address of IPv6 the stack can go on without a lease, and the wait is shorter. */
static uint64_t lease_deadline(const struct mnet_stack *stack, uint64_t begun)
{
    uint64_t wait = stack->config.ip.dhcp_wait_ns;
    uint64_t while_down = wait > UINT64_MAX / LINK_DOWN_FACTOR ? UINT64_MAX : wait * LINK_DOWN_FACTOR;
    uint64_t last = mn_time_after(begun, while_down);
    if (mn_ip_has_ipv6(&stack->ip))
        wait = MN_MIN(wait, MN_ROUTERS_TIMEOUT);
    return stack->link_down ? last : MN_MIN(last, mn_time_after(MN_MAX(begun, stack->link_ns), wait));
}

/* Waits for a lease as long as the link gives it time. */
static int await_lease(struct mnet_stack *stack)
{
    uint64_t begun = stack->now, deadline = lease_deadline(stack, begun);
    while (mn_ip_address_state(&stack->ip) != MN_IP_ADDRESS_OURS) {
        int error = mn_block_once(&stack->probers, deadline);
        if (error < 0 && error != MNET_E_DEADLINE)
            return error;
        uint64_t now_due = lease_deadline(stack, begun);
        if (error == MNET_E_DEADLINE && now_due == deadline)
            return error;
        deadline = now_due;
    }
    return MNET_OK;
}

/* Waits for an address by the advertisements of routers. Without one the stack has its link-local
 * address. */
static int await_routers(struct mnet_stack *stack)
{
    int error = mnet_stack_await_address(stack, mn_time_after(stack->now, MN_ROUTERS_TIMEOUT));
    if (error != MNET_E_DEADLINE)
        return error;
    mn_log(&stack->config.log, MNET_LOG_WARNING,
           "ipv6: no address by a router's advertisement so far, only the link-local one");
    return MNET_OK;
}

/* Waits for the next change while stations are asked about an address. While the link is down
 * nobody can be asked: if that lasts, says so, and returns MNET_E_DEADLINE. */
static int await_answers(struct mnet_stack *stack, const char *family)
{
    uint64_t until = stack->link_down ? mn_time_after(stack->link_ns, MN_ROUTERS_TIMEOUT) : MNET_NEVER;
    int error = mn_block_once(&stack->probers, until);
    if (error != MNET_E_DEADLINE)
        return error;
    if (!stack->link_down)
        return MNET_OK;
    mn_log(&stack->config.log, MNET_LOG_WARNING, "%s: no address so far, for the link is down", family);
    return MNET_E_DEADLINE;
}

/* Returns true if the stack has an address, or at least the link-local one of the configuration. */
static bool has_configured_address(const struct mnet_stack *stack)
{
    return mn_stack_has_address(stack) || mn_ip_is_own(&stack->ip, stack->config.ip.ipv6.address);
}

/* Waits until it is known whether the IPv6 address of the configuration is unique. */
static int await_ipv6(struct mnet_stack *stack)
{
    while (!has_configured_address(stack) && !no_address_can_come(stack)) {
        int error = await_answers(stack, "ipv6");
        if (error < 0)
            return error == MNET_E_DEADLINE ? MNET_OK : error;
    }
    return has_configured_address(stack) ? MNET_OK : MNET_E_IN_USE;
}

/* Waits for the end of the probe of the IPv4 address of the configuration (RFC 5227 2.1), if there
 * is one. IPv6 makes no difference. */
static int await_ipv4(struct mnet_stack *stack)
{
    enum mn_ip_address_state state;
    while ((state = mn_ip_address_state(&stack->ip)) == MN_IP_ADDRESS_PROBING) {
        int error = await_answers(stack, "ipv4");
        if (error < 0)
            return error == MNET_E_DEADLINE ? MNET_OK : error;
    }
    return state == MN_IP_ADDRESS_OURS ? MNET_OK : MNET_E_IN_USE;
}

/* What mnet_stack_up waits for: a static IPv4 address, else a lease, else an address of IPv6. None
 * of the latter two for ever. */
static int await_first_address(struct mnet_stack *stack)
{
    const struct mnet_config *config = &stack->config;
    if (mn_config_has_ipv4(config))
        return await_ipv4(stack);
    if (!config->ip.dhcp && config->ip.ipv6_auto)
        return await_routers(stack);
    if (!config->ip.dhcp)
        return await_ipv6(stack);
    if (config->ip.dhcp_no_wait)
        return MNET_OK;
    int error = await_lease(stack);
    if (error != MNET_E_DEADLINE)
        return error;
    if (mn_ip_has_ipv6(&stack->ip)) {
        mn_log(&config->log, MNET_LOG_WARNING, "dhcp: no server gave an address so far, only IPv6 has one");
        return MNET_OK;
    }
    unsigned seconds = (unsigned)(config->ip.dhcp_wait_ns / MNET_SECOND);
    if (stack->link_down)
        mn_log(&config->log, MNET_LOG_ERROR, "dhcp: the link has been down for %u s", seconds * LINK_DOWN_FACTOR);
    else
        mn_log(&config->log, MNET_LOG_ERROR, "dhcp: no server gave an address within %u s", seconds);
    return MNET_E_NO_ADDRESS;
}

/* Creates a stack from a complete configuration. Without memory of its own it gets a region of the
 * platform, which returns to it at the stack's end. */
static int create_stack(struct mnet_env *env, struct mnet_config *config, struct mnet_stack **stack)
{
    void *region = NULL;
    if (config->memory == NULL) {
        region = env->setup.allocate(env->setup.context, config->memory_size);
        if (region == NULL)
            return MNET_E_NO_MEMORY;
        config->memory = region;
    }
    int error = mn_stack_create(config, env, env->loop, stack);
    if (error == MNET_OK)
        (*stack)->region = region;
    else if (region != NULL)
        env->setup.release(env->setup.context, region, config->memory_size);
    return error;
}

/* Remembers the error and its meaning in words, for the end of the program. Returns the error. */
static int remember_failure(struct mnet_env *env, int error, const char *why)
{
    env->failure = error;
    env->why = why;
    return error;
}

static int refuse_config(struct mnet_env *env, const struct mnet_config *config)
{
    const char *why = "the configuration of the stack is not valid";
    if (mn_config_ipv6_conflicts(config))
        why = "no IPv6, and an address, a gateway or a route of it: expected only one of them";
    else if (!mn_config_has_address(config))
        why = "no own address: give --ipv4=ADDRESS/LENGTH, such as 10.0.0.2/24, or --dhcp, or allow IPv6";
    return remember_failure(env, MNET_E_INVALID, why);
}

static int refuse_creation(struct mnet_env *env, int error)
{
    const char *why = mnet_strerror(error);
    if (error == MNET_E_NO_MEMORY)
        why = "no memory for the stack";
    else if (error == MNET_E_NO_ADDRESS)
        why = "no own address: the MTU is too small for IPv6, so give --ipv4=ADDRESS/LENGTH or --dhcp";
    return remember_failure(env, error, why);
}

/* Both pointers are good. */
static int bring_up(struct mnet_env *env, const struct mnet_config *wanted, struct mnet_stack **stack)
{
    struct mnet_config config = wanted != NULL ? *wanted : (struct mnet_config){0};
    take_options(&config, env);
    take_platform(&config, env);
    if (!mn_config_ok(&config))
        return refuse_config(env, &config);
    if (config.device == NULL)
        config.device = mnet_env_device(env, NULL);
    if (config.device == NULL)
        return remember_failure(env, MNET_E_NO_DEVICE, NULL); /* who opens devices has said why */
    struct mn_env_device *place = place_of(env, config.device);
    if (place != NULL && place->stack != NULL)
        return remember_failure(env, MNET_E_NO_DEVICE, "the network device has a stack already");
    int error = create_stack(env, &config, stack);
    if (error < 0)
        return refuse_creation(env, error);
    if (place != NULL)
        place->stack = *stack;
    mn_wall_tell(*stack);
    error = await_first_address(*stack);
    if (error == MNET_E_IN_USE)
        remember_failure(env, error, "another station uses our address");
    if (error == MNET_E_NO_ADDRESS)
        remember_failure(env, error, NULL); /* it is in the log */
    return error;
}

int mnet_stack_up(struct mnet_env *env, const struct mnet_config *config, struct mnet_stack **stack)
{
    if (stack == NULL)
        return MNET_E_INVALID;
    *stack = NULL;
    if (env == NULL)
        return MNET_E_INVALID;
    int error = bring_up(env, config, stack);
    if (error < 0 && error != MNET_E_CLOSED && *stack != NULL)
        mnet_stack_down(*stack);
    if (error < 0)
        *stack = NULL;
    return error;
}
