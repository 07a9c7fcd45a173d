/* The user timeout, R2 (RFC 9293 3.8.3, MUST-21), and its option (RFC 5482), by which both ends
 * tell how long they wait before they give a connection up.
 *
 * In the terms of RFC 5482 3: ENABLED is a setting of the engine, for both directions. ADV_UTO is
 * our own timeout. CHANGEABLE is true until the user has set one. L_LIMIT is the 100 seconds of RFC
 * 9293 (SHLD-11). U_LIMIT, an hour or our own timeout, prevents that a peer holds a connection for
 * ever.
 */
#include "tcp/user_timeout.h"
#include "tcp/ready.h"
#include "tcp/state.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"

#define L_LIMIT (100 * MNET_SECOND)
#define U_LIMIT (3600 * MNET_SECOND)
#define MINUTES 0x8000u /* the granularity bit (3.3) */
#define VALUE_MAX 0x7fffu

static uint64_t own_timeout(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    return tcb->flight.user_timeout_ns != 0 ? tcb->flight.user_timeout_ns : tcp->config.user.user_timeout_ns;
}

/* In seconds if they fit, otherwise in minutes, rounded up. 0 must not be sent. */
static uint16_t encode(uint64_t ns)
{
    uint64_t seconds = MN_MAX(ns / MNET_SECOND + (ns % MNET_SECOND != 0), (uint64_t)1);
    if (seconds <= VALUE_MAX)
        return (uint16_t)seconds;
    return (uint16_t)(MINUTES | MN_MIN((seconds + 59) / 60, (uint64_t)VALUE_MAX));
}

static uint64_t decode(uint16_t option)
{
    return (option & VALUE_MAX) * (option & MINUTES ? 60 : 1) * MNET_SECOND;
}

void mn_user_timeout_put(const struct mn_tcp *tcp, const struct mn_tcb *tcb, struct mn_tcp_header *header)
{
    if (!tcp->config.user.user_timeout_option)
        return;
    header->options |= MN_TCP_OPTION_USER_TIMEOUT;
    header->user_timeout = encode(own_timeout(tcp, tcb));
}

/* 3.1: USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)); an option of zero is
 * ignored. */
MN_RARE void mn_user_timeout_learn(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint16_t option)
{
    if (!tcp->config.user.user_timeout_option || tcb->user_timeout_set || decode(option) == 0)
        return;
    uint64_t upper = MN_MAX(tcp->config.user.user_timeout_ns, U_LIMIT);
    uint64_t longest = MN_MAX(MN_MAX(tcp->config.user.user_timeout_ns, decode(option)), L_LIMIT);
    tcb->flight.user_timeout_ns = MN_MIN(longest, upper);
}

void mn_tcp_set_user_timeout(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t timeout_ns, uint64_t now)
{
    tcb->flight.user_timeout_ns = timeout_ns;
    tcb->user_timeout_set = timeout_ns != 0;
    mn_timers_rearm(tcp, tcb, now);
    if (tcp->config.user.user_timeout_option && mn_tcp_synchronized(tcb)) {
        mn_tcb_owe(tcp, tcb, MN_OWED_USER_TIMEOUT);
    }
}
