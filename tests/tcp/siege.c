#include "tests/tcp/siege.h"
#include "tcp/check.h"
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

/* Removes segments to others, such as the reset of a connection that had to go, and bare
 * acknowledgements if `bare` is set. */
static void forget_others(struct tcp_test *t, bool bare)
{
    struct tcp_output **at = &t->first;
    while (*at != NULL) {
        struct tcp_output *o = *at;
        if (mnet_endpoint_equal(o->to, t->remote) && (o->len > 0 || !bare)) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        free(o->bytes);
        free(o);
    }
    t->last = at;
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
    forget_others(t, true);
    expect(t, .seq = s->said, .ack = s->heard, .flags = ACK, .data = "pong");
    s->said += 4;
    send_(t, .seq = s->heard, .ack = s->said, .flags = ACK);
    forget_others(t, false);
    expect_nothing(t);
}

#define TURN (22 * MSS)

static uint32_t send_a_turn(struct siege *s)
{
    struct tcp_test *t = &s->t;
    uint32_t through = 0;
    for (uint32_t sent = 0; sent < TURN; sent += MSS) {
        uint8_t text[MSS];
        send_(t, .seq = s->heard, .ack = s->said, .flags = ACK, .len = MSS);
        ptrdiff_t n = mn_tcp_receive(t->tcp, s->friend, text, sizeof text, t->now);
        through += n > 0 ? (uint32_t)n : 0;
        s->heard += n > 0 ? (uint32_t)n : 0;
    }
    return through;
}

static uint32_t be_sent_a_turn(struct siege *s)
{
    static const uint8_t zeros[TURN];
    struct tcp_test *t = &s->t;
    uint32_t through = 0;
    for (int flight = 0; flight < 8 && through < TURN; flight++) {
        mn_tcp_send(t->tcp, s->friend, zeros, TURN - through - s->friend->sendq.len, false, t->now);
        drain(t, NULL);
        uint32_t said = s->friend->snd_nxt - t->iss;
        through += said - s->said;
        s->said = said;
        send_(t, .seq = s->heard, .ack = s->said, .flags = ACK);
    }
    return through;
}

void siege_goodput(struct siege *s)
{
    s->t.tcb = s->friend;
    drain(&s->t, NULL);
    assert_true(2 * send_a_turn(s) >= TURN);
    assert_true(2 * be_sent_a_turn(s) >= TURN);
    drain(&s->t, NULL);
}

void siege_check_memory(struct tcp_test *t)
{
    mn_tcp_check(t->tcp);
    assert_false(mn_memory_is_scarce(t->memory));
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
        const struct mn_tcb *tcb = MN_CONTAINER(at, struct mn_tcb, rare.all);
        l.runs = MN_MAX(l.runs, (unsigned)tcp_runs(tcb));
        l.ranges = MN_MAX(l.ranges, (unsigned)tcb->flight.loss.sent.count);
    }
    return l;
}
