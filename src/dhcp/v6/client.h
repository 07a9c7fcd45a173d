/* A DHCPv6 client (RFC 8415). Sans-IO: messages, events and expiries go in with the time. The
 * caller fetches messages, the addresses that hold, and the other configuration.
 *
 *                addresses   says                        leads on to
 *  OFF           none        nothing                     SOLICITING or INFORMING by the flags of a
 *                                                        Router Advertisement
 *  SOLICITING    none        SOLICIT                     REQUESTING by an ADVERTISE; BOUND by a
 *                                                        REPLY (Rapid Commit)
 *  REQUESTING    none, or    REQUEST to one server       BOUND by a REPLY; the next server, or
 *                those held                              SOLICITING, after ten in vain
 *  BOUND         held        nothing                     RENEWING at T1
 *  RENEWING      held        RENEW to its server         BOUND; REBINDING at T2; REQUESTING by
 *                                                        NoBinding
 *  REBINDING     held        REBIND to all servers       BOUND; SOLICITING at the end of the last
 *                                                        address; REQUESTING by NoBinding
 *  CONFIRMING    held        CONFIRM to all servers      BOUND by Success, or if nobody answers;
 *                                                        SOLICITING if all say NotOnLink
 *  DECLINING     the others  DECLINE to the server       BOUND, or SOLICITING if none is left
 *  RELEASING     none        RELEASE to the server       RELEASED by any REPLY, or after four
 *  RELEASED      none        nothing                     nothing
 *  INFORMING     none        INFORMATION-REQUEST         INFORMED by a REPLY; SOLICITING by flags
 *  INFORMED      none        nothing                     INFORMING at the refresh time
 *
 * There is one message at a time, and one identity association (IA_NA) for the one interface, with
 * up to four addresses. All messages go to ff02::1:2 from the link-local address (DHCP6-7.1-1,
 * DHCP6-17.1-1): a Server Unicast option has no effect, as in RFC 9915, which has dropped it. The
 * answer must have our transaction id and our DUID, and if one server was asked, its DUID, too.
 *
 * An address is new until the host has found out that nobody else has it; the host tells the
 * result by mn_dhcp6_client_note_check. A duplicate is declined. The others are kept.
 *
 * A failed attempt to get addresses is followed by another one after 1, 2, 4 ... 64 s, until an
 * address has turned out to be unique. All transmissions together keep to a rate (14.1), whatever
 * servers answer.
 *
 * Reconfigure is ignored: the client never offers to accept one (21.20), so there is no key to
 * check one with. Flags of Router Advertisements begin something, and end nothing: routers may
 * differ, and a lease holds until its end.
 */
#ifndef MN_DHCP6_CLIENT_H
#define MN_DHCP6_CLIENT_H

#include <mnet/counters.h>

#include "dhcp/v6/binding.h"
#include "dhcp/v6/exchange.h"

#define MN_DHCP6_OFFERS 4    /* servers of which one is chosen, and the next if that fails */
#define MN_DHCP6_DOMAINS 3   /* of the search list */
#define MN_DHCP6_EMIT 576    /* bytes of the longest message that is sent */
#define MN_DHCP6_INPUT 1452u /* bytes of the longest message in one Ethernet frame */

enum mn_dhcp6_state {
    MN_DHCP6_OFF,
    MN_DHCP6_SOLICITING,
    MN_DHCP6_REQUESTING,
    MN_DHCP6_BOUND,
    MN_DHCP6_RENEWING,
    MN_DHCP6_REBINDING,
    MN_DHCP6_CONFIRMING,
    MN_DHCP6_DECLINING,
    MN_DHCP6_RELEASING,
    MN_DHCP6_RELEASED,
    MN_DHCP6_INFORMING,
    MN_DHCP6_INFORMED,
};

struct mn_dhcp6_config {
    struct mnet_counters *counters;
    struct mn_random *random;
    struct mn_dhcpv6_duid duid; /* the same in each start of the host (DHCP6-11-4) */
    uint32_t iaid;              /* of the interface, likewise (DHCP6-12-1) */
    bool rapid_commit;          /* two messages suffice, if the server will have it so */
    unsigned burst;             /* transmissions in burst_ns; 0: as RFC 8415 14.1 suggests */
    uint64_t burst_ns;
};

/* Other configuration than addresses. */
struct mn_dhcp6_information {
    uint8_t dns_count, ntp_count, ntp_name_count, domain_count;
    struct mnet_address dns[MN_DHCPV6_DNS];         /* in the order of preference */
    struct mnet_address ntp[MN_DHCPV6_NTP];         /* likewise */
    char ntp_names[MN_DHCPV6_NTP_NAMES][MN_DOMAIN]; /* further ones by name (RFC 5908 4.3) */
    char domains[MN_DHCP6_DOMAINS][MN_DOMAIN];      /* the search list (RFC 3646 4) */
};

/* The answer of a server to SOLICIT. */
struct mn_dhcp6_offer {
    struct mn_dhcpv6_duid server;
    uint8_t preference;
    struct mn_dhcpv6_ia ia;
};

/* SOL_MAX_RT or INF_MAX_RT, which servers may set (18.2.9). */
struct mn_dhcp6_max_rt {
    uint32_t seconds;
    uint32_t offered_s; /* by an ADVERTISE of this exchange; 0: by none */
};

struct mn_dhcp6_client {
    struct mn_dhcp6_config config;
    uint64_t now; /* of the last call */
    uint8_t state;
    uint8_t failures; /* failed attempts to get an address since the last good one */
    bool to_send;
    bool refused; /* CONFIRMING: a server has said NotOnLink */
    uint32_t xid;
    struct mn_dhcp6_exchange exchange;
    struct mn_dhcp6_rate rate;
    struct mn_dhcp6_max_rt sol_max_rt, inf_max_rt;
    uint8_t offer_count;
    struct mn_dhcp6_offer offers[MN_DHCP6_OFFERS];
    struct mn_dhcpv6_duid server; /* that was chosen, or that the addresses are from */
    struct mn_dhcpv6_ia wanted;   /* REQUESTING: of the offer */
    struct mn_dhcp6_binding binding;
    struct mn_dhcp6_binding leaving; /* addresses that are being declined or released */
    struct mn_dhcp6_information information;
    uint64_t refresh_ns; /* INFORMED: when to ask again */
    uint64_t early_ns;   /* the last time that news of a router made the client ask early */
    uint32_t serial;     /* changes with every change of addresses or information */
};

/* Starts a client that does nothing yet. */
void mn_dhcp6_client_init(struct mn_dhcp6_client *client, const struct mn_dhcp6_config *config, uint64_t now);

/* The flags of a Router Advertisement (RFC 4861 4.2). Managed: there are addresses, and all else,
 * by DHCPv6; other: everything but addresses. */
void mn_dhcp6_client_note_flags(struct mn_dhcp6_client *client, bool managed, bool other, uint64_t now);

/* Receives a message for the client's port. */
void mn_dhcp6_client_input(struct mn_dhcp6_client *client, const void *data, size_t len, uint64_t now);

/* Writes a message of up to MN_DHCP6_EMIT bytes at `to`. Returns its length, or 0 if there is
 * nothing to send. */
size_t mn_dhcp6_client_output(struct mn_dhcp6_client *client, void *to);

/* The link has come up, and may lead to another network (18.2.12). */
void mn_dhcp6_client_note_link_up(struct mn_dhcp6_client *client, uint64_t now);
/* A router has announced a new prefix, or deprecated one: the client asks early, but at most every
 * 30 s (18.2.12). */
void mn_dhcp6_client_note_prefixes(struct mn_dhcp6_client *client, uint64_t now);

/* Timers. */
void mn_dhcp6_client_expire(struct mn_dhcp6_client *client, uint64_t now);
uint64_t mn_dhcp6_client_deadline(const struct mn_dhcp6_client *client);

/* The addresses that are to be the host's: client->binding. Each is checked for a duplicate when it
 * is new, and not when it is renewed. They say nothing about the prefix of the link
 * (DHCP6-18.2.10.1-7). Tells that an address is unique, or that another station has it. An address
 * that is none of the binding has no effect. */
void mn_dhcp6_client_note_check(struct mn_dhcp6_client *client, struct mnet_address address, bool duplicate,
                                uint64_t now);

/* Gives the addresses back (18.2.7). The binding is empty at once. The client sends until a server
 * has answered, or four times; state RELEASED is the end. */
void mn_dhcp6_client_release(struct mn_dhcp6_client *client, uint64_t now);

/* Asserts the invariants between two steps. */
void mn_dhcp6_client_check(const struct mn_dhcp6_client *client);

/* message.c: the message of the present state. */
void mn_dhcp6_describe(const struct mn_dhcp6_client *client, struct mn_dhcpv6 *message);

#endif
