/* The script of a DHCPv6 client in virtual time: lines that send and expect, and the states that
 * scripts begin with. */
#ifndef TESTS_UNIT_DHCP6_SCRIPT_H
#define TESTS_UNIT_DHCP6_SCRIPT_H

#include "unit/support.h"

#include <mnet/time.h>

#include "dhcp/v6/client.h"

#define START (1000 * MNET_SECOND)
#define IAID 0x00000107u
#define MAC6 ((struct mn_mac){{2, 0, 0, 0, 0, 7}})
#define MESSAGE_MAX 1400

struct script6 {
    struct mn_dhcp6_client client;
    struct mnet_counters counters;
    struct mn_random random;
    uint64_t now;
    struct mn_dhcpv6 sent; /* the last message */
    uint8_t bytes[MN_DHCP6_EMIT];
    size_t len;
};

static inline struct mnet_address host6(uint8_t last)
{
    return (struct mnet_address){.bytes = {0x20, 1, 0xd, 0xb8, [15] = last}};
}

#define ADDRESS6 host6(0x42)
#define OTHER_ADDRESS6 host6(0x43)
#define SERVER6 mn_dhcpv6_duid_en(9, "server", 6)
#define OTHER_SERVER6 mn_dhcpv6_duid_en(9, "other", 5)

#define dropped(s) ((s)->counters.value[MNET_COUNT_DHCP_DROP_UNEXPECTED])
#define invalid(s) ((s)->counters.value[MNET_COUNT_DHCP_DROP_INVALID])

/* ---- the lines of a script ---- */

static inline bool fetch(struct script6 *s)
{
    size_t len = mn_dhcp6_client_output(&s->client, s->bytes);
    mn_dhcp6_client_check(&s->client);
    if (len == 0)
        return false;
    s->len = len;
    assert_int_equal(mn_dhcpv6_parse(s->bytes, s->len, &s->sent), MN_PARSE_OK);
    return true;
}

static inline void expect_silence(struct script6 *s)
{
    assert_false(fetch(s));
}

/* The fields that every message has: DHCP6-7.3-1, DHCP6-18.2.1-1, DHCP6-18.2.1-2. */
static inline void check_sent(struct script6 *s, enum mn_dhcpv6_type type)
{
    struct mn_dhcpv6_duid ours = mn_dhcpv6_duid_ll(MAC6);
    assert_int_equal(s->bytes[0], type);
    assert_true(mn_dhcpv6_duid_equal(&s->sent.client_id, &ours));
    assert_true(s->sent.has_elapsed);
    assert_false(s->sent.reconfigure_accept);
}

/* Expects a message of this type as the next one. */
static inline void expect_sent(struct script6 *s, enum mn_dhcpv6_type type)
{
    assert_true(fetch(s));
    check_sent(s, type);
    expect_silence(s);
}

static inline void expect_state(struct script6 *s, enum mn_dhcp6_state state)
{
    assert_int_equal(s->client.state, state);
}

static inline void pass_to(struct script6 *s, uint64_t at)
{
    assert_true(at >= s->now);
    s->now = at;
    mn_dhcp6_client_expire(&s->client, at);
    mn_dhcp6_client_check(&s->client);
}

/* Lets time pass until a message is sent. Returns the time that passed. */
static inline uint64_t await_sent(struct script6 *s, enum mn_dhcpv6_type type)
{
    uint64_t before = s->now;
    while (!fetch(s)) {
        uint64_t deadline = mn_dhcp6_client_deadline(&s->client);
        assert_true(deadline != MNET_NEVER && deadline > s->now);
        mn_dhcp6_client_expire(&s->client, deadline - 1);
        expect_silence(s);
        pass_to(s, deadline);
    }
    check_sent(s, type);
    expect_silence(s);
    return s->now - before;
}

/* Expects that nothing is sent for a time. */
static inline void await_silence(struct script6 *s, uint64_t ns)
{
    uint64_t until = s->now + ns;
    while (mn_dhcp6_client_deadline(&s->client) < until) {
        pass_to(s, mn_dhcp6_client_deadline(&s->client));
        expect_silence(s);
    }
    pass_to(s, until);
    expect_silence(s);
}

static inline void assert_ms(uint64_t ns, uint64_t least_ms, uint64_t most_ms)
{
    assert_in_range(ns, least_ms * MNET_MILLISECOND, most_ms * MNET_MILLISECOND);
}

/* A server's answer to the last message, with one address. */
static inline struct mn_dhcpv6 answer6(const struct script6 *s, enum mn_dhcpv6_type type)
{
    return (struct mn_dhcpv6){
        .type = (uint8_t)type,
        .xid = s->sent.xid,
        .client_id = mn_dhcpv6_duid_ll(MAC6),
        .server_id = SERVER6,
        .ia_count = 1,
        .ias = {{.iaid = IAID, .t1_s = 500, .t2_s = 800, .address_count = 1, .addresses = {{ADDRESS6, 1000, 2000, 0}}}},
    };
}

static inline void receive_bytes(struct script6 *s, const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len + 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    mn_dhcp6_client_input(&s->client, exact, len, s->now);
    free(exact);
    mn_dhcp6_client_check(&s->client);
}

static inline void receive(struct script6 *s, const struct mn_dhcpv6 *message)
{
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_dhcpv6_write(&w, message);
    assert_true(w.ok);
    receive_bytes(s, bytes, sizeof bytes - w.left);
}

/* Receives a message, and expects that it has no effect. */
static inline void refuse(struct script6 *s, const struct mn_dhcpv6 *message)
{
    uint8_t state = s->client.state;
    uint32_t serial = s->client.serial;
    uint64_t before = dropped(s), deadline = mn_dhcp6_client_deadline(&s->client);
    receive(s, message);
    expect_state(s, (enum mn_dhcp6_state)state);
    assert_int_equal(s->client.serial, serial);
    assert_int_equal(mn_dhcp6_client_deadline(&s->client), deadline);
    assert_int_equal(dropped(s), before + 1);
    expect_silence(s);
}

static inline bool holds(const struct script6 *s, struct mnet_address address)
{
    for (unsigned i = 0; i < s->client.binding.count; i++)
        if (mnet_address_equal(s->client.binding.addresses[i].address, address))
            return true;
    return false;
}

/* The last message asks for this option (DHCP6-21.7-1). */
static inline bool asks_for(const struct script6 *s, enum mn_dhcpv6_option option)
{
    for (unsigned i = 0; i < s->sent.requested_count; i++)
        if (s->sent.requested[i] == (uint16_t)option)
            return true;
    return false;
}

/* The last message has this option, at its top. */
static inline bool has_option(const struct script6 *s, uint16_t code)
{
    size_t at = 4;
    while (at + 4 <= s->len) {
        if (s->bytes[at] << 8 == (code & 0xff00) && s->bytes[at + 1] == (code & 0xff))
            return true;
        at += 4 + ((size_t)s->bytes[at + 2] << 8 | s->bytes[at + 3]);
    }
    return false;
}

/* ---- initial states ---- */

static inline void start_with(struct script6 *s, const char *seed, struct mn_dhcp6_config config)
{
    uint8_t bytes[MN_RANDOM_SEED] = {0};
    memset(s, 0, sizeof *s);
    memcpy(bytes, seed, strlen(seed));
    mn_random_init(&s->random, bytes);
    s->now = START;
    config.counters = &s->counters;
    config.random = &s->random;
    config.duid = mn_dhcpv6_duid_ll(MAC6);
    config.iaid = IAID;
    mn_dhcp6_client_init(&s->client, &config, s->now);
    mn_dhcp6_client_check(&s->client);
}

static inline void start(struct script6 *s)
{
    start_with(s, "the same in every run", (struct mn_dhcp6_config){0});
}

static inline void soliciting(struct script6 *s)
{
    start(s);
    mn_dhcp6_client_note_flags(&s->client, true, false, s->now);
    await_sent(s, MN_DHCPV6_SOLICIT);
}

/* A server answers with the preference at which a client waits no longer. */
static inline void requesting(struct script6 *s)
{
    soliciting(s);
    struct mn_dhcpv6 advertise = answer6(s, MN_DHCPV6_ADVERTISE);
    advertise.preference = 255;
    receive(s, &advertise);
    expect_sent(s, MN_DHCPV6_REQUEST);
}

static inline void bound_by(struct script6 *s, const struct mn_dhcpv6_ia *ia)
{
    requesting(s);
    struct mn_dhcpv6 reply = answer6(s, MN_DHCPV6_REPLY);
    if (ia != NULL)
        reply.ias[0] = *ia;
    receive(s, &reply);
    expect_state(s, MN_DHCP6_BOUND);
    mn_dhcp6_client_note_check(&s->client, ADDRESS6, false, s->now);
    expect_silence(s);
}

static inline void bound(struct script6 *s)
{
    bound_by(s, NULL);
}

/* With two addresses. */
static inline void bound_twice(struct script6 *s)
{
    bound_by(s, &(struct mn_dhcpv6_ia){
                    .iaid = IAID,
                    .t1_s = 500,
                    .t2_s = 800,
                    .address_count = 2,
                    .addresses = {{ADDRESS6, 1000, 2000, 0}, {OTHER_ADDRESS6, 1000, 3000, 0}},
                });
}

static inline void renewing(struct script6 *s)
{
    bound(s);
    await_sent(s, MN_DHCPV6_RENEW);
}

static inline void rebinding(struct script6 *s)
{
    bound(s);
    pass_to(s, s->now + 800 * MNET_SECOND);
    expect_sent(s, MN_DHCPV6_REBIND);
}

static inline void informing(struct script6 *s)
{
    start(s);
    mn_dhcp6_client_note_flags(&s->client, false, true, s->now);
    await_sent(s, MN_DHCPV6_INFORMATION_REQUEST);
}

/* An answer without an address. */
static inline struct mn_dhcpv6 information6(const struct script6 *s)
{
    struct mn_dhcpv6 reply = answer6(s, MN_DHCPV6_REPLY);
    reply.ia_count = 0;
    return reply;
}

static inline void informed(struct script6 *s)
{
    informing(s);
    struct mn_dhcpv6 reply = information6(s);
    receive(s, &reply);
    expect_state(s, MN_DHCP6_INFORMED);
    expect_silence(s);
}

#endif
