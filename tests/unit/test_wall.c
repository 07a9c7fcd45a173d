/* The time of day of the bare machine, on a clock of the test's own. Each test is a process: the
 * machine looks once. */
#include "support.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#define NOON UINT64_C(1790000000) /* 2026-09-21 14:13:20 UTC */

static struct {
    uint8_t registers[16], index;
    unsigned updating;          /* looks at register A that see an update */
    unsigned reads, changes_at; /* the second is over before this read; 0: never */
    bool absent, kvm;
    uint32_t kvm_seconds, kvm_nanoseconds;
    uint64_t now;
} host;

void mn_out8(uint16_t port, uint8_t value)
{
    assert_int_equal(port, 0x70);
    host.index = value;
}

uint8_t mn_in8(uint16_t port)
{
    assert_int_equal(port, 0x71);
    if (++host.reads == host.changes_at)
        host.registers[0] = 0x20;
    if (host.absent)
        return 0xff;
    if (host.index == 0x0a)
        return host.updating > 0 && host.updating-- > 0 ? 0x80 : 0;
    return host.registers[host.index];
}

void mn_wrmsr(uint32_t msr, uint64_t value)
{
    assert_int_equal(msr, 0x4b564d00);
    uint32_t record[3] = {2, host.kvm_seconds, host.kvm_nanoseconds};
    memcpy((void *)(uintptr_t)value, record, sizeof record);
}

uint64_t mn_machine_now(void)
{
    return host.now;
}

bool mn_clock_is_hosts(uint64_t *start)
{
    *start = 7 * MNET_SECOND;
    return host.kvm;
}

static const uint8_t decimal[16] = {
    [0] = 0x20, [2] = 0x13, [4] = 0x14, [7] = 0x21, [8] = 0x09, [9] = 0x26, [11] = 0x02};

/* Runs `test` in a process of its own. */
static void run(int (*test)(void))
{
    pid_t child = fork();
    int status;
    if (child == 0)
        _exit(test());
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0)
        fail_msg("line %d", WEXITSTATUS(status));
}

/* Lines of this file are less than 256. */
#define CHECK(condition) \
    do { \
        if (!(condition)) \
            return __LINE__; \
    } while (0)

static int read_decimal(void)
{
    memcpy(host.registers, decimal, sizeof decimal);
    host.now = MNET_SECOND;
    CHECK(mn_machine_wall() == NOON * MNET_SECOND + MNET_SECOND / 2);
    host.now += 90 * MNET_SECOND;
    host.absent = true; /* it is read once */
    CHECK(mn_machine_wall() == (NOON + 90) * MNET_SECOND + MNET_SECOND / 2);
    return 0;
}

static int read_binary_afternoon(void)
{
    static const uint8_t binary[16] = {[0] = 20, [2] = 13, [4] = 0x80 | 2, [7] = 21, [8] = 9, [9] = 26, [11] = 0x04};
    memcpy(host.registers, binary, sizeof binary);
    CHECK(mn_machine_wall() == NOON * MNET_SECOND + MNET_SECOND / 2);
    return 0;
}

static int read_midnight(void)
{
    static const uint8_t twelve[16] = {[0] = 0x00, [2] = 0x00, [4] = 0x12, [7] = 0x01, [8] = 0x01, [9] = 0x26};
    memcpy(host.registers, twelve, sizeof twelve);
    CHECK(mn_machine_wall() == UINT64_C(1767225600) * MNET_SECOND + MNET_SECOND / 2);
    return 0;
}

static int read_during_update(void)
{
    memcpy(host.registers, decimal, sizeof decimal);
    host.registers[0] = 0x19;
    host.updating = 100;
    host.changes_at = 100 + 1 + 7; /* as the second reading of the registers begins */
    CHECK(mn_machine_wall() == NOON * MNET_SECOND + MNET_SECOND / 2);
    return 0;
}

static int read_nothing(void)
{
    host.absent = true;
    CHECK(mn_machine_wall() == 0);
    host.absent = false;
    CHECK(mn_machine_wall() == 0);
    return 0;
}

static int read_nonsense(void)
{
    memcpy(host.registers, decimal, sizeof decimal);
    host.registers[8] = 0x13;
    CHECK(mn_machine_wall() == 0);
    return 0;
}

static int read_kvm(void)
{
    host.kvm = true;
    host.absent = true;
    host.kvm_seconds = (uint32_t)NOON;
    host.kvm_nanoseconds = 5;
    host.now = 3 * MNET_SECOND;
    CHECK(mn_machine_wall() == (NOON + 7 + 3) * MNET_SECOND + 5);
    return 0;
}

static int read_kvm_without(void)
{
    memcpy(host.registers, decimal, sizeof decimal);
    host.kvm = true;
    CHECK(mn_machine_wall() == NOON * MNET_SECOND + MNET_SECOND / 2);
    return 0;
}

static void clock_of_the_battery_is_read(void **state)
{
    (void)state;
    run(read_decimal);
    run(read_binary_afternoon);
    run(read_midnight);
    run(read_during_update);
}

static void clock_that_is_absent_or_wrong_is_not_believed(void **state)
{
    (void)state;
    run(read_nothing);
    run(read_nonsense);
}

static void host_knows_the_time(void **state)
{
    (void)state;
    run(read_kvm);
    run(read_kvm_without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_of_the_battery_is_read),
        cmocka_unit_test(clock_that_is_absent_or_wrong_is_not_believed),
        cmocka_unit_test(host_knows_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
