/* signalfd: signals that are read from a file. They must be blocked, or handlers get them. */
#include "syscall/signal_file.h"

#include <assert.h>
#include <string.h>

#include "syscall/calls.h"
#include "syscall/open.h"

/* The state of such a file; its signals are open->count. */
struct mn_signal_file {
    struct mnet_link link; /* of system->signal_files */
    struct mn_open *open;
};

/* struct signalfd_siginfo. */
struct signal_record {
    uint32_t number;
    int32_t error, code;
    uint32_t process, user;
    int32_t fd;
    uint32_t timer, band, overrun, trap;
    int32_t status, value;
    uint64_t pointer;
    char rest[72];
};

static_assert(sizeof(struct signal_record) == 128, "as Linux has it");
static_assert(sizeof(struct mn_siginfo) == 128, "as Linux has it");

void mn_siginfo_store(struct mn_siginfo *info, const struct mn_signal *signal)
{
    *info = (struct mn_siginfo){.number = signal->number,
                                .code = signal->code,
                                .process = signal->process,
                                .user = signal->user,
                                .value = signal->value};
}

static struct mn_signal_file *file_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct mn_signal_file, link);
}

void mn_signal_files_tell(struct mn_system *system)
{
    struct mnet_link *head = &system->signal_files;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next)
        mn_open_tell(file_of(node)->open);
}

bool mn_signal_files_want(const struct mn_system *system, uint64_t set)
{
    const struct mnet_link *head = &system->signal_files;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        if ((file_of(node)->open->count & set) != 0)
            return true;
    }
    return false;
}

/* The thread that reads: signals of others are none of its business. */
static struct mn_thread *self(struct mn_system *system)
{
    struct mnet_link *head = &system->threads;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        struct mn_thread *thread = MN_CONTAINER(node, struct mn_thread, link);
        if (thread->task == mnet_self())
            return thread;
    }
    return NULL;
}

static int64_t read_signals(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    struct mn_thread *thread = self(open->system);
    struct mn_signal signal;
    size_t done = 0;
    (void)at;
    MN_ASSERT(thread != NULL);
    if (len < sizeof(struct signal_record))
        return -MNET_EINVAL;
    while (done + sizeof(struct signal_record) <= len) {
        if (mn_signal_take(thread, open->count, &signal)) {
            struct signal_record record = {.number = (uint32_t)signal.number,
                                           .code = signal.code,
                                           .process = (uint32_t)signal.process,
                                           .value = (int32_t)signal.value,
                                           .pointer = signal.value};
            if (signal.code == MN_SI_TIMER) {
                record.process = 0;
                record.timer = (uint32_t)signal.process;
                record.overrun = (uint32_t)signal.user;
            }
            memcpy((char *)buffer + done, &record, sizeof record);
            done += sizeof record;
            continue;
        }
        if (done > 0)
            break;
        int error = mn_open_wait(open);
        if (error < 0)
            return error;
    }
    return (int64_t)done;
}

/* Signals for one thread count for all who wait: a thread that reads finds only its own. */
static unsigned signals_ready(struct mn_open *open)
{
    const struct mn_system *system = open->system;
    const struct mnet_link *head = &system->threads;
    uint64_t pending = system->signals_pending;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next)
        pending |= MN_CONTAINER(node, struct mn_thread, link)->signals_pending;
    return (pending & open->count) != 0 ? MNET_READABLE : 0u;
}

static void close_signals(struct mn_open *open)
{
    struct mn_signal_file *file = open->state;
    MN_DEBUG_ASSERT(file->open == open && mn_list_linked(&file->link));
    mn_list_remove(&file->link);
    mn_object_free(&open->system->objects, file, sizeof *file);
}

static const struct mn_open_ops signal_ops = {
    .mode = MN_S_IFCHR | 0600, .read = read_signals, .ready = signals_ready, .close = close_signals};

static int64_t make(struct mn_system *system, uint64_t set, uint64_t flags)
{
    struct mn_signal_file *file = mn_object_alloc(&system->objects, sizeof *file);
    struct mn_open *open = file != NULL ? mn_open_new(system, &signal_ops, NULL, 2u | ((uint32_t)flags & MN_O_NONBLOCK))
                                        : NULL;
    if (open == NULL) {
        mn_object_free(&system->objects, file, sizeof *file);
        return -MNET_ENOMEM;
    }
    open->count = set;
    open->state = file;
    file->open = open;
    mn_list_append(&system->signal_files, &file->link);
    return mn_open_install(open);
}

static int64_t change(struct mn_system *system, int fd, uint64_t set)
{
    struct mn_open *open;
    int error = mn_open_hold(system, fd, &open);
    if (error < 0)
        return error;
    bool is_one = open->ops == &signal_ops;
    if (is_one) {
        open->count = set;
        mn_open_tell(open);
    }
    mn_open_release(open);
    return is_one ? fd : -MNET_EINVAL;
}

MN_CALL(signalfd4)
{
    uint64_t set;
    if (argument[2] != MN_SIG_SET_BYTES)
        return -MNET_EINVAL;
    memcpy(&set, mn_pointer(argument[1]), sizeof set);
    set &= ~MN_SIGNALS_NEVER_BLOCKED;
    return (int)argument[0] == -1 ? make(thread->system, set, argument[3])
                                  : change(thread->system, (int)argument[0], set);
}

MN_CALL(signalfd)
{
    const uint64_t same[] = {argument[0], argument[1], argument[2], 0};
    return mn_call_signalfd4(thread, same);
}
