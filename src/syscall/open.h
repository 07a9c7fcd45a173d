/* Open files that are no sockets: what a descriptor of them refers to. */
#ifndef MN_OPEN_H
#define MN_OPEN_H

#include "socket/socket.h"
#include "syscall/system.h"

#define MN_O_ACCMODE 03u
#define MN_O_RDONLY 0u
#define MN_O_WRONLY 1u
#define MN_O_CREAT 0100u
#define MN_O_EXCL 0200u
#define MN_O_TRUNC 01000u
#define MN_O_APPEND 02000u
#define MN_O_NONBLOCK 04000u
#define MN_O_DIRECTORY 0200000u
#define MN_O_NOFOLLOW 0400000u

struct mn_open {
    struct mn_file file;
    const struct mn_open_ops *ops;
    struct mn_system *system;
    struct mn_inode *inode; /* NULL: it has no name */
    uint32_t flags;         /* MN_O_... */
    uint64_t offset;
    struct mnet_waiters waiters; /* calls on it that wait */
    void *state;                 /* of its kind */
    struct mnet_link link;       /* of others of its kind */
    uint64_t count;
};

/* The kinds. A function that is NULL is -MNET_EINVAL. */
struct mn_open_ops {
    uint32_t mode; /* of stat, if there is no inode */
    bool seeks;
    /* `at` is the place in the file, which moves on. Both may suspend. */
    int64_t (*read)(struct mn_open *open, void *buffer, size_t len, uint64_t *at);
    int64_t (*write)(struct mn_open *open, const void *data, size_t len, uint64_t *at);
    unsigned (*ready)(struct mn_open *open); /* enum mnet_ready; NULL: always for both */
    void (*close)(struct mn_open *open);     /* NULL: nothing is to be done */
};

extern const struct mn_open_ops mn_console_ops, mn_regular_ops, mn_folder_ops;
extern const struct mn_open_ops mn_null_ops, mn_zero_ops, mn_random_ops;

/* What uname tells, in its order. */
enum mn_uname_field {
    MN_UNAME_SYSTEM,
    MN_UNAME_HOST,
    MN_UNAME_RELEASE,
    MN_UNAME_FIELDS = 6,
};
extern const char *const mn_uname_fields[MN_UNAME_FIELDS];

/* Calls `make` for each file whose text is generated when it is read, until it returns an error.
 * Returns that, or 0. */
int mn_generated_each(struct mn_system *system,
                      int (*make)(struct mn_system *system, const char *path, const struct mn_open_ops *ops));

/* Makes an open file without a descriptor, or returns NULL. It has a reference to `inode`, which
 * may be NULL. */
struct mn_open *mn_open_new(struct mn_system *system, const struct mn_open_ops *ops, struct mn_inode *inode,
                            uint32_t flags);
/* Gives it the lowest free descriptor. Returns that, or -MNET_EMFILE, and then it is closed. */
int mn_open_install(struct mn_open *open);
/* Takes a reference to an open file, for a call. Returns 0, -MNET_EBADF, or -MNET_EINVAL if it is a
 * socket or an epoll. */
int mn_open_hold(struct mn_system *system, int fd, struct mn_open **open);
void mn_open_release(struct mn_open *open);
/* Whether a descriptor is a socket's. */
bool mn_is_socket(struct mn_system *system, int fd);

/* Waits for a change of the file. Returns 0, -MNET_EAGAIN if it must not wait, -MNET_EINTR. */
int mn_open_wait(struct mn_open *open);
/* Waits until a counter is not 0, for a read of `len` bytes. Returns 0, -MNET_EINVAL if they are
 * too few, or as mn_open_wait. */
int mn_open_await_count(struct mn_open *open, size_t len);
/* The file has changed: those who wait for it look again. */
void mn_open_tell(struct mn_open *open);

/* Read and write by any descriptor; `at` NULL: at the offset of the file. */
int64_t mn_descriptor_read(struct mn_system *system, int fd, void *buffer, size_t len, const uint64_t *at);
int64_t mn_descriptor_write(struct mn_system *system, int fd, const void *data, size_t len, const uint64_t *at);

/* Folders that relative paths of the calls *at begin in: MN_AT_FDCWD is the present one. */
#define MN_AT_FDCWD (-100)
int mn_folder_of(struct mn_system *system, int fd, const char *path, struct mn_inode **folder);
/* As mn_tree_walk and mn_tree_find, from such a folder. */
int mn_walk_at(struct mn_system *system, int fd, const char *path, bool follow, struct mn_place *place);
int mn_find_at(struct mn_system *system, int fd, const char *path, bool follow, struct mn_inode **inode);

/* The time of day, for files. */
uint64_t mn_system_wall(const struct mn_system *system);

#endif
