/* The receive queue takes chains of packets apart. A packet's `total` is the chain's only in its
 * first packet (base/packet.c); the totals after it may have been counted in either way. */
#include "support.h"

#include <mnet/packet.h>

#include "base/pool.h"
#include "tcp/queue/reassembly.h"
#include "tcp/queue/recvq.h"

#define PARTS 4
#define PART_BYTES 1500u

/* Makes a chain of four packets, each byte of which gives its own position. */
static struct mnet_packet *chain(struct mnet_memory *memory, bool inner_totals_count_the_rest)
{
    struct mnet_packet *parts[PARTS];
    for (unsigned i = 0; i < PARTS; i++) {
        parts[i] = mnet_packet_alloc(memory);
        assert_non_null(parts[i]);
        uint8_t *bytes = mnet_packet_put(parts[i], PART_BYTES);
        for (unsigned at = 0; at < PART_BYTES; at++)
            bytes[at] = (uint8_t)((i * PART_BYTES + at) * 31 >> 3);
    }
    for (unsigned i = 0; i + 1 < PARTS; i++) {
        parts[i]->more = parts[i + 1];
        if (i == 0 || inner_totals_count_the_rest)
            parts[i]->total = (PARTS - i) * PART_BYTES;
    }
    return parts[0];
}

static void read_back(bool inner_totals_count_the_rest)
{
    void *region;
    struct mnet_memory *memory = test_memory(MNET_MEMORY_MINIMUM, &region);
    struct mn_recvq q = {0};
    uint8_t bytes[PARTS * PART_BYTES + 1];
    mn_recvq_append(&q, chain(memory, inner_totals_count_the_rest));
    assert_int_equal(q.bytes, PARTS * PART_BYTES);
    size_t got = mn_recvq_read(&q, bytes, 100);
    assert_int_equal(got, 100);
    got += mn_recvq_read(&q, bytes + got, sizeof bytes - got);
    assert_int_equal(got, PARTS * PART_BYTES);
    for (unsigned at = 0; at < got; at++)
        assert_int_equal(bytes[at], (uint8_t)(at * 31 >> 3));
    assert_int_equal(q.bytes, 0);
    mn_recvq_clear(&q);
    assert_int_equal(mnet_memory_used(memory), 0);
    free(region);
}

static void chain_whose_totals_count_the_rest_is_read_back(void **state)
{
    (void)state;
    read_back(true);
}

static void chain_whose_totals_are_their_own_is_read_back(void **state)
{
    (void)state;
    read_back(false);
}

/* A flight of the segments that every host accepts, after a lost one: none is dropped for its size,
 * in any number. */
static void out_of_order_segments_of_536_bytes_are_kept(void **state)
{
    (void)state;
    enum {
        SEGMENTS = 2000,
        BYTES = 536
    };
    void *region;
    struct mnet_memory *memory = test_memory(8u << 20, &region);
    struct mn_pool runs;
    struct mn_tcp_reassembly r = {0};
    struct mn_range duplicate;
    mn_pool_init(&runs, memory, "runs", sizeof(struct mn_run), SIZE_MAX);
    for (uint32_t i = 1; i <= SEGMENTS; i++) {
        struct mnet_packet *packet = mnet_packet_alloc(memory);
        memset(mnet_packet_put(packet, BYTES), (int)i, BYTES);
        assert_true(mn_tcp_reassembly_insert(&r, &runs, i * BYTES, packet, &duplicate));
    }
    assert_int_equal(r.bytes, SEGMENTS * BYTES);
    assert_true(mnet_memory_used(memory) < 2 * SEGMENTS * BYTES);
    mn_tcp_reassembly_clear(&r, &runs);
    free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_whose_totals_count_the_rest_is_read_back),
        cmocka_unit_test(chain_whose_totals_are_their_own_is_read_back),
        cmocka_unit_test(out_of_order_segments_of_536_bytes_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
