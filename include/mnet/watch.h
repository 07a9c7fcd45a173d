/* Waiting for many: flows, listeners, endpoints and streams in one set.
 *
 * A watch makes an object a member of a set. mnet_wait_any waits until any member is ready, and
 * costs as much as there are ready members, however many the set has. Set and watches lie in memory
 * of the caller and allocate nothing.
 *
 *     struct mnet_set set = {0};
 *     struct mnet_watch watches[2] = {0}, *ready[2];
 *     mnet_watch_tcp(&set, &watches[0], flow, MNET_READABLE);
 *     mnet_watch_udp(&set, &watches[1], udp, MNET_READABLE);
 *     int count = mnet_wait_any(&set, ready, 2, MNET_NEVER);
 *
 * An object may be a member of several sets. As long as it is a member of one, its callback is the
 * set's: mnet_tcp_notify and its like must not be called. If an object is closed, its watches end.
 */
#ifndef MNET_WATCH_H
#define MNET_WATCH_H

#include <stdint.h>

#include <mnet/error.h>
#include <mnet/link.h>
#include <mnet/stream.h>
#include <mnet/task.h>

#pragma GCC visibility push(default)

struct mnet_flow;
struct mnet_listener;
struct mnet_udp;

/* A set of watches. A zero-initialised set is empty. It must outlive its watches, or be ended with
 * mnet_set_end before its memory serves anything else. The fields are mnet's. */
struct mnet_set {
    struct mnet_link idle, told; /* watches without and with a cause to ask their objects */
    struct mnet_waiters waiters;
    void (*notify)(void *context);
    void *notify_context;
};

/* How often a watch is returned while its object stays ready. */
enum mnet_watch_mode {
    MNET_WATCH_LEVEL, /* by each call */
    MNET_WATCH_EDGE,  /* once, and again whenever readiness may have risen */
    MNET_WATCH_ONCE,  /* once, then not before mnet_watch_change */
};

/* A member of a set. A zero-initialised watch is no member. `context` is the caller's own; the
 * other fields are mnet's, and may be read. */
struct mnet_watch {
    void *context;
    unsigned ready;            /* bits of enum mnet_ready that mnet_wait_any found last */
    unsigned wanted;           /* bits to wait for */
    enum mnet_watch_mode mode; /* MNET_WATCH_LEVEL at first */
    struct mnet_set *set;      /* NULL: no member */
    struct mnet_link link;     /* of the set */
    struct mnet_link sibling;  /* of the watches of the same object */
    const struct mnet_watched *kind;
    struct mnet_stream stream; /* `object` is the watched object, of any kind */
};

/* Make an object a member of a set, and watch it for the bits `wanted` of enum mnet_ready.
 * MNET_FAILED and MNET_HUNG_UP are always watched for. The caller may set `context` before, or
 * afterwards. A watch that is a member already leaves that set first.
 *
 * A stream is watched through its operation `notify`, so it can be a member of one set only, and
 * its watch must end before the stream is closed. A flow is better watched as a flow.
 *
 * Return 0, or MNET_E_IN_USE if the object has a callback of the program (mnet_tcp_notify). Never
 * suspend. */
int mnet_watch_tcp(struct mnet_set *set, struct mnet_watch *watch, struct mnet_flow *flow, unsigned wanted);
int mnet_watch_listener(struct mnet_set *set, struct mnet_watch *watch, struct mnet_listener *listener,
                        unsigned wanted);
int mnet_watch_udp(struct mnet_set *set, struct mnet_watch *watch, struct mnet_udp *udp, unsigned wanted);
int mnet_watch_stream(struct mnet_set *set, struct mnet_watch *watch, struct mnet_stream stream, unsigned wanted);

/* Gives a member other bits to wait for, and a mode. The object counts as just having changed: if
 * it is ready, the next call returns it in every mode. Does nothing if the watch is no member.
 * Never suspends. */
void mnet_watch_change(struct mnet_watch *watch, unsigned wanted, enum mnet_watch_mode mode);
/* Takes the watch out of its set. Does nothing if it is no member. Never suspends. */
void mnet_watch_end(struct mnet_watch *watch);
/* Ends all watches of a set, for which no task may wait. Never suspends. */
void mnet_set_end(struct mnet_set *set);

/* Waits until members of the set are ready, stores up to `max` of them and returns their number, at
 * least 1. `ready` of each has the bits. Members that are returned again come after the others, so
 * none starves. Several tasks may wait for one set: each wake-up is for one of them. Errors:
 * MNET_E_DEADLINE, MNET_E_CANCELLED, MNET_E_INVALID (max below 1). Suspends. */
int mnet_wait_any(struct mnet_set *set, struct mnet_watch **ready, int max, uint64_t deadline);
/* Calls `notify(context)` from within a call into the stack whenever mnet_wait_any may have
 * something new to return, for foreign event loops. NULL ends that. `notify` must only note the
 * fact: it must not call the stack. */
void mnet_set_notify(struct mnet_set *set, void (*notify)(void *context), void *context);

#pragma GCC visibility pop

#endif
