#include "tests/support/ip6_host.h"

#include "ip/v6/identifier.h"

struct mnet_address link_local6(struct mn_mac mac)
{
    return mn_identifier_join((struct mnet_prefix){ADDRESS6(0xfe80, 0, 0, 0), 64}, mn_identifier_from_mac(mac));
}

struct mn_ip_config ip6_host_config(struct ip_host *h)
{
    struct mn_ip_config config = ip_host_config(h);
    config.user.ipv4 = (struct mnet_prefix){0};
    config.user.ipv4_gateway = MNET_ADDRESS_ANY;
    config.user.ipv6 = (struct mnet_prefix){OWN6, 64};
    config.user.ipv6_gateway = GATEWAY6;
    return config;
}

void ip6_host_up(struct ip_host *h)
{
    struct mn_ip_config config = ip6_host_config(h);
    assert_int_equal(ip_host_start(h, &config), 0);
    pass_ms(h, 5000); /* detection, then three announcements */
    discard_sent6(h);
    assert_true(mn_ip_is_own(&h->ip, OWN6));
    assert_true(mn_ip_is_own(&h->ip, OWN_LINK6));
}

size_t build_ip6_line(uint8_t *frame, struct ip6_line line)
{
    uint8_t *payload = frame + MN_ETHERNET_HEADER + MN_IPV6_HEADER;
    mn_ethernet_emit(frame, &(struct mn_ethernet){line.to, line.from, MN_ETHERTYPE_IPV6});
    mn_ipv6_emit(frame + MN_ETHERNET_HEADER, &(struct mn_ipv6){.source = line.source,
                                                               .destination = line.destination,
                                                               .flow_label = line.flow_label,
                                                               .payload_len = (uint16_t)line.len,
                                                               .traffic_class = line.traffic_class,
                                                               .next_header = line.protocol,
                                                               .hop_limit = line.hop_limit});
    memcpy(payload, line.payload, line.len);
    memset(payload + line.len, 0xee, line.padding);
    return MN_ETHERNET_HEADER + MN_IPV6_HEADER + line.len + line.padding;
}

enum mn_ip_verdict receive_ip6_line(struct ip_host *h, struct ip6_line line)
{
    static uint8_t frame[FRAME_MAX + 1024];
    return receive_bytes(h, frame, build_ip6_line(frame, line));
}

enum mn_ip_verdict receive_icmp6_line(struct ip_host *h, struct ip6_line line)
{
    static uint8_t message[FRAME_MAX];
    memcpy(message, line.payload, line.len);
    mn_icmpv6_set_checksum(message, line.len, &line.source, &line.destination);
    line.payload = message;
    return receive_ip6_line(h, line);
}

static void receive_nd(struct ip_host *h, const struct nd_line *line, struct mn_nd *message)
{
    uint8_t bytes[MN_ND_WRITE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    message->target = line->target;
    message->has_link_address = !mn_mac_equal(line->mac, NO_MAC);
    message->link_address = line->mac;
    if (line->nonce != NULL) {
        message->nonce_len = MN_ND_NONCE;
        memcpy(message->nonce, line->nonce, MN_ND_NONCE);
    }
    mn_nd_write(&w, message);
    enum mn_ip_verdict verdict = receive_icmp6(h, .source = line->source, .destination = line->destination,
                                               .hop_limit = line->hop_limit != 0 ? line->hop_limit : MN_ND_HOP_LIMIT,
                                               .payload = bytes, .len = sizeof bytes - w.left);
    assert_int_equal(verdict, MN_IP_CONSUMED);
}

void receive_solicitation_line(struct ip_host *h, struct nd_line line)
{
    receive_nd(h, &line, &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_SOLICITATION});
}

void receive_advertisement_line(struct ip_host *h, struct nd_line line)
{
    receive_nd(h, &line,
               &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
                               .router = line.router,
                               .solicited = line.solicited,
                               .override = line.override});
}

bool take_sent6(struct ip_host *h, struct sent6 *sent)
{
    struct mnet_packet *packet = mn_ip_transmit(&h->ip);
    if (packet == NULL)
        return false;
    assert_true(packet->total <= FRAME_MAX);
    sent->len = packet->total;
    sent->checksum = packet->checksum;
    mnet_packet_copy_out(packet, 0, sent->bytes, sent->len);
    mnet_packet_free(packet);
    assert_int_equal(mn_ethernet_parse(sent->bytes, sent->len, &sent->ethernet), MN_PARSE_OK);
    assert_true(mn_mac_equal(sent->ethernet.source, OWN_MAC));
    assert_int_equal(sent->ethernet.type, MN_ETHERTYPE_IPV6);
    const uint8_t *body = sent->bytes + MN_ETHERNET_HEADER;
    size_t len = sent->len - MN_ETHERNET_HEADER;
    assert_int_equal(mn_ipv6_parse(body, len, len, &sent->ip), MN_PARSE_OK);
    assert_int_equal(sent->ip.payload_len, len - MN_IPV6_HEADER);
    sent->payload = body + MN_IPV6_HEADER;
    sent->payload_len = len - MN_IPV6_HEADER;
    return true;
}

void discard_reports6(struct ip_host *h)
{
    struct mn_packet_queue frames = h->ip.transmit;
    h->ip.transmit = (struct mn_packet_queue){0};
    for (struct mnet_packet *frame; (frame = mn_packet_queue_take(&frames)) != NULL;) {
        const uint8_t *ip = frame->data + MN_ETHERNET_HEADER;
        if (ip[0] >> 4 == 6 && ip[6] == MN_IPV6_HOP_BY_HOP)
            mnet_packet_free(frame);
        else
            mn_packet_queue_put(&h->ip.transmit, frame);
    }
}

void keep_icmp6(struct ip_host *h, uint8_t type)
{
    struct mn_packet_queue frames = h->ip.transmit;
    h->ip.transmit = (struct mn_packet_queue){0};
    for (struct mnet_packet *frame; (frame = mn_packet_queue_take(&frames)) != NULL;) {
        const uint8_t *ip = frame->data + MN_ETHERNET_HEADER;
        if (ip[0] >> 4 == 6 && ip[6] == MN_PROTOCOL_ICMPV6 && ip[MN_IPV6_HEADER] == type)
            mn_packet_queue_put(&h->ip.transmit, frame);
        else
            mnet_packet_free(frame);
    }
}

void discard_sent6(struct ip_host *h)
{
    static struct sent6 sent;
    while (take_sent6(h, &sent))
        continue;
}

void assert_address6(struct mnet_address is, struct mnet_address wanted)
{
    char is_text[MNET_ADDRESS_TEXT], wanted_text[MNET_ADDRESS_TEXT];
    mnet_address_format(is, is_text, sizeof is_text);
    mnet_address_format(wanted, wanted_text, sizeof wanted_text);
    assert_string_equal(is_text, wanted_text);
}

struct sent6 *expect_ip6(struct ip_host *h, struct mn_mac to, struct mnet_address destination, uint8_t protocol)
{
    static struct sent6 sent;
    assert_true(take_sent6(h, &sent));
    assert_int_equal(sent.ip.next_header, protocol);
    assert_address6(sent.ip.destination, destination);
    assert_true(mn_mac_equal(sent.ethernet.destination, to));
    return &sent;
}

static bool checksum_is_right(const struct sent6 *sent)
{
    uint64_t sum = mn_pseudo_sum(&sent->ip.source, &sent->ip.destination, sent->ip.next_header,
                                 (uint32_t)sent->payload_len);
    return mn_checksum(mn_sum(sum, sent->payload, sent->payload_len)) == 0;
}

struct sent6 *expect_icmp6(struct ip_host *h, struct mnet_address destination, uint8_t type, uint8_t code)
{
    static struct sent6 sent;
    assert_true(take_sent6(h, &sent));
    assert_int_equal(sent.ip.next_header, MN_PROTOCOL_ICMPV6);
    assert_int_equal(sent.payload[0], type);
    assert_int_equal(sent.payload[1], code);
    assert_address6(sent.ip.destination, destination);
    assert_true(checksum_is_right(&sent));
    return &sent;
}

void expect_solicitation(struct ip_host *h, struct mnet_address target, struct mn_mac alone)
{
    bool to_group = mn_mac_equal(alone, NO_MAC);
    struct mnet_address group = mn_ipv6_solicited_node(&target);
    struct mn_mac group_mac = {{0x33, 0x33, 0xff, target.bytes[13], target.bytes[14], target.bytes[15]}};
    struct sent6 *sent = expect_icmp6(h, to_group ? group : target, MN_ICMPV6_NEIGHBOUR_SOLICITATION, 0);
    struct mn_nd message;
    struct mn_datagram datagram = {
        .source = sent->ip.source, .destination = sent->ip.destination, .ttl = sent->ip.hop_limit};
    assert_true(mn_mac_equal(sent->ethernet.destination, to_group ? group_mac : alone));
    assert_int_equal(mn_nd_parse(sent->payload, sent->payload_len, &datagram, false, &message), MN_PARSE_OK);
    assert_address6(message.target, target);
    assert_true(message.has_link_address && mn_mac_equal(message.link_address, OWN_MAC));
}

int send6(struct ip_host *h, struct mnet_address destination, size_t len)
{
    struct mn_datagram datagram = {.destination = destination, .protocol = MN_PROTOCOL_UDP};
    return mn_ip_output(&h->ip, make_packet(h, len, 0), &datagram, h->now);
}

void know6(struct ip_host *h, struct mnet_address neighbour, struct mn_mac mac)
{
    static struct sent6 sent;
    assert_int_equal(send6(h, neighbour, 8), 0);
    expect_solicitation(h, neighbour, NO_MAC);
    receive_advertisement(h, .source = neighbour, .target = neighbour, .mac = mac, .solicited = true, .override = true);
    assert_true(take_sent6(h, &sent));
    expect_silence(h);
}

enum mn_neighbour_state neighbour_state(struct ip_host *h, struct mnet_address neighbour)
{
    const struct mn_neighbour *entry = mn_neighbour_find(&h->ip.neighbours, neighbour);
    assert_non_null(entry);
    return (enum mn_neighbour_state)entry->state;
}

bool has_neighbour(struct ip_host *h, struct mnet_address neighbour)
{
    return mn_neighbour_find(&h->ip.neighbours, neighbour) != NULL;
}

/* Steps on the way of a neighbour that is used, and does not answer, from REACHABLE on. */
static bool peer_step(struct ip_host *h)
{
    switch (neighbour_state(h, PEER6)) {
    case MN_NEIGHBOUR_REACHABLE: pass_ms(h, 45001); return true; /* the longest ReachableTime */
    case MN_NEIGHBOUR_STALE: return send6(h, PEER6, 8) == 0;
    case MN_NEIGHBOUR_DELAY: pass_ms(h, 5000); return true;
    case MN_NEIGHBOUR_PROBE: pass_ms(h, 1000); return send6(h, PEER6, 8) == 0;
    case MN_NEIGHBOUR_INCOMPLETE: pass_ms(h, 1000); return true;
    case MN_NEIGHBOUR_UNREACHABLE:
    case MN_NEIGHBOUR_FAILED: break;
    }
    return false;
}

void bring_peer6(struct ip_host *h, enum mn_neighbour_state state)
{
    if (state == MN_NEIGHBOUR_INCOMPLETE || state == MN_NEIGHBOUR_FAILED)
        assert_int_equal(send6(h, PEER6, 8), 0);
    else
        know6(h, PEER6, PEER_MAC);
    while (neighbour_state(h, PEER6) != state)
        assert_true(peer_step(h));
    discard_sent6(h);
}
