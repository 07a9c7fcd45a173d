/* Groups: members move from `running` to `ended` when they end, and are freed when they are reaped.
 * mnet_group_spawn is in task.c. */
#include "task/task.h"

void mn_group_note_end(struct mnet_task *task)
{
    MN_DEBUG_ASSERT(mn_list_linked(&task->member) && task->group->count > 0);
    MN_DEBUG_ASSERT(task->group != NULL && task->state == MN_TASK_ENDED);
    struct mnet_group *group = task->group;
    mn_list_remove(&task->member);
    mn_list_append(&group->ended, &task->member);
    if (group->cancel_on_failure && task->result < 0 && !group->cancelled) {
        group->failure = task->result;
        mnet_group_cancel(group);
    }
    mn_wake_all(&group->waiters);
}

void mn_group_forget(struct mnet_task *task)
{
    MN_DEBUG_ASSERT(task->group == NULL || task->group->count > 0);
    struct mnet_group *group = task->group;
    if (group == NULL)
        return;
    mn_list_remove(&task->member);
    group->count--;
    mn_wake_all(&group->waiters);
}

bool mnet_group_reap(struct mnet_group *group, int *result)
{
    struct mnet_link *link = mn_list_take(&group->ended);
    if (link == NULL)
        return false;
    struct mnet_task *task = MN_CONTAINER(link, struct mnet_task, member);
    MN_DEBUG_ASSERT(group->count > 0 && task->group == group && task->state == MN_TASK_ENDED);
    group->count--;
    if (result != NULL)
        *result = task->result;
    mn_task_free(task);
    return true;
}

void mnet_group_cancel(struct mnet_group *group)
{
    struct mnet_link *link = mn_list_first(&group->running);
    group->cancelled = true;
    for (; link != NULL && link != &group->running; link = link->next)
        mnet_cancel(MN_CONTAINER(link, struct mnet_task, member));
}

/* If the members are being cancelled, the wait goes on even if the caller is cancelled: until they
 * end they use the group, and perhaps more of the caller's frame. */
static int wait_for_members(struct mnet_group *group, uint64_t deadline)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL)
        return deadline == 0 ? MNET_E_DEADLINE : MNET_E_INVALID;
    self->shielded = group->cancelled;
    int error = mn_task_wait(self, &group->waiters, deadline);
    self->shielded = false;
    return error;
}

/* Reaps members as they end, so that few ended ones are kept. */
int mnet_group_join(struct mnet_group *group, uint64_t deadline)
{
    for (;;) {
        while (mnet_group_reap(group, NULL)) {
        }
        if (group->count == 0)
            return 0;
        int error = wait_for_members(group, deadline);
        if (error < 0)
            return error;
    }
}
