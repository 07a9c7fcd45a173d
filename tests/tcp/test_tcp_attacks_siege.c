/* Attacks that broke other stacks, repeated while honest clients do their work: one client stays
 * and exchanges data throughout, others connect, are served and leave. Meanwhile memory stays below
 * a limit, at most two packets answer each packet received, no list that a packet walks along grows
 * long, and the counters show the fate of the attack. */
#include "tests/tcp/siege.h"

#define STRIKES 2000u
#define EVERY 100u /* strikes between two rounds of honest work */

struct attack {
    void (*strike)(struct siege *s, uint32_t i);
    enum mnet_counter counter; /* shows that the strikes reached the check that stops them */
    bool connection;           /* the attacker has a connection */
    int window, mss;           /* in the SYN of that connection */
    uint32_t written;          /* bytes that the server has written to that connection */
    size_t memory;             /* limit of the memory that the attack may cost */
};

static uint32_t scatter(uint32_t i)
{
    return (i + 1) * 2654435761u;
}

/* ---- strikes from off the path ---- */

/* At any place in the sequence space except the right one. */
static void blind_reset(struct siege *s, uint32_t i)
{
    uint32_t seq = scatter(i);
    send_(&s->t, .seq = seq == s->heard ? seq + 1 : seq, .flags = i & 1 ? RST : SYN);
    send_(&s->t, .seq = s->heard + 1 + i, .flags = i & 1 ? RST : SYN); /* in the window */
}

static void blind_data(struct siege *s, uint32_t i)
{
    send_(&s->t, .seq = s->heard, .ack = s->said + 0x100000 + (scatter(i) >> 1), .flags = ACK, .data = "evil");
    /* The number is of data never sent. */
    send_(&s->t, .seq = s->heard, .ack = s->said + 1, .flags = ACK, .data = "evil");
}

static void blind_icmp(struct siege *s, uint32_t i)
{
    static const enum mn_unreachable reasons[] = {MN_UNREACHABLE_TOO_BIG,  MN_UNREACHABLE_PORT,
                                                  MN_UNREACHABLE_PROTOCOL, MN_UNREACHABLE_NETWORK,
                                                  MN_UNREACHABLE_HOST,     MN_UNREACHABLE_PROHIBITED};
    icmp_(&s->t, reasons[i % MN_COUNT_OF(reasons)], i % 1600, s->said + scatter(i) / 2);
    send_(&s->t, .seq = s->heard + 70000, .ack = s->said, .flags = ACK); /* something to count */
}

/* SYNs from everywhere. Their ports are chosen to share buckets, as far as an attacker can know the
 * buckets. */
static void syn_flood(struct siege *s, uint32_t i)
{
    send_(&s->t, .flags = SYN, .mss = 1460,
          .from = endpoint(10, 7, (uint8_t)(i >> 8), (uint8_t)i, (uint16_t)(i * 256)));
    send_(&s->t, .flags = SYN, .from = EVIL(1000 + 256 * i % 60000));
}

static void ack_flood(struct siege *s, uint32_t i)
{
    send_(&s->t, .seq = scatter(i), .ack = scatter(i + 7), .flags = i & 1 ? ACK : ACK | FIN, .from = EVIL(1000 + i));
    send_(&s->t, .seq = scatter(i), .ack = scatter(i + 7), .flags = ACK, .from = EVIL(i + 1),
          .to = endpoint(10, 0, 0, 2, (uint16_t)(i + 1000)));
}

/* Segments that must never be answered: resets with any other flags, segments from a multicast
 * source, and segments from the server to itself. */
static void reflection(struct siege *s, uint32_t i)
{
    send_(&s->t, .seq = scatter(i), .ack = i, .flags = RST | (int)(i & 63), .from = EVIL(1000 + i));
    send_(&s->t, .flags = SYN, .from = group((uint8_t)i, 5));
    send_(&s->t, .flags = SYN, .from = s->t.local); /* LAND */
    expect_nothing(&s->t);
}

/* Headers with a false length and a right checksum. */
static void lying_header(struct siege *s, uint32_t i)
{
    uint8_t bytes[128];
    struct tcp_line line = {
        .t = &s->t, .seq = s->heard, .ack = s->said, .flags = ACK, .len = (int)(i % 40), .mss = NO, .shift = NO};
    size_t len = tcp_compose(&line, bytes);
    unsigned offset = i % 5 == 0 ? 15 : i % 5;
    bytes[12] = (uint8_t)(offset << 4);
    send_raw(&s->t, bytes, len, MNET_CHECKSUM_VERIFIED, false);
    send_raw(&s->t, bytes, i % 20, MNET_CHECKSUM_VERIFIED, false);
}

/* Options of every kind and with false lengths, in SYNs. */
static void lying_options(struct siege *s, uint32_t i)
{
    uint8_t options[40];
    for (unsigned k = 0; k < sizeof options; k++)
        options[k] = (uint8_t)(scatter(i * 40 + k) >> 24);
    options[i % 39] = (uint8_t)(2 + i % 9);
    options[i % 39 + 1] = (uint8_t)(i % 5);
    send_(&s->t, .flags = SYN, .options = options, .options_len = sizeof options, .from = EVIL(1000 + i));
}

/* ---- strikes of somebody with a connection ---- */

#define evil_(s, ...) send_(&(s)->t, .from = EVIL(1), __VA_ARGS__)

static void smack(struct siege *s, uint32_t i)
{
    for (uint32_t k = 0; k < 20; k++)
        evil_(s, .seq = 3 + 2 * (scatter(i * 20 + k) % 30000), .ack = s->iss + 1, .flags = ACK, .len = 1);
}

static void octets_in_order(struct siege *s, uint32_t i)
{
    for (uint32_t k = 0; k < 20; k++)
        evil_(s, .seq = 1 + i * 20 + k, .ack = s->iss + 1, .flags = ACK, .len = 1);
}

/* Blocks that are reversed, empty, outside, wrapping, and of single octets in flight. */
static void bad_blocks(struct siege *s, uint32_t i)
{
    uint32_t at = s->iss + 1, x = scatter(i) % 14000;
    evil_(s, .seq = 1, .ack = at, .flags = ACK, .sacks = 4,
          .sack = {{at + x + 1, at + x}, {at + x, at + x + 1}, {at - x, at - x + 9}, {scatter(i), scatter(i + 1)}});
    evil_(s, .seq = 1, .ack = at, .flags = ACK, .sacks = 3,
          .sack = {{at + 2 * i % 14000, at + 2 * i % 14000 + 1}, {at + 0x80000000u, at}, {at, at + 0x7fffffff}});
}

/* The server answers with little text; the peer announces a tiny MSS, and acknowledges octet by
 * octet. */
static void tiny_mss(struct siege *s, uint32_t i)
{
    evil_(s, .seq = 1, .ack = s->iss + 1 + i % 600, .flags = ACK);
    while (s->t.first != NULL) {
        const struct tcp_output *o = s->t.first;
        assert_true(o->len == 0 || o->len >= MN_MSS_MINIMUM || o->header.seq + o->len == s->t.iss + s->iss + 601);
        uint32_t seq = o->header.seq - s->t.iss;
        expect(&s->t, .seq = seq, .ack = 1, .flags = ACK, .len = ANY, .to = EVIL(1));
    }
}

static void urgent_pointers(struct siege *s, uint32_t i)
{
    evil_(s, .seq = 1, .ack = s->iss + 1, .flags = ACK | URG, .urgent = (int)(scatter(i) >> 16), .len = (int)(i % 3));
    evil_(s, .seq = 1 + i, .ack = s->iss + 1, .flags = ACK | URG | PSH, .urgent = i & 1 ? 0 : 65535);
}

/* The attacker uses up its own challenges, to learn from them about others'. */
static void challenges(struct siege *s, uint32_t i)
{
    evil_(s, .seq = 2 + i, .flags = RST);
    evil_(s, .seq = scatter(i), .flags = SYN);
}

/* ---- strikes that hold a state ---- */

static bool come(struct siege *s, uint32_t i, int window, uint32_t *iss)
{
    struct tcp_test *t = &s->t;
    if (!siege_connect(t, EVIL(1000 + i), window, 1460, false, iss))
        return false;
    accept_(t);
    return true;
}

/* Sockstress: the server has data to send and closes; the peer's window stays closed. */
static void closed_window(struct siege *s, uint32_t i)
{
    uint32_t iss;
    if (come(s, i, 0, &iss)) {
        write_bytes(&s->t, 500);
        close_(&s->t);
    }
}

static void fin_wait_2(struct siege *s, uint32_t i)
{
    uint32_t iss;
    if (come(s, i, 1000, &iss)) {
        close_(&s->t);
        send_(&s->t, .seq = 1, .ack = iss + 2, .flags = ACK, .from = EVIL(1000 + i));
    }
}

static void last_ack(struct siege *s, uint32_t i)
{
    uint32_t iss;
    if (come(s, i, 1000, &iss)) {
        send_(&s->t, .seq = 1, .ack = iss + 1, .flags = FIN | ACK, .from = EVIL(1000 + i));
        close_(&s->t);
    }
}

/* Connections that open and close: only their records of TIME-WAIT are left. */
static void time_waits(struct siege *s, uint32_t i)
{
    uint32_t iss;
    if (come(s, i, 1000, &iss)) {
        close_(&s->t);
        send_(&s->t, .seq = 1, .ack = iss + 2, .flags = FIN | ACK, .from = EVIL(1000 + i));
        send_(&s->t, .seq = 2, .flags = RST, .from = EVIL(1000 + i));
    }
}

#define KIB 1024u
#define COUNT(name) MNET_COUNT_##name

/* ---- the siege ---- */

static void check_lengths(struct tcp_test *t)
{
    struct siege_lengths l = siege_lengths(t);
    /* 512 buckets hold at most 400 records, and the attacker cannot choose their buckets. */
    assert_in_range(l.bucket, 0, 8);
    assert_in_range(l.runs, 0, MN_REASSEMBLY_RUNS);
    assert_in_range(l.ranges, 0, MN_SCOREBOARD_MAX);
    assert_in_range(l.replies, 0, MN_REPLIES_MAX);
    assert_in_range(l.half_open, 0, t->config.user.half_open_max);
    assert_int_equal(l.listeners, 1);
}

static void honest_work(struct siege *s)
{
    siege_exchange(s);
    siege_goodput(s);
    siege_check_memory(&s->t);
    siege_serve_one(&s->t, (uint16_t)(2000 + s->served++));
    drain(&s->t, NULL);
}

static void begin(struct siege *s, const struct attack *attack)
{
    struct tcp_test *t = &s->t;
    tcp_established(t, .connections_max = 40, .orphans_max = 30, .half_open_max = 64, .time_wait_max = 256,
                    .no_delay = true);
    s->friend = t->tcb;
    s->heard = s->said = 1;
    for (int i = 0; i < 3; i++)
        honest_work(s); /* to measure the cost of honest work */
    if (attack->connection) {
        assert_true(siege_connect(t, EVIL(1), attack->window, attack->mss, true, &s->iss));
        accept_(t);
        s->evil = t->tcb;
        static const uint8_t zeros[14600];
        assert_int_equal(mn_tcp_send(t->tcp, s->evil, zeros, attack->written, true, t->now), attack->written);
        drain(t, NULL);
    }
}

static void withstand(struct attack attack)
{
    struct siege s = {.served = 0};
    struct tcp_test *t = &s.t;
    begin(&s, &attack);
    size_t before = mnet_memory_used(t->memory);
    uint64_t counted_before = t->counters.value[attack.counter];
    uint64_t received = t->counters.value[COUNT(TCP_RX)], honest = 0, answers = 0;
    for (uint32_t i = 0; i < STRIKES; i++) {
        attack.strike(&s, i);
        answers += drain(t, NULL);
        assert_true(answers <= 2 * (t->counters.value[COUNT(TCP_RX)] - received - honest));
        assert_true(mnet_memory_used(t->memory) <= before + attack.memory);
        if (i % EVERY == EVERY - 1) {
            uint64_t until_now = t->counters.value[COUNT(TCP_RX)];
            check_lengths(t);
            honest_work(&s);
            wait_ms(t, 100);
            drain(t, NULL);
            honest += t->counters.value[COUNT(TCP_RX)] - until_now;
        }
    }
    assert_true(t->counters.value[attack.counter] > counted_before);
    assert_int_equal(s.served, 3 + STRIKES / EVERY);
    t->tcb = s.friend;
    drain(t, NULL);
    tcp_end(t);
}

SCRIPT(siege_by_blind_resets_and_syns)
{
    withstand((struct attack){blind_reset, COUNT(TCP_CHALLENGE_LIMITED), .memory = 16 * KIB});
}

SCRIPT(siege_by_blind_data)
{
    withstand((struct attack){blind_data, COUNT(TCP_DROP_ACK), .memory = 16 * KIB});
}

SCRIPT(siege_by_icmp)
{
    withstand((struct attack){blind_icmp, COUNT(TCP_DROP_SEQUENCE), .memory = 16 * KIB});
}

SCRIPT(siege_by_syns)
{
    withstand((struct attack){syn_flood, COUNT(TCP_COOKIE_TX), .memory = 64 * KIB});
}

SCRIPT(siege_by_acks)
{
    withstand((struct attack){ack_flood, COUNT(TCP_DROP_CLOSED), .memory = 16 * KIB});
}

SCRIPT(siege_by_what_must_not_be_answered)
{
    withstand((struct attack){reflection, COUNT(TCP_DROP_ADDRESS), .memory = 16 * KIB});
}

SCRIPT(siege_by_lying_headers)
{
    withstand((struct attack){lying_header, COUNT(TCP_DROP_TRUNCATED), .memory = 16 * KIB});
}

SCRIPT(siege_by_lying_options)
{
    withstand((struct attack){lying_options, COUNT(TCP_COOKIE_TX), .memory = 64 * KIB});
}

SCRIPT(siege_by_pieces)
{
    withstand((struct attack){smack, COUNT(TCP_DROP_REASSEMBLY), .connection = true, .window = 65535, .mss = 1460,
                              .memory = 640 * KIB});
}

SCRIPT(siege_by_octets_in_order)
{
    withstand((struct attack){octets_in_order, COUNT(TCP_RX), .connection = true, .window = 65535, .mss = 1460,
                              .memory = 640 * KIB});
}

SCRIPT(siege_by_bad_blocks)
{
    withstand((struct attack){bad_blocks, COUNT(TCP_RETRANSMITTED), .connection = true, .window = 65535, .mss = 1460,
                              .written = 14600, .memory = 256 * KIB});
}

SCRIPT(siege_by_tiny_mss)
{
    withstand((struct attack){tiny_mss, COUNT(TCP_TX), .connection = true, .window = 65535, .mss = 1, .written = 600,
                              .memory = 192 * KIB});
}

SCRIPT(siege_by_urgent_pointers)
{
    withstand((struct attack){urgent_pointers, COUNT(TCP_DROP_DUPLICATE), .connection = true, .window = 65535,
                              .mss = 1460, .memory = 192 * KIB});
}

SCRIPT(siege_by_challenges)
{
    withstand((struct attack){challenges, COUNT(TCP_CHALLENGE_LIMITED), .connection = true, .window = 65535,
                              .mss = 1460, .memory = 192 * KIB});
}

SCRIPT(siege_by_closed_windows)
{
    withstand((struct attack){closed_window, COUNT(TCP_DROP_ORPHAN), .memory = 512 * KIB});
}

SCRIPT(siege_by_fin_wait_2)
{
    withstand((struct attack){fin_wait_2, COUNT(TCP_DROP_ORPHAN), .memory = 256 * KIB});
}

SCRIPT(siege_by_last_ack)
{
    withstand((struct attack){last_ack, COUNT(TCP_DROP_ORPHAN), .memory = 256 * KIB});
}

SCRIPT(siege_by_time_wait)
{
    withstand((struct attack){time_waits, COUNT(TCP_DROP_RST), .memory = 64 * KIB});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siege_by_blind_resets_and_syns),
        cmocka_unit_test(siege_by_blind_data),
        cmocka_unit_test(siege_by_icmp),
        cmocka_unit_test(siege_by_syns),
        cmocka_unit_test(siege_by_acks),
        cmocka_unit_test(siege_by_what_must_not_be_answered),
        cmocka_unit_test(siege_by_lying_headers),
        cmocka_unit_test(siege_by_lying_options),
        cmocka_unit_test(siege_by_pieces),
        cmocka_unit_test(siege_by_octets_in_order),
        cmocka_unit_test(siege_by_bad_blocks),
        cmocka_unit_test(siege_by_tiny_mss),
        cmocka_unit_test(siege_by_urgent_pointers),
        cmocka_unit_test(siege_by_challenges),
        cmocka_unit_test(siege_by_closed_windows),
        cmocka_unit_test(siege_by_fin_wait_2),
        cmocka_unit_test(siege_by_last_ack),
        cmocka_unit_test(siege_by_time_wait),
    };
    return run_scripts("tcp_attacks_siege", tests);
}
