/* TCP_INFO: a connection as Linux describes it. */
#include <assert.h>
#include <string.h>

#include <mnet/tcp_info.h>

#include "socket/socket.h"

static_assert(sizeof(struct mnet_socket_tcp_info) == 232, "as Linux has it");
static_assert(offsetof(struct mnet_socket_tcp_info, pacing_rate) == 104, "as Linux has it");
static_assert(offsetof(struct mnet_socket_tcp_info, bytes_sent) == 200, "as Linux has it");

/* Linux's numbers of states, from 1. A socket leaves its connection to TIME-WAIT, and is closed. */
static uint8_t number_of_state(const char *name)
{
    static const char *const names[] = {"ESTABLISHED", "SYN-SENT",   "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "",
                                        "CLOSED",      "CLOSE-WAIT", "LAST-ACK",     "LISTEN",     "CLOSING"};
    enum {
        CLOSED = 7
    };
    for (size_t i = 0; i < MN_COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0)
            return (uint8_t)(i + 1);
    }
    return CLOSED;
}

/* The number of Linux's state of congestion control. */
static uint8_t number_of_loss(const char *name)
{
    enum {
        OPEN = 0,
        RECOVERY = 3,
        LOSS = 4
    };
    return strcmp(name, "recovery") == 0 ? RECOVERY : strcmp(name, "loss") == 0 ? LOSS : OPEN;
}

static uint32_t microseconds(uint64_t ns)
{
    return (uint32_t)MN_MIN(ns / MNET_MICROSECOND, UINT32_MAX);
}

static uint8_t options_of(const struct mnet_tcp_info *in)
{
    return (uint8_t)((in->timestamps ? 1 : 0) | (in->sack ? 2 : 0) | (in->window_scale ? 4 : 0) | (in->ecn ? 8 : 0));
}

void mnet_socket_describe_flow(const struct mnet_flow *flow, struct mnet_socket_tcp_info *out)
{
    struct mnet_tcp_info in;
    mnet_tcp_info(flow, &in);
    uint32_t mss = MN_MAX(in.snd_mss, 1u);
    *out = (struct mnet_socket_tcp_info){
        .state = number_of_state(in.state),
        .ca_state = number_of_loss(in.loss != NULL ? in.loss : ""),
        .backoff = (uint8_t)MN_MIN(in.backoff, UINT8_MAX),
        .options = options_of(&in),
        .window_shifts = (uint8_t)(in.rcv_wscale << 4 | in.snd_wscale),
        .rto = microseconds(in.rto_ns),
        .snd_mss = in.snd_mss,
        .rcv_mss = in.rcv_mss,
        .unacked = (in.unacked + mss - 1) / mss,
        .sacked = (in.sacked + mss - 1) / mss,
        .lost = (in.lost + mss - 1) / mss,
        .pmtu = in.path_mtu,
        .rtt = microseconds(in.rtt_ns),
        .rttvar = microseconds(in.rttvar_ns),
        .snd_ssthresh = in.ssthresh != UINT32_MAX ? in.ssthresh / mss : INT32_MAX,
        .snd_cwnd = in.cwnd / mss,
        .advmss = in.rcv_mss,
        .rcv_space = in.rcv_wnd,
        .total_retrans = (uint32_t)MN_MIN((in.bytes_retransmitted + mss - 1) / mss, UINT32_MAX),
        .pacing_rate = in.pacing_rate,
        .max_pacing_rate = UINT64_MAX,
        .bytes_acked = in.bytes_acked,
        .bytes_received = in.bytes_received,
        .segs_out = in.segments_sent,
        .segs_in = in.segments_received,
        .notsent_bytes = in.unsent,
        .min_rtt = microseconds(in.min_rtt_ns),
        .bytes_retrans = in.bytes_retransmitted,
        .bytes_sent = in.bytes_acked + in.unacked + in.bytes_retransmitted,
        .reord_seen = in.reordering_seen,
        .snd_wnd = in.snd_wnd,
    };
}

int mn_tcp_info_store(const struct mn_socket *socket, void *value, uint32_t *len)
{
    struct mnet_socket_tcp_info out = {.state = number_of_state("CLOSED")};
    if (socket->flow != NULL)
        mnet_socket_describe_flow(socket->flow, &out);
    else if (socket->phase == MN_PHASE_LISTENING)
        out.state = number_of_state("LISTEN");
    MN_DEBUG_ASSERT(out.state >= 1 && out.state <= 11);
    uint32_t fits = (uint32_t)MN_MIN(*len, sizeof out);
    memcpy(value, &out, fits);
    *len = fits;
    return 0;
}
