/* The calls about signals: see signal.c. */
#include <string.h>

#include "syscall/calls.h"
#include "syscall/signal_file.h"

#define STACK_LEAST 2048u /* MINSIGSTKSZ */
#define SS_ONSTACK 1
#define SS_DISABLE 2

static bool never_handled(uint64_t number)
{
    return number == MN_SIGKILL || number == MN_SIGSTOP;
}

MN_CALL(rt_sigaction)
{
    uint64_t number = argument[0];
    if (number == 0 || number >= MN_SIGNALS || argument[3] != MN_SIG_SET_BYTES ||
        (argument[1] != 0 && never_handled(number)))
        return -MNET_EINVAL;
    struct mn_signal_action *action = &thread->system->actions[number], before = *action;
    if (argument[1] != 0)
        memcpy(action, mn_pointer(argument[1]), sizeof *action);
    if (argument[1] != 0 && action->handler == MN_SIG_IGNORE)
        mn_signals_forget(thread->system, NULL, mn_signal_bit((int)number));
    if (argument[2] != 0)
        memcpy(mn_pointer(argument[2]), &before, sizeof before);
    return 0;
}

enum {
    SIG_BLOCK = 0,
    SIG_UNBLOCK = 1,
    SIG_SETMASK = 2,
};

MN_CALL(rt_sigprocmask)
{
    uint64_t before = thread->signals_blocked, set;
    if (argument[3] != MN_SIG_SET_BYTES)
        return -MNET_EINVAL;
    if (argument[1] != 0) {
        if (argument[0] > SIG_SETMASK)
            return -MNET_EINVAL;
        memcpy(&set, mn_pointer(argument[1]), sizeof set);
        set = argument[0] == SIG_BLOCK ? before | set : argument[0] == SIG_UNBLOCK ? before & ~set : set;
        thread->signals_blocked = set & ~MN_SIGNALS_NEVER_BLOCKED;
    }
    MN_DEBUG_ASSERT((thread->signals_blocked & MN_SIGNALS_NEVER_BLOCKED) == 0);
    if (argument[2] != 0)
        memcpy(mn_pointer(argument[2]), &before, sizeof before);
    return 0;
}

MN_CALL(rt_sigreturn)
{
    const struct mn_system_port *port = thread->system->port;
    uint64_t mask;
    (void)argument;
    int64_t result = port->end_handler(port->context, thread, &mask);
    thread->signals_blocked = mask & ~MN_SIGNALS_NEVER_BLOCKED;
    return result;
}

MN_CALL(rt_sigpending)
{
    uint64_t set = (thread->signals_pending | thread->system->signals_pending) & thread->signals_blocked;
    if (argument[1] > MN_SIG_SET_BYTES)
        return -MNET_EINVAL;
    memcpy(mn_pointer(argument[0]), &set, argument[1]);
    return 0;
}

MN_CALL(rt_sigtimedwait)
{
    const struct mn_timespec *time = mn_pointer(argument[2]);
    struct mn_system *system = thread->system;
    struct mn_signal signal;
    uint64_t set, deadline = mn_deadline_after(system, time);
    if (argument[3] != MN_SIG_SET_BYTES || (time != NULL && !mn_timespec_ok(time)))
        return -MNET_EINVAL;
    memcpy(&set, mn_pointer(argument[0]), sizeof set);
    while (!mn_signal_take(thread, set, &signal)) {
        int error = mn_wait(&system->signalled, deadline);
        if (error < 0 && !mn_signal_take(thread, set, &signal))
            return error == MNET_E_DEADLINE ? -MNET_EAGAIN : -MNET_EINTR;
        if (error < 0)
            break;
    }
    if (argument[1] != 0)
        mn_siginfo_store(mn_pointer(argument[1]), &signal);
    return signal.number;
}

/* Waits for a signal that the thread does not block. */
static int64_t wait_for_any(const struct mn_thread *thread)
{
    while (mn_signals_due(thread) == 0) {
        if (mnet_sleep(MNET_NEVER) == MNET_E_CANCELLED)
            break;
    }
    return -MNET_EINTR;
}

MN_CALL(rt_sigsuspend)
{
    uint64_t mask;
    if (argument[1] != MN_SIG_SET_BYTES)
        return -MNET_EINVAL;
    memcpy(&mask, mn_pointer(argument[0]), sizeof mask);
    mn_signal_mask_for_call(thread, mask);
    return wait_for_any(thread);
}

MN_CALL(pause)
{
    (void)argument;
    return wait_for_any(thread);
}

/* stack_t of Linux. */
struct alternate {
    uint64_t start;
    int flags;
    uint64_t size;
};

MN_CALL(sigaltstack)
{
    const struct mn_system_port *port = thread->system->port;
    struct alternate wanted, before = {thread->alternate_stack, 0, thread->alternate_size};
    bool on_it = port->stack(port->context, thread) - before.start < before.size;
    before.flags = before.size == 0 ? SS_DISABLE : on_it ? SS_ONSTACK : 0;
    if (argument[0] != 0) {
        memcpy(&wanted, mn_pointer(argument[0]), sizeof wanted);
        if (on_it)
            return -MNET_EPERM;
        if ((wanted.flags & ~(SS_DISABLE | SS_ONSTACK)) != 0)
            return -MNET_EINVAL;
        bool none = (wanted.flags & SS_DISABLE) != 0;
        if (!none && wanted.size < STACK_LEAST)
            return -MNET_ENOMEM;
        thread->alternate_stack = none ? 0 : wanted.start;
        thread->alternate_size = none ? 0 : wanted.size;
        MN_DEBUG_ASSERT(!on_it);
    }
    if (argument[1] != 0)
        memcpy(mn_pointer(argument[1]), &before, sizeof before);
    return 0;
}

/* ---- Sending ---- */

/* Signal 0 only asks whether there is somebody. */
static int64_t send(struct mn_thread *thread, struct mn_thread *to, uint64_t number, int code, uint64_t value)
{
    if (number >= MN_SIGNALS)
        return -MNET_EINVAL;
    MN_DEBUG_ASSERT(to == NULL || to->system == thread->system);
    const struct mn_signal signal = {.number = (int)number, .code = code, .process = MN_PROCESS, .value = value};
    return number > 0 ? mn_signal_send(thread->system, to, &signal) : 0;
}

static bool is_program(uint64_t process)
{
    int number = (int)process;
    return number == MN_PROCESS || number == -MN_PROCESS || number == 0 || number == -1;
}

MN_CALL(kill)
{
    return is_program(argument[0]) ? send(thread, NULL, argument[1], MN_SI_USER, 0) : -MN_ESRCH;
}

MN_CALL(tkill)
{
    struct mn_thread *to = mn_thread_find(thread->system, (int)argument[0]);
    return to != NULL ? send(thread, to, argument[1], MN_SI_TKILL, 0) : -MN_ESRCH;
}

MN_CALL(tgkill)
{
    return (int)argument[0] == MN_PROCESS ? mn_call_tkill(thread, argument + 1) : -MN_ESRCH;
}

MN_CALL(rt_sigqueueinfo)
{
    struct mn_siginfo info;
    memcpy(&info, mn_pointer(argument[2]), sizeof info);
    return is_program(argument[0]) ? send(thread, NULL, argument[1], info.code, info.value) : -MN_ESRCH;
}

MN_CALL(rt_tgsigqueueinfo)
{
    struct mn_thread *to = mn_thread_find(thread->system, (int)argument[1]);
    struct mn_siginfo info;
    memcpy(&info, mn_pointer(argument[3]), sizeof info);
    return to != NULL ? send(thread, to, argument[2], info.code, info.value) : -MN_ESRCH;
}
