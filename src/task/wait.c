/* Waiting and waking. */
#include "task/task.h"

int mn_task_wait(struct mnet_task *self, struct mnet_waiters *waiters, uint64_t deadline)
{
    struct mn_scheduler *scheduler = self->scheduler;
    if (deadline == 0)
        return MNET_E_DEADLINE;
    if (MN_UNLIKELY(self->finalising))
        return MNET_E_INVALID;
    if (MN_UNLIKELY(self->cancelled || self->interrupted) && !self->shielded)
        return MNET_E_CANCELLED;
    if (MN_UNLIKELY(deadline <= scheduler->now))
        return MNET_E_DEADLINE;
    self->state = MN_TASK_WAITING;
    if (waiters != NULL)
        mn_list_append(&waiters->list, &self->queue);
    if (deadline != MNET_NEVER)
        mn_wheel_arm(&scheduler->wheel, &self->timer, deadline);
    mn_task_suspend(self);
    return self->outcome;
}

int mn_wait(struct mnet_waiters *waiters, uint64_t deadline)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL)
        return deadline == 0 ? MNET_E_DEADLINE : MNET_E_INVALID;
    return mn_task_wait(self, waiters, deadline);
}

void mn_wake(struct mnet_task *task)
{
    if (task != NULL && task->state == MN_TASK_WAITING)
        mn_task_wake(task, 0);
}

void mn_interrupt(struct mnet_task *task)
{
    if (task->state == MN_TASK_ENDED || task->ending)
        return;
    task->interrupted = true;
    if (task->state == MN_TASK_WAITING && !task->shielded)
        mn_task_wake(task, MNET_E_CANCELLED);
}

bool mn_take_interrupt(void)
{
    struct mnet_task *self = mn_task_self();
    MN_ASSERT(self != NULL);
    bool interrupted = self->interrupted;
    self->interrupted = false;
    return interrupted;
}

bool mn_take_cancel(void)
{
    struct mnet_task *self = mn_task_self();
    MN_ASSERT(self != NULL);
    bool cancelled = self->cancelled;
    self->cancelled = false;
    return cancelled;
}

struct mnet_task *mn_task_wake_first(struct mnet_waiters *waiters)
{
    struct mnet_link *link = mn_list_first(&waiters->list);
    if (link == NULL)
        return NULL;
    struct mnet_task *task = MN_CONTAINER(link, struct mnet_task, queue);
    mn_task_wake(task, 0);
    return task;
}

bool mn_wake_one(struct mnet_waiters *waiters)
{
    return mn_task_wake_first(waiters) != NULL;
}

void mn_wake_all(struct mnet_waiters *waiters)
{
    while (mn_wake_one(waiters)) {
    }
}

bool mn_waiting(const struct mnet_waiters *waiters)
{
    return !mn_list_empty(&waiters->list);
}

/* Yields even if cancelled, so that a task that ignores this does not starve the others. */
int mnet_yield(void)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || self->finalising)
        return MNET_E_INVALID;
    mn_task_enqueue(self);
    mn_task_suspend(self);
    return self->cancelled ? MNET_E_CANCELLED : 0;
}

int mnet_sleep(uint64_t deadline)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || self->finalising)
        return MNET_E_INVALID;
    if (self->cancelled)
        return MNET_E_CANCELLED;
    if (deadline <= self->scheduler->now)
        return mnet_yield();
    int error = mn_task_wait(self, NULL, deadline);
    return error == MNET_E_DEADLINE ? 0 : error;
}

uint64_t mnet_now(void)
{
    return mn_scheduler_here != NULL ? mn_scheduler_here->now : 0;
}
