/* The memory of a table. */
#include <string.h>

#include "socket/socket.h"

void *mn_sockets_alloc(struct mnet_sockets *sockets, size_t size)
{
    void *memory = sockets->memory.alloc(sockets->memory.context, size);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

void mn_sockets_free(struct mnet_sockets *sockets, void *memory, size_t size)
{
    if (memory != NULL)
        sockets->memory.free(sockets->memory.context, memory, size);
}
