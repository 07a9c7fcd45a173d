/* Multicast groups of UDP endpoints, between two simulated hosts, over both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/world.h"

#define SERVER6 \
    { \
        .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } \
    }
#define CLIENT6 \
    { \
        .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 } \
    }
#define PORT 5353

static const struct world_options both_families = {
    .server.ip.ipv6 = {SERVER6, 64},
    .client.ip.ipv6 = {CLIENT6, 64},
};

static struct mnet_endpoint group_of(int family, unsigned number)
{
    struct mnet_address ipv6 = {.bytes = {0xff, 0x02, [14] = 7, [15] = (uint8_t)number}};
    return (struct mnet_endpoint){family == 0 ? mnet_ipv4(239, 1, 1, (uint8_t)number) : ipv6, PORT};
}

/* Runs a test once for each family, when the addresses are there. */
static int for_each_family(struct world *w, int (*body)(struct world *w, int family))
{
    CHECK_EQUAL(sleep_ms(4000), 0);
    for (int family = 0; family < 2; family++) {
        int result = body(w, family);
        if (result < 0)
            return result;
    }
    return 0;
}

static uint64_t reports(const struct mnet_stack *stack)
{
    return mnet_stack_counters(stack)->value[MNET_COUNT_GROUP_REPORTS_TX];
}

/* Receives one datagram with a byte within 100 ms, or returns an error. */
static ptrdiff_t receive_byte(struct mnet_udp *udp)
{
    char byte = 0;
    ptrdiff_t len = mnet_udp_receive(udp, &byte, 1, NULL, in_ms(100));
    return len == 1 ? byte : len;
}

/* MLD2-4.2-4: other endpoints, and other groups, are left out. */
static int members_only(struct world *w, int family)
{
    struct mnet_udp_options options = {.local.port = PORT}, other = {.local.port = PORT + 1};
    struct mnet_endpoint group = group_of(family, 1), second = group_of(family, 2), elsewhere = group;
    struct mnet_udp *member, *stranger, *sender;
    elsewhere.port++;
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &member), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, &other, &stranger), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &sender), 0);
    CHECK_EQUAL(mnet_udp_send(sender, &group, "a", 1, MNET_NEVER), 0);
    CHECK_EQUAL(receive_byte(member), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_udp_join(member, group.address), 0);
    CHECK_EQUAL(mnet_udp_send(sender, &group, "b", 1, MNET_NEVER), 0);
    CHECK_EQUAL(receive_byte(member), 'b');
    CHECK_EQUAL(mnet_udp_send(sender, &second, "c", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_send(sender, &elsewhere, "d", 1, MNET_NEVER), 0);
    CHECK_EQUAL(receive_byte(member), MNET_E_DEADLINE);
    CHECK_EQUAL(receive_byte(stranger), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_udp_leave(member, group.address), 0);
    CHECK_EQUAL(mnet_udp_send(sender, &group, "e", 1, MNET_NEVER), 0);
    CHECK_EQUAL(receive_byte(member), MNET_E_DEADLINE);
    mnet_udp_close(member);
    mnet_udp_close(stranger);
    mnet_udp_close(sender);
    return 0;
}

static int members_only_of_both(struct world *w)
{
    return for_each_family(w, members_only);
}

static void only_members_receive(void **state)
{
    (void)state;
    world_run(members_only_of_both, &both_families);
}

/* An endpoint that is bound to an own address, or connected, can be a member, too. */
static int bound(struct world *w, int family)
{
    struct mnet_address server6 = SERVER6, client6 = CLIENT6;
    struct mnet_address server = family == 0 ? WORLD_SERVER : server6, client = family == 0 ? WORLD_CLIENT : client6;
    struct mnet_udp_options options = {.local = {server, PORT}, .remote = {client, 77}};
    struct mnet_udp_options from = {.local.port = 77}, from_other = {.local.port = 78};
    struct mnet_endpoint group = group_of(family, 1);
    struct mnet_udp *member, *sender, *stranger;
    if (family == 1)
        group.address.bytes[1] = 5; /* of the site, so the source is no link-local address */
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &member), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &from, &sender), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &from_other, &stranger), 0);
    CHECK_EQUAL(mnet_udp_join(member, group.address), 0);
    CHECK_EQUAL(mnet_udp_send(stranger, &group, "x", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_send(sender, &group, "y", 1, MNET_NEVER), 0);
    CHECK_EQUAL(receive_byte(member), 'y');
    CHECK_EQUAL(receive_byte(member), MNET_E_DEADLINE);
    mnet_udp_close(member);
    mnet_udp_close(sender);
    mnet_udp_close(stranger);
    return 0;
}

static int bound_of_both(struct world *w)
{
    return for_each_family(w, bound);
}

static void bound_and_connected_endpoints_can_be_members(void **state)
{
    (void)state;
    world_run(bound_of_both, &both_families);
}

/* Two endpoints of one group: the stack reports it for the first, and its end for the last, which
 * ends with the endpoint. */
static int reported(struct world *w, int family)
{
    struct mnet_endpoint group = group_of(family, 3);
    struct mnet_udp *first, *second;
    uint64_t before = reports(w->server);
    CHECK_EQUAL(mnet_udp_open(w->server, NULL, &first), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, NULL, &second), 0);
    CHECK_EQUAL(mnet_udp_join(first, group.address), 0);
    CHECK_EQUAL(sleep_ms(1), 0);
    CHECK_EQUAL(reports(w->server), before + 1);
    CHECK_EQUAL(mnet_udp_join(second, group.address), 0);
    CHECK_EQUAL(sleep_ms(2000), 0);
    CHECK_EQUAL(reports(w->server), before + 2);
    CHECK_EQUAL(mnet_udp_leave(first, group.address), 0);
    CHECK_EQUAL(sleep_ms(2000), 0);
    CHECK_EQUAL(reports(w->server), before + 2);
    mnet_udp_close(second);
    CHECK_EQUAL(sleep_ms(2000), 0);
    CHECK_EQUAL(reports(w->server), before + 4);
    mnet_udp_close(first);
    CHECK_EQUAL(sleep_ms(2000), 0);
    CHECK_EQUAL(reports(w->server), before + 4);
    return 0;
}

static int reported_of_both(struct world *w)
{
    return for_each_family(w, reported);
}

static void membership_is_reported_and_ends_with_the_endpoint(void **state)
{
    (void)state;
    world_run(reported_of_both, &both_families);
}

/* RFC 1112 6.1 */
static int hop_limits(struct world *w, int family)
{
    struct mnet_udp_options options = {.local.port = PORT}, far = {.group_ttl = 9, .ttl = 33};
    struct mnet_endpoint group = group_of(family, 1);
    struct mnet_udp *member, *near_sender, *far_sender;
    struct mnet_slice slices[4], byte = {"x", 1};
    struct mnet_udp_message got[3], own = {.remote = group, .slices = &byte, .slice_count = 1, .ttl = 5};
    static const uint8_t ttls[] = {1, 9, 5};
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &member), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &near_sender), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &far, &far_sender), 0);
    CHECK_EQUAL(mnet_udp_join(member, group.address), 0);
    CHECK_EQUAL(mnet_udp_send(near_sender, &group, "x", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_send(far_sender, &group, "x", 1, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_udp_send_batch(far_sender, &own, 1, NULL, MNET_NEVER), 0);
    for (size_t i = 0; i < MN_COUNT_OF(ttls); i++) {
        CHECK_EQUAL(mnet_udp_get(member, got, 1, slices, 4, in_ms(100)), 1);
        CHECK_EQUAL(got[0].ttl, ttls[i]);
        struct mnet_address to = got[0].local;
        to.zone = 0;
        CHECK(mnet_address_equal(to, group.address));
        mnet_udp_release(member);
    }
    mnet_udp_close(member);
    mnet_udp_close(near_sender);
    mnet_udp_close(far_sender);
    return 0;
}

static int hop_limits_of_both(struct world *w)
{
    return for_each_family(w, hop_limits);
}

static void datagrams_to_groups_stay_near_unless_told_otherwise(void **state)
{
    (void)state;
    world_run(hop_limits_of_both, &both_families);
}

static int loops(struct world *w, int family)
{
    static uint8_t large[4000], back[4000];
    struct mnet_udp_options options = {.local.port = PORT}, looping = {.group_loop = true};
    struct mnet_endpoint group = group_of(family, 1);
    struct mnet_udp *member, *quiet, *loud, *remote;
    memset(large, 'l', sizeof large);
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &member), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &options, &remote), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, NULL, &quiet), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, &looping, &loud), 0);
    CHECK_EQUAL(mnet_udp_join(remote, group.address), 0);
    CHECK_EQUAL(mnet_udp_send(loud, &group, "a", 1, MNET_NEVER), 0); /* nobody here is a member */
    CHECK_EQUAL(receive_byte(remote), 'a');
    CHECK_EQUAL(mnet_udp_join(member, group.address), 0);
    CHECK_EQUAL(mnet_udp_send(quiet, &group, "b", 1, MNET_NEVER), 0);
    CHECK_EQUAL(receive_byte(remote), 'b');
    CHECK_EQUAL(receive_byte(member), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_udp_send(loud, &group, "c", 1, MNET_NEVER), 0);
    CHECK_EQUAL(receive_byte(remote), 'c');
    CHECK_EQUAL(receive_byte(member), 'c');
    CHECK_EQUAL(mnet_udp_send(loud, &group, large, sizeof large, MNET_NEVER), 0); /* in fragments */
    CHECK_EQUAL(mnet_udp_receive(remote, back, sizeof back, NULL, in_ms(100)), sizeof back);
    memset(back, 0, sizeof back);
    CHECK_EQUAL(mnet_udp_receive(member, back, sizeof back, NULL, in_ms(100)), sizeof back);
    CHECK(memcmp(large, back, sizeof back) == 0);
    mnet_udp_close(member);
    mnet_udp_close(remote);
    mnet_udp_close(quiet);
    mnet_udp_close(loud);
    return 0;
}

static int loops_of_both(struct world *w)
{
    return for_each_family(w, loops);
}

static void own_endpoints_get_a_copy_if_the_sender_says_so(void **state)
{
    (void)state;
    world_run(loops_of_both, &both_families);
}

static int refused(struct world *w, int family)
{
    struct mnet_udp_options options = {.family = family == 0 ? MNET_FAMILY_IPV4 : MNET_FAMILY_IPV6};
    struct mnet_address group = group_of(family, 1).address, zoned = group;
    struct mnet_udp *udp, *others[6];
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &udp), 0);
    CHECK_EQUAL(mnet_udp_join(udp, WORLD_CLIENT), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_join(udp, MNET_ADDRESS_ANY), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_join(udp, group_of(1 - family, 1).address), MNET_E_INVALID);
    zoned.zone = 99;
    CHECK_EQUAL(mnet_udp_join(udp, zoned), family == 0 ? MNET_E_INVALID : MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_udp_leave(udp, group), MNET_E_INVALID);
    CHECK_EQUAL(mnet_udp_join(udp, group), 0);
    CHECK_EQUAL(mnet_udp_join(udp, group), MNET_E_IN_USE);
    for (unsigned i = 2; i <= MNET_UDP_GROUPS_MAX; i++)
        CHECK_EQUAL(mnet_udp_join(udp, group_of(family, i).address), 0);
    CHECK_EQUAL(mnet_udp_join(udp, group_of(family, 9).address), MNET_E_LIMIT);
    unsigned joined = MNET_UDP_GROUPS_MAX;
    for (unsigned i = 0; i < MN_COUNT_OF(others); i++) {
        CHECK_EQUAL(mnet_udp_open(w->server, &options, &others[i]), 0);
        for (unsigned j = 1; j <= MNET_UDP_GROUPS_MAX; j++)
            joined += mnet_udp_join(others[i], group_of(family, 10 * i + j).address) == 0;
    }
    CHECK_EQUAL(joined, MN_GROUPS_USERS_MAX);
    mnet_udp_close(udp);
    CHECK_EQUAL(mnet_udp_join(others[5], group_of(family, 90).address), 0);
    for (unsigned i = 0; i < MN_COUNT_OF(others); i++)
        mnet_udp_close(others[i]);
    CHECK_EQUAL(sleep_ms(3000), 0);
    return 0;
}

static int refused_of_both(struct world *w)
{
    return for_each_family(w, refused);
}

static void impossible_and_too_many_memberships_are_refused(void **state)
{
    (void)state;
    world_run(refused_of_both, &both_families);
}

/* A stack without IPv6, and one that is down. */
static int absent(struct world *w)
{
    struct mnet_udp *udp;
    CHECK_EQUAL(mnet_udp_open(w->server, NULL, &udp), 0);
    CHECK_EQUAL(mnet_udp_join(udp, group_of(1, 1).address), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_udp_join(udp, group_of(0, 1).address), 0);
    mnet_stack_down(w->server);
    w->server = NULL;
    CHECK_EQUAL(mnet_udp_join(udp, group_of(0, 2).address), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_udp_leave(udp, group_of(0, 1).address), 0);
    mnet_udp_close(udp);
    return 0;
}

static void membership_needs_the_family_and_a_stack_that_is_up(void **state)
{
    (void)state;
    const struct world_options options = {.server.ip.no_ipv6 = true};
    world_run(absent, &options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_members_receive),
        cmocka_unit_test(bound_and_connected_endpoints_can_be_members),
        cmocka_unit_test(membership_is_reported_and_ends_with_the_endpoint),
        cmocka_unit_test(datagrams_to_groups_stay_near_unless_told_otherwise),
        cmocka_unit_test(own_endpoints_get_a_copy_if_the_sender_says_so),
        cmocka_unit_test(impossible_and_too_many_memberships_are_refused),
        cmocka_unit_test(membership_needs_the_family_and_a_stack_that_is_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
