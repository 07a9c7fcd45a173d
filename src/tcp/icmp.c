/* ICMP errors (RFC 9293 3.9.2.2, with the care of RFC 5927) are believed only if they quote a
 * segment that is in flight.
 *
 *              ICMP unreachable (3)            ICMPv6 unreachable (1), and others
 * hard         2 protocol, 3 port              4 port, unknown next header (type 4, code 1)
 * prohibited   9, 10, 13, 14, 15               1 prohibited, 5 policy, 6 reject route
 * soft         0, 1, 5 to 8, 11, 12            0 no route, 2 scope, 3 address
 *              time exceeded, parameter problem, in both
 * too big      4 fragmentation needed          packet too big (type 2)
 *
 * While connecting, a hard error ends the attempt (SHLD-26). A prohibition ends it, too. Its codes
 * are younger than the list of soft ones, and a filter that reports it once will report it again
 * (RFC 5461 4). A next hop of our own that does not answer also ends it. A soft error ends nothing
 * (MUST-56), because the network may be repairing itself. If the time for the attempt runs out, the
 * soft error decides the error code.
 *
 * An established connection takes all of them as notices (RFC 5927 5.2). The last cause is kept,
 * and the user can ask for it.
 */
#include "base/logger.h"
#include "tcp/end.h"
#include "tcp/notices.h"
#include "tcp/plpmtu.h"
#include "tcp/records/half_open.h"
#include "tcp/records/table.h"
#include "tcp/state.h"
#include "tcp/tcb.h"

struct quote {
    struct mnet_endpoint local, remote;
    uint32_t seq;
};

static bool read_quote(const struct mn_icmp_error *error, struct quote *quote)
{
    const uint8_t *q = error->quote;
    if (error->quote_len < 8)
        return false;
    quote->local = (struct mnet_endpoint){error->local, (uint16_t)(q[0] << 8 | q[1])};
    quote->remote = (struct mnet_endpoint){error->remote, (uint16_t)(q[2] << 8 | q[3])};
    quote->seq = (uint32_t)q[4] << 24 | (uint32_t)q[5] << 16 | (uint32_t)q[6] << 8 | q[7];
    return true;
}

static void log_cause(const struct mn_tcp *tcp, const struct mn_tcb *tcb, const struct mn_icmp_error *error,
                      enum mnet_log_level level)
{
    char local[MNET_ENDPOINT_TEXT], remote[MNET_ENDPOINT_TEXT], reporter[MNET_ADDRESS_TEXT];
    if (!mn_log_wanted(tcp->config.log, level))
        return;
    mn_log(tcp->config.log, level, "tcp %s > %s: %s, says %s",
           mnet_endpoint_format(mn_conn_endpoint(&tcb->conn.local), local, sizeof local),
           mnet_endpoint_format(mn_conn_endpoint(&tcb->conn.remote), remote, sizeof remote),
           mnet_unreachable_text((enum mnet_unreachable)tcb->rare.unreachable),
           mnet_address_format(error->reporter, reporter, sizeof reporter));
}

/* Returns whether the error ends an attempt to connect. */
static bool ends_an_attempt(enum mn_unreachable reason)
{
    return reason != MN_UNREACHABLE_NETWORK && reason != MN_UNREACHABLE_HOST;
}

static void note_unreachable(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_icmp_error *error)
{
    bool opening = tcb->state == MN_SYN_SENT || tcb->state == MN_SYN_RECEIVED;
    bool over = opening && ends_an_attempt(error->reason);
    tcb->rare.unreachable = (uint8_t)error->reason;
    log_cause(tcp, tcb, error, over ? MNET_LOG_INFO : MNET_LOG_DEBUG);
    if (over)
        mn_tcb_finish(tcp, tcb, MNET_E_UNREACHABLE);
    else
        mn_tcb_post_notice(tcp, tcb, MNET_NOTICE_UNREACHABLE); /* SHLD-25 */
}

/* Returns whether the error is believed. */
static bool tcb_error(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_icmp_error *error, uint32_t seq,
                      uint64_t now)
{
    if (!mn_seq_within(seq, tcb->snd_una, tcb->snd_nxt - tcb->snd_una + tcb->probe_out))
        return false;
    /* A smaller path MTU makes segments smaller, and retransmits the data in flight (SHLD-6). */
    if (error->reason == MN_UNREACHABLE_TOO_BIG)
        return mn_tcp_synchronized(tcb) && mn_plpmtu_too_big(tcp, tcb, seq, error->mtu, now);
    note_unreachable(tcp, tcb, error);
    return true;
}

bool mn_tcp_icmp(struct mn_tcp *tcp, const struct mn_icmp_error *error, uint64_t now)
{
    struct quote quote;
    if (!read_quote(error, &quote))
        return false;
    uint64_t hash;
    struct mn_conn *conn = mn_table_find(tcp, &quote.local, &quote.remote, &hash);
    if (conn == NULL)
        return false;
    if (conn->kind == MN_CONN_TCB)
        return tcb_error(tcp, MN_CONTAINER(conn, struct mn_tcb, conn), error, quote.seq, now);
    if (conn->kind == MN_CONN_HALF_OPEN && error->reason == MN_UNREACHABLE_NEIGHBOUR)
        mn_half_open_free(tcp, MN_CONTAINER(conn, struct mn_half_open, conn));
    return false;
}
