/* The race of mnet_tcp_connect_any and mnet_tcp_connect_name: see tcp_connect_any.c. */
#ifndef MN_RACE_H
#define MN_RACE_H

#include <mnet/tcp.h>

#include "stack/block.h"
#include "stack/stack.h"

struct mn_race_attempt {
    struct mnet_flow *flow;    /* NULL: not begun, or over */
    struct mn_blocked blocked; /* in the flow's waiters */
    uint64_t begun_ns;
    bool doubtful; /* a router has reported that its packets do not arrive */
    bool late;     /* not begun, because the own address for it was tentative */
};

struct mn_race {
    struct mnet_stack *stack;
    const struct mnet_connect_options *options;
    uint16_t port;
    unsigned count; /* addresses, of which ... */
    unsigned next;  /* ... so many were tried, in the order of the array */
    unsigned running;
    uint64_t next_ns;     /* when the next one is tried */
    uint64_t earliest_ns; /* and when at the earliest, if one fails */
    int error;            /* the cause of failure so far that tells most; MNET_OK: none */
    struct mnet_address addresses[MNET_TCP_ADDRESSES_MAX];
    struct mn_race_attempt attempts[MNET_TCP_ADDRESSES_MAX]; /* likewise */
    /* For addresses that become known while it runs: adds them, and returns whether more may come.
     * NULL: all are known. The task is woken when there is something to add; `more_blocked` is its
     * record, which tells if the stack is gone. */
    bool (*more)(struct mn_race *race);
    struct mn_blocked *more_blocked;
    bool expecting; /* the last result of `more` */
    /* From the first late attempt on: the task is woken when an own address is there. */
    bool late_listed;
    struct mn_blocked late_blocked;
};

/* Begins a race without addresses. */
void mn_race_init(struct mn_race *race, struct mnet_stack *stack, uint16_t port,
                  const struct mnet_connect_options *options);
/* Adds an address, unless it is there already, cannot be used, or there is no room. Returns 0,
 * MNET_E_INVALID if it is no address of a host, or an argument is wrong. */
int mn_race_add(struct mn_race *race, struct mnet_address address);
/* Puts the addresses that were not tried into their order. */
void mn_race_sort(struct mn_race *race);
/* Runs the race to its end. Errors as mnet_tcp_connect_any. Suspends. */
int mn_race_run(struct mn_race *race, uint64_t deadline, struct mnet_flow **flow);

#endif
