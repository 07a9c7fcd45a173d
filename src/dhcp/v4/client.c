/* A DHCP client: see client.h for the scheme. */
#include "dhcp/v4/client.h"

#include <string.h>

#include <mnet/time.h>

#define BACKOFF_FIRST_S 4
#define BACKOFF_LAST_S 64
#define REQUESTS_MAX 4 /* for one offer */
#define REBOOTS_MAX 4  /* messages about a lease of before */
/* The first messages of a reboot ask for that lease; the others ask for any. */
#define REBOOT_REQUESTS 2
/* Shortest interval of messages for a link that goes up and down. */
#define LINK_INTERVAL_NS MNET_SECOND
#define BROADCAST_AFTER 2                    /* messages of an exchange without an answer */
#define DECLINE_WAIT_NS (10 * MNET_SECOND)   /* RFC 2131 3.1 (5) */
#define RENEW_INTERVAL_NS (60 * MNET_SECOND) /* RFC 2131 4.4.5: at least */
/* A default T1 is early by up to this part (4.4.5: fuzz). */
#define EARLY_PART 16

static void count(struct mn_dhcp_client *client, enum mnet_counter counter)
{
    client->counters->value[counter]++;
}

/* ---- Time ---- */

/* RFC 2131 4.1: 4, 8, 16, 32, 64, 64 ... s, plus or minus a random time of up to one second.
 * `before` is the number of messages before. */
static uint64_t backoff_ns(struct mn_dhcp_client *client, unsigned before)
{
    uint64_t seconds = before < 4 ? (uint64_t)BACKOFF_FIRST_S << before : BACKOFF_LAST_S;
    uint32_t fuzz_us = mn_random_below(client->random, 2000001);
    return seconds * MNET_SECOND - MNET_SECOND + fuzz_us * MNET_MICROSECOND;
}

/* Sends a message of the present state, and arms its repetition. */
static void ask(struct mn_dhcp_client *client, enum mn_dhcp_type type, uint64_t wait_ns)
{
    MN_DEBUG_ASSERT(wait_ns > 0 || client->state == MN_DHCP_RENEWING || client->state == MN_DHCP_REBINDING);
    uint64_t secs = (client->now - client->begun_ns) / MNET_SECOND;
    client->to_send = (uint8_t)type;
    client->deadline_ns = client->now + wait_ns;
    /* In REQUESTING a message repeats `secs` of its DISCOVER, for relays (RFC 2131 4.4.1). */
    if (client->state != MN_DHCP_REQUESTING)
        client->secs = (uint16_t)MN_MIN(secs, UINT16_MAX);
    if (client->attempts < UINT8_MAX)
        client->attempts++;
}

static void ask_with_backoff(struct mn_dhcp_client *client, enum mn_dhcp_type type)
{
    ask(client, type, backoff_ns(client, client->attempts));
}

/* Waits for half of the time left until `limit`, at least a minute, but not beyond the limit. */
static void ask_for_renewal(struct mn_dhcp_client *client, uint64_t limit)
{
    MN_DEBUG_ASSERT(client->state == MN_DHCP_RENEWING || client->state == MN_DHCP_REBINDING);
    uint64_t left = limit > client->now ? limit - client->now : 0;
    ask(client, MN_DHCP_REQUEST, MN_MIN(MN_MAX(left / 2, RENEW_INTERVAL_NS), left));
}

/* ---- States ---- */

static bool holds_address(const struct mn_dhcp_client *client)
{
    return client->state == MN_DHCP_BOUND || client->state == MN_DHCP_RENEWING || client->state == MN_DHCP_REBINDING ||
           client->state == MN_DHCP_REBOOTING;
}

/* A new exchange has a new transaction identifier. Only DISCOVER and the REQUEST that follows share
 * one. */
static void begin_exchange(struct mn_dhcp_client *client)
{
    client->xid = mn_random_u32(client->random);
    client->since_ns = client->now;
    client->attempts = 0;
}

static void enter(struct mn_dhcp_client *client, enum mn_dhcp_state state)
{
    client->state = (uint8_t)state;
    client->deadline_ns = MNET_NEVER;
}

/* Starts again: at once after the first failure, and later after each further one. */
static void start_over(struct mn_dhcp_client *client, uint64_t at_least_ns)
{
    uint64_t wait = client->failures > 0 ? backoff_ns(client, client->failures - 1u) : 0;
    if (holds_address(client))
        client->begun_ns = client->now;
    if (client->failures < UINT8_MAX)
        client->failures++;
    client->serial++;
    client->to_send = 0;
    enter(client, MN_DHCP_INIT);
    client->deadline_ns = client->now + MN_MAX(wait, at_least_ns);
}

static void select_server(struct mn_dhcp_client *client)
{
    MN_DEBUG_ASSERT(client->state != MN_DHCP_RELEASED);
    enter(client, MN_DHCP_SELECTING);
    begin_exchange(client);
    ask_with_backoff(client, MN_DHCP_DISCOVER);
}

static void request_offer(struct mn_dhcp_client *client)
{
    MN_DEBUG_ASSERT(client->state == MN_DHCP_REQUESTING && client->attempts <= REQUESTS_MAX);
    if (client->attempts == REQUESTS_MAX) {
        start_over(client, 0);
        return;
    }
    ask_with_backoff(client, MN_DHCP_REQUEST);
}

static void renew(struct mn_dhcp_client *client)
{
    MN_DEBUG_ASSERT(client->state == MN_DHCP_BOUND);
    enter(client, MN_DHCP_RENEWING);
    client->begun_ns = client->now;
    begin_exchange(client);
    ask_for_renewal(client, client->lease.t2_ns);
}

static void rebind(struct mn_dhcp_client *client)
{
    MN_DEBUG_ASSERT(client->state == MN_DHCP_RENEWING);
    enter(client, MN_DHCP_REBINDING);
    begin_exchange(client);
    ask_for_renewal(client, client->lease.end_ns);
}

static void bind(struct mn_dhcp_client *client)
{
    MN_DEBUG_ASSERT(client->lease.t1_ns <= client->lease.t2_ns && client->lease.t2_ns <= client->lease.end_ns);
    enter(client, MN_DHCP_BOUND);
    client->failures = 0;
    client->deadline_ns = client->lease.t1_ns;
}

/* RFC 2131 3.2 (4): if nobody answers, the lease holds until it ends. A server that does not know
 * the lease may well be silent (4.3.2) and still have another one to give, so the last messages ask
 * for any. */
static void reboot(struct mn_dhcp_client *client)
{
    MN_DEBUG_ASSERT(client->state == MN_DHCP_REBOOTING && client->attempts <= REBOOTS_MAX);
    if (client->attempts == REBOOTS_MAX) {
        bind(client);
        return;
    }
    ask_with_backoff(client, client->attempts < REBOOT_REQUESTS ? MN_DHCP_REQUEST : MN_DHCP_DISCOVER);
    client->deadline_ns = MN_MIN(client->deadline_ns, client->lease.end_ns);
}

void mn_dhcp_client_start(struct mn_dhcp_client *client, struct mnet_counters *counters, struct mn_random *random,
                          struct mn_mac mac, uint16_t mtu, uint64_t now)
{
    *client = (struct mn_dhcp_client){.counters = counters, .random = random, .mac = mac, .mtu = mtu, .now = now};
    client->begun_ns = now;
    select_server(client);
}

static void run_due(struct mn_dhcp_client *client)
{
    if (client->link_pending)
        client->linked_ns = client->now;
    client->link_pending = false;
    bool has_lease = holds_address(client) || client->state == MN_DHCP_CHECKING;
    if (has_lease && client->now >= client->lease.end_ns) {
        client->failures = 0; /* asks again at once */
        start_over(client, 0);
        return;
    }
    switch ((enum mn_dhcp_state)client->state) {
    case MN_DHCP_INIT: select_server(client); break;
    case MN_DHCP_SELECTING: ask_with_backoff(client, MN_DHCP_DISCOVER); break;
    case MN_DHCP_REQUESTING: request_offer(client); break;
    case MN_DHCP_BOUND: renew(client); break;
    case MN_DHCP_RENEWING:
        if (client->now >= client->lease.t2_ns)
            rebind(client);
        else
            ask_for_renewal(client, client->lease.t2_ns);
        break;
    case MN_DHCP_REBINDING: ask_for_renewal(client, client->lease.end_ns); break;
    case MN_DHCP_REBOOTING: reboot(client); break;
    case MN_DHCP_CHECKING:
    case MN_DHCP_OFF:
    case MN_DHCP_RELEASED: client->deadline_ns = MNET_NEVER; break;
    }
}

void mn_dhcp_client_expire(struct mn_dhcp_client *client, uint64_t now)
{
    client->now = now;
    while (client->deadline_ns <= now)
        run_due(client);
}

void mn_dhcp_client_note_link_up(struct mn_dhcp_client *client, uint64_t now)
{
    uint64_t at = client->linked_ns != 0 ? MN_MAX(now, client->linked_ns + LINK_INTERVAL_NS) : now;
    client->now = now;
    if (client->state == MN_DHCP_OFF || client->state == MN_DHCP_RELEASED)
        return;
    client->failures = 0;
    if (holds_address(client) && now < client->lease.end_ns) {
        enter(client, MN_DHCP_REBOOTING);
        begin_exchange(client);
    } else {
        start_over(client, 0);
        client->failures = 0;
    }
    client->begun_ns = now;
    client->to_send = 0;
    client->deadline_ns = at;
    client->link_pending = true;
    mn_dhcp_client_expire(client, now);
}

uint64_t mn_dhcp_client_deadline(const struct mn_dhcp_client *client)
{
    return client->state == MN_DHCP_OFF ? MNET_NEVER : client->deadline_ns;
}

const struct mn_dhcp_lease *mn_dhcp_client_lease(const struct mn_dhcp_client *client)
{
    return holds_address(client) || client->state == MN_DHCP_CHECKING ? &client->lease : NULL;
}

/* ---- Received messages ---- */

/* RFC 2132 9.14 */
static void write_client_id(const struct mn_dhcp_client *client, struct mn_dhcp *message)
{
    message->client_id_len = MN_DHCP_CLIENT_ID;
    message->client_id[0] = 1; /* Ethernet */
    memcpy(message->client_id + 1, client->mac.bytes, sizeof client->mac.bytes);
}

/* Returns whether a message is an answer to us at all (RFC 2131 4.4.1; RFC 6842 section 3). */
static bool is_for_us(const struct mn_dhcp_client *client, const struct mn_dhcp *message)
{
    struct mn_dhcp ours;
    write_client_id(client, &ours);
    if (message->operation != MN_DHCP_BOOTREPLY || message->xid != client->xid ||
        !mn_mac_equal(message->chaddr, client->mac))
        return false;
    return message->client_id_len == 0 || (message->client_id_len == ours.client_id_len &&
                                           memcmp(message->client_id, ours.client_id, sizeof ours.client_id) == 0);
}

static bool take_offer(struct mn_dhcp_client *client, const struct mn_dhcp *message)
{
    struct mn_dhcp_lease lease;
    if (!mn_dhcp_lease_read(message, &lease))
        return false;
    client->lease = lease;
    if (client->state == MN_DHCP_REBOOTING)
        client->serial++; /* the former address is lost */
    enter(client, MN_DHCP_REQUESTING);
    client->attempts = 0; /* the same transaction, but the lease counts from here */
    client->since_ns = client->now;
    request_offer(client);
    return true;
}

/* Returns whether the state's messages go to every server, each of which may answer. */
static bool asks_any_server(const struct mn_dhcp_client *client)
{
    return client->state == MN_DHCP_REBINDING || client->state == MN_DHCP_REBOOTING;
}

/* An ACK must be from the server that was asked, and grant the address that was asked for. The
 * first ACK must name its server and the lease time. Other options that it lacks are as in the
 * OFFER, or in the ACK before. */
static bool take_ack(struct mn_dhcp_client *client, const struct mn_dhcp *message)
{
    MN_DEBUG_ASSERT(client->lease.address != 0);
    struct mn_dhcp whole = *message;
    struct mn_dhcp_lease lease;
    if (client->state == MN_DHCP_REQUESTING && (message->server_id == 0 || message->lease_s == 0))
        return false;
    mn_dhcp_lease_complete(&whole, &client->lease);
    if (!mn_dhcp_lease_read(&whole, &lease) || lease.address != client->lease.address)
        return false;
    if (!asks_any_server(client) && lease.server != client->lease.server)
        return false;
    uint32_t early_s = mn_random_below(client->random, lease.t1_s / EARLY_PART + 1);
    mn_dhcp_lease_begin(&lease, client->since_ns, early_s);
    client->lease = lease;
    client->serial++;
    client->to_send = 0;
    if (client->state == MN_DHCP_REQUESTING) {
        enter(client, MN_DHCP_CHECKING);
        client->deadline_ns = lease.end_ns;
    } else {
        bind(client);
    }
    return true;
}

/* A NAK must name its server (RFC 2131 table 3). In REQUESTING this is required, because servers
 * that were not chosen send a NAK, too. If a lease is being extended, a NAK that names no server
 * ends the lease like any other: figure 5. */
static bool take_nak(struct mn_dhcp_client *client, const struct mn_dhcp *message)
{
    bool nameless = message->server_id == 0 && client->state != MN_DHCP_REQUESTING;
    if (!nameless && !asks_any_server(client) && message->server_id != client->lease.server)
        return false;
    count(client, MNET_COUNT_DHCP_NAK);
    start_over(client, 0);
    return true;
}

static bool take(struct mn_dhcp_client *client, const struct mn_dhcp *message)
{
    bool requests = client->state == MN_DHCP_REQUESTING || client->state == MN_DHCP_RENEWING ||
                    client->state == MN_DHCP_REBINDING || client->state == MN_DHCP_REBOOTING;
    bool discovers = client->state == MN_DHCP_SELECTING ||
                     (client->state == MN_DHCP_REBOOTING && client->attempts > REBOOT_REQUESTS);
    if (!is_for_us(client, message))
        return false;
    if (message->type == MN_DHCP_OFFER && discovers)
        return take_offer(client, message);
    if (message->type == MN_DHCP_ACK && requests)
        return take_ack(client, message);
    return message->type == MN_DHCP_NAK && requests && take_nak(client, message);
}

void mn_dhcp_client_input(struct mn_dhcp_client *client, const void *data, size_t len, uint64_t now)
{
    struct mn_dhcp message;
    client->now = now;
    count(client, MNET_COUNT_DHCP_RX);
    if (mn_dhcp_parse(data, len, &message) != MN_PARSE_OK)
        count(client, MNET_COUNT_DHCP_DROP_INVALID);
    else if (!take(client, &message))
        count(client, MNET_COUNT_DHCP_DROP_UNEXPECTED);
}

/* RFC 2131 3.1 (5) and 4.4.4 */
void mn_dhcp_client_note_check(struct mn_dhcp_client *client, bool in_use, uint64_t now)
{
    MN_ASSERT(client->state == MN_DHCP_CHECKING);
    client->now = now;
    if (!in_use) {
        bind(client);
        return;
    }
    count(client, MNET_COUNT_DHCP_DECLINED);
    start_over(client, DECLINE_WAIT_NS);
    begin_exchange(client);
    client->to_send = MN_DHCP_DECLINE;
}

void mn_dhcp_client_release(struct mn_dhcp_client *client, uint64_t now)
{
    client->now = now;
    bool held = holds_address(client);
    begin_exchange(client);
    enter(client, held ? MN_DHCP_RELEASED : MN_DHCP_OFF);
    client->to_send = held ? MN_DHCP_RELEASE : 0;
}

/* ---- Sent messages ---- */

/* Fills in the fields of each message as RFC 2131 4.4.1, table 5 says. */
static void describe(const struct mn_dhcp_client *client, struct mn_dhcp *message)
{
    const struct mn_dhcp_lease *lease = &client->lease;
    bool asks = message->type == MN_DHCP_DISCOVER || message->type == MN_DHCP_REQUEST;
    bool reboots = client->state == MN_DHCP_REBOOTING;
    bool holds = (holds_address(client) && !reboots) || message->type == MN_DHCP_RELEASE;
    if (asks) {
        message->wants_parameters = true;
        message->message_max = MN_MIN(client->mtu, MN_DHCP_MESSAGE_MAX + 28);
        message->secs = client->secs;
        message->broadcast = !holds && client->attempts > BROADCAST_AFTER;
    }
    if (holds)
        message->ciaddr = lease->address;
    bool names_server = message->type != MN_DHCP_DISCOVER && !(asks && holds) && !reboots;
    if (names_server)
        message->server_id = lease->server;
    if (reboots || (names_server && !holds))
        message->requested_ip = lease->address;
}

bool mn_dhcp_client_output(struct mn_dhcp_client *client, void *to, struct mn_dhcp_ends *ends)
{
    MN_DEBUG_ASSERT(client->state != MN_DHCP_OFF || client->to_send == 0);
    if (client->to_send == 0)
        return false;
    struct mn_dhcp message = {
        .operation = MN_DHCP_BOOTREQUEST,
        .type = client->to_send,
        .xid = client->xid,
        .chaddr = client->mac,
    };
    write_client_id(client, &message);
    describe(client, &message);
    mn_dhcp_emit(to, &message);
    bool to_server = client->state == MN_DHCP_RENEWING || message.type == MN_DHCP_RELEASE;
    *ends = (struct mn_dhcp_ends){.source = message.ciaddr, .destination = to_server ? client->lease.server : 0};
    client->to_send = 0;
    count(client, MNET_COUNT_DHCP_TX);
    return true;
}
