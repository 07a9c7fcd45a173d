/* The client of SNTP: requests, answers, silence and changes of servers in any order. After each
 * step it keeps its promises: ports are opened and closed in turn, and no request comes within 15 s
 * of the one before. An answer is that of a good server, with bytes changed by the input. */
#include "fuzz/fuzz.h"

#include "base/cursor.h"
#include "sntp/sntp.h"

#define START (1000 * MNET_SECOND)

struct sntp_fuzz {
    struct mn_sntp sntp;
    struct mnet_counters counters;
    struct mn_random random;
    uint64_t now;
    bool ports[MN_SNTP_SERVERS];
    struct mn_sntp_output last; /* the last request */
    uint64_t asked[MN_SNTP_SERVERS];
    struct mnet_address whom[MN_SNTP_SERVERS];
};

static void act(struct sntp_fuzz *f, const struct mn_sntp_output *out)
{
    switch (out->act) {
    case MN_SNTP_SEND:
        MN_ASSERT(!f->ports[out->slot]);
        MN_ASSERT(memcmp(&f->whom[out->slot], &out->server, sizeof out->server) != 0 || f->asked[out->slot] == 0 ||
                  f->now >= f->asked[out->slot] + 15 * MNET_SECOND);
        f->ports[out->slot] = true;
        f->asked[out->slot] = f->now;
        f->whom[out->slot] = out->server;
        f->last = *out;
        break;
    case MN_SNTP_CLOSE:
        MN_ASSERT(f->ports[out->slot]);
        f->ports[out->slot] = false;
        break;
    case MN_SNTP_TELL: MN_ASSERT(out->news <= MN_SNTP_NEWS_QUARREL); break;
    }
}

static void act_all(struct sntp_fuzz *f)
{
    struct mn_sntp_output out;
    uint64_t wall = mn_sntp_wall(&f->sntp, f->now);
    MN_ASSERT(wall == 0 || wall >= MN_SNTP_EARLIEST_S * MNET_SECOND);
    while (mn_sntp_output(&f->sntp, &out, f->now))
        act(f, &out);
    MN_ASSERT(mn_sntp_deadline(&f->sntp) > f->now);
}

static void receive(struct sntp_fuzz *f, struct mn_reader *input)
{
    uint64_t stamp = (UINT64_C(1790000000) + UINT64_C(2208988800) + f->now / MNET_SECOND) << 32;
    struct mn_ntp answer = {.version = 4, .mode = MN_NTP_SERVER, .stratum = 2, .receive = stamp, .transmit = stamp};
    uint8_t bytes[MN_NTP_HEADER];
    uint8_t changes = mn_read_u8(input) % 8;
    memcpy(&answer.origin, f->last.bytes + 40, 8);
    answer.origin = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? answer.origin : __builtin_bswap64(answer.origin);
    mn_ntp_emit(bytes, &answer);
    for (uint8_t i = 0; i < changes; i++) {
        uint8_t at = mn_read_u8(input) % MN_NTP_HEADER;
        bytes[at] = mn_read_u8(input);
    }
    size_t len = changes == 7 ? mn_read_u8(input) % MN_NTP_HEADER : MN_NTP_HEADER;
    uint8_t *exact = fuzz_exact(bytes, len);
    if (f->ports[f->last.slot])
        mn_sntp_input(&f->sntp, f->last.slot, f->last.server, exact, len, f->now);
    free(exact);
}

static void set_servers(struct sntp_fuzz *f, uint8_t how)
{
    struct mnet_address addresses[6];
    for (uint8_t i = 0; i < 6; i++)
        addresses[i] = mnet_ipv4(10, 0, 0, (uint8_t)(how / 8 + i % 3));
    mn_sntp_set_servers(&f->sntp, addresses, how % 7, f->now);
    memset(f->asked, 0, sizeof f->asked); /* one that is new may be asked at once */
}

static void step(struct sntp_fuzz *f, struct mn_reader *input)
{
    uint8_t what = mn_read_u8(input), how = mn_read_u8(input);
    uint64_t next = mn_sntp_deadline(&f->sntp);
    switch (what % 8) {
    case 0: f->now += how * MNET_MILLISECOND * 40; break;
    case 1:
    case 2: f->now = next != MNET_NEVER ? MN_MAX(f->now, next) : f->now; break;
    case 3: mn_sntp_note_unreachable(&f->sntp, how % MN_SNTP_SERVERS, f->now); break;
    case 4:
        if (how < 64)
            set_servers(f, how);
        break;
    default: receive(f, input); break;
    }
    mn_sntp_expire(&f->sntp, f->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[MN_RANDOM_SEED] = "fuzz";
    static struct sntp_fuzz f;
    struct mn_reader input = mn_reader(data, size);
    memset(&f, 0, sizeof f);
    f.now = START;
    mn_random_init(&f.random, seed);
    mn_sntp_init(&f.sntp, &f.random, &f.counters);
    set_servers(&f, 11);
    while (input.ok && mn_reader_left(&input) > 0) {
        step(&f, &input);
        act_all(&f);
    }
    return 0;
}
