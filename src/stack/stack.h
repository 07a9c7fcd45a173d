/* The internal struct of a stack, its handles, and the functions that the files of this folder
 * share. A stack joins the layers of one host: only this folder knows both the engines and the
 * tasks. */
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

/* A part of a stack that is linked only into programs that use it. */
struct mn_service {
    void (*run)(struct mnet_stack *stack); /* after events, and at its deadline */
    uint64_t (*deadline)(const struct mnet_stack *stack);
    void (*end)(struct mnet_stack *stack); /* before handles are closed */
};

#define MN_BATCH 32                               /* frames given or taken at a time */
#define MN_RX_BUDGET (8 * MN_BATCH)               /* frames a poll takes at most */
#define MN_TX_RETRY_NS (50 * MNET_MICROSECOND)    /* a full device is asked again after this */
#define MN_MEMORY_RETRY_NS (5 * MNET_MILLISECOND) /* between two attempts if memory is short */
#define MN_MEMORY_RETRIES 200                     /* attempts of a write, then it fails */

/* The time from the start to an address by a router's advertisement is at most this. Duplicate
 * address detection takes up to 2 s for the link-local address and up to 2 s for this one (RFC 4862
 * 5.4). A router that has just advertised itself answers after up to 3.5 s (RFC 4861 6.2.6). */
#define MN_ROUTERS_TIMEOUT (10 * MNET_SECOND)

struct mnet_stack {
    struct mnet_config config;  /* complete: the defaults are filled in */
    struct mnet_env *env;       /* NULL for a stack driven by its user */
    struct mn_loop *loop;       /* likewise */
    struct mnet_link loop_link; /* in the loop's stacks, or in the environment's ended ones */
    struct mnet_memory *memory;
    struct mnet_device *device;
    uint16_t zone; /* of the device */
    void *region;  /* memory to be returned to the environment; NULL: none */
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
    struct mnet_link listeners, endpoints; /* all of them; flows are found by mn_tcp_next_owner */
    struct mnet_link congested;            /* struct mnet_udp: wait for the device */
    struct mnet_link short_deferred;       /* struct mn_deferred: found no memory */
    struct mnet_link probers;              /* struct mn_blocked: wait for mnet_stack_changes */
    struct mnet_link pingers;              /* struct mn_blocked: wait for an echo reply */
    uint32_t changes;                      /* counts those of the link and DHCP, but not of ip */
    uint32_t told;                         /* mnet_stack_changes when tasks were last told */
    uint64_t now;
    uint64_t due;     /* result of find_due in poll.c; 0: unknown since mn_stack_transmit */
    bool work;        /* a poll must tell events or send */
    bool link_down;   /* state of the device's link at the last poll */
    uint64_t link_ns; /* time at which link_down changed */
    void (*notify)(void *context, unsigned ready);
    void *notify_context;
    bool rx_failed;              /* the device fails to receive, which has been logged */
    bool ended;                  /* the stack is down, and is freed with its last handle */
    uint32_t device_offload;     /* offloads of the device that are in use for frames sent */
    struct mnet_packet *cutting; /* a large frame that is being cut into segments; NULL: none */
    struct mn_segmenter segmenter;
    unsigned steps; /* polls, counted by mn_stack_check */
    unsigned pending_count;
    struct mnet_packet *pending[MN_BATCH]; /* frames that the device has not taken yet, in order */
};

/* Bytes of write_now that follow a write in progress. A flow has one of these while it has such
 * bytes. */
struct mn_deferred {
    struct mnet_link link; /* in short_deferred */
    struct mnet_flow *flow;
    struct mn_packet_queue packets;
};

struct mnet_flow {
    struct mn_tcp_owner end; /* of the connection; without one the flow is closed */
    struct mnet_stack *stack;
    struct mnet_link waiters;     /* struct mn_blocked: all that wait, except writers */
    struct mnet_link writers;     /* struct mn_blocked: in line, the one whose turn it is first */
    struct mn_deferred *deferred; /* NULL: none */
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
    struct mnet_link senders;   /* struct mn_blocked: wait for the device or a source address */
    struct mnet_link congested; /* in the stack's list, to be told when the device has room */
    struct mn_notify notify;
};

/* These panic if a handle is NULL or closed. A closed handle is noticed until its memory is used
 * again. */
#define MN_REQUIRE_FLOW(flow) \
    (MN_REQUIRE((flow) != NULL, "the flow is NULL"), \
     MN_REQUIRE((flow)->end.tcb != NULL || (flow)->end.idle != NULL, "the flow is closed"))
#define MN_REQUIRE_LISTENER(listener) \
    (MN_REQUIRE((listener) != NULL, "the listener is NULL"), \
     MN_REQUIRE(mn_list_linked(&(listener)->link), "the listener is closed"))
#define MN_REQUIRE_UDP(udp) \
    (MN_REQUIRE((udp) != NULL, "the endpoint is NULL"), \
     MN_REQUIRE(mn_list_linked(&(udp)->link), "the endpoint is closed"))

/* wall.c */

/* Logs the time of day at which the stack begins. */
void mn_wall_tell(const struct mnet_stack *stack);

/* stack.c */

/* The same as mnet_stack_open, for a stack that `loop` and `env` drive. If they are NULL, its user
 * drives it. */
int mn_stack_create(const struct mnet_config *config, struct mnet_env *env, struct mn_loop *loop,
                    struct mnet_stack **stack);
/* Closes the handles that the program left open. Returns true while connections are still being
 * closed. */
bool mn_stack_wind_down(struct mnet_stack *stack);

/* Frees a stack that has ended and has no open handle. Every call that frees a handle ends with
 * this one. */
void mn_stack_release(struct mnet_stack *stack);
/* Frees a stack and all its handles at the end of a program. */
void mn_stack_abandon(struct mnet_stack *stack);

/* mnet_stack_changes */
/* The stacks of several queues have one lease, and the first one gives it back. */
static inline bool mn_stack_may_release(const struct mnet_stack *stack)
{
    return stack->device->queue == 0;
}

static inline uint32_t mn_stack_changes(const struct mnet_stack *stack)
{
    return mn_ip_changes(&stack->ip) + stack->changes;
}

/* poll.c */

/* Every public call begins with enter. Outside tasks, it updates stack->now. A call that may have
 * caused output ends with leave. Outside the stack's own loop, that sends the output at once.
 * Inside tasks, the loop sends it after a batch of tasks. */
void mn_stack_enter(struct mnet_stack *stack);
void mn_stack_leave(struct mnet_stack *stack);
/* The loop calls this after a batch of tasks. It sends the output that they have queued. It returns
 * true if work is left. */
bool mn_stack_flush(struct mnet_stack *stack);
/* Sends all output that the device takes. */
void mn_stack_transmit(struct mnet_stack *stack);
/* Receives the packets to own addresses. Returns true if there were any, as there may be answers to
 * send. */
bool mn_stack_go_round(struct mnet_stack *stack);
/* Returns true if frames wait for the device, or for memory to cut them. */
static inline bool mn_stack_congested(const struct mnet_stack *stack)
{
    return stack->pending_count > 0 || stack->cutting != NULL;
}

/* tcp_calls.c, tcp_write.c, udp_calls.c */

/* Checks the arguments of a connect call, and removes the zones from both ends. Returns 0,
 * MNET_E_INVALID, or MNET_E_UNREACHABLE if the remote address is on another link. */
int mn_stack_check_connect(const struct mnet_stack *stack, const struct mnet_connect_options *options,
                           struct mnet_endpoint *local, struct mnet_endpoint *remote);

/* Wakes all tasks that wait for a flow and tells them that it is gone. */
void mn_flow_wake_gone(struct mnet_flow *flow);
/* These free a handle and wake the tasks that wait for it, which they tell that it is gone. They
 * leave the engine's part alone, except that of UDP, which is a part of the handle. */
void mn_flow_free(struct mnet_flow *flow);
void mn_listener_free(struct mnet_listener *listener);
void mn_udp_free(struct mnet_udp *udp);
/* Opens an endpoint of the stack itself, connected to a server. It does not count as one of the
 * program's. Returns the errors of mnet_udp_open. NULL may be closed. */
int mn_udp_open_service(struct mnet_stack *stack, struct mnet_endpoint server, unsigned queue_datagrams,
                        struct mnet_udp **udp);
void mn_udp_close_service(struct mnet_udp *udp);
void mn_flow_take_event(struct mn_tcp_owner *owner);
static inline struct mnet_flow *mn_flow_of(struct mn_tcp_owner *owner)
{
    return MN_CONTAINER(owner, struct mnet_flow, end);
}
/* Parts a flow from its connection. Returns the tcb, which is the caller's then. A connection at
 * rest has no more to do: it is reset, and NULL is returned. */
struct mn_tcb *mn_flow_leave(struct mnet_flow *flow);
/* Returns the flow's tcb, which a connection at rest becomes again. Returns NULL if there is no
 * memory for it, or the connection ended at rest. */
static inline struct mn_tcb *mn_flow_tcb(struct mnet_flow *flow)
{
    if (MN_LIKELY(flow->end.tcb != NULL))
        return flow->end.tcb;
    return mn_tcp_wake(flow->stack->tcp, &flow->end, flow->stack->now);
}
/* The same as mn_tcp_status: a connection at rest was established. */
static inline int mn_flow_status(const struct mnet_flow *flow)
{
    return MN_LIKELY(flow->end.tcb != NULL) ? mn_tcp_status(flow->end.tcb) : MNET_OK;
}
/* Returns the result of a setting if mn_flow_tcb has returned NULL: a connection that has ended
 * needs none. */
static inline int mn_flow_unset(const struct mnet_flow *flow)
{
    return mn_tcp_idle_error(&flow->end) != 0 ? MNET_OK : MNET_E_NO_MEMORY;
}
/* tcp_settings.c: passes an event of the engine to the program's trace, with a snapshot. */
void mn_stack_trace(void *context, const struct mn_tcb *tcb, enum mnet_tcp_event event);
void mn_stack_trace_segment(void *context, const struct mnet_tcp_segment *segment, const struct mnet_tcp_info *info);
void mn_listener_take_event(struct mn_listener *engine);
void mn_udp_take_event(struct mn_udp_endpoint *engine);
/* Puts an endpoint into the list of those to be told when the device takes frames again. */
void mn_udp_want_device(struct mnet_udp *udp);
/* The device takes frames again: tells the endpoints of that list. */
void mn_udp_tell_device(struct mnet_stack *stack);
/* The own addresses have changed: wakes the senders that wait for one. */
void mn_udp_wake_senders(struct mnet_stack *stack);
/* Queues the deferred bytes of a flow. Returns false if memory is short: then a poll tries again
 * after MN_MEMORY_RETRY_NS. */
bool mn_flow_flush_deferred(struct mnet_flow *flow);
void mn_flow_free_deferred(struct mnet_flow *flow);

/* Returns true if the stack can use an address that is configured or comes from a server. */
bool mn_stack_has_address(const struct mnet_stack *stack);
/* These return true if an address may be an end of a packet of ours: `remote` must be unicast,
 * `local` unspecified or an own address. */
bool mn_stack_remote_ok(const struct mnet_stack *stack, struct mnet_address remote);
bool mn_stack_local_ok(const struct mnet_stack *stack, struct mnet_address local);

#endif
