/* DNS as a service of a stack: see dns.h.
 *
 * Theory of operation. The resolver decides, and this file acts for it by the calls of mnet/udp.h
 * and mnet/tcp.h, none of which suspends here. Each exchange has a UDP endpoint, connected to the
 * server, so that nothing of others arrives. Each stream has a TCP flow. Their notices set a bit
 * for the port or the stream. The poll runs the service after its events: bits first, then timers,
 * then output.
 *
 * A task that looks something up waits for `done`, like for any event. If the stack ends, the
 * service does so first: it ends all waits, and waiting tasks touch nothing of the stack.
 */
#include "stack/dns.h"

#include <assert.h>
#include <string.h>

#include <mnet/env.h>
#include <mnet/resolvers.h>

#define CACHE_MAX 256
#define DATAGRAM_MAX 1500 /* a longer one is nobody's answer: the questions say 1232 */

struct name_port {
    struct mnet_udp *udp;
    uint8_t slot;
};

struct name_stream {
    struct mnet_flow *flow;
    uint8_t slot;
    bool open;
};

struct mn_stack_names {
    struct mn_dns dns;
    struct mnet_stack *stack;
    struct mnet_link waits; /* struct mn_name_wait */
    struct name_port ports[MN_DNS_EXCHANGES];
    struct name_stream streams[MN_DNS_SERVERS];
    uint64_t ready_ports; /* by bits */
    uint32_t ready_streams;
    uint32_t changes; /* mnet_stack_changes of the servers */
};

static_assert(MN_DNS_EXCHANGES <= 64 && MN_DNS_SERVERS <= 32, "a bit for each");

/* ---- Events ---- */

static void note_port(void *context, unsigned ready)
{
    struct name_port *port = context;
    struct mn_stack_names *names = MN_CONTAINER(port - port->slot, struct mn_stack_names, ports[0]);
    (void)ready;
    names->ready_ports |= UINT64_C(1) << port->slot;
}

static void note_stream(void *context, unsigned ready)
{
    struct name_stream *stream = context;
    struct mn_stack_names *names = MN_CONTAINER(stream - stream->slot, struct mn_stack_names, streams[0]);
    (void)ready;
    names->ready_streams |= 1u << stream->slot;
}

static void receive_port(struct mn_stack_names *names, struct name_port *port)
{
    uint8_t data[DATAGRAM_MAX];
    struct mnet_endpoint source;
    while (port->udp != NULL) {
        ptrdiff_t len = mnet_udp_receive(port->udp, data, sizeof data, &source, 0);
        if (len == MNET_E_DEADLINE)
            return;
        if (len >= 0)
            mn_dns_input(&names->dns, port->slot, source.address, data, (size_t)len, names->stack->now);
        else if (len != MNET_E_TOO_BIG)
            mn_dns_note_unreachable(&names->dns, port->slot, names->stack->now);
        if (len < 0 && len != MNET_E_TOO_BIG)
            return;
    }
}

static void close_stream(struct name_stream *stream)
{
    struct mnet_flow *flow = stream->flow;
    stream->flow = NULL;
    stream->open = false;
    mnet_tcp_close(flow); /* in order, also if the stack ends */
}

static void lose_stream(struct mn_stack_names *names, struct name_stream *stream)
{
    close_stream(stream);
    mn_dns_stream_note_close(&names->dns, stream->slot, names->stack->now);
}

static void read_stream(struct mn_stack_names *names, struct name_stream *stream)
{
    uint8_t data[DATAGRAM_MAX];
    ptrdiff_t len;
    while (stream->flow != NULL && (len = mnet_tcp_read(stream->flow, data, sizeof data, 0)) != MNET_E_DEADLINE) {
        if (len <= 0) {
            lose_stream(names, stream);
            return;
        }
        mn_dns_stream_input(&names->dns, stream->slot, data, (size_t)len, names->stack->now);
    }
}

static void follow_stream(struct mn_stack_names *names, struct name_stream *stream)
{
    if (stream->flow == NULL)
        return;
    if (!stream->open) {
        int error = mnet_tcp_established(stream->flow, 0);
        if (error == MNET_E_DEADLINE)
            return;
        if (error < 0) {
            lose_stream(names, stream);
            return;
        }
        stream->open = true;
        mn_dns_stream_note_open(&names->dns, stream->slot, names->stack->now);
    }
    read_stream(names, stream);
}

/* ---- Output ---- */

static void send_datagram(struct mn_stack_names *names, const struct mn_dns_output *output)
{
    struct name_port *port = &names->ports[output->slot];
    const struct mnet_endpoint server = {output->server, MN_DNS_PORT};
    MN_ASSERT(port->udp == NULL);
    if (mn_udp_open_service(names->stack, server, 8, &port->udp) < 0) {
        mn_dns_note_unreachable(&names->dns, output->slot, names->stack->now);
        return;
    }
    mnet_udp_notify(port->udp, note_port, port);
    int error = mnet_udp_send(port->udp, NULL, output->bytes, output->len, 0);
    if (error < 0 && error != MNET_E_DEADLINE) /* lost like any datagram, if the device is full */
        mn_dns_note_unreachable(&names->dns, output->slot, names->stack->now);
}

static void close_port(struct name_port *port)
{
    struct mnet_udp *udp = port->udp;
    port->udp = NULL;
    mn_udp_close_service(udp);
}

static void begin_stream(struct mn_stack_names *names, const struct mn_dns_output *output)
{
    struct name_stream *stream = &names->streams[output->slot];
    const struct mnet_connect_options options = {.no_delay = true};
    const struct mnet_endpoint server = {output->server, MN_DNS_PORT};
    MN_ASSERT(stream->flow == NULL);
    if (mnet_tcp_connect_begin(names->stack, server, &options, &stream->flow) < 0)
        mn_dns_stream_note_close(&names->dns, output->slot, names->stack->now);
    else
        mnet_tcp_notify(stream->flow, note_stream, stream);
}

/* A flow that takes no few bytes has a peer that reads nothing. */
static void send_over_stream(struct mn_stack_names *names, const struct mn_dns_output *output)
{
    struct name_stream *stream = &names->streams[output->slot];
    MN_ASSERT(stream->flow != NULL);
    if (mnet_tcp_write(stream->flow, output->bytes, output->len, NULL, 0) < 0)
        lose_stream(names, stream);
}

static void act(struct mn_stack_names *names, const struct mn_dns_output *output)
{
    switch (output->act) {
    case MN_DNS_SEND: send_datagram(names, output); break;
    case MN_DNS_CLOSE: close_port(&names->ports[output->slot]); break;
    case MN_DNS_STREAM_BEGIN: begin_stream(names, output); break;
    case MN_DNS_STREAM_SEND: send_over_stream(names, output); break;
    case MN_DNS_STREAM_END: close_stream(&names->streams[output->slot]); break;
    }
}

/* ---- The service ---- */

/* Takes the servers that the stack knows now. */
static void follow_network(struct mn_stack_names *names)
{
    struct mnet_resolvers known;
    struct mnet_address servers[MNET_RESOLVERS_MAX];
    mnet_stack_resolvers(names->stack, &known);
    for (unsigned i = 0; i < known.server_count; i++)
        servers[i] = known.servers[i].address;
    names->changes = mn_stack_changes(names->stack);
    mn_dns_set_servers(&names->dns, servers, known.server_count, names->stack->now);
}

static void run(struct mnet_stack *stack)
{
    struct mn_stack_names *names = stack->names;
    struct mn_dns_output output;
    if (names->changes != mn_stack_changes(stack))
        follow_network(names);
    while (names->ready_ports != 0) {
        int slot = __builtin_ctzll(names->ready_ports);
        names->ready_ports &= names->ready_ports - 1;
        receive_port(names, &names->ports[slot]);
    }
    while (names->ready_streams != 0) {
        int slot = __builtin_ctz(names->ready_streams);
        names->ready_streams &= names->ready_streams - 1;
        follow_stream(names, &names->streams[slot]);
    }
    mn_dns_expire(&names->dns, stack->now);
    while (mn_dns_output(&names->dns, &output, stack->now))
        act(names, &output);
}

static uint64_t deadline_of(const struct mnet_stack *stack)
{
    return mn_dns_deadline(&stack->names->dns);
}

static void tell_end(struct mn_dns_lookup *lookup)
{
    mn_block_wake_all(&MN_CONTAINER(lookup, struct mn_name_lookup, lookup)->wait->waiters);
}

static void cancel(struct mn_stack_names *names, struct mn_name_wait *wait)
{
    mn_list_remove(&wait->link);
    wait->stack = NULL;
    for (unsigned i = 0; i < 2; i++)
        mn_dns_cancel(&names->dns, &wait->lookups[i].lookup);
}

static void end(struct mnet_stack *stack)
{
    struct mn_stack_names *names = stack->names;
    stack->names = NULL;
    while (!mn_list_empty(&names->waits)) {
        struct mn_name_wait *wait = MN_CONTAINER(mn_list_first(&names->waits), struct mn_name_wait, link);
        cancel(names, wait);
        mn_block_wake_gone(&wait->waiters);
    }
    mn_dns_deinit(&names->dns);
    for (unsigned i = 0; i < MN_DNS_EXCHANGES; i++)
        close_port(&names->ports[i]);
    for (unsigned i = 0; i < MN_DNS_SERVERS; i++)
        if (names->streams[i].flow != NULL)
            close_stream(&names->streams[i]);
}

static const struct mn_service service = {run, deadline_of, end};

static int start(struct mnet_stack *stack)
{
    if (stack->names != NULL)
        return MNET_OK;
    struct mn_stack_names *names = mn_memory_table(stack->memory, sizeof *names);
    if (names == NULL)
        return MNET_E_NO_MEMORY;
    const struct mn_dns_config config = {stack->memory, &stack->counters, &stack->random, CACHE_MAX, tell_end};
    names->stack = stack;
    mn_list_init(&names->waits);
    for (uint8_t i = 0; i < MN_DNS_EXCHANGES; i++)
        names->ports[i].slot = i;
    for (uint8_t i = 0; i < MN_DNS_SERVERS; i++)
        names->streams[i].slot = i;
    mn_dns_init(&names->dns, &config);
    stack->names = names;
    stack->names_service = &service;
    follow_network(names);
    return MNET_OK;
}

/* ---- Lookups ---- */

int mn_names_begin(struct mn_name_wait *wait, struct mnet_stack *stack, const struct mn_dns_name *name,
                   const uint16_t types[2])
{
    memset(wait, 0, sizeof *wait);
    mn_stack_enter(stack);
    int error = start(stack);
    if (error < 0)
        return error;
    wait->stack = stack;
    mn_list_append(&stack->names->waits, &wait->link);
    for (unsigned i = 0; i < 2; i++) {
        wait->lookups[i].wait = wait;
        wait->lookups[i].lookup.status = MN_DNS_NO_DATA;
        if (types[i] != 0)
            mn_dns_ask(&stack->names->dns, &wait->lookups[i].lookup, name, types[i], stack->now);
    }
    run(stack);
    mn_stack_leave(stack);
    return MNET_OK;
}

int mn_names_begin_host(struct mn_name_wait *wait, struct mnet_stack *stack, const struct mn_dns_name *name)
{
    const uint16_t types[2] = {mn_config_has_ipv6(&stack->config) ? MN_DNS_AAAA : 0, MN_DNS_A};
    return mn_names_begin(wait, stack, name, types);
}

bool mn_names_known(const struct mn_name_wait *wait, unsigned which)
{
    return wait->lookups[which].lookup.status != MN_DNS_PENDING;
}

int mn_names_await(struct mn_name_wait *wait, uint64_t deadline)
{
    return mn_block_once(&wait->waiters, deadline);
}

void mn_names_end(struct mn_name_wait *wait)
{
    if (wait->stack != NULL)
        cancel(wait->stack->names, wait);
}

int mn_names_status(const struct mn_name_wait *wait, unsigned which)
{
    const struct mn_dns_lookup *lookup = &wait->lookups[which].lookup;
    switch (lookup->status) {
    case MN_DNS_FOUND: return lookup->answer != NULL ? MNET_OK : MNET_E_NO_MEMORY;
    case MN_DNS_NO_DATA: return MNET_E_NO_DATA;
    case MN_DNS_NO_NAME: return MNET_E_NO_NAME;
    case MN_DNS_TOO_LARGE: return MNET_E_TOO_BIG;
    case MN_DNS_PENDING: return MNET_E_DEADLINE;
    case MN_DNS_FAILED: break;
    }
    return MNET_E_TRY_AGAIN;
}

/* A failure of either family may hide addresses; no such name holds for both. */
int mn_names_combine(const struct mn_name_wait *wait)
{
    int first = mn_names_status(wait, 0), second = mn_names_status(wait, 1);
    if (first == MNET_E_NO_NAME || second == MNET_E_NO_NAME)
        return MNET_E_NO_NAME;
    return first == MNET_E_NO_DATA ? second : first;
}

unsigned mn_names_append_addresses(const struct mn_name_wait *wait, unsigned which, struct mnet_address *addresses,
                                   unsigned count, unsigned max)
{
    const struct mn_dns_answer *answer = wait->lookups[which].lookup.answer;
    const uint8_t *record = NULL;
    size_t len;
    if (mn_names_status(wait, which) != MNET_OK)
        return count;
    while (count < max && (record = mn_dns_answer_next(answer, record, &len)) != NULL) {
        if (len == 4) {
            addresses[count++] = mnet_ipv4(record[0], record[1], record[2], record[3]);
        } else {
            addresses[count] = MNET_ADDRESS_ANY;
            memcpy(addresses[count++].bytes, record, sizeof addresses->bytes);
        }
    }
    return count;
}

/* ---- Names without a server ---- */

static int list_localhost(const struct mnet_stack *stack, struct mnet_address *addresses)
{
    int count = 0;
    if (mn_config_has_ipv6(&stack->config))
        addresses[count++] = (struct mnet_address){.bytes = {[15] = 1}};
    addresses[count++] = mnet_ipv4(127, 0, 0, 1);
    return count;
}

/* The addresses that the configuration has for a name: the first one of each family. */
static int list_host(const struct mnet_stack *stack, const struct mn_dns_name *name, struct mnet_address *addresses)
{
    const struct mnet_ip_config *ip = &stack->config.ip;
    struct mn_dns_name known;
    bool complete, ipv4 = false, ipv6 = false;
    int count = 0;
    for (unsigned i = 0; i < ip->host_count; i++) {
        bool *seen = mn_address_is_ipv4(&ip->hosts[i].address) ? &ipv4 : &ipv6;
        if (*seen || !mn_dns_name_parse(&known, ip->hosts[i].name, &complete) || !mn_dns_name_equal(&known, name))
            continue;
        addresses[count++] = ip->hosts[i].address;
        *seen = true;
    }
    return count;
}

/* The error for a text that is meant to be an address of IPv6, for no name of a host has a colon,
 * but is none. */
static int judge_address(const char *text)
{
    char address[MNET_ADDRESS_TEXT];
    const char *percent = strchr(text, '%');
    size_t len = percent != NULL ? (size_t)(percent - text) : 0;
    struct mnet_address known;
    if (percent == NULL || percent[1] == '\0' || len >= sizeof address)
        return MNET_E_INVALID;
    memcpy(address, text, len);
    address[len] = '\0';
    bool zoned = mnet_address_parse(address, &known) == 0 && mnet_address_can_have_zone(known);
    return zoned ? MNET_E_NO_ZONE : MNET_E_INVALID;
}

int mn_names_parse(struct mnet_stack *stack, const char *text, struct mnet_address *addresses, struct mn_dns_name *name,
                   bool *complete)
{
    /* The environment knows the names of zones. */
    int error = stack->env != NULL ? mnet_env_parse_address(stack->env, text, addresses)
                                   : mnet_address_parse(text, addresses);
    if (error == MNET_OK)
        return 1;
    if (strchr(text, ':') != NULL)
        return judge_address(text);
    if (!mn_dns_name_parse(name, text, complete))
        return MNET_E_INVALID;
    switch (mn_dns_name_special(name)) {
    case MN_DNS_LOCALHOST: return list_localhost(stack, addresses);
    case MN_DNS_INVALID: return MNET_E_NO_NAME;
    case MN_DNS_ORDINARY: break;
    }
    return list_host(stack, name, addresses);
}

void mn_names_get_search(struct mnet_stack *stack, struct mn_dns_search *search)
{
    struct mnet_resolvers known;
    bool complete;
    mnet_stack_resolvers(stack, &known);
    search->count = 0;
    for (unsigned i = 0; search->count < MN_DNS_DOMAINS && i < known.domain_count; i++)
        search->count += mn_dns_name_parse(&search->domains[search->count], known.domains[i].name, &complete);
}
