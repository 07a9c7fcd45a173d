/* Types that the wire formats share: verdicts of parsers, and the description of a packet that
 * network and transport layers exchange. */
#ifndef MN_WIRE_H
#define MN_WIRE_H

#include <mnet/error.h>
#include <mnet/packet.h>

#include "base/address.h"
#include "base/base.h"

/* Why bytes could not be parsed. */
enum mn_parse {
    MN_PARSE_OK,
    MN_PARSE_TRUNCATED, /* fewer bytes than the format needs, or than it says */
    MN_PARSE_INVALID,   /* a field has an impossible value */
    MN_PARSE_CHECKSUM,  /* the checksum is wrong */
};

enum mn_ethertype {
    MN_ETHERTYPE_IPV4 = 0x0800,
    MN_ETHERTYPE_ARP = 0x0806,
    MN_ETHERTYPE_IPV6 = 0x86dd,
};

enum mn_protocol {
    MN_PROTOCOL_ICMP = 1,
    MN_PROTOCOL_IGMP = 2,
    MN_PROTOCOL_TCP = 6,
    MN_PROTOCOL_UDP = 17,
    MN_PROTOCOL_ICMPV6 = 58,
};

/* The header of an IP packet. ip/ fills it for a received packet, and a transport for a packet to
 * be sent. */
struct mn_datagram {
    struct mnet_address source, destination;
    uint8_t protocol;
    uint8_t ttl;           /* TTL or hop limit; to send: 0 is the default */
    uint8_t traffic_class; /* DSCP << 2 | ECN */
    bool doubtful;         /* to send: no answers from there for long (RFC 1122 3.3.1.4) */
    bool dont_fragment;    /* to send: IPv4 DF; larger packets are refused, not cut */
    bool loop;             /* to send to a group: the host gets a copy if it has joined it */
    bool not_unicast;      /* received: the IP or the link destination was broadcast or multicast */
    bool overheard;        /* received: the stack of another queue answers (wire/spread.h) */
    bool confirmed;        /* to send: there were answers since the last one (RFC 4861 7.3.1) */
    uint16_t header_len;   /* received: bytes of the network header, in front of packet->data */
    uint32_t flow_label;   /* IPv6 (RFC 6437); 0: none */
};

/* An ICMP error about a packet of ours, from the network or from our own neighbour resolution, as
 * transports see it: the causes that users are told of, and one that is the transports' own
 * business. Soft and hard are RFC 1122's words (4.2.3.9). */
enum mn_unreachable {
    /* Soft: net, source route failed, time exceeded, parameter problem. */
    MN_UNREACHABLE_NETWORK = MNET_UNREACHABLE_NETWORK,
    MN_UNREACHABLE_HOST = MNET_UNREACHABLE_HOST,             /* soft */
    MN_UNREACHABLE_PROTOCOL = MNET_UNREACHABLE_PROTOCOL,     /* hard */
    MN_UNREACHABLE_PORT = MNET_UNREACHABLE_PORT,             /* hard */
    MN_UNREACHABLE_PROHIBITED = MNET_UNREACHABLE_PROHIBITED, /* by an administrator */
    MN_UNREACHABLE_NEIGHBOUR = MNET_UNREACHABLE_NEIGHBOUR,   /* our own verdict */
    MN_UNREACHABLE_TOO_BIG,                                  /* `mtu` would fit; 0: unknown */
};

struct mn_icmp_error {
    enum mn_unreachable reason;
    uint32_t mtu;
    uint8_t protocol;                  /* of the packet it is about */
    struct mnet_address local, remote; /* its source and destination: ours, and the peer */
    const uint8_t *quote;              /* the first bytes of its transport header ... */
    size_t quote_len;                  /* ... at least 8 */
    struct mnet_address reporter;
};

/* The unfolded pseudo-header sum (RFC 9293 3.1, RFC 768, RFC 8200 8.1) for checksum.h; families
 * must agree. */
uint64_t mn_pseudo_sum(const struct mnet_address *source, const struct mnet_address *destination, uint8_t protocol,
                       uint32_t len);
/* Returns true if the checksum of a received TCP segment or UDP datagram is right, or if the device
 * has verified it. The header is at packet->data. */
bool mn_transport_checksum_ok(const struct mnet_packet *packet, const struct mn_datagram *datagram);

#endif
