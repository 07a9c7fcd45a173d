/* A stack that has its address from a DHCP server: the client wired to ip, UDP and TCP. Polls drive
 * it; there is no task. */
#ifndef MN_STACK_DHCP_H
#define MN_STACK_DHCP_H

#include "base/logger.h"
#include "dhcp/v4/client.h"
#include "udp/udp.h"

struct mnet_stack;

struct mn_stack_dhcp {
    struct mn_dhcp_client client; /* OFF in a stack with an address of its own */
    struct mn_udp_endpoint endpoint;
    uint32_t applied;          /* client.serial as ip knows it */
    uint32_t address;          /* the one that ip was told to use; 0: none */
    struct mn_dhcp_lease told; /* the lease that users of the stack know of; zeroed: none */
    struct mn_log_limit log_limit;
    uint64_t release_before_ns; /* the end of the stack waits so long for the RELEASE to leave */
};

/* Begins to ask for an address. 0 or MNET_E_LIMIT. */
int mn_stack_dhcp_start(struct mnet_stack *stack);
/* The endpoint has become readable. */
void mn_stack_dhcp_input(struct mnet_stack *stack);
/* After ip's timers, unless the client is OFF. */
void mn_stack_dhcp_expire(struct mnet_stack *stack);
/* The device's link has come up. */
void mn_stack_dhcp_note_link_up(struct mnet_stack *stack);
/* Gives the address back, once; true while the message that says so waits to be sent. */
bool mn_stack_dhcp_wind_down(struct mnet_stack *stack);
/* The same without waiting, for the stack ends now. */
void mn_stack_stop_dhcp(struct mnet_stack *stack);

#endif
