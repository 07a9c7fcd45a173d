/* The headers of a TCP segment in the raw bytes of an Ethernet frame: finding them, comparing them
 * and patching them, for code that merges segments or cuts large ones without taking every header
 * apart. Over IPv6 the TCP header must follow the fixed header: a segment behind extension headers
 * is not found, and so stays as it is.
 *
 * The offsets of the fields are known here and in the files of the formats, nowhere above wire/.
 * All functions but mn_frame_find_* take headers that these have found: they check the bounds.
 */
#ifndef MN_FRAME_H
#define MN_FRAME_H

#include <string.h>

#include <mnet/packet.h>

#include "base/checksum.h"
#include "base/packet_sum.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

#define MN_FRAME_IP_MAX 65535u
/* The shortest frames that mn_frame_find_* accept. */
#define MN_FRAME_TCP_LEAST (MN_ETHERNET_HEADER + MN_IPV4_HEADER + MN_TCP_HEADER)
#define MN_FRAME_TCP6_LEAST (MN_ETHERNET_HEADER + MN_IPV6_HEADER + MN_TCP_HEADER)

/* The places of a segment's headers, and their lengths as they say themselves. */
struct mn_frame {
    uint8_t *network, *transport;
    uint16_t network_len;
    uint16_t transport_len; /* may be less than a TCP header has, or reach beyond the frame */
    bool ipv6;
};

/* The length of the TCP header at `tcp`, of which 20 bytes are there. */
static inline uint32_t mn_frame_tcp_header_len(const uint8_t *tcp)
{
    return (tcp[12] >> 4) * 4u;
}

/* The type of a frame of at least MN_ETHERNET_HEADER bytes. */
static inline uint16_t mn_frame_type(const struct mnet_packet *frame)
{
    return mn_load_u16(frame->data + MN_ETHERNET_HEADER - 2);
}

/* Finds the headers of a frame that carries IPv6, whatever its type says. False unless the fixed
 * part of a TCP header lies in the linear part, directly behind the fixed IPv6 header. */
static inline bool mn_frame_find_tcp6(const struct mnet_packet *frame, struct mn_frame *found)
{
    if (frame->len < MN_FRAME_TCP6_LEAST)
        return false;
    uint8_t *ip = frame->data + MN_ETHERNET_HEADER, *tcp = ip + MN_IPV6_HEADER;
    if (ip[0] >> 4 != 6 || ip[6] != MN_PROTOCOL_TCP)
        return false;
    *found = (struct mn_frame){ip, tcp, MN_IPV6_HEADER, (uint16_t)mn_frame_tcp_header_len(tcp), true};
    return true;
}

/* The same for a frame that carries IPv4, with a header of any length. */
static inline bool mn_frame_find_tcp4(const struct mnet_packet *frame, struct mn_frame *found)
{
    if (frame->len < MN_FRAME_TCP_LEAST)
        return false;
    uint8_t *ip = frame->data + MN_ETHERNET_HEADER;
    uint16_t ip_len = (uint16_t)((ip[0] & 0x0f) * 4);
    if (ip[0] >> 4 != 4 || ip_len < MN_IPV4_HEADER || ip[9] != MN_PROTOCOL_TCP)
        return false;
    if (frame->len < MN_ETHERNET_HEADER + (uint32_t)ip_len + MN_TCP_HEADER)
        return false;
    uint8_t *tcp = ip + ip_len;
    *found = (struct mn_frame){ip, tcp, ip_len, (uint16_t)mn_frame_tcp_header_len(tcp), false};
    return true;
}

/* The same for nearly all frames that carry IPv4: without options and not a fragment (nothing but
 * Don't Fragment is said about fragments). */
static inline bool mn_frame_find_plain_tcp4(const struct mnet_packet *frame, struct mn_frame *found)
{
    if (frame->len < MN_FRAME_TCP_LEAST)
        return false;
    uint8_t *ip = frame->data + MN_ETHERNET_HEADER, *tcp = ip + MN_IPV4_HEADER;
    if (ip[0] != 0x45 || ip[9] != MN_PROTOCOL_TCP || (mn_load_u16(ip + 6) & 0xbfff) != 0)
        return false;
    *found = (struct mn_frame){ip, tcp, MN_IPV4_HEADER, (uint16_t)mn_frame_tcp_header_len(tcp), false};
    return true;
}

/* The headers of a frame at `bytes`, copied from one whose headers have been found. */
static inline struct mn_frame mn_frame_at(uint8_t *bytes, bool ipv6, uint16_t network_len, uint16_t transport_len)
{
    uint8_t *ip = bytes + MN_ETHERNET_HEADER;
    return (struct mn_frame){ip, ip + network_len, network_len, transport_len, ipv6};
}

/* The length of the IP packet as its header says; over IPv6 it may exceed MN_FRAME_IP_MAX. */
static inline uint32_t mn_frame_packet_len(const struct mn_frame *f)
{
    return f->ipv6 ? MN_IPV6_HEADER + (uint32_t)mn_load_u16(f->network + 4) : mn_load_u16(f->network + 2);
}

/* Of IPv4; 0 for IPv6, which has none. */
static inline uint16_t mn_frame_identification(const struct mn_frame *f)
{
    return f->ipv6 ? 0 : mn_load_u16(f->network + 4);
}

static inline uint32_t mn_frame_sequence(const struct mn_frame *f)
{
    return mn_load_u32(f->transport + 4);
}

static inline uint8_t mn_frame_flags(const struct mn_frame *f)
{
    return f->transport[13];
}

/* Returns true if the bits of the header that have no meaning (RFC 9293 3.1, Rsrvd) are 0. */
static inline bool mn_frame_reserved_is_zero(const struct mn_frame *f)
{
    return (f->transport[12] & 0x0f) == 0;
}

static inline void mn_frame_add_flags(struct mn_frame *f, uint8_t flags)
{
    f->transport[13] |= flags;
}

/* Returns true if both have the same addresses and ports. Without IP options. */
static inline bool mn_frame_same_connection(const struct mn_frame *a, const struct mn_frame *b)
{
    uint32_t ports, other_ports;
    uint64_t addresses, other_addresses;
    memcpy(&ports, a->transport, sizeof ports);
    memcpy(&other_ports, b->transport, sizeof other_ports);
    if (ports != other_ports || a->ipv6 != b->ipv6)
        return false;
    if (MN_UNLIKELY(a->ipv6))
        return memcmp(a->network + 8, b->network + 8, 32) == 0;
    memcpy(&addresses, a->network + 12, sizeof addresses);
    memcpy(&other_addresses, b->network + 12, sizeof other_addresses);
    return addresses == other_addresses;
}

/* Returns true if all is the same that one header can say for both, ends and options included;
 * both have been found with all of their headers in the linear part, without IP options. */
bool mn_frame_same_headers(const struct mn_frame *a, const struct mn_frame *b);

/* The unfolded sum (checksum.h) of that part of the pseudo-header that does not depend on the
 * length. */
static inline uint64_t mn_frame_pseudo_sum(const struct mn_frame *f)
{
    uint64_t addresses = f->ipv6 ? mn_sum_header(f->network + 8, 32) : mn_sum_header(f->network + 12, 8);
    return mn_sum_add(addresses, mn_sum_u16(MN_PROTOCOL_TCP));
}

/* The unfolded sum of an IPv4 header, most of which have no options. */
static inline uint64_t mn_frame_sum_network(const struct mn_frame *f)
{
    return MN_LIKELY(f->network_len == MN_IPV4_HEADER) ? mn_sum_header(f->network, MN_IPV4_HEADER)
                                                       : mn_sum(0, f->network, f->network_len);
}

/* IPv6 has no checksum of its header. */
static inline bool mn_frame_network_checksum_ok(const struct mn_frame *f)
{
    return f->ipv6 || mn_checksum(mn_frame_sum_network(f)) == 0;
}

/* The same for the segment in `frame`, up to the end of the IP packet. */
static inline bool mn_frame_transport_checksum_ok(const struct mn_frame *f, const struct mnet_packet *frame)
{
    uint32_t start = MN_ETHERNET_HEADER + (uint32_t)f->network_len;
    uint64_t sum = mn_packet_sum_received(frame, start);
    sum = mn_sum_add(sum, mn_frame_pseudo_sum(f));
    sum = mn_sum_add(sum, mn_sum_u16((uint16_t)(frame->total - start)));
    return mn_checksum(sum) == 0;
}

/* Makes `len` the length of the IP packet, and puts IPv4's header checksum right. */
void mn_frame_set_packet_len(struct mn_frame *f, uint16_t len);

/* The fields that differ between segments cut from one large one. */
struct mn_frame_cut {
    uint32_t sequence;
    uint32_t payload;        /* bytes */
    uint16_t identification; /* IPv4 */
    uint8_t flags_off;       /* flags of the large one that this one does not have */
};
/* The unfolded sums (checksum.h) of all in the headers that such segments share. */
struct mn_frame_sums {
    uint64_t network;   /* the IPv4 header without length, identification and checksum */
    uint64_t pseudo;    /* as mn_frame_pseudo_sum */
    uint64_t transport; /* the TCP header without sequence number, flags and checksum */
};
struct mn_frame_sums mn_frame_shared_sums(const struct mn_frame *f);
/* Makes the headers, copied from the large segment with these sums, those of a part of it. The TCP
 * checksum becomes the folded sum of the pseudo-header, to be completed. */
void mn_frame_cut(struct mn_frame *f, const struct mn_frame_cut *cut, const struct mn_frame_sums *sums);
/* Does the same, and makes the TCP checksum complete. `payload` is the sum of the payload. Returns
 * the folded sum of the TCP segment. */
uint16_t mn_frame_cut_complete(struct mn_frame *f, const struct mn_frame_cut *cut, const struct mn_frame_sums *sums,
                               uint64_t payload);

#endif
