/* Cursors never go beyond the end, and stay failed after a failure. */
#include "unit/support.h"

#include "base/cursor.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};

static void reader_reads_network_order(void **state)
{
    (void)state;
    struct mn_reader r = mn_reader(bytes, sizeof(bytes));
    assert_int_equal(mn_reader_left(&r), 7);
    assert_int_equal(mn_read_u8(&r), 0x01);
    assert_int_equal(mn_read_u16(&r), 0x0203);
    assert_int_equal(mn_read_u32(&r), 0x04050607);
    assert_int_equal(mn_reader_left(&r), 0);
    assert_true(r.ok);
}

static void reader_past_the_end_fails_for_good(void **state)
{
    (void)state;
    for (size_t len = 0; len < 4; len++) {
        struct mn_reader r = mn_reader(bytes, len);
        assert_int_equal(mn_read_u32(&r), 0);
        assert_false(r.ok);
        assert_int_equal(mn_read_u8(&r), 0);
        assert_null(mn_read(&r, 0));
        assert_int_equal(mn_reader_left(&r), len);
    }
    struct mn_reader r = mn_reader(bytes, 1);
    assert_int_equal(mn_read_u16(&r), 0);
    assert_false(r.ok);
    r = mn_reader(bytes, 0);
    assert_int_equal(mn_read_u8(&r), 0);
    assert_false(r.ok);
    r = mn_reader(bytes, sizeof(bytes));
    assert_null(mn_read(&r, SIZE_MAX));
    assert_false(r.ok);
}

static void reader_gives_bytes_in_place(void **state)
{
    (void)state;
    struct mn_reader r = mn_reader(bytes, sizeof(bytes));
    assert_ptr_equal(mn_read(&r, 3), bytes);
    assert_ptr_equal(mn_read(&r, 0), bytes + 3);
    assert_ptr_equal(mn_read(&r, 4), bytes + 3);
    assert_ptr_equal(mn_read(&r, 0), bytes + 7);
    assert_true(r.ok);
    assert_null(mn_read(&r, 1));
}

static void writer_writes_network_order(void **state)
{
    (void)state;
    uint8_t out[9] = {0};
    struct mn_writer w = mn_writer(out, sizeof(out));
    mn_write_u8(&w, 0x01);
    mn_write_u16(&w, 0x0203);
    mn_write_u32(&w, 0x04050607);
    mn_write_bytes(&w, "xy", 2);
    assert_true(w.ok);
    assert_memory_equal(out, bytes, 7);
    assert_memory_equal(out + 7, "xy", 2);
}

static void writer_past_the_end_writes_nothing_and_fails_for_good(void **state)
{
    (void)state;
    for (size_t room = 0; room < 4; room++) {
        uint8_t out[4] = {0xee, 0xee, 0xee, 0xee};
        struct mn_writer w = mn_writer(out, room);
        mn_write_u32(&w, 0);
        assert_false(w.ok);
        mn_write_u8(&w, 0);
        mn_write_u16(&w, 0);
        mn_write_bytes(&w, "", 0);
        assert_null(mn_write(&w, 0));
        for (int i = 0; i < 4; i++)
            assert_int_equal(out[i], 0xee);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_reads_network_order),
        cmocka_unit_test(reader_past_the_end_fails_for_good),
        cmocka_unit_test(reader_gives_bytes_in_place),
        cmocka_unit_test(writer_writes_network_order),
        cmocka_unit_test(writer_past_the_end_writes_nothing_and_fails_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
