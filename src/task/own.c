/* Ownership: a list of records, newest first, that a task leaves with. A record that nobody owns has no finaliser. */
#include "task/task.h"

void mnet_own(struct mnet_owned *owned, void (*finalise)(void *resource), void *resource)
{
    struct mnet_task *self = mn_task_self();
    *owned = (struct mnet_owned){.finalise = finalise, .resource = resource};
    if (self == NULL)
        return;
    mn_list_prepend(&self->owned, &owned->link);
    mn_task_keep(self, owned);
    mn_task_keep(self, resource);
}

void mnet_disown(struct mnet_owned *owned)
{
    mn_list_remove(&owned->link);
    owned->finalise = NULL;
}

void mnet_release(struct mnet_owned *owned)
{
    struct mnet_task *self = mn_task_self();
    void (*finalise)(void *resource) = owned->finalise;
    mnet_disown(owned);
    if (finalise == NULL)
        return;
    bool nested = self != NULL && self->finalising; /* a finaliser may release something else */
    if (self != NULL)
        self->finalising = true;
    finalise(owned->resource);
    if (self != NULL)
        self->finalising = nested;
}

void mn_task_finalise(struct mnet_task *task)
{
    struct mnet_link *link;
    while ((link = mn_list_first(&task->owned)) != NULL)
        mnet_release(MN_CONTAINER(link, struct mnet_owned, link));
}
