/* The own address: probing, announcing, conflicts, defence (RFC 5227). */
#include "tests/support/ip_host.h"

static void start(struct ip_host *h, bool probe)
{
    struct mn_ip_config config = ip_host_config(h);
    config.user.address_probe = probe;
    assert_int_equal(ip_host_start(h, &config), 0);
}

static void expect_announcement(struct ip_host *h)
{
    expect_arp(h, MN_ARP_REQUEST, ALL_MAC, OWN_IP, OWN_IP);
}

static void claim_by_other(struct ip_host *h)
{
    receive_arp(h, .operation = MN_ARP_REQUEST, .sender_mac = OTHER_MAC, .sender_ip = OWN_IP, .target_ip = PEER_IP);
}

static void unprobed_address_is_ours_and_announced_twice(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, false);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_OURS);
    expect_announcement(&h);
    expect_silence(&h);
    pass_ms(&h, 2001);
    expect_announcement(&h);
    pass_ms(&h, 60000);
    expect_silence(&h);
    assert_int_equal(mn_ip_deadline(&h.ip), MNET_NEVER);
    ip_host_down(&h);
}

static void probing_three_probes_then_ours(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, true);
    unsigned probes = 0;
    uint64_t at[3], began = h.now;
    static struct sent sent;
    for (int step = 0; step < 10000 && mn_ip_address_state(&h.ip) == MN_IP_ADDRESS_PROBING; step++) {
        pass_ms(&h, 1);
        if (mn_ip_address_state(&h.ip) != MN_IP_ADDRESS_PROBING || !take_sent(&h, &sent))
            continue;
        assert_true(probes < 3);
        at[probes++] = h.now;
        assert_true(mn_mac_equal(sent.ethernet.destination, ALL_MAC));
        assert_int_equal(sent.arp.operation, MN_ARP_REQUEST);
        assert_int_equal(sent.arp.sender_ip, 0);
        assert_int_equal(sent.arp.target_ip, OWN_IP);
        assert_true(mn_mac_equal(sent.arp.sender_mac, OWN_MAC) && mn_mac_equal(sent.arp.target_mac, NO_MAC));
    }
    assert_int_equal(probes, 3);
    assert_true(at[0] - began <= 1002 * MNET_MILLISECOND);
    for (int i = 0; i < 2; i++) {
        assert_true(at[i + 1] - at[i] >= 999 * MNET_MILLISECOND);
        assert_true(at[i + 1] - at[i] <= 2002 * MNET_MILLISECOND);
    }
    assert_true(h.now - at[2] >= 1999 * MNET_MILLISECOND);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_OURS);
    expect_announcement(&h);
    pass_ms(&h, 2001);
    expect_announcement(&h);
    expect_silence(&h);
    ip_host_down(&h);
}

/* RFC 5227 2.1: nobody answers on a link that is down, so no address is ours by that. Probing
 * begins when the link comes up, also if the link went down behind the last probe. */
static void probing_waits_for_the_link(void **state)
{
    (void)state;
    for (unsigned sent_before = 0; sent_before <= 3; sent_before += 3) {
        struct ip_host h;
        unsigned probes = 0;
        start(&h, true);
        while (probes < sent_before) {
            pass_ms(&h, 1);
            probes += discard_sent(&h);
        }
        mn_ip_note_link_down(&h.ip);
        pass_ms(&h, 60000);
        expect_silence(&h);
        assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_PROBING);
        mn_ip_note_link_up(&h.ip, h.now);
        for (probes = 0; probes < 3; probes += discard_sent(&h)) {
            assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_PROBING);
            pass_ms(&h, 1);
        }
        pass_ms(&h, 2001);
        assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_OURS);
        expect_announcement(&h);
        ip_host_down(&h);
    }
}

/* Nobody can object to a probe that found no memory. */
static void probing_without_memory_is_not_over(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, true);
    struct mnet_packet *hoard = hoard_memory(&h);
    pass_ms(&h, 20000);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_PROBING);
    expect_silence(&h);
    free_hoard(hoard);
    unsigned probes = 0;
    while (mn_ip_address_state(&h.ip) == MN_IP_ADDRESS_PROBING) {
        probes += discard_sent(&h);
        pass_ms(&h, 1);
    }
    assert_int_equal(probes, 3);
    expect_announcement(&h);
    ip_host_down(&h);
}

static void probing_address_is_not_used(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_path path;
    start(&h, true);
    assert_int_equal(mn_ip_path(&h.ip, mnet_address_from_ipv4(PEER_IP), &path), MNET_E_UNREACHABLE);
    assert_int_equal(send_any(&h), MNET_E_UNREACHABLE);
    assert_false(mn_ip_is_own(&h.ip, mnet_address_from_ipv4(OWN_IP)));
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OWN_IP);
    assert_int_equal(receive_any(&h), MN_IP_CONSUMED);
    expect_silence(&h);
    ip_host_down(&h);
}

static void probing_address_in_use_is_lost(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, true);
    pass_ms(&h, 1100);
    receive_arp(&h, .to = OWN_MAC, .operation = MN_ARP_REPLY, .sender_mac = OTHER_MAC, .sender_ip = OWN_IP);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_CONFLICT);
    assert_counted(&h, ARP_CONFLICT, 1);
    assert_int_equal(h.log_lines, 1);
    discard_sent(&h);
    pass_ms(&h, 60000);
    expect_silence(&h);
    assert_int_equal(send_any(&h), MNET_E_UNREACHABLE);
    ip_host_down(&h);
}

static void probing_probe_of_another_is_a_conflict(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, true);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_mac = OWN_MAC, .sender_ip = 0, .target_ip = OWN_IP);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_PROBING); /* our own, returned */
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_mac = OTHER_MAC, .sender_ip = 0, .target_ip = PEER_IP);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_PROBING);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_mac = OTHER_MAC, .sender_ip = 0, .target_ip = OWN_IP);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_CONFLICT);
    ip_host_down(&h);
}

static void ours_probe_of_another_is_answered_and_not_learned(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_mac = OTHER_MAC, .sender_ip = 0, .target_ip = OWN_IP);
    expect_arp(&h, MN_ARP_REPLY, OTHER_MAC, OWN_IP, 0);
    assert_int_equal(h.ip.neighbours.count, 0);
    assert_counted(&h, ARP_CONFLICT, 0);
    ip_host_down(&h);
}

static void ours_claimed_by_another_is_defended_once_in_ten_seconds(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    claim_by_other(&h);
    expect_announcement(&h);
    pass_ms(&h, 9990);
    claim_by_other(&h);
    expect_silence(&h);
    pass_ms(&h, 20);
    claim_by_other(&h);
    expect_announcement(&h);
    assert_counted(&h, ARP_CONFLICT, 3);
    assert_int_equal(h.log_lines, 2);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_OURS);
    assert_int_equal(h.ip.neighbours.count, 0);
    ip_host_down(&h);
}

static void ours_conflicting_request_gets_no_reply(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_mac = OTHER_MAC, .sender_ip = OWN_IP, .target_ip = OWN_IP);
    expect_announcement(&h);
    expect_silence(&h);
    ip_host_down(&h);
}

/* Other stations may be on the link now: the address is announced again. */
static void ours_link_up_announces_again(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, false);
    pass_ms(&h, 10000);
    discard_sent(&h);
    mn_ip_note_link_up(&h.ip, h.now);
    expect_announcement(&h);
    pass_ms(&h, 2001);
    expect_announcement(&h);
    pass_ms(&h, 60000);
    expect_silence(&h);
    ip_host_down(&h);
}

/* A probe that nobody heard is none (RFC 5227 2.1). */
static void probing_link_up_probes_from_the_beginning(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, true);
    pass_ms(&h, 4000);
    unsigned sent = discard_sent(&h);
    assert_in_range(sent, 2, 3);
    mn_ip_note_link_up(&h.ip, h.now);
    pass_ms(&h, 6000);
    assert_int_equal(discard_sent(&h), 3 + (mn_ip_address_state(&h.ip) == MN_IP_ADDRESS_OURS));
    pass_ms(&h, 2000);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_OURS);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unprobed_address_is_ours_and_announced_twice),
        cmocka_unit_test(probing_three_probes_then_ours),
        cmocka_unit_test(probing_waits_for_the_link),
        cmocka_unit_test(probing_without_memory_is_not_over),
        cmocka_unit_test(probing_address_is_not_used),
        cmocka_unit_test(probing_address_in_use_is_lost),
        cmocka_unit_test(probing_probe_of_another_is_a_conflict),
        cmocka_unit_test(ours_probe_of_another_is_answered_and_not_learned),
        cmocka_unit_test(ours_claimed_by_another_is_defended_once_in_ten_seconds),
        cmocka_unit_test(ours_conflicting_request_gets_no_reply),
        cmocka_unit_test(ours_link_up_announces_again),
        cmocka_unit_test(probing_link_up_probes_from_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
