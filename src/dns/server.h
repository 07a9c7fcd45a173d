/* The DNS servers that a host may ask, and the state of each: the time that it needs to answer, its
 * silence, and if it knows EDNS.
 *
 * Theory of operation. The list is in the order of preference. A server's rank is its smoothed time
 * to answer, or 100 ms if that is not known, so the first server is asked until another one is
 * known to be faster, or the first is slower than that; equals keep their order, IPv6 first (RFC
 * 8305 3.1). A server that is silent twice in a row is set aside for 10 s, then 20 s, up to five
 * minutes (RFC 2308 7.2): it comes behind all others, but it is asked if the others fail, too. */
#ifndef MN_DNS_SERVER_H
#define MN_DNS_SERVER_H

#include "base/base.h"
#include <mnet/address.h>

#define MN_DNS_SERVERS 8

struct mn_dns_server {
    struct mnet_address address;
    uint64_t srtt_ns, rttvar_ns; /* 0: never measured */
    uint64_t aside_until_ns;
    uint64_t plain_until_ns; /* until then it is asked without EDNS */
    uint8_t silent;          /* timeouts in a row */
};

struct mn_dns_servers {
    struct mn_dns_server list[MN_DNS_SERVERS];
    uint8_t count;
};

/* Replaces the list. Of a server that stays, everything is remembered. If there are more than
 * MN_DNS_SERVERS, the first ones count, but at least one of each family (RFC 8305 3.1). */
void mn_dns_servers_set(struct mn_dns_servers *servers, const struct mnet_address *addresses, size_t count);
/* Returns the index of the best server whose bit is not in `except`, or -1. */
int mn_dns_servers_best(const struct mn_dns_servers *servers, unsigned except, uint64_t now);
/* How long to wait for an answer. If it is the only server, longer (RFC 1035 4.2.1: it is not asked
 * again within 2 s unless its speed is known). Doubles with each `round`, up to 8 s. */
uint64_t mn_dns_server_timeout(const struct mn_dns_server *server, bool alone, unsigned round);
bool mn_dns_server_knows_edns(const struct mn_dns_server *server, uint64_t now);

/* News of a server. */
void mn_dns_server_note_answer(struct mn_dns_server *server, uint64_t rtt_ns);
void mn_dns_server_note_timeout(struct mn_dns_server *server, uint64_t now);
void mn_dns_server_note_unreachable(struct mn_dns_server *server, uint64_t now);
void mn_dns_server_note_no_edns(struct mn_dns_server *server, uint64_t now);

#endif
