#include "tests/support/ip_host.h"

#define REGION_BYTES (4u * 1024 * 1024)

static void count_line(void *context, enum mnet_log_level level, const char *text)
{
    (void)level;
    (void)text;
    ((struct ip_host *)context)->log_lines++;
}

struct mn_ip_config ip_host_config(struct ip_host *h)
{
    return (struct mn_ip_config){
        .counters = &h->counters,
        .log = &h->log,
        .random = &h->random,
        .mac = OWN_MAC,
        .mtu = HOST_MTU,
        .now = 5 * MNET_SECOND,
        .user.ipv4 = {mnet_address_from_ipv4(OWN_IP), 24},
        .user.ipv4_gateway = mnet_address_from_ipv4(GATEWAY_IP),
        .user.ttl = 64,
        .user.neighbours_max = 256,
        .user.reassembly_datagrams_max = 32,
        .user.reassembly_bytes_max = REGION_BYTES / 32,
        .user.dad_transmits = 1,
        .user.icmp_errors_per_s = 200,
    };
}

int ip_host_start(struct ip_host *h, const struct mn_ip_config *config)
{
    static const uint8_t seed[MN_RANDOM_SEED] = "the same in every run";
    struct mn_ip_config mine = *config;
    memset(h, 0, sizeof *h);
    h->region = malloc(REGION_BYTES);
    mine.memory = h->memory = mnet_memory_init(h->region, REGION_BYTES);
    assert_non_null(h->memory);
    h->memory_at_start = mnet_memory_used(h->memory);
    h->log = (struct mnet_log){count_line, h, MNET_LOG_DEBUG};
    mn_random_init(&h->random, seed);
    h->now = mine.now;
    return mn_ip_init(&h->ip, &mine);
}

void ip_host_up(struct ip_host *h)
{
    struct mn_ip_config config = ip_host_config(h);
    assert_int_equal(ip_host_start(h, &config), 0);
    pass_ms(h, 3000);
    assert_int_equal(discard_sent(h), 2);
}

void ip_host_down(struct ip_host *h)
{
    mnet_packet_free(h->packet);
    mn_ip_deinit(&h->ip);
    assert_int_equal(mnet_memory_used(h->memory), h->memory_at_start);
    free(h->region);
}

struct mnet_packet *hoard_memory(struct ip_host *h)
{
    struct mnet_packet *hoard = NULL, *packet;
    while ((packet = mnet_packet_alloc(h->memory)) != NULL) {
        packet->next = hoard;
        hoard = packet;
    }
    return hoard;
}

void free_hoard(struct mnet_packet *hoard)
{
    for (struct mnet_packet *packet; (packet = hoard) != NULL;) {
        hoard = packet->next;
        packet->next = NULL;
        mnet_packet_free(packet);
    }
}

/* What holds after each step, whatever a test does. */
static void check_ip_host(struct ip_host *h)
{
    mn_ip_check(&h->ip);
    mn_memory_check(h->memory);
}

void pass_ns(struct ip_host *h, uint64_t ns)
{
    uint64_t end = h->now + ns;
    for (uint64_t next; (next = mn_ip_deadline(&h->ip)) <= end;) {
        h->now = next > h->now ? next : h->now;
        mn_ip_expire(&h->ip, h->now);
        check_ip_host(h);
    }
    h->now = end;
}

static struct mnet_packet *packet_of(struct ip_host *h, const void *bytes, size_t len)
{
    struct mnet_packet *packet = mnet_packet_alloc(h->memory);
    assert_non_null(packet);
    assert_true(mnet_packet_append(packet, bytes, len));
    return packet;
}

enum mn_ip_verdict receive_bytes(struct ip_host *h, const void *frame, size_t len)
{
    mnet_packet_free(h->packet);
    h->packet = packet_of(h, frame, len);
    h->packet->checksum = (uint8_t)h->checksum;
    const struct mn_datagram *repeat = mn_ip_input_repeat(&h->ip, h->packet);
    enum mn_ip_verdict verdict = MN_IP_TRANSPORT;
    h->repeated = repeat != NULL;
    if (repeat != NULL)
        h->datagram = *repeat;
    else
        verdict = mn_ip_input(&h->ip, &h->packet, h->now, &h->datagram, &h->error);
    if (verdict == MN_IP_CONSUMED)
        h->packet = NULL;
    check_ip_host(h);
    return verdict;
}

void receive_arp_line(struct ip_host *h, struct arp_line line)
{
    uint8_t frame[MN_ETHERNET_HEADER + MN_ARP_PACKET];
    if (mn_mac_equal(line.from, NO_MAC))
        line.from = line.sender_mac;
    mn_ethernet_emit(frame, &(struct mn_ethernet){line.to, line.from, MN_ETHERTYPE_ARP});
    mn_arp_emit(frame + MN_ETHERNET_HEADER, &(struct mn_arp){.operation = line.operation,
                                                             .sender_mac = line.sender_mac,
                                                             .target_mac = line.target_mac,
                                                             .sender_ip = line.sender_ip,
                                                             .target_ip = line.target_ip});
    assert_int_equal(receive_bytes(h, frame, sizeof frame), MN_IP_CONSUMED);
}

/* Writes options after a header of 20 bytes, and corrects its length and checksum. */
static void add_options(uint8_t *header, const uint8_t *options, size_t len)
{
    memcpy(header + MN_IPV4_HEADER, options, len);
    header[0] = (uint8_t)(0x40 | (MN_IPV4_HEADER + len) / 4);
    memset(header + 10, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum(0, header, MN_IPV4_HEADER + len));
    memcpy(header + 10, &checksum, 2);
}

size_t build_ip_line(uint8_t *frame, struct ip_line line)
{
    size_t header_len = MN_IPV4_HEADER + line.options_len;
    mn_ethernet_emit(frame, &(struct mn_ethernet){line.to, line.from, MN_ETHERTYPE_IPV4});
    mn_ipv4_emit(frame + MN_ETHERNET_HEADER, &(struct mn_ipv4){.source = line.source,
                                                               .destination = line.destination,
                                                               .total_len = (uint16_t)(header_len + line.len),
                                                               .identification = line.identification,
                                                               .fragment_offset = line.offset,
                                                               .header_len = MN_IPV4_HEADER,
                                                               .protocol = line.protocol,
                                                               .ttl = line.ttl,
                                                               .traffic_class = line.traffic_class,
                                                               .dont_fragment = line.dont_fragment,
                                                               .more_fragments = line.more});
    if (line.options_len > 0)
        add_options(frame + MN_ETHERNET_HEADER, line.options, line.options_len);
    uint8_t *payload = frame + MN_ETHERNET_HEADER + header_len;
    memcpy(payload, line.payload, line.len);
    memset(payload + line.len, 0xee, line.padding);
    return MN_ETHERNET_HEADER + header_len + line.len + line.padding;
}

enum mn_ip_verdict receive_ip_line(struct ip_host *h, struct ip_line line)
{
    static uint8_t frame[FRAME_MAX + 1024];
    return receive_bytes(h, frame, build_ip_line(frame, line));
}

size_t build_icmp(uint8_t *to, uint8_t type, uint8_t code, uint16_t identifier, uint16_t sequence, const void *body,
                  size_t len)
{
    memcpy(to + MN_ICMPV4_HEADER, body, len);
    mn_icmpv4_emit(to, &(struct mn_icmpv4){type, code, identifier, sequence}, mn_sum(0, body, len));
    return MN_ICMPV4_HEADER + len;
}

size_t build_quote(uint8_t *to, uint32_t source, uint32_t destination, uint8_t protocol, const void *transport,
                   size_t len)
{
    mn_ipv4_emit(to, &(struct mn_ipv4){.source = source,
                                       .destination = destination,
                                       .total_len = 1000,
                                       .header_len = MN_IPV4_HEADER,
                                       .protocol = protocol,
                                       .ttl = 60});
    memcpy(to + MN_IPV4_HEADER, transport, len);
    return MN_IPV4_HEADER + len;
}

bool take_sent(struct ip_host *h, struct sent *sent)
{
    struct mnet_packet *packet = mn_ip_transmit(&h->ip);
    if (packet == NULL)
        return false;
    assert_true(packet->total <= FRAME_MAX);
    sent->len = packet->total;
    sent->checksum = packet->checksum;
    sent->gso = packet->gso;
    sent->gso_size = packet->gso_size;
    sent->csum_start = packet->csum_start;
    sent->csum_offset = packet->csum_offset;
    mnet_packet_copy_out(packet, 0, sent->bytes, sent->len);
    mnet_packet_free(packet);
    assert_int_equal(mn_ethernet_parse(sent->bytes, sent->len, &sent->ethernet), MN_PARSE_OK);
    assert_true(mn_mac_equal(sent->ethernet.source, OWN_MAC));
    const uint8_t *body = sent->bytes + MN_ETHERNET_HEADER;
    size_t len = sent->len - MN_ETHERNET_HEADER;
    if (sent->ethernet.type == MN_ETHERTYPE_ARP) {
        assert_int_equal(mn_arp_parse(body, len, &sent->arp), MN_PARSE_OK);
        return true;
    }
    assert_int_equal(sent->ethernet.type, MN_ETHERTYPE_IPV4);
    assert_int_equal(mn_ipv4_parse(body, len, len, &sent->ip), MN_PARSE_OK);
    assert_int_equal(sent->ip.total_len, len);
    sent->payload = body + sent->ip.header_len;
    sent->payload_len = len - sent->ip.header_len;
    return true;
}

void expect_silence(struct ip_host *h)
{
    static struct sent sent;
    assert_false(take_sent(h, &sent));
}

void expect_arp(struct ip_host *h, uint16_t operation, struct mn_mac to, uint32_t sender_ip, uint32_t target_ip)
{
    static struct sent sent;
    assert_true(take_sent(h, &sent));
    assert_int_equal(sent.ethernet.type, MN_ETHERTYPE_ARP);
    assert_true(mn_mac_equal(sent.ethernet.destination, to));
    assert_int_equal(sent.arp.operation, operation);
    assert_true(mn_mac_equal(sent.arp.sender_mac, OWN_MAC));
    assert_int_equal(sent.arp.sender_ip, sender_ip);
    assert_int_equal(sent.arp.target_ip, target_ip);
    assert_true(mn_mac_equal(sent.arp.target_mac, operation == MN_ARP_REPLY ? to : NO_MAC));
}

struct sent *expect_ip(struct ip_host *h, struct mn_mac to, uint32_t destination, uint8_t protocol)
{
    static struct sent sent;
    assert_true(take_sent(h, &sent));
    assert_int_equal(sent.ethernet.type, MN_ETHERTYPE_IPV4);
    assert_true(mn_mac_equal(sent.ethernet.destination, to));
    assert_int_equal(sent.ip.source, OWN_IP);
    assert_int_equal(sent.ip.destination, destination);
    assert_int_equal(sent.ip.protocol, protocol);
    return &sent;
}

unsigned discard_sent(struct ip_host *h)
{
    static struct sent sent;
    unsigned count = 0;
    while (take_sent(h, &sent))
        count++;
    return count;
}

void fill_pattern(uint8_t *to, size_t len, uint8_t seed)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(seed + i + i / 251);
}

struct mnet_packet *make_packet(struct ip_host *h, size_t len, uint8_t seed)
{
    static uint8_t bytes[70000];
    fill_pattern(bytes, len, seed);
    struct mnet_packet *packet = mnet_packet_alloc_tx(h->memory);
    assert_non_null(packet);
    assert_true(mnet_packet_append(packet, bytes, len));
    return packet;
}

int send_line(struct ip_host *h, struct output_line line)
{
    struct mn_datagram datagram = {.destination = mnet_address_from_ipv4(line.destination),
                                   .protocol = line.protocol,
                                   .ttl = line.ttl,
                                   .traffic_class = line.traffic_class,
                                   .dont_fragment = line.dont_fragment};
    if (line.source != 0)
        datagram.source = mnet_address_from_ipv4(line.source);
    struct mnet_packet *packet = line.packet != NULL ? line.packet : make_packet(h, 8, 0);
    int result = mn_ip_output(&h->ip, packet, &datagram, h->now);
    check_ip_host(h);
    return result;
}

void know(struct ip_host *h, uint32_t ip, struct mn_mac mac)
{
    receive_arp(h, .operation = MN_ARP_REQUEST, .sender_mac = mac, .sender_ip = ip, .target_ip = OWN_IP);
    expect_arp(h, MN_ARP_REPLY, mac, OWN_IP, ip);
}

void expect_failure(struct ip_host *h, uint32_t remote, uint8_t protocol)
{
    struct mn_icmp_error error;
    struct mnet_packet *packet = mn_ip_take_error(&h->ip, &error);
    assert_non_null(packet);
    assert_int_equal(error.reason, MN_UNREACHABLE_NEIGHBOUR);
    assert_int_equal(error.protocol, protocol);
    assert_int_equal(mnet_address_to_ipv4(error.local), OWN_IP);
    assert_int_equal(mnet_address_to_ipv4(error.remote), remote);
    assert_true(error.quote_len >= 8 && error.quote == packet->data);
    mnet_packet_free(packet);
}

void expect_no_failure(struct ip_host *h)
{
    struct mn_icmp_error error;
    assert_null(mn_ip_take_error(&h->ip, &error));
}
