/* The clock of the bare machine, in virtual time, on a host that takes the processor away at
 * times. */
#include "support.h"

#include <string.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#define HZ UINT64_C(2500000000) /* of the time stamp counter */
#define PIT_HZ 1193182u
#define ACPI_HZ 3579545u
#define ACPI_PORT 0x608
/* The cost of reading a clock, in time stamps. */
#define ACCESS 2000

static struct {
    uint64_t now;    /* in time stamps */
    uint64_t seed;   /* for the stalls; 0: no stalls */
    unsigned one_in; /* one in so many accesses stalls */
    uint64_t stall;  /* the longest stall, in time stamps */
    unsigned accesses;
    bool pit_stopped, acpi_stopped;
    uint16_t latch;
    bool high;        /* the latch's upper byte is next */
    uint64_t started; /* start of the PIT's count */
    uint32_t kvm_features, told_khz;
} host;

/* Lets time pass, and more of it if the host is busy. */
static void pass(void)
{
    host.now += ACCESS / 2;
    host.accesses++;
    if (host.one_in > 0 && test_random_below(&host.seed, host.one_in) == 0)
        host.now += test_random_below(&host.seed, host.stall);
}

static uint64_t counts(uint64_t hz)
{
    return (uint64_t)((double)host.now * (double)hz / (double)HZ);
}

void mn_out8(uint16_t port, uint8_t value)
{
    pass();
    if (port == 0x43 && value == 0) {
        host.latch = host.pit_stopped ? 0 : (uint16_t)-counts(PIT_HZ);
        host.high = false;
    }
    pass();
}

uint8_t mn_in8(uint16_t port)
{
    (void)port;
    pass();
    uint8_t value = (uint8_t)(host.latch >> (host.high ? 8 : 0));
    host.high = !host.high;
    pass();
    return value;
}

uint32_t mn_in32(uint16_t port)
{
    assert_int_equal(port, ACPI_PORT);
    pass();
    uint32_t value = host.acpi_stopped ? 0 : (uint32_t)counts(ACPI_HZ) & 0xffffff;
    pass();
    return value;
}

uint64_t mn_rdtsc(void)
{
    host.now += 20;
    return host.now;
}

void mn_wrmsr(uint32_t msr, uint64_t value)
{
    (void)msr;
    (void)value;
}

struct mn_cpuid mn_cpuid_any(uint32_t leaf, uint32_t subleaf)
{
    (void)subleaf;
    struct mn_cpuid id = {0, 0, 0, 0};
    if (leaf == 0x40000000)
        id.a = host.told_khz != 0 ? 0x40000010 : 0;
    if (leaf == 0x40000010)
        id.a = host.told_khz;
    if (leaf == 1)
        id.c = host.told_khz != 0 ? UINT32_C(1) << 31 : 0;
    return id;
}

struct mn_cpuid mn_cpuid(uint32_t leaf)
{
    return mn_cpuid_any(leaf, 0);
}

/* Starts the clock on `host`, with the ACPI timer or without. Returns the frequency that it found,
 * or 0. */
static uint64_t start(bool acpi_timer)
{
    const struct mn_acpi acpi = {.timer_port = acpi_timer ? ACPI_PORT : 0};
    host.now += 1000000;
    return mn_clock_start(&acpi, host.now) ? mn_clock_ticks(MNET_SECOND) : 0;
}

static void assert_near(uint64_t hz)
{
    if (hz < HZ - HZ / 1000 || hz > HZ + HZ / 1000)
        fail_msg("%llu Hz instead of %llu", (unsigned long long)hz, (unsigned long long)HZ);
}

static void quiet_host_is_measured_twice(void **state)
{
    (void)state;
    for (int acpi = 0; acpi < 2; acpi++) {
        memset(&host, 0, sizeof host);
        uint64_t before = host.now;
        assert_near(start(acpi));
        assert_true(host.now - before < HZ / 1000 * 12); /* 5 ms each */
    }
}

/* A stall of more than 55 ms, or 4.7 s, takes the reference round once or more often. */
static void busy_host_is_measured_until_two_agree(void **state)
{
    (void)state;
    for (int acpi = 0; acpi < 2; acpi++) {
        for (unsigned run = 1; run < 200; run++) {
            memset(&host, 0, sizeof host);
            host.seed = run;
            host.one_in = acpi ? 20000 : 15000;
            host.stall = acpi ? 20 * HZ : HZ / 4;
            assert_near(start(acpi));
        }
    }
}

/* Frequent short stalls: the measurement ends, with the best result. */
static void host_that_never_rests_is_bounded(void **state)
{
    (void)state;
    for (unsigned run = 1; run < 50; run++) {
        memset(&host, 0, sizeof host);
        host.seed = run;
        host.one_in = 20;
        host.stall = HZ / 1000;
        uint64_t hz = start(true);
        assert_in_range(hz, HZ / 10 * 9, HZ / 10 * 11);
        assert_true(host.now < HZ); /* a second */
    }
}

static void stopped_references_are_no_clock(void **state)
{
    (void)state;
    memset(&host, 0, sizeof host);
    host.acpi_stopped = true;
    assert_near(start(true)); /* the PIT is there */
    host.pit_stopped = true;
    assert_int_equal(start(true), 0);
    host.told_khz = HZ / 1000; /* CPUID says it */
    assert_near(start(true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_host_is_measured_twice),
        cmocka_unit_test(busy_host_is_measured_until_two_agree),
        cmocka_unit_test(host_that_never_rests_is_bounded),
        cmocka_unit_test(stopped_references_are_no_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
