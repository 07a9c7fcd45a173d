/* Headers that come with frames of both families: sound ones become metadata, others are refused.
 * Metadata becomes headers again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/virtio_net.h>

#include "base/base.h"
#include "ports/common/little.h"
#include "ports/common/vnet.h"

#define ALL (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6)

#define FRAME 1000
#define TCP4_AT 34 /* Ethernet and IPv4 without options */
#define TCP_AT (ipv6 ? 54 : TCP4_AT)
#define GSO_TYPE (ipv6 ? MN_VNET_GSO_TCPV6 : MN_VNET_GSO_TCPV4)

static bool ipv6;

static int over_ipv4(void **state)
{
    (void)state;
    ipv6 = false;
    return 0;
}

static int over_ipv6(void **state)
{
    (void)state;
    ipv6 = true;
    return 0;
}

static uint8_t region[4 * MNET_MEMORY_MINIMUM];

static struct mnet_packet *frame_of(size_t len)
{
    struct mnet_memory *memory = mnet_memory_init(region, sizeof region);
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    assert_non_null(packet);
    uint8_t *bytes = mnet_packet_put(packet, len);
    memset(bytes, 0, len);
    if (len > TCP_AT + 12u)
        bytes[TCP_AT + 12] = 8 << 4; /* a TCP header of 32 bytes */
    return packet;
}

static struct mn_vnet_header partial(uint16_t start, uint16_t offset)
{
    return (struct mn_vnet_header){
        .flags = MN_VNET_NEEDS_CSUM, .csum_start = mn_little16(start), .csum_offset = mn_little16(offset)};
}

static struct mn_vnet_header large(uint16_t size)
{
    struct mn_vnet_header header = partial(TCP_AT, 16);
    header.gso_type = GSO_TYPE;
    header.gso_size = mn_little16(size);
    return header;
}

static void header_empty_leaves_packet_plain(void **state)
{
    (void)state;
    struct mn_vnet_header header = {0};
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, ALL, packet));
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    assert_int_equal(packet->gso, MNET_GSO_NONE);
}

static void header_valid_flag_verifies(void **state)
{
    (void)state;
    struct mn_vnet_header header = {.flags = MN_VNET_DATA_VALID};
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, ALL, packet));
    assert_int_equal(packet->checksum, MNET_CHECKSUM_VERIFIED);
}

static void header_checksum_partial_at_last_place(void **state)
{
    (void)state;
    struct mn_vnet_header header = partial(TCP_AT, FRAME - TCP_AT - 2);
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, ALL, packet));
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PARTIAL);
    assert_int_equal(packet->csum_start, TCP_AT);
    assert_int_equal(packet->csum_offset, FRAME - TCP_AT - 2);
}

static void header_checksum_outside_is_refused(void **state)
{
    (void)state;
    struct mn_vnet_header headers[] = {partial(TCP_AT, FRAME - TCP_AT - 1), partial(FRAME, 0),
                                       partial(UINT16_MAX, UINT16_MAX), partial(0, 16), partial(TCP4_AT - 1, 16)};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        assert_false(mn_vnet_to_packet(&headers[i], ALL, frame_of(FRAME)));
    }
}

static void header_large_counts_segments(void **state)
{
    (void)state;
    struct mn_vnet_header header = large(100);
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, ALL, packet));
    assert_int_equal(packet->gso, ipv6 ? MNET_GSO_TCPV6 : MNET_GSO_TCPV4);
    assert_int_equal(packet->gso_size, 100);
    assert_int_equal(packet->segments, 10); /* 1000 - 34 - 32 = 934 bytes, or 914 */
}

static void header_large_of_nonsense_is_refused(void **state)
{
    (void)state;
    struct mn_vnet_header no_size = large(0), no_checksum = large(100), other_kind = large(100), not_tcp = large(100);
    no_checksum.flags = 0;
    other_kind.gso_type = 3;
    not_tcp.csum_offset = mn_little16(6);
    assert_false(mn_vnet_to_packet(&no_size, ALL, frame_of(FRAME)));
    assert_false(mn_vnet_to_packet(&no_checksum, ALL, frame_of(FRAME)));
    assert_false(mn_vnet_to_packet(&other_kind, ALL, frame_of(FRAME)));
    assert_false(mn_vnet_to_packet(&not_tcp, ALL, frame_of(FRAME)));
}

static void header_large_with_lying_data_offset_is_refused(void **state)
{
    (void)state;
    struct mn_vnet_header header = large(100);
    struct mnet_packet *packet = frame_of(FRAME);
    packet->data[TCP_AT + 12] = 4 << 4;
    assert_false(mn_vnet_to_packet(&header, ALL, packet));
    packet = frame_of(TCP_AT + 40);
    packet->data[TCP_AT + 12] = 15 << 4;
    assert_false(mn_vnet_to_packet(&header, ALL, packet));
    assert_false(mn_vnet_to_packet(&header, ALL, frame_of(TCP_AT + 19)));
}

/* A TCP header where the IP header of the family still goes on. */
static void header_large_needs_room_for_its_ip_header(void **state)
{
    (void)state;
    for (uint16_t at = TCP4_AT; at <= 54; at++) {
        struct mn_vnet_header header = large(100);
        struct mnet_packet *packet = frame_of(FRAME);
        header.csum_start = mn_little16(at);
        packet->data[at + 12] = 8 << 4;
        assert_int_equal(mn_vnet_to_packet(&header, ALL, packet), at >= TCP_AT);
    }
}

static void packet_and_header_say_the_same(void **state)
{
    (void)state;
    struct mn_vnet_header header = large(500), again;
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, ALL, packet));
    mn_vnet_from_packet(packet, &again);
    assert_int_equal(mn_little16(again.hdr_len), TCP_AT + 32);
    again.hdr_len = 0;
    assert_memory_equal(&again, &header, sizeof header);
}

/* 5.1.6.4.1: features that were not negotiated are absent. */
static void header_of_what_was_not_agreed_on(void **state)
{
    (void)state;
    struct mn_vnet_header valid = {.flags = MN_VNET_DATA_VALID}, checksum = partial(TCP_AT, 16), gso = large(100);
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&valid, 0, packet));
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    assert_true(mn_vnet_to_packet(&checksum, 0, packet));
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    uint32_t other = ipv6 ? MNET_OFFLOAD_TSO4 : MNET_OFFLOAD_TSO6;
    assert_false(mn_vnet_to_packet(&gso, MNET_OFFLOAD_CHECKSUM | other, packet));
}

/* RFC 3168 6.1.2: CWR is on the first segment only, so the header tells the device that cuts
 * (5.1.6.2). */
static void packet_large_with_cwr_says_ecn(void **state)
{
    (void)state;
    struct mn_vnet_header header = large(500);
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, ALL, packet));
    packet->data[TCP_AT + 13] = 0x80;
    mn_vnet_from_packet(packet, &header);
    assert_int_equal(header.gso_type, GSO_TYPE | MN_VNET_GSO_ECN);
}

static void header_is_the_kernels(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct mn_vnet_header), sizeof(struct virtio_net_hdr));
    assert_int_equal(offsetof(struct mn_vnet_header, hdr_len), offsetof(struct virtio_net_hdr, hdr_len));
    assert_int_equal(offsetof(struct mn_vnet_header, gso_size), offsetof(struct virtio_net_hdr, gso_size));
    assert_int_equal(offsetof(struct mn_vnet_header, csum_offset), offsetof(struct virtio_net_hdr, csum_offset));
    assert_int_equal(MN_VNET_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(MN_VNET_DATA_VALID, VIRTIO_NET_HDR_F_DATA_VALID);
    assert_int_equal(MN_VNET_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(MN_VNET_GSO_TCPV6, VIRTIO_NET_HDR_GSO_TCPV6);
    assert_int_equal(MN_VNET_GSO_ECN, VIRTIO_NET_HDR_GSO_ECN);
}

#define BOTH(name) \
    cmocka_unit_test_setup_teardown(name, over_ipv4, NULL), cmocka_unit_test_setup_teardown(name, over_ipv6, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(header_empty_leaves_packet_plain),
        BOTH(header_valid_flag_verifies),
        BOTH(header_checksum_partial_at_last_place),
        BOTH(header_checksum_outside_is_refused),
        BOTH(header_large_counts_segments),
        BOTH(header_large_of_nonsense_is_refused),
        BOTH(header_large_with_lying_data_offset_is_refused),
        BOTH(header_large_needs_room_for_its_ip_header),
        BOTH(packet_and_header_say_the_same),
        BOTH(header_of_what_was_not_agreed_on),
        BOTH(packet_large_with_cwr_says_ecn),
        cmocka_unit_test(header_is_the_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
