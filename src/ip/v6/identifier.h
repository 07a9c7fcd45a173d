/* Interface identifiers: the low 64 bits of an IPv6 address, in four ways.
 *
 * Stable and opaque (RFC 7217): SipHash-2-4 under a secret key over the prefix, the name of the
 * interface, the network and a counter of conflicts. It is the same whenever the host comes back to
 * a network, differs in each network, and tells nothing of the hardware. SipHash-2-4 is a
 * pseudorandom function of 64 bits with a key of 128 bits, so nobody can compute it without the key
 * (IID-5-2). Temporary (RFC 8981 3.3.1): random. Modified EUI-64 (RFC 4291 Appendix A, RFC 2464 4):
 * out of the MAC. Fixed: the low bits of an address of the configuration.
 *
 * Stable and temporary identifiers avoid those that are reserved (RFC 5453) and those that the host
 * has already (IID-5-7, TEMP-3.3-1, N6-6.4-3). All bits are opaque (IID-5-5, ARCH-2.5.1-1).
 */
#ifndef MN_IP_V6_IDENTIFIER_H
#define MN_IP_V6_IDENTIFIER_H

#include <mnet/address.h>

#include "base/hash.h"
#include "base/random.h"
#include "wire/ethernet.h"

#define MN_IDENTIFIER_BITS 64u /* on Ethernet: RFC 2464 4 */
#define MN_IDENTIFIER_NAME_MAX 32u

struct mn_identifier {
    uint8_t bytes[8]; /* network order */
};

/* Identifiers that a new one must differ from. */
struct mn_identifiers {
    const struct mn_identifier *all;
    unsigned count;
};

/* A name of at most MN_IDENTIFIER_NAME_MAX bytes. Further bytes have no effect. */
struct mn_identifier_name {
    const void *bytes;
    size_t len;
};

/* The arguments of F (RFC 7217 5). */
struct mn_identifier_origin {
    struct mn_hash_key secret; /* random when the host first starts, and kept (IID-5-4) */
    /* Net_Iface: the same after each start of the host, and another for each interface
     * (IID-5-6). */
    struct mn_identifier_name interface;
    /* Network_ID, say the name of a wireless network; of 0 bytes if there is none. */
    struct mn_identifier_name network;
};

/* Returns a stable identifier for `prefix`, of which the leading `length` bits count. *dad_counter
 * is 0 at first, and one more after each conflict (IID-5-3). It goes on further for an identifier
 * that is reserved or in `taken`, and tells the value that was used. */
struct mn_identifier mn_identifier_make_stable(const struct mn_identifier_origin *origin, struct mnet_prefix prefix,
                                               struct mn_identifiers taken, uint8_t *dad_counter);
/* Returns a random identifier that is neither reserved nor in `taken`. */
struct mn_identifier mn_identifier_make_temporary(struct mn_random *random, struct mn_identifiers taken);
/* ETH-4-1 */
struct mn_identifier mn_identifier_from_mac(struct mn_mac mac);
/* Returns the low bits of an address, "::53" or any other. */
struct mn_identifier mn_identifier_of(struct mnet_address address);

/* Returns true if no host may have the identifier: that of the routers' anycast address (RFC 4291
 * 2.6.1), of IANA's Ethernet block, and of reserved anycast addresses (RFC 2526, RFC 5453). */
bool mn_identifier_is_reserved(struct mn_identifier identifier);
bool mn_identifier_equal(struct mn_identifier a, struct mn_identifier b);

/* Returns the address of the identifier in the network `prefix`, which has 64 bits or fewer. */
struct mnet_address mn_identifier_join(struct mnet_prefix prefix, struct mn_identifier identifier);

#endif
