/* Reassembly: order, overlaps, limits, timeout, and a model of bytes for random schedules (RFC 791,
 * RFC 5722). */
#include "tests/support/ip_host.h"

static uint8_t pattern[65536];

static void start_bounded(struct ip_host *h, unsigned datagrams, size_t bytes)
{
    struct mn_ip_config config = ip_host_config(h);
    config.user.reassembly_datagrams_max = datagrams;
    config.user.reassembly_bytes_max = bytes;
    assert_int_equal(ip_host_start(h, &config), 0);
    pass_ms(h, 3000);
    discard_sent(h);
}

/* Sends bytes offset..offset+len of the pattern as a fragment. */
static enum mn_ip_verdict piece(struct ip_host *h, uint16_t identification, uint16_t offset, size_t len, bool more)
{
    return receive_ip(h, .identification = identification, .offset = offset, .more = more, .payload = pattern + offset,
                      .len = len);
}

static void expect_whole(struct ip_host *h, size_t len)
{
    static uint8_t bytes[65536];
    assert_int_equal(h->packet->total, len);
    mnet_packet_copy_out(h->packet, 0, bytes, len);
    assert_memory_equal(bytes, pattern, len);
    assert_int_equal(h->packet->checksum, MNET_CHECKSUM_PLAIN);
    assert_int_equal(h->datagram.header_len, 20);
    struct mn_ipv4 header;
    assert_int_equal(mn_ipv4_parse(h->packet->data - 20, 20, 20 + len, &header), MN_PARSE_OK);
    assert_int_equal(header.total_len, 20 + len);
    assert_int_equal(header.source, PEER_IP);
    assert_false(header.more_fragments || header.fragment_offset != 0);
    assert_true(h->packet->len >= (len < 60 ? len : 60)); /* the transport's header is linear */
}

/* A device judges frames. Its verdict on one says nothing about the checksum of the datagram. */
static void verdict_of_a_device_on_a_piece_is_forgotten(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    for (int i = 0; i < 3; i++) {
        h.checksum = (enum mnet_checksum)(MNET_CHECKSUM_PARTIAL + i);
        assert_int_equal(piece(&h, (uint16_t)i, 0, 800, true), MN_IP_CONSUMED);
        assert_int_equal(piece(&h, (uint16_t)i, 800, 100, false), MN_IP_TRANSPORT);
        expect_whole(&h, 900);
    }
    ip_host_down(&h);
}

static void pieces_in_order_are_put_together(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    assert_int_equal(piece(&h, 1, 0, 1480, true), MN_IP_CONSUMED);
    assert_int_equal(piece(&h, 1, 1480, 1480, true), MN_IP_CONSUMED);
    assert_int_equal(piece(&h, 1, 2960, 33, false), MN_IP_TRANSPORT);
    expect_whole(&h, 2993);
    assert_int_equal(h.ip.reassembly.count, 0);
    assert_int_equal(h.ip.reassembly.bytes, 0);
    assert_counted(&h, FRAG_REASSEMBLED, 1);
    assert_counted(&h, FRAG_RX, 3);
    ip_host_down(&h);
}

static void pieces_backwards_are_put_together(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    assert_int_equal(piece(&h, 1, 24, 5, false), MN_IP_CONSUMED);
    assert_int_equal(piece(&h, 1, 16, 8, true), MN_IP_CONSUMED);
    assert_int_equal(piece(&h, 1, 8, 8, true), MN_IP_CONSUMED);
    assert_int_equal(piece(&h, 1, 0, 8, true), MN_IP_TRANSPORT);
    expect_whole(&h, 29);
    ip_host_down(&h);
}

static void datagram_of_64_kib_is_put_together(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    for (uint16_t at = 0; at < 64000; at = (uint16_t)(at + 640))
        assert_int_equal(piece(&h, 1, at, 640, true), MN_IP_CONSUMED);
    assert_int_equal(piece(&h, 1, 64000, 1515, false), MN_IP_TRANSPORT);
    expect_whole(&h, 65515);
    ip_host_down(&h);
}

/* Attack 9: one byte more than a datagram can have. */
static void datagram_above_64_kib_is_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    piece(&h, 1, 0, 64000, true);
    assert_int_equal(receive_ip(&h, .identification = 1, .offset = 64000, .payload = pattern, .len = 1516),
                     MN_IP_CONSUMED);
    assert_int_equal(receive_ip(&h, .identification = 2, .offset = 65528, .payload = pattern, .len = 1400),
                     MN_IP_CONSUMED);
    assert_counted(&h, FRAG_DROP_INVALID, 2);
    ip_host_down(&h);
}

static void pieces_of_different_datagrams_do_not_mix(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    piece(&h, 1, 0, 8, true);
    assert_int_equal(piece(&h, 2, 8, 8, false), MN_IP_CONSUMED);
    assert_int_equal(receive_ip(&h, .identification = 1, .offset = 8, .source = GATEWAY_IP), MN_IP_CONSUMED);
    assert_int_equal(receive_ip(&h, .identification = 1, .offset = 8, .protocol = 6), MN_IP_CONSUMED);
    assert_int_equal(receive_ip(&h, .identification = 1, .offset = 8, .destination = NETWORK_BROADCAST),
                     MN_IP_CONSUMED);
    assert_int_equal(h.ip.reassembly.count, 5);
    assert_int_equal(piece(&h, 1, 8, 8, false), MN_IP_TRANSPORT);
    expect_whole(&h, 16);
    ip_host_down(&h);
}

static void duplicate_is_ignored(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    piece(&h, 1, 8, 16, true);
    piece(&h, 1, 8, 16, true);
    piece(&h, 1, 24, 3, false);
    piece(&h, 1, 24, 3, false);
    assert_counted(&h, FRAG_DROP_DUPLICATE, 2);
    assert_int_equal(piece(&h, 1, 0, 8, true), MN_IP_TRANSPORT);
    expect_whole(&h, 27);
    ip_host_down(&h);
}

struct byte_range {
    uint16_t offset, len;
    bool more;
};

/* RFC 5722: an overlap condemns its datagram, and later fragments of it. */
static void overlap_condemns_the_datagram(void **state)
{
    (void)state;
    static const struct byte_range bad[] = {
        {0, 24, true},   /* from the left */
        {24, 24, true},  /* from the right */
        {24, 8, true},   /* inside */
        {8, 64, true},   /* around */
        {16, 8, true},   /* the beginning of it */
        {32, 8, true},   /* the end of it */
        {16, 24, false}, /* the same, but called the last */
        {8, 8, false},   /* an end before received bytes */
        {56, 8, true},   /* after the end */
        {48, 16, false}, /* another end */
    };
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    for (uint16_t i = 0; i < MN_COUNT_OF(bad); i++) {
        piece(&h, i, 16, 24, true);
        piece(&h, i, 48, 8, false);
        assert_int_equal(piece(&h, i, bad[i].offset, bad[i].len, bad[i].more), MN_IP_CONSUMED);
        assert_counted(&h, FRAG_DROP_INVALID, i * 6 + 3);
        assert_int_equal(h.ip.reassembly.bytes, 0);
        assert_int_equal(piece(&h, i, 0, 16, true), MN_IP_CONSUMED);
        assert_int_equal(piece(&h, i, 40, 8, true), MN_IP_CONSUMED);
        assert_int_equal(piece(&h, i, 16, 24, true), MN_IP_CONSUMED);
    }
    assert_counted(&h, FRAG_REASSEMBLED, 0);
    pass_ms(&h, 30001);
    assert_int_equal(h.ip.reassembly.count, 0);
    expect_silence(&h);
    ip_host_down(&h);
}

static void misaligned_and_empty_pieces_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    piece(&h, 1, 0, 9, true);
    piece(&h, 1, 0, 0, true);
    piece(&h, 1, 8, 0, false);
    assert_counted(&h, FRAG_DROP_INVALID, 3);
    assert_int_equal(h.ip.reassembly.count, 0);
    ip_host_down(&h);
}

/* RFC 792: time exceeded, code 1, quotes the first fragment. */
static void timeout_with_first_piece_is_reported(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    piece(&h, 77, 0, 16, true);
    pass_ms(&h, 29990);
    know(&h, PEER_IP, PEER_MAC);
    piece(&h, 77, 32, 16, true); /* does not restart the timer */
    assert_int_equal(h.ip.reassembly.count, 1);
    pass_ms(&h, 20);
    assert_int_equal(h.ip.reassembly.count, 0);
    assert_counted(&h, FRAG_DROP_TIMEOUT, 2);
    struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
    assert_int_equal(sent->payload[0], MN_ICMPV4_TIME_EXCEEDED);
    assert_int_equal(sent->payload[1], 1);
    assert_int_equal(mn_checksum(mn_sum(0, sent->payload, sent->payload_len)), 0);
    struct mn_ipv4 quote;
    assert_int_equal(sent->payload_len, 8 + 20 + 16);
    assert_int_equal(mn_ipv4_parse_quote(sent->payload + 8, sent->payload_len - 8, &quote), MN_PARSE_OK);
    assert_int_equal(quote.identification, 77);
    assert_true(quote.more_fragments);
    assert_memory_equal(sent->payload + 28, pattern, 16);
    ip_host_down(&h);
}

static void timeout_without_first_piece_is_silent(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    know(&h, PEER_IP, PEER_MAC);
    piece(&h, 1, 8, 16, true);
    pass_ms(&h, 31000);
    assert_counted(&h, FRAG_DROP_TIMEOUT, 1);
    expect_silence(&h);
    assert_int_equal(piece(&h, 1, 0, 8, true), MN_IP_CONSUMED); /* begins anew */
    assert_int_equal(h.ip.reassembly.count, 1);
    ip_host_down(&h);
}

static void full_of_datagrams_the_oldest_goes(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 4, 1 << 20);
    for (uint16_t i = 0; i < 5; i++)
        piece(&h, i, 0, 8, true);
    assert_int_equal(h.ip.reassembly.count, 4);
    assert_counted(&h, FRAG_DROP_LIMIT, 1);
    assert_int_equal(piece(&h, 1, 8, 8, false), MN_IP_TRANSPORT);
    assert_int_equal(piece(&h, 0, 8, 8, false), MN_IP_CONSUMED);
    ip_host_down(&h);
}

/* Attack 10: memory stays within its limit, with pieces of any size. */
static void flood_of_pieces_stays_within_memory(void **state)
{
    (void)state;
    struct ip_host h;
    size_t bound = 64 * 1024;
    start_bounded(&h, 64, bound);
    size_t before = mnet_memory_used(h.memory);
    for (unsigned i = 0; i < 20000; i++) {
        piece(&h, (uint16_t)(i % 50), (uint16_t)(8 * (2 * (i / 50) + 1)), 8, true);
        assert_true(h.ip.reassembly.bytes <= bound);
    }
    assert_true(mnet_memory_used(h.memory) <= before + 8 * bound);
    assert_true(counted(&h, FRAG_DROP_LIMIT) > 10000);
    ip_host_down(&h);
}

static void pieces_of_a_datagram_are_bounded(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 4, 4 << 20);
    for (unsigned i = 0; i <= MN_REASSEMBLY_PIECES; i++)
        piece(&h, 1, (uint16_t)(16 * i), 8, true);
    assert_counted(&h, FRAG_DROP_LIMIT, MN_REASSEMBLY_PIECES + 1);
    assert_int_equal(h.ip.reassembly.bytes, 0);
    ip_host_down(&h);
}

static void one_piece_by_broadcast_marks_the_whole(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    piece(&h, 1, 0, 8, true);
    int verdict = receive_ip(&h, .identification = 1, .offset = 8, .to = ALL_MAC);
    assert_int_equal(verdict, MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    ip_host_down(&h);
}

/* RFC 3168 5.3. */
static void congestion_marks_survive(void **state)
{
    (void)state;
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    receive_ip(&h, .identification = 1, .more = true, .traffic_class = 0x2a);
    assert_int_equal(receive_ip(&h, .identification = 1, .offset = 8, .traffic_class = 0x2b), MN_IP_TRANSPORT);
    assert_int_equal(h.datagram.traffic_class, 0x2b);
    receive_ip(&h, .identification = 2, .more = true, .traffic_class = 0);
    assert_int_equal(receive_ip(&h, .identification = 2, .offset = 8, .traffic_class = 3), MN_IP_CONSUMED);
    assert_counted(&h, FRAG_DROP_INVALID, 2);
    ip_host_down(&h);
}

static void options_of_the_first_piece_are_left_behind(void **state)
{
    (void)state;
    static const uint8_t options[] = {1, 1, 1, 1, 148, 4, 0, 0};
    struct ip_host h;
    start_bounded(&h, 32, 1 << 20);
    receive_ip(&h, .identification = 1, .more = true, .payload = pattern, .options = options, .options_len = 8);
    assert_int_equal(piece(&h, 1, 8, 8, false), MN_IP_TRANSPORT);
    expect_whole(&h, 16);
    ip_host_down(&h);
}

/* The model: the set of received bytes. A random datagram is cut at random places, and its pieces
 * are shuffled, some of them twice. It is delivered whole, and only when the last missing piece is
 * there. */
static void random_schedules_agree_with_a_model_of_bytes(void **state)
{
    (void)state;
    struct ip_host h;
    static bool have[65536];
    struct mn_random dice;
    mn_random_init(&dice, (const uint8_t[MN_RANDOM_SEED]){9});
    start_bounded(&h, 32, 1 << 20);
    for (uint16_t round = 0; round < 300; round++) {
        struct byte_range cuts[MN_REASSEMBLY_PIECES];
        unsigned count = 0, missing = 0;
        uint32_t total = 0, wanted = 2 + mn_random_below(&dice, 100);
        while (count < wanted && total < 60000) {
            uint32_t len = 8 * (1 + mn_random_below(&dice, mn_random_below(&dice, 4) == 0 ? 180 : 20));
            cuts[count++] = (struct byte_range){(uint16_t)total, (uint16_t)len, true};
            total += len;
        }
        cuts[count - 1].more = false;
        cuts[count - 1].len = (uint16_t)(cuts[count - 1].len - mn_random_below(&dice, 8));
        total = (uint32_t)cuts[count - 1].offset + cuts[count - 1].len;
        memset(have, 0, sizeof have);
        missing = total;
        while (missing > 0) {
            const struct byte_range *cut = &cuts[mn_random_below(&dice, count)];
            for (uint32_t i = cut->offset; i < (uint32_t)cut->offset + cut->len; i++) {
                missing -= !have[i];
                have[i] = true;
            }
            enum mn_ip_verdict verdict = piece(&h, round, cut->offset, cut->len, cut->more);
            assert_int_equal(verdict, missing == 0 ? MN_IP_TRANSPORT : MN_IP_CONSUMED);
        }
        expect_whole(&h, total);
    }
    assert_counted(&h, FRAG_DROP_INVALID, 0);
    assert_counted(&h, FRAG_REASSEMBLED, 300);
    ip_host_down(&h);
}

/* The same with independent ranges: a datagram is delivered exactly if the model sees no overlap
 * and no missing byte. */
static void random_overlaps_agree_with_a_model_of_bytes(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_random dice;
    mn_random_init(&dice, (const uint8_t[MN_RANDOM_SEED]){10});
    start_bounded(&h, 32, 1 << 20);
    unsigned delivered = 0;
    for (uint16_t round = 0; round < 5000; round++) {
        uint8_t owner[64] = {0}; /* for each unit of eight bytes, the number of its piece */
        unsigned count = 0, end = 0, units = 2 + mn_random_below(&dice, 4);
        bool over = false;
        pass_ms(&h, 1200);
        for (int step = 0; step < 8 && !over; step++) {
            unsigned from = mn_random_below(&dice, units), len = 1 + mn_random_below(&dice, units - from);
            if (len == units)
                continue; /* no fragment */
            bool last = from + len == units;
            bool free = true, exact = owner[from] != 0;
            for (unsigned i = from; i < from + len; i++) {
                free = free && owner[i] == 0;
                exact = exact && owner[i] == owner[from];
            }
            exact = exact && (from == 0 || owner[from - 1] != owner[from]) && owner[from + len] != owner[from];
            enum mn_ip_verdict verdict = piece(&h, round, (uint16_t)(8 * from), 8 * len, !last);
            count++;
            for (unsigned i = from; free && i < from + len; i++)
                owner[i] = (uint8_t)count;
            end = 0;
            for (unsigned i = 0; i < units; i++)
                end += owner[i] != 0;
            over = end == units || (!free && !exact);
            bool complete = free && end == units;
            assert_int_equal(verdict, complete ? MN_IP_TRANSPORT : MN_IP_CONSUMED);
            if (complete)
                expect_whole(&h, 8 * units);
            delivered += complete;
        }
    }
    assert_true(delivered > 500);
    ip_host_down(&h);
}

static int make_pattern(void **state)
{
    (void)state;
    fill_pattern(pattern, sizeof pattern, 17);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict_of_a_device_on_a_piece_is_forgotten),
        cmocka_unit_test(pieces_in_order_are_put_together),
        cmocka_unit_test(pieces_backwards_are_put_together),
        cmocka_unit_test(datagram_of_64_kib_is_put_together),
        cmocka_unit_test(datagram_above_64_kib_is_dropped),
        cmocka_unit_test(pieces_of_different_datagrams_do_not_mix),
        cmocka_unit_test(duplicate_is_ignored),
        cmocka_unit_test(overlap_condemns_the_datagram),
        cmocka_unit_test(misaligned_and_empty_pieces_are_dropped),
        cmocka_unit_test(timeout_with_first_piece_is_reported),
        cmocka_unit_test(timeout_without_first_piece_is_silent),
        cmocka_unit_test(full_of_datagrams_the_oldest_goes),
        cmocka_unit_test(flood_of_pieces_stays_within_memory),
        cmocka_unit_test(pieces_of_a_datagram_are_bounded),
        cmocka_unit_test(one_piece_by_broadcast_marks_the_whole),
        cmocka_unit_test(congestion_marks_survive),
        cmocka_unit_test(options_of_the_first_piece_are_left_behind),
        cmocka_unit_test(random_schedules_agree_with_a_model_of_bytes),
        cmocka_unit_test(random_overlaps_agree_with_a_model_of_bytes),
    };
    return cmocka_run_group_tests(tests, make_pattern, NULL);
}
