/* Duplicate address detection, rule by rule (RFC 4862 5.1, 5.4; RFC 3590, RFC 7527), and the states
 * of an address after it (RFC 4862 5.5.4). */
#include "tests/support/ip6_router.h"

#include "wire/mld.h"

static const uint8_t NONCE[MN_ND_NONCE] = {1, 2, 3, 4, 5, 6};

/* A host whose random numbers follow from `seed`, with `transmits` solicitations for an address; 0:
 * without detection. It has sent nothing yet. */
static struct mn_ip_config config_of(struct ip_host *h, struct mn_random *random, uint8_t seed, unsigned transmits)
{
    mn_random_init(random, (const uint8_t[MN_RANDOM_SEED]){seed});
    struct mn_ip_config config = ip6_host_config(h);
    config.random = random;
    config.user.no_dad = transmits == 0;
    config.user.dad_transmits = MN_MAX(transmits, 1u);
    return config;
}

static void start(struct ip_host *h, uint8_t seed, unsigned transmits)
{
    static struct mn_random random;
    struct mn_ip_config config = config_of(h, &random, seed, transmits);
    assert_int_equal(ip_host_start(h, &config), 0);
}

/* What the host said about its groups and addresses, with times since `begin`. */
struct dad_said {
    uint64_t ms;
    uint8_t type; /* of the ICMPv6 message */
    struct mnet_address source, destination, target;
    size_t len; /* of the message */
    uint8_t message[128];
};
static struct dad_said said[64];
static unsigned said_count;
static uint64_t begun_ns;

/* Where the ICMPv6 message begins: a report has a Hop-by-Hop header before it. */
static size_t message_at(const struct sent6 *sent)
{
    return sent->ip.next_header == MN_IPV6_HOP_BY_HOP ? MN_IPV6_ROUTER_ALERT : 0;
}

static void note(const struct ip_host *h, const struct sent6 *sent)
{
    size_t at = message_at(sent);
    struct dad_said *s = &said[said_count++];
    assert_true(said_count <= MN_COUNT_OF(said) && sent->payload_len - at <= sizeof s->message);
    *s = (struct dad_said){
        .ms = (h->now - begun_ns) / MNET_MILLISECOND,
        .type = sent->payload[at],
        .source = sent->ip.source,
        .destination = sent->ip.destination,
        .len = sent->payload_len - at,
    };
    memcpy(s->message, sent->payload + at, s->len);
    if (s->type == MN_ICMPV6_NEIGHBOUR_SOLICITATION)
        memcpy(s->target.bytes, s->message + 8, 16);
}

/* Lets time pass and notes what is sent, millisecond by millisecond. */
static void listen(struct ip_host *h, unsigned ms)
{
    static struct sent6 sent;
    said_count = 0;
    begun_ns = h->now;
    for (unsigned i = 0; i <= ms; i++) {
        if (i > 0)
            pass_ms(h, 1);
        while (take_sent6(h, &sent))
            note(h, &sent);
    }
}

/* The n-th solicitation for an address that was said; NULL if there were not so many. */
static const struct dad_said *solicitation(struct mnet_address target, unsigned n)
{
    for (unsigned i = 0; i < said_count; i++)
        if (said[i].type == MN_ICMPV6_NEIGHBOUR_SOLICITATION && mnet_address_equal(said[i].target, target) && n-- == 0)
            return &said[i];
    return NULL;
}

/* The first report that names the group. */
static const struct dad_said *report_of(struct mnet_address group)
{
    for (unsigned i = 0; i < said_count; i++)
        for (size_t at = 8; said[i].type == MN_ICMPV6_MLD2_REPORT && at + MN_MLD2_RECORD <= said[i].len;
             at += MN_MLD2_RECORD)
            if (memcmp(said[i].message + at + 4, group.bytes, 16) == 0)
                return &said[i];
    return NULL;
}

/* Passes time until the host has asked for OWN6 once. */
static void await_solicitation(struct ip_host *h)
{
    for (unsigned ms = 0; ms < 1001; ms++) {
        listen(h, 1);
        if (solicitation(OWN6, 0) != NULL)
            return;
    }
    fail_msg("no solicitation");
}

/* ---- How often, and when ---- */

/* SLAAC-5.1-1, SLAAC-5.1-2, SLAAC-5.4-1, SLAAC-5.4-6, N6-6.3-3: an address of the configuration is
 * asked for so often, at intervals of RetransTimer, and is ours an interval after the last time. */
static void address_is_asked_for_as_often_as_configured(void **state)
{
    (void)state;
    for (unsigned transmits = 1; transmits <= 3; transmits++) {
        struct ip_host h;
        start(&h, 1, transmits);
        await_solicitation(&h);
        listen(&h, 1000 * transmits - 2);
        for (unsigned i = 1; i < transmits; i++)
            assert_in_range(solicitation(OWN6, i - 1)->ms, 1000 * i - 2, 1000 * i);
        assert_null(solicitation(OWN6, transmits - 1));
        assert_false(mn_ip_is_own(&h.ip, OWN6));
        pass_ms(&h, 2);
        assert_true(mn_ip_is_own(&h.ip, OWN6));
        ip_host_down(&h);
    }
}

/* SLAAC-5.1-1: without detection */
static void address_is_used_at_once_without_detection(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 0);
    pass_ms(&h, 0);
    assert_true(mn_ip_is_own(&h.ip, OWN6));
    assert_true(mn_ip_is_own(&h.ip, OWN_LINK6));
    listen(&h, 5000);
    assert_null(solicitation(OWN6, 0));
    assert_null(solicitation(OWN_LINK6, 0));
    ip_host_down(&h);
    struct mn_ip_config config = auto_config(&h);
    config.user.no_dad = true;
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 0);
    receive_ra(&h, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, 3600, 1800)});
    pass_ms(&h, 0);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_OURS);
    listen(&h, 5000);
    assert_null(solicitation(own_in(NET_1), 0));
    ip_host_down(&h);
}

/* SLAAC-5.4-3: two addresses with one identifier are asked for one by one. */
static void each_address_of_an_identifier_is_asked_for(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = auto_config(&h);
    assert_int_equal(ip_host_start(&h, &config), 0);
    listen(&h, 3000);
    assert_non_null(solicitation(OWN_LINK6, 0));
    receive_ra(&h, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, 3600, 1800)});
    listen(&h, 3000);
    assert_non_null(solicitation(own_in(NET_1), 0));
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_OURS);
    ip_host_down(&h);
}

/* The delays until an address is asked for are spread over a second. */
static void expect_spread(const uint64_t *delays_ms, unsigned count)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (unsigned i = 0; i < count; i++) {
        assert_true(delays_ms[i] <= 1000);
        least = MN_MIN(least, delays_ms[i]);
        most = MN_MAX(most, delays_ms[i]);
    }
    assert_true(least < 250 && most > 750);
}

/* SLAAC-5.4.2-1, SLAAC-5.4.2-2, SLAAC-5.4.2-3, SLAAC-5.4.2-6, N6-14.1-1: after a random time the
 * host says from `::` that it is in the group of the address, and asks in the next moment. */
static void group_is_reported_before_the_solicitation(void **state)
{
    (void)state;
    enum {
        SEEDS = 40
    };
    uint64_t delays[SEEDS];
    const struct mnet_address own = OWN_LINK6, group = mn_ipv6_solicited_node(&own);
    for (uint8_t seed = 0; seed < SEEDS; seed++) {
        struct ip_host h;
        start(&h, seed, 1);
        listen(&h, 1001);
        const struct dad_said *report = report_of(group), *asked = solicitation(own, 0);
        assert_true(report != NULL && asked != NULL && report < asked);
        assert_address6(report->source, NONE6);
        assert_address6(report->destination, ADDRESS6(0xff02, 0, 0, 0x16));
        assert_address6(asked->source, NONE6);
        assert_address6(asked->destination, group);
        struct mn_nd message;
        const struct mn_datagram datagram = {
            .source = asked->source, .destination = asked->destination, .ttl = MN_ND_HOP_LIMIT};
        assert_int_equal(mn_nd_parse(asked->message, asked->len, &datagram, false, &message), MN_PARSE_OK);
        assert_false(message.has_link_address);
        delays[seed] = report->ms;
        ip_host_down(&h);
    }
    expect_spread(delays, SEEDS);
}

/* SLAAC-5.4.2-4: hosts that hear of a prefix at once do not all ask at once. */
static void address_of_an_advertisement_is_asked_for_after_a_random_time(void **state)
{
    (void)state;
    enum {
        SEEDS = 40
    };
    uint64_t delays[SEEDS];
    for (uint8_t seed = 0; seed < SEEDS; seed++) {
        struct ip_host h;
        struct mn_random random;
        mn_random_init(&random, (const uint8_t[MN_RANDOM_SEED]){seed});
        struct mn_ip_config config = auto_config(&h);
        config.random = &random;
        assert_int_equal(ip_host_start(&h, &config), 0);
        listen(&h, 3000);
        receive_ra(&h, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, 3600, 1800)});
        listen(&h, 1001);
        delays[seed] = solicitation(own_in(NET_1), 0)->ms;
        ip_host_down(&h);
    }
    expect_spread(delays, SEEDS);
}

/* SLAAC-5.4-1: nobody answers on a link that is down, so no address is ours by that. It is asked
 * for when the link comes up, also if the link went down behind the first time. */
static void nothing_is_asked_while_the_link_is_down(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct ip_host h;
        start(&h, 1, 1);
        if (asked)
            await_solicitation(&h);
        mn_ip_note_link_down(&h.ip);
        listen(&h, 5000);
        assert_null(solicitation(OWN6, 0));
        assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_PROBING);
        mn_ip_note_link_up(&h.ip, h.now);
        await_solicitation(&h);
        listen(&h, 998);
        assert_false(mn_ip_is_own(&h.ip, OWN6));
        pass_ms(&h, 2);
        assert_true(mn_ip_is_own(&h.ip, OWN6));
        mn_ip_note_link_down(&h.ip); /* what was unique stays ours */
        pass_ms(&h, 5000);
        assert_true(mn_ip_is_own(&h.ip, OWN6));
        ip_host_down(&h);
    }
}

static void expect_first(struct ip_host *h, struct mnet_address first)
{
    static const struct mn_losers none;
    struct mnet_address order[] = {ADDRESS6(0x2001, 0xdb8, 9, 9), mnet_address_from_ipv4(PEER_IP)};
    mn_ip_sort(&h->ip, &none, 1, order, 2, h->now);
    assert_true(mnet_address_equal(order[0], first));
}

/* SEL-8-1: each sort goes by the addresses of its own moment, those just found unique and those
 * whose life has just ended. */
static void destinations_are_sorted_by_the_addresses_of_the_moment(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = auto_config(&h);
    config.user.ipv4 = ip_host_config(&h).user.ipv4;
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 3000);
    for (struct mnet_packet *packet; (packet = mn_ip_transmit(&h.ip)) != NULL;)
        mnet_packet_free(packet);
    expect_first(&h, mnet_address_from_ipv4(PEER_IP));
    receive_ra(&h, .mac = ROUTER_A_MAC, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, 60, 30)});
    while (!mn_ip_has_ipv6(&h.ip)) {
        expect_first(&h, mnet_address_from_ipv4(PEER_IP));
        pass_ms(&h, 1);
    }
    expect_first(&h, ADDRESS6(0x2001, 0xdb8, 9, 9));
    while (mn_ip_has_ipv6(&h.ip))
        pass_ms(&h, 1);
    expect_first(&h, mnet_address_from_ipv4(PEER_IP));
    ip_host_down(&h);
}

/* ---- While the address is tentative ---- */

static void expect_conflict(struct ip_host *h)
{
    assert_int_equal(mn_ip_ipv6_state(&h->ip), MN_IP_ADDRESS_CONFLICT);
    discard_sent6(h);
    pass_ms(h, 5000);
    assert_false(mn_ip_is_own(&h->ip, OWN6));
    assert_true(mn_ip_is_own(&h->ip, OWN_LINK6)); /* the others are not concerned */
    ip_host_down(h);
}

static void expect_success(struct ip_host *h)
{
    assert_int_equal(mn_ip_ipv6_state(&h->ip), MN_IP_ADDRESS_PROBING);
    pass_ms(h, 2100);
    assert_true(mn_ip_is_own(&h->ip, OWN6));
    assert_counted(h, ND_CONFLICT, 0);
    ip_host_down(h);
}

/* SLAAC-5.4.3-3, SLAAC-5.4.2-5, SLAAC-5.4.3-5: before and after the host's own first one. */
static void solicitation_of_another_from_nowhere_is_a_duplicate(void **state)
{
    (void)state;
    for (int own_first = 0; own_first < 2; own_first++)
        for (int nonce = 0; nonce < 2; nonce++) {
            struct ip_host h;
            start(&h, 1, 1);
            if (own_first)
                await_solicitation(&h);
            receive_solicitation(&h, .source = NONE6, .destination = mn_ipv6_solicited_node(&OWN6), .mac = NO_MAC,
                                 .nonce = nonce ? NONCE : NULL);
            expect_conflict(&h);
        }
}

/* SLAAC-5.4.2-5: packets to all nodes count from the beginning, as a conflict told to all shows. */
static void all_nodes_are_heard_from_the_beginning(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 1);
    receive_advertisement(&h, .destination = mn_ipv6_all_nodes, .target = OWN6);
    expect_conflict(&h);
}

/* SLAAC-5.4.3-4, N6-6.3-5: a switch sends the host's own solicitations back. */
static void own_solicitation_that_comes_back_is_no_duplicate(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 1);
    await_solicitation(&h);
    const struct dad_said *asked = solicitation(OWN6, 0);
    for (int i = 0; i < 3; i++)
        receive_ip6(&h, .source = asked->source, .destination = asked->destination, .from = OWN_MAC,
                    .protocol = MN_PROTOCOL_ICMPV6, .hop_limit = MN_ND_HOP_LIMIT, .payload = asked->message,
                    .len = asked->len);
    assert_counted(&h, ICMP_DROP_INVALID, 0);
    pass_ms(&h, 2000); /* three more follow */
    expect_success(&h);
}

/* SLAAC-5.4.4-1: whatever its flags and options */
static void advertisement_for_it_is_a_duplicate(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 16; flags++) {
        struct ip_host h;
        start(&h, 1, 1);
        await_solicitation(&h);
        bool solicited = flags & 2;
        receive_advertisement(&h, .destination = solicited ? OWN6 : mn_ipv6_all_nodes, .target = OWN6,
                              .router = flags & 1, .solicited = solicited, .override = flags & 4,
                              .mac = flags & 8 ? PEER_MAC : NO_MAC);
        if (solicited) /* SLAAC-5.4-5: to the tentative address, so nobody hears it */
            expect_success(&h);
        else
            expect_conflict(&h);
    }
}

/* SLAAC-5.4.4-1, SLAAC-5.4.5-2: a copy of this machine has its MAC, too, and says so. */
static void advertisement_of_a_copy_of_the_host_is_a_duplicate(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 1);
    await_solicitation(&h);
    receive_advertisement(&h, .source = OWN6, .destination = mn_ipv6_all_nodes, .target = OWN6, .override = true,
                          .mac = OWN_MAC);
    expect_conflict(&h);
}

/* SLAAC-5.4.1-1: messages that are not valid do not count. */
static void invalid_messages_are_no_duplicates(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 1);
    await_solicitation(&h);
    const struct mnet_address group = mn_ipv6_solicited_node(&OWN6);
    receive_advertisement(&h, .destination = mn_ipv6_all_nodes, .target = OWN6, .hop_limit = 254);
    receive_solicitation(&h, .source = NONE6, .destination = group, .mac = NO_MAC, .hop_limit = 254);
    receive_solicitation(&h, .source = NONE6, .destination = group, .mac = PEER_MAC);
    receive_solicitation(&h, .source = NONE6, .destination = mn_ipv6_all_nodes, .mac = NO_MAC);
    assert_counted(&h, ND_DROP_INVALID, 4);
    expect_success(&h);
}

/* SLAAC-5.4.3-1, SLAAC-5.4.3-2: who asks for the address from another one gets no answer. */
static void solicitation_from_an_address_is_ignored(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 1);
    await_solicitation(&h);
    receive_solicitation(&h, .destination = mn_ipv6_solicited_node(&OWN6));
    assert_int_equal(h.ip.neighbours.count, 0);
    discard_reports6(&h);
    expect_silence(&h);
    expect_success(&h);
}

/* SLAAC-5.4-5 */
static void messages_to_the_address_itself_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 1);
    await_solicitation(&h);
    receive_solicitation(&h, .destination = OWN6);
    receive_advertisement(&h, .destination = OWN6, .target = OWN6, .solicited = true);
    discard_reports6(&h);
    expect_silence(&h);
    expect_success(&h);
}

/* SLAAC-5.4-4 */
static void tentative_address_is_neither_source_nor_destination(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 1);
    await_solicitation(&h);
    uint8_t echo[8] = {MN_ICMPV6_ECHO};
    receive_icmp6(&h, .payload = echo, .len = sizeof echo);
    assert_int_equal(receive_ip6(&h, .protocol = MN_PROTOCOL_TCP), MN_IP_CONSUMED);
    assert_int_equal(receive_ip6(&h, .protocol = MN_PROTOCOL_UDP), MN_IP_CONSUMED);
    receive_ip6(&h, .protocol = 253);
    struct mn_datagram datagram = {.source = OWN6, .destination = PEER6, .protocol = MN_PROTOCOL_UDP};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 8, 0), &datagram, h.now), MNET_E_UNREACHABLE);
    discard_reports6(&h);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ---- After a conflict ---- */

/* Starts a host in a group, whose link-local address is taken by another. */
static void lose_link_local(struct ip_host *h, const struct mn_ip_config *config)
{
    assert_int_equal(ip_host_start(h, config), 0);
    assert_int_equal(mn_ip_join(&h->ip, ADDRESS6(0xff05, 0, 0, 9), 0), 0);
    struct mnet_address own = h->ip.own[MN_OWN_LINK_LOCAL].prefix.address;
    receive_advertisement(h, .destination = mn_ipv6_all_nodes, .target = own);
}

/* SLAAC-5.4.5-2: IPv6 is off, for another host has our MAC. */
static void duplicate_of_the_mac_switches_ipv6_off(void **state)
{
    (void)state;
    for (int automatic = 0; automatic < 2; automatic++) {
        struct ip_host h;
        struct mn_ip_config config = automatic ? auto_config(&h) : ip6_host_config(&h);
        lose_link_local(&h, &config);
        assert_true(h.log_lines > 0);
        discard_sent6(&h);
        receive_ra(&h, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, 3600, 1800)});
        mn_ip_note_link_up(&h.ip, h.now);
        listen(&h, 20000);
        assert_int_equal(said_count, 0);
        assert_false(mn_ip_has_ipv6(&h.ip));
        assert_int_equal(receive_ip6(&h, .destination = mn_ipv6_all_nodes), MN_IP_CONSUMED);
        assert_int_equal(send6(&h, PEER6, 8), MNET_E_UNREACHABLE);
        assert_int_equal(send6(&h, PEER_LINK6, 8), MNET_E_UNREACHABLE);
        assert_int_equal(mn_ip_ipv6_state(&h.ip), automatic ? MN_IP_ADDRESS_NONE : MN_IP_ADDRESS_CONFLICT);
        ip_host_down(&h);
    }
}

/* An address may be ours earlier than the link-local one, whose solicitations came back, and a
 * neighbour asked for. With IPv6 off nobody asks any more, and no timer is left. */
static void switched_off_asks_for_no_neighbour(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h, 1, 1);
    struct mnet_address link_local = h.ip.own[MN_OWN_LINK_LOCAL].prefix.address;
    const struct dad_said *asked;
    while (listen(&h, 1), (asked = solicitation(link_local, 0)) == NULL)
        continue;
    receive_ip6(&h, .source = asked->source, .destination = asked->destination, .from = OWN_MAC,
                .protocol = MN_PROTOCOL_ICMPV6, .hop_limit = MN_ND_HOP_LIMIT, .payload = asked->message,
                .len = asked->len);
    while (!mn_ip_is_own(&h.ip, OWN6))
        pass_ms(&h, 1);
    assert_int_equal(send6(&h, PEER6, 8), 0);
    assert_int_equal(h.ip.neighbours.unresolved, 1);
    receive_advertisement(&h, .destination = mn_ipv6_all_nodes, .target = link_local);
    assert_int_equal(h.ip.neighbours.count, 0);
    discard_sent6(&h);
    listen(&h, 20000);
    assert_int_equal(said_count, 0);
    assert_int_equal(mn_ip_deadline(&h.ip), MNET_NEVER);
    ip_host_down(&h);
}

/* SLAAC-5.4.5-3: an address that does not follow from the MAC is followed by another one. */
static void duplicate_of_an_opaque_address_is_replaced(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = auto_config(&h);
    config.user.ipv6_identifier = MNET_IPV6_STABLE;
    lose_link_local(&h, &config);
    pass_ms(&h, 5000);
    const struct mn_own_address *own = &h.ip.own[MN_OWN_LINK_LOCAL];
    assert_int_equal(own->state, MN_IP_ADDRESS_OURS);
    assert_false(mnet_address_equal(own->prefix.address, OWN_LINK6));
    ip_host_down(&h);
}

/* ---- Deprecated ---- */

/* SLAAC-5.5.4-2, SLAAC-5.5.4-5, SEL-4-4, ICMP6-4.2-1: what has chosen a deprecated address, or
 * chooses it, goes on with it. A source that is no own address is refused. */
static void deprecated_address_can_be_chosen(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 1800, .mac = ROUTER_A_MAC,
               .prefixes = {PREFIX(NET_1, 3600, 10), PREFIX(NET_2, 3600, 1800)});
    pass_ms(&h, 11000);
    discard_sent6(&h);
    const struct mnet_address old = own_in(NET_1);
    assert_int_equal(state_of(&h, old), MN_IP_ADDRESS_DEPRECATED);
    struct mn_datagram datagram = {.source = old, .destination = PEER6, .protocol = MN_PROTOCOL_TCP};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 20, 0), &datagram, h.now), 0);
    receive_advertisement(&h, .destination = old, .solicited = true, .override = true);
    discard_reports6(&h);
    expect_solicitation(&h, PEER6, NO_MAC);
    assert_address6(expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_TCP)->ip.source, old);
    assert_int_equal(receive_ip6(&h, .destination = old, .protocol = MN_PROTOCOL_TCP), MN_IP_TRANSPORT);
    uint8_t echo[8] = {MN_ICMPV6_ECHO};
    receive_icmp6(&h, .destination = old, .payload = echo, .len = sizeof echo);
    assert_address6(expect_icmp6(&h, PEER6, MN_ICMPV6_ECHO_REPLY, 0)->ip.source, old);
    datagram.source = FAR6;
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 20, 0), &datagram, h.now), MNET_E_INVALID);
    expect_silence(&h);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_is_asked_for_as_often_as_configured),
        cmocka_unit_test(address_is_used_at_once_without_detection),
        cmocka_unit_test(each_address_of_an_identifier_is_asked_for),
        cmocka_unit_test(group_is_reported_before_the_solicitation),
        cmocka_unit_test(address_of_an_advertisement_is_asked_for_after_a_random_time),
        cmocka_unit_test(nothing_is_asked_while_the_link_is_down),
        cmocka_unit_test(solicitation_of_another_from_nowhere_is_a_duplicate),
        cmocka_unit_test(all_nodes_are_heard_from_the_beginning),
        cmocka_unit_test(own_solicitation_that_comes_back_is_no_duplicate),
        cmocka_unit_test(advertisement_for_it_is_a_duplicate),
        cmocka_unit_test(advertisement_of_a_copy_of_the_host_is_a_duplicate),
        cmocka_unit_test(invalid_messages_are_no_duplicates),
        cmocka_unit_test(solicitation_from_an_address_is_ignored),
        cmocka_unit_test(messages_to_the_address_itself_are_dropped),
        cmocka_unit_test(tentative_address_is_neither_source_nor_destination),
        cmocka_unit_test(destinations_are_sorted_by_the_addresses_of_the_moment),
        cmocka_unit_test(duplicate_of_the_mac_switches_ipv6_off),
        cmocka_unit_test(switched_off_asks_for_no_neighbour),
        cmocka_unit_test(duplicate_of_an_opaque_address_is_replaced),
        cmocka_unit_test(deprecated_address_can_be_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
