/* Files, to which descriptors refer, and their lifetimes. */
#include "socket/socket.h"

struct mn_file **mn_file_place(struct mnet_sockets *sockets, int fd)
{
    MN_REQUIRE(sockets != NULL, "there is no table");
    if (fd < sockets->first || (unsigned)(fd - sockets->first) >= sockets->max)
        return NULL;
    return &sockets->files[fd - sockets->first];
}

struct mn_file *mn_file_hold(struct mnet_sockets *sockets, int fd)
{
    struct mn_file **place = mn_file_place(sockets, fd);
    if (place == NULL || *place == NULL)
        return NULL;
    (*place)->references++;
    return *place;
}

void mn_file_release(struct mnet_sockets *sockets, struct mn_file *file, bool linger)
{
    MN_DEBUG_ASSERT(file->references > 1 || file->descriptors == 0);
    MN_DEBUG_ASSERT(file->references > 0);
    if (--file->references == 0)
        file->destroy(sockets, file, linger);
}

static int lowest_free(const struct mnet_sockets *sockets)
{
    for (unsigned i = 0; i < sockets->max; i++) {
        if (sockets->files[i] == NULL)
            return sockets->first + (int)i;
    }
    return -MNET_EMFILE;
}

bool mn_file_has_room(const struct mnet_sockets *sockets)
{
    return lowest_free(sockets) >= 0;
}

int mn_file_install(struct mnet_sockets *sockets, struct mn_file *file)
{
    MN_DEBUG_ASSERT(file->references > file->descriptors);
    int fd = lowest_free(sockets);
    if (fd < 0)
        return fd;
    *mn_file_place(sockets, fd) = file;
    file->descriptors++;
    return fd;
}

struct mn_file *mn_file_take(struct mn_file **place)
{
    MN_DEBUG_ASSERT(*place != NULL && (*place)->descriptors > 0);
    struct mn_file *file = *place;
    *place = NULL;
    if (--file->descriptors == 0)
        mn_items_forget(file);
    return file;
}
