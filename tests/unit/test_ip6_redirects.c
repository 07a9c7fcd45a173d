/* Redirects (RFC 4861 8): which count, and what follows from them; neighbours that packets went
 * through. */
#include "tests/support/ip6_router.h"

#define FAR_2 ADDRESS6(0x2001, 0xdba, 0, 9)

/* ND-8.3-1, ND-8.3-2, ND-8.3-5, ND-8.3-7, N6-5.4-11 */
static void redirect_to_a_better_router_is_followed(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    receive_redirect(&h, .to = own_in(NET_1), .destination = FAR6, .target = ROUTER_B, .mac = ROUTER_B_MAC);
    expect_sent_by(&h, FAR6, ROUTER_B_MAC);
    expect_sent_by(&h, FAR_2, ROUTER_A_MAC);
    assert_true(mn_neighbour_find(&h.ip.neighbours, ROUTER_B)->gateway);
    ip_host_down(&h);
}

/* ND-8.3-4, ND-8.3-6 */
static void redirect_to_the_destination_makes_it_on_link(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    receive_redirect(&h, .to = own_in(NET_1), .destination = FAR6, .target = FAR6);
    expect_asked_for(&h, FAR6, FAR6);
    assert_false(mn_neighbour_find(&h.ip.neighbours, FAR6)->gateway);
    ip_host_down(&h);
}

/* ND-8.3-3 */
static void redirect_updates_the_link_address(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    know_neighbour(&h, ROUTER_B, ROUTER_B_MAC);
    const struct mn_neighbour *neighbour = mn_neighbour_find(&h.ip.neighbours, ROUTER_B);
    receive_redirect(&h, .to = own_in(NET_1), .destination = FAR6, .target = ROUTER_B, .mac = ROUTER_B_MAC);
    assert_int_equal(neighbour->state, MN_NEIGHBOUR_REACHABLE);
    receive_redirect(&h, .to = own_in(NET_1), .destination = FAR_2, .target = ROUTER_B, .mac = OTHER_MAC);
    assert_int_equal(neighbour->state, MN_NEIGHBOUR_STALE);
    ip_host_down(&h);
}

/* ND-8.1-3: and neither from a stranger, nor to the host itself. */
static void redirect_of_another_router_is_ignored(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000, .preference = MN_ND_LOW, .mac = ROUTER_B_MAC);
    uint64_t invalid = counted(&h, ND_DROP_INVALID);
    receive_redirect(&h, .source = ROUTER_B, .to = own_in(NET_1), .destination = FAR6, .target = ROUTER_B);
    receive_redirect(&h, .source = PEER_LINK6, .to = own_in(NET_1), .destination = FAR6, .target = PEER_LINK6);
    receive_redirect(&h, .to = own_in(NET_1), .destination = FAR6, .target = OWN_LINK6);
    receive_redirect(&h, .to = own_in(NET_1), .destination = PEER_LINK6, .target = ROUTER_B);
    assert_counted(&h, ND_DROP_INVALID, invalid + 4);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    ip_host_down(&h);
}

/* A target that does not answer is left: the destination goes by its router again. */
static void redirect_to_a_dead_target_ends(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    receive_redirect(&h, .to = own_in(NET_1), .destination = FAR6, .target = ROUTER_B);
    expect_asked_for(&h, FAR6, ROUTER_B);
    pass_ms(&h, 2500);
    discard_sent6(&h);
    pass_ms(&h, 600);
    expect_ip6(&h, ROUTER_A_MAC, FAR6, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

static void flood_of_redirects_is_bounded(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    for (unsigned i = 0; i < 3 * MN_REDIRECTS_MAX; i++)
        receive_redirect(&h, .to = own_in(NET_1), .destination = ADDRESS6(0x2001, 0xdb9, 1, i), .target = ROUTER_B,
                         .mac = ROUTER_B_MAC);
    assert_int_equal(h.ip.v6.redirects.count, MN_REDIRECTS_MAX);
    expect_sent_by(&h, ADDRESS6(0x2001, 0xdb9, 1, 0), ROUTER_A_MAC);
    expect_sent_by(&h, ADDRESS6(0x2001, 0xdb9, 1, 3 * MN_REDIRECTS_MAX - 1), ROUTER_B_MAC);
    ip_host_down(&h);
}

/* ND-8.1-6: reserved bits, unknown options, and options of other messages. */
static void redirect_with_more_than_is_known_is_taken(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t bytes[MN_ND_WRITE_MAX + 40] = {0};
    struct mn_writer w = mn_writer(bytes, MN_ND_WRITE_MAX);
    auto_host_up(&h);
    have_router(&h);
    mn_nd_write(&w, &(struct mn_nd){.type = MN_ICMPV6_REDIRECT,
                                    .target = ROUTER_B,
                                    .destination = FAR6,
                                    .has_link_address = true,
                                    .link_address = ROUTER_B_MAC});
    uint8_t *end = bytes + MN_ND_WRITE_MAX - w.left;
    memset(bytes + 4, 0xff, 4);
    /* Of nobody; a source's link address; an MTU; the header of the packet. */
    memcpy(end, "\x63\1......\1\1......\5\1......\4\2..............", 40);
    receive_icmp6(&h, .source = ROUTER_A, .destination = own_in(NET_1), .hop_limit = 255, .payload = bytes,
                  .len = (size_t)(end - bytes) + 40);
    expect_sent_by(&h, FAR6, ROUTER_B_MAC);
    assert_int_equal(h.ip.v6.parameters.mtu, HOST_MTU);
    ip_host_down(&h);
}

/* Router or target number `i` of many strangers, and its MAC. */
static struct mn_mac mac_of_stranger(unsigned i)
{
    return (struct mn_mac){{2, 0, 0, 1, (uint8_t)(i >> 8), (uint8_t)i}};
}

/* A host with a neighbour on the link, to which it has sent, and the router A. */
static void start_with_neighbour(struct ip_host *h)
{
    auto_host_up(h);
    have_router(h);
    know_neighbour(h, PEER6, PEER_MAC);
    expect_sent_by(h, PEER6, PEER_MAC);
    discard_sent6(h);
}

static unsigned count_gateways(struct ip_host *h)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 600; i++) {
        const struct mn_neighbour *neighbour = mn_neighbour_find(&h->ip.neighbours, link_local6(mac_of_stranger(i)));
        count += neighbour != NULL && neighbour->gateway;
    }
    return count;
}

/* RFC 4861 5.3: who is a router no more is no better than other neighbours, and pushes none out. */
static void neighbours_outlast_routers_that_have_gone(void **state)
{
    (void)state;
    for (int expires = 0; expires < 2; expires++) {
        struct ip_host h;
        start_with_neighbour(&h);
        for (unsigned i = 0; i < 600; i++) {
            struct mn_mac mac = mac_of_stranger(i);
            receive_ra(&h, .router = link_local6(mac), .lifetime_s = 1, .mac = mac);
            if (!expires)
                receive_ra(&h, .router = link_local6(mac), .mac = mac);
            else if (i % 7 == 6)
                pass_ms(&h, 1000);
        }
        discard_sent6(&h);
        assert_true(count_gateways(&h) < MN_ROUTERS_MAX);
        assert_true(has_neighbour(&h, PEER6));
        ip_host_down(&h);
    }
}

/* RFC 4861 8.3: the same for the targets of redirects that others have taken the place of, or that
 * have ended. */
static void neighbours_outlast_targets_of_old_redirects(void **state)
{
    (void)state;
    struct ip_host h;
    start_with_neighbour(&h);
    for (unsigned i = 0; i < 600; i++) {
        struct mn_mac mac = mac_of_stranger(i);
        receive_redirect(&h, .to = own_in(NET_1), .destination = ADDRESS6(0x2001, 0xdba, 1, i),
                         .target = link_local6(mac), .mac = mac);
    }
    assert_int_equal(count_gateways(&h), MN_REDIRECTS_MAX);
    assert_true(has_neighbour(&h, PEER6));
    struct mn_mac last = mac_of_stranger(599), before = mac_of_stranger(598);
    receive_ra(&h, .router = link_local6(last));
    assert_false(mn_neighbour_find(&h.ip.neighbours, link_local6(last))->gateway);
    receive_ra(&h, .router = link_local6(before), .lifetime_s = 1, .mac = before);
    pass_ms(&h, 1000);
    assert_int_equal(count_gateways(&h), 0);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redirect_to_a_better_router_is_followed),
        cmocka_unit_test(redirect_to_the_destination_makes_it_on_link),
        cmocka_unit_test(redirect_updates_the_link_address),
        cmocka_unit_test(redirect_of_another_router_is_ignored),
        cmocka_unit_test(redirect_to_a_dead_target_ends),
        cmocka_unit_test(flood_of_redirects_is_bounded),
        cmocka_unit_test(redirect_with_more_than_is_known_is_taken),
        cmocka_unit_test(neighbours_outlast_routers_that_have_gone),
        cmocka_unit_test(neighbours_outlast_targets_of_old_redirects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
