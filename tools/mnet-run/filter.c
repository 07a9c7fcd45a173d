/* The system calls at which the program stops: those that make or configure a socket, or move bytes
 * together with an address. Reading and writing pass by.
 */
#include <errno.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "base/base.h"
#include "tools/mnet-run/run.h"

/* Stopped whatever their arguments are. */
static const int stopped[] = {
    SCMP_SYS(bind),        SCMP_SYS(listen),      SCMP_SYS(accept),     SCMP_SYS(accept4),    SCMP_SYS(connect),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(io_uring_setup),
    SCMP_SYS(sendmsg),     SCMP_SYS(recvmsg),     SCMP_SYS(sendmmsg),   SCMP_SYS(recvmmsg),
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

static int add_rules(scmp_filter_ctx filter)
{
    int error = 0;
    for (size_t i = 0; i < MN_COUNT_OF(stopped) && error == 0; i++)
        error = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, stopped[i], 0);
    for (size_t i = 0; i < MN_COUNT_OF(families) && error == 0; i++) {
        error = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(socket), 1,
                                 SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
    }
    for (size_t i = 0; i < MN_COUNT_OF(with_address) && error == 0; i++)
        error = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, with_address[i], 1, SCMP_A4(SCMP_CMP_NE, 0));
    for (size_t i = 0; i < MN_COUNT_OF(questions) && error == 0; i++)
        error = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, questions[i]));
    if (error == 0) {
        error = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(socket), 2, SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK),
                                 SCMP_A2_32(SCMP_CMP_EQ, NETLINK_ROUTE));
    }
    return error;
}

int run_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return -ENOMEM;
    int result = add_rules(filter);
    if (result == 0)
        result = seccomp_load(filter);
    if (result == 0)
        result = seccomp_notify_fd(filter);
    seccomp_release(filter);
    return result;
}
