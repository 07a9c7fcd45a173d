/* Domain names of DNS (RFC 1035 2.3.4, 3.1): labels, each behind a byte with its length, and at the
 * end the root, a length of zero. A name is kept in this form, uncompressed, with the letters as
 * they came; comparisons ignore the case of ASCII letters (RFC 4343). */
#ifndef MN_DNS_NAME_WIRE_H
#define MN_DNS_NAME_WIRE_H

#include "base/hash.h"
#include "base/random.h"
#include <mnet/address.h>

#define MN_DNS_NAME 255 /* bytes of the longest name */
#define MN_DNS_LABEL 63 /* of the longest label, without its length */
/* Text of the longest name, if every byte of it is escaped, with dots and the terminating zero. */
#define MN_DNS_NAME_TEXT (4 * MN_DNS_NAME)

struct mn_dns_name {
    uint8_t len; /* root included: 1 to 255, or 0 if there is no name */
    uint8_t bytes[MN_DNS_NAME];
};

/* Reads a name as people write it: labels of printable characters with dots between, and perhaps a
 * dot at the end, which *complete tells. False for an empty label, a label or name that is too
 * long, and for blanks, backslashes and characters beyond ASCII. */
bool mn_dns_name_parse(struct mn_dns_name *name, const char *text, bool *complete);
/* Reads a name that is not compressed, from the beginning of `len` bytes. */
bool mn_dns_name_take(struct mn_dns_name *name, const uint8_t *data, size_t len);
/* Writes at most MN_DNS_NAME_TEXT bytes of text with a terminating zero: no dot at the end, "." for
 * the root, and each dot, backslash or unprintable byte in a label as \DDD (RFC 1035 5.1). */
void mn_dns_name_format(const struct mn_dns_name *name, char *text);

bool mn_dns_name_equal(const struct mn_dns_name *a, const struct mn_dns_name *b);
/* The same, and in the same case. */
bool mn_dns_name_identical(const struct mn_dns_name *a, const struct mn_dns_name *b);
/* Returns true if `name` is `domain`, or a name below it. */
bool mn_dns_name_is_below(const struct mn_dns_name *name, const struct mn_dns_name *domain);
/* Equal names have equal hashes. */
uint64_t mn_dns_name_hash(const struct mn_dns_name *name, const struct mn_hash_key *key);
/* The number of labels, without the root. */
unsigned mn_dns_name_labels(const struct mn_dns_name *name);
/* Appends the labels of `domain`. False, and no change, if the name becomes too long. */
bool mn_dns_name_append(struct mn_dns_name *name, const struct mn_dns_name *domain);
/* The name of an address in in-addr.arpa (RFC 1035 3.5) or ip6.arpa (RFC 3596 2.5). */
void mn_dns_name_of_address(struct mn_dns_name *name, struct mnet_address address);
/* Gives each letter a case at random, which an answer has to repeat. */
void mn_dns_name_mix_case(struct mn_dns_name *name, struct mn_random *random);

#endif
