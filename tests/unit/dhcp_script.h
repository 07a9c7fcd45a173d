/* The script of a DHCP client in virtual time: lines that send and expect, and the states that
 * scripts begin with. */
#ifndef TESTS_UNIT_DHCP_SCRIPT_H
#define TESTS_UNIT_DHCP_SCRIPT_H

#include "unit/support.h"

#include <stdio.h>

#include <mnet/time.h>

#include "dhcp/v4/client.h"
#include "support/dhcp_reply.h"

/* Lines of a script override the defaults of the macros. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Woverride-init-side-effects"
#endif

#define MAC ((struct mn_mac){{2, 0, 0, 0, 0, 2}})
#define ADDRESS 0x0a000042u
#define SERVER 0x0a000001u
#define OTHER 0x0a000009u
#define START (1000 * MNET_SECOND)
#define LEASE 3600u

struct script {
    struct mn_dhcp_client client;
    struct mnet_counters counters;
    struct mn_random random;
    uint64_t now;
    struct mn_dhcp sent; /* the last message, and its addresses */
    struct mn_dhcp_ends ends;
};

#define dropped(s) ((s)->counters.value[MNET_COUNT_DHCP_DROP_UNEXPECTED])

/* ---- the lines of a script ---- */

static inline void expect_silence(struct script *s)
{
    uint8_t bytes[MN_DHCP_EMIT];
    assert_false(mn_dhcp_client_output(&s->client, bytes, &s->ends));
}

/* Expects a message of this type as the next one, and checks the fields that every message has. */
static inline void expect_sent(struct script *s, enum mn_dhcp_type type)
{
    uint8_t bytes[MN_DHCP_EMIT];
    assert_true(mn_dhcp_client_output(&s->client, bytes, &s->ends));
    assert_int_equal(mn_dhcp_parse(bytes, sizeof bytes, &s->sent), MN_PARSE_OK);
    assert_int_equal(s->sent.operation, MN_DHCP_BOOTREQUEST);
    assert_int_equal(s->sent.type, type);
    assert_true(mn_mac_equal(s->sent.chaddr, MAC));
    assert_int_equal(s->sent.client_id_len, 7);
    assert_memory_equal(s->sent.client_id, "\x01\x02\0\0\0\0\x02", 7);
    assert_int_equal(s->sent.yiaddr, 0);
    expect_silence(s);
}

static inline void expect_state(struct script *s, enum mn_dhcp_state state)
{
    assert_int_equal(s->client.state, state);
}

static inline void start(struct script *s)
{
    static const uint8_t seed[MN_RANDOM_SEED] = "the same in every run";
    memset(s, 0, sizeof *s);
    mn_random_init(&s->random, seed);
    s->now = START;
    mn_dhcp_client_start(&s->client, &s->counters, &s->random, MAC, 1500, s->now);
}

/* Lets time pass up to the client's deadline. Returns the time that passed. */
static inline uint64_t pass_to_deadline(struct script *s)
{
    uint64_t before = s->now, deadline = mn_dhcp_client_deadline(&s->client);
    assert_true(deadline != MNET_NEVER && deadline >= before);
    if (deadline > before) {
        mn_dhcp_client_expire(&s->client, deadline - 1);
        expect_silence(s);
    }
    s->now = deadline;
    mn_dhcp_client_expire(&s->client, s->now);
    return s->now - before;
}

static inline void pass_to(struct script *s, uint64_t at)
{
    s->now = at;
    mn_dhcp_client_expire(&s->client, at);
}

static inline void assert_seconds(uint64_t ns, uint64_t seconds, uint64_t more_or_less)
{
    assert_in_range(ns, (seconds - more_or_less) * MNET_SECOND, (seconds + more_or_less) * MNET_SECOND);
}

/* The fields of a server's answer. Zeros are left out. */
struct answer {
    enum mn_dhcp_type type;
    uint32_t address, server, lease, mask, t1, t2, router;
    uint32_t xid; /* 0: that of the last message sent */
    struct mn_mac mac;
};
#define GOOD .address = ADDRESS, .server = SERVER, .lease = LEASE, .mask = 0xffffff00, .mac = MAC

static inline void build(struct script *s, struct dhcp_reply *reply, const struct answer *answer)
{
    reply_begin(reply, (uint8_t)answer->type, answer->xid != 0 ? answer->xid : s->sent.xid, answer->address,
                answer->mac);
    const struct {
        uint8_t code;
        uint32_t value;
    } options[] = {{54, answer->server}, {51, answer->lease}, {1, answer->mask},
                   {58, answer->t1},     {59, answer->t2},    {3, answer->router}};
    for (size_t i = 0; i < MN_COUNT_OF(options); i++)
        if (options[i].value != 0)
            reply_u32(reply, options[i].code, options[i].value);
}

static inline void receive_reply(struct script *s, struct dhcp_reply *reply)
{
    reply_end(reply);
    mn_dhcp_client_input(&s->client, reply->bytes, reply->len, s->now);
}

static inline void receive_answer(struct script *s, struct answer answer)
{
    struct dhcp_reply reply;
    build(s, &reply, &answer);
    receive_reply(s, &reply);
}
#define receive(s, ...) receive_answer(s, (struct answer){__VA_ARGS__})

/* Receives the same answer, and expects that it has no effect. */
static inline void refuse_answer(struct script *s, struct answer answer)
{
    uint8_t state = s->client.state;
    uint64_t before = dropped(s), deadline = s->client.deadline_ns;
    receive_answer(s, answer);
    assert_int_equal(s->client.state, state);
    assert_int_equal(s->client.deadline_ns, deadline);
    assert_int_equal(dropped(s), before + 1);
    expect_silence(s);
}
#define refuse(s, ...) refuse_answer(s, (struct answer){__VA_ARGS__})

/* ---- initial states ---- */

static inline void selecting(struct script *s)
{
    start(s);
    expect_sent(s, MN_DHCP_DISCOVER);
}

static inline void requesting(struct script *s)
{
    selecting(s);
    receive(s, MN_DHCP_OFFER, GOOD);
    expect_sent(s, MN_DHCP_REQUEST);
    expect_state(s, MN_DHCP_REQUESTING);
}

static inline void checking_for(struct script *s, struct answer answer)
{
    requesting(s);
    receive_answer(s, answer);
    expect_state(s, MN_DHCP_CHECKING);
}

static inline void bound_for(struct script *s, struct answer answer)
{
    checking_for(s, answer);
    mn_dhcp_client_note_check(&s->client, false, s->now);
    expect_state(s, MN_DHCP_BOUND);
    expect_silence(s);
}

static inline void bound(struct script *s)
{
    bound_for(s, (struct answer){MN_DHCP_ACK, GOOD, .t1 = 1800, .t2 = 3150});
}

static inline void renewing(struct script *s)
{
    bound(s);
    pass_to_deadline(s);
    expect_sent(s, MN_DHCP_REQUEST);
    expect_state(s, MN_DHCP_RENEWING);
}

static inline void rebinding(struct script *s)
{
    renewing(s);
    pass_to(s, START + 3150 * MNET_SECOND);
    expect_sent(s, MN_DHCP_REQUEST);
    expect_state(s, MN_DHCP_REBINDING);
}

static inline void checking(struct script *s)
{
    checking_for(s, (struct answer){MN_DHCP_ACK, GOOD});
}

static inline void rebooting(struct script *s)
{
    bound(s);
    s->now += 60 * MNET_SECOND;
    mn_dhcp_client_note_link_up(&s->client, s->now);
    expect_sent(s, MN_DHCP_REQUEST);
    expect_state(s, MN_DHCP_REBOOTING);
}

#endif
