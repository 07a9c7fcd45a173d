/* Two engines back to back over a wire that loses, reorders, duplicates and damages segments. The
 * stream stays intact. */
#include "tests/tcp/pair.h"

#define MS MNET_MILLISECOND

static struct tcp_setup setup(void)
{
    return TCP_SETUP(NULL, .receive_buffer = 1u << 20, .send_buffer = 1u << 20, .user_timeout_ns = 600 * MNET_SECOND);
}

/* Both streams end, and both engines forget the connection, with the FINs in any order. */
static void close_both(struct tcp_pair *pair)
{
    close_(&pair->side[0]);
    pair_run(pair, 10 * MS);
    close_(&pair->side[1]);
    pair_run(pair, 400 * MNET_SECOND);
    for (int i = 0; i < 2; i++) {
        assert_usage(&pair->side[i], tcbs, 0);
        assert_usage(&pair->side[i], time_wait, 0);
        assert_usage(&pair->side[i], half_open, 0);
    }
}

SCRIPT(pair_clean_wire_needs_no_retransmission)
{
    struct tcp_pair pair;
    pair_connect(&pair, setup(), 5 * MS, NULL);
    assert_true(pair_transfer(&pair, 0, 3000000, 60 * MNET_SECOND));
    assert_true(pair_transfer(&pair, 1, 3000000, 60 * MNET_SECOND));
    assert_int_equal(counted(&pair.side[0], TCP_RETRANSMITTED), 0);
    assert_int_equal(counted(&pair.side[1], TCP_RETRANSMITTED), 0);
    close_both(&pair);
    pair_end(&pair);
}

SCRIPT(pair_without_delay_works)
{
    struct tcp_pair pair;
    pair_connect(&pair, setup(), 0, NULL);
    assert_true(pair_transfer(&pair, 0, 3000000, 60 * MNET_SECOND));
    close_both(&pair);
    pair_end(&pair);
}

struct random_wire {
    struct mn_random random;
    unsigned loss, duplicate, damage, reorder; /* of 1000 */
};

static int random_filter(struct tcp_pair *pair, int side, unsigned index, const struct mn_tcp_header *header,
                         uint32_t len, uint64_t *delay_ns)
{
    (void)side;
    (void)index;
    (void)header;
    (void)len;
    struct random_wire *w = pair->context;
    if (w == NULL)
        return WIRE_PASS;
    int fate = WIRE_PASS;
    if (mn_random_below(&w->random, 1000) < w->loss)
        fate |= WIRE_DROP;
    if (mn_random_below(&w->random, 1000) < w->duplicate)
        fate |= WIRE_TWICE;
    if (mn_random_below(&w->random, 1000) < w->damage)
        fate |= WIRE_DAMAGE;
    if (mn_random_below(&w->random, 1000) < w->reorder)
        *delay_ns += (uint64_t)mn_random_below(&w->random, 20) * MS;
    return fate;
}

static void bad_wire(unsigned loss, unsigned duplicate, unsigned damage, unsigned reorder, uint8_t seeds)
{
    for (uint8_t seed = 0; seed < seeds; seed++) {
        struct random_wire w = {.loss = loss, .duplicate = duplicate, .damage = damage, .reorder = reorder};
        uint8_t key[MN_RANDOM_SEED] = {seed, 9};
        mn_random_init(&w.random, key);
        struct tcp_pair pair;
        pair_setup(&pair, setup(), 5 * MS, random_filter);
        pair_end(&pair);
        pair_connect(&pair, setup(), 5 * MS, random_filter);
        pair.context = &w;
        assert_true(pair_transfer(&pair, 0, 200000, 3000 * MNET_SECOND));
        assert_true(pair_transfer(&pair, 1, 100000, 3000 * MNET_SECOND));
        close_both(&pair);
        pair_end(&pair);
    }
}

SCRIPT(pair_one_percent_loss)
{
    bad_wire(10, 0, 0, 0, 20);
}
SCRIPT(pair_ten_percent_loss)
{
    bad_wire(100, 0, 0, 0, 20);
}
SCRIPT(pair_thirty_percent_loss)
{
    bad_wire(300, 0, 0, 0, 5);
}
SCRIPT(pair_reordering)
{
    bad_wire(0, 0, 0, 300, 20);
}
SCRIPT(pair_duplication)
{
    bad_wire(0, 200, 0, 0, 10);
}
SCRIPT(pair_damage)
{
    bad_wire(0, 0, 50, 0, 10);
}
SCRIPT(pair_everything_at_once)
{
    bad_wire(50, 50, 20, 100, 20);
}

/* MUST-10: two SYNs that cross. */
SCRIPT(pair_simultaneous_open_establishes)
{
    struct tcp_pair pair;
    pair_setup(&pair, setup(), 5 * MS, NULL);
    open_active(&pair.side[0]);
    open_active(&pair.side[1]); /* MUST-10 */
    pair_run(&pair, 10 * MNET_SECOND);
    assert_int_equal(mn_tcp_status(pair.side[0].tcb), 0);
    assert_int_equal(mn_tcp_status(pair.side[1].tcb), 0);
    assert_in_range(pair.sent[0] + pair.sent[1], 4, 8); /* and then silence */
    pair.side[0].iss = pair.side[1].iss = 0;
    assert_true(pair_transfer(&pair, 0, 100000, 10 * MNET_SECOND));
    assert_true(pair_transfer(&pair, 1, 100000, 10 * MNET_SECOND));
    close_both(&pair);
    pair_end(&pair);
}

SCRIPT(pair_simultaneous_close_ends)
{
    struct tcp_pair pair;
    pair_connect(&pair, setup(), 5 * MS, NULL);
    close_(&pair.side[0]);
    close_(&pair.side[1]);
    pair_run(&pair, MNET_SECOND);
    assert_usage(&pair.side[0], time_wait, 1);
    assert_usage(&pair.side[1], time_wait, 1);
    pair_run(&pair, 100 * MNET_SECOND);
    assert_usage(&pair.side[0], time_wait, 0);
    assert_usage(&pair.side[1], time_wait, 0);
    pair_end(&pair);
}

/* Each segment of a whole conversation is lost once, from the SYN to the last ACK. The conversation
 * always ends well. */
static int lose_one(struct tcp_pair *pair, int side, unsigned index, const struct mn_tcp_header *header, uint32_t len,
                    uint64_t *delay_ns)
{
    (void)header;
    (void)len;
    (void)delay_ns;
    const unsigned *lost = pair->context;
    return lost != NULL && (int)lost[0] == side && lost[1] == index ? WIRE_DROP : WIRE_PASS;
}

SCRIPT(pair_any_one_segment_lost)
{
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned index = 0; index < 25; index++) {
            unsigned lost[2] = {side, index};
            struct tcp_pair pair;
            pair_setup(&pair, setup(), 5 * MS, lose_one);
            pair.context = lost;
            struct mnet_listen_options options = {0};
            struct tcp_test *server = &pair.side[1];
            assert_int_equal(mn_tcp_listen(server->tcp, server->local, &options, &server->listener), 0);
            open_active(&pair.side[0]);
            for (int i = 0; i < 100 && server->tcb == NULL; i++) {
                pair_run(&pair, 100 * MS);
                server->tcb = mn_tcp_accept(server->listener);
            }
            assert_non_null(server->tcb);
            assert_true(pair_transfer(&pair, 0, 20000, 100 * MNET_SECOND));
            assert_true(pair_transfer(&pair, 1, 10000, 100 * MNET_SECOND));
            close_both(&pair);
            pair_end(&pair);
        }
    }
}

/* A reader that stops for an hour, and goes on: the window closes, probes keep the connection, and
 * nothing is lost. */
SCRIPT(pair_stopped_reader_is_waited_for)
{
    struct tcp_pair pair;
    struct tcp_setup s = setup();
    s.receive_buffer = 20000;
    pair_connect(&pair, s, 5 * MS, NULL);
    static uint8_t bytes[100000];
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = pattern(i);
    assert_int_equal(mn_tcp_send(pair.side[0].tcp, pair.side[0].tcb, bytes, sizeof bytes, true, pair.now),
                     sizeof bytes);
    pair.written[0] = sizeof bytes;
    pair_run(&pair, 3600 * MNET_SECOND);
    assert_in_range(pair.sent[0], 60, 200); /* about one probe a minute */
    assert_true(pair_transfer(&pair, 0, 0, 100 * MNET_SECOND));
    assert_int_equal(pair.read[1], sizeof bytes);
    close_both(&pair);
    pair_end(&pair);
}

/* A lost window update is asked for again. */
static int lose_updates(struct tcp_pair *pair, int side, unsigned index, const struct mn_tcp_header *header,
                        uint32_t len, uint64_t *delay_ns)
{
    (void)index;
    (void)header;
    (void)delay_ns;
    const bool *lossy = pair->context;
    return lossy != NULL && *lossy && side == 1 && len == 0 ? WIRE_DROP : WIRE_PASS;
}

SCRIPT(pair_lost_window_update_is_no_deadlock)
{
    struct tcp_pair pair;
    struct tcp_setup s = setup();
    s.receive_buffer = 20000;
    pair_connect(&pair, s, 5 * MS, lose_updates);
    static uint8_t bytes[100000];
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = pattern(i);
    mn_tcp_send(pair.side[0].tcp, pair.side[0].tcb, bytes, sizeof bytes, true, pair.now);
    pair.written[0] = sizeof bytes;
    pair_run(&pair, 5 * MNET_SECOND);
    bool lossy = true;
    pair.context = &lossy;
    uint8_t chunk[4096];
    ptrdiff_t got;
    while ((got = mn_tcp_receive(pair.side[1].tcp, pair.side[1].tcb, chunk, sizeof chunk, pair.now)) > 0)
        pair.read[1] += (uint32_t)got;
    pair_run(&pair, 20 * MS); /* the update is sent now, and lost */
    lossy = false;
    assert_true(pair_transfer(&pair, 0, 0, 100 * MNET_SECOND));
    close_both(&pair);
    pair_end(&pair);
}

/* Sequence numbers wrap in the middle of a lossy transfer. */
SCRIPT(pair_sequence_numbers_wrap_with_losses)
{
    struct random_wire w = {.loss = 30, .reorder = 50};
    uint8_t key[MN_RANDOM_SEED] = {77};
    mn_random_init(&w.random, key);
    struct tcp_pair pair;
    struct tcp_setup s = setup();
    s.has_iss = true;
    s.iss = 0xffffffff - 150000;
    pair_connect(&pair, s, 5 * MS, random_filter);
    pair.context = &w;
    uint64_t before = pair.sent_bytes[0];
    assert_true(pair_transfer(&pair, 0, 500000, 1000 * MNET_SECOND));
    assert_true(pair.sent_bytes[0] - before < 2 * 500000);
    close_both(&pair);
    pair_end(&pair);
}

/* Large packets instead of single segments give the same stream. */
SCRIPT(pair_large_packets_give_the_same_stream)
{
    struct tcp_pair pair;
    struct tcp_setup s = setup();
    s.gso_max = 60000;
    s.shift = 7;
    pair_connect(&pair, s, 5 * MS, NULL);
    assert_true(pair_transfer(&pair, 0, 3000000, 60 * MNET_SECOND));
    assert_true(pair.sent[0] < 1500);
    close_both(&pair);
    pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_clean_wire_needs_no_retransmission),
        cmocka_unit_test(pair_without_delay_works),
        cmocka_unit_test(pair_one_percent_loss),
        cmocka_unit_test(pair_ten_percent_loss),
        cmocka_unit_test(pair_thirty_percent_loss),
        cmocka_unit_test(pair_reordering),
        cmocka_unit_test(pair_duplication),
        cmocka_unit_test(pair_damage),
        cmocka_unit_test(pair_everything_at_once),
        cmocka_unit_test(pair_simultaneous_open_establishes),
        cmocka_unit_test(pair_simultaneous_close_ends),
        cmocka_unit_test(pair_any_one_segment_lost),
        cmocka_unit_test(pair_stopped_reader_is_waited_for),
        cmocka_unit_test(pair_lost_window_update_is_no_deadlock),
        cmocka_unit_test(pair_sequence_numbers_wrap_with_losses),
        cmocka_unit_test(pair_large_packets_give_the_same_stream),
    };
    return run_scripts("tcp_pair", tests);
}
