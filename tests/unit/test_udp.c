/* UDP endpoints: demultiplexing, queues and their limits, checksums in both directions, errors.
 * Every test runs over IPv4 and over IPv6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/udp_engine.h"

static void open_datagram_is_queued_with_its_sender(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_endpoint from;
    char buffer[16];
    open_port(f, &endpoint, 53);
    assert_null(mn_udp_fetch_event(&f->udp));
    assert_int_equal(deliver(f, peer, 53, "one"), MN_UDP_CONSUMED);
    assert_int_equal(deliver(f, peer, 53, "two"), MN_UDP_CONSUMED);
    assert_ptr_equal(mn_udp_fetch_event(&f->udp), &endpoint);
    assert_null(mn_udp_fetch_event(&f->udp));
    assert_true(mn_udp_readable(&endpoint));
    assert_int_equal(mn_udp_receive(&endpoint, buffer, sizeof buffer, &from), 3);
    assert_memory_equal(buffer, "one", 3);
    assert_true(mnet_address_equal(from.address, peer));
    assert_int_equal(from.port, 4000);
    expect_text(&endpoint, "two");
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
}

static void open_empty_datagram_is_received_as_zero_bytes(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    open_port(f, &endpoint, 53);
    deliver(f, peer, 53, "");
    expect_text(&endpoint, "");
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
}

static void open_long_datagram_is_cut_and_consumed(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    char buffer[3] = "";
    open_port(f, &endpoint, 53);
    deliver(f, peer, 53, "abcdef");
    assert_int_equal(mn_udp_receive(&endpoint, buffer, sizeof buffer, NULL), MNET_E_TOO_BIG);
    assert_memory_equal(buffer, "abc", 3);
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
}

static void closed_datagram_is_left_to_the_caller(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_datagram datagram;
    struct mnet_packet *packet = datagram_from(f, peer, 9, "x", 1, &datagram);
    const uint8_t *header = packet->data;
    assert_int_equal(mn_udp_input(&f->udp, &datagram, packet), MN_UDP_NO_PORT);
    assert_ptr_equal(packet->data, header);
    assert_int_equal(packet->total, 9);
    assert_int_equal(counted(f, MNET_COUNT_UDP_DROP_NO_PORT), 1);
    mnet_packet_free(packet);
}

static void open_wrong_checksum_is_dropped(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mn_datagram datagram;
    open_port(f, &endpoint, 53);
    for (size_t byte = 0; byte < 11; byte++) {
        struct mnet_packet *packet = datagram_from(f, peer, 53, "abc", 3, &datagram);
        if (byte == 4 || byte == 5) { /* the length has a test of its own */
            mnet_packet_free(packet);
            continue;
        }
        packet->data[byte] ^= 0x10;
        assert_int_equal(mn_udp_input(&f->udp, &datagram, packet), MN_UDP_CONSUMED);
    }
    assert_int_equal(counted(f, MNET_COUNT_UDP_DROP_CHECKSUM), 9);
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
}

static void open_checksum_of_addresses_is_verified(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mn_datagram datagram;
    open_port(f, &endpoint, 53);
    struct mnet_packet *packet = datagram_from(f, peer, 53, "abc", 3, &datagram);
    datagram.source = stranger;
    assert_int_equal(mn_udp_input(&f->udp, &datagram, packet), MN_UDP_CONSUMED);
    assert_int_equal(counted(f, MNET_COUNT_UDP_DROP_CHECKSUM), 1);
    mn_udp_close(&f->udp, &endpoint);
}

/* RFC 768: zero says that there is none. IP6-8.1-5: over IPv6 there must be one. */
static void open_no_checksum_is_for_ipv4_alone(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mn_datagram datagram;
    open_port(f, &endpoint, 53);
    struct mnet_packet *packet = datagram_from(f, peer, 53, "abc", 3, &datagram);
    packet->data[6] = packet->data[7] = 0;
    mn_udp_input(&f->udp, &datagram, packet);
    if (!over_ipv6())
        expect_text(&endpoint, "abc");
    expect_nothing(&endpoint);
    assert_int_equal(counted(f, MNET_COUNT_UDP_DROP_CHECKSUM), over_ipv6());
    mn_udp_close(&f->udp, &endpoint);
}

static void open_partial_and_verified_checksums_are_trusted(void **state)
{
    static const uint8_t trusted[] = {MNET_CHECKSUM_PARTIAL, MNET_CHECKSUM_VERIFIED};
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mn_datagram datagram;
    open_port(f, &endpoint, 53);
    for (size_t i = 0; i < 2; i++) {
        struct mnet_packet *packet = datagram_from(f, peer, 53, "abc", 3, &datagram);
        packet->data[6] ^= 0xff;
        packet->checksum = trusted[i];
        mn_udp_input(&f->udp, &datagram, packet);
        expect_text(&endpoint, "abc");
    }
    mn_udp_close(&f->udp, &endpoint);
}

/* Bytes after the datagram in its IP packet are not part of it. A length beyond the packet, or
 * below the header, is false. */
static void open_lying_length_is_dropped(void **state)
{
    static const struct {
        uint16_t length;
        bool taken;
    } cases[] = {{0, false}, {7, false}, {8, true}, {10, true}, {11, true}, {12, false}, {65535, false}};
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mn_datagram datagram;
    char buffer[16];
    open_port(f, &endpoint, 53);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mnet_packet *packet = datagram_from(f, peer, 53, "abc", 3, &datagram);
        packet->data[4] = (uint8_t)(cases[i].length >> 8);
        packet->data[5] = (uint8_t)cases[i].length;
        packet->checksum = MNET_CHECKSUM_VERIFIED;
        assert_int_equal(mn_udp_input(&f->udp, &datagram, packet), MN_UDP_CONSUMED);
        ptrdiff_t expected = cases[i].taken ? cases[i].length - 8 : MNET_E_DEADLINE;
        assert_int_equal(mn_udp_receive(&endpoint, buffer, sizeof buffer, NULL), expected);
    }
    assert_int_equal(counted(f, MNET_COUNT_UDP_DROP_INVALID), 4);
    mn_udp_close(&f->udp, &endpoint);
}

static void open_truncated_at_every_byte_is_dropped(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mn_datagram datagram;
    open_port(f, &endpoint, 53);
    for (size_t len = 0; len < 14; len++) {
        struct mnet_packet *packet = datagram_from(f, peer, 53, "abcdef", 6, &datagram);
        mnet_packet_trim(packet, len);
        assert_int_equal(mn_udp_input(&f->udp, &datagram, packet), MN_UDP_CONSUMED);
    }
    assert_int_equal(counted(f, MNET_COUNT_UDP_DROP_INVALID), 14);
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
}

static void full_queue_drops_the_newest(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .queue_datagrams = 2};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    deliver(f, peer, 53, "1");
    deliver(f, peer, 53, "2");
    deliver(f, peer, 53, "3");
    assert_int_equal(counted(f, MNET_COUNT_UDP_DROP_QUEUE), 1);
    expect_text(&endpoint, "1");
    deliver(f, peer, 53, "4");
    expect_text(&endpoint, "2");
    expect_text(&endpoint, "4");
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
}

static void full_memory_counts_what_datagrams_pin(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .queue_bytes = 10000};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    for (int i = 0; i < 100; i++)
        deliver(f, peer, 53, "x");
    /* A byte each, but blocks of well over a kilobyte. */
    assert_in_range(endpoint.queue.count, 1, 10);
    assert_true(endpoint.pinned <= 10000);
    while (mn_udp_readable(&endpoint))
        expect_text(&endpoint, "x");
    assert_int_equal(endpoint.pinned, 0);
    mn_udp_close(&f->udp, &endpoint);
}

static void close_frees_what_is_queued(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    size_t before = mnet_memory_used(f->memory);
    open_port(f, &endpoint, 53);
    for (int i = 0; i < 50; i++)
        deliver(f, peer, 53, "x");
    assert_true(mnet_memory_used(f->memory) > before);
    mn_udp_close(&f->udp, &endpoint);
    assert_int_equal(mnet_memory_used(f->memory), before);
    assert_null(mn_udp_fetch_event(&f->udp));
    assert_int_equal(deliver(f, peer, 53, "x"), MN_UDP_NO_PORT);
}

static void connected_wins_over_unconnected(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint open, connected;
    struct mnet_udp_options options = {.local.port = 53, .remote = {peer, 4000}};
    open_port(f, &open, 53);
    assert_int_equal(mn_udp_open(&f->udp, &connected, &options), 0);
    deliver(f, peer, 53, "mine");
    deliver(f, stranger, 53, "other");
    expect_text(&connected, "mine");
    expect_nothing(&connected);
    expect_text(&open, "other");
    mn_udp_close(&f->udp, &open);
    assert_int_equal(deliver(f, stranger, 53, "other"), MN_UDP_NO_PORT);
    mn_udp_close(&f->udp, &connected);
}

static void bound_address_wins_over_any(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint other, bound;
    struct mnet_udp_options there = {.local = {stranger, 53}}, here = {.local = {us, 53}};
    assert_int_equal(mn_udp_open(&f->udp, &other, &there), 0);
    assert_int_equal(mn_udp_open(&f->udp, &bound, &here), 0);
    deliver(f, peer, 53, "x");
    expect_nothing(&other);
    expect_text(&bound, "x");
    mn_udp_close(&f->udp, &other);
    mn_udp_close(&f->udp, &bound);
}

static void open_taken_port_is_in_use(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint first, second, third;
    struct mnet_udp_options same = {.local = {us, 53}}, connected = {.local.port = 53, .remote = {peer, 4000}};
    open_port(f, &first, 53);
    assert_int_equal(mn_udp_open(&f->udp, &second, &same), MNET_E_IN_USE);
    assert_int_equal(mn_udp_open(&f->udp, &second, &connected), 0);
    assert_int_equal(mn_udp_open(&f->udp, &third, &connected), MNET_E_IN_USE);
    mn_udp_close(&f->udp, &first);
    assert_int_equal(mn_udp_open(&f->udp, &first, &same), 0);
    mn_udp_close(&f->udp, &first);
    mn_udp_close(&f->udp, &second);
}

/* Takes what waits for an endpoint. Returns how many datagrams that were. */
static int take_all(struct mn_udp_endpoint *endpoint)
{
    char byte;
    int count = 0;
    while (mn_udp_receive(endpoint, &byte, 1, NULL) >= 0)
        count++;
    return count;
}

static void shared_port_gives_each_sender_to_one_endpoint(void **state)
{
    enum {
        ENDS = 3,
        SENDERS = 60
    };
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint ends[ENDS], other;
    struct mnet_udp_options shared = {.local = {us, 53}, .share = true}, alone = {.local = {us, 53}};
    struct mnet_address sender = peer;
    int senders_of[ENDS] = {0};
    for (int i = 0; i < ENDS; i++)
        assert_int_equal(mn_udp_open(&f->udp, &ends[i], &shared), 0);
    assert_int_equal(mn_udp_open(&f->udp, &other, &alone), MNET_E_IN_USE);
    for (uint8_t at = 0; at < SENDERS; at++) {
        sender.bytes[15] = at + 10;
        for (int i = 0; i < 5; i++)
            assert_int_equal(deliver(f, sender, 53, "x"), MN_UDP_CONSUMED);
        int found = 0;
        for (int i = 0; i < ENDS; i++) {
            int count = take_all(&ends[i]);
            assert_true(count == 0 || count == 5);
            found += count;
            senders_of[i] += count / 5;
        }
        assert_int_equal(found, 5);
    }
    for (int i = 0; i < ENDS; i++) {
        assert_true(senders_of[i] >= SENDERS / ENDS / 2);
        mn_udp_close(&f->udp, &ends[i]);
    }
    assert_int_equal(mn_udp_open(&f->udp, &other, &alone), 0);
    assert_int_equal(mn_udp_open(&f->udp, &ends[0], &shared), MNET_E_IN_USE);
    mn_udp_close(&f->udp, &other);
}

static void open_checks_its_arguments(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options no_port = {.remote.address = peer}, no_address = {.remote.port = 1}, dscp = {.dscp = 64};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &no_port), MNET_E_INVALID);
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &no_address), MNET_E_INVALID);
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &dscp), MNET_E_INVALID);
    assert_int_equal(f->udp.endpoints, 0);
}

static void open_beyond_the_limit_is_refused(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoints[9];
    struct mnet_udp_options options = {0};
    for (int i = 0; i < 8; i++)
        assert_int_equal(mn_udp_open(&f->udp, &endpoints[i], &options), 0);
    assert_int_equal(mn_udp_open(&f->udp, &endpoints[8], &options), MNET_E_LIMIT);
    mn_udp_close(&f->udp, &endpoints[0]);
    assert_int_equal(mn_udp_open(&f->udp, &endpoints[0], &options), 0);
    for (int i = 0; i < 8; i++)
        mn_udp_close(&f->udp, &endpoints[i]);
}

/* RFC 6056: chosen ports are in their range, differ while they are open, and their order reveals
 * nothing. */
static void open_chosen_ports_are_random(void **state)
{
    struct udp_fixture *f = *state;
    struct mnet_udp_options options = {0};
    unsigned steps = 0;
    uint16_t last = 0;
    for (int i = 0; i < 200; i++) {
        struct mn_udp_endpoint endpoint;
        assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
        assert_true(endpoint.local.port >= MN_UDP_EPHEMERAL_FIRST);
        steps += endpoint.local.port == (uint16_t)(last + 1);
        last = endpoint.local.port;
        mn_udp_close(&f->udp, &endpoint);
    }
    assert_true(steps < 5);
}

/* With an own address as its remote it would send to itself. */
static void connected_chosen_port_is_not_the_remote_one(void **state)
{
    struct udp_fixture *f = *state;
    struct mnet_udp_options options = {.remote = {us, 1}};
    for (int i = 0; i < 100; i++) {
        struct mn_udp_endpoint endpoint;
        struct mn_random before = f->random;
        assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
        mn_udp_close(&f->udp, &endpoint);
        options.remote.port = endpoint.local.port;
        f->random = before; /* the same port would be chosen */
        assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
        assert_int_not_equal(endpoint.local.port, options.remote.port);
        mn_udp_close(&f->udp, &endpoint);
    }
}

static void connected_icmp_error_is_reported_once(void **state)
{
    static const struct {
        enum mn_unreachable reason;
        int result;
    } cases[] = {
        {MN_UNREACHABLE_PORT, MNET_E_REFUSED},          {MN_UNREACHABLE_NETWORK, MNET_E_UNREACHABLE},
        {MN_UNREACHABLE_PROTOCOL, MNET_E_UNREACHABLE},  {MN_UNREACHABLE_PROHIBITED, MNET_E_UNREACHABLE},
        {MN_UNREACHABLE_NEIGHBOUR, MNET_E_UNREACHABLE}, {MN_UNREACHABLE_HOST, MNET_E_UNREACHABLE},
        {MN_UNREACHABLE_TOO_BIG, MNET_E_DEADLINE},
    };
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .remote = {peer, 4000}};
    char buffer[8];
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        report(f, cases[i].reason, peer, 4000);
        assert_int_equal(mn_udp_fetch_event(&f->udp) != NULL, cases[i].result != MNET_E_DEADLINE);
        assert_int_equal(mn_udp_receive(&endpoint, buffer, sizeof buffer, NULL), cases[i].result);
        assert_int_equal(endpoint.unreachable,
                         cases[i].result != MNET_E_DEADLINE ? cases[i].reason : MN_UNREACHABLE_HOST);
        expect_nothing(&endpoint);
    }
    mn_udp_close(&f->udp, &endpoint);
}

static void connected_icmp_error_about_others_is_ignored(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .remote = {peer, 4000}};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    report(f, MN_UNREACHABLE_PORT, peer, 4001);
    report(f, MN_UNREACHABLE_PORT, stranger, 4000);
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
    open_port(f, &endpoint, 53);
    report(f, MN_UNREACHABLE_PORT, peer, 4000); /* not connected: any of many destinations */
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
}

static void connected_icmp_short_quote_is_ignored(void **state)
{
    struct udp_fixture *f = *state;
    uint8_t quote[3] = {0, 53, 15};
    struct mn_icmp_error error = {.reason = MN_UNREACHABLE_PORT, .local = us, .remote = peer, .quote = quote};
    for (error.quote_len = 0; error.quote_len <= sizeof quote; error.quote_len++)
        mn_udp_icmp(&f->udp, &error);
    assert_null(mn_udp_fetch_event(&f->udp));
}

/* A datagram of any size is one packet, whose bytes verify at the receiver once the checksum is
 * completed. */
static void output_of_any_size_verifies(void **state)
{
    static uint8_t data[MN_UDP_PAYLOAD_MAX_IPV6], back[MN_UDP_PAYLOAD_MAX_IPV6];
    const size_t sizes[] = {0, 1, 2, 1471, 1472, 1527, 1528, 1529, 4001, 16321, 40000, mn_udp_payload_max(us)};
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint = {.local.port = 4000, .ttl = 7, .dscp = 46};
    struct mnet_endpoint to = {us, 53};
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 + (i >> 8));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct mn_datagram datagram;
        struct mnet_packet *packet = udp_output(f, &endpoint, peer, to, data, sizes[i], &datagram);
        assert_non_null(packet);
        assert_int_equal(packet->total, sizes[i] + 8);
        assert_int_equal(packet->checksum, MNET_CHECKSUM_PARTIAL);
        assert_int_equal(datagram.ttl, 7);
        assert_int_equal(datagram.traffic_class, 46 << 2);
        mnet_packet_copy_out(packet, 8, back, sizes[i]);
        assert_memory_equal(back, data, sizes[i]);
        mnet_packet_free(packet);
    }
}

static void output_without_memory_takes_nothing(void **state)
{
    struct udp_fixture *f = *state;
    static uint8_t data[MN_UDP_PAYLOAD_MAX_IPV4];
    struct mn_udp_endpoint endpoint = {.local.port = 4000};
    struct mnet_endpoint to = {us, 53};
    struct mnet_packet *kept[512];
    struct mn_datagram datagram;
    int count = 0;
    while (count < 512 && (kept[count] = udp_output(f, &endpoint, peer, to, data, sizeof data, &datagram)))
        count++;
    assert_in_range(count, 10, 100);
    size_t used = mnet_memory_used(f->memory);
    assert_null(udp_output(f, &endpoint, peer, to, data, sizeof data, &datagram));
    assert_int_equal(mnet_memory_used(f->memory), used);
    while (count > 0)
        mnet_packet_free(kept[--count]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, udp_setup, udp_teardown)
    const struct CMUnitTest tests[] = {
        TEST(open_datagram_is_queued_with_its_sender),
        TEST(open_empty_datagram_is_received_as_zero_bytes),
        TEST(open_long_datagram_is_cut_and_consumed),
        TEST(closed_datagram_is_left_to_the_caller),
        TEST(open_wrong_checksum_is_dropped),
        TEST(open_checksum_of_addresses_is_verified),
        TEST(open_no_checksum_is_for_ipv4_alone),
        TEST(open_partial_and_verified_checksums_are_trusted),
        TEST(open_lying_length_is_dropped),
        TEST(open_truncated_at_every_byte_is_dropped),
        TEST(full_queue_drops_the_newest),
        TEST(full_memory_counts_what_datagrams_pin),
        TEST(close_frees_what_is_queued),
        TEST(connected_wins_over_unconnected),
        TEST(bound_address_wins_over_any),
        TEST(open_taken_port_is_in_use),
        TEST(open_checks_its_arguments),
        TEST(shared_port_gives_each_sender_to_one_endpoint),
        TEST(open_beyond_the_limit_is_refused),
        TEST(open_chosen_ports_are_random),
        TEST(connected_chosen_port_is_not_the_remote_one),
        TEST(connected_icmp_error_is_reported_once),
        TEST(connected_icmp_error_about_others_is_ignored),
        TEST(connected_icmp_short_quote_is_ignored),
        TEST(output_of_any_size_verifies),
        TEST(output_without_memory_takes_nothing),
    };
    int failed = cmocka_run_group_tests_name("over IPv4", tests, NULL, NULL);
    use_ipv6();
    return failed + cmocka_run_group_tests_name("over IPv6", tests, NULL, NULL);
}
