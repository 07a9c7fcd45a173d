/* DHCP messages (RFC 2131 section 2, RFC 2132), which travel in UDP.
 *
 * Options may be spread over the options field, `file` and `sname` (option overload, RFC 2132 9.3),
 * and one option over several pieces, which are joined first (RFC 3396). An option whose length or
 * value is impossible counts as not there: in the structure below an absent option is zero.
 */
#ifndef MN_DHCP_WIRE_H
#define MN_DHCP_WIRE_H

#include "wire/ethernet.h"
#include "wire/wire.h"

#define MN_DHCP_SERVER_PORT 67
#define MN_DHCP_CLIENT_PORT 68

/* The size that mn_dhcp_emit writes: the least that BOOTP relays must pass on (RFC 1542 2.1). */
#define MN_DHCP_EMIT 300
/* The largest message that fits the usual Ethernet packet; larger ones never come to a client that
 * says so (option 57). */
#define MN_DHCP_MESSAGE_MAX 1472

#define MN_DHCP_ROUTERS 4
#define MN_DHCP_DNS 3
#define MN_DHCP_NTP 3
#define MN_DHCP_ROUTES 16
#define MN_DHCP_DOMAIN 256    /* with the terminating zero */
#define MN_DHCP_CLIENT_ID 7   /* RFC 2132 9.14: hardware type and address */
#define MN_DHCP_PARAMETERS 10 /* options that clients ask for */

enum mn_dhcp_operation {
    MN_DHCP_BOOTREQUEST = 1,
    MN_DHCP_BOOTREPLY = 2,
};

/* RFC 2132 9.6 */
enum mn_dhcp_type {
    MN_DHCP_DISCOVER = 1,
    MN_DHCP_OFFER = 2,
    MN_DHCP_REQUEST = 3,
    MN_DHCP_DECLINE = 4,
    MN_DHCP_ACK = 5,
    MN_DHCP_NAK = 6,
    MN_DHCP_RELEASE = 7,
    MN_DHCP_INFORM = 8,
};

struct mn_dhcp_route {
    uint32_t network; /* host order, as are all addresses here */
    uint8_t length;   /* of the prefix, 0..32 */
    uint32_t gateway; /* 0: on the link */
};

struct mn_dhcp {
    uint8_t operation; /* enum mn_dhcp_operation */
    uint8_t type;      /* enum mn_dhcp_type; 0: none, a message of BOOTP */
    uint32_t xid;
    uint16_t secs;
    bool broadcast; /* the server is to broadcast its answer */
    uint32_t ciaddr, yiaddr;
    struct mn_mac chaddr;
    /* Options that both sides send. */
    uint32_t server_id;
    uint8_t client_id_len; /* the whole length, of which at most so many bytes are kept: */
    uint8_t client_id[MN_DHCP_CLIENT_ID];
    /* Of clients. */
    uint32_t requested_ip;
    uint16_t message_max; /* the largest IP packet with a message that the client takes */
    bool wants_parameters;
    /* Of servers. */
    uint32_t subnet_mask;
    uint32_t lease_s, t1_s, t2_s;
    uint16_t mtu;
    uint8_t router_count, dns_count, ntp_count, route_count;
    uint32_t routers[MN_DHCP_ROUTERS];
    uint32_t dns[MN_DHCP_DNS];
    uint32_t ntp[MN_DHCP_NTP];
    struct mn_dhcp_route routes[MN_DHCP_ROUTES]; /* RFC 3442 */
    char domain[MN_DHCP_DOMAIN];                 /* letters, digits, '-', '_' and '.' */
};

/* TRUNCATED for less than the fixed part and the magic cookie, INVALID if it is no message of DHCP
 * or BOOTP over Ethernet, or if an option goes beyond the end of its field. */
enum mn_parse mn_dhcp_parse(const void *data, size_t len, struct mn_dhcp *message);

/* Writes the MN_DHCP_EMIT bytes of a client's message: the fixed part, the options that both sides
 * and clients send, and if it wants parameters the list of those that mn_dhcp_parse reads. */
void mn_dhcp_emit(void *to, const struct mn_dhcp *message);

#endif
