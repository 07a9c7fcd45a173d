/* Between the files of the resolver: resolver.c stands on stream.c, and both on question.c. */
#ifndef MN_DNS_INTERNAL_H
#define MN_DNS_INTERNAL_H

#include "base/random.h"
#include "dns/resolver.h"

#define MN_DNS_ROUNDS 3                    /* through all servers */
#define MN_DNS_STREAM_NS (5 * MNET_SECOND) /* how long an answer over TCP may take */

static inline struct mn_dns_question *mn_dns_question_of(struct mnet_link *link)
{
    return MN_CONTAINER(link, struct mn_dns_question, link);
}

static inline void mn_dns_count(const struct mn_dns *dns, enum mnet_counter counter)
{
    dns->config.counters->value[counter]++;
}

/* question.c */

/* Sets a question's deadline. */
void mn_dns_arm(struct mn_dns *dns, struct mn_dns_question *question, uint64_t next_ns);
/* Ends a question with the answer of a message that matches it, or goes on with another server if
 * the message tells of an error. */
void mn_dns_take_answer(struct mn_dns *dns, struct mn_dns_question *question, const struct mn_dns_message *message,
                        uint64_t now);
void mn_dns_end_question(struct mn_dns *dns, struct mn_dns_question *question, const struct mn_dns_reading *reading,
                         const uint8_t *data, uint64_t now);
/* Ends each call that may have ended questions: tells of lookups that have ended, and asks the
 * questions that waited for an exchange. */
void mn_dns_finish_call(struct mn_dns *dns, uint64_t now);
/* Ends all questions with FAILED. */
void mn_dns_drop_questions(struct mn_dns *dns);
/* The exchange's question is over, or its answer has come: its port is to be closed. */
void mn_dns_free_exchange(struct mn_dns_exchange *exchange);
void mn_dns_free_exchanges(struct mn_dns *dns, const struct mn_dns_question *question);
/* Asks the best server that was not asked in this round, or begins another round. Ends the question
 * if no server is left. */
void mn_dns_ask_next(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now);
/* Questions that wait for an exchange get those that are free. */
void mn_dns_ask_queued(struct mn_dns *dns, uint64_t now);
/* The question's server is not asked again: goes on with the next one. */
void mn_dns_give_server_up(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now);

/* stream.c */

/* Asks the question's server over its stream. */
void mn_dns_ask_stream(struct mn_dns *dns, struct mn_dns_question *question, uint64_t now);
bool mn_dns_stream_output(struct mn_dns *dns, struct mn_dns_output *output, uint64_t now);
void mn_dns_stream_expire(struct mn_dns *dns, unsigned slot, uint64_t now);
/* Forgets all streams; those that are open are to be closed. */
void mn_dns_end_streams(struct mn_dns *dns);

#endif
