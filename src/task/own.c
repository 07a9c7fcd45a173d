/* Ownership: a list of records, newest first, that a task leaves with. A record that nobody owns has no finaliser. */
#include "task/task.h"

/* A record goes before its frame does: the newest one would be overwritten here, or has been. */
static void check_newest(const struct mnet_task *self, const char *live)
{
    if (self != NULL && mn_task_left(self, mn_list_first(&self->owned), live))
        mn_misused(__FILE__, __LINE__, "mnet_own", MN_LEFT("what it owns"));
}

MN_APART void mnet_own(struct mnet_owned *owned, void (*finalise)(void *resource), void *resource)
{
    struct mnet_task *self = mn_task_self();
    MN_REQUIRE(owned != NULL && finalise != NULL, "the record or the finaliser is NULL");
    check_newest(self, MN_CALLERS_END);
    *owned = (struct mnet_owned){.finalise = finalise, .resource = resource};
    if (self == NULL)
        return;
    mn_list_prepend(&self->owned, &owned->link);
}

void mnet_disown(struct mnet_owned *owned)
{
    if (owned == NULL)
        return;
    mn_list_remove(&owned->link);
    owned->finalise = NULL;
}

void mnet_release(struct mnet_owned *owned)
{
    struct mnet_task *self = mn_task_self();
    void (*finalise)(void *resource) = owned != NULL ? owned->finalise : NULL;
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

/* A finaliser may own something else, but no more in a frame that it leaves than any function. */
void mn_task_finalise(struct mnet_task *task)
{
    struct mnet_link *link;
    while ((link = mn_list_first(&task->owned)) != NULL) {
        check_newest(task, __builtin_frame_address(0));
        mnet_release(MN_CONTAINER(link, struct mnet_owned, link));
    }
}
