/* Files as members of sets. A file is a stream that can only be watched (mnet/watch.h): `notify` of
 * an item stores the callback of the set, and mn_file_tell calls those of all items. */
#include "socket/socket.h"

#define EVENTS_IN (MNET_POLLIN | MNET_POLLRDNORM)
#define EVENTS_OUT (MNET_POLLOUT | MNET_POLLWRNORM)

unsigned mn_ready_of_events(uint32_t events)
{
    return (events & EVENTS_IN ? MNET_READABLE : 0u) | (events & EVENTS_OUT ? MNET_WRITABLE : 0u) |
           (events & MNET_POLLPRI ? MNET_URGENT : 0u) | (events & MNET_POLLRDHUP ? MNET_ENDED : 0u);
}

uint32_t mn_events_of_ready(unsigned ready)
{
    return (ready & MNET_READABLE ? EVENTS_IN : 0u) | (ready & MNET_WRITABLE ? EVENTS_OUT : 0u) |
           (ready & MNET_URGENT ? MNET_POLLPRI : 0u) | (ready & MNET_ENDED ? MNET_POLLRDHUP : 0u) |
           (ready & MNET_HUNG_UP ? MNET_POLLHUP : 0u) | (ready & MNET_FAILED ? MNET_POLLERR : 0u);
}

static unsigned item_ready(const void *object)
{
    struct mn_file *file = ((const struct mn_item *)object)->file;
    return file->ready(file);
}

static void set_notify(void *object, void (*notify)(void *context, unsigned ready), void *context)
{
    struct mn_item *item = object;
    item->notify = notify;
    item->notify_context = context;
}

static const struct mnet_stream_ops item_ops = {.ready = item_ready, .notify = set_notify};

void mn_item_join(struct mn_item *item, struct mnet_set *set, unsigned wanted, enum mnet_watch_mode mode)
{
    MN_DEBUG_ASSERT(!mn_list_linked(&item->of_file));
    mn_list_append(&item->file->items, &item->of_file);
    mnet_watch_stream(set, &item->watch, (struct mnet_stream){&item_ops, item}, wanted);
    mnet_watch_change(&item->watch, wanted, mode);
}

void mn_item_leave(struct mn_item *item)
{
    mnet_watch_end(&item->watch);
    mn_list_remove(&item->of_file);
    MN_DEBUG_ASSERT(!mn_list_linked(&item->of_file));
}

void mn_file_tell(struct mn_file *file)
{
    struct mnet_link *head = &file->items;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        struct mn_item *item = MN_CONTAINER(at, struct mn_item, of_file);
        if (item->notify != NULL)
            item->notify(item->notify_context, ~0u); /* mnet_wait_any asks whether it is ready */
    }
}

int mn_file_wait(struct mn_file *file, unsigned wanted, uint64_t deadline)
{
    struct mnet_set set = {0};
    struct mn_item item = {.file = file};
    struct mnet_watch *ready;
    mn_item_join(&item, &set, wanted, MNET_WATCH_LEVEL);
    int count = mnet_wait_any(&set, &ready, 1, deadline);
    mn_item_leave(&item);
    MN_DEBUG_ASSERT(count != 0);
    return count > 0 ? 0 : mn_errno(count, MNET_UNREACHABLE_NONE);
}

void mn_socket_take_event(void *context, unsigned ready)
{
    (void)ready;
    mn_file_tell(&((struct mn_socket *)context)->file);
}

void mn_item_drop(struct mn_item *item)
{
    MN_DEBUG_ASSERT(mn_list_linked(&item->of_epoll));
    mn_item_leave(item);
    mn_list_remove(&item->of_epoll);
    mn_sockets_free(item->sockets, item, sizeof *item);
}

/* Items of a poll in progress stay: that call has a reference. */
void mn_items_forget(struct mn_file *file)
{
    MN_DEBUG_ASSERT(file->descriptors == 0);
    struct mnet_link *head = &file->items, *next;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = next) {
        struct mn_item *item = MN_CONTAINER(at, struct mn_item, of_file);
        next = at->next;
        if (mn_list_linked(&item->of_epoll))
            mn_item_drop(item);
    }
}
