/* Frames to and from passt. The descriptor to wait for is an epoll set, because it is ready for
 * writing, too, as long as a part of a frame waits to be written. If passt ends, the link is down.
 */
#include "ports/passt/passt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "ports/hosted/hosted.h"
#include "ports/hosted/ring.h"
#include "ports/passt/passt_internal.h"

/* ---- Sending ---- */

/* Writes what waits. False if some of it still does. */
static bool flush(struct passt *passt)
{
    while (passt->out_begin < passt->out_end) {
        ssize_t sent = send(passt->socket, passt->out + passt->out_begin, passt->out_end - passt->out_begin,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        passt->out_begin += (size_t)sent;
    }
    bool all = passt->out_begin == passt->out_end;
    if (all)
        passt->out_begin = passt->out_end = 0;
    mn_passt_watch(passt, !all);
    return all;
}

/* False if there is no room. */
static bool append(struct passt *passt, const struct mnet_packet *packet)
{
    uint32_t length = htonl(packet->total);
    if (packet->total + sizeof length > sizeof passt->out - passt->out_end)
        return false;
    memcpy(passt->out + passt->out_end, &length, sizeof length);
    mnet_packet_copy_out(packet, 0, passt->out + passt->out_end + sizeof length, packet->total);
    passt->out_end += sizeof length + packet->total;
    return true;
}

static int passt_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct passt *passt = mn_passt_of(device);
    int taken = 0;
    if (device->link_down)
        return MNET_E_IO;
    while (taken < count && (append(passt, packets[taken]) || (flush(passt) && append(passt, packets[taken]))))
        mnet_packet_free(packets[taken++]);
    flush(passt);
    return taken;
}

/* ---- Receiving ---- */

static struct mnet_packet *make_packet(struct mnet_device *device, const uint8_t *frame, size_t len)
{
    struct mnet_packet *packet = len <= MNET_FRAME_MAX ? mnet_packet_alloc(device->memory) : NULL;
    if (packet != NULL && mnet_packet_append(packet, frame, len)) {
        packet->received_ns = mn_hosted_now(NULL);
        return packet;
    }
    mnet_packet_free(packet);
    device->rx_dropped++;
    return NULL;
}

/* Cuts the first frame off, if all of it is there. *packet is NULL if it had to be dropped. */
static bool take_frame(struct passt *passt, struct mnet_packet **packet)
{
    uint32_t length;
    size_t there = passt->in_end - passt->in_begin;
    if (there < sizeof length)
        return false;
    memcpy(&length, passt->in + passt->in_begin, sizeof length);
    length = ntohl(length);
    if (length > sizeof passt->in - sizeof length) {
        passt->confused = true;
        mn_passt_lose(passt);
        return false;
    }
    if (there - sizeof length < length)
        return false;
    *packet = make_packet(&passt->device, passt->in + passt->in_begin + sizeof length, length);
    passt->in_begin += sizeof length + length;
    return true;
}

/* Reads what has come behind the part of a frame that is left. */
static void fill(struct passt *passt)
{
    memmove(passt->in, passt->in + passt->in_begin, passt->in_end - passt->in_begin);
    passt->in_end -= passt->in_begin;
    passt->in_begin = 0;
    ssize_t got = recv(passt->socket, passt->in + passt->in_end, sizeof passt->in - passt->in_end, MSG_DONTWAIT);
    if (got > 0)
        passt->in_end += (size_t)got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        mn_passt_lose(passt);
}

static int passt_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct passt *passt = mn_passt_of(device);
    struct mnet_packet *packet;
    int count = 0;
    bool filled = false;
    if (device->link_down)
        return passt->confused ? MNET_E_IO : 0;
    if (passt->out_end > 0)
        flush(passt);
    while (count < max) {
        if (take_frame(passt, &packet)) {
            if (packet != NULL)
                packets[count++] = packet;
        } else if (filled || device->link_down) {
            break;
        } else {
            fill(passt);
            filled = true;
        }
    }
    return count;
}

/* ---- Waiting and the end ---- */

static void passt_wait(struct mnet_device *device, uint64_t deadline)
{
    struct pollfd ready = {device->fd, POLLIN, 0};
    if (mn_passt_of(device)->in_end == mn_passt_of(device)->in_begin)
        mn_hosted_wait(&ready, 1, deadline);
}

static void passt_close(struct mnet_device *device)
{
    struct passt *passt = mn_passt_of(device);
    mn_passt_lose(passt); /* at which passt ends, unless it waits for something else */
    if (passt->pid > 0 && kill(passt->pid, SIGTERM) == 0)
        waitpid(passt->pid, NULL, 0);
    mn_ring_forget(device->fd);
    close(device->fd);
    free(passt);
}

const struct mnet_device_ops mn_passt_ops = {passt_rx, passt_tx, passt_wait, passt_close};

void mn_passt_watch(struct passt *passt, bool room)
{
    struct epoll_event event = {.events = EPOLLIN | (room ? EPOLLOUT : 0)};
    if (passt->room_awaited == room || passt->socket < 0)
        return;
    passt->room_awaited = room;
    (void)epoll_ctl(passt->device.fd, EPOLL_CTL_MOD, passt->socket, &event);
}

void mn_passt_lose(struct passt *passt)
{
    if (passt->socket >= 0)
        close(passt->socket);
    passt->socket = -1;
    passt->device.link_down = true;
}
