/* Signals: sending them, and handlers.
 *
 * A signal waits for its thread, or for any thread of the program: as a bit, and as a record in one
 * queue, so that those of real time come as often as they were sent, in order. Nothing interrupts a
 * thread that runs. So handlers run when a call returns: of the thread itself, or of one that waits
 * in a call, which then ends with -MNET_EINTR. The port lays the frame of the handler on the
 * thread's stack, and the handler ends by rt_sigreturn.
 *
 * Default actions are those of Linux, but for these: a broken connection is no SIGPIPE unless the
 * program has a handler, nothing stops a program, and faults of memory end the machine with a
 * report. */
#include <string.h>

#include "syscall/calls.h"
#include "syscall/signal_file.h"

#define STATUS_OF_SIGNAL 128

#define SA_ONSTACK 0x08000000u
#define SA_RESTART 0x10000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u

static const char *const names[] = {"",        "SIGHUP",  "SIGINT",  "SIGQUIT", "SIGILL",  "SIGTRAP",
                                    "SIGABRT", "SIGBUS",  "SIGFPE",  "SIGKILL", "SIGUSR1", "SIGSEGV",
                                    "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM"};

/* What the program does with a signal. */
enum disposition {
    IGNORED,
    HANDLED,
    DEADLY,
};

static enum disposition disposition_of(const struct mn_system *system, int number)
{
    /* SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH. */
    static const uint64_t ignored = UINT64_C(0x7f) << 16 | UINT64_C(1) << 27;
    uint64_t handler = system->actions[number].handler;
    MN_DEBUG_ASSERT(number > 0 && number < MN_SIGNALS);
    if (handler == MN_SIG_IGNORE)
        return IGNORED;
    if (handler != MN_SIG_DEFAULT)
        return HANDLED;
    return (ignored & mn_signal_bit(number)) != 0 ? IGNORED : DEADLY;
}

static void end_by(struct mn_system *system, int number)
{
    const char *name = (unsigned)number < MN_COUNT_OF(names) ? names[number] : "";
    mn_system_say(system, "it ended itself by signal %d%s%s", number, name[0] != '\0' ? ", " : "", name);
    mn_system_end(system, STATUS_OF_SIGNAL + number);
}

/* Returns a thread that does not block the signal: the present one first. NULL if all block it. */
static struct mn_thread *find_thread(struct mn_system *system, uint64_t bit)
{
    struct mn_thread *found = NULL;
    struct mnet_link *head = &system->threads;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        struct mn_thread *thread = MN_CONTAINER(node, struct mn_thread, link);
        if ((thread->signals_blocked & bit) != 0)
            continue;
        if (thread->task == mnet_self())
            return thread;
        if (found == NULL)
            found = thread;
    }
    return found;
}

/* ---- Those that wait ---- */

#define QUEUE_MAX 1024u

struct queued_signal {
    struct mnet_link link;
    struct mn_thread *to; /* NULL: any */
    struct mn_signal signal;
};

static struct queued_signal *queued_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct queued_signal, link);
}

/* Returns the first signal with a number for a thread, or for any (NULL), from a place in the queue
 * on. NULL if there is none. */
static struct queued_signal *find_queued(struct mn_system *system, struct mnet_link *from, const struct mn_thread *to,
                                         int number)
{
    for (struct mnet_link *node = from; node != &system->signals; node = node->next) {
        struct queued_signal *queued = queued_of(node);
        if (queued->to == to && queued->signal.number == number)
            return queued;
    }
    return NULL;
}

static void drop(struct mn_system *system, struct queued_signal *queued)
{
    MN_DEBUG_ASSERT(system->signal_count > 0);
    system->signal_count--;
    mn_list_remove(&queued->link);
    mn_object_free(&system->objects, queued, sizeof *queued);
}

/* Returns the place of the bits of those that wait. */
static uint64_t *pending_of(struct mn_system *system, struct mn_thread *to)
{
    return to != NULL ? &to->signals_pending : &system->signals_pending;
}

/* A timer's signal waits once, and counts how often it would have been sent. */
static bool count_timer(struct mn_system *system, const struct mn_signal *signal)
{
    for (struct mnet_link *node = mn_list_begin(&system->signals); node != &system->signals; node = node->next) {
        struct mn_signal *waiting = &queued_of(node)->signal;
        if (waiting->code != MN_SI_TIMER || waiting->process != signal->process)
            continue;
        waiting->user += signal->user + 1;
        return true;
    }
    return false;
}

/* Lets a signal wait. Without memory for its record only the number waits, as on Linux. */
static int enqueue(struct mn_system *system, struct mn_thread *to, const struct mn_signal *signal)
{
    uint64_t bit = mn_signal_bit(signal->number), *pending = pending_of(system, to);
    if (signal->code == MN_SI_TIMER ? count_timer(system, signal)
                                    : (*pending & bit) != 0 && signal->number < MN_SIGRTMIN)
        return 0;
    struct queued_signal *queued = NULL;
    if (system->signal_count < QUEUE_MAX)
        queued = mn_object_alloc(&system->objects, sizeof *queued);
    if (queued == NULL && signal->number >= MN_SIGRTMIN && signal->code == MN_SI_QUEUE)
        return -MNET_EAGAIN;
    *pending |= bit;
    if (queued == NULL)
        return 0;
    queued->to = to;
    queued->signal = *signal;
    mn_list_append(&system->signals, &queued->link);
    system->signal_count++;
    return 0;
}

void mn_signals_forget(struct mn_system *system, struct mn_thread *thread, uint64_t set)
{
    struct mnet_link *next, *head = &system->threads;
    for (struct mnet_link *node = mn_list_begin(&system->signals); node != &system->signals; node = next) {
        struct queued_signal *queued = queued_of(node);
        next = node->next;
        if ((thread == NULL || queued->to == thread) && (mn_signal_bit(queued->signal.number) & set) != 0)
            drop(system, queued);
    }
    *pending_of(system, thread) &= ~set;
    for (struct mnet_link *node = mn_list_begin(head); thread == NULL && node != head; node = node->next)
        MN_CONTAINER(node, struct mn_thread, link)->signals_pending &= ~set;
}

int mn_signal_send(struct mn_system *system, struct mn_thread *thread, const struct mn_signal *signal)
{
    MN_ASSERT(signal->number > 0 && signal->number < MN_SIGNALS);
    uint64_t bit = mn_signal_bit(signal->number);
    struct mn_thread *target = thread == NULL                         ? find_thread(system, bit)
                               : (thread->signals_blocked & bit) == 0 ? thread
                                                                      : NULL;
    enum disposition disposition = disposition_of(system, signal->number);
    if (target != NULL && disposition == IGNORED)
        return 0;
    if (target != NULL && disposition == DEADLY) {
        end_by(system, signal->number);
        return 0;
    }
    MN_DEBUG_ASSERT(target == NULL || disposition == HANDLED);
    int error = enqueue(system, thread, signal);
    if (error < 0)
        return error;
    mn_signal_files_tell(system);
    mn_wake_all(&system->signalled);
    if (target != NULL && target->task != NULL && target->task != mnet_self())
        mn_interrupt(target->task);
    return 0;
}

uint64_t mn_signals_due(const struct mn_thread *thread)
{
    return (thread->signals_pending | thread->system->signals_pending) & ~thread->signals_blocked;
}

/* Takes the first signal with a number that waits for `to`. */
static void take(struct mn_system *system, struct mn_thread *to, int number, struct mn_signal *signal)
{
    struct queued_signal *queued = find_queued(system, mn_list_begin(&system->signals), to, number);
    *signal = queued != NULL ? queued->signal : (struct mn_signal){.number = number};
    if (queued == NULL || find_queued(system, queued->link.next, to, number) == NULL)
        *pending_of(system, to) &= ~mn_signal_bit(number);
    if (queued != NULL)
        drop(system, queued);
    if (signal->code == MN_SI_TIMER)
        mn_signal_timer_told(system, signal);
}

bool mn_signal_take(struct mn_thread *thread, uint64_t set, struct mn_signal *signal)
{
    struct mn_system *system = thread->system;
    for (int number = 1; number < MN_SIGNALS; number++) {
        uint64_t bit = mn_signal_bit(number) & set;
        if (((thread->signals_pending | system->signals_pending) & bit) == 0)
            continue;
        take(system, (thread->signals_pending & bit) != 0 ? thread : NULL, number, signal);
        MN_DEBUG_ASSERT(signal->number == number);
        return true;
    }
    return false;
}

/* ---- Handlers ---- */

void mn_signal_mask_for_call(struct mn_thread *thread, uint64_t mask)
{
    MN_DEBUG_ASSERT(!thread->restores_mask);
    thread->mask_after = thread->signals_blocked;
    thread->restores_mask = true;
    thread->signals_blocked = mask & ~MN_SIGNALS_NEVER_BLOCKED;
}

static void restore_mask(struct mn_thread *thread)
{
    if (thread->restores_mask)
        thread->signals_blocked = thread->mask_after;
    thread->restores_mask = false;
}

/* Calls that are made again if a handler with SA_RESTART has interrupted them, by their numbers. */
static bool can_restart(uint64_t call)
{
    static const uint16_t calls[] = {0, 1, 2, 16, 19, 20, 40, 42, 43, 44, 45, 46, 47, 72, 73, 202, 257, 288, 318};
    for (size_t i = 0; i < MN_COUNT_OF(calls); i++) {
        if (calls[i] == call)
            return true;
    }
    return false;
}

/* Returns the stack for a handler that has one of its own: 0 if it has none, or is on it. */
static uint64_t stack_for(const struct mn_thread *thread, const struct mn_signal_action *action)
{
    const struct mn_system_port *port = thread->system->port;
    uint64_t now = port->stack(port->context, thread);
    bool on_it = now - thread->alternate_stack < thread->alternate_size;
    return (action->flags & SA_ONSTACK) != 0 && !on_it && thread->alternate_size > 0
               ? thread->alternate_stack + thread->alternate_size
               : 0;
}

static void begin_handler(struct mn_thread *thread, const struct mn_signal *signal, int64_t result, bool restart)
{
    struct mn_system *system = thread->system;
    struct mn_signal_action *action = &system->actions[signal->number];
    struct mn_handler handler = {.signal = *signal,
                                 .action = action,
                                 .stack = stack_for(thread, action),
                                 .mask = thread->restores_mask ? thread->mask_after : thread->signals_blocked,
                                 .result = result,
                                 .restart = restart && (action->flags & SA_RESTART) != 0};
    thread->restores_mask = false;
    thread->signals_blocked |= action->mask;
    if ((action->flags & SA_NODEFER) == 0)
        thread->signals_blocked |= mn_signal_bit(signal->number);
    thread->signals_blocked &= ~MN_SIGNALS_NEVER_BLOCKED;
    struct mn_signal_action own = *action; /* it may be reset before the handler is laid out */
    handler.action = &own;
    if ((action->flags & SA_RESETHAND) != 0)
        action->handler = MN_SIG_DEFAULT;
    MN_DEBUG_ASSERT(own.handler > MN_SIG_IGNORE && (thread->signals_blocked & MN_SIGNALS_NEVER_BLOCKED) == 0);
    system->port->begin_handler(system->port->context, thread, &handler);
}

int64_t mn_signals_deliver(struct mn_thread *thread, uint64_t number, int64_t result)
{
    struct mn_system *system = thread->system;
    struct mn_signal signal;
    bool restart = result == -MNET_EINTR && can_restart(number);
    (void)mn_take_interrupt();
    if (result != -MNET_EINTR)
        restore_mask(thread);
    for (;;) {
        uint64_t due = mn_signals_due(thread);
        if (due == 0 && thread->restores_mask) {
            restore_mask(thread);
            continue;
        }
        if (system->ended || !mn_signal_take(thread, due, &signal))
            return result;
        enum disposition disposition = disposition_of(system, signal.number);
        if (disposition == DEADLY)
            end_by(system, signal.number);
        if (disposition != HANDLED)
            continue;
        begin_handler(thread, &signal, result, restart);
        result = 0; /* of the handler's registers, which the next one finds */
        restart = false;
    }
}

bool mn_signal_told_to_end(struct mn_system *system)
{
    static const int numbers[] = {MN_SIGINT, MN_SIGTERM};
    for (size_t i = 0; i < MN_COUNT_OF(numbers); i++) {
        const struct mn_signal signal = {.number = numbers[i], .code = MN_SI_KERNEL};
        uint64_t bit = mn_signal_bit(numbers[i]);
        bool is_read = mn_signal_files_want(system, bit) || mn_waiting(&system->signalled);
        if (disposition_of(system, numbers[i]) != HANDLED && !(is_read && find_thread(system, bit) == NULL))
            continue;
        mn_signal_send(system, NULL, &signal);
        return true;
    }
    return false;
}
