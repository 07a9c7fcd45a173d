/* A stack that asks DHCPv6 servers (RFC 8415): the client wired to ip and UDP. Driven by polls; no
 * task. */
#ifndef MN_STACK_DHCP6_H
#define MN_STACK_DHCP6_H

#include "base/logger.h"
#include "dhcp/v6/client.h"
#include "udp/udp.h"

struct mnet_stack;

/* An address of the lease, and whether the client knows that it is unique. */
struct mn_stack_dhcp6_address {
    struct mnet_address address;
    bool checked;
};

struct mn_stack_dhcp6 {
    bool wanted; /* by the configuration */
    bool runs;   /* client and endpoint are there: the network has told of DHCPv6, or of nothing */
    struct mn_dhcp6_client client;
    struct mn_udp_endpoint endpoint;
    uint64_t due_ns;            /* deadline of the client; MNET_NEVER: none */
    uint32_t serial;            /* client.serial that users of the stack have been told of */
    uint32_t prefixes;          /* mn_ip_prefix_changes that the client has been told of */
    uint64_t release_before_ns; /* the end of the stack waits so long for the answer to RELEASE */
    struct mn_log_limit log_limit;
    uint8_t address_count;
    struct mn_stack_dhcp6_address addresses[MN_DHCP6_ADDRESSES]; /* that ip has been told of */
};

/* Makes the stack ask as soon as its network has told how. */
void mn_stack_dhcp6_start(struct mnet_stack *stack);
/* The endpoint has become readable. */
void mn_stack_dhcp6_input(struct mnet_stack *stack);
/* The time due_ns has come. */
void mn_stack_dhcp6_expire(struct mnet_stack *stack);
/* Own addresses, routers or prefixes have changed. */
void mn_stack_dhcp6_follow(struct mnet_stack *stack);
/* The device's link has come up. */
void mn_stack_dhcp6_note_link_up(struct mnet_stack *stack);
/* Gives the addresses back. Returns true while a server may still answer to that. */
bool mn_stack_dhcp6_wind_down(struct mnet_stack *stack);
/* The same without waiting, for the stack ends now. */
void mn_stack_stop_dhcp6(struct mnet_stack *stack);

#endif
