/* UDP endpoints: both families on one port, connected anew, errors of many destinations, datagrams
 * that are lent, and the fields of messages. Every test runs over IPv4 and over IPv6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/udp_engine.h"

/* ---- Addresses of both families ---- */

static void open_families_share_a_port(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint four, six, zeros, both;
    struct mnet_udp_options ipv4_only = {.local.port = 53, .family = MNET_FAMILY_IPV4},
                            ipv6_only = {.local.port = 53, .family = MNET_FAMILY_IPV6},
                            any_ipv4 = {.local = {mnet_ipv4(0, 0, 0, 0), 53}}, any = {.local.port = 53};
    assert_int_equal(mn_udp_open(&f->udp, &four, &ipv4_only), 0);
    assert_int_equal(mn_udp_open(&f->udp, &six, &ipv6_only), 0);
    assert_int_equal(mn_udp_open(&f->udp, &both, &any), MNET_E_IN_USE);
    assert_int_equal(mn_udp_open(&f->udp, &zeros, &any_ipv4), MNET_E_IN_USE);
    deliver(f, peer, 53, "x");
    expect_text(over_ipv6() ? &six : &four, "x");
    expect_nothing(over_ipv6() ? &four : &six);
    mn_udp_close(&f->udp, &four);
    assert_int_equal(mn_udp_open(&f->udp, &zeros, &any_ipv4), 0);
    assert_int_equal(deliver(f, peer, 53, "y"), MN_UDP_CONSUMED);
    expect_text(over_ipv6() ? &six : &zeros, "y");
    mn_udp_close(&f->udp, &six);
    assert_int_equal(deliver(f, peer, 53, "z"), over_ipv6() ? MN_UDP_NO_PORT : MN_UDP_CONSUMED);
    mn_udp_close(&f->udp, &zeros);
    assert_int_equal(mn_udp_open(&f->udp, &both, &any), 0);
    assert_int_equal(deliver(f, peer, 53, "both"), MN_UDP_CONSUMED);
    expect_text(&both, "both");
    assert_true(mn_udp_takes(&both, mnet_ipv4(10, 0, 0, 1)) && mn_udp_takes(&both, peer));
    mn_udp_close(&f->udp, &both);
}

static void open_contradicting_families_are_invalid(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    enum mnet_family other = over_ipv6() ? MNET_FAMILY_IPV4 : MNET_FAMILY_IPV6;
    struct mnet_address foreign = foreigner();
    struct mnet_udp_options local = {.local.address = us, .family = other},
                            remote = {.remote = {peer, 1}, .family = other},
                            ends = {.local.address = us, .remote = {foreign, 1}};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &local), MNET_E_INVALID);
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &remote), MNET_E_INVALID);
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &ends), MNET_E_INVALID);
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &(struct mnet_udp_options){.local.address = us}), 0);
    assert_true(mn_udp_takes(&endpoint, peer));
    assert_false(mn_udp_takes(&endpoint, foreign));
    assert_int_equal(mn_udp_connect(&f->udp, &endpoint, (struct mnet_endpoint){foreign, 1}), MNET_E_INVALID);
    mn_udp_close(&f->udp, &endpoint);
}

/* ---- Connected anew ---- */

static void connect_discards_what_is_of_others(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .icmp_errors = true};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    deliver(f, stranger, 53, "1");
    deliver(f, peer, 53, "2");
    deliver(f, stranger, 53, "3");
    report(f, MN_UNREACHABLE_PORT, stranger, 4000);
    size_t pinned = endpoint.pinned;
    assert_int_equal(mn_udp_connect(&f->udp, &endpoint, (struct mnet_endpoint){peer, 4000}), 0);
    assert_int_equal(endpoint.pinned, pinned / 3);
    assert_int_equal(f->udp.pinned, pinned / 3);
    deliver(f, peer, 53, "4");
    assert_int_equal(deliver(f, stranger, 53, "5"), MN_UDP_NO_PORT);
    expect_text(&endpoint, "2");
    expect_text(&endpoint, "4");
    expect_nothing(&endpoint);
    assert_int_equal(mn_udp_connect(&f->udp, &endpoint, (struct mnet_endpoint){stranger, 4000}), 0);
    assert_int_equal(deliver(f, peer, 53, "6"), MN_UDP_NO_PORT);
    deliver(f, stranger, 53, "7");
    expect_text(&endpoint, "7");
    assert_int_equal(mn_udp_connect(&f->udp, &endpoint, (struct mnet_endpoint){0}), 0);
    deliver(f, peer, 53, "8");
    expect_text(&endpoint, "8");
    mn_udp_close(&f->udp, &endpoint);
}

/* Without a remote end, the endpoint takes the families again that it was opened for. */
static void connect_to_nothing_takes_both_families_again(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_address foreign = foreigner();
    struct mnet_udp_options options = {.local.port = 53, .remote = {peer, 4000}};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    assert_false(mn_udp_takes(&endpoint, foreign));
    assert_int_equal(mn_udp_connect(&f->udp, &endpoint, (struct mnet_endpoint){foreign, 1}), 0);
    assert_true(mn_udp_takes(&endpoint, foreign));
    assert_int_equal(mn_udp_connect(&f->udp, &endpoint, (struct mnet_endpoint){0}), 0);
    assert_true(mn_udp_takes(&endpoint, foreign) && mn_udp_takes(&endpoint, peer));
    mn_udp_close(&f->udp, &endpoint);
}

static void connect_that_fails_changes_nothing(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint first, second;
    struct mnet_udp_options options = {.local.port = 53, .remote = {peer, 4000}};
    assert_int_equal(mn_udp_open(&f->udp, &first, &options), 0);
    open_port(f, &second, 53);
    deliver(f, stranger, 53, "1");
    assert_int_equal(mn_udp_connect(&f->udp, &second, (struct mnet_endpoint){peer, 4000}), MNET_E_IN_USE);
    assert_int_equal(mn_udp_connect(&f->udp, &second, (struct mnet_endpoint){peer, 0}), MNET_E_INVALID);
    assert_int_equal(mn_udp_connect(&f->udp, &first, (struct mnet_endpoint){0}), MNET_E_IN_USE);
    /* As it is. */
    assert_int_equal(mn_udp_connect(&f->udp, &first, (struct mnet_endpoint){peer, 4000}), 0);
    expect_text(&second, "1");
    deliver(f, peer, 53, "2");
    expect_text(&first, "2");
    mn_udp_close(&f->udp, &first);
    mn_udp_close(&f->udp, &second);
}

/* ---- Errors of many destinations ---- */

static void open_icmp_errors_name_their_destination(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .icmp_errors = true};
    struct mnet_endpoint from;
    char buffer[8];
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    deliver(f, peer, 53, "x");
    report(f, MN_UNREACHABLE_PORT, peer, 1);
    for (uint8_t i = 2; i <= 6; i++) /* there is no place for the last two */
        report(f, MN_UNREACHABLE_HOST, stranger, i);
    report(f, MN_UNREACHABLE_PROHIBITED, peer, 1); /* the same destination again */
    assert_int_equal(endpoint.unreachable, MNET_UNREACHABLE_PROHIBITED);
    assert_int_equal(mn_udp_receive(&endpoint, buffer, sizeof buffer, &from), MNET_E_UNREACHABLE);
    assert_true(mnet_address_equal(from.address, peer));
    for (uint16_t i = 2; i <= MN_UDP_ERRORS; i++) {
        assert_int_equal(mn_udp_receive(&endpoint, buffer, sizeof buffer, &from), MNET_E_UNREACHABLE);
        assert_true(mnet_address_equal(from.address, stranger));
        assert_int_equal(from.port, i);
        assert_int_equal(endpoint.unreachable, MNET_UNREACHABLE_HOST);
    }
    expect_text(&endpoint, "x");
    expect_nothing(&endpoint);
    mn_udp_close(&f->udp, &endpoint);
}

/* ---- Lent ---- */

#define MESSAGES 8

static struct mnet_udp_message lent[MESSAGES];
static struct mnet_slice pieces[MESSAGES];

static ptrdiff_t lend(struct mn_udp_endpoint *endpoint, int max, int slice_max)
{
    const struct mn_udp_loan loan = {lent, max, pieces, slice_max};
    return mn_udp_lend(endpoint, &loan);
}

static void expect_lent(int number, const char *text)
{
    size_t len = strlen(text), at = 0;
    assert_int_equal(lent[number].len, len);
    for (int i = 0; i < lent[number].slice_count; at += lent[number].slices[i++].len)
        assert_memory_equal(lent[number].slices[i].data, text + at, lent[number].slices[i].len);
    assert_int_equal(at, len);
}

/* N6-5.12-1 */
static void lent_datagrams_have_the_fields_of_their_headers(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mn_datagram datagram;
    open_port(f, &endpoint, 53);
    assert_int_equal(lend(&endpoint, MESSAGES, MESSAGES), MNET_E_DEADLINE);
    struct mnet_packet *packet = datagram_from(f, peer, 53, "abc", 3, &datagram);
    const uint8_t *bytes = packet->data + 8;
    datagram.traffic_class |= 3;
    mn_udp_input(&f->udp, &datagram, packet);
    deliver(f, stranger, 53, "");
    deliver(f, stranger, 53, "de");
    assert_int_equal(lend(&endpoint, 2, MESSAGES), 2);
    expect_lent(0, "abc");
    expect_lent(1, "");
    assert_ptr_equal(lent[0].slices[0].data, bytes); /* not a copy */
    assert_true(mnet_endpoint_equal(lent[0].remote, (struct mnet_endpoint){peer, 4000}));
    assert_true(mnet_address_equal(lent[0].local, us));
    assert_int_equal(lent[0].ttl, 63);
    assert_int_equal(lent[0].dscp, 10);
    assert_int_equal(lent[0].ecn, 3);
    assert_int_equal(lent[0].segment, 0);
    assert_true(mnet_address_equal(lent[1].remote.address, stranger));
    assert_int_equal(lend(&endpoint, MESSAGES, MESSAGES), 1);
    expect_lent(0, "de");
    mn_udp_release(&endpoint);
    assert_int_equal(endpoint.pinned, 0);
    assert_int_equal(lend(&endpoint, MESSAGES, MESSAGES), MNET_E_DEADLINE);
    mn_udp_close(&f->udp, &endpoint);
}

static void lent_datagrams_count_for_the_limits(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .queue_datagrams = 2};
    size_t before = mnet_memory_used(f->memory);
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    deliver(f, peer, 53, "1");
    deliver(f, peer, 53, "2");
    assert_int_equal(lend(&endpoint, MESSAGES, MESSAGES), 2);
    deliver(f, peer, 53, "3");
    assert_int_equal(counted(f, MNET_COUNT_UDP_DROP_QUEUE), 1);
    mn_udp_release(&endpoint);
    mn_udp_release(&endpoint); /* none are lent */
    deliver(f, peer, 53, "4");
    assert_int_equal(lend(&endpoint, MESSAGES, MESSAGES), 1);
    expect_lent(0, "4");
    deliver(f, peer, 53, "5");
    mn_udp_close(&f->udp, &endpoint);
    assert_int_equal(f->udp.pinned, 0);
    assert_int_equal(mnet_memory_used(f->memory), before);
}

/* Delivers a datagram whose payload is in `count` pieces of two bytes. */
static void deliver_pieces(struct udp_fixture *f, int count)
{
    struct mn_datagram datagram;
    struct mnet_packet *packet = datagram_from(f, peer, 53, "", 0, &datagram);
    struct mnet_buffer *buffer = mnet_buffer_alloc(f->memory);
    memcpy(buffer->bytes, "aabbccddee", 10);
    for (int i = 0; i < count; i++)
        assert_true(mnet_packet_add(packet, buffer, (uint32_t)(2 * i), 2));
    mnet_buffer_free(buffer);
    packet->data[5] = (uint8_t)(8 + 2 * count);
    packet->checksum = MNET_CHECKSUM_VERIFIED;
    assert_int_equal(mn_udp_input(&f->udp, &datagram, packet), MN_UDP_CONSUMED);
}

static void lent_pieces_fit_the_slices_or_wait(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    open_port(f, &endpoint, 53);
    deliver_pieces(f, 2);
    deliver_pieces(f, 3);
    deliver_pieces(f, 5);
    deliver(f, peer, 53, "last");
    assert_int_equal(lend(&endpoint, MESSAGES, 4), 1);
    expect_lent(0, "aabb");
    assert_int_equal(lend(&endpoint, MESSAGES, 3), 1);
    expect_lent(0, "aabbcc");
    assert_int_equal(lend(&endpoint, MESSAGES, 4), MNET_E_TOO_BIG); /* and it is dropped */
    assert_int_equal(lend(&endpoint, MESSAGES, 4), 1);
    expect_lent(0, "last");
    mn_udp_release(&endpoint);
    assert_int_equal(endpoint.pinned, 0);
    mn_udp_close(&f->udp, &endpoint);
}

static void lent_error_comes_first_with_its_ends(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .icmp_errors = true};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    deliver(f, peer, 53, "x");
    report(f, MN_UNREACHABLE_PORT, stranger, 7);
    assert_int_equal(lend(&endpoint, MESSAGES, MESSAGES), MNET_E_REFUSED);
    assert_true(mnet_endpoint_equal(lent[0].remote, (struct mnet_endpoint){stranger, 7}));
    assert_true(mnet_address_equal(lent[0].local, us));
    assert_int_equal(lend(&endpoint, MESSAGES, MESSAGES), 1);
    mn_udp_close(&f->udp, &endpoint);
}

static void lent_equal_datagrams_are_merged_on_request(void **state)
{
    static const struct {
        const char *text;
        bool from_peer;
    } sent[] = {{"aaa", true}, {"bbb", true}, {"c", true}, {"d", true},  {"eee", true},
                {"f", false},  {"", false},   {"g", true}, {"hh", true}, {"ii", true}};
    static const struct {
        const char *text;
        uint16_t segment;
    } merged[] = {{"aaabbbc", 3}, {"d", 0}, {"eee", 0}, {"f", 0}, {"", 0}, {"g", 0}, {"hhii", 2}};
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .merge = true};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++)
        deliver(f, sent[i].from_peer ? peer : stranger, 53, sent[i].text);
    for (size_t i = 0; i < sizeof merged / sizeof merged[0]; i++) {
        assert_int_equal(lend(&endpoint, 1, MESSAGES), 1);
        expect_lent(0, merged[i].text);
        assert_int_equal(lent[0].segment, merged[i].segment);
    }
    for (int i = 0; i < 3; i++)
        deliver(f, peer, 53, "kk");
    assert_int_equal(lend(&endpoint, MESSAGES, 2), 1);
    expect_lent(0, "kkkk"); /* as many as there are slices */
    assert_int_equal(lend(&endpoint, MESSAGES, 2), 1);
    expect_lent(0, "kk");
    assert_int_equal(lent[0].segment, 0);
    mn_udp_close(&f->udp, &endpoint);
}

/* Another TTL or ECN mark would be lost in the merge. */
static void lent_datagrams_of_other_headers_are_not_merged(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    struct mnet_udp_options options = {.local.port = 53, .merge = true};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    for (int i = 0; i < 4; i++) {
        struct mn_datagram datagram;
        struct mnet_packet *packet = datagram_from(f, peer, 53, "ab", 2, &datagram);
        datagram.ttl = (uint8_t)(datagram.ttl - (i == 1));
        datagram.traffic_class |= i == 3 ? 3 : 0;
        mn_udp_input(&f->udp, &datagram, packet);
    }
    assert_int_equal(lend(&endpoint, MESSAGES, MESSAGES), 4);
    mn_udp_close(&f->udp, &endpoint);
}

/* ---- Sent ---- */

/* N6-5.12-1 */
static void output_takes_fields_and_bytes_of_the_message(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint = {.local.port = 4000, .ttl = 7, .dscp = 46, .dont_fragment = true};
    const struct mnet_slice slices[] = {{"ab", 2}, {NULL, 0}, {"cdefg", 5}, {"h", 1}};
    struct mnet_udp_message message = {.remote = {us, 53}, .local = peer, .ttl = 3, .dscp = 8, .ecn = 2};
    struct mn_udp_bytes bytes = {.slice = slices, .left = 8};
    static const char *const expected[] = {"abc", "def", "gh"};
    for (size_t i = 0; i < 3; i++) {
        struct mn_datagram datagram;
        size_t len = strlen(expected[i]);
        struct mnet_packet *packet = mn_udp_output(&f->udp, &endpoint, &message, &bytes, len, &datagram);
        assert_int_equal(packet->total, 8 + len);
        assert_memory_equal(packet->data + 8, expected[i], len);
        assert_int_equal(datagram.ttl, 3);
        assert_int_equal(datagram.traffic_class, 8 << 2 | 2);
        assert_true(datagram.dont_fragment);
        assert_true(mnet_address_equal(datagram.source, peer) && mnet_address_equal(datagram.destination, us));
        mnet_packet_free(packet);
    }
    assert_int_equal(bytes.left, 0);
}

/* FLOW-3-1, N6-5.1-9, N6-5.1-10: one label for a flow, another for another flow, none over IPv4. */
static void output_labels_flows_over_ipv6(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint = {.local.port = 4000};
    const struct mnet_endpoint ends[] = {{us, 53}, {us, 53}, {us, 54}, {stranger, 53}};
    uint32_t labels[4];
    for (int i = 0; i < 4; i++) {
        struct mn_datagram datagram;
        mnet_packet_free(udp_output(f, &endpoint, peer, ends[i], "x", 1, &datagram));
        labels[i] = datagram.flow_label;
        assert_int_equal(labels[i] != 0, over_ipv6());
        assert_in_range(labels[i], 0, 0xfffff);
    }
    assert_int_equal(labels[0], labels[1]);
    assert_int_equal(labels[0] != labels[2], over_ipv6());
    assert_int_equal(labels[0] != labels[3], over_ipv6());
}

/* PMTU-4-1: a router can refuse only a datagram of ours that is larger than it says. */
static void icmp_too_big_is_believed_if_it_can_be_true(void **state)
{
    struct udp_fixture *f = *state;
    struct mn_udp_endpoint endpoint;
    const uint32_t header = over_ipv6() ? 40 : 20;
    const struct {
        uint16_t length, port;
        uint32_t mtu;
        bool believed;
    } cases[] = {
        {1460, 4000, header + 1459, true},
        {1460, 4000, header + 1460, false},
        {1460, 4000, 0, true},
        {1460, 4001, header + 1459, false},
        {9, 4000, 1280, false},
    };
    struct mnet_udp_options options = {.local.port = 53, .remote = {peer, 4000}};
    assert_int_equal(mn_udp_open(&f->udp, &endpoint, &options), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t quote[8] = {0,
                                  53,
                                  (uint8_t)(cases[i].port >> 8),
                                  (uint8_t)cases[i].port,
                                  (uint8_t)(cases[i].length >> 8),
                                  (uint8_t)cases[i].length};
        const struct mn_icmp_error error = {
            .reason = MN_UNREACHABLE_TOO_BIG,
            .mtu = cases[i].mtu,
            .protocol = MN_PROTOCOL_UDP,
            .local = us,
            .remote = peer,
            .quote = quote,
            .quote_len = sizeof quote,
        };
        assert_int_equal(mn_udp_icmp(&f->udp, &error), cases[i].believed);
    }
    assert_false(mn_udp_readable(&endpoint));
    mn_udp_close(&f->udp, &endpoint);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, udp_setup, udp_teardown)
    const struct CMUnitTest tests[] = {
        TEST(open_families_share_a_port),
        TEST(open_contradicting_families_are_invalid),
        TEST(connect_discards_what_is_of_others),
        TEST(connect_to_nothing_takes_both_families_again),
        TEST(connect_that_fails_changes_nothing),
        TEST(open_icmp_errors_name_their_destination),
        TEST(lent_datagrams_have_the_fields_of_their_headers),
        TEST(lent_datagrams_count_for_the_limits),
        TEST(lent_pieces_fit_the_slices_or_wait),
        TEST(lent_error_comes_first_with_its_ends),
        TEST(lent_equal_datagrams_are_merged_on_request),
        TEST(lent_datagrams_of_other_headers_are_not_merged),
        TEST(output_labels_flows_over_ipv6),
        TEST(icmp_too_big_is_believed_if_it_can_be_true),
        TEST(output_takes_fields_and_bytes_of_the_message),
    };
    int failed = cmocka_run_group_tests_name("over IPv4", tests, NULL, NULL);
    use_ipv6();
    return failed + cmocka_run_group_tests_name("over IPv6", tests, NULL, NULL);
}
