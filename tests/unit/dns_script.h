/* The script of a stub resolver in virtual time: lines that ask, expect a question, and answer it.
 * */
#ifndef TESTS_UNIT_DNS_SCRIPT_H
#define TESTS_UNIT_DNS_SCRIPT_H

#include "unit/support.h"

#include <mnet/time.h>

#include "dns/resolver.h"

#define START (1000 * MNET_SECOND)
#define MEMORY (4u << 20)
#define LOOKUPS 128

enum {
    MESSAGE_MAX = 8192
};

struct dns_script {
    struct mn_dns dns;
    void *region;
    struct mnet_memory *memory;
    struct mnet_counters counters;
    struct mn_random random;
    uint64_t now;
    struct mn_dns_output out;   /* the last thing to do */
    struct mn_dns_message sent; /* the last question */
    uint8_t sent_bytes[MN_DNS_OUTPUT_MAX];
    uint8_t answer[MESSAGE_MAX];
    struct mn_writer w; /* of the answer */
    struct mn_dns_lookup lookups[LOOKUPS];
    unsigned ended; /* calls of `done` */
};

extern struct dns_script *dns_script; /* for `done` */

static inline struct mnet_address server_number(uint8_t number)
{
    return mnet_ipv4(10, 0, 0, number);
}

static inline struct mn_dns_name name_of(const char *text)
{
    struct mn_dns_name name;
    bool complete;
    assert_true(mn_dns_name_parse(&name, text, &complete));
    return name;
}

/* ---- the lines of a script ---- */

static inline void ask_number(struct dns_script *s, unsigned number, const char *text, uint16_t type)
{
    struct mn_dns_name name = name_of(text);
    mn_dns_ask(&s->dns, &s->lookups[number], &name, type, s->now);
    mn_dns_check(&s->dns);
}

static inline void ask(struct dns_script *s, const char *text, uint16_t type)
{
    ask_number(s, 0, text, type);
}

static inline bool fetch(struct dns_script *s)
{
    struct mn_dns_output out;
    bool some = mn_dns_output(&s->dns, &out, s->now);
    mn_dns_check(&s->dns);
    if (some)
        s->out = out;
    return some;
}

static inline void expect_nothing(struct dns_script *s)
{
    assert_false(fetch(s));
}

static inline void read_question(struct dns_script *s, size_t skip)
{
    assert_true(s->out.len > skip + MN_DNS_HEADER);
    memcpy(s->sent_bytes, s->out.bytes + skip, s->out.len - skip);
    assert_int_equal(s->sent_bytes[2], 1); /* a query, recursion desired */
    s->sent_bytes[2] |= 0x80;
    assert_int_equal(mn_dns_parse(s->sent_bytes, s->out.len - skip, &s->sent), MN_PARSE_OK);
}

/* Expects that the next thing to do is this. */
static inline void expect_act(struct dns_script *s, enum mn_dns_act act)
{
    assert_true(fetch(s));
    assert_int_equal(s->out.act, act);
}

/* Expects a datagram to this server; others to be closed may come first. */
static inline void expect_question(struct dns_script *s, uint8_t server)
{
    do
        assert_true(fetch(s));
    while (s->out.act == MN_DNS_CLOSE);
    assert_int_equal(s->out.act, MN_DNS_SEND);
    assert_true(mnet_address_equal(s->out.server, server_number(server)));
    read_question(s, 0);
}

static inline void expect_stream_question(struct dns_script *s)
{
    do
        assert_true(fetch(s));
    while (s->out.act == MN_DNS_CLOSE);
    assert_int_equal(s->out.act, MN_DNS_STREAM_SEND);
    assert_int_equal(s->out.bytes[0] << 8 | s->out.bytes[1], s->out.len - 2);
    read_question(s, 2);
}

/* Ports are closed, and nothing is sent. */
static inline void expect_closed(struct dns_script *s)
{
    while (fetch(s))
        assert_int_equal(s->out.act, MN_DNS_CLOSE);
}

static inline void pass_to(struct dns_script *s, uint64_t at)
{
    s->now = at;
    mn_dns_expire(&s->dns, at);
    mn_dns_check(&s->dns);
}

static inline void pass(struct dns_script *s, uint64_t ms)
{
    pass_to(s, s->now + ms * MNET_MILLISECOND);
}

/* Lets time pass to the next deadline. Returns the milliseconds that passed. */
static inline uint64_t pass_to_deadline(struct dns_script *s)
{
    uint64_t before = s->now;
    assert_true(mn_dns_deadline(&s->dns) != MNET_NEVER);
    pass_to(s, mn_dns_deadline(&s->dns));
    return (s->now - before) / MNET_MILLISECOND;
}

static inline void expect_status(struct dns_script *s, enum mn_dns_status status)
{
    assert_int_equal(s->lookups[0].status, status);
}

/* Lets the caller of a lookup be done with it. */
static inline void release_number(struct dns_script *s, unsigned number)
{
    mn_dns_cancel(&s->dns, &s->lookups[number]);
    mn_dns_check(&s->dns);
}

static inline void release(struct dns_script *s)
{
    release_number(s, 0);
}

/* Expects that the lookup has found one record with this data, or more. */
static inline void expect_found(struct dns_script *s, unsigned number, const void *data, size_t len)
{
    size_t found;
    const struct mn_dns_lookup *lookup = &s->lookups[number];
    assert_int_equal(lookup->status, MN_DNS_FOUND);
    const uint8_t *record = mn_dns_answer_next(lookup->answer, NULL, &found);
    assert_non_null(record);
    assert_int_equal(found, len);
    assert_memory_equal(record, data, len);
}

/* ---- answers ---- */

#define RA 0x8180

/* Begins an answer to the last question. */
static inline void begin_answer(struct dns_script *s, uint16_t flags, uint16_t answers, uint16_t authorities,
                                uint16_t additional)
{
    s->w = mn_writer(s->answer, sizeof s->answer);
    mn_write_u16(&s->w, s->sent.id);
    mn_write_u16(&s->w, flags);
    mn_write_u16(&s->w, 1);
    mn_write_u16(&s->w, answers);
    mn_write_u16(&s->w, authorities);
    mn_write_u16(&s->w, additional);
    mn_write_bytes(&s->w, s->sent.name.bytes, s->sent.name.len);
    mn_write_u16(&s->w, s->sent.type);
    mn_write_u16(&s->w, 1);
}

/* A record of `name`, or of the question if that is NULL. */
static inline void put_record(struct dns_script *s, const char *name, uint16_t type, uint32_t ttl, const void *data,
                              size_t len)
{
    struct mn_dns_name owner = name != NULL ? name_of(name) : s->sent.name;
    mn_write_bytes(&s->w, owner.bytes, owner.len);
    mn_write_u16(&s->w, type);
    mn_write_u16(&s->w, 1);
    mn_write_u32(&s->w, ttl);
    mn_write_u16(&s->w, (uint16_t)len);
    mn_write_bytes(&s->w, data, len);
}

static inline void put_name(struct dns_script *s, const char *name, uint16_t type, uint32_t ttl, const char *target)
{
    struct mn_dns_name data = name_of(target);
    put_record(s, name, type, ttl, data.bytes, data.len);
}

static inline void put_soa(struct dns_script *s, uint32_t ttl, uint32_t minimum)
{
    uint8_t data[2 + 20] = {0};
    data[18] = (uint8_t)(minimum >> 24);
    data[19] = (uint8_t)(minimum >> 16);
    data[20] = (uint8_t)(minimum >> 8);
    data[21] = (uint8_t)minimum;
    put_record(s, "example", MN_DNS_SOA, ttl, data, sizeof data);
}

static inline size_t answer_len(const struct dns_script *s)
{
    assert_true(s->w.ok);
    return sizeof s->answer - s->w.left;
}

static inline void receive_from(struct dns_script *s, uint8_t server)
{
    size_t len = answer_len(s);
    uint8_t *exact = malloc(len + 1);
    assert_non_null(exact);
    memcpy(exact, s->answer, len);
    mn_dns_input(&s->dns, s->out.slot, server_number(server), exact, len, s->now);
    free(exact);
    mn_dns_check(&s->dns);
}

/* Sends the answer back from where the last question went. */
static inline void receive(struct dns_script *s)
{
    receive_from(s, s->out.server.bytes[15]);
}

/* The same over the stream of the last question, in pieces of `piece` bytes. */
static inline void receive_stream(struct dns_script *s, size_t piece)
{
    size_t len = answer_len(s);
    uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    mn_dns_stream_input(&s->dns, s->out.slot, head, 2, s->now);
    for (size_t at = 0; at < len; at += piece) {
        mn_dns_stream_input(&s->dns, s->out.slot, s->answer + at, MN_MIN(piece, len - at), s->now);
        mn_dns_check(&s->dns);
    }
}

/* Answers the last question with an address. */
static inline void answer_address(struct dns_script *s, uint32_t ttl)
{
    static const uint8_t data[16] = {192, 0, 2, 1};
    begin_answer(s, RA, 1, 0, 0);
    put_record(s, NULL, s->sent.type, ttl, data, s->sent.type == MN_DNS_A ? 4 : 16);
    receive(s);
}

/* Answers the last question with an error. */
static inline void answer_error(struct dns_script *s, uint16_t rcode)
{
    begin_answer(s, RA | rcode, 0, 0, 0);
    receive(s);
}

static inline void expect_address(struct dns_script *s)
{
    expect_found(s, 0, "\300\0\2\1", 4);
}

/* Asks, and expects the question at the first server. */
static inline void ask_first(struct dns_script *s, const char *name, uint16_t type)
{
    ask(s, name, type);
    expect_status(s, MN_DNS_PENDING);
    expect_question(s, 1);
}

/* Gets the first lookup over to TCP: the stream is open, and the question on it. */
static inline void ask_over_stream(struct dns_script *s, const char *name, uint16_t type)
{
    ask_first(s, name, type);
    begin_answer(s, RA | 0x0200, 0, 0, 0);
    receive(s);
    expect_status(s, MN_DNS_PENDING);
    do
        assert_true(fetch(s));
    while (s->out.act == MN_DNS_CLOSE);
    assert_int_equal(s->out.act, MN_DNS_STREAM_BEGIN);
    mn_dns_stream_note_open(&s->dns, s->out.slot, s->now);
    expect_stream_question(s);
}

/* ---- begin and end ---- */

static inline void dns_done(struct mn_dns_lookup *lookup)
{
    assert_int_not_equal(lookup->status, MN_DNS_PENDING);
    dns_script->ended++;
}

static inline void dns_begin_with(struct dns_script *s, uint8_t seed, size_t servers, unsigned cache_max)
{
    uint8_t seeds[MN_RANDOM_SEED] = {seed};
    struct mnet_address addresses[16];
    memset(s, 0, sizeof *s);
    dns_script = s;
    s->now = START;
    s->memory = test_memory(MEMORY, &s->region);
    mn_random_init(&s->random, seeds);
    const struct mn_dns_config config = {s->memory, &s->counters, &s->random, cache_max, dns_done};
    mn_dns_init(&s->dns, &config);
    for (size_t i = 0; i < servers; i++)
        addresses[i] = server_number((uint8_t)(i + 1));
    mn_dns_set_servers(&s->dns, addresses, servers, s->now);
}

static inline void dns_begin(struct dns_script *s, size_t servers)
{
    dns_begin_with(s, 1, servers, 64);
}

/* Nothing is left behind. */
static inline void dns_end(struct dns_script *s)
{
    for (unsigned i = 0; i < LOOKUPS; i++)
        if (s->lookups[i].status == MN_DNS_PENDING || s->lookups[i].answer != NULL)
            mn_dns_cancel(&s->dns, &s->lookups[i]);
    mn_dns_deinit(&s->dns);
    assert_int_equal(s->dns.questions.in_use + s->dns.buffers.in_use, 0);
    assert_int_equal(s->dns.cache.small.in_use + s->dns.cache.large.in_use, 0);
    free(s->region);
}

#endif
