/* The names that stand for the name which a program gives: RFC 1123 6.1.4.3, RFC 6761.
 *
 * A name of one label is a host of a domain of the search list, and nothing else, unless the list
 * is empty. A name of several labels, or with a dot at the end, is complete: it is not tried in
 * other domains, which would tell strangers of it (SSAC 064). */
#ifndef MN_DNS_SEARCH_H
#define MN_DNS_SEARCH_H

#include "wire/dns_name.h"

#define MN_DNS_DOMAINS 6

struct mn_dns_search {
    struct mn_dns_name domains[MN_DNS_DOMAINS];
    uint8_t count;
};

/* Makes the name that is asked for after `number` others. `complete` is the result of
 * mn_dns_name_parse for `name`. A domain that makes the name too long is left out. Returns false if
 * there are no more names. */
bool mn_dns_search_name(const struct mn_dns_search *search, const struct mn_dns_name *name, bool complete,
                        unsigned number, struct mn_dns_name *to);

enum mn_dns_special {
    MN_DNS_ORDINARY,
    MN_DNS_LOCALHOST, /* this host: 127.0.0.1 and ::1, and no question (RFC 6761 6.3) */
    MN_DNS_INVALID,   /* no such name, and no question (RFC 6761 6.4) */
};
enum mn_dns_special mn_dns_name_special(const struct mn_dns_name *name);

#endif
