/* poll and select: each descriptor becomes an item of a set that lives as long as the call. */
#include <string.h>

#include "socket/socket.h"

#define ALWAYS (MNET_POLLERR | MNET_POLLHUP | MNET_POLLNVAL)

/* Looks at one descriptor. */
static short look(struct mnet_sockets *sockets, const struct mnet_pollfd *fd)
{
    struct mn_file **place = mn_file_place(sockets, fd->fd);
    struct mn_file *file = place != NULL ? *place : NULL;
    if (file == NULL || file->ready == NULL)
        return MNET_POLLNVAL;
    uint32_t events = mn_events_of_ready(file->ready(file));
    return (short)(events & ((uint32_t)(uint16_t)fd->events | ALWAYS));
}

/* Looks at all. Returns how many have events. */
static int look_at_all(struct mnet_sockets *sockets, struct mnet_pollfd *fds, unsigned count)
{
    int found = 0;
    for (unsigned i = 0; i < count; i++) {
        fds[i].revents = fds[i].fd < 0 ? 0 : look(sockets, &fds[i]);
        found += fds[i].revents != 0;
    }
    return found;
}

static void begin(struct mnet_sockets *sockets, const struct mnet_pollfd *fd, struct mn_item *item,
                  struct mnet_set *set)
{
    item->file = fd->fd < 0 ? NULL : mn_file_hold(sockets, fd->fd);
    if (item->file != NULL)
        mn_item_join(item, set, mn_ready_of_events((uint16_t)fd->events), MNET_WATCH_LEVEL);
}

static void end(struct mnet_sockets *sockets, struct mn_item *item)
{
    if (item->file == NULL)
        return;
    mn_item_leave(item);
    mn_file_release(sockets, item->file, true);
}

static int wait_for_all(struct mnet_sockets *sockets, struct mnet_pollfd *fds, unsigned count, struct mn_item *items,
                        uint64_t deadline)
{
    struct mnet_set set = {0};
    struct mnet_watch *ready;
    for (unsigned i = 0; i < count; i++)
        begin(sockets, &fds[i], &items[i], &set);
    MN_DEBUG_ASSERT(deadline != 0);
    int result = mnet_wait_any(&set, &ready, 1, deadline);
    for (unsigned i = 0; i < count; i++)
        end(sockets, &items[i]);
    if (result == MNET_E_CANCELLED)
        return -MNET_EINTR;
    return look_at_all(sockets, fds, count);
}

int mnet_socket_poll(struct mnet_sockets *sockets, struct mnet_pollfd *fds, unsigned count, uint64_t deadline)
{
    MN_REQUIRE(sockets != NULL, "there is no table");
    if (count > sockets->max)
        return -MNET_EINVAL;
    if (fds == NULL && count > 0)
        return -MNET_EFAULT;
    int found = look_at_all(sockets, fds, count);
    if (found > 0 || deadline == 0 || mnet_self() == NULL)
        return found;
    size_t size = (count + 1) * sizeof(struct mn_item);
    struct mn_item *items = mn_sockets_alloc(sockets, size);
    if (items == NULL)
        return -MNET_ENOMEM;
    found = wait_for_all(sockets, fds, count, items, deadline);
    mn_sockets_free(sockets, items, size);
    return found;
}

/* ---- select ---- */

static bool is_set(const struct mnet_fd_set *set, int fd)
{
    return set != NULL && (set->bits[fd / 64] >> fd % 64 & 1) != 0;
}

static int put(struct mnet_fd_set *set, int fd, bool on)
{
    if (set != NULL && on)
        set->bits[fd / 64] |= UINT64_C(1) << fd % 64;
    return on;
}

static unsigned list(int count, const struct mnet_fd_set *const sets[3], struct mnet_pollfd *fds)
{
    static const short events[3] = {MNET_POLLIN | MNET_POLLRDHUP, MNET_POLLOUT, MNET_POLLPRI};
    unsigned used = 0;
    for (int fd = 0; fd < count; fd++) {
        short wanted = 0;
        for (int i = 0; i < 3; i++)
            wanted = (short)(wanted | (is_set(sets[i], fd) ? events[i] : 0));
        if (wanted != 0)
            fds[used++] = (struct mnet_pollfd){.fd = fd, .events = wanted};
    }
    return used;
}

/* A descriptor at its end is readable, too. One that has failed is readable and writable. */
static int report(const struct mnet_pollfd *fds, unsigned used, struct mnet_fd_set *sets[3])
{
    int found = 0;
    for (int i = 0; i < 3; i++) {
        if (sets[i] != NULL)
            memset(sets[i], 0, sizeof *sets[i]);
    }
    for (unsigned i = 0; i < used; i++) {
        const struct mnet_pollfd *fd = &fds[i];
        if (fd->revents & MNET_POLLNVAL)
            return -MNET_EBADF;
        found += put(sets[0], fd->fd,
                     (fd->events & MNET_POLLIN) && (fd->revents & (MNET_POLLIN | MNET_POLLHUP | MNET_POLLERR)));
        found += put(sets[1], fd->fd, (fd->events & MNET_POLLOUT) && (fd->revents & (MNET_POLLOUT | MNET_POLLERR)));
        found += put(sets[2], fd->fd, (fd->revents & MNET_POLLPRI) != 0);
    }
    return found;
}

int mnet_socket_select(struct mnet_sockets *sockets, int count, struct mnet_fd_set *readable,
                       struct mnet_fd_set *writable, struct mnet_fd_set *exceptional, uint64_t deadline)
{
    struct mnet_fd_set *sets[3] = {readable, writable, exceptional};
    const struct mnet_fd_set *asked[3] = {readable, writable, exceptional};
    MN_REQUIRE(sockets != NULL, "there is no table");
    if (count < 0 || count > MNET_FD_SETSIZE)
        return -MNET_EINVAL;
    size_t size = ((size_t)count + 1) * sizeof(struct mnet_pollfd);
    struct mnet_pollfd *fds = mn_sockets_alloc(sockets, size);
    if (fds == NULL)
        return -MNET_ENOMEM;
    unsigned used = list(count, asked, fds);
    MN_DEBUG_ASSERT(used <= (unsigned)count);
    int found = mnet_socket_poll(sockets, fds, used, deadline);
    if (found >= 0)
        found = report(fds, used, sets);
    mn_sockets_free(sockets, fds, size);
    return found;
}
