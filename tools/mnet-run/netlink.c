/* Questions for the interfaces of the host (rtnetlink(7)), as getifaddrs asks them. There are two:
 * lo, and mnet's. The answer is a datagram in the pair. */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "tools/mnet-run/run.h"

#define ANSWER_MAX 16384u
/* IFF_LOWER_UP of linux/if.h, which cannot be included beside net/if.h. */
#define LOWER_UP 0x10000u

/* An answer in the making. */
struct netlink_answer {
    struct nlmsghdr question;
    size_t len;
    _Alignas(struct nlmsghdr) char bytes[ANSWER_MAX];
};

/* Begins a message with its fixed part. Returns where it begins. */
static size_t begin(struct netlink_answer *answer, uint16_t type, const void *fixed, size_t fixed_len)
{
    const struct nlmsghdr header = {
        .nlmsg_type = type,
        .nlmsg_flags = NLM_F_MULTI,
        .nlmsg_seq = answer->question.nlmsg_seq,
        .nlmsg_pid = answer->question.nlmsg_pid,
    };
    size_t start = answer->len;
    memcpy(answer->bytes + start, &header, sizeof header);
    memcpy(answer->bytes + start + NLMSG_HDRLEN, fixed, fixed_len);
    answer->len = start + NLMSG_HDRLEN + NLMSG_ALIGN(fixed_len);
    return start;
}

static void attribute(struct netlink_answer *answer, uint16_t type, const void *value, size_t len)
{
    const struct rtattr header = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};
    memcpy(answer->bytes + answer->len, &header, sizeof header);
    memcpy(answer->bytes + answer->len + RTA_LENGTH(0), value, len);
    answer->len += RTA_SPACE(len);
}

static void end(struct netlink_answer *answer, size_t start)
{
    uint32_t len = (uint32_t)(answer->len - start);
    memcpy(answer->bytes + start, &len, sizeof len);
}

static void put_link(struct netlink_answer *answer, const struct run_interface *interface)
{
    const struct ifinfomsg link = {
        .ifi_type = interface->loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER,
        .ifi_index = interface->index,
        .ifi_flags = interface->flags | ((interface->flags & IFF_RUNNING) != 0 ? LOWER_UP : 0),
    };
    size_t start = begin(answer, RTM_NEWLINK, &link, sizeof link);
    attribute(answer, IFLA_IFNAME, interface->name, strlen(interface->name) + 1);
    const uint32_t queue = 1000;
    attribute(answer, IFLA_TXQLEN, &queue, sizeof queue);
    attribute(answer, IFLA_MTU, &interface->mtu, sizeof interface->mtu);
    attribute(answer, IFLA_ADDRESS, interface->mac, sizeof interface->mac);
    end(answer, start);
}

static void put_address(struct netlink_answer *answer, const struct run_interface *interface,
                        const struct mnet_prefix *prefix)
{
    bool ipv4 = mnet_address_is_ipv4(prefix->address);
    const uint8_t *bytes = ipv4 ? prefix->address.bytes + 12 : prefix->address.bytes;
    size_t len = ipv4 ? 4 : 16;
    const struct ifaddrmsg address = {
        .ifa_family = ipv4 ? AF_INET : AF_INET6,
        .ifa_prefixlen = prefix->length,
        .ifa_flags = IFA_F_PERMANENT,
        .ifa_scope = interface->loopback                           ? RT_SCOPE_HOST
                     : mnet_address_can_have_zone(prefix->address) ? RT_SCOPE_LINK
                                                                   : RT_SCOPE_UNIVERSE,
        .ifa_index = (uint32_t)interface->index,
    };
    size_t start = begin(answer, RTM_NEWADDR, &address, sizeof address);
    attribute(answer, IFA_ADDRESS, bytes, len);
    if (ipv4) {
        attribute(answer, IFA_LOCAL, bytes, len);
        attribute(answer, IFA_LABEL, interface->name, strlen(interface->name) + 1);
    }
    end(answer, start);
}

/* What is asked for: links or addresses, all of them, or addresses of one family. */
static int fill(struct runner *run, struct netlink_answer *answer, uint8_t family)
{
    struct run_interface interfaces[RUN_INTERFACES];
    run_interfaces(run, interfaces);
    for (unsigned i = 0; i < RUN_INTERFACES; i++) {
        const struct run_interface *interface = &interfaces[i];
        if (answer->question.nlmsg_type == RTM_GETLINK)
            put_link(answer, interface);
        for (unsigned k = 0; answer->question.nlmsg_type == RTM_GETADDR && k < interface->address_count; k++) {
            bool ipv4 = mnet_address_is_ipv4(interface->addresses[k].address);
            if (family == AF_UNSPEC || family == (ipv4 ? AF_INET : AF_INET6))
                put_address(answer, interface, &interface->addresses[k]);
        }
    }
    return 0;
}

static void finish(struct netlink_answer *answer, int error)
{
    size_t start = begin(answer, NLMSG_DONE, &error, sizeof error);
    end(answer, start);
}

/* Other questions are answered by an error. */
static void refuse(struct runner *run, struct netlink_answer *answer)
{
    const struct nlmsgerr error = {.error = -EOPNOTSUPP, .msg = answer->question};
    size_t start = begin(answer, NLMSG_ERROR, &error, sizeof error);
    end(answer, start);
    run_note(run, "netlink message %s is refused (EOPNOTSUPP): only questions for interfaces and their addresses work",
             run_name_netlink(answer->question.nlmsg_type).text);
}

int64_t run_netlink_request(struct runner *run, struct run_socket *socket, const char *bytes, size_t len)
{
    static struct netlink_answer answer; /* large; there is one task */
    uint8_t family = AF_UNSPEC;
    answer.len = 0;
    if (len < sizeof answer.question)
        return -EINVAL;
    memcpy(&answer.question, bytes, sizeof answer.question);
    if (len > NLMSG_HDRLEN)
        family = (uint8_t)bytes[NLMSG_HDRLEN];
    bool known = answer.question.nlmsg_type == RTM_GETLINK || answer.question.nlmsg_type == RTM_GETADDR;
    if (answer.question.nlmsg_pid == 0)
        answer.question.nlmsg_pid = (uint32_t)socket->netlink_port;
    if (known)
        finish(&answer, fill(run, &answer, family));
    else
        refuse(run, &answer);
    ssize_t sent = send(socket->fd, answer.bytes, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -ENOBUFS : (int64_t)len;
}

void run_netlink_serve(struct runner *run, struct run_socket *socket)
{
    ssize_t got;
    while ((got = recv(socket->fd, run->buffer, sizeof run->buffer, MSG_DONTWAIT)) > 0)
        run_netlink_request(run, socket, run->buffer, (size_t)got);
    run_message_retry(run, socket);
    if (socket->hung_up && !run_still_open(socket))
        run_drop(run, socket);
}

int64_t run_netlink_name(struct runner *run, const struct run_socket *socket, const struct run_call *call)
{
    const struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_pid = (uint32_t)socket->netlink_port};
    return run_write_name(run, call, &name, sizeof name, call->arguments[1], call->arguments[2]);
}
