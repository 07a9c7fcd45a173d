/* Stacks: one host's TCP/IP, on one device.
 *
 * There are two ways to run a stack. An application (`mnet_main`, see env.h) calls mnet_stack_up,
 * and the port's event loop drives the stack. Any other program calls mnet_stack_open with a
 * device, a clock, entropy and memory of its own, and drives the stack with mnet_stack_poll. Any
 * number of stacks live in one process, independent of one another.
 */
#ifndef MNET_STACK_H
#define MNET_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/counters.h>
#include <mnet/device.h>
#include <mnet/error.h>
#include <mnet/log.h>
#include <mnet/tcp.h>
#include <mnet/tcp_info.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_env;
struct mnet_stack;

/* The services of the platform that a stack needs. */
struct mnet_platform {
    /* Returns the monotonic time in nanoseconds. */
    uint64_t (*now)(void *context);
    /* Fills `buffer` with `len` unpredictable bytes. False if there is no entropy. */
    bool (*entropy)(void *context, void *buffer, size_t len);
    void *context;
};

/* A route: the router that leads to a network. */
struct mnet_route {
    struct mnet_prefix destination; /* length 0 is the default route */
    struct mnet_address gateway;    /* unspecified: the network is on the link */
};

#define MNET_ROUTES_MAX 16 /* routes of a configuration, at most */

/* The configuration of a stack. All zeros is the default for every field. A stack copies what it
 * needs. */
struct mnet_config {
    /* The network interface. The stack closes it when it ends. mnet_stack_up: default is the first
     * of the environment. */
    struct mnet_device *device;
    /* Clock and entropy. mnet_stack_up: default is the environment's. */
    struct mnet_platform platform;
    /* The region for everything that the stack allocates. mnet_stack_up: default is memory of the
     * environment. */
    void *memory;
    /* Bytes of the region. mnet_stack_up: default is 65 % of the platform's memory. */
    size_t memory_size;
    /* Default: silence. mnet_stack_up: default is the console, with errors and warnings. */
    struct mnet_log log;

    /* Own address and network, such as 10.0.0.2/24. */
    struct mnet_prefix ipv4;
    /* Get address, gateway and routes from a DHCP server instead (see dhcp.h). */
    bool dhcp;
    /* mnet_stack_up does not wait for the address. */
    bool dhcp_no_wait;
    /* How long mnet_stack_up waits for the address while the link is up. Default 30 s. While the
     * link stays down it waits 10 times as long. */
    uint64_t dhcp_wait_ns;
    /* The default router: a host of the own network, or of a route on the link. With a /32: any
     * host. */
    struct mnet_address ipv4_gateway;
    struct mnet_route routes[MNET_ROUTES_MAX];
    unsigned route_count;
    uint8_t ttl; /* of packets sent; default 64 */
    /* Probe for another user of the address before using it (RFC 5227), for about 6 s. Without this
     * an address by DHCP is probed for 0.1 s. */
    bool address_probe;
    unsigned neighbours_max;           /* default 256 */
    unsigned reassembly_datagrams_max; /* incomplete IP datagrams at a time; default 32 */
    size_t reassembly_bytes_max;       /* memory that they may pin; default 1/32 of the budget */

    /* Established connections. Default 65536, and never more than memory allows. */
    unsigned tcp_connections_max;
    /* Connections that we have closed and the peer has not. If there are more, the one that has
     * been stuck longest is reset. Default: a quarter of tcp_connections_max. */
    unsigned tcp_orphans_max;
    /* Half-open connections of all listeners. Default 1024. */
    unsigned tcp_half_open_max;
    /* TIME-WAIT records. If there is no place for one, the oldest goes. Default 16384. */
    unsigned tcp_time_wait_max;
    unsigned tcp_listeners_max; /* default 64 */
    /* The most bytes that a connection may queue for sending, and the largest receive window.
     * Within these limits buffers follow what the path takes, up and down. Default 8 MiB each, or a
     * sixteenth of the budget if that is less. */
    uint32_t tcp_send_buffer, tcp_receive_buffer;
    uint64_t tcp_msl_ns;    /* maximum segment lifetime; default 30 s, so TIME-WAIT lasts 60 s */
    uint64_t tcp_orphan_ns; /* how long FIN-WAIT-2 without a user is kept; default 60 s */
    /* R2: a connection ends if data stays unacknowledged for this time. Default 15 min. For a SYN 3
     * min. Without a user at most 100 s. */
    uint64_t tcp_user_timeout_ns;
    unsigned udp_endpoints_max; /* default 64 */
    /* Tell peers tcp_user_timeout_ns, and adapt to theirs (RFC 5482). */
    bool tcp_user_timeout_option;
    struct mnet_tcp_trace tcp_trace; /* default: no trace */
    bool tcp_no_delay;               /* connections start with Nagle's algorithm off */
    /* If the table of half-open connections is full, its oldest is given up. Default: SYN
     * cookies. */
    bool tcp_no_syn_cookies;
    /* A connection whose peer takes nothing keeps its memory, even if others find none. Default:
     * the connection that has moved least for the memory it holds is reset, with MNET_E_NO_MEMORY
     * (docs/memory.md). */
    bool tcp_no_shedding;
    bool tcp_no_plpmtud;      /* disables path-MTU probing (RFC 8899) */
    bool tcp_no_timestamps;   /* neither offers nor accepts timestamps and PAWS (RFC 7323 3) */
    bool tcp_no_sack;         /* neither offers nor accepts selective acknowledgements (RFC 2018) */
    bool tcp_no_window_scale; /* neither offers nor accepts windows above 64 KiB (RFC 7323 2) */
    /* Of connections that do not choose. Default CUBIC. */
    enum mnet_congestion tcp_congestion;
    enum mnet_ecn tcp_ecn; /* default passive */

    bool no_checksum_offload;     /* checksums in software, in both directions, for any device */
    bool no_segmentation_offload; /* segmentation in software, likewise */
    bool no_coalescing;           /* gives the engine received segments one by one */
};

/* Starts a stack in an environment, whose event loop drives it from here on. A field of `config`
 * that is zero is taken from the environment's standard options (--ipv4 and others, see env.h), and
 * then from the defaults. NULL stands for all zeros. On failure *stack is NULL. Errors:
 * MNET_E_INVALID, MNET_E_NO_DEVICE, MNET_E_NO_ENTROPY, MNET_E_NO_MEMORY, and those below.
 *
 * May suspend. With address_probe it waits until the address is known to be unused; MNET_E_IN_USE
 * if another station has it. With dhcp it waits until a server has given an address, so that the
 * next call can use it. If no address comes within dhcp_wait_ns while the link is up, or the link
 * is down for ten times as long, it returns MNET_E_NO_ADDRESS and writes a line to the log. */
int mnet_stack_up(struct mnet_env *env, const struct mnet_config *config, struct mnet_stack **stack);

/* Creates a stack that the caller drives. Required are device, platform, memory, memory_size, and
 * either ipv4 or dhcp. With dhcp, mnet_stack_ipv4 is unspecified until polls have got an address.
 * Never suspends. */
int mnet_stack_open(const struct mnet_config *config, struct mnet_stack **stack);

/* Waits until the stack has an address that it may use. With dhcp this is the first one, or the
 * next one after an address was lost. When an address is lost its connections end with
 * MNET_E_NO_ADDRESS, and listeners remain. Returns 0, MNET_E_IN_USE (address_probe without dhcp:
 * another station has the address), MNET_E_DEADLINE, MNET_E_CANCELLED or MNET_E_CLOSED.
 * Suspends. */
int mnet_stack_await_address(struct mnet_stack *stack, uint64_t deadline);

/* Returns true if frames can pass the stack's device, as of the last poll, or if the device cannot
 * tell.
 *
 * When the link comes up, the stack asks for its neighbours anew and announces its own address
 * again. DHCP asks at once: for a lease if there is none, otherwise whether the lease still holds
 * (docs/dhcp.md). When the link goes down, the stack does nothing: connections live as long as
 * their timeouts allow. */
bool mnet_stack_link_up(const struct mnet_stack *stack);
/* Waits until the link is up, or down if `up` is false. Returns 0, MNET_E_DEADLINE,
 * MNET_E_CANCELLED or MNET_E_CLOSED. Suspends. */
int mnet_stack_await_link(struct mnet_stack *stack, bool up, uint64_t deadline);

/* The readiness of a stack, as bits. */
enum mnet_stack_ready {
    MNET_STACK_LINK = 1,    /* frames can pass: mnet_stack_link_up */
    MNET_STACK_ADDRESS = 2, /* an address may be used: mnet_stack_ipv4 is specified */
};
/* Returns the bits of enum mnet_stack_ready that hold now. */
unsigned mnet_stack_ready(const struct mnet_stack *stack);
/* Calls `notify(context, ready)` from within mnet_stack_poll whenever one of these bits changes.
 * NULL ends that. `notify` must only note the fact: it must not call the stack. */
void mnet_stack_notify(struct mnet_stack *stack, void (*notify)(void *context, unsigned ready), void *context);

/* Ends a stack at once. Every blocked task wakes with MNET_E_CLOSED, and the device is closed. All
 * connections are reset, closed ones that still deliver included. A program that returns from
 * mnet_main instead gives those up to 2 s to finish. An address by DHCP is released if the server's
 * link address is known. A program that returns from mnet_main first asks for that address.
 *
 * The handle of the stack is invalid afterwards. Handles of flows, listeners and endpoints are not:
 * calls on them return MNET_E_CLOSED, reads only after the received data. They must be closed as
 * always, and all memory returns with the last of them. The caller of mnet_stack_open may instead
 * take the region back and forget the handles. Never suspends. */
void mnet_stack_down(struct mnet_stack *stack);

/* Does all work that is due: takes a bounded number of received frames, runs expired timers, and
 * sends what may be sent. `now` is the time on the platform's clock and never goes back. Returns
 * true if work is left that needs another call at once. Never suspends. */
bool mnet_stack_poll(struct mnet_stack *stack, uint64_t now);
/* Returns the time of the next call of mnet_stack_poll that is necessary if no frame arrives.
 * MNET_NEVER if nothing is pending. */
uint64_t mnet_stack_deadline(struct mnet_stack *stack);
/* Returns a descriptor for poll(2) that is readable if a frame waits. -1 if the port has none. */
int mnet_stack_fd(const struct mnet_stack *stack);

/* Returns the stack's own view of the time: that of the last poll. */
uint64_t mnet_stack_now(const struct mnet_stack *stack);
/* Returns the largest IP packet in bytes: the device's, or the value of DHCP if that is less. */
uint16_t mnet_stack_mtu(const struct mnet_stack *stack);
/* Returns the stack's own IPv4 address. Unspecified while it has none. */
struct mnet_address mnet_stack_ipv4(const struct mnet_stack *stack);
/* Returns the counters, which live as long as the stack. */
const struct mnet_counters *mnet_stack_counters(const struct mnet_stack *stack);
/* Returns the bytes of the memory budget that are in use. */
size_t mnet_stack_memory_used(const struct mnet_stack *stack);

#pragma GCC visibility pop

#endif
