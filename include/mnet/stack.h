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
#include <mnet/config.h>
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
    /* Returns the time of day as mnet_wall_clock does, or 0 if it is not known. May be NULL. */
    uint64_t (*wall)(void *context);
};

/* The configuration of a stack. All zeros is the default for every field. A stack keeps a copy. */
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

    struct mnet_ip_config ip;
    struct mnet_udp_config udp;
    struct mnet_tcp_config tcp;

    bool no_checksum_offload;     /* checksums in software, in both directions, for any device */
    bool no_segmentation_offload; /* segmentation in software, likewise */
    bool no_coalescing;           /* gives the engine received segments one by one */
};

/* Starts a stack in an environment, whose event loop drives it from here on. A field of `config`
 * that is zero is taken from the environment's standard options (--ipv4 and others, see env.h), and
 * then from the defaults. NULL stands for all zeros. On failure *stack is NULL. Errors:
 * MNET_E_INVALID, MNET_E_NO_DEVICE, MNET_E_NO_ENTROPY, MNET_E_NO_MEMORY, MNET_E_NO_ADDRESS (only
 * IPv6 is left, and the device's MTU is below 1280), and those below.
 *
 * May suspend. With ip.address_probe it waits until the address is known to be unused;
 * MNET_E_IN_USE if another station has it. While the link is down nobody can be asked: it waits 10
 * s at most, and goes on without an address, which may still come. An address of IPv6 is probed for
 * (RFC 4862 5.4) unless ip.no_dad is set, for one to two seconds. A stack with an address in
 * ip.ipv4 does not wait for IPv6. A stack that has only IPv6 waits for the address in ip.ipv6, with
 * the same error, or else 10 s at most for an address by a router's advertisement, and then goes on
 * with its link-local one. Both waits end while the link is down like that of ip.address_probe.
 * With ip.dhcp it waits until a server has given an address, so that the next call can use it. If
 * no address comes within ip.dhcp_wait_ns while the link is up, or the link is down for ten times
 * as long, it returns MNET_E_NO_ADDRESS and writes a line to the log. If IPv6 has an address by
 * then that is more than link-local, it waits 10 s at most, and goes on with that one; the lease
 * may still come. */
int mnet_stack_up(struct mnet_env *env, const struct mnet_config *config, struct mnet_stack **stack);

/* Creates a stack that the caller drives. Required are device, platform, memory and memory_size,
 * and with ip.no_ipv6 one of ip.ipv4 and ip.dhcp. With ip.dhcp, mnet_stack_ipv4 is unspecified
 * until polls have got an address. Errors are those of mnet_stack_up that need no waiting. Never
 * suspends. */
int mnet_stack_open(const struct mnet_config *config, struct mnet_stack **stack);

/* Waits until the stack has an address of either family that it may use, apart from the link-local
 * one. With ip.dhcp this is the first one, or the next one after an address was lost. When an
 * address is lost its connections end with MNET_E_NO_ADDRESS, and listeners remain. Returns 0,
 * MNET_E_IN_USE (another station has the address, and no other address can come),
 * MNET_E_DEADLINE, MNET_E_CANCELLED or MNET_E_CLOSED. Suspends. */
int mnet_stack_await_address(struct mnet_stack *stack, uint64_t deadline);

/* Waits until packets can leave for `host`, which may be a multicast group: there is a route, and
 * an own address that fits. At the start an address of IPv6 takes a while. mnet_tcp_connect,
 * mnet_udp_send and mnet_ping wait for it by themselves, unless their deadline is 0. Returns 0,
 * MNET_E_UNREACHABLE (no route, and none is awaited), MNET_E_INVALID, MNET_E_DEADLINE,
 * MNET_E_CANCELLED or MNET_E_CLOSED. Suspends. */
int mnet_stack_await_way(struct mnet_stack *stack, struct mnet_address host, uint64_t deadline);

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
    MNET_STACK_ADDRESS = 2, /* an address of either family, more than link-local, may be used */
};
/* Returns the bits of enum mnet_stack_ready that hold now. */
unsigned mnet_stack_ready(const struct mnet_stack *stack);
/* Returns a number that changes whenever the stack learns something else about its network: the
 * link, the own addresses and their states (mnet_stack_addresses), routers and networks on the
 * link, DNS servers and search names (mnet_stack_resolvers). The end of a lifetime is a change, and
 * a longer lifetime alone is none. */
uint32_t mnet_stack_changes(const struct mnet_stack *stack);
/* Waits until mnet_stack_changes returns another number than `seen`:
 *
 *     uint32_t seen = 0;
 *     while (mnet_stack_await_change(stack, seen, MNET_NEVER) == 0) {
 *         seen = mnet_stack_changes(stack);
 *         ...
 *     }
 *
 * Returns 0, MNET_E_DEADLINE, MNET_E_CANCELLED or MNET_E_CLOSED. Suspends. */
int mnet_stack_await_change(struct mnet_stack *stack, uint32_t seen, uint64_t deadline);
/* Calls `notify(context, ready)` from within mnet_stack_poll whenever mnet_stack_changes has
 * changed, with the readiness of now. NULL ends that. `notify` must only note the fact: it must not
 * call the stack. */
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
/* The state of an own address. */
enum mnet_address_state {
    MNET_ADDRESS_TENTATIVE,  /* not used yet: the stack asks whether another station has it */
    MNET_ADDRESS_PREFERRED,  /* in use */
    MNET_ADDRESS_DEPRECATED, /* in use for connections that have it (RFC 4862 5.5.4) */
    MNET_ADDRESS_DUPLICATE,  /* another station has it, so it is not used */
};
/* An own address, and how long it may be used, on the stack's clock; MNET_NEVER: without end. */
struct mnet_stack_address {
    struct mnet_prefix prefix; /* the address, and the length of its network */
    enum mnet_address_state state;
    uint64_t preferred_until_ns, valid_until_ns;
};
/* Stores the own addresses of both families, at most `max` of them. Returns how many there are,
 * which may be more. */
unsigned mnet_stack_addresses(const struct mnet_stack *stack, struct mnet_stack_address *addresses, unsigned max);
/* Fills `bytes` with `len` random bytes, good enough for keys: from a generator (ChaCha20, with
 * fast key erasure) that the platform's entropy has seeded. In a simulation they follow from its
 * seed. Never suspends. */
void mnet_stack_random(struct mnet_stack *stack, void *bytes, size_t len);
/* Returns the counters, which live as long as the stack. */
const struct mnet_counters *mnet_stack_counters(const struct mnet_stack *stack);
/* Returns the bytes of the memory budget that are in use. */
size_t mnet_stack_memory_used(const struct mnet_stack *stack);

#pragma GCC visibility pop

#endif
