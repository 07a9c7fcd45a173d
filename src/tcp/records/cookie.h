/* SYN cookies (RFC 4987 3.6): what a half-open record would have to remember goes out in the SYN,ACK and comes back in the ACK. */
#ifndef MN_COOKIE_H
#define MN_COOKIE_H

#include "base/base.h"
#include "base/hash.h"

struct mn_tcp;
struct mn_tcb;
struct mn_listener;
struct mn_segment;

#define MN_COOKIES_USED 256

struct mn_cookies {
    struct mn_hash_key keys[2]; /* of this generation and the one before, by its parity */
    uint64_t generation;
    uint64_t until_ns;              /* when the last cookie given out is worth nothing any more */
    uint32_t used[MN_COOKIES_USED]; /* the last that became connections, as halves of their hashes */
    uint32_t use_next;
};

/* Answers a SYN with a cookie. */
void mn_cookie_answer(struct mn_tcp *tcp, const struct mn_listener *listener, const struct mn_segment *seg);
/* Whether an ACK to a listener may carry a cookie at all: some were given out of late. */
bool mn_cookie_expected(const struct mn_tcp *tcp, const struct mn_segment *seg);
/* The connection in ESTABLISHED that the cookie in an ACK stands for; NULL where it is none of ours, or there is no room. */
struct mn_tcb *mn_cookie_accept(struct mn_tcp *tcp, struct mn_listener *listener, const struct mn_segment *seg);

#endif
