/* One network layer with IPv6 in virtual time (see ip_host.h): its frames, field by field.
 *
 *     struct ip_host h;
 *     ip6_host_up(&h);
 *     receive_ip6(&h, .protocol = MN_PROTOCOL_UDP);
 *     ip_host_down(&h);
 */
#ifndef TESTS_SUPPORT_IP6_HOST_H
#define TESTS_SUPPORT_IP6_HOST_H

#include "tests/support/ip_host.h"

#include "wire/icmpv6.h"
#include "wire/ipv6.h"
#include "wire/nd.h"

#define ADDRESS6(a, b, c, d) \
    ((struct mnet_address){ \
        .bytes = {(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff, [12] = (c) >> 8, (c)&0xff, (d) >> 8, (d)&0xff}})
#define OWN6 ADDRESS6(0x2001, 0xdb8, 0, 2) /* 2001:db8::2 */
#define PEER6 ADDRESS6(0x2001, 0xdb8, 0, 3)
#define GATEWAY6 ADDRESS6(0x2001, 0xdb8, 0, 1)
#define FAR6 ADDRESS6(0x2001, 0xdb9, 0, 9)
#define OWN_LINK6 (link_local6(OWN_MAC))
#define PEER_LINK6 (link_local6(PEER_MAC))
#define NONE6 MNET_ADDRESS_ANY

/* Returns the link-local address with the modified EUI-64 of `mac`. */
struct mnet_address link_local6(struct mn_mac mac);

/* Returns a configuration with OWN6/64 and the gateway, without IPv4. */
struct mn_ip_config ip6_host_config(struct ip_host *h);
/* Starts the usual host, whose addresses are its own. */
void ip6_host_up(struct ip_host *h);

struct ip6_line {
    struct mn_mac to, from;
    struct mnet_address source, destination;
    uint8_t protocol, hop_limit, traffic_class;
    uint32_t flow_label;
    const void *payload;
    size_t len;
    size_t padding; /* bytes after the packet */
};
size_t build_ip6_line(uint8_t *frame, struct ip6_line line);
enum mn_ip_verdict receive_ip6_line(struct ip_host *h, struct ip6_line line);
#define IP6_LINE(...) \
    ((struct ip6_line){.to = OWN_MAC, \
                       .from = PEER_MAC, \
                       .source = PEER6, \
                       .destination = OWN6, \
                       .protocol = MN_PROTOCOL_UDP, \
                       .hop_limit = 64, \
                       .payload = "12345678", \
                       .len = 8, \
                       __VA_ARGS__})
#define receive_ip6(h, ...) receive_ip6_line(h, IP6_LINE(__VA_ARGS__))

/* Receives an ICMPv6 message, whose checksum is put right. */
enum mn_ip_verdict receive_icmp6_line(struct ip_host *h, struct ip6_line line);
#define receive_icmp6(h, ...) receive_icmp6_line(h, IP6_LINE(.protocol = MN_PROTOCOL_ICMPV6, __VA_ARGS__))

/* A Neighbour Solicitation or Advertisement. */
struct nd_line {
    struct mnet_address source, destination, target;
    struct mn_mac mac; /* of the option; NO_MAC: without it */
    bool router, solicited, override;
    const uint8_t *nonce; /* 6 bytes; NULL: without it */
    uint8_t hop_limit;    /* default: 255 */
};
void receive_solicitation_line(struct ip_host *h, struct nd_line line);
void receive_advertisement_line(struct ip_host *h, struct nd_line line);
#define receive_solicitation(h, ...) \
    receive_solicitation_line( \
        h, (struct nd_line){.source = PEER6, .destination = OWN6, .target = OWN6, .mac = PEER_MAC, __VA_ARGS__})
#define receive_advertisement(h, ...) \
    receive_advertisement_line( \
        h, (struct nd_line){.source = PEER6, .destination = OWN6, .target = PEER6, .mac = PEER_MAC, __VA_ARGS__})

/* Frames sent. */

struct sent6 {
    struct mn_ethernet ethernet;
    struct mn_ipv6 ip;
    const uint8_t *payload; /* behind the fixed header */
    size_t payload_len;
    uint8_t checksum;
    size_t len;
    uint8_t bytes[FRAME_MAX];
};
/* Takes the next frame, which carries IPv6. Returns false if there is none. */
bool take_sent6(struct ip_host *h, struct sent6 *sent);
/* Expects an IPv6 packet as the next frame. The static result lives until the next call. */
struct sent6 *expect_ip6(struct ip_host *h, struct mn_mac to, struct mnet_address destination, uint8_t protocol);
/* Expects an ICMPv6 message with a right checksum as the next frame. */
struct sent6 *expect_icmp6(struct ip_host *h, struct mnet_address destination, uint8_t type, uint8_t code);
/* Expects a Neighbour Solicitation for `target`, to its group, or to `alone` if it is not NO_MAC.
 */
void expect_solicitation(struct ip_host *h, struct mnet_address target, struct mn_mac alone);
/* Throws the reports of multicast groups away (tests/unit/test_ip_group.c is about them); all other
 * frames stay, in their order. */
void discard_reports6(struct ip_host *h);
/* Throws all frames away but ICMPv6 messages of `type` that are directly behind the IPv6 header. */
void keep_icmp6(struct ip_host *h, uint8_t type);
/* Throws all frames away. */
void discard_sent6(struct ip_host *h);
void assert_address6(struct mnet_address is, struct mnet_address wanted);

/* Makes a packet of a transport and sends it. */
int send6(struct ip_host *h, struct mnet_address destination, size_t len);
/* Makes the stack know the link address of a neighbour, which is reachable then. */
void know6(struct ip_host *h, struct mnet_address neighbour, struct mn_mac mac);

/* Returns the state of a neighbour that the stack knows or asks for. */
enum mn_neighbour_state neighbour_state(struct ip_host *h, struct mnet_address neighbour);
bool has_neighbour(struct ip_host *h, struct mnet_address neighbour);
/* Brings PEER6, with PEER_MAC, into a state. What was sent for that is thrown away. */
void bring_peer6(struct ip_host *h, enum mn_neighbour_state state);

#endif
