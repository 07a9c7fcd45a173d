/* The configuration of a stack: which values are allowed, and what zero stands for.
 *
 * A table has the defaults and limits of all numbers. Everything else takes them from there:
 * mn_config_ok, mn_config_complete, and the page docs/options.md.
 *
 * The default of IPv6 has no row, for it is no number: mn_config_complete sets ip.ipv6_auto unless
 * there is an address in ip.ipv6, or ip.no_ipv6.
 */
#ifndef MN_CONFIG_H
#define MN_CONFIG_H

#include <mnet/stack.h>

#include "base/base.h"

enum mn_config_unit {
    MN_CONFIG_COUNT,
    MN_CONFIG_BYTES,
    MN_CONFIG_TIME, /* nanoseconds */
};

/* A number of struct mnet_config: a row of the table. */
struct mn_config_number {
    const char *name; /* as in C: "tcp.send_buffer" */
    uint16_t offset;  /* in struct mnet_config */
    uint8_t size;     /* of the field, in bytes */
    uint8_t unit;     /* enum mn_config_unit */
    /* The default is `standard`, or memory_size / share if that is less. If `part_of` names another
     * number, the default is a share of that one instead. */
    uint64_t standard;
    uint32_t share; /* 0: the default does not depend on anything */
    const char *part_of;
    uint64_t least, most; /* values that may be given */
};

extern const struct mn_config_number mn_config_numbers[];
extern const size_t mn_config_number_count;

/* Returns true if everything but the device and the memory region is valid. */
bool mn_config_ok(const struct mnet_config *config);
/* Returns true if the host's place is valid: address, gateway and routes. */
bool mn_config_network_ok(const struct mnet_config *config);
/* Returns true if a host can have `address` on the network `prefix`: not the network's own, nor its
 * broadcast address (RFC 1122 3.2.1.3). */
bool mn_config_host_ok(struct mnet_prefix prefix, struct mnet_address address);
/* Returns true if packets can go through `gateway`: another host of the own network, or of a route
 * on the link. A host that is alone in its IPv4 network (/32) finds every gateway on the link. With
 * IPv6 a link-local address is always on the link. */
bool mn_config_gateway_ok(const struct mnet_config *config, struct mnet_address gateway);
/* Returns true if the configuration has an own IPv4 address; one by DHCP does not count. */
bool mn_config_has_ipv4(const struct mnet_config *config);
/* Returns true if the stack is to speak IPv6: unless no_ipv6 switches it off. */
bool mn_config_has_ipv6(const struct mnet_config *config);
/* Returns true if the stack can get an address of either family. */
bool mn_config_has_address(const struct mnet_config *config);
/* Returns true if the configuration says where IPv6 addresses come from, or that there are none.
 * If it says nothing, they are as routers advertise. */
bool mn_config_names_ipv6(const struct mnet_config *config);
/* Returns true if no_ipv6 stands beside something that IPv6 is needed for. */
bool mn_config_ipv6_conflicts(const struct mnet_config *config);
/* Returns true if a DNS server can have this address. */
bool mn_config_dns_ok(struct mnet_address address);
/* Returns true for the text of a domain: labels of letters, digits, '-' and '_' with dots between.
 * */
bool mn_config_domain_ok(const char *text);
/* Returns whether the text can be the name or address of a server. */
bool mn_config_server_ok(const char *text);
/* Returns true if `which` is one of the enumeration. */
bool mn_config_congestion_ok(enum mnet_congestion which);
/* Checks everything before anything is touched, and fills in defaults. Returns 0, MNET_E_INVALID,
 * or MNET_E_NO_ADDRESS: there is only IPv6, and the device's MTU is too small for it. */
int mn_config_complete(struct mnet_config *config);

#endif
