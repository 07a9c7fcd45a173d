/* Stateless address autoconfiguration (RFC 4862 5.3, 5.5) with temporary addresses (RFC 8981):
 * which own addresses there are, how long, and which one follows a duplicate.
 *
 * Theory of operation. The list has the link-local address, a stable address for each prefix that
 * is advertised for autoconfiguration, and, if switched on, temporary ones beside it.
 * Advertisements and time change the list; duplicate address detection is the user's and reports to
 * it. The user takes the changes one by one (mn_autoconf_take_change) and adds, checks or removes
 * addresses accordingly.
 *
 *              packets of the address              leads on to
 * TENTATIVE    none, until it is known as unique   PREFERRED; with another address TENTATIVE again;
 *                                                  DUPLICATE after the last try
 * PREFERRED    all                                 DEPRECATED when its preferred lifetime ends
 * DEPRECATED   those of connections that have it   PREFERRED if an advertisement prolongs it
 * DUPLICATE    none; keeps its prefix from being tried again
 * INVALID      none                                FREE once the user has taken the change
 *
 * All but FREE and INVALID lead to INVALID when the valid lifetime ends.
 *
 * A temporary address lasts as its stable one does, but never longer than its own limits, which
 * count from its creation (TEMP-3.4-4). When it has REGEN_ADVANCE left to be preferred, the next
 * one is made (TEMP-3.5-1), unless the prefix itself is about to be deprecated (TEMP-3.4-3,
 * TEMP-3.5-2).
 */
#ifndef MN_IP_V6_AUTOCONF_H
#define MN_IP_V6_AUTOCONF_H

#include "ip/v6/identifier.h"
#include "ip/v6/prefixes.h"

#define MN_AUTO_ADDRESSES_MAX 16
#define MN_TWO_HOURS_NS (7200 * MNET_SECOND)              /* RFC 4862 5.5.3 (e) */
#define MN_IDGEN_RETRIES 3u                               /* RFC 7217 7, RFC 8981 3.8 */
#define MN_IDGEN_DELAY_NS MNET_SECOND                     /* RFC 7217 7 */
#define MN_TEMP_VALID_NS (2 * 86400 * MNET_SECOND)        /* RFC 8981 3.8: TEMP_VALID_LIFETIME */
#define MN_TEMP_PREFERRED_NS (86400 * MNET_SECOND)        /* TEMP_PREFERRED_LIFETIME */
#define MN_TEMP_DESYNC_NS (MN_TEMP_PREFERRED_NS / 10 * 4) /* MAX_DESYNC_FACTOR */

enum mn_auto_state {
    MN_AUTO_FREE,
    MN_AUTO_TENTATIVE,
    MN_AUTO_PREFERRED,
    MN_AUTO_DEPRECATED,
    MN_AUTO_DUPLICATE,
    MN_AUTO_INVALID,
};

struct mn_auto_address {
    enum mn_auto_state state;
    struct mnet_address address;
    struct mnet_prefix prefix;                   /* of 64 bits */
    uint64_t preferred_until_ns, valid_until_ns; /* MNET_NEVER: without end */
    uint64_t preferred_most_ns, valid_most_ns;   /* of a temporary address: no later than this */
    uint64_t check_at_ns;                        /* TENTATIVE: when detection begins */
    uint8_t dad_counter;                         /* RFC 7217 */
    uint8_t failures;                            /* of duplicate address detection, in a row */
    bool temporary;
    bool no_temporary; /* of a stable one: all tries of a temporary address failed (TEMP-3.4-5) */
    bool changed;      /* and not taken yet */
};

/* How stable addresses get their identifiers. */
enum mn_auto_identifier {
    MN_AUTO_STABLE, /* RFC 7217, the usual way */
    MN_AUTO_EUI64,  /* of the MAC */
    MN_AUTO_FIXED,  /* a token of the configuration */
};

struct mn_autoconf_config {
    struct mn_random *random;
    struct mn_identifier_origin origin; /* its names must last */
    enum mn_auto_identifier identifier;
    struct mn_mac mac;          /* for MN_AUTO_EUI64 */
    struct mn_identifier token; /* for MN_AUTO_FIXED */
    bool temporary;             /* TEMP-3.7-1: off is usual */
    uint8_t dad_transmits;      /* DupAddrDetectTransmits, for REGEN_ADVANCE */
};

struct mn_autoconf {
    struct mn_autoconf_config config;
    uint64_t retrans_ns; /* RetransTimer, for REGEN_ADVANCE; slaac.c sets it */
    uint64_t next_ns;
    struct mn_auto_address addresses[MN_AUTO_ADDRESSES_MAX];
};

void mn_autoconf_init(struct mn_autoconf *autoconf, const struct mn_autoconf_config *config);

/* Makes the link-local address; to be called each time the interface becomes enabled (SLAAC-5.3-1).
 * Without effect if there is one, but one that was a duplicate is tried again. */
void mn_autoconf_add_link_local(struct mn_autoconf *autoconf, uint64_t now);
/* Processes a Prefix Information option (RFC 4862 5.5.3, RFC 8981 3.4). */
void mn_autoconf_input(struct mn_autoconf *autoconf, const struct mn_nd_prefix *information, uint64_t now);
/* Switches temporary addresses on or off. Off: those there are count as deprecated. */
void mn_autoconf_set_temporary(struct mn_autoconf *autoconf, bool on, uint64_t now);
/* The link may lead to another network: all addresses but the link-local one go (TEMP-3.6-1). */
void mn_autoconf_clear(struct mn_autoconf *autoconf, uint64_t now);

/* Duplicate address detection is over: the tentative `address` is unique. */
void mn_autoconf_confirm(struct mn_autoconf *autoconf, struct mnet_address address, uint64_t now);
/* ... or another station has it (RFC 7217 6). A stable or temporary address gets another
 * identifier, up to three times, each after a random delay; one of a MAC or a token has no other
 * (IID-6-3). The tentative address is the user's no longer; the next one comes as a change. */
void mn_autoconf_note_duplicate(struct mn_autoconf *autoconf, struct mnet_address address, uint64_t now);

/* Copies the next address that has changed since it was taken last. Those that are INVALID come
 * first, since a new one may be the same again. False: no other has changed. */
bool mn_autoconf_take_change(struct mn_autoconf *autoconf, struct mn_auto_address *address);
/* Deprecates, removes and replaces the addresses that are due. Sets next_ns to the time of the next
 * one, or to MNET_NEVER. */
void mn_autoconf_expire(struct mn_autoconf *autoconf, uint64_t now);
uint64_t mn_autoconf_deadline(const struct mn_autoconf *autoconf);

#endif
