/* The link of an interface: the state of the kernel's end, and its existence.
 *
 * The kernel reports every change of an interface over a netlink socket, so no frame costs a system
 * call for it. The socket and the queue of frames are behind one descriptor (epoll), so that a
 * process that waits for frames is woken for either. If there was no frame, the socket is read, at
 * most once in a millisecond.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/base.h"
#include "ports/hosted/interface.h"
#include "ports/hosted/ring.h"

#define LOOK_NS MNET_MILLISECOND
/* IFF_LOWER_UP of linux/if.h, which cannot be included beside net/if.h. */
#define LOWER_UP 0x10000u
#define UP_FLAGS (IFF_UP | LOWER_UP) /* the interface, and its carrier */

static void watch(const struct mn_interface *interface, int fd)
{
    struct epoll_event readable = {.events = EPOLLIN};
    (void)epoll_ctl(interface->device.fd, EPOLL_CTL_ADD, fd, &readable);
}

/* Has the kernel say how the interface is now. */
static void ask(struct mn_interface *interface)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } question = {
        .header = {.nlmsg_len = sizeof question, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
        .link = {.ifi_index = interface->index},
    };
    (void)send(interface->link_fd, &question, sizeof question, MSG_DONTWAIT);
}

static void take_message(struct mn_interface *interface, const struct nlmsghdr *header)
{
    struct ifinfomsg link;
    if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len < NLMSG_LENGTH(sizeof link))
        return;
    memcpy(&link, NLMSG_DATA(header), sizeof link);
    if (link.ifi_index == interface->index)
        interface->device.link_down = (link.ifi_flags & UP_FLAGS) != UP_FLAGS;
}

static void take_messages(struct mn_interface *interface, const char *bytes, size_t len)
{
    struct nlmsghdr header;
    while (len >= sizeof header) {
        memcpy(&header, bytes, sizeof header);
        size_t step = NLMSG_ALIGN(header.nlmsg_len);
        if (header.nlmsg_len < sizeof header || step > len)
            return;
        take_message(interface, (const struct nlmsghdr *)(const void *)bytes);
        bytes += step;
        len -= step;
    }
}

bool mn_interface_changed(struct mn_interface *interface)
{
    _Alignas(struct nlmsghdr) char bytes[8192];
    bool changed = false;
    while (interface->link_fd >= 0) {
        ssize_t got = recv(interface->link_fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0 && errno != ENOBUFS && errno != EINTR)
            break;
        changed = true;
        if (got >= 0) {
            take_messages(interface, bytes, (size_t)got);
        } else if (errno == ENOBUFS) { /* something was lost */
            ask(interface);
        }
    }
    return changed;
}

bool mn_interface_look(struct mn_interface *interface, uint64_t now)
{
    if (now - interface->link_looked < LOOK_NS)
        return false;
    interface->link_looked = now;
    (void)mn_interface_changed(interface);
    return true;
}

void mn_interface_attach(struct mn_interface *interface, int fd)
{
    interface->fd = fd;
    interface->index = (int)if_nametoindex(interface->name);
    watch(interface, fd);
    if (interface->link_fd < 0) {
        interface->device.link_down = false; /* nobody tells */
        return;
    }
    ask(interface);
    (void)mn_interface_changed(interface);
}

void mn_interface_detach(struct mn_interface *interface)
{
    close(interface->fd); /* epoll forgets it */
    interface->fd = -1;
    interface->index = -1;
    interface->device.link_down = true;
    interface->looked = 0;
}

static int open_netlink(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int mn_interface_open(struct mn_interface *interface)
{
    interface->device.fd = epoll_create1(EPOLL_CLOEXEC);
    if (interface->device.fd < 0)
        return -1;
    interface->link_fd = open_netlink();
    if (interface->link_fd >= 0)
        watch(interface, interface->link_fd);
    return 0;
}

void mn_interface_close(struct mn_interface *interface)
{
    if (interface->queue != NULL)
        mn_queue_close(interface->queue);
    mn_ring_forget(interface->device.fd);
    const int fds[] = {interface->fd, interface->link_fd, interface->device.fd};
    for (size_t i = 0; i < MN_COUNT_OF(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}
