/* Merging received TCP segments into larger ones before the engine sees them. */
#ifndef MN_COALESCE_H
#define MN_COALESCE_H

#include <mnet/packet.h>

/* Merges runs of consecutive segments of one TCP/IPv4 connection among `count` received frames (Ethernet header first), which keep their order within each
 * connection. The merged segments move to the front of the array; returns how many frames there are now. A merged frame has the headers of its
 * first segment with the total length of all (at most 65535), the payloads of the others linked through `more`, `segments` counted, and MNET_CHECKSUM_VERIFIED: the
 * checksums of all were right. Segments are merged only where they differ in nothing but sequence number, length, IP
 * identification, checksum, and PSH on the last. Acknowledgements without data, SYN, FIN, RST and URG are never merged. */
int mn_coalesce(struct mnet_packet **frames, int count);

#endif
