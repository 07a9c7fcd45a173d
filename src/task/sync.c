/* Mutex and condition. An unlocked mutex is handed to its longest waiter at once, so no task can
 * overtake. A waiter that is cancelled between the hand-over and its turn still holds the mutex:
 * see task.h. */
#include "task/task.h"

int mnet_mutex_lock(struct mnet_mutex *mutex, uint64_t deadline)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || mutex->holder == self)
        return MNET_E_INVALID;
    if (mutex->holder == NULL) {
        mutex->holder = self;
        return 0;
    }
    return mn_task_wait(self, &mutex->waiters, deadline);
}

int mnet_mutex_unlock(struct mnet_mutex *mutex)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || mutex->holder != self)
        return MNET_E_INVALID;
    mutex->holder = mn_task_wake_first(&mutex->waiters);
    return 0;
}

int mnet_condition_wait(struct mnet_condition *condition, struct mnet_mutex *mutex, uint64_t deadline)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || mutex->holder != self || self->finalising)
        return MNET_E_INVALID;
    mnet_mutex_unlock(mutex);
    int error = mn_task_wait(self, &condition->waiters, deadline);
    /* Locks in each case, because the caller will unlock. */
    self->shielded = true;
    mnet_mutex_lock(mutex, MNET_NEVER);
    self->shielded = false;
    return error;
}

void mnet_condition_signal(struct mnet_condition *condition)
{
    mn_wake_one(&condition->waiters);
}

void mnet_condition_broadcast(struct mnet_condition *condition)
{
    mn_wake_all(&condition->waiters);
}
