/* Waiting for many: see mnet/watch.h.
 *
 * Theory of operation. A handle has room for one callback. If it is watched, the callback is
 * mn_watches_tell, and its context one of the watches, which form a ring. A watch is in one of two
 * lists of its set: `told` if the object may be ready, `idle` otherwise. A callback only moves
 * watches to the first and wakes a task (notify.c). mnet_wait_any asks the objects of the first
 * list whether they are ready. One that is not becomes idle: from then on a callback follows if
 * that changes. One that is stays in the list, at its end, unless it is to be returned only once.
 * So the cost is that of the members that are ready, or were told to be.
 */
#include <mnet/tcp.h>
#include <mnet/udp.h>

#include "stack/stack.h"

/* A kind of object: the function that returns its readiness, and the place of its callback. */
struct mnet_watched {
    unsigned (*ready)(const struct mnet_watch *watch);
    /* NULL for streams, whose operations set the callback. */
    struct mn_notify *(*notify)(void *object);
};

/* These are returned whether wanted or not, as by poll(2). */
#define ALWAYS ((unsigned)(MNET_FAILED | MNET_HUNG_UP))

/* ---- Kinds ---- */

static unsigned flow_ready(const struct mnet_watch *watch)
{
    return mnet_tcp_ready(watch->stream.object);
}

static struct mn_notify *flow_notify(void *object)
{
    return &((struct mnet_flow *)object)->notify;
}

static unsigned listener_ready(const struct mnet_watch *watch)
{
    return mnet_tcp_listener_ready(watch->stream.object);
}

static struct mn_notify *listener_notify(void *object)
{
    return &((struct mnet_listener *)object)->notify;
}

static unsigned udp_ready(const struct mnet_watch *watch)
{
    return mnet_udp_ready(watch->stream.object);
}

static struct mn_notify *udp_notify(void *object)
{
    return &((struct mnet_udp *)object)->notify;
}

static unsigned stream_ready(const struct mnet_watch *watch)
{
    return mnet_stream_ready(watch->stream);
}

static const struct mnet_watched flows = {flow_ready, flow_notify};
static const struct mnet_watched listeners = {listener_ready, listener_notify};
static const struct mnet_watched endpoints = {udp_ready, udp_notify};
static const struct mnet_watched streams = {stream_ready, NULL};

/* ---- Members ---- */

static int join(struct mnet_watch *watch)
{
    if (watch->kind->notify != NULL)
        return mn_notify_join(watch->kind->notify(watch->stream.object), watch);
    mn_list_init(&watch->sibling);
    mnet_stream_notify(watch->stream, mn_watches_tell, watch);
    return MNET_OK;
}

static int begin(struct mnet_set *set, struct mnet_watch *watch, const struct mnet_watched *kind,
                 struct mnet_stream stream, unsigned wanted)
{
    mnet_watch_end(watch);
    watch->kind = kind;
    watch->stream = stream;
    int error = join(watch);
    if (error < 0)
        return error;
    watch->set = set;
    watch->ready = 0;
    mnet_watch_change(watch, wanted, MNET_WATCH_LEVEL);
    return MNET_OK;
}

#define REQUIRE_SET(set, watch) \
    (MN_REQUIRE((set) != NULL, "the set is NULL"), MN_REQUIRE((watch) != NULL, "the watch is NULL"))

int mnet_watch_tcp(struct mnet_set *set, struct mnet_watch *watch, struct mnet_flow *flow, unsigned wanted)
{
    REQUIRE_SET(set, watch);
    MN_REQUIRE_FLOW(flow);
    return begin(set, watch, &flows, (struct mnet_stream){NULL, flow}, wanted);
}

int mnet_watch_listener(struct mnet_set *set, struct mnet_watch *watch, struct mnet_listener *listener, unsigned wanted)
{
    REQUIRE_SET(set, watch);
    MN_REQUIRE_LISTENER(listener);
    return begin(set, watch, &listeners, (struct mnet_stream){NULL, listener}, wanted);
}

int mnet_watch_udp(struct mnet_set *set, struct mnet_watch *watch, struct mnet_udp *udp, unsigned wanted)
{
    REQUIRE_SET(set, watch);
    MN_REQUIRE_UDP(udp);
    return begin(set, watch, &endpoints, (struct mnet_stream){NULL, udp}, wanted);
}

int mnet_watch_stream(struct mnet_set *set, struct mnet_watch *watch, struct mnet_stream stream, unsigned wanted)
{
    REQUIRE_SET(set, watch);
    MN_REQUIRE(stream.ops != NULL, "the stream has no operations");
    return begin(set, watch, &streams, stream, wanted);
}

void mnet_watch_change(struct mnet_watch *watch, unsigned wanted, enum mnet_watch_mode mode)
{
    MN_REQUIRE(watch != NULL, "the watch is NULL");
    if (watch->set == NULL)
        return;
    watch->wanted = wanted | ALWAYS;
    watch->mode = mode;
    mn_watch_tell(watch, ALWAYS); /* mnet_wait_any will see whether it is ready */
}

void mnet_watch_end(struct mnet_watch *watch)
{
    MN_REQUIRE(watch != NULL, "the watch is NULL");
    if (watch->set == NULL)
        return;
    if (watch->kind->notify != NULL)
        mn_notify_leave(watch->kind->notify(watch->stream.object), watch);
    else
        mnet_stream_notify(watch->stream, NULL, NULL);
    mn_list_remove(&watch->link);
    watch->set = NULL;
}

void mnet_set_end(struct mnet_set *set)
{
    struct mnet_link *link;
    MN_REQUIRE(set != NULL, "the set is NULL");
    MN_REQUIRE(!mn_waiting(&set->waiters), "a task waits for the set");
    while ((link = mn_list_first(&set->idle)) != NULL || (link = mn_list_first(&set->told)) != NULL)
        mnet_watch_end(MN_CONTAINER(link, struct mnet_watch, link));
}

void mnet_set_notify(struct mnet_set *set, void (*notify)(void *context), void *context)
{
    MN_REQUIRE(set != NULL, "the set is NULL");
    set->notify = notify;
    set->notify_context = context;
}

/* ---- Waiting ---- */

/* Asks the object, and moves the watch to the list in which it belongs from now on. */
static bool find_ready(struct mnet_watch *watch)
{
    MN_DEBUG_ASSERT(watch->set != NULL && mn_list_linked(&watch->link));
    struct mnet_set *set = watch->set;
    watch->ready = watch->kind->ready(watch) & watch->wanted;
    bool again = watch->ready != 0 && watch->mode == MNET_WATCH_LEVEL;
    mn_list_remove(&watch->link);
    mn_list_append(again ? &set->told : &set->idle, &watch->link);
    if (watch->ready != 0 && watch->mode == MNET_WATCH_ONCE)
        watch->wanted = 0;
    return watch->ready != 0;
}

/* Asks each told member once, as long as there is room. */
static int collect(struct mnet_set *set, struct mnet_watch **ready, int max)
{
    MN_DEBUG_ASSERT(max > 0);
    int count = 0;
    struct mnet_link *last = mn_list_last(&set->told), *link = NULL;
    while (link != last && count < max) {
        link = mn_list_first(&set->told);
        struct mnet_watch *watch = MN_CONTAINER(link, struct mnet_watch, link);
        if (find_ready(watch))
            ready[count++] = watch;
    }
    return count;
}

int mnet_wait_any(struct mnet_set *set, struct mnet_watch **ready, int max, uint64_t deadline)
{
    MN_REQUIRE(set != NULL, "the set is NULL");
    if (ready == NULL || max < 1)
        return MNET_E_INVALID;
    for (;;) {
        int count = collect(set, ready, max);
        if (count > 0) {
            if (!mn_list_empty(&set->told))
                mn_wake_one(&set->waiters);
            return count;
        }
        int error = mn_wait(&set->waiters, deadline);
        if (error < 0)
            return error;
    }
}
