/* Questions over TCP (RFC 7766): see resolver.h. Each message has its length in two bytes in
 * front. */
#include <string.h>

#include "dns/internal.h"

#define IDLE_NS (10 * MNET_SECOND)
#define STREAMS_MAX 2 /* streams of one server on which a question is asked */

static bool is_on(const struct mn_dns_question *question, unsigned slot)
{
    MN_DEBUG_ASSERT(slot < MN_DNS_SERVERS);
    return question->phase == MN_DNS_BY_TCP && question->server == slot;
}

static struct mn_dns_question *find_id(struct mn_dns *dns, unsigned slot, uint16_t id)
{
    for (struct mnet_link *link = mn_list_begin(&dns->asked); link != &dns->asked; link = link->next) {
        struct mn_dns_question *question = mn_dns_question_of(link);
        if (is_on(question, slot) && question->sent && question->stream_id == id)
            return question;
    }
    return NULL;
}

static bool is_used(const struct mn_dns *dns, unsigned slot)
{
    for (struct mnet_link *link = mn_list_begin(&dns->asked); link != &dns->asked; link = link->next)
        if (is_on(mn_dns_question_of(link), slot))
            return true;
    return false;
}

void mn_dns_ask_stream(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now)
{
    MN_DEBUG_ASSERT(question->server < dns->servers.count);
    struct mn_dns_stream *stream = &dns->streams[question->server];
    question->streams++;
    question->phase = MN_DNS_BY_TCP;
    question->sent = false;
    mn_dns_arm(dns, question, now + MN_DNS_STREAM_NS);
    if (stream->state == MN_DNS_STREAM_CLOSED) {
        stream->state = MN_DNS_STREAM_OPENING;
        stream->server = dns->servers.list[question->server].address;
        stream->to_open = true;
    }
    MN_DEBUG_ASSERT(question->streams <= STREAMS_MAX);
}

/* ---- Out ---- */

/* Writes the question with a new id (RFC 7766 6.2.1). */
static void write_question(struct mn_dns *dns, struct mn_dns_question *question, struct mn_dns_output *output)
{
    MN_DEBUG_ASSERT(question->phase == MN_DNS_BY_TCP && !question->sent);
    uint16_t id;
    do
        id = (uint16_t)mn_random_u32(dns->config.random);
    while (find_id(dns, question->server, id) != NULL);
    const struct mn_dns_query query = {id, question->type, MN_DNS_UDP_MAX, &question->name};
    struct mn_writer w = mn_writer(output->bytes, sizeof output->bytes);
    mn_write_u16(&w, 0);
    mn_dns_write_query(&w, &query);
    MN_ASSERT(w.ok);
    output->len = sizeof output->bytes - w.left;
    output->bytes[0] = (uint8_t)((output->len - 2) >> 8);
    output->bytes[1] = (uint8_t)(output->len - 2);
    question->stream_id = id;
    question->sent = true;
    dns->config.counters->value[MNET_COUNT_DNS_TX]++;
}

static bool has_question(struct mn_dns *dns, unsigned slot, struct mn_dns_output *output)
{
    if (dns->streams[slot].state != MN_DNS_STREAM_OPEN)
        return false;
    for (struct mnet_link *link = mn_list_begin(&dns->asked); link != &dns->asked; link = link->next) {
        struct mn_dns_question *question = mn_dns_question_of(link);
        if (is_on(question, slot) && !question->sent) {
            write_question(dns, question, output);
            return true;
        }
    }
    return false;
}

bool mn_dns_stream_output(struct mn_dns *dns, struct mn_dns_output *output, uint64_t now)
{
    (void)now;
    for (unsigned i = 0; i < MN_DNS_SERVERS; i++) {
        struct mn_dns_stream *stream = &dns->streams[i];
        *output = (struct mn_dns_output){.slot = (uint8_t)i, .server = stream->server};
        if (stream->to_close) {
            stream->to_close = false;
            output->act = MN_DNS_STREAM_END;
            return true;
        }
        if (stream->to_open) {
            stream->to_open = false;
            output->act = MN_DNS_STREAM_BEGIN;
            return true;
        }
        output->act = MN_DNS_STREAM_SEND;
        if (has_question(dns, i, output))
            return true;
    }
    return false;
}

/* ---- The end of a stream ---- */

static void forget_stream(struct mn_dns *dns, struct mn_dns_stream *stream)
{
    if (stream->buffer != NULL)
        mn_pool_free(&dns->buffers, stream->buffer);
    bool to_close = stream->to_close;
    *stream = (struct mn_dns_stream){.to_close = to_close, .server = stream->server};
}

/* Closes the stream on our side. */
static void end_stream(struct mn_dns *dns, struct mn_dns_stream *stream)
{
    if (stream->state == MN_DNS_STREAM_CLOSED)
        return;
    stream->to_close = !stream->to_open;
    forget_stream(dns, stream);
    MN_DEBUG_ASSERT(stream->state == MN_DNS_STREAM_CLOSED);
}

void mn_dns_end_streams(struct mn_dns *dns)
{
    for (unsigned i = 0; i < MN_DNS_SERVERS; i++)
        end_stream(dns, &dns->streams[i]);
}

/* Questions that the stream has not answered are asked again on another one, or elsewhere. */
static void repeat_questions(struct mn_dns *dns, unsigned slot, uint64_t now)
{
    struct mnet_link *next;
    for (struct mnet_link *link = mn_list_begin(&dns->asked); link != &dns->asked; link = next) {
        struct mn_dns_question *question = mn_dns_question_of(link);
        next = link->next;
        if (!is_on(question, slot))
            continue;
        if (question->sent && question->streams < STREAMS_MAX)
            mn_dns_ask_stream(dns, question, now);
        else
            mn_dns_give_server_up(dns, question, now);
    }
}

void mn_dns_stream_expire(struct mn_dns *dns, unsigned slot, uint64_t now)
{
    MN_DEBUG_ASSERT(slot < MN_DNS_SERVERS);
    struct mn_dns_stream *stream = &dns->streams[slot];
    if (stream->state != MN_DNS_STREAM_OPEN)
        return;
    if (is_used(dns, slot))
        stream->idle_until_ns = now + IDLE_NS;
    if (now >= stream->idle_until_ns)
        end_stream(dns, stream);
    else
        dns->next_ns = MN_MIN(dns->next_ns, stream->idle_until_ns);
}

/* ---- In ---- */

void mn_dns_stream_note_open(struct mn_dns *dns, unsigned slot, uint64_t now)
{
    MN_ASSERT(slot < MN_DNS_SERVERS);
    struct mn_dns_stream *stream = &dns->streams[slot];
    if (stream->state != MN_DNS_STREAM_OPENING || stream->to_open)
        return;
    stream->state = MN_DNS_STREAM_OPEN;
    stream->idle_until_ns = now + IDLE_NS;
    dns->next_ns = MN_MIN(dns->next_ns, stream->idle_until_ns);
}

void mn_dns_stream_note_close(struct mn_dns *dns, unsigned slot, uint64_t now)
{
    MN_ASSERT(slot < MN_DNS_SERVERS);
    struct mn_dns_stream *stream = &dns->streams[slot];
    if (stream->state == MN_DNS_STREAM_CLOSED || stream->to_open)
        return;
    forget_stream(dns, stream);
    repeat_questions(dns, slot, now);
    mn_dns_finish_call(dns, now);
}

/* A stream that breaks the rules ends (RFC 1035 4.2.2). */
static void break_stream(struct mn_dns *dns, unsigned slot, uint64_t now)
{
    MN_DEBUG_ASSERT(dns->streams[slot].state == MN_DNS_STREAM_OPEN);
    dns->config.counters->value[MNET_COUNT_DNS_DROP_INVALID]++;
    end_stream(dns, &dns->streams[slot]);
    repeat_questions(dns, slot, now);
}

/* A whole message (RFC 7766 7: in any order). An answer of no question has no effect. */
static void take_message(struct mn_dns *dns, unsigned slot, const uint8_t *data, size_t len, uint64_t now)
{
    struct mn_dns_message message;
    if (mn_dns_parse(data, len, &message) != MN_PARSE_OK || message.truncated) {
        break_stream(dns, slot, now);
        return;
    }
    struct mn_dns_question *question = find_id(dns, slot, message.id);
    bool matches = question != NULL && (message.name.len == 0 || (message.type == question->type &&
                                                                  mn_dns_name_equal(&message.name, &question->name)));
    if (!matches) {
        dns->config.counters->value[MNET_COUNT_DNS_DROP_UNEXPECTED]++;
        return;
    }
    dns->config.counters->value[MNET_COUNT_DNS_RX]++;
    mn_dns_take_answer(dns, question, &message, now);
}

/* The beginning of a message that is longer than the buffer: its question ends. */
static void take_long_message(struct mn_dns *dns, unsigned slot, uint64_t now)
{
    struct mn_dns_stream *stream = &dns->streams[slot];
    const struct mn_dns_reading reading = {.status = MN_DNS_TOO_LARGE};
    struct mn_dns_question *question = find_id(dns, slot, (uint16_t)(stream->buffer[2] << 8 | stream->buffer[3]));
    if (question != NULL)
        mn_dns_end_question(dns, question, &reading, NULL, now);
}

/* Adds bytes to the message in the buffer, and takes it once it is whole. Returns how many bytes of
 * it were used; the stream may be closed then. */
static size_t add_bytes(struct mn_dns *dns, unsigned slot, const uint8_t *data, size_t len, uint64_t now)
{
    struct mn_dns_stream *stream = &dns->streams[slot];
    size_t wanted = stream->have < 2 ? 2 : 2u + (size_t)(stream->buffer[0] << 8 | stream->buffer[1]);
    size_t used = MN_MIN(len, wanted - stream->have), room = 2 + MN_DNS_STREAM_BYTES;
    size_t before = stream->have;
    if (before < room)
        memcpy(stream->buffer + before, data, MN_MIN(used, room - before));
    stream->have += used;
    if (wanted > room && before < room && stream->have >= room)
        take_long_message(dns, slot, now);
    if (wanted == 2 && stream->have == 2 && (stream->buffer[0] << 8 | stream->buffer[1]) < MN_DNS_HEADER) {
        break_stream(dns, slot, now);
    } else if (wanted > 2 && stream->have == wanted) {
        stream->have = 0;
        stream->idle_until_ns = now + IDLE_NS;
        if (wanted <= room)
            take_message(dns, slot, stream->buffer + 2, wanted - 2, now);
    }
    return used;
}

void mn_dns_stream_input(struct mn_dns *dns, unsigned slot, const void *data, size_t len, uint64_t now)
{
    MN_ASSERT(slot < MN_DNS_SERVERS);
    struct mn_dns_stream *stream = &dns->streams[slot];
    const uint8_t *at = data, *end = at + len;
    if (stream->state != MN_DNS_STREAM_OPEN)
        return;
    if (stream->buffer == NULL && (stream->buffer = mn_pool_alloc(&dns->buffers, MN_CLAIM_SEND)) == NULL)
        break_stream(dns, slot, now);
    while (at < end && stream->state == MN_DNS_STREAM_OPEN)
        at += add_bytes(dns, slot, at, (size_t)(end - at), now);
    mn_dns_finish_call(dns, now);
}
