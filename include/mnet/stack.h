/* Stacks: one host's TCP/IP, on one device.
 *
 * There are two ways to run one. An application (`mnet_main`, see env.h) calls mnet_stack_up, and the port's event loop drives
 * it. Anything else calls mnet_stack_open with a device, a clock, entropy and memory of its own, and drives it with
 * mnet_stack_poll. Any number of stacks live in one process, independent of one another.
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

/* What a stack needs of the world. */
struct mnet_platform {
    /* Monotonic time in nanoseconds. */
    uint64_t (*now)(void *context);
    /* Fills `buffer` with `len` unpredictable bytes; false where there is no entropy. */
    bool (*entropy)(void *context, void *buffer, size_t len);
    void *context;
};

/* A route: which router leads to a network. */
struct mnet_route {
    struct mnet_prefix destination; /* length 0 is the default route */
    struct mnet_address gateway;    /* unspecified: on the link */
};

#define MNET_ROUTES_MAX 16 /* routes of a configuration, at most */

/* Everything that can be set. All zeros is the default for every field; a stack copies what it needs. */
struct mnet_config {
    struct mnet_device *device;    /* mnet_stack_up: default is the environment's first. Closed when the stack ends */
    struct mnet_platform platform; /* mnet_stack_up: the environment's */
    void *memory;                  /* the region for everything; mnet_stack_up: taken from the environment */
    size_t memory_size;            /* its bytes; mnet_stack_up: default is 65 % of what the platform has */
    struct mnet_log log;           /* default: silence; mnet_stack_up: the console, errors and warnings */

    struct mnet_prefix ipv4; /* own address and network, 10.0.0.2/24 */
    bool dhcp;               /* instead of address, gateway and routes: ask a DHCP server (see dhcp.h) */
    bool dhcp_no_wait;       /* mnet_stack_up does not wait for the address */
    uint64_t dhcp_wait_ns;   /* how long it does, with the link up; default 30 s. A link that stays down: 10 times */
    struct mnet_address ipv4_gateway; /* another host of the network, or of a route on the link; with a /32 any host */
    struct mnet_route routes[MNET_ROUTES_MAX];
    unsigned route_count;
    uint8_t ttl;                       /* of packets sent; default 64 */
    bool address_probe;                /* probe for another user of the address before using it (RFC 5227), about 6 s;
                                        * addresses by DHCP are otherwise probed for in 0.1 s */
    unsigned neighbours_max;           /* default 256 */
    unsigned reassembly_datagrams_max; /* IP datagrams being put together at a time; default 32 */
    size_t reassembly_bytes_max;       /* memory they may pin; default 1/32 of the budget */

    unsigned tcp_connections_max; /* established connections; default 65536, and never more than memory allows */
    unsigned
        tcp_orphans_max; /* closed by us and not yet by the peer; the longest stuck is reset; default: a quarter of connections */
    unsigned tcp_half_open_max; /* SYNs received and not yet established, of all listeners; default 1024 */
    unsigned tcp_time_wait_max; /* TIME-WAIT records; the oldest goes when full; default 16384 */
    unsigned tcp_listeners_max; /* default 64 */
    /* Buffers grow by themselves with what the path takes, and back, up to these: bytes a connection may queue, and the largest receive
     * window; default 8 MiB each, or a sixteenth of the budget. */
    uint32_t tcp_send_buffer, tcp_receive_buffer;
    uint64_t tcp_msl_ns;    /* maximum segment lifetime; default 30 s, so TIME-WAIT lasts 60 s */
    uint64_t tcp_orphan_ns; /* how long FIN-WAIT-2 without a user is kept; default 60 s */
    uint64_t
        tcp_user_timeout_ns; /* R2: unacknowledged data gives up after this; default 15 min; for SYNs 3 min; without a user 100 s at most */
    unsigned udp_endpoints_max;      /* default 64 */
    bool tcp_user_timeout_option;    /* tell peers tcp_user_timeout_ns, and adapt to theirs (RFC 5482) */
    struct mnet_tcp_trace tcp_trace; /* default: nobody traces */
    bool tcp_no_delay;               /* connections start with Nagle's algorithm off */
    bool tcp_no_syn_cookies; /* a full table of half-open connections gives up its oldest (default: SYN cookies) */
    bool
        tcp_no_shedding; /* a connection whose peer takes nothing keeps its memory even if others find none (default: the
                               * one that has moved least for what it holds is reset, MNET_E_NO_MEMORY; docs/memory.md) */
    bool tcp_no_plpmtud;      /* a path that swallows large packets in silence is not looked for (RFC 8899) */
    bool tcp_no_timestamps;   /* neither offered nor agreed to: timestamps and PAWS (RFC 7323 3) ... */
    bool tcp_no_sack;         /* ... selective acknowledgements (RFC 2018) ... */
    bool tcp_no_window_scale; /* ... windows above 64 KiB (RFC 7323 2) */
    enum mnet_congestion tcp_congestion; /* of connections that do not say; default CUBIC */
    enum mnet_ecn tcp_ecn;               /* default passive */

    bool no_checksum_offload;     /* do checksums in software even where the device could; either direction ... */
    bool no_segmentation_offload; /* ... and segmentation */
    bool no_coalescing;           /* give the engine received segments one by one */
};

/* Starts a stack on an environment: `config` fields that are zero come from the environment's standard options (--ipv4=..., see env.h),
 * then from the defaults; NULL means all of them. The event loop drives it from here on. On failure *stack is NULL.
 * MNET_E_INVALID, MNET_E_NO_DEVICE, MNET_E_NO_ENTROPY, MNET_E_NO_MEMORY. May suspend: with address_probe until the address is ours
 * (MNET_E_IN_USE where it is not); with dhcp until a server has given one, so that what follows can use it (MNET_E_NO_ADDRESS, and a line in
 * the log, where none has within dhcp_wait_ns of the link's being up, or the link has been down for ten times as long). */
int mnet_stack_up(struct mnet_env *env, const struct mnet_config *config, struct mnet_stack **stack);

/* Creates a stack that the caller drives. device, platform, memory, memory_size and one of ipv4 and dhcp are required. Never suspends: with dhcp,
 * mnet_stack_ipv4 is unspecified until polls have got an address. */
int mnet_stack_open(const struct mnet_config *config, struct mnet_stack **stack);

/* Waits until the stack has an address that it may use: with dhcp the first one, or another one after that was lost (then its connections
 * end with MNET_E_NO_ADDRESS; listeners remain). 0, MNET_E_IN_USE (address_probe without dhcp: another station has it), MNET_E_DEADLINE,
 * MNET_E_CANCELLED, MNET_E_CLOSED. Suspends. */
int mnet_stack_await_address(struct mnet_stack *stack, uint64_t deadline);

/* Whether frames can pass the stack's device, as its last poll saw it; true if the device cannot tell. What a stack does
 * when its link comes up: neighbours are asked for anew, an own address is announced again, and DHCP asks at once, without
 * a lease for one, with one whether it still holds (docs/dhcp.md). When it goes down, nothing: connections outlive it as
 * long as their timeouts allow. */
bool mnet_stack_link_up(const struct mnet_stack *stack);
/* Waits until the link is up, or with `up` false until it is down. 0, MNET_E_DEADLINE, MNET_E_CANCELLED, MNET_E_CLOSED.
 * Suspends. */
int mnet_stack_await_link(struct mnet_stack *stack, bool up, uint64_t deadline);

/* Bits of what a stack has. */
enum mnet_stack_ready {
    MNET_STACK_LINK = 1,    /* mnet_stack_link_up */
    MNET_STACK_ADDRESS = 2, /* an address that may be used: mnet_stack_ipv4 is specified */
};
unsigned mnet_stack_ready(const struct mnet_stack *stack);
/* Asks for `notify(context, ready)` from within mnet_stack_poll when any of that has come or gone; NULL ends it. It must
 * only note the fact, not call into the stack. */
void mnet_stack_notify(struct mnet_stack *stack, void (*notify)(void *context, unsigned ready), void *context);

/* Ends a stack at once: every blocked task wakes with MNET_E_CLOSED, connections are reset, also those that were closed and still have
 * data to deliver (a program that returns from mnet_main instead lets them finish, for 2 s at most), and the device is closed. The
 * stack's handle is invalid afterwards. Flows, listeners and endpoints are not: calls on them give MNET_E_CLOSED (reads: after what
 * had arrived), and they are closed as ever; with the last of them all memory returns (with mnet_stack_open: the caller may take
 * the region back and forget them). An address by DHCP is given back, if the server's link address is known; a program that returns
 * from mnet_main asks for that first. Never suspends. */
void mnet_stack_down(struct mnet_stack *stack);

/* Does what is due: takes received frames (a bounded number), runs expired timers, sends what may be sent. `now` is the time on the
 * platform's clock and never goes back. Returns true when work is left that needs another call at once. Never suspends. */
bool mnet_stack_poll(struct mnet_stack *stack, uint64_t now);
/* When mnet_stack_poll must be called again at the latest if no frame arrives; MNET_NEVER where nothing is pending. */
uint64_t mnet_stack_deadline(struct mnet_stack *stack);
/* A descriptor for poll(2), readable when a frame waits; -1 where the port has none. */
int mnet_stack_fd(const struct mnet_stack *stack);

/* The stack's own view of the time: that of the last poll. */
uint64_t mnet_stack_now(const struct mnet_stack *stack);
/* The largest IP packet of its device, or what DHCP says if that is less, and its own IPv4 address (unspecified while it has none). */
uint16_t mnet_stack_mtu(const struct mnet_stack *stack);
struct mnet_address mnet_stack_ipv4(const struct mnet_stack *stack);
const struct mnet_counters *mnet_stack_counters(const struct mnet_stack *stack);
/* Bytes of the memory budget in use. */
size_t mnet_stack_memory_used(const struct mnet_stack *stack);

#pragma GCC visibility pop

#endif
