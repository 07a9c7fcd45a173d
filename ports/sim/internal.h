/* The simulator from the inside. sim.c: simulations, hosts, tasks. wire.c: paths and frames in
 * flight. device.c: the hosts' network cards. router.h: routers. pipe.c stands alone.
 */
#ifndef MN_SIM_INTERNAL_H
#define MN_SIM_INTERNAL_H

#include <mnet/sim.h>

#include "base/packet_metadata.h"
#include "base/random.h"
#include "stack/env.h"

#define MN_SIM_ARGC_MAX 64

/* The direction of a frame in flight. */
enum mn_sim_stage {
    MN_SIM_TO_SEGMENT, /* on the sending path of `host` */
    MN_SIM_TO_HOST,    /* on the receiving path of `host` */
    MN_SIM_ALARM,      /* no frame: the router of `host` has something to do */
};

struct mn_sim_interface;

/* A frame on its way, in bytes of its own, with the metadata that a host may pass to another. */
struct mn_sim_flight {
    struct mn_sim_flight *next; /* for a host's queue */
    struct mnet_sim_host *host;
    uint64_t at;    /* when it reaches the end of its path ... */
    uint64_t order; /* ... and its place among those of the same time */
    enum mn_sim_stage stage;
    uint32_t len;
    struct mn_metadata metadata;
    uint8_t bytes[];
};

struct mn_sim_path {
    struct mnet_sim_path shape;
    struct mnet_sim_path_counts counts;
    struct mn_random random;
    uint64_t busy_until;   /* when the last frame accepted will have been sent */
    uint64_t last_arrival; /* jitter does not let frames overtake */
    bool bad;              /* in a burst of losses */
};

struct mnet_sim_segment {
    struct mnet_sim_segment *next;
    struct mnet_sim *sim;
    struct mnet_sim_host *hosts;
    unsigned host_count;
};

struct mnet_sim_host {
    struct mnet_device device;
    struct mnet_sim *sim;
    struct mnet_sim_host *next;              /* in the simulation */
    struct mnet_sim_host *first, *next_core; /* the cores of a host; paths are those of the first */
    bool spreads_nothing;
    uint8_t ipv6_secret[16]; /* of the first, for all */
    struct mnet_sim_segment *segment;
    struct mnet_sim_host *next_on_segment;
    const char *name;
    uint64_t wall_clock;                /* of the options */
    struct mn_sim_interface *interface; /* of the router whose card it is; NULL: a host */
    struct mn_sim_path paths[2];        /* by enum mnet_sim_direction */
    struct mn_sim_flight *received, **received_end;
    bool opened; /* given to an application */
    bool closed; /* by the stack that had the device */
    struct mn_random entropy;
    struct mnet_env env;
    char arguments[MNET_SIM_ARGUMENTS];
    char *argv[MN_SIM_ARGC_MAX + 1];
    bool in_line; /* the console is within a line, after the name */
};

/* A function to be run, or running, as a task. */
struct mn_sim_job {
    struct mn_sim_job *next;
    struct mnet_sim_host *host;
    int (*run)(struct mnet_env *env, void *argument);
    void *argument;
    bool server;
};

struct mnet_sim {
    uint64_t now;
    struct mn_random random;
    struct mnet_sim_host *hosts, **hosts_end;
    unsigned host_count;
    struct mnet_sim_segment *segments;
    struct mnet_sim_router *routers;

    /* Frames in flight: a binary heap by (at, order). */
    struct mn_sim_flight **heap;
    size_t heap_count, heap_capacity;
    uint64_t order;
    bool fresh;                  /* a frame has reached a host since this was last cleared */
    struct mnet_memory *scratch; /* for segments while they are cut */
    void *scratch_region;

    /* mnet_sim_run */
    struct mn_loop loop;
    uint64_t until;
    uint64_t awaited_ns;                 /* when a task had a deadline last */
    struct mn_sim_job *jobs, **jobs_end; /* not yet started */
    unsigned running;                    /* tasks that are not servers */
    struct mnet_waiters changed;
    int result;
    bool cut_off;
    unsigned idle_after_cut;

    void (*watch)(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                  const void *frame, size_t len);
    void *watch_context;
    void (*print)(void *context, struct mnet_sim_host *host, bool error, const char *text, size_t len);
    void *print_context;
};

/* wire.c */

/* A frame of `len` bytes, not yet filled in, from `host`; NULL if there is no memory. */
struct mn_sim_flight *mn_sim_flight(struct mnet_sim_host *host, size_t len);
void mn_sim_seed_path(struct mn_sim_path *path, struct mn_random *random);
/* Puts a frame on the sending path of its host; takes ownership. */
void mn_sim_put(struct mn_sim_flight *flight);
/* Returns true if the sending path of the host takes another frame. */
bool mn_sim_has_room(const struct mnet_sim_host *host);
/* Returns true if all hosts and paths between here and `destination` take frames with the offload
 * metadata `needed` (enum mnet_offload). */
bool mn_sim_carries(const struct mnet_sim_host *host, const uint8_t *destination, uint32_t needed);
/* The time of the next arrival, MNET_NEVER for none, and lets everything arrive that is due now. */
uint64_t mn_sim_next_arrival(const struct mnet_sim *sim);
void mn_sim_arrive(struct mnet_sim *sim);
void mn_sim_drop_all(struct mnet_sim *sim);
/* Calls the router whose card `card` is at `at`. Without memory it calls never. */
void mn_sim_set_alarm(struct mnet_sim_host *card, uint64_t at);

/* device.c */

void mn_sim_device_init(struct mnet_sim_host *host, const struct mnet_sim_host_options *options, unsigned number);
/* Takes the first frame that reached the host, or NULL. */
struct mn_sim_flight *mn_sim_take(struct mnet_sim_host *host);

/* router.c */

/* A frame has reached the card of an interface; takes ownership. */
void mn_sim_router_receive(struct mn_sim_interface *interface, struct mn_sim_flight *flight);
/* The time of an alarm has come. */
void mn_sim_router_alarm(struct mnet_sim_router *router);
void mn_sim_router_free_all(struct mnet_sim *sim);

#endif
