/* What the TAP device makes of the kernel's virtio_net_hdr: sound ones become metadata, others are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/tap/tap_internal.h"

#define FRAME 1000
#define TCP_AT 34 /* Ethernet and IPv4 without options */

static uint8_t region[4 * MNET_MEMORY_MINIMUM];

static struct mnet_packet *frame_of(size_t len)
{
    struct mnet_memory *memory = mnet_memory_init(region, sizeof region);
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    assert_non_null(packet);
    uint8_t *bytes = mnet_packet_put(packet, len);
    memset(bytes, 0, len);
    if (len > TCP_AT + 12) {
        bytes[TCP_AT + 12] = 8 << 4; /* a TCP header of 32 bytes */
    }
    return packet;
}

static struct virtio_net_hdr partial(uint16_t start, uint16_t offset)
{
    return (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = start, .csum_offset = offset};
}

static struct virtio_net_hdr large(uint16_t size)
{
    struct virtio_net_hdr header = partial(TCP_AT, 16);
    header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    header.gso_size = size;
    return header;
}

static void header_empty_leaves_packet_plain(void **state)
{
    (void)state;
    struct virtio_net_hdr header = {0};
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, packet));
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    assert_int_equal(packet->gso, MNET_GSO_NONE);
}

static void header_valid_flag_verifies(void **state)
{
    (void)state;
    struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, packet));
    assert_int_equal(packet->checksum, MNET_CHECKSUM_VERIFIED);
}

static void header_checksum_partial_at_last_place(void **state)
{
    (void)state;
    struct virtio_net_hdr header = partial(TCP_AT, FRAME - TCP_AT - 2);
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, packet));
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PARTIAL);
    assert_int_equal(packet->csum_start, TCP_AT);
    assert_int_equal(packet->csum_offset, FRAME - TCP_AT - 2);
}

static void header_checksum_outside_is_refused(void **state)
{
    (void)state;
    struct virtio_net_hdr headers[] = {partial(TCP_AT, FRAME - TCP_AT - 1), partial(FRAME, 0),
                                       partial(UINT16_MAX, UINT16_MAX), partial(0, 16), partial(TCP_AT - 1, 16)};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        assert_false(mn_vnet_to_packet(&headers[i], frame_of(FRAME)));
    }
}

static void header_large_counts_segments(void **state)
{
    (void)state;
    struct virtio_net_hdr header = large(100);
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, packet));
    assert_int_equal(packet->gso, MNET_GSO_TCPV4);
    assert_int_equal(packet->gso_size, 100);
    assert_int_equal(packet->segments, 10); /* 1000 - 34 - 32 = 934 bytes */
}

static void header_large_of_nonsense_is_refused(void **state)
{
    (void)state;
    struct virtio_net_hdr no_size = large(0), no_checksum = large(100), other_kind = large(100), not_tcp = large(100);
    no_checksum.flags = 0;
    other_kind.gso_type = VIRTIO_NET_HDR_GSO_UDP;
    not_tcp.csum_offset = 6;
    assert_false(mn_vnet_to_packet(&no_size, frame_of(FRAME)));
    assert_false(mn_vnet_to_packet(&no_checksum, frame_of(FRAME)));
    assert_false(mn_vnet_to_packet(&other_kind, frame_of(FRAME)));
    assert_false(mn_vnet_to_packet(&not_tcp, frame_of(FRAME)));
}

static void header_large_with_lying_data_offset_is_refused(void **state)
{
    (void)state;
    struct virtio_net_hdr header = large(100);
    struct mnet_packet *packet = frame_of(FRAME);
    packet->data[TCP_AT + 12] = 4 << 4;
    assert_false(mn_vnet_to_packet(&header, packet));
    packet = frame_of(TCP_AT + 40);
    packet->data[TCP_AT + 12] = 15 << 4;
    assert_false(mn_vnet_to_packet(&header, packet));
    assert_false(mn_vnet_to_packet(&header, frame_of(TCP_AT + 19)));
}

static void packet_and_header_say_the_same(void **state)
{
    (void)state;
    struct virtio_net_hdr header = large(500), again;
    struct mnet_packet *packet = frame_of(FRAME);
    assert_true(mn_vnet_to_packet(&header, packet));
    mn_vnet_from_packet(packet, &again);
    assert_int_equal(again.hdr_len, TCP_AT + 32);
    again.hdr_len = 0;
    assert_memory_equal(&again, &header, sizeof header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_empty_leaves_packet_plain),
        cmocka_unit_test(header_valid_flag_verifies),
        cmocka_unit_test(header_checksum_partial_at_last_place),
        cmocka_unit_test(header_checksum_outside_is_refused),
        cmocka_unit_test(header_large_counts_segments),
        cmocka_unit_test(header_large_of_nonsense_is_refused),
        cmocka_unit_test(header_large_with_lying_data_offset_is_refused),
        cmocka_unit_test(packet_and_header_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
