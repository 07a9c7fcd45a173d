/* Allocations that fail, each in turn. For every purpose of the memory, the stream is the same in
 * the end, nothing is left behind, and on a link without loss it is hardly later. */
#include "tests/tcp/pair.h"

#define BYTES 20000u
#define ROUND_NS (10 * MNET_MILLISECOND)

/* Every 20th segment with text is lost, so that there are holes, blocks and recoveries. */
static int lossy(struct tcp_pair *pair, int side, unsigned index, const struct mn_tcp_header *header, uint32_t len,
                 uint64_t *delay_ns)
{
    (void)pair, (void)side, (void)header, (void)delay_ns;
    return len > 0 && index % 20 == 7 ? WIRE_DROP : WIRE_PASS;
}

struct outcome {
    uint64_t allocations; /* made by the victim */
    uint64_t took_ns;
};

static void shut(struct tcp_pair *pair, int side)
{
    struct tcp_test *t = &pair->side[side];
    assert_int_equal(mn_tcp_shutdown(t->tcp, t->tcb, MNET_SHUTDOWN_WRITE, pair->now), 0);
}

static void end(struct tcp_pair *pair, int side)
{
    struct tcp_test *t = &pair->side[side];
    char byte;
    assert_int_equal(mn_tcp_receive(t->tcp, t->tcb, &byte, 1, pair->now), 0);
    mn_tcp_close(t->tcp, t->tcb, pair->now);
    t->tcb = NULL;
}

/* Plays a whole connection: opens it, transfers data each way, and closes both sides. `count`
 * allocations of the victim fail, from number `which` on. */
static struct outcome play(tcp_filter *filter, uint32_t gso_max, int victim, uint64_t which, uint64_t count)
{
    struct tcp_pair pair;
    struct outcome outcome;
    pair_connect(&pair, TCP_SETUP(NULL, .gso_max = gso_max, .receive_buffer = 20000), 5 * MNET_MILLISECOND, filter);
    famine(&pair.side[victim], which, count);
    uint64_t begun = pair.now;
    assert_true(pair_transfer(&pair, 0, BYTES, 60 * MNET_SECOND));
    assert_true(pair_transfer(&pair, 1, BYTES, 60 * MNET_SECOND));
    outcome.took_ns = pair.now - begun;
    shut(&pair, 0);
    pair_run(&pair, 5 * MNET_SECOND);
    shut(&pair, 1);
    pair_run(&pair, 5 * MNET_SECOND);
    for (int side = 0; side < 2; side++)
        end(&pair, side);
    pair_run(&pair, 200 * MNET_SECOND);
    outcome.allocations = famine(&pair.side[victim], 0, 0);
    for (int side = 0; side < 2; side++) {
        assert_usage(&pair.side[side], tcbs, 0);
        assert_usage(&pair.side[side], time_wait, 0);
    }
    mn_tcp_unlisten(pair.side[1].tcp, pair.side[1].listener, pair.now);
    pair_end(&pair);
    return outcome;
}

static void each_fails(tcp_filter *filter, uint32_t gso_max, uint64_t count, uint64_t at_most_later_ns)
{
    for (int victim = 0; victim < 2; victim++) {
        struct outcome whole = play(filter, gso_max, victim, 0, 0);
        assert_true(whole.allocations > 8);
        for (uint64_t which = 0; which < whole.allocations; which++) {
            struct outcome outcome = play(filter, gso_max, victim, which, count);
            if (outcome.took_ns > whole.took_ns + at_most_later_ns)
                fail_msg("allocation %u: %u ms instead of %u", (unsigned)which,
                         (unsigned)(outcome.took_ns / MNET_MILLISECOND), (unsigned)(whole.took_ns / MNET_MILLISECOND));
        }
    }
}

/* Each failure costs the wait for another try, and perhaps a round trip for data that would have
 * been in the same packet. */
SCRIPT(pair_each_allocation_fails_once)
{
    each_fails(NULL, 0, 1, RETRY_NS + ROUND_NS);
}

SCRIPT(pair_each_allocation_of_large_packets_fails_once)
{
    each_fails(NULL, 60000, 1, RETRY_NS + ROUND_NS);
}

SCRIPT(pair_ten_allocations_in_a_row_fail)
{
    each_fails(NULL, 0, 10, 10 * RETRY_NS + 4 * ROUND_NS);
}

/* Text out of order may have to be thrown away, which may cost another timeout. */
SCRIPT(pair_each_allocation_fails_on_a_bad_link)
{
    each_fails(lossy, 0, 1, 2 * MNET_SECOND);
}

/* The handshake: allocations of records and connections, too. */
SCRIPT(pair_each_allocation_of_a_handshake_fails)
{
    for (int victim = 0; victim < 2; victim++) {
        for (uint64_t which = 0; which < 12; which++) {
            struct tcp_pair pair;
            pair_setup(&pair, TCP_SETUP(NULL, .receive_buffer = 20000), MNET_MILLISECOND, NULL);
            struct tcp_test *client = &pair.side[0], *server = &pair.side[1];
            struct mnet_listen_options options = {0};
            assert_int_equal(mn_tcp_listen(server->tcp, server->local, &options, &server->listener), 0);
            famine(&pair.side[victim], which, 1);
            struct mn_tcp_open open = {.local = client->local, .remote = client->remote};
            for (int i = 0; i < 2 && client->tcb == NULL; i++)
                mn_tcp_open(client->tcp, &open, pair.now, &client->tcb);
            assert_non_null(client->tcb);
            pair_run(&pair, 3 * MNET_SECOND);
            server->tcb = mn_tcp_accept(server->listener);
            /* Text, or its repetition, completes the handshake. */
            for (int i = 0; i < 2 && server->tcb == NULL; i++) {
                mn_tcp_send(client->tcp, client->tcb, "x", 1, false, pair.now);
                pair_run(&pair, 3 * MNET_SECOND);
                server->tcb = mn_tcp_accept(server->listener);
            }
            assert_non_null(server->tcb);
            pair_end(&pair);
        }
    }
}

/* Without memory for another record, the engine does not know which part of the flight was sent
 * again. So a timeout begins at its front once more. */
SCRIPT(established_scoreboard_without_memory_still_repairs_the_first_segment)
{
    struct tcp_test t;
    tcp_established(&t, .gso_max = 60000, .rtt_ms = 10, .no_plpmtud = true);
    write_bytes(&t, 5 * MSS);
    assert_int_equal(drain(&t, NULL), 1);
    for (int i = 0; i < MN_SCOREBOARD_SIZES; i++)
        t.tcp->scoreboards.size[i].limit = 0;
    /* Room for the first segment alone. */
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = (int)MSS);
    for (int i = 0; i < 3; i++) {
        wait_ms(&t, 250 << i);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
        expect_nothing(&t);
    }
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_each_allocation_fails_once),
        cmocka_unit_test(pair_each_allocation_of_large_packets_fails_once),
        cmocka_unit_test(pair_ten_allocations_in_a_row_fail),
        cmocka_unit_test(pair_each_allocation_fails_on_a_bad_link),
        cmocka_unit_test(pair_each_allocation_of_a_handshake_fails),
        cmocka_unit_test(established_scoreboard_without_memory_still_repairs_the_first_segment),
    };
    return cmocka_run_group_tests_name("tcp_famine", tests, NULL, NULL);
}
