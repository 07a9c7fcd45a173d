/* Lines about things of the program that do not work, with the names of what it tried.
 *
 * A line stands once, however often the program tries the same. Its words may be the program's own
 * choice, such as the number of an option, so each kind of line has a bound: a program that tries
 * all numbers gets a few lines, and takes no room from the other kinds.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "base/base.h"
#include "tools/mnet-run/run.h"

/* Lines of one kind, that is, with one format. */
#define LINES_OF_KIND 12u

void run_note(struct runner *run, const char *format, ...)
{
    char text[RUN_NOTE_LENGTH] = "";
    unsigned of_kind = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (unsigned i = 0; i < run->note_count; i++) {
        if (strcmp(run->notes[i].text, text) == 0)
            return;
        of_kind += run->notes[i].format == format;
    }
    if (run->note_count == RUN_NOTES || of_kind == LINES_OF_KIND)
        return;
    struct run_note *note = &run->notes[run->note_count++];
    note->format = format;
    memcpy(note->text, text, sizeof text);
    bool last = of_kind + 1 == LINES_OF_KIND;
    fprintf(stderr, "mnet-run: %s%s\n", text, last ? " (further ones of this kind are left out)" : "");
}

/* ---- Names ---- */

struct named {
    int number;
    const char *name;
};

/* Returns the name, or the number. */
static struct run_name find_name(const struct named *names, size_t count, int number)
{
    struct run_name name;
    for (size_t i = 0; i < count; i++) {
        if (names[i].number == number) {
            snprintf(name.text, sizeof name.text, "%s", names[i].name);
            return name;
        }
    }
    snprintf(name.text, sizeof name.text, "%d", number);
    return name;
}

#define NAME(number) \
    { \
        number, #number \
    }
#define NAME_IN(names, number) find_name(names, MN_COUNT_OF(names), number)

/* Of linux/netfilter_ipv4.h, which cannot be included beside netinet/in.h. */
#define SO_ORIGINAL_DST 80

static const struct named levels[] = {
    NAME(SOL_SOCKET), NAME(IPPROTO_IP), NAME(IPPROTO_TCP), NAME(IPPROTO_UDP), NAME(IPPROTO_IPV6), NAME(IPPROTO_RAW),
};

static const struct named tcp_options[] = {
    NAME(TCP_MD5SIG),
    NAME(TCP_THIN_LINEAR_TIMEOUTS),
    NAME(TCP_THIN_DUPACK),
    NAME(TCP_REPAIR),
    NAME(TCP_FASTOPEN),
    NAME(TCP_TIMESTAMP),
    NAME(TCP_CC_INFO),
    NAME(TCP_SAVE_SYN),
    NAME(TCP_SAVED_SYN),
    NAME(TCP_FASTOPEN_CONNECT),
    NAME(TCP_ULP),
    NAME(TCP_MD5SIG_EXT),
    NAME(TCP_FASTOPEN_KEY),
    NAME(TCP_FASTOPEN_NO_COOKIE),
    NAME(TCP_ZEROCOPY_RECEIVE),
    NAME(TCP_INQ),
    NAME(TCP_TX_DELAY),
};

static const struct named udp_options[] = {
    NAME(UDP_CORK), NAME(UDP_ENCAP), NAME(UDP_NO_CHECK6_TX), NAME(UDP_NO_CHECK6_RX), NAME(UDP_SEGMENT), NAME(UDP_GRO),
};

static const struct named ipv4_options[] = {
    NAME(IP_OPTIONS),
    NAME(IP_HDRINCL),
    NAME(IP_ROUTER_ALERT),
    NAME(IP_RECVOPTS),
    NAME(IP_RETOPTS),
    NAME(IP_PKTOPTIONS),
    NAME(IP_MTU),
    NAME(IP_FREEBIND),
    NAME(IP_XFRM_POLICY),
    NAME(IP_PASSSEC),
    NAME(IP_TRANSPARENT),
    NAME(IP_RECVORIGDSTADDR),
    NAME(IP_MINTTL),
    NAME(IP_NODEFRAG),
    NAME(IP_CHECKSUM),
    NAME(IP_RECVFRAGSIZE),
    NAME(IP_UNBLOCK_SOURCE),
    NAME(IP_BLOCK_SOURCE),
    NAME(IP_ADD_SOURCE_MEMBERSHIP),
    NAME(IP_DROP_SOURCE_MEMBERSHIP),
    NAME(IP_MSFILTER),
    NAME(MCAST_JOIN_GROUP),
    NAME(MCAST_LEAVE_GROUP),
    NAME(MCAST_JOIN_SOURCE_GROUP),
    NAME(MCAST_LEAVE_SOURCE_GROUP),
    NAME(MCAST_MSFILTER),
    NAME(IP_UNICAST_IF),
    NAME(SO_ORIGINAL_DST),
};

static const struct named ipv6_options[] = {
    NAME(IPV6_CHECKSUM),
    NAME(IPV6_NEXTHOP),
    NAME(IPV6_ROUTER_ALERT),
    NAME(IPV6_MTU),
    NAME(IPV6_MULTICAST_ALL),
    NAME(IPV6_XFRM_POLICY),
    NAME(IPV6_HDRINCL),
    NAME(IPV6_PKTINFO),
    NAME(IPV6_RECVHOPOPTS),
    NAME(IPV6_HOPOPTS),
    NAME(IPV6_RECVRTHDR),
    NAME(IPV6_RTHDR),
    NAME(IPV6_RECVDSTOPTS),
    NAME(IPV6_DSTOPTS),
    NAME(IPV6_RECVPATHMTU),
    NAME(IPV6_PATHMTU),
    NAME(IPV6_DONTFRAG),
    NAME(IPV6_AUTOFLOWLABEL),
    NAME(IPV6_ADDR_PREFERENCES),
    NAME(IPV6_MINHOPCOUNT),
    NAME(IPV6_RECVORIGDSTADDR),
    NAME(IPV6_TRANSPARENT),
    NAME(IPV6_UNICAST_IF),
    NAME(IPV6_RECVFRAGSIZE),
    NAME(IPV6_FREEBIND),
    NAME(MCAST_JOIN_GROUP),
    NAME(MCAST_LEAVE_GROUP),
    NAME(MCAST_JOIN_SOURCE_GROUP),
    NAME(MCAST_LEAVE_SOURCE_GROUP),
    NAME(MCAST_MSFILTER),
    NAME(SO_ORIGINAL_DST),
};

struct run_name run_name_level(int level)
{
    return NAME_IN(levels, level);
}

struct run_name run_name_option(int level, int option)
{
    switch (level) {
    case IPPROTO_TCP: return NAME_IN(tcp_options, option);
    case IPPROTO_UDP: return NAME_IN(udp_options, option);
    case IPPROTO_IP: return NAME_IN(ipv4_options, option);
    case IPPROTO_IPV6: return NAME_IN(ipv6_options, option);
    default: return find_name(NULL, 0, option);
    }
}

static const struct named types[] = {
    NAME(SOCK_STREAM), NAME(SOCK_DGRAM), NAME(SOCK_RAW), NAME(SOCK_RDM), NAME(SOCK_SEQPACKET), NAME(SOCK_DCCP),
};

struct run_name run_name_type(int type)
{
    return NAME_IN(types, type);
}

static const struct named protocols[] = {
    NAME(IPPROTO_ICMP), NAME(IPPROTO_IGMP),   NAME(IPPROTO_TCP),  NAME(IPPROTO_UDP),
    NAME(IPPROTO_DCCP), NAME(IPPROTO_ICMPV6), NAME(IPPROTO_SCTP), NAME(IPPROTO_UDPLITE),
};

struct run_name run_name_protocol(int protocol)
{
    return NAME_IN(protocols, protocol);
}

static const struct named netlink_messages[] = {
    NAME(RTM_NEWLINK),  NAME(RTM_DELLINK),  NAME(RTM_SETLINK),  NAME(RTM_NEWADDR),  NAME(RTM_DELADDR),
    NAME(RTM_NEWROUTE), NAME(RTM_DELROUTE), NAME(RTM_GETROUTE), NAME(RTM_GETNEIGH), NAME(RTM_GETRULE),
};

struct run_name run_name_netlink(int type)
{
    return NAME_IN(netlink_messages, type);
}
