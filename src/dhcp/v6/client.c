/* A DHCPv6 client: see client.h for the scheme. */
#include "dhcp/v6/client.h"

#include <string.h>

#define MAX_DELAY_NS MNET_SECOND             /* SOL_MAX_DELAY, CNF_MAX_DELAY, INF_MAX_DELAY (7.6) */
#define MAX_RT_S 3600u                       /* SOL_MAX_RT and INF_MAX_RT at first (7.6) */
#define REFRESH_S 86400u                     /* IRT_DEFAULT (7.6) */
#define FAILURE_WAIT_S 64u                   /* at most, between attempts to get addresses */
#define EARLY_INTERVAL_NS (30 * MNET_SECOND) /* between early messages (18.2.12) */
#define PREFERENCE_MOST 255

static void count(struct mn_dhcp6_client *client, enum mnet_counter counter)
{
    client->config.counters->value[counter]++;
}

/* ---- Times ---- */

/* 7.6 (DHCP6-7.6-5). The limit of RENEW is T2, and that of REBIND the end of the addresses. */
static struct mn_dhcp6_timeouts timeouts_of(const struct mn_dhcp6_client *client)
{
    struct mn_dhcp6_timeouts t = {.irt_ns = MNET_SECOND, .mrt_ns = MNET_NEVER, .mrd_ns = MNET_NEVER};
    switch ((enum mn_dhcp6_state)client->state) {
    case MN_DHCP6_SOLICITING: /* DHCP6-7.6-1, DHCP6-18.2.1-8, DHCP6-18.2.1-9 */
        t.longer = true;
        t.mrt_ns = client->sol_max_rt.seconds * MNET_SECOND;
        break;
    case MN_DHCP6_REQUESTING: /* DHCP6-7.6-2 */
        t.mrt_ns = 30 * MNET_SECOND;
        t.mrc = 10;
        break;
    case MN_DHCP6_CONFIRMING: /* DHCP6-7.6-3 */
        t.mrt_ns = 4 * MNET_SECOND;
        t.mrd_ns = 10 * MNET_SECOND;
        break;
    case MN_DHCP6_RENEWING:
    case MN_DHCP6_REBINDING: /* DHCP6-7.6-4 */
        t.irt_ns = 10 * MNET_SECOND;
        t.mrt_ns = 600 * MNET_SECOND;
        break;
    case MN_DHCP6_INFORMING: t.mrt_ns = client->inf_max_rt.seconds * MNET_SECOND; break;
    default: t.mrc = 4; break; /* DECLINE and RELEASE: DHCP6-7.6-6 */
    }
    return t;
}

static uint64_t random_delay(struct mn_dhcp6_client *client)
{
    return mn_random_below(client->config.random, (uint32_t)(MAX_DELAY_NS / MNET_MICROSECOND) + 1) * MNET_MICROSECOND;
}

/* ---- States ---- */

static bool holds_addresses(const struct mn_dhcp6_client *client)
{
    return client->binding.count > 0;
}

/* Each message has its own transaction id, which its retransmissions share (DHCP6-16.1-1,
 * DHCP6-16.1-2). */
static void begin(struct mn_dhcp6_client *client, enum mn_dhcp6_state state, uint64_t delay_ns, uint64_t until_ns)
{
    client->state = (uint8_t)state;
    client->to_send = false;
    client->refused = false;
    client->xid = mn_random_u32(client->config.random) >> 8;
    client->sol_max_rt.offered_s = client->inf_max_rt.offered_s = 0;
    mn_dhcp6_exchange_begin(&client->exchange, delay_ns, until_ns, client->now);
}

static void enter_rest(struct mn_dhcp6_client *client, enum mn_dhcp6_state state)
{
    client->state = (uint8_t)state;
    client->to_send = false;
}

/* The other configuration came with the addresses, and goes with them. */
static void forget_lease(struct mn_dhcp6_client *client)
{
    client->serial++;
    client->binding.count = 0;
    memset(&client->information, 0, sizeof client->information);
}

static void drop_addresses(struct mn_dhcp6_client *client)
{
    if (holds_addresses(client))
        forget_lease(client);
}

/* Looks for servers, without addresses from then on (DHCP6-18.2.1-7, DHCP6-18.2.10.1-11). */
static void solicit(struct mn_dhcp6_client *client)
{
    uint64_t wait_s = client->failures > 0 ? MN_MIN(UINT64_C(1) << MN_MIN(client->failures - 1, 31), FAILURE_WAIT_S)
                                           : 0;
    if (client->failures < UINT8_MAX)
        client->failures++;
    drop_addresses(client);
    client->offer_count = 0;
    begin(client, MN_DHCP6_SOLICITING, random_delay(client) + wait_s * MNET_SECOND, MNET_NEVER);
}

/* DHCP6-18.2.6-4, DHCP6-21.23-6 */
static void inform(struct mn_dhcp6_client *client)
{
    begin(client, MN_DHCP6_INFORMING, random_delay(client), MNET_NEVER);
}

static void request(struct mn_dhcp6_client *client)
{
    begin(client, MN_DHCP6_REQUESTING, 0, MNET_NEVER);
}

/* DHCP6-18.2.5-2: until the last address ends, which `expire_addresses` sees. */
static void rebind(struct mn_dhcp6_client *client)
{
    begin(client, MN_DHCP6_REBINDING, 0, MNET_NEVER);
}

/* Returns whether an offer was left; the others remain (DHCP6-18.2.9-6). The best is that of the
 * highest preference (DHCP6-18.2.9-1), and of equal ones the first. */
static bool request_offer(struct mn_dhcp6_client *client)
{
    struct mn_dhcp6_offer *offers = client->offers, *best = offers;
    if (client->offer_count == 0)
        return false;
    for (unsigned i = 1; i < client->offer_count; i++)
        if (offers[i].preference > best->preference)
            best = &offers[i];
    client->server = best->server;
    client->wanted = best->ia;
    client->offer_count--;
    size_t i = (size_t)(best - offers);
    memmove(best, best + 1, (client->offer_count - i) * sizeof *best);
    request(client);
    return true;
}

/* The server that was asked gives nothing, or does not answer: DHCP6-18.2.2-4,
 * DHCP6-18.2.10.1-8. */
static void try_next_server(struct mn_dhcp6_client *client)
{
    drop_addresses(client);
    if (!request_offer(client))
        solicit(client);
}

static void end_decline(struct mn_dhcp6_client *client)
{
    client->leaving.count = 0;
    if (holds_addresses(client)) /* DHCP6-18.2.8-4, DHCP6-18.2.8-5 */
        enter_rest(client, MN_DHCP6_BOUND);
    else
        solicit(client);
}

static void end_release(struct mn_dhcp6_client *client)
{
    client->leaving.count = 0;
    enter_rest(client, MN_DHCP6_RELEASED);
}

/* ---- Expiry ---- */

/* The message has been sent as often, or as long, as it may be. */
static void give_up(struct mn_dhcp6_client *client)
{
    switch ((enum mn_dhcp6_state)client->state) {
    case MN_DHCP6_REQUESTING:
        if (holds_addresses(client)) /* after NoBinding: another server may know better */
            rebind(client);
        else
            try_next_server(client);
        break;
    case MN_DHCP6_CONFIRMING: enter_rest(client, MN_DHCP6_BOUND); break; /* DHCP6-18.2.3-4 */
    case MN_DHCP6_RENEWING: rebind(client); break;                       /* DHCP6-18.2.4-5 */
    case MN_DHCP6_DECLINING: end_decline(client); break;
    default:
        MN_ASSERT(client->state == MN_DHCP6_RELEASING);
        end_release(client);
        break;
    }
}

/* The time of a retransmission, which is also the end of the time to collect answers
 * (DHCP6-18.2.1-10, DHCP6-18.2.1-17). */
static void run_exchange(struct mn_dhcp6_client *client)
{
    bool asked = client->exchange.sent > 0;
    if (client->state == MN_DHCP6_SOLICITING && asked && request_offer(client))
        return;
    if (client->state == MN_DHCP6_CONFIRMING && asked && client->refused) { /* DHCP6-18.2.10.3-2 */
        solicit(client);
        return;
    }
    const struct mn_dhcp6_timeouts timeouts = timeouts_of(client);
    switch (mn_dhcp6_exchange_expire(&client->exchange, &timeouts, &client->rate, client->config.random, client->now)) {
    case MN_DHCP6_WAIT: break;
    case MN_DHCP6_TRANSMIT: client->to_send = true; break;
    case MN_DHCP6_FAILED: give_up(client); break;
    }
}

static void run_binding(struct mn_dhcp6_client *client)
{
    if (client->now >= client->binding.t2_ns)
        rebind(client);
    else
        begin(client, MN_DHCP6_RENEWING, 0, client->binding.t2_ns);
}

/* DHCP6-21.6-5. Returns true if the last address has ended: the search begins anew. */
static bool expire_addresses(struct mn_dhcp6_client *client)
{
    if (!mn_dhcp6_binding_expire(&client->binding, client->now))
        return false;
    client->serial++;
    if (holds_addresses(client) || client->state == MN_DHCP6_DECLINING)
        return false;
    client->failures = 0;
    forget_lease(client);
    solicit(client);
    return true;
}

static void run_due(struct mn_dhcp6_client *client)
{
    if (expire_addresses(client) || mn_dhcp6_client_deadline(client) > client->now)
        return;
    switch ((enum mn_dhcp6_state)client->state) {
    case MN_DHCP6_BOUND: run_binding(client); break;
    case MN_DHCP6_INFORMED: inform(client); break;
    default: run_exchange(client); break;
    }
}

static void run(struct mn_dhcp6_client *client)
{
    while (mn_dhcp6_client_deadline(client) <= client->now)
        run_due(client);
}

void mn_dhcp6_client_expire(struct mn_dhcp6_client *client, uint64_t now)
{
    client->now = now;
    run(client);
}

uint64_t mn_dhcp6_client_deadline(const struct mn_dhcp6_client *client)
{
    uint64_t ends = mn_dhcp6_binding_deadline(&client->binding);
    switch ((enum mn_dhcp6_state)client->state) {
    case MN_DHCP6_OFF:
    case MN_DHCP6_RELEASED: return MNET_NEVER;
    case MN_DHCP6_BOUND: return MN_MIN(ends, MN_MIN(client->binding.t1_ns, client->binding.t2_ns));
    case MN_DHCP6_INFORMED: return client->refresh_ns;
    default: return MN_MIN(ends, client->exchange.next_ns);
    }
}

/* ---- Received messages: options ---- */

/* DHCP6-12.1-1, DHCP6-21.4-1: another IAID is not ours. */
static const struct mn_dhcpv6_ia *find_ia(const struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    for (unsigned i = 0; i < message->ia_count; i++)
        if (message->ias[i].iaid == client->config.iaid)
            return &message->ias[i];
    return NULL;
}

/* DHCP6-18.2.9-2, DHCP6-18.2.9-3: of every ADVERTISE, but only if all agree. */
static void take_offered_max_rt(struct mn_dhcp6_max_rt *max_rt, uint32_t seconds)
{
    if (seconds == 0)
        return;
    max_rt->seconds = max_rt->offered_s == 0 || max_rt->offered_s == seconds ? seconds : MAX_RT_S;
    max_rt->offered_s = max_rt->seconds == seconds ? seconds : UINT32_MAX; /* equal to no other */
}

/* DHCP6-18.2.10-1 */
static void take_max_rt(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    if (message->sol_max_rt_s != 0)
        client->sol_max_rt.seconds = message->sol_max_rt_s;
    if (message->inf_max_rt_s != 0)
        client->inf_max_rt.seconds = message->inf_max_rt_s;
}

/* The last REPLY counts, and an option that it lacks is no more (DHCP6-18.2.10-4,
 * DHCP6-18.2.10-5). */
static void take_information(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    struct mn_dhcp6_information taken;
    struct mn_reader domains = message->domains;
    memset(&taken, 0, sizeof taken);
    taken.dns_count = message->dns_count;
    memcpy(taken.dns, message->dns, sizeof taken.dns);
    taken.ntp_count = message->ntp_count;
    memcpy(taken.ntp, message->ntp, sizeof taken.ntp);
    for (; taken.ntp_name_count < message->ntp_name_count; taken.ntp_name_count++) {
        struct mn_reader name = message->ntp_names[taken.ntp_name_count];
        mn_domain_next(&name, taken.ntp_names[taken.ntp_name_count]);
    }
    while (taken.domain_count < MN_DHCP6_DOMAINS && mn_domain_next(&domains, taken.domains[taken.domain_count]))
        taken.domain_count++;
    if (memcmp(&taken, &client->information, sizeof taken) == 0)
        return;
    client->information = taken;
    client->serial++;
}

/* ---- Received messages: by state ---- */

/* The best servers are remembered, and one that repeats itself is remembered once. */
static void keep_offer(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message, const struct mn_dhcpv6_ia *ia)
{
    struct mn_dhcp6_offer *offers = client->offers, *place = NULL;
    for (unsigned i = 0; i < client->offer_count && place == NULL; i++)
        if (mn_dhcpv6_duid_equal(&offers[i].server, &message->server_id))
            place = &offers[i];
    if (place == NULL && client->offer_count < MN_DHCP6_OFFERS)
        place = &offers[client->offer_count++];
    for (unsigned i = 0; i < client->offer_count && place == NULL; i++)
        if (offers[i].preference < message->preference)
            place = &offers[i];
    if (place == NULL)
        return;
    *place = (struct mn_dhcp6_offer){.server = message->server_id, .preference = message->preference};
    for (unsigned i = 0; i < ia->address_count; i++) /* we send times of 0: DHCP6-21.6-2 */
        place->ia.addresses[place->ia.address_count++].address = ia->addresses[i].address;
}

static bool take_advertise(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    const struct mn_dhcpv6_ia *ia = find_ia(client, message);
    if (client->state != MN_DHCP6_SOLICITING)
        return false;
    take_offered_max_rt(&client->sol_max_rt, message->sol_max_rt_s);
    take_offered_max_rt(&client->inf_max_rt, message->inf_max_rt_s);
    if (ia == NULL || !mn_dhcp6_grants(ia)) /* DHCP6-18.2.9-4, DHCP6-18.2.9-5 */
        return true;
    keep_offer(client, message, ia);
    /* DHCP6-18.2.1-11, DHCP6-18.2.1-13 */
    if (message->preference == PREFERENCE_MOST || client->exchange.sent > 1)
        request_offer(client);
    return true;
}

/* The addresses of a REPLY. Returns false if it gives none. */
static bool take_addresses(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message,
                           const struct mn_dhcpv6_ia *ia)
{
    if (ia == NULL || ia->address_count == 0)
        return false;
    bool grants = mn_dhcp6_grants(ia);
    if ((!grants && !holds_addresses(client)) || !mn_dhcp6_binding_update(&client->binding, ia, client->now))
        return false;
    if (grants)
        client->server = message->server_id; /* DHCP6-18.2.5-1 */
    client->serial++;
    if (holds_addresses(client))
        enter_rest(client, MN_DHCP6_BOUND);
    else
        solicit(client); /* the server has ended the last one */
    return true;
}

static bool take_rapid_reply(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    const struct mn_dhcpv6_ia *ia = find_ia(client, message);
    if (ia == NULL || !mn_dhcp6_grants(ia))
        return false;
    take_information(client, message);
    return take_addresses(client, message, ia);
}

/* 18.2.10.1, for REQUEST. */
static bool take_request_reply(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    const struct mn_dhcpv6_ia *ia = find_ia(client, message);
    if (ia == NULL || !mn_dhcp6_grants(ia)) {
        try_next_server(client);
        return true;
    }
    take_information(client, message);
    return take_addresses(client, message, ia);
}

/* 18.2.10.1, for RENEW and REBIND. An IA that is missing or empty is no answer: the message is
 * repeated in its time (DHCP6-18.2.10.1-10). */
static bool take_renew_reply(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    const struct mn_dhcpv6_ia *ia = find_ia(client, message);
    if (ia != NULL && ia->status == MN_DHCPV6_NO_BINDING) { /* DHCP6-18.2.10.1-9 */
        client->server = message->server_id;
        client->offer_count = 0;
        request(client);
        return true;
    }
    take_information(client, message);
    take_addresses(client, message, ia);
    return true;
}

/* DHCP6-18.2.10.3-1, DHCP6-18.2.10.3-2: NotOnLink counts if nobody says Success until the message
 * would be repeated. */
static bool take_confirm_reply(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    if (message->status == MN_DHCPV6_SUCCESS)
        enter_rest(client, MN_DHCP6_BOUND);
    else if (message->status == MN_DHCPV6_NOT_ON_LINK)
        client->refused = true;
    return true;
}

/* DHCP6-16-1: addresses are none of its business. DHCP6-21.23-3 */
static bool take_information_reply(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    uint32_t refresh_s = message->refresh_s != 0 ? message->refresh_s : REFRESH_S;
    take_information(client, message);
    enter_rest(client, MN_DHCP6_INFORMED);
    client->refresh_ns = refresh_s == MN_DHCPV6_INFINITE ? MNET_NEVER /* DHCP6-21.23-5 */
                                                         : client->now + refresh_s * MNET_SECOND;
    return true;
}

/* Statuses of a whole message (18.2.10). UnspecFail and UseMulticast, which is no news to us, leave
 * the message to be repeated in its time (DHCP6-18.2.10-2). Unknown ones have no meaning. Returns
 * true if there is nothing more to take. */
static bool take_status(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    switch (message->status) {
    case MN_DHCPV6_UNSPEC_FAIL:
    case MN_DHCPV6_USE_MULTICAST: return true;
    case MN_DHCPV6_NOT_ON_LINK:
        if (client->state != MN_DHCP6_REQUESTING)
            return false;
        try_next_server(client); /* DHCP6-18.2.10.1-1 */
        return true;
    default: return false;
    }
}

/* One server was asked, and no other may answer. */
static bool is_from_asked_server(const struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    bool asks_one = client->state == MN_DHCP6_REQUESTING || client->state == MN_DHCP6_RENEWING ||
                    client->state == MN_DHCP6_DECLINING || client->state == MN_DHCP6_RELEASING;
    return !asks_one || mn_dhcpv6_duid_equal(&message->server_id, &client->server);
}

/* DHCP6-18.2.10.2-1: the server has heard of it. */
static bool ends_by_any_status(const struct mn_dhcp6_client *client)
{
    return client->state == MN_DHCP6_DECLINING || client->state == MN_DHCP6_RELEASING;
}

static bool take_reply(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    bool rapid = client->config.rapid_commit && message->rapid_commit;
    if (!is_from_asked_server(client, message))
        return false;
    if (client->state == MN_DHCP6_SOLICITING && !rapid) /* DHCP6-18.2.1-16, DHCP6-18.2.1-18 */
        return false;
    take_max_rt(client, message);
    if (!ends_by_any_status(client) && take_status(client, message))
        return true;
    switch ((enum mn_dhcp6_state)client->state) {
    case MN_DHCP6_SOLICITING: return take_rapid_reply(client, message);
    case MN_DHCP6_REQUESTING: return take_request_reply(client, message);
    case MN_DHCP6_RENEWING:
    case MN_DHCP6_REBINDING: return take_renew_reply(client, message);
    case MN_DHCP6_CONFIRMING: return take_confirm_reply(client, message);
    case MN_DHCP6_DECLINING: end_decline(client); return true;
    case MN_DHCP6_RELEASING: end_release(client); return true;
    default: return take_information_reply(client, message);
    }
}

/* Returns whether a message is an answer to ours (16.3, 16.10). Reconfigure never is
 * (DHCP6-21.20-1), nor are messages of clients (DHCP6-16.2-1). */
static bool is_answer(const struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    bool asks = client->state != MN_DHCP6_OFF && client->state != MN_DHCP6_BOUND &&
                client->state != MN_DHCP6_INFORMED && client->state != MN_DHCP6_RELEASED;
    return asks && client->exchange.sent > 0 && message->xid == client->xid && message->server_id.len > 0 &&
           mn_dhcpv6_duid_equal(&message->client_id, &client->config.duid);
}

static bool take(struct mn_dhcp6_client *client, const struct mn_dhcpv6 *message)
{
    if (!is_answer(client, message))
        return false;
    switch (message->type) {
    case MN_DHCPV6_ADVERTISE: return take_advertise(client, message);
    case MN_DHCPV6_REPLY: return take_reply(client, message);
    default: return false;
    }
}

void mn_dhcp6_client_input(struct mn_dhcp6_client *client, const void *data, size_t len, uint64_t now)
{
    struct mn_dhcpv6 message;
    mn_dhcp6_client_expire(client, now); /* an exchange that has ended takes no answer */
    count(client, MNET_COUNT_DHCP_RX);
    if (mn_dhcpv6_parse(data, len, &message) != MN_PARSE_OK)
        count(client, MNET_COUNT_DHCP_DROP_INVALID);
    else if (!take(client, &message))
        count(client, MNET_COUNT_DHCP_DROP_UNEXPECTED);
    run(client);
}

/* ---- Events ---- */

void mn_dhcp6_client_init(struct mn_dhcp6_client *client, const struct mn_dhcp6_config *config, uint64_t now)
{
    MN_ASSERT(config->duid.len > 0);
    memset(client, 0, sizeof *client);
    client->config = *config;
    client->now = now;
    client->sol_max_rt.seconds = client->inf_max_rt.seconds = MAX_RT_S;
    mn_dhcp6_rate_init(&client->rate, config->burst > 0 ? config->burst : MN_DHCP6_BURST,
                       config->burst > 0 ? config->burst_ns : MN_DHCP6_BURST_NS, now);
}

/* DHCP6-18-1 */
void mn_dhcp6_client_note_flags(struct mn_dhcp6_client *client, bool managed, bool other, uint64_t now)
{
    bool informs = client->state == MN_DHCP6_INFORMING || client->state == MN_DHCP6_INFORMED;
    client->now = now;
    if (managed && (client->state == MN_DHCP6_OFF || informs))
        solicit(client);
    else if (!managed && other && client->state == MN_DHCP6_OFF)
        inform(client);
    run(client);
}

void mn_dhcp6_client_note_link_up(struct mn_dhcp6_client *client, uint64_t now)
{
    mn_dhcp6_client_expire(client, now);
    client->sol_max_rt.seconds = client->inf_max_rt.seconds = MAX_RT_S; /* of the servers there */
    switch ((enum mn_dhcp6_state)client->state) {
    case MN_DHCP6_OFF:
    case MN_DHCP6_RELEASING:
    case MN_DHCP6_RELEASED: return;
    case MN_DHCP6_INFORMING:
    case MN_DHCP6_INFORMED: inform(client); break; /* DHCP6-18.2.12-2 */
    default:
        client->failures = 0;
        client->leaving.count = 0;
        if (holds_addresses(client)) /* DHCP6-18.2.12-1, DHCP6-18.2.3-3 */
            begin(client, MN_DHCP6_CONFIRMING, random_delay(client), MNET_NEVER);
        else
            solicit(client);
        break;
    }
    run(client);
}

/* DHCP6-18.2.12-3: T1, or the refresh time, comes early. */
void mn_dhcp6_client_note_prefixes(struct mn_dhcp6_client *client, uint64_t now)
{
    uint64_t at = client->early_ns != 0 ? MN_MAX(now, client->early_ns + EARLY_INTERVAL_NS) : now;
    mn_dhcp6_client_expire(client, now);
    if (client->state == MN_DHCP6_BOUND && at < client->binding.t1_ns)
        client->binding.t1_ns = at;
    else if (client->state == MN_DHCP6_INFORMED && at < client->refresh_ns)
        client->refresh_ns = at;
    else
        return;
    client->early_ns = at;
    run(client);
}

/* DHCP6-18.2.8-1, DHCP6-18.2.8-2, DHCP6-18.2.10.1-5 */
void mn_dhcp6_client_note_check(struct mn_dhcp6_client *client, struct mnet_address address, bool duplicate,
                                uint64_t now)
{
    mn_dhcp6_client_expire(client, now);
    if (!duplicate) {
        client->failures = 0;
        return;
    }
    if (!mn_dhcp6_binding_remove(&client->binding, &address))
        return;
    count(client, MNET_COUNT_DHCP_DECLINED);
    client->serial++;
    if (client->state != MN_DHCP6_DECLINING)
        client->leaving.count = 0;
    if (client->leaving.count < MN_DHCP6_ADDRESSES)
        client->leaving.addresses[client->leaving.count++].address = address;
    begin(client, MN_DHCP6_DECLINING, 0, MNET_NEVER);
    run(client);
}

void mn_dhcp6_client_release(struct mn_dhcp6_client *client, uint64_t now)
{
    mn_dhcp6_client_expire(client, now);
    if (client->state == MN_DHCP6_RELEASING || client->state == MN_DHCP6_RELEASED)
        return;
    if (!holds_addresses(client)) {
        end_release(client);
        return;
    }
    client->leaving = client->binding;
    drop_addresses(client); /* DHCP6-18.2.7-2, DHCP6-18.2.7-3 */
    begin(client, MN_DHCP6_RELEASING, 0, MNET_NEVER);
    run(client);
}

size_t mn_dhcp6_client_output(struct mn_dhcp6_client *client, void *to)
{
    struct mn_dhcpv6 message;
    struct mn_writer w = mn_writer(to, MN_DHCP6_EMIT);
    if (!client->to_send)
        return 0;
    client->to_send = false;
    mn_dhcp6_describe(client, &message);
    mn_dhcpv6_write(&w, &message);
    MN_ASSERT(w.ok);
    count(client, MNET_COUNT_DHCP_TX);
    return MN_DHCP6_EMIT - w.left;
}

void mn_dhcp6_client_check(const struct mn_dhcp6_client *client)
{
    uint8_t state = client->state;
    bool needs_addresses = state == MN_DHCP6_BOUND || state == MN_DHCP6_RENEWING || state == MN_DHCP6_REBINDING ||
                           state == MN_DHCP6_CONFIRMING;
    bool may_have_some = needs_addresses || state == MN_DHCP6_REQUESTING || state == MN_DHCP6_DECLINING;
    bool leaves = state == MN_DHCP6_DECLINING || state == MN_DHCP6_RELEASING;
    bool rests = state == MN_DHCP6_OFF || state == MN_DHCP6_BOUND || state == MN_DHCP6_RELEASED ||
                 state == MN_DHCP6_INFORMED;
    MN_ASSERT(state <= MN_DHCP6_INFORMED && client->binding.count <= MN_DHCP6_ADDRESSES);
    MN_ASSERT(client->offer_count <= MN_DHCP6_OFFERS && client->leaving.count <= MN_DHCP6_ADDRESSES);
    MN_ASSERT(holds_addresses(client) ? may_have_some : !needs_addresses);
    MN_ASSERT(leaves == (client->leaving.count > 0));
    MN_ASSERT(rests ? !client->to_send : client->exchange.next_ns != MNET_NEVER);
    MN_ASSERT(!client->to_send || client->exchange.sent > 0);
    MN_ASSERT(client->rate.credit_ns <= client->rate.burst_ns);
    MN_ASSERT(mn_dhcp6_client_deadline(client) > client->now);
    for (unsigned i = 0; i < client->binding.count; i++) {
        const struct mn_dhcp6_address *address = &client->binding.addresses[i];
        MN_ASSERT(address->preferred_until_ns <= address->valid_until_ns && address->valid_until_ns > client->now);
    }
}
