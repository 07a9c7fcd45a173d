/* A DHCP client (RFC 2131). Sans-IO: messages and expiries go in with the time. The caller fetches
 * messages, and the lease that holds.
 *
 *                address       asks                    leads on to
 *  OFF           none          nothing
 *  INIT          none          nothing                 SELECTING after its wait
 *  SELECTING     none          DISCOVER to everybody   REQUESTING by the first good OFFER
 *  REQUESTING    none          REQUEST to everybody    CHECKING by ACK; INIT by NAK, or after
 *                                                      four requests
 *  CHECKING      to be probed  nothing                 BOUND if nobody else has it; otherwise
 *                                                      INIT after a DECLINE
 *  BOUND         ours          nothing                 RENEWING at T1
 *  RENEWING      ours          REQUEST to the server   BOUND by ACK; INIT by NAK; REBINDING at T2
 *  REBINDING     ours          REQUEST to everybody    BOUND by ACK; INIT by NAK, or at the
 *                                                      lease's end
 *  REBOOTING     ours          REQUEST to everybody,   BOUND by ACK, or if nobody answers; INIT
 *                              then DISCOVER           by NAK; REQUESTING by an OFFER
 *  RELEASED      given back    RELEASE to the server   nothing
 *
 * REBOOTING (RFC 2131 3.2, 4.4.2: INIT-REBOOT) begins when the link comes up and there is a lease:
 * the network may be the same or another one. The address stays in use meanwhile, so connections
 * survive a cable that was out for a moment. Without a lease the search begins anew, at once, when
 * the link comes up. No address is remembered from one start of the program to the next.
 *
 * RFC 2131 leaves some choices, and is too slow in others for a machine that boots in milliseconds.
 * The first DISCOVER is sent at once (4.4.1 would wait 1 to 10 s), and the first good OFFER is
 * taken. A message without an answer is sent again after 4, 8, 16, 32 and then always 64 s, each
 * plus or minus a random second (4.1). After a NAK, and after four requests in vain, the next
 * attempt follows the same rule: the first at once, each further one later, until an address is
 * bound. After a DECLINE it never begins before 10 s (3.1). While a lease is being renewed, half of
 * the time left passes between requests, at least 60 s (4.4.5). The client asks for unicast
 * answers, which arrive through mn_ip_open_port. From the third message of an exchange on it asks
 * for broadcasts, in case the path cannot deliver unicasts.
 */
#ifndef MN_DHCP_CLIENT_H
#define MN_DHCP_CLIENT_H

#include <mnet/counters.h>

#include "base/random.h"
#include "dhcp/v4/lease.h"

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
    uint8_t attempts; /* messages of this exchange so far; stays at 255 */
    uint8_t failures; /* failed attempts to get an address since the last one was bound */
    uint32_t xid;
    uint64_t now;       /* of the last call */
    bool link_pending;  /* the link has come up, and no message was sent for it yet */
    uint64_t linked_ns; /* time of the last such message; 0: never */
    uint64_t since_ns;  /* beginning of the exchange, from which leases count */
    /* Time of the first request for an address, or for more time, from which `secs` counts. */
    uint64_t begun_ns;
    uint64_t deadline_ns; /* time of the state's next action */
    uint16_t secs;        /* value of this exchange */
    uint8_t to_send;      /* enum mn_dhcp_type; 0: nothing */
    uint32_t serial;      /* changes with every change of the lease */
    struct mn_dhcp_lease lease;
};

/* Begins to ask for an address. */
void mn_dhcp_client_start(struct mn_dhcp_client *client, struct mnet_counters *counters, struct mn_random *random,
                          struct mn_mac mac, uint16_t mtu, uint64_t now);

/* Receives a message for the client's port. */
void mn_dhcp_client_input(struct mn_dhcp_client *client, const void *data, size_t len, uint64_t now);

/* Stores the ends and MN_DHCP_EMIT bytes at `to`. Returns false if there is nothing to send. A
 * source of 0 means 0.0.0.0, a destination of 0 the broadcast address, 255.255.255.255. */
struct mn_dhcp_ends {
    uint32_t source, destination;
};
bool mn_dhcp_client_output(struct mn_dhcp_client *client, void *to, struct mn_dhcp_ends *ends);

/* The link has come up, and may lead to another network. Asks at once, or a second after the last
 * time. */
void mn_dhcp_client_note_link_up(struct mn_dhcp_client *client, uint64_t now);

/* Timers. */
void mn_dhcp_client_expire(struct mn_dhcp_client *client, uint64_t now);
uint64_t mn_dhcp_client_deadline(const struct mn_dhcp_client *client);

/* Returns the lease whose address is to be the host's, or NULL if there is none. In state CHECKING
 * the host must probe the address first, and tell the result. client->serial changes with the
 * contents of the lease. */
const struct mn_dhcp_lease *mn_dhcp_client_lease(const struct mn_dhcp_client *client);
/* Tells the result of probing the address of the lease in state CHECKING. */
void mn_dhcp_client_note_check(struct mn_dhcp_client *client, bool in_use, uint64_t now);

/* Gives the address back (RFC 2131 4.4.6) and ends, after the last message has been fetched. The
 * host may keep the address until that message is sent. */
void mn_dhcp_client_release(struct mn_dhcp_client *client, uint64_t now);

#endif
