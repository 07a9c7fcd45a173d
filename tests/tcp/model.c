/* Random schedules for the TCP engine: the seed decides the calls of the users, the fate of
 * segments on the wire, and the time.
 *
 *     model [--ipv6] [--digest] [FIRST [COUNT]]
 *
 * It plays the seeds FIRST to FIRST + COUNT - 1, by default 1 and 1000, over IPv4 or IPv6. With
 * --digest it prints a digest of all segments that the engines send. The digest changes only
 * if behaviour changes.
 *
 * Each seed is used twice. The first use has an adversary: a script of random bytes for
 * fuzz/fuzz_tcp_engine.c, which plays any peers against one engine. The second opens a connection
 * between two engines over a bad wire. Both users write, read, lend, shut down, close and abort as
 * the seed says. After each step every invariant of tcp/check.h holds on both sides, the right edge
 * of a window has not moved left, and the bytes read are the beginning of the bytes written. Now
 * and then a side is short of memory, and a quarter of the seeds have 1 or 2 MiB in all.
 *
 * The second use of every other seed is played twice, the first time without the short ways of calm
 * connections (tcp/calm.c), and without the records of connections at rest (tcp/records/idle.c).
 * Both times the same segments must be sent. Half of these schedules have long pauses, and all the
 * memory that they need.
 *
 * At the end the wire is healed. For a while at least one side reads, and both go on writing. Data
 * on its way to a side that reads must not stand still for longer than the time left on its
 * sender's timer, and a round trip. This must not depend on whether the other side reads. Then all
 * bytes written must have been read, unless somebody aborted or gave up, and both engines must be
 * as empty as they began. A seed that fails prints how to repeat it.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "support/tcp_check.h"
#include "tcp/check.h"
#include "tcp/records/idle.h"
#include "tcp/state.h"
#include "tcp/timers.h"
#include "tests/tcp/pair.h"

#define HEAL_NS (1200 * MNET_SECOND)
#define STREAM_MAX 4000000u
/* Interval between the reads of a user, after the wire is healed. */
#define TURN_NS (20 * MNET_MILLISECOND)
#define TURNS 400
/* One seed in so many is played in both ways, and one in so many has pauses. */
#define COMPARED 2
#define SLEEPY 4
#define PAUSE_MAX (40 * MNET_SECOND)

/* A user, and the facts that allow a connection to end early. */
struct user {
    bool open;      /* owns the connection */
    bool wrote_all; /* its FIN is queued */
    bool ended;     /* has read the end of the stream, or an error */
    struct mn_tcp_owner end;
    uint32_t edge; /* right edge of the last window that it offered */
    bool edge_known;
};

struct model {
    struct tcp_pair pair;
    struct user user[2];
    uint64_t random;
    unsigned loss, twice, damage, late; /* in 1024 */
    uint64_t late_ns;
    bool healed;
    bool sleepy;  /* there are long pauses */
    bool spoiled; /* by an abort, a close with unread data, or a timeout: bytes may be lost */
};

static struct model model;
static unsigned long seed;
static bool passed = true;

static uint64_t next_random(struct model *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static uint32_t below(struct model *m, uint32_t limit)
{
    return (uint32_t)(next_random(m) % limit);
}

static bool chance(struct model *m, unsigned in_1024)
{
    return below(m, 1024) < in_1024;
}

/* ---- the wire ---- */

static int wire(struct tcp_pair *pair, int side, unsigned index, const struct mn_tcp_header *header, uint32_t len,
                uint64_t *delay_ns)
{
    struct model *m = MN_CONTAINER(pair, struct model, pair);
    (void)side, (void)index, (void)header, (void)len;
    if (m->healed)
        return WIRE_PASS;
    int fate = WIRE_PASS;
    if (chance(m, m->loss))
        fate |= WIRE_DROP;
    if (chance(m, m->twice))
        fate |= WIRE_TWICE;
    if (chance(m, m->damage))
        fate |= WIRE_DAMAGE;
    if (chance(m, m->late))
        *delay_ns += next_random(m) % m->late_ns;
    return fate;
}

/* ---- the users ---- */

static struct tcp_test *host(struct model *m, int side)
{
    return &m->pair.side[side];
}

/* Returns the tcb of a side, for a call that needs one, or NULL if there is no memory for it. */
static struct mn_tcb *wake(struct model *m, int side)
{
    struct mn_tcp_owner *end = &m->user[side].end;
    return end->tcb != NULL ? end->tcb : mn_tcp_wake(host(m, side)->tcp, end, m->pair.now);
}

/* Returns the tcb of a side to look at: a copy, while it is a record. */
static const struct mn_tcb *look_at(struct model *m, int side)
{
    static struct mn_tcb space[2];
    return mn_idle_look(host(m, side)->tcp, &m->user[side].end, &space[side]);
}

/* The stream of each side is the pattern. A user does not write after its own FIN or reset. */
static void do_write(struct model *m, int side, uint32_t len)
{
    struct tcp_test *t = host(m, side);
    static uint8_t chunk[20000];
    uint32_t written = m->pair.written[side];
    len = MN_MIN(MN_MIN(len, (uint32_t)sizeof chunk), STREAM_MAX - written);
    for (uint32_t i = 0; i < len; i++)
        chunk[i] = pattern(written + i);
    struct mn_tcb *tcb = wake(m, side);
    ptrdiff_t taken = tcb == NULL ? 0 : mn_tcp_send(t->tcp, tcb, chunk, len, false, m->pair.now);
    if (taken > 0)
        m->pair.written[side] += (uint32_t)taken;
    MN_ASSERT(taken <= (ptrdiff_t)len);
}

static void take(struct model *m, int side, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        MN_ASSERT(bytes[i] == pattern(m->pair.read[side]++));
    /* Nothing arrives that was not written. */
    MN_ASSERT(m->pair.read[side] <= m->pair.written[!side]);
}

static void note_end(struct model *m, int side, ptrdiff_t result)
{
    if (result == MNET_E_DEADLINE || result > 0)
        return;
    m->user[side].ended = true;
    m->spoiled |= result != 0;
    /* The end of the stream comes after all bytes written. */
    MN_ASSERT(result != 0 || (m->user[!side].wrote_all && m->pair.read[side] == m->pair.written[!side]));
}

static void do_read(struct model *m, int side, uint32_t len)
{
    struct tcp_test *t = host(m, side);
    static uint8_t chunk[20000];
    struct mn_tcb *tcb = m->user[side].end.tcb;
    if (tcb == NULL)
        return; /* at rest */
    ptrdiff_t got = mn_tcp_receive(t->tcp, tcb, chunk, 1 + len % sizeof chunk, m->pair.now);
    if (got > 0)
        take(m, side, chunk, (size_t)got);
    note_end(m, side, got);
}

static void do_lend(struct model *m, int side)
{
    struct tcp_test *t = host(m, side);
    struct mnet_slice slices[4];
    struct mn_tcb *tcb = m->user[side].end.tcb;
    if (tcb == NULL)
        return;
    ptrdiff_t count = mn_tcp_lend(t->tcp, tcb, slices, 4);
    for (ptrdiff_t i = 0; i < count; i++)
        take(m, side, slices[i].data, slices[i].len);
    note_end(m, side, count);
    mn_tcp_return(t->tcp, tcb, m->pair.now);
}

static void do_shutdown(struct model *m, int side)
{
    struct tcp_test *t = host(m, side);
    struct mn_tcb *tcb = wake(m, side);
    if (tcb == NULL)
        return;
    mn_tcp_shutdown(t->tcp, tcb, MNET_SHUTDOWN_WRITE, m->pair.now);
    m->user[side].wrote_all = true;
}

static void leave(struct model *m, int side, bool abort)
{
    struct tcp_test *t = host(m, side);
    struct user *user = &m->user[side];
    /* A user that closes before the other has ended its stream cuts it off (SHLD-3). */
    m->spoiled |= abort || !user->ended;
    struct mn_tcb *tcb = abort ? user->end.tcb : wake(m, side);
    if (tcb == NULL) {
        mn_tcp_abort_idle(t->tcp, &user->end, m->pair.now);
    } else {
        mn_tcp_disown(tcb);
        if (abort)
            mn_tcp_abort(t->tcp, tcb, m->pair.now);
        else
            mn_tcp_close(t->tcp, tcb, m->pair.now);
    }
    user->open = false;
    user->wrote_all = true;
    user->edge_known = false;
}

static void set_something(struct model *m, int side)
{
    struct tcp_test *t = host(m, side);
    struct mn_tcb *tcb = wake(m, side);
    const struct mnet_keepalive keepalive = {MNET_SECOND + below(m, 100) * MNET_SECOND, MNET_SECOND, 8};
    if (tcb == NULL)
        return;
    switch (below(m, 4)) {
    case 0: mn_tcp_set_no_delay(t->tcp, tcb, chance(m, 512)); break;
    case 1: /* a connection at rest does not know when it last heard of its peer */
        if (!m->sleepy)
            mn_tcp_set_keepalive(t->tcp, tcb, chance(m, 512) ? &keepalive : NULL);
        break;
    case 2:
        if (!m->user[side].wrote_all)
            mn_tcp_send_urgent(t->tcp, tcb);
        break;
    default: mn_tcp_notices(tcb);
    }
}

static void act(struct model *m, int side)
{
    struct user *user = &m->user[side];
    unsigned what = below(m, 1000);
    if (!user->open)
        return;
    if (what < 380)
        do_write(m, side, chance(m, 300) ? below(m, 20000) : 1 + below(m, 800));
    else if (what < 800)
        do_read(m, side, chance(m, 500) ? 20000 : below(m, 1000));
    else if (what < 900)
        do_lend(m, side);
    else if (what < 960)
        set_something(m, side);
    else if (what < 975 && !m->sleepy)
        famine(host(m, side), below(m, 10), 1 + below(m, 10));
    else if (what < 985)
        do_shutdown(m, side);
    else if (what < 993)
        leave(m, side, false);
    else if (what < 996)
        leave(m, side, true);
}

/* ---- invariants ---- */

/* SHLD-14. */
static void check_edge(struct model *m, int side)
{
    struct user *user = &m->user[side];
    if (!user->open)
        return;
    const struct mn_tcb *tcb = look_at(m, side);
    if (!mn_tcp_synchronized(tcb) || tcb->state == MN_TIME_WAIT)
        return;
    MN_ASSERT(!user->edge_known || mn_seq_geq(tcb->rcv_adv, user->edge));
    user->edge = tcb->rcv_adv;
    user->edge_known = true;
}

static void check(struct model *m)
{
    for (int side = 0; side < 2; side++) {
        mn_tcp_check(host(m, side)->tcp);
        check_edge(m, side);
        while (mn_tcp_fetch_event(host(m, side)->tcp) != NULL)
            ;
    }
}

static void go_on(struct model *m, uint64_t ns)
{
    pair_run(&m->pair, ns);
    check(m);
}

/* ---- a run ---- */

static void choose_wire(struct model *m)
{
    bool good = chance(m, 300);
    m->loss = good ? 0 : below(m, 200);
    m->twice = good ? 0 : below(m, 60);
    m->damage = good ? 0 : below(m, 40);
    m->late = good ? 0 : below(m, 300);
    m->late_ns = 1 + next_random(m) % (200 * MNET_MILLISECOND);
}

static struct tcp_setup choose_setup(struct model *m)
{
    const uint16_t mtus[] = {family_mtu_min(tcp_family()), 1500, 9000};
    static const enum mnet_congestion congestion[] = {MNET_CONGESTION_RENO, MNET_CONGESTION_CUBIC};
    struct tcp_setup setup = TCP_SETUP(NULL);
    setup.mtu = mtus[below(m, 3)];
    setup.gso_max = chance(m, 512) ? 65535 : 0;
    setup.send_buffer = chance(m, 512) ? 1u << 20 : 3000 + below(m, 20000);
    setup.receive_buffer = chance(m, 512) ? 1u << 20 : 3000 + below(m, 60000);
    setup.no_delay = chance(m, 300);
    setup.congestion = congestion[below(m, 2)];
    setup.offer = (uint8_t)((chance(m, 700) ? MN_TCP_OPTION_WINDOW_SCALE : 0) |
                            (chance(m, 700) ? MN_TCP_OPTION_TIMESTAMPS : 0) |
                            (chance(m, 700) ? MN_TCP_OPTION_SACK_PERMITTED : 0));
    setup.user_timeout_option = chance(m, 200);
    if (chance(m, 250) && !m->sleepy) /* so little that the two buffers alone could use it up */
        setup.memory = (1 + below(m, 2)) << 20;
    return setup;
}

/* ---- liveness ---- */

/* Progress of one direction, from `side` to a peer that reads. */
struct watch {
    uint32_t read, una; /* the bytes read, and SND.UNA, at time `since` */
    uint64_t since;     /* the time of the last progress */
    uint64_t timer_ns;  /* the time left on the sender's timer then */
};

static void look(struct model *m, int side, struct watch *watch)
{
    const struct mn_tcb *tcb = look_at(m, side);
    uint64_t now = m->pair.now, timer = mn_rtt_timeout(&tcb->flight.rtt);
    if (mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT) && tcb->flight.retransmit_due_ns > now + timer)
        timer = tcb->flight.retransmit_due_ns - now;
    watch->read = m->pair.read[!side];
    watch->una = tcb->snd_una;
    watch->since = now;
    watch->timer_ns = timer;
}

/* Returns the latest time by which more must be read or acknowledged. Anything lost before the wire
 * was healed is repaired by the sender's timer, or by the tail loss probe before it, a round trip
 * later. The timer may have been backed off. The acknowledgement of the last bytes read may be
 * delayed, and restarts the timer with a new sample of the round trip. Then comes the reader's next
 * turn. */
static uint64_t latest(struct model *m, int side, const struct watch *watch)
{
    uint64_t timer = MN_MAX(watch->timer_ns, look_at(m, side)->flight.rtt.rto_ns);
    return watch->since + timer + 4 * m->pair.delay_ns + MN_DELAYED_ACK + TURN_NS;
}

/* Returns whether data that the peer will read is on its way. Otherwise there is nothing to
 * watch. */
static bool under_way(struct model *m, int side)
{
    const struct user *user = &m->user[side], *peer = &m->user[!side];
    return user->open && look_at(m, side)->state != MN_CLOSED && peer->open && !peer->ended &&
           m->pair.read[!side] < m->pair.written[side];
}

static void check_progress(struct model *m, unsigned readers, struct watch watch[2])
{
    for (int side = 0; side < 2; side++) {
        bool watched = under_way(m, side) && readers & 1u << !side;
        if (watched && m->pair.read[!side] == watch[side].read && look_at(m, side)->snd_una == watch[side].una)
            MN_ASSERT(m->pair.now <= latest(m, side, &watch[side]));
        else if (m->user[side].open)
            look(m, side, &watch[side]);
    }
}

static void go_on_with(struct model *m, unsigned readers, struct watch watch[2])
{
    for (int side = 0; side < 2; side++) {
        struct user *user = &m->user[side];
        if (user->open && !user->wrote_all)
            do_write(m, side, 20000);
        for (int i = 0; i < 100 && readers & 1u << side && user->open && !user->ended; i++)
            do_read(m, side, 20000 - 1);
    }
    check_progress(m, readers, watch);
    go_on(m, TURN_NS);
}

/* One side reads, or the other, or both. */
static void flow(struct model *m)
{
    unsigned readers = 1 + below(m, 3);
    struct watch watch[2] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
    m->healed = true;
    famine(host(m, 0), 0, 0);
    for (int side = 0; side < 2; side++) {
        if (m->user[side].open) {
            struct mn_tcb *tcb = wake(m, side);
            if (tcb != NULL)
                mn_tcp_set_keepalive(host(m, side)->tcp, tcb, NULL);
            look(m, side, &watch[side]);
        }
    }
    for (int turn = 0; turn < TURNS; turn++)
        go_on_with(m, readers, watch);
}

/* Both users read to the end of the stream, and close. */
static void finish(struct model *m)
{
    for (int side = 0; side < 2; side++) {
        if (m->user[side].open)
            do_shutdown(m, side);
    }
    uint64_t until = m->pair.now + HEAL_NS;
    bool busy = true;
    while (busy && m->pair.now < until) {
        busy = false;
        for (int side = 0; side < 2; side++) {
            struct user *user = &m->user[side];
            for (int i = 0; i < 100 && user->open && !user->ended; i++)
                do_read(m, side, 20000 - 1);
            busy |= user->open && !user->ended;
        }
        go_on(m, 50 * MNET_MILLISECOND);
    }
    MN_ASSERT(!busy || m->spoiled); /* a user that missed the reset of a peer waits for ever */
    for (int side = 0; side < 2; side++) {
        MN_ASSERT(m->spoiled || m->pair.read[side] == m->pair.written[!side]);
        if (m->user[side].open)
            leave(m, side, !m->user[side].ended);
    }
    go_on(m, HEAL_NS);
    for (int side = 0; side < 2; side++) {
        struct mn_tcp_usage usage = mn_tcp_usage(host(m, side)->tcp);
        MN_ASSERT(usage.tcbs == 0 && usage.idle == 0 && usage.established == 0 && usage.half_open == 0 &&
                  usage.time_wait == 0);
        MN_ASSERT(mn_tcp_deadline(host(m, side)->tcp) == MNET_NEVER);
    }
}

/* fuzz/fuzz_tcp_engine.c */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void play_against_an_adversary(void)
{
    static uint8_t script[3000];
    struct model *m = &model;
    *m = (struct model){.random = seed * UINT64_C(0xd1342543de82ef95) + 1};
    for (int i = 0; i < 8; i++)
        next_random(m);
    uint32_t len = 100 + below(m, sizeof script - 100);
    for (uint32_t i = 0; i < len; i++)
        script[i] = (uint8_t)next_random(m);
    script[0] = (uint8_t)((script[0] & 0x7f) | (tcp_family() == IPV6 ? 0x80 : 0));
    LLVMFuzzerTestOneInput(script, len);
}

static void play_each_other(void)
{
    struct model *m = &model;
    *m = (struct model){.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .sleepy = seed % SLEEPY == 0};
    for (int i = 0; i < 8; i++)
        next_random(m);
    struct tcp_setup setup = choose_setup(m);
    uint64_t delay = 1000 + next_random(m) % (chance(m, 512) ? MNET_MILLISECOND : 100 * MNET_MILLISECOND);
    pair_connect(&m->pair, setup, delay, wire);
    choose_wire(m);
    for (int side = 0; side < 2; side++) {
        struct tcp_test *t = host(m, side);
        m->user[side] = (struct user){.open = true};
        mn_tcp_own(t->tcp, t->tcb, &m->user[side].end, m->pair.now);
        t->tcb = NULL;
    }
    unsigned steps = 20 + below(m, 150);
    for (unsigned step = 0; step < steps; step++) {
        act(m, (int)below(m, 2));
        go_on(m, chance(m, 100) ? next_random(m) % (3 * MNET_SECOND) : next_random(m) % (20 * MNET_MILLISECOND));
        if (m->sleepy && chance(m, 100))
            go_on(m, next_random(m) % PAUSE_MAX);
        if (chance(m, 30))
            choose_wire(m);
    }
    flow(m);
    finish(m);
    mn_tcp_unlisten(host(m, 1)->tcp, host(m, 1)->listener, m->pair.now);
    pair_end(&m->pair);
}

/* Neither the short ways of calm connections nor records change the segments or their times. */
static void play_both_ways(void)
{
    uint64_t before = tcp_digest();
    tcp_set_short_ways(false);
    tcp_set_records_at_rest(seed % SLEEPY != 0); /* they need memory of their own */
    play_each_other();
    uint64_t full = tcp_digest();
    tcp_digest_begin(before);
    tcp_set_short_ways(true);
    tcp_set_records_at_rest(true);
    play_each_other();
    MN_ASSERT(tcp_digest() == full);
}

static void say_how_to_see_it_again(void)
{
    if (!passed)
        fprintf(stderr, "model: seed %lu failed; to see it again: tests/model %s%lu 1\n", seed,
                tcp_family() == IPV6 ? "--ipv6 " : "", seed);
    passed = true; /* once is enough */
}

static void abandoned(int signal)
{
    (void)signal;
    say_how_to_see_it_again();
    _exit(1);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--ipv6") == 0) {
        tcp_set_family(IPV6);
        argc--, argv++;
    }
    bool digest = argc > 1 && strcmp(argv[1], "--digest") == 0;
    if (digest)
        argc--, argv++;
    unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 10) : 1,
                  count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    atexit(say_how_to_see_it_again);
    signal(SIGABRT, abandoned);
    passed = false;
    uint64_t bytes = 0;
    unsigned long whole = 0;
    for (seed = first; seed < first + count; seed++) {
        play_against_an_adversary();
        if (seed % COMPARED == 0)
            play_both_ways();
        else
            play_each_other();
        bytes += model.pair.read[0] + model.pair.read[1];
        whole += !model.spoiled;
    }
    passed = true;
    printf("%lu schedules, %lu of them to the last byte, %llu bytes\n", count, whole, (unsigned long long)bytes);
    if (digest)
        printf("digest %016" PRIx64 "\n", tcp_digest());
    return whole > 0 || count < 100 ? 0 : 1;
}
