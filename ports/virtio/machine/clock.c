/* Time: the processor's time stamp counter, and how fast it counts.
 *
 * Under KVM the host says so in a page of memory, and keeps it true when the machine moves (pvclock). Else CPUID may say; else the counter
 * is measured against a clock of known frequency, the interval timer of PCs or the power management timer of ACPI.
 */
#include <string.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

/* CPUID leaves of hypervisors, and KVM's clock (Linux, Documentation/virt/kvm/x86/cpuid.rst and msr.rst). */
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_KVM_FEATURES 0x40000001u
#define LEAF_FREQUENCY 0x40000010u /* VMware's: the counter in kHz */
#define KVM_FEATURE_CLOCK2 (1u << 3)
#define KVM_MSR_SYSTEM_TIME 0x4b564d01u

#define PIT_CHANNEL_0 0x40
#define PIT_COMMAND 0x43
#define PIT_HZ 1193182u
#define PIT_TICKS 11932u /* 10 ms */

#define ACPI_TIMER_HZ 3579545u
#define ACPI_TIMER_TICKS 35795u   /* 10 ms */
#define ACPI_TIMER_MASK 0xffffffu /* it may have 24 bits only */
/* A timer that does not count is given up after so many looks. */
#define LOOKS 10000000u

/* What the host keeps: time = system_time + (counter - stamp) scaled. An odd version: it is being written. */
struct pvclock {
    uint32_t version, padding;
    uint64_t stamp, system_time;
    uint32_t multiplier;
    int8_t shift;
    uint8_t flags, more_padding[2];
};

static volatile struct pvclock pvclock __attribute__((aligned(64)));

static struct {
    const char *source;
    bool pvclock;
    uint64_t start;        /* without pvclock: the counter at time 0 */
    uint64_t ns_per_tick;  /* 32.32 */
    uint64_t ticks_per_ns; /* 32.32 */
    uint64_t latest;
} clock;

static uint64_t pvclock_now(void)
{
    for (;;) {
        uint32_t version = pvclock.version;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        uint64_t delta = mn_rdtsc() - pvclock.stamp;
        delta = pvclock.shift >= 0 ? delta << pvclock.shift : delta >> -pvclock.shift;
        uint64_t now = pvclock.system_time + mn_scale(delta, pvclock.multiplier);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((version & 1) == 0 && version == pvclock.version)
            return now;
        __builtin_ia32_pause();
    }
}

uint64_t mn_machine_now(void)
{
    uint64_t now = clock.pvclock ? pvclock_now() : mn_scale(mn_rdtsc() - clock.start, clock.ns_per_tick);
    clock.latest = MN_MAX(clock.latest, now); /* whatever the host does, ours never goes back */
    return clock.latest;
}

uint64_t mn_clock_ticks(uint64_t ns)
{
    return mn_scale(ns, clock.ticks_per_ns);
}

const char *mn_clock_source(void)
{
    return clock.source;
}

static void set_frequency(uint64_t hz)
{
    clock.ns_per_tick = (MNET_SECOND << 32) / hz;
    clock.ticks_per_ns = (uint64_t)(((hz / 1000) << 32) / 1000000);
}

static bool start_pvclock(void)
{
    struct mn_cpuid id = mn_cpuid_any(LEAF_HYPERVISOR, 0);
    if (memcmp(&id.b, "KVMKVMKVM\0\0", 12) != 0 || (mn_cpuid_any(LEAF_KVM_FEATURES, 0).a & KVM_FEATURE_CLOCK2) == 0)
        return false;
    mn_wrmsr(KVM_MSR_SYSTEM_TIME, mn_machine_physical(&pvclock) | 1);
    if (pvclock.multiplier == 0)
        return false;
    uint64_t multiplier = pvclock.multiplier;
    clock.ns_per_tick = pvclock.shift >= 0 ? multiplier << pvclock.shift : multiplier >> -pvclock.shift;
    clock.ticks_per_ns = UINT64_MAX / clock.ns_per_tick;
    clock.pvclock = true;
    return true;
}

/* The frequency that CPUID tells, or 0 (SDM 2A, leaf 15H: crystal and ratio). */
static uint64_t frequency_told(void)
{
    bool hypervisor = (mn_cpuid(1).c >> 31) != 0;
    if (hypervisor && mn_cpuid_any(LEAF_HYPERVISOR, 0).a >= LEAF_FREQUENCY && mn_cpuid_any(LEAF_FREQUENCY, 0).a != 0)
        return mn_cpuid_any(LEAF_FREQUENCY, 0).a * UINT64_C(1000);
    struct mn_cpuid crystal = mn_cpuid(0x15);
    return crystal.a != 0 ? (uint64_t)crystal.c * crystal.b / crystal.a : 0;
}

static uint32_t pit_count(void)
{
    mn_out8(PIT_COMMAND, 0); /* latch channel 0 */
    uint32_t low = mn_in8(PIT_CHANNEL_0);
    return low | (uint32_t)mn_in8(PIT_CHANNEL_0) << 8;
}

static void pit_begin(void)
{
    mn_out8(PIT_COMMAND, 0x34); /* channel 0, low byte first, counts from 65536 down to 0, again and again */
    mn_out8(PIT_CHANNEL_0, 0);
    mn_out8(PIT_CHANNEL_0, 0);
}

static uint32_t pit_elapsed(uint32_t from)
{
    return (from - pit_count()) & 0xffff;
}

static uint64_t measure_by_pit(void)
{
    pit_begin();
    uint32_t from = pit_count();
    uint64_t begin = mn_rdtsc();
    for (unsigned i = 0; i < LOOKS; i++) {
        uint32_t elapsed = pit_elapsed(from);
        if (elapsed >= PIT_TICKS)
            return (mn_rdtsc() - begin) * PIT_HZ / elapsed;
        if (i == 1000 && elapsed == 0)
            return 0; /* there is none: all bits read as one */
    }
    return 0;
}

static uint64_t measure_by_acpi(uint16_t port)
{
    uint32_t from = mn_in32(port) & ACPI_TIMER_MASK;
    uint64_t begin = mn_rdtsc();
    for (unsigned i = 0; port != 0 && i < LOOKS; i++) {
        uint32_t elapsed = (mn_in32(port) - from) & ACPI_TIMER_MASK;
        if (elapsed >= ACPI_TIMER_TICKS)
            return (mn_rdtsc() - begin) * ACPI_TIMER_HZ / elapsed;
        if (i == 1000 && elapsed == 0)
            return 0;
    }
    return 0;
}

bool mn_clock_start(const struct mn_acpi *acpi)
{
    clock.source = "pvclock";
    if (start_pvclock())
        return true;
    uint64_t hz = frequency_told();
    clock.source = "TSC, by CPUID";
    if (hz == 0) {
        hz = measure_by_acpi((uint16_t)acpi->timer_port);
        clock.source = "TSC, by the ACPI timer";
    }
    if (hz == 0) {
        hz = measure_by_pit();
        clock.source = "TSC, by the PIT";
    }
    if (hz < 1000000)
        return false;
    set_frequency(hz);
    clock.start = mn_rdtsc();
    return true;
}
