/* The callback of a handle: the program's, or that of its watches (mnet/watch.h). */
#ifndef MN_NOTIFY_H
#define MN_NOTIFY_H

#include <mnet/watch.h>

#include "base/list.h"

struct mn_notify {
    void (*call)(void *context, unsigned ready);
    void *context; /* the program's, or one of the watches */
};

/* Calls it, if there is one. */
static inline void mn_notify_tell(const struct mn_notify *notify, unsigned ready)
{
    if (notify->call != NULL)
        notify->call(notify->context, ready);
}

/* Returns true if the callback is that of watches. */
bool mn_notify_is_watched(const struct mn_notify *notify);
/* Adds a watch. Returns 0, or MNET_E_IN_USE if the callback is the program's. */
int mn_notify_join(struct mn_notify *notify, struct mnet_watch *watch);
void mn_notify_leave(struct mn_notify *notify, struct mnet_watch *watch);
/* The handle is closed: its watches end. */
void mn_notify_end(struct mn_notify *notify);

/* The watch may have something to tell: moves it among those that mnet_wait_any asks. */
void mn_watch_tell(struct mnet_watch *watch, unsigned ready);
/* The callback of watches; `first` is one of them. */
void mn_watches_tell(void *first, unsigned ready);

#endif
