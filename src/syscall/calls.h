/* The handlers of system calls, and what they share. A handler gets the six arguments as they were
 * passed. Addresses that calls.c lists for it have been checked not to be NULL. */
#ifndef MN_CALLS_H
#define MN_CALLS_H

#include "syscall/system.h"

#define MN_CALL(name) int64_t mn_call_##name(struct mn_thread *thread, const uint64_t *argument)

static inline void *mn_pointer(uint64_t argument)
{
    return (void *)(uintptr_t)argument;
}

struct mn_timespec {
    int64_t seconds, nanoseconds;
};

/* Deadlines of mnet: of a time from now on (NULL: none), of a time on a clock, of milliseconds
 * (negative: none, 0: not to wait). */
uint64_t mn_deadline_after(const struct mn_system *system, const struct mn_timespec *time);
uint64_t mn_deadline_at(const struct mn_system *system, const struct mn_timespec *time, bool wall);
uint64_t mn_deadline_ms(const struct mn_system *system, int milliseconds);
/* Whether it is a time from now on, and its nanoseconds. */
bool mn_timespec_ok(const struct mn_timespec *time);
uint64_t mn_timespec_ns(const struct mn_timespec *time);
void mn_timespec_store(struct mn_timespec *time, uint64_t ns);
bool mn_clock_is_wall(uint64_t clock);

/* io.c */
MN_CALL(read);
MN_CALL(write);
MN_CALL(pread64);
MN_CALL(pwrite64);
MN_CALL(readv);
MN_CALL(writev);
MN_CALL(preadv);
MN_CALL(pwritev);
MN_CALL(close);
MN_CALL(lseek);
MN_CALL(dup);
MN_CALL(dup2);
MN_CALL(dup3);
MN_CALL(fcntl);
MN_CALL(ioctl);
MN_CALL(sendfile);
MN_CALL(fsync);
/* As lseek, with its arguments. */
int64_t mn_seek(struct mn_system *system, const uint64_t *argument);

/* pipe.c */
MN_CALL(pipe);
MN_CALL(pipe2);
MN_CALL(eventfd);
MN_CALL(eventfd2);

/* files.c */
MN_CALL(open);
MN_CALL(openat);
MN_CALL(openat2);
MN_CALL(creat);
MN_CALL(mkdir);
MN_CALL(mkdirat);
MN_CALL(rmdir);
MN_CALL(unlink);
MN_CALL(unlinkat);
MN_CALL(rename);
MN_CALL(renameat);
MN_CALL(symlink);
MN_CALL(symlinkat);
MN_CALL(truncate);
MN_CALL(ftruncate);
MN_CALL(fallocate);
MN_CALL(getcwd);
MN_CALL(chdir);
MN_CALL(fchdir);
MN_CALL(umask);

/* stat.c */
MN_CALL(stat);
MN_CALL(lstat);
MN_CALL(fstat);
MN_CALL(newfstatat);
MN_CALL(statfs);
MN_CALL(access);
MN_CALL(faccessat);
MN_CALL(readlink);
MN_CALL(readlinkat);
MN_CALL(getdents64);
MN_CALL(chmod);
MN_CALL(fchmod);
MN_CALL(fchmodat);
MN_CALL(chown);
MN_CALL(utimensat);

/* net.c */
MN_CALL(socket);
MN_CALL(bind);
MN_CALL(listen);
MN_CALL(accept);
MN_CALL(accept4);
MN_CALL(connect);
MN_CALL(shutdown);
MN_CALL(getsockname);
MN_CALL(getpeername);
MN_CALL(sendto);
MN_CALL(recvfrom);
MN_CALL(sendmsg);
MN_CALL(recvmsg);
MN_CALL(getsockopt);
MN_CALL(setsockopt);
MN_CALL(sendmmsg);
MN_CALL(recvmmsg);

/* unix_calls.c */
MN_CALL(socketpair);

/* wait.c */
MN_CALL(poll);
MN_CALL(ppoll);
MN_CALL(select);
MN_CALL(pselect6);
MN_CALL(epoll_create);
MN_CALL(epoll_create1);
MN_CALL(epoll_ctl);
MN_CALL(epoll_wait);
MN_CALL(epoll_pwait);
MN_CALL(epoll_pwait2);

/* map.c */
MN_CALL(mmap);
MN_CALL(munmap);
MN_CALL(mprotect);
MN_CALL(mremap);
MN_CALL(brk);
MN_CALL(madvise);

/* thread.c, futex.c */
MN_CALL(clone);
MN_CALL(exit);
MN_CALL(exit_group);
MN_CALL(set_tid_address);
MN_CALL(gettid);
MN_CALL(arch_prctl);
MN_CALL(prctl);
MN_CALL(sched_yield);
MN_CALL(futex);

/* time.c */
MN_CALL(clock_gettime);
MN_CALL(clock_getres);
MN_CALL(gettimeofday);
MN_CALL(time);
MN_CALL(nanosleep);
MN_CALL(clock_nanosleep);

/* signal_calls.c */
MN_CALL(rt_sigaction);
MN_CALL(rt_sigprocmask);
MN_CALL(rt_sigreturn);
MN_CALL(rt_sigpending);
MN_CALL(rt_sigtimedwait);
MN_CALL(rt_sigqueueinfo);
MN_CALL(rt_tgsigqueueinfo);
MN_CALL(rt_sigsuspend);
MN_CALL(sigaltstack);
MN_CALL(pause);
MN_CALL(kill);
MN_CALL(tkill);
MN_CALL(tgkill);

/* signal_file.c */
MN_CALL(signalfd);
MN_CALL(signalfd4);

/* timer.c */
MN_CALL(alarm);
MN_CALL(getitimer);
MN_CALL(setitimer);
MN_CALL(timerfd_create);
MN_CALL(timerfd_settime);
MN_CALL(timerfd_gettime);

/* signal_timer.c */
MN_CALL(timer_create);
MN_CALL(timer_settime);
MN_CALL(timer_gettime);
MN_CALL(timer_getoverrun);
MN_CALL(timer_delete);

/* process.c */
MN_CALL(no_child);
MN_CALL(getresuid);
MN_CALL(getpriority);
MN_CALL(getcpu);
MN_CALL(times);
MN_CALL(nothing);
MN_CALL(getpid);
MN_CALL(uname);
MN_CALL(sysinfo);
MN_CALL(getrlimit);
MN_CALL(setrlimit);
MN_CALL(prlimit64);
MN_CALL(getrusage);
MN_CALL(sched_getaffinity);
MN_CALL(getrandom);

#endif
