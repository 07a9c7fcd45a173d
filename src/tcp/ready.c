/* A connection has a segment to send, or an event for its user. Both functions only put it on a
 * list. The engine is asked for the segments and events later.
 */
#include "tcp/ready.h"
#include "tcp/tcb.h"

/* One that waits for the user's answer does so no longer. */
MN_APART void mn_tcb_queue_output(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (MN_UNLIKELY(tcb->awaits_user))
        mn_list_remove(&tcb->output);
    tcb->awaits_user = false;
    if (MN_LIKELY(!mn_list_linked(&tcb->output)))
        mn_list_append(&tcp->output, &tcb->output);
}

MN_APART void mn_tcb_owe_after_user(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_owed what)
{
    if (!tcp->user_follows || mn_list_linked(&tcb->output)) {
        mn_tcb_owe(tcp, tcb, what);
        return;
    }
    tcb->owed |= (uint8_t)what;
    tcb->awaits_user = true;
    mn_list_append(&tcp->output_after_user, &tcb->output);
}

void mn_tcp_let_user_follow(struct mn_tcp *tcp, bool follows)
{
    tcp->user_follows = follows;
}

bool mn_tcp_awaits_user(const struct mn_tcp *tcp)
{
    return !mn_list_empty(&tcp->output_after_user);
}

void mn_tcp_user_had_turn(struct mn_tcp *tcp)
{
    for (struct mnet_link *link; (link = mn_list_first(&tcp->output_after_user)) != NULL;)
        mn_tcb_queue_output(tcp, MN_CONTAINER(link, struct mn_tcb, output));
}

MN_APART void mn_tcb_queue_event(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (MN_UNLIKELY(tcb->orphan || tcb->queued) || mn_list_linked(&tcb->event))
        return;
    mn_prefetch(tcb->owner, 2 * MN_CACHE_LINE); /* the user's side of it is read next */
    mn_list_append(&tcp->events, &tcb->event);
}

bool mn_tcp_has_events(const struct mn_tcp *tcp)
{
    return !mn_list_empty(&tcp->events) || !mn_list_empty(&tcp->listener_events) || tcp->ended_untold != NULL;
}

struct mn_tcb *mn_tcp_fetch_event(struct mn_tcp *tcp)
{
    struct mnet_link *link = mn_list_take(&tcp->events);
    return link == NULL ? NULL : MN_CONTAINER(link, struct mn_tcb, event);
}

struct mn_listener *mn_tcp_fetch_listener_event(struct mn_tcp *tcp)
{
    struct mnet_link *link = mn_list_take(&tcp->listener_events);
    return link == NULL ? NULL : MN_CONTAINER(link, struct mn_listener, event);
}
