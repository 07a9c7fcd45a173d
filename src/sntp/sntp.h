/* The client of SNTP (RFC 5905 14, RFC 4330), by the manners of RFC 8633.
 *
 * Theory of operation. Each server is asked by itself. A request comes from a port of its own, and
 * its Transmit Timestamp is a random number, by which the answer is recognised; the time at which
 * it was sent is kept here. After an answer the server is asked again in 64 s, then less and less
 * often, up to every 1024 s; after silence in 16 s, then in twice the time each, up to 1024 s. A
 * server that says so is asked less often (RATE), or never again (DENY, RSTR).
 *
 * The clock is set when each server has answered or failed once. The time is one that more than
 * half of the answering servers allow, and the other servers count as liars. If no majority agrees,
 * the clock is left alone.
 *
 * The caller sends, opens and closes ports, and logs, as mn_sntp_output tells it.
 */
#ifndef MN_SNTP_H
#define MN_SNTP_H

#include <mnet/address.h>
#include <mnet/counters.h>

#include "base/random.h"
#include "sntp/clock.h"
#include "wire/ntp.h"

#define MN_SNTP_SERVERS 4
/* A sample counts for so long: one answer may be lost. */
#define MN_SNTP_SAMPLE_LIFE_NS (2200 * MNET_SECOND)
#define MN_SNTP_TIMEOUT_NS (5 * MNET_SECOND) /* for an answer; the port is open as long */

struct mn_sntp_server {
    struct mnet_address address;  /* unspecified: none */
    uint64_t next_ns;             /* the next request */
    uint64_t sent_ns;             /* the request under way */
    uint64_t cookie;              /* its Transmit Timestamp; 0: none is under way */
    struct mn_sntp_sample sample; /* at_ns is 0: there is none */
    uint8_t good, bad;            /* after an answer, after silence: the next request in 2^n s */
    uint8_t least;                /* and in 2^n s at least, as it said (RATE); 0: it has not */
    bool heard;                   /* it has answered or failed */
    bool denied, lies;
    bool to_close; /* its port */
    uint8_t news;  /* enum mn_sntp_news, by bits */
};

enum mn_sntp_news {
    MN_SNTP_NEWS_SET,     /* the time of day is known */
    MN_SNTP_NEWS_JUMPED,  /* it was wrong by ns */
    MN_SNTP_NEWS_REFUSED, /* the servers say that it is wrong by ns, which is too much */
    MN_SNTP_NEWS_EARLY,   /* they say a time of the past */
    MN_SNTP_NEWS_LIES,    /* the server differs from the others by ns */
    MN_SNTP_NEWS_DENIED,  /* the server will not be asked again */
    MN_SNTP_NEWS_QUARREL, /* no majority of servers agrees */
};

enum mn_sntp_act {
    MN_SNTP_SEND,  /* open a port for the server `slot`, and send */
    MN_SNTP_CLOSE, /* close its port */
    MN_SNTP_TELL,
};

struct mn_sntp_output {
    enum mn_sntp_act act;
    uint8_t slot;
    struct mnet_address server;
    uint8_t bytes[MN_NTP_HEADER];
    enum mn_sntp_news news;
    int64_t ns;
};

struct mn_sntp {
    struct mn_random *random;
    struct mnet_counters *counters;
    struct mn_sntp_clock clock;
    struct mn_sntp_server servers[MN_SNTP_SERVERS];
    int64_t by_ns; /* of the last change */
    bool quarrel;  /* no majority agreed the last time */
};

void mn_sntp_init(struct mn_sntp *sntp, struct mn_random *random, struct mnet_counters *counters);
/* Sets the servers, of which the first ones count. Those that stay keep their state. */
void mn_sntp_set_servers(struct mn_sntp *sntp, const struct mnet_address *addresses, unsigned count, uint64_t now);

/* Takes a datagram that came to the port of a slot. */
void mn_sntp_input(struct mn_sntp *sntp, unsigned slot, struct mnet_address source, const void *data, size_t len,
                   uint64_t now);
/* The request of a slot could not be sent, or an ICMP error says that it did not arrive. */
void mn_sntp_note_unreachable(struct mn_sntp *sntp, unsigned slot, uint64_t now);
/* Gives up requests that have waited long enough. */
void mn_sntp_expire(struct mn_sntp *sntp, uint64_t now);
/* Stores the next action for the caller. Returns false if there is none. */
bool mn_sntp_output(struct mn_sntp *sntp, struct mn_sntp_output *output, uint64_t now);
uint64_t mn_sntp_deadline(const struct mn_sntp *sntp);

/* Returns the time of day, or 0 if no server has told it. */
uint64_t mn_sntp_wall(const struct mn_sntp *sntp, uint64_t now);

#endif
