/* Counters: the work of a stack in numbers, with a reason for every packet that it dropped.
 *
 * The list is a macro, so names, texts and the enumeration can never disagree.
 */
#ifndef MNET_COUNTERS_H
#define MNET_COUNTERS_H

#include <stdint.h>

#pragma GCC visibility push(default)

/* Each line is X(identifier, "name", "counted thing"). The names of dropped packets contain
 * ".drop_". */
#define MNET_COUNTERS(X) \
    X(RX_FRAMES, "rx.frames", "frames taken from the device") \
    X(RX_BYTES, "rx.bytes", "bytes of frames taken from the device") \
    X(RX_COALESCED, "rx.coalesced", "segments merged into a larger one before the engine saw them") \
    X(TX_FRAMES, "tx.frames", "frames given to the device") \
    X(TX_BYTES, "tx.bytes", "bytes of frames given to the device") \
    X(TX_SEGMENTED, "tx.segmented", "segments cut in software from larger ones") \
    X(TX_DROP_MEMORY, "tx.drop_memory", "packets not sent because memory was used up") \
    X(TX_DROP_QUEUE, "tx.drop_queue", "packets not sent because the transmit queue was full") \
    X(TX_DROP_DEVICE, "tx.drop_device", "the device failed to send") \
    X(TX_DROP_NO_ROUTE, "tx.drop_no_route", "no route to the destination") \
    X(ETH_DROP_RUNT, "eth.drop_runt", "shorter than an Ethernet header") \
    X(ETH_DROP_NOT_FOR_US, "eth.drop_not_for_us", "another station's address") \
    X(ETH_DROP_TYPE, "eth.drop_type", "an EtherType that mnet does not speak") \
    X(ARP_RX, "arp.rx", "ARP packets received") \
    X(ARP_DROP_INVALID, "arp.drop_invalid", "malformed or implausible ARP") \
    X(ARP_CONFLICT, "arp.conflict", "another station uses our address") \
    X(ARP_DROP_PENDING, "arp.drop_pending", "pushed out of a neighbour's pending queue") \
    X(ARP_DROP_UNRESOLVED, "arp.drop_unresolved", "the neighbour did not answer") \
    X(ARP_DROP_TABLE, "arp.drop_table", "no place in the neighbour table") \
    X(ND_DROP_INVALID, "nd.drop_invalid", "malformed or implausible neighbour discovery") \
    X(ND_CONFLICT, "nd.conflict", "another station uses our IPv6 address") \
    X(ND_LOOPED, "nd.looped", "solicitations for a new address of ours that the link sent back") \
    X(IP_RX, "ip.rx", "IP packets received") \
    X(IP_TX, "ip.tx", "IP packets sent") \
    X(IP_DROP_TRUNCATED, "ip.drop_truncated", "shorter than its header says") \
    X(IP_DROP_HEADER, "ip.drop_header", "version, header length or total length is wrong") \
    X(IP_DROP_CHECKSUM, "ip.drop_checksum", "wrong header checksum") \
    X(IP_DROP_OPTIONS, "ip.drop_options", "malformed options, or a source route") \
    X(IP_DROP_SOURCE, "ip.drop_source", "a source address that no packet can have") \
    X(IP_DROP_NOT_FOR_US, "ip.drop_not_for_us", "another host's address") \
    X(IP_DROP_OTHER_QUEUE, "ip.drop_other_queue", "of a flow that another queue of the device has") \
    X(IP_DROP_PROTOCOL, "ip.drop_protocol", "a protocol that mnet does not speak") \
    X(IP_DROP_LOOPBACK, "ip.drop_loopback", "to an own address, but the loopback queue was full") \
    X(IP_DROP_TOO_BIG, "ip.drop_too_big", "larger than the MTU with Don't Fragment set") \
    X(FRAG_RX, "frag.rx", "fragments received") \
    X(FRAG_REASSEMBLED, "frag.reassembled", "datagrams put together") \
    X(FRAG_TX, "frag.tx", "fragments sent") \
    X(FRAG_DROP_INVALID, "frag.drop_invalid", "overlapping, too long or misaligned") \
    X(FRAG_DROP_DUPLICATE, "frag.drop_duplicate", "the same fragment came before") \
    X(FRAG_DROP_LIMIT, "frag.drop_limit", "over the limits of reassembly") \
    X(FRAG_DROP_TIMEOUT, "frag.drop_timeout", "the rest did not come in time") \
    X(ICMP_RX, "icmp.rx", "ICMP messages received") \
    X(ICMP_ECHO, "icmp.echo", "echo requests answered") \
    X(ICMP_ERRORS_TX, "icmp.errors_tx", "ICMP errors sent") \
    X(ICMP_ERRORS_LIMITED, "icmp.errors_limited", "ICMP errors not sent because of the rate limit") \
    X(ICMP_ERRORS_RX, "icmp.errors_rx", "ICMP errors handed to a transport") \
    X(ICMP_DROP_INVALID, "icmp.drop_invalid", "truncated, or wrong checksum") \
    X(ICMP_DROP_IGNORED, "icmp.drop_ignored", "a type that needs no answer") \
    X(GROUP_QUERIES, "group.queries", "queries about multicast groups received (MLD, IGMP)") \
    X(GROUP_REPORTS_TX, "group.reports_tx", "reports of multicast groups and leaves sent") \
    X(GROUP_DROP_INVALID, "group.drop_invalid", "malformed, or from beyond the link") \
    X(UDP_RX, "udp.rx", "datagrams received") \
    X(UDP_TX, "udp.tx", "datagrams sent") \
    X(UDP_DROP_INVALID, "udp.drop_invalid", "truncated or wrong length") \
    X(UDP_DROP_CHECKSUM, "udp.drop_checksum", "wrong checksum") \
    X(UDP_DROP_NO_PORT, "udp.drop_no_port", "no endpoint uses the port") \
    X(UDP_DROP_QUEUE, "udp.drop_queue", "the endpoint's queue is full") \
    X(DHCP_RX, "dhcp.rx", "messages received") \
    X(DHCP_TX, "dhcp.tx", "messages sent") \
    X(DHCP_NAK, "dhcp.nak", "refusals of servers") \
    X(DHCP_DECLINED, "dhcp.declined", "offered addresses that another station had") \
    X(DHCP_DROP_INVALID, "dhcp.drop_invalid", "malformed") \
    X(DHCP_DROP_UNEXPECTED, "dhcp.drop_unexpected", "another client's, not requested, or of no use") \
    X(DNS_RX, "dns.rx", "answers received") \
    X(DNS_TX, "dns.tx", "questions sent") \
    X(DNS_CACHED, "dns.cached", "lookups answered by the cache") \
    X(DNS_REFUSED, "dns.refused", "answers that report an error, or refer to another server") \
    X(DNS_FAILED, "dns.failed", "questions that no server answered") \
    X(DNS_DROP_INVALID, "dns.drop_invalid", "malformed") \
    X(DNS_DROP_UNEXPECTED, "dns.drop_unexpected", "not an answer to a question that was asked") \
    X(NTP_RX, "ntp.rx", "answers of NTP servers") \
    X(NTP_DROP_INVALID, "ntp.drop_invalid", "not an answer to the request under way") \
    X(NTP_DROP_UNUSABLE, "ntp.drop_unusable", "an answer of a server that does not know the time") \
    X(TCP_RX, "tcp.rx", "segments received") \
    X(TCP_TX, "tcp.tx", "segments sent") \
    X(TCP_RETRANSMITTED, "tcp.retransmitted", "segments sent again") \
    X(TCP_RTO, "tcp.rto", "retransmission timeouts") \
    X(TCP_FAST_RETRANSMIT, "tcp.fast_retransmit", "losses found by duplicate acknowledgements") \
    X(TCP_TAIL_PROBE, "tcp.tail_probe", "tail loss probes sent (RFC 8985 7)") \
    X(TCP_UNDONE, "tcp.undone", "recoveries undone because nothing was lost") \
    X(TCP_PMTU_LOWERED, "tcp.pmtu_lowered", \
      "times that segments were made smaller because large ones seem to vanish (RFC 8899)") \
    X(TCP_PMTU_PROBE, "tcp.pmtu_probe", "larger segments sent as path-MTU probes") \
    X(TCP_PMTU_PROBE_LOST, "tcp.pmtu_probe_lost", "larger segments that did not get through") \
    X(TCP_PMTU_BLACK_HOLE, "tcp.pmtu_black_hole", "paths found to swallow the largest packets in silence") \
    X(TCP_RENEGED, "tcp.reneged", "peers that discarded data acknowledged selectively") \
    X(TCP_ECN_MARKED, "tcp.ecn_marked", "data that arrived marked by a congested router (ECN)") \
    X(TCP_ECN_REDUCED, "tcp.ecn_reduced", "windows reduced because the peer echoed an ECN mark") \
    X(TCP_RST_TX, "tcp.rst_tx", "resets sent") \
    X(TCP_RST_RX, "tcp.rst_rx", "resets accepted") \
    X(TCP_CHALLENGE_ACK, "tcp.challenge_ack", "challenge ACKs sent (RFC 5961)") \
    X(TCP_CHALLENGE_LIMITED, "tcp.challenge_limited", "challenge ACKs not sent because of their rate limit") \
    X(TCP_OPENED, "tcp.opened", "connections established by us") \
    X(TCP_ACCEPTED, "tcp.accepted", "connections established by peers") \
    X(TCP_TIMED_OUT, "tcp.timed_out", "connections given up because the peer did not answer") \
    X(TCP_COOKIE_TX, "tcp.cookie_tx", "SYNs answered with a cookie (RFC 4987)") \
    X(TCP_COOKIE_ACCEPTED, "tcp.cookie_accepted", "connections established by a cookie that came back") \
    X(TCP_DROP_TRUNCATED, "tcp.drop_truncated", "shorter than a header, or a wrong data offset") \
    X(TCP_DROP_CHECKSUM, "tcp.drop_checksum", "wrong checksum") \
    X(TCP_DROP_ADDRESS, "tcp.drop_address", "broadcast, multicast or invalid addresses") \
    X(TCP_DROP_CLOSED, "tcp.drop_closed", "no connection and no listener") \
    X(TCP_DROP_BACKLOG, "tcp.drop_backlog", "a listener's backlog was full") \
    X(TCP_DROP_HALF_OPEN, "tcp.drop_half_open", "half-open connections evicted for newer ones") \
    X(TCP_DROP_ORPHAN, "tcp.drop_orphan", "connections without a user reset to make room") \
    X(TCP_DROP_STUCK, "tcp.drop_stuck", \
      "connections with a user reset because their queues do not move and memory is short") \
    X(TCP_DROP_BUDGET, "tcp.drop_budget", "in the window, but received data already pins all memory that it may") \
    X(TCP_DROP_PRUNED, "tcp.drop_pruned", "times that out-of-order data was dropped because memory is short") \
    X(TCP_DROP_LIMIT, "tcp.drop_limit", "the connection limit was reached") \
    X(TCP_DROP_MEMORY, "tcp.drop_memory", "received segments dropped because memory was used up") \
    X(TCP_DROP_SEQUENCE, "tcp.drop_sequence", "outside the receive window") \
    X(TCP_DROP_ACK, "tcp.drop_ack", "no ACK bit, or an unacceptable acknowledgement") \
    X(TCP_DROP_RST, "tcp.drop_rst", "a reset that was not exact") \
    X(TCP_DROP_STATE, "tcp.drop_state", "meaningless in the connection's state") \
    X(TCP_DROP_DUPLICATE, "tcp.drop_duplicate", "nothing in it was new") \
    X(TCP_DROP_COOKIE, "tcp.drop_cookie", \
      "an ACK to a listener without a valid or unused cookie, while cookies are in use") \
    X(TCP_DROP_TIMESTAMP, "tcp.drop_timestamp", "a timestamp older than the last, or none although agreed (RFC 7323)") \
    X(TCP_DROP_REASSEMBLY, "tcp.drop_reassembly", "over the limits of reassembly") \
    X(TCP_DROP_REPLY, "tcp.drop_reply", "resets and acknowledgements not sent because too many waited")

/* The counters: MNET_COUNT_ and the identifier in the list above. */
enum mnet_counter {
#define MNET_COUNTER_ENUM(identifier, name, text) MNET_COUNT_##identifier,
    MNET_COUNTERS(MNET_COUNTER_ENUM)
#undef MNET_COUNTER_ENUM
    MNET_COUNTER_MAX
};

/* The counters of one stack since it was opened, indexed by enum mnet_counter. */
struct mnet_counters {
    uint64_t value[MNET_COUNTER_MAX];
};

/* Returns the name ("tcp.drop_checksum") or the meaning of a counter. Static. NULL for a value
 * outside the enumeration. */
const char *mnet_counter_name(enum mnet_counter counter);
const char *mnet_counter_text(enum mnet_counter counter);

#pragma GCC visibility pop

#endif
