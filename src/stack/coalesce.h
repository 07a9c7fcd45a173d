/* Merging received TCP segments into larger ones before the engine sees them. */
#ifndef MN_COALESCE_H
#define MN_COALESCE_H

#include <mnet/packet.h>

/* Merges runs of consecutive segments of one TCP connection over IPv4 or IPv6 among `count`
 * received frames (Ethernet header first), which keep their order within each connection. The
 * merged segments move to the front of the array; returns the number of frames left.
 *
 * A merged frame has the headers of its first segment with the total length of all (at most 65535),
 * the payloads of the others linked through `more`, `segments` counted, and MNET_CHECKSUM_VERIFIED:
 * the checksums of all were right. Segments are merged only if they differ in nothing but sequence
 * number, length, IPv4 identification, checksum, and PSH on the last; over IPv6, traffic class,
 * flow label and hop limit must be equal as well. Acknowledgements without data, SYN, FIN, RST and
 * URG are never merged, nor is anything behind IPv4 options or IPv6 extension headers. */
int mn_coalesce(struct mnet_packet **frames, int count);

#endif
