/* The system calls at which the program stops: those that make or configure a socket, or move bytes
 * together with an address. Reading and writing pass by.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "base/base.h"
#include "tools/mnet-run/run.h"

/* Stopped whatever their arguments are. */
static const int stopped[] = {
    SCMP_SYS(bind),        SCMP_SYS(listen),      SCMP_SYS(accept),         SCMP_SYS(accept4), SCMP_SYS(connect),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),     SCMP_SYS(sendmsg), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),    SCMP_SYS(recvmmsg),    SCMP_SYS(io_uring_setup),
};

/* Stopped if their argument number 4 is an address. */
static const int with_address[] = {SCMP_SYS(sendto), SCMP_SYS(recvfrom)};

/* Questions for interfaces, by ioctl. */
static const unsigned long questions[] = {
    SIOCGIFCONF,   SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK,
    SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFMTU,  SIOCGIFNAME,
};

/* Families of addresses whose sockets are mnet's, or are refused. */
static const int families[] = {AF_INET, AF_INET6, AF_PACKET};

/* The argument, of which the kernel reads 32 bits, has this value. */
static struct scmp_arg_cmp equals(unsigned argument, unsigned value)
{
    return (struct scmp_arg_cmp){argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, value};
}

static int stop_at(scmp_filter_ctx filter, int number, const struct scmp_arg_cmp *conditions, unsigned count)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_NOTIFY, number, count, conditions);
}

/* All calls of setsockopt but for TCP_NODELAY and TCP_CORK, of which the filter itself says that
 * they have succeeded. A rule compares an argument once, hence the many rules. A program that
 * leaves something in the upper half of an argument is stopped. */
static int stop_at_other_options(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp of_tcp = {1, SCMP_CMP_EQ, IPPROTO_TCP, 0}, of_others = {1, SCMP_CMP_NE, IPPROTO_TCP, 0};
    const struct scmp_arg_cmp others[][2] = {
        {of_tcp, {2, SCMP_CMP_LT, TCP_NODELAY, 0}},
        {of_tcp, {2, SCMP_CMP_EQ, TCP_MAXSEG, 0}},
        {of_tcp, {2, SCMP_CMP_GT, TCP_CORK, 0}},
    };
    const struct scmp_arg_cmp known[][2] = {
        {of_tcp, {2, SCMP_CMP_EQ, TCP_NODELAY, 0}},
        {of_tcp, {2, SCMP_CMP_EQ, TCP_CORK, 0}},
    };
    _Static_assert(TCP_NODELAY + 1 == TCP_MAXSEG && TCP_MAXSEG + 1 == TCP_CORK, "no option is left out");
    int error = stop_at(filter, SCMP_SYS(setsockopt), &of_others, 1);
    for (size_t i = 0; i < MN_COUNT_OF(others) && error == 0; i++)
        error = stop_at(filter, SCMP_SYS(setsockopt), others[i], 2);
    for (size_t i = 0; i < MN_COUNT_OF(known) && error == 0; i++)
        error = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(0), SCMP_SYS(setsockopt), 2, known[i]);
    return error;
}

static int add_rules(scmp_filter_ctx filter, bool no_delay)
{
    const struct scmp_arg_cmp has_address = {4, SCMP_CMP_NE, 0, 0};
    const struct scmp_arg_cmp route[] = {equals(0, AF_NETLINK), equals(2, NETLINK_ROUTE)};
    int error = no_delay ? stop_at_other_options(filter) : stop_at(filter, SCMP_SYS(setsockopt), NULL, 0);
    for (size_t i = 0; i < MN_COUNT_OF(stopped) && error == 0; i++)
        error = stop_at(filter, stopped[i], NULL, 0);
    for (size_t i = 0; i < MN_COUNT_OF(families) && error == 0; i++) {
        const struct scmp_arg_cmp family = equals(0, (unsigned)families[i]);
        error = stop_at(filter, SCMP_SYS(socket), &family, 1);
    }
    for (size_t i = 0; i < MN_COUNT_OF(with_address) && error == 0; i++)
        error = stop_at(filter, with_address[i], &has_address, 1);
    for (size_t i = 0; i < MN_COUNT_OF(questions) && error == 0; i++) {
        const struct scmp_arg_cmp question = equals(1, (unsigned)questions[i]);
        error = stop_at(filter, SCMP_SYS(ioctl), &question, 1);
    }
    return error == 0 ? stop_at(filter, SCMP_SYS(socket), route, MN_COUNT_OF(route)) : error;
}

int run_filter(bool no_delay)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return -ENOMEM;
    int result = add_rules(filter, no_delay);
    if (result == 0)
        result = seccomp_load(filter);
    if (result == 0)
        result = seccomp_notify_fd(filter);
    seccomp_release(filter);
    return result;
}
