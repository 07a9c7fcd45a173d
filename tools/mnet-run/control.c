/* Control messages of datagrams: src/socket reads and writes them, for a socket that is made up of
 * the settings of the program's. */
#include <errno.h>
#include <sys/socket.h>

#include "socket/socket.h"
#include "stack/stack.h"
#include "tools/mnet-run/run.h"

/* More than those that a datagram may be sent with, or is received with, need. */
#define CONTROL_MAX ((size_t)512)

static void make_up(struct runner *run, const struct run_socket *from, struct mn_socket *socket,
                    struct mnet_sockets *table)
{
    const struct run_settings *settings = &from->settings;
    table->stack = run->stack;
    socket->sockets = table;
    socket->ops = &mn_udp_socket;
    socket->domain = from->family;
    socket->udp = from->udp;
    socket->options.ip[MN_IP_V4].tells_packet = settings->tells_packet;
    socket->options.ip[MN_IP_V4].tells_ttl = settings->tells_ttl;
    socket->options.ip[MN_IP_V4].tells_tos = settings->tells_tos;
    socket->options.ip[MN_IP_V6].tells_packet = settings->tells_packet6;
    socket->options.ip[MN_IP_V6].tells_ttl = settings->tells_hops;
    socket->options.ip[MN_IP_V6].tells_tos = settings->tells_class;
}

int run_control_read(struct runner *run, const struct run_socket *from, const struct run_call *call,
                     struct run_control control, struct mnet_address to, struct run_header *header)
{
    _Alignas(8) char bytes[CONTROL_MAX];
    struct mnet_sockets table = {0};
    struct mn_socket socket = {0};
    struct mn_message message = {.control = bytes, .control_len = control.len};
    if (control.len > sizeof bytes)
        return -ENOBUFS;
    if (!run_read(run, call, control.address, bytes, control.len))
        return -EFAULT;
    make_up(run, from, &socket, &table);
    int error = mn_control_read(&socket, to, &message);
    message.local.zone = run_zone_of(message.local.zone);
    *header = (struct run_header){message.local, message.ttl, message.tos, message.dont_fragment};
    return error;
}

/* The number of the program's interface stands for the zone. */
static uint16_t interface_of(struct runner *run, struct mnet_address address)
{
    struct run_interface all[RUN_INTERFACES];
    run_interfaces(run, all);
    return run_is_loopback(address) ? 0 : (uint16_t)all[1].index;
}

static bool tells_nothing(const struct run_settings *settings)
{
    return !settings->tells_packet && !settings->tells_ttl && !settings->tells_tos && !settings->tells_packet6 &&
           !settings->tells_hops && !settings->tells_class;
}

bool run_control_write(struct runner *run, const struct run_socket *from, const struct run_call *call,
                       const struct run_sender *sender, struct run_control *control, int *flags)
{
    _Alignas(8) char bytes[CONTROL_MAX];
    struct mnet_sockets table = {0};
    struct mn_socket socket = {0};
    struct mn_message message = {.remote = sender->remote,
                                 .is_remote = true,
                                 .local = sender->header.local,
                                 .ttl = sender->header.ttl,
                                 .tos = sender->header.tos};
    struct mnet_msghdr header = {.msg_control = control->address != 0 ? bytes : NULL,
                                 .msg_controllen = MN_MIN(control->len, sizeof bytes)};
    if (tells_nothing(&from->settings)) {
        control->len = 0;
        return true;
    }
    make_up(run, from, &socket, &table);
    message.local.zone = interface_of(run, message.local);
    mn_control_write(&socket, &message, &header);
    *flags |= header.msg_flags;
    control->len = header.msg_controllen;
    return control->len == 0 || run_write(run, call, control->address, bytes, control->len);
}
