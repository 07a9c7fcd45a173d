/* Settings of one connection that may change at any time (mnet/tcp_settings.h). */
#include <string.h>

#include "tcp/autotune.h"
#include "tcp/calm.h"
#include "tcp/ready.h"
#include "tcp/records/idle.h"
#include "tcp/recovery/feedback.h"
#include "tcp/room.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"
#include "tcp/window.h"

/* Returns the limits of the connection, or NULL without memory for them. */
static struct mn_tcb_limits *limits_of(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (tcb->rare.limits == NULL)
        tcb->rare.limits = mn_pool_alloc_zeroed(&tcp->limits, MN_CLAIM_SEND);
    tcb->limited = tcb->rare.limits != NULL;
    mn_tcb_disturb(tcb);
    return tcb->rare.limits;
}

/* A limit of 0 is none, for which a connection without limits needs no memory. */
static bool has_none(const struct mn_tcb *tcb, uint32_t bytes)
{
    return bytes == 0 && tcb->rare.limits == NULL;
}

/* There may be more room, or less, than the user was told of. */
static void look_for_room(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    tcb->send_full = mn_tcb_send_room(tcp, tcb) == 0;
    mn_tcb_queue_event(tcp, tcb);
}

int mn_tcp_set_send_buffer(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes)
{
    if (has_none(tcb, bytes))
        return MNET_OK;
    struct mn_tcb_limits *limits = limits_of(tcp, tcb);
    if (limits == NULL)
        return MNET_E_NO_MEMORY;
    limits->send_buffer = bytes;
    look_for_room(tcp, tcb);
    return MNET_OK;
}

int mn_tcp_set_receive_buffer(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now)
{
    if (has_none(tcb, bytes))
        return MNET_OK;
    struct mn_tcb_limits *limits = limits_of(tcp, tcb);
    if (limits == NULL)
        return MNET_E_NO_MEMORY;
    limits->receive_buffer = bytes;
    if (bytes != 0)
        tcb->rcv_target = mn_window_largest(tcp, tcb);
    mn_window_consumed(tcp, tcb, 0, now);
    return MNET_OK;
}

struct mn_tcp_buffers mn_tcp_get_buffers(const struct mn_tcp *tcp, const struct mn_tcp_owner *owner)
{
    struct mn_tcb space;
    const struct mn_tcb *tcb = mn_idle_look(tcp, owner, &space);
    return (struct mn_tcp_buffers){mn_tcb_send_limit(tcp, tcb), tcb->rcv_target};
}

int mn_tcp_set_unsent_low_water(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes)
{
    if (has_none(tcb, bytes))
        return MNET_OK;
    struct mn_tcb_limits *limits = limits_of(tcp, tcb);
    if (limits == NULL)
        return MNET_E_NO_MEMORY;
    limits->unsent = bytes;
    look_for_room(tcp, tcb);
    return MNET_OK;
}

void mn_tcp_set_no_delayed_ack(struct mn_tcp *tcp, struct mn_tcb *tcb, bool no_delayed_ack)
{
    tcb->no_delayed_ack = no_delayed_ack;
    if (no_delayed_ack && mn_tcb_is_due(tcb, MN_DUE_DELAYED_ACK))
        mn_tcb_owe(tcp, tcb, MN_OWED_ACK);
}

void mn_tcp_set_cork(struct mn_tcp *tcp, struct mn_tcb *tcb, bool corked)
{
    tcb->corked = corked;
    mn_tcb_disturb(tcb);
    if (!corked)
        mn_tcb_queue_output(tcp, tcb);
}

void mn_tcp_set_no_pacing(struct mn_tcp *tcp, struct mn_tcb *tcb, bool no_pacing)
{
    tcb->no_pacing = no_pacing;
    if (!no_pacing || !mn_tcb_is_due(tcb, MN_DUE_PACING))
        return;
    mn_tcb_set_due(tcp, tcb, MN_DUE_PACING, MNET_NEVER);
    mn_tcb_queue_output(tcp, tcb);
}

/* The window goes on as it is. The module begins without a past, as after the handshake. */
void mn_tcp_set_congestion(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_congestion which)
{
    mn_tcb_disturb(tcb);
    struct mn_congestion *c = &tcb->flight.congestion;
    const struct mn_congestion_ops *ops = mn_congestion_of(
        which != MNET_CONGESTION_DEFAULT ? which : tcp->config.user.congestion);
    if (ops == c->ops)
        return;
    mn_feedback_release(tcp, tcb);
    mn_congestion_change(c, ops);
}

int mn_tcp_set_ecn(struct mn_tcb *tcb, bool on)
{
    if (on && !tcb->ecn.on)
        return MNET_E_INVALID;
    tcb->ecn.marking = on;
    if (!on && tcb->state == MN_SYN_SENT)
        tcb->ecn.asked = false;
    return MNET_OK;
}
