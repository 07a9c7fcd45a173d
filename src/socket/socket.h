/* The descriptor layer from the inside: a user of mnet's public API. See docs/sockets.md.
 *
 * A descriptor refers to a file: a socket or an epoll. Several descriptors may refer to one file
 * (dup). A call holds a reference while it runs, so a file that is closed meanwhile ends with the
 * last call in it. Behaviour that TCP and UDP do not share is in a table of functions for each.
 *
 * Readiness flows one way. The callback of the flow, listener or endpoint, and every call that
 * changes the readiness of a file itself, ask mn_file_tell to pass it on to the file's items. An
 * item is the membership of a file in a set (mnet/watch.h): of an epoll, or of a poll in progress.
 */
#ifndef MN_SOCKET_H
#define MN_SOCKET_H

#include <stdbool.h>

#include <mnet/socket.h>
#include <mnet/stack.h>
#include <mnet/tcp.h>
#include <mnet/tcp_settings.h>
#include <mnet/udp.h>
#include <mnet/watch.h>

#include "base/list.h"

struct mn_socket;

enum mn_file_kind {
    MN_FILE_SOCKET,
    MN_FILE_EPOLL,
    MN_FILE_OTHER, /* of a user of this layer that has files of its own */
};

struct mn_file {
    enum mn_file_kind kind;
    void (*destroy)(struct mnet_sockets *sockets, struct mn_file *file, bool linger);
    /* Returns the readiness (enum mnet_ready). NULL: it cannot be waited for. */
    unsigned (*ready)(struct mn_file *file);
    unsigned references;    /* of descriptors, and of calls */
    unsigned descriptors;   /* of those: when the last one goes, the file leaves its sets */
    struct mnet_link items; /* struct mn_item */
};

/* A file as a member of a set. */
struct mn_item {
    struct mnet_watch watch;
    struct mnet_link of_file;
    struct mnet_link of_epoll; /* not linked: of a poll in progress */
    const struct mn_epoll *epoll;
    struct mnet_sockets *sockets;
    struct mn_file *file;
    int fd;
    uint32_t events; /* as the program asked for them */
    uint64_t data;
    void (*notify)(void *context, unsigned ready); /* of the set */
    void *notify_context;
};

struct mn_epoll {
    struct mn_file file;
    struct mnet_set set;
    struct mnet_link items;
};

/* Options of one family. A socket of AF_INET6 has those of IPv4, too, for mapped addresses. 0: not
 * set. */
struct mn_ip_options {
    uint8_t ttl, tos, group_ttl;
    uint8_t mtu_discover; /* as it is set, and one more */
    bool group_loop, dont_fragment;
    bool no_port;                            /* IP_BIND_ADDRESS_NO_PORT: without effect */
    bool tells_packet, tells_ttl, tells_tos; /* which control messages a received datagram has */
};

enum mn_ip_index {
    MN_IP_V4,
    MN_IP_V6,
    MN_IP_FAMILIES,
};

/* Options that a socket may have before there is anything to apply them to. 0: not set. */
struct mn_socket_options {
    bool reuse_address, reuse_port, broadcast, keepalive, no_delay, corked, quick_ack, v6only;
    struct mn_ip_options ip[MN_IP_FAMILIES];
    int linger_s; /* -1: off */
    uint32_t send_buffer, receive_buffer, low_water;
    uint32_t keep_idle_s, keep_interval_s, keep_count, user_timeout_ms;
    uint64_t receive_timeout_ns, send_timeout_ns; /* 0: none */
    enum mnet_congestion congestion;
};

enum mn_socket_phase {
    MN_PHASE_FRESH,      /* perhaps bound */
    MN_PHASE_LISTENING,  /* only TCP */
    MN_PHASE_CONNECTING, /* only TCP: begun, and no call has told the result yet */
    MN_PHASE_CONNECTED,  /* or was: then the flow knows how it ended */
};

struct mn_socket {
    struct mn_file file;
    struct mnet_sockets *sockets;
    const struct mn_socket_ops *ops;
    int domain, protocol;
    enum mn_socket_phase phase;
    bool nonblocking;
    bool read_shut, write_shut;
    bool dead;        /* shut down after a failed attempt: not to be connected again */
    bool cork_once;   /* MSG_MORE */
    bool error_taken; /* the flow's error was told: it is told once */
    int error;        /* -errno that waits to be told, beside the error of the flow; 0: none */
    bool bound;       /* by the program, or by a call that needed a port */
    bool keeps_port;  /* UDP: the program chose it */
    struct mnet_address bound_address;
    struct mnet_endpoint local; /* as getsockname tells it */
    struct mnet_endpoint remote;
    struct mnet_listener *listener; /* TCP, bound: deaf unless listening */
    struct mn_port_share *share;    /* to which the listener belongs; NULL: it is its own */
    struct mnet_link of_share;      /* or, accepted early, of the listening socket's spares */
    struct mnet_link spares;        /* struct mn_socket: accepted, but without a descriptor */
    unsigned spare_count;
    struct mnet_flow *flow;          /* TCP, connecting or connected */
    struct mnet_udp *udp;            /* UDP, bound */
    struct mn_socket_groups *groups; /* UDP: NULL if it never had one */
    struct mn_socket_options options;
};

/* A message to be sent, or the room for one. */
struct mn_message {
    struct mnet_iovec *pieces;
    size_t count;
    size_t len; /* of all pieces */
    int flags;
    struct mnet_endpoint remote; /* port and address as given; sent: is_remote */
    bool is_remote;
    int result_flags;
    /* Sent: the control messages. */
    const void *control;
    size_t control_len;
    /* Of UDP. Received: the fields of the header. Sent: those that control messages give. */
    struct mnet_address local; /* unspecified: not given */
    int ttl, tos;              /* -1: not given */
    bool dont_fragment;
};

struct mn_socket_ops {
    int type; /* MNET_SOCK_STREAM, ... */
    int protocol;
    /* All return 0, a count, or -errno. */
    int (*bind)(struct mn_socket *socket, struct mnet_endpoint local);
    /* NULL: dissolves the connection. `invalid` is the error of the address, or 0. */
    int (*connect)(struct mn_socket *socket, const struct mnet_endpoint *remote, int invalid);
    ptrdiff_t (*send)(struct mn_socket *socket, struct mn_message *message, uint64_t deadline);
    ptrdiff_t (*receive)(struct mn_socket *socket, struct mn_message *message, uint64_t deadline);
    int (*shutdown)(struct mn_socket *socket, int how);
    int (*peer)(struct mn_socket *socket, struct mnet_endpoint *remote);
    unsigned (*ready)(struct mn_socket *socket); /* enum mnet_ready */
    int (*take_error)(struct mn_socket *socket); /* -errno, or 0 */
    void (*apply)(struct mn_socket *socket);     /* the options */
    void (*close)(struct mn_socket *socket, bool linger);
};

extern const struct mn_socket_ops mn_tcp_socket, mn_udp_socket;

struct mnet_sockets {
    struct mnet_stack *stack;
    struct mnet_socket_memory memory;
    int first;
    unsigned max;
    struct mnet_link shares; /* of ports: port.c */
    struct mn_file *files[]; /* by descriptor; NULL: free */
};

/* table.c */

/* Makes a table without a stack, for files that are no sockets. Otherwise as mnet_sockets_open. */
int mn_sockets_make(struct mnet_stack *stack, const struct mnet_socket_memory *memory, int first, unsigned max,
                    struct mnet_sockets **sockets);

/* memory.c */

void *mn_sockets_alloc(struct mnet_sockets *sockets, size_t size);
void mn_sockets_free(struct mnet_sockets *sockets, void *memory, size_t size);

/* file.c */

/* Returns the place of a descriptor in the table. NULL if it cannot be one. */
struct mn_file **mn_file_place(struct mnet_sockets *sockets, int fd);
/* Gives a new file, with one reference, the lowest free descriptor. Returns it, or -MNET_EMFILE. */
int mn_file_install(struct mnet_sockets *sockets, struct mn_file *file);
/* Returns whether a descriptor is free. A call that takes something asks before, not to lose it. */
bool mn_file_has_room(const struct mnet_sockets *sockets);
/* Takes the file off its descriptor. Its reference is the caller's. */
struct mn_file *mn_file_take(struct mn_file **place);
/* Takes a reference to the file of a descriptor, for a call. NULL if there is none. */
struct mn_file *mn_file_hold(struct mnet_sockets *sockets, int fd);
void mn_file_release(struct mnet_sockets *sockets, struct mn_file *file, bool linger);

/* file_socket.c */

/* As mn_file_hold, for a socket. Returns 0, or -MNET_EBADF or -MNET_ENOTSOCK. */
int mn_socket_hold(struct mnet_sockets *sockets, int fd, struct mn_socket **socket);
static inline void mn_socket_release(struct mn_socket *socket)
{
    mn_file_release(socket->sockets, &socket->file, true);
}
/* Returns a socket without a descriptor, or NULL. */
struct mn_socket *mn_socket_new(struct mnet_sockets *sockets, const struct mn_socket_ops *ops, int domain, int flags);
/* Returns the time at which a call on the socket gives up. */
uint64_t mn_socket_deadline(const struct mn_socket *socket, int flags, uint64_t timeout_ns);

/* options.c */

/* Returns the options for packets to an address. */
const struct mn_ip_options *mn_ip_options_to(const struct mn_socket *socket, struct mnet_address destination);
/* Returns whether a datagram with these options is refused instead of being cut into fragments. */
bool mn_ip_options_forbid_fragments(const struct mn_ip_options *ip);

/* port.c */

/* Takes a port for a TCP socket, without listening yet. Returns 0 or -errno. */
int mn_port_reserve(struct mn_socket *socket, struct mnet_endpoint local);
/* Begins to listen, or changes the backlog, which is above 0. Returns 0 or -errno. */
int mn_port_listen(struct mn_socket *socket, unsigned backlog);
/* Returns the socket to which the next connection of a shared listener belongs: the next one in
 * turn that listens and has room. NULL if there is none. */
struct mn_socket *mn_port_choose_listener(struct mn_port_share *share);
/* Keep an accepted socket without a descriptor for the listening one, behind the others or in front
 * of them, and take the first one. */
void mn_port_add_spare(struct mn_socket *listener, struct mn_socket *spare);
void mn_port_return_spare(struct mn_socket *listener, struct mn_socket *spare);
struct mn_socket *mn_port_take_spare(struct mn_socket *listener);
/* Gives the port back, if the socket has one. It does not listen any more. */
void mn_port_leave(struct mn_socket *socket);

/* tcp_info.c */

/* Stores struct mnet_socket_tcp_info, as much of it as fits. */
int mn_tcp_info_store(const struct mn_socket *socket, void *value, uint32_t *len);

/* control.c */

/* Reads the control messages of a datagram to `destination`. Returns 0 or -MNET_EINVAL. */
int mn_control_read(const struct mn_socket *socket, struct mnet_address destination, struct mn_message *message);
/* Stores those of a received datagram that the options of the socket ask for. */
void mn_control_write(const struct mn_socket *socket, const struct mn_message *message, struct mnet_msghdr *header);

/* groups.c */

/* Joins or leaves the group of a request, at the level MNET_IPPROTO_IP or MNET_IPPROTO_IPV6.
 * Returns 0 or -errno. */
int mn_groups_change(struct mn_socket *socket, int level, bool joins, const void *value, uint32_t len);
/* The socket has got an endpoint. */
void mn_groups_join_all(struct mn_socket *socket);
void mn_groups_free(struct mn_socket *socket);

/* items.c */

/* Makes a file a member of a set. */
void mn_item_join(struct mn_item *item, struct mnet_set *set, unsigned wanted, enum mnet_watch_mode mode);
void mn_item_leave(struct mn_item *item);
/* The readiness of the file may have risen. */
void mn_file_tell(struct mn_file *file);
/* Waits until a file is ready for any bit of `wanted`. Returns 0, -MNET_EAGAIN after the deadline,
 * or -MNET_EINTR. Suspends. */
int mn_file_wait(struct mn_file *file, unsigned wanted, uint64_t deadline);
/* For the callbacks of mnet: `context` is the socket. */
void mn_socket_take_event(void *context, unsigned ready);
/* Events of poll as bits of mnet_ready, and back. */
unsigned mn_ready_of_events(uint32_t events);
uint32_t mn_events_of_ready(unsigned ready);

/* Frees an item of an epoll. */
void mn_item_drop(struct mn_item *item);
/* The last descriptor of the file is closed: it leaves all epolls. */
void mn_items_forget(struct mn_file *file);

/* address.c */

/* Reads an address of the socket's family; as a destination, a UDP socket of IPv6 takes one of
 * IPv4, too. Returns 0, -MNET_EINVAL or -MNET_EAFNOSUPPORT. */
int mn_sockaddr_read(const struct mn_socket *socket, const void *address, uint32_t len, bool destination,
                     struct mnet_endpoint *endpoint);
/* Stores an address in the form of the socket's family. */
int mn_sockaddr_write(const struct mn_socket *socket, struct mnet_endpoint endpoint, void *address, uint32_t *len);
/* The wildcard address as a destination is the host itself. */
struct mnet_address mn_socket_destination(const struct mn_socket *socket, struct mnet_address address);
enum mnet_family mn_socket_family(const struct mn_socket *socket);

/* error.c */

/* Returns -errno for an error of mnet; `cause` is why packets do not arrive. */
int mn_errno(int error, enum mnet_unreachable cause);

#endif
