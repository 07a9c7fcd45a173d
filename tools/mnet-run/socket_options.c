/* Options of sockets.
 *
 * Those of SOL_SOCKET that mnet-run does not know are the kernel's: it keeps them with the
 * program's end, and they are what they are there. A table has those of other levels.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

#include <mnet/socket.h>

#include "base/base.h"
#include "tools/mnet-run/run.h"

/* ---- The program's memory ---- */

/* Reads a number as options have it. Returns 0 or a negative errno. */
static int64_t read_number(const struct runner *run, const struct run_call *call, int *value)
{
    unsigned char byte = 0;
    int len = (int)call->arguments[4];
    *value = 0;
    bool may_be_byte = call->arguments[1] == IPPROTO_IP;
    if (len < (may_be_byte ? 1 : (int)sizeof *value))
        return -EINVAL;
    if (len < (int)sizeof *value) {
        bool read = run_read(run, call, call->arguments[3], &byte, 1);
        *value = byte;
        return read ? 0 : -EFAULT;
    }
    return run_read(run, call, call->arguments[3], value, sizeof *value) ? 0 : -EFAULT;
}

/* Writes the value of an option, as much of it as the program has room for, and its length. */
static int64_t write_value(const struct runner *run, const struct run_call *call, const void *value, size_t size)
{
    int room;
    if (!run_read(run, call, call->arguments[4], &room, sizeof room))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    int len = (int)MN_MIN((size_t)room, size);
    const struct run_piece pieces[] = {
        {call->arguments[3], value, (size_t)len},
        {call->arguments[4], &len, sizeof len},
    };
    return run_write_pieces(run, call, pieces, MN_COUNT_OF(pieces)) ? 0 : -EFAULT;
}

static int64_t write_number(const struct runner *run, const struct run_call *call, int value)
{
    return write_value(run, call, &value, sizeof value);
}

/* ---- Flows ---- */

static uint64_t seconds(int value)
{
    return (uint64_t)value * MNET_SECOND;
}

void run_apply_settings(const struct run_socket *socket)
{
    const struct run_settings *settings = &socket->settings;
    struct mnet_flow *flow = socket->flow;
    if (flow == NULL)
        return;
    const struct mnet_keepalive keepalive = {
        .idle_ns = seconds(settings->keep_idle_s),
        .interval_ns = seconds(settings->keep_interval_s),
        .probes = settings->keep_count != 0 ? (unsigned)MN_MAX(settings->keep_count, 2) : 0,
    };
    mnet_tcp_set_no_delay(flow, settings->no_delay);
    mnet_tcp_set_cork(flow, settings->cork);
    mnet_tcp_set_keepalive(flow, settings->keepalive ? &keepalive : NULL);
    mnet_tcp_set_user_timeout(flow, (uint64_t)settings->user_timeout_ms * MNET_MILLISECOND);
    if (settings->ttl != 0)
        mnet_tcp_set_ttl(flow, (uint8_t)settings->ttl);
    if (settings->dscp != 0)
        mnet_tcp_set_dscp(flow, (uint8_t)settings->dscp);
}

/* ---- Options that are numbers ---- */

/* What an option has an effect on. */
enum effect {
    SETTING, /* a field of struct run_settings */
    HINT,    /* nothing: programs do as well without it. Read as 0 */
};

struct option {
    int level, name;
    enum effect effect;
    int least, most; /* of a setting */
    int shift;       /* a setting is kept without so many low bits */
    size_t offset, size;
};

#define FIELD(field) offsetof(struct run_settings, field), sizeof((struct run_settings *)0)->field

static const struct option options[] = {
    {SOL_SOCKET, SO_REUSEPORT, SETTING, 0, 1, 0, FIELD(reuse_port)},
    {SOL_SOCKET, SO_KEEPALIVE, SETTING, 0, 1, 0, FIELD(keepalive)},
    {IPPROTO_TCP, TCP_NODELAY, SETTING, 0, 1, 0, FIELD(no_delay)},
    {IPPROTO_TCP, TCP_KEEPIDLE, SETTING, 1, 32767, 0, FIELD(keep_idle_s)},
    {IPPROTO_TCP, TCP_KEEPINTVL, SETTING, 1, 32767, 0, FIELD(keep_interval_s)},
    {IPPROTO_TCP, TCP_KEEPCNT, SETTING, 1, 127, 0, FIELD(keep_count)},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, SETTING, 0, INT32_MAX, 0, FIELD(user_timeout_ms)},
    {IPPROTO_TCP, TCP_CORK, SETTING, 0, 1, 0, FIELD(cork)},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_TCP, TCP_LINGER2, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_TCP, TCP_MAXSEG, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_TCP, TCP_QUICKACK, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_TCP, TCP_SYNCNT, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_IP, IP_TTL, SETTING, 1, 255, 0, FIELD(ttl)},
    {IPPROTO_IP, IP_TOS, SETTING, 0, 255, 2, FIELD(dscp)},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_IP, IP_MTU_DISCOVER, SETTING, 0, 5, 0, FIELD(mtu_discover)},
    {IPPROTO_IP, IP_MULTICAST_ALL, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_IP, IP_MULTICAST_IF, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_IP, IP_MULTICAST_TTL, SETTING, 0, 255, 0, FIELD(group_ttl)},
    {IPPROTO_IP, IP_RECVERR, SETTING, 0, 1, 0, FIELD(icmp_errors)},
    {IPPROTO_IP, IP_PKTINFO, SETTING, 0, 1, 0, FIELD(tells_packet)},
    {IPPROTO_IP, IP_RECVTTL, SETTING, 0, 1, 0, FIELD(tells_ttl)},
    {IPPROTO_IP, IP_RECVTOS, SETTING, 0, 1, 0, FIELD(tells_tos)},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, SETTING, 0, 1, 0, FIELD(tells_packet6)},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, SETTING, 0, 1, 0, FIELD(tells_hops)},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, SETTING, 0, 1, 0, FIELD(tells_class)},
    {IPPROTO_IPV6, IPV6_V6ONLY, SETTING, 0, 1, 0, FIELD(v6_only)},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, SETTING, 1, 255, 0, FIELD(ttl)},
    {IPPROTO_IPV6, IPV6_TCLASS, SETTING, 0, 255, 2, FIELD(dscp)},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, SETTING, 0, 5, 0, FIELD(mtu_discover)},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, SETTING, 0, 255, 0, FIELD(group_ttl)},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, HINT, 0, 0, 0, 0, 0},
    {IPPROTO_IPV6, IPV6_RECVERR, SETTING, 0, 1, 0, FIELD(icmp_errors)},
};

static const struct option *find_option(int level, int name)
{
    for (size_t i = 0; i < MN_COUNT_OF(options); i++) {
        if (options[i].level == level && options[i].name == name)
            return &options[i];
    }
    return NULL;
}

static int get_field(const struct run_settings *settings, const struct option *option)
{
    const char *field = (const char *)settings + option->offset;
    int number;
    if (option->size == sizeof(bool))
        return *(const bool *)field;
    memcpy(&number, field, sizeof number);
    return number << option->shift;
}

static int64_t set_field(struct run_settings *settings, const struct option *option, int value)
{
    char *field = (char *)settings + option->offset;
    if (option->size == sizeof(bool)) {
        *(bool *)field = value != 0;
        return 0;
    }
    if (value < option->least || value > option->most)
        return -EINVAL;
    value >>= option->shift;
    memcpy(field, &value, sizeof value);
    return 0;
}

static int64_t set_option(struct runner *run, struct run_socket *socket, const struct option *option,
                          const struct run_call *call)
{
    int value;
    int64_t result = read_number(run, call, &value);
    if (option->level == IPPROTO_TCP && option->name == TCP_CORK)
        run_take_written(run, socket); /* all of it is sent together when the cork goes */
    if (result == 0 && option->effect == SETTING)
        result = set_field(&socket->settings, option, value);
    if (result == 0)
        run_apply_settings(socket);
    return result;
}

/* ---- Others ---- */

static int64_t set_linger(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    struct linger linger;
    if ((int)call->arguments[4] < (int)sizeof linger)
        return -EINVAL;
    if (!run_read(run, call, call->arguments[3], &linger, sizeof linger))
        return -EFAULT;
    if (linger.l_onoff != 0 && linger.l_linger != 0)
        run_note(run,
                 "setsockopt(SOL_SOCKET, SO_LINGER) with a time: close does not wait, the data is still delivered");
    socket->settings.reset_at_close = linger.l_onoff != 0 && linger.l_linger == 0;
    return 0;
}

static int64_t get_linger(struct runner *run, const struct run_socket *socket, const struct run_call *call)
{
    const struct linger linger = {.l_onoff = socket->settings.reset_at_close};
    return write_value(run, call, &linger, sizeof linger);
}

/* SO_SNDBUF is the kernel's, but not while the socket connects: with more room the program's end
 * would be writable. */
static int64_t set_room(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    int value;
    if (socket->room == 0)
        return RUN_CONTINUE;
    int64_t result = read_number(run, call, &value);
    if (result == 0)
        socket->room = (int)MN_MIN(MN_MAX((unsigned)value, 1u), (unsigned)INT_MAX / 2);
    return result;
}

static int64_t get_room(struct runner *run, const struct run_socket *socket, const struct run_call *call)
{
    return socket->room == 0 ? RUN_CONTINUE : write_number(run, call, 2 * socket->room);
}

static int64_t get_error(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    int64_t result = write_number(run, call, run_untold_error(socket));
    if (result < 0)
        return result;
    /* If a signal comes first, the kernel makes the same call again. */
    if (run_reply(run, call->id, 0))
        socket->error = 0;
    return RUN_ANSWERED;
}

static const char *const congestion_names[] = {
    [MNET_CONGESTION_DEFAULT] = "cubic",
    [MNET_CONGESTION_CUBIC] = "cubic",
    [MNET_CONGESTION_RENO] = "reno",
    [MNET_CONGESTION_BBR] = "bbr",
};

static int64_t get_congestion(struct runner *run, const struct run_socket *socket, const struct run_call *call)
{
    char name[16] = "";
    const char *own = congestion_names[socket->settings.congestion];
    if (socket->flow != NULL)
        own = mnet_tcp_congestion(socket->flow);
    strncpy(name, own, sizeof name - 1);
    return write_value(run, call, name, sizeof name);
}

static int64_t set_congestion(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    char name[16] = "";
    uint64_t len = MN_MIN((uint32_t)call->arguments[4], sizeof name - 1);
    if (!run_read(run, call, call->arguments[3], name, len))
        return -EFAULT;
    for (unsigned i = MNET_CONGESTION_CUBIC; i < MN_COUNT_OF(congestion_names); i++) {
        if (strcmp(name, congestion_names[i]) != 0)
            continue;
        if (socket->flow != NULL && strcmp(name, mnet_tcp_congestion(socket->flow)) != 0) {
            run_note(run, "setsockopt(IPPROTO_TCP, TCP_CONGESTION) on a connected socket is refused (EPERM)");
            return -EPERM;
        }
        socket->settings.congestion = (enum mnet_congestion)i;
        return 0;
    }
    return -ENOENT;
}

/* Whether the program's own datagrams to its groups come back. They do at first. */
static int64_t set_group_loop(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    int value;
    int64_t result = read_number(run, call, &value);
    if (result == 0)
        socket->settings.no_group_loop = value == 0;
    if (result == 0 && socket->udp != NULL)
        mnet_udp_set_group_loop(socket->udp, value != 0);
    return result;
}

/* The group is the first field of each request that names one. */
static int64_t change_group(struct runner *run, struct run_socket *socket, const struct run_call *call, bool join)
{
    struct mnet_address group = {0};
    bool ipv4 = call->arguments[1] == IPPROTO_IP;
    uint32_t value;
    size_t size = ipv4 ? sizeof value : sizeof group.bytes;
    if (call->arguments[4] < size || socket->type != SOCK_DGRAM)
        return -EINVAL;
    if (!run_read(run, call, call->arguments[3], ipv4 ? (void *)&value : group.bytes, size))
        return -EFAULT;
    if (ipv4)
        group = mnet_address_from_ipv4(ntohl(value));
    int error = run_datagram_open(run, socket);
    if (error < 0)
        return error;
    return -run_errno(join ? mnet_udp_join(socket->udp, group) : mnet_udp_leave(socket->udp, group));
}

static int64_t get_info(struct runner *run, const struct run_socket *socket, const struct run_call *call)
{
    struct mnet_socket_tcp_info info = {.state = socket->phase == RUN_LISTENING ? TCP_LISTEN : TCP_CLOSE};
    if (socket->flow != NULL)
        mnet_socket_describe_flow(socket->flow, &info);
    return write_value(run, call, &info, sizeof info);
}

/* ---- The calls ---- */

static int64_t get_segment(struct runner *run, const struct run_socket *socket, const struct run_call *call)
{
    struct mnet_tcp_info info = {.snd_mss = 536};
    if (socket->flow != NULL)
        mnet_tcp_info(socket->flow, &info);
    return write_number(run, call, (int)info.snd_mss);
}

static int64_t refuse(struct runner *run, const char *call, int level, int name)
{
    run_note(run, "%s(%s, %s) is refused (ENOPROTOOPT): mnet has no such option", call, run_name_level(level).text,
             run_name_option(level, name).text);
    return -ENOPROTOOPT;
}

/* Options of TCP are those of streams. */
static bool has_level(const struct run_socket *socket, int level)
{
    return level != IPPROTO_TCP || socket->type == SOCK_STREAM;
}

int64_t run_get_option(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    int level = (int)call->arguments[1], name = (int)call->arguments[2];
    const struct option *option = find_option(level, name);
    if (!has_level(socket, level))
        return socket->family == AF_INET ? -EOPNOTSUPP : -ENOPROTOOPT;
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_ERROR: return get_error(run, socket, call);
        case SO_TYPE: return write_number(run, call, socket->type);
        case SO_DOMAIN: return write_number(run, call, socket->family);
        case SO_PROTOCOL: return write_number(run, call, socket->protocol);
        case SO_ACCEPTCONN: return write_number(run, call, socket->phase == RUN_LISTENING);
        case SO_LINGER: return get_linger(run, socket, call);
        case SO_SNDBUF: return get_room(run, socket, call);
        default: break;
        }
    } else if (level == IPPROTO_TCP) {
        switch (name) {
        case TCP_INFO: return get_info(run, socket, call);
        case TCP_MAXSEG: return get_segment(run, socket, call);
        case TCP_CONGESTION: return get_congestion(run, socket, call);
        default: break;
        }
    }
    if (option != NULL)
        return write_number(run, call, option->effect == SETTING ? get_field(&socket->settings, option) : 0);
    return level == SOL_SOCKET ? RUN_CONTINUE : refuse(run, "getsockopt", level, name);
}

int64_t run_set_option(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    int level = (int)call->arguments[1], name = (int)call->arguments[2];
    const struct option *option = find_option(level, name);
    if (socket->family == AF_NETLINK && level != SOL_SOCKET)
        return 0; /* they change what is told besides the answers */
    if (!has_level(socket, level))
        return -ENOPROTOOPT;
    if (level == SOL_SOCKET && name == SO_LINGER)
        return set_linger(run, socket, call);
    if (level == SOL_SOCKET && name == SO_SNDBUF)
        return set_room(run, socket, call);
    if (level == IPPROTO_TCP && name == TCP_CONGESTION)
        return set_congestion(run, socket, call);
    if ((level == IPPROTO_IP && name == IP_ADD_MEMBERSHIP) || (level == IPPROTO_IPV6 && name == IPV6_ADD_MEMBERSHIP))
        return change_group(run, socket, call, true);
    if ((level == IPPROTO_IP && name == IP_DROP_MEMBERSHIP) || (level == IPPROTO_IPV6 && name == IPV6_DROP_MEMBERSHIP))
        return change_group(run, socket, call, false);
    if ((level == IPPROTO_IP && name == IP_MULTICAST_LOOP) || (level == IPPROTO_IPV6 && name == IPV6_MULTICAST_LOOP))
        return set_group_loop(run, socket, call);
    if (option != NULL)
        return set_option(run, socket, option, call);
    return level == SOL_SOCKET ? RUN_CONTINUE : refuse(run, "setsockopt", level, name);
}
