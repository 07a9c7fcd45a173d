/* Reassembly of fragmented datagrams (RFC 791 3.2, RFC 8200 4.5), within hard bounds.
 *
 * Pieces are kept as the packets in which they came, in order of their offsets, until none is
 * missing. Then they are copied once into a packet of their own, so that the queue of a transport
 * pins about as much memory as it holds bytes. A piece that overlaps another condemns the whole
 * datagram (RFC 5722, here for IPv4, too): its pieces are dropped, and so are those that still come
 * before its timer expires. An exact duplicate is only ignored (RFC 8200 4.5). The timer of a
 * datagram starts with the first piece that comes, and is not started again.
 */
#ifndef MN_IP_REASSEMBLY_H
#define MN_IP_REASSEMBLY_H

#include <mnet/counters.h>
#include <mnet/packet.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "wire/wire.h"

#define MN_REASSEMBLY_BUCKETS 64
#define MN_REASSEMBLY_PIECES 128 /* of one datagram; 64 KiB over a link of 576 bytes are 119 */
/* RFC 791 starts with 15 s, RFC 1122 3.3.2 says 60 to 120 s. At today's rates sixteen bits of
 * identification repeat within that time (RFC 4963), and a lost fragment does not come later. So it
 * is 30 s. */
#define MN_REASSEMBLY_IPV4_NS (30 * MNET_SECOND)
#define MN_REASSEMBLY_IPV6_NS (60 * MNET_SECOND) /* RFC 8200 4.5 */

/* One fragment, as the input of IP passes it. */
struct mn_piece {
    struct mnet_packet *packet; /* its payload; the header lies in front of packet->data */
    uint32_t identification;
    uint16_t offset; /* in bytes */
    bool more;
};

struct mn_reassembly_limits {
    unsigned datagrams_max; /* being put together at a time */
    size_t bytes_max;       /* memory that their packets pin */
};

struct mn_reassembly {
    struct mn_pool pool;
    struct mnet_memory *memory;
    struct mn_wheel *wheel;
    struct mnet_counters *counters;
    struct mn_hash_key key;
    struct mn_reassembly_limits limits;
    unsigned count;
    size_t bytes;
    uint8_t timer_kind;
    struct mnet_link age; /* oldest first */
    struct mnet_link buckets[MN_REASSEMBLY_BUCKETS];
};

/* A datagram being put together; found through its timer. */
struct mn_partial;

void mn_reassembly_init(struct mn_reassembly *reassembly, struct mnet_memory *memory, struct mn_wheel *wheel,
                        struct mnet_counters *counters, struct mn_hash_key key, struct mn_reassembly_limits limits,
                        uint8_t timer_kind);
/* Frees every piece. */
void mn_reassembly_deinit(struct mn_reassembly *reassembly);

/* Takes ownership of a piece, whose header `datagram` describes. If the piece completes its
 * datagram, returns that: data is the payload, a header without options or extensions lies in front
 * of it, and *datagram describes it. The protocol of IPv6 fragments is the Next Header of the first
 * one's Fragment header. Otherwise returns NULL. Drops are counted. */
struct mnet_packet *mn_reassembly_input(struct mn_reassembly *reassembly, const struct mn_piece *piece,
                                        struct mn_datagram *datagram, uint64_t now);
/* Drops the oldest datagrams while memory is short. */
void mn_reassembly_relieve(struct mn_reassembly *reassembly);
/* Drops the datagram whose `timer` has expired. If its first fragment has come, returns it with
 * *datagram, because RFC 792 wants it quoted; the caller owns it. Otherwise returns NULL. */
struct mnet_packet *mn_reassembly_expire(struct mn_reassembly *reassembly, struct mn_timer *timer,
                                         struct mn_datagram *datagram);
/* Asserts the invariants between two steps. */
void mn_reassembly_check(const struct mn_reassembly *reassembly);

#endif
