/* A DHCP client (RFC 2131). Sans-IO: messages and expiries go in with the time, messages come out by being asked for, and
 * so does the lease that holds.
 *
 *               address           asks                     leads on to
 * OFF           none              nothing
 * INIT          none              nothing, until its wait  SELECTING
 *                                 is over
 * SELECTING     none              DISCOVER to everybody    REQUESTING with the first OFFER that will do
 * REQUESTING    none              REQUEST to everybody     CHECKING by ACK; INIT by NAK, or after four requests
 * CHECKING      to be probed      nothing                  BOUND when nobody else has it, INIT after a DECLINE otherwise
 * BOUND         ours              nothing                  RENEWING at T1
 * RENEWING      ours              REQUEST to the server    BOUND by ACK; INIT by NAK; REBINDING at T2
 * REBINDING     ours              REQUEST to everybody     BOUND by ACK; INIT by NAK, or at the lease's end
 * REBOOTING     ours              REQUEST to everybody,    BOUND by ACK, or if nobody answers; INIT by NAK; REQUESTING
 *                                 then DISCOVER            with an OFFER to the latter
 * RELEASED      given back        RELEASE to the server    nothing
 *
 * REBOOTING (RFC 2131 3.2, 4.4.2: INIT-REBOOT) begins when the link has come up and there is a lease: the network may be
 * another one now, or the same. The address stays in use meanwhile, so that connections outlive a cable that was out for
 * a moment. Without a lease the link's coming up begins the search anew, at once. From one start of the program to the next
 * nothing remembers an address.
 *
 * Where RFC 2131 leaves a choice, or is too slow for a machine that boots in milliseconds: the first DISCOVER goes out at
 * once (4.4.1 would wait 1 to 10 s); the first good OFFER is taken. What is not answered is sent again after 4, 8, 16,
 * 32 and then always 64 s, each a random second more or less (4.1). After a NAK, and after four requests in vain, the next
 * attempt begins likewise: the first at once, each further one later, until an address is ours; after a DECLINE never
 * sooner than after 10 s (3.1). While a lease is renewed half of the time that is left passes between requests, at least
 * 60 s (4.4.5). Answers are asked for as unicasts, which come by the narrow way of mn_ip_open_port; from the third
 * message of an exchange on as broadcasts, in case something on the way cannot.
 */
#ifndef MN_DHCP_CLIENT_H
#define MN_DHCP_CLIENT_H

#include <mnet/counters.h>

#include "base/random.h"
#include "dhcp/lease.h"

enum mn_dhcp_state {
    MN_DHCP_OFF,
    MN_DHCP_INIT,
    MN_DHCP_SELECTING,
    MN_DHCP_REQUESTING,
    MN_DHCP_CHECKING,
    MN_DHCP_BOUND,
    MN_DHCP_RENEWING,
    MN_DHCP_REBINDING,
    MN_DHCP_REBOOTING,
    MN_DHCP_RELEASED,
};

struct mn_dhcp_client {
    struct mnet_counters *counters;
    struct mn_random *random;
    struct mn_mac mac;
    uint16_t mtu; /* of the link */
    uint8_t state;
    uint8_t attempts; /* messages of this exchange sent so far; stays at 255 */
    uint8_t failures; /* attempts to get an address that came to nothing, since the last one was ours */
    uint32_t xid;
    uint64_t now;         /* of the last call */
    bool link_pending;    /* the link has come up, and nothing was sent for that yet */
    uint64_t linked_ns;   /* when something was, last; 0: never */
    uint64_t since_ns;    /* when the exchange began: leases count from there */
    uint64_t begun_ns;    /* when an address, or more time for it, was first asked for: `secs` counts from there */
    uint64_t deadline_ns; /* when to do what the state does next */
    uint16_t secs;        /* as the exchange says */
    uint8_t to_send;      /* enum mn_dhcp_type; 0: nothing */
    uint32_t serial;      /* changes whenever the lease does */
    struct mn_dhcp_lease lease;
};

/* Begins to ask for an address. */
void mn_dhcp_client_start(struct mn_dhcp_client *client, struct mnet_counters *counters, struct mn_random *random,
                          struct mn_mac mac, uint16_t mtu, uint64_t now);

/* In: a message that came to the client's port. */
void mn_dhcp_client_input(struct mn_dhcp_client *client, const void *data, size_t len, uint64_t now);

/* Out: where to, and MN_DHCP_EMIT bytes at `to`; false where there is nothing to say. A source of 0 means 0.0.0.0, a
 * destination of 0 everybody, 255.255.255.255. */
struct mn_dhcp_ends {
    uint32_t source, destination;
};
bool mn_dhcp_client_output(struct mn_dhcp_client *client, void *to, struct mn_dhcp_ends *ends);

/* The link has come up: what was known may be of another network. Asks at once, or a second after the last time. */
void mn_dhcp_client_link_up(struct mn_dhcp_client *client, uint64_t now);

/* Timers. */
void mn_dhcp_client_expire(struct mn_dhcp_client *client, uint64_t now);
uint64_t mn_dhcp_client_deadline(const struct mn_dhcp_client *client);

/* The lease whose address is to be the host's, NULL where there is none. In state CHECKING it must be probed for first,
 * and the result told; client->serial changes with whatever is in it. */
const struct mn_dhcp_lease *mn_dhcp_client_lease(const struct mn_dhcp_client *client);
/* The result for the lease in state CHECKING. */
void mn_dhcp_client_checked(struct mn_dhcp_client *client, bool in_use, uint64_t now);

/* Gives the address back (RFC 2131 4.4.6), once the last message has been asked for, and ends. The host may keep the
 * address for as long as it takes to send that message. */
void mn_dhcp_client_release(struct mn_dhcp_client *client, uint64_t now);

#endif
