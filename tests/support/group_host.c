#include "tests/support/group_host.h"

struct said said[MESSAGES_MAX];
unsigned said_count;
unsigned probes_before;

const uint8_t alert_option[4] = {0x94, 4, 0, 0};

struct mnet_address group_of(bool ipv4, unsigned number)
{
    return ipv4 ? mnet_ipv4(239, 1, 0, (uint8_t)number) : ADDRESS6(0xff05, 0, 0, number);
}

struct mnet_address source_of(bool ipv4, unsigned number)
{
    return ipv4 ? mnet_ipv4(192, 0, 2, (uint8_t)number) : ADDRESS6(0x2001, 0xdb8, 7, number);
}

uint8_t newest(bool ipv4)
{
    return ipv4 ? 3 : 2;
}

/* ---- Sent ---- */

static void note_records(struct said *s, struct mn_reader records)
{
    const size_t source_len = s->ipv4 ? MN_IGMP_SOURCE : MN_MLD_SOURCE;
    struct mn_group_record record;
    while (mn_group_next_record(&records, source_len, &record)) {
        struct said_record *to = &s->records[s->count++];
        *to = (struct said_record){.type = record.type, .group = record.group};
        assert_true(record.source_count <= MN_GROUP_SOURCES_MAX);
        for (; to->source_count < record.source_count; to->source_count++) {
            struct mnet_address *source = &to->sources[to->source_count];
            assert_true(mn_group_next_source(&record.sources, source_len, source));
        }
    }
}

static void note_igmp(struct said *s, const uint8_t *message, size_t len)
{
    struct mn_reader records;
    uint8_t type = mn_igmp_type(message);
    if (mn_igmp_parse_report3(message, len, &records) == MN_PARSE_OK) {
        s->version = 3;
        note_records(s, records);
        return;
    }
    s->version = type == MN_IGMP1_REPORT ? 1 : 2;
    s->leave = type == MN_IGMP2_LEAVE;
    s->count = 1;
    assert_int_equal(mn_igmp_parse_report(message, len, &s->records[0].group), MN_PARSE_OK);
}

/* Of an unspecified source the parsers of a router want to know nothing (RFC 3590 4 does). */
static void note_mld(struct said *s, const uint8_t *message, size_t len)
{
    struct mn_reader records;
    struct mn_datagram datagram = {.source = mnet_address_is_any(s->source) ? PEER_LINK6 : s->source,
                                   .ttl = s->hop_limit};
    if (mn_mld_parse_report2(message, len, &datagram, true, &records) == MN_PARSE_OK) {
        s->version = 2;
        note_records(s, records);
        return;
    }
    s->version = 1;
    s->leave = message[0] == MN_ICMPV6_MLD_DONE;
    s->count = 1;
    assert_int_equal(mn_mld_parse_report(message, len, &datagram, &s->records[0].group), MN_PARSE_OK);
}

static bool note_ipv4(struct said *s, const uint8_t *packet, size_t len)
{
    struct mn_ipv4 ip;
    assert_int_equal(mn_ipv4_parse(packet, len, len, &ip), MN_PARSE_OK);
    if (ip.protocol != MN_PROTOCOL_IGMP)
        return false;
    assert_true(ip.router_alert);
    *s = (struct said){.ipv4 = true,
                       .hop_limit = ip.ttl,
                       .source = mnet_address_from_ipv4(ip.source),
                       .destination = mnet_address_from_ipv4(ip.destination)};
    note_igmp(s, packet + ip.header_len, len - ip.header_len);
    return true;
}

static bool note_ipv6(struct said *s, const uint8_t *packet, size_t len)
{
    struct mn_ipv6 ip;
    struct mn_ipv6_chain chain;
    assert_int_equal(mn_ipv6_parse(packet, len, len, &ip), MN_PARSE_OK);
    assert_int_equal(mn_ipv6_walk(packet, len, &ip, false, &mn_ipv6_limits_default, &chain), MN_IPV6_IS_TRANSPORT);
    if (!chain.router_alert) {
        probes_before += said_count == 0 && packet[chain.offset] == MN_ICMPV6_NEIGHBOUR_SOLICITATION;
        return false;
    }
    *s = (struct said){.hop_limit = ip.hop_limit, .source = ip.source, .destination = ip.destination};
    const uint8_t *message = packet + chain.offset;
    size_t message_len = len - chain.offset;
    uint64_t sum = mn_pseudo_sum(&ip.source, &ip.destination, MN_PROTOCOL_ICMPV6, (uint32_t)message_len);
    assert_int_equal(mn_checksum(mn_sum(sum, message, message_len)), 0);
    note_mld(s, message, message_len);
    return true;
}

static void note_frames(struct ip_host *h, uint64_t ms)
{
    for (struct mnet_packet *frame; (frame = mn_ip_transmit(&h->ip)) != NULL;) {
        struct mn_ethernet ethernet;
        struct said *s = &said[said_count];
        const uint8_t *packet = frame->data + MN_ETHERNET_HEADER;
        size_t len = frame->len - MN_ETHERNET_HEADER;
        assert_int_equal(mn_ethernet_parse(frame->data, frame->len, &ethernet), MN_PARSE_OK);
        assert_true(frame->total == frame->len && len <= h->ip.mtu && said_count < MESSAGES_MAX - 1);
        bool noted = (ethernet.type == MN_ETHERTYPE_IPV4 && note_ipv4(s, packet, len)) ||
                     (ethernet.type == MN_ETHERTYPE_IPV6 && note_ipv6(s, packet, len));
        if (noted) {
            assert_true(mn_mac_equal(ethernet.destination, mn_mac_of_group(&s->destination)));
            assert_int_equal(s->hop_limit, 1);
            s->ms = ms;
            said_count++;
        }
        mnet_packet_free(frame);
    }
}

void listen(struct ip_host *h, unsigned ms)
{
    said_count = probes_before = 0;
    for (unsigned at = 0; at <= ms; at++) {
        pass_ms(h, at > 0);
        note_frames(h, at);
    }
}

const struct said_record *record_of(const struct said *s, struct mnet_address group)
{
    for (unsigned i = 0; i < s->count; i++)
        if (mnet_address_equal(s->records[i].group, group))
            return &s->records[i];
    return NULL;
}

void expect_record(unsigned index, uint8_t type, struct mnet_address group)
{
    assert_true(index < said_count);
    assert_int_equal(said[index].count, 1);
    assert_int_equal(said[index].records[0].type, type);
    assert_address6(said[index].records[0].group, group);
}

/* ---- Received ---- */

static void receive_mld(struct ip_host *h, const uint8_t *message, size_t len, const struct query_line *line,
                        struct mnet_address to)
{
    uint8_t bytes[1500];
    struct mnet_address source = line->far ? PEER6 : PEER_LINK6;
    size_t alert = line->no_alert ? 0 : MN_IPV6_ROUTER_ALERT;
    if (alert > 0)
        mn_ipv6_emit_router_alert(bytes, MN_PROTOCOL_ICMPV6);
    memcpy(bytes + alert, message, len);
    mn_icmpv6_set_checksum(bytes + alert, len, &source, &to);
    bytes[alert + 2] ^= line->wrong_checksum;
    receive_ip6(h, .source = source, .destination = to, .hop_limit = line->hop_limit != 0 ? line->hop_limit : 1,
                .protocol = alert > 0 ? MN_IPV6_HOP_BY_HOP : MN_PROTOCOL_ICMPV6, .payload = bytes, .len = alert + len);
}

static void receive_igmp(struct ip_host *h, uint8_t *message, size_t len, const struct query_line *line,
                         struct mnet_address to)
{
    mn_igmp_set_checksum(message, len);
    message[2] ^= line->wrong_checksum;
    receive_ip(h, .destination = mnet_address_to_ipv4(to), .ttl = line->hop_limit != 0 ? line->hop_limit : 1,
               .protocol = MN_PROTOCOL_IGMP, .payload = message, .len = len,
               .options = line->no_alert ? NULL : alert_option,
               .options_len = line->no_alert ? 0 : sizeof alert_option);
}

struct mnet_address all_nodes(bool ipv4)
{
    return ipv4 ? mnet_address_from_ipv4(MN_IGMP_ALL_SYSTEMS) : mn_ipv6_all_nodes;
}

void receive_query_line(struct ip_host *h, bool ipv4, struct query_line line)
{
    uint8_t message[1400];
    struct mnet_address sources[32];
    struct mn_writer w = mn_writer(message, sizeof message);
    struct mn_group_query query = {
        .version = line.version != 0 ? line.version : newest(ipv4),
        .max_response_ms = line.max_ms,
        .group = line.group != 0 ? group_of(ipv4, line.group)
                 : ipv4          ? mnet_ipv4(0, 0, 0, 0)
                                 : MNET_ADDRESS_ANY,
        .robustness = line.robustness,
        .interval_s = line.interval_s,
        .source_count = line.source_count,
    };
    for (unsigned i = 0; i < line.source_count; i++)
        sources[i] = source_of(ipv4, line.first_source + i);
    if (mnet_address_is_any(line.to))
        line.to = line.group != 0 ? query.group : all_nodes(ipv4);
    if (ipv4)
        mn_igmp_write_query(&w, &query, sources);
    else
        mn_mld_write_query(&w, &query, sources);
    assert_true(w.ok);
    (ipv4 ? receive_igmp(h, message, sizeof message - w.left, &line, line.to)
          : receive_mld(h, message, sizeof message - w.left, &line, line.to));
}
void receive_report(struct ip_host *h, bool ipv4, struct mnet_address group)
{
    uint8_t message[MN_MLD_MESSAGE];
    struct query_line line = {0};
    struct mn_writer w = mn_writer(message, sizeof message);
    if (ipv4) {
        mn_igmp_write(&w, MN_IGMP2_REPORT, &group);
        receive_igmp(h, message, sizeof message - w.left, &line, group);
    } else {
        mn_mld_write(&w, MN_ICMPV6_MLD_REPORT, &group);
        receive_mld(h, message, sizeof message - w.left, &line, group);
    }
}

/* ---- Hosts ---- */

void begin(struct ip_host *h)
{
    struct mn_ip_config config = ip_host_config(h);
    config.user.ipv6 = (struct mnet_prefix){OWN6, 64};
    assert_int_equal(ip_host_start(h, &config), 0);
    listen(h, 6000);
}

void join(struct ip_host *h, bool ipv4, unsigned number)
{
    assert_int_equal(mn_ip_join(&h->ip, group_of(ipv4, number), 0), 0);
}

void leave(struct ip_host *h, bool ipv4, unsigned number)
{
    mn_ip_leave(&h->ip, group_of(ipv4, number));
}

void begin_with(struct ip_host *h, bool ipv4, unsigned count)
{
    begin(h);
    for (unsigned i = 1; i <= count; i++)
        join(h, ipv4, i);
    listen(h, 3000);
}
