/* Descriptors: BSD sockets over mnet, without an operating system, for programs and languages that
 * exist already.
 *
 * The calls are those of POSIX and Linux, with a table of descriptors as first argument. They
 * return 0, a count or a descriptor, or a negative error: -MNET_EAGAIN and so on. Errors, constants
 * and structures have the values and layouts that they have on Linux on 64-bit processors, so
 * arguments of a program can be passed on as they are. docs/sockets.md lists what differs.
 *
 * Sockets of TCP and UDP, over IPv4 and IPv6, and epoll. A call on a blocking socket suspends the
 * task; outside tasks each socket acts as a non-blocking one. A cancelled task gets -MNET_EINTR.
 * There are no signals, so a broken connection is -MNET_EPIPE and no more.
 */
#ifndef MNET_SOCKET_H
#define MNET_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

struct mnet_flow;
struct mnet_stack;
struct mnet_sockets;

/* The causes of failure, as Linux numbers them. */
enum mnet_errno {
    MNET_EPERM = 1,
    MNET_ENOENT = 2,
    MNET_EINTR = 4,
    MNET_EBADF = 9,
    MNET_EAGAIN = 11,
    MNET_ENOMEM = 12,
    MNET_EFAULT = 14,
    MNET_EEXIST = 17,
    MNET_ENODEV = 19,
    MNET_EINVAL = 22,
    MNET_EMFILE = 24,
    MNET_EPIPE = 32,
    MNET_EDOM = 33,
    MNET_EPROTO = 71,
    MNET_ENOTSOCK = 88,
    MNET_EDESTADDRREQ = 89,
    MNET_EMSGSIZE = 90,
    MNET_EPROTOTYPE = 91,
    MNET_ENOPROTOOPT = 92,
    MNET_EPROTONOSUPPORT = 93,
    MNET_ESOCKTNOSUPPORT = 94,
    MNET_EOPNOTSUPP = 95,
    MNET_EAFNOSUPPORT = 97,
    MNET_EADDRINUSE = 98,
    MNET_EADDRNOTAVAIL = 99,
    MNET_ENETDOWN = 100,
    MNET_ENETUNREACH = 101,
    MNET_ECONNABORTED = 103,
    MNET_ECONNRESET = 104,
    MNET_ENOBUFS = 105,
    MNET_EISCONN = 106,
    MNET_ENOTCONN = 107,
    MNET_ETIMEDOUT = 110,
    MNET_ECONNREFUSED = 111,
    MNET_EHOSTUNREACH = 113,
    MNET_EALREADY = 114,
    MNET_EINPROGRESS = 115,
};

/* Families, types, flags of types. */
#define MNET_AF_UNSPEC 0
#define MNET_AF_INET 2
#define MNET_AF_INET6 10
#define MNET_SOCK_STREAM 1
#define MNET_SOCK_DGRAM 2
#define MNET_SOCK_NONBLOCK 04000
#define MNET_SOCK_CLOEXEC 02000000

/* Addresses; ports and addresses are in network order. */
struct mnet_sockaddr_in {
    uint16_t sin_family; /* MNET_AF_INET */
    uint16_t sin_port;
    uint8_t sin_addr[4];
    uint8_t sin_zero[8];
};
struct mnet_sockaddr_in6 {
    uint16_t sin6_family; /* MNET_AF_INET6 */
    uint16_t sin6_port;
    uint32_t sin6_flowinfo;
    uint8_t sin6_addr[16];
    uint32_t sin6_scope_id; /* zone */
};

/* Flags of messages. */
#define MNET_MSG_OOB 0x01 /* -MNET_EOPNOTSUPP */
#define MNET_MSG_PEEK 0x02
#define MNET_MSG_CTRUNC 0x08 /* returned: control messages did not fit */
#define MNET_MSG_TRUNC 0x20
#define MNET_MSG_DONTWAIT 0x40
#define MNET_MSG_WAITALL 0x100
#define MNET_MSG_ERRQUEUE 0x2000 /* -MNET_EAGAIN: there is no such queue */
#define MNET_MSG_NOSIGNAL 0x4000
#define MNET_MSG_MORE 0x8000

/* A piece of a message. */
struct mnet_iovec {
    void *iov_base;
    size_t iov_len;
};

/* A message in pieces, with its address. */
struct mnet_msghdr {
    void *msg_name;
    uint32_t msg_namelen;
    struct mnet_iovec *msg_iov;
    size_t msg_iovlen;
    void *msg_control; /* control messages: struct mnet_cmsghdr and its data, one after the other */
    size_t msg_controllen;
    int msg_flags;
};

/* The header of a control message. Its data follows, and the next header begins at a multiple of 8
 * bytes. Datagrams can be sent with them, and those received have them if options ask for it. Types
 * and data, which follow each other in the order of the options' numbers:
 *
 *     IP_PKTINFO      struct mnet_in_pktinfo     IPV6_PKTINFO   struct mnet_in6_pktinfo
 *     IP_TTL          int                        IPV6_HOPLIMIT  int
 *     IP_TOS          received: a byte           IPV6_TCLASS    int
 *                     sent: a byte or int        IPV6_DONTFRAG  int, sent only
 *
 * Other control messages of these levels are -MNET_EINVAL, and those of other levels are ignored.
 * TCP ignores all. */
struct mnet_cmsghdr {
    size_t cmsg_len; /* with the header, without what comes up to the next one */
    int cmsg_level, cmsg_type;
};

/* The own address that a datagram was sent to, or is to be sent from, and the interface, which has
 * no effect. ipi_addr is the destination in the header, and not read. */
struct mnet_in_pktinfo {
    int ipi_ifindex;
    uint8_t ipi_spec_dst[4];
    uint8_t ipi_addr[4];
};
struct mnet_in6_pktinfo {
    uint8_t ipi6_addr[16];
    int ipi6_ifindex;
};

/* The most pieces of a message. */
#define MNET_IOV_MAX 1024

/* Directions of mnet_socket_shutdown. */
#define MNET_SHUT_RD 0
#define MNET_SHUT_WR 1
#define MNET_SHUT_RDWR 2

/* Levels and names of options. Values are int, unless another type is given. */
#define MNET_SOL_SOCKET 1
#define MNET_IPPROTO_IP 0
#define MNET_IPPROTO_TCP 6
#define MNET_IPPROTO_UDP 17
#define MNET_IPPROTO_IPV6 41
#define MNET_SO_REUSEADDR 2
#define MNET_SO_TYPE 3
#define MNET_SO_ERROR 4
#define MNET_SO_BROADCAST 6
#define MNET_SO_SNDBUF 7 /* doubled, as Linux does */
#define MNET_SO_RCVBUF 8
#define MNET_SO_KEEPALIVE 9
#define MNET_SO_LINGER 13 /* struct mnet_linger */
#define MNET_SO_REUSEPORT 15
#define MNET_SO_RCVTIMEO 20 /* struct mnet_timeval */
#define MNET_SO_SNDTIMEO 21
#define MNET_SO_ACCEPTCONN 30
#define MNET_SO_PROTOCOL 38
#define MNET_SO_DOMAIN 39
#define MNET_TCP_NODELAY 1
#define MNET_TCP_MAXSEG 2
#define MNET_TCP_CORK 3
#define MNET_TCP_KEEPIDLE 4 /* seconds */
#define MNET_TCP_KEEPINTVL 5
#define MNET_TCP_KEEPCNT 6
#define MNET_TCP_INFO 11 /* struct mnet_socket_tcp_info */
#define MNET_TCP_QUICKACK 12
#define MNET_TCP_CONGESTION 13   /* text */
#define MNET_TCP_USER_TIMEOUT 18 /* milliseconds */
#define MNET_TCP_NOTSENT_LOWAT 25
#define MNET_IP_TOS 1
#define MNET_IP_TTL 2
#define MNET_IP_PKTINFO 8
#define MNET_IP_MTU_DISCOVER 10 /* enum mnet_ip_pmtudisc */
#define MNET_IP_RECVTTL 12
#define MNET_IP_RECVTOS 13
#define MNET_IP_MTU 14
#define MNET_IP_BIND_ADDRESS_NO_PORT 24 /* no effect */
#define MNET_IP_MULTICAST_IF 32         /* no effect */
#define MNET_IP_MULTICAST_TTL 33
#define MNET_IP_MULTICAST_LOOP 34
#define MNET_IP_ADD_MEMBERSHIP 35 /* struct mnet_ip_mreq */
#define MNET_IP_DROP_MEMBERSHIP 36
#define MNET_IPV6_UNICAST_HOPS 16
#define MNET_IPV6_MULTICAST_IF 17 /* no effect */
#define MNET_IPV6_MULTICAST_HOPS 18
#define MNET_IPV6_MULTICAST_LOOP 19
#define MNET_IPV6_ADD_MEMBERSHIP 20 /* struct mnet_ipv6_mreq */
#define MNET_IPV6_DROP_MEMBERSHIP 21
#define MNET_IPV6_MTU_DISCOVER 23
#define MNET_IPV6_MTU 24
#define MNET_IPV6_V6ONLY 26
#define MNET_IPV6_RECVPKTINFO 49
#define MNET_IPV6_PKTINFO 50
#define MNET_IPV6_RECVHOPLIMIT 51
#define MNET_IPV6_HOPLIMIT 52
#define MNET_IPV6_DONTFRAG 62
#define MNET_IPV6_RECVTCLASS 66
#define MNET_IPV6_TCLASS 67

/* Values of IP_MTU_DISCOVER and IPV6_MTU_DISCOVER. With DO and PROBE a datagram that does not fit
 * is refused; with the others it is cut into fragments. */
enum mnet_ip_pmtudisc {
    MNET_IP_PMTUDISC_DONT,
    MNET_IP_PMTUDISC_WANT,
    MNET_IP_PMTUDISC_DO,
    MNET_IP_PMTUDISC_PROBE,
    MNET_IP_PMTUDISC_INTERFACE,
    MNET_IP_PMTUDISC_OMIT,
};

/* The value of SO_LINGER. */
struct mnet_linger {
    int l_onoff, l_linger; /* seconds */
};
/* The value of SO_RCVTIMEO and SO_SNDTIMEO. */
struct mnet_timeval {
    int64_t tv_sec, tv_usec;
};

/* The value of TCP_INFO: struct tcp_info of Linux. Times are in microseconds, or milliseconds if
 * the name says so. A field of which the stack knows nothing is 0. */
struct mnet_socket_tcp_info {
    uint8_t state; /* enum of Linux: 1 is ESTABLISHED, 10 LISTEN, 7 CLOSE */
    uint8_t ca_state, retransmits, probes, backoff;
    uint8_t options;       /* 1: timestamps, 2: SACK, 4: window scale, 8: ECN */
    uint8_t window_shifts; /* of the peer in the lower half, of ours in the upper */
    uint8_t flags;
    uint32_t rto, ato, snd_mss, rcv_mss;
    uint32_t unacked, sacked, lost, retrans, fackets; /* segments */
    uint32_t last_data_sent_ms, last_ack_sent_ms, last_data_recv_ms, last_ack_recv_ms;
    uint32_t pmtu, rcv_ssthresh, rtt, rttvar;
    uint32_t snd_ssthresh, snd_cwnd; /* segments */
    uint32_t advmss, reordering, rcv_rtt, rcv_space, total_retrans;
    uint64_t pacing_rate, max_pacing_rate; /* bytes per second */
    uint64_t bytes_acked, bytes_received;
    uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
    uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
    uint32_t delivered, delivered_ce;
    uint64_t bytes_sent, bytes_retrans;
    uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};

/* A multicast group. A stack has one interface, so its address has no effect; its number is the
 * zone of a group of the link. */
struct mnet_ip_mreq {
    uint8_t imr_multiaddr[4], imr_interface[4];
};
struct mnet_ipv6_mreq {
    uint8_t ipv6mr_multiaddr[16];
    int ipv6mr_interface;
};

/* Events of poll and epoll. */
#define MNET_POLLIN 0x001
#define MNET_POLLPRI 0x002
#define MNET_POLLOUT 0x004
#define MNET_POLLERR 0x008
#define MNET_POLLHUP 0x010
#define MNET_POLLNVAL 0x020
#define MNET_POLLRDNORM 0x040
#define MNET_POLLWRNORM 0x100
#define MNET_POLLRDHUP 0x2000
#define MNET_EPOLLONESHOT (1u << 30)
#define MNET_EPOLLET (1u << 31)

/* A descriptor for mnet_socket_poll, with the events wanted and those that have occurred. */
struct mnet_pollfd {
    int fd;
    short events, revents;
};

/* Descriptors of select, as bits from the lowest. */
#define MNET_FD_SETSIZE 1024
struct mnet_fd_set {
    uint64_t bits[MNET_FD_SETSIZE / 64];
};

/* Operations of mnet_socket_epoll_ctl. */
#define MNET_EPOLL_CTL_ADD 1
#define MNET_EPOLL_CTL_DEL 2
#define MNET_EPOLL_CTL_MOD 3
/* Packed on x86-64 only, as on Linux. */
struct mnet_epoll_event {
    uint32_t events;
    uint64_t data;
}
#ifdef __x86_64__
__attribute__((packed))
#endif
;

/* Memory for a table and its sockets, which are a few hundred bytes each. */
struct mnet_socket_memory {
    /* Returns `size` bytes, aligned for any object, or NULL. */
    void *(*alloc)(void *context, size_t size);
    void (*free)(void *context, void *memory, size_t size);
    void *context;
};

/* Makes a table of at most `max` descriptors, which are numbered from `first` on, so that lower
 * ones stay the program's. It uses the stack, which must outlive it. Returns 0, -MNET_EINVAL or
 * -MNET_ENOMEM. */
int mnet_sockets_open(struct mnet_stack *stack, const struct mnet_socket_memory *memory, int first, unsigned max,
                      struct mnet_sockets **sockets);
/* Closes every descriptor, without lingering, and frees the table. No task may be inside a call.
 * Never suspends. */
void mnet_sockets_close(struct mnet_sockets *sockets);

/* Makes a socket. `type` may have MNET_SOCK_NONBLOCK and MNET_SOCK_CLOEXEC, which has no effect.
 * Returns its descriptor, the lowest free one. Never suspends. */
int mnet_socket_open(struct mnet_sockets *sockets, int domain, int type, int protocol);
/* Closes a descriptor of any kind. The last one of a TCP socket lingers if SO_LINGER says so:
 * suspends then. */
int mnet_socket_close(struct mnet_sockets *sockets, int fd);
/* Return a further descriptor of the same file: the lowest free one, or `to`, which is closed
 * before. */
int mnet_socket_dup(struct mnet_sockets *sockets, int fd);
int mnet_socket_dup2(struct mnet_sockets *sockets, int fd, int to);
/* Set O_NONBLOCK of a socket, and return it (0 or 1). Never suspend. */
int mnet_socket_set_nonblocking(struct mnet_sockets *sockets, int fd, int on);
int mnet_socket_nonblocking(struct mnet_sockets *sockets, int fd);

/* Give a socket an address and a port, and make it listen. Never suspend. */
int mnet_socket_bind(struct mnet_sockets *sockets, int fd, const void *address, uint32_t len);
int mnet_socket_listen(struct mnet_sockets *sockets, int fd, int backlog);
/* Returns a descriptor for the connection that has waited longest, and stores the peer's address.
 * `address` may be NULL. *len is the room, and then the length of the whole address. Suspends. */
int mnet_socket_accept4(struct mnet_sockets *sockets, int fd, void *address, uint32_t *len, int flags);
/* Connects a socket. Suspends. */
int mnet_socket_connect(struct mnet_sockets *sockets, int fd, const void *address, uint32_t len);
/* Ends directions of a connection. Never suspends. */
int mnet_socket_shutdown(struct mnet_sockets *sockets, int fd, int how);
/* Store the own address and the peer's. *len as for mnet_socket_accept4. Never suspend. */
int mnet_socket_getsockname(struct mnet_sockets *sockets, int fd, void *address, uint32_t *len);
int mnet_socket_getpeername(struct mnet_sockets *sockets, int fd, void *address, uint32_t *len);

/* Send bytes or a datagram, and return how many bytes. Suspend. */
ptrdiff_t mnet_socket_send(struct mnet_sockets *sockets, int fd, const void *data, size_t len, int flags);
ptrdiff_t mnet_socket_sendto(struct mnet_sockets *sockets, int fd, const void *data, size_t len, int flags,
                             const void *address, uint32_t address_len);
ptrdiff_t mnet_socket_sendmsg(struct mnet_sockets *sockets, int fd, const struct mnet_msghdr *message, int flags);
/* Receive bytes or a datagram, and return how many bytes. 0 at the end of the stream. Suspend. */
ptrdiff_t mnet_socket_recv(struct mnet_sockets *sockets, int fd, void *buffer, size_t len, int flags);
ptrdiff_t mnet_socket_recvfrom(struct mnet_sockets *sockets, int fd, void *buffer, size_t len, int flags, void *address,
                               uint32_t *address_len);
ptrdiff_t mnet_socket_recvmsg(struct mnet_sockets *sockets, int fd, struct mnet_msghdr *message, int flags);

/* Return and set options. Never suspend. */
int mnet_socket_getsockopt(struct mnet_sockets *sockets, int fd, int level, int name, void *value, uint32_t *len);
int mnet_socket_setsockopt(struct mnet_sockets *sockets, int fd, int level, int name, const void *value, uint32_t len);
/* Fills in TCP_INFO for a flow of mnet's own calls. Never suspends. */
void mnet_socket_describe_flow(const struct mnet_flow *flow, struct mnet_socket_tcp_info *info);
/* Return the bytes that can be read without waiting (FIONREAD), those queued for sending
 * (TIOCOUTQ), and those of them not sent yet (SIOCOUTQNSD). Never suspend. */
int mnet_socket_readable_bytes(struct mnet_sockets *sockets, int fd);
int mnet_socket_queued_bytes(struct mnet_sockets *sockets, int fd);
int mnet_socket_unsent_bytes(struct mnet_sockets *sockets, int fd);

/* Wait for descriptors. `deadline` is absolute, as in mnet's other calls: MNET_NEVER for no end, 0
 * to look only. The cost of mnet_socket_poll and mnet_socket_select is that of all descriptors that
 * are given. Each of the sets may be NULL. Suspend. */
int mnet_socket_poll(struct mnet_sockets *sockets, struct mnet_pollfd *fds, unsigned count, uint64_t deadline);
int mnet_socket_select(struct mnet_sockets *sockets, int count, struct mnet_fd_set *readable,
                       struct mnet_fd_set *writable, struct mnet_fd_set *exceptional, uint64_t deadline);
/* Make an epoll, change its members, and wait for them. The cost of the wait is that of the
 * descriptors that are ready. It returns at most 32 events. The wait suspends. */
int mnet_socket_epoll_create(struct mnet_sockets *sockets);
int mnet_socket_epoll_ctl(struct mnet_sockets *sockets, int epoll, int operation, int fd,
                          const struct mnet_epoll_event *event);
int mnet_socket_epoll_wait(struct mnet_sockets *sockets, int epoll, struct mnet_epoll_event *events, int max,
                           uint64_t deadline);

#pragma GCC visibility pop

#endif
