/* Descriptors that are passed over AF_UNIX (SCM_RIGHTS). A message has references to the files:
 * they live on while it waits, and get descriptors when it is received. */
#include <string.h>

#include "syscall/unix.h"

#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2 /* every process is this one, so they say nothing */
#define FILES_MAX 253u
#define ALIGN(len) (((len) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))

struct mn_unix_rights {
    unsigned count;
    struct mn_file *files[FILES_MAX];
};

void mn_unix_rights_free(struct mn_system *system, struct mn_unix_rights *rights)
{
    for (unsigned i = 0; rights != NULL && i < rights->count; i++)
        mn_file_release(system->descriptors, rights->files[i], false);
    mn_object_free(&system->objects, rights, sizeof *rights);
}

/* Adds the files of descriptors. Returns 0 or -errno. */
static int add(struct mn_system *system, struct mn_unix_rights *rights, const char *numbers, size_t count)
{
    if (count > FILES_MAX - rights->count)
        return -MNET_EINVAL;
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, numbers + i * sizeof fd, sizeof fd);
        struct mn_file *file = mn_file_hold(system->descriptors, fd);
        if (file == NULL)
            return -MNET_EBADF;
        rights->files[rights->count++] = file;
    }
    return 0;
}

/* Reads all control messages. Those of other levels are not for these sockets. */
static int read_all(struct mn_system *system, const struct mnet_msghdr *header, struct mn_unix_rights *rights)
{
    const char *control = header->msg_control;
    struct mnet_cmsghdr message;
    for (size_t at = 0; header->msg_controllen - at >= sizeof message; at += ALIGN(message.cmsg_len)) {
        memcpy(&message, control + at, sizeof message);
        size_t rest = header->msg_controllen - at;
        if (message.cmsg_len < sizeof message || message.cmsg_len > rest)
            return -MNET_EINVAL;
        if (message.cmsg_level == MNET_SOL_SOCKET && message.cmsg_type != SCM_RIGHTS &&
            message.cmsg_type != SCM_CREDENTIALS)
            return -MNET_EINVAL;
        int error = 0;
        if (message.cmsg_level == MNET_SOL_SOCKET && message.cmsg_type == SCM_RIGHTS)
            error = add(system, rights, control + at + sizeof message,
                        (message.cmsg_len - sizeof message) / sizeof(int));
        if (error < 0)
            return error;
        if (ALIGN(message.cmsg_len) >= rest)
            break;
    }
    return 0;
}

int mn_unix_rights_read(struct mn_system *system, const struct mnet_msghdr *header, struct mn_unix_rights **result)
{
    *result = NULL;
    if (header->msg_control == NULL || header->msg_controllen == 0)
        return 0;
    struct mn_unix_rights *rights = mn_object_alloc(&system->objects, sizeof *rights);
    if (rights == NULL)
        return -MNET_ENOMEM;
    int error = read_all(system, header, rights);
    if (error < 0 || rights->count == 0) {
        mn_unix_rights_free(system, rights);
        return error;
    }
    *result = rights;
    return 0;
}

void mn_unix_rights_give(struct mn_system *system, const struct mn_unix_rights *rights, struct mnet_msghdr *header,
                         size_t room)
{
    struct mnet_cmsghdr message = {.cmsg_level = MNET_SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    size_t fits = header->msg_control != NULL && room > sizeof message ? (room - sizeof message) / sizeof(int) : 0;
    unsigned count = 0;
    for (; count < rights->count && count < fits; count++) {
        struct mn_file *file = rights->files[count];
        file->references++;
        int fd = mn_file_install(system->descriptors, file);
        if (fd < 0) {
            mn_file_release(system->descriptors, file, false);
            break;
        }
        memcpy((char *)header->msg_control + sizeof message + count * sizeof fd, &fd, sizeof fd);
    }
    if (count < rights->count)
        header->msg_flags |= MNET_MSG_CTRUNC;
    if (count == 0)
        return;
    message.cmsg_len = sizeof message + count * sizeof(int);
    memcpy(header->msg_control, &message, sizeof message);
    header->msg_controllen = MN_MIN(room, ALIGN(message.cmsg_len));
}
