/* DHCPv6 messages of clients and servers (RFC 8415 8 and 21, RFC 3646), which travel in UDP.
 *
 * In the structure below, an option that is absent is zero. An option with an impossible length or
 * value counts as absent, and so does one that is repeated though it may stand only once: the first
 * counts (21). Unknown options are skipped (16). */
#ifndef MN_DHCPV6_WIRE_H
#define MN_DHCPV6_WIRE_H

#include "wire/domain.h"
#include "wire/ethernet.h"
#include "wire/ipv6.h"

#define MN_DHCPV6_CLIENT_PORT 546
#define MN_DHCPV6_SERVER_PORT 547

#define MN_DHCPV6_DUID 130 /* bytes, the type included (11.1) */
#define MN_DHCPV6_IAS 4
#define MN_DHCPV6_ADDRESSES 4 /* of an IA */
#define MN_DHCPV6_DNS 3
#define MN_DHCPV6_NTP 3
#define MN_DHCPV6_NTP_NAMES 2
#define MN_DHCPV6_REQUESTED 8
#define MN_DHCPV6_INFINITE UINT32_MAX /* seconds without end (7.7) */

/* ff02::1:2: all relay agents and servers (7.1). */
extern const struct mnet_address mn_dhcpv6_servers;

enum mn_dhcpv6_type { /* 7.3 */
    MN_DHCPV6_SOLICIT = 1,
    MN_DHCPV6_ADVERTISE = 2,
    MN_DHCPV6_REQUEST = 3,
    MN_DHCPV6_CONFIRM = 4,
    MN_DHCPV6_RENEW = 5,
    MN_DHCPV6_REBIND = 6,
    MN_DHCPV6_REPLY = 7,
    MN_DHCPV6_RELEASE = 8,
    MN_DHCPV6_DECLINE = 9,
    MN_DHCPV6_RECONFIGURE = 10,
    MN_DHCPV6_INFORMATION_REQUEST = 11,
};

enum mn_dhcpv6_status { /* 21.13; any other value is a failure, too */
    MN_DHCPV6_SUCCESS = 0,
    MN_DHCPV6_UNSPEC_FAIL = 1,
    MN_DHCPV6_NO_ADDRS_AVAIL = 2,
    MN_DHCPV6_NO_BINDING = 3,
    MN_DHCPV6_NOT_ON_LINK = 4,
    MN_DHCPV6_USE_MULTICAST = 5,
};

/* Options that clients ask for (21.7). */
enum mn_dhcpv6_option {
    MN_DHCPV6_OPTION_DNS_SERVERS = 23,
    MN_DHCPV6_OPTION_DOMAIN_LIST = 24,
    MN_DHCPV6_OPTION_REFRESH_TIME = 32,
    MN_DHCPV6_OPTION_NTP_SERVER = 56,
    MN_DHCPV6_OPTION_SOL_MAX_RT = 82,
    MN_DHCPV6_OPTION_INF_MAX_RT = 83,
};

/* An identity of a client or a server: opaque bytes, to be compared and nothing else (11). */
struct mn_dhcpv6_duid {
    uint8_t len; /* 0: none */
    uint8_t bytes[MN_DHCPV6_DUID];
};

struct mn_dhcpv6_address {
    struct mnet_address address;
    uint32_t preferred_s, valid_s;
    uint16_t status; /* enum mn_dhcpv6_status */
};

/* An identity association for addresses that are not temporary (21.4). */
struct mn_dhcpv6_ia {
    uint32_t iaid;
    uint32_t t1_s, t2_s;
    uint16_t status;
    uint8_t address_count;
    struct mn_dhcpv6_address addresses[MN_DHCPV6_ADDRESSES];
};

struct mn_dhcpv6 {
    uint8_t type; /* enum mn_dhcpv6_type */
    uint32_t xid; /* 24 bits */
    struct mn_dhcpv6_duid client_id, server_id;
    bool has_elapsed;
    uint16_t elapsed; /* hundredths of a second */
    bool rapid_commit, reconfigure_accept;
    bool has_status;
    uint16_t status;
    uint8_t preference;
    uint8_t reconfigure;                 /* the type of message that a server asks for (21.19) */
    struct mnet_address unicast;         /* of the server (21.12) */
    uint32_t sol_max_rt_s, inf_max_rt_s; /* 60 to 86400 (21.24, 21.25) */
    uint32_t refresh_s;                  /* 600 or more (21.23) */
    uint8_t requested_count, ia_count, dns_count, ntp_count, ntp_name_count;
    uint16_t requested[MN_DHCPV6_REQUESTED]; /* enum mn_dhcpv6_option */
    struct mn_dhcpv6_ia ias[MN_DHCPV6_IAS];
    struct mnet_address dns[MN_DHCPV6_DNS];
    struct mnet_address ntp[MN_DHCPV6_NTP];          /* servers of one host each (RFC 5908 4.1) */
    struct mn_reader domains;                        /* the search list, for mn_domain_next */
    struct mn_reader ntp_names[MN_DHCPV6_NTP_NAMES]; /* one name each, likewise */
};

/* TRUNCATED below a type and a transaction id. INVALID for other types, those between relay agents
 * included, and if an option goes beyond the end of the message. An IA whose own options go beyond
 * its end, or with 0 < T2 < T1, is left out (21.4), and so is an address with a preferred lifetime
 * above its valid one, or that no host can have (21.6). `domains` and
 * `ntp_names` point into `data`. */
enum mn_parse mn_dhcpv6_parse(const void *data, size_t len, struct mn_dhcpv6 *message);
/* Writes a message with the options that are there. */
void mn_dhcpv6_write(struct mn_writer *w, const struct mn_dhcpv6 *message);

bool mn_dhcpv6_duid_equal(const struct mn_dhcpv6_duid *a, const struct mn_dhcpv6_duid *b);
/* The kinds of DUIDs (11.2 to 11.5): with or without the time, in seconds since the year 2000; of
 * an enterprise, with up to 124 bytes; of a UUID. */
struct mn_dhcpv6_duid mn_dhcpv6_duid_llt(struct mn_mac mac, uint32_t time_s);
struct mn_dhcpv6_duid mn_dhcpv6_duid_ll(struct mn_mac mac);
struct mn_dhcpv6_duid mn_dhcpv6_duid_en(uint32_t enterprise, const void *identifier, uint8_t len);
struct mn_dhcpv6_duid mn_dhcpv6_duid_uuid(const uint8_t uuid[16]);

#endif
