/* A stack from the inside: the layers of one host wired together. This folder is the only place
 * that knows both the engines and tasks. */
#ifndef MN_STACK_H
#define MN_STACK_H

#include <mnet/stack.h>
#include <mnet/tcp.h>
#include <mnet/udp.h>

#include "base/pool.h"
#include "base/random.h"
#include "ip/ip.h"
#include "stack/block.h"
#include "stack/config.h"
#include "stack/dhcp.h"
#include "stack/dhcp6.h"
#include "stack/notify.h"
#include "stack/offload.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

struct mn_loop;
struct mn_stack_names;
struct mn_stack_sntp;

/* A part of a stack that only programs which use it have in their image. */
struct mn_service {
    void (*run)(struct mnet_stack *stack); /* after events, and when its time has come */
    uint64_t (*deadline)(const struct mnet_stack *stack);
    void (*end)(struct mnet_stack *stack); /* before handles are closed */
};

#define MN_BATCH 32                               /* frames given or taken at a time */
#define MN_RX_BUDGET (8 * MN_BATCH)               /* frames a poll takes at most */
#define MN_TX_RETRY_NS (50 * MNET_MICROSECOND)    /* a full device is asked again after this */
#define MN_MEMORY_RETRY_NS (5 * MNET_MILLISECOND) /* between attempts of a writer short of memory */
#define MN_MEMORY_RETRIES 200                     /* attempts, then the write fails */

/* How long an address by a router's advertisement may take after the start: up to 2 s each for the
 * detection of duplicates of the link-local address and of this one (RFC 4862 5.4), and 3.5 s for a
 * router that has advertised itself a moment ago (RFC 4861 6.2.6). */
#define MN_ROUTERS_PATIENCE (10 * MNET_SECOND)

struct mnet_stack {
    struct mnet_config config;  /* complete: defaults filled in */
    struct mnet_env *env;       /* NULL for a stack driven by its user */
    struct mn_loop *loop;       /* likewise */
    struct mnet_link loop_link; /* of the loop's stacks, or of the environment's ended ones */
    struct mnet_memory *memory;
    struct mnet_device *device;
    uint16_t zone; /* of the device */
    void *region;  /* taken from the environment, to be returned; NULL otherwise */
    struct mnet_counters counters;
    struct mn_random random;
    struct mn_ip ip;
    const struct mn_service *names_service; /* DNS (dns.h); NULL until a program uses it */
    struct mn_stack_names *names;           /* likewise, and NULL once the stack has ended */
    const struct mn_service *sntp_service;  /* SNTP (sntp.c), likewise */
    struct mn_stack_sntp *sntp;
    uint64_t (*wall)(const struct mnet_stack *stack); /* of SNTP: time of day, or 0; NULL: none */
    struct mn_losers losers;                          /* mnet_tcp_connect_any tries them last */
    struct mn_tcp *tcp;
    struct mn_udp udp;
    struct mn_stack_dhcp dhcp;
    struct mn_stack_dhcp6 dhcp6;
    struct mn_pool flow_pool, deferred_pool, listener_pool, udp_pool;
    struct mnet_link listeners, endpoints; /* all there are; flows are found by their tcbs */
    struct mnet_link congested;            /* struct mnet_udp: waiting for the device */
    struct mnet_link short_deferred;       /* struct mn_deferred: found no memory */
    struct mnet_link probers;              /* struct mn_blocked: wait for mnet_stack_changes */
    struct mnet_link pingers;              /* struct mn_blocked: wait for an echo reply */
    uint32_t changes;                      /* of the link and of DHCP; those of ip are not in it */
    uint32_t told;                         /* mnet_stack_changes that those who wait were told of */
    uint64_t now;
    uint64_t due;     /* find_due of poll.c; 0: not asked since the last mn_stack_transmit */
    bool work;        /* something was done that a poll must follow up */
    bool link_down;   /* the device's, as the last poll saw it, ... */
    uint64_t link_ns; /* ... and since when */
    void (*notify)(void *context, unsigned ready);
    void *notify_context;
    bool rx_failed;              /* the device's failure was logged, and lasts */
    bool ended;                  /* down; goes with its last handle */
    uint32_t device_offload;     /* of frames sent: what is left to the device */
    struct mnet_packet *cutting; /* a large frame that is being cut into segments; NULL: none */
    struct mn_segmenter segmenter;
    unsigned steps; /* of mn_stack_check */
    unsigned pending_count;
    struct mnet_packet *pending[MN_BATCH]; /* frames that the device has not taken yet, in order */
};

/* Bytes of write_now that follow a write in progress: there while there are some. */
struct mn_deferred {
    struct mnet_link link; /* in short_deferred */
    struct mnet_flow *flow;
    struct mn_packet_queue packets;
};

struct mnet_flow {
    struct mnet_stack *stack;
    struct mn_tcb *tcb;           /* whose owner this is */
    struct mnet_link waiters;     /* struct mn_blocked: all that wait, but those in write */
    struct mnet_link writers;     /* struct mn_blocked: in write, the one in turn first */
    struct mn_deferred *deferred; /* NULL: none */
    bool opening;                 /* inside a call that connects: no program has the handle yet */
    struct mn_notify notify;
};

struct mnet_listener {
    struct mnet_stack *stack;
    struct mn_listener *engine; /* NULL once the stack is down */
    struct mnet_link link;
    struct mnet_link acceptors; /* struct mn_blocked: served in order */
    struct mn_notify notify;
};

struct mnet_udp {
    struct mnet_stack *stack;
    struct mn_udp_endpoint engine;
    struct mnet_link link;
    struct mnet_link receivers; /* struct mn_blocked: the first gets the next datagram */
    struct mnet_link senders;   /* struct mn_blocked: waiting for the device, or a source */
    struct mnet_link congested; /* of the stack: told when the device takes frames again */
    struct mn_notify notify;
};

/* A handle must be one, and not be closed: a closed one is noticed as long as its memory serves
 * nothing else. */
#define MN_REQUIRE_FLOW(flow) \
    (MN_REQUIRE((flow) != NULL, "the flow is NULL"), MN_REQUIRE((flow)->tcb != NULL, "the flow is closed"))
#define MN_REQUIRE_LISTENER(listener) \
    (MN_REQUIRE((listener) != NULL, "the listener is NULL"), \
     MN_REQUIRE(mn_list_linked(&(listener)->link), "the listener is closed"))
#define MN_REQUIRE_UDP(udp) \
    (MN_REQUIRE((udp) != NULL, "the endpoint is NULL"), \
     MN_REQUIRE(mn_list_linked(&(udp)->link), "the endpoint is closed"))

/* wall.c */

/* Tells the log the time of day that the stack begins with. */
void mn_wall_tell(const struct mnet_stack *stack);

/* stack.c */

/* mnet_stack_open for a stack that `loop` and `env` drive (NULL: nobody). */
int mn_stack_create(const struct mnet_config *config, struct mnet_env *env, struct mn_loop *loop,
                    struct mnet_stack **stack);
/* Closes what the program left open, so that it can end in order, and says whether connections are
 * still being closed. */
bool mn_stack_wind_down(struct mnet_stack *stack);

/* Frees a stack that has ended, once its user has closed everything; whoever frees a handle calls
 * this last. */
void mn_stack_release(struct mnet_stack *stack);
/* The same for the end of a program, which takes all handles with it. */
void mn_stack_abandon(struct mnet_stack *stack);

/* mnet_stack_changes */
static inline uint32_t mn_stack_changes(const struct mnet_stack *stack)
{
    return mn_ip_changes(&stack->ip) + stack->changes;
}

/* poll.c */

/* Every public call begins with enter, which brings stack->now up to date outside tasks, and ends
 * with leave where it may have caused output: outside the stack's own loop it is sent at once,
 * inside tasks the loop sends it after a batch of tasks. */
void mn_stack_enter(struct mnet_stack *stack);
void mn_stack_leave(struct mnet_stack *stack);
/* For the loop, after a batch of tasks: sends what they have queued; true when there is work left.
 * */
bool mn_stack_flush(struct mnet_stack *stack);
/* Sends what may be sent, as far as the device takes it. */
void mn_stack_transmit(struct mnet_stack *stack);
/* Whether frames wait for the device, or for memory to cut them. */
bool mn_stack_congested(const struct mnet_stack *stack);

/* tcp_calls.c, tcp_write.c, udp_calls.c */

/* Checks a connection request before anything is done, and takes the zones off its ends. Returns 0,
 * MNET_E_INVALID, or MNET_E_UNREACHABLE if the remote address is on another link. */
int mn_stack_check_connect(const struct mnet_stack *stack, const struct mnet_connect_options *options,
                           struct mnet_endpoint *local, struct mnet_endpoint *remote);

/* Marks the waiters of a flow gone and wakes them. */
void mn_flow_wake_gone(struct mnet_flow *flow);
/* Frees a handle, its waiters marked gone; the engine's part is not touched (but for UDP's, which
 * lies in it). */
void mn_flow_free(struct mnet_flow *flow);
void mn_listener_free(struct mnet_listener *listener);
void mn_udp_free(struct mnet_udp *udp);
/* An endpoint of the stack itself, connected to a server: it is none of those that a program may
 * have. Errors as mnet_udp_open. NULL may be closed. */
int mn_udp_open_service(struct mnet_stack *stack, struct mnet_endpoint server, unsigned queue_datagrams,
                        struct mnet_udp **udp);
void mn_udp_close_service(struct mnet_udp *udp);
void mn_flow_event(struct mn_tcb *tcb);
/* tcp_settings.c: the engine's trace, handed on with a snapshot. */
void mn_stack_trace(void *context, const struct mn_tcb *tcb, enum mnet_tcp_event event);
void mn_listener_event(struct mn_listener *engine);
void mn_udp_event(struct mn_udp_endpoint *engine);
/* The endpoint has a sender that waits for the device, or is to be told when it may send. */
void mn_udp_want_device(struct mnet_udp *udp);
/* The device takes frames again: tells those who wait for it. */
void mn_udp_tell_device(struct mnet_stack *stack);
/* The own addresses have changed: wakes the senders that wait for one. */
void mn_udp_wake_senders(struct mnet_stack *stack);
/* Queues the deferred bytes behind what is queued; false where memory is short: then a poll tries
 * again soon. */
bool mn_flow_flush_deferred(struct mnet_flow *flow);
void mn_flow_free_deferred(struct mnet_flow *flow);

/* Returns true if an address of the configuration, or of a server, may be used. */
bool mn_stack_has_address(const struct mnet_stack *stack);
/* Whether two addresses may be the ends of a packet of ours: `remote` unicast, `local` unspecified
 * or our own. */
bool mn_stack_remote_ok(const struct mnet_stack *stack, struct mnet_address remote);
bool mn_stack_local_ok(const struct mnet_stack *stack, struct mnet_address local);

#endif
