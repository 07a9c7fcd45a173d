#include "support/udp_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"

#define REGION (4u * 1024u * 1024u)

static bool ipv6; /* the family of the tests that run now */
struct mnet_address us, peer, stranger;

bool over_ipv6(void)
{
    return ipv6;
}

void use_ipv6(void)
{
    ipv6 = true;
}

static struct mnet_address host_of(bool family6, uint8_t number)
{
    struct mnet_address address = {.bytes = {0xfd, [15] = number}};
    return family6 ? address : mnet_ipv4(10, 0, 0, number);
}

struct mnet_address foreigner(void)
{
    return host_of(!ipv6, 9);
}

int udp_setup(void **state)
{
    static const uint8_t seed[MN_RANDOM_SEED] = {1};
    struct udp_fixture *f = calloc(1, sizeof *f);
    f->region = malloc(REGION);
    f->memory = mnet_memory_init(f->region, REGION);
    mn_random_init(&f->random, seed);
    struct mn_udp_config config = {
        .memory = f->memory, .counters = &f->counters, .random = &f->random, .user.endpoints_max = 8};
    assert_int_equal(mn_udp_init(&f->udp, &config), 0);
    us = host_of(ipv6, 1);
    peer = host_of(ipv6, 2);
    stranger = host_of(ipv6, 3);
    *state = f;
    return 0;
}

int udp_teardown(void **state)
{
    struct udp_fixture *f = *state;
    free(f->region);
    free(f);
    return 0;
}

uint64_t counted(const struct udp_fixture *f, enum mnet_counter counter)
{
    return f->counters.value[counter];
}

void open_port(struct udp_fixture *f, struct mn_udp_endpoint *endpoint, uint16_t port)
{
    struct mnet_udp_options options = {.local.port = port};
    assert_int_equal(mn_udp_open(&f->udp, endpoint, &options), 0);
}

struct mnet_packet *udp_output(struct udp_fixture *f, const struct mn_udp_endpoint *sender, struct mnet_address from,
                               struct mnet_endpoint to, const void *data, size_t len, struct mn_datagram *datagram)
{
    const struct mnet_udp_message message = {.remote = to, .local = from};
    const struct mnet_slice slice = {data, len};
    struct mn_udp_bytes bytes = {.slice = &slice, .left = len};
    struct mnet_packet *packet = mn_udp_output(&f->udp, sender, &message, &bytes, len, datagram);
    assert_int_equal(bytes.left, packet != NULL ? 0 : len);
    return packet;
}

struct mnet_packet *datagram_from(struct udp_fixture *f, struct mnet_address from, uint16_t port, const void *data,
                                  size_t len, struct mn_datagram *datagram)
{
    struct mn_udp_endpoint sender = {.local.port = 4000, .ttl = 63, .dscp = 10};
    struct mnet_packet *packet = udp_output(f, &sender, from, (struct mnet_endpoint){us, port}, data, len, datagram);
    assert_non_null(packet);
    uint16_t checksum = mn_checksum(mn_sum(0, packet->data, packet->len));
    assert_int_equal(packet->fragment_count, 0);
    memcpy(packet->data + 6, &checksum, sizeof checksum);
    packet->checksum = MNET_CHECKSUM_PLAIN;
    return packet;
}

enum mn_udp_verdict deliver(struct udp_fixture *f, struct mnet_address from, uint16_t port, const char *text)
{
    struct mn_datagram datagram;
    struct mnet_packet *packet = datagram_from(f, from, port, text, strlen(text), &datagram);
    enum mn_udp_verdict verdict = mn_udp_input(&f->udp, &datagram, packet);
    if (verdict == MN_UDP_NO_PORT)
        mnet_packet_free(packet);
    return verdict;
}

void expect_text(struct mn_udp_endpoint *endpoint, const char *text)
{
    char buffer[2048];
    assert_int_equal(mn_udp_receive(endpoint, buffer, sizeof buffer, NULL), strlen(text));
    assert_memory_equal(buffer, text, strlen(text));
}

void expect_nothing(struct mn_udp_endpoint *endpoint)
{
    char buffer[16];
    assert_int_equal(mn_udp_receive(endpoint, buffer, sizeof buffer, NULL), MNET_E_DEADLINE);
}

void report(struct udp_fixture *f, enum mn_unreachable reason, struct mnet_address remote, uint16_t remote_port)
{
    uint8_t quote[8] = {0, 53, (uint8_t)(remote_port >> 8), (uint8_t)remote_port, 0, 9, 0, 0};
    struct mn_icmp_error error = {
        .reason = reason,
        .protocol = MN_PROTOCOL_UDP,
        .local = us,
        .remote = remote,
        .quote = quote,
        .quote_len = sizeof quote,
    };
    mn_udp_icmp(&f->udp, &error);
}
