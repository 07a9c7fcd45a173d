/* Lookups, servers and datagrams: see resolver.h. */
#include "dns/resolver.h"

#include <string.h>

#include "dns/internal.h"

#define MANY_WRONG 20

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

void mn_dns_deinit(struct mn_dns *dns)
{
    mn_dns_drop_questions(dns);
    mn_dns_end_streams(dns);
    mn_dns_cache_clear(&dns->cache);
}

/* ---- Servers and lookups ---- */

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
    for (struct mnet_link *link = mn_list_begin(&dns->asked), *next; link != &dns->asked; link = next) {
        struct mn_dns_question *question = mn_dns_question_of(link);
        next = link->next;
        mn_dns_free_exchanges(dns, question);
        question->asked = question->failed = question->round = 0;
        question->phase = MN_DNS_QUEUED;
        question->sent = false;
    }
    for (struct mnet_link *link = mn_list_begin(&dns->asked), *next; link != &dns->asked; link = next) {
        next = link->next;
        mn_dns_ask_next(dns, mn_dns_question_of(link), now);
    }
    mn_dns_finish_call(dns, now);
}

static struct mn_dns_question *find_question(struct mn_dns *dns, const struct mn_dns_name *name, uint16_t type)
{
    for (struct mnet_link *link = mn_list_begin(&dns->asked); link != &dns->asked; link = link->next) {
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
        mn_dns_count(dns, MNET_COUNT_DNS_CACHED);
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
        mn_dns_ask_next(dns, question, now);
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
            mn_dns_ask_queued(dns, now);
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
            mn_dns_count(dns, MNET_COUNT_DNS_TX);
            return true;
        }
    }
    return mn_dns_stream_output(dns, output, now);
}

/* ---- Answers ---- */

/* Returns true if the error means that the server does not understand EDNS. Then the question is
 * asked without it. */
static bool is_about_edns(const struct mn_dns_exchange *exchange, const struct mn_dns_message *message)
{
    bool complains = message->rcode == MN_DNS_FORMERR || message->rcode == MN_DNS_NOTIMP;
    return exchange->edns && ((complains && !message->edns) || message->rcode == MN_DNS_BADVERS);
}

static int server_of(const struct mn_dns *dns, const struct mnet_address *address)
{
    for (int i = 0; i < dns->servers.count; i++)
        if (is_same_server(address, &dns->servers.list[i]))
            return i;
    return -1;
}

enum answer_match {
    MATCHES,
    DIFFERS_IN_CASE,
    DIFFERS
};

/* RFC 5452 9.1, RFC 1035 7.3 */
static enum answer_match match_answer(const struct mn_dns_exchange *exchange, const struct mn_dns_message *message)
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
    mn_dns_count(dns, MNET_COUNT_DNS_DROP_UNEXPECTED);
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
    enum answer_match match = match_answer(exchange, message);
    if (match == DIFFERS) {
        take_wrong_answer(dns, question, now);
        return;
    }
    mn_dns_count(dns, MNET_COUNT_DNS_RX);
    mn_dns_server_note_answer(server, now - exchange->sent_ns);
    bool plain = match == MATCHES && is_about_edns(exchange, message);
    mn_dns_free_exchange(exchange);
    if (question->phase == MN_DNS_BY_TCP && (match == DIFFERS_IN_CASE || message->truncated))
        return; /* a stream asks already */
    question->server = (uint8_t)index;
    if (match == DIFFERS_IN_CASE || message->truncated) {
        go_over_to_stream(dns, question, index, now);
    } else if (plain) {
        mn_dns_server_note_no_edns(server, now);
        question->asked &= (uint8_t) ~(1u << index);
        mn_dns_ask_next(dns, question, now);
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
        mn_dns_count(dns, MNET_COUNT_DNS_DROP_INVALID);
    } else {
        take_datagram(dns, exchange, &message, now);
    }
    mn_dns_finish_call(dns, now);
}

void mn_dns_note_unreachable(struct mn_dns *dns, unsigned slot, uint64_t now)
{
    MN_ASSERT(slot < MN_DNS_EXCHANGES);
    struct mn_dns_exchange *exchange = &dns->exchanges[slot];
    struct mn_dns_question *question = exchange->question;
    if (question == NULL)
        return;
    int index = server_of(dns, &exchange->server);
    MN_ASSERT(index >= 0);
    mn_dns_server_note_unreachable(&dns->servers.list[index], now);
    mn_dns_free_exchange(exchange);
    if (question->phase == MN_DNS_BY_UDP && question->server == index)
        mn_dns_ask_next(dns, question, now);
    mn_dns_finish_call(dns, now);
}

/* ---- Timers ---- */

static void expire_question(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now)
{
    mn_dns_server_note_timeout(&dns->servers.list[question->server], now);
    if (question->phase == MN_DNS_BY_TCP)
        mn_dns_give_server_up(dns, question, now);
    else
        mn_dns_ask_next(dns, question, now);
}

void mn_dns_expire(struct mn_dns *dns, uint64_t now)
{
    if (now < dns->next_ns)
        return;
    dns->next_ns = MNET_NEVER;
    for (unsigned i = 0; i < MN_DNS_SERVERS; i++)
        mn_dns_stream_expire(dns, i, now);
    for (struct mnet_link *link = mn_list_begin(&dns->asked), *next; link != &dns->asked; link = next) {
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
    for (const struct mnet_link *link = mn_list_begin(&dns->asked); link != &dns->asked; link = link->next) {
        const struct mn_dns_question *question = mn_dns_question_of((struct mnet_link *)link);
        MN_ASSERT(question->phase == MN_DNS_QUEUED || question->server < dns->servers.count);
        MN_ASSERT((question->phase == MN_DNS_QUEUED) == (question->next_ns == MNET_NEVER));
        MN_ASSERT(question->next_ns >= dns->next_ns && question->round < MN_DNS_ROUNDS);
    }
    for (unsigned i = 0; i < MN_DNS_EXCHANGES; i++) {
        const struct mn_dns_exchange *exchange = &dns->exchanges[i];
        MN_ASSERT(!exchange->to_send || exchange->question != NULL);
        MN_ASSERT(!exchange->to_close || exchange->question == NULL);
    }
}
