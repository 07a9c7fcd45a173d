/* The urgent mechanism: RFC 9293 3.8.5. */
#include "harness.h"

#include "tcp/urgent.h"

static void send_urgent(struct tcp_test *t, const char *text)
{
    write_text(t, text);
    mn_tcp_send_urgent(t->tcp, t->tcb);
    pump(t);
}

/* MUST-30, MUST-62: the pointer is that of the octet after the last urgent one, relative to the
 * segment. */
SCRIPT(established_urgent_data_is_announced)
{
    struct tcp_test t;
    tcp_established(&t);
    t.hold_output = true;
    send_urgent(&t, "abc");
    t.hold_output = false;
    pump(&t);
    expect(&t, .seq = 1, .ack = 1, .data = "abc", .flags = ACK | URG, .urgent = 3);
    write_text(&t, "def");
    send_(&t, .seq = 1, .ack = 4, .flags = ACK);
    expect(&t, .seq = 4, .ack = 1, .data = "def", .flags = ACK, .urgent = 0);
    tcp_end(&t);
}

/* MUST-31: urgent data of any length. If the pointer cannot express it, later segments do. The
 * pointer is relative to each segment, so no large packet stands for several. */
SCRIPT(established_urgent_data_of_any_length)
{
    struct tcp_test t;
    tcp_established(&t, .gso_max = 65535, .window = 65535, .shift = 4);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 65535);
    t.hold_output = true;
    write_bytes(&t, 100000);
    mn_tcp_send_urgent(t.tcp, t.tcb);
    t.hold_output = false;
    pump(&t);
    uint32_t at = 1;
    for (const struct tcp_output *next; (next = peek_output(&t)) != NULL; at += next->len) {
        uint32_t left = 100001 - at;
        assert_int_equal(next->gso_size, 0);
        expect(&t, .seq = at, .ack = 1, .flags = ACK | URG, .len = ANY, .urgent = left > 65535 ? 65535 : (int)left);
        next = &t.seen;
    }
    assert_in_range(at, 10 * 1460 + 1, 100001);
    tcp_end(&t);
}

/* MUST-66 on the sending side: the peer gets the pointer through a closed window. */
SCRIPT(established_urgent_data_is_announced_through_a_closed_window)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0);
    send_urgent(&t, "abc");
    expect(&t, .seq = 1, .ack = 1, .len = 0, .flags = ACK | URG, .urgent = 3);
    tcp_end(&t);
}

/* MUST-32, MUST-33: the user gets an event, and can ask for the number of urgent bytes. */
SCRIPT(established_urgent_pointer_is_reported)
{
    struct tcp_test t;
    tcp_established(&t);
    assert_int_equal(mn_tcp_urgent(t.tcb), 0);
    while (mn_tcp_fetch_event(t.tcp) != NULL)
        ;
    /* Two more are to come. */
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | URG, .data = "abc", .urgent = 5);
    assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
    assert_int_equal(mn_tcp_urgent(t.tcb), 5);
    assert_int_equal(mn_tcp_ready(t.tcb) & MNET_URGENT, MNET_URGENT);
    read_text(&t, "abc");
    assert_int_equal(mn_tcp_urgent(t.tcb), 2);
    send_(&t, .seq = 4, .ack = 1, .flags = ACK, .data = "defg");
    read_text(&t, "defg");
    assert_int_equal(mn_tcp_urgent(t.tcb), 0);
    assert_int_equal(mn_tcp_ready(t.tcb) & MNET_URGENT, 0);
    tcp_end(&t);
}

/* An advance is an event (MUST-32), an older pointer is none. */
SCRIPT(established_urgent_pointer_only_advances)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | URG, .urgent = 10);
    assert_int_equal(mn_tcp_urgent(t.tcb), 10);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | URG, .urgent = 4);
    assert_int_equal(mn_tcp_urgent(t.tcb), 10);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | URG, .urgent = 12);
    assert_int_equal(mn_tcp_urgent(t.tcb), 12);
    tcp_end(&t);
}

/* MUST-66: with a closed receive window URG is still processed. */
SCRIPT(established_urgent_pointer_with_a_closed_receive_window)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 4096);
    for (uint32_t at = 1; at < 4097; at += 1024)
        send_(&t, .seq = at, .ack = 1, .flags = ACK, .len = 1024);
    drain(&t, NULL);
    send_(&t, .seq = 4097, .ack = 1, .flags = ACK | URG, .urgent = 1);
    assert_int_equal(mn_tcp_urgent(t.tcb), 4097);
    tcp_end(&t);
}

/* A pointer of long ago is not ahead again when sequence numbers have gone half around. */
SCRIPT(established_urgent_pointer_is_forgotten_in_time)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | URG, .data = "a", .urgent = 1);
    read_text(&t, "a");
    /* Three gigabytes later. */
    for (int step = 0; step < 3; step++) {
        t.tcb->rcv_nxt += 1u << 30;
        struct mn_segment seg = {.seq = t.tcb->rcv_nxt, .flags = ACK};
        mn_urgent_input(t.tcp, t.tcb, &seg);
        assert_int_equal(mn_tcp_urgent(t.tcb), 0);
    }
    t.tcb->rcv_nxt -= 3u << 30;
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_urgent_data_is_announced),
        cmocka_unit_test(established_urgent_data_of_any_length),
        cmocka_unit_test(established_urgent_data_is_announced_through_a_closed_window),
        cmocka_unit_test(established_urgent_pointer_is_reported),
        cmocka_unit_test(established_urgent_pointer_only_advances),
        cmocka_unit_test(established_urgent_pointer_with_a_closed_receive_window),
        cmocka_unit_test(established_urgent_pointer_is_forgotten_in_time),
    };
    return run_scripts("tcp_urgent", tests);
}
