/* Challenge ACKs (RFC 5961 3.2, 4.2, 5.2), and their limit for each connection (7). Half-open
 * records and those in TIME-WAIT keep the same limit: half_open.c, time_wait.c. */
#include "tcp/challenge.h"
#include "tcp/ready.h"
#include "tcp/tcb.h"

MN_RARE void mn_tcb_challenge(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    uint32_t second = (uint32_t)(now / MNET_SECOND);
    if (tcb->rare.challenge_second != second) {
        tcb->rare.challenge_second = second;
        tcb->rare.challenge_count = 0;
    }
    if (tcb->rare.challenge_count >= MN_CHALLENGE_LIMIT) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_CHALLENGE_LIMITED);
        return;
    }
    tcb->rare.challenge_count++;
    mn_tcp_count(tcp, MNET_COUNT_TCP_CHALLENGE_ACK);
    mn_tcb_owe(tcp, tcb, MN_OWED_ACK);
}
