#include "tests/tcp/siege.h"
#include "tests/support/tcp_check.h"

bool siege_connect(struct tcp_test *t, struct mnet_endpoint peer, int window, int mss, bool sack, uint32_t *iss)
{
    drain(t, NULL);
    send_(t, .seq = 0, .flags = SYN, .from = peer, .window = window, .mss = mss, .permit = sack);
    const struct tcp_output *o = peek_output(t);
    if (o == NULL || o->header.flags != (SYN | ACK))
        return false;
    *iss = o->header.seq - t->iss;
    drain(t, NULL);
    send_(t, .seq = 1, .ack = *iss + 1, .flags = ACK, .from = peer, .window = window);
    return mn_tcp_acceptable(t->listener);
}

void siege_serve_one(struct tcp_test *t, uint16_t port)
{
    struct mnet_endpoint peer = endpoint(10, 1, 1, 1, port);
    uint32_t iss;
    assert_true(siege_connect(t, peer, 65535, 1460, false, &iss));
    accept_(t);
    send_(t, .seq = 1, .ack = iss + 1, .flags = ACK, .data = "GET", .from = peer);
    read_text(t, "GET");
    write_text(t, "200 OK");
    uint32_t bytes;
    drain(t, &bytes);
    assert_int_equal(bytes, 6);
    send_(t, .seq = 4, .ack = iss + 7, .flags = ACK | FIN, .from = peer);
    close_(t);
    drain(t, NULL);
    send_(t, .seq = 5, .ack = iss + 8, .flags = ACK, .from = peer);
}

void siege_exchange(struct siege *s)
{
    struct tcp_test *t = &s->t;
    t->tcb = s->friend;
    drain(t, NULL);
    send_(t, .seq = s->heard, .ack = s->said, .flags = ACK, .data = "ping");
    read_text(t, "ping");
    s->heard += 4;
    write_text(t, "pong");
    expect(t, .seq = s->said, .ack = s->heard, .flags = ACK, .data = "pong");
    s->said += 4;
    send_(t, .seq = s->heard, .ack = s->said, .flags = ACK);
    expect_nothing(t);
}

static unsigned chain(const struct mn_conn *conn)
{
    unsigned length = 0;
    for (; conn != NULL; conn = conn->hash_next)
        length++;
    return length;
}

struct siege_lengths siege_lengths(struct tcp_test *t)
{
    struct siege_lengths l = {.replies = t->tcp->reply_count,
                              .half_open = (unsigned)t->tcp->half_opens.in_use,
                              .listeners = (unsigned)t->tcp->listener_pool.in_use};
    for (uint32_t i = 0; i <= t->tcp->bucket_mask; i++) {
        unsigned length = chain(t->tcp->buckets[i]);
        l.bucket = MN_MAX(l.bucket, length);
    }
    struct mnet_link *head = &t->tcp->tcb_list;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        const struct mn_tcb *tcb = MN_CONTAINER(at, struct mn_tcb, all);
        l.runs = MN_MAX(l.runs, (unsigned)tcp_runs(tcb));
        l.ranges = MN_MAX(l.ranges, (unsigned)tcb->loss.sent.count);
    }
    return l;
}
