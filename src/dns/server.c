#include "dns/server.h"

#include <string.h>

#include "base/address.h"

#define UNKNOWN_RTT_NS (100 * MNET_MILLISECOND)
#define ASIDE_NS (10 * MNET_SECOND)
#define ASIDE_MAX_NS (300 * MNET_SECOND)
#define PLAIN_NS (300 * MNET_SECOND)
#define TIMEOUT_NS (1 * MNET_SECOND)
#define TIMEOUT_ALONE_NS (2 * MNET_SECOND)
#define TIMEOUT_MIN_NS (300 * MNET_MILLISECOND)
#define TIMEOUT_MAX_NS (8 * MNET_SECOND)

/* Copies as many addresses as there is room for; the last place is for the other family if the
 * others are all of one. */
static size_t select_addresses(const struct mnet_address *from, size_t count, struct mnet_address *to)
{
    size_t taken = MN_MIN(count, MN_DNS_SERVERS), ipv4 = 0;
    for (size_t i = 0; i < taken; i++) {
        to[i] = from[i];
        ipv4 += mn_address_is_ipv4(&from[i]);
    }
    if (ipv4 != 0 && ipv4 != taken)
        return taken;
    for (size_t i = taken; i < count; i++) {
        if (mn_address_is_ipv4(&from[i]) == (ipv4 == 0)) {
            to[taken - 1] = from[i];
            break;
        }
    }
    return taken;
}

void mn_dns_servers_set(struct mn_dns_servers *servers, const struct mnet_address *addresses, size_t count)
{
    struct mn_dns_servers before = *servers;
    struct mnet_address chosen[MN_DNS_SERVERS];
    size_t taken = select_addresses(addresses, count, chosen);
    memset(servers, 0, sizeof *servers);
    for (int family = 0; family < 2; family++) { /* IPv6 first */
        for (size_t i = 0; i < taken; i++) {
            if (mn_address_is_ipv4(&chosen[i]) != (family == 1))
                continue;
            struct mn_dns_server *server = &servers->list[servers->count++];
            server->address = chosen[i];
            for (unsigned k = 0; k < before.count; k++)
                if (mn_address_equal(&before.list[k].address, &chosen[i]))
                    *server = before.list[k];
        }
    }
}

static uint64_t rank(const struct mn_dns_server *server, uint64_t now)
{
    uint64_t ns = server->srtt_ns != 0 ? server->srtt_ns : UNKNOWN_RTT_NS;
    return ns + (now < server->aside_until_ns ? ASIDE_MAX_NS : 0);
}

int mn_dns_servers_best(const struct mn_dns_servers *servers, unsigned except, uint64_t now)
{
    MN_DEBUG_ASSERT(servers->count <= MN_DNS_SERVERS);
    int best = -1;
    for (int i = 0; i < servers->count; i++) {
        if (except >> i & 1)
            continue;
        if (best < 0 || rank(&servers->list[i], now) < rank(&servers->list[best], now))
            best = i;
    }
    return best;
}

uint64_t mn_dns_server_timeout(const struct mn_dns_server *server, bool alone, unsigned round)
{
    uint64_t ns = alone ? TIMEOUT_ALONE_NS : TIMEOUT_NS;
    if (server->srtt_ns != 0)
        ns = MN_MIN(MN_MAX(server->srtt_ns + 4 * server->rttvar_ns, TIMEOUT_MIN_NS), TIMEOUT_ALONE_NS);
    return MN_MIN(ns << MN_MIN(round, 8u), TIMEOUT_MAX_NS);
}

bool mn_dns_server_knows_edns(const struct mn_dns_server *server, uint64_t now)
{
    return now >= server->plain_until_ns;
}

/* As RFC 6298 2. */
void mn_dns_server_note_answer(struct mn_dns_server *server, uint64_t rtt_ns)
{
    rtt_ns = MN_MAX(rtt_ns, 1);
    if (server->srtt_ns == 0) {
        server->srtt_ns = rtt_ns;
        server->rttvar_ns = rtt_ns / 2;
    } else {
        uint64_t difference = server->srtt_ns > rtt_ns ? server->srtt_ns - rtt_ns : rtt_ns - server->srtt_ns;
        server->rttvar_ns = (3 * server->rttvar_ns + difference) / 4;
        server->srtt_ns = MN_MAX((7 * server->srtt_ns + rtt_ns) / 8, 1);
    }
    server->silent = 0;
    server->aside_until_ns = 0;
    MN_DEBUG_ASSERT(server->srtt_ns > 0);
}

void mn_dns_server_note_timeout(struct mn_dns_server *server, uint64_t now)
{
    MN_DEBUG_ASSERT(!mn_address_is_any(&server->address));
    server->silent += server->silent < UINT8_MAX;
    if (server->silent >= 2)
        server->aside_until_ns = now + MN_MIN(ASIDE_NS << MN_MIN(server->silent - 2, 8), ASIDE_MAX_NS);
}

void mn_dns_server_note_unreachable(struct mn_dns_server *server, uint64_t now)
{
    server->aside_until_ns = now + ASIDE_NS;
}

void mn_dns_server_note_no_edns(struct mn_dns_server *server, uint64_t now)
{
    server->plain_until_ns = now + PLAIN_NS;
}
