/* The scheduler chooses the task that runs next.
 *
 * Runnable tasks are in one queue, first in, first out. A task that suspends switches directly to
 * the next one. Control returns to mn_scheduler_run only if the budget is used up, if no task is
 * runnable, or if a task has ended. That function then frees what a task cannot free itself: its
 * own stack.
 */
#include "task/scheduler.h"

#include <string.h>

#include "base/check.h"
#include "task/switch.h"
#include "task/task.h"

MN_PER_THREAD struct mn_scheduler *mn_scheduler_here;

struct mn_scheduler *mn_scheduler_current(void)
{
    return mn_scheduler_here;
}

/* The first task's stack holds the scheduler, too. */
struct mn_scheduler *mn_scheduler_create(const struct mn_task_stacks *stacks, int (*run)(void *argument),
                                         void *argument, uint64_t now)
{
    size_t size = stacks->size != 0 ? stacks->size : MN_TASK_STACK_USUAL;
    if (size < MN_TASK_STACK_LEAST + sizeof(struct mn_scheduler) || size % 16 != 0)
        return NULL;
    void *lowest = stacks->alloc(stacks->context, size);
    if (lowest == NULL)
        return NULL;
    size_t reserved = (sizeof(struct mn_scheduler) + 63) & ~(size_t)63;
    struct mn_scheduler *scheduler = (struct mn_scheduler *)(void *)((char *)lowest + size - reserved);
    memset(scheduler, 0, sizeof *scheduler);
    scheduler->stacks = *stacks;
    scheduler->stacks.size = size;
    scheduler->now = now;
    mn_list_init(&scheduler->runnable);
    mn_wheel_init(&scheduler->wheel, now);
    scheduler->first = mn_task_place(scheduler, lowest, size, reserved);
    scheduler->first->name = "main";
    scheduler->first->run = run;
    scheduler->first->argument = argument;
    mn_task_enqueue(scheduler->first);
    if (mn_task_self() == NULL)
        mn_scheduler_here = scheduler;
    return scheduler;
}

/* Called when a suspended context runs again. */
static void note_resumed(struct mn_scheduler *scheduler, const struct mn_fiber *stack)
{
    mn_fiber_arrive(stack, &scheduler->root);
}

/* So many of the runnable tasks are checked: a switch costs the same however many there are. */
#define CHECKED_TASKS 8

void mn_scheduler_check(const struct mn_scheduler *scheduler)
{
    const struct mnet_task *running = scheduler->running;
    const struct mnet_link *head = &scheduler->runnable, *link = mn_list_begin(head);
    for (int i = 0; i < CHECKED_TASKS && link != head; i++, link = link->next) {
        const struct mnet_task *task = MN_CONTAINER(link, struct mnet_task, queue);
        MN_ASSERT(task->scheduler == scheduler && task->state == MN_TASK_RUNNABLE && task != running);
        MN_ASSERT(!mn_timer_armed(&task->timer) && link->next->prev == link && mn_canary_intact(task));
    }
    if (running != NULL)
        MN_ASSERT(running->state == MN_TASK_RUNNABLE && !mn_list_linked(&running->queue));
    MN_ASSERT(scheduler->kept_count <= MN_TASK_STACKS_KEPT);
    MN_ASSERT(scheduler->abandoned == NULL || scheduler->abandoned->state == MN_TASK_ENDED);
}

/* Takes the next runnable task within the budget and makes it the running one. Returns NULL if
 * control goes back to mn_scheduler_run. */
static struct mnet_task *next_task(struct mn_scheduler *scheduler)
{
    struct mnet_link *link = scheduler->budget > 0 ? mn_list_take(&scheduler->runnable) : NULL;
    if (link == NULL) {
        scheduler->running = NULL;
        return NULL;
    }
    scheduler->budget--;
    scheduler->running = MN_CONTAINER(link, struct mnet_task, queue);
    MN_CHECK(mn_scheduler_check(scheduler));
    return scheduler->running;
}

void mn_task_suspend(struct mnet_task *task)
{
    MN_DEBUG_ASSERT(task->scheduler->running == task);
    struct mn_scheduler *scheduler = task->scheduler;
    if (MN_UNLIKELY(!mn_canary_intact(task)))
        mn_stack_overflowed(task);
    struct mnet_task *next = next_task(scheduler);
    if (next == task)
        return;
    mn_fiber_leave(&task->stack, next != NULL ? &next->stack : &scheduler->root);
    mn_switch(&task->context, next != NULL ? next->context : scheduler->context);
    note_resumed(scheduler, &task->stack);
}

_Noreturn void mn_task_leave(struct mnet_task *task)
{
    MN_DEBUG_ASSERT(task->scheduler->running == task && task->state == MN_TASK_ENDED);
    struct mn_scheduler *scheduler = task->scheduler;
    if (MN_UNLIKELY(!mn_canary_intact(task)))
        mn_stack_overflowed(task);
    scheduler->running = NULL;
    mn_fiber_leave(NULL, &scheduler->root);
    mn_switch(&task->context, scheduler->context);
    mn_failed(__FILE__, __LINE__, "an ended task was resumed");
}

/* Not inline: one copy for all callers. */
MN_APART void mn_task_wake(struct mnet_task *task, int outcome)
{
    MN_DEBUG_ASSERT(task != task->scheduler->running);
    MN_ASSERT(task->state == MN_TASK_WAITING);
    mn_list_remove(&task->queue);
    mn_wheel_cancel(&task->scheduler->wheel, &task->timer);
    task->state = MN_TASK_RUNNABLE;
    task->outcome = outcome;
    mn_task_enqueue(task);
}

static void wake_expired(struct mn_scheduler *scheduler)
{
    MN_DEBUG_ASSERT(scheduler->running == NULL);
    struct mn_timer *timer;
    while ((timer = mn_wheel_expire(&scheduler->wheel, scheduler->now)) != NULL)
        mn_task_wake(MN_CONTAINER(timer, struct mnet_task, timer), MNET_E_DEADLINE);
}

bool mn_scheduler_run(struct mn_scheduler *scheduler, uint64_t now, unsigned budget)
{
    MN_ASSERT(scheduler->running == NULL);
    struct mn_scheduler *before = mn_scheduler_here;
    mn_scheduler_here = scheduler;
    scheduler->now = MN_MAX(scheduler->now, now);
    scheduler->budget = budget;
    scheduler->root = (struct mn_fiber){0};
    wake_expired(scheduler);
    struct mnet_task *next;
    while ((next = next_task(scheduler)) != NULL) {
        mn_fiber_leave(&scheduler->root, &next->stack);
        mn_switch(&scheduler->context, next->context);
        note_resumed(scheduler, &scheduler->root);
        if (scheduler->abandoned != NULL) {
            MN_DEBUG_ASSERT(scheduler->abandoned->state == MN_TASK_ENDED && scheduler->running == NULL);
            mn_task_free(scheduler->abandoned);
            scheduler->abandoned = NULL;
        }
    }
    /* A task may run another scheduler, for example a test with a simulated host in it. */
    if (before != NULL && before->running != NULL)
        mn_scheduler_here = before;
    return !mn_list_empty(&scheduler->runnable);
}

uint64_t mn_scheduler_deadline(struct mn_scheduler *scheduler)
{
    return mn_list_empty(&scheduler->runnable) ? mn_wheel_deadline(&scheduler->wheel) : 0;
}

bool mn_scheduler_done(const struct mn_scheduler *scheduler, int *result)
{
    if (scheduler->first->state != MN_TASK_ENDED)
        return false;
    if (result != NULL)
        *result = scheduler->first->result;
    return true;
}

struct mnet_task *mn_scheduler_main(struct mn_scheduler *scheduler)
{
    return scheduler->first;
}

/* Only the running task can overflow its stack. */
struct mnet_task *mn_scheduler_overflowed(struct mn_scheduler *scheduler, const void *address)
{
    struct mnet_task *task = scheduler->running;
    if (task == NULL)
        return NULL;
    uintptr_t lowest = (uintptr_t)task->stack.lowest;
    return (uintptr_t)address < lowest && lowest - (uintptr_t)address <= MN_TASK_REACH ? task : NULL;
}

size_t mn_scheduler_stack_size(const struct mn_scheduler *scheduler)
{
    return scheduler->running != NULL ? scheduler->running->stack.size : scheduler->stacks.size;
}

void mn_scheduler_destroy(struct mn_scheduler *scheduler)
{
    MN_DEBUG_ASSERT(scheduler->running == NULL);
    MN_ASSERT(scheduler->first->state == MN_TASK_ENDED);
    if (mn_scheduler_here == scheduler)
        mn_scheduler_here = NULL;
    mn_stack_drop(scheduler);
    /* The scheduler lies on the first stack, and ends with it. */
    struct mn_task_stacks stacks = scheduler->stacks;
    void *lowest = scheduler->first->stack.lowest;
    mn_fiber_clean(lowest, stacks.size);
    stacks.free(stacks.context, lowest, stacks.size);
}
