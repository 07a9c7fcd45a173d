/* The time of day. KVM says when its clock began; other machines have the real-time clock of PCs
 * (MC146818), which counts seconds in UTC. Either is read once. From then on the machine's own
 * clock counts.
 */
#include <string.h>

#include "base/date.h"
#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#define KVM_MSR_WALL_CLOCK 0x4b564d00u /* Linux, Documentation/virt/kvm/x86/msr.rst */

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b
#define RTC_UPDATING 0x80 /* in A: the registers change in a moment */
#define RTC_24_HOURS 0x02 /* in B */
#define RTC_BINARY 0x04   /* in B; else decimal digits */
#define RTC_PM 0x80       /* in the hour */
#define RTC_LOOKS 100000u /* it updates for 2 ms at most */

/* The host's record: the time of day at time 0 of its clock. */
struct kvm_wall {
    uint32_t version, seconds, nanoseconds;
};

static struct wall_machine {
    volatile struct kvm_wall kvm __attribute__((aligned(64)));
    bool looked;
    uint64_t start; /* the time of day at time 0; 0: not known */
} machine;

/* ---- KVM ---- */

static uint64_t kvm_start(uint64_t clock_start)
{
    mn_wrmsr(KVM_MSR_WALL_CLOCK, mn_machine_physical(&machine.kvm));
    if (machine.kvm.seconds == 0 || machine.kvm.nanoseconds >= MNET_SECOND)
        return 0;
    return machine.kvm.seconds * MNET_SECOND + machine.kvm.nanoseconds + clock_start;
}

/* ---- The real-time clock ---- */

static uint8_t read_register(uint8_t index)
{
    mn_out8(RTC_INDEX, index);
    return mn_in8(RTC_DATA);
}

struct rtc_reading {
    uint8_t second, minute, hour, day, month, year;
};

/* Reads all registers twice, until they are the same and do not change in between. */
static bool read_steady(struct rtc_reading *reading)
{
    static const uint8_t registers[] = {0, 2, 4, 7, 8, 9};
    uint8_t values[2][sizeof registers];
    for (unsigned looks = 0; looks < RTC_LOOKS; looks++) {
        if ((read_register(RTC_STATUS_A) & RTC_UPDATING) != 0)
            continue;
        for (unsigned i = 0; i < 2 * sizeof registers; i++)
            values[i / sizeof registers][i % sizeof registers] = read_register(registers[i % sizeof registers]);
        if (memcmp(values[0], values[1], sizeof registers) == 0) {
            memcpy(reading, values[0], sizeof *reading);
            return true;
        }
    }
    return false;
}

/* The value of a register, or 255 if it is none. */
static unsigned value_of(uint8_t digits, bool binary)
{
    if (binary)
        return digits;
    return digits >> 4 < 10 && (digits & 15) < 10 ? (digits >> 4) * 10u + (digits & 15) : 255;
}

static unsigned hour_of(uint8_t digits, uint8_t status)
{
    bool binary = (status & RTC_BINARY) != 0;
    if ((status & RTC_24_HOURS) != 0)
        return value_of(digits, binary);
    return value_of(digits & (uint8_t)~RTC_PM, binary) % 12 + ((digits & RTC_PM) != 0 ? 12 : 0);
}

/* Returns the time of day, or 0. The second may be over in a moment, or just have begun: half of
 * one is added. */
static uint64_t read_rtc(void)
{
    struct rtc_reading reading;
    if (!read_steady(&reading))
        return 0;
    uint8_t status = read_register(RTC_STATUS_B);
    bool binary = (status & RTC_BINARY) != 0;
    struct mnet_date date = {
        .year = 2000 + value_of(reading.year, binary),
        .month = value_of(reading.month, binary),
        .day = value_of(reading.day, binary),
        .hour = hour_of(reading.hour, status),
        .minute = value_of(reading.minute, binary),
        .second = value_of(reading.second, binary),
    };
    if (date.year > 2099 || date.month - 1 > 11 || date.day - 1 > 30 || date.hour > 23 || date.minute > 59 ||
        date.second > 60)
        return 0;
    return mn_date_seconds(&date) * MNET_SECOND + MNET_SECOND / 2;
}

uint64_t mn_machine_wall(void)
{
    uint64_t clock_start;
    if (!machine.looked) {
        machine.looked = true;
        if (mn_clock_is_hosts(&clock_start))
            machine.start = kvm_start(clock_start);
        uint64_t rtc = machine.start == 0 ? read_rtc() : 0;
        if (rtc != 0)
            machine.start = rtc - mn_machine_now();
    }
    return machine.start != 0 ? machine.start + mn_machine_now() : 0;
}
