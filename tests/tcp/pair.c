#include "tests/tcp/pair.h"

#include "support/tcp_check.h"

#define STEPS_MAX 20000000u

void pair_setup(struct tcp_pair *pair, struct tcp_setup setup, uint64_t delay_ns, tcp_filter *filter)
{
    *pair = (struct tcp_pair){.delay_ns = delay_ns, .filter = filter};
    for (int i = 0; i < 2; i++) {
        setup.t = &pair->side[i];
        setup.seed = (uint8_t)(i + 1);
        setup.has_iss &= i == 0; /* only side 0 waits for its ISS, and its clock counts */
        tcp_setup(setup);
        pair->side[i].hold_output = true; /* the wire pulls the output */
    }
    pair->side[1].local = endpoint(10, 0, 0, 1, REMOTE_PORT);
    pair->side[1].remote = endpoint(10, 0, 0, 2, LOCAL_PORT);
    pair->now = pair->side[0].now;
}

void pair_end(struct tcp_pair *pair)
{
    for (int i = 0; i < 2; i++) {
        for (struct tcp_wire_segment *s = pair->wire[i], *next; s != NULL; s = next) {
            next = s->next;
            free(s);
        }
        tcp_end(&pair->side[i]);
    }
}

static void put_on_wire(struct tcp_pair *pair, int side, const struct tcp_output *o, uint64_t delay)
{
    struct tcp_wire_segment *s = malloc(sizeof *s + o->total);
    *s = (struct tcp_wire_segment){
        .arrives = pair->now + delay, .from = o->datagram.source, .to = o->datagram.destination, .len = o->total};
    memcpy(s->bytes, o->bytes, o->total);
    struct tcp_wire_segment **at = &pair->wire[side];
    while (*at != NULL && (*at)->arrives <= s->arrives)
        at = &(*at)->next;
    s->next = *at;
    *at = s;
}

/* Passes all output that a side has now through the filter. */
static bool collect(struct tcp_pair *pair, int side)
{
    struct tcp_test *t = &pair->side[side];
    bool any = false;
    t->hold_output = false;
    pump(t);
    t->hold_output = true;
    while (t->first != NULL) {
        struct tcp_output *o = t->first;
        t->first = o->next;
        uint64_t delay = pair->delay_ns;
        int fate = WIRE_PASS;
        if (pair->filter != NULL)
            fate = pair->filter(pair, side, pair->sent[side], &o->header, o->len, &delay);
        tcp_digest_segment(&o->datagram, o->gso_size, o->bytes, o->total, pair->now);
        pair->sent[side]++;
        pair->sent_bytes[side] += o->len;
        if (fate & WIRE_DAMAGE)
            o->bytes[o->total - 1] ^= 0x55;
        if (!(fate & WIRE_DROP))
            put_on_wire(pair, side, o, delay);
        if (fate & WIRE_TWICE)
            put_on_wire(pair, side, o, delay);
        free(o->bytes);
        free(o);
        any = true;
    }
    t->last = &t->first;
    return any;
}

static void deliver(struct tcp_pair *pair, int to)
{
    struct tcp_wire_segment *s;
    while ((s = pair->wire[!to]) != NULL && s->arrives <= pair->now) {
        struct tcp_test *t = &pair->side[to];
        pair->wire[!to] = s->next;
        struct mnet_endpoint remote = t->remote, local = t->local;
        t->remote.address = s->from;
        t->local.address = s->to;
        send_raw(t, s->bytes, s->len, MNET_CHECKSUM_PLAIN, false);
        t->remote = remote;
        t->local = local;
        free(s);
    }
}

static uint64_t next_time(const struct tcp_pair *pair)
{
    uint64_t next = MNET_NEVER;
    for (int i = 0; i < 2; i++) {
        next = MN_MIN(next, mn_tcp_deadline(pair->side[i].tcp));
        /* The engine was just asked, and found no memory. */
        if (mn_tcp_wants_output(pair->side[i].tcp))
            next = MN_MIN(next, pair->now + RETRY_NS);
        if (pair->wire[i] != NULL)
            next = MN_MIN(next, pair->wire[i]->arrives);
    }
    return next;
}

/* Does everything that is due now, and then advances the time to the next event, but not beyond
 * `until`. Returns false at the end. */
static bool step(struct tcp_pair *pair, uint64_t until)
{
    for (int i = 0; i < 2; i++) {
        pair->side[i].now = pair->now;
        mn_tcp_expire(pair->side[i].tcp, pair->now);
        deliver(pair, i);
    }
    bool any = collect(pair, 0);
    any |= collect(pair, 1);
    if (any && pair->delay_ns == 0)
        return true;
    uint64_t next = next_time(pair);
    if (pair->now >= until)
        return false;
    pair->now = MN_MIN(MN_MAX(next, pair->now + 1000), until);
    return true;
}

void pair_run(struct tcp_pair *pair, uint64_t ns)
{
    uint64_t until = pair->now + ns;
    unsigned steps = 0;
    while (step(pair, until))
        assert_true(++steps < STEPS_MAX);
}

static void write_some(struct tcp_pair *pair, int side, uint32_t bytes)
{
    struct tcp_test *t = &pair->side[side];
    uint8_t chunk[4096];
    while (pair->written[side] < bytes) {
        uint32_t len = MN_MIN(bytes - pair->written[side], (uint32_t)sizeof chunk);
        for (uint32_t i = 0; i < len; i++)
            chunk[i] = pattern(pair->written[side] + i);
        ptrdiff_t taken = mn_tcp_send(t->tcp, t->tcb, chunk, len, false, pair->now);
        if (taken <= 0)
            break;
        pair->written[side] += (uint32_t)taken;
    }
}

static void read_some(struct tcp_pair *pair, int side)
{
    struct tcp_test *t = &pair->side[side];
    uint8_t chunk[4096];
    ptrdiff_t got;
    while ((got = mn_tcp_receive(t->tcp, t->tcb, chunk, sizeof chunk, pair->now)) > 0) {
        for (ptrdiff_t i = 0; i < got; i++)
            assert_int_equal(chunk[i], pattern(pair->read[side]++));
    }
}

bool pair_transfer(struct tcp_pair *pair, int from, uint32_t bytes, uint64_t ns)
{
    uint64_t until = pair->now + ns;
    uint32_t goal = pair->written[from] + bytes;
    unsigned steps = 0;
    do {
        assert_true(++steps < STEPS_MAX);
        write_some(pair, from, goal);
        read_some(pair, !from);
        if (pair->read[!from] == goal)
            return true;
        uint64_t next = pair->written[from] < goal ? MN_MIN(pair->now + RETRY_NS, until) : until;
        step(pair, next);
    } while (pair->now < until);
    return false;
}

void pair_connect(struct tcp_pair *pair, struct tcp_setup setup, uint64_t delay_ns, tcp_filter *filter)
{
    pair_setup(pair, setup, delay_ns, filter);
    struct mnet_listen_options options = {0};
    struct tcp_test *server = &pair->side[1];
    assert_int_equal(mn_tcp_listen(server->tcp, server->local, &options, &server->listener), 0);
    open_active(&pair->side[0]);
    for (int i = 0; i < 200 && server->tcb == NULL; i++) {
        pair_run(pair, MNET_SECOND);
        server->tcb = mn_tcp_accept(server->listener);
    }
    assert_non_null(server->tcb);
    assert_int_equal(mn_tcp_status(pair->side[0].tcb), 0);
}
