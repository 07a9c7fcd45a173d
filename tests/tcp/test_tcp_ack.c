/* When acknowledgements are sent (RFC 9293 3.8.6.3, RFC 5681 4.2). */
#include "tests/tcp/harness.h"

/* SHLD-18, MUST-40: delayed, but by less than half a second. */
SCRIPT(established_one_segment_is_acknowledged_late)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    at_ms(&t, 39);
    expect_nothing(&t); /* SHLD-18 */
    at_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 1461, .flags = ACK); /* MUST-40 */
    at_ms(&t, 1000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* SHLD-19 */
SCRIPT(established_every_second_full_segment_is_acknowledged)
{
    struct tcp_test t;
    tcp_established(&t);
    for (uint32_t seq = 1; seq < 20 * MSS; seq += 2 * MSS) {
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)MSS);
        expect_nothing(&t);
        send_(&t, .seq = seq + MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
        expect(&t, .seq = 1, .ack = seq + 2 * MSS, .flags = ACK); /* SHLD-19 */
        read_pattern(&t, seq - 1, 2 * MSS);
        drain(&t, NULL); /* window updates, if any */
    }
    wait_ms(&t, 100);
    expect_nothing(&t);
    tcp_end(&t);
}

/* MUST-58, MUST-59: segments that arrive together are acknowledged once. */
SCRIPT(established_a_burst_is_acknowledged_together)
{
    struct tcp_test t;
    tcp_established(&t);
    t.hold_output = true;
    for (uint32_t i = 0; i < 8; i++)
        send_(&t, .seq = 1 + i * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    t.hold_output = false;
    expect(&t, .seq = 1, .ack = 1 + 8 * MSS, .flags = ACK); /* MUST-58 MUST-59 */
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(established_data_carries_the_acknowledgement)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1461, .flags = ACK, .data = "x");
    send_(&t, .seq = 1461, .ack = 2, .flags = ACK);
    wait_ms(&t, 500);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 5681 4.2: a segment out of order, or one that fills a hole, is acknowledged at once. */
SCRIPT(established_out_of_order_is_acknowledged_at_once)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1 + 2 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    expect(&t, .seq = 1, .ack = 101, .flags = ACK); /* fills a part of the hole */
    send_(&t, .seq = 101, .ack = 1, .flags = ACK, .len = 1360);
    expect(&t, .seq = 1, .ack = 1 + 3 * MSS, .flags = ACK);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(established_old_data_is_acknowledged_at_once)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    tcp_end(&t);
}

/* An acknowledgement alone is never acknowledged. */
SCRIPT(established_pure_ack_is_not_answered)
{
    struct tcp_test t;
    tcp_established(&t);
    for (int i = 0; i < 10; i++)
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    wait_ms(&t, 1000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* A keep-alive of a peer (RFC 9293 3.8.4: SEG.SEQ = SND.NXT-1, without or with an octet) is
 * answered. */
SCRIPT(established_keep_alive_is_answered)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 0, .ack = 1, .flags = ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 0, .ack = 1, .flags = ACK, .len = 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 5681 2: data is no duplicate acknowledgement, so an ACK on data does not count as one of
 * those owed. A peer without SACK counts duplicates. */
SCRIPT(established_duplicates_are_owed_beside_data)
{
    struct tcp_test t;
    tcp_established(&t);
    t.hold_output = true;
    for (uint32_t i = 1; i <= 3; i++)
        send_(&t, .seq = 1 + i * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    write_text(&t, "x");
    t.hold_output = false;
    pump(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    for (int i = 0; i < 3; i++)
        expect(&t, .seq = 2, .ack = 1, .flags = ACK, .len = 0);
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 2, .ack = 1 + 4 * MSS, .flags = ACK); /* the filled hole owes no duplicate */
    wait_ms(&t, 1000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* A full segment with PSH ends a burst. Its sender waits for the acknowledgement, so a delay gains
 * nothing. A small segment may be a request, whose answer carries the acknowledgement. */
SCRIPT(established_full_segment_with_push_is_acknowledged_at_once)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | PSH, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK);
    send_(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK | PSH, .len = 100);
    at_ms(&t, 39);
    expect_nothing(&t);
    at_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 101 + MSS, .flags = ACK);
    tcp_end(&t);
}

/* While a peer recovers, its window is small, and each delay makes the round trip longer. RFC 5681
 * 4.2: such acknowledgements "accelerate loss recovery". So the next 16 full segments are not
 * delayed either. Later ones are (SHLD-18). */
SCRIPT(established_after_a_loss_full_segments_are_acknowledged_at_once)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 1 + 2 * MSS, .flags = ACK);
    uint32_t seq = 1 + 2 * MSS;
    for (int i = 1; i < 16; i++, seq += MSS) {
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)MSS);
        expect(&t, .seq = 1, .ack = seq + MSS, .flags = ACK);
        read_pattern(&t, seq - 1 - 2 * MSS, MSS);
        drain(&t, NULL);
    }
    send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect_nothing(&t);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = seq + MSS, .flags = ACK);
    tcp_end(&t);
}

/* RFC 5961 7 limits challenges. A peer that sends old data again has lost acknowledgements, so it
 * gets one each time. */
SCRIPT(established_old_data_is_acknowledged_without_limit)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    read_text(&t, "hello");
    wait_ms(&t, 40);
    drain(&t, NULL);
    for (int i = 0; i < 100; i++) {
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
        expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    }
    expect_nothing(&t);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_one_segment_is_acknowledged_late),
        cmocka_unit_test(established_every_second_full_segment_is_acknowledged),
        cmocka_unit_test(established_a_burst_is_acknowledged_together),
        cmocka_unit_test(established_data_carries_the_acknowledgement),
        cmocka_unit_test(established_out_of_order_is_acknowledged_at_once),
        cmocka_unit_test(established_old_data_is_acknowledged_at_once),
        cmocka_unit_test(established_pure_ack_is_not_answered),
        cmocka_unit_test(established_keep_alive_is_answered),
        cmocka_unit_test(established_duplicates_are_owed_beside_data),
        cmocka_unit_test(established_full_segment_with_push_is_acknowledged_at_once),
        cmocka_unit_test(established_after_a_loss_full_segments_are_acknowledged_at_once),
        cmocka_unit_test(established_old_data_is_acknowledged_without_limit),
    };
    return run_scripts("tcp_ack", tests);
}
