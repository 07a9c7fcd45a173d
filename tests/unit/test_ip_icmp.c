/* ICMP for IPv4: echo, errors sent and their rate, errors received (RFC 792, RFC 1122 3.2.2, RFC
 * 1812 4.3). */
#include "tests/support/ip_host.h"

static uint8_t message[66000];

static void up_knowing_peer(struct ip_host *h)
{
    ip_host_up(h);
    know(h, PEER_IP, PEER_MAC);
}

static size_t build_ping(size_t len)
{
    static uint8_t body[65536];
    fill_pattern(body, len, 3);
    return build_icmp(message, MN_ICMPV4_ECHO, 0, 0x1234, 7, body, len);
}

static void expect_pong(const uint8_t *bytes, size_t len)
{
    static uint8_t body[65536];
    struct mn_icmpv4 header;
    assert_int_equal(mn_icmpv4_parse(bytes, len, &header), MN_PARSE_OK);
    assert_int_equal(header.type, MN_ICMPV4_ECHO_REPLY);
    assert_int_equal(header.code, 0);
    assert_int_equal(header.identifier, 0x1234);
    assert_int_equal(header.sequence, 7);
    assert_int_equal(mn_checksum(mn_sum(0, bytes, len)), 0);
    fill_pattern(body, len - 8, 3);
    assert_memory_equal(bytes + 8, body, len - 8);
}

static void echo_is_answered(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    for (size_t len = 0; len < 1400; len = len * 2 + 1) {
        size_t size = build_ping(len);
        receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size, .traffic_class = 0x2b,
                   .padding = 5);
        struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
        assert_int_equal(sent->payload_len, size);
        assert_int_equal(sent->ip.ttl, 64);
        /* Type of service copied, congestion mark not. */
        assert_int_equal(sent->ip.traffic_class, 0x28);
        expect_pong(sent->payload, sent->payload_len);
    }
    assert_counted(&h, ICMP_ECHO, 11);
    ip_host_down(&h);
}

/* RFC 1624 section 3: a message of zeros has the checksum ffff, and only that verifies. A message
 * whose words sum up to ffff has 0. */
static void echo_whose_reply_sums_up_to_nothing_verifies(void **state)
{
    static const uint8_t zeros[100], ones[6] = {0xff, 0xff, 0, 0, 0, 0};
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    for (size_t len = 0; len <= sizeof zeros; len++) {
        size_t size = build_icmp(message, MN_ICMPV4_ECHO, 0, 0, 0, zeros, len);
        receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size);
        const struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
        assert_memory_equal(sent->payload, "\0\0\xff\xff", 4);
        assert_int_equal(mn_checksum(mn_sum(0, sent->payload, sent->payload_len)), 0);
    }
    size_t size = build_icmp(message, MN_ICMPV4_ECHO, 0, 0, 0, ones, sizeof ones);
    receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size);
    assert_memory_equal(expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP)->payload, "\0\0\0\0", 4);
    ip_host_down(&h);
}

/* RFC 1122 3.2.2.6: the reply brings the record of the request back, for the path of both. */
static void echo_with_record_route_and_timestamp_brings_them_back(void **state)
{
    static const uint8_t route[] = {7, 11, 8, 10, 0, 0, 3, 0, 0, 0, 0, 0},
                         times[] = {68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0},
                         wrong[] = {7, 11, 3, 10, 0, 0, 3, 0, 0, 0, 0, 0}, other[] = {148, 4, 0, 0};
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    size_t size = build_ping(100);
    receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size, .options = route, .options_len = 12);
    const struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
    assert_int_equal(sent->ip.header_len, 32);
    assert_memory_equal(sent->payload - 12, "\7\13\14\12\0\0\3\12\0\0\2\0", 12);
    expect_pong(sent->payload, sent->payload_len);
    receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size, .options = times, .options_len = 12);
    sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
    assert_memory_equal(sent->payload - 12, "\104\14\15\1\12\0\0\2", 8);
    assert_true(sent->payload[-4] >= 0x80); /* not of a common clock */
    expect_pong(sent->payload, sent->payload_len);
    receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size, .options = other, .options_len = 4);
    assert_int_equal(expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP)->ip.header_len, 20);
    receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size, .options = wrong, .options_len = 12);
    expect_silence(&h);
    assert_counted(&h, IP_DROP_OPTIONS, 1);
    assert_counted(&h, ICMP_ECHO, 3);
    ip_host_down(&h);
}

/* A reply whose options would make it larger than the MTU has none. */
static void echo_with_options_of_the_largest_size_is_answered(void **state)
{
    static const uint8_t route[40] = {7, 39, 4};
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    for (size_t len = HOST_MTU - 20 - 40 - 8; len <= HOST_MTU - 20 - 8; len += 4) {
        size_t size = build_ping(len);
        receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size, .options = route,
                   .options_len = 40);
        const struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
        assert_int_equal(sent->ip.header_len, 20 + size + 40 <= HOST_MTU ? 60 : 20);
        expect_pong(sent->payload, sent->payload_len);
        expect_silence(&h);
    }
    ip_host_down(&h);
}

static void echo_of_64_kib_in_fragments_is_answered_in_fragments(void **state)
{
    (void)state;
    static uint8_t reply[66000];
    struct ip_host h;
    up_knowing_peer(&h);
    size_t size = build_ping(65507), at;
    for (at = 0; at < size; at += 1480) {
        size_t len = size - at < 1480 ? size - at : 1480;
        receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .identification = 5, .offset = (uint16_t)at,
                   .more = at + len < size, .payload = message + at, .len = len);
    }
    at = 0;
    for (bool more = true; more;) {
        struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
        assert_int_equal(sent->ip.fragment_offset, at);
        memcpy(reply + at, sent->payload, sent->payload_len);
        at += sent->payload_len;
        more = sent->ip.more_fragments;
    }
    assert_int_equal(at, size);
    expect_pong(reply, at);
    ip_host_down(&h);
}

/* A device may deliver a frame as a chain of packets. */
static void echo_in_a_chain_of_packets_is_answered(void **state)
{
    (void)state;
    static uint8_t frame[2000];
    struct ip_host h;
    struct mn_datagram datagram;
    struct mn_icmp_error error;
    up_knowing_peer(&h);
    size_t size = build_ping(1400), first = 200;
    size_t len = build_ip_line(frame, IP_LINE(.protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size));
    struct mnet_packet *packet = mnet_packet_alloc(h.memory);
    memcpy(mnet_packet_put(packet, first), frame, first);
    packet->more = mnet_packet_alloc(h.memory);
    memcpy(mnet_packet_put(packet->more, len - first), frame + first, len - first);
    packet->total = (uint32_t)len;
    assert_int_equal(mn_ip_input(&h.ip, &packet, h.now, &datagram, &error), MN_IP_CONSUMED);
    struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
    expect_pong(sent->payload, sent->payload_len);
    assert_counted(&h, ICMP_ECHO, 1);
    ip_host_down(&h);
}

/* Attack 22: a broadcast or multicast is never answered. */
static void echo_to_many_is_not_answered(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    size_t size = build_ping(16);
    struct ip_line line = IP_LINE(.protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size);
    line.destination = NETWORK_BROADCAST;
    receive_ip_line(&h, line);
    line.destination = ALL_BROADCAST;
    receive_ip_line(&h, line);
    line.destination = OWN_IP;
    line.to = ALL_MAC;
    receive_ip_line(&h, line);
    line.destination = IPV4(224, 0, 0, 1);
    receive_ip_line(&h, line);
    expect_silence(&h);
    assert_counted(&h, ICMP_DROP_IGNORED, 3);
    ip_host_down(&h);
}

static void echo_with_wrong_checksum_or_cut_is_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    size_t size = build_ping(16);
    message[12] ^= 1;
    receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = size);
    message[12] ^= 1;
    for (size_t len = 0; len < size; len++)
        receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = len);
    expect_silence(&h);
    assert_counted(&h, ICMP_DROP_INVALID, 1 + size);
    ip_host_down(&h);
}

static void echo_to_loopback_goes_round(void **state)
{
    (void)state;
    struct ip_host h;
    enum mn_ip_verdict verdict;
    up_knowing_peer(&h);
    size_t size = build_ping(16);
    struct mnet_packet *packet = mnet_packet_alloc_tx(h.memory);
    memcpy(mnet_packet_put(packet, size), message, size);
    send_packet(&h, .destination = OWN_IP, .protocol = MN_PROTOCOL_ICMP, .packet = packet);
    assert_true(mn_ip_take_looped(&h.ip, h.now, &h.packet, &verdict, &h.datagram, &h.error));
    assert_int_equal(verdict, MN_IP_CONSUMED);
    assert_counted(&h, ICMP_ECHO, 1);
    /* The reply. */
    assert_true(mn_ip_take_looped(&h.ip, h.now, &h.packet, &verdict, &h.datagram, &h.error));
    assert_counted(&h, ICMP_DROP_IGNORED, 1);
    assert_false(mn_ip_take_looped(&h.ip, h.now, &h.packet, &verdict, &h.datagram, &h.error));
    ip_host_down(&h);
}

/* Answers the received datagram of h with an error. */
static void refuse(struct ip_host *h, enum mn_unreachable reason)
{
    mn_ip_send_unreachable(&h->ip, h->packet, &h->datagram, reason, h->now);
}

static void unreachable_quotes_up_to_576_bytes(void **state)
{
    (void)state;
    static const size_t lens[] = {8, 100, 528, 529, 1400};
    static uint8_t body[1400];
    struct ip_host h;
    up_knowing_peer(&h);
    fill_pattern(body, sizeof body, 9);
    for (size_t i = 0; i < MN_COUNT_OF(lens); i++) {
        assert_int_equal(receive_ip(&h, .payload = body, .len = lens[i], .identification = 0xbeef), MN_IP_TRANSPORT);
        refuse(&h, MN_UNREACHABLE_PORT);
        struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
        size_t quoted = lens[i] < 528 ? lens[i] : 528;
        assert_int_equal(sent->ip.total_len, 20 + 8 + 20 + quoted);
        assert_int_equal(sent->ip.traffic_class, 0);
        assert_int_equal(sent->payload[0], MN_ICMPV4_UNREACHABLE);
        assert_int_equal(sent->payload[1], MN_ICMPV4_PORT_UNREACHABLE);
        assert_int_equal(mn_checksum(mn_sum(0, sent->payload, sent->payload_len)), 0);
        struct mn_ipv4 quote;
        assert_int_equal(mn_ipv4_parse_quote(sent->payload + 8, 20, &quote), MN_PARSE_OK);
        assert_int_equal(quote.identification, 0xbeef);
        assert_int_equal(quote.total_len, 20 + lens[i]);
        assert_memory_equal(sent->payload + 28, body, quoted);
        assert_int_equal(h.packet->total, lens[i]); /* stays the caller's, unchanged */
    }
    assert_counted(&h, ICMP_ERRORS_TX, MN_COUNT_OF(lens));
    ip_host_down(&h);
}

static void unreachable_quotes_options_too(void **state)
{
    (void)state;
    static const uint8_t options[40] = {1, 1, 1, 1};
    struct ip_host h;
    up_knowing_peer(&h);
    receive_ip(&h, .options = options, .options_len = sizeof options);
    refuse(&h, MN_UNREACHABLE_PORT);
    struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
    assert_int_equal(sent->payload_len, 8 + 60 + 8);
    assert_memory_equal(sent->payload + 68, "12345678", 8);
    ip_host_down(&h);
}

static void unknown_protocol_is_refused_with_its_code(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    receive_ip(&h, .protocol = 99);
    refuse(&h, MN_UNREACHABLE_PROTOCOL);
    assert_int_equal(expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP)->payload[1], 2);
    ip_host_down(&h);
}

/* RFC 1122 3.2.2; attack 22. */
static void errors_about_errors_and_broadcasts_are_never_sent(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    receive_ip(&h, .destination = NETWORK_BROADCAST);
    refuse(&h, MN_UNREACHABLE_PORT);
    receive_ip(&h, .to = ALL_MAC);
    refuse(&h, MN_UNREACHABLE_PORT);
    receive_any(&h);
    h.datagram.protocol = MN_PROTOCOL_ICMP; /* as if an error had arrived */
    h.packet->data[0] = MN_ICMPV4_UNREACHABLE;
    refuse(&h, MN_UNREACHABLE_PORT);
    h.datagram.protocol = MN_PROTOCOL_UDP;
    h.datagram.source = mnet_address_from_ipv4(0);
    refuse(&h, MN_UNREACHABLE_PORT);
    expect_silence(&h);
    assert_counted(&h, ICMP_ERRORS_TX, 0);
    ip_host_down(&h);
}

static unsigned burst(struct ip_host *h, unsigned tries)
{
    for (unsigned i = 0; i < tries; i++)
        refuse(h, MN_UNREACHABLE_PORT);
    return discard_sent(h);
}

static void errors_are_limited_in_rate(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    receive_any(&h);
    unsigned first = burst(&h, 200);
    assert_in_range(first, 30, 80);
    assert_counted(&h, ICMP_ERRORS_LIMITED, 200 - first);
    unsigned sent = 0;
    for (int i = 0; i < 1000; i++) {
        pass_ms(&h, 10);
        sent += burst(&h, 20);
        know(&h, PEER_IP, PEER_MAC);
        receive_any(&h);
    }
    assert_in_range(sent, 1800, 2200); /* 200 a second for ten seconds */
    ip_host_down(&h);
}

static void errors_without_memory_cost_no_token(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    receive_any(&h);
    struct mnet_packet *hoard = hoard_memory(&h);
    assert_int_equal(burst(&h, 200), 0);
    assert_counted(&h, ICMP_ERRORS_LIMITED, 0);
    free_hoard(hoard);
    assert_in_range(burst(&h, 200), 30, 80);
    ip_host_down(&h);
}

/* Attack 16: the number of answers to a burst does not reveal the number of others. */
static void limit_is_not_countable(void **state)
{
    (void)state;
    struct ip_host h;
    bool differ = false;
    unsigned before = 0;
    up_knowing_peer(&h);
    for (int i = 0; i < 10; i++) {
        pass_ms(&h, 10000);
        know(&h, PEER_IP, PEER_MAC);
        receive_any(&h);
        unsigned sent = burst(&h, 200);
        differ = differ || (i > 0 && sent != before);
        before = sent;
    }
    assert_true(differ);
    ip_host_down(&h);
}

static size_t build_error(uint8_t type, uint8_t code, uint16_t second, uint32_t source, uint32_t destination,
                          uint8_t protocol, size_t quoted)
{
    uint8_t quote[100];
    size_t len = build_quote(quote, source, destination, protocol,
                             "\x04\xd2\x00\x50"
                             "abcdefghijklmnop",
                             quoted);
    return build_icmp(message, type, code, 0, second, quote, len);
}

static enum mn_ip_verdict receive_message(struct ip_host *h, size_t len)
{
    return receive_ip(h, .source = GATEWAY_IP, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = len);
}

static void errors_are_handed_to_the_transport(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, code;
        enum mn_unreachable reason;
    } known[] = {
        {3, 0, MN_UNREACHABLE_NETWORK},    {3, 1, MN_UNREACHABLE_HOST},        {3, 2, MN_UNREACHABLE_PROTOCOL},
        {3, 3, MN_UNREACHABLE_PORT},       {3, 4, MN_UNREACHABLE_TOO_BIG},     {3, 5, MN_UNREACHABLE_NETWORK},
        {3, 6, MN_UNREACHABLE_NETWORK},    {3, 7, MN_UNREACHABLE_HOST},        {3, 8, MN_UNREACHABLE_HOST},
        {3, 9, MN_UNREACHABLE_PROHIBITED}, {3, 10, MN_UNREACHABLE_PROHIBITED}, {3, 11, MN_UNREACHABLE_NETWORK},
        {3, 12, MN_UNREACHABLE_HOST},      {3, 13, MN_UNREACHABLE_PROHIBITED}, {11, 0, MN_UNREACHABLE_NETWORK},
        {11, 1, MN_UNREACHABLE_NETWORK},   {12, 0, MN_UNREACHABLE_NETWORK},
    };
    struct ip_host h;
    up_knowing_peer(&h);
    for (size_t i = 0; i < MN_COUNT_OF(known); i++) {
        size_t len = build_error(known[i].type, known[i].code, 1400, OWN_IP, FAR_IP, MN_PROTOCOL_TCP, 12);
        assert_int_equal(receive_message(&h, len), MN_IP_ERROR);
        assert_int_equal(h.error.reason, known[i].reason);
        assert_int_equal(h.error.mtu, known[i].reason == MN_UNREACHABLE_TOO_BIG ? 1400 : 0);
        assert_int_equal(h.error.protocol, MN_PROTOCOL_TCP);
        assert_int_equal(mnet_address_to_ipv4(h.error.local), OWN_IP);
        assert_int_equal(mnet_address_to_ipv4(h.error.remote), FAR_IP);
        assert_int_equal(mnet_address_to_ipv4(h.error.reporter), GATEWAY_IP);
        assert_int_equal(h.error.quote_len, 12);
        assert_memory_equal(h.error.quote,
                            "\x04\xd2\x00\x50"
                            "abcdefgh",
                            12);
    }
    assert_counted(&h, ICMP_ERRORS_RX, MN_COUNT_OF(known));
    expect_silence(&h);
    ip_host_down(&h);
}

/* Attack 17: no MTU below the one that every link carries. */
static void too_big_without_a_plausible_mtu_says_none(void **state)
{
    (void)state;
    static const uint16_t mtus[] = {0, 1, 67, 68, 65535};
    struct ip_host h;
    up_knowing_peer(&h);
    for (size_t i = 0; i < MN_COUNT_OF(mtus); i++) {
        size_t len = build_error(3, 4, mtus[i], OWN_IP, FAR_IP, MN_PROTOCOL_TCP, 8);
        assert_int_equal(receive_message(&h, len), MN_IP_ERROR);
        assert_int_equal(h.error.mtu, mtus[i] < 68 ? 0 : mtus[i]);
    }
    ip_host_down(&h);
}

static void errors_that_quote_what_we_did_not_send_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    receive_message(&h, build_error(3, 3, 0, PEER_IP, FAR_IP, MN_PROTOCOL_TCP, 8));
    receive_message(&h, build_error(3, 3, 0, IPV4(127, 0, 0, 1), FAR_IP, MN_PROTOCOL_TCP, 8));
    receive_message(&h, build_error(3, 3, 0, OWN_IP, NETWORK_BROADCAST, MN_PROTOCOL_UDP, 8));
    receive_message(&h, build_error(3, 3, 0, OWN_IP, IPV4(224, 0, 0, 1), MN_PROTOCOL_UDP, 8));
    receive_message(&h, build_error(3, 3, 0, OWN_IP, FAR_IP, MN_PROTOCOL_ICMP, 8));
    assert_counted(&h, ICMP_DROP_INVALID, 5);
    assert_counted(&h, ICMP_ERRORS_RX, 0);
    expect_silence(&h);
    ip_host_down(&h);
}

static void error_about_a_later_fragment_is_dropped(void **state)
{
    (void)state;
    uint8_t quote[28] = {0};
    struct ip_host h;
    up_knowing_peer(&h);
    mn_ipv4_emit(quote, &(struct mn_ipv4){.source = OWN_IP,
                                          .destination = FAR_IP,
                                          .total_len = 1000,
                                          .header_len = 20,
                                          .fragment_offset = 1480,
                                          .protocol = MN_PROTOCOL_UDP});
    receive_message(&h, build_icmp(message, 3, 3, 0, 0, quote, sizeof quote));
    assert_counted(&h, ICMP_DROP_INVALID, 1);
    ip_host_down(&h);
}

/* Attack 4: the quote cut at every byte. */
static void errors_with_a_cut_quote_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    uint8_t quote[64];
    size_t full = build_quote(quote, OWN_IP, FAR_IP, MN_PROTOCOL_TCP, "12345678", 8);
    for (size_t len = 0; len <= full; len++) {
        size_t size = build_icmp(message, 3, 3, 0, 0, quote, len);
        assert_int_equal(receive_message(&h, size), len == full ? MN_IP_ERROR : MN_IP_CONSUMED);
    }
    assert_counted(&h, ICMP_DROP_INVALID, full);
    ip_host_down(&h);
}

static void error_whose_quote_lies_about_its_length_is_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    uint8_t quote[28];
    for (unsigned total = 0; total < 40; total++) {
        build_quote(quote, OWN_IP, FAR_IP, MN_PROTOCOL_TCP, "12345678", 8);
        quote[2] = 0;
        quote[3] = (uint8_t)total;
        size_t size = build_icmp(message, 3, 3, 0, 0, quote, sizeof quote);
        assert_int_equal(receive_message(&h, size), total < 28 ? MN_IP_CONSUMED : MN_IP_ERROR);
    }
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        build_quote(quote, OWN_IP, FAR_IP, MN_PROTOCOL_TCP, "12345678", 8);
        quote[0] = (uint8_t)(0x40 | ihl);
        size_t size = build_icmp(message, 3, 3, 0, 0, quote, sizeof quote);
        assert_int_equal(receive_message(&h, size), ihl == 5 ? MN_IP_ERROR : MN_IP_CONSUMED);
    }
    ip_host_down(&h);
}

/* MUST-55. A redirect would let anybody choose our routes. */
static void source_quench_redirect_and_others_are_ignored(void **state)
{
    (void)state;
    static const uint8_t types[] = {0, 4, 5, 9, 10, 13, 15, 17, 30, 255};
    struct ip_host h;
    up_knowing_peer(&h);
    for (size_t i = 0; i < MN_COUNT_OF(types); i++) {
        size_t len = build_error(types[i], 1, 0, OWN_IP, FAR_IP, MN_PROTOCOL_TCP, 8);
        assert_int_equal(receive_message(&h, len), MN_IP_CONSUMED);
        assert_counted(&h, ICMP_DROP_IGNORED, i + 1);
    }
    assert_int_equal(receive_message(&h, build_error(3, 16, 0, OWN_IP, FAR_IP, MN_PROTOCOL_TCP, 8)), MN_IP_CONSUMED);
    expect_silence(&h);
    ip_host_down(&h);
}

static void errors_by_broadcast_are_ignored(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h);
    size_t len = build_error(3, 3, 0, OWN_IP, FAR_IP, MN_PROTOCOL_TCP, 8);
    assert_int_equal(receive_ip(&h, .to = ALL_MAC, .protocol = MN_PROTOCOL_ICMP, .payload = message, .len = len),
                     MN_IP_CONSUMED);
    assert_counted(&h, ICMP_ERRORS_RX, 0);
    ip_host_down(&h);
}

static void loopback_port_unreachable_comes_back_as_an_error(void **state)
{
    (void)state;
    static const uint32_t own[] = {OWN_IP, IPV4(127, 0, 0, 1)};
    struct ip_host h;
    enum mn_ip_verdict verdict;
    up_knowing_peer(&h);
    for (size_t i = 0; i < MN_COUNT_OF(own); i++) {
        send_packet(&h, .destination = own[i]);
        assert_true(mn_ip_take_looped(&h.ip, h.now, &h.packet, &verdict, &h.datagram, &h.error));
        assert_int_equal(verdict, MN_IP_TRANSPORT);
        refuse(&h, MN_UNREACHABLE_PORT);
        mnet_packet_free(h.packet);
        assert_true(mn_ip_take_looped(&h.ip, h.now, &h.packet, &verdict, &h.datagram, &h.error));
        assert_int_equal(verdict, MN_IP_ERROR);
        assert_int_equal(h.error.reason, MN_UNREACHABLE_PORT);
        assert_int_equal(mnet_address_to_ipv4(h.error.remote), own[i]);
        mnet_packet_free(h.packet);
        h.packet = NULL;
    }
    expect_silence(&h);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_is_answered),
        cmocka_unit_test(echo_with_record_route_and_timestamp_brings_them_back),
        cmocka_unit_test(echo_with_options_of_the_largest_size_is_answered),
        cmocka_unit_test(echo_whose_reply_sums_up_to_nothing_verifies),
        cmocka_unit_test(echo_of_64_kib_in_fragments_is_answered_in_fragments),
        cmocka_unit_test(echo_in_a_chain_of_packets_is_answered),
        cmocka_unit_test(echo_to_many_is_not_answered),
        cmocka_unit_test(echo_with_wrong_checksum_or_cut_is_dropped),
        cmocka_unit_test(echo_to_loopback_goes_round),
        cmocka_unit_test(unreachable_quotes_up_to_576_bytes),
        cmocka_unit_test(unreachable_quotes_options_too),
        cmocka_unit_test(unknown_protocol_is_refused_with_its_code),
        cmocka_unit_test(errors_about_errors_and_broadcasts_are_never_sent),
        cmocka_unit_test(errors_are_limited_in_rate),
        cmocka_unit_test(errors_without_memory_cost_no_token),
        cmocka_unit_test(limit_is_not_countable),
        cmocka_unit_test(errors_are_handed_to_the_transport),
        cmocka_unit_test(too_big_without_a_plausible_mtu_says_none),
        cmocka_unit_test(errors_that_quote_what_we_did_not_send_are_dropped),
        cmocka_unit_test(error_about_a_later_fragment_is_dropped),
        cmocka_unit_test(errors_with_a_cut_quote_are_dropped),
        cmocka_unit_test(error_whose_quote_lies_about_its_length_is_dropped),
        cmocka_unit_test(source_quench_redirect_and_others_are_ignored),
        cmocka_unit_test(errors_by_broadcast_are_ignored),
        cmocka_unit_test(loopback_port_unreachable_comes_back_as_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
