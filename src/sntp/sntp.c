#include "sntp/sntp.h"

#include <assert.h>
#include <string.h>

#include "base/address.h"

/* Seconds as exponents of 2. */
#define SILENT_FIRST 4 /* 16 s: SNTP-10-1 */
#define GOOD_FIRST 6
#define USUAL_MOST 10 /* SNTP-10-10: 17 minutes */
#define RATE_MOST 13  /* NTPBCP-5.4-2 */

#define START_SPREAD_NS MNET_SECOND /* SNTP-10-8 */
#define ROOT_MOST_NS MNET_SECOND    /* SNTP-5-8 */
#define STRATUM_MOST 15
#define ERROR_LEAST_NS MNET_MILLISECOND

static_assert(MN_SNTP_NEWS_QUARREL < 8, "a bit for each");

void mn_sntp_init(struct mn_sntp *sntp, struct mn_random *random, struct mnet_counters *counters)
{
    memset(sntp, 0, sizeof *sntp);
    sntp->random = random;
    sntp->counters = counters;
}

/* ---- Servers ---- */

static bool is_listed(const struct mnet_address *address, const struct mnet_address *addresses, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (mn_address_equal(address, &addresses[i]))
            return true;
    return false;
}

static bool is_known(const struct mn_sntp *sntp, const struct mnet_address *address)
{
    for (unsigned i = 0; i < MN_SNTP_SERVERS; i++)
        if (mn_address_equal(&sntp->servers[i].address, address))
            return true;
    return false;
}

static struct mn_sntp_server *free_server(struct mn_sntp *sntp)
{
    for (unsigned i = 0; i < MN_SNTP_SERVERS; i++)
        if (mn_address_is_any(&sntp->servers[i].address))
            return &sntp->servers[i];
    return NULL;
}

/* NTPBCP-6.1-1 */
void mn_sntp_set_servers(struct mn_sntp *sntp, const struct mnet_address *addresses, unsigned count, uint64_t now)
{
    count = MN_MIN(count, MN_SNTP_SERVERS);
    for (unsigned i = 0; i < MN_SNTP_SERVERS; i++) {
        struct mn_sntp_server *server = &sntp->servers[i];
        if (!mn_address_is_any(&server->address) && !is_listed(&server->address, addresses, count))
            *server = (struct mn_sntp_server){.to_close = server->cookie != 0 || server->to_close};
    }
    for (unsigned i = 0; i < count; i++) {
        struct mn_sntp_server *server = is_known(sntp, &addresses[i]) ? NULL : free_server(sntp);
        if (server == NULL || mn_address_is_any(&addresses[i]))
            continue;
        server->address = addresses[i];
        server->next_ns = now + mn_random_below(sntp->random, START_SPREAD_NS);
        server->good = GOOD_FIRST;
        server->bad = SILENT_FIRST;
    }
}

/* The request is over. */
static void end_exchange(struct mn_sntp_server *server)
{
    MN_DEBUG_ASSERT(server->cookie != 0);
    server->cookie = 0; /* NTP-8-1 */
    server->to_close = true;
}

/* The next request comes in 2^exponent s and a little more, so that clients do not meet. */
static void schedule(struct mn_sntp *sntp, struct mn_sntp_server *server, unsigned exponent, uint64_t now)
{
    MN_DEBUG_ASSERT(exponent <= RATE_MOST && server->least <= RATE_MOST);
    uint64_t seconds = UINT64_C(1) << MN_MAX(exponent, server->least);
    uint64_t more = mn_random_below(sntp->random, (uint32_t)(seconds * 1000 / 16)) * MNET_MILLISECOND;
    server->next_ns = now + seconds * MNET_SECOND + more;
}

/* SNTP-10-2 */
static void fail(struct mn_sntp *sntp, struct mn_sntp_server *server, uint64_t now)
{
    MN_DEBUG_ASSERT(!mn_address_is_any(&server->address));
    end_exchange(server);
    server->heard = true;
    schedule(sntp, server, server->bad, now);
    server->bad = MN_MIN(server->bad + 1, USUAL_MOST);
}

/* ---- The clock ---- */

static void tell(struct mn_sntp_server *server, enum mn_sntp_news news)
{
    server->news |= (uint8_t)(1u << news);
}

static void note_change(struct mn_sntp *sntp, struct mn_sntp_server *best, enum mn_sntp_change change)
{
    switch (change) {
    case MN_SNTP_SET: tell(best, MN_SNTP_NEWS_SET); break;
    case MN_SNTP_JUMPED: tell(best, MN_SNTP_NEWS_JUMPED); break;
    case MN_SNTP_REFUSED: tell(best, MN_SNTP_NEWS_REFUSED); break;
    case MN_SNTP_EARLY: tell(best, MN_SNTP_NEWS_EARLY); break;
    case MN_SNTP_DOUBTED:
        for (unsigned i = 0; i < MN_SNTP_SERVERS; i++)
            sntp->servers[i].good = GOOD_FIRST;
        break;
    case MN_SNTP_SLEWED: break;
    }
}

/* Returns true if each server has answered or failed. */
static bool all_heard(const struct mn_sntp *sntp)
{
    for (unsigned i = 0; i < MN_SNTP_SERVERS; i++)
        if (!mn_address_is_any(&sntp->servers[i].address) && !sntp->servers[i].heard)
            return false;
    return true;
}

static void mark_liars(struct mn_sntp_server **of, unsigned count, unsigned liars)
{
    MN_DEBUG_ASSERT(count <= MN_SNTP_SERVERS && liars >> count == 0);
    for (unsigned i = 0; i < count; i++) {
        bool lies = (liars >> i & 1) != 0;
        if (lies && !of[i]->lies)
            tell(of[i], MN_SNTP_NEWS_LIES);
        of[i]->lies = lies;
    }
}

/* Sets the clock to the time of the majority of the servers. */
static void follow(struct mn_sntp *sntp, uint64_t now)
{
    struct mn_sntp_sample samples[MN_SNTP_SERVERS];
    struct mn_sntp_server *of[MN_SNTP_SERVERS];
    unsigned count = 0, liars;
    if (!all_heard(sntp))
        return;
    for (unsigned i = 0; i < MN_SNTP_SERVERS; i++) {
        struct mn_sntp_server *server = &sntp->servers[i];
        if (server->sample.at_ns != 0 && now < server->sample.at_ns + MN_SNTP_SAMPLE_LIFE_NS) {
            samples[count] = server->sample;
            of[count++] = server;
        }
    }
    int best = count > 0 ? mn_sntp_agree(samples, count, now, &liars) : -1;
    bool quarrel = best < 0 && count > 0;
    if (quarrel && !sntp->quarrel)
        tell(of[0], MN_SNTP_NEWS_QUARREL);
    sntp->quarrel = quarrel;
    if (best < 0)
        return;
    mark_liars(of, count, liars);
    note_change(sntp, of[best], mn_sntp_clock_follow(&sntp->clock, samples[best].offset_ns, now, &sntp->by_ns));
}

uint64_t mn_sntp_wall(const struct mn_sntp *sntp, uint64_t now)
{
    return mn_sntp_clock_read(&sntp->clock, now);
}

/* ---- Answers ---- */

/* A server refuses, or asks for fewer requests. Its timestamps mean nothing: NTP-7.4-4. */
static void obey_kiss(struct mn_sntp *sntp, struct mn_sntp_server *server, uint32_t code, uint64_t now)
{
    if (code == MN_NTP_DENY || code == MN_NTP_RSTR) { /* NTP-7.4-1, SNTP-10-7 */
        server->denied = true;
        tell(server, MN_SNTP_NEWS_DENIED);
    }
    /* NTP-7.4-2. The poll field is not asked: NTPBCP-5.4-3. */
    if (code == MN_NTP_RATE)
        server->least = (uint8_t)MN_MIN(MN_MAX(MN_MAX(server->good, server->bad), server->least) + 1, RATE_MOST);
    fail(sntp, server, now);
}

/* SNTP-5-3, SNTP-5-6, SNTP-5-8, SNTP-3-2 */
static bool is_usable(const struct mn_ntp *answer)
{
    return answer->leap != MN_NTP_LEAP_UNKNOWN && answer->stratum <= STRATUM_MOST && answer->receive != 0 &&
           answer->transmit != 0 && mn_ntp_to_unix(answer->transmit) >= mn_ntp_to_unix(answer->receive) &&
           mn_ntp_short_to_ns(answer->root_delay) < ROOT_MOST_NS &&
           mn_ntp_short_to_ns(answer->root_dispersion) < ROOT_MOST_NS;
}

/* SNTP-5-7, with T1 and T4 on the monotonic clock. Returns false if the server says that it took
 * longer than the whole exchange. */
static bool take_sample(struct mn_sntp_server *server, const struct mn_ntp *answer, uint64_t now)
{
    MN_DEBUG_ASSERT(now >= server->sent_ns);
    uint64_t receive = mn_ntp_to_unix(answer->receive), transmit = mn_ntp_to_unix(answer->transmit);
    uint64_t whole = now - server->sent_ns, there = transmit - receive;
    if (there > whole + ERROR_LEAST_NS)
        return false;
    uint64_t delay = there < whole ? whole - there : 0;
    server->sample = (struct mn_sntp_sample){
        .offset_ns = ((int64_t)(receive - server->sent_ns) + (int64_t)(transmit - now)) / 2,
        .error_ns = delay / 2 + mn_ntp_short_to_ns(answer->root_delay) / 2 +
                    mn_ntp_short_to_ns(answer->root_dispersion) + ERROR_LEAST_NS,
        .at_ns = now,
    };
    return true;
}

/* Returns true if `answer` belongs to the last request to the server: SNTP-5-4, SNTP-5-5, SNTP-5-9,
 * NTPBCP-5.1-1. */
static bool is_answer(const struct mn_sntp_server *server, const struct mnet_address *source,
                      const struct mn_ntp *answer)
{
    return server->cookie != 0 && answer->origin == server->cookie && answer->mode == MN_NTP_SERVER &&
           answer->version == MN_NTP_VERSION && mn_address_equal(source, &server->address);
}

void mn_sntp_input(struct mn_sntp *sntp, unsigned slot, struct mnet_address source, const void *data, size_t len,
                   uint64_t now)
{
    MN_DEBUG_ASSERT(slot < MN_SNTP_SERVERS);
    struct mn_sntp_server *server = &sntp->servers[slot];
    struct mn_ntp answer;
    if (mn_ntp_parse(data, len, &answer) != MN_PARSE_OK || !is_answer(server, &source, &answer)) {
        sntp->counters->value[MNET_COUNT_NTP_DROP_INVALID]++;
        return;
    }
    sntp->counters->value[MNET_COUNT_NTP_RX]++;
    if (answer.stratum == 0) {
        obey_kiss(sntp, server, answer.reference_id, now);
    } else if (is_usable(&answer) && take_sample(server, &answer, now)) {
        end_exchange(server);
        server->heard = true;
        server->bad = SILENT_FIRST;
        follow(sntp, now);
        schedule(sntp, server, server->good, now);
        server->good = MN_MIN(server->good + 1, USUAL_MOST);
        return;
    } else {
        sntp->counters->value[MNET_COUNT_NTP_DROP_UNUSABLE]++;
        fail(sntp, server, now);
    }
    follow(sntp, now);
}

void mn_sntp_note_unreachable(struct mn_sntp *sntp, unsigned slot, uint64_t now)
{
    MN_DEBUG_ASSERT(slot < MN_SNTP_SERVERS);
    struct mn_sntp_server *server = &sntp->servers[slot];
    if (server->cookie == 0)
        return;
    fail(sntp, server, now);
    follow(sntp, now);
}

void mn_sntp_expire(struct mn_sntp *sntp, uint64_t now)
{
    for (unsigned i = 0; i < MN_SNTP_SERVERS; i++)
        if (sntp->servers[i].cookie != 0 && now >= sntp->servers[i].sent_ns + MN_SNTP_TIMEOUT_NS)
            mn_sntp_note_unreachable(sntp, i, now);
}

/* ---- Output ---- */

static bool may_ask(const struct mn_sntp_server *server)
{
    return !mn_address_is_any(&server->address) && !server->denied && server->cookie == 0;
}

/* SNTP-5-1, SNTP-5-2, NTPBCP-5.2-2 */
static void ask(struct mn_sntp *sntp, struct mn_sntp_server *server, struct mn_sntp_output *output, uint64_t now)
{
    MN_DEBUG_ASSERT(may_ask(server));
    do {
        server->cookie = mn_random_u64(sntp->random);
    } while (server->cookie == 0);
    server->sent_ns = now;
    const struct mn_ntp request = {.version = MN_NTP_VERSION, .mode = MN_NTP_CLIENT, .transmit = server->cookie};
    mn_ntp_emit(output->bytes, &request);
    output->act = MN_SNTP_SEND;
}

static void tell_next(struct mn_sntp *sntp, struct mn_sntp_server *server, struct mn_sntp_output *output, uint64_t now)
{
    MN_DEBUG_ASSERT(server->news != 0);
    output->act = MN_SNTP_TELL;
    output->news = (enum mn_sntp_news)__builtin_ctz(server->news);
    server->news &= (uint8_t)(server->news - 1);
    output->ns = sntp->by_ns;
    if (output->news == MN_SNTP_NEWS_LIES)
        output->ns = server->sample.offset_ns + (int64_t)(now - mn_sntp_wall(sntp, now));
}

bool mn_sntp_output(struct mn_sntp *sntp, struct mn_sntp_output *output, uint64_t now)
{
    for (uint8_t i = 0; i < MN_SNTP_SERVERS; i++) {
        struct mn_sntp_server *server = &sntp->servers[i];
        output->slot = i;
        output->server = server->address;
        if (server->to_close) {
            server->to_close = false;
            output->act = MN_SNTP_CLOSE;
            return true;
        }
        if (server->news != 0) {
            tell_next(sntp, server, output, now);
            return true;
        }
        if (may_ask(server) && now >= server->next_ns) {
            ask(sntp, server, output, now);
            return true;
        }
    }
    return false;
}

uint64_t mn_sntp_deadline(const struct mn_sntp *sntp)
{
    uint64_t next = MNET_NEVER;
    for (unsigned i = 0; i < MN_SNTP_SERVERS; i++) {
        const struct mn_sntp_server *server = &sntp->servers[i];
        if (server->to_close || server->news != 0)
            return 0;
        if (server->cookie != 0)
            next = MN_MIN(next, server->sent_ns + MN_SNTP_TIMEOUT_NS);
        else if (may_ask(server))
            next = MN_MIN(next, server->next_ns);
    }
    return next;
}
