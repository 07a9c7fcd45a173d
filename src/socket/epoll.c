/* epoll: a set of items that lasts. A descriptor may be in several. An item belongs to a descriptor
 * and its file, and leaves when the last descriptor of the file is closed, as on Linux. */
#include "socket/socket.h"

static void destroy(struct mnet_sockets *sockets, struct mn_file *file, bool linger)
{
    MN_DEBUG_ASSERT(file->kind == MN_FILE_EPOLL && file->references == 0 && mn_list_empty(&file->items));
    struct mn_epoll *epoll = MN_CONTAINER(file, struct mn_epoll, file);
    struct mnet_link *link;
    (void)linger;
    while ((link = mn_list_first(&epoll->items)) != NULL)
        mn_item_drop(MN_CONTAINER(link, struct mn_item, of_epoll));
    mn_sockets_free(sockets, epoll, sizeof *epoll);
}

int mnet_socket_epoll_create(struct mnet_sockets *sockets)
{
    MN_REQUIRE(sockets != NULL, "there is no table");
    struct mn_epoll *epoll = mn_sockets_alloc(sockets, sizeof *epoll);
    if (epoll == NULL)
        return -MNET_ENOMEM;
    epoll->file = (struct mn_file){.kind = MN_FILE_EPOLL, .references = 1, .destroy = destroy};
    int fd = mn_file_install(sockets, &epoll->file);
    if (fd < 0)
        mn_file_release(sockets, &epoll->file, false);
    return fd;
}

static struct mn_item *find(const struct mn_epoll *epoll, const struct mn_file *file, int fd)
{
    const struct mnet_link *head = &file->items;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        struct mn_item *item = MN_CONTAINER(at, struct mn_item, of_file);
        if (item->fd == fd && item->epoll == epoll)
            return item;
    }
    return NULL;
}

static enum mnet_watch_mode mode_of(uint32_t events)
{
    if (events & MNET_EPOLLONESHOT)
        return MNET_WATCH_ONCE;
    return events & MNET_EPOLLET ? MNET_WATCH_EDGE : MNET_WATCH_LEVEL;
}

static int add(struct mnet_sockets *sockets, struct mn_epoll *epoll, struct mn_file *file, int fd,
               const struct mnet_epoll_event *event)
{
    MN_DEBUG_ASSERT(find(epoll, file, fd) == NULL);
    struct mn_item *item = mn_sockets_alloc(sockets, sizeof *item);
    if (item == NULL)
        return -MNET_ENOMEM;
    item->sockets = sockets;
    item->file = file;
    item->epoll = epoll;
    item->fd = fd;
    item->events = event->events;
    item->data = event->data;
    mn_list_append(&epoll->items, &item->of_epoll);
    mn_item_join(item, &epoll->set, mn_ready_of_events(event->events), mode_of(event->events));
    return 0;
}

static int modify(struct mn_item *item, const struct mnet_epoll_event *event)
{
    MN_DEBUG_ASSERT(item->epoll != NULL);
    item->events = event->events;
    item->data = event->data;
    mnet_watch_change(&item->watch, mn_ready_of_events(event->events), mode_of(event->events));
    return 0;
}

static int control(struct mnet_sockets *sockets, struct mn_file *epoll_file, int operation, struct mn_file *file,
                   int fd, const struct mnet_epoll_event *event)
{
    if (epoll_file->kind != MN_FILE_EPOLL || file->ready == NULL)
        return -MNET_EINVAL;
    if (operation != MNET_EPOLL_CTL_DEL && event == NULL)
        return -MNET_EFAULT;
    struct mn_epoll *epoll = MN_CONTAINER(epoll_file, struct mn_epoll, file);
    struct mn_item *item = find(epoll, file, fd);
    switch (operation) {
    case MNET_EPOLL_CTL_ADD: return item != NULL ? -MNET_EEXIST : add(sockets, epoll, file, fd, event);
    case MNET_EPOLL_CTL_MOD: return item == NULL ? -MNET_ENOENT : modify(item, event);
    case MNET_EPOLL_CTL_DEL:
        if (item == NULL)
            return -MNET_ENOENT;
        mn_item_drop(item);
        return 0;
    default: return -MNET_EINVAL;
    }
}

int mnet_socket_epoll_ctl(struct mnet_sockets *sockets, int epoll, int operation, int fd,
                          const struct mnet_epoll_event *event)
{
    struct mn_file *epoll_file = mn_file_hold(sockets, epoll);
    if (epoll_file == NULL)
        return -MNET_EBADF;
    struct mn_file *file = mn_file_hold(sockets, fd);
    int error = file == NULL ? -MNET_EBADF : control(sockets, epoll_file, operation, file, fd, event);
    if (file != NULL)
        mn_file_release(sockets, file, true);
    mn_file_release(sockets, epoll_file, false);
    return error;
}

#define BATCH 32

/* Stores events of up to BATCH members. */
static int collect(struct mn_epoll *epoll, struct mnet_epoll_event *events, int max, uint64_t deadline)
{
    struct mnet_watch *ready[BATCH];
    int count = mnet_wait_any(&epoll->set, ready, max < BATCH ? max : BATCH, deadline);
    for (int i = 0; i < count; i++) {
        const struct mn_item *item = MN_CONTAINER(ready[i], struct mn_item, watch);
        MN_DEBUG_ASSERT(item->epoll == epoll && item->file->descriptors > 0);
        uint32_t wanted = item->events | MNET_POLLERR | MNET_POLLHUP;
        events[i].events = mn_events_of_ready(ready[i]->ready) & wanted;
        events[i].data = item->data;
    }
    return count;
}

static int wait_on(struct mn_file *file, struct mnet_epoll_event *events, int max, uint64_t deadline)
{
    if (file->kind != MN_FILE_EPOLL || max <= 0)
        return -MNET_EINVAL;
    if (events == NULL)
        return -MNET_EFAULT;
    int count = collect(MN_CONTAINER(file, struct mn_epoll, file), events, max, mnet_self() != NULL ? deadline : 0);
    if (count == MNET_E_CANCELLED)
        return -MNET_EINTR;
    return count < 0 ? 0 : count;
}

int mnet_socket_epoll_wait(struct mnet_sockets *sockets, int epoll, struct mnet_epoll_event *events, int max,
                           uint64_t deadline)
{
    struct mn_file *file = mn_file_hold(sockets, epoll);
    if (file == NULL)
        return -MNET_EBADF;
    int count = wait_on(file, events, max, deadline);
    mn_file_release(sockets, file, false);
    return count;
}
