/* Packets and buffers: every walk over a packet is compared with a flat copy of its bytes. */
#include "unit/support.h"

#include <mnet/packet.h>

#include "base/memory.h"
#include "base/packet_metadata.h"
#include "base/packet_sum.h"

struct packet_fixture {
    void *region;
    struct mnet_memory *memory;
};

static int setup(void **state)
{
    static struct packet_fixture fixture;
    fixture.memory = test_memory(4 * 1024 * 1024, &fixture.region);
    *state = &fixture;
    return 0;
}

/* Every test gives all memory back. */
static int teardown(void **state)
{
    struct packet_fixture *f = *state;
    size_t used = mnet_memory_used(f->memory);
    free(f->region);
    return used == 0 ? 0 : -1;
}

static struct mnet_memory *memory_of(void **state)
{
    return ((struct packet_fixture *)*state)->memory;
}

/* Byte number i of every test packet. */
static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

/* Checks that the packet's bytes are the `len` ones from `from` on. */
static void assert_bytes(const struct mnet_packet *packet, size_t from, size_t len)
{
    assert_int_equal(packet->total, len);
    uint8_t *bytes = malloc(len + 1);
    mnet_packet_copy_out(packet, 0, bytes, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], byte_at(from + i));
    free(bytes);
}

static void put_bytes(struct mnet_packet *packet, size_t from, size_t len)
{
    uint8_t *to = mnet_packet_put(packet, len);
    for (size_t i = 0; i < len; i++)
        to[i] = byte_at(from + i);
}

static void add_bytes(struct mnet_packet *packet, size_t from, uint32_t len)
{
    struct mnet_buffer *buffer = mnet_buffer_alloc(packet->memory);
    for (size_t i = 0; i < len; i++)
        buffer->bytes[7 + i] = byte_at(from + i);
    assert_true(mnet_packet_add(packet, buffer, 7, len));
    mnet_buffer_free(buffer);
}

enum {
    PARTS = 7,
    WHOLE = 100 + 2000 + 1 + 300 + 50 + 16000 + 9,
};

/* Linear 100, fragments 2000 and 1; then `more`: linear 300; then linear 50, fragments 16000 and
 * 9. */
static struct mnet_packet *long_packet(struct mnet_memory *memory)
{
    struct mnet_packet *first = mnet_packet_alloc(memory), *second = mnet_packet_alloc(memory);
    struct mnet_packet *third = mnet_packet_alloc(memory);
    put_bytes(first, 0, 100);
    add_bytes(first, 100, 2000);
    add_bytes(first, 2100, 1);
    put_bytes(second, 2101, 300);
    put_bytes(third, 2401, 50);
    add_bytes(third, 2451, 16000);
    add_bytes(third, 18451, 9);
    second->more = third;
    second->total += third->total;
    first->more = second;
    first->total += second->total;
    return first;
}

static void alloc_gives_an_empty_packet_with_headroom(void **state)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
    assert_int_equal(packet->len, 0);
    assert_int_equal(packet->total, 0);
    assert_int_equal(packet->refs, 1);
    assert_int_equal(packet->segments, 1);
    assert_int_equal(packet->fragment_count, 0);
    assert_null(packet->more);
    assert_null(packet->next);
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    assert_int_equal(packet->gso, MNET_GSO_NONE);
    assert_int_equal(mnet_packet_headroom(packet), MNET_PACKET_HEADROOM);
    assert_int_equal(mnet_packet_tailroom(packet), MNET_PACKET_LINEAR);
    mnet_packet_free(packet);
}

static void alloc_after_free_gives_a_clean_packet(void **state)
{
    struct mnet_packet *packet = long_packet(memory_of(state));
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->gso_size = 9;
    packet->next = packet;
    packet->received_ns = 5;
    packet->segments = 77;
    mnet_packet_free(packet);
    packet = mnet_packet_alloc(memory_of(state));
    assert_int_equal(packet->total, 0);
    assert_int_equal(packet->fragment_count, 0);
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    assert_int_equal(packet->gso_size, 0);
    assert_int_equal(packet->segments, 1);
    assert_null(packet->more);
    assert_null(packet->next);
    assert_true(packet->received_ns == 0);
    mnet_packet_free(packet);
}

static void metadata_of_one_packet_passes_to_another(void **state)
{
    struct mnet_packet *from = mnet_packet_alloc(memory_of(state)), *to = mnet_packet_alloc(memory_of(state));
    from->checksum = MNET_CHECKSUM_PARTIAL;
    from->gso = MNET_GSO_TCPV6;
    from->gso_size = 1440;
    from->csum_start = 54;
    from->csum_offset = 16;
    from->segments = 44;
    mn_packet_set_metadata(to, mn_packet_metadata(from));
    assert_int_equal(to->checksum, MNET_CHECKSUM_PARTIAL);
    assert_int_equal(to->gso, MNET_GSO_TCPV6);
    assert_int_equal(to->gso_size, 1440);
    assert_int_equal(to->csum_start, 54);
    assert_int_equal(to->csum_offset, 16);
    assert_int_equal(to->segments, 44);
    assert_int_equal(to->total, 0);
    mnet_packet_free(from);
    mnet_packet_free(to);
}

static void hold_keeps_until_the_last_free(void **state)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
    put_bytes(packet, 0, 10);
    assert_ptr_equal(mnet_packet_hold(packet), packet);
    mnet_packet_free(packet);
    assert_bytes(packet, 0, 10);
    mnet_packet_free(packet);
    mnet_packet_free(NULL);
}

static void put_and_push_grow_both_ends_to_the_brim(void **state)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
    put_bytes(packet, MNET_PACKET_HEADROOM, MNET_PACKET_LINEAR);
    uint8_t *front = mnet_packet_push(packet, MNET_PACKET_HEADROOM);
    assert_ptr_equal(front, packet->data);
    for (size_t i = 0; i < MNET_PACKET_HEADROOM; i++)
        front[i] = byte_at(i);
    assert_int_equal(mnet_packet_headroom(packet), 0);
    assert_int_equal(mnet_packet_tailroom(packet), 0);
    assert_bytes(packet, 0, MNET_PACKET_HEADROOM + MNET_PACKET_LINEAR);
    mnet_packet_free(packet);
}

static void pull_any_length_leaves_the_rest(void **state)
{
    static const size_t edges[PARTS + 1] = {0, 100, 2100, 2101, 2401, 2451, 18451, WHOLE};
    for (size_t e = 0; e < MN_COUNT_OF(edges); e++)
        for (int around = -1; around <= 1; around++) {
            size_t len = edges[e] + (size_t)around;
            if (len > WHOLE) /* also -1 */
                continue;
            struct mnet_packet *packet = long_packet(memory_of(state));
            mnet_packet_pull(packet, len);
            assert_bytes(packet, len, WHOLE - len);
            mnet_packet_free(packet);
        }
}

static void pull_drops_what_it_has_consumed(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    struct mnet_packet *packet = long_packet(memory);
    assert_int_equal(memory->large_buffers.in_use, 4);
    mnet_packet_pull(packet, 2100);
    assert_int_equal(packet->len, 0);
    assert_int_equal(packet->fragment_count, 1);
    assert_int_equal(memory->large_buffers.in_use, 3);
    mnet_packet_pull(packet, 301);
    assert_int_equal(packet->fragment_count, 0);
    assert_int_equal(memory->large_buffers.in_use, 2);
    assert_int_equal(memory->packets.in_use, 2);
    mnet_packet_pull(packet, packet->total);
    assert_null(packet->more);
    assert_int_equal(memory->large_buffers.in_use, 0);
    assert_int_equal(memory->packets.in_use, 1);
    mnet_packet_free(packet);
}

static void pull_byte_by_byte_gives_every_byte(void **state)
{
    struct mnet_packet *packet = long_packet(memory_of(state));
    for (size_t i = 0; i < WHOLE; i++) {
        uint8_t byte;
        mnet_packet_copy_out(packet, 0, &byte, 1);
        assert_int_equal(byte, byte_at(i));
        mnet_packet_pull(packet, 1);
    }
    assert_int_equal(packet->total, 0);
    mnet_packet_free(packet);
}

static void trim_any_length_keeps_the_front(void **state)
{
    static const size_t edges[PARTS + 1] = {0, 100, 2100, 2101, 2401, 2451, 18451, WHOLE};
    for (size_t e = 0; e < MN_COUNT_OF(edges); e++)
        for (int around = -1; around <= 1; around++) {
            size_t len = edges[e] + (size_t)around;
            if (len > WHOLE)
                continue;
            struct mnet_packet *packet = long_packet(memory_of(state));
            mnet_packet_trim(packet, len);
            assert_bytes(packet, 0, len);
            struct mnet_slice slices[20];
            size_t listed = 0;
            for (int i = mnet_packet_slices(packet, slices, 20); i > 0; i--)
                listed += slices[i - 1].len;
            assert_int_equal(listed, len);
            mnet_packet_free(packet);
        }
}

static void trim_drops_what_is_behind(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    struct mnet_packet *packet = long_packet(memory);
    mnet_packet_trim(packet, 2401);
    assert_int_equal(memory->packets.in_use, 2);
    assert_int_equal(memory->large_buffers.in_use, 2);
    assert_int_equal(packet->more->total, 300);
    mnet_packet_trim(packet, 2100);
    assert_int_equal(memory->packets.in_use, 1);
    assert_int_equal(packet->fragment_count, 1);
    mnet_packet_trim(packet, 0);
    assert_int_equal(memory->large_buffers.in_use, 0);
    mnet_packet_free(packet);
}

/* A function that links packets may count only their own bytes in the totals after the first. */
static void trim_allows_inner_totals_of_their_own_bytes(void **state)
{
    struct mnet_packet *packet = long_packet(memory_of(state));
    packet->more->total = 300;
    mnet_packet_trim(packet, WHOLE - 1);
    assert_int_equal(packet->more->total, 300);
    assert_int_equal(packet->more->more->total, 50 + 16000 + 8);
    mnet_packet_trim(packet, 2101 + 299);
    assert_int_equal(packet->more->total, 299);
    assert_null(packet->more->more);
    mnet_packet_pull(packet, 2101);
    assert_int_equal(packet->more->total, 299);
    mnet_packet_free(packet);
}

static void copy_out_of_any_range(void **state)
{
    struct mnet_packet *packet = long_packet(memory_of(state));
    uint64_t seed = 31;
    uint8_t *bytes = malloc(WHOLE);
    for (int i = 0; i < 3000; i++) {
        size_t from = test_random_below(&seed, WHOLE + 1);
        size_t len = test_random_below(&seed, WHOLE - from + 1);
        if (i % 2 == 0)
            len = MN_MIN(len, 40);
        mnet_packet_copy_out(packet, from, bytes, len);
        for (size_t at = 0; at < len; at++)
            assert_int_equal(bytes[at], byte_at(from + at));
    }
    free(bytes);
    mnet_packet_free(packet);
}

static void copy_in_to_any_range(void **state)
{
    struct mnet_packet *packet = long_packet(memory_of(state));
    uint64_t seed = 32;
    uint8_t flat[WHOLE], piece[WHOLE], out[WHOLE];
    mnet_packet_copy_out(packet, 0, flat, WHOLE);
    for (int i = 0; i < 300; i++) {
        size_t to = test_random_below(&seed, WHOLE + 1), len = test_random_below(&seed, WHOLE - to + 1);
        test_random_bytes(&seed, piece, len);
        memcpy(flat + to, piece, len);
        mnet_packet_copy_in(packet, to, piece, len);
        mnet_packet_copy_out(packet, 0, out, WHOLE);
        assert_memory_equal(out, flat, WHOLE);
    }
    mnet_packet_free(packet);
}

static void slices_list_the_pieces_in_order(void **state)
{
    struct mnet_packet *packet = long_packet(memory_of(state));
    struct mnet_slice slices[10];
    static const size_t lens[PARTS] = {100, 2000, 1, 300, 50, 16000, 9};
    assert_int_equal(mnet_packet_slices(packet, slices, 10), PARTS);
    size_t at = 0;
    for (int i = 0; i < PARTS; i++) {
        assert_int_equal(slices[i].len, lens[i]);
        for (size_t byte = 0; byte < slices[i].len; byte++, at++)
            assert_int_equal(((const uint8_t *)slices[i].data)[byte], byte_at(at));
    }
    assert_int_equal(mnet_packet_slices(packet, slices, 3), 3);
    assert_int_equal(mnet_packet_slices(packet, slices, 0), 0);
    mnet_packet_pull(packet, 100);
    assert_int_equal(mnet_packet_slices(packet, slices, 10), PARTS - 1);
    mnet_packet_free(packet);
}

static void add_refuses_the_ninth_fragment(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    struct mnet_buffer *buffer = mnet_buffer_alloc(memory);
    for (uint32_t i = 0; i < MNET_PACKET_FRAGMENTS; i++)
        assert_true(mnet_packet_add(packet, buffer, i, 1));
    assert_false(mnet_packet_add(packet, buffer, 0, 1));
    assert_int_equal(buffer->refs, 1 + MNET_PACKET_FRAGMENTS);
    assert_int_equal(packet->total, MNET_PACKET_FRAGMENTS);
    mnet_packet_free(packet);
    assert_int_equal(buffer->refs, 1);
    mnet_buffer_free(buffer);
}

static void append_fills_the_linear_part_then_buffers(void **state)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
    uint8_t bytes[40000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = byte_at(i);
    size_t at = 0;
    static const size_t portions[] = {1, 0, 1500, 100, 1, 16320, 5000, 17000};
    for (size_t i = 0; i < MN_COUNT_OF(portions); i++) {
        assert_true(mnet_packet_append(packet, bytes + at, portions[i]));
        at += portions[i];
        assert_bytes(packet, 0, at);
    }
    assert_int_equal(packet->len, MNET_PACKET_LINEAR);
    assert_int_equal(packet->fragment_count, (at - MNET_PACKET_LINEAR + MNET_BUFFER_LARGE - 1) / MNET_BUFFER_LARGE);
    mnet_packet_free(packet);
}

static void append_does_not_write_into_shared_or_lent_buffers(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    static const char text[] = "lent text";
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    struct mnet_buffer *lent = mnet_buffer_lend(memory, text, sizeof(text), NULL, NULL);
    assert_true(mnet_packet_add(packet, lent, 0, 4));
    mnet_buffer_free(lent);
    assert_true(mnet_packet_append(packet, "abc", 3));
    assert_int_equal(packet->fragment_count, 2);
    struct mnet_buffer *shared = mnet_buffer_hold(packet->fragments[1].buffer);
    assert_true(mnet_packet_append(packet, "def", 3));
    assert_int_equal(packet->fragment_count, 3);
    mnet_buffer_free(shared);
    char all[10];
    mnet_packet_copy_out(packet, 0, all, 10);
    assert_memory_equal(all, "lentabcdef", 10);
    assert_string_equal(text, "lent text");
    mnet_packet_free(packet);
}

static void append_beyond_the_fragments_changes_nothing(void **state)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
    size_t most = MNET_PACKET_LINEAR + MNET_PACKET_FRAGMENTS * (size_t)MNET_BUFFER_LARGE;
    uint8_t *bytes = malloc(most + 1);
    for (size_t i = 0; i <= most; i++)
        bytes[i] = byte_at(i);
    assert_true(mnet_packet_append(packet, bytes, 1000));
    assert_false(mnet_packet_append(packet, bytes + 1000, most + 1 - 1000));
    assert_bytes(packet, 0, 1000);
    assert_int_equal(packet->fragment_count, 0);
    assert_true(mnet_packet_append(packet, bytes + 1000, most - 1000));
    assert_false(mnet_packet_append(packet, bytes, 1));
    assert_bytes(packet, 0, most);
    free(bytes);
    mnet_packet_free(packet);
}

/* Holds buffers until none is left for this side of the budget. */
static struct mnet_packet *use_up(struct mnet_memory *memory, bool sending)
{
    struct mnet_packet *holder = NULL;
    for (;;) {
        struct mnet_packet *packet = sending ? mnet_packet_alloc_tx(memory) : mnet_packet_alloc(memory);
        if (packet == NULL)
            return holder;
        packet->next = holder;
        holder = packet;
        for (struct mnet_buffer *buffer; packet->fragment_count < MNET_PACKET_FRAGMENTS;) {
            buffer = sending ? mnet_buffer_alloc_tx(memory, MNET_BUFFER_LARGE) : mnet_buffer_alloc(memory);
            if (buffer == NULL)
                break;
            mnet_packet_add(packet, buffer, 0, 1);
            mnet_buffer_free(buffer);
        }
    }
}

static void free_queue(struct mnet_packet *packet)
{
    while (packet != NULL) {
        struct mnet_packet *next = packet->next;
        mnet_packet_free(packet);
        packet = next;
    }
}

static void append_without_memory_changes_nothing(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    uint8_t bytes[5000] = {0};
    put_bytes(packet, 0, 1000);
    struct mnet_packet *holder = use_up(memory, false);
    assert_false(mnet_packet_append(packet, bytes, sizeof(bytes)));
    assert_bytes(packet, 0, 1000);
    assert_null(mnet_packet_alloc(memory));
    assert_null(mnet_buffer_alloc(memory));
    assert_null(mnet_buffer_alloc_tx(memory, 1));
    assert_null(mnet_buffer_lend(memory, bytes, 1, NULL, NULL));
    free_queue(holder);
    mnet_packet_free(packet);
}

static void sending_leaves_packets_for_receiving(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    struct mnet_packet *sending = mnet_packet_alloc_tx(memory);
    struct mnet_packet *holder = use_up(memory, true);
    uint8_t bytes[5000] = {0};
    assert_null(mnet_packet_alloc_tx(memory));
    assert_null(mnet_buffer_alloc_tx(memory, 1));
    assert_false(mnet_packet_append(sending, bytes, sizeof(bytes)));
    struct mnet_packet *received = mnet_packet_alloc(memory);
    assert_non_null(received);
    assert_true(mnet_packet_append(received, bytes, sizeof(bytes)));
    mnet_packet_free(received);
    mnet_packet_free(sending);
    free_queue(holder);
}

static void push_and_pull_move_the_partial_checksum(void **state)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
    put_bytes(packet, 0, 100);
    mnet_packet_push(packet, 20);
    assert_int_equal(packet->csum_start, 0); /* not PARTIAL: the field is unused */
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 20;
    mnet_packet_push(packet, 14);
    assert_int_equal(packet->csum_start, 34);
    mnet_packet_pull(packet, 14);
    assert_int_equal(packet->csum_start, 20);
    mnet_packet_pull(packet, 20);
    assert_int_equal(packet->csum_start, 0);
    mnet_packet_free(packet);
}

/* Makes the packet one that the device summed from `start` on. */
static void sum_from(struct mnet_packet *packet, uint16_t start)
{
    packet->checksum = MNET_CHECKSUM_SUMMED;
    packet->csum_start = start;
    packet->csum_value = mn_sum_fold(mn_packet_sum(packet, start));
}

/* The sum is still that of the bytes from csum_start on, however they lie. */
static void expect_right_sum(const struct mnet_packet *packet)
{
    assert_int_equal(packet->checksum, MNET_CHECKSUM_SUMMED);
    assert_int_equal(packet->csum_value % 0xffff, mn_sum_fold(mn_packet_sum(packet, packet->csum_start)) % 0xffff);
}

static void push_and_pull_keep_the_sum_right(void **state)
{
    for (uint16_t start = 0; start < 30; start++)
        for (size_t pulled = 0; pulled < 60; pulled++) {
            struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
            put_bytes(packet, start, 101);
            sum_from(packet, start);
            mnet_packet_pull(packet, pulled);
            assert_int_equal(packet->csum_start, pulled < start ? start - pulled : 0);
            expect_right_sum(packet);
            mnet_packet_push(packet, 7);
            expect_right_sum(packet);
            mnet_packet_pull(packet, 11);
            expect_right_sum(packet);
            mnet_packet_free(packet);
        }
}

static void sum_is_used_from_its_start_on(void **state)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
    put_bytes(packet, 3, 101);
    for (uint16_t start = 0; start < 20; start++)
        for (size_t from = 0; from <= 101; from++) {
            sum_from(packet, start);
            uint16_t right = mn_sum_fold(mn_packet_sum(packet, from));
            assert_int_equal(mn_sum_fold(mn_packet_sum_received(packet, from)) % 0xffff, right % 0xffff);
            packet->csum_value ^= 0x10; /* a wrong one is believed, and gives a wrong result */
            bool used = from >= start && (from - start) % 2 == 0;
            assert_true((mn_sum_fold(mn_packet_sum_received(packet, from)) % 0xffff == right % 0xffff) == !used);
        }
    mnet_packet_free(packet);
}

static void sum_ends_if_it_cannot_be_kept(void **state)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory_of(state));
    struct mnet_buffer *buffer = mnet_buffer_alloc(memory_of(state));
    put_bytes(packet, 0, 40);
    memset(buffer->bytes, 3, 100);
    mnet_packet_add(packet, buffer, 0, 100);
    mnet_buffer_free(buffer);
    sum_from(packet, 14);
    mnet_packet_trim(packet, packet->total); /* nothing is cut off */
    expect_right_sum(packet);
    mnet_packet_trim(packet, 130);
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    sum_from(packet, 14);
    mnet_packet_pull(packet, 40);
    expect_right_sum(packet);
    mnet_packet_pull(packet, 1);
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    mnet_packet_free(packet);
}

static void buffers_have_the_sizes_asked_for(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    static const size_t sizes[] = {0, 1, MNET_BUFFER_SMALL, MNET_BUFFER_SMALL + 1, MNET_BUFFER_LARGE};
    for (size_t i = 0; i < MN_COUNT_OF(sizes); i++) {
        struct mnet_buffer *buffer = mnet_buffer_alloc_tx(memory, sizes[i]);
        assert_int_equal(buffer->capacity, sizes[i] <= MNET_BUFFER_SMALL ? MNET_BUFFER_SMALL : MNET_BUFFER_LARGE);
        memset(buffer->bytes, 1, buffer->capacity);
        mnet_buffer_free(buffer);
    }
    assert_null(mnet_buffer_alloc_tx(memory, MNET_BUFFER_LARGE + 1));
    mnet_buffer_free(NULL);
}

static void count_release(void *context)
{
    ++*(int *)context;
}

static void lent_buffer_is_released_once_after_its_last_user(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    int released = 0;
    char bytes[10] = "012345678";
    struct mnet_buffer *buffer = mnet_buffer_lend(memory, bytes, 10, count_release, &released);
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    assert_int_equal(buffer->capacity, 10);
    assert_true(mnet_packet_add(packet, buffer, 2, 3));
    assert_true(mnet_packet_add(packet, buffer, 5, 5));
    mnet_buffer_free(buffer);
    mnet_packet_pull(packet, 3);
    assert_int_equal(released, 0);
    mnet_packet_free(packet);
    assert_int_equal(released, 1);
}

/* The release function may allocate: the descriptor is free before. */
static void lend_again(void *context)
{
    struct mnet_memory *memory = context;
    struct mnet_buffer *buffer = mnet_buffer_lend(memory, "x", 1, NULL, NULL);
    assert_non_null(buffer);
    assert_int_equal(memory->lent_buffers.in_use, 1);
    mnet_buffer_free(buffer);
}

static void release_may_use_the_memory(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    mnet_buffer_free(mnet_buffer_lend(memory, "y", 1, lend_again, memory));
}

static void pinned_counts_whole_blocks_once(void **state)
{
    struct mnet_memory *memory = memory_of(state);
    size_t block = memory->packets.object_size;
    struct mnet_packet *packet = long_packet(memory);
    assert_int_equal(mnet_packet_pinned(packet), 3 * block + 4 * memory->large_buffers.object_size);
    mnet_packet_pull(packet, 101);
    assert_int_equal(mnet_packet_pinned(packet), 3 * block + 4 * memory->large_buffers.object_size);
    mnet_packet_free(packet);

    packet = mnet_packet_alloc(memory);
    assert_int_equal(mnet_packet_pinned(packet), block);
    struct mnet_buffer *buffer = mnet_buffer_alloc(memory);
    mnet_packet_add(packet, buffer, 0, 10);
    mnet_packet_add(packet, buffer, 10, 10);
    mnet_buffer_free(buffer);
    assert_int_equal(mnet_packet_pinned(packet), block + memory->large_buffers.object_size);
    mnet_packet_free(packet);
}

#define WITH_MEMORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MEMORY(alloc_gives_an_empty_packet_with_headroom),
        WITH_MEMORY(alloc_after_free_gives_a_clean_packet),
        WITH_MEMORY(metadata_of_one_packet_passes_to_another),
        WITH_MEMORY(hold_keeps_until_the_last_free),
        WITH_MEMORY(put_and_push_grow_both_ends_to_the_brim),
        WITH_MEMORY(pull_any_length_leaves_the_rest),
        WITH_MEMORY(pull_drops_what_it_has_consumed),
        WITH_MEMORY(pull_byte_by_byte_gives_every_byte),
        WITH_MEMORY(trim_any_length_keeps_the_front),
        WITH_MEMORY(trim_drops_what_is_behind),
        WITH_MEMORY(trim_allows_inner_totals_of_their_own_bytes),
        WITH_MEMORY(copy_out_of_any_range),
        WITH_MEMORY(copy_in_to_any_range),
        WITH_MEMORY(slices_list_the_pieces_in_order),
        WITH_MEMORY(add_refuses_the_ninth_fragment),
        WITH_MEMORY(append_fills_the_linear_part_then_buffers),
        WITH_MEMORY(append_does_not_write_into_shared_or_lent_buffers),
        WITH_MEMORY(append_beyond_the_fragments_changes_nothing),
        WITH_MEMORY(append_without_memory_changes_nothing),
        WITH_MEMORY(sending_leaves_packets_for_receiving),
        WITH_MEMORY(push_and_pull_move_the_partial_checksum),
        WITH_MEMORY(push_and_pull_keep_the_sum_right),
        WITH_MEMORY(sum_is_used_from_its_start_on),
        WITH_MEMORY(sum_ends_if_it_cannot_be_kept),
        WITH_MEMORY(buffers_have_the_sizes_asked_for),
        WITH_MEMORY(lent_buffer_is_released_once_after_its_last_user),
        WITH_MEMORY(release_may_use_the_memory),
        WITH_MEMORY(pinned_counts_whole_blocks_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
