/* A simulated network: hosts on links, in virtual time, everything from one seed.
 *
 * It is for tests of programs and protocols. Applications run unchanged as tasks of their hosts.
 * The clock jumps from event to event, and the same seed gives the same frames at the same times. A
 * host is used in one of three ways:
 *
 *   - applications: mnet_sim_spawn functions that call mnet_stack_up, as mnet_main does, then call
 *     mnet_sim_run;
 *   - a stack of your own on mnet_sim_device and mnet_sim_platform, polled between calls of
 *     mnet_sim_advance;
 *   - by hand: mnet_sim_send puts frames on the wire, and mnet_sim_receive takes them off.
 *
 *     struct mnet_sim *sim = mnet_sim_create(42);
 *     struct mnet_sim_host_options a = {.arguments = "--ipv4=10.0.0.1/24"};
 *     struct mnet_sim_host_options b = {.arguments = "--ipv4=10.0.0.2/24"};
 *     struct mnet_sim_host *server = mnet_sim_host(sim, "server", &a);
 *     struct mnet_sim_host *client = mnet_sim_host(sim, "client", &b);
 *     struct mnet_sim_path path = {.delay_ns = 10 * MNET_MILLISECOND, .loss_ppm = 10000};
 *     mnet_sim_link(sim, server, client, &path);
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

/* The size that `arguments` fits in, the terminating zero included, in bytes. */
#define MNET_SIM_ARGUMENTS 512

/* Options of a host; zeros are defaults. */
struct mnet_sim_host_options {
    /* The command line, split at blanks: "--ipv4=10.0.0.1/24 --log=info 80". */
    const char *arguments;
    /* The description of the program that runs there, see env.h. May be NULL. */
    const struct mnet_program *program;
    /* Memory of the platform in bytes, of which a stack takes 65 %. Default 64 MiB. Untouched
     * memory costs nothing. */
    size_t memory;
    uint16_t mtu;        /* in bytes; default 1500 */
    uint32_t tx_offload; /* enum mnet_offload, for frames that the host sends */
    uint32_t rx_offload; /* enum mnet_offload, for frames that it receives */
    /* This is another core of that host: its device is a further queue of the same NIC, with the
     * same MAC (mnet/device.h). It is on the same segment, with the same paths; its own mtu and
     * offloads must be the same. Frames are spread by the rule of the device. */
    struct mnet_sim_host *core_of;
    /* The NIC knows no rule: it hands up every frame at each of its queues. Counts for the first
     * core. */
    bool spreads_nothing;
    /* The time of day (mnet_wall_clock) at time 0 of the simulation. Default 2026-01-01 00:00 UTC.
     * MNET_NEVER: the host does not know it. */
    uint64_t wall_clock;
    /* The trace of stacks that programs create without one. */
    struct mnet_tcp_trace trace;
};

/* One direction between a host and its segment. All zeros is a perfect wire: no delay, no limit, no
 * loss. Probabilities are in parts per million, for each frame on the wire. */
struct mnet_sim_path {
    /* Bits per second. A frame counts from the destination address to the end of its payload. 0: no
     * limit. */
    uint64_t bandwidth_bps;
    uint64_t delay_ns;  /* from the last bit sent to the last bit received */
    uint64_t jitter_ns; /* the most that is added to the delay of a frame; order is kept */
    /* Bytes that may wait for the bandwidth; frames beyond are lost. 0: the sending device refuses
     * frames beyond 256 KiB, so nothing is lost. 0 towards a host: no limit. */
    size_t queue_bytes;
    uint32_t loss_ppm;
    /* Losses in bursts (Gilbert). The probability that a good path turns bad, decided once for each
     * frame. */
    uint32_t burst_enter_ppm;
    /* The probability that a bad path turns good, decided once for each frame. */
    uint32_t burst_leave_ppm;
    /* The probability of loss while the path is bad. */
    uint32_t burst_loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm; /* one bit is flipped */
    uint32_t reorder_ppm; /* the frame is held back, and later frames overtake it */
    uint64_t reorder_ns;  /* how long it is held back */
    uint16_t mtu;         /* larger IP packets vanish, without ICMP; 0: no limit */
    bool down;            /* every frame is lost */
};

/* The two paths of a host. */
enum mnet_sim_direction {
    MNET_SIM_SENDING,   /* from the host to its segment */
    MNET_SIM_RECEIVING, /* from the segment to the host */
};

/* Counts of a path, in frames except `bytes`. */
struct mnet_sim_path_counts {
    uint64_t sent, bytes; /* frames and bytes that entered the path */
    uint64_t lost, overflowed, too_big, duplicated, corrupted, reordered;
};

/* Creates a simulation. NULL if there is no memory. */
struct mnet_sim *mnet_sim_create(uint64_t seed);
/* Takes all stacks down and frees everything. */
void mnet_sim_destroy(struct mnet_sim *sim);
/* Returns the virtual time, which begins at one second. */
uint64_t mnet_sim_now(const struct mnet_sim *sim);

/* Adds a host, on no segment yet. `name` is borrowed; it stands in front of each line that the host
 * prints. options may be NULL. The MAC address of the n-th host is 02:00:00:00:00:n. NULL if there
 * is no memory, or if an option in the arguments is wrong, which the error output reports. */
struct mnet_sim_host *mnet_sim_host(struct mnet_sim *sim, const char *name,
                                    const struct mnet_sim_host_options *options);

/* Adds a segment: a switch that knows every address. A frame goes to the host with its destination
 * address. Broadcasts and frames to unknown addresses go to all others. On a segment of two hosts
 * every frame goes to the other one. NULL if there is no memory. */
struct mnet_sim_segment *mnet_sim_segment(struct mnet_sim *sim);
/* Puts a host on a segment, which cannot be undone. Its paths are perfect wires until
 * mnet_sim_shape changes them. */
void mnet_sim_attach(struct mnet_sim_segment *segment, struct mnet_sim_host *host);
/* Adds a segment of two hosts, with `path` in each direction. NULL is a perfect wire. False if
 * there is no memory. */
bool mnet_sim_link(struct mnet_sim *sim, struct mnet_sim_host *a, struct mnet_sim_host *b,
                   const struct mnet_sim_path *path);
/* Changes a path. Possible at any time. Frames that are already on it are not changed. */
void mnet_sim_shape(struct mnet_sim_host *host, enum mnet_sim_direction direction, const struct mnet_sim_path *path);
/* Pulls the host's cable out, or puts it in again if `in` is true. While it is out, the host's
 * device reports that its link is down, and frames that are sent to or from it are lost. Frames on
 * their way arrive if the cable is in by then. */
void mnet_sim_plug(struct mnet_sim_host *host, bool in);
/* Returns the counts of one path of the host. */
struct mnet_sim_path_counts mnet_sim_counts(const struct mnet_sim_host *host, enum mnet_sim_direction direction);

/* Adds `run(env, argument)` as a task of `host` with the host's name. It begins in the next
 * mnet_sim_run, or, if a task calls this, in the running one. */
void mnet_sim_spawn(struct mnet_sim_host *host, int (*run)(struct mnet_env *env, void *argument), void *argument);
/* Adds a task as mnet_sim_spawn does, but one without an end of its own: it is cancelled when all
 * tasks of mnet_sim_spawn have ended. */
void mnet_sim_serve(struct mnet_sim_host *host, int (*run)(struct mnet_env *env, void *argument), void *argument);

/* Runs all tasks until those of mnet_sim_spawn have ended, nothing more can happen, or the time is
 * `until`. Returns the first result of an ended task that is not 0, or else 0. If not all have
 * ended, the tasks are cancelled, and MNET_E_DEADLINE is returned. Stacks stay up. */
int mnet_sim_run(struct mnet_sim *sim, uint64_t until);

/* Moves the clock, without tasks, to the next time at which a frame reaches a host, but not beyond
 * `until`. Returns the new time. Frames on perfect wires need no call of this: they arrive at
 * once. */
uint64_t mnet_sim_advance(struct mnet_sim *sim, uint64_t until);

/* Return the device of the host for mnet_config.device, and its clock and entropy for
 * mnet_config.platform. */
struct mnet_device *mnet_sim_device(struct mnet_sim_host *host);
struct mnet_platform mnet_sim_platform(struct mnet_sim_host *host);
/* Returns the environment that the host's tasks get. */
struct mnet_env *mnet_sim_env(struct mnet_sim_host *host);

/* Puts a frame on the wire from `host`, by hand. False if it is longer than MNET_FRAME_MAX, or the
 * device takes no more. */
bool mnet_sim_send(struct mnet_sim_host *host, const void *frame, size_t len);
/* Takes the next frame that reached `host` and that no stack took, and stores up to `size` bytes of
 * it. Returns its length, or 0 if there is none. */
size_t mnet_sim_receive(struct mnet_sim_host *host, void *frame, size_t size);

/* Calls `watch` for every frame when `host` puts it on the wire (MNET_SIM_SENDING) and when it
 * reaches `host` (MNET_SIM_RECEIVING): for captures, and to compare runs. There is one such
 * function at a time; NULL ends it. It must not call the simulation. */
void mnet_sim_watch(struct mnet_sim *sim,
                    void (*watch)(void *context, uint64_t now, struct mnet_sim_host *host,
                                  enum mnet_sim_direction direction, const void *frame, size_t len),
                    void *context);
/* Returns the name of the host. */
const char *mnet_sim_host_name(const struct mnet_sim_host *host);
/* Sets the receiver of the hosts' console output, which comes in fragments of lines, as it is
 * printed. The default is standard output, and the error output for errors (`error` is true). */
void mnet_sim_console(struct mnet_sim *sim,
                      void (*print)(void *context, struct mnet_sim_host *host, bool error, const char *text,
                                    size_t len),
                      void *context);

/* Options of mnet_sim_pipe; zeros are defaults. */
struct mnet_sim_pipe_options {
    uint16_t mtu;     /* in bytes; default 1500 */
    uint32_t offload; /* enum mnet_offload, for both directions */
};
/* Makes two devices back to back, for measurements. There is no delay, and no limit except a queue:
 * while 256 frames wait, a device takes no others. Each frame is copied once, into the memory of
 * the receiving side. Large frames are cut and checksums completed in the copy, unless both sides
 * have the offloads. The sum of the copy is handed up (MNET_CHECKSUM_SUMMED). The owner of each end
 * closes it. False if there is no memory. */
bool mnet_sim_pipe(struct mnet_device *ends[2], const struct mnet_sim_pipe_options *options);

#pragma GCC visibility pop

#endif
