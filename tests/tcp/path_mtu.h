/* Scripts about path MTUs: a connection that delivers text in segments of some size. */
#ifndef TESTS_TCP_PATH_MTU_H
#define TESTS_TCP_PATH_MTU_H

#include "tests/tcp/harness.h"

/* The peer acknowledges everything before `number`. */
#define acked(t, number) send_(t, .seq = (t)->tcb->rcv_nxt - (t)->irs, .ack = (number), .flags = ACK)

static inline uint32_t sent_to(const struct tcp_test *t)
{
    return t->tcb->snd_nxt - t->iss;
}

static inline const char *search(struct tcp_test *t)
{
    struct mnet_tcp_info info;
    mn_tcp_info(t->tcp, t->tcb, &info);
    return info.path_search;
}

/* The peer acknowledges everything repeatedly, until nothing more is sent. */
static inline void deliver_all(struct tcp_test *t)
{
    drain(t, NULL);
    for (unsigned n = 0; t->tcb->snd_una != t->tcb->snd_nxt; n++) {
        assert_true(n < 1000);
        wait_ms(t, 1);
        acked(t, sent_to(t));
        drain(t, NULL);
    }
}

#endif
