/* The console: descriptors 0 to 2, /dev/console and /dev/tty.
 *
 * A call that reads waits for the port's input itself. A program that waits for readiness needs to
 * know of input before it reads: the first such question starts a task that reads ahead into a
 * buffer, as far as there is room. */
#include <string.h>

#include "syscall/open.h"

static void tell_all(struct mn_system *system)
{
    struct mnet_link *head = &system->console.files;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next)
        mn_open_tell(MN_CONTAINER(node, struct mn_open, link));
}

int mn_console_read_ahead(void *context)
{
    struct mn_system *system = context;
    struct mn_typed *console = &system->console;
    const struct mn_system_port *port = system->port;
    char piece[64]; /* what is typed is read meanwhile, so its end moves */
    ptrdiff_t got = 0;
    while (!system->ended) {
        MN_DEBUG_ASSERT(console->count <= sizeof console->typed);
        size_t room = MN_MIN(sizeof console->typed - console->count, sizeof piece);
        if (room == 0)
            got = mn_wait(&console->room, MNET_NEVER);
        else
            got = port->input(port->context, piece, room, MNET_NEVER);
        if (got < 0 || (got == 0 && room > 0))
            break;
        memcpy(console->typed + console->count, piece, (size_t)got);
        console->count += (size_t)got;
        tell_all(system);
    }
    console->at_end = true;
    tell_all(system);
    return 0;
}

static size_t take(struct mn_typed *console, void *buffer, size_t len)
{
    MN_DEBUG_ASSERT(console->count <= sizeof console->typed);
    len = MN_MIN(len, console->count);
    memcpy(buffer, console->typed, len);
    console->count -= len;
    memmove(console->typed, console->typed + len, console->count);
    mn_wake_all(&console->room);
    return len;
}

static int64_t read_buffered(struct mn_open *open, void *buffer, size_t len)
{
    struct mn_typed *console = &open->system->console;
    MN_DEBUG_ASSERT(console->reads_ahead);
    while (console->count == 0 && !console->at_end && len > 0) {
        int error = mn_open_wait(open);
        if (error < 0)
            return error;
    }
    return (int64_t)take(console, buffer, len);
}

static int64_t read_console(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    const struct mn_system_port *port = open->system->port;
    (void)at;
    if (open->system->console.reads_ahead)
        return read_buffered(open, buffer, len);
    ptrdiff_t got = port->input(port->context, buffer, len, (open->flags & MN_O_NONBLOCK) ? 0 : MNET_NEVER);
    if (got >= 0)
        return got;
    return got == MNET_E_DEADLINE ? -MNET_EAGAIN : got == MNET_E_CANCELLED ? -MNET_EINTR : -MN_EIO;
}

static int64_t write_console(struct mn_open *open, const void *data, size_t len, uint64_t *at)
{
    (void)at;
    open->system->port->print(open->system->port->context, data, len);
    return (int64_t)len;
}

static unsigned console_ready(struct mn_open *open)
{
    struct mn_system *system = open->system;
    struct mn_typed *console = &system->console;
    if (!mn_list_linked(&open->link))
        mn_list_append(&console->files, &open->link);
    if (!console->reads_ahead) {
        console->reads_ahead = console->is_to_start = true;
        mn_wake_all(&system->starter);
    }
    return MNET_WRITABLE | (console->count > 0 || console->at_end ? MNET_READABLE : 0u);
}

static void close_console(struct mn_open *open)
{
    mn_list_remove(&open->link);
}

const struct mn_open_ops mn_console_ops = {.mode = MN_S_IFCHR | 0620,
                                           .read = read_console,
                                           .write = write_console,
                                           .ready = console_ready,
                                           .close = close_console};
