/* Threads: each is a task. A thread makes others by clone, as pthread_create does; a new process
 * cannot be made. */
#include <string.h>

#include <mnet/format.h>

#include "syscall/calls.h"
#include "syscall/timer.h"

#define CLONE_VM 0x100u
#define CLONE_THREAD 0x10000u
#define CLONE_SETTLS 0x80000u
#define CLONE_PARENT_SETTID 0x100000u
#define CLONE_CHILD_CLEARTID 0x200000u
#define CLONE_CHILD_SETTID 0x1000000u

struct mn_thread *mn_thread_new(struct mn_system *system)
{
    struct mn_thread *thread = mn_object_alloc(&system->objects, sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->system = system;
    thread->id = ++system->last_thread;
    mnet_format(thread->name, sizeof thread->name, "thread %d", thread->id);
    MN_DEBUG_ASSERT(thread->id > 0 && thread->signals_pending == 0);
    mn_list_append(&system->threads, &thread->link);
    return thread;
}

struct mn_thread *mn_thread_find(const struct mn_system *system, int id)
{
    const struct mnet_link *head = &system->threads;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        struct mn_thread *thread = MN_CONTAINER(node, struct mn_thread, link);
        if (thread->id == id)
            return thread;
    }
    return NULL;
}

static void free_thread(struct mn_thread *thread)
{
    MN_DEBUG_ASSERT(mn_list_linked(&thread->link));
    mn_signals_forget(thread->system, thread, ~UINT64_C(0));
    mn_signal_timers_forget(thread);
    mn_list_remove(&thread->link);
    mn_object_free(&thread->system->objects, thread, sizeof *thread);
}

/* The first task starts it, and tells the result: the thread may have ended by then. */
int mn_thread_start(struct mn_thread *thread)
{
    struct mn_system *system = thread->system;
    struct mn_start start = {.thread = thread, .error = 1};
    MN_ASSERT(system->to_start == NULL);
    system->to_start = &start;
    mn_wake_all(&system->starter);
    while (start.error > 0 && !system->ended) {
        if (mn_wait(&start.waiters, MNET_NEVER) < 0) /* a signal does not interrupt it */
            (void)mnet_yield();
    }
    return start.error == 0 ? 0 : -MNET_EAGAIN;
}

/* A thread's own end leaves its group, and wakes whoever waits for it by a futex. The program ends
 * with its last thread. */
_Noreturn void mn_thread_end(struct mn_thread *thread)
{
    struct mn_system *system = thread->system;
    MN_DEBUG_ASSERT(thread->task == mnet_self());
    if (thread->clear_id != NULL && !system->ended) {
        *thread->clear_id = 0;
        (void)mn_futex_wake(system, thread->clear_id, 1, UINT32_MAX);
    }
    free_thread(thread);
    if (mn_list_empty(&system->threads))
        mn_system_end(system, 0);
    mn_wake_all(&system->starter); /* which frees the task */
    mnet_task_set_name(mnet_self(), "ended thread");
    mnet_exit(0);
}

/* While another thread waits for its start, its turn comes first. */
static int64_t clone(struct mn_thread *parent, uint64_t flags, uint64_t stack, uint32_t *parent_id, uint32_t *child_id,
                     uint64_t pointer)
{
    struct mn_system *system = parent->system;
    while (system->to_start != NULL) {
        if (mnet_yield() < 0)
            return -MNET_EINTR;
    }
    struct mn_thread *child = mn_thread_new(system);
    if (child == NULL)
        return -MNET_EAGAIN;
    child->pointer = (flags & CLONE_SETTLS) != 0 ? pointer : parent->pointer;
    child->signals_blocked = parent->signals_blocked;
    child->clear_id = (flags & CLONE_CHILD_CLEARTID) != 0 ? child_id : NULL;
    system->port->copy_registers(system->port->context, child, parent, stack);
    int id = child->id;
    if ((flags & CLONE_PARENT_SETTID) != 0)
        *parent_id = (uint32_t)id;
    if ((flags & CLONE_CHILD_SETTID) != 0)
        *child_id = (uint32_t)id;
    int error = mn_thread_start(child);
    if (error < 0) {
        free_thread(child);
        mn_system_say(system, "there is no memory for another thread");
    }
    return error < 0 ? error : id;
}

MN_CALL(clone)
{
    uint64_t flags = argument[0];
    if (thread->system->lending.lends)
        return mn_missing(thread, 56, "in a program with mnet's tasks");
    if ((flags & CLONE_VM) == 0 || (flags & CLONE_THREAD) == 0 || argument[1] == 0)
        return mn_missing(thread, 56, "for a new process");
    return clone(thread, flags, argument[1], mn_pointer(argument[2]), mn_pointer(argument[3]), argument[4]);
}

MN_CALL(exit)
{
    if (mn_list_first(&thread->system->threads) == mn_list_last(&thread->system->threads))
        mn_system_end(thread->system, (int)(argument[0] & 255));
    mn_thread_end(thread);
}

MN_CALL(exit_group)
{
    mn_system_end(thread->system, (int)(argument[0] & 255));
    return 0; /* never: the thread ends with the call */
}

MN_CALL(set_tid_address)
{
    thread->clear_id = mn_pointer(argument[0]);
    return thread->id;
}

MN_CALL(gettid)
{
    (void)argument;
    return thread->id;
}

#define ARCH_SET_FS 0x1002u
#define ARCH_GET_FS 0x1003u

MN_CALL(arch_prctl)
{
    if (argument[0] == ARCH_SET_FS) {
        thread->pointer = argument[1];
        return 0;
    }
    if (argument[0] != ARCH_GET_FS)
        return -MNET_EINVAL;
    memcpy(mn_pointer(argument[1]), &thread->pointer, sizeof thread->pointer);
    return 0;
}

#define PR_SET_NAME 15u
#define PR_GET_NAME 16u

MN_CALL(prctl)
{
    if (argument[0] == PR_SET_NAME)
        mnet_format(thread->name, sizeof thread->name, "%.15s", (const char *)mn_pointer(argument[1]));
    else if (argument[0] == PR_GET_NAME)
        memcpy(mn_pointer(argument[1]), thread->name, sizeof thread->name);
    else
        return -MNET_EINVAL;
    return 0;
}

MN_CALL(sched_yield)
{
    (void)thread;
    (void)argument;
    (void)mnet_yield();
    return 0;
}
