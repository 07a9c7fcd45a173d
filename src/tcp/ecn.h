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
    uint32_t reduced_to; /* SND.NXT when cwnd was last reduced: marks of what was sent before are old news */
    uint8_t announced;   /* of the reductions that the module counts: the last one that the peer was told of (CWR) */
    bool asked : 1;      /* our SYN is an ECN-setup SYN */
    bool on : 1;         /* both sides agreed */
    bool marking : 1;    /* our data goes out as ECN-capable */
    bool proven : 1;     /* such data has been acknowledged */
    bool echo : 1;       /* a mark arrived: ECE until the peer says CWR */
};

/* Whether these are the flags of an ECN-setup SYN. */
bool mn_ecn_is_setup(uint8_t flags);
bool mn_ecn_is_marked(const struct mn_datagram *datagram);
/* A SYN of ours is about to go out; a SYN,ACK with these flags has answered it. */
void mn_ecn_put_syn(struct mn_tcb *tcb, struct mn_tcp_header *header);
void mn_ecn_learn_syn_ack(struct mn_tcb *tcb, uint8_t flags);
/* Both sides have agreed. */
void mn_ecn_begin(struct mn_tcb *tcb);
/* The next new data tells of a reduction: it must be a single segment, for only the first may say so. */
bool mn_ecn_must_tell(const struct mn_tcb *tcb);
/* Where ECN is on: new data is about to go out, with the codepoint that is returned; an acceptable segment has arrived; it acknowledges something, perhaps
 * with an echo. */
uint8_t mn_ecn_put_data(struct mn_tcb *tcb, struct mn_tcp_header *header);
void mn_ecn_received(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
void mn_ecn_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* The retransmission timer expired. */
void mn_ecn_timed_out(struct mn_tcb *tcb);

#endif
