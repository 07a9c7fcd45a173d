/* A host that does what the lines of its console say, for system tests.
 *
 *   mnet_host OPTIONS [--secret=TEXT]     so that stable addresses are the same in each start
 *
 * Each line is a command, and has one line as its answer, or "COMMAND: ERROR":
 *
 *   connect ADDRESS PORT          connected N from OWN ADDRESS (N counts from 0)
 *   say N WORD                    heard WORD (which the peer of connection N has sent back)
 *   datagram ADDRESS PORT BYTES   sent (uncut), or BYTES fit
 *   join GROUP PORT               joined
 *   count                         N datagrams (to all groups so far)
 *   leave GROUP PORT              left
 *   addresses                     ADDRESS STATE..., all in one line
 *   resolve NAME                  ADDRESS..., all in one line
 *   times                         ADDRESS of each time server that DHCP tells of, likewise
 *
 * Meanwhile TCP port 7 and UDP port 7 send everything back.
 */
#include <mnet/mnet.h>

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 256
#define FLOWS_MAX 16
#define GROUPS_MAX 8
#define ADDRESSES_MAX 32
#define TIMEOUT (60 * MNET_SECOND)

static const struct mnet_program_option own_options[] = {
    {"--secret=", "TEXT", "the key of stable addresses, 16 bytes at most"}, {0}};
const struct mnet_program mnet_program = {.summary = "Does what the lines of its console say, for system tests.",
                                          .options = own_options};

struct group_member {
    struct mnet_udp *udp;
    struct mnet_endpoint group;
};

struct obedient_host {
    struct mnet_env *env;
    struct mnet_stack *stack;
    struct mnet_flow *flows[FLOWS_MAX];
    unsigned flow_count;
    struct group_member members[GROUPS_MAX];
    unsigned member_count;
    unsigned datagrams; /* received by all groups */
    struct mnet_udp *sender;
};

static struct obedient_host host;

static const char *text_of(struct mnet_address address)
{
    static char text[MNET_ADDRESS_TEXT];
    return mnet_address_format(address, text, sizeof text);
}

/* ---- What runs beside the console ---- */

static int echo_flow(void *flow)
{
    char buffer[16384];
    ptrdiff_t len;
    while ((len = mnet_tcp_read(flow, buffer, sizeof buffer, MNET_NEVER)) > 0) {
        if (mnet_tcp_write(flow, buffer, (size_t)len, NULL, MNET_NEVER) < 0) {
            break;
        }
    }
    mnet_tcp_close(flow);
    return 0;
}

static int echo_flows(void *argument)
{
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    (void)argument;
    int error = mnet_tcp_listen(host.stack, 7, NULL, &listener);
    while (error == 0 && (error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0) {
        if (mnet_spawn(NULL, echo_flow, flow) < 0) {
            mnet_tcp_abort(flow);
        }
    }
    return error;
}

static int echo_datagrams(void *argument)
{
    static char buffer[65536];
    struct mnet_udp_options options = {.local.port = 7};
    struct mnet_endpoint from;
    struct mnet_udp *udp;
    (void)argument;
    int error = mnet_udp_open(host.stack, &options, &udp);
    while (error == 0) {
        ptrdiff_t len = mnet_udp_receive(udp, buffer, sizeof buffer, &from, MNET_NEVER);
        if (len == MNET_E_CANCELLED || len == MNET_E_CLOSED) {
            error = (int)len;
        } else if (len >= 0) {
            mnet_udp_send(udp, &from, buffer, (size_t)len, MNET_NEVER);
        }
    }
    return error;
}

static int count_datagrams(void *udp)
{
    char buffer[2048];
    while (mnet_udp_receive(udp, buffer, sizeof buffer, NULL, MNET_NEVER) >= 0) {
        host.datagrams++;
    }
    return 0;
}

/* ---- Commands ---- */

static int read_endpoint(char **words, struct mnet_endpoint *end)
{
    end->port = (uint16_t)atoi(words[1]);
    return mnet_env_parse_address(host.env, words[0], &end->address);
}

static int connect_to(char **words)
{
    struct mnet_endpoint peer, own;
    struct mnet_flow *flow;
    int error = host.flow_count == FLOWS_MAX ? MNET_E_LIMIT : read_endpoint(words, &peer);
    if (error == 0) {
        error = mnet_tcp_connect(host.stack, peer.address, peer.port, &flow, mnet_now() + TIMEOUT);
    }
    if (error == 0) {
        mnet_tcp_peers(flow, &own, NULL);
        mnet_print(host.env, "connected %u from %s\n", host.flow_count, text_of(own.address));
        host.flows[host.flow_count++] = flow;
    }
    return error;
}

static int say(char **words)
{
    unsigned number = (unsigned)atoi(words[0]);
    char heard[LINE_MAX_BYTES] = "";
    size_t len = strlen(words[1]);
    if (number >= host.flow_count) {
        return MNET_E_INVALID;
    }
    int error = mnet_tcp_write(host.flows[number], words[1], len, NULL, mnet_now() + TIMEOUT);
    if (error == 0) {
        error = mnet_tcp_read_exactly(host.flows[number], heard, len, NULL, mnet_now() + TIMEOUT);
    }
    if (error == 0) {
        mnet_print(host.env, "heard %s\n", heard);
    }
    return error;
}

/* From an endpoint that stays, for only then a router's word counts that a datagram was too big. */
static int send_datagram(char **words)
{
    static char payload[65536];
    struct mnet_udp_options options = {.dont_fragment = true};
    struct mnet_endpoint peer;
    size_t len = strtoul(words[2], NULL, 10);
    int error = len > sizeof payload ? MNET_E_INVALID : read_endpoint(words, &peer);
    if (error == 0 && host.sender == NULL) {
        error = mnet_udp_open(host.stack, &options, &host.sender);
    }
    if (error < 0) {
        return error;
    }
    error = mnet_udp_send(host.sender, &peer, payload, len, mnet_now() + TIMEOUT);
    if (error == MNET_E_TOO_BIG) {
        mnet_print(host.env, "%d fit\n", (int)mnet_udp_payload_max(host.sender, &peer));
        error = 0;
    } else if (error == 0) {
        mnet_print(host.env, "sent\n");
    }
    return error;
}

static int join(char **words)
{
    struct group_member member;
    int error = host.member_count == GROUPS_MAX ? MNET_E_LIMIT : read_endpoint(words, &member.group);
    if (error < 0) {
        return error;
    }
    struct mnet_udp_options options = {.local.port = member.group.port};
    error = mnet_udp_open(host.stack, &options, &member.udp);
    if (error < 0) {
        return error;
    }
    error = mnet_udp_join(member.udp, member.group.address);
    if (error == 0) {
        error = mnet_spawn(NULL, count_datagrams, member.udp);
    }
    if (error < 0) {
        mnet_udp_close(member.udp);
        return error;
    }
    host.members[host.member_count++] = member;
    mnet_print(host.env, "joined\n");
    return 0;
}

/* The endpoint stays, so that it shows whether a datagram for the group arrives in spite of it. */
static int leave(char **words)
{
    struct mnet_endpoint group;
    int error = read_endpoint(words, &group);
    for (unsigned i = 0; error == 0 && i < host.member_count; i++) {
        if (mnet_endpoint_equal(host.members[i].group, group)) {
            error = mnet_udp_leave(host.members[i].udp, group.address);
            if (error == 0) {
                mnet_print(host.env, "left\n");
            }
            return error;
        }
    }
    return error < 0 ? error : MNET_E_INVALID;
}

static int count(char **words)
{
    (void)words;
    mnet_print(host.env, "%u datagrams\n", host.datagrams);
    return 0;
}

static int list_addresses(char **words)
{
    static const char *const states[] = {[MNET_ADDRESS_TENTATIVE] = "tentative",
                                         [MNET_ADDRESS_PREFERRED] = "preferred",
                                         [MNET_ADDRESS_DEPRECATED] = "deprecated",
                                         [MNET_ADDRESS_DUPLICATE] = "duplicate"};
    struct mnet_stack_address addresses[ADDRESSES_MAX];
    unsigned number = mnet_stack_addresses(host.stack, addresses, ADDRESSES_MAX);
    (void)words;
    for (unsigned i = 0; i < number && i < ADDRESSES_MAX; i++) {
        mnet_print(host.env, "%s %s ", text_of(addresses[i].prefix.address), states[addresses[i].state]);
    }
    mnet_print(host.env, "\n");
    return 0;
}

static int resolve(char **words)
{
    struct mnet_address addresses[MNET_DNS_ADDRESSES_MAX];
    int number = mnet_dns_resolve(host.stack, words[0], addresses, MNET_DNS_ADDRESSES_MAX, mnet_now() + TIMEOUT);
    for (int i = 0; i < number; i++) {
        mnet_print(host.env, "%s%s", text_of(addresses[i]), i + 1 < number ? " " : "\n");
    }
    return number < 0 ? number : 0;
}

static int list_times(char **words)
{
    struct mnet_sntp_server servers[MNET_SNTP_SERVERS_MAX];
    (void)words;
    int error = mnet_sntp_start(host.stack, NULL, 0);
    int number = error < 0 ? error : (int)mnet_sntp_servers(host.stack, servers, MNET_SNTP_SERVERS_MAX);
    for (int i = 0; i < number; i++)
        mnet_print(host.env, "%s%s", text_of(servers[i].address), i + 1 < number ? " " : "\n");
    return number;
}

static const struct {
    const char *name;
    int argument_count;
    int (*run)(char **words);
} commands[] = {
    {"connect", 2, connect_to}, {"say", 2, say},     {"datagram", 3, send_datagram},   {"join", 2, join},
    {"leave", 2, leave},        {"count", 0, count}, {"addresses", 0, list_addresses}, {"resolve", 1, resolve},
    {"times", 0, list_times},
};

static void obey(char *line)
{
    char *words[5] = {NULL}, *rest = line;
    int number = 0;
    while (number < 5 && (words[number] = strsep(&rest, " ")) != NULL) {
        number++;
    }
    int error = MNET_E_INVALID;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(words[0], commands[i].name) == 0 && number == 1 + commands[i].argument_count) {
            error = commands[i].run(words + 1);
        }
    }
    if (error < 0) {
        mnet_print(host.env, "%s: %s\n", words[0], mnet_strerror(error));
    }
}

/* Obeys line after line. When the input has ended, the host stays until it is cancelled. */
static int listen_to_console(void)
{
    char line[LINE_MAX_BYTES], *end;
    size_t len = 0;
    ptrdiff_t got;
    while (len < sizeof line && (got = mnet_input(host.env, line + len, sizeof line - len, MNET_NEVER)) > 0) {
        len += (size_t)got;
        while ((end = memchr(line, '\n', len)) != NULL) {
            *end = '\0';
            obey(line);
            len -= (size_t)(end + 1 - line);
            memmove(line, end + 1, len);
        }
    }
    return mnet_sleep(MNET_NEVER) == MNET_E_CANCELLED ? 0 : 1;
}

int mnet_main(struct mnet_env *env)
{
    struct mnet_config config = {0};
    const char *option = mnet_env_argv(env)[1];
    if (option != NULL) {
        memcpy(config.ip.ipv6_secret, option + 9, strnlen(option + 9, sizeof config.ip.ipv6_secret));
    }
    host.env = env;
    int error = mnet_stack_up(env, &config, &host.stack);
    if (error == 0) {
        error = mnet_spawn(NULL, echo_flows, NULL);
    }
    if (error == 0) {
        error = mnet_spawn(NULL, echo_datagrams, NULL);
    }
    if (error == 0) {
        mnet_print(env, "ready\n");
        error = listen_to_console();
    }
    return error;
}
