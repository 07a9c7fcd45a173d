/* Control messages of datagrams: the own address, the TTL and the traffic class.
 *
 * A socket of AF_INET6 speaks of a datagram of IPv4 in the messages of IPv4, and of its own address
 * in that of IPv6, too, as Linux does. */
#include <assert.h>
#include <string.h>

#include "socket/socket.h"

#define ALIGNED(len) (((len) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define TTL_MOST 255
#define ANY_INTERFACE 1 /* told if the address has no zone: a stack has one interface */

static_assert(sizeof(struct mnet_cmsghdr) == 2 * sizeof(size_t) || sizeof(size_t) < 8, "as Linux has it");

/* ---- To be sent ---- */

/* A control message that is read. */
struct control {
    struct mnet_cmsghdr header;
    const uint8_t *data;
    size_t len; /* of the data */
};

/* Takes the message at *at, and moves that on. Returns false at the end. The data may be
 * unaligned. */
static bool next_control(const uint8_t **at, const uint8_t *end, struct control *control, int *error)
{
    size_t left = (size_t)(end - *at), least = sizeof control->header;
    if (left < least)
        return false;
    memcpy(&control->header, *at, least);
    if (control->header.cmsg_len < least || control->header.cmsg_len > left) {
        *error = -MNET_EINVAL;
        return false;
    }
    MN_DEBUG_ASSERT(control->header.cmsg_len >= least);
    control->data = *at + least;
    control->len = control->header.cmsg_len - least;
    *at += MN_MIN(ALIGNED(control->header.cmsg_len), left);
    return true;
}

/* Reads an int between `least` and `most`. Returns false if it is none. */
static bool read_int(const struct control *control, int least, int most, int *value)
{
    int number;
    if (control->len != sizeof number)
        return false;
    memcpy(&number, control->data, sizeof number);
    *value = number;
    return number >= least && number <= most;
}

static bool read_in6_packet(const struct control *control, struct mnet_address *local)
{
    struct mnet_in6_pktinfo info;
    if (control->len < sizeof info)
        return false;
    memcpy(&info, control->data, sizeof info);
    *local = MNET_ADDRESS_ANY;
    memcpy(local->bytes, info.ipi6_addr, sizeof local->bytes);
    if (mnet_address_can_have_zone(*local))
        local->zone = (uint16_t)info.ipi6_ifindex;
    return true;
}

/* Returns whether an address of IPv6 is one that the host can send from. */
static bool is_usable(const struct mn_socket *socket, struct mnet_address address)
{
    enum {
        MOST = 32
    };
    static const uint8_t loopback[16] = {[15] = 1};
    struct mnet_stack_address own[MOST];
    unsigned count = mnet_stack_addresses(socket->sockets->stack, own, MOST);
    for (unsigned i = 0; i < MN_MIN(count, MOST); i++) {
        bool is_sure = own[i].state == MNET_ADDRESS_PREFERRED || own[i].state == MNET_ADDRESS_DEPRECATED;
        if (is_sure && memcmp(own[i].prefix.address.bytes, address.bytes, sizeof address.bytes) == 0)
            return true;
    }
    return mnet_address_is_any(address) || memcmp(address.bytes, loopback, sizeof loopback) == 0;
}

static bool read_in_packet(const struct control *control, struct mnet_address *local)
{
    struct mnet_in_pktinfo info;
    if (control->len != sizeof info)
        return false;
    memcpy(&info, control->data, sizeof info);
    const uint8_t *from = info.ipi_spec_dst;
    *local = mnet_ipv4(from[0], from[1], from[2], from[3]);
    if (mnet_address_is_any(*local))
        *local = MNET_ADDRESS_ANY;
    return true;
}

static bool read_ipv4(const struct control *control, struct mn_message *message)
{
    switch (control->header.cmsg_type) {
    case MNET_IP_PKTINFO: return read_in_packet(control, &message->local);
    case MNET_IP_TTL: return read_int(control, 1, TTL_MOST, &message->ttl);
    case MNET_IP_TOS:
        if (control->len == 1)
            message->tos = control->data[0];
        return control->len == 1 || read_int(control, 0, UINT8_MAX, &message->tos);
    default: return false;
    }
}

static bool read_ipv6(const struct mn_socket *socket, const struct control *control, struct mn_message *message)
{
    int number;
    switch (control->header.cmsg_type) {
    case MNET_IPV6_PKTINFO:
        return read_in6_packet(control, &message->local) && !mnet_address_is_ipv4(message->local) &&
               is_usable(socket, message->local);
    case MNET_IPV6_HOPLIMIT: return read_int(control, -1, TTL_MOST, &message->ttl);
    case MNET_IPV6_TCLASS: return read_int(control, -1, UINT8_MAX, &message->tos);
    case MNET_IPV6_DONTFRAG:
        if (!read_int(control, 0, 1, &number))
            return false;
        message->dont_fragment = number == 1;
        return true;
    default: return false;
    }
}

/* A mapped destination takes the messages of IPv4, and the own address as one of IPv6 that is
 * mapped. */
static bool read_one(const struct mn_socket *socket, bool to_ipv4, const struct control *control,
                     struct mn_message *message)
{
    enum {
        SCM_RIGHTS = 1,
        SCM_CREDENTIALS = 2
    };
    int level = control->header.cmsg_level, type = control->header.cmsg_type;
    if (level == MNET_SOL_SOCKET)
        return type == SCM_RIGHTS || type == SCM_CREDENTIALS; /* Linux ignores them, too */
    if (level == MNET_IPPROTO_UDP)
        return false;
    if (!to_ipv4)
        return level != MNET_IPPROTO_IPV6 || read_ipv6(socket, control, message);
    if (level == MNET_IPPROTO_IPV6 && type == MNET_IPV6_PKTINFO && socket->domain == MNET_AF_INET6)
        return read_in6_packet(control, &message->local) && mnet_address_is_ipv4(message->local);
    return level != MNET_IPPROTO_IP || read_ipv4(control, message);
}

int mn_control_read(const struct mn_socket *socket, struct mnet_address destination, struct mn_message *message)
{
    const uint8_t *at = message->control, *end = at != NULL ? at + message->control_len : NULL;
    bool to_ipv4 = socket->domain == MNET_AF_INET || mnet_address_is_ipv4(destination);
    struct control control;
    int error = 0;
    message->ttl = message->tos = -1;
    while (at != NULL && next_control(&at, end, &control, &error)) {
        if (!read_one(socket, to_ipv4, &control, message))
            return -MNET_EINVAL;
    }
    return error;
}

/* ---- Received ---- */

/* Appends a message as far as there is room. `used` counts what has it. */
static void append(struct mnet_msghdr *header, size_t *used, int level, int type, const void *data, size_t len)
{
    size_t room = header->msg_control != NULL ? header->msg_controllen - *used : 0;
    struct mnet_cmsghdr control = {.cmsg_len = sizeof control + len, .cmsg_level = level, .cmsg_type = type};
    if (room < control.cmsg_len)
        header->msg_flags |= MNET_MSG_CTRUNC;
    if (room < sizeof control)
        return;
    control.cmsg_len = MN_MIN(control.cmsg_len, room);
    MN_DEBUG_ASSERT(*used + control.cmsg_len <= header->msg_controllen);
    uint8_t *to = (uint8_t *)header->msg_control + *used;
    memcpy(to, &control, sizeof control);
    memcpy(to + sizeof control, data, control.cmsg_len - sizeof control);
    *used += MN_MIN(ALIGNED(control.cmsg_len), room);
}

static int interface_of(const struct mn_message *message)
{
    int zone = message->local.zone != 0 ? message->local.zone : message->remote.address.zone;
    return zone != 0 ? zone : ANY_INTERFACE;
}

/* The own address is the one that an answer is sent from: for a group it is not the destination. */
static void append_in_packet(const struct mn_socket *socket, const struct mn_message *message,
                             struct mnet_msghdr *header, size_t *used)
{
    const size_t mapped = 12;
    struct mnet_in_pktinfo info = {.ipi_ifindex = interface_of(message)};
    struct mnet_address own = message->local;
    if (mnet_address_is_multicast(own))
        own = mnet_udp_source(socket->udp, &message->remote);
    memcpy(info.ipi_spec_dst, own.bytes + mapped, sizeof info.ipi_spec_dst);
    memcpy(info.ipi_addr, message->local.bytes + mapped, sizeof info.ipi_addr);
    append(header, used, MNET_IPPROTO_IP, MNET_IP_PKTINFO, &info, sizeof info);
}

static void append_ipv4(const struct mn_socket *socket, const struct mn_message *message, struct mnet_msghdr *header,
                        size_t *used)
{
    const struct mn_ip_options *ip = &socket->options.ip[MN_IP_V4];
    const uint8_t tos = (uint8_t)message->tos;
    if (ip->tells_packet)
        append_in_packet(socket, message, header, used);
    if (ip->tells_ttl)
        append(header, used, MNET_IPPROTO_IP, MNET_IP_TTL, &message->ttl, sizeof message->ttl);
    if (ip->tells_tos)
        append(header, used, MNET_IPPROTO_IP, MNET_IP_TOS, &tos, sizeof tos);
}

static void append_ipv6(const struct mn_socket *socket, const struct mn_message *message, struct mnet_msghdr *header,
                        size_t *used)
{
    const struct mn_ip_options *ip = &socket->options.ip[MN_IP_V6];
    if (ip->tells_ttl)
        append(header, used, MNET_IPPROTO_IPV6, MNET_IPV6_HOPLIMIT, &message->ttl, sizeof message->ttl);
    if (ip->tells_tos)
        append(header, used, MNET_IPPROTO_IPV6, MNET_IPV6_TCLASS, &message->tos, sizeof message->tos);
}

void mn_control_write(const struct mn_socket *socket, const struct mn_message *message, struct mnet_msghdr *header)
{
    size_t used = 0;
    bool is_datagram = message->is_remote && socket->ops->type == MNET_SOCK_DGRAM;
    if (is_datagram && socket->options.ip[MN_IP_V6].tells_packet) {
        struct mnet_in6_pktinfo info = {.ipi6_ifindex = interface_of(message)};
        memcpy(info.ipi6_addr, message->local.bytes, sizeof info.ipi6_addr);
        append(header, &used, MNET_IPPROTO_IPV6, MNET_IPV6_PKTINFO, &info, sizeof info);
    }
    if (is_datagram && mnet_address_is_ipv4(message->local))
        append_ipv4(socket, message, header, &used);
    else if (is_datagram)
        append_ipv6(socket, message, header, &used);
    MN_DEBUG_ASSERT(used <= header->msg_controllen || used == 0);
    header->msg_controllen = used;
}
