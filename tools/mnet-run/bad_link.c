/* A bad link between a stack and its device: the frames of both pass through a link of the
 * simulator (mnet/sim.h), whose clock follows the real one. The descriptor to wait for is an epoll
 * set of the device's and of a timer, which is set for the next arrival of a frame.
 */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ports/sim/internal.h"
#include "tools/mnet-run/run.h"

#define BATCH 64

struct bad_link {
    struct mnet_device device, *inner;
    struct mnet_sim *sim;
    struct mnet_sim_host *near, *far; /* the ends at the stack, and at the device */
    uint64_t offset;                  /* of the real clock to the simulated one */
    int timer;
    uint8_t frame[MNET_FRAME_MAX];
};

static struct bad_link *link_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct bad_link, device);
}

/* ---- Frames ---- */

/* Puts a packet on the link at one end. */
static void put(struct bad_link *link, struct mnet_sim_host *end, struct mnet_packet *packet)
{
    mnet_packet_copy_out(packet, 0, link->frame, packet->total);
    mnet_sim_send(end, link->frame, packet->total);
    mnet_packet_free(packet);
}

/* Takes a frame off the link at one end, as a packet of the stack's memory. */
static struct mnet_packet *take(struct bad_link *link, struct mnet_sim_host *end)
{
    size_t len;
    while ((len = mnet_sim_receive(end, link->frame, sizeof link->frame)) > 0) {
        struct mnet_packet *packet = mnet_packet_alloc(link->device.memory);
        if (packet != NULL && mnet_packet_append(packet, link->frame, len))
            return packet;
        mnet_packet_free(packet);
        link->device.rx_dropped++;
    }
    return NULL;
}

/* Frames that have come through the link leave by the device. */
static void send_all(struct bad_link *link)
{
    struct mnet_packet *packet;
    while ((packet = take(link, link->far)) != NULL) {
        if (link->inner->ops->tx(link->inner, &packet, 1) != 1) {
            mnet_packet_free(packet);
            link->device.tx_dropped++;
        }
    }
}

static void receive_all(struct bad_link *link)
{
    struct mnet_packet *packets[BATCH];
    int count;
    link->inner->memory = link->device.memory;
    while ((count = link->inner->ops->rx(link->inner, packets, BATCH)) > 0) {
        for (int i = 0; i < count; i++)
            put(link, link->far, packets[i]);
    }
    link->device.link_down = link->inner->link_down;
}

static void set_timer(const struct bad_link *link)
{
    uint64_t at = mn_sim_next_arrival(link->sim);
    struct itimerspec due = {0};
    if (at != MNET_NEVER) {
        at += link->offset;
        due.it_value.tv_sec = (time_t)(at / MNET_SECOND);
        due.it_value.tv_nsec = (long)(at % MNET_SECOND);
    }
    timerfd_settime(link->timer, TFD_TIMER_ABSTIME, &due, NULL);
}

/* Lets the simulated clock catch up with the real one. */
static void catch_up(struct bad_link *link)
{
    uint64_t now = mn_hosted_now(NULL) - link->offset;
    receive_all(link);
    while (mnet_sim_now(link->sim) < now)
        mnet_sim_advance(link->sim, now);
    send_all(link);
    set_timer(link);
}

/* ---- The device ---- */

static int bad_link_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct bad_link *link = link_of(device);
    int count = 0;
    catch_up(link);
    while (count < max && (packets[count] = take(link, link->near)) != NULL)
        packets[count++]->received_ns = mn_hosted_now(NULL);
    return count;
}

static int bad_link_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct bad_link *link = link_of(device);
    int taken = 0;
    catch_up(link);
    while (taken < count && mn_sim_has_room(link->near))
        put(link, link->near, packets[taken++]);
    set_timer(link);
    return taken;
}

static void bad_link_wait(struct mnet_device *device, uint64_t deadline)
{
    struct pollfd readable = {device->fd, POLLIN, 0};
    mn_hosted_wait(&readable, 1, deadline);
}

static void bad_link_close(struct mnet_device *device)
{
    struct bad_link *link = link_of(device);
    link->inner->ops->close(link->inner);
    mnet_sim_destroy(link->sim);
    close(link->timer);
    close(device->fd);
    free(link);
}

static const struct mnet_device_ops bad_link_ops = {bad_link_rx, bad_link_tx, bad_link_wait, bad_link_close};

/* ---- Making ---- */

static bool watch(const struct bad_link *link, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(link->device.fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool make_sim(struct bad_link *link, const struct mnet_sim_path *path)
{
    link->sim = mnet_sim_create(1);
    link->near = link->sim != NULL ? mnet_sim_host(link->sim, "near", NULL) : NULL;
    link->far = link->sim != NULL ? mnet_sim_host(link->sim, "far", NULL) : NULL;
    if (link->near == NULL || link->far == NULL || !mnet_sim_link(link->sim, link->near, link->far, path))
        return false;
    link->offset = mn_hosted_now(NULL) - mnet_sim_now(link->sim);
    return true;
}

struct mnet_device *run_bad_link(struct mnet_device *inner, const struct mnet_sim_path *path)
{
    struct bad_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->inner = inner;
    link->device = (struct mnet_device){.ops = &bad_link_ops, .name = inner->name, .mtu = inner->mtu};
    link->device.zone = inner->zone;
    for (size_t i = 0; i < sizeof link->device.mac; i++)
        link->device.mac[i] = inner->mac[i];
    link->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    link->device.fd = epoll_create1(EPOLL_CLOEXEC);
    if (make_sim(link, path) && link->timer >= 0 && link->device.fd >= 0 && watch(link, link->timer) &&
        watch(link, inner->fd))
        return &link->device;
    bad_link_close(&link->device);
    return NULL;
}
