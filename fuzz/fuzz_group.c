/* Membership of multicast groups. The input is a script of joins, leaves, queries and reports of
 * MLD and IGMP with correct checksums, and time that passes. What the host holds and sends must
 * stay within its limits. */
#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/memory.h"
#include "ip/ip.h"
#include "wire/icmpv6.h"
#include "wire/igmp.h"
#include "wire/ipv6.h"
#include "wire/mld.h"

#define OWN_IP UINT32_C(0x0a000002)
#define PEER_IP UINT32_C(0x0a000003)
#define GROUPS 80 /* more than there is room for */

struct group_script {
    struct mnet_memory *memory;
    struct mnet_counters counters;
    struct mnet_log log;
    struct mn_random random;
    struct mn_ip ip;
    uint64_t now;
    struct mn_reader reader;
    uint8_t members[GROUPS]; /* of our own joins */
};

static const struct mn_mac own_mac = {{2, 0, 0, 0, 0, 2}}, peer_mac = {{2, 0, 0, 0, 0, 3}};
static const struct mnet_address peer = {.bytes = {0xfe, 0x80, [15] = 3}};
static uint8_t region[1u << 20];

static void start(struct group_script *s)
{
    static const uint8_t seed[MN_RANDOM_SEED] = {1};
    s->memory = mnet_memory_init(region, sizeof region);
    mn_random_init(&s->random, seed);
    struct mn_ip_config config = {
        .memory = s->memory,
        .counters = &s->counters,
        .log = &s->log,
        .random = &s->random,
        .mac = own_mac,
        .mtu = 1280,
        .user.ipv4 = {mnet_address_from_ipv4(OWN_IP), 24},
        .user.ipv6 = {{.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}}, 64},
        .user.neighbours_max = 16,
        .user.reassembly_datagrams_max = 2,
        .user.reassembly_bytes_max = 65536,
        .user.dad_transmits = 1,
        .user.icmp_errors_per_s = 200,
        .user.ttl = 64,
    };
    MN_ASSERT(mn_ip_init(&s->ip, &config) == 0);
}

/* An even number is one of IPv4. */
static struct mnet_address group_of(unsigned number)
{
    struct mnet_address group = {.bytes = {0xff, 0x05, [15] = (uint8_t)number}};
    return number % 2 == 0 ? mnet_ipv4(239, 0, 0, (uint8_t)number) : group;
}

static void op_join(struct group_script *s)
{
    unsigned number = mn_read_u8(&s->reader) % GROUPS;
    if (s->members[number] < UINT8_MAX && mn_ip_join(&s->ip, group_of(number), 0) == 0)
        s->members[number]++;
}

static void op_leave(struct group_script *s)
{
    unsigned number = mn_read_u8(&s->reader) % GROUPS;
    if (s->members[number] == 0)
        return;
    s->members[number]--;
    mn_ip_leave(&s->ip, group_of(number));
}

static void receive(struct group_script *s, const uint8_t *frame, size_t len)
{
    struct mn_datagram datagram;
    struct mn_icmp_error error;
    struct mnet_packet *packet = mnet_packet_alloc(s->memory);
    MN_ASSERT(packet != NULL);
    bool appended = mnet_packet_append(packet, frame, len);
    MN_ASSERT(appended);
    enum mn_ip_verdict verdict = mn_ip_input(&s->ip, &packet, s->now, &datagram, &error);
    if (verdict != MN_IP_CONSUMED)
        mnet_packet_free(packet);
}

/* Reads up to 512 bytes of a message. */
static size_t read_message(struct group_script *s, uint8_t *message)
{
    size_t len = mn_read_u16(&s->reader) % 512;
    len = MN_MAX(MN_MIN(len, mn_reader_left(&s->reader)), (size_t)MN_IGMP_MESSAGE);
    const uint8_t *bytes = mn_read(&s->reader, len);
    if (bytes == NULL)
        return 0;
    memcpy(message, bytes, len);
    return len;
}

static void op_igmp(struct group_script *s)
{
    uint8_t frame[1024], message[512];
    size_t len = read_message(s, message), header_len = MN_IPV4_HEADER + mn_igmp_router_alert.len;
    if (len == 0)
        return;
    mn_igmp_set_checksum(message, len);
    mn_ethernet_emit(frame, &(struct mn_ethernet){own_mac, peer_mac, MN_ETHERTYPE_IPV4});
    mn_ipv4_emit_options(frame + MN_ETHERNET_HEADER,
                         &(struct mn_ipv4){.source = PEER_IP,
                                           .destination = MN_IGMP_ALL_SYSTEMS,
                                           .total_len = (uint16_t)(header_len + len),
                                           .header_len = MN_IPV4_HEADER,
                                           .protocol = MN_PROTOCOL_IGMP,
                                           .ttl = MN_IGMP_TTL},
                         &mn_igmp_router_alert);
    memcpy(frame + MN_ETHERNET_HEADER + header_len, message, len);
    receive(s, frame, MN_ETHERNET_HEADER + header_len + len);
}

static void op_mld(struct group_script *s)
{
    uint8_t frame[1024], message[512];
    size_t len = read_message(s, message);
    if (len == 0)
        return;
    mn_icmpv6_set_checksum(message, len, &peer, &mn_ipv6_all_nodes);
    mn_ethernet_emit(frame, &(struct mn_ethernet){own_mac, peer_mac, MN_ETHERTYPE_IPV6});
    mn_ipv6_emit(frame + MN_ETHERNET_HEADER, &(struct mn_ipv6){.source = peer,
                                                               .destination = mn_ipv6_all_nodes,
                                                               .payload_len = (uint16_t)(MN_IPV6_ROUTER_ALERT + len),
                                                               .next_header = MN_IPV6_HOP_BY_HOP,
                                                               .hop_limit = MN_MLD_HOP_LIMIT});
    uint8_t *alert = frame + MN_ETHERNET_HEADER + MN_IPV6_HEADER;
    mn_ipv6_emit_router_alert(alert, MN_PROTOCOL_ICMPV6);
    memcpy(alert + MN_IPV6_ROUTER_ALERT, message, len);
    receive(s, frame, MN_ETHERNET_HEADER + MN_IPV6_HEADER + MN_IPV6_ROUTER_ALERT + len);
}

static void drain(struct group_script *s)
{
    unsigned frames = 0;
    for (struct mnet_packet *frame; (frame = mn_ip_transmit(&s->ip)) != NULL; frames++) {
        MN_ASSERT(frame->total <= MN_ETHERNET_HEADER + 1280u);
        mnet_packet_free(frame);
    }
    MN_ASSERT(frames <= MN_IP_TRANSMIT_OWN_MAX + MN_NEIGHBOUR_PENDING);
}

static void op_time(struct group_script *s)
{
    s->now += mn_read_u16(&s->reader) * 10 * MNET_MILLISECOND;
    mn_ip_expire(&s->ip, s->now);
    MN_ASSERT(mn_ip_deadline(&s->ip) > s->now);
    drain(s);
}

static void op_link_up(struct group_script *s)
{
    mn_ip_note_link_up(&s->ip, s->now);
}

static void check_members(struct group_script *s)
{
    mn_ip_check(&s->ip);
    for (unsigned number = 0; number < GROUPS; number++)
        MN_ASSERT((s->members[number] > 0) == mn_groups_contain(&s->ip.groups, group_of(number)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const ops[])(struct group_script *) = {op_join, op_join, op_leave, op_igmp,
                                                         op_mld,  op_time, op_time,  op_link_up};
    static struct group_script s;
    memset(&s, 0, sizeof s);
    s.reader = mn_reader(data, size);
    start(&s);
    while (s.reader.ok && mn_reader_left(&s.reader) > 0) {
        ops[mn_read_u8(&s.reader) % MN_COUNT_OF(ops)](&s);
        check_members(&s);
    }
    mn_ip_deinit(&s.ip);
    MN_ASSERT(mnet_memory_used(s.memory) == 0);
    return 0;
}
