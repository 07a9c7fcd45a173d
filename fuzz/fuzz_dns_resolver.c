/* The stub resolver: lookups, answers, streams, errors and times in any order. After each step it
 * keeps its promises, each question that it sends parses, and in the end nothing is left. An answer
 * gets the id and the question that let it through, unless the input spoils them. */
#include "fuzz/fuzz.h"

#include <mnet/memory.h>

#include "dns/resolver.h"

#define LOOKUPS 16
#define MEMORY (4u << 20)
#define ANSWER_MAX 6000
#define START (1000 * MNET_SECOND)

struct dns_fuzz {
    struct mn_dns dns;
    struct mnet_counters counters;
    struct mn_random random;
    uint64_t now;
    struct mn_dns_lookup lookups[LOOKUPS];
    bool ports[MN_DNS_EXCHANGES], streams[MN_DNS_SERVERS]; /* that exist */
    struct mn_dns_output last;                             /* the last question */
};

static void done(struct mn_dns_lookup *lookup)
{
    MN_ASSERT(lookup->status != MN_DNS_PENDING && (lookup->answer == NULL || lookup->answer->users > 0));
}

static void act(struct dns_fuzz *f, const struct mn_dns_output *out)
{
    struct mn_dns_message message;
    uint8_t bytes[MN_DNS_OUTPUT_MAX];
    size_t skip = out->act == MN_DNS_STREAM_SEND ? 2 : 0;
    switch (out->act) {
    case MN_DNS_CLOSE:
        MN_ASSERT(f->ports[out->slot]);
        f->ports[out->slot] = false;
        return;
    case MN_DNS_STREAM_BEGIN:
        MN_ASSERT(!f->streams[out->slot]);
        f->streams[out->slot] = true;
        return;
    case MN_DNS_STREAM_END:
        MN_ASSERT(f->streams[out->slot]);
        f->streams[out->slot] = false;
        return;
    case MN_DNS_SEND:
        MN_ASSERT(!f->ports[out->slot]);
        f->ports[out->slot] = true;
        break;
    case MN_DNS_STREAM_SEND: MN_ASSERT(f->streams[out->slot]); break;
    }
    memcpy(bytes, out->bytes + skip, out->len - skip);
    bytes[2] |= 0x80;
    MN_ASSERT(mn_dns_parse(bytes, out->len - skip, &message) == MN_PARSE_OK);
    f->last = *out;
}

static void act_all(struct dns_fuzz *f)
{
    struct mn_dns_output out;
    mn_dns_check(&f->dns);
    while (mn_dns_output(&f->dns, &out, f->now))
        act(f, &out);
    mn_dns_check(&f->dns);
}

/* The last question as an answer, with flags and records of the input behind it. */
static size_t make_answer(struct dns_fuzz *f, struct mn_reader *input, uint8_t *answer)
{
    size_t skip = f->last.act == MN_DNS_STREAM_SEND ? 2 : 0, len = f->last.len - skip;
    size_t more = mn_read_u16(input) % (ANSWER_MAX - MN_DNS_OUTPUT_MAX);
    uint8_t spoiled = mn_read_u8(input);
    more = MN_MIN(more, mn_reader_left(input));
    if (f->last.len == 0)
        return 0;
    memcpy(answer, f->last.bytes + skip, len);
    len -= 11 * (answer[11] != 0); /* without OPT */
    answer[2] = 0x81 | (spoiled & 2);
    answer[3] = mn_read_u8(input) | 0x80;
    answer[7] = mn_read_u8(input) % 8;
    answer[9] = mn_read_u8(input) % 4;
    answer[11] = 0;
    more = MN_MIN(more, mn_reader_left(input));
    memcpy(answer + len, mn_read(input, more), more);
    if (spoiled >= 0xc0)
        answer[spoiled % 32] ^= 0x20;
    return len + more;
}

static void receive(struct dns_fuzz *f, struct mn_reader *input)
{
    uint8_t answer[2 + ANSWER_MAX];
    size_t len = make_answer(f, input, answer + 2);
    answer[0] = (uint8_t)(len >> 8);
    answer[1] = (uint8_t)len;
    bool stream = f->last.act == MN_DNS_STREAM_SEND;
    uint8_t *exact = fuzz_exact(answer + 2 * !stream, len + 2 * stream);
    if (!stream && f->ports[f->last.slot])
        mn_dns_input(&f->dns, f->last.slot, f->last.server, exact, len, f->now);
    for (size_t at = 0; stream && at < len + 2 && f->streams[f->last.slot]; at += 1000)
        mn_dns_stream_input(&f->dns, f->last.slot, exact + at, MN_MIN(1000, len + 2 - at), f->now);
    free(exact);
}

static void set_servers(struct dns_fuzz *f, uint8_t how)
{
    struct mnet_address addresses[10];
    for (uint8_t i = 0; i < 10; i++)
        addresses[i] = mnet_ipv4(10, 0, 0, (uint8_t)(how * (i + 1)));
    mn_dns_set_servers(&f->dns, addresses, how % 11, f->now);
}

static void ask(struct dns_fuzz *f, uint8_t how)
{
    static const uint16_t types[4] = {MN_DNS_A, MN_DNS_AAAA, MN_DNS_TXT, MN_DNS_SRV};
    struct mn_dns_name name;
    bool complete;
    char text[] = "a.example";
    struct mn_dns_lookup *lookup = &f->lookups[how % LOOKUPS];
    text[0] = (char)('a' + how / 64);
    mn_dns_name_parse(&name, text, &complete);
    mn_dns_cancel(&f->dns, lookup);
    mn_dns_ask(&f->dns, lookup, &name, types[how / 16 % 4], f->now);
}

static void stream_event(struct dns_fuzz *f, uint8_t how)
{
    unsigned slot = how % MN_DNS_SERVERS;
    if (!f->streams[slot])
        return;
    if (how & 0x80) {
        f->streams[slot] = false;
        mn_dns_stream_note_close(&f->dns, slot, f->now);
    } else {
        mn_dns_stream_note_open(&f->dns, slot, f->now);
    }
}

static void step(struct dns_fuzz *f, struct mn_reader *input)
{
    uint8_t what = mn_read_u8(input), how = mn_read_u8(input);
    switch (what % 8) {
    case 0: f->now += how * MNET_MILLISECOND * 40; break;
    case 1: f->now = mn_dns_deadline(&f->dns) != MNET_NEVER ? MN_MAX(f->now, mn_dns_deadline(&f->dns)) : f->now; break;
    case 2: ask(f, how); break;
    case 3: stream_event(f, how); break;
    case 4: mn_dns_note_unreachable(&f->dns, how % MN_DNS_EXCHANGES, f->now); break;
    case 5:
        if (how < 32)
            set_servers(f, how);
        else
            mn_dns_cancel(&f->dns, &f->lookups[how % LOOKUPS]);
        break;
    default: receive(f, input); break;
    }
    mn_dns_expire(&f->dns, f->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[MN_RANDOM_SEED] = "fuzz";
    static struct dns_fuzz f;
    void *region = malloc(MEMORY);
    struct mn_reader input = mn_reader(data, size);
    memset(&f, 0, sizeof f);
    f.now = START;
    mn_random_init(&f.random, seed);
    const struct mn_dns_config config = {mnet_memory_init(region, MEMORY), &f.counters, &f.random, 4, done};
    mn_dns_init(&f.dns, &config);
    set_servers(&f, 3);
    while (input.ok && mn_reader_left(&input) > 0) {
        step(&f, &input);
        act_all(&f);
    }
    for (unsigned i = 0; i < LOOKUPS; i++)
        mn_dns_cancel(&f.dns, &f.lookups[i]);
    mn_dns_deinit(&f.dns);
    act_all(&f);
    MN_ASSERT(f.dns.questions.in_use == 0 && f.dns.buffers.in_use == 0);
    MN_ASSERT(f.dns.cache.small.in_use == 0 && f.dns.cache.large.in_use == 0);
    free(region);
    return 0;
}
