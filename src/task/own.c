/* Ownership: a list of a task's records, newest first, which are finalised when the task ends. A
 * record without an owner has no finaliser. */
#include "task/task.h"

/* A record must be released before its frame is left. Otherwise the newest record would be
 * overwritten here, or already is. */
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
    MN_DEBUG_ASSERT(!mn_list_linked(&owned->link));
}

void mnet_finalise(struct mnet_owned *owned)
{
    struct mnet_task *self = mn_task_self();
    void (*finalise)(void *resource) = owned != NULL ? owned->finalise : NULL;
    mnet_disown(owned);
    if (finalise == NULL)
        return;
    bool nested = self != NULL && self->finalising; /* a finaliser may release another record */
    if (self != NULL)
        self->finalising = true;
    finalise(owned->resource);
    if (self != NULL)
        self->finalising = nested;
}

/* A finaliser may own a record, but not in a frame that it leaves, like any function. */
void mn_task_finalise(struct mnet_task *task)
{
    struct mnet_link *link;
    while ((link = mn_list_first(&task->owned)) != NULL) {
        check_newest(task, __builtin_frame_address(0));
        mnet_finalise(MN_CONTAINER(link, struct mnet_owned, link));
    }
    MN_DEBUG_ASSERT(mn_list_empty(&task->owned));
}
