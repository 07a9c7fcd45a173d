/* Callbacks of handles: see watch.c for the scheme. */
#include "stack/notify.h"

#include "task/scheduler.h"

/* Siblings are a ring without a head: each of them is the head for the others. */
static struct mnet_watch *next_of(const struct mnet_watch *watch)
{
    return MN_CONTAINER(mn_list_begin(&watch->sibling), struct mnet_watch, sibling);
}

void mn_watch_tell(struct mnet_watch *watch, unsigned ready)
{
    MN_DEBUG_ASSERT(watch->set != NULL);
    struct mnet_set *set = watch->set;
    if ((watch->wanted & ready) == 0)
        return;
    mn_list_remove(&watch->link);
    mn_list_append(&set->told, &watch->link);
    mn_wake_one(&set->waiters);
    if (set->notify != NULL)
        set->notify(set->notify_context);
}

void mn_watches_tell(void *first, unsigned ready)
{
    struct mnet_watch *watch = first;
    do {
        mn_watch_tell(watch, ready);
        watch = next_of(watch);
    } while (watch != first);
}

bool mn_notify_is_watched(const struct mn_notify *notify)
{
    return notify->call == mn_watches_tell;
}

int mn_notify_join(struct mn_notify *notify, struct mnet_watch *watch)
{
    MN_DEBUG_ASSERT(!mn_list_linked(&watch->link));
    if (mn_notify_is_watched(notify)) {
        mn_list_append(&((struct mnet_watch *)notify->context)->sibling, &watch->sibling);
        return MNET_OK;
    }
    if (notify->call != NULL)
        return MNET_E_IN_USE;
    mn_list_init(&watch->sibling);
    *notify = (struct mn_notify){mn_watches_tell, watch};
    return MNET_OK;
}

void mn_notify_leave(struct mn_notify *notify, struct mnet_watch *watch)
{
    MN_DEBUG_ASSERT(mn_notify_is_watched(notify));
    struct mnet_watch *next = next_of(watch);
    mn_list_remove(&watch->sibling);
    if (next == watch)
        *notify = (struct mn_notify){0};
    else
        notify->context = next;
}

void mn_notify_end(struct mn_notify *notify)
{
    while (mn_notify_is_watched(notify)) {
        struct mnet_watch *watch = notify->context;
        mn_notify_leave(notify, watch);
        mn_list_remove(&watch->link);
        watch->set = NULL;
    }
    MN_DEBUG_ASSERT(!mn_notify_is_watched(notify));
}
