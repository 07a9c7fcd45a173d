/* The table of system calls, and their dispatch. */
#include "syscall/calls.h"

/* A thread that only makes calls that need not wait lets others, and the network, run after so
 * many. */
#define TURNS 32u
#define LOWEST_ADDRESS 4096u

/* Arguments that are addresses, as bits from the first: NULL, and what lies in the first page, is
 * -MNET_EFAULT. Addresses that may be NULL are not among them. */
#define A0 1u
#define A1 2u
#define A2 4u
#define A3 8u

struct system_call {
    int64_t (*run)(struct mn_thread *thread, const uint64_t *argument);
    unsigned addresses;
};

/* By number, as Linux has them on x86-64. */
static const struct system_call calls[MN_SYSCALLS] = {
    [0] = {mn_call_read, A1},
    [1] = {mn_call_write, A1},
    [2] = {mn_call_open, A0},
    [3] = {mn_call_close, 0},
    [4] = {mn_call_stat, A0 | A1},
    [5] = {mn_call_fstat, A1},
    [6] = {mn_call_lstat, A0 | A1},
    [7] = {mn_call_poll, 0},
    [8] = {mn_call_lseek, 0},
    [9] = {mn_call_mmap, 0},
    [10] = {mn_call_mprotect, 0},
    [11] = {mn_call_munmap, 0},
    [12] = {mn_call_brk, 0},
    [13] = {mn_call_rt_sigaction, 0},
    [14] = {mn_call_rt_sigprocmask, 0},
    [15] = {mn_call_rt_sigreturn, 0},
    [16] = {mn_call_ioctl, 0},
    [17] = {mn_call_pread64, A1},
    [18] = {mn_call_pwrite64, A1},
    [19] = {mn_call_readv, A1},
    [20] = {mn_call_writev, A1},
    [21] = {mn_call_access, A0},
    [22] = {mn_call_pipe, A0},
    [23] = {mn_call_select, 0},
    [24] = {mn_call_sched_yield, 0},
    [25] = {mn_call_mremap, 0},
    [26] = {mn_call_nothing, 0}, /* msync */
    [28] = {mn_call_madvise, 0},
    [32] = {mn_call_dup, 0},
    [33] = {mn_call_dup2, 0},
    [34] = {mn_call_pause, 0},
    [35] = {mn_call_nanosleep, A0},
    [36] = {mn_call_getitimer, A1},
    [37] = {mn_call_alarm, 0},
    [38] = {mn_call_setitimer, 0},
    [39] = {mn_call_getpid, 0},
    [40] = {mn_call_sendfile, 0},
    [41] = {mn_call_socket, 0},
    [42] = {mn_call_connect, A1},
    [43] = {mn_call_accept, 0},
    [44] = {mn_call_sendto, 0},
    [45] = {mn_call_recvfrom, 0},
    [46] = {mn_call_sendmsg, A1},
    [47] = {mn_call_recvmsg, A1},
    [48] = {mn_call_shutdown, 0},
    [49] = {mn_call_bind, A1},
    [50] = {mn_call_listen, 0},
    [51] = {mn_call_getsockname, A1 | A2},
    [52] = {mn_call_getpeername, A1 | A2},
    [53] = {mn_call_socketpair, A3},
    [54] = {mn_call_setsockopt, 0},
    [55] = {mn_call_getsockopt, 0},
    [56] = {mn_call_clone, 0},
    [60] = {mn_call_exit, 0},
    [61] = {mn_call_no_child, 0}, /* wait4 */
    [62] = {mn_call_kill, 0},
    [63] = {mn_call_uname, A0},
    [72] = {mn_call_fcntl, 0},
    [73] = {mn_call_nothing, 0}, /* flock */
    [74] = {mn_call_fsync, 0},
    [75] = {mn_call_fsync, 0}, /* fdatasync */
    [76] = {mn_call_truncate, A0},
    [77] = {mn_call_ftruncate, 0},
    [79] = {mn_call_getcwd, A0},
    [80] = {mn_call_chdir, A0},
    [81] = {mn_call_fchdir, 0},
    [82] = {mn_call_rename, A0 | A1},
    [83] = {mn_call_mkdir, A0},
    [84] = {mn_call_rmdir, A0},
    [85] = {mn_call_creat, A0},
    [87] = {mn_call_unlink, A0},
    [88] = {mn_call_symlink, A0 | A1},
    [89] = {mn_call_readlink, A0 | A1},
    [90] = {mn_call_chmod, A0},
    [91] = {mn_call_fchmod, 0},
    [92] = {mn_call_chown, A0},
    [93] = {mn_call_chown, 0},  /* fchown */
    [94] = {mn_call_chown, A0}, /* lchown */
    [95] = {mn_call_umask, 0},
    [96] = {mn_call_gettimeofday, A0},
    [97] = {mn_call_getrlimit, A1},
    [98] = {mn_call_getrusage, A1},
    [99] = {mn_call_sysinfo, A0},
    [100] = {mn_call_times, 0},
    [102] = {mn_call_nothing, 0}, /* getuid: root */
    [104] = {mn_call_nothing, 0}, /* getgid */
    [105] = {mn_call_nothing, 0}, /* setuid */
    [106] = {mn_call_nothing, 0}, /* setgid */
    [107] = {mn_call_nothing, 0}, /* geteuid */
    [108] = {mn_call_nothing, 0}, /* getegid */
    [109] = {mn_call_nothing, 0}, /* setpgid */
    [110] = {mn_call_nothing, 0}, /* getppid */
    [111] = {mn_call_getpid, 0},  /* getpgrp */
    [112] = {mn_call_getpid, 0},  /* setsid */
    [113] = {mn_call_nothing, 0}, /* setreuid */
    [114] = {mn_call_nothing, 0}, /* setregid */
    [115] = {mn_call_nothing, 0}, /* getgroups */
    [116] = {mn_call_nothing, 0}, /* setgroups */
    [117] = {mn_call_nothing, 0}, /* setresuid */
    [118] = {mn_call_getresuid, A0 | A1 | A2},
    [119] = {mn_call_nothing, 0},              /* setresgid */
    [120] = {mn_call_getresuid, A0 | A1 | A2}, /* getresgid */
    [121] = {mn_call_getpid, 0},               /* getpgid */
    [124] = {mn_call_getpid, 0},               /* getsid */
    [127] = {mn_call_rt_sigpending, A0},
    [128] = {mn_call_rt_sigtimedwait, A0},
    [129] = {mn_call_rt_sigqueueinfo, A2},
    [130] = {mn_call_rt_sigsuspend, A0},
    [131] = {mn_call_sigaltstack, 0},
    [137] = {mn_call_statfs, A0 | A1},
    [138] = {mn_call_statfs, A1}, /* fstatfs */
    [140] = {mn_call_getpriority, 0},
    [141] = {mn_call_nothing, 0}, /* setpriority */
    [149] = {mn_call_nothing, 0}, /* mlock: all memory is */
    [150] = {mn_call_nothing, 0}, /* munlock */
    [151] = {mn_call_nothing, 0}, /* mlockall */
    [152] = {mn_call_nothing, 0}, /* munlockall */
    [157] = {mn_call_prctl, 0},
    [158] = {mn_call_arch_prctl, A1},
    [160] = {mn_call_setrlimit, A1},
    [162] = {mn_call_nothing, 0}, /* sync */
    [186] = {mn_call_gettid, 0},
    [200] = {mn_call_tkill, 0},
    [201] = {mn_call_time, 0},
    [202] = {mn_call_futex, A0},
    [203] = {mn_call_nothing, 0}, /* sched_setaffinity */
    [204] = {mn_call_sched_getaffinity, A2},
    [213] = {mn_call_epoll_create, 0},
    [217] = {mn_call_getdents64, A1},
    [218] = {mn_call_set_tid_address, 0},
    [221] = {mn_call_nothing, 0}, /* fadvise64 */
    [222] = {mn_call_timer_create, A2},
    [223] = {mn_call_timer_settime, A2},
    [224] = {mn_call_timer_gettime, A1},
    [225] = {mn_call_timer_getoverrun, 0},
    [226] = {mn_call_timer_delete, 0},
    [228] = {mn_call_clock_gettime, A1},
    [229] = {mn_call_clock_getres, 0},
    [230] = {mn_call_clock_nanosleep, A2},
    [231] = {mn_call_exit_group, 0},
    [232] = {mn_call_epoll_wait, 0},
    [233] = {mn_call_epoll_ctl, 0},
    [234] = {mn_call_tgkill, 0},
    [247] = {mn_call_no_child, 0}, /* waitid */
    [257] = {mn_call_openat, A1},
    [258] = {mn_call_mkdirat, A1},
    [260] = {mn_call_chown, A1}, /* fchownat */
    [262] = {mn_call_newfstatat, A1 | A2},
    [263] = {mn_call_unlinkat, A1},
    [264] = {mn_call_renameat, A1 | A3},
    [266] = {mn_call_symlinkat, A0 | A2},
    [267] = {mn_call_readlinkat, A1 | A2},
    [268] = {mn_call_fchmodat, A1},
    [269] = {mn_call_faccessat, A1},
    [270] = {mn_call_pselect6, 0},
    [271] = {mn_call_ppoll, 0},
    [273] = {mn_call_nothing, 0}, /* set_robust_list */
    [280] = {mn_call_utimensat, 0},
    [281] = {mn_call_epoll_pwait, 0},
    [282] = {mn_call_signalfd, A1},
    [283] = {mn_call_timerfd_create, 0},
    [284] = {mn_call_eventfd, 0},
    [285] = {mn_call_fallocate, 0},
    [286] = {mn_call_timerfd_settime, A2},
    [287] = {mn_call_timerfd_gettime, A1},
    [288] = {mn_call_accept4, 0},
    [289] = {mn_call_signalfd4, A1},
    [290] = {mn_call_eventfd2, 0},
    [291] = {mn_call_epoll_create1, 0},
    [292] = {mn_call_dup3, 0},
    [293] = {mn_call_pipe2, A0},
    [295] = {mn_call_preadv, A1},
    [296] = {mn_call_pwritev, A1},
    [297] = {mn_call_rt_tgsigqueueinfo, A3},
    [299] = {mn_call_recvmmsg, A1},
    [302] = {mn_call_prlimit64, 0},
    [306] = {mn_call_nothing, 0}, /* syncfs */
    [309] = {mn_call_getcpu, 0},
    [307] = {mn_call_sendmmsg, A1},
    [316] = {mn_call_renameat, A1 | A3}, /* renameat2 */
    [318] = {mn_call_getrandom, A0},
    [437] = {mn_call_openat2, A1 | A2},
    [439] = {mn_call_faccessat, A1}, /* faccessat2 */
    [441] = {mn_call_epoll_pwait2, 0},
};

/* Calls that there cannot be say why. */
static const char *reason_of(uint64_t number)
{
    enum {
        CLONE = 56,
        FORK = 57,
        VFORK = 58,
        EXECVE = 59
    };
    bool makes_process = number == CLONE || number == FORK || number == VFORK;
    return makes_process      ? ": a machine is one program in one address space"
           : number == EXECVE ? ": a machine has one program"
                              : "";
}

int64_t mn_missing(struct mn_thread *thread, uint64_t number, const char *part)
{
    struct mn_system *system = thread->system;
    MN_DEBUG_ASSERT(part != NULL);
    uint64_t place = MN_MIN(number, MN_SYSCALLS - 1);
    uint8_t bit = (uint8_t)(1u << place % 8), *told = &system->told[place / 8];
    if ((*told & bit) == 0)
        mn_system_say(system, "system call %u, %s%s%s, is not there%s", (unsigned)number, mn_syscall_name(number),
                      part[0] != '\0' ? " " : "", part, reason_of(number));
    *told |= bit;
    return -MN_ENOSYS;
}

static bool addresses_ok(unsigned addresses, const uint64_t *argument)
{
    for (; addresses != 0; addresses >>= 1, argument++) {
        if ((addresses & 1) != 0 && *argument < LOWEST_ADDRESS)
            return false;
    }
    return true;
}

static int64_t run(struct mn_thread *thread, uint64_t number, const uint64_t *argument)
{
    const struct system_call *call = number < MN_SYSCALLS ? &calls[number] : NULL;
    if (call == NULL || call->run == NULL)
        return mn_missing(thread, number, "");
    return addresses_ok(call->addresses, argument) ? call->run(thread, argument) : -MNET_EFAULT;
}

static void trace(const struct mn_thread *thread, uint64_t number, const uint64_t *argument, int64_t result)
{
    mn_system_say(thread->system, "%d: %s(%lx, %lx, %lx, %lx) = %ld", thread->id, mn_syscall_name(number), argument[0],
                  argument[1], argument[2], argument[3], result);
}

/* Returns whether a call that found a broken connection or pipe asks for SIGPIPE. */
static bool wants_pipe_signal(const struct mn_thread *thread, uint64_t number, const uint64_t *argument)
{
    enum {
        WRITE = 1,
        WRITEV = 20,
        SENDFILE = 40,
        SENDTO = 44,
        SENDMSG = 46
    };
    if (thread->system->actions[MN_SIGPIPE].handler <= 1) /* by default: EPIPE alone */
        return false;
    switch (number) {
    case WRITE:
    case WRITEV:
    case SENDFILE: return true;
    case SENDTO: return (argument[3] & MNET_MSG_NOSIGNAL) == 0;
    case SENDMSG: return (argument[2] & MNET_MSG_NOSIGNAL) == 0;
    default: return false;
    }
}

int64_t mn_syscall(struct mn_thread *thread, uint64_t number, const uint64_t *argument)
{
    static const struct mn_signal broken = {.number = MN_SIGPIPE, .process = MN_PROCESS};
    /* A library that is lent serves whichever task runs: see lend.c. */
    MN_DEBUG_ASSERT(thread->system->lending.lends || thread->task == mnet_self());
    MN_DEBUG_ASSERT(mn_list_linked(&thread->link));
    int64_t result = run(thread, number, argument);
    if (result == -MNET_EPIPE && wants_pipe_signal(thread, number, argument))
        (void)mn_signal_send(thread->system, thread, &broken);
    if (thread->system->trace)
        trace(thread, number, argument, result);
    if (thread->system->lending.lends) {
        mn_lend_after_call(thread);
        return result;
    }
    if (++thread->turns >= TURNS || result == -MNET_EAGAIN) {
        thread->turns = 0;
        (void)mnet_yield();
    }
    if (!thread->system->ended)
        result = mn_signals_deliver(thread, number, result);
    MN_DEBUG_ASSERT(thread->system->ended || !thread->restores_mask);
    if (thread->system->ended || mnet_cancelled())
        mn_thread_end(thread);
    return result;
}
