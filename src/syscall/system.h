/* The system calls of Linux, for a program of a C library that runs on mnet without an operating
 * system. See docs/machines.md.
 *
 * A port catches the calls of a program and passes each to mn_syscall. They are served in the task
 * of the thread that called: a call that waits suspends it, and no other. Nothing runs at the same
 * time as a call, and a thread runs until its next call.
 *
 * struct mn_system is the whole program: its memory, threads, files and descriptors. Descriptors
 * are those of src/socket, which other files join (open.h). A handler has the name of its call,
 * mn_call_NAME, and returns its result, or a negative errno.
 */
#ifndef MN_SYSTEM_H
#define MN_SYSTEM_H

#include <mnet/error.h>
#include <mnet/socket.h>
#include <mnet/task.h>

#include "base/list.h"
#include "syscall/memory.h"
#include "syscall/tree.h"
#include "task/scheduler.h"

/* Errors that mnet/socket.h does not have. */
enum {
    MN_ESRCH = 3,
    MN_EIO = 5,
    MN_ECHILD = 10,
    MN_EXDEV = 18,
    MN_ENOTDIR = 20,
    MN_EISDIR = 21,
    MN_ENOTTY = 25,
    MN_ENOSPC = 28,
    MN_ESPIPE = 29,
    MN_EROFS = 30,
    MN_ERANGE = 34,
    MN_ENAMETOOLONG = 36,
    MN_ENOSYS = 38,
    MN_ENOTEMPTY = 39,
    MN_ELOOP = 40,
    MN_ENXIO = 6,
    MN_EBUSY = 16,
};

#define MN_SYSCALLS 452 /* that have names here */
#define MN_SIGNALS 65   /* numbered from 1 */
#define MN_DESCRIPTORS 4096
#define MN_FUTEX_BUCKETS 64
#define MN_PROCESS 1 /* the number of the one process */

struct mn_thread;
struct mn_system;
struct mn_handler;

/* The functions of a port. */
struct mn_system_port {
    void *context;
    /* Nanoseconds of the monotonic clock, also while a task runs. */
    uint64_t (*now)(void *context);
    /* The time of day as mnet_wall_clock has it; NULL: it is that of the program's stack. */
    uint64_t (*wall)(void *context);
    /* Write to the console and read from it, as mnet_output and mnet_input. */
    void (*print)(void *context, const char *text, size_t len);
    ptrdiff_t (*input)(void *context, void *buffer, size_t len, uint64_t deadline);
    /* Random bytes, good enough for keys. */
    void (*random)(void *context, void *bytes, size_t len);
    /* Changes the rights of whole pages. False if there is no memory for tables. */
    bool (*protect)(void *context, void *start, size_t size, bool accessible, bool writable);
    /* Makes the registers of a thread those of a program that begins. */
    void (*set_registers)(void *context, struct mn_thread *thread, uint64_t entry, uint64_t stack);
    /* Makes the registers of `child` those that `parent` has in its present call, but for the
     * result 0, the stack, and the thread pointer. */
    void (*copy_registers)(void *context, struct mn_thread *child, const struct mn_thread *parent, uint64_t stack);
    /* Lets the thread run with its registers. Does not return. */
    void (*enter)(void *context, struct mn_thread *thread);
    /* The stack pointer of a thread in its present call. */
    uint64_t (*stack)(void *context, const struct mn_thread *thread);
    /* Makes a thread run a handler when its present call returns. */
    void (*begin_handler)(void *context, struct mn_thread *thread, const struct mn_handler *handler);
    /* The handler has returned: the registers are those of before. Returns the result that the call
     * of then had, and stores the mask. */
    int64_t (*end_handler)(void *context, struct mn_thread *thread, uint64_t *mask);
    /* Cancels the first task; NULL if programs lend nothing. */
    void (*stop)(void *context);
};

/* A signal that waits, or is dealt with. */
struct mn_signal {
    int number, code;
    int process, user; /* of the sender; of a timer: its id, and how often it has run over */
    uint64_t value;
};

/* A handler that is to run before a thread goes on. */
struct mn_handler {
    struct mn_signal signal;
    const struct mn_signal_action *action;
    uint64_t stack; /* the upper end of the alternate stack; 0: on the thread's own */
    uint64_t mask;  /* that of the thread again when the handler returns */
    int64_t result; /* of the call that the thread is in */
    bool restart;   /* the thread makes that call again instead */
};

/* A time at which something happens. */
struct mn_program_timer {
    struct mnet_link link; /* of system->timers: it runs */
    uint64_t at, interval; /* 0: once */
    void (*fire)(struct mn_system *system, struct mn_program_timer *timer, uint64_t times);
};

/* Input that was read before the program asked for it: console.c. */
struct mn_typed {
    bool reads_ahead; /* a task reads, or */
    bool is_to_start; /* is to do so: the first task starts it */
    bool at_end;
    size_t count;
    char typed[256];
    struct mnet_waiters room;
    struct mnet_link files; /* struct mn_open: those that are waited for */
};

/* A thread that is to be started. */
struct mn_start {
    struct mn_thread *thread;
    int error; /* 1: it is not yet known */
    struct mnet_waiters waiters;
};

/* How a signal is dealt with, as rt_sigaction has it. */
struct mn_signal_action {
    uint64_t handler; /* 0: by default, 1: ignored */
    uint64_t flags, restorer, mask;
};

struct mn_thread {
    struct mn_system *system;
    struct mnet_link link; /* of system->threads */
    struct mnet_task *task;
    int id;
    uint64_t pointer;                         /* of the thread's own data: FS */
    uint32_t *clear_id;                       /* cleared when the thread ends; or NULL */
    uint64_t signals_blocked;                 /* bit 0: signal 1 */
    uint64_t signals_pending;                 /* for this thread */
    uint64_t mask_after;                      /* what is blocked after the present call, */
    bool restores_mask;                       /* which has a mask of its own */
    uint64_t alternate_stack, alternate_size; /* 0: none */
    unsigned turns;                           /* calls since others could run */
    void *frame;                              /* the port's: the registers during a call */
    uint64_t registers[20];                   /* the port's: before the thread runs */
    char name[16];
};

/* A C library that is lent to tasks: see lend.c. */
struct mn_lending {
    bool lends;              /* this program does */
    bool begun;              /* the library is ready */
    bool over;               /* the tasks have ended */
    int result;              /* of them */
    struct mnet_waiters end; /* the first thread */
};

struct mn_system {
    const struct mn_system_port *port;
    struct mnet_stack *stack; /* or NULL: there is no network */
    struct mnet_sockets *descriptors;
    struct mn_arena arena;
    struct mn_objects objects;
    struct mn_tree tree;
    struct mn_inode *folder; /* where relative paths begin */
    struct mnet_link threads;
    struct mnet_group tasks;
    int last_thread; /* its id */
    /* The thread that is to be started, or NULL: by the first task, so that a thread outlives the
     * one that asked for it. */
    struct mnet_waiters starter;
    struct mn_start *to_start, first_start;
    struct mnet_link futexes[MN_FUTEX_BUCKETS];
    struct mn_signal_action actions[MN_SIGNALS];
    struct mnet_link signals;       /* those that wait, in order: signal.c */
    unsigned signal_count;          /* of these */
    uint64_t signals_pending;       /* for any thread */
    struct mnet_waiters signalled;  /* calls that wait for a signal */
    struct mnet_link signal_files;  /* struct mn_signal_file */
    struct mnet_link signal_timers; /* those of timer_create */
    int last_signal_timer;          /* its id */
    struct mnet_link timers;
    struct mn_program_timer alarm;
    struct mn_typed console;
    struct mnet_link unix_sockets; /* struct mn_unix */
    uint32_t last_unix_name;       /* of those that are chosen */
    bool ended;                    /* the program has, or was told to */
    bool ended_itself;             /* or by a signal, and not from outside */
    bool cancelled;                /* from outside */
    int status;
    size_t stack_size; /* of the first thread */
    char *break_start, *break_now;
    bool trace;                        /* print each call */
    bool told_memory;                  /* that it is used up */
    uint8_t told[MN_SYSCALLS / 8 + 1]; /* calls that are missing, by number */
    uint32_t umask;
    struct mn_lending lending;
    char program[64];
};

/* A program that is to run. */
struct mn_program {
    struct mnet_stack *stack; /* or NULL: there is no network */
    bool trace;
    const struct mn_system_port *port;
    void *memory; /* what the program gets */
    size_t memory_size;
    const void *archive; /* of its files (archive.h); NULL: none */
    size_t archive_size;
    char *const *arguments, *const *variables; /* and its environment, ending with NULL */
    /* Of the image: where it begins to run, and its data for threads. */
    uint64_t entry;
    /* NULL, or a function that runs in the first task, with the port's context, once the C library
     * is ready: see lend.c. */
    int (*run)(void *context);
    const void *tls_image;
    size_t tls_image_size, tls_size, tls_alignment;
};

/* Runs a program, in the first task. Returns its exit status, or a negative MNET_E_*. */
int mn_system_run(struct mn_system *system, const struct mn_program *program);
/* Ends the program, with all its threads; the present one has to return from its call. */
void mn_system_end(struct mn_system *system, int status);
/* Fills `bytes` with random ones. */
void mn_system_random(struct mn_system *system, void *bytes, size_t len);
/* Says a line on the console. */
void mn_system_say(struct mn_system *system, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Serves a system call of a thread. Returns its result. Ends the thread if the program ends. */
int64_t mn_syscall(struct mn_thread *thread, uint64_t number, const uint64_t *arguments);
/* Says, the first time, that a call, or a part of it, is missing. Returns -MN_ENOSYS. */
int64_t mn_missing(struct mn_thread *thread, uint64_t number, const char *part);
/* The name of a system call of Linux on x86-64; "" if there is none. */
const char *mn_syscall_name(uint64_t number);

/* Starts a thread whose registers are set. Returns 0 or -MNET_EAGAIN. */
int mn_thread_start(struct mn_thread *thread);
/* Returns the thread with an id, or NULL. */
struct mn_thread *mn_thread_find(const struct mn_system *system, int id);
/* A thread that is not started yet, or NULL. */
struct mn_thread *mn_thread_new(struct mn_system *system);
_Noreturn void mn_thread_end(struct mn_thread *thread);
/* Wakes up to `count` waiters for a futex. Returns how many. */
int64_t mn_futex_wake(struct mn_system *system, const uint32_t *address, uint64_t count, uint32_t bits);

/* The task that reads ahead from the console. */
int mn_console_read_ahead(void *system);

/* signal.c */

#define MN_SIGINT 2
#define MN_SIGPIPE 13
#define MN_SIGALRM 14
#define MN_SIGTERM 15
#define MN_SIGRTMIN 32

static inline uint64_t mn_signal_bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

/* Sends a signal to a thread, or to the program (NULL). One below MN_SIGRTMIN that waits already is
 * not sent again. Returns 0, or -MNET_EAGAIN if one of sigqueue cannot be kept. */
int mn_signal_send(struct mn_system *system, struct mn_thread *thread, const struct mn_signal *signal);
/* Returns the signals that a thread has to deal with now. */
uint64_t mn_signals_due(const struct mn_thread *thread);
/* Takes the lowest signal of a set that waits for the thread. Returns false if there is none. */
bool mn_signal_take(struct mn_thread *thread, uint64_t set, struct mn_signal *signal);
/* Forgets signals of a set that wait: for a thread, or for the program and all threads (NULL). */
void mn_signals_forget(struct mn_system *system, struct mn_thread *thread, uint64_t set);
/* At the end of a call: deals with the signals that are due. Returns the result for the thread. */
int64_t mn_signals_deliver(struct mn_thread *thread, uint64_t number, int64_t result);
/* Until the end of the present call the thread has another mask. */
void mn_signal_mask_for_call(struct mn_thread *thread, uint64_t mask);
/* The program was told from outside to end. Returns whether it has a handler that deals with it. */
bool mn_signal_told_to_end(struct mn_system *system);

/* timer.c */

/* Lets the timer fire at a time, and then again after each interval; 0: never again. */
void mn_program_timer_set(struct mn_system *system, struct mn_program_timer *timer, uint64_t at, uint64_t interval);
/* Lets those fire whose time has come. Returns the time of the next one. */
uint64_t mn_program_timers_run(struct mn_system *system);

/* For the main of a C library that is lent: returns when the tasks have ended, with their result,
 * which is the exit status. */
int mn_system_lend(struct mn_system *system);
/* Waits in the first task until the library is ready, and runs the tasks. The first thread has been
 * started. */
void mn_lend_to_tasks(struct mn_system *system, int (*run)(void *context));
/* Ends the task that made a call if the program has ended. */
void mn_lend_after_call(struct mn_thread *thread);

/* Lays out the stack of a program as Linux does: arguments, environment, auxiliary vector. Returns
 * the stack pointer, or 0 if there is no room. */
uint64_t mn_stack_layout(struct mn_system *system, const struct mn_program *program, char *lowest, char *top);

static inline uint64_t mn_system_now(const struct mn_system *system)
{
    return system->port->now(system->port->context);
}

#endif
