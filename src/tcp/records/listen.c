/* LISTEN (RFC 9293 3.10.7.2).
 *
 * A SYN costs a record, not a connection. There are at most config.user.half_open_max records, and
 * no new ones while memory is short. A further SYN is answered with a cookie (cookie.h). It
 * replaces the oldest record if cookies are off, or if a cookie cannot guarantee a sequence number
 * above those of a connection in TIME-WAIT. The record sends its SYN,ACK and repeats it at growing
 * intervals (MUST-22). An acceptable ACK turns it into a tcb in ESTABLISHED, queued for accept,
 * with any data or FIN of the segment. No established connection is ever affected (MUST-41).
 */
#include "tcp/records/listen.h"
#include "tcp/ecn.h"
#include "tcp/ready.h"
#include "tcp/records/half_open.h"
#include "tcp/records/reply.h"
#include "tcp/records/table.h"
#include "tcp/tcb.h"
#include "tcp/window.h"

/* Distance from the old connection's last sequence number to the first one of a new connection over
 * the same pair, if its clock has not advanced that far. */
#define ISN_STEP 64000u

static void receive_syn(struct mn_tcp *tcp, struct mn_listener *listener, const struct mn_segment *seg,
                        uint32_t isn_floor)
{
    bool full = tcp->half_opens.in_use >= tcp->config.user.half_open_max;
    bool cookies = isn_floor == 0 && !tcp->config.user.no_syn_cookies;
    struct mn_half_open *half = full && cookies ? NULL : mn_half_open_new(tcp, cookies);
    if (half == NULL && cookies) {
        mn_cookie_answer(tcp, listener, seg);
        return;
    }
    if (half == NULL) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_MEMORY);
        return;
    }
    const struct mn_tcp_header *h = &seg->header;
    half->conn = (struct mn_conn){.local = mn_conn_end(seg->local),
                                  .remote = mn_conn_end(seg->remote),
                                  .kind = MN_CONN_HALF_OPEN,
                                  .ttl = listener->ttl,
                                  .dscp = listener->dscp & 63};
    half->listener = listener;
    half->since_ns = seg->now;
    half->irs = seg->seq;
    struct mn_beginning beginning = mn_tcp_choose_beginning(tcp, &seg->local, &seg->remote, seg->now);
    half->iss = beginning.isn;
    half->timestamp_offset = beginning.timestamp_offset;
    if (isn_floor != 0 && mn_seq_lt(half->iss, isn_floor))
        half->iss = isn_floor + ISN_STEP;
    half->window = seg->header.window;
    half->rcv_wnd = mn_window_initial(tcp, &seg->remote);
    half->mss = h->options & MN_TCP_OPTION_MSS ? h->mss : 0;
    /* RFC 7323 1.3: only in answer to the SYN's. */
    half->conn.options = h->options & listener->offer;
    half->ts_recent = h->ts_value;
    half->ecn = tcp->config.user.ecn != MNET_ECN_OFF && mn_ecn_is_setup(seg->flags);
    half->peer_shift = MN_MIN(h->window_shift, (uint8_t)MN_TCP_WINDOW_SHIFT_MAX);
    half->timer.kind = MN_TIMER_HALF_OPEN;
    half->hash = seg->hash;
    mn_table_add(tcp, &half->conn, half->hash);
    mn_list_append(&tcp->half_open_list, &half->link);
    mn_wheel_arm(&tcp->wheel, &half->timer, seg->now + MN_RTO_INITIAL);
    mn_half_open_announce(tcp, half);
}

/* Returns whether a SYN is from ourselves to ourselves (LAND), or cannot be answered. */
static bool is_nonsense(const struct mn_segment *seg)
{
    return seg->remote.port == 0 || mnet_endpoint_equal(seg->local, seg->remote);
}

struct mn_tcb *mn_listen_input(struct mn_tcp *tcp, struct mn_listener *listener, struct mn_segment *seg,
                               uint32_t isn_floor)
{
    if (mn_cookie_expected(tcp, seg))
        return mn_cookie_accept(tcp, listener, seg);
    /* First, check for a RST; second, for an ACK: it cannot acknowledge anything sent from
     * LISTEN. */
    if (seg->flags & (MN_TCP_RST | MN_TCP_ACK)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_STATE);
        mn_reply_reset(tcp, seg);
        return NULL;
    }
    /* Third, check for a SYN. Its data is not accepted, so the peer sends it again. Its FIN is
     * ignored. */
    if (!(seg->flags & MN_TCP_SYN))
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_STATE);
    else if (is_nonsense(seg))
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ADDRESS);
    else if (!mn_listener_refuse_if_full(tcp, listener))
        receive_syn(tcp, listener, seg, isn_floor);
    else if (listener->policy == MNET_BACKLOG_REFUSE)
        mn_reply_reset(tcp, seg);
    return NULL;
}

/* --- 3.10.7.4 for the record --- */
