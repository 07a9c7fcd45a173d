/* The parts of a stack's configuration (stack.h), one for each protocol.
 *
 * Zero stands for the default of every field. docs/options.md has the default and the limits of
 * each number.
 */
#ifndef MNET_CONFIG_H
#define MNET_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/tcp.h>
#include <mnet/tcp_info.h>

/* A route: the router that leads to a network. */
struct mnet_route {
    struct mnet_prefix destination; /* length 0 is the default route */
    struct mnet_address gateway;    /* unspecified: the network is on the link */
};

#define MNET_ROUTES_MAX 16 /* routes of a configuration, at most */

#define MNET_TTL_DEFAULT 64 /* TTL or hop limit of packets, if nobody says otherwise */

#define MNET_DUID_MAX 130       /* bytes of an identity for DHCPv6 */
#define MNET_HOSTS_MAX 8        /* addresses of names that need no DNS server */
#define MNET_SNTP_SERVERS_MAX 4 /* time servers of a program or a configuration */
#define MNET_DNS_MAX 4          /* DNS servers, and domains of the search list, of each stack */

/* The address of a name that no DNS server is asked for. */
struct mnet_host {
    struct mnet_address address;
    const char *name; /* such as "db.example" */
};

/* How an IPv6 address that the stack makes by itself gets its low 64 bits. */
enum mnet_ipv6_identifier {
    /* A keyed hash of the network (RFC 7217): the same whenever the host comes back to a network,
     * and another one in each network. */
    MNET_IPV6_STABLE,
    MNET_IPV6_EUI64, /* the MAC (RFC 4291 Appendix A) */
    MNET_IPV6_FIXED, /* those of ipv6_token */
};

/* Own addresses, ways to others, and the memory of the network layer. */
struct mnet_ip_config {
    /* Own address and network, such as 10.0.0.2/24. */
    struct mnet_prefix ipv4;
    /* The default router: a host of the own network, or of a route on the link. With a /32: any
     * host. */
    struct mnet_address ipv4_gateway;
    /* Own IPv6 address and network, such as 2001:db8::2/64. Without it the stack makes addresses of
     * the prefixes that routers advertise (RFC 4862). It has a link-local address in any case. */
    struct mnet_prefix ipv6;
    /* The default router of IPv6: a link-local address, or a host of the own network. With it and
     * ipv6, but without ipv6_auto, the stack neither solicits routers nor takes their
     * advertisements. */
    struct mnet_address ipv6_gateway;
    /* The stack does not speak IPv6: no address, nothing sent, everything received is dropped. */
    bool no_ipv6;
    /* Make own IPv6 addresses of the prefixes that routers advertise, besides that of ipv6. */
    bool ipv6_auto;
    /* Have temporary addresses, too, which connections then begin from (RFC 8981). A stack whose
     * device has several queues makes none: those of the other queues would not know them. */
    bool ipv6_temporary;
    enum mnet_ipv6_identifier ipv6_identifier; /* of addresses by ipv6_auto */
    struct mnet_address ipv6_token;            /* such as ::53; its low 64 bits count */
    /* The key of MNET_IPV6_STABLE, which the host keeps for itself. All zeros: a random one, so
     * that the addresses are others after each start. */
    uint8_t ipv6_secret[16];
    struct mnet_route routes[MNET_ROUTES_MAX]; /* of both families */
    unsigned route_count;
    /* DNS servers in front of those that DHCP and routers tell of (mnet/resolvers.h), and domains
     * in front of theirs, such as "lab.example". The texts stay as long as the stack. */
    struct mnet_address dns[MNET_DNS_MAX];
    unsigned dns_count;
    const char *search[MNET_DNS_MAX];
    unsigned search_count;
    /* Names whose addresses are known, in front of DNS. A name with several has one of each family;
     * of others the first one counts. The texts stay as long as the stack. */
    struct mnet_host hosts[MNET_HOSTS_MAX];
    unsigned host_count;
    /* Servers of the time of day, by name or address, for programs that ask such servers without
     * naming some (mnet/sntp.h). The texts stay as long as the stack. */
    const char *ntp[MNET_SNTP_SERVERS_MAX];
    unsigned ntp_count;
    /* Get address, gateway and routes of IPv4 from a DHCP server instead (see dhcp.h). With
     * ipv6_auto, DHCPv6 servers are asked as routers advise, and if no router answers. */
    bool dhcp;
    /* The identity of the host for DHCPv6 servers (RFC 8415 11), the same in each start: 3 to 130
     * bytes. Default: one that follows from the MAC (DUID-LL). */
    uint8_t dhcpv6_duid[MNET_DUID_MAX];
    uint8_t dhcpv6_duid_len;
    /* mnet_stack_up does not wait for the address. */
    bool dhcp_no_wait;
    /* Probe for another user of the address before using it (RFC 5227), for about 6 s. Without this
     * an address by DHCP is probed for 0.1 s. */
    bool address_probe;
    uint8_t ttl; /* of packets sent; 0: MNET_TTL_DEFAULT */
    /* How long mnet_stack_up waits for the address while the link is up, though 10 s at most once
     * IPv6 has one. While the link stays down it waits 10 times as long. */
    uint64_t dhcp_wait_ns;
    unsigned neighbours_max;           /* hosts of the link whose link addresses are known */
    unsigned reassembly_datagrams_max; /* incomplete IP datagrams at a time */
    size_t reassembly_bytes_max;       /* memory that they may pin */
    /* How often other stations are asked for an IPv6 address before it is used
     * (DupAddrDetectTransmits, RFC 4862 5.1). */
    unsigned dad_transmits;
    bool no_dad;                /* IPv6 addresses are used at once, and nobody is asked */
    unsigned icmp_errors_per_s; /* ICMP errors sent, of both families */
    bool no_unreachable;        /* sends no Destination Unreachable (RFC 792, RFC 4443 3.1) */
};

/* Settings of UDP. Zeros are defaults. */
struct mnet_udp_config {
    unsigned endpoints_max;
};

/* Settings of TCP. Zeros are defaults. */
struct mnet_tcp_config {
    /* Established connections. */
    unsigned connections_max;
    /* Connections that we have closed and the peer has not. If there are more, the one that has
     * been stuck longest is reset. */
    unsigned orphans_max;
    /* Half-open connections of all listeners. */
    unsigned half_open_max;
    /* TIME-WAIT records. If there is no place for one, the oldest goes. */
    unsigned time_wait_max;
    unsigned listeners_max;
    /* The most bytes that a connection may queue for sending, and the largest receive window.
     * Within these limits the buffers grow and shrink with the rate of the path. */
    uint32_t send_buffer, receive_buffer;
    uint64_t msl_ns;    /* maximum segment lifetime; TIME-WAIT lasts twice as long */
    uint64_t orphan_ns; /* how long FIN-WAIT-2 without a user is kept */
    /* R2: a connection ends if data stays unacknowledged for this time. For a SYN 3 min. Without a
     * user at most 100 s. */
    uint64_t user_timeout_ns;
    /* Tell peers user_timeout_ns, and adapt to theirs (RFC 5482). */
    bool user_timeout_option;
    /* mnet_tcp_connect_any: the time after which an attempt that goes on is joined by the next one
     * (Connection Attempt Delay, RFC 8305 5), ... */
    uint64_t connection_attempt_delay_ns;
    /* ... and how many addresses of the preferred family come before the first of the other one
     * (First Address Family Count, RFC 8305 4). */
    unsigned first_address_family_count;
    bool no_delay; /* connections start with Nagle's algorithm off */
    /* If the table of half-open connections is full, its oldest is given up. Default: SYN
     * cookies. */
    bool no_syn_cookies;
    /* A connection whose peer takes nothing keeps its memory, even if others find none. Default:
     * the connection that has moved least for the memory it holds is reset, with MNET_E_NO_MEMORY
     * (docs/memory.md). */
    bool no_shedding;
    bool no_plpmtud;      /* disables path-MTU probing (RFC 8899) */
    bool no_timestamps;   /* neither offers nor accepts timestamps and PAWS (RFC 7323 3) */
    bool no_sack;         /* neither offers nor accepts selective acknowledgements (RFC 2018) */
    bool no_window_scale; /* neither offers nor accepts windows above 64 KiB (RFC 7323 2) */
    /* Of connections that do not choose. Default CUBIC. */
    enum mnet_congestion congestion;
    enum mnet_ecn ecn;           /* default passive */
    struct mnet_tcp_trace trace; /* default: no trace */
};

#endif
