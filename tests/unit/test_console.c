/* The console of the bare machine, on a line that accepts characters as the test says, in virtual
 * time. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#define PORT 0x3f8
#define TICK 1000 /* time for each read of the clock */

static struct {
    uint64_t now;
    uint64_t per_character; /* time that the line needs; UINT64_MAX: nobody reads */
    uint64_t ready;         /* time at which it can send again */
    char out[100000];
    size_t len;
    unsigned in_fifo, enabled;
    const char *typed; /* the received text */
} line;

static bool can_send(void)
{
    return line.in_fifo == 0 || (line.per_character != UINT64_MAX && line.now >= line.ready);
}

void mn_out8(uint16_t port, uint8_t value)
{
    if (port == PORT + 1)
        line.enabled = value;
    if (port != PORT || line.len == sizeof line.out)
        return;
    if (can_send())
        line.in_fifo = 0;
    assert_true(line.in_fifo < 16); /* otherwise characters are lost */
    line.ready = MN_MAX(line.ready, line.now) + line.per_character;
    line.in_fifo++;
    line.out[line.len++] = (char)value;
}

uint8_t mn_in8(uint16_t port)
{
    if (port == PORT + 2)
        return 0xc0 | !((line.enabled & 1 && *line.typed != '\0') || (line.enabled & 2 && can_send()));
    if (port == PORT + 5)
        return (uint8_t)((can_send() ? 0x60 : 0) | (*line.typed != '\0'));
    return port == PORT && *line.typed != '\0' ? (uint8_t)*line.typed++ : 0;
}

uint64_t mn_rdtsc(void)
{
    return line.now += TICK;
}

_Noreturn void mn_machine_exit(int status)
{
    exit(status);
}

/* Starts a line with this time for a character. It has accepted everything that came before. */
static void start(uint64_t per_character)
{
    line.per_character = 0;
    line.typed = "";
    mn_console_flush();
    memset(&line, 0, sizeof line);
    line.typed = "";
    mn_console_start();
    line.len = line.in_fifo = 0;
    line.per_character = per_character;
}

static void say(const char *text)
{
    mn_machine_print(text, strlen(text));
}

static void expect(const char *text)
{
    assert_int_equal(line.len, strlen(text));
    assert_memory_equal(line.out, text, line.len);
    line.len = 0;
}

/* Prints so many lines of 64 characters, with the return. Returns the longest time for a line. */
static uint64_t say_lines(unsigned count)
{
    uint64_t longest = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t before = line.now;
        say("0123456789 0123456789 0123456789 0123456789 0123456789 0123456\n");
        longest = MN_MAX(longest, line.now - before);
    }
    return longest;
}

static void quick_line_takes_all_at_once(void **state)
{
    (void)state;
    start(0);
    say("one\ntwo\n");
    expect("one\r\ntwo\r\n");
    assert_true(say_lines(1000) < 100 * TICK);
    assert_int_equal(line.len, 64000);
}

/* 115200 baud, at 2 GHz. */
static void slow_line_loses_nothing(void **state)
{
    (void)state;
    start(173600);
    say_lines(1000);
    mn_console_flush();
    assert_int_equal(line.len, 64000);
}

static void line_nobody_reads_costs_output_but_no_time(void **state)
{
    (void)state;
    start(UINT64_MAX);
    assert_true(say_lines(70) < 1000000000); /* the ring is full, and the line had its time */
    assert_true(say_lines(10000) < 100 * TICK);
    assert_true(line.len <= 16);
    uint64_t before = line.now;
    mn_console_flush();
    assert_true(line.now - before < 1000000000);
}

static void line_read_again_tells_what_was_lost(void **state)
{
    (void)state;
    start(UINT64_MAX);
    mn_console_listen(true);
    assert_int_equal(line.enabled, 1);
    say_lines(100); /* 6400 characters: 16 in the line, 4096 in the ring */
    assert_int_equal(line.enabled, 3);
    line.per_character = 0;
    assert_true(mn_console_interrupts());
    mn_console_send();
    static const char wanted[] = "\r\n[2288 characters were lost here]\r\n";
    assert_int_equal(line.len, 16 + 4096 + strlen(wanted));
    assert_memory_equal(line.out + 16 + 4096, wanted, strlen(wanted));
    assert_int_equal(line.enabled, 1);
    assert_false(mn_console_interrupts());
    line.len = 0;
    say("on\n");
    expect("on\r\n");
}

static void line_that_trickles_costs_little_time(void **state)
{
    (void)state;
    start(300000000);
    uint64_t before = line.now;
    say_lines(1000);
    assert_true(line.now - before < 2000000000);
    before = line.now;
    mn_console_flush();
    assert_true(line.now - before < UINT64_C(10000000000));
}

static void characters_are_read_while_they_come(void **state)
{
    (void)state;
    start(0);
    line.typed = "ab";
    mn_console_listen(true);
    assert_true(mn_console_interrupts());
    assert_int_equal(mn_console_read(), 'a');
    mn_console_listen(false); /* no room: the line is silent, except for text to send */
    assert_false(mn_console_interrupts());
    mn_console_listen(true);
    assert_int_equal(mn_console_read(), 'b');
    assert_int_equal(mn_console_read(), -1);
    assert_false(mn_console_interrupts());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_line_takes_all_at_once),
        cmocka_unit_test(slow_line_loses_nothing),
        cmocka_unit_test(line_nobody_reads_costs_output_but_no_time),
        cmocka_unit_test(line_read_again_tells_what_was_lost),
        cmocka_unit_test(line_that_trickles_costs_little_time),
        cmocka_unit_test(characters_are_read_while_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
