/* getsockopt and setsockopt. Each option is a row of the table, with the place of its value, the
 * range, and the sockets that have it. Options that are no plain number have functions of their
 * own. */
#include <string.h>

#include "socket/socket.h"

enum value_type {
    OPTION_BOOL,
    OPTION_TTL,    /* a byte; -1 sets the usual value again */
    OPTION_FROM_0, /* a byte that is kept as one more, because 0 is a value */
    OPTION_TOS,    /* the low byte counts; TCP keeps its two bits of ECN to itself */
    OPTION_NUMBER,
};

struct socket_option {
    int level, name;
    int type;   /* of socket: MNET_SOCK_STREAM, MNET_SOCK_DGRAM, or 0 for both */
    int domain; /* MNET_AF_INET, MNET_AF_INET6, or 0 for both */
    enum value_type kind;
    size_t offset; /* in struct mn_socket_options */
    int least, most;
    int usual; /* returned if it was not set: 0 of a number */
};

#define AT(field) offsetof(struct mn_socket_options, field)
#define KEEP_MOST 32767

static const struct socket_option options[] = {
    {MNET_SOL_SOCKET, MNET_SO_REUSEADDR, 0, 0, OPTION_BOOL, AT(reuse_address), 0, 0, 0},
    {MNET_SOL_SOCKET, MNET_SO_REUSEPORT, 0, 0, OPTION_BOOL, AT(reuse_port), 0, 0, 0},
    {MNET_SOL_SOCKET, MNET_SO_BROADCAST, 0, 0, OPTION_BOOL, AT(broadcast), 0, 0, 0},
    {MNET_SOL_SOCKET, MNET_SO_KEEPALIVE, 0, 0, OPTION_BOOL, AT(keepalive), 0, 0, 0},
    {MNET_IPPROTO_TCP, MNET_TCP_NODELAY, MNET_SOCK_STREAM, 0, OPTION_BOOL, AT(no_delay), 0, 0, 0},
    {MNET_IPPROTO_TCP, MNET_TCP_CORK, MNET_SOCK_STREAM, 0, OPTION_BOOL, AT(corked), 0, 0, 0},
    {MNET_IPPROTO_TCP, MNET_TCP_QUICKACK, MNET_SOCK_STREAM, 0, OPTION_BOOL, AT(quick_ack), 0, 0, 0},
    {MNET_IPPROTO_TCP, MNET_TCP_KEEPIDLE, MNET_SOCK_STREAM, 0, OPTION_NUMBER, AT(keep_idle_s), 1, KEEP_MOST,
     MNET_KEEPALIVE_IDLE_S},
    {MNET_IPPROTO_TCP, MNET_TCP_KEEPINTVL, MNET_SOCK_STREAM, 0, OPTION_NUMBER, AT(keep_interval_s), 1, KEEP_MOST,
     MNET_KEEPALIVE_INTERVAL_S},
    {MNET_IPPROTO_TCP, MNET_TCP_KEEPCNT, MNET_SOCK_STREAM, 0, OPTION_NUMBER, AT(keep_count), 1, 127,
     MNET_KEEPALIVE_PROBES},
    {MNET_IPPROTO_TCP, MNET_TCP_USER_TIMEOUT, MNET_SOCK_STREAM, 0, OPTION_NUMBER, AT(user_timeout_ms), 0, INT32_MAX, 0},
    {MNET_IPPROTO_TCP, MNET_TCP_NOTSENT_LOWAT, MNET_SOCK_STREAM, 0, OPTION_NUMBER, AT(low_water), 0,
     (int)MNET_TCP_BUFFER_MAX, 0},
    {MNET_IPPROTO_IP, MNET_IP_TTL, 0, 0, OPTION_TTL, AT(ip[MN_IP_V4].ttl), 1, 255, MNET_TTL_DEFAULT},
    {MNET_IPPROTO_IP, MNET_IP_TOS, 0, 0, OPTION_TOS, AT(ip[MN_IP_V4].tos), INT32_MIN, INT32_MAX, 0},
    {MNET_IPPROTO_IP, MNET_IP_MTU_DISCOVER, 0, 0, OPTION_FROM_0, AT(ip[MN_IP_V4].mtu_discover), 0, 5,
     MNET_IP_PMTUDISC_WANT},
    {MNET_IPPROTO_IP, MNET_IP_PKTINFO, 0, 0, OPTION_BOOL, AT(ip[MN_IP_V4].tells_packet), 0, 0, 0},
    {MNET_IPPROTO_IP, MNET_IP_RECVTTL, 0, 0, OPTION_BOOL, AT(ip[MN_IP_V4].tells_ttl), 0, 0, 0},
    {MNET_IPPROTO_IP, MNET_IP_RECVTOS, 0, 0, OPTION_BOOL, AT(ip[MN_IP_V4].tells_tos), 0, 0, 0},
    {MNET_IPPROTO_IPV6, MNET_IPV6_RECVPKTINFO, 0, MNET_AF_INET6, OPTION_BOOL, AT(ip[MN_IP_V6].tells_packet), 0, 0, 0},
    {MNET_IPPROTO_IPV6, MNET_IPV6_RECVHOPLIMIT, 0, MNET_AF_INET6, OPTION_BOOL, AT(ip[MN_IP_V6].tells_ttl), 0, 0, 0},
    {MNET_IPPROTO_IPV6, MNET_IPV6_RECVTCLASS, 0, MNET_AF_INET6, OPTION_BOOL, AT(ip[MN_IP_V6].tells_tos), 0, 0, 0},
    {MNET_IPPROTO_IP, MNET_IP_BIND_ADDRESS_NO_PORT, 0, 0, OPTION_BOOL, AT(ip[MN_IP_V4].no_port), 0, 0, 0},
    {MNET_IPPROTO_IP, MNET_IP_MULTICAST_TTL, MNET_SOCK_DGRAM, 0, OPTION_TTL, AT(ip[MN_IP_V4].group_ttl), 1, 255, 1},
    {MNET_IPPROTO_IP, MNET_IP_MULTICAST_LOOP, MNET_SOCK_DGRAM, 0, OPTION_BOOL, AT(ip[MN_IP_V4].group_loop), 0, 0, 0},
    {MNET_IPPROTO_IPV6, MNET_IPV6_UNICAST_HOPS, 0, MNET_AF_INET6, OPTION_TTL, AT(ip[MN_IP_V6].ttl), 1, 255,
     MNET_TTL_DEFAULT},
    {MNET_IPPROTO_IPV6, MNET_IPV6_TCLASS, 0, MNET_AF_INET6, OPTION_TOS, AT(ip[MN_IP_V6].tos), -1, 255, 0},
    {MNET_IPPROTO_IPV6, MNET_IPV6_MTU_DISCOVER, 0, MNET_AF_INET6, OPTION_FROM_0, AT(ip[MN_IP_V6].mtu_discover), 0, 5,
     MNET_IP_PMTUDISC_WANT},
    {MNET_IPPROTO_IPV6, MNET_IPV6_DONTFRAG, 0, MNET_AF_INET6, OPTION_BOOL, AT(ip[MN_IP_V6].dont_fragment), 0, 0, 0},
    {MNET_IPPROTO_IPV6, MNET_IPV6_MULTICAST_HOPS, MNET_SOCK_DGRAM, MNET_AF_INET6, OPTION_TTL,
     AT(ip[MN_IP_V6].group_ttl), 1, 255, 1},
    {MNET_IPPROTO_IPV6, MNET_IPV6_MULTICAST_LOOP, MNET_SOCK_DGRAM, MNET_AF_INET6, OPTION_BOOL,
     AT(ip[MN_IP_V6].group_loop), 0, 0, 0},
    {MNET_IPPROTO_IPV6, MNET_IPV6_V6ONLY, 0, MNET_AF_INET6, OPTION_BOOL, AT(v6only), 0, 0, 0},
};

static const struct socket_option *find(const struct mn_socket *socket, int level, int name)
{
    for (size_t i = 0; i < MN_COUNT_OF(options); i++) {
        const struct socket_option *o = &options[i];
        if (o->level == level && o->name == name && (o->type == 0 || o->type == socket->ops->type) &&
            (o->domain == 0 || o->domain == socket->domain))
            return o;
    }
    return NULL;
}

static int get_plain(const struct mn_socket *socket, const struct socket_option *o)
{
    MN_DEBUG_ASSERT(o->offset < sizeof socket->options);
    const char *place = (const char *)&socket->options + o->offset;
    uint32_t number;
    switch (o->kind) {
    case OPTION_BOOL: return *(const bool *)place;
    case OPTION_FROM_0: return *(const uint8_t *)place != 0 ? *(const uint8_t *)place - 1 : o->usual;
    case OPTION_TOS:
    case OPTION_TTL: number = *(const uint8_t *)place; break;
    default: memcpy(&number, place, sizeof number); break;
    }
    return number != 0 ? (int)number : o->usual;
}

/* Returns the byte that is kept of a value in range. */
static uint8_t byte_of(const struct mn_socket *socket, const struct socket_option *o, int value)
{
    MN_DEBUG_ASSERT(o->kind != OPTION_BOOL && o->kind != OPTION_NUMBER);
    if (o->kind == OPTION_FROM_0)
        return (uint8_t)(value + 1);
    if (o->kind == OPTION_TTL)
        return (uint8_t)value;
    if (value == o->least) /* of IPV6_TCLASS: -1 */
        return 0;
    return (uint8_t)(socket->ops->type == MNET_SOCK_STREAM ? value & ~3 : value);
}

static int set_plain(struct mn_socket *socket, const struct socket_option *o, int value)
{
    MN_DEBUG_ASSERT(o->offset < sizeof socket->options && o->least <= o->most);
    char *place = (char *)&socket->options + o->offset;
    uint32_t number = (uint32_t)value;
    if (o->name == MNET_IPV6_V6ONLY && o->level == MNET_IPPROTO_IPV6 &&
        (socket->bound || (socket->flow != NULL && !(mnet_tcp_ready(socket->flow) & MNET_HUNG_UP))))
        return -MNET_EINVAL;
    if (o->kind == OPTION_TTL && value == -1)
        value = o->usual;
    if (o->kind == OPTION_BOOL)
        *(bool *)place = value != 0;
    else if (value < o->least || value > o->most)
        return -MNET_EINVAL;
    else if (o->kind == OPTION_NUMBER)
        memcpy(place, &number, sizeof number);
    else
        *(uint8_t *)place = byte_of(socket, o, value);
    socket->ops->apply(socket);
    return 0;
}

const struct mn_ip_options *mn_ip_options_to(const struct mn_socket *socket, struct mnet_address destination)
{
    return &socket->options.ip[mnet_address_is_ipv4(destination) ? MN_IP_V4 : MN_IP_V6];
}

bool mn_ip_options_forbid_fragments(const struct mn_ip_options *ip)
{
    int discover = ip->mtu_discover - 1;
    return ip->dont_fragment || discover == MNET_IP_PMTUDISC_DO || discover == MNET_IP_PMTUDISC_PROBE;
}

/* ---- Of other types ---- */

static uint64_t nanoseconds(const struct mnet_timeval *time)
{
    return (uint64_t)time->tv_sec * MNET_SECOND + (uint64_t)time->tv_usec * MNET_MICROSECOND;
}

static int set_timeout(uint64_t *timeout_ns, const void *value, uint32_t len)
{
    struct mnet_timeval time;
    if (len < sizeof time)
        return -MNET_EINVAL;
    memcpy(&time, value, sizeof time);
    if (time.tv_usec < 0 || time.tv_usec >= 1000000)
        return -MNET_EDOM;
    bool soon = time.tv_sec < 0; /* does not wait */
    *timeout_ns = soon ? 1 : time.tv_sec > INT32_MAX ? 0 : nanoseconds(&time);
    return 0;
}

static int set_linger(struct mn_socket *socket, const void *value, uint32_t len)
{
    struct mnet_linger linger;
    if (len < sizeof linger)
        return -MNET_EINVAL;
    memcpy(&linger, value, sizeof linger);
    socket->options.linger_s = linger.l_onoff ? (linger.l_linger < 0 ? INT32_MAX : linger.l_linger) : -1;
    return 0;
}

#define BUFFER_LEAST 4608u
#define BUFFER_MOST 212992u /* Linux's, if nobody has raised it */

/* Linux doubles the size for its own records, and returns it doubled. */
static int set_buffer(struct mn_socket *socket, uint32_t *place, const void *value, uint32_t len)
{
    int32_t size;
    if (len < sizeof size)
        return -MNET_EINVAL;
    memcpy(&size, value, sizeof size);
    uint32_t wanted = size < 0 || (uint32_t)size > BUFFER_MOST ? BUFFER_MOST : (uint32_t)size;
    *place = 2 * wanted < BUFFER_LEAST ? BUFFER_LEAST : 2 * wanted;
    socket->ops->apply(socket);
    return 0;
}

static const char *const congestions[] = {
    [MNET_CONGESTION_CUBIC] = "cubic", [MNET_CONGESTION_RENO] = "reno", [MNET_CONGESTION_BBR] = "bbr"};

static int set_congestion(struct mn_socket *socket, const void *value, uint32_t len)
{
    for (size_t i = MNET_CONGESTION_CUBIC; i < MN_COUNT_OF(congestions); i++) {
        size_t own = strlen(congestions[i]);
        if (len >= own && memcmp(value, congestions[i], own) == 0 && (len == own || ((const char *)value)[own] == 0)) {
            socket->options.congestion = (enum mnet_congestion)i;
            socket->ops->apply(socket);
            return 0;
        }
    }
    return -MNET_ENOENT;
}

/* Returns 1 if the option is no membership. A stack has one interface, which needs no choice. */
static int set_membership(struct mn_socket *socket, int level, int name, const void *value, uint32_t len)
{
    bool ipv4 = level == MNET_IPPROTO_IP;
    if (!ipv4 && (level != MNET_IPPROTO_IPV6 || socket->domain != MNET_AF_INET6))
        return 1;
    if (name == (ipv4 ? MNET_IP_MULTICAST_IF : MNET_IPV6_MULTICAST_IF) && socket->ops->type == MNET_SOCK_DGRAM)
        return len < sizeof(int) ? -MNET_EINVAL : 0;
    if (name == (ipv4 ? MNET_IP_ADD_MEMBERSHIP : MNET_IPV6_ADD_MEMBERSHIP))
        return mn_groups_change(socket, level, true, value, len);
    if (name == (ipv4 ? MNET_IP_DROP_MEMBERSHIP : MNET_IPV6_DROP_MEMBERSHIP))
        return mn_groups_change(socket, level, false, value, len);
    return 1;
}

/* Returns 1 if the option is none of these. */
static int set_special(struct mn_socket *socket, int level, int name, const void *value, uint32_t len)
{
    if (level == MNET_IPPROTO_TCP && name == MNET_TCP_CONGESTION && socket->ops->type == MNET_SOCK_STREAM)
        return set_congestion(socket, value, len);
    if (level != MNET_SOL_SOCKET)
        return set_membership(socket, level, name, value, len);
    switch (name) {
    case MNET_SO_RCVTIMEO: return set_timeout(&socket->options.receive_timeout_ns, value, len);
    case MNET_SO_SNDTIMEO: return set_timeout(&socket->options.send_timeout_ns, value, len);
    case MNET_SO_LINGER: return set_linger(socket, value, len);
    case MNET_SO_SNDBUF: return set_buffer(socket, &socket->options.send_buffer, value, len);
    case MNET_SO_RCVBUF: return set_buffer(socket, &socket->options.receive_buffer, value, len);
    default: return 1;
    }
}

static int set_option(struct mn_socket *socket, int level, int name, const void *value, uint32_t len)
{
    int number, error = value == NULL ? -MNET_EFAULT : set_special(socket, level, name, value, len);
    if (error <= 0)
        return error;
    const struct socket_option *o = find(socket, level, name);
    bool checks_first = level == MNET_SOL_SOCKET || (level == MNET_IPPROTO_TCP && level == socket->protocol);
    if (o == NULL)
        return checks_first && len < sizeof number ? -MNET_EINVAL : -MNET_ENOPROTOOPT;
    if (level == MNET_IPPROTO_IP && len > 0 && len < sizeof number) /* as BSD has it */
        return set_plain(socket, o, *(const uint8_t *)value);
    if (len < sizeof number)
        return -MNET_EINVAL;
    memcpy(&number, value, sizeof number);
    return set_plain(socket, o, number);
}

int mnet_socket_setsockopt(struct mnet_sockets *sockets, int fd, int level, int name, const void *value, uint32_t len)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    error = set_option(socket, level, name, value, len);
    mn_socket_release(socket);
    return error;
}

/* ---- Asked for ---- */

static int store(const void *from, uint32_t size, void *value, uint32_t *len)
{
    uint32_t fits = *len < size ? *len : size;
    memcpy(value, from, fits);
    *len = fits;
    return 0;
}

static int store_timeout(uint64_t timeout_ns, void *value, uint32_t *len)
{
    struct mnet_timeval time = {(int64_t)(timeout_ns / MNET_SECOND),
                                (int64_t)(timeout_ns % MNET_SECOND / MNET_MICROSECOND)};
    return store(&time, sizeof time, value, len);
}

static int store_linger(const struct mn_socket *socket, void *value, uint32_t *len)
{
    int seconds = socket->options.linger_s;
    struct mnet_linger linger = {seconds >= 0, seconds >= 0 ? seconds : 0};
    return store(&linger, sizeof linger, value, len);
}

static int store_congestion(const struct mn_socket *socket, void *value, uint32_t *len)
{
    char name[16] = "cubic";
    enum mnet_congestion which = socket->options.congestion;
    const char *now = socket->flow != NULL               ? mnet_tcp_congestion(socket->flow)
                      : which != MNET_CONGESTION_DEFAULT ? congestions[which]
                                                         : name;
    memmove(name, now, strlen(now) + 1);
    return store(name, sizeof name, value, len);
}

static int buffer_size(const struct mn_socket *socket, int name)
{
    bool send = name == MNET_SO_SNDBUF;
    uint32_t set = send ? socket->options.send_buffer : socket->options.receive_buffer;
    if (set != 0)
        return (int)set;
    if (socket->flow != NULL)
        return (int)(send ? mnet_tcp_send_buffer(socket->flow) : mnet_tcp_receive_buffer(socket->flow));
    return (int)BUFFER_MOST;
}

static int segment_size(const struct mn_socket *socket)
{
    struct mnet_tcp_info info;
    if (socket->flow == NULL)
        return 536;
    mnet_tcp_info(socket->flow, &info);
    return (int)info.snd_mss;
}

/* The largest packet that reaches the peer, as far as is known. -MNET_ENOTCONN without one. */
static int path_mtu(const struct mn_socket *socket)
{
    struct mnet_tcp_info info;
    if (socket->phase != MN_PHASE_CONNECTED)
        return -MNET_ENOTCONN;
    if (socket->flow != NULL) {
        mnet_tcp_info(socket->flow, &info);
        return (int)info.path_mtu;
    }
    ptrdiff_t payload = socket->udp != NULL ? mnet_udp_payload_max(socket->udp, NULL) : MNET_E_INVALID;
    int headers = mnet_address_is_ipv4(socket->remote.address) ? 20 + 8 : 40 + 8;
    return payload < 0 ? -MNET_ENOTCONN : (int)payload + headers;
}

/* Returns a number or -errno, or NO_NUMBER if the option has another type or does not exist. */
#define NO_NUMBER INT32_MIN
static int get_number(struct mn_socket *socket, int level, int name)
{
    if (level == MNET_IPPROTO_TCP && name == MNET_TCP_MAXSEG && socket->ops->type == MNET_SOCK_STREAM)
        return segment_size(socket);
    if ((level == MNET_IPPROTO_IP && name == MNET_IP_MTU) ||
        (level == MNET_IPPROTO_IPV6 && name == MNET_IPV6_MTU && socket->domain == MNET_AF_INET6))
        return path_mtu(socket);
    if (level != MNET_SOL_SOCKET)
        return NO_NUMBER;
    switch (name) {
    case MNET_SO_TYPE: return socket->ops->type;
    case MNET_SO_DOMAIN: return socket->domain;
    case MNET_SO_PROTOCOL: return socket->protocol;
    case MNET_SO_ACCEPTCONN: return socket->phase == MN_PHASE_LISTENING;
    case MNET_SO_ERROR: return -socket->ops->take_error(socket);
    case MNET_SO_SNDBUF:
    case MNET_SO_RCVBUF: return buffer_size(socket, name);
    default: return NO_NUMBER;
    }
}

/* Returns true for levels that sockets of IPv4 do not have. */
static bool is_foreign(const struct mn_socket *socket, int level)
{
    return socket->domain == MNET_AF_INET && level != MNET_SOL_SOCKET && level != MNET_IPPROTO_IP &&
           level != socket->protocol;
}

static int get_option(struct mn_socket *socket, int level, int name, void *value, uint32_t *len)
{
    if (value == NULL || len == NULL)
        return -MNET_EFAULT;
    if ((int32_t)*len < 0)
        return -MNET_EINVAL;
    if (level == MNET_SOL_SOCKET && name == MNET_SO_LINGER)
        return store_linger(socket, value, len);
    if (level == MNET_SOL_SOCKET && name == MNET_SO_RCVTIMEO)
        return store_timeout(socket->options.receive_timeout_ns, value, len);
    if (level == MNET_SOL_SOCKET && name == MNET_SO_SNDTIMEO)
        return store_timeout(socket->options.send_timeout_ns, value, len);
    if (level == MNET_IPPROTO_TCP && name == MNET_TCP_CONGESTION && socket->ops->type == MNET_SOCK_STREAM)
        return store_congestion(socket, value, len);
    if (level == MNET_IPPROTO_TCP && name == MNET_TCP_INFO && socket->ops->type == MNET_SOCK_STREAM)
        return mn_tcp_info_store(socket, value, len);
    int number = get_number(socket, level, name);
    const struct socket_option *o = number == NO_NUMBER ? find(socket, level, name) : NULL;
    if (number == NO_NUMBER && o == NULL)
        return is_foreign(socket, level) ? -MNET_EOPNOTSUPP : -MNET_ENOPROTOOPT;
    if (number != NO_NUMBER && number < 0)
        return number;
    if (o != NULL)
        number = get_plain(socket, o);
    const uint8_t byte = (uint8_t)number;
    bool fits = level == MNET_IPPROTO_IP && *len > 0 && *len < sizeof number && number == byte;
    if (fits) /* as BSD has it */
        return store(&byte, sizeof byte, value, len);
    return store(&number, sizeof number, value, len);
}

int mnet_socket_getsockopt(struct mnet_sockets *sockets, int fd, int level, int name, void *value, uint32_t *len)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    error = get_option(socket, level, name, value, len);
    mn_socket_release(socket);
    return error;
}
