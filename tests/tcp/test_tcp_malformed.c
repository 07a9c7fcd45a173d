/* Segments that are damaged, cut short, or lie: none of their fields is believed, and the
 * connection goes on (RFC 9293 3.1). */
#include "tests/tcp/harness.h"

static size_t compose(struct tcp_test *t, uint8_t *bytes)
{
    struct tcp_line line = {
        .t = t, .seq = 1, .ack = 1, .flags = ACK, .window = 65535, .mss = NO, .shift = NO, .data = "hello"};
    return tcp_compose(&line, bytes);
}

/* Corrects the checksum after a change. */
static void fix_checksum(struct tcp_test *t, uint8_t *bytes, size_t len)
{
    uint64_t sum = mn_pseudo_sum(&t->remote.address, &t->local.address, MN_PROTOCOL_TCP, (uint32_t)len);
    memset(bytes + 16, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum_add(sum, mn_sum(0, bytes, len)));
    memcpy(bytes + 16, &checksum, 2);
}

/* MUST-3: every single damaged bit is noticed. */
SCRIPT(established_bad_checksum_is_dropped)
{
    struct tcp_test t;
    uint8_t bytes[64];
    tcp_established(&t);
    size_t len = compose(&t, bytes);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false); /* MUST-3 */
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    expect_nothing(&t);
    read_result(&t, MNET_E_DEADLINE);
    assert_int_equal(counted(&t, TCP_DROP_CHECKSUM), 8 * len);
    send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false);
    read_text(&t, "hello");
    tcp_end(&t);
}

/* The checksum covers the pseudo-header: a segment for another host is dropped. */
SCRIPT(established_checksum_covers_the_addresses)
{
    struct tcp_test t;
    uint8_t bytes[64];
    tcp_established(&t);
    size_t len = compose(&t, bytes);
    struct mnet_address real = t.remote.address;
    t.remote.address = endpoint(10, 0, 0, 99, 0).address;
    send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false);
    t.remote.address = real;
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_DROP_CHECKSUM), 1);
    tcp_end(&t);
}

/* A checksum that the device has verified is not verified again, and a partial one is correct by
 * contract. */
SCRIPT(established_verified_checksum_is_believed)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello", .bad_checksum = true, .verified = true);
    read_text(&t, "hello");
    tcp_end(&t);
}

SCRIPT(established_odd_and_even_lengths_arrive)
{
    struct tcp_test t;
    tcp_established(&t);
    uint32_t seq = 1;
    for (int len = 1; len < 70; len++) {
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = len);
        read_pattern(&t, seq - 1, (uint32_t)len);
        seq += (uint32_t)len;
    }
    for (int len = 1450; len < 1600; len += 7) { /* beyond the linear part of a packet, too */
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = len);
        read_pattern(&t, seq - 1, (uint32_t)len);
        seq += (uint32_t)len;
    }
    assert_int_equal(counted(&t, TCP_DROP_CHECKSUM), 0);
    tcp_end(&t);
}

/* Cut at every byte, with a right checksum for the rest. */
SCRIPT(established_truncated_header_is_dropped)
{
    struct tcp_test t;
    uint8_t bytes[64];
    tcp_established(&t);
    compose(&t, bytes);
    for (size_t len = 0; len < 20; len++) {
        if (len >= 18)
            fix_checksum(&t, bytes, len);
        send_raw(&t, bytes, len, len >= 18 ? MNET_CHECKSUM_PLAIN : MNET_CHECKSUM_VERIFIED, false);
        send_raw(&t, bytes, len, MNET_CHECKSUM_VERIFIED, false);
    }
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_DROP_TRUNCATED), 40);
    tcp_end(&t);
}

/* Every data offset: below 5 it is impossible, beyond the end it is false. */
SCRIPT(established_lying_data_offset_is_dropped)
{
    struct tcp_test t;
    uint8_t bytes[64];
    tcp_established(&t);
    for (unsigned offset = 0; offset < 16; offset++) {
        size_t len = compose(&t, bytes);
        bytes[12] = (uint8_t)(offset << 4);
        fix_checksum(&t, bytes, len);
        if (offset == 5 || offset == 6)
            continue; /* 6 is possible: "hell" as options */
        send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false);
    }
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_DROP_TRUNCATED), 14);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* 3.1: reserved bits are ignored on receipt. */
SCRIPT(established_reserved_bits_are_ignored)
{
    struct tcp_test t;
    uint8_t bytes[64];
    tcp_established(&t);
    size_t len = compose(&t, bytes);
    bytes[12] |= 0x0f;
    bytes[13] |= 0xc0; /* ECE and CWR, which were not agreed */
    fix_checksum(&t, bytes, len);
    send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false);
    read_text(&t, "hello");
    tcp_end(&t);
}

/* Every combination of flags in every state, with every interesting number: no effect except those
 * that the RFC allows. */
SCRIPT(any_state_any_flags_are_survived)
{
    static const uint32_t seqs[] = {0, 1, 2, 3, 0x80000000, 70000}, acks[] = {0, 1, 2, 3, 0x80000000};
    for (enum mn_tcp_state state = MN_LISTEN; state <= MN_TIME_WAIT; state++) {
        for (int flags = 0; flags < 64; flags++) {
            struct tcp_test t;
            tcp_reach(state, TCP_SETUP(&t));
            for (unsigned i = 0; i < MN_COUNT_OF(seqs) * MN_COUNT_OF(acks); i++) {
                unsigned before = drain(&t, NULL);
                (void)before;
                send_(&t, .seq = seqs[i % 6], .ack = acks[i / 6], .flags = flags, .urgent = (int)i * 1000,
                      .len = (int)(i % 3));
                assert_in_range(drain(&t, NULL), 0, 4); /* no storm of answers */
            }
            wait_ms(&t, 1000);
            drain(&t, NULL);
            tcp_end(&t);
        }
    }
}

/* The urgent pointer may have any value (3.8.5): the stream does not change. */
SCRIPT(established_urgent_pointers_do_no_harm)
{
    static const int pointers[] = {0, 1, 2, 5, 6, 7, 1000, 32767, 32768, 65534, 65535};
    struct tcp_test t;
    tcp_established(&t, .irs = 0xfffffff0);
    uint32_t seq = 1;
    for (unsigned i = 0; i < MN_COUNT_OF(pointers); i++) {
        send_(&t, .seq = seq, .ack = 1, .flags = ACK | URG, .urgent = pointers[i], .data = "hello");
        send_(&t, .seq = seq + 5, .ack = 1, .flags = ACK | URG, .urgent = pointers[i]);
        read_text(&t, "hello");
        read_result(&t, MNET_E_DEADLINE);
        seq += 5;
    }
    drain(&t, NULL);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_bad_checksum_is_dropped),
        cmocka_unit_test(established_checksum_covers_the_addresses),
        cmocka_unit_test(established_verified_checksum_is_believed),
        cmocka_unit_test(established_odd_and_even_lengths_arrive),
        cmocka_unit_test(established_truncated_header_is_dropped),
        cmocka_unit_test(established_lying_data_offset_is_dropped),
        cmocka_unit_test(established_reserved_bits_are_ignored),
        cmocka_unit_test(any_state_any_flags_are_survived),
        cmocka_unit_test(established_urgent_pointers_do_no_harm),
    };
    return run_scripts("tcp_malformed", tests);
}
