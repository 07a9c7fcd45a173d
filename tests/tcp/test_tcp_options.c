/* Options of segments: RFC 9293 3.2 and 3.7.1, RFC 7323 2; options that are not supported. */
#include "tests/tcp/harness.h"

/* MUST-4, MUST-5, MUST-6, MUST-64, MUST-68: in any segment, at any alignment, known or not. */
SCRIPT(established_options_in_data_segments_are_skipped)
{
    static const uint8_t lists[][12] = {
        {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},                /* NOP */
        {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, /* ignored after the end of the list */
        /* Unknown ones, at odd places (MUST-6, MUST-64, MUST-68). */
        {1, 254, 4, 9, 9, 1, 253, 5, 1, 2, 3, 0},
        {2, 4, 0, 10, 1, 1, 1, 0, 0, 0, 0, 0}, /* an MSS outside of a SYN means nothing */
        {1, 3, 3, 9, 1, 2, 4, 0, 1, 1, 77, 2}, /* nor does a window scale */
        {8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1}, /* timestamps that were not agreed */
        {5, 10, 0, 0, 0, 1, 0, 0, 0, 9, 4, 2}, /* SACK that was not agreed */
    };
    struct tcp_test t;
    tcp_established(&t);
    for (unsigned i = 0; i < MN_COUNT_OF(lists); i++) {
        send_(&t, .seq = 1 + 5 * i, .ack = 1, .flags = ACK, .data = "hello", .options = lists[i], .options_len = 12);
        read_text(&t, "hello"); /* MUST-4 MUST-5 */
    }
    drain(&t, NULL);
    assert_int_equal(t.tcb->snd_mss, 1460);
    assert_int_equal(t.tcb->snd_wnd, 65535);
    tcp_end(&t);
}

SCRIPT(listen_syn_options_at_any_alignment)
{
    static const uint8_t options[] = {1, 2, 4, 500 >> 8, 500 & 255, 254, 3, 9, 3, 3, 2, 0};
    struct tcp_test t;
    tcp_listen(&t, .no_delay = true);
    send_(&t, .flags = SYN, .options = options, .options_len = sizeof options, .window = 60000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .shift = 0); /* MUST-64 */
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 15000);
    accept_(&t);
    assert_int_equal(t.tcb->snd_mss, 500);
    assert_int_equal(t.tcb->snd_wnd, 60000);
    tcp_end(&t);
}

/* MUST-7: no illegal length does harm: every length at every place, in SYNs and in data
 * segments. */
SCRIPT(any_state_illegal_option_lengths_do_no_harm)
{
    struct tcp_test t;
    tcp_established(&t);
    uint32_t next = 1;
    for (unsigned kind = 2; kind < 256; kind += kind < 9 ? 1 : 61) {
        for (unsigned len = 0; len < 256; len += len < 45 ? 1 : 41) {
            for (unsigned place = 0; place < 4; place++) {
                uint8_t options[40];
                memset(options, 1, sizeof options);
                options[place * 13] = (uint8_t)kind;
                if (place < 3)
                    /* The last place has no room for a length. */
                    options[place * 13 + 1] = (uint8_t)len;
                struct mnet_endpoint other = endpoint(10, 0, 0, 1, (uint16_t)(1000 + next % 20000));
                send_(&t, .seq = next, .ack = 1, .flags = ACK, .data = "x", .options = options, .options_len = 40);
                send_(&t, .seq = 0, .flags = SYN, .options = options, .options_len = 40, .from = other);
                send_(&t, .seq = 1, .flags = RST, .from = other);
                uint8_t got;
                /* MUST-7: accepted or dropped. */
                next += mn_tcp_receive(t.tcp, t.tcb, &got, 1, t.now) == 1;
                drain(&t, NULL);
            }
        }
    }
    expect_state(&t, MN_ESTABLISHED);
    send_(&t, .seq = next, .ack = 1, .flags = ACK, .data = "alive");
    read_text(&t, "alive");
    tcp_end(&t);
}

/* MUST-15: without an MSS option 536 for IPv4, 1220 for IPv6. */
SCRIPT(established_without_mss_option_sends_the_default)
{
    struct tcp_test t;
    tcp_established(&t, .mss = NO, .no_delay = true);
    write_bytes(&t, DEFAULT_MSS + 400);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = DEFAULT_MSS); /* MUST-15 */
    expect(&t, .seq = 1 + DEFAULT_MSS, .ack = 1, .flags = ACK, .len = 400);
    tcp_end(&t);
    tcp_established(&t, .mss = NO, .active = true);
    write_bytes(&t, DEFAULT_MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = DEFAULT_MSS);
    tcp_end(&t);
}

/* MUST-14, MUST-16, PMTU-5.4-1: the smaller of the peer's MSS and the link's size. */
SCRIPT(established_segments_are_as_large_as_both_allow)
{
    struct tcp_test t;
    tcp_established(&t, .mss = 1000, .no_delay = true);
    write_bytes(&t, 1500);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000); /* MUST-14 MUST-16 */
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 500);
    tcp_end(&t);
    tcp_established(&t, .mss = 65535, .no_delay = true);
    write_bytes(&t, 2000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460); /* MUST-16 */
    tcp_end(&t);
    tcp_established(&t, .mtu = family_mtu_min(tcp_family()), .no_delay = true);
    write_bytes(&t, 2000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = tcp_family() == IPV4 ? 536 : 1220);
    tcp_end(&t);
}

/* MUST-67, IP6-8.3-1: the announced MSS is the MTU without the headers, 40 bytes over IPv4 and 60
 * over IPv6. */
SCRIPT(syn_sent_mss_follows_the_mtu)
{
    static const uint16_t mtus[] = {1280, 1500, 9000};
    const uint16_t headers = tcp_family() == IPV4 ? 40 : 60;
    for (unsigned i = 0; i < MN_COUNT_OF(mtus); i++) {
        struct tcp_test t;
        tcp_closed(&t, .mtu = mtus[i]);
        open_active(&t);
        expect(&t, .seq = 0, .flags = SYN, .mss = mtus[i] - headers); /* MUST-67 */
        tcp_end(&t);
        tcp_listen(&t, .mtu = mtus[i]);
        send_(&t, .flags = SYN, .mss = 1460);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = mtus[i] - headers);
        tcp_end(&t);
    }
}

/* A path with a known smaller MTU limits our segments. The MSS that we announce does not depend on
 * it (PMTU-5.4-2). */
SCRIPT(open_with_a_path_mtu_sends_smaller_segments)
{
    struct tcp_test t;
    tcp_closed(&t);
    learn_path_mtu(&t, link_mtu(1300));
    struct mn_tcp_open open = {.local = t.local, .remote = t.remote, .no_delay = true};
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
    expect(&t, .seq = 0, .flags = SYN, .mss = 1460);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    write_bytes(&t, 2000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1300); /* SHLD-6 */
    tcp_end(&t);
}

/* Tiny announcements are raised: no peer makes us send a segment for every byte. */
SCRIPT(established_tiny_mss_is_raised)
{
    static const int tiny[] = {0, 1, 63};
    for (unsigned i = 0; i < MN_COUNT_OF(tiny); i++) {
        struct tcp_test t;
        tcp_established(&t, .mss = tiny[i], .no_delay = true);
        write_bytes(&t, 640);
        uint32_t bytes;
        unsigned segments = drain(&t, &bytes);
        assert_in_range(bytes, 64, 640);
        assert_true(segments <= 10);
        assert_true(bytes / segments >= 64);
        tcp_end(&t);
    }
}

/* RFC 7323 2.3: a shift above 14 counts as 14. */
SCRIPT(established_window_scale_above_14_is_14)
{
    struct tcp_test t;
    tcp_established(&t, .shift = 200, .window = 1);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 2);
    assert_int_equal(t.tcb->snd_wnd, 2u << 14);
    tcp_end(&t);
}

/* RFC 7323 1.3: SYN,ACK has only the options that the SYN had. */
SCRIPT(listen_syn_ack_has_window_scale_only_if_asked)
{
    struct tcp_test t;
    tcp_listen(&t, .receive_buffer = 1u << 20);
    send_(&t, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460, .shift = NO);
    tcp_end(&t);
    tcp_listen(&t, .receive_buffer = 1u << 20);
    send_(&t, .flags = SYN, .mss = NO, .shift = 0);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    assert_true(t.seen.header.options & MN_TCP_OPTION_WINDOW_SCALE);
    tcp_end(&t);
}

/* Options that were not agreed are not used: no SACK and no timestamps in segments to a peer that
 * did not offer them. */
SCRIPT(syn_received_no_options_beyond_those_of_the_syn)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    assert_int_equal(t.seen.header.options & ~MN_TCP_OPTION_MSS, 0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 2, .flags = ACK);
    assert_int_equal(t.seen.header.options, 0);
    tcp_end(&t);
}

/* Fast Open (RFC 7413) is not supported: its cookie request is an unknown option, and data on the
 * SYN is asked for again. */
SCRIPT(listen_fast_open_is_a_plain_syn)
{
    static const uint8_t request[] = {34, 2, 1, 1}, cookie[] = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
    for (int with_cookie = 0; with_cookie < 2; with_cookie++) {
        struct tcp_test t;
        tcp_listen(&t);
        send_(&t, .flags = SYN, .data = "hello", .options = with_cookie ? cookie : request,
              .options_len = with_cookie ? sizeof cookie : sizeof request);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
        assert_int_equal(t.seen.total, 20 + 4); /* the MSS and no other option */
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
        accept_(&t);
        read_text(&t, "hello");
        tcp_end(&t);
    }
}

/* Signatures (RFC 2385, RFC 5925) that were not agreed mean nothing. */
SCRIPT(established_signatures_mean_nothing)
{
    uint8_t md5[20] = {19, 18}, ao[16] = {29, 16};
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .flags = SYN, .options = md5, .options_len = sizeof md5);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    assert_int_equal(t.seen.total, 20 + 4);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .options = ao, .options_len = sizeof ao);
    accept_(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "signed", .options = md5, .options_len = sizeof md5);
    read_text(&t, "signed");
    send_(&t, .seq = 7, .ack = 1, .flags = ACK, .data = "or not");
    read_text(&t, "or not");
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_options_in_data_segments_are_skipped),
        cmocka_unit_test(listen_syn_options_at_any_alignment),
        cmocka_unit_test(any_state_illegal_option_lengths_do_no_harm),
        cmocka_unit_test(established_without_mss_option_sends_the_default),
        cmocka_unit_test(established_segments_are_as_large_as_both_allow),
        cmocka_unit_test(syn_sent_mss_follows_the_mtu),
        cmocka_unit_test(open_with_a_path_mtu_sends_smaller_segments),
        cmocka_unit_test(established_tiny_mss_is_raised),
        cmocka_unit_test(established_window_scale_above_14_is_14),
        cmocka_unit_test(listen_syn_ack_has_window_scale_only_if_asked),
        cmocka_unit_test(syn_received_no_options_beyond_those_of_the_syn),
        cmocka_unit_test(listen_fast_open_is_a_plain_syn),
        cmocka_unit_test(established_signatures_mean_nothing),
    };
    return run_scripts("tcp_options", tests);
}
