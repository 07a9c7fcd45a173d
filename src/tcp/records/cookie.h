/* SYN cookies (RFC 4987 3.6): the contents of a half-open record are sent in the SYN,ACK and return
 * in the ACK. */
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
    uint64_t until_ns; /* time at which the last cookie sent expires */
    /* The last cookies that became connections, as halves of their hashes. */
    uint32_t used[MN_COOKIES_USED];
    uint32_t use_next;
};

/* Answers a SYN with a cookie. */
void mn_cookie_answer(struct mn_tcp *tcp, const struct mn_listener *listener, const struct mn_segment *seg);
/* Returns whether an ACK to a listener may carry a cookie at all, because some were sent
 * recently. */
bool mn_cookie_expected(const struct mn_tcp *tcp, const struct mn_segment *seg);
/* Returns the connection in ESTABLISHED that the cookie of an ACK stands for. Returns NULL if the
 * cookie is none of ours, or if there is no room. */
struct mn_tcb *mn_cookie_accept(struct mn_tcp *tcp, struct mn_listener *listener, const struct mn_segment *seg);

#endif
