/* Signals, as far as a program can end by them. A signal that a program sends to itself ends it if
 * it has no handler, and the signal is not ignored. Handlers are remembered, and not called. */
#include <string.h>

#include "syscall/calls.h"

#define SIG_DEFAULT 0u
#define SIG_IGNORE 1u
#define SIG_SET_BYTES 8u
#define STATUS_OF_SIGNAL 128

/* Those that are ignored by default: SIGCHLD, SIGCONT, SIGURG, SIGWINCH. */
#define IGNORED_BY_DEFAULT (UINT64_C(1) << 17 | UINT64_C(1) << 18 | UINT64_C(1) << 23 | UINT64_C(1) << 28)

static const char *const names[] = {"",        "SIGHUP",  "SIGINT",  "SIGQUIT", "SIGILL",  "SIGTRAP",
                                    "SIGABRT", "SIGBUS",  "SIGFPE",  "SIGKILL", "SIGUSR1", "SIGSEGV",
                                    "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM"};

MN_CALL(rt_sigaction)
{
    uint64_t number = argument[0];
    if (number == 0 || number >= MN_SIGNALS || argument[3] != SIG_SET_BYTES)
        return -MNET_EINVAL;
    struct mn_signal_action *action = &thread->system->actions[number], before = *action;
    if (argument[1] != 0)
        memcpy(action, mn_pointer(argument[1]), sizeof *action);
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
    if (argument[3] != SIG_SET_BYTES || argument[0] > SIG_SETMASK)
        return -MNET_EINVAL;
    if (argument[1] != 0) {
        memcpy(&set, mn_pointer(argument[1]), sizeof set);
        thread->signals_blocked = argument[0] == SIG_BLOCK     ? before | set
                                  : argument[0] == SIG_UNBLOCK ? before & ~set
                                                               : set;
    }
    if (argument[2] != 0)
        memcpy(mn_pointer(argument[2]), &before, sizeof before);
    return 0;
}

static int64_t raise(struct mn_thread *thread, uint64_t number, uint64_t call)
{
    struct mn_system *system = thread->system;
    if (number == 0)
        return 0;
    if (number >= MN_SIGNALS)
        return -MNET_EINVAL;
    uint64_t handler = system->actions[number].handler;
    if (handler == SIG_IGNORE || (handler == SIG_DEFAULT && (IGNORED_BY_DEFAULT >> number & 1) != 0))
        return 0;
    if (handler != SIG_DEFAULT)
        return mn_missing(thread, call, "of a signal that has a handler");
    mn_system_say(system, "it ended itself by signal %d%s%s", (int)number, number < MN_COUNT_OF(names) ? ", " : "",
                  number < MN_COUNT_OF(names) ? names[number] : "");
    mn_system_end(system, STATUS_OF_SIGNAL + (int)number);
    return 0;
}

MN_CALL(kill)
{
    int process = (int)argument[0];
    return process == MN_PROCESS || process == 0 || process == -1 ? raise(thread, argument[1], 62) : -MN_ESRCH;
}

MN_CALL(tkill)
{
    return raise(thread, argument[1], 200);
}

MN_CALL(tgkill)
{
    return raise(thread, argument[2], 234);
}
