/* Solo5's device, and the seed on the command line, on a Solo5 made of arrays
 * (support/solo5/solo5.h). */
#include "ports/solo5/entropy.h"
#include "ports/solo5/solo5_port.h"
#include "stack/offload.h"
#include "unit/support.h"

#include <solo5.h>

#include <mnet/packet.h>

#define FRAMES 8
#define HANDLE 3

/* The host: frames to read, and frames written. */
static struct {
    size_t mtu;
    unsigned acquired;
    uint8_t bytes[70000];
    size_t waiting[FRAMES];
    unsigned waiting_count, read_count;
    uint8_t written[70000];
    size_t written_len;
    unsigned written_count;
    solo5_result_t write_result;
} host;

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle, struct solo5_net_info *info)
{
    if (strcmp(name, "service") != 0)
        return SOLO5_R_EINVAL;
    host.acquired++;
    *handle = HANDLE;
    *info = (struct solo5_net_info){.mac_address = {2, 0, 0, 0, 0, 7}, .mtu = host.mtu};
    return SOLO5_R_OK;
}

solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *to, size_t size, size_t *len)
{
    assert_int_equal(handle, HANDLE);
    assert_true(size >= host.mtu + SOLO5_NET_HLEN);
    if (host.read_count == host.waiting_count)
        return SOLO5_R_AGAIN;
    *len = host.waiting[host.read_count++];
    memcpy(to, host.bytes, *len);
    return SOLO5_R_OK;
}

solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *from, size_t size)
{
    assert_int_equal(handle, HANDLE);
    assert_true(size <= host.mtu + SOLO5_NET_HLEN);
    memcpy(host.written, from, size);
    host.written_len = size;
    host.written_count++;
    return host.write_result;
}

solo5_time_t solo5_clock_monotonic(void)
{
    return 1234;
}

void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready)
{
    (void)deadline;
    (void)ready;
}

static struct mn_solo5 machine;
static char region[4 * MNET_MEMORY_MINIMUM];
static char heap_region[512 * 1024];

static struct mnet_device *open_service(size_t mtu)
{
    char why[100] = "";
    memset(&host, 0, sizeof host);
    memset(&machine, 0, sizeof machine);
    for (size_t i = 0; i < sizeof host.bytes; i++)
        host.bytes[i] = (uint8_t)(i * 7 + i / 251);
    host.mtu = mtu;
    mn_heap_init(&machine.heap, NULL);
    mn_heap_add(&machine.heap, heap_region, sizeof heap_region);
    struct mnet_device *device = mn_solo5_open(&machine, "service", why, sizeof why);
    if (device != NULL)
        device->memory = mnet_memory_init(region, sizeof region);
    return device;
}

static void assert_bytes(const struct mnet_packet *packet, size_t len)
{
    static uint8_t got[70000];
    assert_int_equal(packet->total, len);
    mnet_packet_copy_out(packet, 0, got, len);
    assert_memory_equal(got, host.bytes, len);
}

/* ---- The device ---- */

static void open_tells_what_solo5_says(void **state)
{
    (void)state;
    struct mnet_device *device = open_service(1500);
    const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
    assert_non_null(device);
    assert_int_equal(device->mtu, 1500);
    assert_memory_equal(device->mac, mac, 6);
    assert_string_equal(device->name, "service");
    assert_int_equal(device->tx_offload, MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6);
    assert_int_equal(device->rx_offload, 0);
    assert_int_equal(device->fd, -1);
}

static void open_of_unknown_device_says_so(void **state)
{
    (void)state;
    char why[100] = "";
    open_service(1500);
    assert_null(mn_solo5_open(&machine, "other", why, sizeof why));
    assert_string_equal(why, "device \"other\": the manifest has no network device of this name");
    assert_null(mn_solo5_open(&machine, "", why, sizeof why));
    assert_null(mn_solo5_open(&machine, "a name that is longer than any in a manifest", why, sizeof why));
}

static void open_with_impossible_mtu_is_refused(void **state)
{
    (void)state;
    assert_null(open_service(575));
    assert_null(open_service(65536));
    assert_non_null(open_service(576));
    assert_non_null(open_service(65535));
}

/* Solo5 lets a device be acquired once. A stack may be destroyed and created again. */
static void closed_device_opens_again_without_acquiring(void **state)
{
    (void)state;
    char why[100] = "";
    struct mnet_device *device = open_service(1500);
    assert_null(mn_solo5_open(&machine, "service", why, sizeof why));
    assert_string_equal(why, "device \"service\": it is in use");
    device->ops->close(device);
    assert_ptr_equal(mn_solo5_open(&machine, "service", why, sizeof why), device);
    assert_int_equal(host.acquired, 1);
}

static void receive_takes_all_that_wait_up_to_the_limit(void **state)
{
    (void)state;
    struct mnet_packet *packets[FRAMES];
    struct mnet_device *device = open_service(1500);
    host.waiting[0] = 60;
    host.waiting[1] = 1514;
    host.waiting[2] = 61;
    host.waiting_count = 3;
    assert_int_equal(device->ops->rx(device, packets, 2), 2);
    assert_bytes(packets[0], 60);
    assert_bytes(packets[1], 1514);
    assert_int_equal(packets[0]->received_ns, 1234);
    assert_int_equal(packets[0]->fragment_count, 0);
    mnet_packet_free(packets[0]);
    mnet_packet_free(packets[1]);
    assert_int_equal(device->ops->rx(device, packets, FRAMES), 1);
    assert_bytes(packets[0], 61);
    mnet_packet_free(packets[0]);
    assert_int_equal(device->ops->rx(device, packets, FRAMES), 0);
    device->ops->close(device);
    assert_int_equal(mnet_memory_used(device->memory), 0);
}

static void receive_of_large_frames_goes_through_the_bounce_buffer(void **state)
{
    (void)state;
    struct mnet_packet *packets[FRAMES];
    struct mnet_device *device = open_service(65535);
    host.waiting[0] = 65535 + 14;
    host.waiting[1] = 60;
    host.waiting_count = 2;
    assert_int_equal(device->ops->rx(device, packets, FRAMES), 2);
    assert_bytes(packets[0], 65535 + 14);
    assert_bytes(packets[1], 60);
    mnet_packet_free(packets[0]);
    mnet_packet_free(packets[1]);
    device->ops->close(device);
    assert_int_equal(mnet_memory_used(device->memory), 0);
}

/* The queue must advance: otherwise the same frame would wake a waiting stack for ever. */
static void receive_without_memory_drops_and_counts(void **state)
{
    (void)state;
    struct mnet_packet *packets[FRAMES], *hoard = NULL, *packet;
    struct mnet_device *device = open_service(1500);
    while ((packet = mnet_packet_alloc(device->memory)) != NULL) {
        packet->next = hoard;
        hoard = packet;
    }
    host.waiting[0] = 60;
    host.waiting[1] = 1514;
    host.waiting_count = 2;
    assert_int_equal(device->ops->rx(device, packets, FRAMES), 0);
    assert_int_equal(host.read_count, 2);
    assert_int_equal(device->rx_dropped, 2);
    for (; hoard != NULL; hoard = packet) {
        packet = hoard->next;
        mnet_packet_free(hoard);
    }
    host.waiting_count = 3;
    host.waiting[2] = 62;
    assert_int_equal(device->ops->rx(device, packets, FRAMES), 1);
    assert_bytes(packets[0], 62);
    mnet_packet_free(packets[0]);
    device->ops->close(device);
}

static void send_puts_the_pieces_of_a_frame_together(void **state)
{
    (void)state;
    struct mnet_device *device = open_service(9000);
    struct mnet_packet *packets[2] = {mnet_packet_alloc(device->memory), mnet_packet_alloc(device->memory)};
    memcpy(mnet_packet_put(packets[0], 60), host.bytes, 60);
    assert_true(mnet_packet_append(packets[1], host.bytes, 9014));
    assert_true(packets[1]->fragment_count > 0);
    assert_int_equal(device->ops->tx(device, packets, 1), 1);
    assert_int_equal(host.written_len, 60);
    assert_memory_equal(host.written, host.bytes, 60);
    assert_int_equal(device->ops->tx(device, packets + 1, 1), 1);
    assert_int_equal(host.written_len, 9014);
    assert_memory_equal(host.written, host.bytes, 9014);
    assert_int_equal(mnet_memory_used(device->memory), 0);
    assert_int_equal(device->tx_dropped, 0);
}

/* Makes a segment of 3000 bytes of text over IPv4 that is to be cut every 1448 bytes. */
static struct mnet_packet *make_large(struct mnet_memory *memory)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    uint8_t *bytes = memset(mnet_packet_put(packet, 54), 0, 54);
    bytes[12] = 0x08; /* IPv4 */
    bytes[14] = 0x45;
    bytes[23] = 6;         /* TCP */
    bytes[14 + 32] = 0x50; /* 20 bytes of header */
    struct mnet_buffer *buffer = mnet_buffer_alloc(memory);
    memcpy(buffer->bytes, host.bytes, 3000);
    assert_true(mnet_packet_add(packet, buffer, 0, 3000));
    mnet_buffer_free(buffer);
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 34;
    packet->csum_offset = 16;
    packet->gso = MNET_GSO_TCPV4;
    packet->gso_size = 1448;
    return packet;
}

static void send_of_a_large_segment_writes_its_parts(void **state)
{
    (void)state;
    uint8_t expected[1514];
    struct mnet_device *device = open_service(1500);
    uint64_t seed = 3;
    test_random_bytes(&seed, host.bytes, sizeof host.bytes);
    struct mnet_packet *large = make_large(device->memory), *last = NULL;
    struct mn_segmenter segmenter;
    assert_true(mn_segmenter_init(&segmenter, large, device->memory));
    while (!mn_segmenter_done(&segmenter)) {
        mnet_packet_free(last);
        last = mn_segmenter_next(&segmenter);
    }
    assert_true(mn_offload_complete(last));
    mnet_packet_copy_out(last, 0, expected, last->total);
    assert_int_equal(device->ops->tx(device, &large, 1), 1);
    assert_int_equal(host.written_count, 3);
    assert_int_equal(host.written_len, last->total);
    assert_memory_equal(host.written, expected, last->total);
    mnet_packet_free(last);
    assert_int_equal(mnet_memory_used(device->memory), 0);
}

static void send_completes_checksums(void **state)
{
    (void)state;
    uint8_t expected[60];
    struct mnet_device *device = open_service(1500);
    for (size_t linear = 54; linear <= 60; linear += 6) {
        struct mnet_packet *packet = make_large(device->memory);
        packet->gso = MNET_GSO_NONE;
        packet->gso_size = 0;
        mnet_packet_trim(packet, 54);
        assert_true(mnet_packet_append(packet, "abcdef", linear - 54));
        struct mnet_packet *same = make_large(device->memory);
        mnet_packet_trim(same, 54);
        assert_true(mnet_packet_append(same, "abcdef", linear - 54));
        assert_true(mn_offload_complete(same));
        mnet_packet_copy_out(same, 0, expected, linear);
        mnet_packet_free(same);
        assert_int_equal(device->ops->tx(device, &packet, 1), 1);
        assert_int_equal(host.written_len, linear);
        assert_memory_equal(host.written, expected, linear);
    }
    assert_int_equal(mnet_memory_used(device->memory), 0);
}

/* On spt: the interface is down, or its queue is full. */
static void send_that_fails_is_counted(void **state)
{
    (void)state;
    struct mnet_device *device = open_service(1500);
    struct mnet_packet *packet = mnet_packet_alloc(device->memory);
    mnet_packet_put(packet, 60);
    host.write_result = SOLO5_R_EUNSPEC;
    assert_int_equal(device->ops->tx(device, &packet, 1), 1);
    assert_int_equal(device->tx_dropped, 1);
    assert_int_equal(mnet_memory_used(device->memory), 0);
}

static void frames_for_a_closed_device_are_taken_off_the_queue(void **state)
{
    (void)state;
    struct mnet_device *device = open_service(1500);
    host.waiting[0] = host.waiting[1] = 60;
    host.waiting_count = 2;
    mn_solo5_discard(&machine, UINT64_C(1) << HANDLE);
    assert_int_equal(host.read_count, 0); /* its stack will read them */
    device->ops->close(device);
    mn_solo5_discard(&machine, UINT64_C(1) << (HANDLE + 1));
    assert_int_equal(host.read_count, 0);
    mn_solo5_discard(&machine, UINT64_C(1) << HANDLE);
    assert_int_equal(host.read_count, 2);
}

/* ---- The seed ---- */

#define DIGITS "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static void seed_is_taken_out_of_the_command_line(void **state)
{
    (void)state;
    char line[] = "--ipv4=10.0.0.2/24 --entropy=" DIGITS " 80";
    uint8_t seed[MN_RANDOM_SEED];
    assert_int_equal(mn_entropy_take_option(line, seed), MN_ENTROPY_GIVEN);
    for (unsigned i = 0; i < MN_RANDOM_SEED; i++)
        assert_int_equal(seed[i], i);
    assert_null(strstr(line, "entropy"));
    assert_null(strstr(line, "0102"));
    assert_memory_equal(line, "--ipv4=10.0.0.2/24 ", 19);
    assert_string_equal(strrchr(line, ' '), " 80");
}

static void seed_that_is_not_there_is_absent(void **state)
{
    (void)state;
    uint8_t seed[MN_RANDOM_SEED];
    char empty[] = "", other[] = "x--entropy=" DIGITS " --entrop=1";
    assert_int_equal(mn_entropy_take_option(empty, seed), MN_ENTROPY_ABSENT);
    assert_int_equal(mn_entropy_take_option(other, seed), MN_ENTROPY_ABSENT);
    assert_string_equal(other, "x--entropy=" DIGITS " --entrop=1");
}

static void seed_of_wrong_form_is_refused(void **state)
{
    (void)state;
    uint8_t seed[MN_RANDOM_SEED];
    char empty[] = "--entropy=", shorter[] = "--entropy=" DIGITS, longer[] = "--entropy=" DIGITS "0",
         letter[] = "--entropy=" DIGITS, twice[] = "--entropy=1 --entropy=" DIGITS;
    shorter[sizeof shorter - 2] = '\0';
    letter[20] = 'g';
    assert_int_equal(mn_entropy_take_option(empty, seed), MN_ENTROPY_WRONG);
    assert_int_equal(mn_entropy_take_option(shorter, seed), MN_ENTROPY_WRONG);
    assert_int_equal(mn_entropy_take_option(longer, seed), MN_ENTROPY_WRONG);
    assert_int_equal(mn_entropy_take_option(letter, seed), MN_ENTROPY_WRONG);
    assert_int_equal(mn_entropy_take_option(twice, seed), MN_ENTROPY_WRONG);
    assert_null(strstr(twice, "entropy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_tells_what_solo5_says),
        cmocka_unit_test(open_of_unknown_device_says_so),
        cmocka_unit_test(open_with_impossible_mtu_is_refused),
        cmocka_unit_test(closed_device_opens_again_without_acquiring),
        cmocka_unit_test(receive_takes_all_that_wait_up_to_the_limit),
        cmocka_unit_test(receive_of_large_frames_goes_through_the_bounce_buffer),
        cmocka_unit_test(receive_without_memory_drops_and_counts),
        cmocka_unit_test(send_puts_the_pieces_of_a_frame_together),
        cmocka_unit_test(send_of_a_large_segment_writes_its_parts),
        cmocka_unit_test(send_completes_checksums),
        cmocka_unit_test(send_that_fails_is_counted),
        cmocka_unit_test(frames_for_a_closed_device_are_taken_off_the_queue),
        cmocka_unit_test(seed_is_taken_out_of_the_command_line),
        cmocka_unit_test(seed_that_is_not_there_is_absent),
        cmocka_unit_test(seed_of_wrong_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
