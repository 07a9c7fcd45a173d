/* A stub resolver (RFC 1034 5.3.1): asks the servers of the configuration, which recurse. Sans-IO:
 * questions, datagrams, pieces of streams, errors and expiries go in with the time. The caller gets
 * the datagrams and pieces to be sent from mn_dns_output, and each answer by `done`.
 *
 * Theory of operation. A *lookup* is the wish of one caller for the records of a name and a type.
 * If the cache has no answer, it joins the *question* for the same name and type, or makes one.
 *
 *  QUEUED   waits until one of MN_DNS_EXCHANGES is free
 *  BY_UDP   one server has been asked last, and the next one is asked at `next_ns`. Servers that
 *           were asked before may still answer
 *  BY_TCP   one server is asked over its stream: an answer over UDP was truncated, or could not be
 *           trusted
 *
 * An *exchange* is one datagram to one server, from a port and with an id of its own (RFC 5452
 * 9.2). Servers are asked one after the other, in the order of server.h. If all are silent, there
 * is a second and a third round with twice the time each. A server that reports an error is not
 * asked again. If nobody is left, the lookups end with FAILED.
 *
 * An answer must come from the server and to the port of its exchange, and must have its id and its
 * question, in which the letters have a case at random. If only the case differs, or if MANY_WRONG
 * answers have another id, the question goes on over TCP, which is harder to forge (RFC 5452 9.3).
 *
 * There is one stream for each server, opened when a question needs it, with any number of
 * questions in flight, and closed when it was idle for 10 s (RFC 7766 6.2). If the server closes
 * it, unanswered questions are repeated once. */
#ifndef MN_DNS_RESOLVER_H
#define MN_DNS_RESOLVER_H

#include <mnet/counters.h>

#include "dns/answer.h"
#include "dns/server.h"

#define MN_DNS_EXCHANGES 64
#define MN_DNS_QUESTIONS 256      /* in flight or waiting */
#define MN_DNS_STREAM_BYTES 4096u /* the longest message that is read over TCP */
#define MN_DNS_OUTPUT_MAX (2 + MN_DNS_QUERY_MAX)

struct mn_dns_lookup;

struct mn_dns_config {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    struct mn_random *random;
    unsigned cache_max; /* answers; 0: no cache */
    /* A lookup has ended: lookup->status is not PENDING. The caller owns lookup->answer and
     * releases it; NULL means that there was no memory for it. All functions except mn_dns_ask and
     * mn_dns_cancel may call `done`, and it may call these two. */
    void (*done)(struct mn_dns_lookup *lookup);
};

/* The caller owns it, and must not move it before it has ended. */
struct mn_dns_lookup {
    struct mnet_link link; /* of its question */
    enum mn_dns_status status;
    struct mn_dns_answer *answer;
};

enum mn_dns_phase {
    MN_DNS_QUEUED,
    MN_DNS_BY_UDP,
    MN_DNS_BY_TCP
};

struct mn_dns_question {
    struct mnet_link link;    /* of the resolver */
    struct mnet_link lookups; /* that wait for it */
    struct mn_dns_name name;  /* with mixed case */
    uint64_t next_ns;
    uint16_t type;
    uint16_t stream_id; /* BY_TCP */
    uint8_t phase;      /* enum mn_dns_phase */
    uint8_t server;     /* that was asked last */
    uint8_t round;
    uint8_t asked;   /* servers of this round, by bits */
    uint8_t failed;  /* servers that are not asked again */
    uint8_t wrong;   /* answers that do not match */
    uint8_t streams; /* how often it began BY_TCP with this server */
    bool sent;       /* BY_TCP: on the stream */
};

struct mn_dns_exchange {
    struct mn_dns_question *question; /* NULL: free, and perhaps to be closed */
    uint64_t sent_ns;
    struct mnet_address server;
    uint16_t id;
    bool edns;
    bool to_send, to_close;
};

enum mn_dns_stream_state {
    MN_DNS_STREAM_CLOSED,
    MN_DNS_STREAM_OPENING,
    MN_DNS_STREAM_OPEN
};

struct mn_dns_stream {
    struct mnet_address server;
    uint64_t idle_until_ns; /* OPEN: without questions it is closed then */
    uint8_t *buffer;        /* MN_DNS_STREAM_BYTES behind two of length; NULL: nothing is read */
    size_t have;
    uint8_t state; /* enum mn_dns_stream_state */
    bool to_open, to_close;
};

struct mn_dns {
    struct mn_dns_config config;
    struct mn_dns_cache cache;
    struct mn_dns_servers servers;
    struct mn_pool questions, buffers;
    struct mnet_link asked;  /* questions */
    struct mnet_link ending; /* lookups whose `done` is still to be called */
    uint64_t next_ns;        /* no later than the first deadline */
    struct mn_dns_exchange exchanges[MN_DNS_EXCHANGES];
    struct mn_dns_stream streams[MN_DNS_SERVERS];
};

/* Something to do for the caller. */
enum mn_dns_act {
    MN_DNS_SEND,         /* a datagram from a new port, which belongs to the exchange `slot` */
    MN_DNS_CLOSE,        /* the port of the exchange `slot` */
    MN_DNS_STREAM_BEGIN, /* a connection, the stream `slot` */
    MN_DNS_STREAM_SEND,  /* bytes over the stream `slot` */
    MN_DNS_STREAM_END,   /* close the stream `slot` */
};

struct mn_dns_output {
    enum mn_dns_act act;
    uint8_t slot;
    struct mnet_address server; /* port MN_DNS_PORT */
    size_t len;
    uint8_t bytes[MN_DNS_OUTPUT_MAX];
};

void mn_dns_init(struct mn_dns *dns, const struct mn_dns_config *config);
/* Ends all lookups with FAILED, closes nothing, and gives all memory back. */
void mn_dns_deinit(struct mn_dns *dns);

/* The servers to ask from now on. If the list is another one, questions in flight begin anew. */
void mn_dns_set_servers(struct mn_dns *dns, const struct mnet_address *addresses, size_t count, uint64_t now);

/* Begins a lookup. It may end at once, with an answer of the cache or without memory: then its
 * status is not PENDING, and `done` is not called. */
void mn_dns_ask(struct mn_dns *dns, struct mn_dns_lookup *lookup, const struct mn_dns_name *name, uint16_t type,
                uint64_t now);
/* Ends a lookup without a result. A question without lookups goes on for the cache. */
void mn_dns_cancel(struct mn_dns *dns, struct mn_dns_lookup *lookup);

/* Fills *output with the next thing to do. False if there is nothing. */
bool mn_dns_output(struct mn_dns *dns, struct mn_dns_output *output, uint64_t now);

/* A datagram from a server's port 53 has come for the exchange `slot`. */
void mn_dns_input(struct mn_dns *dns, unsigned slot, struct mnet_address source, const void *data, size_t len,
                  uint64_t now);
/* The server of the exchange `slot` cannot be reached, or it could not be sent. */
void mn_dns_note_unreachable(struct mn_dns *dns, unsigned slot, uint64_t now);

/* News of the stream `slot`: it is open; bytes have come, cut anywhere; it has ended, or could not
 * be opened. */
void mn_dns_stream_note_open(struct mn_dns *dns, unsigned slot, uint64_t now);
void mn_dns_stream_input(struct mn_dns *dns, unsigned slot, const void *data, size_t len, uint64_t now);
void mn_dns_stream_note_close(struct mn_dns *dns, unsigned slot, uint64_t now);

void mn_dns_expire(struct mn_dns *dns, uint64_t now);
uint64_t mn_dns_deadline(const struct mn_dns *dns);

/* Asserts the invariants between two steps. */
void mn_dns_check(const struct mn_dns *dns);

#endif
