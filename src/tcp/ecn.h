/* Explicit Congestion Notification (RFC 3168): the path marks packets instead of dropping them. */
#ifndef MN_ECN_H
#define MN_ECN_H

#include "base/base.h"

struct mn_datagram;
struct mn_segment;
struct mn_tcb;
struct mn_tcp;
struct mn_tcp_header;

struct mn_ecn {
    /* SND.NXT when cwnd was last reduced: marks of earlier data have no effect. */
    uint32_t reduced_to;
    uint8_t announced; /* the last of the module's reductions that the peer was told of (CWR) */
    bool asked : 1;    /* our SYN is an ECN-setup SYN */
    bool on : 1;       /* both sides agreed */
    bool marking : 1;  /* our data is sent as ECN-capable */
    bool proven : 1;   /* such data has been acknowledged */
    bool echo : 1;     /* a mark arrived: sends ECE until the peer sends CWR */
};

/* Returns whether these are the flags of an ECN-setup SYN. */
bool mn_ecn_is_setup(uint8_t flags);
bool mn_ecn_is_marked(const struct mn_datagram *datagram);
/* Called when our SYN is about to be sent, and when a SYN,ACK with these flags has answered it. */
void mn_ecn_put_syn(struct mn_tcb *tcb, struct mn_tcp_header *header);
void mn_ecn_learn_syn_ack(struct mn_tcb *tcb, uint8_t flags);
/* Both sides have agreed. */
void mn_ecn_begin(struct mn_tcb *tcb);
/* Returns whether the next new data announces a reduction. It must be a single segment, because
 * only the first may have CWR. */
bool mn_ecn_must_tell(const struct mn_tcb *tcb);
/* If ECN is on: called when new data is about to be sent (returns its codepoint), when an
 * acceptable segment has arrived, and when it acknowledges something, perhaps with ECE. */
uint8_t mn_ecn_put_data(struct mn_tcb *tcb, struct mn_tcp_header *header);
void mn_ecn_received(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
void mn_ecn_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* The retransmission timer expired. */
void mn_ecn_timed_out(struct mn_tcb *tcb);

#endif
