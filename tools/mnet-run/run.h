/* The parts that the files of mnet-run share.
 *
 * Theory of operation. mnet-run starts a program behind a seccomp filter, which stops the program
 * at each system call that makes or configures a socket. The call becomes a notification, and
 * mnet-run answers it. `socket` gets one end of a pair of Unix sockets: a real descriptor, which
 * the program can read, write, poll, pass on and close without mnet-run. mnet-run has the other
 * end. It pumps bytes between that end and a flow of mnet, and hears from it when the last copy of
 * the descriptor is closed.
 *
 * A socket is known by the inode number of the program's end, so it makes no difference which
 * process uses it, and by which number. mnet-run keeps no copy of the program's end, because the
 * end would never be closed then. If it needs the descriptor for a moment, it takes a copy out of
 * the program (pidfd_getfd) and closes the copy again.
 *
 * Everything runs in one task. It sleeps until the epoll set of all ends and notifications has an
 * event, or mnet has one for a flow. Either puts the socket into the list `ready`, so a turn costs
 * as much as there is to do, however many sockets there are.
 *
 * The program is not trusted. What it passes in memory is copied before it is looked at. A pointer
 * that leads nowhere makes the call fail with EFAULT. Before bytes of the program are used, the
 * notification is checked to be still valid: otherwise they may be those of another process that
 * got the same number meanwhile.
 */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/list.h"
#include "ports/hosted/hosted.h"

#define RUN_BUFFER (64u * 1024) /* bytes that are moved at a time */
/* The number of the interface in the program is that of the zone, and this. Number 1 is lo. */
#define RUN_INTERFACE_ZONE 1u

/* ---- Calls (calls.c) ---- */

/* A system call of the program that waits for its answer. */
struct run_call {
    uint64_t id; /* of the notification */
    pid_t thread;
    int number;
    uint64_t arguments[6];
};

/* Answers of the functions below, besides a result (0 or more) and a negative errno. */
#define RUN_CONTINUE (INT64_MIN)     /* the kernel carries out the call itself */
#define RUN_LATER (INT64_MIN + 1)    /* the call waits; run_reply answers it later */
#define RUN_ANSWERED (INT64_MIN + 2) /* the answer was sent already */

struct runner;

/* Makes a call and its answer wake on the processor where the caller runs: while it waits for the
 * answer it has no use for the processor, and another one would have to be woken first. Older
 * kernels cannot. */
void run_wake_here(const struct runner *run);
/* Takes all notifications that wait, and answers them. `events` are those that poll or epoll has
 * just had for their descriptor. False if no process of the program is left. */
bool run_answer_calls(struct runner *run, unsigned events);
/* Serves everything that has happened to the sockets of the program but for calls. The close of a
 * socket is no call that is answered, so a port may seem to be in use that the program has freed
 * before its call. */
void run_catch_up(struct runner *run);
/* Answers a call. False if the call is gone: its thread has ended, or was interrupted. */
bool run_reply(struct runner *run, uint64_t id, int64_t result);
/* Returns true if the program still waits for the answer. */
bool run_call_valid(const struct runner *run, uint64_t id);

struct run_socket;

/* A call that waits until its socket is ready. */
struct run_wait {
    struct mnet_link of_socket;
    struct mnet_link of_deadlines; /* if it has a deadline */
    struct run_socket *socket;
    uint64_t deadline;
    int64_t timed_out; /* the answer at the deadline */
    struct run_call call;
};

/* Makes the call wait at the socket, as long as the timeout of the descriptor `fd` allows. Returns
 * RUN_LATER, or the negative errno with which the call must be answered at once: -would_block if
 * the descriptor does not block. */
int64_t run_wait_for(struct runner *run, struct run_socket *socket, const struct run_call *call, int option,
                     int would_block);
/* Returns the call that has waited longest, or NULL. */
struct run_wait *run_wait_first(const struct run_socket *socket);
/* Returns the one that waits next longest, or NULL. */
struct run_wait *run_wait_next(const struct run_wait *wait);
/* Forgets a wait, without an answer. */
void run_wait_end(struct run_wait *wait);
/* Answers all calls that wait at the socket. Returns how many of them still did. */
unsigned run_wait_answer_all(struct runner *run, struct run_socket *socket, int64_t result);
/* Answers calls whose deadlines have passed. Returns the next deadline; MNET_NEVER if there is
 * none. */
uint64_t run_wait_expire(struct runner *run);

/* ---- Lines about what does not work (notes.c) ---- */

/* Says in one line that something of the program does not work: what it tried, and what it got. A
 * line stands once, and those of one `format` are few, whatever the program tries. `format` is a
 * string constant; a line that is longer than RUN_NOTE_LENGTH is cut. */
__attribute__((format(printf, 2, 3))) void run_note(struct runner *run, const char *format, ...);

struct run_name {
    char text[28];
};

/* Return the names that programs know the numbers by, or the numbers themselves. */
struct run_name run_name_level(int level);
struct run_name run_name_option(int level, int option);
struct run_name run_name_type(int type);
struct run_name run_name_protocol(int protocol);
struct run_name run_name_netlink(int type);

/* ---- Memory and descriptors of the program (program_memory.c) ---- */

/* Copies bytes of the program. False if they cannot be read. */
bool run_read(const struct runner *run, const struct run_call *call, uint64_t address, void *bytes, size_t len);
bool run_write(const struct runner *run, const struct run_call *call, uint64_t address, const void *bytes, size_t len);
/* Writes several, in less time. */
struct run_piece {
    uint64_t address;
    const void *bytes;
    size_t len;
};
bool run_write_pieces(const struct runner *run, const struct run_call *call, const struct run_piece *pieces,
                      unsigned count);
/* The thread whose descriptors were last asked for. */
struct run_holder {
    pid_t thread; /* 0: none */
    int fd;
    bool of_process; /* the kernel is older than 6.9: this is not kept */
};
/* Returns a copy of a descriptor of the program, or -1. */
int run_take(struct runner *run, pid_t thread, int fd);
void run_forget_holder(struct runner *run);
/* Gives the program a descriptor, as the result of the call. Returns its number, or a negative
 * errno; -ENOENT if the call is gone. */
int run_give(const struct runner *run, const struct run_call *call, int fd, bool close_on_exec);
/* Returns the inode number of a socket of the program, or 0. */
ino_t run_inode(struct runner *run, pid_t thread, int fd);

/* ---- Addresses (program_address.c) ---- */

#define RUN_NO_FAMILY 1 /* the address has the family AF_UNSPEC */
/* Reads a socket address of `family`. Returns 0, RUN_NO_FAMILY or a negative errno. */
int run_read_address(const struct runner *run, const struct run_call *call, uint64_t address, uint64_t len, int family,
                     struct mnet_endpoint *endpoint);
/* Writes the socket address `name` in the same way. */
int run_write_name(const struct runner *run, const struct run_call *call, const void *name, socklen_t size,
                   uint64_t address, uint64_t len_address);
bool run_is_loopback(struct mnet_address address);
/* Returns the zone that the number of an interface stands for, or 0. */
uint16_t run_zone_of(uint32_t scope);
/* Returns true if a socket may be bound to the address. */
bool run_own_address(const struct runner *run, struct mnet_address address);
/* Writes an endpoint as a socket address of `family`, and its length, as accept and getsockname do.
 * Does nothing if `address` is 0. Returns 0 or a negative errno. */
int run_write_address(const struct runner *run, const struct run_call *call, struct mnet_endpoint endpoint, int family,
                      uint64_t address, uint64_t len_address);

/* ---- Sockets (program_socket.c) ---- */

enum run_phase {
    RUN_FRESH,
    RUN_CONNECTING,
    RUN_CONNECTED,
    RUN_LISTENING,
    RUN_DEAD, /* the connection has failed; our end is closed */
};

/* Options that mnet-run knows, as the program set them. */
struct run_settings {
    bool no_group_loop, icmp_errors; /* of datagrams */
    /* Which control messages received datagrams have: of IPv4, and of IPv6. */
    bool tells_packet, tells_ttl, tells_tos, tells_packet6, tells_hops, tells_class;
    int group_ttl, mtu_discover;
    bool reuse_port, v6_only, no_delay, cork, keepalive;
    bool reset_at_close;                          /* SO_LINGER with 0 s */
    int keep_idle_s, keep_interval_s, keep_count; /* 0: default */
    int user_timeout_ms;
    int ttl, dscp; /* 0: default */
    enum mnet_congestion congestion;
};

struct run_share;
struct run_senders;
struct run_rest;

/* A socket of the program. */
struct run_socket {
    struct runner *run;
    struct run_socket *next; /* in its bucket of the table */
    struct mnet_link ready;  /* there is work */
    struct mnet_link dead;   /* in the list of those that wait for their last question */
    struct mnet_link retry;
    struct mnet_link leftover;       /* closed, and its peer has not taken all */
    uint64_t leftover_until;         /* it has so long to take something */
    uint64_t leftover_acked;         /* bytes that it had taken before */
    struct mnet_link waits;          /* struct run_wait */
    unsigned wait_count, wait_sweep; /* how many, and at how many the gone ones are looked for */
    ino_t inode;                     /* of the program's end */
    int fd;                          /* our end; -1: closed */
    int family, type, protocol;
    enum run_phase phase;
    /* Where the program was seen with it last. */
    pid_t thread;
    int number;
    struct mnet_endpoint local, remote;
    struct run_settings settings;
    int error;      /* errno for SO_ERROR */
    bool end_tells; /* reading the program's end tells of it, too, unless it has already */

    /* A stream. */
    struct mnet_flow *flow;
    bool writable_awaited; /* our end is watched for room */
    bool readable;         /* our end may have bytes from the program */
    bool reads_on;         /* until there are none: the end, or urgent data, cuts a read short */
    bool buried;           /* it has ended, and is freed after this turn */
    bool reset;            /* the program closed its end and left bytes unread */
    bool hung_up;          /* the program has closed its end, or shut down both directions */
    bool finishing;        /* the program writes no more: its last bytes are in the pair */
    bool out_ended;        /* no more bytes come from the program */
    bool in_ended;         /* no more bytes go to it */
    bool discards;         /* it takes no more, although more come */
    bool unannounced;      /* connecting, and the program does not know yet */
    uint64_t announced_ns; /* it was told then */
    bool unreported;       /* connected, and no call has said so yet */
    size_t filler;         /* bytes that make its end unwritable while it connects */
    int room;              /* that its end gets back then; 0: it has it */
    /* Bytes on the way that found no room. */
    struct run_rest *to_program, *to_network;

    /* A socket of UDP. */
    struct mnet_udp *udp;
    struct run_senders *senders;
    /* A DNS server that the program knows by another address. */
    struct mnet_endpoint alias, aliased;

    /* A socket of netlink. */
    pid_t netlink_port;

    /* A socket that is bound, or listens. */
    struct run_share *share; /* NULL: it has no port of its own */
    struct mnet_link of_share;
    struct mnet_link spares; /* accepted from mnet, and not by the program yet: see listen.c */
    unsigned spare_count;
    bool token; /* a byte that makes its end readable */
};

/* So many bytes may wait in a pair, in each direction. The kernel allows no more than
 * net.core.wmem_max, and doubles it. With half of that, a connection that moves much makes three
 * processes wait for one another. */
#define RUN_PAIR_ROOM (512 * 1024)
/* Sets how many bytes may wait that were written to one end. */
void run_set_room(int end, int bytes);

/* Looks up the socket that a call names by its first argument. NULL if it is none of ours. */
struct run_socket *run_find(struct runner *run, const struct run_call *call);
/* Makes a socket, and the program's end of it, which the caller closes. NULL, with errno. */
struct run_socket *run_create(struct runner *run, int family, int type, int protocol, int *program_end);
/* Gives the program its end, closes our copy, and notes its descriptor. Returns the result of
 * run_give. */
int run_hand_over(struct runner *run, const struct run_call *call, struct run_socket *socket, int program_end,
                  int flags);
/* Ends a socket, and its flow, listener or endpoint of mnet. */
void run_drop(struct runner *run, struct run_socket *socket);
/* Closes our end, so that the program sees an error, and keeps the rest for questions. */
void run_kill(struct runner *run, struct run_socket *socket, int error);
/* Returns the errno that nobody has told the program so far, or 0. Reading tells it no more. The
 * caller tells it and clears `error`. */
int run_untold_error(struct run_socket *socket);
void run_mark_ready(struct runner *run, struct run_socket *socket);
/* Watches our end for room as well, or no more. */
void run_await_room(struct runner *run, struct run_socket *socket, bool room);
/* Returns true if the program has the descriptor still open where it was seen last. */
bool run_still_open(const struct run_socket *socket);
/* Takes a copy of the program's end, or -1. */
int run_take_end(const struct run_socket *socket);
/* Throws away what the program has written so far: it had nobody to write to. */
void run_discard_written(struct runner *run, const struct run_socket *socket);
/* Does the work of a socket: see the theory above. */
void run_serve(struct runner *run, struct run_socket *socket);
/* Frees sockets that ended in this turn. */
void run_bury(struct runner *run);
int64_t run_socket_call(struct runner *run, const struct run_call *call);

/* Returns the errno for an error of mnet. */
int run_errno(int error);

/* ---- Streams (stream.c, leftover.c, connect.c, listen.c) ---- */

/* The socket has work after a while, although nothing tells: mnet had no memory. */
void run_retry(struct runner *run, struct run_socket *socket);
/* Marks those sockets ready if their time has come. Returns when that is; 0: it has. */
uint64_t run_retry_due(struct runner *run);
/* Moves bytes in both directions, as far as both sides take them. */
void run_pump(struct runner *run, struct run_socket *socket);
/* Takes what the program has written so far, before a call of its changes how that is sent. */
void run_take_written(struct runner *run, struct run_socket *socket);
void run_rest_free(struct run_socket *socket);
/* The program has closed its end, and bytes of it wait: ends the connection if its peer takes none
 * of them for the user timeout. */
void run_leftover_watch(struct runner *run, struct run_socket *socket);
/* Ends those whose time is over. Returns when to look again; MNET_NEVER if there are none. */
uint64_t run_leftover_expire(struct runner *run);
/* mnet has an event for the flow of the socket that is `context`. */
void run_flow_event(void *context, unsigned ready);
/* Gives the program's end the room that it had before the socket connected, if it is found. */
void run_give_room_back(struct run_socket *socket);
/* Makes a flow the connection of a socket. */
void run_connected(struct runner *run, struct run_socket *socket, struct mnet_flow *flow);
/* Looks whether an attempt to connect has ended. */
void run_connect_progress(struct runner *run, struct run_socket *socket);
int64_t run_connect_call(struct runner *run, struct run_socket *socket, const struct run_call *call);

int64_t run_bind_call(struct runner *run, struct run_socket *socket, const struct run_call *call);
int64_t run_listen_call(struct runner *run, struct run_socket *socket, const struct run_call *call);
int64_t run_accept_call(struct runner *run, struct run_socket *socket, const struct run_call *call);
/* Gives waiting calls their connections, and makes ends readable if there are more. */
void run_listener_serve(struct runner *run, struct run_socket *socket);
/* Gives the port of a socket back, if it has one. It does not listen any more. */
void run_give_port(struct runner *run, struct run_socket *socket);

/* ---- Datagrams (datagram.c, message.c) ---- */

#define RUN_DNS_PORT 53

/* The fields of a header that control messages tell. */
struct run_header {
    struct mnet_address local; /* the own address; sent: unspecified if it is not given */
    int ttl, tos;              /* sent: -1 if it is not given */
    bool dont_fragment;        /* sent */
};

/* The sender of a datagram in the pair, or the error that an empty one stands for. */
struct run_sender {
    struct mnet_endpoint remote;
    uint32_t len;
    int error; /* errno; 0: none */
    struct run_header header;
};

/* Opens the endpoint of a socket, unless it has one. Returns 0 or a negative errno. */
int run_datagram_open(struct runner *run, struct run_socket *socket);
void run_datagram_close(struct run_socket *socket);
int64_t run_datagram_bind(struct runner *run, struct run_socket *socket, struct mnet_endpoint local);
/* Connects to a remote end, or to none with NULL. */
int64_t run_datagram_connect(struct runner *run, struct run_socket *socket, const struct mnet_endpoint *remote);
struct mnet_endpoint run_datagram_name(struct runner *run, const struct run_socket *socket);
/* Sends a datagram, to the connected end if `to` is NULL. `header` may be NULL. Returns its length
 * or a negative errno. */
int64_t run_datagram_send(struct runner *run, struct run_socket *socket, const struct mnet_endpoint *to,
                          const struct run_header *header, const void *bytes, size_t len);
/* Returns the sender of a datagram of `len` bytes that was just read from the program's end, or
 * seen there (`peek`). */
struct run_sender run_sender_of(struct run_socket *socket, int end, size_t len, bool peek);
void run_datagram_serve(struct runner *run, struct run_socket *socket);
int64_t run_message_call(struct runner *run, struct run_socket *socket, const struct run_call *call);
/* Tries waiting calls again. */
void run_message_retry(struct runner *run, struct run_socket *socket);

/* Control messages in the program's memory. */
struct run_control {
    uint64_t address;
    size_t len;
};

/* Reads those of a datagram to `to`. Returns 0 or a negative errno. */
int run_control_read(struct runner *run, const struct run_socket *from, const struct run_call *call,
                     struct run_control control, struct mnet_address to, struct run_header *header);
/* Writes those that the program wants to know of a datagram, as far as there is room, and their
 * length. Adds MSG_CTRUNC to the flags if there is not enough. False if they cannot be written. */
bool run_control_write(struct runner *run, const struct run_socket *from, const struct run_call *call,
                       const struct run_sender *sender, struct run_control *control, int *flags);

/* ---- Interfaces (interfaces.c, netlink.c) ---- */

#define RUN_INTERFACE "mnet0"
#define RUN_INTERFACES 2u
#define RUN_ADDRESSES_MAX 64u

struct run_interface {
    const char *name;
    int index;
    uint32_t mtu;
    bool loopback;
    unsigned flags; /* IFF_UP and others */
    uint8_t mac[6];
    unsigned address_count;
    struct mnet_prefix addresses[RUN_ADDRESSES_MAX];
};

/* Fills in lo, and mnet's interface. */
void run_interfaces(struct runner *run, struct run_interface interfaces[RUN_INTERFACES]);
/* Answers ioctl with a question for interfaces. */
int64_t run_interface_call(struct runner *run, const struct run_call *call);
/* Answers a question of `len` bytes. Returns `len` or a negative errno. */
int64_t run_netlink_request(struct runner *run, struct run_socket *socket, const char *bytes, size_t len);
void run_netlink_serve(struct runner *run, struct run_socket *socket);
int64_t run_netlink_name(struct runner *run, const struct run_socket *socket, const struct run_call *call);

/* ---- Options (socket_options.c) ---- */

int64_t run_get_option(struct runner *run, struct run_socket *socket, const struct run_call *call);
int64_t run_set_option(struct runner *run, struct run_socket *socket, const struct run_call *call);
/* Applies the settings of a socket to its flow. */
void run_apply_settings(const struct run_socket *socket);

/* ---- The program (program.c, filter.c) ---- */

/* Starts run->program behind the filter, which is as run_filter makes it. Returns the descriptor of
 * its notifications; negative after saying why. */
int run_start(struct runner *run, char **argv);
/* Installs the filter in this process. With `no_delay`, calls that set TCP_NODELAY or TCP_CORK are
 * no notifications: they return 0 and do nothing. Returns the descriptor of its notifications, or a
 * negative errno. */
int run_filter(bool no_delay);

/* ---- Options, and a bad link (run_options.c, bad_link.c) ---- */

struct run_options {
    bool stats;
    bool no_delay;             /* for all sockets, whatever they are set to */
    bool bad_link;             /* the device is behind the link `path` */
    struct mnet_sim_path path; /* of each direction */
};

/* Reads the options of mnet-run. Returns the words behind "--", or NULL after a line that names the
 * error. */
char **run_read_options(struct mnet_env *env, struct run_options *options);
/* Wraps a device, which it owns from then on: frames pass through a simulated link in real time.
 * Returns NULL if there is no memory or no descriptor, and the device is closed. */
struct mnet_device *run_bad_link(struct mnet_device *inner, const struct mnet_sim_path *path);

#define RUN_NOTES 128
#define RUN_NOTE_LENGTH 160

/* A line that was written. */
struct run_note {
    const char *format;
    char text[RUN_NOTE_LENGTH];
};

/* One run of a program. */
struct runner {
    struct mnet_env *env;
    struct mnet_stack *stack;
    struct mnet_waiters waiters; /* the task, while it sleeps */
    struct mn_hosted_watch watch;
    struct mn_hosted_watch calls_watch; /* of the notifications, also in the set */
    int epoll;
    int notifications;
    pid_t program; /* its first process; 0: it has ended */
    int status;
    bool ended; /* no process of the program is left */
    struct run_options options;
    uint64_t calls, sockets; /* answered, and made */
    struct run_holder holder;
    struct seccomp_notif *request;
    struct seccomp_notif_resp *response;
    size_t request_size, response_size;

    struct run_socket **table; /* by inode; a power of two */
    size_t table_size, socket_count;
    struct mnet_link ready, dead, buried, deadlines, shares;
    struct mnet_link retries; /* sockets that try again at retry_at */
    uint64_t retry_at;
    struct mnet_link leftovers;
    uint64_t leftover_at; /* the first of them is due, or one that has gone */
    unsigned dead_count;
    struct run_note notes[RUN_NOTES];
    unsigned note_count;
    struct iovec pieces[1024]; /* as many as a call may have */
    struct run_rest *inlet;    /* what connections read into; NULL: a flow has borrowed it */
    char buffer[RUN_BUFFER];
};

#endif
