/* The rule by which flows are spread over queues, for frames and for ends of flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/spread.h"
#include "wire/wire.h"

#define PROTOCOL_AT (14 + 9)
#define FRAGMENT_AT (14 + 6)

static struct mnet_address ipv6(uint8_t last)
{
    return (struct mnet_address){.bytes = {0x20, 0x01, 0x0d, 0xb8, 7, 9, [14] = 3, [15] = last}};
}

/* A frame from `remote` to `local`, as far as the ports. Returns its length. */
static size_t make_frame(uint8_t *frame, const struct mnet_endpoint *local, const struct mnet_endpoint *remote,
                         uint8_t protocol)
{
    bool ipv4 = mnet_address_is_ipv4(local->address);
    size_t network_len = ipv4 ? 20 : 40;
    struct mn_ethernet ethernet = {.destination = {{2, 0, 0, 0, 0, 1}},
                                   .source = {{2, 0, 0, 0, 0, 2}},
                                   .type = ipv4 ? MN_ETHERTYPE_IPV4 : MN_ETHERTYPE_IPV6};
    memset(frame, 0, 100);
    mn_ethernet_emit(frame, &ethernet);
    uint8_t *packet = frame + 14;
    packet[0] = ipv4 ? 0x45 : 0x60;
    packet[ipv4 ? 9 : 6] = protocol;
    memcpy(packet + (ipv4 ? 12 : 8), remote->address.bytes + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
    memcpy(packet + (ipv4 ? 16 : 24), local->address.bytes + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
    const uint16_t ports[] = {remote->port, local->port};
    for (size_t i = 0; i < 2; i++) {
        packet[network_len + 2 * i] = (uint8_t)(ports[i] >> 8);
        packet[network_len + 2 * i + 1] = (uint8_t)ports[i];
    }
    return 14 + network_len + 20;
}

static void frames_go_where_their_flow_belongs(void **state)
{
    uint8_t frame[100];
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        bool four = i % 2 == 0;
        struct mnet_endpoint local = {four ? mnet_ipv4(10, 0, 0, 1) : ipv6(1), (uint16_t)(i % 3 == 0 ? 80 : i * 37)};
        struct mnet_endpoint remote = {four ? mnet_ipv4(10, 1, (uint8_t)(i >> 8), (uint8_t)i) : ipv6((uint8_t)i),
                                       (uint16_t)(i * 11 + 1)};
        uint16_t queues = (uint16_t)(1 + i % 7);
        size_t len = make_frame(frame, &local, &remote, i % 4 < 2 ? MN_PROTOCOL_TCP : MN_PROTOCOL_UDP);
        uint16_t queue = mn_spread_flow(&local, &remote, queues);
        assert_true(queue < queues);
        if (i % 4 >= 2 && mn_spread_is_shared_port(local.port))
            continue;
        assert_int_equal(mn_spread_frame(frame, len, queues), queue);
        if (local.port >= MN_SPREAD_PORT_FIRST)
            assert_int_equal(queue, local.port % queues);
    }
}

/* A value of the rule as mnet/device.h states it, so that it stays what it is. */
static void rule_is_that_of_the_device(void **state)
{
    struct mnet_endpoint local = {mnet_ipv4(10, 0, 0, 2), 80}, remote = {mnet_ipv4(10, 0, 0, 1), 40001};
    uint32_t word = (0x0a000002u ^ 0x0a000001u) ^ (80u << 16 | 40001u);
    (void)state;
    for (uint16_t queues = 1; queues <= 64; queues++)
        assert_int_equal(mn_spread_flow(&local, &remote, queues), ((word * 0x9e3779b1u) >> 24) % queues);
}

/* Linux gives connections even ports. */
static void each_queue_has_its_share(void **state)
{
    (void)state;
    for (uint16_t queues = 2; queues <= 8; queues++) {
        unsigned counts[8] = {0};
        for (uint32_t port = 32768; port < 61000; port += 2) {
            struct mnet_endpoint local = {mnet_ipv4(10, 0, 0, 2), 80},
                                 remote = {mnet_ipv4(10, 0, 0, 1), (uint16_t)port};
            counts[mn_spread_flow(&local, &remote, queues)]++;
        }
        for (uint16_t i = 0; i < queues; i++)
            assert_in_range(counts[i] * queues, 14116 * 9 / 10, 14116 * 11 / 10);
    }
}

static void all_else_is_for_all(void **state)
{
    struct mnet_endpoint local = {mnet_ipv4(10, 0, 0, 2), 80}, remote = {mnet_ipv4(10, 0, 0, 1), 40001};
    uint8_t frame[100];
    (void)state;
    size_t len = make_frame(frame, &local, &remote, MN_PROTOCOL_ICMP);
    assert_int_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
    frame[PROTOCOL_AT] = MN_PROTOCOL_TCP;
    assert_int_not_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
    for (size_t cut = 0; cut < 14 + 20 + 4; cut++)
        assert_int_equal(mn_spread_frame(frame, cut, 3), MN_SPREAD_ALL);
    frame[FRAGMENT_AT] = 0x20; /* more fragments */
    assert_int_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
    frame[FRAGMENT_AT] = 0x40; /* don't fragment */
    assert_int_not_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
    frame[FRAGMENT_AT + 1] = 1; /* an offset */
    assert_int_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
    frame[FRAGMENT_AT + 1] = 0;
    frame[0] |= 1; /* a group */
    assert_int_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
    frame[0] &= 0xfe;
    frame[13] = 6; /* ARP */
    assert_int_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
}

static void ipv6_extensions_and_dhcp_are_for_all(void **state)
{
    static const uint16_t shared[] = {68, 546};
    uint8_t frame[100];
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(shared); i++) {
        struct mnet_endpoint local = {i == 0 ? mnet_ipv4(10, 0, 0, 2) : ipv6(2), shared[i]},
                             remote = {i == 0 ? mnet_ipv4(10, 0, 0, 1) : ipv6(1), 67};
        size_t len = make_frame(frame, &local, &remote, MN_PROTOCOL_UDP);
        assert_int_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
        len = make_frame(frame, &local, &remote, MN_PROTOCOL_TCP);
        assert_int_not_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
    }
    struct mnet_endpoint local = {ipv6(2), 80}, remote = {ipv6(1), 40001};
    size_t len = make_frame(frame, &local, &remote, 44); /* a fragment */
    assert_int_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
    len = make_frame(frame, &local, &remote, MN_PROTOCOL_TCP);
    assert_int_equal(mn_spread_frame(frame, 14 + 40 + 3, 3), MN_SPREAD_ALL);
    assert_int_not_equal(mn_spread_frame(frame, len, 3), MN_SPREAD_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_where_their_flow_belongs),
        cmocka_unit_test(rule_is_that_of_the_device),
        cmocka_unit_test(each_queue_has_its_share),
        cmocka_unit_test(all_else_is_for_all),
        cmocka_unit_test(ipv6_extensions_and_dhcp_are_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
