/* SNTP as a service of a stack: names and ports for the client of src/sntp, which says what is to
 * be done. None of the calls suspends here. Names are looked up again and again, as their answers
 * in the cache of DNS end.
 */
#include <mnet/dhcp.h>
#include <mnet/sntp.h>

#include <string.h>

#include "base/address_text.h"
#include "base/logger.h"
#include "sntp/sntp.h"
#include "stack/dns.h"
#include "stack/zone.h"

#define NAME_MAX 256
#define RESOLVE_NS (60 * MNET_SECOND) /* between two looks at a name: SNTP-10-6 */
#define RETRY_NS (5 * MNET_SECOND)    /* the same, if it has no address */
#define DATAGRAM_MAX 512

#define NAMES_OF_DHCP MNET_SNTP_SERVERS_MAX /* the first of those in `names` */
#define NAMES_MAX (MNET_SNTP_SERVERS_MAX + MN_DHCPV6_NTP_NAMES)

struct sntp_name {
    char text[NAME_MAX];         /* "": none */
    struct mnet_address address; /* unspecified: not known yet */
    struct mn_name_wait wait;
    bool asking;
    uint64_t next_ns; /* when it is looked up again; MNET_NEVER: it is an address */
};

struct sntp_port {
    struct mnet_udp *udp;
    uint8_t slot;
};

struct mn_stack_sntp {
    struct mn_sntp sntp;
    struct mnet_stack *stack;
    struct mnet_link waiters;
    struct sntp_name names[NAMES_MAX]; /* the program's, and then those by DHCPv6 */
    struct sntp_port ports[MN_SNTP_SERVERS];
    unsigned ready_ports; /* by bits */
    uint32_t changes;     /* mnet_stack_changes of the servers by DHCP */
};

/* ---- Names ---- */

static unsigned append_names(const struct mn_stack_sntp *service, unsigned from, unsigned to,
                             struct mnet_address *known, unsigned count)
{
    for (unsigned i = from; i < to; i++)
        if (!mn_address_is_any(&service->names[i].address))
            known[count++] = service->names[i].address;
    return count;
}

/* Servers of DHCP come first: SNTP-10-3. */
static void take_servers(struct mn_stack_sntp *service)
{
    struct mnet_address known[MNET_DHCP_NTP + MN_DHCPV6_NTP + NAMES_MAX];
    const struct mn_dhcp6_information *information = &service->stack->dhcp6.client.information;
    struct mnet_dhcp_lease lease;
    unsigned count = 0;
    if (mnet_dhcp_lease(service->stack, &lease))
        for (unsigned i = 0; i < lease.ntp_count; i++)
            known[count++] = lease.ntp[i];
    for (unsigned i = 0; service->stack->dhcp6.runs && i < information->ntp_count; i++) {
        known[count] = information->ntp[i];
        mn_zone_add(service->stack, &known[count++]);
    }
    count = append_names(service, NAMES_OF_DHCP, NAMES_MAX, known, count);
    count = append_names(service, 0, NAMES_OF_DHCP, known, count);
    mn_sntp_set_servers(&service->sntp, known, count, service->stack->now);
}

/* A name without an answer keeps its address. */
static void end_lookup(struct mn_stack_sntp *service, struct sntp_name *name)
{
    struct mnet_address found[2];
    unsigned count = mn_names_append_addresses(&name->wait, 0, found, 0, 1);
    count = mn_names_append_addresses(&name->wait, 1, found, count, 2);
    mn_names_end(&name->wait);
    name->asking = false;
    name->next_ns = service->stack->now + (count > 0 ? RESOLVE_NS : RETRY_NS);
    if (count > 0 && !mn_address_equal(&found[0], &name->address)) {
        name->address = found[0];
        take_servers(service);
    }
}

static void begin_lookup(struct mnet_stack *stack, struct sntp_name *name)
{
    struct mn_dns_name parsed;
    bool complete;
    struct mnet_address literal[2];
    name->next_ns = stack->now + RETRY_NS;
    if (mn_names_parse(stack, name->text, literal, &parsed, &complete) == 0 &&
        mn_names_begin_host(&name->wait, stack, &parsed) == MNET_OK)
        name->asking = true;
}

static void follow_names(struct mn_stack_sntp *service)
{
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        struct sntp_name *name = &service->names[i];
        if (name->asking && mn_names_known(&name->wait, 0) && mn_names_known(&name->wait, 1))
            end_lookup(service, name);
        else if (name->text[0] != '\0' && !name->asking && service->stack->now >= name->next_ns)
            begin_lookup(service->stack, name);
    }
}

/* Takes a name or address from a program or DHCPv6. Returns whether it is one. */
static bool set_name(struct mnet_stack *stack, struct sntp_name *name, const char *text)
{
    struct mn_dns_name parsed;
    struct mnet_address literal[2];
    bool complete;
    *name = (struct sntp_name){.next_ns = 0};
    if (text == NULL || strlen(text) >= NAME_MAX)
        return false;
    int count = mn_names_parse(stack, text, literal, &parsed, &complete);
    if (count < 0)
        return false;
    memcpy(name->text, text, strlen(text) + 1);
    if (count > 0) {
        name->address = literal[0];
        name->next_ns = MNET_NEVER;
    }
    return true;
}

static void forget_name(struct sntp_name *name)
{
    if (name->asking)
        mn_names_end(&name->wait);
    *name = (struct sntp_name){.next_ns = 0};
}

static void forget_names(struct mn_stack_sntp *service)
{
    for (unsigned i = 0; i < NAMES_MAX; i++)
        forget_name(&service->names[i]);
}

/* DHCP6-18.2.10-6: takes what DHCP has told since the last time. A name that is still told keeps
 * its address. */
static void take_told(struct mn_stack_sntp *service)
{
    const struct mn_dhcp6_information *information = &service->stack->dhcp6.client.information;
    for (unsigned i = 0; i < MN_DHCPV6_NTP_NAMES; i++) {
        struct sntp_name *name = &service->names[NAMES_OF_DHCP + i];
        bool told = service->stack->dhcp6.runs && i < information->ntp_name_count;
        const char *text = told ? information->ntp_names[i] : "";
        if (strcmp(text, name->text) == 0)
            continue;
        forget_name(name);
        if (told)
            set_name(service->stack, name, text);
    }
    service->changes = mn_stack_changes(service->stack);
    take_servers(service);
}

/* ---- Ports ---- */

static void note_port(void *context, unsigned ready)
{
    struct sntp_port *port = context;
    struct mn_stack_sntp *service = MN_CONTAINER(port - port->slot, struct mn_stack_sntp, ports[0]);
    (void)ready;
    service->ready_ports |= 1u << port->slot;
}

static void close_port(struct sntp_port *port)
{
    struct mnet_udp *udp = port->udp;
    port->udp = NULL;
    mn_udp_close_service(udp);
}

static void receive(struct mn_stack_sntp *service, struct sntp_port *port)
{
    uint8_t data[DATAGRAM_MAX];
    struct mnet_endpoint source;
    uint64_t now = service->stack->now;
    while (port->udp != NULL) {
        ptrdiff_t len = mnet_udp_receive(port->udp, data, sizeof data, &source, 0);
        if (len >= 0)
            mn_sntp_input(&service->sntp, port->slot, source.address, data, (size_t)len, now);
        else if (len != MNET_E_TOO_BIG && len != MNET_E_DEADLINE)
            mn_sntp_note_unreachable(&service->sntp, port->slot, now);
        if (len < 0 && len != MNET_E_TOO_BIG)
            return;
    }
}

/* NTPPORT-4-1, NTPPORT-4-2: a random port for each request, and only the server is heard there. */
static void send(struct mn_stack_sntp *service, const struct mn_sntp_output *output)
{
    struct sntp_port *port = &service->ports[output->slot];
    const struct mnet_endpoint server = {output->server, MN_NTP_PORT};
    MN_ASSERT(port->udp == NULL);
    if (mn_udp_open_service(service->stack, server, 4, &port->udp) < 0) {
        mn_sntp_note_unreachable(&service->sntp, output->slot, service->stack->now);
        return;
    }
    mnet_udp_notify(port->udp, note_port, port);
    int error = mnet_udp_send(port->udp, NULL, output->bytes, sizeof output->bytes, 0);
    if (error < 0 && error != MNET_E_DEADLINE)
        mn_sntp_note_unreachable(&service->sntp, output->slot, service->stack->now);
}

/* ---- News ---- */

static void tell(const struct mn_stack_sntp *service, const struct mn_sntp_output *output)
{
    const struct mnet_log *log = &service->stack->config.log;
    char server[MNET_ADDRESS_TEXT];
    int milliseconds = (int)(output->ns / (int64_t)MNET_MILLISECOND);
    mnet_address_format(output->server, server, sizeof server);
    switch (output->news) {
    case MN_SNTP_NEWS_SET: mn_wall_tell(service->stack); break;
    case MN_SNTP_NEWS_JUMPED: mn_log(log, MNET_LOG_WARNING, "ntp: the time jumped by %d ms", milliseconds); break;
    case MN_SNTP_NEWS_REFUSED:
        mn_log(log, MNET_LOG_ERROR, "ntp: %s says that the time is wrong by %d s, which is not believed", server,
               milliseconds / 1000);
        break;
    case MN_SNTP_NEWS_EARLY: mn_log(log, MNET_LOG_ERROR, "ntp: %s tells a time of the past", server); break;
    case MN_SNTP_NEWS_LIES:
        mn_log(log, MNET_LOG_WARNING, "ntp: %s differs from the other servers by %d ms", server, milliseconds);
        break;
    case MN_SNTP_NEWS_DENIED: mn_log(log, MNET_LOG_WARNING, "ntp: %s wants no questions", server); break;
    case MN_SNTP_NEWS_QUARREL: mn_log(log, MNET_LOG_WARNING, "ntp: the servers do not agree on the time"); break;
    }
}

/* ---- The service ---- */

static void run(struct mnet_stack *stack)
{
    struct mn_stack_sntp *service = stack->sntp;
    struct mn_sntp_output output;
    if (service->changes != mn_stack_changes(stack))
        take_told(service);
    follow_names(service);
    while (service->ready_ports != 0) {
        int slot = __builtin_ctz(service->ready_ports);
        service->ready_ports &= service->ready_ports - 1;
        receive(service, &service->ports[slot]);
    }
    mn_sntp_expire(&service->sntp, stack->now);
    while (mn_sntp_output(&service->sntp, &output, stack->now)) {
        switch (output.act) {
        case MN_SNTP_SEND: send(service, &output); break;
        case MN_SNTP_CLOSE: close_port(&service->ports[output.slot]); break;
        case MN_SNTP_TELL: tell(service, &output); break;
        }
    }
    if (mn_sntp_wall(&service->sntp, stack->now) != 0)
        mn_block_wake_all(&service->waiters);
}

static uint64_t deadline_of(const struct mnet_stack *stack)
{
    uint64_t next = mn_sntp_deadline(&stack->sntp->sntp);
    for (unsigned i = 0; i < NAMES_MAX; i++)
        if (stack->sntp->names[i].text[0] != '\0' && !stack->sntp->names[i].asking)
            next = MN_MIN(next, stack->sntp->names[i].next_ns);
    return next;
}

static void end(struct mnet_stack *stack)
{
    struct mn_stack_sntp *service = stack->sntp;
    stack->sntp = NULL;
    stack->wall = NULL;
    forget_names(service);
    for (unsigned i = 0; i < MN_SNTP_SERVERS; i++)
        close_port(&service->ports[i]);
    mn_block_wake_gone(&service->waiters);
}

static uint64_t read_wall(const struct mnet_stack *stack)
{
    return mn_sntp_wall(&stack->sntp->sntp, stack->config.platform.now(stack->config.platform.context));
}

static int create(struct mnet_stack *stack)
{
    static const struct mn_service service = {run, deadline_of, end};
    struct mn_stack_sntp *made = mn_memory_table(stack->memory, sizeof *made);
    if (made == NULL)
        return MNET_E_NO_MEMORY;
    made->stack = stack;
    mn_list_init(&made->waiters);
    mn_sntp_init(&made->sntp, &stack->random, &stack->counters);
    for (uint8_t i = 0; i < MN_SNTP_SERVERS; i++)
        made->ports[i].slot = i;
    stack->sntp = made;
    stack->sntp_service = &service;
    stack->wall = read_wall;
    return MNET_OK;
}

/* ---- Calls ---- */

int mnet_sntp_start(struct mnet_stack *stack, const char *const *servers, unsigned count)
{
    struct sntp_name names[MNET_SNTP_SERVERS_MAX];
    memset(names, 0, sizeof names);
    if (stack == NULL || count > MNET_SNTP_SERVERS_MAX || (count > 0 && servers == NULL))
        return MNET_E_INVALID;
    if (count == 0) {
        servers = stack->config.ip.ntp;
        count = stack->config.ip.ntp_count;
    }
    if (stack->ended)
        return MNET_E_CLOSED;
    for (unsigned i = 0; i < count; i++)
        if (!set_name(stack, &names[i], servers[i]))
            return MNET_E_INVALID;
    mn_stack_enter(stack);
    int error = stack->sntp == NULL ? create(stack) : MNET_OK;
    if (error == MNET_OK) {
        forget_names(stack->sntp);
        memcpy(stack->sntp->names, names, sizeof names);
        take_told(stack->sntp);
        run(stack);
        mn_stack_leave(stack);
    }
    return error;
}

int mnet_sntp_await(struct mnet_stack *stack, uint64_t deadline)
{
    if (stack == NULL || (!stack->ended && stack->sntp == NULL))
        return MNET_E_INVALID;
    while (!stack->ended && mn_sntp_wall(&stack->sntp->sntp, stack->now) == 0) {
        int error = mn_block_once(&stack->sntp->waiters, deadline);
        if (error < 0)
            return error;
    }
    return stack->ended ? MNET_E_CLOSED : 0;
}

unsigned mnet_sntp_servers(const struct mnet_stack *stack, struct mnet_sntp_server *servers, unsigned max)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MN_SNTP_SERVERS && stack->sntp != NULL; i++) {
        const struct mn_sntp_server *server = &stack->sntp->sntp.servers[i];
        if (mn_address_is_any(&server->address))
            continue;
        if (count < max) {
            uint64_t wall = mnet_wall_clock(stack), now = stack->config.platform.now(stack->config.platform.context);
            servers[count] = (struct mnet_sntp_server){
                .address = server->address,
                .answered = server->sample.at_ns != 0 && now < server->sample.at_ns + MN_SNTP_SAMPLE_LIFE_NS,
                .denied = server->denied,
                .lies = server->lies,
                .offset_ns = server->sample.offset_ns + (int64_t)(now - wall),
                .error_ns = server->sample.error_ns,
            };
        }
        count++;
    }
    return count;
}
