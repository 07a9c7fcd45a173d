/* Sockets of AF_UNIX, within the machine: streams, datagrams and streams of messages. */
#ifndef MN_UNIX_H
#define MN_UNIX_H

#include "syscall/open.h"

#define MN_AF_UNIX 1
#define MN_SOCK_SEQPACKET 5
#define MN_UNIX_PATH 108

/* A name: a path with its zero, or an abstract one, which begins with a zero. */
struct mn_unix_name {
    uint8_t len; /* 0: none */
    char bytes[MN_UNIX_PATH];
};

struct mn_unix {
    struct mn_open *open;
    struct mnet_link of_system; /* system->unix_sockets */
    int type;
    struct mn_unix_name name;
    struct mn_inode *inode;      /* if the name is a path */
    struct mn_unix *peer;        /* NULL: none, or it is closed */
    struct mn_unix_name of_peer; /* its name */
    bool connected;              /* it has, or had, a peer */
    bool read_shut, write_shut;
    int error;                   /* that waits to be told: -errno, or 0 */
    unsigned backlog;            /* 0: does not listen */
    unsigned accepted_later;     /* connections that wait for accept */
    struct mnet_link of_backlog; /* of the listener's `connections` */
    struct mnet_link connections;
    struct mnet_link messages;                    /* received */
    size_t bytes;                                 /* of those, and of what they need beside */
    uint64_t receive_timeout_ns, send_timeout_ns; /* 0: none */
};

/* Makes a socket without a descriptor, or returns NULL. */
struct mn_unix *mn_unix_new(struct mn_system *system, int type, uint32_t flags);
/* Takes a reference to the socket of a descriptor. NULL: it is none of these. */
struct mn_unix *mn_unix_hold(struct mn_system *system, int fd);
void mn_unix_release(struct mn_unix *socket);
/* Finds who has a name. `type` is that of the one who asks. Returns 0 or -errno. */
int mn_unix_find(struct mn_system *system, const struct mn_unix_name *name, int type, struct mn_unix **found);
/* Waits for a change of the socket, as mn_open_wait does. */
int mn_unix_wait(struct mn_unix *socket, int flags, uint64_t deadline);
uint64_t mn_unix_deadline(const struct mn_unix *socket, uint64_t timeout_ns);
/* Reads an address of the family. Returns 0 or -MNET_EINVAL. */
int mn_unix_name_read(const void *address, uint64_t len, struct mn_unix_name *name);
int mn_unix_name_write(const struct mn_unix_name *name, void *address, uint32_t *len);

/* unix_data.c: a message in pieces. Return how many bytes, or -errno. */
int64_t mn_unix_send(struct mn_unix *socket, const struct mnet_msghdr *header, int flags);
int64_t mn_unix_receive(struct mn_unix *socket, struct mnet_msghdr *header, int flags);
/* The bytes of the first message, or of all of a stream. */
int64_t mn_unix_readable_bytes(const struct mn_unix *socket);
/* Forgets what was received. */
void mn_unix_discard(struct mn_unix *socket);
bool mn_unix_has_room(const struct mn_unix *socket);

/* unix_rights.c: descriptors that a message passes. */
struct mn_unix_rights;

/* Reads the control messages of a message. Stores NULL if they pass none. Returns 0 or -errno. */
int mn_unix_rights_read(struct mn_system *system, const struct mnet_msghdr *header, struct mn_unix_rights **rights);
/* Gives the files descriptors, and stores a control message of up to `room` bytes that tells them.
 * MNET_MSG_CTRUNC says that not all have got one. The references stay those of `rights`. */
void mn_unix_rights_give(struct mn_system *system, const struct mn_unix_rights *rights, struct mnet_msghdr *header,
                         size_t room);
void mn_unix_rights_free(struct mn_system *system, struct mn_unix_rights *rights);

/* unix_calls.c: the calls, for a socket of this kind. */
int64_t mn_unix_socket(struct mn_thread *thread, int type, int protocol);
int64_t mn_unix_bind(struct mn_unix *socket, const void *address, uint64_t len);
int64_t mn_unix_listen(struct mn_unix *socket, int backlog);
int64_t mn_unix_connect(struct mn_unix *socket, const void *address, uint64_t len);
int64_t mn_unix_accept(struct mn_unix *socket, void *address, uint32_t *len, uint32_t flags);
int64_t mn_unix_shutdown(struct mn_unix *socket, int how);
int64_t mn_unix_names(const struct mn_unix *socket, bool of_peer, void *address, uint32_t *len);
int64_t mn_unix_getsockopt(struct mn_unix *socket, int level, int name, void *value, uint32_t *len);
int64_t mn_unix_setsockopt(struct mn_unix *socket, int level, int name, const void *value, uint64_t len);

#endif
