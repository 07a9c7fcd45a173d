/* Questions and datagrams: see resolver.h. */
#include "dns/resolver.h"

#include <string.h>

#include "dns/internal.h"

#define ROUNDS 3
#define MANY_WRONG 20

static void count(const struct mn_dns *dns, enum mnet_counter counter)
{
    dns->config.counters->value[counter]++;
}

void mn_dns_arm(struct mn_dns *dns, struct mn_dns_question *question, uint64_t next_ns)
{
    question->next_ns = next_ns;
    dns->next_ns = MN_MIN(dns->next_ns, next_ns);
}

void mn_dns_init(struct mn_dns *dns, const struct mn_dns_config *config)
{
    memset(dns, 0, sizeof *dns);
    dns->config = *config;
    dns->next_ns = MNET_NEVER;
    mn_list_init(&dns->asked);
    mn_list_init(&dns->ending);
    mn_dns_cache_init(&dns->cache, config->memory, config->random, config->cache_max);
    mn_pool_init(&dns->questions, config->memory, "questions of DNS", sizeof(struct mn_dns_question), MN_DNS_QUESTIONS);
    mn_pool_init(&dns->buffers, config->memory, "buffers of DNS streams", 2 + MN_DNS_STREAM_BYTES, MN_DNS_SERVERS);
}

/* ---- The end of a question ---- */

/* Calls `done` for each lookup that has ended, which may begin and cancel others. */
static void tell_ended(struct mn_dns *dns)
{
    while (!mn_list_empty(&dns->ending)) {
        struct mn_dns_lookup *lookup = MN_CONTAINER(mn_list_first(&dns->ending), struct mn_dns_lookup, link);
        mn_list_remove(&lookup->link);
        dns->config.done(lookup);
    }
}

static void free_exchange(struct mn_dns_exchange *exchange)
{
    exchange->question = NULL;
    exchange->to_close = !exchange->to_send; /* a port exists once the datagram has been fetched */
    exchange->to_send = false;
}

static void free_exchanges(struct mn_dns *dns, const struct mn_dns_question *question)
{
    for (unsigned i = 0; i < MN_DNS_EXCHANGES; i++)
        if (dns->exchanges[i].question == question)
            free_exchange(&dns->exchanges[i]);
}

/* Gives each lookup the answer; NULL if there is no memory for one. */
static void give_answer(struct mn_dns *dns, struct mn_dns_question *question, enum mn_dns_status status,
                        struct mn_dns_answer *answer)
{
    while (!mn_list_empty(&question->lookups)) {
        struct mn_dns_lookup *lookup = MN_CONTAINER(mn_list_first(&question->lookups), struct mn_dns_lookup, link);
        mn_list_remove(&lookup->link);
        lookup->status = status;
        lookup->answer = answer;
        if (answer != NULL)
            answer->users++;
        mn_list_append(&dns->ending, &lookup->link);
    }
}

static void free_question(struct mn_dns *dns, struct mn_dns_question *question)
{
    MN_ASSERT(mn_list_empty(&question->lookups));
    free_exchanges(dns, question);
    mn_list_remove(&question->link);
    mn_pool_free(&dns->questions, question);
}

void mn_dns_end_question(struct mn_dns *dns, struct mn_dns_question *question, const struct mn_dns_reading *reading,
                         const uint8_t *data, uint64_t now)
{
    struct mn_dns_answer *answer = mn_dns_cache_add(&dns->cache, &question->name, question->type, reading, data, now);
    give_answer(dns, question, reading->status, answer);
    if (answer != NULL)
        mn_dns_answer_release(&dns->cache, answer);
    free_question(dns, question);
}

static void fail_question(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now)
{
    const struct mn_dns_reading reading = {.status = MN_DNS_FAILED, .ttl_s = MN_DNS_FAILURE_S};
    count(dns, MNET_COUNT_DNS_FAILED);
    mn_dns_end_question(dns, question, &reading, NULL, now);
}

void mn_dns_deinit(struct mn_dns *dns)
{
    while (!mn_list_empty(&dns->asked)) {
        struct mn_dns_question *question = mn_dns_question_of(mn_list_first(&dns->asked));
        give_answer(dns, question, MN_DNS_FAILED, NULL);
        free_question(dns, question);
    }
    mn_dns_end_streams(dns);
    mn_dns_cache_clear(&dns->cache);
    tell_ended(dns);
}

/* ---- Asking ---- */

static struct mn_dns_exchange *free_slot(struct mn_dns *dns)
{
    for (unsigned i = 0; i < MN_DNS_EXCHANGES; i++)
        if (dns->exchanges[i].question == NULL && !dns->exchanges[i].to_close)
            return &dns->exchanges[i];
    return NULL;
}

static void ask_server(struct mn_dns *dns, struct mn_dns_question *question, struct mn_dns_exchange *exchange,
                       bool edns, uint64_t now)
{
    const struct mn_dns_server *server = &dns->servers.list[question->server];
    *exchange = (struct mn_dns_exchange){
        .question = question,
        .sent_ns = now,
        .server = server->address,
        .id = (uint16_t)mn_random_u32(dns->config.random),
        .edns = edns,
        .to_send = true,
    };
    question->phase = MN_DNS_BY_UDP;
    mn_dns_arm(dns, question, now + mn_dns_server_patience(server, dns->servers.count == 1, question->round));
}

/* Asks the best server that was not asked in this round, or begins another round. */
static void ask_next(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now)
{
    int server = mn_dns_servers_best(&dns->servers, question->asked | question->failed, now);
    if (server < 0 && question->round + 1 < ROUNDS) {
        question->asked = 0;
        server = mn_dns_servers_best(&dns->servers, question->failed, now);
        question->round += server >= 0;
    }
    if (server < 0) {
        fail_question(dns, question, now);
        return;
    }
    struct mn_dns_exchange *exchange = free_slot(dns);
    if (exchange == NULL) { /* expire tries again when one is free */
        question->phase = MN_DNS_QUEUED;
        question->next_ns = MNET_NEVER;
        return;
    }
    question->server = (uint8_t)server;
    question->asked |= (uint8_t)(1u << server);
    question->streams = 0;
    ask_server(dns, question, exchange, mn_dns_server_knows_edns(&dns->servers.list[server], now), now);
}

void mn_dns_give_server_up(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now)
{
    question->failed |= (uint8_t)(1u << question->server);
    ask_next(dns, question, now);
}

/* Questions that wait for an exchange get those that are free. */
static void ask_queued(struct mn_dns *dns, uint64_t now)
{
    struct mnet_link *next;
    for (struct mnet_link *link = dns->asked.next; link != &dns->asked && free_slot(dns) != NULL; link = next) {
        next = link->next;
        if (mn_dns_question_of(link)->phase == MN_DNS_QUEUED)
            ask_next(dns, mn_dns_question_of(link), now);
    }
}

void mn_dns_finish_call(struct mn_dns *dns, uint64_t now)
{
    ask_queued(dns, now);
    tell_ended(dns);
}

static bool is_same_server(const struct mnet_address *a, const struct mn_dns_server *b)
{
    return mn_address_equal(a, &b->address);
}

void mn_dns_set_servers(struct mn_dns *dns, const struct mnet_address *addresses, size_t count, uint64_t now)
{
    struct mn_dns_servers before = dns->servers;
    mn_dns_servers_set(&dns->servers, addresses, count);
    bool same = before.count == dns->servers.count;
    for (unsigned i = 0; same && i < before.count; i++)
        same = is_same_server(&before.list[i].address, &dns->servers.list[i]);
    if (same)
        return;
    mn_dns_end_streams(dns);
    for (struct mnet_link *link = dns->asked.next, *next; link != &dns->asked; link = next) {
        struct mn_dns_question *question = mn_dns_question_of(link);
        next = link->next;
        free_exchanges(dns, question);
        question->asked = question->failed = question->round = 0;
        question->phase = MN_DNS_QUEUED;
        question->sent = false;
    }
    for (struct mnet_link *link = dns->asked.next, *next; link != &dns->asked; link = next) {
        next = link->next;
        ask_next(dns, mn_dns_question_of(link), now);
    }
    mn_dns_finish_call(dns, now);
}

static struct mn_dns_question *find_question(struct mn_dns *dns, const struct mn_dns_name *name, uint16_t type)
{
    for (struct mnet_link *link = dns->asked.next; link != &dns->asked; link = link->next) {
        struct mn_dns_question *question = mn_dns_question_of(link);
        if (question->type == type && mn_dns_name_equal(&question->name, name))
            return question;
    }
    return NULL;
}

static struct mn_dns_question *new_question(struct mn_dns *dns, const struct mn_dns_name *name, uint16_t type)
{
    struct mn_dns_question *question = mn_pool_alloc_zeroed(&dns->questions, MN_CLAIM_SEND);
    if (question == NULL)
        return NULL;
    question->name = *name;
    question->type = type;
    question->next_ns = MNET_NEVER;
    mn_dns_name_mix_case(&question->name, dns->config.random);
    mn_list_init(&question->lookups);
    mn_list_append(&dns->asked, &question->link);
    return question;
}

void mn_dns_ask(struct mn_dns *dns, struct mn_dns_lookup *lookup, const struct mn_dns_name *name, uint16_t type,
                uint64_t now)
{
    *lookup = (struct mn_dns_lookup){.status = MN_DNS_FAILED};
    lookup->answer = mn_dns_cache_find(&dns->cache, name, type, now);
    if (lookup->answer != NULL) {
        count(dns, MNET_COUNT_DNS_CACHED);
        lookup->status = lookup->answer->status;
        return;
    }
    struct mn_dns_question *question = find_question(dns, name, type);
    bool is_new = question == NULL;
    if (is_new && (dns->servers.count == 0 || (question = new_question(dns, name, type)) == NULL))
        return;
    lookup->status = MN_DNS_PENDING;
    mn_list_append(&question->lookups, &lookup->link);
    if (is_new)
        ask_next(dns, question, now);
}

void mn_dns_cancel(struct mn_dns *dns, struct mn_dns_lookup *lookup)
{
    mn_list_remove(&lookup->link);
    if (lookup->answer != NULL)
        mn_dns_answer_release(&dns->cache, lookup->answer);
    *lookup = (struct mn_dns_lookup){.status = MN_DNS_FAILED};
}

/* ---- Datagrams out ---- */

bool mn_dns_output(struct mn_dns *dns, struct mn_dns_output *output, uint64_t now)
{
    for (unsigned i = 0; i < MN_DNS_EXCHANGES; i++) {
        struct mn_dns_exchange *exchange = &dns->exchanges[i];
        *output = (struct mn_dns_output){.slot = (uint8_t)i, .server = exchange->server};
        if (exchange->to_close) {
            exchange->to_close = false;
            output->act = MN_DNS_CLOSE;
            ask_queued(dns, now);
            return true;
        }
        if (exchange->to_send) {
            const struct mn_dns_query query = {exchange->id, exchange->question->type,
                                               exchange->edns ? MN_DNS_UDP_MAX : 0, &exchange->question->name};
            struct mn_writer w = mn_writer(output->bytes, sizeof output->bytes);
            mn_dns_write_query(&w, &query);
            MN_ASSERT(w.ok);
            exchange->to_send = false;
            output->act = MN_DNS_SEND;
            output->len = sizeof output->bytes - w.left;
            count(dns, MNET_COUNT_DNS_TX);
            return true;
        }
    }
    return mn_dns_stream_output(dns, output, now);
}

/* ---- Answers ---- */

/* Whether the server understands EDNS. If it does not, the question goes on without it. */
static bool is_about_edns(const struct mn_dns_exchange *exchange, const struct mn_dns_message *message)
{
    bool complains = message->rcode == MN_DNS_FORMERR || message->rcode == MN_DNS_NOTIMP;
    return exchange->edns && ((complains && !message->edns) || message->rcode == MN_DNS_BADVERS);
}

void mn_dns_take_answer(struct mn_dns *dns, struct mn_dns_question *question, const struct mn_dns_message *message,
                        uint64_t now)
{
    uint8_t data[MN_DNS_DATA_MAX];
    if (message->rcode == MN_DNS_NOERROR || message->rcode == MN_DNS_NXDOMAIN) {
        struct mn_dns_reading reading = mn_dns_read(message, data);
        if (reading.status != MN_DNS_FAILED) {
            mn_dns_end_question(dns, question, &reading, data, now);
            return;
        }
    }
    count(dns, MNET_COUNT_DNS_REFUSED);
    mn_dns_give_server_up(dns, question, now);
}

static int server_of(const struct mn_dns *dns, const struct mnet_address *address)
{
    for (int i = 0; i < dns->servers.count; i++)
        if (is_same_server(address, &dns->servers.list[i]))
            return i;
    return -1;
}

enum match {
    MATCHES,
    DIFFERS_IN_CASE,
    DIFFERS
};

/* RFC 5452 9.1, RFC 1035 7.3 */
static enum match match_answer(const struct mn_dns_exchange *exchange, const struct mn_dns_message *message)
{
    const struct mn_dns_question *question = exchange->question;
    if (message->id != exchange->id)
        return DIFFERS;
    if (message->name.len == 0) /* an error without a question */
        return MATCHES;
    if (message->type != question->type || !mn_dns_name_equal(&message->name, &question->name))
        return DIFFERS;
    return mn_dns_name_identical(&message->name, &question->name) ? MATCHES : DIFFERS_IN_CASE;
}

static void go_over_to_stream(struct mn_dns *dns, struct mn_dns_question *question, int server, uint64_t now)
{
    question->server = (uint8_t)server;
    question->asked |= (uint8_t)(1u << server);
    question->streams = 0;
    mn_dns_ask_stream(dns, question, now);
}

static void take_wrong_answer(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now)
{
    count(dns, MNET_COUNT_DNS_DROP_UNEXPECTED);
    question->wrong += question->wrong < UINT8_MAX;
    if (question->wrong == MANY_WRONG && question->phase == MN_DNS_BY_UDP)
        go_over_to_stream(dns, question, question->server, now);
}

static void take_datagram(struct mn_dns *dns, struct mn_dns_exchange *exchange, const struct mn_dns_message *message,
                          uint64_t now)
{
    struct mn_dns_question *question = exchange->question;
    int index = server_of(dns, &exchange->server);
    MN_ASSERT(index >= 0); /* set_servers frees the exchanges of others */
    struct mn_dns_server *server = &dns->servers.list[index];
    enum match match = match_answer(exchange, message);
    if (match == DIFFERS) {
        take_wrong_answer(dns, question, now);
        return;
    }
    count(dns, MNET_COUNT_DNS_RX);
    mn_dns_server_answered(server, now - exchange->sent_ns);
    bool plain = match == MATCHES && is_about_edns(exchange, message);
    free_exchange(exchange);
    if (question->phase == MN_DNS_BY_TCP && (match == DIFFERS_IN_CASE || message->truncated))
        return; /* a stream asks already */
    question->server = (uint8_t)index;
    if (match == DIFFERS_IN_CASE || message->truncated) {
        go_over_to_stream(dns, question, index, now);
    } else if (plain) {
        mn_dns_server_lacks_edns(server, now);
        question->asked &= (uint8_t) ~(1u << index);
        ask_next(dns, question, now);
    } else {
        mn_dns_take_answer(dns, question, message, now);
    }
}

void mn_dns_input(struct mn_dns *dns, unsigned slot, struct mnet_address source, const void *data, size_t len,
                  uint64_t now)
{
    MN_ASSERT(slot < MN_DNS_EXCHANGES);
    struct mn_dns_exchange *exchange = &dns->exchanges[slot];
    struct mn_dns_message message;
    if (exchange->question == NULL || exchange->to_send)
        return;
    if (!mn_address_equal(&source, &exchange->server)) {
        take_wrong_answer(dns, exchange->question, now);
    } else if (mn_dns_parse(data, len, &message) != MN_PARSE_OK) {
        count(dns, MNET_COUNT_DNS_DROP_INVALID);
    } else {
        take_datagram(dns, exchange, &message, now);
    }
    mn_dns_finish_call(dns, now);
}

void mn_dns_unreachable(struct mn_dns *dns, unsigned slot, uint64_t now)
{
    MN_ASSERT(slot < MN_DNS_EXCHANGES);
    struct mn_dns_exchange *exchange = &dns->exchanges[slot];
    struct mn_dns_question *question = exchange->question;
    if (question == NULL)
        return;
    int index = server_of(dns, &exchange->server);
    MN_ASSERT(index >= 0);
    mn_dns_server_unreachable(&dns->servers.list[index], now);
    free_exchange(exchange);
    if (question->phase == MN_DNS_BY_UDP && question->server == index)
        ask_next(dns, question, now);
    mn_dns_finish_call(dns, now);
}

/* ---- Timers ---- */

static void expire_question(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now)
{
    mn_dns_server_timed_out(&dns->servers.list[question->server], now);
    if (question->phase == MN_DNS_BY_TCP)
        mn_dns_give_server_up(dns, question, now);
    else
        ask_next(dns, question, now);
}

void mn_dns_expire(struct mn_dns *dns, uint64_t now)
{
    if (now < dns->next_ns)
        return;
    dns->next_ns = MNET_NEVER;
    for (unsigned i = 0; i < MN_DNS_SERVERS; i++)
        mn_dns_stream_expire(dns, i, now);
    for (struct mnet_link *link = dns->asked.next, *next; link != &dns->asked; link = next) {
        struct mn_dns_question *question = mn_dns_question_of(link);
        next = link->next;
        if (now >= question->next_ns)
            expire_question(dns, question, now);
        else
            dns->next_ns = MN_MIN(dns->next_ns, question->next_ns);
    }
    mn_dns_finish_call(dns, now);
}

uint64_t mn_dns_deadline(const struct mn_dns *dns)
{
    return dns->next_ns;
}

/* ---- Invariants ---- */

void mn_dns_check(const struct mn_dns *dns)
{
    mn_dns_cache_check(&dns->cache);
    MN_ASSERT(mn_list_empty(&dns->ending));
    for (const struct mnet_link *link = dns->asked.next; link != &dns->asked; link = link->next) {
        const struct mn_dns_question *question = mn_dns_question_of((struct mnet_link *)link);
        MN_ASSERT(question->phase == MN_DNS_QUEUED || question->server < dns->servers.count);
        MN_ASSERT((question->phase == MN_DNS_QUEUED) == (question->next_ns == MNET_NEVER));
        MN_ASSERT(question->next_ns >= dns->next_ns && question->round < ROUNDS);
    }
    for (unsigned i = 0; i < MN_DNS_EXCHANGES; i++) {
        const struct mn_dns_exchange *exchange = &dns->exchanges[i];
        MN_ASSERT(!exchange->to_send || exchange->question != NULL);
        MN_ASSERT(!exchange->to_close || exchange->question == NULL);
    }
}
