/* The host loses its address (RFC 2131 4.4.5: a client without a lease stops using it), or learns
 * another MTU. */
#include "tests/tcp/harness.h"

/* In any state the connection falls silent: it sends no reset and no retransmission, and nothing is
 * left of it. */
SCRIPT(any_state_address_lost_is_silence)
{
    static const enum mn_tcp_state states[] = {MN_LISTEN,     MN_SYN_SENT,   MN_SYN_RECEIVED, MN_ESTABLISHED,
                                               MN_FIN_WAIT_1, MN_FIN_WAIT_2, MN_CLOSE_WAIT,   MN_CLOSING,
                                               MN_LAST_ACK,   MN_TIME_WAIT};
    for (unsigned i = 0; i < MN_COUNT_OF(states); i++) {
        struct tcp_test t;
        tcp_reach(states[i], TCP_SETUP(&t));
        drain(&t, NULL);
        mn_tcp_address_lost(t.tcp, t.local.address);
        pump(&t);
        wait_ms(&t, 300000);
        expect_nothing(&t);
        assert_usage(&t, established, 0);
        assert_usage(&t, half_open, 0);
        tcp_end(&t);
    }
}

SCRIPT(established_address_lost_is_told_behind_what_came)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 5000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "unread");
    drain(&t, NULL);
    mn_tcp_address_lost(t.tcp, t.local.address);
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, "x", 1, false, t.now), MNET_E_NO_ADDRESS);
    read_text(&t, "unread");
    read_result(&t, MNET_E_NO_ADDRESS);
    wait_ms(&t, 300000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* A SYN of ours without an answer. */
SCRIPT(syn_sent_address_lost_fails)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    mn_tcp_address_lost(t.tcp, t.local.address);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_NO_ADDRESS);
    tcp_end(&t);
}

SCRIPT(established_another_address_lost_is_nothing)
{
    struct tcp_test t;
    tcp_established(&t);
    mn_tcp_address_lost(t.tcp, t.remote.address);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    read_text(&t, "abc");
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* MUST-14, SHLD-5: the announced MSS follows the link. */
SCRIPT(listen_mtu_changed_is_announced)
{
    struct tcp_test t;
    tcp_listen(&t);
    mn_path_mtus_set_link(&t.paths, link_mtu(1300), link_mtu(1300));
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1300);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_state_address_lost_is_silence),
        cmocka_unit_test(established_address_lost_is_told_behind_what_came),
        cmocka_unit_test(syn_sent_address_lost_fails),
        cmocka_unit_test(established_another_address_lost_is_nothing),
        cmocka_unit_test(listen_mtu_changed_is_announced),
    };
    return run_scripts("tcp_address", tests);
}
