/* Names: DNS (RFC 1034, RFC 1035) as a stub resolver speaks it.
 *
 * The servers are those that the stack knows (mnet_stack_resolvers). Answers are kept for as long
 * as they hold. DNSSEC is not checked, and mDNS is not spoken. docs/dns.md has the details.
 *
 * A program that calls none of these functions has no resolver in its image.
 */
#ifndef MNET_DNS_H
#define MNET_DNS_H

#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/error.h>
#include <mnet/tcp.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_stack;

#define MNET_DNS_ADDRESSES_MAX MNET_TCP_ADDRESSES_MAX /* of a host */

/* Types of records (RFC 1035 3.2.2, RFC 2782, RFC 3596). Others may be asked for by number. */
enum mnet_dns_type {
    MNET_DNS_A = 1,
    MNET_DNS_CNAME = 5,
    MNET_DNS_PTR = 12,
    MNET_DNS_TXT = 16,
    MNET_DNS_AAAA = 28,
    MNET_DNS_SRV = 33,
};

/* Looks up the addresses of a host, and writes up to `max` of them, best first (RFC 6724). Returns
 * their number, 1 at least.
 *
 * `name` is a host's name, an address, or "localhost". A name of one label is tried in each domain
 * of the search list; one with several labels, or with a dot at the end, is complete. Both families
 * are asked for together, but IPv6 only if the stack speaks it. Errors:
 *
 *     MNET_E_INVALID    the name has a wrong form (RFC 1035 2.3.4), or a colon; nothing was sent
 *     MNET_E_NO_ZONE    the name is a link-local address with a zone that no device has
 *     MNET_E_NO_NAME    the name does not exist
 *     MNET_E_NO_DATA    the name exists, but has no address
 *     MNET_E_TRY_AGAIN  no DNS server is known, answers, or knows: another time it may be different
 *     MNET_E_NO_MEMORY, MNET_E_DEADLINE, MNET_E_CANCELLED, MNET_E_CLOSED
 *
 * If the deadline passes when one family is known, that is the result. With deadline 0 the question
 * is sent, and a later call finds the answer. Suspends. */
int mnet_dns_resolve(struct mnet_stack *stack, const char *name, struct mnet_address *addresses, unsigned max,
                     uint64_t deadline);

/* Looks up the records of one type that a complete name has, and writes their data to `buffer`: for
 * each record its length, two bytes in network order, and so many bytes. Names in the data of
 * CNAME, PTR and SRV records are not compressed: mnet_dns_name_text reads them. Returns the number
 * of records, 1 at least. Errors as above, and MNET_E_TOO_BIG if the buffer is too small, or if the
 * records have more than 2 KiB. Suspends. */
int mnet_dns_lookup(struct mnet_stack *stack, const char *name, enum mnet_dns_type type, void *buffer, size_t size,
                    uint64_t deadline);

/* Looks up the name of an address (RFC 1035 3.5, RFC 3596 2.5), and writes its text to `name`,
 * which has `size` bytes. Unusual characters are escaped (\DDD). Returns 0, or an error as above.
 * Suspends. */
int mnet_dns_reverse(struct mnet_stack *stack, struct mnet_address address, char *name, size_t size, uint64_t deadline);

/* Writes the text of an uncompressed name in the data of a record, whose first byte is at `data`.
 * Returns the number of bytes that the name has in the data, or MNET_E_INVALID, or MNET_E_TOO_BIG
 * if the text does not fit `size` bytes. Never suspends. */
int mnet_dns_name_text(const void *data, size_t len, char *text, size_t size);

/* Connects to a host by its name and `port`: mnet_dns_resolve and mnet_tcp_connect_any in one
 * (RFC 8305). The first attempt does not wait for both families: it begins with the first IPv6
 * address, or 50 ms after the first IPv4 address. Addresses that become known later join the race.
 * options may be NULL. Errors are those of both calls. Suspends. */
int mnet_tcp_connect_name(struct mnet_stack *stack, const char *name, uint16_t port,
                          const struct mnet_connect_options *options, struct mnet_flow **flow, uint64_t deadline);

#pragma GCC visibility pop

#endif
