/* Faults of an earlier stack in UDP: tests, each of which fails if a stack has the fault, over
 * both families. The numbers are those of a list of such faults; test_ip_faults.c and
 * tests/tcp/test_tcp_faults.c have the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "support/family.h"
#include "support/world.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/udp.h"

#define PORT 53

/* An endpoint on each side. */
struct udp_ends {
    enum family family;
    struct mnet_udp *server, *client;
    struct mnet_endpoint to; /* the server's */
};

static struct mnet_address server_of(enum family family)
{
    return family == IPV4 ? WORLD_SERVER : family_host(IPV6, 10, 0, 0, 1);
}

static struct mnet_address client_of(enum family family)
{
    return family == IPV4 ? WORLD_CLIENT : family_host(IPV6, 10, 0, 0, 2);
}

static int open_ends(struct world *w, struct udp_ends *ends, enum family family)
{
    *ends = (struct udp_ends){.family = family, .to = {server_of(family), PORT}};
    CHECK_EQUAL(mnet_udp_open(w->server, &(struct mnet_udp_options){.local.port = PORT}, &ends->server), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &ends->client), 0);
    return 0;
}

static void close_ends(struct udp_ends *ends)
{
    mnet_udp_close(ends->server);
    mnet_udp_close(ends->client);
}

/* There was no queue: what came while nobody received was lost. The first one finds the
 * neighbour. */
static int datagrams_wait(struct world *w, struct udp_ends *ends)
{
    char bytes[8];
    CHECK_EQUAL(mnet_udp_send(ends->client, &ends->to, "x", 1, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_udp_receive(ends->server, bytes, sizeof bytes, NULL, in_ms(1000)), 1);
    for (char i = 0; i < 20; i++)
        CHECK_EQUAL(mnet_udp_send(ends->client, &ends->to, &i, 1, in_ms(1000)), 0);
    CHECK_EQUAL(sleep_ms(100), 0);
    for (char i = 0; i < 20; i++) {
        CHECK_EQUAL(mnet_udp_receive(ends->server, bytes, sizeof bytes, NULL, 0), 1);
        CHECK_EQUAL(bytes[0], i);
    }
    return 0;
}

/* Sends a datagram of one octet by hand; `wrong` spoils its checksum. */
static void send_by_hand(struct world *w, enum family family, uint16_t wrong)
{
    static const struct mn_mac server = {{2, 0, 0, 0, 0, 1}}, client = {{2, 0, 0, 0, 0, 2}};
    struct mnet_address from = client_of(family), to = server_of(family);
    uint8_t frame[MN_ETHERNET_HEADER + MN_IPV6_HEADER + MN_UDP_HEADER + 1] = {0};
    size_t header = family_ip_header(family), len = MN_UDP_HEADER + 1;
    uint8_t *ip = frame + MN_ETHERNET_HEADER, *udp = ip + header;
    uint16_t type = family == IPV4 ? MN_ETHERTYPE_IPV4 : MN_ETHERTYPE_IPV6;
    mn_ethernet_emit(frame, &(struct mn_ethernet){server, client, type});
    if (family == IPV4)
        mn_ipv4_emit(ip, &(struct mn_ipv4){.source = mnet_address_to_ipv4(from),
                                           .destination = mnet_address_to_ipv4(to),
                                           .total_len = (uint16_t)(header + len),
                                           .header_len = MN_IPV4_HEADER,
                                           .protocol = MN_PROTOCOL_UDP,
                                           .ttl = 64});
    else
        mn_ipv6_emit(ip, &(struct mn_ipv6){.source = from,
                                           .destination = to,
                                           .payload_len = (uint16_t)len,
                                           .next_header = MN_PROTOCOL_UDP,
                                           .hop_limit = 64});
    udp[MN_UDP_HEADER] = 'x';
    mn_udp_emit(udp, &(struct mn_udp_header){.source_port = 9, .destination_port = PORT, .length = (uint16_t)len});
    uint64_t sum = mn_sum_add(mn_pseudo_sum(&from, &to, MN_PROTOCOL_UDP, (uint32_t)len), mn_sum(0, udp, len));
    uint16_t checksum = mn_checksum(sum) ^ wrong;
    memcpy(udp + 6, &checksum, sizeof checksum);
    mnet_sim_send(w->client_host, frame, MN_ETHERNET_HEADER + header + len);
}

/* The checksum was not verified. */
static int checksum_is_verified(struct world *w, struct udp_ends *ends)
{
    char bytes[8];
    send_by_hand(w, ends->family, 0x0100);
    CHECK_EQUAL(mnet_udp_receive(ends->server, bytes, sizeof bytes, NULL, in_ms(100)), MNET_E_DEADLINE);
    send_by_hand(w, ends->family, 0);
    CHECK_EQUAL(mnet_udp_receive(ends->server, bytes, sizeof bytes, NULL, in_ms(100)), 1);
    CHECK_EQUAL(bytes[0], 'x');
    return 0;
}

/* A datagram that came in fragments ended the program. */
static int datagram_in_fragments_is_whole(struct world *w, struct udp_ends *ends)
{
    static char out[65000], in[65000];
    static const size_t lengths[] = {1452, 1453, 1472, 1473, 3000, 65000};
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (char)(i ^ i >> 8);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(in, 0, sizeof in);
        CHECK_EQUAL(mnet_udp_send(ends->client, &ends->to, out, lengths[i], in_ms(1000)), 0);
        CHECK_EQUAL(mnet_udp_receive(ends->server, in, sizeof in, NULL, in_ms(1000)), lengths[i]);
        CHECK(memcmp(in, out, lengths[i]) == 0);
    }
    return 0;
}

/* A part of a buffer was sent from the wrong place. */
static int part_of_a_buffer_is_sent(struct world *w, struct udp_ends *ends)
{
    static const char text[] = "0123456789abcdef";
    char bytes[32];
    for (size_t offset = 0; offset < 16; offset++) {
        for (size_t len = 0; offset + len <= 16; len++) {
            CHECK_EQUAL(mnet_udp_send(ends->client, &ends->to, text + offset, len, in_ms(1000)), 0);
            CHECK_EQUAL(mnet_udp_receive(ends->server, bytes, sizeof bytes, NULL, in_ms(1000)), len);
            CHECK(memcmp(bytes, text + offset, len) == 0);
        }
    }
    return 0;
}

static int in_both_families(struct world *w, int (*body)(struct world *w, struct udp_ends *ends))
{
    CHECK_EQUAL(sleep_ms(2100), 0); /* addresses of IPv6 are ours */
    for (int i = 0; i < 2; i++) {
        struct udp_ends ends;
        CHECK_EQUAL(open_ends(w, &ends, i == 0 ? IPV4 : IPV6), 0);
        CHECK_EQUAL(body(w, &ends), 0);
        close_ends(&ends);
    }
    return 0;
}

#define FAULT(name, body) \
    static int name##_in_both_families(struct world *w) \
    { \
        return in_both_families(w, body); \
    } \
    static void name(void **state) \
    { \
        (void)state; \
        struct world_options options = {0}; \
        options.server.ip.ipv6 = (struct mnet_prefix){server_of(IPV6), 64}; \
        options.client.ip.ipv6 = (struct mnet_prefix){client_of(IPV6), 64}; \
        world_run(name##_in_both_families, &options); \
    }
FAULT(fault_24_datagrams_wait_for_a_receiver, datagrams_wait)
FAULT(fault_24_wrong_checksum_is_dropped, checksum_is_verified)
FAULT(fault_24_datagram_in_fragments_arrives_whole, datagram_in_fragments_is_whole)
FAULT(fault_24_part_of_a_buffer_is_what_arrives, part_of_a_buffer_is_sent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_24_datagrams_wait_for_a_receiver),
        cmocka_unit_test(fault_24_wrong_checksum_is_dropped),
        cmocka_unit_test(fault_24_datagram_in_fragments_arrives_whole),
        cmocka_unit_test(fault_24_part_of_a_buffer_is_what_arrives),
    };
    return cmocka_run_group_tests_name("stack_faults", tests, NULL, NULL);
}
