/* Merging received segments, over both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/packet_sum.h"
#include "base/random.h"
#include "stack/coalesce.h"
#include "stack/offload.h"
#include "tests/support/frame.h"
#include "wire/bytes.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

#define MEMORY ((size_t)8 << 20)
#define MOST 128

static struct mnet_memory *memory;
static uint8_t payload[200000];
static struct mnet_packet *frames[MOST];
static int count;
static bool ipv6;

static int set_up(void **state)
{
    (void)state;
    ipv6 = false;
    memory = test_memory(MEMORY);
    test_fill(payload, sizeof payload, 3);
    count = 0;
    return 0;
}

static int set_up_ipv6(void **state)
{
    set_up(state);
    ipv6 = true;
    return 0;
}

static void free_frames(void)
{
    while (count > 0)
        mnet_packet_free(frames[--count]);
}

static int tear_down(void **state)
{
    (void)state;
    free_frames();
    test_memory_free(memory);
    return 0;
}

/* Appends a frame whose payload is the `len` bytes of the stream at its sequence number. */
static struct mnet_packet *add(struct test_tcp tcp, size_t len)
{
    tcp.ipv6 = ipv6;
    frames[count] = test_tcp_frame(memory, &tcp, payload + tcp.seq, len);
    return frames[count++];
}

static void coalesce(void)
{
    count = mn_coalesce(frames, count);
}

/* The first byte of TCP's header. */
static const uint8_t *tcp_of(const struct mnet_packet *frame)
{
    return frame->data + frame->csum_start;
}

static uint16_t network_checksum(const uint8_t *ip)
{
    uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2)
        sum += mn_load_u16(ip + i);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Checks that the frame holds bytes `seq` to `seq + len` of the stream, in `segments` segments. */
static void expect(const struct mnet_packet *frame, uint32_t seq, size_t len, unsigned segments)
{
    uint8_t bytes[66000];
    uint32_t headers = test_headers(&(struct test_tcp){.ipv6 = ipv6});
    assert_int_equal(frame->total, headers + len);
    assert_int_equal(frame->segments, segments);
    assert_int_equal(mn_load_u32(tcp_of(frame) + 4), seq);
    if (ipv6) {
        assert_int_equal(mn_load_u16(frame->data + 18), 20 + len);
    } else {
        assert_int_equal(mn_load_u16(frame->data + 16), 40 + len);
        assert_int_equal(network_checksum(frame->data + 14), 0xffff);
    }
    mnet_packet_copy_out(frame, headers, bytes, len);
    assert_memory_equal(bytes, payload + seq, len);
    assert_int_equal(frame->checksum, segments > 1 ? MNET_CHECKSUM_VERIFIED : MNET_CHECKSUM_PLAIN);
}

static void run_in_order_becomes_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        add((struct test_tcp){.seq = 1460 * i,
                              .identification = (uint16_t)i,
                              .flags = i == 19 ? MN_TCP_ACK | MN_TCP_PSH : 0},
            1460);
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 29200, 20);
    assert_int_equal(tcp_of(frames[0])[13], MN_TCP_ACK | MN_TCP_PSH);
}

/* A priority tag makes no difference, if all frames of a run have it or some. */
static void run_of_priority_tagged_frames_becomes_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 12; i++) {
        struct mnet_packet *frame = add((struct test_tcp){.seq = 1000 * i}, 1000);
        if (i == 5)
            continue;
        mnet_packet_push(frame, 4);
        memmove(frame->data, frame->data + 4, 12);
        memcpy(frame->data + 12, "\x81\x00\x60\x00", 4);
    }
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 12000, 12);
}

static void run_of_odd_lengths_becomes_one(void **state)
{
    (void)state;
    uint32_t seq = 0;
    for (uint32_t i = 1; i < 30; i++) {
        add((struct test_tcp){.seq = seq}, i);
        seq += i;
    }
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, seq, 29);
}

static void run_stops_at_largest_packet(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 50; i++)
        add((struct test_tcp){.seq = 1460 * i}, 1460);
    coalesce();
    assert_int_equal(count, 2);
    expect(frames[0], 0, 44 * 1460, 44);
    expect(frames[1], 44 * 1460, 6 * 1460, 6);
}

static void run_stops_at_push(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 10);
    add((struct test_tcp){.seq = 10, .flags = MN_TCP_ACK | MN_TCP_PSH}, 10);
    add((struct test_tcp){.seq = 20}, 10);
    add((struct test_tcp){.seq = 30}, 10);
    coalesce();
    assert_int_equal(count, 2);
    expect(frames[0], 0, 20, 2);
    expect(frames[1], 20, 20, 2);
}

static void gap_and_duplicate_are_not_merged(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 10);
    add((struct test_tcp){.seq = 11}, 10);
    add((struct test_tcp){.seq = 11}, 10);
    coalesce();
    assert_int_equal(count, 3);
}

static void different_headers_are_not_merged(void **state)
{
    (void)state;
    static const uint8_t one[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    static const uint8_t two[] = {1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2};
    const struct test_tcp second[] = {
        {.ack = 1},
        {.window = 9},
        {.ttl = 9},
        {.tos = 3},
        {.tos = 0x10},
        {.may_fragment = true, .flow_label = 1},
        {.may_fragment = true, .flow_label = 0x00100},
        {.may_fragment = true, .flow_label = 0x80000},
        {.options = one, .options_len = 12},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(second); i++) {
        add((struct test_tcp){.seq = 0}, 10);
        struct test_tcp tcp = second[i];
        tcp.seq = 10;
        add(tcp, 10);
        coalesce();
        assert_int_equal(count, 2);
        free_frames();
    }
    add((struct test_tcp){.seq = 0, .options = one, .options_len = 12}, 10);
    add((struct test_tcp){.seq = 10, .options = two, .options_len = 12}, 10);
    add((struct test_tcp){.seq = 20, .options = two, .options_len = 12}, 10);
    coalesce();
    assert_int_equal(count, 2);
    assert_int_equal(frames[1]->segments, 2);
}

static void other_flags_are_not_merged_and_end_the_run(void **state)
{
    (void)state;
    const uint8_t flags[] = {
        MN_TCP_ACK | MN_TCP_FIN,
        MN_TCP_ACK | MN_TCP_URG,
        MN_TCP_ACK | MN_TCP_RST,
        MN_TCP_ACK | MN_TCP_SYN,
        MN_TCP_ACK | MN_TCP_ECE,
        MN_TCP_ACK | MN_TCP_CWR,
        MN_TCP_PSH,
    };
    for (unsigned i = 0; i < MN_COUNT_OF(flags); i++) {
        add((struct test_tcp){.seq = 0}, 10);
        add((struct test_tcp){.seq = 10, .flags = flags[i]}, 10);
        add((struct test_tcp){.seq = 10}, 10); /* must not overtake the frame before */
        coalesce();
        assert_int_equal(count, 3);
        free_frames();
    }
}

static void pure_acknowledgement_is_not_merged(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 0);
    add((struct test_tcp){.seq = 0}, 0);
    add((struct test_tcp){.seq = 0}, 10);
    add((struct test_tcp){.seq = 10}, 0);
    add((struct test_tcp){.seq = 10}, 10);
    coalesce();
    assert_int_equal(count, 5);
}

static void wrong_checksum_is_kept_apart(void **state)
{
    (void)state;
    for (int bad = 0; bad < 3; bad++) {
        for (uint32_t i = 0; i < 3; i++)
            add((struct test_tcp){.seq = 100 * i}, 100);
        frames[bad]->data[100] ^= 4;
        coalesce();
        assert_int_equal(count, bad == 1 ? 3 : 2);
        unsigned merged = 0, wrong = 0;
        for (int i = 0; i < count; i++) {
            merged += frames[i]->segments == 2;
            wrong += frames[i]->segments == 1 && !test_frame_ok(frames[i]);
            assert_true(frames[i]->segments == 1 || frames[i]->checksum == MNET_CHECKSUM_VERIFIED);
        }
        assert_int_equal(merged, bad == 1 ? 0 : 1);
        assert_int_equal(wrong, 1);
        free_frames();
    }
}

static void wrong_ip_checksum_is_kept_apart(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 100);
    add((struct test_tcp){.seq = 100}, 100)->data[25] ^= 1;
    coalesce();
    assert_int_equal(count, 2);
}

static void device_verified_is_believed(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 100)->checksum = MNET_CHECKSUM_PARTIAL;
    struct mnet_packet *frame = add((struct test_tcp){.seq = 100}, 100);
    frame->checksum = MNET_CHECKSUM_VERIFIED;
    frame->data[frame->csum_start + 16] ^= 1; /* the checksum field itself */
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 200, 2);
}

/* Makes the frame one that the device summed, from the end of the Ethernet header or from the TCP
 * header on. */
static void sum_frame(struct mnet_packet *frame, bool all)
{
    frame->checksum = MNET_CHECKSUM_SUMMED;
    frame->csum_start = (uint16_t)(all ? 14 : tcp_of(frame) - frame->data);
    frame->csum_value = mn_sum_fold(mn_packet_sum(frame, frame->csum_start));
}

static void device_sum_is_compared_with_the_checksum(void **state)
{
    (void)state;
    for (int bad = 0; bad < 4; bad++) { /* 0: none */
        for (uint32_t i = 0; i < 3; i++)
            add((struct test_tcp){.seq = 101 * i}, 101);
        if (bad > 0)
            frames[bad - 1]->data[100] ^= 4; /* before the device summed it */
        for (int i = 0; i < 3; i++)
            sum_frame(frames[i], i % 2 != 0);
        coalesce();
        assert_int_equal(count, bad == 0 ? 1 : bad == 2 ? 3 : 2);
        if (bad == 0)
            expect(frames[0], 0, 303, 3);
        free_frames();
    }
}

static void device_sum_ends_with_the_padding(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct mnet_packet *frame = add((struct test_tcp){.seq = i, .padding = 30}, 1);
        memset(frame->data + frame->len - 30, 0x5a, 30);
        sum_frame(frame, i != 0);
    }
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 2, 2);
}

static void connections_are_merged_apart(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        for (uint16_t c = 0; c < 6; c++)
            add((struct test_tcp){.seq = 100 * i, .source_port = (uint16_t)(2000 + c)}, 100);
    }
    coalesce();
    assert_int_equal(count, 6);
    for (uint16_t c = 0; c < 6; c++) {
        expect(frames[c], 0, 500, 5);
        assert_int_equal(mn_load_u16(tcp_of(frames[c])), 2000 + c);
    }
}

static void more_connections_than_runs_lose_nothing(void **state)
{
    (void)state;
    unsigned segments = 0;
    for (uint32_t i = 0; i < 4; i++) {
        for (uint16_t c = 0; c < 20; c++)
            add((struct test_tcp){.seq = 100 * i, .source = 0x0a000100u + c}, 100);
    }
    coalesce();
    for (int i = 0; i < count; i++)
        segments += frames[i]->segments;
    assert_int_equal(segments, 80);
}

static void padding_is_cut_off(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0, .padding = 3}, 3);
    add((struct test_tcp){.seq = 3, .padding = 2}, 4);
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 7, 2);
}

static void lengths_that_lie_are_left_alone(void **state)
{
    (void)state;
    struct mnet_packet *frame = NULL;
    for (int i = 0; i < 6; i++) {
        add((struct test_tcp){.seq = 0}, 100);
        frame = add((struct test_tcp){.seq = 100}, 100);
        switch (i) {
        case 0: mn_store_u16(frame->data + (ipv6 ? 18 : 16), 60000); break;
        case 1: mn_store_u16(frame->data + (ipv6 ? 18 : 16), 10); break;
        case 2: frame->data[frame->csum_start + 12] = 0xf0; break;
        case 3: frame->data[frame->csum_start + 12] = 0x10; break;
        case 4: mnet_packet_trim(frame, frame->csum_start + 26u); break;
        case 5: mn_store_u16(frame->data + (ipv6 ? 18 : 16), 65535); break;
        }
        coalesce();
        assert_int_equal(count, 2);
        free_frames();
    }
}

/* Behind the linear part lie bytes that are no part of the frame, and look as if they were. */
static void headers_in_two_pieces_are_left_alone(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 100);
    struct mnet_packet *frame = add((struct test_tcp){.seq = 100}, 100);
    struct mnet_buffer *buffer = mnet_buffer_alloc(memory);
    assert_non_null(buffer);
    uint32_t linear = frame->csum_start + 16u, rest = frame->total - linear;
    memcpy(buffer->bytes, frame->data + linear, rest);
    mnet_packet_trim(frame, linear);
    assert_true(mnet_packet_add(frame, buffer, 0, rest));
    mnet_buffer_free(buffer);
    coalesce();
    assert_int_equal(count, 2);
}

/* Options of IPv4, or extension headers of IPv6. */
static void fragments_and_options_of_ip_are_left_alone(void **state)
{
    (void)state;
    const uint8_t fragment = ipv6 ? MN_IPV6_FRAGMENT : 0x20; /* the next header; more fragments */
    add((struct test_tcp){.seq = 0}, 100)->data[20] = fragment;
    add((struct test_tcp){.seq = 100}, 100);
    add((struct test_tcp){.seq = 200, .ip_options = true}, 100);
    add((struct test_tcp){.seq = 300, .ip_options = true}, 100);
    coalesce();
    assert_int_equal(count, 4);
}

/* The type of the frame decides what its bytes are. */
static void packet_of_another_version_than_its_type_is_left_alone(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++)
        mn_store_u16(add((struct test_tcp){.seq = 100 * i}, 100)->data + 12,
                     ipv6 ? MN_ETHERTYPE_IPV4 : MN_ETHERTYPE_IPV6);
    coalesce();
    assert_int_equal(count, 2);
}

/* With the same ports, and the same bytes at the places of IPv4's addresses. */
static void families_are_merged_apart(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        ipv6 = i % 2 != 0;
        struct mnet_packet *frame = add((struct test_tcp){.seq = 100 * (i / 2)}, 100);
        frame->checksum = MNET_CHECKSUM_VERIFIED;
        memcpy(frame->data + 26, "\x0a\0\0\x01\x0a\0\0\x02", 8);
    }
    coalesce();
    assert_int_equal(count, 2);
    for (int i = 0; i < 2; i++) {
        ipv6 = i != 0;
        expect(frames[i], 0, 400, 4);
    }
}

static void one_frame_and_none_stay(void **state)
{
    (void)state;
    coalesce();
    assert_int_equal(count, 0);
    add((struct test_tcp){.seq = 0}, 100);
    coalesce();
    expect(frames[0], 0, 100, 1);
}

/* ---- Random segments ---- */

static struct mn_random random_source;

static uint32_t below(uint32_t limit)
{
    return mn_random_below(&random_source, limit);
}

static const uint8_t timestamps[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};

/* Header fields that are the same in all segments of a run. */
static struct test_tcp random_fields(void)
{
    struct test_tcp tcp = {
        .ipv6 = ipv6,
        .seq = (uint32_t)mn_random_u64(&random_source),
        .ack = (uint32_t)mn_random_u64(&random_source),
        .window = (uint16_t)(1 + below(65535)),
        .flags = below(2) ? MN_TCP_ACK : MN_TCP_ACK | MN_TCP_PSH,
        .ttl = (uint8_t)(1 + below(255)),
        .tos = (uint8_t)below(256),
        .identification = (uint16_t)below(65536),
        .flow_label = below(1u << 20),
        .options = timestamps,
        .options_len = below(2) ? sizeof timestamps : 0,
    };
    return tcp;
}

/* Cuts a large frame into complete segments, which become the frames of the batch. */
static void cut(const struct mnet_packet *large)
{
    struct mn_segmenter segmenter;
    assert_true(mn_segmenter_init(&segmenter, large, memory));
    while (!mn_segmenter_done(&segmenter)) {
        struct mnet_packet *segment = mn_segmenter_next(&segmenter);
        assert_true(segment != NULL && count < MOST);
        assert_true(mn_offload_complete(segment));
        assert_true(test_frame_ok(segment));
        frames[count++] = segment;
    }
}

static size_t bytes_of(const struct mnet_packet *frame, uint8_t *bytes)
{
    mnet_packet_copy_out(frame, 0, bytes, frame->total);
    return frame->total;
}

/* Merging the segments of a large frame gives the large frame, byte by byte but for its checksum,
 * and cutting that again gives the segments. */
static void cut_and_merge_give_the_same_bytes_back(void **state)
{
    (void)state;
    static uint8_t sent[66000], merged[66000], segments[MOST][4096];
    static const uint8_t seed[MN_RANDOM_SEED] = {12};
    mn_random_init(&random_source, seed);
    for (int round = 0; round < 100; round++) {
        struct test_tcp tcp = random_fields();
        uint16_t gso_size = (uint16_t)(1 + below(1400));
        size_t most = MN_MIN(65000u, 64u * gso_size);
        size_t len = gso_size + 1u + below((uint32_t)most - gso_size);
        size_t piece = 1 + below(16000);
        piece = MN_MAX(piece, len / 5 + 1); /* a packet has few fragments */
        struct mnet_packet *large = test_large_frame(memory, &tcp, payload, len, piece, gso_size);
        size_t total = bytes_of(large, sent), field = large->csum_start + 16u;
        cut(large);
        int cut_count = count;
        for (int i = 0; i < count; i++)
            bytes_of(frames[i], segments[i]);
        coalesce();
        assert_int_equal(count, 1);
        assert_int_equal(frames[0]->segments, cut_count);
        assert_int_equal(bytes_of(frames[0], merged), total);
        assert_memory_equal(merged, sent, field);
        assert_memory_equal(merged + field + 2, sent + field + 2, total - field - 2);
        mnet_packet_free(large);
        large = frames[0];
        count = 0;
        large->gso = ipv6 ? MNET_GSO_TCPV6 : MNET_GSO_TCPV4;
        large->gso_size = gso_size;
        cut(large);
        assert_int_equal(count, cut_count);
        for (int i = 0; i < count; i++)
            assert_memory_equal(segments[i], merged, bytes_of(frames[i], merged));
        mnet_packet_free(large);
        free_frames();
    }
}

#define CONNECTIONS 12

/* The bytes of a batch, for each connection in the order of its frames. */
struct streams {
    size_t len[CONNECTIONS];
    uint64_t hash[CONNECTIONS];
};

static void add_byte(struct streams *streams, unsigned connection, uint32_t seq, uint8_t byte)
{
    uint64_t *hash = &streams->hash[connection];
    *hash = (*hash ^ seq) * UINT64_C(0x100000001b3);
    *hash = (*hash ^ byte) * UINT64_C(0x100000001b3);
    streams->len[connection]++;
}

static void read_streams(struct streams *streams)
{
    static uint8_t bytes[66000];
    memset(streams, 0, sizeof *streams);
    for (int i = 0; i < count; i++) {
        size_t total = bytes_of(frames[i], bytes);
        const uint8_t *tcp = bytes + (mn_load_u16(bytes + 12) == MN_ETHERTYPE_IPV6 ? 54 : 34);
        size_t packet = 14u + (tcp == bytes + 54 ? 40u + mn_load_u16(bytes + 18) : mn_load_u16(bytes + 16));
        uint32_t seq = mn_load_u32(tcp + 4);
        assert_true(packet <= total);
        assert_true(frames[i]->segments == 1 || frames[i]->checksum == MNET_CHECKSUM_VERIFIED);
        for (const uint8_t *at = tcp + (tcp[12] >> 4) * 4; at < bytes + packet; at++)
            add_byte(streams, mn_load_u16(tcp) - 2000u, seq++, *at);
    }
}

/* Whatever comes in whatever order, each byte stays at its place in the order of its connection. */
static void random_batches_keep_every_byte_in_its_order(void **state)
{
    (void)state;
    static const uint8_t seed[MN_RANDOM_SEED] = {13};
    unsigned merged = 0;
    mn_random_init(&random_source, seed);
    for (int round = 0; round < 100; round++) {
        uint32_t next[CONNECTIONS] = {0}, connections = 1 + below(CONNECTIONS);
        struct streams before, after;
        for (int i = 0; i < 64; i++) {
            uint32_t connection = below(connections), len = below(1400);
            struct test_tcp tcp = {.seq = next[connection], .source_port = (uint16_t)(2000 + connection)};
            tcp.flags = below(10) == 0 ? MN_TCP_ACK | MN_TCP_PSH : MN_TCP_ACK;
            tcp.tos = below(30) == 0;
            tcp.padding = below(10) == 0 ? below(20) : 0;
            ipv6 = connection % 2 != 0;
            struct mnet_packet *frame = add(tcp, len);
            /* Some checksums are wrong, and a segment may come again or leave a gap. */
            if (below(20) == 0 && len > 0)
                frame->data[frame->csum_start + 20u + below(len)] ^= 0x10;
            if (below(10) != 0)
                next[connection] += len + (below(20) == 0);
        }
        read_streams(&before);
        coalesce();
        merged += 64u - (unsigned)count;
        read_streams(&after);
        assert_memory_equal(&before, &after, sizeof before);
        free_frames();
    }
    assert_in_range(merged, 400, 100 * 64);
}

#define IPV4(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define IPV6(name) cmocka_unit_test_setup_teardown(name, set_up_ipv6, tear_down)
#define BOTH(name) IPV4(name), IPV6(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(run_in_order_becomes_one),
        BOTH(run_of_priority_tagged_frames_becomes_one),
        BOTH(run_of_odd_lengths_becomes_one),
        BOTH(run_stops_at_largest_packet),
        BOTH(run_stops_at_push),
        BOTH(gap_and_duplicate_are_not_merged),
        BOTH(different_headers_are_not_merged),
        BOTH(other_flags_are_not_merged_and_end_the_run),
        BOTH(pure_acknowledgement_is_not_merged),
        BOTH(wrong_checksum_is_kept_apart),
        IPV4(wrong_ip_checksum_is_kept_apart),
        BOTH(device_verified_is_believed),
        BOTH(device_sum_is_compared_with_the_checksum),
        BOTH(device_sum_ends_with_the_padding),
        BOTH(connections_are_merged_apart),
        BOTH(more_connections_than_runs_lose_nothing),
        BOTH(padding_is_cut_off),
        BOTH(lengths_that_lie_are_left_alone),
        BOTH(headers_in_two_pieces_are_left_alone),
        BOTH(fragments_and_options_of_ip_are_left_alone),
        BOTH(packet_of_another_version_than_its_type_is_left_alone),
        IPV4(families_are_merged_apart),
        BOTH(one_frame_and_none_stay),
        BOTH(cut_and_merge_give_the_same_bytes_back),
        IPV4(random_batches_keep_every_byte_in_its_order),
    };
    return cmocka_run_group_tests_name("coalesce", tests, NULL, NULL);
}
