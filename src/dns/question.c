/* A question from its first server to its end: see resolver.h. */
#include <string.h>

#include "dns/internal.h"

void mn_dns_arm(struct mn_dns *dns, struct mn_dns_question *question, uint64_t next_ns)
{
    question->next_ns = next_ns;
    dns->next_ns = MN_MIN(dns->next_ns, next_ns);
}

/* ---- The end ---- */

/* Calls `done` for each lookup that has ended, which may begin and cancel others. */
static void tell_ended(struct mn_dns *dns)
{
    while (!mn_list_empty(&dns->ending)) {
        struct mn_dns_lookup *lookup = MN_CONTAINER(mn_list_first(&dns->ending), struct mn_dns_lookup, link);
        mn_list_remove(&lookup->link);
        dns->config.done(lookup);
    }
    MN_DEBUG_ASSERT(mn_list_empty(&dns->ending));
}

void mn_dns_free_exchange(struct mn_dns_exchange *exchange)
{
    MN_DEBUG_ASSERT(exchange->question != NULL);
    exchange->question = NULL;
    exchange->to_close = !exchange->to_send; /* a port exists once the datagram has been fetched */
    exchange->to_send = false;
}

void mn_dns_free_exchanges(struct mn_dns *dns, const struct mn_dns_question *question)
{
    for (unsigned i = 0; i < MN_DNS_EXCHANGES; i++)
        if (dns->exchanges[i].question == question)
            mn_dns_free_exchange(&dns->exchanges[i]);
}

/* Gives each lookup the answer; NULL if there is no memory for one. */
static void give_answer(struct mn_dns *dns, struct mn_dns_question *question, enum mn_dns_status status,
                        struct mn_dns_answer *answer)
{
    MN_DEBUG_ASSERT(status != MN_DNS_PENDING);
    while (!mn_list_empty(&question->lookups)) {
        struct mn_dns_lookup *lookup = MN_CONTAINER(mn_list_first(&question->lookups), struct mn_dns_lookup, link);
        mn_list_remove(&lookup->link);
        lookup->status = status;
        lookup->answer = answer;
        if (answer != NULL)
            answer->users++;
        mn_list_append(&dns->ending, &lookup->link);
    }
    MN_DEBUG_ASSERT(mn_list_empty(&question->lookups));
}

static void free_question(struct mn_dns *dns, struct mn_dns_question *question)
{
    MN_DEBUG_ASSERT(mn_list_linked(&question->link));
    MN_ASSERT(mn_list_empty(&question->lookups));
    mn_dns_free_exchanges(dns, question);
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
    mn_dns_count(dns, MNET_COUNT_DNS_FAILED);
    mn_dns_end_question(dns, question, &reading, NULL, now);
}

void mn_dns_drop_questions(struct mn_dns *dns)
{
    while (!mn_list_empty(&dns->asked)) {
        struct mn_dns_question *question = mn_dns_question_of(mn_list_first(&dns->asked));
        give_answer(dns, question, MN_DNS_FAILED, NULL);
        free_question(dns, question);
    }
    tell_ended(dns);
    MN_DEBUG_ASSERT(mn_list_empty(&dns->asked));
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
    MN_DEBUG_ASSERT(question->server < dns->servers.count && exchange->question == NULL && !exchange->to_close);
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
    mn_dns_arm(dns, question, now + mn_dns_server_timeout(server, dns->servers.count == 1, question->round));
}

/* Asks the best server that was not asked in this round, or begins another round. */
void mn_dns_ask_next(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now)
{
    MN_DEBUG_ASSERT(question->round < MN_DNS_ROUNDS);
    int server = mn_dns_servers_best(&dns->servers, question->asked | question->failed, now);
    if (server < 0 && question->round + 1 < MN_DNS_ROUNDS) {
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
    MN_DEBUG_ASSERT(question->server < MN_DNS_SERVERS);
    question->failed |= (uint8_t)(1u << question->server);
    mn_dns_ask_next(dns, question, now);
}

/* Questions that wait for an exchange get those that are free. */
void mn_dns_ask_queued(struct mn_dns *dns, uint64_t now)
{
    struct mnet_link *next;
    for (struct mnet_link *link = mn_list_begin(&dns->asked); link != &dns->asked && free_slot(dns) != NULL;
         link = next) {
        next = link->next;
        if (mn_dns_question_of(link)->phase == MN_DNS_QUEUED)
            mn_dns_ask_next(dns, mn_dns_question_of(link), now);
    }
}

void mn_dns_finish_call(struct mn_dns *dns, uint64_t now)
{
    mn_dns_ask_queued(dns, now);
    tell_ended(dns);
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
    mn_dns_count(dns, MNET_COUNT_DNS_REFUSED);
    mn_dns_give_server_up(dns, question, now);
}
