/* State transitions of a connection. */
#include "tcp/state.h"
#include "base/logger.h"
#include "tcp/calm.h"
#include "tcp/ready.h"
#include "tcp/tcb.h"

const char *mn_tcp_state_name(enum mn_tcp_state state)
{
    static const char *const names[] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                        "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                        "CLOSING",     "LAST-ACK",   "TIME-WAIT"};
    return (unsigned)state < MN_COUNT_OF(names) ? names[state] : "?";
}

#define TO(state) (1u << MN_##state)

/* The edges of RFC 9293 figure 5. Every state also leads to CLOSED: by reset, abort or timeout. */
static const uint16_t edges[] = {
    [MN_CLOSED] = TO(SYN_SENT) | TO(ESTABLISHED), /* ESTABLISHED: a half-open record became a tcb */
    [MN_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED),
    [MN_SYN_RECEIVED] = TO(ESTABLISHED),
    [MN_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT),
    [MN_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT),
    [MN_FIN_WAIT_2] = TO(TIME_WAIT),
    [MN_CLOSE_WAIT] = TO(LAST_ACK),
    [MN_CLOSING] = TO(TIME_WAIT),
    [MN_LAST_ACK] = 0,
    [MN_TIME_WAIT] = 0,
};

static MN_RARE void log_change(const struct mn_tcp *tcp, const struct mn_tcb *tcb, enum mn_tcp_state state)
{
    char local[MNET_ENDPOINT_TEXT], remote[MNET_ENDPOINT_TEXT];
    mn_log(tcp->config.log, MNET_LOG_DEBUG, "tcp %s > %s: %s -> %s",
           mnet_endpoint_format(mn_conn_endpoint(&tcb->conn.local), local, sizeof local),
           mnet_endpoint_format(mn_conn_endpoint(&tcb->conn.remote), remote, sizeof remote),
           mn_tcp_state_name(tcb->state), mn_tcp_state_name(state));
}

void mn_tcp_set_state(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_tcp_state state)
{
    MN_ASSERT(state == MN_CLOSED || (edges[tcb->state] & 1u << state) != 0);
    if (MN_UNLIKELY(mn_log_wanted(tcp->config.log, MNET_LOG_DEBUG)))
        log_change(tcp, tcb, state);
    tcb->state = (uint8_t)state;
    mn_tcb_disturb(tcb);
    mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_STATE);
}

bool mn_tcp_synchronized(const struct mn_tcb *tcb)
{
    return tcb->state >= MN_ESTABLISHED;
}
