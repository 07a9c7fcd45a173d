/* One network layer in virtual time, and the test plays the link: frames are built field by field,
 * what comes out is taken apart again.
 *
 *     struct ip_host h;
 *     ip_host_up(&h);
 *     receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OWN_IP);
 *     expect_arp(&h, MN_ARP_REPLY, PEER_MAC, OWN_IP, PEER_IP);
 *     expect_silence(&h);
 *     ip_host_down(&h);
 */
#ifndef TESTS_SUPPORT_IP_HOST_H
#define TESTS_SUPPORT_IP_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>

#include "base/checksum.h"
#include "base/memory.h"
#include "ip/ip.h"
#include "wire/arp.h"
#include "wire/icmpv4.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* Lines of a script override the defaults of the macros. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Woverride-init-side-effects"
#endif

#define IPV4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define OWN_IP IPV4(10, 0, 0, 2)
#define PEER_IP IPV4(10, 0, 0, 3)
#define GATEWAY_IP IPV4(10, 0, 0, 1)
#define FAR_IP IPV4(192, 0, 2, 9)
#define NETWORK_BROADCAST IPV4(10, 0, 0, 255)
#define ALL_BROADCAST IPV4(255, 255, 255, 255)

#define OWN_MAC ((struct mn_mac){{2, 0, 0, 0, 0, 2}})
#define PEER_MAC ((struct mn_mac){{2, 0, 0, 0, 0, 3}})
#define OTHER_MAC ((struct mn_mac){{2, 0, 0, 0, 0, 9}})
#define GATEWAY_MAC ((struct mn_mac){{2, 0, 0, 0, 0, 1}})
#define NO_MAC ((struct mn_mac){{0}})
#define ALL_MAC mn_mac_broadcast

#define HOST_MTU 1500
#define FRAME_MAX (65535 + 14)

struct ip_host {
    void *region;
    struct mnet_memory *memory;
    size_t memory_at_start;
    struct mnet_counters counters;
    struct mnet_log log;
    unsigned log_lines;
    struct mn_random random;
    struct mn_ip ip;
    uint64_t now;
    enum mnet_checksum checksum; /* the device's verdict on frames received from now on */
    /* The result of the last receive; the next receive frees it. */
    struct mnet_packet *packet;
    struct mn_datagram datagram;
    struct mn_icmp_error error;
    bool repeated; /* it was taken as one that is like the last (src/ip/repeat_input.c) */
};

/* Returns a configuration with OWN_IP/24 and the gateway, for tests that change a part of it. Its
 * pointers lead into `h`. */
struct mn_ip_config ip_host_config(struct ip_host *h);
/* Starts with a configuration, and returns the result of mn_ip_init. The host has sent nothing
 * yet. */
int ip_host_start(struct ip_host *h, const struct mn_ip_config *config);
/* Starts the usual host, whose announcements are over. */
void ip_host_up(struct ip_host *h);
/* Ends the host. Fails if memory is not given back. */
void ip_host_down(struct ip_host *h);

/* hoard_memory takes packets until no memory is left; free_hoard gives all of them back. */
struct mnet_packet *hoard_memory(struct ip_host *h);
void free_hoard(struct mnet_packet *hoard);

/* Lets time pass, and calls the timers at their times. */
void pass_ns(struct ip_host *h, uint64_t ns);
#define pass_ms(h, ms) pass_ns(h, (uint64_t)(ms)*MNET_MILLISECOND)

#define counted(h, name) ((h)->counters.value[MNET_COUNT_##name])
#define assert_counted(h, name, times) assert_int_equal(counted(h, name), times)

/* Received frames. */

/* Receives raw bytes that begin with the Ethernet header. */
enum mn_ip_verdict receive_bytes(struct ip_host *h, const void *frame, size_t len);

struct arp_line {
    struct mn_mac to, from; /* of the frame; default: broadcast, sender_mac */
    uint16_t operation;
    struct mn_mac sender_mac, target_mac; /* default: PEER_MAC, none */
    uint32_t sender_ip, target_ip;
};
void receive_arp_line(struct ip_host *h, struct arp_line line);
#define receive_arp(h, ...) receive_arp_line(h, (struct arp_line){.to = ALL_MAC, .sender_mac = PEER_MAC, __VA_ARGS__})

struct ip_line {
    struct mn_mac to, from;
    uint32_t source, destination;
    uint8_t protocol, ttl, traffic_class;
    uint16_t identification, offset; /* offset in bytes */
    bool more, dont_fragment;
    const uint8_t *options; /* a multiple of four bytes */
    size_t options_len;
    const void *payload;
    size_t len;
    size_t padding; /* bytes after the packet */
};
/* Builds the frame of a line. Returns its length. */
size_t build_ip_line(uint8_t *frame, struct ip_line line);
enum mn_ip_verdict receive_ip_line(struct ip_host *h, struct ip_line line);
#define IP_LINE(...) \
    ((struct ip_line){.to = OWN_MAC, \
                      .from = PEER_MAC, \
                      .source = PEER_IP, \
                      .destination = OWN_IP, \
                      .protocol = MN_PROTOCOL_UDP, \
                      .ttl = 64, \
                      .payload = "12345678", \
                      .len = 8, \
                      __VA_ARGS__})
#define receive_ip(h, ...) receive_ip_line(h, IP_LINE(__VA_ARGS__))
#define receive_any(h) receive_ip_line(h, IP_LINE())

/* Builds an ICMP message with a right checksum. Returns its length. */
size_t build_icmp(uint8_t *to, uint8_t type, uint8_t code, uint16_t identifier, uint16_t sequence, const void *body,
                  size_t len);
/* Builds one of our packets as a router quotes it: an IP header and `len` bytes of transport.
 * Returns the length. */
size_t build_quote(uint8_t *to, uint32_t source, uint32_t destination, uint8_t protocol, const void *transport,
                   size_t len);

/* Frames sent. */

struct sent {
    struct mn_ethernet ethernet;
    struct mn_arp arp;
    struct mn_ipv4 ip;
    uint8_t checksum, gso; /* metadata */
    uint16_t gso_size, csum_start, csum_offset;
    size_t len;             /* of the frame */
    const uint8_t *payload; /* of the IP packet */
    size_t payload_len;
    uint8_t bytes[FRAME_MAX];
};
/* Takes the next frame. Returns false if there is none. */
bool take_sent(struct ip_host *h, struct sent *sent);
void expect_silence(struct ip_host *h);
void expect_arp(struct ip_host *h, uint16_t operation, struct mn_mac to, uint32_t sender_ip, uint32_t target_ip);
/* Expects an IP packet to `to` from the own address as the next frame. The static result lives
 * until the next call. */
struct sent *expect_ip(struct ip_host *h, struct mn_mac to, uint32_t destination, uint8_t protocol);
/* Throws all frames away. Returns their number. */
unsigned discard_sent(struct ip_host *h);

/* Packets for a transport. */

/* Makes a packet of a transport with `len` bytes of the pattern, which begins with byte `seed`. */
struct mnet_packet *make_packet(struct ip_host *h, size_t len, uint8_t seed);
void fill_pattern(uint8_t *to, size_t len, uint8_t seed);
struct output_line {
    uint32_t source, destination;
    uint8_t protocol, ttl, traffic_class;
    bool dont_fragment;
    struct mnet_packet *packet; /* default: 8 bytes of the pattern */
};
int send_line(struct ip_host *h, struct output_line line);
#define send_packet(h, ...) \
    send_line(h, (struct output_line){.destination = PEER_IP, .protocol = MN_PROTOCOL_UDP, __VA_ARGS__})
#define send_any(h) send_packet(h, .destination = PEER_IP)
/* Makes the stack know the MAC address of PEER_IP (or GATEWAY_IP). Frames sent for this are
 * discarded. */
void know(struct ip_host *h, uint32_t ip, struct mn_mac mac);

/* Expects that the next failed packet is about `remote`. */
void expect_failure(struct ip_host *h, uint32_t remote, uint8_t protocol);
void expect_no_failure(struct ip_host *h);

#endif
