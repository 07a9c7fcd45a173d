/* A simulated network: hosts on links, in virtual time, everything from one seed.
 *
 * For tests of programs and protocols: applications run unchanged as tasks of their hosts, the clock jumps from event to event, and
 * the same seed gives the same frames at the same times. A host is used in one of three ways:
 *
 *   - applications: mnet_sim_spawn functions that call mnet_stack_up like any mnet_main, then mnet_sim_run;
 *   - a stack of your own on mnet_sim_device and mnet_sim_platform, polled by hand between calls of mnet_sim_advance;
 *   - by hand: mnet_sim_send and mnet_sim_receive put frames on the wire and take them off.
 *
 *     struct mnet_sim *sim = mnet_sim_create(42);
 *     struct mnet_sim_host *server = mnet_sim_host(sim, "server", &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.1/24"});
 *     struct mnet_sim_host *client = mnet_sim_host(sim, "client", &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.2/24"});
 *     mnet_sim_link(sim, server, client, &(struct mnet_sim_path){.delay_ns = 10 * MNET_MILLISECOND, .loss_ppm = 10000});
 *     mnet_sim_serve(server, echo_server, NULL);
 *     mnet_sim_spawn(client, echo_client, NULL);
 *     int result = mnet_sim_run(sim, 60 * MNET_SECOND);
 *     mnet_sim_destroy(sim);
 *
 * Simulations are independent of one another; several may exist in one process.
 */
#ifndef MNET_SIM_H
#define MNET_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/device.h>
#include <mnet/stack.h>

#pragma GCC visibility push(default)

struct mnet_env;
struct mnet_program;
struct mnet_sim;
struct mnet_sim_host;
struct mnet_sim_segment;

/* The longest text of `arguments`. */
#define MNET_SIM_ARGUMENTS 512

/* What a host is made of; zeros are defaults. */
struct mnet_sim_host_options {
    const char *arguments;              /* its command line, split at blanks: "--ipv4=10.0.0.1/24 --log=info 80" */
    const struct mnet_program *program; /* what the program that runs there says of itself, see env.h; may be NULL */
    size_t
        memory; /* what the platform has, of which a stack takes 65 %; default 64 MiB. Untouched memory costs nothing */
    uint16_t mtu;        /* default 1500 */
    uint32_t tx_offload; /* enum mnet_offload: what its network card can do for frames it sends ... */
    uint32_t rx_offload; /* ... and for frames it receives */
};

/* One direction between a host and its segment. All zeros is a perfect wire: no delay, no limit, no loss. Probabilities are in parts per
 * million, for each frame on the wire. */
struct mnet_sim_path {
    uint64_t bandwidth_bps; /* bits of frames, from destination address to payload, per second; 0: no limit */
    uint64_t delay_ns;      /* from the last bit sent to the last bit received */
    uint64_t jitter_ns;     /* up to this is added to the delay of each frame; order is kept */
    size_t
        queue_bytes; /* what may wait for its turn at the bandwidth: more is lost. 0: the sending device refuses to take more
                             * than 256 KiB, and nothing is lost; towards a host there is no limit then */
    uint32_t loss_ppm;
    uint32_t burst_enter_ppm; /* losses in bursts (Gilbert): the probability that a good path turns bad, ... */
    uint32_t burst_leave_ppm; /* ... that a bad one turns good, each decided once a frame, ... */
    uint32_t burst_loss_ppm;  /* ... and of loss while it is bad */
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm; /* one bit is flipped */
    uint32_t reorder_ppm; /* held back by reorder_ns: later frames overtake it */
    uint64_t reorder_ns;
    uint16_t mtu; /* larger IP packets vanish without a word; 0: no limit */
    bool down;    /* everything is lost */
};

/* The two paths of a host. */
enum mnet_sim_direction {
    MNET_SIM_SENDING,   /* from the host to its segment */
    MNET_SIM_RECEIVING, /* from the segment to the host */
};

/* What passed a path, in frames. */
struct mnet_sim_path_counts {
    uint64_t sent, bytes; /* that entered it */
    uint64_t lost, overflowed, too_big, duplicated, corrupted, reordered;
};

/* NULL where there is no memory. */
struct mnet_sim *mnet_sim_create(uint64_t seed);
/* Takes all stacks down and frees everything. */
void mnet_sim_destroy(struct mnet_sim *sim);
/* The virtual time; it begins at one second. */
uint64_t mnet_sim_now(const struct mnet_sim *sim);

/* Adds a host, on no segment yet. `name` is borrowed and appears in front of what the host prints; options may be NULL. The MAC address is 02:00:00:00:00:n for
 * the n-th host. NULL where there is no memory, or after a wrong option in the arguments, reported on the error output. */
struct mnet_sim_host *mnet_sim_host(struct mnet_sim *sim, const char *name,
                                    const struct mnet_sim_host_options *options);

/* A segment, a switch that knows every address: a frame goes to the host it is addressed to, broadcasts and frames to unknown addresses go to all others. On
 * a segment of two, everything goes to the other. NULL where there is no memory. */
struct mnet_sim_segment *mnet_sim_segment(struct mnet_sim *sim);
/* Puts a host on a segment, once and for all; its paths are perfect wires until shaped. */
void mnet_sim_attach(struct mnet_sim_segment *segment, struct mnet_sim_host *host);
/* A segment of two hosts, `path` in each direction (NULL: a perfect wire). False where there is no memory. */
bool mnet_sim_link(struct mnet_sim *sim, struct mnet_sim_host *a, struct mnet_sim_host *b,
                   const struct mnet_sim_path *path);
/* Changes a path, at any time; frames already on it are not touched. */
void mnet_sim_shape(struct mnet_sim_host *host, enum mnet_sim_direction direction, const struct mnet_sim_path *path);
/* Pulls the host's cable out, or puts it in again: its device tells that the link is down, and what is sent to it or from it
 * meanwhile is lost. Frames on the way arrive if it is in by then. */
void mnet_sim_plug(struct mnet_sim_host *host, bool in);
struct mnet_sim_path_counts mnet_sim_counts(const struct mnet_sim_host *host, enum mnet_sim_direction direction);

/* Will run `run(env, argument)` as a task of `host` in the next (or, called from a task, the running) mnet_sim_run; its name is the host's. */
void mnet_sim_spawn(struct mnet_sim_host *host, int (*run)(struct mnet_env *env, void *argument), void *argument);
/* The same for a task that has no end of its own: it is cancelled when all those of mnet_sim_spawn have ended. */
void mnet_sim_serve(struct mnet_sim_host *host, int (*run)(struct mnet_env *env, void *argument), void *argument);

/* Runs all spawned tasks, until they have ended, nothing can happen any more, or the time is `until`. In the last two cases the tasks are cancelled and
 * MNET_E_DEADLINE is returned; else the first result of an ended task that was not 0, or 0. Stacks stay up. */
int mnet_sim_run(struct mnet_sim *sim, uint64_t until);

/* Without tasks: moves the clock to the next time at which a frame reaches a host, `until` at most. Returns the new time. Frames on perfect wires arrive at
 * once, before any call of this. */
uint64_t mnet_sim_advance(struct mnet_sim *sim, uint64_t until);

/* The host's device, for mnet_config.device, and its clock and entropy. */
struct mnet_device *mnet_sim_device(struct mnet_sim_host *host);
struct mnet_platform mnet_sim_platform(struct mnet_sim_host *host);
/* The environment that the host's tasks are called with. */
struct mnet_env *mnet_sim_env(struct mnet_sim_host *host);

/* Puts a frame on the wire from `host`, by hand. False where it is longer than MNET_FRAME_MAX or the device takes no more. */
bool mnet_sim_send(struct mnet_sim_host *host, const void *frame, size_t len);
/* Takes the next frame that reached `host` and no stack took: at most `size` bytes of it. Returns its length, 0 where there is none. */
size_t mnet_sim_receive(struct mnet_sim_host *host, void *frame, size_t size);

/* Hears of every frame when `host` puts it on the wire (MNET_SIM_SENDING) and when it reaches it: for captures, and to compare runs. One at a time; NULL
 * ends it. It must not call into the simulation. */
void mnet_sim_watch(struct mnet_sim *sim,
                    void (*watch)(void *context, uint64_t now, struct mnet_sim_host *host,
                                  enum mnet_sim_direction direction, const void *frame, size_t len),
                    void *context);
const char *mnet_sim_host_name(const struct mnet_sim_host *host);
/* Where the hosts' console output goes, line fragments as they are printed; default: standard output, and the error output for what is
 * an error. */
void mnet_sim_console(struct mnet_sim *sim,
                      void (*print)(void *context, struct mnet_sim_host *host, bool error, const char *text,
                                    size_t len),
                      void *context);

/* Two devices back to back, for measurements: no delay, no limit but a queue of 256 frames (which refuses more), one copy for each frame, into the memory of the
 * receiving side. Offloads hold for both directions. False where there is no memory. Each end is closed by its owner. */
struct mnet_sim_pipe_options {
    uint16_t mtu;     /* default 1500 */
    uint32_t offload; /* enum mnet_offload */
};
bool mnet_sim_pipe(struct mnet_device *ends[2], const struct mnet_sim_pipe_options *options);

#pragma GCC visibility pop

#endif
