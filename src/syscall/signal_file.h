/* Signals, for the files of src/syscall that deal with them. */
#ifndef MN_SIGNAL_FILE_H
#define MN_SIGNAL_FILE_H

#include "syscall/system.h"

#define MN_SIG_DEFAULT 0u
#define MN_SIG_IGNORE 1u
#define MN_SIG_SET_BYTES 8u
#define MN_SIGKILL 9
#define MN_SIGSTOP 19
#define MN_SIGNALS_NEVER_BLOCKED (UINT64_C(1) << (MN_SIGKILL - 1) | UINT64_C(1) << (MN_SIGSTOP - 1))

/* Who has sent a signal: si_code. */
#define MN_SI_USER 0
#define MN_SI_QUEUE (-1)
#define MN_SI_TIMER (-2)
#define MN_SI_TKILL (-6)
#define MN_SI_KERNEL 0x80

/* siginfo_t of Linux, as far as it is filled in. */
struct mn_siginfo {
    int number, error, code, pad;
    int process, user;
    uint64_t value;
    char rest[96];
};

void mn_siginfo_store(struct mn_siginfo *info, const struct mn_signal *signal);

/* A signal of timer_create is taken: timer_getoverrun tells how often it has run over. */
void mn_signal_timer_told(struct mn_system *system, const struct mn_signal *signal);

/* The files that signalfd makes look again. */
void mn_signal_files_tell(struct mn_system *system);
/* Whether one of them reads a signal of the set. */
bool mn_signal_files_want(const struct mn_system *system, uint64_t set);

#endif
