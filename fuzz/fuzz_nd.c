/* Neighbour discovery: a message that parses is valid, and its fields go out and come back. Its
 * options are walked to the end, and so are the lists in them. */
#include "fuzz/fuzz.h"

#include "wire/nd.h"

/* The first byte of the input chooses the addresses. */
static struct mn_datagram datagram_of(uint8_t choice)
{
    struct mn_datagram datagram = {.protocol = MN_PROTOCOL_ICMPV6, .ttl = MN_ND_HOP_LIMIT};
    static const uint8_t local[16] = {0xfe, 0x80, [15] = 1};
    if (choice & 1)
        memcpy(datagram.source.bytes, local, sizeof local);
    struct mnet_address to = {.bytes = {0xfe, 0x80, [15] = 2}};
    datagram.destination = choice & 2 ? mn_ipv6_all_nodes : choice & 4 ? mn_ipv6_solicited_node(&to) : to;
    return datagram;
}

static void round_trip(const struct mn_nd *message, const struct mn_datagram *datagram)
{
    uint8_t bytes[MN_ND_WRITE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    struct mn_nd back;
    mn_nd_write(&w, message);
    MN_ASSERT(w.ok);
    MN_ASSERT(mn_nd_parse(bytes, sizeof bytes - w.left, datagram, false, &back) == MN_PARSE_OK);
    MN_ASSERT(back.type == message->type && mnet_address_equal(back.target, message->target));
    MN_ASSERT(mnet_address_equal(back.destination, message->destination));
    MN_ASSERT(back.router == message->router && back.solicited == message->solicited);
    MN_ASSERT(back.override == message->override && back.hop_limit == message->hop_limit);
    MN_ASSERT(back.managed == message->managed && back.other == message->other);
    MN_ASSERT(back.preference == message->preference && back.mtu == message->mtu);
    MN_ASSERT(back.router_lifetime_s == message->router_lifetime_s && back.retrans_ms == message->retrans_ms);
    MN_ASSERT(back.has_link_address == message->has_link_address);
    MN_ASSERT(mn_mac_equal(back.link_address, message->link_address));
}

static void check_list(struct mn_nd_option *option)
{
    struct mnet_address server;
    char text[MN_DOMAIN];
    if (option->kind == MN_ND_DNS_SERVERS)
        while (mn_nd_next_server(&option->dns.list, &server))
            MN_ASSERT(!mnet_address_is_multicast(server) && !mnet_address_is_any(server));
    if (option->kind == MN_ND_DNS_DOMAINS)
        while (mn_domain_next(&option->dns.list, text))
            MN_ASSERT(text[0] != '\0' && strlen(text) < sizeof text);
    MN_ASSERT(option->dns.list.ok);
}

static void check_options(struct mn_reader options)
{
    struct mn_nd_option option;
    while (mn_nd_next(&options, &option)) {
        if (option.kind == MN_ND_PREFIX)
            MN_ASSERT(mnet_prefix_contains(option.prefix.prefix, option.prefix.prefix.address));
        else if (option.kind == MN_ND_ROUTE)
            MN_ASSERT(mnet_prefix_contains(option.route.prefix, option.route.prefix.address));
        else
            check_list(&option);
    }
    MN_ASSERT(options.ok && mn_reader_left(&options) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct mn_datagram datagram = datagram_of(data[0]);
    struct mn_nd message;
    uint8_t *bytes = fuzz_exact(data + 1, size - 1);
    if (mn_nd_parse(bytes, size - 1, &datagram, false, &message) == MN_PARSE_OK) {
        round_trip(&message, &datagram);
        check_options(message.options);
    }
    free(bytes);
    return 0;
}
